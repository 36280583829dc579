"""How much hypothesis tries: bounded examples by default, many with `--hypothesis-profile=thorough`; real servers."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("default")

_PROGRAMS = ("redis-server", "valkey-server")
_PATIENCE = 20.0  # seconds until a server that does not answer is a failure


class RedisServer:
    """A Redis or Valkey server on loopback and on a socket of its own, which keeps nothing on disk."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program, self._directory = program, directory
        self._process: subprocess.Popen[bytes] | None = None
        self.socket_url = f"unix://{directory / 'socket'}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.socket_url)

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            [self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", "socket", "--save", "",
             "--appendonly", "no", "--dir", self._directory],
            cwd=self._directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = monotonic() + _PATIENCE
        while monotonic() < until and self._process.poll() is None:
            with suppress(redis.ConnectionError):
                self.client.ping()
                return
            sleep(0.01)
        raise AssertionError(f"{self._program} does not answer")

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send a signal to it."""
        assert self._process is not None
        self._process.send_signal(number)

    def calls(self) -> dict[str, int]:
        """Give how often each command was called since the start."""
        stats = self.client.info("commandstats")
        assert isinstance(stats, dict)
        return {name.removeprefix("cmdstat_"): row["calls"] for name, row in stats.items()}


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Give a server that runs; skipped where neither Redis nor Valkey is installed."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(_PROGRAMS)} is installed: apt-get install redis-server")
    with TemporaryDirectory(prefix="redis") as directory:
        server = RedisServer(program, Path(directory))
        try:
            server.start()
            yield server
        finally:
            server.kill()
            server.client.close()
