"""What a log says of one URL, of one site, and of two crawls compared, for people who did not write the code.

Rule of this file: it reads lines and tells them in plain words; it decides nothing. What a site said is quoted word for
word. One pass over the lines, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.reading import Damage, Record, records, runs
from optout_middleware.audit.recorded import time
from optout_middleware.policy import FINDINGS
from optout_middleware.terms import Outcome
from optout_middleware.urls import host_of, origin_of, path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LONG = 500  # characters of a quotation
_MOST = 200  # different texts of one site that are told apart
_DONE = {
    "keep": "it was kept", "tag": "it was passed on with a tag", "drop": "it was left out", "none": "nothing was done",
}  # fmt: skip
_WOULD = {"keep": "it would be kept", "tag": "it would be tagged", "drop": "it would be left out"}
_CAME_TO = {
    Outcome.ALLOW: "noted, and no more", Outcome.PENDING: "so it is not kept until that is settled",
    Outcome.DENY: "so it is reserved",
}  # fmt: skip
_ABOUT = {
    "request": "before it was fetched", "response": "once it was fetched", "media": "as a file that was fetched",
    "item": "for an item of the page",
}  # fmt: skip


class Manifests:
    """The manifests of runs, by the name of the run.

    Args:
        directories: audit directories: paths, or URLs that fsspec knows.

    Raises:
        OptOutError: a directory is not there.
    """

    def __init__(self, directories: Sequence[str]) -> None:
        found = (run.manifest for run in runs(directories) if not isinstance(run, Damage))
        self._by_run = {str(manifest.get("run")): manifest for manifest in found}

    def of(self, line: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the manifest of a line; empty where there is none."""
        return self._by_run.get(str(line.get("run")), {})


def of_url(directories: Sequence[str], url: str) -> Iterator[Record | Damage]:
    """Give the lines about a URL, whether it was asked for or where redirects led; and what is damaged.

    Raises:
        OptOutError: a directory is not there.
    """
    origin = origin_of(url)
    wanted = {url, url.partition("#")[0], f"{origin}{path_and_query(url)}" if origin else url}
    for item in records(directories):
        if isinstance(item, Damage) or not wanted.isdisjoint({item.line.get("url"), item.line.get("final_url")}):
            yield item


def may_stand_for(directories: Sequence[str], url: str) -> int:
    """Count the pages of grouped lines of a URL's site: they name the first of their URLs, and it may be one of them.

    Raises:
        OptOutError: a directory is not there.
    """
    origin = origin_of(url)
    lines = (item.line for item in records(directories) if isinstance(item, Record))
    return sum(count for line in lines if line.get("origin") == origin and (count := count_of(line)) > 1)


