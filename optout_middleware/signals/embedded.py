"""TDMRep inside a file: the OPF document of an EPUB, the XMP packets of a PDF.

Rule of this file: what the file itself says, in the order it says it; what holds is for `tdmrep` to settle. Nothing is
raised, no more is unpacked than a fixed number of octets, and only what is an EPUB or a PDF is looked into at all.

Facts: TDMRep, "TDM Metadata in EPUB Publications" has the namespace end in a hash, "TDM Metadata in PDF Documents" in
a slash; both endings are met in both. XMP packets stand in a PDF as plain text, or in a metadata stream that is
deflated, and both are read; not seen is XMP in UTF-16, in an encrypted file, or behind another filter.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from lzma import LZMAError
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optout_middleware.terms import Evidence

_NAMESPACE = re.compile(r"https?://(?:www\.)?w3\.org/ns/tdmrep[#/]?").fullmatch
_EPUB_NAMESPACE, _PDF_NAMESPACE = "http://www.w3.org/ns/tdmrep#", "http://www.w3.org/ns/tdmrep/"
_PREFIXES = re.compile(r"([^\s:]+):\s+(\S+)")  # EPUB 3.3 section 5.3: prefix attribute of the package
_RESERVATION = re.compile(r"tdm[-_: ]?reservation").fullmatch
_POLICY = re.compile(r"tdm[-_: ]?policy").fullmatch
_CONTAINER = "META-INF/container.xml"
_LIMIT = 1_048_576  # octets that are unpacked of one part
_MOST = 32  # parts that are looked into
_LONG = 500  # characters of a quoted element
# Outermost first: the namespace may be declared on any of these.
_WRAPPERS = (b"x:xmpmeta", b"x:xapmeta", b"rdf:RDF")
_OTHER_XMLNS = re.compile(r" xmlns(?::[\w.-]+)?=\"[^\"]*\"")
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, LZMAError, etree.LxmlError, OSError, EOFError, LookupError, ValueError,
    RuntimeError, NotImplementedError, OverflowError,
)  # fmt: skip


class Field(NamedTuple):
    """One property as it stands in a file.

    Fields:
        is_policy: whether it is tdm-policy; else it is tdm-reservation.
        value: its value, trimmed.
        where: the part of the file and the property.
        text: the text of the element or attribute.
        doubt: why it is no plain declaration; empty = it is one.
    """

    is_policy: bool
    value: str
    where: str
    text: str
    doubt: str = ""


def fields(asset: Evidence) -> tuple[Field, ...]:
    """Give what an EPUB or PDF says of itself; of any other response, nothing."""
    read = _reader(asset)
    if read is None:
        return ()
    try:
        return tuple(read(asset.body))
    except _UNREADABLE:
        return ()


def is_looked_into(asset: Evidence) -> bool:
    """Tell whether a response is an EPUB or a PDF."""
    return _reader(asset) is not None


def metadata(asset: Evidence) -> bytes:
    """Give a smaller file of the same kind with the parts that were looked into; of an EPUB, its package documents."""
    if _reader(asset) is not _in_epub:
        return b"%PDF-1.7\n" + b"\n".join(_packets(asset.body)) + b"\n%%EOF\n"
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(asset.body)) as archive, zipfile.ZipFile(packed, "w") as smaller:
            smaller.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
            smaller.writestr(zipfile.ZipInfo(_CONTAINER), _part(archive, _CONTAINER))
            for _, name in _packages(archive):
                smaller.writestr(zipfile.ZipInfo(name), _part(archive, name))
    except _UNREADABLE:
        return b"PK\3\4 application/epub+zip"  # no more of it could be looked into either
    return packed.getvalue()


def _reader(asset: Evidence) -> Callable[[bytes], Iterator[Field]] | None:
    body, media_type = asset.body, asset.media_type
    if media_type == "application/epub+zip" or (body[:2] == b"PK" and b"application/epub+zip" in body[:100]):
        return _in_epub
    return _in_pdf if media_type == "application/pdf" or body[:5] == b"%PDF-" else None


def _xml(data: bytes) -> etree._Element | None:
    """Parse what may be sloppy XML; no entity is resolved, nothing is loaded."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    return etree.fromstring(data.strip(), parser)


def _in_epub(body: bytes) -> Iterator[Field]:
    """Find the OPF documents by META-INF/container.xml and read their metadata; they cover the whole package."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for path, name in _packages(archive):
            package = _xml(_part(archive, name))
            if package is not None:
                yield from _in_package(package, path)


def _packages(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Give the path of each package document, and the name of its part."""
    container = _xml(_part(archive, _CONTAINER))
    paths = [] if container is None else [element.get("full-path") for element in container.iter("{*}rootfile")]
    for path in list(dict.fromkeys(filter(None, paths)))[:_MOST]:
        yield path, path if path in archive.NameToInfo else unquote(path)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(_LIMIT)


