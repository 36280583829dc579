"""Gather: one probe at a time, lifetimes, partial sites, stale copies, faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.freshness import Lifetimes
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, OptOutError, Outcome, WaitsFor
from optout_middleware.urls import origin_of

from .webs import DAY, FAILURE, HOST, PAGE, ROBOTS, TDMREP, Clock, Web, gather

if TYPE_CHECKING:
    from optout_middleware.decide import Site
    from optout_middleware.evidence.store import Store

CLOSED = b"User-agent: *\nDisallow: /private/\nContent-Usage: /reserved/ train-ai=n\n"


def outcome(site: Site, url: str, clock: Clock) -> Outcome:
    """Decide now."""
    return site.decide(url, at=clock.now()).outcome


async def test_a_hundred_requests_make_one_probe_of_each_location(clock: Clock, web: Web, store: Store) -> None:
    """However many wait, each location of a new host is asked once, and all get an answer."""
    web.gate = asyncio.Event()
    gathered = gather(clock, store)
    waiting = [asyncio.ensure_future(gathered.site(f"{PAGE}/{number}", web)) for number in range(100)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert web.asked == {ROBOTS: 1}
    web.gate.set()
    sites = await asyncio.gather(*waiting)
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    assert len(set(sites)) == 1
    assert outcome(sites[0], PAGE, clock) is Outcome.ALLOW
    assert gathered.known(PAGE) is sites[0]


async def test_a_known_host_makes_no_probe(clock: Clock, web: Web, store: Store) -> None:
    """The next request is answered from memory, the next crawl from the store."""
    first = gather(clock, store)
    assert first.known(PAGE) is None
    site = await first.site(PAGE, web)
    assert first.known(f"{HOST}/other") is site
    second = gather(clock, store)
    assert await second.site(PAGE, web) == site
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    assert (first.counts.memory, first.counts.store, second.counts.store) == (1, 0, 1)
    assert first.counts.probes == {("robots.txt", "answered"): 1, ("tdmrep.json", "answered"): 1}
    assert not second.counts.probes


@pytest.mark.parametrize("slash", ["/a/b?c=http://other.example/", "", "?q=/", "#/", "/"])
async def test_known_is_asked_by_any_spelling(clock: Clock, web: Web, slash: str) -> None:
    """A URL finds its origin whatever follows it; a longer host is another."""
    gathered = gather(clock)
    site = await gathered.site(HOST + slash, web)
    for spelling in (
        "http://news.example",
        "http://NEWS.example",
        "http://news.example:80",
        "HTTP://u:p@news.example",
    ):
        assert gathered.known(spelling + slash) is site
    for other in (
        "http://news.example1",
        "https://news.example",
        "http://news.example:81",
        "http://news.exampl",
    ):
        assert gathered.known(other + slash) is None


_PARTS = st.sampled_from(
    ["http://", "https://", "h", "a.example", "/", "//", "?", "#", ":80", "@", "\\", "\t", " ", "é", "["]
)


@given(st.lists(_PARTS, max_size=6).map("".join) | st.text())
def test_known_never_finds_another_origin(url: str) -> None:
    """The short way to the origin of a URL gives what reading the URL gives."""
    gathered = gather(Clock())

    async def fill() -> None:
        for origin in ("http://h", "http://a.example", "https://a.example", "http://ha.example"):
            await gathered.site(origin, Web(Clock()))

    asyncio.run(fill())
    found = gathered.known(url)
    assert (found.origin if found else None) in (origin_of(url), None)
    if origin_of(url) in ("http://h", "http://a.example"):
        assert found is not None


async def test_what_robots_txt_settles_asks_nothing_else(clock: Clock, web: Web, store: Store) -> None:
    """A URL that may not be fetched or used by robots.txt alone leaves the other locations alone."""
    web.answers[ROBOTS] = {"body": CLOSED}
    gathered = gather(clock, store)
    for url in (f"{HOST}/private/1", f"{HOST}/reserved/1", f"{HOST}/private/2"):
        assert outcome(await gathered.site(url, web), url, clock) is Outcome.DENY
    assert gathered.known(f"{HOST}/reserved/2") is not None
    assert gathered.known(PAGE) is None
    assert web.asked == {ROBOTS: 1}
    assert outcome(await gathered.site(PAGE, web), PAGE, clock) is Outcome.ALLOW
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    assert gathered.known(PAGE) is not None


async def test_a_location_closed_to_us_is_not_fetched(clock: Clock, web: Web) -> None:
    """robots.txt that closes the path of a location leaves the site whole without it."""
    web.answers[ROBOTS] = {"body": b"User-agent: *\nDisallow: /.well-known/\n"}
    gathered = gather(clock)
    assert outcome(await gathered.site(PAGE, web), PAGE, clock) is Outcome.ALLOW
    assert gathered.known(PAGE) is not None
    assert web.asked == {ROBOTS: 1}


async def test_a_policy_without_other_locations_asks_robots_txt_only(clock: Clock, web: Web, store: Store) -> None:
    """What the store has of a location that the policy does not name is not used either."""
    web.answers[TDMREP] = {"body": b'[{"location": "/", "tdm-reservation": 1}]'}
    assert outcome(await gather(clock, store).site(PAGE, web), PAGE, clock) is Outcome.DENY
    narrow = gather(clock, store, policy=Policy("ExampleBot", locations=("robots.txt",)))
    assert outcome(await narrow.site(PAGE, web), PAGE, clock) is Outcome.ALLOW
    assert web.asked == {ROBOTS: 1, TDMREP: 1}


@pytest.mark.parametrize(
    ("robots", "tdmrep", "after", "asked"),
    [
        ({}, {}, 0.9 * DAY - 1, {}),
        ({}, {}, DAY, {ROBOTS: 1, TDMREP: 1}),
        ({"headers": [("cache-control", "max-age=3600")]}, {}, 3240 - 1, {}),
        ({"headers": [("cache-control", "max-age=3600")]}, {}, 3600, {ROBOTS: 1}),
        ({}, {"headers": [("cache-control", "max-age=3600")]}, 3600, {TDMREP: 1}),
        ({"headers": [("cache-control", "no-store")]}, {}, 299, {}),
        ({"headers": [("cache-control", "no-store")]}, {}, 300, {ROBOTS: 1}),
        ({}, {"status": 503}, FAILURE - 1, {}),
        ({}, {"status": 503}, FAILURE, {TDMREP: 1}),
        ({"status": None}, {}, FAILURE - 1, {}),
        ({"status": None}, {}, FAILURE, {ROBOTS: 1}),
        ({"status": 429}, {}, FAILURE, {ROBOTS: 1}),
    ],
)
@pytest.mark.parametrize("crawl", ["same", "next"])
async def test_lifetimes_end_each_location_by_itself(  # noqa: PLR0917 - a table of data
    clock: Clock, web: Web, store: Store, robots: dict[str, Any], tdmrep: dict[str, Any], after: float,
    asked: dict[str, int], crawl: str,
) -> None:  # fmt: skip
    """Only what has expired is asked again, in the same crawl as in the next one."""
    web.answers.update({ROBOTS: robots, TDMREP: tdmrep})
    gathered = gather(clock, store, back_off=())
    await gathered.site(PAGE, web)
    web.asked.clear()
    clock.seconds += after
    if crawl == "next":
        gathered = gather(clock, store, back_off=())
    assert (gathered.known(PAGE) is not None) is (crawl == "same" and not asked)
    await gathered.site(PAGE, web)
    assert web.asked == asked
    assert gathered.known(PAGE) is not None


async def test_expiry_is_spread_over_a_tenth_of_the_life(clock: Clock, web: Web) -> None:
    """Hosts seen at once expire one by one, none after its lifetime."""
    gathered = gather(clock)
    pages = [f"http://h{number}.example/" for number in range(200)]
    for page in pages:
        await gathered.site(page, web)
    left = []
    for tenth in (0.90, 0.95, 1.0):
        clock.seconds = tenth * DAY
        left.append(sum(gathered.known(page) is not None for page in pages))
    assert left[0] == 200
    assert 60 < left[1] < 140
    assert left[2] == 0


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": None, "error": "reset"}, {"error": "not whole"}])
async def test_a_stale_copy_counts_while_the_origin_is_unreachable(
    clock: Clock, web: Web, store: Store, fault: dict[str, Any]
) -> None:
    """For 30 days a reservation and a permission both still hold, asked again every few minutes."""
    web.answers.update({ROBOTS: {"body": CLOSED}, TDMREP: {"body": b'[{"location": "/tdm/", "tdm-reservation": 1}]'}})
    gathered = gather(clock, store)
    await gathered.site(PAGE, web)
    web.answers.update({ROBOTS: fault, TDMREP: fault})
    for day in (1, 2, 29):
        clock.seconds = day * DAY + 10
        site = await gathered.site(PAGE, web)
        assert outcome(site, f"{HOST}/private/", clock) is Outcome.DENY
        assert outcome(site, f"{HOST}/tdm/", clock) is Outcome.DENY
        assert outcome(site, PAGE, clock) is Outcome.ALLOW
    web.asked.clear()
    assert gathered.known(PAGE) is not None
    clock.seconds += FAILURE
    await gathered.site(PAGE, web)
    assert web.asked == {ROBOTS: 3, TDMREP: 3}
    clock.seconds = 31 * DAY
    assert not (await gathered.site(PAGE, web)).may_fetch(PAGE)
    web.answers[ROBOTS] = {"body": b""}
    clock.seconds += FAILURE
    assert (await gathered.site(PAGE, web)).decide(PAGE, at=clock.now()).waits_for is WaitsFor.PROBE


async def test_a_shorter_stale_life_is_kept_to(clock: Clock, web: Web) -> None:
    """The operator may give up copies sooner than after 30 days."""
    gathered = gather(clock, lifetimes=Lifetimes(stale=2 * DAY), back_off=())
    await gathered.site(PAGE, web)
    web.answers[ROBOTS] = {"status": 503}
    clock.seconds = 2 * DAY
    assert not (await gathered.site(PAGE, web)).may_fetch(PAGE), "404 is no copy"
    web.answers[ROBOTS] = {"body": b""}
    clock.seconds += FAILURE
    await gathered.site(PAGE, web)
    web.answers[ROBOTS] = {"status": 503}
    clock.seconds += 2 * DAY
    assert (await gathered.site(PAGE, web)).may_fetch(PAGE)
    clock.seconds += FAILURE
    assert not (await gathered.site(PAGE, web)).may_fetch(PAGE)


async def test_evidence_from_the_future_is_not_used(clock: Clock, web: Web, store: Store) -> None:
    """A store written under a clock that went ahead does not make a site that nobody can decide by."""
    clock.seconds = DAY
    await gather(clock, store).site(PAGE, web)
    clock.seconds = 0
    assert outcome(await gather(clock, store).site(PAGE, web), PAGE, clock) is Outcome.ALLOW
    assert web.asked == {ROBOTS: 2, TDMREP: 2}


async def test_memory_is_bounded_and_keeps_what_is_in_use(clock: Clock, web: Web) -> None:
    """The site unused for longest goes first; it comes back from the store without a probe."""
    gathered = gather(clock, max_sites=10)
    pages = [f"http://h{number}.example/" for number in range(25)]
    for page in pages:
        await gathered.site(page, web)
        assert gathered.known(pages[0]) is not None
    held = [page for page in pages if gathered.known(page) is not None]
    assert held == [pages[0], *pages[-9:]]
    web.asked.clear()
    await gathered.site(pages[1], web)
    assert not web.asked


async def test_on_robots_hears_of_each_fetched_robots_txt_once(clock: Clock, web: Web, store: Store) -> None:
    """Neither the store nor a failure is a fetched robots.txt."""
    heard: list[tuple[str, int | None]] = []

    async def on_robots(seen: Evidence) -> None:
        heard.append((seen.url, seen.status))

    gathered = gather(clock, store, on_robots=on_robots)
    web.answers["http://down.example/robots.txt"] = {"status": 503}
    await asyncio.gather(*(gathered.site(page, web) for page in (PAGE, f"{HOST}/2", "http://down.example/")))
    await gather(clock, store, on_robots=on_robots).site(PAGE, web)
    assert heard == [(ROBOTS, 404)]


@pytest.mark.parametrize("url", ["data:,x", "news.example/page", "", "http://", "ftp://news.example/"])
async def test_a_url_without_origin_is_a_mistake(clock: Clock, web: Web, url: str) -> None:
    """Nothing is fetched for it."""
    gathered = gather(clock)
    assert gathered.known(url) is None
    with pytest.raises(ValueError, match="is not an http"):
        await gathered.site(url, web)
    assert not web.asked


def test_no_room_for_sites_is_a_mistake(clock: Clock) -> None:
    """A mistake is one line."""
    with pytest.raises(OptOutError, match="give a number above 0"):
        gather(clock, max_sites=0)


@pytest.mark.parametrize(
    "mistake", [{"timeout": 0}, {"max_bytes": 0}, {"max_redirects": -1}, {"timeout": float("nan")}]
)
def test_limits_that_let_nothing_through_are_refused(mistake: dict[str, Any]) -> None:
    """A mistake names the limit."""
    with pytest.raises(OptOutError, match=f"limit {next(iter(mistake))} is"):
        Limits(**mistake)
