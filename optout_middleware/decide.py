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
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.files import File, current, location_of, opened, pack, rank, rivals
from optout_middleware.policy import FINDINGS, LOCATIONS, RSL
from optout_middleware.reasons import strictest_first, waits_for
from optout_middleware.settle import Bench, View, files_at
from optout_middleware.signals import SIGNALS, Asked, product_tokens, rsl, tdmrep
from optout_middleware.signals.paths import canonical_path
from optout_middleware.signals.usages import ANSWERS
from optout_middleware.terms import (
    Decision,
    Evidence,
    Outcome,
    strictest,
)
from optout_middleware.urls import is_of_origin, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Claim, Hop, Licence, Ruling

_TABLES = [
    {name: list(map(str, row)) for name, row in FINDINGS.items()},
    {name: {value: sorted(usages) for value, usages in row.items()} for name, row in ANSWERS.items()},
    [[signal.name, signal.version] for signal in SIGNALS],
    {name: list(token) for name, token in product_tokens.PRODUCT_TOKENS.items()},
    dict(LOCATIONS),
]
# The number is raised by hand when code changes an outcome; the hash covers the tables and the token list.
RULES_VERSION = "1-" + hashlib.sha256(json.dumps(_TABLES, sort_keys=True).encode()).hexdigest()[:12]
_MOST_POLICIES = 10  # of one decision; each may be a probe
_LONGEST_URL = 2048  # characters


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
        view = view_of(self)
        if RSL not in self.policy.locations or view.robots is None or not view.robots.licences:
            return ()
        asked = Asked(f"{self.origin}/", "/", self.policy, view.robots, True, {}, None)
        return _documents(rsl.named(asked))

    def may_fetch(self, url: str) -> bool:
        """Tell whether robots.txt lets our product token fetch the URL; not where robots.txt is unreachable.

        Raises:
            ValueError: the URL is of another origin.
        """
        if not is_of_origin(url, self.origin):
            raise ValueError(f"{url} is not of the origin {self.origin}")
        path, robots = canonical_path(url), view_of(self).robots
        return path == "/robots.txt" if robots is None else robots.fetch.may_fetch(path)[0]

    def decide(
        self,
        url: str,
        *,
        asset: Evidence | None = None,
        claims: Sequence[Claim] = (),
        licences: Sequence[Licence] = (),
        rulings: Sequence[Ruling] = (),
        documents: Sequence[Evidence] = (),
        policies: Sequence[Evidence] = (),
        at: datetime,
    ) -> Decision:
        """Decide about one URL of this origin.

        Args:
            url: an absolute URL of this origin.
            asset: the response of the URL itself, where it was fetched.
            claims: what the register concludes from the credits of item and page.
            licences: the recorded licences of parties in control.
            rulings: the recorded answers of persons to what waits for one.
            documents: what was seen at the URLs that `named_by` gives for the asset.
            policies: what was seen at the URLs that `policies_of` gives; they add conditions, and change no outcome.
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
        view = view_of(self)
        if not view.holds_at(at):
            view = View.of(self.policy, files_at(self.files, at))
        if documents:
            view = view.with_documents([item for item in documents if item.fetched_at <= at], self.policy)
        if policies:
            view = view.with_policies([item for item in policies if item.fetched_at <= at])
        return Bench(self.policy, url, at, view, asset).decision(claims, licences, rulings)


@lru_cache(maxsize=1024)  # a pure function; the sites in use are open, all others cost their packed bytes only
def view_of(site: Site) -> View:
    """Give a site ready to decide; those that are in use are kept."""
    return View.of(site.policy, site.files)


def named_by(asset: Evidence, policy: Policy) -> tuple[str, ...]:
    """Give the URLs of the documents that a response names itself and that the policy has an eye on."""
    if RSL not in policy.locations:
        return ()
    return _documents(link.url for link in rsl.in_page(asset) if link.url)


def policies_of(decision: Decision) -> tuple[str, ...]:
    """Give the URLs of the TDMRep policies that a decision names, and that may be asked for; the first few."""
    named = _documents(tdmrep.policies(decision.statements))
    return tuple(url for url in named if origin_of(url) and len(url) <= _LONGEST_URL)[:_MOST_POLICIES]


def _documents(named: Iterable[str]) -> tuple[str, ...]:
    """Leave out locations, which are no documents: nobody looks at them as such, so none allows."""
    return tuple(url for url in dict.fromkeys(named) if location_of(url) is None)


def decide(
    url: str,
    evidence: Iterable[Evidence],
    policy: Policy,
    *,
    claims: Sequence[Claim] = (),
    licences: Sequence[Licence] = (),
    rulings: Sequence[Ruling] = (),
    at: datetime | None = None,
) -> Decision:
    """Read the evidence, then decide about one URL; the strictest over its redirect chain.

    Args:
        url: an absolute http(s) URL.
        evidence: in any order: files of the sites of the chain, documents that they or the page name, TDMRep
            policies, and the response of the URL itself, if fetched. Evidence of anything else is not looked at.
        policy: what is decided by.
        claims: as in `Site.decide`.
        licences: as in `Site.decide`.
        rulings: as in `Site.decide`.
        at: the date of the decision; None = the time of the latest evidence.

    Raises:
        ValueError: no evidence at all, or not an http(s) URL.
    """
    seen = list(evidence)
    if not seen:
        raise ValueError(f"no evidence to decide about {url}: pass at least that of its robots.txt")
    if origin_of(url) is None:
        raise ValueError(f"{url} is not an http(s) URL")
    if at is not None and at.utcoffset() is None:
        raise ValueError(f"at={at.isoformat()} has no time zone: pass an aware datetime")
    at = at or max(item.fetched_at for item in seen)
    past = [item for item in seen if item.fetched_at <= at]

    def decided(policies: Sequence[Evidence]) -> Decision:
        recorded = _Recorded(claims, licences, rulings)
        chains = (_over_chain(url, asset, past, policies, policy, recorded, at) for asset in _assets(url, past))
        return strictest_of([decision for chain in chains for decision in chain], url=url)

    first = decided(())
    named = policies_of(first)
    policies = [item for item in past if item.url in named]
    return decided(policies) if policies else first


class _Recorded(NamedTuple):
    """What people and the register recorded, handed on as it came."""

    claims: Sequence[Claim]
    licences: Sequence[Licence]
    rulings: Sequence[Ruling]


def _over_chain(  # noqa: PLR0917 - what `decide` was given, handed on
    url: str,
    asset: Evidence | None,
    past: Sequence[Evidence],
    policies: Sequence[Evidence],
    policy: Policy,
    recorded: _Recorded,
    at: datetime,
) -> Iterator[Decision]:
    """Decide about the URL that was asked for, each hop, and the URL that answered, the last with its response."""
    hops = asset.hops if asset is not None else ()
    final = asset.final_url if asset is not None else url
    links = [_no_fragment(link) for link in (url, *(hop.url for hop in hops), final) if origin_of(link)]
    documents = named_by(asset, policy) if asset is not None else ()
    own = [item for item in past if item.url in documents]
    for link in dict.fromkeys(links):
        for site in _sites(origin_of(link) or "", past, policy):
            if link != links[-1]:
                yield site.decide(link, **recorded._asdict(), policies=policies, at=at)
            else:
                yield site.decide(link, asset=asset, **recorded._asdict(), documents=own, policies=policies, at=at)
    for hop in hops:
        if hop.headers and (origin := origin_of(hop.url)):
            for site in _sites(origin, past, policy):
                yield decide_hop(site, hop, asset, **recorded._asdict(), policies=policies, at=at)


def decide_hop(
    site: Site,
    hop: Hop,
    asset: Evidence | None,
    *,
    claims: Sequence[Claim] = (),
    licences: Sequence[Licence] = (),
    rulings: Sequence[Ruling] = (),
    policies: Sequence[Evidence] = (),
    at: datetime,
) -> Decision:
    """Decide about a redirect by the headers it came with; beside the decision without them, so that none is lifted."""
    fetched_at = asset.fetched_at if asset is not None else at
    seen = Evidence(hop.url, hop.status, hop.headers, b"", fetched_at)
    recorded = _Recorded(claims, licences, rulings)
    return site.decide(_no_fragment(hop.url), asset=seen, **recorded._asdict(), policies=policies, at=at)


def _sites(origin: str, seen: Sequence[Evidence], policy: Policy) -> list[Site]:
    """Read the site of an origin from what there is of it, and of the documents that it names.

    Where there are several answers of one moment at a location, there is a site for each: the strictest will count.
    """
    files = [item for item in seen if location_of(item.url) and origin_of(item.url) == origin]
    if not files:
        return [Site.unseen(origin, policy)]
    tied = rivals(files)
    variants = [[item for item in files if item not in tied or item == chosen] for chosen in tied] or [files]
    sites = []
    for variant in variants:
        site = Site.read(variant, policy)
        named = site.named()
        documents = [item for item in seen if item.url in named and not location_of(item.url)]
        sites.append(Site.read(variant + documents, policy) if documents else site)
    return sites


def strictest_of(decisions: Sequence[Decision], *, url: str | None = None) -> Decision:
    """Merge the decisions over a redirect chain: the strictest outcome, and what was found at every link.

    Args:
        decisions: at least one, in the order of the chain.
        url: what the merged decision is about; None = the last link.
    """
    if len(decisions) == 1 and url in (None, decisions[0].url):
        return decisions[0]
    outcome = strictest(decision.outcome for decision in decisions)
    reasons = sorted(dict.fromkeys(r for decision in decisions for r in decision.reasons), key=strictest_first)
    return Decision(
        url or decisions[-1].url,
        outcome,
        all(decision.may_fetch for decision in decisions),
        waits_for(reasons) if outcome is Outcome.PENDING else None,
        tuple(dict.fromkeys(c for decision in decisions for c in decision.conditions)),
        tuple(reasons),
        tuple(dict.fromkeys(s for decision in decisions for s in decision.statements)),
        tuple(dict.fromkeys(e for decision in decisions for e in decision.evidence)),
        tuple(dict.fromkeys(lic for decision in decisions for lic in decision.licences)),
        max(decision.at for decision in decisions),
        decisions[-1].policy,
        tuple(dict.fromkeys(ruling for decision in decisions for ruling in decision.rulings)),
    )


def _no_fragment(url: str) -> str:
    return url.partition("#")[0]


def _assets(url: str, past: Sequence[Evidence]) -> list[Evidence | None]:
    """Give the latest response of the URL itself, asked for by that URL or, failing that, reached by redirects.

    A response without the page (an error, 304, 4xx) takes nothing back of what the page said before. Of several
    responses of one moment each is given; where there is none, None.
    """
    wanted = _no_fragment(url)
    known = [item for item in past if item.status is not None]
    asked = [item for item in known if _no_fragment(item.url) == wanted]
    responses = asked or [item for item in known if _no_fragment(item.final_url) == wanted]
    pages = [item for item in responses if 200 <= (item.status or 0) < 300]  # noqa: PLR2004 - RFC 9110 section 15.3
    latest = max((item.fetched_at for item in pages or responses), default=None)
    found = {item for item in pages or responses if item.fetched_at == latest}
    return [*sorted(found, key=rank)] or [None]
