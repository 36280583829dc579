"""Reading: every line in full, of many directories and wherever they lie, and damage beside it."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.packing import Packer, Unpacker
from optout_middleware.audit.reading import Damage, Record, Run, records, runs
from optout_middleware.audit.verify import verify
from optout_middleware.terms import OptOutError

from .log_files import FIRST, POLICY, SECOND, THIRD, assert_valid, lines, made, read, stored, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).parent / "data"


@pytest.fixture
def memory() -> Iterator[str]:
    """Give the URL of a place in the memory of fsspec."""
    url = "memory://audit"
    yield url
    fsspec.filesystem("memory").rm("/audit", recursive=True)


def test_many_directories_and_urls(tmp_path: Path, memory: str) -> None:
    """Local and elsewhere, one after the other."""
    written(tmp_path / "a")
    written(tmp_path / "b", SECOND)
    elsewhere = fsspec.filesystem("memory")
    for path in (tmp_path / "b").iterdir():
        elsewhere.pipe(f"/audit/{path.name}", path.read_bytes())
    found = list(records([str(tmp_path / "a"), memory]))
    assert [row.line["run"] for row in found if isinstance(row, Record)] == [FIRST] * 12 + [SECOND] * 12
    assert isinstance(found[-1], Record)
    assert found[-1].id.startswith(f"{SECOND}-spider:")
    assert found[-1].file.startswith(memory)
    assert verify([str(tmp_path / "a"), memory]).is_intact


def test_runs_are_given_with_personal_values(tmp_path: Path) -> None:
    """As they were set, so that a policy can be made again and decided by."""
    written(tmp_path)
    (run,) = runs([str(tmp_path)])
    assert isinstance(run, Run)
    assert run.manifest["operator"] == "Example Labs"
    assert run.manifest["policy"] == POLICY.to_dict()
    assert b"Ada" not in (tmp_path / f"run-{FIRST}.json").read_bytes()


def test_first_format_reads_as_it_was_written() -> None:
    """Each line as it stands there, and each valid by the schema of its version."""
    directory = DATA / "format-1"
    texts = [path.read_bytes() for path in sorted(directory.glob("*.jsonl"))]
    assert read(directory) == [json.loads(row) for text in texts for row in text.splitlines()]
    assert assert_valid(directory) == 12
    assert [run.manifest["schema"] for run in runs([str(directory)]) if isinstance(run, Run)] == [1, 1]
    assert assert_valid(DATA / "format-1-killed") == 6


def test_both_formats_in_one_directory(tmp_path: Path) -> None:
    """An operator goes on where the first format ended."""
    shutil.copytree(DATA / "format-1", tmp_path / "audit")
    written(tmp_path / "audit", "20261125T120000Z-00000a")
    assert [row["schema"] for row in read(tmp_path / "audit")] == [1] * 12 + [2] * 12


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (b"{", "not-json"),
        (b"[1]", "not-json"),
        (b"[" * 100_000, "not-json"),
        (b"\xff", "not-json"),
        (b'{"schema":3}', "unknown-schema"),
        (b'{"schema":[]}', "unknown-schema"),
        (b'{"seq":1}', "unresolved"),
        (b'{"seq":1,"prev":"","time":"","outcome":"deny","reasons":[999]}', "unresolved"),
        (b'{"seq":1,"prev":"","time":"","outcome":"deny","reasons":7}', "unresolved"),
        (b'{"shared":[1]}', "unresolved"),
        (b'{"segment":1}', "unresolved"),
    ],
)
def test_damaged_line_is_told_and_costs_no_other(tmp_path: Path, row: bytes, kind: str) -> None:
    """Whatever stands in a line, those before and after it come out."""
    written(tmp_path)
    path = tmp_path / f"{FIRST}-spider-000001.jsonl.gz"
    rows = stored(tmp_path)
    path.write_bytes(gzip.compress(b"".join([*rows[:-2], row + b"\n", *rows[-2:]])))
    found = list(records([str(tmp_path)]))
    damages = [it for it in found if isinstance(it, Damage) and it.kind != "altered"]
    assert [(it.kind, it.line) for it in damages] == [(kind, len(rows) - 1)]
    assert len([it for it in found if isinstance(it, Record)]) == 12


def without_last(rows: list[bytes]) -> list[bytes]:
    """Cut the end off, as if the crawl had ended before."""
    return rows[:-2]


def without_one(rows: list[bytes]) -> list[bytes]:
    """Take a line out."""
    return [*rows[:-3], *rows[-2:]]


def doubled(rows: list[bytes]) -> list[bytes]:
    """Write a line twice."""
    return [*rows[:-2], rows[-3], *rows[-2:]]


def changed(rows: list[bytes]) -> list[bytes]:
    """Say something else in a line."""
    return [*rows[:-3], rows[-3].replace(b"deny", b"allow").replace(b"drop", b"keep"), *rows[-2:]]


@pytest.mark.parametrize("change", [without_last, without_one, doubled, changed])
def test_lines_that_are_gone_or_other_are_damage(tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Nobody who reads takes a page for one that was never asked for: each line is held against the one before it."""
    written(tmp_path)
    rows = stored(tmp_path)
    assert change(rows) != rows
    (tmp_path / f"{FIRST}-spider-000001.jsonl.gz").write_bytes(gzip.compress(b"".join(change(rows))))
    kinds = {it.kind for it in records([str(tmp_path)]) if isinstance(it, Damage)}
    assert kinds
    assert kinds <= {"altered", "removed", "unresolved"}


