"""Public addresses only: what counts as one, and that nothing else is asked, by whatever name or redirect."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock

from optout_middleware.evidence import public_addresses
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.evidence.public_addresses import is_public, refusal
from optout_middleware.evidence.requests_fetch import RequestsFetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optout_middleware.terms import Evidence

DATA = json.loads((Path(__file__).parent / "data" / "addresses.json").read_text("utf-8"))
PUBLIC = Limits(timeout=5.0, public_only=True)


@pytest.mark.parametrize(("address", "what"), DATA["public"])
def test_addresses_of_the_public_internet(address: str, what: str) -> None:
    """What is handed out to servers, and what translates to it."""
    assert is_public(address), what


@pytest.mark.parametrize(("address", "what"), DATA["not_public"])
def test_all_other_addresses(address: str, what: str) -> None:
    """One's own machine and network, those of clouds, what is reserved, and what translates to any of them."""
    assert not is_public(address), what


@pytest.mark.parametrize(("url", "said"), DATA["refused_urls"])
def test_urls_that_lead_elsewhere(url: str, said: str) -> None:
    """By every spelling of an address that a resolver takes, and by what two readers of URLs may read in two ways."""
    assert said in (refusal(url) or "")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Give the table that names are resolved by when a URL is looked at, while connecting goes by the real one."""
    table: dict[str, list[str]] = {}
    resolve: Callable[[str], list[str]] = public_addresses._addresses

    def addresses(host: str) -> list[str]:
        return table[host] if host in table else resolve(host)

    monkeypatch.setattr(public_addresses, "_addresses", addresses)
    return table


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        (["1.1.1.1", "2606:4700:4700::1111"], None),
        (["1.1.1.1", "10.0.0.1"], "10.0.0.1 of news.example is not a public address"),
        (["2606:4700:4700::1111", "fe80::1%2"], "fe80::1%2 of news.example is not a public address"),
        ([], None),
    ],
)
def test_every_address_of_a_name_is_public(names: dict[str, list[str]], addresses: list[str], said: str | None) -> None:
    """One that is not is enough; a name without any is left to who connects."""
    names["news.example"] = addresses
    assert refusal("https://news.example/a") == said


class Inside:
    """A server inside of our own network, which must not be asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        inside = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                inside.asked.append(self.path)
                self.send_response(200)
                self.send_header("content-length", "6")
                self.end_headers()
                self.wfile.write(b"secret")

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop."""
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Give a server."""
    made = Inside()
    yield made
    made.close()


def fetch(url: str, limits: Limits = PUBLIC, **options: Any) -> Evidence:
    """Fetch once."""
    return asyncio.run(RequestsFetch("ExampleBot", **options)(url, limits))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433"])
def test_our_own_network_is_not_asked(inside: Inside, host: str) -> None:
    """Nothing is sent, and the evidence is that of a failure; without the limit it is asked."""
    url = f"http://{host}:{inside.port}/a"
    seen = fetch(url)
    assert (seen.status, seen.body, inside.asked) == (None, b"", [])
    assert (seen.error or "").endswith("is not a public address")
    assert is_unreachable(seen)
    assert fetch(url, Limits()).body == b"secret"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_otherwise_by_then_is_not_asked(
    inside: Inside, names: dict[str, list[str]], scheme: str
) -> None:
    """The address that the socket got is looked at before anything is sent, not even of TLS."""
    names["localhost"] = ["1.1.1.1"]
    seen = fetch(f"{scheme}://localhost:{inside.port}/a")
    assert (seen.status, inside.asked) == (None, [])
    assert (seen.error or "").endswith("127.0.0.1 of localhost is not a public address")


def test_no_redirect_leads_into_our_own_network(inside: Inside, names: dict[str, list[str]]) -> None:
    """Each link is looked at; the redirect is part of the evidence."""
    names["news.example"] = ["1.1.1.1"]
    target = f"http://127.0.0.1:{inside.port}/a"
    with requests_mock.Mocker(real_http=True) as web:
        web.get("http://news.example/a", status_code=302, headers={"location": target})
        seen = fetch("http://news.example/a")
    assert (seen.status, seen.final_url, seen.error) == (None, target, "127.0.0.1 is not a public address")
    assert [hop.status for hop in seen.hops] == [302]
    assert inside.asked == []


def test_a_public_address_is_asked(names: dict[str, list[str]]) -> None:
    """What is public is fetched as ever."""
    names["news.example"] = ["1.1.1.1"]
    with requests_mock.Mocker() as web:
        web.get("http://news.example/a", text="open")
        assert fetch("http://news.example/a").body == b"open"


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://nowhere.invalid/a", ["http://nowhere.invalid/a"]),
        ("http://1.1.1.1/a", ["http://1.1.1.1/a"]),
        ("http://127.0.0.1/a", []),
        ("http://localhost/a", []),
        ("http://[::1]/a", []),
    ],
)
def test_through_a_proxy_what_is_known_to_be_ours_is_not_asked(inside: Inside, url: str, asked: list[str]) -> None:
    """The proxy may stand on any address, and resolves the names that this machine cannot."""
    seen = fetch(url, proxies={"http": f"http://127.0.0.1:{inside.port}"})
    assert inside.asked == asked
    assert (seen.body == b"secret") is bool(asked)


def test_a_session_of_ones_own_is_kept_to_it_too(inside: Inside, names: dict[str, list[str]]) -> None:
    """Adapters that a session has for some hosts do not lead around the look at the socket."""

    def session() -> requests.Session:
        made = requests.Session()
        made.mount("http://localhost", requests.adapters.HTTPAdapter())
        return made

    names["localhost"] = ["1.1.1.1"]
    assert fetch(f"http://localhost:{inside.port}/a", session=session).status is None
    assert inside.asked == []


def test_a_resolver_that_fails_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is left to who connects, who cannot."""
    for fault in (socket.gaierror("unknown"), UnicodeError("label too long"), OSError("no network")):

        def broken(*_: object, fault: Exception = fault, **__: object) -> None:
            raise fault

        monkeypatch.setattr(socket, "getaddrinfo", broken)
        assert refusal("http://news.example/a") is None
