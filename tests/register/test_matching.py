"""Matching assets to works and parties by rules M1 to M5, and what else is gathered with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register import fingerprint
from optout_middleware.register.facts import FactLog
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import (
    AssetClass,
    Band,
    Correction,
    Declaration,
    Dispute,
    Facts,
    Identifier,
    Mandate,
    Match,
    Party,
    Repertoire,
    RightException,
    Work,
)
from optout_middleware.register.store import LyricsFingerprint, RegisterStore, UrlEntry
from optout_middleware.terms import Licence, Usage

from .small import BRIDGE, DAY, HOUSE, ISWC, JANE, JOHN, LOVE, OTHER_ISWC, RECORDS, URL, asset, interest, put, source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optout_middleware.register.records import Record

SACEM = "cisac:058"
JANE_IPI = JANE.identifiers[0]
STRANGER = Identifier("ipi", "00128808460")
DECLARED = Declaration("d:sacem", SACEM, "repertoire", classes=(AssetClass.LYRICS,))
YEAR = datetime(2026, 1, 1, tzinfo=timezone.utc), datetime(2027, 1, 1, tzinfo=timezone.utc)


def licence(party: str, **more: Any) -> Licence:
    """Give a licence for this year."""
    values: dict[str, Any] = {"scopes": (), "id": f"l:{party}", **more}
    return Licence(party, usages=(Usage.TRAIN_AI,), valid_from=YEAR[0], valid_until=YEAR[1], evidence="e",
                   recorded_by="Ann", **values)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegisterStore]:
    """Give the small register."""
    with RegisterStore(tmp_path / "register.sqlite") as opened:
        put(opened, RECORDS)
        yield opened


def facts(store: RegisterStore, **credits_: Any) -> Facts:
    """Match one asset."""
    (found,) = Matcher(store).facts([asset(**credits_)])
    return found


def only(store: RegisterStore, **credits_: Any) -> Match:
    """Give the one match of an asset."""
    (match,) = facts(store, **credits_).matches
    return match


@pytest.mark.parametrize(
    ("credits_", "why"),
    [
        ({"titles": ("the bridge of NULLEVILLE (Live)",)}, "the title agrees"),
        ({"titles": ("Le Pont",)}, "the title agrees"),
        ({"titles": ("Something Else",), "writers": ("Jane Doe",)}, "a named party agrees"),
        ({"publishers": ("Nowhere Music",)}, "a named party agrees"),
        ({"titles": ("Something Else",), "party_identifiers": (JANE_IPI,)}, "a party agrees by its number"),
        ({}, "nothing beside it to compare"),
    ],
)
def test_m1_an_equal_identifier_is_strong_and_exact(store: RegisterStore, credits_: dict[str, Any], why: str) -> None:
    """Where the title or one party agrees; and where there is nothing to compare, since that restricts."""
    match = only(store, identifiers=(ISWC,), **credits_)
    assert (match.work, match.method, match.band, match.exact, match.conflict) == (
        BRIDGE.id, "identifier", Band.STRONG, True, False,
    )  # fmt: skip
    assert why in match.explanation
    assert "T0345246801" in match.explanation


@pytest.mark.parametrize(
    "credits_",
    [
        {"titles": ("Something Else",)},
        {"titles": ("Something Else",), "writers": ("Max Stranger",)},
        {"writers": ("Max Stranger",)},
        {"party_identifiers": (STRANGER,)},
    ],
)
def test_m2_an_identifier_that_disagrees_is_a_conflict(store: RegisterStore, credits_: dict[str, Any]) -> None:
    """Middle, so that a person looks; and never exact, so that it permits nothing."""
    match = only(store, identifiers=(ISWC,), **credits_)
    assert (match.band, match.exact, match.conflict) == (Band.MIDDLE, False, True)


def test_m2_a_dropped_identifier_leaves_the_metadata(store: RegisterStore) -> None:
    """An identifier with a bad check digit is not looked up; title and writers match (S32)."""
    match = only(store, dropped=(ISWC,), titles=("The Bridge of Nulleville",), writers=("Doe, Jane",))
    assert (match.method, match.band, match.exact) == ("title+writers", Band.STRONG, False)


def test_m2_each_work_with_the_number_is_judged(store: RegisterStore) -> None:
    """One number of two works: that which agrees is strong, the other is in conflict."""
    put(store, [replace(LOVE, id="w:false", titles=("Wrong",), identifiers=(ISWC,))], name="other")
    found = {match.work: match for match in facts(store, identifiers=(ISWC,), titles=("Le pont",)).matches}
    assert (found[BRIDGE.id].band, found[BRIDGE.id].conflict) == (Band.STRONG, False)
    assert (found["w:false"].band, found["w:false"].conflict) == (Band.MIDDLE, True)


@pytest.mark.parametrize(
    "credits_",
    [
        {"writers": ("Jane Doe", "John Quentin Roe")},
        {"writers": ("Doe, Jane",)},
        {"writers": ("Words and music by Jane Doe & J. Q. Roe",)},
        {"writers": ("Jané DOE",)},
        {"party_identifiers": (JANE_IPI,)},
    ],
)
@pytest.mark.parametrize(
    "title", ["The Bridge of Nulleville", "Bridge of Nuleville (feat. Somebody)", "Nulleville, Bridge of", "LE PONT"]
)
def test_m3_title_and_all_named_writers_are_strong(store: RegisterStore, credits_: dict[str, Any], title: str) -> None:
    """All writers that the page names, or one party by its number; but not exact."""
    match = only(store, titles=(title,), **credits_)
    assert (match.work, match.method, match.band, match.exact) == (BRIDGE.id, "title+writers", Band.STRONG, False)


@pytest.mark.parametrize(
    "credits_",
    [
        {"writers": ("Jane Doe", "Max Stranger")},
        {"writers": ("J. Doe",)},
        {"writers": ("Jana Doe",)},
        {"writers": ("Doe",)},
        {"performers": ("Jane Doe",)},
        {"publishers": ("Nowhere Music",)},
        {"holders": ("Nowhere Music",), "writers": ("Max Stranger",)},
        {"party_identifiers": HOUSE.identifiers},
    ],
)
def test_m3_one_fuzzy_writer_is_middle(store: RegisterStore, credits_: dict[str, Any]) -> None:
    """One of several, an initial, another letter; or a party that is no writer (S30)."""
    (match,) = [one for one in facts(store, titles=("The Bridge of Nulleville",), **credits_).matches if one.work]
    assert (match.work, match.band) == (BRIDGE.id, Band.MIDDLE)


@pytest.mark.parametrize("title", ["The Bridge of Nulleville Again", "The Bridge of Nullebourg", "Bridge Nulleville 2"])
def test_m3_a_title_that_is_only_alike_is_middle(store: RegisterStore, title: str) -> None:
    """A word more, another word, a number: another work of the same writer, or not."""
    match = next(one for one in facts(store, titles=(title,), writers=("Jane Doe",)).matches if one.work)
    assert match.band is Band.MIDDLE


@pytest.mark.parametrize("credits_", [{}, {"writers": ("Max Stranger",)}])
def test_m4_a_title_alone_is_weak(store: RegisterStore, credits_: dict[str, Any]) -> None:
    """Nobody named, or others (S29)."""
    match = only(store, titles=("Love",), **credits_)
    assert (match.work, match.method, match.band) == (LOVE.id, "title", Band.WEAK)


def test_m4_few_of_many_equal_titles_are_told(store: RegisterStore) -> None:
    """A common title gives three candidates, and a note that its block was cut."""
    put(store, [Work(f"w:{number}", "musical", ("Hold On",)) for number in range(200)], name="many")
    found = facts(store, titles=("Hold On",))
    assert [match.band for match in found.matches] == [Band.WEAK] * 3
    assert found.notes == ("1 blocks of works were cut for size, which can hide a match",)
    assert len(found.works) == 3


def test_a_cut_block_is_not_noted_where_the_work_was_found(store: RegisterStore) -> None:
    """A writer's name leads past the common title."""
    many = [Work(f"w:{number}", "musical", ("Love",)) for number in range(200)]
    put(store, many, name="many")
    found = facts(store, titles=("Love",), writers=("John Quentin Roe",))
    assert [(match.work, match.band) for match in found.matches] == [(LOVE.id, Band.STRONG)]
    assert found.notes == ()


