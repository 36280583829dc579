"""Credits of items: the mapping, the values, and what stands behind a name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.credits import CREDIT_NAMES, check_mapping, of_item, to_dict
from optout_middleware.register.model import AssetClass, Credits, Identifier
from optout_middleware.terms import OptOutError

SAME = {name: name for name in CREDIT_NAMES}


def test_item() -> None:
    """Every credit is read from the field that the mapping names."""
    item = {
        "song": "Nowhere Lane",
        "by": "Testine Nobodyson (00009990165), René Placeholder (GEMA)",
        "band": ["The Unreal Band"],
        "pub": "Imaginary Songs; Empty Editions",
        "label": "Figment Records",
        "c": "© 2024 Somebody Unreal",
        "w": ["T-999.000.001-6", "T-999.000.001-7"],
        "r": "GBZZZ9900002",
        "ipi": "00009990263, 00000000000",
        "isni": 1,
        "book": "9789999900010",
        "serial": "0378-5955",
        "doi": "10.9999/A;B",
        "film": "10.5240/7791-8534-2C23-9030-8610-5",
        "ismn": "979-0-9999-9001-7",
        "text": "la la",
        "kind": "Music audio",
        "soc": "SACEM, 058",
        "cc": "https://cc.example/by",
        "other": "not read",
    }
    mapping = {
        "title": "song", "writers": "by", "performers": "band", "publishers": "pub", "labels": "label", "holders": "c",
        "iswc": "w", "isrc": "r", "ipi": "ipi", "isni": "isni", "isbn": "book", "issn": "serial", "doi": "doi",
        "eidr": "film", "ismn": "ismn", "lyrics": "text", "class": "kind", "societies": "soc", "licence": "cc",
    }  # fmt: skip
    check_mapping(mapping)
    assert set(mapping) == set(CREDIT_NAMES)
    line = to_dict(of_item(item, mapping))
    line.pop("lyrics_sha256")
    assert line == {
        "titles": ["Nowhere Lane"],
        "writers": ["Testine Nobodyson", "René Placeholder"],
        "performers": ["The Unreal Band"],
        "publishers": ["Imaginary Songs", "Empty Editions"],
        "labels": ["Figment Records"],
        "holders": ["Somebody Unreal"],
        "identifiers": ["iswc:T9990000016", "isrc:GBZZZ9900002", "isbn:9789999900010", "issn:03785955",
                        "doi:10.9999/a;b", "eidr:10.5240/779185342C23903086105", "ismn:9790999990017"],
        "dropped": ["iswc:T9990000017", "isni:1"],
        "party_identifiers": ["ipi:00009990165", "ipi:00009990263"],
        "societies": ["GEMA", "SACEM", "058"],
        "licence": "https://cc.example/by",
        "is_recording": True,
        "asset_class": "music-audio",
        "class_reason": "item field 'kind'",
        "origins": ["item"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "identifier"),
    [
        ("Nil Nobody (00009990165)", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody (IPI 9990165)", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody [IPI: 000.099.901-65]", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody, IPI 00009990165", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody - CAE/IPI 00009990165", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody (CA, 00009990165)", "Nil Nobody", "ipi:00009990165"),
        ("Nil Nobody (I-000000229-7)", "Nil Nobody", "ipi-base:I0000002297"),
        ("Nil Nobody (0000 0000 9990 0017)", "Nil Nobody", "isni:0000000099900017"),
        ("Nobody, Nil (00009990165)", "Nobody, Nil", "ipi:00009990165"),
        ("Nil Nobody (IPI unknown)", "Nil Nobody", ""),
        ("Nil Nobody (alias Nemo)", "Nil Nobody (alias Nemo)", ""),
        ("Nil (Nobody) Nemo", "Nil (Nobody) Nemo", ""),
    ],
)
def test_writer_with_identifier(text: str, name: str, identifier: str) -> None:
    """A writer's identifier is taken from behind the name, and what else stands in brackets stays."""
    read = of_item({"w": text}, {"writers": "w"})
    assert read.writers == (name,)
    assert [f"{found.scheme}:{found.value}" for found in read.party_identifiers] == ([identifier] if identifier else [])


def test_bad_number_behind_a_name() -> None:
    """A number whose check digits are wrong is dropped, and the name stays (rule M2)."""
    read = of_item({"w": "Nil Nobody (00009990166)"}, {"writers": "w"})
    assert (read.writers, read.party_identifiers) == (("Nil Nobody",), ())
    assert read.dropped == (Identifier("ipi", "00009990166", checked=False),)


@pytest.mark.parametrize(
    ("item", "expected", "reason"),
    [
        ({"class": "lyrics"}, AssetClass.LYRICS, "item field 'class'"),
        ({"class": ["?", "Sheet", "notation"]}, AssetClass.NOTATION, "item field 'class'"),
        ({"class": "text", "lyrics": "la"}, AssetClass.TEXT, "item field 'class'"),
        ({"lyrics": "la"}, AssetClass.LYRICS, "item field 'lyrics' has lyrics"),
        ({"lyrics": " "}, AssetClass.OTHER, ""),
        ({"class": "nonsense"}, AssetClass.OTHER, ""),
    ],
)
def test_class(item: dict[str, object], expected: AssetClass, reason: str) -> None:
    """The item's own word for its class counts, else that it has lyrics."""
    read = of_item(item, SAME)
    assert (read.asset_class, read.class_reason) == (expected, reason)


def test_two_licences() -> None:
    """Of two licences it is unclear which one holds."""
    assert of_item({"licence": ["https://a.example/", "https://b.example/"]}, SAME) == Credits()
    assert of_item({"licence": "CC BY"}, SAME) == Credits()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("title", r"item fields must map credit names to names of the item's fields, not 'title'; use title, writers"),
        ({"titel": "t"}, r"item fields name 'titel', which is no credit; use title, writers, performers"),
        ({1: "t"}, r"item fields name 1, which is no credit; use title"),
        ({"title": ""}, r"item fields map 'title' to '', which is no name of a field"),
        ({"title": ["t"]}, r"item fields map 'title' to \['t'\], which is no name of a field"),
    ],
)
def test_mapping(mapping: object, message: str) -> None:
    """A mistake in the mapping is one line that says what, where and what to do."""
    with pytest.raises(OptOutError, match=message) as raised:
        check_mapping(mapping)
    assert "\n" not in str(raised.value)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()


@given(st.dictionaries(st.sampled_from(CREDIT_NAMES), VALUES | st.lists(VALUES, max_size=3) | st.sets(st.text())))
def test_no_item_raises(item: dict[str, Any]) -> None:
    """Whatever an item has in its fields, it has credits or none."""
    read = of_item(item, SAME)
    assert read.origins in ((), ("item",))
    assert (read.origins == ()) == (read == Credits())
