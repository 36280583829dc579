"""How like two titles and two names are, and which band that makes (rules M1 to M4 of the register).

Rule of this file: pure functions over normalised text (`normalise`). Cost is asymmetric: a strong match may restrict at
once, so it needs a title that is all but the same and names that are the same; what is merely alike goes to a person.

`SURE` is t_hi of rule M3; besides, one word more or another word tells works of one writer apart, and so does another
number, so such titles are never sure. Words are the same where they are equal or one is a slip of the other: a letter
doubled, left out or swapped with the next, in longer words or titles another letter too. Two names are the same where
their words are, in any order; a missing first name or another letter is alike, no more, and so is an initial, unless
another writer is named in full.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio, token_sort_ratio

from optout_middleware.register.model import Band

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

SURE = 0.88  # likeness of titles from which on they count as one (t_hi of rule M3)
NEAR = 0.72  # below this a title tells nothing
_ALIKE = 84.0  # likeness of names, of 100
_WORD, _LONG = 4, 6  # letters of a word in which a slip, and in which another letter, leaves it the same
_FEW = 2  # words of a title; among more of them, another letter counts as a slip in a shorter word already
_LITTLE = frozenset(
    ("the", "a", "an", "of", "and", "de", "des", "du", "la", "le", "les", "l", "der", "die", "das", "und", "el")
)


class Likeness(IntEnum):
    """How like two names are."""

    NONE = 0
    ALIKE = 1
    SHORT = 2  # the same as far as it goes: an initial in the place of a first name, or a middle name left out
    SAME = 3


class Numbered(NamedTuple):
    """Whether a page names by number a maker of the work, or anybody who holds an interest in it."""

    maker: bool
    anybody: bool


class Score(NamedTuple):
    """How well credits fit a work.

    Fields:
        band: by rules M3 and M4; None = not at all.
        score: 0 to 1.
        title: likeness of the best pair of titles, 0 to 1.
        why: what agreed, in a few words.
    """

    band: Band | None
    score: float
    title: float
    why: str


def title_likeness(asked: Iterable[str], known: Iterable[str]) -> float:
    """Give the likeness of the best pair of titles, 0 to 1; below `NEAR` it is 0."""
    best = 0.0
    for one, other in product(asked, known):
        if one == other:
            return 1.0
        least = 100 * max(NEAR, best)
        # Words in order, too: a slip at the start of one sorts it elsewhere.
        like = max(token_sort_ratio(one, other, score_cutoff=least), ratio(one, other, score_cutoff=least)) / 100
        if like >= SURE and not _is_one_title(one, other):
            like = SURE - 0.01
        best = max(best, like)
    return best


def name_likeness(one: str, other: str) -> Likeness:
    """Tell how like two names are."""
    ours, theirs = sorted(one.split()), sorted(other.split())
    if ours == theirs:
        return Likeness.SAME
    if set(ours).isdisjoint(theirs):  # what follows needs a word in common, and most pairs have none
        return Likeness.ALIKE if ratio(one, other, score_cutoff=_ALIKE) else Likeness.NONE
    differing = _differing(ours, theirs)
    if len(ours) > 1 and differing is not None and _is_slip(*differing):
        return Likeness.SAME
    if _is_shorter(ours, theirs):
        return Likeness.SHORT
    if ratio(one, other, score_cutoff=_ALIKE) or ratio(" ".join(ours), " ".join(theirs), score_cutoff=_ALIKE):
        return Likeness.ALIKE
    shorter, longer = sorted((set(ours), set(theirs)), key=len)
    return Likeness.ALIKE if shorter < longer and any(len(word) > 1 for word in shorter) else Likeness.NONE


def best_likeness(name: str, known: Iterable[str]) -> Likeness:
    """Tell how like a name is to the most like of others."""
    best = Likeness.NONE
    for other in known:
        best = max(best, name_likeness(name, other))
        if best is Likeness.SAME:
            break
    return best


def score(
    title: float, writers: Sequence[str], others: Sequence[str], known: Collection[str], numbered: Numbered
) -> Score:
    """Give the band of a work whose title has that likeness (rules M3 and M4).

    Args:
        title: as `title_likeness` gives it.
        writers: the writers that the page names, normalised.
        others: performers, publishers, labels and holders that it names, normalised.
        known: the names of all who hold an interest in the work, normalised.
        numbered: whom of them the page names by IPI or ISNI.
    """
    if title < NEAR:
        return Score(None, 0.0, title, "")
    likes = [best_likeness(name, known) for name in writers]
    same, alike = likes.count(Likeness.SAME), len(likes) - likes.count(Likeness.NONE)
    short = likes.count(Likeness.SHORT)
    if numbered.maker:
        why, strength, worth = "a writer by number", Likeness.SAME, 1.0
    elif same and same + short == len(likes):
        initials = f", {short} of them by initials" if short else ""
        told = f"all {len(likes)} named writers{initials}" if len(likes) > 1 else "the named writer"
        why, strength, worth = told, Likeness.SAME, 1.0
    elif alike:
        why, strength, worth = f"{alike} of {len(likes)} named writers, {same} of them exactly", Likeness.ALIKE, 0.7
    elif numbered.anybody or any(best_likeness(name, known) is Likeness.SAME for name in others):
        why, strength, worth = "a performer, publisher or holder", Likeness.ALIKE, 0.6
    else:
        why, strength, worth = "named writers differ" if writers else "no writer named", Likeness.NONE, 0.3
    return Score(_band(title, strength), title * worth, title, why)


def _band(title: float, strength: Likeness) -> Band | None:
    if title >= SURE:
        return {Likeness.SAME: Band.STRONG, Likeness.ALIKE: Band.MIDDLE}.get(strength, Band.WEAK)
    return Band.MIDDLE if strength is Likeness.SAME else None


def _is_shorter(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Tell whether each word of one name is a word of the other or its initial; a surname alone is not enough."""
    short, long = (ours, theirs) if sum(map(len, ours)) < sum(map(len, theirs)) else (theirs, ours)
    left, whole, initials = list(long), 0, 0
    for word in sorted(short, key=len, reverse=True):
        match = next((one for one in left if one == word or (len(word) == 1 and one[0] == word)), None)
        if match is None:
            return False
        left.remove(match)
        if len(word) > 1:
            whole += 1
        else:
            initials += 1
    return whole > 0 and whole + initials > 1


