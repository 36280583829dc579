"""The excluded share, and the alarm of a crawl that loses much."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from optout_middleware.audit import share as audit_share
from optout_middleware.audit.share import Alarm, Share, causes, standing
from optout_middleware.decide import Site
from optout_middleware.policy import Policy, Profile
from optout_middleware.terms import Decision, Evidence, Licence, Usage

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
POLICY = Policy("ExampleCorpusBot")
LICENCE = Licence(
    "News House", ("news.example",), (Usage.TRAIN_AI,), AT, AT.replace(year=2027), "contract 7", "A. Person"
)
NOTHING = b"User-agent: *\nAllow: /\n"
REFUSAL = b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n"


def decided(
    robots: bytes = NOTHING,
    tdmrep: int | bytes = 404,
    *,
    profile: str = "precautionary",
    licensed: bool = False,
) -> Decision:
    """Decide about a page by what its site says; a number for tdmrep.json is its status."""
    status, body = (200, tdmrep) if isinstance(tdmrep, bytes) else (tdmrep, b"")
    files = [
        Evidence("http://news.example/robots.txt", 200, (), robots, AT),
        Evidence("http://news.example/.well-known/tdmrep.json", status, (), body, AT),
    ]
    site = Site.read(files, replace(POLICY, profile=Profile(profile)))
    return site.decide("http://news.example/a", licences=(LICENCE,) if licensed else (), at=AT)


KEPT = decided()
EXCLUDED = decided(REFUSAL)
TWICE = decided(REFUSAL, b'[{"location": "/", "tdm-reservation": 1}]')
PENDING = decided(tdmrep=503)
UNKNOWN = decided(tdmrep=503, profile="literal")
FORBIDDEN = decided(b"User-agent: *\nDisallow: /a\n")
LICENSED = decided(tdmrep=503, licensed=True)
UNSEEN = Site.unseen("http://news.example", POLICY).decide("http://news.example/a", at=AT)


@pytest.mark.parametrize(
    ("decision", "became", "why"),
    [
        (KEPT, "kept", ()),
        (EXCLUDED, "excluded", ("content-signal refusal",)),
        (TWICE, "excluded", ("content-signal refusal", "tdmrep refusal")),
        (PENDING, "pending", ("tdmrep.json unreachable",)),
        (UNSEEN, "pending", ("robots.txt robots-unreachable",)),
        (UNKNOWN, "unknown", ("tdmrep.json unreachable",)),
        (FORBIDDEN, "forbidden", ("robots.txt fetch-forbidden",)),
        (LICENSED, "kept", ("tdmrep.json unreachable",)),
    ],
)
def test_decision_has_one_standing_and_its_causes(decision: Decision, became: str, why: tuple[str, ...]) -> None:
    """Refused, not known, never looked at and not to be fetched are four things."""
    assert standing(decision) == became
    assert sorted(causes(decision)) == sorted(why)


def counted() -> Share:
    """Count a small crawl."""
    share = Share()
    share.add(KEPT, requests=6, items=6, size=6000)
    share.add(TWICE, requests=2, items=3, size=2000)
    share.add(replace(EXCLUDED, url="http://blog.example/"), requests=1, items=1, size=1000)
    share.add(PENDING, requests=1)
    return share


def test_share_counts_by_standing_signal_and_host() -> None:
    """Requests, items and bytes apart; what two signals excluded counts under each of them."""
    excluded = {"requests": 2, "items": 3, "bytes": 2000}
    assert counted().to_dict() == {
        "total": {
            "kept": {"requests": 6, "items": 6, "bytes": 6000},
            "excluded": {"requests": 3, "items": 4, "bytes": 3000},
            "pending": {"requests": 1, "items": 0, "bytes": 0},
        },
        "by_signal": {
            "content-signal refusal": {"excluded": {"requests": 3, "items": 4, "bytes": 3000}},
            "tdmrep refusal": {"excluded": excluded},
            "tdmrep.json unreachable": {"pending": {"requests": 1, "items": 0, "bytes": 0}},
        },
        "by_host": {
            "blog.example": {"excluded": {"requests": 1, "items": 1, "bytes": 1000}},
            "news.example": {
                "kept": {"requests": 6, "items": 6, "bytes": 6000},
                "excluded": excluded,
                "pending": {"requests": 1, "items": 0, "bytes": 0},
            },
        },
        "hosts_told_apart": True,
    }
    assert json.loads(json.dumps(counted().to_dict())) == counted().to_dict()


def test_table_tells_each_share_largest_first() -> None:
    """At the end of a dry run people see the share of the whole, of each signal and of each host."""
    rows = [row.split() for row in counted().table().splitlines()]
    assert rows == [
        ["requests", "items", "bytes"],
        ["kept", "6", "60.0", "%", "6", "60.0", "%", "6,000", "66.7", "%"],
        ["excluded", "3", "30.0", "%", "4", "40.0", "%", "3,000", "33.3", "%"],
        ["pending", "1", "10.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["unknown", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["forbidden", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["all", "10", "100.0", "%", "10", "100.0", "%", "9,000", "100.0", "%"],
        [],
        ["excluded", "by", "signal,", "of", "all", "(under", "each", "that", "applies)"],
        ["content-signal", "refusal", "3", "30.0", "%", "4", "40.0", "%", "3,000", "33.3", "%"],
        ["tdmrep", "refusal", "2", "20.0", "%", "3", "30.0", "%", "2,000", "22.2", "%"],
        ["excluded", "by", "host,", "of", "all", "of", "the", "host"],
        ["news.example", "2", "22.2", "%", "3", "33.3", "%", "2,000", "25.0", "%"],
        ["blog.example", "1", "100.0", "%", "1", "100.0", "%", "1,000", "100.0", "%"],
        [],
        ["pending", "by", "signal,", "of", "all", "(under", "each", "that", "applies)"],
        ["tdmrep.json", "unreachable", "1", "10.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["pending", "by", "host,", "of", "all", "of", "the", "host"],
        ["news.example", "1", "11.1", "%", "0", "0.0", "%", "0", "0.0", "%"],
    ]


def test_table_of_nothing_divides_by_nothing() -> None:
    """A crawl that came to no page has a share of nothing."""
    assert Share().table().splitlines()[1].split() == ["kept", "0", "0", "0"]
    assert Share().to_dict()["total"] == {}


def test_table_shows_the_hosts_that_lose_most() -> None:
    """A long list is cut, and the table says by how much."""
    share = Share()
    for number in range(audit_share.SHOWN_HOSTS + 3):
        share.add(replace(EXCLUDED, url=f"http://h{number}.example/"), requests=number + 1)
    rows = share.table().splitlines()
    assert rows[-1] == "  and 3 more"
    assert rows[-2].split()[0] == "h3.example"
    assert "h0.example" not in share.table()


def test_hosts_are_bounded_and_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost from the counts; a host that is known is still told apart."""
    monkeypatch.setattr(audit_share, "MAX_HOSTS", 2)
    share = Share()
    for host in ("a", "b", "c", "d", "a"):
        share.add(replace(EXCLUDED, url=f"http://{host}.example/"), requests=1)
    told = share.to_dict()
    assert {host: row["excluded"]["requests"] for host, row in told["by_host"].items()} == {
        "(other hosts)": 2,
        "a.example": 2,
        "b.example": 1,
    }
    assert told["hosts_told_apart"] is False
    assert share.table().splitlines()[-1] == ("More than 2 hosts: all that came later are counted as (other hosts).")


