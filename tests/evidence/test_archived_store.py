"""A store around another one shows an archive all that passes: in a new crawl what an earlier one left, too."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from optout_middleware.evidence.archive import Archive, ArchiveError
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.evidence.stores.archived import ArchivedStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from pathlib import Path

    from optout_middleware.evidence.store import Store

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
ROBOTS = Evidence("http://h.example/robots.txt", 200, [], b"Disallow: /x\n", SEEN)
FAILED = Evidence("http://h.example/robots.txt", 503, [], b"", SEEN + timedelta(1))
DOCUMENT = Evidence("http://h.example/licence.xml", 200, [], b"<rsl/>", SEEN)


def archive(directory: Path, writer: str) -> Archive:
    """Make an archive."""
    return Archive(directory, writer=writer, policy=Policy("OurBot"))


async def test_what_passes_is_archived(store: Store, tmp_path: Path) -> None:
    """What is saved is archived, and what is loaded, in the order in which it was seen."""
    first, second = archive(tmp_path / "1", "first"), archive(tmp_path / "2", "second")
    await ArchivedStore(store, first).save([ROBOTS, FAILED, DOCUMENT])
    again = ArchivedStore(store, second)
    assert sorted(seen.status or 0 for seen in await again.load("http://h.example")) == [200, 503]
    assert await again.load_document(DOCUMENT.url) == [DOCUMENT]
    for one, directory in ((first, "1"), (second, "2")):
        one.close()
        kept = [archived.evidence for archived in ArchiveReader([tmp_path / directory]).verified()]
        assert [seen for seen in kept if seen.url == ROBOTS.url] == [ROBOTS, FAILED]
        assert DOCUMENT in kept


async def test_nothing_is_given_that_is_not_archived(store: Store, tmp_path: Path) -> None:
    """Where the archive cannot be written, neither loading nor saving goes on."""
    await store.save([ROBOTS])
    closed = archive(tmp_path / "1", "closed")
    closed.close()
    archived = ArchivedStore(store, closed)
    with pytest.raises(ArchiveError):
        await archived.load("http://h.example")
    with pytest.raises(ArchiveError):
        await archived.save([DOCUMENT])
    assert await store.load_document(DOCUMENT.url) == []
