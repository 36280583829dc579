"""One closed segment, held against what the manifest says of it.

Rule of this file: octets first, then lines: where the file is not the one that was closed, its lines tell where.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.chain import Tree, digest, leaf
from optout_middleware.audit.chain_check import Link, faults
from optout_middleware.audit.personal import hashes
from optout_middleware.audit.reading import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.audit.place import Place

_BLOCK = 1024 * 1024
_MOST_FAULTS = 100  # of a segment; one that is broken throughout need not fill the screen


def sha256_of(place: Place, name: str) -> tuple[str, int]:
    """Give the SHA-256 of a file, and its size in octets.

    Raises:
        OSError: it cannot be read.
    """
    hashed, size = hashlib.sha256(), 0
    with place.open(name) as file:
        while data := file.read(_BLOCK):
            hashed.update(data)
            size += len(data)
    return hashed.hexdigest(), size


class SegmentCheck:
    """Checks one segment.

    Attributes:
        lines: how many it has.
        personal: the hashes of personal values that its lines name, in order.
    """

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name
        self._where = place.where(name)
        self.lines = 0
        self.personal: list[str] = []

    def findings(self, said: Mapping[str, Any], before: str) -> Iterator[Damage]:
        """Give what is not as the manifest says.

        Args:
            said: what it says of the segment.
            before: the SHA-256 of the line before the first.
        """
        tree, links = Tree(), list[Link]()
        try:
            as_closed = sha256_of(self._place, self._name) == (said["sha256"], said["bytes"])
            for row in self._rows():
                tree.add(leaf(row))
                links.append(self._link(row))
        except (OSError, EOFError, zlib.error) as error:
            text = f"the file cannot be read on from here: {' '.join(str(error).split())}"
            yield Damage(self._where, len(links) + 1, "unreadable", text)
            return
        self.lines = len(links)
        told = 0
        for fault in faults(links, said["first"], said["lines"], before, said["last"]):
            told += 1
            if told <= _MOST_FAULTS:
                yield Damage(self._where, *fault)
        if told > _MOST_FAULTS:
            yield Damage(self._where, 0, "altered", f"{told - _MOST_FAULTS:,} more such faults are in this segment")
        if not told and tree.root() != said["root"]:
            yield Damage(self._where, 0, "altered", "the root over the lines is not the one in the manifest")
        elif not told and not as_closed:
            yield Damage(self._where, 0, "altered", "the lines are as written, but the file around them is not")

    def _rows(self) -> Iterator[bytes]:
        with self._place.open(self._name) as file:
            yield from gzip.GzipFile(fileobj=file)

    def _link(self, row: bytes) -> Link:
        """Read the link of a line; what is no line of ours has none."""
        try:
            said = json.loads(row)
            seq, prev = said["seq"], said["prev"]
            self.personal += hashes(said)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            seq = prev = None
        whole = type(seq) is int and type(prev) is str
        return Link(seq if whole else None, prev if whole else None, digest(row))
