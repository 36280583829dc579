"""One probe: a fetch that is tried again where it fails, and that always ends in evidence.

Rule of this file: a failure is evidence, whatever caused it; a bug in a fetch is logged and is a failure too. What was
seen before is asked about by its validators, and a 304 makes it evidence of now.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from optout_middleware.evidence.freshness import is_unreachable, retry_after
from optout_middleware.evidence.revalidation import NOT_MODIFIED, conditions, revalidated
from optout_middleware.evidence.store import newest
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from datetime import datetime

    from optout_middleware.evidence.fetch import Fetch, Limits

logger = logging.getLogger(__name__)

_PATIENCE = 30.0  # seconds; an origin whose Retry-After is longer is not asked again by the same probe


@dataclass
class Counts:
    """What was asked of whom.

    Fields:
        memory: sites answered from memory.
        looked: origins that were looked at, in the store or by probes; again when what was seen held no more.
        store: origins whose robots.txt was fresh in the store.
        shared: locations and documents that another process probed while this one was about to.
        probes: (name of `policy.ALL_LOCATIONS`, "answered", "revalidated" or "unreachable") -> probes, each counted
            once however often it was tried; what a 304 confirmed is "revalidated" only.
    """

    memory: int = 0
    looked: int = 0
    store: int = 0
    shared: int = 0
    probes: Counter[tuple[str, str]] = field(default_factory=Counter)


class Probe:
    """Looks at one location or document, and counts what came of it.

    Args:
        counts: where to count.
        limits, back_off, margin, now, sleep, private_documents: as for `optout_middleware.evidence.gather.Gather`.
    """

    def __init__(
        self,
        counts: Counts,
        limits: Limits,
        back_off: Sequence[float],
        *,
        margin: float,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
        private_documents: bool,
    ) -> None:
        self._counts = counts
        self._limits = limits
        self._document_limits = replace(limits, public_only=not private_documents)
        self._back_off = tuple(back_off)
        self._longest = limits.timeout + margin
        self._now, self._sleep = now, sleep

    async def __call__(
        self, url: str, kind: str, fetch: Fetch, before: Sequence[Evidence] = (), *, is_named: bool = False
    ) -> Evidence:
        """Fetch a location; where that fails, again after each pause of the back-off.

        Args:
            url: of the location or document.
            kind: a name of `policy.ALL_LOCATIONS`.
            fetch: what fetches.
            before: evidence of the same URL that holds no more.
            is_named: whether a site made us ask there, so that the address must be public.
        """
        limits = self._document_limits if is_named else self._limits
        known = next((item for item in newest(before) if conditions(item)), None)
        seen, result = await self._tried(url, limits, fetch, known)
        for pause in self._back_off:
            asked = retry_after(seen) or 0.0
            if result != "unreachable" or asked > _PATIENCE:
                break
            if seen.status == NOT_MODIFIED:
                known = None  # the origin confirmed something else than what we have
            await self._sleep(max(pause, asked))
            seen, result = await self._tried(url, limits, fetch, known)
        self._counts.probes[kind, result] += 1
        return seen

    async def _tried(self, url: str, limits: Limits, fetch: Fetch, known: Evidence | None) -> tuple[Evidence, str]:
        """Fetch once; give what was seen, and what that comes to."""
        seen = await self._awaited(url, self._fetched(url, fetch, limits, known))
        if known is not None and (again := revalidated(known, seen)) is not None:
            return again, "revalidated"
        return seen, "unreachable" if is_unreachable(seen) else "answered"

    async def _awaited(self, url: str, fetched: Coroutine[object, object, Evidence]) -> Evidence:
        """Wait for a fetch; what does not return in time is left behind, even if it heeds no cancellation."""
        task = asyncio.get_running_loop().create_task(fetched)
        try:
            await asyncio.wait({task}, timeout=self._longest)
            if task.done() and not task.cancelled():
                return task.result()
            error = "the fetch was cancelled" if task.done() else f"no answer within {self._longest:g} s"
        finally:
            task.cancel()
        return self._failure(url, error)

    async def _fetched(self, url: str, fetch: Fetch, limits: Limits, known: Evidence | None) -> Evidence:
        """Fetch once; a fetch that breaks its contract is a bug of ours: logged, and unreachable."""
        try:
            seen = await fetch(url, limits, known)
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
