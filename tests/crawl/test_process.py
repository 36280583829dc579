"""Scrapy's own command in processes of their own: the default reactor, other reactors, list, shell, and kill -9."""

from __future__ import annotations

import asyncio
import json
import resource
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.reading import Record, Run, records, runs

from .loopback import NOT_OURS, ROBOTS, TOKEN, Ended, Site, scrapy, start_scrapy

if TYPE_CHECKING:
    from pathlib import Path

SPIDER = """
import scrapy
from scrapy import signals

class Told(scrapy.Spider):
    name = "told"
    custom_settings = {settings}

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.stored, signals.item_scraped)
        return spider

    async def start(self):
        for number in range(int(self.pages)):
            yield scrapy.Request(f"{{self.site}}/{{number}}")

    def parse(self, response):
        yield {{"url": response.url}}

    def stored(self, item):
        print(item["url"], flush=True)
"""


def spider_file(directory: Path, **settings: Any) -> str:
    """Write a spider that tells each item once it is stored; give its file."""
    all_settings = {
        "ADDONS": {"optout_middleware.crawl.OptOutAddon": 500}, "OPTOUT_PRODUCT_TOKEN": TOKEN,
        "OPTOUT_PROBE_BACK_OFF": [], "REMOTE_CONTROL_ENABLED": False, "TELNETCONSOLE_ENABLED": False, **settings,
    }  # fmt: skip
    file = directory / "told.py"
    file.write_text(SPIDER.format(settings=all_settings))
    return file.name


def lines(directory: Path) -> list[dict[str, Any]]:
    """Give the decisions in all audit files; the last line of a file may be torn, and a sealed log has a note."""
    found = records([str(directory / "audit")])
    return [record.line for record in found if isinstance(record, Record) and "outcome" in record.line]


def closed(directory: Path) -> bool:
    """Tell whether the manifest of the only run says that it was closed."""
    (run,) = runs([str(directory / "audit")])
    assert isinstance(run, Run)
    return bool(run.manifest["closed"])


async def run(directory: Path, site: Site, pages: int, *more: str, **settings: Any) -> Ended:
    """Run the spider over so many pages of a site."""
    file = spider_file(directory, **settings)
    return await scrapy(
        "runspider", file, "-a", f"site={site.url()[:-1]}", "-a", f"pages={pages}", *more, cwd=directory
    )


async def test_default_reactor(site: Site, tmp_path: Path) -> None:
    """Under Scrapy's default reactor a crawl does what it does in the other tests."""
    site.says(ROBOTS, NOT_OURS.replace(b"/closed", b"/1$"))
    for path in ("/0", "/1", "/3"):
        site.says(path)
    site.says("/2", X_Robots_Tag="noai")
    ended = await run(tmp_path, site, 4)
    assert (ended.code, ended.errors) == (0, [])
    assert sorted(ended.out.split()) == [site.url("/0"), site.url("/3")]
    assert sorted((line["stage"], line["outcome"]) for line in lines(tmp_path)) == [
        ("request", "deny"), ("response", "allow"), ("response", "allow"), ("response", "deny"),
    ]  # fmt: skip
    assert site.times(ROBOTS) == 1
    assert (tmp_path / ".optout" / "store.sqlite").exists()
    assert closed(tmp_path)


