"""Evidence in memory, for one crawl: bounded, gone afterwards.

Rule of this file: what counts of each location is kept, no history; the origin unused for longest goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from optout_middleware.evidence.locations import location_of
from optout_middleware.evidence.store import newest
from optout_middleware.terms import OptOutError
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optout_middleware.terms import Evidence

_OVERHEAD = 1_000  # octets; about what one Evidence costs in Python beyond its texts
_PER_HEADER = 120  # octets; about what a pair of strings costs in Python beyond its letters


class MemoryStore:
    """A `Store` in memory.

    Args:
        max_bytes: about how many octets of memory it may take.

    Raises:
        OptOutError: no octets at all.
    """

    def __init__(self, max_bytes: int = 64 * 1_048_576) -> None:
        if max_bytes < 1:
            raise OptOutError(f"max_bytes of the memory store is {max_bytes}: give a number above 0")
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, list[Evidence]] = OrderedDict()

    async def load(self, origin: str) -> list[Evidence]:
        """Give what counts of each location of an origin."""
        if origin not in self._kept:
            return []
        self._kept.move_to_end(origin)
        return [seen for seen in self._kept[origin] if location_of(seen.url)]

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of a document."""
        return [seen for seen in self._kept.get(origin_of(url) or "", ()) if seen.url == url]

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence; where it grows beyond `max_bytes`, the origins unused for longest are given up."""
        for seen in batch:
            origin = origin_of(seen.url) or ""
            before = self._kept.pop(origin, [])
            kept = self._kept[origin] = newest([*before, seen])
            self._bytes += sum(map(_size, kept)) - sum(map(_size, before))
        while self._bytes > self._max_bytes and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= sum(map(_size, gone))

    async def close(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._bytes = 0


def _size(seen: Evidence) -> int:
    pairs = [*seen.headers, *(pair for hop in seen.hops for pair in hop.headers)]
    return _OVERHEAD + len(seen.body) + sum(_PER_HEADER + len(name) + len(value) for name, value in pairs)
