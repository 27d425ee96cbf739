"""Docker's runner of models, as its client program tells of it. Source: docker compose, model.go."""

import json
from collections.abc import Mapping

from boxship.base.errors import PlatformError
from boxship.front.client import program
from boxship.front.compose.model import Project


def runner(environ: Mapping[str, str]) -> str:
    """Return the path of the program, "" where there is none."""
    return program.plugin("model", environ)


def prepare(project: Project, path: str) -> None:
    """Have docker's runner fetch and configure the models. Raises PlatformError."""
    environ = project.environment
    listed = json.loads(program.output((path, "ls", "--json"), environ) or "[]")
    there = {tag for one in listed for tag in one.get("tags") or ()}
    for model in project.models.values():
        if model.model not in there:
            program.output((path, "pull", model.model), environ)
        size = ("--context-size", str(model.context_size)) if model.context_size else ()
        flags = ("--", *model.runtime_flags) if model.runtime_flags else ()
        program.output((path, "configure", *size, model.model, *flags), environ)


def endpoint(project: Project, path: str) -> str:
    """Return where it answers. Raises PlatformError."""
    try:
        return str(json.loads(program.output((path, "status", "--json"), project.environment))["endpoint"])
    except (ValueError, KeyError, TypeError) as error:
        raise PlatformError(f"{path} status --json tells no endpoint") from error
