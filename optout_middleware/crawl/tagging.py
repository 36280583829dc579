"""The tag: the decision in one field of an item, whatever type the item is.

Rule of this file: it changes items and decides nothing. An item that takes no change is copied with the field set; one
that cannot take the field at all raises `UntaggableError`, whatever its own code raised.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter

from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    from optout_middleware.terms import Decision, Reason


class UntaggableError(OptOutError):
    """An item's type cannot take the field; the message names the type and the remedy."""


def tag_of(decision: Decision, line: str) -> dict[str, Any]:
    """Give the tag of a decision: small, of JSON values, the same names in every version.

    Args:
        decision: what was decided.
        line: where the audit log has it in full: "RUN-WRITER:SEQ", file name and sequence number.
    """
    return {
        "outcome": decision.outcome.value,
        "conditions": list(decision.conditions),
        "reasons": list(dict.fromkeys(_short(reason) for reason in decision.reasons)),
        "audit": line,
    }


def tagged(item: Any, field: str, tag: dict[str, Any]) -> Any:
    """Give the item with the tag in the field: the item itself, or a changed copy of one that is frozen.

    Raises:
        UntaggableError: its type has no such field, or refuses it.
    """
    try:
        has_field = isinstance(item, dict) or field in ItemAdapter(item).field_names()
        changed = _with_field(item, field, tag) if has_field else None
    except Exception as error:  # noqa: BLE001 - an item's class may be any code of the project
        raise UntaggableError(f"{_remedy(item, field)} ({type(error).__name__}: {error})") from None
    if not has_field:
        raise UntaggableError(_remedy(item, field))
    return changed


def _with_field(item: Any, field: str, tag: dict[str, Any]) -> Any:
    try:
        ItemAdapter(item)[field] = tag
    except AttributeError:  # what attrs and dataclasses raise where the class is frozen
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return dataclasses.replace(item, **{field: tag})
        import attrs  # noqa: PLC0415 - the item is one of attrs, so it is installed

        return attrs.evolve(item, **{field: tag})
    except ValueError as error:
        if not hasattr(item, "model_copy") or not _says_frozen(error):
            raise
        return item.model_copy(update={field: tag})
    return item


def _says_frozen(error: ValueError) -> bool:
    """Tell whether a pydantic ValidationError says that the model or the field is frozen, and nothing else."""
    told = error.errors() if hasattr(error, "errors") else []
    return bool(told) and all(str(one["type"]).startswith("frozen_") for one in told)


def _short(reason: Reason) -> str:
    said = reason.statement.signal if reason.statement else reason.location
    noted = " (noted)" if reason.outcome is Outcome.ALLOW else ""
    return f"{reason.finding}: {said}{noted}"


def _remedy(item: Any, field: str) -> str:
    cls = type(item)
    return (
        f"items of {cls.__module__}.{cls.__qualname__} cannot take the tag: give the class a field {field!r} "
        "that takes a dict, or set OPTOUT_TAG_FIELD to one that it has"
    )
