"""The stores: evidence in memory, in one SQLite file, on a Redis or Valkey server.

Rule of this room: a store keeps evidence and gives back what counts; it decides nothing and fetches nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.evidence.store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SERVERS = ("redis", "rediss", "unix")
_SECRET = re.compile(r"(?<=://)[^/]*@|(?<=[?&])(?:username|password)=[^&]*&?")  # of the URL of a server


def shown(setting: str) -> str:
    """Give the name of a store without what it has of user and password.

    >>> shown("redis://me:secret@store.example:6379/0?password=x&timeout=3")
    'redis://store.example:6379/0?timeout=3'
    """
    return _SECRET.sub("", setting)


def is_server(setting: str) -> bool:
    """Tell whether a store is a server, and no file or memory."""
    return _SCHEME.match(setting) is not None


def store_of(setting: str, on_lost: Callable[[], None] = lambda: None) -> Store:
    """Open the store that `OPTOUT_STORE` names.

    Args:
        setting: empty = in memory, a URL of a Redis or Valkey server, or the path of an SQLite file.
        on_lost: called each time that a server is lost.

    Raises:
        OptOutError: it cannot be opened, or what it needs is not installed.
    """
    if not setting:
        return MemoryStore()
    scheme = _SCHEME.match(setting)
    if scheme is None:
        return SqliteStore(setting)
    if scheme[1] not in _SERVERS:
        raise OptOutError(f"evidence store {scheme[0]}: write redis://, rediss:// or unix://, or the path of a file")
    try:
        # Here, since the client is an extra: most crawls do without.
        from optout_middleware.evidence.stores.redis import RedisStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise OptOutError(
            "an evidence store on a Redis server needs its client: pip install optout-middleware[redis]"
        ) from None
    return RedisStore(setting, on_lost=on_lost)
