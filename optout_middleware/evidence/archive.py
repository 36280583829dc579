"""The evidence archive: what was seen, kept for whoever asks years later, in files that any web-archive tool opens.

Rule of this file: it only appends, one file a writer, each record in one write: a killed process loses none that was
acknowledged. What a location said is stored once in a directory, by its SHA-256. Of an asset that is not allowed no
more is kept than what spoke. What cannot be written raises; whoever crawls then stops.

Beside `NAME.warc.gz` stands `NAME.index.jsonl`, one JSON object a record; it is a convenience: readers make up for
what it lacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import OrderedDict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.evidence.warc import Facts, Revisited, Written, date_of, information, record
from optout_middleware.signals.looked_at import looked_at, speaks
from optout_middleware.terms import Evidence, Hop, OptOutError, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Decision

WARC, INDEX = ".warc.gz", ".index.jsonl"
LARGEST = 1_073_741_824  # octets of a file, about; web archives keep files of a gigabyte
_WORTH_A_REVISIT = 512  # octets; a smaller payload is stored again, which costs less than to refer to it
_MOST = 50_000  # payloads, and URLs, that are kept in mind
_ROWS = 256  # of the index, that wait to be written
_COOKIES = frozenset({"set-cookie", "set-cookie2"})
_WITH_URLS = frozenset({"location", "content-location", "refresh"})
_encode = json.JSONEncoder(separators=(",", ":")).encode
_STORED = re.compile(
    rb'\{"type":"response","url":"([^"\\]*)","time":"([^"]*)","status":\d+,"sha256":"[^"]*","payload":"([0-9a-f]{64})"'
)
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class ArchiveError(OptOutError):
    """The archive cannot be written; the message names the file and the cause. The crawl must stop."""


def is_sampled(sha256: str, pages: float) -> bool:
    """Tell whether an allowed page of which nothing spoke belongs to the sample; by the hash of its whole body alone.

    >>> is_sampled("3f" + 62 * "0", 0.25), is_sampled("40" + 62 * "0", 0.25)
    (True, False)
    """
    return int(sha256[:8], 16) < pages * 0x1_0000_0000


class Archive:
    """Writes the archive of one writer of one run; for one thread.

    Args:
        directory: made if it is not there.
        writer: the name of the files; of each writer of each run its own.
        policy: says what of a page was looked at.
        pages: the share of allowed pages of which nothing spoke that is kept: 1 = all, 0 = none.
        mask: hides the secrets of URLs.
        about: what the first record of a file says of the run.
        refers_back: whether what earlier runs stored in the directory is referred to, rather than stored again; not
            where runs are removed after a time.
        largest: octets after which a further file is begun.

    Attributes:
        files: name, size and SHA-256 of each file that was ended.
        counts: of what was kept.

    Raises:
        ArchiveError: the directory or file cannot be written, or the file is there already.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        writer: str,
        policy: Policy,
        pages: float = 1.0,
        mask: Callable[[str], str] = str,
        about: Mapping[str, str] | None = None,
        refers_back: bool = True,
        largest: int = LARGEST,
    ) -> None:
        self.directory = Path(directory)
        self.counts = {"records": 0, "pages": 0, "pages_not_sampled": 0, "pages_not_derivable": 0}
        self._writer, self._policy, self._pages, self._mask = writer, policy, pages, mask
        self._about, self._largest = dict(about or {}), largest
        self._number = self._size = 0
        self._file: int | None = None
        self._sha256 = hashlib.sha256()
        self.files: list[dict[str, Any]] = []
        self._rows: list[str] = []
        self._stored: OrderedDict[str, Revisited] = OrderedDict()
        self._last: OrderedDict[str, int] = OrderedDict()
        self._refusal = ""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            if refers_back:
                self._remember()
            self._open()
        except OSError as error:
            raise self._failed(error) from error

    @property
    def path(self) -> Path:
        """The file that is written to."""
        name = f"{self._writer}-{self._number}" if self._number > 1 else self._writer
        return self.directory / f"{name}{WARC}"

    def keep(self, seen: Evidence) -> str:
        """Keep evidence of a location or document; what was kept of its URL just before is not kept again.

        Returns: the SHA-256 of its record's block; empty = it stands there already.

        Raises:
            ArchiveError: it cannot be written.
        """
        told = hash((
            seen.sha256, seen.status, seen.media_type, seen.final_url, seen.error, seen.truncated,
            tuple((hop.url, hop.status) for hop in seen.hops),
        ))  # fmt: skip
        if self._last.get(seen.url) == told:
            self._last.move_to_end(seen.url)
            return ""
        kept = self._written(seen, seen.body, Facts())
        _put(self._last, seen.url, told)
        return kept

    def keep_page(self, seen: Evidence, decision: Decision) -> str:
        """Keep the part of a page that was looked at.

        Args:
            seen: the response of the page, or of a file.
            decision: what was decided with it.

        Returns: the SHA-256 of status, headers and the body that is kept; empty = it is not in the sample.

        Raises:
            ArchiveError: it cannot be written.
        """
        is_allowed = decision.outcome is Outcome.ALLOW
        if is_allowed and not is_sampled(seen.sha256, self._pages) and not _spoke(seen, decision):
            self.counts["pages_not_sampled"] += 1
            return ""
        part = looked_at(seen, self._policy, is_allowed=is_allowed)
        self.counts["pages"] += 1
        self.counts["pages_not_derivable"] += not part.is_derivable
        facts = Facts(part.how, part.is_derivable, part.has_text, is_page=True)
        return self._written(seen, part.body, facts)

    def close(self) -> None:
        """Write the index and sync both files; a second call does nothing.

        Raises:
            ArchiveError: they cannot be written.
        """
        try:
            self._end()
        except OSError as error:
            raise self._failed(error) from error
        self._refusal = self._refusal or f"evidence archive {self.path} is closed"

    def _written(self, seen: Evidence, body: bytes, facts: Facts) -> str:
        if self._file is None or self._refusal:
            raise ArchiveError(self._refusal)
        shown = self._masked(seen, body)
        is_worth_it = len(body) >= _WORTH_A_REVISIT and not facts.is_page
        refers = self._stored.get(shown.sha256) if is_worth_it else None
        written = record(shown, facts, whole=seen.sha256, revisited=refers)
        if self._size + len(written.data) > self._largest and self._size:
            self._next()
        try:
            count = os.write(self._file, written.data)
        except OSError as error:
            raise self._failed(error) from error
        if count != len(written.data):
            raise self._failed(f"{count} of {len(written.data)} octets were written")
        date = date_of(seen.fetched_at)
        kind = "metadata" if seen.status is None else "response" if refers is None else "revisit"
        self._row(shown, written, facts, date, whole=seen.sha256, kind=kind)
        self._size += count
        self._sha256.update(written.data)
        self.counts["records"] += 1
        if refers is not None:
            self._stored.move_to_end(written.payload)
        elif is_worth_it:
            _put(self._stored, written.payload, Revisited(shown.final_url, date))
        return written.kept

    def _masked(self, seen: Evidence, body: bytes) -> Evidence:
        """Give evidence as it is written: without cookies, which are ours and nobody's statement, and secrets."""
        mask = self._mask
        return Evidence(
            mask(seen.url), seen.status, self._shown(seen.headers), body, seen.fetched_at,
            final_url=mask(seen.final_url), error=mask(seen.error) if seen.error else None, truncated=seen.truncated,
            hops=[Hop(mask(hop.url), hop.status, self._shown(hop.headers)) for hop in seen.hops],
            from_cache=seen.from_cache,
        )  # fmt: skip

    def _shown(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, self._mask(value) if name in _WITH_URLS else value)
            for name, value in headers
            if name not in _COOKIES
        )

    def _row(self, shown: Evidence, written: Written, facts: Facts, date: str, *, whole: str, kind: str) -> None:
        row: dict[str, Any] = {
            "type": kind, "url": shown.url, "time": date, "status": shown.status, "sha256": whole,
            "payload": written.payload, "kept": written.kept, "offset": self._size, "length": len(written.data),
        }  # fmt: skip
        if facts.is_page:
            row["page"] = True
        self._rows.append(_encode(row) + "\n")
        if len(self._rows) >= _ROWS:
            try:
                self._flush()
            except OSError as error:
                raise self._failed(error) from error

    def _flush(self) -> None:
        path = self.path.with_name(self.path.name.removesuffix(WARC) + INDEX)
        with path.open("a", encoding="ascii", newline="\n") as index:
            index.write("".join(self._rows))
        self._rows.clear()

    def _open(self) -> None:
        self._number += 1
        self._file = os.open(self.path, _APPEND, 0o666)
        data = information({"format": "WARC File Format 1.1", **self._about}, self.path.name, _now())
        self._size, self._sha256 = os.write(self._file, data), hashlib.sha256(data)

    def _end(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                self._flush()
                os.fsync(file)
            finally:
                os.close(file)
            self.files.append({"file": self.path.name, "size": self._size, "sha256": self._sha256.hexdigest()})

    def _next(self) -> None:
        try:
            self._end()
            self._open()
        except OSError as error:
            raise self._failed(error) from error

    def _remember(self) -> None:
        """Take in which payloads the directory has already, from its latest indexes, as many as are kept in mind."""
        for index in sorted(self.directory.glob(f"*{INDEX}"), reverse=True):
            for url, date, payload in _STORED.findall(index.read_bytes()):
                if len(self._stored) >= _MOST:
                    return
                self._stored.setdefault(payload.decode(), Revisited(url.decode(), date.decode()))

    def _failed(self, cause: OSError | str) -> ArchiveError:
        said = cause if isinstance(cause, str) else cause.strerror or str(cause)
        self._refusal = (
            f"evidence archive {self.path} cannot be written: {said}; nothing is kept without what it rests on, "
            "so the crawl stops"
        )
        return ArchiveError(self._refusal)


def _spoke(seen: Evidence, decision: Decision) -> bool:
    """Tell whether anything was said by a page, found in it, or named by it."""
    source = seen.source
    spoke = any(said.source == source for said in decision.statements)
    return spoke or any(reason.source == source for reason in decision.reasons) or speaks(seen)


def _put(known: OrderedDict[str, Any], key: str, value: object) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MOST:
        known.popitem(last=False)


def _now() -> datetime:
    return datetime.now(timezone.utc)
