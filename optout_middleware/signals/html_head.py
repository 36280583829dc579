"""The <meta> elements of an HTML response that may declare something, for TDMRep and robots directives.

Rule of this file: what a browser without scripts would take for a <meta> element, read from the raw bytes;
whether it declares anything is for the signals to say. Nothing is raised, time is linear in the input.

Facts: most pages declare nothing, and parsing one costs fifty times as much as telling that. So a scan over
the bytes comes first. It may take a page that declares nothing for one that does, never the other way
round: a tag that is not of the plain shape below, and a character reference that spells a letter, send the
page to the parser.
"""

from __future__ import annotations

import codecs
import html
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selectolax.lexbor import LexborNode

    from optout_middleware.terms import Evidence

_XML = frozenset({"text/xml", "application/xml"})  # XHTML where the root says so
_XHTML = frozenset({"application/xhtml+xml", "application/vnd.wap.xhtml+xml"}) | _XML
# MIME Sniffing section 7: these, and what is no media type at all (section 4.4), are as if none had been
# sent.
_UNKNOWN = frozenset({"", "unknown/unknown", "application/unknown", "*/*"})
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch
_LOOKS_LIKE_HTML = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\n\r\f]*<[a-z!?]", re.IGNORECASE).match

# All that a declaration has in its name or content; robots_tag and tdmrep read nothing else.
_WORDS = r"tdm|no(?:[-_]?(?:image[-_]?)?(?:ai|ml)|archive|cache|index|ne)"
_MATTERS = re.compile(_WORDS, re.IGNORECASE).search
# A character reference to a hyphen or a letter; no named one stands for either (HTML section 13.5).
_LETTER = (
    r"&#(?:0*(?:45|6[5-9]|[78]\d|90|9[5789]|1[01]\d|12[0-2])(?!\d)"
    r"|x0*(?:2d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])(?![0-9a-f]))"
)
_SPELLS_A_LETTER = re.compile(_LETTER.encode()).search
_MAY_MATTER = re.compile(_WORDS.partition("|")[2].encode()).search  # without the word that is looked for apart
# A <meta> tag of the plain shape, about which there can be no two minds (HTML section 13.2.5): every quote opens or
# closes a value. What it captures is empty for a tag of any other shape. Nothing in it crosses a "<", and each part
# ends where the next must start, so that a failed match costs linear time.
_WHITE = r"[ \t\n\r\f]"
_TAGS = re.compile(
    rf"<meta(?=[ \t\n\r\f/>])([^<>\"'=]*(?:={_WHITE}*"
    rf"(?:\"[^\"<]*\"|'[^'<]*'|[^ \t\n\r\f\"'<>=`]+(?=[ \t\n\r\f>]))[^<>\"'=]*)*>)?".encode()
).findall
_LONGEST = 1024  # octets of the last tag; a longer one counts as of no plain shape

# For quoting: the tag from "<meta" to its end, and its attributes.
_START = re.compile(r"<meta(?=[ \t\n\r\f/>])", re.IGNORECASE)
_REST = re.compile(
    rf"[^=>]*(?:=(?:{_WHITE}*\"[^\"]*\"|{_WHITE}*'[^']*'|(?!{_WHITE}*[\"']))[^=>]*)*>",
)
_ATTRIBUTE = re.compile(
    rf"([^ \t\n\r\f\"'>/=]+)(?:{_WHITE}*={_WHITE}*(?:\"([^\"]*)\"|'([^']*)'|([^ \t\n\r\f>]*)))?",
)
_NAMING = ("name", "property", "http-equiv")  # the attributes that name what an element declares
_ASKED = frozenset({*_NAMING, "content"})
_LONG = 1000  # characters of a quoted element
# In a long page, or one of many tags, only these elements bear on what is a <meta> element and whether it stands in the
# head: those of the head, and those whose text has no tags. All others are read as <wbr>, which is void: else nesting
# would cost quadratic time (HTML section 13.2.4.2 walks the stack of open elements for each <div>); <html> and
# <noscript>, which do not end the head, as <bgsound>, which is void too and may stand there. The end tags of <body> and
# <html> stay: they end the head where they stand in it. Of a name no more is replaced than cannot close anything else:
# a quote, a comment ("-->"), a CDATA section ("]]>").
_TRANSPARENT_TAGS = frozenset({"noscript", "bgsound"})
_NAME_END = r"(?=[ \t\n\r\f/>])"
_TRANSPARENT = re.compile(rf"(<(?=html)|</?(?=noscript))(?:html|noscript){_NAME_END}", re.IGNORECASE)
_OTHER = re.compile(
    rf"(<(?!/)|</(?!(?:body|html){_NAME_END}))"
    rf"(?!(?:meta|head|title|base|basefont|bgsound|link|style|script|template|textarea|iframe|noframes"
    rf"|noembed|xmp|plaintext|br){_NAME_END})[a-z][^- \t\n\r\f/>\"'=<\]]*",
    re.IGNORECASE,
)
# A tag with attributes by the thousand costs the parser quadratic time as well.
_TOKEN = re.compile(r"<!--|<(/?[a-z][^ \t\n\r\f/>]*)", re.IGNORECASE)
_RAW_TEXT = frozenset({"title", "style", "script", "textarea", "iframe", "noframes", "noembed", "xmp"})
_LONG_PAGE = 32768  # characters; a shorter page costs the parser little whatever its tags
_MANY_TAGS = 2000
_MANY_ATTRIBUTES = 500  # of one tag
_LONG_TAG = 3 * _MANY_ATTRIBUTES  # characters; a shorter one cannot have as many
_FOREIGN = re.compile(rf"<(?:svg|math){_NAME_END}", re.IGNORECASE).search
# In XHTML, SVG and MathML an empty element may close itself; elsewhere the rest of the page would be its text.
_SELF_CLOSED = re.compile(r"<(title|script|style|textarea|iframe|noframes|noembed|xmp)\b([^<>]*)/>", re.IGNORECASE)
_HEAD_TAG = re.compile(r"<head(?=[ \t\n\r\f/>])", re.IGNORECASE).search

