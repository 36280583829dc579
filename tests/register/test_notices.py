"""Notices: what a letter names by itself, taking it in, what it hits, and following it to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers.letters import Letter, read_letter
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import Asset, AssetClass, Credits, Identifier, Party, UseContext, Work
from optout_middleware.register.notices import Notices, preview
from optout_middleware.register.rules import judge
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import OptOutError, Outcome, Usage

from .cwr_builder import ipi, iswc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
TODAY = date(2026, 11, 24)
LETTER = f"""Éditions X, www.editions-x.example, mail: rights@editions-x.example

Dear Sir or Madam,

your crawler copied https://lyrics.example/songs/1 (see also https://lyrics.example/songs/2.) and all of
https://tabs.example/ and scores.example. The works are ours, among them ISWC {iswc(1)} by IPI {ipi(1)}.
See contract.pdf. Yours truly, e.g. for T-913.160.836-4.
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegisterStore]:
    """Make a register."""
    with RegisterStore(tmp_path / "register.sqlite") as made:
        yield made


@pytest.fixture
def log(store: RegisterStore) -> FactLog:
    """Make a log."""
    return FactLog(store, now=lambda: NOW)


@pytest.fixture
def notices(log: FactLog) -> Notices:
    """Open the notices."""
    return Notices(log, today=lambda: TODAY)


def letter(tmp_path: Path, text: str | bytes = LETTER, name: str = "letter.txt") -> Path:
    """Write a document."""
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_plain_text_gives_what_cannot_be_mistaken(tmp_path: Path) -> None:
    """URLs, domains, valid identifiers; a whole site is its domain; addresses of mail and names of files are none."""
    found = read_letter(letter(tmp_path))
    assert found.urls == ("https://lyrics.example/songs/1", "https://lyrics.example/songs/2")
    assert found.domains == ("tabs.example", "www.editions-x.example", "scores.example")
    assert [work.identifiers for work in found.works] == [(Identifier("iswc", iswc(1)),)]
    assert [party.id for party in found.parties] == [f"ipi:{ipi(1)}"]
    assert found.weak == (f"party 'ipi:{ipi(1)}': a number alone hardly ever stands on a page",)
    assert [item.reason for item in found.unread] == ["iswc 'T9131608364' is not valid: left out"]


def test_a_table_of_works(tmp_path: Path) -> None:
    """Works with their writers, who are credits and not meant as a whole; what hardly matches is listed."""
    text = f"title,writers,iswc\nLantern,Luce Arbour,\nHold On,,\nBeacon,,{iswc(2)}\n,,\n,Nobody,\n"
    found = read_letter(letter(tmp_path, text, "works.csv"))
    assert [work.titles for work in found.works] == [("Lantern",), ("Hold On",), ("Beacon",)]
    assert [party.names for party in found.holders] == [("Luce Arbour",)]
    assert found.parties == ()
    assert [item.party for item in found.interests] == [found.holders[0].id]
    assert found.weak == (
        "work 'Hold On': a title alone is logged and restricts lyrics, notation and audio only (rule M4)",
    )
    assert [(item.line, item.reason) for item in found.unread] == [(6, "no title")]


def test_a_document_in_yaml(tmp_path: Path) -> None:
    """Parties, URLs and domains; what a notice has no place for is told."""
    text = """
parties: [{id: p1, kind: natural, names: [Luce Arbour]}]
urls:
  - {scope: a.example, party: p1}
  - {scope: "https://b.example/1", party: p1}
licences: [{party: p1, scopes: [a.example], usages: [train-ai], valid_from: 2026-01-01, valid_until: 2027-01-01,
            evidence: e, recorded_by: r}]
"""
    found = read_letter(letter(tmp_path, text, "letter.yaml"))
    assert [party.id for party in found.parties] == ["p1"]
    assert (found.domains, found.urls) == (("a.example",), ("https://b.example/1",))
    assert [item.reason for item in found.unread] == ["a Licence is no part of a notice"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"%PDF-1.7 stuff", "letter.pdf", "letter.pdf is no text"),
        (b"PK\x03\x04\x00\x00", "letter.docx", "letter.docx is no text"),
        (b"We object.", "letter.txt", "names no URL, domain or identifier"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, content: bytes, name: str, said: str) -> None:
    """Nothing is guessed; a person names what it is about."""
    found = read_letter(letter(tmp_path, content, name))
    assert said in found.unread[0].reason
    assert found == replace(Letter(), unread=found.unread)


