"""A `Fetch` on `requests`, each fetch in a thread of its own: for the command line and the dataset side.

Rule of this file: nothing of this machine or of an earlier fetch goes along: no cookie, no credential (from
the URL or from .netrc), no proxy of the environment. Remote faults are evidence, never an exception.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests
import urllib3

from optout_middleware.evidence.encodings import EncodingError, undone
from optout_middleware.evidence.public_adapter import PublicAdapter
from optout_middleware.evidence.public_addresses import refusal
from optout_middleware.evidence.revalidation import conditions
from optout_middleware.terms import Evidence, Hop
from optout_middleware.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from optout_middleware.evidence.fetch import Limits

_CHUNK = 16_384
_GRACE = 1.0  # seconds for a thread to tell of its own that its time is up
_LONGEST_ERROR = 300
_OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-fA-F]+>:? ?")  # differs from run to run and tells nobody anything
_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class RequestsFetch:
    """A `Fetch` on `requests`.

    Args:
        user_agent: the User-Agent header; it names our product token.
        proxies: scheme -> proxy URL, as `requests` takes it; None = no proxy.
        session: makes the session of one fetch, for example with certificates of one's own; its cookies,
            credentials and headers are not used, nor its adapters where only public addresses are asked.
        now: the clock, aware.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        proxies: Mapping[str, str] | None = None,
        session: Callable[[], requests.Session] = requests.Session,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._user_agent = user_agent
        self._proxies = dict(proxies or {})
        self._make_session = session
        self._now = now

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Fetch a URL within the limits; see `optout_middleware.evidence.fetch.Fetch`.

        An origin that sends its headers octet by octet holds the thread for longer than the fetch takes. So it is a
        daemon: a thread of `asyncio.to_thread` would keep the program from ending.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Evidence] = loop.create_future()

        def tell(seen: Evidence) -> None:
            if not done.done():
                done.set_result(seen)

        def run() -> None:
            seen = self._fetched(url, limits, known)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(tell, seen)

        threading.Thread(target=run, name=f"fetch {url}", daemon=True).start()
        await asyncio.wait({done}, timeout=limits.timeout + _GRACE)
        return done.result() if done.done() else _Chain(url, self._now).failed(_late(limits))

    def _fetched(self, url: str, limits: Limits, known: Evidence | None) -> Evidence:
        """Follow the redirects from a URL, then read the body."""
        chain = _Chain(url, self._now)
        deadline = time.monotonic() + limits.timeout
        try:
            with self._session(limits) as session:
                headers = dict(conditions(known))
                while True:
                    if limits.public_only and (refused := refusal(chain.link)):
                        return chain.failed(refused)
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return chain.failed(_late(limits))
                    with session.get(
                        chain.link, headers=headers, timeout=left, stream=True, allow_redirects=False,
                        auth=_no_credential,
                    ) as response:  # fmt: skip
                        target = session.get_redirect_target(response)
                        if target is None:
                            return chain.read(response, limits, deadline)
                        if ended := chain.follow(response, urljoin(chain.link, target), limits):
                            return ended
                        headers = {}
        except _FAULTS as error:
            late = time.monotonic() >= deadline
            return chain.failed(_late(limits) if late else _line(error))

    def _session(self, limits: Limits) -> requests.Session:
        session = self._make_session()
        if limits.public_only:
            session.adapters.clear()
            for scheme in ("http://", "https://"):
                session.mount(scheme, PublicAdapter())
        session.trust_env = False
        session.auth = None
        session.cookies = requests.cookies.RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        session.proxies = dict(self._proxies)
        session.headers.clear()
        session.headers.update(
            {**requests.utils.default_headers(), "User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        )
        return session


class _Chain:
    """One fetch in the making: where it started, what redirected it, where it is."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self._url = self.link = url
        self._now = now
        self._hops: list[Hop] = []

    def follow(self, response: requests.Response, target: str, limits: Limits) -> Evidence | None:
        """Go on to the target of a redirect; give the evidence where the chain ends with it."""
        if len(self._hops) >= limits.max_redirects:
            return self._seen(response, b"", error=f"more than {limits.max_redirects} redirects")
        if origin_of(target) is None:
            return self._seen(response, b"", error="redirected to something that is not an http(s) URL")
        self._hops.append(Hop(self.link, response.status_code, tuple(response.raw.headers.items())))
        self.link = target
        return None

    def read(self, response: requests.Response, limits: Limits, deadline: float) -> Evidence:
        """Read the body up to the limits; what is not whole is said to be so."""
        coding = response.headers.get("Content-Encoding", "")
        body = bytearray()
        try:
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                body += chunk
                if len(body) > limits.max_bytes:
                    break
                if time.monotonic() >= deadline:
                    return self._seen(response, bytes(body), truncated=True, error=_late(limits))
            plain = (
                bytes(body)
                if len(body) > limits.max_bytes and not coding
                else undone(bytes(body), coding, limits.max_bytes)
            )
        except EncodingError as error:
            return self._seen(response, b"", truncated=True, error=str(error))
        except _FAULTS as error:
            line = _late(limits) if time.monotonic() >= deadline else _line(error)
            return self._seen(response, bytes(body), truncated=True, error=line)
        return self._seen(response, plain[: limits.max_bytes], truncated=len(plain) > limits.max_bytes)

    def failed(self, error: str) -> Evidence:
        """Give the evidence of a chain whose last link did not answer."""
        return Evidence(self._url, None, (), b"", self._now(), final_url=self.link, error=error, hops=self._hops)

    def _seen(
        self, response: requests.Response, body: bytes, *, truncated: bool = False, error: str | None = None
    ) -> Evidence:
        return Evidence(
            self._url,
            response.status_code,
            response.raw.headers.items(),
            body,
            self._now(),
            final_url=self.link,
            error=error,
            truncated=truncated,
            hops=self._hops,
        )


def _no_credential(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand where `requests` would else put the user and password of the URL."""
    return request


def _late(limits: Limits) -> str:
    return f"not whole within {limits.timeout:g} s"


def _line(error: Exception) -> str:
    """Say in one line what went wrong; the innermost reason of a nest of wrapped errors says it best."""
    inner: object = error
    while isinstance(inner, Exception):
        error = inner
        inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, Exception)), None)
    text = " ".join(_OBJECT.sub("", str(error)).split())
    return f"{type(error).__name__}: {text}"[:_LONGEST_ERROR]
