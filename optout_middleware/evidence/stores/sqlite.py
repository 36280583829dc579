"""Evidence in one SQLite file, from crawl to crawl, shared by the processes of one machine.

Rule of this file: nothing that was seen is deleted or overwritten. `seen` has one row for each distinct
observation of a location, with when it was first and last made; `body` has the raw bytes once, by their
SHA-256. Observations are distinct by what the origin answered (bytes, status, redirects, error), not by
headers such as Date, which differ each
time: the headers kept are those of the last time. A file that is not ours, newer or damaged is left as it is.

Reads are synchronous: tens of microseconds, less than handing them to a thread costs. Writes wait up to a
second to be one transaction. The turn to probe a URL is a lock of the operating system, in a file of its own beside
this one, kept until what was found is written, so that it costs no transaction. WAL with synchronous=NORMAL: a crash
may lose the last transactions, never the file. Not for network file systems, which WAL does not support.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import zlib
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.evidence.locations import location_url, name_of
from optout_middleware.evidence.store import newest, observation
from optout_middleware.evidence.stores.file_locks import FileLocks
from optout_middleware.policy import LOCATIONS
from optout_middleware.terms import Evidence, OptOutError
from optout_middleware.urls import origin_of
from optout_middleware.wal import use_wal

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterator, Sequence

    from optout_middleware.evidence.store import Lease

SCHEMA_VERSION = 1
_SCHEMA = (
    """CREATE TABLE body (
        sha256 BLOB PRIMARY KEY,
        zlib INTEGER NOT NULL,      -- whether `bytes` are compressed (RFC 1950)
        bytes BLOB NOT NULL
    )""",
    """CREATE TABLE seen (
        origin TEXT NOT NULL,
        location TEXT NOT NULL,     -- "robots.txt", "tdmrep.json", or the URL of a document
        observation BLOB NOT NULL,  -- what tells it from other observations, hashed
        sha256 BLOB NOT NULL REFERENCES body (sha256),
        status INTEGER,             -- NULL = no response
        headers TEXT NOT NULL,      -- JSON: [[name, value], ...]
        final_url TEXT,             -- NULL = the location itself
        error TEXT,
        truncated INTEGER NOT NULL,
        hops TEXT NOT NULL,         -- JSON: [[url, status, [[name, value], ...]], ...]
        from_cache INTEGER NOT NULL,
        answer INTEGER NOT NULL,    -- 0 = unreachable
        first_seen INTEGER NOT NULL,  -- microseconds since 1970, UTC
        last_seen INTEGER NOT NULL
    )""",
    "CREATE UNIQUE INDEX seen_observation ON seen (origin, location, observation)",
    "CREATE INDEX seen_last ON seen (origin, location, answer, last_seen DESC)",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
_SAVE_BODY = "INSERT INTO body VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_SAVE_SEEN = """INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (origin, location, observation) DO UPDATE SET
        headers = CASE WHEN excluded.last_seen >= last_seen THEN excluded.headers ELSE headers END,
        hops = CASE WHEN excluded.last_seen >= last_seen THEN excluded.hops ELSE hops END,
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen)"""
# With max() the other columns come from the row that has the maximum (SQLite, "Bare columns in an aggregate query").
_LOAD = """SELECT location, status, headers, final_url, error, truncated, hops, from_cache, at, sha256, zlib, bytes
    FROM (
        SELECT *, max(last_seen) AS at FROM seen
        WHERE origin = ? AND location IN (SELECT value FROM json_each(?)) GROUP BY location, answer
    )
    JOIN body USING (sha256)"""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WORTH_COMPRESSING = 512  # octets
_BUSY = 15.0  # seconds to wait for another process that writes; failing would end a crawl
_DELAY = 1.0  # seconds that evidence may wait to be written
_BATCH, _BATCH_BYTES = 200, 8 * 1_048_576  # and how much of it may wait


class SqliteStore:
    """A `Store` in one SQLite file.

    Args:
        path: the file; it and its directories are made where they do not exist.

    Raises:
        OptOutError: the file cannot be opened or made, is not one of ours, is newer, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._waiting: dict[str, list[Evidence]] = {}
        self._count = self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: OptOutError | None = None
        self._ended: list[str] = []  # turns that end with the next transaction
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptOutError(
                f"cannot make the directory of the evidence store {self._path}: {error.strerror}"
            ) from None
        with self._told("open"):
            # Autocommit: transactions are begun by hand. One thread at a time uses it, not always the same.
            self._db = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            with self._told("open"):
                self._prepare()
        except OptOutError:
            self._db.close()
            raise
        self._locks = FileLocks(self._path.with_name(f"{self._path.name}-turns"))

    async def load(self, origin: str) -> list[Evidence]:
        """Give what counts of each location of an origin; what waits to be written counts too.

        Raises:
            OptOutError: the file cannot be read, is damaged, or an earlier write failed.
        """
        return self._load(origin, LOCATIONS)

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of a document; what waits to be written counts too.

        Raises:
            OptOutError: the file cannot be read, is damaged, or an earlier write failed.
        """
        return self._load(origin_of(url) or "", [name_of(url)])

    def _load(self, origin: str, names: Collection[str]) -> list[Evidence]:
        self._raise_failure()
        with self._told("read"):
            rows = self._db.execute(_LOAD, (origin, json.dumps(list(names)))).fetchall()
            found = [_evidence(origin, row) for row in rows]
        return newest([*found, *(seen for seen in self._waiting.get(origin, ()) if name_of(seen.url) in names)])

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence of locations and documents; written within a second, or with `flush` or `close`.

        Raises:
            OptOutError: the file cannot be written.
            ValueError: evidence whose `url` is not an http(s) URL.
        """
        self._raise_failure()
        for seen in batch:
            origin = origin_of(seen.url)
            if origin is None:
                raise ValueError(f"{seen.url} is not an http(s) URL")
            self._waiting.setdefault(origin, []).append(seen)
            self._count += 1
            self._size += len(seen.body)
        if self._count >= _BATCH or self._size >= _BATCH_BYTES:
            self.flush()
        elif self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._flush_later)

    async def lease(self, url: str) -> Lease | None:
        """Ask for the turn to probe a URL; None = another process has it."""
        return _Turn(self, url) if self._locks.take(url) else None

    def end_turn(self, url: str) -> None:
        """Let the next process probe a URL, once what waits is written."""
        if self._waiting:
            self._ended.append(url)
        else:
            self._locks.release(url)

    def flush(self) -> None:
        """Write what waits, in one transaction.

        Raises:
            OptOutError: the file cannot be written; nothing is lost from memory then.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        waiting = [seen for batch in self._waiting.values() for seen in batch]
        with self._told("write"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(_SAVE_BODY, (_body_row(seen) for seen in waiting))
                self._db.executemany(_SAVE_SEEN, (_seen_row(seen) for seen in waiting))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._waiting.clear()
        self._count = self._size = 0
        for url in self._ended:
            self._locks.release(url)
        self._ended.clear()

    async def close(self) -> None:
        """Write what waits and close the file.

        Raises:
            OptOutError: the file cannot be written.
        """
        try:
            self.flush()
        finally:
            self._db.close()
            self._locks.close()

    def _prepare(self) -> None:
        """Look whose file it is before anything of it is changed; make the tables in a new one."""
        version = self._version()
        if version == 0:
            use_wal(self._db, f"evidence store {self._path}", _BUSY)
            self._db.execute("BEGIN IMMEDIATE")
            if self._version() == 0:  # else another process made them just now
                for statement in _SCHEMA:
                    self._db.execute(statement)
            self._db.execute("COMMIT")
        elif version > SCHEMA_VERSION:
            raise OptOutError(
                f"evidence store {self._path} has schema {version}, newer than {SCHEMA_VERSION}: "
                "upgrade optout_middleware or name another file"
            )
        else:
            use_wal(self._db, f"evidence store {self._path}", _BUSY)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("SELECT sha256 FROM seen JOIN body USING (sha256) LIMIT 1").fetchall()

    def _version(self) -> int:
        """Give the schema version; 0 = an empty file."""
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if (version == 0) != (tables == 0):
            raise OptOutError(f"{self._path} is a database, but not an evidence store: name another file")
        return version

    def _flush_later(self) -> None:
        """Write what waits; nobody is there to hear of a failure, so the next call tells it."""
        self._timer = None
        try:
            self.flush()
        except OptOutError as error:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what SQLite raises into one line."""
        try:
            yield
        except (sqlite3.Error, zlib.error, ValueError) as error:  # the latter two: its content is not ours
            reason = str(error)
            if "locked" in reason or "busy" in reason:
                reason += f" by another process for more than {_BUSY:.0f} s"
            raise OptOutError(
                f"cannot {what} the evidence store {self._path}: {reason}; it was left as it is"
            ) from None


