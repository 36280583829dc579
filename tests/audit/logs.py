"""Logs with their archives, written as a crawl writes them, for the tests that read logs.

Rule of this file: the values are those of `decide`; no line is put together by hand.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.decide import Site
from optout_middleware.evidence.archive import Archive
from optout_middleware.policy import LOCATIONS, Policy
from optout_middleware.terms import Decision, Evidence, Licence, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
AT = SEEN + timedelta(hours=1)
SITE, OTHER = "https://h.example", "https://o.example"
HTML = [("content-type", "text/html")]
NOAI = b'<head><meta name="robots" content="noai"></head>' + b"text " * 999
PLAIN = b"<head><title>t</title></head><body>" + b"text " * 999
RULES = b"User-agent: *\nDisallow: /closed\nUser-agent: GPTBot\nUser-agent: CCBot\nDisallow: /papers\n"
TDMREP = b'[{"location": "/reserved", "tdm-reservation": 1, "tdm-policy": "/policy.json"}]'
LICENCE = Licence("House", ("h.example",), (Usage.TRAIN_AI,), SEEN - timedelta(9), AT + timedelta(9), "file 7", "Ann")


def files(site: str = SITE, robots: bytes = RULES, tdmrep: bytes = TDMREP) -> list[Evidence]:
    """Make what was seen at the locations of a site."""
    bodies = {"robots.txt": robots, "tdmrep.json": tdmrep}
    return [Evidence(site + LOCATIONS[name], 200 if body else 404, [], body, SEEN) for name, body in bodies.items()]


def page(path: str, body: bytes = PLAIN, *headers: tuple[str, str], **more: Any) -> Evidence:
    """Make the response of a page."""
    return Evidence(SITE + path, 200, [*HTML, *headers], body, AT - timedelta(minutes=1), **more)


class Log:
    """Writes a log and its archive as a crawl does."""

    def __init__(
        self, directory: Path, policy: Policy | None = None, *, pages: float = 1.0, mask: Mask | None = None,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.directory, self.policy = directory, policy or Policy("OurBot")
        self.mask = mask or Mask(("token",))
        self.log = AuditLog(
            directory, run="20261124T120000Z-aaaaaa", writer="main", operator="House", policy=self.policy,
            settings={"OPTOUT_SECRET_PARAMS": list(self.mask.names), **settings}, now=lambda: AT,
        )  # fmt: skip
        self.archive = Archive(
            directory / "archive", writer="run-main", policy=self.policy, pages=pages, mask=self.mask
        )

    def site(self, seen: Sequence[Evidence]) -> Site:
        """Archive the files of a site, and read them."""
        for item in seen:
            self.archive.keep(item)
        return Site.read(seen, self.policy)

    def write(
        self, decision: Decision, asset: Evidence | None = None, stage: str = "", said: dict[str, Any] | None = None
    ) -> str:
        """Write the line of a decision, after its page went to the archive."""
        kept = self.archive.keep_page(asset, decision) if asset is not None and stage != "item" else ""
        fields = line(
            stage or ("response" if asset else "request"), decision, final_url=asset.final_url if asset else None,
            size=len(asset.body) if asset else None, action="keep", dry_run=False, mask=self.mask, kept=kept, said=said,
        )  # fmt: skip
        return self.log.write(fields)

    def close(self) -> None:
        """Close both."""
        self.archive.close()
        self.log.close({})
