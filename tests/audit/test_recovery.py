"""What a killed run leaves, and that sealing it cuts nothing in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit import writer as audit_writer
from optout_middleware.audit.files import replace
from optout_middleware.audit.reading import Damage, Record, records
from optout_middleware.audit.recovery import seal
from optout_middleware.audit.verify import verify

from .log_files import AT, FIRST, SECOND, assert_valid, lines, manifest, read, started, stored, written

if TYPE_CHECKING:
    from pathlib import Path

    from optout_middleware.audit.log import AuditLog

OPEN = f"{FIRST}-spider-000001.jsonl"


def left(directory: Path, torn: bytes = b"", count: int = 3) -> AuditLog:
    """Write a log and let go of it as a killed process does, with the beginning of a line behind it."""
    log = started(directory)
    for each in lines(count):
        log.write(each)
    segment = log._writer._segment
    assert segment is not None
    segment.release()
    assert log._run._lock is not None
    log._run._release()
    with segment.path.open("ab") as file:
        file.write(torn)
    return log


def sealed(directory: Path) -> list[str]:
    """Seal what was left."""
    return seal(directory, now=lambda: AT)


KILLED = """
import sys
from datetime import datetime, timezone
from optout_middleware.audit import writer
from optout_middleware.audit.log import AuditLog
from optout_middleware.policy import Policy

writer.SEGMENT_BYTES = 200_000
log = AuditLog(sys.argv[1], run=sys.argv[2], writer="spider", operator="", policy=Policy("ExampleCorpusBot"),
               settings={}, now=lambda: datetime.now(timezone.utc))
while True:
    override = f"Person {log.lines}: reason"
    where = log.write({"stage": "item", "outcome": "deny", "url": "http://news.example/" + "a" * 3000,
                       "reasons": [{"finding": "named-bot", "outcome": "deny", "override": override}]})
    print(where, flush=True)
