"""The rooms: a module imports from lower floors or its own room; crawl/ alone imports Scrapy, each engine its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import optout_middleware

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "optout_middleware"
ROOT = Path(optout_middleware.__file__).parent
# Room -> floor, lowest first; two rooms of one floor do not import from each other.
FLOORS = {
    "urls": 0, "terms": 1, "policy": 2, "wal": 2, "reasons": 3, "judge": 3, "signals": 3, "register": 4, "files": 4,
    "settle": 5, "setting_values": 5, "decide": 6, "": 7, "settings": 7, "evidence": 7, "audit": 8, "rights": 8,
    "stages": 8, "gathering": 8, "crawl": 9, "sync": 9, "corpus": 9, "cli": 10,
}  # fmt: skip
# The half of register/ that reads and writes files; all other modules there are pure.
WITH_IO = {
    "store", "schema", "writing", "reading", "matching", "facts", "notices", "queue", "services", "importers",
    "excluded", "lookup", "merging", "candidates",
}  # fmt: skip
# Engine -> the one module that imports it; of the others of the field, none is used.
ENGINES = {"ray": "corpus/on_ray.py", "datatrove": "corpus/on_datatrove.py"}
NOT_USED = {"pyspark", "dask", "datasets"}
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def imported(tree: ast.AST, module: Path) -> Iterator[str]:
    """Give the full names of all that a module imports, within functions and for type checks too."""
    package = [PACKAGE, *module.parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            source = ".".join(filter(None, (base, node.module)))
            yield from (f"{source}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """Give the room of a full name within the package; the public names are the package's own."""
    room = name.split(".")[1] if "." in name else ""
    return room if (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file() else ""


def faults(source: str, module: Path) -> list[str]:
    """Give what a module imports that it may not."""
    room = module.parts[0].removesuffix(".py").replace("__init__", "")
    found = []
    for name in imported(ast.parse(source), module):
        top = name.split(".")[0]
        if top == PACKAGE:
            other = room_of(name)
            if other != room and FLOORS[other] >= FLOORS[room]:
                found.append(f"{module}: {room} imports {name} of {other}")
        elif (
            (top == "scrapy" and room != "crawl")
            or (top in ENGINES and module.as_posix() != ENGINES[top])
            or top in NOT_USED
        ):
            found.append(f"{module}: {room} imports {name}")
    return found


def test_every_room_has_a_floor() -> None:
    """A new room takes a floor before it is used."""
    assert {module.parts[0].removesuffix(".py").replace("__init__", "") for module in MODULES} <= FLOORS.keys()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_down(module: Path) -> None:
    """Each module imports from lower floors or its own room; Scrapy in crawl/ only."""
    assert faults((ROOT / module).read_text("utf-8"), module) == []


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from optout_middleware.decide import Site", "signals/x.py"),
        ("import optout_middleware.policy", "terms.py"),
        ("from optout_middleware import Site", "signals/x.py"),
        ("from ..decide import Site", "signals/x.py"),
        ("from .. import decide", "signals/x.py"),
        ("from optout_middleware.settings import Settings", "evidence/x.py"),
        ("def late():\n    import scrapy", "evidence/x.py"),
        ("from scrapy.http import Request", "cli/x.py"),
        ("if TYPE_CHECKING:\n    from scrapy import Spider", "audit/x.py"),
        ("import ray", "corpus/pool.py"),
        ("from ray.exceptions import RayError", "cli/recheck.py"),
        ("import datatrove.data", "corpus/on_ray.py"),
        ("import datasets", "corpus/on_datatrove.py"),
    ],
)
def test_the_walk_finds_faults(source: str, module: str) -> None:
    """Imports of every form that go up, sideways or to Scrapy are found."""
    assert len(faults(source, Path(module))) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from optout_middleware.signals.asked import Asked", "signals/x.py"),
        ("from .asked import Asked", "signals/x.py"),
        ("from optout_middleware import policy", "decide.py"),
        ("import scrapy", "crawl/x.py"),
        ("import scrapyd_client", "cli/x.py"),
        ("import ray", "corpus/on_ray.py"),
        ("from datatrove.pipeline.base import PipelineStep", "corpus/on_datatrove.py"),
    ],
)
def test_the_walk_lets_the_rest_be(source: str, module: str) -> None:
    """What the rooms allow is no fault."""
    assert faults(source, Path(module)) == []


@pytest.mark.parametrize("module", ["signals", "files.py", "decide.py"])
def test_pure_rooms_do_no_io(module: str) -> None:
    """signals/ and decide.py read no clock, write no log and open nothing but the package's own data."""
    banned = {"socket", "requests", "logging", "time", "os", "pathlib", "subprocess", "asyncio", "sqlite3", "random"}
    for path in (ROOT / module).rglob("*.py") if module == "signals" else [ROOT / module]:
        tree = ast.parse(path.read_text("utf-8"))
        assert not banned & {name.split(".")[0] for name in imported(tree, path.relative_to(ROOT))}, path
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        if path.name == "embedded.py":
            called.discard("open")  # of a member of an archive in memory
        assert not called & {"now", "utcnow", "today", "open", "write_text"}, path


@pytest.mark.parametrize("path", sorted((ROOT / "register").glob("*.py")), ids=lambda path: path.name)
def test_the_pure_half_of_the_register_does_no_io(path: Path) -> None:
    """Model, rules and what they rest on import no module of the other half, and none that reads or tells the time."""
    names = {name.removeprefix(f"{PACKAGE}.register.") for name in imported(ast.parse(path.read_text("utf-8")), path)}
    banned = {"sqlite3", "os", "pathlib", "requests", "time", "logging", "asyncio", "subprocess", *WITH_IO}
    assert path.stem in WITH_IO or not banned & {name.split(".")[0] for name in names}


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (PACKAGE, {"scrapy", "twisted", "pyarrow", *ENGINES, *NOT_USED}),
        (f"{PACKAGE}.cli", {*ENGINES, *NOT_USED}),
        (f"{PACKAGE}.corpus.job, {PACKAGE}.corpus.pool", {*ENGINES, *NOT_USED}),
    ],
)
def test_importing_loads_nothing_heavy(modules: str, heavy: set[str]) -> None:
    """A notebook or a worker that decides needs neither Scrapy nor a reactor, and no command loads an engine first."""
    code = f"import sys, {modules}; print([name for name in sys.modules if name.split('.')[0] in {heavy!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stdout.strip() == "[]"


def test_public_names_are_all_there() -> None:
    """`__all__` is sorted as ruff sorts it, complete, and every name is there."""
    assert all(hasattr(optout_middleware, name) for name in optout_middleware.__all__)
    assert len(set(optout_middleware.__all__)) == len(optout_middleware.__all__)
    named = {"Evidence", "Policy", "Site", "Decision", "Outcome", "Preference", "Statement", "decide"}
    assert named <= set(optout_middleware.__all__)
