"""From credits to works: by identifier first, then by title and names (rules M1 to M4).

Rule of this file: look-ups and bands, no declarations. Each way to a work gives a `Found`; what is weak is given only
where nothing better was found, and no more than a few of it.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz.fuzz import token_set_ratio

from optout_middleware.register import normalise, scoring
from optout_middleware.register.blocking import blocks_to_ask
from optout_middleware.register.found import Names
from optout_middleware.register.model import Band, Match

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optout_middleware.register.found import Titles
    from optout_middleware.register.model import Credits, Identifier
    from optout_middleware.register.reading import Reading

_MOST = 32  # titles, names and identifiers of one asset that are looked up
_COMPARED = 400  # works of one asset, those in most of its blocks first
_WEAK = 3  # weak matches that are told
_WITHIN = 95.0  # likeness from which on, beside an equal identifier, one title holds the other
_NOBODY = Names(set(), set(), set())
_ORDER = {Band.STRONG: 2, Band.MIDDLE: 1, Band.WEAK: 0}


class Asked(NamedTuple):
    """The credits of one asset in normalised form.

    Fields:
        titles: as of works; `as_recorded` as of recordings.
        writers: the named writers.
        others: performers, publishers, labels and holders.
        parties: the ids and identifiers of parties, as "scheme:value".
    """

    titles: tuple[str, ...]
    as_recorded: tuple[str, ...]
    writers: tuple[str, ...]
    others: tuple[str, ...]
    parties: tuple[Identifier, ...]

    @classmethod
    def of(cls, credits_: Credits) -> Asked:
        """Normalise credits."""
        others = (*credits_.performers, *credits_.publishers, *credits_.labels, *credits_.holders)
        return cls(
            _forms(map(normalise.work_title, credits_.titles[:_MOST])),
            _forms(map(normalise.recording_title, credits_.titles[:_MOST])) if credits_.is_recording else (),
            _names(credits_.writers),
            _names(others),
            credits_.party_identifiers[:_MOST],
        )

    def titles_for(self, known: Titles) -> tuple[str, ...]:
        """Give the titles to compare with those of a work, or of a recording."""
        return self.as_recorded if known.is_recording and self.as_recorded else self.titles


class Found(NamedTuple):
    """A work that was matched: its key and the match."""

    key: int
    match: Match


class Answer(NamedTuple):
    """What was found of works, and what may be hidden."""

    found: list[Found]
    notes: list[str]


def find(reading: Reading, credits_: Credits, asked: Asked) -> Answer:
    """Find the works of one asset.

    Raises:
        sqlite3.Error: the register cannot be read.
    """
    owners = _owners(reading, asked)
    found = list(_by_identifier(reading, credits_, asked, owners))
    by_title, notes = _by_title(reading, asked, owners)
    known = {one.key for one in found}
    notes += _left_out(credits_)
    found += [one for one in by_title if one.key not in known]
    best = max((_ORDER[one.match.band] for one in found), default=0)
    if best > 0:
        found = [one for one in found if one.match.band is not Band.WEAK]
    return Answer(found, [] if best == _ORDER[Band.STRONG] else notes)


def _left_out(credits_: Credits) -> list[str]:
    """Say what of an asset's credits was too much to be looked up."""
    lists = {"titles": credits_.titles, "identifiers": credits_.identifiers, "writers": credits_.writers}
    return [f"{len(many) - _MOST} {what} were not looked up" for what, many in lists.items() if len(many) > _MOST]


def _owners(reading: Reading, asked: Asked) -> set[str]:
    """Give the ids of the parties whose numbers the page names; an id may itself be such a number."""
    ids = {f"{one.scheme}:{one.value}" for one in asked.parties}
    return ids.union(*reading.parties_by_identifier(asked.parties).values())


def _by_identifier(reading: Reading, credits_: Credits, asked: Asked, owners: set[str]) -> Iterable[Found]:
    by_identifier = reading.works_by_identifier(credits_.identifiers[:_MOST])
    keys = {key for works in by_identifier.values() for key in works}
    if not keys:
        return
    titles, names = reading.titles(keys), reading.names(keys)
    for identifier, works in by_identifier.items():
        for key in works:
            if key in titles:
                yield Found(key, _identified(identifier, asked, titles[key], names[key], owners))


