"""RSL 1.0: the vectors, run through `decide` under both profiles, and what holds for any input."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import decide
from optout_middleware.policy import LOCATIONS, Policy, Profile
from optout_middleware.signals import rsl, rsl_document
from optout_middleware.signals.rsl_grant import grant
from optout_middleware.terms import Decision, Evidence, Preference, Usage

HERE = Path(__file__).parent / "vectors"
VECTORS = json.loads((HERE / "rsl.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SITE, LICENCE = "https://h.example", "https://h.example/license.xml"
ROBOTS = f"User-agent: *\nAllow: /\nLicense: {LICENCE}\n"
NAMESPACE = "https://rslstandard.org/rsl"


def document(inner: str) -> bytes:
    """Make a licence document."""
    return f'<rsl xmlns="{NAMESPACE}">{inner}</rsl>'.encode()


def evidence(vector: dict[str, Any]) -> list[Evidence]:
    """Make what was seen: the files of the site, the documents that are named, and the page where there is one."""
    seen = [Evidence(SITE + path, 404, [], b"", SEEN) for name, path in LOCATIONS.items() if name != "robots.txt"]
    seen.append(Evidence(f"{SITE}/robots.txt", 200, [], vector.get("robots", ROBOTS).encode(), SEEN))
    documents = {url: inner and document(inner) for url, inner in vector.get("documents", {}).items()}
    if vector.keys() & {"document", "raw", "status"}:
        raw = vector["raw"].encode() if "raw" in vector else document(vector.get("document", ""))
        documents[LICENCE] = raw
    headers = [("Content-Type", vector.get("media_type", "application/rsl+xml"))]
    for url, body in documents.items():
        status = vector.get("status", 200) if body is not None else 404
        seen.append(Evidence(url, status, headers, body or b"", SEEN))
    if vector.keys() & {"headers", "html"}:
        fields = [*map(tuple, vector.get("headers", ())), ("Content-Type", vector.get("media_type_page", "text/html"))]
        body = vector.get("html", "<!doctype html><title>t</title>").encode()
        seen.append(Evidence(url_of(vector), vector.get("page_status", 200), fields, body, SEEN))
    return seen


def url_of(vector: dict[str, Any]) -> str:
    """Give the URL that a vector asks about."""
    return str(vector.get("url", f"{SITE}/articles/1"))


def decision(vector: dict[str, Any], profile: str) -> Decision:
    """Decide as the vector says."""
    policy = Policy(
        "OurBot",
        usage=vector.get("usage", "train-ai"),
        profile=Profile(profile),
        locations=("all",),
        user=tuple(vector.get("user", ("commercial",))),
        territory=tuple(vector.get("territory", ("EU",))),
    )
    return decide(url_of(vector), evidence(vector), policy)


@pytest.mark.parametrize("profile", ["precautionary", "literal"])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any], profile: str) -> None:
    """Each vector comes to its outcome by its findings, with its conditions and notes."""
    found = decision(vector, profile)
    findings = sorted({reason.finding for reason in found.reasons})
    assert " ".join([found.outcome.value, *findings]) == vector["expected"][profile]
    if "conditions" in vector:
        assert list(found.conditions) == vector["conditions"]
    if "note" in vector:
        assert vector["note"] in [note for statement in found.statements for note in statement.notes]


def test_ids_are_unique() -> None:
    """No vector hides another."""
    ids = [vector["id"] for vector in VECTORS]
    assert len(ids) == len(set(ids))


def test_a_grant_is_stated() -> None:
    """A licence that grants is a statement in the record, with the element and who named it, and raises no finding."""
    vector = next(vector for vector in VECTORS if vector["id"] == "S04")
    (said,) = decision(vector, "precautionary").statements
    assert (said.preference, said.finding, said.location, said.where) == (
        Preference.ALLOWED, "", LICENCE, "content url='/'",
    )  # fmt: skip
    assert said.text == '<license><permits type="usage">all</permits></license>'
    assert said.source is not None
    assert said.source.url == LICENCE
    assert said.notes == ("named by robots.txt, line 3",)


def test_the_settings_that_leave_licences_out_say_so() -> None:
    """A licence that is named and not looked at is no silence."""
    seen = [item for item in evidence({"robots": ROBOTS}) if item.url != LICENCE]
    found = decide(f"{SITE}/", seen, Policy("OurBot"))
    assert found.outcome.value == "pending"
    (reason,) = found.reasons
    assert reason.statement is not None
    assert reason.statement.notes == (f"{LICENCE}: names an RSL licence, and OPTOUT_LOCATIONS leaves rsl out",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_other_encodings(encoding: str) -> None:
    """A document type declaration is found in whatever encoding the document is written, and so is a prohibition."""
    inner = f'<rsl xmlns="{NAMESPACE}"><content url="/"><license><prohibits type="usage">all</prohibits></license>'
    text = f'<?xml version="1.0" encoding="{encoding}"?>{{}}{inner}</content></rsl>'
    plain = rsl_document.read(text.format("").encode(encoding), SITE)
    typed = rsl_document.read(text.format('<!DOCTYPE rsl [<!ENTITY a "b">]>').encode(encoding), SITE)
    assert isinstance(typed, str)
    if not isinstance(plain, str):
        found = grant(plain, "/", Usage.TRAIN_AI, ("commercial",), ("EU",))
        assert found is not None
        assert not found.granted


def test_a_utf_16_page_is_read() -> None:
    """The link element of a page in UTF-16 counts."""
    link = '<link rel="license" type="application/rsl+xml" href="https://h.example/l.xml">'
    body = f"<html><head>{link}</head></html>".encode("utf-16")
    asset = Evidence(f"{SITE}/", 200, [("Content-Type", "text/html; charset=utf-16")], body, SEEN)
    assert [found.url for found in rsl.in_page(asset)] == ["https://h.example/l.xml"]


def test_a_page_of_odd_tags_licenses_nothing() -> None:
    """A page that mentions RSL and has tags with attributes by the thousand is a doubt, not a silence."""
    attributes = " ".join(f"a{number}" for number in range(9000))
    body = f"<html><head></head><body><div {attributes}>application/rsl+xml</div></body></html>".encode()
    asset = Evidence(f"{SITE}/", 200, [("Content-Type", "text/html")], body, SEEN)
    assert [found.fault for found in rsl.in_page(asset)] == [
        "a page that mentions RSL and was not parsed for its odd tags"
    ]


@pytest.mark.parametrize(
    "body",
    [
        document("<content url='/'>" * 5000),
        document("x" * rsl_document.LIMIT),
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><rsl>&b;</rsl>',
        b'<?xml version="1.0" encoding="no-such-thing"?><rsl/>',
        b"\xff\xfe<\0",
        b"<!-- -->",
    ],
)
def test_what_cannot_be_read_is_one_line(body: bytes) -> None:
    """Deep, long, expanding and garbled documents license nothing, and the reason is one line."""
    found = rsl_document.read(body, SITE)
    assert isinstance(found, str)
    assert "\n" not in found


PIECES = st.sampled_from([
    "<content url='/'>", "<content url=''>", "<content url='/a'>", "<content url='https://h.example/'>", "</content>",
    "<license>", "</license>", "<license/>", "<permits type='usage'>", "</permits>", "<prohibits type='usage'>",
    "</prohibits>", "<permits type='geo'>", "<payment type='free'/>", "<reporting/>", "<!-- x -->", "all", "ai-train",
    " ", "&amp;", "&x;", "<x/>", "<?x?>", "<![CDATA[", "]]>", "\x00", "\ud800", "é",
])  # fmt: skip
WHOLE = st.lists(PIECES, max_size=14).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))


@given(body=st.one_of(st.binary(max_size=80), WHOLE, WHOLE.map(lambda inner: document("")[:-6] + inner + b"</rsl>")))
def test_any_bytes_can_be_read(body: bytes) -> None:
    """No bytes raise; what is conformant has content elements with licences."""
    found = rsl_document.read(body, SITE)
    assert isinstance(found, str) or all(content.licences for content in found.contents)
    assert rsl_document.embedded(body) is None or isinstance(rsl_document.embedded(body), bytes)


LINKS = st.sampled_from([
    "<https://h.example/a>", "<", ">", '; rel="license"', "; type=application/rsl+xml", ",", '"', "\\", " ", "<https://[>",
    "<//[>", "<\udcff>", "é",
])  # fmt: skip
HTML = st.lists(
    st.sampled_from([
        "<link rel=license type=application/rsl+xml href=", "'https://['>", "/l.xml>", "<base href='http://['>",
        "<script type=application/rsl+xml>", "</script>", "<head>", "</head>", "<body>", "<rsl/>", "\x00",
        "<rsl:content",
        f"<rss xmlns:rsl='{NAMESPACE}'>", "<rsl:license>", "</rss>", "<?xml version='1.0'?>",
    ]),
    max_size=9,
).map(lambda parts: "".join(parts).encode())  # fmt: skip


@given(
    links=st.lists(LINKS, max_size=8).map("".join),
    body=HTML,
    media_type=st.sampled_from(["text/html", "application/rss+xml", "", "application/xhtml+xml", "text/plain"]),
    robots=st.lists(
        st.sampled_from(["License: ", "https://[", "/l", "\n", "\udcff", "User-agent: *\n", "ftp://x"])
    ).map("".join),
)
def test_never_raises(links: str, body: bytes, media_type: str, robots: str) -> None:
    """No header, page or robots.txt raises, and nothing that was not read gives anything free."""
    seen = [item for item in evidence({}) if not item.url.endswith("/robots.txt")]
    seen.append(Evidence(f"{SITE}/robots.txt", 200, [], robots.encode("utf-8", "surrogateescape"), SEEN))
    page = Evidence(f"{SITE}/p", 200, [("Link", links), ("Content-Type", media_type)], body, SEEN)
    found = decide(f"{SITE}/p", [*seen, page], Policy("OurBot", locations=("all",)))
    assert all(said.preference is not Preference.ALLOWED for said in found.statements if said.signal == "rsl")


TOKENS = st.lists(st.sampled_from(["ai-train", "ai-input", "ai-index", "ai-all", "search", "all", "x"]), max_size=3)
LICENCES = st.builds(
    "<license>{}{}{}</license>".format,
    st.one_of(st.just(""), TOKENS.map(lambda found: f'<permits type="usage">{" ".join(found)}</permits>')),
    st.one_of(st.just(""), TOKENS.map(lambda found: f'<prohibits type="usage">{" ".join(found)}</prohibits>')),
    st.sampled_from(["", '<payment type="use"/>', '<permits type="user">education</permits>']),
)


@given(licences=st.lists(LICENCES, min_size=1, max_size=3), usage=st.sampled_from(list(Usage)))
def test_one_more_prohibition_frees_nothing(licences: list[str], usage: Usage) -> None:
    """A prohibition that is added, to the document or to a licence, never makes a no into a yes."""

    def settled(inner: str) -> bool:
        read = rsl_document.read(document(inner), SITE)
        assert not isinstance(read, str)
        found = grant(read, "/", usage, ("commercial",), ("EU",))
        assert found is not None
        return found.granted and not found.conditions

    before = f'<content url="/">{"".join(licences)}</content>'
    refusal = '<license><prohibits type="usage">all</prohibits></license>'
    for after in (
        before.replace("</content>", f"{refusal}</content>"),
        f'{before}<content url="/">{refusal}</content>',
    ):
        assert not settled(after)
    if not settled(before):
        narrowed = before.replace("</license>", '<prohibits type="usage">search</prohibits></license>')
        assert not settled(narrowed)
