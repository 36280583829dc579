"""Which evidence counts: dates, stale copies, ties, statuses, redirects, and what remote faults become."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import Site, decide
from optout_middleware.policy import Policy, Profile
from optout_middleware.terms import Decision, Evidence, Hop, Licence, Outcome, Usage

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
HOME, OTHER = "http://h.test", "http://o.test"
PAGE = f"{HOME}/a"
FORBID, REFUSE = b"User-agent: *\nDisallow: /\n", b"User-agent: *\nContent-Usage: train-ai=n\n"
POLICY = Policy("FooBot")
LITERAL = Policy("FooBot", profile=Profile.LITERAL)


def robots(
    body: bytes = b"", status: int | None = 200, at: datetime = SEEN, origin: str = HOME, **more: Any
) -> Evidence:
    """Give evidence of a robots.txt."""
    return Evidence(f"{origin}/robots.txt", status, (), body, at, **more)


def tdmrep(
    body: bytes = b"", status: int | None = 404, at: datetime = SEEN, origin: str = HOME, **more: Any
) -> Evidence:
    """Give evidence of a tdmrep.json; by default there is none."""
    return Evidence(f"{origin}/.well-known/tdmrep.json", status, (), body, at, **more)


def page(status: int | None = 200, at: datetime = SEEN, url: str = PAGE, *, tag: str = "", **more: Any) -> Evidence:
    """Give evidence of a page, with an X-Robots-Tag."""
    return Evidence(url, status, [("X-Robots-Tag", tag)] if tag else (), b"", at, **more)


def findings(decision: Decision) -> list[str]:
    """Give the findings of a decision, in order of name."""
    return sorted(reason.finding for reason in decision.reasons)


RESERVED = b'[{"location": "/", "tdm-reservation": 1}]'


@pytest.mark.parametrize("policy", [POLICY, LITERAL], ids=["precautionary", "literal"])
def test_what_was_seen_later_does_not_count(policy: Policy) -> None:
    """A decision of yesterday is made from what had been seen by then, whatever has been seen since."""
    past = [robots(), tdmrep(RESERVED, 200)]
    later = [robots(FORBID, at=SEEN + DAY), tdmrep(at=SEEN + DAY), page(at=SEEN + DAY, tag="noai")]
    then = decide(PAGE, past, policy, at=SEEN + HOUR)
    assert then.outcome is Outcome.DENY
    assert decide(PAGE, past + later, policy, at=SEEN + HOUR) == then
    now = decide(PAGE, past + later, policy)
    assert findings(now) == ["fetch-forbidden", "refusal"]
    assert now.at == SEEN + DAY


def test_date_is_inclusive() -> None:
    """What was seen at the very moment of the decision counts; a microsecond later it does not."""
    assert decide(PAGE, [robots(), tdmrep(), page(tag="noai")], POLICY, at=SEEN).outcome is Outcome.DENY
    after = [robots(), tdmrep(), page(tag="noai", at=SEEN + MICROSECOND)]
    assert decide(PAGE, after, POLICY, at=SEEN).outcome is Outcome.ALLOW


def test_site_does_not_count_what_came_after() -> None:
    """A site asked about a date before its evidence knows nothing: pending, nothing fetched."""
    site = Site.read([robots(), tdmrep()], POLICY)
    made = site.decide(PAGE, at=SEEN - MICROSECOND)
    assert (made.outcome, made.may_fetch, made.evidence) == (Outcome.PENDING, False, ())
    half = Site.read([robots(at=SEEN - DAY), tdmrep()], POLICY).decide(PAGE, at=SEEN - HOUR)
    assert findings(half) == ["unreachable"]
    late = page(tag="noai", at=SEEN + HOUR)
    assert site.decide(PAGE, asset=late, at=SEEN).outcome is Outcome.ALLOW


def test_dates_compare_across_time_zones() -> None:
    """A date is a moment, in whatever zone it is written."""
    zone = timezone(timedelta(hours=9))
    seen = [robots(at=SEEN.astimezone(zone)), tdmrep(RESERVED, 200, at=(SEEN + HOUR).astimezone(zone)), tdmrep()]
    assert decide(PAGE, seen, POLICY, at=SEEN).outcome is Outcome.ALLOW
    assert decide(PAGE, seen, POLICY, at=SEEN + HOUR).outcome is Outcome.DENY


@pytest.mark.parametrize(
    "failed", [{"status": 503}, {"status": 429}, {"status": None, "error": "timeout"}, {"error": "cut"}]
)
@pytest.mark.parametrize(("age", "counts"), [(HOUR, True), (30 * DAY, True), (30 * DAY + MICROSECOND, False)])
def test_stale_copy(failed: dict[str, Any], age: timedelta, counts: bool) -> None:
    """While a location is unreachable a copy of up to 30 days counts, for better or worse, and is noted as stale."""
    for body in (b"User-agent: *\nAllow: /\n", FORBID):
        made = decide(PAGE, [robots(body, at=SEEN - age), robots(**failed), tdmrep()], POLICY)
        if counts:
            assert made.may_fetch is (body is not FORBID)
            assert body is not FORBID or "stale copy" in made.reasons[0].note
        else:
            assert (findings(made), made.may_fetch) == (["robots-unreachable"], False)


@pytest.mark.parametrize("status", [404, 410, 401, 403, 302, 503, 429])
def test_only_a_copy_of_the_file_is_a_copy(status: int) -> None:
    """A 404 of yesterday does not stand for the robots.txt that cannot be reached today."""
    made = decide(PAGE, [robots(status=status, at=SEEN - HOUR), robots(status=503), tdmrep()], POLICY)
    assert (findings(made), made.may_fetch) == (["robots-unreachable"], False)


def test_latest_copy_counts() -> None:
    """Of several copies the latest counts; an answer after the failure counts more."""
    seen = [robots(at=SEEN - 2 * DAY), robots(FORBID, at=SEEN - DAY), robots(status=503), tdmrep()]
    assert not decide(PAGE, seen, POLICY).may_fetch
    assert decide(PAGE, [*seen, robots(status=404, at=SEEN + HOUR)], POLICY).may_fetch


def test_stale_copy_ages_to_the_date_of_the_decision() -> None:
    """A copy that is 100 days old when it is decided by is no copy any more."""
    seen = [robots(at=SEEN), robots(status=503, at=SEEN + 29 * DAY), tdmrep(at=SEEN + 29 * DAY)]
    assert not decide(PAGE, seen, POLICY, at=SEEN + 100 * DAY).may_fetch


@pytest.mark.parametrize("status", [100, 199, 429, 500, 503, 599, 600, 999, None])
def test_unreachable(status: int | None) -> None:
    """No whole answer of the site: nothing is fetched, and the location may be asked again."""
    assert findings(decide(PAGE, [robots(status=status), tdmrep()], POLICY)) == ["robots-unreachable"]
    assert findings(decide(PAGE, [robots(), tdmrep(status=status)], POLICY)) == ["unreachable"]


@pytest.mark.parametrize("more", [{"error": "connection lost"}, {"truncated": True}])
@pytest.mark.parametrize("body", [b"", b"User-agent: *\nAllow: /\n", REFUSE])
def test_a_body_that_is_not_whole_is_unreachable(more: dict[str, Any], body: bytes) -> None:
    """What was cut off could have said no."""
    assert findings(decide(PAGE, [robots(body, **more), tdmrep()], POLICY)) == ["robots-unreachable"]


def test_cut_at_the_limit_of_rfc_9309_is_read() -> None:
    """RFC 9309 section 2.5: the first 500 KiB are read, the rest may be left out."""
    body = b"User-agent: *\nDisallow: /a\n" + b"#" * 512_000
    assert findings(decide(PAGE, [robots(body, truncated=True), tdmrep()], POLICY)) == ["fetch-forbidden", "odd-file"]


def test_cut_tdmrep_is_unreachable() -> None:
    """A tdmrep.json that was cut could have reserved after the cut; it is not whole, however long."""
    body = b'[{"location": "/b/", "tdm-reservation": 0},' + b" " * 600_000
    assert findings(decide(PAGE, [robots(), tdmrep(body, 200, truncated=True)], POLICY)) == ["unreachable"]


def test_not_modified_is_no_absence() -> None:
    """A 304 (RFC 9110 section 15.4.5) answers with the copy that was kept; without one it is no answer."""
    kept = decide(PAGE, [robots(FORBID, at=SEEN - HOUR), robots(status=304), tdmrep()], POLICY)
    alone = decide(PAGE, [robots(status=304), tdmrep()], POLICY)
    assert (kept.may_fetch, alone.may_fetch) == (False, False)


def test_part_of_a_file_is_not_whole() -> None:
    """A 206 (RFC 9110 section 15.3.7) nobody asked for is a part; what is left out could have said no."""
    assert not decide(PAGE, [robots(status=206), tdmrep()], POLICY).may_fetch


TIES: list[tuple[str, list[Evidence]]] = [
    ("answer and failure", [robots(b"User-agent: *\nAllow: /\n"), robots(b"busy", 503)]),
    ("two answers", [robots(b"User-agent: *\nAllow: /\n"), robots(FORBID)]),
    ("two failures", [robots(b"1", 503), robots(b"2", None, error="timeout")]),
]


@pytest.mark.parametrize(("name", "tied"), TIES, ids=[name for name, _ in TIES])
def test_ties_do_not_hang_on_order(name: str, tied: list[Evidence]) -> None:
    """Evidence of one moment is settled by itself, whatever order it comes in."""
    made = [decide(PAGE, [*order, tdmrep()], POLICY) for order in permutations(tied)]
    assert made[0] == made[1], name


SAME: list[tuple[str, list[Evidence]]] = [
    ("404 and 503, no body", [robots(status=404), robots(status=503)]),
    ("403 and 404, no body", [robots(status=403), robots(status=404)]),
    ("two pages, one body, one header", [robots(), page(tag="noai"), page()]),
]


@pytest.mark.parametrize(("name", "tied"), SAME, ids=[name for name, _ in SAME])
def test_ties_of_one_body_do_not_hang_on_order(name: str, tied: list[Evidence]) -> None:
    """The same, where only status or headers differ; what is stricter counts."""
    made = [decide(PAGE, [*order, tdmrep()], POLICY) for order in permutations(tied)]
    assert len({(one.outcome, tuple(findings(one))) for one in made}) == 1, name


def test_ties_between_answers_fall_to_the_stricter() -> None:
    """Two answers of one moment, one reserving: in doubt it is reserved, whatever the hashes."""
    for variant in range(8):
        refusing = robots(REFUSE + b"#%d" % variant)
        assert decide(PAGE, [robots(), refusing, tdmrep()], POLICY).outcome is Outcome.DENY


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_error_is_no_answer_of_the_page(status: int) -> None:
    """A page that said noai and answers 503 now has not taken it back."""
    seen = [robots(), tdmrep(), page(tag="noai"), page(status, SEEN + HOUR)]
    assert decide(PAGE, seen, POLICY).outcome is Outcome.DENY


def test_no_response_of_the_page_is_no_answer() -> None:
    """The same where there was no response at all, and the latest answer counts otherwise."""
    seen = [robots(), tdmrep(), page(tag="noai"), page(None, SEEN + HOUR, error="timeout")]
    assert decide(PAGE, seen, POLICY).outcome is Outcome.DENY
    assert decide(PAGE, [*seen, page(at=SEEN + DAY)], POLICY).outcome is Outcome.ALLOW


OPEN = [robots(), tdmrep(), robots(origin=OTHER), tdmrep(origin=OTHER)]
CHAIN = page(final_url=f"{OTHER}/z", hops=[Hop(PAGE, 302), Hop(f"{HOME}/b", 301), Hop(f"{OTHER}/y", 302)])


@pytest.mark.parametrize(
    ("closed", "origin"),
    [("/a", HOME), ("/b", HOME), ("/y", OTHER), ("/z", OTHER)],
    ids=["requested", "hop", "hop elsewhere", "final"],
)
@pytest.mark.parametrize("line", ["Disallow: {}", "Content-Usage: {} train-ai=n"])
def test_every_link_of_a_chain_counts(closed: str, origin: str, line: str) -> None:
    """The strictest over requested URL, hops and final URL, in either order of evidence."""
    body = f"User-agent: *\n{line.format(closed)}\n".encode()
    seen = [item for item in OPEN if item.url != f"{origin}/robots.txt"] + [robots(body, origin=origin), CHAIN]
    made = decide(PAGE, seen, POLICY)
    assert (made.outcome, made.may_fetch, made.url) == (Outcome.DENY, "Disallow" not in line, PAGE)
    assert decide(PAGE, seen[::-1], POLICY).outcome is Outcome.DENY
    assert decide(PAGE, [*OPEN, CHAIN], POLICY).outcome is Outcome.ALLOW


def test_origins_of_a_chain_that_nobody_looked_at() -> None:
    """A redirect to another host needs that host's robots.txt too."""
    made = decide(PAGE, [robots(), tdmrep(), CHAIN], POLICY)
    assert (made.outcome, made.may_fetch) == (Outcome.PENDING, False)


