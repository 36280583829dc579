"""Lists of excluded sites: what they close, and how a mistake in one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optout_middleware.register.excluded import ExcludedSites
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "# source: Watch Example\n# date: 2026-11-01\n"


def sites(tmp_path: Path, *texts: str) -> ExcludedSites:
    """Write and read lists."""
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"list{number}.txt"
        path.write_bytes(text.encode())
        paths.append(str(path))
    return ExcludedSites.read(paths)


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("https://pirate.example/a", True),
        ("http://PIRATE.example:8080/a?b", True),
        ("https://cdn.deep.pirate.example/", True),
        ("https://notpirate.example/", False),
        ("https://example/", False),
        ("https://bücher.example/", True),
        ("https://xn--bcher-kva.example/", True),
        ("https://mirror.example/x", True),
        ("data:text/plain,pirate.example", False),
        ("", False),
    ],
)
def test_a_list_closes_its_domains_and_what_is_below(tmp_path: Path, url: str, listed: bool) -> None:
    """In any case, with or without a port, by any spelling of the name."""
    text = f"{HEAD}\n# a comment\npirate.example  # why\n*.bücher.example\nhttps://mirror.example/some/page\n"
    assert sites(tmp_path, text).listed(url) == ("Watch Example, 2026-11-01" if listed else "")


def test_no_list_closes_nothing() -> None:
    """Without the setting there is nothing to look at."""
    assert ExcludedSites.read([]).listed("https://pirate.example/") == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# date: 2026-11-01\na.example\n", "has no source"),
        ("# source: Watch Example\na.example\n", "has no date"),
        (HEAD, "names no site"),
        (f"{HEAD}not a domain\n", "line 3: 'not a domain' is no domain"),
        (f"{HEAD}com\n", "line 3: 'com' is no domain"),
        (f"{HEAD}http://[::1\n", "line 3"),
    ],
)
def test_mistakes_in_a_list(tmp_path: Path, text: str, message: str) -> None:
    """One line: which list, which line, what to do."""
    with pytest.raises(OptOutError, match=message) as caught:
        sites(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Nothing is crawled on the strength of a list that could not be read."""
    with pytest.raises(OptOutError, match="cannot be read: No such file"):
        ExcludedSites.read([str(tmp_path / "none.txt")])
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(OptOutError, match="cannot be read"):
        ExcludedSites.read([str(tmp_path / "bytes.txt")])