_BOMS = (  # the longer ones first: a UTF-32 mark starts with a UTF-16 one
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0\0\0", "utf-32-le"), (b"\0\0\0<\0", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<\0", "utf-16-be"),
)  # fmt: skip
_MARKS = tuple(mark for mark, _ in _BOMS)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?utf-?(16|32)(?:-?([bl]e))?\b", re.IGNORECASE).search
_MEMO = "_html_head_declarations"


class Meta(NamedTuple):
    """One <meta> element that may declare something.

    Fields:
        name: its name (or property, or http-equiv) in lower case.
        content: its content, trimmed; empty where there is none.
        text: the exact source of the element; cut, and marked so, where it is long.
        doubt: why it is no plain declaration; empty = it is one.
        headless: whether the document has no head of its own, so that the element counts wherever it stands.
    """

    name: str
    content: str
    text: str
    doubt: str = ""
    headless: bool = False


def declarations(asset: Evidence) -> tuple[Meta, ...]:
    """Give the <meta> elements of an HTML or XHTML response that may declare something, in document order.

    Returns: those whose name has to do with TDMRep, and those whose name or content has a directive that
        robots_tag reads, whatever their name; of any other response, none.

    The answer is kept in the instance, as a `cached_property` of `Evidence` would keep it: two signals ask,
    and evidence is frozen, but hashing it for a cache would hash all its bytes.
    """
    known: tuple[Meta, ...] | None = vars(asset).get(_MEMO)
    if known is None:
        known = vars(asset)[_MEMO] = _read(asset)
    return known


def is_html(asset: Evidence) -> bool:
    """Tell whether a response is HTML or XHTML."""
    return asset.media_type == "text/html" or _is_html(asset.media_type, asset.body)


def parsed(asset: Evidence) -> LexborHTMLParser | None:
    """Parse an HTML response, at a cost linear in its length; None where a tag has attributes by the thousand.

    Of a long page, or one of many tags, only the elements that stand in a head or whose text has no tags are as they
    were written.
    """
    body = asset.body
    encoding = wide_encoding(asset) if b"\0" in body else None
    text = body.decode(encoding, "replace") if encoding else _decoded(body)
    if len(text) > _LONG_PAGE and _has_many_attributes(text):
        return None
    return _parser(text, xhtml=asset.media_type in _XHTML)


def _parser(text: str, *, xhtml: bool) -> LexborHTMLParser:
    shown = _SELF_CLOSED.sub(r"<\1\2></\1>", text) if xhtml else text
    return LexborHTMLParser(_flat(shown) if len(text) > _LONG_PAGE or shown.count("<") > _MANY_TAGS else shown)


def _read(asset: Evidence) -> tuple[Meta, ...]:
    body, media_type = asset.body, asset.media_type
    if media_type != "text/html" and not _is_html(media_type, body):
        return ()
    xhtml = media_type in _XHTML
    if b"\0" in body and (encoding := wide_encoding(asset)):
        text = body.decode(encoding, "replace")
        if _may_declare(text.lower().encode("utf-8", "replace")):
            return _unlike(_elements(text, xhtml=xhtml))
    return _unlike(_elements(_decoded(body), xhtml=xhtml)) if _may_declare(asset.lowered) else ()


def _unlike(metas: Iterable[Meta]) -> tuple[Meta, ...]:
    return tuple(dict.fromkeys(metas))


def is_whole(asset: Evidence) -> bool:
    """Tell whether a response that was cut is no HTML, or was cut after the end of its head."""
    return not is_html(asset) or b"</head" in asset.lowered or b"<body" in asset.lowered


def _may_declare(lower: bytes) -> bool:
    """Tell whether a page, in lower case, can have a tag that matters; only what it denies is certain."""
    last = lower.rfind(b"<meta")  # the quickest way to see that most of a page has none
    if last < 0:
        return False
    tags = _TAGS(lower, 0, last + _LONGEST)
    text = b" ".join(tags)
    if not all(tags) or b"tdm" in text or _MAY_MATTER(text):
        return True
    return b"&#" in text and _SPELLS_A_LETTER(text) is not None


