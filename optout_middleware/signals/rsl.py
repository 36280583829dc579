"""Really Simple Licensing: where a licence is named (robots.txt, Link header, HTML, feeds), and what it says of a URL.

Rule of this file: a licence that is declared but cannot be read licenses nothing (RSL section 4.3). A page's own
licence goes before that of robots.txt where it settles the page (section 4.9); one that is bound to a part of the page
restricts it and gives nothing free; what then still conflicts is settled by the most restrictive.

The document itself is read in `rsl_document`; fetching what is named here is the business of `evidence`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urljoin

from optout_middleware.signals import html_head, rsl_document
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.rsl_grant import grant
from optout_middleware.terms import Preference, Statement
from optout_middleware.urls import origin_of, path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optout_middleware.terms import Evidence

_NAME = "rsl"
MEDIA_TYPE = "application/rsl+xml"  # section 2.2
_MOST = 10  # documents that one place may name; each is a probe
_LONGEST_URL = 2048  # characters
_MEMO = "_rsl_links"
_SCRIPT, _FEED = "script element", "elements of the feed"
_LONG = 500  # characters of a quoted element
_LICENSING = frozenset({401, 402})  # section 4.10: such a response may carry the licence itself
# The media type as it may stand in HTML, its plus sign as a character reference too.
_MENTIONED = re.compile(rb"rsl(?:\+|&plus;|&#0*43;?|&#x0*2b;?)xml").search
_NAMESPACE = b"rslstandard.org/rsl"
_XML_START = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*<(?:\?xml|rss|feed|rdf)[\s>]", re.IGNORECASE).match
# RFC 8288 section 3: <URI-Reference> with parameters; a comma within <> or quotes is no separator.
_TARGET = re.compile(r"<([^<>]*)>").search
_PARAMETER = re.compile(r"\s*;\s*([^\s=;,]+)(?:\s*=\s*(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|([^\s;,]*)))?").match


class Link(NamedTuple):
    """One place that names a licence document, or holds one.

    Fields:
        place: "robots.txt", "header", "meta" (the HTML, as for its <meta> elements) or "body".
        where: line, header name or element.
        text: the exact text.
        url: of the document, absolute; empty = the document stands in `inner`, or there is none to fetch.
        inner: an inline document.
        fault: why there is no document to fetch, though one is named; empty = there is.
        is_partial: whether it is bound to a part of the page only.
        notes: leniencies that were used.
    """

    place: str
    where: str
    text: str
    url: str
    inner: bytes = b""
    fault: str = ""
    is_partial: bool = False
    notes: tuple[str, ...] = ()


def in_robots(asked: Asked) -> list[Link]:
    """Give the License lines of robots.txt that hold for us (section 4.4)."""
    base = f"{origin_of(asked.url)}/robots.txt"
    return _bounded(
        _link("robots.txt", f"line {line.number}", line.text, base, line.value) for line in asked.robots.licences
    )


def in_page(asset: Evidence) -> tuple[Link, ...]:
    """Give what a response itself names or holds: Link header, link and script elements, feed elements.

    The answer is kept in the instance, as `html_head.declarations` keeps its own.
    """
    known: tuple[Link, ...] | None = vars(asset).get(_MEMO)
    if known is None:
        known = vars(asset)[_MEMO] = tuple(_in_page(asset))
    return known


def _in_page(asset: Evidence) -> list[Link]:
    found = [link for value in asset.values("link") for link in _in_header(value, asset)]
    lowered = asset.lowered
    if b"\0" in lowered[:4096]:  # an encoding of several octets for each letter
        lowered = lowered.replace(b"\0", b"")
    if b"rsl" in lowered:
        if _MENTIONED(lowered) and html_head.is_html(asset):
            found += _in_html(asset)
        elif _NAMESPACE in lowered and (asset.media_type.endswith("xml") or _XML_START(asset.body)):
            found += _in_xml(asset)
    return _bounded(found)


def _link(place: str, where: str, text: str, base: str, reference: str) -> Link:
    """Make a link of a reference: an absolute https URL (section 8), or why nothing can be fetched there."""
    text, reference = text[:_LONG], reference.strip()
    try:
        url = urljoin(base, reference)
    except ValueError:
        url = ""
    origin = origin_of(url)
    if not reference or origin is None:
        return Link(place, where, text, "", fault=f"names no URL to fetch: {reference[:100]!r}")
    url = origin + quote(path_and_query(url).encode("utf-8", "surrogateescape"), safe="/?:@!$&'()*+,;=[]%-._~")
    if not origin.startswith("https:"):
        return Link(place, where, text, "", fault=f"{url[:200]} is not of https, over which alone it may be fetched")
    if len(url) > _LONGEST_URL:
        return Link(place, where, text, "", fault=f"a URL of more than {_LONGEST_URL} characters")
    relative = "://" not in reference[:10]
    return Link(
        place, where, text, url, notes=("a relative reference, where an absolute URI is asked for",) if relative else ()
    )


def _bounded(links: Iterable[Link]) -> list[Link]:
    """Keep each link once, and no more of them than are worth a probe each."""
    found = list({(link.url, link.inner, link.fault, link.is_partial): link for link in reversed(list(links))}.values())
    found.reverse()
    if len(found) <= _MOST:
        return found
    first = found[_MOST]
    fault = f"more than {_MOST} licences are named here: the others were not looked at"
    return [*found[:_MOST], first._replace(url="", inner=b"", fault=fault)]


def _in_header(value: str, asset: Evidence) -> Iterator[Link]:
    """Read one Link field value: rel=license with the media type, which is mandatory (section 4.5)."""
    at = 0
    while target := _TARGET(value, at):
        at, named = target.end(), dict[str, str]()
        while parameter := _PARAMETER(value, at):
            at, (name, quoted, plain) = parameter.end(), parameter.groups("")
            named.setdefault(name.lower(), quoted or plain)  # RFC 8288 section 3.3: the first of a name counts
        if _is_licence(named.get("rel", ""), named.get("type", "")):
            yield _link("header", "link", value, asset.final_url, target[1])


def _is_licence(relations: str, media_type: str) -> bool:
    return "license" in relations.lower().split() and media_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def _in_html(asset: Evidence) -> Iterator[Link]:
    """Read the elements of section 4.6, from the raw HTML; outside the head they are bound to their parent element."""
    parser = html_head.parsed(asset)
    if parser is None:
        yield Link("meta", "document", "", "", fault="a page that mentions RSL and was not parsed for its odd tags")
        return
    in_head = {node.mem_id for node in parser.head.css("link, script")} if parser.head is not None else set()
    base = parser.css_first("base[href]")
    within = ((base.attributes.get("href") or "") if base is not None else "").strip()
    for node in parser.css("link[rel], script[type]"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        text, is_partial = (node.html or "")[:_LONG], node.mem_id not in in_head
        if node.tag == "script" and attributes["type"].partition(";")[0].strip().lower() == MEDIA_TYPE:
            inner = (node.text(deep=True) or "").encode("utf-8", "replace")
            yield Link("meta", _SCRIPT, text, "", inner, is_partial=is_partial)
        elif node.tag == "link" and _is_licence(attributes["rel"], attributes.get("type", "")):
            link = _link("meta", "link element", text, _joined(asset.final_url, within), attributes.get("href", ""))
            yield link._replace(is_partial=is_partial)


def elements(asset: Evidence) -> list[tuple[str, bool]]:
    """Give the elements of an HTML response that name a licence or hold one: their source, and whether in the head.

    The <base> that counts comes first, since references are resolved against it.
    """
    parser = html_head.parsed(asset) if html_head.is_html(asset) else None
    if parser is None:
        return []
    in_head = {node.mem_id for node in parser.head.css("link, script")} if parser.head is not None else set()
    base = parser.css_first("base[href]")
    found = [
        (node.html or "", node.mem_id in in_head)
        for node in parser.css("link[type], script[type]")
        if (node.attributes.get("type") or "").partition(";")[0].strip().lower() == MEDIA_TYPE
    ]
    return [(base.html or "", True), *found] if found and base is not None else found


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return base


def _in_xml(asset: Evidence) -> Iterator[Link]:
    """Read a feed's elements, each bound to its item (section 4.7), or the licence that a 401 or 402 carries (4.10)."""
    if asset.status in _LICENSING and asset.media_type == MEDIA_TYPE:
        yield Link("body", "body", asset.body[:_LONG].decode("utf-8", "replace"), "", asset.body)
    elif (inner := rsl_document.embedded(asset.body)) is not None:
        yield Link("body", _FEED, inner[:_LONG].decode("utf-8", "replace"), "", inner, is_partial=True)


