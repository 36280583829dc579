"""Removing personal values and expired runs from an audit directory, so that it still verifies.

Rule of this file: what is removed is recorded first, in a run of its own, with who removed it and why. The chain is
never touched: a value goes from beside it, an expired run loses its lines and keeps its manifest and its counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.files import cannot, replace, sync_directory
from optout_middleware.audit.log import AuditLog, new_run_id
from optout_middleware.audit.packing import SCHEMA
from optout_middleware.audit.personal import PERSONAL, Entry
from optout_middleware.audit.place import aggregate_name
from optout_middleware.audit.reading import REDACTION, REDACTOR, Run, runs
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Request(NamedTuple):
    """Who removes, and why.

    Fields:
        by: the person who answers for it; at least one letter.
        reason: why, in a sentence.
        key: the path of the key that signs the record; empty = it is not signed.
    """

    by: str
    reason: str
    key: str = ""


def redact(directory: str, request: Request, *, field: str = "", match: str = "", now: Callable[[], datetime]) -> int:
    """Remove personal values from the closed runs of a directory.

    Args:
        directory: a local audit directory.
        request: who removes, and why.
        field: a name of `PERSONAL` or the beginning of one, up to a dot; empty = any.
        match: what a value contains, in any case; empty = anything.
        now: the clock.

    Returns:
        How many values were removed.

    Raises:
        OptOutError: neither field nor match is given, the field is none, or nobody is named.
        AuditError: the record cannot be written; nothing is removed then.
    """
    _check(directory, request)
    if not (field or match):
        raise OptOutError("name what to redact: --field, --match or both")
    if field and not any(_is_within(name, field) for name in PERSONAL):
        raise OptOutError(f"field {field!r} holds nothing personal: choose one of {', '.join(PERSONAL)}")
    wanted = match.casefold()
    files: dict[Path, tuple[list[Entry], list[Entry]]] = {}
    for path in _beside_closed(Path(directory)):
        entries = [entry for row in path.read_bytes().splitlines(keepends=True) if (entry := Entry.read(row))]
        gone = [e for e in entries if (not field or _is_within(e.field, field)) and wanted in e.value.casefold()]
        if gone:
            files[path] = gone, [entry for entry in entries if entry not in gone]
    hashes = [entry.hash for gone, _ in files.values() for entry in gone]
    if not hashes:
        return 0
    fields = sorted({entry.field for gone, _ in files.values() for entry in gone})
    _record(directory, request, now, {"what": f"{len(hashes)} values of {', '.join(fields)}", "values": hashes})
    try:
        for path, (_, kept) in files.items():
            replace(path, b"".join(entry.to_bytes() for entry in kept))
            if not kept:
                path.unlink()
    except OSError as error:
        raise cannot(Path(directory), error) from error
    return len(hashes)


def expire(directory: str, request: Request, *, days: int | None = None, now: Callable[[], datetime]) -> list[str]:
    """Remove lines, values and lists of the closed runs whose time is over.

    Args:
        directory: a local audit directory.
        request: who removes, and why.
        days: how long runs are kept; None = as `OPTOUT_AUDIT_RETENTION` of each run says, where 0 is for ever.
        now: the clock.

    Returns:
        The ids of these runs.

    Raises:
        OptOutError: nobody is named.
        AuditError: the record cannot be written; nothing is removed then.
    """
    _check(directory, request)
    expired: list[str] = []
    for run, names in _expired(Path(directory), days, now()):
        _record(directory, request, now, {"what": f"run {run}", "run": run, "files": names})
        try:
            for name in names:
                (Path(directory) / name).unlink(missing_ok=True)
            sync_directory(Path(directory))
        except OSError as error:
            raise cannot(Path(directory), error) from error
        expired.append(run)
    return expired


def _check(directory: str, request: Request) -> None:
    if not Path(directory).is_dir():
        raise OptOutError(f"audit directory {directory} is not there: redaction needs one on a local disk")
    if not (request.by.strip() and request.reason.strip()):
        raise OptOutError("say who redacts, and why: --by NAME --reason TEXT")


def check_signed(directory: str, key: str) -> None:
    """Refuse to put a record without a signature among signed runs: it would not verify with their key.

    Raises:
        OptOutError: a run is signed, and no key is given.
    """
    if not key and any(manifest.get("public_key") for manifest in _closed(Path(directory))):
        raise OptOutError(f"the runs in {directory} are signed: sign the redaction too, with --sign-with KEY")


def _is_within(name: str, field: str) -> bool:
    return name == field or name.startswith(f"{field}.")


def _closed(directory: Path) -> Iterator[Mapping[str, Any]]:
    """Give the manifests of closed runs; what cannot be read is for `verify` to name."""
    for run in runs([str(directory)]):
        if not isinstance(run, Run) or run.manifest.get("schema") != SCHEMA:
            continue
        if run.manifest["closed"] or run.manifest["sealed"]:
            yield run.manifest


def _beside_closed(directory: Path) -> Iterator[Path]:
    """Give the files with personal values of closed runs."""
    for manifest in _closed(directory):
        names = [f"run-{manifest['run']}.personal"]
        for writer in manifest["writers"]:
            names += [f"{_stem(segment['file'])}.personal" for segment in writer["segments"]]
        yield from (path for name in names if (path := directory / name).exists())


def _stem(segment: str) -> str:
    return segment.removesuffix(".gz").removesuffix(".jsonl")


def _expired(directory: Path, days: int | None, at: datetime) -> Iterator[tuple[str, list[str]]]:
    """Give the runs whose time is over, with those of their files that are still there and are not kept for good."""
    for manifest in _closed(directory):
        run = manifest["run"]
        kept = manifest["settings"].get("OPTOUT_AUDIT_RETENTION", 0) if days is None else days
        ended = manifest["ended"] or manifest["sealed"]["time"]
        if (days is None and not kept) or at < datetime.fromisoformat(ended) + timedelta(days=kept):
            continue
        if any(writer["writer"] == REDACTOR for writer in manifest["writers"]):
            continue  # what was removed, by whom, is what makes the rest verify
        names = [file["file"] for file in manifest["files"] if file["file"] != aggregate_name(run)]
        for writer in manifest["writers"]:
            for segment in writer["segments"]:
                names += [segment["file"], f"{_stem(segment['file'])}.personal"]
        there = [name for name in names if (directory / name).exists()]
        if there:
            yield run, there


def _record(directory: str, request: Request, now: Callable[[], datetime], what: Mapping[str, Any]) -> None:
    """Record a removal before it happens, in a closed run of its own."""
    log = AuditLog(
        directory, run=new_run_id(now()), writer=REDACTOR, operator="", policy=None, settings={}, now=now,
        key=request.key,
    )  # fmt: skip
    log.write({"stage": REDACTION, "by": request.by, "reason": request.reason, **what})
    log.close({"removed": what["what"]})
