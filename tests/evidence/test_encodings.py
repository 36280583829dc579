"""A compressed body that is cut, damaged or of an unknown coding is not whole; a whole one is undone."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.evidence.encodings import EncodingError, undone

TEXT = b"# hi there\n" * 50 + b"User-agent: *\nDisallow: /\n"
RAW = zlib.compressobj(wbits=-15)
DEFLATED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "Deflate": RAW.compress(TEXT) + RAW.flush(),  # without the zlib header, as some servers send it
}


@pytest.mark.parametrize("coding", DEFLATED)
def test_whole(coding: str) -> None:
    """What is whole is undone, and cut at the limit like any other body."""
    assert undone(DEFLATED[coding], coding, 10_000) == TEXT
    assert len(undone(DEFLATED[coding], coding, 100)) == 101


@pytest.mark.parametrize("coding", DEFLATED)
@pytest.mark.parametrize("cut", [1, 5, 30])
def test_cut(coding: str, cut: int) -> None:
    """What does not come to its end could have said no after the cut."""
    with pytest.raises(EncodingError):
        undone(DEFLATED[coding][:-cut], coding, 10_000)


def test_several_members() -> None:
    """RFC 1952 section 2.2: a gzip file may have several members, and zeros after the last."""
    assert undone(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", "gzip", 10) == b"ab"


@pytest.mark.parametrize("coding", ["br", "foo", "gzip, gzip", "compress"])
def test_unknown(coding: str) -> None:
    """A coding that is not undone leaves nothing to read."""
    with pytest.raises(EncodingError, match="is not undone"):
        undone(TEXT, coding, 10_000)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "", "identity"]))
def test_any_bytes(body: bytes, coding: str) -> None:
    """No bytes raise anything else, and the message is one line."""
    with contextlib.suppress(EncodingError):
        assert len(undone(body, coding, 1_000)) <= 1_001
