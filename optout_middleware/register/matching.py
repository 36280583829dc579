"""`Matcher`: from assets to all that the register knows about them, for `rules.judge` to decide from.

Rule of this file: it gathers, and decides nothing. Works are found by `candidates`; parties by number, by name, and by
the lists of URLs and domains; lyrics by their fingerprint. Where the register cannot be read, the facts say so as
`damage` (rule R12), and nothing is raised: an asset is then not known to be free.

Bands of what is no work: a number of a party is strong; its name alone is middle where one party has it, since people
share names, and weak where several have it; a URL list is strong; that a domain is a party's is middle, since a site
shows works of others too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from optout_middleware.register import fingerprint, normalise
from optout_middleware.register.blocking import work_key
from optout_middleware.register.candidates import Asked, Found, find
from optout_middleware.register.context import Asking, Context
from optout_middleware.register.facts import FactLog
from optout_middleware.register.model import AssetClass, Band, Declaration, Facts, Match
from optout_middleware.register.notice import NOTICED
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from optout_middleware.register.found import FoundWork
    from optout_middleware.register.model import Asset, Credits, Interest
    from optout_middleware.register.records import UrlEntry
    from optout_middleware.register.store import RegisterStore

_NAMES = 12  # of one asset that are looked up as parties
_DEEP, _EMBODIED = 4, 64  # how far components and originals are followed, and how many works at most


class Matcher:
    """Matches assets against one register; it takes up what is imported or recorded meanwhile.

    Args:
        store: the register; one that is pinned keeps its state.
        now: the clock, aware: what people recorded counts until it runs out.
    """

    def __init__(
        self, store: RegisterStore, *, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    ) -> None:
        self._store, self._reading, self._now = store, store.reading, now
        self._context: Context | None = None
        self._seen: tuple[int, int] | None = None
        self._has_lyrics = False

    def facts(self, batch: Sequence[Asset]) -> list[Facts]:
        """Give what the register knows of each asset, in their order; nothing is raised."""
        try:
            with self._store.told("read"):
                context = self._fresh()
                with self._reading.at_once():
                    return [self._facts(asset, context) for asset in batch]
        except OptOutError as error:
            self._context = None
            return [Facts(asset, damage=str(error)) for asset in batch]

    def _fresh(self) -> Context:
        """Give the records that are few, read again where anybody wrote to the file."""
        state = self._reading.state()
        if state != self._seen or self._context is None:
            self._seen = state  # before the reading: what is written meanwhile is seen next time
            with self._reading.at_once():
                self._context = Context(self._reading.few(), FactLog(self._store).current(self._now()))
                self._has_lyrics = self._reading.has_fingerprints()
        return self._context

    def _facts(self, asset: Asset, context: Context) -> Facts:
        entries = self._reading.urls(asset.url)
        asset = _classed(asset, entries)
        asked = Asked.of(asset.credits)
        answer = find(self._reading, asset.credits, asked)
        matched = [*answer.found, *self._by_lyrics(asset.credits)]
        by_url = _by_url(asset.url, entries)
        works = self._works({one.key for one in matched}, {one.work for one in by_url if one.work})
        interests = self._reading.interests(works)
        held = {one.party for some in interests.values() for one in some}
        by_party = list(self._by_party(asset.credits, asked, held))
        matches = (*(one.match for one in matched), *by_url, *by_party)
        facts = self._gathered(asset, context, matches, works, interests)
        listed = tuple(_reserved(entry) for entry in entries if entry.reserved)
        return replace(facts, declarations=(*facts.declarations, *listed), notes=tuple(answer.notes))

    def _gathered(
        self,
        asset: Asset,
        context: Context,
        matches: tuple[Match, ...],
        works: Mapping[int, FoundWork],
        interests: Mapping[int, list[Interest]],
    ) -> Facts:
        """Add to what was matched all that can concern it."""
        shown = self._shown({one.party for one in matches if one.party}, works, interests)
        every = tuple(one for some in (*interests.values(), *shown) for one in some)
        parties = {one.party for one in matches if one.party} | {one.party for one in every}
        parties |= {one.society for one in every if one.society} | set(asset.credits.societies)
        mandates = self._reading.mandates(parties)
        ids = frozenset(one.work.id for one in works.values())
        asking = Asking(asset.url, asset.credits.asset_class, ids, frozenset(parties))
        recorded = context.mandates(asking)
        managers = {one.manager for one in (*mandates, *recorded)} | {one.grantor for one in recorded}
        asking = asking._replace(parties=asking.parties | managers)
        selected = context.select(asking)
        known = self._reading.parties(selected.parties)
        return Facts(
            asset,
            matches,
            tuple(one.work for one in works.values()),
            tuple(one.party for one in known.values()),
            every,
            (*mandates, *recorded),
            selected.repertoires,
            selected.declarations,
            selected.exceptions,
            selected.licences,
            selected.disputes,
            selected.corrections,
        )

    def _shown(
        self, parties: Iterable[str], works: Mapping[int, FoundWork], interests: Mapping[int, list[Interest]]
    ) -> list[list[Interest]]:
        """Give, for parties in question, interests in other works: by which society they are represented (R10)."""
        holders = {one.party for some in interests.values() for one in some if one.society is None}
        wanted = holders.union(parties)
        if not wanted:
            return []
        others = self._reading.works(self._reading.examples(wanted) - works.keys())
        found = self._reading.interests(others).values()
        return [[one for one in some if one.party in wanted] for some in found]

    def _works(self, keys: set[int], ids: set[str]) -> dict[int, FoundWork]:
        """Give works with all that they contain and that they were made from."""
        found = self._reading.works(keys) if keys else {}
        for _ in range(_DEEP):
            if ids and len(found) < _EMBODIED:
                found |= {one.key: one for one in self._reading.works_by_id(ids).values()}
            known = {one.work.id for one in found.values()}
            inner = {one for some in found.values() for one in (*some.work.components, some.work.derived_from) if one}
            ids = inner - known
            if not ids:
                break
        return found

    def _by_lyrics(self, credits_: Credits) -> list[Found]:
        if not credits_.lyrics or not self._has_lyrics:
            return []
        shared = self._reading.fingerprints(fingerprint.shingles(credits_.lyrics))
        found = []
        for work, (count, whole) in shared.items():
            share = fingerprint.share(count, whole)
            if share < fingerprint.MIDDLE:
                continue
            band = Band.STRONG if share >= fingerprint.STRONG else Band.MIDDLE
            why = f"{count} of the {whole} shingles of its lyrics stand in the text"
            found.append(Found(work_key(work), Match(work, None, "fingerprint", round(share, 3), band, why)))
        return found

    def _by_party(self, credits_: Credits, asked: Asked, held: set[str]) -> Iterator[Match]:
        """Match the parties that are credited, other than by a work of theirs that was matched."""
        seen = set(held)
        for identifier, ids in self._reading.parties_by_identifier(credits_.party_identifiers).items():
            why = f"{identifier.scheme.upper()} {identifier.value} equal"
            for party in set(ids) - seen:
                seen.add(party)
                yield Match(None, party, "party-identifier", 1.0, Band.STRONG, why, exact=True)
        yield from self._by_number(credits_, seen)
        for society in credits_.societies:
            yield from self._by_society(society, seen)
        for name in (*asked.others, *asked.writers)[:_NAMES]:
            ids = self._reading.parties_by_name(name)
            if held.isdisjoint(ids):
                yield from _named(name, [party for party in ids if party not in seen], len(ids))
                seen.update(ids)

    def _by_number(self, credits_: Credits, seen: set[str]) -> Iterator[Match]:
        """Match parties whose id is their number, and who granted a mandate without being listed themselves."""
        numbers = {f"{one.scheme}:{one.value}" for one in credits_.party_identifiers} - seen
        for party in sorted({one.grantor for one in self._reading.mandates(numbers)} if numbers else ()):
            seen.add(party)
            yield Match(None, party, "party-identifier", 1.0, Band.STRONG, f"{party} equal", exact=True)

    def _by_society(self, society: str, seen: set[str]) -> Iterator[Match]:
        """Match a society that the page credits: a code ("cisac:058") is strong, a name is middle."""
        if ":" in society:
            if society not in seen:
                seen.add(society)
                yield Match(None, society, "party-identifier", 1.0, Band.STRONG, f"the page credits society {society}")
            return
        ids = self._reading.parties_by_name(normalise.name(society))
        yield from _named(society, [party for party in ids if party not in seen], len(ids))
        seen.update(ids)


def _named(name: str, parties: Iterable[str], sharing: int) -> Iterator[Match]:
    """Give the matches by a name, which `sharing` parties have."""
    for party in parties:
        if sharing == 1 or party.startswith(NOTICED):  # of whom a letter names, a name that others share restricts too
            others = "" if sharing == 1 else f", and of {sharing - 1} more"
            yield Match(None, party, "party-name", 0.7, Band.MIDDLE, f'"{name}" is the name of this party{others}')
        else:
            why = f'"{name}" is the name of {sharing} parties, this one among them'
            yield Match(None, party, "party-name", 0.3, Band.WEAK, why)


def _by_url(url: str, entries: Iterable[UrlEntry]) -> list[Match]:
    """Give the matches by lists of URLs and domains."""
    found = []
    for entry in entries:
        if not entry.party and not entry.work:
            continue
        exact = "://" in entry.scope
        method, band, score = ("url", Band.STRONG, 1.0) if exact else ("domain", Band.MIDDLE, 0.7)
        source = f", {entry.source}" if entry.source else ""
        why = f"{url} lies within {entry.scope}{source}"
        found.append(Match(entry.work or None, entry.party or None, method, score, band, why, exact=exact))
    return found


def _reserved(entry: UrlEntry) -> Declaration:
    """Give what a list of reserved URLs or domains says as a declaration of its party, or of the list."""
    source = entry.source
    declarant = entry.party or (source.name if source else "URL list")
    scope = "asset" if "://" in entry.scope else "site"
    return Declaration(f"list:{entry.scope}", declarant, scope, targets=(entry.scope,), form="list", source=source)


def _classed(asset: Asset, entries: Iterable[UrlEntry]) -> Asset:
    """Take the class from the lists where nothing else told it."""
    if asset.credits.asset_class is not AssetClass.OTHER:
        return asset
    for entry in entries:
        if entry.asset_class is not None:
            reason = f"{entry.scope} is listed as {entry.asset_class}" + (f", {entry.source}" if entry.source else "")
            told = replace(asset.credits, asset_class=entry.asset_class, class_reason=reason)
            return replace(asset, credits=told)
    return asset
