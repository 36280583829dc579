"""The daily aggregate: counts that add up, merge, and stay small."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit import aggregate
from optout_middleware.audit.aggregate import OTHER_SITES, Aggregate, merge

from .log_files import FIRST, lines, written

if TYPE_CHECKING:
    from pathlib import Path

DAY = "2026-11-24"


def counted(rows: list[dict[str, Any]], day: str = DAY) -> dict[str, Any]:
    """Count lines of one day."""
    made = Aggregate()
    for row in rows:
        made.add(row, day)
    return made.to_dict()


def row(outcome: str = "deny", domain: str = "a.example", size: int | None = 5, *causes: str) -> dict[str, Any]:
    """Make what the aggregate reads of a line."""
    reasons = [{"finding": cause, "signal": "s", "outcome": outcome} for cause in causes]
    return {
        "stage": "response",
        "outcome": outcome,
        "action": "drop",
        "domain": domain,
        "size": size,
        "reasons": reasons,
    }


def test_run_leaves_what_its_lines_come_to(tmp_path: Path) -> None:
    """By outcome, by finding with what it alone settled, by site."""
    written(tmp_path)
    said = json.loads((tmp_path / f"aggregate-{FIRST}.json").read_bytes())
    assert said == counted(lines())
    day = said["days"][DAY]
    assert {(r["outcome"], r["action"]): (r["lines"], r["bytes"]) for r in day["outcomes"]} == {
        ("allow", "keep"): (9, 4608), ("deny", "drop"): (3, 1536),
    }  # fmt: skip
    refused = next(r for r in day["findings"] if (r["finding"], r["outcome"]) == ("refusal", "deny"))
    assert refused == {
        "stage": "response", "outcome": "deny", "finding": "refusal", "signal": "content-signal", "came_to": "deny",
        "lines": 3, "bytes": 1536, "alone": 3,
    }  # fmt: skip
    assert {r["site"] for r in day["sites"]} == {"news.example", "blog.example", "paid.example", "shop.example"}
    assert day["sites_told_apart"] is True


def test_what_settles_together_settles_nothing_alone() -> None:
    """Two findings that deny: both count, none alone; one that is noted beside does not."""
    both, noted = row("deny", "a", 5, "x", "y"), row("deny", "a", 5, "x")
    noted["reasons"].append({"finding": "n", "location": "robots.txt", "outcome": "allow"})
    found = {r["finding"]: (r["lines"], r["alone"]) for r in counted([both, noted])["days"][DAY]["findings"]}
    assert found == {"x": (2, 1), "y": (1, 0), "n": (1, 0)}


def test_notes_are_not_counted() -> None:
    """A line without an outcome is no decision."""
    assert counted([{"stage": "run", "action": "none"}])["days"] == {}


rows = st.lists(
    st.builds(
        lambda outcome, domain, size, causes: row(outcome, domain, size, *causes),
        st.sampled_from(("allow", "pending", "deny")),
        st.sampled_from(("a|b", "b.example", "")),
        st.none() | st.integers(0, 9),
        st.lists(st.sampled_from(("x", "y")), max_size=2),
    ),
    max_size=6,
)


@given(rows, rows, rows)
def test_merging_is_counting_all_at_once(one: list[Any], two: list[Any], three: list[Any]) -> None:
    """In any order and grouping."""
    whole = counted([*one, *two, *three])
    parts = [counted(part) for part in (one, two, three)]
    assert merge(parts) == merge(reversed(parts)) == merge([merge(parts[:2]), parts[2]]) == whole
    assert Aggregate.read(whole).to_dict() == whole


def test_days_are_kept_apart() -> None:
    """A run over midnight has two."""
    merged = merge([counted([row()], "2026-11-24"), counted([row()], "2026-11-25"), counted([row()], "2026-11-24")])
    assert {day: tables["outcomes"][0]["lines"] for day, tables in merged["days"].items()} == {
        "2026-11-24": 2, "2026-11-25": 1,
    }  # fmt: skip


def test_sites_are_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost from the sums, in counting and in merging."""
    monkeypatch.setattr(aggregate, "MAX_SITES", 2)
    said = counted([row(domain=f"{name}.example") for name in "aabcd"])
    day = said["days"][DAY]
    assert {r["site"]: r["lines"] for r in day["sites"]} == {"a.example": 2, "b.example": 1, OTHER_SITES: 2}
    assert day["sites_told_apart"] is False
    merged = merge([said, counted([row(domain="z.example")])])["days"][DAY]
    assert sum(r["lines"] for r in merged["sites"]) == 6
    assert len(merged["sites"]) == 3


@pytest.mark.parametrize(
    "values", [{}, {"schema": 2, "days": {}}, {"schema": 1, "days": []}, {"schema": 1, "days": {DAY: {}}}]
)
def test_what_is_no_aggregate_is_refused(values: dict[str, Any]) -> None:
    """Counts of something else are not added."""
    with pytest.raises(ValueError, match=r"aggregate"):
        merge([values])
