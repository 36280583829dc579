"""What the gate adds to a crawl: CPU per page over bare Scrapy, peak memory, probes a host.

Rule of this file: each crawl is a process of its own that collects the same pages; variants take turns; CPU is user and
system time of the crawling process from its start to its end. The small web runs in another process and counts what it
was asked for.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.crawler import VARIANTS
from benchmarks.loopback import COUNTS
from benchmarks.report import Row, Table, at_most
from benchmarks.samples import HOSTS, OCTETS, PAGES, addresses
from benchmarks.timing import ratios, shown_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Options

_BARE, _OBEY, _COLD, _WARM = VARIANTS
_TARGETS = {_COLD: 1.20, _WARM: 1.05}
_TIMEOUT = 400  # seconds a crawl
_ROOT = Path(__file__).resolve().parent.parent
_MAXRSS = 1 if sys.platform == "darwin" else 1024  # octets in one unit of ru_maxrss


class _Crawl(NamedTuple):
    """What one crawl cost: CPU seconds, octets of memory at the peak, requests other than for pages."""

    cpu: float
    peak: int
    probes: int


def run(options: Options) -> list[Table]:
    """Fill a store for the warm crawls, then let the variants take turns."""
    measured: dict[str, list[_Crawl]] = {variant: [] for variant in VARIANTS}
    names = list(VARIANTS)
    with tempfile.TemporaryDirectory() as made, _small_web() as port:
        directory = Path(made)
        warm = directory / "warm.sqlite"
        _crawl(_COLD, port, directory / "fill", warm)
        for turn in range(options.rounds):
            first = turn % len(names)
            for variant in names[first:] + names[:first]:
                own = directory / f"{turn}-{names.index(variant)}"
                store = warm if variant == _WARM else own / "store.sqlite"
                measured[variant].append(_crawl(variant, port, own, store))
    note = (
        f"{HOSTS} hosts x {PAGES} pages x {OCTETS // 1000} KB, {options.rounds} rounds; CPU of the crawling process, "
        "its start included. Ratio over bare Scrapy in the same round: median (minimum to maximum)."
    )
    columns = ("variant", "CPU, ms a page", "ratio", "peak memory, MiB", "probes a host")
    rows = [_row(variant, crawls, measured[_BARE]) for variant, crawls in measured.items()]
    return [Table("A crawl", columns, rows, note)]


def _row(variant: str, crawls: list[_Crawl], bare: list[_Crawl]) -> Row:
    ratio = ratios([crawl.cpu for crawl in crawls], [crawl.cpu for crawl in bare])
    each = 1e3 * statistics.median(crawl.cpu for crawl in crawls) / HOSTS / PAGES
    peak = statistics.median(crawl.peak for crawl in crawls) / 2**20
    probes = statistics.median(crawl.probes for crawl in crawls) / HOSTS
    cells = (variant, f"{each:.2f}", shown_ratio(ratio), f"{peak:.0f}", f"{probes:.2f}")
    return Row(cells, at_most(statistics.median(ratio), _TARGETS[variant]) if variant in _TARGETS else None)


@contextmanager
def _small_web() -> Iterator[int]:
    """Run the server in a process of its own and give its port."""
    command = [sys.executable, "-m", "benchmarks.loopback"]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def _counts(port: int) -> dict[str, int]:
    connection = HTTPConnection(addresses()[0], port, timeout=30)
    connection.request("GET", COUNTS)
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return counts


def _crawl(variant: str, port: int, directory: Path, store: Path) -> _Crawl:
    """Run one crawl.

    Raises:
        RuntimeError: it did not collect every page once; the message has the end of its log.
    """
    directory.mkdir()
    _counts(port)
    command = [sys.executable, "-m", "benchmarks.crawler", variant, str(port), str(directory), str(store)]
    log = directory / "log.txt"
    with log.open("wb") as writing:
        cpu, peak = _waited(subprocess.Popen(command, cwd=_ROOT, stdout=writing, stderr=writing))
    counts = _counts(port)
    corpus = directory / "corpus.jsonl"
    items = corpus.read_bytes().count(b"\n") if corpus.exists() else 0
    if items != HOSTS * PAGES or counts.pop("pages", 0) != items:
        end = log.read_text("utf-8", "replace")[-3000:]
        raise RuntimeError(f"{variant}: {items} items of {HOSTS * PAGES} pages. The end of its log:\n{end}")
    return _Crawl(cpu, peak, sum(counts.values()))


def _waited(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Wait for a process and give its CPU seconds and its peak of memory, which only `wait4` tells of one child."""
    deadline = time.monotonic() + _TIMEOUT
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"the crawl took more than {_TIMEOUT} seconds")
        time.sleep(0.05)
