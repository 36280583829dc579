"""The policy: everything an operator may set that can change a decision, and the table "where doubt goes".

Rule of this file: values only. Each row of `FINDINGS` is a doubt (or a plain answer) with what each profile makes of
it; `Policy.findings` overrides single rows, each with a person's name and a reason. A plain "no" has no override.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.terms import OptOutError, Outcome, Usage, WaitsFor, _Word, as_word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALLOW, PENDING, DENY = Outcome.ALLOW, Outcome.PENDING, Outcome.DENY


class Profile(_Word):
    """How findings are judged: where in doubt restrict, or go by the letter of each protocol."""

    PRECAUTIONARY = "precautionary"
    LITERAL = "literal"


class PolicyError(OptOutError, ValueError):
    """A policy that cannot be: the message says which value, why, and what to write instead."""


class Finding(NamedTuple):
    """One row of the table: what each profile makes of it (`allow` = noted only), and whether it may be overridden."""

    precautionary: Outcome
    literal: Outcome
    meaning: str
    waits_for: WaitsFor | None = None
    overridable: bool = True


FINDINGS: Mapping[str, Finding] = {
    "refusal": Finding(DENY, DENY, "a protocol says no for our usage", overridable=False),
    "fetch-forbidden": Finding(DENY, DENY, "robots.txt forbids our product token to fetch", overridable=False),
    "condition": Finding(DENY, DENY, "yes, on a condition, and no licence on file"),
    "excluded-site": Finding(
        DENY, DENY, "a site that the operator's lists say is never to be crawled", overridable=False
    ),
    "robots-unreachable": Finding(
        # RFC 9309 section 2.3.1.4: complete disallow MUST be assumed, so no override.
        PENDING, PENDING, "robots.txt is unreachable (5xx, 429, network)", WaitsFor.PROBE, overridable=False,
    ),
    "unavailable": Finding(ALLOW, ALLOW, "a location is unavailable (4xx but 404 and 410), or closed by robots.txt"),
    "odd-file": Finding(ALLOW, ALLOW, "a file is odd in a way that its specification reads past"),
    "unreachable": Finding(PENDING, ALLOW, "a location other than robots.txt is unreachable", WaitsFor.PROBE),
    "malformed-refusal": Finding(DENY, ALLOW, "malformed text that plainly tries to refuse"),
    "training-consensus": Finding(DENY, ALLOW, "training crawlers of others are refused, nothing is said to us"),
    "named-bot": Finding(PENDING, ALLOW, "a reservation addressed to a named other bot", WaitsFor.PERSON),
    "noarchive": Finding(ALLOW, ALLOW, "noarchive or nocache, which some vendors read as no training"),
    "natural-language": Finding(PENDING, ALLOW, "a reservation in natural language", WaitsFor.PERSON),
    "noimageai": Finding(ALLOW, ALLOW, "images of the page are reserved, its text is not"),
    "register-strong": Finding(DENY, DENY, "strong match to a reserved, unlicensed interest", overridable=False),
    "register-middle": Finding(
        PENDING, PENDING, "middle match, disputed mandate or identifier conflict", WaitsFor.PERSON
    ),
    "register-class": Finding(
        PENDING, ALLOW, "class presumption: the repertoire that covers this class is not fully loaded",
        WaitsFor.REGISTER,
    ),
    "register-damaged": Finding(PENDING, PENDING, "the register is stale or damaged", WaitsFor.REGISTER),
    "own-input": Finding(
        ALLOW, ALLOW, "a data: or file: URL, which is the operator's own input and no site's", overridable=False
    ),
    "unjudged": Finding(
        PENDING, PENDING, "nothing could be asked: an item without a page, a URL without a site", WaitsFor.PERSON
    ),
    "research": Finding(
        ALLOW, ALLOW, "scientific research with its proof on file (Article 3): a reservation is without effect",
        overridable=False,
    ),
    "licensed": Finding(ALLOW, ALLOW, "a recorded licence lifts what was reserved", overridable=False),
}  # fmt: skip


@dataclass(frozen=True)
class Override:
    """One row of `FINDINGS` judged otherwise, by a named person for a stated reason."""

    outcome: Outcome
    by: str
    reason: str


# RFC 9309 section 2.2.1: product-token = identifier / "*"; identifier = 1*(%x2D / %x41-5A / %x5F / %x61-7A).
_PRODUCT_TOKEN = re.compile(r"[A-Za-z_-]+")
LOCATIONS: Mapping[str, str] = {
    "robots.txt": "/robots.txt",  # RFC 9309 section 2.3
    "tdmrep.json": "/.well-known/tdmrep.json",  # TDMRep section 6.1
    "ai.txt": "/ai.txt",  # Spawning
    ".well-known/ai.txt": "/.well-known/ai.txt",  # the same, where the first is missing
    "trust.txt": "/trust.txt",  # JournalList
    ".well-known/trust.txt": "/.well-known/trust.txt",  # the same, where the first is missing
}
RSL = "rsl"  # licence documents that robots.txt or a page names, wherever they stand
TDM_POLICY = "tdm-policy"  # policies that statements of TDMRep name: they add conditions, and change no outcome
FALLBACKS: Mapping[str, str] = {".well-known/ai.txt": "ai.txt", ".well-known/trust.txt": "trust.txt"}
ALL_LOCATIONS = (*LOCATIONS, RSL, TDM_POLICY)
_TEXTS = ("robots.txt", "page")
# RSL 1.0 section 3.4.1.2.
USERS = ("commercial", "non-commercial", "education", "government", "personal")
# RSL 1.0 section 3.5 names ISO 3166-1 alpha-2 codes, and EU for all of its member states.
_TERRITORY = re.compile(r"[A-Z]{2}")
_ENTITIES = ("commercial", "research")


@dataclass(frozen=True)
class Policy:
    """What an operator decides by; only what can change a decision.

    Args:
        product_token: our crawler's product token (RFC 9309 section 2.2.1: letters, "_" and "-").
        usage: what the assets are used for.
        profile: how findings are judged.
        findings: row of `FINDINGS` -> `Override`, or a mapping with "outcome", "by" and "reason".
        locations: what of a site is looked at, names of `ALL_LOCATIONS` or "all"; robots.txt always.
        natural_language: where sentences that reserve are looked for: "robots.txt" (its comments), "page" (its text).
        user: our kinds of user, as RSL names them (section 3.4.1.2); none = not said, so limited licences are not ours.
        territory: where we act, as RSL's geo names it: country codes or EU (section 3.5); none = anywhere.
        training_tokens: product tokens of others that count as core training tokens besides those of the package.
        policy_tokens_training: product tokens that stand for training by anyone (draft-kelley, October 2026).
        entity: who we are: "commercial", or "research", an organisation as in Article 2(1) of Directive 2019/790.
        research_proof: where the proof of that is kept; without one we count as commercial.
        open_licences: whether an open licence that a work itself carries lifts what its site reserves.

    Raises:
        PolicyError: a value that cannot be, in one line.
    """

    product_token: str
    usage: Usage = Usage.TRAIN_AI
    profile: Profile = Profile.PRECAUTIONARY
    findings: Mapping[str, Override] = field(default_factory=dict)
    locations: tuple[str, ...] = ("robots.txt", "tdmrep.json")
    training_tokens: tuple[str, ...] = ()
    policy_tokens_training: tuple[str, ...] = ("__usage_ai-training",)
    natural_language: tuple[str, ...] = ("robots.txt",)
    user: tuple[str, ...] = ("commercial",)
    territory: tuple[str, ...] = ("EU",)
    entity: str = "commercial"
    research_proof: str = ""
    open_licences: bool = False

    def __post_init__(self) -> None:
        token = self.product_token
        if not isinstance(token, str) or not _PRODUCT_TOKEN.fullmatch(token):
            raise PolicyError(
                f"product token {token!r} is none by RFC 9309 section 2.2.1: use letters, '_' and '-' only, "
                "for example ExampleCorpusBot"
            )
        settled = {
            "usage": _word(Usage, self.usage, "usage"),
            "profile": _word(Profile, self.profile, "profile"),
            "findings": MappingProxyType(
                {name: _override(name, row) for name, row in sorted(dict(self.findings).items())}
            ),
            "locations": _locations(self.locations),
            "training_tokens": _names("training_tokens", self.training_tokens),
            "policy_tokens_training": _names("policy_tokens_training", self.policy_tokens_training),
            "natural_language": _places(self.natural_language),
            "user": _chosen("user", self.user, USERS),
            "territory": _territory(self.territory),
            "entity": _entity(self.entity, self.research_proof),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[Callable[..., Policy], tuple[dict[str, Any]]]:
        """Pickle by value: a mapping that nobody can change cannot be pickled itself."""
        return _policy_of, (self.to_dict(),)

    def __hash__(self) -> int:
        """Hash by what it says; a mapping among the fields has no hash of its own."""
        return hash(self.sha256)

    @cached_property
    def is_research(self) -> bool:
        """Whether this is scientific research by an organisation that can prove to be one (Article 3)."""
        return self.entity == "research" and bool(self.research_proof.strip())

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the policy in canonical form: compact JSON, sorted keys, UTF-8."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Give the policy as JSON values; `Policy(**values)` makes it again."""
        return {
            "product_token": self.product_token,
            "usage": self.usage.value,
            "profile": self.profile.value,
            "findings": {
                name: {"outcome": row.outcome.value, "by": row.by, "reason": row.reason}
                for name, row in self.findings.items()
            },
            "locations": list(self.locations),
            "training_tokens": list(self.training_tokens),
            "policy_tokens_training": list(self.policy_tokens_training),
            "natural_language": list(self.natural_language),
            "user": list(self.user),
            "territory": list(self.territory),
            "entity": self.entity,
            "research_proof": self.research_proof,
            "open_licences": self.open_licences,
        }

    def judge(self, finding: str) -> tuple[Outcome, WaitsFor | None, str]:
        """Tell what a finding comes to, what it waits for, and who overrode it ("NAME: REASON" or empty)."""
        return self._judged[finding]

    @cached_property
    def _judged(self) -> dict[str, tuple[Outcome, WaitsFor | None, str]]:
        """All rows judged once, since a crawl judges millions of findings by one policy."""
        judged = {}
        for name, row in FINDINGS.items():
            outcome, waits_for, who = getattr(row, self.profile.value), row.waits_for, ""
            if (override := self.findings.get(name)) is not None:
                outcome, who = override.outcome, f"{override.by}: {override.reason}"
                waits_for = row.waits_for or WaitsFor.PERSON
            judged[name] = (outcome, waits_for if outcome is PENDING else None, who)
        return judged


