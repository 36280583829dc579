"""The estimate: how a sample is shared out and drawn, what is kept of a list, and what the looks come to."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from datetime import datetime, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from optout_middleware.audit import sampling as audit_sampling
from optout_middleware.audit.estimate import (
    PAGES_PER_SITE,
    Figures,
    Group,
    Site,
    looked,
    plan,
    priority,
    size_class,
)
from optout_middleware.audit.sampling import Sampling, fingerprint
from optout_middleware.audit.url_lists import urls
from optout_middleware.decide import Site as Origin
from optout_middleware.policy import Policy, Profile
from optout_middleware.terms import Evidence, OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
LITERAL = Policy("ExampleCorpusBot", profile=Profile.LITERAL)
TOKENS = b"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n"
REFUSAL = b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n"
ABOUT = {"list": "list.txt", "sample": 60}


def look(robots: bytes, tdmrep: int = 404) -> dict[str, Any]:
    """Give what a look at a page comes to by what its site says."""
    files = [
        Evidence("http://news.example/robots.txt", 200, (), robots, AT),
        Evidence("http://news.example/.well-known/tdmrep.json", tdmrep, (), b"", AT),
    ]
    return looked(Origin.read(files, LITERAL).decide("http://news.example/a", at=AT), LITERAL)


FREE = look(b"")
CONSENSUS = look(TOKENS)
REFUSED = look(REFUSAL)
BOTH = look(TOKENS + b"\n" + REFUSAL)
UNREACHABLE = look(b"", 503)
FORBIDDEN = look(b"User-agent: *\nDisallow: /\n")


def silent(_: str, __: int, ___: int) -> None:
    """Take progress without a word."""


classes = st.dictionaries(st.integers(0, 20), st.integers(1, 5_000), min_size=1).map(
    lambda sites: {size: (count, count * 2**size) for size, count in sites.items()}
)


@given(classes, st.integers(1, 2_000))
def test_a_plan_covers_every_site_and_draws_what_was_asked(sizes: Mapping[int, tuple[int, int]], sample: int) -> None:
    """Each class lies in one stratum, none is left undrawn, and the parts add up to nearly the sample."""
    groups = plan(sizes, sample)
    sites, count = (sum(row[place] for row in sizes.values()) for place in (0, 1))
    assert (sum(group.sites for group in groups), sum(group.urls for group in groups)) == (sites, count)
    assert all(1 <= group.drawn <= group.sites for group in groups)
    assert all(first.most < second.least for first, second in pairwise(groups))
    drawn = sum(group.drawn for group in groups)
    assert drawn == sites if sites <= sample else sample <= drawn <= sample + 2 * len(groups)


def test_a_plan_takes_the_few_large_sites_whole() -> None:
    """Ten sites have half of all URLs: all of them are looked at, and the small ones get the rest."""
    groups = plan({0: (10_000, 10_000), 10: (10, 10_240)}, 100)
    assert [(group.sites, group.drawn) for group in groups] == [(10_000, 90), (10, 10)]


def test_a_list_of_few_sites_is_looked_at_whole() -> None:
    """Nothing is drawn where the sample would take every site."""
    assert plan({0: (3, 3), 4: (2, 40)}, 5) == [Group(0, 0, 3, 3, 3), Group(4, 4, 2, 40, 2)]


def test_classes_double() -> None:
    """1, 2 to 3, 4 to 7, ..."""
    assert [size_class(count) for count in (1, 2, 3, 4, 7, 8, 1_000_000)] == [0, 1, 1, 2, 2, 3, 19]


def test_priorities_are_even_and_differ_by_seed() -> None:
    """The least tenth of the names is a tenth of any kind of them, another one for another seed."""
    names = [f"h{number}.example" for number in range(10_000)]
    least = [{name for name in names if priority(seed, name) < 2**63 // 10} for seed in (1, 2)]
    assert all(900 < len(part) < 1_100 for part in least)
    assert 50 < len(least[0] & least[1]) < 150


def counted(figures: dict[str, Any], *way: str) -> float:
    """Give the share of pages at a place of the figures."""
    for name in way:
        figures = figures[name]
    return float(figures["pages"]["share"])


def test_figures_of_both_profiles() -> None:
    """Pages count each URL once, sites each site once; what one finding alone costs stands apart."""
    looks = [(90, FREE)], [(5, CONSENSUS)], [(3, REFUSED)], [(1, BOTH)], [(1, FORBIDDEN)]
    sites = [Site(f"h{number}.example", row[0][0], row) for number, row in enumerate(looks)]
    told = Figures([(Group(0, 9, 5, 100, 5), sites)]).to_dict()
    assert counted(told, "by_profile", "precautionary", "excluded") == pytest.approx(0.09)
    assert counted(told, "by_profile", "literal", "excluded") == pytest.approx(0.04)
    assert counted(told, "by_profile", "literal", "forbidden") == pytest.approx(0.01)
    assert told["by_profile"]["literal"]["excluded"]["sites"]["share"] == pytest.approx(2 / 5)
    assert counted(told, "price_of_caution") == pytest.approx(0.05)
    consensus = told["by_finding"]["training-consensus"]
    assert counted(consensus, "precautionary", "lost") == pytest.approx(0.06)
    assert counted(consensus, "precautionary", "only") == pytest.approx(0.05)
    assert counted(consensus, "literal", "lost") == 0
    assert counted(told["by_finding"], "refusal", "precautionary", "only") == pytest.approx(0.03)
    assert consensus["top_sites"] == [{"site": "h1.example", "pages": 5}, {"site": "h3.example", "pages": 1}]
    assert counted(told["by_signal"], "content-signal", "literal", "lost") == pytest.approx(0.04)


def test_what_nobody_could_look_at_is_not_kept() -> None:
    """It is pending for a probe under one profile and unknown under the other, and never "nothing said"."""
    told = Figures([(Group(0, 0, 1, 1, 1), [Site("h.example", 1, [(1, UNREACHABLE)])])]).to_dict()
    for profile, became in (("precautionary", "pending"), ("literal", "unknown")):
        found = told["by_profile"][profile]
        assert {name: row["pages"]["share"] for name, row in found.items() if row["pages"]["share"]} == {became: 1.0}
    assert told["by_waits_for"]["precautionary"]["probe"]["pages"]["share"] == 1.0


def test_strata_weigh_by_what_they_stand_for() -> None:
    """One large site in ten was drawn, and every small one: the large one stands for ten."""
    large, small = Site("large.example", 90, [(1, REFUSED), (1, FREE)]), Site("small.example", 100, [(2, FREE)])
    told = Figures([(Group(6, 6, 10, 900, 1), [large]), (Group(0, 0, 1, 100, 1), [small])]).to_dict()
    assert counted(told, "by_profile", "literal", "excluded") == pytest.approx(0.45)
    assert told["by_profile"]["literal"]["excluded"]["sites"]["share"] == pytest.approx(0.5 * 10 / 11, abs=1e-6)


def written(path: Path, sites: Mapping[str, int], *, more: str = "") -> str:
    """Write a list with so many URLs of each site, in turns."""
    rows = [f"http://{site}/{number}" for site, count in sites.items() for number in range(count)]
    path.write_text("\n".join(sorted(rows, key=lambda row: priority(9, row))) + f"\n{more}", "utf-8")
    return str(path)


def drawn(path: str, sample: int, *, seed: int = 1, state: str = "") -> dict[str, list[str]]:
    """Draw a sample; give the URLs of each drawn site."""
    sampling = Sampling(state, ABOUT)
    sampling.draw(path, "url", sample, seed, silent)
    found = {site: sampling.pages(site) for site in sampling.waiting()}
    sampling.close()
    return found


def test_a_sample_is_the_same_again_and_another_for_another_seed(tmp_path: Path) -> None:
    """The order of the list plays no part."""
    sites = {f"h{number}.example": 1 + number % 30 for number in range(300)}
    first = written(tmp_path / "a.txt", sites)
    lines = (tmp_path / "a.txt").read_text("utf-8").splitlines()
    (tmp_path / "b.txt").write_text("\n".join(reversed(lines)), "utf-8")
    found = drawn(first, 60)
    assert 60 <= len(found) <= 70
    assert drawn(str(tmp_path / "b.txt"), 60) == found
    other = drawn(first, 60, seed=2)
    assert set(other) != set(found)
    assert any(other[site] != found[site] for site in set(other) & set(found))
    assert all(len(pages) == min(sites[site], PAGES_PER_SITE) for site, pages in found.items())


def test_every_page_and_site_is_as_likely_as_its_like(tmp_path: Path) -> None:
    """Over many seeds, each site of one size is drawn about as often, and each of its pages."""
    path = written(tmp_path / "a.txt", {f"h{number}.example": 20 for number in range(10)})
    times: Counter[str] = Counter()
    for seed in range(200):
        for site, pages in drawn(path, 5, seed=seed).items():
            times.update([site, *(page.rpartition("/")[2] for page in pages)])
    assert all(70 <= times[f"h{number}.example"] <= 130 for number in range(10))
    assert all(420 <= times[str(number)] <= 580 for number in range(20))


def test_a_list_is_counted_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts that are written away in parts come to the same, and lines that are no URL are told."""
    path = written(tmp_path / "a.txt", {f"h{number}.example": 5 for number in range(20)}, more="ftp://x/\nnews\n")
    monkeypatch.setattr(audit_sampling, "_BATCH", 3)
    sampling = Sampling("", ABOUT)
    sampling.draw(path, "url", 10, 1, silent)
    counts = sampling.counts()
    assert (counts["urls"], counts["sites"], counts["not_urls"]) == (100, 20, 2)
    assert [(group.sites, group.urls) for group in sampling.groups] == [(20, 100)]