def _is_html(media_type: str, body: bytes) -> bool:
    """Tell whether a response of another media type is HTML or XHTML nevertheless."""
    if media_type in _XHTML:
        return media_type not in _XML or b"1999/xhtml" in body[:2048]
    if media_type not in _UNKNOWN and _MEDIA_TYPE(media_type):
        return False
    return _LOOKS_LIKE_HTML(body) is not None or body.startswith(_MARKS)


def wide_encoding(asset: Evidence) -> str | None:
    """Give the encoding of a body whose ASCII characters take several octets; None: of no such encoding."""
    for mark, encoding in _BOMS:
        if asset.body.startswith(mark):
            return encoding
    found = _CHARSET(", ".join(asset.values("content-type")))
    # Encoding Standard section 4.2: without another word UTF-16 is little-endian.
    return f"utf-{found[1]}-{(found[2] or 'le').lower()}" if found else None


def _decoded(body: bytes) -> str:
    """Decode losslessly: directives are ASCII, so of encodings that extend it any other will do."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _elements(text: str, *, xhtml: bool) -> Iterator[Meta]:
    """Parse a document and give its elements that may declare something."""
    sources = _sources(text)
    if len(text) > _LONG_PAGE and _has_many_attributes(text):
        why = f"a tag of the page has more than {_MANY_ATTRIBUTES} attributes"
        for (name, content), source in sources.items():
            if _MATTERS(f"{name} {content}"):
                yield Meta(name, content, _shown(source), why)
        return
    parser = _parser(text, xhtml=xhtml)
    head = parser.head
    in_head = {node.mem_id for node in head.css("meta")} if head is not None else set()
    headless = not _HEAD_TAG(text) and (head is None or all(node.tag in _TRANSPARENT_TAGS for node in head.iter()))
    for node in parser.css("meta"):
        for kind, name in _names(node):
            content = (node.attributes.get("content") or "").strip()
            doubt = ""
            if kind == "http-equiv":
                doubt = "by http-equiv, where a name is asked for"
            elif not headless and node.mem_id not in in_head:
                doubt = "outside the head of the document"
            source = sources.get((name, content)) or node.html or ""
            yield Meta(name, content, _shown(source), doubt, headless)


def _flat(text: str) -> str:
    """Give a document with the same <meta> elements, each in the head or not as before, but without nesting."""
    if _FOREIGN(text):
        text = _SELF_CLOSED.sub(r"<\1\2></\1>", text)
    return _OTHER.sub(r"\1wbr ", _TRANSPARENT.sub(r"\1bgsound", text))


def _shown(source: str) -> str:
    return source if len(source) <= _LONG else f"{source[:_LONG]} [...]"


def _has_many_attributes(text: str) -> bool:
    """Tell whether a tag has more attributes than any page in good faith has."""
    lower, at = text.lower(), 0
    while token := _TOKEN.search(text, at):
        name = (token[1] or "").lower()
        if not name:
            at = text.find("-->", token.end() - 2) + 1
        else:
            rest = _REST.match(text, token.end())
            end = rest.end() if rest else len(text)
            if end - token.start() > _LONG_TAG and _has_many(text, token.end(), end):
                return True
            at = (lower.find(f"</{name}", end) + 1 if name in _RAW_TEXT else end) if rest else 0
        if not at:  # no end: the rest of the page is a comment, text or a tag
            return False
    return False


def _has_many(text: str, start: int, end: int) -> bool:
    attributes = _ATTRIBUTE.finditer(text, start, end)
    return next(islice(attributes, _MANY_ATTRIBUTES, None), None) is not None


def _names(node: LexborNode) -> Iterator[tuple[str, str]]:
    """Give the attributes that name what an element declares, if it may declare something."""
    attributes = node.attributes
    content = attributes.get("content") or ""
    for kind in _NAMING:
        name = (attributes.get(kind) or "").strip().lower()
        if name and _MATTERS(f"{name} {content}"):
            yield kind, name


def _sources(text: str) -> dict[tuple[str, str], str]:
    """Give (name, content) -> exact source of each tag; an unclosed one ends the text (HTML 13.2.5)."""
    sources: dict[tuple[str, str], str] = {}
    at = 0
    while start := _START.search(text, at):
        rest = _REST.match(text, start.end())
        if rest is None:
            break
        at = rest.end()
        attributes: dict[str, str] = {}
        for attribute in _ATTRIBUTE.finditer(rest[0]):
            name = attribute[1].lower()
            if name in _ASKED and name not in attributes:
                attributes[name] = html.unescape(attribute[2] or attribute[3] or attribute[4] or "").strip()
        for kind in _NAMING:
            if kind in attributes:
                key = attributes[kind].lower(), attributes.get("content", "")
                sources.setdefault(key, text[start.start() : at])
    return sources
