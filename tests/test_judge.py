"""Decisions that no site makes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from optout_middleware import Policy
from optout_middleware.decide import decide
from optout_middleware.judge import not_looked_at, untaggable, without_page, without_site
from optout_middleware.terms import Evidence

AT = datetime(2026, 11, 24, tzinfo=timezone.utc)
POLICY = Policy("ExampleBot")
RESERVED = Evidence(
    "http://news.example/.well-known/tdmrep.json", 200, (), b'[{"location": "/", "tdm-reservation": 1}]', AT
)
ROBOTS = Evidence("http://news.example/robots.txt", 404, (), b"", AT)


@pytest.mark.parametrize(
    ("url", "outcome", "finding"),
    [
        ("data:text/plain,hi", "allow", "own-input"),
        ("FILE:///tmp/a", "allow", "own-input"),
        ("ftp://news.example/a", "pending", "unjudged"),
        ("s3://bucket/key", "pending", "unjudged"),
        ("datax:hi", "pending", "unjudged"),
        ("", "pending", "unjudged"),
    ],
)
def test_url_without_a_site(url: str, outcome: str, finding: str) -> None:
    """Only what is the operator's own input is allowed; of all else nobody can be asked."""
    decision = without_site(url, POLICY, AT)
    assert (decision.outcome, decision.reasons[0].finding, decision.policy) == (outcome, finding, POLICY.sha256)
    assert decision.waits_for == (None if outcome == "allow" else "person")


def test_item_without_a_page() -> None:
    """It waits for a person; an override is named."""
    decision = without_page("", POLICY, AT)
    assert (decision.outcome, decision.waits_for) == ("pending", "person")
    ruling = {"unjudged": {"outcome": "deny", "by": "A. Person", "reason": "never"}}
    overridden = without_page("", Policy("ExampleBot", findings=ruling), AT)  # type: ignore[arg-type]
    assert (overridden.outcome, overridden.reasons[0].override) == ("deny", "A. Person: never")


def test_untaggable_never_loosens() -> None:
    """An item that cannot take the tag is pending; one of a denied page stays denied."""
    denied = decide("http://news.example/a", [ROBOTS, RESERVED], POLICY)
    allowed = decide("http://news.example/a", [ROBOTS], Policy("ExampleBot", locations=("robots.txt",)))
    assert (untaggable(denied, "why").outcome, untaggable(denied, "why").waits_for) == ("deny", None)
    assert (untaggable(allowed, "why").outcome, untaggable(allowed, "why").waits_for) == ("pending", "person")
    assert untaggable(allowed, "why").reasons[-1].note == "why"


def test_only_what_a_page_may_lift_is_noted() -> None:
    """The note stands on TDMRep's reservation of a site alone."""
    denied = decide("http://news.example/a", [ROBOTS, RESERVED], POLICY)
    noted = not_looked_at(denied)
    assert ["OPTOUT_FETCH_RESERVED" in reason.note for reason in noted.reasons if reason.statement] == [True]
    closed = Evidence(ROBOTS.url, 200, (), b"User-agent: *\nDisallow: /", AT)
    forbidden = decide("http://news.example/a", [closed], POLICY)
    assert not_looked_at(forbidden) is forbidden
