"""`optout check`: exit status, JSON, the table, and that no page is asked for that robots.txt closes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests
from requests_mock import Mocker

from optout_middleware.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def web() -> Iterator[Mocker]:
    """Serve invented sites; whatever is not registered does not answer."""
    with Mocker() as mocker:
        mocker.get("https://open.example/robots.txt", status_code=404)
        mocker.get("https://open.example/.well-known/tdmrep.json", status_code=404)
        mocker.get("https://open.example/page", text="<html><head></head></html>", headers=HTML)
        mocker.get("https://open.example/noai", text='<head><meta name="robots" content="noai"></head>', headers=HTML)
        mocker.get("https://open.example/moved", status_code=301, headers={"Location": "https://news.example/a"})
        mocker.get("https://news.example/robots.txt", text="User-agent: *\nDisallow: /closed/\n")
        mocker.get("https://news.example/.well-known/tdmrep.json", text='[{"location": "/a", "tdm-reservation": 1}]')
        mocker.get("https://news.example/a", text="<html></html>", headers=HTML)
        mocker.get("https://news.example/b", status_code=302, headers={"Location": "/closed/b"})
        mocker.get("https://down.example/robots.txt", exc=requests.ConnectTimeout)
        yield mocker


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once, since back-off is tested where it stands."""
    monkeypatch.setattr("optout_middleware.cli.check.BACK_OFF", ())


@pytest.mark.parametrize(
    ("urls", "status"),
    [
        (["https://open.example/page"], 0),
        (["https://news.example/a"], 1),
        (["https://open.example/noai"], 1),
        (["https://down.example/page"], 3),
        (["https://open.example/moved"], 1),  # the strictest over the redirect chain
        (["https://open.example/page", "https://down.example/page"], 3),
        (["https://down.example/page", "https://news.example/a", "https://open.example/page"], 1),
    ],
)
def test_exit_status(web: Mocker, urls: list[str], status: int) -> None:
    """The exit status tells the outcome; of several URLs the strictest."""
    assert web is not None
    assert main(["check", *urls]) == status


@pytest.mark.parametrize(
    "arguments",
    [["news.example"], ["ftp://news.example/a"], ["--product-token", "Bot 2", "https://open.example/page"]],
)
def test_a_users_mistake_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake is one line on standard error and exit status 2."""
    assert main(["check", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("optout: ")
    assert error.count("\n") == 1


def test_json_is_the_whole_decision(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line, with the reasons, the evidence, the policy and the version of the rules."""
    assert web is not None
    main(["check", "--json", "--product-token", "TestBot", "https://news.example/a", "https://open.example/page"])
    reserved, free = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert reserved["outcome"] == "deny"
    assert reserved["reasons"][0]["signal"] == "tdmrep"
    assert reserved["reasons"][0]["sha256"] == reserved["evidence"][1]["sha256"]
    assert reserved["policy"]["product_token"] == "TestBot"
    assert free["outcome"] == "allow"
    assert free["page"]["status"] == 200


def test_the_table_names_what_settled_and_the_other_profile(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows each location with what it said, what settled, and what the other profile would say."""
    assert web is not None
    main(["check", "https://open.example/noai"])
    shown = capsys.readouterr().out
    assert "reserved for train-ai" in shown
    assert "https://open.example/.well-known/tdmrep.json" in shown
    assert '<meta name="robots" content="noai">' in shown
    assert "the literal profile would say: reserved" in shown


def test_a_closed_page_is_not_asked_for(web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """What robots.txt closes is not fetched, where a redirect leads there either."""
    assert main(["check", "https://news.example/b"]) == 1
    assert "https://news.example/closed/b" not in [request.url for request in web.request_history]
    assert "fetch" in capsys.readouterr().out


def test_no_probe_carries_credentials(web: Mocker) -> None:
    """Neither a cookie nor a credential goes along, and the User-Agent names the product token."""
    main(["check", "--product-token", "TestBot", "https://open.example/page"])
    for request in web.request_history:
        assert "Cookie" not in request.headers
        assert "Authorization" not in request.headers
        assert request.headers["User-Agent"].startswith("TestBot/")


def test_saved_files_are_read_without_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], web: Mocker
) -> None:
    """`--from-dir` decides from files by host and path, with the headers saved beside them."""
    site = tmp_path / "saved.example"
    (site / ".well-known").mkdir(parents=True)
    (site / "robots.txt").write_text("User-agent: *\nDisallow: /closed/\n")
    (site / "a.html").write_text("<html></html>")
    (site / "a.html.headers").write_text("Content-Type: text/html\nX-Robots-Tag: noai\n")
    (site / "index.html").write_text("<html></html>")
    place = ["--from-dir", str(tmp_path)]
    assert main(["check", *place, "https://saved.example/a.html"]) == 1
    assert "noai" in capsys.readouterr().out
    assert main(["check", *place, "https://saved.example/"]) == 0
    assert main(["check", *place, "https://saved.example/closed/x"]) == 1
    assert main(["check", *place, "https://saved.example/../../etc/passwd"]) == 0  # outside: not saved, not read
    assert main(["check", "--from-dir", str(tmp_path / "none"), "https://saved.example/"]) == 2
    assert not web.request_history


@pytest.mark.parametrize("locations", ["robots.txt,tdmrep.json", "robots.txt,tdmrep.json,tdm-policy"])
def test_the_terms_of_a_policy_are_shown(
    locations: str,
    web: Mocker,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A TDMRep policy is looked at with other documents only, on the network and in saved files, and lifts nothing."""
    monkeypatch.setattr("optout_middleware.evidence.requests_fetch.refusal", lambda _: None)
    rules = '[{"location": "/a", "tdm-reservation": 1, "tdm-policy": "/policy.json"}]'
    policy = '{"permission": [{"action": "tdm:mine", "duty": [{"action": "compensate"}]}]}'
    web.get("https://news.example/.well-known/tdmrep.json", text=rules)
    web.get("https://news.example/policy.json", text=policy)
    (tmp_path / ".well-known").mkdir()
    (tmp_path / ".well-known" / "tdmrep.json").write_text(rules)
    (tmp_path / "policy.json").write_text(policy)
    for place in ([], ["--from-dir", str(tmp_path)]):
        assert main(["check", *place, "--locations", locations, "https://news.example/a"]) == 1
        shown = capsys.readouterr().out
        assert "condition: policy: https://news.example/policy.json\n" in shown
        assert ("condition: policy permits tdm:mine with duty compensate\n" in shown) is ("tdm-policy" in locations)
    asked = [request.url for request in web.request_history]
    assert ("https://news.example/policy.json" in asked) is ("tdm-policy" in locations)


def test_a_policy_on_a_private_address_is_not_asked_for(
    web: Mocker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No site makes us ask our own network by way of its policy."""
    monkeypatch.setattr("optout_middleware.evidence.requests_fetch.refusal", lambda url: f"{url} is not public")
    web.get("https://open.example/page", headers={**HTML, "tdm-reservation": "1", "tdm-policy": "http://10.0.0.1/p"})
    web.get("http://10.0.0.1/p", text='{"permission": [{"action": "tdm:mine"}]}')
    assert main(["check", "--locations", "robots.txt,tdmrep.json,tdm-policy", "https://open.example/page"]) == 1
    assert "policy permits" not in capsys.readouterr().out
    assert "http://10.0.0.1/p" not in [request.url for request in web.request_history]
