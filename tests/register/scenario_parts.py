"""The people, societies and works of the scenarios, and short ways to say facts about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any, NamedTuple

from optout_middleware.register.model import (
    Asset,
    AssetClass,
    Band,
    Credits,
    Declaration,
    Facts,
    Interest,
    Layer,
    Mandate,
    Match,
    Party,
    Source,
    Status,
    Strength,
    UseContext,
    Work,
)
from optout_middleware.terms import Licence, Usage

TODAY = date(2026, 11, 24)
URL = "http://lyrics.example/song"
SACEM, GEMA, SCAM, US = "cisac:058", "cisac:035", "cisac:073", "cisac:010"
A, B, LABEL, PUBLISHER = "ipi:A", "ipi:B", "label:L", "publisher:P"
SONG, RECORDING, BOOK, PHOTO = "work:song", "recording:song", "work:book", "work:photo"
MUSIC = (Layer.COMPOSITION, Layer.LYRICS)
MUSIC_CLASSES = (AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO)
SNAPSHOT = Source("snapshot.cwr", line=7, as_of=date(2026, 10, 1))


class Scenario(NamedTuple):
    """The facts and the use of one scenario."""

    facts: Facts
    context: UseContext


PARTIES = (
    Party(SACEM, "cmo", ("Sacem",)),
    Party(GEMA, "cmo", ("GEMA",)),
    Party(SCAM, "cmo", ("Scam",)),
    Party(US, "cmo", ("ASCAP",)),
    Party(A, "natural", ("Anna Auteur",)),
    Party(B, "natural", ("Bert Writer",)),
    Party(LABEL, "label", ("Label L",)),
    Party(PUBLISHER, "publisher", ("Publisher P",), domains=("news.example",)),
)
WORKS = (
    Work(SONG, "musical", ("Hold On",), published=1999),
    Work(RECORDING, "recording", ("Hold On",), components=(SONG,)),
    Work(BOOK, "literary", ("A Book",), published=2001),
    Work(PHOTO, "image", ("A Photo",)),
)
SACEM_2023 = Declaration(
    "sacem-2023",
    SACEM,
    "repertoire",
    layers=MUSIC,
    classes=MUSIC_CLASSES,
    declared_on=date(2023, 10, 12),
    text="data mining of the works of its repertoire needs its prior authorisation",
)
CATALOGUE = Declaration(
    "label-2024", LABEL, "catalogue", layers=(Layer.PHONOGRAM, Layer.PERFORMANCE), declared_on=date(2024, 5, 16)
)
CONTESTED = replace(SACEM_2023, strengths=(("DE", Strength.CONTESTED),))
BY_ISWC = Match(SONG, None, "identifier", 1.0, Band.STRONG, "ISWC and title agree", exact=True)
BY_TITLE = Match(SONG, None, "title", 0.6, Band.WEAK, "title 'Hold On' agrees, no writer is named")
BY_NAMES = Match(SONG, None, "title+writers", 0.97, Band.STRONG, "title and all writers agree")
FUZZY = Match(SONG, None, "title+writers", 0.8, Band.MIDDLE, "title and one of two writers agree nearly")
BY_ISRC = Match(RECORDING, None, "identifier", 1.0, Band.STRONG, "ISRC and title agree", exact=True)
BY_ISBN = Match(BOOK, None, "identifier", 1.0, Band.STRONG, "ISBN and title agree", exact=True)
BY_IPI = Match(None, A, "party-identifier", 1.0, Band.STRONG, "IPI of Anna Auteur", exact=True)
CREDITS = Credits(titles=("Hold On",), asset_class=AssetClass.LYRICS, class_reason="JSON-LD MusicComposition.lyrics")


def use(**changed: Any) -> UseContext:
    """Give the use of the scenarios: commercial training in the EU, today."""
    return replace(UseContext("Example Models", Usage.TRAIN_AI, TODAY), **changed)


def asset(kind: AssetClass = AssetClass.LYRICS, *, layers: tuple[Layer, ...] = (), **changed: Any) -> Asset:
    """Give an asset of a class."""
    said = replace(CREDITS, asset_class=kind, class_reason=f"item says {kind}")
    return replace(Asset(URL, said, layers), **changed)


def interest(party: str = A, target: str = SONG, layer: Layer = Layer.LYRICS, **changed: Any) -> Interest:
    """Give an interest; of a song, words and music."""
    plain = Interest(party, target, layer, role="CA", society=SACEM, share=1.0, source=SNAPSHOT)
    return replace(plain, **changed)


def mandate(grantor: str = A, manager: str = SACEM, **changed: Any) -> Mandate:
    """Give a confirmed, exclusive mandate to reserve and to license."""
    plain = Mandate(
        grantor, manager, ("reserve", "license"), exclusive=True, status=Status.CONFIRMED, evidence="statutes.pdf"
    )
    return replace(plain, **changed)


def licence(party: str = SACEM, **changed: Any) -> Licence:
    """Give a licence of a society for its repertoire."""
    plain = Licence(
        party,
        (),
        (Usage.TRAIN_AI,),
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        datetime(2028, 1, 1, tzinfo=timezone.utc),
        "contract-17.pdf",
        "Jo Example",
        ("report uses each quarter",),
        repertoires=(party,),
        id=f"licence-{party}",
    )
    return replace(plain, **changed)


def facts(**changed: Any) -> Facts:
    """Give the facts of S01, or those that are changed: a lyrics page of a song that Sacem reserved."""
    plain = Facts(
        asset(),
        matches=(BY_ISWC,),
        works=WORKS,
        parties=PARTIES,
        interests=(interest(A, share=0.5), interest(B, share=0.5)),
        declarations=(SACEM_2023,),
    )
    return replace(plain, **changed)


def scenario(context: UseContext | None = None, **changed: Any) -> Scenario:
    """Give a scenario by what differs from S01."""
    return Scenario(facts(**changed), context or use())
