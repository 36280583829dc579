"""The settings: the policy, and how a crawl acts on its decisions, stores, records and asks.

Rule of this file: one table, `SETTINGS`, that the docs show and from which everything is read once, into one
frozen `Settings`. A name is the same everywhere: `OPTOUT_TAG_FIELD` is `tag_field`. Each error names its
setting.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from optout_middleware.policy import Policy, PolicyError
from optout_middleware.register.item_fields import check_mapping
from optout_middleware.register.model import AssetClass
from optout_middleware.terms import OptOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "OPTOUT_"
_SECRET = re.compile(r"(?<=://)[^/]*@|(?<=[?&])(?:username|password)=[^&]*&?")  # of the URL of a server
# Names of query parameters whose values open doors: of common APIs, signed URLs and sessions.
SECRET_PARAMS = (
    "access_token", "api_key", "apikey", "auth", "auth_token", "authorization", "awsaccesskeyid",
    "client_secret", "id_token", "jsessionid", "jwt", "key", "pass", "passwd", "password", "phpsessid",
    "private_token", "pwd", "refresh_token", "secret", "session", "session_id", "sessionid", "sid", "sig",
    "signature", "token", "x-amz-credential", "x-amz-security-token", "x-amz-signature", "x-goog-credential",
    "x-goog-signature",
)  # fmt: skip


class SettingsError(OptOutError, ValueError):
    """A setting that cannot be; the message names it, says why, and what to write instead."""


class Setting(NamedTuple):
    """One setting: its name, its default, what it means, and how a value is read.

    `read` takes a value as Python or the command line gives it and raises `ValueError` with what is wrong.
    """

    name: str
    default: Any
    meaning: str
    read: Callable[[object], Any]

    @property
    def field(self) -> str:
        """The name of the field of `Settings` or `Policy` that it sets."""
        return self.name.removeprefix(PREFIX).lower()


def _boolean(value: object) -> bool:
    """Read a boolean as Scrapy's getbool does, but take no other numbers."""
    known = {"1": True, "True": True, "true": True, "0": False, "False": False, "false": False}
    if isinstance(value, (bool, int, str)) and str(value) in known:
        return known[str(value)]
    raise ValueError(f"{value!r} is neither true nor false: write True or False (1 or 0)")


def _count(value: object) -> int:
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else 0
    except ValueError:
        number = 0
    if number < 1:
        raise ValueError(f"{value!r} is not a whole number from 1 on")
    return number


def _seconds(value: object) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{value!r} is not a number of seconds greater than 0")
    return number


def _seconds_or_none(value: object) -> float:
    return 0.0 if value in (0, "0") and not isinstance(value, bool) else _seconds(value)


def _days(value: object) -> int:
    return 0 if value in (0, "0") and not isinstance(value, bool) else _count(value)


def _share(value: object) -> float:
    known = {"all": 1.0, "none": 0.0}
    try:
        share = known[value] if isinstance(value, str) and value in known else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        share = -1.0
    if isinstance(value, bool) or not 0 <= share <= 1:
        raise ValueError(f"{value!r} is neither all nor none, nor a share from 0 to 1")
    return share


def _list(value: object) -> tuple[Any, ...]:
    """Read a list, from the command line one with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(value)
    raise ValueError(f"{value!r} is not a list: give a list, or names with commas between them")


def _names(value: object) -> tuple[str, ...]:
    names = _list(value)
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{value!r} is not a list of names")
    return names


def _back_off(value: object) -> tuple[float, ...]:
    return tuple(_seconds(seconds) for seconds in _list(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - one kind of error for every reader
    return value.strip()


def _path(value: object) -> str:
    return _text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _filled(read: Callable[[object], str]) -> Callable[[object], str]:
    """Make a reader that refuses an empty text."""

    def read_filled(value: object) -> str:
        if not (text := read(value)):
            raise ValueError("it is empty: give it a value, or leave it unset for the default")
        return text

    return read_filled


def _contact_url(value: object) -> str:
    url = _text(value)
    # It stands in a comment of User-Agent (RFC 9110 section 5.6.5), where these would end it or need quoting.
    if url and (
        not url.startswith(("http://", "https://", "mailto:"))
        or not (url.isascii() and url.isprintable())
        or set(url) & set(' ()\\"')
    ):
        raise ValueError(f"{value!r} is not an http, https or mailto URL without spaces, brackets and quotes")
    return url


def _action(value: object) -> str:
    if value not in ("drop", "tag"):
        raise ValueError(f"{value!r} is unknown: choose one of drop, tag")
    return str(value)


def _mapping(value: object) -> dict[str, Any]:
    """Read a mapping, from the command line one in JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not a mapping: give a dict, or an object in JSON")  # noqa: TRY004 - as above
    return {str(name): dict(row) if isinstance(row, Mapping) else row for name, row in value.items()}


