"""What a crawl keeps of a robots.txt file: the lines that can answer for one product token.

Rule of this file: a file is read once per policy. `keep` condenses it (compact, one per host in memory), `selection`
makes what was kept ready to decide.
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
    END_OF_LINE,
    RULES,
    FetchRules,
    Line,
    decoded,
    of_token,
    parse,
    record,
    rules_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from optout_middleware.signals.robots_txt import RobotsTxt

_WHITE = re.compile(r"[ \t]+")

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
    rows = [*_kept_of_ours(robots, product_token), *_kept_of_others(robots, others)]
    if comments and b"#" in body:
        rows += _kept_of_comments(decoded(body)[0])
    text = "\n".join(f"{kind}{line.number} {line.text}" for kind, line in rows)
    return packed(text.encode("utf-8", "surrogateescape"))


def _kept_of_ours(robots: RobotsTxt, product_token: str) -> Iterator[tuple[str, Line]]:
    """Give what answers for our token, each line with its kind."""
    ours = of_token(robots.groups, product_token)
    usage = [line for line in of_token(robots.usage_groups, product_token) if line.field == "content-usage"]
    signal = [line for line in ours if line.field == "content-signal"]
    names_us = any(product_token.lower() in group.agents for group in robots.groups)
    yield from ((RULE, line) for line in ours if line.field in RULES)
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
            line for group in robots.groups if name in group.agents for line in group.lines if line.field in RULES
        )
        by_lines.setdefault(lines, []).append(name)
    for lines, names in by_lines.items():
        yield OTHERS, Line(0, "", "", ",".join(names))
        yield from ((OTHERS_RULE, line) for line in lines)


def _kept_of_comments(text: str) -> Iterator[tuple[str, Line]]:
    """Give the sentences of comments that reserve, each with the number of the line that it begins in."""
    starts, numbers, words = [0], [0], ""
    for number, raw in enumerate(END_OF_LINE.split(text), 1):
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
            others[-1][1].extend(record(int(number), text))
        else:
            lines.setdefault(row[0], []).extend(record(int(number), text))
    names_us = lines.pop(NAMED, None) is not None
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
