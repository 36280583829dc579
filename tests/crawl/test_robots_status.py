"""What the status of robots.txt comes to (RFC 9309 section 2.3.1), in real crawls."""

from __future__ import annotations

import pytest

from .loopback import NOT_OURS, ROBOTS, TDMREP, Crawls, Pages, Site


@pytest.mark.parametrize(
    ("status", "rule", "outcome"),
    [
        (200, "Allow", "allow"),
        (404, "Disallow", "allow"),
        (410, "Disallow", "allow"),
        (401, "Disallow", "allow"),
        (403, "Disallow", "allow"),
        (429, "Allow", "pending"),
        (500, "Allow", "pending"),
        (503, "Allow", "pending"),
    ],
)
async def test_status(site: Site, crawl: Crawls, status: int, rule: str, outcome: str) -> None:
    """Unavailable opens, unreachable closes; a body under another status than 2xx is no rule."""
    site.says(ROBOTS, f"User-agent: *\n{rule}: /\n".encode(), status)
    crawled = await crawl(Pages, site.says("/a"))
    assert [line["outcome"] for line in crawled.lines] == [outcome]
    assert len(crawled.items) == site.times("/a") == (outcome == "allow")
    assert crawled.lines[0]["waits_for"] == (None if outcome == "allow" else "probe")


@pytest.mark.parametrize(
    "mode", [{}, {"OPTOUT_ACTION": "tag"}, {"OPTOUT_DRY_RUN": True}, {"OPTOUT_FETCH_RESERVED": True}]
)
async def test_unreachable_is_not_fetched_in_any_mode(site: Site, crawl: Crawls, mode: dict[str, object]) -> None:
    """While robots.txt is unreachable nothing else is fetched, whatever is done with items."""
    site.says(ROBOTS, b"", 503)
    await crawl(Pages, site.says("/a"), **mode)
    assert {seen.path for seen in site.asked} == {ROBOTS}


async def test_nobody_answers(crawl: Crawls, site: Site) -> None:
    """A host that refuses connections is unreachable, after as many tries as are set."""
    crawled = await crawl(Pages, "http://127.0.0.1:9/a", OPTOUT_PROBE_BACK_OFF=[0.001, 0.001])
    assert [(line["outcome"], line["waits_for"]) for line in crawled.lines] == [("pending", "probe")]
    assert crawled.stat("optout/probe/robots.txt/unreachable") == 1
    assert crawled.stat("downloader/exception_type_count/scrapy.exceptions.DownloadConnectionRefusedError") == 3


async def test_probe_is_tried_again(site: Site, crawl: Crawls) -> None:
    """What fails once and then answers is not pending."""
    site.says(ROBOTS, b"", 503)

    async def recover(path: str) -> None:
        if path == ROBOTS and site.times(ROBOTS) == 2:
            site.says(ROBOTS, NOT_OURS)

    site.before_reply = recover
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_PROBE_BACK_OFF=[0.001])
    assert crawled.urls == [site.url("/a")]
    assert crawled.stat("optout/probe/robots.txt/answered") == 1


async def test_closed_site_is_not_probed_further(site: Site, crawl: Crawls) -> None:
    """Where robots.txt settles the matter, the other locations are not asked for."""
    site.says(ROBOTS, b"User-agent: *\nDisallow: /\n")
    await crawl(Pages, site.says("/a"))
    assert {seen.path for seen in site.asked} == {ROBOTS}
    assert site.times(TDMREP) == 0


async def test_robots_txt_itself_may_be_fetched(site: Site, crawl: Crawls) -> None:
    """A spider may read robots.txt of a site that closes everything, and of one that reserves everything."""
    site.says(ROBOTS, b"User-agent: *\nDisallow: /\n")
    assert (await crawl(Pages, site.url(ROBOTS))).told == [("response", "allow", "keep")]
    site.says(ROBOTS, b"")
    site.says(TDMREP, b'[{"location": "/", "tdm-reservation": 1}]')
    crawled = await crawl(Pages, site.url(ROBOTS))
    assert crawled.told[1:] == [("response", "deny", "drop")]
    assert crawled.items == []
