"""The part of a response that was looked at: deciding by it gives the decision that the whole response gives."""

from __future__ import annotations

import html
import io
import json
import zipfile
import zlib
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import Site
from optout_middleware.policy import ALL_LOCATIONS, LOCATIONS, Policy
from optout_middleware.signals.looked_at import (
    ELEMENTS,
    HEAD,
    LIMIT,
    METADATA,
    START,
    STATEMENTS,
    WHOLE,
    Part,
    looked_at,
    with_body,
)
from optout_middleware.terms import Decision, Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VECTORS = Path(__file__).parent / "vectors"
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SITE = "https://h.example"
PLAIN = Policy("OurBot")
READING = Policy("OurBot", locations=ALL_LOCATIONS, natural_language=("robots.txt", "page"))
SITES = {
    policy: Site.read([Evidence(SITE + path, 404, [], b"", SEEN) for path in LOCATIONS.values()], policy)
    for policy in (PLAIN, READING)
}
NOAI, TDM = '<meta name="robots" content="noai">', '<meta name="tdm-reservation" content="1">'
RSL = '<link rel="license" type="application/rsl+xml" href="/licence.xml">'
SCRIPT = (
    '<script type="application/rsl+xml"><rsl xmlns="https://rslstandard.org/rsl"><content url="">'
    '<license><prohibits type="usage">ai-train</prohibits></license></content></rsl></script>'
)
TEXT = "<p>The author reserves the right to use this text for text and data mining.</p>"
SECRET = "What the article says, at length and for subscribers."
HTML = [
    "", "plain words", "<p>x", f"<head>{NOAI}</head>", f"<head>{NOAI}</head><p>{SECRET}", f"<head></head><p>{NOAI}",
    f"{TDM}<p>{SECRET}", f"<body><p>{SECRET}{TDM}", f"<html><head><title>t</title>{TDM}{NOAI}</head><body>{SECRET}",
    f"<head><title>{SECRET}</title></head><body>{SECRET}", f"<head>{RSL}</head>{SECRET}", f"<p>{SECRET}{RSL}",
    f"<head>{SCRIPT}</head>{SECRET}", f"<div>{SCRIPT}</div>", f'<base href="http://o.example/a/">{RSL}{SECRET}',
    f"<head></head><body><p>{SECRET}</p>{TEXT}", f"<head>{TDM}</head>{TEXT}",
    f"<head><script>'</head>{NOAI}'</script>{TDM}</head><p>{SECRET}", f"<head><!-- </head> -->{TDM}</head>{SECRET}",
    f"<head><style>{NOAI}</style></head>{SECRET}", f"<head><script>{SECRET}", f"<head><!-- {TDM}",
    '<head><meta http-equiv="robots" content="noai"></head>', '<meta name=otherbot content="noai, noimageai">',
    '<meta name="robots" content="noai"', f'<meta name="tdm-reservation" content="{"1, " * 900}">',
    f"<html><head><meta {' '.join(f'a{n}=1' for n in range(900))}>{NOAI}</head>{'<p>x' * 20_000}",
    f"<head>{'<div>' * 3000}{NOAI}</head>{SECRET}", f"<title>{SECRET}</title>" + "y" * 40_000 + NOAI,
    '<head><meta name="robots" content="noai é"></head><p>\xa0',
]  # fmt: skip


def page(body: bytes, media_type: str = "text/html", **fields: Any) -> Evidence:
    """Make a response."""
    return Evidence(f"{SITE}/p", 200, [("content-type", media_type)] if media_type else [], body, SEEN, **fields)


def decision(asset: Evidence, policy: Policy) -> Decision:
    """Decide about a response of a site without files; the hash of its body apart."""
    made = SITES[policy].decide(asset.url, asset=asset, at=SEEN)
    reasons = tuple(reason._replace(source=None, statement=None) for reason in made.reasons)
    statements = tuple(said._replace(source=None) for said in made.statements)
    return replace(made, evidence=(), reasons=reasons, statements=statements)


def check(asset: Evidence, policy: Policy, *, is_allowed: bool) -> Part:
    """Check that deciding by the part gives the decision of the whole, and give the part."""
    part = looked_at(asset, policy, is_allowed=is_allowed)
    assert len(part.body) <= LIMIT
    if part.is_derivable:
        assert decision(with_body(asset, part.body), policy) == decision(asset, policy)
    else:
        assert part.how == STATEMENTS
    return part


