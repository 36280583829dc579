"""Runs of the first format: one file of lines a writer, whose hash stands in a manifest that nothing covers.

Rule of this file: such a run is held against what it promised, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.reading import Damage, raw_lines
from optout_middleware.audit.segment_check import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optout_middleware.audit.place import Place


class FirstFormat(NamedTuple):
    """What came of a run: the files that are its own, how many lines they have, and what is not as it was."""

    covered: frozenset[str]
    lines: int
    findings: tuple[Damage, ...]


def check_first_format(place: Place, name: str, manifest: Mapping[str, Any]) -> FirstFormat:
    """Check a run of the first format.

    Args:
        place: the directory.
        name: of its manifest.
        manifest: what that says.

    Raises:
        KeyError, TypeError, OSError: the manifest is none of that format, or a file cannot be read.
    """
    run = manifest["run"]
    covered = {f"{run}-pending.txt"}
    findings: list[Damage] = []
    lines = 0
    if manifest["closed"] is not True:
        findings.append(Damage(place.where(name), 0, "unclosed", f"run {run} was not closed, or is still written"))
    for writer in manifest["writers"]:
        file = writer["file"]
        covered.add(file)
        if file not in place.names:
            findings.append(Damage(place.where(file), 0, "missing", f"the log of writer {writer['writer']} is gone"))
            continue
        rows = list(_places(place, file))
        lines += len(rows)
        findings += [row for row in rows if isinstance(row, Damage)]
        if writer["sha256"] is not None and sha256_of(place, file)[0] != writer["sha256"]:
            text = f"the log is not as it was closed, with {writer['lines']} lines; it has {len(rows)} now"
            findings.append(Damage(place.where(file), 0, "altered", text))
    return FirstFormat(frozenset(covered), lines, tuple(findings))


def _places(place: Place, file: str) -> Iterator[int | Damage]:
    for row in raw_lines(place, file):
        yield row if isinstance(row, Damage) else row.number
