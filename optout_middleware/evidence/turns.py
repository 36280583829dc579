"""Turns: of all processes that share a store, one at a time probes a URL, and the others take what it found.

Rule of this file: who waits looks again and again, less and less often; where the turn ends without evidence that
holds, the next one probes. A process that dies keeps nobody waiting for long: its turn ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.evidence.store import ALONE, lease_of, newest, past, remaining
from optout_middleware.policy import LOCATIONS
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.evidence.freshness import Lifetimes
    from optout_middleware.evidence.probe import Counts, Probe
    from optout_middleware.evidence.store import Store
    from optout_middleware.terms import Evidence

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds between looks at what another process does
_AHEAD = 2.0  # seconds by which the clock of another machine may be ahead; what it just saw is then waited for


class Turns:
    """Probes what nobody else probes, and keeps what it finds.

    Args:
        counts: where to count.
        probe: probes.
        store: where evidence is kept; where it is a `SharedStore`, turns are taken.
        lifetimes: how long evidence holds.
        now: the clock, aware.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        counts: Counts,
        probe: Probe,
        store: Store,
        lifetimes: Lifetimes,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._counts, self._probe, self._store = counts, probe, store
        self._lifetimes, self._now, self._sleep = lifetimes, now, sleep

    async def __call__(
        self, url: str, kind: str, fetch: Fetch, before: list[Evidence], *, is_named: bool = False
    ) -> tuple[list[Evidence], Evidence | None]:
        """Get evidence of a URL of which there is none that holds.

        Args:
            url: of the location or document.
            kind: a name of `policy.ALL_LOCATIONS`.
            fetch: what fetches.
            before: what there is of it.
            is_named: whether a site made us ask there. A failure of such a location is not kept: its host may be one
                that is crawled, where other limits hold.

        Returns:
            All that there is of it now, and which of it this process probed; None = another one did.

        Raises:
            OptOutError: the store cannot be read or written.
        """
        pause = _FIRST_PAUSE
        while True:
            lease = await lease_of(self._store, url)
            try:
                if lease is not ALONE:
                    before = await self._look(url, kind)
                    if self._holds(url, kind, before):
                        self._counts.shared += 1
                        return before, None
                if lease is not None:
                    probed = await self._probe(url, kind, fetch, before, is_named=is_named)
                    if not (is_named and kind in LOCATIONS and is_unreachable(probed)):
                        await self._store.save([probed])
                    return [*before, probed], probed
            finally:
                if lease is not None:
                    await lease.release()
            await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _look(self, url: str, kind: str) -> list[Evidence]:
        """Give what the store has of a URL by now."""
        is_location = kind in LOCATIONS
        items = await (self._store.load(origin_of(url) or "") if is_location else self._store.load_document(url))
        items = [item for item in items if item.url == url]
        if items:
            ahead = (newest(items)[0].fetched_at - self._now()).total_seconds()
            if 0 < ahead <= _AHEAD:
                await self._sleep(ahead)
        return past(items, self._now())

    def _holds(self, url: str, kind: str, items: list[Evidence]) -> bool:
        key = (origin_of(url) or "") if kind in LOCATIONS else url
        return remaining(items, key, self._lifetimes, self._now()) > 0
