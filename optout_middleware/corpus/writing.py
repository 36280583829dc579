"""What becomes of the records of a shard: tagged, dropped, or split in two, in the format that they came in.

Rule of this file: a record that is kept is written as it was, octet by octet where the format has octets. Outputs are
written under the directory of the task; whoever runs it puts them in their place at once.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from optout_middleware.corpus.recheck import PREFIX, RESULTS
from optout_middleware.corpus.records import LINES, PARQUET
from optout_middleware.terms import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optout_middleware.corpus.records import Batch, Shard

TAG, DROP, SPLIT = "tag", "drop", "split"
ACTIONS = (TAG, DROP, SPLIT)
KEPT, EXCLUDED = "kept", "excluded"
TAG_FIELD = "optout"
_GROUP_ROWS, _GROUP_OCTETS = 65_536, 64 << 20  # of a row group
_GZIP = zlib.MAX_WBITS | 16
_ALLOW = Outcome.ALLOW.value


class Output(Protocol):
    """Takes the batches of one shard."""

    def write(self, batch: Batch, results: Any) -> None:
        """Write a batch with its results."""

    def close(self) -> None:
        """Write what is not written yet."""


def output(shard: Shard, action: str, directory: Path) -> Output:
    """Give what writes a shard.

    Args:
        shard: what is read.
        action: one of `ACTIONS`.
        directory: where the outputs go, under their names below the directory of the corpus.
    """
    if action == SPLIT:
        return _Split(shard, directory)
    path = directory / shard.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if shard.kind == PARQUET:
        return _Parquet(path, with_tags=action == TAG)
    if shard.kind == LINES:
        return _Lines(path, with_tags=action == TAG)
    return _Nothing() if action == TAG else _Warc(path)


class Keeping(Protocol):
    """Takes the records of one shard that are kept."""

    def keep(self, batch: Batch, kept: Sequence[bool]) -> None:
        """Write those records of a batch for which `kept` is true."""

    def close(self) -> None:
        """Write what is not written yet."""


def keeping(shard: Shard, path: Path) -> Keeping:
    """Give what writes the records of a shard that are kept to a file of the same format."""
    if shard.kind == PARQUET:
        return _Parquet(path, with_tags=False)
    return _Lines(path, with_tags=False) if shard.kind == LINES else _Warc(path)


class Results:
    """The results of a shard, one row a record, beside the audit log."""

    def __init__(self, path: Path, metadata: dict[bytes, bytes]) -> None:
        self._parquet, self._schema = _Grouped(path), RESULTS.with_metadata(metadata)

    def write(self, results: Any) -> None:
        """Write the results of a batch."""
        self._parquet.write(pa.RecordBatch.from_arrays(results.columns, schema=self._schema))

    def close(self) -> None:
        """Write what is not written yet."""
        self._parquet.close(self._schema)


class _Nothing:
    """A WARC file that is tagged stays as it is: its results stand beside the audit log."""

    def write(self, batch: Batch, results: Any) -> None:
        _ = batch, results

    def close(self) -> None:
        return


class _Split:
    """Kept and excluded records, in two directories."""

    def __init__(self, shard: Shard, directory: Path) -> None:
        paths = [directory / name / shard.name for name in (KEPT, EXCLUDED)]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._kept, self._excluded = (keeping(shard, path) for path in paths)

    def write(self, batch: Batch, results: Any) -> None:
        kept = _kept(results)
        self._kept.keep(batch, kept)
        self._excluded.keep(batch._replace(between=()), [not keep for keep in kept])

    def close(self) -> None:
        self._kept.close()
        self._excluded.close()


class _Grouped:
    """A Parquet file in row groups of bounded size, whatever the batches are."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._waiting: list[Any] = []
        self._rows = self._octets = 0

    def write(self, batch: Any) -> None:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._octets += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._octets >= _GROUP_OCTETS:
            self._flush()

    def close(self, schema: Any) -> None:
        """Close the file; one without a batch gets a schema all the same."""
        self._flush()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")
        self._writer.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._waiting, self._rows, self._octets = [], 0, 0


