"""Audit logs as one Parquet file: a row a line with an outcome, for tools that read tables.

Rule of this file: nothing of a line is lost: what has a fixed form has a column, all else stands as JSON beside it.
Streamed, in the memory of one row group.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.reading import Damage, records
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROWS = 10_000  # of a row group
_TEXTS = (
    "run", "writer", "stage", "url", "final_url", "origin", "domain", "outcome", "waits_for", "action", "policy",
    "rules_version", "version", "prev",
)  # fmt: skip
_FLAGS = ("may_fetch", "dry_run")
_NUMBERS = ("seq", "size", "count")
_TIMES = ("time", "at")
# Of reasons, claims and evidence: the members that have a column of their own within the list.
_LISTS = {
    "reasons": (
        "finding", "outcome", "waits_for", "signal", "location", "where", "text", "rule", "preference", "note",
        "override", "url", "sha256", "time",
    ),
    "statements": ("signal", "location", "where", "text", "rule", "preference"),
    "evidence": ("url", "sha256", "time", "error"),
    "claims": ("finding", "party", "rule", "text", "since"),
    "licences": ("party", "evidence", "recorded_by", "valid_from", "valid_until"),
}  # fmt: skip
_OWN = frozenset({*_TEXTS, *_FLAGS, *_NUMBERS, *_TIMES})


class Exported(NamedTuple):
    """What was written, and what could not be read.

    Fields:
        rows: lines that were written.
        decisions: that they stand for: a grouped line for several.
        damages: what could not be read.
    """

    rows: int
    decisions: int
    damages: int


def export(directories: Iterable[str], path: str) -> Exported:
    """Write the lines of logs that have an outcome to a Parquet file.

    Columns: `id`, the fields of a line that are one value (`count`: of how many pages or records it is), the lists
    `reasons`, `statements`, `evidence`, `claims` and `licences` with their common members, and `more`: all the rest of
    the line as JSON.

    Args:
        directories: audit directories: paths, or URLs that fsspec knows.
        path: the file; it is written anew.

    Raises:
        OptOutError: a directory is not there, the file cannot be written, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetWriter  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise OptOutError("Parquet needs pyarrow: pip install 'optout-middleware[corpus]'") from None
    schema = _schema(pa)
    batch: list[dict[str, Any]] = []
    rows = decisions = damages = 0
    target = Path(path)
    if target.exists() and not target.is_file():
        raise OptOutError(f"cannot write {path}: it is no file, and would be replaced")
    unfinished = target.with_name(f".{target.name}.new")
    try:
        with ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for record in records(directories):
                if isinstance(record, Damage):
                    damages += 1
                    continue
                if "outcome" not in record.line:
                    continue
                batch.append(_row(record.id, record.line))
                decisions += count_of(record.line)
                if len(batch) >= ROWS:
                    writer.write_table(pa.Table.from_pylist(batch, schema))
                    rows, batch = rows + len(batch), []
            writer.write_table(pa.Table.from_pylist(batch, schema))
        unfinished.replace(target)
    except OSError as error:
        raise OptOutError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return Exported(rows + len(batch), decisions, damages)


def _schema(pa: Any) -> Any:
    moment = pa.timestamp("us", tz="UTC")
    columns = [("id", pa.string()), *((name, pa.string()) for name in _TEXTS)]
    columns += [(name, pa.bool_()) for name in _FLAGS]
    columns += [(name, pa.int64()) for name in _NUMBERS]
    columns += [(name, moment) for name in _TIMES]
    columns += [
        (name, pa.list_(pa.struct([(member, pa.string()) for member in members]))) for name, members in _LISTS.items()
    ]
    return pa.schema([*columns, ("more", pa.string())])


def _row(identity: str, line: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": identity}
    for name in (*_TEXTS, *_FLAGS, *_NUMBERS):
        row[name] = line.get(name)
    row["count"] = count_of(line)
    for name in _TIMES:
        row[name] = _moment(line.get(name))
    more = {name: value for name, value in line.items() if name not in _OWN and value not in (None, [], {})}
    for name, members in _LISTS.items():
        row[name] = [_named(member, members) for member in line.get(name) or ()]
    row["more"] = json.dumps(more, ensure_ascii=False, separators=(",", ":")) if more else None
    return row


def _named(member: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: None if (value := member.get(name)) is None else str(value) for name in names}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