@pytest.mark.parametrize("name", [f"{FIRST}-spider-000001.jsonl.gz", f"run-{FIRST}.json"])
def test_files_that_are_gone_are_damage(tmp_path: Path, name: str) -> None:
    """A segment that a manifest names, and the manifest of a segment."""
    written(tmp_path)
    (tmp_path / name).unlink()
    damages = [it for it in records([str(tmp_path)]) if isinstance(it, Damage)]
    assert [(it.kind, it.file) for it in damages] == [("missing", f"{tmp_path}/{name}")]


def test_a_directory_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    """In whatever spelling."""
    written(tmp_path / "audit")
    once = list(records([str(tmp_path / "audit")]))
    assert list(records([str(tmp_path / "audit"), f"{tmp_path}/audit/", f"{tmp_path}/./audit"])) == once


@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5),
    st.integers(0, 10_000),
    st.none() | st.tuples(st.integers(0, 10_000), st.integers(0, 255)),
)
def test_nothing_in_a_file_makes_reading_raise(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[int, int]],
    cut: int,
    flip: tuple[int, int] | None,
) -> None:
    """Octets overwritten, lines cut, the compressed file changed: there are records and damage, and no error."""
    tmp_path = tmp_path_factory.mktemp("any")
    written(tmp_path, count=1)
    text = bytearray(b"".join(stored(tmp_path)))
    for place, value in changes:
        text[place % len(text)] = value
    packed = bytearray(gzip.compress(bytes(text[: cut or None]), mtime=0))
    if flip is not None:
        packed[flip[0] % len(packed)] ^= flip[1]
    (tmp_path / f"{FIRST}-spider-000001.jsonl.gz").write_bytes(bytes(packed))
    assert all(isinstance(row, (Record, Damage)) for row in records([str(tmp_path)]))


def test_file_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    """A copy that was cut off."""
    written(tmp_path, count=200)
    path = tmp_path / f"{FIRST}-spider-000001.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-3_000])
    *found, unreadable, cut = records([str(tmp_path)])
    assert len(found) > 100
    assert isinstance(unreadable, Damage)
    assert isinstance(cut, Damage)
    assert (unreadable.kind, cut.kind) == ("unreadable", "removed")


def test_closed_segment_goes_before_the_open_one(tmp_path: Path) -> None:
    """A kill between the two leaves both; lines are given once."""
    written(tmp_path)
    (tmp_path / f"{FIRST}-spider-000001.jsonl").write_bytes(b"".join(stored(tmp_path)))
    assert len(read(tmp_path)) == 12


def test_manifest_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """Beside the runs that can."""
    written(tmp_path)
    (tmp_path / f"run-{THIRD}.json").write_bytes(b"[]")
    run, damage = runs([str(tmp_path)])
    assert isinstance(run, Run)
    assert isinstance(damage, Damage)


@pytest.mark.parametrize("directory", ["gone", "memory://gone", "nonsense://x/y"])
def test_directory_that_is_not_there(directory: str) -> None:
    """A mistake of the user, one line."""
    with pytest.raises(OptOutError, match=r"^audit directory [^\n]*$"):
        list(records([directory]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("news.example", "blog.example", "paid.example", "shop.example")),
            st.integers(0, 3),
            st.fixed_dictionaries(
                {},
                optional={
                    "final_url": st.sampled_from((None, "http://other.example/", "http://news.example/0")),
                    "size": st.sampled_from((None, 0, 7)),
                    "waits_for": st.sampled_from((None, "probe")),
                    "may_fetch": st.booleans(),
                    "dry_run": st.booleans(),
                    "conditions": st.sampled_from(([], ["name us"])),
                    "credits": st.sampled_from(([], [{"title": "x"}], [])),
                    "claims": st.sampled_from(([], [{"finding": "register-strong", "party": "p"}])),
                    "rulings": st.just([{"by": "Ada", "finding": "named-bot"}]),
                    "kept": st.just("ab"),
                    "zero": st.sampled_from((0, None, False, "")),
                },
            ),
        ),
        max_size=8,
    )
)
def test_packing_loses_nothing(rows: list[tuple[str, int, dict[str, Any]]]) -> None:
    """Any line that `line()` makes, with whatever fields are added, comes back as it was."""
    packer, unpacker = Packer(), Unpacker()
    unpacker.unpack({"segment": 1, "run": "r", "writer": "w", "policy": "", "rules_version": "", "version": ""})
    for host, number, changes in rows:
        line = made(host, number, **changes)
        shared, packed = packer.pack(line)
        if shared:
            text = f'{{"shared":[{",".join(shared)}]}}'
            assert unpacker.unpack(json.loads(text)) is None
        back = unpacker.unpack({"seq": 1, "prev": "", "time": "", **json.loads(json.dumps(packed))})
        assert back is not None
        for name in ("schema", "run", "writer", "seq", "prev", "time", "policy", "rules_version", "version"):
            del back[name]
        assert back == line
        assert {name: type(value) for name, value in back.items()} == {
            name: type(value) for name, value in line.items()
        }


def test_what_repeats_is_stored_once(tmp_path: Path) -> None:
    """The evidence and the refusal of a site stand once in a segment, however many pages it has."""
    written(tmp_path, count=50)
    text = b"".join(stored(tmp_path))
    assert text.count(b"http://blog.example/robots.txt") == 2  # evidence and reason
    assert text.count(b"Content-Signal: ai-train=no") == 2  # of two sites
    assert len(lines(50)) == len(read(tmp_path))
