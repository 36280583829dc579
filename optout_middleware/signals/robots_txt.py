"""robots.txt by RFC 9309: grouping, selection and the lines of it that signals read.

Rule of this file: bytes in, lines out, nothing raised. A file is read once per policy: `keep` condenses it to the
lines that can answer for our product token (compact, one per host in memory), `selection` makes them ready to decide.

Facts: lines end in CR, LF or CRLF; a record this parser does not know neither closes a group nor splits a run of
user-agent lines (RFC 9309 section 2.2.4); `Content-Usage` is a rule for a parser that implements it (attach-05
section 3.2), so a file may have two groupings, one for Allow and Disallow and one for Content-Usage.
"""

from __future__ import annotations

import codecs
import re
import zlib
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals import natural_language
from optout_middleware.signals.paths import PathRules, canonical_path, pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
_RULES = frozenset({"allow", "disallow"})
_OF_GROUPS = _RULES | {"user-agent"}
_SPACED = re.compile(r"(user-agent|disallow|allow)[ \t]+(\S+)[ \t]*", re.IGNORECASE).fullmatch
_END_OF_LINE = re.compile(r"\r\n|\r|\n")
# By byte order mark, or by where the zeros of the first characters are; UTF-32 first, whose mark starts like UTF-16's.
_WIDE = tuple(
    (re.compile(start, re.DOTALL), encoding)
    for start, encoding in (
        (rb"\xff\xfe\0\0|[^\0]\0\0\0", "utf-32-le"), (rb"\0\0\xfe\xff|\0\0\0[^\0]", "utf-32-be"),
        (rb"\xff\xfe|[^\0]\0[^\0]\0", "utf-16-le"), (rb"\xfe\xff|\0[^\0]\0[^\0]", "utf-16-be"),
    )
)  # fmt: skip
_WHITE = re.compile(r"[ \t]+")
_WORTH_PACKING = 160  # octets; shorter texts hardly shrink
# RFC 9309 section 2.2.1 knows letters, "_" and "-"; a digit is read as part of the token, so that a group for
# "Foo2Bot" never stands for "Foo".
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


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
    """

    groups: tuple[Group, ...]
    usage_groups: tuple[Group, ...]
    preamble: tuple[Line, ...]
    apart: tuple[Line, ...]
    notes: tuple[str, ...]

    def may_fetch(self, product_token: str, url: str) -> bool:
        """Tell whether a crawler with that product token may fetch that URL (RFC 9309 section 2.2.2)."""
        return self.fetch_rules(product_token).may_fetch(canonical_path(url))[0]

    def fetch_rules(self, product_token: str) -> FetchRules:
        """Give Allow and Disallow that hold for that product token."""
        return _fetch_rules(_of_token(self.groups, product_token))


def parse(body: bytes) -> RobotsTxt:
    r"""Read a robots.txt file of any size and content.

    >>> parse(b"User-agent: bot\nSitemap: /s\nUser-agent: *\nDisallow: /x").may_fetch("bot", "http://h.example/x")
    False
    >>> parse(b"User-agent: bot\nDisallow: /").may_fetch("MyBot", "http://h.example/")
    True
    """
    text, notes = _text(body)
    lines = list(_lines(text))
    groups, preamble = _grouped(lines, _RULES)
    if any(line.field in _RULES for line in preamble):
        notes = (*notes, "rules outside any group, which RFC 9309 section 2.2.1 ignores")
    if any(line.field == "content-usage" for line in lines):
        usage_groups, _ = _grouped(lines, _RULES | {"content-usage"})
    else:
        usage_groups = groups
    return RobotsTxt(groups, usage_groups, preamble, tuple(_apart(text, lines)), notes)


def _apart(text: str, lines: Sequence[Line]) -> Iterator[Line]:
    """Give the License lines of blocks, between blank lines, that have no line of a group.

    RFC 9309 ends a group at the next user-agent line only, so a License line at the end of a file would speak to the
    crawlers of the last group alone, while its author meant everybody.
    """
    if not any(line.field == "license" for line in lines):
        return
    blank = {number for number, raw in enumerate(_END_OF_LINE.split(text), 1) if not raw.strip()}
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


def _text(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode and cut: one byte order mark is skipped, a partial last line past the limit is dropped."""
    notes = []
    if len(body) > LIMIT:
        body = body[:LIMIT]
        body = body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]
        notes.append(f"longer than {LIMIT} octets: read to the last whole line within them")
    if encoding := _wide(body):
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


