"""One segment of a log: a file of lines while it is written, compressed and closed afterwards.

Rule of this file: a line counts once `append` has returned; the operating system then holds all of it, so a killed
process loses nothing. What goes into the compressed file is what went into the open one, octet by octet.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.chain import NOTHING_BEFORE, Tree, digest, leaf
from optout_middleware.audit.files import CREATE, lock, replace
from optout_middleware.audit.place import beside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from optout_middleware.audit.personal import Entry

_LEVEL = 5  # of compression: 6 costs a fifth more time for 1 % less, 9 twice the time for 3 %
_MEMORY = 8  # zlib's own default
_TOGETHER = 64  # rows
_GZIP = 31  # zlib's window bits for a gzip file; its time stamp stays zero


class Closed(NamedTuple):
    """What the run manifest says of a closed segment.

    Fields:
        file: its name.
        first: the sequence number of its first line.
        lines: how many it has.
        last: the SHA-256 of its last line.
        root: the root of the Merkle tree over its lines.
        sha256, bytes: of the compressed file.
    """

    file: str
    first: int
    lines: int
    last: str
    root: str
    sha256: str
    bytes: int


class Packed:
    """Lines on their way into a compressed file: the chain, the tree and the octets."""

    def __init__(self, first: int) -> None:
        self.first, self.lines, self.size = first, 0, 0
        self.last = NOTHING_BEFORE
        self._tree = Tree()
        self._deflate = zlib.compressobj(
            _LEVEL,
            zlib.DEFLATED,
            _GZIP,
            _MEMORY,
            zlib.Z_FILTERED,  # hashes are noise: short matches in them cost more
        )
        self._octets: list[bytes] = []
        self._waiting: list[bytes] = []  # rows to compress together, which is quicker than one by one

    def add(self, rows: Sequence[bytes]) -> None:
        """Take stored lines, each with its line end."""
        for row in rows:
            self._tree.add(leaf(row))
            self.size += len(row)
        self._waiting += rows
        if len(self._waiting) >= _TOGETHER:
            self._compress()
        self.lines += len(rows)
        self.last = digest(rows[-1])

    def write(self, path: Path) -> Closed:
        """Write the compressed file, and say what it holds.

        Raises:
            OSError: it cannot be written.
        """
        self._compress()
        data = b"".join((*self._octets, self._deflate.flush()))
        replace(path, data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Closed(path.name, self.first, self.lines, self.last, self._tree.root(), sha256, len(data))

    def _compress(self) -> None:
        self._octets.append(self._deflate.compress(b"".join(self._waiting)))
        self._waiting = []


class Segment:
    """A segment that is being written; locked, so that nobody takes it for one that was left.

    Args:
        path: of the open file; it must not be there.
        first: the sequence number of its first line.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, first: int) -> None:
        self.path = path
        self.packed = Packed(first)
        self._personal: int | None = None
        self._file = os.open(path, CREATE, 0o666)
        lock(self._file)

    def append(self, rows: Sequence[bytes], entries: Sequence[Entry]) -> None:
        """Write lines, and before them the personal values that they name.

        Raises:
            OSError: they were not written whole.
        """
        if entries:
            self._put_beside(b"".join(entry.to_bytes() for entry in entries))
        data = b"".join(rows)
        _write(self._file, data)
        self.packed.add(rows)

    def sync(self) -> None:
        """Make what was written last, power cuts included.

        Raises:
            OSError: the disk did not take it.
        """
        if self._personal is not None:
            os.fsync(self._personal)
        os.fsync(self._file)

    def release(self) -> None:
        """Close the files as they are."""
        os.close(self._file)
        if self._personal is not None:
            os.close(self._personal)

    def close(self) -> Closed:
        """Compress it; the open file goes once the compressed one is there.

        Raises:
            OSError: that failed; the open file is still there.
        """
        try:
            self.sync()
            closed = self.packed.write(self.path.with_name(f"{self.path.name}.gz"))
        finally:
            self.release()
        return closed

    def _put_beside(self, data: bytes) -> None:
        if self._personal is None:
            self._personal = os.open(self.path.with_name(beside(self.path.name)), CREATE, 0o666)
        _write(self._personal, data)


def _write(file: int, data: bytes) -> None:
    written = os.write(file, data)
    if written != len(data):
        raise OSError(f"{written} of {len(data)} bytes were written")


def as_dict(closed: Closed) -> dict[str, Any]:
    """Give what the run manifest says of a segment as JSON values."""
    return closed._asdict()
