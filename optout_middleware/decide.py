"""From what was seen to what holds: `Site` reads the files of one origin once, `decide` settles.

Rule of this file: pure. Inside a protocol its own precedence has held already (signals/); across protocols any
reservation wins and no permission cancels it; what lifts one is a recorded licence. A location that the policy names
and nobody looked at is unreachable, never absent. A decision is made at a date: evidence counts as of then.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.files import File, State, current, location_of, opened, pack, rank
from optout_middleware.policy import FALLBACKS, FINDINGS, LOCATIONS, RSL
from optout_middleware.signals import SIGNALS, Asked, Named, product_tokens, robots_txt, rsl
from optout_middleware.signals.paths import canonical_path
from optout_middleware.signals.usages import ANSWERS
from optout_middleware.terms import Decision, Outcome, Preference, Reason, Source, Statement, WaitsFor, strictest
from optout_middleware.urls import is_of_origin, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Claim, Evidence, Licence

# What a licence of the party in control over the URL lifts: anything that a location said or may have said about use.
_LIFTABLE = frozenset({
    "refusal", "condition", "malformed-refusal", "training-consensus", "named-bot", "natural-language", "unreachable",
})  # fmt: skip
_MOST_DOCUMENTS = 10  # of a site, and of a page
_LONGEST_URL = 8_000  # characters (RFC 9110 section 4.1 asks for 8000 octets at least)
_TABLES = [
    {name: list(map(str, row)) for name, row in FINDINGS.items()},
    {name: {value: sorted(usages) for value, usages in row.items()} for name, row in ANSWERS.items()},
    [[signal.name, signal.version] for signal in SIGNALS],
    {name: list(token) for name, token in product_tokens.PRODUCT_TOKENS.items()},
    dict(LOCATIONS),
]
# The number is raised by hand when code changes an outcome; the hash covers the tables and the token list.
RULES_VERSION = "1-" + hashlib.sha256(json.dumps(_TABLES, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Site:
    """Everything read from the files of one origin under one policy: compact, picklable, ready to decide.

    Made by `Site.read`; `packed` holds the locations in a compact form, since a crawl keeps one site a host.
    """

    origin: str
    policy: Policy
    packed: bytes

    @classmethod
    def read(cls, evidence: Iterable[Evidence], policy: Policy) -> Site:
        """Read the files of one origin.

        Args:
            evidence: of robots.txt, tdmrep.json, ... of one origin, and of the documents that its robots.txt names,
                in any order; of several at one location the latest counts, and while that is unreachable an earlier
                copy up to `files.STALE` old.
            policy: what is decided by.

        Raises:
            ValueError: no evidence, evidence of several origins, or of a URL that is no location.
        """
        by_location: dict[str, list[Evidence]] = {}
        others: dict[str, list[Evidence]] = {}
        origins = set()
        for seen in evidence:
            origin, location = origin_of(seen.url), location_of(seen.url)
            if origin is None or location is None:
                others.setdefault(seen.url, []).append(seen)
            else:
                origins.add(origin)
                by_location.setdefault(location, []).append(seen)
        if len(origins) != 1:
            raise ValueError(f"a site is read from evidence of one origin, not of {len(origins)}: {sorted(origins)}")
        packed = [
            pack(location, *current(by_location[location]), policy) for location in LOCATIONS if location in by_location
        ]
        site = cls(origins.pop(), policy, b"".join(packed))
        if not others:
            return site
        named = site.named()
        if stray := [url for url in others if url not in named]:
            raise ValueError(
                f"{stray[0]} is none of the locations {', '.join(LOCATIONS)}, nor does {site.origin} name it"
            )
        packed += [pack(RSL, *current(others[url]), policy) for url in named if url in others]
        return cls(site.origin, policy, b"".join(packed))

    @classmethod
    def unseen(cls, origin: str, policy: Policy) -> Site:
        """Give the site of an origin that nobody looked at: every location is unreachable."""
        return cls(origin, policy, b"")

    @property
    def files(self) -> tuple[File, ...]:
        """The locations that were looked at."""
        return opened(self.origin, self.packed)

    def named(self) -> tuple[str, ...]:
        """Give the URLs of the documents that robots.txt names and that the policy has an eye on."""
        view = _view(self)
        if RSL not in self.policy.locations or view.robots is None or not view.robots.licences:
            return ()
        asked = Asked(f"{self.origin}/", "/", self.policy, view.robots, True, {}, None)
        return _documents(rsl.named(asked))

    def may_fetch(self, url: str) -> bool:
        """Tell whether robots.txt lets our product token fetch the URL; not where robots.txt is unreachable."""
        path = canonical_path(url)
        robots = next((file for file in self.files if file.location == "robots.txt"), None)
        if robots is None or robots.state == State.UNREACHABLE:
            return path == "/robots.txt"
        return robots_txt.selection(robots.kept).fetch.may_fetch(path)[0]

    def decide(
        self,
        url: str,
        *,
        asset: Evidence | None = None,
        claims: Sequence[Claim] = (),
        licences: Sequence[Licence] = (),
        documents: Sequence[Evidence] = (),
        at: datetime,
    ) -> Decision:
        """Decide about one URL of this origin.

        Args:
            url: an absolute URL of this origin.
            asset: the response of the URL itself, where it was fetched.
            claims: what the register concludes from the credits of item and page.
            licences: the recorded licences of parties in control.
            documents: what was seen at the URLs that `named_by` gives for the asset.
            at: the date of the decision, aware; what was seen after it does not count.

        Raises:
            ValueError: the URL is of another origin, or `at` has no time zone.
        """
        if not is_of_origin(url, self.origin):
            raise ValueError(f"{url} is not of the origin {self.origin}")
        if at.utcoffset() is None:
            raise ValueError(f"at={at.isoformat()} has no time zone: pass an aware datetime")
        if asset is not None and asset.fetched_at > at:
            asset = None
        view = _view(self)
        if view.newest is not None and view.newest > at:
            view = _View.of(self.policy, [file for file in self.files if file.source.fetched_at <= at])
        if documents:
            view = view.with_documents([item for item in documents if item.fetched_at <= at], self.policy)
        return _Bench(self.policy, url, at, view, asset).decision(claims, licences)


def named_by(asset: Evidence, policy: Policy) -> tuple[str, ...]:
    """Give the URLs of the documents that a response names itself and that the policy has an eye on."""
    if RSL not in policy.locations:
        return ()
    return _documents(link.url for link in rsl.in_page(asset) if link.url)


def _documents(named: Iterable[str]) -> tuple[str, ...]:
    """Keep what may be looked at of the URLs that a site or page names; of the others nobody looks at, none allows.

    No location, which is no document; nothing that is no text; few, since each of them is a probe.
    """
    fit = (url for url in dict.fromkeys(named) if len(url) <= _LONGEST_URL and not location_of(url) and _is_text(url))
    return tuple(islice(fit, _MOST_DOCUMENTS))


def _is_text(url: str) -> bool:
    return url.isascii() or url.isprintable()  # octets that are no UTF-8 stand in a URL as lone surrogates


class _View(NamedTuple):
    """A site opened: what every decision about one of its URLs shares."""

    files: Mapping[str, File]
    sources: tuple[Source, ...]
    newest: datetime | None
    robots: robots_txt.Selection | None  # None = unreachable
    kept: Mapping[str, bytes]
    documents: Mapping[str, Named]
    reasons: tuple[Reason, ...]

    def with_documents(self, seen: Sequence[Evidence], policy: Policy) -> _View:
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

    @classmethod
    def of(cls, policy: Policy, seen: Sequence[File]) -> _View:
        """Open a site: how each location stands, and the reasons that gives for every URL alike."""
        files = {file.location: file for file in seen}
        file = files.get("robots.txt")
        robots = None if file is None or file.state == State.UNREACHABLE else robots_txt.selection(file.kept)
        read = {name: file.kept for name, file in files.items() if file.state == State.READ and name in LOCATIONS}
        kept = {name: text for name, text in read.items() if name != "robots.txt"}
        documents = {name: _named(file) for name, file in files.items() if name not in LOCATIONS}
        reasons = []
        for location in LOCATIONS:
            if location not in files and (location not in policy.locations or _is_spared(location, files)):
                continue
            if (finding := _standing(location, files.get(location), robots)) is not None:
                source = files[location].source if location in files else None
                reasons.append(_reason(policy, finding[0], location, source, note=finding[1]))
        sources = tuple(file.source for file in seen)
        newest = max((source.fetched_at for source in sources), default=None)
        return cls(files, sources, newest, robots, kept, documents, tuple(reasons))


def _is_spared(location: str, files: Mapping[str, File]) -> bool:
    """Tell whether a location need not be looked at, since the one that goes before it is there."""
    before = files.get(FALLBACKS.get(location, ""))
    return before is not None and before.state == State.READ


def _named(file: File) -> Named:
    body = robots_txt.unpacked(file.kept)
    status = f"status {file.source.status}" if file.source.status else "no response"
    return Named(file.state == State.READ, file.state == State.UNREACHABLE, body, file.note or status)


def _standing(location: str, file: File | None, robots: robots_txt.Selection | None) -> tuple[str, str] | None:
    """Give the finding that how a location stands raises, with a note; None where it was read, or is absent."""
    if file is not None and file.state in (State.READ, State.ABSENT):
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


def _reason(
    policy: Policy,
    finding: str,
    location: str,
    source: Source | None,
    statement: Statement | None = None,
    note: str = "",
) -> Reason:
    outcome, waits_for, override = policy.judge(finding)
    return Reason(finding, outcome, waits_for, statement, location, source, note, override)


@lru_cache(maxsize=1024)  # a pure function; the sites in use are open, all others cost their packed bytes only
def _view(site: Site) -> _View:
    return _View.of(site.policy, site.files)


class _Bench:
    """One decision in the making: statements and reasons as they are found."""

    __slots__ = ("asset", "at", "path", "policy", "reasons", "statements", "url", "view")

    def __init__(self, policy: Policy, url: str, at: datetime, view: _View, asset: Evidence | None) -> None:
        self.policy, self.url, self.at, self.view, self.asset = policy, url, at, view, asset
        self.path = canonical_path(url)
        self.statements: list[Statement] = []
        self.reasons: list[Reason] = list(view.reasons)

    def decision(self, claims: Sequence[Claim], licences: Sequence[Licence]) -> Decision:
        """Look at robots.txt, the statements of each signal and the claims, in that order; then settle."""
        robots = self.view.robots
        may_fetch = self.path == "/robots.txt" if robots is None else self._may_fetch(robots)
        asked = Asked(
            self.url,
            self.path,
            self.policy,
            robots or robots_txt.NOTHING,
            may_fetch,
            self.view.kept,
            self.asset,
            self.view.documents,
        )
        for signal in SIGNALS:
            for statement in signal.state(asked):
                self._state(statement)
        for claim in claims:
            self._claim(claim)
        lifting = self._licensed(licences) if licences else ()
        return self._settled(lifting, may_fetch=may_fetch)

    def _find(
        self, finding: str, location: str, source: Source | None, statement: Statement | None = None, note: str = ""
    ) -> None:
        self.reasons.append(_reason(self.policy, finding, location, source, statement, note))

    def _may_fetch(self, robots: robots_txt.Selection) -> bool:
        may_fetch, line = robots.fetch.may_fetch(self.path)
        if not may_fetch and line is not None:
            file = self.view.files["robots.txt"]
            statement = Statement(
                "robots.txt", "robots.txt", f"line {line.number}", line.text, Preference.DISALLOWED,
                "RFC 9309 section 2.2.2", "fetch-forbidden", notes=robots.notes, source=file.source,
            )  # fmt: skip
            self.statements.append(statement)
            self._find("fetch-forbidden", "robots.txt", file.source, statement, file.note)
        return may_fetch

    def _state(self, statement: Statement) -> None:
        file = self.view.files.get(statement.location)
        source = file.source if file else self.asset.source if self.asset is not None else None
        statement = statement._replace(source=source)
        self.statements.append(statement)
        if statement.finding:
            self._find(statement.finding, statement.location, source, statement, file.note if file else "")

    def _claim(self, claim: Claim) -> None:
        if claim.since is not None and claim.since > self.at:
            return
        plain = FINDINGS[claim.finding].precautionary is FINDINGS[claim.finding].literal is Outcome.DENY
        preference = Preference.DISALLOWED if plain else Preference.UNKNOWN
        statement = Statement("register", "register", claim.party, claim.text, preference, claim.rule, claim.finding)
        self.statements.append(statement)
        self._find(claim.finding, "register", None, statement)

    def _licensed(self, licences: Sequence[Licence]) -> tuple[Licence, ...]:
        """Lift what locations reserved where a licence covers URL, usage and date; not what robots.txt forbids."""
        lifting = tuple(found for found in licences if found.covers(self.url, self.policy.usage, self.at))
        if lifting:
            by = f"lifted by a licence of {lifting[0].party}, recorded by {lifting[0].recorded_by}"
            self.reasons = [
                reason._replace(outcome=Outcome.ALLOW, waits_for=None, note=by)
                if reason.finding in _LIFTABLE
                else reason
                for reason in self.reasons
            ]
            for licence in lifting:
                self._find("licensed", "register", None, note=f"{licence.party}: {licence.evidence}")
        return lifting

    def _settled(self, lifting: tuple[Licence, ...], *, may_fetch: bool) -> Decision:
        reasons = self.reasons
        outcome = strictest([reason.outcome for reason in reasons])
        if outcome is Outcome.DENY:  # what nobody looked at could not have changed it
            reasons = [reason for reason in reasons if reason.source or reason.statement or not reason.waits_for]
        conditions = [condition for statement in self.statements for condition in statement.conditions]
        conditions += [condition for licence in lifting for condition in licence.conditions]
        return Decision(
            self.url,
            outcome,
            may_fetch,
            _waits_for(reasons) if outcome is Outcome.PENDING else None,
            tuple(dict.fromkeys(conditions)),
            tuple(sorted(reasons, key=_strictest_first)) if len(reasons) > 1 else tuple(reasons),
            tuple(self.statements),
            self.view.sources,
            lifting,
            self.at,
            self.policy.sha256,
        )


def _strictest_first(reason: Reason) -> int:
    return (Outcome.DENY, Outcome.PENDING, Outcome.ALLOW).index(reason.outcome)


def _waits_for(reasons: Iterable[Reason]) -> WaitsFor | None:
    """Give what is waited for first: a probe can settle what a person would else look at."""
    waited = {reason.waits_for for reason in reasons}
    return next((word for word in WaitsFor if word in waited), None)


def decide(
    url: str,
    evidence: Iterable[Evidence],
    policy: Policy,
    *,
    claims: Sequence[Claim] = (),
    licences: Sequence[Licence] = (),
    at: datetime | None = None,
) -> Decision:
    """Read the evidence, then decide about one URL; the strictest over its redirect chain.

    Args:
        url: an absolute http(s) URL.
        evidence: in any order: files of the sites of the chain, documents that they or the page name, and the
            response of the URL itself, if fetched. Evidence of anything else is not looked at.
        policy: what is decided by.
        claims: as in `Site.decide`.
        licences: as in `Site.decide`.
        at: the date of the decision; None = the time of the latest evidence.

    Raises:
        ValueError: no evidence at all, or not an http(s) URL.
    """
    seen = list(evidence)
    if not seen:
        raise ValueError(f"no evidence to decide about {url}: pass at least that of its robots.txt")
    if origin_of(url) is None:
        raise ValueError(f"{url} is not an http(s) URL")
    at = at or max(item.fetched_at for item in seen)
    asset = _asset(url, seen, at)
    chain = [url]
    if asset is not None:
        chain += [hop.url for hop in asset.hops] + [asset.final_url]
    chain = [link for link in dict.fromkeys(_no_fragment(link) for link in chain) if origin_of(link)]
    past = [item for item in seen if item.fetched_at <= at]
    documents = named_by(asset, policy) if asset is not None else ()
    decisions = []
    for link in chain:
        site = _site(origin_of(link) or "", past, policy)
        last = asset if link == chain[-1] else None
        own = [item for item in past if item.url in documents] if last is not None else []
        decisions.append(site.decide(link, asset=last, claims=claims, licences=licences, documents=own, at=at))
    return strictest_of(decisions, url=url)


def _site(origin: str, seen: Sequence[Evidence], policy: Policy) -> Site:
    """Read the site of an origin from what there is of it, and of the documents that it names."""
    files = [item for item in seen if location_of(item.url) and origin_of(item.url) == origin]
    if not files:
        return Site.unseen(origin, policy)
    site = Site.read(files, policy)
    named = site.named()
    documents = [item for item in seen if item.url in named and not location_of(item.url)]
    return Site.read(files + documents, policy) if documents else site


def strictest_of(decisions: Sequence[Decision], *, url: str | None = None) -> Decision:
    """Merge the decisions over a redirect chain: the strictest outcome, and what was found at every link.

    Args:
        decisions: at least one, in the order of the chain.
        url: what the merged decision is about; None = the last link.
    """
    if len(decisions) == 1 and url in (None, decisions[0].url):
        return decisions[0]
    outcome = strictest(decision.outcome for decision in decisions)
    reasons = sorted(dict.fromkeys(r for decision in decisions for r in decision.reasons), key=_strictest_first)
    return Decision(
        url or decisions[-1].url,
        outcome,
        all(decision.may_fetch for decision in decisions),
        _waits_for(reasons) if outcome is Outcome.PENDING else None,
        tuple(dict.fromkeys(c for decision in decisions for c in decision.conditions)),
        tuple(reasons),
        tuple(dict.fromkeys(s for decision in decisions for s in decision.statements)),
        tuple(dict.fromkeys(e for decision in decisions for e in decision.evidence)),
        tuple(dict.fromkeys(lic for decision in decisions for lic in decision.licences)),
        max(decision.at for decision in decisions),
        decisions[-1].policy,
    )


def _no_fragment(url: str) -> str:
    return url.partition("#")[0]


def _asset(url: str, seen: Sequence[Evidence], at: datetime) -> Evidence | None:
    """Give the latest response of the URL itself, asked for by that URL or, failing that, reached by redirects."""
    wanted = _no_fragment(url)
    known = [item for item in seen if item.fetched_at <= at and item.status is not None]
    asked = [item for item in known if _no_fragment(item.url) == wanted]
    reached = [item for item in known if _no_fragment(item.final_url) == wanted]
    return max(asked or reached, key=rank, default=None)
