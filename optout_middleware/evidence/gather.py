"""Gather what the files of an origin say: from memory, from the store, or by one probe at a time a location.

Rule of this file: robots.txt first, since it may settle the matter alone and says which other locations are
closed to us. A failure is tried again, then is evidence with a short life, never "nothing there". In memory
stands one compact `Site` for each origin; bytes are the store's. Whatever goes wrong ends in a site that does
not allow, or in an error.

Two flights for each origin, each shared by all who wait for it: the first looks into the store and at
robots.txt, the second at the other locations. A flight is a task of its own, so that who gives up waiting
ends nobody else's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.decide import Site
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.freshness import Lifetimes, is_unreachable, lifetime, spread
from optout_middleware.evidence.locations import location_of, location_url
from optout_middleware.evidence.probe import Probe
from optout_middleware.evidence.store import newest
from optout_middleware.files import State, state_of
from optout_middleware.policy import FALLBACKS, LOCATIONS, RSL
from optout_middleware.terms import OptOutError, Outcome
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.evidence.store import Store
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence

logger = logging.getLogger(__name__)

ROBOTS = "robots.txt"
_ROUNDS = 3  # the locations, what stands in for one that is missing, and once more in case that names something
_SHORTEST_HEAD = len("http://h")


@dataclass(frozen=True, slots=True)
class _Known:
    """A site in memory: until when it holds (monotonic), and whether all its locations were looked at."""

    site: Site
    expiry: float
    whole: bool


class _Look(NamedTuple):
    """What a flight came to: the evidence by location, the site read from it, the locations not looked at."""

    seen: Mapping[str, list[Evidence]]
    site: Site
    missing: tuple[str, ...]


@dataclass
class Counts:
    """What was asked of whom.

    Fields:
        memory: sites answered from memory.
        store: origins whose robots.txt was fresh in the store.
        probes: (location, "answered" or "unreachable") -> probes, each counted once however often it was
            tried.
    """

    memory: int = 0
    store: int = 0
    probes: Counter[tuple[str, str]] = field(default_factory=Counter)


class Gather:
    """Gives the `Site` of a URL's origin.

    Args:
        policy: which locations to look at, and what is decided by.
        store: where evidence is kept; `close` closes it.
        lifetimes: how long evidence holds.
        limits: how far one try of a probe may go.
        back_off: seconds to wait before each further try of a failed probe.
        max_sites: how many sites stay in memory; the one unused for longest goes first.
        margin: seconds that a fetch may take beyond `limits.timeout`, for waiting its turn in a crawler's
            queue, before it counts as one that never returns.
        now: the clock, aware.
        monotonic: seconds on a clock that is never set.
        sleep: waits for seconds.
        on_robots: awaited with the evidence of each robots.txt that a probe got an answer for.
    """

    def __init__(  # noqa: PLR0913 - what is injected stands here once, with its default
        self,
        policy: Policy,
        store: Store,
        *,
        now: Callable[[], datetime],
        lifetimes: Lifetimes | None = None,
        limits: Limits | None = None,
        back_off: Sequence[float] = (1.0, 4.0),
        max_sites: int = 200_000,
        margin: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        on_robots: Callable[[Evidence], Awaitable[None]] | None = None,
    ) -> None:
        if max_sites < 1:
            raise OptOutError(f"max_sites is {max_sites}: give a number above 0")
        self.counts = Counts()
        self._policy = policy
        self._files = tuple(name for name in policy.locations if name in LOCATIONS)
        self._store = store
        self._lifetimes = lifetimes or Lifetimes()
        self._probe = Probe(limits or Limits(), back_off, margin=margin, now=now, sleep=sleep)
        self._max_sites = max_sites
        self._now, self._monotonic = now, monotonic
        self._on_robots = on_robots
        self._sites: OrderedDict[str, _Known] = OrderedDict()
        self._flights: dict[tuple[str, bool], asyncio.Task[_Look]] = {}
        self._closed = False

    def known(self, url: str) -> Site | None:
        """Give the site of a URL if it is in memory, fresh, and says enough to decide about this URL."""
        # A head that is an origin letter for letter, with a slash after it, is the URL's origin: no parsing.
        end = url.find("/", _SHORTEST_HEAD)
        known = self._sites.get(url[:end]) if end > 0 else None
        if known is None:
            known = self._sites.get(origin_of(url) or "")
            if known is None:
                return None
        site = known.site
        if known.expiry <= self._monotonic() or not (known.whole or self._settled(site, url)):
            return None
        self._sites.move_to_end(site.origin)
        self.counts.memory += 1
        return site

    async def site(self, url: str, fetch: Fetch) -> Site:
        """Give the site of a URL, looking at what is not known yet.

        Args:
            url: an absolute http(s) URL.
            fetch: what probes with; where a probe is under way already, that one is waited for.

        Returns:
            A site that says enough to decide about this URL, but maybe not about others of its origin. After
            `close`: what is known, else a site that nobody looked at, which allows nothing.

        Raises:
            OptOutError: the store cannot be read or written.
            ValueError: not an http(s) URL.
        """
        if (site := self.known(url)) is not None:
            return site
        origin = origin_of(url)
        if origin is None:
            raise ValueError(f"{url} is not an http(s) URL")
        look = await self._shared((origin, False), partial(self._first, origin, fetch))
        if look is None:
            return Site.unseen(origin, self._policy)
        if not look.missing or self._settled(look.site, url):
            return look.site
        if self._is_whole(origin):  # while this one waited for its turn, the second flight of another landed
            return self._sites[origin].site
        rest = await self._shared((origin, True), partial(self._second, origin, fetch, look))
        return look.site if rest is None else rest.site

    async def close(self) -> None:
        """End the probes under way, write and close the store."""
        self._closed = True
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)
        await self._store.close()

    def _settled(self, site: Site, url: str) -> bool:
        """Tell whether robots.txt alone settles a URL: no other location can then change the decision."""
        return not site.may_fetch(url) or site.decide(url, at=self._now()).outcome is Outcome.DENY

    async def _shared(
        self, key: tuple[str, bool], start: Callable[[], Coroutine[object, object, _Look]]
    ) -> _Look | None:
        """Wait for the flight of that key, starting it if there is none; None = it was ended by `close`.

        `asyncio.wait` neither cancels the flight with a waiter nor mistakes an ended flight for an ended
        waiter.
        """
        flight = self._flights.get(key)
        if flight is None:
            if self._closed:
                return None
            flight = self._flights[key] = asyncio.get_running_loop().create_task(start())
            flight.add_done_callback(partial(self._landed, key))
        await asyncio.wait({flight})
        return None if flight.cancelled() else flight.result()

    def _landed(self, key: tuple[str, bool], flight: asyncio.Task[_Look]) -> None:
        del self._flights[key]
        if not flight.cancelled() and (error := flight.exception()) is not None:
            # Those who wait are told too; by now there may be none.
            logger.error("looking at the locations of %s failed: %s", key[0], error)

    async def _first(self, origin: str, fetch: Fetch) -> _Look:
        """Look into the store and, where its robots.txt is not fresh, at that."""
        now = self._now()
        seen: dict[str, list[Evidence]] = {}
        for item in await self._store.load(origin):
            if item.fetched_at <= now:  # else a clock went wrong, and a decision would pass it over
                seen.setdefault(location_of(item.url) or "", []).append(item)
        if self._remaining(origin, seen.get(ROBOTS, ())) > 0:
            self.counts.store += 1
        else:
            probed = await self._probed(location_url(origin, ROBOTS), ROBOTS, fetch)
            await self._store.save([probed])
            if self._on_robots is not None and not is_unreachable(probed):
                await self._on_robots(probed)
            seen[ROBOTS] = [*seen.get(ROBOTS, ()), probed]
        if RSL in self._policy.locations:
            for url in Site.read(self._counting(seen[ROBOTS]), self._policy).named():
                kept = await self._store.load_document(url)
                seen[url] = [item for item in kept if item.fetched_at <= now]
        return self._looked(origin, seen)

    async def _second(self, origin: str, fetch: Fetch, look: _Look) -> _Look:
        """Look at what is still to look at, all at once; then at what stands in for what is missing there."""
        for _ in range(_ROUNDS):
            if not look.missing:
                break
            probes = (self._probed(_url_of(origin, name), _kind_of(name), fetch) for name in look.missing)
            probed = await asyncio.gather(*probes)
            await self._store.save(probed)
            found = zip(look.missing, probed, strict=True)
            seen = {**look.seen, **{name: [*look.seen.get(name, ()), item] for name, item in found}}
            look = self._looked(origin, seen)
        return look

    async def documents(self, urls: Sequence[str], fetch: Fetch) -> list[Evidence]:
        """Give the documents at the URLs that a page names, from the store or by one probe each.

        Raises:
            OptOutError: the store cannot be read or written.
        """
        looks = [await self._shared((url, False), partial(self._document, url, fetch)) for url in dict.fromkeys(urls)]
        return [item for look in looks if look is not None for items in look.seen.values() for item in items]

    async def _document(self, url: str, fetch: Fetch) -> _Look:
        """Look at one document that a page names."""
        now = self._now()
        items = [item for item in await self._store.load_document(url) if item.fetched_at <= now]
        if self._remaining(url, items) <= 0:
            probed = await self._probed(url, RSL, fetch)
            await self._store.save([probed])
            items.append(probed)
        return _Look({url: self._counting(items)}, Site.unseen(url, self._policy), ())

    async def _probed(self, url: str, kind: str, fetch: Fetch) -> Evidence:
        """Probe one location and count what came of it."""
        seen = await self._probe(url, fetch)
        self.counts.probes[kind, "unreachable" if is_unreachable(seen) else "answered"] += 1
        return seen

    def _looked(self, origin: str, seen: Mapping[str, list[Evidence]]) -> _Look:
        """Read the site from robots.txt and from what is fresh of the other locations, and remember it.

        What is neither fresh nor open to us by robots.txt is left out: it says nothing, and the decision
        notes why.
        """
        remaining = {name: self._remaining(origin, items) for name, items in seen.items()}
        files = [name for name in self._files if name == ROBOTS or remaining.get(name, 0) > 0]
        site = Site.read([item for name in files for item in self._counting(seen[name])], self._policy)
        documents = [url for url in site.named() if remaining.get(url, 0) > 0]
        fresh = [*files, *documents]
        if documents:
            site = Site.read([item for name in fresh for item in self._counting(seen[name])], self._policy)
        missing = tuple(name for name in (*self._files, *site.named()) if self._is_missing(name, fresh, seen, site))
        if not (missing and self._is_whole(origin)):  # else a second flight landed after this one took off
            self._sites.pop(origin, None)  # the key is the site's own string, so that it is kept once
            expiry = self._monotonic() + min(remaining[name] for name in fresh)
            self._sites[site.origin] = _Known(site, expiry, not missing)
            if len(self._sites) > self._max_sites:
                self._sites.popitem(last=False)
        return _Look(seen, site, missing)

    def _is_missing(self, name: str, fresh: Sequence[str], seen: Mapping[str, list[Evidence]], site: Site) -> bool:
        """Tell whether a location or document is to be looked at now."""
        if name in fresh:
            return False
        before = FALLBACKS.get(name)
        if before is not None and (before not in fresh or state_of(newest(seen[before])[0]) == State.READ):
            return False  # what goes before it is there, or is looked at first
        return name not in LOCATIONS or site.may_fetch(location_url(site.origin, name))

    def _is_whole(self, origin: str) -> bool:
        """Tell whether memory has a fresh site of which all locations were looked at."""
        known = self._sites.get(origin)
        return known is not None and known.whole and known.expiry > self._monotonic()

    def _counting(self, items: Sequence[Evidence]) -> list[Evidence]:
        """Give the newest evidence of a location; where it is a failure, an answer that still counts too."""
        last, *copies = newest(items)
        oldest = last.fetched_at - timedelta(seconds=self._lifetimes.stale)
        return [last, *(copy for copy in copies if copy.fetched_at >= oldest)]

    def _remaining(self, origin: str, items: Sequence[Evidence]) -> float:
        """Give the seconds for which the newest evidence of a location still holds; 0 or less = no more."""
        if not items:
            return 0.0
        last = newest(items)[0]
        age = max((self._now() - last.fetched_at).total_seconds(), 0.0)
        return spread(lifetime(last, self._lifetimes), origin, self._lifetimes) - age


def _url_of(origin: str, name: str) -> str:
    return location_url(origin, name) if name in LOCATIONS else name


def _kind_of(name: str) -> str:
    return name if name in LOCATIONS else RSL
