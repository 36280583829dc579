"""All sites, and what each answers for a path.

Rule of this file: it gathers the tables beside it and adds the directory, which lists every listed page: a
crawl meets the pages of a site even where its front page may not be read.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from web.model import File, Page, Site
from web.render import list_html, page_html
from web.sites.file_sites import BARE, LIFTED, NEWS
from web.sites.moved_sites import FLAKY, NEW_ATLAS, OLD_ATLAS, OPEN_ATLAS, SLOW
from web.sites.music_sites import LYRICS, MAGAZINE, SHEETS
from web.sites.open_sites import BLOG, GALLERY
from web.sites.page_sites import GAZETTE, MUSEUM
from web.sites.robots_sites import ARCHIVE, KITCHEN, REVIEW, SHOP

if TYPE_CHECKING:
    from web.model import Fields

_LISTED = (
    BLOG, NEWS, LYRICS, SHOP, KITCHEN, MUSEUM, GAZETTE, FLAKY, BARE, OLD_ATLAS, NEW_ATLAS, OPEN_ATLAS, SLOW,
    GALLERY, ARCHIVE, LIFTED, REVIEW, SHEETS, MAGAZINE,
)  # fmt: skip

DIRECTORY = Site(
    host="directory.example",
    name="The Small Web Directory",
    says="nothing (no robots.txt)",
    pages=(
        Page(
            path="/",
            title="All sites",
            text=("Every site of the small web, in the order in which they signed the guest book.",),
        ),
        *(
            Page(
                path=f"/{site.host.removesuffix('.example')}.html",
                title=f"Everything on {site.name}",
                text=(f"All that the keepers of {site.name} asked us to list. We counted twice.",),
            )
            for site in _LISTED
        ),
    ),
)
SITES: tuple[Site, ...] = (DIRECTORY, *_LISTED)
FRONT_DOOR = f"{DIRECTORY.origin}/"

Answer = tuple[int, "Fields", bytes]


def answer(site: Site | None, path: str) -> Answer:
    """Give status, headers and body of what the site serves at the path; None is a host nobody invented."""
    if site is None:
        return (
            HTTPStatus.BAD_GATEWAY,
            _type("text/plain; charset=utf-8"),
            b"There is no such site on the small web.\n",
        )
    for page in site.pages:
        if page.path == path and page.moved_to:
            return HTTPStatus.MOVED_PERMANENTLY, (*page.headers, ("Location", page.moved_to)), b""
        if page.path == path:
            return HTTPStatus.OK, (*_type("text/html; charset=utf-8"), *page.headers), _html(site, page)
    for file in site.files:
        if file.path == path:
            return file.status, (*_type(file.content_type), *file.headers), file.body
    return HTTPStatus.NOT_FOUND, _type("text/plain; charset=utf-8"), b"Nothing is kept here.\n"


def _html(site: Site, page: Page) -> bytes:
    if site is not DIRECTORY:
        at = SITES.index(site)
        return page_html(site, page, (DIRECTORY, *(SITES[(at + step) % len(SITES)] for step in (1, 5))))
    if page.path == "/":
        links = [(other.path, other.title) for other in site.pages[1:]]
        return list_html(site, page, links + [(f"{other.origin}/", other.name) for other in _LISTED])
    listed = _LISTED[site.pages.index(page) - 1]
    return list_html(site, page, [(listed.url(other), other.title) for other in listed.pages if other.listed])


def _type(value: str) -> Fields:
    return (("Content-Type", value),)


def find(url: str) -> Page | File | None:
    """Give the page or file of a URL of the small web."""
    return next((item for site in SITES for item in site.items if site.url(item) == url), None)
