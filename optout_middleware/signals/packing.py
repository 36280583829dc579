"""Packing of what is kept in memory for each host.

Rule of this file: `unpacked` gives back, octet for octet, what `packed` was given.
"""

from __future__ import annotations

import zlib

_WORTH_PACKING = 160  # octets; shorter texts hardly shrink
_LEVEL = 1  # three times as fast as the default of zlib, a tenth larger


def packed(kept: bytes) -> bytes:
    """Compress what is kept where that makes it smaller; a first octet tells which."""
    smaller = b"z" + zlib.compress(kept, _LEVEL) if len(kept) > _WORTH_PACKING else b""
    if smaller and len(smaller) < len(kept):
        return smaller
    return b"-" + kept if kept else b""


def unpacked(kept: bytes) -> bytes:
    """Give back what `packed` packed."""
    return zlib.decompress(kept[1:]) if kept[:1] == b"z" else kept[1:]
