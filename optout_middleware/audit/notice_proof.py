"""Inclusion proofs for somebody outside: with the text of the line where it names nobody else, else with its hash.

Rule of this file: in doubt the hash. A proof never carries personal values; the hashes that stand for them stay.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.chain import digest, leaf
from optout_middleware.audit.place import manifest_name
from optout_middleware.audit.proof import prove
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optout_middleware.register.notice import Notice

# Fields of a stored line that may name rightholders in words that nobody can sort out.
_OF_OTHERS = ("register", "credits", "rulings")
_NAMING = ("claims", "licences", "rulings")


def proof_for(directories: Sequence[str], line_id: str, notice: Notice) -> dict[str, Any]:
    """Give the proof of a line for whoever sent a notice.

    Returns:
        `{"full": PROOF}` as `optout prove` gives it, without personal values; `{"hash": ...}` with leaf hash, audit
        path, root, and the hash of the manifest; or `{"why": TEXT}` where there is none.
    """
    try:
        proof = prove(directories, line_id)
    except OptOutError as error:
        return {"why": str(error)}
    if _names_nobody_else(proof, notice):
        return {"full": {**proof, "personal": []}}
    lead = proof["line"]
    manifest = proof["manifest"].encode()
    return {
        "hash": {
            "id": line_id, "leaf": leaf(lead["text"].encode()).hex(), "index": lead["index"], "path": lead["path"],
            "segment": proof["segment"], "root": proof["root"],
            "manifest": manifest_name(json.loads(manifest)["run"]), "manifest_sha256": digest(manifest),
        }
    }  # fmt: skip


def _names_nobody_else(proof: Mapping[str, Any], notice: Notice) -> bool:
    """Tell whether line, lines it rests on, and manifest name no rightholder but those of the notice."""
    known = {notice.sender, notice.sender_id}
    known |= {name for party in (*notice.parties, *notice.holders) for name in (party.id, *party.names)}
    manifest = json.loads(proof["manifest"])
    settings, summary = manifest.get("settings") or {}, manifest.get("summary") or {}
    if "share" in summary or settings.get("OPTOUT_CLASS_DOMAINS"):  # both name sites of others
        return False
    said = [json.loads(lead["text"]) for lead in (*proof["rests_on"], proof["line"])]
    if any(line.get(name) for line in said for name in _OF_OTHERS):
        return False
    return all(who in known for line in said for who in _named(line))


def _named(line: Mapping[str, Any]) -> Iterable[str]:
    """Give the rightholders that a stored line names, in its own fields and in what it shares with others."""
    for name in _NAMING:
        yield from (str(member.get("party")) for member in _members(line, name))
    for reason in _members(line, "reasons"):
        if reason.get("signal") == "register" or reason.get("location") == "register":
            yield str(reason.get("where") or "")
        if reason.get("finding") == "licensed" or "licence" in str(reason.get("note")):
            yield str(reason.get("note"))


def _members(line: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    yield from (member for member in line.get(name) or () if isinstance(member, dict))
    yield from (shared[name] for shared in line.get("shared") or () if isinstance(shared.get(name), dict))
