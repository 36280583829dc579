"""What lifts a reason, and what does not: licences, research with its proof, rulings; and a page's item."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import Site, decide
from optout_middleware.policy import FINDINGS, Policy, Profile
from optout_middleware.reasons import RESEARCH_CONDITIONS, with_register
from optout_middleware.terms import Claim, Decision, Evidence, Licence, OptOutError, Outcome, Ruling, Usage, WaitsFor

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
PAGE = "http://h.test/a"
PENDING, DENY, ALLOW = Outcome.PENDING, Outcome.DENY, Outcome.ALLOW
STRICT = {ALLOW: 0, PENDING: 1, DENY: 2}
STRONG = Claim("register-strong", "SOCIA", "R6", "the declaration of SOCIA")
MIDDLE = Claim("register-middle", "SOCIA", "M3", "title and one writer")
NAMED_BOT = "OtherBot: noindex, noai"


def policy(**values: Any) -> Policy:
    """Give a policy that looks at robots.txt only."""
    return Policy(**{"product_token": "FooBot", "locations": ("robots.txt",), **values})


def seen(robots: str = "", **headers: str) -> list[Evidence]:
    """Give evidence of robots.txt and of a page with these headers."""
    return [
        Evidence("http://h.test/robots.txt", 200, (), robots.encode(), SEEN),
        Evidence(PAGE, 200, [(name.replace("_", "-"), value) for name, value in headers.items()], b"", SEEN),
    ]


def ruling(finding: str = "named-bot", **values: Any) -> Ruling:
    """Give a ruling that allows a finding on h.test for a day."""
    fields = {
        "finding": finding, "scope": "h.test", "outcome": ALLOW, "by": "A. Example", "reason": "asked the site",
        "valid_from": SEEN, "valid_until": SEEN + DAY, "id": "R-1", **values,
    }  # fmt: skip
    return Ruling(**fields)


def licence(**values: Any) -> Licence:
    """Give a licence of h.test for a day."""
    fields = {
        "party": "H Example", "scopes": ("h.test",), "usages": ("train-ai",), "valid_from": SEEN,
        "valid_until": SEEN + DAY, "evidence": "contract 7", "recorded_by": "A. Example", "conditions": ("name it",),
    }  # fmt: skip
    return Licence(**{**fields, **values})


def test_a_ruling_answers_what_waits_for_a_person() -> None:
    """It settles the cause it names, the record names who answered, and a ruling may also deny."""
    evidence = seen(x_robots_tag=NAMED_BOT)
    assert decide(PAGE, evidence, policy()).waits_for is WaitsFor.PERSON
    answered = decide(PAGE, evidence, policy(), rulings=[ruling()])
    assert answered.outcome is ALLOW
    assert answered.rulings == (ruling(),)
    assert "ruling R-1 of A. Example: asked the site" in {reason.note for reason in answered.reasons}
    assert answered.to_dict()["rulings"][0]["by"] == "A. Example"
    assert decide(PAGE, evidence, policy(), rulings=[ruling(outcome=DENY)]).outcome is DENY


def test_of_two_rulings_the_stricter_counts() -> None:
    """Doubt between persons restricts."""
    rulings = [ruling(), ruling(outcome=DENY, id="R-2")]
    for order in (rulings, rulings[::-1]):
        assert decide(PAGE, seen(x_robots_tag=NAMED_BOT), policy(), rulings=order).outcome is DENY


@pytest.mark.parametrize(
    "other",
    [
        ruling("natural-language"),
        ruling(scope="other.test"),
        ruling(party="SOCIA"),
        ruling(valid_from=SEEN + DAY, valid_until=SEEN + 2 * DAY),
        ruling(valid_from=SEEN - DAY, valid_until=SEEN),
    ],
)
def test_a_ruling_on_something_else_answers_nothing(other: Ruling) -> None:
    """Another finding, site, party or time."""
    decision = decide(PAGE, seen(x_robots_tag=NAMED_BOT), policy(), rulings=[other])
    assert (decision.outcome, decision.rulings) == (PENDING, ())


@pytest.mark.parametrize("finding", sorted(FINDINGS))
def test_no_ruling_lifts_a_stated_reservation(finding: str) -> None:
    """What a protocol or a strong match says stays, whatever finding a ruling names."""
    stated = decide(PAGE, seen("User-agent: *\nContent-Usage: train-ai=n\n"), policy(), rulings=[ruling(finding)])
    strong = decide(PAGE, seen(), policy(), claims=[STRONG], rulings=[ruling(finding), ruling(finding, party="SOCIA")])
    assert (stated.outcome, strong.outcome) == (DENY, DENY)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"by": " "}, "no 'by'"),
        ({"reason": ""}, "no 'reason'"),
        ({"valid_until": datetime(2026, 11, 25)}, "time zone"),  # noqa: DTZ001 - the mistake itself
        ({"outcome": PENDING}, "choose one of allow, deny"),
        ({"scope": ""}, "name a scope"),
    ],
)
def test_mistakes_in_a_ruling(values: dict[str, Any], message: str) -> None:
    """A ruling has a name, a reason, a scope and an end."""
    with pytest.raises(OptOutError, match=message):
        ruling(**values)


def test_research_needs_its_proof() -> None:
    """Article 3 leaves no opt-out to organisations that can prove what they are; whoever only says so is commercial."""
    evidence = seen("User-agent: *\nContent-Usage: train-ai=n\n")
    assert decide(PAGE, evidence, policy(entity="research")).outcome is DENY
    assert decide(PAGE, evidence, policy(research_proof="deed 7")).outcome is DENY
    decision = decide(PAGE, evidence, policy(entity="research", research_proof="deed 7"), claims=[STRONG, MIDDLE])
    assert decision.outcome is ALLOW
    assert decision.conditions == RESEARCH_CONDITIONS
    assert {reason.finding for reason in decision.reasons if "deed 7" in reason.note} >= {"research", "refusal"}


def test_research_does_not_fetch_what_robots_txt_forbids() -> None:
    """Article 3 asks for lawful access."""
    decision = decide(PAGE, seen("User-agent: *\nDisallow: /\n"), policy(entity="research", research_proof="deed 7"))
    assert (decision.outcome, decision.may_fetch) == (DENY, False)


def test_an_item_is_at_least_as_reserved_as_its_page() -> None:
    """Claims restrict; with nothing to add, the decision is the page's own."""
    page = decide(PAGE, seen(), policy())
    assert with_register(page, policy()) is page
    item = with_register(page, policy(), claims=[STRONG])
    assert (page.outcome, item.outcome) == (ALLOW, DENY)
    assert item == decide(PAGE, seen(), policy(), claims=[STRONG])