def _in_package(package: etree._Element, path: str) -> Iterator[Field]:
    declared = dict(_PREFIXES.findall(package.get("prefix") or ""))
    for metadata in package.iter("{*}metadata"):
        for meta in metadata.iter("{*}meta"):
            name, value = meta.get("name"), meta.get("content") or ""
            if name is None:
                name, value = meta.get("property") or "", "".join(str(piece) for piece in meta.itertext())
            prefix, colon, local = name.strip().partition(":")
            namespace = declared.get(prefix, "")
            doubt = ""
            if colon and meta.get("name") is None and _NAMESPACE(namespace):
                if namespace != _EPUB_NAMESPACE:
                    doubt = f"the prefix {prefix} stands for {namespace}, not {_EPUB_NAMESPACE}"
                name = f"tdm:{local}"
            elif meta.get("name") is None and colon:
                doubt = f"the package does not declare the prefix {prefix} for {_EPUB_NAMESPACE}"
            if name not in ("tdm:reservation", "tdm:policy"):
                doubt = doubt or "not tdm:reservation by the letter"
            if meta.get("refines"):
                doubt = "of a part of the package, by refines"
            if _RESERVATION(name.lower()) or _POLICY(name.lower()):
                yield Field(
                    _RESERVATION(name.lower()) is None, value.strip(), f"EPUB, {path[:200]}", _source(meta), doubt
                )


def _source(element: etree._Element) -> str:
    text = etree.tostring(element, encoding="unicode", with_tail=False)
    return _OTHER_XMLNS.sub("", text)[:_LONG]


def _in_pdf(body: bytes) -> Iterator[Field]:
    """Read all XMP packets: later updates of the file, and what is embedded in it, have packets of their own."""
    for packet in _packets(body):
        root = _xml(packet)
        for element in root.iter() if root is not None else ():
            if not isinstance(element.tag, str):
                continue
            if _is_xmp(element.tag):
                value = "".join(str(piece) for piece in element.itertext())
                yield _xmp(element.tag, value, _source(element))
            for name, given in element.items():
                if _is_xmp(str(name)):
                    yield _xmp(str(name), str(given), f'tdm:{str(name).rpartition("}")[2]}="{given!s}"')


def _is_xmp(tag: str) -> bool:
    namespace, _, local = tag[1:].rpartition("}")
    return local in ("reservation", "policy") and _NAMESPACE(namespace) is not None


def _xmp(tag: str, value: str, source: str) -> Field:
    namespace, _, local = tag[1:].rpartition("}")
    doubt = "" if namespace == _PDF_NAMESPACE else f"of the namespace {namespace}, not {_PDF_NAMESPACE}"
    return Field(local == "policy", value.strip(), "PDF, XMP", source[:_LONG], doubt)


def _packets(body: bytes) -> Iterator[bytes]:
    """Give the XMP packets that name TDMRep, from the plain text of a file and from its deflated metadata streams."""
    for text in (body, *_metadata_streams(body)):
        at = 0
        for _ in range(_MOST):
            found = text.find(b"/ns/tdmrep", at)
            if found < 0:
                break
            start, end = _around(text, max(at, found - _LIMIT), found)
            at = max(end, found + 1)
            if end:
                yield text[start:end]


def _around(text: bytes, before: int, found: int) -> tuple[int, int]:
    """Give start and end of the outermost element of XMP around a place; (0, 0) where there is none."""
    for name in _WRAPPERS:
        start = text.rfind(b"<" + name, before, found)
        closing = b"</" + name + b">"
        if start >= 0 and text.find(closing, start, found) < 0:
            end = text.find(closing, found, found + _LIMIT)
            if end >= 0:
                return start, end + len(closing)
    return 0, 0


def _metadata_streams(body: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MOST):
        at = body.find(b"/Metadata", at) + 9
        if at < 9:  # noqa: PLR2004 - find gave -1
            return
        start = body.rfind(b"<<", max(0, at - 1024), at)
        stream = body.find(b"stream", at, at + 1024)
        if start < 0 or stream < 0 or b"/FlateDecode" not in body[start:stream] or b"endobj" in body[at:stream]:
            continue
        data = stream + len(b"stream")
        data += 2 if body[data : data + 2] == b"\r\n" else 1
        try:
            yield zlib.decompressobj().decompress(body[data : data + _LIMIT], _LIMIT)
        except zlib.error:
            continue
