"""The files of a site as they were seen: how each location stands, and what is kept of it to answer.

Rule of this file: pure. RFC 9309 section 2.3.1 tells an unavailable file from an unreachable one; whatever is not whole
is unreachable. Kept in a compact form, since a crawl keeps one site a host.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.policy import LOCATIONS, RSL
from optout_middleware.signals import SIGNALS, domain_files, packing, product_tokens, robots_kept, robots_txt
from optout_middleware.signals.paths import canonical_path
from optout_middleware.terms import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence

# RFC 9309 section 2.3.1.4: after a reasonably long time, for example 30 days, a copy may be given up.
STALE = timedelta(days=30)


class State:
    """How a location stands."""

    READ = "read"
    STALE = "stale copy"  # read, of an origin that is unreachable now
    ABSENT = "absent"  # 404, 410: says nothing
    UNAVAILABLE = "unavailable"  # other 4xx, too many redirects: says nothing, noted
    UNREACHABLE = "unreachable"  # 429, 5xx, 304 (which has no body), no response, or a response that is not whole


class File(NamedTuple):
    """One location of a site as it was seen: the evidence, how it stands, and what was kept of it to answer.

    `location` is a name of `policy.LOCATIONS`, or the URL of a document that a location names.
    """

    location: str
    state: str
    source: Source
    kept: bytes
    note: str

    @property
    def is_read(self) -> bool:
        """Whether there is a body that answers."""
        return self.state in (State.READ, State.STALE)


# Location, state, status, microseconds, SHA-256, lengths of the URL of a document, error, note and what is kept.
_HEAD = struct.Struct("<BBHq32sHHHI")
_STATUSES = range(1, 65_536)  # a status that does not fit is none of HTTP's
_STATES = (State.READ, State.STALE, State.ABSENT, State.UNAVAILABLE, State.UNREACHABLE)
_LOCATION_NAMES = (*LOCATIONS, RSL)
_LOCATION_OF = {path: name for name, path in LOCATIONS.items()}
_KEEP = {location: keep for signal in SIGNALS for location, keep in signal.keep.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@lru_cache(maxsize=1024)  # a pure function; of one piece of evidence it is asked several times
def location_of(url: str) -> str | None:
    """Give the name of the location that a URL is, None where it is none."""
    return _LOCATION_OF.get(canonical_path(url))


def rank(item: Evidence) -> tuple[object, ...]:
    """Order evidence of one URL whatever order it comes in: by time, an answer before a failure, then by content."""
    content = (item.status or 0, item.sha256, item.headers, item.final_url, item.error or "", item.truncated)
    return item.fetched_at, state_of(item) == State.READ, content


def state_of(item: Evidence) -> str:
    """Tell how a location stands by its status; a 3xx ends too many redirects (RFC 9309 section 2.3.1.2)."""
    status = item.status
    if status is None or status in (304, 429) or not 200 <= status < 500:  # noqa: PLR2004 - HTTP status classes
        return State.UNREACHABLE
    if status < 300:  # noqa: PLR2004
        if not _is_whole(item):
            return State.UNREACHABLE
        return State.ABSENT if _is_page_instead(item) else State.READ
    return State.ABSENT if status in (404, 410) else State.UNAVAILABLE


def _is_whole(item: Evidence) -> bool:
    """Tell whether a body is whole; of robots.txt the first 500 KiB are enough (RFC 9309 section 2.5)."""
    if item.error is not None or item.status == 206:  # noqa: PLR2004 - partial content
        return False
    if not item.truncated:
        return True
    return location_of(item.url) == "robots.txt" and len(item.body) >= robots_txt.LIMIT


def _is_page_instead(item: Evidence) -> bool:
    """Tell whether a page stands where ai.txt or trust.txt would: a server that answers 200 for what is missing."""
    return location_of(item.url) in domain_files.LOCATIONS and domain_files.is_page(item)


def rivals(items: Sequence[Evidence]) -> list[Evidence]:
    """Give the answers of one location that differ and are of the same, latest moment; of the first such location."""
    by_location: dict[str | None, list[Evidence]] = {}
    for item in items:
        by_location.setdefault(location_of(item.url), []).append(item)
    for group in by_location.values():
        latest = max(item.fetched_at for item in group)
        tied = [item for item in group if item.fetched_at == latest and state_of(item) != State.UNREACHABLE]
        if len({(state_of(item), item.sha256) for item in tied}) > 1:
            return sorted(set(tied), key=rank)
    return []


def current(items: Sequence[Evidence]) -> tuple[Evidence, str, str]:
    """Give the evidence of a location that counts, how it stands, and a note.

    That is the latest, or a copy while the latest is unreachable. Two different answers of one moment are no answer.
    """
    latest = max(items, key=rank) if len(items) > 1 else items[0]
    state = state_of(latest)
    same = [item for item in items if item.fetched_at == latest.fetched_at] if len(items) > 1 else []
    answers = {(state_of(item), item.sha256) for item in same if state_of(item) != State.UNREACHABLE}
    if len(answers) > 1 or (answers and state != State.READ and any(state_of(i) == State.UNREACHABLE for i in same)):
        return latest, State.UNREACHABLE, "different answers of one moment"
    if state == State.UNREACHABLE:
        failure = latest.error or (f"status {latest.status}" if latest.status else "no response")
        copies = [
            item for item in items if state_of(item) == State.READ and latest.fetched_at - item.fetched_at <= STALE
        ]
        if copies:
            return max(copies, key=rank), State.STALE, f"stale copy, since the origin is unreachable: {failure}"
        return latest, state, failure
    if state == State.UNAVAILABLE:
        return latest, state, f"status {latest.status}"
    return latest, state, "cut at a size limit" if latest.truncated else ""


def pack(location: str, item: Evidence, state: str, note: str, policy: Policy) -> bytes:
    """Give one location in compact form; `opened` reads one or several after another."""
    kept = url = b""
    is_read = state in (State.READ, State.STALE)
    if location == RSL:
        url = _octets(item.url)
        kept = packing.packed(item.body) if is_read else b""
    elif is_read and location == "robots.txt":
        comments = "robots.txt" in policy.natural_language
        kept = robots_kept.keep(item.body, policy.product_token, product_tokens.interest(policy), comments=comments)
    elif is_read:
        kept = _KEEP[location](item)
    error, remark = _octets(item.error or "")[:500], _octets(note)[:500]
    microseconds = (item.fetched_at - _EPOCH) // timedelta(microseconds=1)
    head = _HEAD.pack(
        _LOCATION_NAMES.index(location), _STATES.index(state), item.status if item.status in _STATUSES else 0,
        microseconds, bytes.fromhex(item.sha256), len(url), len(error), len(remark), len(kept),
    )  # fmt: skip
    return head + url + error + remark + kept


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@lru_cache(maxsize=1024)  # a pure function; the sites in use are open, all others cost their packed bytes only
def opened(origin: str, packed: bytes) -> tuple[File, ...]:
    """Read the locations of an origin from their compact form."""
    files = []
    at = 0
    while at < len(packed):
        number, state, status, microseconds, digest, *lengths = _HEAD.unpack_from(packed, at)
        at += _HEAD.size
        parts = []
        for length in lengths:
            parts.append(packed[at : at + length])
            at += length
        url, error, note, kept = parts
        location = url.decode() or _LOCATION_NAMES[number]
        fetched_at = _EPOCH + timedelta(microseconds=microseconds)
        failure = error.decode("utf-8", "replace") or None
        where = location if url else origin + LOCATIONS[location]
        source = Source(where, status or None, digest.hex(), fetched_at, failure)
        files.append(File(location, _STATES[state], source, kept, note.decode("utf-8", "replace")))
    return tuple(files)
