"""Importers together: the kind is told, a file goes into a register whole or not at all, and no bytes raise."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from optout_middleware.register import importers
from optout_middleware.register.importers import KINDS, import_file, kind_of
from optout_middleware.register.importers.entries import KINDS as ENTRIES
from optout_middleware.register.importers.entries import read_entry
from optout_middleware.register.importers.letters import read_letter
from optout_middleware.register.importers.records import Rejected, one_line
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import Asset, AssetClass, Credits, Declaration, Identifier, UseContext, Work
from optout_middleware.register.queue import read_rulings_csv
from optout_middleware.register.rules import judge
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError, Outcome, Usage

from .cwr_builder import delivery, octets, song
from .test_queue import START

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parent / "data"
LYRICS = AssetClass.LYRICS
RULING = {
    "finding": "natural-language", "scope": "a.example", "outcome": "allow", "by": "r", "reason": "w",
    "valid_from": "2026-01-01", "valid_until": "2027-01-01",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegisterStore]:
    """Make a register."""
    with RegisterStore(tmp_path / "register.sqlite") as made:
        yield made


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x.v22", b"", "cwr"), ("delivery", b"HDRPB0001", "cwr"), ("x.txt", b"\xef\xbb\xbfHDRPB", "cwr"),
        ("x.yaml", b"", "documents"), ("x.json", b"{}", "documents"), ("x.xml", b"", "artists"),
        ("x", b" <a/>", "artists"),
        ("x.csv", b"title\n", "works"), ("x.tsv", b"url\twork\n", "urls"), ("x.csv", b"domain;party\n", "domains"),
    ],
)  # fmt: skip
def test_the_kind_is_told(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    """By the first octets, the name and the columns."""
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    ("name", "content"), [("x.txt", b"Luce Arbour"), ("x", b""), ("x.csv", b"a,b\n"), ("x.csv", b"")]
)
def test_a_kind_that_cannot_be_told_is_asked_for(tmp_path: Path, name: str, content: bytes) -> None:
    """Nothing is guessed."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(OptOutError):
        kind_of(path)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, store: RegisterStore) -> None:
    """Reading and importing."""
    with pytest.raises(OptOutError, match="cannot read"):
        list(importers.read(tmp_path / "none.csv"))
    with pytest.raises(OptOutError, match="cannot read"):
        import_file(store, tmp_path / "none.csv")
    with pytest.raises(OptOutError, match="cannot read"):
        list(importers.read(tmp_path, kind="works"))


def test_a_delivery_goes_into_a_register(tmp_path: Path, store: RegisterStore) -> None:
    """Works, parties and interests are taken up, and a second time nothing changes."""
    report = import_file(store, DATA / "invented.v22")
    assert (report.kind, report.stored.changed, report.rejected, report.noted) == ("cwr", True, 0, 0)
    assert report.stored.rows is not None
    assert report.stored.rows["Work"] == 2
    again = import_file(store, DATA / "invented.v22")
    assert not again.stored.changed


def test_an_import_holds_as_of_the_day_that_its_file_says(tmp_path: Path, store: RegisterStore) -> None:
    """A delivery and a document say it themselves; the user may say otherwise, and of a table has to."""
    (tmp_path / "d.yaml").write_text("as_of: 2026-11-02\nparties: []\n")
    (tmp_path / "p.csv").write_text("names\nLuce Arbour\n")
    import_file(store, DATA / "invented.v22")
    import_file(store, tmp_path / "d.yaml")
    import_file(store, tmp_path / "p.csv")
    import_file(store, tmp_path / "p.csv", name="again", as_of=date(2026, 11, 3))
    rows = store.connection().execute("SELECT as_of FROM import ORDER BY id").fetchall()
    assert rows == [("2026-09-30",), ("2026-11-02",), (None,), ("2026-11-03",)]


def test_rejected_lines_are_counted_and_the_first_are_kept(tmp_path: Path, store: RegisterStore) -> None:
    """All are counted; a thousand stand in the report."""
    path = tmp_path / "works.csv"
    path.write_text("title,id\n" + ",x\n" * 1_500 + "Good,y\n")
    report = import_file(store, path, as_of=date(2026, 11, 1))
    assert (report.rejected, len(report.samples)) == (1_500, 1_000)
    assert report.samples[0] == Rejected(2, "no title", ",x")
    assert report.stored.rejected == 1_500


def test_a_file_that_breaks_leaves_nothing(tmp_path: Path, store: RegisterStore) -> None:
    """An XML list that is cut: the names before the break are not taken up."""
    path = tmp_path / "l.xml"
    path.write_text("<a society='148'><artist><name>Luce Arbour</name></artist>")
    with pytest.raises(OptOutError, match="no XML"):
        import_file(store, path)
    assert store.connection().execute("SELECT count(*) FROM party").fetchone() == (0,)


def test_rulings_are_handed_back(tmp_path: Path, store: RegisterStore) -> None:
    """They are dated facts, and no rows of the register."""
    path = tmp_path / "r.yaml"
    path.write_text("rulings: [" + "{" + ", ".join(f"{k}: {v}" for k, v in RULING.items()) + "}]\n")
    report = import_file(store, path)
    assert report.rulings == (read_entry("ruling", RULING).record,)


