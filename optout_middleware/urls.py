"""What of a URL counts for an opt-out: origin, path with query, registrable domain.

Rule of this file: pure functions over URL strings; a string that is no http(s) URL gives None, never an exception,
because URLs come from the web.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import idna
import tldextract

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_PORTS = {"http": 80, "https": 443}
# The suffix list that tldextract carries: nothing is fetched and no cache is written (suffix_list_urls=()).
_SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def origin_of(url: str) -> str | None:
    """Give scheme, host and port of an http(s) URL (RFC 6454 section 4), lower case, the default port left out.

    robots.txt, tdmrep.json, ai.txt and trust.txt hold for one origin: they are not inherited across schemes,
    subdomains or ports (RFC 9309 section 2.3, TDMRep section 6.1).

    >>> origin_of("HTTP://User@News.Example:80/a?b#c")
    'http://news.example'
    >>> origin_of("data:text/plain,hi") is None
    True
    """
    start = url.find("://")
    end = url.find("/", start + 3) if start > 0 else -1
    return _origin_of(url[:end] if end > 0 else url)


@lru_cache(maxsize=16_384)  # a pure function; what stands before the path says all of it, and hosts come again
def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in _DEFAULT_PORTS or not host:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")  # as requests asks for it: IDNA 2008, UTS 46
        except UnicodeError:
            return None
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


def is_of_origin(url: str, origin: str) -> bool:
    """Tell whether a URL is of an origin as `origin_of` gives it; quick where the URL is written that way."""
    if url.startswith(origin) and url[len(origin) : len(origin) + 1] in ("/", "?", "#", ""):
        return True
    return origin_of(url) == origin


def path_and_query(url: str) -> str:
    """Give what path rules are compared with (RFC 9309 section 2.2.2): path and query, from the first slash on.

    >>> path_and_query("http://news.example?a=1#top"), path_and_query("/a/b;c?")
    ('/?a=1', '/a/b;c?')
    """
    rest = url.partition("#")[0] if "#" in url else url
    separator = rest.find("://")
    if separator >= 0 and rest.find("/") == separator + 1:
        slash, query = rest.find("/", separator + 3), rest.find("?", separator + 3)
        start = min(slash, query) if slash >= 0 <= query else max(slash, query)
        rest = rest[start:] if start >= 0 else ""
    return rest if rest.startswith("/") else f"/{rest}"


def host_of(url: str) -> str:
    """Give the host of a URL in lower case; an empty string where there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def domains_of(host: str) -> Iterator[str]:
    """Give a host and each domain above it, nearest first: where lists of domains are looked up.

    >>> list(domains_of("www.news.example")), list(domains_of(""))
    (['www.news.example', 'news.example', 'example'], [])
    """
    while host:
        yield host
        host = host.partition(".")[2]


@lru_cache(maxsize=65536)  # a pure function of the host; the suffix list is the package's own
def registrable_domain(host: str) -> str:
    """Give the registrable domain of a host by the public suffix list; the host itself where it has none.

    An unlisted top-level domain is a public suffix itself: the list's default rule is "*".

    >>> registrable_domain("www.news.co.uk"), registrable_domain("127.0.0.1"), registrable_domain("www.blog.example")
    ('news.co.uk', '127.0.0.1', 'blog.example')
    """
    found = _SUFFIXES(host)
    if found.top_domain_under_public_suffix or found.suffix or found.ipv4 or ":" in host:
        return found.top_domain_under_public_suffix or host
    return ".".join(host.rsplit(".", 2)[-2:])


def is_within(url: str, scope: str) -> bool:
    """Tell whether a URL lies within a scope: a domain with its subdomains, or an absolute URL prefix.

    >>> is_within("http://www.news.example/a", "news.example"), is_within("http://fakenews.example/", "news.example")
    (True, False)
    >>> is_within("http://news.example/press/1", "http://news.example/press/")
    True
    """
    if "://" in scope:
        origin, wanted = origin_of(url), origin_of(scope)
        path = path_and_query(url)
        if ".." in unquote(unquote(path)):  # RFC 3986 section 5.2.4: in some spelling it may lead out of the prefix
            return False
        return origin is not None and origin == wanted and path.startswith(path_and_query(scope))
    host = host_of(url)
    return host == scope.lower() or host.endswith(f".{scope.lower()}")