def test_header_of_the_final_response_counts() -> None:
    """What the response that was got says counts for the URL that was asked for."""
    tagged = Evidence(PAGE, 200, [("X-Robots-Tag", "noai")], b"", SEEN, final_url=f"{OTHER}/z", hops=[PAGE])
    assert decide(PAGE, [*OPEN, tagged], POLICY).outcome is Outcome.DENY
    assert decide(f"{OTHER}/z", [*OPEN, tagged], POLICY).outcome is Outcome.DENY


def test_page_asked_for_itself_comes_before_one_reached() -> None:
    """A response got by the URL itself is nearer than one that a redirect of another URL led to."""
    reached = page(url=f"{HOME}/b", final_url=PAGE, hops=[f"{HOME}/b"], tag="noai", at=SEEN + HOUR)
    assert decide(PAGE, [robots(), tdmrep(), page(), reached], POLICY).outcome is Outcome.ALLOW
    assert decide(PAGE, [robots(), tdmrep(), reached], POLICY).outcome is Outcome.DENY


def test_header_of_a_hop_counts() -> None:
    """X-Robots-Tag on a redirect counts as well (signals.md section 0.3, step 6)."""
    tagged = page(final_url=f"{HOME}/b", hops=[Hop(PAGE, 302, (("x-robots-tag", "noai"),))])
    assert decide(PAGE, [robots(), tdmrep(), tagged], POLICY).outcome is Outcome.DENY


