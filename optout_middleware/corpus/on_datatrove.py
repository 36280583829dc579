"""A step of datatrove's pipelines: documents in, documents out, tagged or without those that are reserved.

Rule of this file: importing it imports datatrove, and nothing else of the package does. Every document that comes is
passed on, or counted and handed to the exclusion writer; its audit line is written before. Each rank is an audit run of
its own, so that ranks share a directory and no file.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.line import Mask
from optout_middleware.audit.manifest import Run, new_run_id
from optout_middleware.audit.writer import Writer
from optout_middleware.corpus.auditing import Lines
from optout_middleware.corpus.columns import check_fields, of_values
from optout_middleware.corpus.recheck import Recheck, origins
from optout_middleware.corpus.writing import DROP, TAG
from optout_middleware.evidence.stores import shown
from optout_middleware.terms import OptOutError, Outcome

try:
    from datatrove.pipeline.base import PipelineStep  # type: ignore[import-untyped]
    from datatrove.utils.typeshelper import StatHints  # type: ignore[import-untyped]
except ImportError as error:
    raise OptOutError(f"this step needs datatrove: pip install 'optout-middleware[datatrove]' ({error})") from None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from datatrove.data import Document  # type: ignore[import-untyped]
    from datatrove.pipeline.writers.disk_base import DiskWriter  # type: ignore[import-untyped]

    from optout_middleware.corpus.shard import Plan
    from optout_middleware.corpus.sites import Sites
    from optout_middleware.corpus.works import Works

_DOCUMENTS, _MOST_CHARACTERS = 1_024, 4 << 20  # of a batch
_ALLOW = Outcome.ALLOW.value


class OptOutFilter(PipelineStep):  # type: ignore[misc] # datatrove has no types
    """Decides about documents by their URL, and by whatever else of a record is in their metadata.

    Fields of a record are found in the metadata under the names that docs/corpus.md lists; `text` is the document's.
    Results go into the metadata under the names of `recheck.RESULTS`, each as text, reasons with "; " between them and
    the date as ISO 8601. With the action "drop", documents with a reservation, and those that wait, go to the exclusion
    writer, if there is one, with their results and `filter_reason`, the outcome; the others are passed on as they came.

    Args:
        plan: what is decided by; its `run` is not read. `columns` says which key has a field, "text" = the text.
        audit_dir: the audit directory, of all ranks.
        exclusion_writer: takes what is dropped.
        key: the path of the key that signs the run manifests; empty = none does.

    Raises:
        OptOutError: the plan asks for what a pipeline has no place for, or names no field of a record.
    """

    type = "🔻 - FILTER"
    name = "🛑 Opt-outs"

    def __init__(
        self, plan: Plan, audit_dir: str, *, exclusion_writer: DiskWriter | None = None, key: str = ""
    ) -> None:
        super().__init__()
        if plan.action not in (TAG, DROP) or plan.notice:
            raise OptOutError("a pipeline tags or drops, and lists no hits: to split, drop with an exclusion_writer")
        check_fields(plan.columns)
        self.action, self.exclusion_writer = plan.action, exclusion_writer
        self.ranks = _Ranks(plan, audit_dir, key)

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Decide about the documents of a rank, and give those that are kept in their order.

        Raises:
            OptOutError: store, register or audit log cannot be used.
        """
        writer = nullcontext() if self.exclusion_writer is None else self.exclusion_writer
        with writer as excluded, self.ranks.opened(rank, world_size) as judge:
            for batch in _batches(data):
                with self.track_time("batch"):
                    results = judge(batch)
                for document, result in zip(batch, results, strict=True):
                    outcome = result["optout_outcome"]
                    self.stat_update(StatHints.total, outcome, f"works {result['optout_works']}")
                    is_kept = self.action == TAG or outcome == _ALLOW
                    if self.action == TAG or not is_kept:
                        document.metadata.update(result)
                    if is_kept:
                        self.stat_update(StatHints.forwarded)
                        self.update_doc_stats(document)
                        yield document
                        continue
                    self.stat_update(StatHints.dropped, f"dropped_{outcome}")
                    if excluded is not None:
                        document.metadata["filter_reason"] = outcome
                        excluded.write(document, rank)


