"""What must hold of the built crawl before it may start, beyond the settings of our own.

Rule of this file: each check raises one line that says what to change; none of them changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware

from optout_middleware.settings import check_user_agent
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.crawler import Crawler

_FACES = {
    "OptOutDownloaderMiddleware": "DOWNLOADER_MIDDLEWARES",
    "OptOutSpiderMiddleware": "SPIDER_MIDDLEWARES",
    "OptOutPipeline": "ITEM_PIPELINES",
}


def check_user_agents(crawler: Crawler, token: str) -> None:
    """Check that every User-Agent that the project or the spider sets names the product token.

    Raises:
        SettingsError: one does not.
    """
    headers = crawler.settings.getdict("DEFAULT_REQUEST_HEADERS")
    own = [str(value) for name, value in headers.items() if str(name).lower() == "user-agent" and value]
    of_spider = getattr(crawler.spider, "user_agent", None)
    for user_agent in (crawler.settings["USER_AGENT"], of_spider, *own):
        if user_agent is not None:
            check_user_agent(str(user_agent), token)


def check_chain(crawler: Crawler, faces: Mapping[str, object]) -> None:
    """Check the components that Scrapy built.

    Args:
        crawler: whose engine is built.
        faces: ours, by the name of their class.

    Raises:
        OptOutError: one of ours is not there, or one is there that may not be.
    """
    for name, setting in _FACES.items():
        if name not in faces:
            raise OptOutError(f"{name} is not in {setting}: the gate is not whole; take what turns it off out of there")
    engine = crawler.engine
    for middleware in engine.downloader.middleware.middlewares:
        if isinstance(middleware, RobotsTxtMiddleware):
            cls = type(middleware)
            raise OptOutError(
                f"{cls.__module__}.{cls.__qualname__} is in DOWNLOADER_MIDDLEWARES, where it would ask robots.txt "
                "a second time and by other rules: take it out, the opt-out gate obeys robots.txt"
            )
    first = next(iter(engine.scraper.itemproc.middlewares), None)
    if first is not faces["OptOutPipeline"]:
        raise OptOutError(
            f"{type(first).__name__} is before OptOutPipeline in ITEM_PIPELINES, where items are not judged yet: "
            "give it a higher number"
        )
