"""What a crawl of the small web should come to, compared with what it came to.

Rule of this file: what is expected stands in the site tables; nothing is worked out a second time here. It
holds for the settings as shipped, and for OPTOUT_FETCH_RESERVED on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from web.model import File, Page
from web.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from web.model import Outcome


class Seen(NamedTuple):
    """What the audit log says of one page or image."""

    url: str
    final_url: str
    outcome: str


def wanted(item: Page | File, *, fetch_reserved: bool) -> Outcome | None:
    """Give what a page or image should come to; None = nothing is expected of it."""
    if isinstance(item, Page) and fetch_reserved and item.if_fetched:
        return item.if_fetched
    return item.expected


def differences(pages: Iterable[Seen], images: Iterable[Seen], *, fetch_reserved: bool) -> Iterator[str]:
    """Tell, one line each, where audit lines differ from the tables."""
    of_pages, of_images = _by_url(pages), _by_url(images)
    for site in SITES:
        for item in site.items:
            want = wanted(item, fetch_reserved=fetch_reserved)
            if want is None or (isinstance(item, Page) and not item.listed):
                continue  # what is not listed is looked at where its redirect stands
            urls = [site.url(item)]
            if isinstance(item, Page) and item.moved_to:
                urls.append(item.moved_to)
            outcomes = of_pages if isinstance(item, Page) else of_images
            found = {outcome for url in urls for outcome in outcomes.get(url, ())}
            if found != {want}:
                said = " and ".join(sorted(found)) or "nothing"
                yield f"{urls[0]} should be {want}, the audit log says {said}"


def corpus_differences(kept: Mapping[str, set[str]], *, fetch_reserved: bool) -> Iterator[str]:
    """Tell where the corpus (URL of a page -> URLs of its images) differs from the tables."""
    expected = {
        site.url(page): {site.url(file) for file in site.files if file.path in page.images and file.expected == "allow"}
        for site in SITES
        for page in site.pages
        if not page.moved_to and wanted(page, fetch_reserved=fetch_reserved) == "allow"
    }
    for url in sorted(kept.keys() - expected.keys()):
        yield f"{url} is reserved, and stands in the corpus"
    for url in sorted(expected.keys() - kept.keys()):
        yield f"{url} is not reserved, and is missing from the corpus"
    for url in sorted(kept.keys() & expected.keys()):
        if kept[url] != expected[url]:
            yield f"{url} should keep the images {sorted(expected[url])}, not {sorted(kept[url])}"


def trespasses(asked: Iterable[str]) -> Iterator[str]:
    """Tell which pages were asked for although robots.txt does not let us; true for any settings."""
    closed = {site.url(page) for site in SITES for page in site.pages if not page.fetchable}
    for url in sorted(closed.intersection(asked)):
        yield f"{url} was fetched, which robots.txt does not let us"


def _by_url(seen: Iterable[Seen]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for url, final_url, outcome in seen:
        for each in {url, final_url}:
            found.setdefault(each, set()).add(outcome)
    return found
