"""YAML with line numbers: each entry of a document as plain values, and the line of each of its keys.

Rule of this file: it knows YAML, not what an entry means. Scalars stay the text that was written, so that 058 is no
number and a date no object; only null, true and false are what they are. Aliases and double keys are refused: the one
can make a small file large, the other hides a value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from optout_middleware.terms import OptOutError

_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_TRUE = ("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON")


class YamlError(OptOutError):
    """A document that is no YAML that we read; with the line where it stops being so."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


class Entry(NamedTuple):
    """One item of a section: its values (of any form), its line, and the line of each key where it is a mapping."""

    section: str
    values: Any
    line: int
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(AliasEvent):
            raise YamlError(self.line + 1, "aliases (*NAME) are not read: write the value out")
        return super().compose_node(parent, index)


def entries_of(text: str) -> list[Entry]:
    """Read a document whose top is a mapping of section -> list of entries, or section -> one value.

    Raises:
        YamlError: it is no YAML, or its top is no mapping.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is None:
            return []
        if not isinstance(root, MappingNode):
            raise YamlError(_line(root), "the document is no mapping of sections, as licences: [...]")
        found = []
        for key, node in _items(root):
            items = node.value if isinstance(node, SequenceNode) else [node]
            for item in items:
                lines = {name: _line(value) for name, value in _items(item)} if isinstance(item, MappingNode) else {}
                found.append(Entry(key, _plain(item), _line(item), lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise YamlError(1, f"no YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise YamlError(1, "nested too deeply") from None
    return found


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _items(node: MappingNode) -> list[tuple[str, Node]]:
    seen: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise YamlError(_line(key), "a key is a word")
        if key.value in seen:
            raise YamlError(_line(key), f"the key {key.value!r} stands twice")
        seen[key.value] = value
    return list(seen.items())


def _plain(node: Node) -> Any:
    if isinstance(node, ScalarNode):
        if node.tag == _NULL:
            return None
        return node.value in _TRUE if node.tag == _BOOL else node.value
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, MappingNode):
        return {key: _plain(value) for key, value in _items(node)}
    raise YamlError(_line(node), "not read")
