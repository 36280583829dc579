"""Credits out of the JSON-LD nodes of a page, in the words of schema.org.

Rule of this file: only what describes the page's own work is a credit. A work that an article mentions, is about, cites
or reviews is none, unless its lyrics are there; nor is a picture beside a text. Facts: `rights.md` section 3.

A page is read for the first of these that it has: music, a book, a text, a picture or film, the page itself. Holders
are taken from all of them. A licence counts only where every work that was read carries the same one: what lifts a
reservation must hold for all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optout_middleware.register.credit_parts import Parts, clean, licence_url, unescaped
from optout_middleware.register.model import AssetClass
from optout_middleware.register.normalise import name as name_form
from optout_middleware.register.schema_org_terms import (
    BESIDE,
    CREATORS,
    FILMS,
    KINDS,
    PARTY_SCHEMES,
    RECORDINGS,
    SCHEMES,
)  # fmt: skip
from optout_middleware.register.structured_data import Graph, Node, text_of, types_of
from optout_middleware.urls import host_of, is_within, registrable_domain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optout_middleware.register.model import Credits

_RESOLVERS = ("doi.org/", "isni.org/", "eidr.org/", "orcid.org/", "issn.org/", "urn:")
_SOUNDS = ("audio", "encoding", "associatedMedia")
_MOST_WORKS = 8  # a page of more is a list, of which the identifiers are taken alone
_MOST_ROOTS = 500
_DEEPEST = 4  # works within works


def read(documents: list[Any], url: str) -> tuple[str, Credits]:
    """Read the credits of a page out of its JSON-LD documents, and what kind of work it has.

    Args:
        documents: as `structured_data.documents` gives them.
        url: of the page: names that are the site's own are no publisher's, and relative licence URLs need it.

    Returns:
        "music", "book", "text", "media", "page" or an empty string, and the credits.
    """
    return _Reader(Graph(documents), url).read()


class _Reader:
    def __init__(self, graph: Graph, url: str) -> None:
        self._graph = graph
        self._url = url
        self._parts = Parts("json-ld")
        self._licences: list[str] = []
        self._seen: set[int] = set()

    def read(self) -> tuple[str, Credits]:
        works = self._works()
        kind = next((kind for kind in KINDS if works[kind]), "")
        if kind:
            whole = len(works[kind]) <= _MOST_WORKS
            for node in works[kind]:
                self._work(node, kind, whole=whole)
        for other in works.keys() - {kind, "media"}:
            for node in works[other]:
                self._holders(node)
        if self._licences and len(set(self._licences)) == 1:
            self._parts.licence = self._licences[0]
        return kind, self._parts.credits()

    def _works(self) -> dict[str, list[Node]]:
        """Give the nodes that describe the page's own works, by kind."""
        roots = self._graph.roots[:_MOST_ROOTS]
        beside = {text_of(node.get("@id")) for root in roots for node in self._graph.nodes(root, *BESIDE)}
        works: dict[str, list[Node]] = {kind: [] for kind in KINDS}
        taken: set[int] = set()
        for node, is_certain in self._candidates(roots):
            kind = self._kind(node)
            name = text_of(node.get("@id"))
            if kind and id(node) not in taken and (is_certain or not name or name not in beside):
                taken.add(id(node))
                works[kind].append(node)
        return works

    def _candidates(self, roots: list[Node]) -> Iterator[tuple[Node, bool]]:
        """Give the nodes that may be works of the page, and whether they are, even where another node mentions them."""
        for root in roots:
            yield root, "lyrics" in root
            for node in self._graph.nodes(root, "mainEntity"):
                yield node, True
            for node in self._graph.nodes(root, "mentions", "about", "hasPart"):
                if "lyrics" in node:
                    yield node, True

    def _kind(self, node: Node) -> str:
        types = types_of(node)
        for kind, known in KINDS.items():
            if types & known:
                if types & known == {"Product"} and not self._isbns(node):
                    continue
                if kind == "media" and not types & FILMS and not self._has_credit(node):
                    continue
                return kind
        return ""

    def _has_credit(self, node: Node) -> bool:
        keys = ("creator", "author", "copyrightHolder", "copyrightNotice", "creditText", "license")
        return bool(self._graph.values(node, *keys))

    def _work(self, node: Node, kind: str, *, whole: bool, depth: int = 0) -> None:
        if id(node) in self._seen or depth > _DEEPEST:
            return
        self._seen.add(id(node))
        graph, parts = self._graph, self._parts
        self._identifiers(node)
        self._licences.append(self._licence(node))
        types = types_of(node)
        self._class(node, kind, types)
        if whole:
            if kind != "page":
                for title in graph.texts(node, "name", "alternateName") or graph.texts(node, "headline"):
                    parts.title(title)
            for role, properties in CREATORS.items():
                self._people(node, role, properties.get(kind, ()))
            if kind == "music":
                self._people(node, "performers" if types & RECORDINGS else "writers", ("creator",))
            self._publishers(node, kind, types)
            self._holders(node)
        if kind == "music":
            self._music(node, types, whole=whole, depth=depth)
        if kind == "book":
            for edition in graph.nodes(node, "workExample", "mainEntity"):
                self._identifiers(edition)

    def _music(self, node: Node, types: frozenset[str], *, whole: bool, depth: int) -> None:
        graph, parts = self._graph, self._parts
        if types & RECORDINGS and not depth:
            parts.is_recording = True
        for inner in graph.nodes(node, "recordingOf", "includedComposition"):
            self._work(inner, "music", whole=whole, depth=depth + 1)
        for inner in graph.nodes(node, "recordedAs"):
            self._identifiers(inner)
            self._people(inner, "performers", ("byArtist",))
        for release in graph.nodes(node, "albumRelease", "inAlbum"):
            self._people(release, "labels", ("recordLabel",))
            for inner in graph.nodes(release, "albumRelease"):
                self._people(inner, "labels", ("recordLabel",))
        for track in self._tracks(node):
            self._identifiers(track)
            for inner in graph.nodes(track, "recordingOf"):
                self._identifiers(inner)
        for lyrics in graph.values(node, "lyrics"):
            text = text_of(lyrics) or "\n".join(graph.texts(lyrics, "text") if isinstance(lyrics, dict) else ())
            if text:
                parts.words(unescaped(text))

    def _tracks(self, node: Node) -> Iterator[Node]:
        for track in self._graph.nodes(node, "track", "tracks"):
            elements = self._graph.nodes(track, "itemListElement")
            for element in elements or (track,):
                yield from self._graph.nodes(element, "item") or (element,)

    def _class(self, node: Node, kind: str, types: frozenset[str]) -> None:
        """Tell the class of the asset from what the node has of it."""
        graph, parts = self._graph, self._parts
        shown = min(types & KINDS[kind], default="")
        if kind == "music":
            sheets = " ".join(graph.texts(node, "additionalType", "encodingFormat", "learningResourceType"))
            if graph.values(node, "lyrics"):
                parts.of_class(AssetClass.LYRICS, f"structured data: lyrics of a {shown}")
            elif "SheetMusic" in types or any(word in sheets.lower() for word in _SHEETS) or self._has_sheet(node):
                parts.of_class(AssetClass.NOTATION, f"structured data: sheet music of a {shown}")
            elif types & RECORDINGS and (graph.values(node, *_SOUNDS) or self._is_listened_to(node)):
                parts.of_class(AssetClass.MUSIC_AUDIO, f"structured data: audio of a {shown}")
        elif kind == "book" and graph.values(node, "text", "encoding", "associatedMedia"):
            parts.of_class(AssetClass.BOOK, f"structured data: text of a {shown}")
        elif kind == "media":
            if not types & FILMS:
                parts.of_class(AssetClass.IMAGE, f"structured data: {shown}")
            elif graph.values(node, "contentUrl", "embedUrl", "video", "encoding"):  # else it only tells of a film
                parts.of_class(AssetClass.AUDIOVISUAL, f"structured data: {shown}")
        elif kind == "text":
            parts.of_class(AssetClass.TEXT, f"structured data: {shown}")

    def _is_listened_to(self, node: Node) -> bool:
        return any("ListenAction" in types_of(action) for action in self._graph.nodes(node, "potentialAction"))

    def _has_sheet(self, node: Node) -> bool:
        media = self._graph.nodes(node, "encoding", "associatedMedia")
        formats = " ".join(text for one in media for text in self._graph.texts(one, "encodingFormat", "fileFormat"))
        return any(word in formats.lower() for word in ("pdf", "musicxml", "lilypond", "musescore"))

    def _identifiers(self, node: Node) -> None:
        for key, scheme in SCHEMES.items():
            for text in self._graph.texts(node, key):
                self._parts.identified(scheme, text)
        for isbn in self._isbns(node):
            self._parts.identified("isbn", isbn)
        for series in self._graph.nodes(node, "isPartOf"):
            for text in self._graph.texts(series, "issn"):
                self._parts.identified("issn", text)
        self._stated_identifiers(node, {scheme: scheme for scheme in SCHEMES.values()})

    def _isbns(self, node: Node) -> list[str]:
        """Give trade numbers that are ISBNs: a book shop writes no other property."""
        numbers = self._graph.texts(node, "gtin13", "gtin", "sku", "productID")
        own = self._graph.texts(node, "isbn")
        return own + [number for number in numbers if number.startswith(("978", "979", "isbn:"))]

    def _stated_identifiers(self, node: Node, schemes: dict[str, str]) -> None:
        for value in self._graph.values(node, "identifier", "sameAs", "@id"):
            if isinstance(value, dict):
                label = " ".join(self._graph.texts(value, "propertyID", "name")).lower()
                scheme = next((scheme for word, scheme in schemes.items() if word in label), "")
                for text in self._graph.texts(value, "value") if scheme else ():
                    self._parts.identified(scheme, text)
            elif isinstance(value, str) and (":" in value or " " in value) and _names_identifier(value):
                self._parts.written(value)

    def _people(self, node: Node, role: str, properties: Iterable[str]) -> None:
        for key in properties:
            for value in self._graph.values(node, key):
                person = value
                if isinstance(value, dict) and "name" not in value and key in value:  # a schema.org Role
                    person = next(iter(self._graph.values(value, key)), value)
                for name in self._names(person):
                    if role == "writers" and not isinstance(person, dict):
                        self._parts.writers(name)
                    else:
                        self._parts.party(role, name)
                if isinstance(person, dict):
                    self._stated_identifiers(person, PARTY_SCHEMES)

    def _names(self, value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [text] if (text := text_of(value)) and "://" not in text else []
        names = self._graph.texts(value, "name")
        if not names:
            given, family = self._graph.texts(value, "givenName"), self._graph.texts(value, "familyName")
            names = [" ".join(given[:1] + family[:1])] if given or family else []
        return names or ([text] if (text := text_of(value)) else [])

    def _publishers(self, node: Node, kind: str, types: frozenset[str]) -> None:
        role = "labels" if kind == "music" and types & RECORDINGS else "publishers"
        for value in self._graph.values(node, "publisher"):
            for name in self._names(value):
                if not self._is_site(value, name):
                    self._parts.party(role, name)

    def _holders(self, node: Node) -> None:
        for value in self._graph.values(node, "copyrightHolder"):
            for name in self._names(value):
                self._parts.party("holders", name)
            if isinstance(value, dict):
                self._stated_identifiers(value, PARTY_SCHEMES)
        for text in self._graph.texts(node, "copyrightNotice", "creditText"):
            self._parts.holder(text)

    def _licence(self, node: Node) -> str:
        urls = set()
        for value in self._graph.values(node, "license"):
            texts = self._graph.texts(value, "url", "@id") if isinstance(value, dict) else [text_of(value)]
            urls.add(licence_url(texts[0] if texts else "", self._url))
        return urls.pop() if len(urls) == 1 else ""

    def _is_site(self, value: Any, name: str) -> bool:
        """Tell whether a publisher is the site itself: `publisher` of a composition often is (low weight)."""
        host = host_of(self._url)
        domain = registrable_domain(host)
        if isinstance(value, dict) and domain:
            addresses = self._graph.texts(value, "url", "@id")
            if any("://" in address and is_within(address, domain) for address in addresses):
                return True
        form = name_form(name)
        joined = form.replace(" ", "")
        labels = {label.replace("-", "") for label in host.removeprefix("www.").split(".")}
        return form in self._names_of_site() or joined in labels or clean(name).lower() in (host, domain)

    def _names_of_site(self) -> frozenset[str]:
        sites = [root for root in self._graph.roots[:_MOST_ROOTS] if "WebSite" in types_of(root)]
        owners = [owner for site in sites for owner in self._graph.nodes(site, "publisher")]
        names = (name for node in sites + owners for name in self._graph.texts(node, "name", "alternateName"))
        return frozenset(map(name_form, names)) - {""}


_SHEETS = ("sheet music", "sheetmusic", "score", "partition", "noten", "notation", "tablature", "chord")


def _names_identifier(text: str) -> bool:
    return any(resolver in text for resolver in _RESOLVERS) or text[:4].lower() in _LABELS


_LABELS = frozenset({"iswc", "isrc", "isbn", "issn", "doi:", "doi ", "eidr", "ismn", "isni", "ipi ", "ipi:"})
