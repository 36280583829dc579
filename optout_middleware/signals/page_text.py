"""The words that an HTML page says itself, and its tags, in one pass over the text.

Rule of this file: no tree is built, since nesting costs a parser quadratic time; each octet is looked at a bounded
number of times. What is quoted, sampled or not shown is left out: `blockquote`, `q`, `code`, scripts, styles and the
like.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A comment, a tag, or what else begins so (HTML section 13.2.5); what is not closed runs to the end.
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][^\s/>]*)([^>]*)(?:>|\Z)|<[!?/][^>]*(?:>|\Z)", re.DOTALL)
_RAW = {name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in ("script", "style", "title", "textarea")}
_HIDDEN = frozenset({"template", "noscript", "blockquote", "q", "code"})
_INLINE = frozenset({"q", "code"})  # hidden no further than the block that they stand in
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "button", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "label",
    "li", "main", "nav", "ol", "option", "p", "section", "summary", "table", "td", "th", "tr", "ul",
})  # fmt: skip
_BLOCK = "\0"


def page_text(body: bytes) -> str:
    """Give the words of a page in UTF-8, spaces joined, with an empty line wherever a block begins or ends."""
    return html.unescape(" ".join("".join(_pieces(body)).split()).replace(_BLOCK, "\n\n"))


def tags(text: str) -> Iterator[tuple[re.Match[str], bool, str]]:
    """Give each tag of a page in order: the match, whether it ends an element, its name in lower case.

    Comments and the like have no name. What stands in scripts, styles, titles and text areas has no tags.
    """
    at = 0
    while (match := _TAG.search(text, at)) is not None:
        name = (match[2] or "").lower()
        yield match, bool(match[1]), name
        at = match.end()
        if name in _RAW and not match[1]:
            end = _RAW[name].search(text, at)
            at = end.start() if end is not None else len(text)


def _pieces(body: bytes) -> Iterator[str]:
    text = body.decode("utf-8", "replace").replace(_BLOCK, " ")
    at, depth, hiding, raw = 0, 0, "", False
    for match, is_end, name in tags(text):
        if not depth and not raw:
            yield text[at : match.start()]
        at, raw = match.end(), name in _RAW and not is_end
        is_block = name in _BLOCKS
        if depth and is_block and hiding in _INLINE:
            depth = 0
        if name == hiding and depth:
            depth += -1 if is_end else 1
        elif name in _HIDDEN and not depth and not is_end:
            depth, hiding = 1, name
        yield _BLOCK if is_block else " "
    if not depth and not raw:
        yield text[at:]
