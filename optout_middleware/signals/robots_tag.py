"""Robots directives: X-Robots-Tag, Robots-Tag and <meta name="robots">.

Rule of this file: all directives add up, the more restrictive counts (MDN: "sum of the negative rules"); a
bot name binds what follows it until the next one in the same field value (MDN). What is addressed to
another bot is no refusal of ours, and no silence either. Names and values are compared without regard to
case.

Facts: `noai` and `noimageai` are DeviantArt's (team journal 934500371, November 2022), `noml` is Mojeek's
(noml.info); `noarchive` and `nocache` are read as "no training" by Bing and Amazonbot only. `Robots-Tag` is
an RFC 9651 List, `bot;directive;directive` with `*` for all bots (draft-illyes-repext), and so is an
X-Robots-Tag value with ";" or "*" but without ":".
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from http_sf import StructuredFieldError
from http_sf import parse as parse_structured

from optout_middleware.signals.asked import Asked, Signal
from optout_middleware.signals.html_head import declarations
from optout_middleware.signals.robots_txt import agent_names
from optout_middleware.signals.usages import ANSWERS, answers
from optout_middleware.terms import Preference, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optout_middleware.signals.html_head import Meta
    from optout_middleware.terms import Evidence

_NAME = "robots-tag"
_AI = frozenset({"noai", "noimageai", "noml"})
_NO_ARCHIVE = frozenset({"noarchive", "nocache"})
_KNOWN = ANSWERS[_NAME]
_RULES = {
    "noai": "noai: DeviantArt, team journal 934500371",
    "noimageai": "noimageai: DeviantArt, team journal 934500371",
    "noml": "noml: noml.info",
    "noarchive": "noarchive: Bing and Amazonbot, vendor documentation",
    "nocache": "nocache: Bing, vendor documentation",
    "noindex": "noindex: Google, robots meta tag specifications",
    "none": "none: Google, robots meta tag specifications",
}
_PREFIX_RULE = "MDN X-Robots-Tag: a bot name binds what follows it until the next one"
# Directives and valued rules (MDN, Google): none of these is a bot name, though a colon follows some of them.
_DIRECTIVES = frozenset(_KNOWN) | {
    "all", "index", "follow", "nofollow", "nosnippet", "notranslate", "noimageindex", "noodp", "noydir",
    "indexifembedded", "max-snippet", "max-image-preview", "max-video-preview", "unavailable_after",
}  # fmt: skip
_EVERYONE = frozenset({"*", "robots"})
_MISNAMED = frozenset({"*", "robot", "x-robots-tag", "robots-tag"})  # <meta> names that plainly mean robots
# HTML section 4.2.5.1 and common metadata: prose or words about the page, never directives to a bot.
_PROSE = frozenset({
    "application-name", "author", "abstract", "classification", "copyright", "creator", "description",
    "generator", "keywords", "news_keywords", "publisher", "referrer", "subject", "summary", "tags", "title",
    "topic",
})  # fmt: skip
_BOT_NAME = re.compile(r"[a-z0-9_.-]+").fullmatch
_WEEKDAY = re.compile(
    r"(unavailable_after\s*:\s*(?:mon|tue(?:s)?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?)\s*,"
)
# What plainly tries to say noai, noimageai or noml where it is not a directive of its own.
_TRIES = re.compile(r"(?<![\w-])no[-_]?(image[-_]?)?(ai|ml)(?![\w-])")
_IMAGE_URL = re.compile(
    r"\.(?:jpe?g|jfif|png|apng|gif|webp|avif|svgz?|bmp|tiff?|ico|heic|heif|jxl|jp2|psd)\Z", re.IGNORECASE
).search
_BARE = "bare after a bot name: by datadiligence's reading, item by item, it counts for everybody"


class _Said(NamedTuple):
    """One directive: the bot it is addressed to (empty = all), why it is no plain one, what else to know."""

    agent: str
    value: str
    doubt: str = ""
    note: str = ""


def _directive(agent: str, text: str, doubt: str = "", note: str = "") -> Iterator[_Said]:
    """Read one item as a directive, or find in it what plainly tries to be one."""
    if text in _KNOWN:
        yield _Said(agent, text, doubt, note)
        return
    for match in _TRIES.finditer(text):
        value = "noimageai" if match[1] else f"no{match[2]}"
        if value in _KNOWN:
            yield _Said(agent, value, doubt or "not a directive of its own", note)


def _items(text: str) -> list[str]:
    """Split at commas but for the one in a date (RFC 9110 section 5.6.7)."""
    return _WEEKDAY.sub(r"\1 ", text.lower()).split(",")


def _by_comma(text: str) -> Iterator[_Said]:
    """Read `directive, bot: directive, directive` (MDN X-Robots-Tag)."""
    agent, addressed = "", False
    for item in _items(text):
        name, colon, rest = (part.strip() for part in item.partition(":"))
        if colon and name not in _DIRECTIVES:
            agent, addressed = "" if name in _EVERYONE else name, True
            yield from _directive(agent, rest, "" if name else "no bot name before the colon")
        else:
            yield from _directive(agent, item.strip(), note=_BARE if addressed and agent else "")


def _by_list(text: str) -> list[_Said] | None:
    """Read `bot;directive;directive` (draft-illyes-repext, RFC 9651 section 3.1); None: no List."""
    try:
        # A List's parameters are lower case (RFC 9651 section 3.1.2), the draft's values regard no case.
        parsed = parse_structured(text.lower().encode("latin-1", "replace"), tltype="list")
    except (StructuredFieldError, ValueError, UnicodeError):
        return None
    members = cast("list[tuple[Any, dict[str, Any]]]", parsed)
    found: list[_Said] = []
    for member, parameters in members:
        for name in [str(inner) for inner, _ in member] if isinstance(member, list) else [str(member)]:
            if not parameters or name in _DIRECTIVES:
                doubt = "stands where draft-illyes-repext has a bot name"
                found += [said._replace(doubt=said.doubt or doubt) for said in _by_comma(name)]
            doubt = "after a directive, where the draft has a bot name" if name in _DIRECTIVES else ""
            agent = "" if doubt or name in _EVERYONE else name
            for rule, value in parameters.items():
                if value is not False:
                    found += _directive(agent, rule, doubt)
    return found


@lru_cache(maxsize=4096)  # a pure function of a short text; most sites send one and the same
def _said(field: str, text: str) -> tuple[_Said, ...]:
    """Read one field value by its form."""
    if field == "robots-tag" or (":" not in text and (";" in text or "*" in text)):
        found = _by_list(text)
        if found is not None:
            return tuple(dict.fromkeys(found))
    return tuple(dict.fromkeys(_by_comma(text)))


def _said_by(meta: Meta, product_token: str) -> Iterator[_Said]:
    """Read one <meta> element: of robots or our name, or directives under the name of another bot."""
    if meta.name in _MISNAMED or meta.name == "robots" or product_token.lower() in agent_names(meta.name):
        misnamed = f"named {meta.name}, where robots is asked for" if meta.name in _MISNAMED else ""
        doubt = meta.doubt or misnamed
        for item in _items(meta.content):
            yield from _directive("", item.strip(), doubt)
    elif _TRIES.fullmatch(meta.name):
        yield from _directive("", meta.name, "a directive in the place of a name")
    elif _BOT_NAME(meta.name) and meta.name not in _PROSE:
        for item in _items(meta.content):
            if item.strip() in _AI:
                yield _Said(meta.name, item.strip(), note=meta.doubt)


def _is_image(asked: Asked, asset: Evidence) -> bool:
    """Tell whether the asset is an image: by its media type, by its URL where it has none."""
    if media_type := asset.media_type:
        return media_type.startswith("image/")
    try:
        return _IMAGE_URL(urlsplit(asset.final_url or asked.url).path) is not None
    except ValueError:
        return False


def _statements(
    asked: Asked, place: tuple[str, str, str], said: tuple[_Said, ...], asset: Evidence
) -> Iterator[Statement]:
    """Give what one field value or element says of our usage; `place` is location, where and text."""
    token = asked.policy.product_token.lower()
    named: list[_Said] = []
    for one in said:
        if not answers(_NAME, one.value, asked.policy.usage):
            continue
        if one.agent and token not in agent_names(one.agent):
            named += [one] if one.value in _AI else []
            continue
        notes = tuple(filter(None, (one.doubt,)))
        if one.value in _NO_ARCHIVE:
            finding = "noarchive"
        elif one.value == "noimageai" and not _is_image(asked, asset):
            finding = "noimageai"
        else:
            finding = "malformed-refusal" if one.doubt else "refusal"
        preference = Preference.DISALLOWED if finding == "refusal" else Preference.UNKNOWN
        yield Statement(_NAME, *place, preference, _RULES[one.value], finding, notes=notes)
    if named:
        to = "addressed to " + ", ".join(dict.fromkeys(f"{one.agent}: {one.value}" for one in named))
        notes = tuple(dict.fromkeys(note for one in named for note in (one.doubt, one.note) if note))
        yield Statement(_NAME, *place, Preference.UNKNOWN, _PREFIX_RULE, "named-bot", notes=(to, *notes))


def _state(asked: Asked) -> tuple[Statement, ...]:
    """Add up what the header fields and the elements of the response say."""
    asset = asked.asset
    if asset is None:
        return ()
    found: list[Statement] = []
    for field in ("x-robots-tag", "robots-tag"):
        for text in asset.values(field):
            found += _statements(asked, ("header", field, text), _said(field, text), asset)
    for meta in declarations(asset):
        said = tuple(_said_by(meta, asked.policy.product_token))
        found += _statements(asked, ("meta", f"meta {meta.name}", meta.text), said, asset)
    return tuple(dict.fromkeys(found))


SIGNAL = Signal(
    _NAME,
    "MDN X-Robots-Tag; draft-illyes-repext, April 2026",
    "https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Robots-Tag",
    _state,
)
