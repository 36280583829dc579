"""Credits of pages: which are read, which are not, and what they cost at most."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.credits import from_dict, merge, of_page, to_dict
from optout_middleware.register.model import AssetClass, Credits, Identifier

HERE = Path(__file__).parent
PAGES: dict[str, Any] = json.loads((HERE / "pages.json").read_text("utf-8"))["pages"]
URL = "https://www.site.example/a/b"


def page(*documents: Any, head: str = "", **options: Any) -> Credits:
    """Read a page with JSON-LD documents, as values or as text."""
    scripts = "".join(
        f'<script type="application/ld+json">{one if isinstance(one, str) else json.dumps(one)}</script>'
        for one in documents
    )
    body = f"<html><head>{head}{scripts}</head><body>text</body></html>".encode("utf-8", "surrogatepass")
    return of_page(body, options.pop("url", URL), options.pop("media_type", "text/html"), **options)


@pytest.mark.parametrize("name", PAGES)
def test_realistic_page(name: str) -> None:
    """Each page gives the credits that stand in it: by JSON-LD alone, and with all markers."""
    body, expected = (HERE / "pages" / f"{name}.html").read_bytes(), PAGES[name]
    assert to_dict(of_page(body, expected["url"], "text/html")) == expected["json-ld"]
    both = to_dict(of_page(body, expected["url"], "text/html", all_markers=True))
    assert both == expected["json-ld"] | expected["more"]


SONG = {"@type": "MusicComposition", "name": "No Song", "composer": "Nil Nobody", "iswcCode": "T-999.000.001-6"}


@pytest.mark.parametrize(
    "document",
    [
        SONG,
        [SONG],
        {"@graph": [SONG]},
        {"@context": "https://schema.org", "@graph": SONG},
        {"@type": "WebPage", "mainEntity": SONG},
        {"@type": "Article", "headline": "x", "mainEntity": SONG},
        {"@graph": [{"@type": "WebPage", "mainEntity": {"@id": "#s"}, "about": {"@id": "#s"}}, SONG | {"@id": "#s"}]},
        SONG | {"@type": ["CreativeWork", "http://schema.org/MusicComposition"]},
        SONG | {"@type": "schema:MusicComposition"},
        {f"http://schema.org/{key}" if key[0] != "@" else key: value for key, value in SONG.items()},
        {f"schema:{key}" if key[0] != "@" else key: [{"@value": value}] if key[0] != "@" else value
         for key, value in SONG.items()},
        SONG | {"composer": {"@list": [{"@type": "Role", "composer": {"@type": "Person", "name": "Nil Nobody"}}]}},
        SONG | {"composer": [{"givenName": "Nil", "familyName": "Nobody"}]},
        SONG | {"iswcCode": None, "identifier": {"propertyID": "ISWC", "value": "T-999.000.001-6"}},
        SONG | {"iswcCode": "", "identifier": "ISWC T-999.000.001-6"},
        {"@type": "MusicRecording", "name": "No Song", "recordingOf": SONG},
    ],
)  # fmt: skip
def test_shapes(document: Any) -> None:
    """However a composition is written down, its title, writer and ISWC are read."""
    read = page(document)
    assert (read.titles, read.writers) == (("No Song",), ("Nil Nobody",))
    assert read.identifiers == (Identifier("iswc", "T9990000016"),)


@pytest.mark.parametrize("key", ["mentions", "about", "citation", "itemReviewed", "isBasedOn", "hasPart"])
@pytest.mark.parametrize("kind", ["NewsArticle", "BlogPosting", "WebPage"])
def test_mentioned_work(kind: str, key: str) -> None:
    """A work that a page mentions is not the page's work, whether it stands there or is referred to."""
    article = {"@type": kind, "headline": "About a song", key: [SONG]}
    referring = {"@graph": [SONG | {"@id": "#s"}, article | {key: {"@id": "#s"}}]}
    for document in (article, referring):
        assert page(document).identifiers == ()
        assert "No Song" not in page(document).titles


def test_mentioned_work_with_lyrics() -> None:
    """Where its lyrics are there too, the page has the work, whatever it calls itself."""
    read = page({"@type": "Article", "headline": "x", "about": SONG | {"lyrics": {"text": "no word\nno word"}}})
    assert (read.titles, read.lyrics, read.asset_class) == (("No Song",), "no word\nno word", AssetClass.LYRICS)


@pytest.mark.parametrize(
    ("publisher", "url", "expected"),
    [
        ("Empty Editions", URL, ("Empty Editions",)),
        ("Site", URL, ()),
        ("www.site.example", URL, ()),
        ("The No-Site Site", "https://nositesite.example/", ()),
        ({"name": "Some Company", "url": "https://about.site.example/"}, URL, ()),
        ({"name": "Some Company", "url": "https://publisher.example/"}, URL, ("Some Company",)),
        ("Known Page", URL, ()),
        ("Owner of It", URL, ()),
    ],
)
def test_publisher(publisher: Any, url: str, expected: tuple[str, ...]) -> None:
    """A publisher that is the site itself is no music publisher."""
    site = {"@type": "WebSite", "name": "Known Page", "publisher": {"@type": "Organization", "name": "Owner of It"}}
    assert page(SONG | {"publisher": publisher}, site, url=url).publishers == expected


