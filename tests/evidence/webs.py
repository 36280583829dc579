"""A web that is a table, a clock that is told, and a gather on both."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from optout_middleware.evidence.fetch import Limits
    from optout_middleware.evidence.store import Store

POLICY = Policy("ExampleBot")
HOST = "http://news.example"
PAGE, ROBOTS, TDMREP = f"{HOST}/page", f"{HOST}/robots.txt", f"{HOST}/.well-known/tdmrep.json"
DAY, FAILURE = 86_400.0, 300.0


class Clock:
    """A clock that moves only when it is told, and that counts how long it was slept on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Give the time of day."""
        return datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Give the seconds since it was made."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class Web:
    """A fetch that answers from a table and counts; what is not in the table is 404."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: Counter[str] = Counter()
        self.known: dict[str, Evidence | None] = {}
        self.limits: dict[str, Limits] = {}
        self.under_way: Counter[str] = Counter()
        self.answers: dict[str, dict[str, Any] | BaseException] = {}
        self.gate: asyncio.Event | None = None

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Answer, once the gate is open."""
        self.asked[url] += 1
        self.known[url], self.limits[url] = known, limits
        self.under_way[url] += 1
        assert self.under_way[url] == 1, "two probes of one location at a time"
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
        finally:
            self.under_way[url] -= 1
        answer = self.answers.get(url, {"status": 404})
        if isinstance(answer, BaseException):
            raise answer
        values: dict[str, Any] = {"url": url, "status": 200, "headers": (), "body": b"", **answer}
        return Evidence(fetched_at=self.clock.now(), **values)


def gather(clock: Clock, store: Store | None = None, **options: Any) -> Gather:
    """Give a gather on that clock."""
    options = {"now": clock.now, "monotonic": clock.monotonic, "sleep": clock.sleep, **options}
    return Gather(options.pop("policy", POLICY), store or MemoryStore(), **options)
