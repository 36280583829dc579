"""The examples of docs/corpus.md do what they say, run as they stand there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.verify import verify
from optout_middleware.corpus.recheck import RESULTS

from . import corpora

if TYPE_CHECKING:
    from datasets import Dataset  # type: ignore[import-untyped]

DOCUMENT = Path(__file__).parents[2] / "docs" / "corpus.md"
KNOWN = corpora.sites()


def example(heading: str) -> str:
    """Give the longest block of code below a heading."""
    section = DOCUMENT.read_text("utf-8").partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    blocks: list[list[str]] = [[]]
    for line in section.splitlines():
        if line.startswith("    ") or (not line and blocks[-1]):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    _, longest = max((len(block), block) for block in blocks)
    return textwrap.dedent("\n".join(longest))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a directory with a store of evidence that still counts today."""
    monkeypatch.chdir(tmp_path)
    corpora.store(tmp_path / "store.sqlite", at=datetime.now(timezone.utc) - timedelta(hours=1))


def chunked(urls: list[str], size: int) -> Dataset:
    """Give a dataset whose table has several chunks, and a column that has nothing to do with us."""
    from datasets import Dataset, concatenate_datasets  # noqa: PLC0415 - two seconds that other tests do without

    parts = [urls[start : start + size] for start in range(0, len(urls), size)]
    return concatenate_datasets([Dataset.from_dict({"url": part, "n": list(range(len(part)))}) for part in parts])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # datasets forks
def test_the_recipe_for_datasets() -> None:
    """Over two processes, batches of several chunks, and more than one batch: each row has its own result."""
    urls = corpora.urls(12_000)
    spaces: dict[str, Any] = {"__name__": "recipe", "dataset": chunked(urls, 1_700)}
    code = example("datasets").replace("batch_size=10_000", "batch_size=4_000")
    assert "batch_size=4_000" in code
    exec(compile(code, str(DOCUMENT), "exec"), spaces)
    checked, kept = spaces["checked"], spaces["kept"]
    assert checked.column_names == ["url", "n", *RESULTS.names]
    rows = checked.with_format(None)
    assert rows["url"][:] == urls
    assert rows["optout_outcome"][:] == [corpora.outcome(url, KNOWN) for url in urls]
    assert kept["url"][:] == [url for url in urls if corpora.outcome(url, KNOWN) == "allow"]
    check = spaces["check"]
    table = pa.table({"url": pa.chunked_array([urls[:5], urls[5:5], urls[5:9]])})
    assert check(table)["optout_outcome"].to_pylist() == [corpora.outcome(url, KNOWN) for url in urls[:9]]
    assert check(table.slice(0, 0)).schema.names == ["url", *RESULTS.names]
    assert set(rows["optout_works"]) == {"not checkable"}


def test_the_pipeline_of_datatrove(tmp_path: Path) -> None:
    """What is kept and what is excluded is the corpus, and the audit log verifies."""
    (tmp_path / "corpus").mkdir()
    urls = corpora.urls(60)
    for number, part in enumerate((urls[:25], urls[25:])):
        rows = {"url": part, "text": ["x"] * len(part), "id": [f"{number}-{place}" for place in range(len(part))]}
        pq.write_table(pa.table(rows), tmp_path / "corpus" / f"{number}.parquet")
    (tmp_path / "run.py").write_text(example("datatrove"), "utf-8")
    subprocess.run([sys.executable, "run.py"], check=True, capture_output=True, env=os.environ, cwd=tmp_path)
    found = {}
    for name in ("kept", "excluded"):
        tables = [pq.read_table(path) for path in sorted((tmp_path / name).glob("*.parquet"))]
        found[name] = [row["url"] for table in tables for row in table.column("metadata").to_pylist()]
    assert found["kept"] == [url for url in urls if corpora.outcome(url, KNOWN) == "allow"]
    assert found["excluded"] == [url for url in urls if corpora.outcome(url, KNOWN) != "allow"]
    verdict = verify([str(tmp_path / "audit")])
    assert (verdict.findings, verdict.runs) == ((), 2)