def fed(alarm: Alarm, *pages: tuple[Decision, int]) -> list[str]:
    """Feed the alarm; give all it says."""
    said = [alarm.add(decision) for decision, count in pages for _ in range(count)]
    return [text for text in said if text is not None]


def test_alarm_tells_once_with_the_three_largest_causes() -> None:
    """More than 40 % of the last 10,000 pages; the fourth cause is left out."""
    alarm = Alarm()
    pages = ((KEPT, 5_000), (EXCLUDED, 3_000), (UNSEEN, 1_000), (FORBIDDEN, 999))
    assert fed(alarm, *pages) == []
    unseen = "robots.txt robots-unreachable (1,000), robots.txt fetch-forbidden (1,000)"
    largest = f"content-signal refusal (3,000), {unseen}"
    assert fed(alarm, (FORBIDDEN, 1), (EXCLUDED, 20_000)) == [
        f"50.0 % of the last 10,000 pages are excluded; the largest causes: {largest}"
    ]


@pytest.mark.parametrize(("excluded", "count"), [(4_000, 0), (4_001, 1)])
def test_alarm_begins_above_forty_percent(excluded: int, count: int) -> None:
    """Exactly 40 % is not more than 40 %."""
    assert len(fed(Alarm(), (EXCLUDED, excluded), (KEPT, 10_000 - excluded))) == count


def test_alarm_waits_for_ten_thousand_pages() -> None:
    """A site or two at the start of a crawl say nothing of the crawl."""
    alarm = Alarm()
    assert fed(alarm, (EXCLUDED, 9_999)) == []
    assert len(fed(alarm, (KEPT, 1))) == 1


def test_alarm_forgets_what_is_longer_ago() -> None:
    """Only the last 10,000 pages count, and a page that left takes its causes with it."""
    alarm = Alarm()
    assert fed(alarm, (TWICE, 4_000), (KEPT, 10_000), (EXCLUDED, 4_000)) == []
    assert fed(alarm, (EXCLUDED, 1)) == [
        "40.0 % of the last 10,000 pages are excluded; the largest causes: content-signal refusal (4,001)"
    ]