"""


def test_killed_run_loses_no_acknowledged_line_and_the_next_run_seals_it(tmp_path: Path) -> None:
    """Killed by SIGKILL between any two instructions: what was acknowledged is there whole, in order, once."""
    # Our own interpreter and script: nothing of it comes from outside.
    command = [sys.executable, "-c", KILLED, str(tmp_path), FIRST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [next(child.stdout).strip() for _ in range(300)]
        child.kill()
        acknowledged += child.stdout.read().split()
    assert not verify([str(tmp_path)]).is_intact
    log = started(tmp_path, SECOND)
    log.close({})
    (warning,) = log.warnings
    assert warning.startswith(f"run {FIRST} in {tmp_path} was not closed; it is sealed as it was found")
    found = [row for row in records([str(tmp_path)]) if isinstance(row, Record) and row.line["stage"] == "item"]
    assert [row.id for row in found][: len(acknowledged)] == acknowledged
    assert len(found) <= len(acknowledged) + 1
    assert [row.line["reasons"][0]["override"] for row in found] == [f"Person {n}: reason" for n in range(len(found))]
    assert manifest(tmp_path)["closed"] is False
    verdict = verify([str(tmp_path)])
    assert verdict.findings == ()
    assert "was not closed by its writer; sealed on" in verdict.notes[0]


def test_torn_last_line_is_told_kept_and_sealed_off(tmp_path: Path) -> None:
    """Found by readers and by `verify` before; kept octet by octet after, named in manifest and log."""
    left(tmp_path, b'{"seq":99,"pr')
    assert [row.kind for row in records([str(tmp_path)]) if isinstance(row, Damage)] == ["torn"]
    assert {"torn", "unclosed"} == {finding.kind for finding in verify([str(tmp_path)]).findings}
    before = stored(tmp_path)[:-1]
    (told,) = sealed(tmp_path)
    assert f"the last 13 octets of {OPEN} are no whole line and are kept in {OPEN}.torn" in told
    assert (tmp_path / f"{OPEN}.torn").read_bytes() == b'{"seq":99,"pr'
    assert stored(tmp_path)[:-1] == before
    note = read(tmp_path)[-1]
    assert (
        note["recovered"]["found"]
        == manifest(tmp_path)["sealed"]["found"]
        == [told.partition("; the ")[2].join(("the ", ""))]
    )
    assert verify([str(tmp_path)]).findings == ()
    (tmp_path / f"{OPEN}.torn").unlink()
    assert [finding.kind for finding in verify([str(tmp_path)]).findings] == ["missing"]
    assert_valid(tmp_path)


def test_what_was_sealed_counts_in_the_aggregate(tmp_path: Path) -> None:
    """Lines of closed segments and of the one that was left, each once."""
    left(tmp_path)
    sealed(tmp_path)
    days = json.loads((tmp_path / f"aggregate-{FIRST}.json").read_bytes())["days"]
    assert sum(row["lines"] for row in days["2026-11-24"]["outcomes"]) == len(lines())


def test_sealing_twice_changes_nothing(tmp_path: Path) -> None:
    """A sealed run is left as it is."""
    left(tmp_path)
    assert len(sealed(tmp_path)) == 1
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sealed(tmp_path) == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_run_that_is_written_is_not_sealed(tmp_path: Path) -> None:
    """Whoever holds the lock is alive."""
    log = started(tmp_path)
    assert sealed(tmp_path) == []
    log.close({})
    assert verify([str(tmp_path)]).is_intact


def test_log_that_was_changed_after_the_crash_is_not_made_the_truth(tmp_path: Path) -> None:
    """Sealing would hide the fault; it stays open and is named."""
    left(tmp_path)
    rows = stored(tmp_path)
    (tmp_path / OPEN).write_bytes(b"".join([*rows[:3], rows[3].replace(b"2026", b"2027"), *rows[4:]]))
    before = (tmp_path / OPEN).read_bytes()
    (told,) = sealed(tmp_path)
    assert told.endswith(f"is left as it is: line 5 of {OPEN} does not follow the line before it")
    assert (tmp_path / OPEN).read_bytes() == before
    assert not verify([str(tmp_path)]).is_intact


def test_log_that_is_gone_after_the_crash_is_missed_for_good(tmp_path: Path) -> None:
    """A run without any line of its writer cannot become intact."""
    left(tmp_path)
    (tmp_path / OPEN).unlink()
    sealed(tmp_path)
    assert "no log of writer spider is there" in {finding.text for finding in verify([str(tmp_path)]).findings}


def test_personal_value_without_its_line_is_dropped_and_told(tmp_path: Path) -> None:
    """It is written first; a kill between the two leaves it alone, torn or whole."""
    left(tmp_path)
    beside = tmp_path / f"{FIRST}-spider-000001.personal"
    whole = beside.read_bytes()
    beside.write_bytes(whole + whole.splitlines(keepends=True)[0].replace(b"Bob", b"Eve") + b'{"hash":"')
    sealed(tmp_path)
    assert beside.read_bytes() == whole
    assert read(tmp_path)[-1]["recovered"]["dropped_values"] == 2
    assert verify([str(tmp_path)]).findings == ()


@pytest.mark.parametrize("calls", range(1, 14))
def test_process_that_dies_while_it_closes_or_rotates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Before or after any file is put in its place: all lines are there once, and the next start makes it whole."""
    monkeypatch.setattr(audit_writer, "SEGMENT_BYTES", 5_000)
    count = [0]

    def dying(path: Path, data: bytes) -> None:
        count[0] += 1
        if count[0] > calls:
            raise KeyboardInterrupt
        replace(path, data)

    for module in ("writer", "segments", "manifest"):
        monkeypatch.setattr(f"optout_middleware.audit.{module}.replace", dying)
    done: list[dict[str, Any]] = []
    log = None
    try:
        log = started(tmp_path)
        for each in lines(6):
            log.write(each)
            done.append(each)
        log.close({})
    except KeyboardInterrupt:
        pass
    finally:
        monkeypatch.undo()
    if log is None:  # nothing was written, and nothing acknowledged
        return
    for segment in (log._writer._segment,):
        if segment is not None:
            segment.release()
    log._run._release()
    del log
    sealed(tmp_path)
    own = set(lines(1)[0])
    got = [{name: row[name] for name in row if name in own} for row in read(tmp_path) if row["stage"] != "run"]
    assert got[: len(done)] == done
    assert len(got) <= len(done) + 1
    assert verify([str(tmp_path)]).findings == ()


def test_files_of_a_killed_run_are_covered(tmp_path: Path) -> None:
    """Lists and archives that it would have named, below folders too; not those of a run whose id is longer."""
    written(tmp_path, f"{FIRST}-b")
    left(tmp_path)
    (tmp_path / "archive").mkdir()
    for name in (f"{FIRST}-pending.txt", f"archive/{FIRST}-main.warc.gz"):
        (tmp_path / name).write_bytes(b"kept")
    sealed(tmp_path)
    named = {file["file"] for file in manifest(tmp_path)["files"]}
    assert named == {f"{FIRST}-pending.txt", f"archive/{FIRST}-main.warc.gz", f"aggregate-{FIRST}.json"}
    assert verify([str(tmp_path)]).findings == ()
