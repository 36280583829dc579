"""What a site of the small web is made of.

Rule of this file: frozen values. What a page should come to (`expected`) stands beside the page that says it,
so that a reader of the tables sees signal and outcome together; for usage train-ai, profile precautionary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["allow", "pending", "deny"]
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Item:
    """What the item of a page comes to by the register, where that is asked about it.

    Args:
        outcome: what it comes to.
        waits_for: what it waits for first, where it is pending: "register" or "person".
        rule: the rule that settled it; empty = none had to.
        who: whose claim or licence settled it, or one of several; empty = nobody's.
    """

    outcome: Outcome
    waits_for: str = ""
    rule: str = ""
    who: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One HTML page, or one redirect where `moved_to` is set.

    Args:
        path: the path on its site.
        title: its heading.
        text: its paragraphs.
        expected: what the page comes to.
        if_fetched: what it comes to with OPTOUT_FETCH_RESERVED on, where that differs.
        fetchable: whether its site's robots.txt lets ExampleCorpusBot fetch it.
        headers: response headers that this page adds.
        meta: (name, content) of the `<meta>` elements that this page adds.
        lang: its language.
        images: paths of images on the same site.
        moved_to: the absolute URL that a 301 sends to.
        listed: whether its site and the directory link to it; else only a redirect leads there.
        data: what it says of its work in JSON-LD; empty = nothing, so that the register is not asked.
        item: what its item comes to by the register; None = as the page, since the register is not asked.
    """

    path: str
    title: str
    text: tuple[str, ...] = ()
    expected: Outcome = "allow"
    if_fetched: Outcome | None = None
    fetchable: bool = True
    headers: Fields = ()
    meta: Fields = ()
    lang: str = "en"
    images: tuple[str, ...] = ()
    moved_to: str = ""
    listed: bool = True
    data: str = ""
    item: Item | None = None


@dataclass(frozen=True, kw_only=True)
class File:
    """What else a site serves: robots.txt, tdmrep.json, a policy, an image (then with `expected`)."""

    path: str
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Fields = ()
    expected: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class Site:
    """One invented site.

    Args:
        host: its name, under `.example`.
        name: its title, on every page.
        says: how it reserves, in a few words for the table at the end.
        pages: its pages, the front page first.
        files: whatever else it serves; robots.txt and tdmrep.json are 404 unless they stand here.
        delay: seconds that it takes to answer anything.
    """

    host: str
    name: str
    says: str
    pages: tuple[Page, ...]
    files: tuple[File, ...] = ()
    delay: float = 0.0

    @property
    def origin(self) -> str:
        """Its origin; everything is plain http on the default port, as far as a client can tell."""
        return f"http://{self.host}"

    @property
    def items(self) -> tuple[Page | File, ...]:
        """All that it serves."""
        return (*self.pages, *self.files)

    def url(self, item: Page | File) -> str:
        """Give the absolute URL of one of its pages or files."""
        return self.origin + item.path


def robots(*lines: str, status: int = 200) -> File:
    """Make a robots.txt of lines."""
    return File(path="/robots.txt", body="".join(f"{line}\n" for line in lines).encode(), status=status)


def json_file(path: str, text: str, content_type: str = "application/json") -> File:
    """Make a JSON file of its text, which stays as written since some are malformed on purpose."""
    return File(path=path, body=text.encode(), content_type=content_type)
