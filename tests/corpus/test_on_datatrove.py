"""The step for datatrove: no document is lost, each has the result of a re-check, and each rank a log that verifies."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import dill  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from datatrove.data import Document  # type: ignore[import-untyped]
from datatrove.executor import LocalPipelineExecutor  # type: ignore[import-untyped]
from datatrove.pipeline.readers import ParquetReader  # type: ignore[import-untyped]
from datatrove.pipeline.writers import ParquetWriter  # type: ignore[import-untyped]

from optout_middleware.audit.reading import Run, runs
from optout_middleware.audit.recovery import seal
from optout_middleware.audit.verify import verify
from optout_middleware.corpus import on_datatrove
from optout_middleware.corpus.on_datatrove import OptOutFilter
from optout_middleware.corpus.recheck import RESULTS
from optout_middleware.terms import OptOutError

from . import corpora
from .test_job import done, job, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from optout_middleware.corpus.shard import Plan


class Excluded:
    """An exclusion writer that keeps what it gets."""

    def __init__(self) -> None:
        self.written: list[tuple[Document, int]] = []
        self.is_open = False

    def __enter__(self) -> Any:
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def write(self, document: Document, rank: int) -> None:
        """Keep a document."""
        assert self.is_open
        self.written.append((document, rank))


def documents(rows: Sequence[dict[str, Any]]) -> list[Document]:
    """Give records as a reader of datatrove does: the text apart, all else as metadata."""
    return [
        Document(row.get("text", ""), str(number), metadata={key: row[key] for key in row if key != "text"})
        for number, row in enumerate(rows)
    ]


def settings_of(directory: Path) -> list[dict[str, Any]]:
    """Give the manifest of each run of a directory."""
    return [run.manifest for run in runs([str(directory)]) if isinstance(run, Run)]


def test_tags_are_those_of_a_job(tmp_path: Path) -> None:
    """Each document passes, in its order, with the result that a whole job gives the same record, and has a line."""
    rows = corpora.rows(77)
    (tmp_path / "corpus").mkdir()
    corpora.json_lines(tmp_path / "corpus" / "a.jsonl", rows)
    done(job(tmp_path, tmp_path / "corpus", "job"))
    wanted = [json.loads(line)["optout"] for line in (tmp_path / "job" / "data" / "a.jsonl").read_text().splitlines()]
    given = documents(rows)
    step = OptOutFilter(corpora.plan(tmp_path, register="none"), str(tmp_path / "audit"))
    passed = list(step.run(given))
    assert [document.id for document in passed] == [str(number) for number in range(77)]
    for document, row, said in zip(passed, rows, wanted, strict=True):
        tags = {name: document.metadata.pop(name) for name in RESULTS.names}
        assert tags == {
            f"optout_{name}": "; ".join(value) if isinstance(value, list) else value for name, value in said.items()
        }
        assert document.metadata == {key: row[key] for key in row if key != "text"}
        assert document.text == row.get("text", "")
    lines = lines_of(tmp_path / "audit")
    assert [(line["record"], line["url"]) for line in lines] == [(n, row["url"]) for n, row in enumerate(rows)]
    assert [line["outcome"] for line in lines] == [said["outcome"] for said in wanted]
    assert {line["action"] for line in lines} == {"tag"}
    (manifest,) = settings_of(tmp_path / "audit")
    assert manifest["summary"]["finish_reason"] == "finished"
    assert manifest["summary"]["recheck"]["records"] == 77


def test_what_is_dropped_is_counted_and_kept_apart(tmp_path: Path) -> None:
    """Kept documents are as they came; all others are with the exclusion writer, with the reason, and in the stats."""
    given = documents(corpora.rows(80))
    before = {document.id: dict(document.metadata) for document in given}
    excluded = Excluded()
    step = OptOutFilter(
        corpora.plan(tmp_path, register="none", action="drop"), str(tmp_path / "audit"), exclusion_writer=excluded
    )
    kept = list(step.run(given, 3, 5))
    assert [document.metadata for document in kept] == [before[document.id] for document in kept]
    dropped = [document for document, _ in excluded.written]
    assert sorted(kept + dropped, key=lambda document: int(document.id)) == given
    assert kept
    outcomes = [document.metadata["filter_reason"] for document in dropped]
    assert outcomes == [document.metadata["optout_outcome"] for document in dropped]
    assert {rank for _, rank in excluded.written} == {3}
    counts = {name: total(stat) for name, stat in stats(step).items()}
    assert (counts["total"], counts["forwarded"], counts["dropped"]) == (80, len(kept), len(dropped))
    assert counts["dropped_deny"] == counts["deny"] == outcomes.count("deny") > 0
    assert counts["dropped_pending"] == counts["pending"] == outcomes.count("pending") > 0
    actions = [(line["action"], line["outcome"] == "allow") for line in lines_of(tmp_path / "audit")]
    assert set(actions) == {("keep", True), ("drop", False)}
    assert len(actions) == 80
    assert not excluded.is_open
    assert list(OptOutFilter(step.ranks._plan, str(tmp_path / "audit")).run(documents(corpora.rows(80)))) == kept


def stats(step: OptOutFilter) -> dict[str, Any]:
    """Give the counts of a step, as datatrove writes them."""
    said: dict[str, Any] = step.stats.to_dict()["stats"]
    return said


def total(stat: Any) -> int:
    """Give a count of datatrove's, which writes those of one unit as a number."""
    return int(stat["total"] if isinstance(stat, dict) else stat)


