"""X-Robots-Tag, Robots-Tag and robots elements: the vectors, and what holds for any input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.signals.robots_tag import SIGNAL
from optout_middleware.terms import Preference, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.terms import Statement

    Ask = Callable[..., tuple[Statement, ...]]

HERE = Path(__file__).parent / "vectors"
DATA = json.loads((HERE / "robots_tag.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", DATA["vectors"], ids=lambda vector: vector["id"])
def test_vector(ask: Ask, vector: dict[str, Any]) -> None:
    """Each vector gives the preferences and findings that it names."""
    asked = {"headers": [], **vector}
    assert sorted({f"{said.preference} {said.finding}" for said in ask(SIGNAL, asked)}) == vector["expected"]


def test_every_row_has_a_vector() -> None:
    """No row X of the compiled vectors is left out."""
    rows = {row["id"] for row in json.loads((HERE / "signal-vectors.json").read_text("utf-8")) if row["id"][0] == "X"}
    assert rows <= {vector["id"] for vector in DATA["vectors"]}


def test_nothing_is_said_of_what_was_not_fetched(ask: Ask) -> None:
    """Without a response the signal is silent."""
    assert ask(SIGNAL, {}) == ()


def test_each_refusing_value_is_a_statement(ask: Ask) -> None:
    """Values add up: each has its own statement, with the field's exact value; a repeated one counts once."""
    said = ask(SIGNAL, {"headers": [["X-Robots-Tag", "NOAI, noml, noai"]]})
    assert [(one.rule.partition(":")[0], one.where, one.text) for one in said] == [
        ("noai", "x-robots-tag", "NOAI, noml, noai"),
        ("noml", "x-robots-tag", "NOAI, noml, noai"),
    ]


def test_meta_is_quoted_exactly(ask: Ask) -> None:
    """The statement of an element quotes its source."""
    tag = "<META  content='noai'\n name=robots />"
    (said,) = ask(SIGNAL, {"html": f"<!doctype html>{tag}<title>x</title>"})
    assert (said.location, said.where, said.text) == ("meta", "meta robots", tag)


def test_named_bots_are_named(ask: Ask) -> None:
    """A reservation that is addressed to others says to whom."""
    (said,) = ask(SIGNAL, {"headers": [["X-Robots-Tag", "demobot: noai, examplebot: noml, gptbot: all"]]})
    assert said.notes == ("addressed to demobot: noai, examplebot: noml",)


def test_item_by_item_reading_is_noted(ask: Ask) -> None:
    """Where datadiligence's reading would refuse and MDN's does not, the note says so."""
    (said,) = ask(SIGNAL, {"headers": [["X-Robots-Tag", "googlebot: nofollow, noai"]]})
    assert said.finding == "named-bot"
    assert said.notes == (
        "addressed to googlebot: noai",
        "bare after a bot name: by datadiligence's reading, item by item, it counts for everybody",
    )


WORDS = st.sampled_from(
    ["noai", "NoImageAI", "noml", "noarchive", "noindex", "all", "OurBot", "googlebot", "*", "unavailable_after",
     "Wed", "no-ai", "max-snippet", "\xe9", '"', "(", "?0"]
)  # fmt: skip
VALUE = st.lists(st.one_of(WORDS, st.sampled_from([",", ":", ";", " ", "=", ", "])), max_size=9).map("".join)
HEADERS = st.lists(st.tuples(st.sampled_from(["X-Robots-Tag", "Robots-Tag"]), VALUE | st.text(max_size=12)), max_size=3)
HTML = st.builds(
    '<head><meta name="{}" content="{}"></head><body><meta name=robots content={}>'.format,
    st.sampled_from(["robots", "ourbot", "gptbot", "keywords", "noai"]),
    VALUE,
    VALUE,
)


@given(headers=HEADERS, html=HTML, usage=st.sampled_from(list(Usage)))
def test_never_raises(ask: Ask, headers: list[tuple[str, str]], html: str, usage: Usage) -> None:
    """No header or page raises; nothing is ever allowed; a refusal has its finding."""
    for said in ask(SIGNAL, {"headers": headers, "html": html, "usage": usage}):
        assert said.preference in (Preference.DISALLOWED, Preference.UNKNOWN)
        assert (said.finding == "refusal") == (said.preference is Preference.DISALLOWED)
        assert said.finding


@given(headers=HEADERS, more=HEADERS, html=HTML)
def test_one_more_field_removes_nothing(
    ask: Ask, headers: list[tuple[str, str]], more: list[tuple[str, str]], html: str
) -> None:
    """Restrictions add up: one more field never removes a statement."""
    before = ask(SIGNAL, {"headers": headers, "html": html})
    assert set(before) <= set(ask(SIGNAL, {"headers": [*headers, *more], "html": html}))


@given(items=st.lists(st.sampled_from(["nofollow", "max-snippet: 2", "all", "x", "", "noai=1"]), max_size=4))
def test_a_plain_noai_before_any_bot_name_refuses(ask: Ask, items: list[str]) -> None:
    """Whatever other directives surround it, a noai that no bot name precedes refuses."""
    for at in range(len(items) + 1):
        value = ", ".join([*items[:at], "noai", *items[at:]])
        assert any(said.finding == "refusal" for said in ask(SIGNAL, {"headers": [["X-Robots-Tag", value]]}))
