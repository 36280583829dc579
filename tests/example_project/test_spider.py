"""`scrapy crawl corpus` without run.py, and without the add-on: the spider alone.

Rule of this file: real crawls in a subprocess, over loopback only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .conftest import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from web.server import SmallWeb


def crawl(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Crawl with proxies in the environment that lead nowhere."""
    nowhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy"), "http://127.0.0.1:9")
    values = {
        "ADDONS": "{}",
        "DOWNLOAD_DELAY": "0",
        "CONCURRENT_REQUESTS_PER_DOMAIN": "8",
        "FILES_STORE": str(tmp_path / "images"),
        "FEEDS": json.dumps({str(tmp_path / "corpus.jsonl"): {"format": "jsonlines"}}),
    }
    settings = [word for name, value in values.items() for word in ("-s", f"{name}={value}")]
    return subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "corpus", *settings, *arguments],
        cwd=EXAMPLE,
        env={**os.environ, **nowhere, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def items(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "corpus.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (None, "corpus: nothing to crawl. Give -a seeds=FILE (one URL a line), or run python run.py"),
        ("", "no URL in it; write one absolute URL a line"),
        ("# a comment\nlantern-walks.example\n", "'lantern-walks.example' is no http(s) URL"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, seeds: str | None, said: str) -> None:
    path = tmp_path / "seeds.txt"
    if seeds is not None:
        path.write_text(seeds, "utf-8")
    run = crawl(tmp_path, *([] if seeds is None else ["-a", f"seeds={path}"]))
    assert run.returncode == 1
    assert said in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_missing_seeds_file_is_one_line(tmp_path: Path) -> None:
    run = crawl(tmp_path, "-a", f"seeds={tmp_path / 'none.txt'}")
    assert run.returncode == 1
    assert "No such file or directory" in run.stderr.splitlines()[-1]


def test_seeds_are_followed_on_their_hosts_only(tmp_path: Path, web: SmallWeb) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("# two sites\nhttp://lantern-walks.example/  # a blog\n\nhttp://night-gazette.example/\n", "utf-8")
    run = crawl(tmp_path, "-a", f"seeds={seeds}", "-s", f"SMALL_WEB_PROXY={web.proxy}")
    assert run.returncode == 0, run.stderr
    found = items(tmp_path)
    assert len(found) == 14 + 12
    assert {str(item["url"]).split("/")[2] for item in found} == {
        "lantern-walks.example",
        "night-gazette.example",
    }
    assert {item["language"] for item in found} == {"en", "de", "fr"}
    vell = next(item for item in found if item["title"] == "Vell - Lantern Walks")
    assert "eleven clock towers" in str(vell["text"])
    assert "Elsewhere" not in str(vell["text"])
    assert "image_urls" not in vell


def test_small_web_goes_through_its_proxy_whatever_the_environment_says(tmp_path: Path, web: SmallWeb) -> None:
    run = crawl(tmp_path, "-a", "images=1", "-s", f"SMALL_WEB_PROXY={web.proxy}", "-s", "DEPTH_LIMIT=2")
    assert run.returncode == 0, run.stderr
    found = items(tmp_path)
    urls = [item["url"] for item in found]
    assert len(urls) == len(set(urls)) == 207 - 5  # all pages but those that robots.txt closes to ExampleCorpusBot
    room = next(item for item in found if item["url"] == "http://tidewater-gallery.example/rooms/the-attic.html")
    assert len(room["images"]) == 2  # type: ignore[arg-type]
    assert all(asked.user_agent.startswith("ExampleCorpusBot/") for asked in web.asked[-50:])
