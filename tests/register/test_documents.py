"""Documents in YAML: each kind of entry, each mistake one line with its number, and the declarations that ship."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

import optout_middleware.register
from optout_middleware.register import importers
from optout_middleware.register.importers import documents
from optout_middleware.register.importers.entries import KINDS, RECOMMENDATION, EntryError, entry_of, read_entry
from optout_middleware.register.importers.records import Rejected
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
    PublicDomain,
    Repertoire,
    RightException,
    Status,
    Strength,
    Work,
)
from optout_middleware.register.records import UrlEntry
from optout_middleware.terms import Licence, OptOutError, Outcome, Ruling, Usage

from .cwr_builder import ipi, iswc

SHIPPED = Path(optout_middleware.register.__file__).parent / "data" / "declarations.yaml"
UTC = timezone.utc
EXAMPLES: dict[str, Any] = {
    "party": Party(
        "socia", "cmo", ("SOCIA",), (Identifier("ipi", ipi(1)),), died=1937, died_confirmed=True,
        died_for_france=True, domains=("socia.example",),
    ),
    "work": Work(
        "w1", "musical", ("Lantern",), (Identifier("iswc", iswc(1)), Identifier("isrc", "FRX992600001")),
        published=1999, derived_from="w0", components=("w2",),
        public_domain=(PublicDomain("FR", Layer.LYRICS, date(2021, 1, 1), "authority file"),),
    ),
    "interest": Interest(
        "p1", "w1", Layer.LYRICS, "A", "cisac:058", ("FR",), date(2020, 1, 1), date(2030, 1, 1), controlled=False,
        share=0.5,
    ),
    "mandate": Mandate(
        "p1", "socia", ("reserve", "license"), ("w1",), ("EU",), exclusive=True, start=date(2020, 1, 1),
        end=date(2030, 1, 1), basis="contract", status=Status.CONFIRMED, evidence="contract 7",
    ),
    "repertoire": Repertoire(
        "socia", (AssetClass.LYRICS,), complete=True, as_of=date(2026, 1, 1), expires=date(2027, 1, 1)
    ),
    "declaration": Declaration(
        "d1", "socia", "works", (Usage.TRAIN_AI,), ("w1",), (Layer.LYRICS,), (AssetClass.LYRICS,), ("FR",),
        date(2026, 1, 1), date(2026, 1, 2), date(2026, 9, 1), (Usage.SEARCH,), needs_right=True,
        on_behalf_of="members", legal_basis=("law",), form="letter", machine_readable=True,
        strengths=(("DE", Strength.CONTESTED),), text="words", sources=("https://socia.example/",),
    ),
    "exception": RightException(
        "socia", "p1", "permit", ("w1",), date(2026, 1, 1), date(2027, 1, 1), "letter", "socia"
    ),
    "licence": Licence(
        "socia", ("a.example",), (Usage.TRAIN_AI,), datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC),
        "folder", "R. Reader", ("credit",), ("w1",), ("socia",), ("lyrics",), ("FR",), "Operator", confirmed=False,
        extended_effect=True, models=("m1",), id="l1",
    ),
    "dispute": Dispute("x1", "socia", ("p1",), date(2026, 1, 1), date(2026, 2, 1), "settled", "letter"),
    "correction": Correction("w1", "a.example", "R. Reader", "another song", date(2026, 1, 1), date(2027, 1, 1)),
    "ruling": Ruling(
        "natural-language", "a.example", Outcome.DENY, "R. Reader", "terms read",
        datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "p1", "r1", "M3",
    ),
    "url": UrlEntry("a.example", "socia", "w1", AssetClass.LYRICS, reserved=True),
}  # fmt: skip


def read(tmp_path: Path, text: str) -> list[Any]:
    """Write a document and read it."""
    path = tmp_path / "document.yaml"
    path.write_text(text, "utf-8")
    return list(importers.read(path))


def told(records: list[Any]) -> list[tuple[int, str]]:
    """Give line and reason of what was rejected."""
    return [(item.line, item.reason) for item in records if isinstance(item, Rejected)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_back_as_it_is_written(tmp_path: Path, kind: str) -> None:
    """Each field of each kind goes into an entry and comes out the same, from YAML too."""
    example = EXAMPLES[kind]
    entry = entry_of(example)
    assert set(entry) == set(KINDS[kind].fields), "the example has every field"
    assert read_entry(kind, entry).record == example
    (section,) = (name for name, found in documents.SECTIONS.items() if found == kind)
    (record,) = read(tmp_path, yaml.safe_dump({section: [entry]}, allow_unicode=True))
    shown = {name: value for name, value in entry_of(record).items() if name != "source"}
    assert shown == entry


def test_an_entry_knows_its_line_and_the_day_of_the_document(tmp_path: Path) -> None:
    """The chain of facts names document, line and day."""
    text = (
        "as_of: 2026-11-24\nparties:\n  - {id: a, kind: cmo, names: [A]}\n  - id: 058\n    kind: cmo\n    names: [B]\n"
    )
    records = read(tmp_path, text)
    assert [(item.id, item.source.line, item.source.as_of) for item in records] == [
        ("a", 3, date(2026, 11, 24)),
        ("cisac:058", 4, date(2026, 11, 24)),
    ]


LICENCE = """party: p
    scopes: [a.example]
    usages: [train-ai]
    valid_from: 2026-01-01
    evidence: e
    recorded_by: r"""
SAID = "by: r, reason: w, valid_from: 2026-01-01, valid_until: 2027-01-01}"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("licenses:\n  - {party: p}", 2, "unknown section 'licenses': did you mean 'licences'?"),
        ("stuff: 1", 1, "unknown section 'stuff': choose out of parties"),
        ("parties:\n  - id: a\n    kind: cmo\n    name: A", 4, "party a: unknown field 'name': did you mean 'names'?"),
        ("parties:\n  - id: a\n    kind: society\n    names: [A]", 3,
         "party a: kind: 'society' is none of natural, publisher, label, cmo, agency, host"),
        ("parties:\n  - {id: a, kind: cmo}", 2, "party a: it has neither a name nor an identifier"),
        ("parties:\n  - {id: a, kind: cmo, names: A}", 2, "party a: names: give a list"),
        ("parties:\n  - A", 2, "an entry of parties is a mapping of id, kind, names"),
        (f"licences:\n  - {LICENCE}", 2, "licence p: valid_until is missing"),
        (f"licences:\n  - {LICENCE}\n    valid_until: 2025-01-01", 2, "licence p: it ends before it begins"),
        (f"licences:\n  - {LICENCE}\n    valid_until: soon", 8, "licence p: valid_until: 'soon' is no time"),
        (f"licences:\n  - {LICENCE}\n    valid_until: 2027-01-01T00:00:00", 8, "has no time zone"),
        (f"rulings:\n  - {{finding: register-strong, outcome: allow, scope: a.example, {SAID}", 2,
         "is answered by no ruling"),
        (f"rulings:\n  - {{finding: natural-language, outcome: allow, {SAID}", 2,
         "name a scope (domain or URL prefix) or a party"),
        (f"rulings:\n  - {{finding: natural-language, outcome: pending, scope: a.example, {SAID}", 2,
         "'pending' is none of allow, deny"),
        (f"rulings:\n  - {{finding: nonsense, outcome: allow, scope: a.example, {SAID}", 2,
         "finding 'nonsense' is none of"),
        ("repertoires:\n  - {society: 058, complete: true}", 2, "complete needs classes, as_of and expires"),
        ("mandates:\n  - {grantor: a, manager: 058, start: 2026-01-01, end: 2026-01-01}", 2, "it ends before"),
        ("mandates:\n  - {grantor: a, manager: '099'}", 2, "mandate: manager: '099' stands for no society"),
        ("declarations:\n  - {id: d, declarant: a, scope: recommendation_only}", 2, RECOMMENDATION),
        ("recommendations_only:\n  - {id: sne-2023, body: SNE}", 2, RECOMMENDATION),
        ("declarations:\n  - {id: d, declarant: a, scope: repertoire, notice: true}", 2, "unknown field 'notice'"),
        ("works:\n  - {id: w, kind: musical, identifiers: {iswc: T-913.160.836-4}}", 2,
         "it has neither a title nor an identifier"),
        ("works:\n  - {id: w, kind: musical, titles: [A], identifiers: {isxc: 1}}", 2, "'isxc' is no scheme"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_number(tmp_path: Path, text: str, line: int, reason: str) -> None:
    """Which entry and field, what is wrong, what there is to choose from; and nothing of the entry is taken."""
    records = read(tmp_path, text)
    assert len(records) == 1
    (found,) = records
    assert isinstance(found, Rejected)
    assert found.line == line
    assert reason in found.reason


def test_entries_beside_a_mistake_are_read(tmp_path: Path) -> None:
    """One mistake does not cost the document."""
    records = read(
        tmp_path, "parties:\n- {id: a, kind: cmo, names: [A]}\n- {id: b}\n- {id: c, kind: cmo, names: [C]}\n"
    )
    assert [item.id for item in records if isinstance(item, Party)] == ["a", "c"]
    assert told(records) == [(3, "party b: kind is missing")]


def test_a_bad_check_digit_drops_the_identifier_only(tmp_path: Path) -> None:
    """It is told, and the work is there."""
    text = "works:\n- {id: w, kind: musical, titles: [A], identifiers: {iswc: T-913.160.836-4, isrc: FRX992600001}}"
    work, fault = read(tmp_path, text)
    assert work.identifiers == (Identifier("isrc", "FRX992600001"),)
    assert fault == Rejected(2, "work w: iswc 'T9131608364' is not valid: left out", fault.text, kept=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parties: [", "line 1: no YAML"),
        ("- a", "line 1: the document is no mapping of sections"),
        ("parties: &a []\nworks: *a", "line 2: aliases (*NAME) are not read"),
        ("parties: []\nparties: []", "line 2: the key 'parties' stands twice"),
        ("parties: []\n{a: b}: []", "line 2"),
        ("schema_version: 2", "line 1: schema_version '2' is not 1"),
        ("as_of: yesterday", "line 1: as_of: 'yesterday' is no day"),
        ("x: " + "[" * 5000, "nested too deeply"),
        ("a: \x07", "no YAML"),
    ],
)
def test_a_document_that_is_none_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """File, line and reason."""
    with pytest.raises(OptOutError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "document.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_document_that_is_no_utf_8(tmp_path: Path) -> None:
    """The octet is named."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"parties: \xff")
    with pytest.raises(OptOutError, match="is not UTF-8 from octet 9 on"):
        list(importers.read(path))


