"""What a handler takes and answers, read from its source: it cannot differ from what the handler does."""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

OURS = "boxship.front"
# How front/rest/query reads a value -> its type in the document.
KINDS = {
    "text": "string", "boolean": "boolean", "number": "integer", "required_number": "integer", "many": "array",
    "moment": "number", "seconds": "number", "integer": "integer",
}  # fmt: skip


@dataclass
class Told:
    """query: parameter -> type.  filters: keys of the parameter `filters`.  body: json, binary or "".

    statuses: of success; empty for handlers that only refuse."""

    query: dict[str, str] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)
    body: str = ""
    statuses: set[int] = field(default_factory=set)

    def asks(self, name: str, kind: str = "string") -> None:
        if self.query.get(name, "string") == "string":
            self.query[name] = kind


def read(handler: Callable[..., Any]) -> Told:
    """Return what `handler` and the functions of the front ends that it gives its request to look at."""
    told = Told()
    _Reader(told, set()).function(handler, "request", whole=True)
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    if not told.statuses and any(isinstance(node, ast.Return) for node in ast.walk(tree)):
        told.statuses.add(200)
    return told


class _Reader:
    def __init__(self, told: Told, seen: set[tuple[object, str]]) -> None:
        self._told, self._seen = told, seen

    def function(self, function: Callable[..., Any], name: str, *, whole: bool) -> None:
        """Read a function whose argument `name` is the request (`whole`) or its query."""
        if (function, name) in self._seen:
            return
        self._seen.add((function, name))
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        names = {**getattr(inspect.unwrap(function), "__globals__", {}), **_loops(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self._call(node, name, names, whole=whole)
            elif isinstance(node, ast.Subscript) and _is(node.value, name, whole=whole) and (word := _word(node.slice)):
                self._told.asks(word)
            elif isinstance(node, ast.Attribute) and whole and ast.unparse(node) in (f"{name}.content", f"{name}.read"):
                self._told.body = self._told.body or "binary"

    def _call(self, node: ast.Call, name: str, names: dict[str, Any], *, whole: bool) -> None:
        target = ast.unparse(node.func)
        self._answers(node, target)
        if target == "body.read":
            self._told.body = "json"
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "getall"):
            if _is(node.func.value, name, whole=whole) and node.args and (word := _word(node.args[0])):
                self._told.asks(word, "array" if node.func.attr == "getall" else "string")
            return
        for position, argument in enumerate(node.args):
            if whole and isinstance(argument, ast.Name) and argument.id == name:
                self._given(node, target, names, position, whole=True)
            elif _is(argument, name, whole=whole):
                self._given(node, target, names, position, whole=False)

    def _given(self, node: ast.Call, target: str, names: dict[str, Any], position: int, *, whole: bool) -> None:
        """The request or its query goes to another function: a reader of one value, or one to read as well."""
        last = target.rpartition(".")[2]
        words = [word for argument in node.args if (word := _word(argument))]
        if target == "filters.of":
            self._told.asks("filters")
            self._told.filters |= {key for argument in node.args[1:] for key in _keys(argument, names)}
        elif words and (last in KINDS or not whole):
            self._told.asks(words[0], KINDS.get(last.lstrip("_"), "string"))
        elif last in KINDS and isinstance(node.args[1] if len(node.args) > 1 else None, ast.Name):
            for word in _bound(node.args[1], names):
                self._told.asks(word, KINDS[last])
        function = _found(target, names)
        if function is not None and not words:
            parameters = list(inspect.signature(function).parameters)
            if position < len(parameters):
                self.function(function, parameters[position], whole=whole)

    def _answers(self, node: ast.Call, target: str) -> None:
        status = next((_number(k.value) for k in node.keywords if k.arg == "status"), 0)
        if target == "body.reply":
            self._told.statuses.add(status or 200)
        elif target == "body.empty":
            self._told.statuses.add((_number(node.args[0]) if node.args else 0) or status or 204)
        elif target == "hijack.take_over":
            self._told.statuses |= {101, 200}
        elif target in ("web.Response", "web.StreamResponse", "jsonstream.open") and status < 400:
            self._told.statuses.add(status or 200)


def _is(node: ast.AST, name: str, *, whole: bool) -> bool:
    """Whether `node` is the query."""
    return ast.unparse(node) == (f"{name}.query" if whole else name)


def _word(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _number(node: ast.AST) -> int:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else 0


def _bound(node: ast.AST, names: dict[str, Any]) -> Iterable[str]:
    """Return the words that a name stands for: a constant of the module, or what a loop goes through."""
    value = names.get(node.id) if isinstance(node, ast.Name) else None
    return [value] if isinstance(value, str) else value.words if isinstance(value, _Loop) else []


class _Loop(NamedTuple):
    words: list[str]


def _loops(tree: ast.AST) -> dict[str, _Loop]:
    """Return name -> words for `for name in ("t", "extrahosts")` and the like."""
    sets: dict[str, list[str]] = {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and (words := _words(node.value)):
            sets[node.targets[0].id] = words
    for node in ast.walk(tree):
        if isinstance(node, (ast.comprehension, ast.For)) and isinstance(node.target, ast.Name):
            known = sets.get(node.iter.id, []) if isinstance(node.iter, ast.Name) else _words(node.iter)
            if known:
                found[node.target.id] = _Loop(known)
    return found


def _words(node: ast.AST) -> list[str]:
    entries = node.elts if isinstance(node, (ast.Tuple, ast.Set, ast.List)) else []
    return [word for entry in entries if (word := _word(entry))]


def _keys(node: ast.AST, names: dict[str, Any]) -> Iterable[str]:
    value = _value(ast.unparse(node), names)
    return [key for key in value if isinstance(key, str)] if isinstance(value, (frozenset, set, tuple, dict)) else []


def _value(dotted: str, names: dict[str, Any]) -> Any:
    first, *rest = dotted.split(".")
    value = names.get(first, getattr(builtins, first, None))
    for part in rest:
        value = getattr(value, part, None)
    return value


def _found(target: str, names: dict[str, Any]) -> Callable[..., Any] | None:
    value = _value(target, names)
    if inspect.isfunction(value) and value.__module__.startswith(OURS):
        return value
    return None
