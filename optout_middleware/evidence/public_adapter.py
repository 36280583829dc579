"""What keeps `requests` on public addresses: each new connection is looked at before anything is sent over it.

Rule of this file: the address that a socket got is what counts, since a name may resolve otherwise than a moment ago.
Connections to a proxy are the operator's own and are not looked at: the proxy resolves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from optout_middleware.evidence.public_addresses import refusal_of

if TYPE_CHECKING:
    import socket


def _looked_at(connection: HTTPConnection, got: socket.socket) -> socket.socket:
    """Close a socket whose peer is not public."""
    if refused := refusal_of(connection.host, [got.getpeername()[0]]):
        got.close()
        raise NewConnectionError(connection, refused)
    return got


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _looked_at(self, super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _looked_at(self, super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class PublicAdapter(HTTPAdapter):
    """Connects to public addresses only, except to a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the connections, with a look at each."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
