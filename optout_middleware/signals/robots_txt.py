"""robots.txt by RFC 9309: the records of a file, its groups, and what they let a product token fetch.

Rule of this file: bytes in, lines out, nothing raised. What a crawl keeps of a file stands in `robots_kept.py`.

Facts: lines end in CR, LF or CRLF; a record this parser does not know neither closes a group nor splits a run of
user-agent lines (RFC 9309 section 2.2.4); `Content-Usage` is a rule for a parser that implements it (attach-05
section 3.2), so a file may have two groupings, one for Allow and Disallow and one for Content-Usage.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals.paths import PathRules, canonical_path, pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LIMIT = 512_000  # octets; RFC 9309 section 2.5: a parsing limit of at least 500 kibibytes
# Spellings that Google's parser accepts as well (google/robotstxt, robots.cc): a refusal is read through a typo.
_FIELDS = {
    "user-agent": "user-agent", "useragent": "user-agent", "user agent": "user-agent",
    "disallow": "disallow", "dissallow": "disallow", "dissalow": "disallow", "disalow": "disallow",
    "diasllow": "disallow", "disallaw": "disallow",
    "allow": "allow", "content-usage": "content-usage", "content-signal": "content-signal",
    "content-useage": "misspelt-usage", "content_usage": "misspelt-usage", "contentusage": "misspelt-usage",
    "content-signals": "misspelt-signal", "content_signal": "misspelt-signal", "contentsignal": "misspelt-signal",
    "content_signals": "misspelt-signal", "contentsignals": "misspelt-signal",
    "license": "license", "disallowaitraining": "disallowaitraining",
}  # fmt: skip
# Each name as most files write it, so that few lines need another look; with "" what is known to be no record of ours.
_WRITTEN = {
    **{written: field for name, field in _FIELDS.items() for written in (name, name.capitalize(), name.title())},
    **dict.fromkeys(("", "Sitemap", "sitemap", "Crawl-delay", "Crawl-Delay", "crawl-delay", "Host"), ""),
}
_FIRST = frozenset(letter for name in _FIELDS for letter in (name[0], name[0].upper()))  # of every name
RULES = frozenset({"allow", "disallow"})
_OF_GROUPS = RULES | {"user-agent"}
_SPACED = re.compile(r"(user-agent|disallow|allow)[ \t]+(\S+)[ \t]*", re.IGNORECASE).fullmatch
# By byte order mark, or by where the zeros of the first characters are; UTF-32 first, whose mark starts like UTF-16's.
_WIDE = tuple(
    (re.compile(start, re.DOTALL), encoding)
    for start, encoding in (
        (rb"\xff\xfe\0\0|[^\0]\0\0\0", "utf-32-le"), (rb"\0\0\xfe\xff|\0\0\0[^\0]", "utf-32-be"),
        (rb"\xff\xfe|[^\0]\0[^\0]\0", "utf-16-le"), (rb"\xfe\xff|\0[^\0]\0[^\0]", "utf-16-be"),
    )
)  # fmt: skip
_MARKS = frozenset({b"\xff", b"\xfe"})  # the first octets of their marks
# RFC 9309 section 2.2.1 knows letters, "_" and "-"; a digit is read as part of the token, so that a group for
# "Foo2Bot" never stands for "Foo".
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_EVERYBODY = frozenset({"*"})


class Line(NamedTuple):
    """One record: its number (from 1), field in lower case, value, and the exact text of the line."""

    number: int
    field: str
    value: str
    text: str


class Group(NamedTuple):
    """One or more user-agent lines with the records that follow them."""

    agents: frozenset[str]
    lines: tuple[Line, ...]


class RobotsTxt(NamedTuple):
    """A robots.txt file as RFC 9309 groups it.

    Fields:
        groups: the groups, in file order; Allow and Disallow close a run of user-agent lines.
        usage_groups: the same with Content-Usage closing a run too (attach-05 section 3.2).
        preamble: records before the first user-agent line.
        apart: License lines that blank lines set apart from every group (RSL section 4.4: outside groups).
        notes: what a reader should know of the file as a whole.
        fields: the names of the fields of all its records.
    """

    groups: tuple[Group, ...]
    usage_groups: tuple[Group, ...]
    preamble: tuple[Line, ...]
    apart: tuple[Line, ...]
    notes: tuple[str, ...]
    fields: frozenset[str]

    def may_fetch(self, product_token: str, url: str) -> bool:
        """Tell whether a crawler with that product token may fetch that URL (RFC 9309 section 2.2.2)."""
        return self.fetch_rules(product_token).may_fetch(canonical_path(url))[0]

    def fetch_rules(self, product_token: str) -> FetchRules:
        """Give Allow and Disallow that hold for that product token."""
        return rules_of(of_token(self.groups, product_token))


def parse(body: bytes) -> RobotsTxt:
    r"""Read a robots.txt file of any size and content.

    >>> parse(b"User-agent: bot\nSitemap: /s\nUser-agent: *\nDisallow: /x").may_fetch("bot", "http://h.example/x")
    False
    >>> parse(b"User-agent: bot\nDisallow: /").may_fetch("MyBot", "http://h.example/")
    True
    """
    text, notes = decoded(body)
    numbered = lines_of(text)
    lines = records(numbered)
    fields = frozenset([line.field for line in lines])
    groups, preamble = _grouped(lines, RULES)
    if preamble and any(line.field in RULES for line in preamble):
        notes = (*notes, "rules outside any group, which RFC 9309 section 2.2.1 ignores")
    usage_groups = _grouped(lines, RULES | {"content-usage"})[0] if "content-usage" in fields else groups
    apart = tuple(_apart(numbered, lines)) if "license" in fields else ()
    return RobotsTxt(groups, usage_groups, preamble, apart, notes, fields)


def _apart(numbered: Sequence[str], lines: Sequence[Line]) -> Iterator[Line]:
    """Give the License lines of blocks, between blank lines, that have no line of a group.

    RFC 9309 ends a group at the next user-agent line only, so a License line at the end of a file would speak to the
    crawlers of the last group alone, while its author meant everybody.
    """
    blank = {number for number, raw in enumerate(numbered, 1) if not raw.strip()}
    block: list[Line] = []
    at = 0
    for line in (*lines, None):
        if line is None or any(number in blank for number in range(at + 1, line.number)):
            if not any(other.field in _OF_GROUPS for other in block):
                yield from (other for other in block if other.field == "license")
            block = []
        if line is not None:
            block.append(line)
            at = line.number


def decoded(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode and cut: one byte order mark is skipped, a partial last line past the limit is dropped."""
    notes = []
    if len(body) > LIMIT:
        body = body[:LIMIT]
        body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
        notes.append(f"longer than {LIMIT} octets: read to the last whole line within them")
    if (b"\0" in body[:4] or body[:1] in _MARKS) and (encoding := _wide(body)):
        notes.append(f"{encoding.upper()}, where RFC 9309 section 2.3 asks for UTF-8: decoded")
        return body.decode(encoding, "replace").removeprefix("\ufeff"), tuple(notes)
    if body.startswith(b"\x1f\x8b") or b"\0" in body[:1024]:
        notes.append("not plain text: looks like binary data")
    if body.lstrip()[:1] == b"<":
        notes.append("not plain text: looks like HTML")
    return body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape"), tuple(notes)


