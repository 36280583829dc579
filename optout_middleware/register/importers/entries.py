"""Entries that people write (YAML, rows of tables, dated facts): which fields each kind has, and their records.

Rule of this file: one table, `KINDS`, that reading, writing, the docs and a test share. Keys are strict: one that is
not in the table is a mistake, told by its name. A recommendation of a trade body is no reservation
(rights.md section 1).
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from difflib import get_close_matches
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.policy import FINDINGS
from optout_middleware.register.importers import fields as f
from optout_middleware.register.model import (
    AssetClass,
    Correction,
    Declaration,
    Dispute,
    Interest,
    Layer,
    Mandate,
    Party,
    Repertoire,
    RightException,
    Source,
    Status,
    Work,
)
from optout_middleware.register.records import UrlEntry
from optout_middleware.terms import Licence, OptOutError, Outcome, Ruling, Usage, WaitsFor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECOMMENDATION = "a recommendation of a body to its members is no reservation of anyone's work: not imported"
_FORMS = (
    "statement", "statement+xml", "letter", "letter+statement", "pdf-statement", "portal", "copyright-page",
    "copyright-line", "policy-page", "embedded-metadata", "register",
)  # fmt: skip


class EntryError(OptOutError, ValueError):
    """An entry that cannot be read; the message names its field, says why, and what to write instead."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Kind:
    """One kind of entry: its record, how each of its fields is read, which it must have, and what else must hold.

    `check` gives what is wrong with the whole, or an empty text.
    """

    record: type[Any]
    fields: Mapping[str, Callable[[object], Any]]
    required: tuple[str, ...]
    check: Callable[[Any], str] = lambda _record: ""


class Read(NamedTuple):
    """A record, and what of its entry was left out (identifiers that are not valid)."""

    record: Any
    left_out: tuple[str, ...] = ()


def _check_licence(licence: Licence) -> str:
    if not (licence.scopes or licence.works or licence.repertoires):
        return "it lists nothing: name scopes, works or repertoires"
    return "" if licence.valid_from < licence.valid_until else "it ends before it begins"


def _check_ruling(ruling: Ruling) -> str:
    row = FINDINGS.get(ruling.finding)
    if row is None:
        return f"finding {ruling.finding!r} is none of {', '.join(FINDINGS)}"
    if not row.overridable:
        return f"finding {ruling.finding!r} is answered by no ruling: {row.meaning}"
    if row.waits_for is not None and row.waits_for is not WaitsFor.PERSON:
        return f"finding {ruling.finding!r} is answered by no person: it waits for a {row.waits_for}"
    return "" if ruling.valid_from < ruling.valid_until else "it ends before it begins"


def _check_repertoire(repertoire: Repertoire) -> str:
    if repertoire.complete and not (repertoire.as_of and repertoire.expires and repertoire.classes):
        return "complete needs classes, as_of and expires: no repertoire is complete for ever"
    return ""


def _check_span(record: Mandate | RightException | Correction | Interest) -> str:
    return "it ends before it begins" if record.start and record.end and record.end <= record.start else ""


def _check_url(entry: UrlEntry) -> str:
    if entry.reserved and not entry.party:
        return "reserved needs the party that reserves"
    return "" if entry.party or entry.work or entry.asset_class else "name a party, a work or a class"


def _scope(value: object) -> str:
    if str(value).replace("-", "_") == "recommendation_only":
        raise ValueError(RECOMMENDATION)
    return f.one_of("repertoire", "parties", "works", "catalogue", "site", "asset")(value)


def _usages(value: object) -> tuple[Usage, ...]:
    found = f.words(Usage)(value)
    if not found:
        raise ValueError(f"give at least one of {', '.join(usage.value for usage in Usage)}")
    return found