def _identified(identifier: Identifier, asked: Asked, known: Titles, holders: Names, owners: set[str]) -> Match:
    """Judge an equal identifier (rules M1, M2).

    An identifier with nothing beside it to compare counts as agreeing: it restricts, and it is exact.
    """
    label = f"{identifier.scheme.upper()} {identifier.value}"
    titles, named = asked.titles_for(known), (*asked.writers, *asked.others)
    agreeing, comparable = [], False
    if titles and known.norm:
        comparable = True
        if _same_title(titles, known.norm):
            agreeing.append("the title agrees")
    if owners and holders.ids:
        comparable = True
        if not owners.isdisjoint(holders.ids):
            agreeing.append("a party agrees by its number")
    if named and holders.norm:
        comparable = True
        if any(scoring.best_likeness(name, holders.norm) for name in named):
            agreeing.append("a named party agrees")
    if comparable and not agreeing:
        why = f"{label} is of this work, but neither title nor any party agrees (rule M2)"
        return Match(known.id, None, "identifier", 0.5, Band.MIDDLE, why, conflict=True)
    why = f"{label} equal; {' and '.join(agreeing) or 'nothing beside it to compare'} (rule M1)"
    return Match(known.id, None, "identifier", 1.0, Band.STRONG, why, exact=True)


def _same_title(titles: Iterable[str], known: Iterable[str]) -> bool:
    if scoring.title_likeness(titles, known) >= scoring.NEAR:
        return True
    return any(token_set_ratio(one, other) >= _WITHIN for one in titles for other in known)


def _by_title(reading: Reading, asked: Asked, owners: set[str]) -> tuple[list[Found], list[str]]:
    """Compare the works that share a block (rules M3, M4)."""
    every = tuple(dict.fromkeys((*asked.titles, *asked.as_recorded)))
    if not every:
        return [], []
    # Who is known by number only is looked for by the names the register has for him.
    numbered = [name for found in reading.parties(owners).values() for name in found.norm] if owners else []
    whole, named = blocks_to_ask(every, (*asked.writers, *asked.others, *numbered))
    hits, cut = reading.blocks(named)
    judged = _judged(reading, asked, owners, hits)
    if len(every) > 1 or not any(one.match.band is Band.STRONG for one in judged.better):
        # Those with the full title alone: namesakes, or works whose writers are misspelt.
        more, cut_too = reading.blocks(whole)
        cut += cut_too
        judged = judged.joined(
            _judged(reading, asked, owners, Counter({key: more[key] for key in more.keys() - hits.keys()}))
        )
    notes = [f"{cut} blocks of works were cut for size, which can hide a match"] if cut else []
    if judged.left_out:
        notes.append(f"{judged.left_out} works that share a word and a name were not compared")
    return judged.chosen(), notes


class _Judged(NamedTuple):
    """The matches by title: those that are strong or middle, and weak ones, the most alike first."""

    better: list[Found]
    weak: list[Found]
    titles: dict[int, Titles]
    left_out: int

    def joined(self, other: _Judged) -> _Judged:
        """Give both together."""
        left_out = self.left_out + other.left_out
        return _Judged(self.better + other.better, self.weak + other.weak, self.titles | other.titles, left_out)

    def chosen(self) -> list[Found]:
        """Give what counts: without namesakes of a work that is surely meant; weak ones only where nothing is better.

        Another title of the credits may mean another work, so only works with the same title are namesakes.
        """
        strong = [one for one in self.better if one.match.band is Band.STRONG]
        surest = {title for one in strong for title in self.titles[one.key].norm}
        rest = [one for one in self.better if one not in strong and surest.isdisjoint(self.titles[one.key].norm)]
        return [*strong, *rest] or sorted(self.weak, key=lambda one: -one.match.score)[:_WEAK]


def _judged(reading: Reading, asked: Asked, owners: set[str], hits: Counter[int]) -> _Judged:
    """Give the bands of the works that share blocks with the credits, those in most of their blocks first."""
    titles = reading.titles([key for key, _ in hits.most_common(_COMPARED)]) if hits else {}
    likes = {key: scoring.title_likeness(asked.titles_for(known), known.norm) for key, known in titles.items()}
    near = sorted((key for key, like in likes.items() if like >= scoring.NEAR), key=lambda key: (-likes[key], key))
    names = reading.names(near) if near and (asked.writers or asked.others or owners) else {}
    judged = _Judged([], [], titles, max(0, len(hits) - _COMPARED))
    for key in near:
        holders = names.get(key, _NOBODY)
        numbered = scoring.Numbered(not owners.isdisjoint(holders.makers), not owners.isdisjoint(holders.ids))
        band, score, like, why = scoring.score(likes[key], asked.writers, asked.others, holders.norm, numbered)
        if band is None:
            continue
        method, rule = ("title", "M4") if band is Band.WEAK else ("title+writers", "M3")
        title = "title equal" if like == 1.0 else f"title alike ({like:.2f})"
        match = Match(titles[key].id, None, method, round(score, 3), band, f"{title}; {why} (rule {rule})")
        (judged.weak if band is Band.WEAK else judged.better).append(Found(key, match))
    return judged


def _forms(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(islice(dict.fromkeys(filter(None, texts)), _MOST))


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    return _forms(normalise.name(one) for text in islice(texts, _MOST) for one in normalise.names(text))
