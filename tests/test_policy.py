"""The policy: its values, its table of findings, and what a mistake is told."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from optout_middleware.policy import FINDINGS, Override, Policy, PolicyError, Profile
from optout_middleware.terms import OptOutError, Outcome, Usage, WaitsFor

ALLOW, PENDING, DENY = Outcome.ALLOW, Outcome.PENDING, Outcome.DENY
WHO = {"by": "A. Person", "reason": "counsel's note 7"}
# The table "Where doubt goes" as it is meant: finding -> precautionary, literal, waits for, may be overridden.
TABLE = {
    "refusal": (DENY, DENY, None, False),
    "fetch-forbidden": (DENY, DENY, None, False),
    "condition": (DENY, DENY, None, True),
    "excluded-site": (DENY, DENY, None, False),
    "robots-unreachable": (PENDING, PENDING, WaitsFor.PROBE, False),
    "unavailable": (ALLOW, ALLOW, None, True),
    "odd-file": (ALLOW, ALLOW, None, True),
    "unreachable": (PENDING, ALLOW, WaitsFor.PROBE, True),
    "malformed-refusal": (DENY, ALLOW, None, True),
    "training-consensus": (DENY, ALLOW, None, True),
    "named-bot": (PENDING, ALLOW, WaitsFor.PERSON, True),
    "noarchive": (ALLOW, ALLOW, None, True),
    "natural-language": (PENDING, ALLOW, WaitsFor.PERSON, True),
    "noimageai": (ALLOW, ALLOW, None, True),
    "register-strong": (DENY, DENY, None, False),
    "register-middle": (PENDING, PENDING, WaitsFor.PERSON, True),
    "register-class": (PENDING, ALLOW, WaitsFor.REGISTER, True),
    "register-damaged": (PENDING, PENDING, WaitsFor.REGISTER, True),
    "research": (ALLOW, ALLOW, None, False),
    "licensed": (ALLOW, ALLOW, None, False),
    "own-input": (ALLOW, ALLOW, None, False),
    "unjudged": (PENDING, PENDING, WaitsFor.PERSON, True),
}


def policy(**values: Any) -> Policy:
    """Give a policy with these values."""
    return Policy(**{"product_token": "ExampleBot", **values})


def test_table_is_the_house_table() -> None:
    """Every row, in both profiles; a row that is new or changed shows up here."""
    rows = {name: (row.precautionary, row.literal, row.waits_for, row.overridable) for name, row in FINDINGS.items()}
    assert rows == TABLE
    assert all(row.meaning for row in FINDINGS.values())


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("finding", TABLE)
def test_judged_as_the_table_says(finding: str, profile: Profile) -> None:
    """Without an override the table judges, and only what is pending waits."""
    outcome, waits_for, who = policy(profile=profile).judge(finding)
    wanted = TABLE[finding][0 if profile is Profile.PRECAUTIONARY else 1]
    assert (outcome, who) == (wanted, "")
    assert waits_for is (TABLE[finding][2] if wanted is PENDING else None)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("finding", [name for name, row in TABLE.items() if row[3]])
def test_override(finding: str, outcome: Outcome) -> None:
    """A row that may be overridden is, to each outcome, and says by whom and why; the others stay."""
    overridden = policy(findings={finding: {"outcome": outcome.value, **WHO}})
    judged, waits_for, who = overridden.judge(finding)
    assert (judged, who) == (outcome, "A. Person: counsel's note 7")
    assert (waits_for is not None) is (outcome is PENDING)
    assert overridden.findings[finding] == Override(outcome, WHO["by"], WHO["reason"])
    for other in TABLE.keys() - {finding}:
        assert overridden.judge(other) == policy().judge(other)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("finding", [name for name, row in TABLE.items() if not row[3]])
def test_plain_answers_are_not_overridden(finding: str, outcome: Outcome) -> None:
    """A plain no, and what RFC 9309 says MUST, have no override, not even to what they are."""
    with pytest.raises(PolicyError, match=f"finding '{finding}' cannot be overridden"):
        policy(findings={finding: Override(outcome, "A. Person", "because")})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"product_token": ""}, "product token '' is none by RFC 9309"),
        ({"product_token": "Bot2"}, "product token 'Bot2' is none"),
        ({"product_token": "*"}, "is none by RFC 9309"),
        ({"product_token": "Example Bot"}, "is none by RFC 9309"),
        ({"product_token": "ExampleBot\n"}, "is none by RFC 9309"),
        ({"product_token": "ExampleBot/1.0"}, "is none by RFC 9309"),
        ({"product_token": None}, "is none by RFC 9309"),
        ({"usage": "train"}, "usage is 'train': choose one of train-ai, ai-use, search, tdm"),
        ({"profile": "strict"}, "profile is 'strict': choose one of precautionary, literal"),
        ({"findings": {"typo": Override(ALLOW, "A", "b")}}, "finding 'typo' in findings is unknown"),
        ({"findings": {"noarchive": "deny"}}, "needs exactly outcome, by and reason"),
        ({"findings": {"noarchive": {"outcome": "deny", "by": "A"}}}, "needs exactly outcome, by and reason"),
        ({"findings": {"noarchive": {"outcome": "deny", "by": " ", "reason": "b"}}}, "has no 'by'"),
        ({"findings": {"noarchive": {"outcome": "deny", "by": "A", "reason": ""}}}, "has no 'reason'"),
        ({"findings": {"noarchive": {"outcome": "deny", "by": "A", "reason": 7}}}, "has no 'reason'"),
        (
            {"findings": {"noarchive": {"outcome": "no", "by": "A", "reason": "b"}}},
            "choose one of allow, pending, deny",
        ),
        ({"locations": ("robots.txt", "ai.text")}, "location 'ai.text' is unknown"),
        ({"locations": ("tdmrep.json",)}, "locations leave out robots.txt"),
        ({"locations": "robots.txt"}, "give a list of names"),
        ({"training_tokens": "GPTBot"}, "training_tokens is 'GPTBot': give a list of names"),
        ({"policy_tokens_training": (1,)}, "give a list of names"),
        ({"user": ("Commercial",)}, "user 'Commercial' is unknown: choose out of commercial"),
        ({"territory": ("France",)}, "territory 'France' is no country code"),
        ({"territory": ("fr",)}, "territory 'fr' is no country code"),
        ({"entity": "university"}, "entity is 'university': choose one of commercial, research"),
        ({"research_proof": None}, "say in words where the proof is kept"),
    ],
)
def test_mistakes(values: dict[str, Any], message: str) -> None:
    """A policy that cannot be is refused in one line that says what to do."""
    with pytest.raises(PolicyError) as caught:
        policy(**values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, OptOutError)


def test_token_of_every_allowed_character() -> None:
    """RFC 9309 section 2.2.1: letters, "_" and "-"."""
    assert policy(product_token="Ab_c-").product_token == "Ab_c-"


def test_words_are_read_from_text() -> None:
    """Settings give text; the policy holds the words."""
    read = policy(usage="tdm", profile="literal", locations=["robots.txt", "robots.txt"])
    assert (read.usage, read.profile, read.locations) == (Usage.TDM, Profile.LITERAL, ("robots.txt",))


def test_hash_covers_each_field() -> None:
    """What can change a decision changes the SHA-256; what is the same has the same."""
    row = {"noarchive": Override(DENY, "A", "b")}
    other_rows = [{"noarchive": Override(DENY, "B", "b")}, {"noarchive": Override(DENY, "A", "c")}]
    variants = [
        policy(), policy(product_token="OtherBot"), policy(usage="tdm"), policy(profile="literal"),
        policy(locations=("robots.txt",)), policy(training_tokens=("X",)), policy(policy_tokens_training=()),
        policy(user=("education",)), policy(territory=("US",)),
        policy(entity="research"), policy(research_proof="deed 7"), policy(open_licences=True),
        *(policy(findings=rows) for rows in [row, *other_rows]),
    ]  # fmt: skip
    assert len({variant.sha256 for variant in variants}) == len(variants)
    assert len(set(variants)) == len(variants)
    both = {"noarchive": Override(DENY, "A", "b"), "named-bot": Override(ALLOW, "A", "b")}
    assert policy(findings=both).sha256 == policy(findings=dict(reversed(both.items()))).sha256


def test_written_read_and_pickled() -> None:
    """`Policy(**to_dict())`, by way of JSON too, and a pickled copy are the same policy."""
    made = policy(findings={"noarchive": {"outcome": "deny", **WHO}}, training_tokens=["X"], usage="ai-use")
    for copy in (Policy(**json.loads(json.dumps(made.to_dict()))), pickle.loads(pickle.dumps(made))):
        assert copy == made
        assert copy.sha256 == made.sha256
        assert copy.judge("noarchive") == made.judge("noarchive")
