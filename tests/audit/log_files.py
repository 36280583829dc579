"""Logs that tests write: lines as a crawl has them, directories with closed runs, and what is valid in them."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import optout_middleware.audit
from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.audit.reading import Damage, Record, records
from optout_middleware.decide import Site
from optout_middleware.policy import Override, Policy
from optout_middleware.settings import SECRET_PARAMS
from optout_middleware.terms import Evidence, Licence, Outcome, Usage

AT = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=timezone.utc)
OVERRIDE = Override(Outcome.ALLOW, "Ada Person", "as agreed")
POLICY = Policy("ExampleCorpusBot", findings={"training-consensus": OVERRIDE})
MASK = Mask(SECRET_PARAMS)
FIRST, SECOND, THIRD = (f"20261124T12000{number}Z-00000{number}" for number in (1, 2, 3))
LICENCE = Licence(
    "News House", ("paid.example",), (Usage.TRAIN_AI,), AT, AT + timedelta(days=9), "contract 7", "Bob Clerk"
)
ROBOTS = {
    "news.example": b"User-agent: *\nAllow: /\n",
    "blog.example": b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n",
    "paid.example": b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n",
    "shop.example": b"User-agent: GPTBot\nDisallow: /\n\nUser-agent: CCBot\nDisallow: /\n",
}
_SCHEMAS = Path(optout_middleware.audit.__file__).parent / "schema"


def started(directory: Path, run: str = FIRST, **changes: Any) -> AuditLog:
    """Start a log in a directory."""
    values: dict[str, Any] = {
        "writer": "spider",
        "operator": "Example Labs",
        "policy": POLICY,
        "settings": {"OPTOUT_ACTION": "drop"},
        "now": lambda: AT,
    }
    return AuditLog(directory, run=run, **{**values, **changes})


@cache
def site(host: str) -> Site:
    """Read the files of one of the sites."""
    files = [
        Evidence(f"http://{host}/robots.txt", 200, (), ROBOTS[host], AT),
        Evidence(f"http://{host}/.well-known/tdmrep.json", 404, (), b"", AT),
    ]
    return Site.read(files, POLICY)


def made(host: str, number: int, **changes: Any) -> dict[str, Any]:
    """Make the line of one page of a site."""
    url = f"http://{host}/{number}"
    page = Evidence(url, 200, (("content-type", "text/html"),), b"%d" % number, AT)
    licences = (LICENCE,) if host == "paid.example" else ()
    decision = site(host).decide(url, asset=page, licences=licences, at=AT)
    action = "keep" if decision.outcome.value == "allow" else "drop"
    return {
        **line("response", decision, final_url=url, size=512, action=action, dry_run=False, mask=MASK),
        **changes,
    }


def lines(count: int = 3) -> list[dict[str, Any]]:
    """Make so many lines of each site."""
    return [made(host, number) for number in range(count) for host in ROBOTS]


def written(directory: Path, run: str = FIRST, count: int = 3, **changes: Any) -> AuditLog:
    """Write a closed run with a list beside it."""
    log = started(directory, run, **changes)
    for each in lines(count):
        log.write(each)
    (directory / f"{run}-pending.txt").write_text("http://down.example/\n")
    log.cover(f"{run}-pending.txt")
    log.close({"finish_reason": "finished"})
    return log


def read(directory: Path) -> list[dict[str, Any]]:
    """Read all lines of a directory in full; nothing may be damaged."""
    found = list(records([str(directory)]))
    assert not [row for row in found if isinstance(row, Damage)]
    return [row.line for row in found if isinstance(row, Record)]


def stored(directory: Path, run: str = FIRST, writer: str = "spider", number: int = 1) -> list[bytes]:
    """Give the stored lines of a segment, open or closed."""
    path = directory / f"{run}-{writer}-{number:06d}.jsonl"
    packed = path.with_name(f"{path.name}.gz")
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return data.splitlines(keepends=True)


def manifest(directory: Path, run: str = FIRST) -> dict[str, Any]:
    """Read a manifest as it is stored."""
    said: dict[str, Any] = json.loads((directory / f"run-{run}.json").read_bytes())
    return said


@cache
def validator(name: str) -> Draft202012Validator:
    """Give the validator of a schema of the package."""
    schema = json.loads((_SCHEMAS / f"{name}.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def assert_valid(directory: Path) -> int:
    """Hold every line of a directory, as it is stored and as it is read, against its schema; give their number."""
    count = 0
    for path in sorted(directory.glob("*.jsonl*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for row in data.splitlines(keepends=True):
            if row.endswith(b"\n"):
                said = json.loads(row)
                is_first_format = said.get("schema") == 1
                validator("line-1" if is_first_format else "line-2").validate(said)
                count += 1
    for found in records([str(directory)]):
        if isinstance(found, Record):
            validator("line-1" if found.line["schema"] == 1 else "record-2").validate(found.line)
    return count
