"""What each position comes to: the claims of those who reserved it, or what cleared it.

Rule of this file: pure. A claim is strong unless something about it is in doubt; every doubt makes it wait for a
person. The literal profile weighs how a declaration's form stands in law (rule R11): what is not strong it only notes.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timezone
from enum import Enum
from typing import TYPE_CHECKING

from optout_middleware.register.case import MUSIC_CLASSES
from optout_middleware.register.control import licensed, permitted, withholdings
from optout_middleware.register.model import Band, Strength
from optout_middleware.register.public_domain import Freedom, freedom
from optout_middleware.register.reach import reach
from optout_middleware.register.territory import strength
from optout_middleware.terms import Claim
from optout_middleware.urls import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from optout_middleware.register.case import Case, Stand
    from optout_middleware.register.control import Doubt, Permission
    from optout_middleware.register.model import Declaration, RightException
    from optout_middleware.register.positions import Position
    from optout_middleware.register.reach import Reach

STRONG, MIDDLE = "register-strong", "register-middle"
# Which of several doubts names the claim: first what may not be the work at all, then when, whose, and who permits.
_DOUBTS = ("M2", "M3", "M4", "R9", "R2", "R1a", "R7", "R5", "M5")
# Of the licences of Creative Commons those that allow adaptation and commercial use.
_OPEN = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses/(?P<name>by|by-sa)/[1-4]\.[0-9]|publicdomain/zero/1\.0)(?:/|$)"
)


class State(Enum):
    """What a position came to.

    `OPEN`: nobody known reserved it. `CLEAR`: it is free, licensed or permitted. `NOTED`: reserved, but by a form or a
    match that the rules only note. `CLAIMED`: a claim stands.
    """

    OPEN = "open"
    CLEAR = "clear"
    NOTED = "noted"
    CLAIMED = "claimed"


def since(day: date | None) -> datetime | None:
    """Give the first moment of a day, as claims have it."""
    return None if day is None else datetime.combine(day, time.min, timezone.utc)


def judge_position(case: Case, position: Position) -> tuple[State, list[Claim]]:
    """Tell what a position comes to, and the claims it raises."""
    reached = [(stand, how) for stand in case.stands if (how := reach(case, stand.declaration, position)) is not None]
    for stand, _ in reached:
        _note_off(case, stand)
    live = [(stand, how) for stand, how in reached if stand.off is None]
    taken_out = withholdings(case, position)
    if not live and not taken_out:
        return _by_himself(case, position), []
    _note_match(case, position)
    free, why = _freedom(case, position)
    if free is Freedom.FREE and position.seen.exact:
        case.note("R1a", f"{position.layer} of {_what(case, position)}: {why}")
        return State.CLEAR, []
    doubts = _doubts(position, free, why)
    found = licensed(case, position, tuple(certain for _, certain in taken_out))
    if found.licences:
        _note_licences(case, position, found)
        return State.CLEAR, []
    results = [_declared(case, position, stand, how, [*doubts, *found.doubts]) for stand, how in live]
    results += [_withheld(case, position, withheld, doubts) for withheld in taken_out]
    claims = [result for result in results if isinstance(result, Claim)]
    if claims:
        _note_claimed(case, position)
        return State.CLAIMED, claims
    return State.NOTED if State.NOTED in results else State.CLEAR, []


def _by_himself(case: Case, position: Position) -> State:
    """Tell what a position comes to that nobody reserved; who took it back from those who did permits it (rule R3)."""
    interest, state = position.interest, State.OPEN
    for stand in case.stands:
        declaration = stand.declaration
        if stand.off is None and case.mandates_of(interest, declaration.declarant)[1]:
            who, holder = case.name(declaration.declarant), case.name(interest.party)
            case.note("R3", f"{holder} is in control, having withdrawn it from {who}")
            if permission := permitted(case, position, declaration)[0]:
                state = _permission(case, permission)
    return state


def _permission(case: Case, permission: str) -> State:
    case.note("R3", f"permitted by the party in control: {permission}")
    case.conditions.add(f"as permitted by {permission}")
    return State.CLEAR


def _freedom(case: Case, position: Position) -> tuple[Freedom, str]:
    if position.is_of_url:  # what was said of the very asset is not undone by the age of what it shows
        return Freedom.NO, ""
    free, why = freedom(case, position.interest, position.layer)
    if free is Freedom.FREE and case.is_contested(position.interest):
        return Freedom.DOUBT, f"contested, though it would be {why}"
    return free, why


def _doubts(position: Position, free: Freedom, why: str) -> list[Doubt]:
    """Give what is doubtful about a position, whoever reserved it."""
    seen, doubts = position.seen, []
    if seen.band is not Band.STRONG:
        rule = "M2" if seen.conflict else "M3" if seen.band is Band.MIDDLE else "M4"
        doubts.append((rule, "identifier and metadata disagree" if rule == "M2" else f"the match is {seen.band}"))
    if free is Freedom.DOUBT:
        doubts.append(("R7" if why.startswith("contested") else "R1a", why))
    elif free is Freedom.FREE:
        doubts.append(("M5", f"{why}, but the match is not exact"))
    return doubts


def _declared(case: Case, position: Position, stand: Stand, how: Reach, doubts: Sequence[Doubt]) -> Claim | State:
    """Tell what a declaration that reaches a position comes to."""
    declaration = stand.declaration
    who = case.name(declaration.declarant)
    permission, unsure = permitted(case, position, declaration)
    if permission:
        return _permission(case, permission)
    if _open_licence(case, position, declaration):
        return State.CLEAR
    stood = strength(declaration, case.context.territory)
    all_doubts = [*doubts, *unsure]
    if how.doubt is not None:
        all_doubts.append(how.doubt)
    if stand.unconfirmed_end:
        all_doubts.append(("R9", f"{declaration.id} was withdrawn, which nobody has confirmed"))
    case.note(how.rule, f"{who} reserved, by {declaration.id}{_source(declaration)}")
    law = f"legal strength in {case.context.territory}: {stood}"
    if how.rule == "R2":
        case.note("R6", f"{who} reserved its repertoire, and no more")
    if case.literal and (stood is not Strength.STRONG or how.rule == "R2"):
        case.first.add("R11")
        case.note("R11", f"the literal profile only notes {declaration.id}; {law}")
        case.conditions.add(f"noted, not honoured (literal profile): {declaration.id} of {who}; {law}")
        return State.NOTED
    if stood is not Strength.STRONG:
        case.first.add("R11")
        case.note("R11", f"the precautionary profile honours {declaration.id}; {law}")
    quote = declaration.text or f"{declaration.form} of {who}"
    text = f"{declaration.id}: {quote}" + (f"; {law}" if case.literal else "")
    return _claim(case, position, who, (how.rule, text), all_doubts, stand.since)


def _withheld(
    case: Case, position: Position, withheld: tuple[RightException, bool], doubts: Sequence[Doubt]
) -> Claim | State:
    """Tell what a holder's own withholding comes to: a reservation of his share (rule R4), or of an outsider (R5)."""
    exception, certain = withheld
    who = case.name(position.interest.party)
    extended = any(
        licence.extended_effect
        and exception.target in (licence.id, licence.party)
        and (not licence.layers or position.layer in licence.layers)
        and (licence.party in licence.repertoires or position.interest.target in licence.works)
        for licence in case.licences
    )
    rule = "R5" if extended else "R4"
    case.note("R6", f"a licence lifts no more than it lists: {who} withheld this from {exception.target}")
    unsure = [] if certain else [("R7", f"nobody has confirmed that {who} withheld it")]
    text = f"withheld from {exception.target}: {exception.evidence or 'no evidence on file'}"
    return _claim(case, position, who, (rule, text), [*doubts, *unsure], exception.start)