def test_urls_that_come_twice_count_twice(tmp_path: Path) -> None:
    """A site of which one page stands in the list three times and another once."""
    (tmp_path / "a.txt").write_text("http://h.example/a\n" * 3 + "http://h.example/b\n", "utf-8")
    sampling = Sampling("", ABOUT)
    sampling.draw(str(tmp_path / "a.txt"), "url", 10, 1, silent)
    sampling.save("h.example", {"http://h.example/a": REFUSED, "http://h.example/b": FREE})
    assert counted(Figures(sampling.seen()).to_dict(), "by_profile", "literal", "excluded") == 0.75


def test_an_interrupted_estimate_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was looked at is not looked at again, and the list is not read again."""
    path = written(tmp_path / "a.txt", {f"h{number}.example": 2 for number in range(5)})
    state = str(tmp_path / "state")
    first = Sampling(state, ABOUT)
    first.draw(path, "url", 5, 1, silent)
    site, *rest = first.waiting()
    first.save(site, dict.fromkeys(first.pages(site), FREE))
    first.close()
    (tmp_path / "a.txt").unlink()
    second = Sampling(state, ABOUT)
    second.draw(path, "url", 5, 1, silent)
    assert second.waiting() == rest
    second.close()


def test_an_interrupted_count_begins_anew(tmp_path: Path) -> None:
    """Half a count is none: nothing of it is left in the file."""
    path = written(tmp_path / "a.txt", {f"h{number}.example": 20_000 for number in range(2)})
    state = str(tmp_path / "state")
    first = Sampling(state, ABOUT)

    def stop(_: str, done: int, __: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.draw(path, "url", 5, 1, stop)
    first.close()
    second = Sampling(state, ABOUT)
    second.draw(path, "url", 5, 1, silent)
    assert second.counts()["urls"] == 40_000
    second.close()


def test_a_state_of_something_else_is_refused(tmp_path: Path) -> None:
    """Another estimate, another program's database and a file that is none are left as they are."""
    state = tmp_path / "state"
    Sampling(str(state), ABOUT).close()
    before = state.read_bytes()
    with pytest.raises(OptOutError, match="is of another estimate \\(sample 60 there\\)"):
        Sampling(str(state), {**ABOUT, "sample": 61})
    assert state.read_bytes() == before
    (tmp_path / "text").write_text("hello, this is a text that is no database at all" * 20)
    with pytest.raises(OptOutError, match="cannot be used"):
        Sampling(str(tmp_path / "text"), ABOUT)
    with pytest.raises(OptOutError, match="cannot be used"):
        Sampling(str(tmp_path / "none" / "state"), ABOUT)


