"""The tables of README and docs are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from optout_middleware.policy import FINDINGS, Finding
from optout_middleware.settings import SETTINGS
from optout_middleware.signals import SIGNALS
from optout_middleware.signals.usages import ANSWERS
from optout_middleware.terms import Outcome, Usage

ROOT = Path(__file__).parent.parent


def text_of(name: str) -> str:
    """Give the text of a document."""
    return (ROOT / name).read_text("utf-8")


def table(text: str, head: str) -> list[list[str]]:
    """Give the cells of the table with that first cell in its head, without the head."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def shown(value: Any) -> str:
    """Show a default as the README does."""
    if isinstance(value, tuple):
        names = ", ".join(f'"{item}"' if isinstance(item, str) else f"{item:g}" for item in value)
        return f"`[{names}]`" if len(value) < 5 else f"{len(value)} common names"
    if value is None:
        return "-"
    return f'`"{value}"`' if isinstance(value, str) else "`{}`" if isinstance(value, dict) else f"`{value}`"


def judged(outcome: Outcome, finding: Finding) -> str:
    """Show what a profile makes of a finding as docs/decisions.md does."""
    if outcome is Outcome.ALLOW:
        return "allow, noted"
    return f"{outcome} ({finding.waits_for})" if outcome is Outcome.PENDING and finding.waits_for else str(outcome)


def test_settings() -> None:
    """README lists every setting with its default and meaning."""
    expected = [[f"`{row.name}`", shown(row.default), row.meaning] for row in SETTINGS]
    assert table(text_of("README.md"), "setting") == expected


def test_findings() -> None:
    """docs/decisions.md lists every finding with what each profile makes of it."""
    expected = [
        [f"`{name}`", row.meaning, judged(row.precautionary, row), judged(row.literal, row),
         "yes" if row.overridable else "no"]
        for name, row in FINDINGS.items()
    ]  # fmt: skip
    assert table(text_of("docs/decisions.md"), "finding") == expected


@pytest.mark.parametrize("name", ["docs/decisions.md", "docs/signals.md"])
def test_usages(name: str) -> None:
    """The docs list which value of which signal answers for which usage."""
    expected = [
        [f"`{signal}`", f"`{value}`", *("answers" if usage in usages else "-" for usage in Usage)]
        for signal, values in ANSWERS.items()
        for value, usages in values.items()
    ]
    assert table(text_of(name), "signal") == expected


def test_signals() -> None:
    """docs/signals.md has one section for each signal, with an example, its version and its source."""
    sections = re.split(r"^## ", text_of("docs/signals.md"), flags=re.MULTILINE)[1:]
    named = {section.partition("\n")[0]: " ".join(section.split()) for section in sections}
    assert [name for name in named if "**Version.**" in named[name]] == ["robots.txt", *(s.name for s in SIGNALS)]
    for signal in SIGNALS:
        text = named[signal.name]
        assert f"**Version.** {signal.version} - **Source.** <{signal.origin}>" in text
        assert "```" in text
        assert "**What we do with it.**" in text
        assert "**What we do not.**" in text
