"""Which audit lines speak of what a notice names, and what became of them.

Rule of this file: pure. A line speaks of a notice where the notice raised a claim in it, or where its URL or credits
are what the notice names, whether anybody knew of the notice then or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.audit.grouped import count_of
from optout_middleware.register import credits as credits_of
from optout_middleware.register.notices import PartyHits, WorkHits
from optout_middleware.urls import domains_of, host_of, is_within, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from optout_middleware.register.notice import Notice

BECAME = ("left-out", "pending", "tagged", "dry-run", "before", "since")


class Hits:
    """What a notice names, to be held against lines."""

    def __init__(self, notice: Notice) -> None:
        self._claim = f"notice:{notice.id}/"
        self._parties, self._works = PartyHits(notice.parties), WorkHits(notice)
        self._has_credits = bool(notice.parties or notice.works)
        self._by_host: dict[str, list[str]] = {}
        for scope in (*notice.domains, *notice.urls):
            host = host_of(origin_of(scope) or "") if "://" in scope else scope.lower()
            self._by_host.setdefault(host or "", []).append(scope)

    def claim(self, line: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Give the claim that the notice raised in a line, None where it raised none."""
        claims = (claim for claim in line.get("claims") or () if str(claim.get("text", "")).startswith(self._claim))
        return next(claims, None)

    def named(self, line: Mapping[str, Any]) -> set[str]:
        """Give what of the notice a line speaks of: domains, URLs, and ids of works and parties."""
        found = {scope for url in _urls(line) for scope in self._places(url)}
        told = line.get("credits")
        if isinstance(told, dict) and told:
            credited = credits_of.from_dict(told)
            found |= self._works.found(credited) | self._parties.found(credited)
        return found

    def count(self, line: Mapping[str, Any]) -> tuple[int, int]:
        """Tell how many pages or records of a line the notice names, and of how many more that is not known.

        A grouped line has one URL and one set of credits for many records: what holds for its whole site, or is
        claimed in it, holds for all of them.
        """
        count, is_hit = count_of(line), bool(self.claim(line) or self.named(line))
        if count == 1:
            return int(is_hit), 0
        origin = str(line.get("origin"))
        if self.claim(line) or any(self._places(f"{origin}/")):
            return count, 0
        is_open = any(self._scopes(origin)) or (self._has_credits and bool(line.get("credits")))
        return int(is_hit), count - is_hit if is_open else 0

    def _places(self, url: str) -> Iterable[str]:
        return (scope for scope in self._scopes(url) if is_within(url, scope))

    def _scopes(self, url: str) -> Iterable[str]:
        """Give what the notice names on the host of a URL."""
        if not self._by_host:
            return
        for host in domains_of(host_of(origin_of(url) or "")):
            yield from self._by_host.get(host, ())


def became(line: Mapping[str, Any], entered: datetime) -> str:
    """Tell what became of what a line is about, as a word of `BECAME`.

    Args:
        line: an audit line with an outcome.
        entered: when the notice was recorded, aware.
    """
    if line["outcome"] != "allow":
        if line.get("dry_run"):
            return "dry-run"
        if line.get("action") == "tag":
            return "tagged"
        return "pending" if line["outcome"] == "pending" else "left-out"
    return "before" if str(line.get("time")) < entered.isoformat() else "since"


def _urls(line: Mapping[str, Any]) -> set[str]:
    return {url for url in (line.get("url"), line.get("final_url")) if isinstance(url, str)}