CC = "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"@type": "Article", "headline": "x", "license": CC}, CC),
        ({"@type": "Article", "headline": "x", "license": {"@type": "CreativeWork", "url": CC}}, CC),
        ({"@type": "Article", "headline": "x", "license": {"@id": CC}}, CC),
        ({"@type": "Article", "headline": "x", "license": "/terms"}, "https://www.site.example/terms"),
        ({"@type": "Article", "headline": "x", "license": "CC BY 4.0"}, ""),
        ({"@type": "Article", "headline": "x", "license": "javascript:1"}, ""),
        ({"@type": "Article", "headline": "x", "license": [CC, "https://other.example/"]}, ""),
        ([{"@type": "Article", "headline": "x", "license": CC}, {"@type": "Article", "headline": "y"}], ""),
        ({"@type": "MusicRecording", "name": "x", "license": CC, "recordingOf": SONG}, ""),
        ({"@type": "MusicRecording", "name": "x", "license": CC, "recordingOf": SONG | {"license": CC}}, CC),
        ({"@type": "Article", "headline": "x", "image": {"@type": "ImageObject", "license": CC}}, ""),
        ({"@type": "WebPage", "license": CC}, CC),
        ([{"@type": "WebPage", "license": CC}, SONG], ""),
    ],
)
def test_licence(document: Any, expected: str) -> None:
    """A licence counts where all that was read carries it; a page's is not one of the song on it."""
    assert page(document).licence == expected


LICENCE = f'<link rel="license" href="{CC}">'


@pytest.mark.parametrize(
    ("document", "options", "expected"),
    [
        ("", {}, CC),
        ({"@type": "Article", "headline": "x"}, {}, CC),
        (SONG, {}, ""),
        ({"@type": "Book", "name": "x"}, {}, ""),
        ({"@type": "ImageObject", "name": "x", "creator": "y"}, {}, ""),
        ("", {"class_domains": {"site.example": AssetClass.LYRICS}}, ""),
        ("", {"class_domains": {"site.example": AssetClass.TEXT}}, CC),
    ],
)
def test_licence_of_host(document: Any, options: Any, expected: str) -> None:
    """A host's rel=license says nothing of music, books and pictures (rule R1b)."""
    assert page(document, head=LICENCE, all_markers=True, **options).licence == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'<a href="{CC}" class="x y" rel="nofollow license">x</a>', CC),
        (f"<LINK REL=LICENSE HREF={CC}>", CC),
        (f'{LICENCE}<a rel="license" href="https://other.example/">', ""),
        (f"{LICENCE}{LICENCE}", CC),
        (f"<!-- {LICENCE} -->", ""),
        (f"<script>'{LICENCE}'</script>", ""),
        (f'<div rel="license" href="{CC}">', ""),
        (f'<p>rel="license" {CC}</p>', ""),
        ('<meta name="dcterms.license" content="https://other.example/">' + LICENCE, ""),
        (f'<meta name="DC.rights" content="{CC}">', CC),
        (f'<meta property="dc:rights" content="{CC}">', CC),
    ],
)
def test_other_licences(body: str, expected: str) -> None:
    """The licence of a page is read from its tags, and only where they agree."""
    assert of_page(body.encode(), URL, "text/html", all_markers=True).licence == expected
    assert of_page(body.encode(), URL, "text/html").licence == ""


@pytest.mark.parametrize(
    ("media_type", "domains", "document", "expected", "reason"),
    [
        ("audio/mpeg", {}, "", AssetClass.MUSIC_AUDIO, "media type audio/mpeg"),
        ("image/png", {}, "", AssetClass.IMAGE, "media type image/png"),
        ("video/mp4", {}, "", AssetClass.AUDIOVISUAL, "media type video/mp4"),
        ("application/epub+zip", {}, "", AssetClass.BOOK, "media type application/epub+zip"),
        ("text/html", {"site.example": AssetClass.LYRICS}, "", AssetClass.LYRICS, "domain site.example"),
        ("text/html", {"www.site.example": AssetClass.BOOK}, "", AssetClass.BOOK, "domain www.site.example"),
        ("text/html", {"other.example": AssetClass.BOOK, "e": AssetClass.TEXT}, "", AssetClass.OTHER, ""),
        ("text/html", {"site.example": AssetClass.LYRICS}, {"@type": "Article", "headline": "x"}, AssetClass.LYRICS,
         "domain site.example"),
        ("audio/mpeg", {"site.example": AssetClass.LYRICS}, "", AssetClass.MUSIC_AUDIO, "media type audio/mpeg"),
        ("image/png", {"site.example": AssetClass.NOTATION}, "", AssetClass.NOTATION, "domain site.example"),
        ("text/html", {}, {"@type": "MusicComposition", "name": "x"}, AssetClass.OTHER, ""),
        ("text/html", {}, {"@type": "MusicComposition", "name": "x", "encoding": {"encodingFormat": "application/pdf"}},
         AssetClass.NOTATION, "structured data: sheet music of a MusicComposition"),
        ("text/html", {}, {"@type": "MusicRecording", "name": "x", "audio": {"contentUrl": "a.mp3"}},
         AssetClass.MUSIC_AUDIO, "structured data: audio of a MusicRecording"),
        ("text/html", {}, {"@type": "VideoObject", "name": "x", "contentUrl": "a.mp4"}, AssetClass.AUDIOVISUAL,
         "structured data: VideoObject"),
        ("text/html", {}, {"@type": "Movie", "name": "x"}, AssetClass.OTHER, ""),
        ("text/html", {}, {"@type": "ImageObject", "url": "logo.png"}, AssetClass.OTHER, ""),
        ("text/html", {}, {"@type": "Book", "name": "x", "text": "y"}, AssetClass.BOOK,
         "structured data: text of a Book"),
    ],
)  # fmt: skip
def test_class(media_type: str, domains: Any, document: Any, expected: AssetClass, reason: str) -> None:
    """The class comes from structured data, media type or domain; where they differ, the most reserved one wins."""
    read = page(document, media_type=media_type, class_domains=domains)
    assert (read.asset_class, read.class_reason) == (expected, reason)


