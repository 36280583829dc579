"""What a guarded session fetches, hands over and writes down, against real servers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests

from optout_middleware import Outcome
from optout_middleware.sync import Judged
from optout_middleware.sync.answers import STREAMED

from .webs import NOAI, NOT_OURS, PAGE, RESERVED, ROBOTS, TDMREP, TOKEN, Guards, Site, withheld

if TYPE_CHECKING:
    from collections.abc import Callable

DENIED = ("response", "deny", "drop")
NOT_FETCHED = ("request", "deny", "drop")


def test_a_page_without_reservation(site: Site, guard: Guards) -> None:
    """It is handed over with its decision; each location was asked once, and before it."""
    url = site.says("/page")
    with guard() as opt_out:
        session = opt_out.session
        for _ in range(2):
            response = session.get(url)
            assert response.content == PAGE
            judged = vars(response)["optout"]
            assert isinstance(judged, Judged)
            assert (judged.decision.outcome, judged.decision.url) == (Outcome.ALLOW, url)
        assert opt_out.stats["optout/page/allow"] == 2
    assert [seen.path for seen in site.asked] == [ROBOTS, TDMREP, "/page", "/page"]
    assert guard.told == [("response", "allow", "keep")] * 2
    assert guard.lines[-1]["size"] == len(PAGE)
    assert judged.line == f"{guard.lines[-1]['run']}-main:{guard.lines[-1]['seq']}"
    guard.assert_sound()


@pytest.mark.parametrize("path", ["/closed", "/reserved"])
def test_a_page_that_its_site_reserves_is_not_fetched(site: Site, guard: Guards, path: str) -> None:
    """By robots.txt and by tdmrep.json; the line is there, and the error says which."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED, Content_Type="application/json")
    url = site.says(path)
    with guard() as opt_out:
        error = withheld(lambda: opt_out.session.get(url))
        assert error.decision.outcome is Outcome.DENY
        assert error.request is not None
        assert (error.request.url, error.response) == (url, None)
        assert url in str(error)
    assert site.times(path) == 0
    assert guard.told == [NOT_FETCHED]
    assert guard.lines[0]["size"] is None
    assert error.line.endswith(f":{guard.lines[0]['seq']}")
    guard.assert_sound()


@pytest.mark.parametrize(
    ("body", "headers"),
    [(PAGE, {"X_Robots_Tag": "noai"}), (PAGE, {"tdm_reservation": "1"}), (NOAI, {})],
    ids=["robots-tag", "tdmrep", "meta"],
)
def test_a_page_that_reserves_itself_is_withheld(
    site: Site, guard: Guards, body: bytes, headers: dict[str, str]
) -> None:
    """By a header or a meta element; its body reaches nobody, not even a hook."""
    url = site.says("/page", body, 200, **headers)
    seen: list[requests.Response] = []
    with guard() as opt_out:
        opt_out.session.hooks["response"].append(lambda response, **_: seen.append(response))
        error = withheld(lambda: opt_out.session.get(url))
    assert (error.decision.outcome, error.response, seen) == (Outcome.DENY, None, [])
    assert guard.told == [DENIED]
    guard.assert_sound()


def test_a_loop_that_catches_errors_of_requests_goes_on(site: Site, guard: Guards) -> None:
    """The error is one of theirs."""
    urls = [site.says("/a", NOAI), site.says("/b")]
    kept = []
    with guard() as opt_out:
        for url in urls:
            with suppress(requests.RequestException):
                kept.append(opt_out.session.get(url).url)
    assert kept == urls[1:]


def test_a_redirect_is_decided_before_it_is_followed(site: Site, new_site: Callable[[], Site], guard: Guards) -> None:
    """Its target lies at another site, which is asked first; the page there is never fetched."""
    other = new_site()
    other.says(ROBOTS, NOT_OURS)
    url = site.moves("/old", other.says("/closed"))
    with guard() as opt_out:
        error = withheld(lambda: opt_out.session.get(url))
    assert (site.times("/old"), other.times("/closed")) == (1, 0)
    assert error.decision.url == other.url("/closed")
    assert guard.told == [NOT_FETCHED]
    guard.assert_sound()


