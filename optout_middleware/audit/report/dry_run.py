"""What a dry run says of a crawl: the shares that would be left out, with their intervals.

Rule of this file: pure, from the summary that a run's manifest holds; how an interval is made stands in
`optout_middleware.audit.intervals`, and docs/estimate.md explains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.share import MEASURES, STANDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTHING = {"share": 0.0, "low": None, "high": None, "why": "nothing came to it"}


def shares(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the shares of a dry run, one row for each standing and measure that it counted.

    Args:
        manifest: of the run.

    Returns:
        Rows with `standing`, `measure`, `count`, `of`, `share`, `low`, `high` (None = no interval) and `why` there is
        none; empty where the run was no dry run.
    """
    told = (manifest.get("summary") or {}).get("share")
    if not isinstance(told, dict) or not isinstance(told.get("shares"), dict):
        return []
    rows = []
    for measure in MEASURES:
        counts = {standing: int(told["total"].get(standing, {}).get(measure, 0)) for standing in STANDINGS}
        whole = sum(counts.values())
        for standing, count in counts.items() if whole else ():
            found = told["shares"].get(standing, {}).get(measure, _NOTHING)
            rows.append({
                "standing": standing, "measure": measure, "count": count, "of": whole, "share": found["share"],
                "low": found["low"], "high": found["high"], "why": found.get("why", ""),
            })  # fmt: skip
    return rows
