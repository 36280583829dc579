"""Decisions per second on one core: `Site.decide` with a new URL each call.

Rule of this file: the site is known and open, as in a crawl that is under way; no URL is asked twice.
"""

from __future__ import annotations

import itertools
import statistics
from typing import TYPE_CHECKING

from benchmarks.report import Row, Table, at_least
from benchmarks.robots_corpus import KINDS, site
from benchmarks.samples import AT, page, tdmrep
from benchmarks.timing import interleaved
from optout_middleware import Evidence, Policy, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.report import Options

_POLICY = Policy("ExampleAICrawler")
_ORIGIN = "https://www.news.example"
_TARGET = 50_000  # decisions a second
_CALLS = 2_000  # decisions in one measured call
_HTML = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "20000"), ("Server", "example")]
_BY_PATH = b"User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /press/ train-ai=y\nDisallow: /admin/\n"


def run(options: Options) -> list[Table]:
    """Measure each kind of site without an asset, then two of them with the page's own response."""
    sites = _sites(options.seed)
    urls = (f"{_ORIGIN}/articles/2026/11/{number}/the-bridge?page={number % 7}" for number in itertools.count())
    alone = interleaved({name: _asking(made, urls) for name, made in sites.items()}, options.rounds)
    body = page(1)
    named = {name: _judging(sites[name], urls, body) for name in ("none", "wordpress", "cloudflare")}
    judged = interleaved(named, options.rounds)
    return [
        _table("Decisions before the fetch (`Site.decide`, no asset)", alone, _TARGET),
        _table("Decisions on a fetched HTML page of 20 KB (`Site.decide` with its asset)", judged, None),
    ]


def _table(title: str, measured: Mapping[str, list[float]], target: int | None) -> Table:
    rows = []
    for name, seconds in measured.items():
        rate = _CALLS / statistics.median(seconds)
        bound = None if target is None else at_least(rate, target, "/s")
        rows.append(Row((name, f"{rate:,.0f}/s", f"{1e6 / rate:.1f}"), bound))
    return Table(title, ("site", "decisions", "microseconds each"), rows, "One core, a new URL each call, median.")


def _sites(seed: int) -> dict[str, Site]:
    """Make a site of each kind: with the file that is of median size among 99 of its kind."""
    files: dict[str, bytes | None] = {"none": None}
    for kind in KINDS:
        made = sorted((site(number, seed, kind).body or b"" for number in range(99)), key=len)
        files[kind] = made[len(made) // 2]
    files["content-usage by path"] = _BY_PATH
    sites = {name: _site(body) for name, body in files.items()}
    sites["tdmrep.json, 1 rule"] = _site(None, tdmrep(1))
    sites["tdmrep.json, 50 rules"] = _site(None, tdmrep(50))
    return sites


def _site(robots: bytes | None, reserved: bytes | None = None) -> Site:
    return Site.read((_file("/robots.txt", robots), _file("/.well-known/tdmrep.json", reserved)), _POLICY)


def _file(path: str, body: bytes | None) -> Evidence:
    return Evidence(_ORIGIN + path, 404 if body is None else 200, (), body or b"", AT)


def _asking(known: Site, urls: Iterator[str]) -> Callable[[], object]:
    def ask() -> None:
        for url in itertools.islice(urls, _CALLS):
            known.decide(url, at=AT)

    return ask


def _judging(known: Site, urls: Iterator[str], body: bytes) -> Callable[[], object]:
    """Judge new responses: what a response costs once, such as its hash, counts for each."""

    def judge() -> None:
        for url in itertools.islice(urls, _CALLS):
            known.decide(url, asset=Evidence(url, 200, _HTML, body, AT), at=AT)

    return judge
