"""Shards: what of a record is read in each format, and that what was cut is never taken for whole."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.corpus.columns import RECORDS, normalised, of_values
from optout_middleware.corpus.records import batches, shards, urls
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.terms import OptOutError

from . import corpora

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ("a.parquet", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.warc", "a.warc.gz", "a.warc.zst")


def write(path: Path, count: int = 60) -> Path:
    """Write a corpus in the format of the name."""
    if ".warc" in path.name:
        return corpora.warc(path, count)
    made = corpora.rows(count)
    return corpora.parquet(path, made) if path.suffix == ".parquet" else corpora.json_lines(path, made)


def read(path: Path) -> list[dict[str, Any]]:
    """Read all records of a file."""
    (shard,) = shards([str(path)])
    return [row for batch in batches(shard, {}) for row in batch.records.to_pylist()]


@pytest.mark.parametrize("name", FORMATS)
def test_every_record_is_read(tmp_path: Path, name: str) -> None:
    """Each record comes once, in order, with its URL and its date."""
    path = write(tmp_path / name)
    found = read(path)
    assert [row["url"] for row in found] == corpora.urls(60)
    assert [row["record"] for row in found] == list(range(60))
    assert {row["collected_at"].isoformat() for row in found} == {"2022-05-01T10:00:00+00:00"}
    assert found[10]["html"] == corpora.NOAI
    (shard,) = shards([str(path)])
    assert [url for some in urls(shard, {}) for url in some] == corpora.urls(60)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9, 0.999])
def test_a_cut_shard_is_incomplete(tmp_path: Path, name: str, part: float) -> None:
    """A file that ends early raises, wherever it was cut within a record or stream."""
    path = write(tmp_path / name)
    data = path.read_bytes()
    cut = int(len(data) * part)
    if name.endswith(("jsonl", "warc")):
        while data[cut - 1 : cut] in (b"\n", b"\r", b"}"):
            cut -= 1
    path.write_bytes(data[:cut])
    with pytest.raises(IncompleteError):
        read(path)


def test_every_cut_of_a_packed_warc_is_seen(tmp_path: Path) -> None:
    """At whatever octet a .warc.gz ends, it either ends after a record or is incomplete."""
    path = write(tmp_path / "a.warc.gz", 3)
    data = path.read_bytes()
    ends, at = set(), 0
    while at < len(data):
        at = data.find(b"\x1f\x8b\x08", at + 1)
        at = len(data) if at < 0 else at
        ends.add(at)
    for cut in range(1, len(data)):
        path.write_bytes(data[:cut])
        if cut in ends:
            read(path)
        else:
            with pytest.raises(IncompleteError):
                read(path)


@pytest.mark.parametrize("damage", ["footer", "middle"])
def test_a_broken_parquet_file_is_incomplete(tmp_path: Path, damage: str) -> None:
    """Neither a footer that is gone nor octets that changed pass as whole."""
    path = write(tmp_path / "a.parquet", 2_000)
    data = bytearray(path.read_bytes())
    if damage == "footer":
        data[-4:] = b"XXXX"
    else:
        data[100:4_000] = b"\xff" * 3_900
    path.write_bytes(bytes(data))
    with pytest.raises(IncompleteError):
        read(path)


@pytest.mark.parametrize("line", [b"{", b"[]", b"7", b'{"url": "https://open.example/"} x'])
def test_a_line_that_is_no_object_makes_a_shard_incomplete(tmp_path: Path, line: bytes) -> None:
    """What cannot be read is not passed over, and the message names the line."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"url": "https://open.example/a"}\n' + line + b"\n")
    with pytest.raises(IncompleteError, match="line 2"):
        read(path)


