"""What the public summary of training content asks of scraped data (Article 53(1)(d) of Regulation 2024/1689).

Rule of this file: fields as the template of the AI Office of 24 July 2025 (adopted as C(2025) 8311) orders them, as far
as they are known here; their exact wording was not compared with the official document, and the output says so. What
no log can know is marked for a person, and left empty rather than guessed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optout_middleware.audit.reading import Damage, runs
from optout_middleware.audit.training_data import Collected, read_corpus
from optout_middleware.audit.unique_urls import UniqueUrls
from optout_middleware.policy import FINDINGS
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from optout_middleware.audit.unique_urls import Size

TEMPLATE = "Template for the public summary of training content, AI Office, 24 July 2025 (C(2025) 8311)"
WORDING = (
    "Names and order of the fields follow what is known of the template; compare them with the official document "
    "before publication."
)
SCHEMA = 1
_SME_MOST = 1_000
# Sizes as the template asks for them, in tokens.
_BUCKETS = ((10**9, "less than 1 billion tokens"), (10**13, "1 billion to 10 trillion tokens"))
_LARGEST = "more than 10 trillion tokens"
_TOP_FINDINGS = 10


def training_summary(
    directories: Sequence[str], corpora: Sequence[str], *, made: date, model: str = "", sme: bool = False
) -> dict[str, Any]:
    """Make the summary.

    Args:
        directories: audit directories of the crawls.
        corpora: files of the training set; where there are some, they are what is counted.
        made: the day.
        model: the name of the model; empty = what the crawls' settings name.
        sme: whether the provider is a small or medium-sized enterprise.

    Returns:
        JSON values: `sections` of `fields`, each with `id`, `name`, `value` and what of it a person must give;
        `damaged` counts lines and files of the logs that could not be read.

    Raises:
        OptOutError: there is neither log nor training set, or one cannot be read.
    """
    if not directories and not corpora:
        raise OptOutError("name audit directories, or --corpus FILE with what is in the training set, or both")
    found = list(runs(directories))
    manifests = [row.manifest for row in found if not isinstance(row, Damage)]
    collected = Collected()
    collected.damaged = len(found) - len(manifests)
    with UniqueUrls() as urls:
        collected.read(directories, None if corpora else urls)
        without = read_corpus(corpora, urls)
        scraped = _scraped(urls, sme=sme)
        total, modalities = urls.total(), [_size(size) for size in urls.by("modality")]
    basis = "in the training set" if corpora else "collected"
    sections = [
        _general(manifests, model, made, total, modalities),
        _sources(manifests, collected, scraped, basis),
        _processing(manifests, collected),
    ]
    fields = [field for section in sections for field in section["fields"]]
    return {
        "schema": SCHEMA, "template": TEMPLATE, "wording": WORDING, "basis": basis, "made": made.isoformat(),
        "notes": _notes(collected, total, basis, without), "sections": sections,
        "damaged": collected.damaged,
        "needs_person": [f"{field['id']} {field['name']}" for field in fields if field["needs_person"]],
    }  # fmt: skip


def _general(
    manifests: Sequence[Mapping[str, Any]], model: str, made: date, total: Size, modalities: list[dict[str, Any]]
) -> dict[str, Any]:
    operators = _each(manifest.get("operator") for manifest in manifests)
    models = [model] if model else _each(_settings(manifest).get("OPTOUT_MODEL") for manifest in manifests)
    return _section("1", "General information", [
        _field("1.1", "Provider name and contact details", operators, "check the name, add contact details"),
        _field("1.2", "Authorised representative", None, "only a person knows"),
        _field("1.3", "Model name, versions, and models it was made from", models, "add versions and dependencies"),
        _field("1.4", "Date of placing on the Union market", None, "only a person knows"),
        _field("1.5", "Date of this summary", made.isoformat()),
        _field("1.6", "Modalities and size of scraped data", modalities, ""),
        _field("1.7", "Size of training data in tokens", _bucket(total), _why_bucket(total)),
        _field("1.8", "Languages and other characteristics", None, "not recorded"),
    ])  # fmt: skip


def _sources(
    manifests: Sequence[Mapping[str, Any]], collected: Collected, scraped: dict[str, Any], basis: str
) -> dict[str, Any]:
    period = f"{collected.first[:10]} to {collected.last[:10]}" if collected.first else None
    return _section("2", "List of data sources", [
        _field("2.1", "Publicly available datasets", None, "only a person knows; name those above 3 % of a modality"),
        _field("2.2", "Private datasets obtained from third parties", None, "only a person knows, licences included"),
        _field("2.3.1", "Crawlers: names and identifiers", _crawlers(manifests), _user_agents(manifests)),
        _field("2.3.2", "Crawlers: purposes", _each(
            (manifest.get("policy") or {}).get("usage") for manifest in manifests
        ), "check that these are all"),
        _field("2.3.3", "Crawlers: behaviour", _behaviour(manifests), "add access behind paywalls and captchas"),
        _field("2.3.4", "Period of collection", period, "" if period else "no log was given"),
        _field("2.3.5", f"Kinds of content ({basis})", scraped["kinds"], "describe the kinds of sites"),
        _field("2.3.6", "Classes of works that items state", dict(collected.classes.most_common()), ""),
        _field("2.3.7", f"Size of scraped data ({basis})", scraped["total"], ""),
        _field("2.3.8", f"{scraped['rule']} ({basis})", scraped["domains"], ""),
        _field("2.4", "User data", None, "only a person knows"),
        _field("2.5", "Synthetic data", None, "only a person knows"),
        _field("2.6", "Other sources", None, "only a person knows"),
    ])  # fmt: skip


def _processing(manifests: Sequence[Mapping[str, Any]], collected: Collected) -> dict[str, Any]:
    lists = _each(
        str(name) for manifest in manifests for name in _settings(manifest).get("OPTOUT_EXCLUDED_SITES") or ()
    )
    return _section("3", "Data processing aspects", [
        _field("3.1", "Respect of reservations before collection", _before(manifests), "check; add what was agreed"),
        _field("3.2", "Respect of reservations during collection", _during(collected), ""),
        _field("3.3", "Signatory of the General-Purpose AI Code of Practice", None, "only a person knows"),
        _field("3.4", "Measures against illegal content", {"lists of excluded sites": lists}, "add all other measures"),
        _field("3.5", "Other information (voluntary)", None, "only a person knows"),
    ])  # fmt: skip


def _scraped(urls: UniqueUrls, *, sme: bool) -> dict[str, Any]:
    """Give kinds, size, and the domains that are to be named."""
    count = urls.domains()
    most = min(math.ceil(count * 0.05), _SME_MOST) if sme else math.ceil(count * 0.1)
    rule = (
        f"Domains: top 5 % by volume, at most {_SME_MOST:,}" if sme else "Domains: top 10 % by volume"
    ) + f", {most:,} of {count:,}"  # fmt: skip
    total = _size(urls.total())
    total["domains"] = count
    return {
        "kinds": [_size(size) for size in urls.by("kind")], "total": total, "rule": rule,
        "domains": [_size(size) for size in urls.top_domains(most)],
    }  # fmt: skip


def _crawlers(manifests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give each product token with its operators, contact pages and runs."""
    found: dict[str, dict[str, Any]] = {}
    for manifest in manifests:
        token = (manifest.get("policy") or {}).get("product_token")
        if not token:
            continue
        settings = _settings(manifest)
        entry = found.setdefault(str(token), {"product token": token, "operators": [], "contact": [], "runs": 0,
                                              "user agents": []})  # fmt: skip
        entry["runs"] += 1
        for name, value in (
            ("operators", manifest.get("operator")), ("contact", settings.get("OPTOUT_CONTACT_URL")),
            ("user agents", settings.get("USER_AGENT")),
        ):  # fmt: skip
            if value and value not in entry[name]:
                entry[name].append(value)
    return list(found.values())


