"""`optout check URL...`: what holds for a URL now, resolved as a crawl would, without one.

Rule of this file: the same probes, the same decision, no record kept. Every URL of a redirect chain is asked for only
where robots.txt of its origin lets our product token fetch it. Exit status: 0 allow, 1 deny, 3 pending, of several
URLs the strictest.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from optout_middleware.cli.check_terms import Terms, read_terms
from optout_middleware.decide import RULES_VERSION, Site, decide, named_by, policies_of, strictest_of
from optout_middleware.evidence.directory_fetch import DirectoryFetch
from optout_middleware.evidence.fetch import Limits
from optout_middleware.evidence.gather import ROBOTS, Gather
from optout_middleware.evidence.locations import location_url
from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.evidence.stores.memory import MemoryStore
from optout_middleware.policy import ALL_LOCATIONS, FINDINGS, LOCATIONS, TDM_POLICY, Policy, Profile
from optout_middleware.settings import default_user_agent
from optout_middleware.terms import Decision, Evidence, OptOutError, Outcome, Usage, strictest
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from optout_middleware.evidence.fetch import Fetch
    from optout_middleware.terms import Reason, Source

EXIT = {Outcome.ALLOW: 0, Outcome.DENY: 1, Outcome.PENDING: 3}
DEFAULT_TOKEN = "OptOutCheck"  # noqa: S105 - a product token is no password
BACK_OFF = (1.0,)  # seconds before a failed probe is tried again; a person waits
_PAGE_LIMIT = 5 * 1024 * 1024  # octets of a page that are read
_REDIRECTS = 10
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_WIDEST = 70  # characters of a quotation in the table
_SHOWN = {Outcome.ALLOW: "no reservation found", Outcome.DENY: "reserved", Outcome.PENDING: "pending"}


class _Checked(NamedTuple):
    """What came of one URL: the decision, the page if it was fetched, the terms if they were asked for."""

    decision: Decision
    page: Evidence | None
    terms: list[Terms]


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="resolve URLs without a crawl",
        description="Look at every location of a URL and tell what holds. Exit status: 0 allow, 1 deny, 3 pending, "
        "2 usage error; of several URLs the strictest.",
        allow_abbrev=False,
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="an absolute http or https URL")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, one line a URL")
    parser.add_argument(
        "--product-token",
        default=os.environ.get("OPTOUT_PRODUCT_TOKEN", DEFAULT_TOKEN),
        help="our crawler's product token (default: $OPTOUT_PRODUCT_TOKEN, else %(default)s)",
    )
    parser.add_argument("--usage", default="train-ai", choices=[usage.value for usage in Usage])
    parser.add_argument("--profile", default="precautionary", choices=[profile.value for profile in Profile])
    parser.add_argument(
        "--locations",
        default="robots.txt,tdmrep.json",
        help=f"what is looked at: all, or names with commas out of {', '.join(ALL_LOCATIONS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--from-dir",
        metavar="DIR",
        help="read saved files instead of the network: DIR/HOST/PATH or DIR/PATH, headers beside them in FILE.headers; "
        "what was not saved counts as 404",
    )
    parser.add_argument(
        "--terms",
        action="store_true",
        help="also fetch at most three pages of the same site that a page links to as its terms, and show the "
        "sentences there that reserve, in natural language; they change neither the outcome nor the exit status",
    )
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for each probe (default: %(default)g)")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Check the URLs, print what holds, give the exit status."""
    locations = tuple(name.strip() for name in chosen.locations.split(",") if name.strip())
    policy = Policy(chosen.product_token, usage=chosen.usage, profile=chosen.profile, locations=locations)
    for url in chosen.urls:
        if origin_of(url) is None:
            raise OptOutError(f"{url} is not an absolute http or https URL: write it like https://news.example/page")
    outcomes = []
    limits = Limits(timeout=chosen.timeout)
    saved = chosen.from_dir
    asked = chosen.urls, policy, limits
    checked = _saved(*asked, saved, with_terms=chosen.terms) if saved else _check(*asked, with_terms=chosen.terms)
    for decision, evidence, terms in asyncio.run(checked):
        outcomes.append(decision.outcome)
        if chosen.json:
            page = evidence.source.to_dict() if evidence else None
            shown = {**decision.to_dict(), "page": page, "policy": policy.to_dict(), "rules_version": RULES_VERSION}
            shown |= {"terms": [page_of.to_dict() for page_of in terms]} if chosen.terms else {}
            sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(_table(decision, evidence, policy, terms))
    return EXIT[strictest(outcomes)]


