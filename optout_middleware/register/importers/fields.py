"""One field of an entry or row: from what stands in a file to a value of the model.

Rule of this file: pure functions that give a value or raise `FieldError` with the reason, in words that complete
"FIELD: ...". What is read from people is read strictly: a field that means something else than it seems to is worse
than one that is refused.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from optout_middleware.register import identifiers
from optout_middleware.register.importers.reference import society_id, territory_codes
from optout_middleware.register.model import WORLD, Identifier, Layer, PublicDomain, Strength
from optout_middleware.urls import host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

    E = TypeVar("E", bound="Enum")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}").fullmatch
_TRUE, _FALSE = ("true", "yes", "1", "y"), ("false", "no", "0", "n", "")


class FieldError(ValueError):
    """A field that cannot be read, and why."""


class Numbers(NamedTuple):
    """Identifiers as they stand in an entry: those that are valid, and those whose form or check digit is wrong."""

    valid: tuple[Identifier, ...]
    invalid: tuple[Identifier, ...]


def text(value: object) -> str:
    """Read a text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise FieldError("give a text")
    return value.strip()


def maybe_text(value: object) -> str:
    """Read a text that may be empty."""
    return "" if value is None or value == "" else text(value)


def texts(value: object) -> tuple[str, ...]:
    """Read a list of texts; none is an empty list."""
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise FieldError("give a list")
    return tuple(dict.fromkeys(text(item) for item in value))


def some_texts(value: object) -> tuple[str, ...]:
    """Read a list of at least one text."""
    found = texts(value)
    if not found:
        raise FieldError("give a list of at least one")
    return found


def flag(value: object) -> bool:
    """Read yes or no."""
    if isinstance(value, bool):
        return value
    lowered = value.strip().lower() if isinstance(value, str) else None
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise FieldError(f"{value!r} is neither true nor false")


def year(value: object) -> int:
    """Read a year."""
    shown = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{3,4}", shown, re.ASCII):
        raise FieldError(f"{value!r} is no year")
    return int(shown)


def share(value: object) -> float:
    """Read a share from 0 to 1."""
    try:
        found = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise FieldError(f"{value!r} is no share from 0 to 1")
    return found


def day(value: object) -> date:
    """Read a day, as 2023-10-12."""
    shown = str(value).strip()
    if not _DAY(shown):
        raise FieldError(f"{value!r} is no day: write it as 2023-10-12")
    try:
        return date.fromisoformat(shown)
    except ValueError as error:
        raise FieldError(f"{value!r} is no day: {error}") from None


def maybe_day(value: object) -> date | None:
    """Read a day that may be unknown."""
    return None if value is None or value == "" else day(value)


def moment(value: object) -> datetime:
    """Read a moment in ISO 8601 with its time zone; a day alone is its beginning, in UTC."""
    shown = str(value).strip()
    if _DAY(shown):
        found = day(shown)
        return datetime(found.year, found.month, found.day, tzinfo=timezone.utc)
    try:
        read = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", shown))
    except ValueError:
        raise FieldError(f"{value!r} is no time: write it as 2023-10-12 or 2023-10-12T08:00:00+00:00") from None
    if read.utcoffset() is None:
        raise FieldError(f"{value!r} has no time zone: write +00:00 after it")
    return read


