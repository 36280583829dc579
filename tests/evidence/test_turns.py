"""Turns: who waits, for what, and until when; and turns between processes that share one SQLite file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from optout_middleware.evidence.store import ALONE, Lease
from optout_middleware.evidence.stores.file_locks import FileLocks
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import Evidence, OptOutError

from .webs import PAGE, ROBOTS, TDMREP, Clock, Web, gather

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Told(MemoryStore):
    """A shared store in which another process has the turn of robots.txt as long as a test says."""

    def __init__(self, taken: int, then: Callable[[Told], Evidence | None] = lambda _: None) -> None:
        super().__init__()
        self.taken, self._then = taken, then
        self.held: list[str] = []

    async def lease(self, url: str) -> Lease | None:
        """Give the turn, once the other process has let go of it."""
        if url == ROBOTS and self.taken:
            self.taken -= 1
            if not self.taken and (seen := self._then(self)) is not None:
                await self.save([seen])
            return None
        self.held.append(url)
        return _Turn(self.held, url)


class _Turn:
    def __init__(self, held: list[str], url: str) -> None:
        self._held, self._url = held, url

    async def release(self) -> None:
        self._held.remove(self._url)


def answer(clock: Clock, ahead: float = 0.0) -> Callable[[Told], Evidence]:
    """Give what the other process finds, on a clock that is that much ahead."""

    def found(_: Told) -> Evidence:
        clock.seconds += ahead
        seen = Evidence(ROBOTS, 200, (), b"User-agent: *\nDisallow: /\n", clock.now())
        clock.seconds -= ahead
        return seen

    return found


async def test_what_another_process_found_is_taken(clock: Clock, web: Web) -> None:
    """Who waits looks again after longer and longer pauses, and probes nothing in the end."""
    store = Told(7, answer(clock))
    each = gather(clock, store)
    assert not (await each.site(PAGE, web)).may_fetch(PAGE)
    assert web.asked == {}
    assert clock.slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    assert (each.counts.shared, each.counts.store, store.held) == (1, 1, [])


async def test_a_turn_that_ends_without_evidence_goes_to_the_next(clock: Clock, web: Web) -> None:
    """Where the other process found nothing, this one probes."""
    store = Told(3)
    each = gather(clock, store)
    assert (await each.site(PAGE, web)).may_fetch(PAGE)
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    assert (each.counts.shared, store.held) == (0, [])


async def test_a_clock_that_is_a_little_ahead_is_waited_for(clock: Clock, web: Web) -> None:
    """Evidence of another machine that is from in a second counts in a second."""
    each = gather(clock, Told(1, answer(clock, 1.5)))
    assert not (await each.site(PAGE, web)).may_fetch(PAGE)
    assert (web.asked, clock.slept) == ({}, [1.5])


async def test_a_clock_that_is_wrong_is_not_waited_for(clock: Clock, web: Web) -> None:
    """Evidence from in an hour counts as none, as everywhere."""
    each = gather(clock, Told(1, answer(clock, 3600)))
    assert (await each.site(PAGE, web)).may_fetch(PAGE)
    assert web.asked == {ROBOTS: 1, TDMREP: 1}


async def test_a_failed_probe_releases_its_turn(clock: Clock, web: Web) -> None:
    """A store that fails while it saves keeps nobody else waiting."""

    class Full(Told):
        async def save(self, batch: object) -> None:
            raise OptOutError("the store is full")

    store = Full(0)
    with pytest.raises(OptOutError, match="full"):
        await gather(clock, store).site(PAGE, web)
    assert store.held == []


async def test_a_store_without_turns_is_loaded_once(clock: Clock, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that shares its store with nobody looks into it once."""
    store, loaded = MemoryStore(), []
    load = store.load

    async def counted(origin: str) -> list[Evidence]:
        loaded.append(origin)
        return await load(origin)

    monkeypatch.setattr(store, "load", counted)
    await gather(clock, store).site(PAGE, web)
    assert len(loaded) == 1
    await ALONE.release()


# -- processes that share one SQLite file

HOLD = """
import asyncio, sys
from datetime import datetime, timezone
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import Evidence

async def main(path, url):
    store = SqliteStore(path)
    turn = await store.lease(url)
    print("held" if turn else "taken", flush=True)
    if sys.stdin.readline().strip() == "save":
        await store.save([Evidence(url, 200, (), b"found", datetime(2026, 11, 24, tzinfo=timezone.utc))])
        await turn.release()
        print("released", flush=True)
        sys.stdin.readline()
        store.flush()
        print("written", flush=True)
        sys.stdin.readline()

asyncio.run(main(*sys.argv[1:]))
"""


class Other:
    """Another process, told line by line what to do."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), ROBOTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def told(self, what: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self.says()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


async def turn_of(store: SqliteStore, url: str) -> Lease:
    """Get a turn that nobody has."""
    turn = await store.lease(url)
    assert turn is not None
    return turn


async def test_processes_take_turns(tmp_path: Path) -> None:
    """A turn in one SQLite file lasts until what was found is written; a killed process has none."""
    path = tmp_path / "evidence.sqlite"
    store = SqliteStore(path)
    other = Other(path)
    try:
        assert other.says() == "held"
        assert await store.lease(ROBOTS) is None
        await (await turn_of(store, TDMREP)).release()
        assert other.told("save") == "released"
        assert await store.lease(ROBOTS) is None
        assert other.told("flush") == "written"
        turn = await turn_of(store, ROBOTS)
        assert [seen.body for seen in await store.load("http://news.example")] == [b"found"]
        await turn.release()
    finally:
        other.kill()
    other = Other(path)
    assert other.says() == "held"
    other.kill()
    await turn_of(store, ROBOTS)
    late = Other(path)
    assert late.says() == "taken"
    late.kill()
    await store.close()


def test_locks_that_cannot_be_made(tmp_path: Path) -> None:
    """A lock file that cannot be made is one line; a closed one keeps nobody from anything."""
    with pytest.raises(OptOutError, match="cannot make the lock file"):
        FileLocks(tmp_path / "missing" / "turns")
    locks = FileLocks(tmp_path / "turns")
    locks.close()
    locks.close()
    assert locks.take("x")
    locks.release("x")


def test_waiting_ends_with_the_crawl(clock: Clock, web: Web) -> None:
    """A crawl that is closed while it waits for another process ends, and allows nothing."""

    async def closed() -> bool:
        each = gather(clock, Told(1_000_000))
        waiting = asyncio.create_task(each.site(PAGE, web))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await each.close()
        return (await waiting).may_fetch(PAGE)

    assert not asyncio.run(closed())
    assert web.asked == {}
