"""The columns of a record that a re-check reads, by whatever name a corpus has them.

Rule of this file: pure. `RECORDS` is the one form in which records are decided about; what cannot be read as what a
column is, counts as not there, except a URL: a record without one is decided about as such, never skipped.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from optout_middleware.corpus.warc_records import date_of
from optout_middleware.terms import OptOutError

_MOMENT = pa.timestamp("us", "UTC")
# Microseconds since 1970 of the years that Python knows.
_FIRST = int(datetime(1, 1, 1, tzinfo=timezone.utc).timestamp()) * 1_000_000
_LAST = int(datetime(9999, 12, 31, tzinfo=timezone.utc).timestamp()) * 1_000_000
# As they are; and escaped, in text of text.
_LINE_ENDS, _ESCAPED_ENDS = re.compile(r"\r\n|\n|\r"), re.compile(r"\\r\\n|\\n")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 section 5.6.2
_MILLISECONDS = 10**11  # a date in seconds that is larger is one in milliseconds: in seconds it would be the year 5138
HEADERS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
RECORDS = pa.schema([
    ("record", pa.int64()),  # its number in the shard, from 0
    ("url", pa.string()),
    ("status", pa.int32()),
    ("headers", HEADERS),
    ("html", pa.binary()),
    ("text", pa.string()),
    ("title", pa.string()),
    ("writers", pa.list_(pa.string())),
    ("collected_at", _MOMENT),
    ("error", pa.string()),  # why the body is not whole
])  # fmt: skip
# Names in use for the same thing, the first that is there counts.
_RESPONSE = ("headers", "html")  # fields in which a reservation may stand
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "url": ("url", "URL", "target_uri", "warc_target_uri", "uri"),
    "status": ("status", "http_status", "status_code"),
    "headers": ("headers", "http_headers", "response_headers"),
    "html": ("html", "raw_html", "body"),
    "text": ("text", "content", "raw_content"),
    "title": ("title",),
    "writers": ("writers", "writer", "authors", "author"),
    "collected_at": ("collected_at", "fetched_at", "fetch_time", "crawled_at", "warc_date", "date", "timestamp"),
})  # fmt: skip


def chosen(present: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Give the column of each field that is there.

    Args:
        present: names of the columns.
        named: field -> column, where the user says which one.

    Raises:
        OptOutError: a field or column that is not there, or is there twice.
    """
    check_fields(named)
    for column in named.values():
        if column not in present:
            raise OptOutError(f"there is no column {column!r}: there are {', '.join(present[:20])}")
    found = {field: next((name for name in names if name in present), "") for field, names in NAMES.items()}
    made = {field: column for field, column in {**found, **named}.items() if column}
    if twice := next((column for column in made.values() if present.count(column) > 1), None):
        raise OptOutError(f"there are two columns {twice!r}: nobody can tell which of them counts")
    return made


def check_fields(named: Mapping[str, str]) -> None:
    """Check that a mapping names fields of a record.

    Raises:
        OptOutError: it names something else.
    """
    if unknown := [field for field in named if field not in NAMES]:
        raise OptOutError(f"{unknown[0]!r} is no field of a record: choose out of {', '.join(NAMES)}")


