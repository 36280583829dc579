"""The gate: judges each request before it is sent, and each answer before anybody gets it.

Rule of this file: everything runs in the thread of one event loop. The audit line is written before the effect. Once
anything that the gate needs has failed, `refusal` says why and nothing passes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.record import Record, now
from optout_middleware.evidence.asking import NOTHING, Recorded, chain_of, decided, over_chain
from optout_middleware.gathering import gather_of
from optout_middleware.judge import excluded, not_looked_at
from optout_middleware.register.excluded import ExcludedSites
from optout_middleware.rights import Rights
from optout_middleware.stages import Judged, action_of, drops, is_not_fetched
from optout_middleware.terms import OptOutError, Outcome
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from optout_middleware.decide import Site
    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.evidence.gather import Gather
    from optout_middleware.settings import Settings
    from optout_middleware.terms import Decision, Evidence

logger = logging.getLogger(__name__)

_DRY_RUN = "DRY RUN: reserved pages are handed over; see the share at the end"


class Verdict(NamedTuple):
    """What is to be done with a request or an answer."""

    judged: Judged
    is_refused: bool


class Stats:
    """Counts by name: the names of `optout_middleware.audit.record.STATS`, as in a crawl."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get_value(self, key: str, default: Any = None) -> Any:
        """Give a value; the default where there is none."""
        return self.values.get(key, default)

    def set_value(self, key: str, value: Any) -> None:
        """Set a value."""
        self.values[key] = value

    def inc_value(self, key: str) -> None:
        """Count one more."""
        self.values[key] = self.values.get(key, 0) + 1


class Gate:
    """Owns gather, record and register of one session; made by `open`.

    Attributes:
        stats: what was counted.
        record: what is written down.
    """

    def __init__(self, settings: Settings, user_agent: str) -> None:
        self.stats = Stats()
        self._settings, self._policy = settings, settings.policy
        self._refusal = ""
        self._excluded = ExcludedSites.read(settings.excluded_sites)
        self._rights = Rights.of(settings, now)
        self.record = Record(self.stats, settings, user_agent)
        try:
            self._gather = gather_of(settings, self.record.archive, now=now, store_lost=self.record.store_lost)
        except OptOutError as error:
            self.record.close(None, str(error))
            raise
        for warning in self.record.warnings:
            logger.warning(warning)
        logger.info("opt-out audit log: %s", self.record.where)
        if settings.dry_run:
            logger.warning(_DRY_RUN)

    @classmethod
    async def open(cls, settings: Settings, user_agent: str) -> Self:
        """Open audit log, store and register.

        Raises:
            OptOutError: there is something that the operator must change first.
        """
        return cls(settings, user_agent)

    async def request(self, url: str, method: str, fetch: Fetch) -> Verdict:
        """Judge a request by what its site says.

        Args:
            url: that is asked for.
            method: of the request.
            fetch: what probes go through.

        Raises:
            OptOutError: something that the gate needs has failed, now or before.
        """
        self._check()
        try:
            if listed := self._listed(url):
                decision, said = excluded(url, listed, self._policy, now()), None
            else:
                recorded = self._recorded((url,))
                decision = await decided(url, _Ask(self._gather, fetch), self._policy, recorded, now)
                if not is_not_fetched(decision, self._settings):
                    return Verdict(Judged(decision), is_refused=False)
                decision, said = not_looked_at(decision), recorded.to_dict()
            line = self.record.asset("request", decision, "drop", method=method, said=said)
        except OptOutError as error:
            raise self._failed(error) from None
        return Verdict(Judged(decision, line), is_refused=True)

    async def response(self, asset: Evidence, size: int, method: str, fetch: Fetch, *, is_followed: bool) -> Verdict:
        """Judge an answer by what site, redirects, answer and register say.

        Args:
            asset: the answer, with the redirects that led to it.
            size: of its body in octets.
            method: of the request.
            fetch: what probes go through.
            is_followed: whether it is a redirect that is about to be followed; it has no line of its own then, unless
                it is refused.

        Raises:
            OptOutError: something that the gate needs has failed, now or before.
        """
        self._check()
        try:
            recorded = self._recorded(chain_of(asset))
            decision = await over_chain(asset, _Ask(self._gather, fetch), self._policy, recorded, now)
            said = recorded.to_dict()
            if not is_followed and self._rights is not None:
                decision, said = self._credited(self._rights, asset, decision, recorded)
            refused = not decision.may_fetch or (decision.outcome is not Outcome.ALLOW and drops(self._settings))
            if is_followed and not refused:
                return Verdict(Judged(decision), is_refused=False)
            action = "drop" if refused else action_of(decision, self._settings)
            line = self.record.asset(
                "response", decision, action, final_url=asset.final_url, size=size, method=method, page=asset, said=said
            )
        except OptOutError as error:
            raise self._failed(error) from None
        return Verdict(Judged(decision, line), refused)

    async def close(self, reason: str) -> None:
        """End the probes, let what is under way come to its end, then close store, record and register.

        Raises:
            OptOutError: what was to be written could not be; all else is closed.
        """
        errors: list[OptOutError] = []
        try:
            await self._gather.close()
        except OptOutError as error:
            errors.append(error)
        if under_way := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(under_way)
        try:
            self.record.close(self._gather.counts, reason)
        except OptOutError as error:
            errors.append(error)
        if self._rights is not None:
            self._rights.lookup.close()
        if self.record.share is not None:
            logger.warning("%s\n%s", _DRY_RUN, self.record.share.table())
        if errors:
            raise errors[0]

    def _listed(self, url: str) -> str:
        """Give whose list excludes the site of a URL; empty = nobody's."""
        return self._excluded.listed(url) or (self._rights.lookup.excluded(url) if self._rights else "")

    def _recorded(self, urls: Sequence[str]) -> Recorded:
        return self._rights.recorded(urls) if self._rights is not None else NOTHING

    def _credited(
        self, rights: Rights, asset: Evidence, decision: Decision, recorded: Recorded
    ) -> tuple[Decision, dict[str, Any]]:
        """Ask the register about what the page says of itself; give the decision, and the fields of the line."""
        content_types = asset.values("content-type")
        page = rights.page(asset.body, asset.final_url, content_types[-1] if content_types else "")
        found = rights.judged(page.credits, page.url, decision)
        if found is None:
            return decision, recorded.to_dict()
        return found.decision, found.to_dict(recorded.claims)

    def _check(self) -> None:
        if self._refusal:
            raise OptOutError(self._refusal)

    def _failed(self, error: OptOutError) -> OptOutError:
        """Let nothing pass any more."""
        if not self._refusal:
            self._refusal = str(error)
            logger.error(self._refusal)
        return error


class _Ask:
    """Asks sites and documents through one fetch."""

    def __init__(self, gather: Gather, fetch: Fetch) -> None:
        self._gather, self._fetch = gather, fetch

    async def site(self, url: str) -> Site | None:
        return await self._gather.site(url, self._fetch) if origin_of(url) is not None else None

    async def documents(self, urls: Sequence[str], kind: str) -> Sequence[Evidence]:
        return await self._gather.documents(urls, self._fetch, kind)