def named(asked: Asked) -> list[str]:
    """Give the URLs of the licence documents that robots.txt names for us."""
    return [link.url for link in in_robots(asked) if link.url]


def _state(asked: Asked) -> Iterator[Statement]:
    """Give what the licences say: those of the page, and where these do not settle it those of robots.txt too."""
    settled = False
    if asked.asset is not None:
        for link in in_page(asked.asset):
            said = _said(link, asked)
            if said is not None:
                settled = settled or not (link.is_partial or said.preference is Preference.UNKNOWN)
                yield said
    if not settled and asked.robots.licences:
        yield from filter(None, (_said(link, asked) for link in in_robots(asked)))


def _said(link: Link, asked: Asked) -> Statement | None:
    """Give what one licence says, or why it cannot be read; None where it says nothing of what is asked."""
    if link.fault:
        return _doubt(link, link.place, "malformed-refusal", f"{link.fault}: nothing is licensed")
    if not link.url:
        return _granted(link.inner, link, asked, link.place)
    document = asked.documents.get(link.url)
    if document is None:
        looked = _NAME in asked.policy.locations
        note = "nobody looked" if looked else "names an RSL licence, and OPTOUT_LOCATIONS leaves rsl out"
        return _doubt(link, link.place, "unreachable", f"{link.url}: {note}")
    if document.is_unreachable:
        return _doubt(link, link.url, "unreachable", f"{link.url}: {document.note}")
    if not document.is_read:
        return _doubt(link, link.url, "malformed-refusal", f"{link.url}: {document.note}: nothing is licensed")
    return _granted(document.body, link, asked, link.url)


