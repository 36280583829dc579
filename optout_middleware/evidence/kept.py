"""A site as a store has it, without a request: for estimates and whatever else must not touch the web.

Rule of this file: what is in the store counts as `files` says, however old it is; what is not there was not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.decide import Site
from optout_middleware.evidence.freshness import Lifetimes
from optout_middleware.evidence.locations import location_of
from optout_middleware.evidence.store import counting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optout_middleware.evidence.store import Store
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Evidence


async def kept_site(store: Store, origin: str, policy: Policy) -> Site:
    """Read a site from what a store has of it.

    Args:
        store: where evidence is kept.
        origin: as `urls.origin_of` gives it.
        policy: what is decided by, and which locations count.

    Raises:
        OptOutError: the store cannot be read.
    """
    seen = _counting([item for item in await store.load(origin) if location_of(item.url) in policy.locations])
    if not seen:
        return Site.unseen(origin, policy)
    site = Site.read(seen, policy)
    named = [item for url in site.named() for item in _counting(await store.load_document(url))]
    return Site.read([*seen, *named], policy) if named else site


def _counting(items: Sequence[Evidence]) -> list[Evidence]:
    """Give what counts of each URL."""
    by_url: dict[str, list[Evidence]] = {}
    for item in items:
        by_url.setdefault(item.url, []).append(item)
    return [item for of_url in by_url.values() for item in counting(of_url, Lifetimes())]
