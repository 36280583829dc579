"""The function batch -> batch: it says what the core says, whatever it shares, and is pure."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optout_middleware.corpus.columns import of_values
from optout_middleware.corpus.recheck import RESULTS, Recheck, origins, quick_origin
from optout_middleware.corpus.sites import evidence_hash
from optout_middleware.corpus.works import Works
from optout_middleware.decide import Site, decide
from optout_middleware.evidence.locations import location_url
from optout_middleware.terms import Evidence
from optout_middleware.urls import origin_of

from . import corpora

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optout_middleware.policy import Policy

ORIGIN = "https://site.example"
PATTERNS = st.sampled_from(["/", "/a", "/a/b", "/*.gif$", "/a*b", "*", "/press/", "/a$", "", "/robots.txt", "/%61"])
FIELDS = st.sampled_from([
    "Disallow: {}", "Allow: {}", "Content-Usage: {} train-ai=n", "Content-Usage: {} train-ai=y",
    "Content-Signal: {} ai-train=no", "Content-Signal: ai-train=yes", "DisallowAITraining: {}",
])  # fmt: skip
AGENTS = st.sampled_from(["*", "ExampleCorpusBot", "GPTBot", "CCBot", "Google-Extended"])
ROBOTS = st.lists(
    st.one_of(
        st.builds("User-agent: {}".format, AGENTS),
        st.builds(lambda field, path: field.format(path), FIELDS, PATTERNS),
        st.sampled_from(["License: https://site.example/l.xml", "# no AI training please", "Sitemap: /s"]),
    ),
    max_size=12,
).map(lambda lines: "\n".join(lines).encode())
PATHS = st.lists(
    st.sampled_from(["/", "/a", "/a/b", "/a/c.gif", "/x.gif?y", "/press/1", "/robots.txt", "/a#f", "?q", "/ab"]),
    min_size=1, max_size=8,
)  # fmt: skip


def site(robots: bytes | None, policy: Policy, tdmrep: bytes | None = None) -> Site:
    """Read a site with these files."""
    files = {"robots.txt": robots, "tdmrep.json": tdmrep}
    return Site.read(
        [
            Evidence(location_url(ORIGIN, name), 404 if body is None else 200, (), body or b"", corpora.SEEN)
            for name, body in files.items()
        ],
        policy,
    )


def recheck(rows: Sequence[dict[str, Any]], known: dict[str, Site], policy: Policy = corpora.POLICY) -> list[Any]:
    """Decide about rows; a row of results each."""
    batch = of_values(list(rows), {}, 0)
    checked = Recheck(policy, corpora.AT)(batch, known)
    assert checked.columns.schema == RESULTS
    return list(checked.columns.to_pylist())


@settings(max_examples=200, deadline=None)
@given(ROBOTS, PATHS, st.sampled_from([None, b'[{"location": "/a", "tdm-reservation": 1}]']))
def test_what_is_shared_is_what_the_core_says(robots: bytes, paths: list[str], tdmrep: bytes | None) -> None:
    """Of any robots.txt, each record gets the outcome, the reasons and the rule that it gets alone."""
    known = site(robots, corpora.POLICY, tdmrep)
    batch = of_values([{"url": ORIGIN + path} for path in paths], {}, 0)
    checked = Recheck(corpora.POLICY, corpora.AT)(batch, {ORIGIN: known})
    for path, verdict in zip(paths, checked.verdicts, strict=True):
        alone = known.decide(ORIGIN + path, at=corpora.AT)
        assert (verdict.decision.outcome, verdict.decision.reasons) == (alone.outcome, alone.reasons)
        assert (verdict.decision.statements, verdict.decision.may_fetch) == (alone.statements, alone.may_fetch)


def test_records_are_judged_by_what_they_carry() -> None:
    """Headers and HTML of a record speak, beside its site."""
    known = corpora.sites()
    rows: list[dict[str, Any]] = [
        {"url": f"{corpora.OPEN}/1"},
        {"url": f"{corpora.OPEN}/2", "html": corpora.NOAI.decode()},
        {"url": f"{corpora.OPEN}/3", "html": corpora.PLAIN.decode()},
        {"url": f"{corpora.OPEN}/4", "headers": {"X-Robots-Tag": "noai"}},
        {"url": f"{corpora.CLOSED}/5", "html": corpora.PLAIN.decode()},
    ]
    found = recheck(rows, known)
    assert [row["optout_outcome"] for row in found] == ["allow", "deny", "allow", "deny", "deny"]
    assert found[1]["optout_rule"]
    assert found[0]["optout_rule"] == ""
    assert "refusal (meta)" in found[1]["optout_reasons"]
    assert len({row["optout_evidence"] for row in found[:4]}) == 1
    assert found[4]["optout_evidence"] != found[0]["optout_evidence"]


def test_it_says_what_decide_says_of_the_same_evidence() -> None:
    """A record with a response comes to what `decide` comes to, given the files of its site and the response."""
    url = f"{corpora.PARTLY}/press/1"
    page = Evidence(url, 200, [("content-type", "text/html")], corpora.NOAI, corpora.SEEN)
    alone = decide(url, [*corpora.evidence(), page], corpora.POLICY, at=corpora.AT)
    (row,) = recheck(
        [{"url": url, "html": corpora.NOAI.decode(), "collected_at": corpora.SEEN.isoformat()}], corpora.sites()
    )
    assert row["optout_outcome"] == alone.outcome
    assert row["optout_reasons"] == list(dict.fromkeys(f"{r.finding} ({r.location})" for r in alone.reasons))


@pytest.mark.parametrize(
    "url", [None, "", "data:text/plain,hi", "ftp://open.example/a", "http://", "http://[", "\ud800"]
)
def test_a_record_without_a_site_is_pending(url: str | None) -> None:
    """Nobody can be asked about it, so it is not kept."""
    (row,) = recheck([{"url": url}], {})
    assert row["optout_outcome"] == "pending"
    assert row["optout_reasons"] == ["unjudged (url)"]


def test_a_site_that_nobody_looked_at_is_pending() -> None:
    """No evidence is no permission."""
    (row,) = recheck([{"url": f"{ORIGIN}/a"}], {ORIGIN: Site.unseen(ORIGIN, corpora.POLICY)})
    assert row["optout_outcome"] == "pending"


def test_a_body_that_is_not_whole_is_pending() -> None:
    """What could not be undone may have said no."""
    batch = of_values([{"url": f"{corpora.OPEN}/a", "html": "", "headers": {"Content-Type": "text/html"}}], {}, 0)
    place = batch.schema.get_field_index("error")
    batch = batch.set_column(place, batch.schema.field(place), pa.array(["br is not undone"]))
    (row,) = Recheck(corpora.POLICY, corpora.AT)(batch, corpora.sites()).columns.to_pylist()
    assert row["optout_outcome"] == "pending"


@given(
    st.text(max_size=40) | st.sampled_from(["http://A.example:80/x", "https://u@b.example", "http://c.example?x=/y"])
)
def test_the_quick_origin_is_the_origin(url: str) -> None:
    """The short cut gives what `origin_of` gives."""
    assert quick_origin(url) == (origin_of(url) or "")


def test_it_is_pure_and_can_be_sent_to_workers() -> None:
    """The same batch gives the same columns, now and in another process, and sites can be pickled."""
    batch = of_values(corpora.rows(200), {}, 0)
    known = corpora.sites()
    for origin in origins(batch) - known.keys():
        known[origin] = Site.unseen(origin, corpora.POLICY)
    first = Recheck(corpora.POLICY, corpora.AT)(batch, known).columns
    again = Recheck(corpora.POLICY, corpora.AT)(batch, pickle.loads(pickle.dumps(known))).columns
    assert first.equals(again)
    parts = [Recheck(corpora.POLICY, corpora.AT)(batch.slice(at, 50), known).columns for at in range(0, 200, 50)]
    assert [row for part in parts for row in part.to_pylist()] == first.to_pylist()


def test_the_evidence_hash_is_of_what_was_said() -> None:
    """The time of looking and the order do not count; a byte that changed does."""
    one, two = (item.source for item in corpora.evidence({ORIGIN: b"a"}))
    later = [item.source for item in corpora.evidence({ORIGIN: b"a"}, corpora.AT)]
    other = [item.source for item in corpora.evidence({ORIGIN: b"b"})]
    assert evidence_hash([one, two]) == evidence_hash([two, one]) == evidence_hash(later)
    assert evidence_hash([one, two]) != evidence_hash(other)


def test_works_are_asked_about_and_what_cannot_be_is_told() -> None:
    """A record with title and writers is checked against the register; one without is told as not checkable."""
    batch = of_values(
        [
            {"url": f"{corpora.OPEN}/1", "title": "La Mer", "writers": ["Charles Trenet"]},
            {"url": f"{corpora.OPEN}/2", "title": "La Mer"},
            {"url": f"{corpora.OPEN}/3"},
        ],
        {},
        0,
    )
    works = Works("", corpora.POLICY, corpora.AT)
    judged = works.of(batch)
    works.close()
    rows = Recheck(corpora.POLICY, corpora.AT)(batch, corpora.sites(), judged).columns.to_pylist()
    assert [row["optout_works"] for row in rows] == ["checked", "not checkable", "not checkable"]
    unasked = Recheck(corpora.POLICY, corpora.AT)(batch, corpora.sites()).columns.to_pylist()
    assert {row["optout_works"] for row in unasked} == {"not asked"}
