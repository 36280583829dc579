"""The audit lines of a shard: one a record, or one for each site and deciding rule.

Rule of this file: a line says of a record what a crawl's says of a page: stage "request" where its URL alone was
judged, "response" with its body, "item" with what the register says. A grouped line carries the count and the SHA-256
of the list of its URLs, each with a line end, in the order of the shard; its `url` is the first of them, its `size`
that of all. What it says of outcome, findings, signals, rules and claims is so of each of its records: where they
differ, there are several lines.
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.line import Mask, line
from optout_middleware.audit.writer import Alike

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from optout_middleware.audit.writer import Writer
    from optout_middleware.corpus.recheck import Verdict

FULL, GROUPED = "full", "grouped"
MODES = (FULL, GROUPED)
_MOST_GROUPS = 200_000  # in memory; beyond, those that are there are written, and may come again
_TOGETHER = 1_024  # lines of one write
_VARYING = ("url", "record")  # fields of lines that have a verdict in common


class Lines:
    """Writes the lines of one shard.

    Args:
        writer: of this shard alone.
        shard: its name.
        mode: one of `MODES`.
        action_of: outcome -> what is done, in one word.
        mask: hides the secrets of URLs.
    """

    def __init__(self, writer: Writer, shard: str, mode: str, action_of: Callable[[str], str], mask: Mask) -> None:
        self._writer, self._shard, self._grouped = writer, shard, mode == GROUPED
        self._action_of, self._mask = action_of, mask
        self._groups: dict[Hashable, _Group] = {}
        self._alike: dict[int, Alike] = {}  # the same, of verdicts that are in `_templates`
        self._templates: dict[int, tuple[Verdict, dict[str, Any]]] = {}  # by identity; held, so that it stays theirs

    def add(self, urls: Sequence[str | None], verdicts: Sequence[Verdict], numbers: Sequence[int]) -> None:
        """Write the lines of records, or count them into groups.

        Args:
            urls: of the records.
            verdicts: about them.
            numbers: of them in the shard.

        Raises:
            AuditError: they cannot be written.
        """
        if self._grouped:
            self._group(urls, verdicts)
            return
        for shared, run in groupby(zip(urls, verdicts, numbers, strict=True), lambda row: row[1].is_shared):
            rows = list(run)
            for start in range(0, len(rows), _TOGETHER):
                self._write(rows[start : start + _TOGETHER], shared=shared)
        self._templates.clear()
        self._alike.clear()

    def close(self) -> None:
        """Write the groups that are left.

        Raises:
            AuditError: they cannot be written.
        """
        rows = [
            {
                **self._template(group.verdict),
                "size": group.size,
                "shard": self._shard,
                "count": group.count,
                "urls_sha256": group.hashed.hexdigest(),
            }
            for group in self._groups.values()
        ]
        for start in range(0, len(rows), _TOGETHER):
            self._writer.write(*rows[start : start + _TOGETHER])
        self._groups.clear()
        self._templates.clear()

    def _group(self, urls: Sequence[str | None], verdicts: Sequence[Verdict]) -> None:
        groups, known = self._groups, dict[int, _Group]()
        for url, verdict in zip(urls, verdicts, strict=True):
            group = known.get(id(verdict))  # records share verdicts, which live as long as their batch
            if group is None:
                key = _likeness(verdict)
                if key not in groups:
                    if len(groups) >= _MOST_GROUPS:
                        self.close()
                        known.clear()
                    groups[key] = _Group(verdict)
                group = known[id(verdict)] = groups[key]
            group.count += 1
            if verdict.size is not None:
                group.size = verdict.size + (group.size or 0)
            group.hashed.update(f"{url or ''}\n".encode("utf-8", "surrogatepass"))

    def _write(self, rows: Sequence[tuple[str | None, Verdict, int]], *, shared: bool) -> None:
        if shared:
            self._writer.write_alike([(self._kind(row[1]), (self._mask(row[0] or ""), row[2])) for row in rows])
        else:
            self._writer.write(*[self._line(url or "", verdict, number) for url, verdict, number in rows])

    def _kind(self, verdict: Verdict) -> Alike:
        known = self._alike.get(id(verdict))
        if known is None:
            line = self._line(verdict.decision.url, verdict, 0)
            known = self._alike[id(verdict)] = Alike(line, _VARYING)
        return known

    def _line(self, url: str, verdict: Verdict, number: int) -> dict[str, Any]:
        template = self._template(verdict)
        masked = self._mask(url)
        return {
            **template,
            "url": masked,
            "final_url": masked if template["final_url"] is not None else None,
            "shard": self._shard,
            "record": number,
        }

    def _template(self, verdict: Verdict) -> dict[str, Any]:
        known = self._templates.get(id(verdict))
        if known is not None:
            return known[1]
        said = verdict.judged.to_dict() if verdict.judged is not None else {}
        made = line(
            _stage(verdict),
            verdict.decision,
            final_url=None if verdict.size is None else verdict.decision.url,
            size=verdict.size,
            action=self._action_of(verdict.outcome),
            dry_run=False,
            mask=self._mask,
            said=said or None,
        )
        self._templates[id(verdict)] = verdict, made
        return made


class _Group:
    __slots__ = ("count", "hashed", "size", "verdict")

    def __init__(self, verdict: Verdict) -> None:
        self.verdict, self.count, self.hashed = verdict, 0, hashlib.sha256()
        self.size: int | None = None  # of all together, as far as there were bodies


def _stage(verdict: Verdict) -> str:
    if verdict.judged is not None and verdict.judged.to_dict():
        return "item"
    return "request" if verdict.size is None else "response"


def _likeness(verdict: Verdict) -> Hashable:
    """Give what the records of one line have in common: all that reports count by, save numbers."""
    decision, judged = verdict.decision, verdict.judged
    claims = judged.judgement.claims if judged is not None and judged.judgement is not None else ()
    return (
        verdict.origin, verdict.outcome, verdict.rule, _stage(verdict), verdict.size is None, decision.waits_for,
        tuple(dict.fromkeys(
            (one.finding, one.outcome, one.statement.signal if one.statement else one.location,
             one.statement.rule if one.statement else "")
            for one in decision.reasons
        )),
        frozenset((said.signal, said.preference) for said in decision.statements), decision.conditions,
        frozenset((claim.party, claim.finding, claim.rule, claim.text) for claim in claims),
        judged.credits.asset_class if judged is not None else None,
    )  # fmt: skip
