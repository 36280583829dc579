"""Gather what the files of an origin say: from memory, from the store, or by one probe at a time a location.

Rule of this file: robots.txt first, since it may settle the matter alone and says which other locations are
closed to us. A failure is tried again, then is evidence with a short life, never "nothing there". In memory
stands one compact `Site` for each origin; bytes are the store's. Whatever goes wrong ends in a site that does
not allow, or in an error.

Two flights for each origin, each shared by all who wait for it: the first looks into the store and at
robots.txt, the second at the other locations. One for each document, whoever names it, and one for the
robots.txt of its host.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.decide import Site
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.flights import Flights
from optout_middleware.evidence.freshness import Lifetimes, is_unreachable
from optout_middleware.evidence.locations import location_of, location_url
from optout_middleware.evidence.probe import Counts, Probe
from optout_middleware.evidence.store import counting, past, remaining
from optout_middleware.evidence.turns import Turns
from optout_middleware.policy import FALLBACKS, LOCATIONS, RSL
from optout_middleware.terms import Evidence, OptOutError, Outcome
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.evidence.store import Store
    from optout_middleware.policy import Policy

ROBOTS = "robots.txt"
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
        private_documents: whether documents that a site or page names may stand on addresses that are not public.
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
        private_documents: bool = False,
    ) -> None:
        if max_sites < 1:
            raise OptOutError(f"max_sites is {max_sites}: give a number above 0")
        self.counts = Counts()
        self._policy = policy
        self._files = tuple(name for name in policy.locations if name in LOCATIONS)
        self._store = store
        self._lifetimes = lifetimes or Lifetimes()
        probe = Probe(
            self.counts, limits or Limits(), back_off,
            margin=margin, now=now, sleep=sleep, private_documents=private_documents,
        )  # fmt: skip
        self._turns = Turns(self.counts, probe, store, self._lifetimes, now=now, sleep=sleep)
        self._max_sites = max_sites
        self._now, self._monotonic = now, monotonic
        self._on_robots = on_robots
        self._sites: OrderedDict[str, _Known] = OrderedDict()
        self._firsts: Flights[_Look] = Flights()
        self._seconds: Flights[_Look] = Flights()
        self._documents: Flights[list[Evidence]] = Flights()
        self._hosts: Flights[list[Evidence]] = Flights()

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
        look = await self._firsts.shared(origin, partial(self._first, origin, fetch))
        if look is None:
            return Site.unseen(origin, self._policy)
        if not look.missing or self._settled(look.site, url):
            return look.site
        if self._is_whole(origin):  # while this one waited for its turn, the second flight of another landed
            return self._sites[origin].site
        rest = await self._seconds.shared(origin, partial(self._second, origin, fetch, look))
        return look.site if rest is None else rest.site

    async def close(self) -> None:
        """End the probes under way, write and close the store."""
        flights = (self._firsts, self._seconds, self._documents, self._hosts)
        await asyncio.gather(*(flight.close() for flight in flights))
        await self._store.close()

    def _settled(self, site: Site, url: str) -> bool:
        """Tell whether robots.txt alone settles a URL: no other location can then change the decision."""
        return not site.may_fetch(url) or site.decide(url, at=self._now()).outcome is Outcome.DENY

    async def _first(self, origin: str, fetch: Fetch) -> _Look:
        """Look into the store and, where its robots.txt is not fresh, at that."""
        self.counts.looked += 1
        await self._hosts.landed(origin)
        seen: dict[str, list[Evidence]] = {}
        for item in self._past(await self._store.load(origin)):
            seen.setdefault(location_of(item.url) or "", []).append(item)
        probed: Evidence | None = None
        if self._remaining(origin, before := seen.get(ROBOTS, [])) <= 0:
            seen[ROBOTS], probed = await self._turns(location_url(origin, ROBOTS), ROBOTS, fetch, before)
        if probed is None:
            self.counts.store += 1
        elif self._on_robots is not None and not is_unreachable(probed):
            await self._on_robots(probed)
        if RSL in self._policy.locations:
            for url in Site.read(counting(seen[ROBOTS], self._lifetimes), self._policy).named():
                seen[url] = self._past(await self._store.load_document(url))
        return self._looked(origin, seen)

    async def _second(self, origin: str, fetch: Fetch, look: _Look) -> _Look:
        """Look at what is still to look at, all at once; then at what stands in for what is missing there."""
        tried: set[str] = set()  # what ends while others are looked at is the next flight's to look at again
        while missing := [name for name in look.missing if name not in tried]:
            tried.update(missing)
            looks = (self._looked_at(origin, name, fetch, look.seen.get(name, [])) for name in missing)
            found = dict(zip(missing, await asyncio.gather(*looks), strict=True))
            look = self._looked(origin, {**look.seen, **found})
        return look

    async def _looked_at(self, origin: str, name: str, fetch: Fetch, before: list[Evidence]) -> list[Evidence]:
        """Look at a location or document; give what there is of it now."""
        if name not in LOCATIONS:
            return await self._documents.shared(name, partial(self._document, name, RSL, fetch)) or before
        found, _ = await self._turns(location_url(origin, name), name, fetch, before)
        return found

    async def documents(self, urls: Sequence[str], fetch: Fetch, kind: str = RSL) -> list[Evidence]:
        """Give the documents at the URLs that a page or a statement names, from the store or by one probe each.

        Args:
            urls: absolute http(s) URLs.
            fetch: what probes with.
            kind: what they are, `policy.RSL` or `policy.TDM_POLICY`, for the counts.

        Raises:
            OptOutError: the store cannot be read or written.
        """
        looks = (self._documents.shared(url, partial(self._document, url, kind, fetch)) for url in dict.fromkeys(urls))
        return [item for found in await asyncio.gather(*looks) for item in found or ()]

    async def _document(self, url: str, kind: str, fetch: Fetch) -> list[Evidence]:
        """Look at one document, in the store or by a probe; not where its host's robots.txt closes it to us."""
        before = self._past(await self._store.load_document(url))
        if self._remaining(url, before) > 0:
            return counting(before, self._lifetimes)
        if not await self._lets_fetch(url, fetch):
            closed = Evidence(url, None, (), b"", self._now(), error="closed to us by robots.txt, so not fetched")
            return counting([*before, closed], self._lifetimes)
        found, _ = await self._turns(url, kind, fetch, before, is_named=True)
        return counting(found, self._lifetimes)

    async def _lets_fetch(self, url: str, fetch: Fetch) -> bool:
        """Tell whether robots.txt of a document's own host lets us fetch it; that file alone is looked at for it."""
        origin = origin_of(url)
        if origin is None:
            return False
        known = self._sites.get(origin)
        if known is not None and known.expiry > self._monotonic():
            return known.site.may_fetch(url)
        await self._firsts.landed(origin)
        seen = await self._hosts.shared(origin, partial(self._robots_of_host, origin, fetch))
        return bool(seen) and Site.read(seen or (), self._policy).may_fetch(url)

    async def _robots_of_host(self, origin: str, fetch: Fetch) -> list[Evidence]:
        """Look at robots.txt of a host that only documents are fetched from, which must be a public one like theirs."""
        url = location_url(origin, ROBOTS)
        before = [item for item in self._past(await self._store.load(origin)) if item.url == url]
        if self._remaining(origin, before) > 0:
            return counting(before, self._lifetimes)
        found, _ = await self._turns(url, ROBOTS, fetch, before, is_named=True)
        return counting(found, self._lifetimes)

    def _past(self, items: Sequence[Evidence]) -> list[Evidence]:
        return past(items, self._now())

    def _looked(self, origin: str, seen: Mapping[str, list[Evidence]]) -> _Look:
        """Read the site from robots.txt and from what is fresh of the other locations, and remember it.

        What is neither fresh nor open to us by robots.txt is left out: it says nothing, and the decision
        notes why.
        """
        left = {name: self._remaining(origin if name in LOCATIONS else name, items) for name, items in seen.items()}
        files = [name for name in self._files if name == ROBOTS or left.get(name, 0) > 0]
        site = self._read(files, seen)
        named = site.named()
        fresh = [*files, *(url for url in named if left.get(url, 0) > 0)]
        if len(fresh) > len(files):
            site = self._read(fresh, seen)
        missing = tuple(name for name in (*self._files, *named) if name not in fresh and self._is_open(name, site))
        if not (missing and self._is_whole(origin)):  # else a second flight landed after this one took off
            self._sites.pop(origin, None)  # the key is the site's own string, so that it is kept once
            expiry = self._monotonic() + min(left[name] for name in fresh)
            self._sites[site.origin] = _Known(site, expiry, not missing)
            if len(self._sites) > self._max_sites:
                self._sites.popitem(last=False)
        return _Look(seen, site, missing)

    def _read(self, names: Sequence[str], seen: Mapping[str, list[Evidence]]) -> Site:
        return Site.read([item for name in names for item in counting(seen[name], self._lifetimes)], self._policy)

    def _is_open(self, name: str, site: Site) -> bool:
        """Tell whether a location or document that is not known is to be looked at now."""
        if name not in LOCATIONS:
            return True
        if (before := FALLBACKS.get(name)) in self._files:
            first = next((file for file in site.files if file.location == before), None)
            if first.is_read if first is not None else self._is_open(before, site):
                return False  # what goes before it is there, or is looked at first
        return site.may_fetch(location_url(site.origin, name))

    def _is_whole(self, origin: str) -> bool:
        """Tell whether memory has a fresh site of which all locations were looked at."""
        known = self._sites.get(origin)
        return known is not None and known.whole and known.expiry > self._monotonic()

    def _remaining(self, key: str, items: Sequence[Evidence]) -> float:
        return remaining(items, key, self._lifetimes, self._now())
