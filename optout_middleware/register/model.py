"""The entities of the register, as frozen values: parties, works, interests, mandates, declarations, licences.

Rule of this file: values and their vocabulary, nothing that decides, reads or fetches. The words are those of CISAC
and of Directive 2014/26/EU; every fact carries where it was read (`source`), and dates are days (a fact counts from
its first day on, and its end is exclusive).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.terms import Licence, Outcome, Usage, _Word

if TYPE_CHECKING:
    from datetime import date

    from optout_middleware.terms import Claim

WORLD = "WORLD"  # a territory: everywhere; others are ISO 3166 country codes, or "EU"


class Layer(_Word):
    """What of an asset is protected on its own; every layer that the asset embodies must be clear (rule R4)."""

    COMPOSITION = "composition"
    LYRICS = "lyrics"
    PERFORMANCE = "performance"
    PHONOGRAM = "phonogram"
    EDITION = "edition"
    IMAGE = "image"
    TEXT = "text"
    AUDIOVISUAL = "audiovisual"


class AssetClass(_Word):
    """What kind of asset it is, as far as a society's declaration covers such kinds (class presumption)."""

    LYRICS = "lyrics"
    NOTATION = "notation"
    MUSIC_AUDIO = "music-audio"
    IMAGE = "image"
    TEXT = "text"
    BOOK = "book"
    AUDIOVISUAL = "audiovisual"
    OTHER = "other"


LAYERS: dict[AssetClass, tuple[Layer, ...]] = {
    AssetClass.LYRICS: (Layer.LYRICS,),
    AssetClass.NOTATION: (Layer.COMPOSITION, Layer.EDITION),
    AssetClass.MUSIC_AUDIO: (Layer.COMPOSITION, Layer.LYRICS, Layer.PERFORMANCE, Layer.PHONOGRAM),
    AssetClass.IMAGE: (Layer.IMAGE,),
    AssetClass.TEXT: (Layer.TEXT,),
    AssetClass.BOOK: (Layer.TEXT, Layer.EDITION),
    AssetClass.AUDIOVISUAL: (Layer.AUDIOVISUAL,),
    AssetClass.OTHER: (Layer.TEXT,),
}


class Band(_Word):
    """How strong a match is (rules M1 to M5)."""

    STRONG = "strong"
    MIDDLE = "middle"
    WEAK = "weak"


class Status(_Word):
    """How sure an authority is: asserted or disputed suffices to restrict, only confirmed permits (rule R7)."""

    ASSERTED = "asserted"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


class Strength(_Word):
    """How a declaration's form stands in law in one state; only the literal profile weighs it (rule R11)."""

    STRONG = "strong"
    CONTESTED = "contested"
    WEAK = "weak"


class Identifier(NamedTuple):
    """An identifier in its canonical form: scheme ("iswc", "ipi", "ipi-base", "isrc", "isni", ...), value, checked."""

    scheme: str
    value: str
    checked: bool = True


class Source(NamedTuple):
    """Where a fact was read: the import or document, its SHA-256, the line in it, and the day it holds as of."""

    name: str
    sha256: str = ""
    line: int | None = None
    as_of: date | None = None

    def __str__(self) -> str:
        """Give the reference in one phrase, for the chain of facts."""
        where = f", line {self.line}" if self.line is not None else ""
        return f"{self.name}{where}" + (f" (as of {self.as_of.isoformat()})" if self.as_of else "")


