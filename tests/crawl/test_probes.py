"""What a probe carries, which way it goes, and how many there are."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request
from scrapy.exceptions import IgnoreRequest
from scrapy.http import TextResponse
from scrapy.utils.test import get_crawler

from optout_middleware.crawl.fetch import EngineFetch
from optout_middleware.evidence.fetch import Limits

from .loopback import NOT_OURS, RESERVED, ROBOTS, TDMREP, TOKEN, Asked, Crawls, Pages, Site, Web

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy.http import Response

    from optout_middleware.terms import Evidence


def probes(site: Site) -> list[Asked]:
    """Give what a site was asked for by probes."""
    return [seen for seen in site.asked if seen.path in (ROBOTS, TDMREP)]


class Adds:
    """A middleware of the project that puts things into every request."""

    def process_request(self, request: Request) -> None:
        """Add a header, and take another User-Agent."""
        request.headers["X-Added"] = "secret"
        request.headers.setdefault("X-Default", "secret")
        request.headers.appendlist("X-More", ["secret"])
        request.headers.update({"X-Updated": "secret"})
        request.headers["User-Agent"] = f"{TOKEN} in disguise"


class Logs(Pages):
    """Has cookies and credentials for each page."""

    def request(self, url: str) -> Request:
        """Make a request with all of it."""
        return Request(
            url, cookies={"session": "secret"}, errback=self.failed,
            headers={"Referer": "http://secret.example/", "Authorization": "secret"},
        )  # fmt: skip


async def test_probe_carries_nothing_of_the_project(site: Site, crawl: Crawls) -> None:
    """No cookie, credential or header of project, spider or middleware goes with a probe; pages have them all."""
    site.says(ROBOTS, NOT_OURS, Set_Cookie="probed=1")
    await crawl(
        Logs, site.says("/a", Set_Cookie="tracked=2"), site.says("/b"), CONCURRENT_REQUESTS=1,
        HTTPAUTH_USER="me", HTTPAUTH_PASS="secret", HTTPAUTH_DOMAIN=None,
        DEFAULT_REQUEST_HEADERS={"X-Project": "secret", "Cookie": "c=secret", "Authorization": "secret"},
        DOWNLOADER_MIDDLEWARES={Adds: 740}, OPTOUT_CONTACT_URL="https://bot.example/",
    )  # fmt: skip
    assert len(probes(site)) == 2
    page = next(seen for seen in site.asked if seen.path == "/b")
    assert {"X-Added", "X-Default", "X-More", "X-Updated", "X-Project", "Authorization", "Cookie"} <= set(page.headers)
    assert "tracked=2" in page.headers["Cookie"]
    assert "probed" not in page.headers["Cookie"]
    for probe in probes(site):
        carried = {name for name in probe.headers if name not in ("Host", "Accept-Encoding", "Content-Length")}
        assert carried == {"User-Agent"}
        assert probe.headers["User-Agent"].startswith(f"{TOKEN}/")
        assert probe.headers["User-Agent"].endswith(" (+https://bot.example/)")


class OnSite(Pages):
    """May leave its host for nothing."""

    allowed_domains = ("127.0.0.1",)


async def test_probe_may_leave_the_domains_of_the_spider(web: Web, crawl: Crawls) -> None:
    """A robots.txt that stands on another host is read, whatever domains the spider is kept to."""
    one, two = await web.site(), await web.site(host="localhost")
    one.moves(ROBOTS, two.says("/robots", NOT_OURS))
    crawled = await crawl(OnSite, one.says("/open"), one.says("/closed"))
    assert crawled.urls == [one.url("/open")]
    assert two.times("/robots") == 1


class Proxied(Pages):
    """Goes through a proxy."""

    proxy: Any = None

    def request(self, url: str) -> Request:
        """Make a request that goes through the proxy."""
        return Request(url, meta={"proxy": self.proxy}, errback=self.failed)


async def test_probe_goes_through_the_proxy_of_the_page(site: Site, crawl: Crawls) -> None:
    """A probe takes the page's proxy with its credentials, also for the host that a redirect leads to."""
    site.says(ROBOTS, NOT_OURS)
    site.says("/end")
    site.moves("/a", "http://other.example/end")
    crawled = await crawl(Proxied, "http://news.example/a", proxy=f"http://me:pw@127.0.0.1:{site.port}")
    assert crawled.urls == ["http://other.example/end"]
    asked = [(seen.headers["Host"], seen.path) for seen in site.asked]
    assert asked == [
        ("news.example", ROBOTS), ("news.example", TDMREP), ("news.example", "/a"),
        ("other.example", ROBOTS), ("other.example", TDMREP), ("other.example", "/end"),
    ]  # fmt: skip
    ours = "Basic " + base64.b64encode(b"me:pw").decode()
    assert {seen.headers.get("Proxy-Authorization") for seen in site.asked} == {ours}


