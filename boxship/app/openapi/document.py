"""The route tables of the Docker front end as an OpenAPI 3.1 document."""

import json
import re
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from boxship import __version__
from boxship.app.openapi.bodies import schemas
from boxship.app.openapi.reading import Told, read
from boxship.front.docker.app import TABLES
from boxship.front.rest import versions

Json = dict[str, Any]
DESCRIPTION = """The Docker Engine API as Boxship serves it, and what Boxship adds below `/boxship/`.

Every path may have a version before it, `/v1.43/containers/json`; without one the newest is meant. Where GET is
answered, so is HEAD. Bodies and answers have the shapes of the Docker Engine API of that version. Made from the code by
`make docs`."""
_VARIABLE = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_ANY = ("get", "post", "put", "delete")


def document() -> Json:
    """Return the document; every route of the application is in it, and nothing else."""
    paths: Json = {}
    bodies, components = schemas()
    for route in sorted(_routes(), key=lambda route: (route.path, route.method)):
        operations = paths.setdefault(_VARIABLE.sub(r"{\1}", route.path), {})
        for method in _methods(route):
            body = bodies.get((method, _VARIABLE.sub(r"{\1}", route.path)))
            operations[method] = _operation(route, method, body)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Boxship", "version": __version__, "description": DESCRIPTION, "license": {"name": "Apache-2.0"},
        },
        "servers": [
            {"url": "/", "description": "the newest version"},
            {
                "url": "/v{version}",
                "variables": {
                    "version": {
                        "default": versions.show(versions.NEWEST),
                        "description": f"{versions.show(versions.OLDEST)} to {versions.show(versions.NEWEST)}",
                    }
                },
            },
        ],
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR, **components}, "responses": {"Error": _ERROR_ANSWER}},
    }  # fmt: skip


_ERROR = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
_ERROR_ANSWER = {
    "description": "Refused, with a sentence: 400 what is wrong by itself, 404 what is not there, 409 what clashes "
    "with the present state, 501 what this host or release cannot do, 503 what belongs to a swarm.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _routes() -> Iterator[web.RouteDef]:
    for table in TABLES:
        for route in table:
            assert isinstance(route, web.RouteDef)
            yield route


def _methods(route: web.RouteDef) -> tuple[str, ...]:
    return _ANY if route.method == "*" else (route.method.lower(),)


def _operation(route: web.RouteDef, method: str, body: Json | None) -> Json:
    handler: Any = route.handler
    told = read(handler)
    module = handler.__module__.rpartition(".")[2]
    summary, _, more = (handler.__doc__ or "").strip().partition("\n")
    path = re.sub(r"\W+", "_", _VARIABLE.sub(r"\1", route.path)).lstrip("_")
    found: Json = {
        "operationId": f"{method}_{path or 'root'}",
        "tags": ["boxship" if route.path.startswith("/boxship/") else module],
        "summary": summary or f"{module}: {handler.__name__.replace('_', ' ')}",
        "parameters": [*_in_path(route.path), *_in_query(told)],
        "responses": {**{str(code): {"description": _WORDS.get(code, "Done")} for code in sorted(told.statuses)},
                      "default": {"$ref": "#/components/responses/Error"}},
    }  # fmt: skip
    if more.strip():
        found["description"] = " ".join(more.split())
    if told.body and method in ("post", "put"):
        kind = "application/json" if told.body == "json" else "application/octet-stream"
        schema = (body or {"type": "object"}) if told.body == "json" else {"type": "string", "format": "binary"}
        found["requestBody"] = {"content": {kind: {"schema": schema}}}
    return found


_WORDS = {
    101: "The connection becomes the streams", 200: "The answer", 201: "Made", 204: "Done", 304: "It is so already",
}  # fmt: skip


def _in_path(path: str) -> Iterator[Json]:
    for name, pattern in _VARIABLE.findall(path):
        schema: Json = {"type": "string"}
        if pattern and re.fullmatch(r"[\w|]+", pattern):
            schema["enum"] = pattern.split("|")
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(told: Told) -> Iterator[Json]:
    for name, kind in sorted(told.query.items()):
        schema: Json = {"type": kind}
        if kind == "array":
            schema["items"] = {"type": "string"}
        found: Json = {"name": name, "in": "query", "schema": schema}
        if name == "filters" and told.filters:
            found["description"] = f"JSON, key to list of values; keys: {', '.join(sorted(told.filters))}"
        yield found


def table() -> str:
    """Return the document as a page: one table for each tag."""
    rows: dict[str, list[str]] = {}
    for path, operations in document()["paths"].items():
        for method, operation in operations.items():
            query = ", ".join(f"`{p['name']}`" for p in operation["parameters"] if p["in"] == "query")
            line = f"| `{method.upper()} {path}` | {operation['summary']} | {query} |"
            rows.setdefault(operation["tags"][0], []).append(line)
    head = "| Call | What it does | Query |\n|---|---|---|\n"
    parts = [f"## {tag}\n\n{head}" + "\n".join(lines) for tag, lines in sorted(rows.items())]
    linked = f"{DESCRIPTION} [openapi.json](openapi.json) has the same for programs."
    return "\n\n".join(["# API", linked, *parts]) + "\n"


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
