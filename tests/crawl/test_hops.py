"""What a redirect says in its own headers counts; nothing in meta lifts anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scrapy import Request

from optout_middleware.crawl.hops import META, spoken_hops

from .loopback import TDMREP, Crawls, Pages, Site, Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def test_a_redirect_that_says_noai(web: Web, crawl: Crawls) -> None:
    """X-Robots-Tag on the redirect reserves what it leads to, though the page itself says nothing."""
    one, two = await web.site(), await web.site(host="localhost")
    url = one.says("/moved", b"", 302, Location=two.says("/open"), X_Robots_Tag="noai")
    crawled = await crawl(Pages, url)
    assert crawled.items == []
    (line,) = crawled.lines
    assert (line["outcome"], line["url"], line["final_url"]) == ("deny", url, two.url("/open"))
    assert line["reasons"][0]["text"] == "noai"
    assert line["reasons"][0]["url"] == url


async def test_the_second_of_three_hops(site: Site, crawl: Crawls) -> None:
    """Every hop of a chain is heard."""
    last = site.says("/last")
    site.says("/second", b"", 301, Location=last, Content_Usage="train-ai=n")
    crawled = await crawl(Pages, site.moves("/first", site.url("/second")))
    assert crawled.items == []
    assert crawled.lines[0]["reasons"][0]["signal"] == "content-usage"


async def test_a_hop_lifts_nothing(site: Site, crawl: Crawls) -> None:
    """A redirect with tdm-reservation: 0 does not lift what its file reserves."""
    site.says(TDMREP, b'[{"location": "/moved", "tdm-reservation": 1}]')
    site.says("/moved", b"", 302, Location=site.says("/page"), tdm_reservation="0")
    crawled = await crawl(Pages, site.url("/moved"), OPTOUT_FETCH_RESERVED=True)
    assert crawled.items == []


class Forger(Pages):
    """Writes into meta what only the recorder writes."""

    async def start(self) -> AsyncIterator[Any]:
        """Start with garbage for hops."""
        for url in self.urls:
            yield Request(
                url, self.parse, meta={META: [1, "x", ["http://x.example/", "y", 3], [url, 301, [["a", "b"]]]]}
            )


async def test_garbage_in_meta_changes_nothing(site: Site, crawl: Crawls) -> None:
    """Whatever stands in meta neither raises nor opens."""
    crawled = await crawl(Forger, site.says("/page"))
    assert crawled.urls == [site.url("/page")]


@pytest.mark.parametrize("hops", [[1], ["abc"], [["http://x.example/", None, []]], [["u", 301, [["a"]]]]])
def test_what_is_no_hop_is_passed_over(hops: list[Any]) -> None:
    """A row of another shape is none."""
    assert spoken_hops({META: hops}) == []
