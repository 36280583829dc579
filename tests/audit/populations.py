"""Invented webs of known share, for the simulation of intervals: sites of skewed size whose pages share their fate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optout_middleware.audit.estimate import PAGES_PER_SITE, Group, plan, size_class
from optout_middleware.audit.intervals import Cluster, Frame, Stratum

if TYPE_CHECKING:
    from random import Random


class Web(NamedTuple):
    """What an invented web is like.

    Fields:
        share: the share of pages that is excluded where size plays no part.
        skew: the spread of log sizes: at 0.8 the largest tenth of sites has a third of the pages, at 1.5 nearly two
            thirds, at 2 more than three quarters.
        alike: how alike the pages of a site are (intra-class correlation): 1 = all of them or none are excluded.
        tilt: by how much more large sites exclude than small ones, in log odds; less than 0 = by how much less.
        most: the pages of the largest site.
    """

    share: float
    skew: float
    alike: float
    tilt: float = 0.0
    most: int = 10_000


class Population(NamedTuple):
    """The sites of a web: of each its pages, and how many of them are excluded."""

    pages: list[int]
    excluded: list[int]

    @classmethod
    def of(cls, web: Web, sites: int, chance: Random) -> Population:
        """Make a web."""
        pages = sorted(min(web.most, max(1, int(math.exp(chance.gauss(1.5, web.skew))))) for _ in range(sites))
        odds = math.log(web.share / (1 - web.share))
        excluded = []
        for place, count in enumerate(pages):
            mean = 1 / (1 + math.exp(-odds - web.tilt * (place / sites - 0.5)))
            excluded.append(_drawn(_share(mean, web.alike, chance), count, chance))
        return cls(pages, excluded)

    @property
    def of_pages(self) -> float:
        """The share of pages."""
        return sum(self.excluded) / sum(self.pages)

    @property
    def of_sites(self) -> float:
        """The mean share of the sites."""
        return sum(some / count for some, count in zip(self.excluded, self.pages, strict=True)) / len(self.pages)

    def crawled(self, sites: int, chance: Random) -> tuple[Frame, dict[int, float]]:
        """Crawl a few sites whole, as a dry run sees them."""
        drawn = chance.sample(range(len(self.pages)), sites)
        frame = Frame([Stratum([Cluster(self.pages[site], self.pages[site], self.pages[site]) for site in drawn])])
        return frame, {number: self.excluded[site] for number, site in enumerate(drawn)}

    def planned(self, sites: int) -> list[tuple[Group, list[int]]]:
        """Plan an estimate; give each stratum with its sites."""
        classes: dict[int, list[int]] = {}
        for site, count in enumerate(self.pages):
            classes.setdefault(size_class(count), []).append(site)
        counts = {size: (len(of), sum(self.pages[site] for site in of)) for size, of in classes.items()}
        return [
            (group, [site for size in range(group.least, group.most + 1) for site in classes.get(size, ())])
            for group in plan(counts, sites)
        ]

    def estimated(
        self, planned: list[tuple[Group, list[int]]], chance: Random
    ) -> tuple[Frame, dict[int, float], Frame, dict[int, float]]:
        """Draw and look as an estimate does; give the frame and the amounts of pages, then of sites."""
        of_pages, of_sites = [], []
        shares: dict[int, float] = {}
        sizes: dict[int, int] = {}
        for group, sites in planned:
            by_pages, by_sites = [], []
            for site in chance.sample(sites, group.drawn):
                count = self.pages[site]
                looks = min(count, PAGES_PER_SITE)
                excluded = sum(place < self.excluded[site] for place in chance.sample(range(count), looks))
                sizes[len(sizes)] = count
                if excluded:
                    shares[len(sizes) - 1] = excluded / looks
                by_pages.append(Cluster(count, looks, count))
                by_sites.append(Cluster(1, looks, count))
            of_pages.append(Stratum(by_pages, group.sites, group.urls))
            of_sites.append(Stratum(by_sites, group.sites, group.sites))
        amounts = {number: share * sizes[number] for number, share in shares.items()}
        return Frame(of_pages), amounts, Frame(of_sites), shares


def _share(mean: float, alike: float, chance: Random) -> float:
    """Draw the share of one site."""
    if alike >= 1:
        return float(chance.random() < mean)
    rest = 1 / alike - 1
    return chance.betavariate(max(mean * rest, 0.001), max((1 - mean) * rest, 0.001))


def _drawn(share: float, count: int, chance: Random) -> int:
    if share in (0.0, 1.0):
        return int(share) * count
    return sum(chance.random() < share for _ in range(count))
