"""Crawls that share one store: two processes with a split seed list or one queue, and a server that is lost."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.reading import Record, Run, records, runs
from optout_middleware.audit.verify import verify

from .loopback import NOT_OURS, ROBOTS, TDMREP, TOKEN, Crawls, Ended, Pages, Site, Web, start_scrapy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RedisServer

SPIDER = """
import json
import scrapy

class Split(scrapy.Spider):
    name = "split"
    custom_settings = {settings}

    async def start(self):
        for url in json.load(open(self.seeds)):
            yield scrapy.Request(url)

    def parse(self, response):
        yield {{"url": response.url}}
"""
QUEUE = """
from scrapy_redis.spiders import RedisSpider

class Queue(RedisSpider):
    name = "queue"
    redis_key = "seeds"
    max_idle_time = 3
    custom_settings = {settings}

    def parse(self, response):
        yield {{"url": response.url}}
"""


def settings_of(store: str, **more: object) -> dict[str, object]:
    """Give the settings of a crawl in a process of its own."""
    return {
        "ADDONS": {"optout_middleware.crawl.OptOutAddon": 500}, "OPTOUT_PRODUCT_TOKEN": TOKEN,
        "OPTOUT_PROBE_BACK_OFF": [], "OPTOUT_STORE": store, "TELNETCONSOLE_ENABLED": False, **more,
    }  # fmt: skip


async def crawls(directory: Path, spider: str, *arguments: tuple[str, ...]) -> list[Ended]:
    """Run one spider in as many processes as there are arguments, at the same time."""
    (directory / "spider.py").write_text(spider)
    started = [await start_scrapy("runspider", "spider.py", *more, cwd=directory) for more in arguments]
    try:
        ends = await asyncio.wait_for(asyncio.gather(*(process.communicate() for process in started)), 90)
    except BaseException:
        for process in started:
            process.kill()
        raise
    return [
        Ended(process.returncode or 0, out.decode(), err.decode())
        for process, (out, err) in zip(started, ends, strict=True)
    ]


async def split(directory: Path, store: str, sites: list[Site], pages: int) -> list[Ended]:
    """Crawl so many pages of each site by two processes: one has the even pages, the other one the odd ones."""
    for half in (0, 1):
        urls = [site.url(f"/{number}") for number in range(half, pages, 2) for site in sites]
        (directory / f"seeds-{half}.json").write_text(json.dumps(urls))
    spider = SPIDER.format(settings=settings_of(store, CONCURRENT_REQUESTS=64))
    return await crawls(
        directory, spider, *(("-a", f"seeds=seeds-{half}.json", "-O", f"items-{half}.jsonl") for half in (0, 1))
    )


async def some_sites(web: Web, count: int, pages: int) -> list[Site]:
    """Start servers of which each closes one page and reserves another."""
    sites = [await web.site() for _ in range(count)]
    for site in sites:
        site.says(ROBOTS, NOT_OURS.replace(b"/closed", b"/1$"))
        site.says(TDMREP, b'[{"location": "/2", "tdm-reservation": 1}]', Content_Type="application/json")
        for number in range(pages):
            site.says(f"/{number}")
    return sites


def items(directory: Path) -> list[str]:
    """Give the URLs of the items of all processes."""
    files = directory.glob("items-*.jsonl")
    return sorted(json.loads(line)["url"] for file in files for line in file.read_text().splitlines())


def check_audit(directory: Path, expected: dict[str, int]) -> None:
    """Check that the two runs verify as one directory, and that their lines and totals are those of one crawl."""
    verdict = verify([str(directory / "audit")])
    assert verdict.findings == ()
    assert verdict.runs == 2
    found = records([str(directory / "audit")])
    lines = [record.line for record in found if isinstance(record, Record) and record.line.get("outcome")]
    assert Counter(line["outcome"] for line in lines) == expected
    assert len({line["url"] for line in lines}) == sum(expected.values())
    of_runs = [run for run in runs([str(directory / "audit")]) if isinstance(run, Run)]
    assert [run.manifest["closed"] for run in of_runs] == [True, True]
    assert len({run.manifest["policy_sha256"] for run in of_runs}) == 1
    for outcome, count in expected.items():
        assert sum(run.manifest["summary"][f"optout/page/{outcome}"] for run in of_runs) == count


@pytest.mark.parametrize("kind", ["redis", "sqlite"])
async def test_two_processes_make_one_probe(redis_server: RedisServer, web: Web, tmp_path: Path, kind: str) -> None:
    """Two crawls of the same sites at the same time ask each location once, and record as one crawl does."""
    store = redis_server.url if kind == "redis" else "shared.sqlite"
    sites = await some_sites(web, 20, 4)
    ended = await split(tmp_path, store, sites, 4)
    assert [(each.code, each.errors) for each in ended] == [(0, []), (0, [])]
    assert {(site.times(ROBOTS), site.times(TDMREP)) for site in sites} == {(1, 1)}
    assert {(site.times("/0"), site.times("/1"), site.times("/2"), site.times("/3")) for site in sites} == {
        (1, 0, 0, 1)
    }
    assert items(tmp_path) == sorted(site.url(path) for site in sites for path in ("/0", "/3"))
    check_audit(tmp_path, {"allow": 40, "deny": 40})


async def test_the_next_crawl_starts_warm(redis_server: RedisServer, site: Site, crawl: Crawls) -> None:
    """A crawl on another machine takes what the first one found; the manifest has no password of the store."""
    redis_server.client.config_set("requirepass", "hunter2")
    store = redis_server.url.replace("redis://", "redis://:hunter2@")
    await crawl(Pages, site.says("/a"), OPTOUT_STORE=store)
    again = await crawl(Pages, site.says("/a"), OPTOUT_STORE=store)
    assert (site.times(ROBOTS), site.times(TDMREP), site.times("/a")) == (1, 1, 2)
    assert again.stat("optout/site/store") == 1
    texts = [path.read_text() for path in crawl.audit.glob("run*.json")]
    assert len(texts) == 2
    assert not any("hunter2" in text for text in texts)
    assert all(f'"redis://127.0.0.1:{redis_server.port}/0"' in text for text in texts)


async def test_the_server_is_lost_in_mid_crawl(
    redis_server: RedisServer, web: Web, crawl: Crawls, caplog: pytest.LogCaptureFixture
) -> None:
    """The crawl goes on with probes of its own, says so once, and honours what it finds."""
    sites = await some_sites(web, 6, 3)

    async def killed(path: str) -> None:
        if path == "/0":
            redis_server.kill()

    sites[0].before_reply = killed
    urls = [site.url(f"/{number}") for site in sites for number in range(3)]
    done = await crawl(Pages, *urls, OPTOUT_STORE=redis_server.url, CONCURRENT_REQUESTS=1)
    assert done.reason == "finished"
    assert done.urls == sorted(site.url("/0") for site in sites)
    assert {(site.times(ROBOTS), site.times(TDMREP), site.times("/1"), site.times("/2")) for site in sites} == {
        (1, 1, 0, 0)
    }
    assert done.stat("optout/store/lost") == 1
    assert len([record for record in caplog.records if "is lost" in record.message]) == 1
    assert done.manifest["summary"]["optout/store/lost"] == 1


async def test_no_server_no_crawl(site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture) -> None:
    """Where no server answers at the start, the crawl does not begin: that is a mistake, not a loss."""
    done = await crawl(Pages, site.says("/a"), OPTOUT_STORE="redis://127.0.0.1:1/0")
    assert done.reason == "optout_start"
    (error,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "redis://127.0.0.1:1/0 does not answer" in error
    assert site.asked == []


async def test_one_queue(redis_server: RedisServer, web: Web, tmp_path: Path) -> None:
    """Two processes of scrapy-redis with one queue, one filter of duplicates and one store are one crawl."""
    if importlib.util.find_spec("scrapy_redis") is None:
        pytest.skip("scrapy-redis is not installed")
    sites = await some_sites(web, 20, 4)
    urls = [site.url(f"/{number}") for number in range(4) for site in sites]
    redis_server.client.rpush("seeds", *urls)
    spider = QUEUE.format(
        settings=settings_of(
            redis_server.url, REDIS_URL=redis_server.url, SCHEDULER="scrapy_redis.scheduler.Scheduler",
            DUPEFILTER_CLASS="scrapy_redis.dupefilter.RFPDupeFilter", CONCURRENT_REQUESTS=8, SCHEDULER_PERSIST=True,
        )
    )  # fmt: skip
    both = asyncio.Event()

    async def together(_: str) -> None:
        """Answer nobody until both have asked, so that neither empties the queue before the other is there."""
        if len({seen.headers["User-Agent"] for site in sites for seen in site.asked}) == 2:
            both.set()
        await both.wait()

    for site in sites:
        site.before_reply = together
    halves = [("-O", f"items-{half}.jsonl", "-s", f"USER_AGENT={TOKEN}/1 (half {half})") for half in (0, 1)]
    ended = await crawls(tmp_path, spider, *halves)
    assert [(each.code, each.errors) for each in ended] == [(0, []), (0, [])]
    assert {(site.times(ROBOTS), site.times(TDMREP)) for site in sites} == {(1, 1)}
    assert items(tmp_path) == sorted(site.url(path) for site in sites for path in ("/0", "/3"))
    assert all((tmp_path / f"items-{half}.jsonl").read_text() for half in (0, 1))
    check_audit(tmp_path, {"allow": 40, "deny": 40})
