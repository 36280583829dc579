"""The register in a crawl: credits of items and pages, what they come to, and what the log says of it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.verify import verify
from optout_middleware.cli import main
from optout_middleware.register.facts import FactLog
from optout_middleware.register.model import (
    AssetClass,
    Declaration,
    Identifier,
    Interest,
    Layer,
    Mandate,
    Party,
    Status,
    Work,
)
from optout_middleware.register.notice import Notice
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import Licence, Outcome, Ruling, Usage

from .loopback import RESERVED, TDMREP, Crawls, Pages, Site

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(timezone.utc)
SOCIA = "socia"
# Writers and titles are invented; the numbers have valid check digits.
RECORDS = (
    Party(SOCIA, "cmo", ("SOCIA", "Society of Invented Authors")),
    Party("ipi:00014107338", "natural", ("Ada Invented",), (Identifier("ipi", "00014107338"),)),
    Work("w1", "musical", ("The Song That Is Not",), (Identifier("iswc", "T0345246801"),)),
    Interest("ipi:00014107338", "w1", Layer.COMPOSITION, "C", society=SOCIA),
    Interest("ipi:00014107338", "w1", Layer.LYRICS, "A", society=SOCIA),
    Mandate("ipi:00014107338", SOCIA, ("reserve", "license"), exclusive=True, status=Status.CONFIRMED, evidence="deed"),
    Declaration(
        "socia-2026", SOCIA, "repertoire", classes=(AssetClass.LYRICS,), declared_on=date(2026, 1, 1),
        text="mining our repertoire needs our authorisation", machine_readable=True,
    ),
)  # fmt: skip


def lyrics(title: str = "The Song That Is Not", writer: str = "Ada Invented", **more: str) -> bytes:
    """Give a lyrics page whose JSON-LD names a work."""
    work = {
        "@context": "https://schema.org", "@type": "MusicComposition", "name": title,
        "lyricist": {"@type": "Person", "name": writer}, "composer": {"@type": "Person", "name": writer},
        "lyrics": {"@type": "CreativeWork", "text": "la la la"}, **more,
    }  # fmt: skip
    script = f'<script type="application/ld+json">{json.dumps(work)}</script>'
    return f"<html><head>{script}</head><body>la</body></html>".encode()


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """Give a register with one work of one writer, whose society has reserved."""
    path = tmp_path / "register.sqlite"
    with RegisterStore(path) as store, store.importing("test", "0" * 64, date(2026, 11, 1), "documents") as batch:
        for record in RECORDS:
            batch.add(record)
    return path


def items(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the lines of items."""
    return [line for line in lines if line["stage"] == "item"]


async def test_lyrics_are_pending_by_the_declarations_of_the_package(site: Site, crawl: Crawls) -> None:
    """Without any register: a society's declaration covers the class, and the site's silence lifts nothing."""
    crawled = await crawl(Pages, site.says("/song", lyrics()), site.says("/plain"))
    assert crawled.urls == [site.url("/plain")]
    (line,) = items(crawled.lines)
    assert (line["outcome"], line["waits_for"], line["action"]) == ("pending", "register", "drop")
    assert {reason["finding"] for reason in line["reasons"]} == {"register-class"}
    assert line["credits"]["titles"] == ["The Song That Is Not"]
    assert any("Sacem" in claim["party"] for claim in line["claims"])
    assert line["register"]["snapshot"]
    page = next(one for one in crawled.lines if one["stage"] == "response" and one["url"] == site.url("/song"))
    assert page["outcome"] == "allow"
    assert line["page"].endswith(f":{page['seq']}")


async def test_a_register_that_is_not_asked_says_nothing(site: Site, crawl: Crawls) -> None:
    """The operator may leave it out, and the manifest says so."""
    crawled = await crawl(Pages, site.says("/song", lyrics()), OPTOUT_REGISTER="none")
    assert crawled.urls == [site.url("/song")]
    assert items(crawled.lines) == []


