"""The audit log as tables: what became of the pages, by site and by reason, and of the works on them.

Rule of this file: it reads what the add-on wrote and judges nothing. Keys that a line lacks are no mistake.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from optout_middleware.audit.reading import Record, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_ROOM = 60  # letters of a quotation
_MOST_NAMES = 8  # of those who claim a work; the class of a song alone is claimed by as many
_OUTCOMES = ("deny", "pending", "allow")


@dataclass(frozen=True)
class Line:
    """One audit line: one page, item or image, with what it came to and why.

    Fields:
        stage: "request" or "response" (a page), "item" or "media".
        title, kind: of the work that the item is credited as, and its class; empty where it says nothing of one.
        rule: of the register, the one that settled; empty = none had to.
        who: whose claims, or else whose licences settled it.
        asked: whether the register was asked.
    """

    stage: str
    url: str
    final_url: str
    outcome: str
    action: str
    reasons: tuple[Mapping[str, Any], ...]
    waits_for: str = ""
    title: str = ""
    kind: str = ""
    rule: str = ""
    who: tuple[str, ...] = ()
    asked: bool = False

    @property
    def fate(self) -> str:
        """`kept`, `dropped` or `pending`: the action where the line names one, the outcome otherwise."""
        if self.action in ("keep", "tag") or (not self.action and self.outcome == "allow"):
            return "kept"
        return "pending" if self.outcome == "pending" else "dropped"


def read_audit(directory: Path) -> list[Line]:
    """Read the audit log of a run; where a page, item or image was asked about again, the last word counts.

    Raises:
        ValueError: a part of it cannot be read.
        OptOutError: the directory is not there.
    """
    found = {}
    for record in records([str(directory)]):
        if not isinstance(record, Record):
            raise ValueError(f"{record.file}: {record.text}")  # noqa: TRY004 - of what was read, not of a type
        if record.line.get("url") and record.line.get("outcome"):
            line = _line(record.line)
            stage = line.stage if line.stage in ("item", "media") else "page"
            found[stage, line.url] = line
    return list(found.values())


def _line(entry: Mapping[str, Any]) -> Line:
    reasons = tuple(reason for reason in entry.get("reasons") or () if isinstance(reason, dict))
    register = entry.get("register") or {}
    credited = entry.get("credits") or {}

    def word(key: str, default: str = "") -> str:
        return str(entry.get(key) or default)

    return Line(
        stage=word("stage", "item"),
        url=word("url"),
        final_url=word("final_url", word("url")),
        outcome=word("outcome"),
        action=word("action"),
        reasons=reasons,
        waits_for=word("waits_for"),
        title=next(iter(credited.get("titles", ())), "") if credited else "",
        kind=credited.get("asset_class", "") if credited else "",
        rule=next(iter(register.get("rules", ())), ""),
        who=_who(entry, reasons),
        asked=bool(register),
    )


def _who(entry: Mapping[str, Any], reasons: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Give whose claims settled the line, else whose licences did."""
    claimed = [
        str(reason.get("where") or "")
        for reason in reasons
        if reason.get("signal") == "register" and reason.get("outcome") == entry.get("outcome") != "allow"
    ]
    licensed = [str(licence.get("party") or "") for licence in entry.get("licences") or ()]
    return tuple(dict.fromkeys(claimed if entry.get("outcome") != "allow" else licensed))


def tables(lines: Iterable[Line], says: Mapping[str, str]) -> str:
    """Draw all tables.

    Args:
        lines: the audit log.
        says: host -> how it reserves, in a few words; hosts that are not in it are shown without.
    """
    lines = list(lines)
    works = [line for line in lines if line.stage == "item" and line.asked]
    last = _last_words(lines)
    drawn = [*_by_site(last, says), "", "Why, pages and images together; what has two reasons is counted under both:"]
    drawn += _by_reason(last)
    if works:
        drawn += [
            "",
            "Works that pages say they have. No site here reserves them; what they come to, the register tells:",
        ]
        drawn += _by_work(works, says)
    return "\n".join(drawn)


