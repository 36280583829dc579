"""`python run.py` from end to end: the small web, crawled with the add-on, against what each site reserves.

Rule of this file: each run is a subprocess in a copy of the example; what is expected stands in web/sites.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from web.expected import last_word
from web.sites import SITES

from optout_middleware.audit.reading import Record, records, runs
from optout_middleware.register.store import RegisterStore

from .conftest import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from web.model import Site

LEFT_BEHIND = {"audit", "corpus", "earlier", ".optout", "crawl.log"}
# The atlases apart: a page that moved may be counted under its old or its new address.
STAYED = [site for site in SITES if "atlas" not in site.host]


class Run(NamedTuple):
    """One run: where, its exit code, what it printed."""

    directory: Path
    code: int
    printed: str

    def row(self, first: str) -> list[str]:
        """Give the cells of the row of a site."""
        return next(line.split() for line in self.printed.splitlines() if line.startswith(f"{first} "))

    def audit(self) -> list[dict[str, object]]:
        """Give the decisions in the audit log."""
        read = list(records([str(self.directory / "audit")]))
        assert all(isinstance(record, Record) for record in read)
        return [record.line for record in read if isinstance(record, Record) and "outcome" in record.line]

    def works(self) -> list[list[str]]:
        """Give the rows of the table of works, without its head."""
        lines = self.printed.splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("work "))
        rows = [re.split(r"  +", line) for line in lines[start + 2 :]]
        return rows[: rows.index([""])]


def run(directory: Path, *arguments: str) -> Run:
    """Run the example with proxies in the environment that lead nowhere."""
    if not directory.exists():
        shutil.copytree(EXAMPLE, directory, ignore=lambda *_: LEFT_BEHIND)
    nowhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=directory,
        env={**os.environ, **nowhere},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return Run(directory, done.returncode, done.stdout)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the example as it is shipped, once."""
    return run(tmp_path_factory.mktemp("run") / "example")


def test_all_came_to_what_sites_ask_for(shipped: Run) -> None:
    assert shipped.code == 0, shipped.printed
    assert "WRONG" not in shipped.printed
    assert "Every page, item and image came to what is asked for." in shipped.printed


@pytest.mark.parametrize("site", STAYED, ids=lambda site: site.host)
def test_table_row(shipped: Run, site: Site) -> None:
    outcomes = Counter(last_word(page, fetch_reserved=False) for page in site.pages)
    numbers = [len(site.pages), outcomes["allow"], outcomes["deny"], outcomes["pending"]]
    assert shipped.row(site.host)[1:5] == [str(number) for number in numbers], shipped.printed


def test_atlases_are_counted_once_each(shipped: Run) -> None:
    rows = [shipped.row(f"{name}-atlas.example")[1:5] for name in ("old", "new", "open")]
    kept, dropped, pending = (sum(int(row[at]) for row in rows) for at in (1, 2, 3))
    assert (kept, dropped, pending) == (1 + 5 + 1, 5 + 1, 0)


def test_where_things_lie_is_printed(shipped: Run) -> None:
    lying = dict(
        line.split(None, 1) for line in shipped.printed.splitlines() if re.match(r"corpus:|audit:|register:", line)
    )
    assert (shipped.directory / lying["corpus:"]).is_file()
    assert len(list(runs([lying["audit:"]]))) == 1
    with RegisterStore(lying["register:"], create=False) as store:
        assert store.status().rows["Work"] == 100


def test_one_audit_line_a_page_and_one_an_item(shipped: Run) -> None:
    stages = {"request": "page", "response": "page"}
    times = Counter((stages.get(str(entry["stage"]), entry["stage"]), entry["url"]) for entry in shipped.audit())
    assert [key for key, count in times.items() if count > 1] == []


def test_refusals_quote_what_was_said(shipped: Run) -> None:
    reasons = [
        (str(entry["url"]), reason)
        for entry in shipped.audit()
        if entry["outcome"] == "deny"
        for reason in entry["reasons"]  # type: ignore[attr-defined]
    ]
    hosts = {url.split("/")[2] for url, reason in reasons if reason.get("text")}
    assert hosts >= {site.host for site in STAYED if any(page.expected == "deny" for page in site.pages)}