def test_namesakes_of_a_strong_match_are_left_out(store: RegisterStore) -> None:
    """Another work of that title by a writer whose name is alike is not meant."""
    other = replace(JOHN, id="p:j", names=("Jon Quentin Roe",), identifiers=())
    put(store, [other, replace(LOVE, id="w:other"), interest(other, replace(LOVE, id="w:other"))], name="other")
    found = facts(store, titles=("Love",), writers=("John Quentin Roe",))
    assert [(match.work, match.band) for match in found.matches] == [(LOVE.id, Band.STRONG)]


def test_two_works_of_one_page_are_both_found(store: RegisterStore) -> None:
    """A medley credits two titles."""
    found = facts(store, titles=("Love", "Le pont"), writers=("J. Q. Roe",))
    assert {match.work: match.band for match in found.matches} == {BRIDGE.id: Band.STRONG, LOVE.id: Band.STRONG}


def test_recordings_keep_their_version(store: RegisterStore) -> None:
    """A work's title is compared without its version, a recording's with it."""
    live = Work("r:live", "recording", ("Love (Live)",))
    plain = Work("r:plain", "recording", ("Love",))
    put(store, [live, plain, interest(JANE, live, "performer"), interest(JANE, plain, "performer")], name="recordings")
    found = facts(store, titles=("Love (Live)",), writers=("Jane Doe",), is_recording=True)
    assert {match.work for match in found.matches if match.band is Band.STRONG} == {"r:live"}
    assert facts(store, titles=("Love (Live)",), writers=("J. Q. Roe",), is_recording=True).matches[0].work == LOVE.id


