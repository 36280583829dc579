"""Tables that come with the package: territories by their TIS number, societies by their CISAC code.

Rule of this file: it reads the package's own data, once, and changes nothing. In doubt a territory is the whole world,
since an interest that reaches further restricts more (rules R7 and R8).
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from optout_middleware.register.model import WORLD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def package_data(name: str) -> Any:
    """Read a YAML file of the package's own data."""
    return yaml.safe_load((files("optout_middleware.register") / "data" / name).read_text("utf-8"))


class Society(NamedTuple):
    """A society: its id ("cisac:058"), its name as CISAC lists it, and its standing there."""

    id: str
    name: str
    status: str


@cache
def societies() -> Mapping[str, Society]:
    """Give the societies of CISAC's list that the package knows, by their id."""
    table = package_data("societies.yaml")
    listed = (
        Society(f"cisac:{code}", name, table["status"].get(code, "member")) for code, name in table["names"].items()
    )
    return {society.id: society for society in listed}


@cache
def _no_societies() -> frozenset[str]:
    return frozenset(package_data("societies.yaml")["none"])


@lru_cache(maxsize=4096)  # a pure function; a file names few societies, for each of its rows
def society_id(code: str) -> str | None:
    """Give the id of a society by its CISAC code, which is not always padded; None = no society.

    Raises:
        ValueError: it is no code.

    >>> society_id("21 "), society_id("058"), society_id("   "), society_id("099")
    ('cisac:021', 'cisac:058', None, None)
    """
    code = code.strip()
    if not code:
        return None
    if not (code.isascii() and code.isdigit() and len(code) <= 3):  # noqa: PLR2004 - digits of a code
        raise ValueError(f"society {code!r} is no CISAC code of up to three digits")
    padded = code.zfill(3)
    return None if padded in _no_societies() else f"cisac:{padded}"


class _Territories(NamedTuple):
    world: int
    members: Mapping[int, frozenset[str]]
    everywhere: frozenset[str]
    parts: frozenset[str]


@cache
def _territories() -> _Territories:
    table = package_data("territories.yaml")
    members = {number: frozenset([code]) for number, code in table["countries"].items()}
    members |= {number: frozenset(codes) for number, codes in table["groups"].items()}
    return _Territories(table["world"], members, frozenset(table["countries"].values()), frozenset(table["parts"]))


@cache
def territory_codes() -> frozenset[str]:
    """Give the codes that a territory may have in a file that people write."""
    return _territories().everywhere | _territories().parts | {"EU", WORLD}


def is_territory(tis: str) -> bool:
    """Tell whether a TIS number is that of a country, a group or the world."""
    known = _territories()
    return tis.isascii() and tis.isdigit() and (int(tis) == known.world or int(tis) in known.members)


def territories_of(lines: Iterable[tuple[bool, str]]) -> tuple[str, ...]:
    """Give what include and exclude lines come to, as ISO 3166 codes or `WORLD`.

    Lines count one after another: a later one may take back a part of an earlier one. A number that is unknown includes
    the world, and excludes nothing. No line at all, or all excluded, is the world too.

    Args:
        lines: (whether it includes, TIS number) in the order of the file.

    >>> territories_of([(True, "2124"), (False, "0040")])
    ('CH', 'DE')
    >>> territories_of([(True, "2136")]), territories_of([])
    (('WORLD',), ('WORLD',))
    """
    return _reached(tuple(lines))


@lru_cache(maxsize=4096)  # a pure function of the package's table; a file has few different territories
def _reached(lines: tuple[tuple[bool, str], ...]) -> tuple[str, ...]:
    known = _territories()
    reached: set[str] = set()
    for includes, tis in lines:
        number = int(tis) if is_territory(tis) else -1
        if includes:
            if number == known.world or number not in known.members:
                reached |= known.everywhere
            else:
                reached |= known.members[number]
        elif number == known.world:
            reached.clear()
        else:
            reached -= known.members.get(number, frozenset())
    if not reached or reached >= known.everywhere:
        return (WORLD,)
    return tuple(sorted(reached))
