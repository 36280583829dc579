"""What an audit line says, as the values that decided: policy, claims, licences, rulings, sources.

Rule of this file: pure, and the reverse of `optout_middleware.audit.line`. A field that cannot be read raises
`ValueError`; whoever reads lines counts it.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.personal import REDACTED
from optout_middleware.policy import Policy
from optout_middleware.terms import Claim, Licence, OptOutError, Outcome, Ruling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Findings that no evidence raises: what is not asked about, and what nobody could be asked about.
WITHOUT_EVIDENCE = frozenset({"own-input", "unjudged", "excluded-site"})
_TIMES = ("since", "valid_from", "valid_until")


class Row(NamedTuple):
    """One source that a line names."""

    url: str
    status: int | None
    sha256: str
    time: datetime
    error: str | None


class Recorded(NamedTuple):
    """What besides evidence decided about a line."""

    claims: tuple[Claim, ...]
    licences: tuple[Licence, ...]
    rulings: tuple[Ruling, ...]

    def without(self, page: Recorded) -> Recorded:
        """Give what came with an item: without the licences and rulings that were used for its page already."""
        licences = tuple(licence for licence in self.licences if licence not in page.licences)
        return Recorded(self.claims, licences, tuple(one for one in self.rulings if one not in page.rulings))


def rows(line: Mapping[str, Any]) -> tuple[Row, ...]:
    """Give the sources of a line, in their order.

    Raises:
        ValueError: one of them cannot be read.
    """
    try:
        return tuple(
            Row(row["url"], row.get("status"), row["sha256"], time(row["time"]), row.get("error"))
            for row in line.get("evidence", ())
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"evidence of a line: {error!r}") from None


def recorded(line: Mapping[str, Any]) -> Recorded:
    """Give claims, licences and rulings of a line.

    Raises:
        ValueError: one of them cannot be read.
    """
    return Recorded(
        tuple(_read(Claim, said) for said in line.get("claims", ())),
        tuple(_read(Licence, said) for said in line.get("licences", ())),
        tuple(_read(Ruling, {**said, "outcome": Outcome(said["outcome"])}) for said in line.get("rulings", ())),
    )


def policies(manifests: Iterable[Mapping[str, Any]]) -> dict[str, Policy]:
    """Give the policies of manifests by their SHA-256; where names were redacted, by that of the original.

    One that this version cannot read is left out: a policy of a later one, for example.
    """
    found = {str(manifest.get("policy_sha256")): _policy_or_none(manifest.get("policy")) for manifest in manifests}
    return {name: one for name, one in found.items() if one is not None}


def _policy_or_none(said: Any) -> Policy | None:
    try:
        return policy_of(said)
    except OptOutError:
        return None


def policy_of(said: Any) -> Policy:
    """Read a policy as manifests have it.

    Raises:
        OptOutError: it is none; the message says why, in one line.
    """
    try:
        return Policy(**said)
    except TypeError as error:
        raise OptOutError(f"not a policy: {str(error).removeprefix('Policy.__init__() ')}") from None


def time(text: str) -> datetime:
    """Read a time of a line.

    Raises:
        ValueError: it is none, or has no time zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at


def is_redacted(said: object) -> bool:
    """Tell whether a person's name was taken out of the record here."""
    return isinstance(said, str) and said == REDACTED


def _read(kind: type[Any], said: Mapping[str, Any]) -> Any:
    """Make a value of its JSON form; what the kind does not have was added by a later version, and is left out."""
    try:
        values = {field.name: _value(field.name, said[field.name]) for field in fields(kind) if field.name in said}
        return kind(**values)
    except (TypeError, AttributeError, OptOutError) as error:
        raise ValueError(f"{kind.__name__.lower()} of a line: {error}") from None


def _value(name: str, said: Any) -> Any:
    if name in _TIMES and isinstance(said, str):
        return time(said)
    return tuple(said) if isinstance(said, list) else said
