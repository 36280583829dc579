"""Flights: work that is done once however many wait for it.

Rule of this file: a flight is a task of its own, so that who gives up waiting ends nobody else's; only `close` ends it.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Flights(Generic[Result]):
    """Flights of one kind, by what they look at."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[Result]] = {}
        self._closed = False

    async def shared(self, key: str, start: Callable[[], Coroutine[object, object, Result]]) -> Result | None:
        """Wait for the flight of that key, starting it if there is none; None = it was ended by `close`.

        `asyncio.wait` neither cancels the flight with a waiter nor mistakes an ended flight for an ended waiter.
        """
        flight = self._flights.get(key)
        if flight is None:
            if self._closed:
                return None
            flight = self._flights[key] = asyncio.get_running_loop().create_task(start())
            flight.add_done_callback(partial(self._landed, key))
        await asyncio.wait({flight})
        return None if flight.cancelled() else flight.result()

    async def landed(self, key: str) -> None:
        """Wait until no flight of that key is under way; what it came to is its own waiters' business."""
        while (flight := self._flights.get(key)) is not None:
            await asyncio.wait({flight})

    async def close(self) -> None:
        """End the flights under way, and start none any more."""
        self._closed = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    def _landed(self, key: str, flight: asyncio.Task[Result]) -> None:
        del self._flights[key]
        if not flight.cancelled() and (error := flight.exception()) is not None:
            # Those who wait are told too; by now there may be none.
            logger.error("looking at the locations of %s failed: %s", key, error)
