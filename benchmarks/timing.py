"""CPU time of calls that take turns.

Rule of this file: CPU time of this process, garbage collection off while the clock runs, the variants of a comparison
interleaved and their order turned each round, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ENOUGH = 0.02  # seconds; a shorter measurement is repeated within a round
_MOST_REPEATS = 10_000


def cpu_seconds(call: Callable[[], object], repeats: int = 1) -> float:
    """Give the CPU seconds of one call, as the mean over `repeats` calls in a row."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        for _ in range(repeats):
            call()
        return (time.process_time() - start) / repeats
    finally:
        gc.enable()


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Measure calls in turns.

    Args:
        calls: name -> what is measured; short calls are repeated within a round.
        rounds: how often each takes its turn, after one turn that does not count.

    Returns: name -> CPU seconds of one call, one figure a round.
    """
    repeats = {}
    for name, call in calls.items():
        first = max(cpu_seconds(call), 1e-7)
        repeats[name] = min(_MOST_REPEATS, max(1, round(_ENOUGH / first)))
    measured: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            measured[name].append(cpu_seconds(calls[name], repeats[name]))
    return measured


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide what was measured in the same round."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def shown_ratio(values: Sequence[float]) -> str:
    """Write ratios as their median with minimum and maximum."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
