"""One import: records are staged in temporary tables, then merged into the register in one transaction.

Rule of this file: from records to rows. Staging holds no lock on the register and goes away with the process, so a
killed import leaves nothing; `merging` does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.register import merging, normalise
from optout_middleware.register.blocking import hashed, name_key, work_key
from optout_middleware.register.model import Identifier, Interest, Mandate, Party, Work
from optout_middleware.register.records import (
    Few,
    ImportReport,
    LyricsFingerprint,
    Record,
    Rejected,
    UrlEntry,
    encode,
    encode_more,
)
from optout_middleware.urls import origin_of, path_and_query

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

_ROWS = 5_000  # that wait in memory, of each table
_SAMPLES = 1_000  # rejected lines whose reasons are kept
_RECENT = 400_000  # parties remembered: importers repeat a party for each of its works
_MAX_SHINGLES = 2_000  # of one text
# Roles (CWR, and ours) of those whom a page does not credit as makers: no blocks are made of their names.
_BUSINESS = frozenset(("e", "am", "aq", "se", "pa", "es", "publisher", "label", "agency", "cmo", "host"))
# Temporary table -> its columns; the insertion order is the row's.
STAGES = {
    "s_work": "key, id, kind, titles, norm, identifiers, published, more, line",
    "s_work_key": "key, work",
    "s_party": "id, kind, names, norm, identifiers, more, line",
    "s_party_key": "key, party",
    "s_interest": 'target, n, party, term, share, start, "end", line',
    "s_term": "id INTEGER PRIMARY KEY, layer, role, society, territories, controlled, creative",
    "s_url": "origin, path, scope, party, work, class, reserved, line",
    "s_shingle": "hash, work",
    "s_fingerprint": "work, shingles",
    "s_few": "kind, about, n, json, line",
}


class Batch:
    """What one import adds; made by `RegisterStore.importing`.

    Fields:
        known: whether this content was imported already; then `add` does nothing, and reading on is needless.
        report: what came of it, after the block.
    """

    def __init__(self, db: sqlite3.Connection, name: str, sha256: str, as_of: date | None, kind: str) -> None:
        self._db = db
        self.source = merging.ImportOf(name, sha256, as_of.isoformat() if as_of else None, kind)
        self.known = merging.is_live(db, self.source)
        self.report = ImportReport(name, sha256, changed=False)
        self._waiting: dict[str, list[tuple[Any, ...]]] = {stage: [] for stage in STAGES}
        self._terms: dict[tuple[Any, ...], int] = {}
        self._recent: set[int] = set()
        self._count = self._rejected = 0
        self._samples: list[Rejected] = []
        self._take: dict[type[Any], Callable[[Any], None]] = {
            Work: self._work,
            Party: self._party,
            Interest: self._interest,
            UrlEntry: self._url,
            LyricsFingerprint: self._fingerprint,
        }
        for stage, columns in STAGES.items():
            db.execute(f"DROP TABLE IF EXISTS temp.{stage}")
            db.execute(f"CREATE TEMP TABLE {stage} ({columns})")
        db.execute("BEGIN DEFERRED")  # of the temporary tables only: without it each insertion is a transaction

    def add(self, record: Record) -> None:
        """Take up one record; what cannot stand is counted as rejected.

        Raises:
            TypeError: not a record of the register.
        """
        if not self.known:
            self._count += 1
            self._take.get(type(record), self._few)(record)

    def reject(self, line: int | None, reason: str) -> None:
        """Count a line that could not be read, with the reason."""
        self._rejected += 1
        if len(self._samples) < _SAMPLES:
            self._samples.append(Rejected(line, reason))

    def finish(self) -> None:
        """Merge what was added, in one transaction.

        Raises:
            sqlite3.Error: the file cannot be written.
        """
        if self.known:
            return
        for stage in STAGES:
            self._flush(stage)
        self._db.execute("COMMIT")
        merge = merging.Merge(self._db, self.source)
        self.report = merge.run(self._rejected, tuple(self._samples))

    def close(self) -> None:
        """Let the staged rows go."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        for stage in STAGES:
            self._db.execute(f"DROP TABLE IF EXISTS temp.{stage}")

    def _work(self, work: Work) -> None:
        key = work_key(work.id)
        form = normalise.recording_title if work.kind == "recording" else normalise.work_title
        norm = [norm for title in work.titles if (norm := form(title))]
        more = None
        if work.derived_from or work.components or work.public_domain:  # few have any
            more = encode_more(work, "derived_from", "components", "public_domain")
        row = (key, _text(work.id), work.kind, _lines(work.titles), _lines(norm))
        self._row("s_work", (*row, _identifiers(work.identifiers), work.published, more, _line(work)))
        for identifier in work.identifiers:
            self._row("s_work_key", (hashed("id", identifier.scheme, identifier.value), key))

    def _party(self, party: Party) -> None:
        seen = hash((party.id, party.names, party.identifiers, party.domains))
        if seen in self._recent:
            return
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent.add(seen)
        identity = _text(party.id)
        norm = [form for form in map(normalise.name, party.names) if form]
        more = None
        if party.died or party.died_confirmed or party.died_for_france or party.domains:  # few have any
            more = encode_more(party, "died", "died_confirmed", "died_for_france", "domains")
        row = (identity, party.kind, _lines(party.names), _lines(norm), _identifiers(party.identifiers), more)
        self._row("s_party", (*row, _line(party)))
        for form in norm:
            self._row("s_party_key", (name_key(form), identity))
        for identifier in party.identifiers:
            self._row("s_party_key", (hashed("id", identifier.scheme, identifier.value), identity))
        for domain in party.domains:
            self._url(UrlEntry(domain, party=party.id, source=party.source))

    def _interest(self, interest: Interest) -> None:
        combination = (interest.layer, interest.role, interest.society, interest.territories, interest.controlled)
        term = self._terms.get(combination)
        if term is None:
            term = self._terms[combination] = len(self._terms)
            creative = interest.role.lower() not in _BUSINESS
            territories = " ".join(interest.territories)
            told = (interest.layer.value, interest.role, interest.society or "", territories, interest.controlled)
            self._row("s_term", (term, *told, creative))
        start = interest.start.isoformat() if interest.start else None
        end = interest.end.isoformat() if interest.end else None
        row = (work_key(interest.target), self._count, _text(interest.party), term, interest.share, start, end)
        self._row("s_interest", (*row, _line(interest)))

    def _url(self, entry: UrlEntry) -> None:
        if "://" in entry.scope:
            origin, path = origin_of(entry.scope), path_and_query(entry.scope)
        else:
            origin, path = entry.scope.lower().strip("."), ""
        if not origin or ("." not in origin and "://" not in origin):
            self.reject(_line(entry), f"{entry.scope!r} is neither a domain nor an absolute URL prefix")
            return
        kind = entry.asset_class.value if entry.asset_class else None
        row = (_text(origin), _text(path), _text(entry.scope), _text(entry.party), _text(entry.work), kind)
        self._row("s_url", (*row, entry.reserved, _line(entry)))

    def _fingerprint(self, made: LyricsFingerprint) -> None:
        hashes = made.hashes[:_MAX_SHINGLES]
        if not hashes:
            self.reject(_line(made), f"the lyrics of {made.work} are too short for a fingerprint")
            return
        work = _text(made.work)
        self._row("s_fingerprint", (work, len(set(hashes))))
        for shingle in set(hashes):
            self._row("s_shingle", (shingle, work))

    def _few(self, record: Few) -> None:
        if not isinstance(record, Few):
            raise TypeError(f"{type(record).__name__} is no record of the register")
        about = record.grantor if isinstance(record, Mandate) else ""
        row = (type(record).__name__, _text(about), self._count, _text(encode(record)), _line(record))
        self._row("s_few", row)

    def _row(self, stage: str, row: tuple[Any, ...]) -> None:
        waiting = self._waiting[stage]
        waiting.append(row)
        if len(waiting) >= _ROWS:
            self._flush(stage)

    def _flush(self, stage: str) -> None:
        waiting = self._waiting[stage]
        if waiting:
            places = ", ".join("?" * len(waiting[0]))
            self._db.executemany(f"INSERT INTO temp.{stage} VALUES ({places})", waiting)  # noqa: S608 - our own names
            waiting.clear()


def _text(text: str) -> str:
    """Give text as SQLite can hold it: a lone surrogate, which is no UTF-8, as a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _lines(texts: Sequence[str]) -> str:
    """Give texts one a line, each once."""
    if len(texts) == 1:  # most are one
        return _text(texts[0]).replace("\n", " ")
    return "\n".join(dict.fromkeys(_text(text).replace("\n", " ") for text in texts))


def _identifiers(identifiers: Iterable[Identifier]) -> str | None:
    told = [f"{'' if one.checked else '?'}{one.scheme} {one.value}" for one in identifiers]
    return _lines(told) or None


def _line(record: Any) -> int | None:
    source = getattr(record, "source", None)
    return None if source is None else source.line
