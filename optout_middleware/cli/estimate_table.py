"""The estimate as tables for people.

Rule of this file: it shows what `optout_middleware.audit.estimate` gives; "kept" reads "no reservation found".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.profiles import STANDINGS
from optout_middleware.policy import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STANDING = {
    "kept": "no reservation found",
    "excluded": "reserved",
    "pending": "pending: waits for a probe or a person",
    "unknown": "not all could be looked at, and nothing found",
    "forbidden": "robots.txt forbids to fetch",
}
_PLACES = ("pages", "sites")


def table(told: Mapping[str, Any]) -> str:
    """Give the estimate as text.

    Args:
        told: the JSON values of `optout estimate`.
    """
    parts = [_head(told)]
    for profile in Profile:
        rows = [(_STANDING[became], *_cells(told["by_profile"][profile.value][became])) for became in STANDINGS]
        rows += [
            (f"  of the pending: waits for {name}", *_cells(row))
            for name, row in told["by_waits_for"][profile.value].items()
        ]
        parts.append(_columns([(f"{profile} profile", "of pages", "of sites"), *rows]))
    price = [("", "of pages", "of sites"), ("lost to caution alone", *_cells(told["price_of_caution"]))]
    parts.append(_columns(price))
    parts += [_by(told["by_finding"], "finding"), _by(told["by_signal"], "signal")]
    return "\n".join(part for part in parts if part)


def _head(told: Mapping[str, Any]) -> str:
    looked = (
        f"the files of their sites in {told['store']}" if told["store"]
        else "the files of their sites, and the pages themselves" if told["pages_fetched"]
        else "the files of their sites only; --pages fetches the pages too"
    )  # fmt: skip
    lines = [
        f"{told['list']}: {told['urls']:,} URLs of {told['sites']:,} sites",
        f"sample: {told['sampled_urls']:,} URLs of {told['sampled_sites']:,} sites, strata: {len(told['strata'])}",
        f"seed: {told['seed']}; looked at: {looked}",
        "shares of pages count each URL once, shares of sites each site once; in brackets the 95 % interval",
    ]
    if told["not_urls"]:
        lines.insert(1, f"besides, {told['not_urls']:,} lines that are no http or https URL")
    return "".join(f"{line}\n" for line in lines)


def _by(found: Mapping[str, Any], what: str) -> str:
    """Show what each finding or signal costs, one row for each profile that loses anything to it."""
    if not found:
        return ""
    rows: list[tuple[str, ...]] = [(f"lost to each {what}", "profile", "of pages", "of sites", "of pages, to it alone")]
    for name in sorted(found, key=lambda name: (-(_share(found[name]) or 0), name)):
        lost = {profile.value: found[name][profile.value] for profile in Profile}
        rows += [
            (name, profile, *_cells(row["lost"]), _shown(row["only"]["pages"]))
            for profile, row in lost.items()
            if row["lost"]["pages"]["share"]
        ]
    return _columns(rows)


def _share(row: Mapping[str, Any]) -> float | None:
    share: float | None = row[Profile.PRECAUTIONARY.value]["lost"]["pages"]["share"]
    return share


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_shown(row[place]) for place in _PLACES)


def _shown(share: Mapping[str, Any]) -> str:
    if not share["share"]:
        return "-"
    text = f"{100 * share['share']:.1f} %"
    if share["low"] is None:
        return f"{text} ({share['why'].partition(':')[0].partition(' for ')[0]})"
    return f"{text} ({100 * share['low']:.1f} to {100 * share['high']:.1f})"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )
