"""What a crawl of the small web should come to, compared with what it came to.

Rule of this file: what is expected stands in the site tables; nothing is worked out a second time here. It
holds for the settings as shipped, for OPTOUT_FETCH_RESERVED on, and for the modes that keep every page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from web.model import File, Page
from web.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from web.model import Item, Outcome, Site


class Seen(NamedTuple):
    """What the audit log says of one page or image."""

    url: str
    final_url: str
    outcome: str


class Judged(NamedTuple):
    """What the audit log says of one item about which the register was asked.

    `who` has all whose claims or licences settled it.
    """

    url: str
    outcome: str
    waits_for: str
    rule: str
    who: tuple[str, ...]


class Mode(NamedTuple):
    """How the crawl was set, as far as it changes what pages come to and which are kept.

    Fields:
        fetch_reserved: whether reserved pages are fetched, so that they speak for themselves.
        keeps: what is kept of what is denied or pending: "nothing", "pages" (tagged) or "all" (a dry run).
    """

    fetch_reserved: bool = False
    keeps: str = "nothing"

    @classmethod
    def of(cls, *, fetch_reserved: bool, action: str, dry_run: bool) -> Mode:
        """Read the mode off the settings: with tags and in a dry run reserved pages are fetched in any case."""
        keeps = "all" if dry_run else "pages" if action == "tag" else "nothing"
        return cls(fetch_reserved or keeps != "nothing", keeps)


SHIPPED = Mode()


def wanted(item: Page | File, *, fetch_reserved: bool) -> Outcome | None:
    """Give what a page or image should come to, before the register is asked; None = nothing is expected of it."""
    if isinstance(item, Page) and fetch_reserved and item.if_fetched:
        return item.if_fetched
    return item.expected


def last_word(page: Page, *, fetch_reserved: bool) -> Outcome | None:
    """Give what becomes of a page: what its item comes to, where it has one of its own."""
    outcome = wanted(page, fetch_reserved=fetch_reserved)
    return page.item.outcome if page.item and outcome == "allow" else outcome


def differences(pages: Iterable[Seen], images: Iterable[Seen], *, fetch_reserved: bool) -> Iterator[str]:
    """Tell, one line each, where audit lines of pages and images differ from the tables."""
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


def item_differences(items: Iterable[Judged]) -> Iterator[str]:
    """Tell where what the register came to differs from the tables; true for whatever is fetched and kept."""
    found = {item.url: item for item in items}
    expected = {site.url(page): page.item for site in SITES for page in site.pages if page.item}
    for url in sorted(found.keys() - expected.keys()):
        yield f"{url} has no credits, and the register was asked about it"
    for url, want in expected.items():
        if url not in found:
            yield f"{url} should be {_shown(want)}, and the register was not asked about it"
        elif not _is_as(found[url], want):
            yield f"{url} should be {_shown(want)}, the audit log says {_shown(found[url])}"


def corpus_differences(kept: Mapping[str, set[str]], mode: Mode = SHIPPED) -> Iterator[str]:
    """Tell where the corpus (URL of a page -> URLs of its images) differs from the tables."""
    expected = {
        site.url(page): _images(site, page, mode)
        for site in SITES
        for page in site.pages
        if not page.moved_to and _is_kept(page, mode)
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


def _is_kept(page: Page, mode: Mode) -> bool:
    if mode.keeps != "nothing":
        return page.fetchable
    return last_word(page, fetch_reserved=mode.fetch_reserved) == "allow"


def _images(site: Site, page: Page, mode: Mode) -> set[str]:
    """Give the images of a page that are kept; a file can carry no tag, so a reserved one is refused with tags too."""
    return {
        site.url(file)
        for file in site.files
        if file.path in page.images and (file.expected == "allow" or mode.keeps == "all")
    }


def _is_as(found: Judged, want: Item) -> bool:
    same = (found.outcome, found.waits_for, found.rule) == (want.outcome, want.waits_for, want.rule)
    return same and (want.who in found.who if want.who else not found.who)


def _shown(item: Judged | Item) -> str:
    who = item.who if isinstance(item.who, str) else ", ".join(item.who)
    waits_for = f" ({item.waits_for})" if item.waits_for else ""
    return f"{item.outcome}{waits_for} by {item.rule or 'no rule'} for {who or 'nobody'}"


def _by_url(seen: Iterable[Seen]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for url, final_url, outcome in seen:
        for each in {url, final_url}:
            found.setdefault(each, set()).add(outcome)
    return found
