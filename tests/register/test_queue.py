"""The queue: causes with counts and samples, answers in bulk, what is overdue, what is released."""

from __future__ import annotations

import csv
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register import queue
from optout_middleware.register.importers.records import Rejected
from optout_middleware.register.queue import causes, overdue, read_rulings_csv, released, write_csv
from optout_middleware.terms import OptOutError, Outcome, Ruling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
LATER = START + timedelta(days=365)
TEXT = {
    "finding": "natural-language", "outcome": "pending", "waits_for": "person", "location": "page", "signal": "page",
    "where": "body", "text": "no mining, please", "rule": "R-NL",
}  # fmt: skip
MIDDLE = {
    "finding": "register-middle", "outcome": "pending", "waits_for": "person", "location": "register",
    "signal": "register", "where": "cisac:058", "text": "Lantern by L. Arbour", "rule": "M3",
}  # fmt: skip


def line(
    url: str = "https://a.example/1", *reasons: dict[str, Any], at: datetime = START, **more: Any
) -> dict[str, Any]:
    """Make an audit line that is pending."""
    shown = {"url": url, "domain": "a.example", "outcome": "pending", "waits_for": "person", "at": at.isoformat()}
    return {**shown, "reasons": list(reasons or [TEXT]), **more}


def ruling(outcome: Outcome = Outcome.ALLOW, **more: Any) -> Ruling:
    """Make a ruling on sentences of a.example."""
    values = {"finding": "natural-language", "scope": "a.example", **more}
    return Ruling(outcome=outcome, by="R. Reader", reason="read", valid_from=START, valid_until=LATER, **values)


def test_a_cause_is_a_rule_about_a_site_or_a_party() -> None:
    """Sentences by site, claims of the register by party, wherever they were raised."""
    found = causes([
        line("https://a.example/1", TEXT),
        line("https://www.a.example/2", TEXT, MIDDLE, at=START + timedelta(hours=1)),
        line("https://b.example/3", MIDDLE, domain="b.example", at=START - timedelta(hours=1)),
    ], owners={"cisac:058": "M. Music", "natural-language": "T. Text"})  # fmt: skip
    assert [(item.finding, item.rule, item.site, item.party, item.count, item.owner) for item in found] == [
        ("natural-language", "R-NL", "a.example", "", 2, "T. Text"),
        ("register-middle", "M3", "", "cisac:058", 2, "M. Music"),
    ]
    assert found[0].samples == (
        'https://a.example/1 "no mining, please"',
        'https://www.a.example/2 "no mining, please"',
    )
    assert (found[1].first, found[1].last) == (START - timedelta(hours=1), START + timedelta(hours=1))
    assert found[1].subject == "cisac:058"
    assert found[0].age(START + timedelta(days=3)).days == 3


def test_only_what_waits_for_a_person_is_queued() -> None:
    """Not what waits for a probe or the register, nor what is noted or denied."""
    lines = [
        line("https://a.example/", {**TEXT, "waits_for": "probe"}),
        line("https://a.example/", {**TEXT, "outcome": "allow", "waits_for": None}),
        line("https://a.example/", TEXT, outcome="deny"),
        line("https://a.example/", {**MIDDLE, "finding": "register-class", "waits_for": "register"}),
        {"kind": "header"},
    ]
    assert causes(lines) == []
    assert [item.finding for item in causes(lines, waits_for=("register",))] == ["register-class"]


def test_what_was_answered_is_not_asked_again() -> None:
    """A ruling answers its cause while it holds."""
    lines = [line(), line("https://b.example/", domain="b.example")]
    assert [item.site for item in causes(lines, rulings=[ruling()], at=START)] == ["b.example"]
    assert len(causes(lines, rulings=[ruling()], at=LATER)) == 2
    assert len(causes(lines, rulings=[ruling()])) == 1


def many() -> Iterator[dict[str, Any]]:
    """Give a hundred thousand lines of five hundred causes."""
    for number in range(100_000):
        site = f"site{number % 500}.example"
        yield line(f"https://{site}/{number}", TEXT, domain=site)


def test_a_hundred_thousand_items_of_five_hundred_causes(tmp_path: Path) -> None:
    """Five hundred causes, twenty samples each, in bounded memory, answered by five hundred rulings."""
    tracemalloc.start()
    found = causes(many())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 500
    assert {(item.count, len(item.samples)) for item in found} == {(200, 20)}
    assert peak < 20_000_000
    path = tmp_path / "queue.csv"
    write_csv(found, path, START)
    answer(path, outcome="allow", by="R. Reader", reason="read", valid_until="2027-11-24")
    rulings = [item for item in read_rulings_csv(path, START) if isinstance(item, Ruling)]
    assert len(rulings) == 500
    assert causes(list(many())[:2_000], rulings=rulings, at=START) == []


