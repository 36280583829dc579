"""Rows of a training set for a summary: JSON Lines or Parquet with a column `url`, streamed.

Rule of this file: it reads what a summary counts and nothing else; a row without a URL is given as such, never skipped.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Names of columns in use for the same thing, the first that is there counts.
_SIZES = ("size", "bytes", "n_bytes", "length")
_TEXTS = ("text", "content", "raw_content")
_TOKENS = ("tokens", "token_count", "n_tokens")
_MEDIA_TYPES = ("media_type", "mime_type", "content_type", "mime")
_COLUMNS = ("url", *_SIZES, *_TEXTS, *_TOKENS, *_MEDIA_TYPES)
_BATCH = 4_096


class Row(NamedTuple):
    """One row: its URL (empty = none), octets and tokens (None = not known), and media type (empty = not known)."""

    url: str
    octets: int | None
    tokens: int | None
    media_type: str


def rows(path: str) -> Iterator[Row]:
    """Give the rows of a file.

    Args:
        path: of a file that ends with .parquet, .jsonl, .json, .ndjson, or one of the latter with .gz.

    Raises:
        OptOutError: it cannot be read, has no column `url`, or a line is no JSON object.
    """
    read = _parquet if path.endswith(".parquet") else _json_lines
    seen = False
    try:
        for values in read(path):
            seen = seen or "url" in values
            yield _row(values)
    except OSError as error:
        raise OptOutError(f"corpus {path} cannot be read: {error.strerror or error}") from None
    if not seen:
        raise OptOutError(f"corpus {path} has no column 'url': a summary counts by URL and domain")


def _row(values: Mapping[str, Any]) -> Row:
    octets = _number(values, _SIZES)
    text = next((values[name] for name in _TEXTS if isinstance(values.get(name), str)), None)
    if octets is None and text is not None:
        octets = len(text.encode("utf-8", "surrogatepass"))
    media_type = next((values[name] for name in _MEDIA_TYPES if isinstance(values.get(name), str)), "")
    if not media_type and text is not None:
        media_type = "text/plain"
    url = values.get("url")
    return Row(url if isinstance(url, str) else "", octets, _number(values, _TOKENS), media_type.partition(";")[0])


def _number(values: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = (values[name] for name in names if isinstance(values.get(name), int))
    return next(found, None)


def _json_lines(path: str) -> Iterator[Mapping[str, Any]]:
    file = Path(path)
    with gzip.open(file, "rb") if path.endswith(".gz") else file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                said = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise OptOutError(f"corpus {path}, line {number}: no JSON: {error}") from None
            if not isinstance(said, dict):
                raise OptOutError(f"corpus {path}, line {number}: no JSON object")
            yield said


def _parquet(path: str) -> Iterator[Mapping[str, Any]]:
    try:
        from pyarrow import ArrowException  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:
        raise OptOutError("Parquet needs pyarrow: pip install 'optout-middleware[corpus]'") from None
    try:
        with ParquetFile(path) as file:
            names = [name for name in _COLUMNS if name in file.schema_arrow.names]
            for batch in file.iter_batches(batch_size=_BATCH, columns=names):
                yield from batch.to_pylist()
    except ArrowException as error:
        raise OptOutError(f"corpus {path} is no Parquet: {error}") from None
