"""Decisions: the vectors, each row of the table "Where doubt goes", overrides, licences and what a mistake is told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from optout_middleware.decide import RULES_VERSION, Site, decide, strictest_of
from optout_middleware.policy import FINDINGS, LOCATIONS, Override, Policy, Profile
from optout_middleware.terms import Claim, Decision, Evidence, Licence, Outcome, Usage, WaitsFor

VECTORS = json.loads((Path(__file__).parent / "signals/vectors/decide.json").read_text("utf-8"))
SEEN = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
PAGE = "http://h.test/a"
PROFILES = [profile.value for profile in Profile]


def evidence(location: str, body: str = "", status: int | None = 200, **more: Any) -> Evidence:
    """Give evidence of a location of h.test, or of the page."""
    path = LOCATIONS.get(location, "/a")
    headers = more.pop("headers", ())
    seen = SEEN + timedelta(hours=more.pop("hours", 0))
    fill, end = more.pop("fill", 0), more.pop("end", "")
    text = f"{body}{'#' * fill}\n{end}" if fill else body
    return Evidence(f"http://h.test{path}", status, headers, text.encode(), seen, **more)


def robots(body: str = "", status: int | None = 200, **more: Any) -> Evidence:
    """Give evidence of robots.txt."""
    return evidence("robots.txt", body, status, **more)


def tdmrep(body: str = "", status: int | None = 404, **more: Any) -> Evidence:
    """Give evidence of tdmrep.json; by default there is none."""
    return evidence("tdmrep.json", body, status, **more)


def page(body: str = "", **headers: str) -> Evidence:
    """Give evidence of the page, HTML, with these header fields."""
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return evidence("page", body, headers=[("Content-Type", "text/html"), *pairs])


def policy(profile: str = "precautionary", **values: Any) -> Policy:
    """Give the policy of FooBot."""
    return Policy("FooBot", profile=Profile(profile), **values)


def findings(decision: Decision) -> list[str]:
    """Give the findings of a decision, in order of name."""
    return sorted(reason.finding for reason in decision.reasons)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in VECTORS])
def test_vector(row: dict[str, Any], profile: str) -> None:
    """Outcome, fetching, findings and what is waited for are as the row says, in both profiles."""
    seen = [
        evidence(given["location"], **{k: v for k, v in given.items() if k != "location"}) for given in row["input"]
    ]
    made = decide(PAGE, seen, policy(profile, usage=Usage(row.get("usage", "train-ai"))))
    assert {
        "outcome": made.outcome.value,
        "may_fetch": made.may_fetch,
        "findings": findings(made),
        "waits_for": made.waits_for.value if made.waits_for else None,
    } == row["expected"][profile]


def test_r32_records_that_robots_is_no_plain_text() -> None:
    """R32: HTML in place of robots.txt forbids nothing, and the record says what it was."""
    made = decide(PAGE, [robots("<!doctype html><title>x</title>"), tdmrep()], policy())
    assert "not plain text" in json.dumps(made.to_dict())


# A row of the table -> what raises it. Every row that the present signals and claims can raise.
RAISED: dict[str, list[Evidence | Claim]] = {
    "refusal": [robots("User-agent: *\nContent-Usage: train-ai=n\n"), tdmrep()],
    "fetch-forbidden": [robots("User-agent: *\nDisallow: /a\n"), tdmrep()],
    "robots-unreachable": [robots(status=503), tdmrep()],
    "unavailable": [robots(), tdmrep(status=403)],
    "unreachable": [robots(), tdmrep(status=None, error="timeout")],
    "malformed-refusal": [robots("User-agent: *\nContent-Usage: Train-AI=n\n"), tdmrep()],
    "training-consensus": [robots("User-agent: Google-Extended\nDisallow: /\n"), tdmrep()],
    "named-bot": [robots(), tdmrep(), page(X_Robots_Tag="otherbot: noai")],
    "noarchive": [robots(), tdmrep(), page(X_Robots_Tag="noarchive")],
    "noimageai": [robots(), tdmrep(), page(X_Robots_Tag="noimageai")],
    "register-strong": [robots(), tdmrep(), Claim("register-strong", "Society", "R1", "declaration")],
    "register-middle": [robots(), tdmrep(), Claim("register-middle", "Society", "R1", "declaration")],
    "register-class": [robots(), tdmrep(), Claim("register-class", "Society", "R1", "declaration")],
    "register-damaged": [robots(), tdmrep(), Claim("register-damaged", "register", "R1", "stale")],
}
# The same table as the house writes it: finding -> outcome in both profiles.
HOUSE = {
    "refusal": ("deny", "deny"),
    "fetch-forbidden": ("deny", "deny"),
    "robots-unreachable": ("pending", "pending"),
    "unavailable": ("allow", "allow"),
    "unreachable": ("pending", "allow"),
    "malformed-refusal": ("deny", "allow"),
    "training-consensus": ("deny", "allow"),
    "named-bot": ("pending", "allow"),
    "noarchive": ("allow", "allow"),
    "noimageai": ("allow", "allow"),
    "register-strong": ("deny", "deny"),
    "register-middle": ("pending", "pending"),
    "register-class": ("pending", "allow"),
    "register-damaged": ("pending", "pending"),
}


def raised(finding: str, by: Policy, licences: tuple[Licence, ...] = ()) -> Decision:
    """Decide about the page where that finding is raised, and nothing else."""
    seen = [item for item in RAISED[finding] if isinstance(item, Evidence)]
    claims = [item for item in RAISED[finding] if isinstance(item, Claim)]
    return decide(PAGE, seen, by, claims=claims, licences=licences, at=SEEN)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("finding", HOUSE)
def test_house_row(finding: str, profile: str) -> None:
    """Each row that can be raised comes to what the house says, alone, and is waited for as it says."""
    made = raised(finding, policy(profile))
    assert findings(made) == [finding]
    assert made.outcome == HOUSE[finding][PROFILES.index(profile)]
    assert made.waits_for is (FINDINGS[finding].waits_for if made.outcome is Outcome.PENDING else None)
    assert made.may_fetch is (finding not in ("fetch-forbidden", "robots-unreachable"))


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("finding", [name for name in HOUSE if FINDINGS[name].overridable])
def test_overridden_row(finding: str, outcome: Outcome) -> None:
    """An override decides, and its person and reason stand in the reason it decided."""
    made = raised(finding, policy(findings={finding: Override(outcome, "A. Person", "note 7")}))
    assert made.outcome is outcome
    assert [reason.override for reason in made.reasons] == ["A. Person: note 7"]
    assert (made.waits_for is None) is (outcome is not Outcome.PENDING)


def licence(**values: Any) -> Licence:
    """Give a licence for h.test that holds now."""
    fields = {
        "party": "H Ltd", "scopes": ("h.test",), "usages": (Usage.TRAIN_AI,), "valid_from": SEEN - DAY,
        "valid_until": SEEN + DAY, "evidence": "contract 7", "recorded_by": "A. Person", "conditions": ("name us",),
    }  # fmt: skip
    return Licence(**{**fields, **values})


LIFTED = ["refusal", "malformed-refusal", "training-consensus", "named-bot", "unreachable"]


@pytest.mark.parametrize("finding", LIFTED)
def test_licence_lifts(finding: str) -> None:
    """What a location said of the usage is lifted, stays on record, and the licence's conditions go along."""
    made = raised(finding, policy(), (licence(),))
    assert (made.outcome, made.waits_for) == (Outcome.ALLOW, None)
    assert findings(made) == sorted([finding, "licensed"])
    assert made.conditions[-1] == "name us"
    assert made.licences == (licence(),)