def _user_agents(manifests: Sequence[Mapping[str, Any]]) -> str:
    known = all(_settings(manifest).get("USER_AGENT") for manifest in manifests)
    return "" if manifests and known else "add the User-Agent in full: logs name the product token in it only"


def _behaviour(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    said = []
    for manifest in manifests:
        settings = _settings(manifest)
        said.append("robots.txt was read before any page of a site and followed for our product token (RFC 9309)")
        if settings.get("OPTOUT_FETCH_RESERVED"):
            said.append("pages that their site reserves were fetched, and not kept")
        else:
            said.append("pages that their site reserves were not fetched where the site's files said so")
        if settings.get("OPTOUT_DRY_RUN"):
            said.append(f"run {manifest.get('run')} was a dry run, which stores what is reserved, too")
        if settings.get("OPTOUT_ENABLED") is False:
            said.append(f"in run {manifest.get('run')} reservations were not looked for")
    return list(dict.fromkeys(said))


def _before(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give what was set up before collection: what was looked at, and by which rules doubt went."""
    said = []
    for manifest in manifests:
        policy, settings = manifest.get("policy") or {}, _settings(manifest)
        said.append(
            f"looked at of each site: {', '.join(policy.get('locations') or ())}, headers and head of each page"
        )
        said.append(f"profile {policy.get('profile')}, rules {manifest.get('rules_version')}")
        for name, row in (policy.get("findings") or {}).items():
            said.append(f"{name} was judged {row.get('outcome')}, by decision of a named person: {row.get('reason')}")
        if settings.get("OPTOUT_REGISTER") == "none":
            said.append("reservations of works by their rightholders (register) were not asked for")
        elif "OPTOUT_REGISTER" in settings:
            said.append("reservations of works by their rightholders were asked for in a register")
    return list(dict.fromkeys(said))


def _during(collected: Collected) -> dict[str, Any]:
    """Give what was kept out, and why; "allow" is that no reservation was found."""
    top = collected.findings.most_common(_TOP_FINDINGS)
    return {
        "no reservation found": collected.outcomes["allow"], "reserved, left out": collected.outcomes["deny"],
        "pending, left out until settled": collected.outcomes["pending"],
        "left out because of": {FINDINGS[name].meaning if name in FINDINGS else name: count for name, count in top},
    }  # fmt: skip


def _notes(collected: Collected, total: Size, basis: str, without: int) -> list[str]:
    notes = [f"Each URL counts once, without its fragment; what is counted is {basis}."]
    if basis == "collected":
        notes.append("A log knows what was collected, not what became part of a training set: --corpus counts that.")
        notes.append("Kinds come from the endings of URLs; a URL without one counts as a page (text/html).")
        notes.append("Pages of which single items were dropped later count as collected.")
    if collected.dry:
        notes.append(f"Dry runs stored {collected.dry:,} pages that are reserved or pending; they count as collected.")
    if collected.tagged:
        notes.append(
            f"Re-checks passed on {collected.tagged:,} records with a tag that are reserved or pending; they count as "
            "collected."
        )
    if collected.grouped and basis == "collected":
        notes.append(
            f"Of {collected.grouped:,} records the log has grouped lines, which name the first URL of many: a URL that "
            "stands in several of them, or elsewhere too, counts each time, and kinds are those of the first URL."
        )
    if collected.damaged:
        notes.append(f"{collected.damaged:,} lines or files of the logs could not be read: run `optout verify`.")
    if without:
        notes.append(f"{without:,} rows of the training set have no http(s) URL and are not counted.")
    if total.sized < total.urls:
        notes.append(f"The size of {total.urls - total.sized:,} of {total.urls:,} URLs is not known.")
    return notes


def _bucket(total: Size) -> str | None:
    if not total.urls or total.tokened < total.urls or total.tokens is None:
        return None
    return next((name for most, name in _BUCKETS if total.tokens < most), _LARGEST)


def _why_bucket(total: Size) -> str:
    return "add all other sources" if _bucket(total) else "tokens are not known: give a column `tokens` in the corpus"


def _size(size: Size) -> dict[str, Any]:
    return {"name": size.name, "urls": size.urls, "octets": size.octets, "tokens": size.tokens}


def _settings(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = manifest.get("settings") or {}
    return settings


def _each(values: Any) -> list[Any]:
    return list(dict.fromkeys(value for value in values if value))


def _section(number: str, title: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": number, "title": title, "fields": fields}


def _field(number: str, name: str, value: Any, person: str = "") -> dict[str, Any]:
    """Give one field; `person` says what somebody must add or check, empty = nothing."""
    return {"id": number, "name": name, "value": value or None, "needs_person": bool(person), "person": person}
