"""The queue of what waits for a person, by cause: counts and samples, answers in bulk, what is overdue or released.

Rule of this file: pure over audit lines, and bounded in memory however many there are. A cause is a finding and a rule
about one site (or, for claims of the register, one party): a person answers the cause, not each item. A ruling lifts no
stated reservation; what nobody answers in time turns to deny, never to allow.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.register.importers.entries import EntryError, read_entry
from optout_middleware.register.importers.records import Rejected, one_line, rejected
from optout_middleware.terms import OptOutError, Outcome, Ruling
from optout_middleware.urls import host_of, registrable_domain

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SAMPLES = 20
DAYS = 90  # after which an unanswered cause turns to deny
MAX_CAUSES = 100_000
OTHER = "(other subjects)"
_FOR_EVER = datetime(9999, 12, 31, tzinfo=timezone.utc)
_CAUSE_COLUMNS = ("finding", "rule", "site", "party", "count", "first", "last", "age_days", "owner", "samples")
_ANSWER_COLUMNS = ("outcome", "by", "reason", "valid_until", "scope")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # what a spreadsheet would calculate begins so


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause for which items wait.

    Fields:
        finding: the row of `policy.FINDINGS`.
        rule: the rule of the signal or register that was applied.
        site: the registrable domain; empty where it is about a party.
        party: whose claim it is (register findings); empty where it is about a site.
        count: how many items wait for it.
        samples: up to twenty of them: URL, and what raised it in quotation marks.
        first, last: when it was raised first and last, aware.
        owner: who is to answer it; empty = nobody was named.
    """

    finding: str
    rule: str
    site: str
    party: str
    count: int
    samples: tuple[str, ...]
    first: datetime
    last: datetime
    owner: str = ""

    @property
    def subject(self) -> str:
        """What it is about: the party, or the site."""
        return self.party or self.site

    def age(self, now: datetime) -> timedelta:
        """Tell how long it has waited."""
        return now - self.first

    def ruling(self, outcome: Outcome, *, by: str, reason: str, valid_from: datetime, valid_until: datetime) -> Ruling:
        """Make the ruling that answers it, for all of its items."""
        return Ruling(self.finding, self.site, outcome, by, reason, valid_from, valid_until, self.party, rule=self.rule)

    def to_dict(self, now: datetime) -> dict[str, Any]:
        """Give the cause as JSON values."""
        return {
            "finding": self.finding,
            "rule": self.rule,
            "site": self.site,
            "party": self.party,
            "count": self.count,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "age_days": self.age(now).days,
            "owner": self.owner,
            "samples": list(self.samples),
        }


class _Growing:
    """A cause in the making."""

    __slots__ = ("count", "first", "last", "samples")

    def __init__(self, at: datetime) -> None:
        self.count = 0
        self.first = self.last = at
        self.samples: list[str] = []

    def add(self, at: datetime, sample: str, count: int) -> None:
        self.count += count
        self.first, self.last = min(self.first, at), max(self.last, at)
        if len(self.samples) < SAMPLES and sample not in self.samples:
            self.samples.append(sample)


def causes(
    lines: Iterable[Mapping[str, Any]],
    *,
    rulings: Sequence[Ruling] = (),
    at: datetime | None = None,
    waits_for: Sequence[str] = ("person",),
    owners: Mapping[str, str] | None = None,
) -> list[Cause]:
    """Give the causes for which items wait, the largest first.

    Args:
        lines: audit lines, as read from their JSON; those that are not pending are left out.
        rulings: what was answered already; such causes are left out.
        at: the time at which rulings count; None = at the time of each line.
        waits_for: what is waited for: "person", "register", "probe".
        owners: finding, site or party -> who is to answer it.
    """
    found: dict[tuple[str, str, str, str], _Growing] = {}
    for line in lines:
        url = _url(line)
        for reason in pending(line, waits_for):
            when = _time(line)
            key = _key(line, reason)
            if any(ruling.answers(key[0], url, key[3], at or when, key[1]) for ruling in rulings):
                continue
            if key not in found and len(found) >= MAX_CAUSES:
                key = (key[0], "", OTHER, "")
            found.setdefault(key, _Growing(when)).add(when, _sample(url, reason), _count(line))
    known = owners or {}
    made = [
        Cause(
            *key, grown.count, tuple(grown.samples), grown.first, grown.last,
            known.get(key[3]) or known.get(key[2]) or known.get(key[0]) or "",
        )
        for key, grown in found.items()
    ]  # fmt: skip
    return sorted(made, key=lambda cause: (-cause.count, cause.finding, cause.subject, cause.rule))


def pending(line: Mapping[str, Any], waits_for: Sequence[str] = ("person",)) -> list[Mapping[str, Any]]:
    """Give the reasons of an audit line that are pending and wait for one of those."""
    if line.get("outcome") != Outcome.PENDING.value:
        return []
    return [
        reason
        for reason in line.get("reasons") or ()
        if isinstance(reason, dict)
        and reason.get("outcome") == Outcome.PENDING.value
        and reason.get("waits_for") in waits_for
    ]


def overdue(
    waiting: Iterable[Cause], *, now: datetime, days: int = DAYS, by: str = "optout", until: datetime = _FOR_EVER
) -> list[Ruling]:
    """Give the rulings that deny what nobody answered within so many days.

    Args:
        waiting: the causes that are not answered.
        now: the time, aware.
        days: how long a cause may wait.
        by: in whose name.
        until: when the rulings end.
    """
    reason = f"unanswered for {days} days"
    return [
        cause.ruling(Outcome.DENY, by=by, reason=reason, valid_from=now, valid_until=until)
        for cause in waiting
        if cause.age(now) >= timedelta(days=days) and cause.subject not in ("", OTHER)
    ]


