"""Fixtures of real crawls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scrapy.core.engine import ExecutionEngine

from .loopback import Crawls, Site, Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine look for work more often than every 5 seconds, as Scrapy's own tests do."""
    monkeypatch.setattr(ExecutionEngine, "_SLOT_HEARTBEAT_INTERVAL", 0.1)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """Give servers on loopback."""
    servers = Web()
    yield servers
    await servers.close()


@pytest.fixture
async def site(web: Web) -> Site:
    """Give one server."""
    return await web.site()


@pytest.fixture
def crawl(tmp_path: Path) -> Crawls:
    """Give what runs crawls."""
    return Crawls(tmp_path)
