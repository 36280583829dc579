"""The audit log of one run: JSON Lines, and the run manifest beside them.

Rule of this file: a line counts once `write` has returned; the operating system then holds all of it, so a
killed process loses nothing. Nothing is buffered, tried twice or overwritten: what cannot be written stops
the crawl.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
from datetime import timezone
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from optout_middleware.decide import RULES_VERSION
from optout_middleware.settings import package_version
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from optout_middleware.policy import Policy

SCHEMA = 1
# A power cut loses at most what was written within this time; a killed process loses nothing.
SYNC_SECONDS = 1.0
MANIFEST = "run.json"

# Run and writer become file names: no separator, nothing that a shell or a glob reads, no hidden file.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_encode = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode  # fmt: skip
# Windows alone has O_BINARY, and needs it for a line to end in one byte; it cannot sync directories.
_CREATE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_CAN_SYNC_DIRECTORY = hasattr(os, "O_DIRECTORY")


class AuditError(OptOutError):
    """The audit log cannot be written; the message names the file and the cause. The crawl must stop."""


class _Earlier(NamedTuple):
    """What a manifest that is there already says of itself."""

    run: str
    closed: bool


def new_run_id(now: datetime) -> str:
    """Make the id of a run: ids sort by the second of their start, in UTC.

    Args:
        now: when the run starts, an aware datetime.
    """
    return f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


class AuditLog:
    """Writes `<directory>/<run>-<writer>.jsonl` and the run manifest; for one thread.

    A line is one write to a file opened for appending, so it is there whole or the write raises. The file is
    synced to disk at the first write after each `SYNC_SECONDS`, and at close. A manifest of an earlier run is
    renamed to `run-<its run>.json`; nothing of an earlier run is changed or deleted. `warnings` has one line
    for an earlier run that was not closed, or whose manifest is unreadable.

    Args:
        directory: made if it is not there.
        run: as `new_run_id` gives it; each run of a directory has its own.
        writer: who writes, in one run: letters, digits, ".", "_" and "-".
        operator: who runs the crawl, as the policy's readers know them; may be empty.
        policy: what is decided by; stands in the manifest in full, in each line by its SHA-256.
        settings: all else that was set, as JSON values.
        now: the clock; gives aware datetimes.

    Raises:
        AuditError: the directory, the file or the manifest cannot be written, or the run is there already.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        run: str,
        writer: str,
        operator: str,
        policy: Policy,
        settings: Mapping[str, Any],
        now: Callable[[], datetime],
    ) -> None:
        for what, name in (("run", run), ("writer", writer)):
            if not _NAME.fullmatch(name):
                raise AuditError(f"{what} {name!r} is no part of a file name: use letters, digits, '.', '_' and '-'")
        self.run, self.writer = run, writer
        self.directory = Path(directory)
        self.path = self.directory / f"{run}-{writer}.jsonl"
        self.lines = 0
        self.warnings: tuple[str, ...] = ()
        self._now = now
        self._refusal = ""
        self._sha256 = hashlib.sha256()
        self._about = {
            "operator": operator,
            "started": _iso(now()),
            "policy": policy.to_dict(),
            "policy_sha256": policy.sha256,
            "settings": dict(settings),
        }
        self._head = f'{{"schema":{SCHEMA},"run":{_encode(run)},"writer":{_encode(writer)},"seq":'
        tail = {"policy": policy.sha256, "rules_version": RULES_VERSION, "version": package_version()}
        self._tail = f",{_encode(tail)[1:]}\n"
        self._file: int | None = self._opened()
        self._sync_at = monotonic() + SYNC_SECONDS

    def write(self, line: dict[str, Any]) -> None:
        """Write one line; when this returns, killing the process no longer loses it.

        Args:
            line: the fields of `optout_middleware.audit.line.line`, at least one.

        Raises:
            AuditError: the line could not be written whole, now or at an earlier call: the log takes no more.
        """
        if self._file is None or self._refusal:
            raise AuditError(self._refusal)
        try:
            fields, time = _encode(line)[1:-1], _iso(self._now())
            text = f'{self._head}{self.lines + 1},"time":"{time}",{fields}{self._tail}'
            # A lone surrogate, which UTF-8 has no bytes for, becomes its JSON escape.
            data = text.encode("utf-8", "backslashreplace")
            written = os.write(self._file, data)
            if written != len(data):
                self._fail(f"{written} of {len(data)} bytes were written")
            self.lines += 1
            self._sha256.update(data)
            if monotonic() >= self._sync_at:
                os.fsync(self._file)
                self._sync_at = monotonic() + SYNC_SECONDS
        except (OSError, TypeError, ValueError) as error:
            self._fail(error)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Sync the file and close the manifest; a second call does nothing.

        After a failed write the manifest gets its end and summary, but does not say that it was closed.

        Args:
            summary: what the run came to, as JSON values.

        Raises:
            AuditError: file or manifest cannot be written.
        """
        if self._file is None:
            return
        file, self._file = self._file, None
        failed = bool(self._refusal)
        self._refusal = self._refusal or f"audit log {self.path} is closed"
        path = self.directory / MANIFEST
        try:
            try:
                os.fsync(file)
            finally:
                os.close(file)
            earlier = _read_manifest(path)
            if earlier is None or earlier.run != self.run:
                path = path.with_name(f"run-{self.run}.json")
            self._write_manifest(path, _iso(self._now()), closed=not failed, summary=dict(summary))
        except (OSError, TypeError, ValueError) as error:
            raise AuditError(_cannot(path, error)) from error

    def _opened(self) -> int:
        """Make directory, file and manifest; an earlier manifest moves only once a file is there."""
        path = self.directory
        try:
            path.mkdir(parents=True, exist_ok=True)
            manifest = self.directory / MANIFEST
            earlier = _read_manifest(manifest)
            if earlier is not None and earlier.run == self.run:
                raise AuditError(f"audit directory {path} has run {self.run} already: give each run its own id")
            path = self.path
            file = os.open(path, _CREATE, 0o666)
            try:
                path = manifest
                self._set_aside(manifest, earlier)
                self._write_manifest(manifest, None, closed=False, summary=None)
            except BaseException:
                os.close(file)
                raise
        except (OSError, TypeError, ValueError) as error:
            raise AuditError(_cannot(path, error)) from error
        return file

    def _set_aside(self, manifest: Path, earlier: _Earlier | None) -> None:
        """Rename the manifest of an earlier run, and say what of that run was left as it is."""
        if not os.path.lexists(manifest):
            return
        name = earlier.run if earlier else f"unreadable-{self._now().astimezone(timezone.utc):%Y%m%dT%H%M%SZ}"
        aside = _free(self.directory / f"run-{name}.json")
        manifest.rename(aside)
        if earlier is None:
            self.warnings = (f"{manifest} of an earlier run is unreadable: it is now {aside.name}",)
        elif not earlier.closed:
            files = sorted(self.directory.glob(f"{earlier.run}-*.jsonl"))
            torn = ", ".join(file.name for file in files if _is_torn(file))
            left = f"; the last line of {torn} is torn and was left as it is" if torn else ""
            self.warnings = (f"run {earlier.run} in {self.directory} was not closed{left}",)

    def _write_manifest(self, path: Path, ended: str | None, *, closed: bool, summary: dict[str, Any] | None) -> None:
        writer = {
            "writer": self.writer,
            "file": self.path.name,
            "lines": self.lines if ended else None,
            "sha256": self._sha256.hexdigest() if ended else None,
        }
        about = self._about
        _replace(path, f".{path.name}.{self.run}", {
            "schema": SCHEMA, "run": self.run, "operator": about["operator"], "started": about["started"],
            "ended": ended, "closed": closed,
            "policy": about["policy"], "policy_sha256": about["policy_sha256"], "settings": about["settings"],
            "rules_version": RULES_VERSION, "version": package_version(),
            "python": platform.python_version(), "writers": [writer], "summary": summary,
        })  # fmt: skip

    def _fail(self, cause: Exception | str) -> NoReturn:
        self._refusal = _cannot(self.path, cause)
        raise AuditError(self._refusal) from (cause if isinstance(cause, Exception) else None)


def _iso(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="microseconds")


def _cannot(path: Path, cause: Exception | str) -> str:
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return f"audit log {path} cannot be written: {said}; nothing is kept without a record, so the crawl stops"


def _read_manifest(path: Path) -> _Earlier | None:
    """Read which run a manifest is of; None where there is none, or it is not one of ours."""
    try:
        said = json.loads(path.read_bytes())
        run = said["run"]
        return _Earlier(run, said.get("closed") is True) if _NAME.fullmatch(run) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _free(path: Path) -> Path:
    """Give the path, or the first with a number that nothing has: no earlier manifest is overwritten."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _is_torn(file: Path) -> bool:
    """Tell whether a file does not end with the end of a line; an empty one does."""
    with file.open("rb") as lines:
        size = lines.seek(0, os.SEEK_END)
        return size > 0 and lines.seek(size - 1) >= 0 and lines.read() != b"\n"


def _replace(path: Path, temporary_name: str, values: Mapping[str, Any]) -> None:
    """Write a JSON file so that a reader, and a machine that stops, meet the old or the new, never a part."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2)
    temporary = path.with_name(temporary_name)
    try:
        with temporary.open("wb") as file:
            file.write(f"{text}\n".encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if _CAN_SYNC_DIRECTORY:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
