"""The add-on: puts the components in their places, and takes Scrapy's robots.txt middleware out of the chain.

Rule of this file: it only changes settings and raises nothing, since `scrapy shell` loads it too; what is wrong with
the settings is said where a crawl starts, in the extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware

from optout_middleware.crawl.downloader import OptOutDownloaderMiddleware
from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.hops import HopRecorder
from optout_middleware.crawl.pipeline import OptOutPipeline
from optout_middleware.crawl.spider import OptOutSpiderMiddleware
from optout_middleware.settings import Settings, SettingsError, default_user_agent, is_enabled

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

# Where Scrapy's robots.txt middleware stands: one robots.txt fetch then answers "may we fetch?" and "may we use?".
_DOWNLOADER_POSITION = 100
_RECORDER_POSITION = 610  # nearer the network than Scrapy's redirect middleware, at 600
_SPIDER_POSITION = 10
_PIPELINE_POSITION = 0


class OptOutAddon:
    """Turns the opt-out gate on for a project (`ADDONS`)."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Place the components; where the gate is turned off, only what says so.

        Then Scrapy's own robots.txt middleware stays in the chain too: turning the gate off must not open robots.txt.
        """
        settings.setdefault_in_component_priority_dict("EXTENSIONS", OptOut, 0)
        try:
            if not is_enabled(settings.get):
                return
        except SettingsError:
            pass  # the extension says it where a crawl starts; until then everything stays closed
        settings.set_in_component_priority_dict("DOWNLOADER_MIDDLEWARES", RobotsTxtMiddleware, None)
        settings.setdefault_in_component_priority_dict(
            "DOWNLOADER_MIDDLEWARES", OptOutDownloaderMiddleware, _DOWNLOADER_POSITION
        )
        settings.setdefault_in_component_priority_dict("DOWNLOADER_MIDDLEWARES", HopRecorder, _RECORDER_POSITION)
        _place_before_all(settings, "SPIDER_MIDDLEWARES", OptOutSpiderMiddleware, _SPIDER_POSITION)
        _place_before_all(settings, "ITEM_PIPELINES", OptOutPipeline, _PIPELINE_POSITION)
        _name_ourselves(settings)


def _place_before_all(settings: BaseSettings, name: str, cls: type[Any], position: int) -> None:
    """Place a component at its position, or before the lowest of the project's own: nothing may come before it."""
    taken = [place for place in settings.getdict(name).values() if isinstance(place, (int, float))]
    lowest = min((int(place) - 1 for place in taken), default=position)
    settings.setdefault_in_component_priority_dict(name, cls, min(position, lowest))


def _name_ourselves(settings: BaseSettings) -> None:
    """Set USER_AGENT where the project sets none: "Scrapy" itself is on common block lists."""
    try:
        ours = Settings.read(settings.get)
    except SettingsError:
        return  # as above
    user_agent = default_user_agent(ours.policy.product_token, ours.contact_url)
    settings.set("USER_AGENT", user_agent, priority="addon")
