"""The examples in docstrings are what the code does."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import optout_middleware

ROOT = Path(optout_middleware.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.name != "__main__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    """Each module's examples hold."""
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    """The modules that read what comes from the web show examples, so the test above has something to fail on."""
    found = {name: len(doctest.DocTestFinder(exclude_empty=True).find(import_module(name))) for name in MODULES}
    assert {"optout_middleware.urls", "optout_middleware.signals.paths", "optout_middleware.signals.robots_txt"} <= {
        name for name, number in found.items() if number
    }
    examples = [test for name in MODULES for test in doctest.DocTestFinder().find(import_module(name)) if test.examples]
    assert len(examples) >= 8
