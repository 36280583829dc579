"""`optout estimate`: the shares of an invented web, live and from a store, interrupted and mistaken."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from requests_mock import Mocker

from optout_middleware.audit.sampling import Sampling
from optout_middleware.cli import main
from optout_middleware.cli.progress import Progress
from optout_middleware.evidence.stores.sqlite import SqliteStore
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITES = 60
TOKENS = "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n"
HTML = {"Content-Type": "text/html"}


def robots(number: int) -> str | None:
    """Give what a site says: a third refuses training crawlers, a tenth closes everything, one is not there."""
    if number == SITES - 1:
        return None
    return "User-agent: *\nDisallow: /\n" if number % 10 == 9 else TOKENS if number % 3 == 0 else ""


@pytest.fixture
def web() -> Iterator[Mocker]:
    """Serve the sites; every second page says noai."""
    with Mocker() as mocker:
        for number in range(SITES):
            place = f"https://h{number}.example"
            text = robots(number)
            mocker.get(f"{place}/robots.txt", text=text or "", status_code=503 if text is None else 200)
            mocker.get(f"{place}/.well-known/tdmrep.json", status_code=404)
            mocker.get(f"{place}/1", text="<html></html>", headers=HTML)
            mocker.get(f"{place}/2", text="<html></html>", headers={**HTML, "X-Robots-Tag": "noai"})
        yield mocker


@pytest.fixture
def listed(tmp_path: Path) -> str:
    """Give a list of two pages of each site."""
    path = tmp_path / "urls.txt"
    path.write_text("".join(f"https://h{number}.example/{page}\n" for number in range(SITES) for page in (1, 2)))
    return str(path)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once, since back-off is tested where it stands."""
    monkeypatch.setattr("optout_middleware.cli.estimate.BACK_OFF", ())


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run the command; give its JSON."""
    assert main(["estimate", *arguments, "--json", "--delay", "0"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def share(figures: dict[str, Any], *way: str) -> float:
    """Give the share of pages at a place."""
    for name in way:
        figures = figures[name]
    return float(figures["pages"]["share"])


def test_the_files_of_the_sites(web: Mocker, listed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A list that is looked at whole has its own shares; no page is asked for."""
    found = told(capsys, listed)
    assert (found["urls"], found["sites"], found["sampled_sites"]) == (120, 60, 60)
    closed = sum(robots(number) == "User-agent: *\nDisallow: /\n" for number in range(SITES))
    refused = sum(robots(number) == TOKENS for number in range(SITES))
    assert share(found, "by_profile", "precautionary", "excluded") == pytest.approx(refused / SITES, abs=1e-5)
    assert share(found, "by_profile", "literal", "excluded") == 0
    assert share(found, "by_profile", "literal", "forbidden") == pytest.approx(closed / SITES, abs=1e-5)
    assert share(found, "by_profile", "literal", "pending") == pytest.approx(1 / SITES, abs=1e-5)
    assert share(found, "price_of_caution") == pytest.approx(refused / SITES, abs=1e-5)
    assert share(found, "by_finding", "training-consensus", "precautionary", "only") == share(found, "price_of_caution")
    assert not [request for request in web.request_history if request.path in ("/1", "/2")]


