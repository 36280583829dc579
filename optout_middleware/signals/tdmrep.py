"""TDMRep, the W3C Community Group's protocol: tdmrep.json, header fields, <meta> elements, EPUB and PDF metadata.

Rule of this file: what holds, by the letter of the Final Community Group Report of 10 May 2024, cited by the
titles of its sections. "Processing priority": file, then header, then <meta>, then what stands in an EPUB or PDF;
each value found supersedes the earlier ones, reservation and policy apart, and what is absent resets nothing. "TDM
File on the Origin Server": the most specific match is the first in sequence. "tdm-reservation": a value other than
1 and 0 is as if unset.

What plainly tries to reserve but for its form is a doubt of its own; what tries to give free is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from optout_middleware.policy import LOCATIONS
from optout_middleware.signals import embedded, tdm_policy
from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.html_head import declarations
from optout_middleware.signals.tdmrep_file import keep, read, value_of
from optout_middleware.signals.usages import answers
from optout_middleware.terms import Preference, Statement
from optout_middleware.urls import host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from optout_middleware.signals.tdmrep_file import File, Rule
    from optout_middleware.terms import Evidence

_NAME = "tdmrep"
_FILE = "tdmrep.json"
_RESERVATION = re.compile(r"tdm[-_: ]?reservation").fullmatch
_POLICY = "tdm-policy"
# Of a list of values: whether one is 1, and whether one is anything but 1, or but 0. No list of them is made, which
# may be long.
_HAS_1, _HAS_OTHER_THAN_1, _HAS_OTHER_THAN_0 = (
    re.compile(rf"(?:\A|,){one}").search for one in (r"\s*1\s*(?:,|\Z)", r"(?!\s*1\s*(?:,|\Z))", r"(?!\s*0\s*(?:,|\Z))")
)
_SHOWN = 200  # characters of a list that a note quotes
_CONDITION = "policy: "
_FIRST_MATCH = "TDMRep, TDM File on the Origin Server: the first match in sequence"
_VALUE = "TDMRep, tdm-reservation: other values are protocol errors, as if unset"
_HEADER = "TDMRep, TDM Header Field in HTTP Responses"
_META = "TDMRep, TDM Metadata in HTML Content"
_EMBEDDED = "TDMRep, TDM Metadata in EPUB Publications and in PDF Documents"


class _Said(NamedTuple):
    """What one location says: a plain value, a doubt, a policy; each None or empty where there is none."""

    plain: Statement | None = None
    doubt: Statement | None = None
    policy: str = ""


_NOTHING = _Said()


def _state(asked: Asked) -> Iterator[Statement]:
    """Settle what the locations say by "Processing priority"; what is left of doubts stands apart."""
    if not answers(_NAME, "1", asked.policy.usage):
        return
    plain: Statement | None = None
    doubt: Statement | None = None
    policy = ""
    notes: list[str] = []
    for said in _locations(asked):
        policy = said.policy or policy
        if said.plain is not None:
            earlier = [old for old in (plain, doubt) if old and old.preference is not said.plain.preference]
            notes += [_supersedes(said.plain, old) for old in earlier]
            plain, doubt = said.plain, said.doubt
        else:
            doubt = doubt or said.doubt
    reserved = plain is not None and plain.preference is Preference.DISALLOWED
    if plain is not None:
        if reserved and asked.asset is None:
            notes.append("header and head of the response, which could lift it, were not looked at")
        conditions = (_CONDITION + policy,) if reserved and policy else ()
        plain = plain._replace(notes=plain.notes + tuple(notes), conditions=conditions)
        yield _with_terms(plain, asked)
    if doubt is not None and not reserved:
        yield _with_terms(doubt, asked)


def policies(statements: Iterable[Statement]) -> list[str]:
    """Give the URLs of the policies that statements name, without fragments."""
    said = [condition for found in statements if found.signal == _NAME for condition in found.conditions]
    return [_address(condition) for condition in dict.fromkeys(said) if condition.startswith(_CONDITION)]


def _address(condition: str) -> str:
    return condition.removeprefix(_CONDITION).partition("#")[0]


def _with_terms(statement: Statement, asked: Asked) -> Statement:
    """Add the terms that the policy states ("TDM Policy"); one that cannot be read changes nothing but a note."""
    if not statement.conditions or not asked.policies:
        return statement
    url = _address(statement.conditions[0])
    policy = asked.policies.get(url)
    if policy is None:
        return statement
    if not policy.is_read:
        return statement._replace(notes=(*statement.notes, f"{url}: {policy.note}"))
    if not tdm_policy.is_json(policy.media_type, policy.body):
        return statement._replace(notes=(*statement.notes, f"{url}: not JSON, so a policy for people"))
    terms = tdm_policy.terms(policy.body)
    if terms[:1] and terms[0].startswith(tdm_policy.UNREADABLE):
        return statement._replace(notes=(*statement.notes, f"{url}: {terms[0]}"))
    return statement._replace(conditions=(*statement.conditions, *terms))


def _supersedes(new: Statement, old: Statement) -> str:
    """Say what a later location does to what an earlier one said."""
    verb = "lifts" if new.preference is Preference.ALLOWED else "supersedes"
    return f"{verb} {old.location}, {old.where}: {old.text}"


def _locations(asked: Asked) -> Iterator[_Said]:
    """Give what each location says, in the order of "Processing priority"."""
    if kept := asked.kept.get(_FILE):
        yield _in_file(asked, read(kept))
    if asked.asset is not None:
        yield _in_header(asked.asset)
        yield _in_meta(asked.asset)
        if embedded.is_looked_into(asked.asset):
            yield _embedded(asked.asset)


def _in_file(asked: Asked, file: File) -> _Said:
    """Find the first match by the letter, and what tries to reserve where the letter does not."""
    if not file.rules:
        return _Said(doubt=_plain(_FILE, "file", "", None, _FIRST_MATCH)._replace(notes=(file.note,)))
    matching = list(_matching(asked, file))
    first = next((rule for rule in matching if rule.counts), None)
    if first is not None and first.value == 1:
        return _Said(_of_rule(first, 1), None, _absolute(asked.url, first.policy, LOCATIONS[_FILE]))
    trying = next((rule for rule in matching if rule.reserves and _outweighs(rule, first)), None)
    doubt = None
    if trying is not None:
        other = first if first is not trying else None
        why = (f"by the letter rule {other.number} holds: {other.text}",) if other else ()
        policy = _absolute(asked.url, trying.policy, LOCATIONS[_FILE])
        conditions = (_CONDITION + policy,) if policy else ()
        doubt = _doubted(_of_rule(trying, None), *why)._replace(conditions=conditions)
    if first is None:
        return _Said(None, doubt)
    plain = _of_rule(first, 0) if first.value == 0 else None
    return _Said(plain, doubt, _absolute(asked.url, first.policy, LOCATIONS[_FILE]))


def _matching(asked: Asked, file: File) -> Iterator[Rule]:
    """Give the rules that match, in file order; those of another host are none of this site."""
    for rule in file.rules:
        if rule.path.matches(asked.path):
            if not rule.origin or rule.origin == (ours := origin_of(asked.url)):
                yield rule
            elif ours and host_of(rule.origin) == host_of(ours):
                notes = (*rule.notes, f"of {rule.origin}, another origin of the host")
                yield rule._replace(counts=False, notes=notes)


def _outweighs(rule: Rule, first: Rule | None) -> bool:
    """Tell whether a reservation may be meant that is not the first match: earlier, or more specific."""
    if first is None or first.value is None:
        return True
    return rule.number < first.number or rule.path.octets > first.path.octets


def _of_rule(rule: Rule, value: int | None) -> Statement:
    """Make the statement of a rule of the file."""
    return _plain(_FILE, f"rule {rule.number}", rule.text, value, _FIRST_MATCH)._replace(notes=rule.notes)


def _plain(location: str, where: str, text: str, value: int | None, rule: str) -> Statement:
    """Make the statement of a plain 1 or 0; of None, one that says nothing yet."""
    if value == 1:
        return Statement(_NAME, location, where, text, Preference.DISALLOWED, rule, "refusal")
    preference = Preference.UNKNOWN if value is None else Preference.ALLOWED
    return Statement(_NAME, location, where, text, preference, rule)


def _doubted(statement: Statement, *notes: str) -> Statement:
    """Make of a statement one that plainly tries to reserve."""
    return statement._replace(
        preference=Preference.UNKNOWN, finding="malformed-refusal", notes=(*statement.notes, *notes)
    )


def _absolute(url: str, policy: str, location: str = "") -> str:
    """Resolve a policy URL, which may be relative, against what it stands in (RFC 3986 section 5)."""
    try:
        return urljoin(urljoin(url, location), policy) if policy else ""
    except ValueError:
        return policy


def _settled(values: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Give the value of repeated fields or elements (the report is silent): any 1 wins, 0 needs them all."""
    text = ",".join(values)
    if not _HAS_1(text):
        return (None if _HAS_OTHER_THAN_0(text) else 0), ()
    if not _HAS_OTHER_THAN_1(text):
        return 1, ()
    shown = ", ".join(map(str.strip, text[:_SHOWN].split(",")))
    return 1, (f"several values, {shown}{' [...]' if len(text) > _SHOWN else ''}: a 1 wins",)


