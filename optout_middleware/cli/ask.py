"""`optout register ask`: ask a registry that is a service about a list of URLs, and keep what it reserves.

Rule of this file: what could not be asked is told, counted and kept apart; it is never taken for "not reserved". Exit
status: 0 all were asked, 1 some could not be, 2 usage error.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.cli.facts import part_of
from optout_middleware.cli.output import write
from optout_middleware.register.records import UrlEntry
from optout_middleware.register.services import Spawning, State
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from optout_middleware.register.services import Answer

_SHOWN = 20


def add_to(parts: Any) -> None:
    """Add the part to the command."""
    part = part_of(parts, "ask", "ask the Spawning registry about URLs, and keep what it reserves", run)
    part.add_argument("file", metavar="FILE", help="absolute URLs, one a line; the key stands in $SPAWNING_API_KEY")
    part.add_argument("--unasked", metavar="FILE", help="write the URLs that could not be asked, one a line")
    part.add_argument("--timeout", type=float, default=20.0, help="seconds for each request (default: %(default)g)")
    part.add_argument("--deadline", type=float, default=600.0, help="seconds for all of it (default: %(default)g)")


def run(chosen: argparse.Namespace) -> int:
    """Ask, keep what is reserved, print what came of it."""
    urls = _urls(chosen.file)
    registry = Spawning(timeout=chosen.timeout, deadline=chosen.deadline)
    answers = registry.ask(urls)
    by_state = {state: [answer for answer in answers if answer.state is state] for state in State}
    reserved, unasked = by_state[State.RESERVED], by_state[State.COULD_NOT_ASK]
    _keep(chosen.register, f"{registry.name}: {Path(chosen.file).name}", reserved)
    if chosen.unasked:
        write(chosen.unasked, "".join(f"{answer.url}\n" for answer in unasked))
    if chosen.json:
        counts = {state.value: len(found) for state, found in by_state.items()}
        print(json.dumps({**counts, "unasked": [[answer.url, answer.note] for answer in unasked]}))
    else:
        print(f"{registry.name}: {len(reserved):,} reserved, {len(by_state[State.NOT_LISTED]):,} not listed")
        if unasked:
            print(f"{len(unasked):,} could not be asked: nobody knows whether they are reserved, so ask again")
        for answer in unasked[:_SHOWN]:
            print(f"  {answer.url}: {answer.note}")
    return 1 if unasked else 0


def _urls(path: str) -> list[str]:
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise OptOutError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    urls = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for number, url in enumerate(urls, 1):
        if origin_of(url) is None:
            raise OptOutError(f"{path}: {url[:80]!r}, the {number}. URL, is no absolute http(s) URL")
    if not urls:
        raise OptOutError(f"{path} has no URL in it: write one a line")
    return urls


def _keep(register: str, name: str, reserved: Sequence[Answer]) -> None:
    """Import what is reserved, in place of what the same list came to before."""
    text = "\n".join(answer.url for answer in reserved)
    today = datetime.now(timezone.utc).date()
    digest = hashlib.sha256(f"{today}\n{text}".encode()).hexdigest()
    with RegisterStore(register) as store, store.importing(name, digest, today, "registry") as batch:
        for answer in reserved:
            batch.add(UrlEntry(answer.url, reserved=True))
