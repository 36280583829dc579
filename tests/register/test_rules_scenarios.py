"""What must hold of every scenario: no doubt allows it, and no licence for elsewhere changes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

import pytest

from optout_middleware.register.model import (
    Asset,
    Band,
    Declaration,
    Dispute,
    Facts,
    Match,
    RightException,
    UseContext,
)
from optout_middleware.register.rules import judge
from optout_middleware.terms import Licence, Outcome, Usage

from .scenario_facts import SCENARIOS
from .scenario_facts_more import MORE
from .scenario_facts_pools import (
    DECLARATIONS,
    LICENCES,
    PARTIES,
    PEOPLE,
    SCOPES,
    WORKS,
    added,
    elsewhere,
    tightened,
)
from .scenario_parts import SACEM, TODAY, A, Scenario

DOUBTS: list[tuple[str, Any]] = [
    ("damage", "cut short"),
    *(("lowered", name) for name in ("mandates", "licences", "interests", "parties", "exceptions")),
    *(
        ("disputes", Dispute("x", subject, parties, TODAY))
        for subject in (*PARTIES, *WORKS, *DECLARATIONS, *LICENCES)
        for parties in ((), (A, SACEM))
    ),
    *(
        ("exceptions", RightException(target, party, "withhold", confirmed_by=confirmed))
        for target in (SACEM, *LICENCES)
        for party in PEOPLE
        for confirmed in (None, SACEM)
    ),
    *(
        ("matches", Match(work, None, "title+writers", 0.8, band, "nearly", conflict=conflict))
        for work in WORKS
        for band in Band
        for conflict in (False, True)
    ),
    *(
        ("declarations", Declaration("another", party, scope, targets=(*WORKS, *SCOPES), notice=True))
        for party in PARTIES
        for scope in ("repertoire", "works", "site")
    ),
]


@pytest.mark.parametrize("known", [*SCENARIOS.values(), *MORE.values()], ids=[*SCENARIOS, *MORE])
def test_no_doubt_allows_in_any_scenario(known: Scenario) -> None:
    """Each of these doubts leaves a scenario that is not allowed not allowed, in both profiles."""
    for profile in ("precautionary", "literal"):
        context = replace(known.context, profile=profile)
        if judge(known.facts, context).outcome is not Outcome.ALLOW:
            outcomes = {judge(tightened(known.facts, doubt), context).outcome for doubt in DOUBTS}
            assert Outcome.ALLOW not in outcomes


@pytest.mark.parametrize("known", [*SCENARIOS.values(), *MORE.values()], ids=[*SCENARIOS, *MORE])
def test_no_licence_for_elsewhere_changes_a_scenario(known: Scenario) -> None:
    """As much as a licence of anybody may list: one that does not fit the act changes nothing."""
    facts, context = known
    before = replace(judge(facts, context), chain=())
    for party in (*PARTIES, *{licence.party for licence in facts.licences}):
        all_of_it = Licence(
            party,
            SCOPES,
            tuple(Usage),
            datetime(2025, 1, 1, tzinfo=timezone.utc),
            datetime(2028, 1, 1, tzinfo=timezone.utc),
            "contract",
            "Jo",
            works=WORKS,
            repertoires=(*PARTIES, party),
            extended_effect=True,
        )
        for moved in elsewhere:
            after = judge(added(facts, "licences", moved(all_of_it, context)), context)
            assert replace(after, chain=()) == before


def test_what_can_hide_a_match_stands_in_the_chain() -> None:
    """A block that was cut for size may hide an opt-out, so whoever reads the record is told."""
    facts = Facts(Asset("https://texts.example/1"), notes=("2 blocks of works were cut for size",))
    context = UseContext("Example Corp", Usage.TRAIN_AI, date(2026, 11, 24))
    assert judge(facts, context).chain == ("2 blocks of works were cut for size",)
