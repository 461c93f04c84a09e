"""Reading YAML, which alone knows the lines.

Values are read as YAML 1.2 has them: `22:00` and `yes` are text, not 1320 and true.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from modelmesh.config.document import Document
from modelmesh.config.faults import Fault, Path

_SCALARS: Final = (
    (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]{1,30}"), int),
    (re.compile(r"0x[0-9a-fA-F]{1,30}"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
# Aliases may name each other over and over until a few lines stand for billions of values.
_MOST_VALUES: Final = 200_000


def parse(text: str) -> Document:
    """Read a YAML text. A text that is no YAML gives an empty tree and the fault."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _Walk().document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = f"not valid YAML: {error.problem or error.context}"
        return _broken(words, mark.line + 1 if mark else None)
    except yaml.YAMLError:
        return _broken("not valid YAML: it has a character that YAML does not allow")
    except (RecursionError, _TooMuch):
        return _broken("too deeply nested, or aliases that multiply without end")


def _broken(message: str, line: int | None = None) -> Document:
    return Document(None, {(): line} if line else {}, (Fault((), message),))


class _TooMuch(Exception):  # noqa: N818 - it never leaves this module
    pass


class _Walk:
    """One way through the nodes of a text, gathering values, lines and keys given twice."""

    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}
        self._faults: list[Fault] = []
        self._values = 0

    def document(self, node: Node | None) -> Document:
        tree = self._value(node, ()) if node else None
        return Document(tree, self._lines, tuple(self._faults))

    def _value(self, node: Node, path: Path) -> Any:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise _TooMuch
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for source in _sources(value_node):
                    merged = {**self._mapping(source, path), **merged}
                continue
            key = self._key(key_node, path)
            if key in found:
                again = key_node.start_mark.line + 1
                words = f"given twice, here and on line {again}"
                self._faults.append(Fault((*path, key), words))
                continue
            self._lines[*path, key] = key_node.start_mark.line + 1
            found[key] = self._value(value_node, (*path, key))
        return {**merged, **found}

    def _key(self, node: Node, path: Path) -> Any:
        if isinstance(node, ScalarNode):
            return node.value
        self._faults.append(Fault(path, "a key must be text"))
        return ""

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self._faults.append(Fault(path, f"unknown tag {node.tag!r}"))
        if node.style is None:
            for pattern, read in _SCALARS:
                if pattern.fullmatch(node.value):
                    return read(node.value)
        return node.value


def _sources(node: Node) -> Iterator[MappingNode]:
    """Give the mappings a merge key (`<<`) brings in."""
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    return (source for source in nodes if isinstance(source, MappingNode))
