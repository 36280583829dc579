"""One pass over audit lines for a report: everything that its figures need, in bounded memory.

Rule of this file: each table has a bound; what came later is pooled, and the report says so. Samples are drawn with a
fixed seed, so that the same logs give the same report.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.reading import Damage
from optout_middleware.audit.report.sites import OUTCOMES, Sites

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from optout_middleware.audit.reading import Record

SAMPLE = 1_000  # decisions of each outcome that are shown
MAX_DAMAGES = 200  # that are listed; all are counted
MAX_PARTIES = 20_000
OTHER_PARTIES = "(other parties)"
MAX_POLICIES = 5_000
_LONG = 160  # characters of a quotation
_NOTED = "noted"


class Counts:
    """What lines come to, in decisions: one a line, of a grouped line as many as it stands for.

    Fields:
        lines: all decisions.
        grouped: of them, those of grouped lines, which name the first of their URLs only.
        totals: (stage, outcome, action, whether of a dry run) -> decisions and octets.
        signals, findings: name -> what it came to ("deny", "pending", "noted") -> decisions.
        alone: finding -> decisions that nothing else of the same outcome would have settled.
        days: day -> outcome -> decisions.
        parties: rightholder -> outcome -> decisions.
        policies: URL of a TDM policy that could not be read -> why, decisions, an example.
        sites: by site.
        damages, damaged: what could not be read: the first of it, and how many.
        untimed: pending decisions without a time, which no queue can hold.
    """

    def __init__(self) -> None:
        self.lines = self.grouped = 0
        self.totals: dict[tuple[str, str, str, bool], list[int]] = {}
        self.signals: dict[str, Counter[str]] = {}
        self.findings: dict[str, Counter[str]] = {}
        self.alone: Counter[str] = Counter()
        self.days: dict[str, Counter[str]] = {}
        self.parties: dict[str, Counter[str]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.sites = Sites()
        self.damages: list[Damage] = []
        self.damaged = 0
        self.untimed = 0
        self._samples: dict[str, list[dict[str, Any]]] = {outcome: [] for outcome in OUTCOMES}
        self._seen: Counter[str] = Counter()
        self._drawn_from: Counter[str] = Counter()
        self._random = random.Random(0)  # noqa: S311 - draws a sample, no secret

    def pending_of(self, rows: Iterable[Record | Damage]) -> Iterator[Mapping[str, Any]]:
        """Count every row, and give the lines that are pending, for the queue."""
        for row in rows:
            if isinstance(row, Damage):
                self.damage(row)
                continue
            line = row.line
            if line.get("outcome") not in OUTCOMES:
                continue
            self._add(row, line)
            if line["outcome"] == "pending":
                if line.get("at"):
                    yield line
                else:
                    self.untimed += count_of(line)

    def damage(self, row: Damage) -> None:
        """Count something that could not be read."""
        self.damaged += 1
        if len(self.damages) < MAX_DAMAGES:
            self.damages.append(row)

    def count(self, outcome: str, lines: int) -> None:
        """Count decisions of an outcome."""
        self.lines += lines
        self._seen[outcome] += lines

    def sample(self) -> list[dict[str, Any]]:
        """Give the decisions that are shown, by outcome, the strictest first."""
        return [row for outcome in reversed(OUTCOMES) for row in self._samples[outcome]]

    def of(self, outcome: str) -> int:
        """Tell how many decisions have an outcome."""
        return self._seen[outcome]

    def _add(self, row: Record, line: Mapping[str, Any]) -> None:
        outcome, size, decisions = line["outcome"], line.get("size") or 0, count_of(line)
        self.count(outcome, decisions)
        self.grouped += decisions if decisions > 1 else 0
        key = (str(line.get("stage")), outcome, str(line.get("action")), bool(line.get("dry_run")))
        counts = self.totals.setdefault(key, [0, 0])
        counts[0] += decisions
        counts[1] += size
        day = str(line.get("time"))[:10]
        if day not in self.days:
            self.days[day] = Counter()
        self.days[day][outcome] += decisions
        self.sites.add(line)
        if line.get("reasons"):
            self._reasons(line, outcome, decisions)
        if line.get("claims"):
            self._claims(line, outcome, decisions)
        self._draw(row, line, outcome)

    def _reasons(self, line: Mapping[str, Any], outcome: str, decisions: int) -> None:
        """Count what each signal and finding came to in these decisions, each once."""
        reasons = line["reasons"]
        signals: dict[str, str] = {}
        findings: dict[str, str] = {}
        causes = set()
        for reason in reasons:
            finding = str(reason.get("finding"))
            signal = str(reason.get("signal") or reason.get("location") or "")
            decided = reason.get("outcome") == outcome != "allow"
            if decided:
                causes.add((finding, signal))
            for table, name in ((signals, signal), (findings, finding)):
                if decided or name not in table:
                    table[name] = outcome if decided else _NOTED
        for counted, found in ((self.signals, signals), (self.findings, findings)):
            for name, came_to in found.items():
                counted.setdefault(name, Counter())[came_to] += decisions
        if len(causes) == 1:
            self.alone[next(iter(causes))[0]] += decisions
        for said in (*reasons, *line.get("statements", ())):
            if said.get("signal") == "tdmrep" and said.get("notes"):
                self._policy(said, line)

    def _policy(self, said: Mapping[str, Any], line: Mapping[str, Any]) -> None:
        """Count a TDM policy that could not be read; the signal notes it as "URL: WHY"."""
        named = {str(text).partition(": ")[2].partition("#")[0] for text in said.get("conditions", ())}
        for note in said["notes"]:
            url, _, why = str(note).partition(": ")
            if url not in named or why.startswith("not JSON"):
                continue
            if url not in self.policies and len(self.policies) >= MAX_POLICIES:
                url = "(other policies)"
            entry = self.policies.setdefault(url, {"policy": url, "why": why, "lines": 0, "example": line.get("url")})
            entry["lines"] += count_of(line)

    def _claims(self, line: Mapping[str, Any], outcome: str, decisions: int) -> None:
        for party in {str(claim.get("party")) for claim in line["claims"]}:
            known = party in self.parties or len(self.parties) < MAX_PARTIES
            self.parties.setdefault(party if known else OTHER_PARTIES, Counter())[outcome] += decisions

    def _draw(self, row: Record, line: Mapping[str, Any], outcome: str) -> None:
        """Keep an evenly drawn sample of the lines of each outcome (Vitter 1985, algorithm R)."""
        kept = self._samples[outcome]
        self._drawn_from[outcome] += 1
        if len(kept) < SAMPLE:
            kept.append(_shown(row, line))
            return
        place = self._random.randrange(self._drawn_from[outcome])
        if place < SAMPLE:
            kept[place] = _shown(row, line)


def _shown(row: Record, line: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the table of decisions shows of a line."""
    reasons = line.get("reasons") or ()
    first = reasons[0] if reasons else {}
    return {
        "id": row.id,
        "time": str(line.get("time"))[:19],
        "stage": line.get("stage"),
        "url": line.get("url"),
        "count": count_of(line),
        "outcome": line["outcome"],
        "action": line.get("action"),
        "finding": first.get("finding", ""),
        "signal": first.get("signal") or first.get("location") or "",
        "text": str(first.get("text") or first.get("note") or "")[:_LONG],
    }
