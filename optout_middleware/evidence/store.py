"""Where evidence is kept from one crawl to the next.

Rule of this file: the contract of a store, which evidence of many counts, and for how long; how it is kept stands in
`stores/`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from optout_middleware.evidence.freshness import is_unreachable, lifetime, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from optout_middleware.evidence.freshness import Lifetimes
    from optout_middleware.terms import Evidence


class Store(Protocol):
    """Keeps evidence of locations; what was saved is loaded again, whole and at once, by the same process."""

    async def load(self, origin: str) -> list[Evidence]:
        """Give what counts of each location of an origin: what `newest` picks.

        Raises:
            OptOutError: the store cannot be read.
        """

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of the document at a URL that a location or a page names.

        Raises:
            OptOutError: the store cannot be read.
        """

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence of locations, and of documents that a location or a page names.

        Raises:
            OptOutError: the store cannot be written.
        """

    async def close(self) -> None:
        """Write what is not written yet, and let go of the store."""


class Lease(Protocol):
    """The turn to probe a URL, which no other process has meanwhile."""

    async def release(self) -> None:
        """Let the next one probe."""


@runtime_checkable
class SharedStore(Protocol):
    """What a `Store` has besides where several processes share it: one probe of a URL at a time."""

    async def lease(self, url: str) -> Lease | None:
        """Ask for the turn to probe a URL.

        Returns:
            The turn, after which what `load` gives is up to date; `ALONE` where there is nobody to take turns with;
            None = another process has it.

        Raises:
            OptOutError: the store cannot be used.
        """


class _Alone:
    """The turn of a process that shares its store with nobody."""

    async def release(self) -> None:
        """Do nothing: nobody waits."""


ALONE: Lease = _Alone()


async def lease_of(store: Store, url: str) -> Lease | None:
    """Ask a store for the turn to probe a URL, as `SharedStore.lease` does."""
    return await store.lease(url) if isinstance(store, SharedStore) else ALONE


def observation(seen: Evidence) -> bytes:
    """Give what tells an observation from others of the same URL: what the origin answered, without its header fields.

    Header fields such as Date differ each time.
    """
    hops = [(hop.url, hop.status) for hop in seen.hops]
    told = [seen.sha256, seen.status, seen.final_url, seen.error, seen.truncated, hops, seen.from_cache]
    return hashlib.sha256(json.dumps(told).encode()).digest()[:16]


def past(items: Iterable[Evidence], now: datetime) -> list[Evidence]:
    """Leave out what was seen in the future: a clock went wrong, and a decision would pass it over."""
    return [item for item in items if item.fetched_at <= now]


def newest(evidence: Iterable[Evidence]) -> list[Evidence]:
    """Pick, of each URL, the newest evidence, and the newest answer too where the newest is a failure."""
    last: dict[str, Evidence] = {}
    answers: dict[str, Evidence] = {}
    for seen in sorted(evidence, key=lambda seen: seen.fetched_at):
        last[seen.url] = seen
        if not is_unreachable(seen):
            answers[seen.url] = seen
    picked = list(last.values())
    return picked + [seen for seen in answers.values() if last[seen.url] is not seen]


def counting(items: Sequence[Evidence], lifetimes: Lifetimes) -> list[Evidence]:
    """Give the newest evidence of one URL; where it is a failure, an answer that still counts too."""
    last, *copies = newest(items)
    oldest = last.fetched_at - timedelta(seconds=lifetimes.stale)
    return [last, *(copy for copy in copies if copy.fetched_at >= oldest)]


def remaining(items: Sequence[Evidence], key: str, lifetimes: Lifetimes, now: datetime) -> float:
    """Give the seconds for which the newest evidence of one URL still holds; 0 or less = no more.

    Args:
        items: evidence of that URL.
        key: what the end of the life is spread by, an origin or the URL of a document.
        lifetimes: how long evidence holds.
        now: the time, aware.
    """
    if not items:
        return 0.0
    last = newest(items)[0]
    age = max((now - last.fetched_at).total_seconds(), 0.0)
    return spread(lifetime(last, lifetimes), key, lifetimes) - age
