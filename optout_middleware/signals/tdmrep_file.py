"""tdmrep.json: bytes in, rules out, in the order of the file.

Rule of this file: the form of the file, not what holds. `keep` condenses it to the exact text of the rules
(compact, one per host in memory), `read` makes them ready to decide. Each rule knows what it says by the
letter of TDMRep, "TDM File on the Origin Server", and whether it plainly tries to reserve where the letter
takes it for nothing.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.signals.paths import Pattern, pattern
from optout_middleware.urls import origin_of, path_and_query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optout_middleware.terms import Evidence

# What is kept starts with the kind of the file.
_RULES = "r"  # an array of rules, as it has to be
_OBJECT = "o"  # one object, not in an array
_ENCODING = "e"  # an array of rules, in another encoding than UTF-8
_GARBLED = "g"  # no rules can be read, but a text in it plainly reserves
_HTML = "h"  # a web page in place of the file
_UNREADABLE = "u"  # neither JSON nor a web page
_KINDS = {
    _OBJECT: "one object, where the file is an array of rules",
    _ENCODING: "not UTF-8",
    _GARBLED: "no JSON array of rules; read as for the whole site",
    _HTML: "a web page in place of the file: counts as absent",
    _UNREADABLE: "neither JSON nor a web page: counts as absent",
}
_SEPARATOR = "\x1e"  # cannot stand in JSON as it is (RFC 8259 section 7)
_LONG = 600  # characters; of a longer rule only the members that count are kept
_WORTH_PACKING = 160  # octets; shorter texts hardly shrink
_SHORTENED = "~"
_WHITE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_RESERVES = re.compile(r"tdm[-_ ]?reservation[\"']?\s*[:=]\s*[\"']?(?:1|true|yes)\b", re.IGNORECASE).search
_RESERVATION = re.compile(r"\s*tdm[-_ ]?reservation\s*", re.IGNORECASE).fullmatch
_MEANS_RESERVED = frozenset({"1", "true", "yes", "?1"})
_AROUND = 60  # characters quoted before and after a garbled reservation


class Rule(NamedTuple):
    """One rule of the file.

    Fields:
        number: its place in the file, from 1.
        text: its exact JSON text; only the members that count where it is long.
        path: the compiled pattern.
        origin: the origin of a location that is a whole URL; empty otherwise.
        counts: whether it is a rule by the letter; others only show what was tried.
        value: 1 or 0 by the letter; None = unset.
        reserves: whether it says 1, by the letter or plainly trying to.
        policy: the policy as it stands there; empty = none.
        notes: each leniency.
    """

    number: int
    text: str
    path: Pattern
    origin: str
    counts: bool
    value: int | None
    reserves: bool
    policy: str
    notes: tuple[str, ...]


class File(NamedTuple):
    """The rules in the order of the file, and what a reader should know of it as a whole."""

    rules: tuple[Rule, ...]
    note: str = ""


def keep(evidence: Evidence) -> bytes:
    """Condense a file to the rules that say something; `read` reads them. Empty = the file says nothing."""
    text, kind = _text(evidence.body)
    if not text.strip():
        return b""
    if text.lstrip().startswith("<"):
        return _packed(_HTML, ())
    try:
        kind, rules = _rules_of(text, kind)
    except (ValueError, RecursionError):
        found = _RESERVES(text)
        return _garbled(text, found) if found else _packed(_UNREADABLE, ())
    said = [rule for rule in rules if rule.reserves or rule.value == 0]
    if not said:
        found = _RESERVES(text)
        return _garbled(text, found) if found else b""
    return _packed(kind, (_row(rule) for rule in rules))


@lru_cache(maxsize=1024)  # a pure function; hosts in use are compiled, all others cost their kept bytes only
def read(kept: bytes) -> File:
    """Make what was kept ready to decide."""
    plain = zlib.decompress(kept[1:]) if kept[:1] == b"z" else kept[1:]
    kind, *rows = plain.decode().split(_SEPARATOR)
    note = _KINDS.get(kind, "")
    if kind == _GARBLED:
        site = pattern("/")
        return File((Rule(1, rows[0], site, "", counts=False, value=None, reserves=True, policy="", notes=(note,)),))
    rules = []
    for row in rows:
        number, _, text = row.partition(" ")
        rule = _rule(int(number.strip(_SHORTENED)), text, _loads(text), kind)
        if rule is not None:
            shortened = ("shortened to the members that count",) if number.startswith(_SHORTENED) else ()
            rules.append(rule._replace(notes=rule.notes + shortened))
    return File(tuple(rules), note)


def value_of(said: object) -> tuple[int | None, bool]:
    """Give the value by the letter (TDMRep, "tdm-reservation": 1, 0 or unset), and whether it means 1.

    >>> value_of(1), value_of("1"), value_of(True), value_of(0), value_of("0"), value_of(2)
    ((1, True), (None, True), (None, True), (0, False), (None, False), (None, False))
    """
    if type(said) is int and said in (0, 1):
        return said, said == 1
    if isinstance(said, str):
        return None, said.strip(" \t\r\n\"'").lower() in _MEANS_RESERVED
    return None, said is True or (isinstance(said, float) and said == 1)


def _text(body: bytes) -> tuple[str, str]:
    """Decode; what is not UTF-8 is read all the same, and said so."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if body.startswith(mark):
            return body.decode(encoding, "replace"), _ENCODING
    try:
        return body.decode("utf-8-sig"), _RULES
    except UnicodeDecodeError:
        return body.decode("latin-1"), _ENCODING


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Read an object; of a member given twice (RFC 8259 section 4: unpredictable) a reservation counts."""
    if len(pairs) > _MANY:
        pairs = [(name, said) for name, said in pairs if name in _COUNTING or _RESERVATION(name)]
    found = dict(pairs)
    if len(found) < len(pairs):
        found.update((name, said) for name, said in pairs if _RESERVATION(name) and value_of(said)[1])
    return found


_COUNTING = frozenset({"location", "tdm-policy", "policy"})  # members that count, besides the reservation
_MANY = 100  # members of an object; of one that has more, only those that count are held
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs)
_loads = _DECODER.decode
_passed_over = json.JSONDecoder().raw_decode  # where only the end of a value is asked for


def _rules_of(text: str, kind: str) -> tuple[str, list[Rule]]:
    """Read the rules of a whole file, each with its exact text.

    Raises:
        ValueError, RecursionError: it is no JSON.

    """
    root = _loads(text)
    if not isinstance(root, list):
        rule = _rule(1, text.strip(), root, _OBJECT)
        return _OBJECT, [rule] if rule else []
    rules = []
    at = text.index("[") + 1
    for number, said in enumerate(root, 1):
        start = _after_white(text, at)
        end = _passed_over(text, start)[1]
        at = _after_white(text, end) + 1  # after the comma, or the closing bracket
        if rule := _rule(number, text[start:end], said, kind):
            rules.append(rule)
    return kind, rules


def _after_white(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found else at


def _rule(number: int, text: str, said: object, kind: str) -> Rule | None:
    """Read one element of the array; None: it says nothing."""
    if not isinstance(said, dict):
        return None
    name = "tdm-reservation" if "tdm-reservation" in said else next(filter(_RESERVATION, said), None)
    if name is None:
        return None
    value, reserves = value_of(said[name])
    notes = [_KINDS[kind]] if kind != _RULES else []
    counts = kind != _OBJECT
    if name != "tdm-reservation":
        notes.append(f"member {name!r}, where tdm-reservation is asked for")
        counts = False
    if reserves and value is None:
        notes.append("a value of another type than a number")
    path, origin, located, leniency = _location(said.get("location"))
    notes += leniency
    if value == 0 and notes:
        value = None  # what gives free must do so by the letter
    policy = said.get("tdm-policy")
    if not isinstance(policy, str) and isinstance(policy := said.get("policy"), str) and policy:
        notes.append("member policy read as tdm-policy")
    policy = _SURROGATE.sub("\ufffd", policy).strip() if isinstance(policy, str) else ""
    counts = counts and located
    return Rule(number, text, pattern(path), origin, counts, value, reserves, policy, tuple(notes))


def _location(said: object) -> tuple[str, str, bool, list[str]]:
    """Give pattern, origin of a whole URL, whether the letter has a location in it, and each leniency."""
    if not isinstance(said, str):
        return "/", "", False, ["no location: read as the whole site"]
    location = _SURROGATE.sub("\ufffd", said).strip()
    if not location:
        return "/", "", True, ["an empty location: read as the whole site"]
    if location.startswith(("/", "*")):
        return location, "", True, []
    if "://" in location:
        origin = origin_of(location) or "null"
        return path_and_query(location), origin, True, ["a whole URL as location"]
    return f"/{location}", "", False, ["a location without a leading slash"]


def _row(rule: Rule) -> str:
    if len(rule.text) <= _LONG:
        return f"{rule.number} {rule.text}"
    counts = {name: said for name, said in _loads(rule.text).items() if name in _COUNTING or _RESERVATION(name)}
    return f"{_SHORTENED}{rule.number} {json.dumps(counts)}"


def _garbled(text: str, found: re.Match[str]) -> bytes:
    quoted = text[max(found.start() - _AROUND, 0) : found.end() + _AROUND].replace(_SEPARATOR, " ")
    return _packed(_GARBLED, (quoted,))


def _packed(kind: str, rows: Iterable[str]) -> bytes:
    """Compress what is kept where that makes it smaller; a first octet tells which."""
    plain = _SEPARATOR.join((kind, *rows)).encode("utf-8", "replace")
    packed = b"z" + zlib.compress(plain, 6) if len(plain) > _WORTH_PACKING else b""
    return packed if packed and len(packed) < len(plain) else b"-" + plain