def test_a_document_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of millions belongs into a table."""
    monkeypatch.setattr(documents, "LARGEST", 3)
    with pytest.raises(OptOutError, match="import a table"):
        read(tmp_path, "parties: []")


def test_an_empty_document_gives_nothing(tmp_path: Path) -> None:
    """Nothing is said, nothing is read."""
    assert read(tmp_path, "") == []
    assert read(tmp_path, "parties:\n") == []


def test_a_field_that_is_not_read_says_which() -> None:
    """The error knows its key, for the line."""
    with pytest.raises(EntryError) as caught:
        read_entry("party", {"id": "a", "kind": "cmo", "names": ["A"], "died": "long ago"})
    assert caught.value.key == "died"


@pytest.fixture
def shipped() -> list[Any]:
    """Read the declarations that come with the package."""
    return list(importers.read(SHIPPED))


def test_shipped_all_twenty_are_read(shipped: list[Any]) -> None:
    """Nothing of the file is rejected, and each declarant has a name."""
    assert told(shipped) == []
    declarations = [item for item in shipped if isinstance(item, Declaration)]
    assert len(declarations) == 20
    assert {item.declarant for item in declarations} <= {item.id for item in shipped if isinstance(item, Party)}


def test_sources_carry_over(shipped: list[Any]) -> None:
    """Each but the one that stands in files themselves names the address where it was read."""
    without = [item.id for item in shipped if isinstance(item, Declaration) and not item.sources]
    assert without == ["getty-asset"]


def test_sacem(shipped: list[Any]) -> None:
    """By class, code, name and day; its form is contested in Germany, and nowhere else."""
    (sacem,) = (item for item in shipped if isinstance(item, Declaration) and item.id == "sacem-2023")
    assert (sacem.declarant, sacem.scope, sacem.declared_on) == ("cisac:058", "repertoire", date(2023, 10, 12))
    assert sacem.classes == (AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO)
    assert sacem.usages == (Usage.TDM,)
    assert sacem.strengths == (("DE", Strength.CONTESTED),)
    (party,) = (item for item in shipped if isinstance(item, Party) and item.id == "cisac:058")
    assert party.names == ("Sacem", "Société des auteurs, compositeurs et éditeurs de musique")


def test_forms_that_machines_read_are_contested_nowhere(shipped: list[Any]) -> None:
    """Natural language alone is contested in Germany; XML and embedded metadata are not."""
    for item in shipped:
        if isinstance(item, Declaration):
            assert bool(item.strengths) is not item.machine_readable, item.id


def test_scam_needs_the_right(shipped: list[Any]) -> None:
    """Only Scam says that its members must have contributed their right; Getty leaves search free."""
    declarations = {item.id: item for item in shipped if isinstance(item, Declaration)}
    assert [name for name, item in declarations.items() if item.needs_right] == ["scam-fr"]
    assert declarations["getty-asset"].carve_outs == (Usage.SEARCH,)
    assert declarations["getty-asset"].scope == "asset"


def test_the_class_presumption_is_of_music(shipped: list[Any]) -> None:
    """No declaration presumes texts, books, films or all images."""
    music = {AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO}
    assert {one for item in shipped if isinstance(item, Declaration) for one in item.classes} == music
