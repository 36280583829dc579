"""Reading archives: of many directories, after a crash, without an index, and where octets were changed."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import fsspec  # type: ignore[import-untyped]
import pytest

from optout_middleware.evidence.archive import Archive
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.evidence.warc import DamagedError, Member, members, read
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
NAME, INDEX = "run-main.warc.gz", "run-main.index.jsonl"


def robots(number: int) -> Evidence:
    """Make what was seen at one site."""
    return Evidence(f"http://{number}.example/robots.txt", 200, [], b"Disallow: /%d\n" % number * 99, SEEN)


def fill(directory: Path, numbers: Iterator[int] | range, writer: str = "run-main") -> list[Evidence]:
    """Write an archive of so many sites."""
    written = Archive(directory, writer=writer, policy=Policy("OurBot"))
    seen = [robots(number) for number in numbers]
    for item in seen:
        written.keep(item)
    written.close()
    return seen


def found(seen: list[Evidence], *directories: Path | str) -> tuple[list[bool], list[str]]:
    """Tell which of the evidence is found, and what is damaged."""
    reader = ArchiveReader(directories)
    return [reader.read(item.sha256) == item for item in seen], [fault.text for fault in reader.faults]


def test_many_directories(tmp_path: Path) -> None:
    """An archive below an audit directory is found, and what refers to another directory is read through it."""
    first = fill(tmp_path / "one" / "archive", range(3))
    second = fill(tmp_path / "two", range(2, 5), "run-other")
    assert found([*first, *second], tmp_path / "one", tmp_path / "two") == ([True] * 6, [])


def test_urls(tmp_path: Path) -> None:
    """Directories may be URLs that fsspec knows."""
    seen = fill(tmp_path, range(3))
    memory = fsspec.filesystem("memory")
    for name in (NAME, INDEX):
        memory.pipe(f"/audits/archive/{name}", (tmp_path / name).read_bytes())
    assert found(seen, "memory://audits", tmp_path.as_uri()) == ([True] * 3, [])


@pytest.mark.parametrize("directory", ["nowhere", "nosuch://x"])
def test_no_directory(tmp_path: Path, directory: str) -> None:
    """What is no directory, or of no known kind, is one line."""
    with pytest.raises(OptOutError, match=directory) as raised:
        ArchiveReader([directory if "://" in directory else tmp_path / directory])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("index", [None, b"", b"no json\n", b'{"kept": 1}\n'])
def test_index_is_made_up_for(tmp_path: Path, index: bytes | None) -> None:
    """Without an index, or with one that is not readable, the file itself is read."""
    seen = fill(tmp_path, range(5))
    if index is None:
        (tmp_path / INDEX).unlink()
    else:
        (tmp_path / INDEX).write_bytes(index)
    places, faults = found(seen, tmp_path)
    assert (places, len(faults)) == ([True] * 5, bool(index))


def test_every_cut(tmp_path: Path) -> None:
    """Wherever a file was cut, the records before it are read, and the torn one is told; whatever the index says."""
    seen = fill(tmp_path, range(3))
    whole, index = (tmp_path / NAME).read_bytes(), (tmp_path / INDEX).read_bytes().splitlines(keepends=True)
    with (tmp_path / NAME).open("rb") as stream:
        ends = [member.offset + member.length for member in members(stream)]
    for cut in range(ends[0], len(whole)):
        (tmp_path / NAME).write_bytes(whole[:cut])
        (tmp_path / INDEX).write_bytes(b"".join(index[: cut % 4])[: -1 if cut % 3 else None])
        places, faults = found(seen, tmp_path)
        assert places == [end <= cut for end in ends[1:]]
        assert any(text.startswith("torn") for text in faults) is (cut not in ends)


def test_every_changed_octet(tmp_path: Path) -> None:
    """A changed octet of a record is an error or a fault, never other evidence; all other records are read."""
    seen = fill(tmp_path, range(2))
    whole = (tmp_path / NAME).read_bytes()
    with (tmp_path / NAME).open("rb") as stream:
        first = list(members(stream))[1]
    for at in range(first.offset, first.offset + first.length):
        (tmp_path / NAME).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        reader = ArchiveReader([tmp_path])
        assert reader.read(seen[1].sha256) == seen[1]
        intact = [item.evidence for item in reader.verified()]  # gzip itself has octets that mean nothing
        if intact != seen:
            assert (intact, len(reader.faults)) == ([seen[1]], 1)
            with pytest.raises(DamagedError, match=NAME):
                reader.read(seen[0].sha256)


def test_index_that_names_another_record(tmp_path: Path) -> None:
    """What an index says of a record is compared with the record."""
    seen = fill(tmp_path, range(2))
    first, second = (json.loads(row) for row in (tmp_path / INDEX).read_text("ascii").splitlines())
    (tmp_path / INDEX).write_text(json.dumps(first | {"offset": second["offset"], "length": second["length"]}) + "\n")
    with pytest.raises(DamagedError, match="not the record that the index names"):
        ArchiveReader([tmp_path]).read(seen[0].sha256)
    (tmp_path / INDEX).write_text(json.dumps(second | {"sha256": first["sha256"]}) + "\n")
    with pytest.raises(DamagedError, match="not the body that the index names"):
        ArchiveReader([tmp_path]).source(seen[1].url, seen[0].sha256, 200, SEEN)


def test_payload_that_is_not_there(tmp_path: Path) -> None:
    """A record whose payload stands in a directory that was not named says so."""
    fill(tmp_path, range(1))
    fill(tmp_path, range(1), "run-other")
    (tmp_path / NAME).unlink()
    with pytest.raises(DamagedError, match=r"name its directory too"):
        ArchiveReader([tmp_path]).read(robots(0).sha256)


def test_members_of_what_is_no_archive(tmp_path: Path) -> None:
    """Octets that are no gzip are told at once."""
    path = tmp_path / "x"
    path.write_bytes(b"no archive")
    with path.open("rb") as stream:
        assert list(members(stream)) == [Member(0, 0, None)]


@pytest.mark.parametrize(
    "record",
    [
        b"", b"WARC/1.1\r\n\r\n", b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: x\r\n\r\n",
        b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2026\r\nContent-Length: 0\r\nOptOut-Evidence: {}\r\n\r\n",
    ],
)  # fmt: skip
def test_records_of_others(record: bytes) -> None:
    """A record that the archive did not write is refused, with a reason."""
    with pytest.raises(DamagedError):
        read(record)
