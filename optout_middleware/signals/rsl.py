"""Really Simple Licensing: where a licence is named (robots.txt, Link header, HTML, feeds), and what it says of a URL.

Rule of this file: a licence that is declared but cannot be read licenses nothing (RSL section 4.3); a page's own
licence goes before that of robots.txt, and what then still conflicts is settled by the most restrictive (section 4.9).
The document itself is read in `rsl_document`; fetching what is named here is the business of `evidence`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from optout_middleware.signals import rsl_document
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.terms import Preference, Statement
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.terms import Evidence

_MEDIA_TYPE = "application/rsl+xml"  # section 2.2
_FEEDS = frozenset({"application/rss+xml", "application/xml", "text/xml"})
# RFC 8288 section 3: <URI-Reference> with parameters; a comma within <> or quotes is no separator.
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,]*))?)*)")
_PARAMETER = re.compile(r";\s*([^\s=;,]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,]*)))?")
_LONG = 500  # characters of a quoted element


class Link(NamedTuple):
    """One place that names a licence document, or holds one.

    Fields:
        place: "robots.txt", "header" or "meta" (the HTML, as for its <meta> elements).
        where: line, header name or element.
        text: the exact text.
        url: of the document, absolute; empty = the document stands in `inner`.
        inner: an inline document.
        notes: leniencies that were used.
    """

    place: str
    where: str
    text: str
    url: str
    inner: bytes = b""
    notes: tuple[str, ...] = ()


def in_robots(asked: Asked) -> list[Link]:
    """Give the License lines of robots.txt that hold for us (section 4.4)."""
    found = []
    for line in asked.robots.licences:
        url = urljoin(asked.url, line.value)
        notes = () if url == line.value else ("a relative reference, where an absolute URI is asked for",)
        if origin_of(url):
            found.append(Link("robots.txt", f"line {line.number}", line.text, url, notes=notes))
    return found


def in_page(asset: Evidence) -> list[Link]:
    """Give what a response itself names or holds: Link header, link and script elements, feed elements."""
    found = [link for value in asset.values("link") for link in _in_header(value, asset)]
    if b"rsl+xml" in asset.lowered:
        found += _in_html(asset)
    elif asset.media_type in _FEEDS and b"rslstandard.org/rsl" in asset.lowered:
        found += [
            Link("meta", "element of the feed", inner.decode("utf-8", "replace")[:_LONG], "", inner)
            for inner in rsl_document.inner_documents(asset.body)
        ]
    return found


def _in_header(value: str, asset: Evidence) -> Iterator[Link]:
    """Read one Link field value: rel=license with the media type, which is mandatory (section 4.5)."""
    for target, parameters in _LINK.findall(value):
        named = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(parameters)}
        if "license" in named.get("rel", "").lower().split() and named.get("type", "").lower() == _MEDIA_TYPE:
            url = urljoin(asset.final_url, target.strip())
            if origin_of(url):
                yield Link("header", "link", value[:_LONG], url)


def _in_html(asset: Evidence) -> Iterator[Link]:
    """Read the elements of section 4.6, from the raw HTML; an element in the body binds the document too."""
    parser = LexborHTMLParser(asset.body)
    head = parser.head
    within = {node.mem_id for node in head.iter()} if head is not None else set()
    for node in parser.css("link[rel][href]"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        if "license" not in attributes["rel"].lower().split() or attributes.get("type", "").lower() != _MEDIA_TYPE:
            continue
        url = urljoin(asset.final_url, attributes["href"].strip())
        notes = () if node.mem_id in within else ("outside the head: read as for the whole document",)
        if origin_of(url):
            yield Link("meta", "link element", (node.html or "")[:_LONG], url, notes=notes)
    for node in parser.css("script[type]"):
        if (node.attributes.get("type") or "").strip().lower() == _MEDIA_TYPE:
            inner = node.text(deep=True) or ""
            yield Link("meta", "script element", (node.html or "")[:_LONG], "", inner.encode("utf-8", "replace"))


def named(asked: Asked) -> list[str]:
    """Give the URLs of the licence documents that answer for what is asked, those of the page before others."""
    page = in_page(asked.asset) if asked.asset is not None else []
    return list(dict.fromkeys(link.url for link in page or in_robots(asked) if link.url))


def _state(asked: Asked) -> Iterator[Statement]:
    """Give what the licences say; those of the page replace those of robots.txt (section 4.9)."""
    if asked.asset is None and not asked.robots.licences:
        return
    page = in_page(asked.asset) if asked.asset is not None else []
    for link in page or in_robots(asked):
        yield from _said(link, asked)


def _said(link: Link, asked: Asked) -> Iterator[Statement]:
    """Give what one licence says, or why it cannot be read."""
    if not link.url:
        yield from _granted(link.inner, link, asked, link.place)
        return
    document = asked.documents.get(link.url)
    if document is None:
        looked = "rsl" in asked.policy.locations
        note = "nobody looked" if looked else "names an RSL licence, and OPTOUT_LOCATIONS leaves rsl out"
        yield _doubt(link, link.place, "unreachable", f"{link.url}: {note}")
    elif document.is_unreachable:
        yield _doubt(link, link.url, "unreachable", f"{link.url}: {document.note}")
    elif not document.is_read:
        yield _doubt(link, link.url, "malformed-refusal", f"{link.url}: {document.note}: nothing is licensed")
    else:
        yield from _granted(document.body, link, asked, link.url)


def _granted(body: bytes, link: Link, asked: Asked, location: str) -> Iterator[Statement]:
    """Read a document and tell what it grants of our usage."""
    document = rsl_document.read(body, origin_of(asked.url) or "")
    if isinstance(document, str):
        yield _doubt(link, location, "malformed-refusal", f"not conformant, so nothing is licensed: {document}")
        return
    policy = asked.policy
    grant = rsl_document.grant(document, asked.path, policy.usage, frozenset(policy.user), frozenset(policy.territory))
    if grant is None:  # it says nothing of this URL
        return
    if not grant.granted:
        preference, finding = Preference.DISALLOWED, "refusal"
    elif grant.conditions:
        preference, finding = Preference.CONDITIONAL, "condition"
    else:
        preference, finding = Preference.ALLOWED, ""
    notes = (*link.notes, *document.notes, f"named by {link.place}, {link.where}")
    yield Statement(
        "rsl", location, grant.where, grant.text, preference, "RSL 1.0 sections 3.1.1, 3.5 and 4.9", finding,
        conditions=grant.conditions, notes=notes,
    )  # fmt: skip


def _doubt(link: Link, location: str, finding: str, *notes: str) -> Statement:
    return Statement(
        "rsl", location, link.where, link.text, Preference.UNKNOWN, "RSL 1.0 section 4.3", finding,
        notes=(*link.notes, *notes),
    )  # fmt: skip


SIGNAL = Signal("rsl", "1.0, 10 December 2025, with errata to 7 August 2026", "https://rslstandard.org/rsl", _state)