def _last_words(lines: Iterable[Line]) -> list[Line]:
    """Give one line for each page and image: that of the page's item, where it has one of its own."""
    found: dict[tuple[bool, str], Line] = {}
    for line in sorted(lines, key=lambda line: line.stage == "item"):  # sorting is stable
        found[line.stage == "media", line.url] = line
    return list(found.values())


def _by_site(lines: Sequence[Line], says: Mapping[str, str]) -> Iterator[str]:
    pages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    images: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        (images if line.stage == "media" else pages)[_host(line)][line.fate] += 1
    head = ("site", "pages", "kept", "dropped", "pending", "images kept", "says")
    rows = [
        (
            host,
            *(
                str(n)
                for n in (
                    pages[host].total(),
                    *(pages[host][fate] for fate in ("kept", "dropped", "pending")),
                )
            ),
            f"{images[host]['kept']} of {images[host].total()}" if host in images else "",
            says.get(host, ""),
        )
        for host in (*(host for host in says if host in pages), *sorted(set(pages) - set(says)))
    ]
    total: Counter[str] = sum(pages.values(), Counter())
    shown = sum(images.values(), Counter())
    rows.append(
        (
            "all",
            *(str(n) for n in (total.total(), total["kept"], total["dropped"], total["pending"])),
            f"{shown['kept']} of {shown.total()}" if shown else "",
            "",
        )
    )
    return _drawn(head, rows, numbers=range(1, 6))


def _by_reason(lines: Sequence[Line]) -> Iterator[str]:
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    quotes: dict[tuple[str, str], str] = {}
    for line in lines:
        if line.fate == "kept":
            continue
        # What was only noted did not decide; a page with two reasons is counted under both.
        settled = [reason for reason in line.reasons if reason.get("outcome", line.outcome) == line.outcome]
        for key, quote in {_key(reason): _quote(reason) for reason in settled}.items():
            counts[key][line.fate] += 1
            quotes.setdefault(key, quote)
    head = ("signal", "finding", "dropped", "pending", "for example")
    rows = [
        (*key, str(count["dropped"]), str(count["pending"]), quotes[key])
        for key, count in sorted(counts.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    ]
    return _drawn(head, rows, numbers=range(2, 4))


def _by_work(lines: Iterable[Line], says: Mapping[str, str]) -> Iterator[str]:
    order = {host: place for place, host in enumerate(says)}
    head = ("work", "is there as", "on", "outcome", "rule", "who")
    ordered = sorted(
        lines,
        key=lambda line: (
            order.get(_host(line), len(order)),
            _OUTCOMES.index(line.outcome) if line.outcome in _OUTCOMES else -1,
            line.rule,
            line.title,
        ),
    )
    rows = [
        (
            line.title or "?",
            line.kind or "not told",
            _host(line),
            f"{line.outcome} ({line.waits_for})" if line.waits_for else line.outcome,
            line.rule or "-",
            _names(line.who),
        )
        for line in ordered
    ]
    return _drawn(head, rows, numbers=range(0))


def _names(who: Sequence[str]) -> str:
    shown = ", ".join(who[:_MOST_NAMES])
    return f"{shown} and {len(who) - _MOST_NAMES} more" if len(who) > _MOST_NAMES else shown or "nobody"


def _host(line: Line) -> str:
    return urlsplit(line.url).hostname or "?"


def _key(reason: Mapping[str, Any]) -> tuple[str, str]:
    signal, location = (str(reason.get(key) or "") for key in ("signal", "location"))
    named = f"{signal} ({location})" if signal and location not in ("", signal) else signal or location or "?"
    return named, str(reason.get("finding") or "?")


def _quote(reason: Mapping[str, Any]) -> str:
    text = " ".join(str(reason.get("text") or reason.get("note") or "").split())
    return text if len(text) <= _ROOM else f"{text[: _ROOM - 3]}..."


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: range) -> Iterator[str]:
    """Draw one table, numbers to the right; the last column is as wide as it needs."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        cells = (
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
