"""Terms of protection (rule R1a): the days between which a work is free, doubtful or protected."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from optout_middleware.register.model import Layer, Party, Work
from optout_middleware.register.rules import judge

from .scenario_facts import SHEET
from .scenario_parts import PARTIES, SONG, A, facts, interest, use


@pytest.mark.parametrize(
    ("published", "for_france", "territory", "on", "outcome"),
    [
        # Died 1937, published 1928, in France (8 years and 120 days more): the term of Ravel's "Bolero".
        (1928, False, "FR", date(2007, 12, 31), "deny"),
        (1928, False, "FR", date(2008, 1, 1), "pending"),
        (1928, False, "FR", date(2016, 4, 29), "pending"),
        (1928, False, "FR", date(2016, 4, 30), "allow"),
        (1928, False, "EU", date(2016, 4, 29), "pending"),
        (1928, False, "DE", date(2008, 1, 1), "allow"),
        (1928, False, "US", date(2016, 4, 30), "deny"),
        # Published before 1921: 14 years and 272 days more; a year that is not known may be such a one.
        (1920, False, "FR", date(2022, 9, 29), "pending"),
        (1920, False, "FR", date(2022, 9, 30), "allow"),
        (None, False, "FR", date(2022, 9, 29), "pending"),
        (1950, False, "FR", date(2008, 1, 1), "allow"),
        # Died for France: 30 years more.
        (1928, True, "FR", date(2046, 4, 29), "pending"),
        (1928, True, "FR", date(2046, 4, 30), "allow"),
    ],
)
def test_life_and_seventy_years(
    published: int | None, for_france: bool, territory: str, on: date, outcome: str
) -> None:
    """Life + 70 everywhere in Europe; in France a doubt while wartime extensions may run; elsewhere only by entry."""
    dead = Party(A, "natural", ("A",), died=1937, died_confirmed=True, died_for_france=for_france)
    known = facts(
        asset=SHEET,
        works=(Work(SONG, "musical", ("Hold On",), published=published),),
        parties=(*(party for party in PARTIES if party.id != A), dead),
        interests=(interest(A, layer=Layer.COMPOSITION),),
        declarations=tuple(replace(item, declared_on=None) for item in facts().declarations),
    )
    assert judge(known, use(territory=territory, on=on)).outcome == outcome


@pytest.mark.parametrize(
    "party",
    [
        Party(A, "natural", ("A",), died=1900, died_confirmed=False),
        Party(A, "natural", ("A",)),
        Party(A, "natural", ("A",), died=99999, died_confirmed=True),
        Party(A, "publisher", ("A",), died=1900, died_confirmed=True),
    ],
    ids=["not confirmed", "no year", "no such year", "a company"],
)
def test_what_is_not_confirmed_is_protected(party: Party) -> None:
    """A year that nobody confirmed, or that cannot be, frees nothing."""
    known = facts(asset=SHEET, parties=(party,), interests=(interest(A),))
    assert judge(known, use(territory="DE")).outcome == "deny"
