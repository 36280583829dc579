"""One writer of a run: its lines, chained, in segment after segment.

Rule of this file: nothing is tried twice or overwritten; what cannot be written ends the log, and whoever acts on a
line acts only once `write` has returned. For one thread.
"""

from __future__ import annotations

import errno
import json
import os
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.aggregate import Aggregate
from optout_middleware.audit.chain import NOTHING_BEFORE, digest, encode, stored
from optout_middleware.audit.files import AuditError, cannot, iso, replace
from optout_middleware.audit.packing import SCHEMA, Packer
from optout_middleware.audit.personal import Hidden, hashes
from optout_middleware.audit.place import NAME, segment_name, state_name
from optout_middleware.audit.segments import Segment, as_dict
from optout_middleware.decide import RULES_VERSION
from optout_middleware.settings import package_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.audit.personal import Entry

# Octets of lines, after which a new segment begins: what a reader holds, and what a rotation compresses, is bounded.
SEGMENT_BYTES = 8 * 1024 * 1024


class Alike:
    """Lines that differ in a few fields only: packed once a segment, however many there are.

    Args:
        line: one of them, with an outcome and nothing personal; what varies is not None in it.
        names: of the fields that vary, in the order of the line; nothing that an aggregate counts is among them.
    """

    __slots__ = ("line", "names", "packer", "pieces")

    def __init__(self, line: Mapping[str, Any], names: Sequence[str]) -> None:
        self.line, self.names = line, names
        self.packer: Packer | None = None  # of the segment that `pieces` are of
        self.pieces: tuple[str, ...] = ()


