"""Notices: taking in a letter or complaint, what it hits of what was collected, and following it to its end.

Rule of this file: a notice restricts from the moment it is recorded, before anybody has looked at it (an asserted
mandate, rule R7). The document is kept by its hash, and an identical one is the same notice. Only a notice that is
closed as not upheld ceases to restrict, by a named person for a stated reason; its history stays.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.register import credits as credits_of
from optout_middleware.register import identifiers, normalise
from optout_middleware.register.importers import fields as f
from optout_middleware.register.importers.letters import Letter, read_letter
from optout_middleware.register.model import Credits, Identifier, Party, Work
from optout_middleware.register.notice import ANSWERED, CLOSED, NOTICED, OPEN, Notice
from optout_middleware.terms import OptOutError
from optout_middleware.urls import is_within

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from optout_middleware.register.facts import Fact, FactLog

_ID = 12  # hexadecimal digits of the document's SHA-256
_KNOWN_IDS = ("cisac:", "ipi:", "ipi-base:", "isni:", "cwr:", "sender:")


class Added(NamedTuple):
    """A notice that was taken in: whether it is new, and what of its document could not be read or hardly matches."""

    notice: Notice
    is_new: bool
    letter: Letter


@dataclass(frozen=True, slots=True)
class Preview:
    """What a notice hits in audit lines.

    Fields:
        lines: how many were looked at.
        hit: how many of them it hits, by whatever.
        domains, urls, works, parties: target -> how many lines it hits.
    """

    lines: int
    hit: int
    domains: Mapping[str, int]
    urls: Mapping[str, int]
    works: Mapping[str, int]
    parties: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as JSON values."""
        shown: dict[str, Any] = {"lines": self.lines, "hit": self.hit}
        for name in ("domains", "urls", "works", "parties"):
            shown[name] = dict(getattr(self, name))
        return shown


