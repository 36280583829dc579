"""The sections of a report that count: policy, runs, totals, signals, findings, timeline, dry runs.

Rule of this file: words, order and form only; no figure is made here. Each gives its part and its section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.figures import bars, columns, in_time
from optout_middleware.audit.report.page import CODE, NUMBER, TEXT, TIME, Section, Table
from optout_middleware.audit.report.sites import OUTCOMES
from optout_middleware.audit.report.words import (
    CAME_TO,
    DRAWN,
    SAID,
    STANDING,
    STRICT_FIRST,
    of,
    outcome_said,
    percent,
    time_shown,
    value_shown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGES = (
    "Each page has one decision where request, response and item agree; items and requests that were refused have "
    "their own. So stages are counted apart."
)
_INTERVALS = (
    "What would be left out, by the summaries of dry runs. The interval takes the sites of the crawl as a sample of "
    "more sites like them: pages of one site share their fate, so the site is the unit."
)


def policies(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give policies, overrides first."""
    found = parts["policies"]
    tables = []
    for number, policy in enumerate(found, 1):
        which = f" {number}" if len(found) > 1 else ""
        span = f"{policy['runs']:,} runs, {policy['first_run']} to {policy['last_run']}"
        rows = [
            (
                row["finding"],
                row["meaning"],
                outcome_said(row["by_table"]),
                outcome_said(row["outcome"]),
                row["by"],
                row["reason"],
            )
            for row in policy["overrides"]
        ]
        heads = [("finding", CODE), ("what it is", TEXT), ("by the table", TEXT), ("by override", TEXT),
                 ("decided by", TEXT), ("reason", TEXT)]  # fmt: skip
        tables += [
            Table(f"overrides-{number}", f"Policy{which}, {span}: rows that a person judged otherwise", heads, rows,
                  none=f"Policy{which}, {span}: no row of the table was overridden."),
            Table(f"policy-{number}", f"Policy{which}: all other values (SHA-256 {policy['sha256']})",
                  [("value", CODE), ("set to", TEXT)],
                  [(name, value_shown(value)) for name, value in policy["values"].items()]),
        ]  # fmt: skip
    texts = ("What was decided by, and where a named person decided otherwise than the table of the package.",)
    return "policies", Section("policy", "Policy", texts, tables=tuple(tables))