def test_redirects_have_one_line_with_their_page(site: Site, guard: Guards) -> None:
    """With the URL that was asked for, and where it led; what a redirect says in its headers counts."""
    page = site.says("/page")
    plain = site.moves("/1", site.moves("/2", "/page#part"))
    spoken = site.moves("/noted", "/page", X_Robots_Tag="noarchive")
    with guard() as opt_out:
        response = opt_out.session.get(plain)
        assert [one.url for one in response.history] == [site.url("/1"), site.url("/2")]
        assert vars(response)["optout"].decision.outcome is Outcome.ALLOW
        opt_out.session.get(spoken)
    first, second = guard.lines
    assert (first["url"], first["final_url"], first["outcome"]) == (plain, f"{page}#part", "allow")
    assert [reason["finding"] for reason in second["reasons"]] == ["noarchive"]
    guard.assert_sound()


def test_a_redirect_that_reserves_is_not_followed(site: Site, guard: Guards) -> None:
    """It says in its headers that what it leads to is not ours."""
    site.says("/page")
    url = site.moves("/old", "/page", X_Robots_Tag="noai")
    with guard() as opt_out:
        withheld(lambda: opt_out.session.get(url))
    assert (site.times("/page"), guard.told) == (0, [DENIED])
    guard.assert_sound()


def test_a_redirect_that_is_not_followed_is_an_answer(site: Site, guard: Guards) -> None:
    """Whoever follows it by hand gets each link judged, and a line for each."""
    url = site.moves("/old", site.says("/page", NOAI))
    with guard() as opt_out:
        response = opt_out.session.get(url, allow_redirects=False)
        following = response.next
        assert following is not None
        withheld(lambda: opt_out.session.send(following))
    assert guard.told == [("response", "allow", "keep"), DENIED]
    assert [line["url"] for line in guard.lines] == [url, site.url("/page")]
    guard.assert_sound()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_without_an_answer_of_robots_txt_nothing_is_fetched(site: Site, guard: Guards, status: int) -> None:
    """The page is pending, and in the list of those to ask again; in every mode."""
    site.says(ROBOTS, b"", status)
    url = site.says("/page")
    for mode in ({}, {"OPTOUT_ACTION": "tag"}, {"OPTOUT_DRY_RUN": True}):
        with guard(None, **mode) as opt_out:
            error = withheld(lambda opt_out=opt_out: opt_out.session.get(url))  # type: ignore[misc]
        assert (error.decision.outcome, error.decision.waits_for) == (Outcome.PENDING, "probe")
    assert site.times("/page") == 0
    assert [file.read_text("utf-8") for file in guard.audit.glob("*-pending.txt")] == [f"{url}\n"] * 3
    guard.assert_sound()


def test_nobody_there(guard: Guards) -> None:
    """A closed port is pending, since nobody could be asked."""
    with guard() as opt_out:
        error = withheld(lambda: opt_out.session.get("http://127.0.0.1:1/page"))
    assert error.decision.waits_for == "probe"
    guard.assert_sound()


def test_a_failed_probe_is_tried_again(site: Site, guard: Guards) -> None:
    """With the back-off that is set."""
    site.says(ROBOTS, b"", 503)
    url = site.says("/page")

    def recover(path: str) -> None:
        if path == ROBOTS and site.times(ROBOTS) > 1:
            site.says(ROBOTS, b"", 404)

    site.before_reply = recover
    with guard(OPTOUT_PROBE_BACK_OFF=[0.001]) as opt_out:
        assert opt_out.session.get(url).content == PAGE
    assert site.times(ROBOTS) == 2


