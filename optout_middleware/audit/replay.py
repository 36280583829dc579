"""Replay: every decision of a log made anew and compared, or made by another policy and counted.

Rule of this file: nothing is skipped without a word. A line is the same, or differs, or cannot be decided anew, and
then the reason is counted; notes about a run, which decide nothing, are counted too.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware.audit.derivation import GONE, Derivation, NotDerivable, is_without_evidence
from optout_middleware.audit.grouped import count_of
from optout_middleware.audit.line import HIDDEN, Mask
from optout_middleware.audit.line import line as line_of
from optout_middleware.audit.reading import Damage, Record, records, runs
from optout_middleware.audit.recorded import WITHOUT_EVIDENCE, is_redacted, policies, policy_of, recorded
from optout_middleware.decide import RULES_VERSION
from optout_middleware.terms import Outcome, strictest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optout_middleware.audit.recorded import Recorded
    from optout_middleware.evidence.archive_reader import ArchiveReader
    from optout_middleware.policy import Policy
    from optout_middleware.terms import Decision

COMPARED = (
    "outcome", "may_fetch", "waits_for", "reasons", "statements", "evidence", "conditions", "licences", "rulings",
)  # fmt: skip
_SECRETS, _ARCHIVE, _PAGES = "OPTOUT_SECRET_PARAMS", "OPTOUT_ARCHIVE", "OPTOUT_ARCHIVE_PAGES"
_RECHECK = "recheck"  # under which a re-check has all its settings
_ALL = 1.0  # the share of pages, where each of them is archived
_MOST_PAGES = 10_000  # of which what was on record is kept in mind, for the lines of their items
_NOTHING = recorded({})


class Difference(NamedTuple):
    """A field of a line that is not what the evidence and the policy come to.

    Fields:
        id: of the line.
        url: that it is about.
        field: a name of `COMPARED`.
        recorded, derived: its value in the line, and as it is derived.
        rules_version: of the line.
    """

    id: str
    url: str
    field: str
    recorded: Any
    derived: Any
    rules_version: str


class Changed(NamedTuple):
    """What another policy would have made of a line: the outcomes, and the findings that would settle it."""

    id: str
    url: str
    stage: str
    before: str
    after: str
    findings_before: tuple[str, ...]
    findings_after: tuple[str, ...]


@dataclass
class Counts:
    """What a replay came to.

    Fields:
        lines: that decide something; a grouped line counts as often as it stands for a page or record.
        same: of these, those that are as they are derived.
        differing: of these, those that are not.
        not_derivable: word of `derivation.WHY` -> lines.
        notes: lines about a run, which decide nothing.
        other_rules: rules version -> lines of it, where it is not that of this package.
        damage: what is damaged, in one sentence each, the first few.
        damaged: how much is damaged.
        outcomes: (before, after) -> lines; of a replay by another policy.
        gained, lost: finding -> lines that it would settle, or no longer, by another policy.
        unseen: lines whose page was not fetched, and so is decided about by the files of its site alone.
    """

    lines: int = 0
    same: int = 0
    differing: int = 0
    not_derivable: Counter[str] = field(default_factory=Counter)
    notes: int = 0
    other_rules: Counter[str] = field(default_factory=Counter)
    damage: list[str] = field(default_factory=list)
    damaged: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    unseen: int = 0

    @property
    def gone(self) -> int:
        """Lines that cannot be derived although what they rest on should be there."""
        return sum(self.not_derivable[why] for why in GONE)

    def damage_at(self, where: str, text: str) -> None:
        """Count a damage, and keep the first few in words."""
        self.damaged += 1
        if len(self.damage) < _SHOWN:
            self.damage.append(f"{where}: {text}")


_SHOWN = 20


class Replay:
    """Goes through logs once; `counts` fills while `differences` or `changes` is read.

    Args:
        directories: audit directories: paths, or URLs that fsspec knows.
        archive: where their evidence is.

    Raises:
        OptOutError: a directory is not there.
    """

    def __init__(self, directories: Sequence[str], archive: ArchiveReader) -> None:
        self.counts = Counts()
        self._directories, self._archive = directories, archive
        self._derivation = Derivation(archive)
        manifests = [run.manifest for run in runs(directories) if not isinstance(run, Damage)]
        self._policies = policies(manifests)
        self._settings = {str(manifest.get("run")): _settings(manifest) for manifest in manifests}
        self._masks = {run: Mask(_secrets(settings)) for run, settings in self._settings.items()}
        self._pages: OrderedDict[str, Recorded] = OrderedDict()

    def differences(self) -> Iterator[Difference]:
        """Give every field of every line that is not as it is derived."""
        for record in self._records():
            found = self._compared(record)
            if found is None:
                continue
            if found:
                self.counts.differing += 1
                yield from found
            else:
                self.counts.same += 1

    def changes(self, fields: Mapping[str, Any]) -> Iterator[Changed]:
        """Give every line of which another policy would have made something else.

        Args:
            fields: of the other policy; what is not among them is as in the policy of the line.

        Raises:
            OptOutError: they make no policy.
        """
        others: dict[str, Policy] = {}
        if not self._policies:
            policy_of(fields)
        for name, known in self._policies.items():
            others[name] = policy_of({**known.to_dict(), **fields})
        for record in self._records():
            line = record.line
            derived = self._by_policy(record, others)
            if derived is None:
                continue
            before, after = _outcome(line), derived[0]
            self.counts.outcomes[before, after] += 1
            self.counts.unseen += line.get("size") is None and before != after
            old = _settling(before, ((reason["finding"], reason["outcome"]) for reason in line["reasons"]))
            if (before, old) != derived:
                self.counts.gained.update(set(derived[1]) - set(old))
                self.counts.lost.update(set(old) - set(derived[1]))
                yield Changed(record.id, line["url"], line["stage"], before, after, old, derived[1])

    def _records(self) -> Iterator[Record]:
        """Give the lines that decide something, counting all others."""
        counts = self.counts
        for item in records(self._directories):
            if isinstance(item, Damage):
                counts.damage_at(f"{item.file}, line {item.line}", item.text)
            elif "outcome" not in item.line:
                counts.notes += 1
            else:
                counts.lines += (count := count_of(item.line))
                if count > 1:
                    counts.not_derivable["grouped"] += count - 1
                if (version := str(item.line.get("rules_version"))) != RULES_VERSION:
                    counts.other_rules[version] += 1
                yield item
        for fault in self._archive.faults:
            counts.damage_at(fault.file, fault.text)

    def _decisions(self, record: Record, policy: Policy) -> Iterator[Decision]:
        """Decide a line anew; what was on record about a page is kept for its items."""
        line = record.line
        before = None
        if line["stage"] == "item":
            before = self._pages.get(str(line.get("page")), _NOTHING)
        elif "register" in line:
            before = _NOTHING
        else:
            self._pages[record.id] = recorded(line)
            if len(self._pages) > _MOST_PAGES:
                self._pages.popitem(last=False)
        return self._derivation.decisions(line, policy, before)

    def _compared(self, record: Record) -> list[Difference] | None:
        """Compare a line with what it is derived to be; None where it cannot be derived, which is counted."""
        line, first = record.line, None
        try:
            policy = _of_line(line, self._policies)
            if is_without_evidence(line):
                return _judged_anew(record, policy)
            for decision in self._decisions(record, policy):
                found = self._unlike(record, decision)
                if not found:
                    return []
                first = found if first is None else first
            why = "url-masked" if HIDDEN in line["url"] or HIDDEN in str(line.get("final_url")) else ""
        except NotDerivable as error:
            first, why = None, self._why(record, error)
        except (KeyError, TypeError, ValueError, AttributeError):
            first, why = None, "line-unreadable"
        if why:
            self.counts.not_derivable[why] += 1
        return None if why else first

    def _by_policy(self, record: Record, others: Mapping[str, Policy]) -> tuple[str, tuple[str, ...]] | None:
        """Give outcome and findings of a line by another policy; None where it cannot be derived."""
        try:
            policy = _of_line(record.line, others)
            if is_without_evidence(record.line):
                found = [(reason["finding"], policy.judge(reason["finding"])[0]) for reason in record.line["reasons"]]
            else:
                decision = next(self._decisions(record, policy))
                found = [(reason.finding, reason.outcome) for reason in decision.reasons]
            outcome = strictest(outcome for _, outcome in found).value
            return outcome, _settling(outcome, ((finding, str(outcome)) for finding, outcome in found))
        except NotDerivable as error:
            self.counts.not_derivable[self._why(record, error)] += 1
        except (KeyError, TypeError, ValueError, AttributeError):
            self.counts.not_derivable["line-unreadable"] += 1
        return None

    def _why(self, record: Record, error: NotDerivable) -> str:
        """Give the reason why a line cannot be derived, by what its run was set to archive."""
        settings = self._settings.get(str(record.line.get("run")), {})
        is_kept = settings.get(_ARCHIVE) != "" and _RECHECK not in settings
        if error.why in ("evidence-missing", "page-not-sampled") and not is_kept:
            return "not-archived"
        if error.why == "page-not-sampled" and settings.get(_PAGES) == _ALL:
            return "evidence-missing"
        return error.why

    def _unlike(self, record: Record, decision: Decision) -> list[Difference]:
        line = record.line
        mask = self._masks.get(str(line.get("run")), Mask(()))
        derived = line_of(
            line["stage"], decision, final_url=line["final_url"], size=None, action="", dry_run=False, mask=mask
        )
        said = dict(line)
        extra = [reason for reason in line["reasons"] if reason.get("finding") in WITHOUT_EVIDENCE]
        if extra:  # an item that cannot take its tag
            derived["reasons"] = [*derived["reasons"], *extra]
            derived["outcome"] = strictest((decision.outcome, *(Outcome(reason["outcome"]) for reason in extra))).value
            said["waits_for"] = derived["waits_for"]
        return [
            Difference(record.id, line["url"], name, said.get(name), derived.get(name), str(line.get("rules_version")))
            for name in COMPARED
            if not _is_like(said.get(name) or None, derived.get(name) or None)
        ]


def _of_line(line: Mapping[str, Any], known: Mapping[str, Policy]) -> Policy:
    """Give the policy of a line out of those that are known by the hash of the one on record."""
    policy = known.get(str(line.get("policy")))
    if policy is None:
        raise NotDerivable("policy-missing")
    return policy


def _judged_anew(record: Record, policy: Policy) -> list[Difference]:
    """Compare a line that rests on the policy alone."""
    line = record.line
    judged = [policy.judge(reason["finding"]) for reason in line["reasons"]]
    derived = {
        "outcome": strictest(outcome for outcome, _, _ in judged).value,
        "reasons": [
            {**reason, "outcome": outcome.value, **({"waits_for": waits.value} if waits else {})}
            for reason, (outcome, waits, _) in zip(line["reasons"], judged, strict=True)
        ],
    }
    return [
        Difference(record.id, line["url"], name, line[name], value, str(line.get("rules_version")))
        for name, value in derived.items()
        if line[name] != value
    ]


def _is_like(said: Any, derived: Any) -> bool:
    """Compare values; what was redacted is like anything, and a crawl adds a remark behind a note."""
    if isinstance(said, dict) and isinstance(derived, dict):
        return all(
            name in said and name in derived and _is_like(said[name], derived[name])
            for name in said.keys() | derived.keys()
            if not (name == "note" and _is_remarked(said, derived))
        )
    if isinstance(said, list) and isinstance(derived, list):
        return len(said) == len(derived) and all(map(_is_like, said, derived))
    return bool(said == derived) or is_redacted(said)


def _is_remarked(said: Mapping[str, Any], derived: Mapping[str, Any]) -> bool:
    """Tell whether a note is the derived one with a remark behind it: that a page was not looked at."""
    return said.get("signal") == "tdmrep" and str(said.get("note", "")).startswith(str(derived.get("note", "")))


def _outcome(line: Mapping[str, Any]) -> str:
    return str(line["outcome"])


def _settling(outcome: str, found: Any) -> tuple[str, ...]:
    """Give the findings that came to the outcome of the whole; none where it is to allow."""
    if outcome == Outcome.ALLOW.value:
        return ()
    return tuple(dict.fromkeys(finding for finding, came_to in found if came_to == outcome))


def _settings(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = manifest.get("settings")
    return settings if isinstance(settings, dict) else {}


def _secrets(settings: Mapping[str, Any]) -> tuple[str, ...]:
    names = settings.get(_SECRETS)
    return tuple(map(str, names)) if isinstance(names, list) else ()
