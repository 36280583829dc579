"""Gather: documents that a site or page names, and locations that stand in for others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.evidence.freshness import Lifetimes
from optout_middleware.policy import TDM_POLICY, Policy
from optout_middleware.terms import Evidence, OptOutError, Outcome

from .webs import DAY, FAILURE, HOST, PAGE, ROBOTS, TDMREP, Clock, Web, gather

if TYPE_CHECKING:
    from optout_middleware.evidence.store import Store

ALL = Policy("ExampleBot", locations=("all",))
RSL = Policy("ExampleBot", locations=("robots.txt", "rsl"))
LICENCE = "https://licences.example/royalty.xml"
THEIR_ROBOTS = "https://licences.example/robots.txt"
NAMES: dict[str, Any] = {"body": f"License: {LICENCE}\n".encode()}
AI, AI_TOO = f"{HOST}/ai.txt", f"{HOST}/.well-known/ai.txt"
TRUST, TRUST_TOO = f"{HOST}/trust.txt", f"{HOST}/.well-known/trust.txt"


def licence(how: str) -> dict[str, Any]:
    """Give the answer that is a licence which permits, or prohibits, all usage of all."""
    inner = f'<license><{how} type="usage">all</{how}></license>'
    body = f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/">{inner}</content></rsl>'
    return {"body": body.encode(), "headers": [("content-type", "application/rsl+xml")]}


async def test_a_document_that_robots_txt_names_is_probed_once(clock: Clock, web: Web, store: Store) -> None:
    """It is part of the site, comes from the store in the next crawl, and is counted under its own name."""
    web.answers.update({ROBOTS: NAMES, LICENCE: licence("prohibits")})
    first, second = gather(clock, store, policy=RSL), gather(clock, store, policy=RSL)
    for gathered in (first, second):
        sites = await asyncio.gather(*(gathered.site(f"{PAGE}/{number}", web) for number in range(20)))
        assert sites[0].decide(f"{PAGE}/0", at=clock.now()).outcome is Outcome.DENY
        assert gathered.known(PAGE) is sites[0], "nothing is left to look at"
    assert web.asked == {ROBOTS: 1, LICENCE: 1, THEIR_ROBOTS: 1}
    assert first.counts.probes == {("robots.txt", "answered"): 2, ("rsl", "answered"): 1}
    assert first.counts.looked == 1
    assert not second.counts.probes


@pytest.mark.parametrize(
    ("robots", "error"),
    [
        ({"body": b"User-agent: *\nDisallow: /\n"}, "closed to us by robots.txt, so not fetched"),
        ({"status": 503}, "closed to us by robots.txt, so not fetched"),
        ({"body": b"User-agent: ExampleBot\nAllow: /royalty.xml\n"}, None),
    ],
)
async def test_a_document_that_its_host_closes_is_not_fetched(
    clock: Clock, web: Web, store: Store, robots: dict[str, Any], error: str | None
) -> None:
    """The robots.txt of its own host decides, as for any URL; what is closed is not read, so it permits nothing."""
    web.answers.update({ROBOTS: NAMES, THEIR_ROBOTS: robots, LICENCE: licence("permits")})
    gathered = gather(clock, store, policy=RSL, back_off=())
    assert [item.error for item in await gathered.documents([LICENCE], web)] == [error]
    assert web.asked[LICENCE] == (error is None)
    decision = (await gathered.site(PAGE, web)).decide(PAGE, at=clock.now())
    assert decision.outcome is (Outcome.ALLOW if error is None else Outcome.PENDING)


async def test_policies_are_counted_under_their_own_name(clock: Clock, web: Web) -> None:
    """A TDMRep policy is a document like a licence."""
    gathered = gather(clock, policy=ALL)
    await gathered.documents([f"{HOST}/policy.json"], web, TDM_POLICY)
    assert gathered.counts.probes["tdm-policy", "answered"] == 1
    assert web.limits[f"{HOST}/policy.json"].public_only


@pytest.mark.parametrize("locations", [("robots.txt", "tdmrep.json"), ("robots.txt", "ai.txt")])
async def test_no_document_is_probed_unless_the_policy_says_so(
    clock: Clock, web: Web, locations: tuple[str, ...]
) -> None:
    """A licence that is named and not looked at keeps the page waiting."""
    web.answers[ROBOTS] = NAMES
    site = await gather(clock, policy=Policy("ExampleBot", locations=locations)).site(PAGE, web)
    assert LICENCE not in web.asked
    assert site.decide(PAGE, at=clock.now()).outcome is Outcome.PENDING


async def test_a_document_of_many_sites_and_pages_is_probed_once(clock: Clock, web: Web, store: Store) -> None:
    """Thousands of sites name one royalty licence: who looks at it first looks for all."""
    web.answers.update({f"http://h{n}.example/robots.txt": NAMES for n in range(20)})
    web.answers[LICENCE] = licence("permits")
    gathered = gather(clock, store, policy=RSL)
    pages = [gathered.documents([LICENCE], web) for _ in range(20)]
    sites = [gathered.site(f"http://h{n}.example/", web) for n in range(20)]
    found, made = await asyncio.gather(asyncio.gather(*pages), asyncio.gather(*sites))
    assert web.asked[LICENCE] == 1
    assert {item.url for items in found for item in items} == {LICENCE}
    for site in made:
        assert site.decide(f"{site.origin}/", at=clock.now()).outcome is Outcome.ALLOW
    clock.seconds = DAY
    await gathered.documents([LICENCE, LICENCE], web)
    assert web.asked[LICENCE] == 2


async def test_a_document_called_as_an_origin_is_told_from_the_site(clock: Clock, web: Web, store: Store) -> None:
    """A page may name http://news.example: neither look takes the other's findings for its own."""
    web.gate = asyncio.Event()
    gathered = gather(clock, store, policy=RSL)
    documents = asyncio.ensure_future(gathered.documents([HOST], web))
    site = asyncio.ensure_future(gathered.site(PAGE, web))
    for _ in range(5):
        await asyncio.sleep(0)
    web.gate.set()
    assert [item.url for item in await documents] == [HOST]
    assert (await site).decide(PAGE, at=clock.now()).outcome is Outcome.ALLOW
    assert web.asked == {ROBOTS: 1, HOST: 1}


