"""Credits: what an item or a page says about itself, read, merged, and written for the audit line.

Rule of this file: only what stands in the page or item; nothing is raised on what comes from outside, and nothing of
the lyrics themselves is written down but their SHA-256. A page without a marker costs a search for its words.

The class of the asset comes from structured data, the item's mapping, the media type, or the user's list of domains,
and the reason says which. Where they differ, the class of which societies reserve more wins.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from optout_middleware.register import page_markers, schema_org, structured_data
from optout_middleware.register.credit_parts import NOTHING
from optout_middleware.register.item_fields import CREDIT_NAMES, check_mapping, of_item
from optout_middleware.register.model import AssetClass, Credits, Identifier
from optout_middleware.urls import domains_of, host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CREDIT_NAMES", "check_mapping", "from_dict", "merge", "of_item", "of_page", "to_dict"]

_NO_DOMAINS: Mapping[str, AssetClass] = MappingProxyType({})
_NO_TEXT = ("image/", "audio/", "video/", "font/", "application/pdf", "application/zip")
_OF_MEDIA_TYPE = {  # a media type, or the first half of one
    "audio": AssetClass.MUSIC_AUDIO,
    "image": AssetClass.IMAGE,
    "video": AssetClass.AUDIOVISUAL,
    "application/vnd.recordare.musicxml": AssetClass.NOTATION,
    "application/vnd.recordare.musicxml+xml": AssetClass.NOTATION,
    "application/epub+zip": AssetClass.BOOK,
}
_BY_MEDIA_TYPE = "media type "
# What a file is, its media type tells for certain; else the class that most is reserved of comes first.
_CERTAIN = (AssetClass.MUSIC_AUDIO, AssetClass.AUDIOVISUAL)
_ORDER = (
    AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO, AssetClass.AUDIOVISUAL, AssetClass.IMAGE,
    AssetClass.BOOK, AssetClass.TEXT, AssetClass.OTHER,
)  # fmt: skip
_OF_OTHERS = frozenset({"music", "book", "media"})  # kinds of works that are seldom the site's own
_OF_MUSIC = frozenset({AssetClass.LYRICS, AssetClass.NOTATION, AssetClass.MUSIC_AUDIO})
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_WIDE = re.compile(r"utf-?(?:16|32)|ucs-?[24]|iso-10646", re.IGNORECASE).match


def of_page(
    response_body: bytes,
    url: str,
    media_type: str,
    charset: str | None = None,
    *,
    all_markers: bool = False,
    class_domains: Mapping[str, AssetClass] = _NO_DOMAINS,
) -> Credits:
    """Read the credits of a response.

    Args:
        response_body: its bytes, any Content-Encoding undone.
        url: final URL of the page.
        media_type: of its Content-Type, lower case, without parameters.
        charset: of its Content-Type, if that names one.
        all_markers: whether rel=license, Dublin Core and microdata are read too; else JSON-LD alone is.
        class_domains: registrable domain or host -> class of the assets there.

    Returns:
        What the page says. A rel=license or Dublin Core licence, which is the site's word, is left out where the page
        has music, a book or a picture, or a class of music: a host's permission says nothing about others' works (rule
        R1b).
    """
    stated, hosts, kind = NOTHING, NOTHING, ""
    if not media_type.startswith(_NO_TEXT):
        body = _narrow(response_body, charset)
        lower = body.lower() if all_markers else body
        if media_type == "application/ld+json":
            kind, stated = schema_org.read([structured_data.parsed(structured_data.decoded(body, charset))], url)
        elif structured_data.is_marked(lower):
            kind, stated = schema_org.read(structured_data.documents(body, charset), url)
        if all_markers and page_markers.is_marked(lower):
            hosts = merge(*page_markers.read(body, url, charset))
    by_response = merge(_by_media_type(media_type), _by_domain(url, class_domains))
    page = merge(stated, hosts, by_response)
    if hosts.licence and (kind in _OF_OTHERS or "microdata" in hosts.origins or page.asset_class in _OF_MUSIC):
        origins = tuple(origin for origin in hosts.origins if origin != "rel=license")
        return merge(stated, replace(hosts, licence="", origins=origins), by_response)
    return page


def merge(*credits: Credits) -> Credits:  # noqa: A002 - the house's word
    """Unite credits, in their order; two different licences are none, since it is unclear which one holds."""
    told = [one for one in credits if one is not NOTHING and one != NOTHING]  # most are, and to compare costs
    if len(told) < 2:  # noqa: PLR2004 - nothing to unite
        return told[0] if told else NOTHING
    united: dict[str, Any] = {
        name: tuple(dict.fromkeys(part for one in told for part in getattr(one, name))) for name in _LISTS
    }
    licences = {one.licence for one in told if one.licence}
    decisive = min(told, key=_rank)
    return Credits(
        **united,
        lyrics=max((one.lyrics for one in told), key=len),
        licence=licences.pop() if len(licences) == 1 else "",
        is_recording=any(one.is_recording for one in told),
        asset_class=decisive.asset_class,
        class_reason=decisive.class_reason,
    )


def to_dict(credits: Credits) -> dict[str, Any]:  # noqa: A002 - the house's word
    """Give credits as JSON values for the audit line; empty parts are left out, of lyrics stays their SHA-256."""
    line: dict[str, Any] = {}
    for name in _NAMES:
        value = getattr(credits, name)
        if name in _IDENTIFIERS:
            value = [f"{identifier.scheme}:{identifier.value}" for identifier in value]
        elif name == "asset_class":
            value = "" if value is AssetClass.OTHER else str(value)
        elif isinstance(value, tuple):
            value = list(value)
        if value and name != "lyrics":
            line[name] = value
    if credits.lyrics:
        line["lyrics_sha256"] = hashlib.sha256(credits.lyrics.encode("utf-8", "surrogatepass")).hexdigest()
    return line


def from_dict(line: Mapping[str, Any]) -> Credits:
    """Read credits back from `to_dict`; the lyrics are gone, and what is of no such shape is left out."""
    read: dict[str, Any] = {name: _read(name, line[name]) for name in _NAMES if name in line}
    return Credits(**{name: value for name, value in read.items() if value is not None})


def _read(name: str, value: object) -> object:
    """Read one part back; None where it is of no such shape."""
    if name in _LISTS:
        texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
        if name in _IDENTIFIERS:
            parts = (text.partition(":") for text in texts if ":" in text)
            return tuple(Identifier(scheme, number, name != "dropped") for scheme, _, number in parts)
        return tuple(texts)
    if name == "asset_class":
        return AssetClass(value) if isinstance(value, str) and value in set(AssetClass) else None
    if name == "is_recording":
        return value is True
    return value if isinstance(value, str) and name != "lyrics" else None


_NAMES = tuple(field.name for field in fields(Credits))
_IDENTIFIERS = ("identifiers", "dropped", "party_identifiers")
_LISTS = tuple(name for name in _NAMES if isinstance(getattr(NOTHING, name), tuple))


def _rank(one: Credits) -> tuple[bool, int]:
    certain = one.asset_class in _CERTAIN and one.class_reason.startswith(_BY_MEDIA_TYPE)
    return not certain, _ORDER.index(one.asset_class)


def _by_media_type(media_type: str) -> Credits:
    asset_class = _OF_MEDIA_TYPE.get(media_type) or _OF_MEDIA_TYPE.get(media_type.partition("/")[0])
    if asset_class is None:
        return NOTHING
    return Credits(asset_class=asset_class, class_reason=_BY_MEDIA_TYPE + media_type, origins=("media-type",))


def _by_domain(url: str, class_domains: Mapping[str, AssetClass]) -> Credits:
    """Give the class of the longest listed domain that the host is of."""
    for domain in domains_of(host_of(url)) if class_domains else ():
        if domain in class_domains:
            return Credits(asset_class=class_domains[domain], class_reason=f"domain {domain}", origins=("domain",))
    return NOTHING


def _narrow(body: bytes, charset: str | None) -> bytes:
    """Give a text whose ASCII characters take several octets in UTF-8."""
    if body.startswith(_WIDE_MARKS):
        encoding = "utf-32" if body.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) else "utf-16"
    elif charset and _WIDE(charset):
        encoding = charset
    else:
        return body
    try:
        return body.decode(encoding, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):
        return body
