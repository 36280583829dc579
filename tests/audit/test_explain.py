"""What logs tell of one URL and of one site, and of two crawls compared."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from optout_middleware.audit import explain
from optout_middleware.audit.comparison import Change, Comparison
from optout_middleware.audit.explain import Manifests, Said, of_site, of_url, story
from optout_middleware.audit.reading import Damage, Record
from optout_middleware.decide import Site
from optout_middleware.policy import Override, Policy
from optout_middleware.terms import Evidence, Outcome

from .logs import AT, HTML, LICENCE, NOAI, OTHER, PLAIN, SEEN, SITE, Log, files, page

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def told(directory: Path, url: str) -> list[str]:
    """Tell the story of a URL; one list of all lines."""
    manifests = Manifests([str(directory)])
    found = [item for item in of_url([str(directory)], url) if isinstance(item, Record)]
    return [text for item in found for text in story(item, manifests.of(item.line))]


def test_story_of_a_reservation(tmp_path: Path) -> None:
    """When, by whom, what was asked, what was said word for word, what that means, and what was done."""
    log = Log(tmp_path)
    site, asset = log.site(files()), page("/noai", NOAI)
    where = log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.close()
    texts = told(tmp_path, asset.url)
    assert texts[0] == (
        "2026-11-24 13:00:00 UTC, crawl 20261124T120000Z-aaaaaa by House, once it was fetched: "
        "reserved: a protocol says no for our usage."
    )
    assert texts[1].startswith("  Asked: may it be used for train-ai, product token OurBot, profile precautionary")
    assert texts[2:5] == [
        '  - meta, meta robots: "<meta name="robots" content="noai">"',
        "    a protocol says no for our usage (refusal), so it is reserved.",
        f"    Seen at {asset.url}, status 200, on 2026-11-24 12:59:00 UTC.",
    ]
    assert (
        f"  Looked at: {SITE}/robots.txt, status 200, on 2026-11-24 12:00:00 UTC, SHA-256 {files()[0].sha256}" in texts
    )
    assert any(text.startswith("  Archived: what was looked at of the page, SHA-256 ") for text in texts)
    assert texts[-1] == f"  Done: it was kept. Line {where}."


def test_story_of_other_outcomes(tmp_path: Path) -> None:
    """Silence, what waits, a licence, a redirect, an override and a failure are told too."""
    log = Log(tmp_path, Policy("OurBot", findings={"noarchive": Override(Outcome.PENDING, "Ann", "unclear")}))
    site = log.site(files())
    moved = Evidence(f"{SITE}/old", 200, HTML, PLAIN, SEEN, final_url=f"{SITE}/new", hops=[f"{SITE}/old"])
    odd = page("/odd", b'<meta name="robots" content="noarchive">')
    log.write(site.decide(f"{SITE}/new", asset=moved, at=AT), moved)
    log.write(site.decide(odd.url, asset=odd, at=AT), odd)
    log.write(site.decide(f"{SITE}/papers/1", licences=[LICENCE], at=AT))
    log.write(Site.unseen(OTHER, log.policy).decide(f"{OTHER}/x", at=AT))
    log.close()
    silent = told(tmp_path, f"{SITE}/new")
    assert "no reservation found." in silent[0]
    assert "  Nothing that reserves was found in what was looked at." in silent
    pending = told(tmp_path, odd.url)
    assert "pending, waits for a person: noarchive or nocache" in pending[0]
    assert "    Judged so by Ann: unclear." in pending
    assert any("lifted by a licence of House, recorded by Ann" in text for text in told(tmp_path, f"{SITE}/papers/1"))
    assert any("nobody looked" in text for text in told(tmp_path, f"{OTHER}/x"))
    assert told(tmp_path, f"{SITE}/never") == []


def test_redirects_are_found_by_both_ends(tmp_path: Path) -> None:
    """A line is about the URL that was asked for, and about where redirects led."""
    log = Log(tmp_path)
    moved = Evidence(f"{SITE}/old", 200, HTML, PLAIN, SEEN, final_url=f"{SITE}/new", hops=[f"{SITE}/old"])
    decision = log.site(files()).decide(f"{SITE}/old", asset=moved, at=AT)
    log.write(decision, moved)
    log.close()
    first, second = told(tmp_path, f"{SITE}/old#part"), told(tmp_path, f"{SITE}/new")
    assert first == second
    assert f"  Redirects led to {SITE}/new." in first


def test_note_and_damage(tmp_path: Path) -> None:
    """Damage is given beside the lines; a line without an outcome is told by its note."""
    log = Log(tmp_path)
    log.log.write({"stage": "run", "url": SITE, "note": "turned off"})
    log.close()
    (tmp_path / "x-main.jsonl").write_text("{")
    found = list(of_url([str(tmp_path)], SITE))
    assert [type(item) for item in found] == [Record, Damage]
    assert [text.partition(": ")[2] for text in told(tmp_path, SITE)] == ["turned off"]


def test_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a domain with its subdomains: outcomes, hosts, and what was said how often, from when to when."""
    log = Log(tmp_path)
    site, other = log.site(files()), log.site(files("https://www.h.example"))
    for number, path in enumerate(("/reserved", "/reserved/2", "/free")):
        log.write(site.decide(SITE + path, at=AT + timedelta(days=number)))
    log.write(other.decide("https://www.h.example/reserved", at=AT))
    log.write(log.site(files("https://nosh.example")).decide("https://nosh.example/", at=AT))
    asset = page("/noai", NOAI)
    log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.close()
    found = of_site([str(tmp_path)], "H.example")
    assert (found.lines, dict(found.hosts)) == (5, {"h.example": 4, "www.h.example": 1})
    assert dict(found.outcomes) == {("request", "deny"): 3, ("request", "allow"): 1, ("response", "deny"): 1}
    (said,) = (said for said in found.said if said.signal == "tdmrep")
    heard = found.said[said]
    assert (said.finding, said.outcome, said.location) == ("refusal", "deny", "tdmrep.json")
    assert (heard.lines, heard.first, heard.url) == (3, AT.isoformat(), f"{SITE}/reserved")
    assert of_site([str(tmp_path)], "example").lines == 6
    assert of_site([str(tmp_path)], "nowhere.example").lines == 0
    monkeypatch.setattr(explain, "_MOST", 1)
    found = of_site([str(tmp_path)], "h.example")
    assert (len(found.said), found.more) == (1, 1)
    assert isinstance(next(iter(found.said)), Said)


