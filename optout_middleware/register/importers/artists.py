"""Artist lists: the authors or performers for whom a society reserves, as text, CSV or XML.

Rule of this file: each artist becomes a party and an asserted mandate of the society to reserve. ADAGP and Adami
publish such lists as XML, whose schema was not obtainable (rights.md sections 1 and 8): `Tags` names the elements of a
schema, so that theirs is read by naming them, and ours is the default. XML is read without entities or network.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from lxml import etree

from optout_middleware.register.identifiers import read as read_identifier
from optout_middleware.register.importers import tables
from optout_middleware.register.importers.fields import society as read_society
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.model import Mandate, Party, Source
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from optout_middleware.register.records import Record

_LONGEST = 65_536  # octets of a line of text
_SCHEMES = ("ipi", "isni")


class Artist(NamedTuple):
    """One artist of a list: line, name, identifiers by scheme as written, and the society, if the list says it."""

    line: int
    name: str
    numbers: tuple[tuple[str, str], ...] = ()
    society: str = ""


@dataclass(frozen=True)
class Tags:
    """The local names of elements of an XML list; one that begins with "@" is an attribute of the artist's element.

    Fields:
        item: an artist.
        name: the full name; where it is missing, first and last name are put together.
        first_name, last_name: the parts of it.
        ipi, isni: identifiers.
        society: an attribute or element outside the artists, or inside of each.
    """

    item: str = "artist"
    name: str = "name"
    first_name: str = "first-name"
    last_name: str = "last-name"
    ipi: str = "@ipi"
    isni: str = "@isni"
    society: str = "@society"


def read(path: str | os.PathLike[str], mapping: Mapping[str, str] | None = None) -> Iterator[Record | Rejected]:
    """Read an artist list.

    Args:
        path: XML, CSV with the columns of parties, or text with one name a line ("# society: 148" names the society).
        mapping: "society" -> "=058" names the society; for CSV field -> column, for XML field of `Tags` -> element.

    Raises:
        OptOutError: no society is named, the mapping does not fit, or it is no XML.
        OSError: it cannot be read.
    """
    file = Path(path)
    given = dict(mapping or {})
    with file.open("rb") as stream:
        start = stream.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        fixed = given.pop("society", "") if given.get("society", "").startswith("=") else ""
        artists = _xml(file, _tags(file, given))
    elif file.suffix.lower() in (".csv", ".tsv", ".parquet") or start.startswith(b"PAR1"):
        yield from _table(file, given)
        return
    else:
        fixed = given.pop("society", "")
        if given:
            raise OptOutError(f"{file}: a list of names has no {next(iter(given))!r}: map only society")
        artists = _text(file)
    society = _society(file, fixed.removeprefix("=")) if fixed else ""
    for artist in artists:
        if isinstance(artist, Rejected):
            yield artist
        else:
            yield from _records(file, artist, society)


def _society(file: Path, text: str) -> str:
    try:
        return read_society(text)
    except ValueError as error:
        raise OptOutError(f"{file}: society: {error}") from None


def _tags(file: Path, mapping: Mapping[str, str]) -> Tags:
    known = [item.name for item in fields(Tags)]
    if unknown := [name for name in mapping if name not in known]:
        raise OptOutError(f"{file}: the mapping names {unknown[0]!r}, but an XML list has {', '.join(known)}")
    return replace(Tags(), **mapping)


def _records(file: Path, artist: Artist, society: str) -> Iterator[Record | Rejected]:
    source = Source(file.name, "", artist.line)
    manager = society or (_society(file, artist.society) if artist.society else "")
    if not manager:
        raise OptOutError(
            f"{file}, line {artist.line}: the list does not say whose it is: map society to =CODE, as society==148"
        )
    found, faults = [], []
    for scheme, written in artist.numbers:
        number = read_identifier(scheme, written)
        if number is not None and number.checked:
            found.append(number)
        elif number is not None:
            reason = f"{scheme} {written!r} is not valid: left out"
            faults.append(rejected(artist.line, reason, artist.name, kept=True))
    name = next((f"{number.scheme}:{number.value}" for number in found), f"{file.name}:{artist.line}")
    yield Party(name, "natural", (artist.name,), tuple(found), source=source)
    yield Mandate(name, manager, ("reserve",), evidence=f"listed in {file.name}", source=source)
    yield from faults


def _table(file: Path, mapping: dict[str, str]) -> Iterator[Record | Rejected]:
    """Read the columns of parties; a row without a society is of nobody's list."""
    party: Party | None = None
    for record in tables.read(file, "parties", mapping):
        if isinstance(record, Mandate) and party is not None:
            yield party
            party = None
        elif party is not None:
            yield _of_nobody(party)
            party = None
        if isinstance(record, Party):
            party = record
        else:
            yield record
    if party is not None:
        yield _of_nobody(party)


def _of_nobody(party: Party) -> Rejected:
    line = party.source.line if party.source else None
    return rejected(
        line or 0, f"{party.names[0]}: no society: fill its column, or map society to =CODE", party.names[0]
    )


def _text(file: Path) -> Iterator[Artist | Rejected]:
    """Read one name a line; "# society: CODE" names the society of what follows, other comments are left out."""
    society, number = "", 0
    with file.open("rb") as stream:
        while raw := stream.readline(_LONGEST):
            number += 1
            text = _decoded(raw).strip().strip("\ufeff")
            if text.startswith("#"):
                said, _, value = text.lstrip("# ").partition(":")
                society = value.strip() if said.strip().lower() == "society" else society
            elif text and not any(sign.isalpha() for sign in text):
                yield rejected(number, "no name", text)
            elif text:
                yield Artist(number, text, society=society)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _xml(file: Path, tags: Tags) -> Iterator[Artist | Rejected]:
    """Read element by element; what is behind the artist at hand is thrown away."""
    society, inside = "", False
    with file.open("rb") as stream:
        try:
            for event, element in etree.iterparse(
                stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
            ):
                local = _local(element)
                if event == "start":
                    society = society or _attribute(element, tags.society) if not inside else society
                    inside = inside or local == tags.item
                elif local == tags.item:
                    yield _artist(element, tags, society)
                    inside = False
                    _forget(element)
                elif not inside:
                    if local == tags.society:
                        society = (element.text or "").strip() or society
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise OptOutError(f"{file}, line {error.lineno}: no XML: {' '.join(str(error.msg).split())}") from None


def _forget(element: etree._Element) -> None:
    element.clear()
    while element.getprevious() is not None and (parent := element.getparent()) is not None:
        del parent[0]


def _artist(element: etree._Element, tags: Tags, society: str) -> Artist | Rejected:
    line = cast("int", element.sourceline or 0)  # the stubs say otherwise
    name = _value(element, tags.name)
    if not name:
        name = f"{_value(element, tags.first_name)} {_value(element, tags.last_name)}".strip()
    if not name:
        return rejected(line, f"an element {tags.item!r} without a name")
    numbers = tuple((scheme, found) for scheme in _SCHEMES if (found := _value(element, getattr(tags, scheme))))
    return Artist(line, name, numbers, _value(element, tags.society) or society)


def _value(element: etree._Element, tag: str) -> str:
    if tag.startswith("@"):
        return _attribute(element, tag)
    for inner in element.iter():
        if inner is not element and _local(inner) == tag:
            return " ".join("".join(map(str, inner.itertext())).split())
    return ""


def _attribute(element: etree._Element, tag: str) -> str:
    return str(element.get(tag[1:]) or "").strip() if tag.startswith("@") else ""


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
