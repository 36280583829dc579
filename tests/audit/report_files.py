"""Logs for the tests of reports: sites that allow, reserve, contradict themselves and wait, and a dry run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog
from optout_middleware.audit.share import Share
from optout_middleware.decide import Site
from optout_middleware.policy import LOCATIONS, Override, Policy
from optout_middleware.terms import Claim, Evidence, Outcome

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 9, 1, 12, tzinfo=timezone.utc)
OVERRIDE = Override(Outcome.DENY, "Ada Person", "a vendor asked <us>")
POLICY = Policy("ExampleCorpusBot", locations=("robots.txt", "tdmrep.json"), findings={"noarchive": OVERRIDE})
RUN, LATER = "20260901T120000Z-00000a", "20260902T120000Z-00000b"
SOCIETY = Claim("register-middle", "Society <of> Invented Authors", "R7", "our repertoire")
TDMREP = b'[{"location": "/reserved", "tdm-reservation": 1, "tdm-policy": "https://mixed.example/policy.json"}]'
SITES = {
    "plain.example": (b"User-agent: *\nAllow: /\n", None),
    "no.example": (b"User-agent: *\nContent-Signal: ai-train=no\nAllow: /\n", None),
    "mixed.example": (b"User-agent: *\nContent-Signal: ai-train=yes\nAllow: /\n", TDMREP),
}
HTML = ("content-type", "text/html")


def site(host: str, policy: Policy = POLICY) -> Site:
    """Read the files of a site."""
    robots, tdmrep = SITES[host]
    origin = f"https://{host}"
    return Site.read(
        [
            Evidence(origin + LOCATIONS["robots.txt"], 200, (), robots, AT),
            Evidence(origin + LOCATIONS["tdmrep.json"], 200 if tdmrep else 404, (), tdmrep or b"", AT),
        ],
        policy,
    )


class Writer:
    """Writes the lines of one run."""

    def __init__(self, directory: Path, run: str = RUN, *, dry_run: bool = False, **settings: Any) -> None:
        self.now, self._dry_run, self.share = AT, dry_run, Share(POLICY, Mask(()))
        self.log = AuditLog(
            directory, run=run, writer="main", operator="Example Labs", policy=POLICY,
            settings={"OPTOUT_DRY_RUN": dry_run, **settings}, now=lambda: self.now,
        )  # fmt: skip

    def page(self, host: str, path: str, *headers: tuple[str, str], size: int = 100, **said: Any) -> str:
        """Decide about a page and write its line."""
        url = f"https://{host}{path}"
        page = Evidence(url, 200, (HTML, *headers), b"", AT)
        decision = site(host).decide(url, asset=page, at=self.now)
        action = "keep" if decision.outcome is Outcome.ALLOW else "drop"
        self.share.add(decision, requests=1, size=size)
        return self.log.write(
            line("response", decision, final_url=url, size=size, action=action, dry_run=self._dry_run,
                 mask=Mask(()), said=said or None)
        )  # fmt: skip

    def close(self) -> None:
        """Close the run; a dry run says what it came to."""
        self.log.close({"share": self.share.to_dict()} if self._dry_run else {})


def written(directory: Path) -> str:
    """Write a crawl of two days, and a dry run after it; give the directory."""
    crawl = Writer(directory)
    for number in range(4):
        crawl.page("plain.example", f"/{number}?q=<script>alert(1)</script>")
        crawl.page("no.example", f"/{number}", size=1_000)
    crawl.now += timedelta(days=1)
    crawl.page("mixed.example", "/open")
    crawl.page("mixed.example", "/reserved/1")
    crawl.page("plain.example", "/waits", ("x-robots-tag", "OtherBot: noai"))
    crawl.page("plain.example", "/claimed", claims=[SOCIETY.to_dict()])
    crawl.close()
    dry = Writer(directory, LATER, dry_run=True)
    dry.page("no.example", "/dry")
    dry.page("plain.example", "/dry")
    dry.close()
    return str(directory)