@pytest.mark.parametrize("finding", sorted(HOUSE.keys() - {*LIFTED, "unavailable", "noarchive", "noimageai"}))
def test_licence_does_not_lift(finding: str) -> None:
    """robots.txt still forbids to fetch, and what the register found is not this party's to lift."""
    made = raised(finding, policy(), (licence(),))
    assert made.outcome == HOUSE[finding][0]
    assert made.may_fetch is raised(finding, policy()).may_fetch


@pytest.mark.parametrize(
    "values",
    [
        {"scopes": ("other.test",)},
        {"scopes": ("http://h.test/b",)},
        {"scopes": ("https://h.test/a",)},
        {"usages": (Usage.AI_USE, Usage.SEARCH, Usage.TDM)},
        {"valid_until": SEEN},
        {"valid_from": SEEN + timedelta(seconds=1)},
    ],
)
def test_licence_that_does_not_fit_lifts_nothing(values: dict[str, Any]) -> None:
    """Scope, usage and dates all have to fit at the date of the decision."""
    made = raised("refusal", policy(), (licence(**values),))
    assert (made.outcome, made.licences, made.conditions) == (Outcome.DENY, (), ())


def test_licence_never_opens_robots_txt() -> None:
    """Neither unreachable nor disallowing robots.txt is opened, whatever else the licence lifts."""
    for seen in (robots(status=503), robots("User-agent: *\nDisallow: /\nContent-Signal: ai-train=no\n")):
        made = decide(PAGE, [seen, tdmrep()], policy(), licences=[licence()])
        assert not made.may_fetch
        assert made.outcome is not Outcome.ALLOW


def test_nobody_looked_is_unreachable() -> None:
    """A location that the policy names and of which there is no evidence is unreachable, never absent."""
    assert findings(decide(PAGE, [robots()], policy())) == ["unreachable"]
    only = decide(PAGE, [tdmrep()], policy())
    assert (only.outcome, only.may_fetch, only.waits_for) == (Outcome.PENDING, False, WaitsFor.PROBE)
    assert decide(PAGE, [robots()], policy(locations=("robots.txt",))).outcome is Outcome.ALLOW
    unseen = Site.unseen("http://h.test", policy()).decide(PAGE, at=SEEN)
    assert (unseen.outcome, unseen.may_fetch) == (Outcome.PENDING, False)


def test_location_closed_by_robots_is_noted() -> None:
    """A file that robots.txt closes to us is not fetched and says nothing, noted; the page stays open."""
    made = decide(PAGE, [robots("User-agent: *\nDisallow: /.well-known/\n")], policy())
    assert (made.outcome, findings(made)) == (Outcome.ALLOW, ["unavailable"])


