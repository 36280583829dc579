"""The licence document of Really Simple Licensing (RSL 1.0): XML in, what it grants out.

Rule of this file: a document is read whole or not at all; what is not conformant licenses nothing (RSL section 4.3).
Within one licence a prohibition beats a permission, a list of permitted tokens closes what it does not list (section
3.5), and of several licences one that grants is enough; in doubt rights are never expanded.

Namespace and media type: section 2.2. Vocabularies: section 3.4.1 as of the erratum of 16 January 2026.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from optout_middleware.signals.paths import Pattern, pattern
from optout_middleware.terms import Usage
from optout_middleware.urls import is_of_origin, path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMESPACE = "https://rslstandard.org/rsl"
LIMIT = 1_048_576  # octets of a document that are read
_NS = f"{{{NAMESPACE}}}"
_KNOWN = frozenset({
    "rsl", "content", "license", "permits", "prohibits", "payment", "standard", "custom", "amount", "accepts",
    "reporting", "legal", "alternate", "schema", "copyright", "terms",
})  # fmt: skip
_SPLIT = re.compile(r"[,\s]+")
# Section 3.4.1.1: all contains ai-all and search; ai-all contains ai-train, ai-input and ai-index.
_WITHIN = {
    "ai-train": ("ai-train", "ai-all", "all"),
    "ai-input": ("ai-input", "ai-all", "all"),
    "search": ("search", "all"),
}
_LABELS: Mapping[Usage, tuple[str, ...]] = {
    Usage.TRAIN_AI: ("ai-train",),
    Usage.AI_USE: ("ai-input",),
    Usage.SEARCH: ("search",),
    Usage.TDM: ("ai-train", "ai-input"),
}
_ALIASES = {"train-ai": "ai-train", "ai-use": "ai-input"}  # AIPREF labels, used on the standard's own guide page
_FREE = frozenset({"", "free"})  # section 3.7: an element or type that is absent is free


class Terms(NamedTuple):
    """One licence: what it permits and prohibits by type, and the duties that go with it."""

    permits: Mapping[str, frozenset[str]]
    prohibits: Mapping[str, frozenset[str]]
    duties: tuple[str, ...]
    unsupported: bool  # a reporting profile that we do not support (section 3.12)
    text: str


class Content(NamedTuple):
    """What one <content> covers, whether it needs a licence server's token, and its licences."""

    url: str
    path: Pattern | None  # None = the scope of its association (section 3.3)
    server: str
    licences: tuple[Terms, ...]


class Document(NamedTuple):
    """A conformant licence document."""

    contents: tuple[Content, ...]
    max_age_days: float
    notes: tuple[str, ...]


class Grant(NamedTuple):
    """What a document says of one URL and usage: granted or not, on which conditions, by which text."""

    granted: bool
    conditions: tuple[str, ...]
    where: str
    text: str


class RslError(ValueError):
    """A document that is not conformant; the message says where it is not."""


@lru_cache(maxsize=128)  # a pure function; few licence documents are in use at a time
def read(body: bytes, origin: str) -> Document | str:
    """Read a licence document.

    Args:
        body: the document, or the text of an inline script.
        origin: the origin it speaks for; a full URL of another origin as `url` covers nothing here.

    Returns: the document; where it is not conformant, why, in one line.
    """
    try:
        return _document(body, origin)
    except RslError as error:
        return str(error)


def _document(body: bytes, origin: str) -> Document:
    if len(body) > LIMIT:
        raise RslError(f"longer than {LIMIT} octets")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RslError(f"not well-formed XML: {' '.join(str(error).split())[:200]}") from None
    if b"<!DOCTYPE" in body:
        raise RslError("a document type declaration, which is not followed")
    if root.tag != f"{_NS}rsl":
        raise RslError(f"the root element is not rsl of the namespace {NAMESPACE}")
    for element in root.iter(f"{_NS}*"):
        name = etree.QName(element).localname
        if name not in _KNOWN:
            raise RslError(f"unknown element {name} in the namespace of RSL (section 1.2)")
    notes: list[str] = []
    contents = tuple(_content(element, origin, notes) for element in root.iter(f"{_NS}content"))
    if not contents:
        raise RslError("no content element (section 3.3)")
    return Document(contents, _days(root.get("max-age")), tuple(dict.fromkeys(notes)))


def _days(value: str | None) -> float:
    try:
        return max(float(value), 0.0) if value else 30.0  # section 3.2.1: in days, 30 where there is none
    except ValueError:
        return 1.0


def _content(element: etree._Element, origin: str, notes: list[str]) -> Content:
    url = element.get("url")
    if url is None:
        raise RslError("a content element without url (section 3.3)")
    licences = tuple(_terms(licence, notes) for licence in element.iter(f"{_NS}license"))
    if not licences:
        raise RslError("a content element without license (section 3.3)")
    return Content(url, _path(url, origin, notes), element.get("server") or "", licences)


