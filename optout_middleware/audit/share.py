"""How much of a crawl is excluded, by host and by signal: for a dry run, and for an alarm.

Rule of this file: it counts decisions, in bounded memory, and says where it stopped telling hosts apart.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from optout_middleware.terms import Outcome
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optout_middleware.terms import Decision

# What became of an asset, or would have: forbidden = robots.txt forbids to fetch it; unknown = kept, although
# some location could not be looked at.
STANDINGS = ("kept", "excluded", "pending", "unknown", "forbidden")
MEASURES = ("requests", "items", "bytes")
MAX_HOSTS = 10_000
OTHER_HOSTS = "(other hosts)"
SHOWN_HOSTS = 20
ALARM_PAGES = 10_000
ALARM_PERCENT = 40

_NOT_LOOKED_AT = frozenset({"unreachable", "robots-unreachable"})
_NAME, _NUMBER, _PERCENT = 40, 16, 9  # widths of the columns of the table


def standing(decision: Decision) -> str:
    """Tell which of `STANDINGS` a decision comes to; `forbidden` goes before all others."""
    findings = {reason.finding for reason in decision.reasons}
    if "fetch-forbidden" in findings:
        return "forbidden"
    if decision.outcome is Outcome.DENY:
        return "excluded"
    if decision.outcome is Outcome.PENDING:
        return "pending"
    return "unknown" if findings & _NOT_LOOKED_AT and not decision.licences else "kept"


def causes(decision: Decision) -> tuple[str, ...]:
    """Give what raised the outcome, each once: signal (or location, where nothing was said) and finding.

    For a decision to allow: the locations that could not be looked at.
    """
    decisive = [
        reason
        for reason in decision.reasons
        if reason.outcome is decision.outcome
        and (decision.outcome is not Outcome.ALLOW or reason.finding in _NOT_LOOKED_AT)
    ]
    named = (_cause(r.statement.signal if r.statement else r.location, r.finding) for r in decisive)
    return tuple(dict.fromkeys(named))


@lru_cache(maxsize=1024)  # a pure function; equal causes are one object, of which the alarm keeps thousands
def _cause(signal: str, finding: str) -> str:
    return f"{signal} {finding}"


class Share:
    """Counts requests, items and bytes by what became of them; by host and by cause.

    The first `MAX_HOSTS` hosts are told apart, all later ones are counted as `OTHER_HOSTS`.
    """

    def __init__(self) -> None:
        self._total = _Tally()
        self._hosts: dict[str, _Tally] = {}
        self._causes: dict[str, _Tally] = {}

    def add(self, decision: Decision, *, requests: int = 0, items: int = 0, size: int = 0) -> None:
        """Count what one decision was about.

        Args:
            decision: what was decided.
            requests: how many.
            items: how many.
            size: of the body, in bytes.
        """
        host, became = host_of(decision.url), standing(decision)
        if host not in self._hosts and len(self._hosts) - (OTHER_HOSTS in self._hosts) >= MAX_HOSTS:
            host = OTHER_HOSTS
        counts = (requests, items, size)
        self._total.add(became, counts)
        self._hosts.setdefault(host, _Tally()).add(became, counts)
        if became != "kept":
            for cause in causes(decision):
                self._causes.setdefault(cause, _Tally()).add(became, counts)

    def to_dict(self) -> dict[str, Any]:
        """Give all counts as JSON values: standing -> measure -> count, of all, by signal and by host."""
        return {
            "total": self._total.to_dict(),
            "by_signal": {cause: tally.to_dict() for cause, tally in sorted(self._causes.items())},
            "by_host": {host: tally.to_dict() for host, tally in sorted(self._hosts.items())},
            "hosts_told_apart": OTHER_HOSTS not in self._hosts,
        }

    def table(self) -> str:
        """Give the counts as a table for people; what was excluded, pending, unknown and forbidden apart."""
        whole = self._total.all()
        rows = [_row("", [f"{measure:>{_NUMBER + _PERCENT}}" for measure in MEASURES])]
        rows += [_counted(became, self._total.of(became), whole) for became in STANDINGS]
        rows.append(_counted("all", whole, whole))
        for became in STANDINGS[1:]:
            rows += self._section(became, whole)
        if OTHER_HOSTS in self._hosts:
            rows.append(f"More than {MAX_HOSTS:,} hosts: all that came later are counted as {OTHER_HOSTS}.")
        return "\n".join(rows)

    def _section(self, became: str, whole: Sequence[int]) -> list[str]:
        """Lay out one standing by signal and by host; none where nothing came to it."""
        signals, hosts = _largest_first(self._causes, became), _largest_first(self._hosts, became)
        if not hosts:
            return []
        rows = ["", f"{became} by signal, of all (under each that applies)"]
        rows += [_counted(f"  {cause}", self._causes[cause].of(became), whole) for cause in signals]
        rows.append(f"{became} by host, of all of the host")
        for host in hosts[:SHOWN_HOSTS]:
            rows.append(_counted(f"  {host}", self._hosts[host].of(became), self._hosts[host].all()))
        if len(hosts) > SHOWN_HOSTS:
            rows.append(f"  and {len(hosts) - SHOWN_HOSTS:,} more")
        return rows


class _Tally:
    """Counts of each measure by standing."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, ...]] = {}

    def add(self, became: str, counts: tuple[int, ...]) -> None:
        self._counts[became] = tuple(old + new for old, new in zip(self.of(became), counts, strict=True))

    def of(self, became: str) -> tuple[int, ...]:
        return self._counts.get(became, (0,) * len(MEASURES))

    def all(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(*map(self.of, STANDINGS), strict=True)))

    def to_dict(self) -> dict[str, dict[str, int]]:
        return {
            became: dict(zip(MEASURES, self._counts[became], strict=True))
            for became in STANDINGS
            if became in self._counts
        }


