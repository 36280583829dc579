"""How many pages or records one audit line stands for: a re-check may write one line for many of a site.

Rule of this file: pure. A grouped line has `count` and `urls_sha256`; of its URLs it names the first only. Whatever
counts pages counts `count` of them, and what only the single URLs could tell is told as not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def count_of(line: Mapping[str, Any]) -> int:
    """Tell how many pages or records a line with an outcome is about; all but grouped lines are about one.

    >>> count_of({"outcome": "allow"}), count_of({"outcome": "allow", "count": 12, "urls_sha256": "..."})
    (1, 12)
    """
    count = line.get("count")
    return count if type(count) is int and count > 0 else 1
