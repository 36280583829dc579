"""How fast a re-check may ask: one request after another to a host, and so many a second to all.

Rule of this file: a request waits for its host first, then for its place among all requests; the pause of the host
begins when the request does. Redirects that a fetch followed count as requests of the hosts that they led to.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.terms import OptOutError
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from optout_middleware.evidence.fetch import Fetch, Limits
    from optout_middleware.terms import Evidence


class Politeness(NamedTuple):
    """How fast origins are asked.

    Fields:
        delay: seconds between two requests to one host.
        rate: requests a second to all hosts together.
        at_once: origins that are asked at the same time.
    """

    delay: float = 1.0
    rate: float = 20.0
    at_once: int = 50


class _Host:
    """One host: who may ask it, one at a time, and from when on."""

    __slots__ = ("lock", "next")

    def __init__(self) -> None:
        self.lock, self.next = asyncio.Lock(), 0.0


class PoliteFetch:
    """A `Fetch` that waits its turn: for the host, and for the rate of all.

    Args:
        fetch: what fetches.
        polite: how fast.
        monotonic: seconds on a clock that is never set.
        sleep: waits for seconds.

    Raises:
        OptOutError: a delay, rate or number that cannot be.
    """

    def __init__(
        self,
        fetch: Fetch,
        polite: Politeness,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not (0 <= polite.delay < float("inf") and polite.rate > 0 and polite.at_once >= 1):
            raise OptOutError(f"{polite}: give a delay of at least 0, a rate above 0, at least 1 origin at once")
        self._fetch, self._polite = fetch, polite
        self._monotonic, self._sleep = monotonic, sleep
        self._next = 0.0
        self._hosts: dict[str, _Host] = {}

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Fetch a URL when its turn has come."""
        host = self._host(url)
        async with host.lock:
            await self._until(host.next)
            turn = max(self._monotonic(), self._next)
            self._next = turn + 1 / self._polite.rate
            await self._until(turn)
            host.next = self._monotonic() + self._polite.delay
        seen = await self._fetch(url, limits, known)
        now, followed = self._monotonic(), (*(hop.url for hop in seen.hops), seen.final_url)[1:]
        self._next = max(self._next, now) + len(followed) / self._polite.rate if followed else self._next
        for link in followed:
            self._host(link).next = now + self._polite.delay
        return seen

    async def _until(self, turn: float) -> None:
        if (wait := turn - self._monotonic()) > 0:
            await self._sleep(wait)

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        if name not in self._hosts and len(self._hosts) >= 10 * self._polite.at_once:
            now = self._monotonic()
            self._hosts = {one: host for one, host in self._hosts.items() if host.lock.locked() or host.next > now}
        return self._hosts.setdefault(name, _Host())