class Alarm:
    """Tells once when more than `ALARM_PERCENT` of the last `ALARM_PAGES` pages are excluded.

    Not before it has seen so many. Excluded is whatever is not kept: `deny`, and `pending` while it is so.
    """

    def __init__(self) -> None:
        self._pages: deque[tuple[str, ...] | None] = deque()
        self._excluded = 0
        self._causes: Counter[str] = Counter()
        self._told = False

    def add(self, decision: Decision) -> str | None:
        """Count the decision about one page; give the alarm, in one line, when it is due, else None."""
        if self._told:
            return None
        page = None if decision.outcome is Outcome.ALLOW else causes(decision)
        self._pages.append(page)
        self._count(page, 1)
        if len(self._pages) > ALARM_PAGES:
            self._count(self._pages.popleft(), -1)
        if len(self._pages) < ALARM_PAGES or self._excluded * 100 <= ALARM_PERCENT * ALARM_PAGES:
            return None
        self._told = True
        self._pages.clear()
        largest = ", ".join(f"{cause} ({count:,})" for cause, count in self._causes.most_common(3) if count)
        share = self._excluded * 100 / ALARM_PAGES
        return f"{share:.1f} % of the last {ALARM_PAGES:,} pages are excluded; the largest causes: {largest}"

    def _count(self, page: tuple[str, ...] | None, step: int) -> None:
        if page is not None:
            self._excluded += step
            for cause in page:
                self._causes[cause] += step


def _largest_first(tallies: Mapping[str, _Tally], became: str) -> list[str]:
    """Give the names with something of that standing; equals by name, so that two runs tell the same."""
    found = [(tally.of(became), name) for name, tally in tallies.items() if any(tally.of(became))]
    return [name for _, name in sorted(found, key=lambda row: ([-count for count in row[0]], row[1]))]


def _counted(name: str, counts: Sequence[int], whole: Sequence[int]) -> str:
    """Lay out counts, each with its share of the whole."""
    shares = [f"{count * 100 / of:.1f} %" if of else "" for count, of in zip(counts, whole, strict=True)]
    pairs = zip(counts, shares, strict=True)
    return _row(name, [f"{count:>{_NUMBER},}{share:>{_PERCENT}}" for count, share in pairs])


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:<{_NAME}}{''.join(cells)}".rstrip()
