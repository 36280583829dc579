"""Each URL once: its domain, kind and size, in a temporary file, so that memory does not grow with a crawl.

Rule of this file: exact counts, save that two URLs are told apart by 64 bits of a hash: of a hundred million URLs, two
are taken for one with a chance of 1 in 3,700. The first row about a URL counts. Many URLs of which only the hash of
their list is known count as one row, which the same list counts once.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

_BATCH = 10_000
_CACHE = -65_536  # KiB of SQLite's page cache
_TABLE = """CREATE TABLE url (
    hash INTEGER PRIMARY KEY, domain TEXT NOT NULL, modality TEXT NOT NULL, kind TEXT NOT NULL,
    octets INTEGER, tokens INTEGER, urls INTEGER NOT NULL)"""
_SUMS = (
    "total(urls), sum(octets), sum(tokens), total(CASE WHEN octets IS NOT NULL THEN urls END), "
    "total(CASE WHEN tokens IS NOT NULL THEN urls END) FROM url"
)
_TOTAL = f"SELECT 'all', {_SUMS}"
_BY = {column: f"SELECT {column}, {_SUMS} GROUP BY 1 ORDER BY 2 DESC, 1" for column in ("modality", "kind")}
_DOMAINS = f"SELECT domain, {_SUMS} WHERE domain != '' GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ?"


class Size(NamedTuple):
    """How much there is of something.

    Fields:
        name: of it.
        urls: how many.
        octets, tokens: of those for which they are known; None = of none.
        sized, tokened: for how many they are known.
    """

    name: str
    urls: int
    octets: int | None
    tokens: int | None
    sized: int
    tokened: int


class UniqueUrls:
    """The URLs, for the length of a `with` block."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("")  # a private temporary file, deleted when it is closed
        self._db.execute(f"PRAGMA cache_size = {_CACHE}")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(_TABLE)
        self._batch: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, url: str, domain: str, modality: str, kind: str, octets: int | None, tokens: int | None) -> None:
        """Count a URL, if it was not counted yet; its fragment does not tell it apart."""
        self._add(url.partition("#")[0], (domain, modality, kind, octets, tokens, 1))

    def add_many(self, hashed: str, urls: int, domain: str, modality: str, kind: str, octets: int | None) -> None:
        """Count many URLs of one domain at once, if that list of them was not counted yet.

        Args:
            hashed: the hash of their list.
            urls: how many they are.
            domain: of them all.
            modality: of them all, as far as that is known.
            kind: likewise.
            octets: of all together; None = not known.
        """
        self._add(f"#{hashed}", (domain, modality, kind, octets, None, urls))  # no URL without its fragment begins so

    def _add(self, name: str, row: tuple[Any, ...]) -> None:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self._batch.append((int.from_bytes(digest, "big", signed=True), *row))
        if len(self._batch) >= _BATCH:
            self._flush()

    def total(self) -> Size:
        """Give all of it."""
        return self._sizes(_TOTAL)[0]

    def by(self, column: str) -> list[Size]:
        """Give the sizes by "modality" or "kind", the most URLs first."""
        return self._sizes(_BY[column])

    def domains(self) -> int:
        """Tell how many domains there are."""
        self._flush()
        return int(self._db.execute("SELECT count(DISTINCT domain) FROM url WHERE domain != ''").fetchone()[0])

    def top_domains(self, most: int) -> Iterator[Size]:
        """Give the largest domains, by octets, then by URLs."""
        self._flush()
        yield from map(_size, self._db.execute(_DOMAINS, (most,)))

    def _sizes(self, query: str) -> list[Size]:
        self._flush()
        return [_size(row) for row in self._db.execute(query)]

    def _flush(self) -> None:
        self._db.executemany("INSERT OR IGNORE INTO url VALUES (?, ?, ?, ?, ?, ?, ?)", self._batch)
        self._batch.clear()


def _size(row: tuple[Any, ...]) -> Size:
    name, urls, octets, tokens, sized, tokened = row
    return Size(name, int(urls), octets, tokens, int(sized), int(tokened))