def test_a_number_finds_the_work_without_a_block_of_its_words(store: RegisterStore) -> None:
    """A party known by its number alone is looked for by the names the register has for it."""
    match = only(store, titles=("Love, sweet",), party_identifiers=JOHN.identifiers)
    assert (match.work, match.band) == (None, Band.STRONG)
    match = next(one for one in facts(store, titles=("Bridges of Nulleville",), party_identifiers=(JANE_IPI,)).matches)
    assert (match.work, match.band) == (BRIDGE.id, Band.STRONG)


def test_parties_by_number_are_strong(store: RegisterStore) -> None:
    """An IPI on a page without a known work leads to its party (R10: later works are covered too)."""
    match = only(store, titles=("Unknown Song",), party_identifiers=(JANE_IPI,))
    assert (match.work, match.party, match.method, match.band) == (None, JANE.id, "party-identifier", Band.STRONG)
    found = facts(store, party_identifiers=(JANE_IPI,))
    assert [(one.target, one.society) for one in found.interests] == [(BRIDGE.id, SACEM)]
    assert SACEM in {one.society for one in found.interests}


def test_a_grantor_that_is_listed_nowhere_is_found_by_its_number(store: RegisterStore) -> None:
    """A mandate may name a party by a number that no import describes."""
    granted = Mandate(f"ipi:{STRANGER.value}", SACEM)
    put(store, [granted], name="mandates")
    found = facts(store, party_identifiers=(STRANGER,))
    assert [match.party for match in found.matches] == [granted.grantor]
    assert [mandate.manager for mandate in found.mandates] == [SACEM]


def test_parties_by_name_are_middle_and_shared_names_weak(store: RegisterStore) -> None:
    """People share names; and who holds the matched work is not told twice."""
    assert only(store, performers=("Doe, Jane",)).band is Band.MIDDLE
    put(store, [Party("p:other", "natural", ("Jane Doe",))], name="other")
    assert [match.band for match in facts(store, performers=("Jane Doe",)).matches] == [Band.WEAK] * 2
    assert {match.party for match in facts(store, titles=("Le pont",), writers=("Jane Doe",)).matches} == {None}


def test_societies_that_a_page_credits(store: RegisterStore) -> None:
    """A code is strong, the name of a society middle; neither is exact."""
    put(store, [Party(SACEM, "cmo", ("Sacem",)), DECLARED], name="societies")
    by_code, by_name = only(store, societies=(SACEM,)), only(store, societies=("SACEM",))
    assert (by_code.party, by_code.band, by_code.exact) == (SACEM, Band.STRONG, False)
    assert (by_name.party, by_name.band, by_name.exact) == (SACEM, Band.MIDDLE, False)


def test_lists_of_urls_and_domains(store: RegisterStore) -> None:
    """A URL prefix is exact, a domain is middle; a list of reserved ones is a declaration of its party."""
    listed = UrlEntry("https://songs.example/a", HOUSE.id, BRIDGE.id, reserved=True)
    put(store, [listed, UrlEntry("songs.example", "p:s")], name="urls")
    found = facts(store)
    assert [(one.work, one.party, one.method, one.band, one.exact) for one in found.matches] == [
        (BRIDGE.id, HOUSE.id, "url", Band.STRONG, True),
        (None, "p:s", "domain", Band.MIDDLE, False),
    ]
    assert [work.id for work in found.works] == [BRIDGE.id]
    assert [(one.declarant, one.scope, one.targets) for one in found.declarations] == [
        (HOUSE.id, "asset", ("https://songs.example/a",))
    ]


