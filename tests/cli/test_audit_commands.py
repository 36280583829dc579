"""`optout verify`, `optout prove` and `optout redact`: what they print, and their exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from optout_middleware.audit.log import AuditLog
from optout_middleware.cli import main
from optout_middleware.policy import Policy

RUN = "20261124T120000Z-000001"
AT = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


def keys(directory: Path) -> tuple[str, str]:
    """Write a pair of keys; give the paths of the private and of the public one."""
    key = Ed25519PrivateKey.generate()
    private, public = directory / "key.pem", directory / "key.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(private), str(public)


def written(directory: Path, *, close: bool = True, key: str = "") -> str:
    """Write a run of one line; give the id of that."""
    log = AuditLog(
        directory, run=RUN, writer="main", operator="Example Labs", policy=Policy("ExampleCorpusBot"),
        settings={"OPTOUT_AUDIT_RETENTION": 1}, now=lambda: AT, key=key,
    )  # fmt: skip
    reason = {"finding": "named-bot", "outcome": "allow", "override": "Ada Person: agreed"}
    where = log.write({"stage": "item", "url": "http://a.example/", "outcome": "allow", "reasons": [reason]})
    if close:
        log.close({})
    else:  # as a killed process leaves it
        assert log._writer._segment is not None
        log._writer._segment.release()
        log._run._release()
    return where


def test_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 where all is as written; 1, with file, line and kind, where it is not; 2 for a wrong name."""
    written(tmp_path / "a")
    assert main(["verify", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == (
        "intact; 1 runs, 0 of them signed, 3 stored lines\n"
        "whoever can write to the directory could have rewritten a run that is not signed (OPTOUT_AUDIT_KEY)\n"
    )
    (tmp_path / "a" / "extra.txt").write_text("x")
    assert main(["verify", str(tmp_path / "a")]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"unknown: {tmp_path}/a/extra.txt: no manifest names this file\nNOT intact: 1 findings")
    assert main(["verify", str(tmp_path / "typo")]) == 2
    assert "is not there" in capsys.readouterr().err


def test_verify_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing could be verified nothing is intact."""
    assert main(["verify", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        f"missing: {tmp_path}: there is no audit log in this directory\nNOT intact: 1 findings; 0 runs"
    )


def test_an_open_log_that_was_altered_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a killed process left is held line against line, before anybody seals it."""
    written(tmp_path, close=False)
    path = tmp_path / f"{RUN}-main-000001.jsonl"
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([rows[0].replace(b'"segment":1', b'"segment":9'), *rows[1:]]))
    assert main(["verify", str(tmp_path)]) == 1
    assert f"altered: {path}:2: the line before it is gone, or is not the one" in capsys.readouterr().out


def test_a_signed_directory_takes_signed_redactions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record without a signature would make it fail with the reader's key."""
    private, public = keys(tmp_path)
    written(tmp_path / "a", key=private)
    asked = ["redact", str(tmp_path / "a"), "--match", "ada", "--by", "Dan Officer", "--reason", "asked for"]
    assert main(asked) == 2
    assert "are signed: sign the redaction too, with --sign-with KEY" in capsys.readouterr().err
    assert main([*asked, "--sign-with", private]) == 0
    assert main(["verify", "--key", public, str(tmp_path / "a")]) == 0


def test_a_run_that_was_removed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is told that a URL was never asked for where the run that would know is gone by order."""
    written(tmp_path)
    assert main(["redact", str(tmp_path), "--expired", "--days", "0", "--by", "Dan Officer", "--reason", "over"]) == 0
    for command in (["explain", str(tmp_path), "http://a.example/"], ["ask", str(tmp_path), "a.example"]):
        capsys.readouterr()
        assert main(command) == 1
        assert f"but: {tmp_path}: run {RUN} removed on " in capsys.readouterr().out


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no full device")
def test_an_output_that_is_full_is_one_line(tmp_path: Path) -> None:
    """No stack trace, and not the status of a log that is not intact."""
    written(tmp_path)
    code = "import sys; from optout_middleware.cli import main; sys.exit(main(sys.argv[1:]))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, "verify", str(tmp_path)], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "optout: standard output: No space left on device\n")


def test_a_signature_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signed runs are counted; without a key of the reader's it is said whose keys they fit."""
    private, public = keys(tmp_path)
    written(tmp_path / "a", key=private)
    assert main(["verify", str(tmp_path / "a")]) == 0
    out = capsys.readouterr().out
    assert "1 runs, 1 of them signed" in out
    assert "fit the keys that the runs name themselves; --key FILE" in out
    assert main(["verify", "--key", public, str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == "intact; 1 runs, 1 of them signed, 3 stored lines\n"


def test_verify_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    written(tmp_path)
    (tmp_path / f"aggregate-{RUN}.json").write_text("{}")
    assert main(["verify", "--json", str(tmp_path)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["intact"], said["runs"], said["lines"]) == (False, 1, 3)
    assert [(it["kind"], it["line"]) for it in said["findings"]] == [("altered", 0)]


def test_verify_seals_what_was_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Open runs are named; with --seal they are sealed first, and signed where a key is given."""
    audit = tmp_path / "audit"
    private, public = keys(tmp_path)
    written(audit, close=False)
    assert main(["verify", str(audit)]) == 1
    assert f"run {RUN} was not closed" in capsys.readouterr().out
    assert main(["verify", "--seal", "--sign-with", private, "--key", public, str(audit)]) == 0
    assert "it is sealed as it was found" in capsys.readouterr().out


def test_verify_with_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key must have signed; one that cannot be read is a usage error."""
    private, public = keys(tmp_path)
    written(tmp_path / "signed", key=private)
    written(tmp_path / "plain")
    assert main(["verify", "--key", public, str(tmp_path / "signed")]) == 0
    assert main(["verify", "--key", public, str(tmp_path / "plain")]) == 1
    assert "unsigned:" in capsys.readouterr().out
    assert main(["verify", "--key", private, str(tmp_path / "signed")]) == 2


def test_prove_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A proof that was written is proven without the directory; one that was changed is not."""
    private, public = keys(tmp_path)
    where = written(tmp_path / "audit", key=private)
    assert main(["prove", str(tmp_path / "audit"), where]) == 0
    text = capsys.readouterr().out
    file = tmp_path / "proof.json"
    file.write_text(text)
    assert main(["prove", "--check", str(file), "--key", public]) == 0
    assert capsys.readouterr().out == f"proven: {where}: item http://a.example/ allow\n"
    file.write_text(text + text.replace("a.example", "b.example"))
    assert main(["prove", "--check", str(file)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("proven:")
    assert out[1].startswith(f"NOT proven: {where}: line 3 of the segment does not lead to the root")


@pytest.mark.parametrize("arguments", [["DIR"], ["R-main:2"], ["--check", "FILE", "DIR"], ["--check", "gone"]])
def test_prove_without_what_it_needs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A usage error is one line."""
    assert main(["prove", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{", "\n\n"])
def test_file_without_proofs(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is proven by nothing."""
    (tmp_path / "proof.json").write_text(text)
    assert main(["prove", "--check", str(tmp_path / "proof.json")]) == 2
    assert "proof" in capsys.readouterr().err


def test_redact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values go, with who and why; a second time there is nothing left; then the run goes too."""
    written(tmp_path)
    who = ["--by", "Dan Officer", "--reason", "asked for"]
    assert main(["redact", str(tmp_path), "--field", "reasons", "--match", "ada", *who]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path}: 1 values removed\n  what pages said stays in the archive of evidence")
    assert "optout redact --expired" in out
    assert main(["redact", str(tmp_path), "--match", "ada", *who]) == 1
    assert main(["redact", str(tmp_path), "--expired", "--days", "0", *who]) == 0
    assert f"1 runs removed\n  {RUN}\n" in capsys.readouterr().out
    assert main(["verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("by Dan Officer: asked for") == 2


@pytest.mark.parametrize(
    "arguments", [["--expired", "--match", "x"], ["--days", "3", "--match", "x"], ["--expired", "--days", "-1"], []]
)
def test_redact_asked_wrongly(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is removed by a request that says two things, or none."""
    written(tmp_path)
    assert main(["redact", str(tmp_path), "--by", "a", "--reason", "b", *arguments]) == 2
    assert capsys.readouterr().err.startswith("optout: ")
    assert main(["verify", str(tmp_path)]) == 0
