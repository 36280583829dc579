"""Where the sites of a corpus come from: a store of evidence, or archives as they were on a day.

Rule of this file: it reads, and asks no origin anything. What nobody looked at within `MAX_AGE` before the day of the
decision is not known: a location is then unreachable, so that a record waits instead of passing on old news.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from optout_middleware.decide import Site
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.evidence.locations import location_url
from optout_middleware.evidence.store import newest
from optout_middleware.evidence.stores import shown, store_of
from optout_middleware.files import STALE
from optout_middleware.policy import LOCATIONS, RSL
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from optout_middleware.evidence.store import Store
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence, Source

MAX_AGE = STALE  # RFC 9309 section 2.3.1.4 gives a copy up after 30 days
_MOST_SITES = 50_000


class Sites(Protocol):
    """Gives what is known of origins and of documents that pages name."""

    def of(self, origins: Iterable[str]) -> dict[str, Site]:
        """Give the site of each origin; of one that nobody looked at, a site that says so."""

    def documents(self, urls: Sequence[str]) -> list[Evidence]:
        """Give what was seen at URLs that pages name."""

    def close(self) -> None:
        """Let go of what is read from."""


class NoSites:
    """Nothing is known of any origin."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def of(self, origins: Iterable[str]) -> dict[str, Site]:
        """Give sites that nobody looked at."""
        return {origin: Site.unseen(origin, self._policy) for origin in origins}

    def documents(self, urls: Sequence[str]) -> list[Evidence]:
        """Give nothing."""
        _ = urls
        return []

    def close(self) -> None:
        """Do nothing."""


class _Cached:
    """Sites read by one function, the last used in memory."""

    def __init__(
        self, policy: Policy, at: datetime, seen: Callable[[Sequence[str]], Sequence[Sequence[Evidence]]]
    ) -> None:
        self._policy, self._at, self._seen = policy, at, seen
        self._sites: OrderedDict[str, Site] = OrderedDict()

    def of(self, origins: Iterable[str]) -> dict[str, Site]:
        known = {origin: self._sites.get(origin) for origin in origins}
        missing = [origin for origin, site in known.items() if site is None]
        found = {origin: site for origin, site in known.items() if site is not None}
        for origin in found:
            self._sites.move_to_end(origin)
        for origin, seen in zip(missing, self._seen(missing), strict=True):
            found[origin] = self._sites[origin] = self._read(origin, seen)
        while len(self._sites) > _MOST_SITES:
            self._sites.popitem(last=False)
        return found

    def documents(self, urls: Sequence[str]) -> list[Evidence]:
        return self._counting(item for seen in self._seen(urls) for item in seen)

    def _read(self, origin: str, items: Sequence[Evidence]) -> Site:
        seen = self._counting(items)
        if not seen:
            return Site.unseen(origin, self._policy)
        site = Site.read(seen, self._policy)
        named = site.named() if RSL in self._policy.locations else ()
        documents = self.documents(named) if named else []
        return Site.read([*seen, *documents], self._policy) if documents else site

    def _counting(self, items: Iterable[Evidence]) -> list[Evidence]:
        """Leave out what was seen after the day, and what is too old for it."""
        return [item for item in newest(items) if self._at - MAX_AGE <= item.fetched_at <= self._at]


class StoredSites:
    """Sites out of a store of evidence.

    Args:
        store: the store, or what `OPTOUT_STORE` would name it by.
        policy: what is decided by.
        at: the date of the decision.

    Raises:
        OptOutError: the store cannot be read, or a server is lost; by every method too.
    """

    def __init__(self, store: Store | str, policy: Policy, at: datetime) -> None:
        self._name, self._is_lost = shown(store) if isinstance(store, str) else "", False
        self._store: Store = store_of(store, self._lost) if isinstance(store, str) else store
        self._loop = asyncio.new_event_loop()
        self._cached = _Cached(policy, at, self._seen)

    def of(self, origins: Iterable[str]) -> dict[str, Site]:
        """Give the site of each origin as the store has it."""
        return self._cached.of(origins)

    def documents(self, urls: Sequence[str]) -> list[Evidence]:
        """Give what the store has of documents."""
        return self._cached.documents(urls)

    def close(self) -> None:
        """Close the store."""
        self._loop.run_until_complete(self._store.close())
        self._loop.close()

    def _seen(self, keys: Sequence[str]) -> list[list[Evidence]]:
        async def loaded() -> list[list[Evidence]]:
            load, document = self._store.load, self._store.load_document
            return [await (load(key) if _is_origin(key) else document(key)) for key in keys]

        found = self._loop.run_until_complete(loaded()) if keys else []
        if self._is_lost:  # what a lost server does not give would be taken for never seen
            raise OptOutError(f"the evidence store {self._name} was lost; the same command goes on where it stopped")
        return found

    def _lost(self) -> None:
        self._is_lost = True


class ArchivedSites:
    """Sites as archives have them of a day.

    Args:
        directories: of archives, or audit directories with an archive below them.
        policy: what is decided by.
        at: the day, to the second.

    Raises:
        OptOutError: a directory cannot be read; a record that is read is not what was written.
    """

    def __init__(self, directories: Sequence[str], policy: Policy, at: datetime) -> None:
        self._reader, self._at = ArchiveReader(directories), at
        self._cached = _Cached(policy, at, self._seen)

    def of(self, origins: Iterable[str]) -> dict[str, Site]:
        """Give the site of each origin as it was seen last before the end of that day."""
        return self._cached.of(origins)

    def documents(self, urls: Sequence[str]) -> list[Evidence]:
        """Give documents as they were seen last before the end of that day."""
        return self._cached.documents(urls)

    def close(self) -> None:
        """Close the archives."""
        self._reader.close()

    def _seen(self, keys: Sequence[str]) -> list[list[Evidence]]:
        return [self._of_day(key) for key in keys]

    def _of_day(self, key: str) -> list[Evidence]:
        urls = [location_url(key, name) for name in LOCATIONS] if _is_origin(key) else [key]
        after = self._at - MAX_AGE - timedelta(microseconds=1)
        found = (self._reader.between(url, after, self._at) for url in urls)
        return [archived.evidence for archived in found if archived is not None]


def _is_origin(key: str) -> bool:
    return "/" not in key.partition("://")[2]


def evidence_hash(sources: Iterable[Source]) -> str:
    """Give the SHA-256 over what was looked at: URL, status and SHA-256 of each, in order of URL.

    The time of looking is left out: the same answer a month later is the same evidence.
    """
    rows = sorted(f"{source.url}\0{source.status}\0{source.sha256}\n" for source in sources)
    return hashlib.sha256("".join(rows).encode("utf-8", "surrogatepass")).hexdigest()
