"""Inclusion proofs: that a single line stands in a log that a run closed, without the rest of the log.

Rule of this file: a proof is complete in itself, one JSON object: the line as it is stored, the lines it rests on,
their audit paths (RFC 6962 section 2.1.1), and the manifest with its seal. Checking it needs no audit directory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.chain import Tree, leaf, path, root_of
from optout_middleware.audit.manifest import seal_of
from optout_middleware.audit.packing import SHARED, Unpacker
from optout_middleware.audit.personal import Entry, hashes, shown
from optout_middleware.audit.place import MANIFEST, Place, manifest_name, seal_name, signature_name
from optout_middleware.audit.reading import Damage, kept_beside, raw_lines
from optout_middleware.audit.signing import is_signed
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optout_middleware.audit.reading import Raw

SCHEMA = 1


def prove(directories: Iterable[str], line_id: str) -> dict[str, Any]:
    """Make the inclusion proof of one line.

    Args:
        directories: paths or URLs of audit directories, one of which has the line.
        line_id: "RUN-WRITER:SEQ", as tags of items and reports name a line.

    Raises:
        OptOutError: no closed run has the line, it decides nothing or is of the first format, or its segment or seal is
            damaged.
    """
    log, _, number = line_id.rpartition(":")
    if not (log and number.isdecimal()):
        raise OptOutError(f"{line_id!r} names no line: write it as RUN-WRITER:SEQ")
    for directory in directories:
        place = Place(directory)
        for name in place.names:
            if MANIFEST.fullmatch(name):
                proof = _proof(place, name, log, int(number), line_id)
                if proof is not None:
                    return proof
    raise OptOutError(f"no closed run of these directories has line {line_id}")


def check(proof: Any, *, key: str = "") -> list[str]:
    """Check a proof by itself.

    Args:
        proof: as `prove` gave it, or whatever was read in its place.
        key: the public key that must have signed the run, in hexadecimal; empty = the one that the manifest names.

    Returns:
        What is wrong, one line each; empty = the line stands in the log whose manifest the proof holds.
    """
    try:
        return _faults(proof, key)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        return [f"it is no proof: {type(error).__name__} {error}"]


def _proof(place: Place, name: str, log: str, seq: int, line_id: str) -> dict[str, Any] | None:
    """Make the proof where the run of this manifest has the line; None where it has not."""
    manifest_text = place.read(name).decode("utf-8", "replace")
    try:
        manifest = json.loads(manifest_text)
        run, writers = manifest["run"], manifest["writers"]
        writer = next((writer for writer in writers if f"{run}-{writer['writer']}" == log), None)
        if writer is None:
            return None
        if manifest["schema"] == 1 or not (manifest["closed"] or manifest["sealed"]):
            raise OptOutError(f"run {run} is not closed, or of the first format: it has no roots to prove against")
        segment = next((s for s in writer["segments"] if s["first"] <= seq < s["first"] + s["lines"]), None)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if segment is None:
        return None
    rows, index = _rows(place, segment), seq - segment["first"]
    if rows[index].said.keys() & {"shared", "segment"}:
        raise OptOutError(f"line {line_id} only serves other lines: name one that decides")
    rests_on = _rests_on(rows, index)
    leaves = [leaf(row.data) for row in rows]
    named = [hashed for place_in in (*rests_on, index) for hashed in hashes(rows[place_in].said)]
    kept, _ = kept_beside(place, segment["file"])
    signature = signature_name(name)
    return {
        "schema": SCHEMA,
        "id": line_id,
        "line": _lead(rows[index], leaves, index),
        "rests_on": [_lead(rows[place_in], leaves, place_in) for place_in in rests_on],
        "personal": [kept[hashed]._asdict() for hashed in dict.fromkeys(named) if hashed in kept],
        "segment": segment["file"],
        "root": segment["root"],
        "manifest": manifest_text,
        "seal": _seal(place, name),
        "signature": place.read(signature).hex() if signature in place.names else None,
    }


def _seal(place: Place, name: str) -> str:
    """Read the seal of a manifest.

    Raises:
        OptOutError: there is none that can be read.
    """
    try:
        return place.read(seal_name(name)).decode()
    except (OSError, ValueError):
        raise OptOutError(f"{place.where(seal_name(name))} is gone or damaged: `optout verify` says more") from None


def read(proof: Mapping[str, Any]) -> dict[str, Any]:
    """Give the line of a proof in full, as `records` would.

    Raises:
        KeyError, TypeError, ValueError: it is no proof.
    """
    unpacker = Unpacker()
    for lead in proof["rests_on"]:
        unpacker.unpack(json.loads(lead["text"]))
    line = unpacker.unpack(json.loads(proof["line"]["text"]))
    if line is None:
        raise ValueError(f"{proof['id']} only serves other lines")
    return shown(line, {entry["hash"]: Entry(**entry) for entry in proof["personal"]})


def _rows(place: Place, segment: Mapping[str, Any]) -> list[Raw]:
    rows: list[Raw] = []
    for row in raw_lines(place, segment["file"]):
        if isinstance(row, Damage):
            raise OptOutError(f"{row.file} is damaged: {row.text}; `optout verify` says more")
        rows.append(row)
    tree = Tree()
    for row in rows:
        tree.add(leaf(row.data))
    if (tree.size, tree.root()) != (segment["lines"], segment["root"]):
        raise OptOutError(f"{place.where(segment['file'])} is not as it was closed: `optout verify` says more")
    return rows


def _rests_on(rows: Sequence[Raw], index: int) -> list[int]:
    """Give the places of the lines without which a line cannot be read in full: its head, and what it shares."""
    said = rows[index].said
    wanted = {(name, member) for name in SHARED for member in said.get(name, ()) if type(member) is int}
    sharing = [
        place
        for place, row in enumerate(rows[:index])
        if any((name, member.get("number")) in wanted for member in row.said.get("shared", ()) for name in member)
    ]
    return [0, *sharing]


def _lead(row: Raw, leaves: Sequence[bytes], index: int) -> dict[str, Any]:
    """Give one line with the way from it to the root."""
    return {"text": row.data.decode(), "index": index, "path": path(leaves, index)}


def _faults(proof: Mapping[str, Any], key: str) -> list[str]:
    """Give what is wrong with a proof, from the line outwards."""
    if proof["schema"] != SCHEMA:
        return [f"schema {proof['schema']!r} is newer than this package"]
    faults: list[str] = []
    data = proof["manifest"].encode()
    manifest = json.loads(data)
    segments = {s["file"]: s for writer in manifest["writers"] for s in writer["segments"]}
    segment = segments.get(proof["segment"])
    if segment is None or segment["root"] != proof["root"]:
        faults.append("the manifest names no such segment with that root")
    else:
        faults += [
            f"line {lead['index'] + 1} of the segment does not lead to the root"
            for lead in (*proof["rests_on"], proof["line"])
            if root_of(lead["text"].encode(), lead["index"], segment["lines"], lead["path"]) != proof["root"]
        ]
    line = read(proof)
    if f"{line['run']}-{line['writer']}:{line['seq']}" != proof["id"]:
        faults.append(f"the line is not {proof['id']}")
    faults += [
        f"the value of {entry['field']} is not the one that was hashed"
        for entry in proof["personal"]
        if Entry.read(Entry(**entry).to_bytes()) is None
    ]
    if proof["seal"].encode() != seal_of(data, manifest_name(manifest["run"])):
        faults.append("the seal is not of this manifest")
    public, signature = manifest["public_key"], bytes.fromhex(proof["signature"] or "")
    if key and public != key:
        faults.append("the manifest is not signed with the key that was given")
    elif public and not is_signed(public, signature, data):
        faults.append("the signature is not of this manifest")
    return faults
