"""A recorder nearer the network than Scrapy's redirect middleware: what a redirect says in its headers counts.

Rule of this file: it looks at headers, and at probes before they are decompressed; it decides nothing. What it saw
travels in the request's meta, which Scrapy copies into the request that a redirect leads to; whatever a spider puts
there can add a refusal and lift none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.crawl.fetch import MARK
from optout_middleware.evidence.encodings import EncodingError, undone
from optout_middleware.terms import Hop

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

META = "optout_hops"
_REDIRECTING = frozenset({301, 302, 303, 307, 308})  # RFC 9110 section 15.4
# The fields that signals read in any response.
_FIELDS = (
    b"X-Robots-Tag", b"Robots-Tag", b"tdm-reservation", b"tdm-policy", b"Content-Usage", b"Content-Signal", b"Link",
)  # fmt: skip
_MOST_OCTETS = 1_048_576  # of a probe are looked at
_MOST = 20  # redirects that are kept in mind; Scrapy follows as many


class HopRecorder:
    """Keeps the headers of redirects that say something, and marks a compressed probe that is not whole."""

    async def process_response(self, request: Request, response: Response) -> Response:
        """Note a redirect with a field that a signal reads, and look whether a compressed probe comes to its end."""
        if MARK in request.meta and (coding := response.headers.get(b"Content-Encoding")):
            try:
                undone(response.body, coding.decode("latin-1"), _MOST_OCTETS)
            except EncodingError:  # Scrapy hands on what it could undo of it
                response = response.replace(flags=[*response.flags, "partial"])
        if response.status in _REDIRECTING:
            headers = [(name, value) for name in _FIELDS for value in response.headers.getlist(name)]
            if headers:
                shown = [(name.decode(), value.decode("latin-1")) for name, value in headers]
                hops = [*request.meta.get(META, ()), [request.url, response.status, shown]]
                request.meta[META] = hops[-_MOST:]
        return response


def spoken_hops(meta: dict[str, Any]) -> list[Hop]:
    """Give the hops that said something; anything else that stands in their place is passed over."""
    found = (_hop(row) for row in meta.get(META, ()))
    return [hop for hop in found if hop is not None]


def _hop(row: Any) -> Hop | None:
    try:
        url, status, headers = row
        return Hop(str(url), int(status), tuple((str(name).lower(), str(value)) for name, value in headers))
    except (TypeError, ValueError):
        return None
