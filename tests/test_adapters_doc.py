"""docs/adapters.md: each of its programs runs as it stands there, and says what it says."""

from __future__ import annotations

import io
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from warcio.statusandheaders import StatusAndHeaders  # type: ignore[import-untyped]
from warcio.warcwriter import WARCWriter  # type: ignore[import-untyped]

from optout_middleware.audit.verify import verify
from optout_middleware.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = (Path(__file__).parent.parent / "docs" / "adapters.md").read_text("utf-8")
LOOP, COMMON_CRAWL, CORE = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
PLAIN = b"<html><head><title>A page</title></head><body>Text.</body></html>"
NOAI = b'<html><head><meta name="robots" content="noai"></head><body>Text.</body></html>'
WEB = {
    "/robots.txt": b"User-agent: ExampleBot\nDisallow: /closed\n",
    "/open": PLAIN, "/noai": NOAI, "/closed": PLAIN,
}  # fmt: skip


@pytest.fixture
def url() -> Iterator[str]:
    """Give the URL of a server with `WEB`."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = WEB.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(program: str, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], dict[str, Any]]:
    """Run a program; give the lines that it printed, and its names."""
    names: dict[str, Any] = {}
    exec(compile(program, "docs/adapters.md", "exec"), names)
    return capsys.readouterr().out.splitlines(), names


def test_loop(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It keeps what nobody reserves, tells of the rest, and leaves a log that verifies."""
    monkeypatch.chdir(tmp_path)
    urls = [f"{url}{path}" for path in ("/open", "/noai", "/closed", "/gone")]
    Path("urls.txt").write_text("\n".join([*urls, "http://127.0.0.1:1/"]), "utf-8")
    told, names = run(LOOP.replace("timeout=30", "timeout=5"), capsys)
    assert [line.split()[:2] for line in told[:5]] == [
        ["kept", urls[0]], ["deny", urls[1]], ["deny", urls[2]], ["failed", urls[3]], ["pending", "http://127.0.0.1:1/"],
    ]  # fmt: skip
    assert list(names["corpus"]) == urls[:1]
    assert names["opt_out"].stats["optout/page/deny"] == 2
    assert verify(["audit"]).findings == ()
    assert Path(".optout/store.sqlite").exists()


def warc(path: str, *captures: tuple[str, int, dict[str, str], bytes], **about: str) -> None:
    """Write captures of 10 November as Common Crawl does: bodies decoded, each record by itself."""
    with Path(path).open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        writer.write_record(writer.create_warcinfo_record(path, {"software": "a test"}))
        for url, status, headers, body in captures:
            http = StatusAndHeaders(f"{status} Said", [*headers.items()], protocol="HTTP/1.1")
            named = {"WARC-Date": "2026-11-10T08:00:00Z", **about}
            record = writer.create_warc_record(
                url, "response", payload=io.BytesIO(body), length=len(body), http_headers=http, warc_headers_dict=named
            )
            writer.write_record(record)


def test_common_crawl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each page is judged by its capture and that of its robots.txt; where there is none, it is pending."""
    monkeypatch.chdir(tmp_path)
    html = {"Content-Type": "text/html", "X-Crawl-Content-Encoding": "gzip"}
    reserved = b"User-agent: *\nContent-Signal: ai-train=no\n"
    warc(
        "robotstxt.warc.gz",
        ("https://open.example/robots.txt", 404, html, b"Not found"),
        ("https://closed.example/robots.txt", 200, {}, b"User-agent: ExampleBot\nDisallow: /\n"),
        ("https://moved.example/robots.txt", 301, {"Location": "https://www.moved.example/robots.txt"}, b""),
        ("https://www.moved.example/robots.txt", 200, {}, reserved),
        ("https://lost.example/robots.txt", 302, {"Location": "/elsewhere.txt"}, b""),
        ("https://failing.example/robots.txt", 503, {}, b""),
    )
    hosts = ("open", "closed", "moved", "lost", "failing", "unseen")
    pages = [(f"https://{host}.example/page", 200, html, PLAIN) for host in hosts]
    spoken = [
        ("https://open.example/noai", 200, html, NOAI),
        ("https://open.example/tdm", 200, {**html, "TDM-Reservation": "1"}, PLAIN),
    ]
    warc("pages.warc.gz", *pages, *spoken)
    told, names = run(COMMON_CRAWL, capsys)
    assert told == [
        "allow https://open.example/page",
        "deny https://closed.example/page fetch-forbidden",
        "deny https://moved.example/page refusal",
        "pending https://lost.example/page robots-unreachable",
        "pending https://failing.example/page robots-unreachable",
        "pending https://unseen.example/page robots-unreachable",
        "deny https://open.example/noai refusal",
        "deny https://open.example/tdm refusal",
    ]
    assert names["decision"].to_dict()["statements"][0]["where"] == "tdm-reservation"


def test_a_page_that_the_crawl_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the end of its head something may have stood, so it is pending."""
    monkeypatch.chdir(tmp_path)
    warc("robotstxt.warc.gz", ("https://open.example/robots.txt", 404, {}, b""))
    cut = ("https://open.example/page", 200, {"Content-Type": "text/html"}, b"<html><head><title>")
    warc("pages.warc.gz", cut, **{"WARC-Truncated": "length"})
    assert run(COMMON_CRAWL, capsys)[0] == ["pending https://open.example/page unreachable"]


def test_core(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints what stands beside it."""
    (expected,) = re.findall(r"print\(.*\)  # (.*)", CORE)
    assert run(CORE, capsys)[0] == [expected]


def test_settings_that_differ_are_settings() -> None:
    """Each that the table names is one."""
    table = TEXT.split("| setting | here |")[1].split("\n\n")[0]
    assert set(re.findall(r"OPTOUT_[A-Z_]+", table)) <= {setting.name for setting in SETTINGS}
