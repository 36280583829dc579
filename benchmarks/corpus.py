"""A re-check: URLs a second from warm evidence, and HTML records of WARC a second.

Rule of this file: whole tasks on one core, with reading, deciding, audit lines and writing; the store of evidence is on
disk and known, nobody is asked anything. Records come site by site, as they do in the indexes of web archives.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import resource
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from benchmarks.report import Row, Table, at_least, at_most
from benchmarks.robots_corpus import site
from benchmarks.samples import AT, page
from optout_middleware.corpus.records import shards
from optout_middleware.corpus.shard import Plan, Task
from optout_middleware.corpus.shard import run as done
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Options

POLICY = Policy("ExampleCorpusBot")
PER_HOST = 10
PAGES = 4_000  # records of the WARC file
_ROBOTS = b"User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n# %d\n"
_LATER = AT + timedelta(hours=1)


def run(options: Options) -> Iterator[Table]:
    """Measure Parquet with full and grouped audit, over plain and over varied robots.txt files; then WARC."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rows = []
        for what in ("plain", "varied"):
            plan = _plan(directory / what, options.urls // PER_HOST, options.seed, varied=what == "varied")
            path = _parquet(directory / what / "a.parquet", options.urls, options.seed)
            for audit, target in (("full", 30_000), ("grouped", 100_000)):
                seconds = _seconds(replace(plan, audit=audit), path, directory)
                rate = options.urls / seconds
                rows.append(
                    Row((f"URLs a second, audit {audit}, {what} robots.txt", f"{rate:,.0f}"), at_least(rate, target))
                )
        path = _warc(directory / "a.warc.gz", options.urls // PER_HOST, options.seed)
        plan = _plan(directory / "plain", 0, options.seed, varied=False)
        _seconds(plan, path, directory)  # what is loaded and compiled at the first page is start-up
        rate = PAGES / _seconds(plan, path, directory)
        rows.append(Row(("HTML records of WARC a second", f"{rate:,.0f}"), at_least(rate, 4_000)))
        unit = 2**20 if sys.platform == "darwin" else 2**10  # octets there, kibibytes elsewhere
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        rows.append(Row(("memory at most, MB, making the corpus included", f"{peak:,.0f}"), at_most(peak, 500)))
    yield Table(
        "A re-check on one core",
        ("what", "figure"),
        rows,
        f"{options.urls:,} URLs over {options.urls // PER_HOST:,} hosts, site by site; CPU time of a task.",
    )


def _seconds(plan: Plan, path: Path, directory: Path) -> float:
    """Give the CPU seconds of a task."""
    (shard,) = shards([str(path)])
    task = Task(plan, shard, 0, str(directory / "task"))
    start = time.process_time()
    said = done(task)
    if "incomplete" in said:
        raise RuntimeError(said["incomplete"])
    return time.process_time() - start


def _plan(directory: Path, hosts: int, seed: int, *, varied: bool) -> Plan:
    """Make a store with evidence about hosts, and the plan that reads it."""
    directory.mkdir(exist_ok=True)
    store = str(directory / "store.sqlite")

    async def fill() -> None:
        made = SqliteStore(store)
        for number in range(hosts):
            origin = _origin(number)
            body = site(number, seed).body if varied else _ROBOTS % number
            status = 404 if body is None else 200
            await made.save(
                [
                    Evidence(f"{origin}/robots.txt", status, (), body or b"", AT),
                    Evidence(f"{origin}/.well-known/tdmrep.json", 404, (), b"", AT),
                ]
            )
        await made.close()

    asyncio.run(fill())
    return Plan("R", POLICY, _LATER, "tag", "full", store=store, register="none")


def _origin(number: int) -> str:
    return f"https://www.host{number}.example"


def _urls(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        f"{_origin(number // PER_HOST)}/2026/11/{chance.randrange(10**6)}/the-bridge?page={number % 7}"
        for number in range(count)
    ]


def _parquet(path: Path, count: int, seed: int) -> Path:
    pq.write_table(pa.table({"url": _urls(count, seed), "id": list(range(count))}), path)
    return path


def _warc(path: Path, hosts: int, seed: int) -> Path:
    chance = random.Random(seed)
    html = page(1)
    with path.open("wb") as file:
        for number in range(PAGES):
            url = f"{_origin(number * hosts // PAGES)}/{chance.randrange(10**6)}"
            block = (
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + b"<!-- %d -->" % number
            )
            head = (
                f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-11-01T10:00:00Z\r\n"
                f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
            )
            file.write(gzip.compress(head.encode() + block + b"\r\n\r\n", 6, mtime=0))
    return path
