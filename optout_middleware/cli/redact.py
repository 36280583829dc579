"""`optout redact DIR...`: remove personal values, or runs whose time is over, so that `verify` stays true.

Rule of this file: it says what it removed; who and why are asked for. Exit status: 0 done, 1 nothing to remove, 2 usage
error.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.redaction import Request, check_signed, expire, redact
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse


# docs/privacy.md: the archive has bytes by their hash, so nothing can be cut out of it.
_ARCHIVED = (
    "  what pages said stays in the archive of evidence, names among it, until its run goes: optout redact --expired; "
    "so do reports, exports and files of the register that were made before"
)


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "redact",
        help="remove personal values or expired runs from audit logs",
        description="Remove personal values from closed runs, or the lines of runs whose time is over; what was "
        "removed is recorded, with who and why. Exit status: 0 done, 1 nothing to remove, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="an audit directory on a local disk")
    parser.add_argument("--field", default="", metavar="NAME", help="the field, as docs/privacy.md lists it: credits")
    parser.add_argument("--match", default="", metavar="TEXT", help="what the value contains, in any case")
    parser.add_argument("--expired", action="store_true", help="remove runs that are older than OPTOUT_AUDIT_RETENTION")
    parser.add_argument("--days", type=int, help="with --expired: how long runs are kept, whatever they were set to")
    parser.add_argument("--by", required=True, metavar="NAME", help="who removes it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why")
    parser.add_argument(
        "--sign-with",
        default=os.environ.get("OPTOUT_AUDIT_KEY", ""),
        metavar="FILE",
        help="the private key (PEM) that signs the record (default: $OPTOUT_AUDIT_KEY)",
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Remove what was asked for, say what that was, give the exit status."""
    if chosen.expired and (chosen.field or chosen.match):
        raise OptOutError("--expired removes whole runs, --field and --match single values: choose one")
    if chosen.days is not None and (not chosen.expired or chosen.days < 0):
        raise OptOutError("--days goes with --expired, and is 0 or more")
    request, done = Request(chosen.by, chosen.reason, chosen.sign_with), 0
    for directory in chosen.directories:
        check_signed(directory, chosen.sign_with)
        if chosen.expired:
            runs = expire(directory, request, days=chosen.days, now=_now)
            done += len(runs)
            print(f"{directory}: {len(runs):,} runs removed" + "".join(f"\n  {name}" for name in runs))
        else:
            count = redact(directory, request, field=chosen.field, match=chosen.match, now=_now)
            done += count
            print(f"{directory}: {count:,} values removed")
            if count:
                print(_ARCHIVED)
    return 0 if done else 1


def _now() -> datetime:
    return datetime.now(timezone.utc)
