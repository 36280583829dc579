"""What the same findings come to under another profile, so that both can be counted side by side.

Rule of this file: pure. A finding is judged again by its row; what a licence, a ruling or research settled stays so.
Nothing is looked at again: where a location was left out since another one had settled the matter, and by the other
profile it does not, the asset is unknown, not kept.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.files import location_of
from optout_middleware.policy import FALLBACKS, LOCATIONS
from optout_middleware.terms import Outcome, WaitsFor, strictest

if TYPE_CHECKING:
    from optout_middleware.policy import Policy, Profile
    from optout_middleware.terms import Decision, Reason

# What became of an asset, or would have: forbidden = robots.txt forbids to fetch it; unknown = kept, although
# some location could not be looked at.
STANDINGS = ("kept", "excluded", "pending", "unknown", "forbidden")
NOT_LOOKED_AT = frozenset({"unreachable", "robots-unreachable"})
_LIFTING = frozenset({"licensed", "research"})


class Judged(NamedTuple):
    """What a decision comes to under one policy.

    Fields:
        standing: one of `STANDINGS`.
        causes: the reasons that keep the asset from being kept, whatever their outcome; none where it is kept.
        waits_for: what a pending one waits for.
    """

    standing: str
    causes: tuple[Reason, ...]
    waits_for: WaitsFor | None


@lru_cache(maxsize=64)  # a pure function, asked for every page
def of_profile(policy: Policy, profile: Profile) -> Policy:
    """Give a policy with another profile; its overrides stay."""
    return policy if policy.profile is profile else replace(policy, profile=profile)


def judge(decision: Decision, made_by: Policy, policy: Policy) -> Judged:
    """Tell what the findings of a decision come to under a policy.

    Args:
        decision: as it was made.
        made_by: the policy by which it was made.
        policy: to judge by; it differs in profile and overrides only, since nothing is read again.
    """
    lifting = any(reason.finding in _LIFTING for reason in decision.reasons)
    causes, outcomes, waits = [], [], set()
    for reason in decision.reasons:
        outcome = _outcome(reason, made_by, policy, lifting=lifting)
        outcomes.append(outcome)
        if outcome is not Outcome.ALLOW:
            causes.append(reason)
        if outcome is Outcome.PENDING:
            waits.add(reason.waits_for or policy.judge(reason.finding)[1] or WaitsFor.PERSON)
    findings = {reason.finding for reason in decision.reasons}
    outcome = strictest(outcomes)
    if outcome is Outcome.DENY:  # what nobody looked at could not have changed it
        causes = [cause for cause in causes if cause.source or cause.statement or cause.finding not in NOT_LOOKED_AT]
    elif outcome is Outcome.ALLOW is not decision.outcome and _not_looked_at(decision, policy):
        findings.add("unreachable")
    waits_for = next((word for word in WaitsFor if word in waits), None) if outcome is Outcome.PENDING else None
    return Judged(_standing(outcome, findings, lifted=bool(decision.licences)), tuple(causes), waits_for)


def standing(decision: Decision) -> str:
    """Tell which of `STANDINGS` a decision comes to as it was made; `forbidden` goes before all others."""
    findings = {reason.finding for reason in decision.reasons}
    return _standing(decision.outcome, findings, lifted=bool(decision.licences))


def _outcome(reason: Reason, made_by: Policy, policy: Policy, *, lifting: bool) -> Outcome:
    before, after = made_by.judge(reason.finding)[0], policy.judge(reason.finding)[0]
    if reason.outcome is not before:  # lifted by a licence, settled by a ruling or by the register
        return reason.outcome
    if before is Outcome.ALLOW and lifting:  # it would have been lifted like the others
        return Outcome.ALLOW
    return after


def _not_looked_at(decision: Decision, policy: Policy) -> bool:
    """Tell whether a location was left out since another one settled the matter, which it does not do here."""
    looked: set[str | None] = {location_of(source.url) for source in decision.evidence}
    looked |= {reason.location for reason in decision.reasons}
    return any(
        name in LOCATIONS and name not in looked and not (name in FALLBACKS and FALLBACKS[name] in looked)
        for name in policy.locations
    )


def _standing(outcome: Outcome, findings: set[str], *, lifted: bool) -> str:
    if "fetch-forbidden" in findings:
        return "forbidden"
    if outcome is Outcome.DENY:
        return "excluded"
    if outcome is Outcome.PENDING:
        return "pending"
    return "unknown" if findings & NOT_LOOKED_AT and not lifted else "kept"
