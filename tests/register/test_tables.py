"""Tables: CSV and Parquet with their columns, mapped or not, row by row."""

from __future__ import annotations

import builtins
import sys
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register import importers
from optout_middleware.register.importers import columns, tables
from optout_middleware.register.importers.records import Rejected
from optout_middleware.register.model import (
    WORLD,
    AssetClass,
    Identifier,
    Interest,
    Layer,
    Mandate,
    Party,
    Status,
    Work,
)
from optout_middleware.register.records import UrlEntry
from optout_middleware.terms import Licence, OptOutError, Usage

from .cwr_builder import ipi, iswc

if TYPE_CHECKING:
    from pathlib import Path

BOM = b"\xef\xbb\xbf"


def read(tmp_path: Path, content: str | bytes, name: str = "list.csv", **options: Any) -> list[Any]:
    """Write a table and read it."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(importers.read(path, **options))


def test_a_work_with_its_writers(tmp_path: Path) -> None:
    """Title, identifiers, writers with number, role and society, publisher."""
    text = (
        "id,title,alternative_titles,iswc,isrc,published,writers,writer_ipis,writer_roles,writer_societies,publishers\n"
        f"w1,Lantern,Laterne|Lanterne,{iswc(1)},FRX992600001|FRX992600002,1999,"
        f"Luce Arbour|Otto Quill,{ipi(1)}|,A|C,058|052,Lantern Music\n"
    )
    records = read(tmp_path, text)
    assert [record for record in records if isinstance(record, Party)] == [
        Party(f"ipi:{ipi(1)}", "natural", ("Luce Arbour",), (Identifier("ipi", ipi(1)),), source=records[0].source),
        Party("w1#writer1", "natural", ("Otto Quill",), source=records[0].source),
        Party("w1#publisher0", "publisher", ("Lantern Music",), source=records[0].source),
    ]
    (work,) = (record for record in records if isinstance(record, Work))
    assert work.titles == ("Lantern", "Laterne", "Lanterne")
    assert [number.value for number in work.identifiers] == [iswc(1), "FRX992600001", "FRX992600002"]
    assert (work.id, work.kind, work.published, work.source and work.source.line) == ("w1", "musical", 1999, 2)
    interests = [record for record in records if isinstance(record, Interest)]
    assert [(item.party, item.layer, item.role, item.society) for item in interests] == [
        (f"ipi:{ipi(1)}", Layer.LYRICS, "A", "cisac:058"),
        ("w1#writer1", Layer.COMPOSITION, "C", "cisac:052"),
        ("w1#publisher0", Layer.COMPOSITION, "E", None),
    ]


@pytest.mark.parametrize(
    ("row", "identity"),
    [("own,Title,", "own"), (f",Title,{iswc(1)}", f"iswc:{iswc(1)}"), (",Title,", "list.csv:2"),
     (",Title,T9131608364", "list.csv:2")],
)  # fmt: skip
def test_the_id_of_a_work(tmp_path: Path, row: str, identity: str) -> None:
    """Its own, else its ISWC, else where it stands."""
    records = read(tmp_path, f"id,title,iswc\n{row}\n")
    assert [record.id for record in records if isinstance(record, Work)] == [identity]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    """What spreadsheets write."""
    text = delimiter.join(("Title", "Writers")) + end + delimiter.join(("Été", '"A|B"')) + end + end
    (work,) = (record for record in read(tmp_path, text.encode(encoding)) if isinstance(record, Work))
    assert work.titles == ("Été",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",musical,,,", "no title"),
        ("T,symphony,,,", "kind 'symphony' is none of musical, literary, image, audiovisual"),
        ("T,,19x9,,", "'19x9' is no year"),
        ("T,,,A|B,058|052|035", "2 writers, but 3 societies: write as many, or one for all"),
        ("T,,,A||B,", "writer 2 has neither a name nor an id"),
        ("T,,,A,5x", None),
    ],
)
def test_rows_that_cannot_stand(tmp_path: Path, row: str, reason: str | None) -> None:
    """Told with the number of the line; the rows beside them are read."""
    records = read(tmp_path, f"title,kind,published,writers,writer_societies\nGood,,,,\n{row}\n")
    told = [(found.line, found.reason) for found in records if isinstance(found, Rejected)]
    assert told == ([(3, reason)] if reason else [])
    assert [work.titles[0] for work in records if isinstance(work, Work)] == (["Good"] if reason else ["Good", "T"])


def test_one_society_for_all_writers(tmp_path: Path) -> None:
    """A list of one society names it once."""
    text = "title,writers,writer_societies\nT,A|B,58\n"
    found = [record.society for record in read(tmp_path, text) if isinstance(record, Interest)]
    assert found == ["cisac:058", "cisac:058"]


@pytest.mark.parametrize(
    ("kind", "layer"), [("literary", Layer.TEXT), ("image", Layer.IMAGE), ("audiovisual", Layer.AUDIOVISUAL)]
)
def test_works_that_are_no_music_have_a_layer_of_their_own(tmp_path: Path, kind: str, layer: Layer) -> None:
    """An author of a book holds its text."""
    text = f"title,kind,writers\nT,{kind},A\n"
    assert [record.layer for record in read(tmp_path, text) if isinstance(record, Interest)] == [layer]


def test_parties_and_their_society(tmp_path: Path) -> None:
    """A party with a society gives an asserted mandate to reserve, which permits nothing."""
    text = (
        "name;ipi;died;died_confirmed;domains;society\n"
        f"Luce Arbour|L. A.;{ipi(1)};1937;yes;arbour.example|www.arbour.example;058\n"
        "Otto Quill;123;;;;\n"
    )
    records = read(tmp_path, text)
    assert records[0] == Party(
        f"ipi:{ipi(1)}", "natural", ("Luce Arbour", "L. A."), (Identifier("ipi", ipi(1)),),
        died=1937, died_confirmed=True, domains=("arbour.example", "www.arbour.example"), source=records[0].source,
    )  # fmt: skip
    mandate = records[1]
    assert isinstance(mandate, Mandate)
    assert (mandate.grantor, mandate.manager, mandate.uses) == (f"ipi:{ipi(1)}", "cisac:058", ("reserve",))
    assert (mandate.status, mandate.basis, mandate.evidence) == (Status.ASSERTED, "statutes", "listed in list.csv")
    assert records[2].id == "list.csv:3"
    assert records[3] == Rejected(3, "ipi '123' is not valid: left out", "123", kept=True)


def test_interests(tmp_path: Path) -> None:
    """One row an interest, with its days, territories and share."""
    text = (
        "party,work,layer,role,society,territories,start,end,controlled,share\n"
        "p1,w1,lyrics,A,58,FR|DE,2020-01-01,2030-01-01,false,0.25\n"
        "p1,w1,composition|lyrics,,,,,,,\n"
        "p2,w1,,A,socia,,,,,\n"
        "p2,w1,song,,,,,,,\n"
        "p2,w1,,,,Frankreich,,,,\n"
        "p2,w1,,,,,2020-02-30,,,\n"
        "p2,w1,,,,,,,,1.5\n"
        ",w1,,,,,,,,\n"
    )
    records = read(tmp_path, text)
    assert records[0] == Interest(
        "p1", "w1", Layer.LYRICS, "A", "cisac:058", ("FR", "DE"), date(2020, 1, 1), date(2030, 1, 1),
        controlled=False, share=0.25, source=records[0].source,
    )  # fmt: skip
    assert [(item.layer, item.society, item.territories, item.controlled) for item in records[1:4]] == [
        (Layer.COMPOSITION, None, (WORLD,), True),
        (Layer.LYRICS, None, (WORLD,), True),
        (Layer.LYRICS, "socia", (WORLD,), True),
    ]
    assert [(item.line, item.reason) for item in records[4:]] == [
        (5, "'song' is none of composition, lyrics, performance, phonogram, edition, image, text, audiovisual"),
        (6, "'Frankreich' is no territory: write ISO 3166 codes of two letters, EU or WORLD"),
        (7, "'2020-02-30' is no day: day is out of range for month"),
        (8, "'1.5' is no share from 0 to 1"),
        (9, "no party"),
    ]


def test_licences(tmp_path: Path) -> None:
    """A licence lists something, and always ends."""
    text = (
        "party,scopes,usages,valid_from,valid_until,evidence,recorded_by,works\n"
        "058,news.example|https://a.example/press/,train-ai|search,2026-01-01,2027-01-01,folder 3,R. Reader,\n"
        "058,news.example,train-ai,2026-01-01,,folder 3,R. Reader,\n"
        "058,,train-ai,2026-01-01,2027-01-01,folder 3,R. Reader,\n"
        "058,,train-ai,2027-01-01,2026-01-01,folder 3,R. Reader,w1\n"
    )
    records = read(tmp_path, text)
    assert records[0] == Licence(
        "cisac:058", ("news.example", "https://a.example/press/"), (Usage.TRAIN_AI, Usage.SEARCH),
        datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2027, 1, 1, tzinfo=timezone.utc), "folder 3", "R. Reader",
    )  # fmt: skip
    assert [(item.line, item.reason) for item in records[1:]] == [
        (3, "licence 058: valid_until is missing"),
        (4, "licence 058: it lists nothing: name scopes, works or repertoires"),
        (5, "licence 058: it ends before it begins"),
    ]


def test_url_and_domain_lists(tmp_path: Path) -> None:
    """Whose a site is, what stands at a URL, of which class it is, and who reserves it."""
    urls = read(
        tmp_path, "url,work,class\nhttps://a.example/1,w1,\nhttps://a.example/2,,lyrics\nftp://x,w1,\n", "u.csv"
    )
    assert [(item.scope, item.work, item.asset_class) for item in urls[:2]] == [
        ("https://a.example/1", "w1", None),
        ("https://a.example/2", "", AssetClass.LYRICS),
    ]
    assert urls[2].reason == "'ftp://x' is no http(s) URL"
    domains = read(tmp_path, "domain,party,reserved\nBücher.example,058,true\nb.example,,yes\nb.example,,\n", "d.csv")
    assert domains[0] == UrlEntry("xn--bcher-kva.example", "cisac:058", reserved=True, source=domains[0].source)
    assert [item.reason for item in domains[1:]] == [
        "url b.example: reserved needs the party that reserves",
        "url b.example: name a party, a work or a class",
    ]


def test_a_mapping_names_columns_and_constants(tmp_path: Path) -> None:
    """Columns of other names, and what is alike in all rows."""
    mapping = {"title": "Werk", "writers": "Urheber", "writer_societies": "=035"}
    records = read(tmp_path, "Nr;Werk;Urheber\n1;Laterne;Luce Arbour\n", kind="works", mapping=mapping)
    assert [(item.society, item.role) for item in records if isinstance(item, Interest)] == [("cisac:035", "")]
    assert [item.titles for item in records if isinstance(item, Work)] == [("Laterne",)]


@pytest.mark.parametrize(
    ("header", "options", "said"),
    [
        ("a,b", {}, "its columns are those of no kind of table"),
        ("a,b", {"kind": "works"}, "works need a column 'title' (the original title)"),
        ("title", {"mapping": {"titel": "title"}}, "the mapping names 'titel', but works have title, id"),
        ("title", {"mapping": {"id": "Nummer"}}, "no column 'Nummer'; there are 'title'"),
        ("title", {"kind": "songs"}, "'songs' is no kind of file: choose out of cwr, documents, artists, works"),
        ("", {"kind": "works"}, "has no header"),
    ],
)
def test_mistakes_of_the_whole_are_one_line(tmp_path: Path, header: str, options: dict[str, Any], said: str) -> None:
    """What is wrong, where, and what there is to choose from."""
    with pytest.raises(OptOutError) as caught:
        read(tmp_path, f"{header}\nx\n" if header else "\n\n", **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (["title", "id"], "works"), (["names", "society"], "parties"), (["Name", "domains"], "parties"),
        (["party", "work", "layer"], "interests"), (["url", "party", "work"], "urls"),
        (["domain", "party", "work", "class"], "domains"),
        (["party", "usages", "valid_from", "valid_until", "evidence", "recorded_by"], "licences"), (["x"], None),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_the_columns(header: list[str], kind: str | None) -> None:
    """The kind that has all it needs."""
    assert columns.kind_of(header) == kind


def test_broken_csv_is_rejected_line_by_line(tmp_path: Path) -> None:
    """An open quotation mark swallows what is behind it, up to a limit; it is told, and nothing is raised."""
    text = 'title,id\nGood,1\n"open,2\n' + "x" * 300_000 + "\nBehind,3\n"
    records = read(tmp_path, text)
    assert next(work.titles[0] for work in records if isinstance(work, Work)) == "Good"
    assert any(isinstance(item, Rejected) and item.reason.startswith("no CSV") and item.line == 3 for item in records)


def parquet(tmp_path: Path, table: dict[str, list[Any]]) -> Path:
    """Write a Parquet file."""
    pyarrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "works.parquet"
    writer.write_table(pyarrow.table(table), path)
    return path


def test_parquet(tmp_path: Path) -> None:
    """Lists, numbers, missing values and days are read as their text."""
    path = parquet(
        tmp_path,
        {"title": ["A", None, "C"], "writers": [["X", "Y"], ["Z"], None], "published": [1990, None, None],
         "writer_societies": ["058", None, None]},
    )  # fmt: skip
    records = list(importers.read(path))
    assert [
        (work.titles, work.published, work.source and work.source.line) for work in records if isinstance(work, Work)
    ] == [
        (("A",), 1990, 1),
        (("C",), None, 3),
    ]
    assert [record.society for record in records if isinstance(record, Interest)] == ["cisac:058", "cisac:058"]
    assert [(item.line, item.reason) for item in records if isinstance(item, Rejected)] == [(2, "no title")]


def test_parquet_that_is_cut(tmp_path: Path) -> None:
    """A file that begins as Parquet and is none is one line."""
    with pytest.raises(OptOutError, match="cannot be read as Parquet"):
        read(tmp_path, b"PAR1" + b"\x00" * 100, "x.parquet")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra that brings it."""
    path = parquet(tmp_path, {"title": ["A"]})
    known = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "pyarrow":
            raise ImportError(name)
        return known(name, *args, **options)

    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(OptOutError, match=r"install optout-middleware\[corpus\]"):
        list(tables.read(path, "works"))


def test_every_field_says_what_it_means() -> None:
    """The table of columns is what docs show: each field has its meaning, and each required one is a field."""
    for kind, fields in columns.COLUMNS.items():
        assert all(meaning for meaning in fields.values())
        assert set(columns.REQUIRED[kind]) <= set(fields)
