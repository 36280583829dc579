"""What both stores keep and give back, and what the memory store gives up."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from optout_middleware.evidence.locations import location_url
from optout_middleware.evidence.store import Store, newest
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.policy import LOCATIONS
from optout_middleware.terms import Evidence, Hop, OptOutError

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)
ORIGIN, OTHER = "http://news.example", "https://xn--hxajbheg2az3al.example:8443"
MakeStore = Callable[[], Store]


def evidence(minute: int, status: int | None = 200, body: bytes = b"x", location: str = "robots.txt") -> Evidence:
    """Give evidence of a location, seen at a minute."""
    return Evidence(location_url(ORIGIN, location), status, (), body, START + timedelta(minutes=minute))


def in_order(found: list[Evidence]) -> list[Evidence]:
    """Sort, since stores promise no order."""
    return sorted(found, key=lambda seen: (seen.url, seen.fetched_at))


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Give what makes a store of each kind."""
    return MemoryStore if request.param == "memory" else lambda: SqliteStore(tmp_path / "evidence.sqlite")


async def kept(make: MakeStore, how: str, *batches: list[Evidence]) -> list[Evidence]:
    """Save batches, then load the origin: at once, after a flush, or from the file opened again."""
    store = make()
    for batch in batches:
        await store.save(batch)
    if isinstance(store, SqliteStore) and how != "sqlite":
        store.flush()
        if how == "sqlite reopened":
            await store.close()
            store = make()
    found = await store.load(ORIGIN)
    await store.close()
    return in_order(found)


_TEXT = st.text(max_size=20)
_LATIN_1 = st.text(st.characters(max_codepoint=255), max_size=20)
_NAMES = st.text(string.ascii_lowercase + "-", min_size=1, max_size=10)
_PAIRS = st.lists(st.tuples(_NAMES, _LATIN_1), max_size=4)
_ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too
EVIDENCE = st.builds(
    Evidence,
    st.sampled_from([location_url(ORIGIN, name) for name in LOCATIONS]),
    st.none() | st.integers(100, 999),
    _PAIRS,
    st.binary(max_size=200) | st.sampled_from([b"Disallow: /\n" * 100, bytes(range(256)) * 4]),
    st.datetimes(
        datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=45))]),
    ),
    final_url=st.none() | _ANY_TEXT,
    error=st.none() | _ANY_TEXT,
    truncated=st.booleans(),
    hops=st.lists(st.tuples(_ANY_TEXT, st.none() | st.integers(100, 999), _PAIRS.map(tuple)), max_size=3),
    from_cache=st.booleans(),
)


@settings(deadline=None)
@given(seen=EVIDENCE)
@example(Evidence(f"{ORIGIN}/robots.txt", None, (), b"", START, error="\udcff", final_url="http://a.example/\ud800"))
@example(Evidence(f"{ORIGIN}/robots.txt", 200, (), b"", START, error="a\0b", final_url="http://a.example/\0é"))
def test_evidence_comes_back_exactly(seen: Evidence) -> None:
    """Whatever was seen is loaded again from the file as it was."""
    with TemporaryDirectory() as directory:
        found = asyncio.run(kept(partial(SqliteStore, f"{directory}/evidence.sqlite"), "sqlite reopened", [seen]))
    assert found == [seen]
    assert all(type(hop) is Hop for hop in found[0].hops)


@settings(deadline=None, max_examples=20)
@given(batches=st.lists(st.lists(EVIDENCE, max_size=4, unique_by=lambda seen: seen.fetched_at), max_size=3))
def test_all_stores_give_back_the_same(batches: list[list[Evidence]]) -> None:
    """Memory, an unwritten batch, a written one and a file opened again agree on what counts, in any order."""
    times = [seen.fetched_at for batch in batches for seen in batch]
    assume(len(set(times)) == len(times))
    expected = in_order(newest(seen for batch in batches for seen in batch))
    assert asyncio.run(kept(MemoryStore, "memory", *batches)) == expected
    for how in ("sqlite", "sqlite written", "sqlite reopened"):
        with TemporaryDirectory() as directory:
            make = partial(SqliteStore, f"{directory}/evidence.sqlite")
            assert asyncio.run(kept(make, how, *batches)) == expected


async def test_an_origin_nobody_looked_at_has_no_evidence(make: MakeStore) -> None:
    """What is not there is an empty list."""
    store = make()
    await store.save([evidence(0)])
    assert await store.load(OTHER) == []
    await store.close()


async def test_the_newest_counts_and_an_answer_while_it_is_a_failure(make: MakeStore) -> None:
    """Of each location the newest, and the newest answer where that is a failure."""
    store = make()
    await store.save([evidence(0, body=b"old"), evidence(2, 503), evidence(1, body=b"good"), evidence(3, None)])
    await store.save([evidence(0, 404, location="tdmrep.json")])
    found = in_order(await store.load(ORIGIN))
    assert [(seen.status, seen.body) for seen in found] == [(404, b"x"), (200, b"good"), (None, b"x")]
    await store.save([evidence(4, body=b"new")])
    assert [seen.body for seen in in_order(await store.load(ORIGIN))] == [b"x", b"new"]
    await store.close()


async def test_memory_gives_up_the_origin_unused_for_longest() -> None:
    """The memory store stays within its bound, whatever is saved."""
    store = MemoryStore(max_bytes=100_000)
    urls = [f"http://h{number}.example/robots.txt" for number in range(50)]
    for url in urls:
        await store.load("http://h0.example")
        await store.save([Evidence(url, 200, [("server", "x")], b"x" * 10_000, START)])
    held = [url for url in urls if await store.load(url.removesuffix("/robots.txt"))]
    assert held[0] == urls[0]
    assert held[1:] == urls[-len(held) + 1 :]
    assert 5 <= len(held) <= 10


async def test_memory_replaces_what_it_counts() -> None:
    """An origin saved a thousand times costs what it costs once."""
    store = MemoryStore(max_bytes=100_000)
    await store.save([Evidence("http://a.example/robots.txt", 200, (), b"kept", START)])
    for minute in range(1000):
        await store.save([evidence(minute, body=b"y" * 10_000)])
    assert [seen.body for seen in await store.load("http://a.example")] == [b"kept"]
    await store.close()
    assert await store.load("http://a.example") == []


def test_a_memory_store_without_memory_is_refused() -> None:
    """A mistake is one line."""
    with pytest.raises(OptOutError, match="give a number above 0"):
        MemoryStore(0)
