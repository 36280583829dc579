"""docs/audit.md and docs/privacy.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from optout_middleware.audit.packing import DEFAULTS
from optout_middleware.audit.personal import PERSONAL
from optout_middleware.audit.reading import Damage

from .log_files import lines, read, validator, written

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"


def fields(name: str, heading: str) -> list[str]:
    """Give the names in the first cells of the table below a heading."""
    text = (DOCS / name).read_text("utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    cells = [row.split(" | ")[0] for row in text.splitlines() if row.startswith("| `")]
    return [field for cell in cells for field in re.findall(r"`([^`]+)`", cell)]


def test_every_personal_field_is_listed() -> None:
    """With what it is; privacy.md lists no other."""
    assert sorted(fields("privacy.md", "How a personal value is stored")) == sorted(PERSONAL)


def test_every_field_of_a_line_is_listed(tmp_path: Path) -> None:
    """Those that a reader gets, which are those of the schema."""
    written(tmp_path)
    schema: Any = validator("record-2").schema
    listed = fields("audit.md", "Fields of a line")
    assert sorted(listed) == sorted(read(tmp_path)[0]) == sorted(schema["oneOf"][0]["required"])
    assert set(DEFAULTS) <= set(listed)


def test_every_kind_of_finding_is_listed() -> None:
    """Damage that verification names has its row."""
    listed = set(fields("audit.md", "`optout verify DIR...`"))
    only_read = {"not-json", "too-long", "unknown-schema", "unresolved"}  # whatever is so is altered, too
    assert set(re.findall(r'"([a-z-]+)"', Damage.__doc__ or "")) - only_read == listed


def test_sql_of_the_docs_reads_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB opens the segments, and finds the reasons that lines share."""
    written(tmp_path / "audit")
    monkeypatch.chdir(tmp_path)
    views, question = re.findall(r"```sql\n(.*?)```", (DOCS / "audit.md").read_text("utf-8"), re.DOTALL)
    with duckdb.connect() as database:
        database.execute(views)
        found: list[tuple[Any, ...]] = database.execute(question).fetchall()
        every = database.execute("SELECT count(*) FROM reasons WHERE (reason ->> 'finding') IS NOT NULL").fetchone()
    assert found == [("refusal", 3)]
    assert every == (sum(len(line["reasons"]) for line in lines()),)
