"""Where a chain of lines is broken, and how: altered, removed, inserted or reordered.

Rule of this file: pure. It names the fewest lines that explain what is seen; where a chain was renewed throughout, only
the hash that the manifest holds gives it away, and then the segment as a whole is named.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Link(NamedTuple):
    """What the chain needs of one stored line; `seq` and `prev` are None where the line is damaged."""

    seq: int | None
    prev: str | None
    sha256: str


class Fault(NamedTuple):
    """One fault: the line of the file (0 = the file as a whole), its kind, and a sentence."""

    line: int
    kind: str
    text: str


def faults(links: Sequence[Link], first: int, count: int, before: str, last: str) -> Iterator[Fault]:
    """Give what is wrong with the lines of a segment.

    Args:
        links: its lines as they stand there.
        first: the sequence number of its first line.
        count: how many it had when it was closed.
        before: the SHA-256 of the line before it.
        last: the SHA-256 of its last line when it was closed.
    """
    if _holds(links, first, count, before, last):
        return
    numbered = {first + place: place for place in range(count)}
    at: dict[int, int] = {}  # sequence number -> the line of the file that has it in the chain
    for place, link in enumerate(links):
        seq = link.seq
        if seq is None or (seq not in numbered and len(links) == count):
            seq = first + place  # a damaged line stands for the one that was there
        if seq not in numbered:
            yield Fault(place + 1, "inserted", f"the segment had no line with sequence number {seq}")
        elif seq in at:
            true, false = (at[seq], place) if _follows(links, at[seq], before) else (place, at[seq])
            at[seq] = true
            yield Fault(false + 1, "inserted", f"a second line has sequence number {seq}")
        else:
            at[seq] = place
    removed = [seq for seq in numbered if seq not in at]
    for start, end in _stretches(removed):
        what = f"line {start}" if start == end else f"lines {start} to {end}"
        yield Fault(at.get(start - 1, -1) + 2, "removed", f"{what} of the log is gone")
    places = [at[seq] for seq in sorted(at)]
    moved = [place for place, later in pairwise(places) if place > later]
    for place in moved:
        yield Fault(
            place + 1, "reordered", f"the line with sequence number {links[place].seq} stands behind a later one"
        )
    yield from _altered(links, at, first, count, before, last)


def _holds(links: Sequence[Link], first: int, count: int, before: str, last: str) -> bool:
    if len(links) != count:
        return False
    for place, link in enumerate(links):
        if link.seq != first + place or link.prev != before:
            return False
        before = link.sha256
    return before == last


def _follows(links: Sequence[Link], place: int, before: str) -> bool:
    """Tell whether a line is the one that the chain goes through: the next one names it, or it names the one before."""
    link = links[place]
    if any(other.seq == (link.seq or 0) + 1 and other.prev == link.sha256 for other in links):
        return True
    names = {other.sha256 for other in links if other.seq == (link.seq or 0) - 1} or {before}
    return link.prev in names and not any(other.seq == (link.seq or 0) + 1 for other in links)


def _altered(
    links: Sequence[Link], at: dict[int, int], first: int, count: int, before: str, last: str
) -> Iterator[Fault]:
    """Name the lines of which one does not fit the next; an unbroken stretch of misfits is told once."""
    hashes = {first - 1: before, **{seq: links[place].sha256 for seq, place in at.items()}}
    named = {seq: links[place].prev for seq, place in at.items()}
    named[first + count] = last  # the manifest stands behind the last line
    misfits = [seq for seq in hashes if seq + 1 in named and named[seq + 1] != hashes[seq]]
    for start, end in _stretches(sorted(misfits)):
        # One misfit: the line before it was altered. Two in a row: the line between. More: somewhere among these.
        low, high = (start, start) if start == end else (start + 1, end)
        low, high = max(low, first), max(min(high, first + count - 1), first)
        which = f"line {low} of the log is" if low == high else f"of the lines {low} to {high} of the log, some are"
        only_last = start == end == first + count - 1
        why = "the hash that follows is of something else" + (", or all hashes before it were renewed" * only_last)
        yield Fault(at.get(low, -1) + 1, "altered", f"{which} not as written: {why}")


def _stretches(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the first and last of each run of numbers without a gap."""
    start = previous = None
    for number in numbers:
        if previous is None or number != previous + 1:
            if start is not None and previous is not None:
                yield start, previous
            start = number
        previous = number
    if start is not None and previous is not None:
        yield start, previous
