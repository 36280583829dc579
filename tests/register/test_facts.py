"""Dated facts: append-only, each with its history; what holds at a time; what a running crawl takes up."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register.current import Current, ExcludedSite
from optout_middleware.register.facts import FactLog
from optout_middleware.register.model import Correction, Dispute, Mandate, Party, RightException, Status, Work
from optout_middleware.register.notice import CLOSED, Notice
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import Licence, OptOutError, Outcome, Ruling, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
LATER = START + timedelta(days=400)
DAY = date(2026, 11, 24)
RULING = Ruling("natural-language", "a.example", Outcome.ALLOW, "R. Reader", "terms read", START, LATER)
LICENCE = Licence("socia", ("a.example",), (Usage.TRAIN_AI,), START, LATER, "folder", "R. Reader")
CORRECTION = Correction("w1", "a.example", "R. Reader", "another song", DAY)
DISPUTE = Dispute("x1", "socia", ("p1",), DAY)
EXCEPTION = RightException("socia", "p1", "withhold", evidence="letter")
MANDATE = Mandate("p1", "socia", evidence="letter")
SITE = ExcludedSite("pirate.example", "Watch Example", "2026-11-01")
NOTICE = Notice(
    "n1", "Éditions X", DAY, "letter.txt", "0" * 64, "agent of Luce Arbour", date(2026, 12, 24),
    (Party("p1", "natural", ("Luce Arbour",)),), (Work("w1", "musical", ("Lantern",)),), (),
    ("a.example",), ("https://b.example/1",),
)  # fmt: skip
FACTS = {
    "ruling": RULING, "licence": LICENCE, "correction": CORRECTION, "dispute": DISPUTE, "exception": EXCEPTION,
    "mandate": MANDATE, "excluded-site": SITE, "notice": NOTICE,
}  # fmt: skip


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """Make a clock."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegisterStore]:
    """Make a register."""
    with RegisterStore(tmp_path / "register.sqlite") as made:
        yield made


@pytest.fixture
def log(store: RegisterStore, clock: Clock) -> FactLog:
    """Make a log."""
    return FactLog(store, now=clock)


@pytest.mark.parametrize("kind", FACTS)
def test_a_fact_is_read_back_as_it_was_recorded(log: FactLog, kind: str) -> None:
    """Who, when, what; a ruling or licence without an id is named by its number."""
    fact = log.add(kind, FACTS[kind], by=" R. Reader ")
    assert (fact.id, fact.kind, fact.recorded_at, fact.recorded_by) == (1, kind, START, "R. Reader")
    (read,) = log.live(kind)
    assert read.to_dict() == fact.to_dict()
    expected: Any = FACTS[kind]
    if kind in ("ruling", "licence"):
        expected = replace(expected, id=f"{kind}-1")
    assert read.record() == expected


