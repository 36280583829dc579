"""The evidence archive: what is kept, that nothing is lost, and that other tools open it."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from fastwarc.warc import WarcRecordType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]

from optout_middleware.decide import Site
from optout_middleware.evidence.archive import Archive, ArchiveError, is_sampled
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.policy import Policy
from optout_middleware.terms import Decision, Evidence, Hop

if TYPE_CHECKING:
    from pathlib import Path

POLICY = Policy("OurBot")
SEEN = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=timezone.utc)
SITE = "https://h.example"
ROBOTS = Evidence(
    f"{SITE}/robots.txt", 200, [("content-type", "text/plain")], b"User-agent: *\nDisallow: /x\n" * 99, SEEN
)
PAGE = b"<head><title>t</title></head><body>" + b"text " * 999
NOAI = b'<head><meta name="robots" content="noai"></head><body>' + b"text " * 999
EMPTY = hashlib.sha256(b"").hexdigest()


def archive(directory: Path, writer: str = "run-main", **more: Any) -> Archive:
    """Make an archive."""
    return Archive(directory, writer=writer, policy=POLICY, **more)


def page(body: bytes, path: str = "/p", **more: Any) -> Evidence:
    """Make a response."""
    return Evidence(f"{SITE}{path}", 200, [("content-type", "text/html"), ("content-length", "7")], body, SEEN, **more)


def decided(asset: Evidence) -> Decision:
    """Decide about a page of a site whose files say nothing."""
    files = [Evidence(f"{SITE}{path}", 404, [], b"", SEEN) for path in ("/robots.txt", "/.well-known/tdmrep.json")]
    return Site.read(files, POLICY).decide(asset.url, asset=asset, at=SEEN)


@pytest.mark.parametrize(
    "seen",
    [
        ROBOTS,
        Evidence(f"{SITE}/robots.txt", 404, [], b"", SEEN),
        Evidence(f"{SITE}/robots.txt", None, [], b"", SEEN, error="no route to host"),
        Evidence(f"{SITE}/robots.txt", 999, [("x", "")], b"\r\n\r\n", SEEN, truncated=True),
        Evidence(f"{SITE}/a", 200, [("x", "caf\xe9 "), ("x", " : "), ("transfer-encoding", "chunked")], b"\0", SEEN),
        Evidence(
            f"{SITE}/robots.txt", 200, [], b"x", SEEN, final_url="http://o.example/r", from_cache=True, error="cut",
            hops=[Hop(f"{SITE}/robots.txt", 301, (("location", "http://o.example/r"),)), Hop("http://o.example/q")],
        ),
        Evidence("http://h.example/\u20ac", 200, [], b"x", SEEN, final_url="http://h.example/\u20ac?\udc80"),
    ],
    ids=range(7),
)  # fmt: skip
def test_round_trip(tmp_path: Path, seen: Evidence) -> None:
    """Evidence comes back as it was: status, headers, body, time, redirects, error."""
    written = archive(tmp_path)
    kept = written.keep(seen)
    written.close()
    reader = ArchiveReader([tmp_path])
    assert reader.read(kept) == reader.read(seen.sha256) == seen
    found = reader.source(seen.url, seen.sha256, seen.status, seen.fetched_at)
    assert found is not None
    assert (found.evidence, found.is_derivable, found.is_page) == (seen, True, False)
    assert reader.faults == []


TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.text(st.sampled_from("abcxyz-"), min_size=1), TEXT)),
    st.binary(),
    st.one_of(st.none(), st.integers(100, 599)),
    st.text(),
    st.datetimes(timezones=st.just(timezone.utc)),
)
def test_anything_comes_back(
    tmp_path_factory: pytest.TempPathFactory, headers: list[tuple[str, str]], body: bytes, status: int | None,
    path: str, at: datetime,
) -> None:  # fmt: skip
    """Whatever headers, body, URL and time are, they come back."""
    directory = tmp_path_factory.mktemp("archive")
    if status is None:
        headers, body = [], b""
    seen = Evidence(f"{SITE}/{path}", status, headers, body, at)
    written = archive(directory)
    kept = written.keep(seen)
    written.close()
    assert ArchiveReader([directory]).read(kept) == seen


def test_stored_once(tmp_path: Path) -> None:
    """One observation is one record; the same payload of another URL or run is a revisit, and is read all the same."""
    other = replace_url(ROBOTS, "http://o.example/robots.txt")
    later = Evidence(ROBOTS.url, 200, [("date", "now"), *ROBOTS.headers], ROBOTS.body, SEEN + timedelta(1))
    first = archive(tmp_path)
    assert first.keep(ROBOTS) != ""
    assert first.keep(later) == ""
    assert first.keep(other) != ""
    first.close()
    second = archive(tmp_path, "run2-main")
    second.keep(ROBOTS)
    second.close()
    assert (first.counts["records"], second.counts["records"]) == (2, 1)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.warc.gz")) < 4 * 1024
    reader = ArchiveReader([tmp_path])
    for seen in (ROBOTS, other):
        found = reader.source(seen.url, seen.sha256, 200, SEEN)
        assert found is not None
        assert found.evidence == seen


def test_an_archive_that_stands_alone(tmp_path: Path) -> None:
    """Where runs are removed after a time, each has all that it rests on."""
    for writer in ("run1-main", "run2-main"):
        written = archive(tmp_path, writer, refers_back=False)
        written.keep(ROBOTS)
        written.close()
    for path in tmp_path.glob("run1-*"):
        path.unlink()
    assert ArchiveReader([tmp_path]).read(ROBOTS.sha256) == ROBOTS


def replace_url(seen: Evidence, url: str) -> Evidence:
    """Give the same evidence of another URL."""
    return Evidence(url, seen.status, seen.headers, seen.body, seen.fetched_at)


def test_change_and_back(tmp_path: Path) -> None:
    """What changes and changes back has a record for each time, so that a source is found as of its own time."""
    written = archive(tmp_path)
    days = [SEEN + timedelta(day) for day in range(3)]
    answers = [
        Evidence(ROBOTS.url, 200, [("content-type", "text/plain")], b"A", days[0]),
        Evidence(ROBOTS.url, None, [], b"", days[1], error="no route"),
        Evidence(ROBOTS.url, 200, [("content-type", "text/html")], b"A", days[2]),
    ]
    for seen in answers:
        written.keep(seen)
    written.close()
    reader = ArchiveReader([tmp_path])
    digest = answers[0].sha256
    found = [reader.source(ROBOTS.url, digest, 200, at) for at in (*days, days[0] - timedelta(1))]
    assert [item and item.evidence for item in found] == [answers[0], answers[0], answers[2], None]
    between = reader.between(ROBOTS.url, days[0], days[1])
    assert between is not None
    assert between.evidence == answers[1]
    assert reader.between(ROBOTS.url, days[0], days[0]) is None


def test_pages(tmp_path: Path) -> None:
    """Of an allowed page the head is kept, of a denied one what spoke; the whole body is named by its hash."""
    written = archive(tmp_path)
    allowed, denied = page(PAGE), page(NOAI, "/q", truncated=True)
    kept = [written.keep_page(asset, decided(asset)) for asset in (allowed, denied)]
    written.close()
    reader = ArchiveReader([tmp_path])
    first, second = (
        reader.kept(name, asset.url, asset.sha256, SEEN) for name, asset in zip(kept, (allowed, denied), strict=True)
    )
    assert first is not None
    assert second is not None
    assert (first.how, first.evidence.body) == ("head", b"<head><title>t</title></head><body>")
    assert (second.how, second.is_derivable, b"text" in second.evidence.body) == ("elements", True, False)
    for archived, asset in ((first, allowed), (second, denied)):
        assert archived.is_page
        assert archived.evidence.sha256 == asset.sha256
        assert decided(archived.evidence) == decided(asset)
    assert sum(b"text text" in path.read_bytes() for path in tmp_path.iterdir()) == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_sample(tmp_path: Path, share: float) -> None:
    """Of allowed pages of which nothing spoke a share is kept, by the hash of the body; all that spoke is kept."""
    written = archive(tmp_path, pages=share)
    silent = [page(b"%d" % number, f"/{number}") for number in range(200)]
    for asset in silent:
        assert bool(written.keep_page(asset, decided(asset))) is is_sampled(asset.sha256, share)
    noted = page(b'<head><meta name="robots" content="noarchive"></head>')
    headers = Evidence(f"{SITE}/h", 200, [("x-robots-tag", "nocache")], b"", SEEN)
    for asset in (page(NOAI), noted, headers):
        assert written.keep_page(asset, decided(asset)) != ""
    written.close()
    kept = sum(is_sampled(asset.sha256, share) for asset in silent)
    assert written.counts["pages_not_sampled"] == 200 - kept
    assert {0.0: kept == 0, 0.3: 30 < kept < 90, 1.0: kept == 200}[share]


def test_secrets(tmp_path: Path) -> None:
    """Cookies are left out, and what the mask hides of a URL is hidden wherever URLs stand."""
    secret = "http://h.example/?token=s3cret"
    headers = (("set-cookie", "session=s3cret"), ("location", secret), ("x-kept", "yes"))
    seen = Evidence(
        secret, 200, headers, b"", SEEN, final_url=secret, error=f"of {secret}", hops=[Hop(secret, 302, headers)]
    )
    written = archive(tmp_path, mask=lambda text: text.replace("s3cret", "***"))
    kept = written.keep(seen)
    written.close()
    with (tmp_path / "run-main.warc.gz").open("rb") as stream:
        assert not any(
            "s3cret" in str(record.rec_headers) + str(record.http_headers) for record in ArchiveIterator(stream)
        )
    found = ArchiveReader([tmp_path]).read(kept)
    assert found is not None
    assert (found.url, found.values("x-kept"), found.values("set-cookie")) == (
        "http://h.example/?token=***",
        ["yes"],
        (),
    )


def fill(directory: Path) -> list[Evidence]:
    """Write an archive with a record of each kind."""
    written = archive(directory, about={"software": "test", "isPartOf": "run"})
    seen = [
        ROBOTS, replace_url(ROBOTS, "http://o.example/robots.txt"), page(PAGE), page(NOAI, "/q"),
        Evidence(f"{SITE}/x", None, [], b"", SEEN, error="no route"), Evidence(f"{SITE}/e", 204, [], b"", SEEN),
    ]  # fmt: skip
    for item in seen:
        if item.media_type == "text/html":
            written.keep_page(item, decided(item))
        else:
            written.keep(item)
    written.close()
    return seen


def test_warcio_opens_it(tmp_path: Path) -> None:
    """The reference reader finds the records, and the digests of blocks and payloads hold."""
    seen = fill(tmp_path)
    with (tmp_path / "run-main.warc.gz").open("rb") as stream:
        records = ArchiveIterator(stream, check_digests="raise")
        found = []
        for record in records:
            assert record.rec_headers.protocol == "WARC/1.1"
            body = record.content_stream().read()
            found.append((record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), body))
            if record.rec_type == "response":
                digest = record.rec_headers.get_header("WARC-Payload-Digest")
                assert digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert [kind for kind, _, _ in found] == [
        "warcinfo", "response", "revisit", "response", "response", "metadata", "response",
    ]  # fmt: skip
    assert [url for _, url, _ in found[1:]] == [item.url for item in seen]
    assert found[1][2] == ROBOTS.body
    assert found[5][2] == b"fetchError: no route\r\n"


def test_fastwarc_opens_it(tmp_path: Path) -> None:
    """Another reader finds the same records, and that their digests hold."""
    seen = fill(tmp_path)
    for parse in (False, True):  # the digest is that of the block before it is parsed, of the payload after it is
        found = []
        with (tmp_path / "run-main.warc.gz").open("rb") as stream:
            for record in FastIterator(stream, record_types=WarcRecordType.response, parse_http=parse):
                found.append(record.headers["WARC-Target-URI"])
                assert (record.verify_payload_digest if parse else record.verify_block_digest)(consume=False)
        assert found == [item.url for item in (seen[0], seen[2], seen[3], seen[5])]


def test_writers(tmp_path: Path) -> None:
    """Each writer has a file of its own; one that is there already is not written into."""
    first, second = archive(tmp_path), archive(tmp_path, "run-other")
    first.keep(ROBOTS)
    second.keep(page(PAGE))
    with pytest.raises(ArchiveError, match=r"run-main\.warc\.gz cannot be written: File exists"):
        archive(tmp_path)
    first.close()
    second.close()
    second.close()
    with pytest.raises(ArchiveError, match="is closed"):
        first.keep(page(PAGE))
    assert len(ArchiveReader([tmp_path])) == 2


def test_large_archives_are_several_files(tmp_path: Path) -> None:
    """A file that would grow beyond its size is ended and a further one begun; each is named with its hash."""
    written = archive(tmp_path, largest=2000)
    for number in range(20):
        written.keep(Evidence(f"http://h.example/{number}", 200, [], hashlib.sha512(b"%d" % number).digest() * 9, SEEN))
    written.close()
    files = sorted(tmp_path.glob("*.warc.gz"))
    assert len(files) > 2
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == {
        row["file"]: row["sha256"] for row in written.files
    }
    assert all(row["size"] <= 2000 for row in written.files)
    assert len(ArchiveReader([tmp_path])) == 20


def test_unwritable(tmp_path: Path) -> None:
    """A directory that cannot be made is one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match=r"evidence archive .* cannot be written: Not a directory") as raised:
        archive(tmp_path / "file" / "archive")
    assert "\n" not in str(raised.value)


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails or is short raises, and nothing more is taken."""
    for failing in (lambda *_: 3, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))):
        written = archive(tmp_path / str(id(failing)))
        with monkeypatch.context() as patch:
            patch.setattr("os.write", failing)
            with pytest.raises(ArchiveError, match="cannot be written"):
                written.keep(ROBOTS)
        with pytest.raises(ArchiveError, match="cannot be written"):
            written.keep(page(PAGE))


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept in mind is bounded; what is forgotten is stored again, and read all the same."""
    monkeypatch.setattr("optout_middleware.evidence.archive._MOST", 3)
    written = archive(tmp_path)
    many = [Evidence(f"http://{number}.example/robots.txt", 200, [], b"%d" % number * 999, SEEN) for number in range(9)]
    for seen in (*many, *many):
        written.keep(seen)
    written.close()
    assert (len(written._stored), len(written._last)) == (3, 3)
    reader = ArchiveReader([tmp_path])
    assert len(reader) == 18
    assert all(reader.read(seen.sha256) == seen for seen in many)


def test_index_has_a_row_for_each_record(tmp_path: Path) -> None:
    """The index beside the file names offset, length and hashes of each record."""
    fill(tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "run-main.index.jsonl").read_text("ascii").splitlines()]
    assert [row["type"] for row in rows] == ["response", "revisit", "response", "response", "metadata", "response"]
    assert rows[0]["sha256"] == rows[0]["payload"] == ROBOTS.sha256
    assert rows[4] | {"kept": 0, "offset": 0, "length": 0} == {
        "type": "metadata", "url": f"{SITE}/x", "time": "2026-11-24T12:00:00.123456Z", "status": None, "sha256": EMPTY,
        "payload": EMPTY, "kept": 0, "offset": 0, "length": 0,
    }  # fmt: skip
