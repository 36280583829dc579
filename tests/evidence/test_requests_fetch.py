"""The fetch on requests: what goes along, what is recorded, and servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock

from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
AGENT = "ExampleBot/1.0 (+http://operator.example/bot)"
FETCH = RequestsFetch(AGENT, now=lambda: NOW)
Handler = Callable[[BaseHTTPRequestHandler], None]


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Write a whole response."""
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


class Server:
    """A server on the loopback interface: path -> what answers it; requests are recorded."""

    def __init__(self) -> None:
        self.paths: dict[str, Handler] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.done = threading.Event()
        server = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                handler = server.paths.get(self.path.partition("?")[0])
                try:
                    handler(self) if handler else answer(self, 404)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Let every handler go, then stop."""
        self.done.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """Give a server."""
    made = Server()
    yield made
    made.close()


def fetch(url: str, fetching: RequestsFetch = FETCH, **limits: Any) -> Evidence:
    """Fetch once."""
    return asyncio.run(fetching(url, Limits(**limits)))


def test_an_answer_is_recorded_whole() -> None:
    """Status, all header fields and the body of an answer are the evidence."""
    with requests_mock.Mocker() as web:
        web.get(
            "http://news.example/robots.txt",
            content=b"\xffDisallow: /",
            headers={"X-A": "1"},
            status_code=203,
        )
        seen = fetch("http://news.example/robots.txt")
    assert seen == Evidence("http://news.example/robots.txt", 203, [("X-A", "1")], b"\xffDisallow: /", NOW)


@pytest.mark.parametrize("status", [200, 304, 404, 410, 429, 451, 500, 503])
def test_every_status_is_evidence(status: int) -> None:
    """No status raises."""
    with requests_mock.Mocker() as web:
        web.get("http://news.example/x", status_code=status)
        assert fetch("http://news.example/x").status == status


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectionError("<urllib3.connection.HTTPConnection object at 0x7f00>: refused\n twice"),
        requests.exceptions.SSLError("certificate"),
        requests.exceptions.InvalidURL("bad"),
        UnicodeError("label too long"),
        OSError("no route"),
    ],
)
def test_faults_are_unreachable_in_one_line(fault: Exception) -> None:
    """What goes wrong on the way is evidence without status, told without addresses of objects."""
    with requests_mock.Mocker() as web:
        web.get("http://news.example/x", exc=fault)
        seen = fetch("http://news.example/x")
    assert seen.status is None
    assert seen.error is not None
    assert seen.error.startswith(type(fault).__name__)
    assert "0x" not in seen.error
    assert "\n" not in seen.error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://nowhere.invalid/x", "http://[::1/x", "http://a..b/x", "x:y"]
)
def test_nobody_there_is_unreachable(url: str) -> None:
    """A closed port, an unknown host and a URL that is none are unreachable, and say the same each time."""
    seen = fetch(url)
    assert seen.status is None
    assert seen.error
    assert seen.error == fetch(url).error


def test_nothing_of_ours_goes_along(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie, no credential of URL, session or .netrc, no proxy of the environment, no other header."""
    server.paths["/set"] = lambda handler: answer(handler, 302, location="/get", set_cookie="a=1; Path=/")
    server.paths["/get"] = lambda handler: answer(handler, 200)
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    def session() -> requests.Session:
        made = requests.Session()
        made.auth = ("user", "secret")
        made.headers["X-Own"] = "1"
        made.cookies.set("b", "2", domain="127.0.0.1")
        return made

    fetching = RequestsFetch(AGENT, session=session)
    assert fetch(server.url.replace("//", "//user:secret@") + "/set", fetching).status == 200
    assert fetch(f"{server.url}/get", fetching).status == 200
    assert [path for path, _ in server.seen] == ["/set", "/get", "/get"]
    for _, headers in server.seen:
        assert headers.keys() == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert headers["user-agent"] == AGENT


def test_a_proxy_is_used_where_it_is_given(server: Server) -> None:
    """The proxy is asked for the whole URL."""
    server.paths["http://news.example/robots.txt"] = lambda handler: answer(handler, 200, b"proxied")
    seen = fetch("http://news.example/robots.txt", RequestsFetch(AGENT, proxies={"http": server.url}))
    assert (seen.status, seen.body) == (200, b"proxied")