async def test_other_reactors_are_refused(site: Site, tmp_path: Path) -> None:
    """Without an asyncio event loop the crawl is closed before it starts, with one line."""
    site.says("/0")
    other = "twisted.internet.selectreactor.SelectReactor"
    ended = await run(tmp_path, site, 1, "-s", f"TWISTED_REACTOR={other}", TWISTED_REACTOR=other)
    (error,) = ended.errors
    assert "asyncio event loop" in error
    assert "Traceback" not in ended.err
    assert site.asked == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"OPTOUT_PRODUCT_TOKEN": ""}, "OPTOUT_PRODUCT_TOKEN is not set"),
        ({"OPTOUT_AUDIT_DIR": "told.py/audit"}, "audit"),
    ],
)
async def test_mistake_is_one_line_and_an_exit_status(
    site: Site, tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    """The mistake of an operator ends the command with status 1 and one line, without a stack trace."""
    site.says("/0")
    ended = await run(tmp_path, site, 1, **settings)
    (error,) = ended.errors
    assert text in error
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "never retrieved" not in ended.err
    assert site.asked == []


@pytest.fixture
async def project(tmp_path: Path) -> Path:
    """Make a project with Scrapy's own command; only the add-on is put in."""
    ended = await scrapy("startproject", "demo", cwd=tmp_path)
    assert ended.code == 0
    settings = tmp_path / "demo" / "demo" / "settings.py"
    text = settings.read_text()
    assert "ADDONS = {}" in text
    assert "ROBOTSTXT_OBEY = True" in text
    settings.write_text(
        text.replace("ADDONS = {}", 'ADDONS = {"optout_middleware.crawl.OptOutAddon": 500}')
        + "DOWNLOAD_DELAY = 0\nOPTOUT_PROBE_BACK_OFF = []\n"
    )
    spider = tmp_path / "demo" / "demo" / "spiders" / "pages.py"
    spider.write_text(
        textwrap.dedent("""
        import scrapy
        class Pages(scrapy.Spider):
            name = "pages"
            def parse(self, response):
                yield {"url": response.url}
    """)
    )
    return tmp_path / "demo"


async def test_list_and_shell_need_no_token(site: Site, project: Path) -> None:
    """`scrapy list` and `scrapy shell` start without a token; the shell fetches nothing then, and says why."""
    listed = await scrapy("list", cwd=project)
    assert (listed.code, listed.out.split()) == (0, ["pages"])
    shell = await scrapy("shell", "-c", "1 + 1", cwd=project)
    assert (shell.code, shell.out.split(), shell.errors) == (0, ["2"], [])
    shell = await scrapy("shell", site.says("/a"), "-c", "response", cwd=project)
    assert (shell.code, shell.out.split(), shell.errors) == (0, ["None"], [])
    assert "OPTOUT_PRODUCT_TOKEN is not set" in shell.err
    assert site.asked == []
    assert not (project / "audit").exists()


async def test_shell_with_a_token(site: Site, project: Path) -> None:
    """With a token the shell fetches what may be fetched, and records it."""
    site.says(ROBOTS, NOT_OURS)
    token = ("-s", f"OPTOUT_PRODUCT_TOKEN={TOKEN}")
    shell = await scrapy("shell", site.says("/open"), "-c", "response.status", *token, cwd=project)
    assert (shell.code, shell.out.split(), shell.errors) == (0, ["200"], [])
    shell = await scrapy("shell", site.says("/closed"), "-c", "response", *token, cwd=project)
    assert (shell.code, shell.out.split(), site.times("/closed")) == (0, ["None"], 0)
    assert [line["outcome"] for line in lines(project)] in (["allow", "deny"], ["deny", "allow"])


async def test_crawl_in_a_new_project(site: Site, project: Path) -> None:
    """The add-on and the token are all that a new project needs; ROBOTSTXT_OBEY is normal."""
    site.says(ROBOTS, NOT_OURS)
    refused = await scrapy("crawl", "pages", cwd=project)
    assert (refused.code, len(refused.errors)) == (1, 1)
    spider = project / "demo" / "spiders" / "pages.py"
    spider.write_text(spider.read_text() + f"    start_urls = [{site.says('/open')!r}, {site.says('/closed')!r}]\n")
    ended = await scrapy("crawl", "pages", "-s", f"OPTOUT_PRODUCT_TOKEN={TOKEN}", "-O", "-:jsonlines", cwd=project)
    assert (ended.code, ended.errors) == (0, [])
    assert [json.loads(line)["url"] for line in ended.out.splitlines()] == [site.url("/open")]
    assert (site.times(ROBOTS), site.times("/closed")) == (1, 0)


async def test_kill_loses_no_acknowledged_line(site: Site, tmp_path: Path) -> None:
    """Every item that was stored before kill -9 has its line, and the next run starts, and says what it found."""
    reached = asyncio.Event()
    never = asyncio.Event()

    async def hold(path: str) -> None:
        if path == "/30":
            reached.set()
            await never.wait()

    site.before_reply = hold
    for number in range(31):
        site.says(f"/{number}")
    file = spider_file(tmp_path, CONCURRENT_REQUESTS=4)
    process = await start_scrapy("runspider", file, "-a", f"site={site.url()[:-1]}", "-a", "pages=31", cwd=tmp_path)
    await asyncio.wait_for(reached.wait(), 60)
    process.kill()
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    never.set()
    stored = out.decode().split()
    assert len(stored) >= 20
    assert set(stored) <= {line["url"] for line in lines(tmp_path)}
    site.before_reply = None
    ended = await run(tmp_path, site, 31)
    assert (ended.code, ended.errors, len(ended.out.split())) == (0, [], 31)
    assert "was not closed" in ended.err


async def test_full_disk(site: Site, tmp_path: Path) -> None:
    """Where no more can be written, the crawl ends, and nothing is stored without a line."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    for number in range(60):
        site.says(f"/{number}")
    file = spider_file(tmp_path, CONCURRENT_REQUESTS=1, OPTOUT_STORE="", OPTOUT_ARCHIVE="")
    process = await start_scrapy(
        "runspider", file, "-a", f"site={site.url()[:-1]}", "-a", "pages=60", cwd=tmp_path, before=small_files
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    stored = out.decode().split()
    written = [line["url"] for line in lines(tmp_path)]
    assert 0 < len(stored) < 60
    assert set(stored) <= set(written)
    assert "'finish_reason': 'optout_audit_failed'" in err.decode()
    assert not closed(tmp_path)
