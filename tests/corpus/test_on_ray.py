"""The Ray engine: the outputs of one process, whatever becomes of workers; a mistake is one line."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import ray

from optout_middleware.cli import main
from optout_middleware.corpus import on_ray
from optout_middleware.corpus.on_ray import OnRay
from optout_middleware.corpus.records import Shard
from optout_middleware.corpus.shard import Task
from optout_middleware.terms import OptOutError

from . import corpora
from .corpora import FORMATS
from .test_job import done, job, lines_of, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_PATIENCE = 30.0  # seconds until what does not come is a failure
_ROWS, _LONG = 1_500, 24_000  # of shards that take some tenths of a second, and some seconds
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="finds processes in /proc, as Linux has it"
)


class Killer:
    """Kills the worker that reads it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return eval, ("__import__('os').kill(__import__('os').getpid(), 9)",)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Start Ray with two workers, told to nobody and without a file in the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        ray.init(
            on_ray.LOCAL, num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            object_store_memory=on_ray._OBJECTS, _node_ip_address="127.0.0.1",
        )  # fmt: skip
        try:
            yield
        finally:
            ray.shutdown()


def within(seconds: float, found: Callable[[], Any]) -> Any:
    """Wait until something is found."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, "it does not come"
        time.sleep(0.005)
    return value


def parent(pid: int) -> int:
    """Give the parent of a process; 0 = it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def said_by(name: str) -> dict[int, bytes]:
    """Give what a file of /proc says of each process."""
    found = {}
    for path in Path("/proc").glob(f"[0-9]*/{name}"):
        with suppress(OSError):  # it has ended, or is somebody else's
            found[int(path.parent.name)] = path.read_bytes()
    return found


def busy() -> list[int]:
    """Give those workers of this test's Ray that do a shard right now: children of its raylet."""
    titles = said_by("cmdline").items()
    return [pid for pid, title in titles if title.startswith(b"ray::tried") and parent(parent(pid)) == os.getpid()]


@pytest.mark.parametrize("action", ["tag", "split"])
def test_outputs_are_those_of_one_process(tmp_path: Path, corpus: Path, action: str) -> None:
    """Ray and one process give the same octets and the same report, and Ray is left running for whoever started it."""
    plan = corpora.plan(tmp_path, register="none", action=action)
    report = job(tmp_path, corpus, "ray", plan).run(OnRay(2))
    assert report == done(job(tmp_path, corpus, "one", plan))
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "one")
    assert len(lines_of(tmp_path / "ray" / "audit")) == report.records
    assert ray.is_initialized()
    assert not (tmp_path / "ray" / ".parts").exists()


@needs_proc
def test_a_killed_worker_changes_no_octet(tmp_path: Path) -> None:
    """What it had half written is done again, by another, and the outputs are the same."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    corpora.json_lines(corpus / "0.jsonl", corpora.rows(_LONG))
    for number in range(1, 5):
        corpora.json_lines(corpus / f"{number}.jsonl", corpora.rows(40 + number))
    halves, killed = tmp_path / "ray" / ".parts" / "tries", list[int]()

    def kill(_: Mapping[str, Any]) -> None:
        """Once a short shard is done, the long one is alone under way, until this returns."""
        if not killed:
            within(_PATIENCE, lambda: any(path.stat().st_size for path in halves.glob("000000-*/data/0.jsonl")))
            killed.extend(busy())
            os.kill(killed[0], signal.SIGKILL)

    report = job(tmp_path, corpus, "ray").run(OnRay(2), kill)
    assert len(killed) == 1
    done(job(tmp_path, corpus, "one"))
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "one")
    assert len(lines_of(tmp_path / "ray" / "audit")) == report.records


def test_a_stopped_job_goes_on_and_repeats_no_finished_shard(tmp_path: Path, corpus: Path) -> None:
    """What was done before the stop is not done again; what was under way then has no part in what comes after."""
    first: list[str] = []
    second: list[str] = []

    def stop(said: Mapping[str, Any]) -> None:
        first.append(said["shard"])
        if len(first) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(tmp_path, corpus, "ray").run(OnRay(2), stop)
    report = job(tmp_path, corpus, "ray").run(OnRay(2), lambda said: second.append(said["shard"]))
    assert sorted(first + second) == sorted(FORMATS)
    assert report.repeated == 2
    done(job(tmp_path, corpus, "one"))
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "one")
    assert len(lines_of(tmp_path / "ray" / "audit")) == report.records


def test_a_cut_shard_is_told_and_not_counted(tmp_path: Path, corpus: Path) -> None:
    """An incomplete shard is no error of the engine."""
    (corpus / "b.jsonl").write_bytes((corpus / "b.jsonl").read_bytes()[:-20])
    report = job(tmp_path, corpus, "ray").run(OnRay(2))
    assert list(report.incomplete) == ["b.jsonl"]
    assert report.shards == 5
    assert not (tmp_path / "ray" / "data" / "b.jsonl").exists()


def test_workers_that_are_always_killed_end_the_job(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in one line, which names the shard, after a few tries; the other shards are done."""
    monkeypatch.setattr(on_ray, "_RETRIES", 0)
    tasks = job(tmp_path, corpus, "ray").left()[:3]
    killing: Any = {"x.example": Killer()}
    tasks[0] = replace(tasks[0], plan=replace(tasks[0].plan, class_domains=killing))
    with pytest.raises(
        OptOutError, match=r"^workers were lost \d times without a shard done \(.+\); left to do: a.parquet$"
    ):
        list(OnRay(2)(tasks))
    assert all((Path(task.directory) / "done.json").exists() for task in tasks[1:])


