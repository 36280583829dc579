"""Probes on the engine that ask about what is known, and those that are kept to public addresses."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from scrapy.http import Response

from optout_middleware.evidence import public_addresses
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.terms import Evidence

from .loopback import NOT_OURS, ROBOTS, TDMREP, Crawls, Pages, Site, Web
from .test_probes import fetched

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy import Request

PUBLIC = Limits(public_only=True)
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"
VALIDATORS = ("If-None-Match", "If-Modified-Since")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Give the table that names are resolved by when a URL is looked at; connecting goes by the real one."""
    table: dict[str, list[str]] = {}
    monkeypatch.setattr(public_addresses, "_addresses", lambda host: table.get(host, [host]))
    return table


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_our_own_network_is_not_asked(web: Web, host: str) -> None:
    """Nothing is sent; without the limit it is asked."""
    site = await web.site(host=host)
    seen = await fetched(site.says("/a"), PUBLIC)
    assert (seen.status, site.asked) == (None, [])
    assert (seen.error or "").endswith("is not a public address")
    assert is_unreachable(seen)
    assert (await fetched(site.url("/a"), Limits())).status == 200


@pytest.mark.parametrize("body", [b"secret", b""])
async def test_a_name_that_resolves_otherwise_by_then_is_not_heard(
    web: Web, names: dict[str, list[str]], body: bytes
) -> None:
    """What an address that is not public answered is not used, not even that it redirects."""
    site = await web.site(host="localhost")
    names["localhost"] = ["1.1.1.1"]
    seen = await fetched(site.says("/a", body), PUBLIC)
    assert (seen.status, seen.body, seen.headers) == (None, b"", ())
    assert seen.error == "127.0.0.1 of localhost is not a public address"
    moved = await fetched(site.moves("/b", "/a"), PUBLIC)
    assert (moved.status, moved.hops) == (None, ())
    assert site.times("/a") == 1


class Moves:
    """A middleware in the place of a public server that redirects into our network."""

    def process_request(self, request: Request) -> Response | None:
        """Redirect."""
        if "news.example" not in request.url:
            return None
        target = request.url.replace("news.example", "127.0.0.1")
        return Response(request.url, 302, headers={"Location": target}, ip_address="1.1.1.1")  # type: ignore[arg-type]


async def test_no_redirect_leads_into_our_own_network(site: Site, names: dict[str, list[str]]) -> None:
    """Each link is looked at; the redirect is part of the evidence."""
    names["news.example"] = ["1.1.1.1"]
    site.says("/a")
    seen = await fetched(f"http://news.example:{site.port}/a", PUBLIC, middleware=Moves)
    assert (seen.status, seen.final_url) == (None, site.url("/a"))
    assert seen.error == "127.0.0.1 is not a public address"
    assert [hop.status for hop in seen.hops] == [302]
    assert site.asked == []


class Answers:
    """A middleware that answers in place of a server."""

    def process_request(self, request: Request) -> Response:
        """Answer."""
        return Response(request.url, body=b"from nowhere")


async def test_an_answer_of_no_address_is_not_heard(names: dict[str, list[str]]) -> None:
    """Nobody could say that it came from a public one."""
    names["news.example"] = ["1.1.1.1"]
    seen = await fetched("http://news.example/a", PUBLIC, middleware=Answers)
    assert (seen.status, seen.body) == (None, b"")
    assert seen.error == "what answered is not known, and so is not a public address"


@pytest.mark.parametrize(("host", "asked"), [("news.example", 1), ("10.0.0.1", 0), ("inside.example", 0)])
async def test_through_a_proxy_what_is_known_to_be_ours_is_not_asked(
    site: Site, names: dict[str, list[str]], host: str, asked: int
) -> None:
    """The proxy may stand on any address, and resolves the names that this machine cannot."""
    names.update({"news.example": [], "inside.example": ["10.0.0.1"]})
    site.says("/a", b"through")
    seen = await fetched(f"http://{host}/a", PUBLIC, proxy=f"http://127.0.0.1:{site.port}")
    assert (len(site.asked), seen.body) == (asked, b"through" if asked else b"")


class Asks:
    """A middleware that asks about what it knows itself."""

    def process_request(self, request: Request) -> None:
        """Add validators of its own."""
        request.headers["If-None-Match"] = '"other"'
        request.headers["If-Modified-Since"] = "never"


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([], {}),
        ([("etag", '"1"'), ("last-modified", DATE)], {"If-None-Match": '"1"', "If-Modified-Since": DATE}),
    ],
)
async def test_what_is_known_is_asked_about_at_the_first_link(
    site: Site, headers: list[tuple[str, str]], sent: dict[str, str]
) -> None:
    """By our validators alone, and not where a redirect leads to; a 304 is given as it comes."""
    url = site.says("/a", b"", 304, ETag='"1"')
    known = Evidence(url, 200, headers, b"known", datetime.now(timezone.utc))
    seen = await fetched(url, Limits(), known=known)
    assert (seen.status, seen.body, seen.values("etag")) == (304, b"", ['"1"'])
    site.moves("/a", "/b")
    site.says("/b")
    await fetched(url, Limits(), known=known, middleware=None if sent else Asks)
    told = [{name: seen.headers[name] for name in VALIDATORS if name in seen.headers} for seen in site.asked]
    assert told == [sent, sent, {}]


async def test_the_next_crawl_asks_about_what_has_expired(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A 304 keeps a reservation, and is a statistic of its own."""
    store = str(tmp_path / "store.sqlite")
    site.says(ROBOTS, NOT_OURS, ETag='"1"')
    urls = [site.says("/open"), site.says("/closed")]
    first = await crawl(Pages, *urls, OPTOUT_STORE=store)
    _age(store)
    site.says(ROBOTS, b"", 304, ETag='"1"')
    second = await crawl(Pages, *urls, OPTOUT_STORE=store)
    assert first.urls == second.urls == urls[:1]
    assert [seen.headers.get("If-None-Match") for seen in site.asked if seen.path == ROBOTS] == [None, '"1"']
    assert site.times(TDMREP) == 2
    found = [second.stat(f"optout/probe/robots.txt/{result}") for result in ("answered", "revalidated", "unreachable")]
    assert found == [0, 1, 0]


def _age(store: str) -> None:
    """Let two days pass in a store."""
    db = sqlite3.connect(store)
    with db:
        db.execute("UPDATE seen SET first_seen = first_seen - 172800000000, last_seen = last_seen - 172800000000")
    db.close()
