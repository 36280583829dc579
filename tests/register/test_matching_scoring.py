"""Likeness of titles and names, the bands they make, and the blocks that decide what is compared at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.blocking import blocks_of, blocks_to_ask, hashed, name_key, title_key
from optout_middleware.register.model import Band
from optout_middleware.register.scoring import (
    NEAR,
    SURE,
    Likeness,
    Numbered,
    name_likeness,
    score,
    title_likeness,
)

NOBODY = Numbered(maker=False, anybody=False)
WORDS = st.lists(st.text("abcdefgh", min_size=2, max_size=9), min_size=1, max_size=6)
TITLES = WORDS.map(" ".join)
NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=3).map(" ".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("love me tonight", "tonight love me"),
        ("hold on", "holdon"),
        ("bridge of nulleville", "bridge nulleville"),
        ("bridge of nulleville", "bridge of nuleville"),
        ("golden morning rain", "golden mornign rain"),
        ("golden harbour rain", "golden harbaur rain"),
        ("the golden rain of may", "golden rein of the may"),
    ],
)
def test_titles_that_count_as_one(one: str, other: str) -> None:
    """Word order, a space, a little word, a slip, another letter in a long word."""
    assert title_likeness([one], [other]) >= SURE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sonata for piano part 1", "sonata for piano part 2"),
        ("golden morning rain song", "golden morning rain"),
        ("the long winter of my golden morning", "the long summer of my golden morning"),
        ("love", "live"),
        ("golden rain", "golden rein"),
        ("summer 1986", "summer 1968"),
    ],
)
def test_titles_that_are_only_alike(one: str, other: str) -> None:
    """A number, a word more, another word, another letter in a short word."""
    assert title_likeness([one], [other]) < SURE


def test_titles_that_are_not_alike_are_nothing() -> None:
    """Below the threshold the likeness is 0; the best pair counts."""
    assert title_likeness(["golden rain"], ["silver harbour"]) == 0.0
    assert title_likeness([], ["a"]) == 0.0
    assert title_likeness(["x", "golden rain"], ["silver harbour", "golden rain"]) == 1.0


@given(TITLES, TITLES)
def test_likeness_of_titles_has_no_direction(one: str, other: str) -> None:
    """And lies between 0 and 1; a title is wholly like itself."""
    assert title_likeness([one], [other]) == title_likeness([other], [one])
    assert 0.0 <= title_likeness([one], [other]) <= 1.0
    assert title_likeness([one], [one]) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("jane doe", "doe jane", Likeness.SAME),
        ("marguerite delacroix", "marguerite delacrroix", Likeness.SAME),
        ("marguerite delacroix", "marguerite delacorix", Likeness.SAME),
        ("marguerite delacroix", "marguerite delacrox", Likeness.SAME),
        ("marguerite delacroix", "marguerite delacroux", Likeness.ALIKE),
        ("john smith", "joan smith", Likeness.ALIKE),
        ("j smith", "john smith", Likeness.SHORT),
        ("john roe", "john quentin roe", Likeness.SHORT),
        ("j q roe", "john quentin roe", Likeness.SHORT),
        ("ivan imfasa", "ivan mifasa", Likeness.ALIKE),
        ("smith", "john smith", Likeness.ALIKE),
        ("john smith", "peter smith", Likeness.NONE),
        ("j smith", "peter smith", Likeness.NONE),
        ("john smith", "john miller", Likeness.NONE),
        ("j", "john", Likeness.NONE),
    ],
)
def test_names(one: str, other: str, likeness: Likeness) -> None:
    """The same words, or a slip: the same; an initial, a part, another letter: alike; in both directions."""
    assert name_likeness(one, other) is name_likeness(other, one) is likeness


@given(NAMES, NAMES)
def test_likeness_of_names_has_no_direction(one: str, other: str) -> None:
    """And a name is the same as itself."""
    assert name_likeness(one, other) is name_likeness(other, one)
    assert name_likeness(one, one) is Likeness.SAME


@pytest.mark.parametrize(
    ("title", "writers", "others", "numbered", "band"),
    [
        (1.0, ["jane doe"], [], NOBODY, Band.STRONG),
        (SURE, ["jane doe", "john roe"], [], NOBODY, Band.STRONG),
        (1.0, ["jane doe", "j roe"], [], NOBODY, Band.STRONG),
        (1.0, ["j roe"], [], NOBODY, Band.MIDDLE),
        (1.0, ["jane doe", "max stranger"], [], NOBODY, Band.MIDDLE),
        (1.0, ["max stranger"], ["jane doe"], NOBODY, Band.MIDDLE),
        (1.0, ["max stranger"], [], NOBODY, Band.WEAK),
        (1.0, [], [], NOBODY, Band.WEAK),
        (1.0, [], [], Numbered(maker=True, anybody=True), Band.STRONG),
        (1.0, [], [], Numbered(maker=False, anybody=True), Band.MIDDLE),
        (SURE - 0.01, ["jane doe"], [], NOBODY, Band.MIDDLE),
        (SURE - 0.01, ["jane doe", "max stranger"], [], NOBODY, None),
        (SURE - 0.01, [], [], NOBODY, None),
        (NEAR - 0.01, ["jane doe"], [], Numbered(maker=True, anybody=True), None),
    ],
)
def test_bands(title: float, writers: list[str], others: list[str], numbered: Numbered, band: Band | None) -> None:
    """Rules M3 and M4, case by case."""
    assert score(title, writers, others, {"jane doe", "john roe"}, numbered).band is band


@given(TITLES, st.lists(NAMES, max_size=3), st.data())
def test_what_has_a_word_and_a_surname_in_common_is_compared(title: str, names: list[str], data: st.DataObject) -> None:
    """Whatever the order of words and names, and with words that the work has not."""
    words = data.draw(st.permutations(title.split()))
    whole, named = blocks_to_ask([" ".join(words)], [])
    assert title_key(title) in whole
    assert whole <= blocks_of([title], names)
    assert named == set()
    longest = min(title.split(), key=lambda word: (-len(word), word))
    for name in names:
        surname = name.split()[-1]
        if len(surname) > 1:
            _, asked = blocks_to_ask([f"{longest} zz"], [f"{surname} zz"])
            assert asked & blocks_of([title], names)


def test_blocks_are_bounded() -> None:
    """Of hostile credits no more than a number of blocks is asked about."""
    titles = [" ".join(f"word{number}x{place}" for place in range(500)) for number in range(500)]
    whole, named = blocks_to_ask(titles, [f"name{number}" for number in range(5_000)])
    assert len(whole) <= 4
    assert len(named) <= 4 * 10 * 12


def test_keys_are_those_that_files_have() -> None:
    """A key never changes without a new schema version: registers hold them."""
    assert hashed("id", "iswc", "T0345246801") == -7275976359396881720
    assert title_key("hold on") == title_key("on hold") == -2188500528789075958
    assert sorted(blocks_of(["hold on"], ["jane doe"])) == [
        -3728106678845363842, -3185380381340734119, -2188500528789075958, 4687005234857087196,
    ]  # fmt: skip
    assert name_key("jane doe") == name_key("doe jane") != name_key("jane dow")
