"""The SQLite store: history, damage, crashes, several processes."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.evidence.stores.sqlite import SCHEMA_VERSION, SqliteStore
from optout_middleware.terms import Evidence, OptOutError

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
ORIGIN = "http://news.example"
URL = f"{ORIGIN}/robots.txt"
WRITER = """
import asyncio, sys
from datetime import datetime, timedelta, timezone
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import Evidence

async def main(path, name, rounds):
    store = SqliteStore(path)
    at = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
    for number in range(rounds):
        body = f"User-agent: {name}{number}".encode() * 40
        url = f"http://{name}{number % 50}.example/robots.txt"
        await store.save([Evidence(url, 200, [("server", name)], body, at + timedelta(seconds=number))])
        shared = Evidence("http://shared.example/robots.txt", 200, (), b"same", at + timedelta(seconds=number))
        await store.save([shared])
        store.flush()
        print(number, flush=True)
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def evidence(minute: int, body: bytes = b"x", **others: Any) -> Evidence:
    """Give evidence of robots.txt, seen at a minute."""
    values: dict[str, Any] = {"status": 200, "headers": [("date", f"minute {minute}")], **others}
    return Evidence(URL, body=body, fetched_at=START + timedelta(minutes=minute), **values)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path whose directories do not exist yet."""
    return tmp_path / "deep" / "er" / "evidence.sqlite"


def rows(path: Path, query: str) -> list[Any]:
    """Ask the file, as an auditor would."""
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def heard(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Give an event that says when the store has tried to write of its own."""
    tried, flush = asyncio.Event(), store._flush_later

    def flush_later() -> None:
        flush()
        tried.set()

    monkeypatch.setattr(store, "_flush_later", flush_later)
    return tried


def spawn(path: Path, name: str, rounds: int) -> subprocess.Popen[str]:
    """Start a process that writes."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(rounds)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


async def test_history_has_one_row_for_each_distinct_observation(path: Path) -> None:
    """What is seen again moves `last_seen` only; what differs is a row of its own; bytes stand there once."""
    store = SqliteStore(path)
    await store.save([evidence(0, b"a"), evidence(1, b"b"), evidence(2, b"a"), evidence(3, b"", status=503)])
    store.flush()
    await store.save([evidence(4, b"a"), evidence(5, b"a", final_url="http://elsewhere.example/")])
    await store.save([evidence(6, b"a", hops=[("http://hop.example/", 301, [("location", "/x")])])])
    await store.save([evidence(7, b"a", truncated=True), evidence(8, b"a", error="reset")])
    await store.close()
    minute = "(first_seen - {0}) / 60000000, (last_seen - {0}) / 60000000".format(int(START.timestamp() * 1_000_000))
    assert rows(path, f"SELECT {minute} FROM seen ORDER BY first_seen") == [
        (0, 4), (1, 1), (3, 3), (5, 5), (6, 6), (7, 7), (8, 8),
    ]  # fmt: skip
    assert sorted(rows(path, "SELECT sha256 FROM body")) == sorted(
        (hashlib.sha256(body).digest(),) for body in (b"a", b"b", b"")
    )


async def test_headers_kept_are_those_of_the_last_time(path: Path) -> None:
    """A Date that differs each time makes no history; the evidence loaded is the last one, whole."""
    store = SqliteStore(path)
    times = [evidence(minute, hops=[("http://hop.example/", 301, [("date", f"{minute}")])]) for minute in range(3)]
    for minute in (0, 2, 1):  # the last one comes late, from another process
        await store.save([times[minute]])
        store.flush()
    assert await store.load(ORIGIN) == [times[2]]
    await store.close()
    assert rows(path, "SELECT count(*) FROM seen") == [(1,)]


async def test_bodies_are_compressed_where_that_is_smaller(path: Path) -> None:
    """Short and incompressible bodies stand as they are."""
    noise = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(32))
    store = SqliteStore(path)
    await store.save([evidence(0, b"a" * 512), evidence(1, b"a" * 513), evidence(2, noise)])
    await store.close()
    assert sorted(rows(path, "SELECT zlib, length(bytes) < 513 FROM body")) == [(0, 0), (0, 1), (1, 1)]


async def test_writes_wait_and_are_written_without_being_asked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved is loaded at once, and stands in the file after the delay though nobody calls."""
    monkeypatch.setattr("optout_middleware.evidence.stores.sqlite._DELAY", 0.0)
    store = SqliteStore(path)
    flushed = heard(store, monkeypatch)
    await store.save([evidence(0)])
    assert await store.load(ORIGIN) == [evidence(0)]
    assert rows(path, "SELECT count(*) FROM seen") == [(0,)]
    await asyncio.wait_for(flushed.wait(), 10)
    assert rows(path, "SELECT count(*) FROM seen") == [(1,)]
    await store.close()


