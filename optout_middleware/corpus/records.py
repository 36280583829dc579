"""Shards of a corpus as Arrow record batches: Parquet, JSON Lines, WARC and WAT (these plain, .gz, .zst).

Rule of this file: streamed, in the memory of one batch. A shard that cannot be read to its end raises
`IncompleteError` after the batches before; whoever reads must not count those as checked.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from optout_middleware.corpus.columns import RECORDS, chosen, normalised, of_values
from optout_middleware.corpus.unpacking import IncompleteError, lines
from optout_middleware.corpus.warc_records import records as warc_records
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from optout_middleware.corpus.warc_records import Page, Stored

PARQUET, LINES, WARC = "parquet", "lines", "warc"
_SUFFIXES = {
    ".parquet": PARQUET, ".pq": PARQUET,
    **{f"{kind}{packed}": LINES for kind in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".zst")},
    **{f".{kind}{packed}": WARC for kind in ("warc", "wat", "wet") for packed in ("", ".gz", ".zst")},
}  # fmt: skip
ROWS = 8_192  # of a batch
_MOST_OCTETS = 4 << 20  # of a batch whose records have bodies
_BUFFER = 1 << 18  # octets of a column of Parquet that are read at once
_MOST_OF_ONE = 4  # times as many where all that comes is about one URL


class Shard(NamedTuple):
    """One file of a corpus.

    Fields:
        path: of the file.
        name: by which results, audit lines and outputs name it: its path below the input that was named.
        kind: `PARQUET`, `LINES` or `WARC`.
    """

    path: str
    name: str
    kind: str


class Batch(NamedTuple):
    """Records that come together.

    Fields:
        records: in the form of `RECORDS`.
        original: what the shard has of them: a record batch (Parquet), else their octets, one a record.
        between: WARC: records that are no page, each with the number of the page that follows it, its URL and octets.
    """

    records: Any
    original: Any
    between: Sequence[tuple[int, str, bytes]] = ()


def kind_of(path: str) -> str:
    """Give the kind of a file by its name.

    Raises:
        OptOutError: it is none that is read.
    """
    suffix = next((suffix for suffix in sorted(_SUFFIXES, key=len, reverse=True) if path.endswith(suffix)), None)
    if suffix is None:
        raise OptOutError(f"{path}: name a file that ends with one of {', '.join(_SUFFIXES)}")
    return _SUFFIXES[suffix]


def shards(inputs: Iterable[str]) -> list[Shard]:
    """Give the shards of files and directories, in order of their names.

    Raises:
        OptOutError: an input is not there, is of no kind that is read, or two shards would have one name.
    """
    found: dict[str, Shard] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = [file for file in _below(path) if _is_shard(file)]
            if not files:
                raise OptOutError(f"{text} has no file that ends with one of {', '.join(_SUFFIXES)}")
        elif path.is_file():
            files = [path]
        else:
            raise OptOutError(f"{text} is not there, or no file: name a file or directory of a corpus")
        for file in files:
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            shard = found.setdefault(name, Shard(os.fspath(file), name, kind_of(file.name)))
            if os.path.realpath(shard.path) != os.path.realpath(file):
                raise OptOutError(f"{file} and {shard.path} would both be {name}: name their directory instead")
    return [found[name] for name in sorted(found)]


def passed_over(inputs: Iterable[str]) -> list[str]:
    """Give what of directories is no shard, so that nobody takes it for checked.

    That is files of other kinds, links to directories, and what is hidden, as unfinished files of writers are.
    """
    return [
        os.fspath(one) for text in inputs if Path(text).is_dir() for one in _below(Path(text)) if not _is_shard(one)
    ]


def _below(directory: Path) -> Iterator[Path]:
    """Give the files below a directory, and links to directories, which are not followed, by name."""
    for one in sorted(directory.iterdir()):
        if one.is_dir() and not one.is_symlink() and not one.name.startswith("."):
            yield from _below(one)
        else:
            yield one


def _is_shard(path: Path) -> bool:
    """Tell by its name whether a file is a shard; one that cannot be read is incomplete, not passed over."""
    is_file = path.is_file() or (path.is_symlink() and not path.exists())
    return is_file and not path.name.startswith(".") and path.name.endswith(tuple(_SUFFIXES))


def batches(shard: Shard, named: Mapping[str, str], *, with_original: bool = True) -> Iterator[Batch]:
    """Give the records of a shard.

    Args:
        shard: the file.
        named: field -> column, where the user says which one.
        with_original: whether the octets of WARC records are wanted.

    Raises:
        IncompleteError: it cannot be read to its end.
        OptOutError: it has no URLs, or none of the named columns.
    """
    if shard.kind == PARQUET:
        return _parquet(shard, named)
    return _lines(shard, named) if shard.kind == LINES else _warc(shard, with_octets=with_original)


def urls(shard: Shard, named: Mapping[str, str]) -> Iterator[list[str | None]]:
    """Give the URLs of a shard alone, of Parquet without reading the other columns.

    Raises:
        IncompleteError, OptOutError: as `batches` does.
    """
    if shard.kind != PARQUET:
        for batch in batches(shard, named, with_original=False):
            yield batch.records.column("url").to_pylist()
        return
    with _opened(shard) as file:
        column = _columns(shard, file, named)["url"]
        for part in _read(shard, file, [column]):
            yield normalised(part, {"url": column}).column("url").to_pylist()


def _opened(shard: Shard) -> Any:
    try:
        # Else the octets of a whole row group, or of all that were read, stay in memory.
        return pq.ParquetFile(shard.path, pre_buffer=False, buffer_size=_BUFFER)
    except (pa.ArrowException, OSError) as error:
        raise IncompleteError(f"{shard.path} has no whole Parquet footer: {_line(error)}") from None


def _columns(shard: Shard, file: Any, named: Mapping[str, str]) -> dict[str, str]:
    schema = file.schema_arrow
    try:
        found = chosen(schema.names, named)
    except OptOutError as error:
        raise OptOutError(f"{shard.path}: {error}") from None
    if "url" not in found:
        raise OptOutError(f"{shard.path} has no column 'url': say which one it is with --column url=NAME")
    kind = schema.field(found["url"]).type
    if not _is_text(kind):
        raise OptOutError(
            f"{shard.path}: the column {found['url']!r} has {kind}, no text: name another with --column url=NAME"
        )
    return found


def _is_text(kind: Any) -> bool:
    """Tell whether a column of a type can have URLs; one without any value has none."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in (
        pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.null(),
    )  # fmt: skip


