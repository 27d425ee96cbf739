"""`extends`: a service that begins as a copy of another, of this file or of another one."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from boxship.front.compose.load.errors import Path, Wrong
from boxship.front.compose.load.merge import extend


class Other(NamedTuple):
    """Another file: its services in long forms with paths as seen from here, its name, and what it resets."""

    services: dict[str, Any]
    name: str
    resets: tuple[Path, ...]


Open = Callable[[str], Other]


def apply(tree: dict[str, Any], name: str, resets: tuple[Path, ...], other: Open) -> None:
    """Put every service that extends another in full. Raises Wrong for what is not there, and for circles."""
    services = tree.get("services")
    if services is None:
        return
    if not isinstance(services, dict):
        raise Wrong("services must be a mapping", ("services",))
    extender = _Extender(other)
    for key in list(services):
        services[key] = extender.full(key, Other(services, name, resets), ())


class _Extender:
    def __init__(self, other: Open) -> None:
        self._other = other

    def full(self, key: str, here: Other, seen: tuple[tuple[str, str], ...]) -> Any:
        """Return service `key` of the file `here`; seen: (file, service) that led here."""
        path: Path = ("services", key)
        service = here.services[key]
        if service is None:
            return None
        if not isinstance(service, dict):
            raise Wrong(f"services.{key} must be a mapping", path)
        extends = service.get("extends")
        if extends is None:
            return service
        wanted, file = (extends, None) if isinstance(extends, str) else (extends.get("service"), extends.get("file"))
        place = (here.name, key)
        if place in seen:
            raise Wrong(_circle((*seen[seen.index(place) :], place)), (*path, "extends"))
        there = self._other(str(file)) if file else here
        if wanted not in there.services:
            where = f" in {there.name}" if file else ""
            text = f'cannot extend service "{key}" in {here.name}: service "{wanted}" not found{where}'
            raise Wrong(text, (*path, "extends"))
        base = self.full(str(wanted), there, (*seen, place))
        if base is None:
            return {name: value for name, value in service.items() if name != "extends"}
        source = copy.deepcopy(base)
        _reset(source, key, here.resets)
        merged = extend(source, service)
        merged.pop("extends", None)
        here.services[key] = merged
        return merged


def _circle(places: tuple[tuple[str, str], ...]) -> str:
    first, *rest = [f"{service} in {name}" for name, service in places]
    return "\n  extends ".join(["Circular reference:\n  " + first, *rest])


def _reset(service: dict[str, Any], key: str, resets: tuple[Path, ...]) -> None:
    for path in resets:
        if path[:2] == ("services", key):
            remove(service, path[2:])


def remove(tree: Any, path: Path) -> None:
    """Take away what is at `path`, if there is anything."""
    for part in path[:-1]:
        if not isinstance(tree, dict) or part not in tree:
            return
        tree = tree[part]
    if path and isinstance(tree, dict):
        tree.pop(path[-1], None)
