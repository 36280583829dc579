"""The tables at the end of a run, made of audit lines written here.

Rule of this file: lines carry what the add-on promises, and then less and less of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from corpus_example.summary import read_audit, tables
from web.expected import Seen, corpus_differences, differences, trespasses, wanted
from web.model import Page
from web.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from web.model import File


def reason(outcome: str, **more: str) -> dict[str, str]:
    return {"finding": "refusal", "signal": "tdmrep", "location": "tdmrep.json", "outcome": outcome, **more}


NOTED = {"finding": "noarchive", "outcome": "allow", "signal": "robots-tag"}
DOWN = {"finding": "robots-unreachable", "outcome": "pending", "location": "robots.txt"}
LINES: list[dict[str, Any]] = [
    {"format": 1, "note": "a line that is no decision"},
    {"stage": "item", "url": "http://a.example/", "outcome": "allow", "action": "keep", "reasons": []},
    {
        "stage": "request",
        "url": "http://a.example/1",
        "final_url": "http://a.example/1",
        "outcome": "deny",
        "action": "drop",
        "reasons": [reason("deny", text="a rule " * 20), NOTED],
    },
    {"stage": "response", "url": "http://a.example/2", "outcome": "deny", "reasons": [reason("deny")]},
    {
        "stage": "request",
        "url": "http://b.example/",
        "outcome": "pending",
        "action": "drop",
        "reasons": [DOWN],
    },
    {"stage": "media", "url": "http://a.example/i.png", "outcome": "deny", "action": "drop", "reasons": None},
    {"stage": "media", "url": "http://a.example/j.png", "outcome": "allow"},
    {
        "stage": "item",
        "url": "http://c.example/",
        "outcome": "deny",
        "action": "tag",
        "reasons": [reason("deny")],
    },
    {"url": "http://c.example/bare", "outcome": "allow"},
]


def written(directory: Path, *lines: dict[str, Any]) -> Path:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "0001.jsonl").write_text(text, "utf-8")
    (directory / "run.json").write_text("{}", "utf-8")
    return directory


def test_tables(tmp_path: Path) -> None:
    drawn = tables(read_audit(written(tmp_path, *LINES)), {"b.example": "503", "unseen.example": "nothing"})
    rows = [line.split() for line in drawn.splitlines()]
    assert rows[2:6] == [
        ["b.example", "1", "0", "0", "1", "503"],
        ["a.example", "3", "1", "2", "0", "1", "of", "2"],
        ["c.example", "2", "2", "0", "0"],
        ["all", "6", "3", "2", "1", "1", "of", "2"],
    ]
    assert rows[10][:5] == ["tdmrep", "(tdmrep.json)", "refusal", "2", "0"]
    assert rows[10][-1].endswith("...")
    assert rows[11] == ["robots.txt", "robots-unreachable", "0", "1"]
    assert "noarchive" not in drawn


def test_the_last_line_about_a_page_counts(tmp_path: Path) -> None:
    page = {"stage": "request", "url": "http://a.example/", "action": "drop"}
    lines = read_audit(written(tmp_path, {**page, "outcome": "pending"}, {**page, "outcome": "deny"}))
    assert [line.fate for line in lines] == ["dropped"]


def test_no_lines(tmp_path: Path) -> None:
    assert tables(read_audit(tmp_path), {}).splitlines()[2].split() == ["all", "0", "0", "0", "0"]


def perfect(*, fetch_reserved: bool = False) -> tuple[list[Seen], list[Seen]]:
    """Give what the audit log says where all went as it should."""
    pages: list[Seen] = []
    images: list[Seen] = []
    for url, item in everything():
        if (outcome := wanted(item, fetch_reserved=fetch_reserved)) is not None:
            final_url = item.moved_to or url if isinstance(item, Page) else url
            (pages if isinstance(item, Page) else images).append(Seen(url, final_url, outcome))
    return pages, images


def everything() -> Iterator[tuple[str, Page | File]]:
    return ((site.url(item), item) for site in SITES for item in site.items)


def test_no_differences() -> None:
    for fetch_reserved in (False, True):
        assert list(differences(*perfect(fetch_reserved=fetch_reserved), fetch_reserved=fetch_reserved)) == []


def test_lifted_pages_differ_by_setting() -> None:
    found = list(differences(*perfect(), fetch_reserved=True))
    assert len(found) == 4
    assert all(line.startswith("http://bench-essays.example/given/") for line in found)


def test_each_wrong_or_missing_line_is_told() -> None:
    pages, images = perfect()
    at = next(at for at, seen in enumerate(pages) if seen.url == "http://kelpport-news.example/")
    wrong = [*pages[:at], pages[at]._replace(outcome="deny"), *pages[at + 1 :]]
    assert list(differences(wrong, images[1:], fetch_reserved=False)) == [
        "http://kelpport-news.example/ should be allow, the audit log says deny",
        f"{images[0].url} should be {images[0].outcome}, the audit log says nothing",
    ]


def test_a_moved_page_may_be_told_by_either_url() -> None:
    pages, images = perfect()
    told = [
        Seen(seen.final_url, seen.final_url, seen.outcome) if "old-atlas.example/lands" in seen.url else seen
        for seen in pages
    ]
    assert list(differences(told, images, fetch_reserved=False)) == []


def test_corpus_differences() -> None:
    kept: dict[str, set[str]] = {
        url: {f"http://tidewater-gallery.example{path}" for path in item.images}
        for url, item in everything()
        if isinstance(item, Page) and item.expected == "allow" and not item.moved_to
    }
    gone = kept.pop("http://lantern-walks.example/")
    kept["http://pask-beekeepers.example/"] = gone
    found = list(corpus_differences(kept, fetch_reserved=False))
    assert found[:2] == [
        "http://pask-beekeepers.example/ is reserved, and stands in the corpus",
        "http://lantern-walks.example/ is not reserved, and is missing from the corpus",
    ]
    assert len(found) == 2 + 7  # seven rooms hang a picture whose file is reserved


def test_trespasses() -> None:
    asked = [
        "http://sarn-archive.example/private/diary-of-a-toll-keeper.html",
        "http://sarn-archive.example/",
    ]
    assert list(trespasses(asked)) == [f"{asked[0]} was fetched, which robots.txt does not let us"]
