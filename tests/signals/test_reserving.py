"""The grammar of a sentence that reserves: each rule, and each word that bars it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.phrases import words_of
from optout_middleware.signals.reserving import reserving

DATA: dict[str, Any] = json.loads(
    files("optout_middleware.signals").joinpath("data/natural-language.json").read_text("utf-8")
)


def language(sentence: str) -> str:
    """The language in which it reserves, or nothing."""
    return reserving(words_of(sentence))


def test_every_slot_is_explained_and_every_language_has_what_the_rules_need() -> None:
    """No slot without a meaning, no language without the core."""
    core = {"common", "mining", "training", "ai", "taking", "matter", "ours", "to", "forbid", "reserve", "not", "let"}
    for slots in DATA["languages"].values():
        assert set(slots) <= set(DATA["slots"])
        assert core <= set(slots)
        assert all(phrases and len(phrases) == len(set(phrases)) for phrases in slots.values())


@pytest.mark.parametrize(
    "sentence",
    [
        "Text and data mining is prohibited.",  # forbid
        "The publisher prohibits text and data mining.",  # performs, by a party
        "We object to text and data mining.",  # performs, by us
        "Text and data mining rights are reserved.",  # reserve
        "The publisher reserves the use for text and data mining.",  # reserves
        "We hereby make a reservation for text and data mining.",  # notice, declared
        "Reservation: our works under Article 4 of Directive 2019/790.",  # notice at the head
        "All rights reserved, including text and data mining.",  # formula
        "Text and data mining is not allowed.",  # let
        "We do not permit AI training.",  # lets
        "No permission is given for AI training with our texts.",  # grants
        "Our texts may not be used to train AI.",  # cannot
        "No page of this site may be used to train AI.",  # can
        "You agree not to train AI on this.",  # pledge
        "Text and data mining requires a licence.",  # need
        "Texts may be used for AI training only with our permission.",  # only
        "No AI training.",  # bare
        "AI companies may not copy our pages.",  # an actor
    ],
)
def test_each_rule_finds_its_sentence(sentence: str) -> None:
    """One sentence for each rule."""
    assert language(sentence) == "en"


@pytest.mark.parametrize(
    "sentence",
    [
        "Text and data mining is prohibited, a court said.",  # report
        "Many publishers say that text and data mining is prohibited.",  # others
        "If you fear that text and data mining is prohibited, ask us.",  # suppose
        "You should say that text and data mining is prohibited.",  # advise
        "Students: text and data mining is prohibited in this exam.",  # study
        "Text and data mining of your data is prohibited.",  # yours
        "Text and data mining is prohibited by law.",  # law
        "Text and data mining is prohibited, but for open texts no licence is required.",  # freely
        "Text and data mining of their works is prohibited.",  # their
        "Text and data mining is not prohibited.",  # a negation before the act
        "Text and data mining has been prohibited.",  # past
        "Text and data mining could be prohibited.",  # ability
        "Newsbrand prohibits text and data mining.",  # a third person that is no party
        "Machine learning may not be cheap.",  # no use
        "We do not use a camera to train AI.",  # no act
        "Your order is reserved.",  # no use
        "Text and data mining with our permission is fun, and it may be used before it requires a licence.",  # free
        "Article 4 of Directive 2019/790 was prohibited reading.",  # an article of law names a use for reserving only
    ],
)
def test_each_doubt_silences(sentence: str) -> None:
    """One sentence for each."""
    assert language(sentence) == ""


def test_an_act_in_quotation_marks_is_none() -> None:
    """The spans are given in characters."""
    sentence = "It says text and data mining is prohibited."
    start = sentence.index("prohibited")
    assert reserving(words_of("Here " + sentence[3:], [(start, start + 10)])) == ""


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Der Verlag behält sich alle Rechte am Text und Data Mining vor.", "de"),
        ("Der Verlag behält sich Text und Data Mining nicht vor.", ""),
        ("Der Verlag behält sich alle Rechte am Text und Data Mining.", ""),  # half a verb
        ("Wij staan datamining van onze teksten niet toe.", "nl"),
        ("Wij staan datamining van onze teksten toe.", ""),
        ("Wir verbieten das Training von KI mit unseren Texten nicht.", ""),
    ],
)
def test_verbs_that_stand_around_their_clause(sentence: str, expected: str) -> None:
    """Both halves, and no negation between them."""
    assert language(sentence) == expected


@given(st.lists(st.sampled_from([word for slots in DATA["languages"].values() for words in slots.values()
                                 for word in words]), max_size=40))  # fmt: skip
def test_any_words_of_the_tables_are_read(phrases: list[str]) -> None:
    """In whatever order, the answer is a language or nothing, and the same again."""
    sentence = " ".join(phrases)
    assert language(sentence) in {"", *DATA["languages"]}
    assert language(sentence) == language(sentence)
