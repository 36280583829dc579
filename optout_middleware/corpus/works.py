"""What the register says of the records of a batch: their credits in, judgements out.

Rule of this file: the register is asked once a batch. A record that names no title with a writer, no identifier and no
lyrics cannot be matched to a work, and is told as not checkable, never as free.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.register import credits as credits_of
from optout_middleware.register.item_fields import of_item
from optout_middleware.register.lookup import Lookup
from optout_middleware.register.model import Asset, AssetClass, Credits, Judgement, UseContext
from optout_middleware.register.store import RegisterStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from optout_middleware.policy import Policy
    from optout_middleware.terms import Licence, Ruling

_NOTHING = Credits()
_FIELDS = {"title": "title", "writers": "writers"}
_TO_READ = ("html", "text", "title", "writers")


class Judged(NamedTuple):
    """What the register says of one record.

    Fields:
        credits: that were asked about.
        judgement: None = nothing is credited and nobody names the site.
        licences, rulings: on file about the URL itself.
        is_checkable: whether the record says enough to be matched to a work.
        snapshot: the state of the register.
    """

    credits: Credits
    judgement: Judgement | None
    licences: tuple[Licence, ...]
    rulings: tuple[Ruling, ...]
    is_checkable: bool
    snapshot: str

    @property
    def is_plain(self) -> bool:
        """Whether it changes nothing about the decision on the URL."""
        return self.judgement is None and not self.licences and not self.rulings

    def to_dict(self) -> dict[str, Any]:
        """Give the fields of an audit line: credits, claims, and what led to them."""
        if self.judgement is None:
            return {}
        return {
            "credits": credits_of.to_dict(self.credits),
            "claims": [claim.to_dict() for claim in self.judgement.claims],
            "register": {
                "snapshot": self.snapshot,
                "rules": list(self.judgement.rules),
                "chain": list(self.judgement.chain),
                "matches": [match.to_dict() for match in self.judgement.matches],
            },
        }


class Works:
    """Asks the register about batches.

    Args:
        register: the file; empty = the declarations of the package alone.
        policy: what is decided by.
        at: the date of the decision.
        operator: who would use the records, as licences name the licensee.
        model: what for, as licences name it.
        class_domains: domain -> class of the assets there.

    Raises:
        OptOutError: the register cannot be read; by every method too.
    """

    def __init__(
        self,
        register: str,
        policy: Policy,
        at: datetime,
        *,
        operator: str = "",
        model: str = "",
        class_domains: Mapping[str, str] | None = None,
    ) -> None:
        self._at = at
        self._domains = {domain: AssetClass(name) for domain, name in (class_domains or {}).items()}
        context = UseContext(
            operator, policy.usage, at.date(), entity=policy.entity, research_proof=policy.research_proof, act="train",
            profile=policy.profile.value, open_licences=policy.open_licences, model=model,
        )  # fmt: skip
        self._lookup = Lookup(register, context, policy.territory, now=lambda: at)
        self._knows_lyrics = False
        if register:
            with RegisterStore(register, create=False) as store:
                self._knows_lyrics = store.reading.has_fingerprints()

    @property
    def snapshot(self) -> str:
        """The state of the register."""
        return self._lookup.snapshot

    def of(self, records: Any) -> list[Judged | None]:
        """Judge the records of a batch; None for one that nothing is said of, and that says nothing."""
        size = records.num_rows
        lists_places = self._lookup.lists_places
        if not lists_places and not self._domains and all(records.column(name).null_count == size for name in _TO_READ):
            return [None] * size
        urls = records.column("url").to_pylist()
        credited = self._credits(records, urls)
        asked = [
            number
            for number, (url, stated) in enumerate(zip(urls, credited, strict=True))
            if url and (stated != _NOTHING or (lists_places and self._lookup.is_listed(url)))
        ]
        collected = records.column("collected_at").to_pylist()
        assets = [
            Asset(urls[n], credited[n], collected_on=collected[n].date() if collected[n] else None) for n in asked
        ]
        judgements = dict(zip(asked, self._lookup.judge(assets, self._at) if assets else (), strict=True))
        return [
            self._said(url, stated, judgements.get(number), lists_places=lists_places)
            for number, (url, stated) in enumerate(zip(urls, credited, strict=True))
        ]

    def concerns(self, url: str | None) -> bool:
        """Tell whether anything is on file about the URL itself: what is may hold on one day and not on another."""
        lookup = self._lookup
        if not url or not lookup.lists_places:
            return False
        return bool(lookup.is_listed(url) or lookup.licences(url) or lookup.rulings(url))

    def close(self) -> None:
        """Let go of the register."""
        self._lookup.close()

    def _said(
        self, url: str | None, stated: Credits, judgement: Judgement | None, *, lists_places: bool
    ) -> Judged | None:
        licences = self._lookup.licences(url) if url and lists_places else ()
        rulings = self._lookup.rulings(url) if url and lists_places else ()
        checkable = is_checkable(stated)
        if judgement is None and not (licences or rulings or checkable):
            return None
        return Judged(stated, judgement, licences, rulings, checkable, self.snapshot)

    def _credits(self, records: Any, urls: Sequence[str | None]) -> list[Credits]:
        columns = [records.column(name).to_pylist() for name in ("headers", *_TO_READ)]
        found = []
        for url, headers, html, text, title, writers in zip(urls, *columns, strict=True):
            kinds = [pair["value"] for pair in headers or () if pair["name"] == "content-type"]
            kind, _, parameters = (kinds[-1] if kinds else "text/html").partition(";")
            charset = parameters.lower().partition("charset=")[2].strip(" \"'") or None
            page = credits_of.of_page(
                html or b"", url or "", kind.strip().lower(), charset, class_domains=self._domains
            )
            own = of_item({"title": title, "writers": writers}, _FIELDS) if title or writers else _NOTHING
            stated = credits_of.merge(own, page)
            if self._knows_lyrics and text and not stated.lyrics:
                stated = replace(stated, lyrics=text)
            found.append(stated)
        return found


def is_checkable(stated: Credits) -> bool:
    """Tell whether credits say enough to be matched to a work: a number, words, or a title with a writer."""
    return bool(stated.identifiers or stated.lyrics or (stated.titles and stated.writers))
