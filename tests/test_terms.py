"""The values that flow: how they are made, compared and written down."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta, timezone
from itertools import permutations

import pytest

from optout_middleware.terms import (
    Decision,
    Evidence,
    Hop,
    Licence,
    OptOutError,
    Outcome,
    Preference,
    Reason,
    Ruling,
    Source,
    Statement,
    Usage,
    WaitsFor,
    as_word,
    strictest,
)

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def test_words_are_their_text() -> None:
    """A word compares, prints and formats as the text of the specification."""
    assert "train-ai" in set(Usage)
    assert f"{Outcome.DENY} {Preference.UNKNOWN!s}" == "deny unknown"
    assert [word.value for word in Usage] == ["train-ai", "ai-use", "search", "tdm"]


def test_as_word_names_the_choices() -> None:
    """A wrong word is one line with what, the value and the choices; its cause is hidden."""
    with pytest.raises(OptOutError) as caught:
        as_word(Outcome, "maybe", "action")
    assert str(caught.value) == "action is 'maybe': choose one of allow, pending, deny"
    assert caught.value.__suppress_context__
    assert as_word(Outcome, Outcome.DENY, "x") is Outcome.DENY


def test_strictest_is_ordered() -> None:
    """Allow < pending < deny in any order; of nothing: allow."""
    for order in permutations(Outcome):
        assert strictest(order) is Outcome.DENY
    assert strictest([Outcome.PENDING, Outcome.ALLOW]) is Outcome.PENDING
    assert strictest([]) is Outcome.ALLOW


def test_evidence_settles_its_arguments() -> None:
    """Names in lower case, bytes as Latin-1, hops of three forms, final URL of the URL."""
    seen = Evidence(
        "http://h.example/",
        200,
        [(b"X-Robots-Tag", b"no\xe9"), ("Content-Type", "Text/HTML; charset=x")],
        b"x",
        SEEN,
        hops=["http://a.example/", ("http://b.example/", 302), ("http://c.example/", 301, [(b"Location", b"/")])],
    )
    assert seen.headers == (("x-robots-tag", "no\xe9"), ("content-type", "Text/HTML; charset=x"))
    assert seen.final_url == "http://h.example/"
    assert seen.media_type == "text/html"
    assert seen.hops == (
        Hop("http://a.example/"),
        Hop("http://b.example/", 302),
        Hop("http://c.example/", 301, (("location", "/"),)),
    )
    assert seen.source == Source("http://h.example/", 200, hashlib.sha256(b"x").hexdigest(), SEEN, None)


def test_evidence_gives_all_values_in_order() -> None:
    """Repeated fields are kept (RFC 9110 section 5.2)."""
    seen = Evidence("http://h.example/", 200, [("A", "1"), ("b", "2"), ("a", "3")], b"", SEEN)
    assert list(seen.values("a")) == ["1", "3"]
    assert list(seen.values("c")) == []
    assert seen.media_type == ""


def test_evidence_is_frozen_hashable_and_pickled() -> None:
    """Evidence is a value: it cannot be changed, and a copy is equal, of equal hash."""
    seen = Evidence("http://h.example/", 200, [("a", "1")], b"x", SEEN, hops=["http://a.example/"])
    assert len(seen.sha256) == 64
    copy = pickle.loads(pickle.dumps(seen))
    assert copy == seen
    assert hash(copy) == hash(seen)
    with pytest.raises(FrozenInstanceError):
        seen.status = 404  # type: ignore[misc]


def test_evidence_needs_a_time_zone() -> None:
    """A naive time is the caller's mistake, told in one line."""
    with pytest.raises(ValueError, match=r"fetched_at of the evidence of http://h\.example/ has no time zone"):
        Evidence("http://h.example/", 200, (), b"", datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def licence(**values: object) -> Licence:
    """Give a licence of a day for one domain."""
    fields: dict[str, object] = {
        "party": "News Ltd", "scopes": ("news.example",), "usages": (Usage.TRAIN_AI,), "valid_from": SEEN,
        "valid_until": SEEN + DAY, "evidence": "contract 7", "recorded_by": "A. Person",
    }  # fmt: skip
    return Licence(**{**fields, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "usage", "at", "covered"),
    [
        ("http://news.example/", Usage.TRAIN_AI, SEEN, True),
        ("http://www.news.example/a", Usage.TRAIN_AI, SEEN + DAY - timedelta(microseconds=1), True),
        ("http://news.example/", Usage.TRAIN_AI, SEEN - timedelta(microseconds=1), False),
        ("http://news.example/", Usage.TRAIN_AI, SEEN + DAY, False),
        ("http://news.example/", Usage.AI_USE, SEEN, False),
        ("http://news.example/", Usage.TDM, SEEN, False),
        ("http://other.example/", Usage.TRAIN_AI, SEEN, False),
    ],
)
def test_licence_covers_what_it_lists(url: str, usage: Usage, at: datetime, covered: bool) -> None:
    """Scope, usage and date all have to fit; the end is exclusive; a wider usage is another usage."""
    assert licence().covers(url, usage, at) is covered


def test_an_asserted_licence_permits_nothing() -> None:
    """Only confirmed authority permits (rule R7)."""
    assert licence().holds(Usage.TRAIN_AI, SEEN)
    assert not licence(confirmed=False).holds(Usage.TRAIN_AI, SEEN)
    assert not licence(confirmed=False).covers("http://news.example/", Usage.TRAIN_AI, SEEN)


def test_a_licence_shows_what_it_lists_of_works() -> None:
    """What is as by default is left out, so that records of licences of sites stay as they were."""
    shown = licence(works=("w1",), extended_effect=True, licensee="Example Corp").to_dict()
    assert shown["works"] == ["w1"]
    assert (shown["extended_effect"], shown["licensee"]) == (True, "Example Corp")
    assert not {"repertoires", "layers", "territories", "models", "confirmed", "id"} & shown.keys()
    with pytest.raises(OptOutError, match="works is a list"):
        licence(works="w1")


@pytest.mark.parametrize(
    ("finding", "url", "party", "at", "answered"),
    [
        ("natural-language", "https://news.example/a", "", SEEN, True),
        ("named-bot", "https://news.example/a", "", SEEN, False),
        ("natural-language", "https://other.example/a", "", SEEN, False),
        ("natural-language", "https://news.example/a", "", SEEN + timedelta(days=1), False),
        ("natural-language", "https://news.example/a", "", SEEN - timedelta(days=1), False),
    ],
)
def test_a_ruling_answers_its_cause(finding: str, url: str, party: str, at: datetime, answered: bool) -> None:
    """A cause is a finding within a scope, while the ruling holds."""
    end = SEEN + timedelta(hours=1)
    ruling = Ruling("natural-language", "news.example", Outcome.ALLOW, "A. Example", "asked them", SEEN, end)
    assert ruling.answers(finding, url, party, at) is answered


def test_a_ruling_about_a_rule_answers_no_other() -> None:
    """Of two causes with one finding, a person answers the one that was looked at."""
    end = SEEN + timedelta(hours=1)
    ruling = Ruling("register-middle", "", Outcome.ALLOW, "A. Example", "checked", SEEN, end, party="SOCIA", rule="M3")
    assert ruling.answers("register-middle", "https://any.example/", "SOCIA", SEEN, "M3")
    assert not ruling.answers("register-middle", "https://any.example/", "SOCIA", SEEN, "R7")
    assert ruling.to_dict()["rule"] == "M3"


def test_a_ruling_about_a_party_answers_no_other() -> None:
    """A ruling on the claims of one party leaves those of others as they are."""
    end = SEEN + timedelta(hours=1)
    ruling = Ruling("register-middle", "", Outcome.ALLOW, "A. Example", "not theirs", SEEN, end, party="cisac:000")
    assert ruling.answers("register-middle", "https://any.example/", "cisac:000", SEEN)
    assert not ruling.answers("register-middle", "https://any.example/", "cisac:001", SEEN)


def test_licence_without_scope_covers_nothing() -> None:
    """What a licence does not list it does not license."""
    assert not licence(scopes=()).covers("http://news.example/", Usage.TRAIN_AI, SEEN)
    assert not licence(usages=()).covers("http://news.example/", Usage.TRAIN_AI, SEEN)


def test_to_dict_is_json() -> None:
    """Every value writes itself as JSON values; what is empty is left out."""
    source = Source("http://h.example/robots.txt", 200, "0" * 64, SEEN)
    said = Statement(
        "robots.txt", "robots.txt", "line 1", "Disallow: /", Preference.DISALLOWED, "RFC 9309", "refusal",
        conditions=("pay",), source=source,
    )  # fmt: skip
    reason = Reason("refusal", Outcome.DENY, None, said, "robots.txt", source, "a note")
    waits = Reason("unreachable", Outcome.PENDING, WaitsFor.PROBE, None, "tdmrep.json")
    decision = Decision(
        "http://h.example/",
        Outcome.DENY,
        False,
        None,
        ("pay",),
        (reason, waits),
        (said,),
        (source,),
        (licence(),),
        SEEN,
        "f" * 64,
    )
    shown = json.loads(json.dumps(decision.to_dict()))
    assert shown["reasons"][0] == {
        "finding": "refusal", "outcome": "deny", "location": "robots.txt", "note": "a note", "signal": "robots.txt",
        "where": "line 1", "text": "Disallow: /", "rule": "RFC 9309", "preference": "disallowed", "conditions": ["pay"],
        "url": "http://h.example/robots.txt", "status": 200, "sha256": "0" * 64, "time": "2026-11-24T12:00:00+00:00",
    }  # fmt: skip
    assert shown["reasons"][1] == {
        "finding": "unreachable", "outcome": "pending", "waits_for": "probe", "location": "tdmrep.json",
    }  # fmt: skip
    assert "notes" not in shown["statements"][0]
    assert shown["statements"][0]["source"]["sha256"] == "0" * 64
    assert shown["licences"][0]["usages"] == ["train-ai"]
    assert (shown["outcome"], shown["may_fetch"], shown["waits_for"]) == ("deny", False, None)
