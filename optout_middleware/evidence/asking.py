"""What holds of a URL, and of a page with the redirects that led to it: its sites are asked, the strictest counts.

Rule of this file: it asks through whoever fetches, and decides through `Site` alone. `audit.derivation` mirrors it, so
that a replay comes to the same; both change together.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from optout_middleware.decide import decide_hop, named_by, policies_of, strictest_of
from optout_middleware.judge import without_site
from optout_middleware.policy import RSL, TDM_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from optout_middleware.decide import Site
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Claim, Decision, Evidence, Hop, Licence, Ruling


class Ask(Protocol):
    """Asks sites and documents, on behalf of one page."""

    async def site(self, url: str) -> Site | None:
        """Give the site of a URL, which says enough to decide about it; None = it is not http(s), so it has none."""

    async def documents(self, urls: Sequence[str], kind: str) -> Sequence[Evidence]:
        """Give the documents at URLs; `kind` is `policy.RSL` or `policy.TDM_POLICY`."""


class Recorded(NamedTuple):
    """What is on file about a page, whatever it says itself."""

    claims: tuple[Claim, ...] = ()
    licences: tuple[Licence, ...] = ()
    rulings: tuple[Ruling, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the field of an audit line; licences and rulings stand in it where they were used."""
        return {"claims": [claim.to_dict() for claim in self.claims]}


NOTHING = Recorded()


async def decided(
    url: str,
    ask: Ask,
    policy: Policy,
    recorded: Recorded,
    now: Callable[[], datetime],
    *,
    asset: Evidence | None = None,
) -> Decision:
    """Decide about one URL.

    Args:
        url: an absolute URL; one that is not http(s) has no site.
        ask: what asks.
        policy: what is decided by.
        recorded: what is on file about it.
        now: the clock, aware.
        asset: the response of the URL, where it was fetched.

    Raises:
        OptOutError: what asks failed.
    """
    site = await ask.site(url)
    if site is None:
        return without_site(url, policy, now())
    documents: Sequence[Evidence] = ()
    if asset is not None and RSL in policy.locations and (named := named_by(asset, policy)):
        documents = await ask.documents(named, RSL)
    made = partial(site.decide, url, asset=asset, documents=documents, **recorded._asdict())
    decision = made(at=now())
    if TDM_POLICY in policy.locations and (wanted := policies_of(decision)):
        policies = await ask.documents(wanted, TDM_POLICY)
        return made(policies=policies, at=now())
    return decision


async def over_chain(
    asset: Evidence,
    ask: Ask,
    policy: Policy,
    recorded: Recorded,
    now: Callable[[], datetime],
    *,
    spoken: Sequence[Hop] | None = None,
) -> Decision:
    """Decide about a response and the redirects that led to it: their URLs, and what their headers say.

    Args:
        asset: the response, with its hops.
        ask: what asks.
        policy: what is decided by.
        recorded: what is on file about any of the URLs.
        now: the clock, aware.
        spoken: the redirects whose headers count; None = the hops of the response.

    Raises:
        OptOutError: what asks failed.
    """
    if not asset.hops:
        return await decided(asset.final_url, ask, policy, recorded, now, asset=asset)
    decisions = [
        await decided(url, ask, policy, recorded, now, asset=asset if url == asset.final_url else None)
        for url in chain_of(asset)
    ]
    decisions += [
        decide_hop(site, hop, asset, **recorded._asdict(), at=now())
        for hop in (asset.hops if spoken is None else spoken)
        if hop.headers and (site := await ask.site(hop.url)) is not None
    ]
    return strictest_of(decisions, url=asset.url)


def chain_of(asset: Evidence) -> tuple[str, ...]:
    """Give the URLs that led to a response, its own last, each once."""
    return tuple(dict.fromkeys((asset.url, *(hop.url for hop in asset.hops), asset.final_url)))
