"""What a corpus may be like, and what may happen to a job: all is read, or told in one line, and nothing half done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.reading import Record, records
from optout_middleware.cli import main
from optout_middleware.corpus.columns import normalised, of_values
from optout_middleware.corpus.job import JOB, Job
from optout_middleware.corpus.records import batches, passed_over, shards, urls
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.evidence.stores.file_locks import FileLocks
from optout_middleware.terms import OptOutError

from . import corpora

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "https://open.example/a"
COMMAND = (sys.executable, "-c", "import sys; from optout_middleware.cli import main; sys.exit(main(sys.argv[1:]))")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of whoever runs the tests have a part in them."""
    for name in ("OPTOUT_REGISTER", "OPTOUT_PRODUCT_TOKEN", "OPTOUT_OPERATOR"):
        monkeypatch.delenv(name, raising=False)


def arguments(data: Path, out: Path, *more: str) -> list[str]:
    """Give the arguments of a re-check without evidence."""
    return [
        "recheck", str(data), "--out", str(out), "--product-token", "ExampleCorpusBot", "--register", "none",
        "--workers", "1", *more,
    ]  # fmt: skip


def rows(path: Path, columns: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Read all records of a file."""
    (shard,) = shards([str(path)])
    return [row for batch in batches(shard, columns or {}) for row in batch.records.to_pylist()]


def table(path: Path, **columns: Any) -> Path:
    """Write a Parquet file."""
    pq.write_table(pa.table(columns), path)
    return path


MAY_2022 = datetime(2022, 5, 1, tzinfo=timezone.utc)
SECONDS = int(MAY_2022.timestamp())


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (pa.array([SECONDS * 10**9 + 1], pa.timestamp("ns")), MAY_2022),
        (pa.array([SECONDS * 1000], pa.timestamp("ms", "Asia/Tokyo")), MAY_2022),
        (pa.array([SECONDS], pa.timestamp("s")), MAY_2022),
        (pa.array([2**62], pa.timestamp("s")), None),
        (pa.array([2**62], pa.timestamp("us", "UTC")), None),
        (pa.array([-(2**62)], pa.timestamp("us")), None),
        (pa.array([date(2022, 5, 1)], pa.date32()), MAY_2022),
        (pa.array([date(2022, 5, 1)], pa.date64()), MAY_2022),
        (pa.array([SECONDS]), MAY_2022),
        (pa.array([SECONDS * 1000]), MAY_2022),
        (pa.array([float(SECONDS)]), MAY_2022),
        (pa.array([float("nan")]), None),
        (pa.array([1], pa.duration("s")), None),
        (pa.array([1], pa.time32("s")), None),
    ],
)
def test_dates_of_any_type_are_read(column: Any, found: datetime | None) -> None:
    """Whatever the unit; a date that Python does not know is none, and raises nothing."""
    batch = pa.RecordBatch.from_arrays([pa.array([URL]), column], names=["url", "date"])
    (row,) = normalised(batch, {"url": "url", "collected_at": "date"}).to_pylist()
    assert row["collected_at"] == found


def test_numbers_that_are_missing_elsewhere_are_read() -> None:
    """A column of integers with gaps comes as floats."""
    batch = pa.RecordBatch.from_pydict({"url": [URL] * 3, "status": [404.0, float("nan"), 200.5]})
    found = normalised(batch, {"url": "url", "status": "status"}).column("status").to_pylist()
    assert found == [404, None, None]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([URL.encode()]), pa.array([URL]).dictionary_encode(), pa.array([URL], pa.large_string()),
        pa.array([URL]).cast(pa.string_view()), pa.array([URL.encode()]).dictionary_encode(),
    ],
)  # fmt: skip
def test_text_of_any_type_is_a_url(tmp_path: Path, column: Any) -> None:
    """As octets, by numbers, large, as views."""
    path = table(tmp_path / "a.parquet", **{"meta.url": column})
    assert [row["url"] for row in rows(path, {"url": "meta.url"})] == [URL]
    (shard,) = shards([str(path)])
    assert list(urls(shard, {"url": "meta.url"})) == [[URL]]


@pytest.mark.parametrize("column", [pa.array([1]), pa.array([[URL]]), pa.array([{"a": URL}])])
def test_a_column_of_urls_that_is_no_text_is_a_mistake(tmp_path: Path, column: Any) -> None:
    """Else every record would wait, and nobody would know why."""
    with pytest.raises(OptOutError, match="no text: name another with --column url=NAME"):
        rows(table(tmp_path / "a.parquet", url=column))


def test_two_columns_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    """One of them may be allowed and the other not."""
    both = pa.Table.from_arrays([pa.array([URL]), pa.array(["https://closed.example/"])], names=["url", "url"])
    pq.write_table(both, tmp_path / "a.parquet")
    with pytest.raises(OptOutError, match="two columns 'url'"):
        rows(tmp_path / "a.parquet")


def test_columns_of_nothing(tmp_path: Path) -> None:
    """No rows, no values: nothing is lost and nothing is raised."""
    assert rows(table(tmp_path / "a.parquet", url=pa.array([], pa.string()))) == []
    assert [row["url"] for row in rows(table(tmp_path / "b.parquet", url=pa.array([None], pa.null())))] == [None]


def test_row_groups_of_any_size_are_read_in_order(tmp_path: Path) -> None:
    """Small ones together, large ones in parts."""
    wanted = [f"https://open.example/{number}" for number in range(30_000)]
    for size in (1, 700, 20_000):
        pq.write_table(pa.table({"url": wanted[: size * 40]}), tmp_path / "a.parquet", row_group_size=size)
        found = rows(tmp_path / "a.parquet")
        assert [row["url"] for row in found] == wanted[: size * 40]
        assert [row["record"] for row in found] == list(range(len(found)))


LINE = json.dumps({"url": URL}).encode()


@pytest.mark.parametrize(
    ("octets", "count"),
    [
        (b"\xef\xbb\xbf" + LINE + b"\n" + LINE, 2),
        (LINE + b"\r\n" + LINE + b"\r\n", 2),
        (b"\n  \n" + LINE + b"\n\n", 1),
        (b'{"url": NaN, "status": NaN, "date": NaN, "text": NaN, "headers": NaN, "html": Infinity}\n', 1),
        (b'{"url": "https://open.example/\\ud800", "text": "\\udfff"}\n', 1),
        (b'{"url": "https://open.example/", "date": 99999999999999999999999, "status": 1e400}\n', 1),
        (b'{"url": "https://open.example/", "text": "' + b"x" * (20 << 20) + b'"}\n', 1),
    ],
)
def test_lines_of_any_kind_are_read(tmp_path: Path, octets: bytes, count: int) -> None:
    """A mark of the byte order, line ends of Windows, empty lines, no numbers, half characters, long ones."""
    (tmp_path / "a.jsonl").write_bytes(octets)
    assert len(rows(tmp_path / "a.jsonl")) == count
    out = tmp_path / "out"
    assert main(arguments(tmp_path / "a.jsonl", out)) == 0
    made = rows(out / "data" / "a.jsonl")  # tagged, it can be read again
    assert len(made) == count


@pytest.mark.parametrize(
    "octets",
    [
        '{"url": "https://open.example/"}\n'.encode("utf-16"),
        b'{"url": "https://open.example/\xe9"}\n',
        b"[" + LINE + b"]\n",
        b"{\n" + LINE[1:-1] + b"\n}\n",
        b'{"url":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        b'{"url": "https://open.example/", "text": "' + b"x" * (65 << 20) + b'"}\n',
    ],
    ids=["utf-16", "latin-1", "array", "pretty", "deep", "too long"],
)
def test_lines_that_are_no_json_lines_make_a_shard_incomplete(tmp_path: Path, octets: bytes) -> None:
    """Other encodings, one array, one object over many lines, what no reader can hold."""
    (tmp_path / "a.json").write_bytes(octets)
    with pytest.raises(IncompleteError, match="line"):
        rows(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_packed_file_without_an_octet_is_incomplete(tmp_path: Path, name: str) -> None:
    """Not even an empty stream was written."""
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(IncompleteError):
        rows(tmp_path / name)


def corpus(directory: Path, *names: str) -> Path:
    """Write files of one record each."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE + b"\n")
    return directory


def test_what_is_no_shard_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of other kinds, hidden ones, links to directories: nobody takes them for checked."""
    others = (".hidden.jsonl", ".cache/x.jsonl", "README.md", "b.jsonl.bz2", "C.JSONL", "_SUCCESS")
    data = corpus(tmp_path / "corpus", "a.jsonl", "sub/deep/a.jsonl", *others)
    (data / "link").symlink_to(data / "sub")
    assert [shard.name for shard in shards([str(data)])] == ["a.jsonl", "sub/deep/a.jsonl"]
    wanted = sorted(str(data / name) for name in (".cache", ".hidden.jsonl", "C.JSONL", "README.md", "_SUCCESS",
                                                  "b.jsonl.bz2", "link"))  # fmt: skip
    assert passed_over([str(data)]) == wanted
    assert main(arguments(data, tmp_path / "out")) == 0
    assert f"passed over, no shards: {', '.join(wanted[:5])} and 2 more" in capsys.readouterr().err


def test_a_link_to_nowhere_is_incomplete(tmp_path: Path) -> None:
    """It stands for a shard that cannot be read."""
    data = corpus(tmp_path / "corpus", "a.jsonl")
    (data / "b.jsonl").symlink_to(tmp_path / "gone")
    assert main(arguments(data, tmp_path / "out")) == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["incomplete"]) == ["b.jsonl"]


def test_the_same_shard_twice_counts_once(tmp_path: Path) -> None:
    """By whatever path it is named; two of one name that differ are a mistake."""
    data = corpus(tmp_path / "corpus", "a.jsonl", "x/a.jsonl")
    around = f"{data}/../corpus"
    assert len(shards([str(data), around, str(data / "a.jsonl"), f"{around}/a.jsonl"])) == 2
    with pytest.raises(OptOutError, match=r"would both be a\.jsonl"):
        shards([str(data), str(data / "x" / "a.jsonl")])


@pytest.mark.parametrize("name", ["данные ☃.jsonl", "a b'c\"d;$(x).jsonl", b"\xff\xfe.jsonl", "a\nb.jsonl"])
def test_any_name_can_be_checked(tmp_path: Path, name: str | bytes) -> None:
    """Letters of any script, quotes, octets that are no text."""
    (tmp_path / "corpus").mkdir()
    Path(os.path.join(os.fsdecode(tmp_path / "corpus"), os.fsdecode(name))).write_bytes(LINE + b"\n")  # noqa: PTH118
    assert main(arguments(tmp_path / "corpus", tmp_path / "out", "--action", "split")) == 0
    assert main(["verify", str(tmp_path / "out" / "audit")]) == 0
    assert len(list((tmp_path / "out" / "data" / "excluded").iterdir())) == 1


def nothing_of_it(tmp_path: Path) -> list[str]:
    """A directory without any shard."""
    (tmp_path / "empty").mkdir()
    return arguments(tmp_path / "empty", tmp_path / "out")


def no_file(tmp_path: Path) -> list[str]:
    """A device."""
    return arguments(Path("/dev/null"), tmp_path / "out")


def out_within(tmp_path: Path) -> list[str]:
    """Outputs among the inputs."""
    data = corpus(tmp_path / "corpus", "a.jsonl")
    return arguments(data, data / "out")


def out_over(tmp_path: Path) -> list[str]:
    """Outputs that would take the place of the inputs."""
    data = corpus(tmp_path / "data", "a.jsonl")
    return arguments(data, tmp_path, "--action", "drop")


def out_is_a_file(tmp_path: Path) -> list[str]:
    """A file where a directory is to be."""
    (tmp_path / "out").write_text("x")
    return arguments(corpus(tmp_path / "corpus", "a.jsonl"), tmp_path / "out")


def out_below_a_device(tmp_path: Path) -> list[str]:
    """Where nothing can be made."""
    return arguments(corpus(tmp_path / "corpus", "a.jsonl"), Path("/dev/full/out"))


def no_store(tmp_path: Path) -> list[str]:
    """A store that is not there."""
    return arguments(corpus(tmp_path / "corpus", "a.jsonl"), tmp_path / "out", "--store", str(tmp_path / "none.sqlite"))


def another_server(tmp_path: Path) -> list[str]:
    """A server of an unknown kind."""
    data = corpus(tmp_path / "corpus", "a.jsonl")
    return arguments(data, tmp_path / "out", "--probe", "--store", "postgres://localhost/x")


@pytest.mark.parametrize(
    "mistake",
    [nothing_of_it, no_file, out_within, out_over, out_is_a_file, out_below_a_device, no_store, another_server],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mistake: Any
) -> None:
    """Exit status 2, and each file is as it was."""
    made = mistake(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main(made) == 2
    error = capsys.readouterr().err
    assert error.startswith("optout: ")
    assert error.removeprefix("optout: 1 origins to look at\n").count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
    assert not (tmp_path / "none.sqlite").exists()


def test_secrets_of_urls_are_in_no_log(tmp_path: Path) -> None:
    """User, password and secret parameters of records stand in no audit line; those of a store in no manifest."""
    found = [{"url": "https://me:secret1@open.example/a?token=secret2"}]
    data = corpora.json_lines(tmp_path / "a.jsonl", found)
    for mode in ("full", "grouped"):
        assert main(arguments(data, tmp_path / mode, "--audit", mode)) == 0
        (line,) = (row.line for row in records([str(tmp_path / mode / "audit")]) if isinstance(row, Record))
        assert line["url"] == "https://***@open.example/a?token=***"
        assert line["origin"] == "https://open.example"
    plan = corpora.plan(tmp_path, register="none", store="redis://me:secret3@store.example/0?password=secret4")
    job = Job(
        str(tmp_path / "out"), str(tmp_path / "out" / "audit"), plan, shards([str(data)]), settings={},
        register_snapshot="", now=lambda: corpora.AT,
    )  # fmt: skip
    job.run(lambda _: iter(()))
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert not re.search(rb"secret[1-4]", path.read_bytes())
    assert b"store.example" in (tmp_path / "out" / "job.json").read_bytes()


@pytest.fixture
def large(tmp_path: Path) -> list[str]:
    """Give the command of a job of several shards."""
    (tmp_path / "corpus").mkdir()
    for number in range(3):
        corpora.json_lines(tmp_path / "corpus" / f"{number}.jsonl", [{"url": url} for url in corpora.urls(2_000)])
    return [*COMMAND, *arguments(tmp_path / "corpus", tmp_path / "out")]


def started(command: list[str], out: Path, workers: int) -> subprocess.Popen[str]:
    """Start a job, and wait until its first shard is under way."""
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not list(out.glob(".parts/*")) and process.poll() is None:
        time.sleep(0.01)
    return process


def members(group: int) -> list[int]:
    """Give the processes of a group that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize(("workers", "how"), [(1, signal.SIGINT), (2, signal.SIGINT), (2, signal.SIGKILL)])
def test_a_job_that_is_ended_from_outside_leaves_no_worker_and_goes_on(
    tmp_path: Path, large: list[str], workers: int, how: signal.Signals
) -> None:
    """Interrupted or killed: its workers end too, nothing is told but the status, and the same command ends the job."""
    process = started(large, tmp_path / "out", workers)
    os.kill(process.pid, how)
    _, error = process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -how)
    assert "Traceback" not in error
    until = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert members(process.pid) == []
    again = subprocess.run(large, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text())["records"] == 6_000
    assert main(["verify", str(tmp_path / "out" / "audit")]) == 0


