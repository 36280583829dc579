"""What a dry run says of a crawl: the shares that would be left out, with intervals that respect sites.

Rule of this file: pure, from the summary that a run's manifest holds. Pages of one site share their fate, so the site
is the unit; where there are too few sites, it says so instead of an interval.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.share import MEASURES, STANDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FEWEST_SITES = 50
_Z = 1.959964  # two-sided 95 % of the normal distribution
_LEAST, _MOST = 0.05, 0.95  # the shares for which such an interval holds


def shares(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the shares of a dry run, one row for each standing and measure that it counted.

    Args:
        manifest: of the run.

    Returns:
        Rows with `standing`, `measure`, `count`, `of`, `share`, `low`, `high` (None = no interval) and `why` there is
        none; empty where the run was no dry run.
    """
    told = (manifest.get("summary") or {}).get("share")
    if not isinstance(told, dict) or not isinstance(told.get("by_host"), dict):
        return []
    hosts = list(told["by_host"].values())
    rows = []
    for measure in MEASURES:
        sites = [(_all(host, measure), host) for host in hosts]
        whole = sum(count for count, _ in sites)
        for standing in STANDINGS if whole else ():
            pairs = [(_of(host, standing, measure), count) for count, host in sites if count]
            count = sum(part for part, _ in pairs)
            low, high, why = interval(pairs, told_apart=bool(told.get("hosts_told_apart", True)))
            rows.append({
                "standing": standing, "measure": measure, "count": count, "of": whole, "share": count / whole,
                "low": low, "high": high, "why": why,
            })  # fmt: skip
    return rows


def interval(pairs: Iterable[tuple[int, int]], *, told_apart: bool = True) -> tuple[float | None, float | None, str]:
    """Give the 95 % interval of a ratio over sites, or why there is none.

    Args:
        pairs: of each site how many count, and of how many.
        told_apart: whether each pair is one site.

    Source: Cochran, Sampling Techniques, 3rd ed. (1977), section 6.4: the linearised variance of a ratio.

    >>> interval([(1, 2)] * 9)
    (None, None, 'too few sites: 9 of at least 50')
    """
    sites = list(pairs)
    whole = sum(count for _, count in sites)
    if len(sites) < FEWEST_SITES:
        return None, None, f"too few sites: {len(sites)} of at least {FEWEST_SITES}"
    if not told_apart:
        return None, None, "sites were not all told apart"
    share = sum(part for part, _ in sites) / whole
    if not _LEAST <= share <= _MOST:
        return None, None, "the share is below 5 % or above 95 %"
    spread = sum((part - share * count) ** 2 for part, count in sites)
    error = _Z * math.sqrt(len(sites) / (len(sites) - 1) * spread) / whole
    return max(0.0, share - error), min(1.0, share + error), ""


def _of(host: Mapping[str, Any], standing: str, measure: str) -> int:
    return int((host.get(standing) or {}).get(measure, 0))


def _all(host: Mapping[str, Any], measure: str) -> int:
    return sum(_of(host, standing, measure) for standing in STANDINGS)
