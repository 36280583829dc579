"""JSON-LD in an HTML response: its scripts found, read and tied together.

Rule of this file: what a page states in `<script type="application/ld+json">` (JSON-LD 1.1 section 7), as plain values;
which of it are credits is for `schema_org` to say. Nothing is raised, time is linear in the input.

Facts: most pages have no such script, so telling that costs a search for its type. Of those that have one, some are no
JSON; what is mended here are the faults that leave one meaning only: trailing commas, control characters, comment and
CDATA marks around the whole, a semicolon at the end.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# As the type is written; "+" is a character reference in what some page templates put out.
_MARKS = (b"application/ld+json", b"application/ld&#", b"APPLICATION/LD+JSON")
_TOKEN = re.compile(rb"<(?:!--|(script|style|textarea|title|xmp|iframe|noframes)(?=[\s/>]))", re.IGNORECASE)
_TAG_END = re.compile(rb"(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_IS_JSON_LD = re.compile(
    rb"""(?:^|[\s"'/])type\s*=\s*["']?\s*application/ld(?:\+|&\#(?:43|x2b);|&plus;)json(?![\w.+-])""",
    re.IGNORECASE | re.VERBOSE,
).search
_MOST_BYTES = 4_000_000  # of scripts of one page that are read
_MOST_SCRIPTS = 200
_LONGEST_TAG = 4096  # bytes of a start tag

# Outside of strings a comma before a closing bracket, and marks of comments and CDATA sections, mean nothing. A string
# that does not end is one match too, so that the time stays linear.
_MENDED = re.compile(
    r"\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|(,)(?=\s*[}\]])|(?://|/\*)?[ \t]*<!\[CDATA\[(?:[ \t]*\*/)?"
    r"|(?://|/\*)?[ \t]*\]\]>(?:[ \t]*\*/)?|(?://)?[ \t]*(?:<!--|-->)",
    re.DOTALL,
)
_PREFIXED_KEY = re.compile(r"\"(?:schema:|https?://(?:www\.)?schema\.org/)(\w+)\"(?=\s*:)")
_DECODE = json.JSONDecoder(strict=False).decode

_DEEPEST = 64  # levels that are searched for nodes
_MOST_NODES = 50_000
_MOST_VALUES = 500  # of one property
Node = dict[str, Any]


def is_marked(body: bytes) -> bool:
    """Tell whether a page can have JSON-LD; a search from its end takes half the time of one from its start."""
    one, two, three = _MARKS
    return body.rfind(one) >= 0 or body.rfind(two) >= 0 or body.rfind(three) >= 0


def documents(body: bytes, charset: str | None = None) -> list[Any]:
    """Read every JSON-LD script of a page that can be read, in their order."""
    found: list[Any] = []
    left = _MOST_BYTES
    for script in _scripts(body):
        left -= len(script)
        if left < 0 or len(found) == _MOST_SCRIPTS:
            break
        document = parsed(decoded(script, charset))
        if document is not None:
            found.append(document)
    return found


def decoded(data: bytes, charset: str | None) -> str:
    """Decode text that is UTF-8, or else of the given charset, or else Windows-1252 as far as it goes."""
    for encoding in ("utf-8-sig", charset):
        if encoding:
            try:
                return data.decode(encoding)
            except (LookupError, ValueError):
                continue
    return data.decode("cp1252", "replace")


def parsed(text: str) -> Any:
    """Read one JSON-LD document, mended where it must be; None where it cannot be read."""
    if "schema:" in text or "schema.org/" in text:
        text = _PREFIXED_KEY.sub(r'"\1"', text)
    try:
        return _DECODE(text)
    except (ValueError, RecursionError):
        pass
    mended = _MENDED.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
    try:
        return _DECODE(mended.strip("\ufeff \t\r\n;"))
    except (ValueError, RecursionError):
        return None


def _scripts(body: bytes) -> Iterator[bytes]:
    """Give the content of the JSON-LD scripts; those in comments and in elements of raw text are no elements."""
    at, lower, unclosed = 0, body.lower(), False
    last = max(lower.rfind(mark) for mark in _MARKS[:2])
    while token := _TOKEN.search(body, at, last):
        name = (token[1] or b"").lower()
        if not name:
            # An unclosed comment hides the rest of a page from browsers; here the rest is read all the same.
            end = -1 if unclosed else body.find(b"-->", token.end() - 2)
            unclosed = end < 0
            at = token.end() if unclosed else end
            continue
        tag = _TAG_END.match(body, token.end(), token.end() + _LONGEST_TAG)
        at = tag.end() if tag else token.end()
        end = lower.find(b"</" + name, at)
        if tag and name == b"script" and _IS_JSON_LD(tag[0]):
            yield body[at : end if end >= 0 else len(body)]
        if end < 0:
            return
        at = end


class Graph:
    """The nodes of all documents of a page, with references by "@id" resolved."""

    def __init__(self, documents: list[Any]) -> None:
        self._documents = documents
        self._by_id: dict[str, Node] | None = None
        self.roots = list(self._roots())

    def values(self, node: Node, *keys: str) -> list[Any]:
        """Give the values of properties, lists flattened and references resolved."""
        stack = [node[key] for key in reversed(keys) if key in node]
        if not stack:
            return stack
        found: list[Any] = []
        while stack and len(found) < _MOST_VALUES:
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(reversed(value[:_MOST_VALUES]))
            elif isinstance(value, dict):
                inner = value.get("@list", value.get("@set"))
                if isinstance(inner, list):
                    stack.append(inner)
                else:
                    found.append(self._resolved(value))
            elif value is not None and value != "":
                found.append(value)
        return found

    def texts(self, node: Node, *keys: str) -> list[str]:
        """Give the values of properties that are text."""
        return [text for value in self.values(node, *keys) if (text := text_of(value))]

    def nodes(self, node: Node, *keys: str) -> list[Node]:
        """Give the values of properties that are nodes."""
        return [value for value in self.values(node, *keys) if isinstance(value, dict)]

    def _roots(self) -> Iterator[Node]:
        stack, left = list(reversed(self._documents)), _MOST_NODES
        while stack and left:
            left -= 1
            value = stack.pop()
            if isinstance(value, list):
                stack.extend(reversed(value))
            elif isinstance(value, dict):
                graph = value.get("@graph")
                if isinstance(graph, (list, dict)):
                    stack.append(graph)
                if not isinstance(graph, (list, dict)) or "@type" in value:
                    yield value

    def _resolved(self, value: Node) -> Node:
        if len(value) > 2 or not isinstance(reference := value.get("@id"), str):  # noqa: PLR2004 - "@id" and "@type"
            return value
        if self._by_id is None:
            self._by_id = self._index()
        return self._by_id.get(reference, value)

    def _index(self) -> dict[str, Node]:
        index: dict[str, Node] = {}
        level = [document for document in self._documents if isinstance(document, (dict, list))]
        left = _MOST_NODES
        for _ in range(_DEEPEST):
            below: list[Any] = []
            for value in level:
                if isinstance(value, dict):
                    name = value.get("@id")
                    if isinstance(name, str) and len(value) > len(index.get(name, ())):
                        index[name] = value
                    below.extend(inner for inner in value.values() if isinstance(inner, (dict, list)))
                else:
                    below.extend(inner for inner in value if isinstance(inner, (dict, list)))
            left -= len(below)
            level = below
            if not below or left < 0:
                break
        return index


def text_of(value: Any) -> str:
    """Give a value as text; an empty string where it is none."""
    if isinstance(value, dict):
        value = value.get("@value")
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def types_of(node: Node) -> frozenset[str]:
    """Give the types of a node without their namespace."""
    types = node.get("@type")
    listed = types if isinstance(types, list) else [types]
    return frozenset(name.strip().rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in listed if isinstance(name, str))
