"""Grouped audit lines of records with bodies, headers and credits: the figures are those of single lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optout_middleware.audit.report.aggregated import parts_of_aggregates
from optout_middleware.audit.training_summary import training_summary

from . import corpora
from .test_grouped import DAY, MODES, field, figures, rechecked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("register", ["none", ""])
def test_records_with_bodies_count_the_same(tmp_path: Path, register: str) -> None:
    """With headers, HTML, titles and writers, by the register and without it."""
    made = [
        {**row, "title": "La Mer" if number % 2 else None, "writers": ["Charles Trenet"] if number % 4 else None}
        for number, row in enumerate(corpora.rows(330))
    ]
    audits = rechecked(tmp_path, made, register=register)
    full, grouped = (figures(audits[mode]) for mode in MODES)
    assert grouped == full
    full, grouped = (parts_of_aggregates([audits[mode]]) for mode in MODES)
    for found in (full, grouped):
        del found["runs"], found["policies"]
    assert grouped == full
    full, grouped = (training_summary([audits[mode]], [], made=DAY) for mode in MODES)
    for number in ("1.6", "2.3.4", "2.3.5", "2.3.6", "2.3.7", "2.3.8", "3.2"):
        assert field(grouped, number) == field(full, number), number
