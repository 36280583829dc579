"""Facts that people record beside the register: `optout register licence|dispute|... add|list|end`.

Rule of this file: one form for all kinds: FIELD=VALUE, checked as the importers check an entry. What is recorded stays,
with who recorded it and when; another fact takes its place, or ends it.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers.entries import KINDS as ENTRIES
from optout_middleware.register.importers.entries import entry_of
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

DEFAULT = ".optout/register.sqlite"
RECORDED = ("licence", "dispute", "correction", "exception", "mandate", "ruling")


def part_of(parts: Any, name: str, meaning: str, run: Any) -> argparse.ArgumentParser:
    """Add a part to a command, with the options that all of them have: the register, and JSON."""
    part: argparse.ArgumentParser = parts.add_parser(name, help=meaning, description=meaning, allow_abbrev=False)
    part.add_argument(
        "--register", default=os.environ.get("OPTOUT_REGISTER") or DEFAULT, metavar="FILE",
        help="the register (default: $OPTOUT_REGISTER, else %(default)s)",
    )  # fmt: skip
    part.add_argument("--json", action="store_true", help="JSON instead of text")
    part.set_defaults(run=run)
    return part


def add_to(parts: Any, kind: str) -> None:
    """Add the part that records facts of one kind."""
    known = ENTRIES[kind]
    parser = parts.add_parser(kind, help=f"record, list or end a {kind}", allow_abbrev=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    action = part_of(actions, "add", f"record a {kind}", run_add)
    names = ", ".join(f"{name} (needed)" if name in known.required else name for name in known.fields)
    action.add_argument("values", nargs="+", metavar="FIELD=VALUE", help=f"{names}; lists with commas")
    action.add_argument("--by", required=True, metavar="NAME", help="the person who records it")
    action.add_argument("--replaces", type=int, metavar="N", help="the number of the fact it takes the place of")
    action.set_defaults(kind=kind)
    action = part_of(actions, "list", f"list every {kind} that holds", run_list)
    action.add_argument("--all", action="store_true", help="those that were replaced or ended, too")
    action.set_defaults(kind=kind)
    action = part_of(actions, "end", f"record that a {kind} holds no longer", run_end)
    action.add_argument("number", type=int, metavar="N")
    action.add_argument("--by", required=True, metavar="NAME", help="the person who ends it")
    action.add_argument("--reason", required=True, metavar="TEXT")
    action.set_defaults(kind=kind)


def run_add(chosen: argparse.Namespace) -> int:
    """Record a fact."""
    known = ENTRIES[chosen.kind]
    lists = {item.name for item in fields(known.record) if "tuple" in str(item.type)}
    values: dict[str, Any] = {}
    for text in chosen.values:
        name, value = pair(text)
        values[name] = [part.strip() for part in value.split(",") if part.strip()] if name in lists else value
    for name in ("by", "recorded_by"):
        if name in known.fields:
            values.setdefault(name, chosen.by)
    with RegisterStore(chosen.register) as store:
        fact = FactLog(store).add(chosen.kind, values, by=chosen.by, replaces=chosen.replaces)
    print(json.dumps(fact.to_dict()) if chosen.json else f"{chosen.kind} recorded as fact {fact.id}")
    return 0


def run_list(chosen: argparse.Namespace) -> int:
    """List facts of a kind."""
    with RegisterStore(chosen.register, create=False) as store:
        log = FactLog(store)
        facts = log.all(chosen.kind) if chosen.all else log.live(chosen.kind)
        imported = _imported(store, chosen.kind)
    if chosen.json:
        shown = [{"kind": chosen.kind, "value": entry_of(one), "imported": True} for one in imported]
        print(json.dumps([*(fact.to_dict() for fact in facts), *shown], ensure_ascii=False))
        return 0
    for fact in facts:
        replaced = f" (in place of {fact.replaces})" if fact.replaces else ""
        print(f"{fact.id}{replaced}: {_said(fact.value)}; recorded by {fact.recorded_by}, {fact.recorded_at.date()}")
    for one in imported:
        source = getattr(one, "source", None)
        print(f"imported: {_said(entry_of(one))}" + (f"; {source}" if source else ""))
    where = f"{len(facts):,} recorded in {chosen.register}"
    print(where + (f", {len(imported):,} imported: what these say is changed in their file" if imported else ""))
    return 0


def _imported(store: RegisterStore, kind: str) -> tuple[Any, ...]:
    """Give the records of a kind that came with a file; of mandates, which are many, none."""
    return getattr(store.reading.few(), f"{kind}s", ())  # rulings of a file are recorded, as those of a command


def _said(value: Mapping[str, Any]) -> str:
    texts = (", ".join(map(str, part)) if isinstance(part, list) else str(part) for part in value.values())
    return "; ".join(f"{name}={text}" for name, text in zip(value, texts, strict=True) if text)


def run_end(chosen: argparse.Namespace) -> int:
    """Record that a fact holds no longer."""
    with RegisterStore(chosen.register, create=False) as store:
        log = FactLog(store)
        if (fact := log.get(chosen.number)).kind != chosen.kind:
            raise OptOutError(f"fact {chosen.number} is a {fact.kind}, no {chosen.kind}")
        ended = log.end(chosen.number, by=chosen.by, reason=chosen.reason)
    print(json.dumps(ended.to_dict()) if chosen.json else f"{chosen.kind} {chosen.number} is ended")
    return 0


def pair(text: str) -> tuple[str, str]:
    """Read NAME=VALUE.

    Raises:
        OptOutError: there is no "=" in it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise OptOutError(f"{text!r} is not of the form NAME=VALUE")
    return name.strip(), value.strip()
