"""`optout notice`, `optout reserve` and `optout pending`: letters, the queue, rulings in bulk."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.cli import main
from optout_middleware.decide import decide
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime.now(timezone.utc)
POLICY = Policy("FooBot", locations=("robots.txt",))
LETTER = "Dear crawler,\nnothing on https://songs.example/mine/ and on poems.example may be used.\nAda Invented\n"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give a way to run a command on a register of its own: exit status, output, errors."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        status = main([*arguments, "--register", str(tmp_path / "register.sqlite")])
        told = capsys.readouterr()
        return status, told.out, told.err

    return ran


@pytest.fixture
def letter(tmp_path: Path) -> str:
    """Give the path of a letter."""
    path = tmp_path / "letter.txt"
    path.write_text(LETTER)
    return str(path)


def audit(directory: Path, urls: list[str], *, days_ago: int = 0, header: str = "OtherBot: noai") -> str:
    """Write the log of a crawl in which a header of each page asks another bot to keep off, so that a person looks."""
    at = NOW - timedelta(days=days_ago)
    log = AuditLog(directory, run="20261124T120000Z-aaaaaa", writer="main", operator="House", policy=POLICY,
                   settings={}, now=lambda: at)  # fmt: skip
    for url in urls:
        host = "/".join(url.split("/")[:3])
        seen = [
            Evidence(f"{host}/robots.txt", 404, (), b"", at),
            Evidence(url, 200, [("x-robots-tag", header)], b"", at),
        ]
        decision = decide(url, seen, POLICY)
        log.write(line("response", decision, final_url=url, size=0, action="drop", dry_run=False, mask=Mask(())))
    log.close({})
    return str(directory)


def test_a_letter_is_taken_in_once(run: Callable[..., tuple[int, str, str]], letter: str) -> None:
    """It says what it names; the identical one is recognised."""
    arguments = ["notice", "add", letter, "--from", "Ada Invented", "--received", "2026-11-20", "--by", "A. Example"]
    status, out, _ = run(*arguments, "--due", "2026-11-22")
    assert status == 0
    assert "recorded, and in force" in out
    assert "0 parties, 0 works, 1 domains, 1 URLs" in out
    assert "known already" in run(*arguments)[1]
    assert "OVERDUE" in run("notice", "list")[1]
    (shown,) = json.loads(run("notice", "list", "--json")[1])
    assert (shown["sender"], shown["overdue"]) == ("Ada Invented", True)


def test_a_letter_is_answered_and_closed(run: Callable[..., tuple[int, str, str]], letter: str) -> None:
    """Each step is recorded; a closed one is listed with --all only."""
    run("notice", "add", letter, "--from", "Ada Invented", "--received", "2026-11-20", "--by", "A. Example")
    identity = json.loads(run("notice", "list", "--json")[1])[0]["id"]
    assert "answered on 2026-11-23" in run(
        "notice", "answer", identity, "--text", "we comply", "--by", "A. Example", "--on", "2026-11-23"
    )[1]  # fmt: skip
    assert "goes on to restrict" in run(
        "notice", "close", identity, "--reason", "done", "--by", "A. Example", "--upheld"
    )[1]  # fmt: skip
    assert "0 notices" in run("notice", "list")[1]
    assert "1 notices" in run("notice", "list", "--all")[1]
    status, _, err = run("notice", "answer", identity, "--text", "again", "--by", "A. Example")
    assert (status, "is closed" in err) == (2, True)


def test_preview_counts_what_a_letter_hits(
    run: Callable[..., tuple[int, str, str]], letter: str, tmp_path: Path
) -> None:
    """Before it is taken in, and by its id after."""
    urls = ["https://songs.example/mine/1", "https://songs.example/other", "https://www.poems.example/"]
    directory = audit(tmp_path / "audit", urls)
    shown = json.loads(run("notice", "preview", letter, directory, "--json")[1])
    assert (shown["lines"], shown["hit"]) == (3, 2)
    run("notice", "add", letter, "--from", "Ada", "--received", "2026-11-20", "--by", "A. Example")
    identity = json.loads(run("notice", "list", "--json")[1])[0]["id"]
    assert "hits 2 of 3 lines" in run("notice", "preview", identity, directory)[1]


def test_reserve_is_one_line(run: Callable[..., tuple[int, str, str]]) -> None:
    """A domain, a name, a reason; again, it is known."""
    arguments = ["reserve", "songs.example", "--by", "A. Example", "--reason", "asked by telephone"]
    assert "songs.example is reserved, by notice" in run(*arguments)[1]
    assert "known already" in run(*arguments)[1]
    (shown,) = json.loads(run("notice", "list", "--json")[1])
    assert (shown["domains"], shown["authority"]) == (["songs.example"], "asked by telephone")


def test_the_queue_is_answered_in_bulk(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Causes as CSV, answers from CSV, released URLs as seeds."""
    urls = [f"https://{host}.example/{number}" for host in ("one", "two") for number in range(30)]
    directory = audit(tmp_path / "audit", urls)
    answers, seeds = tmp_path / "causes.csv", tmp_path / "seeds.txt"
    out = run("pending", directory, "--csv", str(answers), "--owner", "one.example=A. Example")[1]
    assert "2 causes to answer, for which items wait 60 times" in out
    assert "for A. Example" in out
    rows = list(csv.DictReader(answers.read_text("utf-8-sig").splitlines()))
    answer = {"outcome": "allow", "by": "A. Example", "reason": "asked them", "valid_until": "2099-01-01"}
    rows = [{**row, **(answer if row["site"] == "one.example" else {})} for row in rows]
    with answers.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    status, out, _ = run("pending", directory, "--rulings", str(answers), "--seeds", str(seeds))
    assert status == 0
    assert "1 rulings recorded, 0 rows rejected" in out
    assert "1 causes to answer, for which items wait 30 times" in out
    assert seeds.read_text().splitlines() == urls[:30]
    (ruling,) = json.loads(run("register", "ruling", "list", "--json")[1])
    assert ruling["recorded_by"] == "A. Example"


