"""The run manifest: what a run was, and every file that it left, each by its hash.

Rule of this file: the seal and the signature of a manifest are on disk before the manifest that they belong to, so that
a closed one is never without. An open manifest is sealed by nothing, and `verify` says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.aggregate import Aggregate, merge
from optout_middleware.audit.chain import digest, stored
from optout_middleware.audit.files import CREATE, AuditError, cannot, iso, lock, replace
from optout_middleware.audit.packing import SCHEMA
from optout_middleware.audit.personal import Hidden
from optout_middleware.audit.place import (
    MANIFEST,
    aggregate_name,
    beside,
    lock_name,
    manifest_name,
    seal_name,
    signature_name,
    state_name,
)
from optout_middleware.audit.signing import private_key, public_of
from optout_middleware.audit.writer import check_name
from optout_middleware.decide import RULES_VERSION
from optout_middleware.settings import package_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from optout_middleware.policy import Policy

_BLOCK = 1024 * 1024


def new_run_id(now: datetime) -> str:
    """Make the id of a run: ids sort by the second of their start, in UTC.

    Args:
        now: when the run starts, an aware datetime.
    """
    return f"{now.astimezone(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


class Run:
    """One run of any number of writers, in one directory, owned by whoever made this.

    Args:
        directory: made if it is not there.
        run: as `new_run_id` gives it; each run of a directory has its own.
        operator: who runs the crawl, as the policy's readers know them; may be empty.
        policy: what is decided by; stands in the manifest in full. None = nothing is decided.
        settings: all else that was set, as JSON values.
        now: the clock; gives aware datetimes.
        writers: the writers that are to come; any other that comes is named too.
        key: the path of the key that signs; empty = the manifest is not signed.

    Raises:
        AuditError: directory or manifest cannot be written, or the run is there already.
        OptOutError: the key cannot be used.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        run: str,
        operator: str,
        policy: Policy | None,
        settings: Mapping[str, Any],
        now: Callable[[], datetime],
        writers: Iterable[str] = (),
        key: str = "",
    ) -> None:
        check_name("run", run)
        self.directory, self.run, self._now = Path(directory), run, now
        self.path = self.directory / manifest_name(run)
        self._key = private_key(key) if key else None
        self._writers = list(writers)
        self._files: list[str] = []
        self._lock: int | None = None
        path = self.directory
        try:
            path.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                raise AuditError(f"audit directory {path} has run {run} already: give each run its own id")
            path = self.directory / lock_name(run)
            self._lock = os.open(path, CREATE, 0o666)
            lock(self._lock)
            path = self.path
            about = {
                "schema": SCHEMA, "run": run, "operator": operator, "started": iso(now()), "ended": None,
                "closed": False, "sealed": None,
                "policy": policy.to_dict() if policy else None, "policy_sha256": policy.sha256 if policy else "",
                "settings": dict(settings), "rules_version": RULES_VERSION, "version": package_version(),
                "python": platform.python_version(), "previous": _previous(self.directory),
                "public_key": public_of(self._key) if self._key else None,
                "writers": [named(_no_word_of(name)) for name in self._writers], "files": [], "summary": None,
            }  # fmt: skip
            hidden, entries = Hidden().hide(about)
            if entries:
                replace(self.directory / beside(path.name), b"".join(entry.to_bytes() for entry in entries))
            self._manifest = dict(hidden)
            replace(path, pretty(self._manifest))
        except (OSError, TypeError, ValueError) as error:
            self.abandon()
            raise cannot(path, error) from error

    def cover(self, name: str) -> None:
        """Name a further file of the directory, with "/" where it lies deeper; the manifest will hold its hash."""
        self._files.append(name)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Close the manifest over all that the writers left; a second call does nothing.

        Where a writer has not closed its log, the run counts as not closed, and the manifest names the writer.

        Args:
            summary: what the run came to, as JSON values.

        Raises:
            AuditError: manifest, seal or signature cannot be written.
        """
        if self._lock is None:
            return
        try:
            self._manifest |= {"ended": iso(self._now()), "summary": dict(summary)}
            states = states_of(self.directory, self.run, self._writers)
            self._manifest["closed"] = all(state["closed"] for state in states)
            if self._manifest["closed"]:
                finish(self.directory, self._manifest, states, self._files, self._key)
            else:
                self._manifest["writers"] = [named(state) for state in states]
                replace(self.path, pretty(self._manifest))
        except (OSError, TypeError, ValueError) as error:
            raise cannot(self.path, error) from error
        finally:
            self._release()

    def abandon(self) -> None:
        """Undo the start of a run to which nothing was written."""
        if self._lock is not None:
            for name in (self.path.name, beside(self.path.name), lock_name(self.run)):
                (self.directory / name).unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        """Let go of the lock; the file of a run that is not closed stays, for whoever seals it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def finish(
    directory: Path,
    manifest: Mapping[str, Any],
    states: Iterable[Mapping[str, Any]],
    files: Iterable[str],
    key: Ed25519PrivateKey | None,
) -> None:
    """Write aggregate, seal, signature and manifest of a run that ends, then remove what only an open run needs.

    Args:
        directory: where it lies.
        manifest: all that is known by now.
        states: of its writers, as `states_of` gives them.
        files: further names that the manifest covers.
        key: what signs.

    Raises:
        OSError, ValueError: something cannot be read or written.
    """
    run, states = manifest["run"], list(states)
    aggregate = aggregate_name(run)
    replace(directory / aggregate, pretty(merge(state["aggregate"] for state in states)))
    ended = {
        **manifest,
        "public_key": public_of(key) if key else None,
        "writers": [named(state) for state in states],
        "files": [_hashed(directory, name) for name in (aggregate, *files)],
    }
    data, path = pretty(ended), directory / manifest_name(run)
    replace(directory / seal_name(path.name), seal_of(data, path.name))
    if key:
        replace(directory / signature_name(path.name), key.sign(data))
    replace(path, data)
    for state in states:
        (directory / state_name(run, state["writer"])).unlink(missing_ok=True)
    (directory / lock_name(run)).unlink(missing_ok=True)


