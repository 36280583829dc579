"""What the settings make of a decision, stage by stage: the table of stages that README shows.

Rule of this file: pure, and the same for every crawler; who acts on it stands elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.files import location_of
from optout_middleware.terms import Decision, Outcome

if TYPE_CHECKING:
    from optout_middleware.settings import Settings


class Judged(NamedTuple):
    """The decision about a page, and where its audit line stands ("" = not written yet)."""

    decision: Decision
    line: str = ""


def drops(settings: Settings) -> bool:
    """Tell whether what is not allowed is kept from whoever would store it."""
    return settings.action == "drop" and not settings.dry_run


def is_not_fetched(decision: Decision, settings: Settings, *, media: bool = False) -> bool:
    """Tell whether a request is refused.

    Args:
        decision: about its URL.
        settings: of the crawl.
        media: whether a file is asked for that can carry no tag, so that nothing is between taking and leaving it.
    """
    if decision.outcome is Outcome.ALLOW:
        return False
    if not decision.may_fetch:
        return True
    if location_of(decision.url) == "robots.txt":  # RFC 9309 section 2.2.2: it is implicitly allowed
        return False
    return (media and not settings.dry_run) or (drops(settings) and not settings.fetch_reserved)


def action_of(decision: Decision, settings: Settings) -> str:
    """Give the word for what is done with a page, or would be in a crawl that is no dry run."""
    return "keep" if decision.outcome is Outcome.ALLOW and settings.action == "drop" else settings.action


def settling(decision: Decision) -> str:
    """Give the finding that settled a decision; its outcome where none did."""
    return decision.reasons[0].finding if decision.reasons else decision.outcome.value
