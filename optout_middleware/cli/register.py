"""`optout register`: import into the register, ask it, and record licences, disputes, corrections and the like.

Rule of this file: it shows what `optout_middleware.register` found, and names the sources. Exit status: 0 done, 1 some
lines of a file were rejected, 2 usage error.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.cli import ask, facts
from optout_middleware.cli.facts import DEFAULT, pair, part_of
from optout_middleware.policy import Policy
from optout_middleware.register import credits as credits_of
from optout_middleware.register.facts import FactLog
from optout_middleware.register.identifiers import find as identifiers_in
from optout_middleware.register.importers import KINDS, import_file
from optout_middleware.register.item_fields import CREDIT_NAMES, of_item
from optout_middleware.register.lookup import Lookup
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import Asset, AssetClass, Credits, Facts, UseContext
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError, Usage

if TYPE_CHECKING:
    import argparse

    from optout_middleware.register.importers import FileReport

_DROPPED = "  {:,} groups of alike works are too large to compare; each can hide a match"
# The kinds of records in the words of docs/register.md.
_WORDS = {
    "Party": "parties", "Work": "works", "Interest": "interests", "Mandate": "mandates", "Repertoire": "repertoires",
    "Declaration": "declarations", "RightException": "exceptions", "Licence": "licences", "Dispute": "disputes",
    "Correction": "corrections", "UrlEntry": "domains and URLs", "LyricsFingerprint": "fingerprints of lyrics",
}  # fmt: skip
_SHOWN = 20  # rejected lines that are printed; --json has up to 1,000


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "register",
        help="rights that no website states: import, ask, record",
        description="The register of parties, works, mandates, declarations and licences, in one SQLite file.",
        allow_abbrev=False,
    )
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True)
    part = part_of(parts, "import", "import files, each all of it or nothing", run_import)
    part.add_argument("files", nargs="+", metavar="FILE", help="CWR, CSV, Parquet, YAML, or a list of artists")
    part.add_argument("--kind", choices=KINDS, help="of the files, where name and content do not tell")
    part.add_argument("--name", help="of the source, whose older import this one supersedes (default: the file's name)")
    part.add_argument("--as-of", type=_day, metavar="DAY", help="the day that the files hold as of")
    part.add_argument(
        "--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column is which field; =VALUE for all"
    )
    part_of(parts, "status", "tell what the register holds", run_status)
    part = part_of(parts, "find", "find works and parties", run_find)
    part.add_argument("text", help="a title, a name, or an identifier")
    part.add_argument("--writer", action="append", default=[], metavar="NAME", help="of the work; may be repeated")
    part = part_of(parts, "explain", "judge one item as a crawl would, and show why", run_explain)
    part.add_argument("item", metavar="ITEM.json", help=f"an object with {', '.join(CREDIT_NAMES)}, url")
    part.add_argument("--operator", default="", help="who would use it, as licences name the licensee")
    part.add_argument("--usage", default="train-ai", choices=[usage.value for usage in Usage])
    part.add_argument("--territory", default="EU", help="where: an ISO 3166 code, or EU (default: %(default)s)")
    part.add_argument("--profile", default="precautionary", choices=["precautionary", "literal"])
    part.add_argument("--model", default="", help="the model it is for, as licences name it")
    part.add_argument("--on", type=_day, metavar="DAY", help="the day of the act (default: today)")
    ask.add_to(parts)
    for kind in facts.RECORDED:
        facts.add_to(parts, kind)


def run_import(chosen: argparse.Namespace) -> int:
    """Import the files, print what came of each."""
    mapping = dict(pair(text) for text in chosen.map)
    status = 0
    with RegisterStore(chosen.register) as store:
        for file in chosen.files:
            if not Path(file).is_file():
                raise OptOutError(f"{file} is no file: name one that can be read")
            report = import_file(
                store, file, name=chosen.name, kind=chosen.kind, mapping=mapping or None, as_of=chosen.as_of
            )
            log = FactLog(store)
            for ruling in report.rulings:
                log.add("ruling", ruling, by=ruling.by)
            status = max(status, 1 if report.rejected else 0)
            print(_report_json(file, report) if chosen.json else _report_text(file, report))
    return status


def _report_json(file: str, report: FileReport) -> str:
    shown = {"file": file, "kind": report.kind, **report.stored.to_dict(), "rejected": report.rejected}
    samples = [asdict(sample) for sample in report.samples]
    return json.dumps({**shown, "noted": report.noted, "samples": samples, "rulings": len(report.rulings)})


def _report_text(file: str, report: FileReport) -> str:
    stored = report.stored
    if not stored.changed:
        return f"{file}: imported already, nothing changed (SHA-256 {stored.sha256[:12]})"
    lines = [f"{file}: {report.kind}, SHA-256 {stored.sha256[:12]}"]
    if stored.superseded:
        lines.append(f"  takes the place of the import {stored.superseded[:12]}")
    able = stored.matchable or {}
    for kind, count in (stored.rows or {}).items():
        lines.append(
            f"  {_WORDS.get(kind, kind)}: {count:,}" + (f", of which {able[kind]:,} can match" if kind in able else "")
        )
    lines += [f"  cannot match: {count:,}: {why}" for why, count in (stored.unmatchable or {}).items()]
    if stored.dropped_blocks:
        lines.append(
            f"  {stored.dropped_blocks:,} groups of alike works are too large to compare; each can hide a match"
        )
    if report.rulings:
        lines.append(f"  rulings: {len(report.rulings):,}")
    lines.append(f"  rejected lines: {report.rejected:,}; lines read in part: {report.noted:,}")
    lines += [f"    line {sample.line}: {sample.reason}" for sample in report.samples[:_SHOWN]]
    if len(report.samples) > _SHOWN:
        lines.append("    ... more with --json")
    return "\n".join(lines)


def run_status(chosen: argparse.Namespace) -> int:
    """Print what the register holds."""
    with RegisterStore(chosen.register, create=False) as store:
        status = store.status()
        recorded = Counter(fact.kind for fact in FactLog(store).live())
    if chosen.json:
        imports = [{**row._asdict(), "as_of": str(row.as_of) if row.as_of else None} for row in status.imports]
        shown = {"register": chosen.register, "schema": status.schema, "snapshot": status.snapshot, "size": status.size}
        print(json.dumps({**shown, "imports": imports, "rows": dict(status.rows), "facts": dict(recorded)}))
        return 0
    print(f"{chosen.register}: {status.snapshot}, {status.size / 1e6:,.1f} MB")
    for row in status.imports:
        as_of = f", as of {row.as_of}" if row.as_of else ""
        print(f"  {row.name}: {row.kind}{as_of}, imported {row.imported_at}, SHA-256 {row.sha256[:12]}")
    print("  in all of them, where what two files name counts twice:")
    for kind, count in status.rows.items():
        print(f"    {_WORDS.get(kind, kind)}: {count:,}")
    if recorded:
        print("  recorded beside them:")
    for kind, count in recorded.items():
        print(f"    {kind}: {count:,}")
    if status.dropped_blocks:
        print(_DROPPED.format(status.dropped_blocks))
    return 0


def run_find(chosen: argparse.Namespace) -> int:
    """Print the works and parties that a text matches, weak ones too."""
    found = identifiers_in(chosen.text)
    stated = Credits(
        identifiers=tuple(one for one in found if one.scheme not in ("ipi", "isni")),
        party_identifiers=tuple(one for one in found if one.scheme in ("ipi", "isni")),
        titles=() if found else (chosen.text,),
        writers=tuple(chosen.writer),
        holders=() if found or chosen.writer else (chosen.text,),
        asset_class=AssetClass.LYRICS,
    )
    with RegisterStore(chosen.register, create=False) as store:
        (matched,) = Matcher(store).facts([Asset("", stated)])
    if matched.damage:
        raise OptOutError(matched.damage)
    rows = [_found(matched, place) for place in range(len(matched.matches))]
    if chosen.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['band']} ({row['method']}, {row['score']}): {row['name']} [{row['id']}]\n  {row['explanation']}")
        for line in row["interests"]:
            print(f"  {line}")
    print(f"{len(rows):,} found" if rows else f"nothing in {chosen.register} matches {chosen.text!r}")
    return 0


def _found(known: Facts, place: int) -> dict[str, Any]:
    """Give one match with what it is, who holds it, and where that was read."""
    match = known.matches[place]
    works = {work.id: work for work in known.works}
    parties = {party.id: party for party in known.parties}
    work, party = works.get(match.work or ""), parties.get(match.party or "")
    names = work.titles if work else party.names if party else ()
    source = work.source if work else party.source if party else None
    held = [
        f"{parties[one.party].names[0] if one.party in parties and parties[one.party].names else one.party}: "
        f"{one.layer}, {one.role or 'no role'}, society {one.society or 'unknown'}, "
        f"{'controlled' if one.controlled else 'reported'} ({one.source or 'no source'})"
        for one in known.interests
        if work is not None and one.target == work.id
    ]
    return {
        "id": match.work or match.party, "name": names[0] if names else "", "interests": held,
        "source": str(source) if source else None, **match.to_dict(),
    }  # fmt: skip


def run_explain(chosen: argparse.Namespace) -> int:
    """Judge the item, print outcome, rules and the chain of facts."""
    item = _item(chosen.item)
    url = item.get("url")
    stated = of_item(item, {name: name for name in CREDIT_NAMES})
    policy = Policy("Explain", usage=chosen.usage, profile=chosen.profile, territory=(chosen.territory,))
    at = datetime.combine(chosen.on, datetime.min.time(), timezone.utc) if chosen.on else datetime.now(timezone.utc)
    context = UseContext(chosen.operator, policy.usage, at.date(), profile=policy.profile.value, model=chosen.model)
    path = chosen.register if chosen.register != DEFAULT or Path(chosen.register).exists() else ""
    lookup = Lookup(path, context, policy.territory, now=lambda: at)
    try:
        (judged,) = lookup.judge([Asset(url if isinstance(url, str) else "", stated)], at)
    finally:
        lookup.close()
    if chosen.json:
        shown = {
            "outcome": judged.outcome.value, "conditions": list(judged.conditions), "rules": list(judged.rules),
            "claims": [claim.to_dict() for claim in judged.claims], "chain": list(judged.chain),
            "licences": [licence.to_dict() for licence in judged.licences],
            "matches": [match.to_dict() for match in judged.matches],
            "credits": credits_of.to_dict(stated), "snapshot": lookup.snapshot,
        }  # fmt: skip
        print(json.dumps(shown, ensure_ascii=False))
        return 0
    unruled = "nothing that is reserved concerns it" if judged.matches else "the register knows nothing of it"
    print(f"{judged.outcome}, by {judged.rules[0] if judged.rules else f'no rule: {unruled}'}")
    for name, texts in (
        ("condition", judged.conditions),
        ("claim", [f"{claim.finding} of {claim.party} ({claim.rule}): {claim.text}" for claim in judged.claims]),
        ("match", [f"{match.band}: {match.explanation}" for match in judged.matches]),
        ("because", judged.chain),
    ):
        for text in texts:
            print(f"  {name}: {text}")
    print(f"  register: {lookup.snapshot}")
    return 0


def _item(path: str) -> Mapping[str, Any]:
    try:
        item = json.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise OptOutError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise OptOutError(f"{path} is no JSON: {error}") from None
    if not isinstance(item, Mapping):
        raise OptOutError(f"{path} holds no JSON object: write the item's credits as names and values")
    if unknown := [name for name in item if name not in (*CREDIT_NAMES, "url")]:
        raise OptOutError(f"{path}: {unknown[0]!r} is no credit: use {', '.join(CREDIT_NAMES)}, url")
    return item


def _day(text: str) -> date:
    return date.fromisoformat(text)