def _of_policy(field: str, read: Callable[[object], Any]) -> Callable[[object], Any]:
    """Make a reader that asks the policy about this one field, so that its refusal names this one setting."""

    def read_checked(value: object) -> Any:
        return getattr(Policy(**{"product_token": "Any", field: read(value)}), field)

    return read_checked


def _item_fields(value: object) -> Mapping[str, str]:
    fields = _mapping(value)
    try:
        check_mapping(fields)
    except OptOutError as error:
        raise ValueError(str(error)) from None
    return MappingProxyType(fields)


def _markers(value: object) -> str:
    if value not in ("json-ld", "all"):
        raise ValueError(f"{value!r} is unknown: choose one of json-ld, all")
    return str(value)


def _class_domains(value: object) -> Mapping[str, str]:
    domains = _mapping(value)
    choices = [name.value for name in AssetClass]
    for domain, name in domains.items():
        if name not in choices:
            raise ValueError(f"{domain} is of class {name!r}: choose one of {', '.join(choices)}")
    return MappingProxyType(domains)


_UNSET = (
    "is not set: set it to your crawler's name in robots.txt, for example ExampleCorpusBot "
    "(RFC 9309 section 2.2.1: letters, '_' and '-')"
)
SETTINGS: tuple[Setting, ...] = (
    Setting("OPTOUT_ENABLED", True, "whether opt-outs are looked for at all", _boolean),
    Setting(
        "OPTOUT_PRODUCT_TOKEN", None, "your crawler's name in robots.txt; must be set",
        _of_policy("product_token", _text),
    ),
    Setting("OPTOUT_CONTACT_URL", "", "where sites read about your crawler; in User-Agent", _contact_url),
    Setting("OPTOUT_OPERATOR", "", "who runs the crawl, for the run manifest", _text),
    Setting(
        "OPTOUT_USAGE", "train-ai", "what the assets are for: train-ai, ai-use, search or tdm",
        _of_policy("usage", _text),
    ),
    Setting(
        "OPTOUT_PROFILE", "precautionary", "how doubt is judged: precautionary or literal",
        _of_policy("profile", _text),
    ),
    Setting(
        "OPTOUT_FINDINGS", {}, "findings judged otherwise: name -> outcome, by and reason (in JSON with -s)",
        _of_policy("findings", _mapping),
    ),
    Setting(
        "OPTOUT_LOCATIONS", ("robots.txt", "tdmrep.json"), "what of a site is looked at: names, or all",
        _of_policy("locations", _list),
    ),
    Setting(
        "OPTOUT_TRAINING_TOKENS", (), "further product tokens of others that count as training crawlers",
        _of_policy("training_tokens", _list),
    ),
    Setting(
        "OPTOUT_POLICY_TOKENS_TRAINING", ("__usage_ai-training",), "product tokens that mean any training",
        _of_policy("policy_tokens_training", _list),
    ),
    Setting(
        "OPTOUT_NATURAL_LANGUAGE", ("robots.txt",),
        "where sentences that reserve are looked for: robots.txt (its comments), page (its text, slow)",
        _of_policy("natural_language", _list),
    ),
    Setting(
        "OPTOUT_USER", ("commercial",), "your kinds of user, as RSL licences name them",
        _of_policy("user", _list),
    ),
    Setting(
        "OPTOUT_TERRITORY", ("EU",), "where you act, as RSL licences name it: country codes or EU",
        _of_policy("territory", _list),
    ),
    Setting(
        "OPTOUT_ENTITY", "commercial", "who you are: commercial, or a research organisation (Article 3): research",
        _of_policy("entity", _text),
    ),
    Setting(
        "OPTOUT_RESEARCH_PROOF", "", "where the proof of that is kept; without it you count as commercial",
        _of_policy("research_proof", _text),
    ),
    Setting(
        "OPTOUT_OPEN_LICENCES", False, "whether an open licence that a work itself carries lifts a reservation",
        _boolean,
    ),
    Setting(
        "OPTOUT_REGISTER", "",
        "the register of rights (a file of `optout register import`); empty = the declarations of the package alone, "
        "none = it is not asked",
        _path,
    ),
    Setting(
        "OPTOUT_ITEM_FIELDS", {}, "what your items say of a work: credit (title, writers, iswc, ...) -> field",
        _item_fields,
    ),
    Setting(
        "OPTOUT_PAGE_MARKERS", "json-ld",
        "what of a page is read for credits: json-ld, or all (rel=license, Dublin Core, microdata too)", _markers,
    ),
    Setting(
        "OPTOUT_CLASS_DOMAINS", {}, "classes of assets by domain: domain -> lyrics, notation, music-audio, image, ...",
        _class_domains,
    ),
    Setting("OPTOUT_MODEL", "", "the model that the corpus is for, as licences name it", _text),
    Setting(
        "OPTOUT_EXCLUDED_SITES", (), "lists of sites that are never to be crawled: files with a domain a line",
        _names,
    ),
    Setting("OPTOUT_ACTION", "drop", "what is done with denied and pending items: drop or tag", _action),
    Setting("OPTOUT_DRY_RUN", False, "whether items pass unchanged and the excluded share is told", _boolean),
    Setting(
        "OPTOUT_LANGUAGE_FIELD", "language",
        "the field of an item that holds its language, for the share of a dry run; empty = none", _text,
    ),
    Setting("OPTOUT_TAG_FIELD", "optout", "the field of an item that takes its decision", _filled(_text)),
    Setting("OPTOUT_FETCH_RESERVED", False, "whether pages that their site reserves are fetched", _boolean),
    Setting(
        "OPTOUT_STORE", ".optout/store.sqlite",
        "where evidence is kept: a file, redis://HOST:PORT/NUMBER (rediss://, unix://), or empty = in memory only",
        _path,
    ),
    Setting(
        "OPTOUT_ARCHIVE", "archive", "the evidence archive, below the audit directory unless absolute; empty = none",
        _path,
    ),
    Setting(
        "OPTOUT_ARCHIVE_PAGES", 1.0,
        "the share of allowed pages that said nothing of which the part looked at is archived: 1 or all, 0 or none",
        _share,
    ),
    Setting("OPTOUT_AUDIT_DIR", "audit", "the directory of the audit log", _filled(_path)),
    Setting("OPTOUT_AUDIT_KEY", "", "the Ed25519 key (PEM file) that signs run manifests; empty = unsigned", _path),
    Setting(
        "OPTOUT_AUDIT_DURABILITY", 1.0, "seconds of audit lines that a power cut may cost; 0 = none", _seconds_or_none
    ),
    Setting(
        "OPTOUT_AUDIT_RETENTION", 0, "days after which `optout redact --expired` removes a run; 0 = never", _days
    ),
    Setting("OPTOUT_SECRET_PARAMS", SECRET_PARAMS, "query parameters that the audit log hides", _names),
    Setting("OPTOUT_MAX_SITES", 200_000, "how many sites are kept in memory", _count),
    Setting("OPTOUT_PROBE_TIMEOUT", 20.0, "seconds that a probe may take", _seconds),
    Setting(
        "OPTOUT_PROBE_BACK_OFF", (1.0, 4.0), "seconds before each further try of a probe; empty = one try",
        _back_off,
    ),
    Setting(
        "OPTOUT_PRIVATE_DOCUMENTS", False, "whether licence documents may stand on addresses that are not public",
        _boolean,
    ),
)  # fmt: skip
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_SHORT_NAMES = [name.removeprefix(PREFIX) for name in _BY_NAME]  # the prefix would make all of them alike


