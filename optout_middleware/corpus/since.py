"""What an earlier job found of a shard, as far as nothing that it rests on can have changed.

Rule of this file: in doubt a record is decided anew. A result is taken over where the shard has the same octets, the
job the same policy, rules and register, and the site the same evidence; and where no licence, ruling or claim, which
hold from one day to another, has a part in it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from optout_middleware.audit.reading import Run, runs
from optout_middleware.corpus.recheck import CHECKED, PREFIX, RESULTS, quick_origin
from optout_middleware.corpus.sites import evidence_hash
from optout_middleware.decide import RULES_VERSION
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.corpus.works import Works
    from optout_middleware.decide import Site
    from optout_middleware.policy import Policy

_SHA256 = b"optout_shard_sha256"  # in the metadata of a file of results
_ROWS = 8_192  # read at once


class Earlier(NamedTuple):
    """What an earlier job left: the results of each shard by its name, and why they do not count, if they do not."""

    results: Mapping[str, str]
    changed: str


def earlier(directory: str, policy: Policy, register: str, columns: Mapping[str, str]) -> Earlier:
    """Look what of an earlier job still counts.

    Args:
        directory: its audit directory; of several runs, each shard counts as the latest one left it.
        policy: of the job to come.
        register: the state of the register; empty = it is not asked.
        columns: field -> column of the job to come.

    Raises:
        OptOutError: the directory has no run of a re-check.
    """
    found: dict[str, str] = {}
    reasons: list[str] = []
    for run in sorted(
        (one for one in runs([directory]) if isinstance(one, Run)), key=lambda one: str(one.manifest["run"])
    ):
        said = run.manifest.get("settings", {}).get("recheck")
        if said is None:
            continue
        if why := _changed(run, said, policy, register, columns):
            reasons.append(why)
            continue
        paths = sorted((Path(directory) / str(said.get("results"))).glob("*.parquet"))
        reasons += [] if paths else ["its results are gone"]
        for path in paths:
            name = _shard_of(path)
            if name is None:
                reasons.append(f"its results {path.name} cannot be read")
            else:
                found[name] = str(path)
    if not found and not reasons:
        raise OptOutError(f"{directory} has no audit log of a re-check: name the audit directory of an earlier one")
    return Earlier(found, "" if found else reasons[-1])


def _shard_of(path: Path) -> str | None:
    """Give the name of the shard that a file of results is about; None = it cannot be read."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError):
        return None
    return str(metadata.get(b"optout_shard", b"").decode("utf-8", "surrogateescape"))


def _changed(run: Run, said: Mapping[str, Any], policy: Policy, register: str, columns: Mapping[str, str]) -> str:
    manifest = run.manifest
    pairs = (
        ("policy", manifest.get("policy_sha256"), policy.sha256),
        ("rules", manifest.get("rules_version"), RULES_VERSION),
        ("register", said.get("register_snapshot"), register),
        ("columns", said.get("columns"), dict(columns)),
    )
    return ", ".join(f"the {what} changed" for what, before, now in pairs if before != now)


class Before:
    """The results of an earlier job about one shard, read along with it.

    Args:
        path: the file of results.
        sha256: of the shard as it is now; of another, nothing counts, nor of a file that cannot be read.
    """

    def __init__(self, path: str, sha256: str) -> None:
        self._rows: Iterator[Any] = iter(())
        self._held = pa.Table.from_batches([], RESULTS)
        self._at = 0  # the number of the first record that is held
        with suppress(pa.ArrowException, OSError):
            file = pq.ParquetFile(path)
            if (file.schema_arrow.metadata or {}).get(_SHA256, b"").decode() == sha256:
                self._rows = file.iter_batches(_ROWS, columns=RESULTS.names)

    def unchanged(self, records: Any, sites: Mapping[str, Site], works: Works | None) -> Unchanged | None:
        """Tell which records of a batch need no new decision; None = all need one.

        Args:
            records: a batch; each begins behind the one before.
            sites: of its records.
            works: the register; None = it is not asked.
        """
        if not records.num_rows:
            return None
        part = self._part(records.column("record")[0].as_py(), records.num_rows)
        if part.num_rows != records.num_rows:
            return None
        now = {origin: evidence_hash(file.source for file in site.files) for origin, site in sites.items()}
        urls = records.column("url").to_pylist()
        evidence, asked = (part.column(PREFIX + name).to_pylist() for name in ("evidence", "works"))
        same = [
            said == now.get(quick_origin(url)) and what != CHECKED and not (works is not None and works.concerns(url))
            for url, said, what in zip(urls, evidence, asked, strict=True)
        ]
        return Unchanged(same, part) if any(same) else None

    def _part(self, first: int, count: int) -> Any:
        """Give the results of records by their numbers, or fewer, where there are no more."""
        with suppress(pa.ArrowException, OSError):
            while self._at + self._held.num_rows < first + count and (rows := next(self._rows, None)) is not None:
                self._held = pa.concat_tables([self._held, pa.Table.from_batches([rows]).cast(RESULTS)])
                gone = min(max(first - self._at, 0), self._held.num_rows)
                self._held, self._at = self._held.slice(gone), self._at + gone
        return self._held.slice(first - self._at, count)


class Unchanged(NamedTuple):
    """Which records of a batch need no new decision, and what was found of all of them before."""

    same: list[bool]
    before: Any

    def others(self, records: Any) -> Any:
        """Give the records that need a decision."""
        return records.filter(pa.array([not same for same in self.same], pa.bool_()))

    def joined(self, fresh: Any) -> Any:
        """Give the results of all records, with those that were decided anew in their places."""
        size = len(self.same)
        table = pa.concat_tables([self.before.cast(RESULTS), pa.Table.from_batches([fresh], schema=RESULTS)])
        places, at = [], size
        for number, same in enumerate(self.same):
            places.append(number if same else at)
            at += not same
        return table.take(pa.array(places, pa.int64())).combine_chunks().to_batches()[0]


def stamped(shard: str, sha256: str) -> dict[bytes, bytes]:
    """Give the metadata by which a file of results says which shard it is about."""
    return {b"optout_shard": shard.encode("utf-8", "surrogateescape"), _SHA256: sha256.encode()}


def register_state(works: Works | None) -> str:
    """Give the state of the register; empty = it is not asked."""
    return works.snapshot if works is not None else ""
