"""The report: its figures are those of the lines, and its page is one file that escapes whatever it shows."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.reading import Record, records
from optout_middleware.audit.report import counts, sites
from optout_middleware.audit.report import parts as report_parts
from optout_middleware.audit.report.aggregated import parts_of_aggregates
from optout_middleware.audit.report.counts import Counts
from optout_middleware.audit.report.parts import PARTS, parts
from optout_middleware.audit.report.sections import html, sections
from optout_middleware.policy import FINDINGS
from optout_middleware.terms import OptOutError, Outcome, Ruling

from .log_files import started
from .report_files import AT, LATER, RUN, SOCIETY, Writer, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = AT + timedelta(days=10)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a directory with a crawl and a dry run."""
    return written(tmp_path_factory.mktemp("report") / "audit of <us>")


@pytest.fixture(scope="module")
def made(directory: str) -> dict[str, Any]:
    """Give the parts of the report."""
    return parts([directory], now=NOW)


@pytest.fixture(scope="module")
def shown(directory: str, made: dict[str, Any]) -> str:
    """Give the page."""
    return html(made, [directory], NOW)


class Page(HTMLParser):
    """Collects tags with their attributes, and holds that every one is closed."""

    VOID = frozenset({"meta", "link", "input", "br", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_totals(made: dict[str, Any], directory: str) -> None:
    """Every decision is counted once, by outcome."""
    lines = [row.line for row in records([directory]) if isinstance(row, Record)]
    outcomes = [line["outcome"] for line in lines if "outcome" in line]
    totals = made["totals"]
    assert {name: totals[name] for name in ("lines", "allow", "pending", "deny")} == {
        "lines": len(outcomes), **{name: outcomes.count(name) for name in ("allow", "pending", "deny")},
    }  # fmt: skip
    assert (totals["lines"], totals["deny"], totals["pending"]) == (14, 6, 1)
    assert sum(row["lines"] for row in totals["rows"]) == 14
    assert sum(row["bytes"] for row in totals["rows"] if row["outcome"] == "deny") == 4_200


def test_the_policy_shows_its_overrides(made: dict[str, Any]) -> None:
    """With who decided, why, and what the table says."""
    (policy,) = made["policies"]
    assert policy["runs"] == 2
    assert policy["overrides"] == [{
        "finding": "noarchive", "meaning": FINDINGS["noarchive"].meaning, "by_table": "allow", "outcome": "deny",
        "by": "Ada Person", "reason": "a vendor asked <us>",
    }]  # fmt: skip


def test_signals_and_findings(made: dict[str, Any]) -> None:
    """What settled a decision is told from what was noted, and what nothing else would have left out stands apart."""
    signals = {row["name"]: (row["deny"], row["pending"], row["noted"]) for row in made["signals"]}
    assert signals == {"content-signal": (5, 0, 0), "tdmrep": (1, 0, 0), "robots-tag": (0, 1, 0)}
    findings = {row["name"]: (row["deny"], row["pending"], row["alone"]) for row in made["findings"]}
    assert findings == {"refusal": (6, 0, 6), "named-bot": (0, 1, 1)}


def test_sites_and_conflicts(made: dict[str, Any]) -> None:
    """One signal allows where another reserves: the site is named, with what both say."""
    rows = {row["site"]: (row["lines"], row["allow"], row["pending"], row["deny"]) for row in made["sites"]["rows"]}
    assert rows == {"plain.example": (7, 6, 1, 0), "no.example": (5, 0, 0, 5), "mixed.example": (2, 1, 0, 1)}
    (conflict,) = made["conflicts"]["rows"]
    assert (conflict["site"], conflict["together"]) == ("mixed.example", 1)
    assert [row["signal"] for row in conflict["allows"]] == ["content-signal"]
    assert [row["signal"] for row in conflict["reserves"]] == ["tdmrep"]


def test_timeline_rightholders_and_queue(made: dict[str, Any]) -> None:
    """By day, by who claims, by cause and age."""
    assert [(row["day"], row["deny"]) for row in made["timeline"]] == [("2026-09-01", 5), ("2026-09-02", 1)]
    assert made["rightholders"]["rows"] == [{"party": SOCIETY.party, "allow": 1, "pending": 0, "deny": 0}]
    (cause,) = made["queue"]["rows"]
    assert (cause["finding"], cause["site"], cause["age_days"], cause["waits_for"]) == (
        "named-bot", "plain.example", 9, "person",
    )  # fmt: skip
    assert {row["age"]: row["items"] for row in made["queue"]["ages"] if row["items"]} == {"up to a month": 1}


def test_an_answered_cause_leaves_the_queue(directory: str) -> None:
    """A ruling that holds answers it."""
    ruling = Ruling("named-bot", "plain.example", Outcome.DENY, "Ada", "asked", AT, NOW + timedelta(days=1))
    assert parts([directory], now=NOW, rulings=[ruling], by_ruling=True)["queue"]["rows"] == []


def test_dry_run_shares(made: dict[str, Any]) -> None:
    """From the summary of the dry run; two sites are too few for an interval."""
    (run,) = made["dry_run"]
    assert run["run"] == LATER
    (row,) = [row for row in run["shares"] if (row["standing"], row["measure"]) == ("excluded", "requests")]
    assert (row["count"], row["of"], row["share"], row["low"]) == (1, 2, 0.5, None)
    assert row["why"] == "too few sites: 2 of at least 50"


def test_a_policy_that_could_not_be_read_is_listed() -> None:
    """The statement notes it; one for people only is no fault."""
    counted = Counts()
    for why in ("no response", "not JSON, so a policy for people"):
        said = {"finding": "refusal", "outcome": "deny", "signal": "tdmrep", "notes": [f"https://a.example/p: {why}"],
                "conditions": ["tdm-policy: https://a.example/p#x"]}  # fmt: skip
        row: Any = type("Row", (), {"line": {"outcome": "deny", "reasons": [said], "url": "u"}, "id": "r-w:1"})
        assert list(counted.pending_of([row])) == []
    assert list(counted.policies.values()) == [
        {"policy": "https://a.example/p", "why": "no response", "lines": 1, "example": "u"}
    ]


def test_what_is_bounded_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites, parties and the sample have bounds; the page tells how many there are."""
    directory = written(tmp_path / "audit")
    monkeypatch.setattr(sites, "MAX_SITES", 1)
    monkeypatch.setattr(counts, "SAMPLE", 2)
    found = parts([directory], now=NOW)
    rows = [(row["site"], row["lines"]) for row in found["sites"]["rows"]]
    assert (rows, found["sites"]["told_apart"]) == ([("plain.example", 7), ("(other sites)", 7)], False)
    assert [row["outcome"] for row in found["decisions"]["rows"]] == ["deny", "deny", "pending", "allow", "allow"]
    assert "all that came later are counted as one row" in html(found, [directory], NOW)


def test_a_table_that_is_cut_says_so(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first rows are in the page, and the caption tells of how many."""
    monkeypatch.setattr(report_parts, "SHOWN_SITES", 1)
    assert "Sites, by decisions: the first 1 of 3" in html(parts([directory], now=NOW), [directory], NOW)


def test_the_same_logs_give_the_same_page(directory: str, shown: str) -> None:
    """The sample is drawn with a fixed seed."""
    assert html(parts([directory], now=NOW), [directory], NOW) == shown


def test_damage_is_told(tmp_path: Path) -> None:
    """Lines that cannot be read are counted and named; the rest counts."""
    directory = written(tmp_path / "audit")
    (tmp_path / "audit" / f"{RUN}-main-000001.jsonl.gz").write_bytes(b"\x1f\x8bnothing")
    found = parts([directory], now=NOW)
    assert (found["damage"]["of"], found["totals"]["lines"]) == (1, 2)
    assert "1 lines or files could not be read" in html(found, [directory], NOW)


def test_a_crawl_without_a_page_has_a_report(tmp_path: Path) -> None:
    """Nothing to draw, and every part says so."""
    started(tmp_path).close({})
    text = html(parts([str(tmp_path)], now=NOW), [str(tmp_path)], NOW)
    Page(text)
    assert "No run was a dry run." in text


@pytest.mark.parametrize("made_of", [lambda where: parts(where, now=NOW), parts_of_aggregates])
def test_a_directory_without_a_log_has_no_report(tmp_path: Path, made_of: Callable[[list[str]], object]) -> None:
    """Nobody is told that nothing was reserved where nothing was looked at."""
    with pytest.raises(OptOutError, match="has no audit log: name an OPTOUT_AUDIT_DIR"):
        made_of([str(tmp_path)])


def test_each_section_names_the_command_for_its_figures(made: dict[str, Any], directory: str) -> None:
    """Every part has one section, and the command asks for that part; the directory is quoted for a shell."""
    commands = [section.commands[0] for section in sections(made, [directory])]
    assert sorted(command.rpartition(" ")[2] for command in commands) == sorted(PARTS) == sorted(made)
    assert all(command.startswith(f"optout report '{directory}' --part ") for command in commands)


def test_allow_is_never_called_free(shown: str) -> None:
    """It reads "no reservation found"; the word of the vocabulary stands in no cell."""
    assert "no reservation found" in shown
    assert not re.search(r"<td[^>]*>\s*(?:allow|allowed|free)\s*</td>", shown)


def test_the_page_is_escaped_and_needs_no_network(shown: str) -> None:
    """One script and one style, both its own; no address is loaded, and what sites say is text."""
    page = Page(shown)
    tags = [tag for tag, _ in page.tags]
    assert (tags.count("script"), tags.count("style"), tags.count("img"), tags.count("iframe")) == (1, 1, 0, 0)
    loaded = [
        (tag, name, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "xlink:href") and not str(value).startswith("#")
    ]
    assert loaded == [("link", "href", "data:,")]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "Society &lt;of&gt; Invented Authors" in shown


def test_ids_are_unique_and_labels_lead_somewhere(shown: str) -> None:
    """Links, labels and descriptions of charts each have their target."""
    tags = Page(shown).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named: list[str] = []
    for _, attributes in tags:
        named += str(attributes.get("aria-labelledby") or "").split()
        named += [str(attributes[name]) for name in ("for", "data-table") if name in attributes]
        named += [str(attributes["href"])[1:]] if str(attributes.get("href", "")).startswith("#") else []
    assert set(named) <= set(ids)
    assert [attributes for tag, attributes in tags if tag == "th" and attributes.get("scope") != "col"] == []


def test_every_chart_stands_above_a_table(shown: str) -> None:
    """What a chart shows can be read without it."""
    assert shown.count("<figure>") == 7
    for section in shown.split("<section ")[1:]:
        assert section.count("<figure>") <= section.count("<table")


def test_a_conflict_needs_two_signals(tmp_path: Path) -> None:
    """A site of which one signal says two things of two pages contradicts nobody."""
    writer = Writer(tmp_path / "audit")
    writer.page("plain.example", "/a", ("x-robots-tag", "noai"))
    writer.page("plain.example", "/b")
    writer.close()
    assert parts([str(tmp_path / "audit")], now=NOW)["conflicts"] == {"rows": [], "of": 0}


def test_aggregates_give_the_same_figures(made: dict[str, Any], directory: str) -> None:
    """Without a line read; the page has the parts that they give, and its commands ask for them in that way."""
    found = parts_of_aggregates([directory])
    for part in ("policies", "runs", "signals", "findings", "timeline", "dry_run", "damage"):
        assert found[part] == made[part]
    assert found["sites"]["rows"] == made["sites"]["rows"]
    assert {name: count for name, count in found["totals"].items() if name != "rows"} == {
        name: count for name, count in made["totals"].items() if name != "rows"
    }
    commands = [section.commands[0] for section in sections(found, [directory])]
    assert sorted(command.rpartition(" ")[2] for command in commands) == sorted(found)
    assert all(" --aggregates --part " in command for command in commands)
    Page(html(found, [directory], NOW))


def test_a_run_without_an_aggregate_is_named(tmp_path: Path) -> None:
    """Its lines are not counted, and that is told."""
    directory = written(tmp_path / "audit")
    (tmp_path / "audit" / f"aggregate-{RUN}.json").unlink()
    found = parts_of_aggregates([directory])
    assert (found["totals"]["lines"], found["damage"]["of"]) == (2, 1)
    assert found["damage"]["rows"][0]["kind"] == "missing"
