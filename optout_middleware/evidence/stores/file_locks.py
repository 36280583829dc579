"""Locks by name between the processes of one machine, in one file.

Rule of this file: a lock is one octet of the file, at a place that the name gives, held by the operating system: a
process that dies holds none, and nothing is written. Where there are no such locks everybody gets every lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from typing import TYPE_CHECKING

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

_TAKEN = (errno.EACCES, errno.EAGAIN)


class FileLocks:
    """Locks in a file, which is made where it is not there.

    Between processes only: another `FileLocks` of the same process gets what this one has.

    Args:
        path: of the file.

    Raises:
        OptOutError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OptOutError(f"cannot make the lock file {path}: {error.strerror}") from None

    def take(self, name: str) -> bool:
        """Take a lock; False = another process has it."""
        if sys.platform != "win32" and self._file is not None:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
            except OSError as error:
                return error.errno not in _TAKEN
        return True

    def release(self, name: str) -> None:
        """Let go of a lock."""
        if sys.platform != "win32" and self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))

    def close(self) -> None:
        """Let go of all; a second call does nothing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _place(name: str) -> int:
    """Give the offset of a name's octet, below 2^62, as far as every system counts."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") >> 2
