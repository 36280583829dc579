"""A `Fetch` on Scrapy's engine: a probe waits its turn in the page's download slot and goes through the page's proxy.

Rule of this file: a probe carries our User-Agent, the validators of what we have, and nothing that a project, a spider
or a middleware would put into a request: no cookie, no credential, no further header. It follows redirects itself, so
that each hop is seen with its headers. Whatever goes wrong is evidence (`status` None), never an exception.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from scrapy import Request, signals
from scrapy.exceptions import DownloadCancelledError, StopDownload
from scrapy.http import Headers
from scrapy.http.request import NO_CALLBACK
from w3lib.url import safe_url_string

from optout_middleware.evidence.public_addresses import refusal, refusal_of
from optout_middleware.evidence.revalidation import conditions
from optout_middleware.terms import Evidence, Hop
from optout_middleware.urls import host_of, origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

    from optout_middleware.evidence.fetch import Limits

MARK = "optout_probe"
# What the way to a page is made of; all else in the meta of a page is its own matter.
_WAY = ("proxy", "bindaddress", "download_slot")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# A file that is longer than a probe reads is cut there, unless it says that it is this many times longer.
_FAR_TOO_LONG = 16
_LONGEST_ERROR = 300


class _NotPublicError(Exception):
    """What is asked, or what answered, does not stand on a public address."""


class EngineFetch:
    """A `Fetch` for the locations of one page's origin.

    Args:
        crawler: whose engine downloads.
        page: the request on whose behalf the probes are made.
        mark: what tells our probes in the downloader middleware; a spider cannot come by it.
    """

    def __init__(self, crawler: Crawler, page: Request, mark: object) -> None:
        self._crawler = crawler
        self._user_agent: str = crawler.settings["USER_AGENT"]
        self._way = {name: page.meta[name] for name in _WAY if name in page.meta}
        # Scrapy has moved the userinfo of a proxy into this header where the page comes back from a redirect or retry.
        self._proxy_authorization = page.headers.get(b"Proxy-Authorization")
        self._mark = mark

    async def __call__(self, url: str, limits: Limits, known: Evidence | None = None) -> Evidence:
        """Fetch a URL within the limits; see `optout_middleware.evidence.fetch.Fetch`.

        Where only public addresses are asked: without a proxy the address that answered is looked at too, and what it
        answered is not used; with one, names that this machine cannot resolve are the proxy's to resolve.
        """
        link, hops, deadline = url, list[Hop](), time.monotonic() + limits.timeout
        while True:
            try:
                if limits.public_only:
                    await _check_public(link, deadline)
                response = await self._downloaded(link, limits, deadline, {} if hops else conditions(known))
                if limits.public_only:
                    _check_peer(response)
            except Exception as error:  # noqa: BLE001 - a download handler or middleware may raise anything
                return Evidence(url, None, (), b"", _now(), final_url=link, error=_line(error), hops=hops)
            location = response.headers.get(b"Location")
            if response.status not in _REDIRECTS or location is None:
                return _seen(url, response, limits, hops)
            target = urljoin(link, safe_url_string(location))
            if len(hops) >= limits.max_redirects:
                return _seen(url, response, limits, hops, error=f"more than {limits.max_redirects} redirects")
            if origin_of(target) is None:
                return _seen(url, response, limits, hops, error="redirected to something that is not an http(s) URL")
            hops.append(Hop(link, response.status, _texts(response.headers)))
            link = target

    async def _downloaded(self, url: str, limits: Limits, deadline: float, conditional: Mapping[str, str]) -> Response:
        """Download one link; a file that is too long for the limits is asked for again and cut."""
        try:
            return await self._crawler.engine.download_async(self._probe(url, deadline, limits.max_bytes, conditional))
        except DownloadCancelledError:
            probe = self._probe(url, deadline, limits.max_bytes * _FAR_TOO_LONG, conditional)
        received = 0

        def cut(data: bytes, request: Request) -> None:
            nonlocal received
            if request is probe:
                received += len(data)
                if received > limits.max_bytes:
                    raise StopDownload(fail=False)

        # Connected for this download only: each handler costs every chunk of every page.
        self._crawler.signals.connect(cut, signals.bytes_received)
        try:
            return await self._crawler.engine.download_async(probe)
        finally:
            self._crawler.signals.disconnect(cut, signals.bytes_received)

    def _probe(self, url: str, deadline: float, max_bytes: int, conditional: Mapping[str, str]) -> Request:
        meta: dict[str, Any] = {
            **self._way,
            MARK: self._mark,
            "allow_offsite": True,
            "dont_cache": True,  # Scrapy's default policy would answer with yesterday's opt-out for ever
            "dont_merge_cookies": True,
            "dont_retry": True,  # whoever gathers asks again with back-off
            "dont_redirect": True,
            "handle_httpstatus_all": True,
            "autothrottle_dont_adjust_delay": True,
            "download_timeout": max(deadline - time.monotonic(), 0.001),
            "download_maxsize": max_bytes,
            "download_warnsize": 0,
        }
        probe = Request(url, callback=NO_CALLBACK, meta=meta)
        probe.headers = _ProbeHeaders({"User-Agent": self._user_agent, "Accept-Encoding": "identity"})
        for name, value in conditional.items():  # in Latin-1, as `Evidence` has them
            Headers.__setitem__(probe.headers, name, value.encode("latin-1"))
        if self._proxy_authorization:
            probe.headers["Proxy-Authorization"] = self._proxy_authorization
        return probe


class _ProbeHeaders(Headers):
    """Headers that take no other names than a probe carries, whatever middlewares put in; User-Agent is set once.

    Those that ask about what we have are put in past this.
    """

    def __setitem__(self, key: str | bytes, value: Any) -> None:
        if self._takes(self.normkey(key)):
            super().__setitem__(key, value)

    def setdefault(self, key: str | bytes, def_val: Any = None) -> Any:
        return super().setdefault(key, def_val) if self._takes(self.normkey(key)) else self.normvalue(def_val)

    def update(  # type: ignore[override]  # as in the class above
        self, seq: Mapping[str, Any] | Mapping[bytes, Any] | Iterable[tuple[str | bytes, Any]]
    ) -> None:
        pairs = seq.items() if hasattr(seq, "items") else seq
        for key, value in pairs:
            self[key] = value

    def copy(self) -> Self:
        """Give a copy with all that stands in it; download handlers send one."""
        copied = super().copy()
        dict.update(copied, self)
        return copied

    def _takes(self, name: bytes) -> bool:
        return name in (b"Accept-Encoding", b"Proxy-Authorization") or (name == b"User-Agent" and name not in self)


def _seen(url: str, response: Response, limits: Limits, hops: list[Hop], *, error: str | None = None) -> Evidence:
    cut = "download_stopped" in response.flags or len(response.body) > limits.max_bytes
    if "dataloss" in response.flags or "partial" in response.flags:
        error = error or "the response is not whole"
    if (coding := response.headers.get(b"Content-Encoding")) and "decoded" not in response.flags:
        error = error or f"Content-Encoding {coding.decode('latin-1')[:40]} was not undone"
    return Evidence(
        url,
        response.status,
        _texts(response.headers),
        response.body[: limits.max_bytes],
        _now(),
        final_url=response.url,
        error=error,
        truncated=cut,
        hops=hops,
        from_cache="cached" in response.flags,
    )


async def _check_public(url: str, deadline: float) -> None:
    """Raise where a host resolves to an address that is not public; the resolver may block, so in a thread."""
    resolving = asyncio.get_running_loop().run_in_executor(None, refusal, url)
    if refused := await asyncio.wait_for(resolving, max(deadline - time.monotonic(), 0.001)):
        raise _NotPublicError(refused)


def _check_peer(response: Response) -> None:
    """Raise where the address that answered is not public, or not known; that of a proxy is the operator's own."""
    if response.request is not None and response.request.meta.get("proxy"):
        return
    if response.ip_address is None:
        raise _NotPublicError("what answered is not known, and so is not a public address")
    if refused := refusal_of(host_of(response.url), [response.ip_address]):
        raise _NotPublicError(refused)


def _texts(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Give header fields as `Evidence` has them: lower-case names, Latin-1 text."""
    return tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, values in headers.items()
        for value in values
    )


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _line(error: Exception) -> str:
    name = "" if isinstance(error, _NotPublicError) else f"{type(error).__name__}: "
    return f"{name}{' '.join(str(error).split())}"[:_LONGEST_ERROR]