def encoded(text: str) -> Iterator[bytes]:
    """Give a text in the encodings that pages have."""
    yield text.encode()
    yield text.encode("latin-1", "replace") + b"\xe9"
    yield text.encode("utf-16")
    yield text.encode("utf-16-be")
    yield b"\xef\xbb\xbf" + text.encode()


@pytest.mark.parametrize("policy", [PLAIN, READING], ids=["plain", "reading"])
@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "denied"])
@pytest.mark.parametrize("text", HTML, ids=range(len(HTML)))
def test_html(text: str, policy: Policy, is_allowed: bool) -> None:
    """HTML of any encoding and media type is decided by its part as by the whole; of a denied page no text is kept."""
    for body in encoded(text):
        for media_type in (
            "text/html",
            "application/xhtml+xml",
            "text/xml",
            "",
            "text/plain",
            "text/html; charset=utf-16",
        ):
            for truncated in (False, True):
                part = check(page(body, media_type, truncated=truncated), policy, is_allowed=is_allowed)
                if not is_allowed:
                    kept = part.body.replace(b"\0", b"")
                    assert SECRET.encode() not in kept


def test_most_is_derivable() -> None:
    """All pages above are derived anew but those with a tag of kilobytes, or of hundreds of attributes."""
    parts = [looked_at(page(text.encode()), PLAIN, is_allowed=False) for text in HTML]
    assert [number for number, part in enumerate(parts) if not part.is_derivable] == [25, 26]


@pytest.mark.parametrize(
    ("text", "is_allowed", "how"),
    [
        (f"<head><title>t</title></head>{SECRET * 50}", True, HEAD),
        (f"<head><title>t</title></head>{SECRET * 50}", False, ELEMENTS),
        (f"<head>{'<link rel=x>' * 30_000}</head>{SECRET}", True, ELEMENTS),
        (f"<head>{TDM}</head><p>{SECRET * 50}{NOAI}", True, HEAD),
        (SECRET, True, WHOLE),
        ("", False, WHOLE),
    ],
)
def test_what_is_kept(text: str, is_allowed: bool, how: str) -> None:
    """An allowed page is kept to the end of its head, with what spoke after it; a denied one by what spoke."""
    part = check(page(text.encode()), PLAIN, is_allowed=is_allowed)
    assert (part.how, SECRET.encode() in part.body) == (how, how == WHOLE and bool(text))


def test_scripts_are_cut_out() -> None:
    """What scripts and styles contain is left out of a head; the tags stay, and so does a licence in a script."""
    head = f'<head><script type="a">{SECRET}</script><style>{SECRET}</style>{SCRIPT}<title>t</title></head>'
    part = check(page((head + "<p>" + SECRET * 50).encode()), PLAIN, is_allowed=True)
    kept = f'<head><script type="a"></script><style></style>{SCRIPT}<title>t</title></head><body>'
    assert part == Part(kept.encode(), HEAD)


@pytest.mark.parametrize(
    ("media_type", "body", "how"),
    [
        ("image/png", b"\x89PNG" + bytes(9000), START),
        ("application/json", b'{"a": "' + SECRET.encode() * 99 + b'"}', START),
        ("text/plain", SECRET.encode() * 99, START),
        ("", b"\0\1\2" * 9000, START),
        ("application/rss+xml", b"<rss>" + SECRET.encode() * 99 + b"</rss>", START),
    ],
)
@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "denied"])
def test_other_bodies(media_type: str, body: bytes, how: str, is_allowed: bool) -> None:
    """Of a body that is not looked into, the first octets are kept; where it is not allowed, none."""
    part = check(page(body, media_type), PLAIN, is_allowed=is_allowed)
    assert (part.how, part.body) == (how, body[:2048] if is_allowed else b"")


@pytest.mark.parametrize("policy", [PLAIN, READING], ids=["plain", "reading"])
@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "denied"])
def test_feed(policy: Policy, is_allowed: bool) -> None:
    """The licence elements of a feed are kept, of a denied one without its texts."""
    licence = '<r:content url=""><r:license><r:prohibits type="usage">all</r:prohibits></r:license></r:content>'
    body = f'<rss xmlns:r="https://rslstandard.org/rsl"><item>{SECRET * 99}{licence}</item></rss>'.encode()
    part = check(page(body, "application/rss+xml"), policy, is_allowed=is_allowed)
    assert part.is_derivable
    assert is_allowed or SECRET.encode() not in part.body


def test_licence_in_the_response() -> None:
    """The licence that a 402 carries is kept whole."""
    body = b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license/></content></rsl>'
    asset = Evidence(f"{SITE}/p", 402, [("content-type", "application/rsl+xml")], body, SEEN)
    assert looked_at(asset, READING, is_allowed=False).body == body


