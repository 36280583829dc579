"""The audit log as a table: what became of the pages, by site and by reason.

Rule of this file: it reads what the add-on wrote and judges nothing. Keys that a line lacks are no mistake.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One audit line: one page or image, with what it came to and why."""

    stage: str
    url: str
    final_url: str
    outcome: str
    action: str
    reasons: tuple[Mapping[str, Any], ...]

    @property
    def fate(self) -> str:
        """`kept`, `dropped` or `pending`: the action where the line names one, the outcome otherwise."""
        if self.action in ("keep", "tag") or (not self.action and self.outcome == "allow"):
            return "kept"
        return "pending" if self.outcome == "pending" else "dropped"


def read_audit(directory: Path) -> list[Line]:
    """Read the audit log of one run: all `*.jsonl` that lie directly in the directory."""
    found = {}
    for path in sorted(directory.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for text in lines:
                entry = json.loads(text)
                if isinstance(entry, dict) and entry.get("url") and entry.get("outcome"):
                    line = _line(entry)
                    found[line.stage == "media", line.url] = line  # asked again later: the last word counts
    return list(found.values())


def _line(entry: Mapping[str, Any]) -> Line:
    reasons = tuple(reason for reason in entry.get("reasons") or () if isinstance(reason, dict))

    def word(key: str, default: str = "") -> str:
        return str(entry.get(key) or default)

    return Line(
        stage=word("stage", "item"),
        url=word("url"),
        final_url=word("final_url", word("url")),
        outcome=word("outcome"),
        action=word("action"),
        reasons=reasons,
    )


def tables(lines: Iterable[Line], says: Mapping[str, str]) -> str:
    """Draw both tables.

    Args:
        lines: the audit log.
        says: host -> how it reserves, in a few words; hosts that are not in it are shown without.
    """
    lines = list(lines)
    why = "Why, pages and images together; what has two reasons is counted under both:"
    return "\n".join((*_by_site(lines, says), "", why, *_by_reason(lines)))


def _by_site(lines: Sequence[Line], says: Mapping[str, str]) -> Iterator[str]:
    pages: defaultdict[str, Counter[str]] = defaultdict(Counter)
    images: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        host = urlsplit(line.url).hostname or "?"
        (images if line.stage == "media" else pages)[host][line.fate] += 1
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


def _key(reason: Mapping[str, Any]) -> tuple[str, str]:
    signal, location = (str(reason.get(key) or "") for key in ("signal", "location"))
    named = f"{signal} ({location})" if signal and location not in ("", signal) else signal or location or "?"
    return named, str(reason.get("finding") or "?")


def _quote(reason: Mapping[str, Any]) -> str:
    text = " ".join(str(reason.get("text") or reason.get("note") or "").split())
    return text if len(text) <= (room := 60) else f"{text[: room - 3]}..."


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: range) -> Iterator[str]:
    """Draw one table, numbers to the right; the last column is as wide as it needs."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        cells = (
            cell.rjust(width) if at in numbers else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
