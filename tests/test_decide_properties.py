"""What holds of every decision: nothing raises, order is nothing, strictness never falls, a site is a value."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optout_middleware import decide as public_decide
from optout_middleware import files
from optout_middleware.decide import Site, decide, view_of
from optout_middleware.policy import FINDINGS, Policy, Profile
from optout_middleware.signals import robots_kept
from optout_middleware.signals.robots_txt import parse
from optout_middleware.terms import Claim, Decision, Evidence, Hop, Outcome, Usage, strictest

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOME = "http://h.test"
POLICIES = st.builds(
    Policy,
    st.just("FooBot"),
    st.sampled_from(list(Usage)),
    st.sampled_from(list(Profile)),
    locations=st.sampled_from([("robots.txt",), ("robots.txt", "tdmrep.json")]),
)
STATUSES = st.sampled_from([200, 200, 200, 204, 301, 304, 401, 403, 404, 410, 429, 500, 503, None])
# What a robots.txt may hold, from which most decisions come out.
GROUP_LINES = [
    "Allow: /", "Allow: /a", "Disallow: /b", "Content-Usage: train-ai=y", "Content-Usage: /a train-ai=y",
    "Content-Signal: ai-train=yes",
    "Content-Signal: search=yes", "Crawl-delay: 2", "# x",
]  # fmt: skip
REFUSING_LINES = [
    "Disallow: /", "Disallow: /a", "Content-Usage: train-ai=n", "Content-Usage: /a train-ai=n",
    "Content-Usage: ai-use=n, train-ai=n",
    "Content-Signal: ai-train=no", "Content-Signal: /a ai-train=no,ai-input=no",
    "Content-Signal: search=no,ai-train=no,ai-input=no",
]  # fmt: skip
REFUSING_GROUPS = [
    "User-agent: GPTBot\nDisallow: /", "User-agent: Google-Extended\nDisallow: /a",
    "User-agent: CCBot\nUser-agent: ClaudeBot\nDisallow: /",
    "User-agent: __usage_ai-training\nDisallow: /",
]  # fmt: skip
FIELDS = ["train-ai=y", "search=y, train-ai=y", "ai-train=yes", "all", "nofollow", "1"]
REFUSING_FIELDS = [
    ("X-Robots-Tag", "noai"), ("X-Robots-Tag", "otherbot: noai"), ("X-Robots-Tag", "noarchive"),
    ("Robots-Tag", "*;noai"),
    ("tdm-reservation", "1"), ("Content-Usage", "train-ai=n"), ("Content-Signal", "ai-train=no"),
]  # fmt: skip
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-Robots-Tag", "Content-Usage", "Content-Signal", "Content-Type", "X"]),
        st.sampled_from(FIELDS),
    ),
    max_size=3,
)
RULES = [
    b'[{"location": "/", "tdm-reservation": 1}]',
    b'[{"location": "/a", "tdm-reservation": 0}]',
    b"{}",
    b"<html>",
    b"",
]
PATHS = st.sampled_from(["/a", "/b", "/", "/a/b?c=d", "/robots.txt"])
CLAIMS = st.lists(
    st.sampled_from([Claim(name, "S", "R1", "x") for name in FINDINGS if name.startswith("register-")]), max_size=2
)


def robots(lines: list[str], groups: list[str], status: int | None = 200, hour: int = 0) -> Evidence:
    """Give a robots.txt with a group for everybody, and groups for others."""
    text = "\n".join([*groups, "User-agent: *", *lines, ""])
    return Evidence(f"{HOME}/robots.txt", status, (), text.encode(), SEEN + timedelta(hours=hour))


ROBOTS = st.builds(
    robots, st.lists(st.sampled_from(GROUP_LINES), max_size=4), st.lists(st.sampled_from(REFUSING_GROUPS), max_size=1)
)
TDMREP = st.builds(
    lambda body, status: Evidence(f"{HOME}/.well-known/tdmrep.json", status, (), body, SEEN),
    st.sampled_from(RULES),
    STATUSES,
)


def page(path: str, headers: list[tuple[str, str]]) -> Evidence:
    """Give the response of a page."""
    return Evidence(f"{HOME}{path}", 200, headers, b"", SEEN)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ANY = st.builds(
    lambda path, status, headers, body, hour, error, truncated: Evidence(
        f"{HOME}{path}", status, headers, body, SEEN + timedelta(hours=hour), error=error, truncated=truncated
    ),
    st.sampled_from(["/robots.txt", "/.well-known/tdmrep.json", "/a"]),
    STATUSES,
    st.lists(
        st.tuples(
            st.sampled_from(["X-Robots-Tag", "Content-Usage", "Content-Signal", "tdm-reservation", "tdm-policy"]), TEXT
        ),
        max_size=2,
    ),
    st.binary(max_size=80) | st.sampled_from([*RULES, b"User-agent: *\nDisallow: /a\n"]),
    st.integers(-900, 900),
    st.none() | TEXT,
    st.booleans(),
)


@given(st.lists(ANY, min_size=1, max_size=5), POLICIES, TEXT)
def test_nothing_raises(seen: list[Evidence], policy: Policy, path: str) -> None:
    """Whatever was seen, it is decided about, and the decision writes itself as JSON."""
    made = decide(f"{HOME}/{path}", seen, policy)
    assert made.outcome in Outcome
    assert json.loads(json.dumps(made.to_dict()))["policy"] == policy.sha256


@given(st.lists(ANY, min_size=1, max_size=5, unique_by=lambda item: item.fetched_at), POLICIES, st.data())
def test_order_of_evidence_is_nothing(seen: list[Evidence], policy: Policy, data: st.DataObject) -> None:
    """Evidence of different moments may come in any order."""
    assert decide(f"{HOME}/a", data.draw(st.permutations(seen)), policy) == decide(f"{HOME}/a", seen, policy)


@given(st.lists(ANY, min_size=1, max_size=4), POLICIES, PATHS)
def test_deciding_is_deterministic(seen: list[Evidence], policy: Policy, path: str) -> None:
    """The same again, with what was worked out before and without, gives the same decision and the same record."""
    made = decide(HOME + path, seen, policy)
    again = decide(HOME + path, iter(seen), policy)
    for cached in (view_of, files.opened, robots_kept.selection):
        cached.cache_clear()
    assert decide(HOME + path, seen, policy) == again == made
    assert json.dumps(made.to_dict()) == json.dumps(again.to_dict())


@given(st.lists(ANY, min_size=1, max_size=4), POLICIES, PATHS, CLAIMS)
def test_outcome_is_the_strictest_reason(seen: list[Evidence], policy: Policy, path: str, claims: list[Claim]) -> None:
    """What a decision comes to is what its reasons come to; it waits where it is pending; what forbids is no allow."""
    made = decide(HOME + path, seen, policy, claims=claims)
    assert made.outcome is strictest(reason.outcome for reason in made.reasons)
    assert [reason.outcome for reason in made.reasons] == sorted(
        (reason.outcome for reason in made.reasons), key=["deny", "pending", "allow"].index
    )
    assert (made.waits_for is not None) is (made.outcome is Outcome.PENDING)
    assert made.may_fetch or made.outcome is not Outcome.ALLOW
    assert all(source.fetched_at <= made.at for source in made.evidence)


@given(st.lists(ANY, min_size=1, max_size=4), POLICIES, PATHS)
def test_site_survives_pickling(seen: list[Evidence], policy: Policy, path: str) -> None:
    """A site sent to another process decides the same."""
    located = [item for item in seen if not item.url.endswith("/a")]
    assume(located)
    site = Site.read(located, policy)
    copy = pickle.loads(pickle.dumps(site))
    at = max(item.fetched_at for item in located)
    assert (copy, copy.may_fetch(HOME + path)) == (site, site.may_fetch(HOME + path))
    assert copy.decide(HOME + path, at=at) == site.decide(HOME + path, at=at)
    if path != "/robots.txt" and not files.rivals(located):  # `decide` has the response too, and tells ties apart
        assert site.decide(HOME + path, at=at) == decide(HOME + path, located, policy)


@given(st.lists(st.sampled_from([*GROUP_LINES, *REFUSING_LINES, "User-agent: FooBot"]), max_size=8), PATHS, POLICIES)
def test_three_answers_on_fetching_agree(lines: list[str], path: str, policy: Policy) -> None:
    """The parsed file, the site and the decision say the same of fetching."""
    seen = robots(lines, [])
    site = Site.read([seen], policy)
    answer = parse(seen.body).may_fetch("FooBot", HOME + path)
    assert site.may_fetch(HOME + path) is site.decide(HOME + path, at=SEEN).may_fetch is answer


def strictness(decision: Decision) -> tuple[int, bool]:
    """Order decisions: by outcome, then by whether the URL may be fetched."""
    return ("allow", "pending", "deny").index(decision.outcome), not decision.may_fetch


@given(st.tuples(ROBOTS, TDMREP), HEADERS, POLICIES, PATHS, CLAIMS, st.data())
def test_strictness_never_falls(
    located: tuple[Evidence, Evidence],
    headers: list[tuple[str, str]],
    policy: Policy,
    path: str,
    claims: list[Claim],
    data: st.DataObject,
) -> None:
    """One more refusing line, group, field, claim or doubt: never less strict, in either profile."""
    first, second = located
    asset = page(path, headers)
    before = decide(HOME + path, [first, second, asset], policy, claims=claims)
    added = data.draw(st.sampled_from(["line", "group", "field", "claim"]))
    if added == "line":
        line = data.draw(st.sampled_from(REFUSING_LINES))
        first = Evidence(first.url, 200, (), first.body + line.encode() + b"\n", SEEN)
    elif added == "group":
        group = data.draw(st.sampled_from(REFUSING_GROUPS))
        first = Evidence(first.url, 200, (), first.body + b"\n" + group.encode() + b"\n", SEEN)
    elif added == "field":
        asset = page(path, [*headers, data.draw(st.sampled_from(REFUSING_FIELDS))])
    else:
        claims = [*claims, *data.draw(CLAIMS)]
    after = decide(HOME + path, [first, second, asset], policy, claims=claims)
    assert strictness(after) >= strictness(before)


@given(st.tuples(ROBOTS, TDMREP), HEADERS, POLICIES, PATHS, st.sampled_from([0, 1]), st.sampled_from([503, 429, None]))
def test_doubt_about_a_location_never_opens(
    located: tuple[Evidence, Evidence],
    headers: list[tuple[str, str]],
    policy: Policy,
    path: str,
    failing: int,
    status: int | None,
) -> None:
    """Where a location cannot be reached any more its copy counts; without a copy never more open than silence."""
    assume(path != "/robots.txt")  # whose response would be another answer of the same moment
    assume(path != "/robots.txt")  # the page would be a robots.txt
    asset = page(path, headers)
    seen = [*located, asset]
    failed = located[failing]
    later = Evidence(failed.url, status, (), b"", SEEN + timedelta(hours=1), error="gone")
    after = decide(HOME + path, [*seen, later], policy)
    if files.state_of(failed) == files.State.READ:
        assert strictness(after) == strictness(decide(HOME + path, seen, policy))
    silent = Evidence(failed.url, 404, (), b"", SEEN)
    quiet = decide(HOME + path, [silent if item is failed else item for item in seen], policy)
    without = decide(HOME + path, [later if item is failed else item for item in seen], policy)
    if failed is located[0]:
        assert not without.may_fetch
    assert strictness(without) >= strictness(quiet)


@given(ROBOTS, TDMREP, HEADERS, PATHS)
def test_precautionary_is_never_more_open(
    first: Evidence, second: Evidence, headers: list[tuple[str, str]], path: str
) -> None:
    """The precautionary profile is at least as strict as the literal one."""
    seen = [first, second, page(path, headers)]
    careful, literal = (decide(HOME + path, seen, Policy("FooBot", profile=profile)) for profile in Profile)
    assert strictness(careful) >= strictness(literal)


@given(ROBOTS, TDMREP, PATHS, PATHS)
def test_a_hop_never_opens(first: Evidence, second: Evidence, path: str, through: str) -> None:
    """A response reached by way of another URL is at least as strict as both."""
    assume(path != "/robots.txt")  # the file itself would be the response too
    policy = Policy("FooBot")
    asset = Evidence(
        HOME + path, 200, (), b"", SEEN, hops=[Hop(HOME + path, 302), Hop(HOME + through, 302)], final_url=f"{HOME}/b"
    )
    chained = decide(HOME + path, [first, second, asset], policy)
    for link in (path, through, "/b"):
        assert strictness(chained) >= strictness(decide(HOME + link, [first, second], policy))


@pytest.mark.parametrize("profile", list(Profile))
def test_header_zero_lifts_its_own_file_only(profile: Profile) -> None:
    """The one thing that lifts: TDMRep's header 0 supersedes TDMRep's file 1, and nothing of another protocol."""
    policy = Policy("FooBot", profile=profile)
    reserved = Evidence(f"{HOME}/.well-known/tdmrep.json", 200, (), RULES[0], SEEN)
    zero = page("/a", [("tdm-reservation", "0")])
    assert decide(f"{HOME}/a", [robots([], []), reserved, zero], policy).outcome is Outcome.ALLOW
    for line in REFUSING_LINES:
        assert decide(f"{HOME}/a", [robots([line], []), reserved, zero], policy).outcome is Outcome.DENY
    assert (
        decide(
            f"{HOME}/a",
            [robots([], []), reserved, page("/a", [("tdm-reservation", "0"), ("X-Robots-Tag", "noai")])],
            policy,
        ).outcome
        is Outcome.DENY
    )


def test_a_malformed_field_line_takes_no_plain_no_away() -> None:
    """House: a doubt more never makes a deny into an allow, in the literal profile neither."""
    policy = Policy("FooBot", profile=Profile.LITERAL)
    seen = [robots([], []), Evidence(f"{HOME}/.well-known/tdmrep.json", 404, (), b"", SEEN)]
    fields = [("Content-Usage", "train-ai=n"), ("Content-Usage", "Train-AI=n")]
    assert decide(f"{HOME}/a", [*seen, page("/a", fields[:1])], policy).outcome is Outcome.DENY
    assert decide(f"{HOME}/a", [*seen, page("/a", fields)], policy).outcome is Outcome.DENY


def test_public_decide_is_the_one() -> None:
    """The package's `decide` is the function, not the module."""
    assert public_decide is decide