def test_header_zero_lifts_where_a_chain_comes_back() -> None:
    """A -> b -> a, as cookie checks do: the response is a's, so its header supersedes a's file."""
    free = Evidence(PAGE, 200, [("tdm-reservation", "0")], b"", SEEN, final_url=PAGE, hops=[PAGE, f"{OTHER}/y"])
    seen = [robots(), tdmrep(RESERVED, 200), robots(origin=OTHER), tdmrep(origin=OTHER), free]
    assert decide(PAGE, seen, POLICY).outcome is Outcome.ALLOW


def test_licence_for_one_link_does_not_lift_another() -> None:
    """A licence for the requested host lifts nothing of the host that it redirects to."""
    own = Licence("H", ("h.test",), (Usage.TRAIN_AI,), SEEN - DAY, SEEN + DAY, "contract", "A. Person")
    seen = [robots(REFUSE), tdmrep(), robots(origin=OTHER), tdmrep(RESERVED, 200, origin=OTHER), CHAIN]
    assert decide(PAGE, seen, POLICY, licences=[own]).outcome is Outcome.DENY
    free = [robots(REFUSE), tdmrep(), robots(origin=OTHER), tdmrep(origin=OTHER), CHAIN]
    assert decide(PAGE, free, POLICY, licences=[own]).outcome is Outcome.ALLOW


