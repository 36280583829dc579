"""The sample of an estimate, and what was seen of it, in one SQLite file: bounded memory, and resumable.

Rule of this file: a list is read twice. First the URLs of each site are counted, then those of the drawn sites are
kept. What a site came to is written at once, so that an interrupted estimate goes on where it was. A file of another
estimate is left as it is.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.estimate import PAGES_PER_SITE, Group, Site, plan, priority, size_class
from optout_middleware.audit.url_lists import urls
from optout_middleware.terms import OptOutError
from optout_middleware.urls import host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SCHEMA_VERSION = 1
_SCHEMA = (
    "CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",  # values in JSON
    # `place` is the priority by which sites are drawn, `size` the size class, `stratum` NULL = it was not drawn
    "CREATE TABLE site (name TEXT PRIMARY KEY, urls INTEGER NOT NULL, place INTEGER, size INTEGER, stratum INTEGER)",
    "CREATE TABLE page (site TEXT NOT NULL, url TEXT NOT NULL, times INTEGER NOT NULL, look TEXT)",
    "CREATE INDEX page_site ON page (site)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_COUNT = "INSERT INTO site (name, urls) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET urls = urls + excluded.urls"
_BATCH = 50_000  # sites whose counts wait to be written
_TELL = 20_000  # URLs between two words of progress


class Sampling:
    """One estimate in a file.

    Args:
        path: the file; empty = a temporary one, gone afterwards.
        about: what the estimate is of and how it is made, as JSON values; a file of another one is refused.

    Raises:
        OptOutError: the file cannot be used, or is of another estimate.
    """

    def __init__(self, path: str, about: Mapping[str, Any]) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA temp_store = FILE")
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            tables = int(self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
            if version == tables == 0:
                self._make(about)
            elif version != SCHEMA_VERSION:
                raise OptOutError(f"{path} is no state of an estimate of this version: name another file")
        except sqlite3.Error as error:
            raise OptOutError(f"state {path} cannot be used: {error}; name another file") from None
        if different := self._different(about):
            self._db.close()
            raise OptOutError(f"state {path} is of another estimate ({different}): ask the same, or name another file")

    def _make(self, about: Mapping[str, Any]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            self._db.execute(statement)
        for name, value in about.items():
            self._set(f"about {name}", value)
        self._db.execute("COMMIT")

    def _different(self, about: Mapping[str, Any]) -> str:
        kept = {name: self.fact(f"about {name}") for name in about}
        return ", ".join(f"{name} {kept[name]!r} there" for name in about if kept[name] != about[name])

    def fact(self, name: str) -> Any:
        """Give what is known by a name; None = nothing."""
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))

    def draw(self, path: str, column: str, sample: int, seed: int, tell: Callable[[str, int, int], None]) -> None:
        """Count the sites of a list and draw the sample, unless that is done.

        Args:
            path: of the list.
            column: of it, that has the URLs.
            sample: how many sites.
            seed: what it is drawn by.
            tell: is told what is done, how much of it is, and how much there is (0 = not known yet).

        Raises:
            OptOutError: the list cannot be read, or has no http(s) URL.
        """
        if self.fact("drawn"):
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.execute("DELETE FROM site")
            self._db.execute("DELETE FROM page")
            lines = self._count(path, column, tell)
            groups = self._plan(sample, seed)
            self._keep(path, column, seed, lines, tell)
            self._set("groups", groups)
            self._set("drawn", True)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _count(self, path: str, column: str, tell: Callable[[str, int, int], None]) -> int:
        """Count the URLs of each site; give the number of lines."""
        lines = strange = 0
        counts: Counter[str] = Counter()
        for lines, url in enumerate(urls(path, column), 1):
            if origin_of(url) is None:
                strange += 1
                continue
            counts[host_of(url)] += 1
            if len(counts) >= _BATCH:
                self._db.executemany(_COUNT, sorted(counts.items()))
                counts.clear()
            if lines % _TELL == 0:
                tell("counting URLs", lines, 0)
        self._db.executemany(_COUNT, sorted(counts.items()))
        if lines == strange:
            raise OptOutError(f"list {path} has no http or https URL in its {lines:,} lines")
        self._set("urls", lines - strange)
        self._set("not urls", strange)
        return lines

    def _plan(self, sample: int, seed: int) -> list[Group]:
        """Draw the sites: of each stratum those with the least priorities."""
        self._db.create_function("priority", 1, lambda name: priority(seed, name), deterministic=True)
        self._db.create_function("size_class", 1, size_class, deterministic=True)
        self._db.execute("UPDATE site SET place = priority(name), size = size_class(urls)")
        rows = self._db.execute("SELECT size, count(*), sum(urls) FROM site GROUP BY size")
        groups = plan({size: (sites, count) for size, sites, count in rows}, sample)
        for number, group in enumerate(groups):
            self._db.execute(
                "UPDATE site SET stratum = ? WHERE name IN "
                "(SELECT name FROM site WHERE size BETWEEN ? AND ? ORDER BY place, name LIMIT ?)",
                (number, group.least, group.most, group.drawn),
            )
        return groups

    def _keep(self, path: str, column: str, seed: int, lines: int, tell: Callable[[str, int, int], None]) -> None:
        """Keep, of each drawn site, the URLs with the least priorities, and how often each stands in the list."""
        drawn = self._db.execute("SELECT name FROM site WHERE stratum IS NOT NULL")
        kept: dict[str, _Least] = {name: _Least() for (name,) in drawn}
        for number, url in enumerate(urls(path, column), 1):
            if number % _TELL == 0:
                tell("drawing URLs", number, lines)
            least = kept.get(host_of(url))
            if least is not None and origin_of(url) is not None:
                least.add(priority(seed, url), url)
        self._db.executemany(
            "INSERT INTO page (site, url, times) VALUES (?, ?, ?)",
            ((name, url, times) for name, least in kept.items() for url, times in least.urls()),
        )

    @property
    def groups(self) -> list[Group]:
        """The strata."""
        return [Group(*group) for group in self.fact("groups")]

    def waiting(self) -> list[str]:
        """Give the drawn sites of which not every kept URL was looked at, in the order of drawing."""
        rows = self._db.execute(
            "SELECT name FROM site WHERE stratum IS NOT NULL AND EXISTS "
            "(SELECT 1 FROM page WHERE site = name AND look IS NULL) ORDER BY place, name"
        )
        return [name for (name,) in rows]

    def pages(self, site: str) -> list[str]:
        """Give the kept URLs of a site, in the order of drawing."""
        return [url for (url,) in self._db.execute("SELECT url FROM page WHERE site = ? ORDER BY rowid", (site,))]

    def save(self, site: str, looks: Mapping[str, Any]) -> None:
        """Write what the URLs of a site came to: URL -> what `estimate.looked` gave."""
        rows = [(json.dumps(look), site, url) for url, look in looks.items()]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("UPDATE page SET look = ? WHERE site = ? AND url = ?", rows)
        self._db.execute("COMMIT")

    def seen(self) -> Iterator[tuple[Group, Sequence[Site]]]:
        """Give each stratum with its sites that were looked at."""
        for number, group in enumerate(self.groups):
            sites: dict[str, tuple[int, list[tuple[int, Any]]]] = {}
            rows = self._db.execute(
                "SELECT name, urls, times, look FROM site JOIN page ON site = name "
                "WHERE stratum = ? AND look IS NOT NULL ORDER BY name, page.rowid",
                (number,),
            )
            for name, count, times, look in rows:
                sites.setdefault(name, (count, []))[1].append((times, json.loads(look)))
            yield group, [Site(name, *rest) for name, rest in sites.items()]

    def counts(self) -> dict[str, int]:
        """Give how much there is: URLs, sites, what is no URL, drawn sites and URLs."""
        (sites,) = self._db.execute("SELECT count(*) FROM site").fetchone()
        (drawn,) = self._db.execute("SELECT count(*) FROM site WHERE stratum IS NOT NULL").fetchone()
        (pages,) = self._db.execute("SELECT count(*) FROM page").fetchone()
        return {
            "urls": self.fact("urls"), "not_urls": self.fact("not urls"), "sites": sites,
            "sampled_sites": drawn, "sampled_urls": pages,
        }  # fmt: skip

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class _Least:
    """The few URLs of a site with the least priorities, and how often each came."""

    __slots__ = ("_heap", "_times")

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []  # the greatest first, by negated priority
        self._times: dict[str, int] = {}

    def add(self, place: int, url: str) -> None:
        """Take a URL, or let it go; one that is let go never comes back, since what is kept only gets less."""
        if url in self._times:
            self._times[url] += 1
        elif len(self._heap) < PAGES_PER_SITE:
            heapq.heappush(self._heap, (-place, url))
            self._times[url] = 1
        elif (-place, url) > self._heap[0]:
            _, gone = heapq.heapreplace(self._heap, (-place, url))
            del self._times[gone]
            self._times[url] = 1

    def urls(self) -> list[tuple[str, int]]:
        """Give the URLs, the least priority first, each with how often it came."""
        return [(url, self._times[url]) for _, url in sorted(self._heap, reverse=True)]


def fingerprint(path: str) -> list[int]:
    """Give what tells a list from another one of the same name: its size, and when it was changed.

    Raises:
        OptOutError: it is not there.
    """
    try:
        found = Path(path).stat()
    except OSError as error:
        raise OptOutError(f"list {path} cannot be read: {error.strerror}") from None
    return [found.st_size, found.st_mtime_ns]