async def _check(urls: Sequence[str], policy: Policy, limits: Limits, *, with_terms: bool) -> list[_Checked]:
    gather = Gather(policy, MemoryStore(), limits=limits, back_off=BACK_OFF, now=_now)
    fetch = RequestsFetch(default_user_agent(policy.product_token, ""))
    try:
        checked = []
        for url in urls:
            decision, page = await resolve(url, gather, fetch, limits, policy)
            site_of = partial(gather.site, fetch=fetch)
            one = replace(limits, max_bytes=_PAGE_LIMIT, max_redirects=0)
            terms = await read_terms(page if with_terms else None, policy, one, site_of, fetch)
            checked.append(_Checked(decision, page, terms))
        return checked
    finally:
        await gather.close()


async def _saved(
    urls: Sequence[str], policy: Policy, limits: Limits, directory: str, *, with_terms: bool
) -> list[_Checked]:
    """Decide from saved files; they are as old as they are, so none is too old."""
    fetch = DirectoryFetch(directory)
    whole = replace(limits, max_bytes=_PAGE_LIMIT)
    found: list[_Checked] = []

    async def site_of(url: str) -> Site:
        return Site.read([await fetch(location_url(origin_of(url) or "", ROBOTS), whole)], policy)

    for url in urls:
        origin = origin_of(url) or ""
        files = [await fetch(location_url(origin, name), whole) for name in policy.locations if name in LOCATIONS]
        page = await fetch(url, whole)
        site = Site.read(files, policy)
        named = (*site.named(), *named_by(page, policy))
        documents = [await fetch(document, whole) for document in named]
        decision = decide(url, [*files, page, *documents], policy)
        if TDM_POLICY in policy.locations and (wanted := policies_of(decision)):
            documents += [await fetch(document, whole) for document in wanted]
            decision = decide(url, [*files, page, *documents], policy)
        seen = page if decision.may_fetch else None
        terms = await read_terms(seen if with_terms else None, policy, whole, site_of, fetch)
        found.append(_Checked(decision, seen, terms))
    return found


def _now() -> datetime:
    return datetime.now(timezone.utc)


async def resolve(
    url: str, gather: Gather, fetch: Fetch, limits: Limits, policy: Policy
) -> tuple[Decision, Evidence | None]:
    """Follow the redirects from a URL as far as each origin's robots.txt lets us; decide at every link."""
    one = replace(limits, max_bytes=_PAGE_LIMIT, max_redirects=0)
    decisions: list[Decision] = []
    link, asset = url, None
    for _ in range(_REDIRECTS + 1):
        site = await gather.site(link, fetch)
        if not site.may_fetch(link):
            decisions.append(await _with_policies(partial(site.decide, link), gather, fetch, policy))
            break
        asset = await fetch(link, one)
        target = _redirect(asset)
        last = None if target else asset
        documents = await gather.documents(named_by(asset, policy), fetch) if last else ()
        made = partial(site.decide, link, asset=last, documents=documents)
        decisions.append(await _with_policies(made, gather, fetch, policy))
        if target is None or origin_of(target) is None:
            break
        link = target
    return strictest_of(decisions, url=url), asset