def crawled(directory: Path, robots: bytes, **more: Any) -> str:
    """Write a crawl of one page of each of three sites, of which the first has this robots.txt."""
    log = Log(directory)
    for origin, text in ((SITE, robots), (OTHER, b""), (more.get("only", "https://third.example"), b"")):
        site = log.site(files(origin, text, more.get("tdmrep", b"") if origin == SITE else b""))
        for path in ("/a", "/b"):
            log.write(site.decide(origin + path, at=AT))
    log.close()
    return str(directory)


def test_comparison(tmp_path: Path) -> None:
    """Who reserves in the later crawl only, who in the earlier only, and which sites only one of them asked."""
    plain = crawled(tmp_path / "1", b"")
    closed = crawled(tmp_path / "2", b"User-agent: OurBot\nDisallow: /\n", only="https://fourth.example")
    both = crawled(
        tmp_path / "3", b"User-agent: OurBot\nDisallow: /\n", tdmrep=b'[{"location":"*","tdm-reservation":1}]'
    )
    forward = Comparison([plain], [closed])
    (change,) = forward.changes()
    assert change == Change(
        "reserved", SITE, "robots.txt", "fetch-forbidden", 2, f"{SITE}/a", "Disallow: /", is_whole=True
    )
    assert (forward.both, forward.only_earlier, forward.only_later, forward.damaged) == (2, 1, 1, 0)
    (change,) = Comparison([closed], [plain]).changes()
    assert (change.what, change.is_whole) == ("withdrew", True)
    (change,) = Comparison([closed], [both]).changes()
    assert (change.what, change.signal, change.is_whole) == ("reserved", "tdmrep", False)
    assert list(Comparison([plain], [plain]).changes()) == []
