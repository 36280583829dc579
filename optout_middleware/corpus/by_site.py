"""How many records of each site a job left: before, after, and what became of the rest.

Rule of this file: pure, over the tables that tasks leave; sums only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from optout_middleware.terms import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


def by_site(tables: Sequence[Any]) -> Any:
    """Add up counts of (site, outcome); give a row for each site: before, after, and what became of the rest."""
    if not tables:
        tables = [
            pa.table(
                {
                    "site": pa.array([], pa.string()),
                    "outcome": pa.array([], pa.string()),
                    "records": pa.array([], pa.int64()),
                }
            )
        ]
    rows = pa.concat_tables(tables).group_by(["site", "outcome"]).aggregate([("records", "sum")]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["site"], {})[row["outcome"]] = row["records_sum"]
    sites = sorted(found)
    outcomes = [outcome.value for outcome in Outcome]
    columns = {outcome: [found[site].get(outcome, 0) for site in sites] for outcome in outcomes}
    return pa.table({
        "site": pa.array(sites, pa.string()),
        "before": pa.array([sum(found[site].values()) for site in sites], pa.int64()),
        "after": pa.array(columns[Outcome.ALLOW.value], pa.int64()),
        "deny": pa.array(columns[Outcome.DENY.value], pa.int64()),
        "pending": pa.array(columns[Outcome.PENDING.value], pa.int64()),
    })  # fmt: skip
