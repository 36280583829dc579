"""Two crawls compared: who reserved since, who withdrew.

Rule of this file: a site reserves where a line about it is denied by what was said; by origin, signal and finding, in a
private database on disk, so that memory is bounded. A site that only one of the crawls asked about is told apart: that
it is not in the other says nothing.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.reading import Damage, records
from optout_middleware.terms import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SCHEMA = (
    "CREATE TABLE site (side INTEGER, origin TEXT, lines INTEGER, PRIMARY KEY (side, origin)) WITHOUT ROWID",
    """CREATE TABLE said (
        side INTEGER, origin TEXT, signal TEXT, finding TEXT, lines INTEGER, url TEXT, text TEXT,
        PRIMARY KEY (side, origin, signal, finding)
    ) WITHOUT ROWID""",
)
_ADD_SITE = "INSERT INTO site VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines"
_ADD_SAID = "INSERT INTO said VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines"
# What one side said and the other did not, of sites that both asked.
_ONLY = """SELECT one.origin, one.signal, one.finding, one.lines, one.url, one.text FROM said AS one
    WHERE one.side = ?
    AND EXISTS (SELECT 1 FROM site WHERE site.side = 1 - one.side AND site.origin = one.origin)
    AND NOT EXISTS (
        SELECT 1 FROM said AS other WHERE other.side = 1 - one.side
        AND other.origin = one.origin AND other.signal = one.signal AND other.finding = one.finding
    ) ORDER BY one.origin, one.signal, one.finding"""
_UNASKED = """SELECT count(*) FROM site AS one WHERE side = ?
    AND NOT EXISTS (SELECT 1 FROM site WHERE site.side = 1 - one.side AND site.origin = one.origin)"""
_BOTH = """SELECT count(*) FROM site AS one WHERE side = 0
    AND EXISTS (SELECT 1 FROM site WHERE site.side = 1 AND site.origin = one.origin)"""
_RESERVES = "SELECT EXISTS (SELECT 1 FROM said WHERE side = ? AND origin = ?)"


class Change(NamedTuple):
    """One reservation that is in one crawl and not in the other.

    Fields:
        what: "reserved" (in the later one only) or "withdrew" (in the earlier one only).
        origin: whose.
        signal, finding: how; the signal is empty where no statement made it.
        lines: decisions that it denied.
        url, text: one of them, and the exact text.
        is_whole: whether the site has no reservation at all on the other side.
    """

    what: str
    origin: str
    signal: str
    finding: str
    lines: int
    url: str
    text: str
    is_whole: bool


class Comparison:
    """Two crawls, read once.

    Args:
        earlier, later: audit directories: paths, or URLs that fsspec knows.

    Attributes:
        both: sites that both crawls asked about.
        only_earlier, only_later: sites that one of them did.
        damaged: how much of the logs is damaged.

    Raises:
        OptOutError: a directory is not there.
    """

    def __init__(self, earlier: Sequence[str], later: Sequence[str]) -> None:
        self.damaged = 0
        self._db = sqlite3.connect("", isolation_level=None)  # a private one: beyond a few megabytes it stands on disk
        self._db.execute("PRAGMA synchronous = OFF")
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._db.execute("BEGIN")
        for side, directories in enumerate((earlier, later)):
            for item in records(directories):
                if isinstance(item, Damage):
                    self.damaged += 1
                elif item.line.get("origin") and "outcome" in item.line:
                    self._add(side, item.line)
        self._db.execute("COMMIT")
        self.both, self.only_earlier, self.only_later = (
            int(self._db.execute(query, values).fetchone()[0])
            for query, values in ((_BOTH, ()), (_UNASKED, (0,)), (_UNASKED, (1,)))
        )

    def changes(self) -> Iterator[Change]:
        """Give who reserved since, then who withdrew, by origin."""
        for side, what in ((1, "reserved"), (0, "withdrew")):
            for origin, signal, finding, lines, url, text in self._db.execute(_ONLY, (side,)):
                other = self._db.execute(_RESERVES, (1 - side, origin)).fetchone()[0]
                yield Change(what, origin, signal, finding, lines, url, text, is_whole=not other)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _add(self, side: int, line: Mapping[str, Any]) -> None:
        origin, count = line["origin"], count_of(line)
        self._db.execute(_ADD_SITE, (side, origin, count))
        denied = [reason for reason in line["reasons"] if reason["outcome"] == Outcome.DENY.value]
        told = {(reason.get("signal", ""), reason["finding"]): reason for reason in reversed(denied)}
        for (signal, finding), reason in told.items():
            self._db.execute(_ADD_SAID, (side, origin, signal, finding, count, line["url"], reason.get("text", "")))
