"""The register: what importing a synthetic one costs, what look-ups in it cost, and how well matching finds works.

Rule of this file: everything is synthetic and says so; import and matching run in processes of their own, so that the
memory of each is measured alone. Look-ups are timed by the clock, one by one, after a pass that warms the caches up.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.register_corpus import Draw, Size, iswc, records
from benchmarks.register_pairs import PAIRS, pairs
from benchmarks.report import Row, Table, at_least, at_most
from optout_middleware.register.matching import Matcher
from optout_middleware.register.model import Band, Identifier
from optout_middleware.register.store import RegisterStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.register_pairs import Pair
    from benchmarks.report import Options
    from optout_middleware.register.model import Facts

_TIMEOUT = 4 * 3600  # seconds
_LOOKUPS = 20_000
_SAMPLE = 100_000  # works by which the cost of generating is told
_FULL = 5_000_000  # works that the targets of import are set for


def run(options: Options) -> list[Table]:
    """Import once, then match in another process."""
    with tempfile.TemporaryDirectory(prefix="register-") as directory:
        path = str(Path(directory) / "register.sqlite")
        told = (path, str(options.works), str(options.seed))
        imported, matched = _measured("import", *told), _measured("match", *told)
    note = f"Synthetic register: {options.works:,} works, {imported['interests']:,} interests."
    return [_import_table(imported, note), _lookup_table(matched, note), _quality_table(matched, note)]


def _import_table(measured: dict[str, Any], note: str) -> Table:
    rows = [
        Row(("time, generator included", f"{measured['seconds']:,.0f} s"), at_most(measured["seconds"], 900, " s")),
        Row(("CPU, generator included", f"{measured['cpu']:,.0f} s")),
        Row(("CPU of the generator alone, by a part of it", f"{measured['generating']:,.0f} s")),
        Row(
            ("size of the file", f"{measured['octets'] / 1e6:,.0f} MB"), at_most(measured["octets"] / 1e6, 3_000, " MB")
        ),
        Row(("peak resident memory", f"{measured['rss'] / 1024:,.0f} MB"), at_most(measured["rss"] / 1024, 500, " MB")),
        Row(("blocks cut for size", f"{measured['dropped']:,}")),
    ]
    return Table("Importing", ("what", "measured"), rows, f"{note} Targets are for {_FULL:,} works.")


def _lookup_table(measured: dict[str, Any], note: str) -> Table:
    rows = []
    for what, unit, p50, p99 in (("identifier", "us", 50, 1_000), ("title+writers", "ms", 1, 20)):
        for share, bound in (("p50", p50), ("p99", p99)):
            value = measured[f"{what} {share}"]
            rows.append(Row((f"{what}, {share}", f"{value:,.2f} {unit}"), at_most(value, bound, f" {unit}")))
    rows.append(Row(("identifier that no work has, p50", f"{measured['miss p50']:,.2f} us")))
    memory = measured["anonymous"] / 1024
    rows.append(Row(("resident memory without mapped files", f"{memory:,.0f} MB"), at_most(memory, 150, " MB")))
    return Table("Looking up", ("what", "measured"), rows, note)


def _quality_table(measured: dict[str, Any], note: str) -> Table:
    found = measured["quality"]
    true = found["true"]
    precision = found["strong true"] / max(1, found["strong"])
    recall, either = found["recall strong"] / true, found["recall either"] / true
    rows = [
        Row(("precision in band strong", f"{precision:.4f}"), at_least(precision, 0.99)),
        Row(("recall in band strong", f"{recall:.4f}"), at_least(recall, 0.85)),
        Row(("recall in band strong or middle", f"{either:.4f}"), at_least(either, 0.97)),
        Row(("false pairs in band middle", f"{found['false middle'] / (PAIRS - true):.4f}")),
    ]
    rows += [
        Row((f"false pairs, {kind.removeprefix('strong of ')}, in band strong", str(count)))
        for kind, count in sorted(found.items())
        if kind.startswith("strong of ")
    ]
    shown = f"{note} {PAIRS:,} synthetic labelled pairs, half true; not a measure of real pages."
    return Table("Matching quality (synthetic)", ("what", "measured"), rows, shown)


def _measured(what: str, *told: str) -> dict[str, Any]:
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "benchmarks.register", what, *told]
    done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, timeout=_TIMEOUT)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _import(path: str, size: Size) -> dict[str, Any]:
    part = min(size.works, _SAMPLE)
    start = time.process_time()
    for _ in records(size._replace(works=part)):
        pass
    generating = (time.process_time() - start) * size.works / part
    start, began = time.perf_counter(), time.process_time()
    with RegisterStore(path) as store:
        with store.importing("synthetic", "0" * 64, None, "synthetic") as batch:
            for record in records(size):
                batch.add(record)
        report = batch.report
    seconds, cpu = time.perf_counter() - start, time.process_time() - began
    return {
        "cpu": cpu,
        "generating": generating,
        "seconds": seconds,
        "octets": Path(path).stat().st_size,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "interests": dict(report.rows or {})["Interest"],
        "dropped": report.dropped_blocks,
    }


def _match(path: str, size: Size) -> dict[str, Any]:
    with RegisterStore(path) as store:
        measured: dict[str, Any] = _identifiers(store, size)
        matcher = Matcher(store)
        labelled = list(pairs(size))
        warm = list(pairs(Size(size.works, size.seed + 1), 500))
        matcher.facts([pair.asset for pair in warm])
        milliseconds, answers = [], []
        for pair in labelled:
            start = time.perf_counter()
            (facts,) = matcher.facts([pair.asset])
            milliseconds.append(1e3 * (time.perf_counter() - start))
            answers.append(facts)
        measured |= _quantiles("title+writers", milliseconds)
    measured["quality"] = _quality(labelled, answers)
    measured["anonymous"] = _anonymous()
    return measured


def _identifiers(store: RegisterStore, size: Size) -> dict[str, float]:
    draw = Draw(size.seed, 4)
    asked = [Identifier("iswc", iswc(draw.below(size.works))) for _ in range(_LOOKUPS)]
    missing = [Identifier("iswc", iswc(size.works + 1 + number)) for number in range(_LOOKUPS // 4)]
    measured: dict[str, float] = {}
    for name, identifiers in (("warm", asked[::-4]), ("identifier", asked), ("miss", missing)):
        microseconds = []
        for identifier in identifiers:
            start = time.perf_counter()
            found = store.reading.works_by_identifier([identifier])
            if found:
                store.reading.works(found[identifier])
            microseconds.append(1e6 * (time.perf_counter() - start))
        measured |= _quantiles(name, microseconds)
    return measured


def _quantiles(name: str, values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {f"{name} p50": cuts[49], f"{name} p99": cuts[98]}


def _quality(labelled: Sequence[Pair], answers: Sequence[Facts]) -> Counter[str]:
    """Count; any strong match of a false pair counts as wrong, and any of a true one to another work."""
    found: Counter[str] = Counter()
    for pair, facts in zip(labelled, answers, strict=True):
        bands = {match.work: match.band for match in facts.matches if match.work}
        strong = [work for work, band in bands.items() if band is Band.STRONG]
        found["strong"] += len(strong)
        if pair.is_true:
            band = bands.get(pair.work)
            found["true"] += 1
            found["strong true"] += band is Band.STRONG
            found["recall strong"] += band is Band.STRONG
            found["recall either"] += band in (Band.STRONG, Band.MIDDLE)
            found["strong of true pairs, another work"] += sum(work != pair.work for work in strong)
        else:
            found[f"strong of {pair.kind}"] += len(strong)
            found["false middle"] += not strong and Band.MIDDLE in bands.values()
    return found


def _anonymous() -> int:
    """Give the resident memory that is no mapped file, in KiB (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])


def main(arguments: Sequence[str]) -> None:
    """Be the child process: print what was measured as JSON."""
    what, path, works, seed = arguments
    measure = {"import": _import, "match": _match}[what]
    sys.stdout.write(json.dumps(measure(path, Size(int(works), int(seed)))))


if __name__ == "__main__":
    main(sys.argv[1:])
