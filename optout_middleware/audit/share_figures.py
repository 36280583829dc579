"""What the counts of a dry run come to: sums, shares with intervals, and what was not fetched, estimated.

Rule of this file: pure. Each share is of the whole of its measure, forbidden and pending included; nothing that could
not be looked at is counted as kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.intervals import Cluster, Frame, Stratum
from optout_middleware.audit.profiles import STANDINGS
from optout_middleware.audit.tallies import (
    MAX_SITES,
    MEASURES,
    NONE,
    OCTETS_PER_TOKEN,
    OTHER_SITES,
    Counts,
    Shares,
    Tallies,
    added,
    measured,
)
from optout_middleware.policy import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from optout_middleware.audit.intervals import Estimate
    from optout_middleware.audit.share import Sample

TOP_SITES = 10
_WHOLE = tuple(("standing", became) for became in STANDINGS)
_UNFETCHED = ("forbidden", "pending")  # what even a dry run does not fetch
_TOKENS = f"octets of UTF-8 in the text fields of items, divided by {OCTETS_PER_TOKEN}"


def to_dict(tallies: Tallies, samples: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    """Give all counts and shares as JSON values; docs/estimate.md says what each is."""
    shares = Shares(tallies, *_WHOLE)
    return {
        "tokens": _TOKENS,
        "total": _by_standing(tallies, "standing"),
        "shares": {became: _shown(shares.of("standing", became)) for became in _there(tallies, "standing")},
        "by_waits_for": {
            name: _part(tallies, shares, "waits-for", name) for _, name in tallies.keys("waits-for")
        },
        "not_fetched": _not_fetched(tallies),
        "by_signal": _by_name(tallies, "signal"),
        "signal_shares": _name_shares(tallies, "signal", lambda _: shares),
        "by_finding": _by_finding(tallies, shares, samples),
        "by_profile": {
            profile.value: {
                became: _part(tallies, shares, "profile", profile.value, became)
                for became in _there(tallies, "profile", profile.value)
            }
            for profile in Profile
        },
        "price_of_caution": _part(tallies, shares, "caution"),
        "by_language": _by_name(tallies, "language"),
        "language_shares": _name_shares(tallies, "language", lambda name: Shares(
            tallies, *(("language", name, became) for became in STANDINGS))),
        "by_rightholder": _by_name(tallies, "rightholder"),
        "rightholder_shares": _name_shares(tallies, "rightholder", lambda _: shares),
        "by_host": _by_host(tallies),
        "hosts_told_apart": tallies.told_apart,
        "most_hosts": MAX_SITES,
    }  # fmt: skip


def _there(tallies: Tallies, *start: str) -> list[str]:
    return [became for became in STANDINGS if tallies.of(*start, became)]


def _by_standing(tallies: Tallies, *start: str) -> dict[str, dict[str, int]]:
    return {became: measured(tallies.sum(*start, became)) for became in _there(tallies, *start)}


def _names(tallies: Tallies, kind: str) -> list[str]:
    return list(dict.fromkeys(key[1] for key in tallies.keys(kind)))


def _by_name(tallies: Tallies, kind: str) -> dict[str, dict[str, dict[str, int]]]:
    return {name: _by_standing(tallies, kind, name) for name in _names(tallies, kind)}


def _name_shares(tallies: Tallies, kind: str, whole: Callable[[str], Shares]) -> dict[str, Any]:
    found = {}
    for name in _names(tallies, kind):
        shares = whole(name)
        found[name] = {became: _shown(shares.of(kind, name, became)) for became in _there(tallies, kind, name)}
    return found


def _shown(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {measure: estimate.to_dict() for measure, estimate in estimates.items()}


def _part(tallies: Tallies, shares: Shares, *key: str) -> dict[str, Any]:
    """Give the counts of a key with their shares."""
    return {**measured(tallies.sum(*key)), "shares": _shown(shares.of(*key))}


def _by_finding(tallies: Tallies, shares: Shares, samples: Mapping[str, Sequence[Sample]]) -> dict[str, dict[str, Any]]:
    """Give, for each finding, what is lost to it and to it alone under each profile, where, and how it reads."""
    labels = tallies.labels()
    found: dict[str, dict[str, Any]] = {}
    for finding in sorted({key[2] for key in tallies.keys("lost")}):
        row: dict[str, Any] = {
            profile.value: {
                "lost": _part(tallies, shares, "lost", profile.value, finding),
                "only": _part(tallies, shares, "only", profile.value, finding),
            }
            for profile in Profile
        }
        lost: dict[int, Counts] = {}
        for profile in reversed(Profile):  # what the literal one loses the precautionary one loses too
            lost |= tallies.of("lost", profile.value, finding)
        ranked = sorted((-counts[0], -counts[1], _label(labels, site)) for site, counts in lost.items())
        row["top_sites"] = [
            {"site": site, "requests": -requests, "items": -items} for requests, items, site in ranked[:TOP_SITES]
        ]
        row["samples"] = [sample._asdict() for sample in samples.get(finding, ())]
        found[finding] = row
    return found


def _label(labels: Sequence[str], site: int) -> str:
    return labels[site] if site < len(labels) else OTHER_SITES


def _by_host(tallies: Tallies) -> dict[str, dict[str, dict[str, int]]]:
    labels = tallies.labels()
    sums: dict[str, dict[str, Counts]] = {}
    for became in STANDINGS:
        for site, counts in tallies.of("standing", became).items():
            row = sums.setdefault(_label(labels, site), {})
            row[became] = added((row.get(became, NONE), counts))
    return {host: {became: measured(counts) for became, counts in row.items()} for host, row in sorted(sums.items())}


def _not_fetched(tallies: Tallies) -> dict[str, Any]:
    """Estimate the pages that were not fetched, each as an average page of its site that was.

    Where none of its site was, an average page of all sites stands in, and `by_average` says for how many.
    """
    fetched = _fetched(tallies)
    whole = added(fetched.values())
    if not whole[0]:
        return {
            became: {"requests": tallies.sum("not-fetched", became)[0]}
            for became in _UNFETCHED
            if tallies.of("not-fetched", became)
        }
    guessed: dict[str, dict[int, tuple[float, ...]]] = {}
    by_average: dict[str, int] = {}
    for became in _UNFETCHED:
        for site, counts in tallies.of("not-fetched", became).items():
            own = fetched.get(site, NONE)
            if not own[0]:
                own = whole
                by_average[became] = by_average.get(became, 0) + counts[0]
            guessed.setdefault(became, {})[site] = tuple(counts[0] * one / own[0] for one in own)
    order, frames = _frames(fetched, guessed)
    return {
        became: {
            **_rounded(rows.values()),
            "by_average": by_average.get(became, 0),
            "shares": {
                measure: frame.estimate({
                    number: rows[site][place] for number, site in enumerate(order) if site in rows
                }).to_dict()
                for place, (measure, frame) in enumerate(zip(MEASURES, frames, strict=True))
            },
        }
        for became, rows in guessed.items()
    }  # fmt: skip


def _fetched(tallies: Tallies) -> dict[int, Counts]:
    """Give what was fetched of each site, items included."""
    found: dict[int, list[int]] = {}
    for became in STANDINGS:
        for site, counts in tallies.of("standing", became).items():
            row = found.setdefault(site, [0, 0, 0, 0])
            missing = tallies.of("not-fetched", became).get(site, NONE)
            for place in range(4):
                row[place] += counts[place] - missing[place]
    return {site: (row[0], row[1], row[2], row[3]) for site, row in found.items()}


def _frames(
    fetched: Mapping[int, Counts], guessed: Mapping[str, Mapping[int, Sequence[float]]]
) -> tuple[list[int], list[Frame]]:
    """Lay out the sites with what was fetched and what is estimated together, for each measure."""
    order = sorted({*fetched, *(site for rows in guessed.values() for site in rows)})
    clusters: list[list[Cluster]] = [[] for _ in MEASURES]
    for site in order:
        rows = [fetched.get(site, NONE), *(rows[site] for rows in guessed.values() if site in rows)]
        pages = max(sum(row[0] for row in rows), 1)
        for place in range(len(MEASURES)):
            clusters[place].append(Cluster(sum(row[place] for row in rows), pages, pages))
    return order, [Frame([Stratum(of)]) for of in clusters]


def _rounded(rows: Iterable[Sequence[float]]) -> dict[str, int]:
    """Give sums of estimated counts by measure."""
    requests, items, octets, text = (round(sum(column)) for column in zip(*rows, strict=True))
    return measured((requests, items, octets, text))