@pytest.mark.parametrize(
    ("page", "outcome", "finding"),
    [
        (lyrics(iswcCode="T-034.524.680-1"), "deny", "register-strong"),
        (lyrics(), "deny", "register-strong"),
        (lyrics(writer="Ada Invented and Bob Unknown"), "pending", None),
        (b"<html><body>no credits at all</body></html>", "allow", None),
    ],
)
async def test_a_work_is_found(
    site: Site, crawl: Crawls, register: Path, page: bytes, outcome: str, finding: str | None
) -> None:
    """By number, by title and writer; what is not in the register is presumed to be of the class."""
    crawled = await crawl(Pages, site.says("/song", page), OPTOUT_REGISTER=str(register))
    assert bool(crawled.items) is (outcome == "allow")
    lines = items(crawled.lines)
    assert [line["outcome"] for line in lines] == ([] if outcome == "allow" else [outcome])
    if finding:
        assert lines[0]["reasons"][0]["finding"] == finding
        assert lines[0]["claims"][0]["party"]
        assert lines[0]["register"]["matches"][0]["band"] == "strong"


async def test_the_item_itself_may_say_what_it_is(site: Site, crawl: Crawls, register: Path) -> None:
    """OPTOUT_ITEM_FIELDS maps credits to fields; the page need not say anything."""

    class Songs(Pages):
        def parse(self, response: Any, **_: Any) -> Any:
            yield {"url": response.url, "song": "The Song That Is Not", "by": ["Ada Invented"]}
            yield {"url": response.url + "#2", "song": "Another", "by": ["Somebody Else"]}

    fields = {"title": "song", "writers": "by"}
    crawled = await crawl(Songs, site.says("/a"), OPTOUT_REGISTER=str(register), OPTOUT_ITEM_FIELDS=fields)
    assert crawled.urls == [site.url("/a") + "#2"]
    reserved, free = items(crawled.lines)
    assert (reserved["outcome"], free["outcome"]) == ("deny", "allow")
    assert free["credits"]["titles"] == ["Another"]


async def test_tagged_items_carry_their_own_decision(site: Site, crawl: Crawls, register: Path) -> None:
    """The tag is the item's, not the page's; a dry run passes it and counts it."""
    settings = {"OPTOUT_REGISTER": str(register)}
    tagged = await crawl(Pages, site.says("/song", lyrics()), OPTOUT_ACTION="tag", **settings)
    assert tagged.items[0]["optout"]["outcome"] == "deny"
    dry = await crawl(Pages, site.says("/song", lyrics()), OPTOUT_DRY_RUN=True, **settings)
    assert len(dry.items) == 1
    assert dry.crawler.stats.get_value("optout/item/dropped") == 1
    assert dry.crawler.stats.get_value("optout/item/credited") == 1


async def test_a_licence_on_file_lifts_and_passes_its_duties_on(site: Site, crawl: Crawls, register: Path) -> None:
    """A confirmed licence of the society over the work, for us; its conditions go with the item."""
    licence = Licence(
        SOCIA, (), (Usage.TRAIN_AI,), NOW - timedelta(days=1), NOW + timedelta(days=1), "contract 7", "A. Example",
        ("name the authors",), works=("w1",), licensee="Example Corp",
    )  # fmt: skip
    with RegisterStore(register) as store:
        FactLog(store).add("licence", licence, by="A. Example")
    page = lyrics(iswcCode="T-034.524.680-1")
    settings = {"OPTOUT_REGISTER": str(register), "OPTOUT_OPERATOR": "Example Corp"}
    crawled = await crawl(Pages, site.says("/song", page), **settings)
    assert items(crawled.lines)[0]["licences"][0]["evidence"] == "contract 7"
    assert crawled.items[0]["optout"]["conditions"][-1] == "name the authors"
    other = await crawl(Pages, site.says("/song", page), **{**settings, "OPTOUT_OPERATOR": "Other Corp"})
    assert other.items == []