async def _with_policies(made: Callable[..., Decision], gather: Gather, fetch: Fetch, policy: Policy) -> Decision:
    """Decide, and again with the TDMRep policies that the decision names, where the policy has an eye on them."""
    decision = made(at=_now())
    named = policies_of(decision) if TDM_POLICY in policy.locations else ()
    policies = await gather.documents(named, fetch, TDM_POLICY)
    return made(policies=policies, at=_now()) if policies else decision


def _redirect(asset: Evidence) -> str | None:
    """Give where a response redirects to (RFC 9110 section 15.4), None where it does not."""
    places = asset.values("location")
    if asset.status not in _REDIRECTING or not places:
        return None
    return urljoin(asset.url, places[-1])


def _table(decision: Decision, page: Evidence | None, policy: Policy, terms: Sequence[Terms]) -> str:
    """Show a decision to a person: what was looked at, what it said, what settled it."""
    rows = [("location", "status", "what it said", "what that means")]
    for source in decision.evidence:
        said = _raised_by(source, decision)
        rows += [(source.url, _status(source.status, source.error), *_said(reason)) for reason in said]
    if page is None:
        rows.append((decision.url, "-", "-", "not fetched: robots.txt does not let us"))
    else:
        said = _raised_by(page.source, decision)
        rows += [(page.url, _status(page.status, page.error), *_said(reason)) for reason in said]
    rows += [(reason.location, "-", *_said(reason)) for reason in decision.reasons if reason.source is None]
    rows += [row for page_of in terms for row in _of_terms(page_of)]
    other = Profile.LITERAL if policy.profile is Profile.PRECAUTIONARY else Profile.PRECAUTIONARY
    waits = f" (waits for: {decision.waits_for})" if decision.waits_for else ""
    settled = decision.reasons[0] if decision.reasons and decision.outcome is not Outcome.ALLOW else None
    by = f"settled by: {FINDINGS[settled.finding].meaning} ({settled.location})\n" if settled else ""
    conditions = "".join(f"condition: {condition}\n" for condition in map(_line, decision.conditions))
    return (
        f"{decision.url}\n"
        f"{_SHOWN[decision.outcome]}{waits} for {policy.usage}, product token {policy.product_token}, "
        f"profile {policy.profile}\n{by}{conditions}"
        f"the {other} profile would say: {_SHOWN[_under(other, decision)]}\n\n{_columns(rows)}\n"
    )


def _of_terms(terms: Terms) -> Iterator[tuple[str, str, str, str]]:
    """Show a page of terms: what robots.txt closes, else each sentence that reserves."""
    if terms.evidence is None:
        yield terms.url, "-", "-", "terms, not fetched: robots.txt does not let us"
        return
    status = _status(terms.evidence.status, terms.evidence.error)
    for found in terms.sentences:
        text = _line(" ".join(found.sentence.split()))[:_WIDEST]
        yield terms.url, status, text, f"terms, noted: {FINDINGS['natural-language'].meaning}"
    if not terms.sentences:
        yield terms.url, status, "-", "terms, no sentence that reserves found"


def _line(text: str) -> str:
    """Put what a site wrote on one line of what can be printed."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _raised_by(source: Source, decision: Decision) -> list[Reason | None]:
    """Give the reasons that a piece of evidence raised; a single None where it raised none."""
    return [reason for reason in decision.reasons if reason.source == source] or [None]


def _said(reason: Reason | None) -> tuple[str, str]:
    if reason is None:
        return "-", "no reservation found"
    text = f"{reason.statement.where}: {reason.statement.text}" if reason.statement else reason.note or "-"
    return " ".join(text.split())[:_WIDEST], f"{reason.outcome}: {FINDINGS[reason.finding].meaning}"


def _status(status: int | None, error: str | None) -> str:
    return str(status) if status is not None else f"no response: {error}"[:_WIDEST]


def _under(profile: Profile, decision: Decision) -> Outcome:
    """Tell what the same findings come to under another profile, without overrides."""
    return strictest(getattr(FINDINGS[reason.finding], profile.value) for reason in decision.reasons)


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + f"  {row[3]}\n"
        for row in rows
    )
