"""How evidence lies in Redis: keys, records, scripts.

Rule of this file: pure. A value of another version, or one that is not whole, raises `ValueError`; it is never read as
far as it goes.

Five kinds of key, each with the version in its prefix:

- `oo1s:ORIGIN`, `oo1d:URL`: what counts of an origin's locations, or of a document: of each location the newest
  answer and the newest failure. One octet of version, then a record for each.
- `oo1h:` and the key before: a hash of the observations that count no more, by location and observation.
- `oo1b:SHA-256`: the raw bytes, once.
- `oo1l:URL`: the turn to probe a URL (a lease); the only key that ever expires.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from optout_middleware.evidence.freshness import is_unreachable
from optout_middleware.evidence.locations import location_url, name_of
from optout_middleware.evidence.store import observation
from optout_middleware.policy import LOCATIONS
from optout_middleware.terms import Evidence
from optout_middleware.urls import origin_of

SITE, DOCUMENT, HISTORY, BODY, LEASE = b"oo1s:", b"oo1d:", b"oo1h:", b"oo1b:", b"oo1l:"
NO_BYTES = hashlib.sha256(b"").digest()
_VERSION = b"\1"
_RAW, _DEFLATED = b"\0", b"\1"
_HEAD = struct.Struct(">qq16s32sBB")  # first seen, last seen, observation, SHA-256, is an answer, length of location
_LENGTH = struct.Struct(">I")  # of the details, which follow
_TIME = struct.Struct(">q")  # microseconds since 1970, UTC
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What header fields and robots.txt say most: values of some hundred octets have too little in them to learn it from.
# Part of the version: other words could not read what was written with these.
_WORDS = (
    b'["strict-transport-security","max-age=31536000; includeSubDomains; preload"],["x-powered-by","PHP/8.'
    b'"],["x-robots-tag","noindex"],["access-control-allow-origin","*"],["link","<https://"],["via","1.1 varnish"],'
    b'["cf-cache-status","HIT"],["cf-ray","["report-to","["nel","["x-cache","MISS"],["age","0"],["pragma","no-cache"],'
    b'["expires","Thu, 01 Jan 1970 00:00:00 GMT"],["x-frame-options","SAMEORIGIN"],["x-xss-protection","1; mode=block"'
    b'],["x-content-type-options","nosniff"],["referrer-policy","strict-origin-when-cross-origin"],["set-cookie","; '
    b'path=/; secure; HttpOnly; SameSite=Lax"],["content-security-policy","default-src \'self\'"],["transfer-encoding"'
    b',"chunked"],["connection","keep-alive"],["vary","Accept-Encoding"],["accept-ranges","bytes"],["etag","\\"'
    b'"],["last-modified","Mon, Tue, Wed, Thu, Fri, Sat, Sun, Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2026 GMT"],'
    b'["cache-control","public, max-age=3600, must-revalidate"],["server","Apache/2.4 (Ubuntu) LiteSpeed cloudflare '
    b'nginx/1.24.0"],["content-length","["content-encoding","gzip"],["content-type","text/plain; charset=utf-8'
    b'"],["content-type","text/html; charset=UTF-8"],["date","<!DOCTYPE html><html><head><title>404 Not Found</title>'
    b"</head><body><center><h1>404 Not Found</h1></center><hr><center>nginx</center></body></html>\r\n"
    b"# robots.txt\nUser-agent: GPTBot\nUser-agent: CCBot\nUser-agent: Google-Extended\nUser-agent: ClaudeBot\n"
    b"Disallow: /cgi-bin/\nDisallow: /search\nDisallow: /*?\nCrawl-delay: 10\nUser-agent: *\nDisallow: /wp-admin/\n"
    b"Allow: /wp-admin/admin-ajax.php\n\nSitemap: https://www.example.com/sitemap_index.xml\nDisallow: /\n[404,[["
    b'null,null,false,[],false][200,[["'
)

# Saves one observation, all or nothing: KEYS: entry, history, body. ARGV: location, answer, observation, SHA-256, time,
# details, body ("" = there is none to keep).
SAVE = """
local format = '>i8i8c16c32BBc0I4c0'
local function packed(r)
  return struct.pack(format, r[1], r[2], r[3], r[4], r[5], #r[6], r[6], #r[7], r[7])
end
local function read(value, at)
  local first, last, seen, sha, answer, location, details, after = struct.unpack(format, value, at)
  return {first, last, seen, sha, answer, location, details}, after
end
local records, slot, at = {}, 0, 2
local value = redis.call('GET', KEYS[1]) or '\\1'
local time = struct.unpack('>i8', ARGV[5])
local new = {time, time, ARGV[3], ARGV[4], tonumber(ARGV[2]), ARGV[1], ARGV[6]}
while at <= #value do
  local record
  record, at = read(value, at)
  records[#records + 1] = record
  if record[5] == new[5] and record[6] == new[6] then slot = #records end
end
local function field(r) return r[6] .. '\\0' .. r[3] end
local old = records[slot]
local same = old
if not old or old[3] ~= new[3] then
  local kept = redis.call('HGET', KEYS[2], field(new))
  same = kept and read(kept, 1) or nil
end
if same then
  new[1] = math.min(same[1], time)
  if same[2] > time then new[2] = same[2]; new[7] = same[7] end
end
if old and old[3] ~= new[3] and old[2] > new[2] then
  redis.call('HSET', KEYS[2], field(new), packed(new))
else
  if old and old[3] ~= new[3] then
    redis.call('HDEL', KEYS[2], field(new))
    redis.call('HSET', KEYS[2], field(old), packed(old))
  end
  records[old and slot or #records + 1] = new
  local out = {'\\1'}
  for _, record in ipairs(records) do out[#out + 1] = packed(record) end
  redis.call('SET', KEYS[1], table.concat(out))
end
if ARGV[7] ~= '' then redis.call('SET', KEYS[3], ARGV[7], 'NX') end
return 1
"""
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Kept(NamedTuple):
    """One observation as it lies in Redis.

    Fields:
        url: of the location or document.
        first, last: when it was first and last made.
        sha256: of its bytes.
        details: all the rest of it, packed.
    """

    url: str
    first: datetime
    last: datetime
    sha256: bytes
    details: bytes

    @property
    def body_key(self) -> bytes:
        """The key of its bytes."""
        return BODY + self.sha256

    def evidence(self, body: bytes) -> Evidence:
        """Give it as evidence of the last time.

        Args:
            body: the value at `body_key`.

        Raises:
            ValueError: details or bytes are not those that were saved.
        """
        status, headers, final_url, error, truncated, hops, from_cache = json.loads(_inflated(self.details))
        seen = Evidence(
            self.url, status, headers, _inflated(body), self.last, final_url=final_url, error=error,
            truncated=truncated, hops=map(tuple, hops), from_cache=from_cache,
        )  # fmt: skip
        if bytes.fromhex(seen.sha256) != self.sha256:
            raise ValueError(f"the bytes of {self.sha256.hex()} are not those that were saved")
        return seen


def key_of(url: str) -> bytes:
    """Give the key of the entry to which evidence of a URL belongs."""
    origin = origin_of(url)
    if origin is None:
        raise ValueError(f"{url} is not an http(s) URL")
    return SITE + origin.encode() if name_of(url) in LOCATIONS else DOCUMENT + _octets(url)


def lease_key(url: str) -> bytes:
    """Give the key of the turn to probe a URL."""
    return LEASE + _octets(url)


def saving(seen: Evidence) -> tuple[list[bytes], list[bytes]]:
    """Give the KEYS and ARGV with which `SAVE` saves evidence.

    Raises:
        ValueError: evidence whose `url` is not an http(s) URL.
    """
    key, name, sha256 = key_of(seen.url), name_of(seen.url), bytes.fromhex(seen.sha256)
    final_url = None if seen.final_url == seen.url else seen.final_url
    details = [seen.status, seen.headers, final_url, seen.error, seen.truncated, seen.hops, seen.from_cache]
    return [key, HISTORY + key, BODY + sha256], [
        name.encode() if name in LOCATIONS else b"",
        b"0" if is_unreachable(seen) else b"1",
        observation(seen),
        sha256,
        _TIME.pack((seen.fetched_at - _EPOCH) // timedelta(microseconds=1)),
        _deflated(json.dumps(details, separators=(",", ":")).encode()),
        _deflated(seen.body) if seen.body else b"",
    ]


def kept_in(value: bytes, place: str) -> list[Kept]:
    """Give the observations of an entry.

    Args:
        value: of its key.
        place: the origin, or the URL of the document.

    Raises:
        ValueError: it is not one of ours, or not whole.
    """
    if value[:1] != _VERSION:
        raise ValueError("it is of another version")
    found, at = [], len(_VERSION)
    try:
        while at < len(value):
            first, last, _, sha256, _, length = _HEAD.unpack_from(value, at)
            at += _HEAD.size
            location = value[at : at + length].decode()
            at += length
            (size,) = _LENGTH.unpack_from(value, at)
            at += _LENGTH.size
            details = value[at : at + size]
            at += size
            url = location_url(place, location) if location else place
            found.append(Kept(url, _at(first), _at(last), sha256, details))
    except (struct.error, KeyError) as error:
        raise ValueError(f"it is not whole: {error}") from None
    if at != len(value):
        raise ValueError("it is not whole")
    return found


def _at(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _octets(url: str) -> bytes:
    return url.encode("utf-8", "surrogatepass")


def _deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_WORDS)
    packed = stream.compress(data) + stream.flush()
    return _DEFLATED + packed if len(packed) < len(data) else _RAW + data


def _inflated(value: bytes) -> bytes:
    if not value:
        return b""
    kind, data = value[:1], value[1:]
    if kind == _RAW:
        return data
    if kind != _DEFLATED:
        raise ValueError("it is packed in a way that is not known")
    stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_WORDS)
    try:
        unpacked = stream.decompress(data)
    except zlib.error as error:
        raise ValueError(f"it cannot be unpacked: {error}") from None
    if not stream.eof:
        raise ValueError("it cannot be unpacked: it is not whole")
    return unpacked
