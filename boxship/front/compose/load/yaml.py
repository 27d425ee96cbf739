"""YAML text in, plain dictionaries and lists out, read as docker compose's YAML reader reads it. Pure.

That is YAML 1.2's core schema with Go's additions (`0777` and `1_000` are numbers), `<<` merges, no key twice, only
text as keys, and the tags !reset and !override, whose places are told apart from the tree.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from boxship.front.compose.load.errors import Path, Unreadable

MOST_NODES = 2_000_000  # a file with aliases of aliases can mean more than any memory holds
_PLAIN = "plain"
_CORE = "tag:yaml.org,2002:"
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_SPECIAL = re.compile(r"^(?:([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
_INTEGER = re.compile(r"^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$")
_MAYBE_NUMBER = frozenset("-+.0123456789")


class Document(NamedTuple):
    """tree: what it says. resets: places tagged !reset or !override, where nothing of earlier files is left."""

    tree: Any
    resets: tuple[Path, ...]


class _Parser(CParser):
    """libyaml's parser and composer, with nothing resolved: most values of a compose file are text anyway."""

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else f"{_CORE}str"
        return f"{_CORE}map" if kind is MappingNode else f"{_CORE}seq"

    def descend_resolver(self, current: Any, index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


def nodes(text: str, name: str) -> Iterator[Node]:
    """Yield the node of each document. Raises Unreadable."""
    parser = _Parser(text)
    try:
        while parser.check_node():
            node = parser.get_node()
            assert node is not None  # check_node said that there is one
            yield node
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        raise Unreadable(f"{place}: {e.problem or e.context}") from None
    except (yaml.YAMLError, UnicodeError) as e:
        raise Unreadable(f"{name}: {e}") from None


def parse(text: str, name: str) -> list[Document]:
    """Return the documents of one file; `name` is for errors. Raises Unreadable with file and line."""
    found = []
    for node in nodes(text, name):
        builder = _Builder(name)
        found.append(Document(builder.build(node, ()), tuple(builder.resets)))
    return found


class _Builder:
    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._open: set[int] = set()
        self.resets: list[Path] = []

    def build(self, node: Node, path: Path) -> Any:
        """Return the value of `node`; aliases give a copy each, since merging changes trees in place."""
        if node.tag == "!reset":
            self.resets.append(path)
            return _GONE
        if node.tag == "!override":
            self.resets.append(path)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._count += 1
        if id(node) in self._open:
            raise self._wrong(node, "an alias contains itself")
        if self._count > MOST_NODES:
            raise self._wrong(node, "aliases make this file too large")
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node.value, path)
        self._open.discard(id(node))
        return value

    def _sequence(self, items: list[Node], path: Path) -> list[Any]:
        built = (self.build(item, (*path, index)) for index, item in enumerate(items))
        return [value for value in built if value is not _GONE]

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merges: list[Node] = []
        lines: dict[str, Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _PLAIN and key_node.value == "<<":
                merges.append(value_node)
                continue
            key = self._key(key_node, path)
            if key in lines:
                first = lines[key].start_mark.line + 1
                raise self._wrong(key_node, f'mapping key "{key}" already defined at line {first}')
            lines[key] = key_node
            value = self.build(value_node, (*path, key))
            if value is not _GONE:
                found[key] = value
        for merge in merges:
            self._merge(found, merge, path)
        return found

    def _merge(self, found: dict[str, Any], node: Node, path: Path) -> None:
        """Add what `<<` names; what the mapping says itself goes first, then earlier mappings of a list."""
        sources = node.value if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                raise self._wrong(source, "map merge requires map or sequence of maps as the value")
            for key, value in self.build(source, path).items():
                found.setdefault(key, value)

    def _key(self, node: Node, path: Path) -> str:
        key = self._scalar(node) if isinstance(node, ScalarNode) else None
        if not isinstance(key, str):
            where = f"in {'.'.join(map(str, path))}" if path else "at top level"
            shown = node.value if isinstance(node, ScalarNode) else "a collection"
            raise self._wrong(node, f'non-string key {where}: {shown} (put it in quotes: "{shown}")')
        return key

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag == _PLAIN:
            return plain(node.value)
        if not node.tag.startswith(_CORE):
            return node.value if node.style else plain(node.value)
        read = _TAGGED.get(node.tag.removeprefix(_CORE))
        try:
            return read(node.value) if read else node.value
        except (ValueError, KeyError):
            kind = node.tag.removeprefix(_CORE)
            raise self._wrong(node, f"cannot decode !!str `{node.value}` as a !!{kind}") from None

    def _wrong(self, node: Node, text: str) -> Unreadable:
        return Unreadable(f"{self._name}:{node.start_mark.line + 1}: {text}")


_GONE = object()


def plain(text: str) -> Any:
    """Return what an unquoted scalar stands for: None, a boolean, a number, or the text itself."""
    first = text[:1]
    if first in _MAYBE_NUMBER and first:
        return _number(text)
    if text in _NULL:
        return None
    return _BOOLEAN.get(text, text)


def _number(text: str) -> Any:
    bare = text.replace("_", "")
    if _INTEGER.match(bare):
        return _integer(bare)
    if _FLOAT.match(bare) and not (bare != text and not text[0].isdigit()):
        value = float(bare)
        return text if value in (float("inf"), float("-inf")) else value
    special = _SPECIAL.match(text)
    if special:
        return float("nan") if "n" in text.lower().replace("inf", "") else float(f"{special[1] or ''}inf")
    return text


def _integer(text: str) -> int | float:
    """Return what fits into 64 bits as a whole number, more as Go does: as a float."""
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = sign * int(digits, 8 if octal else 0)
    return value if -(2**63) <= value < 2**64 else float(value)


_TAGGED: dict[str, Callable[[str], Any]] = {
    "int": lambda text: _integer(text.replace("_", "")),
    "float": float,
    "bool": lambda text: _BOOLEAN[text],
    "null": lambda text: None,
}
