"""The downloader middleware: judges each request before it is fetched, and each response before anybody gets it.

Rule of this file: in the place of Scrapy's robots.txt middleware, it asks gather and the site, and acts by the house's
table of stages. The audit line is written before the effect. Nothing in a request's meta opens the gate; a decision
never stands there, since redirects and retries copy it. What fails here fails the request.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK

from optout_middleware.audit.record import now
from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.hops import META, spoken_hops
from optout_middleware.crawl.items import AUDIT_FAILED, REGISTER_FAILED
from optout_middleware.evidence.asking import NOTHING, chain_of, decided, over_chain
from optout_middleware.judge import excluded, not_looked_at
from optout_middleware.stages import Judged, action_of, drops, is_not_fetched, settling
from optout_middleware.terms import Evidence, OptOutError, Outcome
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from optout_middleware.decide import Site
    from optout_middleware.evidence.asking import Recorded
    from optout_middleware.rights import Found
    from optout_middleware.terms import Decision

STORE_FAILED = "optout_store_failed"
_NO_OPENING = "dont_obey_robotstxt does not open the opt-out gate: robots.txt and opt-outs are obeyed all the same"


class OptOutDownloaderMiddleware:
    """Refuses what may not be fetched, and settles what holds of each page."""

    def __init__(self, crawler: Crawler) -> None:
        self._optout = OptOut.of(crawler, self)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the middleware."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Judge a request by what its site says.

        Raises:
            IgnoreRequest: it is not fetched.
        """
        optout = self._optout
        if optout.owns(request):
            return
        if optout.refusal:
            raise IgnoreRequest(optout.refusal)
        if "dont_obey_robotstxt" in request.meta:
            optout.say_once(_NO_OPENING)
        media = request.callback is NO_CALLBACK
        if listed := self._excluded(request.url):
            decision = excluded(request.url, listed, optout.settings.policy, now())
            self._write("media" if media else "request", decision, "drop", request)
            raise IgnoreRequest(f"opt-out: {request.url} is not fetched: excluded-site")
        recorded = self._recorded((request.url,))
        policy = optout.settings.policy
        decision = await self._asked(decided(request.url, _Ask(optout, request), policy, recorded, now))
        if is_not_fetched(decision, optout.settings, media=media):
            decision = not_looked_at(decision)
            stage = "media" if media else "request"
            self._write(stage, decision, "drop", request, said=recorded.to_dict())
            raise IgnoreRequest(f"opt-out: {request.url} is not fetched: {settling(decision)}")
        optout.decisions[request] = Judged(decision)

    async def process_response(self, request: Request, response: Response) -> Response:
        """Judge a response by what site, redirects and the response itself say.

        Raises:
            IgnoreRequest: nobody gets it.
        """
        optout = self._optout
        if optout.owns(request):
            return response
        if request not in optout.decisions:  # another middleware made the response
            await self.process_request(request)
        asset = _evidence(request, response)
        recorded, settings = self._recorded(chain_of(asset)), optout.settings
        ask, spoken = _Ask(optout, request), spoken_hops(request.meta)
        decision = await self._asked(over_chain(asset, ask, settings.policy, recorded, now, spoken=spoken))
        said = recorded.to_dict()
        media = request.callback is NO_CALLBACK
        if media and (found := self._of_media(asset, decision)) is not None:
            decision, said = found.decision, found.to_dict(recorded.claims)
        refused = not decision.may_fetch or (
            decision.outcome is not Outcome.ALLOW
            and ((media and not settings.dry_run) or (drops(settings) and _bypasses_the_spider(request)))
        )
        action = "drop" if refused else action_of(decision, settings)
        line = self._write("media" if media else "response", decision, action, request, asset, said)
        if refused:
            raise IgnoreRequest(f"opt-out: {request.url} is not passed on: {settling(decision)}")
        judged = optout.decisions[request] = Judged(decision, line)
        if response.request is not None and response.request is not request:
            optout.decisions[response.request] = judged
        return response

    async def _asked(self, decided: Awaitable[Decision]) -> Decision:
        try:
            return await decided
        except OptOutError as error:
            self._optout.stop(STORE_FAILED, error)
            raise IgnoreRequest(str(error)) from None

    def _excluded(self, url: str) -> str:
        """Give whose list excludes the site of a URL; empty = nobody's."""
        optout = self._optout
        return optout.excluded.listed(url) or (optout.rights.lookup.excluded(url) if optout.rights else "")

    def _recorded(self, urls: Sequence[str]) -> Recorded:
        optout = self._optout
        if optout.rights is None:
            return NOTHING
        try:
            return optout.rights.recorded(urls)
        except OptOutError as error:
            optout.stop(REGISTER_FAILED, error)
            raise IgnoreRequest(str(error)) from None

    def _of_media(self, asset: Evidence, decision: Decision) -> Found | None:
        optout = self._optout
        if optout.rights is None:
            return None
        try:
            return optout.rights.of_media(asset.final_url, asset.media_type, decision)
        except OptOutError as error:
            optout.stop(REGISTER_FAILED, error)
            raise IgnoreRequest(str(error)) from None

    def _write(
        self,
        stage: str,
        decision: Decision,
        action: str,
        request: Request,
        page: Evidence | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> str:
        optout = self._optout
        if optout.refusal or optout.record is None:
            raise IgnoreRequest(optout.refusal)
        try:
            if page is None:
                return optout.record.asset(stage, decision, action, method=request.method, said=said)
            return optout.record.asset(
                stage, decision, action,
                final_url=page.final_url, size=len(page.body), method=request.method, page=page, said=said,
            )  # fmt: skip
        except OptOutError as error:
            optout.stop(AUDIT_FAILED, error)
            raise IgnoreRequest(str(error)) from None


class _Ask:
    """Asks on behalf of a page, from memory where that says enough."""

    def __init__(self, optout: OptOut, page: Request) -> None:
        self._optout, self._page = optout, page

    async def site(self, url: str) -> Site | None:
        site = self._optout.gather.known(url)
        if site is not None or origin_of(url) is None:
            return site
        return await self._optout.site(url, self._page)

    async def documents(self, urls: Sequence[str], kind: str) -> Sequence[Evidence]:
        return await self._optout.documents(urls, self._page, kind)


def _bypasses_the_spider(request: Request) -> bool:
    """Tell whether the response goes to whoever awaits it, past the spider middlewares, where no item is judged.

    Scrapy marks what a spider yields with "depth", and what start() yields with "is_start_request"; a request without
    either was made in a callback or a component. Where those marks are missing, the page's links are lost with it.
    """
    return "depth" not in request.meta and "is_start_request" not in request.meta


def _evidence(request: Request, response: Response) -> Evidence:
    """Give a response as evidence, with the redirects that led to it; from Scrapy's HTTP cache, as old as that says."""
    meta = request.meta
    spoken = {hop.url: hop for hop in spoken_hops(meta)} if META in meta else {}
    chain = tuple(dict.fromkeys((*meta.get("redirect_urls", ()), request.url, response.url)))
    flags, at = response.flags, now()
    cached = "cached" in flags
    if cached and isinstance(stored := meta.get("cache_timestamp"), (int, float)):
        at = min(at, datetime.fromtimestamp(stored, tz=timezone.utc))
    return Evidence(
        chain[0],
        response.status,
        [(name, value) for name, values in response.headers.items() for value in values],
        response.body,
        at,
        final_url=response.url,
        truncated="partial" in flags or "dataloss" in flags or "download_stopped" in flags,
        hops=[spoken.get(url, url) for url in chain if url != response.url or url in spoken],
        from_cache=cached,
    )
