"""Grouped audit lines: whatever counts pages or records comes to the same as with one line a record."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from optout_middleware.audit.comparison import Comparison
from optout_middleware.audit.explain import of_site, story
from optout_middleware.audit.export import export
from optout_middleware.audit.notice_report import notice_report
from optout_middleware.audit.reading import Record, records
from optout_middleware.audit.replay import Replay
from optout_middleware.audit.report.aggregated import parts_of_aggregates
from optout_middleware.audit.report.parts import parts
from optout_middleware.audit.report.sections import html
from optout_middleware.audit.training_summary import training_summary
from optout_middleware.cli import main
from optout_middleware.corpus.job import Job
from optout_middleware.corpus.pool import Processes
from optout_middleware.corpus.records import shards
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.register.importers.letters import Letter
from optout_middleware.register.notice import Notice

from . import corpora

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MODES = ("full", "grouped")
NOW = corpora.AT + timedelta(days=1)
DAY = date(2026, 11, 25)
# Of parts of the report: what names the run, or stands for single lines.
_OF_LINES = ("runs", "policies", "decisions")


def rechecked(directory: Path, made: Sequence[dict[str, Any]], **changes: Any) -> dict[str, str]:
    """Check a corpus of two shards again in both modes; give the audit directory of each."""
    (directory / "corpus").mkdir()
    corpora.parquet(directory / "corpus" / "a.parquet", made)
    corpora.json_lines(directory / "corpus" / "b.jsonl.gz", [{**row, "url": f"{row['url']}?again"} for row in made])
    found = {}
    for mode in MODES:
        plan = corpora.plan(directory, audit=mode, **{"register": "none", **changes})
        audit = directory / mode / "audit"
        job = Job(
            str(directory / mode), str(audit), plan, shards([str(directory / "corpus")]), settings={},
            register_snapshot="", now=lambda: corpora.AT,
        )  # fmt: skip
        job.run(Processes(1))
        found[mode] = str(audit)
    return found


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the audit directories of a corpus of URLs."""
    return rechecked(tmp_path_factory.mktemp("grouped"), [{"url": url} for url in corpora.urls(330)])


def test_it_is_far_fewer_lines(audits: dict[str, str]) -> None:
    """Each mode has the same records, in other numbers of lines."""
    full, grouped = ([row.line for row in records([audits[mode]]) if isinstance(row, Record)] for mode in MODES)
    assert len(full) == 660
    assert len(grouped) < 20
    assert sum(line["count"] for line in grouped) == 660


def figures(audit: str) -> dict[str, Any]:
    """Give the parts of a report that are the same in both modes."""
    made = parts([audit], now=NOW)
    for row in made["queue"]["rows"]:
        del row["samples"]
    for row in made["conflicts"]["rows"]:
        for side in ("allows", "reserves"):
            row[side] = [said["signal"] for said in row[side]]
    kept = {name: part for name, part in made.items() if name not in _OF_LINES}
    return {**kept, "decisions": made["decisions"]["of"]}


def test_the_report_is_the_same(audits: dict[str, str]) -> None:
    """Totals, signals, findings, sites, timeline and queue count records."""
    full, grouped = (figures(audits[mode]) for mode in MODES)
    assert grouped == full
    assert grouped["totals"]["lines"] == 660
    assert grouped["queue"]["items"] == grouped["totals"]["pending"] > 0


def test_the_page_says_what_a_row_stands_for(audits: dict[str, str]) -> None:
    """Each row has its number of decisions, all of them are shown, and grouped lines are explained."""
    found = parts([audits["grouped"]], now=NOW)
    page, made = html(found, [audits["grouped"]], NOW), found["decisions"]
    assert sum(row["count"] for row in made["rows"]) == 660
    assert f"reserved: {made['of']['deny']} of {made['of']['deny']};" in page
    assert f"{made['grouped']:,} decisions stand in grouped lines" in page
    assert "grouped lines" not in html(parts([audits["full"]], now=NOW), [audits["full"]], NOW)


def test_replay_counts_what_it_cannot_show(audits: dict[str, str]) -> None:
    """The first URL of a grouped line alone could be derived; a re-check has no archive, which is no damage."""
    for mode, grouped in (("full", 0), ("grouped", 660 - len(list(records([audits["grouped"]]))))):
        replay = Replay([audits[mode]], ArchiveReader([audits[mode]]))
        assert list(replay.differences()) == []
        counts = replay.counts
        assert (counts.lines, counts.not_derivable["grouped"], counts.gone) == (660, grouped, 0)
        assert counts.lines == counts.same + counts.differing + counts.not_derivable.total()