def test_a_notice_restricts_at_once(tmp_path: Path, notices: Notices, log: FactLog, store: RegisterStore) -> None:
    """The document is kept, its declarations count, and matching finds what it names."""
    path = letter(tmp_path)
    added = notices.add(
        path, "Éditions X", TODAY, by="R. Reader", authority="publisher", due=date(2026, 12, 24),
        parties=["Otto Quill", f"ipi:{ipi(2)}"], works=["Beacon", f"ISWC {iswc(3)}"], domains=["More.example"],
        urls=["https://c.example/x"],
    )  # fmt: skip
    notice = added.notice
    assert added.is_new
    assert (notice.status, notice.due, notice.document) == ("open", date(2026, 12, 24), "letter.txt")
    assert log.document(notice.sha256) == path.read_bytes()
    assert "more.example" in notice.domains
    assert notice.urls[-1] == "https://c.example/x"
    current = log.current(NOW)
    assert {item.scope: len(item.targets) for item in current.declarations} == {
        "parties": 3, "works": 3, "site": 4, "asset": 3,
    }  # fmt: skip
    assert notices.all() == [notice]
    assert notices.get(notice.id[:6]) == notice
    tables = {
        name: store.connection().execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("work", "party")
    }
    assert tables == {"work": 3, "party": 4}


