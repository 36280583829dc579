"""Public domain, by territory and layer, on confirmed dates (rule R1a).

Rule of this file: pure. What is not confirmed is protected. Life + 70 is Directive 2006/116/EC, Article 1, with the
last of all authors of words and music together (Article 1(7), Directive 2011/77/EU). In France wartime extensions
still run for musical works published before 1948 (CPI L123-8, L123-9), and 30 years more where the author died for
France (L123-10): between the two dates the answer is a doubt, not a yes.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from optout_middleware.register.model import WORLD, Layer
from optout_middleware.register.territory import EU, EU_STATES, covers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optout_middleware.register.case import Case
    from optout_middleware.register.model import Interest

MUSICAL = frozenset({Layer.COMPOSITION, Layer.LYRICS})
_OF_AUTHORS = MUSICAL | {Layer.TEXT, Layer.IMAGE}
_LIFE_70 = EU_STATES | {EU, "GB", "CH", "NO", "IS", "LI"}
_COMPANIES = frozenset({"publisher", "label", "cmo", "agency", "host"})
_COMPANY_ROLES = frozenset(
    {"E", "AM", "SE", "ES", "PA", "AQ", "label", "publisher"}
)  # CWR 2.2, writer and publisher types
_WHOLE = 0.99  # shares are rounded to hundredths of a percent by those who send them


class Freedom(Enum):
    """Whether a layer of a work is free."""

    NO = "no"
    DOUBT = "doubt"
    FREE = "free"


def freedom(case: Case, interest: Interest, layer: Layer) -> tuple[Freedom, str]:
    """Tell whether a layer of what an interest is in is free where and when the act is done, and why.

    An interest without a target stands for all works of its party.
    """
    work = interest.target
    on, act = case.context.on, case.context.territory
    in_france = layer in MUSICAL and act in ("FR", EU, WORLD)
    best, why = Freedom.NO, ""
    for record in case.works.get(work, ()):
        for entry in record.public_domain:
            if entry.layer is not layer or not entry.evidence or not covers((entry.territory,), act):
                continue
            named_france = entry.territory == "FR"
            after = _extended(entry.free_from, case, work) if in_france and not named_france else entry.free_from
            best, why = max((best, why), _told(on, entry.free_from, after, entry.evidence), key=_rank)
    if layer in _OF_AUTHORS and act in _LIFE_70 and (free := _after_life(case, interest, layer)) is not None:
        start, for_france = free
        after = _extended(start, case, work) if in_france else start
        if for_france and act in ("FR", EU):
            after = _years_on(after, 30)
        best, why = max((best, why), _told(on, start, after, "70 years after the last author's death"), key=_rank)
    return best, why


def _rank(told: tuple[Freedom, str]) -> tuple[int, str]:
    return (Freedom.NO, Freedom.DOUBT, Freedom.FREE).index(told[0]), told[1]


def _told(on: date, start: date, after: date, evidence: str) -> tuple[Freedom, str]:
    if after <= on:
        return Freedom.FREE, f"free since {after.isoformat()}: {evidence}"
    if start <= on:
        return Freedom.DOUBT, f"French extensions may run until {after.isoformat()}: {evidence}"
    return Freedom.NO, ""


def _after_life(case: Case, interest: Interest, layer: Layer) -> tuple[date, bool] | None:
    """Give the day after life + 70 of the last author, and whether one died for France; None = not all confirmed."""
    layers = MUSICAL if layer in MUSICAL else {layer}
    known = case.by_target.get(interest.target, ()) if interest.target else (interest,)
    interests = [item for item in known if item.layer in layers]
    authors = {item.party for item in interests if not _is_company(case, item)}
    if not authors or not is_whole(interests):
        return None
    died = []
    for_france = False
    for author in authors:
        records = case.parties.get(author, [])
        years = [record.died for record in records if record.died is not None and record.died_confirmed]
        if not years or len(years) < len(records) or max(years) > case.context.on.year:
            return None
        died += years
        for_france |= any(record.died_for_france for record in records)
    return date(max(died) + 71, 1, 1), for_france


def _is_company(case: Case, interest: Interest) -> bool:
    kinds = {record.kind for record in case.parties.get(interest.party, ())}
    return kinds <= _COMPANIES if kinds else interest.role in _COMPANY_ROLES


def is_whole(interests: Iterable[Interest]) -> bool:
    """Tell whether the interests can be all there are: their shares, where all are known, come to the whole."""
    shares: dict[tuple[str, str], float] = {}
    for interest in interests:
        if interest.share is None:
            return True
        who = (interest.party, interest.role)
        shares[who] = max(shares.get(who, 0.0), interest.share)
    return sum(shares.values()) >= _WHOLE


def _extended(start: date, case: Case, work: str) -> date:
    """Add the wartime extension of a musical work in France to the end of its term."""
    return max(
        (_extension(start, record.published) for record in case.works.get(work, ())), default=_extension(start, None)
    )


def _extension(start: date, published: int | None) -> date:
    if published is None or published < 1921:  # noqa: PLR2004 - CPI L123-8 and L123-9, added up
        return _years_on(start, 14) + timedelta(days=272)
    if published < 1948:  # noqa: PLR2004 - CPI L123-9
        return _years_on(start, 8) + timedelta(days=120)
    return start


def _years_on(start: date, years: int) -> date:
    """Give the same day years later; 29 February becomes 1 March, and a day beyond the calendar stays."""
    if start.year + years >= date.max.year:
        return start
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)
