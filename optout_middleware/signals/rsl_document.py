"""The licence document of Really Simple Licensing (RSL 1.0): XML in, what it grants out.

Rule of this file: a document is read whole or not at all; what is not conformant licenses nothing (RSL section 4.3).
What a document that is conformant grants is settled in `rsl_grant`.

Namespace and media type: section 2.2. Vocabularies: section 3.4.1 as of the erratum of 16 January 2026.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from lxml import etree

from optout_middleware.signals.paths import Pattern, pattern
from optout_middleware.signals.usages import ANSWERS
from optout_middleware.urls import host_of, path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMESPACE = "https://rslstandard.org/rsl"
LIMIT = 1_048_576  # octets of a document that are read
_NS = f"{{{NAMESPACE}}}"
_NOTHING: frozenset[str] = frozenset()
# What stands in what (section 3). An element of the namespace that stands elsewhere, or is none of these, makes the
# document not conformant (section 1.2); elements of other namespaces are ignored with all that is in them.
_WITHIN_ELEMENT: Mapping[str, frozenset[str]] = {
    "rsl": frozenset({"content"}),
    "content": frozenset({"license", "alternate", "schema", "copyright", "terms"}),
    "license": frozenset({"permits", "prohibits", "payment", "reporting", "legal"}),
    "payment": frozenset({"standard", "custom", "amount", "accepts"}),
}
_SPLIT = re.compile(r"[,\s]+")
_FULL_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE).match
_ALIASES = {"train-ai": "ai-train", "ai-use": "ai-input"}  # AIPREF labels, used on the standard's own guide page
_KNOWN_TOKENS: Mapping[str, frozenset[str]] = {
    "usage": frozenset(ANSWERS["rsl"]),
    "user": frozenset({"commercial", "non-commercial", "education", "government", "personal"}),  # section 3.4.1.2
}
_COUNTRY = re.compile(r"[a-z]{2}").fullmatch  # section 3.5: ISO 3166-1 alpha-2, or EU
_FREE = frozenset({"", "free"})  # section 3.7: an element or type that is absent is free
_ZERO = re.compile(r"0*(?:\.0*)?").fullmatch


class Terms(NamedTuple):
    """One licence: what it permits and prohibits by type, the duties that go with it, and what makes it doubtful."""

    permits: Mapping[str, frozenset[str]]
    prohibits: Mapping[str, frozenset[str]]
    duties: tuple[str, ...]
    reports: tuple[str, ...]  # reporting profiles, of which we support none (section 3.12)
    doubts: tuple[str, ...]
    text: str


class Content(NamedTuple):
    """What one <content> covers, the duties that go with all of it, and its licences."""

    url: str
    path: Pattern | None  # None = the scope of its association (section 3.3)
    duties: tuple[str, ...]
    licences: tuple[Terms, ...]


class Document(NamedTuple):
    """A conformant licence document: its contents, and the leniencies with which it was read."""

    contents: tuple[Content, ...]
    notes: tuple[str, ...]


class RslError(ValueError):
    """A document that is not conformant; the message says where it is not."""


@lru_cache(maxsize=64)  # a pure function; few licence documents are in use at a time
def read(body: bytes, origin: str) -> Document | str:
    """Read a licence document.

    Args:
        body: the document, or the text of an inline script.
        origin: the origin it speaks for; a full URL of another host as `url` covers nothing here.

    Returns: the document; where it is not conformant, why, in one line.
    """
    try:
        return _document(body, origin)
    except RslError as error:
        return str(error)


def _parser(*, recover: bool) -> etree.XMLParser:
    """Give a parser that resolves no entity, loads nothing and keeps to the limits of libxml2 on depth and size."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=recover,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip


def _document(body: bytes, origin: str) -> Document:
    if len(body) > LIMIT:
        raise RslError(f"longer than {LIMIT} octets")
    if b"<!DOCTYPE" in body[:4096]:  # quickly; in whatever encoding it is written, it is found below
        raise RslError("a document type declaration, which is not followed")
    try:
        root = etree.fromstring(body.lstrip(b" \t\r\n"), _parser(recover=False))
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise RslError(f"not well-formed XML: {' '.join(str(error).split())[:200]}") from None
    info: Any = root.getroottree().docinfo
    if info.doctype:
        raise RslError("a document type declaration, which is not followed")
    if root.tag != f"{_NS}rsl":
        raise RslError(f"the root element is not rsl of the namespace {NAMESPACE}")
    _check(root)
    notes: list[str] = []
    contents = [_content(element, origin, notes) for element in _children(root, "content")]
    if not contents:
        raise RslError("no content element (section 3.3)")
    ours = tuple(content for content in contents if content is not None)
    if not ours:
        raise RslError("every content element is of another host, though it was named for this one (section 3.3)")
    return Document(ours, tuple(dict.fromkeys(notes)))


def _check(root: etree._Element) -> None:
    """Check that elements of the namespace stand where section 3 has them."""
    stack = [root]
    while stack:
        element = stack.pop()
        parent = _local(element)
        for child in element:
            name = _local(child)
            if not name:
                continue
            if name not in _WITHIN_ELEMENT.get(parent, _NOTHING):
                raise RslError(f"element {name} within {parent}, where the namespace of RSL has none (section 1.2)")
            stack.append(child)


