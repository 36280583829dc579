"""SQLite's write-ahead log, in which one process writes while others read.

Rule of this file: the one switch that every SQLite file of the package needs, and its pitfall.
"""

from __future__ import annotations

import sqlite3
import time

from optout_middleware.terms import OptOutError

_PAUSE = 0.02  # seconds


def use_wal(db: sqlite3.Connection, what: str, patience: float) -> None:
    """Switch a file to WAL, which two processes that open a new file together must try in turns.

    Args:
        db: the open file.
        what: it is, with its path, for the message.
        patience: seconds to try.

    Raises:
        OptOutError: the file lies where WAL cannot be, as on a network file system.
        sqlite3.OperationalError: others kept it locked for all that time.
    """
    until = time.monotonic() + patience
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError:  # SQLite does not wait for its busy time-out here
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
    if mode != "wal":
        raise OptOutError(f"{what} cannot use WAL: name a file on a local disk")