@pytest.mark.parametrize("metadata", [{}, {"url": None}, {"url": "ftp://a.example/"}, {"url": 7}])
def test_a_document_without_a_url_waits(tmp_path: Path, metadata: dict[str, Any]) -> None:
    """It is neither lost nor passed as free, and has a line."""
    step = OptOutFilter(corpora.plan(tmp_path, register="none"), str(tmp_path / "audit"))
    (passed,) = step.run([Document("x", "1", metadata=dict(metadata))])
    assert passed.metadata["optout_outcome"] == "pending"
    assert [line["outcome"] for line in lines_of(tmp_path / "audit")] == ["pending"]
    step = OptOutFilter(corpora.plan(tmp_path, register="none", action="drop"), str(tmp_path / "audit"))
    assert list(step.run([Document("x", "1", metadata=dict(metadata))])) == []
    assert total(stats(step)["dropped_pending"]) == 1


def test_the_text_may_be_html_and_fields_may_have_other_names(tmp_path: Path) -> None:
    """Before an extractor the text of a document is the page, with what its head says."""
    plan = corpora.plan(tmp_path, register="none", columns={"html": "text", "url": "address"})
    step = OptOutFilter(plan, str(tmp_path / "audit"))
    url = f"{corpora.OPEN}/a"
    given = [Document(html.decode(), "1", metadata={"address": url}) for html in (corpora.NOAI, corpora.PLAIN)]
    assert [document.metadata["optout_outcome"] for document in step.run(given)] == ["deny", "allow"]


def test_the_register_is_asked(tmp_path: Path) -> None:
    """Documents that say too little to be matched to a work are told as such; a register that is none is one line."""
    step = OptOutFilter(corpora.plan(tmp_path), str(tmp_path / "audit"))
    given = [
        Document("x", "1", metadata={"url": f"{corpora.OPEN}/a", "title": "A Song", "writers": ["Ada Jones"]}),
        Document("x", "2", metadata={"url": f"{corpora.OPEN}/b"}),
    ]
    assert [document.metadata["optout_works"] for document in step.run(given)] == ["checked", "not checkable"]
    (manifest,) = settings_of(tmp_path / "audit")
    assert manifest["settings"]["recheck"]["register_snapshot"]
    (tmp_path / "damaged.sqlite").write_bytes(b"no database" * 200)
    step = OptOutFilter(corpora.plan(tmp_path, register=str(tmp_path / "damaged.sqlite")), str(tmp_path / "other"))
    with pytest.raises(OptOutError, match=r"damaged\.sqlite"):
        list(step.run(given))
    assert not (tmp_path / "other").exists()


