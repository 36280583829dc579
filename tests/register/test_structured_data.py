"""JSON-LD in pages: which scripts are read, what is mended, and that garbage costs little and raises nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.credits import of_page
from optout_middleware.register.structured_data import Graph, documents, is_marked, parsed

OPEN, CLOSE = b'<script type="application/ld+json">', b"</script>"


def found(body: bytes) -> list[Any]:
    """Give the documents of a page, where the quick search lets it through."""
    return documents(body) if is_marked(body) else []


@pytest.mark.parametrize(
    "tag",
    [
        b'<script type="application/ld+json">',
        b"<script type='application/ld+json'>",
        b"<script type=application/ld+json>",
        b'<script id="a>b" data-x="1" type = "application/ld+json; charset=utf-8" class=y>',
        b'<script\n\ttype="application/ld+json">',
        b'<SCRIPT TYPE="APPLICATION/LD+JSON">',
        b'<script type="application/ld&#x2B;json">',
        b'<script type="application/ld&#43;json">',
    ],
)
def test_tags(tag: bytes) -> None:
    """A script is found however its type is written."""
    assert found(b"<title>t</title>" + tag + b"[1]</SCRIPT>") == [[1]]


@pytest.mark.parametrize(
    "body",
    [
        b"<!-- " + OPEN + b"[1]" + CLOSE + b" -->",
        b"<textarea>" + OPEN + b"[1]" + CLOSE + b"</textarea>",
        b"<script>'" + OPEN + b"[1]" + CLOSE,
        b'<script data-type="application/ld+json">[1]</script>',
        b'<script type="application/ld+jsonp">[1]</script>',
        b'<p type="application/ld+json">[1]</p>',
        b"application/ld+json [1]",
        b"",
    ],
)
def test_no_scripts(body: bytes) -> None:
    """What only looks like a script of the page is none."""
    assert found(body) == []


def test_several_scripts() -> None:
    """Each script is read on its own: one that is broken spoils no other, nor does an unclosed comment."""
    body = OPEN + b"[1]" + CLOSE + OPEN + b"{" + CLOSE + b"<!-- " + OPEN + b"[2]" + CLOSE + OPEN + b"[3]" + CLOSE
    assert found(body) == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": "x,]"}', {"a": "x,]"}),
        ('{"a": "x,]",}', {"a": "x,]"}),
        ('{"a": "line\nbreak\tand \x01"}', {"a": "line\nbreak\tand \x01"}),
        ('<![CDATA[{"a": 1}]]>', {"a": 1}),
        ('//<![CDATA[\n{"a": 1}\n//]]>', {"a": 1}),
        ('/*<![CDATA[*/{"a": [[1]]}/*]]>*/', {"a": [[1]]}),
        ('<!--\n{"a": "-->"}\n-->', {"a": "-->"}),
        ('<!--\n{"a": 1}\n//-->', {"a": 1}),
        ('\ufeff {"a": 1} ;', {"a": 1}),
        ('{"a": "\\",]"  ,}', {"a": '",]'}),
        ('{"schema:name": "schema:x"}', {"name": "schema:x"}),
        ("{'a': 1}", None),
        ('{"a": 1', None),
        ('{"a": "x', None),
        ('{"a": "x\\', None),
        ("", None),
    ],
)
def test_mending(text: str, value: Any) -> None:
    """What leaves one meaning only is mended; all else is no document."""
    assert parsed(text) == value


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ("é".encode(), None),
        ("é".encode("cp1252"), None),
        ("é".encode("latin-1"), "iso-8859-1"),
        ("é".encode("cp850"), "cp850"),
        ("é".encode(), "utf-16"),
        ("é".encode("latin-1"), "no such charset\0"),
    ],
)
def test_charset(body: bytes, charset: str | None) -> None:
    """A script is UTF-8, or in the charset of the response, or Windows-1252."""
    assert documents(OPEN + b'["' + body + b'"]' + CLOSE, charset) == [["é"]]


@pytest.mark.parametrize(("encoding", "charset"), [("utf-16", None), ("utf-32", None), ("utf-16-le", "UTF-16LE")])
def test_wide_page(encoding: str, charset: str | None) -> None:
    """Pages whose characters take several octets are read too."""
    body = '<script type="application/ld+json">{"@type": "Book", "name": "é"}</script>'.encode(encoding)
    assert of_page(body, "https://a.example/", "text/html", charset).titles == ("é",)


def test_json_ld_response() -> None:
    """A response that is JSON-LD itself is one document."""
    assert of_page(b'{"@type": "Book", "name": "x"}', "https://a.example/", "application/ld+json").titles == ("x",)
    assert of_page(b"{", "https://a.example/", "application/ld+json").titles == ()


def test_references() -> None:
    """A reference is resolved to the fullest node of that name, wherever it stands; cycles end."""
    graph = Graph([[{"a": {"@id": "#x"}, "b": {"c": [{"@id": "#x", "d": 1}, {"@id": "#x", "d": 1, "e": 2}]}}, 5, "x"]])
    assert graph.nodes(graph.roots[0], "a") == [{"@id": "#x", "d": 1, "e": 2}]
    cycle = [{"@type": "MusicComposition", "@id": "#1", "name": "x", "includedComposition": {"@id": "#1"}}]
    assert of_page(OPEN + json.dumps(cycle).encode() + CLOSE, "https://a.example/", "text/html").titles == ("x",)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"@type":"MusicComposition","recordingOf":' * 20_000,
        b'"' + b'\\"' * 200_000,
        b"," * 200_000,
        b", " * 200_000 + b"]",
        b"<!--" * 100_000,
        b"/*" * 100_000,
        b'{"@graph":' * 500 + b"1" + b"}" * 500,
        b'{"@id":"#1","@graph":[' + b'{"@id":"#1"},' * 30_000 + b"1]}",
        b'{"@type":"Book","name":"x","author":[' + b'{"name":"a"},' * 30_000 + b'"b"]}',
        b'{"@type":"Book","isbn":' + b"9" * 100_000 + b"}",
        b'{"@type":"Article","headline":"' + b"(" * 100_000 + b'","author":"' + b"a & " * 100_000 + b'"}',
        b'{"@type":"MusicComposition","lyrics":[' + b'"la",' * 100_000 + b'"la"]}',
    ],
)
def test_hostile_documents(content: bytes) -> None:
    """Documents that are deep, long or full of references end soon and within bounds."""
    read = of_page(OPEN + content + CLOSE, "https://a.example/", "text/html", all_markers=True)
    assert max(len(read.titles), len(read.writers), len(read.identifiers)) <= 200
    assert len(read.lyrics) <= 200_000


@pytest.mark.parametrize(
    "piece",
    [
        b"<!--", b"<script ", b'<script type="application/ld+json"', b"<script type='application/ld+json'>",
        b'<a rel="', b"rel=license ", b'<meta name="dc.', b"<span itemprop=composer itemscope>",
        b"license", b'<a "', b"<style>",
    ],
)  # fmt: skip
def test_hostile_pages(piece: bytes) -> None:
    """Pages of one piece again and again end soon, and have no credits."""
    body = OPEN + CLOSE + piece * 30_000 + OPEN + CLOSE
    read = of_page(body, "https://a.example/", "text/html", all_markers=True)
    assert (read.titles, read.identifiers, read.licence) == ((), (), "")


KEYS = st.sampled_from(
    [
        *("@type", "@id", "@graph", "@list", "name", "composer", "lyrics", "license", "identifier", "isbn", "track"),
        *("recordingOf", "mainEntity", "publisher", "encoding", "copyrightNotice", "sameAs", "author", "value"),
    ]
)
TYPES = ["MusicComposition", "MusicRecording", "MusicAlbum", "Book", "Article", "ImageObject", "WebPage"]
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
DOCUMENTS = st.recursive(
    LEAVES | st.sampled_from([*TYPES, "#1", "http://[", "ISBN 0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(DOCUMENTS, st.sampled_from(["https://a.example/", "http://[", ""]))
def test_no_document_raises(document: Any, url: str) -> None:
    """Whatever stands where, a page has credits or none."""
    body = OPEN + json.dumps(document).encode() + CLOSE
    first = of_page(body, url, "text/html")
    assert first == of_page(body, url, "text/html")
    assert all(found.checked for found in first.identifiers)
    assert not any(found.checked for found in first.dropped)


MARKS = [OPEN, CLOSE, b"<!--", b"-->", b"<a rel=license href=", b"<p itemprop=composer>", b"</p>"]
PIECES = st.sampled_from(
    [*MARKS, b'{"@type":"Book","name":"x"}', b'<meta name="dc.title" content="', b"/x", b"http://[", *b"\">' \0\xff"]
).map(lambda piece: piece if isinstance(piece, bytes) else bytes([piece]))


@given(st.lists(PIECES, max_size=20).map(b"".join) | st.binary(), st.booleans())
def test_no_page_raises(body: bytes, all_markers: bool) -> None:
    """Whatever the bytes, a page has credits or none."""
    read = of_page(body, "https://a.example/", "text/html", all_markers=all_markers)
    assert set(read.origins) <= {"json-ld", "rel=license", "dublin-core", "microdata"}
