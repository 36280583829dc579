"""The store on a Redis server: what it keeps and gives back, turns, and a server that is lost and found again."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from optout_middleware.evidence.store import ALONE, Lease, newest, observation
from optout_middleware.evidence.stores import redis_server as asking
from optout_middleware.evidence.stores import store_of
from optout_middleware.evidence.stores.redis import RedisStore
from optout_middleware.evidence.stores.redis_values import kept_in, key_of
from optout_middleware.terms import Evidence, OptOutError

from .test_stores import EVIDENCE, ORIGIN, OTHER, evidence, in_order
from .webs import HOST, PAGE, ROBOTS, TDMREP, Clock, Web, gather

if TYPE_CHECKING:
    from tests.conftest import RedisServer

FILE = f"{ORIGIN}/robots.txt"
DOCUMENT = "https://licences.example/rsl.xml"
SOME = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
START = datetime(2026, 11, 24, 12, 0, tzinfo=timezone.utc)


async def kept(url: str, *batches: list[Evidence]) -> list[Evidence]:
    """Save batches, then load the origin with another store."""
    store = RedisStore(url)
    for batch in batches:
        await store.save(batch)
    await store.close()
    store = RedisStore(url)
    found = await store.load(ORIGIN)
    assert in_order(await store.load(ORIGIN)) == in_order(found)
    await store.close()
    return in_order(found)


@SOME
@given(seen=EVIDENCE)
def test_evidence_comes_back_exactly(redis_server: RedisServer, seen: Evidence) -> None:
    """Whatever was seen is loaded again as it was."""
    redis_server.client.flushall()
    assert asyncio.run(kept(redis_server.socket_url, [seen])) == [seen]


@SOME
@given(batches=st.lists(st.lists(EVIDENCE, max_size=4, unique_by=lambda seen: seen.fetched_at), max_size=3))
def test_gives_back_what_other_stores_do(redis_server: RedisServer, batches: list[list[Evidence]]) -> None:
    """What counts is what `newest` picks, in whatever order it was saved."""
    redis_server.client.flushall()
    times = [seen.fetched_at for batch in batches for seen in batch]
    assume(len(set(times)) == len(times))
    expected = in_order(newest(seen for batch in batches for seen in batch))
    assert asyncio.run(kept(redis_server.socket_url, *batches)) == expected


def history(server: RedisServer) -> dict[tuple[str, bytes, bytes], tuple[int, int]]:
    """Give first and last minute of every observation that the server has of the origin, by status and body's hash."""
    key = key_of(FILE)
    value = server.client.get(key)
    fields = server.client.hgetall(b"oo1h:" + key)
    assert isinstance(value, bytes)
    assert isinstance(fields, dict)
    found = {}
    for kept_value in (value, *(b"\1" + field for field in fields.values() if isinstance(field, bytes))):
        for item in kept_in(kept_value, ORIGIN):
            body = server.client.get(item.body_key)
            seen = item.evidence(body if isinstance(body, bytes) else b"")
            name = (item.url, observation(seen), item.sha256)
            assert name not in found
            found[name] = ((item.first - START) // timedelta(minutes=1), (item.last - START) // timedelta(minutes=1))
    return found


@SOME
@given(
    told=st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from([200, 404, 503, None]), st.sampled_from([b"", b"x", b"y"])),
        min_size=1, max_size=12,
    )
)  # fmt: skip
def test_history(redis_server: RedisServer, told: list[tuple[int, int | None, bytes]]) -> None:
    """Every distinct observation stands once, with when it was first and last made, in whatever order it came."""
    redis_server.client.flushall()
    seen = [evidence(minute, status, body) for minute, status, body in told]
    asyncio.run(kept(redis_server.socket_url, seen))
    expected: dict[tuple[str, bytes, bytes], tuple[int, int]] = {}
    for (minute, _, _), item in zip(told, seen, strict=True):
        name = (item.url, observation(item), bytes.fromhex(item.sha256))
        first, last = expected.get(name, (minute, minute))
        expected[name] = (min(first, minute), max(last, minute))
    assert history(redis_server) == expected


async def test_bytes_are_kept_once_and_nothing_expires(redis_server: RedisServer) -> None:
    """A body that a thousand hosts have is one key; no key of evidence has a time to live."""
    store = RedisStore(redis_server.url)
    body = b"User-agent: *\nDisallow: /wp-admin/\n" * 20
    await store.save([Evidence(f"http://h{n}.example/robots.txt", 200, (), body, START) for n in range(1000)])
    await store.save([Evidence(DOCUMENT, 200, (), body, START)])
    await store.close()
    kinds = Counter(key[:4] for key in redis_server.client.scan_iter())
    assert kinds == {b"oo1s": 1000, b"oo1d": 1, b"oo1b": 1}
    assert {redis_server.client.ttl(key) for key in redis_server.client.scan_iter()} == {-1}


