"""Crawls that do not start: one line that says what to do, nothing fetched, a finish_reason of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.utils.misc import build_from_crawler
from scrapy.utils.test import get_crawler, get_reactor_settings

from optout_middleware.audit.log import AuditError
from optout_middleware.crawl.downloader import OptOutDownloaderMiddleware
from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.pipeline import OptOutPipeline
from optout_middleware.crawl.spider import OptOutSpiderMiddleware
from optout_middleware.terms import OptOutError

from .loopback import ROBOTS, Crawls, Pages, Site

if TYPE_CHECKING:
    from pathlib import Path


class OwnRobots(RobotsTxtMiddleware):
    """A robots.txt middleware of the project."""


class Before:
    """A pipeline of the project."""

    def process_item(self, item: Any) -> Any:
        """Pass."""
        return item


class OtherName(Pages):
    """Goes by another name, in its own settings."""

    custom_settings = {"USER_AGENT": "Mozilla/5.0"}  # noqa: RUF012 - as Scrapy has it


class OldName(Pages):
    """Goes by another name, in the attribute that Scrapy deprecates."""

    user_agent = "Mozilla/5.0"


SETTINGS = "optout_settings"
START = "optout_start"
REFUSED: list[Any] = [
    pytest.param({"OPTOUT_PRODUCT_TOKEN": None}, SETTINGS, "OPTOUT_PRODUCT_TOKEN is not set", id="no token"),
    pytest.param({"OPTOUT_PRODUCT_TOKEN": "Bot/1.0"}, SETTINGS, "'Bot/1.0'", id="no token by RFC 9309"),
    pytest.param({"USER_AGENT": "Mozilla/5.0"}, SETTINGS, "USER_AGENT 'Mozilla/5.0'", id="user agent"),
    pytest.param(
        {"DEFAULT_REQUEST_HEADERS": {"user-agent": "Mozilla/5.0"}}, SETTINGS, "'Mozilla/5.0'", id="user agent header"
    ),
    pytest.param({"OPTOUT_ENABLED": "maybe"}, SETTINGS, "OPTOUT_ENABLED: 'maybe'", id="enabled"),
    pytest.param({"OPTOUT_ACTION": "keep"}, SETTINGS, "OPTOUT_ACTION: 'keep'", id="action"),
    pytest.param(
        {"DOWNLOADER_MIDDLEWARES": {OwnRobots: 20}, "ROBOTSTXT_OBEY": True}, START, "OwnRobots", id="robots.txt"
    ),
    pytest.param({"ITEM_PIPELINES": {Before: 1, OptOutPipeline: 2}}, START, "Before is before", id="pipeline first"),
    pytest.param({"ITEM_PIPELINES": {OptOutPipeline: None}}, START, "OptOutPipeline is not in", id="no pipeline"),
    pytest.param(
        {"SPIDER_MIDDLEWARES": {OptOutSpiderMiddleware: None}}, START, "SPIDER_MIDDLEWARES", id="no spider middleware"
    ),
    pytest.param(
        {"DOWNLOADER_MIDDLEWARES": {OptOutDownloaderMiddleware: None}}, START, "DOWNLOADER_MIDDLEWARES",
        id="no downloader middleware",
    ),
]  # fmt: skip


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give what was logged as an error, with any stack trace."""
    return [
        record.getMessage() + (record.exc_text or "") for record in caplog.records if record.levelno >= logging.ERROR
    ]


@pytest.mark.parametrize(("settings", "reason", "text"), REFUSED)
async def test_crawl_is_closed_before_it_starts(
    site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], reason: str, text: str
) -> None:
    """Whatever is wrong is told in one line, and no request goes out."""
    crawled = await crawl(Pages, site.says("/a"), **settings)
    (told,) = errors(caplog)
    assert text in told
    assert "\n" not in told
    assert crawled.reason == reason
    assert site.asked == []


@pytest.mark.parametrize("spider", [OtherName, OldName])
@pytest.mark.filterwarnings("ignore:The 'user_agent' spider attribute")
async def test_spider_by_another_name(site: Site, crawl: Crawls, spider: type[Pages]) -> None:
    """What the spider calls itself must name the token too."""
    crawled = await crawl(spider, site.says("/a"))
    assert crawled.reason == SETTINGS
    assert site.asked == []


@pytest.mark.parametrize(("settings", "reason", "text"), [case for case in REFUSED if case.values[1] == SETTINGS])
async def test_crawl_of_a_runner_fails(
    site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], reason: str, text: str
) -> None:
    """Where a task runs the crawl, it ends with the error itself, so that a program gets to know it."""
    runner = AsyncCrawlerRunner({**get_reactor_settings(), **crawl.all_settings(**settings)})
    with pytest.raises(OptOutError, match="OPTOUT_"):
        await runner.crawl(Pages, urls=[site.says("/a")])
    assert len(errors(caplog)) == 1
    assert runner.bootstrap_failed
    assert site.asked == []


async def test_audit_directory_that_cannot_be(
    site: Site, crawl: Crawls, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A crawl whose log cannot be written does not start."""
    (tmp_path / "file").write_text("")
    settings = {"OPTOUT_AUDIT_DIR": str(tmp_path / "file" / "audit")}
    crawled = await crawl(Pages, site.says("/a"), **settings)
    assert crawled.reason == "optout_audit_unwritable"
    assert len(errors(caplog)) == 1
    runner = AsyncCrawlerRunner({**get_reactor_settings(), **crawl.all_settings(**settings)})
    with pytest.raises(AuditError, match="cannot be written"):
        await runner.crawl(Pages, urls=[site.url("/a")])
    assert site.asked == []


async def test_store_that_cannot_be(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A crawl whose store cannot be opened does not start, and closes its log."""
    (tmp_path / "file").write_text("this is no database")
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_STORE=str(tmp_path / "file"))
    assert crawled.reason == START
    assert site.asked == []
    assert crawled.manifest["closed"] is True


@pytest.mark.parametrize("face", [OptOutDownloaderMiddleware, OptOutSpiderMiddleware, OptOutPipeline])
async def test_face_without_extension(crawl: Crawls, face: type) -> None:
    """A component that finds no extension fails the crawl: a gate that cannot judge is none."""
    crawler = get_crawler(Pages, crawl.all_settings(EXTENSIONS={OptOut: None}))
    with pytest.raises(OptOutError, match="ADDONS"):
        build_from_crawler(face, crawler)


async def test_turned_off(site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture) -> None:
    """OPTOUT_ENABLED = False needs no token, is loud, leaves a line, and leaves robots.txt to Scrapy."""
    site.says(ROBOTS, b"User-agent: *\nDisallow: /closed\n")
    settings = {"OPTOUT_ENABLED": False, "OPTOUT_PRODUCT_TOKEN": None, "ROBOTSTXT_OBEY": True}
    crawled = await crawl(Pages, site.says("/a", X_Robots_Tag="noai"), site.says("/closed"), **settings)
    assert crawled.urls == [site.url("/a")]
    assert [(line["stage"], line["action"]) for line in crawled.lines] == [("run", "none")]
    (told,) = [record for record in caplog.records if "OPTOUT_ENABLED is False" in record.getMessage()]
    assert told.levelno == logging.WARNING


async def test_unknown_setting_is_told(site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture) -> None:
    """A setting that begins like ours and is none is told with what may have been meant."""
    await crawl(Pages, site.says("/a"), OPTOUT_DRYRUN=True)
    assert any("OPTOUT_DRY_RUN" in record.getMessage() for record in caplog.records)
