"""The facts of the scenarios of more_scenarios.yaml, under the same ids: whose, when, where, and how sure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone
from typing import Any

from optout_middleware.register.model import (
    AssetClass,
    Correction,
    Credits,
    Declaration,
    Dispute,
    Layer,
    PublicDomain,
    Repertoire,
    RightException,
    Status,
    Work,
)
from optout_middleware.terms import Usage

from .scenario_facts import (
    ARTICLE,
    AUDIO,
    BOOK_OF_A_MEMBER,
    DEAD_COMPOSER,
    DEAD_POET,
    LICENSED,
    MAY_BE_MINED,
    OUTSIDER,
    SCAM_DECLARATION,
    SHEET,
    SITE,
    TEKST_NODE,
)
from .scenario_facts_photo import PHOTOS
from .scenario_parts import (
    BOOK,
    BY_IPI,
    BY_ISBN,
    BY_ISRC,
    BY_ISWC,
    BY_NAMES,
    BY_TITLE,
    CATALOGUE,
    CREDITS,
    FUZZY,
    GEMA,
    LABEL,
    MUSIC_CLASSES,
    RECORDING,
    SACEM,
    SACEM_2023,
    SCAM,
    SONG,
    US,
    WORKS,
    A,
    B,
    Scenario,
    asset,
    facts,
    interest,
    licence,
    mandate,
    scenario,
    use,
)


def licensed(**changed: Any) -> Scenario:
    """Give S07 with something changed."""
    return Scenario(replace(LICENSED, **changed), use())


NAMELESS = replace(asset(), credits=Credits(asset_class=AssetClass.LYRICS, class_reason="domain list"))
UNKNOWN_SONG = replace(asset(), credits=replace(CREDITS, titles=("A Song Nobody Registered",)))
COMPLETE = Repertoire(SACEM, MUSIC_CLASSES, complete=True, as_of=date(2026, 10, 1), expires=date(2027, 1, 1))
NOTICE = Declaration(
    "notice-1", LABEL, "works", targets=(SONG,), declared_on=date(2026, 11, 20), notice=True, text="this song is ours"
)
AUDIO_FACTS = replace(
    facts(),
    asset=AUDIO,
    matches=(BY_ISRC,),
    interests=(
        interest(A),
        interest(B, RECORDING, Layer.PERFORMANCE, role="performer", society="fr:adami"),
        interest(LABEL, RECORDING, Layer.PHONOGRAM, role="label", society=None),
    ),
    mandates=(mandate(A),),
    licences=(licence(),),
    declarations=(SACEM_2023,),
)
ADAMI = Declaration("adami-2025", "fr:adami", "repertoire", layers=(Layer.PERFORMANCE,), declared_on=date(2025, 3, 11))
MEDLEY = (*WORKS, Work("work:medley", "musical", ("Hold On / Let Go",), components=(SONG, "work:let-go")))
LIST_DK = Declaration("list-dk", TEKST_NODE.party, "works", targets=(BOOK,), layers=(Layer.TEXT,))
OF_MEDLEY = replace(BY_ISWC, work="work:medley")
ARRANGED = (*WORKS, Work("work:arrangement", "musical", ("Hold On (arr.)",), derived_from=SONG))
POEM_AS_SONG = tuple(replace(work, published=1932) if work.id == SONG else work for work in WORKS)

MORE: dict[str, Scenario] = {
    # where
    "T01": scenario(declarations=(replace(SACEM_2023, territories=("US",), classes=()),)),
    "T02": scenario(declarations=(replace(SACEM_2023, territories=("DE",)),)),
    "T03": Scenario(replace(LICENSED, licences=(licence(territories=("FR",)),)), use(territory="DE")),
    "T04": Scenario(replace(LICENSED, licences=(licence(territories=("EU",)),)), use(territory="FR")),
    "T05": scenario(interests=(interest(A, territories=("US",)), interest(A, society=US, territories=("EU",)))),
    # when
    "T06": licensed(licences=(licence(valid_until=datetime(2026, 11, 24, tzinfo=timezone.utc)),)),
    "T07": licensed(licences=(licence(valid_from=datetime(2027, 1, 1, tzinfo=timezone.utc)),)),
    "T08": scenario(
        declarations=(replace(SACEM_2023, withdrawn_on=date(2026, 1, 1)),),
        exceptions=(RightException("sacem-2023", SACEM, "permit", confirmed_by="Sacem", evidence="notice of 2026"),),
    ),
    "T09": scenario(declarations=(replace(SACEM_2023, withdrawn_on=date(2026, 1, 1)),)),
    "T10": scenario(declarations=(replace(SACEM_2023, effective_from=date(2027, 1, 1)),)),
    "T11": scenario(
        interests=(interest(A),),
        mandates=(mandate(A, end=date(2025, 7, 1), status=Status.WITHDRAWN, evidence=""),),
        exceptions=(replace(MAY_BE_MINED, confirmed_by=A),),
    ),
    "T12": Scenario(replace(facts(), asset=asset(collected_on=date(2024, 2, 1))), use(act="store")),
    # who permits
    "T13": licensed(disputes=(Dispute("d2", "licence-cisac:058", (), date(2026, 9, 1)),)),
    "T14": licensed(disputes=(Dispute("d2", "licence-cisac:058", (), date(2026, 9, 1), date(2026, 10, 1)),)),
    "T15": licensed(mandates=(mandate(A), mandate(B, status=Status.DISPUTED))),
    "T16": licensed(mandates=(mandate(A), mandate(B, status=Status.ASSERTED))),
    "T17": scenario(
        interests=(interest(A, society=None),),
        mandates=(mandate(A, status=Status.DISPUTED, uses=("reserve",)),),
    ),
    "T18": scenario(disputes=(Dispute("d3", "sacem-2023", (US,), date(2026, 9, 1)),)),
    "T19": licensed(licences=(licence(A, repertoires=(), works=(SONG,)), licence(B, repertoires=(), works=(SONG,)))),
    "T20": licensed(
        mandates=(mandate(A, exclusive=False), mandate(B, exclusive=False)),
        licences=(licence(A, repertoires=(), works=(SONG,)), licence(B, repertoires=(), works=(SONG,))),
    ),
    "T21": licensed(exceptions=(RightException(SACEM, A, "withhold", evidence="post of 2 March 2026"),)),
    "T22": licensed(licences=(), exceptions=(replace(MAY_BE_MINED, party=SACEM, confirmed_by="Sacem"),)),
    "T23": licensed(licences=(licence(confirmed=False),)),
    "T24": licensed(licences=(licence(licensee="Other Models"),)),
    "T25": licensed(licences=(licence(repertoires=(), works=("work:other",)),)),
    "T26": licensed(interests=(interest(A, share=0.5), interest(B, share=0.5, controlled=False))),
    "T85": licensed(disputes=(Dispute("d4", SONG, (B, US), date(2026, 9, 1)),)),
    "T86": scenario(interests=(interest(A),), licences=(licence(A, repertoires=(), works=(SONG,)),)),
    "T87": licensed(licences=(licence(territories=("DE", "FR")),)),
    "T88": licensed(licences=(licence(layers=("lyrics",)),)),
    "T89": licensed(licences=(licence(valid_until=datetime(2026, 11, 24, 18, tzinfo=timezone.utc)),)),
    "T90": licensed(matches=(BY_ISWC, replace(BY_ISWC, method="title+writers", exact=False, conflict=True))),
    "T91": scenario(
        interests=(interest(A, society=None),),
        mandates=(mandate(A, status=Status.DISPUTED),),
        licences=(licence(A, repertoires=(), works=(SONG,)),),
    ),
    # what is embodied
    "T27": scenario(
        works=ARRANGED,
        matches=(replace(BY_ISWC, work="work:arrangement"),),
        interests=(interest(A), interest(B, "work:arrangement", society=US)),
    ),
    "T28": scenario(
        works=MEDLEY, matches=(OF_MEDLEY,), interests=(interest(A, society=US), interest(B, "work:let-go"))
    ),
    "T29": scenario(
        works=MEDLEY,
        matches=(OF_MEDLEY,),
        interests=(interest(A), interest(B, "work:let-go")),
        mandates=(mandate(A), mandate(B)),
        licences=(licence(repertoires=(), works=(SONG,)),),
    ),
    "T30": Scenario(replace(AUDIO_FACTS, declarations=(SACEM_2023, ADAMI)), use()),
    "T31": Scenario(replace(AUDIO_FACTS, declarations=(SACEM_2023, CATALOGUE)), use()),
    "T32": Scenario(AUDIO_FACTS, use()),
    "T33": licensed(interests=(interest(A, share=0.5),)),
    "T34": scenario(asset=AUDIO, matches=(BY_ISWC,), declarations=(CATALOGUE,), interests=(interest(A, society=US),)),
    "T35": scenario(asset=asset(AssetClass.TEXT)),
    "T36": scenario(asset=asset(AssetClass.TEXT), matches=(replace(FUZZY, method="fingerprint"),)),
    # class presumption
    "T37": scenario(asset=NAMELESS, matches=(), interests=()),
    "T38": scenario(use(profile="literal"), asset=NAMELESS, matches=(), interests=()),
    "T39": scenario(asset=UNKNOWN_SONG, matches=(), interests=()),
    "T40": scenario(asset=UNKNOWN_SONG, matches=(), interests=(), repertoires=(COMPLETE,)),
    "T41": scenario(
        asset=UNKNOWN_SONG, matches=(), interests=(), repertoires=(replace(COMPLETE, expires=date(2026, 11, 1)),)
    ),
    "T42": scenario(asset=UNKNOWN_SONG, matches=(), interests=(), repertoires=(replace(COMPLETE, complete=False),)),
    "T43": scenario(asset=NAMELESS, matches=(), interests=(), repertoires=(COMPLETE,)),
    "T44": scenario(interests=(interest(A, society=US), interest(B, society=US))),
    "T45": scenario(matches=(BY_NAMES,), interests=(interest(A, society=US),)),
    "T46": scenario(interests=(interest(A, society=US), interest(B, society=None))),
    "T47": scenario(asset=asset(AssetClass.TEXT), matches=(), interests=()),
    "T48": scenario(
        asset=NAMELESS,
        matches=(),
        interests=(),
        corrections=(Correction("class:lyrics", "lyrics.example", "Jo", "a dictionary", date(2026, 11, 1)),),
    ),
    # carve-outs, rights, extended effect, open licences
    "T49": scenario(use(usage=Usage.SEARCH)),
    "T50": scenario(
        asset=asset(AssetClass.BOOK),
        matches=(BY_ISBN,),
        interests=(interest(A, BOOK, Layer.TEXT, role="A", society=SCAM),),
        declarations=(SCAM_DECLARATION,),
    ),
    "T51": scenario(
        use(profile="literal"),
        asset=asset(AssetClass.BOOK),
        matches=(BY_ISBN,),
        interests=BOOK_OF_A_MEMBER,
        declarations=(SCAM_DECLARATION,),
    ),
    "T52": OUTSIDER,
    "T53": OUTSIDER._replace(
        facts=replace(
            OUTSIDER.facts,
            declarations=(
                LIST_DK,
                Declaration("own", B, "catalogue", declared_on=date(2026, 2, 1)),
            ),
        )
    ),
    "T54": OUTSIDER._replace(facts=replace(OUTSIDER.facts, declarations=(LIST_DK,))),
    # doubts about the match, notices, a damaged register
    "T55": scenario(matches=(replace(BY_ISWC, conflict=True),)),
    "T56": scenario(matches=(BY_NAMES,), mandates=(mandate(A), mandate(B)), licences=(licence(),)),
    "T57": scenario(
        matches=(replace(BY_IPI, band=FUZZY.band, exact=False, method="party-name"),),
        interests=(interest(A, "work:other"),),
    ),
    "T58": scenario(
        matches=(BY_TITLE, BY_ISWC), interests=(interest(A),), mandates=(mandate(A),), licences=(licence(),)
    ),
    "T59": scenario(declarations=(NOTICE,), interests=(interest(A, society=US),)),
    "T60": licensed(declarations=(SACEM_2023, NOTICE)),
    "T61": scenario(asset=NAMELESS, matches=(), interests=(), declarations=(), damage="the file is cut short"),
    "T62": scenario(
        asset=asset(AssetClass.TEXT), matches=(), interests=(), declarations=(), damage="the file is cut short"
    ),
    "T63": scenario(matches=(FUZZY,), corrections=(Correction(SONG, "", "Jo", "another Hold On", date(2026, 11, 1)),)),
    "T64": scenario(corrections=(Correction(SONG, "", "Jo", "another Hold On", date(2026, 11, 1)),)),
    # public domain
    "T65": scenario(use(territory="FR"), asset=SHEET, works=POEM_AS_SONG, parties=DEAD_POET, interests=(interest(A),)),
    "T66": scenario(use(territory="DE"), asset=SHEET, works=POEM_AS_SONG, parties=DEAD_POET, interests=(interest(A),)),
    "T67": scenario(asset=SHEET, parties=DEAD_COMPOSER, interests=(interest(A, share=0.5), interest(B, share=0.5))),
    "T68": scenario(
        use(territory="US"),
        works=(
            replace(
                WORKS[0], public_domain=(PublicDomain("US", Layer.LYRICS, date(2026, 1, 1), "registry, 95 years"),)
            ),
        ),
    ),
    "T69": scenario(matches=(BY_NAMES,), asset=SHEET, parties=DEAD_COMPOSER, interests=(interest(A),), works=()),
    "T70": scenario(interests=(interest(A, society=None),), matches=(BY_IPI,)),
    **PHOTOS,
    "T79": scenario(
        asset=replace(
            asset(AssetClass.TEXT, url=ARTICLE), credits=Credits(licence="https://creativecommons.org/licenses/by/4.0/")
        ),
        matches=(),
        interests=(),
        declarations=(SITE,),
    ),
    "T80": scenario(
        use(open_licences=True),
        asset=replace(
            asset(AssetClass.TEXT, url=ARTICLE), credits=Credits(licence="https://creativecommons.org/licenses/by/4.0/")
        ),
        matches=(),
        interests=(),
        declarations=(SITE,),
    ),
    "T81": scenario(
        use(open_licences=True),
        asset=replace(asset(), credits=replace(CREDITS, licence="https://creativecommons.org/licenses/by/4.0/")),
    ),
    "T82": scenario(
        asset=replace(asset(), credits=replace(CREDITS, societies=("Sacem",), titles=())), matches=(), interests=()
    ),
    "T83": scenario(
        interests=(interest(A, society=GEMA),),
        declarations=(SACEM_2023, replace(SACEM_2023, id="gema", declarant=GEMA)),
    ),
    "T84": scenario(interests=(interest(A, society=None), interest(A, "work:other"))),
}
