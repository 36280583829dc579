"""What the extension remembers of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.utils.test import get_crawler

from optout_middleware.crawl import extension
from optout_middleware.crawl.extension import OptOut

if TYPE_CHECKING:
    import pytest


def test_handed_over_items_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that never arrive are forgotten, the oldest first; each is taken as often as it was handed over."""
    monkeypatch.setattr(extension, "_MOST_HANDED_OVER", 2)
    optout = OptOut(get_crawler())
    one, two, three = {"n": 1}, {"n": 1}, {"n": 1}
    for item in (one, two, three):
        optout.hand_over(item)
    assert [optout.take(item) for item in (one, two, three, three)] == [False, True, True, False]