_SPAN: dict[str, Callable[[object], Any]] = {"start": f.maybe_day, "end": f.maybe_day}
_PERIOD: dict[str, Callable[[object], Any]] = {"valid_from": f.moment, "valid_until": f.moment}
KINDS: Mapping[str, Kind] = MappingProxyType({
    "party": Kind(
        Party,
        {
            "id": f.society, "kind": f.one_of("natural", "publisher", "label", "cmo", "agency", "host"),
            "names": f.texts, "identifiers": f.numbers, "died": f.year, "died_confirmed": f.flag,
            "died_for_france": f.flag, "domains": f.domains,
        },
        ("id", "kind"),
        lambda party: "" if party.names or party.identifiers else "it has neither a name nor an identifier",
    ),
    "work": Kind(
        Work,
        {
            "id": f.text, "kind": f.one_of("musical", "literary", "image", "audiovisual"), "titles": f.texts,
            "identifiers": f.numbers, "published": f.year, "derived_from": f.text, "components": f.texts,
            "public_domain": f.public_domain,
        },
        ("id", "kind"),
        lambda work: "" if work.titles or work.identifiers else "it has neither a title nor an identifier",
    ),
    "interest": Kind(
        Interest,
        {
            "party": f.society, "target": f.text, "layer": f.word(Layer), "role": f.maybe_text, "society": f.society,
            "territories": f.territories, **_SPAN, "controlled": f.flag, "share": f.share,
        },
        ("party", "target", "layer"),
        _check_span,
    ),
    "mandate": Kind(
        Mandate,
        {
            "grantor": f.society, "manager": f.society, "uses": f.some_of("reserve", "license"), "works": f.texts,
            "territories": f.territories, "exclusive": f.flag, **_SPAN,
            "basis": f.one_of(
                "statutes", "contract", "silence-after-notice", "extended-collective", "law", "notice"
            ),
            "status": f.word(Status), "evidence": f.maybe_text,
        },
        ("grantor", "manager"),
        _check_span,
    ),
    "repertoire": Kind(
        Repertoire,
        {
            "society": f.society, "classes": f.words(AssetClass), "complete": f.flag, "as_of": f.maybe_day,
            "expires": f.maybe_day,
        },
        ("society",),
        _check_repertoire,
    ),
    "declaration": Kind(
        Declaration,
        {
            "id": f.text, "declarant": f.society, "scope": _scope, "usages": _usages, "targets": f.texts,
            "layers": f.words(Layer), "classes": f.words(AssetClass), "territories": f.territories,
            "declared_on": f.maybe_day, "effective_from": f.maybe_day, "withdrawn_on": f.maybe_day,
            "carve_outs": f.words(Usage), "needs_right": f.flag, "on_behalf_of": f.maybe_text,
            "legal_basis": f.texts, "form": f.one_of(*_FORMS), "machine_readable": f.flag,
            "strengths": f.strengths, "text": f.maybe_text, "sources": f.texts,
        },
        ("id", "declarant", "scope"),
    ),
    "exception": Kind(
        RightException,
        {
            "target": f.society, "party": f.society, "direction": f.one_of("withhold", "permit"), "works": f.texts,
            **_SPAN, "evidence": f.text, "confirmed_by": f.text,
        },
        ("target", "party", "direction", "evidence"),
        _check_span,
    ),
    "licence": Kind(
        Licence,
        {
            "party": f.society, "scopes": f.scopes, "usages": _usages, **_PERIOD, "evidence": f.text,
            "recorded_by": f.text, "conditions": f.texts, "works": f.texts, "repertoires": f.texts,
            "layers": f.words(Layer), "territories": f.territories, "licensee": f.maybe_text, "confirmed": f.flag,
            "extended_effect": f.flag, "models": f.texts, "id": f.maybe_text,
        },
        ("party", "usages", "valid_from", "valid_until", "evidence", "recorded_by"),
        _check_licence,
    ),
    "dispute": Kind(
        Dispute,
        {
            "id": f.text, "subject": f.society, "parties": f.some_texts, "opened": f.day, "closed": f.maybe_day,
            "outcome": f.maybe_text, "evidence": f.maybe_text,
        },
        ("id", "subject", "parties", "opened"),
    ),
    "correction": Kind(
        Correction,
        {
            "subject": f.text, "scope": f.maybe_scope, "by": f.text, "evidence": f.text, "start": f.day,
            "end": f.maybe_day,
        },
        ("subject", "by", "evidence", "start"),
        _check_span,
    ),
    "ruling": Kind(
        Ruling,
        {
            "finding": f.text, "scope": f.maybe_scope, "party": f.maybe_text,
            "outcome": lambda value: Outcome(f.one_of("allow", "deny")(value)), "by": f.text, "reason": f.text,
            **_PERIOD, "id": f.maybe_text, "rule": f.maybe_text,
        },
        ("finding", "outcome", "by", "reason", "valid_from", "valid_until"),
        _check_ruling,
    ),
    "url": Kind(
        UrlEntry,
        {
            "scope": f.domain_or_url, "party": f.society, "work": f.text, "asset_class": f.word(AssetClass),
            "reserved": f.flag,
        },
        ("scope",),
        _check_url,
    ),
})  # fmt: skip


