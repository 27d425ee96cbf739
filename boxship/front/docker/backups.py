"""An extension of ours, /boxship/volumes: snapshots and backups of volumes."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.engine.images.reference import parse
from boxship.engine.images.registry.auth import parse_header
from boxship.front.docker.keys import BACKUPS
from boxship.front.docker.registries import AUTH, Lines
from boxship.front.docker.wire import volumes as wire
from boxship.front.rest import body, jsonstream, query

routes = web.RouteTableDef()
CHUNK = 1 << 18
SNAPSHOT = {"Name": str, "Pause": bool}
PUSH = {"Reference": str, "Pause": bool}
RESTORE = {"From": str, "Reference": str}


@routes.post("/boxship/volumes/{name}/snapshot")
async def snapshot(request: web.Request) -> web.Response:
    """{"Name": "", "Pause": true} -> 201 with the new volume. Containers that write to it pause meanwhile."""
    asked = fields(await body.read(request), SNAPSHOT)
    made = await request.app[BACKUPS].snapshot(
        request.match_info["name"], asked.get("Name", ""), pause=asked.get("Pause", True)
    )
    return body.reply(wire.render(made), status=201)


@routes.get("/boxship/volumes/backup")
async def save(request: web.Request) -> web.StreamResponse:
    """`volume`, repeatable; `pause=0` lets containers write meanwhile. 200 with an OCI layout in a tar."""
    names = query.many(request, "volume")
    if not names:
        raise Invalid("no volumes to save: volume is empty")
    pause = query.boolean(request, "pause") if "pause" in request.query else True
    pieces = await request.app[BACKUPS].save(names, pause=pause)
    return await body.archive(request, pieces)


@routes.post("/boxship/volumes/restore")
async def load(request: web.Request) -> web.Response:
    """The body is such an archive. `volume=NAME:TARGET`, repeatable, chooses and renames; without it all that is
    there comes back; `volume=:TARGET` is the one there is. 200 {"Volumes": […]}."""
    pairs = [name.partition(":") for name in query.many(request, "volume")]
    wanted = {name: target if colon else name for name, colon, target in pairs}
    made = await request.app[BACKUPS].load(_pieces(request), wanted)
    return body.reply({"Volumes": [wire.render(volume) for volume in made]})


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_chunked(CHUNK):
        yield piece


@routes.post("/boxship/volumes/{name}/push")
async def push(request: web.Request) -> web.StreamResponse:
    """{"Reference": "host/backups/data:today", "Pause": true}; progress as a push of an image tells it, its last line
    {"aux": {"Digest": …}}. Credentials in X-Registry-Auth."""
    asked = fields(await body.read(request), PUSH)
    reference, name = parse(asked.get("Reference", "")), request.match_info["name"]
    credentials = parse_header(request.headers.get(AUTH, ""))
    async with jsonstream.open(request) as out, Lines(out) as lines:
        digest = await request.app[BACKUPS].push(
            name, reference, credentials, lines.tell, pause=asked.get("Pause", True)
        )
        lines.tell({"status": f"{reference.with_default_tag().familiar}: digest: {digest}"})
        lines.tell({"progressDetail": {}, "aux": {"Digest": digest}})
    return out.response


@routes.post("/boxship/volumes/{name}/restore")
async def restore(request: web.Request) -> web.StreamResponse:
    """{"From": "volume"} -> 200 with the volume; {"Reference": "host/backups/data:today"} -> progress. What the volume
    held is gone then; no container that runs may have it."""
    asked = fields(await body.read(request), RESTORE)
    name = request.match_info["name"]
    if bool(asked.get("From")) == bool(asked.get("Reference")):
        raise Invalid("give From, a volume, or Reference, a backup in a registry")
    if asked.get("From"):
        return body.reply(wire.render(await request.app[BACKUPS].restore(name, asked["From"])))
    reference = parse(asked["Reference"])
    credentials = parse_header(request.headers.get(AUTH, ""))
    async with jsonstream.open(request) as out, Lines(out) as lines:
        await request.app[BACKUPS].fetch(name, reference, credentials, lines.tell)
        lines.tell({"status": f"Restored volume {name} from {reference.with_default_tag().familiar}"})
    return out.response


def fields(found: dict[str, Any], known: Mapping[str, type]) -> dict[str, Any]:
    """Raises Invalid naming the key that is wrong."""
    for key, value in found.items():
        if key not in known:
            raise Invalid(f"{key} is not known; want {', '.join(known)}")
        if not isinstance(value, known[key]):
            raise Invalid(f"{key}: want {'text' if known[key] is str else 'true or false'}")
    return found
