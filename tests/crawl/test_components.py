"""Beside other parts of Scrapy: HTTP cache, JOBDIR, sitemaps, middlewares, inline requests, robots_parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request, signals
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import CloseSpider, IgnoreRequest
from scrapy.http import HtmlResponse
from scrapy.spiders import SitemapSpider

from .loopback import NOT_OURS, RESERVED, ROBOTS, TDMREP, Crawls, Pages, Site, Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from scrapy.http import Response
    from scrapy.robotstxt import RobotParser


async def test_http_cache(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A cached page is judged by today's files, which no cache answers, and its evidence is as old as the cache."""
    cache = {"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": str(tmp_path / "httpcache")}
    url, header = site.says("/reserved"), site.says("/header", X_Robots_Tag="noai")
    first = await crawl(Pages, url, header, **cache)
    assert first.urls == [url]
    second = await crawl(Pages, url, header, **cache)
    assert second.stat("httpcache/hit") == 2
    assert (site.times("/reserved"), site.times("/header"), site.times(ROBOTS), site.times(TDMREP)) == (1, 1, 2, 2)
    assert second.urls == [url]
    of_header = [line for line in second.lines if line["url"] == header]
    assert of_header[1]["reasons"][0]["time"] < of_header[0]["at"] < of_header[1]["at"]
    site.says(TDMREP, RESERVED)
    assert (await crawl(Pages, url, header, **cache)).items == []


class Stops(Pages):
    """Stops at the first page where it is told to, with a page in the queue."""

    stop = True
    follow = ""

    def parse(self, response: Response, **_: Any) -> Any:
        """Queue two pages, then stop."""
        yield {"url": response.url}
        if self.stop and self.follow:
            yield response.follow("/reserved", self.parse, errback=self.failed)
            yield response.follow(self.follow, self.parse, errback=self.failed)
            raise CloseSpider("enough")