def runs(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the runs."""
    found = parts["runs"]
    rows = [
        (row["run"], row["operator"] or "", time_shown(row["started"]), time_shown(row["ended"]), row["state"],
         f"{row['lines']:,}", "dry run" if row["dry_run"] else "", row["rules_version"], row["version"])
        for row in found["rows"]
    ]  # fmt: skip
    heads = [("run", CODE), ("operator", TEXT), ("started", TIME), ("ended", TIME), ("state", TEXT),
             ("stored lines", NUMBER), ("kind", TEXT), ("rules", CODE), ("package", CODE)]  # fmt: skip
    open_runs = sum(row["state"] != "closed" for row in found["rows"])
    warnings: tuple[str, ...] = ()
    if open_runs:
        warnings += (f"{open_runs:,} runs were not closed by their writers.",)
    dry = sum(row["dry_run"] for row in found["rows"])
    if dry:
        warnings += (f"{dry:,} runs were dry runs: they stored what is reserved or pending, too.",)
    caption = of("Runs", found)
    return "runs", Section("runs", "Runs", warnings=warnings, tables=(Table("run-table", caption, heads, rows),))


def totals(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the totals."""
    found = parts["totals"]
    numbers = [("decisions", f"{found['lines']:,}")]
    numbers += [(SAID[outcome], f"{found[outcome]:,}{percent(found[outcome], found['lines'])}") for outcome in OUTCOMES]
    rows = [
        (row["stage"], SAID[row["outcome"]], row["action"], "yes" if row["dry_run"] else "", f"{row['lines']:,}",
         f"{row['bytes']:,}")
        for row in found["rows"]
    ]  # fmt: skip
    heads = [("stage", TEXT), ("outcome", TEXT), ("action", TEXT), ("only told (dry run)", TEXT),
             ("decisions", NUMBER), ("octets", NUMBER)]  # fmt: skip
    by_stage: dict[str, dict[str, int]] = {}
    for row in found["rows"]:
        counts = by_stage.setdefault(row["stage"], dict.fromkeys(OUTCOMES, 0))
        counts[row["outcome"]] += row["lines"]
    drawn = bars("totals-figure", "Decisions by stage", list(by_stage.items()), {o: SAID[o] for o in STRICT_FIRST})
    table = Table("totals-table", "Decisions by stage, outcome and action", heads, rows)
    return "totals", Section("totals", "Totals", (_STAGES,), numbers=tuple(numbers), figures=(drawn,), tables=(table,))


def signals(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give what each signal came to."""
    found = parts["signals"]
    rows = [(row["name"], f"{row['deny']:,}", f"{row['pending']:,}", f"{row['noted']:,}") for row in found]
    heads = [("signal, or location", CODE), *((meaning, NUMBER) for meaning in CAME_TO.values())]
    drawn = bars("signals-figure", "Decisions by signal", [(row["name"], row) for row in found[:DRAWN]], CAME_TO)
    texts = ("A decision counts under each signal that settled it, so the rows add up to more than all decisions.",)
    table = Table("signals-table", "Decisions by signal", heads, rows, sortable=True)
    return "signals", Section("signals", "Outcome by signal", texts, figures=(drawn,), tables=(table,))


def findings(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give what each finding came to."""
    found = parts["findings"]
    rows = [
        (row["name"], row["meaning"], f"{row['deny']:,}", f"{row['pending']:,}", f"{row['noted']:,}",
         f"{row['alone']:,}")
        for row in found
    ]  # fmt: skip
    heads = [("finding", CODE), ("what it is", TEXT), *((meaning, NUMBER) for meaning in CAME_TO.values()),
             ("by it alone", NUMBER)]  # fmt: skip
    drawn = bars("findings-figure", "Decisions by finding", [(row["name"], row) for row in found[:DRAWN]], CAME_TO)
    texts = ('"By it alone": nothing else would have led to that outcome, so this is what the row costs.',)
    table = Table("findings-table", "Decisions by finding", heads, rows, sortable=True)
    return "findings", Section("findings", "Outcome by finding", texts, figures=(drawn,), tables=(table,))


def timeline(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the timeline."""
    unit, rows = in_time(parts["timeline"], OUTCOMES)
    title = f"Decisions by {unit} (UTC)"
    drawn = columns("timeline-figure", title, rows, {outcome: SAID[outcome] for outcome in STRICT_FIRST})
    heads = [("day", TIME), *((SAID[outcome], NUMBER) for outcome in OUTCOMES)]
    table = Table(
        "timeline-table", "Decisions by day (UTC)", heads,
        [(row["day"], *(f"{row[outcome]:,}" for outcome in OUTCOMES)) for row in parts["timeline"]],
        sortable=True, is_long=True,
    )  # fmt: skip
    return "timeline", Section("timeline", "Timeline", figures=(drawn,), tables=(table,))


def dry_run(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the shares of dry runs."""
    rows = [
        (run["run"], row["measure"], STANDING.get(row["standing"], row["standing"]), f"{row['count']:,}",
         f"{100 * row['share']:.1f} %",
         row["why"] or f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %")
        for run in parts["dry_run"]
        for row in run["shares"]
    ]  # fmt: skip
    heads = [("run", CODE), ("of", TEXT), ("what became of it", TEXT), ("count", NUMBER), ("share", NUMBER),
             ("95 % interval", TEXT)]  # fmt: skip
    table = Table("dry-run-table", "Shares of dry runs", heads, rows, none="No run was a dry run.")
    return "dry_run", Section("dry-run", "Dry runs", (_INTERVALS,) if rows else (), tables=(table,))
