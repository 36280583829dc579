"""The tables at the end of a run, made of audit lines written here.

Rule of this file: lines carry what the add-on promises, and then less and less of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from corpus_example.summary import read_audit, tables
from web.expected import (
    SHIPPED,
    Judged,
    Mode,
    Seen,
    corpus_differences,
    differences,
    item_differences,
    last_word,
    trespasses,
    wanted,
)
from web.model import File, Page
from web.sites import SITES, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
    text = "".join(json.dumps({"schema": 1, **line}) + "\n" for line in lines)
    (directory / "main-000001.jsonl").write_text(text, "utf-8")
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
    assert tables(read_audit(written(tmp_path)), {}).splitlines()[2].split() == ["all", "0", "0", "0", "0"]


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


def judged(**changed: Judged) -> list[Judged]:
    """Give what the audit log says of items where all went as it should; path of a page -> what it says instead."""
    return [
        changed.get(page.path.rpartition("/")[2].partition(".")[0].replace("-", "_"))
        or Judged(site.url(page), page.item.outcome, page.item.waits_for, page.item.rule, tuple(filter(None, [who])))
        for site in SITES
        for page in site.pages
        if page.item and (who := page.item.who) is not None
    ]


def test_no_item_differences() -> None:
    assert list(item_differences(judged())) == []


def test_each_wrong_or_missing_item_is_told() -> None:
    url = "http://hollow-lyrics.example/songs/left-glove-waltz.html"
    wrong = Judged(url, "pending", "person", "M5", ("GEMA", "Stim"))
    said = "the audit log says pending (person) by M5 for GEMA, Stim"
    assert list(item_differences(judged(left_glove_waltz=wrong))) == [
        f"{url} should be pending (register) by M5 for SOCIA, {said}"
    ]
    more = Judged("http://lantern-walks.example/", "allow", "", "", ())
    lamp = "http://hollow-lyrics.example/songs/lamp-above-the-weir.html"
    assert list(item_differences([*judged()[1:], more])) == [
        "http://lantern-walks.example/ has no credits, and the register was asked about it",
        f"{lamp} should be deny by R6 for SOCIA, and the register was not asked about it",
    ]


def test_nobody_claims_what_nobody_should() -> None:
    url = "http://ballad-post.example/columns/an-evening-at-the-weir.html"
    wrong = judged(an_evening_at_the_weir=Judged(url, "allow", "", "", ("socia",)))
    assert list(item_differences(wrong)) == [
        f"{url} should be allow by no rule for nobody, the audit log says allow by no rule for socia"
    ]


def perfect_corpus(mode: Mode = SHIPPED) -> dict[str, set[str]]:
    """Give what the corpus holds where all went as it should; of pictures those that are kept in any mode."""
    return {
        url: {
            f"{url[: url.index('/', 7)]}{path}"
            for path in item.images
            if mode.keeps == "all" or file_of(url, path).expected == "allow"
        }
        for url, item in everything()
        if isinstance(item, Page)
        and not item.moved_to
        and (item.fetchable if mode.keeps != "nothing" else last_word(item, fetch_reserved=False) == "allow")
    }


def file_of(url: str, path: str) -> File:
    """Give the file at a path of the site of a URL."""
    found = find(url[: url.index("/", 7)] + path)
    assert isinstance(found, File)
    return found


@pytest.mark.parametrize("mode", [SHIPPED, Mode(True, "pages"), Mode(True, "all")])
def test_no_corpus_differences(mode: Mode) -> None:
    assert list(corpus_differences(perfect_corpus(mode), mode)) == []


def test_corpus_differences() -> None:
    kept = perfect_corpus()
    gone = kept.pop("http://lantern-walks.example/")
    kept["http://pask-beekeepers.example/"] = gone
    lyrics = "http://hollow-lyrics.example/songs/lamp-above-the-weir.html"
    kept[lyrics] = set()
    room = "http://tidewater-gallery.example/rooms/the-tide-room.html"
    pictures = [f"http://tidewater-gallery.example/pictures/{number}.png" for number in ("00", "01")]
    kept[room] = set(pictures)
    assert list(corpus_differences(kept)) == [
        f"{lyrics} is reserved, and stands in the corpus",
        "http://pask-beekeepers.example/ is reserved, and stands in the corpus",
        "http://lantern-walks.example/ is not reserved, and is missing from the corpus",
        f"{room} should keep the images {pictures[:1]}, not {pictures}",
    ]


@pytest.mark.parametrize(
    ("action", "dry_run", "keeps", "fetches"),
    [("drop", False, "nothing", False), ("tag", False, "pages", True), ("drop", True, "all", True)],
)
def test_mode(action: str, dry_run: bool, keeps: str, fetches: bool) -> None:
    assert Mode.of(fetch_reserved=False, action=action, dry_run=dry_run) == Mode(fetches, keeps)


WORK: dict[str, Any] = {
    "stage": "item",
    "url": "http://a.example/song",
    "outcome": "pending",
    "waits_for": "person",
    "action": "drop",
    "reasons": [{"finding": "register-middle", "signal": "register", "outcome": "pending", "where": "SOCIA"}],
    "credits": {"titles": ["A Song", "Its Other Title"], "asset_class": "lyrics"},
    "register": {"rules": ["M3", "R6"]},
    "claims": [{"party": "SOCIA"}],
}


def test_an_item_has_the_last_word_on_its_page(tmp_path: Path) -> None:
    page = {"stage": "response", "url": WORK["url"], "outcome": "allow", "action": "keep", "reasons": []}
    for lines in ([page, WORK], [WORK, page]):
        drawn = tables(read_audit(written(tmp_path, *lines)), {"a.example": "nothing"})
        rows = [line.split() for line in drawn.splitlines()]
        assert rows[2] == ["a.example", "1", "0", "0", "1", "nothing"]
        assert rows[-1] == ["A", "Song", "lyrics", "a.example", "pending", "(person)", "M3", "SOCIA"]


def test_who_licensed_a_work(tmp_path: Path) -> None:
    licensed = {**WORK, "outcome": "allow", "waits_for": None, "reasons": [], "licences": [{"party": "socia"}]}
    unknown = {**licensed, "url": "http://a.example/x", "licences": [], "credits": [], "register": {"rules": []}}
    rows = [line.split() for line in tables(read_audit(written(tmp_path, licensed, unknown)), {}).splitlines()]
    assert rows[-1] == ["A", "Song", "lyrics", "a.example", "allow", "M3", "socia"]
    assert rows[-2] == ["?", "not", "told", "a.example", "allow", "-", "nobody"]


def test_many_who_claim_are_counted(tmp_path: Path) -> None:
    reasons = [{**WORK["reasons"][0], "where": f"Society {number}"} for number in range(10)]
    drawn = tables(read_audit(written(tmp_path, {**WORK, "reasons": reasons})), {})
    assert drawn.splitlines()[-1].endswith("Society 7 and 2 more")


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with (written(tmp_path, WORK) / "main-000001.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"schema": 1, "url"')
    with pytest.raises(ValueError, match="no whole line"):
        read_audit(tmp_path)


def test_trespasses() -> None:
    asked = [
        "http://sarn-archive.example/private/diary-of-a-toll-keeper.html",
        "http://sarn-archive.example/",
    ]
    assert list(trespasses(asked)) == [f"{asked[0]} was fetched, which robots.txt does not let us"]