def test_tag(site: Site, guard: Guards) -> None:
    """What is reserved is handed over with its decision, the strictest over the chain; not what robots.txt forbids."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED, Content_Type="application/json")
    site.says("/page")
    tagged = [
        site.says("/reserved"), site.says("/meta", NOAI), site.moves("/old", "/page", X_Robots_Tag="noai"),
        site.moves("/to", "/reserved"),
    ]  # fmt: skip
    with guard(OPTOUT_ACTION="tag") as opt_out:
        for url in tagged:
            judged = vars(opt_out.session.get(url))["optout"]
            assert (judged.decision.outcome, judged.decision.url) == (Outcome.DENY, url)
        assert vars(opt_out.session.get(site.url("/page")))["optout"].decision.outcome is Outcome.ALLOW
        withheld(lambda: opt_out.session.get(site.says("/closed")))
    assert guard.told == [("response", "deny", "tag")] * 4 + [("response", "allow", "tag"), NOT_FETCHED]
    guard.assert_sound()


def test_the_name_of_the_tag(site: Site, guard: Guards) -> None:
    """It is the field of a crawl."""
    with guard(OPTOUT_TAG_FIELD="rights") as opt_out:
        response = opt_out.session.get(site.says("/page"))
    assert isinstance(vars(response)["rights"], Judged)


def test_dry_run(site: Site, guard: Guards, caplog: pytest.LogCaptureFixture) -> None:
    """Everything is handed over but what robots.txt forbids; the share is told and stands in the manifest."""
    site.says(ROBOTS, NOT_OURS)
    site.says(TDMREP, RESERVED, Content_Type="application/json")
    with guard(OPTOUT_DRY_RUN=True) as opt_out:
        for path in ("/reserved", "/meta", "/page"):
            assert opt_out.session.get(site.says(path, NOAI if path == "/meta" else PAGE)).ok
        withheld(lambda: opt_out.session.get(site.says("/closed")))
    assert guard.told == [DENIED, DENIED, ("response", "allow", "keep"), NOT_FETCHED]
    assert all(line["dry_run"] for line in guard.lines)
    assert guard.manifest["summary"]["share"]
    assert sum("DRY RUN" in record.message for record in caplog.records) == 2
    guard.assert_sound()


def test_fetch_reserved_looks_at_the_page(site: Site, guard: Guards) -> None:
    """Which may lift what its site says by TDMRep, and is withheld where it does not."""
    site.says(TDMREP, RESERVED, Content_Type="application/json")
    with guard(OPTOUT_FETCH_RESERVED=True) as opt_out:
        withheld(lambda: opt_out.session.get(site.says("/reserved")))
        site.says("/reserved", tdm_reservation="0")
        assert opt_out.session.get(site.url("/reserved")).content == PAGE
    assert guard.told == [DENIED, ("response", "allow", "keep")]
    guard.assert_sound()


def test_an_excluded_site_is_asked_nothing(site: Site, guard: Guards) -> None:
    """Not even its robots.txt."""
    listing = guard.directory / "never.txt"
    listing.write_text("# source: a list\n# date: 2026-11-01\n127.0.0.1\n", "utf-8")
    with guard(OPTOUT_EXCLUDED_SITES=[str(listing)]) as opt_out:
        error = withheld(lambda: opt_out.session.get(site.says("/page")))
    assert error.decision.reasons[0].finding == "excluded-site"
    assert (site.asked, guard.told) == ([], [NOT_FETCHED])
    guard.assert_sound()


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "video/mp4; codecs=x"])
def test_a_streamed_file_is_judged_by_its_headers(site: Site, guard: Guards, content_type: str) -> None:
    """Its body is left to whoever asked; the line says that nobody looked at it."""
    url = site.says("/file", b"\x00" * 5000, Content_Type=content_type)
    reserved = site.says("/no", b"\x00" * 5000, Content_Type=content_type, X_Robots_Tag="noai")
    with guard() as opt_out:
        with opt_out.session.get(url, stream=True) as response:
            assert response.raw.read() == b"\x00" * 5000
        withheld(lambda: opt_out.session.get(reserved, stream=True))
    first = guard.lines[0]
    assert first["size"] == 5000
    assert [seen["error"] for seen in first["evidence"] if seen["url"] == url] == [STREAMED]
    guard.assert_sound()


@pytest.mark.parametrize("content_type", ["text/html", "application/xhtml+xml", "", "nonsense"])
def test_a_streamed_page_is_read(site: Site, guard: Guards, content_type: str) -> None:
    """What stands in it counts, and it is handed over in pieces nevertheless."""
    site.says("/page", PAGE, Content_Type=content_type)
    site.says("/no", NOAI, Content_Type=content_type)
    with guard() as opt_out:
        with opt_out.session.get(site.url("/page"), stream=True) as response:
            assert b"".join(response.iter_content(7)) == PAGE
        withheld(lambda: opt_out.session.get(site.url("/no"), stream=True))
    guard.assert_sound()


def test_a_coding_that_nobody_undid(site: Site, guard: Guards) -> None:
    """What a page says cannot be seen then, so it is pending."""
    url = site.says("/page", b"\x8b\x02\x80not-brotli\x03", Content_Encoding="nonsense")
    with guard() as opt_out:
        assert withheld(lambda: opt_out.session.get(url)).decision.outcome is Outcome.PENDING
    guard.assert_sound()


def test_a_part_of_a_page(site: Site, guard: Guards) -> None:
    """What was left out may have spoken, unless the head is there whole."""
    with guard() as opt_out:
        error = withheld(lambda: opt_out.session.get(site.says("/part", b"<html><head><title>", 206)))
        assert error.decision.reasons[0].finding == "unreachable"
        assert opt_out.session.get(site.says("/page", PAGE, 206)).content == PAGE
    guard.assert_sound()


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_other_methods(site: Site, guard: Guards, method: str) -> None:
    """They are judged too."""
    site.says(ROBOTS, NOT_OURS)
    with guard() as opt_out:
        assert opt_out.session.request(method, site.says("/page")).ok
        withheld(lambda: opt_out.session.request(method, site.says("/closed")))
    guard.assert_sound()


def test_a_url_that_has_no_site(guard: Guards) -> None:
    """Nobody can be asked about it, so it waits for a person; what is the operator's own input passes."""
    session = requests.Session()

    class Own(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            made = requests.Response()
            made.status_code, made.url, made.request = 200, request.url or "", request
            made._content = b"own"
            return made

        def close(self) -> None:
            """Do nothing."""

    session.mount("file://", Own())
    session.mount("ftp://", Own())
    with guard(session):
        assert session.get("file:///data/own.txt").content == b"own"
        assert withheld(lambda: session.get("ftp://news.example/a")).decision.outcome is Outcome.PENDING
    assert guard.told == [("response", "allow", "keep"), ("request", "pending", "drop")]
    guard.assert_sound()


SONG = (
    b'<html><head><script type="application/ld+json">{"@context": "https://schema.org", "@type": "MusicComposition",'
    b' "name": "A Song", "lyricist": {"@type": "Person", "name": "A. Writer"},'
    b' "lyrics": {"@type": "CreativeWork", "text": "La la"}}</script></head><body>La la</body></html>'
)


@pytest.mark.parametrize(("register", "outcome"), [("", Outcome.PENDING), ("none", Outcome.ALLOW)])
def test_the_register_is_asked(site: Site, guard: Guards, register: str, outcome: Outcome) -> None:
    """About what a page says of itself; the line has its credits and claims, and is derived again from them."""
    with guard(OPTOUT_ACTION="tag", OPTOUT_REGISTER=register) as opt_out:
        response = opt_out.session.get(site.says("/song", SONG))
    assert vars(response)["optout"].decision.outcome is outcome
    (line,) = guard.lines
    assert bool(line["credits"]) == bool(line["claims"]) == (register == "")
    guard.assert_sound()


def test_nothing_of_the_session_goes_along_with_a_probe(site: Site, guard: Guards) -> None:
    """No cookie, no credential, no further header; its User-Agent does."""
    session = requests.Session()
    session.cookies.set("a", "1")
    session.auth = ("me", "secret")
    session.headers["X-Own"] = "1"
    with guard(session, OPTOUT_CONTACT_URL="http://operator.example/bot"):
        session.get(site.says("/page"))
    robots, page = site.asked[0], site.asked[-1]
    assert {"Cookie", "Authorization", "X-Own"} <= page.headers.keys()
    assert not {"Cookie", "Authorization", "X-Own"} & robots.headers.keys()
    assert robots.headers["User-Agent"] == page.headers["User-Agent"]
    assert robots.headers["User-Agent"].startswith(f"{TOKEN}/")


def test_a_probe_goes_through_the_proxy_of_the_page(site: Site, guard: Guards) -> None:
    """That of the request, or of the session."""
    site.says("http://news.example/page")
    with guard() as opt_out:
        opt_out.session.get("http://news.example/page", proxies={"http": site.url()})
    assert [seen.path.removeprefix("http://news.example") for seen in site.asked] == [ROBOTS, TDMREP, "/page"]