class _Parquet:
    """Rows of Parquet."""

    def __init__(self, path: Path, *, with_tags: bool) -> None:
        self._file, self._with_tags = _Grouped(path), with_tags
        self._schema = pa.schema([])

    def keep(self, batch: Batch, kept: Sequence[bool]) -> None:
        """Write the records that are kept."""
        self._schema = batch.original.schema
        self._file.write(batch.original.filter(pa.array(kept, pa.bool_())))

    def write(self, batch: Batch, results: Any) -> None:
        if not self._with_tags:
            self.keep(batch, _kept(results))
            return
        original = batch.original
        earlier = [name for name in original.schema.names if name in RESULTS.names]
        original = original.drop_columns(earlier) if earlier else original
        for field, column in zip(RESULTS, results.columns, strict=True):
            original = original.append_column(field, column)
        self._schema = original.schema
        self._file.write(original)

    def close(self) -> None:
        self._file.close(self._schema)


class _Lines:
    """Lines of JSON."""

    def __init__(self, path: Path, *, with_tags: bool) -> None:
        self._file, self._with_tags = _Packed(path), with_tags

    def keep(self, batch: Batch, kept: Sequence[bool]) -> None:
        """Write the records that are kept."""
        self._file.write(b"".join(line + b"\n" for line, keep in zip(batch.original, kept, strict=True) if keep))

    def write(self, batch: Batch, results: Any) -> None:
        if not self._with_tags:
            self.keep(batch, _kept(results))
            return
        rows = results.to_pylist()
        self._file.write(b"".join(tagged(line, row) for line, row in zip(batch.original, rows, strict=True)))

    def close(self) -> None:
        self._file.close()


class _Warc:
    """Records that are kept, and what stands between them; requests and the like of a dropped page go with it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, batch: Batch, results: Any) -> None:
        self.keep(batch, _kept(results))

    def keep(self, batch: Batch, kept: Sequence[bool]) -> None:
        """Write the records that are kept."""
        self._file.write(kept_octets(batch, kept))

    def close(self) -> None:
        self._file.close()


def kept_octets(batch: Batch, kept: Sequence[bool]) -> bytes:
    """Give the octets of a batch of a WARC file without the pages that are not kept, and without what is about them."""
    first = batch.records.column("record")[0].as_py() if batch.records.num_rows else 0
    urls = batch.records.column("url").to_pylist()
    gone = {url for url, keep in zip(urls, kept, strict=True) if not keep}
    between: dict[int, list[bytes]] = {}
    for number, url, octets in batch.between:
        if url not in gone or not url:
            between.setdefault(number if batch.records.num_rows else first, []).append(octets)
    parts: list[bytes] = []
    for number, (octets, keep) in enumerate(zip(batch.original, kept, strict=True), first):
        parts += between.pop(number, [])
        parts += [octets] if keep else []
    return b"".join((*parts, *(octets for rest in between.values() for octets in rest)))


def tagged(line: bytes, row: dict[str, Any]) -> bytes:
    """Give a JSON line with its results under `TAG_FIELD`; the rest of the line stays as it is."""
    said = {name.removeprefix(PREFIX): value for name, value in row.items()}
    said["decided_at"] = said["decided_at"].isoformat()
    if f'"{TAG_FIELD}"'.encode() in line:
        whole = {**json.loads(line), TAG_FIELD: said}
        return json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
    head = line.rstrip()[:-1].rstrip()
    comma = b"" if head.endswith(b"{") else b", "
    return head + comma + f'"{TAG_FIELD}": {json.dumps(said)}}}\n'.encode()


class _Packed:
    """A file, compressed by its name; the same octets give the same file."""

    def __init__(self, path: Path) -> None:
        self._packing: Any = None
        if path.suffix == ".gz":
            self._packing = zlib.compressobj(wbits=_GZIP)  # without a time stamp
        elif path.suffix == ".zst":
            import zstandard  # noqa: PLC0415 - an extra

            self._packing = zstandard.ZstdCompressor().compressobj()
        self._file = path.open("wb")

    def write(self, octets: bytes) -> None:
        self._file.write(octets if self._packing is None else self._packing.compress(octets))

    def close(self) -> None:
        if self._packing is not None and not self._file.closed:
            self._file.write(self._packing.flush())
        self._file.close()


def _kept(results: Any) -> list[bool]:
    return [outcome == _ALLOW for outcome in results.column(0).to_pylist()]
