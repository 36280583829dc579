"""What the extension remembers of items, and what it does to the process."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from scrapy.utils.test import get_crawler

from optout_middleware.crawl import extension
from optout_middleware.crawl.extension import OptOut

from .loopback import Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from scrapy.http import Response

    from .loopback import Crawls, Site


def test_handed_over_items_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that never arrive are forgotten, the oldest first; each is taken as often as it was handed over."""
    monkeypatch.setattr(extension, "_MOST_HANDED_OVER", 2)
    optout = OptOut(get_crawler())
    one, two, three = {"n": 1}, {"n": 1}, {"n": 1}
    for item in (one, two, three):
        optout.hand_over(item)
    assert [optout.take(item) for item in (one, two, three, three)] == [False, True, True, False]


class Counting(Pages):
    """Yields how many values the collector passes over."""

    def parse(self, response: Response, **_: Any) -> Iterator[Any]:
        """Yield one item."""
        yield {"url": response.url, "passed_over": gc.get_freeze_count()}


async def test_what_is_loaded_is_not_collected(site: Site, crawl: Crawls) -> None:
    """While a crawl runs the collector passes over what was there before it, and afterwards no more."""
    crawled = await crawl(Counting, site.says("/plain"))
    (item,) = crawled.items
    assert item["passed_over"] > 10_000
    assert gc.get_freeze_count() == 0