def _read(shard: Shard, file: Any, columns: list[str] | None = None) -> Iterator[Any]:
    try:
        for groups in _row_groups(file.metadata):
            # Without threads, since each shard has a process, and threads read ahead.
            yield from file.iter_batches(batch_size=ROWS, row_groups=groups, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise IncompleteError(f"{shard.path} is damaged: {_line(error)}") from None


def _row_groups(metadata: Any) -> Iterator[list[int]]:
    """Give the row groups, small ones together."""
    together: list[int] = []
    rows = 0
    for number in range(metadata.num_row_groups):
        together.append(number)
        rows += metadata.row_group(number).num_rows
        if rows >= ROWS:
            yield together
            together, rows = [], 0
    if together:
        yield together


def _parquet(shard: Shard, named: Mapping[str, str]) -> Iterator[Batch]:
    with _opened(shard) as file:
        found = _columns(shard, file, named)
        first = 0
        for part in _read(shard, file):
            yield Batch(normalised(part, found, first), part)
            first += part.num_rows
        if first != file.metadata.num_rows:
            raise IncompleteError(f"{shard.path} has {first:,} of the {file.metadata.num_rows:,} rows of its footer")


def _lines(shard: Shard, named: Mapping[str, str]) -> Iterator[Batch]:
    rows: list[dict[str, Any]] = []
    octets: list[bytes] = []
    size = first = 0
    missing = set(named.values())
    for number, line in enumerate(lines(Path(shard.path)), 1):
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8", "surrogatepass")
            said = json.loads(text.removeprefix("\ufeff") if number == 1 else text)
        except (ValueError, RecursionError) as error:
            raise IncompleteError(f"{shard.path}, line {number}: no JSON: {_line(error)}") from None
        if not isinstance(said, dict):
            raise IncompleteError(f"{shard.path}, line {number}: no JSON object, of which each line must be one")
        if missing:
            missing -= said.keys()
        rows.append(said)
        octets.append(line)
        size += len(line)
        if len(rows) >= ROWS or size >= _MOST_OCTETS:
            yield Batch(of_values(rows, named, first), octets)
            first, rows, octets, size = first + len(rows), [], [], 0
    if missing and (rows or first):
        raise OptOutError(f"{shard.path}: no record has {min(missing)!r}, which --column names")
    if rows:
        yield Batch(of_values(rows, named, first), octets)


def _warc(shard: Shard, *, with_octets: bool) -> Iterator[Batch]:
    pages: list[Page] = []
    octets: list[bytes] = []
    between: list[tuple[int, str, bytes]] = []
    size = first = 0
    before = ""
    for stored in warc_records(Path(shard.path), with_octets=with_octets):
        # What is about one page stands together, and goes or stays together: it comes in one batch, within reason.
        most = 1 if stored.url != before else _MOST_OF_ONE
        if len(pages) >= most * ROWS or size >= most * _MOST_OCTETS:
            yield Batch(_of_pages(pages, first), octets, between)
            first, pages, octets, between, size = first + len(pages), [], [], [], 0
        before = stored.url
        size += _taken(stored)
        if stored.page is None:
            between.append((first + len(pages), stored.url, stored.octets))
        else:
            pages.append(stored.page)
            octets.append(stored.octets)
    if pages or between:
        yield Batch(_of_pages(pages, first), octets, between)


def _taken(stored: Stored) -> int:
    page = stored.page
    return len(stored.octets) + (len(page.body or b"") + len(page.text or "") if page else 0)


def _of_pages(pages: Sequence[Page], first: int) -> Any:
    values = {
        "record": range(first, first + len(pages)),
        "url": [_legible(page.url) for page in pages],
        "status": [page.status for page in pages],
        "headers": [[{"name": name, "value": value} for name, value in page.headers] for page in pages],
        "html": [page.body for page in pages],
        "text": [page.text for page in pages],
        "title": [None] * len(pages),
        "writers": [None] * len(pages),
        "collected_at": [page.at for page in pages],
        "error": [page.note or None for page in pages],
    }
    return pa.RecordBatch.from_arrays([pa.array(values[field.name], field.type) for field in RECORDS], schema=RECORDS)


def _legible(url: str) -> str:
    return url.encode("utf-8", "replace").decode()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