def test_pending_waits_for_somebody(shipped: Run) -> None:
    waits = {
        (str(entry["url"]).split("/")[2], entry["waits_for"])
        for entry in shipped.audit()
        if entry["outcome"] == "pending"
    }
    assert waits == {
        ("foghorn-harbour.example", "probe"),
        ("umbrella-museum.example", "person"),
        ("night-gazette.example", "person"),
        ("hollow-lyrics.example", "register"),
        ("quaver-sheets.example", "register"),
        ("ballad-post.example", "person"),
    }


def test_table_of_works(shipped: Run) -> None:
    rows = shipped.works()
    assert len(rows) == 13 + 5 + 4
    assert ["Lamp Above the Weir", "lyrics", "hollow-lyrics.example", "deny", "R6", "SOCIA"] in rows
    assert ["Winter Has Our Address", "lyrics", "hollow-lyrics.example", "allow", "R1a", "nobody"] in rows
    assert ["Ferryman, Count Again", "not told", "ballad-post.example", "pending (person)", "R7", "SOCIA"] in rows
    (unknown,) = (row for row in rows if row[0] == "The Hay Remembers")
    assert unknown[3:5] == ["pending (register)", "R6"]
    assert "Sacem" in unknown[5]


def test_what_a_licence_asks_goes_with_the_item(shipped: Run) -> None:
    kept = [json.loads(line) for line in (shipped.directory / "corpus/corpus.jsonl").read_text("utf-8").splitlines()]
    (licensed,) = (item for item in kept if str(item["url"]).endswith("/songs/blue-door-green-door.html"))
    assert "report to SOCIA each quarter" in licensed["optout"]["conditions"]
    (free,) = (item for item in kept if str(item["url"]).endswith("/songs/winter-has-our-address.html"))
    assert "optout" not in free


def test_the_next_run_starts_fresh_and_deletes_nothing(shipped: Run) -> None:
    before = {path.name for path in (shipped.directory / "audit").iterdir()}
    again = run(shipped.directory, "-s", "OPTOUT_FETCH_RESERVED=1")
    assert again.code == 0, again.printed  # the essays that a header gives back are kept now
    assert again.row("bench-essays.example")[1:5] == ["10", "4", "6", "0"]
    (earlier,) = (again.directory / "earlier").iterdir()
    assert {path.name for path in (earlier / "audit").iterdir()} == before


@pytest.mark.parametrize("setting", ["OPTOUT_ACTION=tag", "OPTOUT_DRY_RUN=1"])
def test_modes_that_keep_all(tmp_path: Path, setting: str) -> None:
    kept = run(tmp_path / "example", "-s", setting)
    assert kept.code == 0, kept.printed
    assert "Every page, item and image came to what is asked for." in kept.printed
    if setting == "OPTOUT_ACTION=tag":
        assert kept.row("bench-essays.example")[1:4] == ["10", "10", "0"]
        # What may not be fetched is not fetched.
        assert kept.row("sarn-archive.example")[1:4] == ["12", "7", "5"]


def test_without_a_register_the_declarations_of_the_package_hold(tmp_path: Path) -> None:
    without = run(tmp_path / "example", "-s", "OPTOUT_REGISTER=")
    assert without.code == 0, without.printed
    assert without.row("hollow-lyrics.example")[1:5] == ["14", "1", "1", "12"]
    assert "Not compared" in without.printed


def test_a_line_of_the_repertoire_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    directory = tmp_path / "example"
    shutil.copytree(EXAMPLE, directory, ignore=lambda *_: LEFT_BEHIND)
    with (directory / "register" / "works.csv").open("a", encoding="utf-8") as works:
        works.write("socia-101,,,,,,,,,,,,,\n")
    wrong = run(directory)
    assert wrong.code == 1
    assert "WRONG: register/works.csv, line 102: no title" in wrong.printed


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    wrong = run(tmp_path / "example", "-s", "OPTOUT_PRODUCT_TOKEN=no token/1.0")
    assert wrong.code == 1
    assert "WRONG: the crawl did not start" in wrong.printed
    assert "Traceback" not in wrong.printed