def files() -> list[tuple[str, bytes]]:
    """Make the EPUB and PDF files of the vectors, each with a text that is not metadata."""
    made = []
    for vector in json.loads((VECTORS / "embedded.json").read_text("utf-8")):
        if "epub" in vector:
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("mimetype", "application/epub+zip")
                roots = "".join(f'<rootfile full-path="{html.escape(path)}"/>' for path in vector["epub"])
                archive.writestr("META-INF/container.xml", f"<container><rootfiles>{roots}</rootfiles></container>")
                for path, text in vector["epub"].items():
                    archive.writestr(path.replace("%20", " "), text)
                archive.writestr("chapter.xhtml", SECRET)
            made.append((vector["id"], target.getvalue()))
        else:
            packets: Sequence[str] = vector["pdf"]
            streams = [
                b"<< /Type /Metadata /Filter /FlateDecode >>\nstream\n"
                + zlib.compress(packet.encode())
                + b"\nendstream\n"
                if vector.get("deflated")
                else packet.encode()
                for packet in packets
            ]
            made.append((vector["id"], b"%PDF-1.7\n" + b"\n".join(streams) + SECRET.encode()))
    return made


@pytest.mark.parametrize("body", [body for _, body in files()], ids=[name for name, _ in files()])
@pytest.mark.parametrize("is_allowed", [True, False], ids=["allowed", "denied"])
def test_metadata_of_files(body: bytes, is_allowed: bool) -> None:
    """Of an EPUB the package documents are kept, of a PDF the packets that name TDMRep; never the text."""
    for media_type in ("application/epub+zip" if body[:2] == b"PK" else "application/pdf", ""):
        for cut in (len(body), len(body) // 2):
            part = check(page(body[:cut], media_type, truncated=cut < len(body)), PLAIN, is_allowed=is_allowed)
            assert part.is_derivable
            assert part.how == METADATA
            assert SECRET.encode() not in part.body


@pytest.mark.parametrize("row", json.loads((VECTORS / "rsl.json").read_text("utf-8")), ids=lambda row: row["id"])
def test_pages_of_the_rsl_vectors(row: dict[str, Any]) -> None:
    """The pages of the vectors of RSL decide alike by their part."""
    fields = [*map(tuple, row.get("headers", ())), ("Content-Type", row.get("media_type_page", "text/html"))]
    asset = Evidence(f"{SITE}/p", row.get("page_status", 200), fields, row.get("html", "").encode(), SEEN)
    for is_allowed in (True, False):
        assert check(asset, READING, is_allowed=is_allowed).is_derivable


PIECES = st.lists(
    st.sampled_from([
        NOAI, TDM, RSL, SCRIPT, TEXT, "<head>", "</head>", "<body>", "<html>", "<p>", "</p>", "<!--", "-->", "<script>",
        "</script>", "<style>", "<title>", "</title>", "<noscript>", "<table>", "<svg>", "<meta ", ">", '"', "'", "\n",
        "<meta name=robots content=nocache>", '<meta name="tdm-policy" content="/p.json">', "é", "&amp;", "words ",
        '<meta name="tdm-reservation" content="0">', "<base href='/x/'>", "\0", "<template>", "<plaintext>",
    ])
)  # fmt: skip


@given(PIECES, st.booleans(), st.booleans(), st.sampled_from([PLAIN, READING]), st.integers(0, 4))
def test_any_page(pieces: list[str], is_allowed: bool, truncated: bool, policy: Policy, number: int) -> None:
    """Whatever a page is made of, deciding by the part gives the decision of the whole; an allowed one always can."""
    body = list(encoded("".join(pieces)))[number]
    part = check(page(body, truncated=truncated), policy, is_allowed=is_allowed)
    assert part.is_derivable or not is_allowed


@given(
    st.binary(max_size=300), st.sampled_from(["text/html", "", "application/pdf", "text/plain", "a/b"]), st.booleans()
)
def test_any_octets(body: bytes, media_type: str, is_allowed: bool) -> None:
    """No octets make it raise."""
    check(page(body, media_type), READING, is_allowed=is_allowed)


def test_linear() -> None:
    """A body of openings that nothing closes is passed through once: megabytes take no longer than they are long."""
    for piece in (b"<script>", b"<!--", b"<style ", b"<head>", b"<meta "):
        part = looked_at(page(piece * 200_000), PLAIN, is_allowed=False)
        assert len(part.body) <= LIMIT
