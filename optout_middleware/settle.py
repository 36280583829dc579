"""One decision in the making: how the locations of a site stand, what every signal says, and what that comes to.

Rule of this file: pure. Across protocols any reservation wins and no permission cancels it; what lifts one is a
recorded licence. A location that the policy names and nobody looked at is unreachable, never absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.files import STALE, File, State, current, opened, pack
from optout_middleware.policy import FALLBACKS, LOCATIONS, RSL
from optout_middleware.reasons import Reasons, reason_of, waits_for
from optout_middleware.signals import SIGNALS, Asked, Named, html_head, packing, robots_kept
from optout_middleware.signals.paths import canonical_path
from optout_middleware.terms import Decision, Outcome, Preference, Reason, Source, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Claim, Evidence, Licence, Ruling


class View(NamedTuple):
    """A site opened: what every decision about one of its URLs shares."""

    files: Mapping[str, File]
    sources: tuple[Source, ...]
    newest: datetime | None
    oldest_copy: datetime | None  # of those that stand in for an origin that is unreachable
    robots: robots_kept.Selection | None  # None = unreachable
    kept: Mapping[str, bytes]
    documents: Mapping[str, Named]
    reasons: tuple[Reason, ...]
    policies: Mapping[str, Named] = {}

    @property
    def is_silent(self) -> bool:
        """Whether nothing that was read is of a signal: only a response can speak then."""
        robots = self.robots
        return not self.kept and (
            robots is None or not (robots.rules or robots.others or robots.licences or robots.sentences)
        )

    def with_documents(self, seen: Sequence[Evidence], policy: Policy) -> View:
        """Add documents that a page names."""
        by_url: dict[str, list[Evidence]] = {}
        for item in seen:
            by_url.setdefault(item.url, []).append(item)
        packed = b"".join(pack(RSL, *current(items), policy) for items in by_url.values())
        found = {file.location: file for file in opened("", packed)}
        return self._replace(
            files={**self.files, **found},
            sources=tuple(dict.fromkeys((*self.sources, *(file.source for file in found.values())))),
            documents={**self.documents, **{url: _named(file) for url, file in found.items()}},
        )

    def with_policies(self, seen: Sequence[Evidence]) -> View:
        """Add policies that statements of TDMRep name, apart from all that decides."""
        by_url: dict[str, list[Evidence]] = {}
        for item in seen:
            by_url.setdefault(item.url, []).append(item)
        found = {url: current(items) for url, items in by_url.items()}
        sources = (item.source for item, _, _ in found.values())
        return self._replace(
            sources=tuple(dict.fromkeys((*self.sources, *sources))),
            policies={
                url: Named(
                    state in {State.READ, State.STALE},
                    state == State.UNREACHABLE,
                    item.body,
                    note or f"status {item.status}",
                    item.media_type,
                )
                for url, (item, state, note) in found.items()
            },
        )

    @classmethod
    def of(cls, policy: Policy, seen: Sequence[File]) -> View:
        """Open a site: how each location stands, and the reasons that gives for every URL alike."""
        files = {file.location: file for file in seen}
        file = files.get("robots.txt")
        robots = None if file is None or file.state == State.UNREACHABLE else robots_kept.selection(file.kept)
        read = {name: file.kept for name, file in files.items() if file.is_read and name in LOCATIONS}
        kept = {name: text for name, text in read.items() if name != "robots.txt"}
        documents = {name: _named(file) for name, file in files.items() if name not in LOCATIONS}
        reasons = []
        for location in LOCATIONS:
            if location not in files and (location not in policy.locations or _is_spared(location, files)):
                continue
            if (finding := _standing(location, files.get(location), robots)) is not None:
                source = files[location].source if location in files else None
                reasons.append(reason_of(policy, finding[0], location, source, note=finding[1]))
        if robots is not None:
            source = files["robots.txt"].source
            reasons += [reason_of(policy, "odd-file", "robots.txt", source, note=note) for note in robots.notes]
        sources = tuple(file.source for file in seen)
        newest = max((source.fetched_at for source in sources), default=None)
        oldest = min((file.source.fetched_at for file in seen if file.state == State.STALE), default=None)
        return cls(files, sources, newest, oldest, robots, kept, documents, tuple(reasons))

    def holds_at(self, at: datetime) -> bool:
        """Tell whether all that it rests on counts at that date."""
        return (self.newest is None or self.newest <= at) and (
            self.oldest_copy is None or at - self.oldest_copy <= STALE
        )


def files_at(seen: Sequence[File], at: datetime) -> list[File]:
    """Give the files as they count at a date: what was seen later does not, nor does a copy grown too old."""
    return [
        file._replace(state=State.UNREACHABLE, kept=b"")
        if file.state == State.STALE and at - file.source.fetched_at > STALE
        else file
        for file in seen
        if file.source.fetched_at <= at
    ]


def _is_spared(location: str, files: Mapping[str, File]) -> bool:
    """Tell whether a location need not be looked at, since the one that goes before it is there."""
    before = files.get(FALLBACKS.get(location, ""))
    return before is not None and before.is_read


def _named(file: File) -> Named:
    body = packing.unpacked(file.kept)
    status = f"status {file.source.status}" if file.source.status else "no response"
    return Named(file.is_read, file.state == State.UNREACHABLE, body, file.note or status)


def _standing(location: str, file: File | None, robots: robots_kept.Selection | None) -> tuple[str, str] | None:
    """Give the finding that how a location stands raises, with a note; None where it was read, or is absent."""
    if file is not None and (file.is_read or file.state == State.ABSENT):
        return None
    if file is not None and file.state == State.UNAVAILABLE:
        return "unavailable", file.note
    if location == "robots.txt":
        return "robots-unreachable", file.note if file else "nobody looked"
    if file is None and robots is None:
        return None  # robots.txt comes first, and says itself that nothing may be fetched now
    if file is None and robots is not None and not robots.fetch.may_fetch(LOCATIONS[location])[0]:
        return "unavailable", "closed to us by robots.txt, so not fetched"
    return "unreachable", file.note if file else "nobody looked"


class Bench:
    """One decision in the making: statements and reasons as they are found."""

    __slots__ = ("asset", "found", "path", "policy", "url", "view")

    def __init__(self, policy: Policy, url: str, at: datetime, view: View, asset: Evidence | None) -> None:
        self.policy, self.url, self.view, self.asset = policy, url, view, asset
        self.path = canonical_path(url)
        self.found = Reasons(policy, at, view.reasons, ())

    def decision(self, claims: Sequence[Claim], licences: Sequence[Licence], rulings: Sequence[Ruling]) -> Decision:
        """Look at robots.txt, the statements of each signal and the claims, in that order; then settle."""
        robots = self.view.robots
        may_fetch = self.path == "/robots.txt" if robots is None else self._may_fetch(robots)
        asked = Asked(
            self.url,
            self.path,
            self.policy,
            robots or robots_kept.NOTHING,
            may_fetch,
            self.view.kept,
            self.asset,
            self.view.documents,
            self.view.policies,
        )
        if self.asset is not None and (self.asset.truncated or self.asset.error) and not html_head.is_whole(self.asset):
            self._find(
                "unreachable", "page", self.asset.source, note=self.asset.error or "cut before the end of its head"
            )
        if self.asset is not None or not self.view.is_silent:
            for signal in SIGNALS:
                for statement in signal.state(asked):
                    self._state(statement)
        self.found.claim(claims)
        if licences or rulings or self.policy.is_research:
            self.found.lift((self.url,), licences, rulings)
        return self._settled(may_fetch=may_fetch)

    def _find(
        self, finding: str, location: str, source: Source | None, statement: Statement | None = None, note: str = ""
    ) -> None:
        self.found.reasons.append(reason_of(self.policy, finding, location, source, statement, note))

    def _may_fetch(self, robots: robots_kept.Selection) -> bool:
        may_fetch, line = robots.fetch.may_fetch(self.path)
        if not may_fetch and line is not None:
            file = self.view.files["robots.txt"]
            statement = Statement(
                "robots.txt", "robots.txt", f"line {line.number}", line.text, Preference.DISALLOWED,
                "RFC 9309 section 2.2.2", "fetch-forbidden", notes=robots.notes, source=file.source,
            )  # fmt: skip
            self.found.statements.append(statement)
            self._find("fetch-forbidden", "robots.txt", file.source, statement, file.note)
        return may_fetch

    def _state(self, statement: Statement) -> None:
        file = self.view.files.get(statement.location)
        source = file.source if file else self.asset.source if self.asset is not None else None
        statement = statement._replace(source=source)
        self.found.statements.append(statement)
        if statement.finding:
            self._find(statement.finding, statement.location, source, statement, file.note if file else "")

    def _settled(self, *, may_fetch: bool) -> Decision:
        found = self.found
        outcome = found.outcome()
        reasons = found.sorted(outcome)
        conditions = [condition for statement in found.statements for condition in statement.conditions]
        return Decision(
            self.url,
            outcome,
            may_fetch,
            waits_for(reasons) if outcome is Outcome.PENDING else None,
            tuple(dict.fromkeys(conditions + found.conditions)),
            reasons,
            tuple(found.statements),
            (*self.view.sources, self.asset.source) if self.asset is not None else self.view.sources,
            found.licences,
            found.at,
            self.policy.sha256,
            found.rulings,
        )
