"""Credits out of an item's own fields, by the mapping that the user sets (OPTOUT_ITEM_FIELDS).

Rule of this file: only fields that the mapping names are read; a value of another type than expected is no credit. A
mistake in the mapping is one clear line; an item cannot be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from optout_middleware.register.credit_parts import ROLES, Parts, licence_url
from optout_middleware.register.model import AssetClass
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.register.model import Credits

_IDENTIFIERS = ("iswc", "isrc", "ipi", "isni", "isbn", "issn", "doi", "eidr", "ismn")
CREDIT_NAMES = ("title", *ROLES, *_IDENTIFIERS, "lyrics", "class", "societies", "licence")
_MOST = 200  # values of one field
_BETWEEN_NAMES = re.compile(r"[;|\r\n]")
_BETWEEN_DOIS = re.compile(r"[|\r\n]")  # a DOI may have a semicolon
_BETWEEN_NUMBERS = re.compile(r"[;,|\r\n]")
_SEPARATORS = {  # of several values in one text; a title and lyrics may have any of them
    "doi": _BETWEEN_DOIS,
    **dict.fromkeys(("performers", "publishers", "labels", "holders"), _BETWEEN_NAMES),
    **dict.fromkeys(("societies", *(scheme for scheme in _IDENTIFIERS if scheme != "doi")), _BETWEEN_NUMBERS),
}


def check_mapping(mapping: object) -> None:
    """Check a mapping of credit names to the names of the item's fields.

    Raises:
        OptOutError: it is no such mapping.
    """
    allowed = f"use {', '.join(CREDIT_NAMES)}"
    if not isinstance(mapping, Mapping):
        raise OptOutError(
            f"item fields must map credit names to names of the item's fields, not {mapping!r}; {allowed}"
        )
    unknown = [name for name in mapping if name not in CREDIT_NAMES]
    if unknown:
        raise OptOutError(f"item fields name {unknown[0]!r}, which is no credit; {allowed}")
    for name, field in mapping.items():
        if not isinstance(field, str) or not field.strip():
            raise OptOutError(f"item fields map {name!r} to {field!r}, which is no name of a field of the item")


def of_item(fields: Mapping[str, object], mapping: Mapping[str, str]) -> Credits:
    """Read the credits of an item.

    Args:
        fields: the item: name -> value, text or a list of texts; whole numbers count as text.
        mapping: one of `CREDIT_NAMES` -> name of the item's field, as `check_mapping` passes it. A name may have its
            identifier behind it: "Jane Doe (00014107338)".
    """
    parts = Parts("item")
    stated = {name: _texts(fields.get(field)) for name, field in mapping.items()}
    for name, texts in stated.items():
        for text in texts:
            _take(parts, name, text)
    parts.is_recording = bool(stated.get("isrc"))
    _licence(parts, stated.get("licence", ()))
    _class(parts, mapping, stated.get("class", ()))
    return parts.credits()


def _take(parts: Parts, name: str, text: str) -> None:
    takers: dict[str, Callable[[str], None]] = {
        "title": parts.title,
        "writers": parts.writers,
        "holders": parts.holder,
        "societies": parts.society,
        "lyrics": parts.words,
    }
    for one in _SEPARATORS[name].split(text) if name in _SEPARATORS else (text,):
        if name in takers:
            takers[name](one)
        elif name in _IDENTIFIERS:
            parts.identified(name, one)
        elif name in ROLES:
            parts.party(name, one)


def _class(parts: Parts, mapping: Mapping[str, str], stated: Sequence[str]) -> None:
    for text in stated:
        word = text.strip().lower().replace(" ", "-").replace("_", "-")
        if word in set(AssetClass):
            parts.of_class(AssetClass(word), f"item field {mapping['class']!r}")
            break
    if parts.lyrics:
        parts.of_class(AssetClass.LYRICS, f"item field {mapping['lyrics']!r} has lyrics")
    parts.is_recording = parts.is_recording or parts.asset_class is AssetClass.MUSIC_AUDIO


def _licence(parts: Parts, stated: Sequence[str]) -> None:
    """Take a licence; of several, none, since what lifts a reservation must be plain."""
    urls = {licence_url(text, "") for text in stated}
    if len(urls) == 1:
        parts.licence = urls.pop()


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    if isinstance(value, (Sequence, AbstractSet)) and not isinstance(value, (bytes, bytearray, memoryview)):
        return [text for one in list(value)[:_MOST] if isinstance(one, (str, int)) for text in _texts(one)]
    return []