class Writer:
    """Writes `<run>-<writer>-<number>.jsonl`, which `.gz` follows when it is closed, in a directory that is there.

    Args:
        directory: where the run is open.
        run: its id.
        writer: who writes, in this run: letters, digits, ".", "_" and "-".
        policy_sha256: of the policy that is decided by; empty = nothing is decided.
        now: the clock; gives aware datetimes.
        durability: seconds of lines that a power cut may cost; 0 = every write is on disk when it returns. A killed
            process loses nothing either way.

    Raises:
        AuditError: it cannot be written, or this run has this writer already.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        run: str,
        writer: str,
        policy_sha256: str,
        now: Callable[[], datetime],
        durability: float = 1.0,
    ) -> None:
        check_name("run", run)
        check_name("writer", writer)
        self.directory, self.run, self.writer = Path(directory), run, writer
        self.refusal = ""
        self.count = 0
        self._policy, self._now, self._durability = policy_sha256, now, durability
        self._seq, self._last = 0, NOTHING_BEFORE
        self._aggregate = Aggregate()
        self._closed: list[dict[str, Any]] = []
        self._segment: Segment | None = None
        try:
            self._segment = self._begun()
            self._save(closed=False)
        except OSError as error:
            if self._segment is not None:  # nothing was acknowledged, so nothing is lost
                self._segment.release()
                self._segment.path.unlink(missing_ok=True)
            raise cannot(self.directory / segment_name(run, writer, 1), error) from error
        self._sync_at = monotonic() + durability

    def write(self, *lines: Mapping[str, Any]) -> list[str]:
        """Write lines in one go; when this returns, killing the process no longer loses them.

        Args:
            lines: the fields of each, as `optout_middleware.audit.line.line` gives them; at least one field.

        Returns:
            Where each stands: "RUN-WRITER:SEQ".

        Raises:
            AuditError: they could not be written whole, now or at an earlier call: the log takes no more.
        """
        ids: list[str] = []
        self._appended(lambda segment: self._lines(segment, lines, ids), len(lines))
        return ids

    def write_alike(self, rows: Sequence[tuple[Alike, Sequence[str | int]]]) -> None:
        """Write lines in one go, as `write` does, each of a kind of which there are many.

        Args:
            rows: for each line its kind, and the values of the fields that vary, in the order of their names.

        Raises:
            AuditError: as `write`.
        """
        self._appended(lambda segment: self._alike(segment, rows), len(rows))

    def _appended(self, append: Callable[[Segment], None], lines: int) -> None:
        """Append lines, then see whether a new segment is due; after an error the log takes no more."""
        segment = self._segment
        if segment is None or self.refusal:
            raise AuditError(self.refusal)
        try:
            append(segment)
            self.count += lines
            if segment.packed.size >= SEGMENT_BYTES or self._packer.is_full:
                self._rotate(segment)
            elif monotonic() >= self._sync_at:
                segment.sync()
                self._sync_at = monotonic() + self._durability
        except (OSError, TypeError, ValueError) as error:
            failed = cannot(segment.path, error)
            self.refusal = str(failed)
            raise failed from error

    def close(self) -> None:
        """Close the last segment and say so; after a failed write the log is left as it is. A second call does nothing.

        Raises:
            AuditError: that could not be written.
        """
        segment, self._segment = self._segment, None
        if segment is None:
            return
        if self.refusal:
            segment.release()
            return
        self.refusal = f"audit log {segment.path} is closed"
        try:
            self._closed.append(as_dict(segment.close()))
            self._save(closed=True)
            segment.path.unlink()
        except OSError as error:
            raise cannot(segment.path, error) from error

    def _rotate(self, old: Segment) -> None:
        """Begin the next segment, then close the old one; the state counts what is closed."""
        self._segment = self._begun()
        self._closed.append(as_dict(old.close()))
        self._save(closed=False)
        old.path.unlink()
        self._sync_at = monotonic() + self._durability

    def _begun(self) -> Segment:
        """Begin a segment with its head."""
        number = len(self._closed) + (1 if self._segment is None else 2)
        path = self.directory / segment_name(self.run, self.writer, number)
        if path.with_name(f"{path.name}.gz").exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        segment = Segment(path, self._seq + 1)
        self._packer, self._hidden = Packer(), Hidden()
        head = {
            "segment": number, "schema": SCHEMA, "run": self.run, "writer": self.writer,
            "policy": self._policy, "rules_version": RULES_VERSION, "version": package_version(),
        }  # fmt: skip
        segment.append([self._row(f'"time":"{iso(self._now())}",{encode(head)[1:]}')], ())
        return segment

    def _save(self, *, closed: bool) -> None:
        """Say how far the log is: what stands in closed segments, and what it comes to."""
        state = {
            "schema": SCHEMA, "run": self.run, "writer": self.writer, "closed": closed,
            "segments": self._closed, "aggregate": self._aggregate.to_dict(),
        }  # fmt: skip
        replace(self.directory / state_name(self.run, self.writer), stored(encode(state)))

    def _lines(self, segment: Segment, lines: tuple[Mapping[str, Any], ...], ids: list[str]) -> None:
        time = iso(self._now())
        rows: list[bytes] = []
        entries: list[Entry] = []
        for line in lines:
            fields, new = self._hidden.hide(line)
            start = len(rows)
            shared, packed = self._packer.pack(fields)
            if shared:
                rows.append(self._row(f'"shared":[{",".join(shared)}]}}'))
            if not packed:
                raise ValueError("a line needs at least one field")
            rows.append(self._row(f'"time":"{time}",{encode(packed)[1:]}'))
            entries += new if len(new) < 2 else _as_stored(new, rows[start:])  # noqa: PLR2004 - one has its order
            ids.append(f"{self.run}-{self.writer}:{self._seq}")
            self._aggregate.add(line, time[:10])
        segment.append(rows, entries)

    def _alike(self, segment: Segment, lines: Sequence[tuple[Alike, Sequence[str | int]]]) -> None:
        time = iso(self._now())
        rows: list[bytes] = []
        counts: Counter[Alike] = Counter()
        for alike, values in lines:
            if alike.packer is not self._packer:
                alike.packer = self._packer
                shared, alike.pieces = self._packer.pack_alike(alike.line, alike.names)
                if shared:
                    rows.append(self._row(f'"shared":[{",".join(shared)}]}}'))
            first, *rest = alike.pieces
            varying = "".join([
                f"{encode(value) if type(value) is str else value}{piece}"
                for value, piece in zip(values, rest, strict=True)
            ])  # fmt: skip
            rows.append(self._row(f'"time":"{time}",{first}{varying}'))
            counts[alike] += 1
        for alike, times in counts.items():
            self._aggregate.add(alike.line, time[:10], times)
        segment.append(rows, ())

    def _row(self, rest: str) -> bytes:
        """Chain the next stored line; the log takes no more where it is then not written."""
        self._seq += 1
        row = stored(f'{{"seq":{self._seq},"prev":"{self._last}",{rest}\n')
        self._last = digest(row)
        return row


def check_name(what: str, name: str) -> None:
    """Refuse a name that is no part of a file name.

    Raises:
        AuditError: it is none.
    """
    if not NAME.fullmatch(name):
        raise AuditError(f"{what} {name!r} is no part of a file name: use letters, digits, '.', '_' and '-'")


def _as_stored(entries: Sequence[Entry], rows: Sequence[bytes]) -> list[Entry]:
    """Give new personal values in the order in which the stored lines name them, which packing may have changed."""
    named = [hashed for row in rows for hashed in hashes(json.loads(row))]
    order = {hashed: place for place, hashed in reversed(list(enumerate(named)))}
    return sorted(entries, key=lambda entry: order.get(entry.hash, len(named)))
