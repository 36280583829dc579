"""The report page, from its parts: which section follows which, and the command that gives its figures again."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.report import listings, overview
from optout_middleware.audit.report.page import Section, page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_AGGREGATES = "Made from the daily aggregates of the runs: parts that need single lines are left out."
_ABOUT = (
    "A decision is one line of an audit log. It says whether an asset may be used for the usage in the policy, by what "
    "was found at that time; it is no legal opinion."
)


def html(parts: Mapping[str, Any], directories: Sequence[str], now: datetime, title: str = "") -> str:
    """Give the report as one HTML file.

    Args:
        parts: as `parts` gives them.
        directories: of which they were read.
        now: when.
        title: of the page; empty = a plain one.
    """
    about = [f"Made on {now:%Y-%m-%d at %H:%M} UTC from {', '.join(directories)}.", _ABOUT]
    if "decisions" not in parts:
        about.append(_AGGREGATES)
    return page(title or "Opt-outs found and honoured", about, sections(parts, directories))


def sections(parts: Mapping[str, Any], directories: Sequence[str]) -> list[Section]:
    """Give the sections of the page, the policy first; parts that were not made have none."""
    where = shlex.join(directories)
    by_part = (
        ("policies", overview.policies), ("runs", overview.runs), ("totals", overview.totals),
        ("signals", overview.signals), ("findings", overview.findings), ("timeline", overview.timeline),
        ("dry_run", overview.dry_run), ("sites", listings.sites), ("conflicts", listings.conflicts),
        ("rightholders", listings.rightholders), ("queue", partial(listings.queue, where=where)),
        ("unreachable_policies", listings.unreachable), ("decisions", listings.decisions),
        ("damage", partial(listings.damage, where=where)),
    )  # fmt: skip
    how = "" if "decisions" in parts else " --aggregates"
    made = [make(parts) for part, make in by_part if part in parts]
    return [
        section._replace(commands=(f"optout report {where}{how} --part {part}", *section.commands))
        for part, section in made
    ]
