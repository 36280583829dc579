"""Identifiers: canonical forms, check digits, and where they stand in free text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.register.identifiers import (
    SCHEMES,
    find,
    ipi_base_check_digit,
    ipi_check_digits,
    iswc_check_digit,
    read,
)
from optout_middleware.register.model import Identifier
from optout_middleware.terms import OptOutError

VECTORS = json.loads(Path(__file__).with_name("identifiers.json").read_text("utf-8"))
NINE = st.text("0123456789", min_size=9, max_size=9)
DIGIT = st.integers(0, 8)


@pytest.mark.parametrize(("scheme", "text", "value"), VECTORS["valid"])
def test_valid(scheme: str, text: str, value: str) -> None:
    """What is valid is read into its canonical form, which is read into itself."""
    assert read(scheme, text) == read(scheme, value) == Identifier(scheme, value, checked=True)


@pytest.mark.parametrize(("scheme", "text", "value"), VECTORS["invalid"])
def test_invalid(scheme: str, text: str, value: str) -> None:
    """A wrong form or check digit gives an identifier that is not checked."""
    assert read(scheme, text) == Identifier(scheme, value, checked=False)


@pytest.mark.parametrize(("scheme", "text"), VECTORS["absent"])
def test_absent(scheme: str, text: str) -> None:
    """No letter or digit, or zeros alone, is no identifier, even where zeros satisfy the formula."""
    assert read(scheme, text) is None


@pytest.mark.parametrize(("text", "expected"), VECTORS["found"])
def test_find(text: str, expected: list[str]) -> None:
    """In free text a label or an unmistakable form makes an identifier; "?" marks one that fails its check."""
    shown = [f"{found.scheme}:{found.value}{'' if found.checked else '?'}" for found in find(text)]
    assert shown == expected


def test_unknown_scheme() -> None:
    """A scheme that is none is a mistake of the caller, told in one line."""
    with pytest.raises(OptOutError, match=r"'grid' is no identifier scheme; use one of iswc, ipi"):
        read("grid", "A1")


def test_long_text() -> None:
    """A text that is too long to be an identifier is none, and little of it is kept."""
    found = read("doi", "10.1000/" + "x" * 1000)
    assert found is not None
    assert not found.checked
    assert len(found.value) == 64


@given(NINE, DIGIT, st.integers(1, 9))
def test_iswc_catches_a_changed_digit(digits: str, at: int, by: int) -> None:
    """Any one digit that is changed is caught, unless place and change cancel out modulo 10 (ISO 15707)."""
    number = f"T{digits}{iswc_check_digit(digits)}"
    changed = f"{digits[:at]}{(int(digits[at]) + by) % 10}{digits[at + 1 :]}"
    found, other = read("iswc", number), read("iswc", f"T{changed}{number[-1]}")
    assert found is not None
    assert found.checked
    assert other is not None
    assert other.checked == ((at + 1) * by % 10 == 0)


@given(NINE, DIGIT, st.integers(1, 9))
def test_ipi_base_catches_a_changed_digit(digits: str, at: int, by: int) -> None:
    """The base number has the same weights, and another start value."""
    changed = f"{digits[:at]}{(int(digits[at]) + by) % 10}{digits[at + 1 :]}"
    check = ipi_base_check_digit(digits)
    assert (ipi_base_check_digit(changed) == check) == ((at + 1) * by % 10 == 0)
    assert check == str((int(iswc_check_digit(digits)) - 1) % 10)


@given(NINE, st.integers(0, 10), st.integers(1, 9))
def test_ipi_catches_every_changed_digit(digits: str, at: int, by: int) -> None:
    """No change of one digit of an IPI name number passes, besides 00 for remainder 0 and 1 (101 - 1 = 100)."""
    number = digits + ipi_check_digits(digits)
    changed = f"{number[:at]}{(int(number[at]) + by) % 10}{number[at + 1 :]}"
    found, other = read("ipi", number), read("ipi", changed)
    assert found is None if not int(digits) else found == Identifier("ipi", number)
    # Check digits 00 stand for the remainders 0 and 1, which one digit may lead to from each other.
    assert other is None or not other.checked or changed[9:] == number[9:] == "00"


@given(st.sampled_from(SCHEMES), st.text())
def test_nothing_raises(scheme: str, text: str) -> None:
    """Any text is an identifier, a doubtful one, or none."""
    found = read(scheme, text)
    assert found is None or (found.scheme == scheme and found.value)
    find(text)


@given(st.sampled_from(SCHEMES), st.sampled_from([text for _, text, _ in VECTORS["valid"]]), st.text(max_size=5))
def test_canonical_form_is_stable(scheme: str, text: str, more: str) -> None:
    """What was read is read as itself again."""
    found = read(scheme, text + more)
    assert found is None or not found.checked or read(scheme, found.value) == found


@given(st.lists(st.sampled_from(["ISWC ", "T-034.524.680-1", "10.1000/", "IPI", " 0", "97", "-", ".", "x", "1"])))
def test_find_gives_what_read_gives(pieces: list[str]) -> None:
    """What is found in a text is an identifier when it stands alone."""
    for found in find("".join(pieces)):
        assert not found.checked or read(found.scheme, found.value) == found
