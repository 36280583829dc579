"""Web servers on loopback that tests program, and crawls against them.

Rule of this file: a server answers what a test wrote down and remembers what it was asked; nothing waits for luck.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web
from jsonschema import Draft202012Validator
from scrapy import Request, Spider, signals
from scrapy.utils.test import get_crawler

import optout_middleware.audit
from optout_middleware.audit.reading import Damage, Record, Run, records, runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response

ROOT = Path(__file__).parents[2]
TOKEN = "ExampleBot"
ADDON = "optout_middleware.crawl.OptOutAddon"
PAGE = b"<html><head><title>A page</title></head><body>Text.</body></html>"
ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
NOT_OURS = b"User-agent: ExampleBot\nDisallow: /closed\n"
RESERVED = b'[{"location": "/reserved", "tdm-reservation": 1}]'


@cache
def valid_line() -> Draft202012Validator:
    """Give the validator of lines, as the package publishes their schema."""
    schema = Path(optout_middleware.audit.__file__).parent / "schema" / "record-2.json"
    return Draft202012Validator(json.loads(schema.read_bytes()))


class Reply(NamedTuple):
    """What a server answers to a path."""

    body: bytes = PAGE
    status: int = 200
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """What a server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Site:
    """One server: the replies by path (others are 404), and all that it was asked, in order."""

    host: str = "127.0.0.1"
    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    before_reply: Callable[[str], Awaitable[None]] | None = None

    def url(self, path: str = "/") -> str:
        """Give the absolute URL of a path."""
        return f"http://{self.host}:{self.port}{path}"

    def says(self, path: str, body: bytes = PAGE, status: int = 200, **headers: str) -> str:
        """Set the reply to a path (header names with "_" for "-"); give its URL."""
        named = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.replies[path] = Reply(body, status, named)
        return self.url(path)

    def moves(self, path: str, target: str) -> str:
        """Redirect a path to a URL; give the URL of the path."""
        return self.says(path, b"", 302, Location=target)

    def times(self, path: str) -> int:
        """Count how often a path was asked for."""
        return sum(seen.path == path for seen in self.asked)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request; as a proxy too, for whatever host."""
        path = request.path_qs
        self.asked.append(Asked(request.method, path, dict(request.headers)))
        await request.read()
        if self.before_reply is not None:
            await self.before_reply(path)
        body, status, headers = self.replies.get(path, Reply(b"", 404))
        return web.Response(body=body, status=status, headers=headers)


class Web:
    """The servers of one test."""

    def __init__(self) -> None:
        self._runners: list[web.ServerRunner] = []

    async def site(self, *, host: str = "127.0.0.1") -> Site:
        """Start one more server; `host` is the name by which its URLs call it."""
        site = Site(host)
        runner = web.ServerRunner(web.Server(site.answer), shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        listening = web.TCPSite(runner, "127.0.0.1", 0)
        await listening.start()
        site.port = runner.addresses[0][1]
        return site

    async def close(self) -> None:
        """Stop all servers."""
        for runner in self._runners:
            await runner.cleanup()


class Pages(Spider):
    """Yields one item for each page, and follows the links that it was told."""

    name = "pages"
    urls: tuple[str, ...] = ()
    follows: Mapping[str, tuple[str, ...]] = {}

    async def start(self) -> AsyncIterator[Any]:
        """Start with the URLs."""
        for url in self.urls:
            yield self.request(url)

    def request(self, url: str) -> Request:
        """Make the request of a URL."""
        return Request(url, callback=self.parse, errback=self.failed, dont_filter=True)

    def parse(self, response: Response, **_: Any) -> Any:
        """Give an item, and the links of the page."""
        yield {"url": response.url}
        for link in self.follows.get(response.url, ()):
            yield response.follow(link, self.parse)

    def failed(self, failure: Any) -> Any:
        """Take a failure without a word."""


@dataclass
class Crawled:
    """What came of one crawl."""

    crawler: Crawler
    items: list[Any]
    dropped: list[Any]
    audit: Path

    @property
    def urls(self) -> list[str]:
        """The URLs of the items that passed, sorted."""
        return sorted(item["url"] for item in self.items)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of all runs in the audit directory, in order."""
        found = list(records([str(self.audit)])) if self.audit.exists() else []
        assert not [damage for damage in found if isinstance(damage, Damage)]
        for record in found:
            valid_line().validate(record.line if isinstance(record, Record) else None)
        return sorted((record.line for record in found if isinstance(record, Record)), key=itemgetter("time"))

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the only run."""
        (run,) = runs([str(self.audit)])
        assert isinstance(run, Run)
        return run.manifest

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Stage, outcome and action of each audit line."""
        return [(line["stage"], line["outcome"], line["action"]) for line in self.lines]

    @property
    def reason(self) -> str:
        """The finish_reason."""
        return str(self.stat("finish_reason"))

    def stat(self, name: str) -> Any:
        """Give a stat, 0 where it was not set."""
        return self.crawler.stats.get_value(name, 0)


@dataclass
class Crawls:
    """Runs crawls whose files stand below one directory."""

    directory: Path
    settings: dict[str, Any] = field(default_factory=dict)
    handlers: list[tuple[object, Callable[..., Any]]] = field(default_factory=list)
    crawler: Crawler | None = None

    @property
    def audit(self) -> Path:
        """The audit directory."""
        return self.directory / "audit"

    def all_settings(self, **more: Any) -> dict[str, Any]:
        """Give the settings of a crawl: the token, nothing outside of the directory, no waiting."""
        return {
            "ADDONS": {ADDON: 500},
            "OPTOUT_PRODUCT_TOKEN": TOKEN,
            "OPTOUT_AUDIT_DIR": str(self.audit),
            "OPTOUT_STORE": "",
            "OPTOUT_PROBE_BACK_OFF": [],
            "RETRY_TIMES": 1,
            **self.settings,
            **more,
        }

    async def __call__(self, spider: type[Spider] = Pages, *urls: str, **settings: Any) -> Crawled:
        """Crawl; names in lower case go to the spider, others are settings."""
        of_spider = {name: value for name, value in settings.items() if name.islower()}
        named = {name: value for name, value in settings.items() if not name.islower()}
        crawler = get_crawler(spider, self.all_settings(**named))
        self.crawler = crawler
        crawled = Crawled(crawler, [], [], self.audit)

        def scraped(item: Any) -> None:
            crawled.items.append(item)

        def dropped(item: Any) -> None:
            crawled.dropped.append(item)

        crawler.signals.connect(scraped, signals.item_scraped)
        crawler.signals.connect(dropped, signals.item_dropped)
        for signal, handler in self.handlers:
            crawler.signals.connect(handler, signal)
        await crawler.crawl_async(urls=urls, **of_spider)
        if crawler.engine.start_time is None:
            # Scrapy closes its download handlers when the engine stops, and so not where it never started.
            await crawler.engine.downloader.handlers._close()
        return crawled


class Ended(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines of the log at ERROR or CRITICAL."""
        return [line for line in self.err.splitlines() if " ERROR: " in line or " CRITICAL: " in line]


async def scrapy(*arguments: str, cwd: Path) -> Ended:
    """Run Scrapy's command in a process of its own, while the servers of the test go on."""
    process = await start_scrapy(*arguments, cwd=cwd)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def start_scrapy(
    *arguments: str, cwd: Path, before: Callable[[], None] | None = None
) -> asyncio.subprocess.Process:
    """Start Scrapy's command; `before` runs in the new process first."""
    python_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scrapy", *arguments,
        cwd=cwd, env={**kept, "PYTHONPATH": python_path}, preexec_fn=before,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