def _policy_of(values: dict[str, Any]) -> Policy:
    return Policy(**values)


def _word(word: type[_Word], value: object, what: str) -> Any:
    try:
        return as_word(word, value, what)
    except OptOutError as error:
        raise PolicyError(str(error)) from None


def _override(name: str, row: object) -> Override:
    """Read one override; a row that is unknown, not to be overridden, or has no name or reason is refused."""
    finding = FINDINGS.get(name)
    if finding is None:
        raise PolicyError(f"finding {name!r} in findings is unknown: choose one of {', '.join(FINDINGS)}")
    if not finding.overridable:
        raise PolicyError(f"finding {name!r} cannot be overridden: {finding.meaning}")
    if isinstance(row, Override):
        values: dict[str, Any] = {"outcome": row.outcome, "by": row.by, "reason": row.reason}
    elif isinstance(row, dict) and set(row) == {"outcome", "by", "reason"}:
        values = row
    else:
        raise PolicyError(f"finding {name!r} in findings needs exactly outcome, by and reason, not {row!r}")
    for who in ("by", "reason"):
        if not isinstance(values[who], str) or not values[who].strip():
            raise PolicyError(f"finding {name!r} in findings has no {who!r}: say who decided and why")
    return Override(_word(Outcome, values["outcome"], f"outcome of finding {name!r}"), values["by"], values["reason"])


