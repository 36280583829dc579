"""The spider middleware: each item fares as the decision about its page says; requests pass untouched.

Rule of this file: it stands last before the engine, so it sees items as they will be stored. An exception here would
lose the siblings of an item, so a dropped one is told by Scrapy's own signal and left out.
"""

from __future__ import annotations

import logging
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from scrapy import Request, signals
from scrapy.exceptions import DropItem

from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.items import acted_on
from optout_middleware.terms import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from optout_middleware.rights import Page, Rights
    from optout_middleware.stages import Judged

logger = logging.getLogger(__name__)

_ALLOW = Outcome.ALLOW
_CARRIED = (
    "a page that is reserved or pending yields requests with cb_kwargs: an item made of them on another page is judged "
    "by that other page only, so carry nothing of the page's content over"
)


class OptOutSpiderMiddleware:
    """Keeps, tags or drops the items of callbacks and of `start()`."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._optout = OptOut.of(crawler, self)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the middleware."""
        return cls(crawler)

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Act on each item by the decision about the response that it came from."""
        optout, request = self._optout, response.request
        judged = optout.decisions.get(request) if request is not None else None
        page = cache(partial(_page, optout.rights, response)) if optout.rights is not None else None
        carries = judged is not None and judged.decision.outcome is not _ALLOW
        async for one in result:
            if one is None or isinstance(one, Request):
                if carries and one is not None and one.cb_kwargs:
                    optout.say_once(_CARRIED)
                yield one
            elif (item := await self._passed(one, judged, response, page)) is not None:
                yield item

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Act on items that come without any page."""
        async for one in start:
            if one is None or isinstance(one, Request):
                yield one
            elif (item := await self._passed(one, None, None, None)) is not None:
                yield item

    async def _passed(
        self, one: Any, judged: Judged | None, response: Response | None, page: Callable[[], Page] | None
    ) -> Any:
        """Act on an item; None = it is dropped."""
        optout = self._optout
        try:
            item = acted_on(optout, one, judged, url=response.url if response is not None else "", page=page)
        except DropItem as dropped:
            await self._dropped(one, response, dropped)
            return None
        optout.hand_over(item)
        return item

    async def _dropped(self, item: Any, response: Response | None, dropped: DropItem) -> None:
        """Tell of a dropped item as Scrapy's scraper does, so that its stats count it."""
        logger.debug("Dropped: %s", dropped, extra={"spider": self._crawler.spider})
        await self._crawler.signals.send_catch_log_async(
            signal=signals.item_dropped,
            item=item,
            response=response,
            spider=self._crawler.spider,
            exception=dropped,
        )


def _page(rights: Rights, response: Response) -> Page:
    """Read the credits of a response."""
    content_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
    return rights.page(response.body, response.url, content_type)
