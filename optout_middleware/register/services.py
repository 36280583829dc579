"""Registries that are services: asked by URL, over the network, and never taken for silent when they cannot be asked.

Rule of this file: an answer is `reserved`, `not listed` or `could not ask`; the last is a doubt (rule R12) and never
the second. Nothing of this machine goes along but the key: no cookie, no credential of .netrc, no proxy of the
environment.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Protocol

import requests

from optout_middleware.terms import Claim, OptOutError, _Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

SPAWNING_URL = "https://opts-api.spawningaiapi.com/api/v2/query/urls/"
SPAWNING_KEY = "SPAWNING_API_KEY"  # the name of the environment variable
BATCH = 10_000  # URLs of one request at most
_BATCH_OCTETS = 4 * 1_048_576
_LARGEST_ANSWER = 64 * 1_048_576
_BACK_OFF = (1.0, 4.0)  # seconds before the second and third try
_LONGEST_WAIT = 60.0  # seconds that a Retry-After is waited for
_LONGEST_NOTE = 200
_AGAIN = (429, 500, 502, 503, 504)


class State(_Word):
    """What a registry said of a URL."""

    RESERVED = "reserved"
    NOT_LISTED = "not listed"
    COULD_NOT_ASK = "could not ask"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry said of one URL, and why it could not be asked."""

    url: str
    state: State
    note: str = ""


class Registry(Protocol):
    """A registry of reservations that can be asked by URL.

    `name` is what records call it. `ask` gives one answer for each URL, in their order, and never raises on faults of
    the network or the service.
    """

    @property
    def name(self) -> str:
        """What records call it."""

    def ask(self, urls: Sequence[str]) -> list[Answer]:
        """Ask about URLs."""


class Spawning:
    """Spawning's "Do Not Train" registry (github.com/Spawning-Inc/datadiligence, read in November 2026).

    Args:
        key: the key of the service; None = the environment variable SPAWNING_API_KEY.
        timeout: seconds for each request, to connect and between octets.
        deadline: seconds for one call of `ask`, tries and waiting included.
        batch: URLs of one request, at most 10,000.
        back_off: seconds before each further try.
        proxies: scheme -> proxy URL, as `requests` takes it.
        sleep, clock: for waiting, and for the deadline.

    Raises:
        OptOutError: there is no key, or a number that cannot be.
    """

    name = "Spawning Do Not Train"

    def __init__(
        self,
        key: str | None = None,
        *,
        timeout: float = 20.0,
        deadline: float = 120.0,
        batch: int = BATCH,
        back_off: Sequence[float] = _BACK_OFF,
        proxies: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = (key if key is not None else os.environ.get(SPAWNING_KEY, "")).strip()
        if not self._key or not self._key.isascii() or not self._key.isprintable():
            raise OptOutError(f"{self.name} needs a key: set the environment variable {SPAWNING_KEY}")
        if not 1 <= batch <= BATCH:
            raise OptOutError(f"batch is {batch}: {self.name} takes 1 to {BATCH} URLs at a time")
        self._timeout, self._deadline, self._batch = timeout, deadline, batch
        self._back_off = tuple(back_off)
        self._proxies = dict(proxies or {})
        self._sleep, self._clock = sleep, clock

    def ask(self, urls: Sequence[str]) -> list[Answer]:
        """Ask about URLs, in batches; each that has no clear answer could not be asked."""
        answers: dict[str, Answer] = {}
        until = self._clock() + self._deadline
        with self._session() as session:
            for batch in self._batches(dict.fromkeys(urls)):
                answers |= {answer.url: answer for answer in self._ask(session, batch, until)}
        return [answers.get(url) or Answer(url, State.COULD_NOT_ASK, "the URL cannot be sent") for url in urls]

    def _batches(self, urls: Iterable[str]) -> Iterator[list[str]]:
        """Give URLs in batches; one with a line break, or with what is no UTF-8, cannot be sent in a list of lines."""
        batch: list[str] = []
        size = 0
        for url in urls:
            try:
                length = len(url.encode()) + 1
            except UnicodeEncodeError:
                continue
            if not url.strip() or url != url.strip() or len(url.splitlines()) > 1 or length > _BATCH_OCTETS:
                continue
            if batch and (len(batch) >= self._batch or size + length > _BATCH_OCTETS):
                yield batch
                batch, size = [], 0
            batch.append(url)
            size += length
        if batch:
            yield batch

    def _ask(self, session: requests.Session, batch: list[str], until: float) -> list[Answer]:
        note = "no time left"
        for wait in (*self._back_off, None):
            left = until - self._clock()
            if left <= 0:
                break
            try:
                told, note, again = self._post(session, batch, min(self._timeout, left))
            except (requests.RequestException, OSError, ValueError) as error:
                told, note, again = None, type(error).__name__, wait
            if told is not None:
                return [self._answer(url, told) for url in batch]
            if wait is None or again is None:
                break
            self._sleep(max(0.0, min(max(wait, again), _LONGEST_WAIT, until - self._clock())))
        return [Answer(url, State.COULD_NOT_ASK, note) for url in batch]

    def _post(
        self, session: requests.Session, batch: list[str], timeout: float
    ) -> tuple[dict[str, bool] | None, str, float | None]:
        """Send one request: what was told by URL, or why nothing was, and after how many seconds to try again."""
        with session.post(
            SPAWNING_URL,
            data="\n".join(batch).encode(),
            headers={"Authorization": f"API {self._key}", "Content-Type": "text/plain"},
            timeout=timeout,
            stream=True,
            allow_redirects=False,
        ) as response:
            if response.status_code != requests.codes.ok:
                retry = response.headers.get("Retry-After", "")
                wait = float(retry) if retry.isascii() and retry.isdigit() else 0.0
                return None, f"status {response.status_code}", wait if response.status_code in _AGAIN else None
            body = bytearray()
            for chunk in response.iter_content(65_536):
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    return None, "the answer is too long", None
        try:
            return _told(json.loads(bytes(body))), "", None
        except (ValueError, RecursionError) as error:
            return None, f"the answer cannot be read: {error}"[:_LONGEST_NOTE], None

    def _answer(self, url: str, told: Mapping[str, bool]) -> Answer:
        if url not in told:
            return Answer(url, State.COULD_NOT_ASK, "the answer leaves it out")
        return Answer(url, State.RESERVED if told[url] else State.NOT_LISTED)

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.cookies = requests.cookies.RequestsCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        session.proxies = dict(self._proxies)
        return session


def _told(document: object) -> dict[str, bool]:
    """Read an answer of the service, `{"urls": [{"url": ..., "optOut": true}]}`; of two about one URL the stricter."""
    listed = document.get("urls") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it has no list of urls")  # noqa: TRY004 - of the service, not of a caller
    told: dict[str, bool] = {}
    for item in listed:
        if isinstance(item, dict) and isinstance(item.get("url"), str) and isinstance(item.get("optOut"), bool):
            told[item["url"]] = told.get(item["url"], False) or item["optOut"]
    return told


def claims(answers: Iterable[Answer], registry: str) -> dict[str, Claim]:
    """Give the claims that answers come to, by URL: a reservation, or the doubt that could not be asked away.

    Args:
        answers: of one registry.
        registry: its name.
    """
    found = {}
    for answer in answers:
        if answer.state is State.RESERVED:
            text = f"{registry} lists {answer.url}"
            found[answer.url] = Claim("register-strong", registry, "R4", text)
        elif answer.state is State.COULD_NOT_ASK:
            text = f"{registry} could not be asked about {answer.url}: {answer.note}"
            found[answer.url] = Claim("register-damaged", registry, "R12", text)
    return found
