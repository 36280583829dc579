"""The training summary: each URL once, sizes by modality, the domains that are to be named, and what needs a person."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit import training_text
from optout_middleware.audit.training_data import kind_of, modality_of
from optout_middleware.audit.training_summary import training_summary
from optout_middleware.audit.unique_urls import UniqueUrls
from optout_middleware.terms import OptOutError

from .report_files import Writer

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 24)


def crawled(directory: Path, *, dry_run: bool = False) -> str:
    """Write a crawl: four pages and a picture are kept, one of them twice, and two pages are reserved."""
    crawl = Writer(
        directory, dry_run=dry_run, OPTOUT_MODEL="Example-1", OPTOUT_CONTACT_URL="https://example.org/bot",
        OPTOUT_REGISTER="none",
    )  # fmt: skip
    for path in ("/a", "/a#again", "/b", "/cat.jpg"):
        crawl.page("plain.example", path, size=500)
    crawl.page("mixed.example", "/open", size=100_000, credits={"asset_class": "lyrics"})
    for number in range(2):
        crawl.page("no.example", f"/{number}", size=9_000_000)
    crawl.close()
    return str(directory)


def field(summary: dict[str, Any], number: str) -> dict[str, Any]:
    """Give a field by its number."""
    found: dict[str, Any] = next(f for section in summary["sections"] for f in section["fields"] if f["id"] == number)
    return found


def test_what_was_collected(tmp_path: Path) -> None:
    """Each URL once, nothing that was left out, and it is marked as collected."""
    summary = training_summary([crawled(tmp_path / "audit")], [], made=DAY)
    assert summary["basis"] == "collected"
    assert field(summary, "2.3.7")["value"] == {
        "name": "all", "urls": 4, "octets": 101_500, "tokens": None, "domains": 2,
    }  # fmt: skip
    assert [(row["name"], row["urls"]) for row in field(summary, "1.6")["value"]] == [("text", 3), ("image", 1)]
    assert [(row["name"], row["octets"]) for row in field(summary, "2.3.8")["value"]] == [("mixed.example", 100_000)]
    assert field(summary, "2.3.4")["value"] == "2026-09-01 to 2026-09-01"
    assert field(summary, "2.3.6")["value"] == {"lyrics": 1}
    assert field(summary, "3.2")["value"]["reserved, left out"] == 2


def test_crawlers_and_measures(tmp_path: Path) -> None:
    """Names, purpose, behaviour and rules come from the manifests."""
    summary = training_summary([crawled(tmp_path / "audit")], [], made=DAY)
    (crawler,) = field(summary, "2.3.1")["value"]
    assert (crawler["product token"], crawler["operators"]) == ("ExampleCorpusBot", ["Example Labs"])
    assert crawler["contact"] == ["https://example.org/bot"]
    assert field(summary, "1.3")["value"] == ["Example-1"]
    assert field(summary, "2.3.2")["value"] == ["train-ai"]
    before = field(summary, "3.1")["value"]
    assert "reservations of works by their rightholders (register) were not asked for" in before
    assert any("noarchive was judged deny" in text for text in before)


def test_what_a_dry_run_stored_is_told(tmp_path: Path) -> None:
    """It stores what is reserved: that counts, and a note says so."""
    summary = training_summary([crawled(tmp_path / "audit", dry_run=True)], [], made=DAY)
    assert field(summary, "2.3.7")["value"]["urls"] == 6
    assert "Dry runs stored 2 pages that are reserved or pending; they count as collected." in summary["notes"]


ROWS: list[dict[str, Any]] = [
    {"url": "https://a.example/1", "text": "déjà", "tokens": 4},
    {"url": "https://a.example/1#x", "text": "again", "tokens": 9},
    {"url": "https://img.b.example/x.png", "media_type": "image/png; q=1", "size": 1_000, "tokens": 0},
    {"url": None, "text": "nowhere", "tokens": 1},
]


def corpus(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write rows in the format of the file's ending."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "corpus.jsonl.gz", "corpus.parquet"])
def test_what_is_in_the_training_set(tmp_path: Path, name: str) -> None:
    """With a corpus its rows are what is counted, whatever the logs have; rows without a URL are told."""
    rows = ROWS
    if name.endswith(".parquet"):  # a table has all columns: the first row of each URL names what it has
        names = ("url", "text", "tokens", "media_type", "size")
        rows = [{column: row.get(column) for column in names} for row in ROWS]
    summary = training_summary([crawled(tmp_path / "audit")], [corpus(tmp_path / name, rows)], made=DAY)
    assert summary["basis"] == "in the training set"
    total = field(summary, "2.3.7")["value"]
    assert (total["urls"], total["octets"], total["tokens"], total["domains"]) == (2, 1_006, 4, 2)
    assert {row["name"] for row in field(summary, "1.6")["value"]} == {"text", "image"}
    assert field(summary, "1.7")["value"] == "less than 1 billion tokens"
    assert "1 rows of the training set have no http(s) URL and are not counted." in summary["notes"]
    assert field(summary, "2.3.4")["value"] == "2026-09-01 to 2026-09-01"


@pytest.mark.parametrize(("sme", "count", "named"), [(False, 21, 3), (True, 21, 2), (True, 20_001, 1_000)])
def test_domains_that_are_named(tmp_path: Path, sme: bool, count: int, named: int) -> None:
    """The top 10 %; for small enterprises the top 5 % or 1,000, whichever is fewer; the largest first."""
    rows = [{"url": f"https://d{number}.example/", "size": number} for number in range(count)]
    summary = training_summary([], [corpus(tmp_path / "c.jsonl", rows)], made=DAY, sme=sme)
    domains = [row["name"] for row in field(summary, "2.3.8")["value"]]
    assert len(domains) == named
    assert domains[:2] == [f"d{count - 1}.example", f"d{count - 2}.example"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"uri": "x"}\n', "has no column 'url'"),
        (b"{]\n", "line 1: no JSON"),
        (b"[]\n", "line 1: no JSON object"),
        (b"", "has no column 'url'"),
    ],
)
def test_a_corpus_that_cannot_be_counted(tmp_path: Path, text: bytes, message: str) -> None:
    """One line says which file, where and why."""
    path = tmp_path / "c.jsonl"
    path.write_bytes(text)
    with pytest.raises(OptOutError, match=message):
        training_summary([], [str(path)], made=DAY)


def test_files_that_are_not_there_or_no_parquet(tmp_path: Path) -> None:
    """The same; and so is nothing at all."""
    (tmp_path / "c.parquet").write_bytes(b"no parquet")
    for corpora, message in (
        ([str(tmp_path / "none.jsonl")], "cannot be read"), ([str(tmp_path / "c.parquet")], "no Parquet"),
        ([], "name audit directories"),
    ):  # fmt: skip
        with pytest.raises(OptOutError, match=message):
            training_summary([], corpora, made=DAY)


def test_markdown_and_html_show_every_field(tmp_path: Path) -> None:
    """Empty ones too, and which need a person."""
    summary = training_summary([crawled(tmp_path / "audit")], [], made=DAY)
    text, page = training_text.markdown(summary), training_text.html(summary)
    fields = [f for section in summary["sections"] for f in section["fields"]]
    assert len(fields) > 20
    for each in fields:
        assert f"### {each['id']} {each['name']}" in text
        assert f"{each['id']} {each['name']}" in page
    asked = [f"{f['id']} {f['name']}" for f in fields if f["person"]]
    assert summary["needs_person"] == asked
    assert {"1.2 Authorised representative", "2.5 Synthetic data"} <= set(asked)
    assert "compare them with the official document" in text


URLS = st.tuples(st.sampled_from("abc"), st.integers(0, 9))


@given(st.lists(st.tuples(URLS, st.integers(0, 10**12)), max_size=60))
def test_counts_are_exact(rows: list[tuple[tuple[str, int], int]]) -> None:
    """Of any URLs in any order: the first row about each counts, and nothing is counted twice."""
    first: dict[tuple[str, int], int] = {}
    with UniqueUrls() as urls:
        for (host, number), size in rows:
            first.setdefault((host, number), size)
            urls.add(f"http://{host}.example/{number}", host, "text", "text/html", size, None)
        total, domains = urls.total(), list(urls.top_domains(9))
    assert (total.urls, total.octets or 0) == (len(first), sum(first.values()))
    assert {row.name: row.urls for row in domains} == {
        host: sum(1 for name, _ in first if name == host) for host in {host for host, _ in first}
    }


@pytest.mark.parametrize(
    ("url", "stated", "kind", "modality"),
    [
        ("http://a.example/", "", "text/html", "text"),
        ("http://a.example/x.PDF?d=1", "", "application/pdf", "text"),
        ("http://a.example/song.mp3", "", "audio/mpeg", "audio"),
        ("http://a.example/x", "Video/MP4", "video/mp4", "video"),
        ("http://a.example/x.zip", "", "application/zip", "other"),
        ("http://a.example/x.svg", "", "image/svg+xml", "image"),
    ],
)
def test_kinds(url: str, stated: str, kind: str, modality: str) -> None:
    """A stated media type counts before the ending of the path."""
    assert (kind_of(url, stated), modality_of(kind)) == (kind, modality)
