"""`optout report`, `training-summary`, `export` and `notice report`: what they write, and their exit status."""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.cli import export, main, report, training_summary
from optout_middleware.decide import decide
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence, OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime.now(timezone.utc)
POLICY = Policy("FooBot", locations=("robots.txt",))
RUN = "20261124T120000Z-aaaaaa"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give a way to run one of the commands: exit status, output, errors."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        top = argparse.ArgumentParser()
        commands: Any = top.add_subparsers()
        for command in (report, training_summary, export):
            command.add_to(commands)
        chosen = top.parse_args(arguments)
        status = int(chosen.run(chosen))
        told = capsys.readouterr()
        return status, told.out, told.err

    return ran


@pytest.fixture
def audit(tmp_path: Path) -> str:
    """Give the directory of a crawl of three pages, one of which waits for a person."""
    at = NOW - timedelta(days=2)
    directory = tmp_path / "audit"
    log = AuditLog(directory, run=RUN, writer="main", operator="House", policy=POLICY, settings={}, now=lambda: at)
    for url, headers in (
        ("https://songs.example/mine/1", []), ("https://songs.example/yours", []),
        ("https://poems.example/1", [("x-robots-tag", "OtherBot: noai")]),
    ):  # fmt: skip
        host = "/".join(url.split("/")[:3])
        seen = [Evidence(f"{host}/robots.txt", 404, (), b"", at), Evidence(url, 200, headers, b"", at)]
        decision = decide(url, seen, POLICY)
        action = "keep" if decision.outcome.value == "allow" else "drop"
        log.write(line("response", decision, final_url=url, size=10, action=action, dry_run=False, mask=Mask(())))
    log.close({})
    return str(directory)


def test_report(run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path) -> None:
    """One file, or the figures of a part as JSON."""
    path = tmp_path / "report.html"
    status, out, err = run("report", audit, "-o", str(path), "--title", "Report of <House>")
    assert (status, out, err) == (0, f"{path}: 3 decisions of 1 runs\n", "")
    assert "<title>Report of &lt;House&gt;</title>" in path.read_text("utf-8")
    assert json.loads(run("report", audit, "--part", "totals")[1])["pending"] == 1
    assert json.loads(run("report", audit, "--json")[1])["runs"]["of"] == 1
    assert json.loads(run("report", audit, "--aggregates", "--part", "totals")[1])["pending"] == 1
    with pytest.raises(OptOutError, match="aggregates do not give queue"):
        run("report", audit, "--aggregates", "--part", "queue")


def test_report_of_a_damaged_log(run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path) -> None:
    """It is written, and the exit status tells."""
    (tmp_path / "audit" / f"{RUN}-main-000001.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    status, _, err = run("report", audit, "-o", str(tmp_path / "r.html"))
    assert (status, err) == (1, "optout: 1 lines or files could not be read\n")


def test_report_looks_at_rulings(run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path) -> None:
    """With --register, what was answered meanwhile leaves the queue."""
    register = str(tmp_path / "register.sqlite")
    assert json.loads(run("report", audit, "--part", "queue")[1])["of"] == 1
    until = (NOW + timedelta(days=9)).date().isoformat()
    assert main([
        "register", "ruling", "add", "finding=named-bot", "scope=poems.example", "outcome=deny", "reason=asked",
        f"valid_from={NOW.date().isoformat()}", f"valid_until={until}", "--by", "A. Example", "--register", register,
    ]) == 0  # fmt: skip
    found = json.loads(run("report", audit, "--part", "queue", "--register", register)[1].splitlines()[-1])
    assert (found["of"], found["rulings_asked"]) == (0, True)


@pytest.mark.parametrize("command", [["report"], ["training-summary", "--format", "html"], ["export"]])
def test_a_file_that_cannot_be_written(
    run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path, command: list[str]
) -> None:
    """One line says so; a directory that is not there, too."""
    with pytest.raises(OptOutError, match="cannot write"):
        run(command[0], audit, *command[1:], "-o", str(tmp_path / "none" / "file"))
    with pytest.raises(OptOutError, match="is not there"):
        run(command[0], f"{audit}-typo", *command[1:], "-o", str(tmp_path / "file"))


def test_training_summary(run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path) -> None:
    """Markdown by default, JSON and HTML on demand."""
    assert run("training-summary", audit)[1].startswith("# Public summary of training content")
    summary = json.loads(run("training-summary", audit, "--format", "json", "--model", "Example-1")[1])
    assert summary["basis"] == "collected"
    path = tmp_path / "summary.html"
    status, out, _ = run("training-summary", audit, "--format", "html", "-o", str(path))
    assert (status, "fields need a person" in out) == (0, True)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    (tmp_path / "audit" / f"{RUN}-main-000001.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    status, out, err = run("training-summary", audit, "--format", "json")
    assert (status, json.loads(out)["damaged"], "1 lines or files of the logs could not be read" in err) == (1, 1, True)


def test_export(run: Callable[..., tuple[int, str, str]], audit: str, tmp_path: Path) -> None:
    """A row a decision; nothing unfinished stays behind."""
    path = tmp_path / "audit.parquet"
    assert run("export", audit, "-o", str(path)) == (0, f"{path}: 3 decisions\n", "")
    assert pq.read_table(path).column("outcome").to_pylist() == ["allow", "allow", "pending"]
    (tmp_path / "audit" / f"{RUN}-main-000001.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    status, out, err = run("export", audit, "-o", str(path))
    assert (status, out, err[:10]) == (1, f"{path}: 0 decisions\n", "optout: 1 ")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audit", "audit.parquet"]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OptOutError, match="it is no file, and would be replaced"):
        run("export", audit, "-o", str(tmp_path / "pipe"))
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(("language", "title"), [("en", "What became of your letter"), ("fr", "Les suites données")])
def test_notice_report(
    audit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, title: str
) -> None:
    """From a letter that was taken in to a page about it, in both languages."""
    letter, register = tmp_path / "letter.txt", str(tmp_path / "register.sqlite")
    letter.write_text("nothing on https://songs.example/mine/ and on poems.example may be used.\nAda Invented\n")
    added = ["notice", "add", str(letter), "--from", "Ada Invented", "--received", "2026-11-20", "--by", "A. Example"]
    assert main([*added, "--register", register]) == 0
    identity = capsys.readouterr().out.split()[1].strip(":")
    asked = ["notice", "report", identity[:6], audit, "--register", register]
    assert main([*asked, "--lang", language]) == 0
    page = capsys.readouterr().out
    assert title in page
    assert "A. Example" not in page
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {kind: count for kind, count in told["counts"].items() if count} == {"pending": 1, "before": 1}
    assert main([*asked, "-o", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out.endswith(f"notice {identity}: 1 pending, 1 before\n")
    assert main([*asked, "-o", str(tmp_path / "none" / "page.html")]) == 2
    (tmp_path / "audit" / f"{RUN}-main-000001.jsonl.gz").unlink()
    capsys.readouterr()
    assert main([*asked, "-o", str(tmp_path / "page.html")]) == 1
    assert "do not send this report" in capsys.readouterr().err
