"""The first pass of a re-check that probes: the distinct origins of a corpus, then each of them asked, politely.

Rule of this file: an origin is asked once for all records of it, never twice within its pause, and all of them
together no faster than the rate. What was seen stands in the store, so that a pass that was stopped goes on there.

What an origin is asked depends on the URL: where its robots.txt settles that, nothing else is looked at. So the records
are read once more where robots.txt may settle some and not others, or where they may name documents themselves.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optout_middleware.corpus.polite import PoliteFetch, Politeness
from optout_middleware.corpus.recheck import Recheck, quick_origin
from optout_middleware.corpus.records import batches, urls
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.decide import policies_of
from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.stores import store_of
from optout_middleware.policy import LOCATIONS, RSL, TDM_POLICY
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from optout_middleware.corpus.records import Shard
    from optout_middleware.decide import Site
    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.evidence.probe import Counts
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence

__all__ = ["Origins", "Politeness", "Probing"]

_EVERY = 100  # origins between two words to whoever waits
_MOST_SITES = 20_000  # in memory


class Origins:
    """The distinct origins of a corpus, each with a URL of it, in a file: there may be more than memory holds.

    Args:
        path: of the file; it is made anew.

    Raises:
        OptOutError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            self._db = sqlite3.connect(path)
            self._db.execute("CREATE TABLE origin (origin TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID")
        except (OSError, sqlite3.Error) as error:
            raise OptOutError(f"the list of origins {path} cannot be written: {error}") from None

    def add(self, shards: Sequence[Shard], columns: Mapping[str, str]) -> dict[str, str]:
        """Read the URLs of shards; give those that cannot be read to their end, with the reason."""
        found = {shard.name: self._read(shard, columns) for shard in shards}
        return {name: why for name, why in found.items() if why}

    def _read(self, shard: Shard, columns: Mapping[str, str]) -> str:
        """Read the URLs of a shard; give why it cannot be read to its end, empty where it can."""
        try:
            for batch in urls(shard, columns):
                self.take(batch)
        except IncompleteError as error:
            return str(error)
        return ""

    def take(self, batch: Iterable[str | None]) -> None:
        """Take the origins of URLs."""
        found = {origin: url for url in batch if (origin := quick_origin(url))}
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO origin VALUES (?, ?)", found.items())

    def __len__(self) -> int:
        """The number of origins."""
        return int(self._db.execute("SELECT count(*) FROM origin").fetchone()[0])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Give each origin with a URL of it."""
        yield from self._db.execute("SELECT origin, url FROM origin")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Probing:
    """Asks for what the policy has an eye on, as far as the store does not know it.

    Args:
        policy: which locations to look at.
        store: as `OPTOUT_STORE` names one: the path of a file, or the URL of a server.
        fetch: what probes with; it waits as `polite` says.
        polite: how fast.
        now: the clock, aware.
        told: gets the number of origins that are done, now and then.
        monotonic: seconds on a clock that is never set.
        sleep: waits for seconds.

    Raises:
        OptOutError: the store cannot be opened, read or written; by every method too.
    """

    def __init__(
        self,
        policy: Policy,
        store: str,
        fetch: Fetch,
        polite: Politeness,
        *,
        now: Callable[[], datetime],
        told: Callable[[int], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._policy, self._polite, self._now, self._told = policy, polite, now, told
        self._turns = PoliteFetch(fetch, polite, monotonic=monotonic, sleep=sleep)
        # Waiting for a turn counts as time of the fetch, and may be long.
        margin = 60.0 + polite.at_once * (polite.delay + len(policy.locations) / polite.rate)
        self._gather = Gather(
            policy, store_of(store), now=now, max_sites=_MOST_SITES, margin=margin, monotonic=monotonic, sleep=sleep
        )
        self._names_documents = RSL in policy.locations or TDM_POLICY in policy.locations
        self._is_partial = False  # whether not all of some origin was looked at

    @property
    def counts(self) -> Counts:
        """What was asked of whom."""
        return self._gather.counts

    async def origins(self, origins: Iterable[tuple[str, str]]) -> None:
        """Ask origins, each given with a URL of it."""
        files = {name for name in self._policy.locations if name in LOCATIONS}
        done = 0

        async def one(origin: str, url: str) -> None:
            nonlocal done
            for asked in dict.fromkeys((f"{origin}/", url)):  # robots.txt may settle the one and not the other
                site = await self._gather.site(asked, self._turns)
            self._is_partial |= not files <= {file.location for file in site.files}
            done += 1
            if done % _EVERY == 0:
                self._told(done)

        await self._each(one(origin, url) for origin, url in origins)
        self._told(done)

    async def records(self, shards: Iterable[Shard], columns: Mapping[str, str]) -> None:
        """Ask for what single records need beyond that: their sites where not all was looked at, and documents."""
        if not (self._is_partial or self._names_documents):
            return
        for shard in shards:
            with suppress(IncompleteError):  # told when it is decided about
                await self._shard(shard, columns)

    async def _shard(self, shard: Shard, columns: Mapping[str, str]) -> None:
        if not self._names_documents:
            for some in urls(shard, columns):
                await self._sites(some)
            return
        for batch in batches(shard, columns, with_original=False):
            await self._named(batch.records, await self._sites(batch.records.column("url").to_pylist()))

    async def close(self) -> None:
        """End what is under way, and close the store."""
        await self._gather.close()

    async def _sites(self, found: Sequence[str | None]) -> dict[str, Site]:
        """Give the sites of URLs, looking at what is not known yet."""
        sites: dict[str, Site] = {}
        left = dict.fromkeys(url for url in found if quick_origin(url))

        async def one(origin: str, url: str) -> None:
            sites[origin] = await self._gather.site(url, self._turns)

        while left:
            asked: dict[str, str] = {}  # what one URL of an origin brings may do for the others
            for url in list(left):
                site = self._gather.known(url or "")
                if site is not None:
                    sites[quick_origin(url)] = site
                elif asked.setdefault(quick_origin(url), url or "") != url:
                    continue
                del left[url]
            await self._each(one(origin, url) for origin, url in asked.items())
        return sites

    async def _named(self, records: Any, sites: Mapping[str, Site]) -> None:
        """Look at the documents that records name: licences in their pages and headers, policies of TDMRep."""
        licences: dict[str, None] = {}

        def note(named: Sequence[str]) -> list[Evidence]:
            licences.update(dict.fromkeys(named))
            return []

        checked = Recheck(self._policy, self._now(), note)(records, sites)
        verdicts = {id(verdict): verdict for verdict in checked.verdicts}
        wanted = [(url, RSL) for url in licences]
        if TDM_POLICY in self._policy.locations:
            policies = dict.fromkeys(url for one in verdicts.values() for url in policies_of(one.decision))
            wanted += [(url, TDM_POLICY) for url in policies]

        async def one(url: str, kind: str) -> None:
            await self._gather.documents([url], self._turns, kind)

        await self._each(one(url, kind) for url, kind in wanted)

    async def _each(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Do works, so many at once."""
        waiting: set[asyncio.Task[None]] = set()
        for work in works:
            waiting.add(asyncio.create_task(work))
            if len(waiting) >= self._polite.at_once:
                ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
        for task in (await asyncio.wait(waiting))[0] if waiting else ():
            task.result()
