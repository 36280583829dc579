"""Tables of works, parties, interests, licences, URLs and domains: CSV and Parquet, row by row.

Rule of this file: how a table is read; `columns` says what its columns are called, `rows` what a row means. Nothing is
held but the row (CSV) or the batch of rows (Parquet) at hand. pyarrow is loaded for Parquet alone.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.register.importers import columns
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.importers.rows import READERS
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from optout_middleware.register.records import Record

_DELIMITERS = ",;\t"
_LONGEST = 1_048_576  # octets of a line of CSV
_BATCH = 5_000  # rows of Parquet at a time


def read(
    path: str | os.PathLike[str], kind: str, mapping: Mapping[str, str] | None = None
) -> Iterator[Record | Rejected]:
    """Read a table.

    Args:
        path: a file of CSV (comma, semicolon or tabulator; UTF-8, or else Latin-1) or Parquet.
        kind: a name of `columns.COLUMNS`.
        mapping: field -> name of its column, or "=VALUE" for all rows alike.

    Raises:
        OptOutError: it has no header, a column is missing, or pyarrow is.
        OSError: it cannot be read.
    """
    file = Path(path)
    rows = _rows(file)
    header = _header(file, rows)
    where = columns.found(kind, header, mapping, str(file))
    reader = READERS[kind]
    for line, row in rows:
        if isinstance(row, str):
            yield rejected(line, row)
            continue
        if not any(cell.strip() for cell in row):
            continue
        values = {field: row[place].strip() for field, place in where.places.items() if place < len(row)}
        values.update(where.constants)
        try:
            yield from reader(values, file.name, line)
        except ValueError as error:
            yield rejected(line, str(error), ",".join(row))


def header_of(file: Path) -> list[str]:
    """Give the names of the columns of a table.

    Raises:
        OptOutError: it has no header, or pyarrow is missing.
        OSError: it cannot be read.
    """
    return _header(file, _rows(file))


def _rows(file: Path) -> Iterator[tuple[int, Any]]:
    with file.open("rb") as stream:
        is_parquet = stream.read(4) == b"PAR1"
    return _parquet(file) if is_parquet else _csv(file)


def _header(file: Path, rows: Iterator[tuple[int, Any]]) -> list[str]:
    for _, row in rows:
        if isinstance(row, list) and any(cell.strip() for cell in row):
            return [cell.strip() for cell in row]
    raise OptOutError(f"{file} has no header: its first line names the columns")


def _csv(file: Path) -> Iterator[tuple[int, Any]]:
    """Give line number and cells of each row; in the place of the cells what is wrong with the line."""
    with file.open("rb") as stream:
        lines = _lines(stream)
        first = next(lines, "")
        delimiter = max(_DELIMITERS, key=first.count)

        def all_lines() -> Iterator[str]:
            yield first
            yield from lines

        reader = csv.reader(all_lines(), delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, f"no CSV: {error}"
                continue
            yield line, row


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Decode line by line: UTF-8, and what is none as Latin-1; a line that is too long ends where it does."""
    start = True
    while raw := stream.readline(_LONGEST):
        if start:
            raw, start = raw.removeprefix(b"\xef\xbb\xbf"), False
        try:
            yield raw.decode("utf-8")
        except UnicodeDecodeError:
            yield raw.decode("latin-1")


def _parquet(file: Path) -> Iterator[tuple[int, Any]]:
    try:
        import pyarrow  # type: ignore[import-untyped] # noqa: ICN001, PLC0415 - it takes long to load, and only Parquet needs it
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise OptOutError(
            f"{file} is Parquet, which needs pyarrow: install optout-middleware[corpus], or save it as CSV"
        ) from None
    try:
        with parquet.ParquetFile(file) as table:
            names = list(table.schema_arrow.names)
            yield 0, names
            number = 0
            for batch in table.iter_batches(batch_size=_BATCH):
                cells = [batch.column(place).to_pylist() for place in range(len(names))]
                for row in zip(*cells, strict=True):
                    number += 1
                    yield number, [_text(cell) for cell in row]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise OptOutError(f"{file} cannot be read as Parquet: {' '.join(str(error).split())[:300]}") from None


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (list, tuple)):
        return columns.SEPARATOR.join(_text(item) for item in cell)
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return str(cell)
