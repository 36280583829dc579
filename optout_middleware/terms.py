"""The values that flow: what was seen (`Evidence`), what was said (`Statement`), what holds (`Decision`).

Rule of this file: frozen values and their vocabulary, nothing that decides, reads or fetches. One word per thing;
where a word is taken from a specification, its docstring names it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from optout_middleware.urls import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime


class OptOutError(Exception):
    """A mistake of whoever uses or runs this package; its message is one line: what, where, what to do."""


class _Word(str, Enum):
    """An enumeration whose members are, and print as, the words of the specification."""

    def __str__(self) -> str:
        return str(self.value)


class Usage(_Word):
    """What an asset would be used for (labels of IETF AIPREF vocab-08; `tdm`: Directive 2019/790, Article 2(2))."""

    TRAIN_AI = "train-ai"
    AI_USE = "ai-use"
    SEARCH = "search"
    TDM = "tdm"


class Preference(_Word):
    """What a statement says of a usage (AIPREF); not stated is the absence of a statement."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


class Outcome(_Word):
    """What a decision comes to; `strictest` orders allow < pending < deny."""

    ALLOW = "allow"
    PENDING = "pending"
    DENY = "deny"


_STRICTNESS = {Outcome.ALLOW: 0, Outcome.PENDING: 1, Outcome.DENY: 2}


def strictest(outcomes: Iterable[Outcome]) -> Outcome:
    """Give the strictest of the outcomes; of none: `allow`."""
    return max(outcomes, key=_STRICTNESS.__getitem__, default=Outcome.ALLOW)


class WaitsFor(_Word):
    """What a pending decision waits for, in the order in which a decision with several names one."""

    PROBE = "probe"
    REGISTER = "register"
    PERSON = "person"


class Hop(NamedTuple):
    """One redirect that was followed: the URL that answered with it, its status and its headers."""

    url: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


Headers = tuple[tuple[str, str], ...]


def _pairs(headers: Iterable[tuple[str | bytes, str | bytes]]) -> Headers:
    """Lower-case the names (RFC 9110 section 5.1) and decode bytes as Latin-1, which loses nothing."""
    return tuple(
        (
            (name if isinstance(name, str) else name.decode("latin-1")).lower(),
            value if isinstance(value, str) else value.decode("latin-1"),
        )
        for name, value in headers
    )


def _hop(hop: Hop | tuple[Any, ...] | str) -> Hop:
    if isinstance(hop, str):
        return Hop(hop)
    url, status, headers = (*hop, None, ())[:3]
    return Hop(url, status, _pairs(headers or ()))


@dataclass(frozen=True, init=False)
class Evidence:
    """The bytes, status, headers, final URL and time we actually saw at one URL.

    Args:
        url: the URL that was asked for.
        status: the HTTP status of the last response; None = unreachable, no response at all.
        headers: (name, value) pairs of the last response, str or bytes; kept as lower-case names and Latin-1 text.
        body: the bytes of the last response, any Content-Encoding undone.
        fetched_at: when the last response arrived, an aware datetime.
        final_url: where redirects led; None = `url`.
        error: why there is no response, or why it is not whole, in one line.
        truncated: whether the body was cut at a limit.
        hops: the redirects that were followed, in order: `Hop`, (url, status, headers) or plain URLs.
        from_cache: whether the response came from a cache rather than from the origin.

    Raises:
        ValueError: `fetched_at` has no time zone.
    """

    url: str
    status: int | None
    headers: Headers
    body: bytes
    fetched_at: datetime
    final_url: str
    error: str | None
    truncated: bool
    hops: tuple[Hop, ...]
    from_cache: bool

    def __init__(  # noqa: PLR0913 - the public interface
        self,
        url: str,
        status: int | None,
        headers: Iterable[tuple[str | bytes, str | bytes]],
        body: bytes,
        fetched_at: datetime,
        *,
        final_url: str | None = None,
        error: str | None = None,
        truncated: bool = False,
        hops: Iterable[Hop | tuple[Any, ...] | str] = (),
        from_cache: bool = False,
    ) -> None:
        if fetched_at.utcoffset() is None:
            raise ValueError(f"fetched_at of the evidence of {url} has no time zone: pass an aware datetime")
        self.__dict__.update(  # one update, since a frozen dataclass would pay for each field
            url=url,
            status=status,
            headers=_pairs(headers),
            body=body,
            fetched_at=fetched_at,
            final_url=final_url or url,
            error=error,
            truncated=truncated,
            hops=tuple(_hop(hop) for hop in hops),
            from_cache=from_cache,
        )

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the body, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()

    def values(self, name: str) -> Sequence[str]:
        """Give the values of all header fields of that lower-case name, in order (RFC 9110 section 5.2)."""
        return self._by_name.get(name, ())

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """The values by name: a page is asked for a dozen names, and hardly has one of them."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(value)
        return found

    @cached_property
    def lowered(self) -> bytes:
        """The body with ASCII letters in lower case, for scans that have no regard for case."""
        return self.body.lower()

    @property
    def source(self) -> Source:
        """The reference by which statements and audit lines name this evidence."""
        return Source(self.url, self.status, self.sha256, self.fetched_at, self.error)

    @property
    def media_type(self) -> str:
        """The media type of Content-Type in lower case, without parameters; empty where there is none."""
        values = self.values("content-type")
        return values[-1].partition(";")[0].strip().lower() if values else ""


class Source(NamedTuple):
    """A reference to evidence: what a record needs to find the bytes again."""

    url: str
    status: int | None
    sha256: str
    fetched_at: datetime
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the reference as JSON values; the time in ISO 8601."""
        shown = {"url": self.url, "status": self.status, "sha256": self.sha256, "time": self.fetched_at.isoformat()}
        return {**shown, "error": self.error} if self.error else shown


