"""What a dry run tells in its manifest: items with text and language, pages that were not fetched, both profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.crawl.item_text import language_of, octets_of_text

from .loopback import ROBOTS, TDMREP, Crawls, Pages, Site

if TYPE_CHECKING:
    from scrapy.http import Response

CONSENSUS = b"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\nUser-agent: *\nDisallow: /closed\n"


class Texts(Pages):
    """Yields items with text and a language."""

    def parse(self, response: Response, **_: Any) -> Any:
        """Give an item of eleven octets of text, the language included."""
        yield {"url": response.url, "text": "Zwölf!!", "language": "DE "}


async def test_share_of_a_dry_run(site: Site, crawl: Crawls) -> None:
    """Forbidden pages are estimated from those that were fetched; items count their text by language."""
    site.says(ROBOTS, CONSENSUS)
    urls = [site.says(f"/{number}") for number in range(4)]
    crawled = await crawl(Texts, *urls, site.says("/closed/1"), OPTOUT_DRY_RUN=True)
    share = crawled.manifest["summary"]["share"]
    size = len(site.replies["/0"].body)
    assert share["total"] == {
        "excluded": {"requests": 4, "items": 4, "bytes": 4 * size, "tokens": 11},
        "forbidden": {"requests": 1, "items": 0, "bytes": 0, "tokens": 0},
    }
    assert {name: row["excluded"]["items"] for name, row in share["by_language"].items()} == {"de": 4}
    found = share["not_fetched"]["forbidden"]
    assert (found["requests"], found["items"], found["bytes"], found["by_average"]) == (1, 1, size, 0)
    literal = share["by_profile"]["literal"]
    assert {became: row["requests"] for became, row in literal.items()} == {"unknown": 4, "forbidden": 1}
    assert share["price_of_caution"]["requests"] == 4
    assert share["by_finding"]["training-consensus"]["precautionary"]["only"]["items"] == 4
    assert share["by_finding"]["training-consensus"]["samples"][0]["text"] == "Disallow: /"


async def test_pages_whose_robots_txt_is_unreachable_are_not_kept(site: Site, crawl: Crawls) -> None:
    """They are pending for a probe and not fetched, which is told apart from all else."""
    site.says(ROBOTS, b"", 503)
    crawled = await crawl(Texts, site.says("/a"), OPTOUT_DRY_RUN=True)
    share = crawled.manifest["summary"]["share"]
    assert share["total"] == {"pending": {"requests": 1, "items": 0, "bytes": 0, "tokens": 0}}
    assert share["not_fetched"] == {"pending": {"requests": 1}}
    assert share["by_waits_for"]["probe"]["requests"] == 1


async def test_the_field_of_the_language_is_a_setting(site: Site, crawl: Crawls) -> None:
    """Empty = languages are not told."""
    site.says(TDMREP, b"", 404)
    crawled = await crawl(Texts, site.says("/a"), OPTOUT_DRY_RUN=True, OPTOUT_LANGUAGE_FIELD="")
    assert crawled.manifest["summary"]["share"]["by_language"] == {}


@pytest.mark.parametrize(
    ("item", "octets"),
    [
        ({"text": "ü", "url": "http://news.example/a"}, 2),
        ({"text": "see http://news.example/a"}, 25),
        ({"parts": ["one", {"more": ("two", 3, None)}], "body": b"bytes"}, 6),
        ({"a": {"b": {"c": {"d": {"e": {"f": "too deep"}}}}}}, 0),
        ({"text": "\ud800"}, 3),
        ("no item", 0),
    ],
)
def test_octets_of_text(item: Any, octets: int) -> None:
    """Text in UTF-8, in lists and mappings too, to a depth; no bytes, and no field that is a URL alone."""
    assert octets_of_text(item) == octets


@pytest.mark.parametrize(
    ("item", "language"),
    [({"lang": " EN "}, "en"), ({"lang": None}, ""), ({"lang": ["en"]}, ""), ({}, ""), ("no item", "")],
)
def test_language_of_an_item(item: Any, language: str) -> None:
    """As the field says, where it has one and says it as text."""
    assert language_of(item, "lang") == language
    assert language_of(item, "") == ""