def _names(what: str, names: object) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise PolicyError(f"{what} is {names!r}: give a list of names")
    return tuple(dict.fromkeys(names))


def _chosen(what: str, names: object, choices: tuple[str, ...]) -> tuple[str, ...]:
    named = _names(what, names)
    if unknown := [name for name in named if name not in choices]:
        raise PolicyError(f"{what} {unknown[0]!r} is unknown: choose out of {', '.join(choices)}")
    return named


def _territory(names: object) -> tuple[str, ...]:
    named = _names("territory", names)
    if bad := [name for name in named if not _TERRITORY.fullmatch(name)]:
        raise PolicyError(f"territory {bad[0]!r} is no country code of two capitals (ISO 3166), and not EU")
    return named


def _entity(entity: object, proof: object) -> str:
    if entity not in _ENTITIES:
        raise PolicyError(f"entity is {entity!r}: choose one of {', '.join(_ENTITIES)}")
    if not isinstance(proof, str):
        raise PolicyError(f"research_proof is {proof!r}: say in words where the proof is kept")
    return str(entity)


def _places(names: object) -> tuple[str, ...]:
    named = _names("natural_language", names)
    if unknown := [name for name in named if name not in _TEXTS]:
        raise PolicyError(f"natural_language {unknown[0]!r} is unknown: choose out of {', '.join(_TEXTS)}")
    return named


def _locations(names: object) -> tuple[str, ...]:
    if names in ("all", ("all",), ["all"]):
        return ALL_LOCATIONS
    named = _names("locations", names)
    unknown = [name for name in named if name not in ALL_LOCATIONS]
    if unknown:
        raise PolicyError(f"location {unknown[0]!r} is unknown: choose out of all, {', '.join(ALL_LOCATIONS)}")
    if "robots.txt" not in named:
        raise PolicyError("locations leave out robots.txt, which says whether we may fetch at all: name it too")
    return named
