"""The sites of a report: what became of their pages, and where their own signals disagree.

Rule of this file: bounded. Sites are told apart up to a number, all later ones are counted as one, and it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.grouped import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SITES = 50_000
OTHER_SITES = "(other sites)"
OUTCOMES = ("allow", "pending", "deny")
_PLACE = {outcome: place for place, outcome in enumerate(OUTCOMES)}
_MOST_SIGNALS = 8  # of a site that are told apart in each direction
_LONG = 200  # characters of a quotation
_RESERVES = frozenset({"pending", "deny"})


class Site:
    """Counts of one site, and one example of each signal that allows, and of each that reserves."""

    __slots__ = ("allows", "bytes", "counts", "reserves", "together")

    def __init__(self) -> None:
        self.counts = [0, 0, 0]  # decisions by outcome, as in `OUTCOMES`
        self.bytes = 0
        self.allows: dict[str, tuple[str, str]] = {}  # signal -> URL of a page, what was said
        self.reserves: dict[str, tuple[str, str]] = {}
        self.together = 0  # decisions in which one signal allowed and another reserved

    @property
    def lines(self) -> int:
        """All decisions about the site."""
        return sum(self.counts)


class Sites:
    """The sites of all lines."""

    def __init__(self) -> None:
        self._by_name: dict[str, Site] = {}

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a line that has an outcome."""
        name = line.get("domain") or line.get("origin") or "(no site)"
        site = self._by_name.get(name)
        if site is None:
            if len(self._by_name) >= MAX_SITES:
                name = OTHER_SITES
            site = self._by_name.setdefault(name, Site())
        site.counts[_PLACE.get(line["outcome"], 2)] += count_of(line)
        site.bytes += line.get("size") or 0
        if (line.get("reasons") or line.get("statements")) and name != OTHER_SITES:
            _directions(site, line)

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def told_apart(self) -> bool:
        """Whether every site has a row of its own."""
        return OTHER_SITES not in self._by_name

    def rows(self, most: int) -> list[dict[str, Any]]:
        """Give the sites with the most decisions, at most so many, and what was pooled last."""
        named = (entry for entry in self._by_name.items() if entry[0] != OTHER_SITES)
        ranked = sorted(named, key=lambda entry: (-entry[1].lines, entry[0]))[:most]
        ranked += [entry for entry in self._by_name.items() if entry[0] == OTHER_SITES]
        return [
            {"site": name, "lines": site.lines, **dict(zip(OUTCOMES, site.counts, strict=True)), "bytes": site.bytes}
            for name, site in ranked
        ]

    def conflicts(self) -> list[dict[str, Any]]:
        """Give the sites of which one signal allows and another reserves, those with the most such decisions first."""
        rows = [_conflict(name, site) for name, site in self._by_name.items() if site.allows and site.reserves]
        found = [row for row in rows if row is not None]
        return sorted(found, key=lambda row: (-row["together"], row["site"]))


def _directions(site: Site, line: Mapping[str, Any]) -> None:
    """Note which signals allow and which reserve; a reservation counts where it had an effect."""
    allows = reserves = False
    for said in (*line.get("reasons", ()), *line.get("statements", ())):
        signal = said.get("signal")
        if not signal:
            continue
        if said.get("outcome") in _RESERVES:
            reserves = True
            _note(site.reserves, signal, said, line)
        elif said.get("preference") == "allowed":
            allows = True
            _note(site.allows, signal, said, line)
    site.together += count_of(line) * (allows and reserves)


def _note(found: dict[str, tuple[str, str]], signal: str, said: Mapping[str, Any], line: Mapping[str, Any]) -> None:
    if signal not in found and len(found) < _MOST_SIGNALS:
        found[signal] = (str(line.get("url")), str(said.get("text") or said.get("note") or "")[:_LONG])


def _conflict(name: str, site: Site) -> dict[str, Any] | None:
    """Give the row of a site where the signals differ; what one signal says of two pages is no conflict."""
    if len(site.allows.keys() | site.reserves.keys()) == 1:
        return None
    return {
        "site": name,
        "together": site.together,
        "allows": [{"signal": signal, "url": url, "text": text} for signal, (url, text) in site.allows.items()],
        "reserves": [{"signal": signal, "url": url, "text": text} for signal, (url, text) in site.reserves.items()],
    }
