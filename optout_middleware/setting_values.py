"""How the value of one setting is read, as Python or the command line gives it.

Rule of this file: pure functions; each gives the value or raises `ValueError` with what is wrong, in words that
complete "OPTOUT_NAME: ...". Which setting is read by which stands in the table of `settings`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from optout_middleware.policy import Policy
from optout_middleware.register.item_fields import check_mapping
from optout_middleware.register.model import AssetClass
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable


def boolean(value: object) -> bool:
    """Read a boolean as Scrapy's getbool does, but take no other numbers."""
    known = {"1": True, "True": True, "true": True, "0": False, "False": False, "false": False}
    if isinstance(value, (bool, int, str)) and str(value) in known:
        return known[str(value)]
    raise ValueError(f"{value!r} is neither true nor false: write True or False (1 or 0)")


def count(value: object) -> int:
    """Read a whole number from 1 on."""
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{value!r} is not a whole number from 1 on")
    return number


def seconds(value: object) -> float:
    """Read a number of seconds greater than 0."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{value!r} is not a number of seconds greater than 0")
    return number


def seconds_or_none(value: object) -> float:
    """Read a number of seconds; 0 is one, too."""
    return 0.0 if value in (0, "0") and not isinstance(value, bool) else seconds(value)


def days(value: object) -> int:
    """Read a whole number of days; 0 is one, too."""
    return 0 if value in (0, "0") and not isinstance(value, bool) else count(value)


def share(value: object) -> float:
    """Read a share from 0 to 1; all and none are 1 and 0."""
    known = {"all": 1.0, "none": 0.0}
    try:
        number = known[value] if isinstance(value, str) and value in known else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise ValueError(f"{value!r} is neither all nor none, nor a share from 0 to 1")
    return number


def listed(value: object) -> tuple[Any, ...]:
    """Read a list, from the command line one with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise ValueError(f"{value!r} is not a list: give a list, or names with commas between them")


def names(value: object) -> tuple[str, ...]:
    """Read a list of names."""
    found = listed(value)
    if not all(isinstance(name, str) and name for name in found):
        raise ValueError(f"{value!r} is not a list of names")
    return found


def back_off(value: object) -> tuple[float, ...]:
    """Read a list of pauses in seconds."""
    return tuple(seconds(pause) for pause in listed(value))


def text(value: object) -> str:
    """Read a text, without the space around it."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - one kind of error for every reader
    return value.strip()


def path(value: object) -> str:
    """Read a path as text."""
    return text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def filled(read: Callable[[object], str]) -> Callable[[object], str]:
    """Make a reader that refuses an empty text."""

    def read_filled(value: object) -> str:
        found = read(value)
        if not found:
            raise ValueError("it is empty: give it a value, or leave it unset for the default")
        return found

    return read_filled


def contact_url(value: object) -> str:
    """Read a URL that may stand in User-Agent."""
    url = text(value)
    # It stands in a comment of User-Agent (RFC 9110 section 5.6.5), where these would end it or need quoting.
    if url and (
        not url.startswith(("http://", "https://", "mailto:"))
        or not (url.isascii() and url.isprintable())
        or set(url) & set(' ()\\"')
    ):
        raise ValueError(f"{value!r} is not an http, https or mailto URL without spaces, brackets and quotes")
    return url


def action(value: object) -> str:
    """Read what is done with denied and pending items."""
    if value not in ("drop", "tag"):
        raise ValueError(f"{value!r} is unknown: choose one of drop, tag")
    return str(value)


def mapping(value: object) -> dict[str, Any]:
    """Read a mapping, from the command line one in JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not a mapping: give a dict, or an object in JSON")  # noqa: TRY004 - as above
    return {str(name): dict(row) if isinstance(row, Mapping) else row for name, row in value.items()}


def of_policy(field: str, read: Callable[[object], Any]) -> Callable[[object], Any]:
    """Make a reader that asks the policy about this one field, so that its refusal names this one setting."""

    def read_checked(value: object) -> Any:
        return getattr(Policy(**{"product_token": "Any", field: read(value)}), field)

    return read_checked


def item_fields(value: object) -> Mapping[str, str]:
    """Read a mapping of credits to fields of items."""
    fields = mapping(value)
    try:
        check_mapping(fields)
    except OptOutError as error:
        raise ValueError(str(error)) from None
    return MappingProxyType(fields)


def markers(value: object) -> str:
    """Read what of a page is read for credits."""
    if value not in ("json-ld", "all"):
        raise ValueError(f"{value!r} is unknown: choose one of json-ld, all")
    return str(value)


def class_domains(value: object) -> Mapping[str, str]:
    """Read a mapping of domains to classes of assets."""
    domains = mapping(value)
    choices = [name.value for name in AssetClass]
    for domain, name in domains.items():
        if name not in choices:
            raise ValueError(f"{domain} is of class {name!r}: choose one of {', '.join(choices)}")
    return MappingProxyType(domains)
