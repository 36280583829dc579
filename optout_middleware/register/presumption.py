"""The class presumption, doubts about identity, and a damaged register: claims that need no matched work.

Rule of this file: pure. A society's declaration works before and beside its work lists (rules R6, R10): an asset of a
class it covers waits, unless every interest is known to lie elsewhere or to be free. Loading parties or works never
ends that; only a repertoire that the society declared complete, as of a day that has not expired, does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.register.case import MUSIC_CLASSES
from optout_middleware.register.claims import MIDDLE, State, since
from optout_middleware.register.control import managers
from optout_middleware.register.model import AssetClass, Band
from optout_middleware.register.positions import layers_of
from optout_middleware.register.public_domain import MUSICAL, Freedom, freedom, is_whole
from optout_middleware.register.reach import reach
from optout_middleware.register.territory import covers
from optout_middleware.terms import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.register.case import Case
    from optout_middleware.register.model import Declaration, Interest, Layer
    from optout_middleware.register.positions import Position, Seen

CLASS, DAMAGED = "register-class", "register-damaged"


def presumed(case: Case, works: Mapping[str, Seen], states: Mapping[Position, State]) -> Iterator[Claim]:
    """Give the claims of societies that cover the asset's class where nothing shows that it is not theirs."""
    kind = case.asset_class
    for stand in case.stands:
        declaration = stand.declaration
        layers = frozenset(case.layers) & frozenset(declaration.layers or case.layers)
        if stand.off is not None or kind not in declaration.classes or not layers:
            continue
        if kind is AssetClass.IMAGE:
            raised = _may_be_of_a_listed_artist(case, declaration, states)
        elif kind in MUSIC_CLASSES and declaration.scope == "repertoire":
            raised = not _is_complete(case, declaration) and not _is_settled(case, works, states, layers)
        else:
            raised = False
        if raised:
            who = case.name(declaration.declarant)
            why = case.facts.asset.credits.class_reason or "class given without a reason"
            case.note("R6", f"{who} covers {kind} by {declaration.id}, and its repertoire is not all loaded")
            text = f"class {kind} ({why}) is covered by {declaration.id}: {declaration.text or declaration.form}"
            yield Claim(CLASS, who, "R6", text, since(stand.since))


def conflicting(case: Case, works: Mapping[str, Seen]) -> Iterator[Claim]:
    """Give a claim for each match whose identifier and metadata disagree (rule M2): it may be another work."""
    if not case.reserves():
        return
    for match in case.matches:
        if not match.conflict:
            continue
        holders: set[str] = {match.party} if match.party is not None else set()
        if match.work is not None:
            interests = [item for item in case.by_target.get(match.work, ()) if case.is_live(item)]
            layers = works[match.work].layers
            if interests and layers is not None and not any(layers_of(item) & layers for item in interests):
                continue  # a layer that the asset does not embody
            holders |= {item.party for item in interests}
        case.note("M2", match.explanation)
        party = ", ".join(sorted(case.name(holder) for holder in holders)) or "holder not known"
        yield Claim(MIDDLE, party, "M2", f"identifier and metadata disagree: {match.explanation}")


def damaged(case: Case) -> Iterator[Claim]:
    """Give the claim of a register that cannot be trusted now (rule R12), for the classes that it covers."""
    kind = case.asset_class
    if case.facts.damage and (kind in MUSIC_CLASSES or (kind is AssetClass.IMAGE and case.matches)):
        why = case.facts.asset.credits.class_reason or "class given without a reason"
        case.note("R12", case.facts.damage)
        yield Claim(
            DAMAGED, "the register", "R12", f"class {kind} ({why}), and the register fails: {case.facts.damage}"
        )


def _may_be_of_a_listed_artist(case: Case, declaration: Declaration, states: Mapping[Position, State]) -> bool:
    """Tell whether an image may be a listed artist's: his name alone matched, and nobody else is known exactly."""
    if any(position.seen.exact and not position.is_of_url for position in states):
        return False
    return any(
        position.seen.band is Band.WEAK and reach(case, declaration, position) is not None for position in states
    )


def _is_complete(case: Case, declaration: Declaration) -> bool:
    """Tell whether the society's whole repertoire is loaded, and the asset names what it could be found by."""
    said = case.facts.asset.credits
    return bool(said.identifiers or said.titles or said.lyrics) and any(
        repertoire.complete
        and repertoire.society == declaration.declarant
        and case.asset_class in repertoire.classes
        and repertoire.as_of is not None
        and repertoire.expires is not None
        and repertoire.as_of <= case.context.on < repertoire.expires
        for repertoire in case.facts.repertoires
    )


def _is_settled(
    case: Case, works: Mapping[str, Seen], states: Mapping[Position, State], layers: frozenset[Layer]
) -> bool:
    """Tell whether the asset is known exactly, with every interest in those layers known to lie somewhere or free."""
    known = {work: seen for work, seen in works.items() if seen.exact}
    unsure = any(match.conflict for match in case.matches) or any(
        seen.band is not Band.WEAK and not seen.exact for seen in works.values()
    )
    roots = {match.work for match in case.matches if match.work in known}
    if unsure or not roots:
        return False
    clear = {(position.interest, position.layer) for position, state in states.items() if state is State.CLEAR}
    return all(_is_known(case, root, layers & group, clear) for root in roots for group in _groups(layers))


def _groups(layers: frozenset[Layer]) -> list[frozenset[Layer]]:
    """Give the layers that are held together: words and music of a work as one, all others alone."""
    return [*([MUSICAL] if layers & MUSICAL else []), *(frozenset({layer}) for layer in layers - MUSICAL)]


def _is_known(case: Case, root: str, layers: frozenset[Layer], clear: set[tuple[Interest, Layer]]) -> bool:
    """Tell whether all interests in those layers of a work, and of what is in it, are known.

    Words and music each work in it has, or what it consists of; the other layers a recording has once.
    """
    any_known = False
    for work in case.closure(root):
        own = [item for item in case.by_target.get(work, ()) if case.is_live(item) and layers_of(item) & layers]
        any_known |= bool(own)
        if own and not _are_interests_known(case, work, own, layers, clear):
            return False
        consists = any(record.components for record in case.works.get(work, ()))
        if not own and not consists and layers <= MUSICAL:
            return False
    return any_known


def _are_interests_known(
    case: Case, work: str, own: list[Interest], layers: frozenset[Layer], clear: set[tuple[Interest, Layer]]
) -> bool:
    return (
        is_whole(_of_the_whole(case, work, layers))
        and all(covers(item.territories, case.context.territory) for item in own)
        and all(_is_interest_known(case, item, layer, clear) for item in own for layer in layers_of(item) & layers)
    )


def _of_the_whole(case: Case, work: str, layers: frozenset[Layer]) -> list[Interest]:
    """Give the interests whose shares make up the whole that those layers belong to."""
    whole = MUSICAL if layers & MUSICAL else layers
    return [item for item in case.by_target.get(work, ()) if case.is_live(item) and item.layer in whole]


def _is_interest_known(case: Case, interest: Interest, layer: Layer, clear: set[tuple[Interest, Layer]]) -> bool:
    """Tell whether it is known where an interest lies: cleared, free, or with a manager who registered it."""
    if (interest, layer) in clear:
        return True
    if case.is_contested(interest) or not interest.controlled:
        return False
    if freedom(case, interest, layer)[0] is Freedom.FREE:
        return True
    if interest.society is not None and case.mandates_of(interest, interest.society)[1]:
        return True  # withdrawn, for certain: it lies with the holder
    found = managers(case, interest)
    return any((known.licenses or name == interest.society) and not known.disputed for name, known in found.items())
