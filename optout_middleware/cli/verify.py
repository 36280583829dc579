"""`optout verify DIR...`: is every octet of these audit directories as it was written?

Rule of this file: it shows what `optout_middleware.audit.verify` found. Exit status: 0 intact, 1 not, 2 usage error.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.recovery import seal
from optout_middleware.audit.signing import private_key, public_key
from optout_middleware.audit.verify import verify

if TYPE_CHECKING:
    import argparse


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "verify",
        help="check audit logs against their hashes",
        description="Check that every octet of audit directories is as it was written, and name what is not. "
        "Exit status: 0 intact, 1 not, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="an audit directory: a path, or a URL")
    parser.add_argument("--key", metavar="FILE", help="the public key (PEM) that must have signed every run")
    parser.add_argument(
        "--seal",
        action="store_true",
        help="first seal the runs that were not closed and that nobody writes any more; local directories only",
    )
    parser.add_argument(
        "--sign-with", metavar="FILE", help="with --seal: the private key (PEM) that signs what is sealed"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Verify the directories, print what was found, give the exit status."""
    key = public_key(chosen.key) if chosen.key else ""
    sealed: list[str] = []
    if chosen.seal:
        signing = private_key(chosen.sign_with) if chosen.sign_with else None
        for directory in chosen.directories:
            sealed += seal(Path(directory), now=lambda: datetime.now(timezone.utc), key=signing)
    verdict = verify(chosen.directories, key=key)
    if chosen.json:
        found = [finding._asdict() for finding in verdict.findings]
        counts = {"runs": verdict.runs, "signed": verdict.signed, "lines": verdict.lines}
        shown = {"intact": verdict.is_intact, **counts, "findings": found}
        print(json.dumps({**shown, "notes": [*sealed, *verdict.notes]}, ensure_ascii=False))
    else:
        for note in (*sealed, *verdict.notes):
            print(f"note: {note}")
        for finding in verdict.findings:
            where = f"{finding.file}:{finding.line}" if finding.line else finding.file
            print(f"{finding.kind}: {where}: {finding.text}")
        result = "intact" if verdict.is_intact else f"NOT intact: {len(verdict.findings):,} findings"
        print(f"{result}; {verdict.runs:,} runs, {verdict.signed:,} of them signed, {verdict.lines:,} stored lines")
        if verdict.is_intact and verdict.signed < verdict.runs:
            print("whoever can write to the directory could have rewritten a run that is not signed (OPTOUT_AUDIT_KEY)")
        elif verdict.is_intact and not key:
            print("signatures fit the keys that the runs name themselves; --key FILE holds them against yours")
    return 0 if verdict.is_intact else 1