class Notices:
    """The notices of one register.

    Args:
        log: the facts, in which each notice is one.
        today: the day, for answers.
    """

    def __init__(self, log: FactLog, *, today: Callable[[], date] = lambda: datetime.now(timezone.utc).date()) -> None:
        self._log = log
        self._today = today

    def add(  # noqa: PLR0913 - what a letter may name
        self,
        document: str | os.PathLike[str],
        sender: str,
        received: date,
        *,
        by: str,
        authority: str = "",
        due: date | None = None,
        parties: Sequence[str] = (),
        works: Sequence[str] = (),
        domains: Sequence[str] = (),
        urls: Sequence[str] = (),
    ) -> Added:
        """Take in a document; what it names itself counts beside what is given.

        Args:
            document: the file, which is kept.
            sender: who wrote.
            received: the day it came.
            by: the person who records it.
            authority: on what ground the sender speaks.
            due: the day by which it is to be answered.
            parties: names, or ids of the register.
            works: titles, identifiers ("ISWC T-034.524.680-1") or ids of the register.
            domains: sites.
            urls: absolute URLs, or prefixes of them.

        Raises:
            OptOutError: the document cannot be read, it names nothing, or a value cannot be one.
        """
        file = Path(document)
        letter = read_letter(file)
        octets = file.read_bytes()
        digest = hashlib.sha256(octets).hexdigest()
        known = next((notice for notice in self.all() if notice.sha256 == digest), None)
        if known is not None:
            self._take_up(known)  # again, in case the register was made anew
            return Added(known, False, letter)
        identity = digest[:_ID]
        named = [self._party(text, identity, place) for place, text in enumerate(parties, 1)]
        listed = [self._work(text, identity, place) for place, text in enumerate(works, 1)]
        notice = Notice(
            identity, sender.strip(), received, file.name, digest, authority.strip(), due,
            (*letter.parties, *named), (*letter.works, *listed), letter.interests,
            tuple(dict.fromkeys((*letter.domains, *_read("domain", f.domain, domains)))),
            tuple(dict.fromkeys((*letter.urls, *_read("URL", f.url, urls)))),
            letter.holders,
        )  # fmt: skip
        self._log.keep(digest, file.name, octets)
        self._log.add("notice", notice, by=by)
        self._take_up(notice)
        return Added(notice, True, letter)

    def all(self) -> list[Notice]:
        """Give all notices as they stand now, closed ones too, in the order in which they came in."""
        return [fact.record() for fact in self._log.live("notice")]

    def get(self, identity: str) -> Notice:
        """Give a notice by its id, or the beginning of it.

        Raises:
            OptOutError: there is none, or several begin so.
        """
        notice: Notice = self._fact(identity).record()
        return notice

    def answer(self, identity: str, text: str, *, by: str, on: date | None = None) -> Notice:
        """Record what was answered, and when; the notice restricts as before.

        Raises:
            OptOutError: there is no such notice, it is closed, or the text is empty.
        """
        fact = self._fact(identity)
        notice: Notice = fact.record()
        if notice.status == CLOSED:
            raise OptOutError(f"notice {notice.id} is closed: {notice.answer}")
        if not text.strip():
            raise OptOutError(f"notice {notice.id}: an answer says something")
        told = replace(notice, status=ANSWERED, answered=on or self._today(), answer=text.strip())
        return self._replace(fact, told, by)

    def close(self, identity: str, reason: str, *, by: str, upheld: bool) -> Notice:
        """Close a notice.

        Args:
            identity: of the notice.
            reason: why.
            by: the person who closes it.
            upheld: whether it goes on to restrict; if not, it ceases to, which a running crawl does not take up.

        Raises:
            OptOutError: there is no such notice, it is closed already, or there is no reason.
        """
        fact = self._fact(identity)
        notice: Notice = fact.record()
        if notice.status == CLOSED:
            raise OptOutError(f"notice {notice.id} is closed already: {notice.answer}")
        if not reason.strip():
            raise OptOutError(f"notice {notice.id} is not closed without a reason: say why")
        answered = notice.answered or self._today()
        closed = replace(notice, status=CLOSED, answered=answered, answer=reason.strip(), upheld=upheld)
        return self._replace(fact, closed, by)

    def overdue(self, on: date | None = None) -> list[Notice]:
        """Give the open notices whose answer was due before that day."""
        day = on or self._today()
        return [notice for notice in self.all() if notice.status == OPEN and notice.due and notice.due < day]

    def _party(self, text: str, notice: str, place: int) -> Party:
        """Give the party of an option: of the register, by its id or by a name that it alone has; or a new one."""
        shown = text.strip()
        if not shown:
            raise OptOutError("a party of a notice has a name")
        store = self._log.store
        with store.told("read"):
            ids = {shown, *store.reading.parties_by_name(normalise.name(shown))}
            known = [found.party for found in store.reading.parties(ids).values()]
        mine = [party for party in known if party.id == shown] or known
        if len(mine) == 1:
            return mine[0]
        if shown.startswith(_KNOWN_IDS):
            return Party(shown, "natural", (), _number(shown))
        return Party(f"{NOTICED}{notice}#party{place}", "natural", (shown,))

    def _work(self, text: str, notice: str, place: int) -> Work:
        """Give the work of an option: of the register by its id, an identifier, or a title."""
        store = self._log.store
        with store.told("read"):
            known = store.reading.works_by_id((text.strip(),))
        return known[text.strip()].work if known else _work(text, notice, place)

    def _fact(self, identity: str) -> Fact:
        found = [fact for fact in self._log.live("notice") if str(fact.value.get("id", "")).startswith(identity)]
        if len(found) != 1 or not identity:
            raise OptOutError(f"there {'is no notice' if not found else 'are several notices'} {identity!r}")
        return found[0]

    def _replace(self, fact: Fact, notice: Notice, by: str) -> Notice:
        self._log.add("notice", notice, by=by, replaces=fact.id)
        return notice

    def _take_up(self, notice: Notice) -> None:
        """Put what the notice names into the register, where matching finds it; the same content changes nothing."""
        with self._log.store.importing(f"notice:{notice.id}", notice.sha256, notice.received, "notice") as batch:
            for record in notice.records():
                batch.add(record)


