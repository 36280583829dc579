"""AI product tokens of others in robots.txt: what a site tells other training crawlers, and the shared policy token.

Rule of this file: a group that names another crawler is a statement to its operator. It becomes a finding only where
it shows consensus (one control token, or two core training tokens, disallowed for the URL) and nothing is said to us.
Classes and operators of the tokens are data: `data/ai-tokens.json`. The Amsterdam court did not extend rules for
named bots to a crawler that is not named (ECLI:NL:RBAMS:2024:6563), so this is caution, and each profile says so.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.terms import Preference, Statement, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.policy import Policy
    from optout_middleware.signals.robots_txt import Line

_CONSENSUS = 2  # core training tokens of others that together show it


class ProductToken(NamedTuple):
    """One product token of an AI crawler: its class, whether it is core to training, and who operates it.

    A control token (`control`) has no crawler of its own: it only says whether content may train a model.
    """

    name: str
    kind: str
    core_training: bool
    control: bool
    operator: str


def _load() -> dict[str, ProductToken]:
    rows = json.loads(files("optout_middleware.signals").joinpath("data/ai-tokens.json").read_text("utf-8"))["tokens"]
    found: dict[str, ProductToken] = {}
    for name, row in rows.items():
        core, control = row["core_training"], row["control"]
        if (other := found.get(name.lower())) is not None:  # the list has some names in two spellings
            core, control = core or other.core_training, control or other.control
        found[name.lower()] = ProductToken(name, row["class"], core, control, row["operator"])
    return found


PRODUCT_TOKENS: Mapping[str, ProductToken] = _load()
_CORE = frozenset(name for name, token in PRODUCT_TOKENS.items() if token.core_training)
_CONTROL = frozenset(name for name, token in PRODUCT_TOKENS.items() if token.control)


@lru_cache(maxsize=16)  # a pure function; a process has one policy, or few
def interest(policy: Policy) -> frozenset[str]:
    """Give the tokens of others, in lower case, whose groups in robots.txt can raise a finding under the policy."""
    if policy.usage not in (Usage.TRAIN_AI, Usage.TDM):
        return frozenset()
    ours = {policy.product_token.lower()}
    extra = {token.lower() for token in (*policy.training_tokens, *policy.policy_tokens_training)}
    return (_CORE | _CONTROL | extra) - ours


def _state(asked: Asked) -> Iterator[Statement]:
    """Tell what groups that name others say of the URL; robots.txt groups do not fall back to `*` here."""
    forbidden: dict[str, Line] = {}
    for tokens, rules in asked.robots.others:
        may_fetch, line = rules.may_fetch(asked.path)
        if not may_fetch and line is not None:
            forbidden.update(dict.fromkeys(tokens, line))
    if not forbidden:
        return
    shared = [token.lower() for token in asked.policy.policy_tokens_training]
    for token in shared:
        if token in forbidden:
            line = forbidden.pop(token)
            yield Statement(
                "policy-token", "robots.txt", f"line {line.number}", line.text, Preference.DISALLOWED,
                "draft-kelley-aipref-training-preference-signal-00", "refusal",
                notes=(f"group of the shared training token {token}; its string is known second-hand",),
            )  # fmt: skip
    core = _CORE | {token.lower() for token in asked.policy.training_tokens}
    named = sorted(token for token in forbidden if token in core or token in _CONTROL)
    if not named:
        return
    agreed = any(token in _CONTROL for token in named) or sum(token in core for token in named) >= _CONSENSUS
    line = forbidden[named[0]]
    names = ", ".join(PRODUCT_TOKENS[token].name if token in PRODUCT_TOKENS else token for token in named)
    notes = [f"disallowed for {names}"]
    if asked.robots.names_us:
        notes.append("a group names our own token, so this is not said to us")
    yield Statement(
        "product-tokens", "robots.txt", f"line {line.number}", line.text, Preference.UNKNOWN,
        "training consensus: one control token or two core training tokens of others",
        "training-consensus" if agreed and not asked.robots.names_us else "", notes=tuple(notes),
    )  # fmt: skip


SIGNAL = Signal("product-tokens", "22 August 2026", "https://github.com/ai-robots-txt/ai.robots.txt", _state)