@pytest.mark.parametrize("status", [404, 410, 401, 403, 200, 503, None])
def test_robots_itself_may_always_be_fetched(status: int | None) -> None:
    """RFC 9309 section 2.2.2: /robots.txt is allowed whatever it says and however it stands."""
    site = Site.read([robots("User-agent: *\nDisallow: /\n", status)], policy())
    assert site.may_fetch("http://h.test/robots.txt")
    assert site.decide("http://h.test/robots.txt", at=SEEN).may_fetch


def test_claim_counts_from_its_date() -> None:
    """A claim whose declaration comes later says nothing yet."""
    later = Claim("register-strong", "Society", "R1", "declaration", since=SEEN + DAY)
    assert decide(PAGE, [robots(), tdmrep()], policy(), claims=[later]).outcome is Outcome.ALLOW
    assert decide(PAGE, [robots(), tdmrep()], policy(), claims=[later], at=SEEN + DAY).outcome is Outcome.DENY


def test_pending_waits_for_the_probe_first() -> None:
    """Of several, what a probe can settle comes before the register, and that before a person."""
    claims = [Claim("register-class", "S", "R1", "x"), Claim("register-middle", "S", "R1", "x")]
    made = decide(PAGE, [robots(), tdmrep(status=503)], policy(), claims=claims)
    assert made.waits_for is WaitsFor.PROBE
    assert decide(PAGE, [robots(), tdmrep()], policy(), claims=claims).waits_for is WaitsFor.REGISTER


def test_reasons_are_strictest_first_and_quote_the_line() -> None:
    """The reason that decided stands first, with the exact line and the hash, status and time of its evidence."""
    seen = robots("User-agent: *\n  Content-Signal: ai-train=no # ours\n")
    made = decide(PAGE, [seen, tdmrep(status=403)], policy())
    assert [reason.finding for reason in made.reasons] == ["refusal", "unavailable"]
    said = made.reasons[0].statement
    assert said is not None
    assert (said.where, said.text) == ("line 2", "Content-Signal: ai-train=no # ours")
    assert made.reasons[0].source == seen.source
    assert made.policy == policy().sha256


def test_silence_is_on_record() -> None:
    """A decision that allows names all that was looked at."""
    made = decide(PAGE, [robots(), tdmrep()], policy())
    assert [(source.url, source.status) for source in made.evidence] == [
        ("http://h.test/robots.txt", 200),
        ("http://h.test/.well-known/tdmrep.json", 404),
    ]


def test_rules_version_names_the_tables() -> None:
    """A number raised by hand and a hash of the tables."""
    number, _, digest = RULES_VERSION.partition("-")
    assert number.isdigit()
    assert len(digest) == 12


@pytest.mark.parametrize(
    ("url", "seen", "message"),
    [
        (PAGE, [], "no evidence to decide about http://h.test/a: pass at least that of its robots.txt"),
        ("data:,x", [robots()], "data:,x is not an http(s) URL"),
    ],
)
def test_decide_mistakes(url: str, seen: list[Evidence], message: str) -> None:
    """What cannot be decided is told in one line."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        decide(url, seen, policy())
    assert str(caught.value) == message


def test_site_mistakes() -> None:
    """A site is of one origin, read from locations, and asked about its own URLs at an aware time."""
    other = Evidence("http://other.test/robots.txt", 200, (), b"", SEEN)
    with pytest.raises(ValueError, match="of one origin, not of 2"):
        Site.read([robots(), other], policy())
    with pytest.raises(ValueError, match="of one origin, not of 0"):
        Site.read([], policy())
    with pytest.raises(ValueError, match="is none of the locations"):
        Site.read([robots(), page()], policy())
    site = Site.read([robots()], policy())
    with pytest.raises(ValueError, match=r"http://other\.test/ is not of the origin http://h\.test"):
        site.decide("http://other.test/", at=SEEN)
    with pytest.raises(ValueError, match="has no time zone"):
        site.decide(PAGE, at=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_decide_tells_of_a_naive_date() -> None:
    """The same mistake is told the same way by `decide`."""
    with pytest.raises(ValueError, match="has no time zone"):
        decide(PAGE, [robots()], policy(), at=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_claim_of_an_unknown_finding_is_told() -> None:
    """A slip in the name of a finding is one line that names the choices."""
    with pytest.raises(ValueError, match="register-strong"):
        decide(PAGE, [robots()], policy(), claims=[Claim("register-stronk", "S", "R1", "x")])


def test_may_fetch_is_asked_about_its_own_urls() -> None:
    """A URL of another origin is not answered by this site's rules."""
    site = Site.read([robots("User-agent: *\nAllow: /\n")], policy())
    with pytest.raises(ValueError, match="is not of the origin"):
        site.may_fetch("http://other.test/a")


def test_strictest_of_one_is_itself() -> None:
    """A chain of one link is that link's decision."""
    made = decide(PAGE, [robots(), tdmrep()], policy())
    assert strictest_of([made]) is made
    assert strictest_of([made], url="http://h.test/b").url == "http://h.test/b"