def _wide(body: bytes) -> str | None:
    """Give the encoding of a file whose ASCII characters take several octets; None: of no such encoding."""
    return next((encoding for start, encoding in _WIDE if start.match(body)), None)


def lines_of(text: str) -> list[str]:
    """Give the lines of a text; CR, LF and CRLF end one (RFC 9309 section 2.2), other characters do not."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def records(raws: Iterable[str], first: int = 1) -> list[Line]:
    """Give the records whose field is known; everything else MUST NOT interfere (RFC 9309 section 2.2.4).

    Args:
        raws: lines that follow one another.
        first: the number of the first of them.
    """
    found: list[Line] = []
    for number, raw in enumerate(raws, first):
        name, colon, value = raw.partition(":")
        field = _WRITTEN.get(name)
        if field and colon:
            if "#" in value:
                value = value.partition("#")[0]
            found.append(Line(number, field, value.strip(), raw.strip()))
        elif field is None and name[:1] != "#" and (line := _respelt(number, raw)):
            found.append(line)
    return found


def _respelt(number: int, raw: str) -> Line | None:
    """Give the record of a line whose name is written otherwise; "Disallow /x" is read as Google's parser does."""
    if raw.lstrip()[:1] not in _FIRST:
        return None
    said = raw.partition("#")[0]
    name, colon, value = said.partition(":")
    field = _FIELDS.get(name.strip().lower())
    if field:
        return Line(number, field, value.strip(), raw.strip()) if colon else None
    spaced = _SPACED(said.strip())
    return Line(number, spaced[1].lower(), spaced[2], raw.strip()) if spaced else None


