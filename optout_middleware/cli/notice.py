"""`optout notice` and `optout reserve`: take in letters, count what they hit, answer and close them.

Rule of this file: it shows what `optout_middleware.register.notices` found. A letter restricts from the moment in which
it is recorded, as the mandate that its sender asserts. Exit status: 0 done, 2 usage error.
"""

from __future__ import annotations

import json
import tempfile
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.reading import Record, records
from optout_middleware.cli import notice_report
from optout_middleware.cli.facts import part_of
from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers.letters import Letter, notice_entry, read_letter
from optout_middleware.register.notices import Notices, Preview, preview
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

    from optout_middleware.register.notice import Notice

_ALL_OF_IT = "everything on {}, for {}, recorded on the operator's own ground: {}"


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser(
        "notice",
        help="letters and complaints: take in, count, answer, close",
        description="Letters and complaints. Each restricts at once, and is kept by the hash of its document.",
        allow_abbrev=False,
    )
    parts = parser.add_subparsers(title="parts", metavar="PART", required=True)
    part = part_of(parts, "add", "take in a letter; it restricts at once", run_add)
    part.add_argument("file", metavar="FILE", help="the document: text, YAML or CSV is read, anything is kept")
    part.add_argument("--from", dest="sender", required=True, metavar="WHO", help="who wrote")
    part.add_argument("--received", required=True, type=date.fromisoformat, metavar="DAY", help="when it came")
    part.add_argument("--by", required=True, metavar="NAME", help="the person who records it")
    part.add_argument("--authority", default="", metavar="TEXT", help="on what ground the sender speaks")
    part.add_argument("--due", type=date.fromisoformat, metavar="DAY", help="by when it is to be answered")
    for what, meaning in (
        ("party", "a name, or an id of the register, of whom all works are meant"),
        ("work", "a title, an identifier, or an id of the register"),
        ("domain", "a site"),
        ("url", "an absolute URL, or a prefix of URLs"),
    ):
        part.add_argument(f"--{what}", action="append", default=[], metavar=what.upper(), help=meaning)
    part = part_of(parts, "preview", "count what a letter, or a notice, hits in audit logs", run_preview)
    part.add_argument("notice", metavar="FILE|ID", help="a document, or the id of a notice")
    part.add_argument("directories", nargs="+", metavar="DIR", help="audit directories: paths, or URLs")
    part = part_of(parts, "list", "list the notices, and what is overdue", run_list)
    part.add_argument("--all", action="store_true", help="closed ones too")
    notice_report.add_to(parts)
    part = part_of(parts, "answer", "record what was answered; the notice restricts as before", run_answer)
    part.add_argument("notice", metavar="ID")
    part.add_argument("--text", required=True, help="what was answered")
    part.add_argument("--by", required=True, metavar="NAME")
    part.add_argument("--on", type=date.fromisoformat, metavar="DAY", help="the day of the answer (default: today)")
    part = part_of(parts, "close", "close a notice", run_close)
    part.add_argument("notice", metavar="ID")
    part.add_argument("--reason", required=True, metavar="TEXT")
    part.add_argument("--by", required=True, metavar="NAME")
    how = part.add_mutually_exclusive_group(required=True)
    how.add_argument("--upheld", action="store_true", help="it goes on to restrict")
    how.add_argument("--not-upheld", action="store_true", help="it ceases to; a running crawl does not take that up")
    part = part_of(commands, "reserve", "reserve a domain at once, in one line", run_reserve)
    part.add_argument("domain", metavar="DOMAIN")
    part.add_argument("--by", required=True, metavar="NAME", help="the person who records it")
    part.add_argument("--reason", required=True, metavar="TEXT", help="why; kept as the document of the notice")


def run_add(chosen: argparse.Namespace) -> int:
    """Take in a letter."""
    with RegisterStore(chosen.register) as store:
        added = Notices(FactLog(store)).add(
            chosen.file, chosen.sender, chosen.received, by=chosen.by, authority=chosen.authority, due=chosen.due,
            parties=chosen.party, works=chosen.work, domains=chosen.domain, urls=chosen.url,
        )  # fmt: skip
    notice, letter = added.notice, added.letter
    if chosen.json:
        unread = [{"line": one.line, "reason": one.reason} for one in letter.unread]
        print(json.dumps({**notice_entry(notice), "is_new": added.is_new, "unread": unread, "weak": list(letter.weak)}))
        return 0
    print(f"notice {notice.id}: {'recorded, and in force' if added.is_new else 'known already, nothing changed'}")
    print(f"  names {_named(notice)}")
    for one in letter.unread:
        print(f"  not read, line {one.line}: {one.reason}")
    for text in letter.weak:
        print(f"  hardly ever matches: {text}")
    return 0


