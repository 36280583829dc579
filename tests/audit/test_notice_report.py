"""The report about one letter: what it kept out, what came before it, proofs that hold, and nobody else named."""

from __future__ import annotations

import html as markup
import json
import re
import string
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.notice_hits import became
from optout_middleware.audit.notice_page import LANGUAGES, html, texts
from optout_middleware.audit.notice_report import notice_report
from optout_middleware.audit.proof import check, read
from optout_middleware.register.importers.letters import Letter
from optout_middleware.register.importers.records import Rejected
from optout_middleware.register.model import Party, Work
from optout_middleware.register.notice import Notice
from optout_middleware.terms import Claim

from .log_files import AT, FIRST, SECOND, THIRD, made, started, written

if TYPE_CHECKING:
    from pathlib import Path

NOTICE = Notice(
    "abc123", "Ada Invented", date(2026, 11, 20), "letter.txt", "1" * 64,
    parties=(Party("notice:abc123#party1", "natural", ("Ada Invented",)),),
    works=(Work("notice:abc123#work1", "musical", ("The Song That Is Not",)),),
    domains=("news.example", "never.example"), urls=("http://shop.example/1",),
)  # fmt: skip
LETTER = Letter(unread=(Rejected(7, "no title", "x"),), weak=("a title of one word",))
ENTERED = AT + timedelta(days=1)
LATER = AT + timedelta(days=2)
OURS = Claim("register-middle", "Ada Invented", "R7", "notice:abc123/site: notice abc123 of Ada Invented").to_dict()
OTHERS = Claim("register-strong", "Society of Others", "R1", "their repertoire").to_dict()


