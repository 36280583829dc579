"""The fields of one audit line, from a decision; and the mask that keeps secrets of URLs out of it.

Rule of this file: pure. What a site said stands in the line word for word; the secrets that a URL may carry,
userinfo and some parameters, do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from optout_middleware.urls import host_of, origin_of, registrable_domain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optout_middleware.terms import Decision, Source

HIDDEN = "***"
# Of the SHA-256 of what the archive has of a page: 128 bits tell it from all else, and a crawl writes millions of them.
KEPT_DIGITS = 32
# What Reason.to_dict() and Source.to_dict() give out of a URL, or of the error of a request for it.
_FROM_URLS = ("url", "error", "note")


@dataclass(frozen=True, eq=False)  # one a crawl, told by identity: it is asked for every line
class Mask:
    """Hides userinfo and the values of secret parameters, in query, matrix parameters and fragment.

    In doubt it hides too much: a value ends at "&" or "#" only, and a URL inside a parameter counts.

    Args:
        names: the names of secret query parameters, in any case.

    >>> Mask(("token",))("http://me:pw@news.example/a?b=1&Token=x&c=2#token=y")
    'http://***@news.example/a?b=1&Token=***&c=2#token=***'
    """

    names: tuple[str, ...]

    def __call__(self, text: str) -> str:
        """Give the URL, or a text with URLs in it, with `***` for each secret."""
        if "@" in text:
            text = _USERINFO.sub(f"://{HIDDEN}@", text)
        if ("=" in text or "3D" in text or "3d" in text) and self._secrets.search(text):
            text = self._secrets.sub(rf"\1{HIDDEN}", text)
        return text

    @cached_property
    def _secrets(self) -> re.Pattern[str]:
        """Matches delimiter, name, "=" and value; all may be percent-encoded, since servers read that too."""
        names = "|".join("".join(map(_plain_or_encoded, name)) for name in self.names if name)
        before, equals = "(?:[?&;#]|%(?:25)*(?:3F|26|3B|23))", "(?:=|%(?:25)*3D)"
        return re.compile(f"({before}(?:{names or '(?!)'}){equals})[^&#]*", re.IGNORECASE)


# RFC 3986 section 3.2: the authority ends at "/", "?" or "#"; userinfo at its last "@", as clients read it.
_USERINFO = re.compile(r"://[^/?#]*@")


def _plain_or_encoded(letter: str) -> str:
    encoded = {"".join(f"%{byte:02X}" for byte in case.encode()) for case in (letter.lower(), letter.upper())}
    return f"(?:{re.escape(letter)}|{'|'.join(sorted(encoded))})"


def line(  # noqa: PLR0913 - one call a line, all of it named
    stage: str,
    decision: Decision,
    *,
    final_url: str | None,
    size: int | None,
    action: str,
    dry_run: bool,
    mask: Mask,
    kept: str = "",
    said: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the fields of one audit line, in the order in which they are written.

    Args:
        stage: "request", "response", "item" or "media".
        decision: what was decided.
        final_url: where redirects led; None = nothing was fetched. Origin and domain are those of this URL.
        size: of the body in bytes; None = nothing was fetched.
        action: what is about to be done, in one word: "keep", "tag", "drop", ...
        dry_run: whether the action is only told.
        mask: what hides the secrets of URLs.
        said: fields of the register: credits, claims, and what led to them; None = it was not asked.
        kept: the SHA-256 by which the evidence archive names what it has of the page, of which the line has the first
            digits; empty = nothing, no field.
    """
    url = decision.url
    origin, domain = _served_by(_authority(final_url or url))
    raised = [reason.statement for reason in decision.reasons if reason.statement is not None]
    return {
        "stage": stage,
        "url": (masked := mask(url)),
        "final_url": (masked if final_url == url else mask(final_url)) if final_url else None,
        "origin": origin,
        "domain": domain,
        "size": size,
        "outcome": decision.outcome.value,
        "may_fetch": decision.may_fetch,
        "waits_for": decision.waits_for.value if decision.waits_for else None,
        "action": action,
        "dry_run": dry_run,
        "reasons": [_masked(reason.to_dict(), mask) for reason in decision.reasons],
        "statements": [_masked(said.to_dict(), mask) for said in decision.statements if said not in raised],
        "evidence": [
            (_masked(source.to_dict(), mask) if source.url in (url, final_url) else _looked_at(source, mask))
            for source in decision.evidence
        ],
        "conditions": list(decision.conditions),
        "credits": [],
        "claims": [],
        "licences": [licence.to_dict() for licence in decision.licences],
        **({"rulings": [ruling.to_dict() for ruling in decision.rulings]} if decision.rulings else {}),
        **(said or {}),
        "at": decision.at.isoformat(),
        **({"kept": kept[:KEPT_DIGITS]} if kept else {}),
    }


def _authority(url: str) -> str:
    """Give what of a URL says who serves it: up to its path, where that is plain to see (RFC 3986 section 3)."""
    start = url.find("://")
    end = url.find("/", start + 3)
    return url[:end] if start > 0 and end > 0 else url


@lru_cache(maxsize=16_384)  # a crawl asks few hosts for many pages
def _served_by(url: str) -> tuple[str | None, str | None]:
    """Give origin and registrable domain."""
    origin = origin_of(url)
    return origin, registrable_domain(host_of(origin)) if origin else None


@lru_cache(maxsize=16_384)  # the same: the files of a site stand in the line of each of its pages
def _looked_at(source: Source, mask: Mask) -> dict[str, Any]:
    """Give a piece of evidence; not to be changed, since lines share it."""
    return _masked(source.to_dict(), mask)


def _masked(values: dict[str, Any], mask: Mask) -> dict[str, Any]:
    for name in _FROM_URLS:
        if name in values:
            values[name] = mask(values[name])
    if "source" in values:
        values["source"] = _masked(values["source"], mask)
    return values