def _tries(content: str) -> bool:
    return any(value_of(piece)[1] for piece in content.split(","))


def _in_header(asset: Evidence) -> _Said:
    """Read tdm-reservation and tdm-policy of the response."""
    values, policies = asset.values("tdm-reservation"), asset.values("tdm-policy")
    policy = _absolute(asset.final_url, next(filter(None, map(str.strip, policies)), "")) if policies else ""
    if not values:
        return _Said(policy=policy)
    text = ", ".join(values)
    value, notes = _settled(values)
    said = _plain("header", "tdm-reservation", text, value, _HEADER)._replace(notes=notes)
    if value is not None:
        return _Said(said, None, policy)
    return _Said(None, _doubted(said, f"not 1 by the letter ({_VALUE})") if _tries(text) else None, policy)


def _in_meta(asset: Evidence) -> _Said:
    """Read the <meta> elements of an HTML or XHTML response; what stands in the wrong place is a doubt."""
    metas = declarations(asset)
    if not metas:
        return _NOTHING
    policy = next((meta.content for meta in metas if meta.name == _POLICY and not meta.doubt), "")
    policy = _absolute(asset.final_url, policy)
    proper = [meta for meta in metas if meta.name == "tdm-reservation" and not meta.doubt]
    value, notes = _settled([meta.content for meta in proper])
    if value == 0 and any(meta.headless for meta in proper):
        value = None  # a document without a head of its own: what gives free must do so by the letter
    said = next((meta for meta in proper if value == 0 or _settled([meta.content])[0] == 1), None)
    plain = None
    if said is not None and value is not None:
        plain = _plain("meta", f"meta {said.name}", said.text, value, _META)._replace(notes=notes)
    trying = next((meta for meta in metas if _RESERVATION(meta.name) and _tries(meta.content)), None)
    doubt = None
    if trying is not None and value != 1:
        why = trying.doubt or f"not tdm-reservation with a plain 1 ({_VALUE})"
        doubt = _doubted(_plain("meta", f"meta {trying.name}", trying.text, None, _META), why)
    return _Said(plain, doubt, policy)


