"""Importers: files of all kinds into records of the register, each line that cannot be read with its number and reason.

Rule of this room: an importer streams, gives `Record` or `Rejected`, and raises nothing but `OptOutError` whatever the
file holds. `read` chooses one by what the file is; `import_file` writes what it gives into a register, all or nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.register.importers import artists, cwr, documents, tables
from optout_middleware.register.importers.kinds import KINDS, kind_of
from optout_middleware.register.importers.records import Rejected
from optout_middleware.terms import OptOutError, Ruling

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from datetime import date

    from optout_middleware.register.records import ImportReport, Record
    from optout_middleware.register.store import RegisterStore

__all__ = ["KINDS", "FileReport", "Rejected", "import_file", "kind_of", "read"]

KEPT = 1_000  # rejected lines of an import that are kept with their numbers; all are counted
_CHUNK = 1_048_576


@dataclass(frozen=True, slots=True)
class FileReport:
    """What the import of one file came to.

    Fields:
        kind: of the file, a name of `KINDS`.
        stored: what the register took up, what of it can match, and why the rest cannot.
        rejected: lines that were not read; `noted` lines of which only a part was not.
        samples: the first 1,000 of both.
        rulings: rulings that the file holds: facts with a date, which go into the log and not into the register.
    """

    kind: str
    stored: ImportReport
    rejected: int = 0
    noted: int = 0
    samples: tuple[Rejected, ...] = ()
    rulings: tuple[Ruling, ...] = ()


def read(
    path: str | os.PathLike[str], *, kind: str | None = None, mapping: Mapping[str, str] | None = None
) -> Iterator[Record | Ruling | Rejected]:
    """Read a file of any kind.

    Args:
        path: the file.
        kind: a name of `KINDS`; None = by its content and name.
        mapping: for tables and artist lists, field -> column (or element), or "=VALUE" for all alike.

    Raises:
        OptOutError: it cannot be read, its kind cannot be told, or the mapping does not fit it.
    """
    file = Path(path)
    try:
        kind = kind or kind_of(file, mapping)
        if kind not in KINDS:
            raise OptOutError(f"{kind!r} is no kind of file: choose out of {', '.join(KINDS)}")
        if kind == "cwr":
            yield from cwr.read(file)
        elif kind == "documents":
            yield from documents.read(file)
        elif kind == "artists":
            yield from artists.read(file, mapping)
        else:
            yield from tables.read(file, kind, mapping)
    except OSError as error:
        raise OptOutError(f"cannot read {file}: {error.strerror or error}") from None


def import_file(
    store: RegisterStore,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    as_of: date | None = None,
) -> FileReport:
    """Import one file: all of it that can be read, or, where reading fails, nothing.

    Args:
        store: the register.
        path: the file.
        name: of the source, whose older import it supersedes; None = the file's name.
        kind: as for `read`.
        mapping: as for `read`; it is part of what makes an import the same.
        as_of: the day that the file holds as of; None = as it says itself, if it does.

    Raises:
        OptOutError: it cannot be read or written.
    """
    file = Path(path)
    try:
        digest = _sha256(file)
        kind = kind or kind_of(file, mapping)
        day = as_of or _as_of(file, kind)
    except OSError as error:
        raise OptOutError(f"cannot read {file}: {error.strerror or error}") from None
    counts: Counter[str] = Counter()
    samples: list[Rejected] = []
    rulings: list[Ruling] = []
    with store.importing(name or file.name, digest, day, kind) as batch:
        if not batch.known:
            for record in read(file, kind=kind, mapping=mapping):
                if isinstance(record, Ruling):
                    rulings.append(record)
                elif isinstance(record, Rejected):
                    counts["noted" if record.kept else "rejected"] += 1
                    if len(samples) < KEPT:
                        samples.append(record)
                    if not record.kept:
                        batch.reject(record.line, record.reason)
                else:
                    batch.add(record)
    return FileReport(kind, batch.report, counts["rejected"], counts["noted"], tuple(samples), tuple(rulings))


def _as_of(file: Path, kind: str) -> date | None:
    """Give the day that a file says it holds as of."""
    if kind == "cwr":
        return cwr.as_of(file)
    return documents.as_of(file) if kind == "documents" else None


def _sha256(file: Path) -> str:
    digest: Any = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return str(digest.hexdigest())
