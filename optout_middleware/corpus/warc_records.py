"""The records of WARC files (ISO 28500:2017) and of WAT files, which are WARC files with JSON about them.

Rule of this file: octets in, records out, and each with the octets that it takes up in the file, so that it can be
copied as it is. A file that ends within a record raises; what is no HTTP response or extract is passed on unread.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.corpus.unpacking import PACKED
from optout_middleware.corpus.warc_streams import HEAD_END, LONGEST_HEAD, in_streams, plain
from optout_middleware.evidence.encodings import EncodingError, undone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_STATUS = re.compile(rb"HTTP/[\d.]+\s+(\d{3})").match
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]+)[^\r\n]*\r?\n").match
_LONGEST_BODY = 32 << 20  # octets of a body once its coding is undone
_TEXT = ("text/", "application/xhtml+xml", "application/xml", "application/json", "application/ld+json")
_OF_RESPONSE = frozenset({"response", "resource", "conversion"})


class Page(NamedTuple):
    """What a record says of one URL.

    Fields:
        url: the target URI.
        at: when it was collected; None = not legible.
        status: of the HTTP response; None = there is none.
        headers: of it.
        body: the bytes, their codings undone; None = it is no text. Of WAT: the `meta` elements of the head, written
            again, since it has no more of the page.
        text: plain text, of a `conversion` record.
        size: octets of the body as it is in the file.
        note: what could not be undone.
    """

    url: str
    at: datetime | None
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    text: str | None
    size: int
    note: str = ""


class Stored(NamedTuple):
    """A record as it is stored: the octets of the file that hold it and nothing else, its URL, and the page, if any."""

    octets: bytes
    url: str
    page: Page | None


def records(path: Path, *, with_octets: bool = False) -> Iterator[Stored]:
    """Give the records of a WARC or WAT file in order: plain, with gzip, or with Zstandard.

    Args:
        path: of the file; where `.wat` is in its name it is read as WAT.
        with_octets: whether the octets of each record are given too; else they are empty.

    Raises:
        IncompleteError: the file is damaged, or ends within a record.
        OptOutError: zstandard is needed and not installed.
    """
    is_wat = ".wat" in path.name
    read = in_streams if path.suffix in PACKED else plain
    for octets, fields, block in read(path, with_octets=with_octets):
        page = _wat_page(fields, block) if is_wat else _page(fields, block)
        yield Stored(octets, fields.get("warc-target-uri", "").strip("<>"), page)


def _page(fields: dict[str, str], block: bytes) -> Page | None:
    kind, url = fields.get("warc-type", ""), fields.get("warc-target-uri", "").strip("<>")
    if kind not in _OF_RESPONSE or not url:
        return None
    at = date_of(fields.get("warc-date", ""))
    if kind == "conversion":  # WET: the text of a page
        return Page(url, at, None, (), None, block.decode("utf-8", "replace"), len(block))
    if kind == "resource" or "http" not in fields.get("content-type", "http"):
        headers: tuple[tuple[str, str], ...] = (("content-type", fields.get("content-type", "")),)
        return Page(url, at, None, headers, block if _is_text(headers) else None, None, len(block))
    head = HEAD_END(block, 0, LONGEST_HEAD)
    top = block[: head.start()] if head is not None else block
    body = block[head.end() :] if head is not None else b""
    status, headers = _STATUS(top), http_headers(top)
    plain, note = _decoded(body, headers) if _is_text(headers) else (None, "")
    return Page(url, at, int(status[1]) if status else None, headers, plain, None, len(body), note)


def _wat_page(fields: dict[str, str], block: bytes) -> Page | None:
    """Read the JSON of a WAT record about a response; its headers are there, its body is not."""
    if fields.get("warc-type") != "metadata" or "json" not in fields.get("content-type", ""):
        return None
    try:
        envelope = json.loads(block)["Envelope"]
        about, payload = envelope["WARC-Header-Metadata"], envelope["Payload-Metadata"]
        response = payload["HTTP-Response-Metadata"]
        url, said = about["WARC-Target-URI"], response.get("Headers", {})
        status = str(response.get("Response-Message", {}).get("Status", ""))
        headers = tuple(_wat_headers(said))
        size = str(response.get("Entity-Length", "0"))
        metas = response.get("HTML-Metadata", {}).get("Head", {}).get("Metas", [])
        head = "".join(map(_meta, metas)).encode("utf-8", "replace")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    at = date_of(str(about.get("WARC-Date", "")))
    length = int(size) if size.isdigit() else 0
    return Page(str(url), at, int(status) if status.isdigit() else None, headers, head or None, None, length)


def _meta(said: Mapping[str, Any]) -> str:
    """Write an element of the head again, of which a WAT record has the attributes."""
    attributes = (
        f' {name}="{escape(str(value))}"' for name, value in said.items() if str(name).isidentifier() or "-" in name
    )
    return f"<meta{''.join(attributes)}>"


def _wat_headers(said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in said.items():
        for one in value if isinstance(value, list) else (value,):
            yield str(name).lower(), str(one)


def http_headers(head: bytes) -> tuple[tuple[str, str], ...]:
    """Read the header fields of an HTTP message; a folded line belongs to the one before (RFC 9112 section 5.2)."""
    found: list[tuple[str, str]] = []
    for line in head.split(b"\n")[1:]:
        text = line.rstrip(b"\r").decode("latin-1")
        if text[:1] in (" ", "\t") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}")
            continue
        name, colon, value = text.partition(":")
        if colon:
            found.append((name.strip().lower(), value.strip()))
    return tuple(found)


def _is_text(headers: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether a body may be a page; where no type is given, it may."""
    kinds = [value for name, value in headers if name == "content-type"]
    return not kinds or not kinds[-1].strip() or kinds[-1].strip().lower().startswith(_TEXT)


def _decoded(body: bytes, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, str]:
    """Undo the codings of a body, as far as it still has them: many archives store it decoded, with its headers."""
    named = dict(headers)
    if "chunked" in named.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    coding = named.get("content-encoding", "")
    if not coding or (coding.strip().lower() in ("gzip", "x-gzip") and not body.startswith(b"\x1f\x8b")):
        return body, ""
    try:
        return undone(body, coding, _LONGEST_BODY), ""
    except EncodingError as error:
        return (body, "") if body.lstrip()[:1] == b"<" else (b"", str(error))


def _dechunked(body: bytes) -> bytes:
    """Undo chunked transfer coding (RFC 9112 section 7.1); a body that does not have it is given as it is."""
    found: list[bytes] = []
    at = 0
    while (size := _CHUNK_SIZE(body, at)) is not None:
        length = int(size[1], 16)
        if length == 0:
            return b"".join(found)
        found.append(body[size.end() : size.end() + length])
        at = size.end() + length
        while body[at : at + 1] in (b"\r", b"\n") and at < len(body):
            at += 1
    return b"".join(found) if found else body


def date_of(text: str) -> datetime | None:
    """Read a date: ISO 8601, or the 14 digits of web archives; without a zone it is UTC. None = it is none."""
    try:
        if len(text) == 14 and text.isdigit():  # noqa: PLR2004 - YYYYMMDDhhmmss
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)
