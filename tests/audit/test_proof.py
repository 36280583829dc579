"""Inclusion proofs: a single line, shown to stand in a closed log by what the proof itself holds."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.chain import Tree, leaf, path, root_of
from optout_middleware.audit.proof import check, prove, read
from optout_middleware.audit.reading import Record, records
from optout_middleware.audit.signing import public_key
from optout_middleware.terms import OptOutError

from .log_files import FIRST, made, started, written
from .test_verify import keys

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
# RFC 6962 section 2.1.3, as published test vectors of Certificate Transparency have them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def root(rows: list[bytes]) -> str:
    """Give the root over stored lines."""
    tree = Tree()
    for row in rows:
        tree.add(leaf(row))
    return tree.root()


@pytest.mark.parametrize(("size", "expected"), ROOTS.items())
def test_roots_are_those_of_certificate_transparency(size: int, expected: str) -> None:
    """The published vectors, the empty tree among them."""
    assert root([bytes.fromhex(text) for text in LEAVES[:size]]) == expected


def slow_root(rows: list[bytes]) -> bytes:
    """Compute the root as RFC 6962 section 2.1 defines it, by recursion."""
    if len(rows) == 1:
        return hashlib.sha256(b"\x00" + rows[0]).digest()
    half = 1
    while half * 2 < len(rows):
        half *= 2
    return hashlib.sha256(b"\x01" + slow_root(rows[:half]) + slow_root(rows[half:])).digest()


@given(st.integers(1, 70))
def test_every_line_has_a_path_to_the_root_and_no_other_line_has(size: int) -> None:
    """The root is that of the definition; a wrong line, place, size or path does not lead there."""
    rows = [b"%d" % number for number in range(size)]
    leaves, expected = [leaf(row) for row in rows], root(rows)
    assert expected == slow_root(rows).hex()
    for index in range(size):
        way = path(leaves, index)
        assert root_of(rows[index], index, size, way) == expected
        assert root_of(b"x", index, size, way) != expected
        assert root_of(rows[index], index, size, [*way, "00" * 32]) != expected
        assert not way or root_of(rows[index], index, size, way[:-1]) != expected
        assert size == 1 or root_of(rows[index], (index + 1) % size, size, way) != expected
    assert root_of(rows[0], size, size, []) is None
    assert root_of(rows[0], -1, size, []) is None


def test_every_line_of_a_log_can_be_proven(tmp_path: Path) -> None:
    """The proof holds the line in full, and names no page and no site but its own."""
    written(tmp_path)
    found = [row for row in records([str(tmp_path)]) if isinstance(row, Record)]
    assert len(found) == 12
    for row in found:
        proof = json.loads(json.dumps(prove([str(tmp_path)], row.id)))
        assert check(proof) == []
        assert read(proof) == row.line
        others = {other.line["url"] for other in found} - {row.line["url"]}
        lines = json.dumps([proof["line"], proof["rests_on"]])
        assert not [url for url in others if f'{url}\\"' in lines]
        hosts = {"news.example", "blog.example", "paid.example", "shop.example"} - {row.line["domain"]}
        assert not [host for host in hosts if host in lines]


def changed(proof: dict[str, Any], *way: Any, value: Any) -> dict[str, Any]:
    """Give a copy of a proof with one value changed."""
    copy: dict[str, Any] = json.loads(json.dumps(proof))
    place: Any = copy
    for part in way[:-1]:
        place = place[part]
    place[way[-1]] = value(place[way[-1]]) if callable(value) else value
    return copy


CHANGES: list[tuple[tuple[Any, ...], Any]] = [
    (("id",), lambda text: f"{text}1"),
    (("line", "text"), lambda text: text.replace("keep", "drop")),
    (("line", "index"), lambda number: number - 1),
    (("line", "path"), lambda hashes: hashes[:-1]),
    (("rests_on", 1, "text"), lambda text: text.replace("ai-train=no", "ai-train=yes")),
    (("rests_on", 0, "text"), lambda text: text.replace("spider", "spiked")),
    (("personal", 0, "value"), "Eve"),
    (("root",), "0" * 64),
    (("segment",), "other.jsonl.gz"),
    (("manifest",), lambda text: text.replace('"closed": true', '"closed": false', 1)),
    (("seal",), lambda text: text[1:]),
    (("schema",), 2),
    (("rests_on",), []),
    (("line",), None),
    (("line", "path"), ["zz"]),
    (("signature",), "zz"),
]


@pytest.mark.parametrize(("way", "value"), CHANGES, ids=lambda value: str(value)[:30])
def test_proof_that_was_changed_is_none(tmp_path: Path, way: tuple[Any, ...], value: Any) -> None:
    """Each part counts."""
    written(tmp_path)
    line = next(row for row in records([str(tmp_path)]) if isinstance(row, Record) and row.line["licences"])
    proof = prove([str(tmp_path)], line.id)
    assert check(changed(proof, *way, value=value))


@pytest.mark.parametrize("proof", [None, [], {}, "x", {"schema": 1}, 7])
def test_what_is_no_proof_is_none(proof: Any) -> None:
    """Whatever was read in its place."""
    assert check(proof)


def test_key_that_was_given_must_have_signed(tmp_path: Path) -> None:
    """By the key that the reader trusts; the signature of another, or none, is no proof."""
    private, public = keys(tmp_path, "ours")
    _, other = keys(tmp_path, "other")
    written(tmp_path / "audit", key=str(private))
    proof = prove([str(tmp_path / "audit")], f"{FIRST}-spider:3")
    assert check(proof, key=public_key(str(public))) == []
    assert check(proof, key=public_key(str(other))) == ["the manifest is not signed with the key that was given"]
    assert check({**proof, "signature": None}) == ["the signature is not of this manifest"]


@pytest.mark.parametrize(
    ("line_id", "text"),
    [
        ("nonsense", "names no line"),
        (f"{FIRST}-spider:x", "names no line"),
        (f"{FIRST}-spider:999", "no closed run"),
        (f"{FIRST}-spider:0", "no closed run"),
        (f"{FIRST}-other:2", "no closed run"),
        ("other-spider:2", "no closed run"),
    ],
)
def test_line_that_is_not_there(tmp_path: Path, line_id: str, text: str) -> None:
    """A wrong id is one line."""
    written(tmp_path)
    with pytest.raises(OptOutError, match=text):
        prove([str(tmp_path)], line_id)


def test_line_of_an_open_run_or_of_the_first_format_has_no_proof(tmp_path: Path) -> None:
    """There is no root to prove against."""
    shutil.copytree(DATA / "format-1", tmp_path / "old")
    log = started(tmp_path / "open")
    line_id = log.write(made("news.example", 1))
    for directory, name in (("open", line_id), ("old", "20261124T120000Z-000001-main:1")):
        with pytest.raises(OptOutError, match="no roots to prove against"):
            prove([str(tmp_path / directory)], name)


def damaged(change: Callable[[Path], object], directory: Path) -> None:
    """Change the segment of a log."""
    change(directory / f"{FIRST}-spider-000001.jsonl.gz")


def test_damaged_segment_proves_nothing(tmp_path: Path) -> None:
    """Cut, or with other lines than were closed."""
    written(tmp_path / "a")
    line_id = f"{FIRST}-spider:3"
    written(tmp_path / "b", count=1)
    damaged(lambda segment: segment.write_bytes(segment.read_bytes()[:-9]), tmp_path / "a")
    with pytest.raises(OptOutError, match="is damaged"):
        prove([str(tmp_path / "a")], line_id)
    other = (tmp_path / "b" / f"{FIRST}-spider-000001.jsonl.gz").read_bytes()
    damaged(lambda segment: segment.write_bytes(other), tmp_path / "a")
    with pytest.raises(OptOutError, match="is not as it was closed"):
        prove([str(tmp_path / "a")], line_id)


def test_what_cannot_be_proven_is_one_line(tmp_path: Path) -> None:
    """A line that only serves others decides nothing; without its seal a manifest proves nothing."""
    written(tmp_path)
    with pytest.raises(OptOutError, match="only serves other lines: name one that decides"):
        prove([str(tmp_path)], f"{FIRST}-spider:1")
    line_id = next(row.id for row in records([str(tmp_path)]) if isinstance(row, Record))
    for damage in (b"\xff\xfe", None):
        seal = tmp_path / f"run-{FIRST}.json.sha256"
        seal.unlink() if damage is None else seal.write_bytes(damage)
        with pytest.raises(OptOutError, match="is gone or damaged: `optout verify` says more"):
            prove([str(tmp_path)], line_id)
