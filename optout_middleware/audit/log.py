"""The audit log of a run with one writer, as a crawl has it.

Rule of this file: it puts together run and writer, and nothing else; what an earlier run left open in the directory is
sealed first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.files import AuditError
from optout_middleware.audit.manifest import Run, new_run_id
from optout_middleware.audit.recovery import seal
from optout_middleware.audit.writer import Writer, check_name

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from optout_middleware.policy import Policy

__all__ = ["AuditError", "AuditLog", "new_run_id"]


class AuditLog:
    """Writes the lines and the manifest of one run; for one thread.

    Nothing of an earlier run is changed, save that one which was not closed, and which nobody writes any more, is
    sealed as it was found. `warnings` has one line for each such run.

    Args:
        directory: made if it is not there.
        run: as `new_run_id` gives it; each run of a directory has its own.
        writer: who writes, in this run: letters, digits, ".", "_" and "-".
        operator: who runs the crawl, as the policy's readers know them; may be empty.
        policy: what is decided by; stands in the manifest in full. None = nothing is decided.
        settings: all else that was set, as JSON values.
        now: the clock; gives aware datetimes.
        key: the path of the key that signs the manifest; empty = it is not signed.
        durability: seconds of lines that a power cut may cost; 0 = none.

    Raises:
        AuditError: the directory, a file or the manifest cannot be written, or the run is there already.
        OptOutError: the key cannot be used.
    """

    def __init__(  # noqa: PLR0913 - the public interface
        self,
        directory: str | os.PathLike[str],
        *,
        run: str,
        writer: str,
        operator: str,
        policy: Policy | None,
        settings: Mapping[str, Any],
        now: Callable[[], datetime],
        key: str = "",
        durability: float = 1.0,
    ) -> None:
        check_name("writer", writer)
        self.run, self.writer = run, writer
        self.warnings = tuple(seal(Path(directory), now=now))
        self._run = Run(
            directory, run=run, operator=operator, policy=policy, settings=settings, now=now, writers=(writer,), key=key
        )
        self.directory, self.path = self._run.directory, self._run.path
        try:
            self._writer = Writer(
                directory,
                run=run,
                writer=writer,
                policy_sha256=policy.sha256 if policy else "",
                now=now,
                durability=durability,
            )
        except AuditError:
            self._run.abandon()
            raise

    @property
    def lines(self) -> int:
        """How many lines were written."""
        return self._writer.count

    def write(self, line: Mapping[str, Any]) -> str:
        """Write one line; when this returns, killing the process no longer loses it.

        Args:
            line: the fields of `optout_middleware.audit.line.line`, at least one.

        Returns:
            Where it stands: "RUN-WRITER:SEQ".

        Raises:
            AuditError: the line could not be written whole, now or at an earlier call: the log takes no more.
        """
        return self._writer.write(line)[0]

    def cover(self, name: str) -> None:
        """Name a further file of the directory, which the manifest covers as it is when the log is closed."""
        self._run.cover(name)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Close log and manifest; a second call does nothing.

        After a failed write the manifest gets its end and summary, but does not say that it was closed.

        Args:
            summary: what the run came to, as JSON values.

        Raises:
            AuditError: segment or manifest cannot be written.
        """
        try:
            self._writer.close()
        finally:
            self._run.close(summary)