def story(record: Record, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Tell one line in plain words."""
    line = record.line
    if "outcome" not in line:
        yield f"{_day(line.get('time'))}: {line.get('note') or line.get('action')}"
        return
    policy = manifest.get("policy") or {}
    by = f" by {manifest['operator']}" if manifest.get("operator") else ""
    stage = _ABOUT.get(line["stage"], line["stage"])
    yield f"{_day(line['at'])}, crawl {line['run']}{by}, {stage}: {_came_to(line)}."
    asked = [f"for {policy['usage']}" if policy.get("usage") else ""]
    asked += [f"product token {policy['product_token']}" if policy.get("product_token") else ""]
    asked += [f"profile {policy['profile']}" if policy.get("profile") else "", f"rules {line.get('rules_version')}"]
    yield f"  Asked: may it be used {', '.join(filter(None, asked))}?"
    if line.get("final_url") not in (None, line["url"]):
        yield f"  Redirects led to {line['final_url']}."
    if (count := count_of(line)) > 1:
        yield f"  It is about {count:,} records of {line['origin']} in {line.get('shard')}, this URL the first of them."
    for reason in line["reasons"]:
        yield from (f"  {text}" for text in _because(reason))
    if not line["reasons"]:
        yield "  Nothing that reserves was found in what was looked at."
    for said in line["statements"]:
        yield f"  Said too: {_quoted(said)}"
    for condition in line["conditions"]:
        yield f"  Condition: {condition}"
    for source in line["evidence"]:
        yield f"  Looked at: {source['url']}, {_answer(source)}, on {_day(source['time'])}, SHA-256 {source['sha256']}"
    if line.get("kept"):
        yield f"  Archived: what was looked at of the page, SHA-256 {line['kept']}..."
    yield f"  Done: {_done(line)}. Line {record.id}."


def _came_to(line: Mapping[str, Any]) -> str:
    if line["outcome"] == Outcome.ALLOW.value:
        return "no reservation found"
    settled = line["reasons"][0]["finding"] if line["reasons"] else ""
    meaning = f": {FINDINGS[settled].meaning}" if settled in FINDINGS else ""
    if line["outcome"] == Outcome.PENDING.value:
        return f"pending, waits for a {line.get('waits_for')}{meaning}"
    return f"reserved{meaning}"


def _because(reason: Mapping[str, Any]) -> Iterator[str]:
    finding = reason["finding"]
    meaning = FINDINGS[finding].meaning if finding in FINDINGS else finding
    came_to = _CAME_TO.get(Outcome(reason["outcome"]), "")
    yield f"- {_quoted(reason) if reason.get('text') else reason.get('location', '')}"
    yield f"  {meaning} ({finding}), {came_to}."
    if reason.get("url"):
        yield f"  Seen at {reason['url']}, {_answer(reason)}, on {_day(reason['time'])}."
    yield from (f"  Rule: {reason[name]}." for name in ("rule",) if reason.get(name))
    yield from (f"  Note: {note}." for note in (*reason.get("notes", ()), *filter(None, [reason.get("note")])))
    if reason.get("override"):
        yield f"  Judged so by {reason['override']}."


def _quoted(said: Mapping[str, Any]) -> str:
    """Quote what was said, on one line, with where it stands."""
    text = " ".join(str(said.get("text", "")).split())
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    cut = f"{shown[:_LONG]} [...]" if len(shown) > _LONG else shown
    return f'{said.get("location", "")}, {said.get("where", "")}: "{cut}"'


def _answer(source: Mapping[str, Any]) -> str:
    if source.get("status") is None:
        return f"no response ({source.get('error', 'unknown')})"
    return f"status {source['status']}"


def _done(line: Mapping[str, Any]) -> str:
    words = _WOULD if line.get("dry_run") else _DONE
    done = words.get(str(line.get("action")), str(line.get("action")))
    return f"{done}, were this no dry run" if line.get("dry_run") else done


def _day(text: Any) -> str:
    try:
        at = time(str(text))
    except ValueError:
        return str(text)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if not at.utcoffset() else at.isoformat(" ", "seconds")


class Said(NamedTuple):
    """One thing that a site said: signal, finding, place, and the exact text."""

    signal: str
    finding: str
    outcome: str
    location: str
    text: str


@dataclass
class Heard:
    """How often something was said: decisions, first and last time, and one of the URLs."""

    lines: int = 0
    first: str = ""
    last: str = ""
    url: str = ""

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a line."""
        at = str(line["at"])
        self.lines += count_of(line)
        self.first = min(filter(None, (self.first, at)))
        self.last = max(self.last, at)
        self.url = self.url or str(line["url"])


@dataclass
class OfSite:
    """What a log says of one site.

    Fields:
        domain: what was asked about.
        lines: decisions about it; a grouped line has several.
        outcomes: (stage, outcome) -> decisions.
        waits_for: what pending decisions wait for -> decisions.
        hosts: host -> decisions.
        runs: run -> decisions.
        said: what it said -> how often; at most `_MOST` different things.
        more: decisions with something that is not told apart any more.
        damaged: how much of the log is damaged.
    """

    domain: str
    lines: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    waits_for: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    said: dict[Said, Heard] = field(default_factory=dict)
    more: int = 0
    damaged: int = 0

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a line about the site."""
        count = count_of(line)
        self.lines += count
        self.outcomes[str(line["stage"]), str(line["outcome"])] += count
        self.hosts[host_of(str(line["origin"]))] += count
        self.runs[str(line["run"])] += count
        if line.get("waits_for"):
            self.waits_for[str(line["waits_for"])] += count
        for reason in line["reasons"]:
            self._add(reason, reason["finding"], reason["outcome"], line)
        for statement in line["statements"]:
            self._add(statement, "", "", line)

    def _add(self, said: Mapping[str, Any], finding: str, outcome: str, line: Mapping[str, Any]) -> None:
        key = Said(said.get("signal", ""), finding, outcome, said.get("location", ""), said.get("text", ""))
        heard = self.said.get(key)
        if heard is None:
            if len(self.said) >= _MOST:
                self.more += count_of(line)
                return
            heard = self.said[key] = Heard()
        heard.add(line)


def of_site(directories: Sequence[str], domain: str) -> OfSite:
    """Give what logs say of a domain with its subdomains.

    Raises:
        OptOutError: a directory is not there.
    """
    wanted, found = domain.lower().rstrip("."), OfSite(domain)
    for item in records(directories):
        if isinstance(item, Damage):
            found.damaged += 1
        elif item.line.get("origin") and "outcome" in item.line:
            host = host_of(str(item.line["origin"]))
            if host == wanted or host.endswith(f".{wanted}"):
                found.add(item.line)
    return found
