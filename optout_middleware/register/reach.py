"""Whether a declaration reaches an interest: inside its declarant's mandate, as the declaration itself describes it.

Rule of this file: pure (rules R2, R6, R10). Asserted authority suffices to reserve; a reservation is of the whole
repertoire, later works and works not registered yet included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.case import is_on
from optout_middleware.register.control import managers, standing
from optout_middleware.register.model import Status

if TYPE_CHECKING:
    from optout_middleware.register.case import Case
    from optout_middleware.register.control import Doubt
    from optout_middleware.register.model import Declaration, Interest
    from optout_middleware.register.positions import Position


class Reach(NamedTuple):
    """By which rule a declaration reaches an interest, and what is doubtful about it."""

    rule: str
    doubt: Doubt | None = None


def reach(case: Case, declaration: Declaration, position: Position) -> Reach | None:
    """Tell by which rule a declaration reaches a position; None = it does not."""
    interest = position.interest
    if position.only is not None:
        return Reach("R7" if declaration.notice else "R4") if declaration == position.only else None
    if declaration.layers and position.layer not in declaration.layers:
        return None
    if declaration.scope == "parties":
        listed = {interest.party, interest.society} & set(declaration.targets)
        return Reach(_rule(declaration, position)) if listed else None
    if declaration.scope == "works":
        if interest.target not in declaration.targets:
            return None
        owners = {declaration.declarant}
    elif declaration.scope in ("repertoire", "catalogue"):
        owners = {declaration.declarant, *declaration.targets}
    else:
        return None
    found = [tie for owner in owners if (tie := _tie(case, declaration, position, owner)) is not None]
    return min(found, key=lambda tie: (tie.doubt is not None, tie.rule == "R2", tie), default=None)


def _rule(declaration: Declaration, position: Position) -> str:
    if position.whole:
        return "R10"
    if declaration.notice:
        return "R7"
    return "R6" if declaration.scope in ("repertoire", "parties") else "R4"


def _tie(case: Case, declaration: Declaration, position: Position, owner: str) -> Reach | None:
    """Tell how an owner of the declaration's scope is tied to an interest."""
    interest, rule = position.interest, _rule(declaration, position)
    if interest.party == owner:
        return Reach(rule)
    who, holder = case.name(owner), case.name(interest.party)
    unknown = Reach("R2", ("R2", f"whether {who} has the reproduction right of {holder} here is not known"))
    known = standing(case, interest, owner)
    if known is not None and known.reserves:
        if declaration.needs_right and position.whole:
            return unknown
        doubt = ("R7", f"the mandate of {holder} to {who} is disputed") if known.disputed else None
        return Reach(rule, doubt)
    if interest.society is not None or case.mandates_of(interest, owner)[1]:
        return None  # it lies elsewhere, or was withdrawn
    if declaration.needs_right:
        return unknown if is_member(case, interest, owner, limited=True) else None
    return Reach("R10") if is_member(case, interest, owner) and not _lies_elsewhere(case, interest) else None


def is_member(case: Case, interest: Interest, society: str, *, limited: bool = False) -> bool:
    """Tell whether the holder of an interest is known as a member of a society by other works of his.

    With `limited`, a mandate for other works alone counts too.
    """
    if any(
        other.society == society and case.is_live(other) and standing(case, other, society) is not None
        for other in case.by_party.get(interest.party, ())
        if other.target != interest.target
    ):
        return True
    return limited and any(
        mandate.manager == society
        and mandate.status is not Status.WITHDRAWN
        and is_on(mandate.start, mandate.end, case.context.on)
        for mandate in case.mandates.get(interest.party, ())
    )


def _lies_elsewhere(case: Case, interest: Interest) -> bool:
    """Tell whether another than the society is known for certain to manage an interest."""
    return any(known.licenses and not known.disputed for known in managers(case, interest).values())
