"""The figures of a report out of the daily aggregates of runs: years of crawls, without reading a line.

Rule of this file: it gives the parts that aggregates can give, in the form that lines would; the page shows no others.
A run without an aggregate is named, since its lines are not counted. Which actions were only told is not known here.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.aggregate import MAX_SITES, OTHER_SITES, Aggregate
from optout_middleware.audit.place import Place, aggregate_name
from optout_middleware.audit.reading import Damage, refuse_other, runs
from optout_middleware.audit.report.counts import Counts
from optout_middleware.audit.report.parts import SHOWN_SITES, counted, of_manifests
from optout_middleware.audit.report.sites import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence


def parts_of_aggregates(directories: Sequence[str]) -> dict[str, Any]:
    """Give the parts of a report that the aggregates of the runs have.

    A decision with two findings of one signal counts twice under that signal, since aggregates count by finding.

    Raises:
        OptOutError: a directory is not there, or has no audit log.
    """
    counts, total = Counts(), Aggregate()
    manifests = []
    for directory in directories:
        place = Place(directory)
        refuse_other(place)
        for row in runs([directory]):
            if isinstance(row, Damage):
                counts.damage(row)
                continue
            manifests.append(row)
            name = aggregate_name(str(row.manifest.get("run")))
            try:
                total.merge(Aggregate.read(json.loads(place.read(name))))
            except (OSError, ValueError) as error:
                text = f"the aggregate of the run cannot be read, so its lines are not counted: {error}"
                counts.damage(Damage(place.where(name), 0, "missing", text))
    sites: dict[str, dict[str, Any]] = {}
    for day, tables in total.to_dict()["days"].items():
        _add(counts, sites, day, tables)
    made = counted(counts)
    kept = {name: made[name] for name in ("totals", "signals", "findings", "timeline", "damage")}
    ranked = sorted(sites.values(), key=lambda row: (row["site"] == OTHER_SITES, -row["lines"], row["site"]))
    told = {"rows": ranked[:SHOWN_SITES], "of": len(ranked), "told_apart": OTHER_SITES not in sites,
            "most_told_apart": MAX_SITES}  # fmt: skip
    return {**of_manifests(manifests), **kept, "sites": told}


def _add(counts: Counts, sites: dict[str, dict[str, Any]], day: str, tables: dict[str, Any]) -> None:
    """Count the tables of one day."""
    for row in tables["outcomes"]:
        outcome, lines = row["outcome"], row["lines"]
        counts.count(outcome, lines)
        total = counts.totals.setdefault((row["stage"], outcome, row["action"], False), [0, 0])
        total[0] += lines
        total[1] += row["bytes"]
        counts.days.setdefault(day, Counter())[outcome] += lines
    for row in tables["findings"]:
        came_to = row["outcome"] if row["came_to"] == row["outcome"] != "allow" else "noted"
        counts.findings.setdefault(row["finding"], Counter())[came_to] += row["lines"]
        counts.signals.setdefault(row["signal"], Counter())[came_to] += row["lines"]
        counts.alone[row["finding"]] += row["alone"]
    for row in tables["sites"]:
        empty = {"site": row["site"], "lines": 0, **dict.fromkeys(OUTCOMES, 0), "bytes": 0}
        site = sites.setdefault(row["site"], empty)
        for name in ("lines", row["outcome"]):
            site[name] += row["lines"]
        site["bytes"] += row["bytes"]