def test_fragments_are_no_part_of_a_url() -> None:
    """With and without a fragment it is one asset."""
    seen = [robots(), tdmrep(), page(url=f"{PAGE}#x", tag="noai")]
    assert decide(f"{PAGE}#y", seen, POLICY).outcome is Outcome.DENY


@pytest.mark.parametrize("status", [-1, 65536, 99999])
def test_odd_status_is_no_exception(status: int) -> None:
    """Twisted hands on whatever number stands in the status line; it is unreachable, not an exception."""
    assert findings(decide(PAGE, [robots(status=status), tdmrep()], POLICY)) == ["robots-unreachable"]


def test_odd_error_is_no_exception() -> None:
    """The text of an error may hold what the remote sent."""
    assert findings(decide(PAGE, [robots(status=None, error="\udcff"), tdmrep()], POLICY)) == ["robots-unreachable"]


def test_odd_url_is_no_exception() -> None:
    """A URL is remote text; one with a lone surrogate is decided about like any other."""
    assert decide(f"{PAGE}\ud800", [robots(FORBID), tdmrep()], POLICY).outcome is Outcome.DENY


@given(st.text(max_size=700), st.integers(0, 65535) | st.none(), st.binary(max_size=80))
def test_error_and_status_survive(error: str, status: int | None, body: bytes) -> None:
    """Whatever a failure says, the site keeps what it needs and stays whole."""
    error = error.encode("utf-8", "replace").decode()
    site = Site.read([robots(body, status, error=error), tdmrep(status=status, error=error)], POLICY)
    assert [file.location for file in site.files] == ["robots.txt", "tdmrep.json"]
    assert [file.source.status for file in site.files] == [status or None] * 2
    assert site.files[0].source.sha256 == robots(body).sha256
    assert error.startswith((site.files[0].source.error or "").rstrip("\ufffd"))
