"""Where in its file a key stands. Read again only when an error has to be told, so that it costs nothing before."""

from yaml.nodes import MappingNode, Node, SequenceNode

from boxship.front.compose.load.errors import Path
from boxship.front.compose.load.yaml import nodes


def line_of(text: str, path: Path) -> tuple[int, int]:
    """Return (how many parts of `path` were found, line of the deepest of them, from 1) in YAML `text`."""
    best = (0, 1)
    for node in nodes(text, ""):
        found = _walk(node, path)
        if found > best:
            best = found if found[0] else best
    return best


def _walk(node: Node, path: Path) -> tuple[int, int]:
    depth, line = 0, node.start_mark.line + 1
    for part in path:
        step = _step(node, part)
        if step is None:
            break
        depth, line, node = depth + 1, step[0], step[1]
    return depth, line


def _step(node: Node, part: str | int) -> tuple[int, Node] | None:
    if isinstance(node, SequenceNode):
        index = int(part) if str(part).isdigit() else -1
        if 0 <= index < len(node.value):
            child: Node = node.value[index]
            return child.start_mark.line + 1, child
        return _listed(node, str(part))
    if not isinstance(node, MappingNode):
        return None
    for key, value in node.value:
        if key.value == part:
            return key.start_mark.line + 1, value
    for key, value in node.value:
        if key.value == "<<":
            for merged in value.value if isinstance(value, SequenceNode) else [value]:
                found = _step(merged, part)
                if found:
                    return found
    return None


def _listed(node: SequenceNode, part: str) -> tuple[int, Node] | None:
    """Find the entry `part` or `part=value` of a list that was read as a mapping."""
    for child in node.value:
        if isinstance(child.value, str) and child.value.partition("=")[0] == part:
            return child.start_mark.line + 1, child
    return None
