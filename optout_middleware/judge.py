"""Decisions that no site makes: about a URL that has none, and about an item that came without a page.

Rule of this file: pure. Doubt fails closed: what nobody could be asked about is pending, unless it is the operator's
own input.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optout_middleware.terms import Decision, Outcome, Reason, WaitsFor

if TYPE_CHECKING:
    from datetime import datetime

    from optout_middleware.policy import Policy

_OWN_INPUT = frozenset({"data", "file"})  # RFC 2397, RFC 8089: nobody on the web serves these
_NOT_LOOKED_AT = "the page, which may say otherwise, was not looked at: OPTOUT_FETCH_RESERVED = True looks"


def without_site(url: str, policy: Policy, at: datetime) -> Decision:
    """Decide about a URL that is not http(s): data: and file: are the operator's own, of others nobody can be asked."""
    scheme = url.partition(":")[0].lower()
    if scheme in _OWN_INPUT:
        return _single(url, policy, at, "own-input", f"{scheme}: is the operator's own input")
    return _single(url, policy, at, "unjudged", f"{scheme}: has no location where a reservation could stand")


def without_page(url: str, policy: Policy, at: datetime) -> Decision:
    """Decide about an item that came with no judged page; `url` may be empty."""
    return _single(url, policy, at, "unjudged", "an item from start(), an errback or another component")


def excluded(url: str, listed: str, policy: Policy, at: datetime) -> Decision:
    """Decide about a URL of a site that a list excludes: it is not even asked for its robots.txt."""
    return replace(_single(url, policy, at, "excluded-site", listed), may_fetch=False)


def untaggable(decision: Decision, note: str) -> Decision:
    """Give the decision about an item whose type cannot take the tag: pending, whatever its page came to."""
    reason = Reason("unjudged", Outcome.PENDING, WaitsFor.PERSON, None, "item", note=note)
    outcome = Outcome.DENY if decision.outcome is Outcome.DENY else Outcome.PENDING
    waits_for = WaitsFor.PERSON if outcome is Outcome.PENDING else None
    return replace(decision, outcome=outcome, waits_for=waits_for, reasons=(*decision.reasons, reason))


def not_looked_at(decision: Decision) -> Decision:
    """Note on a reservation of a site by TDMRep, which a page may lift, that its page was not looked at."""
    noted = tuple(
        reason._replace(note="; ".join(filter(None, (reason.note, _NOT_LOOKED_AT))))
        if reason.statement is not None and reason.statement.signal == "tdmrep"
        else reason
        for reason in decision.reasons
    )
    return decision if noted == decision.reasons else replace(decision, reasons=noted)


def _single(url: str, policy: Policy, at: datetime, finding: str, note: str) -> Decision:
    outcome, waits_for, override = policy.judge(finding)
    reason = Reason(finding, outcome, waits_for, None, "item" if not url else "url", note=note, override=override)
    return Decision(
        url=url,
        outcome=outcome,
        may_fetch=True,
        waits_for=waits_for,
        conditions=(),
        reasons=(reason,),
        statements=(),
        evidence=(),
        licences=(),
        at=at,
        policy=policy.sha256,
    )
