"""The sections of a report that list: sites, conflicts, rightholders, the queue, decisions, and what was unreadable.

Rule of this file: words, order and form only; no figure is made here. Each gives its part and its section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.figures import bars
from optout_middleware.audit.report.page import CODE, NUMBER, TEXT, TIME, URL, Section, Table
from optout_middleware.audit.report.sites import OUTCOMES
from optout_middleware.audit.report.words import DRAWN, SAID, STRICT_FIRST, of, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUPED = (
    "{:,} decisions stand in grouped lines of a re-check, each about many records of a site: such a line names the "
    "first of their URLs, and has the hash of the list of them."
)


def sites(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the sites."""
    found = parts["sites"]
    rows = [
        (row["site"], f"{row['lines']:,}", *(f"{row[outcome]:,}" for outcome in OUTCOMES), f"{row['bytes']:,}")
        for row in found["rows"]
    ]
    heads = [("site", TEXT), ("decisions", NUMBER), *((SAID[outcome], NUMBER) for outcome in OUTCOMES),
             ("octets", NUMBER)]  # fmt: skip
    warnings = () if found["told_apart"] else (
        f"More than {found['most_told_apart']:,} sites: all that came later are counted as one row, (other sites).",
    )  # fmt: skip
    drawn = bars(
        "sites-figure", "Sites with the most decisions", [(row["site"], row) for row in found["rows"][:DRAWN]],
        {outcome: SAID[outcome] for outcome in STRICT_FIRST},
    )  # fmt: skip
    table = Table(
        "sites-table", of("Sites, by decisions", found), heads, rows, sortable=True, search=True, is_long=True
    )
    return "sites", Section("sites", "Outcome by site", warnings=warnings, figures=(drawn,), tables=(table,))