async def test_documents_stand_apart(redis_server: RedisServer) -> None:
    """A document is loaded by its URL, and none of its origin's locations with it; nor the other way round."""
    store, other = RedisStore(redis_server.url), RedisStore(redis_server.url)
    document = Evidence(DOCUMENT, 200, (), b"<rsl/>", START)
    called_as_an_origin = Evidence(ORIGIN, 200, (), b"<rsl/>", START)
    await store.save([document, called_as_an_origin, evidence(0)])
    for found in (store, other):
        assert await found.load_document(DOCUMENT) == [document]
        assert await found.load_document(ORIGIN) == [called_as_an_origin]
        assert await found.load(ORIGIN) == [evidence(0)]
        assert await found.load_document(FILE) == [evidence(0)]
        assert await found.load(OTHER) == []
    await store.close()
    await other.close()


async def test_reads_and_writes_go_in_batches(redis_server: RedisServer) -> None:
    """What a hundred origins ask for at once is two messages; what is known near is none."""
    origins = [f"http://h{n}.example" for n in range(100)]
    store = RedisStore(redis_server.url)
    await store.save([Evidence(f"{origin}/robots.txt", 200, (), origin.encode(), START) for origin in origins])
    await store.close()
    store = RedisStore(redis_server.url)
    before = redis_server.calls().get("mget", 0)
    found = await asyncio.gather(*map(store.load, origins))
    assert [item.body for items in found for item in items] == [origin.encode() for origin in origins]
    assert redis_server.calls()["mget"] - before == 2
    await asyncio.gather(*map(store.load, origins))
    assert redis_server.calls()["mget"] - before == 2
    await store.close()


async def test_an_error_is_told_to_all_of_a_batch(redis_server: RedisServer) -> None:
    """Where the server goes away under a batch, everybody in it goes on without the server."""
    lost: list[int] = []
    store = RedisStore(redis_server.url, on_lost=lambda: lost.append(1))
    redis_server.kill()
    assert await asyncio.gather(*(store.load(f"http://h{n}.example") for n in range(20))) == [[]] * 20
    assert lost == [1]
    await store.close()


# -- turns


async def test_one_has_the_turn_until_it_is_released(redis_server: RedisServer) -> None:
    """A turn is one process's, for one URL, and only its owner can release it."""
    store, other = RedisStore(redis_server.url), RedisStore(redis_server.url)
    turn = await store.lease(FILE)
    assert turn is not None
    assert await other.lease(FILE) is None
    elsewhere = await other.lease(DOCUMENT)
    assert elsewhere is not None
    await turn.release()
    again = await other.lease(FILE)
    assert again is not None
    await turn.release()  # it is another one's by now
    assert await store.lease(FILE) is None
    for held in (again, elsewhere):
        await held.release()
    await store.close()
    await other.close()


async def until_free(store: RedisStore, url: str) -> Lease:
    """Ask for a turn until it is given."""
    for _ in range(500):
        if (turn := await store.lease(url)) is not None:
            return turn
        await asyncio.sleep(0.02)
    raise AssertionError("the turn does not end")


async def test_a_turn_is_renewed_and_ends_with_its_process(redis_server: RedisServer) -> None:
    """While its process lives, a turn outlasts its seconds many times; then it ends by itself."""
    store, other = RedisStore(redis_server.url, lease=0.3), RedisStore(redis_server.url, lease=0.3)
    turn: Any = await store.lease(FILE)
    renewed = redis_server.calls()
    while redis_server.calls().get("pexpire", 0) - renewed.get("pexpire", 0) < 4:  # 0.4 s
        assert await other.lease(FILE) is None
        await asyncio.sleep(0.02)
    turn._renewing.cancel()  # as when its process is killed
    taken = await until_free(other, FILE)
    await taken.release()
    await store.close()
    await other.close()


