"""Where the add-on puts things, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.settings import Settings

from optout_middleware.crawl import OptOutAddon
from optout_middleware.crawl.downloader import OptOutDownloaderMiddleware
from optout_middleware.crawl.extension import OptOut
from optout_middleware.crawl.pipeline import OptOutPipeline
from optout_middleware.crawl.spider import OptOutSpiderMiddleware

from .loopback import TOKEN

ROBOTS_PATH = "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware"
PIPELINE_PATH = "optout_middleware.crawl.pipeline.OptOutPipeline"


def updated(**values: Any) -> Settings:
    """Give project settings as the add-on leaves them."""
    settings = Settings({"OPTOUT_PRODUCT_TOKEN": TOKEN, **values})
    OptOutAddon().update_settings(settings)
    return settings


def positions(settings: Settings, name: str) -> dict[Any, Any]:
    """Give the components that Scrapy would build, with their positions."""
    return dict(settings.get_component_priority_dict_with_base(name))


def test_positions() -> None:
    """The components stand where the house puts them, and Scrapy's robots.txt middleware nowhere."""
    settings = updated()
    downloader = positions(settings, "DOWNLOADER_MIDDLEWARES")
    assert downloader[OptOutDownloaderMiddleware] == 100
    assert RobotsTxtMiddleware not in downloader
    assert ROBOTS_PATH not in downloader
    assert positions(settings, "SPIDER_MIDDLEWARES")[OptOutSpiderMiddleware] == 10
    assert positions(settings, "ITEM_PIPELINES") == {OptOutPipeline: 0}
    assert OptOut in positions(settings, "EXTENSIONS")


@pytest.mark.parametrize("key", [RobotsTxtMiddleware, ROBOTS_PATH])
def test_robots_middleware_of_the_project(key: Any) -> None:
    """It is taken out also where the project put it at a position of its own, by class or by name."""
    downloader = positions(updated(DOWNLOADER_MIDDLEWARES={key: 300}), "DOWNLOADER_MIDDLEWARES")
    assert not {RobotsTxtMiddleware, ROBOTS_PATH} & set(downloader)


@pytest.mark.parametrize(("theirs", "ours"), [(300, 0), (0, -1), (-7, -8)])
def test_gate_is_before_pipelines_of_the_project(theirs: int, ours: int) -> None:
    """Wherever the project has its first pipeline, ours is before it."""
    placed = positions(updated(ITEM_PIPELINES={"builtins.dict": theirs}), "ITEM_PIPELINES")
    assert placed == {"builtins.dict": theirs, OptOutPipeline: ours}


def test_own_position_of_the_project_is_kept() -> None:
    """A project that places a component itself is obeyed; whether that can be is checked at start."""
    assert positions(updated(ITEM_PIPELINES={PIPELINE_PATH: 5}), "ITEM_PIPELINES") == {PIPELINE_PATH: 5}


def test_user_agent_is_set_where_the_project_sets_none() -> None:
    """USER_AGENT names the token, and whom to ask; a project's own stays."""
    settings = updated(OPTOUT_CONTACT_URL="https://bot.example/")
    assert settings["USER_AGENT"].startswith(f"{TOKEN}/")
    assert settings["USER_AGENT"].endswith(" (+https://bot.example/)")
    assert updated(USER_AGENT="Mine")["USER_AGENT"] == "Mine"


def test_turned_off_leaves_robots_txt_obeyed() -> None:
    """With the gate turned off, Scrapy's own middleware stays and none of ours acts."""
    settings = updated(OPTOUT_ENABLED="False")
    downloader = positions(settings, "DOWNLOADER_MIDDLEWARES")
    assert downloader[ROBOTS_PATH] == 100
    assert OptOutDownloaderMiddleware not in downloader
    assert OptOut in positions(settings, "EXTENSIONS")


@pytest.mark.parametrize(
    "wrong", [{"OPTOUT_PRODUCT_TOKEN": None}, {"OPTOUT_ENABLED": "maybe"}, {"OPTOUT_USAGE": "fun"}]
)
def test_wrong_settings_place_the_gate(wrong: dict[str, Any]) -> None:
    """What is wrong is said where a crawl starts; the gate is in its place, closed."""
    settings = updated(**wrong)
    assert OptOutDownloaderMiddleware in positions(settings, "DOWNLOADER_MIDDLEWARES")
    assert settings["USER_AGENT"].startswith("Scrapy")