def _embedded(asset: Evidence) -> _Said:
    """Read what an EPUB or PDF says of itself; several that differ: any 1 wins, 0 needs them all."""
    fields = embedded.fields(asset)
    policy = next((field.value for field in fields if field.is_policy and not field.doubt), "")
    policy = _absolute(asset.final_url, policy)
    reservations = [field for field in fields if not field.is_policy]
    proper = [field for field in reservations if not field.doubt]
    value, notes = _settled([field.value for field in proper])
    said = next((field for field in proper if value == 0 or _settled([field.value])[0] == 1), None)
    plain = None
    if said is not None and value is not None:
        plain = _plain("embedded", said.where, said.text, value, _EMBEDDED)._replace(notes=notes)
    trying = next((field for field in reservations if _tries(field.value)), None)
    doubt = None
    if trying is not None and value != 1:
        why = trying.doubt or f"not tdm:reservation with a plain 1 ({_VALUE})"
        doubt = _doubted(_plain("embedded", trying.where, trying.text, None, _EMBEDDED), why)
    elif not reservations and (asset.truncated or asset.error):
        doubt = _plain("embedded", "file", "", None, _EMBEDDED)._replace(
            finding="unreachable", notes=("the file was cut, so its metadata may not have been seen",)
        )
    return _Said(plain, doubt, policy)


SIGNAL = Signal(
    _NAME,
    "10 May 2024",
    "https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/",
    _state,
    {_FILE: keep},
)
