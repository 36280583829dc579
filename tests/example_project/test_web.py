"""The small web, looked at over real HTTP.

Rule of this file: every site is asked for what it says, over a socket and as a crawler would.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from web.server import SmallWeb
from web.sites import FRONT_DOOR, SITES, find

from optout_middleware.register import structured_data

from .conftest import EXAMPLE

if TYPE_CHECKING:
    from web.model import Site

PAGES = [(site, page) for site in SITES for page in site.pages]
SITES_BY_HOST = {site.host: site for site in SITES}


def get(client: requests.Session, url: str) -> requests.Response:
    return client.get(url, timeout=10, allow_redirects=False)


def test_size() -> None:
    assert len(SITES) >= 12
    assert 190 <= len(PAGES) <= 220
    assert all(site.host.endswith(".example") for site in SITES)
    assert len({site.host for site in SITES}) == len(SITES)
    for site in SITES:
        assert site.pages[0].path == "/"
        assert len({item.path for item in site.items}) == len(site.items)


def test_readme_counts_the_sites() -> None:
    assert f"{len(SITES)} invented sites" in (EXAMPLE / "README.md").read_text("utf-8")


def test_texts_differ() -> None:
    texts = Counter(page.text for _, page in PAGES if not page.moved_to)
    assert [text for text, times in texts.items() if times > 1] == []
    assert all("{" not in paragraph for text in texts for paragraph in text)


def test_all_outcomes_occur() -> None:
    assert {page.expected for _, page in PAGES} == {"allow", "pending", "deny"}


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.host)
def test_every_page_is_served(client: requests.Session, site: Site) -> None:
    for page in site.pages:
        response = get(client, site.url(page))
        for name, value in page.headers:
            assert response.headers[name] == value
        if page.moved_to:
            assert (response.status_code, response.headers["Location"]) == (301, page.moved_to)
            continue
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert int(response.headers["Content-Length"]) == len(response.content)
        assert f"<h1>{page.title}</h1>".replace("'", "&#x27;") in response.text
        for name, value in page.meta:
            assert f'<meta name="{name}" content="{value}">' in response.text
        assert (page.data == "") is (page.item is None)
        if page.data:
            (stated,) = structured_data.documents(response.content)
            assert stated == json.loads(page.data)


def test_every_link_resolves_and_leads_to_every_listed_page(client: requests.Session) -> None:
    waiting, seen = [FRONT_DOOR], {FRONT_DOOR}
    while waiting:
        url = waiting.pop()
        response = get(client, url)
        assert response.status_code in (200, 301), url
        links = re.findall(r'<(?:a href|img src)="([^"]+)"', response.text)
        for link in [*links, response.headers.get("Location", "")]:
            target = urljoin(url, link)
            assert urlsplit(target).hostname in SITES_BY_HOST, target
            # The slow site is asked by another test; once is enough.
            if target not in seen and not SITES_BY_HOST[urlsplit(target).hostname or ""].delay:
                waiting.append(target)
            seen.add(target)
    assert {site.url(page) for site, page in PAGES} <= seen
    assert all(find(url) for url in seen)


SAID = {
    "directory.example": (404, "", 404),
    "lantern-walks.example": (404, "", 404),
    "kelpport-news.example": (200, "User-agent: *", 200),
    "hollow-lyrics.example": (200, "Disallow: /search", 404),
    "weathercock-shop.example": (200, "Content-signal: search=yes,ai-train=no", 404),
    "nettle-kitchen.example": (200, "Content-Usage: /stories/ train-ai=n, search=y", 404),
    "umbrella-museum.example": (200, "Disallow: /cloakroom/", 404),
    "night-gazette.example": (404, "", 404),
    "foghorn-harbour.example": (503, "", 404),
    "pask-beekeepers.example": (404, "", 200),
    "old-atlas.example": (404, "", 404),
    "new-atlas.example": (200, "Allow: /", 200),
    "open-atlas.example": (404, "", 404),
    "ninemile-light.example": (404, "", 404),
    "tidewater-gallery.example": (200, "Allow: /", 404),
    "sarn-archive.example": (200, "User-agent: ExampleCorpusBot\nDisallow: /private/", 404),
    "bench-essays.example": (404, "", 200),
    "corridor-review.example": (200, "User-agent: Google-Extended\nDisallow: /essays/", 404),
    "quaver-sheets.example": (404, "", 404),
    "ballad-post.example": (404, "", 404),
}


@pytest.mark.parametrize("host", SITES_BY_HOST)
def test_files_of_each_site(client: requests.Session, host: str) -> None:
    robots_status, line, tdmrep_status = SAID[host]
    robots = get(client, f"http://{host}/robots.txt")
    assert robots.status_code == robots_status
    assert line in robots.text
    assert get(client, f"http://{host}/.well-known/tdmrep.json").status_code == tdmrep_status


def test_tdmrep_files(client: requests.Session) -> None:
    news, bees, essays, atlas = (
        json.loads(get(client, f"http://{host}.example/.well-known/tdmrep.json").content)
        for host in ("kelpport-news", "pask-beekeepers", "bench-essays", "new-atlas")
    )
    assert [(rule["location"], rule["tdm-reservation"]) for rule in news] == [
        ("/press/", 0),
        ("/articles/", 1),
    ]
    assert get(client, news[1]["tdm-policy"]).json()["@type"] == "Offer"
    assert bees == {"tdm-reservation": 1}  # no array: malformed
    assert get(client, essays[0]["tdm-policy"]).headers["Content-Type"].startswith("text/html")
    assert atlas == [{"location": "/", "tdm-reservation": 1}]


def test_managed_robots_txt_names_the_training_crawlers(client: requests.Session) -> None:
    text = get(client, "http://weathercock-shop.example/robots.txt").text
    assert text.count("Disallow: /\n") == text.count("User-agent: ") == 8
    assert "User-agent: GPTBot\nDisallow: /\n" in text


def test_images(client: requests.Session) -> None:
    gallery = SITES_BY_HOST["tidewater-gallery.example"]
    images = [file for file in gallery.files if file.path.endswith(".png")]
    assert {file.path for file in images} == {path for page in gallery.pages for path in page.images}
    for file in images:
        response = get(client, gallery.url(file))
        assert response.headers["Content-Type"] == "image/png"
        assert response.content.startswith(b"\x89PNG\r\n\x1a\n")
        says = {name: response.headers.get(name) for name in ("X-Robots-Tag", "tdm-reservation")}
        reserved = says["X-Robots-Tag"] in ("noai", "noimageai") or says["tdm-reservation"] == "1"
        assert file.expected == ("deny" if reserved else "allow")


def test_images_can_be_opened(client: requests.Session) -> None:
    image = pytest.importorskip("PIL.Image")
    response = client.get("http://tidewater-gallery.example/pictures/03.png", timeout=10, stream=True)
    with image.open(response.raw) as picture:
        assert picture.size == (96, 64)
        picture.load()


def test_slow_site_takes_half_a_second(client: requests.Session) -> None:
    assert get(client, "http://ninemile-light.example/").elapsed.total_seconds() >= 0.5


def test_nobody_invented_that(client: requests.Session) -> None:
    assert get(client, "http://directory.example/no-such-page").status_code == 404
    assert get(client, "http://no-such-site.example/").status_code == 502


def test_head_has_no_body_and_keeps_the_connection(web: SmallWeb) -> None:
    with socket.create_connection(("127.0.0.1", int(web.proxy.rpartition(":")[2])), timeout=10) as connection:
        file = connection.makefile("rwb")
        for method in (b"HEAD", b"GET"):  # one connection serves both, the first by its head alone
            file.write(method + b" http://pask-beekeepers.example/.well-known/tdmrep.json HTTP/1.1\r\n\r\n")
            file.flush()
            head = b"".join(iter(file.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert file.read(23) == b'{"tdm-reservation": 1}\n'


def test_requests_without_a_proxy_are_told_by_their_host(web: SmallWeb) -> None:
    with socket.create_connection(("127.0.0.1", int(web.proxy.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: lantern-walks.example\r\nConnection: close\r\n\r\n")
        assert b"Walks by lantern" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_asked_tells_who_asked_for_what(web: SmallWeb, client: requests.Session) -> None:
    client.get("http://lantern-walks.example/?who=me", headers={"User-Agent": "Nobody/1"}, timeout=10)
    last = web.asked[-1]
    assert (last.url, last.user_agent, last.status) == (
        "http://lantern-walks.example/?who=me",
        "Nobody/1",
        200,
    )


def test_stops_cleanly_with_connections_open_and_answers_under_way() -> None:
    before = set(threading.enumerate())
    with SmallWeb() as web:
        port = int(web.proxy.rpartition(":")[2])
        assert web.proxy == f"http://127.0.0.1:{port}"
        idle = socket.create_connection(("127.0.0.1", port), timeout=10)
        idle.sendall(b"GET http://lantern-walks.example/ HTTP/1.1\r\n\r\n")
        assert idle.recv(8) == b"HTTP/1.1"
        slow = socket.create_connection(("127.0.0.1", port), timeout=10)
        slow.sendall(b"GET http://ninemile-light.example/ HTTP/1.1\r\n\r\n")
    idle.close()
    slow.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
        assert not thread.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_alone_it_runs_until_it_is_interrupted() -> None:
    # A shell in the background hands on that SIGINT is ignored, which Python then keeps.
    code = "import runpy, signal; signal.signal(2, signal.default_int_handler); runpy.run_module('web', alter_sys=True)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=EXAMPLE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        proxy = said[0].partition("proxy ")[2].partition(". ")[0]
        response = requests.get(FRONT_DOOR, proxies={"http": proxy}, timeout=10)
        assert "All sites" in response.text
        assert f"SMALL_WEB_PROXY={proxy}" in said[2]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_fetchable_is_what_robots_txt_says() -> None:
    closed = {(site.host, page.path.split("/")[1]) for site, page in PAGES if not page.fetchable}
    private, harbour = ("sarn-archive.example", "private"), "foghorn-harbour.example"
    assert closed == {private, (harbour, ""), (harbour, "boats")}
