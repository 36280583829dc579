"""How requests reach the gate: redirects, retries, methods, hosts, ports, schemes, and meta that opens nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from optout_middleware.crawl.fetch import MARK

from .loopback import NOT_OURS, RESERVED, ROBOTS, TDMREP, Crawls, Pages, Site, Web

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scrapy.http import Response


async def test_redirect_to_a_host_that_reserves(web: Web, crawl: Crawls) -> None:
    """Each hop is judged for its own origin: what the first allows, the second may refuse."""
    one, two = await web.site(), await web.site(host="localhost")
    two.says(TDMREP, RESERVED)
    one.moves("/moved", two.says("/reserved"))
    crawled = await crawl(Pages, one.url("/moved"), one.moves("/fine", two.says("/open")))
    assert crawled.urls == [two.url("/open")]
    assert two.times("/reserved") == 0
    kept, refused = sorted(crawled.lines, key=lambda line: str(line["outcome"]))
    assert (kept["url"], kept["final_url"]) == (one.url("/fine"), two.url("/open"))
    assert (refused["stage"], refused["url"], refused["outcome"]) == ("request", two.url("/reserved"), "deny")


async def test_redirect_from_a_host_that_reserves(web: Web, crawl: Crawls) -> None:
    """The strictest decision over the chain counts, in tag mode too, where the first hop is fetched."""
    one, two = await web.site(), await web.site(host="localhost")
    one.says(TDMREP, RESERVED)
    one.moves("/reserved", two.says("/open"))
    crawled = await crawl(Pages, one.url("/reserved"), OPTOUT_ACTION="tag")
    (item,) = crawled.items
    assert (item["url"], item["optout"]["outcome"]) == (two.url("/open"), "deny")


async def test_meta_refresh_is_judged_as_a_redirect(web: Web, crawl: Crawls) -> None:
    """A page that refreshes to another host brings the other host's answer about."""
    one, two = await web.site(), await web.site(host="localhost")
    two.says(ROBOTS, NOT_OURS)
    to = two.says("/closed")
    one.says("/", f'<html><head><meta http-equiv="refresh" content="0; url={to}"></head></html>'.encode())
    crawled = await crawl(Pages, one.url())
    assert crawled.items == []
    assert two.times("/closed") == 0


async def test_redirect_within_a_site_to_a_closed_path(site: Site, crawl: Crawls) -> None:
    """A path that robots.txt closes stays closed when it is reached by a redirect."""
    site.says(ROBOTS, NOT_OURS)
    site.says("/closed")
    await crawl(Pages, site.moves("/way", "/closed"))
    assert (site.times("/way"), site.times("/closed")) == (1, 0)


@pytest.mark.parametrize(("locations", "asked"), [(("robots.txt", "tdmrep.json"), 0), ("all", 1)])
async def test_a_policy_is_looked_at_where_the_setting_says_so(
    site: Site, crawl: Crawls, locations: tuple[str, ...] | str, asked: int
) -> None:
    """What a TDMRep policy permits stands in the record, and lifts nothing."""
    rule = f'[{{"location": "/reserved", "tdm-reservation": 1, "tdm-policy": "{site.url("/policy.json")}"}}]'
    site.says(TDMREP, rule.encode())
    duty = b'{"permission": [{"action": "tdm:mine", "duty": [{"action": "compensate"}]}]}'
    site.says("/policy.json", duty, Content_Type="application/json")
    pages = [site.says(f"/reserved/{number}") for number in range(3)]
    crawled = await crawl(Pages, *pages, OPTOUT_LOCATIONS=locations, OPTOUT_PRIVATE_DOCUMENTS=True)
    assert (crawled.items, site.times("/policy.json")) == ([], asked)
    for line in crawled.lines:
        assert line["outcome"] == "deny"
        assert ("policy permits tdm:mine with duty compensate" in line["conditions"]) is bool(asked)
    assert crawled.crawler.stats.get_value("optout/probe/per_site") == (7 if asked else 2)


async def test_retry(site: Site, crawl: Crawls) -> None:
    """A retried page is judged once it answers, and has one line."""
    url = site.says("/shaky", b"", 503)

    async def recover(path: str) -> None:
        if path == "/shaky" and site.times(path) == 2:
            site.says("/shaky")

    site.before_reply = recover
    crawled = await crawl(Pages, url)
    assert crawled.urls == [url]
    assert crawled.stat("retry/count") == 1
    assert crawled.told == [("response", "allow", "keep")]


