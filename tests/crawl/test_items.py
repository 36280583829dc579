"""What becomes of items: siblings, items without a page, items that cannot take the tag, feeds."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request

from optout_middleware.decide import Site as Origin

from .loopback import NOT_OURS, ROBOTS, Crawls, Pages, Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from scrapy.http import Response

    from optout_middleware.terms import Decision


class Several(Pages):
    """Yields three items a page, and a request."""

    def parse(self, response: Response, **_: Any) -> Any:
        """Give siblings."""
        for number in range(3):
            yield {"url": f"{response.url}#{number}"}
        yield Request(response.urljoin("/next"), self.parse)


async def test_siblings_of_a_dropped_item(site: Site, crawl: Crawls) -> None:
    """Each item of a denied page is dropped for itself: core stats count each, and the request after them is made."""
    site.says("/next")
    crawled = await crawl(Several, site.says("/a", X_Robots_Tag="noai"))
    assert crawled.urls == [site.url(f"/next#{number}") for number in range(3)]
    assert crawled.stat("item_dropped_count") == crawled.stat("item_dropped_reasons_count/DropItem") == 3
    assert crawled.stat("spider_exceptions/count") == 0
    assert len(crawled.lines) == 2


class SameItem(Pages):
    """Yields one and the same object three times."""

    def parse(self, response: Response, **_: Any) -> Any:
        """Give one object."""
        item = {"url": response.url}
        for _number in range(3):
            yield item


async def test_one_object_yielded_again(site: Site, crawl: Crawls) -> None:
    """An object that a spider yields again is judged again, not taken for one without a decision."""
    crawled = await crawl(SameItem, site.says("/a"))
    assert len(crawled.items) == 3


class FromStart(Pages):
    """Yields an item from start()."""

    async def start(self) -> AsyncIterator[Any]:
        """Give an item, then the pages."""
        yield {"url": "start"}
        async for request in super().start():
            yield request


MODES: list[Any] = [
    pytest.param({}, 0, id="drop"),
    pytest.param({"OPTOUT_ACTION": "tag"}, 1, id="tag"),
    pytest.param({"OPTOUT_DRY_RUN": True}, 1, id="dry run"),
]


@pytest.mark.parametrize(("mode", "kept"), MODES)
async def test_item_from_start_is_pending(site: Site, crawl: Crawls, mode: dict[str, Any], kept: int) -> None:
    """An item that comes with no page is pending, and does not hold up what comes after it."""
    crawled = await crawl(FromStart, site.says("/a"), **mode)
    assert crawled.urls == [site.url("/a"), "start"][: 1 + kept]
    (line,) = [line for line in crawled.lines if line["stage"] == "item"]
    assert (line["outcome"], line["waits_for"], line["reasons"][0]["finding"]) == ("pending", "person", "unjudged")
    assert crawled.stat("optout/item/unjudged") == 1
    assert len(crawled.dropped) == 1 - kept
    if mode.get("OPTOUT_ACTION") == "tag":
        assert {item["url"]: item["optout"]["outcome"] for item in crawled.items}["start"] == "pending"


async def test_ruling_lets_items_from_start_pass(site: Site, crawl: Crawls) -> None:
    """An operator may settle by name and reason what items without a page come to."""
    ruling = {"unjudged": {"outcome": "allow", "by": "A. Person", "reason": "our own seed records"}}
    crawled = await crawl(FromStart, site.says("/a"), OPTOUT_FINDINGS=ruling)
    assert crawled.urls == [site.url("/a"), "start"]
    assert [line["action"] for line in crawled.lines if line["stage"] == "item"] == ["keep"]


class FromErrback(Pages):
    """Yields an item, and then a page, from an errback."""

    def failed(self, failure: Any) -> Any:
        """Give what nobody judged."""
        yield {"url": "errback"}
        yield Request(failure.request.url.replace("closed", "open"), self.parse)


@pytest.mark.parametrize(("mode", "kept"), MODES)
async def test_item_from_errback_is_pending(site: Site, crawl: Crawls, mode: dict[str, Any], kept: int) -> None:
    """An item from the errback of a refused request passes no spider middleware; the pipeline stops it."""
    site.says(ROBOTS, NOT_OURS)
    site.says("/open")
    crawled = await crawl(FromErrback, site.says("/closed"), **mode)
    assert crawled.urls == ["errback", site.url("/open")][1 - kept :]
    assert crawled.stat("optout/item/unjudged") == 1
    assert len(crawled.dropped) == 1 - kept


class AfterHttpError(Pages):
    """Yields an item from an errback after an HTTP error."""

    def failed(self, failure: Any) -> Any:
        """Give an item of the error page."""
        yield {"url": failure.value.response.url}


async def test_item_of_an_error_page(site: Site, crawl: Crawls) -> None:
    """The errback of an HTTP error gives items of a page that was judged."""
    site.says("/gone", b"", 404, X_Robots_Tag="noai")
    crawled = await crawl(AfterHttpError, site.says("/a", b"", 404), site.url("/gone"))
    assert crawled.urls == [site.url("/a")]
    assert crawled.stat("optout/item/unjudged") == 0


@dataclass
class Bare:
    """An item that cannot take the tag."""

    url: str


class Mixed(Pages):
    """Yields an item that cannot take the tag between two that can."""

    def parse(self, response: Response, **_: Any) -> Any:
        """Give three items."""
        yield {"url": "before"}
        yield Bare(response.url)
        yield {"url": "after"}


async def test_untaggable_item(site: Site, crawl: Crawls, caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped singly and recorded as pending, its class is named once, and the crawl is closed."""
    crawled = await crawl(Mixed, site.says("/a"), OPTOUT_ACTION="tag", CONCURRENT_REQUESTS=1)
    assert crawled.urls == ["after", "before"]
    assert crawled.reason == "optout_untaggable_item"
    (line,) = [line for line in crawled.lines if line["stage"] == "item"]
    assert (line["url"], line["outcome"], line["action"]) == (site.url("/a"), "pending", "drop")
    assert crawled.stat("optout/item/untaggable") == 1
    assert sum("Bare cannot take the tag" in record.getMessage() for record in caplog.records) == 1