def test_nothing_is_recorded_in_a_register_without_facts(store: RegisterStore) -> None:
    """Asking makes no tables."""
    log = FactLog(store)
    assert log.live() == []
    assert log.current(START) == Current()
    assert not log.changed()
    names = store.connection().execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'fact_%'").fetchone()
    assert names == (0,)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("rumour", {}, "'rumour' is no kind of fact: choose out of notice, ruling"),
        ("ruling", "allow", "a ruling is a mapping of its fields, not str"),
        ("licence", {"party": "p", "scopes": ["a.example"], "usages": ["train-ai"], "valid_from": "2026-01-01",
                     "evidence": "e", "recorded_by": "r"}, "licence p: valid_until is missing"),
        ("ruling", {"finding": "natural-language", "scope": "a.example", "outcome": "allow", "by": "r",
                    "valid_from": "2026-01-01", "valid_until": "2027-01-01"},
         "ruling natural-language: reason is missing"),
        ("ruling", {"finding": "refusal", "scope": "a.example", "outcome": "allow", "by": "r", "reason": "w",
                    "valid_from": "2026-01-01", "valid_until": "2027-01-01"}, "is answered by no ruling"),
        ("correction", {"subject": "w1", "by": "r", "start": "2026-01-01"}, "correction w1: evidence is missing"),
        ("notice", {"id": "n", "sender": "s", "received": "2026-01-01", "document": "d", "sha256": "0"},
         "notice: it names nothing"),
        ("notice", {"id": "n", "sendr": "s"}, "notice: unknown field 'sendr'"),
        ("excluded-site", {"scope": "a.example", "source": "x"}, "give exactly scope, source and date"),
        ("excluded-site", {"scope": "a", "source": "x", "date": "2026-01-01"}, "'a' is no domain"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_nothing_is_recorded(log: FactLog, kind: str, value: object, said: str) -> None:
    """What is wrong, before anything is written."""
    with pytest.raises(OptOutError) as caught:
        log.add(kind, value, by="R. Reader")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert log.all() == []


def test_a_fact_has_a_person(log: FactLog) -> None:
    """Nobody records nothing."""
    with pytest.raises(OptOutError, match="say by whom"):
        log.add("ruling", RULING, by=" ")


def test_history_is_kept(log: FactLog, clock: Clock) -> None:
    """What replaces and what ends stand beside what was; each day tells what held on it."""
    first = log.add("correction", CORRECTION, by="A")
    clock.at += timedelta(days=1)
    second = log.add("correction", replace(CORRECTION, evidence="better"), by="B", replaces=first.id)
    clock.at += timedelta(days=1)
    end = log.end(second.id, by="C", reason="wrong after all")
    assert [fact.id for fact in log.history(second.id)] == [first.id, second.id, end.id]
    assert log.history(end.id) == log.history(first.id)
    assert [fact.recorded_by for fact in log.history(first.id)] == ["A", "B", "C"]
    held = [log.current(START + timedelta(days=days)).corrections for days in range(-1, 3)]
    assert [[item.evidence for item in items] for items in held] == [[], ["another song"], ["better"], []]
    assert len(log.all("correction")) == 3


@pytest.mark.parametrize("number", [9, 1, 2])
def test_a_fact_is_replaced_once_and_by_its_like(log: FactLog, number: int) -> None:
    """None of that number, one that was replaced, one of another kind."""
    log.add("correction", CORRECTION, by="A")
    log.add("dispute", DISPUTE, by="A")
    log.add("correction", CORRECTION, by="A", replaces=1)
    with pytest.raises(OptOutError):
        log.add("correction", CORRECTION, by="A", replaces=number)
    assert len(log.all()) == 3


def test_an_end_has_a_reason(log: FactLog) -> None:
    """And something to end."""
    log.add("dispute", DISPUTE, by="A")
    with pytest.raises(OptOutError, match="say why"):
        log.end(1, by="A", reason="")
    with pytest.raises(OptOutError, match="there is no fact 7"):
        log.end(7, by="A", reason="x")
    with pytest.raises(OptOutError, match="there is no fact 7"):
        log.history(7)


def test_rows_cannot_be_changed(log: FactLog, store: RegisterStore) -> None:
    """Not even by who has the file open."""
    log.add("dispute", DISPUTE, by="A")
    log.keep("0" * 64, "letter", b"words")
    for statement in ("UPDATE fact_log SET value = '{}'", "DELETE FROM fact_log", "DELETE FROM fact_document"):
        with pytest.raises(sqlite3.IntegrityError, match="kept as they were recorded"):
            store.connection().execute(statement)
    assert log.document("0" * 64) == b"words"
    with pytest.raises(OptOutError, match="no document"):
        log.document("1" * 64)


def test_current_leaves_out_what_has_run_out(log: FactLog) -> None:
    """Licences, rulings and corrections end; other facts have their days, which the rules weigh."""
    for kind, value in FACTS.items():
        log.add(kind, value, by="A")
    log.add("correction", replace(CORRECTION, end=date(2026, 12, 1)), by="A")
    now, then = log.current(START), log.current(LATER)
    assert (len(now.licences), len(now.rulings), len(now.corrections)) == (1, 1, 2)
    assert (len(then.licences), len(then.rulings), len(then.corrections)) == (0, 0, 1)
    assert then.disputes == (DISPUTE,)
    assert then.exceptions == (EXCEPTION,)
    assert then.excluded_sites == (SITE,)


def test_a_notice_becomes_declarations_and_asserted_mandates(log: FactLog) -> None:
    """One declaration for each kind of scope, counting from the day it came in; a mandate of each party."""
    log.add("notice", NOTICE, by="A")
    current = log.current(START)
    assert [(item.scope, item.targets) for item in current.declarations] == [
        ("parties", ("p1",)),
        ("works", ("w1",)),
        ("site", ("a.example",)),
        ("asset", ("https://b.example/1",)),
    ]
    assert all(
        item.notice
        and item.effective_from == DAY
        and item.declarant == "sender:Éditions X"
        and item.usages == (Usage.TDM,)
        for item in current.declarations
    )
    (mandate,) = current.mandates
    assert (mandate.grantor, mandate.manager, mandate.uses) == ("p1", "sender:Éditions X", ("reserve",))
    assert (mandate.status, mandate.basis, mandate.evidence) == (Status.ASSERTED, "notice", "agent of Luce Arbour")


def test_a_notice_that_was_not_upheld_restricts_no_more(log: FactLog) -> None:
    """Closed as upheld it goes on."""
    log.add("notice", NOTICE, by="A")
    log.add("notice", replace(NOTICE, status=CLOSED, upheld=True, answer="yes"), by="A", replaces=1)
    assert len(log.current(START).declarations) == 4
    log.add("notice", replace(NOTICE, status=CLOSED, upheld=False, answer="no"), by="A", replaces=2)
    assert log.current(START) == Current()


def test_changed_tells_of_other_processes_too(log: FactLog, store: RegisterStore) -> None:
    """Once for each change."""
    with RegisterStore(store.path) as other:
        FactLog(other).add("dispute", DISPUTE, by="A")
    assert log.changed()
    assert not log.changed()
    log.add("dispute", DISPUTE, by="A")
    assert log.changed()


def test_a_log_that_cannot_be_read_is_one_line(log: FactLog, store: RegisterStore) -> None:
    """A fact of a newer form is not left out in silence."""
    log.add("dispute", DISPUTE, by="A")
    for value in ('{"id": "x", "newer": 1}', "[", "[]"):
        store.connection().execute(
            "INSERT INTO fact_log (kind, recorded_at, recorded_by, value) VALUES ('dispute', '2026', 'A', ?)", (value,)
        )
        with pytest.raises(OptOutError, match="cannot be read"):
            log.current(LATER)


def test_a_time_has_a_zone(log: FactLog) -> None:
    """A time without one is asked back."""
    log.add("dispute", DISPUTE, by="A")
    with pytest.raises(OptOutError, match="aware"):
        log.current(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_running_crawl_tightens_only(log: FactLog) -> None:
    """New restrictions count at once; new permissions, and restrictions that are gone, wait for the next run."""
    log.add("ruling", replace(RULING, outcome=Outcome.DENY), by="A")
    log.add("licence", LICENCE, by="A")
    log.add("dispute", DISPUTE, by="A")
    older = log.current(START)
    log.end(1, by="A", reason="x")
    log.end(2, by="A", reason="x")
    log.end(3, by="A", reason="x")
    log.add("licence", replace(LICENCE, party="other"), by="A")
    log.add("ruling", replace(RULING, scope="b.example"), by="A")
    log.add("ruling", replace(RULING, scope="c.example", outcome=Outcome.DENY), by="A")
    log.add("correction", CORRECTION, by="A")
    log.add("exception", replace(EXCEPTION, direction="permit"), by="A")
    log.add("exception", EXCEPTION, by="A")
    log.add("mandate", replace(MANDATE, uses=("reserve", "license"), status=Status.CONFIRMED), by="A")
    log.add("mandate", MANDATE, by="A")
    log.add("notice", NOTICE, by="A")
    merged = older.tightened(log.current(START))
    assert merged.licences == ()
    assert [(item.scope, item.outcome) for item in merged.rulings] == [
        ("a.example", Outcome.DENY),
        ("c.example", Outcome.DENY),
    ]
    assert merged.disputes == (DISPUTE,)
    assert merged.corrections == ()
    assert merged.exceptions == (EXCEPTION,)
    assert [item.status for item in merged.mandates] == [Status.ASSERTED, Status.ASSERTED]
    assert len(merged.declarations) == 4
    assert len(merged.notices) == 1


def test_what_still_permits_goes_on(log: FactLog) -> None:
    """A licence that is in both counts in a running crawl."""
    log.add("licence", LICENCE, by="A")
    older = log.current(START)
    log.add("dispute", DISPUTE, by="A")
    assert older.tightened(log.current(START)).licences == older.licences
