"""The daily aggregate of a run: what a log comes to, in a size that does not grow with it.

Rule of this file: it counts full lines and merges counts, by sums only. Sites are told apart up to a bound; what came
later is counted as other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.grouped import count_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCHEMA = 1
MAX_SITES = 1_000  # of a day
OTHER_SITES = "(other sites)"
_SEPARATOR = "|"  # stands in no word of the vocabularies


class Aggregate:
    """Counts of decisions (`lines`; a grouped line has several) and octets by day: of outcomes, of findings, of sites.

    For each day: `outcomes` by stage, outcome and action; `findings` by stage, outcome of the decision, finding, signal
    (or location, where nothing was said) and outcome of the finding, with the decisions in which it alone settled the
    outcome; `sites` by domain and outcome.
    """

    def __init__(self) -> None:
        self._days: dict[str, dict[str, dict[str, list[int]]]] = {}

    def add(self, line: Mapping[str, Any], day: str, times: int = 1) -> None:
        """Count one line, or several that differ in nothing that is counted.

        Args:
            line: a line in full; one without an outcome is not counted.
            day: in UTC, as YYYY-MM-DD.
            times: how many of them.
        """
        outcome = line.get("outcome")
        if outcome is None:
            return
        tables = self._days.get(day)
        if tables is None:
            tables = self._days[day] = {"outcomes": {}, "findings": {}, "sites": {}}
        stage, decisions, size = line.get("stage"), count_of(line) * times, (line.get("size") or 0) * times
        _count(tables["outcomes"], f"{stage}|{outcome}|{line.get('action')}", decisions, size)
        site = line.get("domain") or line.get("origin") or ""
        sites = tables["sites"]
        key = f"{site}|{outcome}"
        if key not in sites and len(sites) >= MAX_SITES:
            key = f"{OTHER_SITES}|{outcome}"
        _count(sites, key, decisions, size)
        if line.get("reasons"):
            _count_findings(tables["findings"], line, decisions, size)

    def merge(self, other: Aggregate) -> None:
        """Add the counts of another aggregate."""
        for day, tables in other._days.items():
            ours = self._days.setdefault(day, {"outcomes": {}, "findings": {}, "sites": {}})
            for name, table in tables.items():
                for key, counts in sorted(table.items(), key=_largest_first):
                    place = key
                    if name == "sites" and key not in ours[name] and len(ours[name]) >= MAX_SITES:
                        place = _SEPARATOR.join((OTHER_SITES, key.rpartition(_SEPARATOR)[2]))
                    old = ours[name].get(place, [0] * len(counts))
                    ours[name][place] = [a + b for a, b in zip(old, counts, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as JSON values, days and keys sorted."""
        return {
            "schema": SCHEMA,
            "days": {
                day: {
                    "outcomes": _rows(tables["outcomes"], ("stage", "outcome", "action")),
                    "findings": _rows(tables["findings"], ("stage", "outcome", "finding", "signal", "came_to")),
                    "sites": _rows(tables["sites"], ("site", "outcome")),
                    "sites_told_apart": not any(key.startswith(OTHER_SITES) for key in tables["sites"]),
                }
                for day, tables in sorted(self._days.items())
            },
        }

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Aggregate:
        """Read what `to_dict` gave.

        Raises:
            ValueError: it is none.
        """
        made = cls()
        try:
            if values["schema"] != SCHEMA:
                raise ValueError(f"schema {values['schema']!r} of an aggregate is newer than this package")
            for day, tables in values["days"].items():
                made._days[str(day)] = {name: _table(tables[name]) for name in ("outcomes", "findings", "sites")}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no aggregate: {error!r}") from None
        return made


def merge(aggregates: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge aggregates of many runs, each as JSON values, into one of the same form.

    Raises:
        ValueError: one of them is none.
    """
    total = Aggregate()
    for values in aggregates:
        total.merge(Aggregate.read(values))
    return total.to_dict()


def _largest_first(row: tuple[str, list[int]]) -> tuple[bool, int, str]:
    """Order the rows of a table so that the largest sites stay apart where not all can."""
    return row[0].startswith(OTHER_SITES), -row[1][0], row[0]


def _count(table: dict[str, list[int]], key: str, decisions: int, size: int) -> None:
    counts = table.get(key)
    if counts is None:
        table[key] = [decisions, size]
    else:
        counts[0] += decisions
        counts[1] += size


def _count_findings(table: dict[str, list[int]], line: Mapping[str, Any], decisions: int, size: int) -> None:
    """Count each finding of a line once for each signal; the one that alone settled it apart."""
    outcome, stage = line["outcome"], line.get("stage")
    causes = dict.fromkeys(
        (reason.get("finding"), reason.get("signal") or reason.get("location"), reason.get("outcome"))
        for reason in line["reasons"]
    )
    settled = [cause for cause in causes if cause[2] == outcome != "allow"]
    for cause in causes:
        counts = table.setdefault(_SEPARATOR.join(map(str, (stage, outcome, *cause))), [0, 0, 0])
        counts[0] += decisions
        counts[1] += size
        counts[2] += decisions * (settled == [cause])


_COUNTS = ("lines", "bytes", "alone")


def _rows(table: Mapping[str, list[int]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            **dict(zip(names, key.rsplit(_SEPARATOR, len(names) - 1), strict=True)),
            **dict(zip(_COUNTS, counts, strict=False)),
        }
        for key, counts in sorted(table.items())
    ]


def _table(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Read the rows of one table: its counts are the last fields, all others are its key."""
    return {
        _SEPARATOR.join(str(value) for name, value in row.items() if name not in _COUNTS): [
            int(row[name]) for name in _COUNTS if name in row
        ]
        for row in rows
    }
