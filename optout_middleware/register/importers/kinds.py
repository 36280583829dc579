"""What kind of file it is, by its first octets, its name and its columns.

Rule of this file: it reads the beginning and guesses nothing: where the kind cannot be told, it asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optout_middleware.register.importers import columns, tables
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS = ("cwr", "documents", "artists", *columns.COLUMNS)
_START = 4096
_TABLES = (".csv", ".tsv", ".parquet")
_DOCUMENTS = (".yaml", ".yml", ".json")


def kind_of(file: Path, mapping: Mapping[str, str] | None = None) -> str:
    """Tell the kind of a file, a name of `KINDS`.

    Raises:
        OptOutError: it cannot be told.
        OSError: the file cannot be read.
    """
    with file.open("rb") as stream:
        start = stream.read(_START).removeprefix(b"\xef\xbb\xbf")
    suffix = file.suffix.lower()
    if start.startswith(b"HDR") or suffix in (".v21", ".v22"):
        return "cwr"
    if suffix in _DOCUMENTS:
        return "documents"
    if suffix == ".xml" or start.lstrip().startswith(b"<"):
        return "artists"
    if suffix in _TABLES or start.startswith(b"PAR1"):
        header = tables.header_of(file)
        kind = columns.kind_of(header, mapping)
        if kind is None:
            needed = "; ".join(f"{name}: {', '.join(fields)}" for name, fields in columns.REQUIRED.items())
            raise OptOutError(f"{file}: its columns are those of no kind of table: name the kind ({needed})")
        return kind
    raise OptOutError(f"{file}: its kind cannot be told from its name and content: name one of {', '.join(KINDS)}")
