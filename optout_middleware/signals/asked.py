"""What every signal is asked, and the row that it stands with in the table of signals.

Rule of this file: the one contract between `decide` and the protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from optout_middleware.policy import Policy
    from optout_middleware.signals.robots_kept import Selection
    from optout_middleware.terms import Evidence, Statement


class Named(NamedTuple):
    """A document that another location or a page names, as it was seen.

    Fields:
        is_read: whether there is a body to read.
        is_unreachable: whether asking again may bring one.
        body: the document.
        note: why it cannot be read.
        media_type: as the response named it; empty = not kept.
    """

    is_read: bool
    is_unreachable: bool
    body: bytes
    note: str
    media_type: str = ""


class Asked(NamedTuple):
    """One question to a signal: what do you say of this URL for this usage?

    Fields:
        url: the URL asked about.
        path: its path and query in canonical form.
        policy: product token, usage and profile.
        robots: what was kept of robots.txt for our product token.
        crawlable: whether robots.txt lets our product token fetch the URL.
        kept: location -> what this signal's `keep` kept of that file; absent = nothing there, or nobody looked.
        asset: the response of the URL itself; None = not (yet) fetched.
        documents: URL -> the document there, of those that robots.txt or the page names; absent = nobody looked.
        policies: URL -> the TDMRep policy there. Apart from `documents`, since a policy only ever adds conditions:
            no other signal sees it.
    """

    url: str
    path: str
    policy: Policy
    robots: Selection
    crawlable: bool
    kept: Mapping[str, bytes]
    asset: Evidence | None
    documents: Mapping[str, Named] = {}
    policies: Mapping[str, Named] = {}


class Signal(NamedTuple):
    """One protocol that can carry statements.

    Fields:
        name: as it stands in statements and reports.
        version: the version of the specification that is applied.
        origin: where the specification stands.
        state: the question answered, after the protocol's own precedence; statements without `source`.
        keep: location -> what of that file must be kept to answer, as compact bytes; empty = it says nothing.
            Not for robots.txt, which is kept once for all signals.
    """

    name: str
    version: str
    origin: str
    state: Callable[[Asked], Iterable[Statement]]
    keep: Mapping[str, Callable[[Evidence], bytes]] = {}
