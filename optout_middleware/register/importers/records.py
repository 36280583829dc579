"""What an importer gives besides records: each line that it could not read, or not in full.

Rule of this file: values only. The records themselves are those of `register.records`.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was not read, or not in full.

    Fields:
        line: its number, from 1 on; of a row or entry of several lines the first one; 0 = the file as a whole.
        reason: why, in one line.
        text: the line itself, cut at 200 signs.
        kept: whether its record was read all the same, and only a part of it was not.
    """

    line: int
    reason: str
    text: str
    kept: bool = False


def rejected(line: int, reason: str, text: str = "", *, kept: bool = False) -> Rejected:
    """Make a `Rejected` whose reason and text are one short line each, whatever stands in the file."""
    return Rejected(line, one_line(reason), one_line(text), kept)


def one_line(text: str) -> str:
    r"""Give a text as one line of at most 200 signs, with nothing in it that a terminal would act on.

    >>> one_line("a\n  b\x1b[2J")
    'a b�[2J'
    """
    shown = " ".join(text[: 4 * LONGEST_TEXT].split())[:LONGEST_TEXT]
    if shown.isprintable():
        return shown
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in shown)
