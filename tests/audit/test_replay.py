"""Replay: a log is derived again without a difference; what was changed is found, what is missing is counted."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optout_middleware.audit import replay as replaying
from optout_middleware.audit.derivation import GONE, WHY
from optout_middleware.audit.replay import Changed, Counts, Difference, Replay
from optout_middleware.decide import Site, decide_hop, named_by, strictest_of
from optout_middleware.evidence.archive_reader import ArchiveReader
from optout_middleware.policy import ALL_LOCATIONS, LOCATIONS, Policy
from optout_middleware.reasons import with_register
from optout_middleware.terms import Claim, Decision, Evidence, Hop, OptOutError, Outcome, Reason, Ruling

from .logs import AT, HTML, LICENCE, NOAI, OTHER, PLAIN, RULES, SEEN, SITE, Log, files, page

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Give a log that is open."""
    return Log(tmp_path)


def replayed(directory: Path) -> tuple[list[Difference], Counts]:
    """Replay a directory."""
    replay = Replay([str(directory)], ArchiveReader([directory]))
    return list(replay.differences()), replay.counts


def pages() -> list[Evidence]:
    """Make pages of all kinds."""
    pdf = b"%PDF-1.7 " + b"text " * 999
    return [
        page("/plain"), page("/noai", NOAI), page("/header", PLAIN, ("x-robots-tag", "noai")), page("/empty", b""),
        page("/reserved"), page("/reserved", b'<meta name="tdm-reservation" content="0">'), page("/papers/1"),
        page("/papers/1", NOAI, truncated=True), page("/other", b"<head>", truncated=True),
        Evidence(f"{SITE}/file", 200, [("content-type", "application/pdf")], pdf, SEEN, truncated=True),
        Evidence(f"{SITE}/image.png", 200, [("x-robots-tag", "noimageai")], b"\x89PNG", SEEN),
        page("/archive", b'<meta name="robots" content="noarchive">'), page("/bot", b"<meta name=xbot content=noai>"),
        Evidence(f"{SITE}/gone", 404, HTML, NOAI, SEEN),
    ]  # fmt: skip


def test_unaltered(log: Log) -> None:
    """A log of pages of all kinds is derived again without a difference."""
    site = log.site(files())
    for asset in pages():
        log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    for path in ("/closed", "/reserved", "/papers/2", "/robots.txt", "/free"):
        log.write(site.decide(SITE + path, at=AT))
    log.write(Site.unseen(OTHER, log.policy).decide(f"{OTHER}/x", at=AT))
    log.log.write({"stage": "run", "note": "a note"})
    log.close()
    found, counts = replayed(log.directory)
    assert found == []
    assert counts == Counts(lines=20, same=20, notes=1)


def test_sites_that_fail(log: Log) -> None:
    """Files that are unreachable, unavailable, or stale copies are derived as they counted."""
    failed = Evidence(f"{SITE}/robots.txt", 503, [], b"down", SEEN, error="503 Service Unavailable")
    silent = Evidence(f"{OTHER}/robots.txt", None, [], b"", SEEN, error="no route to host")
    copy = Evidence(f"{SITE}/robots.txt", 200, [], RULES, SEEN - timedelta(days=3))
    _, tdmrep = files()
    for seen in ([failed, tdmrep], [silent], [copy, failed, tdmrep], [copy, Evidence(tdmrep.url, 403, [], b"", SEEN)]):
        site = log.site(seen)
        for path in ("/a", "/papers/1", "/closed"):
            log.write(site.decide(site.origin + path, at=AT))
    log.close()
    found, counts = replayed(log.directory)
    assert (found, counts.same) == ([], 12)


def test_redirects(log: Log) -> None:
    """Over a chain every link counts, and so do the headers that redirects came with."""
    for headers in ((), (("x-robots-tag", "noai"),)):
        hops = [Hop(f"{SITE}/a", 302, headers), Hop(f"{OTHER}/b", 301)]
        asset = Evidence(f"{SITE}/a", 200, HTML, PLAIN, SEEN, final_url=f"{SITE}/c", hops=hops)
        site, other = log.site(files()), log.site(files(OTHER))
        decisions = [site.decide(f"{SITE}/a", at=AT), other.decide(f"{OTHER}/b", at=AT)]
        decisions.append(site.decide(f"{SITE}/c", asset=asset, at=AT))
        decisions += [decide_hop(site, hops[0], asset, at=AT)] if headers else []
        log.write(strictest_of(decisions, url=f"{SITE}/a"), asset)
    log.close()
    found, counts = replayed(log.directory)
    assert (found, counts.same) == ([], 2)