def test_what_nobody_answers_is_denied(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """After ninety days it is shown as denied; --expire records that, and it leaves the queue."""
    directory = audit(tmp_path / "audit", ["https://one.example/1"], days_ago=91)
    assert "OVERDUE: counts as denied" in run("pending", directory)[1]
    assert "OVERDUE" not in run("pending", directory, "--days", "92")[1]
    assert "0 causes to answer" in run("pending", directory, "--expire", "A. Example")[1]
    (ruling,) = json.loads(run("register", "ruling", "list", "--json")[1])
    assert (ruling["value"]["outcome"], ruling["value"]["reason"]) == ("deny", "unanswered for 90 days")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pending"], "name the audit directories"),
        (["pending", "--rulings", "none.csv"], "cannot read none.csv"),
        (["notice", "preview", "none", "none"], "does not exist"),
        (["notice", "add", "none", "--from", "A", "--received", "2026-11-20", "--by", "A"], "none"),
        (["reserve", "not a domain", "--by", "A", "--reason", "b"], "domain"),
    ],
)
def test_mistakes(run: Callable[..., tuple[int, str, str]], arguments: list[str], message: str) -> None:
    """One line on standard error, exit status 2."""
    status, _, err = run(*arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_a_damaged_log_is_not_counted(run: Callable[..., tuple[int, str, str]], letter: str, tmp_path: Path) -> None:
    """A count over a part would tell too little."""
    directory = tmp_path / "audit"
    audit(directory, ["https://songs.example/mine/1"])
    for file in directory.glob("*.jsonl*"):
        file.write_bytes(file.read_bytes()[:-20])
    status, _, err = run("notice", "preview", letter, str(directory))
    assert (status, "optout verify" in err) == (2, True)
