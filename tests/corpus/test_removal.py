"""`optout remove`: every format, a certificate that can be held against the files, and stops at any point."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from optout_middleware.cli import main
from optout_middleware.corpus.records import batches, shards
from optout_middleware.corpus.warc_records import records

from . import corpora
from .test_warc_streams import with_dictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SONG = " ".join(f"line {number} of a song that is reserved" for number in range(40))
NAMED, COPY, OTHER = "https://lyrics.example/song", "https://copy.example/same", "https://other.example/none"
PACKING: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": partial(gzip.compress, mtime=0), ".zst": zstandard.compress,
}  # fmt: skip
ARCHIVES = ("a.warc", "a.warc.gz", "a.warc.zst", "a.wet.gz", "a.wet.zst")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of whoever runs the tests have a part in them."""
    for name in ("OPTOUT_REGISTER", "OPTOUT_PRODUCT_TOKEN", "OPTOUT_OPERATOR"):
        monkeypatch.delenv(name, raising=False)


def stored(name: str) -> list[bytes]:
    """Give the records of an archive: what a notice names, a copy of it, and what is neither."""
    urls = {NAMED: SONG, COPY: SONG, OTHER: "words of somebody else"}
    found = [corpora.warc_record("warcinfo", "", b"software: test\r\n", "application/warc-fields")]
    for url, text in urls.items():
        if ".wet" in name:
            found.append(corpora.warc_record("conversion", url, text.encode(), "text/plain"))
            continue
        found.append(
            corpora.warc_record("request", url, b"GET / HTTP/1.1\r\n\r\n", "application/http; msgtype=request")
        )
        found.append(corpora.response(url, f"<html><body>{text}</body></html>".encode()))
        found.append(corpora.warc_record("metadata", url, b"fetchTimeMs: 3\r\n", "application/warc-fields"))
    return found


def archive(path: Path) -> Path:
    """Write an archive, each record a stream."""
    pack = PACKING[path.suffix if path.suffix in PACKING else ""]
    path.write_bytes(b"".join(map(pack, stored(path.name))))
    return path


def listed(directory: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Record a notice, look for what it hits in `corpus`, and give the manifest."""
    register, letter = str(directory / "register.sqlite"), directory / "letter.txt"
    letter.write_text("We reserve all our lyrics.")
    arguments = ["notice", "add", str(letter), "--from", "Songs Ltd", "--received", "2026-01-10", "--by", "Ada"]
    assert main([*arguments, "--domain", "lyrics.example", "--register", register, "--json"]) == 0
    notice = json.loads(capsys.readouterr().out)["id"]
    arguments = ["recheck", str(directory / "corpus"), "--out", str(directory / "out"), "--register", register]
    arguments += ["--notice", notice, "--product-token", "ExampleCorpusBot", "--workers", "1"]
    assert main(arguments) == 0
    return directory / "out" / f"removal-{notice}.json"


def names(directory: Path) -> list[str]:
    """Give the names of all that is in a directory."""
    return sorted(path.name for path in directory.iterdir())


def certificate_of(manifest: Path) -> dict[str, Any]:
    """Give the certificate of a removal."""
    made: dict[str, Any] = json.loads(manifest.with_name(f"{manifest.stem}.certificate.json").read_text())
    return made


def verified(manifest: Path, by: str = "Ada Jones") -> dict[str, Any]:
    """Hold a certificate against its manifest and the files as they are."""
    made, said = certificate_of(manifest), json.loads(manifest.read_text())
    assert made["manifest_sha256"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert (made["by"], made["notice"]) == (by, said["notice"])
    assert made["begun"] <= made["ended"]
    assert [row["file"] for row in made["files"]] == [row["file"] for row in said["files"]]
    for row, wanted in zip(made["files"], said["files"], strict=True):
        path = Path(row["file"])
        assert row["sha256_before"] == wanted["sha256"]
        assert row["sha256_after"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row["records"] == [entry["record"] for entry in wanted["records"]]
        assert row["removed"] == len(wanted["records"]) == row["records_before"] - row["records_after"]
        (shard,) = shards([str(path)])
        assert row["records_after"] == sum(batch.records.num_rows for batch in batches(shard, {}))
        assert row["ended"]
    assert made["removed"] == sum(row["removed"] for row in made["files"])
    return made


@pytest.mark.parametrize("name", ARCHIVES)
def test_records_of_an_archive_are_taken_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The named record and its copy go, with what is about them; all else is copied octet by octet."""
    (tmp_path / "corpus").mkdir()
    path = archive(tmp_path / "corpus" / name)
    manifest = listed(tmp_path, capsys)
    (entry,) = json.loads(manifest.read_text())["files"]
    assert [(row["url"], row["why"]) for row in entry["records"]] == [(NAMED, "named"), (COPY, "content")]
    assert {row["collected_at"] for row in entry["records"]} == {"2022-05-01T10:00:00+00:00"}
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    assert verified(manifest)["removed"] == 2
    pack = PACKING[path.suffix if path.suffix in PACKING else ""]
    kept = [
        record for record in stored(name) if f": {NAMED}".encode() not in record and f": {COPY}".encode() not in record
    ]
    assert path.read_bytes() == b"".join(map(pack, kept))
    assert {record.url for record in records(path)} == {"", OTHER}
    assert names(tmp_path / "corpus") == [name]


def test_an_archive_of_one_stream_and_one_with_a_dictionary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records are packed anew where they must be, and all that is kept is there."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "one.warc.gz").write_bytes(gzip.compress(b"".join(stored("a.warc"))))
    with_dictionary(tmp_path / "corpus" / "two.warc.zst", stored("a.warc"), is_packed=True)
    manifest = listed(tmp_path, capsys)
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    assert verified(manifest)["removed"] == 4
    for path in sorted((tmp_path / "corpus").iterdir()):
        assert [record.url for record in records(path)] == ["", OTHER, OTHER, OTHER]


def many(directory: Path, count: int = 6) -> None:
    """Write shards in many formats, each with something to take out."""
    (directory / "corpus").mkdir()
    for number in range(count):
        archive(directory / "corpus" / f"{number}.warc{('', '.gz', '.zst')[number % 3]}")


class _KilledError(BaseException):
    """Stands for the end of the process."""


def test_stopped_at_any_step_a_removal_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each step that can be seen from outside every file is whole, and going on ends in the same files."""
    many(tmp_path, 3)
    manifest = listed(tmp_path, capsys)
    before = {path: path.read_bytes() for path in (tmp_path / "corpus").iterdir()}
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    wanted = {path: path.read_bytes() for path in before}
    steps, is_done = 0, False
    while not is_done:
        manifest.with_name(f"{manifest.stem}.certificate.json").unlink()
        for path, octets in before.items():
            path.write_bytes(octets)
        is_done = stopped_after(steps, manifest, monkeypatch)
        assert all(path.read_bytes() in (before[path], wanted[path]) for path in before)
        assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
        assert {path: path.read_bytes() for path in before} == wanted
        verified(manifest)
        steps += 1
    assert steps > 9  # three files, each announced, renamed and marked


def stopped_after(steps: int, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Remove, and stop as a killed process does after so many renames; tell whether it came to its end."""
    left, replace = [steps], Path.replace

    def counted(path: Path, target: Path) -> Path:
        if not left[0]:
            raise _KilledError
        left[0] -= 1
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counted)
        try:
            return main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
        except _KilledError:
            return False