def test_several_streams_in_one_file_are_read(tmp_path: Path) -> None:
    """A file of several gzip members or Zstandard frames is read to its end."""
    one, two = b'{"url": "https://a.example/"}\n', b'{"url": "https://b.example/"}\n'
    for name, pack in (("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)):
        path = tmp_path / name
        path.write_bytes(pack(one) + pack(two))
        assert len(read(path)) == 2


def test_codings_of_a_warc_are_undone(tmp_path: Path) -> None:
    """Gzip and chunked bodies are read as pages; what cannot be undone is told, not taken for an empty page."""
    path = tmp_path / "a.warc"
    chunked = b"4\r\n<htm\r\n2\r\nl>\r\n0\r\n\r\n"
    path.write_bytes(
        corpora.response("https://a.example/", gzip.compress(corpora.NOAI), "Content-Encoding: gzip")
        + corpora.response("https://b.example/", chunked, "Transfer-Encoding: chunked")
        + corpora.response("https://c.example/", corpora.NOAI, "Content-Encoding: gzip")
        + corpora.response("https://d.example/", b"\x01\x02", "Content-Encoding: br")
    )
    packed, parts, stored_plain, unknown = read(path)
    assert packed["html"] == corpora.NOAI
    assert parts["html"] == b"<html>"
    assert stored_plain["html"] == corpora.NOAI
    assert unknown["error"]


def test_a_wat_record_gives_headers_and_meta_elements(tmp_path: Path) -> None:
    """Of WAT, headers and the meta elements of the head are read."""
    response = {
        "Headers": {"Content-Type": "text/html", "X-Robots-Tag": ["noai", "all"]},
        "Response-Message": {"Status": "200"},
        "Entity-Length": "120",
        "HTML-Metadata": {"Head": {"Metas": [{"name": "robots", "content": 'no"ai'}]}},
    }
    envelope = {
        "Envelope": {
            "WARC-Header-Metadata": {"WARC-Target-URI": "https://a.example/", "WARC-Date": "2022-05-01T10:00:00Z"},
            "Payload-Metadata": {"HTTP-Response-Metadata": response},
        }
    }
    record = corpora.warc_record("metadata", "https://a.example/", json.dumps(envelope).encode(), "application/json")
    path = tmp_path / "a.wat.gz"
    path.write_bytes(gzip.compress(record))
    (row,) = read(path)
    assert row["headers"][1:] == [{"name": "x-robots-tag", "value": "noai"}, {"name": "x-robots-tag", "value": "all"}]
    assert row["html"] == b'<meta name="robots" content="no&quot;ai">'


def test_inputs_that_cannot_be_are_one_line(tmp_path: Path) -> None:
    """What is not there, of no known kind, without URLs, or named twice is refused."""
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("one", "two"):
        write(tmp_path / name / "a.jsonl", 1)
    for inputs in ([str(tmp_path / "none")], [str(tmp_path / "a.csv")], [str(tmp_path / "one"), str(tmp_path / "two")]):
        with pytest.raises(OptOutError):
            shards(inputs)
    path = corpora.parquet(tmp_path / "b.parquet", [{"address": "https://a.example/"}])
    (shard,) = shards([str(path)])
    with pytest.raises(OptOutError, match="--column url="):
        list(batches(shard, {}))
    assert [batch.records.num_rows for batch in batches(shard, {"url": "address"})] == [1]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from([*RECORDS.names, "text", "authors"]), VALUES), max_size=4))
def test_values_of_any_type_make_records(made: list[dict[str, Any]]) -> None:
    """Whatever stands in a column, each row is a record, and nothing is raised."""
    batch = of_values(made, {}, 7)
    assert batch.schema == RECORDS
    assert batch.column("record").to_pylist() == list(range(7, 7 + len(made)))


def test_columns_of_other_types_are_read() -> None:
    """Large strings, dictionaries, structs and numbers are read as what they say."""
    batch = pa.RecordBatch.from_pydict({
        "u": pa.array(["https://a.example/"]).dictionary_encode(),
        "text": pa.array(["t"], pa.large_string()),
        "headers": pa.array([[("A", "1")]], pa.map_(pa.string(), pa.string())),
        "writers": pa.array(["Jane Doe; John Roe"]),
        "fetched_at": pa.array([20220501100000]),
        "status": pa.array(["200"]),
    })  # fmt: skip
    (row,) = normalised(
        batch,
        {
            "url": "u",
            "text": "text",
            "headers": "headers",
            "writers": "writers",
            "status": "status",
            "collected_at": "fetched_at",
        },
    ).to_pylist()
    assert row["url"] == "https://a.example/"
    assert row["headers"] == [{"name": "a", "value": "1"}]
    assert row["writers"] == ["Jane Doe", " John Roe"]
    assert row["status"] == 200
    assert row["collected_at"].isoformat() == "2022-05-01T10:00:00+00:00"
