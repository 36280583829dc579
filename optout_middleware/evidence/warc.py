"""Evidence as records of WARC 1.1 (ISO 28500:2017), and back.

Rule of this file: pure, and nothing is lost: what a record says of evidence gives the same evidence again. A response
is a `response` record, or a `revisit` where its payload stands in another record; no response at all is a `metadata`
record. What WARC has no field for stands as JSON in the one field `OptOut-Evidence`, which tools pass over (WARC 1.1
section 4: fields that are not known are ignored). Each record is a gzip member of its own (annex D).

Records are put together here, since warcio percent-encodes header values that are not ASCII, which changes evidence.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from uuid import uuid4

from optout_middleware.terms import Evidence, OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIELD = "OptOut-Evidence"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_RESPONSE = "fetchError"  # as Heritrix names it in its metadata records
_PROFILE = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_BREAKS = re.compile(r"[\r\n]+")
# They tell of a transfer that is over: the body that is kept is decoded, and may be a part. Tools would believe them.
_OF_TRANSFER = frozenset({"content-length", "content-encoding", "transfer-encoding"})
_ORIGINAL = "x-orig-"
_HTTP = re.compile(r"HTTP/[\d.]+ (-?\d+)")
_SHORT = 8_192  # octets: the window of 13 bits
_encode = json.JSONEncoder(separators=(",", ":")).encode
_CHUNK = 65_536  # octets that are read at once
_LONGEST = 64 * 1_048_576  # octets of one record; a longer one is none of ours


class DamagedError(OptOutError):
    """A record that is not whole, or does not say what it said when it was written."""


class Archived(NamedTuple):
    """What a record holds.

    Fields:
        evidence: as it was seen; its `sha256` is that of the whole body, of which `body` may be a part only.
        kept: the SHA-256 of status, headers and the body that is kept: of the record's block.
        payload: the SHA-256 of the body that is kept.
        how: what of the body is kept, a word of `optout_middleware.signals.looked_at`.
        is_derivable: whether the signals say of it what they say of the whole.
        has_text: whether sentences in the text of the page can be looked for in it.
        is_revisit: whether the body stands in another record.
        is_page: whether it is a page, and not a location or a document.
    """

    evidence: Evidence
    kept: str
    payload: str
    how: str
    is_derivable: bool
    has_text: bool
    is_revisit: bool
    is_page: bool


class Facts(NamedTuple):
    """What of evidence goes into a record besides status, headers and body."""

    how: str = "whole"
    is_derivable: bool = True
    has_text: bool = True
    is_page: bool = False


class Revisited(NamedTuple):
    """Where the payload stands: URL and date of another record."""

    url: str
    date: str


class Written(NamedTuple):
    """A record, compressed, and the hashes that name it."""

    data: bytes
    kept: str
    payload: str


def date_of(at: datetime) -> str:
    """Give a time as WARC has it, to the microsecond."""
    return f"{at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def information(fields: Mapping[str, str], name: str, at: datetime) -> bytes:
    """Give the `warcinfo` record that a file starts with."""
    block = "".join(f"{key}: {_BREAKS.sub(' ', value)}\r\n" for key, value in fields.items() if value).encode()
    head = {"WARC-Type": "warcinfo", "WARC-Date": date_of(at), "WARC-Filename": name}
    return _member(head, "application/warc-fields", block)


def record(seen: Evidence, facts: Facts, *, whole: str, revisited: Revisited | None = None) -> Written:
    """Give the record of evidence.

    Args:
        seen: with the body that is kept.
        facts: what goes with it.
        whole: the SHA-256 of the whole body.
        revisited: where the same payload stands already; None = it stands here.
    """
    payload = hashlib.sha256(seen.body).hexdigest()
    said = {FIELD: _encode(_said(seen, facts, whole, payload))}
    head = {"WARC-Date": date_of(seen.fetched_at), "WARC-Target-URI": _BREAKS.sub(" ", seen.final_url)}
    if seen.status is None:
        block = f"{_NO_RESPONSE}: {_BREAKS.sub(' ', seen.error or 'no response')}\r\n".encode("utf-8", "replace")
        kept = hashlib.sha256(block).hexdigest()
        return Written(
            _member({"WARC-Type": "metadata", **head, **said}, "application/warc-fields", block), kept, payload
        )
    http = _http(seen)
    block = http if revisited else http + seen.body
    kept = hashlib.sha256(block).hexdigest()
    head |= {"WARC-Payload-Digest": f"sha256:{payload}", **said}
    if seen.truncated or whole != payload:
        head["WARC-Truncated"] = "length" if seen.truncated else "unspecified"
    if revisited is None:
        typed = {"WARC-Type": "response", **head}
        return Written(_member(typed, "application/http; msgtype=response", block, kept), kept, payload)
    head |= {
        "WARC-Profile": _PROFILE,
        "WARC-Refers-To-Target-URI": revisited.url,
        "WARC-Refers-To-Date": revisited.date,
    }
    return Written(
        _member({"WARC-Type": "revisit", **head}, "application/http; msgtype=response", block, kept), kept, payload
    )


def _said(seen: Evidence, facts: Facts, whole: str, payload: str) -> dict[str, Any]:
    """Give what WARC has no field for; what is as usual is left out."""
    said: dict[str, Any] = {}
    if seen.url != seen.final_url:
        said["url"] = seen.url
    if not (seen.final_url.isascii() and seen.final_url.isprintable()):  # no URI by the letter
        said["final_url"] = seen.final_url
    if whole != payload:
        said["sha256"] = whole
    usual = (("error", seen.error), ("from_cache", seen.from_cache), ("truncated", seen.truncated))
    said |= {name: value for name, value in usual if value}
    if seen.hops:
        said["hops"] = [list(hop) for hop in seen.hops]
    if facts.is_page:
        said |= {"page": True, "how": facts.how, "derivable": facts.is_derivable, "text": facts.has_text}
    return said


def _http(seen: Evidence) -> bytes:
    lines = [f"HTTP/1.1 {seen.status} {_PHRASES.get(seen.status or 0, '')}"]
    for name, value in seen.headers:
        shown = _ORIGINAL + name if name in _OF_TRANSFER else name
        lines.append(f"{shown}: {_BREAKS.sub(' ', value)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _member(head: Mapping[str, str], content_type: str, block: bytes, digest: str = "") -> bytes:
    """Put a record together and compress it."""
    named = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    text = (
        f"WARC/1.1\r\n{named}WARC-Record-ID: <urn:uuid:{uuid4()}>\r\n"
        f"WARC-Block-Digest: sha256:{digest or hashlib.sha256(block).hexdigest()}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    whole = text.encode("utf-8", "replace") + block + b"\r\n\r\n"
    # What zlib clears before it starts costs more than compressing a short record does; a small window needs less.
    packing = zlib.compressobj(wbits=29, memLevel=6) if len(whole) < _SHORT else zlib.compressobj(wbits=31)
    return packing.compress(whole) + packing.flush()


def read(data: bytes) -> Archived | None:
    """Read one uncompressed record; None where it holds no evidence.

    Raises:
        DamagedError: it is not whole, or its hashes are not those of its content.
    """
    head, _, rest = data.partition(b"\r\n\r\n")
    fields = dict(line.partition(": ")[::2] for line in head.decode("utf-8", "replace").split("\r\n")[1:])
    try:
        block = rest[: int(fields["Content-Length"])]
        if fields["WARC-Type"] not in ("response", "revisit", "metadata"):
            return None
        said, at = json.loads(fields.get(FIELD, "")), _date(fields["WARC-Date"])
    except (KeyError, ValueError, RecursionError) as error:
        raise DamagedError(f"not a record that the archive wrote: {error}") from None
    kept = hashlib.sha256(block).hexdigest()
    if fields.get("WARC-Block-Digest") != f"sha256:{kept}" or rest[len(block) :] != b"\r\n\r\n":
        raise DamagedError("its octets are not those that were written")
    try:
        return _archived(fields, said, at, block, kept)
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedError(f"not a record that the archive wrote: {error}") from None


def _archived(fields: Mapping[str, str], said: dict[str, Any], at: datetime, block: bytes, kept: str) -> Archived:
    status, headers, body = None, list[tuple[str, str]](), b""
    if fields["WARC-Type"] != "metadata":
        http, _, body = block.partition(b"\r\n\r\n")
        first, *lines = http.decode("latin-1").split("\r\n")
        found = _HTTP.match(first)
        status = int(found[1]) if found else None
        for line in lines:
            name, _, value = line.partition(": ")
            headers.append((_restored(name), value))
    final, is_revisit = said.get("final_url", fields["WARC-Target-URI"]), fields["WARC-Type"] == "revisit"
    payload = fields.get("WARC-Payload-Digest", "").removeprefix("sha256:") or hashlib.sha256(b"").hexdigest()
    if not is_revisit and payload != hashlib.sha256(body).hexdigest():
        raise DamagedError("its payload is not the one that was written")
    seen = Evidence(
        said.get("url", final), status, headers, body, at, final_url=final, error=said.get("error"),
        truncated=said.get("truncated", False), hops=map(tuple, said.get("hops", ())),
        from_cache=said.get("from_cache", False),
    )  # fmt: skip
    is_page = said.get("page", False)
    seen = named(seen, said.get("sha256", payload) if is_page else payload)
    how, derivable, text = said.get("how", "whole"), said.get("derivable", True), said.get("text", True)
    return Archived(seen, kept, payload, how, derivable, text, is_revisit, is_page)


def named(seen: Evidence, whole: str) -> Evidence:
    """Name evidence by the SHA-256 of the whole body where it has a part, so that decisions name the same source."""
    vars(seen)["sha256"] = whole
    return seen


def _restored(name: str) -> str:
    original = name.removeprefix(_ORIGINAL)
    return original if original in _OF_TRANSFER else name


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)


class Member(NamedTuple):
    """One record of a file: where it stands, and its uncompressed octets; None = it is torn or damaged there."""

    offset: int
    length: int
    data: bytes | None


def members(stream: BinaryIO, offset: int = 0) -> Iterator[Member]:
    """Give the records of a file from an offset on, one at a time; the last is marked where the file ends in it.

    Other readers end without a word where a file was cut (warcio issue 138).
    """
    stream.seek(offset)
    rest = b""
    while rest or (rest := stream.read(_CHUNK)):
        unpacking, found, taken, size = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), list[bytes](), 0, 0
        while not unpacking.eof:
            try:
                found.append(unpacking.decompress(rest, _LONGEST))
            except zlib.error:
                yield Member(offset, 0, None)
                return
            taken += len(rest)
            size += len(found[-1])
            if unpacking.eof:
                break
            rest = stream.read(_CHUNK)
            if not rest or size > _LONGEST:
                yield Member(offset, 0, None)
                return
        rest = unpacking.unused_data
        taken -= len(rest)
        yield Member(offset, taken, b"".join(found))
        offset += taken


def unpacked(data: bytes) -> bytes:
    """Undo the compression of one record.

    Raises:
        DamagedError: it is not one whole gzip member.
    """
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        text = unpacking.decompress(data, _LONGEST)
    except zlib.error as error:
        raise DamagedError(str(error)) from None
    if not unpacking.eof or unpacking.unused_data:
        raise DamagedError("it is not where the index says")
    return text
