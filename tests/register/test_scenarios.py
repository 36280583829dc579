"""The scenarios: for each id outcome and rules as the YAML files say, from facts under the same id."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from optout_middleware.decide import Site
from optout_middleware.policy import LOCATIONS, Policy, Profile
from optout_middleware.register.rules import RULES, judge
from optout_middleware.terms import Evidence, Outcome

from .scenario_facts import SCENARIOS
from .scenario_facts_more import MORE
from .scenario_parts import URL

if TYPE_CHECKING:
    from optout_middleware.register.model import Judgement

    from .scenario_parts import Scenario

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, Any]]:
    """Read the scenarios of a file."""
    read: list[dict[str, Any]] = yaml.safe_load((HERE / name).read_text("utf-8"))
    return read


DECIDED = [(row, SCENARIOS) for row in rows("scenarios.yaml")] + [(row, MORE) for row in rows("more_scenarios.yaml")]


def word(judgement: Judgement) -> str:
    """Give the outcome in the words of the scenarios."""
    allowed = judgement.outcome is Outcome.ALLOW
    return "allow_conditions" if allowed and judgement.conditions else judgement.outcome.value


def test_every_scenario_has_facts() -> None:
    """Both files and their facts name the same scenarios: thirty that were given, and at least thirty of our own."""
    assert len(SCENARIOS) == 30
    assert len(MORE) >= 30
    assert [row["id"] for row in rows("scenarios.yaml")] == list(SCENARIOS)
    assert [row["id"] for row in rows("more_scenarios.yaml")] == list(MORE)


@pytest.mark.parametrize(("row", "known"), DECIDED, ids=[row["id"] for row, _ in DECIDED])
def test_scenario(row: dict[str, Any], known: dict[str, Scenario]) -> None:
    """The outcome is the expected one, its rules were applied, and one of them settled."""
    facts, context = known[row["id"]]
    judgement = judge(facts, context)
    assert word(judgement) == row["expected"], judgement.chain
    assert set(row["rule"]) <= set(judgement.rules), judgement.rules
    assert (judgement.rules[0] if judgement.rules else "") in (row["rule"] or [""]), judgement.rules


def site(policy: Policy) -> Site:
    """Give the site of the scenarios, of which no location says anything."""
    url = "http://lyrics.example"
    seen = datetime(2026, 11, 24, tzinfo=timezone.utc)
    return Site.read([Evidence(url + path, 404, (), b"", seen) for path in LOCATIONS.values()], policy)


@pytest.mark.parametrize("known", [*SCENARIOS.values(), *MORE.values()], ids=[*SCENARIOS, *MORE])
@pytest.mark.parametrize("profile", list(Profile), ids=str)
def test_claims_give_the_same_elsewhere(known: Scenario, profile: Profile) -> None:
    """What `Site.decide` makes of the claims is what the register made of the facts, in both profiles."""
    facts, context = known
    judgement = judge(facts, replace(context, profile=profile.value))
    at = datetime.combine(context.on, time(12), timezone.utc)
    decided = site(Policy("ExampleBot", profile=profile)).decide(f"{URL}/1", claims=judgement.claims, at=at)
    assert judgement.outcome is decided.outcome
    assert all(claim.party and claim.text for claim in judgement.claims)
    assert set(judgement.rules) <= RULES.keys()


def test_rules_are_told() -> None:
    """Every rule has one sentence that ends with its source."""
    assert list(RULES) == [
        *("R0", "R0b", "R1a", "R1b"),
        *(f"R{number}" for number in range(2, 14)),
        *(f"M{number}" for number in range(1, 6)),
    ]
    assert all(sentence.endswith(").") and sentence.count(" (") >= 1 for sentence in RULES.values())
