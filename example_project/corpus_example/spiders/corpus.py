"""The spider: one item a page, and every link on the hosts that it may visit.

Rule of this file: nothing here knows of opt-outs. A page that reaches `parse` was judged before, and an item
that leaves it is judged once more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.http import HtmlResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

_TEXT = """//body//text()[normalize-space()][not(
    ancestor::script or ancestor::style or ancestor::noscript or ancestor::template
    or ancestor::nav or ancestor::header or ancestor::footer)]"""


class CorpusSpider(Spider):
    """Collects the text of pages.

    Args:
        seeds: a file of URLs to start at, one a line, "#" starts a comment; only their hosts are visited.
        images: "1" gathers the images that stand in `<figure>` too.
    """

    name = "corpus"

    def __init__(self, seeds: str = "", images: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.images = images == "1"
        if seeds:
            self.start_urls = _read(seeds)
            self.allowed_domains = sorted({urlsplit(url).hostname or "" for url in self.start_urls})

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Start at the seeds or, without any, at the directory of the small web."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        if not spider.start_urls:
            if not crawler.settings.get("SMALL_WEB_PROXY"):
                raise SystemExit("corpus: nothing to crawl. Give -a seeds=FILE (one URL a line), or run python run.py")
            spider.start_urls = ["http://directory.example/"]
            spider.allowed_domains = ["example"]
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """Start where told; Scrapy's own `start` would let links lead to these pages a second time."""
        for url in self.start_urls:
            yield Request(url)

    def parse(self, response: Response, **_: Any) -> Iterator[dict[str, Any] | Request]:
        """Yield the page, then follow its links."""
        if not isinstance(response, HtmlResponse):
            return
        # A plain dict, so that OPTOUT_ACTION = "tag" finds room for its field.
        item: dict[str, Any] = {
            "url": response.url,
            "title": " ".join(response.xpath("//title//text()").get("").split()),
            "language": response.xpath("/html/@lang").get("").lower() or None,
            "text": "\n".join(" ".join(text.split()) for text in response.xpath(_TEXT).getall()),
        }
        if self.images:
            item["image_urls"] = [response.urljoin(src) for src in response.css("figure img::attr(src)").getall()]
        yield item
        for link in response.css("a::attr(href)"):
            url = response.urljoin(link.get().strip())
            if url.startswith(("http://", "https://")):
                yield response.follow(url)


def _read(seeds: str) -> list[str]:
    """Read the file of seeds; a mistake in it is one line, not a traceback."""
    try:
        lines = Path(seeds).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"corpus: seeds={seeds}: {error}") from None
    urls = [url for line in lines if (url := line.partition(" #")[0].strip()) and not url.startswith("#")]
    wrong = [url for url in urls if not url.startswith(("http://", "https://")) or not urlsplit(url).hostname]
    if wrong or not urls:
        what = f"{wrong[0]!r} is no http(s) URL" if wrong else "no URL in it"
        raise SystemExit(f"corpus: seeds={seeds}: {what}; write one absolute URL a line")
    return urls