def answer(path: Path, **cells: str) -> None:
    """Fill in the answers of a queue, as a person does in a spreadsheet."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, **cells} for row in rows)


def test_answers_in_bulk(tmp_path: Path) -> None:
    """Site and party causes come back as rulings of their scope; rows without an answer are none."""
    path = tmp_path / "queue.csv"
    write_csv(causes([line("https://a.example/1", TEXT, MIDDLE)]), path, START)
    assert list(read_rulings_csv(path, START)) == []
    answer(path, outcome="ALLOW", by="R. Reader", reason="read", valid_until="2027-11-24")
    found = {item.finding: item for item in read_rulings_csv(path, START) if isinstance(item, Ruling)}
    assert found["natural-language"] == replace(
        ruling(), valid_until=datetime(2027, 11, 24, tzinfo=timezone.utc), rule="R-NL"
    )
    assert (found["register-middle"].scope, found["register-middle"].party) == ("", "cisac:058")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"outcome": "perhaps"}, "outcome: 'perhaps' is none of allow, deny"),
        ({"by": ""}, "by is missing"),
        ({"reason": ""}, "reason is missing"),
        ({"valid_until": ""}, "valid_until is missing"),
        ({"valid_until": "2020-01-01"}, "it ends before it begins"),
        ({"scope": "nonsense"}, "scope: 'nonsense' is no domain"),
        ({"finding": "refusal"}, "is answered by no ruling"),
        ({"finding": "register-class"}, "is answered by no person: it waits for a register"),
    ],
)
def test_an_answer_with_a_mistake_is_rejected(tmp_path: Path, cells: dict[str, str], reason: str) -> None:
    """With its line and what is wrong; it never becomes a ruling."""
    path = tmp_path / "queue.csv"
    write_csv(causes([line()]), path, START)
    answer(path, **{"outcome": "allow", "by": "R", "reason": "w", "valid_until": "2027-01-01", **cells})
    (found,) = read_rulings_csv(path, START)
    assert isinstance(found, Rejected)
    assert reason in found.reason
    assert found.line == 2


def test_cells_are_no_formulas(tmp_path: Path) -> None:
    """What stands on pages is not calculated by a spreadsheet, and comes back as it was."""
    path = tmp_path / "queue.csv"
    reason = {**MIDDLE, "where": "=HYPERLINK(1)", "rule": "@x"}
    write_csv(causes([line("https://a.example/", reason)]), path, START)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert not any(cell.startswith(("=", "@", "+", "-")) for cell in row.values())
    answer(path, outcome="deny", by="R", reason="w", valid_until="2027-01-01")
    (found,) = read_rulings_csv(path, START)
    assert isinstance(found, Ruling)
    assert found.party == "=HYPERLINK(1)"


def test_files_that_are_none_are_one_line(tmp_path: Path) -> None:
    """Missing, without the columns, not to be written."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(OptOutError, match="has no column 'finding'"):
        list(read_rulings_csv(path, START))
    with pytest.raises(OptOutError, match="cannot read"):
        list(read_rulings_csv(tmp_path / "none.csv", START))
    with pytest.raises(OptOutError, match="cannot write"):
        write_csv([], tmp_path / "no" / "x.csv", START)


def test_unanswered_causes_turn_to_deny() -> None:
    """After ninety days, never to allow, and for the cause alone."""
    found = causes(
        [line("https://a.example/1", TEXT), line("https://a.example/2", MIDDLE, at=START + timedelta(days=1))]
    )
    assert overdue(found, now=START + timedelta(days=89)) == []
    (only,) = overdue(found, now=START + timedelta(days=90))
    assert (only.finding, only.scope, only.outcome, only.reason) == (
        "natural-language", "a.example", Outcome.DENY, "unanswered for 90 days",
    )  # fmt: skip
    assert only.answers("natural-language", "https://a.example/9", "", START + timedelta(days=4000), "R-NL")
    assert len(overdue(found, now=START + timedelta(days=2), days=1)) == 2


def test_released_urls_are_a_seed_list() -> None:
    """Only where all that was waited for was answered with allow; deny goes before allow."""
    lines = [
        line("https://a.example/1", TEXT),
        line("https://a.example/1", TEXT),
        line("https://a.example/2", TEXT, MIDDLE),
        line("https://a.example/3", TEXT, {**TEXT, "finding": "refusal", "outcome": "deny", "waits_for": None}),
        line("https://a.example/4", {**TEXT, "finding": "register-class", "waits_for": "register"}),
        line("https://b.example/5", TEXT, domain="b.example"),
        line("https://a.example/6", TEXT, outcome="deny"),
    ]
    assert list(released(lines, [ruling()], START)) == ["https://a.example/1"]
    assert list(released(lines, [ruling(), ruling(Outcome.DENY)], START)) == []
    assert list(released(lines, [ruling()], LATER)) == []
    both = [ruling(), ruling(finding="register-middle", scope="", party="cisac:058")]
    assert list(released(lines, both, START)) == ["https://a.example/1", "https://a.example/2"]


def test_too_many_causes_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, in bounded memory, and never answered as if they were one subject."""
    monkeypatch.setattr(queue, "MAX_CAUSES", 2)
    lines = [line(f"https://s{number}.example/", domain=f"s{number}.example") for number in range(5)]
    found = causes(lines)
    assert sum(item.count for item in found) == 5
    assert found[0].site == queue.OTHER
    assert {item.scope for item in overdue(found, now=LATER)} == {"s0.example", "s1.example"}


@pytest.mark.parametrize("at", [None, "yesterday", "2026-11-24T12:00:00", 7])
def test_a_line_without_a_time_is_none(at: object) -> None:
    """It is told in one line: then it is no audit log."""
    with pytest.raises(OptOutError, match="has no time"):
        causes([line() | {"at": at}])
