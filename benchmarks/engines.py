"""The engines of a re-check: Ray against the process pool, on the same two workers, once they run.

Rule of this file: whole jobs that take turns, each over the same shards. What is timed is from the second result of a
job to its last: by then both workers have started. Wall time, since what is compared is how well workers are kept busy;
so it counts only on a machine where nothing else runs, and the load stands with the figures.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from benchmarks.report import Row, Table, at_most
from benchmarks.samples import AT
from benchmarks.timing import ratios, shown_ratio
from optout_middleware.corpus.job import Job
from optout_middleware.corpus.pool import Processes
from optout_middleware.corpus.records import shards
from optout_middleware.corpus.shard import Plan
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.report import Options
    from optout_middleware.corpus.pool import Engine

WORKERS, SHARDS, PER_HOST = 2, 20, 10
_STARTED = 2  # results after which the clock starts
_LATER = AT + timedelta(hours=1)


def run(options: Options) -> Iterator[Table]:
    """Measure both engines in turns."""
    import ray  # noqa: PLC0415 - an extra, which other benchmarks do without

    from optout_middleware.corpus.on_ray import OnRay  # noqa: PLC0415

    seconds: dict[str, list[float]] = {"processes": [], "ray": []}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        plan = _made(directory, options.urls, options.seed)
        ray.init("local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        engines: dict[str, Engine] = {"processes": Processes(WORKERS), "ray": OnRay(WORKERS)}
        try:
            for turn in range(options.rounds):
                for what in sorted(engines, reverse=bool(turn % 2)):
                    seconds[what].append(_seconds(directory, f"{what}{turn}", plan, engines[what]))
        finally:
            ray.shutdown()
    rate = {what: options.urls * (SHARDS - _STARTED) / SHARDS / min(taken) for what, taken in seconds.items()}
    compared = ratios(seconds["ray"], seconds["processes"])
    rows = [Row((f"URLs a second by {what}, best round", f"{found:,.0f}")) for what, found in rate.items()]
    target = at_most(statistics.median(compared), 1.25)
    rows.append(Row(("time by ray over time by processes", shown_ratio(compared)), target))
    yield Table(
        "Engines of a re-check, two workers",
        ("what", "figure"),
        rows,
        f"{options.urls:,} URLs in {SHARDS} shards, full audit; load average {load:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after.",
    )


def _seconds(directory: Path, name: str, plan: Plan, engine: Engine) -> float:
    """Give the seconds from the second result of a job to the last."""
    out = directory / name
    ended: list[float] = []

    def told(_: Mapping[str, Any]) -> None:
        ended.append(time.perf_counter())

    Job(
        str(out), str(out / "audit"), plan, shards([str(directory / "corpus")]), settings={}, register_snapshot="",
        now=lambda: AT,
    ).run(engine, told)  # fmt: skip
    return ended[-1] - ended[_STARTED - 1]


def _made(directory: Path, count: int, seed: int) -> Plan:
    """Make a corpus of shards, and a store with evidence about its hosts; give the plan that reads it."""
    store, corpus = str(directory / "store.sqlite"), directory / "corpus"

    async def fill() -> None:
        made = SqliteStore(store)
        for number in range(-(-count // PER_HOST)):
            robots = b"User-agent: *\nDisallow: /wp-admin/\n# %d\n" % number
            files = (("/robots.txt", 200, robots), ("/.well-known/tdmrep.json", 404, b""))
            await made.save([Evidence(_origin(number) + path, status, (), body, AT) for path, status, body in files])
        await made.close()

    asyncio.run(fill())
    corpus.mkdir()
    chance = random.Random(seed)
    size = count // SHARDS
    for shard in range(SHARDS):
        numbers = range(shard * size, (shard + 1) * size)
        urls = [f"{_origin(number // PER_HOST)}/2026/{chance.randrange(10**6)}" for number in numbers]
        pq.write_table(pa.table({"url": urls}), corpus / f"{shard:03d}.parquet")
    return Plan("-", Policy("ExampleCorpusBot"), _LATER, "tag", "full", store=store, register="none")


def _origin(number: int) -> str:
    return f"https://www.host{number}.example"
