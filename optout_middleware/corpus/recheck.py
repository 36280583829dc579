"""The one function of a re-check, batch -> batch: what holds for each record now.

Rule of this file: pure over Arrow record batches, given the sites, what the register says, and a date; any engine can
call it. Records that must come to the same share one verdict: of a site of which robots.txt alone speaks, those whose
path meets the same rules.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import pyarrow as pa  # type: ignore[import-untyped]

from optout_middleware.corpus.sites import evidence_hash
from optout_middleware.decide import named_by, policies_of, view_of
from optout_middleware.policy import TDM_POLICY
from optout_middleware.reasons import with_register
from optout_middleware.signals.paths import canonical_path
from optout_middleware.terms import Decision, Evidence, Outcome, Reason, strictest
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.corpus.works import Judged
    from optout_middleware.decide import Site
    from optout_middleware.policy import Policy

PREFIX = "optout_"
RESULTS = pa.schema([
    (f"{PREFIX}outcome", pa.string()),  # allow, pending or deny
    (f"{PREFIX}reasons", pa.list_(pa.string())),  # each finding with its location, what settled it first
    (f"{PREFIX}rule", pa.string()),  # of the specification or the register that settled it; empty = nothing is reserved
    (f"{PREFIX}evidence", pa.string()),  # SHA-256 over what was looked at of the site
    (f"{PREFIX}decided_at", pa.timestamp("us", "UTC")),
    (f"{PREFIX}works", pa.string()),  # checked, not checkable, not asked
])  # fmt: skip
CHECKED, NOT_CHECKABLE, NOT_ASKED = "checked", "not checkable", "not asked"
_DROPPED, _DOT = re.compile(r"[\t\n\r]"), re.compile(r"%2e", re.IGNORECASE)
_MAY_LEAD_ELSEWHERE = re.compile(r"/(?:\.|%2e){1,2}(?:[/?#]|$)|[\t\n\r]", re.IGNORECASE).search
_MOST_PLANS = 4_096
_MOST_VERDICTS = 1_000  # of one site


class Verdict:
    """What holds for one record, or for all that share it.

    Attributes:
        decision: about the first of them.
        outcome, reasons, rule, evidence: as they stand in the columns.
        origin: of the site; empty = the URL has none.
        judged: what the register said; None = nothing.
        size: octets of the body that was judged; None = there was none.
    """

    __slots__ = ("decision", "evidence", "judged", "origin", "outcome", "reasons", "rule", "size")

    def __init__(
        self, decision: Decision, origin: str, evidence: str, judged: Judged | None = None, size: int | None = None
    ) -> None:
        self.decision, self.origin, self.evidence, self.judged, self.size = decision, origin, evidence, judged, size
        self.outcome = decision.outcome.value
        self.reasons = tuple(dict.fromkeys(f"{reason.finding} ({reason.location})" for reason in decision.reasons))
        self.rule = _rule(decision)

    @property
    def is_shared(self) -> bool:
        """Whether it rests on the site alone, so that other records may share it."""
        return self.size is None and self.judged is None


class Checked(NamedTuple):
    """What a batch came to: the columns `RESULTS`, and the verdict of each record, shared where it is the same."""

    columns: Any
    verdicts: Sequence[Verdict]


class Recheck:
    """Decides about batches by one policy, at one date.

    Args:
        policy: what is decided by.
        at: the date of the decision, aware.
        documents: gives what was seen at URLs that a page names.
    """

    def __init__(
        self, policy: Policy, at: datetime, documents: Callable[[Sequence[str]], list[Evidence]] = lambda _: []
    ) -> None:
        self._policy, self._at, self._documents = policy, at, documents
        self._plans: OrderedDict[Site, _Plan] = OrderedDict()  # only what `Site` gives again for the same site

    def __call__(
        self, records: Any, sites: Mapping[str, Site], judged: Sequence[Judged | None] | None = None
    ) -> Checked:
        """Decide about a batch.

        Args:
            records: a record batch in the form of `optout_middleware.corpus.columns.RECORDS`.
            sites: origin -> site, for every origin of the batch: `origins` gives these.
            judged: what the register says of each record; None = it was not asked.
        """
        urls = records.column("url").to_pylist()
        assets = _assets(records, urls, self._at)
        plans: dict[str, _Plan] = {}
        verdicts = []
        for number, url in enumerate(urls):
            origin = quick_origin(url)
            said = judged[number] if judged else None
            asset = assets[number] if assets else None
            if not origin:
                verdicts.append(Verdict(without_site(url or "", self._policy, self._at), "", evidence_hash(())))
                continue
            plan = plans.get(origin)
            if plan is None:
                plan = plans[origin] = self._plan(sites[origin])
            if asset is None and (said is None or said.is_plain):
                verdict = plan.verdict(url)
            else:
                verdict = self._judged(url, plan, asset, said)
            if _MAY_LEAD_ELSEWHERE(url):
                # A client may ask for the resolved URL (RFC 3986 section 5.2.4): what holds for either holds.
                verdict = _stricter(verdict, plan.verdict(_resolved(url)))
            verdicts.append(verdict)
        return Checked(_columns(verdicts, judged, self._at), verdicts)

    def _plan(self, site: Site) -> _Plan:
        plan = self._plans.get(site)
        if plan is None:
            plan = self._plans[site] = _Plan(site, self._at, self._documents)
            if len(self._plans) > _MOST_PLANS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(site)
        return plan

    def _judged(self, url: str, plan: _Plan, asset: Evidence | None, said: Judged | None) -> Verdict:
        """Decide about a record by its own response and by what the register says."""
        named = named_by(asset, self._policy) if asset is not None else ()
        documents = self._documents(named) if named else []
        decide = partial(
            plan.site.decide,
            url,
            asset=asset,
            licences=said.licences if said else (),
            rulings=said.rulings if said else (),
            documents=documents,
            at=self._at,
        )
        decision, policies = _with_policies(decide, self._policy, self._documents)
        if said is not None and said.judgement is not None:
            judgement = said.judgement
            decision = with_register(
                decision,
                self._policy,
                claims=judgement.claims,
                licences=[licence for licence in judgement.licences if licence.scopes],
                rulings=said.rulings,
                lifted=judgement.licences,
                conditions=judgement.conditions,
                final_url=url,
            )
        more = [item.source for item in (*documents, *policies)]
        evidence = evidence_hash((*plan.sources, *more)) if more else plan.evidence
        size = len(asset.body) if asset is not None else None
        return Verdict(decision, plan.site.origin, evidence, said, size)


class _Plan:
    """One site ready for many URLs: verdicts by the rules that a path meets."""

    def __init__(self, site: Site, at: datetime, documents: Callable[[Sequence[str]], list[Evidence]]) -> None:
        self.site, self._at, self._documents = site, at, documents
        view = view_of(site)
        self.sources = view.sources
        self.evidence = evidence_hash(view.sources)
        robots = view.robots
        # Other files, and licences that robots.txt names, speak of paths in ways of their own.
        self._is_shared = not (view.kept or view.documents or (robots is not None and robots.licences))
        self._robots = robots
        self._rules = () if robots is None else tuple(robots.rules.values())
        self._fetch = () if robots is None else (robots.fetch, *(rules for _, rules in robots.others))
        self._fetch = tuple(rules for rules in self._fetch if len(rules))
        self._has_rules = bool(self._fetch or self._rules or robots is None)
        self._verdicts: dict[Hashable, Verdict] = {}

    def verdict(self, url: str) -> Verdict:
        """Give the verdict about a URL of which nothing else is known."""
        if not self._is_shared:
            return self._decided(url)
        key = self._met(canonical_path(url)) if self._has_rules else None
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._decided(url)
            if len(self._verdicts) < _MOST_VERDICTS:
                self._verdicts[key] = verdict
        return verdict

    def _met(self, path: str) -> Hashable:
        """Give all that the decision about a path can depend on: the lines of robots.txt that speak of it."""
        if self._robots is None:
            return path == "/robots.txt"
        if not self._rules and len(self._fetch) == 1:
            return self._line(self._fetch[0].may_fetch(path))
        met: list[Hashable] = [self._line(rules.may_fetch(path)) for rules in self._fetch]
        met += [tuple(line.number for line in rules.matching(path)) for rules in self._rules]
        return tuple(met)

    @staticmethod
    def _line(answer: tuple[bool, Any]) -> int:
        return 0 if answer[1] is None else int(answer[1].number)

    def _decided(self, url: str) -> Verdict:
        decide = partial(self.site.decide, url, at=self._at)
        decision, policies = _with_policies(decide, self.site.policy, self._documents)
        more = [item.source for item in policies]
        evidence = evidence_hash((*self.sources, *more)) if more else self.evidence
        return Verdict(decision, self.site.origin, evidence)


def _resolved(url: str) -> str:
    """Give a URL without dot segments, nor the control characters that browsers leave out of URLs."""
    parts = urlsplit(_DROPPED.sub("", url))
    path = urljoin("http://host/", f"/{_DOT.sub('.', parts.path).lstrip('/')}")
    return parts._replace(path=urlsplit(path).path).geturl()


def _stricter(one: Verdict, other: Verdict) -> Verdict:
    outcomes = (one.decision.outcome, other.decision.outcome)
    return one if strictest(outcomes) is outcomes[0] else other


def _with_policies(
    decide: Callable[..., Decision], policy: Policy, documents: Callable[[Sequence[str]], list[Evidence]]
) -> tuple[Decision, Sequence[Evidence]]:
    """Decide, and again with the policies of TDMRep that the decision names, where the policy has an eye on them."""
    decision = decide()
    named = policies_of(decision) if TDM_POLICY in policy.locations else ()
    seen = documents(named) if named else []
    return (decide(policies=seen), seen) if seen else (decision, [])


def origins(records: Any) -> set[str]:
    """Give the origins of a batch, those for which `Recheck` needs sites."""
    return origins_of(records.column("url").to_pylist())


def origins_of(urls: Iterable[str | None]) -> set[str]:
    """Give the origins of URLs; what has none is left out."""
    return {origin for url in urls if (origin := quick_origin(url))}


def quick_origin(url: str | None) -> str:
    """Give the origin of a URL; empty = it has none."""
    return (origin_of(url) or "") if url else ""


def without_site(url: str, policy: Policy, at: datetime) -> Decision:
    """Decide about a record whose URL is missing or not http(s): nobody can be asked about it."""
    outcome, waits_for, override = policy.judge("unjudged")
    note = f"{url.partition(':')[0].lower()}: has no location where a reservation could stand" if url else "no URL"
    reason = Reason("unjudged", outcome, waits_for, None, "url", note=note, override=override)
    return Decision(url, outcome, True, waits_for, (), (reason,), (), (), (), at, policy.sha256)


def _assets(records: Any, urls: Sequence[str | None], at: datetime) -> list[Evidence | None]:
    """Give the responses that records carry, as they were seen when they were collected; empty = none does."""
    fields = {name: records.column(name) for name in ("status", "headers", "html", "collected_at", "error")}
    size = records.num_rows
    if all(fields[name].null_count == size for name in ("headers", "html", "error")):
        return []
    columns = [fields[name].to_pylist() for name in fields]
    found: list[Evidence | None] = []
    for url, status, headers, html, collected, error in zip(urls, *columns, strict=True):
        if url is None or (headers is None and html is None and error is None):
            found.append(None)
            continue
        pairs = [(pair["name"] or "", pair["value"] or "") for pair in headers or ()]
        if headers is None:
            pairs = [("content-type", "text/html")]
        seen = Evidence(
            url, status or 200, pairs, html or b"", min(collected or at, at), error=error or None, truncated=bool(error)
        )
        found.append(seen)
    return found


def _rule(decision: Decision) -> str:
    """Give the rule that settled a decision; empty where nothing is reserved."""
    if decision.outcome is Outcome.ALLOW or not decision.reasons:
        return ""
    settled = decision.reasons[0]
    return settled.statement.rule if settled.statement is not None else settled.finding


def _columns(verdicts: Sequence[Verdict], judged: Sequence[Judged | None] | None, at: datetime) -> Any:
    size = len(verdicts)
    if judged is None:
        works = [NOT_ASKED] * size
    else:
        works = [CHECKED if said is not None and said.is_checkable else NOT_CHECKABLE for said in judged]
    arrays = [
        pa.array([verdict.outcome for verdict in verdicts], pa.string()),
        pa.array([verdict.reasons for verdict in verdicts], RESULTS.field(1).type),
        pa.array([verdict.rule for verdict in verdicts], pa.string()),
        pa.array([verdict.evidence for verdict in verdicts], pa.string()),
        pa.repeat(pa.scalar(at, RESULTS.field(4).type), size),
        pa.array(works, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=RESULTS)
