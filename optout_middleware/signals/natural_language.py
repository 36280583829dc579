"""Reservations of text and data mining or AI training in natural language, in six languages.

Rule of this file: a sentence reserves only if it names the use (mining, training, or taking the content for AI), speaks
an act of reserving (reserved, forbidden, may not, needs consent), and nothing in it reports, asks, permits, supposes or
concerns somebody else's affairs. A missed sentence is cheaper than an invented one: every doubt is silence. The phrases
are data: `data/natural-language.json`, one table a language.

Whether such a sentence is "machine-readable" is open (`signals.md` section 8: LG Hamburg 310 O 227/23 leans to yes, OLG
Hamburg 5 U 104/24 to no), so what is found is a note with the sentence quoted. Cloudflare's comment block about content
signals says that restrictions expressed by signals are reservations; by itself it reserves nothing (section 5).
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from selectolax.lexbor import LexborHTMLParser

from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.terms import Preference, Statement, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.terms import Evidence

_MOST = 5  # sentences of a page that are quoted
_QUOTED = 300  # characters of a sentence that are quoted
_LONGEST = 1000  # a longer run without an end is read in pieces of this length, so that cost stays linear
_WRAPPED = 60  # a shorter line before a capital is a heading, menu or list entry: a sentence of its own


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


class _Rules(NamedTuple):
    """The patterns of one language, over a lower-case sentence with plain quotes and single spaces."""

    language: str
    words: re.Pattern[str]  # common words of the language: others' sentences are not read by its rules
    use: re.Pattern[str]  # mining, training, or taking the content for AI
    act: re.Pattern[str]  # reserves, forbids, or asks for consent
    bar: re.Pattern[str]  # a report, question, permission or condition, or the affairs of others


def _tables() -> tuple[_Rules, ...]:
    """Compile the tables of the data file."""
    data = json.loads(files("optout_middleware.signals").joinpath("data/natural-language.json").read_text("utf-8"))
    tables = []
    for language, table in data["languages"].items():
        names = {"{mining}": "|".join(data["mining"]), "{ai}": "|".join(table["ai"])}
        patterns = []
        for part in ("words", "use", "act", "bar"):
            pattern = "|".join(table[part])
            for name, expression in names.items():
                pattern = pattern.replace(name, f"(?:{expression})")
            patterns.append(re.compile(pattern))
        tables.append(_Rules(language, *patterns))
    return tuple(tables)


_TABLES = _tables()
# No sentence names a use without one of these (a name of mining, of the technology, or an abbreviation of one), so a
# search for bytes settles most texts. To search for so many is dear; so each is first sought without its commonest
# letters in the text without them, a fifth as long, which has what the text has; a hit is confirmed in the text itself.
_COMMON = bytes(set(range(256)) - set("cfgijklmnpqvzCFGIJKLMNPQVZí".encode()))
_LOWER = bytes(range(256)).lower()
_HINTS = tuple(
    (hints[0].encode().translate(_LOWER, _COMMON), tuple(hint.encode() for hint in hints))
    for hints in (  # those of one row have the rare letters of the first
        ("mining",), ("fouille d", "fouilles d"), ("minería",), ("estrazione di",), ("nutzungsvorbehalt",),
        ("ntelligen",), ("nteligen",), ("machin", "maschinell"), ("apprentissage auto",), ("aprendizaje auto",),
        ("apprendimento auto",), ("language model",), ("de langage",), ("lenguaje",), ("linguistic",),
        ("sprachmodel",), ("taalmodel",), ("namiento de modelos",),
    )
)  # fmt: skip
_SMALL = bytes(set(range(256)) - set(b" ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_NAMES = (b"AI", b"KI", b"IA", b"LLM", b"TDM")  # in capitals, for "ai" is a part of words

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
_SPACE = re.compile(r"\s+")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00ad": None, "\u2010": "-", "\u2011": "-"})


def find(text: str) -> tuple[Found, ...]:
    """Find the sentences that reserve text and data mining or AI training.

    Args:
        text: The words of a page, of terms of use, or of the comments of a robots.txt file (joined by spaces, without
            "#"); no markup.

    Returns:
        The sentences in the order of the text; empty when there is none. Never raises; the cost grows linearly.
    """
    if not _hinted(text.encode("utf-8", "surrogatepass")):
        return ()
    found = []
    for start, end in _sentences(text):
        sentence = text[start:end]
        if _hinted(sentence.encode("utf-8", "surrogatepass")):
            language = _reserving(sentence)
            if language:
                found.append(Found(sentence[:_QUOTED], language, start))
    return tuple(found)


def _hinted(raw: bytes) -> bool:
    """Say whether a use may be named at all."""
    bones = raw.translate(_LOWER, _COMMON)
    lowered = b""
    for bone, hints in _HINTS:
        if bone in bones:
            lowered = lowered or raw.lower()
            for hint in hints:
                if hint in lowered:
                    return True
    capitals = raw.translate(None, _SMALL)
    for name in _NAMES:  # noqa: SIM110 -- any() costs more than what it waits for
        if name in capitals:
            return True
    return False


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


def _reserving(sentence: str) -> str:
    """Give the language in which a sentence reserves, or nothing."""
    plain = _SPACE.sub(" ", sentence.translate(_QUOTES)).lower()
    if plain.rstrip("\"' )\u00bb\u201d").endswith("?"):
        return ""
    met = [
        table for table in _TABLES if table.words.search(plain) and table.use.search(plain) and table.act.search(plain)
    ]
    # A bar of any language that the sentence may be in counts: doubt is silence.
    if not met or any(table.bar.search(plain) for table in met):
        return ""
    return max(met, key=lambda table: len(table.words.findall(plain))).language


def _state(asked: Asked) -> Iterator[Statement]:
    """Tell of each sentence that reserves, in comments of robots.txt and, where the policy asks for it, in the page."""
    if asked.policy.usage is Usage.SEARCH:
        return
    for line in asked.robots.sentences:
        yield _statement("robots.txt", f"line {line.number}, comment", line.text)
    asset = asked.asset
    if asset is None or "page" not in asked.policy.natural_language or not _is_text(asset):
        return
    for found in find(_page_text(asset))[:_MOST]:
        yield _statement("page", "text", " ".join(found.sentence.split()))


def _statement(location: str, where: str, sentence: str) -> Statement:
    return Statement(
        "natural-language", location, where, sentence, Preference.UNKNOWN,
        "Directive (EU) 2019/790, Article 4(3) and recital 18", "natural-language",
        notes=("whether a sentence is machine-readable is open: a person decides",),
    )  # fmt: skip


def _is_text(asset: Evidence) -> bool:
    return asset.media_type in ("", "text/html", "application/xhtml+xml", "text/plain")


def _page_text(asset: Evidence) -> str:
    if asset.media_type == "text/plain":
        return asset.body.decode("utf-8", "replace")
    parser = LexborHTMLParser(asset.body)
    parser.strip_tags(["script", "style", "noscript", "template"])
    return parser.body.text(separator=" ") if parser.body is not None else ""


SIGNAL = Signal(
    "natural-language",
    "rules of November 2026",
    "https://eur-lex.europa.eu/eli/dir/2019/790/oj",
    _state,
)