KILLED_AT = """
import os, signal, sys
from optout_middleware.cli import main
from optout_middleware.corpus import removing
kept, calls = removing._rewritten, iter(range(99))
def rewritten(*arguments):
    made = kept(*arguments)
    if next(calls) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return made
removing._rewritten = rewritten
sys.exit(main(sys.argv[2:]))
"""


def test_a_removal_that_is_killed_leaves_whole_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL with a file written and not renamed: none is torn, nothing is left, and it goes on to the end."""
    many(tmp_path)
    manifest = listed(tmp_path, capsys)
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "corpus").iterdir()}
    command = ["remove", str(manifest), "--by", "Ada Jones"]
    for calls in (0, 1):
        done = subprocess.run([sys.executable, "-c", KILLED_AT, str(calls), *command], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "corpus").iterdir()}
    assert 0 < sum(after.get(name) != hashed for name, hashed in before.items()) < len(before)
    assert main(command) == 0
    verified(manifest)
    assert names(tmp_path / "corpus") == sorted(before)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is not what the manifest lists"),
    ],
)
def test_a_file_that_is_gone_or_changed_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
) -> None:
    """It is told in one line; the files before it are done, and stand in the certificate."""
    many(tmp_path, 3)
    manifest = listed(tmp_path, capsys)
    damage(tmp_path / "corpus" / "1.warc.gz")
    capsys.readouterr()
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [row["removed"] for row in certificate_of(manifest)["files"]] == [2]


def test_a_symbolic_link_is_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that has the records loses them, once, by however many links it is in the corpus; a link stays one."""
    (tmp_path / "real").mkdir()
    (tmp_path / "corpus").mkdir()
    real = archive(tmp_path / "real" / "x.warc.gz")
    for name in ("a.warc.gz", "b.warc.gz"):
        (tmp_path / "corpus" / name).symlink_to(real)
    manifest = listed(tmp_path, capsys)
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    assert (tmp_path / "corpus" / "a.warc.gz").is_symlink()
    assert {record.url for record in records(real)} == {"", OTHER}
    assert verified(manifest)["removed"] == 2


def test_other_names_of_a_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hard link keeps the old octets, so whoever orders the removal learns of it."""
    (tmp_path / "corpus").mkdir()
    path = archive(tmp_path / "corpus" / "a.warc.gz")
    (tmp_path / "elsewhere").hardlink_to(path)
    manifest = listed(tmp_path, capsys)
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    assert "a.warc.gz had 1 other names (hard links), which still have the records" in capsys.readouterr().err
    assert verified(manifest)["files"][0]["other_names"] == 1


def modes(paths: Sequence[Path]) -> list[int]:
    """Give who may do what with files."""
    return [path.stat().st_mode & 0o777 for path in paths]


def test_who_may_read_a_file_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A corpus that only some may read is not opened to others by a removal, nor closed to them."""
    many(tmp_path, 2)
    paths = sorted((tmp_path / "corpus").iterdir())
    for path, mode in zip(paths, (0o600, 0o664), strict=True):
        path.chmod(mode)
    assert main(["remove", str(listed(tmp_path, capsys)), "--by", "Ada Jones"]) == 0
    assert modes(paths) == [0o600, 0o664]
