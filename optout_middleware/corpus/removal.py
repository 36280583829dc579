"""What a notice hits in a corpus: the records it names, and the same content under other URLs.

Rule of this file: it lists, and takes nothing out. Content is the same where its SHA-256 is, or where a text has the
shingles of a record that was hit; the list says of each record which.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.corpus.records import batches
from optout_middleware.register.fingerprint import LEAST_SHARED, MIDDLE, shingles
from optout_middleware.signals.page_text import page_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optout_middleware.corpus.recheck import Verdict
    from optout_middleware.corpus.records import Shard

NAMED, CONTENT, FINGERPRINT = "named", "content", "fingerprint"
_LONGEST = 200_000  # characters of a text that count


class Wanted(NamedTuple):
    """The content of what a notice hit: SHA-256 of each, and of each text its shingles."""

    contents: frozenset[str]
    texts: tuple[tuple[int, ...], ...]


class Hits:
    """The records of one shard that a notice names.

    Args:
        notice: its id.

    Attributes:
        entries: of the manifest, each with the shingles of its text besides.
    """

    def __init__(self, notice: str) -> None:
        self._mark = f"notice:{notice}/"
        self.entries: list[dict[str, Any]] = []

    def add(self, records: Any, verdicts: Sequence[Verdict]) -> None:
        """Look through the records of a batch."""
        for place, verdict in enumerate(verdicts):
            claims = verdict.judged.judgement.claims if verdict.judged and verdict.judged.judgement else ()
            rules = [claim.rule for claim in claims if self._mark in claim.text]
            if rules:
                row = records.slice(place, 1).to_pylist()[0]
                entry = entry_of(row, NAMED, rules[0])
                self.entries.append({**entry, "shingles": list(shingles(text_of(row)))})


def wanted(entries: Sequence[Mapping[str, Any]]) -> Wanted:
    """Give what to look for under other URLs."""
    contents = frozenset(entry["content_sha256"] for entry in entries if entry["content_sha256"])
    texts = (tuple(entry["shingles"]) for entry in entries)
    return Wanted(contents, tuple(dict.fromkeys(text for text in texts if len(text) >= LEAST_SHARED)))


def others(shard: Shard, columns: Mapping[str, str], want: Wanted, rule: str) -> list[dict[str, Any]]:
    """Give the records of a shard whose content is wanted.

    Raises:
        IncompleteError: the shard cannot be read to its end.
    """
    by_shingle: dict[int, set[int]] = {}
    for number, text in enumerate(want.texts):
        for shingle in text:
            by_shingle.setdefault(shingle, set()).add(number)
    found = []
    for batch in batches(shard, columns, with_original=False):
        for row in batch.records.select(["record", "url", "html", "text", "collected_at"]).to_pylist():
            content = content_of(row)
            if content is not None and hashlib.sha256(content).hexdigest() in want.contents:
                found.append(entry_of(row, CONTENT, rule))
            elif by_shingle and _resembles(text_of(row), by_shingle, want):
                found.append(entry_of(row, FINGERPRINT, rule))
    return found


def _resembles(text: str, by_shingle: Mapping[int, set[int]], want: Wanted) -> bool:
    shared: dict[int, int] = {}
    for shingle in shingles(text):
        for number in by_shingle.get(shingle, ()):
            shared[number] = shared.get(number, 0) + 1
    return any(count >= LEAST_SHARED and count / len(want.texts[number]) >= MIDDLE for number, count in shared.items())


def content_of(row: Mapping[str, Any]) -> bytes | None:
    """Give the content of a record: its HTML, else its text; None = it has neither."""
    if row["html"]:
        return bytes(row["html"])
    return row["text"].encode("utf-8", "surrogatepass") if row["text"] else None


def text_of(row: Mapping[str, Any]) -> str:
    """Give the text of a record, out of its HTML where it has no other."""
    if row["text"]:
        return str(row["text"])[:_LONGEST]
    return page_text(bytes(row["html"])[:_LONGEST]) if row["html"] else ""


def entry_of(row: Mapping[str, Any], why: str, rule: str) -> dict[str, Any]:
    """Give the entry of a record in a manifest."""
    content, collected = content_of(row), row["collected_at"]
    return {
        "record": row["record"],
        "url": row["url"],
        "content_sha256": hashlib.sha256(content).hexdigest() if content is not None else "",
        "collected_at": collected.isoformat() if collected else None,
        "rule": rule,
        "why": why,
    }
