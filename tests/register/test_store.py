"""The register's file: what is imported is found again, once, and with where it comes from."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register.blocking import work_key
from optout_middleware.register.model import (
    AssetClass,
    Correction,
    Declaration,
    Dispute,
    Identifier,
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
from optout_middleware.register.store import LyricsFingerprint, RegisterStore, UrlEntry
from optout_middleware.terms import Licence, OptOutError, Usage

from .small import BRIDGE, DAY, HOUSE, ISWC, JANE, JOHN, LOVE, RECORDS, interest, put, source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optout_middleware.register.model import Interest
    from optout_middleware.register.records import Record

DECLARATION = Declaration(
    "d1", "cisac:058", "repertoire", (Usage.TDM, Usage.TRAIN_AI), layers=(Layer.LYRICS,),
    classes=(AssetClass.LYRICS,), declared_on=date(2023, 10, 12), carve_outs=(Usage.SEARCH,),
    strengths=(("DE", Strength.CONTESTED),), text="\u00e9 \ud800",
)  # fmt: skip
MANDATE = Mandate(JANE.id, "cisac:058", ("reserve", "license"), status=Status.CONFIRMED, start=date(2020, 1, 1))
LICENCE = Licence(
    "cisac:058", ("songs.example",), (Usage.TRAIN_AI,), datetime(2026, 1, 1, tzinfo=timezone.utc),
    datetime(2027, 1, 1, tzinfo=timezone.utc), "contract 7", "Ann", works=(BRIDGE.id,), id="l1",
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path whose directories do not exist yet."""
    return tmp_path / "deep" / "register.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[RegisterStore]:
    """Give an empty register."""
    with RegisterStore(path) as opened:
        yield opened


