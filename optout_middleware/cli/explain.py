"""`optout explain DIR... URL`, `optout ask DIR... DOMAIN`, `optout diff DIR1 DIR2`: logs read for people.

Rule of this file: it shows what `optout_middleware.audit.explain` and `comparison` find. Exit status: 0 something was
found, 1 nothing was, 2 usage error, 3 the logs are damaged: then what is not told may stand in what is gone.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.comparison import Comparison
from optout_middleware.audit.explain import Manifests, may_stand_for, of_site, of_url, story
from optout_middleware.audit.reading import Damage
from optout_middleware.audit.verify import removals
from optout_middleware.policy import FINDINGS
from optout_middleware.terms import Outcome
from optout_middleware.urls import host_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from optout_middleware.audit.comparison import Change
    from optout_middleware.audit.explain import OfSite

_SHOWN = 50
_NEVER = ": it was neither asked for nor decided about."
_GROUPED = (
    "records of its site of which grouped lines name the first URL only: `optout ask` tells what they say, and the "
    "results of the re-check tell of each record"
)
_LONG = 100  # characters of a quotation
_DAMAGED = 3
_STATUS_DAMAGED = "3 the logs are damaged, so that this may not be all."
_DIRECTORIES = "audit directories: paths or fsspec URLs"


def add_to(commands: Any) -> None:
    """Add the three commands to the parser."""
    explain = commands.add_parser(
        "explain", help="tell the story of one URL", allow_abbrev=False,
        description="Tell in plain words what was decided about a URL, when, why, by what it said, and what was done. "
        f"Exit status: 0 it is in the logs, 1 it is not, 2 usage error, {_STATUS_DAMAGED}",
    )  # fmt: skip
    explain.add_argument("directories", nargs="+", metavar="DIR", help=_DIRECTORIES)
    explain.add_argument("url", metavar="URL", help="as it was asked for, or where redirects led")
    explain.add_argument("--json", action="store_true", help="the lines themselves, one JSON object a line")
    explain.set_defaults(run=_explain)
    ask = commands.add_parser(
        "ask", help="tell what a log says of one site", allow_abbrev=False,
        description="Tell what was decided about a domain with its subdomains, and what it said, from when to when. "
        f"Exit status: 0 it is in the logs, 1 it is not, 2 usage error, {_STATUS_DAMAGED}",
    )  # fmt: skip
    ask.add_argument("directories", nargs="+", metavar="DIR", help=_DIRECTORIES)
    ask.add_argument("domain", metavar="DOMAIN", help="a domain; its subdomains count too")
    ask.add_argument("--json", action="store_true", help="one JSON object")
    ask.set_defaults(run=_ask)
    diff = commands.add_parser(
        "diff", help="tell who reserved and who withdrew between two crawls", allow_abbrev=False,
        description="Compare two audit directories, the earlier one first: which sites reserve in one only. "
        f"Exit status: 0 there is a change, 1 there is none, 2 usage error, {_STATUS_DAMAGED}",
    )  # fmt: skip
    diff.add_argument("earlier", metavar="DIR1", help="audit directory: path or fsspec URL")
    diff.add_argument("later", metavar="DIR2", help="the same, of the later crawl")
    diff.add_argument("--json", action="store_true", help="one JSON object a line, the counts last")
    diff.set_defaults(run=_diff)


def _explain(chosen: argparse.Namespace) -> int:
    manifests, found, damaged = Manifests(chosen.directories), 0, 0
    for item in of_url(chosen.directories, chosen.url):
        if isinstance(item, Damage):
            damaged += 1
        elif chosen.json:
            found += 1
            sys.stdout.write(json.dumps({"id": item.id, "file": item.file, **item.line}, ensure_ascii=False) + "\n")
        else:
            found += 1
            if found == 1:
                print(chosen.url)
            print("\n" + "\n".join(story(item, manifests.of(item.line))))
    if not found and not chosen.json:
        grouped = may_stand_for(chosen.directories, chosen.url)
        text = f"; it may be one of {grouped:,} {_GROUPED}" if grouped else "" if damaged else _NEVER
        print(f"{chosen.url} is in none of these logs{text}")
        print("".join(f"but: {note}\n" for note in removals(chosen.directories)), end="")
    return _status(found, damaged, "there may be more about it than this", shown=not chosen.json)


def _ask(chosen: argparse.Namespace) -> int:
    domain = host_of(chosen.domain) if "://" in chosen.domain else chosen.domain
    found = of_site(chosen.directories, domain)
    if chosen.json:
        sys.stdout.write(json.dumps(_site_values(found), ensure_ascii=False) + "\n")
    else:
        print("\n".join(_site(found)))
        if not found.lines:
            print("".join(f"but: {note}\n" for note in removals(chosen.directories)), end="")
    return _status(found.lines, found.damaged, "there may be more about it than this", shown=not chosen.json)


def _diff(chosen: argparse.Namespace) -> int:
    comparison, found = Comparison([chosen.earlier], [chosen.later]), 0
    try:
        for change in comparison.changes():
            found += 1
            print(json.dumps(change._asdict(), ensure_ascii=False) if chosen.json else _change(change))
    finally:
        comparison.close()
    sites = {"both": comparison.both, "only_earlier": comparison.only_earlier, "only_later": comparison.only_later}
    if chosen.json:
        print(json.dumps({"changes": found, **sites, "damaged": comparison.damaged}))
    else:
        print(
            f"{found:,} changes over {sites['both']:,} sites that both crawls asked; only in the earlier one: "
            f"{sites['only_earlier']:,}, only in the later one: {sites['only_later']:,}"
        )
    text = "a change may be one of the logs, and not of the sites"
    return _status(found, comparison.damaged, text, shown=not chosen.json)


def _status(found: int, damaged: int, doubt: str, *, shown: bool) -> int:
    """Give the exit status; damage is told where the rest is, since it says what the rest is worth."""
    if damaged:
        text = f"{damaged:,} places of the logs are damaged, so {doubt}: optout verify names them"
        print(f"\n{text}" if shown else f"optout: {text}", file=sys.stdout if shown else sys.stderr)
        return _DAMAGED
    return 0 if found else 1


def _word(outcome: str) -> str:
    return "no reservation found" if outcome == Outcome.ALLOW.value else outcome


def _site(found: OfSite) -> Iterator[str]:
    if not found.lines:
        yield f"{found.domain} is in none of these logs" + ("" if found.damaged else ": nothing of it was asked for.")
        return
    yield f"{found.domain}: {found.lines:,} decisions in {len(found.runs):,} crawls"
    for (stage, outcome), lines in sorted(found.outcomes.items()):
        yield f"  {stage}: {_word(outcome)}: {lines:,}"
    yield from (f"  waits for a {waits}: {lines:,}" for waits, lines in sorted(found.waits_for.items()))
    yield f"  hosts: {', '.join(f'{host} ({lines:,})' for host, lines in found.hosts.most_common(10))}"
    told = sorted(found.said.items(), key=lambda row: -row[1].lines)
    yield "What it said:" if told else "It said nothing that a signal reads."
    for said, heard in told[:_SHOWN]:
        text = " ".join(said.text.split())[:_LONG]
        meaning = FINDINGS[said.finding].meaning if said.finding in FINDINGS else said.finding or "says nothing against"
        quoted = f'"{text}"' if text else "nothing was said"
        yield f"  {said.location} {said.signal}: {quoted}"
        yield f"    {meaning} ({_word(said.outcome) if said.outcome else 'noted'}): {heard.lines:,} decisions,"
        yield f"    from {heard.first[:19]} to {heard.last[:19]}, for example {heard.url}"
    left = len(told) - _SHOWN
    if left > 0 or found.more:
        yield f"  and {max(left, 0):,} other things, and {found.more:,} decisions by yet others"


def _site_values(found: OfSite) -> dict[str, Any]:
    return {
        "domain": found.domain,
        "lines": found.lines,
        "outcomes": {f"{stage} {outcome}": lines for (stage, outcome), lines in sorted(found.outcomes.items())},
        "waits_for": dict(found.waits_for),
        "hosts": dict(found.hosts),
        "runs": dict(found.runs),
        "said": [{**said._asdict(), **vars(heard)} for said, heard in found.said.items()],
        "more": found.more,
        "damaged": found.damaged,
    }


def _change(change: Change) -> str:
    text = " ".join(change.text.split())[:_LONG]
    scope = "" if change.is_whole else ", besides what it says in both"
    quoted = f' "{text}"' if text else ""
    return (
        f"{change.origin} {change.what}{scope}: {change.signal or 'no statement'} ({change.finding}){quoted}, "
        f"{change.lines:,} decisions, for example {change.url}"
    )