def _claim(
    case: Case, position: Position, who: str, said: tuple[str, str], doubts: Iterable[Doubt], start: date | None
) -> Claim | State:
    """Raise a claim by what was said and how doubtful that is; a weak match does in the classes of music only (M4)."""
    rule, text = said
    if position.seen.band is Band.WEAK and not _weak_counts(case):
        return State.NOTED
    doubted, rule = _at_the_time(case, rule, start)
    sorted_doubts = sorted({*doubts, *doubted}, key=lambda doubt: (_DOUBTS.index(doubt[0]), doubt[1]))
    text = "; ".join((text, position.seen.explanation, *(why for _, why in sorted_doubts)))
    case.note(rule, f"{who} claims {_what(case, position)}")
    for doubt, why in sorted_doubts:
        case.note(doubt, why)
    if sorted_doubts:
        return Claim(MIDDLE, who, sorted_doubts[0][0], text, since(start))
    return Claim(STRONG, who, rule, text, since(start))


def _at_the_time(case: Case, rule: str, start: date | None) -> tuple[list[Doubt], str]:
    """Judge an old copy by the date of the act (rule R9): lawful when made, it is new acts that count."""
    collected = case.facts.asset.collected_on
    if collected is None or start is None or collected >= start or case.context.act == "collect":
        return [], rule
    told = f"collected on {collected.isoformat()}, before it was reserved on {start.isoformat()}"
    if case.context.act == "store":
        return [("R9", f"{told}: check again before any new act")], rule
    case.note("R9", f"{told}; {case.context.act} on {case.context.on.isoformat()} is a new act")
    return [], "R9"


