"""Columns of tables: which fields each kind of table has, and how the columns of a file are found for them.

Rule of this file: one table, `COLUMNS`, that importing, the docs and a test share. A column is found by the name of its
field, whatever its case, or by the mapping of the user: field -> name of the column, or "=VALUE" for all rows alike.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEPARATOR = "|"  # between several values in one cell

_OF_LIST = {
    "party": "id or CISAC code of the party whose it is",
    "work": "id of the work that stands there",
    "class": "class of the assets there: lyrics, notation, music-audio, image, text, book, audiovisual, other",
    "reserved": "whether the party reserves what stands there: true or false",
}
COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "works": {
        "title": "the original title",
        "id": "of the work; else its ISWC, else file name and row",
        "kind": "musical (default), literary, image or audiovisual",
        "alternative_titles": "more titles, with | between them",
        "iswc": "ISWC", "isrc": "ISRCs of its recordings, with | between them",
        "isbn": "ISBNs, the same", "issn": "ISSN", "ismn": "ISMN", "doi": "DOI", "eidr": "EIDR",
        "published": "year", "derived_from": "id of the work that it is made from",
        "writers": "names, with | between them",
        "writer_ids": "ids of parties, in the order of the writers",
        "writer_ipis": "IPI name numbers, the same", "writer_roles": "CWR designations (C, A, CA, AR, ...), the same",
        "writer_societies": "CISAC codes of the mechanical right, the same; one alone counts for all",
        "publishers": "names, with | between them", "publisher_ids": "as of writers", "publisher_ipis": "as of writers",
        "publisher_societies": "as of writers",
    },
    "parties": {
        "names": "names, with | between them; the first is the usual one",
        "id": "of the party; else its IPI name number or ISNI, else file name and row",
        "kind": "natural (default), publisher, label, cmo, agency or host",
        "ipi": "IPI name number", "ipi_base": "IPI base number", "isni": "ISNI",
        "died": "year", "died_confirmed": "whether an authority file says so", "died_for_france": "true or false",
        "domains": "registrable domains that are theirs, with | between them",
        "society": "CISAC code or id of the society that may reserve for them (an asserted mandate)",
    },
    "interests": {
        "party": "id of the party", "work": "id of the work or recording",
        "layer": "composition, lyrics, performance, phonogram, edition, image, text or audiovisual",
        "role": "CWR designation or publisher type; tells the layers where no layer is given",
        "society": "CISAC code or id of the society of the reproduction right",
        "territories": "ISO 3166 codes, EU or WORLD, with | between them",
        "start": "first day, as 2023-10-12", "end": "first day on which it does not hold any more",
        "controlled": "whether the party registered it itself: true (default) or false", "share": "0 to 1",
    },
    "licences": {
        "party": "id of who licensed", "scopes": "domains and URL prefixes, with | between them",
        "usages": "train-ai, ai-use, search, tdm, with | between them",
        "valid_from": "day or time", "valid_until": "day or time; a licence always ends",
        "evidence": "where the licence is kept", "recorded_by": "name of the person who recorded it",
        "conditions": "duties, with | between them", "works": "ids of works, with | between them",
        "repertoires": "ids of societies, with | between them", "layers": "layers, with | between them",
        "territories": "as of interests", "licensee": "whom it licenses",
        "confirmed": "whether the licensor's authority is confirmed", "extended_effect": "true or false",
        "models": "names of models, with | between them", "id": "of the licence",
    },
    "urls": {"url": "absolute URL, or prefix of URLs", **_OF_LIST},
    "domains": {"domain": "domain, with its subdomains", **_OF_LIST},
})  # fmt: skip
REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "works": ("title",), "parties": ("names",), "interests": ("party", "work"),
    "licences": ("party", "usages", "valid_from", "valid_until", "evidence", "recorded_by"),
    "urls": ("url",), "domains": ("domain",),
})  # fmt: skip
# Names that other lists have for the same.
_ALSO = {"name": "names", "uri": "url", "host": "domain", "asset_class": "class", "target": "work", "titles": "title"}


class Columns(NamedTuple):
    """Where the fields of a table stand: field -> place of its column; and the fields that are alike in all rows."""

    places: Mapping[str, int]
    constants: Mapping[str, str]


def kind_of(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> str | None:
    """Tell the kind of a table by its columns: of those that have all they need the one that knows most of them."""
    names = {_normal(name) for name in header} | set(mapping or {})
    able = [kind for kind, required in REQUIRED.items() if names.issuperset(required)]
    return max(able, key=lambda kind: (len(names & COLUMNS[kind].keys()), len(REQUIRED[kind])), default=None)


def found(kind: str, header: Sequence[str], mapping: Mapping[str, str] | None, where: str) -> Columns:
    """Find the columns of a table.

    Raises:
        OptOutError: the mapping names a field or column that is not there, or a field that is needed has none.
    """
    known = COLUMNS[kind]
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if (field := _normal(name)) in known:
            places.setdefault(field, place)
    constants = {}
    for field, column in (mapping or {}).items():
        if field not in known:
            raise OptOutError(f"{where}: the mapping names {field!r}, but {kind} have {', '.join(known)}")
        if column.startswith("="):
            constants[field] = column[1:]
            places.pop(field, None)
        elif column in header:
            places[field] = list(header).index(column)
        else:
            raise OptOutError(f"{where}: no column {column!r}; there are {', '.join(map(repr, header))}"[:1000])
    if missing := [field for field in REQUIRED[kind] if field not in places and field not in constants]:
        raise OptOutError(
            f"{where}: {kind} need a column {missing[0]!r} ({known[missing[0]]}): name it so, or map it to a column"
        )
    return Columns(places, constants)


def _normal(name: str) -> str:
    field = name.strip().lower().replace(" ", "_").replace("-", "_")
    return _ALSO.get(field, field)
