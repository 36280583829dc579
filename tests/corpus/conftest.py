"""A corpus on disk, for the tests of whole jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .corpora import FORMATS
from .test_records import write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Make a corpus of six shards, one in each format."""
    directory = tmp_path / "corpus"
    directory.mkdir()
    for number, name in enumerate(FORMATS):
        write(directory / name, 40 + number)
    return directory
