"""Content-Usage and Content-Signal: the vectors, and what no text may do."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import decide
from optout_middleware.policy import Policy, Profile
from optout_middleware.signals.usage_fields import parse_content_signal, parse_content_usage
from optout_middleware.terms import Decision, Evidence, Outcome, Preference, Usage

VECTORS = Path(__file__).parent / "vectors"
SHARED = [row for row in json.loads((VECTORS / "signal-vectors.json").read_text("utf-8")) if "machine" in row]
OWN = json.loads((VECTORS / "usage_fields.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
PROFILES = [profile.value for profile in Profile]


def rows(kind: str) -> list[Any]:
    """Give our rows of a kind: "field" = parsed alone, "robots" = decided, in both profiles."""
    found = []
    for row in OWN:
        for profile in PROFILES if kind == "robots" else [""]:
            name = f"{row['id']}/{profile}" if profile else row["id"]
            if kind in row["input"]:
                found.append(pytest.param(row, profile, id=name))
    return found


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in SHARED if row["machine"][0] == "aipref"])
def test_shared_vector_of_a_value(row: dict[str, Any]) -> None:
    """The shared vectors A of a single value."""
    _, value, expected = row["machine"]
    assert parse_content_usage(value) == expected


def ask(robots: str, url: str, policy: Policy, headers: tuple[tuple[str, str], ...] = ()) -> Decision:
    """Decide about a page by its robots.txt and header; there is no tdmrep.json."""
    seen = [
        Evidence("http://h.test/robots.txt", 200, (), robots.encode(), SEEN),
        Evidence("http://h.test/.well-known/tdmrep.json", 404, (), b"", SEEN),
        Evidence(url, 200, headers, b"", SEEN),
    ]
    return decide(url, seen, policy)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in SHARED if row["machine"][0] == "usage"])
def test_shared_vector_of_a_file(row: dict[str, Any]) -> None:
    """The shared vectors A of a robots.txt, asked for each usage that they name or leave out."""
    _, text, token, url, expected = row["machine"]
    for usage in (Usage.TRAIN_AI, Usage.SEARCH, Usage.AI_USE):
        made = ask(text, url, Policy(token, usage))
        said = {
            one.preference for one in made.statements if one.signal == "content-usage" and one.preference != "unknown"
        }
        word = expected.get(usage.value) if isinstance(expected, dict) else None
        assert said == ({{"n": Preference.DISALLOWED, "y": Preference.ALLOWED}[word]} if word else set())


@pytest.mark.parametrize(("row", "profile"), rows("field"))
def test_own_vector_of_a_value(row: dict[str, Any], profile: str) -> None:
    """Our vectors of a single value."""
    parse = {"content-usage": parse_content_usage, "content-signal": parse_content_signal}[row["input"]["field"]]
    assert parse(row["input"]["value"]) == row["expected"]


@pytest.mark.parametrize(("row", "profile"), rows("robots"))
def test_own_vector_decided(row: dict[str, Any], profile: str) -> None:
    """Our vectors of files and headers, decided in both profiles."""
    asked = row["input"]
    policy = Policy(asked["token"], Usage(asked["usage"]), Profile(profile))
    made = ask(asked["robots"], asked["url"], policy, tuple(map(tuple, asked.get("headers", ()))))
    assert [made.outcome.value, [reason.finding for reason in made.reasons]] == row["expected"][profile]


@given(st.text(max_size=60) | st.text(st.sampled_from('train-iyn=,;"?0( )*:\t\u30c4'), max_size=40))
def test_no_value_raises(value: str) -> None:
    """Whatever stands there is read; what is given is of the labels and values that there are."""
    usage = parse_content_usage(value)
    assert usage is None or (usage.keys() <= {"train-ai", "ai-use", "search"} and set(usage.values()) <= {"y", "n"})
    signal = parse_content_signal(value)
    assert signal.keys() <= {"search", "ai-input", "ai-train", "use"}
    assert all(said in ("yes", "no") for label, said in signal.items() if label != "use")


@given(
    st.dictionaries(st.sampled_from(["train-ai", "ai-use", "search"]), st.sampled_from("yn")),
    st.sampled_from([",", ", ", " ,\t"]),
)
def test_well_formed_dictionaries_are_read(said: dict[str, str], comma: str) -> None:
    """What is written by RFC 9651 is read as it is written."""
    assert parse_content_usage(comma.join(f"{label}={value}" for label, value in said.items())) == said


@given(
    st.lists(st.tuples(st.sampled_from(["ai-train", "search"]), st.sampled_from(["yes", "no", "No", "x"])), max_size=6)
)
def test_no_wins_in_content_signal(pairs: list[tuple[str, str]]) -> None:
    """Of several values for one label a no counts, wherever it stands."""
    read = parse_content_signal(",".join(f"{label}={value}" for label, value in pairs))
    for label in ("ai-train", "search"):
        values = {value.lower() for name, value in pairs if name == label} - {"x"}
        assert read.get(label) == ("no" if "no" in values else "yes" if values else None)


@pytest.mark.parametrize("header", ["Content-Usage", "Content-Signal"])
def test_a_header_is_quoted_with_its_evidence(header: str) -> None:
    """The statement has the exact value and the evidence of the response it stood in."""
    value = {"Content-Usage": "train-ai=n;x", "Content-Signal": "ai-train=no , x"}[header]
    made = ask("", "http://h.test/a", Policy("FooBot"), ((header, value),))
    (reason,) = made.reasons
    assert made.outcome is Outcome.DENY
    assert reason.statement is not None
    assert (reason.statement.text, reason.statement.location) == (value, "header")
    assert reason.source is not None
    assert reason.source.url == "http://h.test/a"


def test_what_is_malformed_as_a_whole_is_noted() -> None:
    """Garbage that refuses nothing is a statement of unknown preference, no finding."""
    made = ask("User-agent: *\nContent-Usage: (((\n", "http://h.test/a", Policy("FooBot"))
    assert made.outcome is Outcome.ALLOW
    (said,) = made.statements
    assert (said.preference, said.finding, said.where) == (Preference.UNKNOWN, "", "line 2")


def test_what_is_malformed_in_content_signal_is_noted() -> None:
    """The same for Content-Signal: garbage is seen in the record."""
    made = ask("User-agent: *\nContent-Signal: ai-train=maybe\n", "http://h.test/a", Policy("FooBot"))
    (said,) = made.statements
    assert said.preference is Preference.UNKNOWN


def test_a_named_group_of_others_is_noted() -> None:
    """C08: Content-Signal in a group of another bot is no signal to us, and is on record."""
    text = "User-agent: GPTBot\nContent-Signal: ai-train=no\nAllow: /\n"
    made = ask(text, "http://h.test/a", Policy("FooBot"))
    assert [said.notes for said in made.statements] == [("in a group that names other bots only",)]


def test_a_refusal_that_a_longer_path_replaces_is_noted() -> None:
    """A23: by the letter a longer path replaces it; the record says so."""
    text = "User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /p/ search=y\n"
    made = ask(text, "http://h.test/p/q", Policy("FooBot"))
    assert made.outcome is Outcome.ALLOW
    assert [said.notes for said in made.statements] == [("replaced by a longer path that says nothing",)]
