"""What look-ups in the register give, and how what several imports say of one work or party is joined.

Rule of this file: values, nothing that reads a file. Joining loses nothing: titles, names and identifiers of all
imports count, the oldest first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.register.model import (
    Correction,
    Declaration,
    Dispute,
    Identifier,
    Party,
    Repertoire,
    RightException,
    Work,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from optout_middleware.terms import Licence


class ImportRow(NamedTuple):
    """One import that counts, with its report as `ImportReport.to_dict` gives it."""

    id: int
    name: str
    sha256: str
    kind: str
    as_of: date | None
    imported_at: str
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RegisterStatus:
    """What the register holds: its imports that count, the rows of each kind, the file's size in octets."""

    schema: int
    snapshot: str
    imports: tuple[ImportRow, ...]
    rows: Mapping[str, int]
    dropped_blocks: int
    size: int


class Titles(NamedTuple):
    """What is compared of a work: its id, whether it is a recording, and its normalised titles."""

    id: str
    is_recording: bool
    norm: tuple[str, ...]


class Names(NamedTuple):
    """Who holds an interest in a work: ids of parties, those of its makers, and the normalised names of all."""

    ids: set[str]
    makers: set[str]
    norm: set[str]


class FoundWork(NamedTuple):
    """A work with its normalised titles, as all imports together tell it."""

    key: int
    work: Work
    norm: tuple[str, ...]


class FoundParty(NamedTuple):
    """A party with its normalised names, as all imports together tell it."""

    party: Party
    norm: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Few:
    """All records of the kinds that are few, of all imports that count (mandates have look-ups of their own)."""

    declarations: tuple[Declaration, ...]
    repertoires: tuple[Repertoire, ...]
    exceptions: tuple[RightException, ...]
    licences: tuple[Licence, ...]
    disputes: tuple[Dispute, ...]
    corrections: tuple[Correction, ...]


def joined_works(one: FoundWork, other: FoundWork) -> FoundWork:
    """Make one of what two imports say of one work."""
    work = replace(
        one.work,
        titles=each_once(one.work.titles, other.work.titles),
        identifiers=each_once(one.work.identifiers, other.work.identifiers),
        published=one.work.published or other.work.published,
        derived_from=one.work.derived_from or other.work.derived_from,
        components=each_once(one.work.components, other.work.components),
        public_domain=each_once(one.work.public_domain, other.work.public_domain),
    )
    return FoundWork(one.key, work, each_once(one.norm, other.norm))


def joined_parties(one: FoundParty, other: FoundParty) -> FoundParty:
    """Make one of what two imports say of one party."""
    first, second = one.party, other.party
    party = replace(
        first,
        names=each_once(first.names, second.names),
        identifiers=each_once(first.identifiers, second.identifiers),
        died=first.died or second.died,
        died_confirmed=first.died_confirmed or second.died_confirmed,
        died_for_france=first.died_for_france or second.died_for_france,
        domains=each_once(first.domains, second.domains),
    )
    return FoundParty(party, each_once(one.norm, other.norm))


def each_once(one: Iterable[Any], other: Iterable[Any]) -> tuple[Any, ...]:
    """Give the items of both, each once, in their order."""
    return tuple(dict.fromkeys((*one, *other)))


def identifiers_in(text: str | None) -> tuple[Identifier, ...]:
    """Read identifiers as `schema` has them in a column."""
    if not text:
        return ()
    told = ((line.lstrip("?").partition(" "), not line.startswith("?")) for line in text.split("\n"))
    return tuple(Identifier(scheme, value, checked) for (scheme, _, value), checked in told)


def lines_in(text: str) -> tuple[str, ...]:
    """Give the lines of a column; none of an empty one."""
    return tuple(text.split("\n")) if text else ()
