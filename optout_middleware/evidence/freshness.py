"""How long what was seen holds: the lifetime of evidence, and how long to wait before asking again.

Rule of this file: pure functions of evidence. HTTP caching (RFC 9111) is heard within the operator's floor
and ceiling; text that cannot be read counts as the shortest life, never as the longest. What failed lives for
minutes.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from optout_middleware.evidence.locations import location_of
from optout_middleware.files import STALE, State, state_of
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from optout_middleware.terms import Evidence

_ROBOTS_CEILING = 86_400.0  # RFC 9309 section 2.4: a copy SHOULD NOT be used for more than 24 hours
_SPREAD = 0.1  # of a lifetime: what is seen together is not asked again together
_FOREVER = 2_147_483_648  # RFC 9111 section 1.2.2: what a delta-seconds too large to hold counts as
_DAY = 86_400.0
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
# RSL 1.0 section 3.2.1: whole days, for which a licence document may be kept; the root element stands at its start.
_RSL_MAX_AGE = re.compile(rb"<(?:[\w.-]{1,30}:)?rsl\b[^<>]{0,2000}?\bmax-age\s{0,9}=\s{0,9}[\"']\s{0,9}([0-9]{1,9})")
_RSL_START = 8_192  # octets
# RFC 9111 section 5.2.2: directives, whose argument may be a token or a quoted string with commas in it.
_DIRECTIVE = re.compile(r'([^\s=,;"]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?[^,]*(?:,|$)')


@dataclass(frozen=True)
class Lifetimes:
    """How long evidence holds, in seconds.

    Args:
        floor: the shortest life of an answer, whatever its Cache-Control says.
        ceiling: the longest; for robots.txt never more than 24 hours (RFC 9309 section 2.4).
        default: the life of an answer that says nothing of caching.
        failure: the life of a failure (no response, 429, 5xx, a response that is not whole).
        stale: how old an answer may be that still counts while its origin is unreachable; at most the 30 days
            of `optout_middleware.decide.STALE`.

    Raises:
        OptOutError: lifetimes that cannot be.
    """

    floor: float = 300.0
    ceiling: float = 86_400.0
    default: float = 86_400.0
    failure: float = 300.0
    stale: float = STALE.total_seconds()

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.default <= self.ceiling:
            raise OptOutError(
                f"lifetimes floor={self.floor}, default={self.default}, ceiling={self.ceiling}: "
                "give seconds above 0, floor <= default <= ceiling"
            )
        if not 0 < self.failure <= self.ceiling:
            raise OptOutError(f"lifetime failure={self.failure}: give seconds above 0, at most the ceiling")
        if not 0 <= self.stale <= STALE.total_seconds():
            raise OptOutError(f"lifetime stale={self.stale}: give seconds from 0 to {STALE.total_seconds():.0f}")


def is_unreachable(evidence: Evidence) -> bool:
    """Tell whether evidence is a failure: no response, 429, 5xx, or a response that is not whole."""
    return state_of(evidence) == State.UNREACHABLE


def lifetime(evidence: Evidence, lifetimes: Lifetimes) -> float:
    """Give the seconds for which evidence holds from `fetched_at` on."""
    if is_unreachable(evidence):
        return lifetimes.failure
    ceiling = lifetimes.ceiling
    if location_of(evidence.url) == "robots.txt":
        ceiling = min(ceiling, _ROBOTS_CEILING)
        said = _said(evidence)
    else:
        said = _soonest(_said(evidence), _rsl_max_age(evidence))
    return min(max(lifetimes.default if said is None else said, lifetimes.floor), ceiling)


def spread(seconds: float, origin: str, lifetimes: Lifetimes) -> float:
    """Shorten a lifetime by up to a tenth, always by the same part for one origin; never below the floor.

    A crawl that starts with thousands of hosts would else ask all of them again in the same minute a day
    later.
    """
    part = zlib.crc32(origin.encode()) / 0x1_0000_0000 * _SPREAD
    return max(seconds * (1 - part), min(seconds, lifetimes.floor))


def retry_after(evidence: Evidence) -> float | None:
    """Give the seconds that Retry-After asks to wait (RFC 9110 section 10.2.3); None = nothing legible."""
    for value in evidence.values("retry-after"):
        if (seconds := _delta(value)) is not None:
            return float(seconds)
        if (date := _http_date(value)) is not None:
            return max((date - evidence.fetched_at).total_seconds(), 0.0)
    return None


def _said(evidence: Evidence) -> float | None:
    """Give what the response says of its freshness (RFC 9111 section 4.2.1); None = nothing.

    We cache for ourselves alone, so s-maxage, which is for shared caches, is not read.
    """
    directives = _directives(", ".join(evidence.values("cache-control")))
    if not directives.keys().isdisjoint({"no-store", "no-cache"}):
        return 0.0
    if "max-age" in directives:
        seconds = _delta(directives["max-age"])
        ages = [age for value in evidence.values("age") if (age := _delta(value)) is not None]
        return 0.0 if seconds is None else float(seconds - max(ages, default=0))
    if expires := evidence.values("expires"):
        until = _http_date(expires[-1])  # an invalid date, "0" above all, is in the past (RFC 9111 section 5.3)
        dates = [date for value in evidence.values("date") if (date := _http_date(value)) is not None]
        since = dates[-1] if dates else evidence.fetched_at
        return 0.0 if until is None else (until - since).total_seconds()
    return None


def _rsl_max_age(evidence: Evidence) -> float | None:
    """Give for how many seconds a licence document says that it may be kept; None = it is none, or does not say."""
    if location_of(evidence.url) is not None or b"max-age" not in evidence.body[:_RSL_START]:
        return None
    found = _RSL_MAX_AGE.search(evidence.body[:_RSL_START])
    return float(found[1]) * _DAY if found else None


def _soonest(first: float | None, second: float | None) -> float | None:
    return min((seconds for seconds in (first, second) if seconds is not None), default=None)


def _directives(text: str) -> dict[str, str]:
    """Read cache directives; of several of one name the one with the fewest seconds counts."""
    found: dict[str, str] = {}
    for field, quoted, plain in _DIRECTIVE.findall(text):
        name, value = field.lower(), quoted or plain
        if name not in found or (_delta(value) or 0) < (_delta(found[name]) or 0):
            found[name] = value
    return found


def _delta(text: str) -> int | None:
    """Read delta-seconds (RFC 9111 section 1.2.2)."""
    text = text.strip()
    if not _DIGITS.fullmatch(text):
        return None
    return int(text) if len(text) < len(str(_FOREVER)) else _FOREVER


def _http_date(text: str) -> datetime | None:
    """Read an HTTP date in any of its three forms (RFC 9110 section 5.6.7)."""
    try:
        date = parsedate_to_datetime(text.strip())
        return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
