"""What the rest of the engine sees of a container's networks."""

from typing import Protocol

import msgspec

from boxship.model.network import EndpointStatus
from boxship.model.status import Container

Ports = dict[str, tuple[tuple[str, int], ...]]


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """netns_path: of the pinned network namespace, "" for the host's own.
    networks and ports: as ContainerStatus keeps them."""

    netns_path: str
    networks: dict[str, EndpointStatus] = {}
    ports: Ports = {}


class NetworkFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of the three files of a container that tell its network place."""

    hostname: str
    hosts: str
    resolv_conf: str


class Members(Protocol):
    """The records of containers; `engine.record.Records` is one."""

    def find(self, ref: str) -> Container:
        """Raises NotFound when nothing answers to `ref`."""
        ...

    def all(self) -> list[Container]: ...

    async def save(self, container: Container) -> Container: ...
