"""The first pass of a re-check that probes: the distinct origins of a corpus, then each of them asked, politely.

Rule of this file: an origin is asked once for all records of it, never twice within its pause, and all of them
together no faster than the rate. What was seen stands in the store, so that a pass that was stopped goes on there.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.corpus.recheck import quick_origin
from optout_middleware.corpus.records import urls
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import OptOutError
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from optout_middleware.corpus.records import Shard
    from optout_middleware.evidence.fetch import Fetch, Limits
    from optout_middleware.evidence.probe import Counts
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence

_EVERY = 100  # origins between two words to whoever waits


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


class PoliteFetch:
    """A `Fetch` that waits its turn: for the host, and for the rate of all.

    Args:
        fetch: what fetches.
        polite: how fast.
        monotonic: seconds on a clock that is never set.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        fetch: Fetch,
        polite: Politeness,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if polite.delay < 0 or polite.rate <= 0 or polite.at_once < 1:
            raise OptOutError(f"{polite}: give a delay of at least 0, a rate above 0, at least 1 origin at once")
        self._fetch, self._polite = fetch, polite
        self._monotonic, self._sleep = monotonic, sleep
        self._next = 0.0
        self._hosts: dict[str, float] = {}

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Fetch a URL when its turn has come."""
        host, now = host_of(url), self._monotonic()
        turn = max(now, self._next, self._hosts.get(host, 0.0))
        self._next = max(self._next, now) + 1 / self._polite.rate
        self._hosts[host] = turn + self._polite.delay
        if len(self._hosts) > 10 * self._polite.at_once:
            self._hosts = {name: until for name, until in self._hosts.items() if until > now}
        if turn > now:
            await self._sleep(turn - now)
        return await self._fetch(url, limits, known)


async def probe(
    origins: Iterable[tuple[str, str]],
    policy: Policy,
    store: str,
    fetch: Fetch,
    polite: Politeness,
    *,
    now: Callable[[], datetime],
    told: Callable[[int], None] = lambda _: None,
) -> Counts:
    """Ask origins for all that the policy has an eye on, as far as the store does not know it.

    Args:
        origins: each with a URL of it.
        policy: which locations to look at.
        store: the file of the store.
        fetch: what probes with; it waits as `polite` says.
        polite: how fast.
        now: the clock, aware.
        told: gets the number of origins that are done, now and then.

    Raises:
        OptOutError: the store cannot be read or written.
    """
    # Waiting for a turn counts as time of the fetch, and may be long.
    margin = 60.0 + polite.at_once * (polite.delay + len(policy.locations) / polite.rate)
    gather = Gather(policy, SqliteStore(store), now=now, max_sites=1_000, margin=margin)
    turns = PoliteFetch(fetch, polite)
    done = 0
    waiting: set[asyncio.Task[None]] = set()

    async def one(origin: str, url: str) -> None:
        for asked in dict.fromkeys((f"{origin}/", url)):  # robots.txt may settle the one and not the other
            await gather.site(asked, turns)

    try:
        for origin, url in origins:
            waiting.add(asyncio.create_task(one(origin, url)))
            if len(waiting) >= polite.at_once:
                ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                done += _ended(ended)
                if done % _EVERY < len(ended):
                    told(done)
        if waiting:
            ended, waiting = await asyncio.wait(waiting)
            done += _ended(ended)
        told(done)
    finally:
        await gather.close()
    return gather.counts


def _ended(tasks: Iterable[asyncio.Task[None]]) -> int:
    return sum(1 for task in tasks if task.result() is None)