def test_one_job_is_done_by_one_process(tmp_path: Path, large: list[str]) -> None:
    """A second process with the same command is refused while the first has the job, and not afterwards."""
    assert subprocess.run(large, capture_output=True, check=False).returncode == 0
    first = FileLocks(tmp_path / "out" / ".lock")
    assert first.take(JOB)
    second = subprocess.run(large, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert "another process does the job" in second.stderr
    first.close()
    assert subprocess.run(large, capture_output=True, check=False).returncode == 0


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); "
    "from optout_middleware.cli import main; sys.exit(main(sys.argv[1:]))"
)


def test_a_full_disk_is_one_line_and_the_job_goes_on_later(tmp_path: Path, large: list[str]) -> None:
    """What cannot be written ends the job in one line; with room again the same command ends it."""
    full = subprocess.run(
        [sys.executable, "-c", LIMITED, *large[3:], "--workers", "2"], capture_output=True, text=True, check=False
    )
    assert full.returncode == 2
    assert "Traceback" not in full.stderr
    assert full.stderr.count("\n") == 1
    again = subprocess.run(large, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text())["records"] == 6_000
    assert main(["verify", str(tmp_path / "out" / "audit")]) == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.warc.gz"])
def test_a_full_disk_stops_no_removal_half_way(tmp_path: Path, name: str) -> None:
    """The shard stays as it is, nothing is left beside it, and the certificate does not say that it is done."""
    from optout_middleware.corpus.removal import entry_of  # noqa: PLC0415
    from optout_middleware.corpus.shard import sha256_of  # noqa: PLC0415

    from .test_records import write  # noqa: PLC0415

    path = write(tmp_path / name, 6_000)
    first = rows(path)[0]
    manifest = {
        "kind": "optout-removal", "schema": 1, "notice": "n", "columns": {},
        "files": [{"file": str(path), "sha256": sha256_of(path), "records": [entry_of(first, "named", "r")]}],
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(manifest))
    before = path.read_bytes()
    limited = LIMITED.replace("300_000", str(min(len(before) // 2, 20_000)))
    command = [sys.executable, "-c", limited, "remove", str(tmp_path / "m.json"), "--by", "Ada"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written anew" in done.stderr
    assert done.stderr.count("\n") == 1
    assert path.read_bytes() == before
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]
    assert main(["remove", str(tmp_path / "m.json"), "--by", "Ada"]) == 0
    assert len(rows(path)) == 5_999


def test_values_that_are_missing_in_one_row_are_taken_from_its_other_names() -> None:
    """Rows need not have the same columns."""
    found = of_values([{"url": URL, "text": None, "content": "c"}, {"uri": URL}], {}, 0).to_pylist()
    assert [row["url"] for row in found] == [URL, URL]
    assert found[0]["text"] == "c"
