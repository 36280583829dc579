"""The audit log: what a line holds, what a killed or failed run leaves, and what the next run makes of it."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit import writer as audit_writer
from optout_middleware.audit.files import is_held
from optout_middleware.audit.log import AuditError, AuditLog, new_run_id
from optout_middleware.audit.manifest import Run
from optout_middleware.audit.place import state_name
from optout_middleware.audit.reading import Record, records, runs
from optout_middleware.audit.reading import Run as AuditRun
from optout_middleware.audit.verify import verify
from optout_middleware.audit.writer import Alike, Writer
from optout_middleware.decide import RULES_VERSION
from optout_middleware.settings import package_version

from .log_files import AT, FIRST, POLICY, SECOND, assert_valid, lines, made, manifest, read, started, stored, written

if TYPE_CHECKING:
    from pathlib import Path


def failing(error: int) -> Any:
    """Give a system call that always fails."""

    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    return fail


def names(directory: Path) -> list[str]:
    """Give the names of all files, sorted."""
    return sorted(path.name for path in directory.iterdir())


def test_line_stands_behind_the_hash_of_the_line_before(tmp_path: Path) -> None:
    """Number, SHA-256 of the stored octets before, time, then its own fields; the head has what is of all lines."""
    log = started(tmp_path)
    assert log.write({"stage": "run", "note": "é"}) == f"{FIRST}-spider:2"
    head, row = stored(tmp_path)
    assert json.loads(head) == {
        "seq": 1, "prev": "0" * 64, "time": "2026-11-24T12:00:00.250000+00:00", "segment": 1, "schema": 2, "run": FIRST,
        "writer": "spider", "policy": POLICY.sha256, "rules_version": RULES_VERSION, "version": package_version(),
    }  # fmt: skip
    before = hashlib.sha256(head).hexdigest()
    assert row.decode() == (
        f'{{"seq":2,"prev":"{before}","time":"2026-11-24T12:00:00.250000+00:00","stage":"run","note":"é"}}\n'
    )
    log.close({})
    assert assert_valid(tmp_path) == 2


def test_time_is_written_in_utc(tmp_path: Path) -> None:
    """A clock of another zone is told in UTC, with microseconds even where they are zero."""
    there = timezone(timedelta(hours=2))
    log = started(tmp_path, now=lambda: datetime(2026, 11, 24, 14, tzinfo=there))
    log.write({"stage": "run"})
    assert read(tmp_path)[0]["time"] == "2026-11-24T12:00:00.000000+00:00"


def test_lines_come_back_in_full(tmp_path: Path) -> None:
    """What is left out or shared in the file stands in the line that a reader gets, with who wrote it."""
    written(tmp_path)
    found = read(tmp_path)
    own = {"schema", "run", "writer", "seq", "prev", "time", "policy", "rules_version", "version"}
    assert [{name: value for name, value in row.items() if name not in own} for row in found] == lines()
    assert list(found[0])[:6] == ["schema", "run", "writer", "seq", "prev", "time"]
    assert (found[0]["run"], found[0]["writer"], found[0]["policy"]) == (FIRST, "spider", POLICY.sha256)
    assert_valid(tmp_path)


def test_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    """Nothing waits in a buffer: the file holds the line while the log is still open."""
    log = started(tmp_path)
    for count in (1, 2, 3):
        log.write(made("news.example", count))
        assert len(read(tmp_path)) == count == log.lines


def test_any_text_comes_back_from_one_line(tmp_path: Path) -> None:
    """No text of the web, lone surrogates and line ends included, breaks a line or is lost."""
    log = started(tmp_path)
    values = st.text(st.characters()) | st.integers() | st.none() | st.lists(st.text(st.characters()))

    @given(st.dictionaries(st.text(st.characters()), values), st.text(st.characters()))
    def check(extra: dict[str, Any], text: str) -> None:
        reason = {"finding": "refusal", "outcome": "deny", "text": text, "override": text}
        log.write(made("news.example", 1, reasons=[reason], extra=extra))
        last = read(tmp_path)[-1]
        assert (last["extra"], last["reasons"]) == (extra, [reason])

    check()
    log.close({})
    assert_valid(tmp_path)
    assert verify([str(tmp_path)]).is_intact


def test_manifest_stands_open_at_start_and_closed_at_the_end(tmp_path: Path) -> None:
    """It names run, operator, policy, settings and writer; the end adds time, segments, files and summary."""
    log = started(tmp_path)
    opened = manifest(tmp_path)
    assert (opened["schema"], opened["run"], opened["closed"], opened["ended"]) == (2, FIRST, False, None)
    assert opened["writers"] == [{"writer": "spider", "closed": False, "lines": 0, "segments": []}]
    assert (opened["policy_sha256"], opened["settings"]) == (POLICY.sha256, {"OPTOUT_ACTION": "drop"})
    log.write({"stage": "run"})
    log.close({"items": 1})
    ended, packed = manifest(tmp_path), tmp_path / f"{FIRST}-spider-000001.jsonl.gz"
    (writer,) = ended["writers"]
    (segment,) = writer["segments"]
    assert (ended["closed"], ended["ended"], ended["summary"]) == (True, AT.isoformat(), {"items": 1})
    assert (writer["closed"], writer["lines"]) == (True, 2)
    assert segment == {
        "file": packed.name, "first": 1, "lines": 2, "root": segment["root"],
        "last": hashlib.sha256(stored(tmp_path)[-1]).hexdigest(),
        "sha256": hashlib.sha256(packed.read_bytes()).hexdigest(), "bytes": packed.stat().st_size,
    }  # fmt: skip
    assert names(tmp_path) == sorted(
        (
            packed.name,
            f"aggregate-{FIRST}.json",
            f"run-{FIRST}.json",
            f"run-{FIRST}.json.sha256",
            f"run-{FIRST}.personal",
        )
    )


def test_seal_is_what_sha256sum_checks(tmp_path: Path) -> None:
    """Anybody can check a manifest without this package."""
    written(tmp_path)
    digest = hashlib.sha256((tmp_path / f"run-{FIRST}.json").read_bytes()).hexdigest()
    assert (tmp_path / f"run-{FIRST}.json.sha256").read_text() == f"{digest}  run-{FIRST}.json\n"


def test_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    """A first run needs nothing to be there."""
    assert started(tmp_path / "data" / "audit").path.exists()


def test_closed_log_takes_no_line_and_closes_once(tmp_path: Path) -> None:
    """A second close changes nothing; a write says that the log is closed."""
    log = started(tmp_path)
    log.close({"items": 0})
    log.close({"items": 5})
    assert manifest(tmp_path)["summary"] == {"items": 0}
    with pytest.raises(AuditError, match=r"spider-000001\.jsonl is closed"):
        log.write({"stage": "run"})


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "a*", "a\n"])
@pytest.mark.parametrize("what", ["run", "writer"])
def test_name_that_is_no_part_of_a_file_name_is_refused(tmp_path: Path, what: str, name: str) -> None:
    """Run and writer cannot lead out of the directory."""
    with pytest.raises(AuditError, match=rf"^{what} .* is no part of a file name"):
        started(tmp_path, **{what: name})
    assert list(tmp_path.iterdir()) == []


def test_run_id_sorts_by_start_and_differs() -> None:
    """The time in UTC, then what tells two runs of one second apart."""
    first, second = new_run_id(AT), new_run_id(AT)
    assert re.fullmatch(r"20261124T120000Z-[0-9a-f]{6}", first)
    assert first != second
    assert first < new_run_id(AT + timedelta(seconds=1))
    assert new_run_id(AT.astimezone(timezone(timedelta(hours=9)))).startswith("20261124T120000Z-")


def test_directory_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    """The error is one line that names the directory and the cause."""
    (tmp_path / "audit").write_bytes(b"")
    with pytest.raises(AuditError, match=r"^audit log \S+audit cannot be written: File exists; .*stops$"):
        started(tmp_path / "audit")


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_disk_that_takes_nothing_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Neither a file that cannot be made nor a manifest that does not reach the disk lets a crawl start."""
    monkeypatch.setattr(os, call, failing(errno.ENOSPC))
    with pytest.raises(AuditError, match="cannot be written: No space left on device"):
        started(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_writer_that_cannot_start_leaves_no_run(tmp_path: Path) -> None:
    """A file that is in the way stops the start, and no open run is left that nobody could close."""
    (tmp_path / f"{FIRST}-spider-000001.jsonl").write_bytes(b"in the way")
    with pytest.raises(AuditError, match=r"spider-000001\.jsonl cannot be written: File exists"):
        started(tmp_path)
    assert names(tmp_path) == [f"{FIRST}-spider-000001.jsonl"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_failed_write_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Every later write fails too, although the disk would take it; the manifest tells of no clean end."""
    log = started(tmp_path)
    log.write({"stage": "run"})
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(error))
        with pytest.raises(AuditError, match=os.strerror(error)) as raised:
            log.write({"stage": "run"})
    assert "\n" not in str(raised.value)
    assert f"{FIRST}-spider-000001.jsonl" in str(raised.value)
    with pytest.raises(AuditError, match=os.strerror(error)):
        log.write({"stage": "run"})
    log.close({"items": 1})
    assert len(read(tmp_path)) == 1
    ended = manifest(tmp_path)
    assert (ended["closed"], ended["writers"][0]["closed"], ended["summary"]) == (False, False, {"items": 1})
    assert ended["ended"] is not None
    assert "unclosed" in {finding.kind for finding in verify([str(tmp_path)]).findings}


def test_short_write_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is no line: the write raises, and nothing is written behind it."""
    log, write = started(tmp_path), os.write
    size = len(b"".join(stored(tmp_path)))
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda file, data: write(file, data[:7]))
        with pytest.raises(AuditError, match=r"7 of \d+ bytes were written"):
            log.write({"stage": "run"})
    with pytest.raises(AuditError):
        log.write({"stage": "run"})
    assert (log.lines, len(b"".join(stored(tmp_path)))) == (0, size + 7)


@pytest.mark.parametrize("line", [{"size": object()}, {"size": float("nan")}, {"size": {("a",): 1}}, {}])
def test_line_that_is_no_json_object_with_fields_ends_the_log(tmp_path: Path, line: dict[str, Any]) -> None:
    """What cannot be recorded must not happen, whatever the cause."""
    log = started(tmp_path)
    with pytest.raises(AuditError, match="cannot be written"):
        log.write(line)
    assert len(stored(tmp_path)) == 1
    with pytest.raises(AuditError):
        log.write({"size": 1})


@pytest.mark.parametrize(("durability", "counts"), [(1.0, [0, 0, 1, 1, 2]), (0.0, [1, 2, 3, 4, 5])])
def test_file_is_synced_as_often_as_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: float, counts: list[int]
) -> None:
    """Writes within the interval share one sync, and the first after it syncs; with 0 each write does."""
    time, synced = [100.0], list[int]()
    monkeypatch.setattr(audit_writer, "monotonic", lambda: time[0])
    log = started(tmp_path, durability=durability)
    monkeypatch.setattr(os, "fsync", synced.append)
    seen = []
    for step in (0.0, 0.5, 0.5, 0.0, 1.0):
        time[0] += step
        log.write({"stage": "run"})
        seen.append(len(synced))
    assert seen == counts