def reason(claim: dict[str, Any]) -> dict[str, Any]:
    """Give the reason that a claim raises."""
    return {"finding": claim["finding"], "outcome": "pending", "waits_for": "person", "location": "register",
            "signal": "register", "where": claim["party"], "text": claim["text"], "rule": claim["rule"]}  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give two runs: one before the letter was entered, one after it, in which it restricts."""
    path = tmp_path_factory.mktemp("notice") / "audit"
    written(path)
    log = started(path, SECOND, now=lambda: LATER)
    pending = {"outcome": "pending", "waits_for": "person", "action": "drop"}
    log.write(made("news.example", 1, **pending, reasons=[reason(OURS)], claims=[OURS]))
    log.write(made("news.example", 2, **pending, reasons=[reason(OURS), reason(OTHERS)], claims=[OURS, OTHERS]))
    song = {"titles": ["The Song that is not!"], "writers": ["Bob Unknown"]}
    log.write(made("blog.example", 3, stage="item", credits=song))
    log.write(made("shop.example", 1))
    log.write(made("paid.example", 4))
    log.close({})
    return str(path)


@pytest.fixture(scope="module")
def report(directory: str) -> dict[str, Any]:
    """Give the report."""
    return notice_report(NOTICE, LETTER, ENTERED, [directory], made=LATER)


def test_what_became_of_it(report: dict[str, Any]) -> None:
    """Left out, open, taken before and since: by site, by address, by title; and no other line counts."""
    assert {kind: count for kind, count in report["counts"].items() if count} == {
        "left-out": 1, "pending": 2, "before": 4, "since": 1,
    }  # fmt: skip
    assert {(line["url"], line["became"]) for line in report["lines"] if line["became"] != "before"} == {
        ("http://blog.example/3", "left-out"), ("http://news.example/1", "pending"),
        ("http://news.example/2", "pending"), ("http://shop.example/1", "since"),
    }  # fmt: skip


def test_first_effect_of_each_run(report: dict[str, Any]) -> None:
    """The first line that the letter itself kept out; none in a run before it."""
    first, second = report["runs"]
    assert (first["run"], first["first_effect"], first["hits"]) == (FIRST, None, 4)
    assert (second["run"], second["first_effect"], second["hits"]) == (SECOND, LATER.isoformat(), 4)


def test_what_could_not_match(report: dict[str, Any]) -> None:
    """Rows that could not be read, that hardly match, and what was not met."""
    assert [(row["row"], row["why"]) for row in report["unmatched"]] == [
        ("7", "no title"), ("", "a title of one word"), ("never.example", None), ("Ada Invented", None),
    ]  # fmt: skip


def test_what_cannot_be_known(report: dict[str, Any], directory: str, tmp_path: Path) -> None:
    """It follows from the logs: when they begin, what is open or damaged, and whether the register was asked."""
    keys = {row["key"] for row in report["unknown"]}
    assert keys == {"unknown-training", "unknown-elsewhere", "unknown-before", "unknown-credits"}
    log = started(tmp_path, THIRD, settings={"OPTOUT_REGISTER": "none"})
    log.write(made("news.example", 1))
    try:
        found = notice_report(NOTICE, Letter(), ENTERED, [directory, str(tmp_path)], made=LATER)
        assert {row["key"] for row in found["unknown"]} - keys == {"unknown-register", "unknown-open"}
        unproven = [row["proof"]["why"] for row in found["lines"] if "why" in row.get("proof", {})]
        assert len(unproven) == 1
        assert "no closed run" in unproven[0] or "is not closed" in unproven[0]
    finally:
        log.close({})


def test_proofs_hold_and_name_nobody_else(report: dict[str, Any]) -> None:
    """With its text where a line names the sender alone, else with its hash; both lead to the root."""
    proofs = {line["url"]: line["proof"] for line in report["lines"] if "2026-11-26" in line["time"]}
    assert {url: next(iter(proof)) for url, proof in proofs.items()} == {
        "http://news.example/1": "full", "http://news.example/2": "hash", "http://blog.example/3": "hash",
        "http://shop.example/1": "full",
    }  # fmt: skip
    full = proofs["http://news.example/1"]["full"]
    assert check(full) == []
    assert read(full)["claims"] == [OURS]
    hashed = proofs["http://news.example/2"]["hash"]
    lines = next(s["lines"] for w in json.loads(full["manifest"])["writers"] for s in w["segments"])
    assert hashed["root"] == full["root"]
    assert root_from(hashed, lines) == hashed["root"]


def root_from(proof: dict[str, Any], size: int) -> str:
    """Go from a leaf hash to the root by its audit path (RFC 9162 section 2.1.3.2), apart from the code under test."""
    node, index, last = bytes.fromhex(proof["leaf"]), proof["index"], size - 1
    for step in map(bytes.fromhex, proof["path"]):
        if index % 2 or index == last:
            node = sha256(b"\x01" + step + node).digest()
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + step).digest()
        index, last = index >> 1, last >> 1
    return node.hex()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page(report: dict[str, Any], language: str) -> None:
    """It names the sender and the operator; no other rightholder, and none of the operator's people."""
    page = html(report, language)
    assert f'<html lang="{language}">' in page
    assert "Example Labs" in page
    for other in ("Society of Others", "Bob Unknown", "News House", "Ada Person", "Bob Clerk", "paid.example"):
        assert other not in page
    proofs = [json.loads(markup.unescape(text)) for text in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert len(proofs) == 8
    assert [check(proof) for proof in proofs if "manifest_sha256" not in proof] == [[]] * 6


def test_languages_say_the_same() -> None:
    """Each text in each language, with the same values in it."""
    english, french = texts("en"), texts("fr")
    assert english.keys() == french.keys()

    def values(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key: values(text) for key, text in english.items()} == {key: values(text) for key, text in french.items()}
    same = {key for key in english if english[key] == french[key]}
    assert same <= {"document"}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"outcome": "deny", "action": "drop"}, "left-out"),
        ({"outcome": "pending", "action": "drop"}, "pending"),
        ({"outcome": "pending", "action": "tag"}, "tagged"),
        ({"outcome": "deny", "action": "drop", "dry_run": True}, "dry-run"),
        ({"outcome": "allow", "action": "keep", "time": "2026-11-24T11:00:00+00:00"}, "before"),
        ({"outcome": "allow", "action": "keep", "time": "2026-11-24T13:00:00+00:00"}, "since"),
    ],
)
def test_became(line: dict[str, Any], kind: str) -> None:
    """What a dry run stored, or a tag passed on, never counts as left out."""
    assert became(line, datetime(2026, 11, 24, 12, tzinfo=timezone.utc)) == kind
