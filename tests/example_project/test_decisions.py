"""What the tables expect, held against the library's own decisions, without a crawl.

Rule of this file: evidence is made of what the sites answer; no Scrapy, no network.
"""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from web.expected import wanted
from web.model import File, Page, Site
from web.sites import SITES, answer

from optout_middleware.decide import decide
from optout_middleware.policy import LOCATIONS, Policy
from optout_middleware.terms import Decision, Evidence, Hop

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
POLICY = Policy("ExampleCorpusBot")
BY_HOST = {site.host: site for site in SITES}
CASES = [(site, item) for site in SITES for item in site.items if isinstance(item, Page) or item.expected is not None]


def answered(site: Site, path: str, *, url: str = "", hops: tuple[Hop, ...] = ()) -> Evidence:
    """Make evidence of what a site answers."""
    status, headers, body = answer(site, path)
    final_url = f"{site.origin}{path}"
    return Evidence(url or final_url, status, headers, body, AT, final_url=final_url, hops=hops)


def files(site: Site) -> list[Evidence]:
    return [answered(site, path) for path in LOCATIONS.values()]


def judged(site: Site, item: Page | File, *, fetched: bool) -> Decision:
    """Decide as a crawl does: by the files of the site and, where the page is fetched, by the page too."""
    url, seen = site.url(item), files(site)
    if isinstance(item, Page) and item.moved_to:
        host, path = item.moved_to.removeprefix("http://").split("/", 1)
        seen += files(BY_HOST[host])
        seen.append(answered(BY_HOST[host], f"/{path}", url=url, hops=(Hop(url, 301),)))
    elif fetched:
        seen.append(answered(site, item.path))
    return decide(url, seen, POLICY, at=AT)


@pytest.mark.parametrize(("site", "item"), CASES, ids=lambda value: getattr(value, "host", getattr(value, "path", "")))
def test_item_comes_to_what_is_expected(site: Site, item: Page | File) -> None:
    by_files = judged(site, item, fetched=False)
    assert by_files.may_fetch is (not isinstance(item, Page) or item.fetchable)
    if by_files.outcome == "allow":  # then it is fetched, and speaks for itself
        assert judged(site, item, fetched=True).outcome == item.expected
    else:
        assert by_files.outcome == item.expected
    if by_files.may_fetch:
        assert judged(site, item, fetched=True).outcome == wanted(item, fetch_reserved=True)
