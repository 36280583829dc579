"""Crawl the small web and show what became of it: `python run.py` (or `make run`).

Rule of this file: fill the register, start the web, run the crawl, print the tables, stop the web. It exits with 0
only if the crawl finished, and pages, items and images came to what the tables in web/sites say they should.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from optout_middleware.register.importers import import_file
    from optout_middleware.register.store import RegisterStore
    from optout_middleware.terms import OptOutError
except ModuleNotFoundError as missing:
    raise SystemExit(f"{missing}. One directory up: pip install -e .") from None

from corpus_example.summary import Line, read_audit, tables
from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.utils.project import get_project_settings
from web.expected import Judged, Mode, Seen, corpus_differences, differences, item_differences, trespasses
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
REGISTER = ".optout/register.sqlite"
# What a rights manager keeps: who there is, what was declared and licensed, and then the works.
REPERTOIRE = tuple(f"register/{name}" for name in ("socia.yaml", "parties.csv", "works.csv", "interests.csv"))
AS_OF = date(2026, 11, 1)  # the day that SOCIA made these files
# With these changed, pages come to something else than the tables say; but for those that `web.expected.Mode` knows.
DECIDING = ("ADDONS", "OPTOUT_")
MODES = ("OPTOUT_FETCH_RESERVED", "OPTOUT_ACTION", "OPTOUT_DRY_RUN")


def main() -> int:
    """Run the example; give the exit code."""
    arguments = _arguments()
    os.chdir(HERE)  # paths in the settings are relative to the project, as for `scrapy crawl`
    _move_aside()
    trouble = list(_import())
    settings = get_project_settings()
    with SmallWeb() as web:
        pages = sum(len(site.pages) for site in SITES)
        say(f"The small web: {len(SITES)} sites, {pages} pages, at {web.proxy}")
        for name, value in {**LOOPBACK, "OPTOUT_REGISTER": REGISTER, **arguments, "SMALL_WEB_PROXY": web.proxy}.items():
            settings.set(name, value, priority="cmdline")
        trouble += _crawl(settings)
        trouble += trespasses(asked.url for asked in web.asked)
    say(f"The small web was asked {len(web.asked)} times and is closed.\n")

    audit, (feed, *_) = Path(settings["OPTOUT_AUDIT_DIR"]), settings["FEEDS"]
    lines = _lines(audit, trouble)
    say(tables(lines, {site.host: site.says for site in SITES}))
    where = (Path(feed).resolve(), audit.resolve(), Path(REGISTER).resolve(), Path("crawl.log").resolve())
    say("\ncorpus:    {}\naudit:     {}\nregister:  {}\nlog:       {}".format(*where))
    changed = [name for name in arguments if name.startswith(DECIDING) and name not in MODES]
    if changed:
        say(f"Not compared with what web/sites expects, since {', '.join(changed)} changes it.")
    else:
        trouble += _compared(lines, Path(feed), _mode(settings))
    for line in trouble:
        say(f"WRONG: {line}")
    if not trouble and not changed:
        say("Every page, item and image came to what is asked for.")
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


def _import() -> Iterator[str]:
    """Fill the register, as `optout register import` does; tell what of the files could not be read."""
    with RegisterStore(REGISTER) as store:
        for file in REPERTOIRE:
            report = import_file(store, file, as_of=AS_OF)
            rows = ", ".join(f"{count:,} {kind}" for kind, count in (report.stored.rows or {}).items())
            say(f"register: {file}: {rows}")
            for sample in report.samples:
                yield f"{file}, line {sample.line}: {sample.reason}"


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


def _lines(audit: Path, trouble: list[str]) -> list[Line]:
    """Read the audit log; what of it cannot be read is trouble."""
    try:
        return read_audit(audit)
    except (ValueError, OptOutError) as error:
        trouble.append(str(error))
        return []


def _mode(settings: Settings) -> Mode:
    return Mode.of(
        fetch_reserved=settings.getbool("OPTOUT_FETCH_RESERVED"),
        action=settings.get("OPTOUT_ACTION"),
        dry_run=settings.getbool("OPTOUT_DRY_RUN"),
    )


def _compared(lines: Iterable[Line], feed: Path, mode: Mode) -> Iterator[str]:
    """Tell where audit log or corpus differ from what the tables in web/sites expect."""
    lines = list(lines)
    if not lines or not feed.exists():
        yield "there is no corpus" if lines else "there is no line in the audit log"
        return
    pages, images = (
        [Seen(line.url, line.final_url, line.outcome) for line in lines if line.stage in stages]
        for stages in (("request", "response"), ("media",))
    )
    yield from differences(pages, images, fetch_reserved=mode.fetch_reserved)
    yield from item_differences(
        Judged(line.url, line.outcome, line.waits_for, line.rule, line.who) for line in lines if line.stage == "item"
    )
    with feed.open(encoding="utf-8") as items:
        kept = {item["url"]: {image["url"] for image in item.get("images") or ()} for item in map(json.loads, items)}
    yield from corpus_differences(kept, mode)


if __name__ == "__main__":
    sys.exit(main())
