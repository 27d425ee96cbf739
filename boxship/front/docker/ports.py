"""An extension of ours, /boxship/containers/{id}/ports: published ports of a container that goes on running."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from boxship.base.errors import Invalid
from boxship.engine.connections import accepted
from boxship.engine.networks import PortEdit
from boxship.engine.networks.edits import Bindings
from boxship.front.docker.keys import CONTAINERS, NETWORKS
from boxship.front.docker.wire.inspect import render_ports
from boxship.front.rest import body
from boxship.model.container import PortBinding

routes = web.RouteTableDef()
KEYS = ("Add", "Remove", "From")
PORT_KEYS = ("ContainerPort", "HostIp", "HostPort")


@routes.get("/boxship/containers/{ref}/ports")
async def show(request: web.Request) -> web.Response:
    """200 {"Ports": …}, as in NetworkSettings of inspect."""
    return body.reply({"Ports": render_ports(request.app[CONTAINERS].get(request.match_info["ref"]))})


@routes.post("/boxship/containers/{ref}/ports")
async def edit(request: web.Request) -> web.Response:
    """{"Add": [P, …], "Remove": [P, …], "From": container}, P being {"ContainerPort": "80/tcp", "HostIp": "",
    "HostPort": "8080"}: all of it in one step or nothing; connections that are established stay.

    A P of Remove without HostPort or HostIp stands for every binding of that container port. From takes all
    published ports of another running container over."""
    asked = await body.read(request)
    container = request.app[CONTAINERS].get(request.match_info["ref"])
    await request.app[NETWORKS].edit_ports(container.id, parse(asked))
    return body.reply({"Ports": render_ports(request.app[CONTAINERS].get(container.id))})


@routes.get("/boxship/containers/{ref}/connections")
async def connections(request: web.Request) -> web.Response:
    """200 {"Accepted": 3}: TCP connections that clients have to the container now."""
    return body.reply({"Accepted": accepted(request.app[CONTAINERS].get(request.match_info["ref"]))})


def parse(asked: dict[str, Any]) -> PortEdit:
    """Raises Invalid naming the key that is wrong."""
    _require_known(asked, KEYS, "")
    source = asked.get("From") or ""
    if not isinstance(source, str):
        raise Invalid("From: want the name or id of a container")
    edit = PortEdit(add=_bindings(asked, "Add"), remove=_bindings(asked, "Remove"), source=source)
    if not (edit.add or edit.remove or edit.source):
        raise Invalid("nothing to change: give Add, Remove or From")
    return edit


def _bindings(asked: dict[str, Any], key: str) -> Bindings:
    entries = asked.get(key) or []
    if not isinstance(entries, list):
        raise Invalid(f"{key}: want a list of ports")
    found: Bindings = {}
    for number, entry in enumerate(entries):
        where = f"{key}[{number}]"
        if not isinstance(entry, dict):
            raise Invalid(f'{where}: want an object, such as {{"ContainerPort": "80/tcp", "HostPort": "8080"}}')
        _require_known(entry, PORT_KEYS, f"{where}.")
        port, address, host_port = (_text(entry.get(name), f"{where}.{name}") for name in PORT_KEYS)
        if not port:
            raise Invalid(f"{where}.ContainerPort is missing")
        port = port if "/" in port else f"{port}/tcp"
        found[port] = (*found.get(port, ()), PortBinding(host_ip=address, host_port=host_port))
    return found


def _text(value: object, where: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Invalid(f"{where}: want text")


def _require_known(found: dict[str, Any], known: Iterable[str], where: str) -> None:
    for key in found:
        if key not in known:
            raise Invalid(f"{where}{key} is not known; want {', '.join(known)}")
