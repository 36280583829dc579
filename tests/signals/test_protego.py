"""Our path rules against Protego's: where the two differ, the difference has a name and RFC 9309 has the word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from protego import Protego

from optout_middleware.signals.robots_txt import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Rules = list[tuple[str, str]]
HOST = "http://h.test"
# Pieces that make rules and URLs meet; each kind of difference below can come out of them.
PIECES = [
    "/", "/a", "/b", "a", "b", "*", "$", "?", "=", "&", ":", "%", "%41", "%3F", "%2F", "%25", "%ff", "%fe", "%E3%83%84",
    "\u30c4", "~", ".html", "/index.html", "http://", " ", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "//", ";x",
    "robots.txt",
]  # fmt: skip
PATHS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
RULES = st.lists(st.tuples(st.sampled_from(["Allow", "Disallow"]), PATHS), min_size=1, max_size=5)


def written(rules: Rules) -> str:
    """Give the file with one group that has these rules."""
    return "".join(["User-agent: FooBot\n", *(f"{field}: {value}\n" for field, value in rules)])


def both(rules: Rules, path: str) -> tuple[bool, bool]:
    """Give our answer and Protego's."""
    text = written(rules)
    ours = parse(text.encode()).may_fetch("FooBot", HOST + path)
    return ours, Protego.parse(text).can_fetch(HOST + path, "FooBot")


_INDEX = re.compile(r"/index(\.|%2[eE])html$").search
_RESERVED = re.compile(r"[?&:;@!'()+,\[\]]|%(?:2[1-9bBcC]|3[aAbBfF]|40|5[bBdD])").search


def _any(test: Callable[[str], object]) -> Callable[[Rules, str], bool]:
    return lambda rules, path: any(test(value) for _, value in rules) or bool(test(path))


# Name and section -> whether it can be at work, and an example: rules, path, our answer. Protego gives the opposite.
KINDS: dict[str, tuple[Callable[[Rules, str], bool], Rules, str, bool]] = {
    "Allow of /index.html opens / too (RFC 9309 section 2.2.2: only what the pattern matches)": (
        lambda rules, _: any(
            field == "Allow" and re.search(r"/index(\.|%2e)html$", value, re.IGNORECASE) for field, value in rules
        ),
        [("Disallow", "/"), ("Allow", "/a/index.html")], "/a/", False,
    ),
    "$ at the end stands for itself too (RFC 9309 section 2.2.3: it designates the end)": (
        lambda rules, _: any("$" in value for _, value in rules),
        [("Disallow", "/"), ("Allow", "/a$")], "/a$b", False,
    ),
    "a whole URL is a pattern (RFC 9309 section 2.2: a path starts with a slash)": (
        lambda rules, _: any(re.match(r"https?://", value) for _, value in rules),
        [("Disallow", "http://h.test/a")], "/http://h.test/a", True,
    ),
    "other characters than CR and LF end a line (RFC 9309 section 2.2: EOL = CR / LF / CRLF)": (
        _any(re.compile("[\x0b\x0c\x1c\x85\u2028]").search),
        [("Allow", "/a\x85Disallow: /b")], "/b", True,
    ),
    "reserved characters are counted as three octets (RFC 9309 section 2.2.2: the octets that match)": (
        lambda rules, _: any(_RESERVED(value) for _, value in rules),
        [("Allow", "/a?b"), ("Disallow", "/a*b*")], "/a?b", False,
    ),
    "a % that escapes nothing is not escaped (RFC 9309 section 2.2.2: other octets are percent-encoded)": (
        _any(re.compile(r"%(?![0-9a-fA-F]{2})").search),
        [("Disallow", "/100%/a")], "/100%25/a", False,
    ),
    "octets that are no UTF-8 are all alike (RFC 9309 section 2.2.2: octets are compared)": (
        _any(re.compile(r"%f[ef]").search),
        [("Disallow", "/%ff")], "/%fe", True,
    ),
    "/robots.txt with parameters is taken for /robots.txt (RFC 9309 section 2.2.2: /robots.txt is allowed)": (
        lambda _, path: path.startswith("/robots.txt;"),
        [("Disallow", "/")], "/robots.txt;x", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_named_difference_is_one(kind: str) -> None:
    """Our answer is the RFC's, Protego's is the other one; a name that no longer fits is to be taken out."""
    possible, rules, path, ours = KINDS[kind]
    assert possible(rules, path)
    assert both(rules, path) == (ours, not ours)


@settings(max_examples=600)
@given(RULES, PATHS.map("/{}".format))
@example([("Allow", "/a*"), ("Disallow", "/a/")], "/a/b")
def test_every_difference_has_a_name(rules: Sequence[tuple[str, str]], path: str) -> None:
    """On files with one group the two agree, but for the kinds that are named above."""
    ours, theirs = both(list(rules), path)
    if ours is not theirs:
        assert [kind for kind, (possible, *_) in KINDS.items() if possible(list(rules), path)]


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Allow", "Disallow"]), st.from_regex(r"/[ab/.]{0,4}(\*[ab/.]{1,3})?", fullmatch=True)
        )
    ),
    st.from_regex(r"/[ab/.]{0,7}", fullmatch=True),
)
def test_plain_rules_are_answered_alike(rules: Rules, path: str) -> None:
    """Where none of the kinds can be at work, there is no difference."""
    if not any(possible(rules, path) for possible, *_ in KINDS.values()):
        ours, theirs = both(rules, path)
        assert ours is theirs
