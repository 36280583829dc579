"""<meta> elements: where they stand, how they are quoted, and that the quick scan misses none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from optout_middleware.signals import html_head
from optout_middleware.signals.html_head import declarations

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.terms import Evidence

    Page = Callable[..., Evidence]

TAG = b'<meta name="robots" content="noai">'


@pytest.mark.parametrize(
    ("body", "doubt"),
    [
        (b"<head>" + TAG + b"</head>", ""),
        (TAG, ""),
        (b"<title>t</title>" + TAG + b"<p>x", ""),
        (b"<html lang=en><noscript>" + TAG + b"</noscript><title>t</title></html>", ""),
        (b"<head></head>" + TAG, ""),  # "after head": a meta there belongs to the head (HTML 13.2.6.4.6)
        (b"<body>" + TAG, ""),  # no head of its own
        (b"<div><p>x</p>" + TAG + b"</div>", ""),  # the same
        (b"<head></head><body>" + TAG, "outside the head of the document"),
        (b"<title>t</title><p>x" + TAG, "outside the head of the document"),
        (b"<head><title>t</title><p>" + TAG + b"</head>", "outside the head of the document"),
        (b"<head>text" + TAG, "outside the head of the document"),
        (b"<head></head><table>" + TAG, "outside the head of the document"),
        (b"<head></head>" + b"<div>" * 2000 + TAG, "outside the head of the document"),
    ],
)
def test_place(page: Page, body: bytes, doubt: str) -> None:
    """An element stands in the head as the HTML parsing algorithm has it; elsewhere it is doubted."""
    (meta,) = declarations(page(body))
    assert (meta.name, meta.content, meta.text, meta.doubt) == ("robots", "noai", TAG.decode(), doubt)


@pytest.mark.parametrize(
    "body",
    [
        b"<!-- " + TAG + b" -->",
        b"<script>'" + TAG + b"'</script>",
        b"<style>" + TAG + b"</style>",
        b"<title>" + TAG + b"</title>",
        b"<body><textarea>" + TAG + b"</textarea>",
        b"<body><iframe>" + TAG + b"</iframe>",
        b"<template>" + TAG + b"</template>",
        b"<plaintext>" + TAG,
        b'<p title="' + TAG.replace(b'"', b"") + b'">',
        b'<meta name="robots" content="noai"',
        b"<metadata name=robots content=noai>",
        b"<me\0ta name=robots content=noai>",
        b'<meta name="robots" content="index, follow">',
        b'<meta name="robots">',
        b'<meta content="noai">',
        b"",
    ],
)
def test_what_is_no_declaration(page: Page, body: bytes) -> None:
    """Text of comments, scripts and attributes is no element, and most elements declare nothing."""
    assert declarations(page(body)) == ()


@pytest.mark.parametrize(
    "tag",
    [
        "<meta name=robots content=noai>",
        "<META NAME=ROBOTS CONTENT=NOAI>",
        "<meta/name='robots'/content='noai'/>",
        "<meta\tname = robots\ncontent\f=\r'noai'>",
        '<meta content="noai" name="robots"/>',
        '<meta content="noai"name="robots">',
        "<meta a=\"'>\" b='\">' c=d'e\"f name=robots content=noai>",
        "<meta name=robots content=noai x=a>",
        "<meta name=&#114;obots content=n&#x6F;ai>",
        "<meta name=robots content=n&#0000111ai>",
        "<meta name=' robots\n' content='\tnoai '>",
        "<meta name=robots content=noai content=all>",
        "<meta name=robots x=<meta content=noai>",
        "<meta property=robots content=noai>",
    ],
)
def test_spellings_of_a_tag(page: Page, tag: str) -> None:
    """However a tag is written, it is found and quoted as it stands."""
    (meta,) = declarations(page(f"<!doctype html><html><head>{tag}</head>".encode()))
    assert (meta.name, meta.content.lower(), meta.text, meta.doubt) == ("robots", "noai", tag, "")


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize("named", [True, False])
def test_encodings(page: Page, encoding: str, named: bool) -> None:
    """Wide encodings are known by their mark, their header or their first character."""
    body = f"<!doctype html>{TAG.decode()}".encode(encoding)
    media_type = f'text/html; charset="{encoding}"' if named and encoding != "utf-8-sig" else "text/html"
    assert [meta.text for meta in declarations(page(body, media_type))] == [TAG.decode()]


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("utf16", "utf-16-le"),
        ("UTF-16LE", "utf-16-le"),
        ("utf16be", "utf-16-be"),
        ("utf-32", "utf-32-le"),
        ("'utf32-BE'", "utf-32-be"),
    ],
)
def test_charset_alone(page: Page, charset: str, encoding: str) -> None:
    """A page without a mark that does not start with a tag is of the encoding that its header names."""
    body = ("\n" + TAG.decode()).encode(encoding)
    assert len(declarations(page(body, f"text/html;charset={charset}"))) == 1


def test_legacy_encoding(page: Page) -> None:
    """Octets that are no UTF-8 hide nothing."""
    assert len(declarations(page(b"<title>\xe9\xff</title>" + TAG))) == 1


@pytest.mark.parametrize(
    ("media_type", "body", "found"),
    [
        ("application/xhtml+xml", b'<?xml version="1.0"?><html><head><script src="x"/>' + TAG + b"</head></html>", 1),
        ("application/xml", b'<html xmlns="http://www.w3.org/1999/xhtml"><head>' + TAG + b"</head></html>", 1),
        ("text/xml", b"<rss>" + TAG + b"</rss>", 0),
        ("TEXT/HTML; charset=x", TAG, 1),
        ("", b"\xef\xbb\xbf \n<!doctype html>" + TAG, 1),
        ("", b"no html " + TAG, 0),
        ("html", TAG, 1),
        ("application/unknown", TAG, 1),
        ("application/json", TAG, 0),
        ("image/svg+xml", TAG, 0),
    ],
)
def test_media_types(page: Page, media_type: str, body: bytes, found: int) -> None:
    """HTML and XHTML by their media type; by their look where there is none (MIME Sniffing section 7)."""
    assert len(declarations(page(body, media_type))) == found


def test_long_element_is_cut(page: Page) -> None:
    """What is quoted of an element is of bounded length, and says that it was cut."""
    (meta,) = declarations(page(b'<meta name="robots" content="noai' + b" " * 5000 + b'">'))
    assert meta.content == "noai"
    assert len(meta.text) < 1100
    assert meta.text.endswith(" [...]")


@pytest.mark.parametrize("opening", ["", "<!-- <b> -->", "<script>if (a<b) '</scr'</script>", "<title>a</title>"])
def test_a_tag_with_attributes_by_the_thousand(page: Page, opening: str) -> None:
    """A page that would cost the parser quadratic time is not parsed: what tries to declare in it is doubted."""
    hostile = "<p " + " ".join(f"attribute-{number}" for number in range(3000)) + ">"
    (meta,) = declarations(page(f"{opening}{TAG.decode()}{hostile}".encode()))
    assert meta.doubt == "a tag of the page has more than 500 attributes"


def test_long_tags_in_good_faith(page: Page) -> None:
    """A long attribute, a long comment or a long script is nothing to doubt."""
    long = b"a " * 20000
    body = TAG + b'<img src="' + long + b'"><!--' + long + b"--><script>" + long + b"</script><style>" + long
    (meta,) = declarations(page(body))
    assert meta.doubt == ""


def test_long_page(page: Page) -> None:
    """In a long page with all kinds of elements the head is told from the body too."""
    filler = b"<svg><title/><style/></svg><div><p>text</p>" * 2000
    head, body = declarations(page(b"<html><head>" + TAG + b"</head><body>" + filler + TAG.replace(b"noai", b"noml")))
    assert (head.doubt, body.doubt) == ("", "outside the head of the document")


def test_read_once(page: Page) -> None:
    """Two signals ask, one reading answers; evidence stays equal to itself without it."""
    asset = page(TAG)
    assert declarations(asset) is declarations(asset)
    assert asset == page(TAG)


PIECES = [
    "<meta ", "<META\n", "<meta/", "<meta", "name=robots", "name='robots'", "content=noai", 'content="noai"', " ",
    ">", '"', "'", "=", "/", "<!--", "-->", "<head>", "</head>", "<body>", "</body>", "<html>", "<p>", "<div>",
    "<b>", "</p>", "<title>", "</title>", "<script>", "</script>", "<noscript>", "</noscript>", "<style>",
    "</style>", "text", "\n", "&#97;", "&amp;", "no&#x61;i", "<meta name=robots content=noai>", "<link>", "<table>",
    "<tr>", '<meta name="robots" content="noai">', "</div>", "\0", "--", "]]>", "<![CDATA[", "<svg>", "</svg>",
    "<a", "<template>", "</template>", "<textarea>", "<x y='<meta name=robots content=noai>'>", "<a title='>",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@given(text=SOUP)
def test_quick_scan_misses_nothing(page: Page, text: str) -> None:
    """What the scan over the bytes rules out, the parser finds nothing in."""
    if not declarations(page(text.encode())):
        assert list(html_head._elements(text, xhtml=False)) == []


def robots_elements(text: str) -> list[bool]:
    """Give for each robots element with a noai whether the head has it."""
    parser = LexborHTMLParser(text)
    head = {node.mem_id for node in parser.head.css("meta")} if parser.head else set()
    return [
        node.mem_id in head
        for node in parser.css("meta")
        if (node.attributes.get("name") or "").strip() == "robots" and "noai" in (node.attributes.get("content") or "")
    ]


@given(text=SOUP)
def test_flat_document_has_the_same_elements(text: str) -> None:
    """Reading other elements as void changes neither which elements there are nor which of them the head has."""
    assume("<noscript>" not in text)  # read as if its content stood in its place
    assume("<svg>" not in text)  # read as any other element
    assert robots_elements(html_head._flat(text)) == robots_elements(text)


@given(text=SOUP)
def test_flat_document_loses_nothing(text: str) -> None:
    """Nor is any element lost where there is a <noscript>."""
    assume("<svg>" not in text)
    assert len(robots_elements(html_head._flat(text))) >= len(robots_elements(text))


@given(body=st.binary(max_size=300), media_type=st.sampled_from(["text/html", "", "text/html; charset=utf-16"]))
def test_any_bytes(page: Page, body: bytes, media_type: str) -> None:
    """No bytes raise, and none hide an element that stands before them."""
    declarations(page(body, media_type))
    declarations(page(b"<meta " + body, media_type))
    if "utf-16" not in media_type:
        assert declarations(page(TAG + body, media_type))[0].text == TAG.decode()


def test_nul_is_no_wide_encoding(page: Page) -> None:
    """A NUL in an 8-bit page, or a header that names a wide encoding wrongly, hides nothing."""
    for body in (b"\0" + TAG, TAG + b"\0", b"<\0>" + TAG):
        for media_type in ("text/html", "text/html; charset=utf-16"):
            assert len(declarations(page(body, media_type))) == 1
