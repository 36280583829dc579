"""What an import hands to the register besides the entities of `model`, how few records are kept, and the report.

Rule of this file: values and their JSON, nothing that opens a file. Works, parties and interests have rows with
columns of their own; what is few (declarations, licences, mandates, ...) is kept as JSON that says its own types.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.register.model import (
    AssetClass,
    Correction,
    Declaration,
    Dispute,
    Interest,
    Layer,
    Mandate,
    Party,
    PublicDomain,
    Repertoire,
    RightException,
    Source,
    Status,
    Strength,
    Work,
)
from optout_middleware.terms import Licence, OptOutError, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class UrlEntry:
    """One line of a URL or domain list: what it says of that scope.

    Fields:
        scope: a domain (with its subdomains) or an absolute URL prefix.
        party: id of the party whose it is; empty = not said.
        work: id of the work that stands there; empty = not said.
        asset_class: the class of the assets there; None = not said.
        reserved: whether the list says that `party` reserves what stands there.
    """

    scope: str
    party: str = ""
    work: str = ""
    asset_class: AssetClass | None = None
    reserved: bool = False
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class LyricsFingerprint:
    """The fingerprint of the lyrics of a work, as `fingerprint.shingles` gives it; the text itself is not kept."""

    work: str
    hashes: tuple[int, ...]
    source: Source | None = None


Few = Declaration | Repertoire | Licence | Dispute | RightException | Correction | Mandate
Record = Party | Work | Interest | UrlEntry | LyricsFingerprint | Few

_FEW: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Declaration, Repertoire, Licence, Dispute, RightException, Correction, Mandate)
}
_WORDS: dict[str, type[Enum]] = {word.__name__: word for word in (Usage, Layer, AssetClass, Status, Strength)}


class Rejected(NamedTuple):
    """A line of an import that could not be read, or a record that cannot stand: where, and why."""

    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import came to.

    Fields:
        name, sha256: of the import.
        changed: False where this content was imported already; then nothing was written.
        superseded: SHA-256 of the older import of the same name that it took the place of; empty = none.
        rows: kind of record ("Work", "Party", ...) -> how many were taken up.
        matchable: kind -> how many of them can match what stands on a page, in band middle at least.
        unmatchable: why the others cannot -> how many.
        rejected: how many lines were rejected; `samples` the first of them.
        dropped_blocks: blocks that had more works than are compared; each can hide a match.
    """

    name: str
    sha256: str
    changed: bool
    superseded: str = ""
    rows: Mapping[str, int] | None = None
    matchable: Mapping[str, int] | None = None
    unmatchable: Mapping[str, int] | None = None
    rejected: int = 0
    samples: tuple[Rejected, ...] = ()
    dropped_blocks: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "changed": self.changed,
            "superseded": self.superseded,
            "rows": dict(self.rows or {}),
            "matchable": dict(self.matchable or {}),
            "unmatchable": dict(self.unmatchable or {}),
            "rejected": self.rejected,
            "samples": [list(sample) for sample in self.samples],
            "dropped_blocks": self.dropped_blocks,
        }


def encode(record: Any) -> str:
    """Give one of the few records as JSON; its `source` is left out, since its row tells it."""
    values = {
        item.name: _plain(value)
        for item in fields(record)
        if item.name != "source" and (value := getattr(record, item.name)) != item.default
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def encode_more(record: Any, *names: str) -> str | None:
    """Give the fields of that name as JSON, where they are not as by default; None = all are."""
    kept = {
        item.name: _plain(value)
        for item in fields(record)
        if item.name in names and (value := getattr(record, item.name)) != item.default
    }
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else None


def decode_more(text: str | None) -> dict[str, Any]:
    """Give back the fields that `encode_more` wrote."""
    return {name: _value(value) for name, value in json.loads(text).items()} if text else {}


def decode(kind: str, text: str, source: Source | None = None) -> Any:
    """Give back the record that `encode` wrote.

    Raises:
        OptOutError: the text is not one of ours.
    """
    try:
        made = _FEW[kind]
        values = {name: _value(value) for name, value in json.loads(text).items()}
        if any(item.name == "source" for item in fields(made)):
            values["source"] = source
        return made(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OptOutError(f"the register holds a {kind} that cannot be read: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, PublicDomain):
        return {"PublicDomain": [_plain(getattr(value, item.name)) for item in fields(value)]}
    if isinstance(value, Enum):
        return {type(value).__name__: value.value}
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(one) for one in value)
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        if kind == "PublicDomain":
            return PublicDomain(*_value(text))
        if kind == "datetime":
            return datetime.fromisoformat(text)
        return date.fromisoformat(text) if kind == "date" else _WORDS[kind](text)
    return value
