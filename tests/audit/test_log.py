"""The audit log: what a line holds, what a killed or failed run leaves, and what the next run makes of it."""

from __future__ import annotations

import errno
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

from optout_middleware.audit import log as audit_log
from optout_middleware.audit.log import SYNC_SECONDS, AuditError, AuditLog, new_run_id
from optout_middleware.decide import RULES_VERSION
from optout_middleware.policy import Policy
from optout_middleware.settings import package_version

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=timezone.utc)
POLICY = Policy("ExampleCorpusBot")
FIRST, SECOND, THIRD = (f"20261124T12000{number}Z-00000{number}" for number in (1, 2, 3))


def started(directory: Path, run: str = FIRST, **changes: Any) -> AuditLog:
    """Start a log in a directory."""
    values: dict[str, Any] = {
        "writer": "spider",
        "operator": "Example Labs",
        "policy": POLICY,
        "settings": {"OPTOUT_ACTION": "drop"},
        "now": lambda: AT,
    }
    return AuditLog(directory, run=run, **{**values, **changes})


def manifest(directory: Path, name: str = "run.json") -> dict[str, Any]:
    """Read a manifest."""
    read: dict[str, Any] = json.loads((directory / name).read_bytes())
    return read


def read(path: Path) -> list[dict[str, Any]]:
    """Read all lines of a file, each of which must end as one."""
    data = path.read_bytes()
    assert data.endswith(b"\n") or not data
    return [json.loads(row) for row in data.split(b"\n")[:-1]]


