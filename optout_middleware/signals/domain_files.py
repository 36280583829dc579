"""ai.txt (Spawning) and trust.txt (JournalList): files of a whole domain about training.

Rule of this file: the form is recognised before anything is read from it; other forms of the same name are noted,
never guessed. llms.txt and its kin are content maps for inference: never read for rights.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from optout_middleware.signals import robots_txt
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.usages import answers
from optout_middleware.terms import Preference, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.signals.robots_txt import Line
    from optout_middleware.terms import Evidence

_AI_TXT = ("ai.txt", ".well-known/ai.txt")
_TRUST_TXT = ("trust.txt", ".well-known/trust.txt")
_LIMIT = 65_536  # octets that are read of either file; the generator's files have some hundred
_OTHER_FORM = b"?"  # kept of an ai.txt in another form
_NOES = frozenset({"no", "false", "0", "none", "never", "n", "disallow", "disallowed"})
_ATTRIBUTE = re.compile(r"[ \t]*datatrainingallowed[ \t]*[=:][ \t]*([^#\r\n]*)", re.IGNORECASE)


def _text(evidence: Evidence) -> str:
    """Give the file as text; empty where a page was served in its place."""
    body = evidence.body[:_LIMIT].removeprefix(b"\xef\xbb\xbf")
    if evidence.media_type in ("text/html", "application/xhtml+xml") or body.lstrip()[:1] == b"<":
        return ""
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
    if not lines[0].lower().startswith("user-agent:"):
        return _OTHER_FORM
    return robots_txt.packed(text.encode())


@lru_cache(maxsize=256)  # a pure function; few sites have the file, and theirs are alike
def _ai_rules(kept: bytes, product_token: str) -> robots_txt.FetchRules:
    return robots_txt.parse(robots_txt.unpacked(kept)).fetch_rules(product_token)


def _ai_txt(asked: Asked) -> Iterator[Statement]:
    """Settle Disallow against Allow: the longest pattern, and unlike in robots.txt a tie disallows."""
    location = next((name for name in _AI_TXT if name in asked.kept), None)
    if location is None or not (kept := asked.kept[location]):
        return
    if kept == _OTHER_FORM:
        rule = "Spawning, 30 May 2023; other forms of that name exist"
        notes = ("not the Spawning form: nothing is read from it",)
        yield Statement("ai.txt", location, "file", "", Preference.UNKNOWN, rule, notes=notes)
        return
    found: list[Line] = _ai_rules(kept, asked.policy.product_token).most_specific(asked.path)
    lines = [line for line in found if line.field == "disallow"] or found
    if lines and answers("ai.txt", lines[0].field, asked.policy.usage):
        line = lines[0]
        refused = line.field == "disallow"
        preference = Preference.DISALLOWED if refused else Preference.ALLOWED
        yield Statement(
            "ai.txt", location, f"line {line.number}", line.text, preference,
            "Spawning, 30 May 2023: the longest pattern, a tie disallows", "refusal" if refused else "",
        )  # fmt: skip


def _keep_trust_txt(evidence: Evidence) -> bytes:
    """Keep the lines with the attribute datatrainingallowed, each with its number."""
    lines = enumerate(re.split(r"\r\n|\r|\n", _text(evidence)), 1)
    return "\n".join(f"{number} {line.strip()[:200]}" for number, line in lines if _ATTRIBUTE.match(line)).encode()


def _trust_txt(asked: Asked) -> Iterator[Statement]:
    """Read the attribute; several that differ: a no counts. No matching by path."""
    location = next((name for name in _TRUST_TXT if asked.kept.get(name)), None)
    if location is None or not answers("trust.txt", "no", asked.policy.usage):
        return
    rows = [row.partition(" ") for row in asked.kept[location].decode().split("\n")]
    values = [(number, text, _value(text)) for number, _, text in rows]
    number, text, value = next((row for row in values if row[2] in _NOES), values[0])
    rule = "JournalList trust.txt reference, 11 July 2024: datatrainingallowed"
    where = f"line {number}"
    notes = ("several lines that differ: a no counts",) if len({row[2] for row in values}) > 1 else ()
    if value == "no":
        yield Statement("trust.txt", location, where, text, Preference.DISALLOWED, rule, "refusal", notes=notes)
    elif value == "yes":
        yield Statement("trust.txt", location, where, text, Preference.ALLOWED, rule)
    else:
        finding = "malformed-refusal" if value in _NOES else ""
        notes = (*notes, "neither yes nor no")
        yield Statement("trust.txt", location, where, text, Preference.UNKNOWN, rule, finding, notes=notes)


def _value(text: str) -> str:
    match = _ATTRIBUTE.match(text)
    return match[1].strip().lower() if match else ""


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
