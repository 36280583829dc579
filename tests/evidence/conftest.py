"""Fixtures of what is gathered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.evidence.stores.sqlite import SqliteStore

from .webs import Clock, Web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optout_middleware.evidence.store import Store


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def web(clock: Clock) -> Web:
    """Give a web of 404s."""
    return Web(clock)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store of each kind."""
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "evidence.sqlite")
    yield made
    asyncio.run(made.close())
