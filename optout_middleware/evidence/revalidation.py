"""Revalidation: asking whether what we have is still what the origin has (RFC 9110 section 13, RFC 9111 section 4.3).

Rule of this file: pure. Validators go back to the origin letter for letter or not at all; a 304 that does not fit what
is known is no answer.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OK, NOT_MODIFIED = 200, 304
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 section 8.8.3
# RFC 9111 sections 3.1 and 3.2: of the connection or a proxy, or of the content that the 304 does not carry.
_NOT_UPDATED = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "content-encoding",
    "content-range",
})  # fmt: skip


def conditions(known: Evidence | None) -> Mapping[str, str]:
    """Give the header fields that ask about evidence by its validators; none where it cannot be asked about so.

    What redirects led to is not asked about: the redirects may have changed.
    """
    if known is None or known.status != OK or known.error is not None or known.hops or known.final_url != known.url:
        return {}
    asked = {}
    if (etags := known.values("etag")) and _ETAG.fullmatch(etags[-1]):
        asked["If-None-Match"] = etags[-1]
    if (dates := known.values("last-modified")) and _is_http_date(dates[-1]):
        asked["If-Modified-Since"] = dates[-1]
    return asked


def revalidated(known: Evidence, answer: Evidence) -> Evidence | None:
    """Give evidence as it was, seen again by a 304; None where the answer is no 304 to what is known.

    Header fields of the 304 replace those of the same name (RFC 9111 section 3.2).
    """
    if answer.status != NOT_MODIFIED or answer.hops or answer.error is not None:
        return None
    if (etags := answer.values("etag")) and _opaque(etags) != _opaque(known.values("etag")):
        return None  # it speaks of another version (RFC 9111 section 4.3.4)
    nominated = {name.strip().lower() for value in answer.values("connection") for name in value.split(",")}
    updates = [(name, value) for name, value in answer.headers if name not in _NOT_UPDATED | nominated]
    names = {name for name, _ in updates}
    return Evidence(
        known.url,
        known.status,
        [*(pair for pair in known.headers if pair[0] not in names), *updates],
        known.body,
        answer.fetched_at,
        truncated=known.truncated,
    )


def _opaque(etags: Sequence[str]) -> str:
    """Give the entity tag without its mark of weakness (RFC 9110 section 8.8.3.2, weak comparison); "" = none."""
    return etags[-1].removeprefix("W/") if etags else ""


def _is_http_date(text: str) -> bool:
    try:
        return text.isascii() and text.isprintable() and bool(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
