"""The repertoire of SOCIA, and what the pages of the small web come to by it, without a crawl.

Rule of this file: the files of `example_project/register` are imported as they are shipped; no Scrapy, no network.
"""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from corpus_example import settings
from run import AS_OF, REPERTOIRE
from web.expected import Judged, item_differences
from web.sites import SITES, answer

from optout_middleware.register import credits as credits_of
from optout_middleware.register import identifiers
from optout_middleware.register.importers import import_file
from optout_middleware.register.lookup import Lookup
from optout_middleware.register.model import Asset, AssetClass, UseContext
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import Usage

from .conftest import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def rows(name: str) -> list[dict[str, str]]:
    """Give the rows of a table of the repertoire."""
    with (EXAMPLE / "register" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Import the repertoire, each file in full."""
    path = tmp_path_factory.mktemp("register") / "register.sqlite"
    with RegisterStore(path) as store:
        for file in REPERTOIRE:
            report = import_file(store, EXAMPLE / file, as_of=AS_OF)
            assert (report.rejected, report.noted) == (0, 0), report.samples
    return path


@pytest.fixture(scope="module")
def lookup(register: Path) -> Iterator[Lookup]:
    """Ask as the example's operator does."""
    context = UseContext(settings.OPTOUT_OPERATOR, Usage.TRAIN_AI, AT.date())
    asked = Lookup(str(register), context, ("EU",), now=lambda: AT)
    yield asked
    asked.close()


def test_size(register: Path) -> None:
    """A hundred works, two licences, one withheld member, one dispute."""
    with RegisterStore(register, create=False) as store:
        held = store.status().rows
    assert {name: held[name] for name in ("Work", "Licence", "RightException", "Dispute")} == {
        "Work": 100, "Licence": 2, "RightException": 1, "Dispute": 1,
    }  # fmt: skip


def test_numbers_are_right_and_nobody_has_two() -> None:
    """Check digits of all ISWCs and IPI name numbers; a person has one number, a work one."""
    works, parties = rows("works.csv"), rows("parties.csv")
    assert all(identifiers.find(f"ISWC {work['iswc']}")[0].checked for work in works)
    assert len({work["iswc"] for work in works}) == len({work["title"] for work in works}) == len(works)
    numbers = {party["id"]: party["ipi"] for party in parties}
    assert len(set(numbers.values())) == len(numbers)
    for work in works:
        for kind in ("writer", "publisher"):
            ids, ipis = (work[f"{kind}_{what}"].split("|") for what in ("ids", "ipis"))
            assert [numbers.get(name, "") for name in ids] == ipis
    for number in numbers.values():
        found = identifiers.read("ipi", number)
        assert found is not None
        assert found.checked


def test_items_come_to_what_is_expected(lookup: Lookup) -> None:
    """Each page with JSON-LD, read and judged as a crawl does; nothing is asked about the others."""
    pages = [(site, page) for site in SITES for page in site.pages if page.data]
    found = []
    for site, page in pages:
        stated = credits_of.of_page(answer(site, page.path)[2], site.url(page), "text/html", "utf-8")
        (judged,) = lookup.judge([Asset(site.url(page), stated)], AT)
        claimed = tuple(claim.party for claim in judged.claims)
        licensed = tuple(licence.party for licence in judged.licences)
        waits_for = {"register-class": "register", "register-middle": "person"}
        waits = {waits_for.get(claim.finding, "") for claim in judged.claims} if judged.outcome == "pending" else {""}
        found.append(
            Judged(
                site.url(page), judged.outcome, "register" if "register" in waits else waits.pop(),
                next(iter(judged.rules), ""), claimed if judged.outcome != "allow" else licensed,
            )
        )  # fmt: skip
    assert list(item_differences(found)) == []


def test_all_outcomes_occur() -> None:
    """By ISWC and by title, by licence and without, by dispute and doubt, by class alone, and free."""
    items = [page.item for site in SITES for page in site.pages if page.item]
    assert {(item.outcome, item.waits_for) for item in items} == {
        ("deny", ""), ("allow", ""), ("pending", "register"), ("pending", "person"),
    }  # fmt: skip
    assert {item.rule for item in items} == {"R1a", "R4", "R5", "R6", "R7", "R10", "M2", "M3", "M5", ""}


def test_a_song_that_an_article_mentions_is_no_work_of_its_page() -> None:
    """Its ISWC would else deny the article."""
    ((site, page),) = [(s, p) for s in SITES for p in s.pages if p.path == "/columns/an-evening-at-the-weir.html"]
    stated = credits_of.of_page(answer(site, page.path)[2], site.url(page), "text/html", "utf-8")
    assert "T-990.720.037-7" in page.data
    assert (stated.identifiers, stated.asset_class) == ((), AssetClass.TEXT)
