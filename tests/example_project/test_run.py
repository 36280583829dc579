"""`python run.py` from end to end: the small web, crawled with the add-on, against what each site reserves.

Rule of this file: each run is a subprocess in a copy of the example; what is expected stands in web/sites.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest
from web.expected import wanted
from web.sites import SITES

from .conftest import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from web.model import Site

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
        lines = (
            line for path in (self.directory / "audit").glob("*.jsonl") for line in path.read_text("utf-8").splitlines()
        )
        return [entry for entry in map(json.loads, lines) if "outcome" in entry]


def run(directory: Path, *arguments: str) -> Run:
    """Run the example with proxies in the environment that lead nowhere."""
    if not directory.exists():
        shutil.copytree(EXAMPLE, directory, ignore=lambda *_: {"audit", "corpus", "earlier", ".optout", "crawl.log"})
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
    assert "Every page and image came to what its site asks for." in shipped.printed


@pytest.mark.parametrize("site", STAYED, ids=lambda site: site.host)
def test_table_row(shipped: Run, site: Site) -> None:
    outcomes = Counter(wanted(page, fetch_reserved=False) for page in site.pages)
    numbers = [len(site.pages), outcomes["allow"], outcomes["deny"], outcomes["pending"]]
    assert shipped.row(site.host)[1:5] == [str(number) for number in numbers], shipped.printed


def test_atlases_are_counted_once_each(shipped: Run) -> None:
    rows = [shipped.row(f"{name}-atlas.example")[1:5] for name in ("old", "new", "open")]
    kept, dropped, pending = (sum(int(row[at]) for row in rows) for at in (1, 2, 3))
    assert (kept, dropped, pending) == (1 + 5 + 1, 5 + 1, 0)


def test_where_things_lie_is_printed(shipped: Run) -> None:
    lying = dict(line.split(None, 1) for line in shipped.printed.splitlines() if line.startswith(("corpus:", "audit:")))
    assert (shipped.directory / lying["corpus:"]).is_file()
    assert list((shipped.directory / lying["audit:"]).glob("*.jsonl"))
    assert (shipped.directory / lying["audit:"] / "run.json").is_file()


def test_one_audit_line_a_page(shipped: Run) -> None:
    times = Counter((entry["stage"] == "media", entry["url"]) for entry in shipped.audit())
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
        str(entry["url"]).split("/")[2]: entry["waits_for"]
        for entry in shipped.audit()
        if entry["outcome"] == "pending"
    }
    assert waits == {
        "foghorn-harbour.example": "probe",
        "umbrella-museum.example": "person",
        "night-gazette.example": "person",
    }


def test_the_next_run_starts_fresh_and_deletes_nothing(shipped: Run) -> None:
    before = {path.name for path in (shipped.directory / "audit").iterdir()}
    again = run(shipped.directory, "-s", "OPTOUT_FETCH_RESERVED=1")
    assert again.code == 0, again.printed  # the essays that a header gives back are kept now
    assert again.row("bench-essays.example")[1:5] == ["10", "4", "6", "0"]
    (earlier,) = (again.directory / "earlier").iterdir()
    assert {path.name for path in (earlier / "audit").iterdir()} == before


def test_tag_keeps_pages_with_their_decision(tmp_path: Path) -> None:
    tagged = run(tmp_path / "example", "-s", "OPTOUT_ACTION=tag")
    assert tagged.code == 0, tagged.printed
    assert tagged.row("bench-essays.example")[1:4] == ["10", "10", "0"]
    assert tagged.row("sarn-archive.example")[1:4] == [
        "12",
        "7",
        "5",
    ]  # what may not be fetched is not fetched


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    wrong = run(tmp_path / "example", "-s", "OPTOUT_PRODUCT_TOKEN=no token/1.0")
    assert wrong.code == 1
    assert "WRONG: the crawl did not start" in wrong.printed
    assert "Traceback" not in wrong.printed
