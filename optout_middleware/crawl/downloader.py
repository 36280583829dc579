"""The downloader middleware: judges each request before it is fetched, and each response before anybody gets it.

Rule of this file: in the place of Scrapy's robots.txt middleware, it asks gather and the site, and acts by the house's
table of stages. The audit line is written before the effect. Nothing in a request's meta opens the gate; a decision
never stands there, since redirects and retries copy it. What fails here fails the request.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import IgnoreRequest
from scrapy.http.request import NO_CALLBACK

from optout_middleware.crawl.extension import Judged, OptOut
from optout_middleware.crawl.hops import META, spoken_hops
from optout_middleware.crawl.items import AUDIT_FAILED, REGISTER_FAILED
from optout_middleware.crawl.judge import excluded, not_looked_at, without_site
from optout_middleware.crawl.record import now
from optout_middleware.crawl.rights import NOTHING
from optout_middleware.decide import decide_hop, named_by, policies_of, strictest_of
from optout_middleware.files import location_of
from optout_middleware.policy import RSL, TDM_POLICY
from optout_middleware.terms import Decision, Evidence, OptOutError, Outcome
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from optout_middleware.crawl.rights import Found, Recorded

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
        decision = await self._decided(request.url, request, recorded)
        if decision.outcome is not Outcome.ALLOW and self._is_refused(decision, media=media):
            decision = not_looked_at(decision)
            stage = "media" if media else "request"
            self._write(stage, decision, "drop", request, said=recorded.to_dict())
            raise IgnoreRequest(f"opt-out: {request.url} is not fetched: {_first_finding(decision)}")
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
        chain = tuple(dict.fromkeys((asset.url, *(hop.url for hop in asset.hops), asset.final_url)))
        recorded = self._recorded(chain)
        decision, said = await self._over_the_chain(chain, request, asset, recorded), recorded.to_dict()
        media = request.callback is NO_CALLBACK
        if media and (found := self._of_media(asset, decision)) is not None:
            decision, said = found.decision, found.to_dict(recorded.claims)
        refused = not decision.may_fetch or (
            decision.outcome is not Outcome.ALLOW
            and ((media and not optout.settings.dry_run) or (self._drops() and _bypasses_the_spider(request)))
        )
        action = "drop" if refused else self._action(decision)
        line = self._write("media" if media else "response", decision, action, request, asset, said)
        if refused:
            raise IgnoreRequest(f"opt-out: {request.url} is not passed on: {_first_finding(decision)}")
        judged = optout.decisions[request] = Judged(decision, line)
        if response.request is not None and response.request is not request:
            optout.decisions[response.request] = judged
        return response

    async def _over_the_chain(
        self, chain: Sequence[str], request: Request, asset: Evidence, recorded: Recorded
    ) -> Decision:
        """Decide about the URLs of a redirect chain, the last with its response; the strictest counts."""
        if not asset.hops:
            return await self._decided(request.url, request, recorded, asset)
        decisions = [
            await self._decided(url, request, recorded, asset if url == asset.final_url else None) for url in chain
        ]
        for hop in spoken_hops(request.meta):
            if origin_of(hop.url) is not None:
                site = await self._optout.site(hop.url, request)
                decisions.append(decide_hop(site, hop, asset, **recorded._asdict(), at=now()))
        return strictest_of(decisions, url=next(iter(chain)))

    async def _decided(self, url: str, request: Request, recorded: Recorded, asset: Evidence | None = None) -> Decision:
        optout = self._optout
        policy = optout.settings.policy
        site = optout.gather.known(url)
        if site is None and origin_of(url) is None:
            return without_site(url, policy, now())
        documents: Sequence[Evidence] = ()
        try:
            if site is None:
                site = await optout.site(url, request)
            if asset is not None and RSL in policy.locations and (named := named_by(asset, policy)):
                documents = await optout.documents(named, request, RSL)
            decided = partial(site.decide, url, asset=asset, documents=documents, **recorded._asdict())
            decision = decided(at=now())
            if TDM_POLICY in policy.locations and (wanted := policies_of(decision)):
                policies = await optout.documents(wanted, request, TDM_POLICY)
                return decided(policies=policies, at=now())
        except OptOutError as error:
            optout.stop(STORE_FAILED, error)
            raise IgnoreRequest(str(error)) from None
        return decision

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

    def _drops(self) -> bool:
        settings = self._optout.settings
        return settings.action == "drop" and not settings.dry_run

    def _is_refused(self, decision: Decision, *, media: bool) -> bool:
        """Tell whether the table of stages keeps a request that is not allowed from being fetched."""
        if not decision.may_fetch:
            return True
        if location_of(decision.url) == "robots.txt":  # RFC 9309 section 2.2.2: it is implicitly allowed
            return False
        settings = self._optout.settings
        if media and not settings.dry_run:  # a file carries no tag, so there is nothing between taking and leaving it
            return True
        return self._drops() and not settings.fetch_reserved

    def _action(self, decision: Decision) -> str:
        settings = self._optout.settings
        return "keep" if decision.outcome is Outcome.ALLOW and settings.action == "drop" else settings.action

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


def _first_finding(decision: Decision) -> str:
    return decision.reasons[0].finding if decision.reasons else decision.outcome.value
