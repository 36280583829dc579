"""A notice: a letter or complaint by which somebody reserves, and what follows from it at once.

Rule of this file: pure. A notice restricts as an asserted mandate (rule R7) from the day it came in; it permits
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from optout_middleware.register import normalise
from optout_middleware.register.model import Declaration, Interest, Mandate, Party, Source, Work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

NOTICED = "notice:"  # how the ids of parties and works begin that a notice names and the register did not know
OPEN, ANSWERED, CLOSED = "open", "answered", "closed"


@dataclass(frozen=True, slots=True)
class Notice:
    """A letter or complaint by which somebody reserves.

    Fields:
        id: by which records name it.
        sender: who wrote.
        authority: on what ground he speaks, in his own words.
        received, due: the day it came, and the day by which it is to be answered; None = no such day.
        document, sha256: name and SHA-256 of the document, which is kept.
        parties: those of whom it names all works.
        works, interests, holders: works that it names, and who holds what of them.
        domains, urls: sites, and absolute URLs or prefixes of them.
        status: "open", "answered" or "closed".
        answered: the day of the answer.
        answer: what was answered; of a closed notice, why it was closed.
        upheld: whether it restricts; only a notice that is closed may not.
    """

    id: str
    sender: str
    received: date
    document: str
    sha256: str
    authority: str = ""
    due: date | None = None
    parties: tuple[Party, ...] = ()
    works: tuple[Work, ...] = ()
    interests: tuple[Interest, ...] = ()
    domains: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    holders: tuple[Party, ...] = ()
    status: str = OPEN
    answered: date | None = None
    answer: str = ""
    upheld: bool = True

    @property
    def sender_id(self) -> str:
        """The id of the sender in the register."""
        return f"sender:{self.sender}"

    @property
    def source(self) -> Source:
        """Where it is kept."""
        return Source(self.document, self.sha256, None, self.received)

    def declarations(self) -> Iterator[Declaration]:
        """Give what it reserves, one declaration for each kind of scope that it names."""
        for scope, targets in (
            ("parties", [party.id for party in self.parties]),
            ("works", [work.id for work in self.works]),
            ("site", self.domains),
            ("asset", self.urls),
        ):
            if targets:
                yield Declaration(
                    f"notice:{self.id}/{scope}", self.sender_id, scope, targets=tuple(targets),
                    declared_on=self.received, effective_from=self.received, on_behalf_of=self.authority, form="letter",
                    text=f"notice {self.id} of {self.sender}, received {self.received.isoformat()}",
                    notice=True, source=self.source,
                )  # fmt: skip

    def mandates(self) -> Iterator[Mandate]:
        """Give the mandates that the sender asserts: of each party that it names, and of the holders of its works."""
        holders = {party.id: () for party in self.parties}
        named: dict[str, tuple[str, ...]] = dict(holders)
        for interest in self.interests:
            if interest.party not in holders:
                named[interest.party] = (*named.get(interest.party, ()), interest.target)
        for grantor, works in named.items():
            yield Mandate(
                grantor, self.sender_id, ("reserve",), works, start=self.received, basis="notice",
                evidence=self.authority or f"notice {self.id}", source=self.source,
            )  # fmt: skip

    def records(self) -> Iterator[Party | Work | Interest]:
        """Give what the register must know to match what the notice names."""
        named = {normalise.name(name) for party in (*self.parties, *self.holders) for name in party.names}
        if normalise.name(self.sender) not in named:  # else who is named would share a name, and so be hard to match
            yield Party(self.sender_id, "agency", (self.sender,), source=self.source)
        yield from self.parties
        yield from self.holders
        yield from self.works
        yield from self.interests
