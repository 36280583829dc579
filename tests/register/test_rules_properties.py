"""Properties of the rules, over the facts of the scenarios and records that meet and collide with them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.policy import FINDINGS
from optout_middleware.register.rules import judge
from optout_middleware.terms import Licence, Outcome, Usage, strictest

from .scenario_parts import LABEL, SACEM, A, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.register.model import UseContext
from .scenario_facts_pools import (
    PARTIES,
    SCOPES,
    WORKS,
    added,
    cases,
    declarations,
    disputes,
    elsewhere,
    exceptions,
    licences,
    matches,
    tightened,
)

tightenings = st.one_of(
    st.tuples(st.just("declarations"), declarations),
    st.tuples(st.just("disputes"), disputes),
    st.tuples(st.just("exceptions"), exceptions.map(lambda item: replace(item, direction="withhold"))),
    st.tuples(st.just("matches"), matches.map(lambda item: replace(item, exact=False))),
    st.tuples(st.just("damage"), st.just("cut short")),
    st.tuples(st.just("lowered"), st.sampled_from(("mandates", "licences", "interests", "parties", "exceptions"))),
)


@given(cases, st.lists(tightenings, min_size=1, max_size=3))
def test_no_doubt_ever_allows(known: Scenario, changes: list[tuple[str, Any]]) -> None:
    """A reservation, dispute, notice, withholding or doubt that is added never turns pending or deny into allow."""
    facts, context = known
    tighter = facts
    for change in changes:
        tighter = tightened(tighter, change)
    if judge(facts, context).outcome is not Outcome.ALLOW:
        assert judge(tighter, context).outcome is not Outcome.ALLOW


covering = st.builds(  # as much as one can, of a party that may well be in control
    replace,
    licences,
    party=st.sampled_from((SACEM, SACEM, A, LABEL, "publisher:P")),
    scopes=st.just(SCOPES),
    usages=st.just(tuple(Usage)),
    works=st.just(WORKS),
    repertoires=st.just((*PARTIES, "publisher:P")),
    layers=st.just(()),
    territories=st.just(("WORLD",)),
    valid_until=st.just(datetime(2028, 1, 1, tzinfo=timezone.utc)),
    confirmed=st.just(value=True),
)


@given(cases, st.one_of(covering, licences), st.sampled_from(elsewhere))
def test_a_licence_loosens_only_what_it_lists(
    known: Scenario, licence: Licence, moved: Callable[[Licence, UseContext], Licence]
) -> None:
    """A licence for other works, places, uses, operators, models, layers or days changes nothing."""
    facts, context = known
    before, after = judge(facts, context), judge(added(facts, "licences", moved(licence, context)), context)
    assert replace(after, chain=()) == replace(before, chain=())  # it may say why a licence at hand lifts nothing


@given(cases, st.randoms(use_true_random=False))
def test_order_counts_for_nothing(known: Scenario, random: Any) -> None:
    """The same facts in another order, some of them twice, give the same judgement, chain included."""
    facts, context = known
    shuffled: dict[str, Any] = {}
    for item in fields(facts):
        value = getattr(facts, item.name)
        if isinstance(value, tuple):
            several = [*value, *value[:1]]
            random.shuffle(several)
            shuffled[item.name] = tuple(several)
    assert judge(replace(facts, **shuffled), context) == judge(facts, context)


@given(cases)
def test_the_outcome_is_that_of_the_claims(known: Scenario) -> None:
    """It is the strictest that the profile makes of the findings claimed; and asked twice it is the same."""
    judgement = judge(*known)
    outcomes = [getattr(FINDINGS[claim.finding], known.context.profile) for claim in judgement.claims]
    assert judgement.outcome is strictest(outcomes)
    assert judge(*known) == judgement
    assert list(judgement.conditions) == sorted(set(judgement.conditions))


@given(cases)
def test_only_proof_makes_it_research(known: Scenario) -> None:
    """Research with its proof on file is allowed under conditions; without proof it is judged as commercial use."""
    facts, context = known
    unproven = judge(facts, replace(context, entity="research", research_proof=""))
    commercial = judge(facts, replace(context, entity="commercial", research_proof="statutes"))
    assert unproven.claims == commercial.claims
    proven = judge(facts, replace(context, entity="research", research_proof="statutes"))
    assert proven.outcome is Outcome.ALLOW
    assert proven.conditions
