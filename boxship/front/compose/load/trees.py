"""Files into one canonical tree: parse, interpolate, extend, include, merge, check, for each file in turn."""

import posixpath
from collections.abc import Mapping
from typing import Any, NamedTuple

from boxship.base.errors import Invalid, NotFound
from boxship.front.compose.load import extend, normalize, paths
from boxship.front.compose.load.consistency import resources
from boxship.front.compose.load.disk import Files
from boxship.front.compose.load.errors import Path, Wrong
from boxship.front.compose.load.forms.canonical import canonical
from boxship.front.compose.load.interpolate import interpolate
from boxship.front.compose.load.merge import merge, unique
from boxship.front.compose.load.options import is_remote, read_env
from boxship.front.compose.load.positions import line_of
from boxship.front.compose.load.versions import modern
from boxship.front.compose.load.yaml import Document, parse
from boxship.front.compose.schema.check import first_fault

_KINDS = ("services", "volumes", "networks", "secrets", "configs", "models")


class Place(NamedTuple):
    """Where files are read from. directory: absolute. relative: the same as written into paths."""

    directory: str
    relative: str
    environment: Mapping[str, str]


class Steps(NamedTuple):
    """Which steps are taken; `config` can leave them out."""

    interpolate: bool = True
    resolve_paths: bool = True


