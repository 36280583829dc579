"""Revalidation: what is asked about, what a 304 makes of it, and what it does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests_mock
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.evidence.revalidation import conditions, revalidated
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, Outcome

from .webs import DAY, FAILURE, HOST, PAGE, ROBOTS, TDMREP, Clock, Web, gather

if TYPE_CHECKING:
    from optout_middleware.evidence.store import Store

DATE = "Mon, 23 Nov 2026 12:00:00 GMT"
AT = Clock().now()
LATER = AT + timedelta(days=1)
BODY = b"User-agent: *\nDisallow: /private/\n"
TAGGED: dict[str, Any] = {"body": BODY, "headers": [("etag", '"1"'), ("server", "a")]}
SAME: dict[str, Any] = {"status": 304, "headers": [("etag", '"1"'), ("server", "b")]}


def known(*headers: tuple[str, str], status: int | None = 200, **others: Any) -> Evidence:
    """Give evidence of a robots.txt."""
    return Evidence(ROBOTS, status, headers, BODY, AT, **others)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([], {}),
        ([("etag", '"1"')], {"If-None-Match": '"1"'}),
        ([("etag", 'W/"1"')], {"If-None-Match": 'W/"1"'}),
        ([("etag", '"\xe9"')], {"If-None-Match": '"\xe9"'}),
        ([("etag", '"1"'), ("etag", '"2"')], {"If-None-Match": '"2"'}),
        ([("last-modified", DATE)], {"If-Modified-Since": DATE}),
        ([("etag", '"1"'), ("last-modified", DATE)], {"If-None-Match": '"1"', "If-Modified-Since": DATE}),
        *(([("etag", bad)], {}) for bad in ("1", '"1', '"1" ', '"1\r\nX: 1"', '"a b"', '"a"b"', "", "*", 'w/"1"')),
        *(([("last-modified", bad)], {}) for bad in ("yesterday", "", "0", f"{DATE}\r\nX: 1", f"{DATE} \xe9")),
        ([("etag", "1"), ("last-modified", DATE)], {"If-Modified-Since": DATE}),
    ],
)
def test_validators_go_back_letter_for_letter_or_not_at_all(
    headers: list[tuple[str, str]], sent: dict[str, str]
) -> None:
    """Entity tags and dates as RFC 9110 writes them; what is malformed could not be compared."""
    assert conditions(known(*headers)) == sent


@pytest.mark.parametrize(
    "others",
    [
        {"status": 404},
        {"status": 206},
        {"status": 503},
        {"status": None},
        {"error": "not whole"},
        {"hops": [(ROBOTS, 301, ())], "final_url": f"{HOST}/r"},
        {"final_url": f"{HOST}/r"},
    ],
)
def test_what_was_no_plain_answer_is_not_asked_about(others: dict[str, Any]) -> None:
    """Absence, failures, and what redirects led to are asked for anew."""
    assert conditions(known(("etag", '"1"'), **others)) == {}
    assert conditions(None) == {}


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_no_header_makes_another(etag: str, date: str) -> None:
    """Whatever a site sent, what goes back is one line."""
    for value in conditions(known(("etag", etag), ("last-modified", date))).values():
        assert value in (etag, date)
        assert not set(value) & set("\r\n\0")


def test_a_304_gives_the_evidence_as_it_was_with_its_header_fields() -> None:
    """Fields of the 304 replace those of their name, but for the content's and the connection's (RFC 9111 3.2)."""
    before = known(("etag", '"1"'), ("cache-control", "max-age=1"), ("x-a", "1"), ("x-a", "2"), ("content-length", "9"),
                   ("content-encoding", "gzip"), ("x-hop", "1"), ("content-usage", "train-ai=y"))  # fmt: skip
    answer = Evidence(
        ROBOTS, 304,
        [("ETag", 'W/"1"'), ("Cache-Control", "max-age=9"), ("X-A", "3"), ("Content-Length", "0"), ("X-Hop", "2"),
         ("Content-Encoding", "br"), ("Connection", "close, X-Hop"), ("Transfer-Encoding", "chunked"), ("X-New", "1"),
         ("Proxy-Authenticate", "Basic"), ("Content-Usage", "train-ai=n")],
        b"", LATER,
    )  # fmt: skip
    seen = revalidated(before, answer)
    assert seen is not None
    assert (seen.url, seen.status, seen.body, seen.fetched_at) == (ROBOTS, 200, BODY, LATER)
    assert sorted(seen.headers) == [
        ("cache-control", "max-age=9"), ("content-encoding", "gzip"), ("content-length", "9"),
        ("content-usage", "train-ai=n"), ("etag", 'W/"1"'), ("x-a", "3"), ("x-hop", "1"), ("x-new", "1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 200},
        {"status": 404},
        {"status": None},
        {"headers": [("etag", '"2"')]},
        {"error": "the response is not whole"},
        {"hops": [(ROBOTS, 301, ())]},
    ],
)
def test_what_is_no_304_to_what_is_known_confirms_nothing(answer: dict[str, Any]) -> None:
    """Another status, another version, or an answer to another link."""
    values: dict[str, Any] = {"status": 304, "headers": (), **answer}
    seen = Evidence(ROBOTS, values.pop("status"), values.pop("headers"), b"", LATER, **values)
    assert revalidated(known(("etag", '"1"')), seen) is None


async def test_what_expires_is_asked_about(clock: Clock, web: Web, store: Store) -> None:
    """A 304 gives the body a new life, in memory and in the store, and is counted by itself."""
    web.answers.update({ROBOTS: TAGGED, TDMREP: {"body": b"[]", "headers": [("last-modified", DATE)]}})
    first = gather(clock, store)
    await first.site(PAGE, web)
    assert set(web.known.values()) == {None}
    assert set(first.counts.probes) == {("robots.txt", "answered"), ("tdmrep.json", "answered")}
    web.answers.update({ROBOTS: SAME, TDMREP: {"status": 304}})
    clock.seconds = DAY
    second = gather(clock, store)
    for gathered in (first, second):
        site = await gathered.site(PAGE, web)
        assert site.decide(f"{HOST}/private/", at=clock.now()).outcome is Outcome.DENY
        assert site.decide(PAGE, at=clock.now()).outcome is Outcome.ALLOW
    asked = web.known[ROBOTS]
    assert asked is not None
    assert (asked.body, asked.values("etag")) == (BODY, ['"1"'])
    assert web.asked == {ROBOTS: 2, TDMREP: 2}
    assert first.counts.probes["robots.txt", "revalidated"] == first.counts.probes["tdmrep.json", "revalidated"] == 1
    assert first.counts.probes["robots.txt", "answered"] == 1
    assert not second.counts.probes
    kept = next(seen for seen in await store.load(HOST) if seen.url == ROBOTS)
    assert (kept.status, kept.body, kept.fetched_at, kept.values("server")) == (200, BODY, clock.now(), ["b"])


async def test_documents_are_asked_about_too(clock: Clock, web: Web, store: Store) -> None:
    """A page's licence document that ends is confirmed like a location."""
    url = "https://licences.example/a.xml"
    web.answers[url] = TAGGED
    gathered = gather(clock, store, policy=Policy("ExampleBot", locations=("all",)))
    await gathered.documents([url], web)
    web.answers[url] = SAME
    clock.seconds = DAY
    assert [seen.body for seen in await gathered.documents([url], web)] == [BODY]
    of_documents = {kind: count for kind, count in gathered.counts.probes.items() if kind[0] == "rsl"}
    assert of_documents == {("rsl", "answered"): 1, ("rsl", "revalidated"): 1}


