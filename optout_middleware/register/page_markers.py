"""Credits out of the markers of a page besides JSON-LD: rel=license, Dublin Core and schema.org microdata.

Rule of this file: tags as they stand in the bytes, outside comments, scripts and styles; no tree is built, since a page
without such a marker must cost a search for their words. Nothing is raised, time is linear in the input.

A site's rel=license often speaks of its layout or its users' posts. It is read only where all such links agree.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.credit_parts import Parts, clean, licence_url, unescaped
from optout_middleware.register.model import AssetClass
from optout_middleware.register.structured_data import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optout_middleware.register.model import Credits

# Over a page in lower case: a word, and what must stand just before it, or the word proves nothing.
_REL = re.compile(rb"\brel\s*=\s*(?:[\"'][^\"'<>]*)?\blicense\b").search
_DC = re.compile(rb"\b(?:name|property|rel)\s*=\s*[\"']?\s*(?:dc|dcterms)[.:][a-z]").search
_ITEM = re.compile(rb"\bitemprop\s*=\s*(?:[\"'][^\"'<>]*)?\b(?:iswccode|isrccode|composer|lyricist|lyrics)\b").search
_HEAD_WORDS = ((b"dcterms", _DC), (b"dc.", _DC), (b"dc:", _DC))
_ITEM_WORDS = tuple((word, _ITEM) for word in (b"iswccode", b"isrccode", b"composer", b"lyric"))
_BEFORE, _AFTER = 100, 4  # bytes around a word

_HIDDEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|textarea|template|xmp|iframe|noframes)(?=[\s/>]).*?(?:</\1|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<([a-z][a-z0-9]*)((?:[\s/](?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?)>", re.IGNORECASE)
_MAY_MATTER = re.compile(r"license|\bdc|itemprop|itemtype", re.IGNORECASE).search
_ATTRIBUTE = re.compile(r"([^\s\"'>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?")
_MARKUP = re.compile(r"<[^<>]*>")
_LONGEST_TEXT = 600  # characters behind a tag that are its text at most
_MOST = 2000  # tags of a page that may matter
_WORKS = ("/musiccomposition", "/musicrecording")


class _Tag(NamedTuple):
    name: str
    attributes: dict[str, str]
    end: int

    def has(self, attribute: str) -> list[str]:
        """Give the words of an attribute in lower case."""
        return self.attributes.get(attribute, "").lower().split()


def is_marked(lower: bytes) -> bool:
    """Tell whether a page, in lower case, has one of the markers."""
    if _stands(lower, b"license", _REL):
        return True
    head = lower[: lower.find(b"</head") + 1 or None]  # <meta> and <link> of Dublin Core stand there
    if any(_stands(head, word, before) for word, before in _HEAD_WORDS):
        return True
    return lower.rfind(b"itemprop") >= 0 and any(_stands(lower, word, before) for word, before in _ITEM_WORDS)


def read(body: bytes, url: str, charset: str | None = None) -> tuple[Credits, ...]:
    """Read the credits of a page by origin: "rel=license", "dublin-core", "microdata".

    Args:
        body: of the page, in an encoding whose ASCII characters take one octet.
        url: of the page, for relative licence URLs.
        charset: as the response names it; UTF-8 and Windows-1252 are tried without.
    """
    text = _HIDDEN.sub(" ", decoded(body, charset))
    rel, dublin, micro = Parts("rel=license"), Parts("dublin-core"), Parts("microdata")
    licences: dict[str, Parts] = {}
    in_work = False
    for tag in _tags(text):
        if tag.name in {"a", "link", "area"} and "license" in tag.has("rel"):
            licences[licence_url(unescaped(tag.attributes.get("href", "")), url)] = rel
        licence = _dublin_core(dublin, tag, url)
        if licence is not None:
            licences[licence] = dublin
        if "itemscope" in tag.attributes:
            in_work = tag.attributes.get("itemtype", "").strip().lower().endswith(_WORKS)
        elif in_work and "name" in tag.has("itemprop"):
            micro.title(_value(text, tag))
            in_work = False
        _microdata(micro, text, tag)
    if len(licences) == 1:
        for licence, parts in licences.items():
            parts.licence = licence
    return tuple(parts.credits() for parts in (rel, dublin, micro))


def _stands(lower: bytes, word: bytes, before: Callable[..., object]) -> bool:
    at = lower.rfind(word)
    while at >= 0:
        # An equals sign is quickly looked for, and stands before few of the words in texts and scripts.
        if lower.rfind(b"=", max(0, at - _BEFORE), at) >= 0 and before(
            lower, max(0, at - _BEFORE), at + len(word) + _AFTER
        ):
            return True
        at = lower.rfind(word, 0, at)
    return False


def _tags(text: str) -> Iterator[_Tag]:
    for tag in islice((tag for tag in _TAG.finditer(text) if _MAY_MATTER(tag[2])), _MOST):
        attributes: dict[str, str] = {}
        for name, *values in _ATTRIBUTE.findall(tag[2]):
            attributes.setdefault(name.lower(), "".join(values))
        yield _Tag(tag[1].lower(), attributes, tag.end())


def _dublin_core(parts: Parts, tag: _Tag, url: str) -> str | None:
    """Take one term of Dublin Core; give the URL of a licence if it is one."""
    for key in ("name", "property", "rel"):
        prefix, _, term = tag.attributes.get(key, "").strip().lower().replace(":", ".").partition(".")
        if prefix in {"dc", "dcterms"}:
            break
    else:
        return None
    stated = unescaped(tag.attributes.get("content") or tag.attributes.get("href") or "").strip()
    if term in {"license", "rights.license"} or (term == "rights" and stated.lower().startswith(("http:", "https:"))):
        return licence_url(stated, url)
    if term in {"rights", "rights.holder", "rightsholder"}:
        parts.holder(stated)
    elif term == "creator":
        parts.party("writers", stated)
    elif term == "title":
        parts.title(stated)
    elif term == "identifier":
        parts.written(stated)
    return None


def _microdata(parts: Parts, text: str, tag: _Tag) -> None:
    for item in tag.has("itemprop"):
        if item in {"iswccode", "isrccode"}:
            parts.identified(item.removesuffix("code"), _value(text, tag))
        elif item in {"composer", "lyricist"}:
            parts.writers(_value(text, tag))
        elif item == "lyrics":
            parts.of_class(AssetClass.LYRICS, "structured data: lyrics in microdata")


def _value(text: str, tag: _Tag) -> str:
    """Give the value of a property: its content, the name within its item, or its text (HTML section 5.2.4)."""
    if "content" in tag.attributes:
        return unescaped(tag.attributes["content"])
    behind = text[tag.end : tag.end + _LONGEST_TEXT]
    within = behind.partition(f"</{tag.name}")[0]
    if "itemscope" in tag.attributes:
        for inner in _tags(within if "itemprop" in within else behind):
            if "name" in inner.has("itemprop"):
                return _value(behind, inner)
    return clean(_MARKUP.sub(" ", within))