def test_the_shipped_declarations_go_into_a_register(store: RegisterStore) -> None:
    """All twenty."""
    shipped = Path(importers.__file__).parents[1] / "data" / "declarations.yaml"
    report = import_file(store, shipped, name="declarations")
    assert report.stored.rows is not None
    assert (report.stored.rows[Declaration.__name__], report.rejected) == (20, 0)


def test_one_line_is_bounded_and_printable() -> None:
    """Whatever stands in a file."""
    assert one_line("a" * 10_000) == "a" * 200
    assert one_line("\x1b[2J\u202e") == "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"


HEADS = {
    "cwr": [b"", octets(delivery(song(0)))[:600], b"HDRSO\nGRHNWR0000102.20\nNWR0000000000000000"],
    "documents": [b"", b"parties:\n- ", b"works: [{id: ", b"as_of: ", b"declarations:\n- {id: a, scope: "],
    "artists": [b"", b"<artists society='148'><artist><name>", b"# society: 148\n", b"names,society\n"],
    "works": [b"title,writers,writer_societies,published\n", b'title\n"', b""],
    "parties": [b"names,ipi,died,society\n", b""],
    "interests": [b"party,work,share,start\na,b,"],
    "licences": [b"party,usages,valid_from,valid_until,evidence,recorded_by\np,tdm,"],
    "urls": [b"url,party\nhttp://"],
    "domains": [b"domain,party\n"],
}
SUFFIXES = {"cwr": ".v22", "documents": ".yaml", "artists": ".xml"}


@pytest.mark.parametrize("kind", KINDS)
@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_no_bytes_make_an_importer_raise_anything_else(kind: str, tmp_path: Path, data: st.DataObject) -> None:
    """Records, rejected lines, or one error of ours, each of one line."""
    content = data.draw(st.sampled_from(HEADS[kind])) + data.draw(
        st.one_of(
            st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
        )
    )
    suffix = data.draw(st.sampled_from([SUFFIXES.get(kind, ".csv"), ".csv", ".txt", ".parquet"]))
    path = tmp_path / f"fuzz{suffix}"
    path.write_bytes(content)
    harmless(lambda: importers.read(path, kind=kind))
    harmless(lambda: importers.read(path))


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(cut=st.integers(0, 5_000), at=st.integers(0, 5_000), junk=st.binary(max_size=40))
@example(cut=0, at=0, junk=b"\xef\xbb\xbf")
def test_a_delivery_with_holes_raises_nothing(tmp_path: Path, cut: int, at: int, junk: bytes) -> None:
    """Lines cut anywhere, and anything put in between."""
    whole = octets(delivery(song(0), song(1)))
    path = tmp_path / "fuzz.v22"
    path.write_bytes(whole[:at] + junk + whole[at + cut :])
    harmless(lambda: importers.read(path))


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), suffix=st.sampled_from([".txt", ".csv", ".yaml", ".pdf"]))
def test_letters_and_answers_raise_nothing(tmp_path: Path, content: bytes, suffix: str) -> None:
    """Nor do letters of strangers, nor files of answers."""
    path = tmp_path / f"fuzz{suffix}"
    path.write_bytes(content)
    harmless(lambda: iter([read_letter(path)]))
    harmless(lambda: read_rulings_csv(path, START))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_no_values_make_an_entry_raise_anything_else(data: st.DataObject) -> None:
    """JSON of any form in any field of any kind."""
    kind = data.draw(st.sampled_from(sorted(ENTRIES)))
    known = ENTRIES[kind]
    values = {name: data.draw(VALUES) for name in known.fields if name in known.required or data.draw(st.booleans())}
    told = ""
    try:
        read_entry(kind, values)
    except OptOutError as error:
        told = str(error)
    assert "\n" not in told, "one line"


def harmless(read: Any) -> None:
    """Run an importer to its end."""
    told = ""
    try:
        records = list(read())
    except OptOutError as error:
        told, records = str(error), []
    assert "\n" not in told
    for record in records:
        if isinstance(record, Rejected):
            assert record.reason
            assert "\n" not in record.reason + record.text
            assert len(record.text) <= 200
        elif isinstance(record, Work):
            assert record.titles or record.identifiers


def test_a_delivery_and_the_shipped_declaration_reserve_together(store: RegisterStore) -> None:
    """From the files to the judgement: a page that names the ISWC and the writer of a Sacem work is denied."""
    shipped = Path(importers.__file__).parents[1] / "data" / "declarations.yaml"
    import_file(store, shipped)
    import_file(store, DATA / "invented.v22")
    number = Identifier("iswc", "T9900000013")
    asset = Asset("https://lyrics.example/1", Credits((number,), titles=("The Invented Song",), asset_class=LYRICS))
    (facts,) = Matcher(store, now=lambda: START).facts([asset])
    judgement = judge(facts, UseContext("Operator", Usage.TRAIN_AI, START.date()))
    assert judgement.outcome is Outcome.DENY
    assert "R6" in judgement.rules
