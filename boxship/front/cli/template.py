"""The part of Go's text/template that `--format` needs, read into a tree and rendered. Pure.

Fields (also of maps with dots in brackets by `index`), pipelines, parentheses, variables, if/else if/else, range,
with, comments, trim markers and the functions in template_functions.py. Source: Go's text/template documentation.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from boxship.base.errors import Invalid
from boxship.front.cli.template_functions import FUNCTIONS, show, truth

_TAG = re.compile(
    r"(?s)(?P<left>\s*)\{\{(?P<trim>-\s)?(?P<body>(?:\"(?:\\.|[^\"])*\"|`[^`]*`|/\*.*?\*/|.)*?)(?P<end>\s-)?\}\}"
)
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)|(?P<path>\$?\w*(?:\.\w+)+|\.|\$\w*)'
    r"|(?P<word>\w+)|(?P<mark>:=|=|\||\(|\)|,))"
)  # fmt: skip

Token = tuple[str, str]


class Text(NamedTuple):
    text: str


class Print(NamedTuple):
    pipe: "Pipe"


class If(NamedTuple):
    pipe: "Pipe"
    body: "list[Node]"
    otherwise: "list[Node]"


class With(NamedTuple):
    pipe: "Pipe"
    body: "list[Node]"
    otherwise: "list[Node]"


class Range(NamedTuple):
    pipe: "Pipe"
    body: "list[Node]"
    otherwise: "list[Node]"


Node = Text | Print | If | With | Range
_BLOCKS: dict[str, type[If] | type[With] | type[Range]] = {"if": If, "with": With, "range": Range}


class Pipe(NamedTuple):
    """names: variables that get the value. commands: each gets the one before as its last argument."""

    names: tuple[str, ...]
    commands: "tuple[tuple[Operand, ...], ...]"


class Path(NamedTuple):
    """root: "" for the dot, "$" and "$x" for variables. fields: names below it."""

    root: str
    fields: tuple[str, ...]


class Literal(NamedTuple):
    value: Any


class Call(NamedTuple):
    name: str


Operand = Path | Literal | Call | tuple[Pipe, tuple[str, ...]]


def parse(text: str) -> list[Node]:
    """Return the tree of a template. Raises Invalid saying what cannot be understood."""
    return _Parser(_pieces(text)).nodes(())[0]


def render(tree: list[Node], data: Any) -> str:
    """Return the text of `tree` for `data`: plain dictionaries, lists, strings, numbers. Raises Invalid."""
    return _Renderer(data).nodes(tree, data)


def _pieces(text: str) -> list[tuple[str, str]]:
    """Cut into ("text", …) and ("tag", …), trimmed as the markers say."""
    pieces: list[tuple[str, str]] = []
    at, trim_next = 0, False
    for match in _TAG.finditer(text):
        before = text[at : match.start()] + match["left"]
        before = before.lstrip() if trim_next else before
        before = before.rstrip() if match["trim"] else before
        pieces += [("text", before), ("tag", match["body"].strip())]
        at, trim_next = match.end(), bool(match["end"])
    rest = text[at:].lstrip() if trim_next else text[at:]
    if "{{" in rest:
        raise Invalid("template parsing error: unclosed action")
    return [piece for piece in [*pieces, ("text", rest)] if not _says_nothing(*piece)]


def _says_nothing(kind: str, body: str) -> bool:
    return not body if kind == "text" else body.startswith("/*")


class _Parser:
    def __init__(self, pieces: list[tuple[str, str]]) -> None:
        self._pieces = pieces
        self._at = 0

    def nodes(self, ends: tuple[str, ...]) -> tuple[list[Node], str]:
        """Return the nodes up to a tag that begins with one of `ends`, and that tag."""
        found: list[Node] = []
        while self._at < len(self._pieces):
            kind, body = self._pieces[self._at]
            self._at += 1
            word = body.partition(" ")[0]
            if kind == "text":
                found.append(Text(body))
            elif word in ends:
                return found, body
            elif word in _BLOCKS:
                found.append(self._block(word, body[len(word) :]))
            elif word in ("end", "else", "define", "template", "block", "break", "continue"):
                raise Invalid(f"template parsing error: unexpected {{{{{word}}}}}")
            else:
                found.append(Print(_pipe(body)))
        if ends:
            raise Invalid("template parsing error: unexpected EOF, an {{end}} is missing")
        return found, ""

    def _block(self, word: str, rest: str) -> Node:
        body, end = self.nodes(("else", "end"))
        otherwise: list[Node] = []
        follow = end.removeprefix("else").strip()
        if end.startswith("else") and follow:
            inner = follow.partition(" ")[0]
            otherwise = [self._block(inner, follow[len(inner) :])]
        elif end.startswith("else"):
            otherwise, _ = self.nodes(("end",))
        return _BLOCKS[word](_pipe(rest), body, otherwise)


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise Invalid(f"template parsing error: unexpected {text[at:].strip()[:20]!r} in {{{{{text}}}}}")
        kind = match.lastgroup or ""
        glued = kind == "path" and tokens and tokens[-1] == ("mark", ")") and match.start(kind) == at
        tokens.append(("fields", match[kind]) if glued else (kind, match[kind]))
        at = match.end()
    return tokens


def _pipe(text: str) -> Pipe:
    tokens = _tokens(text)
    pipe, rest = _read_pipe(tokens)
    if rest or not pipe.commands:
        raise Invalid(f"template parsing error: cannot read {{{{{text.strip()}}}}}")
    return pipe


def _read_pipe(tokens: list[Token]) -> tuple[Pipe, list[Token]]:
    names: tuple[str, ...] = ()
    for index, token in enumerate(tokens):
        if token in (("mark", ":="), ("mark", "=")):
            names = tuple(word for kind, word in tokens[:index] if kind == "path")
            tokens = tokens[index + 1 :]
            break
    commands: list[tuple[Operand, ...]] = []
    operands: list[Operand] = []
    while tokens and tokens[0] != ("mark", ")"):
        if tokens[0] == ("mark", "|"):
            if not operands:
                raise Invalid("template parsing error: missing value for command")
            commands.append(tuple(operands))
            operands, tokens = [], tokens[1:]
            continue
        operand, tokens = _operand(tokens)
        operands.append(operand)
    if operands:
        commands.append(tuple(operands))
    return Pipe(names, tuple(commands)), tokens


def _operand(tokens: list[Token]) -> tuple[Operand, list[Token]]:
    (kind, word), rest = tokens[0], tokens[1:]
    if kind == "string":
        return Literal(word[1:-1] if word[0] == "`" else _unquote(word)), rest
    if kind == "number":
        return Literal(float(word) if "." in word else int(word)), rest
    if kind == "path":
        root, _, fields = word.partition(".")
        return Path(root, tuple(fields.split(".")) if fields else ()), rest
    if kind == "word":
        constants = {"true": True, "false": False, "nil": None}
        return (Literal(constants[word]) if word in constants else Call(word)), rest
    if word != "(":
        raise Invalid(f"template parsing error: unexpected {word!r}")
    pipe, rest = _read_pipe(rest)
    if not rest:
        raise Invalid("template parsing error: unclosed left paren")
    rest = rest[1:]
    if rest and rest[0][0] == "fields":
        return (pipe, tuple(rest[0][1].strip(".").split("."))), rest[1:]
    return (pipe, ()), rest


def _unquote(word: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), word[1:-1])


class _Renderer:
    def __init__(self, data: Any) -> None:
        self._variables: dict[str, Any] = {"$": data}

    def nodes(self, nodes: Sequence[Node], dot: Any) -> str:
        return "".join(self._node(node, dot) for node in nodes)

    def _node(self, node: Node, dot: Any) -> str:
        match node:
            case Text(text):
                return text
            case Print(pipe):
                value = self._pipe(pipe, dot)
                return "" if pipe.names else show(value)
            case If(pipe, body, otherwise):
                return self.nodes(body if truth(self._pipe(pipe, dot)) else otherwise, dot)
            case With(pipe, body, otherwise):
                value = self._pipe(pipe, dot)
                return self.nodes(body, value) if truth(value) else self.nodes(otherwise, dot)
            case Range():
                return self._range(node, dot)

    def _range(self, node: Range, dot: Any) -> str:
        value = self._pipe(node.pipe._replace(names=()), dot)
        if not truth(value):
            return self.nodes(node.otherwise, dot)
        pairs = sorted(value.items()) if isinstance(value, Mapping) else list(enumerate(value))
        parts = []
        for key, entry in pairs:
            bound = (entry,) if len(node.pipe.names) == 1 else (key, entry)
            self._variables.update(zip(node.pipe.names, bound, strict=False))
            parts.append(self.nodes(node.body, entry))
        return "".join(parts)

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = None
        for index, command in enumerate(pipe.commands):
            value = self._command(command, dot, [value] if index else [])
        for name in pipe.names:
            self._variables[name] = value
        return value

    def _command(self, command: tuple[Operand, ...], dot: Any, last: list[Any]) -> Any:
        first = command[0]
        if isinstance(first, Call):
            arguments = [*(self._value(operand, dot) for operand in command[1:]), *last]
            return _call(first.name, arguments)
        value = self._value(first, dot)
        if callable(value):
            return _applied(value, [*(self._value(operand, dot) for operand in command[1:]), *last])
        if len(command) > 1 or last:
            raise Invalid("template parsing error: can't give argument to non-function")
        return value

    def _value(self, operand: Operand, dot: Any) -> Any:
        if isinstance(operand, Literal):
            return operand.value
        if isinstance(operand, Call):
            return _call(operand.name, [])
        if isinstance(operand, Path):
            if operand.root and operand.root not in self._variables:
                raise Invalid(f"template parsing error: undefined variable {operand.root!r}")
            return _fields(self._variables[operand.root] if operand.root else dot, operand.fields)
        pipe, fields = operand
        return _fields(self._pipe(pipe, dot), fields)


def _fields(value: Any, names: Sequence[str]) -> Any:
    for name in names:
        if value is None:
            raise Invalid(f"template: nil pointer evaluating .{name}")
        if not isinstance(value, Mapping):
            raise Invalid(f"template: can't evaluate field {name} in {show(value)!r}")
        name = _spelled(name, value)
        if name not in value:
            raise Invalid(f'template: map has no entry for key "{name}"{_similar(name, value)}')
        value = value[name]
    return value


def _spelled(name: str, value: Mapping[str, Any]) -> str:
    """Go's own names write ID, CPUShares and APIVersion where the API writes Id, CpuShares and ApiVersion."""
    if name in value or not name[:1].isupper():
        return name
    return next((key for key in value if key.lower() == name.lower()), name)


def _similar(name: str, value: Mapping[str, Any]) -> str:
    guess = next((key for key in value if key.lower() == name.lower()), "")
    return f" (did you mean .{guess}?)" if guess else ""


def _call(name: str, arguments: list[Any]) -> Any:
    function = FUNCTIONS.get(name)
    if function is None:
        raise Invalid(f'template parsing error: function "{name}" not defined')
    return _applied(function, arguments, name)


def _applied(function: Callable[..., Any], arguments: list[Any], name: str = "a field") -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as e:
        raise Invalid(f"template: error calling {name}: {e}") from e
