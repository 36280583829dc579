"""The figures of a report as JSON values, part by part: what `optout report --part NAME` prints and the page shows.

Rule of this file: from counts and manifests to values; what is bounded says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.reading import Damage, records, runs
from optout_middleware.audit.report import dry_run
from optout_middleware.audit.report.counts import OTHER_PARTIES, SAMPLE, Counts
from optout_middleware.audit.report.sites import MAX_SITES, OUTCOMES
from optout_middleware.policy import FINDINGS
from optout_middleware.register import queue
from optout_middleware.terms import WaitsFor

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from optout_middleware.audit.reading import Run
    from optout_middleware.terms import Ruling

SHOWN_SITES = 2_000
SHOWN_CAUSES = 500
SHOWN = 500  # rows of the other tables
SHOWN_RUNS = 200
_AGES = ((7, "up to a week"), (30, "up to a month"), (queue.DAYS, f"up to {queue.DAYS} days"))
_OVERDUE = f"{queue.DAYS} days or more: counts as denied"
PARTS = (
    "policies", "runs", "totals", "signals", "findings", "sites", "timeline", "rightholders", "queue", "conflicts",
    "unreachable_policies", "dry_run", "decisions", "damage",
)  # fmt: skip


def parts(
    directories: Sequence[str], *, now: datetime, rulings: Sequence[Ruling] = (), by_ruling: bool = False
) -> dict[str, Any]:
    """Read the logs once, and give every part of the report.

    Args:
        directories: audit directories: paths, or URLs that fsspec knows.
        now: the time at which the queue is looked at, aware.
        rulings: what was answered already; such causes leave the queue.
        by_ruling: whether there was a register to ask for rulings.

    Raises:
        OptOutError: a directory is not there.
    """
    counts = Counts()
    found = list(runs(directories))
    for row in found:
        if isinstance(row, Damage):
            counts.damage(row)
    manifests = [row for row in found if not isinstance(row, Damage)]
    waits = tuple(word.value for word in WaitsFor)
    waiting = queue.causes(counts.pending_of(records(directories)), rulings=rulings, at=now, waits_for=waits)
    return {
        **of_manifests(manifests),
        **counted(counts),
        "queue": _queue(waiting, now, counts.untimed, by_ruling=by_ruling),
    }


def of_manifests(manifests: Sequence[Run]) -> dict[str, Any]:
    """Give the parts that manifests alone can give."""
    shares = [(row.manifest, dry_run.shares(row.manifest)) for row in manifests]
    return {
        "policies": _policies(manifests),
        "runs": {"rows": [_run(row) for row in manifests[-SHOWN_RUNS:]], "of": len(manifests)},
        "dry_run": [{"run": manifest.get("run"), "shares": rows} for manifest, rows in shares if rows],
    }


def counted(counts: Counts) -> dict[str, Any]:
    """Give the parts that stand in counts of lines."""
    return {
        "totals": _totals(counts),
        "signals": _came_to(counts.signals),
        "findings": [
            {**row, "meaning": FINDINGS[row["name"]].meaning if row["name"] in FINDINGS else "",
             "alone": counts.alone[row["name"]]}
            for row in _came_to(counts.findings)
        ],
        "sites": {
            "rows": counts.sites.rows(SHOWN_SITES), "of": len(counts.sites), "told_apart": counts.sites.told_apart,
            "most_told_apart": MAX_SITES,
        },
        "timeline": [
            {"day": day, **{outcome: counts.days[day][outcome] for outcome in OUTCOMES}} for day in sorted(counts.days)
        ],
        "rightholders": _rightholders(counts.parties),
        "conflicts": _cut(counts.sites.conflicts()),
        "unreachable_policies": _cut(sorted(counts.policies.values(), key=lambda row: (-row["lines"], row["policy"]))),
        "decisions": {
            "rows": counts.sample(), "of": {outcome: counts.of(outcome) for outcome in OUTCOMES}, "most": SAMPLE,
            "grouped": counts.grouped,
        },
        "damage": {"rows": [row._asdict() for row in counts.damages], "of": counts.damaged},
    }  # fmt: skip


def _policies(found: Sequence[Run]) -> list[dict[str, Any]]:
    """Give each policy once, its overrides first, with the runs that were decided by it."""
    by_hash: dict[str, dict[str, Any]] = {}
    for row in found:
        policy = row.manifest.get("policy")
        if not isinstance(policy, dict):
            continue
        entry = by_hash.setdefault(
            str(row.manifest.get("policy_sha256")),
            {
                "sha256": str(row.manifest.get("policy_sha256")),
                "overrides": _overrides(policy),
                "values": {name: value for name, value in policy.items() if name != "findings"},
                "runs": 0, "first_run": row.manifest.get("run"),
            },
        )  # fmt: skip
        entry["runs"] += 1
        entry["last_run"] = row.manifest.get("run")
    return list(by_hash.values())


def _overrides(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, row in (policy.get("findings") or {}).items():
        known = FINDINGS.get(name)
        by_table = getattr(known, str(policy.get("profile")), None) if known else None
        rows.append({
            "finding": name, "meaning": known.meaning if known else "", "by_table": str(by_table or ""),
            "outcome": row.get("outcome"), "by": row.get("by"), "reason": row.get("reason"),
        })  # fmt: skip
    return rows


def _run(row: Run) -> dict[str, Any]:
    manifest = row.manifest
    settings = manifest.get("settings") or {}
    left = "sealed after it broke off" if manifest.get("sealed") else "not closed"
    return {
        "run": manifest.get("run"), "directory": row.directory, "operator": manifest.get("operator"),
        "started": manifest.get("started"), "ended": manifest.get("ended"),
        "state": "closed" if manifest.get("closed") else left,
        "lines": sum(int(writer.get("lines") or 0) for writer in manifest.get("writers") or ()),
        "dry_run": bool(settings.get("OPTOUT_DRY_RUN")), "policy": manifest.get("policy_sha256"),
        "rules_version": manifest.get("rules_version"), "version": manifest.get("version"),
        "signed": bool(manifest.get("public_key")),
    }  # fmt: skip


def _totals(counts: Counts) -> dict[str, Any]:
    rows = [
        {"stage": stage, "outcome": outcome, "action": action, "dry_run": dry, "lines": lines, "bytes": octets}
        for (stage, outcome, action, dry), (lines, octets) in sorted(counts.totals.items())
    ]
    return {"lines": counts.lines, **{outcome: counts.of(outcome) for outcome in OUTCOMES}, "rows": rows}


def _came_to(table: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"name": name, "deny": count["deny"], "pending": count["pending"], "noted": count["noted"]}
        for name, count in table.items()
    ]
    return sorted(rows, key=lambda row: (-row["deny"] - row["pending"], -row["noted"], row["name"]))


def _rightholders(parties: Mapping[str, Counter[str]]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"party": party, **{outcome: count[outcome] for outcome in OUTCOMES}} for party, count in parties.items()
    ]
    rows.sort(key=lambda row: (-row["deny"] - row["pending"], row["party"]))
    return {**_cut(rows), "told_apart": OTHER_PARTIES not in parties}


def _queue(waiting: Sequence[queue.Cause], now: datetime, untimed: int, *, by_ruling: bool) -> dict[str, Any]:
    """Give the queue by age, and its largest causes."""
    ages: dict[str, list[int]] = {name: [0, 0] for name in (*(name for _, name in _AGES), _OVERDUE)}
    rows: list[dict[str, Any]] = []
    for cause in waiting:
        days = cause.age(now).days
        age = next((name for most, name in _AGES if days < most), _OVERDUE)
        ages[age][0] += 1
        ages[age][1] += cause.count
        if len(rows) < SHOWN_CAUSES:
            finding = FINDINGS.get(cause.finding)
            waits_for = str(finding.waits_for or WaitsFor.PERSON) if finding else ""
            shown = cause.to_dict(now)
            rows.append({**shown, "samples": shown["samples"][:1], "waits_for": waits_for, "age": age})
    return {
        "rows": rows, "of": len(waiting), "items": sum(cause.count for cause in waiting),
        "ages": [{"age": name, "causes": causes, "items": items} for name, (causes, items) in ages.items()],
        "without_time": untimed, "rulings_asked": by_ruling,
    }  # fmt: skip


def _cut(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"rows": list(rows[:SHOWN]), "of": len(rows)}
