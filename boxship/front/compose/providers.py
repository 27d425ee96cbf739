"""Services that a program beside us provides: it is told up, down and stop, and tells back variables for dependents.

Source: docker compose, docs/extension.md.
"""

import json
from collections.abc import Mapping
from typing import Any

from boxship.base.errors import Invalid, PlatformError
from boxship.front.client import program
from boxship.front.compose.model import Project, Provider
from boxship.front.compose.plan.provide import Told
from boxship.front.compose.plan.steps import Provide
from boxship.front.compose.progress import Board


def run(project: Project, action: Provide, board: Board, environ: Mapping[str, str]) -> Told | None:
    """Have one command carried out; None when the program has no such one. Raises PlatformError, NotFound, Invalid."""
    service = project.everything[action.service]
    provider = service.provider
    if provider is None:
        raise Invalid(f"services.{service.name} has no provider")
    path = _path(service.name, provider, environ)
    known = _known(path, environ)
    if action.command == "stop" and "stop" not in known:
        return None
    words = command(project.name, service.name, provider, action.command, known)
    told = Told({}, {})
    for line in program.lines((path, *words), environ):
        if line.strip():
            _take(service.name, line, told, board, action)
    return told


def _path(name: str, provider: Provider, environ: Mapping[str, str]) -> str:
    if provider.type == "compose":
        raise Invalid(f"services.{name}.provider.type: compose is no provider")
    try:
        return program.find(provider.type, environ)
    except PlatformError as error:
        raise type(error)(f"services.{name}.provider.type: {error}") from None


def _known(path: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the program says of itself; {} when it says nothing, as it may."""
    try:
        found = json.loads(program.output((path, "compose", "metadata"), environ))
    except (PlatformError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def command(project: str, service: str, provider: Provider, name: str, known: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words behind the program's name. known: what it says of its commands; options that it does not name
    are left out. Raises Invalid for one that it must have. Pure."""
    described = known.get("description") or any((known.get(one) or {}).get("parameters") for one in ("up", "down"))
    parameters = {one["name"]: one for one in (known.get(name) or {}).get("parameters") or ()}
    for key, parameter in parameters.items():
        if parameter.get("required") and key not in provider.options:
            raise Invalid(f"services.{service}.provider.options: {provider.type} requires {key!r} for {name}")
    given = [(key, value) for key, values in provider.options.items() for value in values]
    if described and name == "up" and (unknown := [key for key, _ in given if not _anywhere(known, key)]):
        raise Invalid(f"services.{service}.provider.options.{unknown[0]}: {provider.type} knows no such option")
    options = [f"--{key}={value}" for key, value in given if not described or key in parameters]
    return ("compose", f"--project-name={project}", name, *options, service)


def _anywhere(known: Mapping[str, Any], key: str) -> bool:
    commands = [known.get(name) or {} for name in ("up", "down", "stop")]
    return any(one["name"] == key for found in commands for one in found.get("parameters") or ())


def _take(name: str, line: bytes, told: Told, board: Board, action: Provide) -> None:
    """Take one message. Raises PlatformError for what tells of a failure, or is no message."""
    try:
        message = json.loads(line)
        kind, text = message["type"], str(message["message"])
    except (ValueError, KeyError, TypeError) as error:
        shown = line.decode(errors="replace").strip()
        raise PlatformError(f"services.{name}.provider: what it says is no message: {shown}") from error
    if kind == "error":
        raise PlatformError(f"service {name}: {text}")
    if kind == "info":
        board.tell(action.about, text.partition("\n")[0])
    elif kind in ("setenv", "rawsetenv"):
        key, sign, value = text.partition("=")
        if not sign:
            raise PlatformError(f"services.{name}.provider: {kind} wants NAME=value, not {text!r}")
        (told.prefixed if kind == "setenv" else told.raw)[key] = value
    elif kind != "debug":
        raise PlatformError(f"services.{name}.provider: unknown type of message {kind!r}")
