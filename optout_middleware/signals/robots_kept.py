"""What a crawl keeps of a robots.txt file: the lines that can answer for one product token.

Rule of this file: a file is read once per policy. `keep` condenses it (compact, one per host in memory), `selection`
makes what was kept ready to decide. A kept line is as in the file; where it does not follow the one before, a space,
the letter of its kind and its number stand before it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals import natural_language
from optout_middleware.signals.packing import packed, unpacked
from optout_middleware.signals.paths import PathRules, pattern
from optout_middleware.signals.robots_txt import (
    RULES,
    FetchRules,
    Line,
    decoded,
    lines_of,
    of_token,
    parse,
    records,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from optout_middleware.signals.robots_txt import RobotsTxt

_WHITE = re.compile(r"[ \t]+")
_PLAIN = RULES | {"user-agent"}  # most files have no other records

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
    kept: list[tuple[str, Iterable[Line]]] = [
        *_kept_of_ours(robots, product_token),
        *_kept_of_others(robots, others),
    ]
    if comments and b"#" in body:
        kept.append((NATURAL, _sentences(decoded(body)[0])))
    rows = [row for kind, lines in kept for row in _rows(kind, lines)]
    return packed("\n".join(rows).encode("utf-8", "surrogateescape"))


def _rows(kind: str, lines: Iterable[Line]) -> Iterator[str]:
    """Write lines of a kind; no text of a line starts with a space, so that a head is known by it."""
    following = -1
    for number, _, _, text in lines:
        yield text if number == following else f" {kind}{number} {text}"
        following = number + 1


def _kept_of_ours(robots: RobotsTxt, product_token: str) -> Iterator[tuple[str, Sequence[Line]]]:
    """Give what answers for our token: each kind with its lines."""
    ours = of_token(robots.groups, product_token)
    if robots.fields <= _PLAIN:
        yield RULE, ours
    else:
        yield RULE, [line for line in ours if line.field in RULES]
        yield from _kept_beside_rules(robots, product_token, ours)
    token = product_token.lower()
    if any(token in group.agents for group in robots.groups):
        yield NAMED, [_written("")]
    yield from ((NOTE, [_written(note)]) for note in robots.notes)


def _written(text: str) -> Line:
    """Make a line of ours, which stands nowhere in the file."""
    return Line(0, "", "", text)


def _kept_beside_rules(
    robots: RobotsTxt, product_token: str, ours: Sequence[Line]
) -> Iterator[tuple[str, Sequence[Line]]]:
    """Give the records of other fields that answer for our token."""
    groups = robots.groups
    usage = _of_field("content-usage", of_token(robots.usage_groups, product_token))
    signal = _of_field("content-signal", ours)
    yield USAGE, usage
    yield SIGNAL, signal
    if not signal and "content-signal" in robots.fields:
        if any(product_token.lower() in group.agents for group in groups):
            star = [line for group in groups if "*" in group.agents for line in group.lines]
            yield SIGNAL_STAR, _of_field("content-signal", star)
        named = [line for group in groups if "*" not in group.agents for line in group.lines]
        yield SIGNAL_NAMED, _of_field("content-signal", named)
    for misspelt, stray, kind in (
        ("misspelt-usage", "content-usage", USAGE_STRAY),
        ("misspelt-signal", "content-signal", SIGNAL_STRAY),
    ):
        yield kind, _of_field(misspelt, (*robots.preamble, *ours)) + _of_field(stray, robots.preamble)
    yield LICENCE, _of_field("license", ours) or _of_field("license", dict.fromkeys((*robots.preamble, *robots.apart)))
    yield AI_TRAINING, _of_field("disallowaitraining", ours)
    if usage != _of_field("content-usage", ours):
        note = "Content-Usage stands in another group by attach-05 section 3.2 than by RFC 9309 section 2.2.4"
        yield NOTE, [_written(note)]


def _of_field(field: str, lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.field == field]


def _kept_of_others(robots: RobotsTxt, others: frozenset[str]) -> Iterator[tuple[str, Sequence[Line]]]:
    """Give Allow and Disallow of groups that name others, once for all names that share the same lines."""
    naming: dict[str, list[int]] = {}  # name -> its groups that have rules
    rules: list[list[Line]] = []
    for group in robots.groups:
        if named := group.agents & others:
            own = [line for line in group.lines if line.field in RULES]
            for name in named:
                naming.setdefault(name, []).extend([len(rules)] if own else ())
            rules.append(own)
    sharing: dict[tuple[int, ...], list[str]] = {}
    for name in sorted(naming):
        sharing.setdefault(tuple(naming[name]), []).append(name)
    for numbers, names in sharing.items():
        yield OTHERS, [_written(",".join(names))]
        yield OTHERS_RULE, [line for number in numbers for line in rules[number]]


def _sentences(text: str) -> Iterator[Line]:
    """Give the sentences of comments that reserve, each with the number of the line that it begins in."""
    starts, numbers, words = [0], [0], ""
    for number, raw in enumerate(lines_of(text), 1):
        _, hash_, comment = raw.partition("#")
        if hash_ and (comment := comment.strip("# \t")):
            starts.append(len(words))
            numbers.append(number)
            words += f"{comment} "
    for found in natural_language.find(words):
        number = numbers[bisect_right(starts, found.start) - 1]
        yield Line(number, "", "", " ".join(found.sentence.split()))


@lru_cache(maxsize=1024)  # a pure function; hosts in use are compiled, all others cost their kept bytes only
def selection(kept: bytes) -> Selection:
    """Make kept lines ready to decide."""
    lines: dict[str, list[Line]] = {}
    others: list[tuple[tuple[str, ...], list[Line]]] = []
    notes, sentences, names_us = [], [], False
    for run in unpacked(kept).decode("utf-8", "surrogateescape")[1:].split("\n ") if kept else ():
        kind, (first, _, text) = run[0], run[1:].partition(" ")
        if kind == NOTE:
            notes.append(text)
        elif kind == OTHERS:
            others.append((tuple(text.split(",")), []))
        elif kind == NAMED:
            names_us = True
        elif kind == NATURAL:
            sentences += [Line(number, "", "", said) for number, said in enumerate(text.split("\n"), int(first))]
        else:
            found = others[-1][1] if kind == OTHERS_RULE else lines.setdefault(kind, [])
            found += records(text.split("\n"), int(first))
    licences = tuple(lines.pop(LICENCE, ()))
    return Selection(
        rules_of(lines.pop(RULE, ())),
        {kind: _path_rules(found) for kind, found in lines.items()},
        licences,
        tuple((names, rules_of(rules)) for names, rules in others),
        names_us,
        tuple(sentences),
        tuple(notes),
    )
