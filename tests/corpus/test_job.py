"""A whole job: the same outputs whatever does it, nothing done twice, nothing counted that was not read."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.reading import Record, records
from optout_middleware.audit.verify import verify
from optout_middleware.corpus.job import Job
from optout_middleware.corpus.pool import Processes
from optout_middleware.corpus.records import batches, shards
from optout_middleware.corpus.shard import run
from optout_middleware.corpus.since import earlier
from optout_middleware.policy import Policy, Profile
from optout_middleware.terms import OptOutError

from . import corpora
from .corpora import FORMATS
from .test_records import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from optout_middleware.corpus.job import Report
    from optout_middleware.corpus.shard import Plan, Task


def job(tmp_path: Path, corpus: Path, out: str, plan: Plan | None = None, since: dict[str, str] | None = None) -> Job:
    """Begin a job, or take it up."""
    return Job(
        str(tmp_path / out), str(tmp_path / out / "audit"), plan or corpora.plan(tmp_path, register="none"),
        shards([str(corpus)]), settings={}, register_snapshot="", now=lambda: corpora.AT, since=since,
    )  # fmt: skip


def done(made: Job, workers: int = 1) -> Report:
    """Do a job."""
    return made.run(Processes(workers))


def outputs(directory: Path) -> dict[str, str]:
    """Give the hash of each output, and of the results."""
    found = {}
    for below in ("data", "results", "sites.parquet"):
        base = directory / below
        for path in sorted(base.rglob("*")) if base.is_dir() else [base]:
            if path.is_file():
                found[str(path.relative_to(directory))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def lines_of(directory: Path) -> list[dict[str, Any]]:
    """Give the decisions of an audit log, and hold the log against its manifests."""
    verdict = verify([str(directory)])
    assert not verdict.findings
    found = list(records([str(directory)]))
    assert all(isinstance(row, Record) for row in found)
    return [row.line for row in found if isinstance(row, Record)]


@pytest.mark.parametrize("action", ["tag", "split"])
def test_outputs_are_the_same_whatever_the_number_of_workers(tmp_path: Path, corpus: Path, action: str) -> None:
    """One process or several give the same octets."""
    plan = corpora.plan(tmp_path, register="none", action=action)
    first = done(job(tmp_path, corpus, "one", plan), 1)
    second = done(job(tmp_path, corpus, "two", plan), 2)
    assert first == second
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
    assert first.records == sum(40 + number for number in range(6))
    assert first.works == {"not asked": first.records}


def read(path: Path) -> list[str]:
    """Give the URLs of a shard; an output without records has none."""
    (shard,) = shards([str(path)])
    return [url or "" for some in batches(shard, {}) for url in some.records.column("url").to_pylist()]


@pytest.mark.parametrize("name", FORMATS)
def test_kept_and_excluded_records_are_all_records(tmp_path: Path, corpus: Path, name: str) -> None:
    """Dropping keeps what is allowed; splitting loses nothing; order stays."""
    done(job(tmp_path, corpus, "drop", corpora.plan(tmp_path, register="none", action="drop")))
    done(job(tmp_path, corpus, "split", corpora.plan(tmp_path, register="none", action="split")))
    kept, excluded = (read(tmp_path / "split" / "data" / part / name) for part in ("kept", "excluded"))
    assert read(tmp_path / "drop" / "data" / name) == kept
    assert kept
    assert excluded
    assert sorted(kept + excluded) == sorted(read(corpus / name))
    number = FORMATS.index(name)
    table = pq.read_table(tmp_path / "drop" / "results" / f"{number:06d}.parquet")
    allowed = [one == "allow" for one in table.column("optout_outcome").to_pylist()]
    assert kept == [url for url, keep in zip(read(corpus / name), allowed, strict=True) if keep]


def test_tags_stand_beside_what_was_there(tmp_path: Path, corpus: Path) -> None:
    """A tagged record is the record, with its results."""
    done(job(tmp_path, corpus, "out"))
    before = [json.loads(line) for line in (corpus / "b.jsonl").read_text().splitlines()]
    after = [json.loads(line) for line in (tmp_path / "out" / "data" / "b.jsonl").read_text().splitlines()]
    tags = [row.pop("optout") for row in after]
    assert after == before
    assert {tag["outcome"] for tag in tags} == {"allow", "deny", "pending"}
    table = pq.read_table(tmp_path / "out" / "data" / "a.parquet")
    whole = pq.read_table(corpus / "a.parquet")
    assert table.select(whole.schema.names).equals(whole)
    assert table.column("optout_decided_at").to_pylist() == [corpora.AT] * 40
    known = corpora.sites()
    plain = [row for row in before if "html" not in row and "headers" not in row]
    assert {row["url"]: tag["outcome"] for row, tag in zip(after, tags, strict=True) if row in plain} == {
        row["url"]: corpora.outcome(row["url"], known) for row in plain
    }


def test_each_record_has_a_line(tmp_path: Path, corpus: Path) -> None:
    """The audit log has each record once, verifies, and says what the results say."""
    report = done(job(tmp_path, corpus, "out"))
    lines = lines_of(tmp_path / "out" / "audit")
    assert len(lines) == report.records == report.lines
    assert len({(line["shard"], line["record"]) for line in lines}) == report.records
    counts: dict[str, int] = {}
    for line in lines:
        counts[line["outcome"]] = counts.get(line["outcome"], 0) + 1
    assert counts == report.outcomes


def test_grouped_lines_count_every_record(tmp_path: Path, corpus: Path) -> None:
    """One line for each site, outcome and rule of a shard, with its count and the hash of its URLs."""
    report = done(job(tmp_path, corpus, "out", corpora.plan(tmp_path, register="none", audit="grouped")))
    lines = lines_of(tmp_path / "out" / "audit")
    assert sum(line["count"] for line in lines) == report.records
    assert len(lines) < report.records / 2
    known = corpora.sites()
    closed = [line for line in lines if line["origin"] == corpora.CLOSED and line["shard"] == "f.warc"]
    wanted = [url for url in read(corpus / "f.warc") if url.startswith(corpora.CLOSED)]
    assert {corpora.outcome(url, known) for url in wanted} == {"deny"}
    assert sum(line["count"] for line in closed) == len(wanted)
    if len(closed) == 1:
        assert closed[0]["urls_sha256"] == hashlib.sha256("".join(f"{url}\n" for url in wanted).encode()).hexdigest()


@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_shard_is_told_and_not_counted(tmp_path: Path, corpus: Path, name: str) -> None:
    """An incomplete shard leaves no output, no line and no count."""
    whole = (corpus / name).read_bytes()
    size = len(whole)
    (corpus / name).write_bytes(whole[: size * 2 // 3].rstrip(b"\r\n}"))
    plan = corpora.plan(tmp_path, register="none")
    first = done(job(tmp_path, corpus, "out", plan))
    assert list(first.incomplete) == [name]
    assert first.shards == 5
    assert not (tmp_path / "out" / "data" / name).exists()
    assert name not in {line["shard"] for line in lines_of(tmp_path / "out" / "audit")}


def test_a_stopped_job_goes_on_and_repeats_no_finished_shard(tmp_path: Path, corpus: Path) -> None:
    """What was done before the stop is not done again, and the outputs are those of a job that ran through."""
    seen: list[str] = []

    def stopping(tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        for number, task in enumerate(tasks):
            if number == 3:
                raise KeyboardInterrupt
            seen.append(task.shard.name)
            yield run(task)

    def going_on(tasks: Sequence[Task]) -> Iterator[dict[str, Any]]:
        for task in tasks:
            seen.append(task.shard.name)
            yield run(task)

    with pytest.raises(KeyboardInterrupt):
        job(tmp_path, corpus, "out").run(stopping)
    report = job(tmp_path, corpus, "out").run(going_on)
    assert seen == list(FORMATS)
    assert report.repeated == 3
    done(job(tmp_path, corpus, "whole"))
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")
    assert len(lines_of(tmp_path / "out" / "audit")) == report.records
    assert done(job(tmp_path, corpus, "out")).repeated == 6


def test_what_was_done_but_not_put_in_its_place_is(tmp_path: Path, corpus: Path) -> None:
    """A job that was killed between a task and its place takes the task's work over, also half-way through."""
    made = job(tmp_path, corpus, "out")
    audit = made._run()
    for task in made.left()[:2]:
        run(task)
    half = tmp_path / "out" / ".parts" / "000000" / "audit"
    first = min(half.glob("*.gz"))
    shutil.move(first, tmp_path / "out" / "audit" / first.name)
    (tmp_path / "out" / ".parts" / "000002").mkdir(parents=True)
    audit._release()  # as a killed process does
    again = job(tmp_path, corpus, "out")
    assert len(again.left()) == 4
    assert len(again.warnings) == 1
    report = done(again)
    done(job(tmp_path, corpus, "whole"))
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")
    assert len(lines_of(tmp_path / "out" / "audit")) == report.records


