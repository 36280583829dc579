"""A synthetic register: works with invented titles, writers with valid IPI name numbers, publishers, interests.

Rule of this file: every work and writer is a function of the seed and its number, so that a register of five million
works is never in memory, and a test can ask for the work that it wants found. Words and surnames are spread as in
language: few are frequent (Zipf-Mandelbrot). No name or number is taken from a register.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.model import Identifier, Interest, Layer, Party, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.register.records import Record

_MASK = (1 << 64) - 1
_WORDS, _SURNAMES, _GIVEN, _PUBLISHERS = 40_000, 200_000, 800, 20_000
_TITLE_WORDS_TEXT = """
love night heart time day dream life world home river summer blue light fire rain moon baby girl man dance sky road
star sun song eyes soul little good last sweet long way city winter morning nobody tonight forever lonely amour nuit
coeur temps jour reve vie monde maison été bleu lumière feu pluie lune étoile soleil chanson âme rivière ville liebe
nacht herz zeit traum leben welt heimat fluss sommer blau licht feuer regen mond straße stern sonne lied seele amor
noche corazón tiempo día sueño vida mundo casa río verano azul luz fuego lluvia luna calle estrella sol canción alma
hold stay leave come back again never always over under golden silver broken hidden silent wild gentle distant
"""
_TITLE_WORDS = _TITLE_WORDS_TEXT.split()
_LITTLE = ("the", "of", "in", "my", "to", "de", "la", "der", "el", "and")
_GIVEN_NAMES_TEXT = """
Jean Marie Anna Paul Claire Lukas Emma Noah Sofia Hugo Léa Jürgen François Zoë José María Björn Åsa Olga Ivan Peter
John James Mary Linda Robert Susan Karl Greta Nils Ingrid Luca Giulia Marco Elena Pablo Carmen Louis Chloé Arthur
Alice Victor Jeanne Otto Frieda Emil Clara Oscar Ruth Max Ida Leon Nora Felix Vera Simon Eva
"""
_GIVEN_NAMES = _GIVEN_NAMES_TEXT.split()
_SYLLABLES_TEXT = """
ba be bo da del do fa fer ga gor ha hel in jo ka kel la len lo ma mer mi mo na ner ni no or pa pel ra rei ro sa sel
so ta ter to un va ver vi wa wel za zo ler mann son ard eau ini ova ski ez
"""
_SYLLABLES = _SYLLABLES_TEXT.split()
_LENGTHS = (1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6)  # words of a title
_WRITERS = (1, 1, 1, 1, 1, 2, 2, 2, 2, 3)  # 1.6 on average: with one publisher in ten works, 8 M interests of 5 M works


class Size(NamedTuple):
    """How large a register is: its works, and the seed of all of it."""

    works: int
    seed: int = 1

    @property
    def writers(self) -> int:
        """The number of writers."""
        return max(50, self.works // 4)


class Draw:
    """Numbers from a seed and a number (splitmix64): as quick to begin anywhere as to go on."""

    def __init__(self, *parts: int) -> None:
        self._state = 0
        for part in parts:
            self._state = (self._state * 0x9E3779B97F4A7C15 + part + 1) & _MASK

    def below(self, bound: int) -> int:
        """Give a number from 0 to `bound` - 1."""
        self._state = mixed = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return (mixed ^ (mixed >> 31)) % bound

    def chance(self, percent: float) -> bool:
        """Tell whether what happens in that many of a hundred cases happens."""
        return self.below(10_000) < percent * 100

    def rank(self, ranks: list[int]) -> int:
        """Give one of the ranks that `_ranks` spread."""
        return ranks[self.below(len(ranks))]


def _ranks(count: int, shift: int) -> list[int]:
    """Spread ranks from 0 to `count` - 1, the low ones more often (Zipf-Mandelbrot)."""
    most = math.log(count / shift + 1)
    return [min(count - 1, int(shift * math.exp(place / _SPREAD * most)) - shift) for place in range(_SPREAD)]


_SPREAD = 1 << 17
_WORD_RANKS, _SURNAME_RANKS, _GIVEN_RANKS = _ranks(_WORDS, 25), _ranks(_SURNAMES, 40), _ranks(_GIVEN, 8)


@lru_cache(maxsize=_WORDS)
def word(rank: int) -> str:
    """Give the title word of a rank."""
    return _TITLE_WORDS[rank] if rank < len(_TITLE_WORDS) else _spelt(rank)


@lru_cache(maxsize=65_536)
def surname(rank: int) -> str:
    """Give the surname of a rank."""
    return _spelt(rank + 7_919).capitalize()


def given(rank: int) -> str:
    """Give the first name of a rank."""
    return _GIVEN_NAMES[rank] if rank < len(_GIVEN_NAMES) else _spelt(rank + 104_729).capitalize()


def _spelt(number: int) -> str:
    """Spell a number in syllables, two at least."""
    base, text = len(_SYLLABLES), ""
    number += base
    while number:
        number, digit = divmod(number, base)
        text += _SYLLABLES[(digit * 17 + len(text)) % base]
    return text


@lru_cache(maxsize=262_144)
def ipi(number: int) -> str:
    """Give a valid IPI name number: nine digits and two check digits (`rights.md` section 2)."""
    digits = f"{number + 600_000_000:09d}"
    rest = sum(int(digit) * (10 - place) for place, digit in enumerate(digits)) % 101
    return f"{digits}{(101 - rest) % 100 if rest else 0:02d}"


def iswc(number: int) -> str:
    """Give a valid ISWC: T, nine digits and a check digit."""
    digits = f"{number + 700_000_000:09d}"
    return f"T{digits}{-(1 + sum(int(digit) * place for place, digit in enumerate(digits, 1))) % 10}"


@lru_cache(maxsize=65_536)
def writer_name(size: Size, number: int) -> str:
    """Give the name of a writer."""
    draw = Draw(size.seed, 1, number)
    return f"{given(draw.rank(_GIVEN_RANKS))} {surname(draw.rank(_SURNAME_RANKS))}"


def title_and_writers(size: Size, number: int) -> tuple[str, tuple[int, ...], bool]:
    """Give the title of a work, the numbers of its writers, and whether it has a publisher."""
    draw = Draw(size.seed, 2, number)
    words = []
    for place in range(_LENGTHS[draw.below(len(_LENGTHS))]):
        if place and draw.chance(15):
            words.append(_LITTLE[draw.below(len(_LITTLE))])
        words.append(word(draw.rank(_WORD_RANKS)))
    writers = dict.fromkeys(draw.below(size.writers) for _ in range(_WRITERS[draw.below(10)]))
    return " ".join(words).capitalize(), tuple(writers), draw.chance(10)


def writer_id(number: int) -> str:
    """Give the id of a writer."""
    return f"ipi:{ipi(number)}"


def work_id(number: int) -> str:
    """Give the id of a work."""
    return f"cwr:SYN:{number:08d}"


def records(size: Size) -> Iterator[Record]:
    """Give the whole register: first the parties, then each work with its interests."""
    for number in range(size.writers):
        yield Party(writer_id(number), "natural", (writer_name(size, number),), (Identifier("ipi", ipi(number)),))
    for number in range(_PUBLISHERS):
        own = -1 - number  # IPI numbers below those of writers
        names = (f"{surname(number * 3)} Music Publishing",)
        yield Party(writer_id(own), "publisher", names, (Identifier("ipi", ipi(own)),))
    for number in range(size.works):
        title, writers, published = title_and_writers(size, number)
        work = work_id(number)
        yield Work(work, "musical", (title,), (Identifier("iswc", iswc(number)),))
        for writer in writers:
            yield Interest(writer_id(writer), work, Layer.COMPOSITION, "CA", "cisac:058", share=1 / len(writers))
        if published:
            yield Interest(writer_id(-1 - number % _PUBLISHERS), work, Layer.COMPOSITION, "E", "cisac:058")
