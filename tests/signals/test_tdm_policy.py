"""TDMRep policy documents: the vectors, what holds for any input, and that a policy never changes an outcome."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.decide import decide, policies_of
from optout_middleware.policy import ALL_LOCATIONS, Policy, Profile
from optout_middleware.signals.tdm_policy import LIMIT, LONGEST, MOST, UNREADABLE, is_json, terms
from optout_middleware.terms import Evidence, Outcome

VECTORS = json.loads((Path(__file__).parent / "vectors" / "tdm_policy.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOME = "https://h.example"
PAGE, POLICY = f"{HOME}/a", f"{HOME}/policy.json"
FREE = b'{"permission": [{"action": "tdm:mine"}]}'
JSON_LD = [("Content-Type", "application/ld+json")]
KEYS = st.sampled_from([
    "permission", "prohibition", "obligation", "action", "duty", "constraint", "leftOperand", "operator",
    "rightOperand", "target", "assigner", "vcard:fn", "vcard:hasEmail", "uid", "@id", "@value", "@graph",
])  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.just("tdm:mine")
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=14) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=40
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any]) -> None:
    """Each document gives the conditions of its row."""
    body = (vector["text"] * vector.get("times", 1)).encode(vector.get("encoding", "utf-8"))
    assert list(terms(body)) == vector["expected"]


@given(st.binary(max_size=200) | DOCUMENTS.map(lambda said: json.dumps(said).encode()))
def test_never_raises_and_is_bounded(body: bytes) -> None:
    """Whatever stands there gives few, short lines that can be printed, the same each time."""
    found = terms(body)
    assert len(found) <= MOST
    for line in found:
        assert 0 < len(line) <= LONGEST
        assert "\n" not in line
        line.encode("utf-8")
    assert terms.__wrapped__(body) == found


def test_many_terms_are_counted_and_the_contact_kept() -> None:
    """What does not fit is counted, never left out in silence."""
    rules = [{"action": f"act-{number}"} for number in range(30)]
    found = terms(json.dumps({"permission": rules, "assigner": "us"}).encode())
    assert len(found) == MOST
    assert found[-3:] == ("policy permits act-7", "policy states 22 terms more", "contact: us")


def test_a_long_condition_is_cut_with_a_sign() -> None:
    """What is cut says so."""
    (line,) = terms(json.dumps({"permission": {"action": "x" * 1000}}).encode())
    assert (len(line), line[-1]) == (LONGEST, "\u2026")


@pytest.mark.parametrize("piece", ['"', '"\\"', ", ", ",\\", '{"a":', "\\", '","'])
def test_a_hostile_document_ends(piece: str) -> None:
    """A document near the limit made of what a parser may stumble on is read or refused; over it, refused."""
    for size in (LIMIT - 16, LIMIT + 16):
        assert terms((piece * size)[:size].encode())[0].startswith(UNREADABLE)


@pytest.mark.parametrize(
    ("media_type", "body", "expected"),
    [
        ("application/json", b"<", True),
        ("application/ld+json", b"", True),
        ("text/plain", b"\xef\xbb\xbf {}", True),
        ("", b"\n[", True),
        ("text/html", b"<html>", False),
        ("application/pdf", b"%PDF", False),
    ],
)
def test_is_json(media_type: str, body: bytes, *, expected: bool) -> None:
    """A document is JSON by its media type, or by how it starts."""
    assert is_json(media_type, body) is expected


def site(reservation: str = "1", address: str = POLICY) -> list[Evidence]:
    """Give a site that reserves by its tdmrep.json, with a policy."""
    rules = f'[{{"location": "/", "tdm-reservation": {reservation}, "tdm-policy": "{address}"}}]'
    return [
        Evidence(f"{HOME}/robots.txt", 404, (), b"", SEEN),
        Evidence(f"{HOME}/.well-known/tdmrep.json", 200, (), rules.encode(), SEEN),
        Evidence(PAGE, 200, [("Content-Type", "text/html")], b"<html></html>", SEEN),
    ]


@pytest.mark.parametrize("address", [POLICY, "/policy.json", f"{POLICY}#terms"])
def test_terms_are_conditions_of_the_decision(address: str) -> None:
    """A free permission is shown and recorded, and the reservation stands."""
    made = decide(PAGE, [*site(address=address), Evidence(POLICY, 200, JSON_LD, FREE, SEEN)], Policy("Bot"))
    assert made.outcome is Outcome.DENY
    assert made.conditions[0].startswith(f"policy: {POLICY}")
    assert made.conditions[1:] == ("policy permits tdm:mine",)
    assert POLICY in [source.url for source in made.evidence]


def test_a_doubtful_reservation_shows_its_policy_too() -> None:
    """What reserves but for its form is as little lifted."""
    made = decide(PAGE, [*site('"1"'), Evidence(POLICY, 200, JSON_LD, FREE, SEEN)], Policy("Bot"))
    assert made.outcome is not Outcome.ALLOW
    assert "policy permits tdm:mine" in made.conditions


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        (Evidence(POLICY, None, (), b"", SEEN, error="timed out"), "timed out"),
        (Evidence(POLICY, 404, (), b"", SEEN), "status 404"),
        (Evidence(POLICY, 200, JSON_LD, b"{", SEEN), UNREADABLE),
        (Evidence(POLICY, 200, [("Content-Type", "text/html")], b"<html>", SEEN), "not JSON"),
    ],
)
def test_a_policy_that_cannot_be_read_is_a_note(seen: Evidence, note: str) -> None:
    """Conditions are then simply unknown: nothing but a note (TDMRep, "TDM Policy")."""
    made = decide(PAGE, [*site(), seen], Policy("Bot"))
    assert (made.outcome, made.conditions) == (Outcome.DENY, (f"policy: {POLICY}",))
    assert any(note in line for line in made.statements[0].notes)


def test_a_policy_of_later_does_not_count() -> None:
    """What was seen after the date of the decision is not looked at."""
    later = Evidence(POLICY, 200, JSON_LD, FREE, SEEN + timedelta(hours=1))
    assert decide(PAGE, [*site(), later], Policy("Bot"), at=SEEN).conditions == (f"policy: {POLICY}",)


@pytest.mark.parametrize("address", ["/robots.txt", "mailto:rights@h.example", "/" + "x" * 3000])
def test_what_is_no_document_is_not_asked_for(address: str) -> None:
    """A location, what is not http(s), and a URL beyond measure are no policies to look at."""
    assert policies_of(decide(PAGE, site(address=address), Policy("Bot"))) == ()


def test_a_policy_is_no_licence_of_another_protocol() -> None:
    """An RSL licence that nobody was to look at stays unread, though a policy has the same URL."""
    rsl = b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license/></content></rsl>'
    robots = Evidence(f"{HOME}/robots.txt", 200, (), f"License: {POLICY}\n".encode(), SEEN)
    seen = [robots, *site()[1:]]
    policy = Policy("Bot", locations=("robots.txt", "tdmrep.json"))
    before, after = (decide(PAGE, found, policy) for found in (seen, [*seen, Evidence(POLICY, 200, (), rsl, SEEN)]))
    assert [reason.finding for reason in after.reasons] == [reason.finding for reason in before.reasons]
    assert "unreachable" in [reason.finding for reason in after.reasons]


@given(
    st.sampled_from(["1", "0", '"1"', "2"]),
    st.sampled_from([200, 200, 200, 404, 503, None]),
    st.sampled_from([FREE, b"[]", b"<html>"])
    | st.binary(max_size=60)
    | DOCUMENTS.map(lambda s: json.dumps(s).encode()),
    st.sampled_from(list(Profile)),
    st.booleans(),
)
def test_no_policy_changes_an_outcome(
    reservation: str, status: int | None, body: bytes, profile: Profile, header: bool
) -> None:
    """Outcome, findings and their order are those of the decision without the policy."""
    policy = Policy("Bot", profile=profile, locations=ALL_LOCATIONS)
    seen = site(reservation)
    if header:
        seen[2] = Evidence(PAGE, 200, [("tdm-reservation", "1"), ("tdm-policy", POLICY)], b"", SEEN)
    before = decide(PAGE, seen, policy)
    after = decide(PAGE, [*seen, Evidence(POLICY, status, JSON_LD, body, SEEN)], policy)
    assert (after.outcome, after.may_fetch, after.waits_for) == (before.outcome, before.may_fetch, before.waits_for)
    told = [[(reason.finding, reason.outcome, reason.location) for reason in made.reasons] for made in (before, after)]
    assert told[0] == told[1]
    assert after.conditions[: len(before.conditions)] == before.conditions