def test_the_licence_a_work_carries_lifts_its_site() -> None:
    """An open licence of the item lifts the reservation of the page, if it covers where redirects led, too."""
    page = decide(PAGE, seen("User-agent: *\nContent-Usage: train-ai=n\n"), policy())
    lifted = with_register(page, policy(), licences=[licence(scopes=(PAGE,))])
    assert (page.outcome, lifted.outcome, lifted.conditions) == (DENY, ALLOW, ("name it",))
    elsewhere = with_register(page, policy(), licences=[licence(scopes=(PAGE,))], final_url="http://other.test/a")
    assert (elsewhere.outcome, elsewhere.licences) == (DENY, ())


CLAIMS = st.lists(
    st.builds(
        Claim,
        st.sampled_from(["register-strong", "register-middle", "register-class", "register-damaged"]),
        st.sampled_from(["SOCIA", "Other"]),
        st.just("R6"),
        st.text(max_size=5),
        st.sampled_from([None, SEEN, SEEN - DAY, SEEN + DAY]),
    ),
    max_size=3,
)
PAGES = st.sampled_from([
    seen(), seen(x_robots_tag=NAMED_BOT), seen("User-agent: *\nContent-Usage: train-ai=n\n"),
    seen("User-agent: *\nDisallow: /\n"),
])  # fmt: skip


@given(PAGES, CLAIMS, CLAIMS, st.sampled_from(Profile))
def test_a_further_claim_never_opens(
    evidence: list[Evidence], claims: list[Claim], more: list[Claim], profile: Profile
) -> None:
    """Adding claims never makes an item's outcome less strict, and they come to the same page by page or at once."""
    rules = policy(profile=profile)
    page = decide(PAGE, evidence, rules)
    first, both = (with_register(page, rules, claims=some) for some in (claims, claims + more))
    assert STRICT[page.outcome] <= STRICT[first.outcome] <= STRICT[both.outcome]
    assert outcome_and_findings(first) == outcome_and_findings(decide(PAGE, evidence, rules, claims=claims))


def outcome_and_findings(decision: Decision) -> tuple[Outcome, list[str]]:
    """Give what of a decision does not rest on the order of its reasons."""
    return decision.outcome, sorted(reason.finding for reason in decision.reasons)


def test_a_site_takes_rulings_too() -> None:
    """`Site.decide` is handed them, as `decide` is."""
    robots, page = seen(x_robots_tag=NAMED_BOT)
    site = Site.read([robots], policy())
    assert site.decide(PAGE, asset=page, rulings=[ruling()], at=SEEN).outcome is ALLOW
    assert licence().holds(Usage.TRAIN_AI, SEEN)
