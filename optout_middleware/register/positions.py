"""From matches to positions: which works and parties an asset embodies, and each interest in each layer of them.

Rule of this file: pure. Every interest in every layer that the asset embodies is a position that must end clear (rule
R4); what a work contains or was made from is embodied with it. Rules M1 to M5 say how strong a match restricts, and
that only an exact one permits.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.register.case import is_on
from optout_middleware.register.control import standing
from optout_middleware.register.model import LAYERS, AssetClass, Band, Interest, Layer
from optout_middleware.register.public_domain import MUSICAL
from optout_middleware.urls import is_within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.register.case import Case
    from optout_middleware.register.model import Declaration, Match

_BANDS = (Band.WEAK, Band.MIDDLE, Band.STRONG)
_IS_THE_ASSET = ("url", "content-hash")  # they say what stands there, so no class has to
_WORDS_OR_MUSIC = {"A": Layer.LYRICS, "C": Layer.COMPOSITION}  # CWR writer types; all others may be of both
URL_SCOPES = ("site", "asset")


class Seen(NamedTuple):
    """How surely the asset embodies a work or a party's work.

    Fields:
        layers: those of it that the asset embodies; None = whichever it has.
        explanation: what matched.
        methods: how.
    """

    band: Band
    exact: bool
    conflict: bool
    layers: frozenset[Layer] | None
    explanation: str
    methods: frozenset[str] = frozenset()


class Position(NamedTuple):
    """One interest in one layer, and how surely the asset embodies it.

    Fields:
        only: the one declaration that it is about; None = any may reach it.
        whole: whether it stands for all works of a party, the very work being unknown (rule R10).
    """

    seen: Seen
    interest: Interest
    layer: Layer
    only: Declaration | None = None
    whole: bool = False

    @property
    def is_of_url(self) -> bool:
        """Whether it is about the URL itself, whatever stands there."""
        return self.only is not None and self.only.scope in URL_SCOPES


def layers_of(interest: Interest) -> frozenset[Layer]:
    """Give the layers that an interest is in: of a song, words and music unless its role says which of them."""
    if interest.layer in MUSICAL and interest.role not in _WORDS_OR_MUSIC:
        return MUSICAL
    return frozenset({interest.layer})


def embodied(case: Case) -> dict[str, Seen]:
    """Give the works that the matches tie the asset to, with all that they contain and were made from."""
    found: dict[str, list[Seen]] = {}
    for match in case.matches:
        if match.work is not None:
            seen = _seen(match, _layers(case, match))
            for work in case.closure(match.work):
                found.setdefault(work, []).append(seen)
    return {work: reduce(_together, sorted(seen, key=_order)) for work, seen in found.items()}


def positions(case: Case, works: dict[str, Seen]) -> list[Position]:
    """Give all positions of the case."""
    return [*_of_works(case, works), *_of_parties(case, works), *_of_urls(case)]


def _layers(case: Case, match: Match) -> frozenset[Layer] | None:
    if match.method in _IS_THE_ASSET or not case.is_class_known:
        return None
    if match.method == "fingerprint":
        return frozenset({*case.layers, Layer.LYRICS})
    return frozenset(case.layers)


def _seen(match: Match, layers: frozenset[Layer] | None) -> Seen:
    band = Band.MIDDLE if match.conflict and match.band is Band.STRONG else match.band
    exact = match.exact and band is Band.STRONG
    return Seen(band, exact, match.conflict, layers, match.explanation, frozenset({match.method}))


def _order(seen: Seen) -> tuple[int, bool, str]:
    return -_BANDS.index(seen.band), not seen.exact, seen.explanation


def _together(best: Seen, other: Seen) -> Seen:
    """Take two matches of one work together: the stronger restricts, and a conflict of either permits nothing."""
    conflict = best.conflict or other.conflict
    layers = None if best.layers is None or other.layers is None else best.layers | other.layers
    return best._replace(
        exact=(best.exact or other.exact) and not conflict,
        conflict=conflict,
        layers=layers,
        methods=best.methods | other.methods,
    )


def _of_works(case: Case, works: dict[str, Seen]) -> Iterator[Position]:
    for work, seen in works.items():
        tied: set[tuple[str, Layer]] = set()
        for interest in case.by_target.get(work, ()):
            if not case.is_live(interest):
                _note_elsewhere(case, interest)
                continue
            layers = layers_of(interest)
            for layer in layers if seen.layers is None else layers & seen.layers:
                yield Position(seen, interest, layer)
                tied |= {
                    (stand.declaration.id, layer)
                    for stand in case.stands
                    if _is_tied(case, interest, stand.declaration)
                }
        for declaration in (stand.declaration for stand in case.stands):
            if declaration.scope == "works" and work in declaration.targets:
                for layer in _own_layers(case, work, seen, declaration):
                    if (declaration.id, layer) not in tied:
                        yield Position(seen, Interest(declaration.declarant, work, layer), layer, declaration)


def _note_elsewhere(case: Case, interest: Interest) -> None:
    holder = case.name(interest.party)
    if is_on(interest.start, interest.end, case.context.on):
        case.note(
            "R8", f"the interest of {holder} is in {', '.join(interest.territories)}, not in {case.context.territory}"
        )
    else:
        case.note("R9", f"the interest of {holder} does not count on {case.context.on.isoformat()}")


def _is_tied(case: Case, interest: Interest, declaration: Declaration) -> bool:
    """Tell whether a list of works speaks through that interest, and not beside it."""
    return declaration.scope == "works" and (
        interest.party == declaration.declarant or standing(case, interest, declaration.declarant) is not None
    )


def _own_layers(case: Case, work: str, seen: Seen, declaration: Declaration) -> frozenset[Layer]:
    """Give the layers of a work that a list of works is about, where nobody's interest in them is known."""
    reserved = frozenset(declaration.layers)
    if seen.layers is not None:
        return seen.layers & reserved if reserved else seen.layers
    of_kind = {"musical": AssetClass.NOTATION, "image": AssetClass.IMAGE, "audiovisual": AssetClass.AUDIOVISUAL}
    kinds = {record.kind for record in case.works.get(work, ())}
    known = {layer for kind in kinds if kind in of_kind for layer in LAYERS[of_kind[kind]]}
    return reserved or frozenset(known) or frozenset({Layer.TEXT})


