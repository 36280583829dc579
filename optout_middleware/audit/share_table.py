"""The shares of a dry run as a table for people, short enough for the end of a log.

Rule of this file: it shows what `share_figures` gives, largest first, and says by how much each list was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.profiles import STANDINGS
from optout_middleware.audit.tallies import MEASURES, OTHER_SITES
from optout_middleware.policy import Profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHOWN = 10  # names of a list
_NAME, _NUMBER, _PERCENT = 38, 14, 8  # widths of the columns
_NONE = dict.fromkeys(MEASURES, 0)


def table(told: Mapping[str, Any]) -> str:
    """Give the shares as a table for people; what was excluded, pending, unknown and forbidden apart.

    Args:
        told: what `share_figures.to_dict` gave.
    """
    total = told["total"]
    whole = _sum(total.values())
    rows = [_line("", [f"{measure:>{_NUMBER + _PERCENT}}" for measure in MEASURES] + ["   95 % interval (requests)"])]
    rows += [_counted(name, total.get(name, _NONE), whole, _interval(told["shares"].get(name))) for name in STANDINGS]
    rows.append(_counted("all", whole, whole))
    if not whole["requests"] and not whole["items"]:
        return "\n".join(rows)
    for became in STANDINGS[1:]:
        rows += _signals(told, became, whole)
    rows += _findings(told)
    for kind in ("rightholder", "language", "host"):
        rows += _losing(told, kind)
    rows += _notes(told)
    return "\n".join(rows)


def _signals(told: Mapping[str, Any], became: str, whole: Mapping[str, int]) -> list[str]:
    """Lay out what of one standing each signal has."""
    found = {name: row[became] for name, row in told["by_signal"].items() if became in row}
    if not found:
        return []
    names, shares = _largest(found), told["signal_shares"]
    rows = [_counted(f"  {name}", found[name], whole, _interval(shares[name].get(became))) for name in names[:SHOWN]]
    return ["", f"{became} by signal, of all (under each that applies)", *rows, *_cut(names)]


def _findings(told: Mapping[str, Any]) -> list[str]:
    """Lay out the findings under both profiles, in pages (requests) and tokens."""
    found = told["by_finding"]
    if not found:
        return []
    heads = [head for profile in Profile for head in (f"{profile}: lost", "only to it")]
    rows = ["", "by finding, of all pages: lost to it, and to nothing else; under each profile with the overrides set"]
    rows.append(_line("", [f"{head:>{_NUMBER + _PERCENT}}" for head in heads]))
    whole = _sum(told["total"].values())["requests"] or 1
    order = sorted(found, key=lambda name: (-max(found[name][p]["lost"]["requests"] for p in Profile), name))
    for name in order:
        cells = [found[name][profile][part]["requests"] for profile in Profile for part in ("lost", "only")]
        rows.append(_line(f"  {name}", [_cell(cell, whole) for cell in cells]))
    losses = [_lost(told["by_profile"][profile]) for profile in Profile]
    rows.append(_line("  all", [_cell(loss, whole) + " " * (_NUMBER + _PERCENT) for loss in losses]))
    caution = told["price_of_caution"]
    rows.append(
        f"the price of caution: {caution['requests']:,} pages, {caution['tokens']:,} tokens are lost under the "
        f"precautionary profile only{_of_all(caution['shares'].get('requests'))}"
    )
    return rows


def _losing(told: Mapping[str, Any], kind: str) -> list[str]:
    """Lay out of which hosts, languages or rightholders most is not kept, of all of each."""
    rows = told[f"by_{kind}"]
    lost = {name: _sum(row[s] for s in STANDINGS[1:] if s in row) for name, row in rows.items()}
    names = [name for name in _largest(lost) if any(lost[name].values())]
    if not names:
        return []
    title = "not kept for a rightholder" if kind == "rightholder" else f"not kept by {kind}, of all of the {kind}"
    shown = [_counted(f"  {name}", lost[name], _sum(rows[name].values())) for name in names[:SHOWN]]
    return ["", title, *shown, *_cut(names)]


def _notes(told: Mapping[str, Any]) -> list[str]:
    rows = [
        f"{became}, not fetched: {row['requests']:,} pages; were they like the fetched pages of their sites, they "
        f"would hold {row['items']:,} items, {row['bytes']:,} bytes, {row['tokens']:,} tokens"
        + (f" (for {row['by_average']:,} of them no page of their site was fetched)" if row["by_average"] else "")
        for became, row in told["not_fetched"].items()
        if "items" in row
    ]
    if told["by_waits_for"]:
        waits = ", ".join(f"{name} {row['requests']:,}" for name, row in told["by_waits_for"].items())
        rows.append(f"pending pages wait for: {waits}")
    if not told["hosts_told_apart"]:
        most = f"{told['most_hosts']:,}"
        rows.append(f"More than {most} hosts: all that came later are counted as {OTHER_SITES}, in groups.")
    rows.append(f"tokens: {told['tokens']}. All figures stand in the run manifest; docs/estimate.md explains them.")
    return ["", *rows]


def _lost(by_standing: Mapping[str, Any]) -> int:
    return sum(row["requests"] for became, row in by_standing.items() if became not in ("kept", "unknown"))


def _sum(many: Iterable[Mapping[str, int]]) -> dict[str, int]:
    rows = list(many)
    return {measure: sum(row[measure] for row in rows) for measure in MEASURES}


def _largest(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Give the names with most first; equals by name, so that two runs tell the same."""
    return sorted(found, key=lambda name: ([-found[name][measure] for measure in MEASURES], name))


def _cut(names: Sequence[str]) -> list[str]:
    return [f"  and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []


def _interval(shares: Mapping[str, Any] | None) -> str:
    """Show the interval of the share of requests, or why there is none."""
    share = (shares or {}).get("requests")
    if share is None or not share["share"]:
        return ""
    if share["low"] is None:
        return f"   {share['why'].partition(':')[0].partition(' for ')[0]}"
    return f"   {100 * share['low']:.1f} to {100 * share['high']:.1f} %"


def _of_all(share: Mapping[str, Any] | None) -> str:
    if share is None:
        return ""
    between = f", {100 * share['low']:.1f} to {100 * share['high']:.1f} %" if share["low"] is not None else ""
    return f" ({100 * share['share']:.1f} % of all{between})"


def _counted(name: str, counts: Mapping[str, int], whole: Mapping[str, int], after: str = "") -> str:
    """Lay out counts, each with its share of the whole."""
    return _line(name, [*(_cell(counts[measure], whole[measure]) for measure in MEASURES), after])


def _cell(count: int, whole: int) -> str:
    share = f"{count * 100 / whole:.1f} %" if whole else ""
    return f"{count:>{_NUMBER},}{share:>{_PERCENT}}"


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:<{_NAME}}{''.join(cells)}".rstrip()
