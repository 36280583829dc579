"""Verification: every way to tamper with every file of a directory is found, and named."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit import writer as audit_writer
from optout_middleware.audit.chain import NOTHING_BEFORE, digest
from optout_middleware.audit.chain_check import Link, faults
from optout_middleware.audit.manifest import pretty, seal_of
from optout_middleware.audit.redaction import Request, redact
from optout_middleware.audit.signing import private_key, public_key
from optout_middleware.audit.verify import Verdict, verify
from optout_middleware.terms import OptOutError

from .log_files import AT, FIRST, SECOND, THIRD, manifest, started, stored, written

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
PACKED = f"{FIRST}-spider-000001.jsonl.gz"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with runs of several segments, a signed one, personal values and a redaction."""
    directory = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_writer, "SEGMENT_BYTES", 4_000)
        written(directory, count=4)
    written(directory, SECOND, key=str(keys(directory.parent)[0]))
    redact(str(directory), Request("Dan Officer", "asked for"), match="bob", now=lambda: AT)
    assert verify([str(directory)]).findings == ()
    return directory


def keys(directory: Path, name: str = "key") -> tuple[Path, Path]:
    """Write a pair of keys as openssl does; give the files of the private and of the public one."""
    private, public = directory / f"{name}.pem", directory / f"{name}.pub"
    if not private.exists():
        key = Ed25519PrivateKey.generate()
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def found(directory: Path, **more: Any) -> list[tuple[str, int, str]]:
    """Give file, line and kind of all findings."""
    findings = verify([str(directory)], **more).findings
    return [(Path(finding.file).name, finding.line, finding.kind) for finding in findings]


def packed_again(directory: Path, change: Callable[[list[bytes]], list[bytes]], number: int = 1) -> None:
    """Change the lines of a segment."""
    rows = change(stored(directory, number=number))
    (directory / f"{FIRST}-spider-{number:06d}.jsonl.gz").write_bytes(gzip.compress(b"".join(rows)))


def test_directory_as_written_is_intact(whole: Path) -> None:
    """All kinds of files are covered, and what was removed is told."""
    verdict = verify([str(whole)])
    assert (verdict.is_intact, verdict.runs, verdict.findings) == (True, 3, ())
    assert verdict.lines > 30
    (note,) = verdict.notes
    assert "removed on 2026-11-24 by Dan Officer: asked for" in note


@given(st.data())
def test_any_octet_of_any_file_counts(whole: Path, data: st.DataObject) -> None:
    """Flipping one bit anywhere, in seals, signatures, compressed files and what stands beside them, is found."""
    path = data.draw(st.sampled_from(sorted(whole.iterdir())))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(bytes(changed))
        assert not verify([str(whole)]).is_intact
    finally:
        path.write_bytes(before)


def test_every_octet_of_what_is_beside_the_chain_counts(whole: Path) -> None:
    """Every third octet of seals and of personal values, by the bit that tells upper case from lower."""
    for path in whole.iterdir():
        if path.suffix in (".personal", ".sha256"):
            before = path.read_bytes()
            for place in range(0, len(before), 3):
                path.write_bytes(before[:place] + bytes((before[place] ^ 0x20,)) + before[place + 1 :])
                assert not verify([str(whole)]).is_intact, (path.name, place)
            path.write_bytes(before)


def test_any_file_that_is_gone_is_missed(whole: Path, tmp_path: Path) -> None:
    """Each file of the directory, the manifests of earlier runs too."""
    for path in sorted(whole.iterdir()):
        copy = tmp_path / path.name
        shutil.copytree(whole, copy)
        (copy / path.name).unlink()
        assert not verify([str(copy)]).is_intact, path.name


