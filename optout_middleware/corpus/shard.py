"""The task of one shard: read, decide, write, and say that it is done; idempotent, and all in a directory of its own.

Rule of this file: what a task leaves depends on its shard, its evidence and its plan alone, so that whoever repeats it
gets the same octets. `done.json` comes last; a directory without it is of a task that did not end, and is thrown away.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from optout_middleware.audit.files import replace
from optout_middleware.audit.line import Mask
from optout_middleware.audit.writer import Writer
from optout_middleware.corpus.auditing import Lines
from optout_middleware.corpus.recheck import Recheck, origins, quick_origin
from optout_middleware.corpus.records import batches
from optout_middleware.corpus.removal import Hits
from optout_middleware.corpus.since import Before, stamped
from optout_middleware.corpus.sites import ArchivedSites, NoSites, Sites, StoredSites
from optout_middleware.corpus.unpacking import IncompleteError
from optout_middleware.corpus.works import Works
from optout_middleware.corpus.writing import TAG, Results, output
from optout_middleware.terms import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.corpus.records import Batch, Shard
    from optout_middleware.policy import Policy

NOT_A_REGISTER = "none"  # the value of `register` by which the register is not asked
DONE, DATA, AUDIT = "done.json", "data", "audit"
RESULTS_FILE, SITES_FILE = "results.parquet", "sites.parquet"
_BLOCK = 1 << 20
_COLLECTED = 50_000, 10, 10  # values made between two collections, and how many of these go before an older lot's


@dataclass(frozen=True)
class Plan:
    """What every task of a job shares; can be pickled.

    Fields:
        run: the id of the audit run.
        policy, at: what is decided by, and the date of every decision.
        action: one of `writing.ACTIONS`.
        audit: one of `auditing.MODES`.
        store: the file of the store of evidence; empty = none.
        archives: directories of archived evidence; where there are some, they are read instead of the store.
        register: the file; empty = the declarations of the package alone; `NOT_A_REGISTER` = it is not asked.
        operator, model: as licences name them.
        columns: field -> column of the corpus.
        class_domains: domain -> class of the assets there.
        secrets: names of query parameters that the audit log hides.
        notice: id of the notice whose hits are listed; empty = none.
    """

    run: str
    policy: Policy
    at: datetime
    action: str
    audit: str
    store: str = ""
    archives: tuple[str, ...] = ()
    register: str = ""
    operator: str = ""
    model: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    class_domains: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    notice: str = ""

    def sites(self) -> Sites:
        """Open what sites are read from."""
        if self.archives:
            return ArchivedSites(self.archives, self.policy, self.at)
        return StoredSites(self.store, self.policy, self.at) if self.store else NoSites(self.policy)

    def works(self) -> Works | None:
        """Open the register; None = it is not asked."""
        if self.register == NOT_A_REGISTER:
            return None
        return Works(
            self.register, self.policy, self.at, operator=self.operator, model=self.model,
            class_domains=self.class_domains,
        )  # fmt: skip

    def opened(self, stack: ExitStack) -> tuple[Sites, Works | None]:
        """Open both; the stack closes them."""
        sites = self.sites()
        stack.callback(sites.close)
        works = self.works()
        if works is not None:
            stack.callback(works.close)
        return sites, works

    def action_of(self, outcome: str) -> str:
        """Give what is done with a record, in the words of audit lines."""
        if self.action == TAG:
            return "tag"
        return "keep" if outcome == Outcome.ALLOW.value else "drop"


@dataclass(frozen=True)
class Task:
    """One shard of a job.

    Fields:
        plan: what the job shares.
        shard: what is read.
        number: of the shard in the job, from 0.
        directory: of this task alone.
        before: the results of an earlier job about the same octets; empty = none that counts.
    """

    plan: Plan
    shard: Shard
    number: int
    directory: str
    before: str = ""

    @property
    def writer(self) -> str:
        """The name of the writer of its audit lines."""
        return f"shard{self.number:06d}"


def run(task: Task) -> dict[str, Any]:
    """Do a shard from the beginning; give what `done.json` says.

    Raises:
        OptOutError: store, register or audit log cannot be used, or the shard has no URLs. A shard that cannot be read
            to its end is no error: the answer has `incomplete`, and nothing else is left of it.
    """
    directory = Path(task.directory)
    shutil.rmtree(directory, ignore_errors=True)
    (directory / AUDIT).mkdir(parents=True)
    started = _now()
    try:
        with _collected_seldom():
            said = _Work(task, directory).done()
    except IncompleteError as error:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        said = {"incomplete": str(error)}
    seconds = round((_now() - started).total_seconds(), 3)
    said = {"shard": task.shard.name, "number": task.number, "seconds": seconds, **said}
    replace(directory / DONE, json.dumps(said).encode())
    return said


@contextmanager
def _collected_seldom() -> Iterator[None]:
    """Let Python look for cycles of values seldom: a task makes millions of values and hardly a cycle."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_COLLECTED)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal.

    Raises:
        IncompleteError: it cannot be read.
    """
    hashed = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_BLOCK):
                hashed.update(data)
    except OSError as error:
        raise IncompleteError(f"{path} cannot be read: {error.strerror or error}") from None
    return hashed.hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)


class _Open(NamedTuple):
    """What is open while a task is under way."""

    recheck: Recheck
    sites: Sites
    works: Works | None
    before: Before | None
    lines: Lines
    hits: Hits | None


class _Work:
    """One task under way: what is open, and what is counted."""

    def __init__(self, task: Task, directory: Path) -> None:
        self._task, self._plan, self._directory = task, task.plan, directory
        self._sites: Counter[tuple[str, str]] = Counter()
        self._works: Counter[str] = Counter()
        self._fresh = 0

    def done(self) -> dict[str, Any]:
        """Do all of it; give what it came to."""
        plan, task = self._plan, self._task
        sha256 = sha256_of(Path(task.shard.path))
        before = Before(task.before, sha256) if task.before else None
        with ExitStack() as stack:
            sites, works = plan.opened(stack)
            writer = Writer(
                self._directory / AUDIT, run=plan.run, writer=task.writer, policy_sha256=plan.policy.sha256,
                now=_now, durability=3_600.0,  # it counts once it is closed
            )  # fmt: skip
            stack.callback(writer.close)
            results_of = Results(self._directory / RESULTS_FILE, stamped(task.shard.name, sha256))
            stack.callback(results_of.close)
            out = output(task.shard, plan.action, self._directory / DATA)
            stack.callback(out.close)
            lines = Lines(writer, task.shard.name, plan.audit, plan.action_of, Mask(plan.secrets))
            hits = Hits(plan.notice) if plan.notice else None
            recheck = Recheck(plan.policy, plan.at, sites.documents)
            for batch in batches(task.shard, plan.columns, with_original=plan.action != TAG):
                results = self._decided(batch, _Open(recheck, sites, works, before, lines, hits))
                self._count(batch, results)
                results_of.write(results)
                out.write(batch, results)
            lines.close()
            count = writer.count
        said = {"sha256": sha256, "lines": count, "decided": self._fresh, "works": dict(self._works)}
        if hits is not None:
            said["hits"] = hits.entries
        self._write_sites()
        return {**said, "records": sum(self._sites.values()), "outcomes": self._outcomes()}

    def _decided(self, batch: Batch, using: _Open) -> Any:
        """Decide about a batch, or about what of it may have changed; give the results of all of it."""
        works, before = using.works, using.before
        known = using.sites.of(origins(batch.records))
        unchanged = before.unchanged(batch.records, known, works) if before is not None else None
        records = batch.records if unchanged is None else unchanged.others(batch.records)
        checked = using.recheck(records, known, works.of(records) if works is not None else None)
        numbers, urls = records.column("record").to_pylist(), records.column("url").to_pylist()
        using.lines.add(urls, checked.verdicts, numbers)
        self._fresh += len(numbers)
        if using.hits is not None:
            using.hits.add(records, checked.verdicts)
        return checked.columns if unchanged is None else unchanged.joined(checked.columns)

    def _count(self, batch: Batch, results: Any) -> None:
        outcomes, works = results.column(0).to_pylist(), results.column(5).to_pylist()
        hosts = map(quick_origin, batch.records.column("url").to_pylist())
        self._sites.update(zip(hosts, outcomes, strict=True))
        self._works.update(works)

    def _outcomes(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (_, outcome), count in self._sites.items():
            found[outcome] += count
        return dict(found)

    def _write_sites(self) -> None:
        keys = sorted(self._sites)
        columns = {
            "site": pa.array([key[0] for key in keys], pa.string()),
            "outcome": pa.array([key[1] for key in keys], pa.string()),
            "records": pa.array([self._sites[key] for key in keys], pa.int64()),
        }
        pq.write_table(pa.table(columns), self._directory / SITES_FILE)