async def test_resumed_from_jobdir(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """After a resume nothing is in memory: what waits in the queue is judged again, and keeps its links."""
    site.says("/reserved")
    site.says("/later", X_Robots_Tag="noai")
    job = {"JOBDIR": str(tmp_path / "job"), "CONCURRENT_REQUESTS": 1}
    first = await crawl(Stops, site.says("/a"), follow="/later", **job)
    assert (first.reason, first.urls) == ("enough", [site.url("/a")])
    site.says(TDMREP, RESERVED)
    second = await crawl(Stops, stop=False, **job)
    assert second.reason == "finished"
    assert sorted(second.told[1:]) == [("request", "deny", "drop"), ("response", "deny", "drop")]
    assert (site.times("/reserved"), site.times("/later"), second.items) == (0, 1, [])


class Map(SitemapSpider):
    """Crawls a sitemap that robots.txt names."""

    name = "map"
    urls: tuple[str, ...] = ()

    async def start(self) -> AsyncIterator[Any]:
        """Start with robots.txt."""
        self.sitemap_urls = self.urls
        async for request in super().start():
            yield request

    def parse(self, response: Response, **_: Any) -> Any:
        """Give an item."""
        yield {"url": response.url}


async def test_sitemap_spider(site: Site, crawl: Crawls) -> None:
    """A sitemap spider reads robots.txt, and each page of the map is judged."""
    site.says(ROBOTS, NOT_OURS + f"Sitemap: {site.url('/map.xml')}\n".encode())
    entries = "".join(f"<url><loc>{site.says(path)}</loc></url>" for path in ("/open", "/closed"))
    site.says("/map.xml", f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode(),
              Content_Type="application/xml")  # fmt: skip
    crawled = await crawl(Map, site.url(ROBOTS))
    assert crawled.urls == [site.url("/open")]
    assert site.times("/closed") == 0


class Renders:
    """A middleware of the project that answers before ours is asked."""

    def process_request(self, request: Request) -> Response | None:
        """Answer all pages."""
        path = request.url.rpartition("/")[2]
        if path in ("robots.txt", "tdmrep.json"):
            return None
        headers = {"X-Robots-Tag": "noai"} if path == "header" else {}
        return HtmlResponse(request.url, headers=headers, body=b"<html></html>")


async def test_response_of_a_middleware_before_ours(site: Site, crawl: Crawls) -> None:
    """A response that passed no request step is judged: what may not be fetched or used reaches nobody."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED)
    pages = [site.url(path) for path in ("/open", "/closed", "/reserved", "/header")]
    crawled = await crawl(Pages, *pages, DOWNLOADER_MIDDLEWARES={Renders: 50})
    assert crawled.urls == [site.url("/open")]
    assert sorted(crawled.told) == [
        ("request", "deny", "drop"), ("request", "deny", "drop"), ("response", "allow", "keep"),
        ("response", "deny", "drop"),
    ]  # fmt: skip
    assert crawled.stat("optout/item/unjudged") == 0


class Moves:
    """A middleware of the project whose responses come from elsewhere, as a browser's do after it was redirected."""

    elsewhere = ""

    def process_response(self, request: Request, response: Response) -> Response:
        """Say where the page is."""
        return response.replace(url=self.elsewhere) if request.url.endswith("/a") else response


async def test_response_from_elsewhere(web: Web, crawl: Crawls) -> None:
    """The URL that a response says it came from is judged with the one that was asked for."""
    one, two = await web.site(), await web.site(host="localhost")
    two.says(TDMREP, RESERVED)
    Moves.elsewhere = two.url("/reserved")
    crawled = await crawl(Pages, one.says("/a"), DOWNLOADER_MIDDLEWARES={Moves: 600})
    assert crawled.items == []
    assert [(line["url"], line["final_url"], line["outcome"]) for line in crawled.lines] == [
        (one.url("/a"), two.url("/reserved"), "deny")
    ]


class Inline(Pages):
    """Fetches a second page inside of a callback."""

    second = ""

    async def parse(self, response: Response, **_: Any) -> Any:
        """Put what the second page says into the item of the first."""
        try:
            more = await self.crawler.engine.download_async(Request(self.second))
        except IgnoreRequest as refusal:
            yield {"url": response.url, "refusal": str(refusal)}
        else:
            yield {"url": response.url, "more": more.url}


async def test_response_from_where_we_may_not_fetch(web: Web, crawl: Crawls) -> None:
    """A page out of a place that robots.txt closes to us is passed on in no mode."""
    one, two = await web.site(), await web.site(host="localhost")
    two.says(ROBOTS, NOT_OURS)
    Moves.elsewhere = two.url("/closed")
    one.says("/a")
    for mode in ({"OPTOUT_ACTION": "tag"}, {"OPTOUT_DRY_RUN": True}):
        crawled = await crawl(Pages, one.url("/a"), DOWNLOADER_MIDDLEWARES={Moves: 600}, **mode)
        assert crawled.items == []
        assert crawled.told[-1] == ("response", "deny", "drop")


@pytest.mark.parametrize("path", ["/closed", "/reserved", "/header"])
async def test_inline_request(site: Site, crawl: Crawls, path: str) -> None:
    """What a callback fetches inside gets into an item of another page, so in drop mode a denied one is refused."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED)
    site.says("/header", X_Robots_Tag="noai")
    crawled = await crawl(Inline, site.says("/a"), second=site.url(path))
    (item,) = crawled.items
    assert item["refusal"].startswith("opt-out: ")
    crawled = await crawl(Inline, site.url("/a"), second=site.says("/open"))
    assert crawled.items[0]["more"] == site.url("/open")


async def test_robots_parsed(web: Web, crawl: Crawls) -> None:
    """The signal comes once for each robots.txt that was fetched, with a parser of its rules, and on whose behalf."""
    one, two, three = await web.site(), await web.site(), await web.site()
    one.says(ROBOTS, NOT_OURS)
    two.says(ROBOTS, NOT_OURS, 404)
    three.says(ROBOTS, b"", 503)
    parsed: list[tuple[str, bool]] = []

    def told(robotparser: RobotParser, request: Request) -> None:
        parsed.append((request.url, robotparser.allowed("http://any.example/closed", "ExampleBot")))

    crawl.handlers.append((signals.robots_parsed, told))
    await crawl(Pages, one.says("/a"), one.says("/b"), two.says("/a"), three.says("/a"), CONCURRENT_REQUESTS=1)
    assert parsed == [(one.url("/a"), False), (two.url("/a"), True)]


@pytest.mark.parametrize("key", [RobotsTxtMiddleware, "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware"])
async def test_robotstxt_obey_is_normal(site: Site, crawl: Crawls, key: Any) -> None:
    """With ROBOTSTXT_OBEY, and wherever the project put Scrapy's middleware, robots.txt is fetched once, by us."""
    crawled = await crawl(Pages, site.says("/a"), ROBOTSTXT_OBEY=True, DOWNLOADER_MIDDLEWARES={key: 120})
    assert crawled.urls == [site.url("/a")]
    assert site.times(ROBOTS) == 1
    assert crawled.stat("robotstxt/request_count") == 0
