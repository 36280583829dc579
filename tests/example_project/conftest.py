"""The example as its tests see it.

Rule of this file: the example is a Scrapy project, no installed package; its directory goes on the path here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from web.server import SmallWeb

EXAMPLE = Path(__file__).resolve().parents[2] / "example_project"
sys.path.insert(0, str(EXAMPLE))


@pytest.fixture(scope="session")
def web() -> Iterator[SmallWeb]:
    """Serve the small web while the tests run."""
    from web.server import SmallWeb  # noqa: PLC0415 - not before the path is set

    with SmallWeb() as small_web:
        yield small_web


@pytest.fixture(scope="session")
def client(web: SmallWeb) -> Iterator[requests.Session]:
    """Give a client that goes through the small web's proxy, whatever the environment says."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"http": web.proxy}
        yield session
