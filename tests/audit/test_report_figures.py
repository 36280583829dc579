"""Charts and intervals: geometry that fits, and intervals that hold."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.report.dry_run import FEWEST_SITES, interval, shares
from optout_middleware.audit.report.figures import MOST_COLUMNS, WIDTH, bars, columns, in_time

SERIES = {"deny": "reserved", "pending": "pending", "allow": "no reservation found"}
COUNTS = st.fixed_dictionaries({kind: st.integers(0, 10**9) for kind in SERIES})


@given(st.lists(st.tuples(st.text(max_size=60), COUNTS), max_size=20))
def test_bars_stay_within_the_figure(rows: list[tuple[str, dict[str, int]]]) -> None:
    """Whatever the counts are; nothing is drawn where there is nothing."""
    drawn = bars("name", "title", rows, SERIES)
    if drawn is None:
        assert not any(sum(counts.values()) for _, counts in rows)
        return
    assert all(box.x >= 0 and box.width > 0 and box.x + box.width <= WIDTH for box in drawn.boxes)
    assert all(box.y + box.height <= drawn.height for box in drawn.boxes)
    assert all(len(text.text) <= 34 for text in drawn.texts)


@given(st.lists(st.tuples(st.text(max_size=10), COUNTS), min_size=1, max_size=MOST_COLUMNS))
def test_columns_stand_on_the_ground(rows: list[tuple[str, dict[str, int]]]) -> None:
    """Each column ends at the base line, and none leaves the figure."""
    drawn = columns("name", "title", rows, SERIES)
    if drawn is None:
        return
    assert all(box.y >= 0 and box.x + box.width <= WIDTH for box in drawn.boxes)


@pytest.mark.parametrize(("days", "unit", "count"), [(3, "day", 3), (200, "week", 29), (900, "month", 30)])
def test_time_is_grouped(days: int, unit: str, count: int) -> None:
    """By day as long as columns fit; nothing is lost."""
    start = date(2024, 1, 1)
    rows = [{"day": (start + timedelta(days=n)).isoformat(), "deny": 1, "allow": 2} for n in range(days)]
    found, grouped = in_time(rows, ("deny", "allow"))
    assert (found, len(grouped)) == (unit, count)
    assert sum(counts["allow"] for _, counts in grouped) == 2 * days


def test_intervals_cover_the_truth() -> None:
    """Of pages that share the fate of their site: 95 % intervals cover the true share in 93 to 97 % of 1,000 samples.

    The true share is 3 in 10, by construction.
    """
    draw = random.Random(20261124)
    covered = 0
    for _ in range(1_000):
        sites = [(size if draw.random() < 0.3 else 0, size) for size in (draw.choice((5, 10, 20)) for _ in range(200))]
        low, high, why = interval(sites)
        assert low is not None, why
        assert high is not None
        covered += low <= 0.3 <= high
    assert 930 <= covered <= 970


@pytest.mark.parametrize(
    ("pairs", "told_apart", "why"),
    [
        ([(1, 2)] * (FEWEST_SITES - 1), True, "too few sites: 49 of at least 50"),
        ([(1, 2)] * FEWEST_SITES, False, "sites were not all told apart"),
        ([(0, 2)] * FEWEST_SITES, True, "the share is below 5 % or above 95 %"),
    ],
)
def test_no_interval_without_ground(pairs: list[tuple[int, int]], told_apart: bool, why: str) -> None:
    """It says why there is none."""
    assert interval(pairs, told_apart=told_apart) == (None, None, why)


@pytest.mark.parametrize("manifest", [{}, {"summary": None}, {"summary": {"share": {}}}, {"summary": {"share": 7}}])
def test_a_run_that_was_no_dry_run_has_no_shares(manifest: dict[str, object]) -> None:
    """Nor one that was not closed."""
    assert shares(manifest) == []