@dataclass(frozen=True, slots=True)
class Party:
    """A person or body that holds, manages or claims rights.

    Fields:
        id: of the register; for societies "cisac:058", else "ipi:...", "isni:..." or what the import gave.
        kind: "natural", "publisher", "label", "cmo", "agency" or "host".
        born, died: years; `died_confirmed` whether an authority file says so (rule R1a).
        domains: registrable domains known to be theirs.
    """

    id: str
    kind: str
    names: tuple[str, ...]
    identifiers: tuple[Identifier, ...] = ()
    died: int | None = None
    died_confirmed: bool = False
    died_for_france: bool = False
    domains: tuple[str, ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class PublicDomain:
    """A layer of a work that is free in a territory from a day on, with the evidence for it."""

    territory: str
    layer: Layer
    free_from: date
    evidence: str


@dataclass(frozen=True, slots=True)
class Work:
    """A work: `kind` "musical", "literary", "image", "audiovisual"; `titles` the first one is the original title."""

    id: str
    kind: str
    titles: tuple[str, ...]
    identifiers: tuple[Identifier, ...] = ()
    published: int | None = None
    derived_from: str | None = None
    components: tuple[str, ...] = ()
    public_domain: tuple[PublicDomain, ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Interest:
    """One party's share in one layer of one work or recording.

    Fields:
        party: id of the holder.
        target: id of the work, or of the recording.
        role: "C" composer, "A" author, "CA", "E" publisher, "performer", "label", ... (CWR codes where it has them).
        society: id of the society that manages the reproduction right of it (CWR: the MR society), if known.
        controlled: whether the party itself registered it (SWR, SPU), or another reported it (OWR, OPU).
        share: of the reproduction right, 0 to 1, if known.
    """

    party: str
    target: str
    layer: Layer
    role: str = ""
    society: str | None = None
    territories: tuple[str, ...] = (WORLD,)
    start: date | None = None
    end: date | None = None
    controlled: bool = True
    share: float | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a grantor gave a manager to do with the reproduction right.

    Fields:
        uses: "reserve", "license" or both.
        works: ids it is limited to; empty = all of the grantor's.
        exclusive: whether the grantor keeps nothing to permit himself (rule R3).
        basis: "statutes", "contract", "silence-after-notice", "extended-collective", "law" or "notice".
    """

    grantor: str
    manager: str
    uses: tuple[str, ...] = ("reserve",)
    works: tuple[str, ...] = ()
    territories: tuple[str, ...] = (WORLD,)
    exclusive: bool = False
    start: date | None = None
    end: date | None = None
    basis: str = "statutes"
    status: Status = Status.ASSERTED
    evidence: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Repertoire:
    """What of a society's repertoire was loaded; `complete` only where the society itself declared it so.

    `as_of` and `expires` bound how long that counts; `classes` what it is complete for (class presumption).
    """

    society: str
    classes: tuple[AssetClass, ...] = ()
    complete: bool = False
    as_of: date | None = None
    expires: date | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A reservation that someone declared, for a scope.

    Fields:
        id: of the register.
        declarant: id of the party that declares; `on_behalf_of` in its own words.
        scope: "repertoire", "parties", "works", "catalogue", "site" or "asset".
        targets: the ids, domains or URLs of that scope; empty for "repertoire" and "catalogue" = the declarant's own.
        layers: what it reserves; empty = every layer.
        classes: the classes of assets it covers, for the class presumption.
        usages: what is reserved; `TDM` reserves every usage but search.
        carve_outs: usages that the declaration itself leaves free (rule R0b).
        needs_right: only interests whose reproduction right the declarant manages (rule R2; Scam).
        form, machine_readable: how it was published.
        strengths: ISO country code -> how that form stands there; a state that is missing is `STRONG`.
        withdrawn_on: the day on which it ended, if it did.
        notice: whether it rests on a letter (an asserted mandate).
        sources: addresses of where it was read.
    """

    id: str
    declarant: str
    scope: str
    usages: tuple[Usage, ...] = (Usage.TDM,)
    targets: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    classes: tuple[AssetClass, ...] = ()
    territories: tuple[str, ...] = (WORLD,)
    declared_on: date | None = None
    effective_from: date | None = None
    withdrawn_on: date | None = None
    carve_outs: tuple[Usage, ...] = ()
    needs_right: bool = False
    on_behalf_of: str = ""
    legal_basis: tuple[str, ...] = ()
    form: str = "statement"
    machine_readable: bool = False
    strengths: tuple[tuple[str, Strength], ...] = ()
    text: str = ""
    notice: bool = False
    source: Source | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RightException:
    """What one party takes out of a mandate, declaration or licence: "withhold" (restricts) or "permit".

    `target` is the id of what it is taken from (a declaration, or the manager of a mandate, or a licence's party);
    `confirmed_by` names who in control confirmed it: a permission counts only where confirmed (rule R7).
    """

    target: str
    party: str
    direction: str
    works: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    evidence: str = ""
    confirmed_by: str | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """Somebody contests a mandate, declaration, licence or work; while open it permits nothing (rule R7)."""

    id: str
    subject: str
    parties: tuple[str, ...]
    opened: date
    closed: date | None = None
    outcome: str = ""
    evidence: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Credits:
    """What an item or page says about itself; only what stands there.

    Fields:
        identifiers: dropped where a check digit is bad; those stand in `dropped`.
        titles: of the work or recording.
        writers, performers, publishers, labels, holders: names, as written.
        party_identifiers: of people and bodies (IPI, ISNI).
        lyrics: text of lyrics, for the fingerprint.
        licence: URL of an open licence that the work itself carries.
        is_recording: whether the title is a recording's (version suffixes then count).
        asset_class: with `class_reason` why.
        society_names: names or codes of societies that the page credits.
        origins: where each part came from: "item", "json-ld", "rel=license", "dublin-core", "domain", "url-list".
    """

    identifiers: tuple[Identifier, ...] = ()
    dropped: tuple[Identifier, ...] = ()
    titles: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    performers: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    party_identifiers: tuple[Identifier, ...] = ()
    societies: tuple[str, ...] = ()
    lyrics: str = ""
    licence: str = ""
    is_recording: bool = False
    asset_class: AssetClass = AssetClass.OTHER
    class_reason: str = ""
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A credit tied to a work or a party.

    Fields:
        work, party: id of what was matched; one of the two is None where only the other was.
        method: "identifier", "title+writers", "title", "party-identifier", "party-name", "fingerprint", "url",
            "domain" or "content-hash".
        score: 0 to 1.
        explanation: what matched, in one sentence.
        exact: identifier, URL or content hash agreed: only such a match may carry a permission (rule M5).
        conflict: identifier and metadata disagree (rule M2): pending.
    """

    work: str | None
    party: str | None
    method: str
    score: float
    band: Band
    explanation: str
    exact: bool = False
    conflict: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the match as JSON values; what is not so is left out."""
        shown = {
            "work": self.work,
            "party": self.party,
            "method": self.method,
            "score": round(self.score, 3),
            "band": self.band.value,
            "explanation": self.explanation,
            "exact": self.exact,
            "conflict": self.conflict,
        }
        return {name: value for name, value in shown.items() if value not in (None, False)}


@dataclass(frozen=True, slots=True)
class Correction:
    """A person said of an inferred match or class that it is wrong; it lifts no stated reservation.

    Fields:
        subject: id of the work or party that it is not, or "class:lyrics" for a class that it is not of.
        scope: domain or absolute URL prefix that it holds for; empty = everywhere.
        by, evidence: who said so, and on what ground.
        start, end: the days it holds; the end is exclusive, None = until taken back.
    """

    subject: str
    scope: str
    by: str
    evidence: str
    start: date
    end: date | None = None


@dataclass(frozen=True, slots=True)
class UseContext:
    """Who would use the asset, for what, where and when (rule R0).

    Fields:
        operator: who is licensed, as licences name the licensee.
        usage: what for.
        entity: "commercial" or "research" (Article 3 of Directive 2019/790).
        research_proof: the evidence on file that it is; empty = unproven, so commercial.
        act: "collect", "store" or "train".
        territory: ISO code or "EU".
        on: the day of the act.
        profile: "precautionary" or "literal".
        open_licences: whether an open licence that the work itself carries lifts (operator's switch).
        model: name and version of the model it is for, as licences may be limited to one.
    """

    operator: str
    usage: Usage
    on: date
    entity: str = "commercial"
    research_proof: str = ""
    act: str = "collect"
    territory: str = "EU"
    profile: str = "precautionary"
    open_licences: bool = False
    model: str = ""


@dataclass(frozen=True, slots=True)
class Asset:
    """What is asked about: its URL, its credits, the layers it embodies, and when it was collected, if it was."""

    url: str
    credits: Credits = field(default_factory=Credits)
    layers: tuple[Layer, ...] = ()  # empty = those of its class
    collected_on: date | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the register knows about one asset: what `rules.judge` decides from."""

    asset: Asset
    matches: tuple[Match, ...] = ()
    works: tuple[Work, ...] = ()
    parties: tuple[Party, ...] = ()
    interests: tuple[Interest, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    repertoires: tuple[Repertoire, ...] = ()
    declarations: tuple[Declaration, ...] = ()
    exceptions: tuple[RightException, ...] = ()
    licences: tuple[Licence, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    corrections: tuple[Correction, ...] = ()
    damage: str = ""  # why the register cannot be trusted now (rule R12); empty = it can
    notes: tuple[str, ...] = ()  # what can hide a match: blocks that were cut for size, candidates left out


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules made of the facts.

    Fields:
        outcome: of the register alone.
        rules: ids ("R6", "M3"), the one that settled first.
        claims: what `Site.decide` is given: one for each reserved or doubtful interest, and the class presumption.
        conditions: duties that go with what lifted a reservation.
        licences: the licences that lifted.
        chain: the facts behind it, one sentence each, naming their source.
        matches: what was matched, weak candidates too.
    """

    outcome: Outcome
    rules: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    conditions: tuple[str, ...] = ()
    licences: tuple[Licence, ...] = ()
    chain: tuple[str, ...] = ()
    matches: tuple[Match, ...] = ()