def test_explain_says_what_may_stand_for_a_url(audits: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A URL that a grouped line stands for without naming it is not told as never decided about."""
    urls = {str(row.line["url"]) for row in records([audits["grouped"]]) if isinstance(row, Record)}
    url = next(url for url in corpora.urls(330) if url not in urls)
    assert main(["explain", audits["grouped"], url]) == 1
    out = capsys.readouterr().out
    assert "it may be one of " in out
    assert "never" not in out
    assert main(["explain", audits["grouped"], "https://nowhere.example/"]) == 1
    assert "it was neither asked for nor decided about" in capsys.readouterr().out


def test_the_aggregate_is_the_same(audits: dict[str, str]) -> None:
    """Years are counted without lines, and count records too."""
    full, grouped = (parts_of_aggregates([audits[mode]]) for mode in MODES)
    for made in (full, grouped):
        del made["runs"], made["policies"]
    assert grouped == full
    assert grouped["totals"]["lines"] == 660


def field(summary: dict[str, Any], number: str) -> Any:
    """Give the value of a field by its number."""
    return next(f["value"] for section in summary["sections"] for f in section["fields"] if f["id"] == number)


def test_the_training_summary_is_the_same_and_says_what_it_cannot_know(audits: dict[str, str]) -> None:
    """All figures are those of records; that single URLs are not known is said."""
    full, grouped = (training_summary([audits[mode]], [], made=DAY) for mode in MODES)
    for number in ("1.6", "2.3.4", "2.3.5", "2.3.7", "2.3.8", "3.2"):
        assert field(grouped, number) == field(full, number), number
    assert field(grouped, "2.3.7")["urls"] == 660
    assert [note for note in grouped["notes"] if "grouped lines" in note]
    assert not [note for note in full["notes"] if "grouped lines" in note]


def test_the_same_list_of_urls_counts_once(audits: dict[str, str]) -> None:
    """A corpus that was checked twice is counted once, as far as its lines can tell."""
    once, twice = (training_summary([audits["grouped"]] * times, [], made=DAY) for times in (1, 2))
    assert field(once, "2.3.7") == field(twice, "2.3.7")


def test_the_export_has_the_numbers(audits: dict[str, str], tmp_path: Path) -> None:
    """Rows are lines; their `count` is of records, by outcome too."""
    sums = {}
    for mode in MODES:
        made = export([audits[mode]], str(tmp_path / f"{mode}.parquet"))
        assert made.decisions == 660
        table = pq.read_table(tmp_path / f"{mode}.parquet", columns=["outcome", "count"])
        assert table.num_rows == made.rows
        counted = table.group_by("outcome").aggregate([("count", "sum")]).to_pylist()
        sums[mode] = {row["outcome"]: row["count_sum"] for row in counted}
    assert sums["grouped"] == sums["full"]


def test_a_site_and_a_change_count_records(audits: dict[str, str], tmp_path: Path) -> None:
    """What is told of a site, and what changed between two jobs."""
    full, grouped = (of_site([audits[mode]], "closed.example") for mode in MODES)
    assert (grouped.lines, grouped.outcomes, grouped.runs.total()) == (full.lines, full.outcomes, full.lines)
    (tmp_path / "later").mkdir()
    later = rechecked(
        tmp_path / "later", [{"url": url} for url in corpora.urls(330)],
        store=corpora.store(tmp_path / "later.sqlite", {**corpora.ROBOTS, corpora.CLOSED: b""}),
    )  # fmt: skip
    counts = []
    for mode in MODES:
        compared = Comparison([audits[mode]], [later[mode]])
        counts.append([(change.what, change.origin, change.lines) for change in compared.changes()])
        compared.close()
    assert counts[0] == counts[1] == [("withdrew", corpora.CLOSED, full.lines)]


def test_the_story_of_a_line_tells_that_it_is_about_many(audits: dict[str, str]) -> None:
    """Whoever reads of the first URL learns that there are others."""
    lines = [row for row in records([audits["grouped"]]) if isinstance(row, Record)]
    line = next(row for row in lines if row.line["count"] > 1)
    assert any(f"It is about {line.line['count']:,} records of" in text for text in story(line, {}))


@pytest.mark.parametrize(
    ("names", "is_known"),
    [
        ({"domains": ("closed.example",)}, True),
        ({"urls": ("https://closed.example/",)}, True),
        ({"urls": ("https://partly.example/private/",)}, False),
        ({"domains": ("never.example",)}, True),
    ],
)
def test_a_letter_counts_records_and_says_where_it_cannot(
    audits: dict[str, str], names: dict[str, Any], is_known: bool
) -> None:
    """What a whole site is named by is counted in full; which single addresses are meant is not known."""
    notice = Notice("abc123", "Ada", date(2026, 11, 20), "letter.txt", "1" * 64, **names)
    made = [notice_report(notice, Letter(), corpora.SEEN, [audits[mode]], made=NOW) for mode in MODES]
    full, grouped = (report["counts"] for report in made)
    unknown = [row["count"] for row in made[1]["unknown"] if row["key"] == "unknown-grouped"]
    if is_known:
        assert grouped == full
        assert not unknown
    else:
        assert all(grouped[kind] <= full[kind] for kind in full)
        assert sum(grouped.values()) < sum(full.values()) <= sum(grouped.values()) + sum(unknown)
    assert not [row for row in made[0]["unknown"] if row["key"] == "unknown-grouped"]