def _local(element: etree._Element) -> str:
    """Give the local name of an element of the namespace; empty for everything else."""
    tag = element.tag
    return tag[len(_NS) :] if isinstance(tag, str) and tag.startswith(_NS) else ""


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in element if child.tag == f"{_NS}{name}")


def _text_of(element: etree._Element) -> str:
    return "".join(str(piece) for piece in element.itertext())


def _content(element: etree._Element, origin: str, notes: list[str]) -> Content | None:
    """Read a content element; None where it is of another host."""
    url = element.get("url")
    if url is None:
        raise RslError("a content element without url (section 3.3)")
    url = url.strip()
    licences = tuple(_terms(licence, notes) for licence in _children(element, "license"))
    if not licences:
        raise RslError("a content element without license (section 3.3)")
    if _FULL_URL(url):
        notes.append("a full URL where a path is asked for (section 3.3)")
        if host_of(url) != host_of(origin):
            notes.append(f"nothing is read of a content element of another host, {url[:100]}")
            return None
        path: Pattern | None = pattern(path_and_query(url))
    elif url and not url.startswith(("/", "*")):
        raise RslError(f"content url {url[:100]!r} is neither a path nor a URL (section 3.3)")
    else:
        path = pattern(url) if url else None
    # Section 3.3: with a server a token is needed before access, even where the licence is free.
    server = element.get("server")
    duties: tuple[str, ...] = () if server is None else (f"licence server: {server.strip()}",)
    if (element.get("encrypted") or "false").strip().lower() != "false":
        duties += ("encrypted: a key of the licence server is needed",)
    return Content(url, path, duties, licences)


def _terms(licence: etree._Element, notes: list[str]) -> Terms:
    listed: dict[str, dict[str, frozenset[str]]] = {"permits": {}, "prohibits": {}}
    doubts: list[str] = []
    for name, by_type in listed.items():
        for element in _children(licence, name):
            kind = (element.get("type") or "").strip().lower()
            if not kind:
                raise RslError(f"a {name} element without type (section 3.4)")
            if ":" in kind:  # an extension, ignored where it is not known (section 3)
                continue
            if kind in by_type and name == "permits":
                doubts.append(f"two permits elements of type {kind} (section 3.4)")
            if kind not in ("usage", "user", "geo"):
                doubts.append(f"a {name} element of type {kind[:50]}, which section 3.4 does not have")
            tokens = _tokens(element, notes)
            by_type[kind] = by_type.get(kind, _NOTHING) | tokens
            if name == "prohibits" and (unknown := sorted(filter(lambda token: not _known(kind, token), tokens))):
                doubts.append(f"prohibits {unknown[0][:50]!r}, which the vocabulary does not have (section 3.4.1)")
    duties = tuple(duty for element in _children(licence, "payment") for duty in _payment(element))
    reports = tuple((element.get("type") or "").strip() for element in _children(licence, "reporting"))
    text = etree.tostring(licence, encoding="unicode", with_tail=False).replace(f' xmlns="{NAMESPACE}"', "")
    return Terms(listed["permits"], listed["prohibits"], duties, reports, tuple(doubts), " ".join(text.split())[:500])


def _tokens(element: etree._Element, notes: list[str]) -> frozenset[str]:
    text = _text_of(element).strip().lower()
    if "," in text:
        notes.append("a list with commas, as RSL 0.9 had it")
    found = {token for token in _SPLIT.split(text) if token}
    if found & set(_ALIASES):
        notes.append("a label of AIPREF read as the RSL token for it")
    return frozenset(_ALIASES.get(token, token) for token in found)


def _known(kind: str, token: str) -> bool:
    """Tell whether a token is of the vocabulary, or an extension of it, which is ignored (section 3.4.1)."""
    return ":" in token or (bool(_COUNTRY(token)) if kind == "geo" else token in _KNOWN_TOKENS.get(kind, _NOTHING))


def _payment(element: etree._Element) -> Iterator[str]:
    """Give the duty of a payment element: any type but free, and a price whatever the type says."""
    kind = (element.get("type") or "").strip().lower()
    if kind not in _FREE:
        yield f"payment: {kind[:50]}"
        return
    for child in element:
        name = _local(child)
        priced = name == "amount" and not _ZERO(_text_of(child).strip())
        if priced or name in ("standard", "custom"):
            yield f"payment: {name} {' '.join(_text_of(child).split())[:200]}"


def embedded(body: bytes) -> bytes | None:
    """Give the content elements that stand in another XML document, a feed say, as one document (section 4.7).

    Returns: None where there are none; a licence document of its own is not one that is embedded.
    """
    try:
        root = etree.fromstring(body.lstrip(b" \t\r\n"), _parser(recover=True))
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return None
    if root is None or _local(root) == "rsl":
        return None
    whole = etree.Element(f"{_NS}rsl", nsmap={"rsl": NAMESPACE})
    for element in list(root.iter(f"{_NS}*")):
        parent = element.getparent()
        if parent is None or (_local(parent) and _local(parent) != "rsl") or _local(element) == "rsl":
            continue
        whole.append(element)  # what is no content element makes the document not conformant
    return etree.tostring(whole) if len(whole) else None