def _path(url: str, origin: str, notes: list[str]) -> Pattern | None:
    """Read what a content element covers: a path pattern, a full URL, or its association's scope."""
    if not url.strip():
        return None
    if "://" in url:
        notes.append("a full URL where a path is asked for (section 3.3)")
        return pattern(path_and_query(url)) if is_of_origin(url, origin) else pattern("//")
    return pattern(url.strip())


def _tokens(element: etree._Element, notes: list[str]) -> frozenset[str]:
    text = (element.text or "").strip().lower()
    if "," in text:
        notes.append("a list with commas, as RSL 0.9 had it")
    found = {token for token in _SPLIT.split(text) if token}
    if found & set(_ALIASES):
        notes.append("a label of AIPREF read as the RSL token for it")
    return frozenset(_ALIASES.get(token, token) for token in found)


def _terms(licence: etree._Element, notes: list[str]) -> Terms:
    listed: dict[str, dict[str, frozenset[str]]] = {"permits": {}, "prohibits": {}}
    for name, by_type in listed.items():
        for element in licence.iter(f"{_NS}{name}"):
            kind = (element.get("type") or "").strip().lower()
            if not kind:
                raise RslError(f"a {name} element without type (section 3.4)")
            by_type[kind] = by_type.get(kind, frozenset()) | _tokens(element, notes)
    payments = [(element.get("type") or "").strip().lower() for element in licence.iter(f"{_NS}payment")]
    duties = tuple(f"payment: {kind}" for kind in payments if kind not in _FREE)
    unsupported = next(licence.iter(f"{_NS}reporting"), None) is not None
    text = etree.tostring(licence, encoding="unicode", with_tail=False)
    return Terms(listed["permits"], listed["prohibits"], duties, unsupported, " ".join(text.split())[:500])


def grant(
    document: Document, path: str | None, usage: Usage, users: frozenset[str], places: frozenset[str]
) -> Grant | None:
    """Tell what a document grants.

    Args:
        document: as `read` gives it.
        path: path and query in canonical form; None = the document is bound to the asset itself.
        usage: what the asset would be used for.
        users: our kinds of user (section 3.4.1.2).
        places: the territories we act in, as geo tokens (section 3.5).

    Returns: None where it says nothing of that path.
    """
    scopes = [
        (content, content.path.octets if content.path else 0)
        for content in document.contents
        if (content.path is None or path is None or content.path.matches(path))
    ]
    if not scopes:
        return None
    narrowest = max(octets for _, octets in scopes)  # section 3.1.1: a narrower path beats a broader one
    grants = [_of_content(content, usage, users, places) for content, octets in scopes if octets == narrowest]
    return max(grants, key=_strictness)  # section 4.9: remaining conflicts, the most restrictive


def _strictness(found: Grant) -> tuple[bool, bool]:
    return not found.granted, bool(found.conditions)


def _of_content(content: Content, usage: Usage, users: frozenset[str], places: frozenset[str]) -> Grant:
    """Settle the licences of one content: at least one must grant the use (section 3.1.1)."""
    where = f"content url={content.url!r}"
    granted = [terms for terms in content.licences if _grants(terms, usage, users, places)]
    if not granted:
        return Grant(granted=False, conditions=(), where=where, text=content.licences[0].text)
    terms = min(granted, key=lambda terms: len(terms.duties))
    # Section 3.3: with a server a token is needed before access, even where the licence is free.
    server = (f"licence server: {content.server}",) if content.server else ()
    return Grant(granted=True, conditions=(*server, *terms.duties), where=where, text=terms.text)


def _grants(terms: Terms, usage: Usage, users: frozenset[str], places: frozenset[str]) -> bool:
    if terms.unsupported:
        return False
    wanted = [("usage", frozenset(_WITHIN[label])) for label in _LABELS[usage]]
    wanted += [("user", users), ("geo", places)]
    return all(_open(terms, kind, tokens) for kind, tokens in wanted)


def _open(terms: Terms, kind: str, tokens: frozenset[str]) -> bool:
    """Tell whether one type of limit lets us: not prohibited, and permitted where anything is listed (section 3.5)."""
    listed = {token.lower() for token in tokens}
    if listed & terms.prohibits.get(kind, frozenset()):
        return False
    permits = terms.permits.get(kind)
    return permits is None or bool(listed & permits)


def inner_documents(body: bytes) -> Iterator[bytes]:
    """Give the RSL elements that stand inside another XML document (sections 4.7 and 4.8), each as a document."""
    if b"rslstandard.org/rsl" not in body:
        return
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(body.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return
    if root is None:
        return
    for element in root.iter(f"{_NS}rsl"):
        yield etree.tostring(element, with_tail=False)
    for element in root.iter(f"{_NS}content"):
        parent = element.getparent()
        if parent is None or etree.QName(parent).namespace != NAMESPACE:
            wrapped = etree.Element(f"{_NS}rsl", nsmap={"rsl": NAMESPACE})
            wrapped.append(element)
            yield etree.tostring(wrapped, with_tail=False)
