"""The audit log: how many lines a second one core writes, and what an allow on a known host costs on disk.

Rule of this file: everything is in: the fields of the line, the hash of the line before, the Merkle tree, personal
values, counts, the write to the operating system, and the compression of segments. Lines go to a temporary directory.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import Row, Table, at_least, at_most
from benchmarks.timing import cpu_seconds
from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.audit.reading import records
from optout_middleware.audit.verify import verify
from optout_middleware.decide import Site
from optout_middleware.policy import Policy
from optout_middleware.settings import SECRET_PARAMS
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.report import Options
    from optout_middleware.terms import Decision

HOSTS, PAGES = 200, 20_000
AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
POLICY, MASK = Policy("ExampleCorpusBot"), Mask(SECRET_PARAMS)
_WORDS = ("council", "bridge", "river", "vote", "night", "market", "school", "photo", "letter", "engine", "press")


def run(options: Options) -> Iterator[Table]:
    """Measure writing, reading, verifying and size."""
    with tempfile.TemporaryDirectory() as directory:
        rates = [_write(Path(directory) / str(turn), options.seed) for turn in range(options.rounds)]
        first = str(Path(directory) / "0")
        read = PAGES / cpu_seconds(lambda: sum(1 for _ in records([first])))
        verified = PAGES / cpu_seconds(lambda: verify([first]))
        size = sum(path.stat().st_size for path in Path(first).glob("*.jsonl.gz")) / PAGES
    rate = statistics.median(rates)
    yield Table(
        "The audit log",
        ("what", "figure"),
        (
            Row(
                ("lines a second, written", f"{rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"),
                at_least(rate, 20_000),
            ),
            Row(("octets of an allow on a known host, compressed", f"{size:.1f}"), at_most(size, 150)),
            Row(("lines a second, read in full", f"{read:,.0f}")),
            Row(("lines a second, verified", f"{verified:,.0f}")),
        ),
        f"{PAGES:,} allowed pages of {HOSTS} hosts in random order, heads of sites included; CPU time of one process.",
    )


@cache
def _decisions(seed: int) -> list[Decision]:
    """Decide about pages of many hosts, in random order, at random times."""
    chance = random.Random(seed)
    sites = []
    for number in range(HOSTS):
        origin = f"https://www.{chance.choice(_WORDS)}{number}.example"
        robots = b"User-agent: *\nDisallow: /private\n# %d\n" % number
        files = [
            Evidence(f"{origin}/robots.txt", 200, (), robots, AT),
            Evidence(f"{origin}/.well-known/tdmrep.json", 404, (), b"%d" % number, AT),
        ]
        sites.append((origin, Site.read(files, POLICY)))
    decisions, at = [], AT
    for number in range(PAGES):
        origin, site = chance.choice(sites)
        at += timedelta(microseconds=chance.randrange(100_000))
        words = "-".join(chance.choices(_WORDS, k=3))
        url = f"{origin}/{at:%Y/%m}/{words}-{chance.randrange(1_000_000)}.html"
        page = Evidence(url, 200, (("content-type", "text/html"),), b"<html>%d" % number, at)
        decisions.append(site.decide(url, asset=page, at=at + timedelta(microseconds=chance.randrange(3_000))))
    return decisions


def _write(directory: Path, seed: int) -> float:
    """Write all lines; give lines a second of CPU time."""
    decisions, chance = _decisions(seed), random.Random(seed)
    log = AuditLog(
        directory, run="R", writer="main", operator="", policy=POLICY, settings={},
        now=lambda: datetime.now(timezone.utc),
    )  # fmt: skip
    sizes = [chance.randrange(2_000, 200_000) for _ in decisions]

    def write() -> None:
        for decision, size in zip(decisions, sizes, strict=True):
            log.write(
                line("response", decision, final_url=decision.url, size=size, action="keep", dry_run=False, mask=MASK)
            )
        log.close({})

    return PAGES / cpu_seconds(write)
