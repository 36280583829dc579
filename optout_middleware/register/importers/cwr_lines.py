"""Common Works Registration as lines: fixed-width records, cut into fields by a layout file.

Rule of this file: it knows positions, encodings and lengths of lines, not what a record means. Lines may end in LF or
CRLF, be trimmed at their right end or be too long; a file may be ASCII, Latin-1 or UTF-8, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

from optout_middleware.register.importers.reference import package_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST = 8192  # octets; the longest record of CWR 2.2 has fewer than 700
# Fields that hold digits or nothing: where they do not, the columns of a line were counted otherwise.
_NUMERIC = {
    **dict.fromkeys(("NWR", "REV", "ISW", "EXC"), "duration"),
    **dict.fromkeys(("SPU", "OPU", "SWR", "OWR"), "mr_share"),
    "REC": "release_date",
}


@dataclass(frozen=True)
class Layout:
    """Where each field stands: record type -> field -> slice; and which record types are headers or read past."""

    records: Mapping[str, Mapping[str, slice]]
    prefix: Mapping[str, slice]
    versions: Mapping[str, str]
    since_2_2: Mapping[str, frozenset[str]]
    headers: frozenset[str]
    read_past: frozenset[str]


@cache
def layout() -> Layout:
    """Give the layout that comes with the package."""
    table = package_data("cwr22_layout.yaml")
    return Layout(
        {name: _slices(fields) for name, fields in table["records"].items()},
        _slices(table["prefix"]),
        table["grh_version"],
        {name: frozenset(fields) for name, fields in table["since_2_2"].items()},
        frozenset(table["headers"]),
        frozenset(table["read_past"]),
    )


def _slices(fields: Mapping[str, tuple[int, int]]) -> dict[str, slice]:
    return {name: slice(start - 1, start - 1 + length) for name, (start, length) in fields.items()}


class Line:
    """One record: its number in the file, its text, and its fields by name, stripped.

    `starts_transaction` tells whether it is the first record of one.
    """

    __slots__ = ("_counted_in_octets", "_fields", "number", "starts_transaction", "text", "type")

    def __init__(self, number: int, raw: bytes) -> None:
        self.number = number
        self.text, self._counted_in_octets = _decoded(raw)
        self.type = self.text[:3]
        known = layout()
        self._fields = known.records.get(self.type, {})
        self.starts_transaction = self.type in known.headers and not self.text[
            known.prefix["record_seq"]
        ].strip().strip("0")

    def __getitem__(self, field: str) -> str:
        text = self.text[self._fields[field]]
        if self._counted_in_octets:
            text = text.encode("latin-1").decode("utf-8", "replace")
        return text.strip()


def lines_of(stream: BinaryIO) -> Iterator[Line]:
    """Read the lines of a file; empty ones and the end-of-file sign of DOS are left out."""
    number = 0
    while raw := stream.readline(_LONGEST):
        number += 1
        rest = raw
        while len(rest) == _LONGEST and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST)
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        raw = raw.rstrip(b"\r\n\x1a\x00 ")
        if raw:
            yield Line(number, raw)


def _decoded(raw: bytes) -> tuple[str, bool]:
    """Decode a line, and tell whether its columns count octets of UTF-8 rather than signs."""
    if raw.isascii():
        return raw.decode("ascii"), False
    octets = raw.decode("latin-1")
    try:
        signs = raw.decode("utf-8")
    except UnicodeDecodeError:
        return octets, False
    if not _is_plausible(signs) and _is_plausible(octets):
        return octets, True
    return signs, False


def _is_plausible(text: str) -> bool:
    """Tell whether the columns of a line are where they should be: a field of digits holds digits, or nothing."""
    name = _NUMERIC.get(text[:3])
    if name is None:
        return True
    place = layout().records[text[:3]][name]
    found = text[place]
    return not found.strip() or (len(found) == place.stop - place.start and found.isascii() and found.isdigit())
