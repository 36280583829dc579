"""One probe: a fetch that is tried again where it fails, and that always ends in evidence.

Rule of this file: a failure is evidence, whatever caused it; a bug in a fetch is logged and is a failure too.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from optout_middleware.evidence.freshness import is_unreachable, retry_after
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from optout_middleware.evidence.fetch import Fetch, Limits

logger = logging.getLogger(__name__)

_PATIENCE = 30.0  # seconds; an origin whose Retry-After is longer is not asked again by the same probe


class Probe:
    """Looks at one location.

    Args:
        limits, back_off, margin, now, sleep: as for `optout_middleware.evidence.gather.Gather`.
    """

    def __init__(
        self,
        limits: Limits,
        back_off: Sequence[float],
        *,
        margin: float,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._limits = limits
        self._back_off = tuple(back_off)
        self._longest = limits.timeout + margin
        self._now, self._sleep = now, sleep

    async def __call__(self, url: str, fetch: Fetch) -> Evidence:
        """Fetch a location; where that fails, again after each pause of the back-off."""
        seen = await self._tried(url, fetch)
        for pause in self._back_off:
            asked = retry_after(seen) or 0.0
            if not is_unreachable(seen) or asked > _PATIENCE:
                break
            await self._sleep(max(pause, asked))
            seen = await self._tried(url, fetch)
        return seen

    async def _tried(self, url: str, fetch: Fetch) -> Evidence:
        """Fetch once; what does not return in time is left behind, even if it heeds no cancellation."""
        task = asyncio.get_running_loop().create_task(self._fetched(url, fetch))
        try:
            await asyncio.wait({task}, timeout=self._longest)
            if task.done() and not task.cancelled():
                return task.result()
            error = "the fetch was cancelled" if task.done() else f"no answer within {self._longest:g} s"
        finally:
            task.cancel()
        return self._failure(url, error)

    async def _fetched(self, url: str, fetch: Fetch) -> Evidence:
        """Fetch once; a fetch that breaks its contract is a bug of ours: logged, and unreachable."""
        try:
            seen = await fetch(url, self._limits)
        except Exception as error:
            logger.exception("the fetch of %s raised, where it must give evidence of a failure", url)
            return self._failure(url, f"the fetch raised {type(error).__name__}")
        if seen.url == url and not seen.from_cache:
            return seen
        what = "came from a cache" if seen.from_cache else f"is of {seen.url}"
        logger.error("the evidence that the fetch of %s gave %s: not used", url, what)
        return self._failure(url, f"the evidence {what}")

    def _failure(self, url: str, error: str) -> Evidence:
        return Evidence(url, None, (), b"", self._now(), error=error)