def normalised(batch: Any, named: Mapping[str, str], first: int = 0) -> Any:
    """Give an Arrow record batch of any corpus in the form of `RECORDS`.

    Args:
        batch: a `pyarrow.RecordBatch`.
        named: field -> column, as `chosen` gives it.
        first: the number of its first record.
    """
    size, odd = batch.num_rows, dict[int, str]()
    arrays = []
    for field in RECORDS:
        if field.name == "record":
            arrays.append(pa.array(range(first, first + size), pa.int64()))
        elif field.name == "error":
            arrays.append(pa.array([odd.get(number) for number in range(size)], pa.string()))
        elif field.name in named:
            arrays.append(_array(field, batch.column(batch.schema.get_field_index(named[field.name])), odd))
        else:
            arrays.append(pa.nulls(size, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def of_values(rows: Sequence[Mapping[str, Any]], named: Mapping[str, str], first: int) -> Any:
    """Give rows of JSON values in the form of `RECORDS`; they need not have the same columns."""
    odd = dict[int, str]()
    arrays = []
    for field in RECORDS:
        if field.name == "record":
            arrays.append(pa.array(range(first, first + len(rows)), pa.int64()))
            continue
        if field.name == "error":
            arrays.append(pa.array([odd.get(number) for number in range(len(rows))], pa.string()))
            continue
        column = (named[field.name],) if field.name in named else NAMES.get(field.name, ())
        values = [next((row[name] for name in column if row.get(name) is not None), None) for row in rows]
        arrays.append(pa.array(_read(field.name, values, odd), field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def _read(field: str, values: Sequence[Any], odd: dict[int, str]) -> list[Any]:
    """Read the values of a field; where a record carries a response that nobody can read, `odd` says so by its place.

    What it says may reserve, so such a record is one whose response is not whole.
    """
    found = []
    for number, value in enumerate(values):
        found.append(_READ[field](value))
        if found[-1] is None and value is not None and field in _RESPONSE:
            odd[number] = f"{field} of the record cannot be read"
    return found


def _array(field: Any, column: Any, odd: dict[int, str]) -> Any:
    """Cast a column where Arrow can without loss, else read it value by value."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type) and field.type == _MOMENT:
        return _moments(column)
    if column.type == field.type:
        return column
    if field.name in ("url", "text", "title") and pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    return pa.array(_read(field.name, _values(column), odd), field.type)


def _moments(column: Any) -> Any:
    """Read dates and times of any unit; without a zone they are UTC, and one that Python does not know is none."""
    try:
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("s" if pa.types.is_date32(column.type) else "ms"))
        is_finer = pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        found = column.cast(_MOMENT, safe=not is_finer)
    except pa.ArrowException:
        return pa.array([_time(value) for value in _values(column)], _MOMENT)
    number = found.cast(pa.int64())
    is_known = pc.and_(pc.greater_equal(number, _FIRST), pc.less(number, _LAST))
    return pc.if_else(is_known, found, pa.scalar(None, _MOMENT))


def _values(column: Any) -> list[Any]:
    """Give the values of a column; one that Python has no value for is none."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_value(one) for one in column]


def _value(one: Any) -> Any:
    try:
        return one.as_py()
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _octets(value: Any) -> bytes | None:
    return value.encode("utf-8", "replace") if isinstance(value, str) else value if isinstance(value, bytes) else None


def _names(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [part for part in value.replace("|", ";").split(";") if part.strip()]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [text for one in value if (text := _text(one))]
    return None


def _number(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():  # a column of which some are missing
        value = int(value)
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdecimal() else None  # noqa: PLR2004 - a status


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        return date_of(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return date_of(str(value)) or _since_1970(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    return None


def _since_1970(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _headers(value: Any) -> list[dict[str, str]] | None:
    """Read headers: a mapping, a list of pairs or of lines, text of any of these, or the head of a response as text.

    Text may be JSON, or as Python writes a value. None = nobody can tell what they say.
    """
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        value = _value_of(value)
    if isinstance(value, str):
        ends = _LINE_ENDS if _LINE_ENDS.search(value) else _ESCAPED_ENDS
        value = [line for line in ends.split(value) if line.strip()]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence):
        return None
    found: list[dict[str, str]] = []
    for one in value:
        pairs = _line(one) if isinstance(one, str) else _pairs(one)
        if pairs is None:
            return None
        found += pairs
    return found if found or not value else None


def _value_of(text: str) -> Any:
    """Give the value that a text is of; the text itself where it is of none."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return _value_of(value) if isinstance(value, str) and value != text else value
    return text


def _line(line: str) -> list[dict[str, str]] | None:
    """Read one line of a head; one without a colon, as a status line, says nothing."""
    name, colon, value = line.removeprefix(":").partition(":")
    if not colon:
        return []
    return [{"name": name.strip().lower(), "value": _text(value.strip()) or ""}] if _TOKEN(name.strip()) else None


def _pairs(one: Any) -> list[dict[str, str]] | None:
    if isinstance(one, Mapping) and "name" not in one:
        pairs = [_pairs(pair) for pair in one.items()]
        return None if None in pairs else [pair for found in pairs for pair in found or ()]
    if isinstance(one, Mapping):
        one = (one.get("name"), one.get("value"))
    if not isinstance(one, Sequence) or isinstance(one, (str, bytes)) or len(one) != 2:  # noqa: PLR2004 - a pair
        return None
    name, values = _text(one[0]) or "", one[1] if isinstance(one[1], list) else [one[1]]
    texts = [_text(value) or "" if isinstance(value, bytes) else str(value) for value in values if value is not None]
    return [{"name": name.strip().lower(), "value": _text(text.strip()) or ""} for text in texts if name]


_READ = {
    "url": _text, "text": _text, "title": _text, "error": _text, "html": _octets, "writers": _names,
    "status": _number, "collected_at": _time, "headers": _headers,
}  # fmt: skip
