"""`optout export DIR... -o FILE.parquet`: audit logs as one Parquet file.

Rule of this file: it calls `optout_middleware.audit.export`. Exit status: 0 done, 1 something could not be read, 2
usage error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.export import export

if TYPE_CHECKING:
    import argparse


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "export",
        help="audit logs as one Parquet file",
        description="Write the decisions of audit logs to one Parquet file. Needs pyarrow (extra: corpus). Exit "
        "status: 0 done, 1 something could not be read, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="audit directories: paths, or URLs")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the file; it is written anew")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the file, give the exit status."""
    made = export(chosen.directories, chosen.output)
    print(f"{chosen.output}: {made.decisions:,} decisions")
    if made.damages:
        print(f"optout: {made.damages:,} lines could not be read: run `optout verify`", file=sys.stderr)
        return 1
    return 0
