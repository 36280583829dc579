"""Taking records out of a corpus: the manifest says which, the certificate says that it was done.

Rule of this file: a shard is written anew beside itself and renamed, or is left as it is. One that is not the shard of
the manifest any more is not touched. The certificate tells of each shard its hash before and after; what of it is
written already lets a removal that was stopped go on. A symbolic link is followed: the file that has the records is the
one that loses them. Other names of the same file (hard links) keep the old octets, so they are counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]

from optout_middleware.audit import files
from optout_middleware.corpus.records import Batch, Shard, batches, kind_of
from optout_middleware.corpus.removal import content_of, others, wanted
from optout_middleware.corpus.shard import sha256_of
from optout_middleware.corpus.writing import keeping
from optout_middleware.settings import package_version
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

MANIFEST, CERTIFICATE = "optout-removal", "optout-removal-certificate"
SCHEMA = 1
BY_NOTICE = "same content as a record that the notice names"


def manifest_of(
    notice: str,
    done: Iterable[tuple[Shard, Mapping[str, Any]]],
    columns: Mapping[str, str],
    at: datetime,
    run: str,
) -> dict[str, Any]:
    """Make the manifest of a notice: what it names, and the same content under other URLs.

    Args:
        notice: its id.
        done: each shard with what its task said.
        columns: field -> column of the corpus.
        at: the date of the decisions.
        run: the audit run that has them.

    Raises:
        IncompleteError: a shard cannot be read to its end.
    """
    shards = list(done)
    want = wanted([entry for _, said in shards for entry in said.get("hits", ())])
    listed: dict[str, dict[str, Any]] = {}
    for shard, said in shards:
        file = os.fspath(Path(shard.path).resolve())
        if file in listed:  # two links to one file
            continue
        entries = {entry["record"]: _plain(entry) for entry in said.get("hits", ())}
        if want.contents or want.texts:
            for entry in others(shard, columns, want, BY_NOTICE):
                entries.setdefault(entry["record"], entry)
        if entries:
            rows = [entries[number] for number in sorted(entries)]
            listed[file] = {"file": file, "sha256": said["sha256"], "records": rows}
    return {
        "kind": MANIFEST, "schema": SCHEMA, "version": package_version(), "notice": notice, "run": run,
        "decided_at": at.isoformat(), "columns": dict(columns), "files": list(listed.values()),
    }  # fmt: skip


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "shingles"}


def remove(manifest: str, certificate: str, *, by: str, now: Callable[[], datetime]) -> dict[str, Any]:
    """Take out what a manifest lists, and write the certificate.

    Args:
        manifest: the file.
        certificate: the file to be written; what it says already is not done again.
        by: the person who orders it.
        now: the clock, aware.

    Returns:
        The certificate.

    Raises:
        OptOutError: a file cannot be read or written, or is not what the manifest says; shards that were done by then
            are done, and stand in the certificate.
    """
    if not by.strip():
        raise OptOutError("a certificate names who ordered the removal: say --by NAME")
    octets, said = _read(Path(manifest), MANIFEST)
    sha256 = hashlib.sha256(octets).hexdigest()
    path = Path(certificate)
    made: dict[str, Any]
    if path.exists():
        _, made = _read(path, CERTIFICATE)
        if made.get("manifest_sha256") != sha256:
            raise OptOutError(f"{path} is the certificate of another removal: name another file")
    else:
        made = {
            "kind": CERTIFICATE, "schema": SCHEMA, "version": package_version(), "notice": said["notice"],
            "manifest": Path(manifest).name, "manifest_sha256": sha256, "by": by, "begun": now().isoformat(),
            "ended": None, "files": [],
        }  # fmt: skip
    done = {row["file"] for row in made["files"] if row["ended"]}
    for listed in said["files"]:
        if listed["file"] not in done:
            _remove_from(listed, said.get("columns", {}), made, path, now)
    if made["ended"] is None:
        made["ended"] = now().isoformat()
        made["removed"] = sum(row["removed"] for row in made["files"])
        _write(path, made)
    return made


def _remove_from(
    listed: Mapping[str, Any],
    columns: Mapping[str, str],
    made: dict[str, Any],
    certificate: Path,
    now: Callable[[], datetime],
) -> None:
    """Write one shard anew; the certificate knows its new hash before it takes the place of the old one."""
    path = Path(listed["file"]).resolve()
    before = sha256_of(path)
    begun = next((row for row in made["files"] if row["file"] == listed["file"]), None)
    if begun is not None and before == begun["sha256_after"]:  # stopped between the two
        begun["ended"] = now().isoformat()
        _write(certificate, made)
        return
    if before != listed["sha256"]:
        raise OptOutError(f"{path} is not what the manifest lists, its octets changed: run recheck --notice again")
    temporary = path.with_name(f".{path.name}.new{''.join(path.suffixes[-2:])}")
    try:
        counts = _rewritten(path, temporary, listed["records"], columns)
        known = path.stat()
        _take_over(temporary, known)
        row = {
            "file": listed["file"], "sha256_before": before, "sha256_after": sha256_of(temporary),
            "records_before": counts[0], "records_after": counts[0] - counts[1], "removed": counts[1],
            "records": [entry["record"] for entry in listed["records"]], "other_names": known.st_nlink - 1,
            "ended": None,
        }  # fmt: skip
        made["files"] = [one for one in made["files"] if one["file"] != listed["file"]] + [row]
        _write(certificate, made)
        temporary.replace(path)
        files.sync_directory(path.parent)
    except OSError as error:
        raise OptOutError(f"{path} cannot be written anew: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)
    row["ended"] = now().isoformat()
    _write(certificate, made)


def _take_over(temporary: Path, known: os.stat_result) -> None:
    """Let the same people read and write the new file as the old one."""
    temporary.chmod(stat.S_IMODE(known.st_mode))
    made = temporary.stat()
    if (made.st_uid, made.st_gid) != (known.st_uid, known.st_gid):
        os.chown(temporary, known.st_uid, known.st_gid)


def _rewritten(
    path: Path, temporary: Path, entries: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> tuple[int, int]:
    """Write a shard without the listed records; give how many there were, and how many are gone."""
    gone = {entry["record"]: entry["content_sha256"] for entry in entries}
    shard = Shard(os.fspath(path), path.name, kind_of(path.name))
    out = keeping(shard, temporary)
    total = removed = 0
    try:
        for batch in batches(shard, columns):
            kept = [number not in gone for number in batch.records.column("record").to_pylist()]
            _compare(batch, gone, path)
            out.keep(batch, kept)
            total += len(kept)
            removed += kept.count(False)
    finally:
        out.close()
    if removed != len(gone):
        raise OptOutError(
            f"{path} has {removed} of the {len(gone)} records of the manifest: run recheck --notice again"
        )
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    return total, removed


def _compare(batch: Batch, gone: Mapping[int, str], path: Path) -> None:
    """Compare the content of what is taken out with its hash."""
    mask = pa.array([number in gone for number in batch.records.column("record").to_pylist()], pa.bool_())
    for row in batch.records.filter(mask).select(["record", "html", "text"]).to_pylist():
        content = content_of(row)
        found = hashlib.sha256(content).hexdigest() if content is not None else ""
        if found != gone[row["record"]]:
            raise OptOutError(f"{path}: record {row['record']} is not the one of the manifest")


def _read(path: Path, kind: str) -> tuple[bytes, dict[str, Any]]:
    try:
        octets = path.read_bytes()
        said = json.loads(octets)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise OptOutError(f"{path} cannot be read: {reason}") from None
    if not isinstance(said, dict) or said.get("kind") != kind or said.get("schema") != SCHEMA:
        raise OptOutError(f"{path} is no {kind.replace('-', ' ')} of this version")
    return octets, said


def _write(path: Path, made: Mapping[str, Any]) -> None:
    try:
        files.replace(path, json.dumps(made, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise OptOutError(f"certificate {path} cannot be written: {error.strerror or error}") from None