def test_a_list_of_works() -> None:
    """A page of many works gives their identifiers, and no titles that would be matched with others' writers."""
    songs = [{"@type": "MusicRecording", "name": f"Song {n}", "isrcCode": f"GBZZZ99{n:05}"} for n in range(20)]
    read = page(songs)
    assert read.titles == ()
    assert len(read.identifiers) == 20


def test_tracks_of_an_album() -> None:
    """The tracks of an album give identifiers, the album the title."""
    track = {"@type": "MusicRecording", "name": "Song", "isrcCode": "GBZZZ9900003", "recordingOf": SONG}
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": track}]}
    for tracks in (track, [track], listed):
        read = page({"@type": "MusicAlbum", "name": "Album", "byArtist": "The Unreal Band", "track": tracks})
        assert (read.titles, read.performers, read.is_recording) == (("Album",), ("The Unreal Band",), True)
        assert [found.scheme for found in read.identifiers] == ["isrc", "iswc"]


def test_scholarly_article() -> None:
    """DOI and ISSN of an article are read from where they usually stand."""
    read = page({"@type": "ScholarlyArticle", "name": "x", "sameAs": "https://doi.org/10.9999/ABC.1",
                 "author": {"name": "Nil Nobody", "sameAs": "https://orcid.org/0000-0002-1825-0097"},
                 "isPartOf": {"@type": "Periodical", "issn": "0378-5955"}})  # fmt: skip
    assert read.identifiers == (Identifier("issn", "03785955"), Identifier("doi", "10.9999/abc.1"))
    assert read.party_identifiers == (Identifier("isni", "0000000218250097"),)


def test_merge() -> None:
    """Lists are united in order, the longer lyrics stay, and licences that differ are none."""
    one = Credits(titles=("a", "b"), licence=CC, lyrics="la", origins=("item",), asset_class=AssetClass.TEXT)
    two = Credits(titles=("b", "c"), lyrics="lalala", is_recording=True, origins=("json-ld",))
    assert merge(one, Credits(), two) == Credits(
        titles=("a", "b", "c"), licence=CC, lyrics="lalala", is_recording=True, origins=("item", "json-ld"),
        asset_class=AssetClass.TEXT,
    )  # fmt: skip
    assert merge(one, Credits(licence="https://other.example/")).licence == ""
    assert merge() == merge(Credits()) == Credits()
    assert merge(Credits(), one) is one


IDENTIFIERS = st.lists(st.builds(Identifier, st.sampled_from(["iswc", "doi"]), st.text(min_size=1), st.just(True))).map(
    tuple
)
WORDS = st.lists(st.text()).map(tuple)
CREDITS = st.builds(
    Credits,
    identifiers=IDENTIFIERS,
    dropped=IDENTIFIERS.map(lambda found: tuple(one._replace(checked=False) for one in found)),
    titles=WORDS, writers=WORDS, performers=WORDS, publishers=WORDS, labels=WORDS, holders=WORDS, societies=WORDS,
    origins=WORDS, party_identifiers=IDENTIFIERS, licence=st.text(), class_reason=st.text(),
)  # fmt: skip


@given(CREDITS, st.text())
def test_audit_line(credit: Credits, lyrics: str) -> None:
    """What is written for the audit line is JSON without empty parts, is read back, and has no lyrics."""
    line = to_dict(replace(credit, lyrics=lyrics))
    assert all(line.values())
    assert "lyrics" not in line
    assert ("lyrics_sha256" in line) == bool(lyrics)
    assert from_dict(json.loads(json.dumps(line))) == credit


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from([*to_dict(page(SONG)), "lyrics", "dropped", "is_recording"]), VALUES))
def test_audit_line_of_others(line: dict[str, Any]) -> None:
    """A line of another shape is credits all the same."""
    assert from_dict(line).lyrics == ""
