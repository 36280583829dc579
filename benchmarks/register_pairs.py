"""A labelled synthetic set: credits as pages write them, each with the work that it is of, or with none.

Rule of this file: half of the pairs are true. Each true one is a work of the synthetic register with noise of kinds
that pages have, in shares that are our guess (constants below); each false one is made to be taken for a work of the
register: equal titles with names that look alike (another letter, another ending, another first name), the same writers
with a title that looks alike (a word more, another word), an equal title with others.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.register_corpus import Draw, given, surname, title_and_writers, word, work_id, writer_name
from optout_middleware.register.model import Asset, AssetClass, Credits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.register_corpus import Size

PAIRS = 2_000
# Percent of true pairs, or of names in them, that have each kind of noise.
TITLE_TYPO, TITLE_ORDER, NO_DIACRITICS, VERSION, FEATURED, UPPER = 8, 3, 25, 20, 10, 10
NAME_TYPO, LAST_FIRST, INITIALS, MISSING_WRITER, EXTRA_WRITER = 4, 20, 4, 25, 2
_VERSIONS = (" (Live)", " - Remastered 2011", " (Acoustic Version)", " [Radio Edit]", " (Karaoke Version)")
_ENDINGS = ("son", "ez", "ini", "mann", "ova")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Pair(NamedTuple):
    """Credits of a page, the work that they are put beside, whether they are of it, and the kind of pair."""

    asset: Asset
    work: str
    is_true: bool
    kind: str


def pairs(size: Size, count: int = PAIRS) -> Iterator[Pair]:
    """Give the labelled set; true and false ones in turns."""
    for number in range(count):
        draw = Draw(size.seed, 3, number)
        yield _true(size, draw) if number % 2 == 0 else _false(size, draw)


def _true(size: Size, draw: Draw) -> Pair:
    number = draw.below(size.works)
    title, writers, _ = title_and_writers(size, number)
    names = [writer_name(size, writer) for writer in writers]
    if len(names) > 1 and draw.chance(MISSING_WRITER):
        names.pop(draw.below(len(names)))
    if draw.chance(EXTRA_WRITER):
        names.append(writer_name(size, draw.below(size.writers)))
    return _pair(number, _noisy_title(title, draw), [_noisy_name(name, draw) for name in names], "true")


def _false(size: Size, draw: Draw) -> Pair:
    number = draw.below(size.works)
    title, writers, _ = title_and_writers(size, number)
    names = [writer_name(size, writer) for writer in writers]
    kind = ("names alike", "same surname", "title alike", "other writers")[draw.below(4)]
    if kind == "names alike":
        names = [_other_name(name, draw) for name in names]
    elif kind == "same surname":
        names = [f"{given(draw.below(400))} {name.split()[-1]}" for name in names]
    elif kind == "title alike":
        title = _other_title(title, draw)
    else:
        names = [f"{given(draw.below(400))} {surname(draw.below(100_000))}" for _ in names]
    return _pair(number, _noisy_case(title, draw), names, kind)


def _pair(number: int, title: str, names: list[str], kind: str) -> Pair:
    credits_ = Credits(titles=(title,), writers=tuple(names), asset_class=AssetClass.LYRICS, is_recording="(" in title)
    asset = Asset(f"https://lyrics.example/{number}", credits_)
    return Pair(asset, work_id(number), kind == "true", kind)


def _noisy_title(title: str, draw: Draw) -> str:
    if draw.chance(TITLE_TYPO):
        title = _misspelt(title, draw)
    words = title.split()
    if len(words) > 1 and draw.chance(TITLE_ORDER):
        words.insert(0, words.pop())
        title = " ".join(words)
    if draw.chance(NO_DIACRITICS):
        title = _plain(title)
    if draw.chance(VERSION):
        title += _VERSIONS[draw.below(len(_VERSIONS))]
    if draw.chance(FEATURED):
        title += f" (feat. {given(draw.below(100))} {surname(draw.below(1_000))})"
    return _noisy_case(title, draw)


def _noisy_case(title: str, draw: Draw) -> str:
    return title.upper() if draw.chance(UPPER) else title.title() if draw.chance(40) else title


def _noisy_name(name: str, draw: Draw) -> str:
    if draw.chance(NAME_TYPO):
        name = _misspelt(name, draw)
    if draw.chance(NO_DIACRITICS):
        name = _plain(name)
    first, _, last = name.rpartition(" ")
    if draw.chance(INITIALS):
        first = f"{first[:1]}."
    return f"{last}, {first}" if draw.chance(LAST_FIRST) else f"{first} {last}"


def _other_name(name: str, draw: Draw) -> str:
    """Give the name of somebody else that looks alike: one other letter or syllable in it, or another first name."""
    first, _, last = name.rpartition(" ")
    if draw.chance(30):
        return f"{_replaced(first, draw)} {last}"
    if draw.chance(40):
        return f"{given(draw.below(60))} {_replaced(last, draw)}"
    return f"{first} {_replaced(last, draw) if draw.chance(60) else last + _ENDINGS[draw.below(len(_ENDINGS))]}"


def _replaced(text: str, draw: Draw) -> str:
    """Put another letter in the place of one, never of the first."""
    at = 1 + draw.below(max(1, len(text) - 1))
    letter = _LETTERS[draw.below(26)]
    return text[:at] + (letter if letter != text[at : at + 1] else "q") + text[at + 1 :]


def _other_title(title: str, draw: Draw) -> str:
    """Give the title of another work of the same writers: a word more, or another word."""
    words = title.split()
    if draw.chance(50) or len(words) == 1:
        return f"{title} {word(draw.below(120))}"
    words[draw.below(len(words))] = word(draw.below(400))
    return " ".join(words)


def _misspelt(text: str, draw: Draw) -> str:
    """Change a letter within a word, not its first: leave it out, double it, swap it with the next, take another."""
    inner = [place for place in range(1, len(text) - 1) if text[place - 1 : place + 2].isalpha()]
    if not inner:
        return text
    at = inner[draw.below(len(inner))]
    edits = (
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + _LETTERS[draw.below(26)] + text[at + 1 :],
    )
    return edits[draw.below(len(edits))]


def _plain(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
