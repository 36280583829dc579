"""Small corpora of invented sites, in each format, and a store of evidence about these sites."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import zstandard

from optout_middleware.corpus.recheck import quick_origin
from optout_middleware.corpus.shard import Plan
from optout_middleware.decide import Site
from optout_middleware.evidence.locations import location_url
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SEEN = AT - timedelta(hours=2)
POLICY = Policy("ExampleCorpusBot")
OPEN, CLOSED, PARTLY = "https://open.example", "https://closed.example", "https://partly.example"
FORMATS = ("a.parquet", "b.jsonl", "c.jsonl.gz", "d.jsonl.zst", "e.warc.gz", "f.warc")  # a shard of each
ROBOTS: Mapping[str, bytes | None] = {
    OPEN: None,
    CLOSED: b"User-agent: ExampleCorpusBot\nDisallow: /\n",
    PARTLY: b"User-agent: *\nDisallow: /private/\nContent-Usage: /press/ train-ai=n\n",
}
NOAI = b'<html><head><meta name="robots" content="noai"></head><body>x</body></html>'
PLAIN = b"<html><head><title>t</title></head><body>x</body></html>"


def evidence(robots: Mapping[str, bytes | None] = ROBOTS, at: datetime = SEEN) -> list[Evidence]:
    """Give what was seen of the sites."""
    found = []
    for origin, body in robots.items():
        found.append(
            Evidence(location_url(origin, "robots.txt"), 200 if body is not None else 404, (), body or b"", at)
        )
        found.append(Evidence(location_url(origin, "tdmrep.json"), 404, (), b"", at))
    return found


def store(path: Path, robots: Mapping[str, bytes | None] = ROBOTS, at: datetime = SEEN) -> str:
    """Make a store of evidence about the sites."""

    async def fill() -> None:
        made = SqliteStore(path)
        await made.save(evidence(robots, at))
        await made.close()

    asyncio.run(fill())
    return str(path)


def sites(robots: Mapping[str, bytes | None] = ROBOTS, policy: Policy = POLICY) -> dict[str, Site]:
    """Give the sites."""
    return {origin: Site.read(evidence({origin: body}), policy) for origin, body in robots.items()}


def urls(count: int) -> list[str]:
    """Give URLs over all sites; one in eleven is of a site that nobody looked at."""
    paths = ("a", "private/b", "press/c", "d?x=1")
    origins = (*ROBOTS, "https://unseen.example")
    return [
        f"{origins[3] if number % 11 == 10 else origins[number % 3]}/{paths[number % 4]}/{number}"
        for number in range(count)
    ]


def rows(count: int) -> list[dict[str, Any]]:
    """Give records with all that a record may have, some of it missing."""
    made: list[dict[str, Any]] = []
    for number, url in enumerate(urls(count)):
        row: dict[str, Any] = {"url": url, "id": f"r{number}", "collected_at": "2022-05-01T10:00:00Z"}
        if number % 5 == 0:
            row["html"] = (NOAI if number % 10 == 0 else PLAIN).decode()
        if number % 7 == 0:
            row["headers"] = {"Content-Type": "text/html", "X-Robots-Tag": "noai" if number % 2 else "all"}
        if number % 3 == 0:
            row["text"] = f"words of record {number}"
        made.append(row)
    return made


def parquet(path: Path, made: Sequence[Mapping[str, Any]]) -> Path:
    """Write records as Parquet."""
    table = pa.Table.from_pylist(
        [{**row, "headers": json.dumps(row["headers"]) if "headers" in row else None} for row in made]
    )
    pq.write_table(table, path, row_group_size=max(1, len(made) // 3))
    return path


def json_lines(path: Path, made: Iterable[Mapping[str, Any]]) -> Path:
    """Write records as JSON Lines, compressed by the name."""
    data = b"".join(json.dumps(row).encode() + b"\n" for row in made)
    packing: dict[str, Any] = {".gz": gzip.compress, ".zst": zstandard.compress}
    packed = packing.get(path.suffix, bytes)
    path.write_bytes(packed(data))
    return path


def warc_record(kind: str, url: str, block: bytes, content_type: str = "application/http; msgtype=response") -> bytes:
    """Give one record of a WARC file, uncompressed."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2022-05-01T10:00:00Z\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def response(url: str, html: bytes, *headers: str) -> bytes:
    """Give a response record."""
    head = "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: text/html", *headers))
    return warc_record("response", url, f"{head}\r\n\r\n".encode() + html)


def warc(path: Path, count: int) -> Path:
    """Write a WARC file: a `warcinfo`, then a request and a response for each URL; a compressed stream each."""
    records = [warc_record("warcinfo", "", b"software: test\r\n", "application/warc-fields")]
    for number, url in enumerate(urls(count)):
        records.append(warc_record("request", url, b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request"))
        records.append(response(url, NOAI if number % 10 == 0 else PLAIN))
    packing: dict[str, Any] = {".gz": gzip.compress, ".zst": zstandard.compress}
    packed = packing.get(path.suffix, bytes)
    path.write_bytes(b"".join(packed(record) for record in records))
    return path


def plan(path: Path, **changes: Any) -> Plan:
    """Give a plan with a store of evidence."""
    file = path / "store.sqlite"
    if not file.exists():
        store(file)
    return Plan(
        **{"run": "-", "policy": POLICY, "at": AT, "action": "tag", "audit": "full", "store": str(file), **changes}
    )


def outcome(url: str, known: Mapping[str, Site]) -> str:
    """Give what holds for a URL, by the core alone."""
    origin = quick_origin(url)
    site = known.get(origin) or Site.unseen(origin, POLICY)
    return str(site.decide(url, at=AT).outcome)
