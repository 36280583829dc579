"""One row of a table: the records that it comes to.

Rule of this file: pure; a row is a mapping of field -> text, cells that are empty count as missing. A row that cannot
stand raises `ValueError`; an identifier that is not valid is left out and told, beside the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.register.identifiers import read as read_identifier
from optout_middleware.register.importers import fields
from optout_middleware.register.importers.columns import SEPARATOR
from optout_middleware.register.importers.cwr_works import layer_of
from optout_middleware.register.importers.entries import read_entry
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.importers.reference import society_id
from optout_middleware.register.model import Identifier, Interest, Layer, Mandate, Party, Source, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from optout_middleware.register.records import Record

_OF_WORKS = ("iswc", "isrc", "isbn", "issn", "ismn", "doi", "eidr")
_OF_PARTIES = {"ipi": "ipi", "isni": "isni", "ipi_base": "ipi-base"}
_KINDS_OF_WORK = ("musical", "literary", "image", "audiovisual")
_KINDS_OF_PARTY = ("natural", "publisher", "label", "cmo", "agency", "host")
_LAYER = fields.word(Layer)
_LISTS = ("scopes", "usages", "conditions", "works", "repertoires", "layers", "territories", "models")
# The layer of an interest in a work that is not musical.
_LAYER_OF = {"literary": Layer.TEXT, "image": Layer.IMAGE, "audiovisual": Layer.AUDIOVISUAL}


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.split(SEPARATOR)] if text else []


def _society(text: str) -> str | None:
    if not text:
        return None
    return society_id(text) if text.isascii() and text.isdigit() else text


class _Numbers:
    """Reads identifiers out of cells, and keeps those that are not valid to be told."""

    def __init__(self, line: int) -> None:
        self._line = line
        self.faults: list[Rejected] = []

    def read(self, scheme: str, text: str) -> Iterator[Identifier]:
        for written in _list(text):
            number = read_identifier(scheme, written)
            if number is not None and number.checked:
                yield number
            elif number is not None:
                self.faults.append(
                    rejected(self._line, f"{scheme} {written!r} is not valid: left out", written, kept=True)
                )


def work(row: Mapping[str, str], file: str, line: int) -> Iterator[Record | Rejected]:
    """Read a work with its writers and publishers."""
    title = row.get("title", "")
    if not title:
        raise ValueError("no title")
    kind = row.get("kind") or "musical"
    if kind not in _KINDS_OF_WORK:
        raise ValueError(f"kind {kind!r} is none of {', '.join(_KINDS_OF_WORK)}")
    source, numbers = Source(file, "", line), _Numbers(line)
    identifiers = tuple(
        dict.fromkeys(number for scheme in _OF_WORKS if row.get(scheme) for number in numbers.read(scheme, row[scheme]))
    )
    iswc = next((number.value for number in identifiers if number.scheme == "iswc"), None)
    name = row.get("id") or (f"iswc:{iswc}" if iswc else f"{file}:{line}")
    titles = tuple(dict.fromkeys([title, *filter(None, _list(row.get("alternative_titles", "")))]))
    year = fields.year(row["published"]) if row.get("published") else None
    parties, interests = [], []
    for which, person in (("writer", "natural"), ("publisher", "publisher")):
        for holder, role, society in _holders(row, which, person, name, source, numbers):
            if holder.names:
                parties.append(holder)
            layer = _LAYER_OF.get(kind) or layer_of(role)
            interests.append(Interest(holder.id, name, layer, role, society, source=source))
    yield from parties
    yield Work(
        name, kind, titles, identifiers, published=year, derived_from=row.get("derived_from") or None, source=source
    )
    yield from interests
    yield from numbers.faults


def _holders(
    row: Mapping[str, str], which: str, person: str, work_id: str, source: Source, numbers: _Numbers
) -> Iterator[tuple[Party, str, str | None]]:
    """Give the writers or publishers of a row: columns beside each other, one value for each."""
    names, ids, ipis, roles, societies = (
        _list(row.get(field, ""))
        for field in (f"{which}s", f"{which}_ids", f"{which}_ipis", f"{which}_roles", f"{which}_societies")
    )
    count = max(len(names), len(ids), len(ipis))
    for values, what in ((names, "names"), (ids, "ids"), (ipis, "IPI numbers"), (roles, "roles")):
        if values and len(values) != count:
            raise ValueError(
                f"{count} {which}s, but {len(values)} {what}: write as many, and leave empty what is unknown"
            )
    if len(societies) not in (0, 1, count):
        raise ValueError(f"{count} {which}s, but {len(societies)} societies: write as many, or one for all")
    for place in range(count):
        found = tuple(numbers.read("ipi", ipis[place])) if ipis else ()
        written = names[place] if names else ""
        name = (ids[place] if ids else "") or (f"ipi:{found[0].value}" if found else f"{work_id}#{which}{place}")
        if not (written or found or (ids and ids[place])):
            raise ValueError(f"{which} {place + 1} has neither a name nor an id")
        society = _society(societies[place if len(societies) > 1 else 0]) if societies else None
        role = (roles[place] if roles else "") or ("E" if which == "publisher" else "")
        party = Party(name, person, (written,) if written else (), found, source=source)
        yield party, role, society


def party(row: Mapping[str, str], file: str, line: int) -> Iterator[Record | Rejected]:
    """Read a party, and the mandate that its society has of it."""
    names = tuple(dict.fromkeys(filter(None, _list(row.get("names", "")))))
    if not names:
        raise ValueError("no name")
    kind = row.get("kind") or "natural"
    if kind not in _KINDS_OF_PARTY:
        raise ValueError(f"kind {kind!r} is none of {', '.join(_KINDS_OF_PARTY)}")
    source, numbers = Source(file, "", line), _Numbers(line)
    found = tuple(
        number for field, scheme in _OF_PARTIES.items() if row.get(field) for number in numbers.read(scheme, row[field])
    )
    known = next((f"{number.scheme}:{number.value}" for number in found), f"{file}:{line}")
    name = _society(row.get("id", "")) or known
    yield Party(
        name, kind, names, found,
        died=fields.year(row["died"]) if row.get("died") else None,
        died_confirmed=fields.flag(row.get("died_confirmed", "")),
        died_for_france=fields.flag(row.get("died_for_france", "")),
        domains=tuple(fields.domain(item) for item in _list(row.get("domains", ""))),
        source=source,
    )  # fmt: skip
    if (society := _society(row.get("society", ""))) is not None:
        yield Mandate(name, society, ("reserve",), evidence=f"listed in {file}", source=source)
    yield from numbers.faults


def interest(row: Mapping[str, str], file: str, line: int) -> Iterator[Record | Rejected]:
    """Read an interest; one record for each layer."""
    holder, target = row.get("party", ""), row.get("work", "")
    if not holder or not target:
        raise ValueError("no party" if not holder else "no work")
    role = row.get("role", "")
    given = row.get("layer", "")
    layers = tuple(_LAYER(item) for item in _list(given)) if given else (layer_of(role),)
    for layer in layers:
        yield Interest(
            _society(holder) or holder, target, layer, role, _society(row.get("society", "")),
            fields.territories(_list(row.get("territories", ""))),
            start=fields.maybe_day(row.get("start", "")),
            end=fields.maybe_day(row.get("end", "")),
            controlled=fields.flag(row["controlled"]) if row.get("controlled") else True,
            share=fields.share(row["share"]) if row.get("share") else None,
            source=Source(file, "", line),
        )  # fmt: skip


def licence(row: Mapping[str, str], file: str, line: int) -> Iterator[Record | Rejected]:
    """Read a licence."""
    values: dict[str, Any] = {field: _list(text) if field in _LISTS else text for field, text in row.items() if text}
    yield read_entry("licence", values, Source(file, "", line)).record


def listed(row: Mapping[str, str], file: str, line: int) -> Iterator[Record | Rejected]:
    """Read a line of a URL or domain list."""
    scope = row.get("url") or row.get("domain", "")
    values: dict[str, Any] = {"scope": fields.url(scope) if "url" in row else fields.domain(scope)}
    for field, name in (("party", "party"), ("work", "work"), ("class", "asset_class"), ("reserved", "reserved")):
        if row.get(field):
            values[name] = row[field]
    yield read_entry("url", values, Source(file, "", line)).record


READERS: Mapping[str, Callable[[Mapping[str, str], str, int], Iterator[Record | Rejected]]] = {
    "works": work,
    "parties": party,
    "interests": interest,
    "licences": licence,
    "urls": listed,
    "domains": listed,
}
