"""A compressed robots.txt that is cut, or of a coding that nobody undoes, opens nothing."""

from __future__ import annotations

import gzip

import pytest

from .loopback import ROBOTS, Crawls, Pages, Site

FORBIDS = b"# hi there\n" * 50 + b"User-agent: *\nDisallow: /\n"
ALLOWS = b"User-agent: *\nDisallow: /closed/\n"


@pytest.mark.parametrize(("body", "coding"), [(gzip.compress(FORBIDS)[:-30], "gzip"), (gzip.compress(FORBIDS), "foo")])
async def test_what_is_not_undone_whole_is_pending(site: Site, crawl: Crawls, body: bytes, coding: str) -> None:
    """RFC 9309 section 2.3.1.4: it is unreachable, not a file without rules."""
    site.says(ROBOTS, body, Content_Encoding=coding)
    crawled = await crawl(Pages, site.says("/page"), OPTOUT_PROBE_BACK_OFF="")
    assert crawled.items == []
    assert crawled.lines[0]["reasons"][0]["finding"] == "robots-unreachable"


async def test_a_whole_one_is_read(site: Site, crawl: Crawls) -> None:
    """A server that compresses although it was not asked to is understood."""
    site.says(ROBOTS, gzip.compress(ALLOWS), Content_Encoding="gzip")
    site.says("/closed/page")
    crawled = await crawl(Pages, site.says("/page"), site.url("/closed/page"))
    assert crawled.urls == [site.url("/page")]


async def test_binary_garbage_is_noted(site: Site, crawl: Crawls) -> None:
    """A file of bytes that are no text forbids nothing, and the record says what it was."""
    site.says(ROBOTS, gzip.compress(FORBIDS), Content_Type="application/gzip")
    crawled = await crawl(Pages, site.says("/page"))
    assert crawled.lines[0]["reasons"][0]["finding"] == "odd-file"
