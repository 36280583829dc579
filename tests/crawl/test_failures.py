"""What fails in the middle of a crawl fails closed, and closes the crawl with a reason of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from optout_middleware.audit import share
from optout_middleware.audit.log import AuditError, AuditLog
from optout_middleware.audit.record import STATS
from optout_middleware.decide import Site as Origin
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.terms import OptOutError

from .loopback import ROBOTS, Crawls, Pages, Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest
    from scrapy.http import Response


def fails_after(monkeypatch: pytest.MonkeyPatch, lines: int, failed: asyncio.Event | None = None) -> None:
    """Let the audit log fail once it has so many lines, and tell when it did."""
    write = AuditLog.write

    def failing(self: AuditLog, line: dict[str, Any]) -> str:
        if self.lines >= lines:
            if failed is not None:
                failed.set()
            raise AuditError("audit log cannot be written: No space left on device")
        return write(self, line)

    monkeypatch.setattr(AuditLog, "write", failing)


async def test_audit_that_fails_at_a_response(
    site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page whose line cannot be written reaches nobody, no more is fetched, and it is told once."""
    fails_after(monkeypatch, 1)
    urls = [site.says(f"/{number}") for number in range(20)]
    crawled = await crawl(Pages, *urls, CONCURRENT_REQUESTS=1)
    assert len(crawled.items) == len(crawled.lines) == 1
    assert crawled.reason == "optout_audit_failed"
    assert sum(site.times(f"/{number}") for number in range(20)) == 2
    assert [record.levelno for record in caplog.records if "No space" in record.getMessage()] == [logging.ERROR]


async def test_audit_that_fails_at_a_request(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that cannot be recorded is one all the same."""
    fails_after(monkeypatch, 0)
    site.says(ROBOTS, b"User-agent: *\nDisallow: /\n")
    crawled = await crawl(Pages, site.says("/a"))
    assert crawled.reason == "optout_audit_failed"
    assert site.times("/a") == 0


class StartItems(Pages):
    """Yields items without a page."""

    async def start(self) -> AsyncIterator[Any]:
        """Give them."""
        for number in range(3):
            yield {"url": str(number)}


async def test_audit_that_fails_at_an_item(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item whose line cannot be written is dropped, in tag mode and in a dry run too."""
    fails_after(monkeypatch, 0)
    for mode in ({"OPTOUT_ACTION": "tag"}, {"OPTOUT_DRY_RUN": True}):
        crawled = await crawl(StartItems, site.url(), **mode)
        assert (crawled.items, crawled.reason) == ([], "optout_audit_failed")


class Waits(Pages):
    """Yields the item of its first page only after the log has failed."""

    failed_log: asyncio.Event

    async def parse(self, response: Response, **_: Any) -> Any:
        """Wait, then give an item."""
        await self.failed_log.wait()
        yield {"url": response.url}


async def test_item_after_the_audit_failed(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item whose own line is written goes nowhere either, once the log has failed."""
    failed = asyncio.Event()
    fails_after(monkeypatch, 1, failed)
    crawled = await crawl(Waits, site.says("/0"), site.says("/1"), CONCURRENT_REQUESTS=1, failed_log=failed)
    assert len(crawled.lines) == len(crawled.dropped) == 1
    assert crawled.items == []


async def test_store_that_fails(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store fails nobody can be asked, so nothing is fetched and the crawl is closed."""

    async def load(self: MemoryStore, origin: str) -> list[Any]:
        raise OptOutError(f"store cannot be read for {origin}")

    monkeypatch.setattr(MemoryStore, "load", load)
    crawled = await crawl(Pages, site.says("/a"), site.says("/b"))
    assert crawled.reason == "optout_store_failed"
    assert site.asked == []


async def test_bug_in_the_gate_fails_the_request(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other exception fails the request: nothing gets through for it."""
    monkeypatch.setattr(Origin, "decide", lambda *_, **__: 1 / 0)
    crawled = await crawl(Pages, site.says("/a"))
    assert crawled.items == []
    assert site.times("/a") == 0


async def test_alarm(
    site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A crawl that loses more than 40 % of its pages says so once, with the largest causes; a dry run does not."""
    monkeypatch.setattr(share, "ALARM_PAGES", 5)
    urls = [site.says(f"/{number}", X_Robots_Tag="noai") for number in range(12)]

    def alarms() -> list[str]:
        return [record.getMessage() for record in caplog.records if "pages are excluded" in record.getMessage()]

    await crawl(Pages, *urls, OPTOUT_DRY_RUN=True)
    assert alarms() == []
    await crawl(Pages, *urls)
    (alarm,) = alarms()
    assert "robots-tag refusal" in alarm


async def test_stats_are_documented(site: Site, crawl: Crawls) -> None:
    """Every stat of ours stands in the table of stats, none has a host in its name."""
    crawled = await crawl(Pages, site.says("/a"), site.says("/b", X_Robots_Tag="noai"))
    ours = {name for name in crawled.crawler.stats.get_stats() if name.startswith("optout")}
    assert ours <= set(STATS)
    assert {"optout/page/allow", "optout/page/deny", "optout/item/kept", "optout/audit/lines"} <= ours
