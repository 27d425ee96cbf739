"""An extension of ours, /boxship/artifacts: artifacts that are no images, to and from registries. Stores nothing."""

import base64
import binascii
from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.engine.images.reference import Reference, parse
from boxship.engine.images.registry.artifacts import EMPTY, Artifact, Part
from boxship.engine.images.registry.auth import parse_header
from boxship.front.docker.keys import REGISTRIES
from boxship.front.rest import body

routes = web.RouteTableDef()
AUTH = "X-Registry-Auth"


@routes.get("/boxship/artifacts")
async def pull(request: web.Request) -> web.Response:
    """`name`. 200 {"Digest", "ArtifactType", "ConfigType", "Annotations", "Layers": [{"MediaType", "Annotations",
    "Content"}]}; contents are base64."""
    who = parse_header(request.headers.get(AUTH, ""))
    digest, found = await request.app[REGISTRIES].artifact(_name(request), who)
    layers = [
        {
            "MediaType": part.media_type,
            "Annotations": part.annotations,
            "Content": base64.b64encode(part.content).decode(),
        }
        for part in found.parts
    ]
    told = {"Digest": digest, "ArtifactType": found.artifact_type, "ConfigType": found.config_type}
    return body.reply({**told, "Annotations": dict(found.annotations), "Layers": layers})


@routes.post("/boxship/artifacts")
async def push(request: web.Request) -> web.Response:
    """`name`; the body is as `pull` answers, without Digest. 200 {"Digest"} once the registry has all of it."""
    who = parse_header(request.headers.get(AUTH, ""))
    artifact = parse_artifact(await body.read(request))
    return body.reply({"Digest": await request.app[REGISTRIES].publish(_name(request), artifact, who)})


def parse_artifact(asked: dict[str, Any]) -> Artifact:
    """Raises Invalid naming the key that is wrong."""
    for key, kind in (("ArtifactType", str), ("ConfigType", str), ("Annotations", dict), ("Layers", list)):
        if asked.get(key) is not None and not isinstance(asked[key], kind):
            raise Invalid(f"{key}: want {_WANTED[kind]}")
    return Artifact(
        asked.get("ArtifactType") or "",
        tuple(_part(number, layer) for number, layer in enumerate(asked.get("Layers") or ())),
        asked.get("ConfigType") or EMPTY,
        {str(key): str(value) for key, value in (asked.get("Annotations") or {}).items()},
    )


_WANTED = {str: "text", dict: "an object of texts", list: "a list of layers"}


def _name(request: web.Request) -> Reference:
    name = request.query.get("name", "")
    if not name:
        raise Invalid("name is missing: want an artifact's name, such as registry.example.com/team/app:1")
    return parse(name).with_default_tag()


def _part(number: int, layer: Any) -> Part:
    try:
        content = base64.b64decode(layer["Content"], validate=True)
        return Part(str(layer["MediaType"]), dict(layer.get("Annotations") or {}), content)
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise Invalid(f"Layers[{number}]: want MediaType and, in base64, Content") from error
