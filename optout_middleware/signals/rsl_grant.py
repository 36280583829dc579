"""What a licence document of RSL 1.0 grants of one URL for one usage, to our kind of user, where we act.

Rule of this file: a narrower path beats a broader one (section 3.1.1), a prohibition beats a permission, a list of
permitted tokens closes what it does not list (section 3.5), and of several licences one must grant. In doubt rights are
never expanded, and what only a doubt withholds is told apart from a no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.signals.usages import answers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optout_middleware.signals.rsl_document import Content, Document, Terms
    from optout_middleware.terms import Usage

_NOTHING: frozenset[str] = frozenset()
# Section 3.4.1.1: all contains ai-all and search; ai-all contains ai-train, ai-input and ai-index.
_SINGLE = ("ai-train", "ai-input", "ai-index", "search")
_CONTAINING: Mapping[str, frozenset[str]] = {
    "ai-train": frozenset({"ai-train", "ai-all", "all"}),
    "ai-input": frozenset({"ai-input", "ai-all", "all"}),
    "ai-index": frozenset({"ai-index", "ai-all", "all"}),
    "search": frozenset({"search", "all"}),
}
_MEMBER_STATES = frozenset({  # Treaty on European Union, Article 52
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt", "lu", "lv",
    "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
})  # fmt: skip
_OTHER_CODES = {"uk": "gb", "el": "gr"}  # codes that the European Union's institutions use for two countries


class Grant(NamedTuple):
    """What a document says of one URL and usage.

    Fields:
        granted: whether a licence grants the usage.
        conditions: what it asks for.
        where: the element.
        text: the licence that settled it.
        doubt: why it is not granted where no licence says no; empty = one does, or it is granted.
    """

    granted: bool
    conditions: tuple[str, ...]
    where: str
    text: str
    doubt: str = ""


def grant(
    document: Document, path: str | None, usage: Usage, users: Sequence[str], places: Sequence[str]
) -> Grant | None:
    """Tell what a document grants.

    Args:
        document: as `read` gives it.
        path: path and query in canonical form; None = the document is bound to the asset itself.
        usage: what the asset would be used for.
        users: our kinds of user (section 3.4.1.2).
        places: the territories we act in, as geo tokens (section 3.5).

    Returns: None where it says nothing of that path.
    """
    scopes = [
        (content, content.path.octets if content.path else 0)
        for content in document.contents
        if (content.path is None or path is None or content.path.matches(path))
    ]
    if not scopes:
        return None
    # Section 3.1.1: a narrower path beats a broader one; all are as narrow where the document is bound to the asset.
    narrowest = 0 if path is None else max(octets for _, octets in scopes)
    found = [_of_content(content, usage, users, places) for content, octets in scopes if octets >= narrowest]
    strictest = max(found, key=_strictness)  # section 4.9: remaining conflicts, the most restrictive
    if not strictest.granted:
        return strictest
    return strictest._replace(conditions=tuple(dict.fromkeys(duty for one in found for duty in one.conditions)))


def _strictness(found: Grant) -> tuple[bool, bool, int]:
    return not found.granted, not found.doubt, len(found.conditions)


def _of_content(content: Content, usage: Usage, users: Sequence[str], places: Sequence[str]) -> Grant:
    """Settle the licences of one content: at least one must grant, and none that concerns us may prohibit.

    Sections 3.1.1 and 3.6: what is permitted and prohibited in the effective scope is not licensed.
    """
    where = f"content url={content.url[:200]!r}"
    labels = [label for label in _SINGLE if answers("rsl", label, usage)]
    ours = [terms for terms in content.licences if _concerns(terms, users, places)]
    refusing = next((terms for terms in ours if _prohibits(terms, labels)), None)
    granting = [] if refusing else [terms for terms in ours if _permits(terms, labels)]
    certain = [terms for terms in granting if not terms.doubts]
    if not certain:
        terms = refusing or next(iter(granting), content.licences[0])
        doubt = terms.doubts[0] if granting else ""
        return Grant(granted=False, conditions=(), where=where, text=terms.text, doubt=doubt)
    terms = min(certain, key=lambda terms: len(terms.duties))
    return Grant(granted=True, conditions=content.duties + terms.duties, where=where, text=terms.text)


def _concerns(terms: Terms, users: Sequence[str], places: Sequence[str]) -> bool:
    """Tell whether a licence is for all our kinds of user, everywhere we act."""
    kinds = [frozenset({user.lower()}) for user in users]
    return _is_open(terms, "user", kinds, kinds) and _is_open(
        terms, "geo", [_around(place) for place in places], [_touching(place) for place in places]
    )


def _is_open(terms: Terms, kind: str, around: Sequence[frozenset[str]], touching: Sequence[frozenset[str]]) -> bool:
    """Tell whether nothing that touches us is prohibited, and all of us permitted where anything is listed.

    An operator who names no user or place of his own meets no list.
    """
    prohibits = _places(terms.prohibits.get(kind, _NOTHING))
    if prohibits and (not touching or any(tokens & prohibits for tokens in touching)):
        return False
    if kind not in terms.permits:
        return True
    permits = _places(terms.permits[kind])
    return bool(around) and all(tokens & permits or _is_union(tokens, permits) for tokens in around)


def _places(tokens: frozenset[str]) -> frozenset[str]:
    return frozenset(_OTHER_CODES.get(token, token) for token in tokens)


def _is_union(tokens: frozenset[str], permits: frozenset[str]) -> bool:
    return "eu" in tokens and permits >= _MEMBER_STATES


def _around(place: str) -> frozenset[str]:
    """Give the geo tokens that contain a place: a member state stands in the EU."""
    token = _OTHER_CODES.get(place.lower(), place.lower())
    return frozenset({token, "eu"}) if token in _MEMBER_STATES else frozenset({token})


def _touching(place: str) -> frozenset[str]:
    """Give the geo tokens that share ground with a place: the EU does with each member state."""
    return _around(place) | (_MEMBER_STATES if place.lower() == "eu" else _NOTHING)


def _prohibits(terms: Terms, labels: Sequence[str]) -> bool:
    return any(_CONTAINING[label] & terms.prohibits.get("usage", _NOTHING) for label in labels)


def _permits(terms: Terms, labels: Sequence[str]) -> bool:
    """Tell whether a licence permits all the labels: no list permits everything, a list what it lists (section 3.5)."""
    if terms.reports:  # section 3.12: a reporting profile that is not supported leaves the use unlicensed
        return False
    permits = terms.permits.get("usage")
    return permits is None or all(_CONTAINING[label] & permits for label in labels)
