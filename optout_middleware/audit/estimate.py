"""The estimate of what opt-outs cost a list of URLs: which sites to look at, and what the looks come to.

Rule of this file: pure. Sites are drawn in strata by how many URLs of the list they have, so that neither the many
small sites nor the few large ones are missed; within a stratum each site, and within a site each URL, is as likely as
any other. Both are drawn by a hash of seed and name: the same list and seed give the same sample on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.intervals import Cluster, Frame, Stratum
from optout_middleware.audit.profiles import STANDINGS, judge, of_profile
from optout_middleware.policy import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Decision

PAGES_PER_SITE = 10  # URLs of a site that are looked at; more say little, since pages of a site share their fate
_FEWEST_DRAWN = 4  # sites that a stratum is worth; fewer tell nothing of how much they differ
_TOP_SITES = 10
_LARGEST = 2**63  # priorities are less


def priority(seed: int, name: str) -> int:
    """Give a number from 0 to 2**63 - 1 that is as good as drawn at random; the least ones are the sample."""
    data = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") % _LARGEST


def size_class(urls: int) -> int:
    """Give the class of a site by its number of URLs: 1, 2 to 3, 4 to 7, 8 to 15, ..."""
    return urls.bit_length() - 1


class Group(NamedTuple):
    """A stratum: the sites of some neighbouring size classes.

    Fields:
        least, most: its classes.
        sites, urls: how many it has.
        drawn: how many sites are looked at.
    """

    least: int
    most: int
    sites: int
    urls: int
    drawn: int


def plan(classes: Mapping[int, tuple[int, int]], sample: int) -> list[Group]:
    """Share out a sample of sites over the size classes, half by sites, half by URLs.

    Args:
        classes: class -> how many sites and URLs it has.
        sample: how many sites to look at; a stratum that has fewer than its part is looked at whole.
    """
    sites, urls = (sum(counts[place] for counts in classes.values()) for place in (0, 1))
    if sites <= sample:
        return [Group(size, size, *counts, counts[0]) for size, counts in sorted(classes.items())]
    groups: list[Group] = []
    waiting: Group | None = None
    for size, (some, many) in sorted(classes.items()):
        waiting = _joined(waiting, Group(size, size, some, many, 0))
        if sample * _worth(waiting, sites, urls) >= _FEWEST_DRAWN:
            groups.append(waiting)
            waiting = None
    if waiting is not None:
        groups.append(_joined(groups.pop() if groups else None, waiting))
    return _drawn(groups, sample, sites, urls)


def _joined(first: Group | None, second: Group) -> Group:
    if first is None:
        return second
    return Group(first.least, second.most, first.sites + second.sites, first.urls + second.urls, 0)


def _worth(group: Group, sites: int, urls: int) -> float:
    return (group.sites / sites + group.urls / urls) / 2


def _drawn(groups: Sequence[Group], sample: int, sites: int, urls: int) -> list[Group]:
    """Say how many sites of each group are drawn; what a small group cannot give the others do."""
    drawn: dict[int, int] = {}
    while True:
        left = sample - sum(drawn.values())
        others = [number for number in range(len(groups)) if number not in drawn]
        whole = sum(_worth(groups[number], sites, urls) for number in others)
        parts = {number: left * _worth(groups[number], sites, urls) / whole for number in others}
        full = [number for number, part in parts.items() if part >= groups[number].sites]
        if not full:
            break
        drawn |= {number: groups[number].sites for number in full}
    # Largest remainders, so that the parts are whole numbers and add up.
    drawn |= {number: math.floor(part) for number, part in parts.items()}
    by_rest = sorted(parts, key=lambda number: (drawn[number] - parts[number], number))
    for number in by_rest[: sample - sum(drawn.values())]:
        drawn[number] += 1
    return [
        group._replace(drawn=min(max(drawn[number], 2), group.sites)) for number, group in enumerate(groups)
    ]  # fmt: skip


def looked(decision: Decision, policy: Policy) -> dict[str, Any]:
    """Give what one look came to as JSON values: of each profile the standing, and each cause as [finding, signal].

    Args:
        decision: about one URL.
        policy: by which it was made.
    """
    found: dict[str, Any] = {}
    for profile in Profile:
        judged = judge(decision, policy, of_profile(policy, profile))
        causes = [
            [cause.finding, cause.statement.signal if cause.statement else cause.location] for cause in judged.causes
        ]
        waits = judged.waits_for.value if judged.waits_for else ""
        found[profile.value] = {"standing": judged.standing, "causes": causes, "waits_for": waits}
    return found


class Site(NamedTuple):
    """One site of the sample.

    Fields:
        name: its host.
        urls: how many the list has of it.
        looks: of each URL that was looked at how often it stands in the list, and what `looked` gave.
    """

    name: str
    urls: int
    looks: Sequence[tuple[int, Mapping[str, Any]]]


class Figures:
    """Shares of pages (each URL of the list counts once) and of sites (each counts once, by the share of its pages).

    Args:
        groups: the strata, each with the sites of it that were looked at.
    """

    def __init__(self, groups: Iterable[tuple[Group, Sequence[Site]]]) -> None:
        self._parts: dict[tuple[str, ...], dict[int, float]] = {}
        self._names: list[tuple[str, int]] = []
        pages, sites = [], []
        for group, seen in groups:
            by_pages, by_sites = [], []
            for site in seen:
                self._count(site)
                count = sum(times for times, _ in site.looks)
                by_pages.append(Cluster(site.urls, count, max(site.urls, count)))
                by_sites.append(Cluster(1, count, max(site.urls, count)))
            pages.append(Stratum(by_pages, group.sites, group.urls))
            sites.append(Stratum(by_sites, group.sites, group.sites))
        self._frames = {"pages": Frame(pages), "sites": Frame(sites)}

    def _count(self, site: Site) -> None:
        number, count = len(self._names), sum(times for times, _ in site.looks)
        self._names.append((site.name, site.urls))
        keys: Counter[tuple[str, ...]] = Counter()
        for times, look in site.looks:
            keys.update(dict.fromkeys(_keys(look), times))
        for key, times in keys.items():
            self._parts.setdefault(key, {})[number] = times / count

    def to_dict(self) -> dict[str, Any]:
        """Give all shares as JSON values; docs/estimate.md says what each is."""
        return {
            "by_profile": {
                profile.value: {became: self._shares("standing", profile.value, became) for became in STANDINGS}
                for profile in Profile
            },
            "by_waits_for": {
                profile.value: {key[2]: self._shares(*key) for key in self._keys("waits-for", profile.value)}
                for profile in Profile
            },
            "price_of_caution": self._shares("caution"),
            "by_finding": self._by("lost", "only"),
            "by_signal": self._by("signal", "signal-only"),
        }

    def _by(self, lost: str, only: str) -> dict[str, Any]:
        names = sorted({key[2] for key in self._parts if key[0] == lost})
        return {
            name: {
                **{
                    profile.value: {
                        "lost": self._shares(lost, profile.value, name),
                        "only": self._shares(only, profile.value, name),
                    }
                    for profile in Profile
                },
                "top_sites": self._top(lost, name),
            }
            for name in names
        }

    def _top(self, lost: str, name: str) -> list[dict[str, Any]]:
        """Give the sampled sites that lose most, by the pages that they are estimated to lose."""
        found = self._parts.get((lost, Profile.PRECAUTIONARY.value, name), {})
        ranked = sorted((-share * self._names[number][1], self._names[number][0]) for number, share in found.items())
        return [{"site": site, "pages": round(-pages)} for pages, site in ranked[:_TOP_SITES]]

    def _keys(self, *start: str) -> list[tuple[str, ...]]:
        return sorted(key for key in self._parts if key[: len(start)] == start)

    def _shares(self, *key: str) -> dict[str, Any]:
        part = self._parts.get(key, {})
        pages = {number: share * self._names[number][1] for number, share in part.items()}
        amounts = {"pages": pages, "sites": part}
        return {what: frame.estimate(amounts[what]).to_dict() for what, frame in self._frames.items()}


def _keys(look: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Give what one look is counted under, each once."""
    keys: list[tuple[str, ...]] = []
    for profile, row in look.items():
        keys.append(("standing", profile, row["standing"]))
        if row["waits_for"]:
            keys.append(("waits-for", profile, row["waits_for"]))
        for place, kind in enumerate(("lost", "signal")):
            names = sorted({cause[place] for cause in row["causes"]})
            keys += [(kind, profile, name) for name in names]
            if len(names) == 1:
                keys.append(("only" if kind == "lost" else "signal-only", profile, *names))
    if look[Profile.PRECAUTIONARY.value]["causes"] and not look[Profile.LITERAL.value]["causes"]:
        keys.append(("caution",))
    return keys