def conflicts(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give where the signals of a site differ."""
    found = parts["conflicts"]
    rows = [
        (row["site"], f"{row['together']:,}", quoted(row["allows"]), quoted(row["reserves"])) for row in found["rows"]
    ]
    heads = [("site", TEXT), ("decisions with both", NUMBER), ("what allows", TEXT), ("what reserves", TEXT)]
    texts = ("Sites of which one signal allows and another reserves. The stricter one was followed.",)
    caption = of("Conflicts within sites", found)
    table = Table("conflicts-table", caption, heads, rows, none="No site contradicts itself.", sortable=True)
    return "conflicts", Section("conflicts", "Conflicts within sites", texts if rows else (), tables=(table,))


def rightholders(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give who claims."""
    found = parts["rightholders"]
    rows = [(row["party"], *(f"{row[outcome]:,}" for outcome in OUTCOMES)) for row in found["rows"]]
    heads = [("who claims", TEXT), *((SAID[outcome], NUMBER) for outcome in OUTCOMES)]
    drawn = bars(
        "rightholders-figure", "Decisions in which a rightholder claimed",
        [(row["party"], row) for row in found["rows"][:DRAWN]], {outcome: SAID[outcome] for outcome in STRICT_FIRST},
    )  # fmt: skip
    table = Table(
        "rightholders-table", of("Rightholders with claims", found), heads, rows, sortable=True,
        none="The register raised no claim, or was not asked.",
    )  # fmt: skip
    return "rightholders", Section("rightholders", "Rightholders", figures=(drawn,), tables=(table,))


def queue(parts: Mapping[str, Any], where: str) -> tuple[str, Section]:
    """Give what is pending."""
    found = parts["queue"]
    ages = [(row["age"], f"{row['causes']:,}", f"{row['items']:,}") for row in found["ages"]]
    rows = [
        (row["finding"], row["site"] or row["party"], row["waits_for"], f"{row['count']:,}", f"{row['age_days']:,}",
         row["owner"], "".join(row["samples"]))
        for row in found["rows"]
    ]  # fmt: skip
    heads = [("finding", CODE), ("site or party", TEXT), ("waits for", TEXT), ("decisions", NUMBER),
             ("age in days", NUMBER), ("owner", TEXT), ("example", TEXT)]  # fmt: skip
    asked = "Causes that a ruling of the register answers are left out." if found["rulings_asked"] else (
        "No register was named (--register), so causes that were answered since are still in it."
    )  # fmt: skip
    warnings = (f"{found['without_time']:,} pending lines have no time.",) if found["without_time"] else ()
    by_age = bars(
        "queue-figure", "Pending decisions by age", [(row["age"], {"plain": row["items"]}) for row in found["ages"]],
        {"plain": "decisions that wait"},
    )  # fmt: skip
    texts = (f"{found['items']:,} decisions wait, for {found['of']:,} causes. {asked}",)
    tables = (
        Table("ages-table", "The queue by age", [("age", TEXT), ("causes", NUMBER), ("decisions", NUMBER)], ages),
        Table("queue-table", of("The queue by cause", found), heads, rows, sortable=True, search=True, is_long=True),
    )
    made = Section("queue", "What is pending", texts, warnings, figures=(by_age,), tables=tables)
    waits = "--waits-for person --waits-for register --waits-for probe"
    return "queue", made._replace(commands=(f"optout pending {where} {waits} --json",))


def unreachable(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give the policies that could not be read."""
    found = parts["unreachable_policies"]
    rows = [(row["policy"], row["why"], f"{row['lines']:,}", row["example"]) for row in found["rows"]]
    heads = [("policy", URL), ("why", TEXT), ("decisions", NUMBER), ("example", URL)]
    table = Table(
        "unreachable-table", of("Policies (TDMRep) that could not be read", found), heads, rows, sortable=True,
        none="None was named that could not be read, or policies are not among the locations that were looked at.",
    )  # fmt: skip
    texts = ("They would say on what terms a licence may be had. The reservation counts without them.",)
    return "unreachable_policies", Section(
        "unreachable", "Policies that could not be read", texts if rows else (), tables=(table,)
    )


def decisions(parts: Mapping[str, Any]) -> tuple[str, Section]:
    """Give decisions."""
    found = parts["decisions"]
    rows = [
        (SAID[row["outcome"]], row["time"].replace("T", " "), row["url"], f"{row['count']:,}", row["action"],
         row["finding"], row["signal"], row["text"], row["id"])
        for row in found["rows"]
    ]  # fmt: skip
    heads = [("outcome", TEXT), ("time (UTC)", TIME), ("URL", URL), ("decisions", NUMBER), ("action", TEXT),
             ("finding", CODE), ("signal", CODE), ("what was said", TEXT), ("line", CODE)]  # fmt: skip
    shown = {outcome: sum(row["count"] for row in found["rows"] if row["outcome"] == outcome) for outcome in OUTCOMES}
    drawn = "; ".join(f"{SAID[outcome]}: {shown[outcome]:,} of {found['of'][outcome]:,}" for outcome in STRICT_FIRST)
    texts = [
        f"Shown: {drawn}. Of an outcome with more than {found['most']:,} lines, an evenly drawn sample stands here.",
        "`optout explain DIR URL` tells any of them in full, and `optout prove DIR LINE` proves it.",
    ]
    if found["grouped"]:
        texts.append(_GROUPED.format(found["grouped"]))
    table = Table("decisions-table", "Decisions", heads, rows, sortable=True, search=True, is_long=True)
    return "decisions", Section("decisions", "Decisions", tuple(texts), tables=(table,))


def damage(parts: Mapping[str, Any], where: str) -> tuple[str, Section]:
    """Give what could not be read."""
    found = parts["damage"]
    rows = [(row["file"], row["line"] or "", row["kind"], row["text"]) for row in found["rows"]]
    heads = [("file", TEXT), ("line", NUMBER), ("kind", TEXT), ("what", TEXT)]
    warnings = (
        f"{found['of']:,} lines or files could not be read; the figures above leave them out.",
    ) if found["of"] else ()  # fmt: skip
    texts = ("This report reads the logs and does not verify them; the command below does.",)
    table = Table("damage-table", of("What could not be read", found), heads, rows, none="Every line was read.")
    made = Section("damage", "What could not be read", texts, warnings, tables=(table,))
    return "damage", made._replace(commands=(f"optout verify {where}",))
