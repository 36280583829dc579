"""Registries that are services: batches, tries, and that a fault is never read as silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from optout_middleware.policy import FINDINGS
from optout_middleware.register.services import SPAWNING_KEY, SPAWNING_URL, Answer, Registry, Spawning, State, claims
from optout_middleware.terms import OptOutError, Outcome

if TYPE_CHECKING:
    from requests_mock.mocker import Mocker

A, B, C = "https://a.example/1", "https://b.example/2", "https://c.example/ü"


def spawning(waits: list[float] | None = None, **options: Any) -> Spawning:
    """Make a client that does not sleep."""
    slept = waits if waits is not None else []
    return Spawning("secret", sleep=slept.append, **options)


def told(**by_url: bool) -> dict[str, Any]:
    """Make an answer of the service."""
    return {"urls": [{"url": {"a": A, "b": B, "c": C}[name], "optOut": out} for name, out in by_url.items()]}


def states(client: Spawning, *urls: str) -> list[str]:
    """Give what was said of each."""
    answers = client.ask(urls)
    assert [answer.url for answer in answers] == list(urls)
    return [str(answer.state) for answer in answers]


def test_what_the_service_says(requests_mock: Mocker) -> None:
    """In the order of the question; what the answer leaves out could not be asked."""
    requests_mock.post(SPAWNING_URL, json=told(b=False, a=True))
    assert states(spawning(), A, B, C, A) == ["reserved", "not listed", "could not ask", "reserved"]
    sent = requests_mock.last_request
    assert sent is not None
    assert sent.headers["Authorization"] == "API secret"
    assert sent.headers["Content-Type"] == "text/plain"
    assert sent.body.decode() == f"{A}\n{B}\n{C}"


def test_it_is_a_registry() -> None:
    """The client has the form that others have too."""
    client: Registry = spawning()
    assert client.name == "Spawning Do Not Train"
    assert client.ask([]) == []


def test_batches(requests_mock: Mocker) -> None:
    """No request has more URLs than the service takes; one batch that fails does not answer for another."""

    def answered(request: Any, context: Any) -> Any:
        urls = request.body.decode().split("\n")
        assert len(urls) <= 2
        if A in urls:
            context.status_code = 403
            return {}
        return {"urls": [{"url": url, "optOut": False} for url in urls]}

    requests_mock.post(SPAWNING_URL, json=answered)
    urls = [f"https://a.example/{number}" for number in range(5)]
    assert states(spawning(batch=2), *urls) == ["could not ask", "could not ask", *["not listed"] * 3]
    assert requests_mock.call_count == 3


FAULTS: list[dict[str, Any]] = [
    {"exc": requests.ConnectTimeout},
    {"exc": requests.ConnectionError},
    {"status_code": 500},
    {"status_code": 429},
    {"status_code": 401},
    {"status_code": 302, "headers": {"Location": "https://elsewhere.example/"}},
    {"status_code": 204},
    {"text": ""},
    {"text": "<html>"},
    {"text": "[" * 100_000},
    {"content": b"\xff\xfe"},
    {"json": []},
    {"json": {"urls": {}}},
    {"json": {"urls": []}},
    {"json": {"urls": [{"url": A}]}},
    {"json": {"urls": [{"url": A, "optOut": "false"}]}},
    {"json": {"urls": [{"url": A, "optOut": 0}]}},
    {"json": {"urls": [A, None, {"url": 7, "optOut": False}]}},
    {"json": {"urls": [{"url": A + "/", "optOut": False}]}},
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_never_silence(requests_mock: Mocker, fault: dict[str, Any]) -> None:
    """Time-outs, statuses, redirects, garbage: could not ask, which is pending and not allowed."""
    requests_mock.post(SPAWNING_URL, **fault)
    (answer,) = spawning().ask([A])
    assert answer.state is State.COULD_NOT_ASK
    assert answer.note
    assert "\n" not in answer.note
    (claim,) = claims([answer], "Spawning").values()
    assert (claim.finding, claim.rule) == ("register-damaged", "R12")
    assert {FINDINGS[claim.finding].precautionary, FINDINGS[claim.finding].literal} == {Outcome.PENDING}


def test_two_answers_about_one_url_are_the_stricter(requests_mock: Mocker) -> None:
    """A service that contradicts itself reserves."""
    for order in ([True, False], [False, True]):
        requests_mock.post(SPAWNING_URL, json={"urls": [{"url": A, "optOut": out} for out in order]})
        assert states(spawning(), A) == ["reserved"]


def test_it_is_tried_again_a_bounded_number_of_times(requests_mock: Mocker) -> None:
    """Faults that pass are tried three times, as the service asks for; others once."""
    waits: list[float] = []
    requests_mock.post(
        SPAWNING_URL,
        [{"status_code": 503}, {"status_code": 429, "headers": {"Retry-After": "7"}}, {"json": told(a=False)}],
    )
    assert states(spawning(waits), A) == ["not listed"]
    assert waits == [1.0, 7.0]
    waits.clear()
    requests_mock.reset_mock()
    requests_mock.post(SPAWNING_URL, status_code=500)
    assert states(spawning(waits), A) == ["could not ask"]
    assert (requests_mock.call_count, waits) == (3, [1.0, 4.0])
    requests_mock.reset_mock()
    requests_mock.post(SPAWNING_URL, status_code=403)
    assert states(spawning(waits), A) == ["could not ask"]
    assert requests_mock.call_count == 1


@pytest.mark.parametrize("retry", ["9999999", "Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1e9"])
def test_no_service_makes_us_wait_for_long(requests_mock: Mocker, retry: str) -> None:
    """Whatever it asks for."""
    waits: list[float] = []
    requests_mock.post(SPAWNING_URL, status_code=429, headers={"Retry-After": retry})
    assert states(spawning(waits), A) == ["could not ask"]
    assert max(waits) <= 60


def test_the_deadline_ends_it(requests_mock: Mocker) -> None:
    """No request is sent when its time is up; what was not asked could not be asked."""
    times = iter([0.0, 0.0, 100.0, 100.0, 100.0])
    client = spawning(deadline=50.0, batch=1, clock=lambda: next(times))
    requests_mock.post(SPAWNING_URL, json=told(a=False, b=False))
    assert states(client, A, B) == ["not listed", "could not ask"]
    assert requests_mock.call_count == 1


@pytest.mark.parametrize(
    "url", ["", " ", "https://a.example/\nhttps://b.example/", "https://a.example/\r", "x\u2028y", "\ud800"]
)
def test_what_cannot_be_sent_could_not_be_asked(requests_mock: Mocker, url: str) -> None:
    """A line break in a URL neither asks about another nor reads its answer."""
    requests_mock.post(SPAWNING_URL, json=told(b=False))
    assert states(spawning(), url, B) == ["could not ask", "not listed"]
    sent = requests_mock.last_request
    assert sent is not None
    assert sent.body.decode() == B


def test_an_answer_without_end_is_cut(requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not be asked."""
    monkeypatch.setattr("optout_middleware.register.services._LARGEST_ANSWER", 1_000)
    requests_mock.post(SPAWNING_URL, content=b" " * 200_000)
    assert spawning().ask([A]) == [Answer(A, State.COULD_NOT_ASK, "the answer is too long")]


