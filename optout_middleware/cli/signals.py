"""`optout signals`: what is read, in which version, where it may stand, and where its specification is.

Rule of this file: the table of signals shown, nothing decided.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.signals import SIGNALS

if TYPE_CHECKING:
    import argparse

ROBOTS_TXT = "robots.txt"
# Where signals stand besides the files that they keep; files of a site come from the signals themselves.
PLACES = {
    "tdmrep": ("header", "meta", "EPUB", "PDF"),
    "robots-tag": ("header", "meta"),
    "content-usage": (ROBOTS_TXT, "header"),
    "content-signal": (ROBOTS_TXT, "header"),
    "product-tokens": (ROBOTS_TXT,),
    "rsl": (ROBOTS_TXT, "header", "HTML", "feed"),
    "disallow-ai-training": (ROBOTS_TXT,),
    "natural-language": (f"{ROBOTS_TXT} (comments)", "page text"),
}


class Row(NamedTuple):
    """One signal as it is shown."""

    signal: str
    version: str
    locations: tuple[str, ...]
    source: str


def rows() -> list[Row]:
    """Give one row for each signal that is read, robots.txt for our own product token first."""
    own = Row(ROBOTS_TXT, "RFC 9309, September 2022", (ROBOTS_TXT,), "https://www.rfc-editor.org/rfc/rfc9309")
    return [
        own,
        *(
            Row(signal.name, signal.version, (*signal.keep, *PLACES.get(signal.name, ())), signal.origin)
            for signal in SIGNALS
        ),
    ]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "signals",
        help="list the signals that are read",
        description="List each signal that is read: version, locations, and where its specification is.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one line a signal")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print the signals, give the exit status."""
    found = rows()
    if chosen.json:
        for row in found:
            print(json.dumps(row._asdict(), ensure_ascii=False))
        return 0
    shown = [("signal", "version", "locations", "source")]
    shown += [(row.signal, row.version, ", ".join(row.locations), row.source) for row in found]
    widths = [max(len(line[column]) for line in shown) for column in range(3)]
    for line in shown:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]))
    return 0
