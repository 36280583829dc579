"""The gather of a crawl, as the settings ask for it: over their store, and through the archive where there is one.

Rule of this file: it puts together and decides nothing; every crawler makes its gather here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.stores import store_of
from optout_middleware.evidence.stores.archived import ArchivedStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from optout_middleware.evidence.archive import Archive
    from optout_middleware.evidence.store import Store
    from optout_middleware.settings import Settings
    from optout_middleware.terms import Evidence


def gather_of(
    settings: Settings,
    archive: Archive | None,
    *,
    now: Callable[[], datetime],
    store_lost: Callable[[], None],
    on_robots: Callable[[Evidence], Awaitable[None]] | None = None,
) -> Gather:
    """Open the store, and give a gather over it.

    Args:
        settings: of the crawl.
        archive: takes all that is found; None = nothing is archived.
        now: the clock, aware.
        store_lost: is told each time that a server with the store is lost.
        on_robots: is told of each robots.txt that is answered.

    Raises:
        OptOutError: the store cannot be opened.
    """
    store: Store = store_of(settings.store, store_lost)
    return Gather(
        settings.policy,
        store if archive is None else ArchivedStore(store, archive),
        now=now,
        limits=Limits(timeout=settings.probe_timeout),
        back_off=settings.probe_back_off,
        max_sites=settings.max_sites,
        on_robots=on_robots,
        private_documents=settings.private_documents,
    )