def test_the_key_comes_from_the_environment(requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one it is a mistake of the operator, told at once."""
    requests_mock.post(SPAWNING_URL, json=told(a=False))
    monkeypatch.setenv(SPAWNING_KEY, " from-environment ")
    assert Spawning().ask([A])[0].state is State.NOT_LISTED
    sent = requests_mock.last_request
    assert sent is not None
    assert sent.headers["Authorization"] == "API from-environment"
    for value in ("", "with\nbreak"):
        monkeypatch.setenv(SPAWNING_KEY, value)
        with pytest.raises(OptOutError, match=SPAWNING_KEY):
            Spawning()
    with pytest.raises(OptOutError, match="1 to 10000 URLs"):
        spawning(batch=10_001)


def test_claims() -> None:
    """A reservation is one, silence is none."""
    found = claims([Answer(A, State.RESERVED), Answer(B, State.NOT_LISTED)], "Spawning")
    assert list(found) == [A]
    assert (found[A].finding, found[A].party) == ("register-strong", "Spawning")


def test_nothing_of_the_machine_goes_along(
    requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No credential of .netrc, no cookie of an earlier answer."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("default login me password pw\n")
    monkeypatch.setenv("NETRC", str(netrc))
    requests_mock.post(SPAWNING_URL, json=told(a=False), headers={"Set-Cookie": "s=1"})
    client = spawning(batch=1)
    client.ask([A, B])
    for sent in requests_mock.request_history:
        assert sent.headers["Authorization"] == "API secret"
        assert "Cookie" not in sent.headers
