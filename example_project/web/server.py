"""One HTTP server on loopback that is all sites at once.

Rule of this file: it only serves. It acts as the HTTP proxy of its clients: they ask for absolute URLs
(`GET http://kelpport-news.example/ HTTP/1.1`, RFC 9112 section 3.2.2) and it answers as that host. So no name
of the small web is ever looked up, and nothing leaves the machine.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from web.sites import SITES, answer

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from web.model import Site


@dataclass(frozen=True)
class Asked:
    """One request as the small web saw it."""

    url: str
    user_agent: str
    status: int


class SmallWeb:
    """The small web, from `with` to the end of its block.

    `proxy` is the URL to give to a client as its HTTP proxy; `asked` lists every request that came in.
    """

    def __init__(self, port: int = 0) -> None:
        """Bind to loopback; port 0 takes a free one."""
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", port), self.asked)
        self._thread = Thread(target=self._server.serve_forever, name="small-web", kwargs={"poll_interval": 0.05})
        self.proxy = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()  # waits for the threads of its connections


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # so that server_close() waits for them, and none outlives the small web

    def __init__(self, address: tuple[str, int], asked: list[Asked]) -> None:
        self.asked = asked
        self.sites: dict[str, Site] = {site.host: site for site in SITES}
        self.stopping = Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Forget a connection that is done."""
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive; their threads would wait for ever."""
        self.stopping.set()
        for connection in tuple(self._open):
            with suppress(OSError):  # the client was first
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive
    server_version = "SmallWeb/1"
    wbufsize = -1  # head and body in one packet
    server: _Server

    def do_GET(self) -> None:
        """Answer a page or file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer the head of a page or file."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's
        """Stay silent; `SmallWeb.asked` has it all."""

    def _answer(self, *, with_body: bool) -> None:
        # Absolute form names the host; in origin form (a client that was told no proxy) the Host header does.
        parts = urlsplit(self.path if "://" in self.path else f"http://{self.headers.get('Host', '')}{self.path}")
        site = self.server.sites.get(parts.hostname or "")
        if site is not None and site.delay:
            self.server.stopping.wait(site.delay)
        status, headers, body = answer(site, parts.path or "/")
        self.server.asked.append(Asked(parts.geturl(), self.headers.get("User-Agent", ""), status))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