@dataclass(frozen=True)
class Settings:
    """What a crawl was set to: the policy, and everything else; `SETTINGS` says what each field means.

    Made by `Settings.read`.
    """

    policy: Policy
    enabled: bool
    contact_url: str
    operator: str
    register: str
    item_fields: Mapping[str, str] = field(hash=False)
    page_markers: str
    class_domains: Mapping[str, str] = field(hash=False)
    model: str
    excluded_sites: tuple[str, ...]
    action: str
    dry_run: bool
    language_field: str
    tag_field: str
    fetch_reserved: bool
    store: str
    archive: str
    archive_pages: float
    audit_dir: str
    audit_key: str
    audit_durability: float
    audit_retention: int
    secret_params: tuple[str, ...]
    max_sites: int
    probe_timeout: float
    probe_back_off: tuple[float, ...]
    private_documents: bool

    @classmethod
    def read(cls, get: Callable[[str], Any]) -> Settings:
        """Read all settings.

        Args:
            get: gives the value of a name, as Python value or text of the command line; None = the default.

        Raises:
            SettingsError: a value that cannot be, or no product token; one line that names the setting.
        """
        values = {setting.field: _value(setting, get) for setting in SETTINGS}
        of_policy = {item.name: values.pop(item.name) for item in fields(Policy)}
        return cls(policy=Policy(**of_policy), **values)

    def to_dict(self) -> dict[str, Any]:
        """Give all but the policy as JSON values, by the names of the settings; no user or password of the store."""
        values = {setting.name: getattr(self, setting.field, None) for setting in SETTINGS}
        kept = {name: value for name, value in values.items() if value is not None}
        return {name: _plain(value) for name, value in {**kept, "OPTOUT_STORE": _SECRET.sub("", self.store)}.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def is_enabled(get: Callable[[str], Any]) -> bool:
    """Read OPTOUT_ENABLED alone: where it is off, nothing else needs to be set.

    Raises:
        SettingsError: it is neither true nor false.
    """
    return bool(_value(_BY_NAME["OPTOUT_ENABLED"], get))


def _value(setting: Setting, get: Callable[[str], Any]) -> Any:
    raw = get(setting.name)
    if raw is None:
        raw = setting.default
    if setting.name == "OPTOUT_PRODUCT_TOKEN" and raw in (None, ""):
        raise SettingsError(f"{setting.name} {_UNSET}")
    try:
        return setting.read(raw)
    except (PolicyError, ValueError) as error:
        # One line, even where the value that is quoted prints as several.
        raise SettingsError(f"{setting.name}: {' '.join(str(error).split())}") from None


def unknown_names(names: Iterable[str]) -> list[str]:
    """Give one line for each name that begins like ours and is none, with what may have been meant."""
    lines = []
    for name in names:
        if name.startswith(PREFIX) and name not in _BY_NAME:
            close = get_close_matches(name.removeprefix(PREFIX), _SHORT_NAMES, n=1)
            hint = f"did you mean {PREFIX}{close[0]}?" if close else f"choose out of {', '.join(_BY_NAME)}"
            lines.append(f"{name} is no setting: {hint}")
    return lines


def check_user_agent(user_agent: str, token: str) -> None:
    """Check that the product token is part of what the crawler sends as User-Agent (RFC 9309 section 2.2.1).

    Raises:
        SettingsError: it is not, in any case.
    """
    if token.lower() not in user_agent.lower():
        raise SettingsError(
            f"USER_AGENT {user_agent!r} does not name OPTOUT_PRODUCT_TOKEN {token!r}, by which sites address "
            "your crawler (RFC 9309 section 2.2.1): add the token to it, or leave USER_AGENT unset"
        )


def default_user_agent(token: str, contact_url: str) -> str:
    """Make the User-Agent of a crawler that sets none (RFC 9110 section 10.1.5).

    Args:
        token: the product token.
        contact_url: where to read about the crawler; may be empty.
    """
    product = f"{token}/{package_version()}"
    return f"{product} (+{contact_url})" if contact_url else product


@cache
def package_version() -> str:
    """Give the version of this package as installed; "uninstalled" where it runs from its source alone."""
    try:
        return version("optout-middleware")
    except PackageNotFoundError:
        return "uninstalled"