class Posts(Pages):
    """Posts to each URL."""

    def request(self, url: str) -> Request:
        """Make a POST."""
        return Request(url, method="POST", body="a=1", errback=self.failed)


async def test_post(site: Site, crawl: Crawls) -> None:
    """A POST is judged by its URL; a pending one is no seed, since a seed is a GET."""
    site.says(ROBOTS, NOT_OURS)
    crawled = await crawl(Posts, site.says("/form"), site.says("/closed"))
    assert crawled.urls == [site.url("/form")]
    assert [seen.method for seen in site.asked if seen.path == "/form"] == ["POST"]
    site.says(ROBOTS, b"", 500)
    await crawl(Posts, site.url("/form"))
    assert not list(crawl.audit.glob("*-pending.txt"))


async def test_ports_are_origins_of_their_own(web: Web, crawl: Crawls) -> None:
    """An address with a port has its own robots.txt (RFC 9309 section 2.3), and so has each name of the machine."""
    one, two = await web.site(), await web.site()
    one.says(ROBOTS, NOT_OURS)
    by_name = two.says("/closed").replace("127.0.0.1", "localhost")
    crawled = await crawl(Pages, one.says("/closed"), two.url("/closed"), by_name)
    assert crawled.urls == sorted([two.url("/closed"), by_name])
    assert two.times(ROBOTS) == 2


async def test_own_input_is_allowed(tmp_path: Path, crawl: Crawls) -> None:
    """data: and file: URLs are the operator's own input: allowed, with a note, and nobody is asked."""
    page = tmp_path / "page.html"
    page.write_text("<html></html>")
    crawled = await crawl(Pages, "data:text/html,hello", page.as_uri())
    assert crawled.urls == ["data:text/html,hello", page.as_uri()]
    assert [line["reasons"][0]["finding"] for line in crawled.lines] == ["own-input"] * 2


@pytest.mark.parametrize(("action", "items"), [("drop", 0), ("tag", 1)])
async def test_other_schemes_are_pending(crawl: Crawls, action: str, items: int) -> None:
    """ftp: has no location to ask, so it is pending, and no seed of a later crawl."""
    crawled = await crawl(Pages, "ftp://news.example/a", OPTOUT_ACTION=action, DOWNLOADER_MIDDLEWARES={ServesFtp: 50})
    assert len(crawled.items) == items
    assert [(line["outcome"], line["waits_for"]) for line in crawled.lines] == [("pending", "person")]
    assert not list(crawl.audit.glob("*-pending.txt"))


class ServesFtp:
    """Stands for a download handler of ftp:, which Scrapy has under Twisted only."""

    def process_response(self, request: Request, response: Response) -> Response:
        """Pass."""
        return response

    def process_request(self, request: Request) -> Response | None:
        """Answer."""
        return HtmlResponse(request.url) if request.url.startswith("ftp:") else None


class Opens(Pages):
    """Tries to open the gate by meta."""

    meta: Mapping[str, Any] = {}

    def request(self, url: str) -> Request:
        """Make a request with the meta."""
        return Request(url, meta=dict(self.meta), errback=self.failed)


@pytest.mark.parametrize(
    "meta", [{"dont_obey_robotstxt": True}, {MARK: True}, {MARK: "probe"}, {MARK: None}, {"redirect_urls": []}]
)
async def test_meta_opens_nothing(site: Site, crawl: Crawls, meta: dict[str, Any]) -> None:
    """Nothing that a spider can write into meta opens the gate."""
    site.says(ROBOTS, NOT_OURS)
    site.says("/closed")
    crawled = await crawl(Opens, site.url("/closed"), meta=meta)
    assert crawled.items == []
    assert site.times("/closed") == 0


async def test_dont_obey_robotstxt_is_told_once(site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture) -> None:
    """That dont_obey_robotstxt opens nothing is said once, however many requests have it."""
    urls = [site.says("/a"), site.says("/b")]
    with caplog.at_level(logging.WARNING):
        await crawl(Opens, *urls, meta={"dont_obey_robotstxt": True})
    assert sum("dont_obey_robotstxt" in record.getMessage() for record in caplog.records) == 1
