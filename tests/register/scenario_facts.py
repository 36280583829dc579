"""The facts of the thirty scenarios of scenarios.yaml, under the same ids."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from optout_middleware.register.model import (
    AssetClass,
    Declaration,
    Dispute,
    Identifier,
    Layer,
    RightException,
    Status,
    Work,
)
from optout_middleware.terms import Usage

from .scenario_parts import (
    BOOK,
    BY_IPI,
    BY_ISBN,
    BY_ISRC,
    BY_NAMES,
    BY_TITLE,
    CATALOGUE,
    CONTESTED,
    CREDITS,
    FUZZY,
    LABEL,
    PARTIES,
    PUBLISHER,
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

SHEET = asset(AssetClass.NOTATION, layers=(Layer.COMPOSITION,))
AUDIO = asset(AssetClass.MUSIC_AUDIO)
OLD_COPY = asset(collected_on=date(2022, 6, 1))
LICENSED = facts(asset=SHEET, mandates=(mandate(A), mandate(B)), licences=(licence(),), interests=facts().interests)
MAY_BE_MINED = RightException(
    "sacem-2023", A, "permit", (SONG,), evidence="post of 3 May 2026: my song may be mined", start=date(2026, 5, 3)
)
DEAD_COMPOSER = tuple(replace(party, died=1937, died_confirmed=True) if party.id == A else party for party in PARTIES)
DEAD_POET = tuple(replace(party, died=1950, died_confirmed=True) if party.id == A else party for party in PARTIES)
OLD_SONG = tuple(replace(work, published=1890) if work.id == SONG else work for work in WORKS)
SITE = Declaration(
    "site-terms", PUBLISHER, "site", targets=("news.example",), text="all rights of Article 4(3) reserved"
)
ARTICLE = "http://news.example/article-1"
PICTURE = "http://pictures.example/1.jpg"
NO_TRAINING = Declaration(
    "xmp", "agency:G", "asset", (Usage.TRAIN_AI,), (PICTURE,), text="plus:DataMining DMI-PROHIBITED-AIMLTRAINING"
)
SEARCH_ONLY = replace(
    NO_TRAINING, usages=(Usage.TDM,), carve_outs=(Usage.SEARCH,), text="DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"
)
CONSTRAINED = replace(NO_TRAINING, usages=(Usage.TRAIN_AI, Usage.TDM), text="cawg.ai_generative_training: constrained")
SCAM_DECLARATION = Declaration("scam-fr", SCAM, "repertoire", needs_right=True, on_behalf_of="members who contributed")
BOOK_OF_A_MEMBER = (
    interest(A, BOOK, Layer.TEXT, role="A", society=None, share=0.0),
    interest(PUBLISHER, BOOK, Layer.TEXT, role="E", society=None, share=1.0),
    interest(A, "work:film", Layer.AUDIOVISUAL, role="A", society=SCAM, share=None),
)
TEKST_NODE = replace(
    licence("dk:tekst-node", extended_effect=True, territories=("DK",), layers=("text",)),
    conditions=("internal tools",),
)
OUTSIDER = scenario(
    use(territory="DK"),
    asset=asset(AssetClass.BOOK),
    matches=(BY_ISBN,),
    interests=(interest(B, BOOK, Layer.TEXT, role="A", society=None),),
    declarations=(),
    licences=(TEKST_NODE,),
)


def research(proof: str) -> Scenario:
    """Give S01 as asked by a research organisation, or by one that says so."""
    return scenario(use(entity="research", research_proof=proof))


def photo(declaration: Declaration, usage: Usage = Usage.TRAIN_AI) -> Scenario:
    """Give a photo that says of itself what may be done with it, and nothing in the register."""
    return scenario(
        use(usage=usage),
        asset=asset(AssetClass.IMAGE, url=PICTURE),
        matches=(),
        interests=(),
        declarations=(declaration,),
    )


SCENARIOS: dict[str, Scenario] = {
    "S01": scenario(),
    "S02": scenario(asset=replace(asset(), url="http://silent.example/lyrics/1")),
    "S03": scenario(use(act="store"), asset=OLD_COPY),
    "S04": scenario(use(act="train"), asset=OLD_COPY),
    "S06": scenario(matches=(BY_IPI,), interests=(interest(A, "work:other"),)),
    "S07": Scenario(LICENSED, use()),
    "S08": Scenario(
        replace(
            LICENSED,
            exceptions=(RightException(SACEM, A, "withhold", evidence="letter of 2 March 2026", confirmed_by="Sacem"),),
        ),
        use(),
    ),
    "S09": Scenario(
        replace(LICENSED, disputes=(Dispute("d1", SACEM, (A, SACEM), date(2026, 6, 1), evidence="interview"),)), use()
    ),
    "S10": scenario(mandates=(mandate(A), mandate(B)), exceptions=(MAY_BE_MINED,), interests=(interest(A, share=1.0),)),
    "S11": scenario(
        interests=(interest(A, share=1.0),),
        mandates=(mandate(A, end=date(2025, 7, 1), status=Status.WITHDRAWN, evidence="letter of withdrawal"),),
        exceptions=(replace(MAY_BE_MINED, confirmed_by=A),),
    ),
    "S12": scenario(interests=(interest(A, share=0.5), interest(B, share=0.5, society=US))),
    "S15": scenario(
        asset=AUDIO,
        matches=(BY_ISRC,),
        interests=(
            interest(A, share=1.0),
            interest(LABEL, RECORDING, Layer.PHONOGRAM, role="label", society=None),
        ),
        mandates=(mandate(A),),
        licences=(licence(),),
        declarations=(SACEM_2023, CATALOGUE),
    ),
    "S17": scenario(asset=SHEET, works=OLD_SONG, parties=DEAD_COMPOSER, interests=(interest(A, share=1.0),)),
    "S18": scenario(
        asset=AUDIO,
        matches=(BY_ISRC,),
        works=OLD_SONG,
        parties=DEAD_COMPOSER,
        interests=(
            interest(A, share=1.0),
            interest(LABEL, RECORDING, Layer.PHONOGRAM, role="label", society=None, start=date(2015, 1, 1)),
        ),
        declarations=(SACEM_2023, CATALOGUE),
    ),
    "S20": scenario(
        use(territory="FR"),
        asset=asset(AssetClass.TEXT),
        matches=(replace(BY_ISBN, work="work:poem"),),
        works=(Work("work:poem", "literary", ("A Poem",), published=1932),),
        parties=DEAD_POET,
        interests=(interest(A, "work:poem", Layer.TEXT, role="A", society=SCAM),),
        declarations=(
            replace(SCAM_DECLARATION, needs_right=False),
            Declaration("list", SCAM, "works", targets=("work:poem",)),
        ),
    ),
    "S21": research("statutes and grant agreement, file 12"),
    "S23": research(""),
    "S24": scenario(
        asset=asset(AssetClass.BOOK),
        matches=(BY_ISBN,),
        interests=BOOK_OF_A_MEMBER,
        declarations=(SCAM_DECLARATION,),
    ),
    "S25": scenario(
        asset=asset(AssetClass.TEXT, url=ARTICLE),
        matches=(),
        interests=(),
        declarations=(SITE,),
        licences=(licence(PUBLISHER, scopes=(ARTICLE,), repertoires=(), conditions=("attribution (CC BY 4.0)",)),),
    ),
    "S26": photo(NO_TRAINING),
    "S27": photo(SEARCH_ONLY, Usage.SEARCH),
    "S28": photo(CONSTRAINED),
    "S29": scenario(asset=asset(AssetClass.TEXT), matches=(BY_TITLE,)),
    "S29b": scenario(matches=(BY_TITLE,)),
    "S30": scenario(matches=(FUZZY,)),
    "S32": scenario(
        asset=replace(asset(), credits=replace(CREDITS, dropped=(Identifier("iswc", "T0345246802", checked=False),))),
        matches=(BY_NAMES,),
    ),
    "S34": OUTSIDER._replace(
        facts=replace(
            OUTSIDER.facts,
            exceptions=(RightException(TEKST_NODE.id, B, "withhold", evidence="opt-out of 5 January 2026"),),
        )
    ),
    "S36": Scenario(replace(LICENSED, licences=(licence(models=("model v1",)),)), use(model="model v2")),
    "S38": scenario(use(territory="DE"), declarations=(CONTESTED,)),
    "S39": scenario(use(territory="DE", profile="literal"), declarations=(CONTESTED,)),
}
