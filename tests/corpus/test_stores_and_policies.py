"""A re-check by a store on a server, and by the TDM policies that sites and records name."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit.reading import Record, records
from optout_middleware.corpus.job import Job
from optout_middleware.corpus.pool import Processes
from optout_middleware.corpus.records import shards
from optout_middleware.corpus.sites import StoredSites
from optout_middleware.evidence.stores import store_of
from optout_middleware.terms import OptOutError

from . import corpora
from .test_probing import EVERYTHING, NAMED, NAMING, probed

if TYPE_CHECKING:
    from pathlib import Path


def job(directory: Path, out: str, **changes: Any) -> tuple[dict[str, int], str]:
    """Do a job over `a.jsonl`; give its outcomes, and its audit directory."""
    audit = directory / out / "audit"
    made = Job(
        str(directory / out), str(audit), corpora.plan(directory, register="none", **changes),
        shards([str(directory / "a.jsonl")]), settings={}, register_snapshot="", now=lambda: corpora.AT,
    )  # fmt: skip
    return dict(made.run(Processes(1)).outcomes), str(audit)


def test_a_server_gives_what_a_file_gives(tmp_path: Path, redis_server: Any) -> None:
    """The same evidence, the same decisions."""
    corpora.json_lines(tmp_path / "a.jsonl", corpora.rows(200))
    url = redis_server.url

    async def fill() -> None:
        store = store_of(url)
        await store.save(corpora.evidence())
        await store.close()

    asyncio.run(fill())
    assert job(tmp_path, "server", store=url)[0] == job(tmp_path, "file")[0]


def test_a_server_that_is_lost_is_no_site_that_was_never_seen(tmp_path: Path, redis_server: Any) -> None:
    """The job stops in one line; nothing is taken for never looked at."""
    sites = StoredSites(redis_server.url, corpora.POLICY, corpora.AT)
    sites.of([corpora.OPEN])
    redis_server.kill()
    with pytest.raises(OptOutError, match="was lost"):
        sites.of([corpora.CLOSED])
    sites.close()


def test_policies_add_their_conditions(tmp_path: Path) -> None:
    """Those that tdmrep.json and those that headers name; without --locations tdm-policy none is read."""
    policy = {
        "@context": ["http://www.w3.org/ns/odrl.jsonld", {"tdm": "http://www.w3.org/ns/tdmrep#"}],
        "@type": "Offer", "profile": "http://www.w3.org/ns/tdmrep", "uid": "https://b.example/one.json",
        "assigner": {"uid": "https://b.example/", "vcard:hasEmail": "mailto:rights@b.example"},
        "permission": [{"target": "https://b.example/one/", "action": "tdm:mine",
                        "duty": [{"action": "obtainConsent"}]}],
    }  # fmt: skip
    files = {**NAMING, "https://b.example/one.json": json.dumps(policy).encode(),
             "https://d.example/d.json": json.dumps(policy).encode()}  # fmt: skip
    probed(tmp_path, NAMED, files, EVERYTHING)
    _, audit = job(tmp_path, "out", policy=EVERYTHING)
    lines = {row.line["url"]: row.line for row in records([audit]) if isinstance(row, Record)}
    for url in ("https://b.example/one/1", "https://b.example/one/2", "https://d.example/1"):
        line = lines[url]
        assert any("rights@b.example" in text for text in line["conditions"])
        assert any(source["url"].endswith(".json") and "tdmrep" not in source["url"] for source in line["evidence"])


def test_what_a_record_carries_counts_whatever_its_date(tmp_path: Path) -> None:
    """A date of collection after the day of the decision, right or wrong, does not make a record free."""
    later = {"html": corpora.NOAI.decode(), "collected_at": "2999-01-01T00:00:00Z"}
    corpora.json_lines(tmp_path / "a.jsonl", [{"url": f"{corpora.OPEN}/1", **later}])
    assert job(tmp_path, "out")[0] == {"deny": 1}
