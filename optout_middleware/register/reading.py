"""Look-ups in the register, for matching and for people: by identifier, block, name, URL, shingle.

Rule of this file: from rows to values. Several imports may speak of one work or party: titles, names, identifiers and
interests of all of them count. Each look-up is a short read, so that a running import's end is seen by the next one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from optout_middleware.register.blocking import CAP, hashed, name_key, work_key
from optout_middleware.register.found import (
    Few,
    FoundParty,
    FoundWork,
    ImportRow,
    Names,
    RegisterStatus,
    Titles,
    each_once,
    identifiers_in,
    joined_parties,
    joined_works,
    lines_in,
)
from optout_middleware.register.model import (
    AssetClass,
    Correction,
    Declaration,
    Dispute,
    Identifier,
    Interest,
    Layer,
    Mandate,
    Party,
    Repertoire,
    RightException,
    Source,
    Work,
)
from optout_middleware.register.records import UrlEntry, decode, decode_more
from optout_middleware.register.schema import SCHEMA_VERSION, version_of
from optout_middleware.terms import Licence
from optout_middleware.urls import domains_of, host_of, is_within, origin_of, path_and_query

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

_COMMON_SHINGLE = 128  # a shingle of more works than these ("la la la") tells nothing
_IN = "(SELECT value FROM json_each(?))"


class Reading:
    """The look-ups, on one connection.

    Args:
        db: the register, as `schema.opened` gives it.

    Raises:
        sqlite3.Error: by every method, where the file cannot be read.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._sources: dict[int, Source] = {}
        self._terms: dict[int, tuple[Any, ...]] = {}

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let all look-ups of the block see one state, whatever is imported meanwhile."""
        if self._db.in_transaction:  # the register is pinned
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")  # nothing was written

    def state(self) -> tuple[int, int]:
        """Give what changes with every write to the file: by another connection, and by this one."""
        return version_of(self._db), self._db.total_changes

    def imports(self) -> list[ImportRow]:
        """Give the imports that count, oldest first."""
        query = "SELECT id, name, sha256, kind, as_of, imported_at, report FROM import WHERE live ORDER BY id"
        return [
            ImportRow(number, name, sha256, kind, _date(as_of), imported_at, json.loads(report))
            for number, name, sha256, kind, as_of, imported_at, report in self._db.execute(query)
        ]

    def snapshot(self) -> str:
        """Give the id of the state: "reg1-" and 16 hexadecimal digits over schema, names, hashes and dates."""
        state = [(row.name, row.sha256, row.kind, str(row.as_of)) for row in self.imports()]
        text = json.dumps([SCHEMA_VERSION, sorted(state)])
        return f"reg{SCHEMA_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def status(self, path: Path) -> RegisterStatus:
        """Give what the register holds; the file lies at `path`."""
        imports = self.imports()
        rows: Counter[str] = Counter()
        for row in imports:
            rows.update(row.report.get("rows", {}))
        dropped = sum(row.report.get("dropped_blocks", 0) for row in imports)
        return RegisterStatus(SCHEMA_VERSION, self.snapshot(), tuple(imports), dict(rows), dropped, path.stat().st_size)

    def works_by_identifier(self, identifiers: Iterable[Identifier]) -> dict[Identifier, list[int]]:
        """Give the keys of the works that have each identifier; those that no work has are left out."""
        found = {}
        for identifier in identifiers:
            key = hashed("id", identifier.scheme, identifier.value)
            rows = self._db.execute("SELECT DISTINCT work FROM work_key WHERE key = ?", (key,)).fetchall()
            if rows:
                found[identifier] = [work for (work,) in rows]
        return found

    def parties_by_identifier(self, identifiers: Iterable[Identifier]) -> dict[Identifier, list[str]]:
        """Give the ids of the parties that have each identifier; those that no party has are left out."""
        found = {one: self._party_ids(hashed("id", one.scheme, one.value)) for one in identifiers}
        return {one: ids for one, ids in found.items() if ids}

    def parties_by_name(self, norm: str) -> list[str]:
        """Give the ids of the parties with that normalised name, whatever the order of its words."""
        return self._party_ids(name_key(norm))

    def _party_ids(self, key: int) -> list[str]:
        rows = self._db.execute("SELECT DISTINCT party FROM party_key WHERE key = ?", (key,))
        return [party for (party,) in rows]

    def blocks(self, keys: Collection[int]) -> tuple[Counter[int], int]:
        """Give the works in these blocks with how many of them each is in, and how many of the blocks were cut."""
        found: Counter[int] = Counter()
        cut = 0
        query = "SELECT DISTINCT work FROM blk WHERE hash = ? LIMIT ?"
        for key in keys:
            works = [work for (work,) in self._db.execute(query, (key, CAP + 1))]
            cut += len(works) > CAP
            found.update(works[:CAP])
        return found, cut

    def titles(self, keys: Collection[int]) -> dict[int, Titles]:
        """Give the titles of the works that stand under these keys, for comparing only."""
        found: dict[int, Titles] = {}
        query = f"SELECT key, kind, id, norm FROM work WHERE key IN {_IN}"  # noqa: S608
        for key, kind, identity, norm in self._db.execute(query, (_json(keys),)):
            other = found.get(key)
            known = () if other is None else other.norm
            found[key] = Titles(identity, kind == "recording", each_once(known, lines_in(norm)))
        return found

    def names(self, works: Collection[int]) -> dict[int, Names]:
        """Give the ids and names of all who hold an interest in each of these works, for comparing only."""
        found = {key: Names(set(), set(), set()) for key in works}
        query = f"""SELECT i.target, i.party, term.creative, p.norm
            FROM interest i JOIN term ON term.id = i.term LEFT JOIN party p ON p.id = i.party
            WHERE i.target IN {_IN}"""  # noqa: S608
        for key, party, is_maker, norm in self._db.execute(query, (_json(works),)):
            found[key].ids.add(party)
            if is_maker:
                found[key].makers.add(party)
            found[key].norm.update(lines_in(norm or ""))
        return found

    def works(self, keys: Collection[int]) -> dict[int, FoundWork]:
        """Give the works that stand under these keys; those that are not there are left out."""
        found: dict[int, FoundWork] = {}
        query = f"""SELECT key, import, id, kind, titles, norm, identifiers, published, more, line
            FROM work WHERE key IN {_IN}"""  # noqa: S608
        for row in self._db.execute(query, (_json(keys),)):
            made = self._work(row)
            other = found.get(made.key)
            found[made.key] = made if other is None else joined_works(other, made)
        return found

    def works_by_id(self, ids: Iterable[str]) -> dict[str, FoundWork]:
        """Give the works of these ids; those that are not there are left out."""
        return {one.work.id: one for one in self.works([work_key(identity) for identity in ids]).values()}

    def interests(self, works: Mapping[int, FoundWork]) -> dict[int, list[Interest]]:
        """Give the interests in each of these works."""
        found: dict[int, list[Interest]] = {key: [] for key in works}
        query = f"""SELECT target, import, party, term, share, start, "end", line
            FROM interest WHERE target IN {_IN}"""  # noqa: S608
        for target, number, party, term, share, start, end, line in self._db.execute(query, (_json(works),)):
            layer, role, society, territories, controlled = self._term(term)
            found[target].append(
                Interest(
                    party, works[target].work.id, layer, role, society, territories, _date(start), _date(end),
                    controlled, share, self._source(number, line),
                )
            )  # fmt: skip
        return found

    def examples(self, parties: Collection[str]) -> set[int]:
        """Give the keys of works that show, one for each society, by whom these parties are represented."""
        query = f"SELECT target FROM member WHERE party IN {_IN}"  # noqa: S608
        return {target for (target,) in self._db.execute(query, (_json(parties),))}

    def parties(self, ids: Collection[str]) -> dict[str, FoundParty]:
        """Give the parties of these ids; those that are not there are left out."""
        found: dict[str, FoundParty] = {}
        query = f"SELECT id, import, kind, names, norm, identifiers, more, line FROM party WHERE id IN {_IN}"  # noqa: S608
        for identity, number, kind, names, norm, identifiers, more, line in self._db.execute(query, (_json(ids),)):
            party = Party(
                identity, kind, lines_in(names), identifiers_in(identifiers),
                source=self._source(number, line), **decode_more(more),
            )  # fmt: skip
            made = FoundParty(party, lines_in(norm))
            other = found.get(identity)
            found[identity] = made if other is None else joined_parties(other, made)
        return found

    def urls(self, url: str) -> list[UrlEntry]:
        """Give what the lists say of a URL: entries of the longest prefix first, then of its domains, nearest first."""
        origin = origin_of(url)
        if origin is None:
            return []
        found = list(self._prefixes(url, origin))
        for domain in domains_of(host_of(url)):
            if "." in domain:
                found += self._entries(domain, "")
        return found

    def _prefixes(self, url: str, origin: str) -> Iterator[UrlEntry]:
        """Find the prefixes by going back in sorted order: what is no prefix bounds the next one by what is common."""
        path = path_and_query(url)
        query = "SELECT path FROM url WHERE origin = ? AND path <= ? ORDER BY path DESC LIMIT 1"
        while path:
            row = self._db.execute(query, (origin, path)).fetchone()
            if row is None:
                return
            if path.startswith(row[0]):
                yield from (entry for entry in self._entries(origin, row[0]) if is_within(url, entry.scope))
                path = row[0][:-1]
            else:
                path = _common(path, row[0])

    def _entries(self, origin: str, path: str) -> list[UrlEntry]:
        query = "SELECT import, scope, party, work, class, reserved, line FROM url WHERE origin = ? AND path = ?"
        return [
            UrlEntry(scope, party, work, AssetClass(kind) if kind else None, bool(reserved), self._source(number, line))
            for number, scope, party, work, kind, reserved, line in self._db.execute(query, (origin, path))
        ]

    def fingerprints(self, shingles: Iterable[int]) -> dict[str, tuple[int, int]]:
        """Give the ids of works whose reserved lyrics share shingles: how many they share, and how many they have."""
        shared: Counter[str] = Counter()
        query = "SELECT DISTINCT work FROM shingle WHERE hash = ? LIMIT ?"
        for shingle in set(shingles):
            works = self._db.execute(query, (shingle, _COMMON_SHINGLE + 1)).fetchall()
            if len(works) <= _COMMON_SHINGLE:
                shared.update(work for (work,) in works)
        found = {}
        for work, count in shared.items():
            whole = self._db.execute("SELECT max(shingles) FROM fingerprint WHERE work = ?", (work,)).fetchone()[0]
            found[work] = (count, whole)
        return found

    def has_fingerprints(self) -> bool:
        """Tell whether lyrics were imported at all."""
        return self._db.execute("SELECT 1 FROM fingerprint LIMIT 1").fetchone() is not None

    def few(self) -> Few:
        """Give all of what is few."""
        kinds = (Declaration, Repertoire, RightException, Licence, Dispute, Correction)
        return Few(*(tuple(self._few(kind.__name__, [""])) for kind in kinds))

    def mandates(self, grantors: Collection[str]) -> list[Mandate]:
        """Give the mandates that these parties granted."""
        return list(self._few(Mandate.__name__, grantors))

    def _few(self, kind: str, about: Collection[str]) -> Iterator[Any]:
        query = f"SELECT import, json, line FROM few WHERE kind = ? AND about IN {_IN} ORDER BY import, n"  # noqa: S608
        for number, text, line in self._db.execute(query, (kind, _json(about))):
            yield decode(kind, text, self._source(number, line))

    def _work(self, row: tuple[Any, ...]) -> FoundWork:
        key, number, identity, kind, titles, norm, identifiers, published, more, line = row
        work = Work(
            identity, kind, lines_in(titles), identifiers_in(identifiers), published,
            source=self._source(number, line), **decode_more(more),
        )  # fmt: skip
        return FoundWork(key, work, lines_in(norm))

    def _term(self, number: int) -> tuple[Any, ...]:
        term = self._terms.get(number)
        if term is None:
            query = "SELECT layer, role, society, territories, controlled FROM term WHERE id = ?"
            layer, role, society, territories, controlled = self._db.execute(query, (number,)).fetchone()
            term = (Layer(layer), role, society or None, tuple(territories.split()), bool(controlled))
            self._terms[number] = term  # a term never changes
        return term

    def _source(self, number: int, line: int | None) -> Source:
        """Give the reference to a line of an import; what an import was of never changes."""
        row = self._sources.get(number)
        if row is None:
            query = "SELECT name, sha256, as_of FROM import WHERE id = ?"
            name, sha256, as_of = self._db.execute(query, (number,)).fetchone()
            row = self._sources[number] = Source(name, sha256, None, _date(as_of))
        return row if line is None else row._replace(line=line)


def _common(one: str, other: str) -> str:
    """Give the start that two texts have in common."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return one[:count]


def _json(values: Iterable[Any]) -> str:
    return json.dumps(list(values))


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