@pytest.mark.parametrize(
    ("answer", "after", "asked"),
    [
        (licence("permits"), 0.9 * DAY - 1, 0),
        (licence("permits"), DAY, 1),
        ({"headers": [("cache-control", "max-age=3600")]}, 3600, 1),
        ({"body": b'<rsl xmlns="https://rslstandard.org/rsl" max-age="0"/>'}, FAILURE, 1),
        ({"body": b'<rsl xmlns="https://rslstandard.org/rsl" max-age="30"/>'}, 0.9 * DAY - 1, 0),
        ({"body": b'<rsl xmlns="https://rslstandard.org/rsl" max-age="30"/>'}, DAY, 1),
        ({"status": 503}, FAILURE - 1, 0),
        ({"status": 503}, FAILURE, 1),
        ({"status": 404}, 0.9 * DAY - 1, 0),
    ],
)
async def test_documents_live_as_other_evidence_does(
    clock: Clock, web: Web, store: Store, answer: dict[str, Any], after: float, asked: int
) -> None:
    """A document that ends is asked for again, by the site that names it as by a page; nothing else is."""
    web.answers.update({ROBOTS: NAMES, LICENCE: answer})
    gathered = gather(clock, store, policy=RSL, back_off=())
    await gathered.site(PAGE, web)
    clock.seconds = after
    web.asked.clear()
    assert (gathered.known(PAGE) is None) is bool(asked or after >= DAY)
    await gathered.documents([LICENCE], web)
    await gathered.site(PAGE, web)
    assert web.asked[LICENCE] == asked
    assert gathered.known(PAGE) is not None


async def test_a_document_that_ends_makes_the_site_partial(clock: Clock, web: Web) -> None:
    """What robots.txt settles is known while the document is not; then the site is whole."""
    web.answers[ROBOTS] = {"body": NAMES["body"] + b"User-agent: *\nDisallow: /private/\n"}
    gathered = gather(clock, policy=RSL)
    await gathered.site(f"{HOST}/private/", web)
    assert gathered.known(f"{HOST}/private/") is not None
    assert gathered.known(PAGE) is None
    assert web.asked == {ROBOTS: 1}
    await gathered.site(PAGE, web)
    assert gathered.known(PAGE) is not None


