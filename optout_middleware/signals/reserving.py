"""The grammar of a sentence that reserves: an act of refusing, and a use that it refuses.

Rule of this file: words are looked up in slots ("mining", "training", "not", "allowed" and the like) of one language,
and a handful of rules ask which slots stand how near to each other; no rule knows a word. Every doubt is silence: one
word of a report, a condition, advice or the affairs of others anywhere in the sentence, and it reserves nothing. The
words are data: `data/natural-language.json`, where each slot is explained.

Cost: each word is looked up once, each rule looks a bounded number of words around it, so a sentence costs what it is
long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.signals.phrases import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optout_middleware.signals.phrases import Table, Token, Words

# How many words may lie between two parts of one thought.
_SENTENCE = 40  # an act and the use that it refuses
_TASK = 14  # training and what is trained; a negation and what it lets nobody do
_TAKEN = 20  # what is taken, and what for
_PURPOSE = 6  # "for" and the technology; the technology and its training
_BESIDE = 3  # a word and the negation or auxiliary that belongs to it
_NOUN = 9  # "requires" and "licence"
_SUBJECT = 10  # a party and its verb; a right and that it is reserved
_BARRED = 12  # "no part of this book" and "may"
_CLAUSE = 25  # the halves of a verb that stands around its clause
_BARS = ("report", "suppose", "advise", "study", "yours", "law", "freely")  # whoever they speak of, it is not this site

_LATE = frozenset({"de", "nl"})  # languages whose negation and verb may stand at the end


def reserving(words: Words) -> str:
    """Give the language (ISO 639-1) in which a sentence reserves, or nothing."""
    scores = [sum(word in table.common for word in words.lower) for table in TABLES]
    most = max(scores)
    met = ""
    for score, table in sorted(zip(scores, TABLES, strict=True), key=lambda pair: -pair[0]):
        if score * 3 < most * 2:
            break  # not a language that the sentence may be in
        reading = _Reading(words, table)
        if reading.is_barred:
            if score == most:
                return ""
        elif not met and reading.reserves():
            met = table.language
    return met


class _Reading:
    """A sentence read by the words of one language."""

    def __init__(self, words: Words, table: Table) -> None:
        self._words = words
        self._late = table.language in _LATE
        self._tokens = table.tokens(words)
        size = len(words.lower)
        self._starts: dict[str, bytearray] = {}
        self._ends: dict[str, bytearray] = {}
        for slot, tokens in self._tokens.items():
            starts, ends = bytearray(size), bytearray(size)
            for token in tokens:
                starts[token.start] = ends[token.end] = 1
            self._starts[slot], self._ends[slot] = starts, ends

    @property
    def is_barred(self) -> bool:
        """Whether something in the sentence says that it is not this site that speaks of its own content now."""
        has = self._tokens.__contains__
        return any(map(has, _BARS)) or (has("their") and not has("ours"))

    def reserves(self) -> bool:
        """Whether an act and a use that it refuses stand in the sentence."""
        named, basis = self._uses()
        has = self._tokens.__contains__
        others = self._of("others")
        first_other = others[0].start if others else len(named)
        for act, kind in self._acts(named):
            if first_other < act.start:
                continue  # what others do
            if kind == "weak" and not ((has("ours") or has("matter")) and self._takes(act)):
                continue
            low, high = max(0, act.start - _SENTENCE), act.end + 1 + _SENTENCE
            if named.find(1, low, high) >= 0 or (kind == "reserve" and basis.find(1, low, high) >= 0):
                return True
            if self._stops_actor(act):
                return True
        return False

    def _of(self, slot: str) -> list[Token]:
        return self._tokens.get(slot, [])

    def _live(self, *slots: str) -> list[Token]:
        """Give the phrases of slots that are not quoted."""
        return [token for slot in slots for token in self._of(slot) if not self._words.quoted[token.start]]

    def _before(self, slot: str, at: int, reach: int) -> bool:
        """Whether a phrase of a slot ends at most `reach` words before word `at`."""
        ends = self._ends.get(slot)
        return ends is not None and ends.find(1, max(0, at - reach), at) >= 0

    def _after(self, slot: str, at: int, reach: int) -> bool:
        """Whether a phrase of a slot starts at most `reach` words after word `at`."""
        starts = self._starts.get(slot)
        return starts is not None and starts.find(1, at + 1, at + 1 + reach) >= 0

    def _near(self, slots: Sequence[str], token: Token, reach: int) -> bool:
        return any(self._before(slot, token.start, reach) or self._after(slot, token.end, reach) for slot in slots)

    def _uses(self) -> tuple[bytearray, bytearray]:
        """Mark the words that name a use, and those that name the article of law that lets it be reserved."""
        named, basis = bytearray(len(self._words.lower)), bytearray(len(self._words.lower))
        for token in (*self._of("mining"), *self._of("trainset")):
            named[token.start] = named[token.end] = 1
        for token in self._of("basis"):
            basis[token.start] = 1
        for task in self._of("training"):
            trained = any(self._after(slot, task.end, _TASK) for slot in ("ai", "model"))
            if trained or self._before("ai", task.start, _PURPOSE):
                named[task.start] = 1
        for ai in self._of("ai"):
            ends = self._ends.get("to", b"")
            purpose = ends.rfind(1, max(0, ai.start - _PURPOSE), ai.start)
            if purpose >= 0 and any(self._before(slot, purpose, _TAKEN) for slot in ("taking", "matter")):
                named[ai.start] = 1
        return named, basis

    def _acts(self, named: bytearray) -> Iterator[tuple[Token, str]]:
        """Give each act, with its kind: "strong", "reserve" (an article of law may stand for the use), or "weak"."""
        for token in self._live("forbid"):
            if self._is_meant(token):
                yield token, "strong"
        for token in self._live("performs"):
            if self._is_spoken(token) and self._is_meant(token):
                yield token, "strong"
        for token in self._live("reserve", "reserves"):
            if self._near(("mining", "basis", "trainset", "rights", "taking", "training"), token, _SUBJECT) and (
                self._is_meant(token) and (token in self._of("reserve") or self._is_spoken(token))
            ):
                yield token, "reserve"
        yield from self._notices(named)
        yield from self._refusals()
        yield from self._forbidden()
        yield from self._conditions()
        yield from self._bare(named)

    def _takes(self, may: Token) -> bool:
        """Whether what somebody may not do is to take or to train."""
        taking, training = (_CLAUSE, _CLAUSE) if self._late else (_PURPOSE + 2, _BESIDE - 1)
        return self._after("taking", may.end, taking) or self._after("training", may.end, training)

    def _is_meant(self, act: Token) -> bool:
        """Whether an act is neither negated, nor told of the past, nor a mere ability."""
        after = _CLAUSE if act.is_half else _BESIDE if self._late else 0
        if self._before("not", act.start, _BESIDE) or self._after("not", act.end, after):
            return False
        if self._late and self._ends.get("not", b"\0").endswith(b"\1"):
            return False  # "... verbieten wir nicht", at any distance
        past, able = (12, _TASK) if self._late else (_BESIDE, _BESIDE + 1)
        ends = self._ends.get("past", b"")
        last = ends.rfind(1, max(0, act.start - past), act.start)
        if last >= 0 and not self._words.stops[last]:
            return False
        ends = self._ends.get("ability", b"")
        last = ends.rfind(1, max(0, act.start - able), act.start)
        return last < 0 or self._before("not", act.start, act.start - last)

    def _is_spoken(self, act: Token) -> bool:
        """Whether a verb in the third person has a subject that speaks for itself: we, or a party by its role."""
        return "ours" in self._tokens or self._before("party", act.start, _SUBJECT)

    def _notices(self, named: bytearray) -> Iterator[tuple[Token, str]]:
        """Nouns of reserving that somebody declares or that head the sentence; "all rights reserved, including"."""
        for token in self._live("notice"):
            declared = self._near(("declare",), token, _SUBJECT - 2) and self._is_spoken(token)
            heads = token.start == 0 and self._words.stops[token.end]
            if (declared or heads) and self._is_meant(token):
                yield token, "reserve"
        for token in self._live("formula"):
            if self._after("including", token.end, _BESIDE + 1) and named.find(1, token.end + 1) >= 0:
                yield token, "strong"

    def _refusals(self) -> Iterator[tuple[Token, str]]:
        """What is not allowed or granted, what we do not consent to, what somebody pledges not to do."""
        late = _TASK if self._late else 0
        for token in self._live("let"):
            after = _CLAUSE if token.is_half else late
            if self._before("not", token.start, _TASK) or self._after("not", token.end, after):
                yield token, "strong"
        for token in self._live("lets"):
            denied = self._before("not", token.start, _BESIDE + 1) or self._after("not", token.end, late)
            if denied and self._is_spoken(token):
                yield token, "strong"
        for token in self._live("grants"):
            given = self._after("let", token.end, _BESIDE + 2) and self._after("not", token.end, _BESIDE)
            if given or self._before("not", token.start, _BESIDE):
                yield token, "strong"
        for token in self._live("pledge"):
            if not self._late or self._after("not", token.end, _SENTENCE):
                yield token, "strong"

    def _forbidden(self) -> Iterator[tuple[Token, str]]:
        """What may not be done, or nobody may do."""
        after = _TASK if self._late else 1
        for token in self._live("cannot"):
            yield token, "weak"
        for token in self._live("can"):
            if self._before("not", token.start, _BARRED) or self._after("not", token.end, after):
                yield token, "weak"

    def _conditions(self) -> Iterator[tuple[Token, str]]:
        """What needs a licence, or is free with one only."""
        if not any(slot in self._tokens for slot in ("matter", "taking", "mining", "trainset")):
            return
        free = next((can.start for can in self._of("can") if not self._near(("not",), can, _BESIDE)), None)
        for token in self._live("licence"):
            if self._before("only", token.start, _NOUN):
                yield token, "strong"
            needed = self._before("need", token.start, _NOUN) or self._after("need", token.end, _BESIDE + 1)
            if needed and (free is None or free > token.start):
                yield token, "strong"

    def _bare(self, named: bytearray) -> Iterator[tuple[Token, str]]:
        """A use without a verb, at the start or after a comma: "No AI training"."""
        stops = self._words.stops
        for token in self._live("not"):
            if token.start and not stops[token.start - 1]:
                continue
            use = named.find(1, token.end + 1, token.end + 3)
            if use >= 0:
                end = max(use, named.rfind(1, use, use + _BESIDE + 1))
                if end == len(named) - 1 or stops[end] or self._after("to", end, 1) or self._after("at", end, 1):
                    yield token, "strong"

    def _stops_actor(self, act: Token) -> bool:
        """Whether makers of AI, named before the act, may not take what is ours: "AI companies may not copy this"."""
        ends = self._ends.get("ai", b"")
        actor = ends.find(1, max(0, act.start - _PURPOSE - 2), act.start + _PURPOSE)
        if actor < 0:
            return False
        return self._after("taking", actor, _SENTENCE) and self._after("ours", actor, _SENTENCE)