def test_batches_have_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long documents come in small batches, and all of them come."""
    monkeypatch.setattr(on_datatrove, "_DOCUMENTS", 10)
    monkeypatch.setattr(on_datatrove, "_MOST_CHARACTERS", 1_000)
    given = [Document("x" * size, str(size), metadata={"html": "y" * size, "n": 1}) for size in (1, 600, 2, 3, 499, 1)]
    given += [Document("", f"empty {number}") for number in range(25)]
    batches = list(on_datatrove._batches(given))
    assert [document for batch in batches for document in batch] == given
    assert [len(batch) for batch in batches] == [2, 3, 10, 10, 6]


def reports(path: Path, directory: Path, plan: Plan, *, drop: bool = False) -> dict[str, Any]:
    """Run a pipeline of two ranks in processes of their own; give what datatrove counts for the step."""
    step = OptOutFilter(
        replace(plan, action="drop" if drop else "tag"), str(directory / "audit"),
        exclusion_writer=ParquetWriter(str(directory / "excluded")) if drop else None,
    )  # fmt: skip
    pipeline = [ParquetReader(str(path)), step, ParquetWriter(str(directory / "kept"))]
    LocalPipelineExecutor(pipeline, tasks=2, logging_dir=str(directory / "logs")).run()
    (said,) = [one for one in json.loads((directory / "logs" / "stats.json").read_text()) if "Opt-outs" in one["name"]]
    counts: dict[str, Any] = said["stats"]
    return counts


def test_two_ranks_share_a_directory_and_no_file(tmp_path: Path) -> None:
    """Through datatrove's executor: nothing is lost, `verify` looks at both ranks, and logs show no password."""
    (tmp_path / "corpus").mkdir()
    urls = corpora.urls(90)
    for number, part in enumerate((urls[:40], urls[40:])):
        corpora.parquet(tmp_path / "corpus" / f"{number}.parquet", [{"url": url, "text": "x"} for url in part])
    plan = corpora.plan(tmp_path, register="none")
    counts = reports(tmp_path / "corpus", tmp_path, plan, drop=True)
    found = {}
    for name in ("kept", "excluded"):
        tables = [pq.read_table(path) for path in sorted((tmp_path / name).glob("*.parquet"))]
        found[name] = [row["url"] for table in tables for row in table.column("metadata").to_pylist()]
    known = corpora.sites()
    assert found["kept"] == [url for url in urls if corpora.outcome(url, known) == "allow"]
    assert found["excluded"] == [url for url in urls if corpora.outcome(url, known) != "allow"]
    lines = lines_of(tmp_path / "audit")
    assert sorted(line["url"] for line in lines) == sorted(urls)
    assert {line["shard"] for line in lines} == {"rank00000", "rank00001"}
    assert verify([str(tmp_path / "audit")]).runs == 2
    assert [manifest["settings"]["recheck"]["world_size"] for manifest in settings_of(tmp_path / "audit")] == [2, 2]
    assert (total(counts["total"]), total(counts["forwarded"])) == (90, len(found["kept"]))


def test_a_step_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    """By pickle and by dill; what datatrove writes of it in its logs has no password."""
    plan = corpora.plan(tmp_path, register="none")
    for copied in (pickle.loads(pickle.dumps(made(plan, tmp_path))), dill.loads(dill.dumps(made(plan, tmp_path)))):
        (passed,) = copied.run([Document("x", "1", metadata={"url": f"{corpora.CLOSED}/a"})])
        assert passed.metadata["optout_outcome"] == "deny"
    step = made(replace(plan, store="redis://me:secret@127.0.0.1/0"), tmp_path)
    executor = LocalPipelineExecutor([step], logging_dir=str(tmp_path / "logs"))
    executor.save_executor_as_json()
    text = (tmp_path / "logs" / "executor.json").read_text()
    assert plan.policy.sha256 in text
    assert "secret" not in text


