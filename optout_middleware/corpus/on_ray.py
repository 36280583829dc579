"""The Ray engine: one idempotent task a shard, on the processors of this machine or of a cluster.

Rule of this file: importing it imports Ray, and nothing else of the package does. Each try of a shard works in a
directory of its own, and the process that runs the job renames the one that it was told of: a worker that Ray gave up
as lost, or that outlives its job, can spoil nothing. Workers may be lost as long as shards are done between.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.corpus.pool import TRIES
from optout_middleware.corpus.shard import NOT_A_REGISTER, Task, run
from optout_middleware.settings import package_version
from optout_middleware.terms import OptOutError

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError as error:
    raise OptOutError(f"the engine ray needs Ray: pip install 'optout-middleware[ray]' ({error})") from None

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCAL = "local"  # the address by which Ray starts on this machine alone
_RETRIES = 2  # by Ray itself, of a task whose worker is lost
_PATIENCE = 10.0  # seconds to wait for a cluster to take a connection
_OBJECTS = 80 << 20  # octets of Ray's object store, near its least: what a task says is short
_TRIES = "tries"  # below the directory of the tasks; a job that goes on throws it away


class OnRay:
    """An `Engine` on Ray. A Ray that this process is connected to is used, and left running.

    The files of corpus, outputs, store and register are opened by the workers, so they have the same path on each node.

    Args:
        workers: how many shards at a time; None = as many as Ray has processors.
        address: of a cluster; empty = that of $RAY_ADDRESS, without which Ray is started on this machine, and ended.

    Raises:
        OptOutError: fewer than one worker.
    """

    def __init__(self, workers: int | None = None, address: str = "") -> None:
        if workers is not None and workers < 1:
            raise OptOutError(f"workers is {workers}: give a number of at least 1")
        self._workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS") or LOCAL

    def __call__(self, tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        """Do tasks, as `Engine` says."""
        is_ours = not ray.is_initialized()
        if is_ours:
            self._connect()
        try:
            yield from self._done(tasks, self._most(is_local=is_ours and self._address == LOCAL))
        finally:
            if is_ours:
                ray.shutdown()

    def _connect(self) -> None:
        """Start Ray here, or connect to a cluster; quietly, since what it has to say comes as an error."""
        about: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        if self._address == LOCAL:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
            about |= {"num_cpus": self._workers, "include_dashboard": False, "object_store_memory": _OBJECTS}
        try:
            _reach(self._address)
            ray.init(self._address, **about)
        except (OSError, RuntimeError, ValueError, RayError) as error:
            raise OptOutError(f"Ray cannot be used at {self._address!r}: {_line(error)}") from None

    def _most(self, *, is_local: bool) -> int:
        """Tell how many tasks may be under way: where Ray itself bounds those that run, as many again wait for them."""
        if self._workers is not None and not is_local:
            return self._workers
        processors = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call] # it has no annotations
        return 2 * max(1, int(processors))

    @staticmethod
    def _done(tasks: Sequence[Task], most: int) -> Iterator[dict[str, Any]]:
        """Do tasks in rounds: those whose workers are lost come again in the next, after all others."""
        left, lost = tasks, 0
        while left:
            again: list[Task] = []
            for task, said, why in _round(left, most):
                if said is not None:
                    lost = 0
                    yield said
                    continue
                again.append(task)
                lost += 1
                if lost >= TRIES * min(most, len(left)):
                    names = ", ".join(one.shard.name for one in again[:3])
                    raise OptOutError(
                        f"workers were lost {lost} times without a shard done ({why}); left to do: {names}"
                    )
            left = again


def _round(tasks: Sequence[Task], most: int) -> Iterator[tuple[Task, dict[str, Any] | None, str]]:
    """Do each task once, a number of them at a time; give what it says, or None with what became of its worker."""
    remote = ray.remote(num_cpus=1, max_retries=_RETRIES)(tried)
    version, left, under_way = package_version(), deque(tasks), dict[Any, Task]()
    try:
        while left or under_way:
            while left and len(under_way) < most:
                task = left.popleft()
                under_way[remote.remote(absolute(task), version)] = task
            (ended, *_), _ = ray.wait(list(under_way))
            task = under_way.pop(ended)
            yield task, *_answer(ended, task)
    finally:
        for reference in under_way:
            ray.cancel(reference, force=True)


def _reach(address: str) -> None:
    """Try whether a cluster takes connections: Ray would try for a quarter of an hour.

    Raises:
        OSError, ValueError: it does not.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def _answer(reference: Any, task: Task) -> tuple[dict[str, Any] | None, str]:
    """Give what a task says; None with the cause, where its worker was lost.

    Raises:
        OptOutError: it cannot be done.
    """
    try:
        said, own, refusal = ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, RuntimeError) and "failed to import" in str(error.cause):
            raise OptOutError("a Ray worker has no optout-middleware[ray]: install it on every node") from None
        raise
    except RayError as error:
        return None, _line(error)
    if refusal:
        raise OptOutError(refusal)
    try:
        Path(own).rename(task.directory)
    except OSError as error:
        where = "is the directory of the outputs one that all nodes share?"
        raise OptOutError(f"a Ray worker did {task.shard.name} in {own}: {error.strerror}; {where}") from None
    return dict(said), ""


def tried(task: Task, version: str) -> tuple[dict[str, Any] | None, str, str]:
    """Do a shard, on a worker.

    Args:
        task: with absolute paths.
        version: of this package where the job runs.

    Returns: what it says, the directory where it is done, and else in one line why it cannot be done.
    """
    if package_version() != version:
        ours = package_version()
        return None, "", f"a Ray worker has version {ours} of optout-middleware, and this machine {version}"
    place = Path(task.directory)
    own = os.fspath(place.parent / _TRIES / f"{place.name}-{secrets.token_hex(8)}")
    try:
        return run(replace(task, directory=own)), own, ""
    except OptOutError as error:
        return None, "", str(error)
    except OSError as error:
        return None, "", f"{task.shard.name}: {error}"


def absolute(task: Task) -> Task:
    """Give a task with absolute paths: a worker may start in another directory."""
    plan = task.plan
    register = plan.register if plan.register == NOT_A_REGISTER else _absolute(plan.register)
    archives = tuple(map(_absolute, plan.archives))
    return replace(
        task, plan=replace(plan, store=_absolute(plan.store), archives=archives, register=register),
        shard=task.shard._replace(path=_absolute(task.shard.path)), directory=_absolute(task.directory),
        before=_absolute(task.before),
    )  # fmt: skip


def _absolute(path: str) -> str:
    return os.path.abspath(path) if path and "://" not in path else path  # noqa: PTH100 - a URL is none


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