def seal_of(manifest: bytes, name: str) -> bytes:
    """Give the whole seal of a manifest: a line as `sha256sum` writes and checks it."""
    return f"{digest(manifest)}  {name}\n".encode()


def states_of(directory: Path, run: str, writers: Iterable[str]) -> list[dict[str, Any]]:
    """Give how far each writer of a run is; one that left no word has not closed, and has no segment.

    Args:
        directory: where the run lies.
        run: its id.
        writers: those that were to come; others that came follow, by name.

    Raises:
        OSError, ValueError: what a writer says of itself cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob(f"{run}-*.open")):
        state = json.loads(path.read_bytes())
        if state["run"] == run:
            found[state["writer"]] = state
    names = dict.fromkeys((*writers, *found))
    return [found.get(name) or _no_word_of(name) for name in names]


def named(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the manifest says of a writer."""
    segments = state["segments"]
    lines = sum(segment["lines"] for segment in segments)
    return {"writer": state["writer"], "closed": state["closed"], "lines": lines, "segments": segments}


def pretty(values: Mapping[str, Any]) -> bytes:
    """Give the bytes of a file that people read too."""
    return stored(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def _no_word_of(writer: str) -> dict[str, Any]:
    return {"writer": writer, "closed": False, "segments": [], "aggregate": Aggregate().to_dict()}


def _hashed(directory: Path, name: str) -> dict[str, Any]:
    hashed, size = hashlib.sha256(), 0
    with (directory / name).open("rb") as file:
        while data := file.read(_BLOCK):
            hashed.update(data)
            size += len(data)
    return {"file": name, "sha256": hashed.hexdigest(), "bytes": size}


def _previous(directory: Path) -> dict[str, str] | None:
    """Give run and hash of the latest manifest that is closed: whoever removes it later breaks this one."""
    found: list[tuple[str, str]] = []
    for path in directory.glob("run*.json"):
        if MANIFEST.fullmatch(path.name):
            data = path.read_bytes()
            try:
                said = json.loads(data)
                if said["closed"] or said.get("sealed"):
                    found.append((str(said["run"]), digest(data)))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue  # `verify` names it
    if not found:
        return None
    run, sha256 = max(found)
    return {"run": run, "sha256": sha256}