def _weak_counts(case: Case) -> bool:
    """Tell whether a title alone makes it wait: in the classes of music, unless the one work of the page is known."""
    if case.asset_class not in MUSIC_CLASSES:
        return False
    exact = any(match.work and match.exact and match.band is Band.STRONG for match in case.matches)
    conflict = any(match.conflict for match in case.matches)
    return not exact or conflict or len(set(case.facts.asset.credits.titles)) > 1


def _open_licence(case: Case, position: Position, declaration: Declaration) -> bool:
    """Tell whether an open licence that the work carries lifts this: said by who publishes it, of what he reserved.

    It stands on the page, so it can be no more than the permission of the site or of a party whose own site it is; it
    says nothing of a work that another owns (rules R1b, R3).
    """
    found = _OPEN.match(case.facts.asset.credits.licence) if case.context.open_licences else None
    if found is None or declaration.notice or position.interest.party != declaration.declarant:
        return False
    records = case.parties.get(declaration.declarant, ())
    own_site = any(is_within(case.facts.asset.url, domain) for record in records for domain in record.domains)
    manages = any(record.kind == "cmo" for record in records)
    if declaration.scope != "site" and (not own_site or manages or declaration.scope == "asset"):
        return False
    name = found["name"]
    duty = {"by": "attribution", "by-sa": "attribution and the same licence for adaptations"}.get(name or "", "none")
    case.conditions.add(f"open licence {found[0]}: {duty}")
    case.note("R5", f"the work carries an open licence, which the operator honours: {found[0]}")
    return True


def _what(case: Case, position: Position) -> str:
    holder = case.name(position.interest.party)
    if position.whole:
        return f"all works of {holder}"
    return f"the {position.layer} of {case.title(position.interest.target)} for {holder}"


def _source(declaration: Declaration) -> str:
    return f" ({declaration.source})" if declaration.source else ""


def _note_off(case: Case, stand: Stand) -> None:
    """Note that a declaration would reach the asset, and why it does not count now."""
    if stand.off is None:
        return
    case.note(*stand.off)
    if stand.carved_out:
        declaration = stand.declaration
        who = case.name(declaration.declarant)
        case.conditions.add(f"only for {case.context.usage}: {who} reserves other uses ({declaration.id})")


def _note_match(case: Case, position: Position) -> None:
    seen = position.seen
    by_identifier = "identifier" in seen.methods
    if seen.band is Band.STRONG and case.facts.asset.credits.dropped and not by_identifier and not position.is_of_url:
        case.first.add("M2")
        case.note("M2", "an identifier with a bad check digit was dropped; the rest still matches")
    if seen.conflict:
        case.note("M2", seen.explanation)
    if seen.band is Band.WEAK:
        case.note("M4", seen.explanation)
    elif seen.methods & {"title+writers", "title", "party-identifier", "party-name"}:
        case.note("M3", seen.explanation)
    if by_identifier and seen.band is Band.STRONG:
        case.note("M1", seen.explanation)


def _note_licences(case: Case, position: Position, found: Permission) -> None:
    for licence in found.licences:
        who = case.name(licence.party)
        case.lifting.add(licence)
        case.conditions.update(licence.conditions)
        case.conditions.add(f"licence of {who} until {licence.valid_until.date().isoformat()}: {licence.evidence}")
        case.note("R5", f"{who} licensed {_what(case, position)}: {licence.evidence}")
        if licence.repertoires:
            case.note("R6", f"the licence of {who} lists a repertoire, and lifts no more than that")


def _note_claimed(case: Case, position: Position) -> None:
    interest = position.interest
    if not position.is_of_url:
        case.note("R1b", "what the host of the page says or leaves unsaid lifts nothing of another's work")
    managed = f", managed by {case.name(interest.society)}" if interest.society else ""
    source = f" ({interest.source})" if interest.source else ""
    case.remarks.add(("R4", f"{_what(case, position)}{managed} must be clear{source}"))
