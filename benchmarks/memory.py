"""Resident memory per known host: what a crawl pays to remember what a site said.

Rule of this file: growth of the resident set of a fresh process while it comes to know sites, divided by their number.
Evidence is made, read and let go one site at a time, as in a crawl. What a crawl keeps is `Gather`; a dictionary of
sites by origin shows how much of it is the sites themselves.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Row, Table, at_most
from benchmarks.robots_corpus import corpus
from benchmarks.samples import AT
from optout_middleware import Evidence, Policy, Site
from optout_middleware.evidence.gather import Gather

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.report import Options
    from benchmarks.robots_corpus import RobotsFile
    from optout_middleware.evidence.fetch import Limits

_HOSTS = 50_000
_AVERAGE = 1024  # octets a host
_MEDIAN_FILE = 600
# Sites made and let go first: more than the caches of opened sites hold, which is no cost of a further host.
_WARM_UP = 3_000
_NEAR_MEDIAN = 0.05  # of the files that are nearest to the median in size, on each side
_TIMEOUT = 900  # seconds
_PAGE = os.sysconf("SC_PAGE_SIZE")
_POLICY = Policy("ExampleAICrawler")


class _Replay:
    """Gives the evidence of one site in place of fetching it."""

    def __init__(self, file: RobotsFile) -> None:
        self._seen = {evidence.url: evidence for evidence in _evidence(file)}

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Give what that URL answers."""
        del limits, known  # nothing is fetched
        return self._seen[url]


class _Forgetful:
    """A store that keeps nothing, so that memory alone is measured."""

    async def load(self, _origin: str) -> list[Evidence]:
        """Give nothing."""
        return []

    async def load_document(self, _url: str) -> list[Evidence]:
        """Give nothing."""
        return []

    async def save(self, batch: Sequence[Evidence]) -> None:
        """Keep nothing."""

    async def close(self) -> None:
        """Close nothing."""


def run(options: Options) -> list[Table]:
    """Measure the average over the mix, then files of median size alone, each in a process of its own."""
    rows = [
        _row(f"{files}, {keeper}", _measured(choice, keeper, options), bound)
        for choice, files, bound in (("mix", "the mix", _AVERAGE), ("median", "median files only", _MEDIAN_FILE))
        for keeper in ("gather", "dict")
    ]
    columns = ("sites, kept by", "number", "robots.txt, mean octets", "resident, octets a host")
    note = "Growth of the resident set over the number of sites; two locations each, tdmrep.json 404."
    return [Table("Memory per known host", columns, rows, note)]


def _row(what: str, measured: dict[str, float], bound: int) -> Row:
    resident = measured["resident"]
    cells = (what, f"{measured['sites']:,.0f}", f"{measured['text']:,.0f}", f"{resident:,.0f}")
    return Row(cells, at_most(resident, bound))


def _measured(choice: str, keeper: str, options: Options) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory", choice, keeper, str(options.seed), str(options.real or "")]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, timeout=_TIMEOUT)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _resident() -> int:
    gc.collect()
    statm = Path("/proc/self/statm")  # Linux; elsewhere there is no figure of the present, only of the peak
    return int(statm.read_text("ascii").split()[1]) * _PAGE


def _evidence(file: RobotsFile) -> tuple[Evidence, Evidence]:
    status = 404 if file.body is None else 200
    headers = [("Content-Type", "text/plain")]
    robots = Evidence(f"{file.origin}/robots.txt", status, headers, file.body or b"Not Found", AT)
    return robots, Evidence(f"{file.origin}/.well-known/tdmrep.json", 404, headers, b"Not Found", AT)


def _in_dict(files: Iterable[RobotsFile]) -> dict[str, Site]:
    """Keep the sites themselves by origin."""
    return {file.origin: Site.read(_evidence(file), _POLICY) for file in files}


async def _in_gather(files: Iterable[RobotsFile]) -> Gather:
    """Let a `Gather` probe each site once; all of them stay in its memory."""
    gather = Gather(_POLICY, _Forgetful(), now=lambda: AT, max_sites=_HOSTS)
    for file in files:
        await gather.site(f"{file.origin}/", _Replay(file))
    return gather


def _median_files(seed: int, real: Path | None) -> list[RobotsFile]:
    """Give the files of about median size, among the sites that have one."""
    count = _HOSTS // 10 if real is None else sum(path.is_file() for path in real.rglob("*"))
    found = sorted((file for file in corpus(count, seed, real) if file.body), key=lambda file: len(file.body or b""))
    middle, span = len(found) // 2, max(1, round(len(found) * _NEAR_MEDIAN))
    return found[middle - span : middle + span]


def _known(keeper: str, files: Iterable[RobotsFile]) -> dict[str, Site] | Gather:
    return _in_dict(files) if keeper == "dict" else asyncio.run(_in_gather(files))


def _child(choice: str, keeper: str, seed: int, real: Path | None) -> dict[str, float]:
    few = _median_files(seed, real) if choice == "median" else []
    text = 0

    def files() -> Iterator[RobotsFile]:
        nonlocal text
        many = (few[number % len(few)] for number in range(_HOSTS)) if few else corpus(_HOSTS, seed, real)
        for number, file in enumerate(many):
            text += len(file.body or b"")
            yield file._replace(origin=f"https://www.host-{number:06}.example")

    _known(keeper, corpus(_WARM_UP, seed + 1))
    before = _resident()
    known = _known(keeper, files())
    resident = _resident() - before
    del known
    return {"sites": _HOSTS, "text": text / _HOSTS, "resident": resident / _HOSTS}


def main(arguments: Sequence[str]) -> None:
    """Be the child process: print what was measured as JSON."""
    choice, keeper, seed, real = arguments
    sys.stdout.write(json.dumps(_child(choice, keeper, int(seed), Path(real) if real else None)))


if __name__ == "__main__":
    main(sys.argv[1:])