def always_killed(task: Task) -> dict[str, Any]:
    """Kill the worker."""
    os.kill(os.getpid(), signal.SIGKILL)
    return run(task)


def test_a_killed_worker_changes_no_octet(tmp_path: Path, corpus: Path) -> None:
    """What it had under way is done again, by another, and the outputs are the same."""
    killed: list[int] = []

    def kill(_: object) -> None:
        if not killed:
            for child in multiprocessing.active_children():
                killed.append(child.pid or 0)
                os.kill(child.pid or 0, signal.SIGKILL)

    report = job(tmp_path, corpus, "out").run(Processes(2), kill)
    assert killed
    done(job(tmp_path, corpus, "whole"))
    assert outputs(tmp_path / "out") == outputs(tmp_path / "whole")
    assert len(lines_of(tmp_path / "out" / "audit")) == report.records


def test_workers_that_are_always_killed_end_the_job(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told in one line, after a few tries."""
    monkeypatch.setattr("optout_middleware.corpus.pool.run", always_killed)
    with pytest.raises(OptOutError, match="workers were lost 3 times"):
        done(job(tmp_path, corpus, "out"), 2)


def test_another_job_is_not_mixed_in(tmp_path: Path, corpus: Path) -> None:
    """A directory that holds another job is refused, and so are no workers at all."""
    done(job(tmp_path, corpus, "out"))
    with pytest.raises(OptOutError, match="other plan"):
        job(tmp_path, corpus, "out", corpora.plan(tmp_path, register="none", action="drop"))
    with pytest.raises(OptOutError, match="at least 1"):
        Processes(0)


def test_only_what_can_have_changed_is_decided_anew(tmp_path: Path, corpus: Path) -> None:
    """New evidence about one site costs the records of that site; the results are those of a whole new job."""
    done(job(tmp_path, corpus, "first"))
    changed = {**corpora.ROBOTS, corpora.OPEN: b"User-agent: *\nDisallow: /\n"}
    corpora.store(tmp_path / "later.sqlite", changed)
    plan = corpora.plan(tmp_path, register="none", store=str(tmp_path / "later.sqlite"))
    before = earlier(str(tmp_path / "first" / "audit"), plan.policy, "", {})
    report = done(job(tmp_path, corpus, "second", plan, dict(before.results)))
    anew = done(job(tmp_path, corpus, "third", plan))
    assert outputs(tmp_path / "second") == outputs(tmp_path / "third")
    assert 0 < report.decided < anew.decided == report.records
    urls = [url for name in FORMATS for url in read(corpus / name)]
    assert report.decided == sum(url.startswith(corpora.OPEN) for url in urls)
    assert len(lines_of(tmp_path / "second" / "audit")) == report.decided


def test_a_changed_policy_or_shard_makes_all_new(tmp_path: Path, corpus: Path) -> None:
    """Results by another policy, or about other octets, do not count."""
    done(job(tmp_path, corpus, "first"))
    audit = str(tmp_path / "first" / "audit")
    other = Policy("ExampleCorpusBot", profile=Profile.LITERAL)
    assert earlier(audit, other, "", {}).changed == "the policy changed"
    assert earlier(audit, corpora.POLICY, "42", {}).changed == "the register changed"
    before = earlier(audit, corpora.POLICY, "", {})
    write(corpus / "b.jsonl", 44)
    report = done(job(tmp_path, corpus, "second", None, dict(before.results)))
    assert report.decided == 44
    with pytest.raises(OptOutError, match="no audit log of a re-check"):
        earlier(str(tmp_path), corpora.POLICY, "", {})
