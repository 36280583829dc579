"""Gather where something goes wrong: failures tried again, fetches that misbehave, waiters that give up, the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.decide import Site
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, OptOutError, Outcome, WaitsFor

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
POLICY = Policy("ExampleBot")
HOST = "http://news.example"
PAGE, ROBOTS, TDMREP = f"{HOST}/page", f"{HOST}/robots.txt", f"{HOST}/.well-known/tdmrep.json"
QUICK = {"limits": Limits(timeout=0.01), "margin": 0.0, "back_off": ()}
Made = Callable[..., Gather]


class Script:
    """A fetch whose answers to each URL stand in a list, the last one for good; a status, headers or an error."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = {
            f"{HOST}/robots.txt": answers.get("robots", [404]),
            TDMREP: answers.get("tdmrep", [404]),
        }
        self.asked: list[str] = []

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Give the next answer."""
        self.asked.append(url)
        answers = self.answers[url]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        status, headers = answer if isinstance(answer, tuple) else (answer, ())
        return Evidence(url, status, headers, b"", NOW)


@pytest.fixture
def slept() -> list[float]:
    """Give the list of the pauses that were made."""
    return []


@pytest.fixture
def made(slept: list[float]) -> Made:
    """Give what makes a gather whose pauses take no time."""

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    def make(store: Any = None, **options: Any) -> Gather:
        return Gather(POLICY, store or MemoryStore(), **{"now": lambda: NOW, "sleep": sleep, **options})

    return make


def waits_for_a_probe(site: Site) -> bool:
    """Tell whether the site says: ask again."""
    decision = site.decide(PAGE, at=NOW)
    return decision.outcome is Outcome.PENDING and decision.waits_for is WaitsFor.PROBE


@pytest.mark.parametrize(
    ("answers", "pauses", "unreachable"),
    [
        ([404], [], False),
        ([403], [], False),
        ([503, 404], [1.0], False),
        ([None, 429, 200], [1.0, 4.0], False),
        ([503], [1.0, 4.0], True),
        ([(503, [("retry-after", "20")]), 404], [20.0], False),
        ([(429, [("retry-after", "30")]), 404], [30.0], False),
        ([(429, [("retry-after", "2")]), (429, [("retry-after", "2")]), 404], [2.0, 4.0], False),
        ([(503, [("retry-after", "31")]), 404], [], True),
        ([(503, [("retry-after", "Tue, 24 Nov 2026 12:00:10 GMT")]), 404], [10.0], False),
        ([(503, [("retry-after", "nonsense")]), 404], [1.0], False),
        ([(200, [("retry-after", "20")])], [], False),
    ],
)
async def test_a_failed_probe_is_tried_again_with_back_off(
    made: Made, slept: list[float], answers: list[Any], pauses: list[float], unreachable: bool
) -> None:
    """Failures are asked again after a pause, longer if the origin says so; an answer never is."""
    fetch = Script(robots=answers.copy())
    gathered = made()
    site = await gathered.site(PAGE, fetch)
    assert slept == pauses
    assert fetch.asked.count(ROBOTS) == len(pauses) + 1
    assert waits_for_a_probe(site) is unreachable
    assert site.may_fetch(PAGE) is not unreachable
    result = "unreachable" if unreachable else "answered"
    assert gathered.counts.probes["robots.txt", result] == 1, "a probe is counted once"


async def test_another_location_unreachable_is_waited_for(made: Made, slept: list[float]) -> None:
    """robots.txt answers, tdmrep.json does not: fetch, but do not keep yet."""
    site = await made().site(PAGE, Script(tdmrep=[503]))
    assert slept == [1.0, 4.0]
    assert site.may_fetch(PAGE)
    assert waits_for_a_probe(site)


async def test_a_fetch_that_raises_is_logged_and_unreachable(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a fetch is no permission, and is tried again like any failure."""
    gathered = made()
    site = await gathered.site(PAGE, Script(robots=[ZeroDivisionError("bug")]))
    assert waits_for_a_probe(site)
    assert site.files[0].source.error == "the fetch raised ZeroDivisionError"
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
    assert gathered.known(PAGE) is site, "a failure has a life, so that it is not asked again at once"
    site = await made().site(PAGE, Script(robots=[ZeroDivisionError("bug"), 404]))
    assert not waits_for_a_probe(site)


