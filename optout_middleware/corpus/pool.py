"""The default engine: the processes of one machine, one task a shard.

Rule of this file: an engine gets tasks and gives what each of them says when it is done, in any order. A worker that is
killed costs its shard another try, and nothing else. Workers end with the process that started them, however that ends:
whoever takes up the job would else meet them at the same shard.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Protocol

from optout_middleware.corpus.shard import run
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optout_middleware.corpus.shard import Task

TRIES = 3  # times that workers may be lost without a shard being done between


class Engine(Protocol):
    """Does tasks."""

    def __call__(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do tasks; give what `shard.run` gives of each, as they end.

        Raises:
            OptOutError: a task cannot be done; the others may or may not be.
        """


class Processes:
    """An `Engine` of processes.

    Args:
        workers: how many; 1 = this process itself.

    Raises:
        OptOutError: fewer than one.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise OptOutError(f"workers is {workers}: give a number of at least 1")
        self._workers = workers

    def __call__(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do tasks, as `Engine` says."""
        if self._workers == 1:
            yield from map(run, tasks)
            return
        left, lost = {task.number: task for task in tasks}, 0
        while left:
            before = len(left)
            for said in self._round(list(left.values())):
                del left[said["number"]]
                yield said
            lost = lost + 1 if len(left) == before else 0
            if lost >= TRIES:
                names = ", ".join(task.shard.name for task in list(left.values())[:3])
                raise OptOutError(f"workers were lost {lost} times without a shard done; left to do: {names}")

    def _round(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do tasks until all are done or a worker is lost, which ends all others of its pool (PEP 3148)."""
        context = multiprocessing.get_context("spawn")  # a fork would share the store's file with its locks
        count = min(self._workers, len(tasks))
        with ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent) as pool:
            futures = [pool.submit(run, task) for task in tasks]
            try:
                for future in as_completed(futures):
                    if isinstance(future.exception(), BrokenProcessPool):
                        continue
                    yield future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker as soon as the process that started it is gone."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
