"""Charts and intervals: geometry that fits, and intervals that hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.report.dry_run import shares
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


def test_shares_are_those_of_the_manifest() -> None:
    """With interval or reason as recorded; what nothing came to has neither."""
    kept = {"requests": 3, "items": 0, "bytes": 0, "tokens": 0}
    excluded = {**kept, "requests": 1}
    share = {"share": 0.75, "low": 0.6, "high": 0.85, "sites": 60}
    few = {"share": 0.25, "low": None, "high": None, "sites": 60, "why": "too few sites"}
    told = {
        "total": {"kept": kept, "excluded": excluded},
        "shares": {"kept": {"requests": share}, "excluded": {"requests": few}},
    }
    rows = shares({"summary": {"share": told}})
    assert [(row["standing"], row["count"], row["of"], row["low"], row["why"]) for row in rows] == [
        ("kept", 3, 4, 0.6, ""),
        ("excluded", 1, 4, None, "too few sites"),
        *[(standing, 0, 4, None, "nothing came to it") for standing in ("pending", "unknown", "forbidden")],
    ]


@pytest.mark.parametrize("manifest", [{}, {"summary": None}, {"summary": {"share": {}}}, {"summary": {"share": 7}}])
def test_a_run_that_was_no_dry_run_has_no_shares(manifest: dict[str, object]) -> None:
    """Nor one that was not closed."""
    assert shares(manifest) == []