def test_fingerprints_tell_lists_apart(tmp_path: Path) -> None:
    """A list that was changed is another one; one that is not there is told in one line."""
    path = tmp_path / "a.txt"
    path.write_text("a")
    before = fingerprint(str(path))
    path.write_text("ab")
    assert fingerprint(str(path)) != before
    with pytest.raises(OptOutError, match="cannot be read: No such file"):
        fingerprint(str(tmp_path / "b.txt"))


ROWS = ["http://a.example/1", "http://b.example/ü", "not a URL"]


def as_csv(delimiter: str) -> bytes:
    """Write the rows as CSV, with text in a column beside."""
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter)
    table.writerows([["text", "link"], *([f'a "line"\nand{delimiter} more', row] for row in ROWS)])
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", lambda: "\r\n".join(["# a list", "", *ROWS]).encode()),
        ("a", lambda: b"\xef\xbb\xbf" + "\n".join(ROWS).encode()),
        ("a.txt.gz", lambda: gzip.compress("\n".join(ROWS).encode())),
        ("a.csv", lambda: as_csv(",")),
        ("a.TSV", lambda: as_csv("\t")),
        ("a.csv.gz", lambda: gzip.compress(as_csv(","))),
    ],
)
def test_lists_of_each_kind(name: str, data: Callable[[], bytes], tmp_path: Path) -> None:
    """Text, CSV and TSV, plain or compressed, with a byte order mark or without."""
    (tmp_path / name).write_bytes(data())
    assert list(urls(str(tmp_path / name), "link")) == ROWS


