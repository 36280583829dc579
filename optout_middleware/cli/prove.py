"""`optout prove DIR... ID`: a proof that one line stands in a closed log; `optout prove --check FILE` checks one.

Rule of this file: it writes and reads what `optout_middleware.audit.proof` makes. Exit status: 0 proven, 1 not, 2 usage
error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.proof import check, prove, read
from optout_middleware.audit.signing import public_key
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "prove",
        help="prove that a line stands in a log",
        description="Write the inclusion proof of lines of closed logs, one JSON object a line, or check such proofs. "
        "Exit status: 0 proven, 1 not, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "names", nargs="*", metavar="DIR... ID", help="audit directories, then ids of lines as RUN-WRITER:SEQ"
    )
    parser.add_argument("--check", metavar="FILE", help="check the proofs in a file instead; needs no audit directory")
    parser.add_argument(
        "--key", metavar="FILE", help="with --check: the public key (PEM) that must have signed the run"
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the proofs, or check those of a file; give the exit status."""
    if chosen.check:
        if chosen.names:
            raise OptOutError("--check takes one file of proofs, and no directory")
        return _check(chosen.check, public_key(chosen.key) if chosen.key else "")
    ids = [name for name in chosen.names if _is_id(name)]
    directories = [name for name in chosen.names if not _is_id(name)]
    if not (ids and directories):
        raise OptOutError("name a directory and the id of a line: optout prove DIR RUN-WRITER:SEQ")
    for line_id in ids:
        sys.stdout.write(json.dumps(prove(directories, line_id), ensure_ascii=False) + "\n")
    return 0


def _is_id(name: str) -> bool:
    log, colon, number = name.rpartition(":")
    return bool(colon) and number.isdecimal() and not set(log) & set("/\\:")


def _check(file: str, key: str) -> int:
    try:
        proofs = [json.loads(row) for row in Path(file).read_bytes().splitlines() if row.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise OptOutError(f"{file} holds no proofs, one JSON object a line: {error}") from None
    if not proofs:
        raise OptOutError(f"{file} holds no proof")
    failed = 0
    for proof in proofs:
        faults = check(proof, key=key)
        failed += bool(faults)
        if faults:
            name = proof.get("id") if isinstance(proof, dict) else None
            print(f"NOT proven: {name}: {'; '.join(faults)}")
        else:
            line = read(proof)
            print(
                f"proven: {proof['id']}: {line.get('stage')} {line.get('url', '')} {line.get('outcome', '')}".rstrip()
            )
    return 1 if failed else 0
