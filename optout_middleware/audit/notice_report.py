"""What became of one letter: when it came in, what it kept out of each run, what was taken before, what is open.

Rule of this file: the report goes to whoever wrote the letter, so it names no other rightholder and nobody of the
operator's: of a line it shows what the letter itself did, and where a line names others, its proof has the line's hash
instead of its text.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.notice_hits import BECAME, Hits, became
from optout_middleware.audit.notice_proof import proof_for
from optout_middleware.audit.reading import Damage, records, runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from optout_middleware.audit.reading import Record
    from optout_middleware.register.importers.letters import Letter
    from optout_middleware.register.notice import Notice

SHOWN = 100  # decisions of each kind
PROVEN = 10  # of these that have a proof in the report


def notice_report(
    notice: Notice, letter: Letter, entered: datetime, directories: Sequence[str], *, made: datetime
) -> dict[str, Any]:
    """Give the report as JSON values.

    Args:
        notice: as it stands now.
        letter: what its document names, with the rows that could not be read.
        entered: when it was recorded, aware.
        directories: the audit directories.
        made: the time of the report, aware.

    Raises:
        OptOutError: a directory is not there.
    """
    found = list(runs(directories))
    manifests = [row.manifest for row in found if not isinstance(row, Damage)]
    table = {str(manifest.get("run")): _run(manifest) for manifest in manifests}
    shown: dict[str, list[dict[str, Any]]] = {kind: [] for kind in BECAME}
    counts, met = Counter[str](), set[str]()
    damaged, first_time, grouped = len(found) - len(manifests), "", 0
    hits = Hits(notice)
    for row in records(directories):
        if isinstance(row, Damage):
            damaged += 1
            continue
        line = row.line
        if line.get("outcome") not in ("allow", "pending", "deny"):
            continue
        first_time = min(first_time or str(line.get("time")), str(line.get("time")))
        count, open_count = hits.count(line)
        grouped += open_count
        if not count:
            continue
        met |= hits.named(line)
        kind, claim = became(line, entered), hits.claim(line)
        counts[kind] += count
        _count_run(table, row, kind, count, claim)
        if len(shown[kind]) < SHOWN:
            shown[kind].append(_line(row, kind, count, claim))
    for lines in shown.values():
        for entry in lines[:PROVEN]:
            entry["proof"] = proof_for(directories, entry["id"], notice)
    return {
        "notice": _notice(notice, entered), "made": made.isoformat(), "counts": {kind: counts[kind] for kind in BECAME},
        "operators": list(dict.fromkeys(str(m["operator"]) for m in manifests if m.get("operator"))),
        "runs": list(table.values()), "lines": [entry for kind in BECAME for entry in shown[kind]],
        "unmatched": _unmatched(notice, letter, met),
        "damaged": damaged, "unknown": _unknown(notice, manifests, first_time, damaged, grouped),
    }  # fmt: skip


def _notice(notice: Notice, entered: datetime) -> dict[str, Any]:
    return {
        "id": notice.id, "sender": notice.sender, "authority": notice.authority, "document": notice.document,
        "sha256": notice.sha256, "received": notice.received.isoformat(), "entered": entered.isoformat(),
        "due": notice.due.isoformat() if notice.due else None, "status": notice.status, "upheld": notice.upheld,
        "answered": notice.answered.isoformat() if notice.answered else None, "answer": notice.answer,
        "names": {
            "parties": len(notice.parties), "works": len(notice.works), "domains": len(notice.domains),
            "urls": len(notice.urls),
        },
    }  # fmt: skip


def _run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": manifest.get("run"), "started": manifest.get("started"), "first_effect": None, "first_line": None,
        "closed": bool(manifest.get("closed") or manifest.get("sealed")), "hits": 0,
        **dict.fromkeys(BECAME, 0),
    }  # fmt: skip


def _count_run(
    table: dict[str, dict[str, Any]], row: Record, kind: str, count: int, claim: Mapping[str, Any] | None
) -> None:
    """Count a line for its run; the first effect is the first line that the notice itself kept out."""
    run = str(row.line.get("run"))
    entry = table.setdefault(run, _run({"run": run}))
    entry["hits"] += count
    entry[kind] += count
    time = str(row.line.get("time"))
    is_effect = claim is not None and row.line["outcome"] != "allow"
    if is_effect and (entry["first_effect"] is None or time < entry["first_effect"]):
        entry["first_effect"], entry["first_line"] = time, row.id


def _line(row: Record, kind: str, count: int, claim: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give what is shown of a line: nothing in it that is of others."""
    return {
        "id": row.id, "time": str(row.line.get("time")), "url": row.line.get("url"), "count": count, "became": kind,
        "claim": str(claim.get("text", "")) if claim else "", "rule": str(claim.get("rule", "")) if claim else "",
    }  # fmt: skip


def _unmatched(notice: Notice, letter: Letter, met: set[str]) -> list[dict[str, Any]]:
    """Give the rows that could not be read or hardly match, and what is named and was not met."""
    rows: list[dict[str, Any]] = [{"row": f"{one.line}", "why": one.reason} for one in letter.unread]
    rows += [{"row": "", "why": text} for text in letter.weak]
    names = {work.id: work.titles[0] if work.titles else work.id for work in notice.works}
    names |= {party.id: party.names[0] if party.names else party.id for party in notice.parties}
    wanted = [*notice.domains, *notice.urls, *names]
    rows += [{"row": names.get(target, target), "why": None} for target in wanted if target not in met]
    return rows


def _unknown(
    notice: Notice, manifests: Sequence[Mapping[str, Any]], first_time: str, damaged: int, grouped: int
) -> list[dict[str, Any]]:
    """Give what no log can tell, as keys of texts with their values."""
    found: list[dict[str, Any]] = [{"key": "unknown-training"}, {"key": "unknown-elsewhere"}]
    if first_time:
        found.append({"key": "unknown-before", "date": first_time[:10]})
    if notice.works or notice.parties:
        found.append({"key": "unknown-credits"})
        unasked = sum((manifest.get("settings") or {}).get("OPTOUT_REGISTER") == "none" for manifest in manifests)
        if unasked:
            found.append({"key": "unknown-register", "count": unasked})
    if grouped:
        found.append({"key": "unknown-grouped", "count": grouped})
    if damaged:
        found.append({"key": "unknown-damaged", "count": damaged})
    if left := sum(not (manifest.get("closed") or manifest.get("sealed")) for manifest in manifests):
        found.append({"key": "unknown-open", "count": left})
    return found
