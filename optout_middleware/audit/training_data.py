"""What training data a summary is of: URLs of crawl logs ("collected"), or of the training set itself.

Rule of this file: it counts; what the fields are called stands in `training_summary`. A log knows no media types, so
kinds come from the endings of URLs, and the summary says so.
"""

from __future__ import annotations

import mimetypes
from collections import Counter
from typing import TYPE_CHECKING, Any

from optout_middleware.audit import corpus_rows
from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.reading import Damage, records
from optout_middleware.urls import host_of, origin_of, path_and_query, registrable_domain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optout_middleware.audit.unique_urls import UniqueUrls

_KINDS = mimetypes.MimeTypes(filenames=())  # the table of Python alone: no file of this machine changes a summary
_PAGE = "text/html"
_KEPT = frozenset({"keep", "tag"})
_ASSETS = frozenset({"response", "media"})


class Collected:
    """What crawl logs say of what was collected, and of what was not.

    Fields:
        first, last: when decisions were taken, first and last; empty = there are none.
        outcomes: outcome -> pages, files and records.
        findings: finding -> those that it kept out.
        classes: class of work -> items that state one.
        dry: URLs counted that a dry run stored whatever their outcome.
        tagged: records counted that a re-check passed on with a tag, though they are reserved or pending.
        grouped: records counted of grouped lines of a re-check, which name the first of their URLs only.
        damaged: lines and files that could not be read.
    """

    def __init__(self) -> None:
        self.first = self.last = ""
        self.outcomes: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.classes: Counter[str] = Counter()
        self.dry = self.tagged = self.grouped = 0
        self.damaged = 0

    def read(self, directories: Iterable[str], urls: UniqueUrls | None) -> None:
        """Read logs; put what was collected into `urls`, where it is given.

        Raises:
            OptOutError: a directory is not there.
        """
        for row in records(directories):
            if isinstance(row, Damage):
                self.damaged += 1
            elif row.line.get("outcome"):
                self._add(row.line, urls)

    def _add(self, line: Mapping[str, Any], urls: UniqueUrls | None) -> None:
        time, outcome = str(line.get("time") or ""), str(line["outcome"])
        self.first = min(self.first or time, time)
        self.last = max(self.last, time)
        count = count_of(line)
        credited = line.get("credits")
        if isinstance(credited, dict) and credited.get("asset_class"):
            self.classes[str(credited["asset_class"])] += count
        is_record = "shard" in line  # of a re-checked corpus: it has one line, of whatever stage
        if line.get("stage") == "item" and not is_record:
            return
        self.outcomes[outcome] += count
        if outcome != "allow" and line.get("reasons"):
            self.findings[str(line["reasons"][0].get("finding"))] += count
        is_asset = is_record or (line.get("stage") in _ASSETS and line.get("size") is not None)
        if urls is not None and is_asset and (line.get("dry_run") or line.get("action") in _KEPT):
            self._count(line, urls, outcome, count)

    def _count(self, line: Mapping[str, Any], urls: UniqueUrls, outcome: str, count: int) -> None:
        """Count what was collected."""
        if outcome != "allow":
            self.dry += count if line.get("dry_run") else 0
            self.tagged += count if "shard" in line else 0
        url = str(line.get("final_url") or line.get("url") or "")
        kind, domain = kind_of(url, ""), str(line.get("domain") or line.get("origin") or "")
        if count == 1:
            urls.add(url, domain, modality_of(kind), kind, line.get("size"), None)
        else:
            self.grouped += count
            urls.add_many(str(line.get("urls_sha256")), count, domain, modality_of(kind), kind, line.get("size"))


def read_corpus(paths: Iterable[str], urls: UniqueUrls) -> int:
    """Put the rows of training sets into `urls`; give how many rows have no URL.

    Raises:
        OptOutError: a file cannot be read.
    """
    without = 0
    for path in paths:
        for row in corpus_rows.rows(path):
            origin = origin_of(row.url)
            if not origin:
                without += 1
                continue
            domain = registrable_domain(host_of(origin)) or host_of(origin)
            kind = kind_of(row.url, row.media_type)
            urls.add(row.url, domain, modality_of(kind), kind, row.octets, row.tokens)
    return without


def kind_of(url: str, media_type: str) -> str:
    """Give the media type that is stated, else that of the ending of the URL's path, else that of a page.

    >>> kind_of("http://a.example/x/cat.jpg?size=2", ""), kind_of("http://a.example/x", "")
    ('image/jpeg', 'text/html')
    """
    if media_type:
        return media_type.strip().lower()
    path = path_and_query(url).partition("?")[0]
    return _KINDS.guess_type(path)[0] or _PAGE


def modality_of(kind: str) -> str:
    """Give the modality of a media type: "text", "image", "audio", "video" or "other".

    >>> modality_of("application/pdf"), modality_of("video/mp4"), modality_of("application/zip")
    ('text', 'video', 'other')
    """
    first, _, rest = kind.partition("/")
    if first in ("text", "image", "audio", "video"):
        return first
    is_text = rest in ("pdf", "json", "xml", "msword", "epub+zip", "rtf") or rest.endswith(("+xml", "+json"))
    return "text" if is_text or "document" in rest else "other"
