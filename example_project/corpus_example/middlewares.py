"""The way to the small web.

Rule of this file: with SMALL_WEB_PROXY set, every request goes there, whatever proxies the environment names;
without it this middleware is not there at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import NotConfigured

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from typing_extensions import Self


class SmallWebProxy:
    """Sends every request to the small web's loopback server."""

    def __init__(self, proxy: str) -> None:
        self.proxy = proxy

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Stand aside where there is no small web to crawl."""
        proxy = crawler.settings.get("SMALL_WEB_PROXY")
        if not proxy:
            raise NotConfigured
        return cls(proxy)

    def process_request(self, request: Request) -> None:
        """Name the proxy; a request that names one is not looked up in http_proxy or no_proxy."""
        request.meta["proxy"] = self.proxy
