"""Every row of the compiled vectors is run by a test, or its deviation is argued; no file of vectors lies unused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
ROWS: list[dict[str, Any]] = json.loads((VECTORS / "signal-vectors.json").read_text("utf-8"))
DEVIATIONS: dict[str, str] = json.loads((VECTORS / "deviations.json").read_text("utf-8"))
# Letter of the row -> the files whose rows have its ids; robots_txt.json uses some of the letters for ids of its own.
FILES = {
    "R": ("decide",), "T": ("tdmrep", "embedded"), "A": ("decide",), "C": ("decide",), "X": ("robots_tag",),
    "Y": ("domain_files",), "S": ("rsl",), "Z": ("decide",),
}  # fmt: skip
# Kind of a row with a machine-readable form -> the test that runs all of that kind.
RUNNERS = {
    "robots": "test_robots_txt.py",
    "tdm": "test_tdmrep.py",
    "aipref": "test_usage_fields.py",
    "usage": "test_usage_fields.py",
}
OTHER_DATA = {"signal-vectors", "deviations"}
TESTS = {path: path.read_text("utf-8") for path in HERE.parent.rglob("test_*.py") if path != Path(__file__)}


def ids_of(name: str) -> set[str]:
    """Give the ids of a file of vectors; several of one row have its id and a hyphen in front."""
    data = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    found = data["vectors"] if isinstance(data, dict) else data
    return {row["id"].partition("-")[0] for row in found}


def test_every_row_is_run_or_argued() -> None:
    """None of the 152 rows is left out."""
    run = {letter: set().union(*map(ids_of, names)) for letter, names in FILES.items()}
    missing = [
        row["id"]
        for row in ROWS
        if "machine" not in row and row["id"] not in run[row["id"][0]] and row["id"] not in DEVIATIONS
    ]
    assert len(ROWS) == 152
    assert missing == []


def test_rows_of_every_kind_have_a_runner() -> None:
    """Each kind of machine-readable row is picked from the compiled vectors by a test."""
    assert {row["machine"][0] for row in ROWS if "machine" in row} == set(RUNNERS)
    for kind, name in RUNNERS.items():
        text = (HERE / name).read_text("utf-8")
        assert "signal-vectors.json" in text
        assert f'"{kind}"' in text or kind == "tdm"  # test_tdmrep.py picks its rows by their letter


def test_every_file_of_vectors_is_run() -> None:
    """Each file of vectors is read by some test."""
    for path in VECTORS.glob("*.json"):
        if path.stem not in OTHER_DATA:
            assert any(f'"{path.name}"' in text or f'"{path.stem}"' in text for text in TESTS.values()), path.name


def test_deviations_are_argued() -> None:
    """A deviation is of a row that exists, has an argument in a sentence, and is not run as if it held."""
    rows = {row["id"] for row in ROWS}
    for row, argument in DEVIATIONS.items():
        assert row in rows
        assert len(argument.split()) > 5
        assert row not in set().union(*map(ids_of, FILES[row[0]]))


def test_every_own_vector_names_its_source() -> None:
    """Each vector of ours has an origin: a section, a page or a test suite."""
    for name in sorted({name for names in FILES.values() for name in names} | {"robots_txt", "usage_fields"}):
        data = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
        for row in data["vectors"] if isinstance(data, dict) else data:
            assert re.search(r"\w", row["origin"]), row["id"]
