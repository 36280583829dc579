"""A store that shows an archive everything that passes through it: what probes bring, and what earlier crawls left.

Rule of this file: nothing is decided by evidence that the archive does not have; where it cannot be written, loading
and saving fail.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from optout_middleware.evidence.store import lease_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optout_middleware.evidence.archive import Archive
    from optout_middleware.evidence.store import Lease, Store
    from optout_middleware.terms import Evidence


class ArchivedStore:
    """A `Store` around another one.

    Args:
        store: where evidence is kept.
        archive: where all of it is archived; whoever made it closes it.
    """

    def __init__(self, store: Store, archive: Archive) -> None:
        self._store, self._archive = store, archive

    async def load(self, origin: str) -> list[Evidence]:
        """Give what counts of each location of an origin, once it is archived.

        Raises:
            OptOutError: the store cannot be read, or the archive not be written.
        """
        found = await self._store.load(origin)
        self._keep(found)
        return found

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of a document, once it is archived.

        Raises:
            OptOutError: the store cannot be read, or the archive not be written.
        """
        found = await self._store.load_document(url)
        self._keep(found)
        return found

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence, in the archive first.

        Raises:
            OptOutError: archive or store cannot be written.
        """
        self._keep(batch)
        await self._store.save(batch)

    async def lease(self, url: str) -> Lease | None:
        """Ask for the turn to probe a URL, where the store has turns.

        Raises:
            OptOutError: the store cannot be used.
        """
        return await lease_of(self._store, url)

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()

    def _keep(self, batch: Sequence[Evidence]) -> None:
        for seen in sorted(batch, key=attrgetter("fetched_at")):
            self._archive.keep(seen)
