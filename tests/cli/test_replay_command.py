"""`optout replay`, `explain`, `ask` and `diff`: text, JSON, exit statuses, and mistakes in one line."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.cli import main
from optout_middleware.decide import Site
from optout_middleware.evidence.archive import Archive
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SITE = "https://h.example"
RULES = b"User-agent: *\nDisallow: /closed\nUser-agent: GPTBot\nUser-agent: CCBot\nDisallow: /papers\n"


def crawled(
    directory: Path, robots: bytes = RULES, paths: tuple[str, ...] = ("/closed", "/papers", "/free"),
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> str:  # fmt: skip
    """Write a log with its archive."""
    policy, mask = Policy("OurBot"), Mask(())
    log = AuditLog(
        directory, run="r", writer="main", operator="House", policy=policy, settings=settings, now=lambda: AT
    )
    archive = Archive(directory / "archive", writer="r-main", policy=policy)
    files = [Evidence(f"{SITE}/robots.txt", 200, [], robots, AT)]
    files.append(Evidence(f"{SITE}/.well-known/tdmrep.json", 404, [], b"", AT))
    for item in files:
        archive.keep(item)
    site = Site.read(files, policy)
    for path in paths:
        decision = site.decide(SITE + path, at=AT)
        log.write(line("request", decision, final_url=None, size=None, action="drop", dry_run=False, mask=mask))
    archive.close()
    log.close({})
    return str(directory)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command; give its exit status and what it printed."""
    status = main(arguments)
    shown = capsys.readouterr()
    return status, shown.out or shown.err


def rows(text: str) -> list[Any]:
    """Read JSON, one object a line."""
    return [json.loads(row) for row in text.splitlines()]


def test_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a difference the status is 0 and the counts are told."""
    directory = crawled(tmp_path)
    assert told(capsys, "replay", directory) == (0, "3 lines: 3 the same, 0 differ, 0 cannot be derived\n")
    status, text = told(capsys, "replay", "--json", directory)
    (counts,) = rows(text)
    assert (status, counts["same"], counts["differing"], counts["not_derivable"]) == (0, 3, 0, {})


def test_replay_of_an_altered_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A difference is shown with both values, and the status is 1; what is missing is told with the reason."""
    directory = crawled(tmp_path)
    _, text = told(capsys, "explain", "--json", directory, f"{SITE}/papers")
    (said,) = rows(text)
    altered = {**said, "schema": 1, "outcome": "allow"}
    missing = {**altered, "evidence": [{**said["evidence"][0], "sha256": "0" * 64}]}
    (tmp_path / "altered-main.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (altered, missing)))
    status, text = told(capsys, "replay", directory)
    assert status == 1
    assert (
        f'{SITE}/papers\n  r-main:{said["seq"]}: outcome differs\n    recorded: "allow"\n    derived:  "deny"' in text
    )
    assert "5 lines: 3 the same, 1 differ, 1 cannot be derived" in text
    assert "not derived, evidence-missing: 1 (evidence that the line names is in none of the archives)" in text
    status, text = told(capsys, "replay", "--json", directory)
    difference, counts = rows(text)
    assert (status, difference["field"], counts["differing"]) == (1, "outcome", 1)


@pytest.mark.parametrize(
    ("settings", "why", "expected"),
    [
        ({"OPTOUT_ARCHIVE": "archive", "OPTOUT_ARCHIVE_PAGES": 1.0}, "evidence-missing", 1),
        ({"OPTOUT_ARCHIVE": "", "OPTOUT_ARCHIVE_PAGES": 1.0}, "not-archived", 0),
        ({}, "evidence-missing", 1),
    ],
)
def test_replay_without_its_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, Any], why: str, expected: int
) -> None:
    """Evidence that is gone is no success; where a run was told to keep none, it is."""
    directory = crawled(tmp_path, settings=settings)
    shutil.rmtree(tmp_path / "archive")
    status, text = told(capsys, "replay", directory)
    assert (status, f"not derived, {why}: 3 (" in text) == (expected, True)
    assert ("NOT shown, since it is damaged or gone: 3 lines" in text) == bool(expected)
    (counts,) = rows(told(capsys, "replay", "--json", directory)[1])
    assert counts["gone"] == 3 * expected


