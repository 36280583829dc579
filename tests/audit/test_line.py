"""The fields of an audit line, and the mask over the secrets of URLs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.line import Mask, line
from optout_middleware.decide import Site
from optout_middleware.policy import Policy
from optout_middleware.settings import SECRET_PARAMS
from optout_middleware.terms import Decision, Evidence, Licence, Reason, Usage
from optout_middleware.urls import origin_of, registrable_domain

AT = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=timezone.utc)
POLICY = Policy("ExampleCorpusBot")
MASK = Mask(SECRET_PARAMS)
URL = "http://www.news.example/a"
ROBOTS = b"User-agent: *\nContent-Signal: ai-train=yes\nAllow: /\n"
TDMREP = b'[{"location": "/", "tdm-reservation": 1}]'


def decided(robots: bytes = ROBOTS, tdmrep: bytes | None = None, licences: tuple[Licence, ...] = ()) -> Decision:
    """Decide about `URL` by what its site says."""
    files = [Evidence("http://www.news.example/robots.txt", 200, (), robots, AT)]
    status, body = (404, b"") if tdmrep is None else (200, tdmrep)
    files.append(Evidence("http://www.news.example/.well-known/tdmrep.json", status, (), body, AT))
    return Site.read(files, POLICY).decide(URL, licences=licences, at=AT)


def fields(decision: Decision, **changes: Any) -> dict[str, Any]:
    """Build a line of an item that is kept."""
    values = {"final_url": URL, "size": 512, "action": "keep", "dry_run": False, "mask": MASK}
    return line("item", decision, **{**values, **changes})


def test_line_of_an_allowed_item_has_all_fields_in_order() -> None:
    """What was said and what was looked at stand there although nothing was raised."""
    made = fields(decided())
    assert list(made) == [
        "stage",
        "url",
        "final_url",
        "origin",
        "domain",
        "size",
        "outcome",
        "may_fetch",
        "waits_for",
        "action",
        "dry_run",
        "reasons",
        "statements",
        "evidence",
        "conditions",
        "credits",
        "claims",
        "licences",
        "at",
    ]
    assert made["stage"] == "item"
    assert (made["url"], made["final_url"]) == (URL, URL)
    assert (made["origin"], made["domain"]) == (
        "http://www.news.example",
        registrable_domain("www.news.example"),
    )
    assert (made["size"], made["outcome"], made["may_fetch"], made["waits_for"]) == (512, "allow", True, None)
    assert (made["action"], made["dry_run"], made["at"]) == ("keep", False, AT.isoformat())
    assert made["reasons"] == made["conditions"] == made["credits"] == made["claims"] == made["licences"] == []
    assert [said["text"] for said in made["statements"]] == ["Content-Signal: ai-train=yes"]
    assert [seen["status"] for seen in made["evidence"]] == [200, 404]


def test_line_does_not_use_the_names_of_the_log() -> None:
    """A name that came twice in one JSON object would hide one of its values."""
    own = {"schema", "run", "writer", "seq", "time", "policy", "rules_version", "version"}
    assert own.isdisjoint(fields(decided()))


def test_reason_says_who_said_what_where_and_when() -> None:
    """Finding, signal, location, the exact text, and the evidence with its hash, status and time."""
    denied = decided(tdmrep=TDMREP)
    made = fields(denied, size=None, action="drop", final_url=None)
    assert (made["outcome"], made["final_url"], made["size"]) == ("deny", None, None)
    reason = next(row for row in made["reasons"] if row["finding"] == "refusal")
    assert (reason["signal"], reason["location"], reason["outcome"]) == ("tdmrep", "tdmrep.json", "deny")
    assert '"tdm-reservation"' in reason["text"]
    source = Evidence("http://www.news.example/.well-known/tdmrep.json", 200, (), TDMREP, AT).source
    assert (reason["url"], reason["status"], reason["sha256"]) == (source.url, 200, source.sha256)
    assert reason["time"] == AT.isoformat()


def test_statement_that_raised_a_reason_stands_there_once() -> None:
    """What has become a reason is not told again among the statements."""
    made = fields(decided(tdmrep=TDMREP))
    assert [said["signal"] for said in made["statements"]] == ["content-signal"]
    assert "tdmrep" in [reason["signal"] for reason in made["reasons"]]


def test_pending_says_what_it_waits_for() -> None:
    """A site that nobody looked at waits for a probe."""
    pending = Site.unseen("http://www.news.example", POLICY).decide(URL, at=AT)
    made = fields(pending)
    assert (made["outcome"], made["waits_for"], made["may_fetch"]) == ("pending", "probe", False)


def test_licence_that_lifted_a_reservation_is_written_in_full() -> None:
    """Whoever reads the line sees by whose licence it was kept, and with what duties."""
    end = AT + timedelta(days=1)
    licence = Licence(
        "News House", ("news.example",), (Usage.TRAIN_AI,), AT, end, "contract 7", "A. Person", ("name us",)
    )
    made = fields(decided(tdmrep=TDMREP, licences=(licence,)))
    assert (made["outcome"], made["licences"], made["conditions"]) == (
        "allow",
        [licence.to_dict()],
        ["name us"],
    )


def test_origin_and_domain_are_of_where_redirects_led() -> None:
    """The asset is of whoever served it."""
    made = fields(decided(), final_url="https://cdn.pages.co.uk:8443/a")
    assert (made["origin"], made["domain"]) == ("https://cdn.pages.co.uk:8443", "pages.co.uk")


def test_url_without_origin_has_none() -> None:
    """A data: URL can be an asset too."""
    made = fields(decided(), final_url="data:text/plain,hi")
    assert (made["origin"], made["domain"]) == (None, None)


def test_no_secret_of_a_url_is_in_the_line() -> None:
    """Not in the URLs of the asset, nor in evidence, reasons, statements or errors of requests."""
    decision = decided(tdmrep=TDMREP)
    secret = "http://me:hunter2@www.news.example/a?token=hunter2"
    source = decision.evidence[0]._replace(url=secret, status=None, error=f"no answer from {secret}")
    reasons = [reason._replace(source=source, note=f"error: {secret}") for reason in decision.reasons]
    reasons.append(Reason("unreachable", decision.outcome, None, None, "tdmrep.json", source))
    statements = [said._replace(source=source) for said in decision.statements]
    made = fields(
        replace(decision, url=secret, reasons=tuple(reasons), statements=tuple(statements), evidence=(source,)),
        final_url=secret,
    )
    assert made["url"] == made["final_url"] == "http://***@www.news.example/a?token=***"
    assert made["statements"]
    assert "hunter2" not in json.dumps(made)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://a.example/", "http://a.example/"),
        ("http://a.example/?page=2&q=token", "http://a.example/?page=2&q=token"),
        ("http://a.example/token=1", "http://a.example/token=1"),
        ("http://a.example/?tokens=1&mytoken=2", "http://a.example/?tokens=1&mytoken=2"),
        ("http://a.example/~me@home/?to=x@b.example", "http://a.example/~me@home/?to=x@b.example"),
        ("http://me@a.example/", "http://***@a.example/"),
        ("http://me:p@ss@a.example/", "http://***@a.example/"),
        ("HTTP://me:p w@a.example", "HTTP://***@a.example"),
        ("http://a.example/?token=", "http://a.example/?token=***"),
        ("http://a.example/?TOKEN=x&a=1", "http://a.example/?TOKEN=***&a=1"),
        ("http://a.example/?a=1;token=x", "http://a.example/?a=1;token=***"),
        ("http://a.example/p;jsessionid=x?a=1", "http://a.example/p;jsessionid=***"),
        ("http://a.example/?token=x=y/z?&a=1", "http://a.example/?token=***&a=1"),
        ("http://a.example/?token=x&token=y#top", "http://a.example/?token=***&token=***#top"),
        ("http://a.example/#access_token=x&a=1", "http://a.example/#access_token=***&a=1"),
        ("http://a.example/#/view?token=x", "http://a.example/#/view?token=***"),
        ("http://a.example/?t%6Fken=x", "http://a.example/?t%6Fken=***"),
        ("http://a.example/?%54OKEN=x", "http://a.example/?%54OKEN=***"),
        (
            "http://a.example/?to=http%3A%2F%2Fb.example%2F%3Ftoken%3Dx&b=1",
            "http://a.example/?to=http%3A%2F%2Fb.example%2F%3Ftoken%3D***&b=1",
        ),
        (
            "http://a.example/?to=%253Fa%253D1%2526token%253dx",
            "http://a.example/?to=%253Fa%253D1%2526token%253d***",
        ),
        ("http://a.example/?to=http://me:pw@b.example/", "http://a.example/?to=http://***@b.example/"),
        ("http://a.example/?X-Amz-Signature=x", "http://a.example/?X-Amz-Signature=***"),
    ],
)
def test_mask_hides_secrets_and_nothing_else(url: str, masked: str) -> None:
    """Userinfo and secret parameters, however they are written."""
    assert MASK(url) == masked


def test_mask_goes_by_the_names_it_was_given() -> None:
    """A name is a name, not a pattern; no names hide no parameter, yet still userinfo."""
    assert Mask(("a.b", "Schlüssel"))("http://x.example/?a.b=1&axb=2&schl%C3%BCssel=3") == (
        "http://x.example/?a.b=***&axb=2&schl%C3%BCssel=***"
    )
    assert Mask(())("http://me@x.example/?token=1&=2") == "http://***@x.example/?token=1&=2"
    assert Mask(("",))("http://x.example/?=1") == "http://x.example/?=1"


@given(
    st.sampled_from(SECRET_PARAMS),
    st.text(st.characters(exclude_characters="&#"), min_size=1),
    st.text(st.characters(exclude_characters="&#")),
)
def test_mask_hides_any_value_once_and_for_all(name: str, value: str, before: str) -> None:
    """What stands behind a secret name never comes through, and a masked URL stays as it is."""
    mark = "Wert§"
    masked = MASK(f"http://a.example/?{before}&{name}={value}{mark}")
    assert mark not in masked
    assert MASK(masked) == masked


def test_mask_takes_linear_time() -> None:
    """A URL of a million delimiters, or a long run of percent signs, is read in one pass."""
    for text in ("?" * 1_000_000 + "=", "%25" * 300_000 + "=", "@" + "://" * 300_000 + "="):
        assert MASK(text) == text


@given(
    st.sampled_from(("http", "HTTPS", "data", "mailto", "")),
    st.sampled_from(("://", ":", ":/", "//", ":///")),
    st.text(st.sampled_from("ab.:@[]1/?#\\ \t\n%é"), max_size=12),
    st.text(st.sampled_from("/?#:@a"), max_size=8),
)
def test_origin_of_a_line_is_that_of_the_whole_url(scheme: str, mark: str, host: str, rest: str) -> None:
    """However the URL is written, what is looked up by its beginning is what all of it says."""
    url = f"{scheme}{mark}{host}{rest}"
    assert fields(decided(), final_url=url or None)["origin"] == origin_of(url or URL)
