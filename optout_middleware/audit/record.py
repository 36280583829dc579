"""What a crawl writes down and counts: audit lines, stats, the share that is excluded, the URLs that are pending.

Rule of this file: the audit line is written before its effect, and everything else here only counts. What cannot be
written raises `AuditError`; whoever acts then acts on nothing. For one thread.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.log import AuditLog, new_run_id
from optout_middleware.audit.pending_urls import PendingUrls
from optout_middleware.audit.share import Alarm, Share
from optout_middleware.evidence.archive import INDEX, WARC, Archive
from optout_middleware.policy import ALL_LOCATIONS
from optout_middleware.settings import package_version
from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optout_middleware.evidence.probe import Counts
    from optout_middleware.settings import Settings
    from optout_middleware.terms import Decision, Evidence

logger = logging.getLogger(__name__)

WRITER = "main"
STATS: Mapping[str, str] = {
    "optout/page/allow": "pages on which no reservation was found",
    "optout/page/pending": "pages that are not kept until what they wait for arrives",
    "optout/page/deny": "pages that are reserved",
    "optout/page/not_fetched": "of these, pages that were not fetched",
    "optout/page/fetch_forbidden": "of these, pages that robots.txt forbids to fetch, or that it may",
    "optout/media/allow": "files fetched by pipelines and other components, without a reservation",
    "optout/media/pending": "such files that are pending",
    "optout/media/deny": "such files that are reserved",
    "optout/media/not_fetched": "of these, files that were not fetched",
    "optout/media/fetch_forbidden": "of these, files that robots.txt forbids to fetch, or that it may",
    "optout/item/kept": "items passed on as they are",
    "optout/item/tagged": "items passed on with the tag",
    "optout/item/dropped": "items dropped, or that would be in a crawl that is no dry run",
    "optout/item/credited": "of the items, those about which the register was asked",
    "optout/item/unjudged": "of the items, those that came with no page whose decision they could share",
    "optout/item/untaggable": "of the items, those whose type cannot take the tag",
    "optout/site/memory": "sites answered from memory",
    "optout/site/store": "sites whose robots.txt was fresh in the store",
    "optout/site/looked": "sites that were looked at, in the store or by probes",
    "optout/store/lost": "times that the server of the store was lost, and the crawl went on with probes of its own",
    "optout/probe/shared": "locations and documents that another crawl probed while this one was about to",
    "optout/probe/per_site": "probes of all locations, for each site that was looked at",
    **{
        f"optout/probe/{location}/{result}": f"probes of {location} that {meaning}"
        for location in ALL_LOCATIONS
        for result, meaning in (
            ("answered", "got an answer"),
            ("revalidated", "were told that nothing has changed"),
            ("unreachable", "got no answer after all tries"),
        )
    },
    "optout/archive/records": "records written to the evidence archive",
    "optout/archive/pages": "of these, pages and files",
    "optout/archive/pages_not_sampled": "pages that said nothing and are not in the sample that is archived",
    "optout/archive/pages_not_derivable": "pages of which what was said is archived, but no part that says it again",
    "optout/audit/lines": "lines written to the audit log",
    "optout/pending_urls": "URLs in the list of pending URLs",
}
_PAGE = {outcome: f"optout/page/{outcome.value}" for outcome in Outcome}
_MEDIA = {outcome: f"optout/media/{outcome.value}" for outcome in Outcome}


def now() -> datetime:
    """Give the time, in UTC."""
    return datetime.now(timezone.utc)


class Stats(Protocol):
    """Counts by name, as Scrapy's stats collector does."""

    def get_value(self, key: str, default: Any = None) -> Any:
        """Give a value; the default where there is none."""

    def set_value(self, key: str, value: Any) -> None:
        """Set a value."""

    def inc_value(self, key: str) -> None:
        """Count one more."""


