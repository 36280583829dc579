"""docs/register.md: its tables are those of the code, and every command in it does what it says it does.

Rule of this file: commands stand in blocks `console`, files that they need in blocks that name them; they are run in
their order, in a directory with the example's repertoire and an audit log of its pages.
"""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.cli import main
from optout_middleware.decide import decide
from optout_middleware.policy import FINDINGS, Policy
from optout_middleware.reasons import with_register
from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers.columns import COLUMNS, REQUIRED
from optout_middleware.register.importers.documents import SECTIONS
from optout_middleware.register.importers.entries import KINDS
from optout_middleware.register.lookup import EVERY
from optout_middleware.register.rules import RULES
from optout_middleware.register.store import RegisterStore
from optout_middleware.terms import Claim, Evidence, Outcome, WaitsFor

from .cwr_builder import delivery, octets, song

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.register.current import Current

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "register.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def column_table(kind: str) -> list[list[str]]:
    """Give the table of the columns of a kind of table, with its head."""
    rows = [
        [f"`{name}`", "yes" if name in REQUIRED[kind] else "", meaning.replace("|", r"\|")]
        for name, meaning in COLUMNS[kind].items()
    ]
    return [["column", "needed", "what stands in it"], ["---", "---", "---"], *rows]


def section_table() -> list[list[str]]:
    """Give the table of the sections of a document, with its head."""
    rows = []
    for section, kind in SECTIONS.items():
        known = KINDS[kind]
        needed, others = list(known.required), [name for name in known.fields if name not in known.required]
        rows.append([f"`{section}`", *(", ".join(f"`{name}`" for name in names) for names in (needed, others))])
    return [["section", "needed", "may have"], ["---", "---", "---"], *rows]


def rule_table() -> list[list[str]]:
    """Give the table of the rules, with its head."""
    return [["rule", "what it says, and where it comes from"], ["---", "---"], *([*row] for row in RULES.items())]


