"""The list of pending URLs of a run: a seed list for a later crawl, one URL a line.

Rule of this file: URLs stand there in full, since a masked one could not be asked again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from optout_middleware.audit.files import AuditError
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from optout_middleware.audit.log import AuditLog


class PendingUrls:
    """Writes `RUN-pending.txt`, once there is a URL to write.

    Args:
        log: of the run, in whose directory it stands.
    """

    def __init__(self, log: AuditLog) -> None:
        self.name = f"{log.run}-pending.txt"
        self._path = log.directory / self.name
        self._file: TextIO | None = None
        self._last = ""  # the items of one page come together
        self.count = 0

    def add(self, url: str) -> None:
        """Add a URL; what has no site to ask is not listed, since a later crawl could not ask it either.

        Raises:
            AuditError: it cannot be written.
        """
        if url == self._last or origin_of(url) is None:
            return
        self._last = url
        try:
            if self._file is None:
                self._file = self._path.open("x", encoding="utf-8", errors="backslashreplace", buffering=1)
            self._file.write(f"{url}\n")
        except OSError as error:
            raise self._failed(error) from error
        self.count += 1

    def close(self) -> None:
        """Close the file, if there is one.

        Raises:
            AuditError: it cannot be written.
        """
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError as error:
                raise self._failed(error) from error

    def _failed(self, error: OSError) -> AuditError:
        return AuditError(f"list of pending URLs {self._path} cannot be written: {error.strerror or error}")