def _lines(text: str) -> Iterator[Line]:
    """Give the records whose field is known; everything else MUST NOT interfere (RFC 9309 section 2.2.4)."""
    for number, raw in enumerate(_END_OF_LINE.split(text), 1):
        if raw:
            yield from _record(number, raw)


def _record(number: int, raw: str) -> Iterator[Line]:
    """Give the record of one line, if it is one; "Disallow /x" is read as Google's parser reads it."""
    record = raw.partition("#")[0]
    name, colon, value = record.partition(":")
    field = _FIELDS.get(name.strip().lower())
    if colon and field:
        yield Line(number, field, value.strip(), raw.strip())
    elif not field and (spaced := _SPACED(record.strip())):
        yield Line(number, spaced[1].lower(), spaced[2], raw.strip())


def _grouped(lines: Iterable[Line], closing: frozenset[str]) -> tuple[tuple[Group, ...], tuple[Line, ...]]:
    """Group the records; a user-agent line after a record named in `closing` starts a new group."""
    groups: list[tuple[set[str], list[Line]]] = []
    preamble: list[Line] = []
    closed = True
    for line in lines:
        if line.field == "user-agent":
            if closed:
                groups.append((set(), []))
                closed = False
            groups[-1][0].update(agent_names(line.value))
        elif not groups:
            preamble.append(line)
        else:
            groups[-1][1].append(line)
            closed = closed or line.field in closing
    return tuple(Group(frozenset(agents), tuple(records)) for agents, records in groups), tuple(preamble)


def agent_names(value: str) -> set[str]:
    """Give the names that a user-agent value stands for, in lower case: its product token and its raw text.

    >>> sorted(agent_names("Foo/1.0 (x)")), agent_names("*")
    (['foo', 'foo/1.0 (x)'], {'*'})
    """
    raw = value.lower()
    if raw == "*" or raw.startswith(("* ", "*\t")):
        return {"*"}
    token = _TOKEN.match(raw)
    return {raw, token[0]} if token else {raw}


def _of_token(groups: Sequence[Group], product_token: str) -> list[Line]:
    """Merge the records of all groups that name the token; where none does, of all `*` groups (RFC 9309 2.2.1)."""
    token = product_token.lower()
    if not any(token in group.agents for group in groups):
        token = "*"  # noqa: S105 - a product token is no password
    return [line for group in groups if token in group.agents for line in group.lines]


def _fetch_rules(lines: Iterable[Line]) -> FetchRules:
    """Compile Allow and Disallow; one without a value matches nothing (RFC 9309 section 2.2.2)."""
    return FetchRules((pattern(line.value), line) for line in lines if line.field in _RULES and line.value)


def _path_rules(lines: Iterable[Line]) -> PathRules[Line]:
    """Compile records whose value may begin with a path (attach-05 section 3.2); the rest is left as the value.

    A path with nothing after it violates the grammar: it is no rule, and replaces none.
    """
    rules = []
    for line in lines:
        path, value = "", line.value
        if value.startswith("/"):
            path, _, value = _WHITE.sub(" ", value).partition(" ")
            if not value.strip() and line.field != "license":
                continue
        rules.append((pattern(path), line._replace(value=value.strip())))
    return PathRules(rules)