class Statement(NamedTuple):
    """What one declaring party said about one asset or path, by one signal.

    Fields:
        signal: the protocol, a name of `optout_middleware.signals.SIGNALS`.
        location: "robots.txt", "tdmrep.json", "header", "meta", ...
        where: the line ("line 12"), header name or element in that location.
        text: the exact text that made the statement.
        preference: what it says of the usage asked about, after its protocol's own precedence.
        rule: the rule of the specification that was applied, with its section.
        finding: the row of `optout_middleware.policy.FINDINGS` that it raises; empty = it raises none.
        conditions: what a conditional statement asks for, and where its policy stands.
        notes: each leniency that was used, and what else a reader should know.
        source: the evidence it stands in.
    """

    signal: str
    location: str
    where: str
    text: str
    preference: Preference
    rule: str
    finding: str = ""
    conditions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: Source | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the statement as JSON values; empty fields are left out."""
        shown: dict[str, Any] = {name: value for name, value in self._asdict().items() if value}
        shown["preference"] = self.preference.value
        if self.source is not None:
            shown["source"] = self.source.to_dict()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()}


class Reason(NamedTuple):
    """One cause of a decision: the finding, what it came to under the policy, and what raised it.

    Fields:
        finding: a row of `optout_middleware.policy.FINDINGS`.
        outcome: what it came to; `allow` = noted only.
        waits_for: what it waits for where the outcome is `pending`.
        statement: the statement that raised it; None where a location itself did (not reachable, not looked at).
        location: the location that raised it.
        source: the evidence it stands in; None where nobody looked.
        note: what a reader should know, in one sentence.
        override: "NAME: REASON" of the person whose override decided; empty = the table did.
    """

    finding: str
    outcome: Outcome
    waits_for: WaitsFor | None
    statement: Statement | None
    location: str
    source: Source | None = None
    note: str = ""
    override: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give the reason as one flat object of JSON values; empty fields are left out."""
        said, source = self.statement, self.source
        shown: dict[str, Any] = {
            "finding": self.finding,
            "outcome": self.outcome.value,
            "waits_for": self.waits_for.value if self.waits_for else None,
            "location": self.location,
            "note": self.note,
            "override": self.override,
        }
        if said is not None:
            shown |= {
                "signal": said.signal,
                "where": said.where,
                "text": said.text,
                "rule": said.rule,
                "preference": said.preference.value,
                "conditions": list(said.conditions),
                "notes": list(said.notes),
            }
        if source is not None:
            shown |= source.to_dict()
        return {name: value for name, value in shown.items() if value not in (None, "", [])}


