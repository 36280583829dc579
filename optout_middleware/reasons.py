"""Reasons: how a finding or a claim becomes one, what lifts one, and what all of them come to.

Rule of this file: pure. What lifts a reservation: a recorded licence of the party in control, and Article 3 of
Directive 2019/790 with its proof on file. A ruling answers what waits for a person, and lifts no stated reservation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optout_middleware.policy import FINDINGS
from optout_middleware.terms import Decision, Outcome, Preference, Reason, Statement, WaitsFor, strictest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Claim, Licence, Ruling, Source

# What a licence of the party in control over the URL lifts: anything that a location said or may have said about use.
_LIFTABLE = frozenset({
    "refusal", "condition", "malformed-refusal", "training-consensus", "named-bot", "natural-language", "unreachable",
})  # fmt: skip
# Article 3 leaves no opt-out, wherever it was stated: location, asset or work.
_RESEARCH_LIFTS = _LIFTABLE | {"register-strong", "register-middle", "register-class", "register-damaged"}
# Directive 2019/790, Article 3(2): what goes with a copy that was made for scientific research.
RESEARCH_CONDITIONS = (
    "Article 3(2): store copies with an appropriate level of security",
    "Article 3: use for the scientific research of the organisation named in the proof, and for nothing else",
)


def reason_of(
    policy: Policy,
    finding: str,
    location: str,
    source: Source | None = None,
    statement: Statement | None = None,
    note: str = "",
) -> Reason:
    """Judge a finding by the policy."""
    outcome, waits_for, override = policy.judge(finding)
    return Reason(finding, outcome, waits_for, statement, location, source, note, override)


def statement_of(claim: Claim) -> Statement:
    """Give a claim of the register as a statement.

    Raises:
        ValueError: its finding is no row of the table.
    """
    row = FINDINGS.get(claim.finding)
    if row is None:
        raise ValueError(f"claim of {claim.party}: finding {claim.finding!r} is none of {', '.join(FINDINGS)}")
    plain = row.precautionary is row.literal is Outcome.DENY
    preference = Preference.DISALLOWED if plain else Preference.UNKNOWN
    return Statement("register", "register", claim.party, claim.text, preference, claim.rule, claim.finding)


class Reasons:
    """The reasons and statements of one decision in the making, and what was used to lift some of them."""

    __slots__ = ("at", "conditions", "licences", "policy", "reasons", "rulings", "statements")

    def __init__(
        self, policy: Policy, at: datetime, reasons: Iterable[Reason], statements: Iterable[Statement]
    ) -> None:
        self.policy, self.at = policy, at
        self.reasons, self.statements = list(reasons), list(statements)
        self.licences: tuple[Licence, ...] = ()
        self.rulings: tuple[Ruling, ...] = ()
        self.conditions: list[str] = []

    def claim(self, claims: Iterable[Claim]) -> None:
        """Add what the register claims, as far as it counts at this date."""
        for claim in claims:
            statement = statement_of(claim)
            if claim.since is None or claim.since <= self.at:
                self.statements.append(statement)
                self.reasons.append(reason_of(self.policy, claim.finding, "register", None, statement))

    def lift(self, urls: Sequence[str], licences: Sequence[Licence], rulings: Sequence[Ruling]) -> None:
        """Lift what a licence over all of the URLs, research or a ruling lifts; not what robots.txt forbids."""
        usage, at = self.policy.usage, self.at
        lifting = tuple(found for found in licences if all(found.covers(url, usage, at) for url in urls))
        if lifting:
            self._allow(_LIFTABLE, f"lifted by a licence of {lifting[0].party}, recorded by {lifting[0].recorded_by}")
            for licence in lifting:
                note = f"{licence.party}: {licence.evidence}"
                self.reasons.append(reason_of(self.policy, "licensed", "register", note=note))
                self.conditions += licence.conditions
            self.licences = lifting
        if self.policy.is_research and any(reason.finding in _RESEARCH_LIFTS for reason in self.reasons):
            proof = self.policy.research_proof
            if self._allow(_RESEARCH_LIFTS, f"without effect on research (Article 3), proof: {proof}"):
                self.reasons.append(reason_of(self.policy, "research", "policy", note=proof))
            self.conditions += RESEARCH_CONDITIONS
        if rulings:
            self._rule(urls, rulings)

    def _allow(self, findings: frozenset[str], note: str) -> bool:
        """Turn the reasons of those findings into noted ones; tell whether there was one to turn."""
        turned = [
            reason._replace(outcome=Outcome.ALLOW, waits_for=None, note=note)
            if reason.finding in findings and reason.outcome is not Outcome.ALLOW
            else reason
            for reason in self.reasons
        ]
        changed = turned != self.reasons
        self.reasons = turned
        return changed

    def _rule(self, urls: Sequence[str], rulings: Sequence[Ruling]) -> None:
        used = []
        for place, reason in enumerate(self.reasons):
            if reason.outcome is not Outcome.PENDING or reason.waits_for is not WaitsFor.PERSON:
                continue
            said = reason.statement
            party = said.where if said is not None and said.signal == "register" else ""
            rule = said.rule if said is not None else ""
            answers = [
                ruling
                for ruling in rulings
                if all(ruling.answers(reason.finding, url, party, self.at, rule) for url in urls)
            ]
            if not answers:
                continue
            answer = max(answers, key=lambda ruling: ruling.outcome is Outcome.DENY)
            note = f"ruling {answer.id or 'without a number'} of {answer.by}: {answer.reason}"
            self.reasons[place] = reason._replace(outcome=answer.outcome, waits_for=None, note=note)
            used.append(answer)
        self.rulings = tuple(dict.fromkeys(used))

    def outcome(self) -> Outcome:
        """Give what the reasons come to."""
        return strictest([reason.outcome for reason in self.reasons])

    def sorted(self, outcome: Outcome) -> tuple[Reason, ...]:
        """Give the reasons, what settled the outcome first."""
        reasons = self.reasons
        if outcome is Outcome.DENY:  # what nobody looked at could not have changed it
            reasons = [reason for reason in reasons if reason.source or reason.statement or not reason.waits_for]
        return tuple(sorted(reasons, key=strictest_first)) if len(reasons) > 1 else tuple(reasons)


def with_register(
    decision: Decision,
    policy: Policy,
    *,
    claims: Sequence[Claim] = (),
    licences: Sequence[Licence] = (),
    rulings: Sequence[Ruling] = (),
    lifted: Sequence[Licence] = (),
    conditions: Sequence[str] = (),
    final_url: str | None = None,
) -> Decision:
    """Give the decision about an item: that about its page, with what the register claims of the item's credits.

    Args:
        decision: about the page.
        policy: by which it was made.
        claims: of the register, from the credits of item and page.
        licences: those that the work itself carries; each must cover the page's URL, and where redirects led.
        rulings: of persons, on what waits for one.
        lifted: licences by which the register lifted what it would else have claimed.
        conditions: what goes with these, and with what the register found free on a condition.
        final_url: where redirects led; None = the URL that was asked for.
    """
    if not (claims or licences or rulings or lifted or conditions):
        return decision
    found = Reasons(policy, decision.at, decision.reasons, decision.statements)
    found.claim(claims)
    found.lift(tuple(dict.fromkeys((decision.url, final_url or decision.url))), licences, rulings)
    outcome = found.outcome()
    reasons = found.sorted(outcome)
    return replace(
        decision,
        outcome=outcome,
        waits_for=waits_for(reasons) if outcome is Outcome.PENDING else None,
        conditions=tuple(dict.fromkeys((*decision.conditions, *conditions, *found.conditions))),
        reasons=reasons,
        statements=tuple(found.statements),
        licences=tuple(dict.fromkeys((*decision.licences, *lifted, *found.licences))),
        rulings=tuple(dict.fromkeys((*decision.rulings, *found.rulings))),
    )


def strictest_first(reason: Reason) -> int:
    """Sort by it, and what settled the outcome comes first."""
    return (Outcome.DENY, Outcome.PENDING, Outcome.ALLOW).index(reason.outcome)


def waits_for(reasons: Iterable[Reason]) -> WaitsFor | None:
    """Give what is waited for first: a probe can settle what a person would else look at."""
    waited = {reason.waits_for for reason in reasons}
    return next((word for word in WaitsFor if word in waited), None)