# The kinds of kept lines, each under the letter it is kept with.
RULE = "r"  # Allow or Disallow of our group
USAGE = "u"  # Content-Usage of our group, by the grouping of attach-05
USAGE_STRAY = "v"  # Content-Usage outside any group, or misspelt
SIGNAL = "s"  # Content-Signal of our group
SIGNAL_STRAY = "t"  # Content-Signal outside any group, or misspelt
SIGNAL_STAR = "w"  # Content-Signal of the * group, where a group names our token and has none
LICENCE = "l"  # License of our group, else those outside groups (RSL section 4.4.3)
AI_TRAINING = "d"  # DisallowAITraining of our group, which no specification in force knows
SIGNAL_NAMED = "x"  # Content-Signal of groups that name others only
OTHERS = "o"  # not a line: the names of others whose rules follow
OTHERS_RULE = "p"  # Allow or Disallow of those others
NATURAL = "c"  # not a record: a sentence in a comment that reserves
NAMED = "q"  # not a line: a group names our token
NOTE = "n"  # what a reader should know of the file as a whole


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


class Selection(NamedTuple):
    """What of a robots.txt answers for one product token, ready to decide.

    Fields:
        fetch: Allow and Disallow of our group.
        rules: kind -> its lines as path rules; a kind without lines is absent.
        licences: the License lines that hold for us.
        others: names of others, in lower case, with Allow and Disallow of the groups that name them.
        names_us: whether a group names our token.
        sentences: what comments reserve in natural language, as lines.
        notes: what a reader should know of the file as a whole.
    """

    fetch: FetchRules
    rules: Mapping[str, PathRules[Line]]
    licences: tuple[Line, ...]
    others: tuple[tuple[tuple[str, ...], FetchRules], ...]
    names_us: bool
    sentences: tuple[Line, ...]
    notes: tuple[str, ...]

    def most_specific(self, kind: str, path: str) -> list[Line]:
        """Give the lines of a kind that match the canonical path with the most octets."""
        rules = self.rules.get(kind)
        return rules.most_specific(path) if rules else []


NOTHING = Selection(FetchRules(()), {}, (), (), False, (), ())


def keep(body: bytes, product_token: str, others: frozenset[str] = frozenset(), *, comments: bool = False) -> bytes:
    """Condense a file to the lines that can answer for that product token; `selection` reads them.

    Args:
        body: the file.
        product_token: ours.
        others: tokens of others, in lower case, whose groups are kept too.
        comments: whether sentences in comments that reserve are kept too.
    """
    robots = parse(body)
    rows = [*_kept_of_ours(robots, product_token), *_kept_of_others(robots, others)]
    if comments and b"#" in body:
        rows += _kept_of_comments(_text(body)[0])
    text = "\n".join(f"{kind}{line.number} {line.text}" for kind, line in rows)
    return packed(text.encode("utf-8", "surrogateescape"))


def _kept_of_ours(robots: RobotsTxt, product_token: str) -> Iterator[tuple[str, Line]]:
    """Give what answers for our token, each line with its kind."""
    ours = _of_token(robots.groups, product_token)
    usage = [line for line in _of_token(robots.usage_groups, product_token) if line.field == "content-usage"]
    signal = [line for line in ours if line.field == "content-signal"]
    names_us = any(product_token.lower() in group.agents for group in robots.groups)
    yield from ((RULE, line) for line in ours if line.field in _RULES)
    yield from ((USAGE, line) for line in usage)
    yield from ((SIGNAL, line) for line in signal)
    if not signal:
        if names_us:
            star = [line for group in robots.groups if "*" in group.agents for line in group.lines]
            yield from ((SIGNAL_STAR, line) for line in star if line.field == "content-signal")
        named = [line for group in robots.groups if "*" not in group.agents for line in group.lines]
        yield from ((SIGNAL_NAMED, line) for line in named if line.field == "content-signal")
    misspelt = {"misspelt-usage": USAGE_STRAY, "misspelt-signal": SIGNAL_STRAY}
    yield from ((misspelt[line.field], line) for line in (*robots.preamble, *ours) if line.field in misspelt)
    stray = {"content-usage": USAGE_STRAY, "content-signal": SIGNAL_STRAY}
    yield from ((stray[line.field], line) for line in robots.preamble if line.field in stray)
    licences = [line for line in ours if line.field == "license"]
    outside = dict.fromkeys((*robots.preamble, *robots.apart))
    yield from ((LICENCE, line) for line in licences or outside if line.field == "license")
    yield from ((AI_TRAINING, line) for line in ours if line.field == "disallowaitraining")
    if names_us:
        yield NAMED, Line(0, "", "", "")
    if usage != [line for line in ours if line.field == "content-usage"]:
        note = "Content-Usage stands in another group by attach-05 section 3.2 than by RFC 9309 section 2.2.4"
        yield NOTE, Line(0, "", "", note)
    yield from ((NOTE, Line(0, "", "", note)) for note in robots.notes)


