"""Artist lists: text, CSV and XML; whose list it is; and that XML is read without entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optout_middleware.register import importers
from optout_middleware.register.importers import artists
from optout_middleware.register.importers.records import Rejected
from optout_middleware.register.model import Identifier, Mandate, Party, Status
from optout_middleware.terms import OptOutError

from .cwr_builder import ipi

DATA = Path(__file__).parent / "data"
ADAGP = {"society": "=148"}


def read(tmp_path: Path, content: str | bytes, name: str, mapping: dict[str, str] | None = None) -> list[Any]:
    """Write a list and read it."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(importers.read(path, kind="artists", mapping=mapping))


def names(records: list[Any]) -> list[tuple[str, str]]:
    """Give name and society of each artist."""
    managers = {record.grantor: record.manager for record in records if isinstance(record, Mandate)}
    return [(party.names[0], managers[party.id]) for party in records if isinstance(party, Party)]


def test_our_own_xml() -> None:
    """Names whole or in parts, numbers, the society of the list or of the artist, and what has no name."""
    records: list[Any] = list(importers.read(DATA / "artists.xml"))
    assert names(records) == [
        ("Luce Arbour", "cisac:148"),
        ("Otto Quïll", "cisac:148"),
        ("Wrong Digits", "cisac:148"),
        ("Another Society", "cisac:225"),
    ]
    first = records[0]
    assert (first.id, first.identifiers) == ("ipi:99000070101", (Identifier("ipi", "99000070101"),))
    mandate = records[1]
    assert (mandate.grantor, mandate.uses, mandate.status) == (first.id, ("reserve",), Status.ASSERTED)
    assert mandate.evidence == "listed in artists.xml"
    assert [(item.line, item.reason, item.kept) for item in records if isinstance(item, Rejected)] == [
        (5, "ipi '99000070102' is not valid: left out", True),
        (6, "an element 'artist' without a name", False),
    ]


def test_another_schema_is_read_by_naming_its_elements(tmp_path: Path) -> None:
    """Elements of other names, in a namespace, with the society as an element."""
    text = (
        '<liste xmlns="urn:x"><entete><organisme>148</organisme></entete>'
        "<auteur><nom>ARBOUR</nom><prenom>Luce</prenom><code>99000070101</code></auteur></liste>"
    )
    mapping = {"item": "auteur", "first_name": "prenom", "last_name": "nom", "ipi": "code", "society": "organisme"}
    records = read(tmp_path, text, "l.xml", mapping)
    assert names(records) == [("Luce ARBOUR", "cisac:148")]
    assert records[0].id == "ipi:99000070101"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Luce Arbour\n\n# a remark\nOtto Quïll\n", "l.txt"),
        ("\ufeffLuce Arbour\r\nOtto Quïll", "l.txt"),
        ("Luce Arbour\nOtto Quïll\n".encode("latin-1"), "l.txt"),
        ("name\nLuce Arbour\nOtto Quïll\n", "l.csv"),
        ("<artists><artist><name>Luce Arbour</name></artist><artist><name>Otto Quïll</name></artist></artists>", "l"),
    ],
)
def test_the_society_is_named_by_the_user(tmp_path: Path, content: str | bytes, name: str) -> None:
    """Any form of list, whose society the mapping names."""
    assert names(read(tmp_path, content, name, ADAGP)) == [("Luce Arbour", "cisac:148"), ("Otto Quïll", "cisac:148")]


def test_a_text_may_say_whose_it_is(tmp_path: Path) -> None:
    """A comment names the society of what follows."""
    text = "# society: 148\nLuce Arbour\n# Society: 225\nOtto Quill\n"
    assert names(read(tmp_path, text, "l.txt")) == [("Luce Arbour", "cisac:148"), ("Otto Quill", "cisac:225")]


def test_a_table_with_a_column_for_the_society(tmp_path: Path) -> None:
    """A row without a society is of nobody's list, and told."""
    text = f"names,society,ipi\nLuce Arbour,148,{ipi(1)}\nOtto Quill,,\nAda Vale,225,7\n"
    records = read(tmp_path, text, "l.csv")
    assert names(records) == [("Luce Arbour", "cisac:148"), ("Ada Vale", "cisac:225")]
    assert [(item.line, item.reason) for item in records if isinstance(item, Rejected)] == [
        (3, "Otto Quill: no society: fill its column, or map society to =CODE"),
        (4, "ipi '7' is not valid: left out"),
    ]


@pytest.mark.parametrize(
    ("content", "name", "mapping", "said"),
    [
        ("Luce Arbour", "l.txt", None, "l.txt, line 1: the list does not say whose it is"),
        ("Luce Arbour", "l.txt", {"society": "=099"}, "society: '099' stands for no society"),
        ("Luce Arbour", "l.txt", {"ipi": "x"}, "a list of names has no 'ipi': map only society"),
        ("<a/>", "l.xml", {"titel": "x"}, "the mapping names 'titel', but an XML list has item, name"),
        ("<a><artist>", "l.xml", ADAGP, "l.xml, line 1: no XML"),
        ("<a>\n<artist>\n</b>", "l.xml", ADAGP, "l.xml, line 3: no XML"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, content: str, name: str, mapping: dict[str, str] | None, said: str
) -> None:
    """What is wrong, and where."""
    with pytest.raises(OptOutError) as caught:
        read(tmp_path, content, name, mapping)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_without_letters_is_no_name(tmp_path: Path) -> None:
    """It is told, and the names beside it are read."""
    records = read(tmp_path, "12345\nLuce Arbour\n", "l.txt", ADAGP)
    assert records[0] == Rejected(1, "no name", "12345")
    assert names(records) == [("Luce Arbour", "cisac:148")]


def test_xml_is_read_without_entities(tmp_path: Path) -> None:
    """Neither a file of this machine nor a small entity made large gets into a name."""
    (tmp_path / "secret").write_text("secret words")
    text = (
        f'<!DOCTYPE a [<!ENTITY f SYSTEM "{(tmp_path / "secret").as_uri()}"><!ENTITY b "boom">]>'
        "<a><artist><name>X &f;&b;</name></artist></a>"
    )
    try:
        found = names(read(tmp_path, text, "l.xml", ADAGP))
    except OptOutError:
        found = []
    assert "secret" not in str(found)
    assert "boom" not in str(found)


def test_a_long_list_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """What was read is thrown away: the tree does not grow."""
    item = "<artist><name>Luce Arbour</name><more>" + "x" * 500 + "</more></artist>"
    (tmp_path / "l.xml").write_text("<a society='148'>" + item * 2_000 + "</a>")
    largest = 0
    for number, _ in enumerate(artists.read(tmp_path / "l.xml")):
        largest = number
    assert largest == 3_999