def _named(notice: Notice | Letter) -> str:
    parts = {
        "parties": len(notice.parties), "works": len(notice.works), "domains": len(notice.domains),
        "URLs": len(notice.urls),
    }  # fmt: skip
    return ", ".join(f"{count:,} {name}" for name, count in parts.items())


def run_preview(chosen: argparse.Namespace) -> int:
    """Count what a letter or notice hits."""
    named = _letter_or_notice(chosen)
    found: Preview = preview(named, lines_of(chosen.directories))
    if chosen.json:
        print(json.dumps(found.to_dict()))
        return 0
    print(f"names {_named(named)}; hits {found.hit:,} of {found.lines:,} lines")
    for name in ("domains", "urls", "works", "parties"):
        for target, count in getattr(found, name).items():
            print(f"  {name[:-1] if name != 'parties' else 'party'} {target}: {count:,}")
    return 0


def _letter_or_notice(chosen: argparse.Namespace) -> Notice | Letter:
    if Path(chosen.notice).is_file():
        return read_letter(chosen.notice)
    with RegisterStore(chosen.register, create=False) as store:
        return Notices(FactLog(store)).get(chosen.notice)


def lines_of(directories: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Give the lines of audit directories.

    Raises:
        OptOutError: a part of them cannot be read, so that a count would tell too little.
    """
    for record in records(directories):
        if not isinstance(record, Record):
            raise OptOutError(f"{record.file}: {record.text}: run `optout verify` on the directory first")
        yield record.line


def run_list(chosen: argparse.Namespace) -> int:
    """List the notices."""
    with RegisterStore(chosen.register, create=False) as store:
        notices = Notices(FactLog(store))
        listed = [notice for notice in notices.all() if chosen.all or notice.status != "closed"]
        overdue = {notice.id for notice in notices.overdue()}
    if chosen.json:
        print(json.dumps([{**notice_entry(notice), "overdue": notice.id in overdue} for notice in listed]))
        return 0
    for notice in listed:
        due = f", due {notice.due}{' (OVERDUE)' if notice.id in overdue else ''}" if notice.due else ""
        print(f"{notice.id}: {notice.sender}, received {notice.received}, {notice.status}{due}; {_named(notice)}")
    print(f"{len(listed):,} notices")
    return 0


def run_answer(chosen: argparse.Namespace) -> int:
    """Record an answer."""
    with RegisterStore(chosen.register, create=False) as store:
        notice = Notices(FactLog(store)).answer(chosen.notice, chosen.text, by=chosen.by, on=chosen.on)
    print(json.dumps(notice_entry(notice)) if chosen.json else f"notice {notice.id}: answered on {notice.answered}")
    return 0


def run_close(chosen: argparse.Namespace) -> int:
    """Close a notice."""
    with RegisterStore(chosen.register, create=False) as store:
        notice = Notices(FactLog(store)).close(chosen.notice, chosen.reason, by=chosen.by, upheld=chosen.upheld)
    effect = "goes on to restrict" if notice.upheld else "restricts no more, from the next crawl on"
    print(json.dumps(notice_entry(notice)) if chosen.json else f"notice {notice.id}: closed; it {effect}")
    return 0


def run_reserve(chosen: argparse.Namespace) -> int:
    """Reserve a domain, with the reason as the document."""
    today = datetime.now(timezone.utc).date()
    text = _ALL_OF_IT.format(chosen.domain, chosen.by, chosen.reason)
    with tempfile.TemporaryDirectory() as directory, RegisterStore(chosen.register) as store:
        document = Path(directory) / "reserved.txt"
        document.write_text(text + "\n", "utf-8")
        added = Notices(FactLog(store)).add(
            document, chosen.by, today, by=chosen.by, authority=chosen.reason, domains=(chosen.domain,)
        )
    notice = added.notice
    said = f"{chosen.domain} is reserved, by notice {notice.id}" + ("" if added.is_new else " (known already)")
    print(json.dumps({**notice_entry(notice), "is_new": added.is_new}) if chosen.json else said)
    return 0