def test_lists_in_parquet(tmp_path: Path) -> None:
    """Only the one column is read; what is missing in it is left out."""
    path = str(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"text": ["x"] * 4, "link": [*ROWS, None]}), path, row_group_size=2)
    assert list(urls(path, "link")) == ROWS


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.csv", b"text,link\n", "has no column 'url': name one of its columns with --column \\(text, link\\)"),
        ("a.csv", b"", "has no column 'url'.*\\(none\\)"),
        ("a.parquet", b"no Parquet at all", "is no Parquet"),
        ("a.txt.gz", b"no gzip", "cannot be read"),
        ("a.txt.gz", gzip.compress(b"http://a.example/\n" * 100)[:30], "cannot be read"),
    ],
)
def test_lists_that_cannot_be_read(name: str, data: bytes, why: str, tmp_path: Path) -> None:
    """One line says what is wrong."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(OptOutError, match=why):
        list(urls(str(tmp_path / name), "url"))


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is the command that helps."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(OptOutError, match=r"pip install 'optout-middleware\[corpus\]'"):
        list(urls(str(tmp_path / "a.parquet"), "url"))


def test_a_list_without_any_url_is_a_mistake(tmp_path: Path) -> None:
    """It is told, and not divided by."""
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    with pytest.raises(OptOutError, match="has no http or https URL in its 2 lines"):
        Sampling("", ABOUT).draw(str(tmp_path / "a.txt"), "url", 5, 1, silent)


def test_reading_a_list_leaves_the_limit_of_csv_as_it_was(tmp_path: Path) -> None:
    """The limit holds for the whole process, and other readers of the package count on it."""
    path = tmp_path / "urls.csv"
    path.write_text("url,text\nhttps://h.example/,{}\n".format("x" * 200_000))
    before = csv.field_size_limit()
    assert list(urls(str(path), "url")) == ["https://h.example/"]
    assert csv.field_size_limit() == before
