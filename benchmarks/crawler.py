"""One crawl of the small web in a process of its own: the spider, and the settings of each variant.

Rule of this file: what differs between the variants is `VARIANTS` and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess

from benchmarks.samples import addresses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from scrapy.http import Response

_OURS: Mapping[str, Any] = {
    "ADDONS": {"optout_middleware.crawl.OptOutAddon": 500},
    "OPTOUT_PRODUCT_TOKEN": "ExampleAICrawler",
    "OPTOUT_OPERATOR": "benchmark",
    "ROBOTSTXT_OBEY": True,
}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "bare Scrapy": {"ROBOTSTXT_OBEY": False},
    "ROBOTSTXT_OBEY": {"ROBOTSTXT_OBEY": True},
    "ours, cold": _OURS,
    "ours, warm": _OURS,
}
_COMMON: Mapping[str, Any] = {
    "USER_AGENT": "ExampleAICrawler/1.0 (+http://operator.example/bot)",
    "CONCURRENT_REQUESTS": 32,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
    "DOWNLOAD_DELAY": 0,
    "HTTPPROXY_ENABLED": False,  # the small web is on loopback, whatever the environment says
    "LOG_LEVEL": "INFO",
    "REMOTE_CONTROL_ENABLED": False,
    "TELNETCONSOLE_ENABLED": False,
    "CLOSESPIDER_TIMEOUT": 300,
}


class CorpusSpider(Spider):
    """Collects the text of every page it finds, host by host."""

    name = "corpus"
    port: int

    async def start(self) -> AsyncIterator[Any]:
        """Ask each host for one page."""
        for address in addresses():
            yield Request(f"http://{address}:{self.port}/2026/11/0.html", callback=self.parse)

    def parse(self, response: Response, **_: Any) -> Iterator[Any]:
        """Take title and text, and follow the links that stay on the host."""
        yield {
            "url": response.url,
            "title": response.css("title::text").get(),
            "text": "\n".join(response.css("main p::text").getall()),
        }
        for link in response.css("a::attr(href)").getall():
            if link.startswith("/"):
                yield response.follow(link, callback=self.parse)


def settings_of(variant: str, directory: Path, store: Path) -> dict[str, Any]:
    """Give the settings of a variant.

    Args:
        variant: a name of `VARIANTS`.
        directory: where corpus and audit log of this crawl lie.
        store: the store of evidence.
    """
    feed = {str(directory / "corpus.jsonl"): {"format": "jsonlines"}}
    given = {**_COMMON, **VARIANTS[variant], "FEEDS": feed}
    if "ADDONS" in given:
        given |= {"OPTOUT_STORE": str(store), "OPTOUT_AUDIT_DIR": str(directory / "audit")}
    return given


def main() -> None:
    """Crawl; arguments: variant, port, directory, store."""
    variant, port, directory, store = sys.argv[1:]
    process = CrawlerProcess(settings_of(variant, Path(directory), Path(store)))
    process.crawl(CorpusSpider, port=int(port))
    process.start()


if __name__ == "__main__":
    main()