@dataclass(frozen=True)
class Claim:
    """What the register concludes from a match: who reserved, by what, since when (`register-...` findings).

    Fields:
        finding: the register row of `optout_middleware.policy.FINDINGS` that it raises.
        party: who claims.
        rule: the rule of the register that applied (R0 to R13).
        text: the declaration, notice or match, quoted.
        since: from when on it counts; None = always.
    """

    finding: str
    party: str
    rule: str
    text: str
    since: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the claim as JSON values; the time in ISO 8601."""
        shown = {"finding": self.finding, "party": self.party, "rule": self.rule, "text": self.text}
        return {**shown, "since": self.since.isoformat()} if self.since else shown


@dataclass(frozen=True)
class Licence:
    """A recorded licence of the party in control: besides the profile, the only thing that lifts a reservation.

    It lifts what it lists, and nothing else: of locations by `scopes`, of works by `works` and `repertoires`.

    Fields:
        party: who licensed.
        scopes: domains (with their subdomains) or absolute URL prefixes that it lists.
        usages: the usages it lists.
        valid_from, valid_until: aware datetimes; the end is exclusive, a licence always expires.
        evidence: where the licence itself is kept.
        recorded_by: the person who recorded it.
        conditions: duties that go with it, passed on with the asset.
        works: ids of works that it lists (register).
        repertoires: ids of the societies or catalogues whose whole repertoire it licenses, said so by the licence.
        layers: the layers it licenses; empty = all of those works.
        territories: ISO 3166 codes, "EU" or "WORLD"; exact, a licence reaches no other.
        licensee: whom it licenses; empty = whoever recorded it.
        confirmed: whether the licensor's authority is confirmed; an asserted one permits nothing (rule R7).
        extended_effect: whether it reaches outsiders by law, until they opt out (extended collective licence).
        models: names of the models it is for; empty = any.
        id: by which disputes and exceptions name it.
    """

    party: str
    scopes: tuple[str, ...]
    usages: tuple[Usage, ...]
    valid_from: datetime
    valid_until: datetime
    evidence: str
    recorded_by: str
    conditions: tuple[str, ...] = ()
    works: tuple[str, ...] = ()
    repertoires: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    territories: tuple[str, ...] = ("WORLD",)
    licensee: str = ""
    confirmed: bool = True
    extended_effect: bool = False
    models: tuple[str, ...] = ()
    id: str = ""

    def __post_init__(self) -> None:
        if self.valid_from.utcoffset() is None or self.valid_until.utcoffset() is None:
            raise OptOutError(f"licence of {self.party}: valid_from and valid_until need a time zone")
        for name in ("scopes", "usages", "conditions", "works", "repertoires", "layers", "territories", "models"):
            if isinstance(getattr(self, name), str):
                raise OptOutError(f"licence of {self.party}: {name} is a list")
        object.__setattr__(self, "usages", tuple(as_word(Usage, usage, "usage of a licence") for usage in self.usages))
        if bad := [scope for scope in self.scopes if "." not in scope and "://" not in scope]:
            raise OptOutError(
                f"licence of {self.party}: scope {bad[0]!r} is neither a domain nor an absolute URL prefix"
            )

    def covers(self, url: str, usage: Usage, at: datetime) -> bool:
        """Tell whether it licenses that usage of that URL at that time."""
        return self.holds(usage, at) and any(is_within(url, scope) for scope in self.scopes)

    def holds(self, usage: Usage, at: datetime) -> bool:
        """Tell whether it licenses that usage of what it lists at that time."""
        return self.confirmed and usage in self.usages and self.valid_from <= at < self.valid_until

    def to_dict(self) -> dict[str, Any]:
        """Give the licence as JSON values; times in ISO 8601, and what is as by default left out."""
        shown: dict[str, Any] = {
            "party": self.party,
            "scopes": list(self.scopes),
            "usages": [Usage(usage).value for usage in self.usages],
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "evidence": self.evidence,
            "recorded_by": self.recorded_by,
            "conditions": list(self.conditions),
        }
        for item in fields(self)[len(shown) :]:
            value = getattr(self, item.name)
            if value != item.default:
                shown[item.name] = list(value) if isinstance(value, tuple) else value
        return shown


@dataclass(frozen=True)
class Ruling:
    """A person's recorded answer to a pending cause; it lifts no stated reservation.

    Fields:
        finding: the row of `FINDINGS` it answers.
        scope: the domain or absolute URL prefix it holds for; empty where `party` names whose claims it answers.
        party: whose claims it answers (register findings); empty = the finding of any party within the scope.
        outcome: `allow` or `deny`.
        by, reason: who answered, and why.
        valid_from, valid_until: aware datetimes; the end is exclusive, a ruling always expires.
        id: by which records name it.
        rule: the rule of the signal or register that raised it; empty = whichever did.
    """

    finding: str
    scope: str
    outcome: Outcome
    by: str
    reason: str
    valid_from: datetime
    valid_until: datetime
    party: str = ""
    id: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        for name in ("by", "reason"):
            if not getattr(self, name).strip():
                raise OptOutError(f"ruling on {self.finding}: it has no {name!r}: say who answered and why")
        if self.valid_from.utcoffset() is None or self.valid_until.utcoffset() is None:
            raise OptOutError(f"ruling on {self.finding}: valid_from and valid_until need a time zone")
        if self.outcome is Outcome.PENDING:
            raise OptOutError(f"ruling on {self.finding}: outcome is 'pending': choose one of allow, deny")
        if not self.scope and not self.party:
            raise OptOutError(f"ruling on {self.finding}: name a scope (domain or URL prefix) or a party")

    def to_dict(self) -> dict[str, Any]:
        """Give the ruling as JSON values; times in ISO 8601."""
        return {
            "finding": self.finding,
            "scope": self.scope,
            "outcome": self.outcome.value,
            "by": self.by,
            "reason": self.reason,
            "valid_from": self.valid_from.isoformat(),
            "valid_until": self.valid_until.isoformat(),
            "party": self.party,
            "id": self.id,
            "rule": self.rule,
        }

    def answers(self, finding: str, url: str, party: str, at: datetime, rule: str = "") -> bool:
        """Tell whether it answers that finding for that URL, raised by that party (or by none), then, by that rule."""
        return (
            finding == self.finding
            and self.valid_from <= at < self.valid_until
            and (not self.scope or is_within(url, self.scope))
            and (not self.party or party == self.party)
            and (not self.rule or rule == self.rule)
        )


@dataclass(frozen=True)
class Decision:
    """May this asset be used for this usage, by this operator, at this date, and why.

    Fields:
        url: the URL decided about.
        outcome: `allow` (shown to people as "no reservation found"), `pending` or `deny`.
        may_fetch: whether robots.txt lets our product token fetch the URL.
        waits_for: what a pending decision waits for first; None otherwise.
        conditions: what must be met or passed on where the asset is used.
        reasons: every finding, those that are only noted too.
        statements: everything that was said of the asset for our usage, permissions too.
        evidence: all that was looked at, silence included.
        licences: the licences that lifted a reservation.
        at: the date of the decision.
        policy: the SHA-256 of the policy.
        rulings: the rulings that answered what waited for a person.
    """

    url: str
    outcome: Outcome
    may_fetch: bool
    waits_for: WaitsFor | None
    conditions: tuple[str, ...]
    reasons: tuple[Reason, ...]
    statements: tuple[Statement, ...]
    evidence: tuple[Source, ...]
    licences: tuple[Licence, ...]
    at: datetime
    policy: str
    rulings: tuple[Ruling, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the whole decision as JSON values."""
        return {
            "url": self.url,
            "outcome": self.outcome.value,
            "may_fetch": self.may_fetch,
            "waits_for": self.waits_for.value if self.waits_for else None,
            "conditions": list(self.conditions),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "statements": [statement.to_dict() for statement in self.statements],
            "evidence": [source.to_dict() for source in self.evidence],
            "licences": [licence.to_dict() for licence in self.licences],
            **({"rulings": [ruling.to_dict() for ruling in self.rulings]} if self.rulings else {}),
            "at": self.at.isoformat(),
            "policy": self.policy,
        }


def as_word(word: type[_Word], value: object, what: str) -> Any:
    """Read a word of one of the vocabularies above.

    Raises:
        OptOutError: not one of them; the message names `what` and the choices.
    """
    try:
        return word(cast("str", value))
    except ValueError:
        choices = ", ".join(member.value for member in word)
        raise OptOutError(f"{what} is {value!r}: choose one of {choices}") from None
