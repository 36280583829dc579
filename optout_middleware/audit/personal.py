"""What of a line is about a person: it stands in the chain by salted hash, its value beside the chain.

Rule of this file: pure. `PERSONAL` names every such field, so that docs/privacy.md and `optout redact` know them. A
value that was removed is read as `REDACTED`; the chain stays as it was.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.chain import encode, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MARK = "personal"  # the one key of the object that stands in the place of a value
REDACTED = "[redacted]"
# Fields of lines and of the run manifest; lists on the way are gone through, "*" is any key.
PERSONAL: Mapping[str, str] = {
    "reasons.override": "the person whose override decided, and why",
    "licences.recorded_by": "the person who recorded a licence",
    "rulings.by": "the person who answered a pending cause",
    "credits.writers": "writers, as a page credits them",
    "credits.performers": "performers, as a page credits them",
    "credits.holders": "holders of rights, as a page credits them",
    "credits.party_identifiers": "numbers of people and bodies (IPI, ISNI), as a page credits them",
    **dict.fromkeys(
        (
            "reasons.note",
            "reasons.text",
            "reasons.where",
            "statements.text",
            "statements.where",
            "claims.text",
            "claims.party",
            "register.chain",
            "register.matches.explanation",
            "register.matches.party",
        ),
        "where it names one of the people above, or whoever sent a letter; all else stands in the line",
    ),
    "by": "the person who had values removed",
    "operator": "who runs the crawl",
    "settings.OPTOUT_OPERATOR": "the same, as it was set",
    "policy.findings.*.by": "the person who overrode a finding",
}
_WHERE_NAMED = frozenset(field for field, what in PERSONAL.items() if what.startswith("where it names"))
_SENDER = "sender:"  # how the register calls a party that it knows by its letter only
_SALT_BYTES = 16


class Entry(NamedTuple):
    """One value beside the chain.

    Fields:
        hash: by which the chain names it.
        salt: random, in hexadecimal; without it the value of a hash cannot be guessed.
        field: a name of `PERSONAL`.
        value: the text itself.
    """

    hash: str
    salt: str
    field: str
    value: str

    @classmethod
    def make(cls, field: str, value: str) -> Entry:
        """Hash a value with a new salt."""
        salt = secrets.token_hex(_SALT_BYTES)
        return cls(_hash(salt, field, value), salt, field, value)

    @classmethod
    def read(cls, data: bytes) -> Entry | None:
        """Read an entry; None where the bytes are not exactly those of one whose hash is right."""
        try:
            said = json.loads(data)
            entry = cls(*(said[name] for name in cls._fields))
            right = entry.hash == _hash(entry.salt, entry.field, entry.value) and entry.to_bytes() == data
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return entry if right else None

    def to_bytes(self) -> bytes:
        """Give the line of this entry in the file beside the chain."""
        return stored(encode(self._asdict()) + "\n")


def _hash(salt: str, field: str, value: str) -> str:
    text = f"{salt}\0{field}\0{value}"  # the salt as it is written, so that each of its octets counts
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _tree(names: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in names:
        *way, last = name.split(".")
        node = tree
        for part in way:
            node = node.setdefault(part, {})
        node[last] = name
    return tree


_TREE = _tree(PERSONAL)


class Hidden:
    """Puts hashes in the place of personal values, the same hash for the same value; holds what it hashed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Entry] = {}
        self._new: list[Entry] = []
        self._names: list[str] = []  # of people, whom other texts of the same line may name too

    def hide(self, values: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Entry]]:
        """Give the values with hashes in place of what is personal, and the entries that were not there before."""
        self._new = []
        if not any(values[name] for name in _TREE.keys() & values.keys()):
            return values, self._new
        self._names = list(_names_in(values))
        hidden = _swapped(values, _TREE, self._entry_of)
        return hidden, self._new

    def _entry_of(self, field: str, value: Any) -> Any:
        if not isinstance(value, str) or not value:
            return value
        if field in _WHERE_NAMED and _SENDER not in value and not any(name in value for name in self._names):
            return value
        entry = self._known.get((field, value))
        if entry is None:
            entry = self._known[field, value] = Entry.make(field, value)
            self._new.append(entry)
        return {MARK: entry.hash}


def _names_in(values: Mapping[str, Any]) -> Iterator[str]:
    """Give the people whom licences, rulings and credits of a line name."""
    named = [row.get("recorded_by") for row in values.get("licences", ())]
    named += [row.get("by") for row in values.get("rulings", ())]
    if isinstance(credited := values.get("credits"), dict):
        named += [name for part in ("writers", "performers", "holders") for name in credited.get(part, ())]
    yield from (name for name in named if isinstance(name, str) and name)


def shown(values: Mapping[str, Any], kept: Mapping[str, Entry]) -> dict[str, Any]:
    """Give values with what is personal put back; `REDACTED` where the value is gone.

    Args:
        values: as they stand in the chain or in a manifest.
        kept: hash -> entry, as they stand beside it.
    """

    def value_of(_: str, value: Any) -> Any:
        hashed = hash_in(value)
        if hashed is None:
            return value
        entry = kept.get(hashed)
        return entry.value if entry else REDACTED

    return dict(_swapped(values, _TREE, value_of))


def hashes(values: Mapping[str, Any]) -> list[str]:
    """Give the hashes of personal values that stand in values of a line or manifest, in order."""
    found: list[str] = []

    def note(_: str, value: Any) -> Any:
        hashed = hash_in(value)
        if hashed is not None:
            found.append(hashed)
        return value

    _swapped(values, _TREE, note)
    for member in values.get("shared", ()):
        found += hashes(member)
    return found


def hash_in(value: Any) -> str | None:
    """Give the hash where a value is the place of a personal one."""
    hashed = value.get(MARK) if isinstance(value, dict) and len(value) == 1 else None
    return hashed if isinstance(hashed, str) else None


def _swapped(values: Any, tree: Mapping[str, Any] | str, change: Callable[[str, Any], Any]) -> Any:
    """Give values with each personal leaf changed; what has none is given as it is, not copied."""
    if isinstance(values, (list, tuple)):
        changed = [_swapped(value, tree, change) for value in values]
        return changed if any(new is not old for new, old in zip(changed, values, strict=True)) else values
    if isinstance(tree, str):
        return change(tree, values)
    if not isinstance(values, dict):
        return values
    copy: dict[str, Any] | None = None
    for name, below in tree.items():
        for key in values if name == "*" else (name,):
            old = values.get(key)
            if old:
                new = _swapped(old, below, change)
                if new is not old:
                    copy = dict(values) if copy is None else copy
                    copy[key] = new
    return values if copy is None else copy
