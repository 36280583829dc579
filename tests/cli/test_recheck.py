"""`optout recheck` and `optout remove`: a corpus checked again, probed, as of a day, and what a notice takes out."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from requests_mock import Mocker

from optout_middleware.cli import main
from optout_middleware.evidence.archive import Archive
from optout_middleware.evidence.locations import location_url
from optout_middleware.policy import Policy
from optout_middleware.terms import Evidence

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = ("--product-token", "ExampleCorpusBot", "--workers", "1")
PATIENT = ("--probe-delay", "0", "--probe-rate", "100000")
SONG = "\n".join(f"line {number} of a song that is reserved" for number in range(12))


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of whoever runs the tests have a part in them."""
    for name in ("OPTOUT_REGISTER", "OPTOUT_PRODUCT_TOKEN", "OPTOUT_OPERATOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def web() -> Any:
    """Serve two sites."""
    with Mocker() as mocker:
        for host, robots in (("open.example", ""), ("closed.example", "User-agent: *\nDisallow: /\n")):
            mocker.get(f"https://{host}/robots.txt", text=robots)
            mocker.get(f"https://{host}/.well-known/tdmrep.json", status_code=404)
        yield mocker


def corpus(path: Path, rows: list[dict[str, Any]] | None = None) -> str:
    """Write a corpus as JSON Lines."""
    rows = rows or [
        {"url": f"https://{host}/{number}"} for number in range(5) for host in ("open.example", "closed.example")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def tags(path: Path) -> list[str]:
    """Give the outcome of each record of a tagged corpus."""
    return [json.loads(line)["optout"]["outcome"] for line in path.read_text().splitlines()]


def test_probing_asks_each_origin_once(tmp_path: Path, web: Mocker, capsys: pytest.CaptureFixture[str]) -> None:
    """Each location of an origin is asked once for all its records, and a second job asks nobody."""
    data, out, store = corpus(tmp_path / "a.jsonl"), tmp_path / "out", str(tmp_path / "store.sqlite")
    assert main(["recheck", data, "--out", str(out), "--store", store, "--probe", *PATIENT, *TOKEN]) == 0
    assert tags(out / "data" / "a.jsonl") == ["allow", "deny"] * 5
    asked = [request.url for request in web.request_history]
    assert len(asked) == len(set(asked)) == 3  # closed.example settles by its robots.txt alone
    shown = capsys.readouterr()
    assert "2 origins to look at" in shown.err
    assert "https://closed.example: 5, 0" in shown.out
    assert main(["recheck", data, "--out", str(tmp_path / "again"), "--store", store, "--probe", *PATIENT, *TOKEN]) == 0
    assert len(web.request_history) == len(asked)
    assert main(["verify", str(out / "audit")]) == 0


def test_without_evidence_everything_waits(tmp_path: Path) -> None:
    """Nobody looked, so nothing is kept."""
    data, out = corpus(tmp_path / "a.jsonl"), tmp_path / "out"
    assert main(["recheck", data, "--out", str(out), "--action", "drop", *TOKEN]) == 0
    assert (out / "data" / "a.jsonl").read_text() == ""
    assert json.loads((out / "report.json").read_text())["outcomes"] == {"pending": 10}


def test_a_cut_shard_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named as incomplete, and not counted as checked."""
    (tmp_path / "a.jsonl").write_text('{"url": "https://open.example/"}\n{"url": "https:')
    assert main(["recheck", str(tmp_path / "a.jsonl"), "--out", str(tmp_path / "out"), *TOKEN]) == 1
    shown = capsys.readouterr().out
    assert "0 shards checked" in shown
    assert "incomplete, not counted as checked: a.jsonl" in shown


def archived(path: Path) -> str:
    """Archive a site that opened in March 2025 and closed in April."""
    policy = Policy("ExampleCorpusBot")
    for month, body in ((3, b"User-agent: *\nAllow: /\n"), (4, b"User-agent: *\nDisallow: /\n")):
        archive = Archive(path, writer=f"w{month}", policy=policy)
        at = datetime(2025, month, 10, tzinfo=timezone.utc)
        archive.keep(Evidence(location_url("https://open.example", "robots.txt"), 200, (), body, at))
        archive.keep(Evidence(location_url("https://open.example", "tdmrep.json"), 404, (), b"", at))
        archive.close()
    return str(path)


@pytest.mark.parametrize(
    ("day", "outcome"),
    [
        ("2025-03-09", "pending"),
        ("2025-03-10", "allow"),
        ("2025-04-08", "allow"),
        ("2025-04-09", "pending"),
        ("2025-04-10", "deny"),
        ("2025-06-01", "pending"),
    ],
)
def test_as_of_a_day_it_decides_by_what_was_archived(tmp_path: Path, day: str, outcome: str) -> None:
    """What was seen on that day counts, for 30 days; who chose the day stands in the run manifest."""
    data = corpus(tmp_path / "a.jsonl", [{"url": "https://open.example/1"}])
    out, archive = tmp_path / "out", archived(tmp_path / "archive")
    arguments = [
        "recheck",
        data,
        "--out",
        str(out),
        "--archive",
        archive,
        "--as-of",
        day,
        "--as-of-by",
        "Ada Jones",
        *TOKEN,
    ]
    assert main(arguments) == 0
    assert tags(out / "data" / "a.jsonl") == [outcome]
    (manifest,) = (json.loads(path.read_text()) for path in (out / "audit").glob("run-*.json"))
    recheck = manifest["settings"]["recheck"]
    assert (recheck["as_of"], recheck["as_of_by"]) == (day, "Ada Jones")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as-of", "2025-01-01"],
        ["--as-of", "2025-01-01", "--as-of-by", "Ada"],
        ["--as-of", "soon", "--as-of-by", "Ada", "--archive", "x"],
        ["--as-of", "2999-01-01", "--as-of-by", "Ada", "--archive", "x"],
        ["--as-of-by", "Ada"],
        ["--probe"],
        ["--notice", "7"],
        ["--column", "url"],
        ["--column", "x=y"],
        ["--workers", "0"],
        ["--since", "nowhere"],
        ["--store", "a.jsonl"],
    ],
)
def test_a_users_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """A mistake is one line on standard error and exit status 2."""
    monkeypatch.chdir(tmp_path)
    data = corpus(tmp_path / "a.jsonl")
    assert main(["recheck", data, "--out", "out", *TOKEN, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("optout: ")
    assert error.count("\n") == 1


def test_the_product_token_must_be_said(tmp_path: Path) -> None:
    """No token is guessed: whose rules count must be known."""
    assert main(["recheck", corpus(tmp_path / "a.jsonl"), "--out", str(tmp_path / "out")]) == 2


@pytest.fixture
def noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Record a notice of a site; give the register and the id."""
    register, letter = str(tmp_path / "register.sqlite"), tmp_path / "letter.txt"
    letter.write_text("We reserve all our lyrics.")
    common = ["--register", register, "--json"]
    arguments = ["notice", "add", str(letter), "--from", "Songs Ltd", "--received", "2026-01-10", "--by", "Ada"]
    assert main([*arguments, "--domain", "lyrics.example", *common]) == 0
    return register, json.loads(capsys.readouterr().out)["id"]


RECORDS: list[dict[str, Any]] = [
    {"url": "https://lyrics.example/song", "text": SONG, "collected_at": "2022-05-01T10:00:00Z"},
    {"url": "https://copy.example/same", "text": SONG},
    {"url": "https://copy.example/like", "text": "Words before\n" + SONG.replace("line 5", "verse 5")},
    {"url": "https://other.example/quote", "text": "\n".join(SONG.split("\n")[:4])},
    {"url": "https://other.example/none"},
]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_what_a_notice_hits_is_listed_and_taken_out(tmp_path: Path, noticed: tuple[str, str], name: str) -> None:
    """The named record, its copy and its likeness go; a short quote and the rest stay; the certificate says so."""
    import gzip  # noqa: PLC0415

    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415

    register, notice = noticed
    data = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(RECORDS), data)
    else:
        corpus(tmp_path / "a.jsonl", RECORDS)
        if name.endswith("gz"):
            data.write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    out = tmp_path / "out"
    arguments = ["recheck", str(data), "--out", str(out), "--register", register, "--notice", notice[:6], *TOKEN]
    assert main(arguments) == 0
    manifest = out / f"removal-{notice}.json"
    (listed,) = json.loads(manifest.read_text())["files"]
    assert [(row["record"], row["why"]) for row in listed["records"]] == [
        (0, "named"),
        (1, "content"),
        (2, "fingerprint"),
    ]
    assert listed["records"][0]["collected_at"] == "2022-05-01T10:00:00+00:00"
    assert listed["records"][0]["rule"]
    before = data.read_bytes()
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0
    certificate = json.loads((out / f"removal-{notice}.certificate.json").read_text())
    assert (certificate["by"], certificate["removed"], certificate["notice"]) == ("Ada Jones", 3, notice)
    (row,) = certificate["files"]
    assert (row["records_before"], row["records_after"], row["sha256_before"]) == (5, 2, listed["sha256"])
    if name.endswith("parquet"):
        assert pq.read_table(data).column("url").to_pylist() == [record["url"] for record in RECORDS[3:]]
    else:
        lines = gzip.decompress(data.read_bytes()) if name.endswith("gz") else data.read_bytes()
        assert [json.loads(line) for line in lines.splitlines()] == RECORDS[3:]
    after = data.read_bytes()
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 0  # again: nothing is left to do
    assert data.read_bytes() == after
    (out / f"removal-{notice}.certificate.json").unlink()
    data.write_bytes(before + b" ")
    assert main(["remove", str(manifest), "--by", "Ada Jones"]) == 2  # not the shard of the manifest any more
    assert data.read_bytes() == before + b" "
    assert main(["remove", str(data), "--by", "Ada Jones"]) == 2


def test_a_removal_that_was_stopped_goes_on(
    tmp_path: Path, noticed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the renaming of a shard and its mark, it takes the shard for done, by its hash."""
    register, notice = noticed
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        corpus(tmp_path / "data" / f"{name}.jsonl", RECORDS)
    out = tmp_path / "out"
    assert (
        main(["recheck", str(tmp_path / "data"), "--out", str(out), "--register", register, "--notice", notice, *TOKEN])
        == 0
    )
    manifest = str(out / f"removal-{notice}.json")

    with monkeypatch.context() as patched:
        patched.setattr("optout_middleware.corpus.removing._write", _write_until_renamed(tmp_path / "data" / "a.jsonl"))
        assert main(["remove", manifest, "--by", "Ada"]) == 130
    assert main(["remove", manifest, "--by", "Ada"]) == 0
    certificate = json.loads((out / f"removal-{notice}.certificate.json").read_text())
    assert [row["records_before"] for row in certificate["files"]] == [5, 5]
    assert all(row["ended"] for row in certificate["files"])
    for name in ("a", "b"):
        assert len((tmp_path / "data" / f"{name}.jsonl").read_text().splitlines()) == 2


def _write_until_renamed(path: Path) -> Any:
    """Write certificates until a shard was written anew, then stop as a killed process does."""
    from optout_middleware.corpus.removing import _write  # noqa: PLC0415

    size = path.stat().st_size

    def write(certificate: Path, made: Any) -> None:
        if path.stat().st_size != size:
            raise KeyboardInterrupt
        _write(certificate, made)

    return write
