"""The register as a crawl asks it: what tightens counts while it runs, what loosens waits for the next one."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.register.current import ExcludedSite
from optout_middleware.register.facts import FactLog
from optout_middleware.register.lookup import EVERY, Lookup, Shipped, merged
from optout_middleware.register.model import (
    Asset,
    AssetClass,
    Band,
    Correction,
    Credits,
    Declaration,
    Identifier,
    Interest,
    Judgement,
    Layer,
    Mandate,
    Match,
    Party,
    Status,
    UseContext,
    Work,
)
from optout_middleware.register.notice import Notice
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import Claim, Licence, OptOutError, Outcome, Ruling, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
ISWC = Identifier("iswc", "T0345246801")
ADA = "ipi:00014107338"
SOCIA: tuple[Any, ...] = (
    Party("socia", "cmo", ("SOCIA",)),
    Party(ADA, "natural", ("Ada Invented",), (Identifier("ipi", "00014107338"),)),
    Work("w1", "musical", ("The Song That Is Not",), (ISWC,)),
    Interest(ADA, "w1", Layer.LYRICS, "A", society="socia"),
    Mandate(ADA, "socia", ("reserve", "license"), exclusive=True, status=Status.CONFIRMED, evidence="deed"),
)
RESERVED = Declaration("socia-2026", "socia", "repertoire", declared_on=date(2026, 1, 1), text="ask us")
ASSET = Asset(
    "https://songs.example/1",
    Credits((ISWC,), titles=("The Song That Is Not",), writers=("Ada Invented",), asset_class=AssetClass.TEXT),
    layers=(Layer.LYRICS,),
)
CONTEXT = UseContext("Example Corp", Usage.TRAIN_AI, AT.date())


class Seconds:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    """Give a clock."""
    return Seconds()


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give a register that knows one work, which nobody has reserved."""
    load(tmp_path / "register.sqlite", SOCIA, "a" * 64)
    return str(tmp_path / "register.sqlite")


@pytest.fixture
def opened(path: str, seconds: Seconds) -> Iterator[Callable[[], Lookup]]:
    """Give a way to open lookups, which are closed at the end."""
    lookups: list[Lookup] = []

    def one() -> Lookup:
        lookups.append(Lookup(path, CONTEXT, ("EU",), now=lambda: AT, monotonic=seconds))
        return lookups[-1]

    yield one
    for lookup in lookups:
        lookup.close()


def load(path: Path | str, records: Iterable[Any], sha256: str, name: str = "socia") -> None:
    """Import records."""
    with RegisterStore(path) as store, store.importing(name, sha256, date(2026, 11, 1), "documents") as batch:
        for record in records:
            batch.add(record)


def record(path: str, kind: str, value: object) -> None:
    """Record a fact."""
    with RegisterStore(path) as store:
        FactLog(store, now=lambda: AT - DAY).add(kind, value, by="A. Example")


def outcome(lookup: Lookup, asset: Asset = ASSET) -> Outcome:
    """Give what an asset comes to."""
    return lookup.judge([asset], AT)[0].outcome


def licence(**more: Any) -> Licence:
    """Give a licence of the society over the work."""
    values: dict[str, Any] = {"scopes": (), "works": ("w1",), **more}
    return Licence("socia", usages=(Usage.TRAIN_AI,), valid_from=AT - DAY, valid_until=AT + DAY, evidence="contract",
                   recorded_by="A. Example", **values)  # fmt: skip


NOTICE = Notice("n1", "Ada Invented", date(2026, 11, 20), "letter.txt", "b" * 64, domains=("songs.example",))


def test_a_new_reservation_counts_within_minutes(path: str, opened: Callable[[], Lookup], seconds: Seconds) -> None:
    """An import while a crawl runs: before the look nothing changes, after it the work is reserved."""
    lookup = opened()
    assert outcome(lookup) is Outcome.ALLOW
    before = lookup.snapshot
    load(path, [*SOCIA, RESERVED], "c" * 64)
    assert not lookup.refresh()
    assert outcome(lookup) is Outcome.ALLOW
    seconds.now += EVERY
    assert lookup.refresh()
    assert outcome(lookup) is Outcome.DENY
    assert lookup.snapshot.startswith(f"{before}+")
    assert EVERY <= 300


def test_a_reservation_that_is_gone_still_counts_until_the_next_crawl(
    path: str, opened: Callable[[], Lookup], seconds: Seconds
) -> None:
    """Loosening waits: an import that no longer reserves frees nothing in a crawl that runs."""
    load(path, [*SOCIA, RESERVED], "c" * 64)
    lookup = opened()
    assert outcome(lookup) is Outcome.DENY
    load(path, SOCIA, "d" * 64)
    seconds.now += EVERY
    assert lookup.refresh()
    assert outcome(lookup) is Outcome.DENY
    assert outcome(opened()) is Outcome.ALLOW


def test_a_licence_waits_for_the_next_crawl(path: str, opened: Callable[[], Lookup], seconds: Seconds) -> None:
    """A new licence of a work loosens, so it counts later."""
    load(path, [*SOCIA, RESERVED], "c" * 64)
    lookup = opened()
    record(path, "licence", licence())
    seconds.now += EVERY
    assert lookup.refresh()
    assert outcome(lookup) is Outcome.DENY
    assert outcome(opened()) is Outcome.ALLOW


def test_a_correction_waits_for_the_next_crawl(path: str, opened: Callable[[], Lookup], seconds: Seconds) -> None:
    """That a match is wrong loosens, too."""
    load(path, [*SOCIA, RESERVED], "c" * 64)
    lookup = opened()
    record(path, "correction", Correction("w1", "songs.example", "A. Example", "another song", date(2026, 1, 1)))
    seconds.now += EVERY
    lookup.refresh()
    assert outcome(lookup) is Outcome.DENY


