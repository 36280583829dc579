"""The charts of a report, as geometry: what a template draws as SVG, with a table under each that says the same.

Rule of this file: pure. What a part of a bar means is told by its pattern and by its place, never by colour alone.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 760
_LABEL, _NUMBER = 230, 90  # widths of the columns of a bar chart
_ROW, _BAR = 24, 15
_HEIGHT, _FOOT, _LEFT = 170, 40, 70  # of a chart of columns
MOST_COLUMNS = 62
_LONGEST = 34  # characters of a label; the table has it in full
_WEEKS = 7 * MOST_COLUMNS


class Box(NamedTuple):
    """One rectangle: where, and which pattern fills it."""

    x: float
    y: float
    width: float
    height: float
    kind: str


class Text(NamedTuple):
    """One text: where it stands, what it says, and which end of it stands there."""

    x: float
    y: float
    text: str
    anchor: str


class Figure(NamedTuple):
    """One chart.

    Fields:
        name: for links and for the ids of title and description.
        title, description: what it shows, in words.
        height: in units of the view box, whose width is `WIDTH`.
        boxes, texts: what it draws.
        series: kind of box -> what it means, for the legend.
    """

    name: str
    title: str
    description: str
    height: float
    boxes: tuple[Box, ...]
    texts: tuple[Text, ...]
    series: Mapping[str, str]


def bars(
    name: str, title: str, rows: Sequence[tuple[str, Mapping[str, int]]], series: Mapping[str, str]
) -> Figure | None:
    """Draw one bar a row, its parts in the order of the series; None where there is nothing to draw.

    Args:
        name: of the figure.
        title: what it shows.
        rows: label, and count by kind.
        series: kind -> what it means.
    """
    most = max((sum(counts.get(kind, 0) for kind in series) for _, counts in rows), default=0)
    if not most:
        return None
    scale = (WIDTH - _LABEL - _NUMBER) / most
    boxes: list[Box] = []
    texts: list[Text] = []
    for place, (label, counts) in enumerate(rows):
        top, x = place * _ROW + 4, float(_LABEL)
        short = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 3]}..."
        texts.append(Text(_LABEL - 8, top + _BAR - 3, short, "end"))
        for kind in series:
            if width := round(counts.get(kind, 0) * scale, 2):
                boxes.append(Box(round(x, 2), top, width, _BAR, kind))
                x += width
        total = sum(counts.get(kind, 0) for kind in series)
        texts.append(Text(round(x + 6, 2), top + _BAR - 3, f"{total:,}", "start"))
    said = "; ".join(f"{label}: {_counted(counts, series)}" for label, counts in rows[:10])
    return Figure(name, title, said, len(rows) * _ROW + 8, tuple(boxes), tuple(texts), series)


def columns(
    name: str, title: str, rows: Sequence[tuple[str, Mapping[str, int]]], series: Mapping[str, str]
) -> Figure | None:
    """Draw one column a row, for rows in order of time; None where there is nothing to draw."""
    most = max((sum(counts.get(kind, 0) for kind in series) for _, counts in rows), default=0)
    if not most:
        return None
    step = (WIDTH - _LEFT) / len(rows)
    boxes: list[Box] = []
    texts = [Text(_LEFT - 8, 14, f"{most:,}", "end"), Text(_LEFT - 8, _HEIGHT + 4, "0", "end")]
    labelled = {0, len(rows) - 1} | ({len(rows) // 2} if len(rows) > 4 else set())  # noqa: PLR2004 - room for three
    for place, (label, counts) in enumerate(rows):
        x, top = round(_LEFT + place * step, 2), float(_HEIGHT)
        for kind in series:
            height = counts.get(kind, 0) / most * (_HEIGHT - 10)
            if height:
                top -= height
                boxes.append(Box(x, round(top, 2), round(min(step * 0.8, 60), 2), round(height, 2), kind))
        if place in labelled:
            anchor = "end" if place == len(rows) - 1 and place else "start"
            texts.append(Text(WIDTH if anchor == "end" else x, _HEIGHT + 20, label, anchor))
    said = f"from {rows[0][0]} to {rows[-1][0]}, at most {most:,} in one column"
    return Figure(name, title, said, _HEIGHT + _FOOT, tuple(boxes), tuple(texts), series)


def in_time(days: Sequence[Mapping[str, object]], kinds: Sequence[str]) -> tuple[str, list[tuple[str, dict[str, int]]]]:
    """Give rows for `columns`, by day, or by week or month where there are too many days; and which of these.

    Args:
        days: rows with `day` (YYYY-MM-DD) and a count for each kind.
        kinds: of counts.
    """
    unit = "day"
    if len(days) > MOST_COLUMNS:
        unit = "week" if _span(days) <= _WEEKS else "month"
    grouped: dict[str, dict[str, int]] = {}
    for row in days:
        counts = grouped.setdefault(_start(str(row["day"]), unit), dict.fromkeys(kinds, 0))
        for kind in kinds:
            counts[kind] += int(str(row[kind]))
    return unit, list(grouped.items())


def _start(day: str, unit: str) -> str:
    if unit == "day":
        return day
    if unit == "month":
        return day[:7]
    found = _day(day)
    return day if found is None else (found - timedelta(days=found.weekday())).isoformat()


def _span(days: Sequence[Mapping[str, object]]) -> int:
    first, last = _day(str(days[0]["day"])), _day(str(days[-1]["day"]))
    return (last - first).days if first and last else _WEEKS + 1


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _counted(counts: Mapping[str, int], series: Mapping[str, str]) -> str:
    return ", ".join(f"{counts.get(kind, 0):,} {meaning}" for kind, meaning in series.items())
