"""Which declarations, licences, disputes and the like can concern an asset: those of its parties, works, class and URL.

Rule of this file: no look-ups; a selection from what is in memory, made once for each state of the register. In doubt
a record is given: `rules` decides whether it counts. What is listed by URL, work or party is found by that, however
many such records there are.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from optout_middleware.urls import domains_of, host_of, is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from optout_middleware.register.found import Few
    from optout_middleware.register.model import (
        AssetClass,
        Correction,
        Declaration,
        Dispute,
        Mandate,
        Repertoire,
        RightException,
    )
    from optout_middleware.terms import Licence

_T = TypeVar("_T")


class Recorded(Protocol):
    """What people recorded beside the register, as `facts.FactLog.current()` gives it."""

    @property
    def declarations(self) -> Sequence[Declaration]:
        """Notices."""

    @property
    def mandates(self) -> Sequence[Mandate]:
        """What their senders assert, too."""

    @property
    def exceptions(self) -> Sequence[RightException]:
        """What members withheld or permitted."""

    @property
    def licences(self) -> Sequence[Licence]:
        """Licences on file."""

    @property
    def disputes(self) -> Sequence[Dispute]:
        """Open and closed ones."""

    @property
    def corrections(self) -> Sequence[Correction]:
        """Of wrong matches and classes."""


class Asking(NamedTuple):
    """What is known of one asset: its URL and class, the ids of works and of parties."""

    url: str
    asset_class: AssetClass
    works: frozenset[str]
    parties: frozenset[str]


class Selected(NamedTuple):
    """What can concern it; `parties` with the declarants, too."""

    parties: frozenset[str]
    declarations: tuple[Declaration, ...]
    repertoires: tuple[Repertoire, ...]
    exceptions: tuple[RightException, ...]
    licences: tuple[Licence, ...]
    disputes: tuple[Dispute, ...]
    corrections: tuple[Correction, ...]


class _Index(Generic[_T]):
    """Records by the words they name (ids, domains, hosts of URL prefixes); order is kept, and each given once."""

    def __init__(self, records: Iterable[_T], words: Callable[[_T], Iterable[str]]) -> None:
        self._records = list(dict.fromkeys(records))
        self._by: dict[str, list[int]] = defaultdict(list)
        for number, record in enumerate(self._records):
            for word in set(words(record)):
                self._by[word].append(number)

    def of(self, words: Iterable[str]) -> tuple[_T, ...]:
        """Give the records that name one of these words."""
        numbers = {number for word in words if word in self._by for number in self._by[word]}
        return tuple(self._records[number] for number in sorted(numbers))


class Context:
    """All records that are few, ready to be asked.

    Args:
        imported: of the imports.
        recorded: of people; None = nothing.
    """

    def __init__(self, imported: Few, recorded: Recorded | None = None) -> None:
        more = recorded or _NOTHING
        self._declarations = _Index((*imported.declarations, *more.declarations), _words_of_declaration)
        self._repertoires = _Index(imported.repertoires, lambda item: (item.society,))
        self._exceptions = _Index(
            (*imported.exceptions, *more.exceptions), lambda item: (item.target, item.party, *item.works)
        )
        self._licences = _Index((*imported.licences, *more.licences), _words_of_licence)
        self._disputes = _Index((*imported.disputes, *more.disputes), lambda item: (item.subject, *item.parties))
        self._corrections = _Index((*imported.corrections, *more.corrections), lambda item: (item.subject,))
        self._mandates = _Index(more.mandates, lambda item: (item.grantor, *item.works))

    def select(self, asking: Asking) -> Selected:
        """Give what can concern an asset."""
        hosts = set(domains_of(host_of(asking.url)))
        known = {_ANY, *asking.works, *asking.parties, *hosts, f"class:{asking.asset_class.value}"}
        found = self._declarations.of(known)
        declarations = tuple(one for one in found if one.scope not in ("site", "asset") or _covers(one, asking.url))
        parties = asking.parties | {one.declarant for one in declarations}
        known |= parties
        licences = self._licences.of(known)
        ids = {one.id for one in declarations} | {one.id for one in licences if one.id}
        said = self._corrections.of(known)
        corrections = tuple(one for one in said if not one.scope or is_within(asking.url, one.scope))
        return Selected(
            frozenset(parties),
            declarations,
            self._repertoires.of(parties),
            self._exceptions.of(known | ids),
            licences,
            self._disputes.of(known | ids),
            corrections,
        )

    def mandates(self, asking: Asking) -> tuple[Mandate, ...]:
        """Give the recorded mandates of the parties, and those for the works."""
        return self._mandates.of({*asking.works, *asking.parties})


_ANY = "*"  # under which stands what can concern any asset


class _Nothing(NamedTuple):
    declarations: tuple[Declaration, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    exceptions: tuple[RightException, ...] = ()
    licences: tuple[Licence, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    corrections: tuple[Correction, ...] = ()


_NOTHING = _Nothing()


def _words_of_declaration(item: Declaration) -> Iterator[str]:
    """A declaration of a whole repertoire can reach any asset; a list is found by what it lists, and by its classes."""
    if item.scope in ("site", "asset"):
        yield from (_host_of_scope(target) for target in item.targets)
        return
    yield from (f"class:{kind.value}" for kind in item.classes)
    if item.scope in ("works", "parties"):
        yield from (item.declarant, *item.targets)
    else:
        yield _ANY


def _words_of_licence(item: Licence) -> Iterator[str]:
    yield from (item.party, *item.works, *item.repertoires, *map(_host_of_scope, item.scopes))
    if item.extended_effect:
        yield _ANY


def _covers(declaration: Declaration, url: str) -> bool:
    return any(is_within(url, target) for target in declaration.targets)


def _host_of_scope(scope: str) -> str:
    return (host_of(scope) if "://" in scope else scope.lower()) or scope
