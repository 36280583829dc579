"""The part of a response that was looked at: a smaller body, of which every signal says what it says of the whole.

Rule of this file: pure, and checked where it is made. What the readers say of the smaller body is compared with what
they say of the whole; where they differ the smaller one is not used. Of an asset that is not allowed no text is kept
but what spoke: the elements, the metadata of a file, the sentences that are quoted anyway.

Facts: of HTML the readers take <meta>, <base>, <link> and <script> elements that may declare something; of an EPUB its
package documents, of a PDF the XMP packets that name TDMRep, of a feed its RSL elements; of any other body the first
octets, by which it is told what it is.
"""

from __future__ import annotations

import html
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.signals import embedded, html_head, natural_language, rsl
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.policy import Policy

WHOLE, HEAD, ELEMENTS, METADATA, START, STATEMENTS = "whole", "head", "elements", "metadata", "start", "statements"
LIMIT = 262_144  # octets that are kept of one body
_START = 2048  # octets by which the readers tell what a body is
_STOP = re.compile(rb"<(script|style)(?=[ \t\n\r\f/>])|<!--|</head|<body(?=[ \t\n\r\f/>])").search
_OUTSIDE = "outside the head of the document"
_ODD = b"<!--\xff-->"  # makes of a body one that is no UTF-8, to be read as Latin-1 as the whole was
_TEXT = frozenset({"", "text/plain"})
_FIELDS = tuple(field.name for field in fields(Evidence))
_LICENSING = frozenset({401, 402})


class Part(NamedTuple):
    """What is kept of a body.

    Fields:
        body: the octets.
        how: `whole`; `head` (of HTML, without what scripts and styles contain), `elements` (of HTML, feeds or text:
            what spoke), `metadata` (of an EPUB or PDF), `start` (nothing further was looked at), or `statements`
            (the exact texts that spoke, since no smaller body says the same).
        is_derivable: whether the signals say of it what they say of the whole.
        has_text: whether sentences in the text of the page can be looked for in it.
    """

    body: bytes
    how: str
    is_derivable: bool = True
    has_text: bool = False


def looked_at(asset: Evidence, policy: Policy, *, is_allowed: bool) -> Part:
    """Give the part of a response that was looked at.

    Args:
        asset: the response.
        policy: says whether the text of the page was looked at.
        is_allowed: whether the asset may be used; of any other no more is kept than what spoke.
    """
    if not asset.body:
        return Part(b"", WHOLE, has_text=True)
    said = _said(asset, policy)
    for part in _parts(asset, policy, is_allowed=is_allowed):
        if len(part.body) <= LIMIT and (part.how == WHOLE or _said(with_body(asset, part.body), policy) == said):
            return part
    return Part("\n".join(_texts(said)).encode("utf-8", "surrogatepass")[:LIMIT], STATEMENTS, is_derivable=False)


def speaks(asset: Evidence) -> bool:
    """Tell whether the body of a response declares or names anything that a signal reads, sentences apart."""
    return bool(html_head.declarations(asset) or rsl.in_page(asset) or embedded.fields(asset))


def with_body(asset: Evidence, body: bytes) -> Evidence:
    """Give a response with another body, all else as it is."""
    made = object.__new__(Evidence)  # its fields are in their form already, which making it anew would pay for
    vars(made).update({name: vars(asset)[name] for name in _FIELDS}, body=body)
    return made


def _said(asset: Evidence, policy: Policy) -> tuple[Any, ...]:
    """Give all that the readers of a response make of its body."""
    return (
        html_head.is_html(asset),
        not _is_cut(asset),
        html_head.declarations(asset),
        rsl.in_page(asset),
        embedded.is_looked_into(asset),
        embedded.fields(asset),
        _sentences(asset) if "page" in policy.natural_language else (),
    )


def _is_cut(asset: Evidence) -> bool:
    """Tell whether a document was cut before the end of its head."""
    return bool(asset.truncated or asset.error) and not html_head.is_whole(asset)


def _sentences(asset: Evidence) -> tuple[str, ...]:
    return tuple(
        " ".join(found.sentence.split()) for found in natural_language.find_in_page(asset.body, asset.media_type)
    )