def _kept_of_others(robots: RobotsTxt, others: frozenset[str]) -> Iterator[tuple[str, Line]]:
    """Give Allow and Disallow of groups that name others, once for all names that share the same lines."""
    by_lines: dict[tuple[Line, ...], list[str]] = {}
    for name in sorted(others.intersection(*[set().union(*(group.agents for group in robots.groups))])):
        lines = tuple(
            line for group in robots.groups if name in group.agents for line in group.lines if line.field in _RULES
        )
        by_lines.setdefault(lines, []).append(name)
    for lines, names in by_lines.items():
        yield OTHERS, Line(0, "", "", ",".join(names))
        yield from ((OTHERS_RULE, line) for line in lines)


def _kept_of_comments(text: str) -> Iterator[tuple[str, Line]]:
    """Give the sentences of comments that reserve, each with the number of the line that it begins in."""
    starts, numbers, words = [0], [0], ""
    for number, raw in enumerate(_END_OF_LINE.split(text), 1):
        _, hash_, comment = raw.partition("#")
        if hash_ and (comment := comment.strip("# \t")):
            starts.append(len(words))
            numbers.append(number)
            words += f"{comment} "
    for found in natural_language.find(words):
        number = numbers[bisect_right(starts, found.start) - 1]
        yield NATURAL, Line(number, "", "", " ".join(found.sentence.split()))


@lru_cache(maxsize=1024)  # a pure function; hosts in use are compiled, all others cost their kept bytes only
def selection(kept: bytes) -> Selection:
    """Make kept lines ready to decide."""
    lines: dict[str, list[Line]] = {}
    others: list[tuple[tuple[str, ...], list[Line]]] = []
    notes, sentences = [], []
    for row in unpacked(kept).decode("utf-8", "surrogateescape").split("\n") if kept else ():
        number, _, text = row[1:].partition(" ")
        if row[0] == NOTE:
            notes.append(text)
        elif row[0] == OTHERS:
            others.append((tuple(text.split(",")), []))
        elif row[0] == NATURAL:
            sentences.append(Line(int(number), "", "", text))
        elif row[0] == OTHERS_RULE:
            others[-1][1].extend(_record(int(number), text))
        else:
            lines.setdefault(row[0], []).extend(_record(int(number), text))
    names_us = lines.pop(NAMED, None) is not None
    licences = tuple(lines.pop(LICENCE, ()))
    return Selection(
        _fetch_rules(lines.pop(RULE, ())),
        {kind: _path_rules(found) for kind, found in lines.items()},
        licences,
        tuple((names, _fetch_rules(rules)) for names, rules in others),
        names_us,
        tuple(sentences),
        tuple(notes),
    )


def packed(kept: bytes) -> bytes:
    """Compress what is kept where that makes it smaller; a first octet tells which."""
    smaller = b"z" + zlib.compress(kept, 6) if len(kept) > _WORTH_PACKING else b""
    if smaller and len(smaller) < len(kept):
        return smaller
    return b"-" + kept if kept else b""


def unpacked(kept: bytes) -> bytes:
    """Give back what `packed` packed."""
    return zlib.decompress(kept[1:]) if kept[:1] == b"z" else kept[1:]
