"""One question to the register, as a crawl or a command asks it: what holds of these assets, today, for this use?

Rule of this file: what tightens counts at once, what loosens with the next run. The state of the register at the start
stays open to the end; once something has changed, the new state is asked beside it, and the stricter of both counts.
"""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from optout_middleware.register.current import Current
from optout_middleware.register.facts import FactLog
from optout_middleware.register.importers import documents
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import WORLD, Declaration, Facts, Judgement, Party
from optout_middleware.register.rules import judge
from optout_middleware.register.store import RegisterStore
from optout_middleware.register.territory import covers
from optout_middleware.terms import Outcome, strictest
from optout_middleware.urls import domains_of, host_of, is_within, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from optout_middleware.register.model import Asset, UseContext
    from optout_middleware.terms import Licence, Ruling

_SHIPPED = "declarations of the package"
_STRICTEST_FIRST = (Outcome.DENY, Outcome.PENDING, Outcome.ALLOW)
EVERY = 60.0  # seconds between two looks at whether the register has changed; the promise is five minutes


class Shipped(NamedTuple):
    """What the package itself carries: declarations, each with its source, and who declared."""

    declarations: tuple[Declaration, ...]
    parties: tuple[Party, ...]

    @classmethod
    def read(cls) -> Shipped:
        """Read the file of the package."""
        with as_file(files("optout_middleware.register") / "data" / "declarations.yaml") as path:
            records = tuple(documents.read(path))
        return cls(
            tuple(record for record in records if isinstance(record, Declaration)),
            tuple(record for record in records if isinstance(record, Party)),
        )

    def beside(self, facts: Facts) -> Facts:
        """Add to what a register knows the declarations that it has no version of, and who declared."""
        known = {declaration.id for declaration in facts.declarations}
        missing = tuple(declaration for declaration in self.declarations if declaration.id not in known)
        declarants = {declaration.declarant for declaration in missing} - {party.id for party in facts.parties}
        return replace(
            facts,
            declarations=(*facts.declarations, *missing),
            parties=(*facts.parties, *(party for party in self.parties if party.id in declarants)),
        )


class _View:
    """The register at one moment (`pinned`), or as it is now; without a file, the declarations of the package alone."""

    def __init__(self, path: str, shipped: Shipped, at: datetime, *, pinned: bool) -> None:
        self._shipped = shipped
        self.store = RegisterStore(path, create=False) if path else None
        self._matcher: Matcher | None = None
        self.current = Current()
        self.snapshot = _SHIPPED
        if self.store is not None:
            if pinned:
                self.store.pin()
            self._matcher = Matcher(self.store)
            self.read(at)

    def read(self, at: datetime) -> None:
        """Read what people recorded, and what the state is called."""
        if self.store is not None:
            self.current = FactLog(self.store).current(at)
            self.snapshot = self.store.snapshot()

    def facts(self, assets: Sequence[Asset]) -> list[Facts]:
        """Give what is known of each asset."""
        found = self._matcher.facts(assets) if self._matcher is not None else [Facts(asset) for asset in assets]
        return [self._shipped.beside(facts) for facts in found]

    def close(self) -> None:
        """Let go of the file."""
        if self.store is not None:
            self.store.close()