def _of_parties(case: Case, works: dict[str, Seen]) -> Iterator[Position]:
    """Give the positions of parties whose works are unknown, or were found without them (rule R10)."""
    found: dict[str, list[Seen]] = {}
    for match in case.matches:
        if match.party is not None and not _is_placed(case, match, works):
            found.setdefault(match.party, []).append(_seen(match, frozenset(case.layers)))
    for society in _credited(case):
        credited = Seen(Band.STRONG, False, False, frozenset(case.layers), f"the page credits {case.name(society)}")
        found.setdefault(society, []).append(credited)
    for party, several in found.items():
        seen = reduce(_together, sorted(several, key=_order))
        societies = {interest.society for interest in case.by_party.get(party, ()) if case.is_live(interest)} or {None}
        for manager in societies:
            for layer in case.layers:
                yield Position(seen, Interest(party, "", layer, society=manager), layer, whole=True)


def _is_placed(case: Case, match: Match, works: dict[str, Seen]) -> bool:
    """Tell whether the work that a match names has an interest of its party, which is then the position."""
    return match.work is not None and any(
        interest.party == match.party
        and case.is_live(interest)
        and ((layers := works[work].layers) is None or layers_of(interest) & layers)
        for work in case.closure(match.work)
        for interest in case.by_target.get(work, ())
    )


def _credited(case: Case) -> set[str]:
    """Give the declaring societies that the page names, by id, CISAC code or exact name."""
    said = {text.strip().casefold() for text in case.facts.asset.credits.societies}
    if not said:
        return set()
    declarants = {stand.declaration.declarant for stand in case.stands}
    return {
        declarant
        for declarant in declarants
        if said
        & {
            declarant.casefold(),
            declarant.casefold().removeprefix("cisac:"),
            *(name.casefold() for record in case.parties.get(declarant, ()) for name in record.names),
        }
    }


def _of_urls(case: Case) -> Iterator[Position]:
    """Give the positions of declarations about a site or an asset: these are stated there, so no match is needed."""
    url = case.facts.asset.url.partition("#")[0]
    identities = {url, *(f"{item.scheme}:{item.value}" for item in case.facts.asset.credits.identifiers)}
    for declaration in (stand.declaration for stand in case.stands):
        if declaration.scope not in URL_SCOPES:
            continue
        within = [target for target in declaration.targets if target in identities or is_within(url, target)]
        if within and (not declaration.layers or set(declaration.layers) & set(case.layers)):
            seen = Seen(Band.STRONG, True, False, None, f"the asset lies within {min(within)}")
            layer = next((layer for layer in case.layers if layer in declaration.layers), case.layers[0])
            yield Position(seen, Interest(declaration.declarant, url, layer), layer, declaration)
