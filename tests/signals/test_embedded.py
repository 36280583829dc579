"""TDMRep inside EPUB and PDF: the vectors, and what holds for any input."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals import embedded
from optout_middleware.signals.tdmrep import SIGNAL
from optout_middleware.terms import Evidence, Preference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optout_middleware.terms import Statement

    Ask = Callable[..., tuple[Statement, ...]]

HERE = Path(__file__).parent / "vectors"
VECTORS = json.loads((HERE / "embedded.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
PREFERENCES = {Preference.DISALLOWED: 1, Preference.ALLOWED: 0}
CONTAINER = '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>{}</rootfiles></container>'
ONE = '<package><metadata><meta name="tdm:reservation" content="1"/></metadata></package>'


def epub(parts: Mapping[str, str], container: str | None = None) -> bytes:
    """Make an EPUB of OPF documents by their path."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        files = "".join(f'<rootfile full-path="{path}"/>' for path in parts)
        archive.writestr("META-INF/container.xml", container or CONTAINER.format(files), zipfile.ZIP_DEFLATED)
        for path, text in parts.items():
            archive.writestr(path.replace("%20", " "), text, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def pdf(packets: list[str], *, deflated: bool = False) -> bytes:
    """Make the parts of a PDF that matter: metadata streams in objects of their own."""
    body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Metadata 2 0 R >>\nendobj\n"
    for number, packet in enumerate(packets, 2):
        data = zlib.compress(packet.encode()) if deflated else packet.encode()
        coding = b" /Filter /FlateDecode" if deflated else b""
        head = b"%d 0 obj\n<< /Type /Metadata /Subtype /XML%s /Length %d >>\nstream\n" % (number, coding, len(data))
        body += head + data + b"\nendstream\nendobj\n"
    return body + b"trailer\n<< /Root 1 0 R >>\n%%EOF\n"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(ask: Ask, vector: dict[str, Any]) -> None:
    """Each vector gives what it says, with the letter and the doubt apart."""
    asked = {"headers": [], **vector}
    if "file" in vector:
        asked["file"] = json.dumps(vector["file"]).encode()
    if "epub" in vector:
        asked |= {"body": epub(vector["epub"]), "media_type": vector.get("media_type", "application/epub+zip")}
    else:
        body = vector.get("prefix", "").encode() + pdf(vector["pdf"], deflated=vector.get("deflated", False))
        asked |= {"body": body, "media_type": vector.get("media_type", "application/pdf")}
    found: dict[str, Any] = {"reservation": "unset"}
    for said in ask(SIGNAL, asked):
        if said.preference in PREFERENCES:
            found["reservation"] = PREFERENCES[said.preference]
            found |= {"policy": said.conditions[0].removeprefix("policy: ")} if said.conditions else {}
        elif said.finding == "malformed-refusal":
            found["doubt"] = True
    assert found == vector["expected"]


def test_ids_are_unique() -> None:
    """No vector hides another."""
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


def test_the_element_is_quoted(ask: Ask) -> None:
    """The statement names the part of the file and quotes the element."""
    (said,) = ask(SIGNAL, {"body": epub({"O/c.opf": ONE}), "media_type": "application/epub+zip"})
    assert (said.location, said.where, said.text) == (
        "embedded", "EPUB, O/c.opf", '<meta name="tdm:reservation" content="1"/>',
    )  # fmt: skip


@pytest.mark.parametrize("media_type", ["application/epub+zip", "application/pdf"])
def test_a_cut_file_is_no_silence(media_type: str) -> None:
    """Where the file was cut before anything was found, its metadata was not looked at, and that is said."""
    from optout_middleware.policy import Policy  # noqa: PLC0415 - the helper `ask` makes whole responses only
    from optout_middleware.signals import Asked, robots_kept  # noqa: PLC0415 - the same

    asset = Evidence("https://h.example/b", 200, [("Content-Type", media_type)], b"PK%PDF", SEEN, truncated=True)
    (said,) = SIGNAL.state(Asked(asset.url, "/b", Policy("OurBot"), robots_kept.NOTHING, True, {}, asset))
    assert (said.preference, said.finding) == (Preference.UNKNOWN, "unreachable")


def test_unpacking_is_bounded() -> None:
    """No more of a part is unpacked than the limit, however much it would give."""
    filler = " " * 3_000_000
    late = f"<package><metadata>{filler}<meta name='tdm:reservation' content='1'/></metadata></package>"
    asset = Evidence("https://h.example/b", 200, [("Content-Type", "application/epub+zip")], epub({"c": late}), SEEN)
    assert embedded.fields(asset) == ()


def test_other_responses_are_not_looked_into() -> None:
    """HTML and other archives cost nothing."""
    for media_type, body in (("text/html", b"<html>"), ("application/zip", b"PK\x03\x04"), ("", b"")):
        asset = Evidence("https://h.example/b", 200, [("Content-Type", media_type)], body, SEEN)
        assert not embedded.is_looked_into(asset)
        assert embedded.fields(asset) == ()


WHOLE = epub({"c.opf": ONE})
XMP = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tdm="http://www.w3.org/ns/tdmrep/" tdm:reservation="1"/></rdf:RDF>'
)
PDF = pdf([XMP], deflated=True) + pdf([XMP])


@given(
    whole=st.sampled_from([WHOLE, PDF]),
    at=st.integers(0, max(len(WHOLE), len(PDF))),
    put=st.binary(max_size=6),
    drop=st.integers(0, 40),
)
def test_no_damage_raises(whole: bytes, at: int, put: bytes, drop: int) -> None:
    """A file that is damaged anywhere raises nothing."""
    body = whole[:at] + put + whole[at + drop :]
    for media_type in ("application/epub+zip", "application/pdf"):
        asset = Evidence("https://h.example/b", 200, [("Content-Type", media_type)], body, SEEN)
        assert all(field.where for field in embedded.fields(asset))


@given(body=st.binary(max_size=200), path=st.text(max_size=8))
def test_any_bytes_can_be_read(body: bytes, path: str) -> None:
    """Any bytes can be read as either kind, and any path may stand in a container."""
    named = epub({"c.opf": ONE}, f"<container><rootfile full-path={json.dumps(path)}/></container>")
    for content in (body, b"PK" + body, b"%PDF-" + body, named):
        for media_type in ("application/epub+zip", "application/pdf"):
            asset = Evidence("https://h.example/b", 200, [("Content-Type", media_type)], content, SEEN)
            assert isinstance(embedded.fields(asset), tuple)
