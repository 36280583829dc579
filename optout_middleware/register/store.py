"""`RegisterStore`: the register in one SQLite file, imported into by one process while others read it.

Rule of this file: the door; tables stand in `schema`, imports in `writing`, look-ups in `reading`. A file that is not
ours, newer or damaged is left as it is, and told in one line.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from optout_middleware.register import schema
from optout_middleware.register.found import ImportRow, RegisterStatus
from optout_middleware.register.reading import Reading
from optout_middleware.register.records import ImportReport, LyricsFingerprint, Record, Rejected, UrlEntry
from optout_middleware.register.writing import Batch
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from datetime import date
    from types import TracebackType

    from typing_extensions import Self

__all__ = [
    "Batch",
    "ImportReport",
    "ImportRow",
    "LyricsFingerprint",
    "Record",
    "RegisterStatus",
    "RegisterStore",
    "Rejected",
    "UrlEntry",
]


class RegisterStore:
    """The register in one SQLite file.

    Args:
        path: the file.
        create: whether it, and its directories, are made where they do not exist.

    Raises:
        OptOutError: the file does not exist and is not to be made, cannot be opened, is no register, is of another
            schema, or is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True) -> None:
        self.path = Path(path)
        self._seen: tuple[int, int] | None = None
        self._watch: tuple[sqlite3.Connection, int] | None = None
        self.damage = ""  # why the last look-up failed (rule R12); empty = it did not
        if not create and not self.path.is_file():
            raise OptOutError(f"register {self.path} does not exist: import into it first (optout register import)")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptOutError(f"cannot make the directory of the register {self.path}: {error.strerror}") from None
        with self.told("open"):
            self._db = schema.opened(self.path)
        self.reading = Reading(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        if self._watch is not None:
            self._watch[0].close()

    def pin(self) -> None:
        """Go on seeing the register as it is now, whatever is imported or recorded; it cannot be written to then.

        The file keeps what is written meanwhile in its log until this store is closed.

        Raises:
            OptOutError: the file cannot be read.
        """
        with self.told("read"):
            watch = schema.opened(self.path)
            self._watch = watch, schema.version_of(watch)
            self._db.execute("BEGIN")
            self.reading.snapshot()  # the first read is what takes hold of the state

    def is_outdated(self) -> bool:
        """Tell whether anybody wrote to the file since `pin`; always False where it was not called.

        Raises:
            OptOutError: the file cannot be read.
        """
        with self.told("read"):
            return self._watch is not None and schema.version_of(self._watch[0]) != self._watch[1]

    def connection(self) -> sqlite3.Connection:
        """Give the open connection, in autocommit: whoever writes begins and ends his own transaction."""
        return self._db

    @contextmanager
    def importing(self, name: str, sha256: str, as_of: date | None, kind: str) -> Iterator[Batch]:
        """Import one source, all of it or, where the block raises, nothing.

        The block calls `batch.add(record)` for each record, in any order, and `batch.reject(line, reason)` for each
        line that it could not read. After the block `batch.report` says what came of it. Where this content was
        imported already, `batch.known` is true from the start and nothing changes. Other processes read the old
        state until the end.

        Args:
            name: of the source; its older import is superseded.
            sha256: of what is imported, in hexadecimal.
            as_of: the day that the source holds as of, if it says so.
            kind: "cwr", "csv", "declarations", ...

        Raises:
            OptOutError: the file cannot be read or written, or another process writes to it for too long.
        """
        with self.told("import into"):
            batch = Batch(self._db, name, sha256, as_of, kind)
            try:
                yield batch
                batch.finish()
            finally:
                batch.close()

    def snapshot(self) -> str:
        """Give the id of the state of the register, for records: of its schema and of all imports that count.

        Raises:
            OptOutError: the file cannot be read.
        """
        with self.told("read"):
            return self.reading.snapshot()

    def status(self) -> RegisterStatus:
        """Give what was imported, what of it can match, and how large the file is.

        Raises:
            OptOutError: the file cannot be read.
        """
        with self.told("read"):
            return self.reading.status(self.path)

    def changed(self) -> bool:
        """Tell whether another process wrote to the file, or this one imported, since the last time this was asked.

        Raises:
            OptOutError: the file cannot be read.
        """
        with self.told("read"):
            before, self._seen = self._seen, self.reading.state()
            return self._seen != before

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Turn what SQLite raises into one line; keep that of a failed look-up as `damage` until one succeeds."""
        try:
            yield
        except (sqlite3.Error, ValueError) as error:
            if what != "read" and isinstance(error, ValueError):
                raise  # of whoever writes; in reading, it is content that is not ours
            reason = str(error)
            if "locked" in reason or "busy" in reason:
                reason += f" by another process for more than {schema.PATIENCE:.0f} s"
            message = f"cannot {what} the register {self.path}: {reason}; it was left as it is"
            if what == "read":
                self.damage = message
            raise OptOutError(message) from None
        if what == "read":
            self.damage = ""
