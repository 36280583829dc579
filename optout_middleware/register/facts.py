"""Dated facts beside the register: notices, rulings, corrections, disputes, licences, ..., each with its history.

Rule of this file: append-only. A fact is never changed: another one takes its place (`replaces`) or ends it, and both
stay. Each has who recorded it and when, so that what held on any day can be told. The tables (`fact_...`) stand in the
file of the register, made when the first fact is recorded; triggers keep rows as they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optout_middleware.register.current import Current, ExcludedSite
from optout_middleware.register.importers.entries import KINDS as ENTRIES
from optout_middleware.register.importers.entries import EntryError, entry_of, read_entry
from optout_middleware.register.importers.fields import day, domain_or_url, text
from optout_middleware.register.importers.letters import notice_entry, read_notice
from optout_middleware.register.notice import Notice
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from optout_middleware.register.store import RegisterStore

_OF_ENTRIES = ("ruling", "correction", "dispute", "licence", "exception", "mandate")
KINDS = ("notice", *_OF_ENTRIES, "excluded-site")
_ENDED = "ended"  # the one key of the value of a fact that only ends another
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS fact_log (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        recorded_at TEXT NOT NULL,  -- ISO time, UTC
        recorded_by TEXT NOT NULL,
        value TEXT NOT NULL,        -- JSON
        replaces INTEGER UNIQUE REFERENCES fact_log (id)
    )""",
    """CREATE TABLE IF NOT EXISTS fact_document (
        sha256 TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        bytes BLOB NOT NULL
    )""",
    *(
        f"""CREATE TRIGGER IF NOT EXISTS {table}_{what.lower()} BEFORE {what} ON {table}
        BEGIN SELECT RAISE(ABORT, 'facts are kept as they were recorded'); END"""
        for table in ("fact_log", "fact_document")
        for what in ("UPDATE", "DELETE")
    ),
)
_LOAD = "SELECT id, kind, recorded_at, recorded_by, value, replaces FROM fact_log WHERE recorded_at <= ? ORDER BY id"


@dataclass(frozen=True, slots=True)
class Fact:
    """One recorded fact.

    Fields:
        id: its number in the log.
        kind: a name of `KINDS`.
        recorded_at, recorded_by: when, and by whom.
        value: JSON values, as `importers.entries` and `importers.letters` read them; {"ended": REASON} ends what it
            replaces.
        replaces: the number of the fact that it takes the place of.
    """

    id: int
    kind: str
    recorded_at: datetime
    recorded_by: str
    value: Mapping[str, Any]
    replaces: int | None = None

    @property
    def is_end(self) -> bool:
        """Whether it only ends another."""
        return _ENDED in self.value

    def record(self) -> Any:
        """Give what it says, as a record of the model; a ruling or licence without an id has that of the fact."""
        if self.kind == "notice":
            return read_notice(self.value)
        if self.kind == "excluded-site":
            return _excluded(self.value)
        record = read_entry(self.kind, self.value).record
        if self.kind in ("ruling", "licence") and not record.id:
            return replace(record, id=f"{self.kind}-{self.id}")
        return record

    def to_dict(self) -> dict[str, Any]:
        """Give the fact as JSON values."""
        return {
            "id": self.id,
            "kind": self.kind,
            "recorded_at": self.recorded_at.isoformat(),
            "recorded_by": self.recorded_by,
            "value": dict(self.value),
            "replaces": self.replaces,
        }


