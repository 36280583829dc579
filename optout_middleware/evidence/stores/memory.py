"""Evidence in memory, for one crawl: bounded, gone afterwards.

Rule of this file: what counts of each location is kept, no history; the origin or document unused for longest goes
first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from optout_middleware.evidence.locations import name_of
from optout_middleware.evidence.store import newest
from optout_middleware.policy import LOCATIONS
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
        return [seen for seen in self._used(origin) if name_of(seen.url) in LOCATIONS]

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of a document."""
        return [seen for seen in self._used(url) if seen.url == url]

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence; where it grows beyond `max_bytes`, what was unused for longest is given up.

        Raises:
            ValueError: evidence whose `url` is not an http(s) URL.
        """
        for seen in batch:
            key = _key(seen.url)
            before = self._kept.pop(key, [])
            kept = self._kept[key] = newest([*before, seen])
            self._bytes += sum(map(_size, kept)) - sum(map(_size, before))
        while self._bytes > self._max_bytes and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= sum(map(_size, gone))

    def knows(self, url: str) -> bool:
        """Tell whether there is anything of the origin, or document, that a URL is of."""
        return _key(url) in self._kept

    def forget(self, url: str) -> None:
        """Let go of all that there is of the origin, or document, that a URL is of."""
        self._bytes -= sum(map(_size, self._kept.pop(_key(url), [])))

    def _used(self, key: str) -> list[Evidence]:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key, [])

    async def close(self) -> None:
        """Let go of everything."""
        self._kept.clear()
        self._bytes = 0


def _key(url: str) -> str:
    origin = origin_of(url)
    if origin is None:
        raise ValueError(f"{url} is not an http(s) URL")
    return origin if name_of(url) in LOCATIONS else url  # a document may be called as an origin is


def _size(seen: Evidence) -> int:
    pairs = [*seen.headers, *(pair for hop in seen.hops for pair in hop.headers)]
    return _OVERHEAD + len(seen.body) + sum(_PER_HEADER + len(name) + len(value) for name, value in pairs)
