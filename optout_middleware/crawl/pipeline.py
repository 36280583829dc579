"""The item pipeline: the gate before all others, for items that reach the pipelines without a decision.

Rule of this file: items that the spider middleware judged pass by their identity, never by their tag; all others
(from an errback after a failed download, from another component) are pending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.items import acted_on

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from typing_extensions import Self


class OptOutPipeline:
    """Lets judged items pass; keeps, tags or drops all others as unjudged."""

    def __init__(self, crawler: Crawler) -> None:
        self._optout = OptOut.of(crawler, self)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the pipeline."""
        return cls(crawler)

    def process_item(self, item: Any) -> Any:
        """Let an item pass, or act on it as one that came without a page.

        Raises:
            DropItem: it must not go on.
        """
        return item if self._optout.take(item) else acted_on(self._optout, item, None)
