"""The pass that probes: polite, each origin once, all that decisions need, and it goes on where it was killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optout_middleware.corpus.polite import PoliteFetch, Politeness
from optout_middleware.corpus.probing import Origins, Probing
from optout_middleware.corpus.records import shards
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, Hop, OptOutError
from optout_middleware.urls import host_of

from . import corpora
from .clocks import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

EVERYTHING = Policy("ExampleCorpusBot", locations=("robots.txt", "tdmrep.json", "rsl", "tdm-policy"))


class Web:
    """A `Fetch` of invented sites, which notes who asked when."""

    def __init__(self, clock: VirtualClock, files: Mapping[str, bytes], hops: Mapping[str, Sequence[str]] = {}) -> None:
        self._clock, self._files, self._hops = clock, files, hops
        self.asked: list[tuple[float, str]] = []

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Answer with a file, or 404."""
        _ = limits, known
        self.asked.append((self._clock.now, url))
        body, chain = self._files.get(url), self._hops.get(url, ())
        await self._clock.sleep(0.25)
        return Evidence(
            url, 404 if body is None else 200, (), body or b"", corpora.AT,
            final_url=chain[-1] if chain else url, hops=[Hop(link, 301) for link in (url, *chain)[:-1]],
        )  # fmt: skip


def starts(web: Web, host: str = "") -> list[float]:
    """Give when requests began: to one host, or to all."""
    return [at for at, url in web.asked if host in ("", host_of(url))]


def gaps(times: Sequence[float]) -> list[float]:
    """Give the seconds between one and the next."""
    return [later - earlier for earlier, later in pairwise(times)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.5, 4, 100]),
)
def test_pauses_and_rate_are_held(hosts: list[int], delay: float, rate: float) -> None:
    """Whoever asks at once: no host sooner than its pause, all together no faster than the rate."""
    clock = VirtualClock()
    web = Web(clock, {})
    fetch = PoliteFetch(web, Politeness(delay, rate, 3), monotonic=clock.monotonic, sleep=clock.sleep)

    async def all_at_once() -> None:
        await asyncio.gather(*(fetch(f"https://h{host}.example/{n}", Limits()) for n, host in enumerate(hosts)))

    clock.run(all_at_once())
    assert len(web.asked) == len(hosts)
    assert all(gap >= 1 / rate - 1e-9 for gap in gaps(starts(web)))
    for host in set(hosts):
        assert all(gap >= delay - 1e-9 for gap in gaps(starts(web, f"h{host}.example")))


def test_time_is_not_wasted() -> None:
    """Several hosts are asked while one has its pause."""
    clock = VirtualClock()
    web = Web(clock, {})
    fetch = PoliteFetch(web, Politeness(10.0, 4.0, 50), monotonic=clock.monotonic, sleep=clock.sleep)

    async def all_at_once() -> None:
        urls = [f"https://slow.example/{n}" for n in range(3)] + [f"https://h{n}.example/" for n in range(20)]
        await asyncio.gather(*(fetch(url, Limits()) for url in urls))

    clock.run(all_at_once())
    assert max(starts(web, "h19.example")) < 6.0
    assert starts(web, "slow.example") == [0.0, 10.0, 20.0]


def test_redirects_count_as_requests() -> None:
    """Where a fetch was led on, that host has its pause, and the rate is charged."""
    clock = VirtualClock()
    web = Web(clock, {}, {"https://a.example/": ["https://www.a.example/", "https://www.a.example/x"]})
    fetch = PoliteFetch(web, Politeness(5.0, 1.0, 50), monotonic=clock.monotonic, sleep=clock.sleep)

    async def in_a_row() -> None:
        for url in ("https://a.example/", "https://b.example/", "https://www.a.example/y"):
            await fetch(url, Limits())

    clock.run(in_a_row())
    first, second, third = starts(web)
    assert second - first >= 3.0  # three requests at one a second
    assert third - (first + 0.25) >= 5.0


@pytest.mark.parametrize("polite", [(-1, 1, 1), (float("nan"), 1, 1), (1, 0, 1), (1, float("nan"), 1), (1, 1, 0)])
def test_what_cannot_be_held_is_refused(polite: tuple[float, float, int]) -> None:
    """A negative pause, no rate, nobody at once."""
    clock = VirtualClock()
    with pytest.raises(OptOutError, match="delay of at least 0"):
        PoliteFetch(Web(clock, {}), Politeness(*polite))


def probed(
    directory: Path, made: Sequence[Mapping[str, Any]], files: Mapping[str, bytes], policy: Policy = corpora.POLICY
) -> Web:  # fmt: skip
    """Probe for a corpus, on a clock of its own; what was seen stands in `store.sqlite`."""
    clock = VirtualClock()
    web = Web(clock, files)
    (shard,) = shards([str(corpora.json_lines(directory / "a.jsonl", made))])
    origins = Origins(directory / "origins.sqlite")
    origins.add([shard], {})

    async def passes() -> None:
        probing = Probing(
            policy, str(directory / "store.sqlite"), web, Politeness(1.0, 20.0, 10),
            now=lambda: corpora.AT + timedelta(seconds=clock.now),
            monotonic=clock.monotonic, sleep=clock.sleep,
        )  # fmt: skip
        try:
            await probing.origins(origins)
            await probing.records([shard], {})
        finally:
            await probing.close()

    clock.run(passes())
    origins.close()
    return web


