"""ai.txt and trust.txt: the vectors, and what holds for any input."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.policy import LOCATIONS, Policy
from optout_middleware.signals import Asked, domain_files, robots_kept
from optout_middleware.signals.paths import canonical_path
from optout_middleware.terms import Evidence, Preference, Statement, Usage

HERE = Path(__file__).parent / "vectors"
VECTORS = json.loads((HERE / "domain_files.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SIGNALS = (domain_files.AI_TXT, domain_files.TRUST_TXT)


def said(files: dict[str, tuple[bytes, str]], url: str = "/x", usage: str = "train-ai") -> list[Statement]:
    """Keep the files as a site does, then ask both signals."""
    url = f"https://h.example{url}"
    found: list[Statement] = []
    for signal in SIGNALS:
        kept = {}
        for name, (body, media_type) in files.items():
            if name in signal.keep:
                seen = Evidence(f"https://h.example{LOCATIONS[name]}", 200, [("Content-Type", media_type)], body, SEEN)
                kept[name] = signal.keep[name](seen)
        policy = Policy("OurBot", Usage(usage))
        found += signal.state(Asked(url, canonical_path(url), policy, robots_kept.NOTHING, True, kept, None))
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any]) -> None:
    """Each vector gives the statements that it names."""
    files = {name: (file["body"].encode(), file.get("type", "text/plain")) for name, file in vector["files"].items()}
    found = said(files, vector["url"], vector.get("usage", "train-ai"))
    assert [f"{one.preference} {one.finding}".strip() for one in found] == vector["expected"]


def test_ids_are_unique() -> None:
    """No vector hides another."""
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


def test_the_line_is_quoted() -> None:
    """Where and text name the line as it stands in the file."""
    ai, trust = said({
        "ai.txt": (b"# Spawning AI\nUser-Agent: *\n Disallow: *.jpg # images\n", "text/plain"),
        ".well-known/trust.txt": (b"\nmember=x\nDataTrainingAllowed = no\n", "text/plain"),
    }, "/a.jpg")  # fmt: skip
    assert (ai.location, ai.where, ai.text) == ("ai.txt", "line 3", "Disallow: *.jpg # images")
    assert (trust.location, trust.where, trust.text) == (".well-known/trust.txt", "line 3", "DataTrainingAllowed = no")


def test_leniencies_are_noted() -> None:
    """What is read otherwise than it is written says so."""
    (ai,) = said({"ai.txt": (b"User-Agent: *\nDisallow: *.jpg\n", "text/plain")}, "/a.JPG")
    assert ai.notes == ("by the extension of the path, without regard to case and query",)
    (trust,) = said({"trust.txt": (b"datatrainingallowed=yes\ndatatrainingallowed=no\n", "text/plain")})
    assert trust.notes == ("several lines that differ: a no counts",)
    (other,) = said({"ai.txt": (b"---\ntitle: x\n", "text/plain")})
    assert other.notes == ("not the Spawning form: nothing is read from it",)


def test_silence_costs_nothing() -> None:
    """Of a file that says nothing of training nothing is kept."""
    seen = Evidence("https://h.example/trust.txt", 200, [], b"member=https://h.example/\n" * 100, SEEN)
    assert domain_files.TRUST_TXT.keep["trust.txt"](seen) == b""


def test_many_lines_are_few_to_keep() -> None:
    """However many lines the file has, few are kept, and a no is among them."""
    lines = [b"datatrainingallowed=%d" % number for number in range(1000)]
    seen = Evidence("https://h.example/trust.txt", 200, [], b"\n".join([*lines, b"datatrainingallowed=no"]), SEEN)
    kept = domain_files.TRUST_TXT.keep["trust.txt"](seen)
    assert len(kept) < 300
    assert kept.startswith(b"1001 datatrainingallowed=no\n")


BODY = st.lists(
    st.sampled_from([
        b"User-Agent: *", b"Disallow: ", b"Allow: ", b"/", b"*", b"*.jpg", b"\n", b"\r", b"=", b":",
        b"datatrainingallowed", b"no", b"yes", b"\xff", b"\0", b"#", b" ", b"<", b"\xe2\x80\xa8", b"\x0b",
    ]),
    max_size=14,
).map(b"".join)  # fmt: skip
FILES = st.dictionaries(
    st.sampled_from(["ai.txt", ".well-known/ai.txt", "trust.txt", ".well-known/trust.txt"]),
    st.tuples(st.one_of(st.binary(max_size=40), BODY), st.sampled_from(["text/plain", "text/html", ""])),
)


@given(files=FILES, url=st.sampled_from(["/", "/a.jpg", "/a.JPG?x", "/%ff"]), usage=st.sampled_from(list(Usage)))
def test_never_raises(files: dict[str, tuple[bytes, str]], url: str, usage: Usage) -> None:
    """No bytes raise, and a statement has a finding exactly where it refuses or tries to."""
    for one in said(files, url, usage.value):
        assert (one.finding == "refusal") == (one.preference is Preference.DISALLOWED)
        assert one.preference is not Preference.ALLOWED or not one.finding


@given(body=BODY, url=st.sampled_from(["/", "/a.jpg", "/x?y"]))
def test_one_more_refusal_is_a_refusal(body: bytes, url: str) -> None:
    """A trust.txt to which a no is added refuses, whatever else stands in it."""
    (last,) = said({"trust.txt": (b"member=x\n" + body.replace(b"<", b"") + b"\ndatatrainingallowed=no\n", "")}, url)
    assert last.preference is Preference.DISALLOWED
