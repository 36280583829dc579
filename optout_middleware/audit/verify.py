"""Verification: is every octet of an audit directory as it was written, and is everything there that was?

Rule of this file: it reads, and trusts nothing but hashes: what no manifest covers is named, and so is what a manifest
names and is not there. Without a key, whoever can write to the directory can rewrite all of it; a signature is held
against the key that the reader brings.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.chain import NOTHING_BEFORE, digest
from optout_middleware.audit.format_1 import check_first_format
from optout_middleware.audit.manifest import seal_of
from optout_middleware.audit.packing import SCHEMA
from optout_middleware.audit.personal import Entry, hashes
from optout_middleware.audit.place import (
    LINES,
    MANIFEST,
    Place,
    beside,
    lock_name,
    manifest_name,
    seal_name,
    signature_name,
)
from optout_middleware.audit.reading import REDACTION, REDACTOR, Damage, is_log, logs, places, records_of
from optout_middleware.audit.segment_check import SegmentCheck, sha256_of
from optout_middleware.audit.signing import is_signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Verdict(NamedTuple):
    """What verification came to.

    Fields:
        findings: all that is not as it was written; empty = everything is.
        notes: what a reader should know besides.
        runs, lines: how many were looked at.
        signed: runs whose manifest names a key and was found to be signed with it.
    """

    findings: tuple[Damage, ...]
    notes: tuple[str, ...]
    runs: int
    lines: int
    signed: int

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Removed(NamedTuple):
    """What the redactions of a directory removed: hashes of values, and names of files."""

    values: frozenset[str]
    files: frozenset[str]


def verify(directories: Iterable[str], *, key: str = "") -> Verdict:
    """Verify audit directories.

    Args:
        directories: paths, or URLs that fsspec knows.
        key: the public key that must have signed every run, in hexadecimal; empty = signatures are held against the key
            that the manifest itself names.

    Raises:
        OptOutError: a directory is not there.
    """
    findings: list[Damage] = []
    notes: list[str] = []
    runs = lines = signed = 0
    for place in places(directories):
        check = _Directory(place, key)
        findings += check.findings()
        notes += check.notes
        runs, lines, signed = runs + check.runs, lines + check.lines, signed + check.signed
    return Verdict(tuple(findings), tuple(notes), runs, lines, signed)


def removed_from(place: Place) -> tuple[Removed, list[str]]:
    """Give what redactions removed from a directory, and one line for each: what, when, by whom and why."""
    values: set[str] = set()
    files: set[str] = set()
    told: list[str] = []
    names = (name for name in logs(place) if f"-{REDACTOR}-" in name)
    for row in (row for name in names for row in records_of(place, name)):
        if isinstance(row, Damage) or row.line.get("stage") != REDACTION:
            continue
        line = row.line
        texts = [line.get(name) for name in ("time", "what", "by", "reason")]
        named = [line.get(name, []) for name in ("values", "files")]
        if not all(isinstance(text, str) for text in texts) or not all(map(_is_names, named)):
            continue  # no redaction of ours; its run is checked like any other
        values.update(named[0])
        files.update(named[1])
        time, what, by, reason = map(str, texts)
        told.append(f"{place.directory}: {what} removed on {time[:10]} by {by}: {reason}")
    return Removed(frozenset(values), frozenset(files)), told


def removals(directories: Iterable[str]) -> list[str]:
    """Give one line for each thing that was removed from audit directories: what, when, by whom and why.

    Raises:
        OptOutError: a directory is not there.
    """
    return [text for place in places(directories) for text in removed_from(place)[1]]


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


class _Directory:
    """One directory under verification."""

    def __init__(self, place: Place, key: str) -> None:
        self.place, self._key = place, key
        self.notes: list[str] = []
        self.runs = self.lines = self.signed = 0
        self._covered: set[str] = set()
        self._removed, told = removed_from(place)
        self.notes += told
        self._manifests: dict[str, str] = {}  # run -> SHA-256 of its manifest

    def findings(self) -> Iterator[Damage]:
        """Give all that is not as it was written, run by run, then what no run covers."""
        if not is_log(self.place):
            yield Damage(self.place.directory, 0, "missing", "there is no audit log in this directory")
        previous: list[tuple[str, str, str]] = []
        for name in self.place.names:
            if not MANIFEST.fullmatch(name):
                continue
            self._covered.add(name)
            self.runs += 1
            try:
                data = self.place.read(name)
                manifest = json.loads(data)
                run = str(manifest["run"])
                self._manifests[run] = digest(data)
                if manifest["schema"] == 1:
                    yield from self._first_format(name, manifest)
                    continue
                yield from self._run(name, data, manifest)
                if earlier := manifest["previous"]:
                    previous.append((name, str(earlier["run"]), str(earlier["sha256"])))
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                yield self._fault(name, "altered", f"the manifest cannot be read: {error!r}")
        for name, before, sha256 in previous:
            if self._manifests.get(before) != sha256:
                text = f"the manifest of run {before}, which this one names, is gone or is another"
                yield self._fault(name, "missing", text)
        for name in sorted(set(self.place.names) - self._covered):
            yield self._fault(name, "unknown", "no manifest names this file")

    def _run(self, name: str, data: bytes, manifest: dict[str, Any]) -> Iterator[Damage]:
        """Check one run against its manifest."""
        run = manifest["run"]
        self._covered |= {seal_name(name), signature_name(name), beside(name)}
        if name != manifest_name(run):
            yield self._fault(name, "altered", f"the manifest is of run {run}, and so has another name")
        if manifest["schema"] != SCHEMA:
            yield self._fault(name, "unknown", f"schema {manifest['schema']!r} is none that this package knows")
        if not (manifest["closed"] is True or manifest["sealed"]):
            yield from self._unclosed(name, manifest)
            return
        yield from self._seals(name, data, manifest)
        yield from self._personal(name, hashes(manifest))
        if manifest["sealed"]:
            found = "; ".join(manifest["sealed"]["found"]) or "nothing was torn"
            self.notes.append(
                f"run {run} was not closed by its writer; sealed on {manifest['sealed']['time']}: {found}"
            )
        for writer in manifest["writers"]:
            if not writer["segments"]:
                yield self._fault(name, "missing", f"no log of writer {writer['writer']} is there")
            yield from self._writer(run, writer)
        for file in manifest["files"]:
            self._covered.add(file["file"])
            if self._is_there(file["file"]) and sha256_of(self.place, file["file"]) != (file["sha256"], file["bytes"]):
                yield self._fault(file["file"], "altered", "the file is not the one that the manifest covers")
            elif file["file"] not in self.place.names and file["file"] not in self._removed.files:
                yield self._fault(file["file"], "missing", f"the manifest of run {run} names this file")

    def _seals(self, name: str, data: bytes, manifest: dict[str, Any]) -> Iterator[Damage]:
        """Check seal and signature of a manifest."""
        seal, signature = seal_name(name), signature_name(name)
        if seal not in self.place.names:
            yield self._fault(seal, "missing", "the manifest has no seal")
        elif self.place.read(seal) != seal_of(data, name):
            yield self._fault(name, "altered", f"the manifest is not the one that {seal} is of")
        public = manifest["public_key"]
        signed = self.place.read(signature) if signature in self.place.names else b""
        if self._key and public != self._key:
            yield self._fault(name, "unsigned", "the manifest is not signed with the key that was given")
        elif public and not is_signed(public, signed, data):
            yield self._fault(signature, "unsigned", "the signature is not of this manifest, or is gone")
        elif signed and not public:
            yield self._fault(signature, "unknown", "there is a signature, although the manifest names no key")
        else:
            self.signed += bool(public)

    def _unclosed(self, name: str, manifest: dict[str, Any]) -> Iterator[Damage]:
        """Name an open run and its writers, and check what they closed so far."""
        run = manifest["run"]
        yield self._fault(
            name, "unclosed", f"run {run} was not closed, or is still written; `--seal` seals what was left"
        )
        self._covered.add(lock_name(run))
        ours = [file for file in self.place.names if file.startswith(f"{run}-")]
        self._covered.update(ours)
        for writer in manifest["writers"]:
            logs = [file for file in ours if file.startswith(f"{run}-{writer['writer']}-") and LINES.fullmatch(file)]
            if not logs:
                yield self._fault(name, "missing", f"no log of writer {writer['writer']} is there")
        last: dict[str, str] = {}
        for file in (file for file in ours if LINES.fullmatch(file) and f"{file}.gz" not in self.place.names):
            if file.endswith(".jsonl"):
                yield self._fault(file, "unclosed", "the segment was not closed, or is still written")
            yield from (row for row in records_of(self.place, file, last) if isinstance(row, Damage))

    def _writer(self, run: str, writer: dict[str, Any]) -> Iterator[Damage]:
        """Check the segments of one writer, and the personal values beside them."""
        before, first = NOTHING_BEFORE, 1
        for number, segment in enumerate(writer["segments"], 1):
            file = segment["file"]
            self._covered |= {file, beside(file)}
            if segment["first"] != first:
                yield self._fault(file, "altered", "the manifest numbers its lines otherwise than those before")
            if not self._is_there(file):
                if file not in self._removed.files:
                    text = f"segment {number} of writer {writer['writer']} of run {run} is gone"
                    yield self._fault(file, "missing", text)
            else:
                check = SegmentCheck(self.place, file)
                yield from check.findings(segment, before)
                self.lines += check.lines
                yield from self._personal(file, check.personal)
            before, first = segment["last"], segment["first"] + segment["lines"]

    def _personal(self, name: str, named: list[str]) -> Iterator[Damage]:
        """Check that the values beside a file are those whose hashes it names, in order, save what was redacted."""
        file, wanted = beside(name), dict.fromkeys(named)
        rows = self.place.read(file).splitlines(keepends=True) if file in self.place.names else []
        found: list[str] = []
        for number, row in enumerate(rows, 1):
            entry = Entry.read(row)
            if entry is None or entry.hash not in wanted:
                yield Damage(
                    self.place.where(file), number, "altered", "the value is not one whose hash the chain names"
                )
            else:
                found.append(entry.hash)
        if found != [hashed for hashed in wanted if hashed in set(found)]:
            yield self._fault(file, "reordered", "the values stand in another order than in the chain")
        if still := [hashed for hashed in found if hashed in self._removed.values]:
            self.notes.append(f"{self.place.where(file)}: {len(still)} values are recorded as removed and still there")
        gone = [hashed for hashed in wanted if hashed not in found and hashed not in self._removed.values]
        if gone:
            yield self._fault(file, "removed", f"{len(gone)} personal values are gone, and no redaction names them")

    def _first_format(self, name: str, manifest: dict[str, Any]) -> Iterator[Damage]:
        """Check a run of the first format as far as it goes."""
        check = check_first_format(self.place, name, manifest)
        self._covered |= check.covered
        self.lines += check.lines
        self.notes.append(
            f"{self.place.where(name)}: format 1, which covers whole logs, neither manifest nor single lines"
        )
        yield from check.findings

    def _is_there(self, name: str) -> bool:
        return name in self.place.names

    def _fault(self, name: str, kind: str, text: str) -> Damage:
        return Damage(self.place.where(name), 0, kind, text)
