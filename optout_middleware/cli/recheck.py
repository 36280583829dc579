"""`optout recheck INPUT... --out DIR` and `optout remove MANIFEST`: re-check a corpus, and take records out of it.

Rule of this file: arguments in, counts out; what is decided and written stands in `corpus/`. Exit status of a re-check:
0 all of it is checked, 1 a shard is incomplete, 2 usage error; of a removal 0 or 2.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import redirect_stdout
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.evidence.requests_fetch import RequestsFetch
from optout_middleware.evidence.stores import is_server
from optout_middleware.policy import ALL_LOCATIONS, Policy, Profile
from optout_middleware.register.facts import FactLog
from optout_middleware.register.notices import Notices
from optout_middleware.register.store import RegisterStore
from optout_middleware.settings import SETTINGS, default_user_agent
from optout_middleware.terms import OptOutError, Outcome, Usage

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from optout_middleware.corpus.job import Report
    from optout_middleware.corpus.pool import Engine
    from optout_middleware.corpus.records import Shard
    from optout_middleware.evidence.probe import Counts

_SECRETS: tuple[str, ...] = next(one.default for one in SETTINGS if one.name == "OPTOUT_SECRET_PARAMS")
_SHOWN_SITES, _SHOWN_FILES = 20, 5
_EXTRA = "a corpus needs pyarrow: pip install 'optout-middleware[corpus]'"


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    parser = commands.add_parser(
        "recheck",
        help="check again what was collected",
        description="Decide about every record of a corpus as of now, or of a day. Exit status: 0 all is checked, "
        "1 a shard is incomplete, 2 usage error.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="files or directories: Parquet, JSON Lines, WARC, WAT"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="where all goes; a stopped job goes on there")
    parser.add_argument("--action", choices=("tag", "drop", "split"), default="tag", help="(default: %(default)s)")
    parser.add_argument(
        "--audit",
        choices=("full", "grouped"),
        default="full",
        help="one line a record, or one for each site and rule of a shard (default: %(default)s)",
    )
    parser.add_argument("--audit-dir", metavar="DIR", help="where the audit log goes (default: DIR/audit of --out)")
    parser.add_argument("--audit-key", default="", metavar="FILE", help="the key that signs the run manifest")
    _add_evidence(parser)
    _add_policy(parser)
    parser.add_argument("--since", metavar="AUDIT_DIR", help="decide only about what can have changed since then")
    parser.add_argument("--notice", metavar="N", help="list what the notice N hits, for `optout remove`")
    parser.add_argument(
        "--engine", choices=("processes", "ray"), default="processes",
        help="what does the shards; ray = on the cluster of $RAY_ADDRESS, without it on this machine "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="shards at a time (default: as many as processors)")
    parser.add_argument(
        "--column", action="append", default=[], metavar="FIELD=COLUMN", help="which column has url, html, title, ..."
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.set_defaults(run=run)
    parser = commands.add_parser(
        "remove", help="take out of a corpus what a removal manifest lists", allow_abbrev=False,
        description="Write each shard anew without the listed records, and a certificate.",
    )  # fmt: skip
    parser.add_argument("manifest", metavar="MANIFEST", help="the file that `optout recheck --notice` wrote")
    parser.add_argument("--by", required=True, metavar="NAME", help="the person who orders it")
    parser.add_argument("--certificate", metavar="FILE", help="(default: MANIFEST with .certificate.json)")
    parser.set_defaults(run=run_remove)


def _add_evidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store", default="", metavar="STORE", help="the evidence store of crawls, as OPTOUT_STORE names it"
    )
    parser.add_argument("--probe", action="store_true", help="ask each origin first for what the store does not know")
    parser.add_argument(
        "--probe-delay", type=float, default=1.0, metavar="S", help="seconds between requests to a host"
    )
    parser.add_argument("--probe-rate", type=float, default=20.0, metavar="N", help="requests a second to all hosts")
    parser.add_argument("--as-of", metavar="DATE", help="decide by what was archived at the end of that day (UTC)")
    parser.add_argument("--as-of-by", default="", metavar="NAME", help="who chose that date; needed with --as-of")
    parser.add_argument(
        "--archive",
        action="append",
        default=[],
        metavar="DIR",
        help="archived evidence, for --as-of: audit directories",
    )


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--product-token", default=os.environ.get("OPTOUT_PRODUCT_TOKEN", ""), help="(default: $OPTOUT_PRODUCT_TOKEN)"
    )
    parser.add_argument("--usage", default="train-ai", choices=[usage.value for usage in Usage])
    parser.add_argument("--profile", default="precautionary", choices=[profile.value for profile in Profile])
    parser.add_argument(
        "--locations", default="robots.txt,tdmrep.json",
        help=f"all, or names with commas out of {', '.join(ALL_LOCATIONS)} (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--operator", default=os.environ.get("OPTOUT_OPERATOR", ""), help="(default: $OPTOUT_OPERATOR)")
    parser.add_argument(
        "--register", default=os.environ.get("OPTOUT_REGISTER", ""), metavar="FILE",
        help="the register; none = it is not asked (default: $OPTOUT_REGISTER, else the declarations of the package)",
    )  # fmt: skip


def run(chosen: argparse.Namespace) -> int:
    """Re-check, print the counts, give the exit status."""
    try:
        from optout_middleware.corpus.columns import check_fields  # noqa: PLC0415 - an extra
        from optout_middleware.corpus.job import JOB, Job  # noqa: PLC0415 - an extra
        from optout_middleware.corpus.records import passed_over, shards  # noqa: PLC0415
        from optout_middleware.corpus.shard import Plan  # noqa: PLC0415
        from optout_middleware.corpus.since import earlier  # noqa: PLC0415
    except ImportError:
        raise OptOutError(_EXTRA) from None
    policy, columns = _policy(chosen), _columns(chosen.column)
    _at(chosen)  # a mistake there is told before origins are asked
    check_fields(columns)
    engine = _engine(chosen)
    found = shards(chosen.inputs)
    _check_places(chosen)
    _tell_others(passed_over(chosen.inputs))
    notice = _notice(chosen)
    if chosen.probe and not (Path(chosen.out) / JOB).exists():  # a job that goes on has its evidence
        _probe(chosen, found, policy, columns)
    plan = Plan(
        "-", policy, _at(chosen), chosen.action, chosen.audit, store=chosen.store, archives=tuple(chosen.archive),
        register=chosen.register, operator=chosen.operator, columns=columns, secrets=_SECRETS, notice=notice,
    )  # fmt: skip
    works = plan.works()
    snapshot = works.snapshot if works is not None else ""
    if works is not None:
        works.close()
    since = earlier(chosen.since, policy, snapshot, columns) if chosen.since else None
    if since is not None and since.changed:
        print(f"optout: all is decided anew, since {since.changed}", file=sys.stderr)
    about = {"as_of": chosen.as_of, "as_of_by": chosen.as_of_by, "probe": chosen.probe, "since": chosen.since}
    job = Job(
        chosen.out, chosen.audit_dir or f"{chosen.out}/audit", plan, found, settings=about, register_snapshot=snapshot,
        now=_now, since=since.results if since is not None else None, key=chosen.audit_key,
    )  # fmt: skip
    for warning in job.warnings:
        print(f"optout: {warning}", file=sys.stderr)
    with redirect_stdout(sys.stderr):  # where Ray tells of a lost worker; standard output has the report alone
        report = job.run(engine, _told)
    _show(chosen, report)
    if notice:
        _write_manifest(chosen, notice, job, columns)
    return 1 if report.incomplete else 0


def run_remove(chosen: argparse.Namespace) -> int:
    """Take out what a manifest lists; print what the certificate says."""
    try:
        from optout_middleware.corpus.removing import remove  # noqa: PLC0415 - an extra
    except ImportError:
        raise OptOutError(_EXTRA) from None
    certificate = chosen.certificate or f"{chosen.manifest.removesuffix('.json')}.certificate.json"
    made = remove(chosen.manifest, certificate, by=chosen.by, now=_now)
    print(f"{made['removed']:,} records removed from {len(made['files']):,} files; certificate: {certificate}")
    for row in made["files"]:
        if row["other_names"]:
            others = f"{row['other_names']:,} other names (hard links), which still have the records"
            print(f"optout: {row['file']} had {others}", file=sys.stderr)
    return 0


def _engine(chosen: argparse.Namespace) -> Engine:
    """Give what does the shards."""
    if chosen.engine == "ray":
        from optout_middleware.corpus.on_ray import OnRay  # noqa: PLC0415 - an extra, and a second to import

        return OnRay(chosen.workers)
    from optout_middleware.corpus.pool import Processes  # noqa: PLC0415 - an extra

    return Processes(os.cpu_count() or 1 if chosen.workers is None else chosen.workers)


def _policy(chosen: argparse.Namespace) -> Policy:
    if not chosen.product_token:
        raise OptOutError("name your crawler with --product-token, or set OPTOUT_PRODUCT_TOKEN: its rules count")
    locations = tuple(name.strip() for name in chosen.locations.split(",") if name.strip())
    return Policy(chosen.product_token, usage=chosen.usage, profile=chosen.profile, locations=locations)


def _at(chosen: argparse.Namespace) -> datetime:
    """Give the date of the decisions, and check what goes with one that a person chose."""
    if not chosen.as_of:
        if chosen.as_of_by or chosen.archive:
            raise OptOutError("--as-of-by and --archive go with --as-of DATE")
        return _now()
    if not chosen.as_of_by.strip():
        raise OptOutError("--as-of needs --as-of-by NAME: who chose the date is recorded")
    if chosen.probe or chosen.store or not chosen.archive:
        raise OptOutError("--as-of decides by archives: name them with --archive DIR, without --store and --probe")
    try:
        day = date.fromisoformat(chosen.as_of)
    except ValueError:
        raise OptOutError(f"--as-of {chosen.as_of!r} is no day: write it like 2025-11-30") from None
    at = datetime.combine(day, time.max, timezone.utc)
    if at > _now():
        raise OptOutError(f"--as-of {chosen.as_of} is not over: name a day before today")
    return at


def _check_places(chosen: argparse.Namespace) -> None:
    """Check that outputs do not come among the inputs, and that a store that is only read is there."""
    out = Path(chosen.out).resolve()
    for text in chosen.inputs:
        path = Path(text).resolve()
        if path == out or path in out.parents:
            raise OptOutError(f"--out {chosen.out} lies within {text}: name a directory elsewhere")
    if chosen.store and not (chosen.probe or is_server(chosen.store) or Path(chosen.store).exists()):
        raise OptOutError(
            f"the evidence store {chosen.store} is not there: name one that a crawl wrote, or add --probe"
        )


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in pairs:
        field, equals, column = text.partition("=")
        if not equals or not field or not column:
            raise OptOutError(f"--column {text!r} is not of the form FIELD=COLUMN")
        found[field] = column
    return found


def _notice(chosen: argparse.Namespace) -> str:
    """Give the whole id of the notice that was named."""
    if not chosen.notice:
        return ""
    if not chosen.register or chosen.register == "none":
        raise OptOutError("--notice needs the register that has the notice: name it with --register FILE")
    if chosen.since:
        raise OptOutError("--notice looks at every record: leave out --since")
    with RegisterStore(chosen.register, create=False) as store:
        return Notices(FactLog(store)).get(chosen.notice).id


def _probe(chosen: argparse.Namespace, found: Sequence[Shard], policy: Policy, columns: Mapping[str, str]) -> None:
    """Ask the origins of a corpus, each once."""
    from optout_middleware.corpus.job import ORIGINS  # noqa: PLC0415 - an extra
    from optout_middleware.corpus.probing import Origins, Politeness, Probing  # noqa: PLC0415

    if not chosen.store:
        raise OptOutError("--probe keeps what it sees in a store: name one with --store STORE")
    origins = Origins(Path(chosen.out) / ORIGINS)
    try:
        origins.add(found, columns)
        total = len(origins)
        print(f"optout: {total:,} origins to look at", file=sys.stderr)

        async def probed() -> Counts:
            probing = Probing(
                policy, chosen.store, RequestsFetch(default_user_agent(policy.product_token, "")),
                Politeness(chosen.probe_delay, chosen.probe_rate), now=_now,
                told=lambda done: print(f"optout: {done:,} of {total:,} origins", file=sys.stderr),
            )  # fmt: skip
            try:
                await probing.origins(origins)
                await probing.records(found, columns)
            finally:
                await probing.close()
            return probing.counts

        counts = asyncio.run(probed())
    finally:
        origins.close()
    for (location, result), count in sorted(counts.probes.items()):
        print(f"optout: probes of {location}, {result}: {count:,}", file=sys.stderr)


def _tell_others(paths: Sequence[str]) -> None:
    """Tell what of the inputs is not checked."""
    if paths:
        more = f" and {len(paths) - _SHOWN_FILES:,} more" if len(paths) > _SHOWN_FILES else ""
        print(f"optout: passed over, no shards: {', '.join(paths[:_SHOWN_FILES])}{more}", file=sys.stderr)


def _told(said: Mapping[str, Any]) -> None:
    what = f"incomplete: {said['incomplete']}" if "incomplete" in said else f"{said['records']:,} records"
    print(f"optout: {said['shard']}: {what}", file=sys.stderr)


def _show(chosen: argparse.Namespace, report: Report) -> None:
    if chosen.json:
        print(json.dumps(report._asdict(), ensure_ascii=False))
        return
    whole = report.records
    print(f"{report.shards:,} shards checked, {report.repeated:,} of them before; {whole:,} records")
    names = {Outcome.ALLOW.value: "no reservation found", Outcome.DENY.value: "reserved"}
    for outcome, count in report.outcomes.items():
        print(f"  {names.get(outcome, outcome)}: {count:,} ({count * 100 / whole:.1f} %)")
    if report.decided != whole:
        print(f"  decided anew: {report.decided:,}; of the others nothing can have changed")
    for works, count in report.works.items():
        print(f"  works {works}: {count:,}" + (" (not checkable for works)" if works == "not checkable" else ""))
    for shard, why in report.incomplete.items():
        print(f"incomplete, not counted as checked: {shard}: {why}")
    _show_sites(chosen)


def _show_sites(chosen: argparse.Namespace) -> None:
    """Show the sites that lose most, with how many records there were before and are after."""
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    path = Path(chosen.out) / "sites.parquet"
    rows = [row for row in pq.read_table(path).to_pylist() if row["before"] != row["after"]]
    rows.sort(key=lambda row: (row["after"] - row["before"], row["site"]))
    if rows:
        print("by site: before, after")
    for row in rows[:_SHOWN_SITES]:
        print(f"  {row['site'] or '(no site)'}: {row['before']:,}, {row['after']:,}")
    if len(rows) > _SHOWN_SITES:
        print(f"  and {len(rows) - _SHOWN_SITES:,} more: {path} has all of them")


def _write_manifest(chosen: argparse.Namespace, notice: str, job: Any, columns: Mapping[str, str]) -> None:
    from optout_middleware.corpus.removing import manifest_of  # noqa: PLC0415 - an extra

    made = manifest_of(notice, job.hits(), columns, job.plan.at, job.plan.run)
    path = Path(chosen.out) / f"removal-{notice}.json"
    try:
        path.write_text(json.dumps(made, indent=1, ensure_ascii=False), "utf-8")
    except OSError as error:
        raise OptOutError(f"{path} cannot be written: {error.strerror}") from None
    count = sum(len(listed["records"]) for listed in made["files"])
    print(f"notice {notice}: {count:,} records in {len(made['files']):,} files; manifest: {path}")


def _now() -> datetime:
    return datetime.now(timezone.utc)