def test_an_identical_document_is_the_same_notice(tmp_path: Path, notices: Notices, log: FactLog) -> None:
    """Whatever its name and whoever brings it."""
    first = notices.add(letter(tmp_path), "Éditions X", TODAY, by="A")
    again = notices.add(letter(tmp_path, name="copy.txt"), "Somebody", date(2026, 11, 25), by="B")
    assert not again.is_new
    assert again.notice == first.notice
    assert len(log.all()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "it names nothing"),
        ({"domains": ["no domain"]}, "domain of a notice: 'no domain' is no domain"),
        ({"urls": ["x"]}, "URL of a notice: 'x' is no http(s) URL"),
        ({"parties": [" "]}, "a party of a notice has a name"),
        ({"works": [""]}, "a work of a notice has a title"),
        ({"works": ["ISWC T-913.160.836-4"]}, "iswc 'T9131608364' of a notice is not valid"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_kept(
    tmp_path: Path, notices: Notices, log: FactLog, options: dict[str, Any], said: str
) -> None:
    """What is wrong, before anything is recorded."""
    with pytest.raises(OptOutError) as caught:
        notices.add(letter(tmp_path, "We object."), "X", TODAY, by="A", **options)
    assert said in str(caught.value)
    assert log.all() == []


def test_a_missing_document(tmp_path: Path, notices: Notices) -> None:
    """One line."""
    with pytest.raises(OptOutError, match="cannot read"):
        notices.add(tmp_path / "none", "X", TODAY, by="A")


def test_a_notice_is_answered_and_closed(tmp_path: Path, notices: Notices, log: FactLog) -> None:
    """Answering changes nothing of what it restricts; closing as not upheld ends it; all stands in the history."""
    notice = notices.add(letter(tmp_path), "X", TODAY, by="A", due=date(2026, 11, 20)).notice
    assert notices.overdue() == [notice]
    answered = notices.answer(notice.id, "we took it out", by="B")
    assert (answered.status, answered.answered, answered.answer) == ("answered", TODAY, "we took it out")
    assert notices.overdue() == []
    assert log.current(NOW).declarations == tuple(notice.declarations())
    closed = notices.close(notice.id, "no authority shown", by="C", upheld=False)
    assert (closed.status, closed.upheld, closed.answered) == ("closed", False, TODAY)
    assert log.current(NOW).declarations == ()
    assert [fact.recorded_by for fact in log.history(1)] == ["A", "B", "C"]
    with pytest.raises(OptOutError, match="is closed: no authority shown"):
        notices.answer(notice.id, "x", by="A")
    with pytest.raises(OptOutError, match="is closed already"):
        notices.close(notice.id, "x", by="A", upheld=True)
    with pytest.raises(OptOutError, match="there is no notice 'nothing'"):
        notices.get("nothing")
    with pytest.raises(OptOutError, match="there are several notices ''"):
        notices.get("")


def test_answers_and_closings_say_something(tmp_path: Path, notices: Notices) -> None:
    """An empty one is a mistake."""
    notice = notices.add(letter(tmp_path), "X", TODAY, by="A").notice
    with pytest.raises(OptOutError, match="an answer says something"):
        notices.answer(notice.id, " ", by="A")
    with pytest.raises(OptOutError, match="say why"):
        notices.close(notice.id, "", by="A", upheld=True)
    assert notices.close(notice.id, "all taken out", by="A", upheld=True).upheld


def test_the_preview_counts_what_is_hit(tmp_path: Path) -> None:
    """By site, URL, work and party, as the credits of audit lines name them."""
    text = f"""
parties: [{{id: p1, kind: natural, names: [Luce Arbour], identifiers: {{ipi: "{ipi(1)}"}}}}]
works: [{{id: w1, kind: musical, titles: [The Lantern], identifiers: {{iswc: {iswc(1)}}}}}]
urls: [{{scope: a.example, party: p1}}, {{scope: "https://b.example/1", party: p1}}]
"""
    named = read_letter(letter(tmp_path, text, "letter.yaml"))
    credited = [
        {"titles": ["LANTERN, The"], "writers": ["Arbour, Luce"]},
        {"titles": ["the lantern"], "performers": ["luce arbour"]},
        {"identifiers": [f"iswc:{iswc(1)}"]},
        {"party_identifiers": [f"ipi:{ipi(1)}"]},
        {"titles": ["Another"], "writers": ["Somebody"]},
        {"titles": 7},
        [],
        None,
    ]
    lines: list[dict[str, Any]] = [
        {"url": "https://www.a.example/x", "credits": []},
        {"url": "https://a.example/y"},
        {"url": "https://b.example/0", "final_url": "https://b.example/1?x"},
        {"url": None},
        *({"url": "https://c.example/", "credits": one} for one in credited),
    ]
    counts = preview(named, lines)
    assert counts.to_dict() == {
        "lines": 12, "hit": 7, "domains": {"a.example": 2}, "urls": {"https://b.example/1": 1}, "works": {"w1": 3},
        "parties": {"p1": 3},
    }  # fmt: skip


def test_the_preview_of_a_list_of_works_looks_at_their_writers(tmp_path: Path) -> None:
    """Another song of the same title is not hit, where both name writers."""
    named = read_letter(letter(tmp_path, "title,writers\nHold On,Luce Arbour\n", "works.csv"))
    credited = [{"titles": ["Hold On"], "writers": [who]} for who in ("Luce Arbour", "Otto Quill")]
    counts = preview(named, [{"url": "https://c.example/", "credits": one} for one in credited])
    assert counts.hit == 1


CONTEXT = UseContext("Operator", Usage.TRAIN_AI, TODAY)


@pytest.mark.parametrize(
    ("credited", "url", "outcome"),
    [
        (Credits(titles=("Beacon",), writers=("Otto Quill",), asset_class=AssetClass.LYRICS), "", Outcome.DENY),
        (Credits(identifiers=(Identifier("iswc", iswc(9)),), titles=("Glow",)), "", Outcome.DENY),
        (Credits(), "https://tabs.example/x", Outcome.DENY),
        (Credits(), "https://scores.example/1", Outcome.DENY),
        (Credits(), "https://scores.example/2", Outcome.ALLOW),
        (Credits(titles=("Else",), writers=("Nobody Known",)), "", Outcome.ALLOW),
    ],
)
def test_what_a_notice_names_is_matched_and_restricted(
    tmp_path: Path, notices: Notices, log: FactLog, credited: Credits, url: str, outcome: Outcome
) -> None:
    """From the letter to the judgement: works by writers or number, sites, URLs; and nothing else."""
    text = f"title,writers,iswc\nBeacon,Otto Quill,\nGlow,,{iswc(9)}\n"
    notices.add(
        letter(tmp_path, text, "works.csv"), "X", TODAY, by="A", domains=["tabs.example"],
        urls=["https://scores.example/1"],
    )  # fmt: skip
    (facts,) = Matcher(log.store, now=lambda: NOW).facts([Asset(url or "https://any.example/", credited)])
    declared = {item.id: item for item in (*facts.declarations, *log.current(NOW).declarations)}
    assert judge(replace(facts, declarations=tuple(declared.values())), CONTEXT).outcome is outcome


def outcome_of(store: RegisterStore, name: str) -> Outcome:
    """Tell what a text by somebody comes to, whose class nobody told."""
    (facts,) = Matcher(store).facts([Asset("https://texts.example/1", Credits(titles=("A Text",), writers=(name,)))])
    return judge(facts, UseContext("Example Corp", Usage.TRAIN_AI, TODAY)).outcome


@pytest.mark.parametrize("sender", ["Dulcie Marrowby", "DULCIE MARROWBY", "Her Agent Example"])
@pytest.mark.parametrize("known", [False, True])
def test_a_letter_about_a_person_restricts_whoever_sent_it(
    store: RegisterStore, notices: Notices, tmp_path: Path, sender: str, known: bool
) -> None:
    """The person who writes may be the one who is named, and may be in the register already."""
    if known:
        with store.importing("list", "9" * 64, TODAY, "csv") as batch:
            batch.add(Party("dulcie", "natural", ("Dulcie Marrowby",)))
    assert outcome_of(store, "Dulcie Marrowby") is Outcome.ALLOW
    added = notices.add(letter(tmp_path, "keep off"), sender, TODAY, by="Me", parties=["Dulcie Marrowby"])
    assert (added.notice.parties[0].id == "dulcie") is known
    assert outcome_of(store, "Dulcie Marrowby") is Outcome.PENDING


def test_a_second_letter_about_a_person_frees_nobody(store: RegisterStore, notices: Notices, tmp_path: Path) -> None:
    """Two namesakes in two letters are both restricted: each name is middle, though several have it."""
    for number in range(2):
        document = letter(tmp_path, f"keep off, {number}")
        notices.add(document, f"Agent {number}", TODAY, by="Me", parties=["Dulcie Marrowby"])
    assert outcome_of(store, "Dulcie Marrowby") is Outcome.PENDING


def test_ids_of_the_register_are_known(store: RegisterStore, notices: Notices, tmp_path: Path) -> None:
    """A party or work may be named by its id, whatever form that has."""
    with store.importing("list", "9" * 64, TODAY, "csv") as batch:
        batch.add(Party("dulcie", "natural", ("Dulcie Marrowby",)))
        batch.add(Work("w1", "literary", ("A Text",)))
    added = notices.add(letter(tmp_path, "keep off"), "Agent", TODAY, by="Me", parties=["dulcie"], works=["w1"])
    assert [party.id for party in added.notice.parties] == ["dulcie"]
    assert [work.id for work in added.notice.works] == ["w1"]
