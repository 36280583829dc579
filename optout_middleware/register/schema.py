"""The tables of the register: one SQLite file, which auditors can read with any SQLite.

Rule of this file: SQL and its version, and the opening of the file. Inside, a work is the 64-bit hash of its text id,
so that imports need not know each other's row numbers; each row carries the number of its import, so that an import
can be taken back whole. The hash of a text is blake2b of 8 octets. What is normalised stands in the file (`norm`, and
under every key), so a change of `normalise` or `blocking` needs a new schema version and new imports.

WAL with synchronous=NORMAL: several processes read while one imports; a crash may lose the last transaction, never
the file. Not for network file systems, which WAL does not support.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from optout_middleware.terms import OptOutError
from optout_middleware.wal import use_wal

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA_VERSION = 1
PATIENCE = 600.0  # seconds to wait for another process that writes: an import of millions holds the file for minutes
CACHE_KIB = 24 * 1024  # of pages that a connection keeps
_IN_WAL = 15.0  # seconds
_LOG_LEFT = 64 * 1_048_576  # octets of the log file that are left on the disk after a large import
TABLES = (
    """CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE import (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,         -- of the source; a newer import of one name takes the place of the older
        sha256 TEXT NOT NULL,
        kind TEXT NOT NULL,         -- "cwr", "csv", "declarations", ...
        as_of TEXT,                 -- ISO date
        imported_at TEXT NOT NULL,  -- ISO time, UTC
        live INTEGER NOT NULL,      -- 0 = superseded, its rows are gone
        tables TEXT NOT NULL,       -- JSON: table -> rows
        report TEXT NOT NULL        -- JSON
    )""",
    """CREATE TABLE work (
        key INTEGER NOT NULL,       -- hash of `id`
        import INTEGER NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        titles TEXT NOT NULL,       -- one a line
        norm TEXT NOT NULL,         -- the same, normalised
        identifiers TEXT,           -- "scheme value", one a line; "?" before it = check digit not checked
        published INTEGER,
        more TEXT,                  -- JSON: what few works have
        line INTEGER,
        PRIMARY KEY (key, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE work_key (     -- hash of an identifier -> works
        key INTEGER NOT NULL, work INTEGER NOT NULL, import INTEGER NOT NULL,
        PRIMARY KEY (key, work, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE party (
        id TEXT NOT NULL,
        import INTEGER NOT NULL,
        kind TEXT NOT NULL,
        names TEXT NOT NULL,        -- one a line
        norm TEXT NOT NULL,
        identifiers TEXT,
        more TEXT,
        line INTEGER,
        PRIMARY KEY (id, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE party_key (    -- hash of an identifier or of a normalised name -> parties
        key INTEGER NOT NULL, party TEXT NOT NULL, import INTEGER NOT NULL,
        PRIMARY KEY (key, party, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE term (         -- what many interests have in common
        id INTEGER PRIMARY KEY,
        layer TEXT NOT NULL, role TEXT NOT NULL, society TEXT, territories TEXT NOT NULL, controlled INTEGER NOT NULL,
        creative INTEGER NOT NULL,  -- whether names of such a role are what credits name
        UNIQUE (layer, role, society, territories, controlled)
    )""",
    """CREATE TABLE interest (
        target INTEGER NOT NULL,    -- hash of the id of the work or recording
        import INTEGER NOT NULL,
        n INTEGER NOT NULL,
        party TEXT NOT NULL,
        term INTEGER NOT NULL,
        share REAL, start TEXT, "end" TEXT, line INTEGER,
        PRIMARY KEY (target, import, n)
    ) WITHOUT ROWID""",
    """CREATE TABLE member (       -- for each party and society, one work that shows it: R10 reaches other works too
        party TEXT NOT NULL, society TEXT NOT NULL, import INTEGER NOT NULL, target INTEGER NOT NULL,
        PRIMARY KEY (party, society, import)
    ) WITHOUT ROWID""",
    # One row a posting, not a blob a block: four blocks of five hold one work, so it is as small, and SQLite makes it
    # of itself, several times as fast. The cap is kept by reading no more than `blocking.CAP` of a block.
    """CREATE TABLE blk (          -- blocks of works that are compared: hash of surname and title word, or of the title
        hash INTEGER NOT NULL, work INTEGER NOT NULL, import INTEGER NOT NULL,
        PRIMARY KEY (hash, work, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE dropped_block (
        hash INTEGER NOT NULL, import INTEGER NOT NULL, left_out INTEGER NOT NULL,  -- works over the cap
        PRIMARY KEY (hash, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE url (
        origin TEXT NOT NULL,       -- of a URL prefix; or a domain, then with an empty path
        path TEXT NOT NULL,
        import INTEGER NOT NULL,
        scope TEXT NOT NULL,        -- as it was given
        party TEXT NOT NULL, work TEXT NOT NULL, class TEXT, reserved INTEGER NOT NULL, line INTEGER,
        PRIMARY KEY (origin, path, import, party, work)
    ) WITHOUT ROWID""",
    """CREATE TABLE shingle (      -- of reserved lyrics
        hash INTEGER NOT NULL, work TEXT NOT NULL, import INTEGER NOT NULL,
        PRIMARY KEY (hash, work, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE fingerprint (work TEXT NOT NULL, import INTEGER NOT NULL, shingles INTEGER NOT NULL,
        PRIMARY KEY (work, import)
    ) WITHOUT ROWID""",
    """CREATE TABLE few (
        kind TEXT NOT NULL,         -- name of the entity in `model`
        about TEXT NOT NULL,        -- of a mandate: its grantor; else empty
        import INTEGER NOT NULL,
        n INTEGER NOT NULL,
        json TEXT NOT NULL, line INTEGER,
        PRIMARY KEY (kind, about, import, n)
    ) WITHOUT ROWID""",
)
OF_AN_IMPORT = (
    "work",
    "work_key",
    "party",
    "party_key",
    "interest",
    "member",
    "blk",
    "dropped_block",
    "url",
    "shingle",
    "fingerprint",
    "few",
)


def opened(path: Path) -> sqlite3.Connection:
    """Open the file, or make it; look whose it is before anything of it is changed.

    Raises:
        OptOutError: it is not a register, or a newer one, or WAL cannot be used.
        sqlite3.Error: it cannot be opened, or is damaged.
    """
    # Autocommit: transactions are begun by hand. One thread at a time uses it, not always the same.
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        if _version(db, path) is None:
            use_wal(db, f"register {path}", _IN_WAL)
            db.execute("BEGIN IMMEDIATE")
            if _version(db, path) is None:  # else another process made the tables just now
                for statement in TABLES:
                    db.execute(statement)
                told = (("format", "optout register"), ("schema", str(SCHEMA_VERSION)))
                db.executemany("INSERT INTO meta VALUES (?, ?)", told)
            db.execute("COMMIT")
        else:
            use_wal(db, f"register {path}", _IN_WAL)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute(f"PRAGMA journal_size_limit = {_LOG_LEFT}")
        for table in OF_AN_IMPORT:  # the root of each is there and is a page of a tree
            db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall()  # noqa: S608 - our own names
    except BaseException:
        db.close()
        raise
    return db


def version_of(db: sqlite3.Connection) -> int:
    """Give the number that changes with every commit of another connection."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def _version(db: sqlite3.Connection, path: Path) -> int | None:
    """Give the schema version; None = an empty file."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    found = dict(db.execute("SELECT name, value FROM meta")) if "meta" in tables else {}
    if found.get("format") != "optout register":
        raise OptOutError(f"{path} is a database, but not a register: name another file")
    version = int(found["schema"])
    if version > SCHEMA_VERSION:
        raise OptOutError(
            f"register {path} has schema {version}, newer than {SCHEMA_VERSION}: "
            "upgrade optout_middleware or name another file"
        )
    if version < SCHEMA_VERSION:
        raise OptOutError(
            f"register {path} has schema {version}, older than {SCHEMA_VERSION}: import its sources into a new file"
        )
    return version
