"""A bar on standard error that tells how far a command is.

Rule of this file: on a terminal one line that is written over; elsewhere a line for each tenth, and nothing of what has
no known end.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_WIDTH = 30  # characters of the bar
_SECONDS = 0.1  # between two drawings
_TENTHS = 10


class Progress:
    """Draws a bar; called with what is done, how much of it, and how much there is (0 = not known).

    Args:
        stream: where to; None = standard error as it is now.
        clock: seconds on a clock that is never set.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._drawn = float("-inf")
        self._told = ("", -1)
        self._open = False

    def __call__(self, what: str, done: int, whole: int) -> None:
        """Draw, if it is time."""
        if not self._stream.isatty():
            self._tell(what, done, whole)
            return
        now = self._clock()
        if now - self._drawn < _SECONDS and done != whole:
            return
        self._drawn = now
        full = round(_WIDTH * done / whole) if whole else 0
        text = f"[{'#' * full}{'.' * (_WIDTH - full)}] {done:,} of {whole:,}" if whole else f"{done:,}"
        self._stream.write(f"\r\x1b[K{what} {text}")  # ECMA-48 section 8.3.41: erase in line
        self._stream.flush()
        self._open = True

    def _tell(self, what: str, done: int, whole: int) -> None:
        tenth = _TENTHS * done // whole if whole else 0
        if whole and (what, tenth) != self._told:
            self._told = what, tenth
            self._stream.write(f"{what}: {done:,} of {whole:,}\n")

    def end(self) -> None:
        """Leave the line, so that what comes next begins a new one."""
        if self._open:
            self._open = False
            self._stream.write("\n")
