"""How long evidence holds: a table of responses, and properties of the whole."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import Site
from optout_middleware.evidence.freshness import Lifetimes, is_unreachable, lifetime, retry_after, spread
from optout_middleware.evidence.locations import location_of, location_url
from optout_middleware.files import State
from optout_middleware.policy import LOCATIONS, Policy
from optout_middleware.terms import Evidence, OptOutError

AT = datetime(1994, 11, 6, 8, 0, tzinfo=timezone.utc)
TABLE = json.loads((Path(__file__).parent / "data" / "lifetimes.json").read_text("utf-8"))
ROBOTS, TDMREP = "http://news.example/robots.txt", "http://news.example/.well-known/tdmrep.json"


def evidence(headers: Any = (), status: int | None = 200, url: str = ROBOTS, error: str | None = None) -> Evidence:
    """Give evidence of a location."""
    return Evidence(url, status, headers, b"", AT, error=error)


@pytest.mark.parametrize("row", TABLE["rows"], ids=lambda row: row["name"])
def test_lifetimes(row: dict[str, Any]) -> None:
    """Each response lives as long as its row says."""
    seen = evidence(row["headers"], row.get("status", 200), error=row.get("error"))
    assert lifetime(seen, Lifetimes()) == row["seconds"]


def test_robots_txt_never_lives_longer_than_a_day() -> None:
    """RFC 9309 section 2.4 caps robots.txt, whatever the operator's ceiling is for other locations."""
    week = Lifetimes(default=604_800.0, ceiling=604_800.0)
    assert lifetime(evidence(url=ROBOTS), week) == 86_400
    assert lifetime(evidence(url=TDMREP), week) == 604_800


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["cache-control", "expires", "date", "age", "retry-after", "x"]),
            st.text() | st.from_regex(r"(max-age|no-store|s-maxage)?=?[0-9\"]{0,30},?"),
        ),
        max_size=5,
    ),
    st.one_of(st.none(), st.integers(0, 700)),
)
def test_any_headers_give_a_life_within_the_bounds(headers: list[tuple[str, str]], status: int | None) -> None:
    """No response makes evidence live longer than the ceiling or shorter than the floor."""
    lifetimes = Lifetimes(floor=60, ceiling=7200, default=3600, failure=30)
    seen = evidence(headers, status)
    least, most = (30, 30) if is_unreachable(seen) else (60, 7200)
    assert least <= lifetime(seen, lifetimes) <= most
    asked = retry_after(seen)
    assert asked is None or asked >= 0


def test_header_of_any_length_is_read_in_one_pass() -> None:
    """Text made to make a pattern backtrack is read; with a quadratic reader this test does not end."""
    for garbage in (
        " " * 1_000_000,
        'a="' * 300_000,
        '\\"' * 500_000,
        "," * 1_000_000,
        "max-age=" + "9" * 5_000,
    ):
        assert lifetime(evidence([("cache-control", garbage)]), Lifetimes()) == 86_400


@pytest.mark.parametrize("error", [None, "connection reset"])
def test_a_failure_is_what_a_site_finds_unreachable(error: str | None) -> None:
    """Gather tries again exactly what a decision would wait for."""
    for status in (None, *range(100, 700)):
        seen = evidence(status=status, error=error)
        file = Site.read([seen], Policy("ExampleBot")).files[0]
        assert is_unreachable(seen) is (file.state == State.UNREACHABLE), status


@given(st.text(), st.floats(1, 1e7))
def test_spread_shortens_by_a_tenth_at_most(origin: str, seconds: float) -> None:
    """The spread is the same each time, at most a tenth, and never goes below the floor."""
    lifetimes = Lifetimes()
    spreaded = spread(seconds, origin, lifetimes)
    assert spreaded == spread(seconds, origin, lifetimes)
    assert 0.9 * seconds <= spreaded <= seconds
    assert spreaded >= min(seconds, lifetimes.floor)


def test_spread_differs_between_origins() -> None:
    """A thousand origins seen at once are not asked again at once."""
    lives = {round(spread(86_400, f"http://h{n}.example", Lifetimes()), 3) for n in range(1000)}
    assert len(lives) > 990
    assert min(lives) < 0.91 * 86_400
    assert max(lives) > 0.99 * 86_400


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:00:30 GMT", 30.0),
        ("Sun, 06 Nov 1994 07:00:00 GMT", 0.0),
        ("later", None),
        ("-5", None),
        ("Sun, 99 Nov 1994 08:00:30 GMT", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Retry-After is seconds or a date (RFC 9110 section 10.2.3); anything else says nothing."""
    assert retry_after(evidence([("retry-after", value)], 503)) == seconds


@pytest.mark.parametrize(
    "mistake",
    [
        {"floor": 0},
        {"floor": 100, "default": 50},
        {"default": 100_000},
        {"failure": 0},
        {"failure": 100_000},
        {"stale": -1},
        {"stale": timedelta(days=31).total_seconds()},
        {"floor": float("nan")},
    ],
)
def test_lifetimes_that_cannot_be_are_refused_in_one_line(mistake: dict[str, float]) -> None:
    """A mistake names what was given and what to give."""
    with pytest.raises(OptOutError, match=r"give seconds") as caught:
        Lifetimes(**mistake)
    assert "\n" not in str(caught.value)


def test_location_urls_lead_back_to_their_names() -> None:
    """Each location's URL is that location and no other."""
    for name in LOCATIONS:
        assert location_of(location_url("https://news.example:8443", name)) == name
    assert location_of("https://news.example/robots.txt?x") is None
