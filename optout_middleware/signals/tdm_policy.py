"""The policy document of TDMRep (JSON-LD, a profile of ODRL 2.2): bytes in, conditions for people out.

Rule of this file: a policy tells on what terms a licence may be had; it gives none, so nothing here allows. What is
sloppy (a trailing comma, a byte order mark, the context of the edition of 2022) is read all the same. Cited by the
titles of the report of 10 May 2024: "TDM Policy".
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UNREADABLE = "policy cannot be read: "
MOST = 10  # conditions of one document
LONGEST = 200  # characters of one condition
LIMIT = 1_048_576  # octets of a document that are read
# A string, closed or not, or a comma before a closing bracket; linear, since whatever starts a string ends it too.
_TRAILING = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*"?)|,(?=\s*[}\]])', re.DOTALL)
_UNPRINTED = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Full names and prefixes as the two editions write them; "tdm:" is http://www.w3.org/ns/tdmrep#.
_TDM = re.compile(r"\Ahttps?://www\.w3\.org/ns/tdmrep[#/]")
_ODRL = re.compile(r"\A(?:https?://www\.w3\.org/ns/odrl/2/|odrl:)")
_VCARD = re.compile(r"\A(?:https?://www\.w3\.org/2006/vcard/ns#|vcard:)")
_VERBS = {"permission": "permits", "prohibition": "prohibits", "obligation": "asks for"}
_CONTACTS = ("fn", "hasEmail", "hasURL", "hasTelephone")


@lru_cache(maxsize=64)  # a pure function; few policies are in use at a time
def terms(body: bytes) -> tuple[str, ...]:
    """Give the terms that a policy document states, in its order, the contact last; it never raises.

    Args:
        body: the document.

    Returns:
        At most `MOST` conditions of at most `LONGEST` characters each. Of a document that is not JSON: one, which
        starts with `UNREADABLE` and says why. Source: TDMRep, "TDM Policy"; ODRL 2.2 section 2.

    >>> terms(b'{"permission": [{"action": "tdm:mine", "duty": [{"action": "compensate"}]}],}')
    ('policy permits tdm:mine with duty compensate',)
    """
    if len(body) > LIMIT:
        return (f"{UNREADABLE}more than {LIMIT} octets",)
    try:
        root = _loaded(body.decode(json.detect_encoding(body), "replace"))
    except RecursionError:
        return (f"{UNREADABLE}nested too deeply",)
    except ValueError as error:
        return (_short(f"{UNREADABLE}{error}"),)
    if not isinstance(root, (dict, list)):
        return (f"{UNREADABLE}neither an object nor an array",)
    policies = [members for found in _items(root) for members in _graph(found)]
    stated = list(dict.fromkeys(line for members in policies for line in _stated(members)))
    contacts = list(dict.fromkeys(line for members in policies for line in _contact(members)))[:1]
    room = MOST - len(contacts)
    if len(stated) > room:
        stated = [*stated[: room - 1], f"policy states {len(stated) - room + 1} terms more"]
    return (*stated, *contacts)


def is_json(media_type: str, body: bytes) -> bool:
    """Tell whether a document is meant as JSON: by its media type (RFC 6839 section 3.1), or by how it starts."""
    if media_type.endswith(("/json", "+json")):
        return True
    return body[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] in (b"{", b"[")


def _loaded(text: str) -> object:
    """Read JSON; where that fails, without the commas that stand before a closing bracket.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(_TRAILING.sub(lambda found: found[1] or "", text))


def _short(text: str) -> str:
    """Put on one line, without what a terminal would obey, and cut."""
    line = _UNPRINTED.sub(" ", _SURROGATE.sub("\ufffd", text)).strip()
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}\u2026"


def _items(said: object) -> list[object]:
    """Read one value as a list of one (JSON-LD 1.1 section 4.3)."""
    return said if isinstance(said, list) else [] if said is None else [said]


def _members(said: object) -> dict[str, object] | None:
    """Give the members of an object by their local names; None where it is none."""
    if not isinstance(said, dict):
        return None
    named: dict[str, object] = {}
    for name, value in said.items():
        named.setdefault(_VCARD.sub("", _ODRL.sub("", name, 1), 1), value)
    return named


def _graph(said: object) -> Iterator[Mapping[str, object]]:
    """Give a policy, or those of its graph (JSON-LD 1.1 section 4.9)."""
    members = _members(said)
    if members is not None:
        yield members
        yield from filter(None, map(_members, _items(members.get("@graph"))))


def _word(said: object) -> str:
    """Give the short name of a value: a text, a number, or an object that names one."""
    if isinstance(said, list):
        return ", ".join(filter(None, (_word(one) for one in said if not isinstance(one, list))))
    if isinstance(said, dict):
        named = (said.get(key) for key in ("@id", "@value", "uid", "id", "rdf:value"))
        said = next((value for value in named if isinstance(value, (str, dict))), None)
        said = said.get("@id") if isinstance(said, dict) else said
    if isinstance(said, str):
        return _ODRL.sub("", _TDM.sub("tdm:", said[: 2 * LONGEST].strip(), 1), 1)
    return str(said) if isinstance(said, (bool, float)) or _is_small(said) else ""


def _is_small(said: object) -> bool:
    return isinstance(said, int) and said.bit_length() < 64  # noqa: PLR2004 - longer ones cannot be printed


def _stated(policy: Mapping[str, object]) -> Iterator[str]:
    """Give the rules of a policy: what it permits, prohibits and asks for."""
    for kind, verb in _VERBS.items():
        for rule in map(_members, _items(policy.get(kind))):
            if rule is None:
                continue
            action = _word(rule.get("action") or policy.get("action")) or "what it does not name"
            duties = [_word(duty.get("action")) for duty in map(_members, _items(rule.get("duty"))) if duty]
            duty = f" with duty {' and '.join(word or 'unnamed' for word in duties)}" if duties else ""
            limits = "".join(map(_constraint, _items(rule.get("constraint"))))
            target = _word(rule.get("target") or policy.get("target"))
            yield _short(f"policy {verb} {action}{duty}{limits}{f' on {target}' if target else ''}")


def _constraint(said: object) -> str:
    """Put a constraint into words; one that is not of the simple form is named, never left out."""
    members = _members(said) or {}
    left, operator, right = (_word(members.get(name)) for name in ("leftOperand", "operator", "rightOperand"))
    if not left or not right:
        return " under a constraint of another form"
    return f" for purpose {right}" if (left, operator) == ("purpose", "eq") else f" where {left} {operator} {right}"


def _contact(policy: Mapping[str, object]) -> Iterator[str]:
    """Name whom to ask: the assigner."""
    for assigner in map(_members, _items(policy.get("assigner"))):
        if assigner:
            words = [_word(assigner.get(name)) for name in _CONTACTS]
            words = list(filter(None, words)) or [_word(assigner.get("uid") or assigner.get("@id"))]
            if any(words):
                yield _short(f"contact: {', '.join(words)}")
    for named in _items(policy.get("assigner")):
        if isinstance(named, str) and named.strip():
            yield _short(f"contact: {named}")