async def test_a_full_batch_is_written_at_once(path: Path) -> None:
    """What waits is bounded, by number and by octets."""
    store = SqliteStore(path)
    await store.save([evidence(minute) for minute in range(199)])
    assert rows(path, "SELECT count(*) FROM seen") == [(0,)]
    await store.save([evidence(199)])
    assert rows(path, "SELECT count(*) FROM seen") == [(1,)]
    await store.save([evidence(200, bytes(9 * 1_048_576))])
    assert rows(path, "SELECT count(*) FROM seen") == [(2,)]
    await store.close()


async def test_a_write_that_fails_in_the_background_is_told_by_the_next_call(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed write is not silent, and what waits is written when that is possible again."""
    monkeypatch.setattr("optout_middleware.evidence.stores.sqlite._DELAY", 0.0)
    monkeypatch.setattr("optout_middleware.evidence.stores.sqlite._BUSY", 0.0)
    store = SqliteStore(path)
    flushed = heard(store, monkeypatch)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    await store.save([evidence(0)])
    await asyncio.wait_for(flushed.wait(), 10)
    with pytest.raises(OptOutError, match="locked by another process") as caught:
        await store.load(ORIGIN)
    assert "\n" not in str(caught.value)
    other.close()
    assert await store.load(ORIGIN) == [evidence(0)]
    await store.close()
    assert rows(path, "SELECT count(*) FROM seen") == [(1,)]


async def test_a_write_that_fails_half_way_is_undone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither half of a batch is left in the file nor the file locked; what waits is written later."""
    store = SqliteStore(path)
    await store.save([evidence(0)])
    with monkeypatch.context() as patch:
        patch.setattr("optout_middleware.evidence.stores.sqlite._SAVE_SEEN", "INSERT INTO nowhere VALUES (?)")
        with pytest.raises(OptOutError, match="cannot write the evidence store"):
            store.flush()
    other = SqliteStore(path)
    await other.save([evidence(1)])
    await other.close()
    assert rows(path, "SELECT count(*) FROM body") == [(1,)]
    await store.close()
    assert rows(path, "SELECT (last_seen - first_seen) / 60000000 FROM seen") == [(1,)]


async def test_locations_of_another_version_are_passed_over(path: Path) -> None:
    """A file that a version with more locations wrote too is still read."""
    store = SqliteStore(path)
    await store.save([evidence(0)])
    await store.close()
    db = sqlite3.connect(path)
    with db:
        db.execute("CREATE TEMP TABLE other AS SELECT * FROM seen")
        db.execute("UPDATE other SET location = 'later.txt'")
        db.execute("INSERT INTO seen SELECT * FROM other")
    db.close()
    assert await _load(path, ORIGIN) == [evidence(0)]


async def test_documents_are_kept_by_url_and_what_is_no_website_is_refused(path: Path) -> None:
    """A location under another spelling is a document; it does not count for the location."""
    urls = ["http://news.example/licence.xml", "http://NEWS.example/robots.txt", "http://news.example"]
    documents = [Evidence(url, 200, (), url.encode(), START) for url in urls]
    store = SqliteStore(path)
    await store.save([evidence(0), *documents])
    for url in ("ftp://news.example/robots.txt", "data:,x", "", "http://"):
        with pytest.raises(ValueError, match="is not an http"):
            await store.save([Evidence(url, 200, (), b"", START)])
    await store.close()
    store = SqliteStore(path)
    assert await store.load(ORIGIN) == [evidence(0)]
    for document in documents:
        assert await store.load_document(document.url) == [document]
    await store.close()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (f"PRAGMA user_version = {SCHEMA_VERSION + 1}; CREATE TABLE seen (x)", "newer than 1: upgrade"),
        ("CREATE TABLE recipes (x)", "not an evidence store: name another file"),
        ("PRAGMA user_version = 7", "not an evidence store: name another file"),
        (f"PRAGMA user_version = {SCHEMA_VERSION}; CREATE TABLE recipes (x)", "no such table"),
    ],
)
def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path: Path, made: str, said: str) -> None:
    """A newer store or somebody else's database is one line, and not one octet of it changes."""
    path = tmp_path / "evidence.sqlite"
    db = sqlite3.connect(path)
    db.executescript(made)
    db.close()
    before = path.read_bytes()
    with pytest.raises(OptOutError, match=said) as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    if "no such table" not in said:  # that one says it is ours, and is switched to WAL before it is read
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be looked at" * 50, b"SQLite format 3\0" * 300]
)
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """Damage is one line, never a reason to start anew."""
    path = tmp_path / "evidence.sqlite"
    path.write_bytes(content)
    with pytest.raises(OptOutError, match="it was left as it is") as caught:
        SqliteStore(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


async def test_changed_bytes_are_found(path: Path) -> None:
    """A body that is not what was saved is damage, compressed or not."""
    for body, change in ((b"a", "bytes = x'62'"), (b"b" * 600, "bytes = x'00'"), (b"c", "zlib = 1")):
        store = SqliteStore(path)
        await store.save([evidence(len(body), body)])
        await store.close()
        db = sqlite3.connect(path)
        with db:
            db.execute(f"UPDATE body SET {change} WHERE sha256 = ?", (hashlib.sha256(body).digest(),))
        db.close()
        store = SqliteStore(path)
        with pytest.raises(OptOutError, match="it was left as it is"):
            await store.load(ORIGIN)
        await store.close()


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """A file that stands where a directory should, and a directory where the file should."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OptOutError, match="cannot make the directory"):
        SqliteStore(tmp_path / "file" / "evidence.sqlite")
    with pytest.raises(OptOutError, match="cannot open"):
        SqliteStore(tmp_path)


def test_a_kill_in_the_middle_of_writing_leaves_a_readable_store(path: Path) -> None:
    """After kill -9 the file is whole, and what was written before it is there."""
    writer = spawn(path, "killed", 1_000_000)
    assert writer.stdout is not None
    for _ in range(30):
        told = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    found = asyncio.run(_load(path, f"http://killed{told}.example"))
    assert [seen.body for seen in found] == [f"User-agent: killed{told}".encode() * 40]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "PRAGMA foreign_key_check") == []


async def _load(path: Path, origin: str) -> list[Evidence]:
    store = SqliteStore(path)
    found = await store.load(origin)
    await store.close()
    return found


def test_several_processes_share_a_file(path: Path) -> None:
    """Four processes that open a new file at once and write to it lose nothing and hinder nobody."""
    writers = [spawn(path, name, 100) for name in ("one", "two", "three", "four")]
    for writer in writers:
        _, complaints = writer.communicate()
        assert (writer.returncode, complaints) == (0, "")
    assert rows(path, "SELECT count(*) FROM seen") == [(4 * 100 + 1,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    found = asyncio.run(_load(path, "http://shared.example"))
    assert [seen.fetched_at for seen in found] == [START + timedelta(seconds=99)]
