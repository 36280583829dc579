"""The hook on a `requests.Session`: nothing is sent, and no answer handed over, that the gate has not judged.

Rule of this file: `send` judges before anything is sent, once for each redirect, whatever answers then; the adapter
that sends is wrapped, so that the gate sees an answer before the hooks of whoever asked. What reaches `send` past the
adapter (from a cache) is judged there. A session that was guarded stays closed once its gate is closed.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from requests.adapters import BaseAdapter
from requests.utils import resolve_proxies

from optout_middleware.audit.record import now
from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.settings import (
    PREFIX,
    Settings,
    SettingsError,
    check_user_agent,
    default_user_agent,
    unknown_names,
)
from optout_middleware.stages import Judged, settling
from optout_middleware.sync.answers import evidence_of, hop_of
from optout_middleware.sync.gate import Gate
from optout_middleware.sync.loop import LoopThread
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from optout_middleware.terms import Decision, Hop

logger = logging.getLogger(__name__)

_PAST_SEND = "an adapter was used past session.send, where nothing is judged: send requests through the session"


class WithheldError(requests.RequestException):
    """A page that is not handed over, since it is reserved or pending: not fetched at all, or only looked at.

    Attributes:
        decision: why; its `outcome` is `deny` or `pending`.
        line: where the audit log has it: "RUN-WRITER:SEQ".
        request: the request that was refused, or whose answer is withheld.
    """

    def __init__(self, judged: Judged, done: str, request: requests.PreparedRequest) -> None:
        self.decision: Decision = judged.decision
        self.line = judged.line
        super().__init__(f"opt-out: {request.url} is {done}: {settling(judged.decision)}", request=request)


class _Originals(NamedTuple):
    """The methods of a session that the hook stands before, and its own User-Agent."""

    send: Callable[..., requests.Response]
    get_adapter: Callable[[str], BaseAdapter]
    user_agent: str | bytes | None


class _Call:
    """One call of `send`, with the redirects that it has followed so far."""

    def __init__(self, request: requests.PreparedRequest, fetch: RequestsFetch, *, follows: bool) -> None:
        self.fetch, self.follows = fetch, follows
        self.hops: list[Hop] = []
        self.is_led_on = False
        self._hooks = request.hooks

    def goes_on_with(self, request: requests.PreparedRequest) -> bool:
        """Tell whether a request follows the last redirect; `requests` makes it a copy with the same hooks."""
        return self.is_led_on and request.hooks is self._hooks


class OptOut:
    """Guards a session until it is closed; best used in a `with` statement.

    Each response that is handed over has the attribute `optout` (`OPTOUT_TAG_FIELD`), a `Judged`: its decision, and
    where its audit line stands. All threads that share the session may use it.

    Attributes:
        session: the session that it guards.
        gate: what judges and records, in a thread of its own.
        originals: what the hook stands before.

    Args:
        session: whose requests are judged; its adapters, hooks and cookies stay as they are. Its User-Agent must name
            the product token; where it has none of its own, it gets one.
        settings: the settings of a crawl by their names, for example `OPTOUT_PRODUCT_TOKEN="ExampleBot"`.

    Raises:
        OptOutError: a setting that cannot be, a log, store or register that cannot be opened, or a session that is
            guarded already.
    """

    def __init__(self, session: requests.Session, **settings: Any) -> None:
        self._settings = _read(settings)
        self._token = self._settings.policy.product_token
        self.session = session
        self._calls = threading.local()
        self.originals = _originals(session)
        ours = default_user_agent(self._token, self._settings.contact_url)
        if self.originals.user_agent in (None, requests.utils.default_user_agent()):
            session.headers["User-Agent"] = ours
        user_agent = _text(session.headers["User-Agent"])
        try:
            self._check_user_agent(user_agent)
            self._loop = LoopThread()
            try:
                self.gate = self._loop.call(partial(Gate.open, self._settings, user_agent))
            except BaseException:
                self._loop.close()
                raise
        except BaseException:
            _set_user_agent(session, self.originals.user_agent)
            raise
        vars(session).update(send=self._send, get_adapter=self._adapter_of)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        try:
            self.close(kind.__name__)
        except OptOutError as another:  # what ended the block is the one to raise
            logger.error(str(another))  # noqa: TRY400 - one line, no stack trace

    @property
    def stats(self) -> Mapping[str, Any]:
        """What was counted so far, by the names of a crawl's stats."""
        return dict(self.gate.stats.values)

    @property
    def is_closed(self) -> bool:
        """Whether nothing passes any more."""
        return self._loop.is_closed

    def close(self, reason: str = "finished") -> None:
        """Write what is not written yet, close the audit log, let nothing pass any more; a second call does nothing.

        Args:
            reason: why, for the run manifest.

        Raises:
            OptOutError: it could not be written.
        """
        if not self._loop.is_closed:
            _set_user_agent(self.session, self.originals.user_agent)
        self._loop.close(partial(self.gate.close, reason))

    def _send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Stand in place of `Session.send`."""
        calls, fetch = self._open_calls(), self._fetch_for(request, kwargs)
        if calls and calls[-1].goes_on_with(request):
            calls[-1].fetch, calls[-1].is_led_on = fetch, False
            self._let(request, fetch)
            return self.originals.send(request, **kwargs)
        call = _Call(request, fetch, follows=bool(kwargs.get("allow_redirects", True)))
        calls.append(call)
        try:
            self._let(request, fetch)
            response = self.originals.send(request, **kwargs)
            if not isinstance(getattr(response, self._settings.tag_field, None), Judged):
                call.follows = False
                call.hops = [hop_of(one) for one in response.history if one.is_redirect]
                self._judge(response, call, stream=bool(kwargs.get("stream", self.session.stream)))
        finally:
            calls.pop()
        return response

    def _adapter_of(self, url: str) -> BaseAdapter:
        """Stand in place of `Session.get_adapter`."""
        return _Guarded(self.originals.get_adapter(url), self._answered)

    def _answered(self, response: requests.Response, *, stream: bool) -> None:
        """Judge what an adapter got."""
        calls = self._open_calls()
        if not calls:
            raise OptOutError(_PAST_SEND)
        self._judge(response, calls[-1], stream=stream)

    def _fetch_for(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> RequestsFetch:
        """Give what probes go through: the way that the request is about to go.

        Raises:
            OptOutError: nothing passes any more.
            SettingsError: the request does not say whose it is.
        """
        self._loop.check()
        session, user_agent = self.session, _text(request.headers.get("User-Agent") or "")
        self._check_user_agent(user_agent)
        proxies = kwargs.get("proxies")
        if proxies is None:
            proxies = resolve_proxies(request, dict(session.proxies), session.trust_env)
        trusting = partial(_probing, kwargs.get("verify", session.verify))
        return RequestsFetch(user_agent, proxies=proxies, session=trusting)

    def _let(self, request: requests.PreparedRequest, fetch: RequestsFetch) -> None:
        """Judge a request before it is sent."""
        verdict = self._loop.call(partial(self.gate.request, request.url or "", request.method or "", fetch))
        if verdict.is_refused:
            raise WithheldError(verdict.judged, "not fetched", request)

    def _judge(self, response: requests.Response, call: _Call, *, stream: bool) -> None:
        """Judge an answer, and mark it; a redirect that is about to be followed is kept in mind instead."""
        is_followed = call.follows and self.session.get_redirect_target(response) is not None
        seen, size = evidence_of(response, call.hops, now(), stream=stream, is_followed=is_followed)
        judging = partial(self.gate.response, seen, size, response.request.method or "", call.fetch)
        verdict = self._loop.call(partial(judging, is_followed=is_followed))
        if verdict.is_refused:
            response.close()
            raise WithheldError(verdict.judged, "withheld", response.request)
        if is_followed:
            call.hops.append(hop_of(response))
            call.is_led_on = True
        else:
            call.hops = []
            setattr(response, self._settings.tag_field, verdict.judged)

    def _open_calls(self) -> list[_Call]:
        """Give the calls of `send` that this thread is in, the innermost last."""
        calls: list[_Call] = vars(self._calls).setdefault("open", [])
        return calls

    def _check_user_agent(self, user_agent: str) -> None:
        check_user_agent(user_agent, self._token, "the header User-Agent")


class _Guarded(BaseAdapter):
    """An adapter whose answers are judged before anybody gets them; all else is the adapter's own."""

    def __init__(self, adapter: BaseAdapter, judge: Callable[..., None]) -> None:
        super().__init__()
        self._adapter, self._judge = adapter, judge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, and judge the answer."""
        response = self._adapter.send(request, *args, **kwargs)
        self._judge(response, stream=bool(kwargs.get("stream")))
        return response

    def close(self) -> None:
        """Close the adapter."""
        self._adapter.close()


def _read(settings: Mapping[str, Any]) -> Settings:
    """Read the settings; here each name must be one of ours."""
    for name in settings:
        if not name.startswith(PREFIX):
            raise SettingsError(f"{name} is no setting: write them as a crawl has them, such as {PREFIX}OPERATOR")
    for line in unknown_names(settings):
        raise SettingsError(line)
    read = Settings.read(settings.get)
    if not read.enabled:
        raise SettingsError("OPTOUT_ENABLED is False: to judge nothing, use the session without OptOut")
    return read


def _originals(session: requests.Session) -> _Originals:
    """Give the methods of a session as they were before any gate.

    Raises:
        OptOutError: another gate guards it.
    """
    owner = getattr(vars(session).get("send"), "__self__", None)
    if not isinstance(owner, OptOut):
        return _Originals(session.send, session.get_adapter, session.headers.get("User-Agent"))
    if not owner.is_closed:
        raise OptOutError("this session is guarded by another OptOut: close that one first")
    return owner.originals._replace(user_agent=session.headers.get("User-Agent"))


def _set_user_agent(session: requests.Session, user_agent: str | bytes | None) -> None:
    if user_agent is None:
        session.headers.pop("User-Agent", None)
    else:
        session.headers["User-Agent"] = user_agent


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _probing(verify: bool | str) -> requests.Session:  # noqa: FBT001 - as requests has it
    """Make the session of a probe: it trusts the certificates that the page's request trusts."""
    session = requests.Session()
    session.verify = verify
    return session
