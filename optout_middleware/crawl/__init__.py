"""The Scrapy faces: add-on, extension, downloader and spider middlewares, item pipeline.

Rule of this room: it asks, acts and counts; what holds is decided below it. Nothing else here imports Scrapy but this
room. `ADDONS = {"optout_middleware.crawl.OptOutAddon": 500}` is all that a project adds besides its product token.
"""

from optout_middleware.crawl.addon import OptOutAddon

__all__ = ["OptOutAddon"]
