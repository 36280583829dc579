"""The register's file under damage, crashes and several processes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from optout_middleware.register import schema
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import Work
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError

from .small import BRIDGE, JANE, LOVE, RECORDS, asset, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Imports works under the name of the parent's import, and stops at a named point until a line comes in.
IMPORTER = """
import sys
from optout_middleware.register import merging
from optout_middleware.register.model import Work
from optout_middleware.register.store import RegisterStore

path, stop, count = sys.argv[1], sys.argv[2], int(sys.argv[3])

def pause(where):
    if where == stop:
        print(where, flush=True)
        sys.stdin.readline()

blocks_of, seen = merging.blocks_of, []
def slow(*args):
    seen.append(1)
    if len(seen) == 10:
        pause("merging")
    return blocks_of(*args)

merging.blocks_of = slow
with RegisterStore(path) as store:
    with store.importing("small", "c" * 64, None, "test") as batch:
        for number in range(count):
            batch.add(Work(f"w:{number}", "musical", (f"Title {number}",)))
        pause("adding")
    print("done", flush=True)
    pause("done")
"""
READER = """
import sys
from optout_middleware.register.store import RegisterStore

with RegisterStore(sys.argv[1], create=False) as store:
    print(store.snapshot(), *sorted(store.reading.works_by_id(sys.argv[2:])))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a register with the small import."""
    path = tmp_path / "register.sqlite"
    with RegisterStore(path) as store:
        put(store, RECORDS)
    return path


@pytest.fixture
def importer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give an import that stands still in the middle of its merging, and is killed at the end."""
    with spawn(path, "merging") as process:
        yield process
        process.kill()


def spawn(path: Path, stop: str) -> subprocess.Popen[str]:
    """Start an import that stops at a point, and wait until it is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(path), stop, "5000"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == stop
    return process


def read_elsewhere(path: Path, *ids: str) -> list[str]:
    """Read in another process: the snapshot, and which of these works there are."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(path), *ids], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


@pytest.mark.parametrize("stop", ["adding", "merging"])
def test_a_killed_import_leaves_the_old_state(path: Path, stop: str) -> None:
    """Whether it was reading or merging; the file is sound, and the same import can be made again."""
    with RegisterStore(path) as store:
        before = store.snapshot()
    with spawn(path, stop) as process:
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    with RegisterStore(path) as store:
        assert store.snapshot() == before
        assert set(store.reading.works_by_id([BRIDGE.id, "w:1"])) == {BRIDGE.id}
        assert store.connection().execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert put(store, [LOVE], version="2").changed


def test_others_read_while_one_imports(path: Path, importer: subprocess.Popen[str]) -> None:
    """The old state until the import ends, then the new one; an open reader notices."""
    with RegisterStore(path) as store:
        before = store.snapshot()
        store.changed()
        readers = [read_elsewhere(path, BRIDGE.id, "w:1") for _ in range(2)]
        assert readers == [[before, BRIDGE.id]] * 2
        assert not store.changed()
        out, _ = importer.communicate("\n", timeout=60)
        assert out.strip() == "done"
        assert store.changed()
        after = store.snapshot()
        assert after != before
        assert read_elsewhere(path, BRIDGE.id, "w:1") == [after, "w:1"]


def test_two_imports_take_turns(path: Path, importer: subprocess.Popen[str]) -> None:
    """The second waits until the first has ended; both are there then."""
    with RegisterStore(path) as store:
        waiting = threading.Thread(target=put, args=(store, [JANE, LOVE], "second"))
        waiting.start()
        importer.communicate("\n", timeout=60)
        waiting.join(60)
        assert {row.name for row in store.status().imports} == {"small", "second"}
        assert set(store.reading.works_by_id([LOVE.id, "w:4999"])) == {LOVE.id, "w:4999"}


def test_who_waits_too_long_is_told_why(
    path: Path, importer: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, and nothing of his import is there."""
    monkeypatch.setattr(schema, "PATIENCE", 0.05)
    with RegisterStore(path) as store:
        with pytest.raises(OptOutError, match=r"^cannot import into the register .* by another process"):
            put(store, [LOVE], name="second")
        assert importer.poll() is None
        assert store.damage == ""
        assert store.reading.works_by_id([BRIDGE.id])


def test_the_same_import_in_two_processes_counts_once(path: Path) -> None:
    """Whoever comes second changes nothing, although he began before the first had ended."""
    with spawn(path, "adding") as first, RegisterStore(path) as store:
        with store.importing("small", "c" * 64, None, "test") as batch:
            batch.add(Work("w:0", "musical", ("Title 0",)))
        first.communicate("\n", timeout=60)
        assert batch.report.changed
        assert store.reading.works_by_id(["w:0", "w:1"]).keys() == {"w:0"}


def test_a_missing_register_is_told(tmp_path: Path) -> None:
    """Whoever only reads does not make an empty one."""
    with pytest.raises(OptOutError, match="does not exist: import into it first"):
        RegisterStore(tmp_path / "none.sqlite", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "file").touch()
    with pytest.raises(OptOutError, match="cannot make the directory of the register"):
        RegisterStore(tmp_path / "file" / "register.sqlite")


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    """A database of somebody else is told, and not a byte of it changes."""
    path = tmp_path / "other.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE work (id)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(OptOutError, match="is a database, but not a register"):
        RegisterStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("version", "told"), [(schema.SCHEMA_VERSION + 1, "newer than"), (schema.SCHEMA_VERSION - 1, "older than")]
)
def test_another_schema_is_told(path: Path, version: int, told: str) -> None:
    """Which it is, and what to do."""
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(version),))
    db.commit()
    db.close()
    with pytest.raises(OptOutError, match=f"has schema {version}, {told} {schema.SCHEMA_VERSION}: "):
        RegisterStore(path)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """In one line, and it is left as it is."""
    path = tmp_path / "register.sqlite"
    path.write_text("Jane Doe; The Bridge\n" * 200, "utf-8")
    before = path.read_bytes()
    with pytest.raises(OptOutError, match=r"cannot open the register .*; it was left as it is") as told:
        RegisterStore(path)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before


def broken(path: Path) -> None:
    """Overwrite all pages but the first ones, which opening looks at."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(4096, size, 4096):
            file.seek(page + 8)
            file.write(b"\xff" * 64)


def test_a_damaged_file_is_told_on_opening(path: Path) -> None:
    """The tables are looked at, not only the header."""
    broken(path)
    with pytest.raises(OptOutError, match="cannot open the register"):
        RegisterStore(path)


def test_content_that_is_not_ours_is_damage(path: Path) -> None:
    """A row that some other program wrote makes facts with damage, no exception."""
    with RegisterStore(path) as store:
        store.connection().execute("UPDATE term SET layer = 'nonsense'")
        (facts,) = Matcher(store).facts([asset(titles=("Love",), writers=("J. Q. Roe",))])
        assert "'nonsense' is not a valid Layer" in facts.damage


def test_damage_under_a_running_crawl_is_told_as_such(path: Path) -> None:
    """No exception: facts with damage, so that covered classes are pending (rule R12); and the store keeps it."""
    with RegisterStore(path) as store:
        matcher = Matcher(store)
        assert matcher.facts([asset(titles=("Love",))])[0].damage == ""
        broken(path)
        db = store.connection()
        db.execute("PRAGMA shrink_memory")
        (facts,) = matcher.facts([asset(titles=("Love",))])
        assert "cannot read the register" in facts.damage
        assert facts.matches == ()
        assert store.damage == facts.damage
