"""A training summary as Markdown and as HTML.

Rule of this file: form only; every field of the summary is shown, the empty ones too, with what a person must add.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report.page import NUMBER, TEXT, Section, Table, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TITLE = "Public summary of training content: scraped data"
_HEADS = ("name", "urls", "octets", "tokens")
_EMPTY = "not given"


def markdown(summary: Mapping[str, Any]) -> str:
    """Give the summary as Markdown."""
    return "\n".join(_markdown(summary)) + "\n"


def _markdown(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {TITLE}"
    yield ""
    yield f"{summary['template']}. {summary['wording']}"
    yield ""
    yield from (f"- {note}" for note in summary["notes"])
    for section in summary["sections"]:
        yield ""
        yield f"## {section['id']} {section['title']}"
        for field in section["fields"]:
            yield ""
            yield f"### {field['id']} {field['name']}"
            yield ""
            value = field["value"]
            if _is_table(value):
                yield f"| {' | '.join(_HEADS)} |"
                yield "| --- | ---: | ---: | ---: |"
                yield from (f"| {' | '.join(_cells(row))} |" for row in value)
            else:
                yield from (f"- {text}" for text in lines(value)) if value else [_EMPTY]
            if field["person"]:
                yield ""
                yield f"**Needs a person:** {field['person']}."
    yield ""
    yield "## Needs a person"
    yield ""
    yield from (f"- {name}" for name in summary["needs_person"])


def html(summary: Mapping[str, Any]) -> str:
    """Give the summary as one HTML file."""
    sections = [_section(section) for section in summary["sections"]]
    asked = [(name,) for name in summary["needs_person"]]
    table = Table("person", "Fields that a person must fill or check", [("field", TEXT)], asked)
    sections.append(Section("needs-person", "Needs a person", tables=(table,)))
    about = [f"{summary['template']}. {summary['wording']}", f"Made on {summary['made']}.", *summary["notes"]]
    return page(TITLE, about, sections)


def _section(section: Mapping[str, Any]) -> Section:
    plain, tables = [], []
    for field in section["fields"]:
        value, name = field["value"], f"{field['id']} {field['name']}"
        if _is_table(value):
            heads = [(head, NUMBER if place else TEXT) for place, head in enumerate(_HEADS)]
            identity = f"field-{field['id'].replace('.', '-')}"
            rows = [_cells(row) for row in value]
            tables.append(Table(identity, name, heads, rows, sortable=True, search=len(rows) > 10, is_long=True))  # noqa: PLR2004 - what fits at a glance
        plain.append((name, "see below" if _is_table(value) else "; ".join(lines(value)) or _EMPTY, field["person"]))
    heads = [("field", TEXT), ("value", TEXT), ("needs a person", TEXT)]
    first = Table(f"part-{section['id']}", f"Part {section['id']}", heads, plain)
    return Section(f"part-{section['id']}-title", f"{section['id']} {section['title']}", tables=(first, *tables))


def lines(value: Any) -> list[str]:
    """Give a value as lines of text."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [f"{name}: {'; '.join(lines(part)) or 'none'}" for name, part in value.items()]
    if isinstance(value, list):
        return [", ".join(lines(part)) for part in value]
    return [f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)]


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and set(value[0]) == set(_HEADS)


def _cells(row: Mapping[str, Any]) -> list[str]:
    shown = ["not known" if row[name] is None else f"{row[name]:,}" for name in _HEADS[1:]]
    return [str(row["name"]).replace("|", "%7C"), *shown]
