"""Letters and complaints: what a document names by itself, as far as it can be read; and notices as JSON values.

Rule of this file: it reads files and knows values; it keeps nothing. YAML and CSV are read as the importers read them;
of plain text only what cannot be mistaken: URLs, domains, identifiers. What cannot be read, and what hardly ever
matches anything, is listed, so that a person looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optout_middleware.register import identifiers, importers
from optout_middleware.register.importers import fields as f
from optout_middleware.register.importers.entries import EntryError, entry_of, read_entry
from optout_middleware.register.importers.records import Rejected, rejected
from optout_middleware.register.model import Interest, Party, Work
from optout_middleware.register.notice import ANSWERED, CLOSED, OPEN, Notice
from optout_middleware.register.records import UrlEntry
from optout_middleware.terms import OptOutError
from optout_middleware.urls import host_of, path_and_query

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

LARGEST = 64 * 1_048_576  # octets of a document that is kept
_LISTS = ("documents", "works", "parties", "interests", "urls", "domains")
_URL = re.compile(r"https?://[^\s<>\"'`{}|\\^]{1,2000}", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![\w@-])", re.IGNORECASE)
# Endings of names of files, which look like domains.
_FILES = frozenset({
    "csv", "doc", "docx", "gif", "htm", "html", "jpeg", "jpg", "json", "mp3", "odt", "pdf", "php", "png", "rtf", "txt",
    "wav", "xls", "xlsx", "xml", "yaml",
})  # fmt: skip
_AFTER = ".,;:!?)]>"  # what ends a sentence, and no URL


@dataclass(frozen=True, slots=True)
class Letter:
    """What a document names.

    Fields:
        parties: of whom all works are meant, with the ids that they have there.
        works, interests, holders: works that are meant, and who holds what of them.
        domains, urls: sites, and absolute URLs or prefixes of them.
        unread: lines that could not be read, or not in full.
        weak: what was read and yet hardly ever matches anything on a page, and why.
    """

    parties: tuple[Party, ...] = ()
    works: tuple[Work, ...] = ()
    interests: tuple[Interest, ...] = ()
    domains: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    holders: tuple[Party, ...] = ()
    unread: tuple[Rejected, ...] = ()
    weak: tuple[str, ...] = ()


_READ: Mapping[str, Any] = {
    "id": f.text, "sender": f.text, "received": f.day, "document": f.text, "sha256": f.text,
    "authority": f.maybe_text, "due": f.maybe_day, "domains": f.domains,
    "urls": lambda value: tuple(f.url(item) for item in f.texts(value)),
    "status": f.one_of(OPEN, ANSWERED, CLOSED), "answered": f.maybe_day, "answer": f.maybe_text, "upheld": f.flag,
}  # fmt: skip
_RECORDS = {"parties": "party", "holders": "party", "works": "work", "interests": "interest"}


def notice_entry(notice: Notice) -> dict[str, Any]:
    """Give a notice as JSON values, which `read_notice` reads again; what is as by default is left out."""
    shown: dict[str, Any] = {}
    for item in fields(notice):
        value = getattr(notice, item.name)
        if value == item.default:
            continue
        if item.name in _RECORDS:
            value = [entry_of(record) for record in value]
        elif item.name in ("received", "due", "answered"):
            value = value.isoformat()
        shown[item.name] = list(value) if isinstance(value, tuple) else value
    return shown


def read_notice(values: Mapping[str, Any]) -> Notice:
    """Read a notice from JSON values, as `notice_entry` gives them.

    Raises:
        EntryError: a field is unknown, missing or cannot be read, or it names nothing.
    """
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name in _RECORDS:
            made[name] = tuple(read_entry(_RECORDS[name], entry).record for entry in value)
        elif name in _READ:
            try:
                made[name] = _READ[name](value)
            except ValueError as error:
                raise EntryError(f"notice: {name}: {error}", name) from None
        else:
            raise EntryError(f"notice: unknown field {name!r}: it has {', '.join((*_READ, *_RECORDS))}", name)
    if missing := [name for name in ("id", "sender", "received", "document", "sha256") if name not in made]:
        raise EntryError(f"notice: {missing[0]} is missing")
    notice = Notice(**made)
    if not (notice.parties or notice.works or notice.domains or notice.urls):
        raise EntryError("notice: it names nothing: name parties, works, domains or URLs")
    if not notice.upheld and notice.status != CLOSED:
        raise EntryError("notice: only a closed notice may cease to restrict")
    return notice


def read_letter(path: str | os.PathLike[str]) -> Letter:
    """Read what a document names: YAML, CSV or plain text; of another format nothing, which is told.

    Raises:
        OptOutError: it cannot be read, or is larger than what is kept.
    """
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST:
            raise OptOutError(f"{file} has more than {LARGEST // 1_048_576} MiB, too much for a notice")
        octets = file.read_bytes()
    except OSError as error:
        raise OptOutError(f"cannot read {file}: {error.strerror or error}") from None
    if file.suffix.lower() in (".yaml", ".yml", ".json", ".csv", ".tsv"):
        return _listed(file)
    if b"\x00" in octets[:4096] or octets.startswith((b"%PDF", b"{\\rtf")):
        told = f"{file.name} is no text: name its parties, works, domains and URLs by hand"
        return Letter(unread=(rejected(0, told),))
    return _text(octets.decode("utf-8", "replace"), file.name)


def _listed(file: Path) -> Letter:
    """Read a document or table by the importers; what they give and a notice has no place for is told."""
    kind = importers.kind_of(file)
    if kind not in _LISTS:
        raise OptOutError(f"{file} is of kind {kind!r}: a notice is one of {', '.join(_LISTS)}, or plain text")
    parties: list[Party] = []
    works: list[Work] = []
    interests: list[Interest] = []
    scopes: list[str] = []
    unread: list[Rejected] = []
    for record in importers.read(file, kind=kind):
        if isinstance(record, Party):
            parties.append(record)
        elif isinstance(record, Work):
            works.append(record)
        elif isinstance(record, Interest):
            interests.append(record)
        elif isinstance(record, UrlEntry):
            scopes.append(record.scope)
        elif isinstance(record, Rejected):
            unread.append(record)
        else:
            unread.append(rejected(0, f"a {type(record).__name__} is no part of a notice"))
    domains, urls = _sorted(scopes)
    held = {interest.target for interest in interests}
    weak = [_weak_work(work, held) for work in works] + [_weak_party(party) for party in parties]
    # Who holds a work that is named is a credit that makes the match: meant are the works, not all that he wrote.
    holding = {interest.party for interest in interests}
    return Letter(
        tuple(party for party in parties if party.id not in holding), tuple(works), tuple(interests), domains, urls,
        tuple(party for party in parties if party.id in holding), tuple(unread), tuple(filter(None, weak)),
    )  # fmt: skip


def _weak_work(work: Work, held: set[str]) -> str:
    if work.identifiers or work.id in held:
        return ""
    return f"work {work.titles[0]!r}: a title alone is logged and restricts lyrics, notation and audio only (rule M4)"


def _weak_party(party: Party) -> str:
    return "" if party.names else f"party {party.id!r}: a number alone hardly ever stands on a page"


def _text(text: str, name: str) -> Letter:
    scopes = [found.rstrip(_AFTER) for found in _URL.findall(text)]
    rest = _URL.sub(" ", text)
    scopes += [found.lower() for found in _NAME.findall(rest) if found.rpartition(".")[2].lower() not in _FILES]
    works: dict[str, Work] = {}
    parties: dict[str, Party] = {}
    unread, weak = [], []
    for number in identifiers.find(rest):
        identity = f"{number.scheme}:{number.value}"
        if not number.checked:
            unread.append(rejected(0, f"{number.scheme} {number.value!r} is not valid: left out"))
        elif number.scheme in identifiers.OF_PARTIES:
            parties[identity] = Party(identity, "natural", (), (number,))
            weak.append(_weak_party(parties[identity]))
        else:
            kind = "musical" if number.scheme in ("iswc", "isrc", "ismn") else "literary"
            works[identity] = Work(identity, kind, (), (number,))
    domains, urls = _sorted(scopes)
    if not (works or parties or domains or urls):
        unread.append(rejected(0, f"{name} names no URL, domain or identifier: name what it is about by hand"))
    return Letter(
        tuple(parties.values()), tuple(works.values()), domains=domains, urls=urls, unread=tuple(unread),
        weak=tuple(filter(None, weak)),
    )  # fmt: skip


def _sorted(scopes: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell domains and URLs apart; the URL of a whole site is its domain, which reaches further."""
    domains: dict[str, None] = {}
    urls: dict[str, None] = {}
    for scope in scopes:
        if "://" not in scope:
            domains[scope] = None
        elif (host := host_of(scope)) and path_and_query(scope) == "/":
            domains[host] = None
        elif host:
            urls[scope] = None
    return tuple(domains), tuple(urls)
