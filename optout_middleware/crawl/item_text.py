"""How much text an item holds, and in which language: for the share that a dry run tells.

Rule of this file: pure. Text is what stands in the fields of an item as text, in lists and mappings too; a field that
is a URL and nothing else is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from itemadapter import ItemAdapter

_DEEPEST = 5  # levels of lists and mappings
_URLS = ("http://", "https://")


def octets_of_text(item: Any) -> int:
    """Give the octets that the text of an item takes in UTF-8; 0 where it is no item."""
    return _octets(dict(ItemAdapter(item)), 0) if ItemAdapter.is_item(item) else 0


def language_of(item: Any, field: str) -> str:
    """Give what a field of an item says of its language; empty = it has none, or not as text."""
    if not field or not ItemAdapter.is_item(item):
        return ""
    value = ItemAdapter(item).get(field)
    return value.strip().lower() if isinstance(value, str) else ""


def _octets(value: Any, depth: int) -> int:
    if isinstance(value, str):
        is_url = value.startswith(_URLS) and not any(map(str.isspace, value))
        return 0 if is_url else len(value.encode("utf-8", "surrogatepass"))
    if depth >= _DEEPEST:
        return 0
    if isinstance(value, Mapping):
        return sum(_octets(below, depth + 1) for below in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return sum(_octets(below, depth + 1) for below in value)
    return 0
