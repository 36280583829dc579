"""The fingerprint of lyrics: shingles of three lines, so that a text is recognised without credits.

Rule of this file: pure; text in, numbers out, nothing raised; time linear in the text, of which the first part counts.

Facts: a line that is missing or changed costs three shingles of about as many as there are lines, so a text with one
line in ten changed keeps about seven shingles in ten. A quote of four lines has two shingles, which is not enough,
however short the song is; a text of fewer than five lines is therefore never recognised. Labels ("[Chorus]",
"Verse 2:", "(x2)") and empty lines are no lines. A chorus counts once.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from optout_middleware.register.normalise import recording_title

if TYPE_CHECKING:
    from collections.abc import Collection

LINES = 3  # of a shingle
LEAST_SHARED = 3  # shingles: five lines in a row; a quote of up to four lines is none
MIDDLE, STRONG = 0.25, 0.5  # of the shingles of the reserved text
_LONGEST = 200_000  # characters that count
_MOST_LINES = 2_000
_IN_BRACKETS = re.compile(r"[\[({<][^\[\](){}<>\n]{0,60}[\])}>]")
_LABEL = re.compile(
    r"(?:(?:pre|post)[- ]?)?(?:chorus|verse|bridge|intro|outro|hook|refrain|interlude|instrumental|solo|coda|couplet"
    r"|strophe|pont|coro|estribillo|verso|estrofa|puente|ritornello|strofa)"
    r"(?: ?[0-9ivx]{1,4})?(?: ?[x\u00d7] ?[0-9]{1,2})?"
    r"|(?:repeat|bis|[x\u00d7] ?[0-9]{1,2}|[0-9]{1,2} ?[x\u00d7])(?: [0-9]{1,2}x?)?"
)


def shingles(text: str) -> tuple[int, ...]:
    r"""Give the distinct shingles of a text as signed 64-bit numbers, in the order of the text.

    >>> len(shingles("[Chorus]\nOne, two\nThree!\n\nfour\n(x2)\nFIVE")), shingles("one\ntwo")
    (2, ())
    """
    lines = []
    for line in text[:_LONGEST].split("\n"):
        if form := _form(line):
            lines.append(form)
            if len(lines) >= _MOST_LINES:
                break
    found = {_hash("\n".join(lines[at : at + LINES])): None for at in range(len(lines) - LINES + 1)}
    return tuple(found)


def overlap(reserved: Collection[int], text: Collection[int]) -> float:
    """Give the share of the shingles of a reserved text that stand in another text, 0 to 1.

    0 where fewer than `LEAST_SHARED` are shared: a short quote.
    """
    known = set(reserved)
    return share(len(known.intersection(text)), len(known))


def share(shared: int, whole: int) -> float:
    """Give what `overlap` gives, from the number of shared shingles and that of the reserved text."""
    return shared / whole if whole and shared >= LEAST_SHARED else 0.0


def _form(line: str) -> str:
    """Give a line in the form in which lines are compared; empty for what is no line of a song."""
    plain = " ".join(_IN_BRACKETS.sub(" ", line).split())
    if not plain or _LABEL.fullmatch(plain.rstrip(" :.-").lower()):
        return ""
    return recording_title(plain)


def _hash(text: str) -> int:
    raw = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "little", signed=True)
