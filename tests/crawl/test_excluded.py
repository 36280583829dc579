"""Excluded sites: not asked for anything, however they are reached, in every mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .loopback import Crawls, Pages, Web

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def excluded(tmp_path: Path) -> list[str]:
    """Give a list that excludes 127.0.0.1, where `localhost` is not."""
    path = tmp_path / "excluded.txt"
    path.write_text("# source: Watch Example\n# date: 2026-11-01\n127.0.0.1\n")
    return [str(path)]


@pytest.mark.parametrize(
    "settings", [{}, {"OPTOUT_DRY_RUN": True}, {"OPTOUT_ACTION": "tag"}, {"OPTOUT_FETCH_RESERVED": True}]
)
async def test_an_excluded_site_is_asked_for_nothing(
    web: Web, crawl: Crawls, excluded: list[str], settings: dict[str, object]
) -> None:
    """Neither its pages nor its robots.txt, and not by way of a redirect; each refusal has its line and its list."""
    pirate, shop = await web.site(), await web.site(host="localhost")
    moved, fine = shop.moves("/moved", pirate.says("/a")), shop.says("/fine")
    crawled = await crawl(Pages, pirate.url("/a"), moved, fine, OPTOUT_EXCLUDED_SITES=excluded, **settings)
    assert pirate.asked == []
    assert crawled.urls == [fine]
    refused = [line for line in crawled.lines if line["outcome"] == "deny"]
    assert [line["url"] for line in refused] == [pirate.url("/a")] * 2
    for line in refused:
        assert (line["stage"], line["action"], line["may_fetch"]) == ("request", "drop", False)
        assert line["reasons"][0]["finding"] == "excluded-site"
        assert line["reasons"][0]["note"] == "Watch Example, 2026-11-01"


async def test_a_list_that_cannot_be_read_stops_the_crawl(web: Web, crawl: Crawls, tmp_path: Path) -> None:
    """What was to be closed does not open because a file is missing."""
    site = await web.site()
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_EXCLUDED_SITES=[str(tmp_path / "none.txt")])
    assert (site.asked, crawled.items) == ([], [])
