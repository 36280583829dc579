"""Blocks: which works are compared with a title and names at all (keys of `blk`), and hashes of ids and names.

Rule of this file: pure functions over normalised text. A work is in the block of its sorted full title; in a block of
each surname with each of its three longest title words (length stands for rarity: no count of words has to be kept);
where the title is short, in a block of each surname with the full title, since the others overflow there; and, where
it is one word, in a block of each surname with its first letter, since a misspelt word would leave no other way in. Who
asks tries every word and every name word, so that word order, a missing writer or a misspelt word leaves a way in.
A misspelt surname leaves the full title.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CAP = 128  # works in a block; p99 without it was 100 times longer (measured designs of the register)
_WORDS = 3  # of a title that make blocks
_SHORT = 2  # words of a title that also makes a block with each surname as a whole
_ASKED_WORDS, _ASKED_NAMES = 10, 12  # of hostile titles and lists of names, no more are asked about
_MOST_TITLES = 4


def hashed(*parts: str) -> int:
    """Give the 64-bit hash of a few texts, as SQLite's signed integer; blake2b of 8 octets."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True)


def work_key(identity: str) -> int:
    """Give the key under which a work stands."""
    return hashed("work", identity)


def name_key(norm: str) -> int:
    """Give the key of a party's normalised name, whatever the order of its words."""
    return hashed("name", *sorted(norm.split()))


def title_key(norm: str) -> int:
    """Give the block of a full title, whatever the order of its words."""
    return hashed("title", *sorted(norm.split()))


def blocks_of(titles: Iterable[str], names: Iterable[str]) -> set[int]:
    """Give the blocks that a work with these titles and makers is put in; all of them normalised."""
    surnames = {name.rsplit(" ", 1)[-1] for name in names if name}
    keys = set()
    for title in titles:
        words = title.split()
        if not words:
            continue
        keys.add(title_key(title))
        for surname in surnames:
            keys.update(hashed("word", surname, word) for word in _longest(words, _WORDS))
            if len(words) <= _SHORT:
                keys.add(hashed("short", surname, *sorted(words)))
            if len(words) == 1:
                keys.add(hashed("initial", surname, title[0]))
    return keys


def blocks_to_ask(titles: Iterable[str], names: Iterable[str]) -> tuple[set[int], set[int]]:
    """Give the blocks where a title with these names can stand: those of the full title, and those with a name."""
    whole: set[int] = set()
    named: set[int] = set()
    known = dict.fromkeys(word for name in names for word in name.split() if len(word) > 1)
    name_words = list(islice(known, _ASKED_NAMES))
    for title in islice(titles, _MOST_TITLES):
        words = title.split()
        if not words:
            continue
        whole.add(title_key(title))
        for surname in name_words:
            named.update(hashed("word", surname, word) for word in _longest(words, _ASKED_WORDS))
            if len(words) <= _SHORT:
                named.add(hashed("short", surname, *sorted(words)))
            if len(words) == 1:
                named.add(hashed("initial", surname, title[0]))
    return whole, named


def _longest(words: list[str], count: int) -> list[str]:
    """Give the longest distinct words, words of one letter only where there is no other."""
    distinct = sorted({word for word in words if len(word) > 1} or set(words), key=lambda word: (-len(word), word))
    return distinct[:count]