def test_documents(tmp_path: Path) -> None:
    """Licence documents that robots.txt or a page names count, and so do TDMRep policies."""
    log = Log(tmp_path, Policy("OurBot", locations=ALL_LOCATIONS))
    rsl = b'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license><prohibits type="usage">all</prohibits>'
    licence = Evidence(f"{SITE}/licence.xml", 200, [], rsl + b"</license></content></rsl>", SEEN)
    terms = Evidence(f"{SITE}/policy.json", 200, [("content-type", "application/json")], b'{"assigner": "h"}', SEEN)
    absent = [Evidence(SITE + path, 404, [], b"", SEEN) for path in list(LOCATIONS.values())[2:]]
    link = b'<head><link rel="license" type="application/rsl+xml" href="/licence.xml"></head>' + b"text " * 999
    seen = [*files(robots=b"License: https://h.example/licence.xml\nUser-agent: *\nAllow: /\n"), *absent, licence]
    site = log.site(seen)
    log.archive.keep(terms)
    log.write(site.decide(f"{SITE}/a", at=AT))
    log.write(site.decide(f"{SITE}/reserved", policies=[terms], at=AT))
    plain, asset = log.site([*files(), *absent]), page("/linked", link)
    assert named_by(asset, log.policy) == (licence.url,)
    log.write(plain.decide(asset.url, asset=asset, documents=[licence], at=AT), asset)
    log.close()
    found, counts = replayed(tmp_path)
    assert (found, counts.same) == ([], 3)


def test_register(log: Log) -> None:
    """Claims, licences and rulings on record count: for pages, and for items with claims of their own."""
    site, asset = log.site(files()), page("/papers/3")
    claim = Claim("register-strong", "Society", "R1", "a declaration", since=SEEN - timedelta(1))
    doubt = Claim("register-middle", "Estate", "R5", "a title that is much alike")
    ruling = Ruling(
        "register-middle", "", Outcome.ALLOW, "Ann", "another work", SEEN, AT + timedelta(1), party="Estate"
    )
    decision = site.decide(asset.url, asset=asset, claims=[doubt], licences=[LICENCE], rulings=[ruling], at=AT)
    assert decision.outcome is Outcome.ALLOW
    where = log.write(decision, asset, said={"claims": [doubt.to_dict()]})
    item = with_register(decision, log.policy, claims=[claim], final_url=asset.url)
    assert item.outcome is Outcome.DENY
    log.write(item, asset, "item", {"claims": [claim.to_dict()], "register": {}, "page": where})
    media = with_register(site.decide(asset.url, asset=asset, at=AT), log.policy, claims=[doubt], final_url=asset.url)
    log.write(media, asset, "media", {"claims": [doubt.to_dict()], "register": {}})
    log.close()
    found, counts = replayed(log.directory)
    assert (found, counts.same) == ([], 3)


def test_what_rests_on_the_policy_alone(log: Log) -> None:
    """What nobody could be asked about is judged anew; an item that cannot take its tag keeps its page's reasons."""

    def single(finding: str, url: str) -> Decision:
        outcome, waits_for, override = log.policy.judge(finding)
        reason = Reason(finding, outcome, waits_for, None, "url", override=override)
        return Decision(url, outcome, True, waits_for, (), (reason,), (), (), (), AT, log.policy.sha256)

    for finding, url in (("own-input", "data:,x"), ("unjudged", "ftp://h.example/"), ("excluded-site", f"{SITE}/e")):
        log.write(single(finding, url))
    site, asset = log.site(files()), page("/plain")
    decision = site.decide(asset.url, asset=asset, at=AT)
    log.write(decision, asset)
    (extra,) = single("unjudged", "").reasons
    untaggable = with_register(decision, log.policy)
    log.write(
        Decision(
            untaggable.url, Outcome.PENDING, True, extra.waits_for, (), (*untaggable.reasons, extra),
            untaggable.statements, untaggable.evidence, (), AT, log.policy.sha256,
        ), asset, "item",
    )  # fmt: skip
    log.close()
    found, counts = replayed(log.directory)
    assert (found, counts.same) == ([], 5)


