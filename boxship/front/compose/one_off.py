"""One-off containers: `run` makes one beside those of the service, with a name and labels of its own."""

import os

import msgspec

from boxship.front.client.api import Client
from boxship.front.compose import files, labels, wire
from boxship.front.compose.hands import Hands
from boxship.front.compose.hash import service_hash
from boxship.front.compose.model import Project, Service
from boxship.front.compose.plan.up import resolved
from boxship.front.compose.progress import Board
from boxship.front.compose.state import Observed


class OneOff(msgspec.Struct, frozen=True, kw_only=True):
    """name: "" makes one. remove: when it has ended. attached: our input is its. aliases: answers for the service."""

    name: str = ""
    labels: dict[str, str] = {}
    remove: bool = False
    attached: bool = False
    aliases: bool = False


def make(client: Client, project: Project, service: Service, seen: Observed, wish: OneOff, board: Board) -> str:
    """Create the container; return its id. The networks and volumes it needs are made with it."""
    hands = Hands(client, project, seen, service_hash, board)
    _ground(client, project, service, seen)
    slug = os.urandom(32).hex()
    name = wish.name or f"{project.name}-{service.name}-run-{slug[:12]}"
    like = msgspec.structs.replace(resolved(service, hands.ids.first), container_name=name, scale=1)
    if like.deploy is not None:
        like = msgspec.structs.replace(like, deploy=msgspec.structs.replace(like.deploy, restart_policy=None))
    made = wire.Made(
        number=1,
        image_id=seen.images.get(project.image_of(service), ""),
        config_hash=service_hash(like),
        labels={**wish.labels, labels.SLUG: slug, labels.ONE_OFF: "True"},
        attached=wish.attached,
        remove=wish.remove,
        aliases=wish.aliases,
    )
    declared = seen.declared.get(project.image_of(service), ())
    inherited = wire.Inherited(declared=declared, links=hands.links(like, 1), profiles=files.profiles(project, like))
    board.tell(f"Container {name}", "Creating")
    id = hands.make(like, name, wire.create(project, like, made, inherited))
    board.tell(f"Container {name}", "Created", "done")
    return id


def _ground(client: Client, project: Project, service: Service, seen: Observed) -> None:
    for key in service.networks:
        network = project.networks[key]
        if not network.external and network.name not in seen.networks:
            client.post("/networks/create", body=wire.create_network(project, key))
    for mount in service.volumes:
        volume = project.volumes.get(mount.source) if mount.type == "volume" else None
        if volume is not None and not volume.external and volume.name not in seen.volumes:
            client.post("/volumes/create", body=wire.create_volume(project, mount.source))
