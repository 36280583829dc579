"""Documents in YAML: declarations, licences, mandates, exceptions, repertoires, corrections, rulings and the rest.

Rule of this file: the form of a document. Its top is a mapping of sections; each entry is read by `entries`, and each
mistake is one line with its number, beside which the other entries still count. Keys are strict.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from optout_middleware.register.importers.entries import KINDS, RECOMMENDATION, EntryError, read_entry
from optout_middleware.register.importers.fields import maybe_day
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.importers.yaml_lines import Entry, YamlError, entries_of
from optout_middleware.register.model import Source
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from datetime import date

    from optout_middleware.register.records import Record
    from optout_middleware.terms import Ruling

SCHEMA_VERSION = "1"
LARGEST = 16 * 1_048_576  # octets; what is larger is a table, and belongs into CSV or Parquet
# Section of a document -> kind of its entries.
SECTIONS = {
    "parties": "party", "works": "work", "interests": "interest", "mandates": "mandate", "repertoires": "repertoire",
    "declarations": "declaration", "exceptions": "exception", "licences": "licence", "disputes": "dispute",
    "corrections": "correction", "rulings": "ruling", "urls": "url",
}  # fmt: skip
_ABOUT = ("schema_version", "as_of", "source", "notes")  # what a document says of itself
_RECOMMENDATIONS = "recommendations_only"


def read(path: str | os.PathLike[str]) -> Iterator[Record | Ruling | Rejected]:
    """Read a document; its entries in their order, and each mistake.

    Raises:
        OptOutError: it is too large, no UTF-8, no YAML, or of another schema version.
        OSError: it cannot be read.
    """
    file = Path(path)
    text, entries = _opened(file)
    lines = text.splitlines()
    day = _as_of(file, entries)
    for entry in entries:
        yield from _entry(file, entry, day, lines)


def as_of(path: str | os.PathLike[str]) -> date | None:
    """Give the day that a document says it holds as of; None = it does not say.

    Raises:
        OptOutError: as for `read`.
        OSError: it cannot be read.
    """
    file = Path(path)
    return _as_of(file, _opened(file)[1])


def _opened(file: Path) -> tuple[str, list[Entry]]:
    if file.stat().st_size > LARGEST:
        raise OptOutError(f"{file} has more than {LARGEST // 1_048_576} MiB, too much for a document: import a table")
    try:
        text = file.read_bytes().decode("utf-8-sig")
        entries = entries_of(text)
    except UnicodeDecodeError as error:
        raise OptOutError(f"{file} is not UTF-8 from octet {error.start} on: save it as UTF-8") from None
    except YamlError as error:
        raise OptOutError(f"{file}, {error}") from None
    return text, entries


def _as_of(file: Path, entries: list[Entry]) -> date | None:
    """Give the day that the document says it holds as of; look at its version too."""
    said = {entry.section: entry for entry in entries if entry.section in _ABOUT}
    version = said.get("schema_version")
    if version is not None and version.values != SCHEMA_VERSION:
        raise OptOutError(
            f"{file}, line {version.line}: schema_version {version.values!r} is not {SCHEMA_VERSION}, the one we read"
        )
    if (day := said.get("as_of")) is None:
        return None
    try:
        return maybe_day(day.values)
    except ValueError as error:
        raise OptOutError(f"{file}, line {day.line}: as_of: {error}") from None


def _entry(file: Path, entry: Entry, as_of: date | None, lines: list[str]) -> Iterator[Record | Ruling | Rejected]:
    if entry.section in _ABOUT:
        return
    text = lines[entry.line - 1] if entry.line <= len(lines) else ""
    if entry.section == _RECOMMENDATIONS:
        yield rejected(entry.line, RECOMMENDATION, text)
        return
    kind = SECTIONS.get(entry.section)
    if kind is None:
        near = get_close_matches(entry.section, SECTIONS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose out of {', '.join(SECTIONS)}"
        yield rejected(entry.line, f"unknown section {entry.section!r}: {hint}", text)
        return
    if not isinstance(entry.values, dict):
        if entry.values not in (None, ""):
            fields = ", ".join(KINDS[kind].fields)
            yield rejected(entry.line, f"an entry of {entry.section} is a mapping of {fields}", text)
        return
    try:
        found = read_entry(kind, entry.values, Source(file.name, "", entry.line, as_of))
    except EntryError as error:
        line = entry.lines.get(error.key, entry.line)
        yield rejected(line, str(error), lines[line - 1] if line <= len(lines) else "")
        return
    yield found.record
    for reason in found.left_out:
        yield rejected(entry.line, reason, text, kept=True)
