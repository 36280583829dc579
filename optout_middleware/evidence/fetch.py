"""What fetches: the one contract between `gather` and an engine, a thread or a test.

Rule of this file: the contract only; who fetches stands elsewhere (`requests_fetch`, `crawl/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from optout_middleware.terms import Evidence


@dataclass(frozen=True)
class Limits:
    """How far one fetch may go.

    Args:
        timeout: seconds for the whole fetch, redirects included.
        max_bytes: octets of the decoded body that are kept; RFC 9309 section 2.5 asks for 500 kibibytes at
            least.
        max_redirects: how many are followed (RFC 9309 section 2.3.1.2: five at least).
        public_only: whether every URL of the chain must stand on a public address, as
            `optout_middleware.evidence.public_addresses` tells; what does not is not asked.

    Raises:
        OptOutError: a limit that lets nothing through.
    """

    timeout: float = 20.0
    max_bytes: int = 1_048_576
    max_redirects: int = 5
    public_only: bool = False

    def __post_init__(self) -> None:
        for name, least in (("timeout", 0.001), ("max_bytes", 1), ("max_redirects", 0)):
            value = getattr(self, name)
            if not value >= least:
                raise OptOutError(f"limit {name} is {value!r}: give a number of at least {least}")


class Fetch(Protocol):
    """Fetches one URL."""

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Fetch a URL, following redirects.

        Args:
            url: an absolute http(s) URL.
            limits: how far to go; a body that is longer is cut, and the evidence says so.
            known: earlier evidence of the URL. Its validators (`revalidation.conditions`) go along with the first
                link, not with those that redirects lead to; a 304 is given as it comes.

        Returns:
            What was seen, its `url` the one asked for, each redirect a `Hop` with its headers. It never
            raises on a remote fault: `status` is None, or the answer is not whole, and `error` says why in
            one line. Where more redirects come than are followed, it is the answer to the last one followed
            (RFC 9309 section 2.3.1.2: the file is then unavailable). No cookie, no credential and no HTTP
            cache had a part in it.
        """
