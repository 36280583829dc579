"""Who is in control of an interest on the day, and whether a licence or permission of theirs lifts what is reserved.

Rule of this file: pure. Asserted or disputed authority suffices to restrict, only confirmed authority permits (rule
R7); only the party in control permits (R3); a licence lifts what it lists (R5, R6), of an asset that is certain (M5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.model import Status
from optout_middleware.register.territory import covers
from optout_middleware.terms import Usage
from optout_middleware.urls import is_within

if TYPE_CHECKING:
    from optout_middleware.register.case import Case
    from optout_middleware.register.model import Declaration, Interest, RightException
    from optout_middleware.register.positions import Position
    from optout_middleware.terms import Licence

Doubt = tuple[str, str]  # the rule, and why it is in doubt


class Standing(NamedTuple):
    """How a manager stands to an interest.

    Fields:
        reserves, licenses: what he may do with it; licensing only where that is confirmed.
        exclusive: whether the holder kept nothing to permit himself; so in any doubt.
        disputed: whether the mandate is.
    """

    reserves: bool
    licenses: bool
    exclusive: bool
    disputed: bool


def standing(case: Case, interest: Interest, manager: str) -> Standing | None:
    """Tell how a manager stands to an interest; None = not at all, as far as is known.

    The society that a record names as the manager of the reproduction right manages it exclusively until a mandate on
    file says otherwise; whether it may license is then what its licence says of itself (`Licence.confirmed`).
    """
    mandates, withdrawn = case.mandates_of(interest, manager)
    recorded = interest.society == manager and not withdrawn
    if not mandates and not recorded:
        return None
    confirmed = [
        mandate
        for mandate in mandates
        if mandate.status is Status.CONFIRMED and covers(mandate.territories, case.context.territory)
    ]
    # A list of members says that the society may reserve, and nothing of licences.
    told = any("license" in mandate.uses or mandate.status is not Status.ASSERTED for mandate in mandates)
    unsure = any(
        mandate.status is Status.DISPUTED
        or (mandate.status is Status.WITHDRAWN and (mandate.end is None or mandate.end <= case.context.on))
        for mandate in mandates
    )
    return Standing(
        reserves=recorded or any("reserve" in mandate.uses for mandate in mandates),
        licenses=any("license" in mandate.uses for mandate in confirmed) if told else recorded,
        exclusive=any(mandate.exclusive for mandate in mandates) or (recorded and not confirmed),
        disputed=unsure or case.is_mandate_disputed(interest, manager),
    )


def managers(case: Case, interest: Interest) -> dict[str, Standing]:
    """Give all who manage an interest, by id."""
    named = {mandate.manager for mandate in case.mandates.get(interest.party, ())}
    if interest.society is not None:
        named.add(interest.society)
    found = {manager: standing(case, interest, manager) for manager in named}
    return {manager: known for manager, known in found.items() if known is not None}


def holder_is_in_control(case: Case, interest: Interest) -> bool:
    """Tell whether the holder can permit by himself: nobody manages the interest exclusively (rule R3)."""
    return not any(known.exclusive for known in managers(case, interest).values())


def controllers(case: Case, interest: Interest) -> set[str]:
    """Give the ids of all who can permit use of an interest: none where it was only reported, or is contested."""
    if not interest.controlled or case.is_contested(interest):
        return set()
    found = {name for name, known in managers(case, interest).items() if known.licenses and not known.disputed}
    if holder_is_in_control(case, interest):
        found.add(interest.party)
    return found


class Permission(NamedTuple):
    """What licences make of an interest: those that lift, or why one that lists it permits nothing yet."""

    licences: tuple[Licence, ...] = ()
    doubts: tuple[Doubt, ...] = ()


def licensed(case: Case, position: Position, withheld: tuple[bool, ...]) -> Permission:
    """Tell what the licences make of an interest in a layer.

    `withheld` says of each withholding by the holder whether it is certain; no manager licenses what is withheld.
    """
    lifting: list[Licence] = []
    doubts: list[Doubt] = []
    for licence in case.licences:
        reach = _lists(case, position, licence)
        if not reach:
            continue
        if licence.party == position.interest.party or not withheld:
            if doubt := _doubt_about(case, position, licence, reach):
                doubts.append(doubt)
            else:
                lifting.append(licence)
        elif not any(withheld):
            doubts.append(
                ("R7", f"{case.name(position.interest.party)} says that it was withheld from {licence.party}")
            )
    for licence, why in case.unfit:
        if _lists(case, position, licence):
            case.remarks.add(("R6", f"the licence of {case.name(licence.party)} lifts nothing: {why}"))
    return Permission(tuple(lifting), () if lifting else tuple(doubts))


def _lists(case: Case, position: Position, licence: Licence) -> str:
    """Tell by what a licence of somebody with a say lists an interest: "url" or "work"; empty = it does not."""
    interest = position.interest
    if licence.layers and position.layer not in licence.layers:
        return ""
    if licence.party != interest.party and standing(case, interest, licence.party) is None:
        return ""
    if any(is_within(case.facts.asset.url, scope) for scope in licence.scopes):
        return "url"
    if position.is_of_url:
        return ""
    in_repertoire = any(
        named == interest.party or standing(case, interest, named) is not None for named in licence.repertoires
    )
    return "work" if in_repertoire or interest.target in licence.works else ""


def _doubt_about(case: Case, position: Position, licence: Licence, reach: str) -> Doubt | None:
    """Tell why a licence that lists an interest permits nothing yet; None = it does permit."""
    interest = position.interest
    who, holder = case.name(licence.party), case.name(interest.party)
    is_holder = licence.party == interest.party
    known = standing(case, interest, licence.party)
    unsure = not is_holder and (known is None or known.disputed or not known.licenses)
    faults: tuple[tuple[bool, Doubt], ...] = (
        (case.is_subject(licence.id), ("R7", f"the licence of {who} is disputed")),
        (case.is_contested(interest), ("R7", f"it is contested who holds the interest of {holder}")),
        (
            is_holder and not holder_is_in_control(case, interest),
            ("R5", f"{holder} licensed it, but is not in control"),
        ),
        (unsure, ("R7", f"that {who} may license the interest of {holder} is not confirmed")),
        (not interest.controlled, ("R7", f"the interest of {holder} was reported by another")),
        (reach == "work" and not position.seen.exact, ("M5", f"{who} licensed it, but the match is not exact")),
    )
    return next((doubt for is_fault, doubt in faults if is_fault), None)


def permitted(case: Case, position: Position, declaration: Declaration) -> tuple[str, list[Doubt]]:
    """Tell by whose permission an interest is taken out of a declaration, or why what was said permits nothing.

    Returns:
        the evidence of the permission ("NAME: EVIDENCE", empty = none), and the doubts.
    """
    interest, doubts = position.interest, []
    able = controllers(case, interest)
    for exception in case.exceptions:
        if exception.direction != "permit" or not _concerns(exception, position):
            continue
        if exception.target not in (declaration.id, declaration.declarant):
            continue
        if exception.party not in {interest.party, declaration.declarant, *managers(case, interest)}:
            continue
        who = case.name(exception.party)
        confirmed = any(exception.confirmed_by in (name, case.name(name)) for name in able)
        if not confirmed or not exception.evidence:
            case.note("R3", f"the party in control has not confirmed what {who} permits")
            doubts.append(("R7", f"{who} permits it, and nobody in control has confirmed that"))
        elif not position.seen.exact:
            doubts.append(("M5", f"{who} permits it, but the match is not exact"))
        else:
            return f"{who}: {exception.evidence}", []
    return "", doubts


def withholdings(case: Case, position: Position) -> list[tuple[RightException, bool]]:
    """Give what the holder took out of a mandate or licence, and whether that is certain.

    It is where he is in control himself, or where somebody confirmed it. Search is not what is withheld: a reservation
    of mining leaves it free.
    """
    if case.context.usage is Usage.SEARCH:
        return []
    interest = position.interest
    own = holder_is_in_control(case, interest)
    return [
        (exception, own or bool(exception.confirmed_by))
        for exception in case.exceptions
        if exception.direction == "withhold" and exception.party == interest.party and _concerns(exception, position)
    ]


def _concerns(exception: RightException, position: Position) -> bool:
    return not exception.works or position.interest.target in exception.works