class _Turn:
    """The turn to probe a URL."""

    def __init__(self, store: SqliteStore, url: str) -> None:
        self._store, self._url = store, url

    async def release(self) -> None:
        """Let the next process probe, once what was found is written."""
        self._store.end_turn(self._url)


_EMPTY = "[]"  # as most columns of lists are


def _evidence(origin: str, row: tuple[Any, ...]) -> Evidence:
    location, status, headers, final_url, error, truncated, hops, from_cache, at, sha256, packed, body = row
    seen = Evidence(
        location_url(origin, location) if location in LOCATIONS else location,
        status,
        json.loads(headers) if headers != _EMPTY else (),
        zlib.decompress(body) if packed else body,
        _EPOCH + timedelta(microseconds=at),
        final_url=_text_of(final_url),
        error=_text_of(error),
        truncated=bool(truncated),
        hops=map(tuple, json.loads(hops)) if hops != _EMPTY else (),
        from_cache=bool(from_cache),
    )
    if seen.sha256 != sha256.hex():
        raise sqlite3.DatabaseError(f"the bytes of {sha256.hex()} are not those that were saved")
    return seen


def _body_row(seen: Evidence) -> tuple[bytes, bool, bytes]:
    body = seen.body
    packed = zlib.compress(body) if len(body) > _WORTH_COMPRESSING else body
    smaller = len(packed) < len(body)
    return bytes.fromhex(seen.sha256), smaller, packed if smaller else body


def _seen_row(seen: Evidence) -> tuple[Any, ...]:
    at = (seen.fetched_at - _EPOCH) // timedelta(microseconds=1)
    return (
        origin_of(seen.url),
        name_of(seen.url),
        observation(seen),
        bytes.fromhex(seen.sha256),
        seen.status,
        json.dumps(seen.headers, separators=(",", ":")),
        None if seen.final_url == seen.url else _column(seen.final_url),
        _column(seen.error),
        seen.truncated,
        json.dumps(seen.hops, separators=(",", ":")),
        seen.from_cache,
        not is_unreachable(seen),
        at,
        at,
    )


def _column(text: str | None) -> str | bytes | None:
    """Give text as SQLite can hold it: a lone surrogate, which is no UTF-8, as octets."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _text_of(column: str | bytes | None) -> str | None:
    return column.decode("utf-8", "surrogatepass") if isinstance(column, bytes) else column
