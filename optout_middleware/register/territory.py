"""Where a fact holds: territories of reservations, interests and licences against that of the act (rule R8).

Rule of this file: pure. In doubt a restriction reaches the act, and a permission does not: an act "in the EU" may be
done in any member state, so one reserved state reserves it, and only all of them license it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.register.model import WORLD, Strength

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optout_middleware.register.model import Declaration

EU = "EU"
EU_STATES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
_STRONGEST_FIRST = (Strength.STRONG, Strength.CONTESTED, Strength.WEAK)


def touches(territories: Iterable[str], act: str) -> bool:
    """Tell whether a restriction in those territories reaches an act in that one.

    >>> touches(("WORLD",), "FR"), touches(("DE",), "EU"), touches(("EU",), "FR"), touches(("US",), "FR")
    (True, True, True, False)
    """
    named = set(territories)
    if act == WORLD or named & {WORLD, act}:
        return True
    return bool(named & EU_STATES) if act == EU else act in EU_STATES and EU in named


def covers(territories: Iterable[str], act: str) -> bool:
    """Tell whether a permission in those territories covers an act in that one, wherever in it that is done.

    >>> covers(("EU",), "FR"), covers(("DE",), "EU"), covers(("FR",), "WORLD"), covers(("WORLD",), "US")
    (True, False, False, True)
    """
    named = set(territories)
    if named & {WORLD, act}:
        return True
    return act in EU_STATES and EU in named if act != EU else named >= EU_STATES


def strength(declaration: Declaration, act: str) -> Strength:
    """Tell how the form of a declaration stands in law where the act is done; at its strongest in any doubt."""
    listed: dict[str, list[Strength]] = {}
    for state, value in declaration.strengths:
        listed.setdefault(state, []).append(value)
    if act in listed:
        values = listed[act]
    elif act == EU and listed.keys() >= EU_STATES:
        values = [value for state in EU_STATES for value in listed[state]]
    elif act in EU_STATES and EU in listed:
        values = listed[EU]
    else:
        return Strength.STRONG  # a state that is missing
    return min(values, key=_STRONGEST_FIRST.index)