async def test_crawlers_share_probes(redis_server: RedisServer) -> None:
    """Ten crawlers that come to a site at once probe each of its locations once, and all decide alike."""
    web = Web(Clock())
    web.answers[ROBOTS] = {"body": b"User-agent: *\nDisallow: /closed\n"}
    web.gate = asyncio.Event()
    gathers = [gather(web.clock, RedisStore(redis_server.url), sleep=lambda _: asyncio.sleep(0.01)) for _ in range(10)]
    sites = [asyncio.create_task(each.site(PAGE, web)) for each in gathers]
    while not web.asked[ROBOTS]:
        await asyncio.wait(sites, timeout=0.01)
    web.gate.set()
    found = await asyncio.gather(*sites)
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    assert {site.may_fetch(f"{HOST}/closed") for site in found} == {False}
    assert sum(each.counts.probes.total() for each in gathers) == 2
    assert sum(each.counts.shared for each in gathers) >= 9
    for each in gathers:
        await each.close()


async def test_a_crawler_that_dies_is_waited_for_only_so_long(redis_server: RedisServer) -> None:
    """The turn of a killed crawler ends, and another one probes."""
    dead = RedisStore(redis_server.url, lease=0.3)
    turn: Any = await dead.lease(ROBOTS)
    turn._renewing.cancel()
    web = Web(Clock())
    each = gather(web.clock, RedisStore(redis_server.url), sleep=lambda _: asyncio.sleep(0.01))
    await asyncio.wait_for(each.site(PAGE, web), 10)
    assert web.asked == {ROBOTS: 1, TDMREP: 1}
    await each.close()
    await dead.close()


# -- a server that is lost


