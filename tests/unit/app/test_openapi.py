"""The OpenAPI document and the application say the same."""

import re
from typing import Any

import pytest
from aiohttp import web

from boxship.app.openapi import document, reading
from boxship.front.docker.app import docker_app
from boxship.front.rest import body, query

DOCUMENT: dict[str, Any] = document.document()


def served() -> set[tuple[str, str]]:
    """What aiohttp's router has, asked of it and not of our tables."""
    found = set()
    for resource in docker_app({}).router.resources():
        told = resource.get_info()
        path = told.get("path") or told.get("formatter")
        for route in resource:
            methods = document._ANY if route.method == "*" else (route.method.lower(),)
            found |= {(method, str(path)) for method in methods}
    return found


def test_each_route_is_in_the_document_and_nothing_else() -> None:
    written = {(method, path) for path, operations in DOCUMENT["paths"].items() for method in operations}
    implied = {("head", path) for method, path in written if method == "get"}  # as the description says
    assert written - implied == served() - implied


def test_path_parameters_are_declared() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operations in DOCUMENT["paths"].values() for operation in operations.values()]
    assert len(ids) == len(set(ids))


def test_the_page_has_each_call() -> None:
    page = document.table()
    for path, operations in DOCUMENT["paths"].items():
        assert all(f"`{method.upper()} {path}`" in page for method in operations)


QUERIES = {
    ("post", "/build"): {"t", "extrahosts", "dockerfile", "buildargs", "target", "remote", "nocache"},
    ("get", "/containers/json"): {"all", "limit", "size", "filters"},
    ("post", "/containers/{ref}/attach"): {"stdin", "stdout", "stderr", "stream", "logs", "detachKeys"},
    ("get", "/events"): {"since", "until", "filters"},
    ("delete", "/containers/{ref}"): {"force", "v", "link"},
}


@pytest.mark.parametrize(("method", "path"), QUERIES)
def test_query_parameters_are_read_from_handlers(method: str, path: str) -> None:
    found = {p["name"] for p in DOCUMENT["paths"][path][method]["parameters"] if p["in"] == "query"}
    assert QUERIES[method, path] <= found


def test_bodies_and_statuses() -> None:
    made = DOCUMENT["paths"]["/containers/create"]["post"]
    assert made["requestBody"]["content"]["application/json"]
    assert set(made["responses"]) == {"201", "default"}
    assert set(DOCUMENT["paths"]["/exec/{id}/start"]["post"]["responses"]) == {"101", "200", "default"}
    assert set(DOCUMENT["paths"]["/swarm"]["get"]["responses"]) == {"default"}


async def _handler(request: web.Request) -> web.Response:
    asked = await body.read(request)
    if query.boolean(request, "loud"):
        return body.empty()
    return body.reply([request.query.get(name) for name in ("one", "two")] + [asked], status=201)


def test_reading_one_handler() -> None:
    told = reading.read(_handler)
    assert (told.query["loud"], told.body, told.statuses) == ("boolean", "json", {201, 204})