def _granted(body: bytes, link: Link, asked: Asked, location: str) -> Statement | None:
    """Read a document and tell what it grants of our usage."""
    document = rsl_document.read(body, origin_of(asked.url) or "")
    if not isinstance(document, str) and link.where == _SCRIPT and len(document.contents) != 1:
        document = "an inline script has exactly one content element (section 4.6.2)"
    if isinstance(document, str):
        return _doubt(link, location, "malformed-refusal", f"not conformant, so nothing is licensed: {document}")
    policy, is_partial = asked.policy, link.is_partial
    path = None if link.where == _FEED else asked.path
    found = grant(document, path, policy.usage, policy.user, policy.territory)
    if found is None and not link.url:  # it stands in the page itself, so it restricts it whatever its url says
        is_partial = True
        found = grant(document, None, policy.usage, policy.user, policy.territory)
    if found is None:
        return None
    notes = (*link.notes, *document.notes, f"named by {link.place}, {link.where}")
    if found.doubt:
        return _doubt(link, location, "malformed-refusal", found.doubt, *notes)._replace(
            where=found.where, text=found.text
        )
    if not found.granted:
        preference, finding = Preference.DISALLOWED, "refusal"
    elif found.conditions:
        preference, finding = Preference.CONDITIONAL, "condition"
    elif is_partial:  # a part of the page given free is not the page
        return None
    else:
        preference, finding = Preference.ALLOWED, ""
    return Statement(
        _NAME, location, found.where, found.text, preference, "RSL 1.0 sections 3.1.1, 3.5 and 4.9", finding,
        conditions=found.conditions, notes=notes,
    )  # fmt: skip


def _doubt(link: Link, location: str, finding: str, *notes: str) -> Statement:
    return Statement(
        _NAME, location, link.where, link.text, Preference.UNKNOWN, "RSL 1.0 section 4.3", finding,
        notes=(*link.notes, *notes),
    )  # fmt: skip


SIGNAL = Signal(_NAME, "1.0, 10 December 2025, with errata to 7 August 2026", "https://rslstandard.org/rsl", _state)
