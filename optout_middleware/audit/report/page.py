"""The page: sections with texts, figures and tables, rendered as one HTML file that needs nothing else.

Rule of this file: a template escapes every value; the page may run its own script and use its own style, each named by
its hash, and load nothing (Content Security Policy Level 3).
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from optout_middleware.audit.report.figures import WIDTH, Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

# Kinds of columns, which are classes of the style sheet: numbers, times, code, long addresses, and plain text.
NUMBER, TIME, CODE, URL, TEXT = "n", "t", "code", "u", ""


class Table(NamedTuple):
    """One table: its id, what it shows, the heads with the kind of each column, its rows, and what none of them means.

    `sortable` gives its heads buttons, `search` a field above it, `is_long` cuts it on paper.
    """

    name: str
    caption: str
    heads: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    none: str = "None."
    sortable: bool = False
    search: bool = False
    is_long: bool = False


class Section(NamedTuple):
    """One part of a page: texts, notes that nobody should miss, large numbers, figures, tables, commands.

    `details` are texts that open on demand, each with its name.
    """

    name: str
    title: str
    texts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    figures: tuple[Figure | None, ...] = ()
    tables: tuple[Table, ...] = ()
    commands: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()


class Words(NamedTuple):
    """What the page itself says, in one language; `rows` has `{shown}` and `{all}` in it."""

    lang: str = "en"
    skip: str = "Skip to the content"
    parts: str = "Parts"
    search: str = "Search this table"
    printed: str = "On paper: the first 60 rows."
    note: str = "Note:"
    same: str = "The same figures:"
    rows: str = "{shown} of {all} rows"


ENGLISH = Words()


def page(title: str, about: Sequence[str], sections: Sequence[Section], words: Words = ENGLISH) -> str:
    """Render a report.

    Args:
        title: of the page.
        about: lines below the title.
        sections: in order.
        words: the language.
    """
    style, script = _data("report.css"), _data("report.js")
    drawn = [section._replace(figures=tuple(filter(None, section.figures))) for section in sections]
    # The two files are of this package; all else is a value, and escaped.
    return environment().get_template("report.html.j2").render(
        title=title, about=about, sections=drawn, width=WIDTH, words=words,
        style=Markup(style), style_hash=policy_hash(style),  # noqa: S704
        script=Markup(script), script_hash=policy_hash(script),  # noqa: S704
    )  # fmt: skip


@cache
def environment() -> Environment:
    """Give the environment of all templates of this room: everything is escaped, nothing undefined passes."""
    return Environment(
        loader=FunctionLoader(_data), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def policy_hash(text: str) -> str:
    """Give the source expression by which a Content Security Policy names an inline script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(name: str) -> str:
    return (files("optout_middleware.audit.report") / "data" / name).read_text("utf-8")