def one_of(*words: str) -> Callable[[object], str]:
    """Make a reader that takes one of the words."""

    def read(value: object) -> str:
        if value not in words:
            raise FieldError(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return read


def some_of(*words: str) -> Callable[[object], tuple[str, ...]]:
    """Make a reader that takes a list of such words, at least one."""
    one = one_of(*words)
    return lambda value: tuple(one(item) for item in some_texts(value))


def word(kind: type[E]) -> Callable[[object], E]:
    """Make a reader that takes a word of a vocabulary."""
    choices = {str(member.value): member for member in kind}

    def read(value: object) -> E:
        found = choices.get(str(value))
        if found is None:
            raise FieldError(f"{value!r} is none of {', '.join(choices)}")
        return found

    return read


def words(kind: type[E]) -> Callable[[object], tuple[E, ...]]:
    """Make a reader that takes a list of such words."""
    one = word(kind)
    return lambda value: tuple(one(item) for item in texts(value))


def society(value: object) -> str:
    """Read a society: its CISAC code, or its id in the register."""
    shown = text(value)
    if shown.isascii() and shown.isdigit():
        found = society_id(shown)
        if found is None:
            raise FieldError(f"{shown!r} stands for no society")
        return found
    return shown


def territories(value: object) -> tuple[str, ...]:
    """Read a list of territories: ISO 3166 codes, EU or WORLD."""
    found = texts(value)
    if unknown := [name for name in found if name not in territory_codes()]:
        raise FieldError(f"{unknown[0]!r} is no territory: write ISO 3166 codes of two letters, EU or {WORLD}")
    return found or (WORLD,)


def domain(value: object) -> str:
    """Read a domain, without scheme and path."""
    shown = text(value).lower().rstrip(".")
    if not shown.isascii():
        shown = host_of(origin_of(f"http://{shown}") or "")
    if not _DOMAIN(shown):
        raise FieldError(f"{value!r} is no domain: write it as example.org")
    return shown


def url(value: object) -> str:
    """Read an absolute URL of a site."""
    shown = text(value)
    if origin_of(shown) is None or any(sign.isspace() for sign in shown):
        raise FieldError(f"{value!r} is no http(s) URL")
    return shown


def domain_or_url(value: object) -> str:
    """Read a domain or an absolute URL prefix."""
    return url(value) if "://" in str(value) else domain(value)


def maybe_scope(value: object) -> str:
    """Read a domain or URL prefix that may be empty = everywhere."""
    return "" if value is None or value == "" else domain_or_url(value)


def domains(value: object) -> tuple[str, ...]:
    """Read a list of domains."""
    return tuple(domain(item) for item in texts(value))


def scopes(value: object) -> tuple[str, ...]:
    """Read a list of domains and URL prefixes."""
    return tuple(domain_or_url(item) for item in texts(value))


def numbers(value: object) -> Numbers:
    """Read identifiers: a mapping of their scheme to one of them or a list."""
    if value is None:
        return Numbers((), ())
    if not isinstance(value, dict):
        raise FieldError("give a mapping, as {iswc: T-034.524.680-1}")
    valid: list[Identifier] = []
    invalid: list[Identifier] = []
    for scheme, written in value.items():
        if scheme not in identifiers.SCHEMES:
            raise FieldError(f"{scheme!r} is no scheme: choose out of {', '.join(identifiers.SCHEMES)}")
        for one in written if isinstance(written, (list, tuple)) else [written]:
            found = identifiers.read(scheme, text(one))
            if found is not None:
                (valid if found.checked else invalid).append(found)
    return Numbers(tuple(dict.fromkeys(valid)), tuple(invalid))


def strengths(value: object) -> tuple[tuple[str, Strength], ...]:
    """Read how a form stands in law, state by state, as {DE: contested}."""
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise FieldError("give a mapping, as {DE: contested}")
    read = word(Strength)
    return tuple((territories([state])[0], read(strength)) for state, strength in value.items())


def public_domain(value: object) -> tuple[PublicDomain, ...]:
    """Read where and from when on layers of a work are free, each with its evidence."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise FieldError("give a list")
    return tuple(_free(item) for item in value)


def _free(value: Any) -> PublicDomain:
    wanted = {"territory", "layer", "free_from", "evidence"}
    if not isinstance(value, dict) or set(value) != wanted:
        raise FieldError(f"give exactly {', '.join(sorted(wanted))} for each")
    return PublicDomain(
        territories([value["territory"]])[0],
        word(Layer)(value["layer"]),
        day(value["free_from"]),
        text(value["evidence"]),
    )
