"""`judge`: what the register says of one asset, for one use, at one date; and the rules R0 to R13, M1 to M5.

Rule of this file: pure, no clock. Every interest in every layer that the asset embodies must end clear; only the party
in control at the date of the act permits. What stands in claims is judged by the same table as everything else
(`policy.FINDINGS`), so that `Site.decide(claims=...)` comes to the same.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from optout_middleware.policy import FINDINGS, Profile
from optout_middleware.register.case import Case
from optout_middleware.register.claims import State, judge_position
from optout_middleware.register.model import WORLD, Band, Judgement
from optout_middleware.register.positions import embodied, positions
from optout_middleware.register.presumption import conflicting, damaged, presumed
from optout_middleware.register.territory import EU
from optout_middleware.terms import Outcome, strictest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optout_middleware.register.model import Facts, Match, UseContext
    from optout_middleware.register.positions import Position
    from optout_middleware.terms import Claim

RULES: Mapping[str, str] = MappingProxyType({
    "R0": "Scientific research of a research organisation, with its proof on file, needs no permission; without proof "
    "the purpose is commercial (Directive 2019/790, Article 3; FR CPI L122-5-3 II, R122-23).",
    "R0b": "A use that a declaration itself leaves free, such as indexing for search, is not reserved by it "
    "(Directive 2019/790, Article 4(3): expressly reserved).",
    "R1a": "What is in the public domain, by territory and layer and on confirmed dates, nobody can reserve "
    "(Directive 2006/116/EC, Article 1; FR CPI L123-8 to L123-10).",
    "R1b": "A host's silence or permission says nothing of a work that the host does not own "
    "(Directive 2019/790, Article 4(3): by their rightholders).",
    "R2": "A declaration reaches only interests inside its declarant's mandate, as the declaration describes it "
    "(Directive 2014/26/EU, Article 5; the declaration of Scam).",
    "R3": "Only the party in control at the date of the act permits: under an exclusive mandate the society, else the "
    "holder (Directive 2014/26/EU, Article 5).",
    "R4": "Every interest in every layer must be clear, so one that is reserved and not licensed blocks; the specific "
    "beats the general only from the same party (rights.md, section 7).",
    "R5": "A licence of the party in control lifts an interest where it covers work, layer, usage, territory, date and "
    "licensee (Directive 2019/790, Article 4(3)).",
    "R6": "A society's declaration reserves its whole repertoire; its licence lifts no more than it lists "
    "(rights.md, sections 1 and 7).",
    "R7": "Doubt is asymmetric: asserted or disputed authority suffices to restrict, only confirmed authority permits "
    "(EUIPO study on generative AI, 2025).",
    "R8": "Territory counts by interest: by default worldwide for reservations, exactly for licences "
    "(AI Act, Article 53(1)(c) and recital 106).",
    "R9": "The date of the act counts: what tightens holds at once, what loosens only once confirmed; an old lawful "
    "copy is judged again at any new act (OLG Hamburg, 10 December 2025, 5 U 104/24).",
    "R10": "A repertoire is dynamic: a member's later works, and works not registered yet, are in it "
    "(the declaration of Stim: works represented at any given time).",
    "R11": "The precautionary profile honours every known declaration; the literal one weighs how its form stands in "
    "law in the state of the act (DE UrhG 44b(3); OLG Hamburg, 5 U 104/24).",
    "R12": "Where the register is missing, stale or damaged, the classes that it covers wait "
    "(General-Purpose AI Code of Practice, copyright chapter, measure 1.3).",
    "R13": "While pending no content is kept; a question that nobody answers in time becomes a refusal "
    "(rights.md, section 7).",
    "M1": "An identifier that agrees, with title or one party, is a strong match (rights.md, section 5).",
    "M2": "An identifier with a bad check digit is dropped and the rest still matches; where identifier and metadata "
    "disagree, a person decides (rights.md, section 5).",
    "M3": "Title with a writer's identifier or all named writers is strong, with one uncertain writer it is middle and "
    "waits (rights.md, section 5).",
    "M4": "A title alone is weak and only recorded, but in the classes lyrics, notation and music audio it waits "
    "(rights.md, section 5; LG Muenchen I, 42 O 14139/24).",
    "M5": "Only an exact identifier, URL or content hash carries a permission (rights.md, section 5).",
})  # fmt: skip
_ORDER = {rule: place for place, rule in enumerate(RULES)}
_FINDINGS = ("register-strong", "register-middle", "register-class", "register-damaged")


def judge(facts: Facts, context: UseContext) -> Judgement:
    """Judge one asset by all that the register knows about it.

    Args:
        facts: in any order; see `model.Facts`.
        context: who would use it, for what, where and when.

    Returns:
        the outcome, which is the strictest that `policy.FINDINGS` makes of the claims in that profile; the rules, the
        one that settled first; claims, conditions, licences that lifted, the chain of facts, and the matches.

    Raises:
        OptOutError: the profile of the context is none.
    """
    case = Case(facts, context)
    if context.entity == "research" and context.research_proof:
        return _research(case)
    works = embodied(case)
    states: dict[Position, State] = {}
    claims: set[Claim] = set()
    for position in positions(case, works):
        states[position], raised = judge_position(case, position)
        claims.update(raised)
    for match in case.matches:
        if match.band is Band.WEAK:
            case.note("M4", match.explanation)
    claims.update(conflicting(case, works))
    claims.update(presumed(case, works, states))
    claims.update(damaged(case))
    if context.entity == "research":
        case.first.add("R0")
        case.note("R0", "no proof of research is on file, so the purpose is judged as commercial")
    blocked = {claim for claim in claims if FINDINGS[claim.finding].precautionary is Outcome.DENY}
    if blocked and any(state in (State.OPEN, State.CLEAR) for state in states.values()):
        case.first.add("R4")
        case.note("R4", "one interest that is reserved and not licensed blocks, whatever else is clear")
    return _settled(case, sorted(claims, key=_strictest_first))


def _research(case: Case) -> Judgement:
    """Judge research with its proof on file (rule R0): reservations have no effect, duties do."""
    context = case.context
    conditions = {
        "secure storage, and copies kept for scientific research alone (Directive 2019/790, Article 3(2))",
        f"proof of research on file: {context.research_proof}",
    }
    if context.territory in ("FR", EU, WORLD):
        conditions.add("in France, partners only by written agreement (CPI L122-5-3 II, R122-23)")
    chain = f"R0: {context.operator} mines for scientific research: {context.research_proof}"
    return Judgement(
        Outcome.ALLOW, ("R0",), conditions=tuple(sorted(conditions)), chain=(chain,), matches=_sorted_matches(case)
    )


def _settled(case: Case, claims: list[Claim]) -> Judgement:
    profile = Profile(case.context.profile)
    outcome = strictest(getattr(FINDINGS[claim.finding], profile.value) for claim in claims)
    first = sorted(case.first if claims else case.first & {"R0", "R11"}, key=_ORDER.__getitem__)
    noted = sorted({rule for rule, _ in case.notes}, key=_ORDER.__getitem__)
    sentences = sorted(case.notes | case.remarks, key=lambda note: (_ORDER[note[0]], note[1]))
    return Judgement(
        outcome,
        tuple(dict.fromkeys([*first, *(claim.rule for claim in claims), *noted])),
        tuple(claims),
        tuple(sorted(case.conditions)),
        tuple(sorted(case.lifting, key=repr)),
        tuple(dict.fromkeys((*(f"{rule}: {sentence}" for rule, sentence in sentences), *sorted(case.facts.notes)))),
        _sorted_matches(case),
    )


def _strictest_first(claim: Claim) -> tuple[int, int, str, str, str]:
    return _FINDINGS.index(claim.finding), _ORDER[claim.rule], claim.party, claim.text, str(claim.since)


def _sorted_matches(case: Case) -> tuple[Match, ...]:
    return tuple(sorted(set(case.matches), key=repr))