def test_a_sample_has_an_interval(web: Mocker, listed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty of sixty sites: the interval holds the share of the whole list; fewer have none."""
    assert web is not None
    found = told(capsys, listed, "--sample", "50", "--seed", "3")
    row = found["by_profile"]["precautionary"]["excluded"]["pages"]
    assert found["sampled_sites"] == row["sites"] == 50
    assert 0.05 < row["low"] < 18 / 60 < row["high"] < 0.5
    few = told(capsys, listed, "--sample", "20")["by_profile"]["precautionary"]["excluded"]["pages"]
    assert (few["low"], few["why"]) == (None, "too few sites: 20 of at least 50")


def test_pages_are_looked_at_too(web: Mocker, listed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --pages half of the pages say no; what robots.txt closes is not asked for."""
    found = told(capsys, listed, "--pages")
    open_sites = [number for number in range(SITES) if robots(number) in ("", TOKENS)]
    assert share(found, "by_profile", "literal", "excluded") == pytest.approx(len(open_sites) / 120, abs=1e-5)
    assert share(found, "by_signal", "robots-tag", "literal", "lost") == pytest.approx(len(open_sites) / 120, abs=1e-5)
    asked = {request.hostname for request in web.request_history if request.path in ("/1", "/2")}
    assert asked == {f"h{number}.example" for number in open_sites}


def test_a_store_is_read_without_a_request(
    web: Mocker, listed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a crawl has seen is enough; a site that it has not is pending, never "no reservation found"."""
    path = str(tmp_path / "store.sqlite")
    at = datetime(2026, 11, 1, tzinfo=timezone.utc)

    async def fill() -> None:
        store = SqliteStore(path)
        for number in range(SITES - 1):
            place = f"https://h{number}.example"
            await store.save([
                Evidence(f"{place}/robots.txt", 200, (), (robots(number) or "").encode(), at),
                Evidence(f"{place}/.well-known/tdmrep.json", 404, (), b"", at),
            ])  # fmt: skip
        await store.close()

    asyncio.run(fill())
    found = told(capsys, listed, "--store", path)
    assert share(found, "by_profile", "precautionary", "excluded") == pytest.approx(18 / 60, abs=1e-5)
    assert share(found, "by_waits_for", "literal", "probe") == pytest.approx(1 / 60, abs=1e-5)
    assert not web.request_history
    assert not (tmp_path / "none").exists()


def test_the_table_is_for_people(web: Mocker, listed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both profiles, each finding, and an interval or a reason in each row."""
    assert web is not None
    assert main(["estimate", listed]) == 0
    out, err = capsys.readouterr()
    for text in (
        "urls.txt: 120 URLs of 60 sites", "sample: 120 URLs of 60 sites, strata: 1", "precautionary profile",
        "literal profile", "no reservation found", "lost to caution alone", "training-consensus",
        "robots.txt forbids to fetch", "1.7 % (too few sites)", "30.0 % (30.0 to 30.0)",
    ):  # fmt: skip
        assert text in out
    assert "looking at sites: 60 of 60" in err


def test_an_interrupted_estimate_goes_on(
    web: Mocker, listed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how, and then asks only the sites that it had not asked."""
    state = str(tmp_path / "state")
    save = Sampling.save
    saved: list[str] = []

    def interrupted(self: Sampling, site: str, looks: Any) -> None:
        if len(saved) == 25:
            signal.raise_signal(signal.SIGINT)
        saved.append(site)
        save(self, site, looks)

    monkeypatch.setattr(Sampling, "save", interrupted)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background hands on that it is ignored
    assert main(["estimate", listed, "--state", state]) == 130
    assert "interrupted; the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(Sampling, "save", save)
    web.reset_mock()
    whole = told(capsys, listed, "--state", state)
    assert not {request.hostname for request in web.request_history} & set(saved)
    assert whole["by_profile"] == told(capsys, listed)["by_profile"]
    assert main(["estimate", listed, "--state", state, "--seed", "9"]) == 2
    assert "is of another estimate (seed 0 there)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--sample", "0"], "--sample is 0"),
        (["--delay", "-1"], "--delay is -1.0"),
        (["--delay", "nan"], "--delay is nan"),
        (["--store", "none.sqlite"], "store none.sqlite is no file"),
        (["--store", "none.sqlite", "--pages"], "a store keeps no pages"),
        (["--product-token", "Bot 2"], "product token 'Bot 2'"),
        (["--locations", "tdmrep.json"], "robots.txt"),
    ],
)
def test_a_users_mistake_is_one_line(
    arguments: list[str], why: str, listed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake is one line on standard error and exit status 2."""
    assert main(["estimate", listed, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("optout: ")
    assert why in error
    assert error.count("\n") == 1


def test_a_list_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for the list."""
    assert main(["estimate", "none.txt"]) == 2
    assert "list none.txt cannot be read: No such file" in capsys.readouterr().err


def test_a_list_with_octets_that_are_no_utf_8(web: Mocker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are asked for as a browser would, percent-encoded."""
    assert web is not None
    (tmp_path / "list.txt").write_bytes(b"https://h1.example/caf\xe9\n")
    assert told(capsys, str(tmp_path / "list.txt"))["urls"] == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_list_that_cannot_be_read_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe would be empty the second time, so that a sample would lose all its pages: it is refused."""
    os.mkfifo(tmp_path / "list.txt")
    assert main(["estimate", str(tmp_path / "list.txt")]) == 2
    assert "list.txt is no file, and is read twice: save it to a file first\n" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_bar_is_written_over_on_a_terminal() -> None:
    """It is drawn anew at most ten times a second, and at the end."""
    stream, time = Terminal(), [0.0]
    progress = Progress(stream, lambda: time[0])
    progress("counting", 5_000, 0)
    progress("counting", 6_000, 0)
    time[0] = 1.0
    progress("looking", 1, 2)
    progress("looking", 2, 2)
    progress.end()
    progress.end()
    drawn = stream.getvalue().split("\r\x1b[K")[1:]
    assert drawn == [
        "counting 5,000",
        f"looking [{'#' * 15}{'.' * 15}] 1 of 2",
        f"looking [{'#' * 30}] 2 of 2\n",
    ]


def test_elsewhere_it_is_a_line_for_each_tenth() -> None:
    """A log is not filled with bars."""
    stream = io.StringIO()
    progress = Progress(stream)
    progress("counting", 5_000, 0)
    for done in range(1, 101):
        progress("looking", done, 100)
    progress.end()
    assert stream.getvalue().splitlines() == [f"looking: {done} of 100" for done in (1, *range(10, 101, 10))]
