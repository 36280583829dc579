"""Records that meet and collide with those of the scenarios, and what is done to facts with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from optout_middleware.register.model import (
    AssetClass,
    Band,
    Correction,
    Declaration,
    Dispute,
    Interest,
    Layer,
    Mandate,
    Match,
    Party,
    PublicDomain,
    Repertoire,
    RightException,
    Status,
    Strength,
    Work,
)
from optout_middleware.terms import Licence, Usage

from .scenario_facts import ARTICLE, PICTURE, SCENARIOS
from .scenario_facts_more import MORE
from .scenario_parts import BOOK, GEMA, LABEL, RECORDING, SACEM, SONG, TODAY, A, B, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.register.model import Facts, UseContext

PEOPLE, SOCIETIES = (A, B), (SACEM, GEMA)
PARTIES = (*PEOPLE, *SOCIETIES, LABEL)
WORKS = (SONG, SONG, RECORDING, BOOK)
DECLARATIONS = ("sacem-2023", "scam-fr", "another")
LICENCES = (f"licence-{SACEM}", "another licence")
SCOPES = ("lyrics.example", "http://lyrics.example/so", ARTICLE, PICTURE)
LAYERS = (Layer.COMPOSITION, Layer.LYRICS, Layer.PHONOGRAM, Layer.TEXT, Layer.IMAGE)


def some(*values: Any, most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    """Give a few of the values."""
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    """Give one of the values, or None."""
    return st.sampled_from((None, *values))


DAYS = maybe(date(2024, 1, 1), date(2026, 1, 1), TODAY, date(2027, 1, 1))
PLACES = st.sampled_from((("WORLD",), ("WORLD",), ("EU",), ("FR",), ("DE",), ("US",)))
parties = st.builds(
    Party,
    st.sampled_from(PARTIES),
    st.sampled_from(("natural", "cmo", "label")),
    st.just(("A name",)),
    died=maybe(1900, 1950),
    died_confirmed=st.booleans(),
    domains=some("lyrics.example", "news.example"),
)
free = st.builds(
    PublicDomain,
    st.sampled_from(("FR", "EU", "WORLD")),
    st.sampled_from(LAYERS),
    st.just(date(2020, 1, 1)),
    st.just("e"),
)
works = st.builds(
    Work,
    st.sampled_from(WORKS),
    st.sampled_from(("musical", "recording", "literary")),
    st.just(("Title",)),
    published=maybe(1900, 1990),
    derived_from=maybe(*WORKS),
    components=some(*WORKS, most=1),
    public_domain=st.lists(free, max_size=1).map(tuple),
)
interests = st.builds(
    Interest,
    st.sampled_from((*PEOPLE, *PEOPLE, LABEL)),
    st.sampled_from(WORKS),
    st.sampled_from(LAYERS),
    st.sampled_from(("CA", "A", "C", "E")),
    maybe(*SOCIETIES),
    PLACES,
    start=maybe(date(2024, 1, 1)),
    end=maybe(date(2025, 1, 1)),
    controlled=st.booleans(),
    share=maybe(0.5, 1.0),
)
mandates = st.builds(
    Mandate,
    st.sampled_from(PEOPLE),
    st.sampled_from(SOCIETIES),
    st.sampled_from((("reserve",), ("license",), ("reserve", "license"), ("reserve", "license"))),
    works=some(*WORKS, most=1),
    territories=PLACES,
    exclusive=st.booleans(),
    end=DAYS,
    status=st.sampled_from(Status),
    evidence=st.sampled_from(("", "a letter")),
)
declarations = st.builds(
    Declaration,
    st.sampled_from(DECLARATIONS),
    st.sampled_from(PARTIES),
    st.sampled_from(("repertoire", "repertoire", "parties", "works", "catalogue", "site", "asset")),
    some(Usage.TDM, Usage.TRAIN_AI, Usage.SEARCH).map(lambda usages: usages or (Usage.TDM,)),
    some(*PARTIES, *WORKS, *SCOPES),
    some(*LAYERS),
    some(AssetClass.LYRICS, AssetClass.MUSIC_AUDIO, AssetClass.IMAGE, most=3),
    PLACES,
    declared_on=DAYS,
    withdrawn_on=DAYS,
    carve_outs=some(Usage.SEARCH),
    needs_right=st.booleans(),
    strengths=some(("DE", Strength.CONTESTED), ("EU", Strength.WEAK), most=1),
    notice=st.booleans(),
)
exceptions = st.builds(
    RightException,
    st.sampled_from((*SOCIETIES, *DECLARATIONS, *LICENCES)),
    st.sampled_from(PARTIES),
    st.sampled_from(("withhold", "permit", "permit")),
    some(*WORKS, most=1),
    evidence=st.sampled_from(("", "a letter")),
    confirmed_by=maybe(*PARTIES),
)
licences = st.builds(
    Licence,
    st.sampled_from(PARTIES),
    some(*SCOPES),
    some(Usage.TRAIN_AI, Usage.TRAIN_AI, Usage.SEARCH).map(lambda usages: usages or (Usage.TRAIN_AI,)),
    st.just(datetime(2025, 1, 1, tzinfo=timezone.utc)),
    st.sampled_from((datetime(2028, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 1, tzinfo=timezone.utc))),
    st.just("contract"),
    st.just("Jo"),
    works=some(*WORKS),
    repertoires=some(*PARTIES),
    layers=some("composition", "lyrics", "text"),
    territories=PLACES,
    confirmed=st.sampled_from((True, True, False)),
    extended_effect=st.booleans(),
    id=st.sampled_from(LICENCES),
)
disputes = st.builds(
    Dispute,
    st.just("x"),
    st.sampled_from((*PARTIES, *WORKS, *DECLARATIONS, *LICENCES)),
    some(*PARTIES),
    st.just(date(2026, 1, 1)),
    maybe(date(2026, 2, 1)),
)
matches = st.builds(
    Match,
    maybe(*WORKS),
    maybe(*PARTIES),
    st.sampled_from(("identifier", "title+writers", "title", "fingerprint", "party-identifier", "url")),
    st.just(0.9),
    st.sampled_from((Band.STRONG, Band.STRONG, Band.MIDDLE, Band.WEAK)),
    st.sampled_from(("this agrees", "that agrees")),
    exact=st.booleans(),
    conflict=st.sampled_from((False, False, False, True)),
)
corrections = st.builds(
    Correction,
    st.sampled_from((*WORKS, *PARTIES, "class:lyrics")),
    st.sampled_from(("", *SCOPES)),
    st.just("Jo"),
    st.just("seen"),
    st.just(date(2026, 1, 1)),
)
repertoires = st.builds(
    Repertoire,
    st.sampled_from(SOCIETIES),
    some(AssetClass.LYRICS, AssetClass.MUSIC_AUDIO),
    st.booleans(),
    DAYS,
    DAYS,
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "matches": matches,
    "works": works,
    "parties": parties,
    "interests": interests,
    "mandates": mandates,
    "repertoires": repertoires,
    "declarations": declarations,
    "exceptions": exceptions,
    "licences": licences,
    "disputes": disputes,
    "corrections": corrections,
}
records = st.one_of(*(st.tuples(st.just(name), values) for name, values in KINDS.items()))


def added(facts: Facts, name: str, record: Any) -> Facts:
    """Add a record to the facts of that name."""
    more: dict[str, Any] = {name: (*getattr(facts, name), record)}
    return replace(facts, **more)


def joined(known: Scenario, more: list[tuple[str, Any]], changed: dict[str, Any]) -> Scenario:
    """Give a scenario with more records, for a use that may differ."""
    facts = known.facts
    for name, record in more:
        facts = added(facts, name, record)
    return Scenario(facts, replace(known.context, **changed))


cases = st.builds(
    joined,
    st.sampled_from([*SCENARIOS.values(), *MORE.values()]),
    st.lists(records, max_size=3),
    st.fixed_dictionaries(
        {},
        optional={
            "usage": st.sampled_from((Usage.SEARCH, Usage.TDM, Usage.AI_USE)),
            "act": st.sampled_from(("store", "train")),
            "territory": st.sampled_from(("FR", "DE", "US", "WORLD")),
            "profile": st.just("literal"),
            "open_licences": st.just(value=True),
        },
    ),
)
LOWER = {Status.CONFIRMED: Status.ASSERTED, Status.ASSERTED: Status.DISPUTED}


def lowered(facts: Facts, name: str) -> Facts:
    """Lower how sure all records of that name are."""
    records = getattr(facts, name)
    changed: dict[str, Callable[[], Any]] = {
        "mandates": lambda: tuple(replace(item, status=LOWER.get(item.status, item.status)) for item in records),
        "licences": lambda: tuple(replace(item, confirmed=False) for item in records),
        "interests": lambda: tuple(replace(item, controlled=False) for item in records),
        "parties": lambda: tuple(replace(item, died_confirmed=False) for item in records),
        "exceptions": lambda: tuple(
            replace(item, confirmed_by=None) if item.direction == "permit" else item for item in records
        ),
    }
    lower: dict[str, Any] = {name: changed[name]()}
    return replace(facts, **lower)


def tightened(facts: Facts, change: tuple[str, Any]) -> Facts:
    """Add a reservation or a doubt."""
    what, record = change
    if what == "damage":
        return replace(facts, damage=record)
    return lowered(facts, record) if what == "lowered" else added(facts, what, record)


elsewhere: list[Callable[[Licence, UseContext], Licence]] = [
    lambda item, _: replace(item, works=("w:9",), repertoires=("cisac:999",), scopes=("nowhere.example",)),
    lambda item, _: replace(item, territories=("JP",)),
    lambda item, context: replace(item, usages=tuple({*Usage} - {context.usage})),
    lambda item, _: replace(item, licensee="another"),
    lambda item, _: replace(item, models=("another model",)),
    lambda item, _: replace(item, layers=("audiovisual",)),
    lambda item, _: replace(item, valid_until=datetime(2026, 11, 24, 12, tzinfo=timezone.utc)),
    lambda item, _: replace(item, valid_from=datetime(2026, 11, 25, tzinfo=timezone.utc)),
    lambda item, _: replace(item, confirmed=False),
]
