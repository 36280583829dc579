"""Reading audit logs: every line in full, of many directories, in the memory of one segment.

Rule of this file: damage is told beside the lines, never raised, and never costs a line that can still be read. Each
line is held against the one before it, and what there is against the manifests, so that what is gone is damage too; all
octets are for `optout_middleware.audit.verify`. Lines of every schema come out in one shape.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.chain import digest
from optout_middleware.audit.packing import SCHEMA, Unpacker
from optout_middleware.audit.personal import Entry, shown
from optout_middleware.audit.place import LINES, MANIFEST, SEGMENT, Place, beside, manifest_name
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

REDACTOR = "redact"  # the writer of runs that remove, and the stage of their lines
REDACTION = "redaction"
_RUN_OF = re.compile(r"(\d{8}T\d{6}Z-[0-9a-f]{6})-")  # what the name of a segment begins with
_MOST_BYTES = 64 * 1024 * 1024  # of a line; no line that was written is as long
_UNREADABLE = (OSError, EOFError, zlib.error)


class Record(NamedTuple):
    """One line of an audit log, in full.

    Fields:
        line: its fields, as docs/audit.md lists them; not to be changed, since lines of one site share values.
        file: where it stands.
        number: the line of that file, from 1.
    """

    line: dict[str, Any]
    file: str
    number: int

    @property
    def id(self) -> str:
        """By which tags of items, reports and proofs name it: "RUN-WRITER:SEQ"."""
        return f"{self.line.get('run')}-{self.line.get('writer')}:{self.line.get('seq')}"


class Damage(NamedTuple):
    """Something that is not as it was written.

    Fields:
        file: where.
        line: of that file, from 1; 0 = the file as a whole.
        kind: in one word: "torn", "unreadable", "not-json", "too-long", "unknown-schema", "unresolved", and in
            verification also "altered", "removed", "inserted", "reordered", "missing", "unclosed", "unknown",
            "unsigned".
        text: one sentence for people.
    """

    file: str
    line: int
    kind: str
    text: str


class Run(NamedTuple):
    """One run: its manifest with personal values where they are still there, and where it stands."""

    manifest: dict[str, Any]
    directory: str
    file: str


class Raw(NamedTuple):
    """One stored line: its bytes with the line end, what they say, and its number in the file."""

    data: bytes
    said: dict[str, Any]
    number: int


def records(directories: Iterable[str]) -> Iterator[Record | Damage]:
    """Give every line of every log, writer by writer in the order of writing, and what is damaged, where it is met.

    Args:
        directories: paths, or URLs that fsspec knows.

    Raises:
        OptOutError: a directory is not there, or has no audit log.
    """
    for place in places(directories):
        refuse_other(place)
        segments, last = _segments(place), dict[str, str]()
        yield from _gone(place, segments)
        for name in logs(place):
            yield from records_of(place, name, last)
            said = segments.get(name)
            if said is not None and last.get(_writer_of(name), said["last"]) != said["last"]:
                yield Damage(place.where(name), 0, "removed", "it does not end with the line that its manifest names")


def runs(directories: Iterable[str]) -> Iterator[Run | Damage]:
    """Give every run of the directories by its manifest, and the manifests that cannot be read.

    Raises:
        OptOutError: a directory is not there.
    """
    for place in places(directories):
        for name in place.names:
            if MANIFEST.fullmatch(name):
                yield _run(place, name)


def places(directories: Iterable[str]) -> Iterator[Place]:
    """Give audit directories, each once however often and in whatever spelling it is named.

    Raises:
        OptOutError: a directory is not there.
    """
    seen = set()
    for directory in directories:
        place = Place(directory)
        if place.identity not in seen:
            seen.add(place.identity)
            yield place


def is_log(place: Place) -> bool:
    """Tell whether there is anything of an audit log in a directory, whatever became of it."""
    return any("/" not in name and (MANIFEST.fullmatch(name) or LINES.fullmatch(name)) for name in place.names)


def refuse_other(place: Place) -> None:
    """Refuse a directory without an audit log: nothing that is told of it would be worth anything.

    Raises:
        OptOutError: there is none.
    """
    if not is_log(place):
        raise OptOutError(f"{place.directory} has no audit log: name an OPTOUT_AUDIT_DIR that a crawl wrote to")


def logs(place: Place) -> list[str]:
    """Give the files with lines, in order; where a segment stands there open and closed, the closed one."""
    return [
        name for name in place.names if "/" not in name and LINES.fullmatch(name) and f"{name}.gz" not in place.names
    ]


def raw_lines(place: Place, name: str) -> Iterator[Raw | Damage]:
    """Give the stored lines of one file, and what is damaged; after an unreadable part there is nothing more."""
    where, number = place.where(name), 0
    try:
        with place.open(name) as file:
            rows = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
            while data := rows.readline(_MOST_BYTES):
                number += 1
                yield _raw(data, where, number)
    except _UNREADABLE as error:
        yield Damage(where, number + 1, "unreadable", f"the file cannot be read on from here: {_said(error)}")


def kept_beside(place: Place, name: str) -> tuple[dict[str, Entry], list[Damage]]:
    """Give the personal values beside a segment or manifest by their hash, and the entries that are damaged."""
    file = beside(name)
    if file not in place.names:
        return {}, []
    entries, damages = {}, []
    try:
        rows = place.read(file).splitlines(keepends=True)
    except OSError as error:
        return {}, [Damage(place.where(file), 0, "unreadable", f"the file cannot be read: {_said(error)}")]
    for number, data in enumerate(rows, 1):
        entry = Entry.read(data)
        if entry is None:
            damages.append(Damage(place.where(file), number, "altered", "a personal value is not what was hashed"))
        else:
            entries[entry.hash] = entry
    return entries, damages


def records_of(place: Place, name: str, last: dict[str, str] | None = None) -> Iterator[Record | Damage]:
    """Give the lines of one file of a directory in full, and what is damaged, where it is met.

    Args:
        place: the directory.
        name: of the file.
        last: writer -> SHA-256 of its last line, of the files that came before; kept up to date.
    """
    last = {} if last is None else last
    unpacker, where = Unpacker(), place.where(name)
    kept, damages = kept_beside(place, name)
    yield from damages
    for row in raw_lines(place, name):
        if isinstance(row, Damage):
            yield row
            continue
        said, number = row.said, row.number
        if "prev" in said and said.get("schema", SCHEMA) == SCHEMA:
            before, writer = said["prev"], _writer_of(name)
            if before != last.get(writer, before):
                yield Damage(where, number, "altered", "the line before it is gone, or is not the one that was written")
            last[writer] = digest(row.data)
        if said.get("schema", SCHEMA) not in (1, SCHEMA):
            yield Damage(where, number, "unknown-schema", f"schema {said['schema']!r} is newer than this package")
            continue
        if said.get("schema") == 1:
            yield Record(said, where, number)
            continue
        try:
            line = unpacker.unpack(said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield Damage(where, number, "unresolved", f"the line cannot be read in full: {_said(error)}")
            continue
        if line is not None:
            yield Record(shown(line, kept), where, number)


def _segments(place: Place) -> dict[str, dict[str, Any]]:
    """Give what the manifests say of closed segments, by the name of the file; what they do not say is left out."""
    found: dict[str, dict[str, Any]] = {}
    for name in place.names:
        if MANIFEST.fullmatch(name) and isinstance(run := _run(place, name), Run):
            try:
                for writer in run.manifest["writers"]:
                    found.update((one["file"], one) for one in writer["segments"] if isinstance(one["last"], str))
            except (KeyError, TypeError):
                continue
    return found


def _gone(place: Place, segments: Mapping[str, Any]) -> Iterator[Damage]:
    """Tell what is not there: segments that no redaction removed, and manifests of runs of which there are lines."""
    removed: set[Any] = set()
    names = set(place.names)
    for name in logs(place):
        run = _RUN_OF.match(name) if SEGMENT.fullmatch(name) else None
        parts = name.split("-")
        if run and not any(manifest_name("-".join(parts[:end])) in names for end in range(2, len(parts))):
            yield Damage(place.where(manifest_name(run[1])), 0, "missing", f"{name} is of a run without a manifest")
        if f"-{REDACTOR}-" in name:
            for row in records_of(place, name):
                if isinstance(row, Record) and row.line.get("stage") == REDACTION:
                    files = row.line.get("files")
                    removed.update(map(str, files) if isinstance(files, list) else ())
    for name in sorted(segments.keys() - removed - names):
        yield Damage(place.where(name), 0, "missing", "its manifest names this segment, and it is gone")


def _writer_of(name: str) -> str:
    """Give run and writer of a segment, whose number comes last in its name."""
    return name.rpartition("-")[0]


def _raw(data: bytes, where: str, number: int) -> Raw | Damage:
    if not data.endswith(b"\n"):
        if len(data) >= _MOST_BYTES:
            return Damage(where, number, "too-long", f"the line has more than {_MOST_BYTES:,} octets")
        return Damage(where, number, "torn", f"the last {len(data)} octets are no whole line")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Damage(where, number, "not-json", f"the line is no JSON: {_said(error)}")
    if not isinstance(said, dict):
        return Damage(where, number, "not-json", "the line is no JSON object")
    return Raw(data, said, number)


def _run(place: Place, name: str) -> Run | Damage:
    kept, _ = kept_beside(place, name)
    try:
        manifest = json.loads(place.read(name))
        if not isinstance(manifest, dict):
            raise TypeError("it is no JSON object")  # noqa: TRY301 - told like all else that it is not
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return Damage(place.where(name), 0, "unreadable", f"the manifest cannot be read: {_said(error)}")
    return Run(shown(manifest, kept), place.directory, place.where(name))


def _said(error: Exception) -> str:
    return " ".join(str(error).split())
