"""What the dated facts come to at a time, as records that the rules take; and how a running crawl takes up new ones.

Rule of this file: values, nothing that reads a file. Tightening counts at once, loosening waits (rule R9): `tightened`
takes from newer facts what restricts, and of the older ones what still permits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from optout_middleware.register.model import Correction, Declaration, Dispute, Mandate, RightException, Status
from optout_middleware.register.notice import Notice
from optout_middleware.terms import Licence, Outcome, Ruling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ExcludedSite:
    """A site that is never to be crawled: a domain or URL prefix, whose list says so, and as of which day."""

    scope: str
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Current:
    """The facts that hold at one time.

    Fields:
        declarations, mandates: of the notices that restrict, and mandates that were recorded.
        notices: all that are not closed without being upheld.
    """

    declarations: tuple[Declaration, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    exceptions: tuple[RightException, ...] = ()
    licences: tuple[Licence, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    corrections: tuple[Correction, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    notices: tuple[Notice, ...] = ()
    excluded_sites: tuple[ExcludedSite, ...] = ()

    @classmethod
    def of(cls, records: Iterable[Any], at: datetime) -> Current:
        """Sort records by what they are, without those that have run out at that time."""
        by_kind: dict[type[Any], list[Any]] = {}
        for record in records:
            if _holds(record, at):
                by_kind.setdefault(type(record), []).append(record)

        def given(kind: type[Any]) -> tuple[Any, ...]:
            return tuple(by_kind.get(kind, ()))

        notices = given(Notice)
        return cls(
            tuple(declaration for notice in notices for declaration in notice.declarations()),
            (*given(Mandate), *(mandate for notice in notices for mandate in notice.mandates())),
            given(RightException), given(Licence), given(Dispute), given(Correction), given(Ruling), notices,
            given(ExcludedSite),
        )  # fmt: skip

    def tightened(self, newer: Current) -> Current:
        """Give what a running crawl goes on with: all that restricts in either, and what permits in both."""
        merged = {item.name: _merged(getattr(self, item.name), getattr(newer, item.name)) for item in fields(Current)}
        return Current(**merged)


def _holds(record: Any, at: datetime) -> bool:
    if isinstance(record, (Licence, Ruling)):
        return at < record.valid_until
    if isinstance(record, Correction):
        return record.end is None or at.date() < record.end
    return record.upheld if isinstance(record, Notice) else True


_RESTRICTS: dict[type[Any], Callable[[Any], bool]] = {
    Declaration: lambda _: True,
    Dispute: lambda _: True,
    Notice: lambda _: True,
    ExcludedSite: lambda _: True,
    Mandate: lambda mandate: "license" not in mandate.uses and mandate.status is not Status.WITHDRAWN,
    RightException: lambda exception: exception.direction == "withhold",
    Ruling: lambda ruling: ruling.outcome is Outcome.DENY,
    Licence: lambda _: False,
    Correction: lambda _: False,
}


def _merged(older: tuple[Any, ...], newer: tuple[Any, ...]) -> tuple[Any, ...]:
    kept = [record for record in older if _RESTRICTS[type(record)](record) or record in newer or _is_mandate(record)]
    return (*kept, *(record for record in newer if record not in older and _RESTRICTS[type(record)](record)))


def _is_mandate(record: Any) -> bool:
    """Tell whether it may restrict as well as permit: then it goes on beside what took its place."""
    return isinstance(record, Mandate)
