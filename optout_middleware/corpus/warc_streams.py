"""Where the records of a WARC file begin and end (ISO 28500:2017, section 4), whatever streams it is compressed in.

Rule of this file: octets in; out come the octets that hold a record and nothing else, its fields and its block. A file
that ends within a record raises. Where streams and records do not begin and end together, a record that is copied is
packed anew, as a stream of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from optout_middleware.corpus.unpacking import IncompleteError, Part, dictionary_of, packed, parts, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD_END = re.compile(rb"\r?\n\r?\n").search
LONGEST_HEAD = 1 << 20  # octets
_SIZE = re.compile(r"[0-9]{1,18}").fullmatch
_BETWEEN = b"\r\n\r\n"  # behind each record; other numbers of line ends are passed over
_LONGEST = 64 << 20  # octets of one record


def plain(path: Path, *, with_octets: bool) -> Iterator[tuple[bytes, dict[str, str], bytes]]:
    """Give the records of a file without compression: octets (empty if not wanted), fields, block.

    Raises:
        IncompleteError: the file is damaged, or ends within a record.
    """
    records = _Records(path, with_octets=with_octets)
    for piece in pieces(path):
        for _, octets, fields, block in records.add(piece):
            yield octets, fields, block
    for _, octets, fields, block in records.rest(least=len(_BETWEEN)):
        yield octets, fields, block


def in_streams(path: Path, *, with_octets: bool) -> Iterator[tuple[bytes, dict[str, str], bytes]]:
    """Give the records of a file of streams: of a record each (annex D.2), or one of all, or several of one.

    "Zstandard Compression for WARC Files" 1.0, section 3: a record is one or more frames, all with the dictionary of
    the file. A record is copied as it is where streams begin and end with it, and need no dictionary.

    Raises:
        IncompleteError: the file is damaged, or ends within a stream or a record.
        OptOutError: zstandard is needed and not installed.
    """
    records = _Records(path, with_octets=with_octets)
    with _opened(path) as again:
        streams = _Streams(path, again) if with_octets else None
        for part in parts(path):
            if streams is not None:
                streams.add(part)
            for start, octets, fields, block in records.add(part.octets, is_end=bool(part.end)):
                yield streams.of(start, octets) if streams is not None else b"", fields, block
        for start, octets, fields, block in records.rest():
            yield streams.of(start, octets) if streams is not None else b"", fields, block


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None


class _Streams:
    """Where the streams of a file begin and end, and so which octets of it hold a record and nothing else.

    Args:
        path: of the file.
        file: it, opened.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._needs_dictionary = path.suffix == ".zst" and bool(dictionary_of(path))
        self._total = 0
        self._begins, self._ends = {0: 0}, dict[int, int]()  # the place in what is unpacked -> the place in the file

    def add(self, part: Part) -> None:
        """Take what was unpacked next."""
        self._total += len(part.octets)
        if part.end:
            self._begins[self._total] = part.end
            self._ends.setdefault(self._total, part.end)

    def of(self, start: int, octets: bytes) -> bytes:
        """Give the octets of the file that hold a record, or a stream of its own where they hold more than it."""
        begin, end = self._begins.get(start), self._ends.get(start + len(octets))
        for places in (self._begins, self._ends):
            for place in [place for place in places if place < start + len(octets)]:
                del places[place]
        if begin is None or end is None or self._needs_dictionary:
            return packed(octets, self._path.suffix)
        self._file.seek(begin)
        return self._file.read(end - begin)


class _Records:
    """Splits octets into records, in the memory of one record and of what comes at once.

    Args:
        path: of the file, for messages.
        with_octets: whether the octets of each record are given too; else they are empty.
    """

    def __init__(self, path: Path, *, with_octets: bool) -> None:
        self._path, self._with_octets = path, with_octets
        self._held: bytes | bytearray = b""
        self._at = 0  # of what is held, in all that came
        self._head: tuple[dict[str, str], int, int] | None = None  # of the first record that is held

    def add(self, octets: bytes, *, is_end: bool = False) -> Iterator[tuple[int, bytes, dict[str, str], bytes]]:
        """Take what comes next; give the records that are whole: where each begins, its octets, its fields, its block.

        Args:
            octets: what comes.
            is_end: whether a stream ends with them, so that a record with its line ends is known to be whole.
        """
        if self._held:
            self._held = bytearray(self._held) if isinstance(self._held, bytes) else self._held
            self._held += octets
        else:
            self._held = octets
        yield from self._whole(len(_BETWEEN) if is_end else None)
        if len(self._held) > _LONGEST:
            raise IncompleteError(
                f"{self._path}: the record at octet {self._at} is longer than {_LONGEST:,} octets, or is none"
            )

    def rest(self, least: int = 0) -> Iterator[tuple[int, bytes, dict[str, str], bytes]]:
        """Give what is left, since nothing more comes.

        Args:
            least: octets of line ends without which the last record is taken for cut.
        """
        yield from self._whole(least)
        if self._held.strip():
            raise IncompleteError(
                f"{self._path} ends in the record at octet {self._at}: it was cut, or is still being written"
            )

    def _whole(self, least: int | None) -> Iterator[tuple[int, bytes, dict[str, str], bytes]]:
        """Give records of what is held; one that ends with it only if so many octets of line ends follow it."""
        held, at = self._held, 0
        while (head := self._head or self._head_at(at)) is not None:
            fields, start, stop = head
            self._head = fields, start - at, stop - at
            end = stop
            while end < len(held) and held[end] in _BETWEEN:
                end += 1
            if end > len(held) or (end == len(held) and (least is None or end - stop < least)):
                break
            octets = bytes(held[at:end]) if self._with_octets else b""
            yield self._at + at, octets, fields, bytes(held[start:stop])
            at, self._head = end, None
        self._held = held[at:]
        self._at += at

    def _head_at(self, at: int) -> tuple[dict[str, str], int, int] | None:
        """Read the head of the record that begins at a place of what is held: its fields, and where its block stands.

        None = the head is not there in full.
        """
        head = HEAD_END(self._held, at, at + LONGEST_HEAD)
        if head is None and len(self._held) - at < LONGEST_HEAD:
            return None
        fields = _fields(bytes(self._held[at : head.start()])) if head and self._held.startswith(b"WARC/", at) else {}
        size = fields.get("content-length", "")
        if head is None or not _SIZE(size):
            raise IncompleteError(f"{self._path}: no WARC record at octet {self._at + at}")
        return fields, head.end(), head.end() + int(size)


def _fields(head: bytes) -> dict[str, str]:
    """Read named fields; names in lower case, of several the last."""
    found = {}
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.strip().lower().decode("latin-1")] = value.strip().decode("utf-8", "replace")
    return found
