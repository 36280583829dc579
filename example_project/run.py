"""Crawl the small web and show what became of it: `python run.py` (or `make run`).

Rule of this file: start the web, run the crawl, print the tables, stop the web. It exits with 0 only if the
crawl finished, and pages and images came to what the tables in web/sites say they should.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from corpus_example.summary import Line, read_audit, tables
from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings
from web.expected import Seen, corpus_differences, differences, trespasses
from web.server import SmallWeb
from web.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scrapy.crawler import Crawler
    from scrapy.settings import Settings

HERE = Path(__file__).resolve().parent
LEFT_BEHIND = ("audit", "corpus", ".optout", "crawl.log")  # by a run; the next one starts without them
LOOPBACK = {
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "CLOSESPIDER_PAGECOUNT": 0,
    "LOG_FILE": "crawl.log",
}
# With these changed, pages come to something else than the tables say.
DECIDING = ("ADDONS", "OPTOUT_")


def main() -> int:
    """Run the example; give the exit code."""
    arguments = _arguments()
    os.chdir(HERE)  # paths in the settings are relative to the project, as for `scrapy crawl`
    if find_spec("optout_middleware") is None:
        say("optout_middleware is not installed here. One directory up: pip install -e .")
        return 1
    _move_aside()
    settings = get_project_settings()
    with SmallWeb() as web:
        pages = sum(len(site.pages) for site in SITES)
        say(f"The small web: {len(SITES)} sites, {pages} pages, at {web.proxy}")
        for name, value in {**LOOPBACK, **arguments, "SMALL_WEB_PROXY": web.proxy}.items():
            settings.set(name, value, priority="cmdline")
        trouble = list(_crawl(settings))
        trouble += trespasses(asked.url for asked in web.asked)
    say(f"The small web was asked {len(web.asked)} times and is closed.\n")

    audit, (feed, *_) = Path(settings["OPTOUT_AUDIT_DIR"]), settings["FEEDS"]
    lines = read_audit(audit)
    say(tables(lines, {site.host: site.says for site in SITES}))
    where = (Path(feed).resolve(), Path(audit).resolve(), Path("crawl.log").resolve())
    say("\ncorpus:  {}\naudit:   {}\nlog:     {}".format(*where))
    changed = [name for name in arguments if name.startswith(DECIDING) and name != "OPTOUT_FETCH_RESERVED"]
    if changed:
        say(f"Not compared with what web/sites expects, since {', '.join(changed)} changes it.")
    else:
        trouble += _compared(lines, Path(feed), fetch_reserved=settings.getbool("OPTOUT_FETCH_RESERVED"))
    for line in trouble:
        say(f"WRONG: {line}")
    if not trouble and not changed:
        say("Every page and image came to what its site asks for.")
    return 1 if trouble else 0


def say(text: str) -> None:
    """Write a line to the terminal at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _arguments() -> dict[str, str]:
    parser = argparse.ArgumentParser(description="Crawl the small web and show what became of it.")
    parser.add_argument(
        "-s", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="change a setting for this run, for example -s OPTOUT_FETCH_RESERVED=1 or -s OPTOUT_ACTION=tag",
    )  # fmt: skip
    pairs = [pair.partition("=") for pair in parser.parse_args().settings]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        parser.error(f"-s {wrong[0]}: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _move_aside() -> None:
    """Make room for a fresh run. An audit log is never deleted, so the earlier run goes to earlier/TIME/."""
    left = [HERE / name for name in LEFT_BEHIND if (HERE / name).exists()]
    if left:
        aside = HERE / "earlier" / datetime.now(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S-%fZ")
        aside.mkdir(parents=True)
        for path in left:
            path.rename(aside / path.name)
        say(f"The earlier run is now in {aside.relative_to(HERE)}{os.sep}")


def _crawl(settings: Settings) -> Iterator[str]:
    """Run the crawl in this process; tell what went wrong."""
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler("corpus")
    progress = Progress(crawler)
    task = process.crawl(crawler, images="1")
    process.start()
    progress.done()
    if task.cancelled() or (error := task.exception()) is not None:
        yield ("the crawl was cancelled" if task.cancelled() else f"the crawl did not start: {error} (see crawl.log)")
        return
    reason = crawler.stats.get_value("finish_reason")
    if reason != "finished":
        yield f"the crawl ended early: {reason} (see crawl.log)"
    if failed := crawler.stats.get_value("spider_exceptions/count"):
        yield f"the spider failed on {failed} pages (see crawl.log)"


class Progress:
    """One line that tells how far the crawl is; a line now and then where stdout is no terminal."""

    def __init__(self, crawler: Crawler) -> None:
        self.responses = self.kept = 0
        crawler.signals.connect(self._response, signals.response_received)
        crawler.signals.connect(self._item, signals.item_scraped)

    def _response(self) -> None:
        self.responses += 1
        if sys.stdout.isatty():
            sys.stdout.write(f"\r{self}")
            sys.stdout.flush()
        elif self.responses % 50 == 0:
            say(str(self))

    def _item(self) -> None:
        self.kept += 1

    def __str__(self) -> str:
        return f"crawling: {self.responses} responses (robots.txt and the like included), {self.kept} pages kept"

    def done(self) -> None:
        """Leave the last word on the terminal."""
        say(f"\r{self}" if sys.stdout.isatty() else str(self))


def _compared(lines: Iterable[Line], feed: Path, *, fetch_reserved: bool) -> Iterator[str]:
    """Tell where audit log or corpus differ from what the tables in web/sites expect."""
    lines = list(lines)
    if not lines or not feed.exists():
        yield "there is no corpus" if lines else "there is no line in the audit log"
        return
    pages, images = (
        [Seen(line.url, line.final_url, line.outcome) for line in lines if (line.stage == "media") is media]
        for media in (False, True)
    )
    yield from differences(pages, images, fetch_reserved=fetch_reserved)
    with feed.open(encoding="utf-8") as items:
        kept = {item["url"]: {image["url"] for image in item.get("images") or ()} for item in map(json.loads, items)}
    yield from corpus_differences(kept, fetch_reserved=fetch_reserved)


if __name__ == "__main__":
    sys.exit(main())
