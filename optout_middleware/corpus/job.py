"""A whole re-check: which shards are left, an engine that does them, and everything put in its place.

Rule of this file: one process puts things in their places, by renaming: first the audit lines of a shard, then its
output, its mark "done" last. A job that was stopped goes on where it was; no shard that is done is done again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Generator
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.parquet as pq  # type: ignore[import-untyped]

from optout_middleware.audit import files
from optout_middleware.audit.manifest import Run, new_run_id
from optout_middleware.audit.place import manifest_name
from optout_middleware.audit.recovery import seal
from optout_middleware.corpus.by_site import by_site
from optout_middleware.corpus.shard import AUDIT, DATA, DONE, RESULTS_FILE, SITES_FILE, Plan, Task
from optout_middleware.evidence.stores import shown
from optout_middleware.evidence.stores.file_locks import FileLocks
from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from optout_middleware.corpus.pool import Engine
    from optout_middleware.corpus.records import Shard

JOB, REPORT, SITES, PARTS = "job.json", "report.json", "sites.parquet", ".parts"
ORIGINS = "origins.sqlite"  # of a pass that probed before the job began
_LOCK = ".lock"  # held by the process that does the job
_DONE, _RESULTS, _SITES = "done", "results", "sites"
SCHEMA = 1


class Report(NamedTuple):
    """What a job came to.

    Fields:
        shards, records, decided: how many are checked; records whose earlier result counts were not decided anew.
        outcomes: of records.
        works: of records: checked, not checkable, not asked.
        incomplete: shard -> why it could not be read to its end; none of its records is counted.
        lines: of the audit log, as far as this run wrote them.
        repeated: shards that were done by an earlier run of the same job.
    """

    shards: int
    records: int
    decided: int
    outcomes: Mapping[str, int]
    works: Mapping[str, int]
    incomplete: Mapping[str, str]
    lines: int
    repeated: int

    @property
    def kept(self) -> int:
        """How many records have no reservation."""
        return self.outcomes.get(Outcome.ALLOW.value, 0)


class Job:
    """One re-check of a corpus.

    Args:
        out: the directory of its outputs; made if it is not there.
        audit: the directory of its audit log.
        plan: what every task shares; its `run` and, where the job goes on, its `at` are set here.
        shards: what is read.
        settings: all else that was set, for the run manifest.
        register_snapshot: the state of the register; empty = it is not asked.
        since: results of an earlier job by the name of the shard.
        now: the clock, aware.
        key: the path of the key that signs the run manifest; empty = none does.

    Raises:
        OptOutError: the directory holds another job or something else, another process does this job, or it cannot be
            written.
    """

    def __init__(  # noqa: PLR0913 - what a job is stands here once
        self,
        out: str,
        audit: str,
        plan: Plan,
        shards: Sequence[Shard],
        *,
        settings: Mapping[str, Any],
        register_snapshot: str,
        now: Callable[[], datetime],
        since: Mapping[str, str] | None = None,
        key: str = "",
    ) -> None:
        self._out, self._audit, self._now, self._key = Path(out), Path(audit), now, key
        self._shards, self._settings, self._since = shards, settings, dict(since or {})
        self._snapshot = register_snapshot
        self.plan = self._begun(replace(plan, run=new_run_id(now())))
        self._locks = self._taken()
        self._recovered()
        self.warnings = tuple(seal(self._audit, now=now)) if self._audit.is_dir() else ()

    def left(self) -> list[Task]:
        """Give the tasks that are not done."""
        return [
            Task(
                self.plan,
                shard,
                number,
                os.fspath(self._out / PARTS / f"{number:06d}"),
                self._since.get(shard.name, ""),
            )
            for number, shard in enumerate(self._shards)
            if not self._done_file(number).exists()
        ]

    def run(self, engine: Engine, told: Callable[[Mapping[str, Any]], None] = lambda _: None) -> Report:
        """Do what is left, and close the audit run.

        Args:
            engine: does the tasks.
            told: gets what each task says, once it is in its place.

        Raises:
            OptOutError: a task cannot be done, or something cannot be written; what is done stays done.
        """
        tasks = self.left()
        incomplete: dict[str, str] = {}
        lines = 0
        if tasks:
            audit, saying = self._run(), engine(tasks)
            try:
                for said in saying:
                    if "incomplete" in said:
                        incomplete[said["shard"]] = said["incomplete"]
                        shutil.rmtree(self._out / PARTS / f"{said['number']:06d}", ignore_errors=True)
                    else:
                        self._commit(said["number"])
                        lines += said["lines"]
                    told(said)
            finally:
                if isinstance(saying, Generator):
                    saying.close()  # its workers are done with what they had under way
                self._recovered()  # what they did belongs to this run, which is about to be closed
                report = self._report(incomplete, lines, len(self._shards) - len(tasks))
                audit.close(
                    {
                        "recheck": report._asdict(),
                        "finish_reason": "finished" if self._is_over(incomplete) else "stopped",
                    }
                )
        else:
            report = self._report({}, 0, len(self._shards))
        self._write(report)
        self._locks.close()
        return report

    def hits(self) -> Iterator[tuple[Shard, dict[str, Any]]]:
        """Give each shard with what its mark says, of the shards that are done."""
        for number, shard in enumerate(self._shards):
            if (path := self._done_file(number)).exists():
                yield shard, json.loads(path.read_bytes())

    def _run(self) -> Run:
        plan = self.plan
        about = {
            "action": plan.action, "audit": plan.audit, "store": shown(plan.store), "archives": list(plan.archives),
            "register": plan.register, "register_snapshot": self._snapshot, "columns": dict(plan.columns),
            "at": plan.at.isoformat(), "results": os.path.relpath(self._out / _RESULTS, self._audit),
            **self._settings,
        }  # fmt: skip
        return Run(
            self._audit, run=plan.run, operator=plan.operator, policy=plan.policy, settings={"recheck": about},
            now=self._now, key=self._key,
        )  # fmt: skip

    def _begun(self, plan: Plan) -> Plan:
        """Begin the job, or take up one that was begun: with the date that it was begun with."""
        path = self._out / JOB
        about = {
            "schema": SCHEMA,
            "plan": _identity(plan),
            "shards": [[shard.name, _size(shard.path)] for shard in self._shards],
            "register_snapshot": self._snapshot,
            "settings": dict(self._settings),
        }
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._check_empty()
                files.replace(path, json.dumps({**about, "at": plan.at.isoformat()}, indent=1).encode())
                return plan
            known = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise OptOutError(f"{path} cannot be used: {_said(error)}") from None
        at = datetime.fromisoformat(known.pop("at"))
        differing = [name for name, value in json.loads(json.dumps(about)).items() if known.get(name) != value]
        if differing:
            raise OptOutError(
                f"{self._out} holds a job with other {', '.join(differing)}: name another directory with --out"
            )
        return replace(plan, at=at)

    def _taken(self) -> FileLocks:
        """Take the job, so that no other process does the same shards."""
        locks = FileLocks(self._out / _LOCK)
        if not locks.take(JOB):
            locks.close()
            raise OptOutError(f"another process does the job in {self._out}: wait for it, or end it")
        return locks

    def _check_empty(self) -> None:
        """Refuse a directory of something else: outputs would take the place of files of the same name."""
        others = sorted(one.name for one in self._out.iterdir() if not one.name.startswith(ORIGINS))
        if others:
            raise OptOutError(
                f"{self._out} holds {others[0]!r} and no job of a re-check: name a new directory with --out"
            )

    def _recovered(self) -> None:
        """Put in its place what was done and not put there; throw away what was not done."""
        parts = self._out / PARTS
        for directory in sorted(parts.iterdir()) if parts.is_dir() else ():
            done = directory / DONE
            if done.exists() and "incomplete" not in json.loads(done.read_bytes()) and self._is_of_open_run(directory):
                self._commit(int(directory.name))
            else:
                shutil.rmtree(directory, ignore_errors=True)

    def _is_of_open_run(self, directory: Path) -> bool:
        """Tell whether the lines of a task can still be put with their run: one that is closed takes no more."""
        runs = {json.loads(path.read_bytes())["run"] for path in (directory / AUDIT).glob("*.open")}
        paths = [self._audit / manifest_name(run) for run in runs]
        manifests = [json.loads(path.read_bytes()) if path.exists() else {"closed": True} for path in paths]
        return not any(manifest.get("closed") or manifest.get("sealed") for manifest in manifests)

    def _commit(self, number: int) -> None:
        """Put what a task left in its place; what is there already was put there by an earlier try."""
        directory = self._out / PARTS / f"{number:06d}"
        try:
            self._audit.mkdir(parents=True, exist_ok=True)
            # The state of the writer comes last: with it, its segments count.
            for path in sorted((directory / AUDIT).glob("*"), key=lambda path: (path.suffix == ".open", path.name)):
                path.replace(self._audit / path.name)
            for path in sorted((directory / DATA).rglob("*")):
                if path.is_file():
                    _move(path, self._out / DATA / path.relative_to(directory / DATA))
            for name, place in ((RESULTS_FILE, _RESULTS), (SITES_FILE, _SITES)):
                if (directory / name).exists():
                    _move(directory / name, self._out / place / f"{number:06d}.parquet")
            _move(directory / DONE, self._done_file(number))
        except OSError as error:
            raise OptOutError(f"{directory} cannot be put in its place: {_said(error)}") from None
        shutil.rmtree(directory, ignore_errors=True)

    def _done_file(self, number: int) -> Path:
        return self._out / _DONE / f"{number:06d}.json"

    def _is_over(self, incomplete: Mapping[str, str]) -> bool:
        return len(incomplete) + sum(1 for _ in self.hits()) == len(self._shards)

    def _report(self, incomplete: Mapping[str, str], lines: int, repeated: int) -> Report:
        counts: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        works: Counter[str] = Counter()
        for _, said in self.hits():
            counts.update(shards=1, records=said["records"], decided=said["decided"])
            outcomes.update(said["outcomes"])
            works.update(said["works"])
        return Report(
            counts["shards"], counts["records"], counts["decided"], dict(sorted(outcomes.items())),
            dict(sorted(works.items())), dict(sorted(incomplete.items())), lines, repeated,
        )  # fmt: skip

    def _write(self, report: Report) -> None:
        """Write the report, and of each site how many records there were before and are after."""
        tables = [pq.read_table(path) for path in sorted((self._out / _SITES).glob("*.parquet"))]
        try:
            pq.write_table(by_site(tables), self._out / SITES)
            files.replace(self._out / REPORT, json.dumps(report._asdict(), indent=1, ensure_ascii=False).encode())
            shutil.rmtree(self._out / PARTS, ignore_errors=True)
        except OSError as error:
            raise OptOutError(f"the report in {self._out} cannot be written: {_said(error)}") from None


def _identity(plan: Plan) -> dict[str, Any]:
    """Give what of a plan must be the same for a job to go on."""
    said = {item.name: getattr(plan, item.name) for item in fields(plan) if item.name not in ("run", "at", "policy")}
    return {**said, "store": shown(plan.store), "policy": plan.policy.sha256}


def _size(path: str) -> int:
    """Give the size of a file; -1 = it cannot be read, which whoever reads it will tell."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return -1


def _said(error: Exception) -> str:
    """Say in one line what went wrong."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _move(path: Path, target: Path) -> None:
    """Rename a file once it is on disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
    path.replace(target)
    files.sync_directory(target.parent)
