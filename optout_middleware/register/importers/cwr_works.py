"""One transaction of Common Works Registration: what its records say of a work, and of who holds what of it.

Rule of this file: it gives records and the parts it could not read; it knows no file. The society of an interest is
that of the mechanical right, since copying for mining is reproduction. CWR has no field for mining or AI: it feeds the
repertoire, never a mandate. What another registered (OWR, OPU) is reported, not controlled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.identifiers import read
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.importers.reference import is_territory, society_id, territories_of
from optout_middleware.register.model import Identifier, Interest, Layer, Party, Source, Work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from optout_middleware.register.importers.cwr_lines import Line
    from optout_middleware.register.records import Record

_OF_WORDS = ("A", "AD", "SA", "TR")  # author, adaptor, sub-author, translator
HOLDERS = ("SPU", "OPU", "SWR", "OWR")
TERRITORIES = {"SPT": "SPU", "OPT": "OPU", "SWT": "SWR", "OWT": "OWR"}
_WHOLE = 10_000  # a share of 100.00 %


def layer_of(role: str) -> Layer:
    """Give the layer of a role, as CWR writes it: lyrics for an author, else composition.

    An interest in words and music is one record: for all roles but those of author and composer alone the rules take it
    as one in both layers.
    """
    return Layer.LYRICS if role in _OF_WORDS else Layer.COMPOSITION


class Delivery(NamedTuple):
    """The file a transaction stands in: who sent it, its name, and the day it was made."""

    sender: str
    name: str
    as_of: date | None


class _Holder:
    """A writer or publisher of the work, with the territories that follow it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.controlled = line.type in ("SPU", "SWR")
        self.is_writer = line.type in ("SWR", "OWR")
        self.ip_number = line["ip_number"]
        self.territories: list[tuple[bool, str]] = []
        if self.is_writer:
            self.name = f"{line['first_name']} {line['last_name']}".strip()
            self.role = line["designation"]
        else:
            self.name, self.role = line["name"], line["publisher_type"]


class Transaction:
    """A work registration in the making.

    Args:
        header: the NWR, REV, ISW or EXC record.
        delivery: the file it stands in.
        is_2_1: whether the fields that came with CWR 2.2 are left out.
    """

    def __init__(self, header: Line, delivery: Delivery, *, is_2_1: bool) -> None:
        self._header, self._delivery, self._is_2_1 = header, delivery, is_2_1
        number = header["submitter_work_id"] or f"line-{header.number}"
        self.id = f"cwr:{delivery.sender}:{number}"
        self._titles = [header["title"]]
        self._numbers: list[tuple[str, str, Line]] = [("iswc", header["iswc"], header)]
        self._holders: list[_Holder] = []
        self._faults: list[Rejected] = []
        self.societies: set[str] = set()

    def add(self, line: Line) -> None:
        """Take up one record of the transaction."""
        if line.type in HOLDERS:
            self._holders.append(_Holder(line))
        elif line.type in TERRITORIES:
            self._territory(line)
        elif line.type == "ALT":
            self._titles.append(line["title"])
        elif line.type == "REC":
            self._recording(line)
        elif line.type == "XRF":
            self._reference(line)

    def records(self) -> Iterator[Record | Rejected]:
        """Give what the transaction comes to: parties, the work, its interests, and what could not be read."""
        titles = tuple(dict.fromkeys(title for title in self._titles if title))
        if not titles:
            yield rejected(self._header.number, "work without a title", self._header.text)
            return
        interests = []
        for place, holder in enumerate(self._holders):
            party = self._party(holder, place)
            if holder.name:
                yield party
            interests.append(self._interest(holder, party.id))
        identifiers = tuple(dict.fromkeys(self._identifiers(self._numbers)))
        yield Work(self.id, "musical", titles, identifiers, source=self._source(self._header))
        yield from interests
        yield from self._faults

    def _territory(self, line: Line) -> None:
        """Add a territory to its holder: the latest of the kind it belongs to that has its number."""
        kind = TERRITORIES[line.type]
        for holder in reversed(self._holders):
            if holder.line.type == kind and holder.ip_number == line["ip_number"]:
                sign, tis = line["incl_excl"], line["tis"]
                if sign not in ("I", "E"):
                    self._fault(line, f"territory is neither included nor excluded ({sign!r}): read as the world")
                    holder.territories.append((True, ""))
                    return
                if not is_territory(tis):
                    wide = "read as the world" if sign == "I" else "not taken out"
                    self._fault(line, f"territory {tis!r} is no TIS number that we know: {wide}")
                holder.territories.append((sign == "I", tis))
                return
        self._fault(line, f"territory of {line['ip_number']!r}, who is no {kind} before it", kept=False)

    def _recording(self, line: Line) -> None:
        if self._is_2_1:
            self._numbers.append(("isrc", line["isrc"], line))
            return
        self._titles.append(line["recording_title"])
        if not line["isrc_validity"].startswith("N"):
            self._numbers.append(("isrc", line["isrc"], line))

    def _reference(self, line: Line) -> None:
        scheme = {"ISW": "iswc", "ISR": "isrc"}.get(line["organisation"])
        if scheme and line["validity"] != "N":
            self._numbers.append((scheme, line["identifier"], line))

    def _party(self, holder: _Holder, place: int) -> Party:
        line = holder.line
        numbers = [("ipi", line["ipi_name"], line), ("ipi-base", line["ipi_base"], line)]
        identifiers = tuple(self._identifiers(numbers))
        ipi = next((found.value for found in identifiers if found.scheme == "ipi"), None)
        if ipi is not None:
            name = f"ipi:{ipi}"
        elif holder.ip_number:
            name = f"cwr:{self._delivery.sender}:{holder.ip_number}"
        else:  # nothing tells it from others of its name: it is of this work only
            name = f"{self.id}#{place}"
        kind = "natural" if holder.is_writer else "publisher"
        return Party(name, kind, (holder.name,) if holder.name else (), identifiers, source=self._source(line))

    def _interest(self, holder: _Holder, party: str) -> Interest:
        line = holder.line
        if not holder.name and line["unknown"] != "Y":
            self._fault(line, "no name, and not said to be unknown")
        return Interest(
            party, self.id, layer_of(holder.role), holder.role, self._society(line),
            territories_of(holder.territories), controlled=holder.controlled, share=self._share(line),
            source=self._source(line),
        )  # fmt: skip

    def _share(self, line: Line) -> float | None:
        text = line["mr_share"]
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or int(text) > _WHOLE:
            self._fault(line, f"share {text!r} is no share from 00000 to 10000: left out")
            return None
        return int(text) / _WHOLE

    def _society(self, line: Line) -> str | None:
        try:
            society = society_id(line["mr_society"])
        except ValueError as error:
            self._fault(line, f"{error}: left out")
            return None
        if society is not None:
            self.societies.add(society)
        return society

    def _identifiers(self, numbers: list[tuple[str, str, Line]]) -> Iterator[Identifier]:
        for scheme, text, line in numbers:
            if not text:
                continue
            found = read(scheme, text)  # None: all zeros, which stand for unknown
            if found is not None and found.checked:
                yield found
            elif found is not None:
                self._fault(line, f"{scheme} {text!r} is not valid: left out")

    def _fault(self, line: Line, reason: str, *, kept: bool = True) -> None:
        self._faults.append(rejected(line.number, reason, line.text, kept=kept))

    def _source(self, line: Line) -> Source:
        return Source(self._delivery.name, "", line.number, self._delivery.as_of)
