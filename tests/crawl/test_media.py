"""Files that pipelines fetch: each judged by its own URL and headers, the item survives."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from .loopback import NOT_OURS, RESERVED, ROBOTS, TDMREP, Crawls, Pages, Site

if TYPE_CHECKING:
    from pathlib import Path

    from scrapy.http import Response

NAMES = ("open", "closed", "reserved", "header")


class WithMedia(Pages):
    """Yields the URLs of files with each page."""

    media: tuple[str, ...] = ()

    def parse(self, response: Response, **_: Any) -> Any:
        """Give an item with files."""
        yield {"url": response.url, "file_urls": list(self.media), "image_urls": list(self.media)}


def picture() -> bytes:
    """Make a small PNG."""
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    return data.getvalue()


def publish(site: Site) -> tuple[str, ...]:
    """Put four pictures on a site that reserves three of them."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED)
    more: dict[str, dict[str, str]] = {"header": {"X_Robots_Tag": "noimageai"}}
    for name in NAMES:
        site.says(f"/{name}", picture(), 200, Content_Type="image/png", **more.get(name, {}))
    return tuple(site.url(f"/{name}") for name in NAMES)


async def test_files(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """In drop mode what is reserved is absent from the files, also where only its header says so."""
    media = publish(site)
    crawled = await crawl(
        WithMedia, site.says("/a"), media=media, FILES_STORE=str(tmp_path / "files"),
        ITEM_PIPELINES={"scrapy.pipelines.files.FilesPipeline": 1},
    )  # fmt: skip
    (item,) = crawled.items
    assert [file["url"] for file in item["files"]] == [media[0]]
    assert (site.times("/closed"), site.times("/reserved"), site.times("/header")) == (0, 0, 1)
    lines = {line["url"]: line for line in crawled.lines if line["stage"] == "media"}
    assert {url: (line["outcome"], line["action"]) for url, line in lines.items()} == {
        url: ("allow", "keep") if url == media[0] else ("deny", "drop") for url in media
    }
    assert crawled.stat("optout/media/deny") == 3
    assert crawled.stat("optout/media/not_fetched") == 2
    assert crawled.stat("optout/page/allow") == 1


async def test_images_in_tag_mode(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A file carries no tag, so in tag mode a reserved one is refused as well."""
    media = publish(site)
    crawled = await crawl(
        WithMedia, site.says("/a"), media=media, IMAGES_STORE=str(tmp_path / "images"), OPTOUT_ACTION="tag",
        ITEM_PIPELINES={"scrapy.pipelines.images.ImagesPipeline": 1},
    )  # fmt: skip
    (item,) = crawled.items
    assert [image["url"] for image in item["images"]] == [media[0]]
    assert site.times("/closed") == 0
    told = sorted((line["outcome"], line["action"]) for line in crawled.lines if line["stage"] == "media")
    assert told == [("allow", "tag"), ("deny", "drop"), ("deny", "drop"), ("deny", "drop")]


async def test_redirected_file(site: Site, crawl: Crawls, tmp_path: Path) -> None:
    """A redirected file is judged over its chain."""
    publish(site)
    site.moves("/way", "/reserved")
    crawled = await crawl(
        WithMedia, site.says("/a"), media=(site.url("/way"),), FILES_STORE=str(tmp_path / "files"),
        MEDIA_ALLOW_REDIRECTS=True, ITEM_PIPELINES={"scrapy.pipelines.files.FilesPipeline": 1},
    )  # fmt: skip
    assert crawled.items[0]["files"] == []
    assert site.times("/reserved") == 0
