"""A Redis or Valkey server as a store asks it: values by key, and commands, each kind in batches.

Rule of this file: the only one that knows the client. Whatever goes wrong raises one of `FAULTS`, in good time.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from optout_middleware.evidence.stores import shown
from optout_middleware.evidence.stores.batches import Batches
from optout_middleware.evidence.stores.redis_values import RELEASE, RENEW, SAVE
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Sequence

Command: TypeAlias = "tuple[bytes | str | int, ...]"

FAULTS = (redis.RedisError, OSError)
_TIMEOUT = 5.0  # seconds for an answer, and for a connection
_KEYS, _COMMANDS = 500, 200  # in one message
_SCRIPTS = (SAVE, RENEW, RELEASE)


class Server:
    """Asks one server.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as the client `redis` reads it.

    Attributes:
        name: the URL without what it has of user and password.

    Raises:
        OptOutError: the URL cannot be read, or no server answers there.
    """

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        try:
            with redis.Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT) as client:
                client.ping()
            # One try more, at once: the connections of a server that was started again are closed.
            self._client = redis.asyncio.Redis.from_url(
                url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 1)
            )
        except (ValueError, TypeError) as error:
            raise OptOutError(f"evidence store {self.name}: {error}; write redis://HOST:PORT/NUMBER") from None
        except FAULTS as error:
            raise OptOutError(
                f"the evidence store {self.name} does not answer: {error}; start the server, or name another store"
            ) from None
        self.values: Batches[bytes, bytes | None] = Batches(self._values, _KEYS)
        self.commands: Batches[Command, Any] = Batches(self._commands, _COMMANDS)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _values(self, keys: list[bytes]) -> Sequence[bytes | None]:
        return cast("list[bytes | None]", await self._client.mget(keys))  # no text: nothing is decoded

    async def _commands(self, commands: list[Command]) -> Sequence[Any]:
        """Send commands; what a server that was started again has no script for is sent once more."""
        answers = await self._sent(commands)
        again = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if again:
            for script in _SCRIPTS:
                await self._client.script_load(script)
            for number, answer in zip(again, await self._sent([commands[number] for number in again]), strict=True):
                answers[number] = answer
        return answers

    async def _sent(self, commands: list[Command]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)

    async def do(self, *commands: Command) -> Sequence[Any]:
        """Run commands; give their answers.

        Raises:
            RedisError, OSError: the server cannot be reached, or refuses one of them.
        """
        answers = await self.commands(*commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers


def call(script: str, keys: Sequence[bytes], arguments: Sequence[bytes | int]) -> Command:
    """Give the command that runs a script."""
    sha1 = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()  # as Redis names scripts
    return ("EVALSHA", sha1, len(keys), *keys, *arguments)
