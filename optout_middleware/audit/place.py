"""An audit directory, wherever it lies: the names of its files, and their bytes.

Rule of this file: reads only, through fsspec, so that a directory may be a path or a URL; and the one table of what
files of a directory are called. A directory that is not there is a mistake of the user, one line.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fsspec.core import url_to_fs  # type: ignore[import-untyped]

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from pathlib import Path

# Run and writer become file names: no separator, nothing that a shell or a glob reads, no hidden file.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MANIFEST = re.compile(r"run(?:-(?P<run>.+))?\.json")  # without a run: of the first format
SEGMENT = re.compile(r"(?P<log>.+)-(?P<number>\d{6,})\.jsonl(?P<packed>\.gz)?")
LINES = re.compile(r".+\.jsonl(?:\.gz)?")  # a segment, or a whole log of the first format


def manifest_name(run: str) -> str:
    """Give the name of the manifest of a run."""
    return f"run-{run}.json"


def seal_name(manifest: str) -> str:
    """Give the name of the seal of a manifest."""
    return f"{manifest}.sha256"


def signature_name(manifest: str) -> str:
    """Give the name of the signature of a manifest."""
    return f"{manifest}.sig"


def aggregate_name(run: str) -> str:
    """Give the name of the daily aggregate of a run."""
    return f"aggregate-{run}.json"


def state_name(run: str, writer: str) -> str:
    """Give the name of the file in which a writer says how far it is; there while its run is open."""
    return f"{run}-{writer}.open"


def lock_name(run: str) -> str:
    """Give the name of the file that whoever owns a run holds locked; there while the run is open."""
    return f"run-{run}.lock"


def segment_name(run: str, writer: str, number: int) -> str:
    """Give the name of a segment while it is written; closed, ".gz" follows it."""
    return f"{run}-{writer}-{number:06d}.jsonl"


def beside(segment: str) -> str:
    """Give the name of the file with the personal values of a segment or manifest."""
    return re.sub(r"\.json(l(\.gz)?)?$", "", segment) + ".personal"


def _protocols(fs: Any) -> tuple[str, ...]:
    return fs.protocol if isinstance(fs.protocol, tuple) else (fs.protocol,)


class Place:
    """One audit directory.

    Args:
        directory: a path, or a URL that fsspec knows.

    Raises:
        OptOutError: it is not there, or cannot be read.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = str(directory).rstrip("/") or "/"
        try:
            fs, root = url_to_fs(self.directory)
            self._fs, self._root = fs, str(root).rstrip("/")
            if not fs.isdir(self._root or "/"):
                raise OptOutError(f"audit directory {self.directory} is not there: name one that a crawl wrote")
            found = sorted(fs.find(self._root or "/"))
        except (OSError, ValueError, ImportError) as error:
            raise OptOutError(f"audit directory {self.directory} cannot be read: {error}") from error
        self.names: tuple[str, ...] = tuple(str(name)[len(self._root) :].lstrip("/") for name in found)

    @property
    def identity(self) -> tuple[str, str]:
        """What tells it from another directory: its file system, and its path there."""
        root = os.path.realpath(self._root) if "file" in _protocols(self._fs) else self._root
        return str(_protocols(self._fs)), root

    def where(self, name: str) -> str:
        """Give a file of the directory, for people."""
        return f"{self.directory}/{name}"

    def open(self, name: str) -> BinaryIO:
        """Open a file.

        Raises:
            OSError: it cannot be read.
        """
        file: Any = self._fs.open(f"{self._root}/{name}", "rb")
        return cast("BinaryIO", file)

    def read(self, name: str) -> bytes:
        """Give all bytes of a file, which is known to be small.

        Raises:
            OSError: it cannot be read.
        """
        with self.open(name) as file:
            return file.read()
