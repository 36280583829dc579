"""The house's table of stages: drop, tag and dry run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.verify import verify

from .loopback import NOT_OURS, RESERVED, ROBOTS, TDMREP, Crawls, Pages, Site

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def pages(site: Site) -> Mapping[str, str]:
    """Give the URLs of a site that opts out in three places."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED)
    return {
        "open": site.says("/open"),
        "closed": site.says("/closed"),
        "reserved": site.says("/reserved"),
        "header": site.says("/header", X_Robots_Tag="noai"),
        "linked": site.says("/linked"),
    }


def links(pages: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """Let the page with the header link to another one."""
    return {pages["header"]: (pages["linked"],)}


def seeds(pages: Mapping[str, str]) -> list[str]:
    """Give the pages to start with."""
    return [pages[name] for name in ("open", "closed", "reserved", "header")]


async def test_drop(site: Site, crawl: Crawls, pages: Mapping[str, str]) -> None:
    """In drop mode nothing reserved is kept, reserved pages are not fetched, links of a denied page are followed."""
    crawled = await crawl(Pages, *seeds(pages), follows=links(pages))
    assert crawled.urls == [pages["linked"], pages["open"]]
    assert sorted(crawled.told) == [
        ("request", "deny", "drop"),  # robots.txt
        ("request", "deny", "drop"),  # tdmrep.json
        ("response", "allow", "keep"),
        ("response", "allow", "keep"),
        ("response", "deny", "drop"),  # X-Robots-Tag
    ]
    assert (site.times("/closed"), site.times("/reserved"), site.times("/header")) == (0, 0, 1)
    assert crawled.stat("item_dropped_count") == crawled.stat("optout/item/dropped") == 1
    assert crawled.stat("optout/page/not_fetched") == 2
    assert crawled.stat("optout/page/fetch_forbidden") == 1
    assert "optout" not in crawled.items[0]


async def test_tag(site: Site, crawl: Crawls, pages: Mapping[str, str]) -> None:
    """In tag mode all but what robots.txt forbids is fetched, and every item carries its decision."""
    crawled = await crawl(Pages, *seeds(pages), follows=links(pages), OPTOUT_ACTION="tag")
    tags = {item["url"]: item["optout"] for item in crawled.items}
    assert {url: tag["outcome"] for url, tag in tags.items()} == {
        pages["open"]: "allow", pages["reserved"]: "deny", pages["header"]: "deny", pages["linked"]: "allow",
    }  # fmt: skip
    assert tags[pages["header"]]["reasons"] == ["refusal: robots-tag"]
    assert site.times("/closed") == 0
    assert crawled.stat("optout/item/tagged") == 4
    assert crawled.stat("item_dropped_count") == 0
    where = {line["url"]: f"{line['run']}-{line['writer']}:{line['seq']}" for line in crawled.lines}
    assert {url: tag["audit"] for url, tag in tags.items()} == {url: where[url] for url in tags}


async def test_dry_run(site: Site, crawl: Crawls, pages: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """A dry run changes no item, says so at start and end, and tells the share that would be excluded."""
    with caplog.at_level(logging.WARNING):
        crawled = await crawl(Pages, *seeds(pages), follows=links(pages), OPTOUT_DRY_RUN=True)
    assert crawled.urls == sorted(pages[name] for name in ("open", "reserved", "header", "linked"))
    assert all(set(item) == {"url"} for item in crawled.items)
    assert site.times("/closed") == 0
    assert [line["dry_run"] for line in crawled.lines] == [True] * 5
    assert crawled.stat("optout/item/dropped") == 2
    told = [record.getMessage() for record in caplog.records if "DRY RUN" in record.getMessage()]
    assert len(told) == 2
    assert "robots-tag refusal" in told[1]
    assert f"  {site.host}" in told[1]


async def test_fetch_reserved(site: Site, crawl: Crawls, pages: Mapping[str, str]) -> None:
    """OPTOUT_FETCH_RESERVED fetches what a site reserves, where a page may lift it; not what robots.txt forbids."""
    lifted = site.says("/reserved/but", tdm_reservation="0")
    crawled = await crawl(Pages, *seeds(pages), lifted, OPTOUT_FETCH_RESERVED=True)
    assert crawled.urls == [pages["open"], lifted]
    assert (site.times("/closed"), site.times("/reserved")) == (0, 1)


async def test_refusal_notes_that_the_page_was_not_looked_at(crawl: Crawls, pages: Mapping[str, str]) -> None:
    """A page that is not fetched for its site's TDMRep file is recorded as one that nobody looked at."""
    crawled = await crawl(Pages, pages["reserved"])
    (reason,) = [one for one in crawled.lines[0]["reasons"] if one["finding"] == "refusal"]
    assert "OPTOUT_FETCH_RESERVED" in reason["note"]


async def test_line_of_a_page(site: Site, crawl: Crawls) -> None:
    """A line has what a reader needs to check the decision, and hides the secrets of URLs."""
    site.says(TDMREP, RESERVED)
    url = site.says("/open?token=abc&b=1")
    crawled = await crawl(Pages, url)
    (line,) = crawled.lines
    masked = url.replace("abc", "***")
    assert (line["url"], line["final_url"], line["origin"]) == (masked, masked, site.url("/")[:-1])
    assert line["size"] == len(site.replies["/open?token=abc&b=1"].body)
    assert [source["status"] for source in line["evidence"]] == [
        404,
        200,
        200,
    ]  # the last is the page's
    assert (line["stage"], line["may_fetch"], line["dry_run"]) == ("response", True, False)


async def test_pending_urls_are_listed(site: Site, crawl: Crawls) -> None:
    """What is pending stands in a seed list for a later crawl."""
    site.says(ROBOTS, b"", 503)
    crawled = await crawl(Pages, site.says("/a"), site.says("/b"))
    (listed,) = crawl.audit.glob("*-pending.txt")
    assert sorted(listed.read_text("utf-8").split()) == [site.url("/a"), site.url("/b")]
    assert crawled.stat("optout/pending_urls") == 2


async def test_manifest(site: Site, crawl: Crawls) -> None:
    """The manifest is closed with what the run came to."""
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_OPERATOR="Example Ltd")
    manifest = crawled.manifest
    assert (manifest["operator"], manifest["closed"]) == ("Example Ltd", True)
    assert manifest["summary"]["optout/page/allow"] == 1
    assert manifest["summary"]["finish_reason"] == "finished"
    assert verify([str(crawl.audit)]).findings == ()
