"""Forms of titles and names, and lists of names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optout_middleware.register.normalise import name, names, recording_title, work_title

if TYPE_CHECKING:
    from collections.abc import Callable

VECTORS = json.loads(Path(__file__).with_name("normalise.json").read_text("utf-8"))
FORMS = st.sampled_from([work_title, recording_title, name])
_PIECES = "the|The |A |l'|L'|feat. | ft |live|(Live)|(|)|[|]| - |-|,|, The|E.T.| et |&| pt |Remix|2011|'|.|x | and |;|/"
PIECES = st.sampled_from([*_PIECES.split("|"), "|", "東", "é", "Ⅷ", "ﷺ", "\u0378", "ꙮ"])
LONG = st.text(max_size=5).map(lambda text: text * 200)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join), LONG)


@pytest.mark.parametrize(("text", "of_work", "of_recording"), VECTORS["titles"])
def test_titles(text: str, of_work: str, of_recording: str) -> None:
    """Version suffixes and who is featured are left out for works and kept for recordings."""
    assert (work_title(text), recording_title(text)) == (of_work, of_recording)


@pytest.mark.parametrize(("text", "form"), VECTORS["names"])
def test_name(text: str, form: str) -> None:
    """Order, case, initials, brackets and the word for "and" make no difference."""
    assert name(text) == form


@pytest.mark.parametrize(("text", "expected"), VECTORS["lists"])
def test_names(text: str, expected: list[str]) -> None:
    """A list is split where names end, and each name stays as it was written."""
    assert names(text) == tuple(expected)


@given(FORMS, TEXTS)
def test_a_form_gives_itself(form: Callable[[str], str], text: str) -> None:
    """Forms are idempotent, and whatever has a letter or digit has one."""
    once = form(text)
    assert form(once) == once
    assert once or not any(character.isalnum() for character in text[:500])


@given(TEXTS)
@example("A\f")
@example("A\x1c")
def test_names_raise_nothing(text: str) -> None:
    """Any text is a list of names, each once, none of them blank, each a part of what was written."""
    split = names(text)
    assert len(set(split)) == len(split)
    assert all(one.strip() == one and name(one) for one in split if one.isascii())
    assert all(one.removesuffix(".") in text for one in split)


@pytest.mark.parametrize("piece", ["(", "(live ", "& ", " - live", "a.b.", "無", "a, ", "a/aaa"])
def test_hostile_texts_are_bounded(piece: str) -> None:
    """Very long texts and deep brackets give a bounded form."""
    text = piece * 100_000
    assert max(len(work_title(text)), len(recording_title(text)), len(name(text))) <= 500
    assert len(names(text)) <= 100
