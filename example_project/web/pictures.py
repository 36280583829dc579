"""Small PNG files, so that the gallery has something to show.

Rule of this file: standard library only; the bytes are the same on every machine.
"""

from __future__ import annotations

import struct
import zlib

_WIDTH, _HEIGHT = 96, 64


def png(hue: int) -> bytes:
    """Draw a sky above a sea whose colour depends on `hue` (0 to 255)."""
    lines = bytearray()
    for y in range(_HEIGHT):
        lines.append(0)  # PNG filter type "none" starts every line
        for x in range(_WIDTH):
            sea = y > _HEIGHT // 2 + (x * 7 + hue) % 5
            lines += bytes(((hue + y) % 256, (120 if sea else 200) - y, 230 if sea else (hue * 3 + x) % 256))
    header = struct.pack(">2I5B", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(bytes(lines), 9)), _chunk(b"IEND", b""),
    ))  # fmt: skip


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
