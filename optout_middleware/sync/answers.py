"""A response of `requests` as evidence: the answer, with the redirects that led to it.

Rule of this file: of a streamed answer the body is left to whoever asked for it, unless a statement may stand in it;
what was not looked at is said in the evidence. A body whose coding nobody undid is as good as not seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from urllib3.response import BaseHTTPResponse

from optout_middleware.terms import Evidence, Hop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import requests

_PARTIAL = 206  # RFC 9110 section 15.3.7: what was left out may have spoken
STREAMED = "streamed, so judged by its headers alone"
# Media types of bodies in which a signal or a credit may stand; what is no media type at all may be any of them.
_MAY_SPEAK = re.compile(
    r"text/|application/(?:pdf|epub\+zip|ld\+json)\b|[^;]*xml|[^/]*(?:;|$)|\*/\*|unknown/unknown|application/unknown",
    re.IGNORECASE,
).match


def hop_of(response: requests.Response) -> Hop:
    """Give a redirect."""
    return Hop(response.url, response.status_code, _fields(response))


def evidence_of(
    response: requests.Response, hops: Sequence[Hop], at: datetime, *, stream: bool, is_followed: bool = False
) -> tuple[Evidence, int]:
    """Read an answer.

    Args:
        response: the answer.
        hops: the redirects that led to it.
        at: now.
        stream: whether its body was to be left unread.
        is_followed: whether it is a redirect that is about to be followed, of which the headers count.

    Returns: the evidence, and the size of the body in octets, as far as it is known.

    Raises:
        requests.RequestException: the body could not be read.
    """
    by_headers = (
        stream and not response.is_redirect and not _MAY_SPEAK(response.headers.get("Content-Type", "").strip())
    )
    body = b"" if is_followed or by_headers else response.content
    error = STREAMED if by_headers else None if is_followed else _not_undone(response)
    seen = Evidence(
        hops[0].url if hops else response.url,
        response.status_code,
        _fields(response),
        body,
        at,
        final_url=response.url,
        error=error,
        truncated=by_headers or response.status_code == _PARTIAL,
        hops=hops,
    )
    length = response.headers.get("Content-Length", "")
    return seen, int(length) if by_headers and length.isdigit() else len(body)


def _fields(response: requests.Response) -> tuple[tuple[str, str], ...]:
    """Give the header fields, repeated ones apart; a response out of a cache may have them united only."""
    fields = getattr(response.raw, "headers", None)
    return tuple((fields or response.headers).items())


def _not_undone(response: requests.Response) -> str | None:
    """Tell whether a Content-Encoding is still there (RFC 9110 section 8.4); None = it is not."""
    codings = [coding.strip().lower() for coding in response.headers.get("Content-Encoding", "").split(",")]
    left = [coding for coding in codings if coding not in ("", "identity", *BaseHTTPResponse.CONTENT_DECODERS)]
    return f"Content-Encoding {left[0][:40]} was not undone" if left and response.content else None
