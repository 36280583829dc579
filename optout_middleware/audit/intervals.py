"""Shares with 95 % intervals that respect sites: pages of one site share their fate, so the site is what is sampled.

Rule of this file: pure, standard library only. It never gives an interval that its simulation does not bear out
(tests/audit/test_intervals.py): with fewer than `FEWEST_SITES` sites, or for a share below 5 % or above 95 %, it says
why there is none.

How: the share is a ratio over sites (Cochran, Sampling Techniques, 3rd edition 1977, sections 6.4 and 11.7). Its
variance is a mean of two estimates. One is taken from the sites as they are (delete-one jackknife, stratum by stratum);
where few sites are excluded it comes out too small, so that it counts for less there, and for half at most. The other
rests on one number, how alike the pages of a site are (the intra-class correlation), so few sites bear it. From the
variance follows the size of a simple sample that says as much; from that the score interval (Wilson 1927) with the
quantile of t. Sites of very different size count as the fewer of one size that they are worth (Kish, Survey Sampling
1965, section 11.7).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FEWEST_SITES = 50
LEAST_SHARE, MOST_SHARE = 0.05, 0.95
TOO_FEW_SITES = "too few sites"
_Z = 1.959963984540054  # of the normal distribution, two-sided 95 %
_FEWEST_DEGREES = 2.0  # below, the quantile of t says nothing any more
_FEW_EXCLUDED = 3.0  # sites; the jackknife counts for a quarter there
_ROUNDS = 4  # until the intra-class correlation stands still


class Cluster(NamedTuple):
    """One site as it was looked at.

    Fields:
        size: of the site, in what is measured: pages, octets, or 1 where each site counts once.
        looked: how many of its pages were looked at.
        pages: how many it has; as many as were looked at where there are no others to speak of.
    """

    size: float
    looked: float
    pages: float


class Stratum(NamedTuple):
    """Sites that were drawn together.

    Fields:
        clusters: those that were drawn.
        sites: how many there are; None = the sites stand for any number of others.
        size: of all of them, in what is measured; None = that of those that were drawn.
    """

    clusters: Sequence[Cluster]
    sites: int | None = None
    size: float | None = None


class Estimate(NamedTuple):
    """A share, and how sure it is.

    Fields:
        share: from 0 to 1; None = there is nothing to have a share of.
        low, high: the 95 % interval; None = there is none.
        why: why there is none, in a few words; empty = there is one.
        sites: on how many sites it rests.
    """

    share: float | None
    low: float | None
    high: float | None
    why: str
    sites: int

    def to_dict(self) -> dict[str, Any]:
        """Give the estimate as JSON values, shares to 6 places; `why` only where there is no interval."""
        shares = {"share": self.share, "low": self.low, "high": self.high}
        shown = {name: None if value is None else round(value, 6) for name, value in shares.items()}
        return {**shown, "sites": self.sites, **({"why": self.why} if self.why else {})}

    def __str__(self) -> str:
        """Show the share in percent, with the interval or the reason why there is none."""
        if self.share is None:
            return "nothing"
        if self.low is None or self.high is None:
            return f"{100 * self.share:.1f} % ({self.why})"
        return f"{100 * self.share:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f} %)"


class Frame:
    """The sites of one measure, laid out once; gives the estimate of any part of them.

    Only the sites that have something of the part are gone through, since most findings stand on few sites.

    Args:
        strata: what was drawn; sites of no size do not count.
    """

    def __init__(self, strata: Iterable[Stratum]) -> None:
        self._sites: list[Weighed] = []
        self._strata: list[_Sums] = []
        self._places: list[int] = []  # of a cluster among those that count; -1 = it does not
        drawn = list(strata)
        whole = sum(_size(stratum) for stratum in drawn)
        for stratum in drawn:
            self._lay_out(stratum, whole)
        self._sum_up()

    def _lay_out(self, stratum: Stratum, whole: float) -> None:
        counting = [cluster for cluster in stratum.clusters if cluster.size > 0]
        sampled, drawn = sum(cluster.size for cluster in counting), len(counting)
        part = drawn / max(stratum.sites, drawn) if stratum.sites is not None and drawn else 0.0
        share = _size(stratum) / whole if whole and drawn else 0.0
        sums = _Sums(share, part, drawn)
        for cluster in stratum.clusters:
            if cluster.size <= 0:
                self._places.append(-1)
                continue
            self._places.append(len(self._sites))
            own = cluster.size / sampled
            weight = share * own
            # What leaving the site out would do to its stratum; a lone one cannot be left out.
            pull = (weight / (1 - own)) ** 2 * (drawn - 1) / drawn if drawn > 1 else weight**2
            looked = min(max(cluster.looked, 1.0), max(cluster.pages, 1.0))
            self._sites.append(
                Weighed(len(self._strata), cluster.size, weight, pull * (1 - part), looked, max(cluster.pages, looked))
            )
            sums.pull += pull * (1 - part)
        self._strata.append(sums)

    def _sum_up(self) -> None:
        """Sum over all sites what every estimate needs."""
        parts = [self._strata[site.stratum].part for site in self._sites]
        between = [site.weight**2 * (1 - part) for site, part in zip(self._sites, parts, strict=True)]
        within = [
            one / site.pages + site.weight**2 * (1 / site.looked - 1 / site.pages)
            for one, site in zip(between, self._sites, strict=True)
        ]
        self._squares = sum(site.weight**2 for site in self._sites)
        self._noise = sum(site.weight * (1 - site.weight) / site.looked for site in self._sites)
        self._between, self._within = sum(between), sum(within)
        self._worth = _worth(between), _worth(within)

    def estimate(self, amounts: Mapping[int, float]) -> Estimate:
        """Estimate what share a part has.

        Args:
            amounts: number of the cluster, in the order of the strata -> how much of its size is of the part; clusters
                that are not named have nothing of it.
        """
        count = len(self._sites)
        if not count:
            return Estimate(None, None, None, TOO_FEW_SITES, 0)
        touched = self.weigh(amounts)
        share = min(sum(site.weight * own for site, own in touched), 1.0)
        if count < FEWEST_SITES:
            return Estimate(share, None, None, f"{TOO_FEW_SITES}: {count} of at least {FEWEST_SITES}", count)
        if not LEAST_SHARE <= round(share, 9) <= MOST_SHARE:
            bound = f"below {LEAST_SHARE:.0%}" if share < LEAST_SHARE else f"above {MOST_SHARE:.0%}"
            return Estimate(share, None, None, f"{TOO_FEW_SITES} for a share {bound}", count)
        return Estimate(share, *self.interval(share, touched), "", count)

    def weigh(self, amounts: Mapping[int, float]) -> list[tuple[Weighed, float]]:
        """Give the sites that have something of a part, each with its own share of it, 0 to 1."""
        return [
            (self._sites[place], min(amount / self._sites[place].size, 1.0))
            for number, amount in amounts.items()
            if amount > 0 and (place := self._places[number]) >= 0
        ]

    def interval(self, share: float, touched: Sequence[tuple[Weighed, float]]) -> tuple[float, float]:
        """Give the interval about a share, from the sites that have something of it, each with its own share."""
        spread = share * (1 - share)
        alike = self._alike(share, sum(site.weight * own * own for site, own in touched))
        modelled = self._modelled(alike)
        if modelled <= 0:  # every page of every site was looked at
            return share, share
        worth = 1 / modelled  # how many sites as a simple sample would say as much
        if spread > 0:
            trust = spread * worth / (spread * worth + _FEW_EXCLUDED) / 2
            worth = spread / (trust * self._jackknifed(touched) + (1 - trust) * modelled * spread)
        return _wilson(share, worth, _quantile(self._degrees(alike, modelled)))

    def _modelled(self, alike: float) -> float:
        """Give the variance for each unit of share times its complement, where pages are alike as much as that."""
        return alike * self._between + (1 - alike) * self._within

    def _degrees(self, alike: float, modelled: float) -> float:
        """Give the degrees of freedom: how many sites of one size the sites are worth, less one."""
        between, within = self._worth
        worth = modelled / (alike * self._between / between + (1 - alike) * self._within / within)
        return max(worth - 1, _FEWEST_DEGREES)

    def _alike(self, share: float, squares: float) -> float:
        """Give how alike the pages of a site are, 0 to 1, from the weighted squares of the shares of the sites."""
        lone = 1 - self._squares
        if lone <= self._noise or not 0 < share < 1:  # one page a site, or nothing to compare: it cannot be told
            return 1.0
        between, alike = squares - share**2, 1.0
        for _ in range(_ROUNDS):
            spread = share * (1 - share) / (1 - min(self._modelled(alike), 0.9))
            alike = min(max((between / spread - self._noise) / (lone - self._noise), 0.0), 1.0)
        return alike

    def _jackknifed(self, touched: Sequence[tuple[Weighed, float]]) -> float:
        """Give the variance from the sites as they are, between them and within those that were not read whole."""
        sums: dict[int, tuple[float, float, float]] = {}
        total = 0.0
        for site, own in touched:
            weighted, once, twice = sums.get(site.stratum, (0.0, 0.0, 0.0))
            sums[site.stratum] = weighted + site.weight * own, once + site.pull * own, twice + site.pull * own * own
            unread = 1 - site.looked / site.pages
            total += (
                self._strata[site.stratum].part * site.weight**2 * unread * own * (1 - own) / max(site.looked - 1, 1)
            )
        for number, (weighted, once, twice) in sums.items():
            stratum = self._strata[number]
            mean = weighted / stratum.share
            total += max(twice - 2 * mean * once + mean**2 * stratum.pull, 0.0)
        return total


class Weighed(NamedTuple):
    """A site of a frame: its stratum, its size, its weight in the whole, how it pulls, its pages."""

    stratum: int
    size: float
    weight: float
    pull: float
    looked: float
    pages: float


class _Sums:
    """A stratum of a frame: its share of the whole, what part of its sites was drawn, the pull of all of them."""

    __slots__ = ("drawn", "part", "pull", "share")

    def __init__(self, share: float, part: float, drawn: int) -> None:
        self.share, self.part, self.drawn, self.pull = share, part, drawn, 0.0


def _worth(variances: Sequence[float]) -> float:
    """Give how many equal ones parts of a variance are worth (Kish 1965, section 11.7); 1 where there are none."""
    whole = sum(variances)
    return sum(map(math.sqrt, variances)) ** 2 / whole if whole > 0 else 1.0


def _size(stratum: Stratum) -> float:
    return sum(cluster.size for cluster in stratum.clusters) if stratum.size is None else stratum.size


def _wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Give the score interval (Wilson 1927) of a share of `count` independent ones."""
    square = quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _quantile(degrees: float) -> float:
    """Give the two-sided 95 % quantile of t (Abramowitz and Stegun 1964, 26.7.5).

    >>> round(_quantile(10), 3), round(_quantile(49), 3)
    (2.228, 2.01)
    """
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, 1))
