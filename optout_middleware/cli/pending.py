"""`optout pending`: what waits for a person, by cause; answers in bulk; what is overdue, and what was released.

Rule of this file: it shows what `optout_middleware.register.queue` made of audit logs. A ruling answers a cause, with
name, reason, scope and end; it lifts no stated reservation. Exit status: 0 done, 1 rows were rejected, 2 usage error.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.cli.facts import pair, part_of
from optout_middleware.cli.notice import lines_of
from optout_middleware.register import queue
from optout_middleware.register.facts import FactLog
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError, Ruling

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_SAMPLES = 3  # of each cause that are printed; CSV and JSON have twenty


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = part_of(commands, "pending", "the queue of what waits for a person, by cause", run)
    parser.add_argument("directories", nargs="*", metavar="DIR", help="audit directories: paths, or URLs")
    parser.add_argument(
        "--waits-for", action="append", choices=["person", "register", "probe"],
        help="what is waited for; may be repeated (default: person)",
    )  # fmt: skip
    parser.add_argument(
        "--owner", action="append", default=[], metavar="WHAT=NAME",
        help="who answers: a finding, site or party, and a name; may be repeated",
    )  # fmt: skip
    parser.add_argument("--csv", metavar="FILE", help="write the causes as CSV, with columns for the answers")
    parser.add_argument("--rulings", metavar="FILE", help="record the answers of such a CSV")
    parser.add_argument(
        "--days", type=int, default=queue.DAYS, help="until an unanswered cause is overdue (%(default)s)"
    )
    parser.add_argument("--expire", metavar="NAME", help="record in this person's name that what is overdue is denied")
    parser.add_argument("--seeds", metavar="FILE", help="write the URLs that rulings released, one a line")


def run(chosen: argparse.Namespace) -> int:
    """Record what is to be recorded, then show the queue."""
    now = datetime.now(timezone.utc)
    if not chosen.directories and not chosen.rulings:
        raise OptOutError("name the audit directories to look at, or --rulings FILE with answers to record")
    rejected = _record(chosen, now) if chosen.rulings else 0
    now = datetime.now(timezone.utc)  # what was recorded just now counts
    rulings = _rulings(chosen.register, now)
    waiting = queue.causes(
        lines_of(chosen.directories), rulings=rulings, at=now, waits_for=tuple(chosen.waits_for or ("person",)),
        owners=dict(pair(text) for text in chosen.owner),
    )  # fmt: skip
    late = queue.overdue(waiting, now=now, days=chosen.days, by=chosen.expire or "optout")
    if chosen.expire and late:
        _add(chosen.register, late, chosen.expire)
        waiting = [cause for cause in waiting if cause.age(now).days < chosen.days]
        late = []
    if chosen.csv:
        queue.write_csv(waiting, chosen.csv, now)
    if chosen.seeds:
        _write_seeds(chosen, _rulings(chosen.register, now), now)
    overdue = {(ruling.finding, ruling.scope, ruling.party) for ruling in late}
    if chosen.json:
        print(json.dumps([
            {**cause.to_dict(now), "overdue": (cause.finding, cause.site, cause.party) in overdue} for cause in waiting
        ]))  # fmt: skip
    else:
        _show(waiting, overdue, now)
    return 1 if rejected else 0


def _show(waiting: Sequence[queue.Cause], overdue: set[tuple[str, str, str]], now: datetime) -> None:
    for cause in waiting:
        late = "; OVERDUE: counts as denied" if (cause.finding, cause.site, cause.party) in overdue else ""
        owner = f", for {cause.owner}" if cause.owner else ""
        rule = f" ({cause.rule})" if cause.rule else ""
        print(f"{cause.count:,} x {cause.finding}{rule}: {cause.subject}, {cause.age(now).days} days{owner}{late}")
        for sample in cause.samples[:_SAMPLES]:
            print(f"    {sample}")
    count = sum(cause.count for cause in waiting)  # an item that waits for two causes is counted under both
    print(f"{len(waiting):,} causes to answer, for which items wait {count:,} times")


def _record(chosen: argparse.Namespace, now: datetime) -> int:
    """Record the answers of a CSV; give how many rows could not be read."""
    answers, rejected = [], 0
    for row in queue.read_rulings_csv(chosen.rulings, now):
        if isinstance(row, Ruling):
            answers.append(row)
        else:
            rejected += 1
            print(f"{chosen.rulings}, line {row.line}: {row.reason}")
    for ruling in answers:
        _add(chosen.register, [ruling], ruling.by)
    print(f"{len(answers):,} rulings recorded, {rejected:,} rows rejected")
    return rejected


def _add(register: str, rulings: Sequence[Ruling], by: str) -> None:
    with RegisterStore(register) as store:
        log = FactLog(store)
        for ruling in rulings:
            log.add("ruling", ruling, by=by)


def _rulings(register: str, now: datetime) -> tuple[Ruling, ...]:
    """Give the rulings that hold; without a register there are none."""
    if not Path(register).is_file():
        return ()
    with RegisterStore(register, create=False) as store:
        return FactLog(store).current(now).rulings


def _write_seeds(chosen: argparse.Namespace, rulings: Sequence[Ruling], now: datetime) -> None:
    count = 0
    try:
        with Path(chosen.seeds).open("w", encoding="utf-8") as stream:
            for url in queue.released(lines_of(chosen.directories), rulings, now):
                stream.write(f"{url}\n")
                count += 1
    except OSError as error:
        raise OptOutError(f"cannot write {chosen.seeds}: {error.strerror or error}") from None
    print(f"{count:,} released URLs written to {chosen.seeds}")
