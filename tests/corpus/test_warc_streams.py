"""WARC files of compressed streams: whatever a stream holds, records are read and copied, and none is lost unsaid."""

from __future__ import annotations

import gzip
import random
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from optout_middleware.corpus.records import batches, shards
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.corpus.warc_records import records
from optout_middleware.corpus.writing import keeping

from . import corpora

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PACKING: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}  # fmt: skip
SUFFIXES = tuple(PACKING)
DICTIONARY_FRAME, OTHER_FRAME = 0x184D2A5D, 0x184D2A50


def skippable(magic: int, data: bytes) -> bytes:
    """Give a frame that readers pass over (RFC 8878 section 3.1.2)."""
    return struct.pack("<II", magic, len(data)) + data


def stored(count: int, size: int = 400) -> list[bytes]:
    """Give records: a request and a response for each URL, with words that compress badly."""
    source = random.Random(1)
    found = []
    for number in range(count):
        url = f"https://site{number}.example/"
        words = " ".join(f"{source.random():.12f}" for _ in range(size // 14))
        found.append(
            corpora.warc_record("request", url, b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
        )
        found.append(corpora.response(url, f"<html><body>{words}</body></html>".encode()))
    return found


def dictionary() -> zstandard.ZstdCompressionDict:
    """Train a dictionary on records."""
    return zstandard.train_dictionary(4_096, [*stored(200)], dict_id=40_000)


def with_dictionary(path: Path, made: Sequence[bytes], *, is_packed: bool) -> Path:
    """Write a file that begins with its dictionary ("Zstandard Compression for WARC Files" 1.0, section 3.2.1)."""
    trained = dictionary()
    packer = zstandard.ZstdCompressor(dict_data=trained, write_checksum=True)
    data = trained.as_bytes()
    data = zstandard.ZstdCompressor(write_checksum=True).compress(data) if is_packed else data
    path.write_bytes(skippable(DICTIONARY_FRAME, data) + b"".join(packer.compress(record) for record in made))
    return path


def read(path: Path) -> list[tuple[bytes, str]]:
    """Give octets and URL of each record."""
    return [(record.octets, record.url) for record in records(path, with_octets=True)]


def unpacked(octets: bytes, suffix: str) -> bytes:
    """Undo one stream."""
    return gzip.decompress(octets) if suffix == ".gz" else zstandard.ZstdDecompressor().decompress(octets)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_record_of_its_own_stream_is_copied_octet_by_octet(tmp_path: Path, suffix: str) -> None:
    """What was written comes out again, and all of it together is the file."""
    made = stored(20)
    streams = [PACKING[suffix](record) for record in made]
    path = tmp_path / f"a.warc{suffix}"
    path.write_bytes(b"".join(streams))
    assert [octets for octets, _ in read(path)] == streams


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_streams_that_are_not_those_of_records_are_read(tmp_path: Path, suffix: str, count: int) -> None:
    """All records in a few streams, cut anywhere: each record is read, and copied as a stream of its own."""
    made = stored(20, 3_000)
    whole = b"".join(made)
    cuts = [len(whole) * number // count for number in range(count + 1)]
    path = tmp_path / f"a.warc{suffix}"
    path.write_bytes(b"".join(PACKING[suffix](whole[a:b]) for a, b in pairwise(cuts)))
    assert [unpacked(octets, suffix) for octets, _ in read(path)] == made


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_record_of_several_streams_is_copied_as_it_is(tmp_path: Path, suffix: str) -> None:
    """A record may be several streams; they are copied together."""
    made = stored(6)
    streams = [PACKING[suffix](record[:50]) + PACKING[suffix](record[50:]) for record in made]
    path = tmp_path / f"a.warc{suffix}"
    path.write_bytes(b"".join(streams))
    assert [octets for octets, _ in read(path)] == streams


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
@pytest.mark.parametrize("ends", [b"", b"\r\n", b"\r\n" * 5])
def test_other_line_ends_between_records_are_passed_over(tmp_path: Path, suffix: str, ends: bytes) -> None:
    """Fewer or more line ends than two behind a record cost no record."""
    made = [record.removesuffix(b"\r\n\r\n") + ends for record in stored(5)] + stored(1)
    path = tmp_path / f"a.warc{suffix}"
    path.write_bytes(b"".join(PACKING[suffix](record) if suffix else record for record in made))
    assert len(read(path)) == 12


def test_frames_that_are_to_be_skipped_are(tmp_path: Path) -> None:
    """Extension frames and frames of nothing cost no record (section 3.3)."""
    path = tmp_path / "a.warc.zst"
    pack = PACKING[".zst"]
    path.write_bytes(b"".join(pack(b"") + skippable(OTHER_FRAME, b"x" * 9) + pack(record) for record in stored(5)))
    assert len(read(path)) == 10


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_dictionary_in_the_file_is_used(tmp_path: Path, is_packed: bool) -> None:
    """Records packed with it are read, and copied so that they need it no more."""
    made = stored(20)
    path = with_dictionary(tmp_path / "a.warc.zst", made, is_packed=is_packed)
    assert [unpacked(octets, ".zst") for octets, _ in read(path)] == made
    (shard,) = shards([str(path)])
    kept = tmp_path / "kept.warc.zst"
    out = keeping(shard, kept)
    for batch in batches(shard, {}):
        out.keep(batch, [number % 2 == 0 for number in range(batch.records.num_rows)])
    out.close()
    assert [url for _, url in read(kept)] == [
        f"https://site{number}.example/" for number in range(0, 20, 2) for _ in "ab"
    ]


def test_a_dictionary_that_is_not_there_makes_a_shard_incomplete(tmp_path: Path) -> None:
    """The message says what is missing."""
    path = with_dictionary(tmp_path / "a.warc.zst", stored(5), is_packed=False)
    data = path.read_bytes()
    path.write_bytes(data[8 + int.from_bytes(data[4:8], "little") :])
    with pytest.raises(IncompleteError, match="a dictionary that the file does not have"):
        read(path)


@pytest.mark.parametrize("data", [b"no dictionary", b"\x28\xb5\x2f\xfdxxxx", zstandard.compress(b"no dictionary")])
def test_a_dictionary_that_cannot_be_read_makes_a_shard_incomplete(tmp_path: Path, data: bytes) -> None:
    """Nothing is read by half a dictionary."""
    path = tmp_path / "a.warc.zst"
    path.write_bytes(skippable(DICTIONARY_FRAME, data) + PACKING[".zst"](stored(1)[0]))
    with pytest.raises(IncompleteError):
        read(path)


@pytest.mark.parametrize("kind", ["frames", "dictionary", "one frame"])
def test_every_cut_is_seen(tmp_path: Path, kind: str) -> None:
    """At whatever octet a .warc.zst ends, it either ends after a record or is incomplete."""
    made = stored(2, 60)
    path = tmp_path / "a.warc.zst"
    if kind == "dictionary":
        with_dictionary(path, made, is_packed=True)
    else:
        path.write_bytes(b"".join(map(PACKING[".zst"], made if kind == "frames" else [b"".join(made)])))
    data = path.read_bytes()
    whole = len(read(path))
    counts = set()
    for cut in range(1, len(data)):
        path.write_bytes(data[:cut])
        try:
            counts.add(len(read(path)))
        except IncompleteError:
            counts.add(-1)
    assert counts == {-1} if kind == "one frame" else counts <= {-1, *range(whole)}
    assert -1 in counts


@pytest.mark.parametrize("name", ["a.wat.zst", "a.wet.zst"])
def test_extracts_are_read_too(tmp_path: Path, name: str) -> None:
    """WAT and WET come packed in the same way."""
    record = corpora.warc_record("conversion", "https://a.example/", b"some words", "text/plain")
    path = tmp_path / name
    path.write_bytes(PACKING[".zst"](record))
    (shard,) = shards([str(path)])
    texts: list[Any] = [text for some in batches(shard, {}) for text in some.records.column("text").to_pylist()]
    assert texts == (["some words"] if "wet" in name else [])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_small_file_cannot_become_a_large_memory(tmp_path: Path, suffix: str) -> None:
    """What a stream comes to is taken in pieces, and a record without an end is given up."""
    path = tmp_path / f"a.warc{suffix}"
    path.write_bytes(PACKING[suffix](b"WARC/1.0\r\nContent-Length: 999999999999\r\n\r\n" + bytes(300 << 20)))
    with pytest.raises(IncompleteError, match="is longer than"):
        read(path)
