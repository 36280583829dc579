"""Reservations of text and data mining or AI training in natural language, in six languages.

Rule of this file: a sentence reserves only if it names the use (mining, training, or taking the content for AI), speaks
an act of reserving (reserved, forbidden, may not, needs a licence), and nothing in it reports, asks, permits, supposes,
quotes or concerns somebody else's affairs. A missed sentence is cheaper than an invented one: every doubt is silence.
Here texts are cut into sentences, and pages that name no use are passed by; what a sentence says, `reserving` tells.

Whether such a sentence is "machine-readable" is open (`signals.md` section 8: LG Hamburg 310 O 227/23 leans to yes, OLG
Hamburg 5 U 104/24 to no), so what is found is a note with the sentence quoted. Cloudflare's comment block about content
signals says that restrictions expressed by signals are reservations; by itself it reserves nothing (section 5).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.page_text import page_text
from optout_middleware.signals.phrases import words_of
from optout_middleware.signals.reserving import reserving
from optout_middleware.terms import Preference, Statement, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optout_middleware.terms import Evidence

_MOST = 5  # sentences of a page that are quoted
_QUOTED = 300  # characters of a sentence that are quoted
_LONGEST = 1000  # a longer run without an end is read in pieces of this length, so that cost stays linear
_WRAPPED = 60  # a shorter line before a capital is a heading, menu or list entry: a sentence of its own
_HEAD = 1024  # octets of a page within which its language is declared


class Found(NamedTuple):
    """A sentence that reserves.

    Attributes:
        sentence: The text as it stands there, cut at 300 characters.
        language: ISO 639-1 code of the language whose rules it met.
        start: Offset of the sentence in the text, in characters.
    """

    sentence: str
    language: str
    start: int


_DATA = json.loads(files("optout_middleware.signals").joinpath("data/natural-language.json").read_text("utf-8"))
# Without one of these a sentence names no use, nor an article of law on it.
_STEMS = tuple(_DATA["stems"])
_NAMES = ("AI", "IA", "KI", "LLM", "TDM")
_NAME = re.compile(r"\b(?:AI|IA|KI|LLMs?|TDM)\b")
# Without one of these octets a page names none. Few and long, since each costs a search through the page.
_HINTS: dict[str, tuple[bytes, ...]] = {
    language: tuple(hint.encode() for hint in hints) for language, hints in _DATA["hints"].items()
}
_EVERY = tuple(dict.fromkeys(hint for hints in _HINTS.values() for hint in hints))
_A = ord("A")
_ABBREVIATED = re.compile(rb"(?<![A-Z])(?:AI|IA|KI)(?![A-Z])")
_LANGUAGE = re.compile(rb"<html\b[^>]{0,300}?\blang\s{0,9}=\s{0,9}[\"']?([A-Za-z]{2})", re.IGNORECASE)

_END = re.compile(
    r"[.!?\u2026][\"'\u00bb\u201d\u2019)\]]{0,3}\s{1,9}(?=[^a-z0-9\s\u00df-\u00ff])"
    r"|[.!?]?\s{0,9}\n\s{0,9}\n|[.!?][ \t]{0,9}\n"
    r"|;\s{1,9}|\n(?=\s{0,9}[A-Z\u00c0-\u00de\u00bf\u00a1*\u2022-])"
)
# After these a full stop ends no sentence.
_SHORT = re.compile(
    r"(?:\b(?:art|abs|gem|lt|nr|no|n|cf|vgl|bzw|al|par|sec|inc|ltd|resp|ziff|lit|[a-z])|\bd\. ?h|\bz\. ?b)\.\s{1,9}$",
    re.IGNORECASE,
)
# Words in quotation marks are somebody else's; each kind opens and closes as the languages write it.
_QUOTATION = re.compile(
    "\u201e[^\u201e\u201c\u201d]{1,900}[\u201c\u201d]|\u201c[^\u201c\u201d]{1,900}\u201d"
    '|\u00ab[^\u00ab\u00bb]{1,900}\u00bb|\u00bb[^\u00ab\u00bb]{1,900}\u00ab|(?<!\\w)"[^"]{1,900}"'
)


def find(text: str) -> tuple[Found, ...]:
    """Find the sentences that reserve text and data mining or AI training.

    Args:
        text: The words of a page, of terms of use, or of the comments of a robots.txt file (joined by spaces, without
            "#"); no markup.

    Returns:
        The sentences in the order of the text; empty when there is none. Never raises; the cost grows linearly.
    """
    return tuple(_found(text))


def find_in_page(body: bytes, media_type: str = "", most: int = _MOST) -> tuple[Found, ...]:
    """Find the sentences that reserve in an HTML page or plain text, in UTF-8.

    Args:
        body: The octets of the page.
        media_type: As the response names it; empty and unknown are read as HTML.
        most: How many sentences are enough.

    Returns:
        At most so many, in the order of the page; offsets are in its text. What stands in `blockquote`, `q` or `code`
        is quoted, and is not read. Never raises.
    """
    if not _hinted(body):
        return ()
    text = body.decode("utf-8", "replace") if media_type == "text/plain" else page_text(body)
    return tuple(islice(_found(text), most))


def _hinted(body: bytes) -> bool:
    """Tell whether a page may name a use: the abbreviations, then what is written out."""
    at = body.find(b"I", 1, -1)  # of AI, KI and IA: this capital is rare, and one octet is found fastest
    while at >= 0:
        if (body[at - 1] in b"AK" or body[at + 1] == _A) and _ABBREVIATED.search(body, at - 2, at + 3):
            return True
        at = body.find(b"I", at + 1, -1)
    for hint in _hints(body):  # noqa: SIM110 -- any() costs more than what it waits for
        if hint in body:
            return True
    return False


def _hints(body: bytes) -> Sequence[bytes]:
    """Give what to look for in a page: by the language that it declares, or of every language."""
    declared = _LANGUAGE.search(body, 0, _HEAD)
    if declared is None:
        return _EVERY
    return _HINTS.get(declared[1].decode().lower(), _HINTS["en"])


def _found(text: str) -> Iterator[Found]:
    if not _touches(text):
        return
    quotes = [match.span() for match in _QUOTATION.finditer(text)]
    starts = [start for start, _ in quotes]
    for start, end in _sentences(text):
        sentence = text[start:end]
        if sentence.rstrip("\"' )\u00bb\u201d").endswith("?") or not _touches(sentence):
            continue
        within = quotes[max(0, bisect_right(starts, start) - 1) : bisect_right(starts, end)]
        language = reserving(words_of(sentence, [(first - start, last - start) for first, last in within]))
        if language:
            yield Found(sentence[:_QUOTED], language, start)


def _touches(text: str) -> bool:
    """Tell whether a text has a word of a use at all."""
    lowered = text.lower()
    for stem in _STEMS:
        if stem in lowered:
            return True
    return any(name in text for name in _NAMES) and _NAME.search(text) is not None


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Give start and end of each sentence, without the spaces around it, in pieces of at most `_LONGEST`."""
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if match[0] == "\n":
            line = text.rfind("\n", max(start, match.start() - _WRAPPED), match.start())
            if line < 0 and match.start() - start >= _WRAPPED:
                continue  # a long line wrapped before a capital: the sentence goes on
            end = match.start()
        elif _SHORT.search(text, max(start, match.start() - 6), end):
            continue
        yield from _pieces(text, start, end)
        start = end
    yield from _pieces(text, start, len(text))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut one sentence into pieces that are short enough, at a space where there is one."""
    while start < end:
        cut = end
        if end - start > _LONGEST:
            cut = start + _LONGEST
            space = text.rfind(" ", start + _LONGEST // 2, cut)
            cut = space if space > 0 else cut
        piece = text[start:cut]
        inner = piece.strip()
        if inner:
            first = start + len(piece) - len(piece.lstrip())
            yield first, first + len(inner)
        start = cut


def _state(asked: Asked) -> Iterator[Statement]:
    """Tell of each sentence that reserves, in comments of robots.txt and, where the policy asks for it, in the page."""
    if asked.policy.usage is Usage.SEARCH:
        return
    for line in asked.robots.sentences:
        yield _statement("robots.txt", f"line {line.number}, comment", line.text)
    asset = asked.asset
    if asset is None or "page" not in asked.policy.natural_language or not _is_text(asset):
        return
    for found in find_in_page(asset.body, asset.media_type):
        yield _statement("page", "text", " ".join(found.sentence.split()))


def _statement(location: str, where: str, sentence: str) -> Statement:
    return Statement(
        "natural-language", location, where, sentence, Preference.UNKNOWN,
        "Directive (EU) 2019/790, Article 4(3) and recital 18", "natural-language",
        notes=("whether a sentence is machine-readable is open: a person decides",),
    )  # fmt: skip


def _is_text(asset: Evidence) -> bool:
    return asset.media_type in ("", "text/html", "application/xhtml+xml", "text/plain")


SIGNAL = Signal(
    "natural-language",
    "rules of November 2026",
    "https://eur-lex.europa.eu/eli/dir/2019/790/oj",
    _state,
)