def test_replay_by_another_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What another policy would have done is counted; it may be YAML, JSON, or the manifest of another run."""
    directory = crawled(tmp_path / "audit")
    (tmp_path / "policy.yaml").write_text("profile: literal\n")
    status, text = told(capsys, "replay", directory, "--policy", str(tmp_path / "policy.yaml"))
    assert status == 0
    assert f"{SITE}/papers\n  request r-main:" in text
    assert "deny (training-consensus) -> no reservation found" in text
    assert "  deny -> no reservation found: 1\n" in text
    assert "  training-consensus would settle no longer: 1\n" in text
    assert "not fetched, so decided by the files of their sites alone: 1" in text
    (tmp_path / "run.json").write_text(json.dumps({"run": "x", "policy": Policy("GPTBot").to_dict()}))
    status, text = told(capsys, "replay", directory, "--json", "--policy", str(tmp_path / "run.json"))
    *changed, counts = rows(text)
    assert [one["after"] for one in changed] == ["allow", "deny"]
    assert counts["outcomes"] == {"allow -> allow": 1, "deny -> allow": 1, "deny -> deny": 1}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "cannot be read: No such file or directory"), ("a: [", "cannot be read: while parsing"),
        ("[]", "is no mapping: write fields like profile: literal"), ("profile: x", "profile is 'x'"),
    ],
)  # fmt: skip
def test_policies_that_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, error: str
) -> None:
    """A policy that cannot be is one line, with status 2."""
    directory, file = crawled(tmp_path / "audit"), tmp_path / "policy"
    if text is not None:
        file.write_text(text)
    status, shown = told(capsys, "replay", directory, "--policy", str(file))
    assert (status, shown.count("\n"), error in shown) == (2, 1, True)


@pytest.mark.parametrize("command", [("replay",), ("explain", SITE), ("ask", "h.example"), ("diff", "elsewhere")])
def test_directories_that_are_not_there(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    """A directory that is not there is one line, with status 2."""
    name, *more = command
    status, shown = told(capsys, name, "nowhere", *more)
    assert (status, shown.count("\n"), "nowhere" in shown) == (2, 1, True)


def test_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The story of a URL is told in words; of one that is in no log that is said, with status 1."""
    directory = crawled(tmp_path)
    status, text = told(capsys, "explain", directory, f"{SITE}/papers")
    assert status == 0
    assert text.startswith(
        f"{SITE}/papers\n\n2026-11-24 12:00:00 UTC, crawl r by House, before it was fetched: reserved"
    )
    assert '- robots.txt, line 5: "Disallow: /papers"' in text
    for spelling in ("HTTPS://H.Example/papers", "https://h.example:443/papers#top"):
        status, text = told(capsys, "explain", directory, spelling)
        assert (status, "Disallow: /papers" in text) == (0, True)
    assert told(capsys, "ask", directory, f"{SITE}/papers")[0] == 0
    status, text = told(capsys, "explain", directory, f"{SITE}/never")
    assert (status, "is in none of these logs" in text) == (1, True)
    assert told(capsys, "explain", "--json", directory, f"{SITE}/never") == (1, "")


def test_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a site said is told with how often; of one that is in no log that is said, with status 1."""
    directory = crawled(tmp_path)
    status, text = told(capsys, "ask", directory, "h.example")
    assert status == 0
    assert text.startswith(
        "h.example: 3 decisions in 1 crawls\n  request: no reservation found: 1\n  request: deny: 2\n"
    )
    assert '  robots.txt product-tokens: "Disallow: /papers"\n' in text
    status, text = told(capsys, "ask", "--json", directory, "h.example")
    (values,) = rows(text)
    assert (status, values["outcomes"]) == (0, {"request allow": 1, "request deny": 2})
    status, text = told(capsys, "ask", directory, "nowhere.example")
    assert (status, "is in none of these logs" in text) == (1, True)


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who reserved and who withdrew is told, with status 0; of two alike, that there is no change, with status 1."""
    earlier, later = crawled(tmp_path / "1", b""), crawled(tmp_path / "2")
    status, text = told(capsys, "diff", earlier, later)
    assert status == 0
    assert f'{SITE} reserved: product-tokens (training-consensus) "Disallow: /papers", 1 decisions' in text
    assert "2 changes over 1 sites that both crawls asked" in text
    status, text = told(capsys, "diff", "--json", later, earlier)
    assert (status, [row.get("what") for row in rows(text)]) == (0, ["withdrew", "withdrew", None])
    status, text = told(capsys, "diff", later, later)
    assert (status, text.startswith("0 changes")) == (1, True)


def test_damage_is_told_with_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a log is damaged, each command says with what it found that it may not be all, with status 3."""
    directory = crawled(tmp_path)
    (tmp_path / "torn-main.jsonl").write_text("{")
    for command, never in (
        (("explain", directory, f"{SITE}/free"), ""),
        (("explain", directory, f"{SITE}/never"), "neither asked for"),
        (("ask", directory, "h.example"), ""),
        (("ask", directory, "nowhere.example"), "nothing of it was asked for"),
        (("diff", directory, directory), ""),
    ):
        assert main(command) == 3
        shown = capsys.readouterr()
        assert "damaged, so " in shown.out
        assert not never or never not in shown.out
        assert main((*command, "--json")) == 3
        shown = capsys.readouterr()
        assert "damaged, so " in shown.err
        rows(shown.out)
    status, text = told(capsys, "replay", directory)
    assert (status, "damaged: 1\n" in text) == (1, True)