async def test_lost_and_found(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """While the server is lost what is near counts; it gets what it missed once it is back, restarted and empty."""
    caplog.set_level(logging.INFO, "optout_middleware")
    lost: list[int] = []
    clock = Clock()
    store = RedisStore(redis_server.url, on_lost=lambda: lost.append(1), monotonic=clock.monotonic)
    other = Evidence(f"{OTHER}/robots.txt", 200, (), b"other", START)
    await store.save([evidence(0), other])
    assert await store.load(ORIGIN) == [evidence(0)]
    redis_server.kill()
    await store.save([evidence(1, body=b"meanwhile")])
    assert [seen.body for seen in await store.load(ORIGIN)] == [b"meanwhile"]
    assert await store.load(OTHER) == []  # not near, and nothing is made up
    assert await store.lease(FILE) is ALONE
    assert (lost, len(caplog.records)) == ([1], 1)
    assert "is lost" in caplog.text
    clock.seconds += 6
    await store.load(OTHER)
    assert (lost, len(caplog.records)) == ([1], 1)
    redis_server.start()
    await store.load(OTHER)  # too early for another try
    assert not list(redis_server.client.scan_iter())
    clock.seconds += 6
    assert await store.load(OTHER) == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    turn = await store.lease(FILE)
    assert turn not in (None, ALONE)
    assert [seen.body for seen in await store.load(ORIGIN)] == [b"meanwhile"]
    redis_server.kill()
    await store.load(OTHER)
    assert lost == [1, 1]
    await store.close()


async def test_restart_between_two_calls_loses_nothing(redis_server: RedisServer) -> None:
    """A server that is there again when it is asked, without its scripts, was not lost."""
    lost: list[int] = []
    store = RedisStore(redis_server.url, on_lost=lambda: lost.append(1))
    await store.save([evidence(0)])
    redis_server.kill()
    redis_server.start()
    await store.save([evidence(1), evidence(2, 404, location="tdmrep.json")])
    assert len(await store.load(ORIGIN)) == 2
    assert lost == []
    await store.close()


async def test_hung_server(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is lost after its time, not waited for."""
    monkeypatch.setattr(asking, "_TIMEOUT", 0.2)
    clock = Clock()
    store = RedisStore(redis_server.url, monotonic=clock.monotonic)
    redis_server.signal(signal.SIGSTOP)
    await asyncio.wait_for(store.save([evidence(0)]), 10)
    assert await store.load(ORIGIN) == [evidence(0)]
    redis_server.signal(signal.SIGCONT)
    clock.seconds += 6
    assert await store.load(ORIGIN) == [evidence(0)]
    await store.save([evidence(1)])
    await store.close()
    other = RedisStore(redis_server.url)
    assert await other.load(ORIGIN) == [evidence(1)]
    await other.close()


async def test_full_server(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """A server that takes no more is lost, with one warning, until it takes what waits."""
    clock = Clock()
    store = RedisStore(redis_server.url, monotonic=clock.monotonic)
    redis_server.client.config_set("maxmemory", 1)
    for minute in range(3):
        await store.save([evidence(minute, body=b"%d" % minute)])
        clock.seconds += 6
    assert len([record for record in caplog.records if "is lost" in record.message]) == 1
    redis_server.client.config_set("maxmemory", 0)
    await store.close()
    assert len(history(redis_server)) == 3


async def test_what_a_lost_server_did_not_get_is_told(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """At the end the log has how much the server did not get."""
    store = RedisStore(redis_server.url)
    redis_server.kill()
    await store.save([evidence(0), evidence(1)])
    await store.close()
    assert "did not get 2 of the observations" in caplog.text


async def test_probes_go_on_without_the_server(redis_server: RedisServer) -> None:
    """A crawl whose server is lost decides by probes of its own, as strictly as ever."""
    web = Web(Clock())
    web.answers[ROBOTS] = {"body": b"User-agent: *\nDisallow: /closed\n"}
    each = gather(web.clock, RedisStore(redis_server.url, monotonic=web.clock.monotonic))
    redis_server.kill()
    site = await each.site(PAGE, web)
    assert (site.may_fetch(PAGE), site.may_fetch(f"{HOST}/closed")) == (True, False)
    web.answers["http://down.example/robots.txt"] = {"status": 503}
    assert not (await each.site("http://down.example/", web)).may_fetch("http://down.example/")
    assert web.asked[ROBOTS] == web.asked[TDMREP] == 1
    await each.close()


async def test_the_rights_that_the_docs_ask_for_are_enough(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A user with the commands of docs/scale.md, on our keys alone, can do all that a crawl does."""
    text = (Path(__file__).parents[2] / "docs" / "scale.md").read_text("utf-8")
    commands = text.partition("an ACL user with `")[2].partition("`")[0].split()
    redis_server.client.acl_setuser("crawl", enabled=True, passwords="+secret", keys=["oo1*"], commands=commands)
    store = RedisStore(redis_server.url.replace("//", "//crawl:secret@"), lease=0.1)
    turn: Any = await store.lease(FILE)
    await store.save([evidence(0, body=b"old"), evidence(1), evidence(2, body=b"old")])
    for _ in range(500):
        if "pexpire" in redis_server.calls():
            break
        await asyncio.sleep(0.01)
    await turn.release()
    assert await store.load(ORIGIN) == [evidence(2, body=b"old")]
    await store.close()
    assert caplog.records == []


# -- what lies there and cannot be read


@pytest.mark.parametrize(
    "damage", ["version", "cut", "length", "details", "other bytes", "packed otherwise", "cut bytes", "no bytes"]
)
async def test_damage_is_looked_at_again(redis_server: RedisServer, damage: str) -> None:
    """What is damaged, or was evicted, is not there: no decision is made by a part of it."""
    store = RedisStore(redis_server.url)
    seen = evidence(0, body=b"User-agent: *\nDisallow: /\n" * 40)
    await store.save([seen])
    await store.close()
    client, key = redis_server.client, key_of(FILE)
    value, body = client.get(key), b"oo1b:" + bytes.fromhex(seen.sha256)
    packed = client.get(body)
    assert isinstance(value, bytes)
    assert isinstance(packed, bytes)
    broken = {
        "version": (key, b"\2" + value[1:]), "cut": (key, value[:-3]), "length": (key, value[:30]),
        "details": (key, value[:-5] + b"\0\0\0\0\0"), "other bytes": (body, b"\0Allow: /"),
        "packed otherwise": (body, b"\7" + packed[1:]), "cut bytes": (body, packed[:-4]),
    }  # fmt: skip
    if damage in broken:
        client.set(*broken[damage])
    else:
        client.delete(body)
    store = RedisStore(redis_server.url)
    assert await store.load(ORIGIN) == []
    await store.close()


# -- what an operator can get wrong


@pytest.mark.parametrize("setting", ["redis://user:hunter2@127.0.0.1:1/0", "unix:///nowhere/x?password=hunter2"])
def test_no_server_is_one_line(setting: str) -> None:
    """Where no server answers, the line names it, and not its password."""
    with pytest.raises(OptOutError, match="does not answer") as error:
        store_of(setting)
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("setting", ["redis://127.0.0.1:port/0", "postgres://127.0.0.1/x", "memcached://x"])
def test_no_such_store_is_one_line(setting: str) -> None:
    """What cannot be a store is refused."""
    with pytest.raises(OptOutError, match=r"evidence store .*: .*write redis://"):
        store_of(setting)


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, the line says how to install it."""
    monkeypatch.delitem(sys.modules, "optout_middleware.evidence.stores.redis")
    monkeypatch.delitem(sys.modules, "optout_middleware.evidence.stores.redis_server")
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(OptOutError, match=r"pip install optout-middleware\[redis\]"):
        store_of("redis://127.0.0.1:6379/0")
