"""The octets of a file, decompressed, and whether it comes to its end.

Rule of this file: a compressed stream that stops before its end mark raises, after what could be read was given.
Readers of archives end there without a word (warcio issue 138), and a record behind the cut could have been reserved.
What is given at once is bounded, so that a small file cannot become a large memory.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK = 1 << 16
_MOST = 1 << 22  # octets that zlib gives at once
# Octets that Zstandard takes at once: a block of four of them may stand for 128 KiB (RFC 8878 section 3.1.1.2).
_SLICE = 1 << 11
_GZIP = zlib.MAX_WBITS | 16
# "Zstandard Compression for WARC Files" 1.0, section 3.2.1: a first frame to be skipped, with the dictionary of all.
_DICTIONARY_FRAME = b"\x5d\x2a\x4d\x18"
_DICTIONARY, _ZSTD_FRAME = b"\x37\xa4\x30\xec", b"\x28\xb5\x2f\xfd"
_LONGEST_DICTIONARY = 8 << 20  # octets, packed and unpacked: what its section 4 asks of a reader
_LONGEST_LINE = 64 << 20  # octets
PACKED = (".gz", ".zst")


class IncompleteError(OptOutError):
    """A shard that cannot be read to its end; the message says where and why, in one line."""


class Part(NamedTuple):
    """Octets of a compressed stream, of which a file has any number (RFC 1952 section 2.2, RFC 8878 section 3.1).

    Fields:
        octets: decompressed.
        end: where it ends in the file, if it ends with them; 0 = it goes on.
    """

    octets: bytes
    end: int


def pieces(path: Path) -> Iterator[bytes]:
    """Give the decompressed octets of a file: gzip by `.gz`, Zstandard by `.zst`, anything else as it is.

    Raises:
        IncompleteError: the file cannot be opened or read, is damaged, or ends within a compressed stream.
        OptOutError: zstandard is not installed.
    """
    if path.suffix in PACKED:
        yield from _together(parts(path))
        return
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None


def lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a file without their ends; the last one too where it has none.

    Raises:
        IncompleteError, OptOutError: as `pieces` does; also a packed file without any octet, and a line of more than
            64 MiB.
    """
    if path.suffix in PACKED and path.is_file() and not path.stat().st_size:
        raise IncompleteError(f"{path} is empty, without even a compressed stream: it was cut, or is to be written")
    rest: list[bytes] = []
    size = 0
    for piece in pieces(path):
        first, *others = piece.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > _LONGEST_LINE:
            raise IncompleteError(f"{path} has a line of more than {_LONGEST_LINE:,} octets")
        if others:
            yield b"".join(rest)
            yield from others[:-1]
            rest, size = [others[-1]], len(others[-1])
    if last := b"".join(rest):
        yield last


def parts(path: Path) -> Iterator[Part]:
    """Give the streams of a file with gzip or Zstandard part by part, and where each ends.

    Raises:
        IncompleteError, OptOutError: as `pieces` does.
    """
    try:
        with path.open("rb") as file:
            yield from _gzip(file, path) if path.suffix == ".gz" else _zstandard(file, path)
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None


def dictionary_of(path: Path) -> bytes:
    """Give the dictionary that a file with Zstandard begins with; empty = it has none.

    Raises:
        IncompleteError, OptOutError: as `pieces` does.
    """
    try:
        with path.open("rb") as file:
            return _dictionary(file, path)
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None


def packed(octets: bytes, suffix: str) -> bytes:
    """Give octets as one stream of gzip or Zstandard; the same octets give the same stream."""
    if suffix == ".gz":
        packing = zlib.compressobj(wbits=_GZIP)  # without a time stamp
        return packing.compress(octets) + packing.flush()
    made: bytes = _zstd().ZstdCompressor(write_checksum=True).compress(octets)
    return made


def _together(found: Iterator[Part]) -> Iterator[bytes]:
    """Join small parts, since each costs whoever takes it some time."""
    waiting: list[bytes] = []
    size = 0
    for part in found:
        if part.octets:
            waiting.append(part.octets)
            size += len(part.octets)
        if size >= _CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _gzip(file: BinaryIO, path: Path) -> Iterator[Part]:
    at, stream, begun = 0, zlib.decompressobj(_GZIP), False
    while chunk := file.read(_CHUNK):
        rest = chunk
        while rest:
            try:
                octets = stream.decompress(rest, _MOST)
            except zlib.error as error:
                raise _damaged(path, at, error) from None
            left = stream.unused_data if stream.eof else stream.unconsumed_tail
            at, rest, begun = at + len(rest) - len(left), left, not stream.eof
            yield Part(octets, 0 if begun else at)
            if not begun:
                stream = zlib.decompressobj(_GZIP)
    if begun:
        raise _cut(path)


def _zstandard(file: BinaryIO, path: Path) -> Iterator[Part]:
    zstandard = _zstd()
    dictionary = _dictionary(file, path)
    known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    reader = zstandard.ZstdDecompressor(dict_data=known)
    at, stream, begun = file.tell(), reader.decompressobj(), False
    while chunk := file.read(_CHUNK):
        for start in range(0, len(chunk), _SLICE):
            rest = chunk[start : start + _SLICE]
            while rest:
                try:
                    octets = stream.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _damaged(path, at, error) from None
                left = stream.unused_data if stream.eof else b""
                at, rest, begun = at + len(rest) - len(left), left, not stream.eof
                yield Part(octets, 0 if begun else at)
                if not begun:
                    stream = reader.decompressobj()
    if begun:
        raise _cut(path)


def _dictionary(file: BinaryIO, path: Path) -> bytes:
    """Read the dictionary, and leave the file behind it; or at its beginning, where it has none."""
    head = file.read(8)
    if not head.startswith(_DICTIONARY_FRAME):
        file.seek(0)
        return b""
    size = int.from_bytes(head[4:], "little")
    data = file.read(size) if size <= _LONGEST_DICTIONARY else b""
    if len(head) < 8 or (size <= _LONGEST_DICTIONARY and len(data) < size):  # noqa: PLR2004 - magic number and size
        raise _cut(path)
    if data.startswith(_ZSTD_FRAME):
        zstandard = _zstd()
        try:
            is_short = 0 <= zstandard.frame_content_size(data) <= _LONGEST_DICTIONARY
            data = zstandard.ZstdDecompressor().decompress(data) if is_short else b""
        except zstandard.ZstdError as error:
            raise _damaged(path, 0, error) from None
    if not data.startswith(_DICTIONARY):
        raise IncompleteError(f"{path} begins with a dictionary that cannot be read, or of more than 8 MiB")
    return data


def _damaged(path: Path, at: int, error: Exception) -> IncompleteError:
    why = " ".join(str(error).split())
    if "ictionary" in why:
        return IncompleteError(f"{path}, octet {at:,}: packed with a dictionary that the file does not have: {why}")
    return IncompleteError(f"{path} is damaged at octet {at:,}: {why}")


def _cut(path: Path) -> IncompleteError:
    return IncompleteError(f"{path} ends within a compressed stream: it was cut, or is still being written")


def _zstd() -> Any:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptOutError("Zstandard needs zstandard: pip install 'optout-middleware[corpus]'") from None
    return zstandard