@pytest.mark.parametrize("others", [{"url": "http://evil.example/robots.txt"}, {"from_cache": True}])
async def test_evidence_of_something_else_is_not_used(
    made: Made, caplog: pytest.LogCaptureFixture, others: dict[str, Any]
) -> None:
    """Another URL's answer, or one out of an HTTP cache, says nothing of this origin now."""

    async def fetch(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        values = {"url": url, **others}
        return Evidence(values.pop("url"), 200, (), b"", NOW, **values)

    assert waits_for_a_probe(await made(back_off=()).site(PAGE, fetch))
    assert "not used" in caplog.text


async def test_a_fetch_that_never_returns_is_left_behind(made: Made) -> None:
    """It counts as unreachable, whether it heeds its cancellation or not."""
    free = asyncio.Event()
    rounds = []

    async def hangs(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        while not free.is_set():
            rounds.append(url)
            with suppress(asyncio.CancelledError):
                await free.wait()
        return Evidence(url, 200, (), b"", NOW)

    site = await made(**QUICK).site(PAGE, hangs)
    assert waits_for_a_probe(site)
    assert site.files[0].source.error == "no answer within 0.01 s"
    await asyncio.sleep(0)
    assert rounds == [ROBOTS, ROBOTS], "it was cancelled, and went on"
    free.set()
    await asyncio.sleep(0)


async def test_a_fetch_that_is_cancelled_by_its_engine_is_unreachable(made: Made) -> None:
    """The waiters are not cancelled with it."""
    site = await made().site(PAGE, Script(robots=[asyncio.CancelledError()]))
    assert site.files[0].source.error == "the fetch was cancelled"


async def test_who_gives_up_waiting_ends_nobody_elses_wait(made: Made) -> None:
    """The first waiter, for whom the probe was started, may be cancelled like any other."""
    gate, started = asyncio.Event(), asyncio.Event()
    asked: list[str] = []

    async def fetch(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        asked.append(url)
        started.set()
        await gate.wait()
        return Evidence(url, 404, (), b"", NOW)

    gathered = made()
    waiting = [asyncio.ensure_future(gathered.site(PAGE, fetch)) for _ in range(5)]
    await started.wait()
    for waiter in waiting[:3]:
        waiter.cancel()
    ended = await asyncio.gather(*waiting[:3], return_exceptions=True)
    assert [type(result) for result in ended] == [asyncio.CancelledError] * 3
    gate.set()
    sites = await asyncio.gather(*waiting[3:])
    assert sites[0].decide(PAGE, at=NOW).outcome is Outcome.ALLOW
    assert asked == [ROBOTS, TDMREP]


async def test_all_may_give_up_and_the_probe_is_not_lost(made: Made) -> None:
    """What was asked for nobody is known to the next one."""
    gate, started = asyncio.Event(), asyncio.Event()

    async def fetch(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        started.set()
        await gate.wait()
        return Evidence(url, 403, (), b"", NOW)

    gathered, later = made(), Script()
    waiter = asyncio.ensure_future(gathered.site(PAGE, fetch))
    await started.wait()
    waiter.cancel()
    await asyncio.wait({waiter})
    gate.set()
    site = await gathered.site(PAGE, later)
    assert site.files[0].source.status == 403
    assert later.asked == [TDMREP]


class Unthinkable(BaseException):
    """What no code may catch."""


async def test_an_error_no_code_may_catch_reaches_every_waiter(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is left hanging, and the next request starts anew."""
    gathered = made()
    fetch = Script(robots=[Unthinkable(), 404])
    ended = await asyncio.gather(*(gathered.site(PAGE, fetch) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in ended] == [Unthinkable] * 3
    assert "looking at the locations of http://news.example failed" in caplog.text
    assert not waits_for_a_probe(await gathered.site(PAGE, fetch))


class BrokenStore(MemoryStore):
    """A store that cannot be written, or read."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    async def load(self, origin: str) -> list[Evidence]:
        """Fail, if that is the part."""
        if self.part == "load":
            raise OptOutError("cannot read")
        return await super().load(origin)

    async def save(self, batch: Any) -> None:
        """Fail, if that is the part."""
        if self.part == "save":
            raise OptOutError("cannot write")
        await super().save(batch)


@pytest.mark.parametrize("part", ["load", "save"])
async def test_a_broken_store_stops_who_waits(made: Made, part: str) -> None:
    """Evidence that cannot be kept does not become a decision; each request hears of it."""
    gathered = made(BrokenStore(part))
    ended = await asyncio.gather(*(gathered.site(PAGE, Script()) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in ended] == [OptOutError] * 3
    assert gathered.known(PAGE) is None
    await gathered.close()


async def test_an_error_in_on_robots_stops_who_waits(made: Made) -> None:
    """What cannot be told is not passed over."""

    async def on_robots(_: Evidence) -> None:
        raise OptOutError("cannot tell")

    with pytest.raises(OptOutError, match="cannot tell"):
        await made(on_robots=on_robots).site(PAGE, Script())


async def test_close_ends_probes_and_allows_nothing(made: Made, tmp_path: Path) -> None:
    """Who still waits gets a site nobody looked at; what was seen is in the store."""
    path = tmp_path / "evidence.sqlite"
    started = asyncio.Event()

    async def fetch(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        if url != ROBOTS:
            started.set()
            await asyncio.Event().wait()
        return Evidence(url, 404, (), b"", NOW)

    async def hangs(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    gathered = made(SqliteStore(path))
    waiting = [asyncio.ensure_future(gathered.site(PAGE, fetch)) for _ in range(3)]
    hanging = asyncio.ensure_future(gathered.site("http://other.example/", hangs))
    await started.wait()
    await gathered.close()
    for site in await asyncio.gather(*waiting):
        assert waits_for_a_probe(site)
        assert site.may_fetch(PAGE), "robots.txt had answered"
    assert await hanging == Site.unseen("http://other.example", POLICY)
    late = await gathered.site("http://late.example/", fetch)
    assert not late.may_fetch("http://late.example/")
    await gathered.close()
    again = SqliteStore(path)
    assert [seen.url for seen in await again.load(HOST)] == [ROBOTS]
    await again.close()


async def test_a_store_that_answers_late_makes_no_second_probe(made: Made) -> None:
    """A look into a slow store that ends after a probe has landed does not undo what that found."""
    asked: list[str] = []
    store = MemoryStore()
    gates: asyncio.Queue[asyncio.Event] = asyncio.Queue()
    load: Callable[[str], Awaitable[list[Evidence]]] = store.load

    async def slow(origin: str) -> list[Evidence]:
        found = await load(origin)
        gate = asyncio.Event()
        gates.put_nowait(gate)
        await gate.wait()
        return found

    store.load = slow  # type: ignore[method-assign]

    async def fetch(url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        asked.append(url)
        if url == TDMREP:
            probing.set()
            await tdmrep.wait()
        return Evidence(url, 404, (), b"", NOW)

    probing, tdmrep = asyncio.Event(), asyncio.Event()
    gathered = made(store)
    first = asyncio.ensure_future(gathered.site(PAGE, fetch))
    (await gates.get()).set()
    await probing.wait()
    second = asyncio.ensure_future(gathered.site(f"{PAGE}/2", fetch))
    late = await gates.get()
    tdmrep.set()
    site = await first
    late.set()
    assert await second is site
    assert asked == [ROBOTS, TDMREP]
    assert gathered.known(PAGE) is site
