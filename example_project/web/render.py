"""Sites as bytes: the one HTML template of the small web.

Rule of this file: pure; a page is made of its site, its neighbours and nothing else.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from web.model import Page, Site

_TEMPLATE = """<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{title} - {name}</title>
{meta}</head>
<body>
<header><a href="/">{name}</a></header>
<main>
<h1>{title}</h1>
{body}
</main>
<nav>{nav}</nav>
<footer>Elsewhere: {elsewhere}</footer>
</body>
</html>
"""


def page_html(site: Site, page: Page, elsewhere: Sequence[Site]) -> bytes:
    """Render one page: its text and images, links to the pages around it, and to some other sites."""
    body = [f"<p>{escape(paragraph)}</p>" for paragraph in page.text]
    body += [f'<figure><img src="{escape(path)}" alt="{escape(page.title)}"></figure>' for path in page.images]
    html = _TEMPLATE.format(
        lang=page.lang,
        title=escape(page.title),
        name=escape(site.name),
        meta="".join(f'<meta name="{escape(name)}" content="{escape(value)}">\n' for name, value in page.meta)
        + (f'<script type="application/ld+json">{_script(page.data)}</script>\n' if page.data else ""),
        body="\n".join(body),
        nav=" | ".join(_link(other.path, other.title) for other in _around(site, page)),
        elsewhere=", ".join(_link(f"{other.origin}/", other.name) for other in elsewhere),
    )
    return html.encode()


def list_html(site: Site, page: Page, links: Sequence[tuple[str, str]]) -> bytes:
    """Render a page that lists (URL, title) pairs under its text."""
    items = "\n".join(f"<li>{_link(url, title)}</li>" for url, title in links)
    text = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in page.text)
    html = _TEMPLATE.format(
        lang=page.lang,
        title=escape(page.title),
        name=escape(site.name),
        meta="",
        body=f"{text}\n<ul>\n{items}\n</ul>",
        nav=_link("/", site.name),
        elsewhere="the sites above",
    )
    return html.encode()


def _around(site: Site, page: Page) -> list[Page]:
    """Give all listed pages on the front page, the one before and the one after elsewhere."""
    listed = [other for other in site.pages if other.listed]
    if page.path == "/":
        return listed[1:]
    if page not in listed:
        return listed[:1]
    at = listed.index(page)
    return [listed[at - 1], listed[(at + 1) % len(listed)]]


def _script(data: str) -> str:
    """Give JSON as it may stand in a script: no "<" that could end it (HTML section 4.12.1.3)."""
    return data.replace("<", "\\u003c")


def _link(url: str, title: str) -> str:
    return f'<a href="{escape(url)}">{escape(title)}</a>'