def test_the_class_may_come_from_a_list(store: RegisterStore) -> None:
    """Where nothing else tells it; the reason names the list."""
    put(store, [UrlEntry("songs.example", asset_class=AssetClass.LYRICS), DECLARED], name="urls")
    matcher = Matcher(store)
    told, untold = matcher.facts([asset(asset_class=AssetClass.IMAGE), asset(asset_class=AssetClass.OTHER)])
    assert told.asset.credits.asset_class is AssetClass.IMAGE
    assert untold.asset.credits.asset_class is AssetClass.LYRICS
    assert untold.asset.credits.class_reason == "songs.example is listed as lyrics, urls (as of 2026-11-01)"


def test_lyrics_are_recognised_without_credits(store: RegisterStore) -> None:
    """Half of the lines and more is strong, a quarter middle, a quote nothing."""
    lines = [f"line {number} of a song that somebody wrote" for number in range(40)]
    put(store, [LyricsFingerprint(BRIDGE.id, fingerprint.shingles("\n".join(lines)))], name="lyrics")
    bands = {
        count: [one.band for one in facts(store, lyrics="\n".join(lines[:count])).matches] for count in (40, 15, 4)
    }
    assert bands == {40: [Band.STRONG], 15: [Band.MIDDLE], 4: []}
    found = facts(store, lyrics="\n".join(lines))
    assert (found.matches[0].method, found.matches[0].exact) == ("fingerprint", False)
    assert [work.id for work in found.works] == [BRIDGE.id]


def test_all_that_a_work_embodies_comes_with_it(store: RegisterStore) -> None:
    """Components and originals, with their interests."""
    medley = Work("w:medley", "musical", ("Medley",), (OTHER_ISWC,), derived_from=LOVE.id, components=(BRIDGE.id,))
    put(store, [medley], name="medley")
    found = facts(store, identifiers=(OTHER_ISWC,))
    assert {work.id for work in found.works} == {medley.id, LOVE.id, BRIDGE.id}
    assert {one.target for one in found.interests} == {LOVE.id, BRIDGE.id}
    assert {party.id for party in found.parties} == {JANE.id, JOHN.id, HOUSE.id}


def test_what_can_concern_an_asset_is_gathered(store: RegisterStore) -> None:
    """Records of its parties, works, class and URL; not those of others."""
    own = [
        DECLARED,
        Declaration("d:works", HOUSE.id, "works", targets=(BRIDGE.id,)),
        Declaration("d:parties", "cisac:148", "parties", targets=(JANE.id,)),
        Declaration("d:site", "p:host", "site", targets=("songs.example",)),
        Declaration("d:class", "p:x", "parties", targets=("p:y",), classes=(AssetClass.LYRICS,)),
    ]
    strange = [
        Declaration("d:other-works", "p:o", "works", targets=("w:other",)),
        Declaration("d:other-parties", "p:o", "parties", targets=("p:y",), classes=(AssetClass.IMAGE,)),
        Declaration("d:other-site", "p:o", "site", targets=("other.example",)),
        Declaration("d:other-url", "p:o", "asset", targets=("https://songs.example/b",)),
    ]
    licences = [licence(SACEM, works=("w:unknown",)), licence("p:l", scopes=("songs.example",)),
                licence("p:e", extended_effect=True), licence("p:o", scopes=("other.example",))]  # fmt: skip
    corrected = {(BRIDGE.id, ""), ("class:lyrics", "songs.example")}
    elsewhere = {(BRIDGE.id, "other.example"), ("w:other", "")}
    records: list[Record] = [
        *own, *strange, *licences,
        Mandate(JANE.id, SACEM), Mandate("p:o", SACEM),
        Repertoire(SACEM, complete=True), Repertoire("p:o"),
        RightException("d:sacem", "p:other", "withhold"), RightException("d:none", JANE.id, "withhold"),
        RightException("d:none", "p:o", "withhold"),
        Dispute("x1", "l:p:l", (), DAY), Dispute("x2", BRIDGE.id, (), DAY), Dispute("x3", "p:o", ("p:q",), DAY),
        *(Correction(subject, scope, "Ann", "e", DAY) for subject, scope in (*corrected, *elsewhere)),
    ]  # fmt: skip
    put(store, records, name="records")
    found = facts(store, identifiers=(ISWC,))
    assert [one.id for one in found.declarations] == [one.id for one in own]
    assert {one.id for one in found.licences} == {f"l:{SACEM}", "l:p:l", "l:p:e"}
    assert [one.grantor for one in found.mandates] == [JANE.id]
    assert [one.society for one in found.repertoires] == [SACEM]
    assert {(one.target, one.party) for one in found.exceptions} == {("d:sacem", "p:other"), ("d:none", JANE.id)}
    assert {one.id for one in found.disputes} == {"x1", "x2"}
    assert {(one.subject, one.scope) for one in found.corrections} == corrected


