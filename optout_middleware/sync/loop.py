"""One event loop in a thread of its own, which all other threads hand their questions to.

Rule of this file: what runs there runs in that thread alone, so that nothing below it needs a lock. It ends when it is
closed, and holds no program back that forgets to. Whoever asks gets an answer or an error, and never waits for ever.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Result = TypeVar("Result")

_CLOSED = "the opt-out gate is closed: nothing is fetched through this session until another OptOut guards it"
_FORKED = "the opt-out gate belongs to the process that made it: make a session and an OptOut in each process"


class LoopThread:
    """An event loop that runs in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self.is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="opt-out gate", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Run a coroutine in the loop, and wait for what it gives.

        Raises:
            OptOutError: the loop is closed, or another process made it.
            Exception: what the coroutine raised.
        """
        self.check()  # before the lock, which a thread that a fork left behind may have held
        with self._lock:
            self.check()
            future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return future.result()

    def check(self) -> None:
        """Look whether work is taken.

        Raises:
            OptOutError: the loop is closed, or another process made it.
        """
        if os.getpid() != self._pid:
            raise OptOutError(_FORKED)
        if self.is_closed:
            raise OptOutError(_CLOSED)

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Take no further work, run the last, then end; a second call does nothing.

        Args:
            last: is to wait for all that is under way, since nobody would answer it afterwards.

        Raises:
            Exception: what the last one raised; the loop has ended all the same.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self.is_closed:
                return
            self.is_closed = True
            future = asyncio.run_coroutine_threadsafe(last(), self._loop) if last is not None else None
        try:
            if future is not None:
                future.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