def released(lines: Iterable[Mapping[str, Any]], rulings: Sequence[Ruling], at: datetime) -> Iterator[str]:
    """Give the URLs, each once in a row, for which all that they waited for was answered with allow: a seed list."""
    last = ""
    for line in lines:
        url = _url(line)
        reasons = [
            reason
            for reason in line.get("reasons") or ()
            if isinstance(reason, dict) and reason.get("outcome") in (Outcome.PENDING.value, Outcome.DENY.value)
        ]
        if line.get("outcome") != Outcome.PENDING.value or not reasons or url in ("", last):
            continue
        if all(_answer(line, reason, url, rulings, at) is Outcome.ALLOW for reason in reasons):
            last = url
            yield url


def _answer(
    line: Mapping[str, Any], reason: Mapping[str, Any], url: str, rulings: Sequence[Ruling], at: datetime
) -> Outcome | None:
    """Give what the rulings come to for one reason: deny before allow, and only for what waits for a person."""
    if reason.get("outcome") != Outcome.PENDING.value or reason.get("waits_for") != "person":
        return None
    finding, rule, _, party = _key(line, reason)
    answers = {ruling.outcome for ruling in rulings if ruling.answers(finding, url, party, at, rule)}
    if Outcome.DENY in answers:
        return Outcome.DENY
    return Outcome.ALLOW if answers else None


def write_csv(waiting: Iterable[Cause], path: str | os.PathLike[str], now: datetime) -> None:
    """Write causes as CSV, one a row, with empty columns for the answer.

    Raises:
        OptOutError: the file cannot be written.
    """
    try:
        with Path(path).open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow((*_CAUSE_COLUMNS, *_ANSWER_COLUMNS))
            for cause in waiting:
                shown = cause.to_dict(now) | {"samples": "\n".join(cause.samples)}
                writer.writerow([_cell(shown[name]) for name in _CAUSE_COLUMNS] + [""] * len(_ANSWER_COLUMNS))
    except OSError as error:
        raise OptOutError(f"cannot write {path}: {error.strerror or error}") from None


def read_rulings_csv(path: str | os.PathLike[str], now: datetime) -> Iterator[Ruling | Rejected]:
    """Read the answers out of such a file; a row without an outcome is not answered yet.

    Args:
        path: the file.
        now: the time from which the rulings hold, aware.

    Raises:
        OptOutError: the file cannot be read, or lacks a column.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="", errors="replace") as stream:
            rows = csv.DictReader(stream)
            needed = ("finding", "site", "party", *_ANSWER_COLUMNS[:-1])
            if missing := [name for name in needed if name not in (rows.fieldnames or ())]:
                raise OptOutError(f"{path} has no column {missing[0]!r}: rulings need {', '.join(needed)}")
            for row in rows:
                cells = {name: _plain(cell) for name, cell in row.items() if isinstance(name, str)}
                if cells["outcome"]:
                    yield _ruling(cells, rows.line_num, now)
    except csv.Error as error:
        raise OptOutError(f"{path} is no CSV: {error}") from None
    except OSError as error:
        raise OptOutError(f"cannot read {path}: {error.strerror or error}") from None


def _ruling(cells: Mapping[str, str], line: int, now: datetime) -> Ruling | Rejected:
    values: dict[str, Any] = {name: cells[name] for name in ("finding", "party", "by", "reason", "valid_until")}
    values["rule"] = cells.get("rule", "")
    values |= {"outcome": cells["outcome"].lower(), "valid_from": now.isoformat()}
    values["scope"] = cells.get("scope") or cells["site"]
    try:
        ruling: Ruling = read_entry("ruling", values).record
    except EntryError as error:
        return rejected(line, str(error), ",".join(cells.values()))
    return ruling


def _key(line: Mapping[str, Any], reason: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Give finding, rule, site and party of a reason; one of the latter two is empty."""
    finding, rule = str(reason.get("finding") or ""), str(reason.get("rule") or "")
    if reason.get("signal") == "register" and reason.get("where"):
        return finding, rule, "", str(reason["where"])
    site = line.get("domain") or registrable_domain(host_of(_url(line)))
    return finding, rule, str(site), ""


def _url(line: Mapping[str, Any]) -> str:
    return str(line.get("url") or "")


def _time(line: Mapping[str, Any]) -> datetime:
    """Give the time of a line.

    Raises:
        OptOutError: it has none: then it is no audit line.
    """
    try:
        at = datetime.fromisoformat(str(line.get("at")))
    except ValueError:
        at = None
    if at is None or at.utcoffset() is None:
        raise OptOutError(f"a line about {_url(line)!r} has no time: it is no audit line")
    return at


def _count(line: Mapping[str, Any]) -> int:
    """Tell how many items a line is about: a grouped line of a re-check has `count` of them."""
    count = line.get("count")
    return count if type(count) is int and count > 0 else 1


def _sample(url: str, reason: Mapping[str, Any]) -> str:
    said = one_line(str(reason.get("text") or reason.get("note") or ""))
    return f'{one_line(url)} "{said}"'


def _cell(value: object) -> str:
    """Give a cell that no spreadsheet takes for a formula."""
    shown = str(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _plain(cell: object) -> str:
    shown = cell.strip() if isinstance(cell, str) else ""
    return shown[1:] if shown.startswith("'") and shown[1:].startswith(_FORMULA) else shown
