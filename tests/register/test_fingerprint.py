"""The fingerprint of lyrics: a whole text with noise is recognised, a short quote and another text are not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.fingerprint import LEAST_SHARED, MIDDLE, STRONG, overlap, shingles

WORDS = "river stone window paper winter candle harbour silver morning thunder garden letter engine shadow".split()  # noqa: SIM905


def song(seed: int, lines: int = 32) -> list[str]:
    """Make the lines of an invented song."""
    draw = random.Random(seed)
    return [" ".join(draw.choice(WORDS) for _ in range(6)).capitalize() for _ in range(lines)]


def share(text: str, of: list[str]) -> float:
    """Give how much of a song's fingerprint stands in a text."""
    return overlap(shingles("\n".join(of)), shingles(text))


SONG = song(1)
CHORUS = SONG[8:12]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(SONG).upper(),
        "\r\n\r\n".join(f"  {line}!?, " for line in SONG),
        "\n".join(line.replace("e", "é") for line in SONG),
        "\n".join(["[Verse 1]", *SONG[:8], "[Chorus] (x2)", *SONG[8:12], "Verse 2:", *SONG[12:], "(Repeat)"]),
        "\n".join(f"{line} (oh yeah)" for line in SONG),
        "\n".join([*song(2, 100), *SONG, *song(3, 100)]),
        "\n".join([*SONG[:20], "", *CHORUS, *SONG[20:]]),
    ],
    ids=["case", "blank lines, marks", "diacritics", "labels", "asides", "within a page", "chorus again"],
)
def test_a_whole_text_with_noise_is_recognised(text: str) -> None:
    """Most of the fingerprint is found."""
    assert share(text, SONG) >= STRONG


@pytest.mark.parametrize("seed", range(20))
def test_missing_and_changed_lines_leave_enough(seed: int) -> None:
    """With one line in ten left out and one in ten misheard it is recognised in band middle at least."""
    draw = random.Random(seed)
    kept = [line for line in SONG if draw.random() > 0.1]
    heard = [line.replace(" ", " uh ", 1) if draw.random() < 0.1 else line for line in kept]
    assert share("\n".join(heard), SONG) >= MIDDLE


@pytest.mark.parametrize("start", range(29))
@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_a_short_quote_is_no_match(start: int, lines: int) -> None:
    """Up to four lines, in whatever text, of whatever song, a short one too."""
    quote = SONG[start : start + lines]
    essay = "\n".join([*song(4, 10), *quote, *song(5, 10)])
    assert share(essay, SONG) == 0.0
    assert share(essay, quote) == 0.0


def test_half_a_song_is_a_match() -> None:
    """A long part of it is more than a quote."""
    assert share("\n".join(SONG[:16]), SONG) >= MIDDLE


@pytest.mark.parametrize("seed", range(2, 40))
def test_other_texts_are_no_match(seed: int) -> None:
    """Songs of the same few words share no three lines."""
    assert share("\n".join(song(seed)), SONG) == 0.0


def test_five_lines_are_the_least_that_is_recognised() -> None:
    """A text of five lines has the least number of shingles."""
    five = SONG[:5]
    assert len(shingles("\n".join(five))) == LEAST_SHARED
    assert share("\n".join(five), five) == 1.0
    assert share("\n".join(five[:4]), five[:4]) == 0.0


def test_a_song_called_after_a_label_keeps_its_lines() -> None:
    """Only a line that is nothing but a label is none."""
    assert len(shingles("The bridge is down\nChorus of angels\nRefrain from singing")) == 1


def test_numbers_fit_the_register() -> None:
    """Signed 64-bit numbers, each once."""
    found = shingles("\n".join([*SONG, *SONG]))
    assert len(set(found)) == len(found)
    assert all(-(2**63) <= number < 2**63 for number in found)


@given(st.text())
def test_any_text_has_a_fingerprint(text: str) -> None:
    """Nothing is raised, whatever stands there, and the same text gives the same."""
    assert shingles(text) == shingles(text)
    assert overlap(shingles(text), shingles(text)) in (0.0, 1.0)


def test_a_huge_text_is_cut() -> None:
    """No more lines count than a song can have."""
    assert len(shingles("\n".join(f"line {number} of it" for number in range(50_000)))) < 2_000