async def test_a_change_is_an_answer_like_any(clock: Clock, web: Web, store: Store) -> None:
    """What is new replaces what was, and is asked about next time."""
    web.answers[ROBOTS] = TAGGED
    gathered = gather(clock, store)
    await gathered.site(PAGE, web)
    web.answers[ROBOTS] = {"body": b"", "headers": [("etag", '"2"')]}
    for day in (1, 2):
        clock.seconds = day * DAY
        assert (await gathered.site(PAGE, web)).may_fetch(f"{HOST}/private/")
    asked = web.known[ROBOTS]
    assert asked is not None
    assert asked.values("etag") == ['"2"']
    assert gathered.counts.probes["robots.txt", "answered"] == 3


async def test_a_304_that_nobody_asked_for_is_a_failure(clock: Clock, web: Web, store: Store) -> None:
    """Nothing is known that it could confirm."""
    web.answers[ROBOTS] = {"status": 304}
    gathered = gather(clock, store)
    site = await gathered.site(PAGE, web)
    assert not site.may_fetch(PAGE)
    assert site.decide(PAGE, at=clock.now()).outcome is Outcome.PENDING
    assert gathered.counts.probes == {("robots.txt", "unreachable"): 1}


async def test_a_304_to_another_version_is_asked_again_without_condition(clock: Clock, web: Web) -> None:
    """The try after it gets the body; if there is none, the copy counts as a stale one."""
    web.answers[ROBOTS] = TAGGED
    gathered = gather(clock)
    await gathered.site(PAGE, web)
    web.answers[ROBOTS] = {"status": 304, "headers": [("etag", '"2"')]}
    clock.seconds = DAY
    site = await gathered.site(PAGE, web)
    assert web.known[ROBOTS] is None
    assert gathered.counts.probes["robots.txt", "unreachable"] == 1
    assert not site.may_fetch(f"{HOST}/private/")


async def test_a_failure_between_does_not_forget_what_is_known(clock: Clock, web: Web, store: Store) -> None:
    """After an outage the copy is asked about, and every try of a probe asks so."""
    web.answers[ROBOTS] = TAGGED
    gathered = gather(clock, store)
    await gathered.site(PAGE, web)
    web.answers[ROBOTS] = {"status": 503}
    clock.seconds = DAY
    await gathered.site(PAGE, web)
    assert web.known[ROBOTS] is not None
    web.answers[ROBOTS] = SAME
    clock.seconds += FAILURE
    site = await gathered.site(PAGE, web)
    assert not site.may_fetch(f"{HOST}/private/")
    assert gathered.counts.probes["robots.txt", "revalidated"] == 1
    assert [file.source.fetched_at for file in site.files if file.location == "robots.txt"] == [clock.now()]


def test_requests_asks_the_first_link_only() -> None:
    """What a redirect leads to is another resource; a 304 is given as it comes."""
    fetch = RequestsFetch("ExampleBot")
    evidence = known(("etag", '"1"'), ("last-modified", DATE))
    with requests_mock.Mocker() as web:
        web.get(ROBOTS, status_code=304, headers={"etag": '"1"'})
        seen = asyncio.run(fetch(ROBOTS, Limits(), evidence))
        assert (seen.status, seen.body) == (304, b"")
        assert is_unreachable(seen)
        web.get(ROBOTS, status_code=301, headers={"location": "/moved"})
        web.get(f"{HOST}/moved", text="moved")
        assert asyncio.run(fetch(ROBOTS, Limits(), evidence)).body == b"moved"
    sent = [
        (asked.headers.get("if-none-match"), asked.headers.get("if-modified-since")) for asked in web.request_history
    ]
    assert sent == [('"1"', DATE), ('"1"', DATE), (None, None)]
