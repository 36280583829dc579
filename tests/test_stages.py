"""The table of stages: what the settings make of a decision."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from optout_middleware import Decision, Evidence, Outcome, Policy, decide
from optout_middleware.settings import Settings
from optout_middleware.stages import action_of, drops, is_not_fetched, settling

AT = datetime(2026, 11, 24, tzinfo=timezone.utc)
POLICY = Policy("ExampleBot", locations=("robots.txt",))
ALLOWED, DENIED, FORBIDDEN, PENDING = "/open", "/reserved", "/closed", "pending"
ROBOTS = b"User-agent: *\nDisallow: /closed\nContent-Signal: /reserved ai-train=no\n"


def decision(path: str) -> Decision:
    """Decide about a path, or about a site that does not answer."""
    status, url = (503, "http://news.example/") if path == PENDING else (200, f"http://news.example{path}")
    return decide(url, [Evidence("http://news.example/robots.txt", status, (), ROBOTS, AT)], POLICY)


def settings(**named: Any) -> Settings:
    """Read settings."""
    return Settings.read({"OPTOUT_PRODUCT_TOKEN": "ExampleBot", **named}.get)


@pytest.mark.parametrize(
    ("named", "refused"),
    [
        ({}, {DENIED, FORBIDDEN, PENDING}),
        ({"OPTOUT_FETCH_RESERVED": True}, {FORBIDDEN, PENDING}),
        ({"OPTOUT_ACTION": "tag"}, {FORBIDDEN, PENDING}),
        ({"OPTOUT_DRY_RUN": True}, {FORBIDDEN, PENDING}),
    ],
    ids=str,
)
def test_what_is_not_fetched(named: dict[str, Any], refused: set[str]) -> None:
    """What robots.txt forbids, or may forbid, never is; all else by the mode."""
    found = {
        path for path in (ALLOWED, DENIED, FORBIDDEN, PENDING) if is_not_fetched(decision(path), settings(**named))
    }
    assert found == refused


@pytest.mark.parametrize(
    ("named", "refused"),
    [({}, True), ({"OPTOUT_ACTION": "tag"}, True), ({"OPTOUT_FETCH_RESERVED": True}, True),
     ({"OPTOUT_DRY_RUN": True}, False)],
    ids=str,
)  # fmt: skip
def test_a_reserved_file_carries_no_tag(named: dict[str, Any], refused: bool) -> None:
    """So it is not fetched, but in a dry run."""
    assert is_not_fetched(decision(DENIED), settings(**named), media=True) is refused
    assert not is_not_fetched(decision(ALLOWED), settings(**named), media=True)


def test_robots_txt_itself_is_fetched() -> None:
    """Whatever it says of the use of its site (RFC 9309 section 2.2.2)."""
    robots = Evidence("http://news.example/robots.txt", 200, (), b"User-agent: *\nContent-Signal: ai-train=no\n", AT)
    decided = decide("http://news.example/robots.txt", [robots], POLICY)
    assert decided.outcome is Outcome.DENY
    assert not is_not_fetched(decided, settings())


@pytest.mark.parametrize(
    ("named", "drop", "allowed", "denied"),
    [
        ({}, True, "keep", "drop"),
        ({"OPTOUT_ACTION": "tag"}, False, "tag", "tag"),
        ({"OPTOUT_DRY_RUN": True}, False, "keep", "drop"),
    ],
    ids=str,
)
def test_actions(named: dict[str, Any], drop: bool, allowed: str, denied: str) -> None:
    """The words of the audit log; a dry run tells what would be done."""
    chosen = settings(**named)
    assert (drops(chosen), action_of(decision(ALLOWED), chosen), action_of(decision(DENIED), chosen)) == (
        drop, allowed, denied,
    )  # fmt: skip


def test_settling() -> None:
    """The finding that settled it; where nothing was found, the outcome."""
    assert [settling(decision(path)) for path in (FORBIDDEN, PENDING, ALLOWED)] == [
        "fetch-forbidden", "robots-unreachable", "allow",
    ]  # fmt: skip
