"""Fixtures of guarded sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .webs import Guards, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    """Give what starts servers on loopback."""
    started: list[Site] = []

    def start() -> Site:
        started.append(Site())
        return started[-1]

    yield start
    for site in started:
        site.close()


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    """Give one server."""
    return new_site()


@pytest.fixture
def guard(tmp_path: Path) -> Guards:
    """Give what guards sessions."""
    return Guards(tmp_path)
