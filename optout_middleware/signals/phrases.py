"""Phrases of a language found in a sentence, by slot: what `reserving` reads instead of words.

Rule of this file: nothing here knows what a slot means. Each word of a sentence is looked up once, by the phrases that
begin with it; where phrases overlap, the longest counts. The phrases are data: `data/natural-language.json`.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[\w\u00a7]+")
_ENDS = re.compile(r"[,;:.!)\u2013\u2014(]")


class _Phrase(NamedTuple):
    """One entry of the tables.

    Fields:
        slot: what the phrase stands for.
        rest: its words after the first; one that ends in "*" is a stem.
        closing: a word that must follow later in the sentence ("behält sich … vor"); empty = none.
        first: whether it counts at the start of a sentence only.
    """

    slot: str
    rest: tuple[str, ...]
    closing: str
    first: bool


class Token(NamedTuple):
    """A phrase found in a sentence: numbers of its first and last word, and whether it is half a verb."""

    start: int
    end: int
    is_half: bool


class Words(NamedTuple):
    """A sentence, word by word.

    Fields:
        lower: each word in lower case.
        raw: each word as it stands.
        stops: 1 for each word that a comma, colon, bracket or dash follows.
        quoted: 1 for each word within quotation marks: somebody else's words.
    """

    lower: Sequence[str]
    raw: Sequence[str]
    stops: bytes
    quoted: bytes


def words_of(sentence: str, quotes: Sequence[tuple[int, int]] = ()) -> Words:
    """Take a sentence apart; `quotes` are the spans of it that are quoted, in characters."""
    found = list(_WORD.finditer(sentence))
    raw = [match[0] for match in found]
    after = [*(match.start() for match in found[1:]), len(sentence)]
    stops = bytes(bool(_ENDS.search(sentence, match.end(), end)) for match, end in zip(found, after, strict=False))
    quoted = bytes(any(start <= match.start() < end for start, end in quotes) for match in found)
    return Words([word.lower() for word in raw], raw, stops, quoted)


class Table:
    """The phrases of one language, by their first word."""

    def __init__(self, language: str, slots: Mapping[str, Sequence[str]]) -> None:
        self.language = language
        self.common = frozenset(slots["common"])
        self._whole: dict[str, list[_Phrase]] = {}
        self._stems: dict[str, list[tuple[str, _Phrase]]] = {}  # by the first two letters
        for slot, phrases in slots.items():
            for phrase in phrases if slot != "common" else ():
                opening, _, closing = phrase.partition(" \u2026 ")
                first, *rest = (
                    word if word.isupper() and len(word) > 1 else word.lower()
                    for word in re.findall(r"[\w\u00a7]+\*?", opening)
                )
                entry = _Phrase(slot, tuple(rest), closing, opening.startswith("^"))
                if first.endswith("*"):
                    self._stems.setdefault(first[:2], []).append((first[:-1], entry))
                else:
                    self._whole.setdefault(first, []).append(entry)

    def tokens(self, words: Words) -> dict[str, list[Token]]:
        """Find the phrases of each slot in a sentence; of several at one place the longest, in all its slots."""
        found: dict[str, list[Token]] = {}
        at, count = 0, len(words.lower)
        while at < count:
            longest = -1
            here: list[_Phrase] = []
            for phrase in self._at(words, at):
                if len(phrase.rest) >= longest and self._fits(phrase, words, at):
                    if len(phrase.rest) > longest:
                        longest, here = len(phrase.rest), []
                    here.append(phrase)
            end = at + max(longest, 0)
            for phrase in here:
                if (not phrase.closing or phrase.closing in words.lower[end + 1 :]) and not (phrase.first and at):
                    found.setdefault(phrase.slot, []).append(Token(at, end, bool(phrase.closing)))
            at = end + 1
        return found

    def _at(self, words: Words, at: int) -> list[_Phrase]:
        """Give the phrases whose first word stands there."""
        word, raw = words.lower[at], words.raw[at]
        found = [phrase for stem, phrase in self._stems.get(word[:2], ()) if word.startswith(stem)]
        if word in self._whole:
            found += self._whole[word]
        if raw != word and raw in self._whole:
            found += self._whole[raw]
        return found

    @staticmethod
    def _fits(phrase: _Phrase, words: Words, at: int) -> bool:
        if at + len(phrase.rest) >= len(words.lower):
            return False
        return all(
            words.lower[number].startswith(word[:-1]) if word.endswith("*") else words.lower[number] == word
            for number, word in enumerate(phrase.rest, at + 1)
        )


def _tables() -> tuple[Table, ...]:
    data = json.loads(files("optout_middleware.signals").joinpath("data/natural-language.json").read_text("utf-8"))
    return tuple(Table(language, slots) for language, slots in data["languages"].items())


TABLES = _tables()
