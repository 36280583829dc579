"""The command: `python -m benchmarks [NAME...]` runs the named benchmarks, by default all of them.

Rule of this file: arguments and output only. The exit status tells whether the benchmarks ran, not how fast: a missed
target is a row of the table.
"""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import audit, corpus, crawl, decide, engines, linear, memory, read, register
from benchmarks.register_pairs import PAIRS
from benchmarks.report import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.report import Table

BENCHMARKS: Mapping[str, Callable[[Options], Iterable[Table]]] = {
    "crawl": crawl.run,
    "memory": memory.run,
    "decide": decide.run,
    "read": read.run,
    "linear": linear.run,
    "audit": audit.run,
    "register": register.run,
    "corpus": corpus.run,
    "engines": engines.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks and print a table for each."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="What the package costs, as ratios in one run."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="turns that each variant takes (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the generated robots.txt files (default 1)")
    parser.add_argument("--real", type=Path, metavar="DIR", help="use the robots.txt files in DIR, one site a file")
    parser.add_argument("--works", type=int, default=200_000, help="of the synthetic register (default 200,000)")
    parser.add_argument("--urls", type=int, default=1_000_000, help="of the corpus of a re-check (default 1,000,000)")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is named {unknown[0]}: choose of {', '.join(BENCHMARKS)}")
    if given.rounds < 1:
        parser.error("--rounds is at least 1")
    if given.works < PAIRS:
        parser.error(f"--works is at least {PAIRS}")
    if given.real is not None and not given.real.is_dir():
        parser.error(f"{given.real} is not a directory")
    packages = ", ".join(f"{name} {version(name)}" for name in ("scrapy", "protego"))
    sys.stdout.write(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {packages}\n\n")
    for name in given.names or BENCHMARKS:
        for table in BENCHMARKS[name](Options(given.rounds, given.seed, given.real, given.works, given.urls)):
            sys.stdout.write(table.to_markdown() + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