class Lookup:
    """The register, as one crawl or command asks it.

    Args:
        path: of the register; empty = the declarations that the package carries, alone.
        context: who would use the assets, and for what; its day and place are set anew with each question.
        territories: where, one or several: the strictest counts; none = anywhere.
        now: the clock, aware.
        monotonic: seconds on a clock that is never set.

    Raises:
        OptOutError: the register cannot be read; by every method too.
    """

    def __init__(
        self,
        path: str,
        context: UseContext,
        territories: Sequence[str],
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._context, self._territories = path, context, tuple(territories) or (WORLD,)
        self._shipped = Shipped.read()
        self._now, self._monotonic = now, monotonic
        self._first = _View(path, self._shipped, now(), pinned=True)
        self._latest: _View | None = None
        self._next_look = monotonic() + EVERY
        self._index(self._first.current)

    @property
    def lists_places(self) -> bool:
        """Whether anything is recorded about domains or URLs at all."""
        return self._first.store is not None

    @property
    def snapshot(self) -> str:
        """The state that is asked; where the register has changed since the start, both states."""
        if self._latest is None:
            return self._first.snapshot
        return f"{self._first.snapshot}+{self._latest.snapshot}"

    def refresh(self) -> bool:
        """Look, once in `EVERY` seconds, whether the register has changed; tell whether it has."""
        if self._first.store is None or self._monotonic() < self._next_look:
            return False
        self._next_look = self._monotonic() + EVERY
        if self._latest is None:
            if not self._first.store.is_outdated():
                return False
            self._latest = _View(self._path, self._shipped, self._now(), pinned=False)
        elif self._latest.store is None or not self._latest.store.changed():
            return False
        self._latest.read(self._now())
        self._index(self._first.current.tightened(self._latest.current))
        return True

    def judge(self, assets: Sequence[Asset], at: datetime) -> list[Judgement]:
        """Judge assets, in their order, at a date."""
        views = [self._first] if self._latest is None else [self._first, self._latest]
        asked = [view.facts(assets) for view in views]
        contexts = [replace(self._context, territory=place, on=at.date()) for place in self._territories]
        return [
            merged([judge(facts, context) for facts in found for context in contexts])
            for found in zip(*asked, strict=True)
        ]

    def licences(self, url: str) -> tuple[Licence, ...]:
        """Give the recorded licences that list a domain or URL prefix of this URL."""
        return tuple(licence for licence in self._licences.of(url) if self._is_for_us(licence))

    def rulings(self, url: str) -> tuple[Ruling, ...]:
        """Give the recorded rulings that may answer something about this URL."""
        return (*self._rulings.of(url), *self._party_rulings)

    def excluded(self, url: str) -> str:
        """Give who recorded, and when, that the site of this URL is never to be crawled; empty = nobody."""
        found = self._excluded.of(url)
        return f"{found[0].source}, {found[0].date}" if found else ""

    def is_listed(self, url: str) -> bool:
        """Tell whether a notice or list names the site of this URL, so that the URL alone may raise a claim."""
        return bool(self._noticed.of(url)) or any(
            view.store is not None and view.store.reading.urls(url) for view in (self._first, self._latest) if view
        )

    def close(self) -> None:
        """Let go of the register."""
        for view in (self._first, self._latest):
            if view is not None:
                view.close()

    def _is_for_us(self, licence: Licence) -> bool:
        """Tell whether a licence of places licenses us, for this model, wherever we act."""
        context = self._context
        return (
            licence.licensee in ("", context.operator)
            and (not licence.models or context.model in licence.models)
            and all(covers(licence.territories, place) for place in self._territories)
        )

    def _index(self, current: Current) -> None:
        """Put what is asked by URL in order of host."""
        self._licences = _ByHost(current.licences, lambda licence: licence.scopes)
        self._rulings = _ByHost(current.rulings, lambda ruling: (ruling.scope,) if ruling.scope else ())
        self._party_rulings = tuple(ruling for ruling in current.rulings if not ruling.scope)
        self._excluded = _ByHost(current.excluded_sites, lambda site: (site.scope,))
        of_places = (item for item in current.declarations if item.scope in ("site", "asset"))
        self._noticed = _ByHost(of_places, lambda declaration: declaration.targets)


_T = TypeVar("_T")


class _ByHost(Generic[_T]):
    """Records by the domains and URL prefixes that they list."""

    def __init__(self, records: Iterable[_T], scopes: Callable[[_T], Iterable[str]]) -> None:
        self._by_host: dict[str, list[tuple[str, _T]]] = {}
        for record in records:
            for scope in scopes(record):
                host = host_of(origin_of(scope) or "") if "://" in scope else scope.lower()
                self._by_host.setdefault(host, []).append((scope, record))

    def of(self, url: str) -> tuple[_T, ...]:
        """Give the records that list a URL, each once."""
        if not self._by_host:
            return ()
        found: dict[_T, None] = {}
        for host in domains_of(host_of(origin_of(url) or "")):
            found |= {record: None for scope, record in self._by_host.get(host, ()) if is_within(url, scope)}
        return tuple(found)


def merged(judgements: Sequence[Judgement]) -> Judgement:
    """Merge what the same asset comes to in several states or places: the strictest, and what permits in all."""
    first = judgements[0]
    if len(judgements) == 1 or all(other == first for other in judgements):
        return first
    ordered = sorted(judgements, key=lambda one: _STRICTEST_FIRST.index(one.outcome))
    return Judgement(
        strictest(one.outcome for one in judgements),
        tuple(dict.fromkeys(rule for one in ordered for rule in one.rules)),
        tuple(dict.fromkeys(claim for one in ordered for claim in one.claims)),
        tuple(dict.fromkeys(condition for one in ordered for condition in one.conditions)),
        tuple(found for found in first.licences if all(found in one.licences for one in judgements)),
        tuple(dict.fromkeys(sentence for one in ordered for sentence in one.chain)),
        tuple(dict.fromkeys(match for one in ordered for match in one.matches)),
    )
