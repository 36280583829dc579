"""Where a command writes what it made: to a file.

Rule of this file: a file that cannot be written is the user's mistake, told in one line.
"""

from __future__ import annotations

from pathlib import Path

from optout_middleware.terms import OptOutError


def write(path: str, text: str) -> None:
    """Write a text to a file, in UTF-8; what is no UTF-8 as an escape.

    Raises:
        OptOutError: it cannot be written.
    """
    try:
        Path(path).write_text(text, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise OptOutError(f"cannot write {path}: {error.strerror or error}") from None
