"""`optout notice report ID DIR...`: what became of one letter, for whoever sent it.

Rule of this file: it shows what `optout_middleware.audit.notice_report` gives. Exit status: 0 done, 1 something of the
logs could not be read, so that the report must not be sent, 2 usage error.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.notice_page import LANGUAGES, html
from optout_middleware.audit.notice_report import notice_report
from optout_middleware.cli.facts import part_of
from optout_middleware.cli.output import write
from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers.letters import Letter, read_letter
from optout_middleware.register.notices import Notices
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    import argparse

    from optout_middleware.register.notice import Notice


def add_to(parts: Any) -> None:
    """Add the part to `optout notice`."""
    what = "write what became of a letter, for whoever sent it (exit status 1: the logs are damaged)"
    part = part_of(parts, "report", what, run)
    part.add_argument("notice", metavar="ID")
    part.add_argument("directories", nargs="+", metavar="DIR", help="audit directories: paths, or URLs")
    part.add_argument("--lang", choices=LANGUAGES, default="en", help="of the page (default: %(default)s)")
    part.add_argument("-o", "--output", metavar="FILE", help="the HTML file (default: standard output)")


def run(chosen: argparse.Namespace) -> int:
    """Read register and logs, then write the report."""
    now = datetime.now(timezone.utc)
    with RegisterStore(chosen.register, create=False) as store:
        log = FactLog(store)
        notice = Notices(log).get(chosen.notice)
        entered, letter = _entered(log, notice), _letter(log, notice)
    report = notice_report(notice, letter, entered, chosen.directories, made=now)
    text = json.dumps(report, ensure_ascii=False) + "\n" if chosen.json else html(report, chosen.lang)
    if not chosen.output:
        print(text, end="")
        return _status(report["damaged"])
    write(chosen.output, text)
    counted = ", ".join(f"{count:,} {kind}" for kind, count in report["counts"].items() if count) or "nothing met"
    print(f"{chosen.output}: notice {notice.id}: {counted}")
    return _status(report["damaged"])


def _status(damaged: int) -> int:
    if damaged:
        text = "do not send this report, since what is gone may have been about the letter: run `optout verify`"
        print(f"optout: {damaged:,} lines or files of the logs are damaged or gone; {text}", file=sys.stderr)
    return 1 if damaged else 0


def _entered(log: FactLog, notice: Notice) -> datetime:
    """Give when the notice was recorded first."""
    return next(fact.recorded_at for fact in log.all("notice") if fact.value.get("id") == notice.id)


def _letter(log: FactLog, notice: Notice) -> Letter:
    """Read the document again, for the rows that could not be read; one that is not kept has none that are known."""
    try:
        octets = log.document(notice.sha256)
    except OptOutError as error:
        return Letter(weak=(str(error),))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / (Path(notice.document).name or "document")
        path.write_bytes(octets)
        return read_letter(path)
