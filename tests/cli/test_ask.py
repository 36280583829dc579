"""`optout register ask`: a registry that is a service, and what becomes of its answers."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from optout_middleware.cli import main
from optout_middleware.register.lookup import Lookup
from optout_middleware.register.model import Asset, UseContext
from optout_middleware.register.services import SPAWNING_KEY, SPAWNING_URL
from optout_middleware.terms import Outcome, Usage

if TYPE_CHECKING:
    from pathlib import Path

    from requests_mock.mocker import Mocker

A, B, C = (f"https://{name}.example/1" for name in "abc")
NOW = datetime.now(timezone.utc)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a key, as the environment would."""
    monkeypatch.setenv(SPAWNING_KEY, "secret")


def outcome(register: Path, url: str) -> Outcome:
    """Tell what a URL comes to."""
    lookup = Lookup(str(register), UseContext("", Usage.TRAIN_AI, NOW.date()), ("EU",), now=lambda: NOW)
    try:
        return lookup.judge([Asset(url)], NOW)[0].outcome
    finally:
        lookup.close()


def test_what_is_reserved_is_kept(requests_mock: Mocker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A crawl knows it from then on; what could not be asked is told and listed, and the exit status says so."""
    told = [{"url": A, "optOut": True}, {"url": B, "optOut": False}]
    requests_mock.post(SPAWNING_URL, json={"urls": told})
    (tmp_path / "urls.txt").write_text(f"# seeds\n{A}\n{B}\n{C}\n")
    register, unasked = tmp_path / "register.sqlite", tmp_path / "unasked.txt"
    options = ["--register", str(register), "--unasked", str(unasked)]
    assert main(["register", "ask", str(tmp_path / "urls.txt"), *options]) == 1
    out = capsys.readouterr().out
    assert "1 reserved, 1 not listed" in out
    assert "1 could not be asked: nobody knows whether they are reserved" in out
    assert unasked.read_text() == f"{C}\n"
    assert [outcome(register, url) for url in (A, B)] == [Outcome.DENY, Outcome.ALLOW]
    main(["register", "ask", str(tmp_path / "urls.txt"), *options, "--json"])
    assert json.loads(capsys.readouterr().out)["reserved"] == 1


def test_a_service_that_is_down_frees_nothing(
    requests_mock: Mocker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier answer reserved stays out of doubt only by being asked again; the failure is not silent."""
    requests_mock.post(SPAWNING_URL, status_code=403)
    (tmp_path / "urls.txt").write_text(f"{A}\n")
    arguments = ["register", "ask", str(tmp_path / "urls.txt"), "--register", str(tmp_path / "r.sqlite")]
    assert main(arguments) == 1
    assert "0 reserved, 0 not listed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no URL in it"), ("a.example\n", "is no absolute http(s) URL"), (None, "cannot read")],
)
def test_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str) -> None:
    """One line, exit status 2."""
    path = tmp_path / "urls.txt"
    if text is not None:
        path.write_text(text)
    assert main(["register", "ask", str(path), "--register", str(tmp_path / "r.sqlite")]) == 2
    assert message in capsys.readouterr().err


def test_without_a_key_nothing_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable."""
    monkeypatch.delenv(SPAWNING_KEY)
    (tmp_path / "urls.txt").write_text(f"{A}\n")
    assert main(["register", "ask", str(tmp_path / "urls.txt"), "--register", str(tmp_path / "r.sqlite")]) == 2
    assert SPAWNING_KEY in capsys.readouterr().err
