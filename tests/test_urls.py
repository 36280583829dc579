"""Origins, paths, registrable domains and scopes of URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.urls import host_of, is_of_origin, is_within, origin_of, path_and_query, registrable_domain

ODD = st.text(st.sampled_from("htps:/?#@[]%.\\ \t\n\x00a1\u30c4\u00df\ud800"), max_size=20) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://h.example", "http://h.example"),
        ("HTTPS://H.Example/a", "https://h.example"),
        ("http://h.example:80/", "http://h.example"),
        ("https://h.example:443", "https://h.example"),
        ("http://h.example:443/", "http://h.example:443"),
        ("https://h.example:80/", "https://h.example:80"),
        ("http://u:p@h.example/", "http://h.example"),
        ("http://h.example.:8080/", "http://h.example.:8080"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/x", "http://[::1]:8000"),
        ("http://\u30c4.example/", "http://xn--bdk.example"),
        ("http://h.example?x", "http://h.example"),
        ("http://h.example:/", "http://h.example"),
        ("ftp://h.example/", None),
        ("data:text/plain,x", None),
        ("mailto:a@h.example", None),
        ("/a/b", None),
        ("http:///a", None),
        ("http://h.example:99999/", None),
        ("http://h.example:x/", None),
        ("http://[::1/", None),
        ("", None),
    ],
)
def test_origin(url: str, origin: str | None) -> None:
    """Scheme, host and port in one form (RFC 6454 section 4); None where the URL is not of http(s)."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://h.example", "/"),
        ("http://h.example/", "/"),
        ("http://h.example?a=/b", "/?a=/b"),
        ("http://h.example/a?b=http://c.example/d#e", "/a?b=http://c.example/d"),
        ("http://h.example#a/b", "/"),
        ("/a?u=http://h.example/x", "/a?u=http://h.example/x"),
        ("a/b", "/a/b"),
        ("http://h.example//a", "//a"),
    ],
)
def test_path_and_query(url: str, path: str) -> None:
    """From the first octet of the path, the query too, never the fragment (RFC 9309 section 2.2.2)."""
    assert path_and_query(url) == path


@pytest.mark.parametrize(
    ("url", "within"),
    [
        ("http://h.example/a", True),
        ("http://h.example", True),
        ("http://h.example?a", True),
        ("http://h.example#a", True),
        ("http://h.example:80/a", True),
        ("HTTP://H.EXAMPLE/a", True),
        ("http://h.example:81/a", False),
        ("http://h.example.evil.example/", False),
        ("http://h.example@evil.example/", False),
        ("https://h.example/", False),
    ],
)
def test_is_of_origin(url: str, within: bool) -> None:
    """The quick look at the text never takes another host for ours."""
    assert is_of_origin(url, "http://h.example") is within


@pytest.mark.parametrize(
    ("url", "scope", "within"),
    [
        ("http://news.example/a", "news.example", True),
        ("https://www.NEWS.example:8443/a", "News.Example", True),
        ("http://badnews.example/", "news.example", False),
        ("http://news.example.evil.example/", "news.example", False),
        ("http://evil.example/news.example", "news.example", False),
        ("http://news.example@evil.example/", "news.example", False),
        ("http://news.example/press/1", "http://news.example/press/", True),
        ("http://news.example:80/press/1", "http://news.example/press/", True),
        ("http://news.example/press", "http://news.example/press/", False),
        ("https://news.example/press/1", "http://news.example/press/", False),
        ("http://www.news.example/press/1", "http://news.example/press/", False),
        ("not a url", "news.example", False),
        ("http://[::1/", "http://[::1/", False),
    ],
)
def test_scope(url: str, scope: str, within: bool) -> None:
    """A domain with its subdomains, or an absolute URL prefix, and nothing that only looks like it."""
    assert is_within(url, scope) is within


@pytest.mark.parametrize("path", ["press/../premium/1", "press/%2e%2e/premium/1", "press/.%2E/premium/1"])
def test_scope_is_not_left_by_dot_segments(path: str) -> None:
    """A URL that a server or client resolves to another place does not lie within the prefix."""
    assert not is_within(f"http://news.example/{path}", "http://news.example/press/")


@pytest.mark.parametrize(
    "path", ["press/..;/a", "press/..%2fa", "press/..%5ca", "press/x\\..\\..\\a", "press/%252e%252e/a"]
)
def test_scope_is_not_left_by_other_spellings(path: str) -> None:
    """Path parameters, escaped slashes and backslashes: a licence stays where there is no doubt about the place."""
    assert not is_within(f"http://news.example/{path}", "http://news.example/press/")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.news.example", "news.example"),
        ("www.news.co.uk", "news.co.uk"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[::1]", "[::1]"),
        ("", ""),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    """By the public suffix list; a host that has none stands for itself."""
    assert registrable_domain(host) == domain


def test_registrable_domain_of_private_suffix() -> None:
    """Two customers of one hosting service are one registrable domain by the ICANN part of the list."""
    assert registrable_domain("a.github.io") == registrable_domain("b.github.io") == "github.io"


@given(ODD)
def test_nothing_raises(url: str) -> None:
    """A string from the web is no reason for an exception, whatever it is."""
    origin = origin_of(url)
    assert origin is None or origin_of(origin) == origin
    assert path_and_query(url).startswith("/")
    assert is_of_origin(url, "http://h.example") in (True, False)
    assert is_within(url, "h.example") in (True, False)
    assert isinstance(registrable_domain(host_of(url)), str)


@given(st.from_regex(r"http://[a-z.]{1,9}(:[0-9]{1,4})?[/?#@a-z]{0,9}", fullmatch=True))
def test_quick_look_agrees_with_origin(url: str) -> None:
    """The quick look gives what the whole reading gives."""
    for origin in ("http://a", "http://a:80", "http://a.b", origin_of(url)):
        if origin is not None and origin_of(origin) == origin:
            assert is_of_origin(url, origin) is (origin_of(url) == origin)
