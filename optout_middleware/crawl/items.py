"""What is done with an item: kept, tagged or dropped, by the decision about its page and the settings.

Rule of this file: the spider middleware and the pipeline act through this one function, so that an item fares alike
wherever it is met; a dropped one is `DropItem`, which each of them carries out in its own way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem

from optout_middleware.audit.log import AuditError
from optout_middleware.audit.record import now
from optout_middleware.crawl.item_text import language_of, octets_of_text
from optout_middleware.crawl.tagging import UntaggableError, tag_of, tagged
from optout_middleware.judge import untaggable, without_page
from optout_middleware.stages import Judged, action_of
from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from optout_middleware.audit.record import Record
    from optout_middleware.crawl.extension import OptOut
    from optout_middleware.rights import Found, Page
    from optout_middleware.terms import Decision

UNTAGGABLE = "optout_untaggable_item"
AUDIT_FAILED = "optout_audit_failed"
REGISTER_FAILED = "optout_register_failed"


def acted_on(
    optout: OptOut, item: Any, judged: Judged | None, *, url: str = "", page: Callable[[], Page] | None = None
) -> Any:
    """Keep, tag or drop an item.

    Args:
        optout: whose settings say what is done.
        item: as the spider gave it.
        judged: the decision about its page; None = it came with none.
        url: where it came from, as far as is known.
        page: gives the page that it came from, for the register; None = it came from none.

    Returns:
        The item, or a changed copy.

    Raises:
        DropItem: the item must not go on.
    """
    record = optout.record
    if optout.refusal or record is None:
        raise _drop(optout.refusal)
    try:
        if judged is None:
            judged = _unjudged(optout, record, url)
        elif optout.rights is not None and page is not None:
            fields = ItemAdapter(item) if ItemAdapter.is_item(item) else None
            judged = _by_register(optout, record, optout.rights.of_item(fields, page(), judged.decision), judged)
        return _acted_on(optout, record, item, judged)
    except OptOutError as error:
        optout.stop(AUDIT_FAILED if isinstance(error, AuditError) else REGISTER_FAILED, error)
        raise _drop(str(error)) from None


def _acted_on(optout: OptOut, record: Record, item: Any, judged: Judged) -> Any:
    settings, decision = optout.settings, judged.decision
    allowed = decision.outcome is Outcome.ALLOW
    if settings.dry_run:
        text, language = octets_of_text(item), language_of(item, settings.language_field)
        record.count_item(decision, "kept" if allowed else "dropped", text=text, language=language)
        return item
    if not allowed and settings.action == "drop":
        record.count_item(decision, "dropped")
        raise _drop(_because(decision))
    if settings.action == "tag" or decision.conditions:
        try:
            item = tagged(item, settings.tag_field, tag_of(decision, judged.line))
        except UntaggableError as error:
            if settings.action == "tag":
                raise _without_tag(optout, record, decision, error) from None
        else:
            record.count_item(decision, "tagged")
            return item
    record.count_item(decision, "kept")
    return item


def _by_register(optout: OptOut, record: Record, found: Found | None, judged: Judged) -> Judged:
    """Write the line of an item about which the register was asked; without credits it shares that of its page."""
    if found is None:
        return judged
    record.count_credited()
    decision = found.decision
    action = action_of(decision, optout.settings)
    said = {**found.to_dict(), "page": judged.line}
    return Judged(decision, record.item(decision, action, final_url=found.url, said=said))


def _unjudged(optout: OptOut, record: Record, url: str) -> Judged:
    """Decide about an item that came with no judged page, and write its line."""
    decision = without_page(url, optout.settings.policy, now())
    line = record.item(decision, optout.settings.action if decision.outcome is not Outcome.ALLOW else "keep")
    record.count_unjudged()
    return Judged(decision, line)


def _without_tag(optout: OptOut, record: Record, decision: Decision, error: UntaggableError) -> DropItem:
    """Write that an item cannot take the tag, and close the crawl: every further item of its kind would be lost."""
    text = " ".join(str(error).split())
    optout.say_once(text, key=text.partition(" (")[0])  # what stands in brackets differs from item to item
    record.item(untaggable(decision, str(error)), "drop")
    record.count_item(decision, "untaggable")
    optout.close_soon(UNTAGGABLE)
    return _drop(str(error))


def _because(decision: Decision) -> str:
    decisive = next((reason for reason in decision.reasons if reason.outcome is decision.outcome), None)
    return f"opt-out: {decision.outcome}" + (f", {decisive.finding}" if decisive else "")


def _drop(message: str) -> DropItem:
    return DropItem(message, log_level="DEBUG")  # the audit log has it; a crawl may drop millions
