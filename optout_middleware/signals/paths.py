"""Path patterns of robots.txt, TDMRep, Content-Usage, Content-Signal and ai.txt.

Rule of this file: a pattern matches from the first octet of path and query; `*` stands for any octets, `$` at the end
for the end of the URL (RFC 9309 sections 2.2.2 and 2.2.3, TDMRep section 6.2). Patterns and URLs are compared in one
canonical form. Why not Protego's: it takes `Allow: /index.html` for `Allow: /$` as well and every `$` for a literal
one too, which opens what RFC 9309 keeps closed, and it does not tell how long a match is; tests compare both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from urllib.parse import quote, unquote_to_bytes

from optout_middleware.urls import path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")

# RFC 3986 section 2.2, reserved characters without "*" and "$", which patterns give a meaning; section 2.3, unreserved.
_AS_WRITTEN = "/?:@!&'()+,;=#[]" + "-._~"
# Nothing to decode or encode: printable ASCII but for characters that canonical form escapes.
_CANONICAL = re.compile(r"[A-Za-z0-9/?:@!&'()+,;=\[\]\-._~]*").fullmatch
# "%25" and "%2F" stay escaped: decoded they would say something else (RFC 3986 section 2.4).
_KEPT = re.compile(r"%(?:25|2[Ff])")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def canonical(text: str) -> str:
    """Give path and query in the form that is compared (RFC 9309 section 2.2.2).

    Percent-escapes of ASCII are undone but for "%25" and "%2F"; octets that are neither unreserved nor reserved, and
    literal "*" and "$", are escaped. So a rule and a URL that differ only in the encoding of reserved characters are
    equal, which the RFC's table and its text disagree on.

    >>> canonical("/%62%61%7A?u=https%3A//x/%e3%83%84"), canonical("/ツ/a*b$"), canonical("/100%/%2f")
    ('/baz?u=https://x/%E3%83%84', '/%E3%83%84/a%2Ab%24', '/100%25/%2F')
    """
    if _CANONICAL(text):
        return text
    pieces = _KEPT.split(_LONE_PERCENT.sub("%25", text))
    kept = _KEPT.findall(_LONE_PERCENT.sub("%25", text))
    encoded = [quote(unquote_to_bytes(_octets(piece)), safe=_AS_WRITTEN) for piece in pieces]
    escapes = [*(escape.upper() for escape in kept), ""]
    return "".join(part for pair in zip(encoded, escapes, strict=True) for part in pair)


def canonical_path(url: str) -> str:
    """Give path and query of a URL in canonical form."""
    return canonical(path_and_query(url))


def _octets(text: str) -> bytes:
    """Give the octets of a text; a lone surrogate that stands for no octet is given by its own three."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


class Pattern(NamedTuple):
    """A compiled path pattern.

    Fields:
        head: the literal text before the first `*`, in canonical form.
        parts: the literal texts after each `*`; empty = the pattern is a plain prefix.
        anchored: whether `$` ends it.
        octets: its length in octets in canonical form, by which the most specific match is found.
    """

    head: str
    parts: tuple[str, ...]
    anchored: bool
    octets: int

    def matches(self, path: str) -> bool:
        """Tell whether it matches a canonical path; linear in the length of the path for each part."""
        if not path.startswith(self.head):
            return False
        at = len(self.head)
        if not self.parts:
            return not self.anchored or at == len(path)
        for part in self.parts[:-1]:
            found = path.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        last = self.parts[-1]
        return path.endswith(last) and len(path) - len(last) >= at if self.anchored else path.find(last, at) >= 0


def pattern(text: str) -> Pattern:
    """Compile a path pattern as written in a rule.

    >>> pattern("/this/*/exactly").matches("/this/a/b/exactly/more"), pattern("/a$").matches("/ab")
    (True, False)
    >>> pattern("/file-%2A.html").matches(canonical("/file-*.html")), pattern("*.gif$").matches("/pic.gif?x")
    (True, False)
    """
    anchored = text.endswith("$")
    head, *parts = (canonical(piece) for piece in (text[:-1] if anchored else text).split("*"))
    octets = len(head) + sum(len(part) + 1 for part in parts) + anchored
    # "**" matches like "*", and counts as what it is.
    return Pattern(head, (*(part for part in parts[:-1] if part), *parts[-1:]), anchored, octets)


class PathRules(Generic[T]):
    """Path rules, each with what it says, ready to find the most specific ones for a path.

    Args:
        rules: (pattern, what it says), in file order.
    """

    __slots__ = ("_by_length", "_heads", "_special")

    def __init__(self, rules: Iterable[tuple[Pattern, T]]) -> None:
        self._by_length: tuple[tuple[Pattern, T], ...] = tuple(sorted(rules, key=lambda rule: -rule[0].octets))
        # One `startswith` over all plain prefixes rules every one of them out at once.
        self._heads = tuple(path.head for path, _ in self._by_length if not path.parts and not path.anchored)
        self._special = tuple(rule for rule in self._by_length if rule[0].parts or rule[0].anchored)

    def __len__(self) -> int:
        """Count the rules."""
        return len(self._by_length)

    def most_specific(self, path: str) -> list[T]:
        """Give what the rules say whose pattern matches with the most octets, in file order; none: an empty list.

        RFC 9309 section 2.2.2 and attach-05 section 3.3: the match with the most octets; ties are the caller's.
        """
        found: list[T] = []
        octets = -1
        for rule, said in self._by_length if path.startswith(self._heads) else self._special:
            if rule.octets < octets:
                break
            if rule.matches(path):
                found.append(said)
                octets = rule.octets
        return found

    def matching(self, path: str) -> list[T]:
        """Give what all rules say whose pattern matches, the most specific first."""
        return [said for rule, said in self._by_length if rule.matches(path)]
