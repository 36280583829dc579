"""`optout estimate URLS`: what opt-outs would cost a list of URLs, from a sample of its sites.

Rule of this file: the sample is looked at as `optout check` looks, one page at a time a site, or in a store, without a
request. Nothing of the list is kept but what was drawn. Exit status: 0 estimated, 2 usage error, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.estimate import Figures, looked
from optout_middleware.audit.sampling import Sampling, fingerprint
from optout_middleware.audit.url_lists import KINDS
from optout_middleware.cli.check import BACK_OFF, DEFAULT_TOKEN, resolve
from optout_middleware.cli.estimate_table import table
from optout_middleware.cli.progress import Progress
from optout_middleware.decide import RULES_VERSION
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.gather import Gather
from optout_middleware.evidence.kept import kept_site
from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.evidence.stores import store_of
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.policy import ALL_LOCATIONS, Policy, Profile
from optout_middleware.settings import default_user_agent
from optout_middleware.terms import OptOutError, Usage
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from optout_middleware.terms import Decision

SAMPLE = 400
DELAY = 1.0  # seconds between two pages of a site
SITES_AT_ONCE = 16


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "estimate",
        help="estimate what opt-outs would cost a list of URLs",
        description="Draw a sample of sites from a list of URLs, look at what they say, and tell the share that is "
        "excluded, by finding and signal, under both profiles, with 95 % intervals. Exit status: 0 estimated, 2 usage "
        "error, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("urls", metavar="URLS", help=f"a list of URLs: {KINDS}")
    parser.add_argument("--column", default="url", help="that has the URLs, in CSV and Parquet (default: %(default)s)")
    parser.add_argument(
        "--sample", type=int, default=SAMPLE, metavar="N", help="how many sites to look at (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="what the sample is drawn by (default: 0)")
    parser.add_argument(
        "--pages", action="store_true", help="fetch the drawn pages too; without it, only the files of their sites"
    )
    parser.add_argument(
        "--store", metavar="PATH", help="read the files of the sites from a store of evidence, and ask nobody"
    )
    parser.add_argument(
        "--state", default="", metavar="FILE", help="keep what was done, so that an interrupted estimate goes on"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--product-token",
        default=os.environ.get("OPTOUT_PRODUCT_TOKEN", DEFAULT_TOKEN),
        help="our crawler's product token (default: $OPTOUT_PRODUCT_TOKEN, else %(default)s)",
    )
    parser.add_argument("--usage", default="train-ai", choices=[usage.value for usage in Usage])
    parser.add_argument(
        "--locations",
        default="robots.txt,tdmrep.json",
        help=f"what is looked at: all, or names with commas out of {', '.join(ALL_LOCATIONS)} (default: %(default)s)",
    )
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for each probe (default: %(default)g)")
    parser.add_argument(
        "--delay", type=float, default=DELAY, help="seconds between two pages of a site (default: %(default)g)"
    )
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Draw, look, print the shares, give the exit status."""
    policy = _policy(chosen)
    about = {
        "list": chosen.urls, "list as it was": fingerprint(chosen.urls), "column": chosen.column,
        "sample": chosen.sample, "seed": chosen.seed, "pages": chosen.pages, "store": chosen.store,
        "policy": policy.sha256, "rules_version": RULES_VERSION,
    }  # fmt: skip
    sampling, progress = Sampling(chosen.state, about), Progress()
    try:
        sampling.draw(chosen.urls, chosen.column, chosen.sample, chosen.seed, progress)
        asyncio.run(_looks(sampling, chosen, policy, progress))
        progress.end()
        told = {
            "list": chosen.urls, **sampling.counts(), "seed": chosen.seed, "pages_fetched": chosen.pages,
            "store": chosen.store, "strata": [group._asdict() for group in sampling.groups],
            "policy": policy.to_dict(), "rules_version": RULES_VERSION, **Figures(sampling.seen()).to_dict(),
        }  # fmt: skip
    except KeyboardInterrupt:
        progress.end()
        how = "the same command goes on" if chosen.state else "with --state FILE it could go on"
        print(f"optout: interrupted; {how}", file=sys.stderr)
        raise
    finally:
        sampling.close()
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n" if chosen.json else table(told))
    return 0


def _policy(chosen: argparse.Namespace) -> Policy:
    """Give the policy to look by, and refuse what cannot be.

    It is the literal one: by it fewer files settle a matter alone, so more of them are looked at, and what either
    profile makes of the findings is judged from the same looks.
    """
    if chosen.sample < 1:
        raise OptOutError(f"--sample is {chosen.sample}: give a number of sites from 1 on")
    if not 0 <= chosen.delay < float("inf"):
        raise OptOutError(f"--delay is {chosen.delay}: give seconds from 0 on")
    if chosen.store and chosen.pages:
        raise OptOutError("a store keeps no pages: leave out --pages, or --store")
    if chosen.store and "://" not in chosen.store and not Path(chosen.store).is_file():
        raise OptOutError(f"store {chosen.store} is no file: name the OPTOUT_STORE of a crawl")
    locations = tuple(name.strip() for name in chosen.locations.split(",") if name.strip())
    return Policy(chosen.product_token, usage=chosen.usage, profile=Profile.LITERAL, locations=locations)


async def _looks(sampling: Sampling, chosen: argparse.Namespace, policy: Policy, tell: Progress) -> None:
    """Look at the sites that were not looked at yet, a few at once."""
    store = store_of(chosen.store) if chosen.store else MemoryStore()
    limits = Limits(timeout=chosen.timeout)
    gather = Gather(policy, store, limits=limits, back_off=BACK_OFF, now=_now)
    fetch = RequestsFetch(default_user_agent(policy.product_token, ""))

    async def of_store(url: str) -> Decision:
        return (await kept_site(store, origin_of(url) or "", policy)).decide(url, at=_now())

    async def of_files(url: str) -> Decision:
        return (await gather.site(url, fetch)).decide(url, at=_now())

    async def of_page(url: str) -> Decision:
        return (await resolve(url, gather, fetch, limits, policy))[0]

    look = of_store if chosen.store else of_page if chosen.pages else of_files
    try:
        await _in_turns(sampling, policy, look, chosen.delay if chosen.pages else 0.0, tell)
    finally:
        await gather.close()


async def _in_turns(
    sampling: Sampling, policy: Policy, look: Callable[[str], Awaitable[Decision]], delay: float, tell: Progress
) -> None:
    """Look at sites side by side, and at the URLs of one site one after the other."""
    waiting, whole = iter(sites := sampling.waiting()), sampling.counts()["sampled_sites"]
    done = whole - len(sites)

    async def work() -> None:
        nonlocal done
        for site in waiting:
            looks = {}
            for number, url in enumerate(sampling.pages(site)):
                if number:
                    await asyncio.sleep(delay)
                looks[url] = looked(await look(url), policy)
            sampling.save(site, looks)
            done += 1
            tell("looking at sites", done, whole)

    workers = [asyncio.ensure_future(work()) for _ in range(min(SITES_AT_ONCE, len(sites)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()


def _now() -> datetime:
    return datetime.now(timezone.utc)