def _is_one_title(one: str, other: str) -> bool:
    """Tell whether two titles that are alike have the same words, but for little ones and one slip."""
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    ours = [word for word in one.split() if word not in _LITTLE]
    theirs = [word for word in other.split() if word not in _LITTLE]
    if sorted(ours) == sorted(theirs):
        return bool(ours)
    differing = _differing(ours, theirs)
    if differing is None or any(sign.isdigit() for word in differing for sign in word):
        return False
    enough = _WORD if len(ours) > _FEW else _LONG
    return _is_slip(*differing) or (min(map(len, differing)) >= enough and OSA.distance(*differing) == 1)


def _differing(ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, str] | None:
    """Give the one word in which two texts differ, whatever their order; None = they differ otherwise."""
    left, others = list(ours), []
    for word in theirs:
        if word in left:
            left.remove(word)
        else:
            others.append(word)
    return (left[0], others[0]) if len(left) == len(others) == 1 else None


def _is_slip(one: str, other: str) -> bool:
    """Tell whether one word is the other with a letter doubled or left out, or two letters swapped; not the first."""
    if min(len(one), len(other)) < _WORD or one[0] != other[0]:
        return False
    if len(one) == len(other):
        return sorted(one) == sorted(other) and OSA.distance(one, other) == 1
    return OSA.distance(one, other, score_cutoff=1) == 1