class Loader:
    """Loads the files of one project. sources: (name, text) of all files read. warnings: each once, in order."""

    def __init__(self, disk: Files, steps: Steps) -> None:
        self._disk = disk
        self._steps = steps
        self.sources: list[tuple[str, str]] = []
        self.warnings: dict[str, None] = {}

    def located(self, error: Wrong) -> Invalid:
        """Return `error` with the file and line that say most of its path."""
        best: tuple[int, int, str] = (-1, 1, self.sources[-1][0] if self.sources else "")
        for name, text in reversed(self.sources):
            depth, line = max(line_of(text, error.path), line_of(text, error.path[1:]))  # version 1 has no `services`
            if depth > best[0]:
                best = (depth, line, name)
        return Invalid(f"{best[2]}:{best[1]}: {error}")

    def load(self, files: tuple[str, ...], place: Place, including: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the tree of several files, one merged over the other."""
        tree: dict[str, Any] = {}
        for name in files:
            tree = self._file(name, tree, place, including)
        tree = normalize.defaults(tree)
        resources(tree)
        if self._steps.resolve_paths or including:
            paths.resolve(tree, place.relative or place.directory, self._disk.home)
        if self._steps.interpolate:
            _fill_in(tree, place.environment)
        return tree

    def _documents(self, name: str) -> list[Document]:
        text = self._disk.read(name)
        self.sources.append((name, text))
        return parse(text, name)

    def _file(self, name: str, tree: dict[str, Any], place: Place, including: tuple[str, ...]) -> dict[str, Any]:
        for document in self._documents(name):
            part = self._interpolated(modern(document.tree), place)
            extend.apply(part, name, document.resets, lambda other: self._other(other, place))
            for path in document.resets:
                extend.remove(tree, path)
            self._include(part, place, (*including, name))
            tree = unique(canonical(self._checked(merge(tree, part), name), lenient=not self._steps.interpolate))
        return tree

    def _interpolated(self, tree: dict[str, Any], place: Place) -> dict[str, Any]:
        if not self._steps.interpolate:
            return tree
        found: dict[str, Any] = interpolate(tree, place.environment.get, self._unset)
        return found

    def _unset(self, name: str) -> None:
        self.warnings[f'The "{name}" variable is not set. Defaulting to a blank string.'] = None

    def _checked(self, tree: dict[str, Any], name: str) -> dict[str, Any]:
        from boxship.front.compose.schema.shapes import FILE

        fault = first_fault(tree, FILE)
        if fault is not None:
            hint = f" (did you mean {fault.hint}?)" if fault.hint else ""
            raise Wrong(f"{fault.text}{hint}", fault.path)
        if tree.pop("version", None) is not None:
            self.warnings[f"{name}: the attribute `version` is obsolete, it will be ignored"] = None
        return tree

    def _other(self, file: str, place: Place) -> extend.Other:
        """Return another file's services for `extends`, as seen from `place`."""
        name = self._places(file, place)[0]
        if not self._disk.is_file(name):
            raise NotFound(f"cannot extend a service of {file}: no such file {name}")
        tree: dict[str, Any] = {}
        resets: list[Path] = []
        for document in self._documents(name):
            part = self._interpolated(modern(document.tree), place)
            resets += document.resets
            tree = unique(canonical(merge(tree, part), lenient=not self._steps.interpolate))
        if not isinstance(tree.get("services"), dict):
            raise Wrong(f"cannot extend a service of {name}: no services section")
        relative = posixpath.relpath(posixpath.dirname(name), place.directory)
        paths.resolve(tree, relative, self._disk.home)
        return extend.Other(tree["services"], name, tuple(resets))

    def _include(self, tree: dict[str, Any], place: Place, including: tuple[str, ...]) -> None:
        entries = tree.pop("include", None) or []
        if not isinstance(entries, list):
            raise Wrong("`include` must be a list", ("include",))
        for index, entry in enumerate(entries):
            long = {"path": entry} if isinstance(entry, str) else entry
            imported = self._included(long, place, including, ("include", index))
            _import(imported, tree, ("include", index))

    def _included(self, entry: dict[str, Any], place: Place, including: tuple[str, ...], path: Path) -> dict[str, Any]:
        files = tuple(path for file in _texts(entry.get("path")) for path in self._places(file, place))
        if not files:
            raise Wrong("include.path is required", path)
        if files[0] in including:
            raise Wrong("include cycle detected:\n" + "\n include ".join([*including, files[0]]), path)
        given = entry.get("project_directory")
        directory = posixpath.join(place.directory, given) if given else posixpath.dirname(files[0])
        directory = posixpath.normpath(directory)
        relative = directory if given and posixpath.isabs(given) else posixpath.relpath(directory, place.directory)
        if not self._steps.resolve_paths or place.relative:
            relative = posixpath.normpath(posixpath.join(place.relative, relative))
        else:
            relative = directory
        environment = self._include_env(_texts(entry.get("env_file")), directory, place)
        return self.load(files, Place(directory, relative, environment), including)

    def _places(self, file: str, place: Place) -> tuple[str, ...]:
        """Return the absolute paths of a file that another one names; of a published project there may be several."""
        if is_remote(file):
            return self._disk.fetched(file)
        return (posixpath.normpath(posixpath.join(place.directory, file)),)

    def _include_env(self, given: list[str], directory: str, place: Place) -> dict[str, str]:
        names = [posixpath.join(place.directory, name) for name in given]
        default = posixpath.join(directory, ".env")
        if not names and self._disk.is_file(default):
            names = [default]
        return {**read_env(names, place.environment, self._disk), **place.environment}


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _import(source: dict[str, Any], tree: dict[str, Any], path: Path) -> None:
    """Add what an included file defines. Raises Wrong where there is something else of the same name."""
    for kind in _KINDS:
        for name, value in (source.get(kind) or {}).items():
            there = tree.setdefault(kind, {})
            if name in there and there[name] != value:
                raise Wrong(f"{kind}.{name} conflicts with imported resource", (kind, name))
            there[name] = value


def _fill_in(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Give variables named without a value that of this environment, and configs and secrets their content."""
    for service in (tree.get("services") or {}).values():
        entries = service.get("environment") if isinstance(service, dict) else None
        if isinstance(entries, list):
            service["environment"] = [
                f"{entry}={environment[entry]}" if entry in environment else entry for entry in entries
            ]
    for kind in ("configs", "secrets"):
        for item in (tree.get(kind) or {}).values():
            if isinstance(item, dict) and item.get("environment") in environment:
                item["content"] = environment[item["environment"]]