def test_a_mistake_is_one_line(tmp_path: Path, corpus: Path) -> None:
    """What a task raises comes as that error, without the trace of the worker."""
    (tmp_path / "damaged.sqlite").write_bytes(b"no database" * 200)
    plan = corpora.plan(tmp_path, register="none", store=str(tmp_path / "damaged.sqlite"))
    with pytest.raises(OptOutError) as caught:
        job(tmp_path, corpus, "ray", plan).run(OnRay(2))
    assert type(caught.value) is OptOutError
    assert "damaged.sqlite" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_worker_of_another_version_is_refused(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would decide by other rules."""
    monkeypatch.setattr(on_ray, "package_version", lambda: "0.0.1")
    with pytest.raises(OptOutError, match=r"^a Ray worker has version .+ and this machine 0\.0\.1$"):
        job(tmp_path, corpus, "ray").run(OnRay(2))


def test_a_worker_without_the_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node where it is not installed is told in one line."""
    name = "optout_only_here"
    (tmp_path / f"{name}.py").write_text("def tried(task, version):\n    return None, '', ''\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # after the workers were told where this process imports from
    module = __import__(name)
    monkeypatch.setattr(on_ray, "tried", module.tried)
    task = Task(corpora.plan(tmp_path), Shard("a.jsonl", "a.jsonl", "lines"), 0, str(tmp_path / "0"))
    with pytest.raises(OptOutError, match="install it on every node"):
        list(OnRay(2)([task]))


def test_outputs_that_the_nodes_do_not_share_are_told(tmp_path: Path) -> None:
    """What a worker did, and is not here, is not counted as done."""
    task = Task(corpora.plan(tmp_path), Shard("a.jsonl", "a.jsonl", "lines"), 0, str(tmp_path / "0"))
    said = ray.put(({"number": 0}, str(tmp_path / "elsewhere"), ""))
    with pytest.raises(OptOutError, match="one that all nodes share"):
        on_ray._answer(said, task)


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts in another directory opens the same files; names that are no paths stay."""
    monkeypatch.chdir(tmp_path)
    here = str(tmp_path)
    plan = corpora.plan(tmp_path, store="s.sqlite", archives=("a", "/b"), register="r.sqlite")
    task = Task(plan, Shard("c/d.jsonl", "d.jsonl", "lines"), 0, "out/.parts/000000", "before.parquet")
    made = on_ray.absolute(task)
    assert (made.plan.store, made.plan.archives) == (f"{here}/s.sqlite", (f"{here}/a", "/b"))
    assert (made.plan.register, made.before) == (f"{here}/r.sqlite", f"{here}/before.parquet")
    assert (made.shard.path, made.shard.name) == (f"{here}/c/d.jsonl", "d.jsonl")
    assert made.directory == f"{here}/out/.parts/000000"
    named = replace(task, plan=replace(plan, store="redis://127.0.0.1/0", register="none", archives=()), before="")
    made = on_ray.absolute(named)
    assert (made.plan.store, made.plan.register, made.before) == ("redis://127.0.0.1/0", "none", "")


def test_a_cluster_that_is_not_there_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would try for a quarter of an hour."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda *_, **__: pytest.fail("Ray tries"))
    with pytest.raises(OptOutError, match=f"^Ray cannot be used at '{address}': "):
        next(OnRay(2, address)([]))
    with pytest.raises(OptOutError, match="at least 1"):
        OnRay(0)


def test_without_ray_the_command_says_what_to_install(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray is an extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "optout_middleware.corpus.on_ray")
    arguments = ["--product-token", "ExampleCorpusBot", "--engine", "ray"]
    assert main(["recheck", str(corpus), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert "pip install 'optout-middleware[ray]'" in capsys.readouterr().err


@needs_proc
def test_the_command_starts_ray_and_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    """Interrupted as by a terminal, it ends with 130, and leaves no process and no log that is open."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(8):
        corpora.json_lines(corpus / f"{number}.jsonl", corpora.rows(_ROWS))
    mark = secrets.token_hex(8)
    command = [
        sys.executable, "-c", "import sys; from optout_middleware.cli import main; sys.exit(main(sys.argv[1:]))",
        "recheck", str(corpus), "--out", str(tmp_path / "out"), "--product-token", "ExampleCorpusBot",
        "--register", "none", "--engine", "ray", "--workers", "2",
    ]  # fmt: skip
    told: list[str] = []
    environment = {**os.environ, "OPTOUT_TEST": mark}
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            if len(told) == 1:
                os.killpg(process.pid, signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert process.returncode == 130
    assert all(line.startswith("optout: ") for line in told)
    assert within(_PATIENCE, lambda: not any(mark.encode() in said for said in said_by("environ").values()))
    assert 0 < len(lines_of(tmp_path / "out" / "audit")) < 8 * _ROWS
