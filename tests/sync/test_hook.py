"""How the hook stands on a session: adapters, hooks, caches, threads, its end, and what must fail."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
from requests.adapters import HTTPAdapter
from requests.auth import HTTPDigestAuth
from urllib3.util import Retry

from optout_middleware import OptOutError, Outcome, Policy
from optout_middleware import Site as SeenSite
from optout_middleware.settings import SettingsError
from optout_middleware.sync import Judged, OptOut, WithheldError
from optout_middleware.urls import origin_of

from .webs import NOAI, NOT_OURS, PAGE, ROBOTS, TDMREP, TOKEN, Guards, Site, withheld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICY = Policy(TOKEN)


def test_it_loads_no_scrapy() -> None:
    """Neither the hook nor anything that it needs; and whoever decides only does not load the hook."""
    code = "import sys, optout_middleware; print('optout_middleware.sync' in sys.modules); "
    code += "import optout_middleware.sync; "
    code += "print([name for name in sys.modules if name.split('.')[0] in ('scrapy', 'twisted', 'itemadapter')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["False", "[]"]


def test_adapters_of_the_session_are_kept(site: Site, guard: Guards) -> None:
    """One that tries again does so; one that is mounted later is guarded too."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(total=2, status_forcelist=[503], backoff_factor=0)))
    url = site.says("/page", b"", 503)

    def recover(path: str) -> None:
        if path == "/page" and site.times("/page") > 1:
            site.says("/page")

    site.before_reply = recover
    with guard(session):
        assert session.get(url).content == PAGE
        assert site.times("/page") == 2
        session.mount("http://", HTTPAdapter(max_retries=1))
        assert vars(session.get_adapter(url))["_adapter"] is session.adapters["http://"]
        withheld(lambda: session.get(site.says("/no", NOAI)))
    guard.assert_sound()


def test_an_adapter_past_the_session_is_refused(site: Site, guard: Guards) -> None:
    """Nothing would be judged there."""
    url = site.says("/page")
    with guard() as opt_out:
        prepared = opt_out.session.prepare_request(requests.Request("GET", url))
        with pytest.raises(OptOutError, match="through the session"):
            opt_out.session.get_adapter(url).send(prepared)


def test_digest_authentication(site: Site, guard: Guards) -> None:
    """It sends again past the session; what comes back is judged all the same."""
    challenge = 'Digest realm="r", nonce="n", qop="auth"'
    url = site.says("/page", b"", 401, WWW_Authenticate=challenge)

    def let_in(path: str) -> None:
        if path == "/page" and site.asked[-1].headers.get("Authorization"):
            site.says("/page", NOAI)

    site.before_reply = let_in
    with guard() as opt_out:
        withheld(lambda: opt_out.session.get(url, auth=HTTPDigestAuth("me", "secret")))
    assert guard.told == [("response", "allow", "keep"), ("response", "deny", "drop")]
    guard.assert_sound()


def test_a_hook_that_asks_for_another_page(site: Site, guard: Guards) -> None:
    """In the midst of a redirect: each is judged by itself, and the chain stays whole."""
    site.says("/page")
    other = site.says("/other")
    url = site.moves("/old", "/page")
    with guard() as opt_out:
        session = opt_out.session

        def ask(response: requests.Response, **_: Any) -> None:
            if response.is_redirect:
                session.get(other, allow_redirects=False)

        assert session.get(url, hooks={"response": ask}).content == PAGE
    assert [(line["url"], line["final_url"]) for line in guard.lines] == [(other, other), (url, site.url("/page"))]
    guard.assert_sound()


def test_an_answer_out_of_a_cache_is_judged(site: Site, guard: Guards) -> None:
    """A session that answers by itself, past every adapter, does not get around the gate."""

    class Cached(requests.Session):
        def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
            made = requests.Response()
            made.status_code, made.url, made.request = 200, request.url or "", request
            made.headers["Content-Type"] = "text/html"
            made._content = NOAI if "no" in made.url else PAGE
            if "led" in made.url:
                hop = requests.Response()
                hop.status_code, hop.url, hop.request = 302, site.url("/old"), request
                hop.headers.update({"Location": "/led", "X-Robots-Tag": "noai"})
                made.history = [hop]
            return made

    session = Cached()
    with guard(session):
        assert isinstance(vars(session.get(site.url("/page")))["optout"], Judged)
        withheld(lambda: session.get(site.url("/no")))
        error = withheld(lambda: session.get(site.url("/led")))
        assert error.decision.url == site.url("/old")
    assert guard.told == [("response", "allow", "keep"), *[("response", "deny", "drop")] * 2]
    guard.assert_sound()


