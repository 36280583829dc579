"""How much of a crawl is excluded, and by what: for a dry run, and for an alarm.

Rule of this file: it counts decisions, in bounded memory; what the counts come to stands in `share_figures`.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit import share_figures
from optout_middleware.audit.profiles import NOT_LOOKED_AT, STANDINGS, judge, of_profile, standing
from optout_middleware.audit.share_table import table
from optout_middleware.audit.tallies import MEASURES, NONE, Tallies
from optout_middleware.policy import Profile
from optout_middleware.terms import Outcome
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.audit.profiles import Judged
    from optout_middleware.audit.tallies import Counts
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Decision, Reason

__all__ = ["MEASURES", "STANDINGS", "Alarm", "Sample", "Share", "causes", "standing"]

ALARM_PAGES = 10_000
ALARM_PERCENT = 40
MOST_SAMPLES = 3  # quotations for each finding, each of another site
LONGEST_QUOTE = 300  # characters
LETTER_SENDERS = "(senders of letters)"  # people, whose names a summary does not tell: docs/privacy.md
_SENDER = "sender:"
_LONGEST_NAME = 100  # characters of a language or rightholder


class Sample(NamedTuple):
    """One quotation of what raised a finding."""

    url: str
    where: str
    text: str


def causes(decision: Decision) -> tuple[str, ...]:
    """Give what raised the outcome, each once: signal (or location, where nothing was said) and finding.

    For a decision to allow: the locations that could not be looked at.
    """
    decisive = [
        reason
        for reason in decision.reasons
        if reason.outcome is decision.outcome
        and (decision.outcome is not Outcome.ALLOW or reason.finding in NOT_LOOKED_AT)
    ]
    named = (_cause(r.statement.signal if r.statement else r.location, r.finding) for r in decisive)
    return tuple(dict.fromkeys(named))


@lru_cache(maxsize=1024)  # a pure function; equal causes are one object, of which the alarm keeps thousands
def _cause(signal: str, finding: str) -> str:
    return f"{signal} {finding}"


class Share:
    """Counts requests, items, octets and text by what became of them: by site, cause, finding, language, rightholder.

    Args:
        policy: by which the decisions were made.
        mask: hides the secrets of URLs in what is quoted.
    """

    def __init__(self, policy: Policy, mask: Callable[[str], str] = str) -> None:
        self._policy, self._mask = policy, mask
        self.tallies = Tallies()
        self.samples: dict[str, list[Sample]] = {}
        self._quoted: set[tuple[str, str]] = set()
        self._told: dict[str, Any] | None = None  # since laying out thousands of sites takes seconds

    def add(
        self,
        decision: Decision,
        *,
        requests: int = 0,
        items: int = 0,
        size: int | None = None,
        text: int = 0,
        language: str = "",
    ) -> None:
        """Count what one decision was about.

        Args:
            decision: what was decided.
            requests: how many.
            items: how many.
            size: of the body, in octets; None = nothing was fetched.
            text: of the items, in octets of UTF-8.
            language: of the items; empty = not known.
        """
        counts: Counts = (requests, items, size or 0, text)
        if counts == NONE:
            return
        self._told = None
        host, became, tallies = host_of(decision.url), standing(decision), self.tallies
        site = tallies.site(host)
        tallies.add(("standing", became), site, counts)
        if requests and size is None:
            tallies.add(("not-fetched", became), site, counts)
        if items and language:
            tallies.add(("language", tallies.name("language", language[:_LONGEST_NAME]), became), site, counts)
        if became != "kept":
            for cause in causes(decision):
                tallies.add(("signal", tallies.name("signal", cause), became), site, counts)
        if decision.waits_for is not None:
            tallies.add(("waits-for", decision.waits_for.value), site, counts)
        for party in dict.fromkeys(_parties(decision)):
            tallies.add(("rightholder", tallies.name("rightholder", party), became), site, counts)
        self._add_profiles(decision, host, site, counts)

    def to_dict(self) -> dict[str, Any]:
        """Give all counts and shares as JSON values; docs/estimate.md says what each is."""
        if self._told is None:
            self._told = share_figures.to_dict(self.tallies, self.samples)
        return self._told

    def table(self) -> str:
        """Give the shares as a table for people."""
        return table(self.to_dict())

    def _add_profiles(self, decision: Decision, host: str, site: int, counts: Counts) -> None:
        """Count what each profile makes of the findings."""
        judged: dict[str, Judged] = {}
        for profile in Profile:
            by = judged[profile.value] = judge(decision, self._policy, of_profile(self._policy, profile))
            self.tallies.add(("profile", profile.value, by.standing), site, counts)
            findings = {reason.finding: reason for reason in reversed(by.causes)}
            for finding, reason in findings.items():
                self.tallies.add(("lost", profile.value, finding), site, counts)
                if len(findings) == 1:
                    self.tallies.add(("only", profile.value, finding), site, counts)
                self._quote(finding, reason, decision.url, host)
        if bool(judged[Profile.PRECAUTIONARY].causes) and not judged[Profile.LITERAL].causes:
            self.tallies.add(("caution",), site, counts)

    def _quote(self, finding: str, reason: Reason, url: str, host: str) -> None:
        """Quote what a site said, of few sites; what the register says may name people and stands in the log."""
        said = reason.statement
        samples = self.samples.setdefault(finding, [])
        if said is None or said.signal == "register" or len(samples) >= MOST_SAMPLES or (finding, host) in self._quoted:
            return
        self._quoted.add((finding, host))
        text = " ".join(said.text.split())[:LONGEST_QUOTE]
        samples.append(Sample(self._mask(url), f"{said.location}, {said.where}", self._mask(text)))


def _parties(decision: Decision) -> list[str]:
    """Give who claims an asset that is not kept for it."""
    named = [
        reason.statement.where
        for reason in decision.reasons
        if reason.outcome is not Outcome.ALLOW
        and reason.statement is not None
        and reason.statement.signal == "register"
    ]
    return [LETTER_SENDERS if _SENDER in name else name[:_LONGEST_NAME] for name in named]


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
