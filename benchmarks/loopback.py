"""A small web on loopback: many hosts on one port, a few pages each, served by one process of its own.

Rule of this file: HTTP/1.1 with keep-alive, GET only, everything made before the first request. It listens on
127.0.0.0/8 only, tells its port on standard output, counts what it was asked for, and ends when its standard input
closes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import Counter

from benchmarks.robots_corpus import site
from benchmarks.samples import OCTETS, PAGES, addresses, page

COUNTS = "/.counts"  # answered with what was asked for since the last time
# What robots.txt files of the web are like that let us fetch and reserve nothing; "none" answers 404.
_KINDS = (
    "wordpress", "small", "none", "wordpress", "open", "long", "wordpress", "joomla", "none", "small", "shopify",
    "wordpress", "content-signal", "drupal", "none", "small", "wordpress", "ai-search", "open", "none",
)  # fmt: skip
_SIGNAL = "User-agent: *\nContent-Signal: search=yes, ai-train=yes\nAllow: /\n\n"  # Cloudflare's, without a reservation
_AI_SEARCH = "User-agent: OAI-SearchBot\nUser-agent: ChatGPT-User\nUser-agent: PerplexityBot\nDisallow: /\n\n"
_TRIES = 50  # free ports; each must be free on every address


def robots(number: int) -> bytes | None:
    """Make the robots.txt of a host; None = it has none."""
    kind = _KINDS[number % len(_KINDS)]
    if kind == "none":
        return None
    if kind in ("content-signal", "ai-search"):
        before = _SIGNAL if kind == "content-signal" else _AI_SEARCH
        return before.encode() + (site(number, 1, "wordpress").body or b"")
    return site(number, 1, kind).body


def _response(status: str, media_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nServer: loopback\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        f"Cache-Control: max-age=86400\r\nVary: Accept-Encoding\r\n\r\n"
    )
    return head.encode() + body


class _Web:
    """The responses of all hosts, and how often each kind of thing was asked for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._missing = _response("404 Not Found", "text/html", b"<!DOCTYPE html><title>Not Found</title>")
        self._pages = {
            f"/2026/11/{number}.html": _response(
                "200 OK", "text/html; charset=utf-8", page(number, of=PAGES, size=OCTETS)
            )
            for number in range(PAGES)
        }
        self._robots = {
            address: _response("200 OK", "text/plain; charset=utf-8", body)
            for number, address in enumerate(addresses())
            if (body := robots(number)) is not None
        }

    def answer(self, address: str, path: str) -> bytes:
        """Give the whole response to a GET."""
        if path == COUNTS:
            said = json.dumps(self.counts).encode()
            self.counts.clear()
            return _response("200 OK", "application/json", said)
        if (found := self._pages.get(path)) is not None:
            self.counts["pages"] += 1
            return found
        self.counts[path] += 1
        return self._robots.get(address, self._missing) if path == "/robots.txt" else self._missing


class _Connection(asyncio.Protocol):
    """One connection: requests without a body, answered in order."""

    def __init__(self, web: _Web) -> None:
        self._web = web
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the address that was asked."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._address: str = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        *requests, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for request in requests:
            path = request.split(b" ", 2)[1].decode("latin-1")
            self._transport.write(self._web.answer(self._address, path))


def _listening() -> list[socket.socket]:
    """Listen on one port that is free on all addresses."""
    for _ in range(_TRIES):
        first = socket.create_server((addresses()[0], 0), backlog=128)
        made = [first]
        try:
            made += [
                socket.create_server((address, first.getsockname()[1]), backlog=128) for address in addresses()[1:]
            ]
        except OSError:
            for one in made:
                one.close()
        else:
            return made
    raise OSError("no port is free on all addresses of 127.0.1.0/24")


async def _serve() -> None:
    web = _Web()
    loop = asyncio.get_running_loop()
    sockets = _listening()
    for one in sockets:
        await loop.create_server(lambda: _Connection(web), sock=one)
    sys.stdout.write(f"{sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