def test_mocked_pages(guard: Guards) -> None:
    """An adapter of requests-mock is one like any other; a mock of all sessions answers the probes too."""
    session = requests.Session()
    mocked = requests_mock.Adapter()
    mocked.register_uri("GET", "http://news.example/page", content=PAGE, headers={"Content-Type": "text/html"})
    session.mount("http://news.example", mocked)
    with requests_mock.Mocker() as web:
        web.get(f"http://news.example{ROBOTS}", content=NOT_OURS)
        web.get(f"http://news.example{TDMREP}", status_code=404)
        web.get("http://news.example/no", content=NOAI, headers={"Content-Type": "text/html"})
        with guard(session):
            withheld(lambda: session.get("http://news.example/closed"))
            withheld(lambda: session.get("http://news.example/no"))
        assert [seen.path for seen in web.request_history] == [ROBOTS, TDMREP, "/no"]
    plain = requests.Session()
    plain.mount("http://news.example", mocked)
    with guard(plain, OPTOUT_ACTION="tag"):
        error = withheld(lambda: plain.get("http://news.example/page"))  # no host of that name: nobody could be asked
    assert (error.decision.waits_for, mocked.called) == ("probe", False)


def test_many_threads_share_one_session(site: Site, new_site: Callable[[], Site], guard: Guards) -> None:
    """One probe a location however many ask; one line a page; none is mixed up with another."""
    sites = [site, new_site(), new_site()]
    for one in sites:
        one.says(ROBOTS, NOT_OURS)
        for number in range(20):
            one.says(f"/{number}", NOAI if number % 2 else PAGE)
            one.moves(f"/to/{number}", f"/{number}")
    urls = [one.url(path) for number in range(20) for one in sites for path in (f"/{number}", f"/to/{number}")]
    with guard() as opt_out, ThreadPoolExecutor(16) as threads:

        def fetched(url: str) -> str:
            try:
                return str(vars(opt_out.session.get(url))["optout"].decision.url)
            except WithheldError as error:
                return f"no {error.decision.url}"

        found = list(threads.map(fetched, urls))
    assert found == [f"no {url}" if int(url.rpartition("/")[2]) % 2 else url for url in urls]
    assert [(one.times(ROBOTS), one.times(TDMREP)) for one in sites] == [(1, 1)] * 3
    assert sorted(line["url"] for line in guard.lines) == sorted(urls)
    guard.assert_sound()


def test_an_exception_in_the_block(site: Site, guard: Guards) -> None:
    """The log is closed with its reason, the evidence is kept, and the exception goes on."""
    store = guard.directory / "store.sqlite"

    def failing() -> None:
        with guard(OPTOUT_STORE=str(store)) as opt_out:
            opt_out.session.get(site.says("/page"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert (guard.manifest["closed"], guard.manifest["summary"]["finish_reason"]) == (True, "ZeroDivisionError")
    with guard(OPTOUT_STORE=str(store)) as again:
        again.session.get(site.url("/page"))
    assert site.times(ROBOTS) == 1
    assert guard.lines[-1]["outcome"] == "allow"
    guard.assert_sound()


def test_after_the_end_nothing_is_fetched(site: Site, guard: Guards) -> None:
    """Until another one guards the session, with the session's own User-Agent as before."""
    session = requests.Session()
    own = session.headers["User-Agent"]
    url = site.says("/page")
    opt_out = guard(session)
    session.get(url)
    with pytest.raises(OptOutError, match="another OptOut"):
        guard(session)
    opt_out.close()
    opt_out.close()
    assert opt_out.is_closed
    assert session.headers["User-Agent"] == own
    with pytest.raises(OptOutError, match="closed"):
        session.get(url)
    assert site.times("/page") == 1
    with guard(session, OPTOUT_PRODUCT_TOKEN="OtherBot"):
        assert session.get(url).content == PAGE
    assert site.asked[-1].headers["User-Agent"].startswith("OtherBot/")


def test_the_end_answers_whoever_waits(site: Site, guard: Guards) -> None:
    """A thread whose probe is under way gets a decision that does not allow, and its line is in the log."""
    asked, go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == ROBOTS:
            asked.set()
            go_on.wait()

    site.before_reply = wait
    with ThreadPoolExecutor(1) as threads:
        opt_out = guard()
        waiting = threads.submit(withheld, lambda: opt_out.session.get(site.says("/page")))
        asked.wait()
        opt_out.close()
        go_on.set()
        assert waiting.result().decision.outcome is Outcome.PENDING
    assert guard.told == [("request", "pending", "drop")]


def test_the_end_waits_for_what_is_under_way(site: Site, guard: Guards, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes; else its thread would wait for ever."""
    opt_out, asked, ended = guard(), threading.Event(), asyncio.Event()
    gather, found = opt_out.gate._gather, list[WithheldError]()
    close = gather.close

    async def slow(url: str, *_: object) -> SeenSite:
        asked.set()
        await ended.wait()
        for _tick in range(100):
            await asyncio.sleep(0)
        return SeenSite.unseen(origin_of(url) or "", POLICY)

    async def closing() -> None:
        ended.set()
        await close()

    monkeypatch.setattr(gather, "site", slow)
    monkeypatch.setattr(gather, "close", closing)
    url = site.says("/page")
    waiting = threading.Thread(target=lambda: found.append(withheld(lambda: opt_out.session.get(url))), daemon=True)
    waiting.start()
    asked.wait()
    opt_out.close()
    waiting.join(60)
    assert [error.decision.outcome for error in found] == [Outcome.PENDING]
    assert guard.told == [("request", "pending", "drop")]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on; that is what it is about
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_of_the_process_is_told(site: Site, guard: Guards) -> None:
    """It would wait for a thread that is not there; and its end closes nothing of its parent's."""
    url = site.says("/page")

    def asked(session: requests.Session, opt_out: OptOut) -> None:
        try:
            session.get(url)
        except OptOutError as error:
            opt_out.close()
            os._exit(7 if "each process" in str(error) else 1)

    with guard() as opt_out:
        child = multiprocessing.get_context("fork").Process(target=asked, args=(opt_out.session, opt_out))
        child.start()
        child.join(60)
        assert child.exitcode == 7
        assert opt_out.session.get(url).content == PAGE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"OPTOUT_PRODUCT_TOKEN": None}, "OPTOUT_PRODUCT_TOKEN is not set"),
        ({"OPTOUT_PRODUCT_TOKEN": "no token"}, "OPTOUT_PRODUCT_TOKEN"),
        ({"OPTOUT_OPERATR": "x"}, "did you mean OPTOUT_OPERATOR?"),
        ({"operator": "x"}, "operator is no setting"),
        ({"OPTOUT_ENABLED": False}, "without OptOut"),
        ({"OPTOUT_STORE": "/proc/none/store"}, "evidence store"),
        ({"OPTOUT_STORE": "ftp://x"}, "evidence store"),
        ({"OPTOUT_AUDIT_DIR": "/proc/none"}, "audit log"),
        ({"OPTOUT_REGISTER": "/none.sqlite"}, "none.sqlite"),
        ({"OPTOUT_EXCLUDED_SITES": ["/none.txt"]}, "none.txt"),
    ],
    ids=lambda value: next(iter(value.items())) if isinstance(value, dict) else "",
)
def test_a_mistake_is_one_line(guard: Guards, settings: dict[str, Any], message: str) -> None:
    """Before anything is fetched; the session stays as it was."""
    session = requests.Session()
    own = dict(vars(session)), session.headers["User-Agent"]
    with pytest.raises(OptOutError) as raised:
        guard(session, **settings)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert (dict(vars(session)), session.headers["User-Agent"]) == own
    assert not [thread for thread in threading.enumerate() if thread.name == "opt-out gate"]