def read_entry(kind: str, values: Mapping[str, Any], source: Source | None = None) -> Read:
    """Read one entry.

    Args:
        kind: a name of `KINDS`.
        values: field -> value, as YAML, JSON or a table gives it.
        source: where it stands; kept where the record has a field for it.

    Raises:
        EntryError: a field is unknown, missing or cannot be read, or the whole cannot hold.
    """
    known = KINDS[kind]
    what = _called(kind, values)
    _look_at_keys(known, values, what)
    made: dict[str, Any] = {
        item.name: known.fields[item.name](None)  # what may be missing and has no default is empty
        for item in fields(known.record)
        if item.default is MISSING and item.name not in known.required
    }
    left_out: list[str] = []
    for name, value in values.items():
        if value is None:
            continue
        try:
            read = known.fields[name](value)
        except ValueError as error:
            raise EntryError(f"{what}: {name}: {error}", name) from None
        if isinstance(read, f.Numbers):
            left_out += [f"{what}: {number.scheme} {number.value!r} is not valid: left out" for number in read.invalid]
            read = read.valid
        made[name] = read
    if source is not None and any(item.name == "source" for item in fields(known.record)):
        made["source"] = source
    try:
        record = known.record(**made)
    except OptOutError as error:
        raise EntryError(f"{what}: {error}") from None
    if wrong := known.check(record):
        raise EntryError(f"{what}: {wrong}")
    return Read(record, tuple(left_out))


def _look_at_keys(known: Kind, values: Mapping[str, Any], what: str) -> None:
    for name in values:
        if name not in known.fields:
            near = get_close_matches(str(name), known.fields, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known.fields)}"
            raise EntryError(f"{what}: unknown field {str(name)!r}: {hint}", str(name))
    if missing := [name for name in known.required if values.get(name) in (None, "")]:
        raise EntryError(f"{what}: {missing[0]} is missing")


def entry_of(record: Any) -> dict[str, Any]:
    """Give a record as an entry of JSON values, which `read_entry` reads again; what is as by default is left out."""
    (kind,) = (known for known in KINDS.values() if known.record is type(record))
    shown = {}
    for item in fields(record):
        value = getattr(record, item.name)
        if item.name in kind.fields and value != item.default:
            shown[item.name] = _plain(item.name, value)
    return shown


def _called(kind: str, values: Mapping[str, Any]) -> str:
    name = next(
        (values[key] for key in ("id", "party", "subject", "finding", "scope", "society") if values.get(key)), ""
    )
    return f"{kind} {name}" if isinstance(name, str) and name else kind


def _plain(name: str, value: Any) -> Any:
    if name == "identifiers":
        numbers: dict[str, list[str]] = {}
        for number in value:
            numbers.setdefault(number.scheme, []).append(number.value)
        return numbers
    if name == "strengths":
        return {state: strength.value for state, strength in value}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if is_dataclass(value):
        return {item.name: _plain(item.name, getattr(value, item.name)) for item in fields(value)}
    return [_plain("", item) for item in value] if isinstance(value, tuple) else value
