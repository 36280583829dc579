"""The excluded share, and the alarm of a crawl that loses much."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from optout_middleware.audit import share_table, tallies
from optout_middleware.audit.share import Alarm, Share, causes, standing
from optout_middleware.decide import Site
from optout_middleware.policy import Override, Policy, Profile
from optout_middleware.reasons import with_register
from optout_middleware.terms import Claim, Decision, Evidence, Licence, Outcome, Usage

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
POLICY = Policy("ExampleCorpusBot")
LICENCE = Licence(
    "News House", ("news.example",), (Usage.TRAIN_AI,), AT, AT.replace(year=2027), "contract 7", "A. Person"
)
NOTHING = b"User-agent: *\nAllow: /\n"
TOKENS = b"User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n"
REFUSAL = b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n"


def decided(
    robots: bytes = NOTHING,
    tdmrep: int | bytes = 404,
    *,
    profile: str = "precautionary",
    licensed: bool = False,
    policy: Policy = POLICY,
) -> Decision:
    """Decide about a page by what its site says; a number for tdmrep.json is its status."""
    status, body = (200, tdmrep) if isinstance(tdmrep, bytes) else (tdmrep, b"")
    files = [
        Evidence("http://news.example/robots.txt", 200, (), robots, AT),
        Evidence("http://news.example/.well-known/tdmrep.json", status, (), body, AT),
    ]
    site = Site.read(files, replace(policy, profile=Profile(profile)))
    return site.decide("http://news.example/a", licences=(LICENCE,) if licensed else (), at=AT)


KEPT = decided()
EXCLUDED = decided(REFUSAL)
TWICE = decided(REFUSAL, b'[{"location": "/", "tdm-reservation": 1}]')
PENDING = decided(tdmrep=503)
UNKNOWN = decided(tdmrep=503, profile="literal")
FORBIDDEN = decided(b"User-agent: *\nDisallow: /a\n")
LICENSED = decided(tdmrep=503, licensed=True)
LICENSED_LITERALLY = decided(tdmrep=503, profile="literal", licensed=True)
CONSENSUS = decided(TOKENS)
CONSENSUS_AND_REFUSAL = decided(TOKENS + b"\nUser-agent: *\nContent-Signal: ai-train=no\nAllow: /\n")
CLAIMED = with_register(
    KEPT,
    POLICY,
    claims=[
        Claim("register-strong", "SACEM", "R3", "all of its repertoire"),
        Claim("register-strong", "sender:Ada Person", "R3", "a letter"),
    ],
)
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
    share = Share(POLICY)
    share.add(KEPT, requests=6, size=6000)
    share.add(KEPT, items=6, text=2400)
    share.add(TWICE, requests=2, size=2000)
    share.add(TWICE, items=3, text=800)
    share.add(replace(EXCLUDED, url="http://blog.example/"), requests=1, items=1, size=1000, text=400)
    share.add(PENDING, requests=1, size=0)
    return share


def test_share_counts_by_standing_signal_and_host() -> None:
    """Requests, items, octets and tokens apart; what two signals excluded counts under each of them."""
    excluded = {"requests": 2, "items": 3, "bytes": 2000, "tokens": 200}
    kept = {"requests": 6, "items": 6, "bytes": 6000, "tokens": 600}
    pending = {"requests": 1, "items": 0, "bytes": 0, "tokens": 0}
    both = {"requests": 3, "items": 4, "bytes": 3000, "tokens": 300}
    told = counted().to_dict()
    assert told["total"] == {"kept": kept, "excluded": both, "pending": pending}
    assert told["by_signal"] == {
        "content-signal refusal": {"excluded": both},
        "tdmrep refusal": {"excluded": excluded},
        "tdmrep.json unreachable": {"pending": pending},
    }
    assert told["by_host"] == {
        "blog.example": {"excluded": {"requests": 1, "items": 1, "bytes": 1000, "tokens": 100}},
        "news.example": {"kept": kept, "excluded": excluded, "pending": pending},
    }
    assert told["hosts_told_apart"] is True
    assert told["by_waits_for"]["probe"]["requests"] == 1
    assert json.loads(json.dumps(told)) == told


def test_every_figure_is_explained() -> None:
    """docs/estimate.md lists each field of a share; what is left is about the share as a whole."""
    text = (Path(__file__).parents[2] / "docs" / "estimate.md").read_text("utf-8")
    rows = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(counted().to_dict()) == listed | {"tokens", "most_hosts"}


def test_few_sites_have_a_share_and_no_interval() -> None:
    """Two sites say nothing of others, however many pages they have."""
    share = counted().to_dict()["shares"]["excluded"]["requests"]
    assert share == {"share": 0.3, "low": None, "high": None, "sites": 2, "why": "too few sites: 2 of at least 50"}


def test_many_sites_have_an_interval() -> None:
    """Sixty sites, a third of them reserved, in every measure that there is something of."""
    share = Share(POLICY)
    for number in range(60):
        share.add(replace(EXCLUDED if number % 3 else KEPT, url=f"http://h{number}.example/"), requests=2, size=100)
    told = share.to_dict()
    assert list(told["shares"]["excluded"]) == ["requests", "bytes"]
    found = told["shares"]["excluded"]["requests"]
    assert found["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert (found["low"], found["high"]) == (pytest.approx(0.54, abs=0.02), pytest.approx(0.78, abs=0.02))
    between = f"{100 * found['low']:.1f} to {100 * found['high']:.1f} %"
    assert next(row for row in share.table().splitlines() if row.startswith("excluded ")).endswith(between)


def test_findings_under_both_profiles() -> None:
    """What a finding costs, what it alone costs, and what of that is caution."""
    share = Share(POLICY)
    share.add(CONSENSUS, requests=4, size=400)
    share.add(replace(CONSENSUS_AND_REFUSAL, url="http://b.example/"), requests=1, size=100)
    share.add(replace(KEPT, url="http://c.example/"), requests=5, size=500)
    told = share.to_dict()
    row = told["by_finding"]["training-consensus"]
    lost = {(p, part): row[p][part]["requests"] for p in ("precautionary", "literal") for part in ("lost", "only")}
    assert lost == {
        ("precautionary", "lost"): 5, ("precautionary", "only"): 4, ("literal", "lost"): 0, ("literal", "only"): 0,
    }  # fmt: skip
    assert [told["by_finding"]["refusal"]["literal"][part]["requests"] for part in ("lost", "only")] == [1, 1]
    assert told["price_of_caution"]["requests"] == 4
    assert told["price_of_caution"]["shares"]["requests"]["share"] == 0.4
    assert {name: row["requests"] for name, row in told["by_profile"]["literal"].items()} == {"kept": 9, "excluded": 1}
    assert row["top_sites"] == [
        {"site": "news.example", "requests": 4, "items": 0}, {"site": "b.example", "requests": 1, "items": 0},
    ]  # fmt: skip
    assert row["samples"][0]["text"] == "Disallow: /"
    assert "the price of caution: 4 pages, 0 tokens are lost under the precautionary profile only" in share.table()


def test_profiles_agree_whichever_was_set() -> None:
    """The same site comes to the same figures in a run of either profile."""
    told = []
    for profile in Profile:
        share = Share(replace(POLICY, profile=profile))
        for status, robots in ((503, NOTHING), (404, TOKENS), (404, REFUSAL)):
            share.add(decided(robots, status, profile=profile.value), requests=1, size=10)
        told.append(share.to_dict())
    first, second = told
    assert first["by_profile"] == second["by_profile"]
    assert first["price_of_caution"] == second["price_of_caution"]
    assert first["by_finding"] == second["by_finding"]


def test_what_was_left_out_is_unknown_under_the_other_profile() -> None:
    """Where robots.txt settles a site alone, tdmrep.json is not looked at: by the literal profile nobody knows."""
    robots = Evidence("http://news.example/robots.txt", 200, (), TOKENS, AT)
    page = Evidence("http://news.example/a", 200, (), b"", AT)
    alone = Site.read([robots], POLICY).decide("http://news.example/a", asset=page, at=AT)
    share = Share(POLICY)
    share.add(alone, requests=1, size=1)
    told = share.to_dict()
    assert list(told["by_profile"]["precautionary"]) == ["excluded"]
    assert list(told["by_profile"]["literal"]) == ["unknown"]
    assert told["price_of_caution"]["requests"] == 1


@pytest.mark.parametrize("profile", Profile)
def test_what_nobody_looked_at_is_no_cause_of_a_refusal(profile: Profile) -> None:
    """A refusal in robots.txt is what costs the page, whether or not tdmrep.json was asked for."""
    policy = replace(POLICY, profile=profile)
    robots = Evidence("http://news.example/robots.txt", 200, (), REFUSAL, AT)
    share = Share(policy)
    share.add(Site.read([robots], policy).decide("http://news.example/a", at=AT), requests=1, size=1)
    told = share.to_dict()
    assert list(told["by_finding"]) == ["refusal"]
    assert [told["by_finding"]["refusal"][row]["only"]["requests"] for row in Profile] == [1, 1]


def test_licence_and_override_count_under_both_profiles() -> None:
    """What a licence lifts is lost under no profile; a row that a person judged otherwise is so under both."""
    share = Share(POLICY)
    share.add(LICENSED, requests=1, size=1)
    assert share.to_dict()["by_finding"] == {}
    literal = Share(replace(POLICY, profile=Profile.LITERAL))
    literal.add(LICENSED_LITERALLY, requests=1, size=1)
    assert literal.to_dict()["by_profile"] == share.to_dict()["by_profile"]
    override = Override(Outcome.DENY, "A. Person", "asked by counsel")
    policy = replace(POLICY, findings={"training-consensus": override})
    overridden = Share(policy)
    overridden.add(decided(TOKENS, policy=policy), requests=1, size=1)
    found = overridden.to_dict()["by_finding"]["training-consensus"]
    assert [found[profile.value]["only"]["requests"] for profile in Profile] == [1, 1]


def test_forbidden_pages_are_estimated_from_their_site() -> None:
    """Each is counted as an average page of its site; where none was fetched, as an average page of all."""
    share = Share(POLICY)
    share.add(KEPT, requests=4, size=4000)
    share.add(KEPT, items=4, text=1600)
    share.add(FORBIDDEN, requests=2)
    share.add(replace(KEPT, url="http://b.example/"), requests=1, size=6000)
    share.add(replace(FORBIDDEN, url="http://c.example/x"), requests=1)
    told = share.to_dict()
    assert told["total"]["forbidden"] == {"requests": 3, "items": 0, "bytes": 0, "tokens": 0}
    found = told["not_fetched"]["forbidden"]
    del found["shares"]["items"], found["shares"]["tokens"], found["shares"]["requests"]
    share_of_bytes = found["shares"].pop("bytes")["share"]
    # Two pages of 1,000 octets of the site itself, and one of 2,000, the average of all five pages that were fetched.
    assert found == {"requests": 3, "items": 3, "bytes": 4000, "tokens": 280, "by_average": 1, "shares": {}}
    assert share_of_bytes == pytest.approx(4000 / 14000, abs=1e-6)
    assert "(for 1 of them no page of their site was fetched)" in share.table()


def test_only_forbidden_pages_have_no_estimate() -> None:
    """Where nothing was fetched there is nothing to estimate from."""
    share = Share(POLICY)
    share.add(FORBIDDEN, requests=2)
    assert share.to_dict()["not_fetched"] == {"forbidden": {"requests": 2}}
    assert "not fetched:" not in share.table()


def test_languages_and_rightholders() -> None:
    """Each language is its own whole; a rightholder is named unless known by a letter only."""
    share = Share(POLICY)
    share.add(CLAIMED, items=1, text=400, language="fr")
    share.add(KEPT, items=3, text=1200, language="fr")
    share.add(KEPT, items=6, text=2400, language="en")
    share.add(KEPT, items=1, text=4)
    told = share.to_dict()
    assert set(told["by_language"]) == {"fr", "en"}
    assert told["language_shares"]["fr"]["excluded"]["tokens"]["share"] == 0.25
    assert {name: row["excluded"]["items"] for name, row in told["by_rightholder"].items()} == {
        "SACEM": 1, "(senders of letters)": 1,
    }  # fmt: skip
    assert told["rightholder_shares"]["SACEM"]["excluded"]["items"]["share"] == pytest.approx(1 / 11, abs=1e-6)
    assert "Ada" not in json.dumps(told)
    assert told["by_finding"]["register-strong"]["samples"] == []


def test_names_that_sites_choose_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the last name that is told apart is counted under one, and nothing is lost."""
    monkeypatch.setattr(tallies, "MAX_NAMES", 2)
    share = Share(POLICY)
    for language in ("a", "b", "c", "d", "a"):
        share.add(KEPT, items=1, text=4, language=language)
    told = share.to_dict()["by_language"]
    assert {name: row["kept"]["items"] for name, row in told.items()} == {"a": 2, "b": 1, "(others)": 2}


