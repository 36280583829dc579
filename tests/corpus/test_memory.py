"""A shard of any number of rows needs the memory of a few batches."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from . import corpora

if TYPE_CHECKING:
    from pathlib import Path

FEW, MANY = 100_000, 300_000
MOST_GROWTH = 40  # MB, for three times the rows; a third of the larger shard in memory would be twice that
# Of /proc, since ru_maxrss counts what the process that started this one had, too.
PEAK = """
import sys
from pathlib import Path
from optout_middleware.cli import main
assert main(sys.argv[1:]) == 0
(line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(line.split()[1]) // 1024, file=sys.stderr)
"""


def peak(directory: Path, rows: int, *more: str) -> int:
    """Check a Parquet file of so many rows again; give the most memory that the process had, in MB."""
    data = directory / f"{rows}.parquet"
    if not data.exists():
        urls = [f"{(corpora.OPEN, corpora.CLOSED)[number % 2]}/page/{number:09d}/of/many" for number in range(rows)]
        table = pa.table({"url": urls, "text": [f"{number} words of a page " * 40 for number in range(rows)]})
        pq.write_table(table, data, row_group_size=50_000)
    command = [
        sys.executable, "-c", PEAK, "recheck", str(data), "--out", str(directory / f"{rows}{'-'.join(more)}"),
        "--store", str(directory / "store.sqlite"), "--product-token", "ExampleCorpusBot", "--register", "none",
        "--workers", "1", *more,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1])


@pytest.mark.parametrize("more", [("--audit", "grouped"), ("--audit", "grouped", "--action", "drop")])
def test_memory_does_not_grow_with_rows(tmp_path: Path, more: tuple[str, ...]) -> None:
    """Three times the rows, the same memory."""
    corpora.store(tmp_path / "store.sqlite")
    few, many = (peak(tmp_path, rows, *more) for rows in (FEW, MANY))
    assert many - few < MOST_GROWTH
    assert many < 500
