"""Schemas of JSON bodies, from the structs that handlers read them into, in Docker's spelling of their fields."""

import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from boxship.front.docker.wire import config, names
from boxship.model.container import ContainerSpec, HealthSpec, HostSpec, HostUpdate, MountSpec
from boxship.model.network import EndpointSpec, IpamPool

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
FLAG: Json = {"type": "boolean"}
TEXTS: Json = {"type": "array", "items": TEXT}
LABELS: Json = {"type": "object", "additionalProperties": TEXT}
SIZE: Json = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
# one string stands for a list of one
WORDS: Json = {"type": ["array", "string"], "items": TEXT}
# {"80/tcp": {}}, as Docker writes sets; a list serves too
MEMBERS: Json = {"type": ["object", "array"], "additionalProperties": {"type": "object"}}
_SCALARS = {str: "string", int: "integer", bool: "boolean", float: "number"}


class Components:
    """Schemas by their names; each struct becomes one."""

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}

    def of(self, hint: Any) -> Json:
        """Return the schema of a type, a reference where it is a struct."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            return _or_null(self.of(next(arg for arg in args if arg is not types.NoneType)))
        if hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        if origin is tuple:
            fixed = {} if args[-1] is ... else {"minItems": len(args), "maxItems": len(args)}
            return {"type": "array", "items": self.of(args[0]), **fixed}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        return self._struct(hint)

    def _struct(self, kind: type[msgspec.Struct]) -> Json:
        name = kind.__name__.removesuffix("Spec")
        if name not in self.schemas:
            self.schemas[name] = {}  # a struct may hold itself
            self.schemas[name] = _object(self.fields(kind), description=_words(kind.__doc__))
        return {"$ref": f"#/components/schemas/{name}"}

    def fields(self, kind: type[msgspec.Struct], leave_out: frozenset[str] = frozenset()) -> dict[str, Json]:
        hints = typing.get_type_hints(kind)
        return {
            names.docker_name(field.name): self._field(hints[field.name], field.default)
            for field in msgspec.structs.fields(kind)
            if field.name not in leave_out
        }

    def _field(self, hint: Any, default: Any) -> Json:
        found = self.of(hint)
        told = default.__class__ in _SCALARS and default not in ("", 0, False)
        return {**found, "default": default} if told and "$ref" not in found else found


def _or_null(schema: Json) -> Json:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _object(properties: Mapping[str, Json], required: tuple[str, ...] = (), description: str = "") -> Json:
    found: Json = {"type": "object", "properties": dict(properties)}
    if required:
        found["required"] = list(required)
    return {**found, "description": description} if description else found


def _create(known: Components) -> Json:
    shaped = {
        "Cmd": WORDS, "Entrypoint": WORDS, "Shell": WORDS, "ExposedPorts": MEMBERS, "Volumes": MEMBERS,
        "Healthcheck": known.of(HealthSpec | None), "HostConfig": known.of(HostSpec | None), "Runtime": TEXT,
        "NetworkingConfig": _object({"EndpointsConfig": {"type": "object", "additionalProperties": _endpoint(known)}}),
    }  # fmt: skip
    return _object({**known.fields(ContainerSpec, config.SPECIAL), **shaped})


def _endpoint(known: Components) -> Json:
    """Addresses stand in an object of their own."""
    fields = known.fields(EndpointSpec)
    own = {key: fields.pop(key) for key in ("IPv4Address", "IPv6Address", "LinkLocalIPs")}
    known.schemas["Endpoint"] = _object({**fields, "IPAMConfig": _or_null(_object(own))})
    return {"$ref": "#/components/schemas/Endpoint"}


def _network(known: Components) -> Json:
    pool = known.fields(IpamPool)
    pool = {"IPRange" if key == "IpRange" else key: value for key, value in pool.items()}
    ipam = {"Driver": TEXT, "Options": LABELS, "Config": {"type": "array", "items": _object(pool)}}
    return _object(
        {
            "Name": TEXT, "Driver": TEXT, "Scope": TEXT, "CheckDuplicate": FLAG, "Internal": FLAG, "Attachable": FLAG,
            "Ingress": FLAG, "ConfigOnly": FLAG, "ConfigFrom": _object({"Network": TEXT}), "EnableIPv4": FLAG,
            "EnableIPv6": FLAG, "IPAM": _object(ipam), "Options": LABELS, "Labels": LABELS,
        },
        ("Name",),
    )  # fmt: skip


_PORT = _object(
    {"ContainerPort": TEXT, "HostIp": TEXT, "HostPort": {"type": ["string", "integer"]}}, ("ContainerPort",)
)
_PORTS: Json = {"type": "array", "items": _PORT}
_LAYER = _object({"MediaType": TEXT, "Annotations": LABELS, "Content": {**TEXT, "contentEncoding": "base64"}},
                 ("MediaType", "Content"))  # fmt: skip

# (method, path) -> schema of the body
BODIES: Mapping[tuple[str, str], Callable[[Components], Json]] = {
    ("post", "/containers/create"): _create,
    ("post", "/containers/{ref}/update"): lambda known: known.of(HostUpdate),
    ("post", "/containers/{ref}/exec"): lambda known: _object(
        {
            "Cmd": WORDS, "Env": TEXTS, "User": TEXT, "WorkingDir": TEXT, "Tty": FLAG, "AttachStdin": FLAG,
            "AttachStdout": FLAG, "AttachStderr": FLAG, "Privileged": FLAG, "DetachKeys": TEXT, "ConsoleSize": SIZE,
        },
        ("Cmd",),
    ),
    ("post", "/exec/{id}/start"): lambda known: _object({"Detach": FLAG, "Tty": FLAG, "ConsoleSize": SIZE}),
    ("post", "/networks/create"): _network,
    ("post", "/networks/{ref}/connect"): lambda known: _object(
        {"Container": TEXT, "EndpointConfig": _endpoint(known)}, ("Container",)
    ),
    ("post", "/networks/{ref}/disconnect"): lambda known: _object({"Container": TEXT, "Force": FLAG}, ("Container",)),
    ("post", "/volumes/create"): lambda known: _object(
        {"Name": TEXT, "Driver": TEXT, "DriverOpts": LABELS, "Labels": LABELS}
    ),
    ("post", "/auth"): lambda known: _object(
        dict.fromkeys(("username", "password", "serveraddress", "identitytoken", "registrytoken", "auth"), TEXT)
    ),
    ("post", "/boxship/containers/{ref}/mounts"): lambda known: _object(
        {"Add": {"type": "array", "items": known.of(MountSpec)}, "Binds": TEXTS, "Remove": TEXTS}
    ),
    ("post", "/boxship/containers/{ref}/ports"): lambda known: _object({"Add": _PORTS, "Remove": _PORTS, "From": TEXT}),
    ("post", "/boxship/volumes/{name}/snapshot"): lambda known: _object({"Name": TEXT, "Pause": FLAG}),
    ("post", "/boxship/volumes/{name}/push"): lambda known: _object({"Reference": TEXT, "Pause": FLAG}, ("Reference",)),
    ("post", "/boxship/volumes/{name}/restore"): lambda known: _object({"From": TEXT, "Reference": TEXT}),
    ("post", "/boxship/artifacts"): lambda known: _object(
        {"ArtifactType": TEXT, "ConfigType": TEXT, "Annotations": LABELS, "Layers": {"type": "array", "items": _LAYER}}
    ),
}  # fmt: skip


def schemas() -> tuple[dict[tuple[str, str], Json], dict[str, Json]]:
    """Return the schema of each body, and the components that they refer to."""
    known = Components()
    return {route: make(known) for route, make in BODIES.items()}, known.schemas
