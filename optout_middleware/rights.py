"""What the register adds to the decision about a page: credits of item and page in, the item's own decision out.

Rule of this file: an item that is credited with nothing shares its page's decision. What the register cannot answer is
a claim, never a free pass. It knows no crawler: whoever has a response hands over its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.evidence.asking import NOTHING, Recorded
from optout_middleware.reasons import with_register
from optout_middleware.register import credits as credits_of
from optout_middleware.register.item_fields import of_item
from optout_middleware.register.lookup import Lookup
from optout_middleware.register.model import Asset, AssetClass, Credits, Judgement, UseContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from typing_extensions import Self

    from optout_middleware.settings import Settings
    from optout_middleware.terms import Claim, Decision

NOT_ASKED = "none"  # the value of OPTOUT_REGISTER by which the register is not asked
_NOTHING = Credits()


class Page(NamedTuple):
    """A response as far as its items need it: its URL, and its credits once somebody asked."""

    url: str
    credits: Credits


class Found(NamedTuple):
    """What the register says of one asset."""

    url: str
    decision: Decision
    credits: Credits
    judgement: Judgement
    snapshot: str

    def to_dict(self, before: Iterable[Claim] = ()) -> dict[str, Any]:
        """Give the fields of an audit line: credits, claims (those of the URL `before`), and what led to them."""
        judged = self.judgement
        return {
            "credits": credits_of.to_dict(self.credits),
            "claims": [claim.to_dict() for claim in dict.fromkeys((*before, *judged.claims))],
            "register": {
                "snapshot": self.snapshot,
                "rules": list(judged.rules),
                "chain": list(judged.chain),
                "matches": [match.to_dict() for match in judged.matches],
            },
        }


class Rights:
    """Asks the register on behalf of a crawl.

    Args:
        settings: the policy, the register's file, and how credits are read.
        now: the clock, aware.

    Raises:
        OptOutError: the register cannot be read; by every method that asks it, too.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        policy = settings.policy
        self._policy, self._now = policy, now
        self._fields = settings.item_fields
        self._domains = {domain: AssetClass(name) for domain, name in settings.class_domains.items()}
        self._all_markers = settings.page_markers == "all"
        context = UseContext(
            settings.operator,
            policy.usage,
            now().date(),
            entity=policy.entity,
            research_proof=policy.research_proof,
            profile=policy.profile.value,
            open_licences=policy.open_licences,
            model=settings.model,
        )
        self.lookup = Lookup(settings.register, context, policy.territory, now=now)

    @classmethod
    def of(cls, settings: Settings, now: Callable[[], datetime]) -> Self | None:
        """Open the register; None where the operator chose not to ask it."""
        return None if settings.register == NOT_ASKED else cls(settings, now)

    def page(self, body: bytes, url: str, content_type: str) -> Page:
        """Read the credits of a response.

        Args:
            body: its bytes, any Content-Encoding undone.
            url: the one that answered.
            content_type: its Content-Type field; empty where it has none.
        """
        media_type, _, parameters = content_type.partition(";")
        charset = parameters.lower().partition("charset=")[2].strip(" \"'") or None
        stated = credits_of.of_page(
            body,
            url,
            media_type.strip().lower(),
            charset,
            all_markers=self._all_markers,
            class_domains=self._domains,
        )
        return Page(url, stated)

    def of_item(self, item: Mapping[str, Any] | None, page: Page, decision: Decision) -> Found | None:
        """Decide about an item of a page; None where nothing is credited and nobody names the site.

        Args:
            item: its fields; None = it has none that could be read.
            page: that it came from.
            decision: about the page.
        """
        stated = page.credits
        if self._fields and item is not None:
            stated = credits_of.merge(of_item(item, self._fields), stated)
        return self.judged(stated, page.url, decision)

    def recorded(self, urls: Iterable[str]) -> Recorded:
        """Give what is on file about URLs themselves: claims of those who listed them, licences, rulings."""
        lookup = self.lookup
        lookup.refresh()
        if not lookup.lists_places:
            return NOTHING
        listed = [url for url in urls if lookup.is_listed(url)]
        judged = lookup.judge([Asset(url) for url in listed], self._now()) if listed else []
        return Recorded(
            tuple(dict.fromkeys(claim for one in judged for claim in one.claims)),
            tuple(dict.fromkeys(licence for url in urls for licence in lookup.licences(url))),
            tuple(dict.fromkeys(ruling for url in urls for ruling in lookup.rulings(url))),
        )

    def of_media(self, url: str, media_type: str, decision: Decision) -> Found | None:
        """Decide about a file that no spider gets to see, by its media type and the domains of the setting."""
        return self.judged(credits_of.of_page(b"", url, media_type, class_domains=self._domains), url, decision)

    def judged(self, stated: Credits, url: str, decision: Decision) -> Found | None:
        """Decide about an asset with these credits; None where nothing is credited and nobody names the site."""
        lookup = self.lookup
        lookup.refresh()
        if stated == _NOTHING and not lookup.is_listed(url):
            return None
        (judgement,) = lookup.judge([Asset(url, stated)], decision.at)
        with_claims = with_register(
            decision,
            self._policy,
            claims=judgement.claims,
            licences=[licence for licence in judgement.licences if licence.scopes],
            rulings=lookup.rulings(url),
            lifted=judgement.licences,
            conditions=judgement.conditions,
            final_url=url,
        )
        return Found(url, with_claims, stated, judgement, lookup.snapshot)
