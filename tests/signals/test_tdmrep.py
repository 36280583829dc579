"""TDMRep: the vectors, and what holds for any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.tdmrep import SIGNAL
from optout_middleware.terms import Preference

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.terms import Evidence, Statement

    Ask = Callable[..., tuple[Statement, ...]]

HERE = Path(__file__).parent / "vectors"
DATA = json.loads((HERE / "tdmrep.json").read_text("utf-8"))
PREFERENCES = {1: Preference.DISALLOWED, 0: Preference.ALLOWED}
ONE = b'[{"location": "/", "tdm-reservation": 1}]'
ZERO = b'[{"location": "/", "tdm-reservation": 0}]'


def question(vector: dict[str, Any]) -> dict[str, Any]:
    """Make the question of a vector."""
    asked = dict(vector)
    if "file" in vector:
        asked["file"] = json.dumps(vector["file"], ensure_ascii=False).encode()
    if "file_text" in vector:
        asked["file"] = vector["file_text"].encode()
    return asked


def summary(statements: tuple[Statement, ...]) -> dict[str, Any]:
    """Sum statements up as the vectors do."""
    plain = [said for said in statements if said.preference is not Preference.UNKNOWN]
    doubts = [said for said in statements if said.finding == "malformed-refusal"]
    assert len(plain) <= 1
    assert len(doubts) <= 1
    found: dict[str, Any] = {"reservation": "unset"}
    for value, preference in PREFERENCES.items():
        if plain and plain[0].preference is preference:
            found["reservation"] = value
            assert plain[0].finding == ("refusal" if value else "")
    if doubts:
        found["doubt"] = True
    if plain and plain[0].conditions:
        found["policy"] = plain[0].conditions[0].removeprefix("policy: ")
    return found


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda vector: vector["id"])
def test_vector(ask: Ask, vector: dict[str, Any]) -> None:
    """Each vector gives what it says, with the letter and the doubt apart."""
    assert summary(ask(SIGNAL, question(vector))) == vector["expected"]


def machine_rows() -> list[Any]:
    """Give the rows T of the compiled vectors that have a machine-readable form."""
    rows = json.loads((HERE / "signal-vectors.json").read_text("utf-8"))
    return [pytest.param(row["machine"], id=row["id"]) for row in rows if row["id"][0] == "T" and "machine" in row]


@pytest.mark.parametrize("machine", machine_rows())
def test_machine_row(ask: Ask, machine: list[Any]) -> None:
    """The compiled vectors give the same answer by the letter."""
    _, rules, url, expected = machine
    assert summary(ask(SIGNAL, {"file": json.dumps(rules).encode(), "url": url}))["reservation"] == expected


def test_every_row_has_a_vector() -> None:
    """No row T of the compiled vectors is left out without a reason."""
    rows = {row["id"] for row in json.loads((HERE / "signal-vectors.json").read_text("utf-8")) if row["id"][0] == "T"}
    ours = {vector["id"] for vector in DATA["vectors"]}
    assert rows == (ours | set(DATA["later"])) & rows
    assert not ours & set(DATA["later"])


def test_statement_quotes_the_rule(ask: Ask) -> None:
    """Where and text name the rule as it stands in the file."""
    rule = '{"location":  "/a/",\n "tdm-reservation": 1}'
    (said,) = ask(SIGNAL, {"file": f'[{{"location": "/b"}}, {rule}]'.encode(), "url": "https://h.example/a/x"})
    assert (said.location, said.where, said.text) == ("tdmrep.json", "rule 2", rule)


def test_long_rule_is_shortened(ask: Ask) -> None:
    """A rule with much else in it is kept, and quoted, by the members that count."""
    body = json.dumps([{"location": "/", "junk": "x" * 5000, "tdm-reservation": 1, "tdm-policy": "/p"}]).encode()
    (said,) = ask(SIGNAL, {"file": body})
    assert said.text == '{"location": "/", "tdm-reservation": 1, "tdm-policy": "/p"}'
    assert said.notes[0] == "shortened to the members that count"


def test_lifted_reservation_is_quoted(ask: Ask) -> None:
    """A header 0 that lifts the file says what it lifted."""
    (said,) = ask(SIGNAL, {"file": ONE, "headers": [["tdm-reservation", "0"]]})
    assert (said.location, said.where, said.text, said.preference) == (
        "header", "tdm-reservation", "0", Preference.ALLOWED,
    )  # fmt: skip
    assert said.notes == (f"lifts tdmrep.json, rule 1: {ONE[1:-1].decode()}",)


def test_superseded_permission_is_quoted(ask: Ask) -> None:
    """A header 1 over a file 0 says so."""
    (said,) = ask(SIGNAL, {"file": ZERO, "headers": [["tdm-reservation", "1"]]})
    assert said.notes == (f"supersedes tdmrep.json, rule 1: {ZERO[1:-1].decode()}",)


def test_later_longer_rule_is_a_doubt_of_its_own(ask: Ask) -> None:
    """The letter stands as allowed, the longer rule as a malformed refusal that quotes the first."""
    body = b'[{"location": "/a/", "tdm-reservation": 0}, {"location": "/a/b/", "tdm-reservation": 1}]'
    letter, doubt = ask(SIGNAL, {"file": body, "url": "https://h.example/a/b/c"})
    assert (letter.where, letter.preference) == ("rule 1", Preference.ALLOWED)
    assert (doubt.where, doubt.preference, doubt.finding) == ("rule 2", Preference.UNKNOWN, "malformed-refusal")
    assert doubt.notes == ('by the letter rule 1 holds: {"location": "/a/", "tdm-reservation": 0}',)


def test_unseen_response_is_noted(ask: Ask) -> None:
    """A refusal by the file alone says that nobody looked at what could lift it; a seen response has no such note."""
    (unseen,) = ask(SIGNAL, {"file": ONE})
    (seen,) = ask(SIGNAL, {"file": ONE, "headers": []})
    assert unseen.notes == ("header and head of the response, which could lift it, were not looked at",)
    assert seen.notes == ()


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (b"<html></html>", "a web page in place of the file: counts as absent"),
        (b"nothing here", "neither JSON nor a web page: counts as absent"),
        (b"[" * 100_000, "neither JSON nor a web page: counts as absent"),
        (b"9" * 10_000, "neither JSON nor a web page: counts as absent"),
    ],
)
def test_garbage_is_seen(ask: Ask, body: bytes, note: str) -> None:
    """What is no tdmrep.json raises no finding, but a note that says what stood there."""
    (said,) = ask(SIGNAL, {"file": body})
    assert (said.preference, said.finding, said.notes) == (Preference.UNKNOWN, "", (note,))


def test_garbled_reservation_is_quoted(ask: Ask) -> None:
    """Of broken JSON the part that tries to reserve is quoted."""
    (said,) = ask(SIGNAL, {"file": b'{"location": "/", "tdm-reservation": 1,'})
    assert said.finding == "malformed-refusal"
    assert said.text == '{"location": "/", "tdm-reservation": 1,'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings(ask: Ask, encoding: str) -> None:
    """A reservation in another encoding than UTF-8 is read and noted; it gives nothing free."""
    for value in (1, 0):
        text = f'[{{"location": "/\u00e9/", "tdm-reservation": {value}}}]'
        said = ask(SIGNAL, {"file": text.encode(encoding), "url": "https://h.example/%C3%A9/", "headers": []})
        assert [(one.preference, one.notes) for one in said] == [(Preference.DISALLOWED, ("not UTF-8",))] * value


def test_kept_is_compact(page: Callable[..., Evidence]) -> None:
    """Of the usual file no more is kept than it has octets; a long one is compressed; silence costs nothing."""
    keep = SIGNAL.keep["tdmrep.json"]
    rules = [{"location": f"/section-{number}/", "tdm-reservation": 1} for number in range(1000)]
    assert len(keep(page(ONE))) <= len(ONE) + 4
    assert len(keep(page(json.dumps(rules).encode()))) < 8000
    assert keep(page(b"[]")) == keep(page(b"")) == keep(page(b'[{"location": "/"}]')) == b""


VALUES: st.SearchStrategy[Any] = st.sampled_from([1, 0, "1", "0", True, False, None, 2, 1.0, [], {}])
RULE = st.fixed_dictionaries(
    {},
    optional={
        "location": st.sampled_from(["/", "/a", "/a*", "/*b$", "", "*", "a", "https://h.example/a", "\ud800", 3, None]),
        "tdm-reservation": VALUES,
        "tdm-policy": st.sampled_from(["/p", "https://[", 3, "\ud800"]),
        "TDM_Reservation": VALUES,
        "policy": st.just("x"),
    },
)
FILE = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda rules: json.dumps(rules).encode(), st.one_of(RULE, st.lists(st.one_of(RULE, VALUES), max_size=4))),
)
FIELD = st.sampled_from(["1", "0", "1, 0", "true", "", " 1", "x", '"1"', "\xe9"])
HEADERS = st.lists(
    st.tuples(st.sampled_from(["tdm-reservation", "tdm-policy"]), FIELD | st.sampled_from(["/p", "http://["])),
    max_size=3,
)
HTML = st.builds(
    "<head>{}</head><body>{}".format,
    st.sampled_from(["", '<meta name="tdm-reservation" content="1">', '<meta name="tdm-reservation" content="0">']),
    st.sampled_from(["", '<meta name="tdm-reservation" content="1">', '<meta name="tdm-policy" content="http://[">']),
)


@given(file=FILE, headers=HEADERS, html=HTML, path=st.sampled_from(["/", "/a", "/ab", "/%ff"]))
def test_never_raises(ask: Ask, file: bytes, headers: list[tuple[str, str]], html: str, path: str) -> None:
    """No file, header or page raises, and a statement has a finding exactly where it refuses or doubts."""
    asked = {"file": file, "headers": headers, "html": html, "url": f"https://h.example{path}"}
    for said in ask(SIGNAL, asked):
        assert (said.finding == "refusal") == (said.preference is Preference.DISALLOWED)
        assert said.preference is not Preference.ALLOWED or said.finding == ""


@given(body=st.binary(max_size=200))
def test_any_bytes_can_be_kept(ask: Ask, body: bytes) -> None:
    """Any bytes can be kept and read again, and alone they give nothing free."""
    assert all(said.preference is not Preference.ALLOWED for said in ask(SIGNAL, {"file": body}))


@given(file=FILE, headers=HEADERS, html=HTML)
def test_one_more_reservation_removes_none(ask: Ask, file: bytes, headers: list[tuple[str, str]], html: str) -> None:
    """One more header that reserves never removes a refusal; only a 0 of header or page lifts what is below."""
    before = ask(SIGNAL, {"file": file, "headers": headers, "html": html})
    after = ask(SIGNAL, {"file": file, "headers": [*headers, ("tdm-reservation", "1")], "html": html})
    if any(said.finding == "refusal" for said in before):
        assert any(said.finding == "refusal" for said in after)


@given(file=FILE, path=st.sampled_from(["/", "/a", "/ab"]))
def test_only_a_plain_zero_gives_free(ask: Ask, file: bytes, path: str) -> None:
    """A file gives free only by a rule of an array, with a location, a number 0 and no leniency."""
    for said in ask(SIGNAL, {"file": file, "url": f"https://h.example{path}", "headers": []}):
        if said.preference is Preference.ALLOWED:
            rule = json.loads(said.text)
            assert rule["tdm-reservation"] == 0
            assert type(rule["tdm-reservation"]) is int
            assert rule["location"].startswith(("/", "*"))
            assert said.notes in ((), ("member policy read as tdm-policy",))
