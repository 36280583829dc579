"""Redaction: what is removed is gone, is recorded, and leaves the chain as it was."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optout_middleware.audit.personal import PERSONAL, REDACTED, Entry, Hidden, _hash, hashes, shown
from optout_middleware.audit.proof import check, prove
from optout_middleware.audit.reading import Run, runs
from optout_middleware.audit.redaction import Request, expire, redact
from optout_middleware.audit.verify import verify
from optout_middleware.terms import OptOutError

from .log_files import AT, FIRST, SECOND, assert_valid, made, read, started, stored, written

if TYPE_CHECKING:
    from pathlib import Path

WHO = Request("Dan Officer", "asked for on 24 November")


def octets(directory: Path) -> bytes:
    """Give all that stands in a directory, uncompressed."""
    lines = b"".join(b"".join(stored(directory, path.name[:23])) for path in directory.glob("*-spider-*.jsonl.gz"))
    return lines + b"".join(path.read_bytes() for path in directory.iterdir() if path.suffix != ".gz")


def test_personal_values_stand_beside_the_chain(tmp_path: Path) -> None:
    """No name is in a line or manifest; the reader gets all of them."""
    written(tmp_path)
    text = b"".join(stored(tmp_path)) + (tmp_path / f"run-{FIRST}.json").read_bytes()
    for name in (b"Ada", b"Bob", b"Example Labs"):
        assert name not in text
        assert name in octets(tmp_path)
    overrides = {reason["override"] for row in read(tmp_path) for reason in row["reasons"] if "override" in reason}
    assert overrides == {"Ada Person: as agreed"}


def test_match_removes_every_value_with_that_text(tmp_path: Path) -> None:
    """From lines, notes and licences of every closed run; nothing else, and the proof of a line still holds."""
    written(tmp_path)
    written(tmp_path, SECOND)
    line_id = next(f"{row['run']}-{row['writer']}:{row['seq']}" for row in read(tmp_path) if row["licences"])
    assert check(prove([str(tmp_path)], line_id)) == []
    before = stored(tmp_path)
    assert redact(str(tmp_path), WHO, match="bob", now=lambda: AT) == 4
    assert b"Bob" not in octets(tmp_path)
    assert b"Ada" in octets(tmp_path)
    assert stored(tmp_path) == before
    verdict = verify([str(tmp_path)])
    assert verdict.findings == ()
    (note,) = verdict.notes
    assert note.endswith(
        "4 values of licences.recorded_by, reasons.note removed on 2026-11-24 by Dan Officer: asked for on 24 November"
    )
    (licence,) = next(row["licences"] for row in read(tmp_path) if row.get("licences"))
    assert (licence["recorded_by"], licence["party"]) == (REDACTED, "News House")
    assert check(prove([str(tmp_path)], line_id)) == []
    assert_valid(tmp_path)


@pytest.mark.parametrize("field", ["policy", "policy.findings", "policy.findings.*.by"])
def test_field_removes_all_values_of_it(tmp_path: Path, field: str) -> None:
    """By its name, or the beginning of it; in the manifest too."""
    written(tmp_path)
    assert redact(str(tmp_path), WHO, field=field, now=lambda: AT) == 1
    run = next(run for run in runs([str(tmp_path)]) if isinstance(run, Run) and run.manifest["run"] == FIRST)
    override = run.manifest["policy"]["findings"]["training-consensus"]
    assert (override["by"], override["reason"]) == (REDACTED, "as agreed")
    assert verify([str(tmp_path)]).is_intact


def test_value_removed_without_a_record_is_found(tmp_path: Path) -> None:
    """Only what a redaction names may be gone."""
    written(tmp_path)
    beside = tmp_path / f"{FIRST}-spider-000001.personal"
    rows = beside.read_bytes().splitlines(keepends=True)
    beside.write_bytes(b"".join(rows[1:]))
    (finding,) = verify([str(tmp_path)]).findings
    assert (finding.kind, finding.text) == ("removed", "1 personal values are gone, and no redaction names them")


def test_record_of_a_redaction_cannot_be_removed(tmp_path: Path) -> None:
    """Without it, the values are missing."""
    written(tmp_path)
    redact(str(tmp_path), WHO, match="bob", now=lambda: AT)
    for path in tmp_path.iterdir():
        if "-redact-" in path.name:
            path.unlink()
    assert "removed" in {finding.kind for finding in verify([str(tmp_path)]).findings}


def test_values_that_are_recorded_as_removed_and_still_there_are_told(tmp_path: Path) -> None:
    """A kill between record and removal; whoever verifies sees that it has to be done again."""
    written(tmp_path)
    beside = tmp_path / f"{FIRST}-spider-000001.personal"
    before = beside.read_bytes()
    redact(str(tmp_path), WHO, match="bob", now=lambda: AT)
    beside.write_bytes(before)
    verdict = verify([str(tmp_path)])
    assert verdict.is_intact
    assert any("are recorded as removed and still there" in note for note in verdict.notes)
    assert redact(str(tmp_path), WHO, match="bob", now=lambda: AT) == 2
    assert b"Bob" not in octets(tmp_path)


def test_nothing_to_remove_leaves_no_record(tmp_path: Path) -> None:
    """A search without a hit is no redaction."""
    written(tmp_path)
    assert redact(str(tmp_path), WHO, match="nobody of that name", now=lambda: AT) == 0
    assert len(list(tmp_path.glob("run-*.json"))) == 1


def test_open_run_is_left_alone(tmp_path: Path) -> None:
    """Its values are still written."""
    log = started(tmp_path)
    log.write(made("paid.example", 1))
    assert redact(str(tmp_path), WHO, match="bob", now=lambda: AT) == 0
    log.close({})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "name what to redact"),
        ({"field": "url"}, "holds nothing personal: choose one of reasons.override"),
        ({"field": "reasons.over"}, "holds nothing personal"),
    ],
)
def test_request_that_cannot_be(tmp_path: Path, values: dict[str, Any], text: str) -> None:
    """A wrong field is no silent success."""
    written(tmp_path)
    with pytest.raises(OptOutError, match=text):
        redact(str(tmp_path), WHO, now=lambda: AT, **values)


@pytest.mark.parametrize("request_", [Request("", "why"), Request("who", " ")])
def test_nobody_or_no_reason_is_refused(tmp_path: Path, request_: Request) -> None:
    """Somebody answers for it."""
    written(tmp_path)
    with pytest.raises(OptOutError, match="say who redacts, and why"):
        redact(str(tmp_path), request_, match="bob", now=lambda: AT)
    with pytest.raises(OptOutError, match="say who redacts, and why"):
        expire(str(tmp_path), request_, now=lambda: AT)
    with pytest.raises(OptOutError, match="is not there"):
        redact(str(tmp_path / "typo"), WHO, match="bob", now=lambda: AT)


def test_expired_run_loses_its_lines_and_keeps_its_counts(tmp_path: Path) -> None:
    """By the days that each run was set to; the rest stays, and all verifies."""
    written(tmp_path, settings={"OPTOUT_AUDIT_RETENTION": 30})
    written(tmp_path, SECOND, settings={"OPTOUT_AUDIT_RETENTION": 0})
    assert expire(str(tmp_path), WHO, now=lambda: AT + timedelta(days=29)) == []
    later = AT + timedelta(days=30)
    assert expire(str(tmp_path), WHO, now=lambda: later) == [FIRST]
    left = {path.name for path in tmp_path.iterdir() if FIRST in path.name}
    assert left == {
        f"run-{FIRST}.json", f"run-{FIRST}.json.sha256", f"run-{FIRST}.personal", f"aggregate-{FIRST}.json",
    }  # fmt: skip
    assert {row["run"] for row in read(tmp_path) if "outcome" in row} == {SECOND}
    verdict = verify([str(tmp_path)])
    assert verdict.findings == ()
    assert any(f"run {FIRST} removed on 2026-12-24 by Dan Officer" in note for note in verdict.notes)
    assert expire(str(tmp_path), WHO, now=lambda: later) == []
    assert expire(str(tmp_path), WHO, days=10, now=lambda: later) == [SECOND]
    assert verify([str(tmp_path)]).is_intact
    (tmp_path / f"aggregate-{FIRST}.json").unlink()
    assert not verify([str(tmp_path)]).is_intact


@given(st.sampled_from(sorted(PERSONAL)), st.text(st.characters(), min_size=1))
def test_value_and_its_hash_belong_together(field: str, value: str) -> None:
    """Any text comes back from its entry, and no other text, field or salt has its hash."""
    entry = Entry.make(field, value)
    assert Entry.read(entry.to_bytes()) == entry
    for other in (entry._replace(value=f"{value}x"), entry._replace(field=f"{field}x"), entry._replace(salt="00" * 16)):
        assert Entry.read(other.to_bytes()) is None
    assert Entry.make(field, value).hash != entry.hash
    upper = Entry("", "ab" * 16, field, value)
    upper = upper._replace(hash=_hash(*upper[1:]))
    assert Entry.read(upper.to_bytes()) == upper
    assert Entry.read(upper._replace(salt="AB" * 16).to_bytes()) is None


@pytest.mark.parametrize("data", [b"", b"{}\n", b"[]\n", b"null\n", b'{"hash":1,"salt":2,"field":3,"value":4}\n'])
def test_entry_that_is_none(data: bytes) -> None:
    """Whatever stands beside a chain."""
    assert Entry.read(data) is None


def test_every_personal_field_is_hidden_and_comes_back() -> None:
    """Those that docs/privacy.md lists, wherever lists stand on the way; the same value has one hash."""
    values = {
        "reasons": [
            {"override": "Ada: x", "note": "recorded by Bob"},
            {"override": "Ada: x", "note": "nobody looked"},
            {"where": "sender:Hal", "text": "Gus said no"},
        ],
        "licences": [{"recorded_by": "Bob"}],
        "rulings": [{"by": "Cid"}],
        "credits": {
            "writers": ["Eve", "Eve"],
            "performers": ["Fay"],
            "holders": ["Gus"],
            "party_identifiers": ["ipi:00199"],
            "titles": ["A night song"],
        },
        "claims": [{"party": "sender:Hal", "text": "by sender:Hal"}, {"party": "cisac:58", "text": "its repertoire"}],
        "statements": [{"where": "sender:Hal", "text": "sender:Hal wrote"}, {"where": "line 2", "text": "noai"}],
        "register": {
            "chain": ["Eve wrote it", "R1"],
            "matches": [{"party": "sender:Hal", "explanation": "title and Eve agree"}, {"explanation": "exact"}],
        },
        "by": "Ida",
        "operator": "Labs",
        "settings": {"OPTOUT_OPERATOR": "Labs", "OPTOUT_ACTION": "drop"},
        "policy": {"findings": {"named-bot": {"by": "Jon", "reason": "r"}}},
    }
    hidden, entries = Hidden().hide(values)
    text = json.dumps(hidden)
    assert {entry.field for entry in entries} == set(PERSONAL)
    assert not [entry.value for entry in entries if entry.value in text]
    for plain in ("nobody looked", "A night song", "cisac:58", "its repertoire", "line 2", "noai", "R1", "exact"):
        assert plain in text
    assert shown(hidden, {entry.hash: entry for entry in entries}) == values
    assert set(hashes(hidden)) == {entry.hash for entry in entries}
    assert len(entries) == len({(entry.field, entry.value) for entry in entries})
