"""Lists of URLs: text, CSV and Parquet, read as a stream, however long.

Rule of this file: it gives what stands there, in order; whether that is a URL is for others to say.
"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

KINDS = ".txt (one URL a line), .csv or .tsv (with a header), each also with .gz, and .parquet"
_BATCH = 16_384  # rows of Parquet
_SHOWN = 10  # names of columns in an error


def urls(path: str, column: str) -> Iterator[str]:
    """Give the URLs of a list, as they stand there.

    Args:
        path: of the file; what its name ends with says what it is, and anything else is text.
        column: that has the URLs, in CSV and Parquet.

    Raises:
        OptOutError: it cannot be read, has no such column, pyarrow is not there, or it is no file: a list is read more
            than once, and a pipe gives nothing the second time.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise OptOutError(f"list {path} is no file, and is read twice: save it to a file first")
    yield from map(_escaped, _urls(path, column))


def _escaped(url: str) -> str:
    """Give a URL with octets that are no UTF-8 percent-encoded, as a browser would ask for them."""
    return "".join(f"%{ord(one) - 0xDC00:02X}" if "\udc80" <= one <= "\udcff" else one for one in url)


def _urls(path: str, column: str) -> Iterator[str]:
    name = path.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            yield from _parquet(path, column)
        elif name.endswith((".csv", ".tsv")):
            with _opened(path, newline="") as file:
                yield from _table(file, path, column, "\t" if name.endswith(".tsv") else ",")
        else:
            with _opened(path) as file:
                for line in file:
                    if (url := line.strip()) and not url.startswith("#"):
                        yield url
    except (OSError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise OptOutError(f"list {path} cannot be read: {reason}") from None


def _opened(path: str, newline: str | None = None) -> TextIO:
    if path.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=newline)
    return Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def _table(file: TextIO, path: str, column: str, delimiter: str) -> Iterator[str]:
    limit = csv.field_size_limit(sys.maxsize)  # a corpus may have its text in the next column
    rows = csv.reader(file, delimiter=delimiter)
    try:
        names = next(rows, [])
        place = _place(names, path, column)
        for row in rows:
            if place < len(row) and (url := row[place].strip()):
                yield url
    except csv.Error as error:
        raise OptOutError(f"list {path}, line {rows.line_num}: {error}") from None
    finally:
        csv.field_size_limit(limit)  # it holds for the whole process, whose other readers count on theirs


def _place(names: list[str], path: str, column: str) -> int:
    if column in names:
        return names.index(column)
    there = ", ".join(names[:_SHOWN]) or "none"
    raise OptOutError(f"list {path} has no column {column!r}: name one of its columns with --column ({there})")


def _parquet(path: str, column: str) -> Iterator[str]:
    try:
        from pyarrow import ArrowException  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise OptOutError("Parquet needs pyarrow: pip install 'optout-middleware[corpus]'") from None
    try:
        with ParquetFile(path) as file:
            _place(file.schema_arrow.names, path, column)
            for batch in file.iter_batches(batch_size=_BATCH, columns=[column]):
                yield from (url for url in batch.column(0).to_pylist() if isinstance(url, str) and url)
    except ArrowException as error:
        raise OptOutError(f"list {path} is no Parquet: {' '.join(str(error).split())}") from None