def test_a_notice_counts_at_once_and_names_the_site(path: str, opened: Callable[[], Lookup], seconds: Seconds) -> None:
    """A letter about a domain raises a claim by the URL alone."""
    lookup = opened()
    bare = Asset("https://www.songs.example/2")
    assert (lookup.is_listed(bare.url), outcome(lookup, bare)) == (False, Outcome.ALLOW)
    record(path, "notice", NOTICE)
    seconds.now += EVERY
    assert lookup.refresh()
    assert (lookup.is_listed(bare.url), lookup.is_listed("https://other.example/")) == (True, False)
    (judged,) = lookup.judge([bare], AT)
    assert (judged.outcome, judged.claims[0].party) == (Outcome.DENY, "Ada Invented")


@pytest.mark.parametrize("answer", [Outcome.ALLOW, Outcome.DENY])
def test_of_new_rulings_only_denials_count(
    path: str, opened: Callable[[], Lookup], seconds: Seconds, answer: Outcome
) -> None:
    """A person's no counts at once, a yes with the next crawl."""
    lookup = opened()
    ruling = Ruling("named-bot", "songs.example", answer, "A. Example", "asked", AT - DAY, AT + DAY)
    record(path, "ruling", ruling)
    seconds.now += EVERY
    lookup.refresh()
    assert bool(lookup.rulings(ASSET.url)) is (answer is Outcome.DENY)
    assert len(opened().rulings(ASSET.url)) == 1


def test_a_site_is_excluded_at_once(path: str, opened: Callable[[], Lookup], seconds: Seconds) -> None:
    """What is never to be crawled is not crawled from the next look on."""
    lookup = opened()
    record(path, "excluded-site", ExcludedSite("songs.example", "Watch Example", "2026-11-01"))
    assert lookup.excluded(ASSET.url) == ""
    seconds.now += EVERY
    lookup.refresh()
    assert lookup.excluded(ASSET.url) == "Watch Example, 2026-11-01"
    assert lookup.excluded("https://other.example/") == ""


@pytest.mark.parametrize(
    ("more", "given"),
    [
        ({}, True),
        ({"licensee": "Example Corp"}, True),
        ({"licensee": "Other Corp"}, False),
        ({"models": ("m1",)}, False),
        ({"territories": ("FR",)}, False),
        ({"territories": ("EU",)}, True),
    ],
)
def test_licences_of_sites_are_for_whom_they_license(
    path: str, opened: Callable[[], Lookup], more: dict[str, Any], given: bool
) -> None:
    """Licensee, model and territory count for a licence of a site as they do for one of a work."""
    record(path, "licence", licence(scopes=("songs.example",), works=(), **more))
    assert bool(opened().licences(ASSET.url)) is given
    assert opened().licences("https://other.example/") == ()


def test_without_a_register_the_declarations_of_the_package_hold(seconds: Seconds) -> None:
    """Twenty declarations, among them Sacem's of 12 October 2023; nothing changes while the crawl runs."""
    lookup = Lookup("", CONTEXT, ("FR",), now=lambda: AT, monotonic=seconds)
    lyrics = Asset("https://songs.example/1", Credits(titles=("A",), asset_class=AssetClass.LYRICS))
    (judged,) = lookup.judge([lyrics], AT)
    assert judged.outcome is Outcome.PENDING
    assert "Sacem" in {claim.party for claim in judged.claims}
    before = lookup.judge([lyrics], datetime(2023, 10, 11, tzinfo=timezone.utc))[0]
    assert "Sacem" not in {
        claim.party for claim in before.claims if claim.since and claim.since <= AT.replace(year=2022)
    }
    seconds.now += EVERY
    assert (lookup.refresh(), lookup.lists_places, lookup.is_listed(ASSET.url)) == (False, False, False)
    lookup.close()


def test_the_declarations_of_the_package_name_their_sources() -> None:
    """Each says where it was read, and none is a recommendation."""
    shipped = Shipped.read()
    assert len(shipped.declarations) == 20
    assert {one.declarant for one in shipped.declarations} <= {party.id for party in shipped.parties}
    without = [one.id for one in shipped.declarations if not one.sources]
    assert without == ["getty-asset"], "read in a file, not at an address"


def test_a_register_that_is_not_there_is_told(tmp_path: Path, seconds: Seconds) -> None:
    """Nothing is made where a path is mistyped."""
    with pytest.raises(OptOutError, match="does not exist"):
        Lookup(str(tmp_path / "none.sqlite"), CONTEXT, ("EU",), now=lambda: AT, monotonic=seconds)
    assert not (tmp_path / "none.sqlite").exists()


def test_the_strictest_of_several_places_counts() -> None:
    """What is licensed in one state and reserved in another is reserved for who acts in both."""
    claim = Claim("register-strong", "SOCIA", "R6", "text")
    free = Judgement(Outcome.ALLOW, ("R5",), licences=(licence(),), conditions=("name it",), chain=("a",))
    held = Judgement(Outcome.DENY, ("R6",), (claim,), chain=("b",), matches=(match(),))
    both = merged([free, held])
    assert (both.outcome, both.rules, both.claims) == (Outcome.DENY, ("R6", "R5"), (claim,))
    assert (both.licences, both.conditions, both.chain) == ((), ("name it",), ("b", "a"))
    assert merged([free]) is free
    assert merged([free, free]) is free


def match() -> Match:
    """Give a match."""
    return Match("w1", None, "identifier", 1.0, Band.STRONG, "ISWC", exact=True)