async def test_a_notice_closes_a_domain_before_it_is_asked(site: Site, crawl: Crawls, register: Path) -> None:
    """A letter about a domain restricts at once: its pages are not fetched, and the line quotes the letter."""
    notice = Notice(
        "notice-1",
        sender="Ada Invented", authority="asserts to be the author", received=date(2026, 11, 20),
        document="letter.pdf", sha256="1" * 64,
        urls=(site.url("/"),),
    )  # fmt: skip
    with RegisterStore(register) as store:
        FactLog(store).add("notice", notice, by="A. Example")
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_REGISTER=str(register))
    assert (crawled.items, site.times("/a")) == ([], 0)
    (line,) = crawled.lines
    assert (line["stage"], line["reasons"][0]["signal"]) == ("request", "register")
    assert line["claims"][0]["party"] == "Ada Invented"


async def test_a_ruling_answers_a_page(site: Site, crawl: Crawls, register: Path) -> None:
    """What waited for a person passes, and the line names who answered."""
    ruling = Ruling(
        "named-bot", site.url("/"), Outcome.ALLOW, "A. Example", "asked the site", NOW - timedelta(days=1),
        NOW + timedelta(days=1),
    )  # fmt: skip
    page = site.says("/a", X_Robots_Tag="OtherBot: noai")
    assert (await crawl(Pages, page, OPTOUT_REGISTER=str(register))).items == []
    with RegisterStore(register) as store:
        FactLog(store).add("ruling", ruling, by="A. Example")
    crawled = await crawl(Pages, page, OPTOUT_REGISTER=str(register))
    assert crawled.urls == [page]
    assert [line["rulings"][0]["by"] for line in crawled.lines if line["outcome"] == "allow"] == ["A. Example"]


async def test_a_register_that_is_not_there_stops_the_crawl(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A path that leads nowhere is the operator's mistake, told before anything is asked."""
    crawled = await crawl(Pages, site.says("/a"), OPTOUT_REGISTER=str(tmp_path / "none.sqlite"))
    assert (crawled.items, site.asked) == ([], [])


async def test_a_reserved_page_stays_reserved_whatever_the_register_knows(
    site: Site, crawl: Crawls, register: Path
) -> None:
    """Strictest of location and work: an item of a reserved page is dropped though nothing is known of it."""
    site.says(TDMREP, RESERVED)
    page = site.says("/reserved", lyrics("Another", "Somebody Else"))
    crawled = await crawl(Pages, page, OPTOUT_REGISTER=str(register), OPTOUT_FETCH_RESERVED=True)
    assert crawled.items == []
    (line,) = items(crawled.lines)
    assert {reason["finding"] for reason in line["reasons"]} >= {"refusal", "register-class"}


async def test_what_the_register_said_verifies_and_replays(site: Site, crawl: Crawls, register: Path) -> None:
    """Reserved, licensed, presumed: each line is as it was written, and comes to the same again."""
    with RegisterStore(register) as store:
        FactLog(store).add("licence", {
            "party": SOCIA, "works": ["w1"], "usages": ["train-ai"], "valid_from": "2026-01-01",
            "valid_until": "2099-01-01", "evidence": "contract 7", "recorded_by": "A. Example",
            "licensee": "Example Corp", "conditions": ["name the authors"],
        }, by="A. Example")  # fmt: skip
    pages = [
        site.says("/licensed", lyrics(iswcCode="T-034.524.680-1")),
        site.says("/another", lyrics("Another", "Ada Invented")),
        site.says("/unknown", lyrics("Unknown", "Somebody Else")),
        site.says("/plain"),
    ]
    settings = {"OPTOUT_REGISTER": str(register), "OPTOUT_OPERATOR": "Example Corp"}
    crawled = await crawl(Pages, *pages, **settings)
    assert {line["outcome"] for line in items(crawled.lines)} == {"allow", "pending"}
    assert verify([str(crawled.audit)]).findings == ()
    assert main(["replay", str(crawled.audit)]) == 0
