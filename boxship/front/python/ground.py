"""Networks and volumes as awaitable calls."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from boxship.front.client.api import ApiError, segment
from boxship.front.client.asynchronous import AsyncClient
from boxship.front.python.containers import Container
from boxship.front.python.shapes import NetworkDetails, VolumeDetails, decode


class Network:
    """One network, by name or id. `async with` removes it at the end."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self.name = name

    def _path(self, verb: str = "") -> str:
        return f"/networks/{segment(self.name)}{verb}"

    async def inspect(self) -> NetworkDetails:
        return decode(await self._client.call("GET", self._path()), NetworkDetails)

    async def members(self) -> list[str]:
        """Return the ids of the containers in it."""
        told = decode(await self._client.call("GET", self._path()), dict[str, Any])
        return list(told.get("Containers") or ())

    async def connect(self, container: Container | str, *, aliases: Sequence[str] = ()) -> None:
        body = {"Container": _id(container), "EndpointConfig": {"Aliases": list(aliases)}}
        await self._client.call("POST", self._path("/connect"), body=body)

    async def disconnect(self, container: Container | str, *, force: bool = False) -> None:
        await self._client.call("POST", self._path("/disconnect"), body={"Container": _id(container), "Force": force})

    async def remove(self) -> None:
        await self._client.call("DELETE", self._path())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await _unless_gone(self)


class Networks:
    """`engine.networks`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def named(self, name: str) -> Network:
        return Network(self._client, name)

    async def list(self) -> list[NetworkDetails]:
        return decode(await self._client.call("GET", "/networks"), list[NetworkDetails])

    async def create(
        self,
        name: str,
        *,
        driver: str = "bridge",
        internal: bool = False,
        subnet: str = "",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Network:
        body: dict[str, Any] = {
            "Name": name, "Driver": driver, "Internal": internal, "Labels": dict(labels or {}),
            "Options": dict(options or {}), "CheckDuplicate": True,
        }  # fmt: skip
        if subnet:
            body["IPAM"] = {"Driver": "default", "Config": [{"Subnet": subnet}]}
        await self._client.call("POST", "/networks/create", body=body)
        return Network(self._client, name)


class Volume:
    """One volume. `async with` removes it at the end."""

    def __init__(self, client: AsyncClient, name: str) -> None:
        self._client = client
        self.name = name

    async def inspect(self) -> VolumeDetails:
        return decode(await self._client.call("GET", f"/volumes/{segment(self.name)}"), VolumeDetails)

    async def remove(self, *, force: bool = False) -> None:
        await self._client.call("DELETE", f"/volumes/{segment(self.name)}", {"force": force})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await _unless_gone(self)


class Volumes:
    """`engine.volumes`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def named(self, name: str) -> Volume:
        return Volume(self._client, name)

    async def list(self) -> list[VolumeDetails]:
        told = decode(await self._client.call("GET", "/volumes"), dict[str, list[VolumeDetails] | None])
        return told.get("Volumes") or []

    async def create(
        self,
        name: str = "",
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Return a volume, made unless it is there; the daemon chooses a name for ""."""
        body = {"Name": name, "Driver": driver, "Labels": dict(labels or {}), "DriverOpts": dict(options or {})}
        made = decode(await self._client.call("POST", "/volumes/create", body=body), VolumeDetails)
        return Volume(self._client, made.name)


def _id(container: Container | str) -> str:
    return container if isinstance(container, str) else container.id


async def _unless_gone(thing: Network | Volume) -> None:
    try:
        await thing.remove()
    except ApiError as error:
        if error.code != 404:
            raise
