"""Hashes of stored lines: the chain from line to line, and the Merkle tree over the lines of a segment.

Rule of this file: pure, over bytes as they are stored, never over a value encoded again. Trees are those of RFC 6962
section 2.1, so that any tool for Certificate Transparency checks the proofs.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING_BEFORE = "0" * 64  # stands where the hash of an earlier line would: there is none
_LEAF, _NODE = b"\x00", b"\x01"  # RFC 6962 section 2.1: what keeps a node from passing as a leaf

encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode  # fmt: skip


def stored(text: str) -> bytes:
    """Give the bytes of a text as they are stored; a lone surrogate, which UTF-8 has no bytes for, as JSON escape."""
    return text.encode("utf-8", "backslashreplace")


def digest(data: bytes) -> str:
    """Give the SHA-256 in hexadecimal: of a stored line its whole bytes, the line end included."""
    return hashlib.sha256(data).hexdigest()


def leaf(data: bytes) -> bytes:
    """Give the leaf hash of a stored line."""
    return hashlib.sha256(_LEAF + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


class Tree:
    """The root over leaves that come one by one; holds one hash for each bit of their number."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []  # roots of whole subtrees, the largest first

    def add(self, hashed: bytes) -> None:
        """Add the leaf hash of the next line."""
        number = self.size
        while number & 1:
            hashed = _node(self._whole.pop(), hashed)
            number >>= 1
        self._whole.append(hashed)
        self.size += 1

    def root(self) -> str:
        """Give the root so far, in hexadecimal; of no line: the SHA-256 of nothing (RFC 6962 section 2.1)."""
        if not self._whole:
            return digest(b"")
        *rest, hashed = self._whole
        for left in reversed(rest):
            hashed = _node(left, hashed)
        return hashed.hex()


def path(leaves: Sequence[bytes], index: int) -> list[str]:
    """Give the audit path of one leaf, from its neighbour up to the root (RFC 6962 section 2.1.1).

    Args:
        leaves: the leaf hashes of all lines of the segment.
        index: which of them, from 0.
    """
    found: list[str] = []
    level = list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(level[neighbour].hex())
        paired = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
        index >>= 1
    return found


def root_of(data: bytes, index: int, size: int, hashes: Sequence[str]) -> str | None:
    """Give the root that an audit path leads to; None where the path cannot be of that line (RFC 9162 section 2.1.3.2).

    Args:
        data: the stored line.
        index: which line of the segment it is, from 0.
        size: how many lines the segment has.
        hashes: the audit path.
    """
    if not 0 <= index < size:
        return None
    hashed, last, rest = leaf(data), size - 1, list(hashes)
    while last:
        if index & 1 or index < last:
            if not rest:
                return None
            other = bytes.fromhex(rest.pop(0))
            hashed = _node(other, hashed) if index & 1 else _node(hashed, other)
        index, last = index >> 1, last >> 1
    return None if rest else hashed.hex()
