"""Writing the files of an audit directory so that neither a killed process nor a power cut leaves half of one.

Rule of this file: the only one that knows locks, syncs and temporary names. A local directory only; what is read from
elsewhere goes through `optout_middleware.audit.place`.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

# Windows alone has O_BINARY, and needs it for a line to end in one byte; it cannot sync directories.
_BINARY = getattr(os, "O_BINARY", 0)
CREATE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY
_CAN_SYNC_DIRECTORY = hasattr(os, "O_DIRECTORY")


class AuditError(OptOutError):
    """The audit log cannot be written; the message names the file and the cause. The crawl must stop."""


def cannot(path: Path, cause: Exception | str) -> AuditError:
    """Say in one line that a file cannot be written, and what follows."""
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return AuditError(
        f"audit log {path} cannot be written: {said}; nothing is kept without a record, so the crawl stops"
    )


def iso(at: datetime) -> str:
    """Give a time as it is stored: ISO 8601 in UTC, to the microsecond."""
    return at.astimezone(timezone.utc).isoformat(timespec="microseconds")


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader, and a machine that stops, meet the old or the new, never a part.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make names that were made or removed last.

    Raises:
        OSError: the directory cannot be synced.
    """
    if _CAN_SYNC_DIRECTORY:
        file = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def lock(file: int) -> bool:
    """Hold a file until it is closed; False where another process, or another part of this one, holds it.

    Where there are no such locks (Windows), everything counts as held by somebody else.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Tell whether somebody still writes: the file is there, and locked."""
    try:
        file = os.open(path, os.O_RDONLY | _BINARY)
    except FileNotFoundError:
        return False
    try:
        return not lock(file)
    finally:
        os.close(file)
