"""The extension: owns what a crawl needs to judge and to record, from the first request to the last.

Rule of this file: closed until it is open. Until everything that the gate needs is there, and after anything that it
needs has failed, `refusal` says why and nothing passes. A mistake of the operator is one line in the log: where Scrapy
runs the crawl in a task the crawl fails with it (exit status 1), elsewhere it is closed before it starts.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from pydispatch.dispatcher import getAllReceivers, liveReceivers  # type: ignore[import-untyped]
from scrapy import Request, signals
from scrapy.exceptions import CloseSpider
from scrapy.utils.asyncio import is_asyncio_available
from scrapy.utils.misc import build_from_crawler, load_object

from optout_middleware.audit.log import AuditError
from optout_middleware.audit.record import Record, now
from optout_middleware.crawl.checks import check_chain, check_user_agents
from optout_middleware.crawl.fetch import MARK, EngineFetch
from optout_middleware.gathering import gather_of
from optout_middleware.register.excluded import ExcludedSites
from optout_middleware.rights import Rights
from optout_middleware.settings import Settings, SettingsError, is_enabled, unknown_names
from optout_middleware.terms import OptOutError
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.crawler import Crawler
    from typing_extensions import Self

    from optout_middleware.decide import Site
    from optout_middleware.evidence.gather import Gather
    from optout_middleware.stages import Judged
    from optout_middleware.terms import Evidence

logger = logging.getLogger(__name__)

# Items on their way from the spider middleware to the pipeline. Another component may lose some of them there, so the
# number is bounded; an item that is pushed out is unjudged, which drops it.
_MOST_HANDED_OVER = 100_000
_DRY_RUN = "DRY RUN: no item is dropped or tagged, reserved items are stored; see the share at the end"
_TURNED_OFF = "OPTOUT_ENABLED is False: opt-outs are neither looked for nor honoured in this crawl"


class OptOut:
    """Owns settings, gather and record; the middlewares and the pipeline borrow them.

    Attributes:
        settings, gather, record, excluded: there once `refusal` is empty.
        rights: asks the register; None where the operator chose not to.
        decisions: what holds of each page, by its request.
        refusal: why nothing may pass, in one line; empty = the gate is open.
        faces: the components that borrowed this, by the name of their class.
    """

    settings: Settings
    gather: Gather
    excluded: ExcludedSites
    rights: Rights | None

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.record: Record | None = None
        self.decisions: WeakKeyDictionary[Request, Judged] = WeakKeyDictionary()
        self.refusal = "the opt-out gate is not open: the crawl has not started"
        self.faces: dict[str, object] = {}
        self._mark = object()
        self._handed_over: dict[int, tuple[Any, int]] = {}
        self._askers: WeakValueDictionary[str, Request] = WeakValueDictionary()
        self._said: set[object] = set()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the extension; where a task runs the crawl, open the gate now, since an error then fails the crawl."""
        optout = cls(crawler)
        crawler.signals.connect(optout.spider_opened, signals.spider_opened)
        crawler.signals.connect(optout.spider_closed, signals.spider_closed)
        task = _current_task() if crawler.crawling else None
        if task is not None:
            try:
                optout._open()
            except OptOutError as error:
                logger.error(str(error))  # noqa: TRY400 - one line, no stack trace
                # AsyncCrawlerProcess never asks the task how it ended, which asyncio would tell with a stack trace.
                task.add_done_callback(lambda done: done.cancelled() or done.exception())
                raise
        return optout

    @classmethod
    def of(cls, crawler: Crawler, face: object) -> OptOut:
        """Give the extension of a crawler to one of its faces.

        Raises:
            OptOutError: there is none, so the gate could not judge.
        """
        optout = crawler.get_extension(cls)
        if optout is None:
            raise OptOutError(
                f"{type(face).__name__} needs the extension that the add-on places: set ADDONS = "
                '{"optout_middleware.crawl.OptOutAddon": 500} and leave EXTENSIONS alone'
            )
        optout.faces[type(face).__name__] = face
        return optout

    def spider_opened(self) -> None:
        """Open the gate, or see to it that the crawl does not start.

        Raises:
            CloseSpider: there is something that the operator must change first.
        """
        try:
            if self.record is None:
                self._open()
            if not is_enabled(self.crawler.settings.get):
                return
            check_chain(self.crawler, self.faces)
        except OptOutError as error:
            self.refusal = str(error)
            if not self.crawler.crawling:  # `scrapy shell`, which starts without a crawl, and then fetches nothing
                logger.warning("%s; until then nothing is fetched", error)
                return
            logger.error(str(error))  # noqa: TRY400 - one line, no stack trace
            raise CloseSpider(_reason(error)) from None
        # What is loaded by now lives as long as the crawl. Python's collector of cycles would go through it again and
        # again, which costs a crawl more than the gate does.
        gc.freeze()
        self.refusal = ""

    async def spider_closed(self, reason: str) -> None:
        """Close gather, store and record, and tell the share of a dry run."""
        self.refusal = "the opt-out gate is closed: the crawl has ended"
        gc.unfreeze()
        if self.record is None:
            return
        gather = getattr(self, "gather", None)
        try:
            if gather is not None:
                await gather.close()
        except OptOutError as error:
            logger.error(str(error))  # noqa: TRY400
        try:
            self.record.close(gather.counts if gather is not None else None, reason)
        except OptOutError as error:
            logger.error(str(error))  # noqa: TRY400
        if (rights := getattr(self, "rights", None)) is not None:
            rights.lookup.close()
        if self.record.share is not None:
            stored = self.crawler.stats.get_value("optout/item/dropped", 0)
            logger.warning(
                "%s; %d reserved or pending items were stored\n%s", _DRY_RUN, stored, self.record.share.table()
            )

    def _open(self) -> None:
        """Check what was set, then open audit log and store.

        Raises:
            OptOutError: there is something that the operator must change first.
        """
        get = self.crawler.settings.get
        if not is_enabled(get):
            logger.warning(_TURNED_OFF)
            self.record = self._record(Settings.read(lambda name: get(name) or _stand_in(name)))
            self.record.turned_off()
            return
        if not is_asyncio_available():
            raise OptOutError(
                "the opt-out gate needs an asyncio event loop: leave TWISTED_REACTOR unset, or set it to "
                "'twisted.internet.asyncioreactor.AsyncioSelectorReactor'"
            )
        for unknown in unknown_names(map(str, self.crawler.settings)):
            logger.warning(unknown)
        settings = self.settings = Settings.read(get)
        check_user_agents(self.crawler, settings.policy.product_token)
        self.excluded = ExcludedSites.read(settings.excluded_sites)
        self.rights = Rights.of(settings, now)
        self.record = self._record(settings)
        for warning in self.record.warnings:
            logger.warning(warning)
        self.gather = gather_of(
            settings, self.record.archive, now=now, store_lost=self.record.store_lost,
            on_robots=self._send_robots_parsed,
        )  # fmt: skip
        logger.info("opt-out audit log: %s", self.record.where)
        if settings.dry_run:
            logger.warning(_DRY_RUN)

    def _record(self, settings: Settings) -> Record:
        return Record(self.crawler.stats, settings, str(self.crawler.settings.get("USER_AGENT") or ""))

    def owns(self, request: Request) -> bool:
        """Tell whether a request is a probe of ours; nothing that a spider can write into meta makes it one."""
        return request.meta.get(MARK) is self._mark

    async def site(self, url: str, page: Request) -> Site:
        """Give the site of an http(s) URL, probing on behalf of a page what is not known.

        Raises:
            OptOutError: the store failed.
        """
        if self._robots_handlers():
            self._askers.setdefault(origin_of(url) or "", page)
        return await self.gather.site(url, EngineFetch(self.crawler, page, self._mark))

    async def documents(self, urls: Sequence[str], page: Request, kind: str) -> list[Evidence]:
        """Give the documents that a page or its site names, probing on its behalf what is not known.

        Args:
            urls: absolute http(s) URLs.
            page: the request on whose behalf is asked.
            kind: what they are, `policy.RSL` or `policy.TDM_POLICY`.

        Raises:
            OptOutError: the store failed.
        """
        return await self.gather.documents(urls, EngineFetch(self.crawler, page, self._mark), kind)

    def hand_over(self, item: Any) -> None:
        """Remember that an item is judged until the pipeline takes it."""
        if len(self._handed_over) >= _MOST_HANDED_OVER:
            del self._handed_over[next(iter(self._handed_over))]
        _, times = self._handed_over.get(id(item), (item, 0))
        self._handed_over[id(item)] = item, times + 1

    def take(self, item: Any) -> bool:
        """Tell whether an item was handed over, once for each time that it was."""
        _, times = self._handed_over.pop(id(item), (None, 0))
        if times > 1:
            self._handed_over[id(item)] = item, times - 1
        return times > 0

    def stop(self, reason: str, error: OptOutError) -> None:
        """Let nothing pass any more, say why, and close the crawl."""
        if not self.refusal:
            self.refusal = str(error)
            logger.error(self.refusal)
        self.close_soon(reason)

    def close_soon(self, reason: str) -> None:
        """Close the crawl; not awaited, since the engine waits for the request that calls this."""
        if self._closing is None:
            close = self.crawler.engine.close_spider_async(reason=reason)
            self._closing = asyncio.get_running_loop().create_task(close)

    def say_once(self, text: str, *, key: object = None) -> None:
        """Log a warning, once in a crawl; `key` tells what is the same where the text differs."""
        if (key or text) not in self._said:
            self._said.add(key or text)
            logger.warning(text, extra={"spider": self.crawler.spider})

    def _robots_handlers(self) -> bool:
        return any(True for _ in liveReceivers(getAllReceivers(self.crawler, signals.robots_parsed)))

    async def _send_robots_parsed(self, seen: Evidence) -> None:
        """Send Scrapy's signal, as its own middleware would, where somebody listens."""
        if not self._robots_handlers():
            return
        asker = self._askers.get(origin_of(seen.url) or "") or Request(seen.url)
        parser = load_object(self.crawler.settings["ROBOTSTXT_PARSER"])
        body = seen.body if seen.status is not None and seen.status < 300 else b""  # noqa: PLR2004 - 4xx: no rules
        await self.crawler.signals.send_catch_log_async(
            signal=signals.robots_parsed,
            robotparser=build_from_crawler(parser, self.crawler, body),
            request=asker,
        )


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no running loop
        return None


def _stand_in(name: str) -> str | None:
    """Give a product token for the manifest of a crawl in which the gate is turned off and none is set."""
    return "none" if name == "OPTOUT_PRODUCT_TOKEN" else None


def _reason(error: OptOutError) -> str:
    """Give the finish_reason of a crawl that an error keeps from starting."""
    if isinstance(error, AuditError):
        return "optout_audit_unwritable"
    return "optout_settings" if isinstance(error, SettingsError) else "optout_start"