def table(head: str, text: str = DOC) -> list[list[str]]:
    """Give the cells of the first table with that first cell in its head, with the head."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for row in lines[start:]:
        if not row.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]])
    return rows


def section(title: str) -> str:
    """Give the text of a section."""
    return DOC.partition(f"# {title}\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("kind", COLUMNS)
def test_columns(kind: str) -> None:
    """Every column of every kind of table, with what stands in it."""
    assert table("column", section(f"Table: {kind}")) == column_table(kind)


def test_sections() -> None:
    """Every section of a document, with its fields."""
    assert table("section") == section_table()


def test_rules() -> None:
    """All rules, in their words."""
    assert table("rule") == rule_table()


def test_outcomes() -> None:
    """Every finding of the register stands in the table of outcomes, with what it comes to."""
    found = {}
    for outcome, raised, *_ in table("outcome")[2:]:
        for name in CODE.findall(raised):
            found[name] = outcome.strip("`")
    expected = {}
    for name, row in FINDINGS.items():
        if name.startswith("register-"):
            waits_for = f" ({row.waits_for})" if row.waits_for else ""
            expected[name] = f"{row.precautionary}{waits_for}"
    assert found == expected


def test_words_of_the_outcomes() -> None:
    """No outcome, and nothing that is waited for, is left out."""
    named = {cell for row in table("outcome")[2:] for cell in [row[0].strip("`")]}
    assert named >= {f"pending ({word})" for word in WaitsFor} | {outcome.value for outcome in Outcome} - {"pending"}


def test_a_running_crawl_looks_often_enough() -> None:
    """What the section on it promises."""
    assert f"every {EVERY:g} seconds" in " ".join(section("What a running crawl takes up").split())
    assert EVERY * 5 <= 300


def blocks(kind: str = "") -> Iterator[tuple[str, str, str]]:
    """Give language, file name and text of the fenced blocks."""
    return (found.groups(default="") for found in BLOCK.finditer(DOC) if kind in ("", found[1]))  # type: ignore[misc]


def audit(directory: Path, policy: Policy) -> None:
    """Write the log of a crawl in which two songs waited, and one page was allowed."""
    now = datetime.now(timezone.utc)
    log = AuditLog(
        directory, run="20261124T120000Z-aaaaaa", writer="main", operator="Example", policy=policy, settings={},
        now=lambda: now,
    )  # fmt: skip
    middle = Claim("register-middle", "SOCIA", "M3", "title equal; 2 of 2 named writers, 1 of them exactly")
    presumed = Claim("register-class", "Sacem", "R6", "class lyrics is covered by sacem-2023")
    pages = (
        ("http://ballad-post.example/rain.html", "Rain Lends Nothing", middle),
        ("http://hollow-lyrics.example/songs/hay.html", "The Hay Remembers", presumed),
        ("http://poems.example/thunder.html", "A Thimble Full of Thunder", None),
    )
    for url, title, claim in pages:
        host = "/".join(url.split("/")[:3])
        seen = [Evidence(f"{host}/{file}", 404, (), b"", now) for file in ("robots.txt", ".well-known/tdmrep.json")]
        decision = decide(url, [*seen, Evidence(url, 200, (), b"", now)], policy)
        decided = with_register(decision, policy, claims=[claim] if claim else [])
        said = {"credits": {"titles": [title], "identifiers": []}}
        log.write(
            line("item", decided, final_url=url, size=None, action="drop", dry_run=False, mask=Mask(()), said=said)
        )
    log.close({})


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, int]]]:
    """Run all commands of the document, in their order; give the directory, and each with its exit status."""
    directory = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "example_project" / "register", directory / "register")
    (directory / "CW260001SOC_000.V22").write_bytes(octets(delivery(song(1))))
    audit(directory / "audit", Policy("ExampleCorpusBot"))
    for _, name, text in blocks():
        if name:
            (directory / name).write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.delenv("OPTOUT_REGISTER", raising=False)
        return directory, [(command, main(shlex.split(command)[1:])) for command in commands()]


def commands() -> list[str]:
    """Give the commands of the document."""
    texts = [text.replace("\\\n", " ") for _, _, text in blocks("console")]
    lines = [row for text in texts for row in text.splitlines() if row.strip()]
    assert all(row.startswith("$ optout ") for row in lines)
    return [row.removeprefix("$ ").partition("  # ")[0].strip() for row in lines]


def test_every_command_runs(told: tuple[Path, list[tuple[str, int]]]) -> None:
    """None of them is a mistake, and none rejects a line."""
    assert len(told[1]) >= 25
    assert [(command, status) for command, status in told[1] if status] == []


def test_what_the_commands_leave_behind(told: tuple[Path, list[tuple[str, int]]]) -> None:
    """The letter and the reservations hold; what was ended holds no more; the answer releases the one page."""
    directory, _ = told
    with RegisterStore(directory / ".optout" / "register.sqlite", create=False) as store:
        rows, log = store.status().rows, FactLog(store)
        known: Current = log.current(datetime.now(timezone.utc))
        assert rows["Work"] == 101 + 2  # SOCIA's, that of the delivery, and what the letter names
        kinds = {fact.kind for fact in log.all()}
    assert kinds == {"notice", "licence", "dispute", "exception", "correction", "mandate", "ruling"}
    assert {notice.sender for notice in known.notices} == {"Dulcie Marrowby", "A. Keeper"}
    assert known.disputes == ()
    assert (directory / "released.txt").read_text("utf-8") == "http://ballad-post.example/rain.html\n"


def test_every_part_of_the_commands_is_told() -> None:
    """Whatever `optout register`, `notice`, `reserve` and `pending` can do stands in the document."""
    used = {tuple(command.split()[1:4]) for command in commands()}
    for part in ("import", "status", "find", "explain"):
        assert any(words[:2] == ("register", part) for words in used), part
    for kind in ("licence", "dispute", "exception", "correction", "mandate", "ruling"):
        assert any(words[:2] == ("register", kind) for words in used), kind
    for part in ("add", "preview", "list", "answer", "close"):
        assert any(words[:2] == ("notice", part) for words in used), part
    assert any(words[0] == "reserve" for words in used)
    for option in ("--csv", "--rulings", "--expire", "--seeds", "--waits-for", "--owner"):
        assert any(option in command for command in commands()), option