def preview(named: Notice | Letter, lines: Iterable[Mapping[str, Any]]) -> Preview:
    """Count what a notice, or a letter that is none yet, hits in audit lines, by their URLs and credits.

    Args:
        named: the notice or letter.
        lines: audit lines, as read from their JSON.
    """
    parties, works = PartyHits(named.parties), WorkHits(named)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("domains", "urls", "works", "parties")}
    looked_at = hit = 0
    for line in lines:
        looked_at += 1
        urls = {url for url in (line.get("url"), line.get("final_url")) if isinstance(url, str)}
        told = line.get("credits")
        credited = credits_of.from_dict(told) if isinstance(told, dict) else Credits()
        found = {
            "domains": {scope for scope in named.domains if any(is_within(url, scope) for url in urls)},
            "urls": {scope for scope in named.urls if any(is_within(url, scope) for url in urls)},
            "works": works.found(credited),
            "parties": parties.found(credited),
        }
        hit += any(found.values())
        for name, targets in found.items():
            counts[name].update(targets)
    shown = {name: dict(counter.most_common()) for name, counter in counts.items()}
    return Preview(looked_at, hit, **shown)


class PartyHits:
    """Parties by their names and identifiers, as credits write them."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self._by: dict[object, str] = {}
        for party in parties:
            for name in party.names:
                self._by[normalise.name(name)] = party.id
            for number in party.identifiers:
                self._by[number.scheme, number.value] = party.id

    def found(self, credited: Credits) -> set[str]:
        """Give the ids of the parties that credits name."""
        keys: set[object] = {(number.scheme, number.value) for number in credited.party_identifiers}
        names = (credited.writers, credited.performers, credited.publishers, credited.labels, credited.holders)
        keys |= {normalise.name(name) for some in names for name in some}
        return {self._by[key] for key in keys if key in self._by}


class WorkHits:
    """Works by their identifiers, and by title where no writer is known, or one of them is credited."""

    def __init__(self, named: Notice | Letter) -> None:
        names = {party.id: {normalise.name(name) for name in party.names} for party in named.holders}
        self._writers: dict[str, set[str]] = {}
        for interest in named.interests:
            self._writers.setdefault(interest.target, set()).update(names.get(interest.party, ()))
        self._by_title: dict[str, set[str]] = {}
        self._by_number: dict[tuple[str, str], set[str]] = {}
        for work in named.works:
            for title in work.titles:
                self._by_title.setdefault(normalise.work_title(title), set()).add(work.id)
            for number in work.identifiers:
                self._by_number.setdefault((number.scheme, number.value), set()).add(work.id)

    def found(self, credited: Credits) -> set[str]:
        """Give the ids of the works that credits name."""
        hit = {
            work for number in credited.identifiers for work in self._by_number.get((number.scheme, number.value), ())
        }
        writers = {normalise.name(name) for name in credited.writers}
        for title in credited.titles:
            for work in self._by_title.get(normalise.work_title(title), ()):
                known = self._writers.get(work)
                if not known or not writers or known & writers:
                    hit.add(work)
        return hit


def _work(text: str, notice: str, place: int) -> Work:
    """Give the work of an option: an identifier, an id of the register, or a title."""
    shown = text.strip()
    if not shown:
        raise OptOutError("a work of a notice has a title")
    found = identifiers.find(shown)
    if found:
        if not found[0].checked:
            raise OptOutError(f"{found[0].scheme} {found[0].value!r} of a notice is not valid: look at its digits")
        return Work(f"{found[0].scheme}:{found[0].value}", "musical", (), found)
    if shown.startswith(_KNOWN_IDS):
        return Work(shown, "musical", (shown,))
    return Work(f"{NOTICED}{notice}#work{place}", "musical", (shown,))


def _number(identity: str) -> tuple[Identifier, ...]:
    scheme, _, value = identity.partition(":")
    found = identifiers.read(scheme, value) if scheme in identifiers.SCHEMES else None
    return (found,) if found is not None and found.checked else ()


def _read(what: str, read: Callable[[object], str], values: Sequence[str]) -> list[str]:
    try:
        return [read(value) for value in values]
    except ValueError as error:
        raise OptOutError(f"{what} of a notice: {error}") from None
