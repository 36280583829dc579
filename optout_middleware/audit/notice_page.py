"""The report about one letter as an HTML page, in English or French.

Rule of this file: every sentence is a text of `report/data/notice-LANG.json`; here is only what stands where.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.page import CODE, NUMBER, TEXT, TIME, URL, Section, Table, Words, page

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("en", "fr")
_THIN = "\u202f"  # narrow no-break space, which groups digits in French


@cache
def texts(language: str) -> Mapping[str, str]:
    """Give the texts of a language."""
    data = files("optout_middleware.audit.report") / "data" / f"notice-{language}.json"
    said: dict[str, str] = json.loads(data.read_text("utf-8"))
    return said


def html(report: Mapping[str, Any], language: str) -> str:
    """Give the report as one HTML file.

    Args:
        report: as `notice_report` gives it.
        language: one of `LANGUAGES`.
    """
    said = texts(language)
    words = Words(*(said[name] for name in Words._fields))
    notice = report["notice"]
    operators = ", ".join(report["operators"]) or "?"
    about = [said["about"].format(sender=notice["sender"], made=report["made"][:10], operators=operators)]
    sections = [
        _letter(report, said), _effect(report, said), _runs(report, said), _lines(report, said),
        _unmatched(report, said), _unknown(report, said), _proofs(report, said),
    ]  # fmt: skip
    return page(said["title"].format(id=notice["id"]), about, sections, words)


def _letter(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    notice = report["notice"]
    status = {"answered": "status-answered"}.get(notice["status"], notice["status"])
    shown = {
        **notice,
        "status": said["not-upheld"] if not notice["upheld"] else said[status],
        "entered": _time(notice["entered"]) + " UTC",
        "names": said["named"].format(**{name: _number(count, said) for name, count in notice["names"].items()}),
    }
    names = ("sender", "authority", "document", "sha256", "received", "entered", "due", "status", "answered", "answer",
             "names")  # fmt: skip
    rows = [(said[name], shown[name]) for name in names if shown[name]]
    table = Table("letter-table", said["letter"], [(said["field"], TEXT), (said["value"], TEXT)], rows)
    return Section("letter", said["letter"], tables=(table,))


def _effect(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    counts = report["counts"]
    always = ("left-out", "before", "pending")
    kinds = [kind for kind in counts if counts[kind] or kind in always]
    numbers = tuple((said[kind], _number(counts[kind], said)) for kind in kinds)
    return Section("effect", said["effect"], (said["effect-text"],), numbers=numbers)


def _runs(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    counts = report["counts"]
    heads = [(said["run"], CODE), (said["started"], TIME), (said["state"], TEXT), (said["first"], TIME),
             (said["hits"], NUMBER), *((said[kind], NUMBER) for kind in counts)]  # fmt: skip
    rows = [
        (row["run"], _time(row["started"]), said["run-closed" if row["closed"] else "run-open"],
         _time(row["first_effect"]) or said["none-yet"], _number(row["hits"], said),
         *(_number(row[kind], said) for kind in counts))
        for row in report["runs"]
    ]  # fmt: skip
    table = Table("runs-table", said["runs"], heads, rows, none=said["runs-none"])
    return Section("runs", said["runs"], tables=(table,))


def _lines(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    heads = [(said["time"], TIME), (said["url"], URL), (said["count"], NUMBER), (said["became"], TEXT),
             (said["claim"], TEXT), (said["line"], CODE)]  # fmt: skip
    rows = [
        (_time(row["time"]), row["url"], _number(row["count"], said), said[row["became"]], row["claim"], row["id"])
        for row in report["lines"]
    ]
    shown = said["lines-text"].format(
        shown=_number(sum(row["count"] for row in report["lines"]), said),
        all=_number(sum(report["counts"].values()), said),
    )
    table = Table(
        "lines-table", said["lines"], heads, rows, none=said["lines-none"], sortable=True, search=True, is_long=True
    )
    return Section("lines", said["lines"], (shown,) if rows else (), tables=(table,))


def _unmatched(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    rows = [(row["row"], row["why"] or said["not-met"]) for row in report["unmatched"]]
    heads = [(said["row"], TEXT), (said["why"], TEXT)]
    table = Table("unmatched-table", said["unmatched"], heads, rows, none=said["unmatched-none"], is_long=True)
    return Section("unmatched", said["unmatched"], (said["unmatched-text"],) if rows else (), tables=(table,))


def _unknown(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    rows = tuple(
        said[row["key"]].format(
            **{name: _number(value, said) if isinstance(value, int) else value for name, value in row.items()}
        )
        for row in report["unknown"]
    )
    return Section("unknown", said["unknown"], rows)


def _proofs(report: Mapping[str, Any], said: Mapping[str, str]) -> Section:
    details, plain = [], []
    for row in report["lines"]:
        proof = row.get("proof")
        if proof is None:
            continue
        if "why" in proof:
            plain.append(said["proof-none"].format(id=row["id"], why=proof["why"]))
            continue
        name = "proof" if "full" in proof else "proof-hash"
        (shown,) = proof.values()
        details.append((said[name].format(id=row["id"]), json.dumps(shown, ensure_ascii=False, indent=1)))
    told = (said["proofs-text"], said["proofs-hash"]) if details else ()
    return Section("proofs", said["proofs"], (*told, *plain), details=tuple(details))


def _number(count: int, said: Mapping[str, str]) -> str:
    return f"{count:,}".replace(",", _THIN) if said["lang"] == "fr" else f"{count:,}"


def _time(text: object) -> str:
    return str(text)[:16].replace("T", " ") if text else ""