class Record:
    """Writes and counts for one run.

    Args:
        stats: what counts.
        settings: where to write, and how.
        user_agent: what the crawler calls itself, for the run manifest.

    Raises:
        AuditError: the audit log cannot be written.
    """

    def __init__(self, stats: Stats, settings: Settings, user_agent: str) -> None:
        self._stats = stats
        self._dry_run = settings.dry_run
        self._mask = Mask(settings.secret_params)
        self._log = AuditLog(
            settings.audit_dir,
            run=new_run_id(now()),
            writer=WRITER,
            operator=settings.operator,
            policy=settings.policy,
            settings={**settings.to_dict(), "USER_AGENT": user_agent},
            now=now,
            key=settings.audit_key,
            durability=settings.audit_durability,
        )
        try:
            self.archive = _archive(settings, self._log.run, self._mask)
        except OptOutError as error:
            self._log.close({"finish_reason": str(error)})
            raise
        self.share = Share(settings.policy, self._mask) if settings.dry_run else None
        self._alarm = Alarm()
        self._pending = PendingUrls(self._log)

    @property
    def where(self) -> str:
        """The manifest of the run, for people."""
        return str(self._log.path)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the audit log found of earlier runs."""
        return self._log.warnings

    def asset(
        self,
        stage: str,
        decision: Decision,
        action: str,
        *,
        final_url: str | None = None,
        size: int | None = None,
        method: str = "GET",
        page: Evidence | None = None,
        said: Mapping[str, Any] | None = None,
    ) -> str:
        """Write the line of a page or file, then count it.

        Args:
            stage: "request" or "response"; "media" where no spider gets to see it.
            decision: what was decided.
            action: what is about to be done, or would be in a crawl that is no dry run.
            final_url: of the response; None = it is not fetched.
            size: of its body in bytes; None = it is not fetched.
            method: of the request.
            page: the response, for the evidence archive; None = it is not fetched.
            said: fields of the register, if it was asked.

        Returns:
            Where the line stands: "RUN-WRITER:SEQ".

        Raises:
            OptOutError: the archive, the line, or the list of pending URLs cannot be written.
        """
        kept = self.archive.keep_page(page, decision) if self.archive is not None and page is not None else ""
        where = self._line(stage, decision, action, final_url, size, said=said, kept=kept)
        outcome = decision.outcome
        if outcome is Outcome.PENDING and method == "GET":
            self._pending.add(decision.url)
        stats, media = self._stats, stage == "media"
        stats.inc_value((_MEDIA if media else _PAGE)[outcome])
        if size is None:
            stats.inc_value("optout/media/not_fetched" if media else "optout/page/not_fetched")
        if not decision.may_fetch:
            stats.inc_value("optout/media/fetch_forbidden" if media else "optout/page/fetch_forbidden")
        if self.share is not None:
            self.share.add(decision, requests=1, size=size)
        elif not media and (alarm := self._alarm.add(decision)) is not None:
            logger.warning(alarm)
        return where

    def item(
        self, decision: Decision, action: str, *, final_url: str | None = None, said: Mapping[str, Any] | None = None
    ) -> str:
        """Write the line of an item whose decision is not that of its page; it is counted by `count_item`.

        Args:
            decision: what was decided.
            action: what is about to be done, or would be in a crawl that is no dry run.
            final_url: of its page; None = the decision's own URL.
            said: fields of the register, if it was asked.

        Raises:
            AuditError: the line, or the list of pending URLs, cannot be written.
        """
        where = self._line("item", decision, action, final_url or decision.url or None, None, said=said)
        if decision.outcome is Outcome.PENDING:
            self._pending.add(decision.url)
        return where

    def count_item(self, decision: Decision, what: str, *, text: int = 0, language: str = "") -> None:
        """Count an item by what became of it: "kept", "tagged" or "dropped"; in a dry run its text too, in octets."""
        self._stats.inc_value(f"optout/item/{what}")
        if self.share is not None:
            self.share.add(decision, items=1, text=text, language=language)

    def count_credited(self) -> None:
        """Count an item about which the register was asked."""
        self._stats.inc_value("optout/item/credited")

    def count_unjudged(self) -> None:
        """Count an item that came with no page whose decision it could share."""
        self._stats.inc_value("optout/item/unjudged")

    def store_lost(self) -> None:
        """Count that the server of the store was lost."""
        self._stats.inc_value("optout/store/lost")

    def turned_off(self) -> None:
        """Write the one line of a crawl in which the gate is turned off."""
        self._log.write({"stage": "run", "action": "none", "note": "OPTOUT_ENABLED is False: nothing was judged"})

    def close(self, counts: Counts | None, reason: str) -> None:
        """Set the stats that are known at the end, then close list, log and manifest.

        Raises:
            AuditError: they cannot be written.
        """
        if counts is not None:
            self._stats.set_value("optout/site/memory", counts.memory)
            self._stats.set_value("optout/site/store", counts.store)
            self._stats.set_value("optout/site/looked", counts.looked)
            self._stats.set_value("optout/probe/shared", counts.shared)
            per_site = round(counts.probes.total() / counts.looked, 3) if counts.looked else 0
            self._stats.set_value("optout/probe/per_site", per_site)
            for (location, result), count in counts.probes.items():
                self._stats.set_value(f"optout/probe/{location}/{result}", count)
        for name, count in (self.archive.counts if self.archive is not None else {}).items():
            self._stats.set_value(f"optout/archive/{name}", count)
        self._stats.set_value("optout/audit/lines", self._log.lines)
        self._stats.set_value("optout/pending_urls", self._pending.count)
        summary: dict[str, Any] = {name: self._stats.get_value(name, 0) for name in STATS}
        summary["finish_reason"] = reason
        if self.share is not None:
            summary["share"] = self.share.to_dict()
        self._pending.close()
        if self._pending.count:
            self._log.cover(self._pending.name)
        if self.archive is not None:
            self._close_archive(self.archive, summary)
        self._log.close(summary)

    def _close_archive(self, archive: Archive, summary: dict[str, Any]) -> None:
        """Close the archive and name its files in the manifest, which covers those below the audit directory."""
        try:
            archive.close()
        except OptOutError as error:
            logger.error(str(error))  # noqa: TRY400 - one line; the log is closed all the same
        summary["archive"] = {"directory": str(archive.directory), "files": archive.files}
        if archive.directory.is_relative_to(self._log.directory):
            for file in archive.files:
                index = file["file"].removesuffix(WARC) + INDEX
                below = archive.directory.relative_to(self._log.directory)
                self._log.cover((below / file["file"]).as_posix())
                if (archive.directory / index).exists():
                    self._log.cover((below / index).as_posix())

    def _line(
        self,
        stage: str,
        decision: Decision,
        action: str,
        final_url: str | None,
        size: int | None,
        *,
        said: Mapping[str, Any] | None,
        kept: str = "",
    ) -> str:
        return self._log.write(
            line(
                stage,
                decision,
                final_url=final_url,
                size=size,
                action=action,
                dry_run=self._dry_run,
                mask=self._mask,
                kept=kept,
                said=said,
            )
        )


def _archive(settings: Settings, run: str, mask: Mask) -> Archive | None:
    """Open the evidence archive of a run."""
    if not settings.archive:
        return None
    about = {"software": f"optout-middleware {package_version()}", "isPartOf": run, "operator": settings.operator}
    return Archive(
        Path(settings.audit_dir) / settings.archive,
        writer=f"{run}-{WRITER}",
        policy=settings.policy,
        pages=settings.archive_pages,
        mask=mask,
        about=about,
        refers_back=not settings.audit_retention,
    )