async def test_an_unreachable_document_is_waited_for_and_its_copy_counts(clock: Clock, web: Web, store: Store) -> None:
    """As with any location: pending, unless there is a copy of it."""
    web.answers.update({ROBOTS: NAMES, LICENCE: {"status": 503}})
    gathered = gather(clock, store, policy=RSL, back_off=())
    assert (await gathered.site(PAGE, web)).decide(PAGE, at=clock.now()).outcome is Outcome.PENDING
    clock.seconds += FAILURE
    web.answers[LICENCE] = licence("prohibits")
    assert (await gathered.site(PAGE, web)).decide(PAGE, at=clock.now()).outcome is Outcome.DENY
    clock.seconds += DAY
    web.answers[LICENCE] = {"status": None, "error": "reset"}
    assert (await gathered.site(PAGE, web)).decide(PAGE, at=clock.now()).outcome is Outcome.DENY
    assert [item.status for item in await gathered.documents([LICENCE], web)] == [None, 200]


@pytest.mark.parametrize(
    "named",
    [
        "https://other.example/robots.txt",
        "https://other.example/.well-known/trust.txt",
        "http://x.example/licence.xml",
        "https://x.example/" + "a" * 70_000,
        "https://x.example/?" + "é" * 9_000,
        "",
    ],
)
async def test_what_is_no_document_is_not_probed_and_allows_nothing(
    clock: Clock, web: Web, store: Store, named: str
) -> None:
    """A location, no https, a URL without end, none at all: unread, it allows nothing."""
    web.answers[ROBOTS] = {"body": f"License: {named}\n".encode()}
    site = await gather(clock, store, policy=RSL).site(PAGE, web)
    assert web.asked == {ROBOTS: 1}
    assert site.decide(PAGE, at=clock.now()).outcome is not Outcome.ALLOW


async def test_a_site_cannot_make_us_ask_without_end(clock: Clock, web: Web, store: Store) -> None:
    """Of a thousand licences ten are looked at at most, and because of the others the page is not used."""
    lines = "".join(f"License: https://victim.example/{number}\n" for number in range(1000))
    web.answers[ROBOTS] = {"body": lines.encode()}
    web.answers.update({f"https://victim.example/{number}": licence("permits") for number in range(1000)})
    site = await gather(clock, store, policy=RSL).site(PAGE, web)
    assert len(web.asked) <= 11
    assert site.decide(PAGE, at=clock.now()).outcome is not Outcome.ALLOW


@pytest.mark.parametrize(
    ("private", "public_only"),
    [({}, True), ({"private_documents": False}, True), ({"private_documents": True}, False)],
)
async def test_documents_alone_are_kept_to_public_addresses(
    clock: Clock, web: Web, private: dict[str, Any], public_only: bool
) -> None:
    """The sites that are crawled are the operator's choice, what they name is theirs."""
    web.answers[ROBOTS] = NAMES
    await gather(clock, policy=ALL, **private).site(PAGE, web)
    assert web.limits[LICENCE].public_only is public_only
    assert web.limits[THEIR_ROBOTS].public_only is public_only, "what they name makes us ask there too"
    assert {web.limits[url].public_only for url in web.asked if url not in (LICENCE, THEIR_ROBOTS)} == {False}


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({AI: {"status": 404}}, True),
        ({AI: {"status": 410}}, True),
        ({AI: {"status": 403}}, True),
        ({AI: {"status": 503}}, True),
        ({AI: {"body": b"User-Agent: *\nAllow: *.html\n"}}, False),
        ({AI: {"body": b"<!doctype html><title>Not found</title>"}}, True),
        ({AI: {"body": b"Not found", "headers": [("content-type", "text/html; charset=utf-8")]}}, True),
        ({ROBOTS: {"body": b"User-agent: *\nDisallow: /ai.txt\n"}}, True),
        ({ROBOTS: {"body": b"User-agent: *\nDisallow: /.well-known/\n"}}, False),
    ],
)
async def test_what_stands_in_is_probed_only_where_the_first_is_missing(
    clock: Clock, web: Web, store: Store, answers: dict[str, Any], asked: bool
) -> None:
    """A first that is there spares the second; one that robots.txt closes does not. Then nothing is left open."""
    web.answers.update(answers)
    policy = Policy("ExampleBot", locations=("robots.txt", "ai.txt", ".well-known/ai.txt"))
    gathered = gather(clock, store, policy=policy, back_off=())
    site = await gathered.site(PAGE, web)
    assert web.asked[AI_TOO] == asked
    unseen = [reason.note for reason in site.decide(PAGE, at=clock.now()).reasons if reason.source is None]
    assert "nobody looked" not in unseen
    assert gathered.known(PAGE) is not None


