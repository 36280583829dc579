"""`optout check --terms`: the terms that a page links to, and the sentences there that reserve.

Rule of this file: a person asked for it, so it fetches; each link is asked for only where robots.txt of its origin lets
our product token fetch it, and no further than three redirects. What is found is shown beside the decision and changes
nothing of it: whether a sentence is machine-readable is open, and whose terms these are, a person sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from optout_middleware.signals.natural_language import Found, find_in_page
from optout_middleware.signals.terms_links import terms_links
from optout_middleware.terms import Evidence, Usage
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from optout_middleware.decide import Site
    from optout_middleware.evidence.fetch import Limits
    from optout_middleware.policy import Policy

_REDIRECTS = 3
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_TEXTS = frozenset({"", "text/html", "application/xhtml+xml", "text/plain"})


class Terms(NamedTuple):
    """One page of terms.

    Fields:
        url: where the page links to.
        evidence: what stands there; None = robots.txt does not let us look.
        sentences: those that reserve.
    """

    url: str
    evidence: Evidence | None
    sentences: tuple[Found, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "url": self.url,
            "source": self.evidence.source.to_dict() if self.evidence is not None else None,
            "sentences": [{"language": found.language, "text": found.sentence} for found in self.sentences],
        }


async def read_terms(
    page: Evidence | None,
    policy: Policy,
    limits: Limits,
    site_of: Callable[[str], Awaitable[Site]],
    fetch: Callable[[str, Limits], Awaitable[Evidence]],
) -> list[Terms]:
    """Fetch and read what a page links to as terms of its site.

    Args:
        page: the page; None = it was not fetched, and nothing is read.
        policy: for a usage other than search.
        limits: for each fetch; redirects are followed here.
        site_of: gives the site of a URL, for its robots.txt.
        fetch: fetches.
    """
    if page is None or page.status != 200 or policy.usage is Usage.SEARCH:  # noqa: PLR2004 - RFC 9110 section 15.3.1
        return []
    return [await _read(url, limits, site_of, fetch) for url in terms_links(page.body, page.url)]


async def _read(
    url: str,
    limits: Limits,
    site_of: Callable[[str], Awaitable[Site]],
    fetch: Callable[[str, Limits], Awaitable[Evidence]],
) -> Terms:
    link: str | None = url
    evidence: Evidence | None = None
    for _ in range(_REDIRECTS + 1):
        if link is None or origin_of(link) is None or not (await site_of(link)).may_fetch(link):
            return Terms(url, None, ())
        evidence = await fetch(link, limits)
        if evidence.status not in _REDIRECTING:
            break
        link = _target(evidence)
    if evidence is None or evidence.status != 200 or evidence.media_type not in _TEXTS:  # noqa: PLR2004 - as above
        return Terms(url, evidence, ())
    return Terms(url, evidence, find_in_page(evidence.body, evidence.media_type))


def _target(evidence: Evidence) -> str | None:
    """Give where a response redirects to; None where that is no address."""
    places = evidence.values("location")
    try:
        return urljoin(evidence.url, places[-1]) if places else None
    except ValueError:
        return None
