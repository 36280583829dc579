"""The facts of the scenarios of more_scenarios.yaml that are about images and their artists."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from optout_middleware.register.model import AssetClass, Band, Declaration, Layer, Match
from optout_middleware.terms import Usage

from .scenario_facts import NO_TRAINING, PICTURE, SEARCH_ONLY, photo
from .scenario_parts import PHOTO, A, Scenario, asset, interest, licence, scenario

ADAGP = "cisac:148"
LISTED = Declaration(
    "adagp-2024",
    ADAGP,
    "parties",
    targets=(A,),
    layers=(Layer.IMAGE,),
    classes=(AssetClass.IMAGE,),
    declared_on=date(2024, 2, 23),
)
BY_ISNI = Match(None, A, "party-identifier", 1.0, Band.STRONG, "ISNI of Anna Auteur", exact=True)
BY_NAME = replace(
    BY_ISNI, method="party-name", band=Band.MIDDLE, score=0.85, exact=False, explanation="her name, nearly"
)
BY_SURNAME = replace(BY_NAME, band=Band.WEAK, score=0.5, explanation="her surname only")


def picture(*matches: Match, damage: str = "", licensed: bool = False) -> Scenario:
    """Give a picture whose artist may be on the list of a society."""
    return scenario(
        asset=asset(AssetClass.IMAGE, url=PICTURE),
        matches=matches,
        interests=(interest(A, PHOTO, Layer.IMAGE, role="", society=ADAGP),),
        declarations=(LISTED,),
        licences=(licence(ADAGP),) if licensed else (),
        damage=damage,
    )


PHOTOS: dict[str, Scenario] = {
    "T71": picture(BY_ISNI),
    "T72": picture(BY_NAME),
    "T73": picture(BY_SURNAME),
    "T74": picture(),
    "T75": picture(BY_ISNI, licensed=True),
    "T76": picture(BY_SURNAME, damage="the file is cut short"),
    "T77": photo(SEARCH_ONLY),
    "T78": photo(NO_TRAINING, Usage.AI_USE),
}
