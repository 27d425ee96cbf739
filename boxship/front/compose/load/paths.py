"""Relative paths of a tree made absolute. Pure: looks at no file, so links stay."""

import posixpath
from collections.abc import Callable
from typing import Any

from boxship.front.compose.load.errors import Path, Wrong
from boxship.front.compose.load.rules import Change, Rules, change

_REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
Absolute = Callable[[str], str]


def resolve(tree: dict[str, Any], directory: str, home: str) -> dict[str, Any]:
    """Return `tree` with paths taken from `directory`, and `~` from `home`; `directory` may be relative itself."""

    def absolute(path: str) -> str:
        return join(directory, path, home)

    change(tree, _rules(absolute))
    return tree


def join(directory: str, path: str, home: str) -> str:
    """Return `path` as seen from `directory`, tidied; "" stays "". Windows' absolute paths stay."""
    if path.startswith("~") and home:
        return posixpath.normpath(home + "/" + path[1:])
    if not path or posixpath.isabs(path) or _is_windows(path):
        return path
    return posixpath.normpath(posixpath.join(directory, path))


def _is_windows(path: str) -> bool:
    return path.startswith("\\\\") or (len(path) > 2 and path[0].isalpha() and path[1] == ":" and path[2] in "\\/")


def _rules(absolute: Absolute) -> Rules[Change]:
    def path_of(value: Any, path: Path) -> Any:
        return absolute(value) if isinstance(value, str) else value

    def context(value: Any, path: Path) -> Any:
        remote = isinstance(value, str) and ("://" in value or value.startswith(("service:", *_REMOTE)))
        return value if remote else path_of(value, path)

    def mount(value: Any, path: Path) -> Any:
        if isinstance(value, dict) and value.get("type") == "bind":
            if "source" not in value:
                raise Wrong('invalid mount config for type "bind": field Source must not be empty', path)
            value["source"] = path_of(value["source"], path)
        return value

    def local_volume(value: Any, path: Path) -> Any:
        options = value.get("driver_opts") if isinstance(value, dict) and value.get("driver") == "local" else None
        if isinstance(options, dict) and options.get("o") == "bind" and "device" in options:
            options["device"] = path_of(options["device"], path)
        return value

    return Rules(
        {
            "services.*.build.context": context,
            "services.*.build.additional_contexts.*": context,
            "services.*.build.ssh.*": path_of,
            "services.*.env_file.*.path": path_of,
            "services.*.label_file.*": path_of,
            "services.*.extends.file": path_of,
            "services.*.develop.watch.*.path": path_of,
            "services.*.volumes.*": mount,
            "configs.*.file": path_of,
            "secrets.*.file": path_of,
            "volumes.*": local_volume,
        }
    )
