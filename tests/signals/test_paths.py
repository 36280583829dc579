"""Path patterns: the canonical form, matching against a plain reference, and the most specific rule."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.paths import PathRules, canonical, canonical_path, pattern

PIECES = [
    "/",
    "a",
    "b",
    "A",
    "*",
    "$",
    "?",
    "%",
    "%41",
    "%2A",
    "%24",
    "%2f",
    "%25",
    "%e3%83%84",
    "\u30c4",
    " ",
    "~",
    "[",
    "\udcff",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


def reference(text: str) -> re.Pattern[str]:
    """Translate a pattern word for word (RFC 9309 section 2.2.3) into a regular expression."""
    anchored = text.endswith("$")
    pieces = (text[:-1] if anchored else text).split("*")
    return re.compile(
        ".*".join(re.escape(canonical(piece)) for piece in pieces) + (r"\Z" if anchored else ""), re.DOTALL
    )


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz"),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar"),
        ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https:%2F%2Ffoo.bar"),
        ("/foo/bar/\u30c4", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84"),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%25b", "/a%25b"),
        ("/100%", "/100%25"),
        ("/%zz", "/%25zz"),
        ("/%%41", "/%25A"),
        ("/a*b$", "/a%2Ab%24"),
        ("/a%2ab%24", "/a%2Ab%24"),
        ('/a b\t"<>', "/a%20b%09%22%3C%3E"),
        ("/%7Euser", "/~user"),
        ("/\udcff", "/%FF"),
        ("", ""),
    ],
)
def test_canonical(text: str, form: str) -> None:
    """The table of RFC 9309 section 2.2.2, and what RFC 3986 says of the rest."""
    assert canonical(text) == form


@given(TEXTS)
def test_canonical_is_a_form(text: str) -> None:
    """What is in canonical form stays as it is, and is printable ASCII without the two special characters."""
    form = canonical(text)
    assert canonical(form) == form
    assert form.isascii()
    assert not set(form) & set("*$ ")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_canonical_of_any_text(text: str) -> None:
    """The same for any text without lone surrogates."""
    assert canonical(canonical(text)) == canonical(text)
    assert canonical(text).isprintable()


def test_canonical_of_a_lone_surrogate() -> None:
    """A URL or pattern may hold a lone surrogate, from JSON or a script; it is no exception."""
    assert canonical("/\ud800").startswith("/")


@given(TEXTS, TEXTS)
def test_matches_as_the_reference(text: str, path: str) -> None:
    """A pattern matches where the plain translation into a regular expression matches."""
    form = canonical(f"/{path}")
    assert pattern(text).matches(form) is (reference(text).match(form) is not None)


@given(TEXTS)
def test_pattern_matches_itself_spelled_out(text: str) -> None:
    """A path that is the pattern with something for each `*` is matched."""
    plain = (text.removesuffix("$")).replace("*", "xy")
    assert pattern(text).matches(canonical(plain))


@pytest.mark.parametrize(
    ("text", "octets"),
    [("", 0), ("/", 1), ("/a", 2), ("/a*", 3), ("/a$", 3), ("/*/b$", 5), ("/\u30c4", 10), ("/%41", 2), ("/%2A", 4)],
)
def test_octets(text: str, octets: int) -> None:
    """RFC 9309 section 2.2.2: octets of the rule, in the form in which it is compared."""
    assert pattern(text).octets == octets


def test_every_asterisk_is_an_octet() -> None:
    """Asterisks in a row match like one, and count each (RFC 9309 section 2.2.2)."""
    assert pattern("/a***").octets == 5


@given(st.lists(TEXTS, max_size=8), TEXTS)
def test_most_specific_is_the_longest_that_matches(texts: list[str], path: str) -> None:
    """The quick look over plain prefixes gives what trying every pattern gives, in file order."""
    form = canonical(f"/{path}")
    rules = PathRules((pattern(text), number) for number, text in enumerate(texts))
    matching = [number for number, text in enumerate(texts) if reference(text).match(form)]
    longest = max((pattern(texts[number]).octets for number in matching), default=0)
    assert rules.most_specific(form) == [number for number in matching if pattern(texts[number]).octets == longest]
    assert sorted(rules.matching(form)) == matching
    assert len(rules) == len(texts)


def test_matching_gives_the_most_specific_first() -> None:
    """All that match, longest first."""
    rules = PathRules([(pattern("/"), "site"), (pattern("/a/b"), "page"), (pattern("/a"), "part")])
    assert rules.matching("/a/b/c") == ["page", "part", "site"]


def test_canonical_path_of_a_url() -> None:
    """Path and query of the URL, without host and fragment."""
    assert canonical_path("http://u@H.test:8/%61?b=\u00e9#c") == "/a?b=%C3%A9"
    assert canonical_path("http://h.test") == "/"