def rewritten(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write the lines of a log again, changed, as a log of the first format, which has no chain."""
    from optout_middleware.audit.reading import Record, records  # noqa: PLC0415 - only where a log is changed

    lines = [dict(item.line) for item in records([str(directory)]) if isinstance(item, Record)]
    for said in lines:
        change(said)
    for path in directory.glob("*.jsonl*"):
        path.unlink()
    text = "".join(json.dumps({**said, "schema": 1}) + "\n" for said in lines)
    (directory / "20261124T120000Z-aaaaaa-main.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", "allow"), ("may_fetch", False), ("reasons", []), ("waits_for", "person"),
        ("conditions", ["pay"]), ("statements", [{"signal": "tdmrep"}]),
    ],
)  # fmt: skip
def test_altered_lines(log: Log, field: str, value: object) -> None:
    """A field that says something else than evidence and policy is a difference, with both values."""
    site, asset = log.site(files()), page("/noai", NOAI)
    log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.close()
    rewritten(log.directory, lambda said: said.update({field: value}))
    (found,), counts = replayed(log.directory)
    assert (found.field, found.recorded, found.url, counts.differing) == (field, value, asset.url, 1)
    assert found.derived != value
    assert found.id.startswith("20261124T120000Z-aaaaaa-main:")


def test_altered_evidence(log: Log) -> None:
    """A line whose evidence hash was changed to that of other archived evidence differs, or it is missing."""
    site, asset = log.site(files()), page("/plain")
    _, other = log.archive.keep(files(OTHER)[0]), page("/noai", NOAI)
    log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.write(site.decide(other.url, asset=other, at=AT), other)
    log.close()
    kept: list[str] = []
    rewritten(log.directory, lambda said: kept.append(said["kept"]))
    rewritten(log.directory, lambda said: said.update(kept=kept[1]))
    found, counts = replayed(log.directory)
    assert (counts.same, counts.differing) == (1, 1) or counts.not_derivable == {"evidence-missing": 1}
    assert found or counts.not_derivable


def test_what_cannot_be_derived_is_counted(tmp_path: Path) -> None:
    """Each reason for which a line cannot be derived is counted by its name."""
    log = Log(tmp_path, pages=0.0)
    site = log.site(files())
    odd = b"<head><meta " + b" ".join(b"a%d=1" % number for number in range(900)) + b' name=robots content="noai">'
    missing = Evidence(f"{OTHER}/robots.txt", 200, [], b"x", SEEN)
    masked = log.site(files("https://m.example", robots=b"User-agent: *\nDisallow: /*secret\n"))
    for asset in (page("/plain"), page("/odd", odd + b"</head>" + b"<p>" * 20_000)):
        log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.write(Site.read([missing], log.policy).decide(f"{OTHER}/a", at=AT))
    log.write(masked.decide("https://m.example/?token=secret", at=AT))
    for path in ("/free", "/later"):
        log.write(site.decide(SITE + path, at=AT))
    log.close()
    changed = {f"{SITE}/free": {"at": "soon"}, f"{SITE}/later": {"policy": "0" * 64}}
    rewritten(log.directory, lambda said: said.update(changed.get(said["url"], {})))
    found, counts = replayed(tmp_path)
    assert found == []
    assert counts.not_derivable == Counter({
        "page-not-sampled": 1, "page-not-derivable": 1, "evidence-missing": 1, "url-masked": 1, "policy-missing": 1,
        "line-unreadable": 1,
    })  # fmt: skip
    assert counts.lines == 6


def test_a_page_that_should_be_there_is_missing(tmp_path: Path) -> None:
    """Where all pages were to be archived, one that is not there is gone; else it may not have been drawn."""
    log = Log(tmp_path, pages=0.0, settings={"OPTOUT_ARCHIVE": "archive", "OPTOUT_ARCHIVE_PAGES": 1.0})
    asset = page("/plain")
    log.write(log.site(files()).decide(asset.url, asset=asset, at=AT), asset)
    log.close()
    _, counts = replayed(tmp_path)
    assert (counts.not_derivable, counts.gone) == ({"evidence-missing": 1}, 1)


def test_damage_is_told(log: Log) -> None:
    """Damage of log and archive is counted; a record that was changed is no evidence."""
    site, asset = log.site(files()), page("/plain")
    log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    log.close()
    (warc,) = (log.directory / "archive").glob("*.warc.gz")
    octets = bytearray(warc.read_bytes())
    octets[-20] ^= 1
    warc.write_bytes(octets)
    (log.directory / "x-main.jsonl").write_text('{"schema": 1')
    found, counts = replayed(log.directory)
    assert found == []
    assert counts.not_derivable == {"evidence-damaged": 1}
    assert (counts.damaged, "no whole line" in counts.damage[0]) == (1, True)


def test_other_rules(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of another version of the rules are derived all the same, and counted by it."""
    log.write(log.site(files()).decide(f"{SITE}/free", at=AT))
    log.close()
    monkeypatch.setattr(replaying, "RULES_VERSION", "99-x")
    _, counts = replayed(log.directory)
    assert (counts.same, sum(counts.other_rules.values())) == (1, 1)


def changes(directory: Path, **fields: Any) -> tuple[list[Changed], Counts]:
    """Tell what another policy would have done."""
    replay = Replay([str(directory)], ArchiveReader([directory]))
    return list(replay.changes(fields)), replay.counts


def test_other_policy(log: Log) -> None:
    """Another policy is applied offline: outcomes, the findings that would settle, and pages that nobody saw."""
    site = log.site(files())
    for asset in (
        page("/plain"),
        page("/noai", NOAI),
        page("/papers/1"),
        page("/a", b"<meta name=robots content=noarchive>"),
    ):
        log.write(site.decide(asset.url, asset=asset, at=AT), asset)
    for path in ("/closed", "/papers/2"):
        log.write(site.decide(SITE + path, at=AT))
    log.close()
    found, counts = changes(log.directory, profile="literal")
    assert [(one.url, one.before, one.after, one.findings_before) for one in found] == [
        (f"{SITE}/papers/1", "deny", "allow", ("training-consensus",)),
        (f"{SITE}/papers/2", "deny", "allow", ("training-consensus",)),
    ]
    assert counts.outcomes == {("allow", "allow"): 2, ("deny", "deny"): 2, ("deny", "allow"): 2}
    assert (counts.lost, counts.unseen) == ({"training-consensus": 2}, 1)
    row = {"outcome": "deny", "by": "Ann", "reason": "caution"}
    (one,), counts = changes(log.directory, findings={"noarchive": row})
    assert (one.after, one.findings_after, counts.gained) == ("deny", ("noarchive",), {"noarchive": 1})
    _, counts = changes(log.directory, natural_language=["page"])
    assert counts.not_derivable == {"page-text-missing": 3}
    _, counts = changes(log.directory, product_token="GPTBot")
    assert counts.outcomes["deny", "allow"] == 1  # /closed, which its own group does not close
    with pytest.raises(OptOutError, match="profile is 'x'"):
        changes(log.directory, profile="x")
    with pytest.raises(OptOutError, match="unexpected keyword argument 'colour'"):
        changes(log.directory, colour="red")


def test_other_policy_without_a_manifest(tmp_path: Path) -> None:
    """Without a policy on record, a mistake in the other one is told all the same."""
    with pytest.raises(OptOutError, match="not a policy: missing 1 required"):
        changes(tmp_path, profile="literal")


def test_reasons_are_in_the_docs() -> None:
    """docs/evidence.md lists each reason for which a line cannot be derived, with its meaning."""
    text = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text("utf-8")
    for why, meaning in WHY.items():
        assert f"| {'**' if why in GONE else ''}`{why}`{'**' if why in GONE else ''} | {meaning} |" in text
