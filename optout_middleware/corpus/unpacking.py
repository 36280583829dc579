"""The octets of a file, decompressed, and whether it comes to its end.

Rule of this file: a compressed stream that stops before its end mark raises, after what could be read was given.
Readers of archives end there without a word (warcio issue 138), and a record behind the cut could have been reserved.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 1 << 18
_MOST = 1 << 22  # octets of one piece, so that a small file cannot become a large memory
_GZIP = zlib.MAX_WBITS | 16


class IncompleteError(OptOutError):
    """A shard that cannot be read to its end; the message says where and why, in one line."""


def pieces(path: Path) -> Iterator[bytes]:
    """Give the decompressed octets of a file: gzip by `.gz`, Zstandard by `.zst`, anything else as it is.

    Raises:
        IncompleteError: the file cannot be opened or read, is damaged, or ends within a compressed stream.
    """
    try:
        with path.open("rb") as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            if path.suffix == ".gz":
                yield from _unpacked(chunks, path, lambda: zlib.decompressobj(_GZIP), zlib.error)
            elif path.suffix == ".zst":
                made, error = _zstd()
                yield from _unpacked(chunks, path, made, error)
            else:
                yield from chunks
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None


def lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a file without their ends; the last one too where it has none.

    Raises:
        IncompleteError: as `pieces` does.
    """
    rest = b""
    for piece in pieces(path):
        *whole, rest = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
        yield from whole
    if rest:
        yield rest


def _unpacked(
    chunks: Iterator[bytes], path: Path, made: Callable[[], Any], failure: type[Exception]
) -> Iterator[bytes]:
    """Undo one stream after another; a file holds any number of them (RFC 1952 section 2.2, RFC 8878 section 3.1)."""
    stream, begun = made(), False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                begun = True
                yield from _given(stream, rest)
                rest = b""
                if stream.eof:
                    rest, stream, begun = stream.unused_data, made(), False
    except failure as error:
        raise IncompleteError(f"{path} is damaged: {error}") from None
    if begun:
        raise IncompleteError(f"{path} ends within a compressed stream: it was cut, or is still being written")


def _given(stream: Any, octets: bytes) -> Iterator[bytes]:
    """Give what a stream makes of octets, by zlib in pieces of bounded size; a Zstandard block is bounded itself."""
    if type(stream).__module__ != "zlib":
        yield stream.decompress(octets)
        return
    while octets:
        yield stream.decompress(octets, _MOST)
        octets = stream.unconsumed_tail


def _zstd() -> tuple[Callable[[], Any], type[Exception]]:
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptOutError("Zstandard needs zstandard: pip install 'optout-middleware[corpus]'") from None
    return (lambda: zstandard.ZstdDecompressor().decompressobj()), zstandard.ZstdError