def test_redirects_are_followed_and_recorded(server: Server) -> None:
    """Each hop stands there with its status and headers, repeated fields too; the last URL is the final one."""

    def twice(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(301)
        for name, value in (
            ("location", "/b?x=1"),
            ("tdm-reservation", "1"),
            ("x-robots-tag", "noai"),
            ("X-Robots-Tag", "a: noimageai"),
            ("content-length", "0"),
        ):
            handler.send_header(name, value)
        handler.end_headers()

    server.paths["/a"] = twice
    server.paths["/b"] = lambda handler: answer(handler, 307, location=f"{server.url}/c%C3%A9", connection="close")
    server.paths["/c%C3%A9"] = lambda handler: answer(handler, 200, b"there")
    seen = fetch(f"{server.url}/a")
    assert (seen.status, seen.body, seen.error) == (200, b"there", None)
    assert (seen.url, seen.final_url) == (f"{server.url}/a", f"{server.url}/c%C3%A9")
    assert [(hop.url, hop.status) for hop in seen.hops] == [
        (f"{server.url}/a", 301),
        (f"{server.url}/b?x=1", 307),
    ]
    assert [value for name, value in seen.hops[0].headers if name == "x-robots-tag"] == [
        "noai",
        "a: noimageai",
    ]
    assert ("tdm-reservation", "1") in seen.hops[0].headers


@pytest.mark.parametrize(("limit", "asked"), [(0, 1), (1, 2), (5, 6)])
def test_redirects_end_at_the_limit(server: Server, limit: int, asked: int) -> None:
    """A loop ends with the answer that would have redirected once more."""
    server.paths["/loop"] = lambda handler: answer(handler, 302, location="/loop")
    seen = fetch(f"{server.url}/loop", max_redirects=limit)
    assert (seen.status, seen.error, len(seen.hops)) == (302, f"more than {limit} redirects", limit)
    assert len(server.seen) == asked


@pytest.mark.parametrize("location", ["ftp://news.example/", "javascript:alert(1)", "file:///etc/passwd", "data:,x"])
def test_redirects_out_of_http_are_not_followed(server: Server, location: str) -> None:
    """The answer that redirects is the evidence."""
    server.paths["/a"] = lambda handler: answer(handler, 302, location=location)
    seen = fetch(f"{server.url}/a")
    assert (seen.status, seen.final_url) == (302, f"{server.url}/a")
    assert seen.error is not None
    assert "not an http(s) URL" in seen.error


def test_a_redirect_to_nobody_is_unreachable(server: Server) -> None:
    """The hop is recorded, and what failed is the second link."""
    server.paths["/a"] = lambda handler: answer(handler, 302, location="http://127.0.0.1:1/b")
    seen = fetch(f"{server.url}/a")
    assert (seen.status, seen.final_url) == (None, "http://127.0.0.1:1/b")
    assert [hop.url for hop in seen.hops] == [f"{server.url}/a"]


@pytest.mark.parametrize("size", [99_999, 100_000, 100_001, 10_000_000])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_is_decoded_and_cut_at_the_limit(server: Server, size: int, coding: str) -> None:
    """The limit holds for what is decoded, so that a small answer cannot fill the memory."""
    body = b"x" * size if coding == "identity" else gzip.compress(b"x" * size)
    server.paths["/a"] = lambda handler: answer(handler, 200, body, content_encoding=coding)
    seen = fetch(f"{server.url}/a", max_bytes=100_000)
    assert seen.body == b"x" * min(size, 100_000)
    assert seen.truncated is (size > 100_000)
    assert (seen.status, seen.error) == (200, None)


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({"content_length": "100"}, b"short"),
        ({"content_encoding": "gzip"}, b"not gzip at all, but text"),
        ({"transfer_encoding": "chunked", "content_length": "0"}, b"5\r\nshort\r\nZ"),
    ],
)
def test_an_answer_that_is_not_whole_says_so(server: Server, headers: dict[str, str], sent: bytes) -> None:
    """It keeps its status, and its error makes it unreachable."""

    def broken(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, 200, sent, connection="close", **headers)
        handler.close_connection = True

    server.paths["/a"] = broken
    seen = fetch(f"{server.url}/a")
    assert seen.status in (200, None)
    assert seen.error


def trickle(server: Server, first: bytes, drop: bytes) -> Handler:
    """Send the first octets at once, then one drop after the other, until the server closes."""

    def handle(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(first)
        while not server.done.wait(0.02):
            handler.wfile.write(drop)
        handler.close_connection = True

    return handle


@pytest.mark.parametrize(
    ("first", "drop", "status"),
    [
        (b"", b"", None),
        (b"HTTP/1.1 200 OK\r\nx-", b"a", None),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b"", 200),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b"a" * 20_000, 200),
    ],
    ids=["silent", "one endless header", "endless headers", "silent body", "slow body"],
)
def test_a_server_that_never_ends_is_left_in_time(
    server: Server, first: bytes, drop: bytes, status: int | None
) -> None:
    """The limit holds for the whole fetch, not for one octet of it."""
    server.paths["/a"] = trickle(server, first, drop)
    seen = fetch(f"{server.url}/a", timeout=0.3)
    assert seen.status == status
    assert seen.error == "not whole within 0.3 s" or (seen.error or "").startswith("LineTooLong")


def test_the_limit_holds_over_redirects(server: Server) -> None:
    """A server that redirects slowly and for ever does not get the time of each link."""

    def slow(handler: BaseHTTPRequestHandler) -> None:
        server.done.wait(0.05)
        answer(handler, 302, location=f"/slow?{time.monotonic()}")

    server.paths["/slow"] = slow
    seen = fetch(f"{server.url}/slow", timeout=0.3, max_redirects=1_000_000)
    assert (seen.status, seen.error) == (None, "not whole within 0.3 s")


def test_garbage_is_unreachable() -> None:
    """What is not HTTP gives evidence without status."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        seen = fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        thread.join()
    assert seen.status is None
    assert seen.error