def test_each_origin_is_asked_once_and_politely(tmp_path: Path) -> None:
    """Many records of a site cost one look at each of its files, with a pause between, and a second pass costs none."""
    made = [{"url": f"https://h{number % 30}.example/{number}"} for number in range(300)]
    web = probed(tmp_path, made, {})
    assert Counter(url for _, url in web.asked) == {
        f"https://h{number}.example/{path}": 1
        for number in range(30) for path in ("robots.txt", ".well-known/tdmrep.json")
    }  # fmt: skip
    assert all(gap >= 1 / 20.0 - 1e-9 for gap in gaps(starts(web)))
    for number in range(30):
        assert all(gap >= 1.0 - 1e-9 for gap in gaps(starts(web, f"h{number}.example")))
    assert probed(tmp_path, made, {}).asked == []


def test_what_robots_settles_for_some_records_is_asked_for_others(tmp_path: Path) -> None:
    """robots.txt closes most of a site: its other files are asked for all the same, since one record lies elsewhere."""
    files = {"https://a.example/robots.txt": b"User-agent: *\nDisallow: /\nAllow: /pub/\nAllow: /.well-known/\n"}
    closed = [{"url": f"https://a.example/{number}"} for number in range(5)]
    web = probed(tmp_path, closed, files)
    assert [url for _, url in web.asked] == ["https://a.example/robots.txt"]
    web = probed(tmp_path, [{"url": "https://a.example/pub/1"}, *closed], files)
    assert [url for _, url in web.asked] == ["https://a.example/.well-known/tdmrep.json"]


RSL = b"""<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>
<prohibits type="usage">train-ai</prohibits></license></content></rsl>"""
NAMING = {
    "https://a.example/robots.txt": b"License: https://a.example/license.xml\nUser-agent: *\nAllow: /\n",
    "https://a.example/license.xml": b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"/></rsl>',
    "https://b.example/.well-known/tdmrep.json": json.dumps([
        {"location": "/one/*", "tdm-reservation": 1, "tdm-policy": "https://b.example/one.json"},
        {"location": "/two/*", "tdm-reservation": 1, "tdm-policy": "https://b.example/two.json"},
    ]).encode(),
    "https://b.example/one.json": b"{}", "https://b.example/two.json": b"{}",
    "https://c.example/c.xml": RSL, "https://d.example/d.json": b"{}",
}  # fmt: skip
NAMED: list[dict[str, Any]] = [
    {"url": "https://a.example/1"},
    {"url": "https://b.example/one/1"}, {"url": "https://b.example/one/2"}, {"url": "https://b.example/two/1"},
    {"url": "https://c.example/1", "html": '<link rel="license" type="application/rsl+xml" href="/c.xml">'},
    {"url": "https://d.example/1", "headers": {"tdm-reservation": "1", "tdm-policy": "https://d.example/d.json"}},
]  # fmt: skip
DOCUMENTS = {
    "https://a.example/license.xml", "https://b.example/one.json", "https://b.example/two.json",
    "https://c.example/c.xml", "https://d.example/d.json",
}  # fmt: skip


def test_documents_that_sites_and_records_name_are_fetched_and_kept(tmp_path: Path) -> None:
    """Licences and policies, of robots.txt, tdmrep.json, pages and headers; each once, and only if they count."""
    web = probed(tmp_path, NAMED, NAMING, EVERYTHING)
    asked = Counter(url for _, url in web.asked)
    assert {url for url in asked if url in NAMING and "robots" not in url and "tdmrep" not in url} == DOCUMENTS
    assert set(asked.values()) == {1}

    async def kept() -> set[str]:
        store = SqliteStore(tmp_path / "store.sqlite")
        found = {url for url in DOCUMENTS if await store.load_document(url)}
        await store.close()
        return found

    assert asyncio.run(kept()) == DOCUMENTS
    assert probed(tmp_path, NAMED, NAMING, EVERYTHING).asked == []
    (tmp_path / "plain").mkdir()
    assert not DOCUMENTS & {url for _, url in probed(tmp_path / "plain", NAMED, NAMING).asked}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append((time.monotonic(), self.headers["Host"], self.path))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the base class
        """Say nothing."""


@pytest.fixture
def loopback() -> Iterator[Any]:
    """Serve every host of 127.0.0.0/8 on one port."""
    server: Any = ThreadingHTTPServer(("0.0.0.0", 0), _Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_killed_pass_goes_on_where_it_was(tmp_path: Path, loopback: Any) -> None:
    """Killed in the middle, it asks nobody again whose answer was written: that takes a second at most."""
    port, count = loopback.server_address[1], 60
    hosts = [f"127.0.{number // 50}.{number % 50 + 2}:{port}" for number in range(count)]
    data = corpora.json_lines(tmp_path / "a.jsonl", [{"url": f"http://{host}/page"} for host in hosts])
    command = [
        sys.executable, "-c", "import sys; from optout_middleware.cli import main; sys.exit(main(sys.argv[1:]))",
        "recheck", str(data), "--out", str(tmp_path / "out"), "--store", str(tmp_path / "store.sqlite"), "--probe",
        "--probe-delay", "0", "--probe-rate", "40", "--product-token", "ExampleCorpusBot", "--register", "none",
        "--workers", "1",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while len(loopback.asked) < count:  # half of two files of each
            time.sleep(0.01)
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
    killed, before = time.monotonic(), len(loopback.asked)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    times: dict[tuple[str, str], list[float]] = {}
    for at, host, path in loopback.asked:
        times.setdefault((host, path), []).append(at)
    assert {host for host, _ in times} == set(hosts)
    assert len(times) == 2 * count
    repeated = [asked for asked in times.values() if len(asked) > 1]
    assert before + len(repeated) < 2 * count
    assert all(len(asked) == 2 and killed - asked[0] < 3.0 for asked in repeated)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["outcomes"] == {"allow": count}
