"""The evidence archive of real crawls: what they keep, and that every line is derived from it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.replay import Replay
from optout_middleware.evidence.archive import Archive, ArchiveError
from optout_middleware.evidence.archive_reader import ArchiveReader

from .loopback import NOT_OURS, PAGE, RESERVED, ROBOTS, TDMREP, Pages

if TYPE_CHECKING:
    from pathlib import Path

    from .loopback import Crawls, Site, Web

LONG = b"<p>" + b"What the page says. " * 300
NOAI = b'<head><meta name="robots" content="noai"></head>' + LONG
LIFTED = b'<head><meta name="tdm-reservation" content="0"></head>' + LONG


def fill(site: Site) -> list[str]:
    """Let a site say something of everything; give the URLs to crawl."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED, Content_Type="application/json")
    return [
        site.says("/plain", PAGE + LONG), site.says("/noai", NOAI), site.says("/header", LONG, X_Robots_Tag="noai"),
        site.says("/closed", PAGE), site.says("/reserved", LIFTED), site.says("/bot", LONG, X_Robots_Tag="xbot: noai"),
        site.moves("/old", "/plain"), site.says("/moved", b"", 302, Location="/plain", X_Robots_Tag="noarchive"),
        site.url("/gone"), "data:,own",
    ]  # fmt: skip


def replayed(directory: Path) -> tuple[list[Any], Any]:
    """Replay an audit directory."""
    replay = Replay([str(directory)], ArchiveReader([directory]))
    return list(replay.differences()), replay.counts


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"OPTOUT_ACTION": "tag"}, {"OPTOUT_DRY_RUN": True}, {"OPTOUT_FETCH_RESERVED": True},
        {"OPTOUT_PROFILE": "literal"}, {"OPTOUT_LOCATIONS": "all"}, {"OPTOUT_NATURAL_LANGUAGE": "robots.txt,page"},
    ],
    ids=str,
)  # fmt: skip
async def test_every_line_is_derived_again(site: Site, crawl: Crawls, settings: dict[str, Any]) -> None:
    """Whatever the settings, replay finds no difference, and nothing that it cannot derive."""
    crawled = await crawl(Pages, *fill(site), **settings)
    assert crawled.reason == "finished"
    found, counts = replayed(crawl.audit)
    assert found == []
    assert (counts.lines, counts.same) == (len(crawled.lines), len(crawled.lines))
    assert counts.lines >= 9


async def test_two_crawls_with_one_store(site: Site, web: Web, crawl: Crawls, tmp_path: Path) -> None:
    """A later crawl that asks nothing anew archives what it decides by; a failure between them is archived too."""
    other, urls = await web.site(), fill(site)
    other.says(ROBOTS, NOT_OURS)
    urls.append(other.says("/page", PAGE))
    store = {"OPTOUT_STORE": str(tmp_path / "store.sqlite")}
    await crawl(Pages, *urls, **store)
    asked = site.times(ROBOTS)
    crawled = await crawl(Pages, *urls, **store)
    assert (site.times(ROBOTS), crawled.reason) == (asked, "finished")
    found, counts = replayed(crawl.audit)
    assert (found, counts.same) == ([], len(crawled.lines))


async def test_what_is_kept(site: Site, crawl: Crawls) -> None:
    """Probes are kept whole, of allowed pages the head, of others what spoke; the text of none, and no cookie."""
    crawled = await crawl(Pages, *fill(site)[:3], site.says("/cookie", LONG, Set_Cookie="a=secret"))
    reader = ArchiveReader([crawl.audit])
    kept = [archived.evidence for archived in reader.verified()]
    assert not [seen.url for seen in kept if b"What the page says" in seen.body]
    assert {seen.url: seen.status for seen in kept} == {
        site.url(path): status
        for path, status in (
            (ROBOTS, 200),
            (TDMREP, 200),
            ("/plain", 200),
            ("/noai", 200),
            ("/header", 200),
            ("/cookie", 200),
        )
    }
    assert "secret" not in str([seen.headers for seen in kept])
    assert [line["kept"] != "" for line in crawled.lines] == [True] * 4
    assert crawled.stat("optout/archive/records") == 6
    assert crawled.stat("optout/archive/pages") == 4


async def test_sample(site: Site, crawl: Crawls) -> None:
    """Of pages that said nothing none is kept where none is asked for; that their lines lack them is counted."""
    crawled = await crawl(Pages, *fill(site), OPTOUT_ARCHIVE_PAGES="none")
    found, counts = replayed(crawl.audit)
    pages = [line for line in crawled.lines if line["size"] is not None and line["url"] != "data:,own"]
    silent = sum("kept" not in line for line in pages)
    assert found == []
    assert counts.not_derivable == {"page-not-sampled": silent}
    assert crawled.stat("optout/archive/pages_not_sampled") == silent + 1 > 1


async def test_no_archive(site: Site, crawl: Crawls) -> None:
    """Without a directory there is no archive, and replay counts every line by what is missing."""
    crawled = await crawl(Pages, site.says("/plain"), OPTOUT_ARCHIVE="")
    assert not (crawl.audit / "archive").exists()
    assert crawled.urls == [site.url("/plain")]
    _, counts = replayed(crawl.audit)
    assert counts.not_derivable.total() == 1


async def test_archive_elsewhere(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """An absolute directory is where the archive stands."""
    await crawl(Pages, site.says("/plain"), OPTOUT_ARCHIVE=str(tmp_path / "elsewhere"))
    replay = Replay([str(crawl.audit)], ArchiveReader([crawl.audit, tmp_path / "elsewhere"]))
    assert (list(replay.differences()), replay.counts.same) == ([], 1)


async def test_archive_that_cannot_be(
    site: Site, crawl: Crawls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A directory that cannot be made keeps the crawl from starting, with one line."""
    (tmp_path / "file").write_text("")
    await crawl(Pages, site.says("/plain"), OPTOUT_ARCHIVE=str(tmp_path / "file" / "archive"))
    (error,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert error.startswith("evidence archive ")
    assert site.asked == []


@pytest.mark.parametrize("failing", ["keep", "keep_page"])
async def test_archive_that_fails(
    site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once the archive cannot be written nothing passes, and the crawl is closed."""

    def fail(*_: object) -> str:
        raise ArchiveError("evidence archive: No space left on device")

    monkeypatch.setattr(Archive, failing, fail)
    crawled = await crawl(Pages, site.says("/plain"), site.says("/more"))
    assert (crawled.items, crawled.reason.startswith("optout_")) == ([], True)
    assert "No space left on device" in caplog.text
