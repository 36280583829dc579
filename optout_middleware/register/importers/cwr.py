"""Common Works Registration 2.1 and 2.2 into records: the repertoire that a society or publisher delivers.

Rule of this file: the order of records in a file, and what its counts come to. `cwr_lines` knows positions, `cwr_works`
what a transaction means. Whatever is out of order is told and read past; a group of another version is not read, since
its positions are others.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from optout_middleware.register.importers.cwr_lines import Line, layout, lines_of
from optout_middleware.register.importers.cwr_works import HOLDERS, TERRITORIES, Delivery, Transaction
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.importers.reference import society_id
from optout_middleware.register.model import AssetClass, Repertoire, Source

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from optout_middleware.register.records import Record

_OF_WORKS = frozenset({"NWR", "REV", "ISW", "EXC"})
_DETAILS = frozenset({*HOLDERS, *TERRITORIES, "ALT", "REC", "XRF"})
_CLASSES = (AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO)


def read(path: str | os.PathLike[str]) -> Iterator[Record | Rejected]:
    """Read a CWR file, one transaction in memory at a time.

    Gives parties, works and interests, at the end a `Repertoire` for each society of a mechanical right (never
    complete: no field says so), and each line that was not read or not in full.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        yield from _Reader(Path(path).name).read(stream)


def as_of(path: str | os.PathLike[str]) -> date | None:
    """Give the day a CWR file was made, as its first record says; None = it does not say.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        first = next(lines_of(stream), None)
    return _day(first["creation_date"]) if first is not None and first.type == "HDR" else None


class _Reader:
    def __init__(self, name: str) -> None:
        self._delivery = Delivery("", name, None)
        self._transaction: Transaction | None = None
        self._skips = False  # details of a transaction that is none of a work
        self._group: Line | None = None
        self._version = "2.2"
        self._known_version = True
        self._counts = _Counts()
        self._closed = False
        self._societies: set[str] = set()

    def read(self, stream: BinaryIO) -> Iterator[Record | Rejected]:
        number = 0
        for line in lines_of(stream):
            if number == 0 and line.type != "HDR":
                yield rejected(line.number, "the file does not begin with HDR", line.text, kept=True)
            number = line.number
            if self._closed:
                yield rejected(number, "after TRL, the end of the file", line.text)
                continue
            self._counts.add(line)
            yield from self._line(line)
        yield from self._finished()
        if not self._closed:
            yield rejected(number, "no TRL at the end: the file may be cut", kept=True)
        for society in sorted(self._societies):
            source = Source(self._delivery.name, "", None, self._delivery.as_of)
            yield Repertoire(society, _CLASSES, as_of=self._delivery.as_of, source=source)

    def _line(self, line: Line) -> Iterator[Record | Rejected]:
        if line.type in ("HDR", "GRH", "GRT", "TRL"):
            yield from self._finished()
            yield from getattr(self, f"_{line.type.lower()}")(line)
        elif not self._known_version:
            return
        elif line.starts_transaction or line.type in _OF_WORKS:
            yield from self._finished()
            self._skips = line.type not in _OF_WORKS
            if not self._skips:
                self._transaction = Transaction(line, self._delivery, is_2_1=self._version == "2.1")
        elif line.type in _DETAILS:
            if self._transaction is not None:
                self._transaction.add(line)
            elif not self._skips:
                yield rejected(line.number, "not within a work registration", line.text)
        elif line.type not in layout().read_past:
            yield rejected(line.number, f"record type {line.type!r} is none of CWR", line.text)

    def _finished(self) -> Iterator[Record | Rejected]:
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return
        yield from transaction.records()
        self._societies |= transaction.societies

    def _hdr(self, line: Line) -> Iterator[Rejected]:
        made = _day(line["creation_date"])
        if made is None:
            yield rejected(line.number, f"creation date {line['creation_date']!r} is no date", line.text, kept=True)
        sender = f"{line['sender_type']}{line['sender_id']}"
        self._delivery = Delivery(sender, self._delivery.name, made)
        if line["sender_type"] == "SO":
            code = line["sender_id"].lstrip("0")
            try:
                society = society_id(code)
            except ValueError as error:
                yield rejected(line.number, f"sender: {error}", line.text, kept=True)
            else:
                self._societies |= {society} if society else set()

    def _grh(self, line: Line) -> Iterator[Rejected]:
        if self._group is not None:
            yield rejected(line.number, "the group before it has no GRT", line.text, kept=True)
        self._group = line
        self._counts.group()
        version = layout().versions.get(line["version"])
        self._known_version = version is not None
        self._version = version or ""
        if version is None:
            yield rejected(
                line.number,
                f"group of version {line['version']!r}, which is neither 02.10 nor 02.20: not read",
                line.text,
            )

    def _grt(self, line: Line) -> Iterator[Rejected]:
        if self._group is None:
            yield rejected(line.number, "GRT without GRH", line.text, kept=True)
        yield from self._counts.of_group(line)
        self._group, self._known_version, self._skips = None, True, False

    def _trl(self, line: Line) -> Iterator[Rejected]:
        if self._group is not None:
            yield rejected(line.number, "the last group has no GRT", line.text, kept=True)
        yield from self._counts.of_file(line)
        self._closed, self._known_version = True, True


class _Counts:
    """Transactions and records as they are found, to be compared with what GRT and TRL say."""

    def __init__(self) -> None:
        self._groups = 0
        self._transactions = self._records = 0
        self._group_transactions = self._group_records = 0

    def add(self, line: Line) -> None:
        self._records += 1
        self._group_records += 1
        if line.starts_transaction:
            self._transactions += 1
            self._group_transactions += 1

    def group(self) -> None:
        """Begin a group; its GRH counts as one of its records."""
        self._groups += 1
        self._group_transactions, self._group_records = 0, 1

    def of_group(self, line: Line) -> Iterator[Rejected]:
        yield from _compared(line, "transaction_count", self._group_transactions)
        yield from _compared(line, "record_count", self._group_records)

    def of_file(self, line: Line) -> Iterator[Rejected]:
        yield from _compared(line, "group_count", self._groups)
        yield from _compared(line, "transaction_count", self._transactions)
        yield from _compared(line, "record_count", self._records)


def _compared(line: Line, field: str, found: int) -> Iterator[Rejected]:
    told = line[field]
    if not (told.isascii() and told.isdigit()) or int(told) != found:
        what = field.replace("_", " ")
        yield rejected(line.number, f"{what} {told or 'missing'}, but {found} found", line.text, kept=True)


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text.isascii() and text.isdigit() else None
    except ValueError:
        return None
