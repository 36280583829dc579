"""What a benchmark hands back: a table of rows, each with its target where there is one.

Rule of this file: text only. A table is written as Markdown, so that a run can be pasted into README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Options(NamedTuple):
    """What the command line may set.

    Fields:
        rounds: how many times the variants of a comparison take turns.
        seed: of the generator of robots.txt files.
        real: a directory of real robots.txt files to use in place of generated ones; None = generated.
        works: how many works the synthetic register has.
        urls: how many URLs the corpus of a re-check has.
    """

    rounds: int
    seed: int
    real: Path | None
    works: int = 200_000
    urls: int = 1_000_000


class Target(NamedTuple):
    """A bound, and the measured value that is held against it.

    Fields:
        value: as measured.
        bound: the target.
        at_least: whether more is better.
        shown: the bound as it is written.
    """

    value: float
    bound: float
    at_least: bool
    shown: str

    @property
    def met(self) -> bool:
        """Tell whether the target is met."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Row(NamedTuple):
    """One line of a table: its cells, and the target of the row, if any."""

    cells: tuple[str, ...]
    target: Target | None = None


class Table(NamedTuple):
    """A table of measured figures.

    Fields:
        title: what was measured.
        columns: the heads of the cells; target and verdict follow by themselves.
        rows: the figures.
        note: the circumstances, in one sentence.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    note: str = ""

    def to_markdown(self) -> str:
        """Write the table with aligned columns."""
        lines = [[*self.columns, "target", "met"]]
        for row in self.rows:
            verdict = ["-", "-"] if row.target is None else [row.target.shown, "yes" if row.target.met else "NO"]
            lines.append([*row.cells, *verdict])
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        written = [
            "| " + " | ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)) + " |"
            for line in lines
        ]
        written.insert(1, "| " + " | ".join("-" * size for size in widths) + " |")
        note = [self.note, ""] if self.note else []
        return "\n".join([f"### {self.title}", "", *note, *written, ""])


def at_most(value: float, bound: float, unit: str = "") -> Target:
    """Hold a value against an upper bound."""
    return Target(value, bound, at_least=False, shown=f"<= {bound:,g}{unit}")


def at_least(value: float, bound: float, unit: str = "") -> Target:
    """Hold a value against a lower bound."""
    return Target(value, bound, at_least=True, shown=f">= {bound:,g}{unit}")
