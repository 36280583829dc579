"""The settings: the policy, and how a crawl acts on its decisions, stores, records and asks.

Rule of this file: one table, `SETTINGS`, that the docs show and from which everything is read once, into one
frozen `Settings`. A name is the same everywhere: `OPTOUT_TAG_FIELD` is `tag_field`. Each error names its
setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

from optout_middleware import setting_values as read_as
from optout_middleware.policy import Policy, PolicyError
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


_UNSET = (
    "is not set: set it to your crawler's name in robots.txt, for example ExampleCorpusBot "
    "(RFC 9309 section 2.2.1: letters, '_' and '-')"
)
SETTINGS: tuple[Setting, ...] = (
    Setting("OPTOUT_ENABLED", True, "whether opt-outs are looked for at all", read_as.boolean),
    Setting(
        "OPTOUT_PRODUCT_TOKEN", None, "your crawler's name in robots.txt; must be set",
        read_as.of_policy("product_token", read_as.text),
    ),
    Setting("OPTOUT_CONTACT_URL", "", "where sites read about your crawler; in User-Agent", read_as.contact_url),
    Setting("OPTOUT_OPERATOR", "", "who runs the crawl, for the run manifest", read_as.text),
    Setting(
        "OPTOUT_USAGE", "train-ai", "what the assets are for: train-ai, ai-use, search or tdm",
        read_as.of_policy("usage", read_as.text),
    ),
    Setting(
        "OPTOUT_PROFILE", "precautionary", "how doubt is judged: precautionary or literal",
        read_as.of_policy("profile", read_as.text),
    ),
    Setting(
        "OPTOUT_FINDINGS", {}, "findings judged otherwise: name -> outcome, by and reason (in JSON with -s)",
        read_as.of_policy("findings", read_as.mapping),
    ),
    Setting(
        "OPTOUT_LOCATIONS", ("robots.txt", "tdmrep.json"), "what of a site is looked at: names, or all",
        read_as.of_policy("locations", read_as.listed),
    ),
    Setting(
        "OPTOUT_TRAINING_TOKENS", (), "further product tokens of others that count as training crawlers",
        read_as.of_policy("training_tokens", read_as.listed),
    ),
    Setting(
        "OPTOUT_POLICY_TOKENS_TRAINING", ("__usage_ai-training",), "product tokens that mean any training",
        read_as.of_policy("policy_tokens_training", read_as.listed),
    ),
    Setting(
        "OPTOUT_NATURAL_LANGUAGE", ("robots.txt",),
        "where sentences that reserve are looked for: robots.txt (its comments), page (its text, slow)",
        read_as.of_policy("natural_language", read_as.listed),
    ),
    Setting(
        "OPTOUT_USER", ("commercial",), "your kinds of user, as RSL licences name them",
        read_as.of_policy("user", read_as.listed),
    ),
    Setting(
        "OPTOUT_TERRITORY", ("EU",), "where you act, as RSL licences name it: country codes or EU",
        read_as.of_policy("territory", read_as.listed),
    ),
    Setting(
        "OPTOUT_ENTITY", "commercial", "who you are: commercial, or a research organisation (Article 3): research",
        read_as.of_policy("entity", read_as.text),
    ),
    Setting(
        "OPTOUT_RESEARCH_PROOF", "", "where the proof of that is kept; without it you count as commercial",
        read_as.of_policy("research_proof", read_as.text),
    ),
    Setting(
        "OPTOUT_OPEN_LICENCES", False, "whether an open licence that a work itself carries lifts a reservation",
        read_as.boolean,
    ),
    Setting(
        "OPTOUT_REGISTER", "",
        "the register of rights (a file of `optout register import`); empty = the declarations of the package alone, "
        "none = it is not asked",
        read_as.path,
    ),
    Setting(
        "OPTOUT_ITEM_FIELDS", {}, "what your items say of a work: credit (title, writers, iswc, ...) -> field",
        read_as.item_fields,
    ),
    Setting(
        "OPTOUT_PAGE_MARKERS", "json-ld",
        "what of a page is read for credits: json-ld, or all (rel=license, Dublin Core, microdata too)",
        read_as.markers,
    ),
    Setting(
        "OPTOUT_CLASS_DOMAINS", {}, "classes of assets by domain: domain -> lyrics, notation, music-audio, image, ...",
        read_as.class_domains,
    ),
    Setting("OPTOUT_MODEL", "", "the model that the corpus is for, as licences name it", read_as.text),
    Setting(
        "OPTOUT_EXCLUDED_SITES", (), "lists of sites that are never to be crawled: files with a domain a line",
        read_as.names,
    ),
    Setting("OPTOUT_ACTION", "drop", "what is done with denied and pending items: drop or tag", read_as.action),
    Setting("OPTOUT_DRY_RUN", False, "whether items pass unchanged and the excluded share is told", read_as.boolean),
    Setting(
        "OPTOUT_LANGUAGE_FIELD", "language",
        "the field of an item that holds its language, for the share of a dry run; empty = none", read_as.text,
    ),
    Setting("OPTOUT_TAG_FIELD", "optout", "the field of an item that takes its decision", read_as.filled(read_as.text)),
    Setting("OPTOUT_FETCH_RESERVED", False, "whether pages that their site reserves are fetched", read_as.boolean),
    Setting(
        "OPTOUT_STORE", ".optout/store.sqlite",
        "where evidence is kept: a file, redis://HOST:PORT/NUMBER (rediss://, unix://), or empty = in memory only",
        read_as.path,
    ),
    Setting(
        "OPTOUT_ARCHIVE", "archive", "the evidence archive, below the audit directory unless absolute; empty = none",
        read_as.path,
    ),
    Setting(
        "OPTOUT_ARCHIVE_PAGES", 1.0,
        "the share of allowed pages that said nothing of which the part looked at is archived: 1 or all, 0 or none",
        read_as.share,
    ),
    Setting("OPTOUT_AUDIT_DIR", "audit", "the directory of the audit log", read_as.filled(read_as.path)),
    Setting(
        "OPTOUT_AUDIT_KEY", "", "the Ed25519 key (PEM file) that signs run manifests; empty = unsigned", read_as.path
    ),
    Setting(
        "OPTOUT_AUDIT_DURABILITY", 1.0, "seconds of audit lines that a power cut may cost; 0 = none",
        read_as.seconds_or_none,
    ),
    Setting(
        "OPTOUT_AUDIT_RETENTION", 0, "days after which `optout redact --expired` removes a run; 0 = never", read_as.days
    ),
    Setting("OPTOUT_SECRET_PARAMS", SECRET_PARAMS, "query parameters that the audit log hides", read_as.names),
    Setting("OPTOUT_MAX_SITES", 200_000, "how many sites are kept in memory", read_as.count),
    Setting("OPTOUT_PROBE_TIMEOUT", 20.0, "seconds that a probe may take", read_as.seconds),
    Setting(
        "OPTOUT_PROBE_BACK_OFF", (1.0, 4.0), "seconds before each further try of a probe; empty = one try",
        read_as.back_off,
    ),
    Setting(
        "OPTOUT_PRIVATE_DOCUMENTS", False, "whether licence documents may stand on addresses that are not public",
        read_as.boolean,
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


def check_user_agent(user_agent: str, token: str, where: str = "USER_AGENT") -> None:
    """Check that the product token is part of what the crawler sends as User-Agent (RFC 9309 section 2.2.1).

    Args:
        user_agent: what it sends.
        token: the product token.
        where: what sets it, for the message.

    Raises:
        SettingsError: it is not, in any case.
    """
    if token.lower() not in user_agent.lower():
        raise SettingsError(
            f"{where} {user_agent!r} does not name OPTOUT_PRODUCT_TOKEN {token!r}, by which sites address "
            f"your crawler (RFC 9309 section 2.2.1): add the token to it, or leave {where} unset"
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
