"""`optout replay DIR...`: every decision of a log made anew, offline, and compared; or made by another policy.

Rule of this file: it shows what `optout_middleware.audit.replay` finds. Exit status: 0 no difference, 1 a difference,
damage, or evidence that is gone, 2 usage error; by another policy 0, unless something is damaged or gone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from optout_middleware.audit.derivation import WHY
from optout_middleware.audit.replay import Changed, Replay
from optout_middleware.decide import RULES_VERSION
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from optout_middleware.audit.replay import Counts

_SHOWN = 20  # differences in full
_LONG = 300  # characters of a value


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "replay",
        help="decide everything in a log anew and compare",
        description="Derive every decision of audit logs again from archived evidence and what is on record, and list "
        "each difference; what cannot be derived is counted with the reason. Exit status: 0 no difference, 1 a "
        "difference, damage, or evidence that is gone, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="audit directories: paths or fsspec URLs")
    parser.add_argument(
        "--archive", action="append", default=[], metavar="DIR", help="a further directory of archived evidence"
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help="tell what another policy would have done: JSON or YAML with fields of a policy, or a run manifest; what "
        "it leaves out is as it was",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, the counts last")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Replay, print what was found, give the exit status."""
    reader = ArchiveReader([*chosen.directories, *chosen.archive])
    replay = Replay(chosen.directories, reader)
    by_policy = bool(chosen.policy)
    try:
        found: Iterator[Any]
        found = replay.changes(_fields(chosen.policy)) if by_policy else replay.differences()
        if chosen.json:
            for row in found:
                sys.stdout.write(json.dumps(row._asdict(), ensure_ascii=False) + "\n")
            sys.stdout.write(json.dumps(_counted(replay.counts, by_policy=by_policy), ensure_ascii=False) + "\n")
        else:
            for one in islice(found, _SHOWN):
                print(_shown(one))
            if left := sum(1 for _ in found):
                print(f"... and {left:,} more: --json lists them all\n")
            print("\n".join(_summary(replay.counts, by_policy=by_policy)))
    finally:
        reader.close()
    counts = replay.counts
    return 1 if counts.damaged or counts.differing or counts.gone else 0


def _fields(file: str) -> Mapping[str, Any]:
    """Read the fields of a policy."""
    try:
        said = yaml.safe_load(Path(file).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise OptOutError(f"policy {file} cannot be read: {reason}") from None
    if isinstance(said, Mapping) and isinstance(said.get("policy"), Mapping):
        said = said["policy"]
    if not isinstance(said, Mapping):
        raise OptOutError(f"policy {file} is no mapping: write fields like profile: literal")
    return said


def _shown(one: Any) -> str:
    """Show a `Difference` or a `Changed` in a few lines."""
    if isinstance(one, Changed):
        before, after = (
            _settled(*pair) for pair in ((one.before, one.findings_before), (one.after, one.findings_after))
        )
        return f"{one.url}\n  {one.stage} {one.id}: {before} -> {after}"
    said, derived = (json.dumps(value, ensure_ascii=False)[:_LONG] for value in (one.recorded, one.derived))
    return f"{one.url}\n  {one.id}: {one.field} differs\n    recorded: {said}\n    derived:  {derived}"


def _settled(outcome: str, findings: tuple[str, ...]) -> str:
    return f"{_word(outcome)} ({', '.join(findings)})" if findings else _word(outcome)


def _summary(counts: Counts, *, by_policy: bool) -> Iterator[str]:
    cannot = counts.not_derivable.total()
    if by_policy:
        yield f"{counts.lines:,} lines; {counts.outcomes.total():,} decided by the other policy, {cannot:,} cannot be"
        for (before, after), lines in sorted(counts.outcomes.items()):
            yield f"  {_word(before)} -> {_word(after)}: {lines:,}"
        for what, findings in (("would settle more", counts.gained), ("would settle no longer", counts.lost)):
            yield from (f"  {finding} {what}: {lines:,}" for finding, lines in findings.most_common())
        if counts.unseen:
            yield f"  of the changed ones, not fetched, so decided by the files of their sites alone: {counts.unseen:,}"
    else:
        told = f"{counts.same:,} the same, {counts.differing:,} differ, {cannot:,} cannot be derived"
        yield f"{counts.lines:,} lines: {told}"
    yield from (f"  not derived, {why}: {lines:,} ({WHY[why]})" for why, lines in counts.not_derivable.most_common())
    if counts.gone:
        yield f"  NOT shown, since it is damaged or gone: {counts.gone:,} lines; name other archives with --archive DIR"
    for version, lines in counts.other_rules.most_common():
        yield f"  by other rules than {RULES_VERSION} of this version: {version}: {lines:,}"
    if counts.notes:
        yield f"  besides, notes about a run, which decide nothing: {counts.notes:,}"
    if counts.damaged:
        yield f"damaged: {counts.damaged:,}"
        yield from (f"  {text}" for text in counts.damage)


def _word(outcome: str) -> str:
    return "no reservation found" if outcome == Outcome.ALLOW.value else outcome


def _counted(counts: Counts, *, by_policy: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"lines": counts.lines, "rules_version": RULES_VERSION}
    if by_policy:
        shown |= {
            "outcomes": {f"{before} -> {after}": lines for (before, after), lines in sorted(counts.outcomes.items())},
            "gained": dict(counts.gained),
            "lost": dict(counts.lost),
            "unseen": counts.unseen,
        }
    else:
        shown |= {"same": counts.same, "differing": counts.differing}
    return {
        **shown,
        "not_derivable": dict(counts.not_derivable),
        "gone": counts.gone,
        "other_rules": dict(counts.other_rules),
        "notes": counts.notes,
        "damaged": counts.damaged,
        "damage": counts.damage,
    }