class FactLog:
    """The facts of one register.

    Args:
        store: the register, whose file they stand in.
        now: the clock, aware.
    """

    def __init__(
        self, store: RegisterStore, *, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    ) -> None:
        self.store = store
        self._db: sqlite3.Connection = store.connection()
        self._now = now
        self._seen = self._newest()

    def add(self, kind: str, value: object, *, by: str, replaces: int | None = None) -> Fact:
        """Record a fact.

        Args:
            kind: a name of `KINDS`.
            value: a record of the model, a `Notice`, or JSON values.
            by: the person who records it.
            replaces: the number of the fact that it takes the place of.

        Raises:
            OptOutError: it cannot be one, says what is wrong; or the file cannot be written.
        """
        return self._add(kind, _value(kind, value), by, replaces)

    def end(self, number: int, *, by: str, reason: str) -> Fact:
        """Record that a fact holds no longer.

        Raises:
            OptOutError: there is no such fact, or it was replaced or ended already.
        """
        if not reason.strip():
            raise OptOutError(f"fact {number} is not ended without a reason: say why")
        return self._add(self.get(number).kind, {_ENDED: reason.strip()}, by, number)

    def get(self, number: int) -> Fact:
        """Give a fact by its number.

        Raises:
            OptOutError: there is none.
        """
        found = next((fact for fact in self.all() if fact.id == number), None)
        if found is None:
            raise OptOutError(f"there is no fact {number}")
        return found

    def all(self, kind: str | None = None, at: datetime | None = None) -> list[Fact]:
        """Give all facts recorded until then, replaced and ended ones too, in their order."""
        with self.store.told("read"):
            if not self._has_tables():
                return []
            rows = self._db.execute(_LOAD, (_stamp(at) if at else "9",)).fetchall()
        facts = [_fact(row) for row in rows]
        return [fact for fact in facts if kind is None or fact.kind == kind]

    def live(self, kind: str | None = None, at: datetime | None = None) -> list[Fact]:
        """Give the facts that held then: not replaced, not ended."""
        facts = self.all(kind, at)
        gone = {fact.replaces for fact in facts}
        return [fact for fact in facts if fact.id not in gone and not fact.is_end]

    def history(self, number: int) -> list[Fact]:
        """Give a fact with all that it took the place of, and all that took its place, oldest first.

        Raises:
            OptOutError: there is none of that number.
        """
        facts = {fact.id: fact for fact in self.all()}
        after = {fact.replaces: fact for fact in facts.values() if fact.replaces is not None}
        if number not in facts:
            raise OptOutError(f"there is no fact {number}")
        first = facts[number]
        while first.replaces is not None:
            first = facts[first.replaces]
        chain = [first]
        while (follower := after.get(chain[-1].id)) is not None:
            chain.append(follower)
        return chain

    def current(self, at: datetime) -> Current:
        """Give what the facts come to at a time: what was recorded by then, and has not run out.

        Raises:
            OptOutError: the file cannot be read, or holds a fact that we cannot read.
        """
        return Current.of(map(_record, self.live(at=at)), at)

    def changed(self) -> bool:
        """Tell whether a fact was recorded, here or by another process, since this was last asked."""
        before, self._seen = self._seen, self._newest()
        return self._seen != before

    def document(self, sha256: str) -> bytes:
        """Give the bytes of a kept document.

        Raises:
            OptOutError: there is none.
        """
        with self.store.told("read"):
            query = "SELECT bytes FROM fact_document WHERE sha256 = ?"
            row = self._db.execute(query, (sha256,)).fetchone() if self._has_tables() else None
        if row is None:
            raise OptOutError(f"no document with SHA-256 {sha256} is kept")
        return bytes(row[0])

    def keep(self, sha256: str, name: str, octets: bytes) -> None:
        """Keep a document by its hash; one that is kept already stays as it is."""
        with self.store.told("write to"):
            self._make_tables()
            self._db.execute("INSERT OR IGNORE INTO fact_document VALUES (?, ?, ?)", (sha256, name, octets))

    def _add(self, kind: str, value: Mapping[str, Any], by: str, replaces: int | None) -> Fact:
        if not by.strip():
            raise OptOutError(f"a {kind} is recorded by a person: say by whom")
        text_of = json.dumps(value, sort_keys=True, separators=(",", ":"))
        with self.store.told("write to"):
            self._make_tables()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                if replaces is not None:
                    self._look_at(replaces, kind)
                at = self._now()
                row = (kind, _stamp(at), by.strip(), text_of, replaces)
                columns = "kind, recorded_at, recorded_by, value, replaces"
                number = self._db.execute(f"INSERT INTO fact_log ({columns}) VALUES (?, ?, ?, ?, ?)", row).lastrowid  # noqa: S608
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return Fact(number or 0, kind, at, by.strip(), value, replaces)

    def _look_at(self, number: int, kind: str) -> None:
        """Look whether a fact may be replaced."""
        row = self._db.execute("SELECT kind FROM fact_log WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] != kind:
            raise OptOutError(
                f"fact {number} is {'none' if row is None else f'a {row[0]}'}: a {kind} replaces a {kind}"
            )
        if self._db.execute("SELECT 1 FROM fact_log WHERE replaces = ?", (number,)).fetchone():
            raise OptOutError(f"fact {number} was replaced or ended already: replace what took its place")

    def _has_tables(self) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'fact_log'"
        return self._db.execute(query).fetchone() is not None

    def _make_tables(self) -> None:
        if not self._has_tables():
            for statement in _SCHEMA:
                self._db.execute(statement)

    def _newest(self) -> int:
        with self.store.told("read"):
            if not self._has_tables():
                return 0
            return int(self._db.execute("SELECT coalesce(max(id), 0) FROM fact_log").fetchone()[0])


def _stamp(at: datetime) -> str:
    if at.utcoffset() is None:
        raise OptOutError("a time without a time zone tells no time: pass an aware datetime")
    return at.astimezone(timezone.utc).isoformat(timespec="microseconds")


def _fact(row: tuple[Any, ...]) -> Fact:
    number, kind, at, by, value, replaces = row
    try:
        read = json.loads(value)
        return Fact(number, kind, datetime.fromisoformat(at), by, MappingProxyType(dict(read)), replaces)
    except (ValueError, TypeError) as error:
        raise OptOutError(f"fact {number} of the register cannot be read: {error}") from None


def _record(fact: Fact) -> Any:
    try:
        return fact.record()
    except (EntryError, KeyError, TypeError) as error:
        raise OptOutError(f"fact {fact.id} of the register cannot be read: {error}") from None


def _value(kind: str, value: object) -> Mapping[str, Any]:
    """Give the JSON values of a fact, read once so that a mistake is told now."""
    if kind not in KINDS:
        raise OptOutError(f"{kind!r} is no kind of fact: choose out of {', '.join(KINDS)}")
    if kind == "notice":
        notice = value if isinstance(value, Notice) else read_notice(_mapping(kind, value))
        return notice_entry(read_notice(notice_entry(notice)))
    if kind == "excluded-site":
        site = value if isinstance(value, ExcludedSite) else _excluded(_mapping(kind, value))
        return {"scope": site.scope, "source": site.source, "date": site.date}
    if isinstance(value, ENTRIES[kind].record):
        value = entry_of(value)
    found = read_entry(kind, _mapping(kind, value))
    if found.left_out:
        raise OptOutError(found.left_out[0])
    return entry_of(found.record)


def _mapping(kind: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, (dict, MappingProxyType)):
        raise OptOutError(f"a {kind} is a mapping of its fields, not {type(value).__name__}")
    return value


def _excluded(value: Mapping[str, Any]) -> ExcludedSite:
    if set(value) != {"scope", "source", "date"}:
        raise EntryError("excluded-site: give exactly scope, source and date")
    try:
        return ExcludedSite(domain_or_url(value["scope"]), text(value["source"]), day(value["date"]).isoformat())
    except ValueError as error:
        raise EntryError(f"excluded-site: {error}") from None
