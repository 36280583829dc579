"""One helper for the tests of this room: ask a signal about one URL."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.policy import Policy
from optout_middleware.signals import Asked, Signal, robots_kept
from optout_middleware.signals.paths import canonical_path
from optout_middleware.terms import Evidence, Statement, Usage
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def _ask(signal: Signal, question: dict[str, Any]) -> tuple[Statement, ...]:
    """Ask a signal as `decide` would.

    Args:
        signal: the signal that is asked.
        question: "url", "token", "usage"; "file": bytes of each location that the signal keeps something of;
            "headers", "html" or "body", "media_type" of the response: None of these = it was not fetched.
    """
    url = question.get("url", "https://h.example/p")
    kept = {}
    for location, keep in signal.keep.items():
        if "file" in question:
            kept[location] = keep(Evidence(f"{origin_of(url)}/.well-known/{location}", 200, [], question["file"], SEEN))
    asset = None
    if question.keys() & {"headers", "html", "body"}:
        headers = [tuple(pair) for pair in question.get("headers", ())]
        media_type = question.get("media_type", "text/html")
        if media_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", media_type))
        body = question.get("body", question.get("html", "").encode())
        asset = Evidence(url, 200, headers, body, SEEN)
    policy = Policy(question.get("token", "OurBot"), Usage(question.get("usage", "train-ai")))
    path = canonical_path(url)
    return tuple(signal.state(Asked(url, path, policy, robots_kept.NOTHING, True, kept, asset)))


@pytest.fixture(scope="session")
def ask() -> Callable[[Signal, dict[str, Any]], tuple[Statement, ...]]:
    """Give the helper `_ask`."""
    return _ask


@pytest.fixture(scope="session")
def page() -> Callable[..., Evidence]:
    """Give a maker of responses with a body."""

    def make(body: bytes, media_type: str = "text/html") -> Evidence:
        headers = [("content-type", media_type)] if media_type else []
        return Evidence("https://h.example/p", 200, headers, body, SEEN)

    return make
