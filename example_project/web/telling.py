"""Texts from templates: every page of a site tells of its own row of facts, in a turn of phrase that varies.

Rule of this file: no randomness. The same table gives the same web on every machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def slug(title: str) -> str:
    """Make a path segment of a title."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def rows(names: str, table: str) -> Iterator[dict[str, str]]:
    """Read a table of facts, one row a line, cells between bars, columns named once."""
    columns = names.split()
    for line in table.strip().splitlines():
        yield dict(zip(columns, (cell.strip() for cell in line.split("|")), strict=True))


def tell(row: dict[str, str], *parts: Sequence[str]) -> tuple[str, ...]:
    """Take one template of each part, as if by chance, and fill in the row: one paragraph a part."""
    chance = crc32("|".join(row.values()).encode())  # not hash(), which differs from run to run
    return tuple(part[(chance >> 8 * place) % len(part)].format(**row) for place, part in enumerate(parts))
