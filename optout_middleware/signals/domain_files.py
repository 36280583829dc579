"""ai.txt (Spawning) and trust.txt (JournalList): files of a whole domain about training.

Rule of this file: the form is recognised before anything is read from it; other forms of the same name are noted,
never guessed. llms.txt and its kin are content maps for inference: never read for rights.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from optout_middleware.signals import packing, robots_txt
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.usages import answers
from optout_middleware.terms import Preference, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.signals.robots_txt import Line
    from optout_middleware.terms import Evidence

_AI_TXT = ("ai.txt", ".well-known/ai.txt")
_TRUST_TXT = ("trust.txt", ".well-known/trust.txt")
LOCATIONS = frozenset({*_AI_TXT, *_TRUST_TXT})
_LIMIT = 65_536  # octets that are read of either file; the generator's files have some hundred
_MOST = 8  # lines of a trust.txt that are kept; its specification has one
_OTHER_FORM = b"?"  # kept of an ai.txt in another form
_NOES = frozenset({"no", "false", "0", "none", "never", "n", "disallow", "disallowed"})
_ATTRIBUTE = re.compile(r"[ \t]*datatrainingallowed[ \t]*([=:])[ \t]*([^#\r\n]*)", re.IGNORECASE)
_USER_AGENT = re.compile(r"user[- ]?agent[ \t]*:", re.IGNORECASE).match
_EXTENSION = re.compile(r"\.[^./?]+$")
_WORD = re.compile(r"[a-z0-9]*")


def is_page(evidence: Evidence) -> bool:
    """Tell whether a page stands in the place of the file, as servers give it for what is missing."""
    start = evidence.body.removeprefix(b"\xef\xbb\xbf")[:_LIMIT].lstrip()[:1]
    return evidence.media_type in ("text/html", "application/xhtml+xml") or start == b"<"


def _text(evidence: Evidence) -> str:
    """Give the file as text, up to the last whole line within the limit; empty where a page stands in its place."""
    if is_page(evidence):
        return ""
    body = evidence.body.removeprefix(b"\xef\xbb\xbf")
    if len(body) > _LIMIT:
        body = body[: max(body.rfind(b"\n", 0, _LIMIT), body.rfind(b"\r", 0, _LIMIT), 0)]
    return body.decode("utf-8", "replace")


def _meaningful(text: str) -> list[str]:
    """Give the lines that are neither blank nor a comment, with their ends trimmed."""
    lines = (line.strip() for line in re.split(r"\r\n|\r|\n", text))
    return [line for line in lines if line and not line.startswith("#")]


def _keep_ai_txt(evidence: Evidence) -> bytes:
    """Keep the file where it has the Spawning form: its first meaningful line is a User-Agent line."""
    text = _text(evidence)
    lines = _meaningful(text)
    if not lines:
        return b""
    if not _USER_AGENT(lines[0]):
        return _OTHER_FORM
    return packing.packed(text.encode())


@lru_cache(maxsize=256)  # a pure function; few sites have the file, and theirs are alike
def _ai_rules(kept: bytes, product_token: str) -> robots_txt.FetchRules:
    return robots_txt.parse(packing.unpacked(kept)).fetch_rules(product_token)


def _ai_txt(asked: Asked) -> Iterator[Statement]:
    """Settle Disallow against Allow: the longest pattern, and unlike in robots.txt a tie disallows."""
    found = [(name, asked.kept[name]) for name in _AI_TXT if asked.kept.get(name)]
    if not found:
        return
    location, kept = next(((name, kept) for name, kept in found if kept != _OTHER_FORM), found[0])
    if kept == _OTHER_FORM:
        rule = "Spawning, 30 May 2023; other forms of that name exist"
        note = "not the Spawning form: nothing is read from it"
        yield Statement("ai.txt", location, "file", "", Preference.UNKNOWN, rule, notes=(note,))
        return
    rules = _ai_rules(kept, asked.policy.product_token)
    line = _ai_line(rules, asked.path)
    notes: tuple[str, ...] = ()
    if line is None or line.field != "disallow":
        # The patterns stand for media types, *.jpg for images: an extension counts in either case, a query does not.
        plain = _EXTENSION.sub(lambda match: match[0].lower(), asked.path.partition("?")[0])
        other = _ai_line(rules, plain)
        if other is not None and other.field == "disallow":
            line, notes = other, ("by the extension of the path, without regard to case and query",)
    if line is not None and answers("ai.txt", line.field, asked.policy.usage):
        refused = line.field == "disallow"
        preference = Preference.DISALLOWED if refused else Preference.ALLOWED
        yield Statement(
            "ai.txt", location, f"line {line.number}", line.text, preference,
            "Spawning, 30 May 2023: the longest pattern, a tie disallows", "refusal" if refused else "", notes=notes,
        )  # fmt: skip


def _ai_line(rules: robots_txt.FetchRules, path: str) -> Line | None:
    found = rules.most_specific(path)
    return next((line for line in found if line.field == "disallow"), found[0] if found else None)


def _keep_trust_txt(evidence: Evidence) -> bytes:
    """Keep the lines with the attribute datatrainingallowed, each with its number; of alike ones the first.

    Lines that say no come first, so that no number of others can crowd them out.
    """
    lines = enumerate(re.split(r"\r\n|\r|\n", _text(evidence)), 1)
    said: dict[tuple[str, str], str] = {}
    for number, line in lines:
        if _ATTRIBUTE.match(line):
            said.setdefault(_value(line), f"{number} {line.strip()[:200]}")
    return "\n".join(said[value] for value in sorted(said, key=lambda value: _order(*value))[:_MOST]).encode()


def _trust_txt(asked: Asked) -> Iterator[Statement]:
    """Read the attribute; several that differ: a no counts. No matching by path."""
    location = next((name for name in _TRUST_TXT if asked.kept.get(name)), None)
    if location is None or not answers("trust.txt", "no", asked.policy.usage):
        return
    rows = [
        (number, text, *_value(text)) for number, _, text in map(_parted, asked.kept[location].decode().split("\n"))
    ]
    number, text, value, separator = min(rows, key=lambda row: _order(row[2], row[3]))
    rule, where = "JournalList trust.txt reference, 11 July 2024: datatrainingallowed", f"line {number}"
    notes = ("several lines that differ: a no counts",) if len({row[2:] for row in rows}) > 1 else ()
    if separator == "=" and value == "no":
        yield Statement("trust.txt", location, where, text, Preference.DISALLOWED, rule, "refusal", notes=notes)
    elif separator == "=" and value == "yes":
        yield Statement("trust.txt", location, where, text, Preference.ALLOWED, rule, notes=notes)
    else:
        finding = "malformed-refusal" if _is_no(value) else ""
        notes = (*notes, "neither =yes nor =no")
        yield Statement("trust.txt", location, where, text, Preference.UNKNOWN, rule, finding, notes=notes)


def _parted(row: str) -> tuple[str, str, str]:
    return row.partition(" ")


def _value(text: str) -> tuple[str, str]:
    match = _ATTRIBUTE.match(text)
    return (match[2].strip().lower(), match[1]) if match else ("", "")


def _is_no(value: str) -> bool:
    """Tell whether a value plainly tries to say no: its first word does."""
    word = _WORD.match(value.lstrip("\"' "))
    return word is not None and word[0] in _NOES


def _order(value: str, separator: str) -> int:
    """Order values: a plain no first, then what tries to say no, then the rest."""
    if separator == "=" and value == "no":
        return 0
    return 1 if _is_no(value) else 2


AI_TXT = Signal(
    "ai.txt",
    "30 May 2023",
    "https://spawning.substack.com/p/aitxt-a-new-way-for-websites-to-set",
    _ai_txt,
    dict.fromkeys(_AI_TXT, _keep_ai_txt),
)
TRUST_TXT = Signal(
    "trust.txt",
    "11 July 2024",
    "https://journallist.net/reference-document-for-trust-txt-specifications",
    _trust_txt,
    dict.fromkeys(_TRUST_TXT, _keep_trust_txt),
)
