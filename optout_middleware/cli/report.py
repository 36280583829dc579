"""`optout report DIR... -o FILE`: what audit logs come to, as one HTML file, or a part of it as JSON.

Rule of this file: it shows what `optout_middleware.audit.report` gives. Exit status: 0 done, 1 something could not be
read, 2 usage error.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.aggregated import parts_of_aggregates
from optout_middleware.audit.report.parts import PARTS, parts
from optout_middleware.audit.report.sections import html
from optout_middleware.cli.output import write
from optout_middleware.register.facts import FactLog
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse

    from optout_middleware.terms import Ruling


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        help="what audit logs come to, as one HTML file",
        description="Write what audit logs come to as one HTML file that needs no network, or print a part of it as "
        "JSON. Exit status: 0 done, 1 something could not be read, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="audit directories: paths, or URLs")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("-o", "--output", metavar="FILE", help="the HTML file; it is written anew")
    how.add_argument("--part", choices=PARTS, help="print the figures of one part as JSON")
    how.add_argument("--json", action="store_true", help="print the figures of all parts as JSON")
    parser.add_argument("--title", default="", metavar="TEXT", help="of the page")
    parser.add_argument(
        "--register", metavar="FILE", help="the register whose rulings answered causes of the queue meanwhile"
    )
    parser.add_argument(
        "--aggregates", action="store_true",
        help="from the daily aggregates of the runs, without reading lines; fewer parts",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Read the logs, write or print, give the exit status."""
    now = datetime.now(timezone.utc)
    if chosen.aggregates:
        made = parts_of_aggregates(chosen.directories)
    else:
        rulings = _rulings(chosen.register, now)
        made = parts(chosen.directories, now=now, rulings=rulings, by_ruling=bool(chosen.register))
    if chosen.part and chosen.part not in made:
        raise OptOutError(
            f"aggregates do not give {chosen.part}: leave out --aggregates, or choose of {', '.join(made)}"
        )
    if chosen.output:
        write(chosen.output, html(made, chosen.directories, now, chosen.title))
        print(f"{chosen.output}: {made['totals']['lines']:,} decisions of {made['runs']['of']:,} runs")
    else:
        print(json.dumps(made[chosen.part] if chosen.part else made, ensure_ascii=False))
    if made["damage"]["of"]:
        print(f"optout: {made['damage']['of']:,} lines or files could not be read", file=sys.stderr)
        return 1
    return 0


def _rulings(register: str | None, now: datetime) -> tuple[Ruling, ...]:
    """Give the rulings that hold; without a register there are none."""
    if not register:
        return ()
    with RegisterStore(register, create=False) as store:
        return FactLog(store).current(now).rulings
