"""Gathers credits from one origin: each part once, in order, within bounds.

Rule of this file: it knows how a party or an identifier is written, not where; the readers of items, JSON-LD and other
markers say which part is which.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urljoin

from optout_middleware.register.identifiers import OF_PARTIES, find, read
from optout_middleware.register.model import AssetClass, Credits, Identifier
from optout_middleware.register.normalise import name as name_form
from optout_middleware.register.normalise import names

_Entry = TypeVar("_Entry", str, Identifier)

ROLES = ("writers", "performers", "publishers", "labels", "holders")
_LONGEST = 500  # characters of a title or name
_MOST = 200  # entries of one part
_LONGEST_LYRICS = 200_000  # characters
# Societies as they stand behind a name, "Jane Doe (SACEM)"; what else stands in brackets belongs to the name.
_SOCIETIES = frozenset(
    {"ABRAMUS", "ADAGP", "ADAMI", "AKM", "AMCOS", "APRA", "ARTISJUS", "ASCAP", "AUME", "AUTODIA", "BMI", "BUMA"}
    | {"BUMA/STEMRA", "CASH", "COMPASS", "GEMA", "IMRO", "JASRAC", "KODA", "KOMCA", "LITERAR-MECHANA", "MCPS", "MCSC"}
    | {"NCB", "NEXTONE", "OSA", "PROLITTERIS", "PRS", "SABAM", "SACD", "SACEM", "SACM", "SADAIC", "SAMRO", "SCAM"}
    | {"SDRM", "SESAC", "SGAE", "SIAE", "SOCAN", "SPA", "SPEDIDAM", "STEMRA", "STIM", "SUISA", "TEOSTO", "TONO", "UBC"}
    | {"VG WORT", "ZAIKS"}
)
_BRACKETED = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]")
_LABELLED = re.compile(r"[\s,;:-]*\b(?:IPI|CAE|ISNI)\b.*$", re.IGNORECASE | re.DOTALL)
_BETWEEN = re.compile(r"\s*[,;|/]\s*")
_BARE_IPI = re.compile(r"[0-9](?:[-. ]?[0-9]){8,10}").fullmatch
_BARE_ISNI = re.compile(r"[0-9]{4}(?:[- ]?[0-9]{4}){2}[- ]?[0-9]{3}[0-9Xx]").fullmatch
_ROLE = re.compile(
    r"(?:composers?|authors?|writers?|lyricists?|lyrics|music|words|arr(?:anger|\.)?|CA|[ACE]|AR|SE)", re.IGNORECASE
).fullmatch
_NOTICE = re.compile(
    r"^(?:\W|copyrights?\b|by\b|[12][0-9]{3}\b|all rights reserved\b|[cp](?=\)))+|[\s.,;|-]*\ball rights reserved\W*$",
    re.IGNORECASE,
)
NOTHING = Credits()


def unescaped(text: str) -> str:
    """Resolve character references, which stand in structured data by mistake, too."""
    return html.unescape(text) if "&" in text else text


def clean(text: str) -> str:
    """Give a title or name as one line without character references, cut where it is long."""
    return " ".join(unescaped(text[: 2 * _LONGEST]).split())[:_LONGEST]


def licence_url(text: str, base: str) -> str:
    """Give the absolute URL of a licence; an empty string where the text is no HTTP URL."""
    text = text.strip()
    if not text or len(text) > _LONGEST or " " in text:
        return ""
    try:
        url = urljoin(base, text)
    except ValueError:
        return ""
    return url if url.lower().startswith(("http://", "https://")) else ""


def _add(entries: dict[_Entry, None], entry: _Entry) -> None:
    if entry and len(entries) < _MOST:
        entries[entry] = None


class Parts:
    """Credits under construction, from one origin."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.lyrics = ""
        self.licence = ""
        self.is_recording = False
        self.asset_class = AssetClass.OTHER
        self.class_reason = ""
        self._identifiers: dict[Identifier, None] = {}
        self._dropped: dict[Identifier, None] = {}
        self._party_identifiers: dict[Identifier, None] = {}
        self._titles: dict[str, None] = {}
        self._societies: dict[str, None] = {}
        self._names: dict[str, dict[str, None]] = {role: {} for role in ROLES}

    def title(self, text: str) -> None:
        """Take a title."""
        _add(self._titles, clean(text))

    def identifier(self, identifier: Identifier | None) -> None:
        """Take an identifier: of a party, of a work, or dropped as its check digit or form is wrong (rule M2)."""
        if identifier is None:
            return
        if not identifier.checked:
            _add(self._dropped, identifier)
        else:
            _add(self._party_identifiers if identifier.scheme in OF_PARTIES else self._identifiers, identifier)

    def identified(self, scheme: str, text: str) -> None:
        """Take an identifier of a known scheme; of an IPI the form says whether it is a base number."""
        if scheme == "ipi" and text.strip().upper().startswith("I-"):
            scheme = "ipi-base"
        self.identifier(read(scheme, text))

    def written(self, text: str) -> None:
        """Take the identifiers that stand in free text."""
        for identifier in find(text[:_LONGEST]):
            self.identifier(identifier)

    def society(self, text: str) -> None:
        """Take the name or code of a society."""
        _add(self._societies, clean(text))

    def writers(self, text: str) -> None:
        """Take a list of writers."""
        for one in names(unescaped(text)):
            self.party("writers", one)

    def party(self, role: str, text: str) -> None:
        """Take the name of one party, with the identifiers and the society that stand behind it."""
        shown = _BRACKETED.sub(lambda found: "" if self._is_about(found[1]) else found[0], clean(text))
        labelled = _LABELLED.search(shown)
        if labelled:
            self.written(labelled[0])
            shown = shown[: labelled.start()]
        shown = shown.lstrip(" ,;").rstrip(" ,;([-")
        if name_form(shown):
            _add(self._names[role], shown)

    def holder(self, text: str) -> None:
        """Take a rightholder out of a notice, as "(c) 2019 Jane Doe. All rights reserved"."""
        self.party("holders", _NOTICE.sub("", clean(text)))

    def of_class(self, asset_class: AssetClass, reason: str) -> None:
        """Take a class; the first one that is told stays."""
        if self.asset_class is AssetClass.OTHER:
            self.asset_class, self.class_reason = asset_class, reason

    def words(self, text: str) -> None:
        """Take text of lyrics."""
        self.lyrics = (f"{self.lyrics}\n{text}" if self.lyrics else text)[:_LONGEST_LYRICS]

    def credits(self) -> Credits:
        """Give what was taken; without an origin where there is nothing."""
        writers, performers, publishers, labels, holders = (tuple(self._names[role]) for role in ROLES)
        made = Credits(
            identifiers=tuple(self._identifiers),
            dropped=tuple(self._dropped),
            titles=tuple(self._titles),
            writers=writers,
            performers=performers,
            publishers=publishers,
            labels=labels,
            holders=holders,
            party_identifiers=tuple(self._party_identifiers),
            societies=tuple(self._societies),
            lyrics=self.lyrics,
            licence=self.licence,
            is_recording=self.is_recording,
            asset_class=self.asset_class,
            class_reason=self.class_reason,
        )
        return NOTHING if made == NOTHING else replace(made, origins=(self.origin,))

    def _is_about(self, text: str) -> bool:
        """Take what stands in brackets behind a name; False where it belongs to the name."""
        identifiers = find(text)
        for identifier in identifiers:
            self.identifier(identifier)
        taken = bool(identifiers)
        for part in _BETWEEN.split(text.strip()):
            scheme = "ipi" if _BARE_IPI(part) else "isni" if _BARE_ISNI(part) else ""
            if scheme and not identifiers:
                self.identified(scheme, part)
            elif part.upper() in _SOCIETIES:
                self.society(part)
            elif not _ROLE(part):
                continue
            taken = True
        return taken
