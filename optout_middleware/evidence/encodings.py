"""Undoing a Content-Encoding (RFC 9110 section 8.4), and telling whether what was compressed is whole.

Rule of this file: pure. A stream that does not come to its end could have said no after the cut, so it is not whole;
a coding that is not undone leaves nothing to read.
"""

from __future__ import annotations

import zlib

_GZIP_OR_ZLIB = 47  # window bits: either header is recognised
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class EncodingError(ValueError):
    """A body that cannot be read whole; the message says why, in one line."""


def undone(body: bytes, coding: str, most: int) -> bytes:
    """Undo one Content-Encoding.

    Args:
        body: as it came.
        coding: the field value; empty or identity = none.
        most: octets of the result that are made at most.

    Raises:
        EncodingError: a coding that is not known, or a stream that is damaged or does not come to its end.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in _CODINGS:
        raise EncodingError(f"Content-Encoding {coding[:40]} is not undone")
    found, rest = b"", body
    try:
        while rest:
            stream = _stream(rest, coding)
            found += stream.decompress(rest, most + 1 - len(found))
            if len(found) > most:
                return found
            if not stream.eof:
                raise EncodingError(f"the {coding} stream does not come to its end")
            rest = stream.unused_data.lstrip(b"\0") if coding != "deflate" else b""
    except zlib.error as error:
        raise EncodingError(f"the {coding} stream is damaged: {error}") from None
    return found


def _stream(body: bytes, coding: str) -> zlib._Decompress:
    """Give a decompressor; some servers send deflate without the zlib header that RFC 9110 section 8.4.1.2 asks for."""
    raw = coding == "deflate" and (body[0] & 0x0F) != zlib.DEFLATED
    return zlib.decompressobj(-zlib.MAX_WBITS if raw else _GZIP_OR_ZLIB)