def test_file_that_nobody_names_is_named(tmp_path: Path) -> None:
    """Also below a folder, and one that looks like a log."""
    written(tmp_path)
    (tmp_path / "notes").mkdir()
    for name in ("notes/a.txt", "x.jsonl", f"{FIRST}-spider-000002.jsonl.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"{}\n"))
    unknown = {finding.file for finding in verify([str(tmp_path)]).findings if finding.kind == "unknown"}
    assert unknown == {f"{tmp_path}/{name}" for name in ("notes/a.txt", "x.jsonl", f"{FIRST}-spider-000002.jsonl.gz")}


def altered(row: bytes) -> bytes:
    """Alter a line so that it is still one."""
    return row.replace(b'"time":"2026', b'"time":"2027')


@pytest.mark.parametrize("line", [1, 4, 9])
def test_altered_line_is_named(tmp_path: Path, line: int) -> None:
    """The first, one in the middle, and by its place in the file."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: [*rows[: line - 1], rows[line - 1].replace(b"2026", b"2027"), *rows[line:]])
    assert found(tmp_path) == [(PACKED, line, "altered")]


def test_altered_last_line_is_named(tmp_path: Path) -> None:
    """Its hash stands in the manifest."""
    written(tmp_path)
    count = len(stored(tmp_path))
    packed_again(tmp_path, lambda rows: [*rows[:-1], altered(rows[-1])])
    assert found(tmp_path) == [(PACKED, count, "altered")]


def test_line_whose_hash_of_the_one_before_is_altered_is_named(tmp_path: Path) -> None:
    """Not its neighbours."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: [*rows[:4], rows[4].replace(b'"prev":"', b'"prev":"0', 1), *rows[5:]])
    assert found(tmp_path) == [(PACKED, 5, "altered")]


@pytest.mark.parametrize("junk", [b"{\n", b"\xff\n", b"[]\n", b'{"seq":"5"}\n', b"\n"])
def test_line_that_is_no_line_any_more_is_named(tmp_path: Path, junk: bytes) -> None:
    """What stands in its place is held for it."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: [*rows[:4], junk, *rows[5:]])
    assert (PACKED, 5, "altered") in found(tmp_path)


@pytest.mark.parametrize(("first", "last"), [(1, 1), (5, 5), (5, 7), (-1, -1)])
def test_removed_lines_are_named(tmp_path: Path, first: int, last: int) -> None:
    """At the beginning, in the middle, and at the end."""
    written(tmp_path)
    count = len(stored(tmp_path))
    first, last = (count if number == -1 else number for number in (first, last))
    packed_again(tmp_path, lambda rows: [*rows[: first - 1], *rows[last:]])
    (finding,) = (it for it in verify([str(tmp_path)]).findings if it.kind == "removed")
    assert finding.line == first
    which = f"line {first}" if first == last else f"lines {first} to {last}"
    assert finding.text == f"{which} of the log is gone"


def test_swapped_lines_are_named(tmp_path: Path) -> None:
    """The one that stands behind where it was."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]])
    assert found(tmp_path) == [(PACKED, 6, "reordered")]


def test_doubled_and_made_up_lines_are_named(tmp_path: Path) -> None:
    """A line that comes twice, and one that takes the number of another."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: [*rows[:5], rows[4], *rows[5:]])
    assert found(tmp_path) == [(PACKED, 6, "inserted")]
    written(tmp_path, SECOND)
    written(tmp_path, THIRD)
    shutil.copy(tmp_path / PACKED.replace(FIRST, SECOND), tmp_path / PACKED)
    assert {kind for _, _, kind in found(tmp_path)} >= {"altered"}


def test_line_put_in_the_middle_is_named(tmp_path: Path) -> None:
    """Whatever hash it names, the chain goes past it."""
    written(tmp_path)

    def change(rows: list[bytes]) -> list[bytes]:
        said = json.loads(rows[6])
        made = json.dumps({**said, "prev": digest(rows[5]), "url": "http://made.up/"}).encode() + b"\n"
        return [*rows[:6], made, *rows[6:]]

    packed_again(tmp_path, change)
    assert found(tmp_path) == [(PACKED, 7, "inserted")]


def rechained(rows: list[bytes], place: int) -> list[bytes]:
    """Alter a line and renew all hashes behind it."""
    made: list[bytes] = rows[:place]
    for row in rows[place:]:
        said = json.loads(row)
        if len(made) == place:
            said["time"] = "2027-01-01T00:00:00+00:00"
        before = digest(made[-1]) if made else NOTHING_BEFORE
        made.append(json.dumps({**said, "prev": before}, separators=(",", ":")).encode() + b"\n")
    return made


def test_chain_that_was_renewed_does_not_end_in_the_hash_of_the_manifest(tmp_path: Path) -> None:
    """Whoever renews all hashes cannot renew the last one without the manifest."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: rechained(rows, 4))
    (finding,) = verify([str(tmp_path)]).findings
    assert (finding.kind, finding.line) == ("altered", len(stored(tmp_path)))
    assert "or all hashes before it were renewed" in finding.text


def test_segment_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its number and writer; the others are still checked."""
    monkeypatch.setattr(audit_writer, "SEGMENT_BYTES", 3_000)
    written(tmp_path, count=6)
    name = f"{FIRST}-spider-000002.jsonl.gz"
    (tmp_path / name).unlink()
    (finding,) = (it for it in verify([str(tmp_path)]).findings if Path(it.file).name == name)
    assert (finding.kind, finding.text) == ("missing", f"segment 2 of writer spider of run {FIRST} is gone")


def test_file_that_was_compressed_again_is_named(tmp_path: Path) -> None:
    """Its lines are as they were, its octets are not."""
    written(tmp_path)
    packed_again(tmp_path, lambda rows: rows)
    (finding,) = verify([str(tmp_path)]).findings
    assert "the lines are as written, but the file around them is not" in finding.text


def test_cut_file_is_named(tmp_path: Path) -> None:
    """A compressed file that ends early."""
    written(tmp_path)
    data = (tmp_path / PACKED).read_bytes()
    (tmp_path / PACKED).write_bytes(data[: len(data) // 2])
    assert (PACKED, "unreadable") in {(name, kind) for name, _, kind in found(tmp_path)}


def test_manifest_with_a_new_seal_breaks_on_what_it_names(tmp_path: Path) -> None:
    """A number of lines, a root or a file that is not what it names is found although the seal fits."""
    written(tmp_path)
    path, before = tmp_path / f"run-{FIRST}.json", manifest(tmp_path)
    for change in ({"lines": 3}, {"root": "0" * 64}, {"first": 2}, {"last": "0" * 64}, {"sha256": "0" * 64}):
        said = json.loads(json.dumps(before))
        said["writers"][0]["segments"][0] |= change
        path.write_bytes(pretty(said))
        (tmp_path / f"{path.name}.sha256").write_bytes(seal_of(pretty(said), path.name))
        assert not verify([str(tmp_path)]).is_intact, change


def test_key_that_was_given_must_have_signed(tmp_path: Path) -> None:
    """Unsigned, signed by another, stripped of its signature: each is named; the right one is intact."""
    private, public = keys(tmp_path, "ours")
    _, other = keys(tmp_path, "other")
    audit = tmp_path / "audit"
    written(audit, key=str(private))
    ours, theirs = public_key(str(public)), public_key(str(other))
    assert found(audit, key=ours) == []
    assert found(audit, key=theirs) == [(f"run-{FIRST}.json", 0, "unsigned")]
    (audit / f"run-{FIRST}.json.sig").unlink()
    assert found(audit) == [(f"run-{FIRST}.json.sig", 0, "unsigned")]
    written(tmp_path / "plain")
    assert found(tmp_path / "plain", key=ours) == [(f"run-{FIRST}.json", 0, "unsigned")]


def test_whoever_writes_all_anew_lacks_the_key(tmp_path: Path) -> None:
    """A manifest that was changed and sealed anew does not bear its signature any more."""
    private, public = keys(tmp_path)
    audit = tmp_path / "audit"
    written(audit, key=str(private))
    said = {**manifest(audit), "started": "2026-01-01T00:00:00+00:00"}
    path = audit / f"run-{FIRST}.json"
    path.write_bytes(pretty(said))
    (audit / f"{path.name}.sha256").write_bytes(seal_of(pretty(said), path.name))
    assert found(audit, key=public_key(str(public))) == [(f"{path.name}.sig", 0, "unsigned")]


@pytest.mark.parametrize("text", [b"", b"-----BEGIN PRIVATE KEY-----\n", b"no key"])
def test_key_that_is_none_is_one_line(tmp_path: Path, text: bytes) -> None:
    """Neither the crawl nor the command goes on with it."""
    path = tmp_path / "key.pem"
    path.write_bytes(text)
    for use in (private_key, public_key):
        with pytest.raises(OptOutError, match=r"^[^\n]*key\.pem[^\n]*$"):
            use(str(path))
    with pytest.raises(OptOutError, match="OPTOUT_AUDIT_KEY"):
        started(tmp_path / "audit", key=str(path))
    assert not (tmp_path / "audit" / f"run-{FIRST}.json").exists()


def test_runs_of_the_first_format_verify_as_what_they_were(tmp_path: Path) -> None:
    """Whole logs by their hash; a changed, missing or open one is named, and beside runs of today's format too."""
    directory = tmp_path / "audit"
    shutil.copytree(DATA / "format-1", directory)
    verdict = verify([str(directory)])
    assert (verdict.is_intact, verdict.runs, verdict.lines) == (True, 2, 12)
    written(directory, SECOND)
    assert verify([str(directory)]).is_intact
    log = directory / "20261124T120000Z-000001-main.jsonl"
    log.write_bytes(log.read_bytes().replace(b"blog", b"glob"))
    assert found(directory) == [(log.name, 0, "altered")]
    log.unlink()
    assert found(directory) == [(log.name, 0, "missing")]


def test_open_run_of_the_first_format_is_named() -> None:
    """With the line that a crash tore."""
    log = "20261124T120000Z-000003-main.jsonl"
    assert found(DATA / "format-1-killed") == [("run.json", 0, "unclosed"), (log, 7, "torn")]


def test_directory_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    """A wrong name is no empty log."""
    with pytest.raises(OptOutError, match="is not there"):
        verify([str(tmp_path / "typo")])


def chain(count: int) -> list[Link]:
    """Make a chain of so many links."""
    links: list[Link] = []
    for number in range(count):
        before = links[-1].sha256 if links else NOTHING_BEFORE
        links.append(Link(number + 1, before, digest(b"%d" % number + before.encode())))
    return links


@given(st.integers(1, 30), st.data())
def test_any_other_sequence_of_lines_is_found(count: int, data: st.DataObject) -> None:
    """Whatever lines of a chain come in whatever order and number: only the chain itself is without fault."""
    links = chain(count)
    others = data.draw(st.lists(st.sampled_from(links), max_size=2 * count))
    told = list(faults(others, 1, count, NOTHING_BEFORE, links[-1].sha256))
    assert (told == []) == (others == links)
    assert all(0 <= fault.line <= max(len(others), count) + 1 for fault in told)


def test_verdict_of_nothing_is_intact() -> None:
    """No directory, nothing to find."""
    assert verify([]) == Verdict((), (), 0, 0, 0)


@given(
    st.sampled_from(("run", "schema", "closed", "sealed", "previous", "writers", "files", "public_key", "policy")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("run", "file")), inner, max_size=2)
        ),
        max_leaves=4,
    ),
)
def test_no_manifest_makes_verification_raise(tmp_path_factory: pytest.TempPathFactory, field: str, value: Any) -> None:
    """Whatever stands in it, with a seal that fits: it is a finding."""
    directory = tmp_path_factory.mktemp("any")
    written(directory, count=1)
    said = manifest(directory)
    path = directory / f"run-{FIRST}.json"
    changed = pretty({**said, field: value})
    path.write_bytes(changed)
    (directory / f"{path.name}.sha256").write_bytes(seal_of(changed, path.name))
    if field in ("schema", "run", "closed", "writers", "files") and value != said[field]:
        assert not verify([str(directory)]).is_intact
    else:
        verify([str(directory)])


@pytest.mark.parametrize("change", [{"values": 7}, {"files": [[]]}, {"values": [{}]}, {"by": 5}, {"what": None}])
def test_redaction_that_is_none_removes_nothing(tmp_path: Path, change: dict[str, Any]) -> None:
    """A line that only looks like one is not believed, and raises nothing."""
    log = started(tmp_path, writer="redact")
    log.write({"stage": "redaction", "by": "a", "reason": "b", "what": "c", "values": [], **change})
    log.close({})
    verdict = verify([str(tmp_path)])
    assert (verdict.findings, verdict.notes) == ((), ())
