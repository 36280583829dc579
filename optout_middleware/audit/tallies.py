"""Counts by site, in bounded memory: so many sites one by one, all later ones in groups.

Rule of this file: nothing is lost from a sum. A group holds whichever sites its number falls to by their hash, so that
groups are alike and stand for sites in an interval; how many sites they hold is not known.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from optout_middleware.audit.intervals import Cluster, Estimate, Frame, Stratum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEASURES = ("requests", "items", "bytes", "tokens")
MAX_SITES = 10_000
GROUPS = 1_000
MAX_NAMES = 1_000  # of one kind: signals, languages, rightholders
OTHER_SITES = "(other hosts)"
OTHER_NAMES = "(others)"
# Octets of UTF-8 a token: the rule of thumb for English text and byte-pair tokenizers of 2023-26. Other languages and
# code take fewer octets a token, so their tokens are underestimated; a share compares text of one kind with itself.
OCTETS_PER_TOKEN = 4
Counts = tuple[int, int, int, int]  # requests, items, octets, octets of text
NONE: Counts = (0, 0, 0, 0)


class Tallies:
    """Counts of each measure by a key and by site.

    A key is a tuple of words, the first of which is its kind.
    """

    def __init__(self) -> None:
        self._sites: dict[str, int] = {}
        self._tallies: dict[tuple[str, ...], dict[int, Counts]] = {}
        self._names: dict[str, set[str]] = {}
        self._grouped = False

    @property
    def told_apart(self) -> bool:
        """Whether every site has counts of its own."""
        return not self._grouped

    def site(self, host: str) -> int:
        """Give the number of a site: its own, or that of a group."""
        number = self._sites.get(host)
        if number is not None:
            return number
        if len(self._sites) < MAX_SITES:
            return self._sites.setdefault(host, len(self._sites))
        self._grouped = True
        return MAX_SITES + zlib.crc32(host.encode("utf-8", "surrogatepass")) % GROUPS

    def name(self, kind: str, name: str) -> str:
        """Give a name that a site chose, or `OTHER_NAMES` where too many of its kind are known already."""
        known = self._names.setdefault(kind, set())
        if name not in known:
            if len(known) >= MAX_NAMES:
                return OTHER_NAMES
            known.add(name)
        return name

    def add(self, key: tuple[str, ...], site: int, counts: Counts) -> None:
        """Count."""
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = {}
        old = tally.get(site, NONE)
        tally[site] = (old[0] + counts[0], old[1] + counts[1], old[2] + counts[2], old[3] + counts[3])

    def keys(self, *start: str) -> Iterator[tuple[str, ...]]:
        """Give the keys that begin so, sorted."""
        return iter(sorted(key for key in self._tallies if key[: len(start)] == start))

    def of(self, *key: str) -> dict[int, Counts]:
        """Give the counts of a key by the number of the site."""
        return self._tallies.get(key, {})

    def sum(self, *key: str) -> Counts:
        """Give the sum of a key over all sites."""
        return added(self.of(*key).values())

    def labels(self) -> list[str]:
        """Give the names of the sites by their numbers; a group's number is beyond them."""
        return list(self._sites)


class Shares:
    """Estimates of shares of one whole, in each measure.

    Args:
        tallies: what was counted.
        whole: the keys that together are the whole.
    """

    def __init__(self, tallies: Tallies, *whole: tuple[str, ...]) -> None:
        self._tallies = tallies
        sums: dict[int, Counts] = {}
        for key in whole:
            for site, counts in tallies.of(*key).items():
                sums[site] = added((sums.get(site, NONE), counts))
        self.whole = added(sums.values())
        self._order = {site: number for number, site in enumerate(sorted(sums))}
        self._frames = [
            Frame([Stratum([_cluster(sums[site], place) for site in self._order])]) for place in range(len(MEASURES))
        ]

    def of(self, *key: str) -> dict[str, Estimate]:
        """Give the share of a key in each measure that has any of the whole."""
        tally = self._tallies.of(*key)
        return {
            measure: self._frames[place].estimate({
                self._order[site]: counts[place] for site, counts in tally.items() if site in self._order
            })
            for place, measure in enumerate(MEASURES)
            if self.whole[place]
        }  # fmt: skip


def added(many: Iterable[Counts]) -> Counts:
    """Add counts up."""
    requests = items = octets = text = 0
    for one in many:
        requests, items, octets, text = requests + one[0], items + one[1], octets + one[2], text + one[3]
    return requests, items, octets, text


def measured(counts: Counts) -> dict[str, int]:
    """Give counts by measure; tokens are estimated from the text."""
    return dict(zip(MEASURES, (*counts[:3], round(counts[3] / OCTETS_PER_TOKEN)), strict=True))


def _cluster(counts: Counts, place: int) -> Cluster:
    pages = counts[1] if place in (1, 3) else counts[0]
    return Cluster(counts[place], max(pages, 1), max(pages, 1))