def _grouped(lines: Iterable[Line], closing: frozenset[str]) -> tuple[tuple[Group, ...], tuple[Line, ...]]:
    """Group the records; a user-agent line after a record named in `closing` starts a new group."""
    groups: list[tuple[list[frozenset[str]], list[Line]]] = []
    preamble: list[Line] = []
    within = preamble  # records of the group that is open
    closed = True
    for line in lines:
        field = line.field
        if field == "user-agent":
            if closed:
                names: list[frozenset[str]] = []
                within = []
                groups.append((names, within))
                closed = False
            names.append(agent_names(line.value))
        else:
            within.append(line)
            closed = closed or field in closing
    return tuple([Group(_any_of(names), tuple(found)) for names, found in groups]), tuple(preamble)


def _any_of(names: Sequence[frozenset[str]]) -> frozenset[str]:
    return names[0] if len(names) == 1 else frozenset().union(*names)


def agent_names(value: str) -> frozenset[str]:
    """Give the names that a user-agent value stands for, in lower case: its product token and its raw text.

    >>> sorted(agent_names("Foo/1.0 (x)")), sorted(agent_names("*"))
    (['foo', 'foo/1.0 (x)'], ['*'])
    """
    raw = value.lower()
    if raw == "*" or raw.startswith(("* ", "*\t")):
        return _EVERYBODY
    token = _TOKEN.match(raw)
    return frozenset((raw, token[0]) if token else (raw,))


def of_token(groups: Sequence[Group], product_token: str) -> list[Line]:
    """Merge the records of all groups that name the token; where none does, of all `*` groups (RFC 9309 2.2.1)."""
    token = product_token.lower()
    chosen = [group for group in groups if token in group.agents] or [group for group in groups if "*" in group.agents]
    return [line for group in chosen for line in group.lines]


def rules_of(lines: Iterable[Line]) -> FetchRules:
    """Compile Allow and Disallow; one without a value matches nothing (RFC 9309 section 2.2.2)."""
    return FetchRules((pattern(line.value), line) for line in lines if line.field in RULES and line.value)


class FetchRules(PathRules[Line]):
    """Allow and Disallow of one selection of groups."""

    __slots__ = ()

    def may_fetch(self, path: str) -> tuple[bool, Line | None]:
        """Tell whether a canonical path may be fetched, and the rule that says so; None = no rule matches.

        RFC 9309 section 2.2.2: most octets, a tie allows; robots.txt itself is always allowed.
        """
        if path == "/robots.txt":
            return True, None
        rule: Line | None = None
        for rule in self.most_specific(path):
            if rule.field == "allow":
                return True, rule
        return rule is None, rule
