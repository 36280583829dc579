"""`optout recheck --since` and `--as-of` by the command: what is decided anew, and what is recorded."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.reading import Record, records
from optout_middleware.cli import main
from optout_middleware.evidence.archive import Archive

from . import corpora

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 120
SEEN = datetime.now(timezone.utc) - timedelta(hours=1)  # what the command decides by must be of these days


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of whoever runs the tests have a part in them."""
    for name in ("OPTOUT_REGISTER", "OPTOUT_PRODUCT_TOKEN", "OPTOUT_OPERATOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """Check a corpus of two shards; give its directory."""
    (tmp_path / "corpus").mkdir()
    made = [{"url": url} for url in corpora.urls(COUNT)]
    corpora.parquet(tmp_path / "corpus" / "a.parquet", made)
    corpora.json_lines(tmp_path / "corpus" / "b.jsonl", made)
    corpora.store(tmp_path / "store.sqlite", at=SEEN)
    assert recheck(tmp_path, "first", "--store", str(tmp_path / "store.sqlite")) == 0
    return tmp_path


def recheck(directory: Path, out: str, *more: str) -> int:
    """Run the command; give its exit status."""
    return main([
        "recheck", str(directory / "corpus"), "--out", str(directory / out), "--product-token", "ExampleCorpusBot",
        "--register", "none", "--workers", "1", *more,
    ])  # fmt: skip


def report(directory: Path, out: str) -> dict[str, Any]:
    """Give the counts of a job."""
    made: dict[str, Any] = json.loads((directory / out / "report.json").read_text())
    return made


def anew(directory: Path, out: str) -> list[str]:
    """Give the URLs that a job decided about, by its audit log."""
    return [str(row.line["url"]) for row in records([str(directory / out / "audit")]) if isinstance(row, Record)]


def results(directory: Path, out: str) -> list[Any]:
    """Give the results of a job, without the dates."""
    tables = [pq.read_table(path) for path in sorted((directory / out / "results").glob("*.parquet"))]
    return [table.drop_columns(["optout_decided_at"]).to_pylist() for table in tables]


def test_where_nothing_changed_nothing_is_decided_anew(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All results are those of the earlier job, and the log has no line."""
    capsys.readouterr()
    store = ("--store", str(checked / "store.sqlite"))
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), *store) == 0
    shown = capsys.readouterr()
    assert "decided anew: 0; of the others nothing can have changed" in shown.out
    assert "anew" not in shown.err
    assert report(checked, "second")["decided"] == 0
    assert report(checked, "second")["outcomes"] == report(checked, "first")["outcomes"]
    assert anew(checked, "second") == []
    assert results(checked, "second") == results(checked, "first")


def test_one_changed_site_costs_its_records(checked: Path) -> None:
    """New evidence about one site is the only thing that is looked into, and the results are those of a whole job."""
    later = corpora.store(checked / "later.sqlite", {**corpora.ROBOTS, corpora.CLOSED: b""}, SEEN)
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), "--store", later) == 0
    assert recheck(checked, "whole", "--store", later) == 0
    wanted = [url for url in corpora.urls(COUNT) if url.startswith(corpora.CLOSED)]
    assert sorted(anew(checked, "second")) == sorted(wanted * 2)
    assert results(checked, "second") == results(checked, "whole") != results(checked, "first")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--profile", "literal"), "the policy changed"),
        (("--usage", "search"), "the policy changed"),
        (("--column", "title=url"), "the columns changed"),
    ],
)
def test_a_changed_policy_makes_all_new_and_says_so(
    checked: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, str], what: str
) -> None:
    """It is told on standard error, so that nobody takes a long job for a short one."""
    capsys.readouterr()
    store = ("--store", str(checked / "store.sqlite"))
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), *store, *more) == 0
    assert f"optout: all is decided anew, since {what}\n" in capsys.readouterr().err
    assert report(checked, "second")["decided"] == 2 * COUNT


def test_a_changed_register_makes_all_new_and_says_so(checked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another register may name other works and sites."""
    capsys.readouterr()
    store = ("--store", str(checked / "store.sqlite"))
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), *store, "--register", "") == 0
    assert "optout: all is decided anew, since the register changed\n" in capsys.readouterr().err
    assert report(checked, "second")["decided"] == 2 * COUNT


def test_a_chain_of_jobs(checked: Path) -> None:
    """The third job takes over what the second took over from the first."""
    store = ("--store", str(checked / "store.sqlite"))
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), *store) == 0
    assert recheck(checked, "third", "--since", str(checked / "second" / "audit"), *store) == 0
    assert report(checked, "third")["decided"] == 0
    assert results(checked, "third") == results(checked, "first")


def test_results_that_are_gone_make_all_new(checked: Path) -> None:
    """The audit log alone has no results to take over: its shards are decided anew."""
    (checked / "first" / "results" / "000001.parquet").unlink()
    (checked / "first" / "results" / "000000.parquet").write_bytes(b"PAR1 damaged")
    store = ("--store", str(checked / "store.sqlite"))
    assert recheck(checked, "second", "--since", str(checked / "first" / "audit"), *store) == 0
    assert report(checked, "second")["decided"] == 2 * COUNT


def test_whoever_chose_the_day_is_recorded(tmp_path: Path) -> None:
    """In the run manifest, with the day; each record says that it was decided by that day's end."""
    (tmp_path / "corpus").mkdir()
    corpora.json_lines(tmp_path / "corpus" / "a.jsonl", [{"url": f"{corpora.OPEN}/1"}, {"url": f"{corpora.CLOSED}/1"}])
    archive = Archive(tmp_path / "archive", writer="w", policy=corpora.POLICY)
    for item in corpora.evidence(at=datetime(2025, 3, 10, 12, tzinfo=timezone.utc)):
        archive.keep(item)
    archive.close()
    day = ("--as-of", "2025-03-10", "--archive", str(tmp_path / "archive"))
    assert recheck(tmp_path, "out", *day) == 2
    assert recheck(tmp_path, "out", *day, "--as-of-by", "Ada Jones") == 0
    (manifest,) = (json.loads(path.read_text()) for path in (tmp_path / "out" / "audit").glob("run-*.json"))
    said = manifest["settings"]["recheck"]
    assert (said["as_of"], said["as_of_by"], said["at"][:10]) == ("2025-03-10", "Ada Jones", "2025-03-10")
    rows = [json.loads(line)["optout"] for line in (tmp_path / "out" / "data" / "a.jsonl").read_text().splitlines()]
    assert [row["outcome"] for row in rows] == ["allow", "deny"]
    assert {row["decided_at"] for row in rows} == {"2025-03-10T23:59:59.999999+00:00"}
    assert recheck(tmp_path, "out", *day, "--as-of-by", "Bob Smith") == 2  # another job than the one that is there
    assert main(["verify", str(tmp_path / "out" / "audit")]) == 0