def on_a_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every decision allow on a condition, as a licence does."""
    decide: Callable[..., Decision] = Origin.decide

    def conditional(self: Origin, *args: Any, **kwargs: Any) -> Decision:
        return replace(decide(self, *args, **kwargs), conditions=("name the author",))

    monkeypatch.setattr(Origin, "decide", conditional)


async def test_conditions_are_tagged_in_drop_mode(site: Site, crawl: Crawls, monkeypatch: pytest.MonkeyPatch) -> None:
    """An allowed item carries its conditions where its type can take them, and passes where it cannot."""
    on_a_condition(monkeypatch)
    crawled = await crawl(Mixed, site.says("/a"))
    tags = [item["optout"] if isinstance(item, dict) else item for item in crawled.items]
    assert [tag if isinstance(tag, Bare) else tag["conditions"] for tag in tags] == [
        ["name the author"], Bare(site.url("/a")), ["name the author"],
    ]  # fmt: skip
    assert crawled.reason == "finished"


async def test_feed_has_what_passed(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A feed holds the items that passed, with their tags, and no other."""
    feed = tmp_path / "items.jsonl"
    feeds = {str(feed): {"format": "jsonlines"}}
    denied = site.says("/no", X_Robots_Tag="noai")
    await crawl(Pages, site.says("/a"), denied, FEEDS=feeds)
    assert [json.loads(line) for line in feed.read_text().splitlines()] == [{"url": site.url("/a")}]
    await crawl(Pages, denied, FEEDS={str(feed): {"format": "jsonlines", "overwrite": True}}, OPTOUT_ACTION="tag")
    assert json.loads(feed.read_text())["optout"]["outcome"] == "deny"


class Replaces:
    """A spider middleware of the project that stands between ours and the engine, and makes new items."""

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Copy each item, and add one."""
        async for found in result:
            yield found if isinstance(found, Request) else dict(found, copied=True)
        yield {"url": "added"}


async def test_items_of_a_middleware_of_the_project(site: Site, crawl: Crawls) -> None:
    """Ours stands after all of the project's, wherever these stand, so that it judges items as they are stored."""
    crawled = await crawl(Pages, site.says("/a"), SPIDER_MIDDLEWARES={Replaces: -5})
    assert crawled.items == [{"url": site.url("/a"), "copied": True}, {"url": "added"}]
