"""`optout check --terms`: linked terms are fetched, read and shown, and decide nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from requests_mock import Mocker

from optout_middleware.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HTML = {"Content-Type": "text/html"}
SITE = "https://news.example"
NOTICE = "Text and data mining of this site is prohibited."
LINKS = '<a href="/terms">Terms of use</a><a href="/closed/legal">Legal notice</a><a href="/moved">Impressum</a>'


@pytest.fixture
def web() -> Iterator[Mocker]:
    """A site with terms, one of them closed to robots, one moved."""
    with Mocker() as mocker:
        for origin in (SITE, "https://legal.news.example", "https://shut.news.example"):
            mocker.get(f"{origin}/.well-known/tdmrep.json", status_code=404)
            mocker.get(f"{origin}/robots.txt", text="User-agent: *\nDisallow: /closed/\n")
        mocker.get("https://shut.news.example/robots.txt", status_code=503)
        mocker.get(f"{SITE}/page", text=f"<p>Harbour</p>{LINKS}", headers=HTML)
        mocker.get(f"{SITE}/terms", text=f"<h1>Terms</h1><p>{NOTICE}</p>", headers=HTML)
        moved = {"Location": "https://legal.news.example/i"}
        mocker.get(f"{SITE}/moved", status_code=301, headers=moved)
        mocker.get("https://legal.news.example/i", text="<p>Harbour Ltd, Quay 1</p>", headers=HTML)
        yield mocker


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once, since back-off is tested where it stands."""
    monkeypatch.setattr("optout_middleware.cli.check.BACK_OFF", ())


def asked(web: Mocker) -> set[str]:
    """The URLs that were asked for, but the places of declarations."""
    urls = {request.url for request in web.request_history}
    return {url for url in urls if not url.endswith(("robots.txt", "tdmrep.json"))}


def test_without_the_option_no_terms_are_fetched(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the page."""
    assert main(["check", "--json", f"{SITE}/page"]) == 0
    assert asked(web) == {f"{SITE}/page"}
    assert "terms" not in json.loads(capsys.readouterr().out)


def test_terms_are_noted_and_decide_nothing(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcome stays, the sentence is shown, what robots.txt closes is not asked for."""
    assert main(["check", "--terms", f"{SITE}/page"]) == 0
    shown = capsys.readouterr().out
    assert asked(web) == {f"{SITE}/page", f"{SITE}/terms", f"{SITE}/moved", "https://legal.news.example/i"}
    rows = {row.split()[0]: row for row in shown.splitlines() if row.startswith("  https://")}
    assert NOTICE in rows[f"{SITE}/terms"]
    assert rows[f"{SITE}/terms"].endswith("terms, noted: a reservation in natural language")
    assert rows[f"{SITE}/closed/legal"].endswith("terms, not fetched: robots.txt does not let us")
    assert rows[f"{SITE}/moved"].endswith("terms, no sentence that reserves found")


def test_json_has_the_terms_with_their_sources(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """Where each was found, its hash, and each sentence with its language."""
    assert web is not None
    main(["check", "--json", "--terms", f"{SITE}/page"])
    first, closed, moved = json.loads(capsys.readouterr().out)["terms"]
    assert first["sentences"] == [{"language": "en", "text": NOTICE}]
    assert first["source"]["url"] == f"{SITE}/terms"
    assert len(first["source"]["sha256"]) == 64
    assert closed == {"url": f"{SITE}/closed/legal", "source": None, "sentences": []}
    assert moved["source"]["url"] == "https://legal.news.example/i"


@pytest.mark.parametrize(
    ("location", "status"),
    [("https://shut.news.example/x", None), ("http://[", None), ("mailto:a@news.example", None), ("/terms", 302)],
)
def test_redirects_that_lead_nowhere(
    web: Mocker, capsys: pytest.CaptureFixture[str], location: str, status: int | None
) -> None:
    """To a host whose robots.txt is down, to no address, in a circle: no sentence, no error."""
    web.get(f"{SITE}/terms", status_code=302, headers={"Location": location})
    main(["check", "--json", "--terms", f"{SITE}/page"])
    first = json.loads(capsys.readouterr().out)["terms"][0]
    assert first["sentences"] == []
    assert (first["source"] or {}).get("status") == status


@pytest.mark.parametrize(
    ("answer", "headers"),
    [(404, HTML), (200, {"Content-Type": "application/pdf"}), (200, {"Content-Type": "image/png"})],
)
def test_what_is_no_page_is_not_read(
    web: Mocker, capsys: pytest.CaptureFixture[str], answer: int, headers: dict[str, str]
) -> None:
    """Errors and other media types."""
    web.get(f"{SITE}/terms", status_code=answer, text=NOTICE, headers=headers)
    main(["check", "--json", "--terms", f"{SITE}/page"])
    first = json.loads(capsys.readouterr().out)["terms"][0]
    assert first["sentences"] == []
    assert first["source"]["status"] == answer


def test_for_search_no_terms_are_read(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """A reservation of mining says nothing of search."""
    main(["check", "--json", "--terms", "--usage", "search", f"{SITE}/page"])
    assert json.loads(capsys.readouterr().out)["terms"] == []
    assert asked(web) == {f"{SITE}/page"}


def test_saved_terms_are_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a directory, by its robots.txt."""
    (tmp_path / "robots.txt").write_text("User-agent: *\nDisallow: /closed/\n")
    (tmp_path / "page.html").write_text(LINKS)
    (tmp_path / "terms").write_text(f"<p>{NOTICE}</p>")
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "legal").write_text(f"<p>{NOTICE}</p>")
    assert main(["check", "--json", "--terms", "--from-dir", str(tmp_path), f"{SITE}/page.html"]) == 0
    first, closed, moved = json.loads(capsys.readouterr().out)["terms"]
    assert [found["text"] for found in first["sentences"]] == [NOTICE]
    assert closed["source"] is None
    assert moved["source"]["status"] == 404