def made(plan: Plan, tmp_path: Path) -> OptOutFilter:
    """Give a step."""
    return OptOutFilter(plan, str(tmp_path / "audit"))


def test_a_rank_that_is_stopped_and_done_again_leaves_a_log_that_verifies(tmp_path: Path) -> None:
    """What the first try decided stays, told as stopped; the second is a run of its own."""
    step = made(corpora.plan(tmp_path, register="none"), tmp_path)
    next(step.run(documents(corpora.rows(30)), 1, 2))  # and no more: what is left of it is closed at once
    list(step.run(documents(corpora.rows(30)), 1, 2))
    assert len(lines_of(tmp_path / "audit")) == 60
    reasons = sorted(manifest["summary"]["finish_reason"] for manifest in settings_of(tmp_path / "audit"))
    assert reasons == ["finished", "stopped"]


def test_grouped_lines_count_every_document(tmp_path: Path) -> None:
    """One line for each site, outcome and rule of a rank."""
    step = made(corpora.plan(tmp_path, register="none", audit="grouped"), tmp_path)
    list(step.run(documents([{"url": url} for url in corpora.urls(100)])))
    lines = lines_of(tmp_path / "audit")
    assert sum(line["count"] for line in lines) == 100
    assert len(lines) < 20


KILLED_MIDWAY = """
import os, pickle, sys
step, given = pickle.loads(open(sys.argv[1], "rb").read())
for _ in step.run(given, 0, 2):
    os.kill(os.getpid(), 9)
"""


def test_a_rank_that_is_killed_is_sealed_with_its_lines(tmp_path: Path) -> None:
    """Its run is not closed, which `verify` says; sealed, it verifies, with the lines of all that was passed on."""
    plan = corpora.plan(tmp_path, register="none")
    (tmp_path / "sent").write_bytes(pickle.dumps((made(plan, tmp_path), documents(corpora.rows(30)))))
    killed = subprocess.run([sys.executable, "-c", KILLED_MIDWAY, str(tmp_path / "sent")], check=False)
    assert killed.returncode == -9
    list(made(plan, tmp_path).run(documents(corpora.rows(30)), 0, 2))
    assert {finding.kind for finding in verify([str(tmp_path / "audit")]).findings} == {"unclosed"}
    assert len(seal(tmp_path / "audit", now=lambda: datetime.now(timezone.utc))) == 1
    records = [line for line in lines_of(tmp_path / "audit") if "record" in line]
    assert sorted(line["record"] for line in records) == sorted([*range(30), *range(30)])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "split"}, "drop with an exclusion_writer"),
        ({"notice": "a5bacf"}, "lists no hits"),
        ({"columns": {"link": "url"}}, "'link' is no field"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """What a pipeline has no place for is told when the step is made."""
    with pytest.raises(OptOutError, match=said):
        made(corpora.plan(tmp_path, register="none", **changes), tmp_path)


def test_a_log_that_cannot_be_written_stops_the_rank(tmp_path: Path) -> None:
    """No document is passed on without its line."""
    (tmp_path / "audit").write_text("a file")
    step = made(corpora.plan(tmp_path, register="none"), tmp_path)
    passed: list[Document] = []
    with pytest.raises(OptOutError, match="cannot be written"):
        passed.extend(step.run(documents(corpora.rows(5))))
    assert passed == []


def test_documents_are_asked_for_as_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank of any length takes the memory of a batch."""
    monkeypatch.setattr(on_datatrove, "_DOCUMENTS", 4)
    taken = []

    def given() -> Iterator[Document]:
        for document in documents(corpora.rows(40)):
            taken.append(document)
            yield document

    running = made(corpora.plan(tmp_path, register="none"), tmp_path).run(given())
    for number in range(1, 13):
        next(running)
        assert len(taken) == -(-number // 4) * 4