def test_an_asset_of_nobody_known_has_the_declarations_of_its_class(store: RegisterStore) -> None:
    """The class presumption needs them."""
    put(store, [DECLARED, Repertoire(SACEM)], name="records")
    found = facts(store, titles=("Utterly Unknown",))
    assert (found.matches, found.works, [one.id for one in found.declarations]) == ((), (), ["d:sacem"])
    assert [one.society for one in found.repertoires] == [SACEM]


def test_recorded_facts_count_beside_imports(store: RegisterStore) -> None:
    """Licences, disputes and corrections of the fact log are gathered, and taken up without a new matcher."""
    matcher = Matcher(store)
    asked = [asset(identifiers=(ISWC,))]
    (before,) = matcher.facts(asked)
    log = FactLog(store)
    log.add("dispute", Dispute("x9", BRIDGE.id, (JANE.id,), DAY), by="Ann")
    log.add("licence", licence(SACEM, works=(BRIDGE.id,)), by="Ann")
    log.add("correction", Correction(BRIDGE.id, "", "Ann", "another bridge", DAY), by="Ann")
    log.add("mandate", Mandate("p:letter", "p:lawyer", works=(BRIDGE.id,)), by="Ann")
    (after,) = matcher.facts(asked)
    assert (before.disputes, before.licences, before.corrections) == ((), (), ())
    assert [one.id for one in after.disputes] == ["x9"]
    assert [one.party for one in after.licences] == [SACEM]
    assert [one.subject for one in after.corrections] == [BRIDGE.id]
    assert [one.grantor for one in after.mandates] == ["p:letter"]


def test_facts_come_in_the_order_of_the_assets(store: RegisterStore) -> None:
    """One for each, with the asset itself."""
    batch = [asset(f"https://songs.example/{number}", titles=("Love",)) for number in range(5)]
    assert [found.asset for found in Matcher(store).facts(batch)] == batch
    assert Matcher(store).facts([]) == []


def test_new_imports_are_taken_up(store: RegisterStore, tmp_path: Path) -> None:
    """Of another process, without a new matcher; a pinned register keeps what it had."""
    matcher = Matcher(store)
    with RegisterStore(tmp_path / "register.sqlite") as pinned:
        pinned.pin()
        old = Matcher(pinned)
        assert old.facts([asset()])[0].declarations == matcher.facts([asset()])[0].declarations == ()
        with RegisterStore(tmp_path / "register.sqlite") as other:
            put(other, [DECLARED], name="records")
        assert store.changed()  # whoever else asks takes nothing away from the matcher
        assert [one.id for one in matcher.facts([asset()])[0].declarations] == ["d:sacem"]
        assert old.facts([asset()])[0].declarations == ()


def test_matches_name_where_they_come_from(store: RegisterStore) -> None:
    """Works, parties and interests carry the import and its date."""
    found = facts(store, identifiers=(ISWC,))
    sources = {one.source for one in found.works} | {one.source for one in found.parties}
    assert sources | {one.source for one in found.interests} == {source()}


def test_hostile_credits_are_bounded(store: RegisterStore) -> None:
    """A page with thousands of titles and names is answered, and nothing is raised."""
    found = facts(
        store,
        titles=tuple(f"Title {number} " * 40 for number in range(2_000)),
        writers=tuple(f"Writer {number} Name" for number in range(2_000)),
        performers=("\ud800" * 10, "", "," * 500),
        identifiers=tuple(Identifier("iswc", f"T{number:010d}") for number in range(500)),
        lyrics="la\n" * 5_000,
    )
    assert found.damage == ""
    assert found.matches == ()
    assert [note for note in found.notes if "not looked up" in note] == [
        "1968 titles were not looked up", "468 identifiers were not looked up", "1968 writers were not looked up",
    ]  # fmt: skip


def test_dates_are_left_to_the_rules(store: RegisterStore) -> None:
    """Interests that have ended are given too: what counts on the day of an act is for the rules to say."""
    ended = interest(JANE, LOVE, end=date(2000, 1, 1))
    put(store, [ended], name="ended")
    assert replace(ended, source=source()).end in {one.end for one in facts(store, titles=("Love",)).interests}


def test_the_url_of_the_asset_is_not_changed(store: RegisterStore) -> None:
    """Facts are about what was asked."""
    assert facts(store).asset.url == URL
