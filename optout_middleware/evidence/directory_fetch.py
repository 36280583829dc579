"""A `Fetch` on saved files: what a site said, without a network.

Rule of this file: `DIR/HOST/PATH`, as mirroring tools save it, or `DIR/PATH` where there is no folder of that host;
a path that ends in a slash is its index.html. Headers, where they were saved, stand beside a file as
`FILE.headers`, one `Name: value` a line. The time of a file is when it was last written. What was not saved counts as
404: whoever saves a site saves all of it. Nothing outside the directory is read.
"""

from __future__ import annotations

import mimetypes
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from optout_middleware.terms import Evidence, OptOutError
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    import os

    from optout_middleware.evidence.fetch import Limits


class DirectoryFetch:
    """A `Fetch` on a directory.

    Args:
        directory: where the files lie.

    Raises:
        OptOutError: there is no such directory.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory).resolve()
        if not self._directory.is_dir():
            raise OptOutError(f"{directory} is no directory: name the one that the saved files lie in")

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Give a saved file as evidence; see `optout_middleware.evidence.fetch.Fetch`."""
        del known  # a file is read anew as easily as it is compared
        path = self._path(url)
        if path is None:
            return Evidence(url, 404, (), b"", datetime.fromtimestamp(0, timezone.utc))
        try:
            body = path.read_bytes()
            written = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
            headers = self._headers(path)
        except OSError as error:
            now = datetime.now(timezone.utc)
            return Evidence(url, None, (), b"", now, error=f"{path.name}: {error.strerror}")
        return Evidence(url, 200, headers, body[: limits.max_bytes], written, truncated=len(body) > limits.max_bytes)

    def _path(self, url: str) -> Path | None:
        """Give the file that a URL was saved to; None = it was not saved."""
        host = self._directory / host_of(url)
        base = host if host_of(url) and host.is_dir() else self._directory
        try:
            named = unquote(urlsplit(url).path).lstrip("/")
            path = (base / named).resolve()
            if path.is_dir():
                path /= "index.html"
            inside = path.is_relative_to(self._directory) and path.is_file()
        except (ValueError, OSError):  # a path that no file can have
            return None
        return path if inside else None

    @staticmethod
    def _headers(path: Path) -> list[tuple[str, str]]:
        beside = path.with_name(f"{path.name}.headers")
        if beside.is_file():
            lines = beside.read_text("utf-8", "replace").splitlines()
            pairs = (line.partition(":") for line in lines)
            return [(name.strip(), value.strip()) for name, colon, value in pairs if colon and name.strip()]
        media_type = mimetypes.guess_type(path.name)[0]
        return [("content-type", media_type)] if media_type else []
