"""Sealing what a killed run left: whole lines are closed as they are, a torn one is kept apart and told.

Rule of this file: nothing is cut in silence. A log whose chain does not hold is left as it is, since sealing it would
make the fault look like the truth. A run that somebody still writes is left alone.
"""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.aggregate import Aggregate
from optout_middleware.audit.chain import NOTHING_BEFORE, digest, encode, stored
from optout_middleware.audit.files import is_held, iso, replace
from optout_middleware.audit.manifest import finish, states_of
from optout_middleware.audit.packing import Unpacker
from optout_middleware.audit.personal import Entry, hashes
from optout_middleware.audit.place import MANIFEST, NAME, beside, lock_name, manifest_name, segment_name, state_name
from optout_middleware.audit.segments import Packed, as_dict
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class _BrokenError(OptOutError):
    """The log is not as its writer left it; the message says where."""


def seal(directory: Path, *, now: Callable[[], datetime], key: Ed25519PrivateKey | None = None) -> list[str]:
    """Seal every run of a directory that was not closed and that nobody writes any more.

    Args:
        directory: a local audit directory.
        now: the clock.
        key: what signs the manifests.

    Returns:
        One line for each such run: what was found, and what was done.
    """
    said: list[str] = []
    for path in sorted(directory.glob("run*.json")):
        if not MANIFEST.fullmatch(path.name):
            continue
        try:
            manifest = json.loads(path.read_bytes())
            told = _seen_to(directory, path.name, manifest, now, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            told = f"{path} is no manifest that can be read: `optout verify` names what it covered"
        if told:
            said.append(told)
    return said


def _seen_to(
    directory: Path, name: str, manifest: Any, now: Callable[[], datetime], key: Ed25519PrivateKey | None
) -> str:
    """See to one run as its manifest asks for; give one line where a person should know."""
    run, closed = manifest["run"], manifest["closed"]
    if manifest["schema"] == 1:
        return "" if closed else f"run {run} in {directory} was not closed; it is of format 1 and left as it is"
    if not NAME.fullmatch(run) or name != manifest_name(run):
        raise ValueError(run)
    if closed or manifest["sealed"]:
        _clear(directory, manifest)
        return ""
    return "" if _is_live(directory, run) else _sealed(directory, manifest, now, key)


def _is_live(directory: Path, run: str) -> bool:
    """Tell whether somebody still owns the run, or writes a log of it."""
    held = [directory / lock_name(run), *directory.glob(f"{run}-*.jsonl")]
    return any(is_held(path) for path in held)


def _clear(directory: Path, manifest: Any) -> None:
    """Remove what a run that was closed needed only while it was open, where its process was killed right then."""
    run = manifest["run"]
    if not is_held(directory / lock_name(run)):
        _remove_open(directory, run, manifest["writers"])
        (directory / lock_name(run)).unlink(missing_ok=True)


def _remove_open(directory: Path, run: str, writers: Iterable[Any]) -> None:
    """Remove open files whose compressed ones the manifest names, and what the writers said of themselves."""
    for writer in writers:
        for number in range(1, len(writer["segments"]) + 1):
            (directory / segment_name(run, writer["writer"], number)).unlink(missing_ok=True)
        (directory / state_name(run, writer["writer"])).unlink(missing_ok=True)


def _sealed(directory: Path, manifest: Any, now: Callable[[], datetime], key: Ed25519PrivateKey | None) -> str:
    """Seal one run; give one line about it."""
    run, time = manifest["run"], iso(now())
    found: list[str] = []
    try:
        states = states_of(directory, run, [writer["writer"] for writer in manifest["writers"]])
        for state in states:
            found += _Left(directory, run, state, time).closed()
        manifest["sealed"] = {"time": time, "found": found}
        finish(directory, manifest, states, _further(directory, run), key)
        _remove_open(directory, run, states)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error, OptOutError) as error:
        return f"run {run} in {directory} was not closed and is left as it is: {error}"
    return f"run {run} in {directory} was not closed; it is sealed as it was found" + "".join(f"; {it}" for it in found)


def _further(directory: Path, run: str) -> list[str]:
    """Give the files of a run that are neither lines nor beside them: the killed process would have named them."""
    names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob(f"{run}-*") if path.is_file())
    others = [path.name[4:-5] for path in directory.glob(f"run-{run}-*.json")]  # runs whose id begins like this one
    ours = (name for name in names if not any(name.rpartition("/")[2].startswith(f"{other}-") for other in others))
    return [name for name in ours if "/" in name or not name.endswith((".jsonl", ".jsonl.gz", ".personal", ".open"))]


