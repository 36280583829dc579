"""The ten questions of docs/audit.md: each is asked of the log and of its export, and gets the same right answer."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from optout_middleware.audit.export import export
from optout_middleware.terms import Claim

from .log_files import AT, FIRST, SECOND, made, started, written

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```sql (\S[^\n]*)\n(.*?)```", TEXT, re.DOTALL))
QUESTIONS = [str(number) for number in range(1, 11)]
NOON = AT.replace(tzinfo=None)
CLAIM = Claim("register-middle", "Society of Invented Authors", "R7", "our repertoire").to_dict()
PENDING = {"finding": "named-bot", "outcome": "pending", "waits_for": "person", "signal": "robots-tag",
           "location": "header", "text": "OtherBot: noai"}  # fmt: skip
OCTETS = 512


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the place of two runs: in the second, news.example reserves, and an item waits for a person."""
    root = tmp_path_factory.mktemp("questions")
    written(root / "audit")
    log = started(root / "audit", SECOND)
    reserved = made("blog.example", 9)["reasons"]
    log.write(made("news.example", 9, outcome="deny", action="drop", reasons=reserved))
    for number in (1, 2):
        pending = {"stage": "item", "size": None, "outcome": "pending", "waits_for": "person", "action": "drop"}
        log.write(made("news.example", number, **pending, reasons=[PENDING], claims=[CLAIM]))
    log.close({})
    export([str(root / "audit")], str(root / "audit.parquet"))
    return root


@pytest.fixture(params=["views of the log", "views of the export"])
def database(
    request: pytest.FixtureRequest, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with the views of the docs."""
    monkeypatch.chdir(directory)
    with duckdb.connect() as connection:
        connection.execute(BLOCKS[request.param])
        yield connection


ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "1": [
        ("item", "pending", "drop", 2, 0),
        ("response", "allow", "keep", 9, 9 * OCTETS),
        ("response", "deny", "drop", 4, 4 * OCTETS),
    ],
    "2": [("refusal", "content-signal", "deny", 4), ("named-bot", "robots-tag", "pending", 2)],
    "3": [("refusal", 4, 4 * OCTETS), ("named-bot", 2, 0)],
    "4": [("blog.example", 3, 3, 100.0), ("news.example", 1, 6, 16.7)],
    "5": [(NOON, "deny", "drop", "refusal", "deny", "robots.txt", "line 2", "Content-Signal: ai-train=no")],
    "6": [("named-bot", "person", 2, 1, NOON)],
    "7": [("2026-11", 13, 30.8)],
    "8": [("Society of Invented Authors", "pending", 2)],
    "9": [("news.example", FIRST, SECOND)],
    "10": [("training-consensus", "allow", "allow", 3, 1)],
}  # fmt: skip


def test_ten_questions_are_asked() -> None:
    """Each has a number, a sentence before it, and an answer here."""
    assert [name for name in BLOCKS if name.isdecimal()] == QUESTIONS == list(ANSWERS)
    assert re.findall(r"^(\d+)\. .*\?\n\n```sql \1\n", TEXT, re.MULTILINE) == QUESTIONS


@pytest.mark.parametrize("number", QUESTIONS)
def test_question(database: duckdb.DuckDBPyConnection, number: str) -> None:
    """It gets the right answer, of the log as of the export."""
    assert database.execute(BLOCKS[number]).fetchall() == ANSWERS[number]


def test_an_export_loses_nothing(directory: Path) -> None:
    """A row for each decision, times in UTC, and what has no column as JSON."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            f"SELECT id, time, more FROM '{directory / 'audit.parquet'}' ORDER BY id DESC"
        ).fetchall()
    assert len(rows) == 15
    identity, time, more = rows[0]
    assert identity.startswith(f"{SECOND}-spider:")
    assert time.astimezone(timezone.utc) == datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=timezone.utc)
    assert '"reasons":' in more
