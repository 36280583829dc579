"""Groups for other crawlers: when they show training consensus, and the shared training token."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from importlib.resources import files
from typing import Any

import pytest

from optout_middleware.decide import decide
from optout_middleware.policy import Policy, Profile
from optout_middleware.signals.product_tokens import PRODUCT_TOKENS, interest
from optout_middleware.terms import Decision, Evidence, Outcome, Preference

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
CONSENSUS = ["training-consensus"]


def ask(robots: str, path: str = "/a", **policy: Any) -> Decision:
    """Decide by a robots.txt alone."""
    seen = [Evidence("http://h.test/robots.txt", 200, (), robots.encode(), SEEN)]
    return decide(f"http://h.test{path}", seen, Policy("FooBot", locations=("robots.txt",), **policy))


def group(*names: str, rule: str = "Disallow: /") -> str:
    """Give a group for these names."""
    return "".join(f"User-agent: {name}\n" for name in names) + f"{rule}\n\n"


@pytest.mark.parametrize(
    ("robots", "found"),
    [
        (group("Google-Extended"), CONSENSUS),
        (group("Applebot-Extended"), CONSENSUS),
        (group("GPTBot", "CCBot"), CONSENSUS),
        (group("GPTBot") + group("CCBot"), CONSENSUS),
        (group("gptbot/1.0", "CLAUDEBOT"), CONSENSUS),
        (group("GPTBot"), []),
        (group("GPTBot") + group("CCBot", rule="Disallow: /b"), []),
        (group("GPTBot", "CCBot", rule="Disallow: /b"), []),
        (group("GPTBot", "CCBot", rule="Allow: /a\nDisallow: /"), []),
        (group("OAI-SearchBot", "ChatGPT-User", "PerplexityBot"), []),
        (group("Googlebot", "Bingbot"), []),
        (group("GPTBot", "CCBot") + group("FooBot", rule="Allow: /"), []),
        (group("GPTBot", "CCBot") + group("*", rule="Allow: /"), CONSENSUS),
        (group("NotGPTBot", "MyCCBot"), []),
    ],
)
def test_consensus(robots: str, found: list[str]) -> None:
    """One control token, or two core training tokens, disallowed for this URL, and no group that names us."""
    for profile, outcome in ((Profile.PRECAUTIONARY, Outcome.DENY), (Profile.LITERAL, Outcome.ALLOW)):
        made = ask(robots, profile=profile)
        assert [reason.finding for reason in made.reasons] == found
        assert made.outcome is (outcome if found else Outcome.ALLOW)
        assert made.may_fetch


def test_what_others_are_told_is_on_record() -> None:
    """Without consensus, and where a group names us, it is a statement of unknown preference."""
    (said,) = ask(group("GPTBot")).statements
    assert (said.preference, said.notes) == (Preference.UNKNOWN, ("disallowed for GPTBot",))
    (said,) = ask(group("GPTBot", "CCBot") + group("FooBot", rule="Allow: /")).statements
    assert said.notes[-1] == "a group names our own token, so this is not said to us"


@pytest.mark.parametrize("usage", ["ai-use", "search"])
def test_training_tokens_speak_of_training(usage: str) -> None:
    """For another usage what training crawlers are told says nothing."""
    assert ask(group("Google-Extended", "__usage_ai-training"), usage=usage).statements == ()


@pytest.mark.parametrize("profile", list(Profile))
def test_shared_training_token(profile: Profile) -> None:
    """draft-kelley: a group of the shared token refuses training by anybody; its Allow permits nothing."""
    refused = ask(group("__usage_ai-training"), profile=profile)
    assert [reason.finding for reason in refused.reasons] == ["refusal"]
    assert ask(group("__usage_ai-training", rule="Disallow: /b"), profile=profile).outcome is Outcome.ALLOW
    beside = group("__usage_ai-training") + group("FooBot", rule="Allow: /")
    assert ask(beside, profile=profile).outcome is Outcome.DENY
    allowed = group("__usage_ai-training", rule="Allow: /") + group("*", rule="Content-Signal: ai-train=no")
    assert ask(allowed, profile=profile).outcome is Outcome.DENY


def test_tokens_of_the_policy() -> None:
    """Further core tokens and shared tokens are named in the policy."""
    assert ask(group("GPTBot", "LocalBot")).outcome is Outcome.ALLOW
    assert ask(group("GPTBot", "LocalBot"), training_tokens=("localbot",)).outcome is Outcome.DENY
    assert ask(group("__usage_ai-training"), policy_tokens_training=()).outcome is Outcome.ALLOW
    assert ask(group("__other"), policy_tokens_training=("__OTHER",)).outcome is Outcome.DENY


def test_our_own_token_is_none_of_others() -> None:
    """A crawler that is on the list itself is told by its own group."""
    assert "gptbot" not in interest(Policy("GPTBot"))
    assert "gptbot" in interest(Policy("FooBot"))


def test_the_list_is_read() -> None:
    """Each token has its class; control tokens are the two that have no crawler of their own."""
    rows = json.loads(files("optout_middleware.signals").joinpath("data/ai-tokens.json").read_text("utf-8"))["tokens"]
    assert PRODUCT_TOKENS.keys() == {name.lower() for name in rows}
    assert all(token.kind for token in PRODUCT_TOKENS.values())
    assert {token.name for token in PRODUCT_TOKENS.values() if token.control} == {
        "Google-Extended",
        "Applebot-Extended",
    }


def test_spellings_of_one_token_are_one() -> None:
    """meta-externalagent stands in the list twice, once as core; tokens regard no case (RFC 9309 section 2.2.1)."""
    assert PRODUCT_TOKENS["meta-externalagent"].core_training
    assert ask(group("GPTBot", "meta-externalagent")).outcome is Outcome.DENY
