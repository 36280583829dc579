"""Evidence in a Redis or Valkey server, shared by the crawlers of many machines.

Rule of this file: the server may be lost at any time, and a crawl goes on without it. While it is lost, only what this
process has seen itself counts, probes are its own, and what they bring is written once the server is back; nothing is
made up for what cannot be read. Nothing that was seen is deleted or overwritten, and no key of evidence expires.

What this process read or wrote lately is kept in memory too, and given without asking the server: evidence that holds
does so whatever others saw since. Who wants to probe asks for its turn first, and from then on the server is asked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import TYPE_CHECKING, TypeVar

from optout_middleware.evidence.locations import name_of
from optout_middleware.evidence.store import ALONE, newest
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.redis_server import FAULTS, Server, call
from optout_middleware.evidence.stores.redis_values import (
    NO_BYTES,
    RELEASE,
    RENEW,
    SAVE,
    SITE,
    kept_in,
    key_of,
    lease_key,
    saving,
)
from optout_middleware.policy import LOCATIONS
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from optout_middleware.evidence.store import Lease
    from optout_middleware.evidence.stores.redis_server import Command
    from optout_middleware.terms import Evidence

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_RETRY = 5.0  # seconds after which a lost server is tried again
_LEASE = 15.0  # seconds that a turn lasts unless it is renewed: how long others wait for a crawler that died
_AT_ONCE = 200  # observations in one message to a server that is back
_MOST_WAITING = 64 * 1_048_576  # octets of evidence that wait for a lost server
_OVERHEAD = 1_000  # octets; about what one Evidence costs beyond its body


class RedisStore:
    """A `Store` that shares evidence and turns with other processes, on one server.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as the client `redis` reads it.
        on_lost: called each time that the server is lost.
        max_bytes: about how many octets of memory what was read lately may take.
        lease: seconds that a turn lasts unless it is renewed.
        monotonic: seconds on a clock that is never set.

    Raises:
        OptOutError: the URL cannot be read, or no server answers there.
    """

    def __init__(
        self,
        url: str,
        *,
        on_lost: Callable[[], None] = lambda: None,
        max_bytes: int = 64 * 1_048_576,
        lease: float = _LEASE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = Server(url)
        self._near = MemoryStore(max_bytes)
        self._on_lost, self._lease, self._monotonic = on_lost, lease, monotonic
        self._max_bytes = max_bytes
        self._again: float | None = None  # when a lost server is tried again; None = it is not lost
        self._is_tried = False
        self._waiting: list[Evidence] = []
        self._waiting_bytes = self._left_out = 0

    async def load(self, origin: str) -> list[Evidence]:
        """Give what counts of each location of an origin; what this process knows of it, while the server is lost."""
        return await self._near.load(origin) or await self._loaded(SITE + origin.encode(), origin)

    async def load_document(self, url: str) -> list[Evidence]:
        """Give what counts of a document; what this process knows of it, while the server is lost."""
        if name_of(url) in LOCATIONS:
            return [seen for seen in await self.load(origin_of(url) or "") if seen.url == url]
        return await self._near.load_document(url) or await self._loaded(key_of(url), url)

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep evidence; it is written when this returns, or later where the server is lost.

        Raises:
            ValueError: evidence whose `url` is not an http(s) URL.
        """
        if not batch:
            return
        commands = [_saved(seen) for seen in batch]
        if await self._do(*commands) is None:
            await self._near.save(batch)
            for seen in batch:
                self._wait(seen)
        else:  # what is not near is left to the server, which may know more of it
            await self._near.save([seen for seen in batch if self._near.knows(seen.url)])

    async def lease(self, url: str) -> Lease | None:
        """Ask for the turn to probe a URL; None = another process has it. While the server is lost, one is alone."""
        token = secrets.token_bytes(8)
        answers = await self._do(("SET", lease_key(url), token, "NX", "PX", round(self._lease * 1000)))
        if answers is None:
            return ALONE
        self._near.forget(url)  # so that what another process saw since is loaded
        return _Turn(self._do, url, token, self._lease) if answers[0] else None

    async def close(self) -> None:
        """Write what waits, and let go of the server."""
        if self._waiting:
            self._again = self._monotonic()
            if not await self._is_back():
                self._left_out += len(self._waiting)
        if self._left_out:
            logger.warning(
                "the evidence store %s did not get %d of the observations of this crawl; other crawls will look again",
                self._server.name, self._left_out,
            )  # fmt: skip
        await self._near.close()
        await self._server.close()

    async def _loaded(self, key: bytes, place: str) -> list[Evidence]:
        """Load an entry from the server, and keep it near."""
        found = await self._reached(lambda: self._read(key, place))
        if not found:
            return []
        await self._near.save(found)
        return newest(found)

    async def _read(self, key: bytes, place: str) -> list[Evidence]:
        """Read an entry; what cannot be read, or has lost its bytes, is not there, and so is looked at again."""
        (value,) = await self._server.values(key)
        if value is None:
            return []
        found = []
        try:
            kept = kept_in(value, place)
            keys = [item.body_key for item in kept if item.sha256 != NO_BYTES]
            bodies = dict(zip(keys, await self._server.values(*keys), strict=True)) if keys else {}
            for item in kept:
                body = bodies.get(item.body_key, b"")
                if body is not None:
                    found.append(item.evidence(body))
        except ValueError as error:
            logger.warning(
                "the evidence store %s has %s damaged, which is looked at again: %s", self._server.name, place, error
            )
            return []
        return found

    async def _do(self, *commands: Command) -> Sequence[object] | None:
        """Run commands; None = the server is lost."""
        return await self._reached(lambda: self._server.do(*commands))

    async def _reached(self, ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """Ask the server; None = it is lost."""
        if self._again is not None and not await self._is_back():
            return None
        try:
            return await ask()
        except FAULTS as error:
            if self._again is None:
                logger.warning(
                    "the evidence store %s is lost: %s; this crawl goes on with probes of its own",
                    self._server.name,
                    error,
                )
                self._on_lost()
            self._again = self._monotonic() + _RETRY
            return None

    async def _is_back(self) -> bool:
        """Try a lost server, once in a while: it is back when it has taken all that waits for it."""
        if self._is_tried or (self._again is not None and self._monotonic() < self._again):
            return False
        self._is_tried = True
        try:
            await self._server.do(("PING",))
            while self._waiting:
                batch = self._waiting[:_AT_ONCE]
                await self._server.do(*map(_saved, batch))
                del self._waiting[: len(batch)]
        except FAULTS:
            self._again = self._monotonic() + _RETRY
            return False
        finally:
            self._is_tried = False
        self._again, self._waiting_bytes = None, 0
        self._near = MemoryStore(self._max_bytes)  # others may know more of what stands there
        logger.info("the evidence store %s is back", self._server.name)
        return True

    def _wait(self, seen: Evidence) -> None:
        size = len(seen.body) + _OVERHEAD
        if self._waiting_bytes + size > _MOST_WAITING:
            self._left_out += 1
        else:
            self._waiting.append(seen)
            self._waiting_bytes += size


class _Turn:
    """The turn to probe a URL, renewed until it is released; one that cannot be renewed ends by itself."""

    def __init__(self, ask: Callable[[Command], Awaitable[object]], url: str, token: bytes, seconds: float) -> None:
        self._ask, self._key, self._token, self._seconds = ask, lease_key(url), token, seconds
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            await self._ask(call(RENEW, [self._key], [self._token, round(self._seconds * 1000)]))

    async def release(self) -> None:
        """Let the next one probe."""
        self._renewing.cancel()
        await self._ask(call(RELEASE, [self._key], [self._token]))


def _saved(seen: Evidence) -> Command:
    return call(SAVE, *saving(seen))
