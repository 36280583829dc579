"""One case: the facts of the register as they count on the day, at the place and for the use of the act.

Rule of this file: pure, and order counts for nothing. A fact that does not count now is kept with the rule that says
why, since it belongs in the chain. A correction takes away what was inferred, never what was stated.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from optout_middleware.policy import Profile
from optout_middleware.register.model import LAYERS, AssetClass, Band, Status
from optout_middleware.register.territory import covers, touches
from optout_middleware.terms import Usage, as_word
from optout_middleware.urls import is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from optout_middleware.register.model import (
        Correction,
        Declaration,
        Dispute,
        Facts,
        Interest,
        Layer,
        Mandate,
        Match,
        Party,
        RightException,
        UseContext,
        Work,
    )
    from optout_middleware.terms import Licence

_Record = TypeVar("_Record")
MUSIC_CLASSES = frozenset({AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO})


def is_on(start: date | None, end: date | None, on: date) -> bool:
    """Tell whether a fact counts on a day: from its first day on, its end exclusive."""
    return (start is None or start <= on) and (end is None or on < end)


class Stand(NamedTuple):
    """How a declaration stands on the day: `off` the rule and why it reserves nothing now; None = it does."""

    declaration: Declaration
    off: tuple[str, str] | None = None
    carved_out: bool = False  # the declaration itself leaves this use free (rule R0b)
    unconfirmed_end: bool = False  # withdrawn, but nobody has confirmed it a second time (rule R9)

    @property
    def since(self) -> date | None:
        """The day from which on it counts; None = not known, so always."""
        return self.declaration.effective_from or self.declaration.declared_on


class Case:
    """One case in the making: the facts by what they are asked by, and what was noted on the way."""

    def __init__(self, facts: Facts, context: UseContext) -> None:
        self.facts, self.context = facts, context
        self.literal = as_word(Profile, context.profile, "profile") is Profile.LITERAL
        self.notes: set[tuple[str, str]] = set()
        self.remarks: set[tuple[str, str]] = set()  # of the chain alone: they name a rule, but none that applied
        self.first: set[str] = set()  # rules that settled what could count at all
        self.conditions: set[str] = set()
        self.lifting: set[Licence] = set()
        self.works: dict[str, list[Work]] = _by(facts.works, lambda work: work.id)
        self.parties: dict[str, list[Party]] = _by(facts.parties, lambda party: party.id)
        self.by_target: dict[str, list[Interest]] = _by(facts.interests, lambda interest: interest.target)
        self.by_party: dict[str, list[Interest]] = _by(facts.interests, lambda interest: interest.party)
        self.mandates: dict[str, list[Mandate]] = _by(facts.mandates, lambda mandate: mandate.grantor)
        self.disputes: list[Dispute] = [d for d in facts.disputes if is_on(d.opened, d.closed, context.on)]
        self.exceptions: list[RightException] = [e for e in facts.exceptions if is_on(e.start, e.end, context.on)]
        self.stands: list[Stand] = [self._stand(declaration) for declaration in facts.declarations]
        self.licences: list[Licence] = []
        self.unfit: list[tuple[Licence, str]] = []
        for licence in facts.licences:
            if why := self._unfit(licence):
                self.unfit.append((licence, why))
            else:
                self.licences.append(licence)
        self._read_class()
        self.matches: list[Match] = [match for match in facts.matches if not self._is_corrected(match)]

    def note(self, rule: str, sentence: str) -> None:
        """Keep that a rule applied, and to what."""
        self.notes.add((rule, sentence))

    def name(self, party: str) -> str:
        """Give the name of a party; its id where the register has none."""
        known = (names[0] for record in self.parties.get(party, ()) if (names := record.names))
        return min(known, default=party.removeprefix("sender:"))

    def title(self, work: str) -> str:
        """Give the title of a work; its id where the register has none."""
        return min((titles[0] for record in self.works.get(work, ()) if (titles := record.titles)), default=work)

    def reserves(self) -> bool:
        """Tell whether anybody known has reserved anything for this use; if not, no doubt about a match matters."""
        return any(stand.off is None for stand in self.stands) or any(
            exception.direction == "withhold" for exception in self.exceptions
        )

    def closure(self, work: str) -> set[str]:
        """Give a work with all that it contains and that it was made from: each of them is embodied too."""
        found: set[str] = set()
        todo = [work]
        while todo:
            if (current := todo.pop()) in found:
                continue
            found.add(current)
            for record in self.works.get(current, ()):
                todo += [*record.components, *([record.derived_from] if record.derived_from else [])]
        return found

    def is_live(self, interest: Interest) -> bool:
        """Tell whether an interest counts on the day and at the place of the act."""
        return is_on(interest.start, interest.end, self.context.on) and touches(
            interest.territories, self.context.territory
        )

    def is_contested(self, interest: Interest) -> bool:
        """Tell whether somebody contests who holds it; while that is open nothing permits it (rule R7)."""
        return any(dispute.subject in (interest.target, interest.party) for dispute in self.disputes)

    def is_mandate_disputed(self, interest: Interest, manager: str) -> bool:
        """Tell whether an open dispute is about what this holder gave to that manager."""
        return any(
            (dispute.subject == manager and (not dispute.parties or interest.party in dispute.parties))
            or (dispute.subject == interest.party and manager in dispute.parties)
            for dispute in self.disputes
        )

    def is_subject(self, identity: str) -> bool:
        """Tell whether an open dispute is about the declaration or licence of that id."""
        return bool(identity) and any(dispute.subject == identity for dispute in self.disputes)

    def _stand(self, declaration: Declaration) -> Stand:
        on, usage = self.context.on, self.context.usage
        start = declaration.effective_from or declaration.declared_on
        ended = declaration.withdrawn_on is not None and declaration.withdrawn_on <= on
        off: tuple[str, str] | None = None
        carved_out = False
        if start is not None and start > on:
            off = "R9", f"{declaration.id} counts from {start.isoformat()} on"
        elif ended and self._is_end_confirmed(declaration):
            off = "R9", f"{declaration.id} was withdrawn on {declaration.withdrawn_on}, and that was confirmed"
        elif not touches(declaration.territories, self.context.territory):
            off = "R8", f"{declaration.id} holds in {', '.join(declaration.territories)} only"
        elif usage in declaration.carve_outs:
            off, carved_out = ("R0b", f"{declaration.id} itself leaves {usage} free"), True
        elif not _reserves(declaration, usage):
            off = "R0b", f"{declaration.id} does not reserve {usage}"
        return Stand(declaration, off, carved_out, ended and off is None)

    def _is_end_confirmed(self, declaration: Declaration) -> bool:
        """Tell whether the declarant confirmed the withdrawal: loosening waits for a second confirmation (rule R9)."""
        return any(
            exception.direction == "permit"
            and exception.target == declaration.id
            and exception.party == declaration.declarant
            and not exception.works
            and exception.confirmed_by in (declaration.declarant, self.name(declaration.declarant))
            for exception in self.exceptions
        )

    def _unfit(self, licence: Licence) -> str:
        """Tell why a licence does not fit the act, whatever it lists; empty = it fits."""
        context = self.context
        day = datetime.combine(context.on, time.min, timezone.utc)
        holds = licence.valid_from <= day and day + timedelta(days=1) <= licence.valid_until
        faults = (
            (not licence.confirmed, "the licensor's authority is not confirmed"),
            (not holds, f"it holds from {licence.valid_from.date()} until {licence.valid_until.date()}"),
            (context.usage not in licence.usages, f"it does not list {context.usage}"),
            (
                not covers(licence.territories, context.territory),
                f"it holds in {', '.join(licence.territories)}, not in {context.territory}",
            ),
            (licence.licensee not in ("", context.operator), f"it licenses {licence.licensee}"),
            (
                bool(licence.models) and context.model not in licence.models,
                f"it is for {', '.join(licence.models)}, not for {context.model or 'a model without a name'}",
            ),
        )
        return next((why for is_fault, why in faults if is_fault), "")

    def _read_class(self) -> None:
        asset = self.facts.asset
        self.asset_class = asset.credits.asset_class
        if any(self._holds(item) and item.subject == f"class:{self.asset_class}" for item in self.facts.corrections):
            self.asset_class = AssetClass.OTHER
        self.is_class_known = bool(asset.layers) or self.asset_class is not AssetClass.OTHER
        self.layers: tuple[Layer, ...] = asset.layers or LAYERS[self.asset_class]

    def _holds(self, correction: Correction) -> bool:
        return is_on(correction.start, correction.end, self.context.on) and (
            not correction.scope or is_within(self.facts.asset.url, correction.scope)
        )

    def _is_corrected(self, match: Match) -> bool:
        """Tell whether a person said that it is wrong; what stands there exactly was stated, not inferred."""
        if match.exact and match.band is Band.STRONG and not match.conflict:
            return False
        subjects = {match.work, match.party} - {None}
        for item in self.facts.corrections:
            if item.subject in subjects and self._holds(item):
                self.remarks.add(("M3", f"not {item.subject}, as {item.by} found: {item.evidence}"))
                return True
        return False

    def mandates_of(self, interest: Interest, manager: str) -> tuple[list[Mandate], bool]:
        """Give the mandates of that holder to that manager that count, and whether one was withdrawn for certain.

        A withdrawal counts from its day on, with evidence (rule R9: loosening needs confirmation); without, the
        mandate goes on as a disputed one.
        """
        live, withdrawn = [], False
        context = self.context
        for mandate in self.mandates.get(interest.party, ()):
            if mandate.manager != manager or (mandate.works and interest.target not in mandate.works):
                continue
            if mandate.status is Status.WITHDRAWN and (mandate.start is None or mandate.start <= context.on):
                ended = mandate.end is not None and mandate.end <= context.on and mandate.evidence
                if ended and covers(mandate.territories, context.territory):
                    withdrawn = True
                    continue
                end = None
            else:
                end = mandate.end
            if is_on(mandate.start, end, context.on) and touches(mandate.territories, context.territory):
                live.append(mandate)
        return live, withdrawn


def _reserves(declaration: Declaration, usage: Usage) -> bool:
    """Tell whether it reserves a usage: any mining reserves each usage but search, and is reserved by any of them."""
    if usage in declaration.usages:
        return True
    mining = set(declaration.usages) - {Usage.SEARCH}
    return usage is not Usage.SEARCH and (Usage.TDM in mining or (usage is Usage.TDM and bool(mining)))


def _by(records: Iterable[_Record], key: Callable[[_Record], str]) -> dict[str, list[_Record]]:
    found: dict[str, list[_Record]] = {}
    for record in records:
        found.setdefault(key(record), []).append(record)
    return found