class _Ranks:
    """Opens what a rank needs; no dataclass, since datatrove writes those into its logs, with all that they have."""

    def __init__(self, plan: Plan, audit_dir: str, key: str) -> None:
        self._plan, self._audit_dir, self._key = plan, audit_dir, key

    def __str__(self) -> str:
        return f"policy {self._plan.policy.sha256}, audit directory {self._audit_dir}"

    @contextmanager
    def opened(self, rank: int, world_size: int) -> Iterator[_Judge]:
        """Open store, register and audit log, and close them; what ends early is told as stopped."""
        plan, name = self._plan, f"rank{rank:05d}"
        with ExitStack() as stack:
            sites, works = plan.opened(stack)
            about = {
                "engine": "datatrove", "rank": rank, "world_size": world_size, "action": plan.action,
                "audit": plan.audit, "store": shown(plan.store), "archives": list(plan.archives),
                "register": plan.register, "register_snapshot": works.snapshot if works is not None else "",
                "columns": dict(plan.columns), "at": plan.at.isoformat(),
            }  # fmt: skip
            run = Run(
                self._audit_dir, run=f"{new_run_id(_now())}-{name}", operator=plan.operator, policy=plan.policy,
                settings={"recheck": about}, now=_now, writers=(name,), key=self._key,
            )  # fmt: skip
            ended: dict[str, Any] = {"finish_reason": "stopped"}
            stack.callback(run.close, ended)
            writer = Writer(self._audit_dir, run=run.run, writer=name, policy_sha256=plan.policy.sha256, now=_now)
            stack.callback(writer.close)
            lines = Lines(writer, name, plan.audit, plan.action_of, Mask(plan.secrets))
            judge = _Judge(plan, sites, works, lines)
            stack.callback(ended.update, recheck=judge.counts)
            yield judge
            lines.close()
            ended["finish_reason"] = "finished"


class _Judge:
    """Decides about the batches of one rank, and writes their lines.

    Attributes:
        counts: what they came to, as a job's report has it.
    """

    def __init__(self, plan: Plan, sites: Sites, works: Works | None, lines: Lines) -> None:
        self._columns, self._sites, self._works, self._lines = plan.columns, sites, works, lines
        self._recheck = Recheck(plan.policy, plan.at, sites.documents)
        self._outcomes: Counter[str] = Counter()
        self._checkable: Counter[str] = Counter()
        self.counts: dict[str, Any] = {"records": 0, "outcomes": self._outcomes, "works": self._checkable}

    def __call__(self, batch: Sequence[Document]) -> list[dict[str, str]]:
        """Give the results of each document."""
        rows = [{**document.metadata, "text": document.text} for document in batch]
        records = of_values(rows, self._columns, self.counts["records"])
        judged = self._works.of(records) if self._works is not None else None
        checked = self._recheck(records, self._sites.of(origins(records)), judged)
        self._lines.add(records.column("url").to_pylist(), checked.verdicts, records.column("record").to_pylist())
        results = [_as_text(row) for row in checked.columns.to_pylist()]
        self.counts["records"] += len(results)
        self._outcomes.update(row["optout_outcome"] for row in results)
        self._checkable.update(row["optout_works"] for row in results)
        return results


def _batches(data: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    for document in data:
        batch.append(document)
        size += len(document.text) + sum(len(value) for value in document.metadata.values() if _is_long(value))
        if len(batch) >= _DOCUMENTS or size >= _MOST_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _is_long(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def _as_text(row: Mapping[str, Any]) -> dict[str, str]:
    """Give results as text alone: writers of tables guess types batch by batch, and fail where a list was empty."""
    reasons, at = "; ".join(row["optout_reasons"]), row["optout_decided_at"].isoformat()
    return {**row, "optout_reasons": reasons, "optout_decided_at": at}


def _now() -> datetime:
    return datetime.now(timezone.utc)
