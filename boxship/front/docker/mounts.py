"""An extension of ours, /boxship/containers/{id}/mounts: mounts of a container that goes on running."""

from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.engine.containers.mountedits import MountEdit
from boxship.front.docker.keys import CONTAINERS, MOUNTING
from boxship.front.docker.wire import names
from boxship.front.docker.wire.inspect import render_mount, shown_mounts
from boxship.front.rest import body
from boxship.model.container import MountSpec
from boxship.model.status import Container

routes = web.RouteTableDef()
KEYS = ("Add", "Binds", "Remove")


@routes.get("/boxship/containers/{ref}/mounts")
async def show(request: web.Request) -> web.Response:
    """200 {"Mounts": […]}, as in inspect."""
    return body.reply(_render(request.app[CONTAINERS].get(request.match_info["ref"])))


@routes.post("/boxship/containers/{ref}/mounts")
async def edit(request: web.Request) -> web.Response:
    """{"Add": [M, …], "Binds": ["source:target:mode", …], "Remove": ["/target", …]}: all of it or nothing.

    M and Binds are those of HostConfig in a create request. Volumes that are missing are made; the record keeps it
    all, so that the next start has the same mounts. What is removed must not be in use in the container."""
    asked = parse(await body.read(request))
    return body.reply(_render(await request.app[MOUNTING].edit(request.match_info["ref"], asked)))


def _render(container: Container) -> dict[str, Any]:
    return {"Mounts": [render_mount(mount) for mount in shown_mounts(container)]}


def parse(asked: dict[str, Any]) -> MountEdit:
    """Raises Invalid naming the key that is wrong."""
    for key in asked:
        if key not in KEYS:
            raise Invalid(f"{key} is not known; want {', '.join(KEYS)}")
    mounts = names.parser(tuple[MountSpec, ...])(asked.get("Add") or [], "Add")
    edit = MountEdit(add=mounts, binds=_texts(asked, "Binds"), remove=_texts(asked, "Remove"))
    if not (edit.add or edit.binds or edit.remove):
        raise Invalid("nothing to change: give Add, Binds or Remove")
    return edit


def _texts(asked: dict[str, Any], key: str) -> tuple[str, ...]:
    found = asked.get(key) or []
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise Invalid(f"{key}: want a list of texts")
    return tuple(found)
