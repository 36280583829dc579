"""A clock that goes on only when nobody has anything else to do, so that waiting takes no time."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

Answer = TypeVar("Answer")
_TURNS = 50  # of the event loop, after which all are taken to wait


class VirtualClock:
    """Seconds that pass when everybody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        """Give the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of this clock."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(seconds, 0.0), next(self._order), woken))
        await woken

    def run(self, work: Coroutine[object, object, Answer]) -> Answer:
        """Do work, and let time pass whenever it only waits."""
        return asyncio.run(self._driven(work))

    async def _driven(self, work: Coroutine[object, object, Answer]) -> Answer:
        task = asyncio.create_task(work)
        while not task.done():
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            if self._sleepers:
                self.now, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)
        return task.result()