def test_failed_sync_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that loses what it took is as bad as one that takes nothing."""
    log = started(tmp_path, durability=0.0)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(AuditError, match="Input/output error"):
            log.write({"stage": "run"})
    with pytest.raises(AuditError):
        log.write({"stage": "run"})


def test_failed_close_says_so_and_leaves_the_manifest_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest is closed only when all it speaks of is on disk."""
    log = started(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(AuditError, match="Input/output error"):
        log.close({})
    assert manifest(tmp_path)["closed"] is False


def test_segments_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that is large enough is closed; numbers and hashes go on, and each is read by itself."""
    monkeypatch.setattr(audit_writer, "SEGMENT_BYTES", 3_000)
    written(tmp_path, count=6)
    (writer,) = manifest(tmp_path)["writers"]
    firsts = [segment["first"] for segment in writer["segments"]]
    assert len(firsts) > 3
    assert firsts == [1 + sum(s["lines"] for s in writer["segments"][:n]) for n in range(len(firsts))]
    for number in range(2, len(firsts) + 1):
        before = stored(tmp_path, number=number - 1)[-1]
        head = json.loads(stored(tmp_path, number=number)[0])
        assert (head["segment"], head["prev"]) == (number, hashlib.sha256(before).hexdigest())
    own = set(made("news.example", 0))
    assert [{name: row[name] for name in row if name in own} for row in read(tmp_path)] == lines(6)
    assert not list(tmp_path.glob("*.jsonl"))
    assert verify([str(tmp_path)]).is_intact
    assert_valid(tmp_path)


def test_many_writers_of_one_run(tmp_path: Path) -> None:
    """Each writes files of its own; the manifest names all, and their counts are added."""
    run = Run(tmp_path, run=FIRST, operator="", policy=POLICY, settings={}, now=lambda: AT, writers=["part-0"])
    writers = [
        Writer(tmp_path, run=FIRST, writer=f"part-{number}", policy_sha256=POLICY.sha256, now=lambda: AT)
        for number in range(50)
    ]
    for writer in writers:
        ids = writer.write(*lines(1))
        assert ids[-1].startswith(f"{FIRST}-{writer.writer}:")
        writer.close()
    run.close({})
    said = manifest(tmp_path)
    assert [row["writer"] for row in said["writers"]] == sorted(writer.writer for writer in writers)
    total = json.loads((tmp_path / f"aggregate-{FIRST}.json").read_bytes())["days"]["2026-11-24"]["outcomes"]
    assert sum(row["lines"] for row in total) == 200 == len(read(tmp_path))
    assert verify([str(tmp_path)]).is_intact


def test_writer_that_is_missing_or_open_is_named(tmp_path: Path) -> None:
    """A run is closed only when all its writers are."""
    run = Run(tmp_path, run=FIRST, operator="", policy=POLICY, settings={}, now=lambda: AT, writers=["gone"])
    writer = Writer(tmp_path, run=FIRST, writer="open", policy_sha256=POLICY.sha256, now=lambda: AT)
    run.close({})
    assert manifest(tmp_path)["closed"] is False
    found = {(finding.kind, finding.text) for finding in verify([str(tmp_path)]).findings}
    assert ("missing", "no log of writer gone is there") in found
    assert {"unclosed", "missing"} == {kind for kind, _ in found}
    writer.close()


def test_next_run_names_the_manifest_before_it(tmp_path: Path) -> None:
    """Whoever removes a run breaks the one that came after it."""
    written(tmp_path)
    digest = hashlib.sha256((tmp_path / f"run-{FIRST}.json").read_bytes()).hexdigest()
    written(tmp_path, SECOND)
    assert manifest(tmp_path)["previous"] is None
    assert manifest(tmp_path, SECOND)["previous"] == {"run": FIRST, "sha256": digest}


def test_run_that_outlives_the_next_start_is_left_alone(tmp_path: Path) -> None:
    """Two crawls at once in one directory: neither seals the other, and both end closed."""
    first = started(tmp_path)
    second = started(tmp_path, SECOND)
    assert second.warnings == ()
    assert is_held(tmp_path / f"run-{FIRST}.lock")
    first.close({"of": 1})
    second.close({"of": 2})
    found = runs([str(tmp_path)])
    assert [run.manifest["summary"] for run in found if isinstance(run, AuditRun)] == [{"of": 1}, {"of": 2}]
    assert verify([str(tmp_path)]).is_intact


def test_same_run_again_is_refused(tmp_path: Path) -> None:
    """A run id that comes twice would mix two runs."""
    log = started(tmp_path)
    with pytest.raises(AuditError, match="give each run its own id"):
        started(tmp_path, writer="other")
    log.close({})
    with pytest.raises(AuditError, match="give each run its own id"):
        started(tmp_path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"run": 5}', b"\xff", b"[" * 100_000])
def test_unreadable_manifest_is_told_and_left(tmp_path: Path, data: bytes) -> None:
    """Whatever stands in a manifest is kept, and does not keep the next run from starting."""
    (tmp_path / f"run-{FIRST}.json").write_bytes(data)
    log = started(tmp_path, SECOND)
    assert (tmp_path / f"run-{FIRST}.json").read_bytes() == data
    assert len(log.warnings) == 1
    assert f"run-{FIRST}.json" in log.warnings[0]


def test_compressed_lines_are_those_that_were_written(tmp_path: Path) -> None:
    """The compressed file holds the octets of the open one."""
    log = started(tmp_path)
    for each in lines():
        log.write(each)
    before = (tmp_path / f"{FIRST}-spider-000001.jsonl").read_bytes()
    log.close({})
    assert gzip.decompress((tmp_path / f"{FIRST}-spider-000001.jsonl.gz").read_bytes()) == before


FULL = """
import resource, sys
from datetime import datetime, timezone
from optout_middleware.audit.log import AuditError, AuditLog
from optout_middleware.policy import Policy

log = AuditLog(sys.argv[1], run=sys.argv[2], writer="spider", operator="", policy=Policy("ExampleCorpusBot"),
               settings={}, now=lambda: datetime.now(timezone.utc))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    while True:
        log.write({"stage": "run", "url": "http://news.example/" + "a" * 3000})
except AuditError as error:
    print(log.lines, error)
try:
    log.write({"stage": "run"})
except AuditError:
    log.close({"items": log.lines})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of the size of files is a thing of POSIX")
def test_file_that_may_not_grow_stops_the_crawl(tmp_path: Path) -> None:
    """A real limit of the operating system, not one of ours: the lines before it stand, the rest is refused."""
    # Our own interpreter and script: nothing of it comes from outside.
    command = [sys.executable, "-c", FULL, str(tmp_path), FIRST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, _, said = done.stdout.partition(" ")
    assert re.search(r"cannot be written: \d+ of \d+ bytes were written", said)
    found = [row.line["seq"] for row in records([str(tmp_path)]) if isinstance(row, Record)]
    assert found == list(range(2, int(count) + 2))
    assert manifest(tmp_path)["closed"] is False
    log = started(tmp_path, SECOND)
    assert re.search(r"not closed; it is sealed.*octets of \S+ are no whole line and are kept in", log.warnings[0])
    log.close({})
    assert verify([str(tmp_path)]).is_intact


def test_log_for_one_thread_needs_no_policy(tmp_path: Path) -> None:
    """What decides nothing names no policy."""
    log = AuditLog(tmp_path, run=FIRST, writer="redact", operator="", policy=None, settings={}, now=lambda: AT)
    log.write({"stage": "run"})
    log.close({})
    assert (manifest(tmp_path)["policy"], read(tmp_path)[0]["policy"]) == (None, "")
    assert_valid(tmp_path)


def test_lines_that_are_alike(tmp_path: Path) -> None:
    """Written together they read as if each had been written by itself, over segments too, and count as many."""
    kinds = [
        Alike({**made("news.example", 0, final_url=None), "record": 0}, ("url", "record")),
        Alike({**made("paid.example", 0, final_url=None), "record": 0}, ("url", "record")),
        Alike({**made("news.example", 1), "record": 0}, ("url", "record")),
    ]
    rows = [(kinds[number % 3], (f"http://x.example/\u00e9\u2028\ud800/{number}", number)) for number in range(80)]
    found = []
    for name in ("together", "single"):
        (directory := tmp_path / name).mkdir()
        writer = Writer(directory, run=FIRST, writer="w", policy_sha256="", now=lambda: AT)
        for start in (0, 40):
            if name == "together":
                writer.write_alike(rows[start : start + 40])
            else:
                for kind, (url, number) in rows[start : start + 40]:
                    final_url = url if kind.line["final_url"] else None
                    writer.write({**kind.line, "url": url, "final_url": final_url, "record": number})
            assert writer._segment is not None
            writer._rotate(writer._segment)
        writer.close()
        said = [row.line for row in records([str(directory)]) if isinstance(row, Record)]
        state = json.loads((directory / state_name(FIRST, "w")).read_bytes())
        shown = [{name: line[name] for name in line if name not in ("seq", "prev")} for line in said]
        found.append((shown, state["aggregate"], writer.count))
    assert found[0] == found[1]
    assert [line["record"] for line in found[0][0]] == list(range(80))
    assert found[0][2] == 80
