"""Which response of a page counts: later answers, parts of a page, ties, and the headers of its redirects."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.decide import decide
from optout_middleware.policy import Policy, Profile
from optout_middleware.terms import Evidence, Hop, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
PAGE, OTHER = "http://h.test/a", "http://h.test/b"
HTML = ("Content-Type", "text/html")
NOAI, COOKIE = ("x-robots-tag", "noai"), ("set-cookie", "seen=1")
PROFILES = pytest.mark.parametrize("profile", list(Profile))


def page(body: bytes = b"", *fields: tuple[str, str], status: int = 200, at: datetime = SEEN, **more: Any) -> Evidence:
    """Give a response of the page."""
    return Evidence(PAGE, status, [HTML, *fields], body, at, **more)


def outcome(pages: Sequence[Evidence], profile: Profile, tdmrep: Sequence[bytes] = ()) -> Outcome:
    """Decide by these responses and a silent robots.txt; there is no tdmrep.json unless given."""
    site = [Evidence("http://h.test/robots.txt", 200, (), b"User-agent: *\nDisallow: /x\n", SEEN)]
    where = "http://h.test/.well-known/tdmrep.json"
    site += [Evidence(where, 200, (), body, SEEN) for body in tdmrep] or [Evidence(where, 404, (), b"", SEEN)]
    return decide(PAGE, [*site, *pages], Policy("FooBot", profile=profile)).outcome


@PROFILES
def test_the_latest_answer_counts(profile: Profile) -> None:
    """A page may take back what it said, and say what it had not said."""
    said, silent = page(b"", NOAI), page()
    later = SEEN + HOUR
    assert outcome([said, page(at=later)], profile) is Outcome.ALLOW
    assert outcome([silent, page(b"", NOAI, at=later)], profile) is Outcome.DENY


@PROFILES
@pytest.mark.parametrize("status", [304, 403, 401, 404, 410])
def test_a_response_without_the_page_takes_nothing_back(status: int, profile: Profile) -> None:
    """A 304 has no body (RFC 9110 section 15.4.5), a 4xx is no representation of the asset: neither lifts its noai."""
    said = page(b'<meta name="robots" content="noai">')
    assert outcome([said, page(status=status, at=SEEN + HOUR)], profile) is Outcome.DENY


@pytest.mark.parametrize("more", [{"truncated": True}, {"error": "connection lost"}])
def test_a_head_that_is_not_whole_is_not_silent(more: dict[str, Any]) -> None:
    """What was cut off before the end of the head could have said no: pending, in the precautionary profile."""
    assert outcome([page(b"<!doctype html><head><title>x</title>", **more)], Profile.PRECAUTIONARY) is Outcome.PENDING


@PROFILES
def test_a_no_in_what_was_got_counts(profile: Profile) -> None:
    """What a page that was cut says up to there it says."""
    cut = page(b'<head><meta name="robots" content="noai">', truncated=True)
    assert outcome([cut], profile) is Outcome.DENY


@PROFILES
def test_ties_between_responses_fall_to_the_stricter(profile: Profile) -> None:
    """Two responses of one moment, one with noai: it is said, whatever the hashes."""
    for variant in range(8):
        assert outcome([page(b"%d" % variant, NOAI), page()], profile) is Outcome.DENY


@PROFILES
def test_ties_of_chains_do_not_hang_on_order(profile: Profile) -> None:
    """The same where only the way differs: a way over a closed URL is as strict in either order."""
    tied = [page(), page(hops=[Hop("http://h.test/x", 302)])]
    assert len({outcome(order, profile) for order in permutations(tied)}) == 1


def test_a_tie_of_files_opens_nothing() -> None:
    """Two tdmrep.json of one moment, one that reserves: one more file is no permission, in no profile."""
    reserves = b'[{"location": "/", "tdm-reservation": 1}]'
    assert outcome([], Profile.LITERAL, [reserves]) is Outcome.DENY
    assert outcome([], Profile.LITERAL, [reserves, b"[]"]) is not Outcome.ALLOW


@PROFILES
def test_headers_of_a_hop_count(profile: Profile) -> None:
    """What a redirect came with is said of the URL that was asked for."""
    assert outcome([page(final_url=OTHER, hops=[Hop(PAGE, 302, (NOAI,))])], profile) is Outcome.DENY
    assert outcome([page(final_url=OTHER, hops=[Hop(PAGE, 302, (COOKIE,))])], profile) is Outcome.ALLOW


@PROFILES
@pytest.mark.parametrize(
    ("final", "hops"),
    [
        (OTHER, [Hop(PAGE, 302, (NOAI,)), Hop(PAGE, 302, (COOKIE,))]),
        (PAGE, [Hop(PAGE, 302, (NOAI,))]),
        (PAGE, [Hop(PAGE, 302, (NOAI,)), Hop(OTHER, 302, (COOKIE,))]),
    ],
    ids=["twice", "to itself", "there and back"],
)
def test_headers_of_each_hop_count(final: str, hops: list[Hop], profile: Profile) -> None:
    """A URL that redirects to itself, as cookie checks do, said what its redirect said."""
    assert outcome([page(final_url=final, hops=hops)], profile) is Outcome.DENY