async def test_no_proxy_of_another_page(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that goes without a proxy has its probes go without one, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert (await crawl(Proxied, site.says("/a"))).urls == [site.url("/a")]


async def test_hundred_requests_make_one_probe_a_location(site: Site, crawl: Crawls) -> None:
    """However many requests wait for a new host, each of its locations is asked for once."""
    waiting = 0

    async def wait_for_all(path: str) -> None:
        nonlocal waiting
        if path == ROBOTS:
            assert crawl.crawler is not None
            while len(crawl.crawler.engine.downloader.active) <= 100:  # noqa: ASYNC110 - the engine has no event for it
                await asyncio.sleep(0.001)
            waiting = len(crawl.crawler.engine.downloader.active) - 1

    site.before_reply = wait_for_all
    urls = [site.says(f"/{number}") for number in range(100)]
    crawled = await crawl(Pages, *urls, CONCURRENT_REQUESTS=200, CONCURRENT_REQUESTS_PER_DOMAIN=200)
    assert waiting == 100
    assert (site.times(ROBOTS), site.times(TDMREP)) == (1, 1)
    assert len(crawled.items) == 100
    assert crawled.stat("optout/probe/robots.txt/answered") == crawled.stat("optout/probe/tdmrep.json/answered") == 1


@pytest.mark.parametrize("concurrency", [1, 16])
async def test_probes_do_not_block_the_page(site: Site, crawl: Crawls, concurrency: int) -> None:
    """With one request at a time in all, and one a host, a page still gets its probes."""
    limits = {"CONCURRENT_REQUESTS": concurrency, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}
    assert len((await crawl(Pages, site.says("/a"), site.says("/b"), **limits)).items) == 2


async def test_next_crawl_starts_warm(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """With a store on disk the next crawl makes no probe, and decides the same."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED)
    store = str(tmp_path / "deep" / "store.sqlite")
    urls = [site.says(path) for path in ("/open", "/closed", "/reserved")]
    first = await crawl(Pages, *urls, OPTOUT_STORE=store)
    second = await crawl(Pages, *urls, OPTOUT_STORE=store)
    assert len(probes(site)) == 2
    assert first.urls == second.urls == urls[:1]
    assert (first.stat("optout/site/store"), second.stat("optout/site/store")) == (0, 1)


async def fetched(
    url: str, limits: Limits, *, middleware: type | None = None, known: Evidence | None = None, proxy: str | None = None
) -> Evidence:
    """Fetch one URL on the engine of a crawl that is under way."""
    told: list[Evidence] = []

    class Fetches(Pages):
        async def start(self) -> Any:
            fetch = EngineFetch(self.crawler, Request("data:,", meta={"proxy": proxy}), object())
            told.append(await fetch(url, limits, known))
            if not told:
                yield

    settings: dict[str, Any] = {"USER_AGENT": TOKEN, "DOWNLOADER_MIDDLEWARES": {middleware: 50} if middleware else {}}
    await get_crawler(Fetches, settings).crawl_async()
    return told[0]


async def test_redirects_are_seen_hop_by_hop(web: Web) -> None:
    """A fetch follows redirects across hosts and keeps each hop with its headers."""
    one, two = await web.site(), await web.site(host="localhost")
    two.says("/end", b"end")
    one.moves("/two", two.url("/end"))
    one.moves("/one", "/two")
    seen = await fetched(one.url("/one"), Limits())
    assert (seen.url, seen.status, seen.final_url, seen.body) == (one.url("/one"), 200, two.url("/end"), b"end")
    assert [(hop.url, hop.status) for hop in seen.hops] == [(one.url("/one"), 302), (one.url("/two"), 302)]
    assert ("location", "/two") in seen.hops[0].headers


async def test_too_many_redirects(site: Site) -> None:
    """Where more redirects come than are followed, the last answer is the evidence (RFC 9309 section 2.3.1.2)."""
    site.moves("/loop", "/loop")
    seen = await fetched(site.url("/loop"), Limits(max_redirects=5))
    assert (seen.status, len(seen.hops), seen.error) == (302, 5, "more than 5 redirects")
    assert site.times("/loop") == 6


async def test_redirect_to_no_website(site: Site) -> None:
    """A redirect to another scheme leads nowhere."""
    seen = await fetched(site.moves("/a", "file:///etc/passwd"), Limits())
    assert (seen.status, seen.error) == (302, "redirected to something that is not an http(s) URL")


async def test_long_file_is_cut(site: Site) -> None:
    """A file that is longer than the limit is cut there, and the evidence says so."""
    seen = await fetched(site.says("/long", b"x" * 30_000), Limits(max_bytes=10_000))
    assert (seen.status, seen.truncated, len(seen.body), seen.error) == (200, True, 10_000, None)


async def test_endless_file_is_a_failure(site: Site) -> None:
    """A file that says to be many times longer than the limit is not read at all."""
    seen = await fetched(site.says("/long", b"x" * 20_000), Limits(max_bytes=1_000))
    assert seen.status is None
    assert (seen.error or "").startswith("DownloadCancelledError: ")


async def test_slow_answer_is_a_failure(site: Site) -> None:
    """A probe does not wait longer than its own limit."""
    never = asyncio.Event()

    async def wait(_path: str) -> None:
        await never.wait()

    site.before_reply = wait
    seen = await fetched(site.says("/slow"), Limits(timeout=0.05))
    never.set()
    assert seen.status is None
    assert (seen.error or "").startswith("DownloadTimeoutError: ")


class Refuses:
    """A middleware that refuses every request, in more than one line."""

    def process_request(self, request: Request) -> None:
        """Refuse."""
        raise IgnoreRequest("not\n today")


class Caches:
    """A middleware that answers out of a cache."""

    def process_request(self, request: Request) -> Response:
        """Answer."""
        return TextResponse(request.url, flags=["cached", "partial"], body=b"old")


async def test_whatever_middlewares_do_is_evidence(site: Site) -> None:
    """A refusal is one line; an answer from a cache, and one that is not whole, say that they are."""
    refused = await fetched(site.url("/a"), Limits(), middleware=Refuses)
    assert (refused.status, refused.error) == (None, "IgnoreRequest: not today")
    cached = await fetched(site.url("/a"), Limits(), middleware=Caches)
    assert (cached.from_cache, cached.error) == (True, "the response is not whole")
