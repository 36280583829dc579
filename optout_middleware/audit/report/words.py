"""Words and forms that the sections of a report share.

Rule of this file: what was allowed is what "no reservation was found" for: nobody is told that anything is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.sites import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SAID = {"allow": "no reservation found", "pending": "pending", "deny": "reserved"}
CAME_TO = {"deny": "reserved by it", "pending": "pending by it", "noted": "noted only"}
STANDING = {
    "kept": "no reservation found", "excluded": "reserved", "pending": "pending",
    "unknown": "no reservation found, not all could be looked at", "forbidden": "robots.txt forbids to fetch it",
}  # fmt: skip
STRICT_FIRST = tuple(reversed(OUTCOMES))
DRAWN = 15  # bars of one chart


def of(what: str, found: Mapping[str, Any]) -> str:
    """Give a caption that says where rows were cut off."""
    shown, whole = len(found["rows"]), found["of"]
    return what if shown >= whole else f"{what}: the first {shown:,} of {whole:,}"


def outcome_said(outcome: object) -> str:
    """Give an outcome in words."""
    return SAID.get(str(outcome), str(outcome))


def value_shown(value: object) -> str:
    """Give a value of the policy."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"


def time_shown(text: object) -> str:
    """Give a time to the minute."""
    return str(text)[:16].replace("T", " ") if text else ""


def percent(part: int, whole: int) -> str:
    """Give a share in brackets, none of nothing."""
    return f" ({100 * part / whole:.1f} %)" if whole else ""


def quoted(found: Sequence[Mapping[str, Any]]) -> str:
    """Give statements with who made them where."""
    return "; ".join(f'{row["signal"]}: "{row["text"]}" ({row["url"]})' for row in found)
