"""One audit line decided anew: from archived evidence, and the policy, claims, licences and rulings on record.

Rule of this file: it mirrors how a crawl decides about a URL and its redirects, through the same `Site`, and reads
nothing but the archive. What it cannot decide anew raises `NotDerivable` with the word that is counted.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.recorded import WITHOUT_EVIDENCE, recorded, rows, time
from optout_middleware.decide import Site, decide_hop, named_by, policies_of, strictest_of
from optout_middleware.evidence.locations import location_of, name_of
from optout_middleware.evidence.warc import DamagedError
from optout_middleware.files import State, state_of
from optout_middleware.policy import LOCATIONS, TDM_POLICY
from optout_middleware.reasons import with_register
from optout_middleware.terms import Decision, Evidence
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from optout_middleware.audit.recorded import Recorded, Row
    from optout_middleware.evidence.archive_reader import ArchiveReader
    from optout_middleware.evidence.warc import Archived
    from optout_middleware.policy import Policy

# Why a line cannot be decided anew -> what that means, for people.
WHY: Mapping[str, str] = {
    "page-not-sampled": "the page said nothing and is not in the sample that was archived (OPTOUT_ARCHIVE_PAGES)",
    "page-not-derivable": "the exact words that spoke are archived, but no part of the page that says them again",
    "page-text-missing": "this policy reads the text of pages, which was not looked at then, and not archived",
    "not-archived": "its run kept no archive (OPTOUT_ARCHIVE), as no re-check does",
    "evidence-missing": "evidence that the line names is in none of the archives",
    "evidence-damaged": "evidence that the line names is not what was written",
    "grouped": "a grouped line stands for it, which names the first of its URLs only",
    "policy-missing": "the policy of the line is in none of the manifests, or of a later version",
    "line-unreadable": "a field of the line cannot be read",
    "url-masked": "a secret of the URL was masked, and without it the decision differs",
    "no-site": "a link of the redirect chain has no site",
}
# Of these, what should be there and is not: somebody has to look for it.
GONE = frozenset({"evidence-missing", "evidence-damaged", "policy-missing", "line-unreadable"})
_MOST_SITES = 1024
_MOST_SOURCES, _KEPT_BODY = 1024, 65_536  # that are kept in mind, and octets of their bodies
_REDIRECTING = range(300, 400)


class NotDerivable(Exception):  # noqa: N818 - no error, but an outcome that is counted
    """A line cannot be decided anew; `why` is a word of `WHY`."""

    def __init__(self, why: str) -> None:
        super().__init__(WHY[why])
        self.why = why


class Derivation:
    """Decides lines anew.

    Args:
        archive: where the evidence is.
    """

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive
        self._sites: OrderedDict[tuple[Any, ...], Site] = OrderedDict()
        self._sources: OrderedDict[tuple[Any, ...], Archived] = OrderedDict()

    def decisions(self, line: Mapping[str, Any], policy: Policy, before: Recorded | None = None) -> Iterator[Decision]:
        """Give the decision about a line; then what it would be with failures that came after the evidence it names.

        A line names the copy that counted, not the failure for which it stood in (RFC 9309 section 2.3.1.4).

        Args:
            line: as `optout_middleware.audit.reading` gives it.
            policy: what is decided by.
            before: what was on record about the page of an item; None = the line is of no item.

        Raises:
            NotDerivable: something is missing.
        """
        try:
            named, said, at = rows(line), recorded(line), time(line["at"])
            page = self._page(line, named)
            if page is not None and "page" in policy.natural_language and not page.has_text:
                raise NotDerivable("page-text-missing")
            for with_failures in (False, True):
                files = self._files(named, page, at, with_failures=with_failures)
                if files is not None:
                    yield self._decided(line, page, files, policy, at, before, said)
        except DamagedError:
            raise NotDerivable("evidence-damaged") from None
        except (KeyError, ValueError, TypeError):
            raise NotDerivable("line-unreadable") from None

    def _page(self, line: Mapping[str, Any], named: Sequence[Row]) -> Archived | None:
        """Give the response of the page; None where it was not fetched."""
        own, kept = [row for row in named if row.url == line["url"]], line.get("kept")
        if kept:
            pages = (self._archive.kept(kept, row.url, row.sha256, row.time) for row in own)
        else:
            pages = (self._archive.source(row.url, row.sha256, row.status, row.time) for row in own)
        found = next((page for page in pages if page is not None and page.is_page), None)
        if found is None and kept:
            raise NotDerivable("evidence-missing")
        if found is None and line["final_url"] is not None and any(not location_of(row.url) for row in own):
            raise NotDerivable("page-not-sampled")
        if found is not None and not found.is_derivable:
            raise NotDerivable("page-not-derivable")
        return found

    def _files(
        self, named: Sequence[Row], page: Archived | None, at: datetime, *, with_failures: bool
    ) -> list[Evidence] | None:
        """Give the evidence that a line names besides the page; with failures: None where there are none."""
        found, failures = list[Evidence](), list[Evidence]()
        hops = {hop.url for hop in page.evidence.hops} if page is not None else set()
        for row in named:
            if page is not None and (row.url, row.time) == (page.evidence.url, page.evidence.fetched_at):
                continue
            archived = self._source(row)
            if archived is None or archived.is_page:
                if row.url in hops and row.status in _REDIRECTING:
                    continue  # the redirect itself, which stands in the record of the page
                raise NotDerivable("evidence-missing")
            seen = _seen_at(archived.evidence, row.time)
            found.append(seen)
            if with_failures and state_of(seen) == State.READ:
                later = self._archive.between(row.url, row.time, at)
                if later is not None and state_of(later.evidence) == State.UNREACHABLE:
                    failures.append(later.evidence)
        return None if with_failures and not failures else found + failures

    def _source(self, row: Row) -> Archived | None:
        """Give the evidence of a source; that of the latest is kept, since many lines name the same."""
        key = (row.url, row.sha256, row.status, row.time)
        found = self._sources.get(key)
        if found is None:
            found = self._archive.source(*key)
            if found is not None and len(found.evidence.body) <= _KEPT_BODY:
                self._sources[key] = found
                if len(self._sources) > _MOST_SOURCES:
                    self._sources.popitem(last=False)
        return found

    def _decided(  # noqa: PLR0917 - one decision, of all that made it
        self,
        line: Mapping[str, Any],
        page: Archived | None,
        files: Sequence[Evidence],
        policy: Policy,
        at: datetime,
        before: Recorded | None,
        said: Recorded,
    ) -> Decision:
        asset = page.evidence if page is not None else None
        chain = [line["url"]]
        if asset is not None:
            chain = [*dict.fromkeys((asset.url, *(hop.url for hop in asset.hops), asset.final_url))]
        on_record = (before if before is not None else said)._asdict()
        decisions = [
            self._linked(url, asset if asset and url == asset.final_url else None, files, policy, at, on_record)
            for url in chain
        ]
        decisions += [
            decide_hop(self._site(origin, files, policy), hop, asset, **on_record, at=at)
            for hop in (asset.hops if asset is not None else ())
            if hop.headers and (origin := origin_of(hop.url))
        ]
        decision = strictest_of(decisions, url=chain[0])
        if before is None:
            return decision
        rest = said.without(before)
        return with_register(
            decision,
            policy,
            claims=rest.claims,
            licences=[licence for licence in rest.licences if licence.scopes],
            rulings=rest.rulings,
            lifted=rest.licences,  # by the register, whose word is on record, as its claims are
            conditions=line["conditions"] if "register" in line else (),
            final_url=chain[-1],
        )

    def _linked(
        self,
        url: str,
        asset: Evidence | None,
        files: Sequence[Evidence],
        policy: Policy,
        at: datetime,
        on_record: Mapping[str, Any],
    ) -> Decision:
        """Decide about one link of a chain, as a crawl does: documents that it names, then TDMRep policies."""
        origin = origin_of(url)
        if origin is None:
            raise NotDerivable("no-site")
        documents = set(named_by(asset, policy)) if asset is not None else set()
        decided = partial(
            self._site(origin, files, policy).decide,
            url, asset=asset, documents=[item for item in files if item.url in documents], **on_record, at=at,
        )  # fmt: skip
        decision = decided()
        wanted = policies_of(decision) if TDM_POLICY in policy.locations else ()
        policies = [item for item in files if item.url in wanted]
        return decided(policies=policies) if policies else decision

    def _site(self, origin: str, files: Sequence[Evidence], policy: Policy) -> Site:
        """Read a site from what there is of it; sites in use are kept, since the lines of one come together."""
        of_site = [item for item in files if name_of(item.url) in LOCATIONS and origin_of(item.url) == origin]
        key = (origin, policy.sha256, *((item.url, item.sha256, item.status, item.fetched_at) for item in files))
        site = self._sites.get(key)
        if site is None:
            site = Site.read(of_site, policy) if of_site else Site.unseen(origin, policy)
            named = site.named()
            if documents := [item for item in files if item.url in named]:
                site = Site.read([*of_site, *documents], policy)
            self._sites[key] = site
            if len(self._sites) > _MOST_SITES:
                self._sites.popitem(last=False)
        return site


def is_without_evidence(line: Mapping[str, Any]) -> bool:
    """Tell whether a line rests on the policy alone: nobody could be asked, or nobody was to be."""
    return all(reason.get("finding") in WITHOUT_EVIDENCE for reason in line["reasons"]) and bool(line["reasons"])


def _seen_at(seen: Evidence, at: datetime) -> Evidence:
    """Give evidence as of another time at which the same was seen."""
    if seen.fetched_at == at:
        return seen
    return Evidence(
        seen.url, seen.status, seen.headers, seen.body, at, final_url=seen.final_url, error=seen.error,
        truncated=seen.truncated, hops=seen.hops, from_cache=seen.from_cache,
    )  # fmt: skip