class _Left:
    """What one writer left open.

    Args:
        directory: where the run lies.
        run: its id.
        state: how far the writer said it was; brought up to what is found.
        time: of the sealing.
    """

    def __init__(self, directory: Path, run: str, state: dict[str, Any], time: str) -> None:
        self._directory, self._run, self._state, self._time = directory, run, state, time
        segments = state["segments"]
        self._last = segments[-1]["last"] if segments else NOTHING_BEFORE
        self._seq = segments[-1]["first"] + segments[-1]["lines"] if segments else 1
        self._aggregate = Aggregate.read(state["aggregate"])

    def closed(self) -> list[str]:
        """Close all segments that are open; give what a person should know.

        Raises:
            _BrokenError: the chain does not hold.
            OSError, ValueError, EOFError, zlib.error: something cannot be read or written.
        """
        if self._state["closed"]:
            return []
        found, paths = [], self._paths()
        while paths and not (left := _lines(paths[-1]))[0]:  # a segment that has not even its head
            found += self._keep_torn(paths.pop(), left[1])
        for path in paths:
            rows, torn = _lines(path)
            told = self._keep_torn(path, torn)
            self._take(path, rows, told, final=path is paths[-1])
            found += told
        self._state["aggregate"] = self._aggregate.to_dict()
        return found

    def _paths(self) -> list[Path]:
        """Give the segments that the state does not know yet, closed or open, in order."""
        paths: list[Path] = []
        while True:
            number = len(self._state["segments"]) + len(paths) + 1
            path = self._directory / segment_name(self._run, self._state["writer"], number)
            packed = path.with_name(f"{path.name}.gz")
            if not (packed.exists() or path.exists()):
                return paths
            paths.append(packed if packed.exists() else path)

    def _take(self, path: Path, rows: list[bytes], told: list[str], *, final: bool) -> None:
        """Close one segment: an open one that is the last gets a line that says so."""
        packed, unpacker, named = Packed(self._seq), Unpacker(), dict[str, None]()
        for number, row in enumerate(rows, 1):
            said = json.loads(row)
            if said["seq"] != self._seq or said["prev"] != self._last:
                raise _BrokenError(f"line {number} of {path.name} does not follow the line before it")
            self._seq, self._last = self._seq + 1, digest(row)
            packed.add((row,))
            named.update(dict.fromkeys(hashes(said)))
            if (line := unpacker.unpack(said)) is not None:
                self._aggregate.add(line, line["time"][:10])
        beside_path = path.with_name(beside(path.name))
        dropped, lost = _tidy(beside_path, named)
        if final and path.suffix != ".gz":
            note = {
                "stage": "run",
                "action": "none",
                "note": "the run was not closed; its log was sealed as it was found",
            }
            recovered = {"found": told, "dropped_values": dropped, "lost_values": lost}
            rest = encode({**note, "recovered": recovered})[1:]
            row = stored(f'{{"seq":{self._seq},"prev":"{self._last}","time":"{self._time}",{rest}\n')
            self._seq, self._last = self._seq + 1, digest(row)
            packed.add((row,))
        target = path if path.suffix == ".gz" else path.with_name(f"{path.name}.gz")
        self._state["segments"].append(as_dict(packed.write(target)))

    def _keep_torn(self, path: Path, torn: bytes) -> list[str]:
        """Keep the torn end of a file in one of its own."""
        if not torn:
            return []
        aside = path.with_name(f"{path.name}.torn")
        replace(aside, torn)
        return [f"the last {len(torn)} octets of {path.name} are no whole line and are kept in {aside.name}"]


def _lines(path: Path) -> tuple[list[bytes], bytes]:
    """Give the whole lines of a segment, and what is torn behind them."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    *rows, torn = data.split(b"\n")
    return [row + b"\n" for row in rows], torn


def _tidy(path: Path, named: Iterable[str]) -> tuple[int, list[str]]:
    """Leave beside a segment what its lines name, in their order.

    Returns: how many values were dropped, since their line was never written; and the hashes whose values are gone.
    """
    rows = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    entries = {entry.hash: row for row in rows if (entry := Entry.read(row)) is not None}
    kept = [hashed for hashed in named if hashed in entries]
    if kept:
        replace(path, b"".join(entries[hashed] for hashed in kept))
    else:
        path.unlink(missing_ok=True)
    return len(rows) - len(kept), [hashed for hashed in named if hashed not in entries]
