"""What the document says of bodies is what the handlers read: right values pass, a wrong type of any field does not."""

from collections.abc import Callable
from typing import Any

import pytest

from boxship.app.openapi import bodies, document, reading
from boxship.base.errors import Invalid
from boxship.engine.images.registry.auth import parse_credentials
from boxship.front.docker import artifacts, backups, mounts, ports
from boxship.front.docker.wire import config, create, execs, networks, volumes
from boxship.front.rest.version import NEWEST

Json = dict[str, Any]
Parse = Callable[[Json], Any]
SCHEMAS, COMPONENTS = bodies.schemas()
PARSERS: dict[str, Parse] = {
    "/containers/create": lambda body: create.parse(body, NEWEST),
    "/containers/{ref}/update": config.parse_update,
    "/containers/{ref}/exec": lambda body: execs.parse_create(body, NEWEST),
    "/exec/{id}/start": lambda body: execs.parse_start({"Tty": True, **body}, NEWEST),
    "/networks/create": lambda body: (networks.parse(body), networks.wants_unique(body, NEWEST)),
    "/networks/{ref}/connect": networks.parse_connect,
    "/networks/{ref}/disconnect": networks.parse_disconnect,
    "/volumes/create": volumes.parse,
    "/auth": parse_credentials,
    "/boxship/containers/{ref}/mounts": mounts.parse,
    "/boxship/containers/{ref}/ports": ports.parse,
    "/boxship/volumes/{name}/snapshot": lambda body: backups.fields(body, backups.SNAPSHOT),
    "/boxship/volumes/{name}/push": lambda body: backups.fields(body, backups.PUSH),
    "/boxship/volumes/{name}/restore": lambda body: backups.fields(body, backups.RESTORE),
    "/boxship/artifacts": artifacts.parse_artifact,
}
# what each needs besides, to be more than a set of types
BASE: dict[str, Json] = {
    "/containers/create": {"Image": "busybox"},
    "/containers/{ref}/exec": {"Cmd": ["true"]},
    "/networks/create": {"Name": "net"},
    "/networks/{ref}/connect": {"Container": "web"},
    "/networks/{ref}/disconnect": {"Container": "web"},
    "/boxship/containers/{ref}/mounts": {"Remove": ["/data"]},
    "/boxship/containers/{ref}/ports": {"From": "web"},
}
VALUES: Json = {
    "Isolation": "default", "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0, "IOMaximumBandwidth": 0,
    "Content": "eA==", "ContainerPort": "80/tcp", "HostPort": "8080", "MediaType": "text/plain", "Type": "volume",
    "BindOptions": None, "TmpfsOptions": None, "ImageOptions": None, "auth": "eDp5",
}  # fmt: skip
SAMPLES = {"string": "x", "integer": 1, "number": 1, "boolean": True}
WRONG: dict[str, Any] = {"string": 7, "integer": "x", "number": "x", "boolean": "x", "array": 7, "object": 7}


PATHS = [path for _, path in SCHEMAS]


def resolved(schema: Json) -> Json:
    if "anyOf" in schema:
        return resolved(schema["anyOf"][0])
    return COMPONENTS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def kinds(schema: Json) -> list[str]:
    kind = resolved(schema)["type"]
    return [one for one in (kind if isinstance(kind, list) else [kind]) if one != "null"]


def sample(schema: Json, name: str = "") -> Any:
    """Return a value of the type that a schema tells, with every property that it has."""
    if name in VALUES:
        return VALUES[name]
    schema = resolved(schema)
    match kinds(schema)[0]:
        case "object":
            more = schema.get("additionalProperties")
            known = {key: sample(part, key) for key, part in schema.get("properties", {}).items()}
            return {**known, **({"key": sample(more)} if more else {})}
        case "array":
            return [sample(schema["items"])] * schema.get("minItems", 1)
        case kind:
            return SAMPLES[kind]


def test_every_json_body_has_a_schema_and_every_schema_a_handler() -> None:
    taken = {
        (method, document._VARIABLE.sub(r"{\1}", route.path))
        for route in document._routes()
        for method in document._methods(route)
        if reading.read(route.handler).body == "json" and method in ("post", "put")  # type: ignore[arg-type]
    }
    assert taken == set(SCHEMAS)
    assert {path for _, path in SCHEMAS} == set(PARSERS)


def test_references_lead_somewhere() -> None:
    found = document.document()["components"]["schemas"]
    assert "HostConfig" in found or "Host" in found
    assert all(schema.get("type") == "object" for schema in found.values())


@pytest.mark.parametrize("path", PATHS)
def test_each_property_alone_is_taken(path: str) -> None:
    for name, schema in resolved(SCHEMAS["post", path])["properties"].items():
        PARSERS[path]({**BASE.get(path, {}), name: sample(schema, name)})


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_type_of_any_property_is_refused(path: str) -> None:
    for name, schema in resolved(SCHEMAS["post", path])["properties"].items():
        wrong = next(WRONG[kind] for kind in WRONG if kind in kinds(schema))
        with pytest.raises(Invalid):
            print(f"{path} takes {name}={wrong!r}:", PARSERS[path]({**BASE.get(path, {}), name: wrong}))


HOST = resolved(SCHEMAS["post", "/containers/create"]["properties"]["HostConfig"])["properties"]


@pytest.mark.parametrize("name", HOST)
def test_host_config(name: str) -> None:
    def host(value: Any) -> Any:
        return create.parse({"Image": "busybox", "HostConfig": {name: value}}, NEWEST)

    host(sample(HOST[name], name))
    with pytest.raises(Invalid):
        host(next(WRONG[kind] for kind in WRONG if kind in kinds(HOST[name])))


def test_all_that_create_knows_is_told() -> None:
    told = set(SCHEMAS["post", "/containers/create"]["properties"])
    assert told == set(config._KNOWN)
