"""Reading evidence archives of many directories: by hash, or by what an audit line says of a source.

Rule of this file: it reads only. An index is a convenience: what stands in a file behind the end of its index is found
by reading on, and a file without one is read whole. Damage is told and costs no record that can still be read. Memory
is bounded: the rows of all indexes stand in a private database on disk, which goes with the reader.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from fsspec.core import url_to_fs  # type: ignore[import-untyped]

from optout_middleware.evidence.archive import INDEX, WARC
from optout_middleware.evidence.warc import Archived, DamagedError, date_of, members, read, unpacked
from optout_middleware.signals.looked_at import with_body
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from optout_middleware.terms import Evidence

BELOW = "archive"  # an audit directory has its archive here, unless the settings say otherwise
_SCHEMA = """CREATE TABLE record (
    kept BLOB, whole BLOB, payload BLOB, url TEXT, time TEXT, status INTEGER, type TEXT, page INTEGER,
    file INTEGER, start INTEGER, length INTEGER
)"""
_INSERT = "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INDEXES = ("kept", "whole", "payload", "url, time")
_FOUND = "SELECT kept, file, start, length FROM record WHERE"


class Fault(NamedTuple):
    """Something that is not as it was written: where, and one sentence about it."""

    file: str
    text: str


class _File(NamedTuple):
    """One file of an archive: where it lies."""

    fs: Any
    path: str
    size: int


class ArchiveReader:
    """Gives evidence out of archives.

    Args:
        directories: of archives, or audit directories with an archive below them: paths, or URLs that fsspec knows.

    Attributes:
        faults: what is damaged, as far as it was met yet.

    Raises:
        OptOutError: a directory is not there, or cannot be read.
    """

    def __init__(self, directories: Iterable[str | Path]) -> None:
        self.faults: list[Fault] = []
        self._db = sqlite3.connect("")  # a private one: beyond a few megabytes it stands on disk
        self._db.execute(_SCHEMA)
        self._files = [file for directory in directories for file in _files(str(directory))]
        for number, file in enumerate(self._files):
            self._db.executemany(_INSERT, self._rows(number, file))
        for number, columns in enumerate(_INDEXES):
            self._db.execute(f"CREATE INDEX by_{number} ON record ({columns})")

    def __len__(self) -> int:
        """The number of records."""
        return int(self._db.execute("SELECT count(*) FROM record").fetchone()[0])

    def read(self, sha256: str) -> Evidence | None:
        """Give evidence by the hash of what was kept, or of the whole body; None = there is none.

        Raises:
            DamagedError: it is there, but is not what was written.
        """
        digest = bytes.fromhex(sha256)
        found = self._first("kept = ? OR whole = ? ORDER BY time DESC", digest, digest)
        return found.evidence if found else None

    def kept(self, sha256: str, url: str, whole: str, at: datetime) -> Archived | None:
        """Give what was kept of a page by the hash that an audit line names it with; None = it is not there.

        Args:
            sha256: of what was kept, which several pages may have in common; or its first digits.
            url: that was asked for.
            whole: the SHA-256 of the whole body.
            at: when it was seen.

        Raises:
            DamagedError: it is there, but is not what was written.
        """
        return self._first(
            "substr(kept, 1, length(?1)) = ?1 AND url = ? AND whole = ? AND time = ?",
            bytes.fromhex(sha256), url, bytes.fromhex(whole), date_of(at),
        )  # fmt: skip

    def source(self, url: str, sha256: str, status: int | None, at: datetime) -> Archived | None:
        """Give the evidence that an audit line names as a source: of that body, as it was seen then or last before.

        Raises:
            DamagedError: it is there, but is not what was written.
        """
        found = self._first(
            "whole = ? AND url = ? AND status IS ? AND time <= ? ORDER BY time DESC",
            bytes.fromhex(sha256), url, status, date_of(at),
        )  # fmt: skip
        if found is not None and found.evidence.sha256 != sha256:
            raise DamagedError(f"evidence of {url}: not the body that the index names")
        return found

    def between(self, url: str, after: datetime, until: datetime) -> Archived | None:
        """Give the latest evidence of a URL that was seen after one time and until another; None = none was.

        Raises:
            DamagedError: it is there, but is not what was written.
        """
        return self._first("url = ? AND time > ? AND time <= ? ORDER BY time DESC", url, date_of(after), date_of(until))

    def verified(self) -> Iterator[Archived]:
        """Give every record after comparing it with its hashes; what does not hold is told in `faults`."""
        yield from filter(None, map(self._verified, self._db.execute(f"{_FOUND} 1 ORDER BY file, start")))

    def _verified(self, row: tuple[bytes, int, int, int]) -> Archived | None:
        try:
            return self._record(*row)
        except DamagedError as error:
            self.faults.append(Fault(self._files[row[1]].path, str(error)))
            return None

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _first(self, condition: str, *values: object) -> Archived | None:
        row = self._db.execute(f"{_FOUND} {condition} LIMIT 1", values).fetchone()
        return self._record(*row) if row else None

    def _record(self, kept: bytes, number: int, start: int, length: int) -> Archived:
        """Read one record; the body of a revisit is that of the record it refers to."""
        archived = self._whole(kept, number, start, length)
        if not archived.is_revisit:
            return archived
        payload = bytes.fromhex(archived.payload)
        row = self._db.execute(f"{_FOUND} payload = ? AND type = 'response' LIMIT 1", (payload,)).fetchone()
        if row is None:
            raise DamagedError(f"payload {archived.payload} is in none of the archives: name its directory too")
        seen = archived.evidence
        body = self._whole(*row).evidence.body
        if hashlib.sha256(body).digest() != payload:
            raise DamagedError(f"payload {archived.payload} is not the one that was written")
        return archived._replace(evidence=with_body(seen, body))

    def _whole(self, kept: bytes, number: int, start: int, length: int) -> Archived:
        file = self._files[number]
        where = f"{file.path} at octet {start}"
        try:
            archived = read(unpacked(file.fs.cat_file(file.path, start=start, end=start + length)))
        except (OSError, DamagedError) as error:
            raise DamagedError(f"{where}: {error}") from None
        if archived is None or archived.kept != kept.hex():
            raise DamagedError(f"{where}: not the record that the index names")
        return archived

    def _rows(self, number: int, file: _File) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a file: out of its index, then of what stands behind the end of that."""
        end = 0
        for row in self._indexed(number, file):
            end = max(end, row[-2] + row[-1])
            yield row
        with file.fs.open(file.path, "rb") as stream:
            for member in members(stream, end):
                if member.data is None:
                    left = file.size - member.offset
                    self.faults.append(Fault(file.path, f"torn: the last {left} octets are no whole record"))
                    return
                try:
                    archived = read(member.data)
                except DamagedError as error:
                    self.faults.append(Fault(file.path, f"at octet {member.offset}: {error}"))
                    continue
                if archived is not None:
                    yield _row(archived, number, member.offset, member.length)

    def _indexed(self, number: int, file: _File) -> Iterator[tuple[Any, ...]]:
        index = file.path.removesuffix(WARC) + INDEX
        try:
            with file.fs.open(index, "rb") as lines:
                for line in lines:
                    row = _parsed(line, number, file.size)
                    if row is None:
                        self.faults.append(
                            Fault(index, "a row of the index cannot be read: its records are looked for")
                        )
                        return
                    yield row
        except (FileNotFoundError, IsADirectoryError):
            return


