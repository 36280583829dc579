"""Titles and names in the form in which they are compared.

Rule of this file: text in, text out, nothing raised; the same text always gives the same form, and a form gives itself.
A form is for comparing only: evidence and records keep what was written.

Facts: removing "(Extended Version)" is right for works and costs precision for recordings (`rights.md` section 5), so
there are two forms of a title. Transliteration loses something: two words that are spelled apart may have one form.
"I" is an Italian article too, but begins too many English titles to be removed as one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

_LONGEST = 500  # characters of a title or name that count
_REMEMBERED = 16_384  # names come again and again, titles within one page or file

_ARTICLES_OF = {
    "en": ("the", "a", "an"),
    "fr": ("le", "la", "les", "l", "un", "une", "des"),
    "de": ("der", "die", "das", "den", "dem", "ein", "eine", "einen"),
    "es": ("el", "los", "las", "una", "unos", "unas"),
    "it": ("il", "lo", "gli", "uno"),
    "nl": ("de", "het", "een"),
}
_ARTICLES = frozenset(article for articles in _ARTICLES_OF.values() for article in articles)
_TRAILING_ARTICLE = re.compile(
    rf",\s*(?:{'|'.join(sorted(_ARTICLES))})'?\s*(?=$|[(\[]|-)"
).search  # Long Way, The (Live)
_SAME_WORD = {"et": "and", "und": "and", "pt": "part", "ft": "feat", "featuring": "feat"}  # behind the first word
_SAME_WORD_OF_NAMES = {"et": "and", "und": "and", "ft": "feat", "featuring": "feat"}
_ELISION = re.compile(r"\bl'(?=\w)")  # l'amour
_ACRONYM = re.compile(r"(?<![a-z0-9])(?:[a-z]\.){2,}[a-z]?(?![a-z0-9])|(?<![a-z0-9])[a-z](?:\.[a-z])+(?![a-z0-9])")
_TOKENS = re.compile(r"[a-z0-9]+").findall
_HAS_AND = re.compile(r"[&+]|\s(?:and|et|und)\s").search
_ARTICLES_OF_NAMES = frozenset({"the"})
_AND = str.maketrans({"&": " and ", "+": " and ", "'": None, "`": None})

# Version suffixes, in lower-case ASCII. What stands in brackets, or after a spaced dash at the end, is one if all of it
# is of these shapes; other words in brackets belong to the title, as in "(Where We Live)".
_SUFFIX = re.compile(
    # Somebody Remix, Extended Version, 2009 Remaster, Remastered 2011: any words may stand before
    r"(?:.*\b)?(?:versione?|version|versie|fassung|(?:re)?mix(?:es)?|edit|remaster(?:ed|ise|isee|izado|izada)?"
    r"|karaoke|instrumental(?:e|es)?|soundtrack|bande originale|bootleg|edition)(?: [12][0-9]{3})?"
    # Live, Acoustic Demo, Unplugged: nothing but such words
    r"|(?:(?:single|album|studio|radio|original|full|piano|bonus|acoustic|acoustique|akustik|acustic[oa]|live|demo"
    r"|unplugged|cover|dub|sessions?|take [0-9]+|mono|stereo|a ?cappella|track|explicit|clean|deluxe|sped up|slowed"
    r"|en vivo|en directo|dal vivo|ao vivo|en public|en concert|[12][0-9]{3})(?: |$))+"
    # Live at the Hall, 1986
    r"|(?:[12][0-9]{3} )?(?:live|recorded|karaoke|acoustic|remaster(?:ed)?|en vivo|en directo|dal vivo|ao vivo)"
    r" (?:at|in|from|on|for|by|a|au|aus|en|im|bei|desde)\b.*"
    r"|(?:taken )?from .*\b(?:film|movie|picture|soundtrack|musical|series|album|show)\b.*"
    r"|(?:original )?(?:motion picture|film|cast) .*|(?:feat|ft|featuring)\b.*|.*\bin the style of .*"
    r"|made famous by .*"
).fullmatch
_BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)(?:[)\]}]|$)")
_NESTED = 4  # brackets within brackets that are looked into
_DASHED = re.compile(r"(?<=\S)\s+-+\s+((?:(?!\s-+\s).)*)$")
_MAY_HAVE_SUFFIX = re.compile(r"[(\[{]|\s-").search
_IN_BRACKETS_AT_END = re.compile(r"(?<=\S)\s+[(\[][^()\[\]]*[)\]]\s*$")
_NAME_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv", "junior", "senior", "fils", "pere"})


@lru_cache(maxsize=_REMEMBERED)
def work_title(text: str) -> str:
    """Give the form of a title in which works are compared: without version suffixes and without who is featured.

    >>> work_title("L'Été à Nulleville (Live at the Hall) [Remastered 2011]")
    'ete a nulleville'
    >>> work_title("(I Never Said) Hold On, The - 2009 Remaster")
    'i never said hold on'
    """
    plain = _plain(text)
    short = _without_suffixes(plain) if _MAY_HAVE_SUFFIX(plain) else plain
    form = _title_of(short, without_featured=True) or _title_of(plain, without_featured=True)
    return form or _other_script(text)


@lru_cache(maxsize=_REMEMBERED)
def recording_title(text: str) -> str:
    """Give the form of a title in which recordings are compared: version suffixes and who is featured stay.

    >>> recording_title("The Long Way Home (Live) [ft. Nobody]")
    'long way home live feat nobody'
    """
    return _title_of(_plain(text)) or _other_script(text)


@lru_cache(maxsize=_REMEMBERED)
def name(text: str) -> str:
    """Give the form of a name of a person or body: first names first, initials apart, without what stands in brackets.

    >>> name("Müller-Öd, J.-P.") == name("J. P. Müller-Öd (composer)") == "j p muller od"
    True
    >>> name("Nobodies, The"), name("Foo & Sons")
    ('nobodies', 'foo and sons')
    """
    plain = _plain(text)
    whole = _name_of(plain)
    return _name_of(_IN_BRACKETS_AT_END.sub("", plain)) or whole or _other_script(text)


def names(text: str) -> tuple[str, ...]:
    """Split a list of writers into the names as they are written.

    Semicolons, slashes, bars, bullets and line ends always separate ("A/B" too, "AC/DC" not), "&", "and", "et" and
    "und" between spaces do; what stands in brackets is kept whole. A comma separates two names, unless it stands
    between a last name and a first name: where other signs separate the names, or before it stands one word only.

    >>> names("Words and music by Jane Doe, John Q. Roe & Foo Bar")
    ('Jane Doe', 'John Q. Roe', 'Foo Bar')
    >>> names("Doe, Jane; Roe, John"), names("Doe / Roe"), names("Doe, Jane and Roe, John")
    (('Doe, Jane', 'Roe, John'), ('Doe', 'Roe'), ('Doe, Jane', 'Roe, John'))
    """
    found: dict[str, None] = {}
    parts = _parts(text[:_LONGEST_LIST], _ALWAYS)
    for part in parts:
        for one in _by_commas(_parts(_LABEL.sub("", part), _AND_BETWEEN), alone=len(parts) == 1):
            stripped = one.strip(_AROUND) + ("." if _INITIAL_AT_END(one) else "")
            if _HAS_LETTER(stripped):
                found[stripped[:_LONGEST_NAME].strip()] = None
    return tuple(found)[:_MOST_NAMES]


_AROUND = " \t\v\f\x1c\x1d\x1e\x1f,.-:"  # what stands around a name; all that is space in ASCII, too
_LONGEST_LIST = 5000  # characters of a list of names that are read
_LONGEST_NAME = 200
_MOST_NAMES = 100
_BRACKETED = r"\([^()]*\)|\[[^\[\]]*\]"
_ALWAYS = re.compile(rf"{_BRACKETED}|([;|\n\r\u2022\u00b7]|\s/\s?|/\s|(?<=\w\w\w)/(?=\w\w\w))")
_AND_BETWEEN = re.compile(rf"{_BRACKETED}|(\s(?:&|\+|and|et|und)\s)", re.IGNORECASE)
_COMMA = re.compile(rf"{_BRACKETED}|(,)")
_MADE = "words|lyrics|text|texte|paroles|music|musique|musik|letra|musica|testo|written|composed|arranged|composer"
_LABEL = re.compile(
    rf"^\s*(?:{_MADE}|author|writer|lyricist|arranger)s?(?:\s*(?:&|/|and|et|und|y|e)\s*(?:{_MADE}))?"
    r"\s*(?::|\bby\b|\bde\b|\bvon\b|\bdi\b)\s*:?|^\s*by\s",
    re.IGNORECASE,
)
_HAS_LETTER = re.compile(r"[^\W\d_]").search
_INITIAL_AT_END = re.compile(r"\b[^\W\d_]{1,2}\.\s*$").search  # Doe, J. and Doe, Jane, Jr.
_SUFFIX_OF_NAME = re.compile(r"\s*(?:jr|sr|ii|iii|iv|junior|senior)\.?\s*", re.IGNORECASE).fullmatch
_PARTICLES = frozenset(
    {"van", "von", "de", "der", "den", "du", "da", "di", "del", "della", "la", "le", "el", "al", "dos"}
)


def _parts(text: str, separator: re.Pattern[str]) -> list[str]:
    parts, start = [], 0
    for found in separator.finditer(text):
        if found[1] is not None:
            parts.append(text[start : found.start()])
            start = found.end()
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _by_commas(parts: list[str], *, alone: bool) -> list[str]:
    """Split at commas that separate names; `alone`: whether no other sign separates, so that a comma may."""
    split = [_with_suffixes(_parts(part, _COMMA)) for part in parts]
    inverted = [len(pieces) == 2 and (not alone or _is_last_name(pieces[0])) for pieces in split]  # noqa: PLR2004
    if len(parts) > 1 and not all(inverted):  # "Doe, Roe & Bar"
        inverted = [False] * len(parts)
    return [
        name
        for part, pieces, is_one in zip(parts, split, inverted, strict=True)
        for name in ([part] if is_one else pieces)
    ]


def _with_suffixes(pieces: list[str]) -> list[str]:
    """Put "Jr." back to the name before it."""
    whole: list[str] = []
    for piece in pieces:
        if whole and _SUFFIX_OF_NAME(piece):
            whole[-1] += f",{piece}"
        else:
            whole.append(piece)
    return whole


def _is_last_name(text: str) -> bool:
    *before, _ = text.split() or [""]
    return all(word.lower() in _PARTICLES for word in before)


def _plain(text: str) -> str:
    text = text[:_LONGEST]
    return (text if text.isascii() else anyascii(text)[:_LONGEST]).lower()


def _title_of(plain: str, *, without_featured: bool = False) -> str:
    article = _TRAILING_ARTICLE(plain) if "," in plain else None
    if article and _TOKENS(plain[: article.start()]):
        plain = f"{plain[: article.start()]} {plain[article.end() :]}"
    if "'" in plain:
        plain = _ELISION.sub("l ", plain)
    if "." in plain:
        plain = _ACRONYM.sub(_undotted, plain)
    words = _words(plain, _SAME_WORD)
    if without_featured and "feat" in words[1:]:
        del words[words.index("feat", 1) :]
    return _joined(words, _ARTICLES)


def _name_of(plain: str) -> str:
    if "," in plain and not _HAS_AND(plain):
        parts = [part for part in map(str.strip, plain.split(",")) if part]
        after = [part for part in parts[1:] if part.strip(". ") in _NAME_SUFFIXES]
        parts = [part for part in parts if part not in after]
        if len(parts) == 2:  # noqa: PLR2004 - "Last, First"
            parts.reverse()
        plain = " ".join(parts + after)
    return _joined(_words(plain, _SAME_WORD_OF_NAMES), _ARTICLES_OF_NAMES)


def _words(plain: str, same: dict[str, str]) -> list[str]:
    words = _TOKENS(plain.translate(_AND))
    for at, word in enumerate(words):
        if at and word in same:
            words[at] = same[word]
    return words


def _joined(words: list[str], articles: frozenset[str]) -> str:
    """Join words without the articles that they start with, as many as a form may have."""
    start = 0
    while start < len(words) - 1 and words[start] in articles:
        start += 1
    form = " ".join(words[start:])
    # "&" becomes three letters; cut before a word, so that the form of a form is itself.
    return form if len(form) <= _LONGEST else form[: form.rindex(" ", 0, _LONGEST + 1)]


def _without_suffixes(plain: str) -> str:
    for _ in range(_NESTED):
        before = plain
        if "(" in plain or "[" in plain or "{" in plain:
            plain = _BRACKETS.sub(_title_words, plain)
        dashed = _DASHED.search(plain)
        if dashed and _is_suffix(dashed[1]):
            plain = plain[: dashed.start()]
        if plain == before:
            break
    return plain


def _title_words(brackets: re.Match[str]) -> str:
    """Give what of a pair of brackets belongs to the title: at its start all of it, later no version suffix."""
    at_start = not brackets.string[: brackets.start()].strip()
    return f" {brackets[1]} " if at_start or not _is_suffix(brackets[1]) else " "


def _is_suffix(words: str) -> bool:
    return _SUFFIX(" ".join(_TOKENS(words.translate(_AND)))) is not None


def _undotted(acronym: re.Match[str]) -> str:
    return acronym[0].replace(".", "")


def _other_script(text: str) -> str:
    """Give the letters and digits of a text of which nothing could be transliterated."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[:_LONGEST]).casefold())
    return "".join(character for character in folded if character.isalnum())[:_LONGEST]
