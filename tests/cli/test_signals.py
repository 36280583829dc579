"""`optout signals`: each signal once, with version, locations and source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from optout_middleware.cli import main
from optout_middleware.cli.signals import PLACES
from optout_middleware.signals import SIGNALS

if TYPE_CHECKING:
    import pytest


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has a head and one line for each signal, its source last."""
    assert main(["signals"]) == 0
    head, own, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["signal", "version", "locations", "source"]
    assert own.startswith("robots.txt  ")
    assert [line.split()[0] for line in lines] == [signal.name for signal in SIGNALS]
    assert [line.split()[-1] for line in lines] == [signal.origin for signal in SIGNALS]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json each line is one object, with the locations as a list."""
    assert main(["signals", "--json"]) == 0
    rows = {row["signal"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert list(rows) == ["robots.txt", *(signal.name for signal in SIGNALS)]
    assert rows["tdmrep"] == {
        "signal": "tdmrep",
        "version": "10 May 2024",
        "locations": ["tdmrep.json", "header", "meta", "EPUB", "PDF"],
        "source": "https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/",
    }


def test_every_signal_has_a_location() -> None:
    """No signal is listed without the places where it stands, and no place without its signal."""
    assert all(signal.keep or PLACES.get(signal.name) for signal in SIGNALS)
    assert set(PLACES) <= {signal.name for signal in SIGNALS}