def _files(directory: str) -> Iterator[_File]:
    """Give the files of an archive: those of the directory, and of the archive below it."""
    try:
        fs, root = url_to_fs(directory)
        if not fs.isdir(root):
            raise OptOutError(f"{directory} is no directory: name one with an archive or an audit log")
        below = f"{str(root).rstrip('/')}/{BELOW}"
        found = [
            entry for path in (root, below) if path == root or fs.isdir(path) for entry in fs.ls(path, detail=True)
        ]
    except (OSError, ValueError, ImportError) as error:
        raise OptOutError(f"{directory} cannot be read: {error}") from None
    for entry in sorted(found, key=lambda entry: str(entry["name"])):
        if str(entry["name"]).endswith(WARC) and entry["type"] != "directory":
            yield _File(fs, str(entry["name"]), int(entry["size"]))


def _parsed(line: bytes, number: int, size: int) -> tuple[Any, ...] | None:
    """Read a row of an index; None where it is none, or of a record that is not whole."""
    try:
        said = json.loads(line)
        hashes: Sequence[bytes] = [bytes.fromhex(said[name]) for name in ("kept", "sha256", "payload")]
        start, length = int(said["offset"]), int(said["length"])
        row = (
            *hashes, str(said["url"]), str(said["time"]), said["status"], said["type"], bool(said.get("page")), number,
            start, length,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return row if start >= 0 and 0 < length <= size - start else None


def _row(archived: Archived, number: int, offset: int, length: int) -> tuple[Any, ...]:
    seen = archived.evidence
    kind = "metadata" if seen.status is None else "revisit" if archived.is_revisit else "response"
    hashes = (bytes.fromhex(text) for text in (archived.kept, seen.sha256, archived.payload))
    return (
        *hashes, seen.url, date_of(seen.fetched_at), seen.status, kind, archived.is_page, number, offset, length,
    )  # fmt: skip
