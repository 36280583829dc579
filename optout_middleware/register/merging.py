"""The end of an import: the staged rows take the place of the older import of that name, in one transaction.

Rule of this file: either all of it is there afterwards, or nothing. Rows go in sorted by their key, which is what
keeps this quick and small. Blocks are made for each work that is new, or whose interests or parties are: titles, names
and interests may come from different imports, in any order.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.blocking import CAP, blocks_of
from optout_middleware.register.records import ImportReport, Rejected
from optout_middleware.register.schema import CACHE_KIB, OF_AN_IMPORT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_ONLY_NUMBERS = ("ipi", "ipi-base")  # identifiers of parties that hardly ever stand on pages
_CACHE_KIB = 64 * 1024  # of pages while merging: parties are looked up in no order; sorting takes as much again
_CHUNK = 50_000  # rows that wait in memory
_KINDS = {
    "work": "Work",
    "party": "Party",
    "interest": "Interest",
    "url": "UrlEntry",
    "fingerprint": "LyricsFingerprint",
}
# Works that a block may have lost or gained a name for.
_TOUCHED = """INSERT OR IGNORE INTO temp.s_touched
    SELECT key FROM temp.s_work UNION SELECT target FROM temp.s_interest"""
_TOUCHED_BY_PARTIES = """INSERT OR IGNORE INTO temp.s_touched
    SELECT target FROM main.interest WHERE import <> ? AND party IN (SELECT id FROM temp.s_party)"""
# Table -> what goes into it; the last record of a work or party comes first, and the first one stays.
_COPY = {
    "work": """SELECT key, ?, id, kind, titles, norm, identifiers, published, more, line FROM temp.s_work
        ORDER BY key, rowid DESC""",
    "work_key": "SELECT key, work, ? FROM temp.s_work_key ORDER BY key, work",
    "party": """SELECT id, ?, kind, names, norm, identifiers, more, line FROM temp.s_party
        ORDER BY id, rowid DESC""",
    "party_key": "SELECT key, party, ? FROM temp.s_party_key ORDER BY key, party",
    "interest": """SELECT i.target, ?, i.n, i.party, s.term, i.share, i.start, i."end", i.line
        FROM temp.s_interest i JOIN temp.s_term_of s ON s.id = i.term ORDER BY i.target, i.n""",
    # With max() the other columns come from the row that has it (SQLite, "Bare columns in an aggregate query").
    "member": """SELECT party, society, import, target FROM (
            SELECT i.party, s.society, ? AS import, i.target, max(i."end" IS NULL)
            FROM temp.s_interest i JOIN temp.s_term_of s ON s.id = i.term WHERE s.society <> ''
            GROUP BY i.party, s.society
        )""",
    "url": """SELECT origin, path, ?, scope, party, work, class, reserved, line FROM temp.s_url
        ORDER BY origin, path, rowid DESC""",
    "shingle": "SELECT hash, work, ? FROM temp.s_shingle ORDER BY hash, work",
    "fingerprint": "SELECT work, ?, max(shingles) FROM temp.s_fingerprint GROUP BY work",
    "few": "SELECT kind, about, ?, n, json, line FROM temp.s_few ORDER BY kind, about, n",
}
_NAMES = """SELECT t.key, w.import, w.norm, w.identifiers IS NOT NULL, group_concat(p.norm, char(10)),
        count(term.id)
    FROM temp.s_touched t CROSS JOIN main.work w ON w.key = t.key
    LEFT JOIN main.interest i ON i.target = t.key
    LEFT JOIN main.term ON term.id = i.term AND term.creative
    LEFT JOIN main.party p ON p.id = i.party AND term.id IS NOT NULL
    GROUP BY t.key, w.import ORDER BY t.key, w.import"""


class ImportOf(NamedTuple):
    """What an import is of; `as_of` is an ISO date."""

    name: str
    sha256: str
    as_of: str | None
    kind: str


def is_live(db: sqlite3.Connection, source: ImportOf) -> bool:
    """Tell whether this content counts already."""
    query = "SELECT 1 FROM main.import WHERE name = ? AND sha256 = ? AND kind = ? AND as_of IS ? AND live"
    return db.execute(query, (source.name, source.sha256, source.kind, source.as_of)).fetchone() is not None


class Merge:
    """Merges the staged rows of one import.

    Args:
        db: the register, with the temporary tables of `writing.STAGES` filled, outside a transaction.
        source: what is imported.
    """

    def __init__(self, db: sqlite3.Connection, source: ImportOf) -> None:
        self._db, self._source = db, source
        self._rows: dict[str, int] = {}
        self._matchable: Counter[str] = Counter()
        self._unmatchable: Counter[str] = Counter()
        self._rejected, self._samples = 0, []  # type: tuple[int, list[Rejected]]
        self._id = 0

    def run(self, rejected: int, samples: tuple[Rejected, ...]) -> ImportReport:
        """Do it, and give what came of it; where another process imported the same meanwhile, change nothing.

        Raises:
            sqlite3.Error: the file cannot be written; nothing of the import is there then.
        """
        self._rejected, self._samples = rejected, list(samples)
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS s_touched (key INTEGER PRIMARY KEY)")
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS s_posting (hash, work)")
        self._db.execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if is_live(self._db, self._source):
                report = ImportReport(self._source.name, self._source.sha256, changed=False)
            else:
                report = self._merge()
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._db.execute(f"PRAGMA main.cache_size = -{CACHE_KIB}")
            self._db.execute("PRAGMA shrink_memory")
            self._db.execute("DROP TABLE IF EXISTS temp.s_touched")
            self._db.execute("DROP TABLE IF EXISTS temp.s_posting")
            self._db.execute("DROP TABLE IF EXISTS temp.s_term_of")
        return report

    def _merge(self) -> ImportReport:
        self._id = 1 + self._db.execute("SELECT coalesce(max(id), 0) FROM main.import").fetchone()[0]
        superseded = self._take_back()
        self._copy()
        self._block()
        self._count_interests()
        kinds = {kind: self._rows[table] for table, kind in _KINDS.items() if self._rows.get(table)}
        few = dict(self._db.execute("SELECT kind, count(*) FROM main.few WHERE import = ? GROUP BY kind", (self._id,)))
        report = ImportReport(
            self._source.name,
            self._source.sha256,
            changed=True,
            superseded=superseded,
            rows={**kinds, **few},
            matchable=dict(self._matchable),
            unmatchable=dict(self._unmatchable),
            rejected=self._rejected,
            samples=tuple(self._samples),
            dropped_blocks=self._rows.get("dropped_block", 0),
        )
        told = json.dumps(replace(report, samples=()).to_dict(), separators=(",", ":"))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        source = self._source
        row = (self._id, source.name, source.sha256, source.kind, source.as_of, now, 1, json.dumps(self._rows), told)
        self._db.execute(f"INSERT INTO main.import VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
        return report

    def _take_back(self) -> str:
        """Delete the rows of the older import of this name; give its SHA-256."""
        query = "SELECT id, sha256, tables FROM main.import WHERE name = ? AND live ORDER BY id"
        superseded = ""
        for number, sha256, tables in self._db.execute(query, (self._source.name,)).fetchall():
            superseded = sha256
            for table in OF_AN_IMPORT:
                if json.loads(tables).get(table):
                    self._db.execute(f"DELETE FROM main.{table} WHERE import = ?", (number,))  # noqa: S608
            self._db.execute("UPDATE main.import SET live = 0 WHERE id = ?", (number,))
        return superseded

    def _copy(self) -> None:
        """Copy the staged rows, sorted by their keys."""
        db = self._db
        db.execute(
            """INSERT OR IGNORE INTO main.term (layer, role, society, territories, controlled, creative)
            SELECT layer, role, society, territories, controlled, creative FROM temp.s_term"""
        )
        db.execute(
            """CREATE TEMP TABLE s_term_of AS SELECT s.id, term.id AS term, s.society FROM temp.s_term s
            JOIN main.term USING (layer, role, society, territories, controlled)"""
        )
        for table, statement in _COPY.items():
            done = db.execute(f"INSERT OR IGNORE INTO main.{table} {statement}", (self._id,))
            self._rows[table] = done.rowcount
        for table, same in (("work", "key"), ("party", "id")):
            staged = db.execute(f"SELECT count(*) FROM temp.s_{table}").fetchone()[0]  # noqa: S608
            if staged > self._rows[table]:
                self._join(table, same)
        self._count_parties()

    def _join(self, table: str, same: str) -> None:
        """Make one of several records of a work or party: what the last one says, and the lines of all of them."""
        doubled = f"SELECT {same} FROM temp.s_{table} GROUP BY {same} HAVING count(*) > 1"  # noqa: S608
        lines = ("names", "norm", "identifiers") if table == "party" else ("titles", "norm", "identifiers")
        query = f"""SELECT {same}, id, line, {", ".join(lines)} FROM temp.s_{table}
            WHERE {same} IN ({doubled}) ORDER BY {same}, rowid"""  # noqa: S608
        rows = []
        for key, some in groupby(self._db.execute(query), itemgetter(0)):
            records = list(some)
            last = records[-1]
            if other := next((record for record in records if record[1] != last[1]), None):
                # Two ids with one 64-bit hash.
                self._reject(other[2], f"{table} {other[1]} has the key of {last[1]}: give it another id")
                records = [record for record in records if record[1] == last[1]]
            rows.append(
                (*(_union(record[column] for record in records) or None for column in (3, 4, 5)), key, self._id)
            )
        assigned = ", ".join(f"{name} = coalesce(?, '')" for name in lines[:2]) + ", identifiers = ?"
        self._db.executemany(f"UPDATE main.{table} SET {assigned} WHERE {same} = ? AND import = ?", rows)  # noqa: S608

    def _count_parties(self) -> None:
        query = "SELECT identifiers, more FROM main.party WHERE import = ? AND norm = ''"
        nameless = self._db.execute(query, (self._id,)).fetchall()
        for identifiers, more in nameless:
            schemes = {one.lstrip("?").partition(" ")[0] for one in (identifiers or "").split("\n") if one}
            if not schemes.difference(_ONLY_NUMBERS) and not (more and "domains" in more):
                told = "an IPI number but no name: not matchable by name" if schemes else "neither name nor identifier"
                self._unmatchable[f"party with {told}"] += 1
        if self._rows["party"]:
            self._matchable["Party"] = self._rows["party"] - self._unmatchable.total()

    def _block(self) -> None:
        """Put each touched work in its blocks, and say which of them are too large to be compared whole."""
        db, of = self._db, self._id
        db.execute(_TOUCHED)
        if self._rows["party"]:
            db.execute(_TOUCHED_BY_PARTIES, (of,))
        waiting: list[tuple[int, int]] = []
        for key, number, norm, has_identifier, names, creative in db.execute(_NAMES):
            people = set(names.split("\n")) if names else set()
            titles = norm.split("\n") if norm else []
            if number == of:
                self._tell_work(bool(titles), bool(has_identifier), bool(people - {""}), bool(creative))
            waiting.extend((block, key) for block in blocks_of(titles, people))
            if len(waiting) >= _CHUNK:
                db.executemany("INSERT INTO temp.s_posting VALUES (?, ?)", waiting)
                waiting.clear()
        db.executemany("INSERT INTO temp.s_posting VALUES (?, ?)", waiting)
        query = "INSERT OR IGNORE INTO main.blk SELECT hash, work, ? FROM temp.s_posting ORDER BY hash, work"
        self._rows["blk"] = db.execute(query, (of,)).rowcount
        query = """INSERT INTO main.dropped_block SELECT hash, ?1, count(*) - ?2 FROM main.blk WHERE import = ?1
            GROUP BY hash HAVING count(*) > ?2"""
        self._rows["dropped_block"] = db.execute(query, (of, CAP)).rowcount

    def _tell_work(self, has_title: bool, has_identifier: bool, has_names: bool, has_creative: bool) -> None:  # noqa: FBT001
        if has_identifier or (has_title and has_names):
            self._matchable["Work"] += 1
        elif not has_title:
            self._unmatchable["work with neither identifier nor title"] += 1
        elif has_creative:
            self._unmatchable["work without identifier whose writers have no names: weak matches by title only"] += 1
        else:
            self._unmatchable["work with neither identifier nor writers: weak matches by title only"] += 1

    def _count_interests(self) -> None:
        if self._rows["interest"]:
            query = "SELECT count(*) FROM temp.s_interest WHERE target IN (SELECT key FROM main.work)"
            found = self._db.execute(query).fetchone()[0]
            self._matchable["Interest"] = found
            if missing := self._rows["interest"] - found:
                self._unmatchable["interest in a work that no import has"] = missing
        for table in ("url", "fingerprint"):
            if self._rows[table]:
                self._matchable[_KINDS[table]] = self._rows[table]

    def _reject(self, line: int | None, reason: str) -> None:
        self._rejected += 1
        self._samples.append(Rejected(line, reason))


def _union(texts: Iterable[str | None]) -> str:
    """Give the lines of several texts, each once."""
    return "\n".join(dict.fromkeys(line for text in texts if text for line in text.split("\n")))
