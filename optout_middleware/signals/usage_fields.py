"""Content-Usage (IETF AIPREF) and Content-Signal (Cloudflare): usages named one by one, in robots.txt and in headers.

Rule of this file: each field has one parser from text to label -> value; what its labels answer for stands in
`usages.ANSWERS`. AIPREF: vocab-08 and attach-05, a dictionary of RFC 9651. Content Signals: contentsignals.org and
draft-romm-aipref-contentsignals-00.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from http_sf import StructuredFieldError, Token
from http_sf import parse as parse_structured

from optout_middleware.signals import robots_kept
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.usages import ANSWERS, answers
from optout_middleware.terms import Preference, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from http_sf import DictionaryType

    from optout_middleware.signals.robots_txt import Line
    from optout_middleware.terms import Usage

# What plainly tries to refuse where strict parsing gives nothing: a label of today or of an older draft, "=" and a no.
# Older drafts (vocab-00 to -06) let a child take its parent's value; -08 has no parents (vocab-08 section 4).
_LEGACY = ("bots", "all", "tdm", "ai", "genai", "train-genai")
_HYPHEN = r"[-_ \u2010-\u2015]?"
_NO = (
    r"[\"'\u2018\u201c]?\s*[=:]\s*[\"'\u2018\u201c]?(?:n\b|no\b|\?0|0\b|false|disallow|never|off\b|none|den(?:y|ied)"
    r"|forbid|prohibit|reserved|block|refuse|opt[-_ ]?out|not[-_ ]?allowed)"
)
_BARE_NO = rf"no{_HYPHEN}(?:ai|(?:ai{_HYPHEN})?train(?:ing)?)(?![a-z])"
_TRIES_TO_REFUSE = {
    label: re.compile(rf"(?<![a-z0-9_-])(?:(?:{names}){_NO}{bare})", re.IGNORECASE)
    for label, names, bare in (
        (
            "train-ai",
            rf"train{_HYPHEN}(?:gen{_HYPHEN})?ai|(?:gen)?ai{_HYPHEN}train(?:ing)?|" + "|".join(_LEGACY),
            f"|{_BARE_NO}",
        ),
        ("ai-use", rf"ai{_HYPHEN}use|ai{_HYPHEN}input", rf"|no{_HYPHEN}ai(?![a-z])"),
        ("search", "search", ""),
    )
}
_SHORT = 500  # characters of a value; of longer ones few are kept in mind, since many would fill the memory
_LABELS = {"train-ai": ("train-ai",), "ai-use": ("ai-use",), "search": ("search",), "tdm": ("train-ai", "ai-use")}


def _dictionary(value: str) -> tuple[tuple[str, str], ...] | None:
    """Give all members that are a Token y or n, labels of older drafts too; None: malformed as a whole."""
    return (_short if len(value) <= _SHORT else _long)(value)


def _members(value: str) -> tuple[tuple[str, str], ...] | None:
    try:
        members = cast("DictionaryType", parse_structured(value.encode("utf-8"), tltype="dictionary"))
    except (StructuredFieldError, ValueError, UnicodeError):
        return None
    found = []
    for label, member in members.items():
        item = member[0] if isinstance(member, tuple) else member
        if isinstance(item, Token) and str(item) in ("y", "n"):
            found.append((label, str(item)))
    return tuple(found)


_short = lru_cache(maxsize=4096)(_members)  # of a pure function; most sites send one and the same
_long = lru_cache(maxsize=4)(_members)  # within one decision


def parse_content_usage(value: str) -> dict[str, str] | None:
    """Read a Content-Usage value (vocab-08 section 5, RFC 9651 section 3.2).

    Returns: label -> "y" or "n"; labels with any other value are left out (unknown). None: malformed as a whole.

    >>> parse_content_usage("train-ai=n, search=y;q=1"), parse_content_usage("Train-AI=n")
    ({'train-ai': 'n', 'search': 'y'}, None)
    """
    members = _dictionary(value)
    labels = ANSWERS["content-usage"]
    return None if members is None else {label: said for label, said in members if label in labels}


def parse_content_signal(value: str) -> dict[str, str]:
    """Read a Content-Signal value: label -> "yes" or "no", and "use" as it stands; anything else is left out.

    Several values for one label: "no" wins, since the policy is silent on it.

    >>> parse_content_signal("search=yes, ai-train=No, ai-train=yes, use=reference")
    {'search': 'yes', 'ai-train': 'no', 'use': 'reference'}
    """
    found: dict[str, str] = {}
    for member in value.split(","):
        label, equals, said = (part.strip().lower() for part in member.partition("="))
        if equals and (said in ("yes", "no") if label in ANSWERS["content-signal"] else label == "use"):
            found[label] = "no" if found.get(label) == "no" else said
    return found


def _from_lines(stated: Sequence[tuple[bool | None, Line]], read: _Read) -> Iterator[Statement]:
    """Settle lines whose equally specific paths match: the most restrictive counts (attach-05 section 3.3)."""
    for wanted in (False, True):  # a no before a yes
        for said, line in stated:
            if said is wanted:
                yield read.statement("robots.txt", f"line {line.number}", line.text, allowed=wanted)
                return


class _Read:
    """How one of the two fields is read: its name, its rule, and what a value says of the usage asked about."""

    def __init__(self, signal: str, rule: str, parse: Callable[[str], dict[str, str] | None], no: str) -> None:
        self.signal, self.rule, self.parse, self.no = signal, rule, parse, no

    def said(self, value: str, asked: Asked) -> bool | None:
        """Tell what the value says of our usage: False = no, True = yes, None = nothing; one no is a no."""
        return (_said if len(value) <= _SHORT else _said.__wrapped__)(self, value, asked.policy.usage)

    def statement(
        self, location: str, where: str, text: str, *, allowed: bool, notes: tuple[str, ...] = ()
    ) -> Statement:
        """Make the statement of a plain yes or no."""
        preference = Preference.ALLOWED if allowed else Preference.DISALLOWED
        return Statement(
            self.signal, location, where, text, preference, self.rule, "" if allowed else "refusal", notes=notes
        )

    def doubt(self, location: str, where: str, text: str, *notes: str, finding: str = "malformed-refusal") -> Statement:
        """Make the statement of a text that does not say plainly what it tries to say."""
        return Statement(self.signal, location, where, text, Preference.UNKNOWN, self.rule, finding, notes=notes)


@lru_cache(maxsize=4096)  # a pure function of a short text; most sites send one and the same
def _said(read: _Read, value: str, usage: Usage) -> bool | None:
    stated = read.parse(value) or {}
    ours = {said for label, said in stated.items() if answers(read.signal, label, usage)}
    return None if not ours else read.no not in ours


_USAGE = _Read("content-usage", "attach-05 section 3, vocab-08 section 5", parse_content_usage, "n")
_SIGNAL = _Read("content-signal", "contentsignals.org, Content Signals Policy", parse_content_signal, "no")


def _tries_to_refuse(value: str, asked: Asked) -> bool:
    return any(_TRIES_TO_REFUSE[label].search(value) for label in _LABELS[asked.policy.usage.value])


def _legacy_refusal(value: str, asked: Asked) -> str | None:
    """Give the label of an older draft that refused training, where train-ai itself is not stated."""
    stated = dict(_dictionary(value) or ())
    if "train-ai" in stated or not answers("content-usage", "train-ai", asked.policy.usage):
        return None
    return next((label for label in _LEGACY if stated.get(label) == "n"), None)


def _usage_value(asked: Asked, location: str, where: str, text: str, value: str) -> Iterator[Statement]:
    """Read one value that gives no plain answer for what it may try to say."""
    if legacy := _legacy_refusal(value, asked):
        yield _USAGE.doubt(location, where, text, f"{legacy}=n is a label of an older draft, which included training")
    elif _tries_to_refuse(value, asked):
        yield _USAGE.doubt(location, where, text, "unknown by vocab-08 section 5, but it plainly tries to refuse")
    elif parse_content_usage(value) is None:
        yield _USAGE.doubt(location, where, text, "malformed as a whole: everything unknown", finding="")


def _content_usage(asked: Asked) -> Iterator[Statement]:
    """Content-Usage: the most specific robots.txt rule, and the header; two sources, the most restrictive counts."""
    if asked.crawlable:  # attach-05 section 3.1: what may not be crawled has no preference
        yield from _usage_lines(asked)
    if asked.asset is not None and (values := asked.asset.values("content-usage")):
        value = ", ".join(values)  # RFC 9651 section 4.2: field lines are joined before parsing
        said = _USAGE.said(value, asked)
        if said is not None:
            yield _USAGE.statement("header", "content-usage", value, allowed=said)
        elif parse_content_usage(value) is None and (no := _plain_no(values, asked)):
            notes = ("another field line is malformed, which takes no plain no away",)
            yield _USAGE.statement("header", "content-usage", no, allowed=False, notes=notes)
        else:
            yield from _usage_value(asked, "header", "content-usage", value, value)


def _usage_lines(asked: Asked) -> Iterator[Statement]:
    """Content-Usage of robots.txt: the rules of our group, and what stands outside any."""
    robots = asked.robots
    lines = robots.most_specific(robots_kept.USAGE, asked.path)
    stated, doubts = [], list[Statement]()
    for line in lines:  # all that is asked of one value at once, while it is in mind
        stated.append((_USAGE.said(line.value, asked), line))
        if stated[-1][0] is None:
            doubts += _usage_value(asked, "robots.txt", f"line {line.number}", line.text, line.value)
    plain = list(_from_lines(stated, _USAGE))
    yield from plain
    if not any(said.preference is Preference.DISALLOWED for said in plain):
        yield from doubts
    if not plain:
        yield from _replaced(asked, lines)
    for line in robots.most_specific(robots_kept.USAGE_STRAY, asked.path):
        if _USAGE.said(line.value, asked) is False or _tries_to_refuse(line.value, asked):
            where = f"line {line.number}"
            yield _USAGE.doubt(
                "robots.txt",
                where,
                line.text,
                "outside any group, or under a misspelt name (attach-05 section 3.2)",
            )


def _plain_no(values: Sequence[str], asked: Asked) -> str | None:
    """Give the first of several field lines that says no by itself."""
    return next((value for value in values if _USAGE.said(value, asked) is False), None) if len(values) > 1 else None


def _replaced(asked: Asked, lines: list[Line]) -> Iterator[Statement]:
    """Note a refusal of a broader path that a longer path without an answer replaces (attach-05 section 3.3)."""
    rules, settled = asked.robots.rules.get(robots_kept.USAGE), set(lines)
    for line in rules.matching(asked.path) if rules else ():
        if line not in settled and _USAGE.said(line.value, asked) is False:
            where = f"line {line.number}"
            yield _USAGE.doubt(
                "robots.txt", where, line.text, "replaced by a longer path that says nothing", finding=""
            )
            return


def _content_signal(asked: Asked) -> Iterator[Statement]:
    """Content-Signal: robots.txt lines by group and path, and the header; a no counts, a yes lifts nothing."""
    robots = asked.robots
    lines = robots.most_specific(robots_kept.SIGNAL, asked.path)
    plain = list(_from_lines([(_SIGNAL.said(line.value, asked), line) for line in lines], _SIGNAL))
    yield from plain
    if not plain:
        yield from _signal_replaced(asked, lines)
        for line in lines:
            yield from _signal_value(asked, "robots.txt", f"line {line.number}", line.text, line.value)
    for kind, note in (
        (robots_kept.SIGNAL_STRAY, "outside any group, or under a misspelt name: read as for every agent"),
        (robots_kept.SIGNAL_STAR, "of the * group; the group of our own token has no Content-Signal"),
    ):
        for line in robots.most_specific(kind, asked.path):
            if _SIGNAL.said(line.value, asked) is False or _tries_to_refuse(line.value, asked):
                yield _SIGNAL.doubt("robots.txt", f"line {line.number}", line.text, note)
    for line in robots.most_specific(robots_kept.SIGNAL_NAMED, asked.path)[:1]:
        if _SIGNAL.said(line.value, asked) is False:
            where = f"line {line.number}"
            yield _SIGNAL.doubt("robots.txt", where, line.text, "in a group that names other bots only", finding="")
    for value in asked.asset.values("content-signal") if asked.asset is not None else ():
        said = _SIGNAL.said(value, asked)
        if said is None:
            yield from _signal_value(asked, "header", "content-signal", value, value)
        else:
            notes = ("a header yes is often a converter's default; it lifts nothing",) if said else ()
            yield _SIGNAL.statement("header", "content-signal", value, allowed=said, notes=notes)


def _signal_replaced(asked: Asked, lines: list[Line]) -> Iterator[Statement]:
    """Keep a no of a broader path where a longer one does not speak of our usage: absent opens nothing."""
    rules, settled = asked.robots.rules.get(robots_kept.SIGNAL), set(lines)
    for line in rules.matching(asked.path) if rules and lines else ():
        if line not in settled and _SIGNAL.said(line.value, asked) is False:
            note = "a longer path does not speak of this usage: neither granted nor restricted there"
            yield _SIGNAL.doubt("robots.txt", f"line {line.number}", line.text, note)
            return


def _signal_value(asked: Asked, location: str, where: str, text: str, value: str) -> Iterator[Statement]:
    """Read one value that gives no plain answer for our usage."""
    if _tries_to_refuse(value, asked):
        yield _SIGNAL.doubt(location, where, text, "neither yes nor no, but it plainly tries to refuse")
    elif not parse_content_signal(value):
        yield _SIGNAL.doubt(location, where, text, "malformed as a whole: nothing is stated", finding="")


CONTENT_USAGE = Signal(
    "content-usage",
    "draft-ietf-aipref-vocab-08, draft-ietf-aipref-attach-05",
    "https://datatracker.ietf.org/doc/draft-ietf-aipref-attach/",
    _content_usage,
)
CONTENT_SIGNAL = Signal("content-signal", "July 2026", "https://contentsignals.org", _content_signal)


def _ai_training(asked: Asked) -> Iterator[Statement]:
    """DisallowAITraining lines: of an expired draft, noted only."""
    for line in asked.robots.most_specific(robots_kept.AI_TRAINING, asked.path):
        if answers("content-usage", "train-ai", asked.policy.usage):
            yield Statement(
                "disallow-ai-training", "robots.txt", f"line {line.number}", line.text, Preference.UNKNOWN,
                "draft-canel-robots-ai-control, expired", notes=("no specification in force knows this line",),
            )  # fmt: skip


AI_TRAINING = Signal(
    "disallow-ai-training",
    "draft-canel-robots-ai-control-00, expired",
    "https://datatracker.ietf.org/doc/draft-canel-robots-ai-control/",
    _ai_training,
)
