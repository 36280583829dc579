"""Links of a page to the terms of its site, in six languages.

Rule of this file: what a page says of its links, nothing fetched. Only pages of the same registrable domain count: a
site's terms are its own, and a licence that stands elsewhere (Creative Commons) is for RSL and the licences on file.
The words are data: `data/terms-links.json`. Recital 18 of Directive (EU) 2019/790 names terms and conditions of a
website among the means of a reservation.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from optout_middleware.signals.page_text import tags
from optout_middleware.urls import host_of, origin_of, registrable_domain

_MOST = 3
_LONGEST = 80  # characters of the words of a link; a longer one is a headline that happens to speak of terms
_TAG = 2000  # characters of a tag that are read
_ATTRIBUTE = re.compile(r"([a-zA-Z]+)\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_MARKUP = re.compile(r"<[^>]*>")
_NO_LETTER = re.compile(r"[\W_]+")


class _Rules(NamedTuple):
    """What makes a link one to terms, in order of what comes first."""

    rel: tuple[frozenset[str], ...]
    words: tuple[re.Pattern[str], ...]
    path: frozenset[str]


def _rules() -> _Rules:
    data = json.loads(files("optout_middleware.signals").joinpath("data/terms-links.json").read_text("utf-8"))
    words = []
    for tier in data["tiers"]:
        phrases = sorted((phrase for phrases in tier.values() for phrase in phrases), key=len, reverse=True)
        words.append(re.compile(r"\b(?:" + "|".join(map(re.escape, phrases)) + r")\b"))
    return _Rules(tuple(map(frozenset, data["rel"])), tuple(words), frozenset(data["path"]))


_RULES = _rules()


def terms_links(body: bytes, url: str) -> tuple[str, ...]:
    """Find the pages on which a site's terms may stand.

    Args:
        body: An HTML page in UTF-8.
        url: Its address, after redirects.

    Returns:
        At most 3 absolute URLs without fragments, of the same registrable domain, other than the page itself; what
        declares its relation first, then by what the link says, then by its address. Never raises.
    """
    domain = registrable_domain(host_of(url))
    own = urldefrag(url).url
    best: dict[str, int] = {}
    for base, attributes, words in _links(body.decode("utf-8", "replace"), url):
        rank = _rank(attributes, words)
        if rank is None:
            continue
        target = _absolute(base, attributes["href"])
        if target and target != own and origin_of(target) and registrable_domain(host_of(target)) == domain:
            best[target] = min(rank, best.get(target, rank))
    return tuple(sorted(best, key=best.__getitem__)[:_MOST])


def _links(text: str, url: str) -> list[tuple[str, dict[str, str], str]]:
    """Give base, attributes and words of each link that has an address."""
    found: list[tuple[str, dict[str, str], str]] = []
    base = url
    opened: tuple[dict[str, str], int] | None = None
    for match, is_end, name in tags(text):
        if opened is not None and name == "a":
            words = text[opened[1] : min(match.start(), opened[1] + _TAG)]
            found.append((base, opened[0], html.unescape(_MARKUP.sub(" ", words))))
            opened = None
        if is_end or name not in {"a", "area", "link", "base"}:
            continue
        attributes = _attributes(match[3][:_TAG])
        if "href" not in attributes:
            continue
        if name == "base":
            base = _absolute(url, attributes["href"]) or base
        elif name == "a":
            opened = attributes, match.end()
        else:
            found.append((base, attributes, ""))
    return found


def _attributes(tag: str) -> dict[str, str]:
    """Read the attributes of a tag; of several of one name the first counts (HTML section 13.2.5.33)."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(tag):
        found.setdefault(name.lower(), html.unescape(double or single or bare).strip())
    return found


def _rank(attributes: dict[str, str], words: str) -> int | None:
    """Tell how much a link looks like one to terms, from 0; None = not at all."""
    rel = set(attributes.get("rel", "").lower().split())
    for rank, names in enumerate(_RULES.rel):
        if rel & names:
            return rank
    said = _plain(words or attributes.get("title", ""))
    path = _plain(_path(attributes["href"]))
    first = len(_RULES.rel)
    if len(said) <= _LONGEST:
        for rank, pattern in enumerate(_RULES.words, first):
            if pattern.search(said):
                return rank
    first += len(_RULES.words)
    for rank, pattern in enumerate(_RULES.words, first):
        if pattern.search(path):
            return rank
    return first + len(_RULES.words) if _RULES.path.intersection(path.split()) else None


def _plain(text: str) -> str:
    """Give words in lower case, without accents, one space apart."""
    decomposed = unicodedata.normalize("NFKD", text)
    return _NO_LETTER.sub(" ", "".join(letter for letter in decomposed if not unicodedata.combining(letter))).lower()


def _path(address: str) -> str:
    try:
        return unquote(urlsplit(address).path)
    except ValueError:
        return ""


def _absolute(base: str, address: str) -> str:
    """Give the absolute URL without its fragment; empty where there is none."""
    try:
        return urldefrag(urljoin(base, address)).url
    except ValueError:
        return ""