def test_samples_are_few_masked_and_of_several_sites() -> None:
    """One quotation a site, three at most, without the secrets of the URL."""
    share = Share(POLICY, mask=lambda text: text.replace("secret", "***"))
    for number in (0, 0, 1, 2, 3):
        share.add(replace(EXCLUDED, url=f"http://h{number}.example/?key=secret"), requests=1, size=1)
    samples = share.to_dict()["by_finding"]["refusal"]["samples"]
    assert [sample["url"] for sample in samples] == [f"http://h{number}.example/?key=***" for number in range(3)]
    assert samples[0]["where"] == "robots.txt, line 2"
    assert samples[0]["text"] == "Content-Signal: ai-train=no"


def test_table_tells_each_share_largest_first() -> None:
    """At the end of a dry run people see the share of the whole, of each signal and of each host."""
    rows = [row.split() for row in counted().table().splitlines()]
    assert rows[:7] == [
        ["requests", "items", "bytes", "tokens", "95", "%", "interval", "(requests)"],
        ["kept", "6", "60.0", "%", "6", "60.0", "%", "6,000", "66.7", "%", "600", "66.7", "%", "too", "few", "sites"],
        ["excluded", "3", "30.0", "%", "4", "40.0", "%", "3,000", "33.3", "%", "300", "33.3", "%", "too", "few",
         "sites"],
        ["pending", "1", "10.0", "%", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%", "too", "few", "sites"],
        ["unknown", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["forbidden", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%", "0", "0.0", "%"],
        ["all", "10", "100.0", "%", "10", "100.0", "%", "9,000", "100.0", "%", "900", "100.0", "%"],
    ]  # fmt: skip
    named = [row[0] for row in rows if row]
    assert named.index("content-signal") < named.index("tdmrep") < named.index("tdmrep.json")
    assert named.index("news.example") < named.index("blog.example")
    assert "pending pages wait for: probe 1" in counted().table()


def test_table_of_nothing_divides_by_nothing() -> None:
    """A crawl that came to no page has a share of nothing."""
    assert Share(POLICY).table().splitlines()[1].split() == ["kept", "0", "0", "0", "0"]
    assert Share(POLICY).to_dict()["total"] == {}


def test_table_shows_the_hosts_that_lose_most() -> None:
    """A long list is cut, and the table says by how much."""
    share = Share(POLICY)
    for number in range(share_table.SHOWN + 3):
        share.add(replace(EXCLUDED, url=f"http://h{number}.example/"), requests=number + 1, size=1)
    rows = share.table().splitlines()
    cut = rows.index("  and 3 more")
    assert rows[cut - 1].split()[0] == "h3.example"
    assert "h0.example" not in share.table()


def test_hosts_are_bounded_and_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost from the counts; a host that is known is still told apart."""
    monkeypatch.setattr(tallies, "MAX_SITES", 2)
    share = Share(POLICY)
    for host in ("a", "b", "c", "d", "a"):
        share.add(replace(EXCLUDED, url=f"http://{host}.example/"), requests=1, size=1)
    told = share.to_dict()
    assert {host: row["excluded"]["requests"] for host, row in told["by_host"].items()} == {
        "(other hosts)": 2,
        "a.example": 2,
        "b.example": 1,
    }
    assert told["hosts_told_apart"] is False
    assert "all that came later are counted as (other hosts), in groups." in share.table()


def test_groups_of_sites_bear_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites beyond the bound fall into groups that are alike, so the interval hardly changes."""
    found = []
    for most in (10_000, 10):
        monkeypatch.setattr(tallies, "MAX_SITES", most)
        share = Share(POLICY)
        for number in range(3_000):
            decision = EXCLUDED if number % 10 < 3 else KEPT
            share.add(replace(decision, url=f"http://h{number}.example/"), requests=1 + number % 7, size=1)
        found.append(share.to_dict()["shares"]["excluded"]["requests"])
    one_by_one, grouped = found
    assert one_by_one["share"] == grouped["share"]
    widths = [row["high"] - row["low"] for row in (one_by_one, grouped)]
    assert widths[1] == pytest.approx(widths[0], rel=0.25)


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
