"""`optout register`: import, ask, record; each mistake is one line, each answer names its source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.cli import main
from optout_middleware.cli.facts import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = """
schema_version: 1
source: the office of SOCIA, invented
parties:
  - {id: socia, kind: cmo, names: [SOCIA]}
  - {id: ada, kind: natural, names: [Ada Invented], identifiers: {ipi: "00014107338"}}
works:
  - {id: w1, kind: musical, titles: [The Song That Is Not], identifiers: {iswc: T-034.524.680-1}}
interests:
  - {party: ada, target: w1, layer: lyrics, role: A, society: socia}
mandates:
  - {grantor: ada, manager: socia, uses: [reserve, license], exclusive: true, status: confirmed, evidence: deed}
declarations:
  - {id: socia-2026, declarant: socia, scope: repertoire, classes: [lyrics], declared_on: 2026-01-01, text: ask first}
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give a way to run the command on a register of its own: exit status, output, errors."""

    def ran(*arguments: str) -> tuple[int, str, str]:
        status = main(["register", *arguments, "--register", str(tmp_path / "register.sqlite")])
        told = capsys.readouterr()
        return status, told.out, told.err

    return ran


@pytest.fixture
def document(tmp_path: Path) -> str:
    """Give the path of a document with one work."""
    path = tmp_path / "socia.yaml"
    path.write_text(DOCUMENT)
    return str(path)


def test_import_says_what_can_match(run: Callable[..., tuple[int, str, str]], document: str) -> None:
    """Rows by kind; the same file again changes nothing."""
    status, out, _ = run("import", document)
    assert status == 0
    assert "works: 1, of which 1 can match" in out
    assert "rejected lines: 0" in out
    assert "imported already, nothing changed" in run("import", document)[1]
    shown = json.loads(run("import", document, "--json")[1])
    assert (shown["changed"], shown["kind"]) == (False, "documents")


def test_rejected_lines_are_numbered(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """What cannot be read is told with its line, and the exit status says so."""
    path = tmp_path / "bad.yaml"
    path.write_text("works:\n  - {id: w1, kind: musical, titles: [A]}\n  - {id: w2, kind: song, titles: [B]}\n")
    status, out, _ = run("import", str(path))
    assert status == 1
    assert "rejected lines: 1" in out
    assert "line 3" in out


def test_status_names_imports_and_facts(run: Callable[..., tuple[int, str, str]], document: str) -> None:
    """What was imported when, of what hash, and what people recorded beside it."""
    run("import", document, "--as-of", "2026-11-01")
    run("correction", "add", "subject=w1", "evidence=another song", "start=2026-11-01", "--by", "A. Example")
    _, out, _ = run("status")
    assert "socia.yaml: documents, as of 2026-11-01" in out
    assert "recorded beside them:\n    correction: 1" in out
    shown = json.loads(run("status", "--json")[1])
    assert shown["facts"] == {"correction": 1}
    assert shown["imports"][0]["as_of"] == "2026-11-01"


@pytest.mark.parametrize(
    ("asked", "band"),
    [
        (["The Song That Is Not", "--writer", "Ada Invented"], "strong"),
        (["T-034.524.680-1"], "strong"),
        (["Ada Invented"], "middle"),
    ],
)
def test_find(run: Callable[..., tuple[int, str, str]], document: str, asked: list[str], band: str) -> None:
    """By title and writer, by number, by name; with who holds it and where that was read."""
    run("import", document)
    (first, *_) = json.loads(run("find", *asked, "--json")[1])
    assert first["band"] == band
    assert "socia.yaml" in first["source"]
    assert band in run("find", *asked)[1]
    if first.get("work"):
        assert "society socia" in first["interests"][0]


def test_nothing_found_is_said(run: Callable[..., tuple[int, str, str]], document: str) -> None:
    """Silence would look like a failure."""
    run("import", document)
    assert "nothing in" in run("find", "Qqq Zzz")[1]


@pytest.mark.parametrize("outcome", ["deny", "allow"])
def test_explain(run: Callable[..., tuple[int, str, str]], document: str, tmp_path: Path, outcome: str) -> None:
    """The outcome, its rule, and the chain of facts; a licence on file changes it for its licensee."""
    run("import", document)
    item = tmp_path / "item.json"
    item.write_text(json.dumps({"iswc": "T-034.524.680-1", "title": "The Song That Is Not", "class": "lyrics"}))
    values = ["party=socia", "works=w1", "usages=train-ai", "valid_from=2026-01-01", "valid_until=2027-01-01"]
    run("licence", "add", *values, "evidence=contract 7", "licensee=Example Corp", "--by", "A. Example")
    operator = "Example Corp" if outcome == "allow" else "Other Corp"
    status, out, _ = run("explain", str(item), "--operator", operator, "--on", "2026-11-24")
    assert (status, out.split(",")[0]) == (0, outcome)
    shown = json.loads(run("explain", str(item), "--operator", operator, "--on", "2026-11-24", "--json")[1])
    assert shown["outcome"] == outcome
    assert bool(shown["licences"]) is (outcome == "allow")
    assert any("socia" in sentence.lower() for sentence in shown["chain"])


def test_explain_without_a_register_uses_the_declarations_of_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They hold for everybody, so the answer is not "nothing known"."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTOUT_REGISTER", raising=False)
    (tmp_path / "item.json").write_text('{"title": "A", "class": "lyrics"}')
    assert main(["register", "explain", "item.json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("pending")
    assert "Sacem" in out


@pytest.mark.parametrize("kind", RECORDED)
def test_facts_are_listed_and_ended(run: Callable[..., tuple[int, str, str]], kind: str) -> None:
    """What is recorded stays, with who recorded and who ended it."""
    values: dict[str, list[str]] = {
        "licence": [
            "party=p", "scopes=a.example,b.example", "usages=train-ai", "valid_from=2026-01-01",
            "valid_until=2099-01-01", "evidence=e",
        ],
        "dispute": ["id=d1", "subject=p", "parties=p,q", "opened=2026-01-01"],
        "correction": ["subject=w1", "evidence=e", "start=2026-01-01"],
        "exception": ["target=p", "party=q", "direction=withhold", "evidence=letter"],
        "mandate": ["grantor=q", "manager=p", "status=disputed"],
        "ruling": [
            "finding=named-bot", "scope=a.example", "outcome=allow", "reason=asked", "valid_from=2026-01-01",
            "valid_until=2099-01-01",
        ],
    }  # fmt: skip
    assert run(kind, "add", *values[kind], "--by", "A. Example")[0] == 0
    assert "recorded by A. Example" in run(kind, "list")[1]
    assert run(kind, "end", "1", "--by", "B. Example", "--reason", "mistaken")[0] == 0
    assert json.loads(run(kind, "list", "--json")[1]) == []
    (first, second) = json.loads(run(kind, "list", "--all", "--json")[1])
    assert (first["recorded_by"], second["recorded_by"]) == ("A. Example", "B. Example")


def test_what_was_imported_is_listed_too(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """A list that left it out would look as if there were none."""
    path = tmp_path / "licences.yaml"
    path.write_text(
        "licences:\n  - {party: p, works: [w1], usages: [train-ai], valid_from: 2026-01-01, valid_until: 2099-01-01, "
        "evidence: e, recorded_by: A. Example}\n"
    )
    run("import", str(path))
    out = run("licence", "list")[1]
    assert "imported: party=p; usages=train-ai" in out
    assert "0 recorded in" in out
    (shown,) = json.loads(run("licence", "list", "--json")[1])
    assert (shown["imported"], shown["value"]["works"]) == (True, ["w1"])


def test_explain_says_that_nothing_is_reserved(
    run: Callable[..., tuple[int, str, str]], document: str, tmp_path: Path
) -> None:
    """A work that is known and free is not one that nobody knows."""
    run("import", document)
    member = tmp_path / "parties.yaml"
    member.write_text("parties:\n  - {id: bob, kind: natural, names: [Bob Unbound]}\n")
    run("import", str(member))
    item = tmp_path / "item.json"
    item.write_text('{"title": "Another", "writers": ["Bob Unbound"]}')
    assert "no rule: nothing that is reserved concerns it" in run("explain", str(item))[1]
    item.write_text('{"title": "Another"}')
    assert "no rule: the register knows nothing of it" in run("explain", str(item))[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["import", "none.csv"], "none.csv is no file"),
        (["status"], "does not exist: import into it first"),
        (["explain", "none.json"], "cannot read none.json"),
        (["licence", "add", "party", "--by", "A"], "'party' is not of the form NAME=VALUE"),
        (["licence", "add", "party=p", "--by", "A"], "is missing"),
        (["licence", "add", "pary=p", "--by", "A"], "pary"),
        (["dispute", "end", "7", "--by", "A", "--reason", "b"], "does not exist"),
        (["import", "--map", "title", "none.csv"], "'title' is not of the form"),
    ],
)
def test_mistakes(run: Callable[..., tuple[int, str, str]], arguments: list[str], message: str) -> None:
    """One line on standard error, exit status 2."""
    status, _, err = run(*arguments)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [("[]", "no JSON object"), ("{", "is no JSON"), ('{"titel": "A"}', "'titel' is no credit")],
)
def test_mistakes_in_an_item(run: Callable[..., tuple[int, str, str]], tmp_path: Path, text: str, message: str) -> None:
    """The item is read strictly: a misspelt credit would be one that is not asked about."""
    path = tmp_path / "item.json"
    path.write_text(text)
    status, _, err = run("explain", str(path))
    assert status == 2
    assert message in err


def test_ending_the_wrong_kind_is_refused(run: Callable[..., tuple[int, str, str]]) -> None:
    """A number of another kind is a mistake, not a wish."""
    values: Any = ["subject=w1", "evidence=e", "start=2026-01-01"]
    run("correction", "add", *values, "--by", "A")
    status, _, err = run("dispute", "end", "1", "--by", "A", "--reason", "b")
    assert (status, "fact 1 is a correction, no dispute" in err) == (2, True)


def test_a_reader_who_has_had_enough_is_no_mistake(tmp_path: Path) -> None:
    """As in `optout register status | head`: no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = "import sys; from optout_middleware.cli import main; sys.exit(main(['signals']))"
    done = subprocess.run([sys.executable, "-c", command], stdout=writing, stderr=subprocess.PIPE, check=False,
                          cwd=tmp_path)  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