@pytest.mark.parametrize("user_agent", ["Mozilla/5.0", b"Mozilla/5.0"])
def test_the_user_agent_names_the_token(site: Site, guard: Guards, user_agent: Any) -> None:
    """That of the session, and that of each request; else sites could not address us."""
    session = requests.Session()
    session.headers["User-Agent"] = user_agent
    with pytest.raises(SettingsError, match=r"User-Agent 'Mozilla/5\.0' does not name"):
        guard(session)
    session.headers["User-Agent"] = f"Mozilla/5.0 (compatible; {TOKEN}/2)"
    with guard(session), pytest.raises(SettingsError, match="does not name"):
        session.get(site.says("/page"), headers={"User-Agent": user_agent})
    assert site.asked == []


def test_no_record_no_page(site: Site, guard: Guards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line cannot be written, the page is not handed over, and nothing is fetched any more."""
    opt_out = guard(OPTOUT_ARCHIVE="")
    url = site.says("/page")
    assert opt_out.session.get(url).ok

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        with pytest.raises(OptOutError, match="cannot be written"):
            opt_out.session.get(url)
    before = len(site.asked)
    with pytest.raises(OptOutError, match="cannot be written"):
        opt_out.session.get(url)
    assert len(site.asked) == before
    opt_out.close()
    assert not guard.manifest["closed"]


def test_a_failing_store_ends_it(site: Site, guard: Guards, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of ours, not one that a loop over requests would catch."""
    with guard() as opt_out:

        async def fail(*_: Any) -> None:
            raise OptOutError("the store is gone")

        monkeypatch.setattr(opt_out.gate._gather._store, "load", fail)
        for _ in range(2):
            with pytest.raises(OptOutError, match="the store is gone") as raised:
                opt_out.session.get(site.says("/page"))
            assert not isinstance(raised.value, requests.RequestException)
    assert site.times("/page") == 0


def test_settings_take_paths(site: Site, guard: Guards, tmp_path: Path) -> None:
    """As Python has them."""
    with guard(OPTOUT_STORE=tmp_path / "deep" / "store.sqlite", OPTOUT_AUDIT_DIR=tmp_path / "log") as opt_out:
        opt_out.session.get(site.says("/page"))
    assert (tmp_path / "deep" / "store.sqlite").exists()
    assert list((tmp_path / "log").glob("run-*.json"))