def failing(error: int) -> Any:
    """Give a system call that always fails."""

    def fail(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    return fail


def test_line_has_the_fields_of_the_log_around_its_own_in_one_order(tmp_path: Path) -> None:
    """Who wrote it comes first, by what it was decided last."""
    log = started(tmp_path)
    log.write({"stage": "item", "url": "http://news.example/é"})
    log.write({"stage": "item", "url": "http://news.example/b"})
    assert log.path == tmp_path / f"{FIRST}-spider.jsonl"
    data = log.path.read_bytes()
    assert data.split(b"\n")[0].decode() == (
        f'{{"schema":1,"run":"{FIRST}","writer":"spider","seq":1,"time":"2026-11-24T12:00:00.250000+00:00",'
        f'"stage":"item","url":"http://news.example/é","policy":"{POLICY.sha256}",'
        f'"rules_version":"{RULES_VERSION}","version":"{package_version()}"}}'
    )
    assert [row["seq"] for row in read(log.path)] == [1, 2]


def test_time_is_written_in_utc(tmp_path: Path) -> None:
    """A clock of another zone is told in UTC, with microseconds even where they are zero."""
    there = timezone(timedelta(hours=2))
    log = started(tmp_path, now=lambda: datetime(2026, 11, 24, 14, tzinfo=there))
    log.write({"stage": "item"})
    assert read(log.path)[0]["time"] == "2026-11-24T12:00:00.000000+00:00"


def test_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    """Nothing waits in a buffer: the file holds the line while the log is still open."""
    log = started(tmp_path)
    for count in (1, 2, 3):
        log.write({"stage": "item"})
        assert len(read(log.path)) == count


def test_any_text_comes_back_from_one_line(tmp_path: Path) -> None:
    """No text of the web, lone surrogates and line ends included, breaks a line or is lost."""
    log = started(tmp_path)
    values = st.text(st.characters()) | st.integers() | st.none() | st.lists(st.text(st.characters()))

    @given(st.dictionaries(st.text(st.characters()), values))
    def check(reason: dict[str, Any]) -> None:
        log.write({"reason": reason})
        assert read(log.path)[log.lines - 1]["reason"] == reason

    check()


def test_lone_surrogate_is_written_as_its_escape(tmp_path: Path) -> None:
    """UTF-8 has no bytes for it; the line is written all the same."""
    log = started(tmp_path)
    log.write({"url": "http://news.example/\udc80"})
    assert read(log.path)[0]["url"] == "http://news.example/\udc80"


def test_manifest_stands_open_at_start_and_closed_at_the_end(tmp_path: Path) -> None:
    """It names run, operator, policy, settings and writer; the end adds time, lines, hash and summary."""
    log = started(tmp_path)
    opened = manifest(tmp_path)
    assert opened == {
        "schema": 1,
        "run": FIRST,
        "operator": "Example Labs",
        "started": "2026-11-24T12:00:00.250000+00:00",
        "ended": None,
        "closed": False,
        "policy": POLICY.to_dict(),
        "policy_sha256": POLICY.sha256,
        "settings": {"OPTOUT_ACTION": "drop"},
        "rules_version": RULES_VERSION,
        "version": package_version(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "writers": [{"writer": "spider", "file": f"{FIRST}-spider.jsonl", "lines": None, "sha256": None}],
        "summary": None,
    }
    log.write({"stage": "item"})
    log.close({"items": 1})
    digest = hashlib.sha256(log.path.read_bytes()).hexdigest()
    assert manifest(tmp_path) == {
        **opened,
        "ended": "2026-11-24T12:00:00.250000+00:00",
        "closed": True,
        "writers": [{"writer": "spider", "file": f"{FIRST}-spider.jsonl", "lines": 1, "sha256": digest}],
        "summary": {"items": 1},
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{FIRST}-spider.jsonl", "run.json"]


def test_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    """A first run needs nothing to be there."""
    assert started(tmp_path / "data" / "audit").path.exists()


def test_closed_log_takes_no_line_and_closes_once(tmp_path: Path) -> None:
    """A second close changes nothing; a write says that the log is closed."""
    log = started(tmp_path)
    log.close({"items": 0})
    log.close({"items": 5})
    assert manifest(tmp_path)["summary"] == {"items": 0}
    with pytest.raises(AuditError, match=r"spider\.jsonl is closed"):
        log.write({"stage": "item"})


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
    assert not (tmp_path / "run.json").exists()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_failed_write_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Every later write fails too, although the disk would take it; the manifest tells of no clean end."""
    log = started(tmp_path)
    log.write({"stage": "item"})
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(error))
        with pytest.raises(AuditError, match=os.strerror(error)) as raised:
            log.write({"stage": "item"})
    assert "\n" not in str(raised.value)
    assert str(log.path) in str(raised.value)
    with pytest.raises(AuditError, match=os.strerror(error)):
        log.write({"stage": "item"})
    log.close({"items": 1})
    assert len(read(log.path)) == 1
    ended = manifest(tmp_path)
    assert (ended["closed"], ended["writers"][0]["lines"], ended["summary"]) == (False, 1, {"items": 1})
    assert ended["ended"] is not None


def test_short_write_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is no line: the write raises, and nothing is written behind it."""
    log, write = started(tmp_path), os.write
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda file, data: write(file, data[:7]))
        with pytest.raises(AuditError, match=r"7 of \d+ bytes were written"):
            log.write({"stage": "item"})
    with pytest.raises(AuditError):
        log.write({"stage": "item"})
    assert (log.lines, log.path.stat().st_size) == (0, 7)


@pytest.mark.parametrize("value", [object(), float("nan"), {("a",): 1}])
def test_line_that_is_no_json_ends_the_log(tmp_path: Path, value: object) -> None:
    """What cannot be recorded must not happen, whatever the cause."""
    log = started(tmp_path)
    with pytest.raises(AuditError, match="cannot be written"):
        log.write({"size": value})
    assert log.path.stat().st_size == 0
    with pytest.raises(AuditError):
        log.write({"size": 1})


def test_file_is_synced_once_in_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes within the interval share one sync; the first after it syncs; close syncs."""
    time, synced = [100.0], list[int]()
    monkeypatch.setattr(audit_log, "monotonic", lambda: time[0])
    log = started(tmp_path)
    monkeypatch.setattr(os, "fsync", synced.append)
    counts = []
    for step in (0.0, SYNC_SECONDS / 2, SYNC_SECONDS / 2, 0.0, SYNC_SECONDS):
        time[0] += step
        log.write({"stage": "item"})
        counts.append(len(synced))
    assert counts == [0, 0, 1, 1, 2]
    log.close({})
    assert synced[2] == synced[0]


def test_failed_sync_ends_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that loses what it took is as bad as one that takes nothing."""
    monkeypatch.setattr(audit_log, "SYNC_SECONDS", -1.0)
    log = started(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing(errno.EIO))
        with pytest.raises(AuditError, match="Input/output error"):
            log.write({"stage": "item"})
    with pytest.raises(AuditError):
        log.write({"stage": "item"})


def test_failed_close_says_so_and_leaves_the_manifest_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest is closed only when all it speaks of is on disk."""
    log = started(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(AuditError, match="Input/output error"):
        log.close({})
    assert manifest(tmp_path)["closed"] is False


@pytest.mark.parametrize("closed", [True, False])
def test_manifest_of_an_earlier_run_is_kept_under_its_name(tmp_path: Path, *, closed: bool) -> None:
    """The next run starts whether the last one ended or not, and says which did not."""
    first = started(tmp_path)
    if closed:
        first.close({})
    before = (tmp_path / "run.json").read_bytes()
    second = started(tmp_path, SECOND)
    assert (tmp_path / f"run-{FIRST}.json").read_bytes() == before
    assert manifest(tmp_path)["run"] == SECOND
    expected = () if closed else (f"run {FIRST} in {tmp_path} was not closed",)
    assert second.warnings == expected


def test_run_that_outlives_the_next_start_closes_under_its_own_name(tmp_path: Path) -> None:
    """Two crawls at once in one directory: each manifest ends closed, neither overwrites the other."""
    first = started(tmp_path)
    second = started(tmp_path, SECOND)
    first.close({"of": 1})
    assert manifest(tmp_path, f"run-{FIRST}.json")["summary"] == {"of": 1}
    assert manifest(tmp_path)["closed"] is False
    second.close({"of": 2})
    assert manifest(tmp_path)["summary"] == {"of": 2}


def test_earlier_manifest_is_never_overwritten(tmp_path: Path) -> None:
    """Where the name is taken, a number goes behind it."""
    (tmp_path / f"run-{FIRST}.json").write_bytes(b"kept")
    started(tmp_path)
    started(tmp_path, SECOND)
    assert (tmp_path / f"run-{FIRST}.json").read_bytes() == b"kept"
    assert manifest(tmp_path, f"run-{FIRST}-2.json")["run"] == FIRST


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"run": 5}', b'{"run": "../up"}', b"\xff", b"[" * 100_000])
def test_unreadable_manifest_is_set_aside(tmp_path: Path, data: bytes) -> None:
    """Whatever stands in run.json is kept, and does not keep the next run from starting."""
    (tmp_path / "run.json").write_bytes(data)
    log = started(tmp_path)
    assert (tmp_path / "run-unreadable-20261124T120000Z.json").read_bytes() == data
    assert manifest(tmp_path)["run"] == FIRST
    assert log.warnings[0].endswith("is unreadable: it is now run-unreadable-20261124T120000Z.json")


def test_same_run_again_is_refused(tmp_path: Path) -> None:
    """A run id that comes twice would mix two runs."""
    started(tmp_path)
    with pytest.raises(AuditError, match="give each run its own id"):
        started(tmp_path, writer="other")
    started(tmp_path, SECOND)
    with pytest.raises(AuditError, match="File exists"):
        started(tmp_path)


KILLED = """
import sys
from datetime import datetime, timezone
from optout_middleware.audit.log import AuditLog
from optout_middleware.policy import Policy

log = AuditLog(sys.argv[1], run=sys.argv[2], writer="spider", operator="", policy=Policy("ExampleCorpusBot"),
               settings={}, now=lambda: datetime.now(timezone.utc))
while True:
    log.write({"stage": "item", "url": "http://news.example/" + "a" * 3000})
    print(log.lines, flush=True)
"""


def test_killed_run_loses_no_acknowledged_line_and_the_next_run_starts(tmp_path: Path) -> None:
    """Killed by SIGKILL between any two instructions: what was acknowledged is there whole, in order, once."""
    # Our own interpreter and script: nothing of it comes from outside.
    command = [sys.executable, "-c", KILLED, str(tmp_path), FIRST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        acknowledged = [int(next(child.stdout)) for _ in range(200)]
        child.kill()
        acknowledged += [int(row) for row in child.stdout.read().split()]
    path = tmp_path / f"{FIRST}-spider.jsonl"
    lines = [json.loads(row) for row in path.read_bytes().split(b"\n")[: acknowledged[-1]]]
    assert [line["seq"] for line in lines] == acknowledged
    log = started(tmp_path, SECOND)
    log.write({"stage": "item"})
    log.close({})
    assert log.warnings[0].startswith(f"run {FIRST} in {tmp_path} was not closed")
    assert manifest(tmp_path, f"run-{FIRST}.json")["closed"] is False
    assert read(log.path)[0]["seq"] == 1


def test_torn_last_line_of_an_earlier_run_is_told_and_left(tmp_path: Path) -> None:
    """A power cut may tear a line; nothing is written behind it, and nothing of it is lost."""
    first = started(tmp_path)
    first.write({"stage": "item"})
    with first.path.open("ab") as file:
        file.write(b'{"schema":1,"ru')
    before = first.path.read_bytes()
    second = started(tmp_path, SECOND)
    left = f"the last line of {first.path.name} is torn and was left as it is"
    assert second.warnings == (f"run {FIRST} in {tmp_path} was not closed; {left}",)
    assert first.path.read_bytes() == before
    second.close({})
    assert started(tmp_path, THIRD).warnings == ()


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
        log.write({"stage": "item", "url": "http://news.example/" + "a" * 3000})
except AuditError as error:
    print(log.lines, error)
try:
    log.write({"stage": "item"})
except AuditError:
    log.close({"items": log.lines})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of the size of files is a thing of POSIX")
def test_file_that_may_not_grow_stops_the_crawl(tmp_path: Path) -> None:
    """A real limit of the operating system, not one of ours: the lines before it stand, the rest is refused."""
    # As above, our own interpreter and script.
    command = [sys.executable, "-c", FULL, str(tmp_path), FIRST]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, _, said = done.stdout.partition(" ")
    assert re.search(r"cannot be written: \d+ of \d+ bytes were written", said)
    path = tmp_path / f"{FIRST}-spider.jsonl"
    whole = [json.loads(row)["seq"] for row in path.read_bytes().split(b"\n")[:-1]]
    assert whole == list(range(1, int(count) + 1))
    assert manifest(tmp_path)["closed"] is False
    assert "the last line" in started(tmp_path, SECOND).warnings[0]