def _texts(said: tuple[Any, ...]) -> Iterator[str]:
    """Give the exact texts that spoke, for people."""
    _, _, metas, links, _, fields, sentences = said
    yield from (found.text for found in (*metas, *links, *fields))
    yield from sentences


def _parts(asset: Evidence, policy: Policy, *, is_allowed: bool) -> Iterator[Part]:
    """Give what may be kept, the part to be preferred first; nothing of it is checked yet."""
    whole = Part(asset.body, WHOLE, has_text=True)
    looks_at_text = "page" in policy.natural_language and (html_head.is_html(asset) or asset.media_type in _TEXT)
    if asset.status in _LICENSING and asset.media_type == rsl.MEDIA_TYPE:  # the licence, not what it licenses
        yield whole
    elif embedded.is_looked_into(asset):
        yield Part(embedded.metadata(asset), METADATA)
    elif is_allowed and (looks_at_text or len(asset.body) <= _START):
        yield whole
    elif html_head.is_html(asset):
        if is_allowed and (head := _head(asset)):
            yield Part(head, HEAD)
        yield Part(_elements(asset, policy), ELEMENTS, has_text=looks_at_text)
    else:
        if is_allowed:
            yield Part(asset.body[:_START], START)
        yield Part(b"", START)
        yield Part(_other_elements(asset, policy), ELEMENTS, has_text=looks_at_text)
    if is_allowed:
        yield whole


def _head(asset: Evidence) -> bytes:
    """Cut a document after its head, and what scripts and styles contain out of it; what spoke outside comes after.

    Empty where no head comes to an end.
    """
    body, lowered, at, kept = asset.body, asset.lowered, 0, list[bytes]()
    start = 0  # of what is not kept yet
    while stop := _STOP(lowered, at):
        if not stop[1]:
            if stop[0] != b"<!--":
                at = stop.start()
                break
            at = lowered.find(b"-->", stop.end() - 2)
        else:
            opened = lowered.find(b">", stop.end())
            at = lowered.find(b"</" + stop[1], opened)
            if opened > 0 and at > 0 and b"rsl" not in lowered[stop.start() : opened]:
                kept.append(body[start : opened + 1])
                start = at
        if at < 0:
            break
    else:
        at = -1
    if at < 0:
        return b""
    _, outside = _spoken(asset)
    return b"".join([*kept, body[start:at], b"</head><body>", *(text.encode("utf-8", "replace") for text in outside)])


def _spoken(asset: Evidence) -> tuple[list[str], list[str]]:
    """Give the source of the elements that spoke: within the head, and outside of it."""
    within, outside = list[str](), list[str]()
    for meta in html_head.declarations(asset):
        (outside if meta.headless or meta.doubt == _OUTSIDE else within).append(meta.text)
    if any(link.place == "meta" for link in rsl.in_page(asset)):
        for text, in_head in rsl.elements(asset):
            (within if in_head else outside).append(text)
    return within, outside


def _elements(asset: Evidence, policy: Policy) -> bytes:
    """Make a document of the elements that spoke, and of the sentences."""
    within, outside = _spoken(asset)
    if "page" in policy.natural_language:
        outside += [f"<p>{html.escape(sentence)}</p>" for sentence in _sentences(asset)]
    text = '<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">'
    if not any(meta.headless for meta in html_head.declarations(asset)):
        text += f"<head>{''.join(within)}"
    if _is_cut(asset):  # the end of a head would say that it was seen whole
        return _encoded(text + "".join(outside), asset)
    return _encoded(f"{text}</head><body>{''.join(outside)}</body></html>", asset)


def _encoded(text: str, asset: Evidence) -> bytes:
    """Write a text as the readers will read it: in the encoding of the whole body."""
    if b"\0" in asset.body and (wide := html_head.wide_encoding(asset)):
        return text.encode(wide, "replace")
    try:
        asset.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.encode("latin-1", "replace") + _ODD
    return text.encode("utf-8", "replace")


def _other_elements(asset: Evidence, policy: Policy) -> bytes:
    """Make a feed of the licences that stand in it, or a text of the sentences."""
    if inner := b"".join(link.inner for link in rsl.in_page(asset) if link.place == "body"):
        return b"<feed>" + inner + b"</feed>"
    if "page" in policy.natural_language:
        return "\n\n".join(_sentences(asset)).encode("utf-8", "replace")
    return b""
