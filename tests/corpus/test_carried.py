"""What records carry: headers are read in every spelling or told as unreadable, and no spelling of a URL opens any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from optout_middleware.corpus.columns import normalised, of_values
from optout_middleware.corpus.recheck import Recheck
from optout_middleware.corpus.records import batches, shards
from optout_middleware.terms import OptOutError

from . import corpora

if TYPE_CHECKING:
    from pathlib import Path

PAGE = f"{corpora.OPEN}/a"
RESERVING: list[Any] = [
    {"X-Robots-Tag": "noai"}, [["X-Robots-Tag", "noai"]], [{"name": "X-Robots-Tag", "value": "noai"}],
    [{"X-Robots-Tag": "noai"}], ["HTTP/1.1 200 OK", "X-Robots-Tag: noai"], {"X-Robots-Tag": ["all", "noai"]},
    '{"X-Robots-Tag": "noai"}', "{'X-Robots-Tag': 'noai'}", "{b'X-Robots-Tag': [b'noai']}", '"X-Robots-Tag: noai"',
    '"{\\"X-Robots-Tag\\": \\"noai\\"}"', "HTTP/1.1 200 OK\r\nX-Robots-Tag: noai\r\n\r\n",
    "X-Robots-Tag: noai\\r\\nServer: x", 'Report-To: {"a": "\\\\n x"}\nX-Robots-Tag: noai',
]  # fmt: skip
UNREADABLE: list[Any] = ['{"X-Robots-Tag": "noai"', 5, True, "no header at all", [5], [["a", "b", "c"]]]
SILENT: list[Any] = [None, "", [], {}, "[]", {"Server": "x"}, "HTTP/1.1 200 OK\r\nServer: x\r\n"]


def outcomes(records: Any) -> list[str]:
    """Decide about records by what they carry."""
    found: list[str] = Recheck(corpora.POLICY, corpora.AT)(records, corpora.sites()).columns.column(0).to_pylist()
    return found


@pytest.mark.parametrize(("headers", "outcome"), [
    *((one, "deny") for one in RESERVING), *((one, "pending") for one in UNREADABLE),
    *((one, "allow") for one in SILENT),
])  # fmt: skip
def test_headers(headers: Any, outcome: str) -> None:
    """What is read counts; what cannot be read may reserve, and so waits; what is not there says nothing."""
    assert outcomes(of_values([{"url": PAGE, "headers": headers}], {}, 0)) == [outcome]


def test_columns_of_arrow() -> None:
    """Lists of lines, and text, some of it unreadable; a record that cannot be read costs no other."""
    lines = pa.record_batch({"url": [PAGE] * 3, "headers": [["X-Robots-Tag: noai"], ["Server: x"], None]})
    text = pa.record_batch({"url": [PAGE] * 3, "headers": ["X-Robots-Tag: noai", '{"X-Robots-Tag": "noai"', "A: b"]})
    names = {"url": "url", "headers": "headers"}
    assert outcomes(normalised(lines, names)) == ["deny", "allow", "allow"]
    assert outcomes(normalised(text, names)) == ["deny", "pending", "allow"]


@pytest.mark.parametrize(("html", "outcome"), [(["<p>"], "pending"), ({"a": 1}, "pending"), ("", "allow")])
def test_html_that_is_none(html: Any, outcome: str) -> None:
    """The same for a body."""
    assert outcomes(of_values([{"url": PAGE, "html": html}], {}, 0)) == [outcome]


@pytest.mark.parametrize(("path", "outcome"), [
    ("/x/../private/q", "deny"), ("/./private/q", "deny"), ("/%2e/private/q", "deny"), ("/pri\tvate/q", "deny"),
    ("/x/%2E%2e/private/q", "deny"), ("/a:b/../private/q", "deny"), ("//../private/q?u=/..", "deny"),
    ("/private/../free", "deny"), ("/x/..private/q", "allow"), ("/free/..", "allow"),
])  # fmt: skip
def test_spellings_of_a_path(path: str, outcome: str) -> None:
    """Dot segments and control characters open nothing: what holds for the URL as it stands or resolved, holds."""
    assert outcomes(of_values([{"url": corpora.PARTLY + path}], {}, 0)) == [outcome]


def test_a_column_that_no_record_has(tmp_path: Path) -> None:
    """A name of the user's that is nowhere in a file of JSON Lines is a mistake, as it is in Parquet."""
    path = corpora.json_lines(tmp_path / "a.jsonl", [{"url": PAGE, "page": "x"}, {"url": PAGE}])
    (shard,) = shards([str(path)])
    assert len(list(batches(shard, {"html": "page"}, with_original=False))) == 1
    with pytest.raises(OptOutError, match="no record has 'pag', which --column names"):
        list(batches(shard, {"html": "pag"}, with_original=False))