def count(store: RegisterStore, table: str) -> int:
    """Count the rows of a table."""
    return int(store.connection().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def works(store: RegisterStore, *ids: str) -> list[Work]:
    """Give works by their ids."""
    return [found.work for found in store.reading.works_by_id(ids).values()]


def interests(store: RegisterStore, work: Work) -> list[Interest]:
    """Give the interests in a work."""
    found = {one.key: one for one in store.reading.works_by_id([work.id]).values()}
    return store.reading.interests(found)[work_key(work.id)]


def test_works_come_back_whole(store: RegisterStore) -> None:
    """Titles, identifiers, dates and the line stand in the work that is given back."""
    free = PublicDomain("FR", Layer.LYRICS, date(2030, 1, 1), "authority file")
    work = Work(
        "w:1", "musical", ("One\u2028line", "Zwei"), (ISWC, Identifier("isrc", "GBAYE6700123", checked=False)), 1999,
        "w:0", ("w:2", "w:3"), (free,), source(7),
    )  # fmt: skip
    put(store, [work])
    assert works(store, "w:1") == [work]


def test_parties_and_interests_come_back_whole(store: RegisterStore) -> None:
    """So do names, years, domains; and shares, dates, territories."""
    party = Party(
        "p:1", "natural", ("Doe, Jane", "J. Doe"), (Identifier("ipi", "00014107338"),), 1950, True, True,
        ("doe.example",), source(3),
    )  # fmt: skip
    held = interest(
        party, BRIDGE, territories=("FR", "BE"), start=date(2001, 2, 3), end=date(2050, 1, 1), controlled=False,
        share=0.25, source=source(9),
    )  # fmt: skip
    put(store, [party, BRIDGE, held])
    assert store.reading.parties(["p:1", "p:none"])["p:1"].party == party
    assert interests(store, BRIDGE) == [held]


@pytest.mark.parametrize(
    "record",
    [
        DECLARATION,
        LICENCE,
        Repertoire("cisac:058", (AssetClass.LYRICS,), True, DAY, date(2027, 1, 1)),
        Dispute("x1", "cisac:058", (JANE.id,), DAY, None, "open"),
        RightException("d1", JANE.id, "withhold", ("w:1",), DAY, None, "letter", "cisac:058"),
        Correction("w:1", "songs.example", "Ann", "not that song", DAY),
    ],
    ids=lambda record: type(record).__name__,
)
def test_few_records_come_back_whole(store: RegisterStore, record: Any) -> None:
    """Every kind of record that is kept as JSON comes back equal, with its source."""
    put(store, [record])
    few = store.reading.few()
    found = [*few.declarations, *few.repertoires, *few.exceptions, *few.licences, *few.disputes, *few.corrections]
    expected = replace(record, source=source()) if hasattr(record, "source") else record
    if isinstance(record, Declaration):
        expected = replace(expected, text="é ?")  # a lone surrogate is no text that a file can hold
    assert found == [expected]


def test_mandates_are_found_by_grantor(store: RegisterStore) -> None:
    """Mandates may be many, so they are asked for."""
    put(store, [MANDATE, replace(MANDATE, grantor="p:other")])
    assert store.reading.mandates([JANE.id]) == [replace(MANDATE, source=source())]
    assert store.reading.mandates(["p:nobody"]) == []


def test_look_ups_by_identifier_name_and_block(store: RegisterStore) -> None:
    """A work is found by its number; a party by number, and by name in any order."""
    put(store, RECORDS)
    assert store.reading.works_by_identifier([ISWC, Identifier("iswc", "T9999999999")]) == {ISWC: [work_key(BRIDGE.id)]}
    assert store.reading.parties_by_identifier(JANE.identifiers) == {JANE.identifiers[0]: [JANE.id]}
    assert store.reading.parties_by_name("jane doe") == store.reading.parties_by_name("doe jane") == [JANE.id]
    assert store.reading.parties_by_name("jane") == []
    names = store.reading.names([work_key(BRIDGE.id)])[work_key(BRIDGE.id)]
    assert names.ids == {JANE.id, JOHN.id, HOUSE.id}
    assert {"jane doe", "john quentin roe", "j q roe"} < names.norm


@pytest.mark.parametrize(
    ("url", "scopes"),
    [
        ("https://x.example/press/1", ["https://x.example/press/", "https://x.example/p", "x.example"]),
        ("https://x.example/pz", ["https://x.example/p", "x.example"]),
        ("https://x.example/", ["x.example"]),
        ("http://x.example/press/1", ["x.example"]),
        ("https://www.x.example/press/1", ["www.x.example", "x.example"]),
        ("https://notx.example/press/1", []),
        ("https://x.example/press/../secret", ["x.example"]),
        ("mailto:a@x.example", []),
    ],
)
def test_urls_longest_prefix_first(store: RegisterStore, url: str, scopes: list[str]) -> None:
    """Lists of URL prefixes and domains answer by the longest that holds."""
    listed = ("https://x.example/press/", "https://x.example/p", "https://x.example/press/2", "x.example")
    put(store, [UrlEntry(scope, "p:1") for scope in (*listed, "www.x.example", "https://x.example/a")])
    assert [entry.scope for entry in store.reading.urls(url)] == scopes


def test_url_entries_come_back_whole(store: RegisterStore) -> None:
    """Party, work, class and reservation stand in the entry; a scope that is none is rejected."""
    entry = UrlEntry("X.example", "p:1", "w:1", AssetClass.LYRICS, True, source(4))
    report = put(store, [entry, UrlEntry("nonsense", source=source(5))])
    assert store.reading.urls("https://a.x.example/") == [entry]
    assert report.rejected == 1
    assert report.samples[0].line == 5
    assert "nonsense" in report.samples[0].reason


def test_the_domains_of_a_party_are_url_entries(store: RegisterStore) -> None:
    """A party's own domain leads to the party."""
    put(store, [replace(JANE, domains=("doe.example",))])
    assert [entry.party for entry in store.reading.urls("https://www.doe.example/x")] == [JANE.id]


def test_fingerprints_tell_what_is_shared(store: RegisterStore) -> None:
    """Shared shingles are counted by work; a shingle of too many works tells nothing."""
    prints = [LyricsFingerprint(f"w:{number}", (1, number + 100)) for number in range(200)]
    report = put(store, [*prints, LyricsFingerprint("w:a", (7, 8, 9)), LyricsFingerprint("w:none", ())])
    assert store.reading.fingerprints([1, 7, 9, 55]) == {"w:a": (2, 3)}
    assert report.rejected == 1


def test_the_same_import_twice_changes_nothing(store: RegisterStore) -> None:
    """It says so, and neither rows nor snapshot change."""
    first = put(store, RECORDS)
    before, snapshot = count(store, "interest"), store.snapshot()
    with store.importing("small", first.sha256, DAY, "test") as batch:
        assert batch.known
        batch.add(JANE)
    assert first.changed
    assert not batch.report.changed
    assert (count(store, "interest"), store.snapshot()) == (before, snapshot)


def test_a_newer_import_of_one_name_supersedes(store: RegisterStore) -> None:
    """Its older rows are gone from every table, other imports stay, and an older file may come again."""
    old = put(store, [*RECORDS, DECLARATION, MANDATE, LyricsFingerprint("w:1", (1, 2)), UrlEntry("x.example", "p:1")])
    put(store, [Party("p:else", "label", ("Else",))], name="other")
    before = store.snapshot()
    new = put(store, [LOVE], version="2")
    assert new.superseded == old.sha256
    assert works(store, BRIDGE.id, LOVE.id) == [replace(LOVE, source=Source("small", new.sha256, None, DAY))]
    tables = ("interest", "member", "url", "shingle", "fingerprint", "few", "work_key")
    assert {table: count(store, table) for table in tables} == dict.fromkeys(tables, 0)
    assert (count(store, "party"), count(store, "work"), count(store, "blk")) == (1, 1, 1)
    assert store.snapshot() != before
    assert put(store, [*RECORDS, DECLARATION]).changed
    assert store.snapshot() == before


def test_a_failing_import_changes_nothing(store: RegisterStore) -> None:
    """An error in the middle leaves the old state, and the next import works."""
    put(store, RECORDS)
    before = store.snapshot()

    def failing() -> Iterator[Record]:
        yield Work("w:new", "musical", ("New",))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put(store, failing(), version="2")
    assert store.snapshot() == before
    assert works(store, "w:new") == []
    assert put(store, [LOVE], version="3").changed


def test_what_is_no_record_is_a_mistake_of_the_importer(store: RegisterStore) -> None:
    """It is told at once, and nothing is imported."""
    wrong: Any = "a text"
    with pytest.raises(TypeError, match="str is no record"):
        put(store, [JANE, wrong])
    assert count(store, "party") == 0


def test_rejected_lines_are_counted_with_reasons(store: RegisterStore) -> None:
    """Each line with its number; the count goes on where samples end."""
    with store.importing("small", "a" * 64, None, "test") as batch:
        for line in range(1_005):
            batch.reject(line, "no title")
    assert batch.report.rejected == 1_005
    assert batch.report.samples[:1] == ((0, "no title"),)
    assert len(batch.report.samples) == 1_000


def test_the_report_says_what_can_match(store: RegisterStore) -> None:
    """Bare IPI numbers match nothing by name; a work with neither number nor writers is weak; strays are told."""
    number = Party("ipi:00128808460", "natural", (), (Identifier("ipi", "00128808460"),))
    bare = Work("w:bare", "musical", ("Bare",))
    nobody = Work("w:nobody", "musical", ("Nobody",))
    nothing = Work("w:nothing", "musical", ())
    stray = interest(JANE, Work("w:stray", "musical", ()))
    nameless = [Party("p:0", "natural", ()), replace(number, id="p:d", domains=("d.example",))]
    held = interest(number, bare)
    report = put(store, [*RECORDS, number, *nameless, bare, nobody, nothing, held, stray])
    assert report.rows == {"Work": 5, "Party": 6, "Interest": 6, "UrlEntry": 1}
    assert report.matchable == {"Work": 2, "Party": 4, "Interest": 5, "UrlEntry": 1}
    assert report.unmatchable == {
        "party with an IPI number but no name: not matchable by name": 1,
        "party with neither name nor identifier": 1,
        "work without identifier whose writers have no names: weak matches by title only": 1,
        "work with neither identifier nor writers: weak matches by title only": 1,
        "work with neither identifier nor title": 1,
        "interest in a work that no import has": 1,
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_parts_of_one_work_may_come_from_several_imports(store: RegisterStore, order: tuple[int, ...]) -> None:
    """Titles, names and interests meet in the blocks, whichever import came first."""
    parts: list[list[Record]] = [[LOVE], [JOHN], [interest(JOHN, LOVE)]]
    for part in order:
        put(store, parts[part], name=f"part {part}")
    together, alone = store.connection(), "SELECT DISTINCT hash FROM blk ORDER BY hash"
    split = together.execute(alone).fetchall()
    put(store, [LOVE, JOHN, interest(JOHN, LOVE)], name="whole")
    assert split == together.execute(alone).fetchall()
    assert len(split) == 4  # the title; with the surname "love", the short title, and its first letter


def test_imports_that_speak_of_one_work_are_joined(store: RegisterStore) -> None:
    """Titles, identifiers and interests of all imports count, and of all records of one import."""
    renamed = replace(LOVE, titles=("Amour",), identifiers=(ISWC,), published=1960)
    put(store, [LOVE, interest(JOHN, LOVE), JOHN, replace(JOHN, names=("Johnny Roe",))])
    put(store, [replace(LOVE, titles=("Liebe",)), renamed, interest(JANE, LOVE), replace(JOHN, names=("J Roe",))], "b")
    (found,) = works(store, LOVE.id)
    assert set(found.titles) == {"Love", "Amour", "Liebe"}
    assert (found.identifiers, found.published) == ((ISWC,), 1960)
    assert {held.party for held in interests(store, LOVE)} == {JOHN.id, JANE.id}
    assert set(store.reading.parties([JOHN.id])[JOHN.id].party.names) == {*JOHN.names, "Johnny Roe", "J Roe"}


def test_blocks_over_the_cap_are_cut_and_noted(store: RegisterStore) -> None:
    """No more than 128 works of a block are given; that it was cut is told by the look-up, the table and the report."""
    many = [Work(f"w:{number}", "musical", ("Hold On",)) for number in range(130)]
    report = put(store, many)
    (block,) = store.connection().execute("SELECT hash, left_out FROM dropped_block").fetchall()
    assert block[1] == 2
    found, cut = store.reading.blocks([block[0]])
    assert (len(found), cut) == (128, 1)
    assert report.dropped_blocks == store.status().dropped_blocks == 1


def test_status_tells_imports_and_rows(store: RegisterStore, path: Path) -> None:
    """Each import with its source, and the rows of all of them together."""
    report = put(store, RECORDS)
    put(store, [HOUSE], name="other")
    status = store.status()
    assert [(row.name, row.as_of, row.kind) for row in status.imports] == [
        ("small", DAY, "test"),
        ("other", DAY, "test"),
    ]
    assert status.imports[0].report == {**report.to_dict(), "samples": []}
    assert status.rows == {"Work": 2, "Party": 4, "Interest": 4}
    assert status.snapshot == store.snapshot()
    assert status.size == path.stat().st_size


def test_the_snapshot_does_not_depend_on_order(store: RegisterStore, tmp_path: Path) -> None:
    """Two registers with the same imports are in the same state."""
    with RegisterStore(tmp_path / "other.sqlite") as other:
        for name in ("a", "b"):
            put(store, [JANE], name=name)
        for name in ("b", "a"):
            put(other, [JANE], name=name)
        assert store.snapshot() == other.snapshot()
        assert store.snapshot().startswith("reg1-")


def test_changed_tells_imports_of_this_and_other_processes(store: RegisterStore, path: Path) -> None:
    """Once for each change."""
    store.changed()
    assert not store.changed()
    put(store, [JANE])
    assert [store.changed(), store.changed()] == [True, False]
    with RegisterStore(path) as other:
        put(other, [JOHN], name="other")
    assert [store.changed(), store.changed()] == [True, False]


def test_a_pinned_register_keeps_its_state(store: RegisterStore, path: Path) -> None:
    """It sees what it saw, knows that there is something newer, and cannot be written to."""
    put(store, [JANE])
    store.pin()
    before = store.snapshot()
    assert not store.is_outdated()
    with RegisterStore(path) as other:
        put(other, [LOVE], name="other")
        assert other.snapshot() != before
    assert store.is_outdated()
    assert store.snapshot() == before
    assert works(store, LOVE.id) == []
    with pytest.raises(OptOutError, match="cannot import into the register"):
        put(store, [JOHN], name="third")


def test_only_committed_rows_are_seen_by_auditors(store: RegisterStore, path: Path) -> None:
    """Any SQLite reads the tables, whose names and ids are words."""
    put(store, RECORDS)
    db = sqlite3.connect(path)
    assert db.execute("SELECT id, titles FROM work ORDER BY id").fetchall() == [
        (BRIDGE.id, "The Bridge of Nulleville\nLe pont"),
        (LOVE.id, "Love"),
    ]
    db.close()
