"""Web servers on loopback for programs that block, and sessions that are guarded.

Rule of this file: a server answers what a test wrote down and remembers what it was asked; nothing waits for luck.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from jsonschema import Draft202012Validator

import optout_middleware.audit
from optout_middleware.audit.reading import Damage, Run, records, runs
from optout_middleware.audit.replay import Replay
from optout_middleware.audit.verify import verify
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.sync import OptOut, WithheldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "ExampleBot"
PAGE = b"<html><head><title>A page</title></head><body>Text.</body></html>"
NOAI = b'<html><head><meta name="robots" content="noai"></head><body>Text.</body></html>'
ROBOTS, TDMREP = "/robots.txt", "/.well-known/tdmrep.json"
NOT_OURS = b"User-agent: ExampleBot\nDisallow: /closed\n"
RESERVED = b'[{"location": "/reserved", "tdm-reservation": 1}]'


class Reply(NamedTuple):
    """What a server answers to a path."""

    body: bytes = b""
    status: int = 404
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """What a server was asked."""

    path: str
    headers: Mapping[str, str]


class Site:
    """One server: the replies by path (others are 404), and all that it was asked, in order."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[Asked] = []
        self.before_reply: Callable[[str], object] = lambda _: None
        site = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):  # the method of each HTTP method
                    return lambda: site.answer(self)
                raise AttributeError(name)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def url(self, path: str = "/") -> str:
        """Give the absolute URL of a path."""
        return f"http://127.0.0.1:{self._http.server_port}{path}"

    def says(self, path: str, body: bytes = PAGE, status: int = 200, **headers: str) -> str:
        """Set the reply to a path (header names with "_" for "-"); give its URL."""
        named = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.replies[path] = Reply(body, status, named)
        return self.url(path)

    def moves(self, path: str, target: str, **headers: str) -> str:
        """Redirect a path to a URL; give the URL of the path."""
        return self.says(path, b"", 302, Location=target, **headers)

    def times(self, path: str) -> int:
        """Count how often a path was asked for."""
        return sum(seen.path == path for seen in self.asked)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append(Asked(handler.path, dict(handler.headers)))
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.before_reply(handler.path)
        body, status, headers = self.replies.get(handler.path, Reply())
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def close(self) -> None:
        """Stop."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@cache
def valid_line() -> Draft202012Validator:
    """Give the validator of lines, as the package publishes their schema."""
    schema = Path(optout_middleware.audit.__file__).parent / "schema" / "record-2.json"
    return Draft202012Validator(json.loads(schema.read_bytes()))


@dataclass
class Guards:
    """Guards sessions whose files stand below one directory."""

    directory: Path
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def audit(self) -> Path:
        """The audit directory."""
        return self.directory / "audit"

    def __call__(self, session: requests.Session | None = None, **settings: Any) -> OptOut:
        """Guard a session: the token, nothing outside of the directory, no waiting."""
        named: dict[str, Any] = {
            "OPTOUT_PRODUCT_TOKEN": TOKEN,
            "OPTOUT_AUDIT_DIR": str(self.audit),
            "OPTOUT_STORE": "",
            "OPTOUT_PROBE_BACK_OFF": [],
        }
        return OptOut(session or requests.Session(), **{**named, **self.settings, **settings})

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of all runs in the audit directory, in order; each as the schema has it."""
        found: list[dict[str, Any]] = []
        for record in records([str(self.audit)]):
            assert not isinstance(record, Damage)
            valid_line().validate(record.line)
            found.append(record.line)
        return sorted(found, key=itemgetter("time"))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Stage, outcome and action of each audit line."""
        return [(line["stage"], line["outcome"], line["action"]) for line in self.lines]

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the only run."""
        (run,) = runs([str(self.audit)])
        assert isinstance(run, Run)
        return run.manifest

    def assert_sound(self) -> None:
        """The log is as it was written, and every line of it is derived again."""
        assert verify([str(self.audit)]).findings == ()
        replay = Replay([str(self.audit)], ArchiveReader([self.audit]))
        assert list(replay.differences()) == []
        assert replay.counts.same == replay.counts.lines == len(self.lines)


def withheld(call: Callable[[], object]) -> WithheldError:
    """Give the error with which a call is refused."""
    try:
        call()
    except WithheldError as error:
        return error
    raise AssertionError("it was not refused")
