"""The report in a browser: no errors, and tables that sort and search by keyboard. Needs Chromium on the machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.report.parts import parts
from optout_middleware.audit.report.sections import html

from .report_files import AT, written

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
pytestmark = pytest.mark.skipif(not BROWSER, reason="no chromium on this machine: apt-get install chromium")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
# What a person does, written into the page: sort by a button that has the focus, search, and tell what is to be seen.
STEPS = """
window.addEventListener("load", () => {
  const seen = {};
  const table = document.getElementById("sites-table");
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent).join(" ");
  const button = table.tHead.rows[0].cells[1].querySelector("button");
  button.focus();
  seen.focus = document.activeElement === button;
  button.click();
  seen.falling = column() + " " + button.parentElement.getAttribute("aria-sort");
  button.click();
  seen.rising = column() + " " + button.parentElement.getAttribute("aria-sort");
  const input = document.getElementById("find-sites-table");
  input.value = "mixed";
  input.dispatchEvent(new Event("input"));
  setTimeout(() => {
    seen.found = [...table.tBodies[0].rows].filter((row) => !row.hidden).length;
    seen.told = input.parentElement.querySelector("output").textContent;
    document.title = JSON.stringify(seen);
  }, 400);
});
"""


def opened(path: Path) -> tuple[str, list[str]]:
    """Open a file in the browser; give the page as it is after its scripts ran, and what the console says."""
    # A test in a container runs as root, where Chromium's own sandbox cannot start.
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent}/profile",
               "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a report."""
    directory = written(tmp_path_factory.mktemp("browser") / "audit")
    now = AT + timedelta(days=10)
    return html(parts([directory], now=now), [directory], now)


def test_it_opens_without_an_error(page: str, tmp_path: Path) -> None:
    """Its own script runs under its own policy, and gives every head of a table that sorts a button."""
    path = tmp_path / "report.html"
    path.write_text(page, "utf-8")
    shown, said = opened(path)
    assert said == []
    heads = re.findall(r"<th [^>]*aria-sort=[^>]*>(.*?)</th>", shown)
    assert len(heads) > 20
    assert all(head.startswith('<button type="button">') for head in heads)
    assert '<div class="find" hidden' not in shown


def test_an_inserted_script_does_not_run(page: str, tmp_path: Path) -> None:
    """The policy of the page lets no other script run, should one ever get past the escaping."""
    path = tmp_path / "report.html"
    path.write_text(page.replace("</main>", "<script>document.title = 'taken over'</script></main>"), "utf-8")
    shown, said = opened(path)
    assert "<title>taken over</title>" not in shown
    assert len(said) == 1
    assert "Content Security Policy" in said[0]


def test_tables_sort_and_search(page: str, tmp_path: Path) -> None:
    """By a real button, which takes the focus and tells the order; the number of rows found is told."""
    path = tmp_path / "report.html"
    path.write_text(POLICY.sub("", page).replace("</body>", f"<script>{STEPS}</script></body>"), "utf-8")
    shown, said = opened(path)
    assert said == []
    title = re.findall(r"<title>(.*?)</title>", shown)[0]
    assert title == (
        '{"focus":true,"falling":"7 5 2 descending","rising":"2 5 7 ascending","found":1,"told":"1 of 3 rows"}'
    )