async def test_a_copy_of_the_first_spares_the_second(clock: Clock, web: Web, store: Store) -> None:
    """While the first is unreachable its copy counts, and the second is not asked for."""
    web.answers[TRUST] = {"body": b"datatrainingallowed=yes\n"}
    policy = Policy("ExampleBot", locations=("robots.txt", "trust.txt", ".well-known/trust.txt"))
    gathered = gather(clock, store, policy=policy, back_off=())
    await gathered.site(PAGE, web)
    web.answers[TRUST] = {"status": 503}
    clock.seconds = DAY
    await gathered.site(PAGE, web)
    assert web.asked == {ROBOTS: 2, TRUST: 2}


async def test_a_second_alone_is_probed(clock: Clock, web: Web) -> None:
    """A policy may name the second place and not the first."""
    policy = Policy("ExampleBot", locations=("robots.txt", ".well-known/ai.txt"))
    gathered = gather(clock, policy=policy)
    await gathered.site(PAGE, web)
    assert web.asked == {ROBOTS: 1, AI_TOO: 1}
    assert gathered.known(PAGE) is not None


async def test_all_locations_of_a_site_are_probed_once_each(clock: Clock, web: Web, store: Store) -> None:
    """Cold, a site without anything costs six probes at most, a licence elsewhere two more; warm, none."""
    web.answers.update({ROBOTS: NAMES, LICENCE: licence("permits")})
    for _ in range(2):
        await gather(clock, store, policy=ALL).site(PAGE, web)
    assert web.asked == dict.fromkeys((ROBOTS, TDMREP, AI, AI_TOO, TRUST, TRUST_TOO, THEIR_ROBOTS, LICENCE), 1)


async def test_a_look_that_outlasts_a_life_ends(clock: Clock, web: Web) -> None:
    """Failures that live for less than their probes take are not asked for again within one look."""
    web.answers.update({AI: {"status": 503}, AI_TOO: {"status": 503}})
    policy = Policy("ExampleBot", locations=("robots.txt", "ai.txt", ".well-known/ai.txt"))
    gathered = gather(clock, policy=policy, lifetimes=Lifetimes(failure=1.0), back_off=(60.0,))
    site = await gathered.site(PAGE, web)
    assert web.asked == {ROBOTS: 1, AI: 2, AI_TOO: 2}
    assert site.decide(PAGE, at=clock.now()).outcome is Outcome.PENDING


async def test_close_ends_looks_at_documents(clock: Clock, web: Web) -> None:
    """Who waits for a document gets none, and later nobody starts."""
    web.answers[ROBOTS] = NAMES
    web.gate = asyncio.Event()
    gathered = gather(clock, policy=RSL)
    waiting = [asyncio.ensure_future(gathered.documents([LICENCE], web)) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    await gathered.close()
    assert await asyncio.gather(*waiting) == [[], [], []]
    assert await gathered.documents([f"{LICENCE}?2"], web) == []
    assert web.asked == {THEIR_ROBOTS: 1}


async def test_a_store_that_fails_is_told_to_who_asks_for_a_document(
    clock: Clock, web: Web, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As to who asks for a site."""

    async def broken(_: object) -> list[Evidence]:
        raise OptOutError("cannot read")

    monkeypatch.setattr(store, "load_document", broken)
    web.answers[ROBOTS] = NAMES
    gathered = gather(clock, store, policy=RSL)
    for asking in (gathered.documents([LICENCE], web), gathered.site(PAGE, web)):
        with pytest.raises(OptOutError, match="cannot read"):
            await asking


async def test_both_stores_keep_documents_apart_from_locations(clock: Clock, store: Store) -> None:
    """A document is loaded by its URL, with an answer beside a failure, and is no location of its origin."""
    at = clock.now()
    robots = Evidence(ROBOTS, 200, (), b"robots", at)
    documents = [Evidence(url, 200, (), url.encode(), at) for url in (f"{HOST}/a.xml", f"{HOST}/a.xml?b", HOST)]
    await store.save([robots, *documents])
    for document in documents:
        assert await store.load_document(document.url) == [document]
    clock.seconds = 60
    failed = Evidence(documents[0].url, None, (), b"", clock.now(), error="reset")
    await store.save([failed])
    assert await store.load_document(failed.url) == [failed, documents[0]]
    assert await store.load(HOST) == [robots]
    assert await store.load_document(f"{HOST}/other.xml") == []
    for url in ("ftp://news.example/a.xml", "data:,x"):
        with pytest.raises(ValueError, match="is not an http"):
            await store.save([Evidence(url, 200, (), b"", at)])
