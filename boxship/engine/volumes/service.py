"""Volumes of one node: what there is, who uses it, and what a container's mounts need before they can be bound."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import msgspec

from boxship.base.clock import Clock
from boxship.base.codec import decode, encode
from boxship.base.errors import Conflict, Invalid, NotFound, PlatformError
from boxship.base.ids import new_id
from boxship.engine.events import Events
from boxship.engine.remap import UNMAPPED, Owner, Remap
from boxship.engine.states import LIVE
from boxship.engine.volumes import idmaps, modes, names
from boxship.engine.volumes.copyup import CopyUp
from boxship.engine.volumes.drivers.api import VolumeDriver
from boxship.engine.volumes.resolve import resolve
from boxship.model.container import ContainerSpec, MountSpec
from boxship.model.image import Image
from boxship.model.status import Container, MountPoint
from boxship.model.volume import Volume, VolumeSpec
from boxship.store.api import Store

PREFIX = "volumes/"


class Volumes:
    """One per daemon; `start` it before use.

    drivers:    by name; there must be one called "local".
    containers: the node's containers, asked whenever it matters what is in use.
    """

    def __init__(
        self,
        store: Store,
        events: Events,
        clock: Clock,
        *,
        drivers: Mapping[str, VolumeDriver],
        copy_up: CopyUp,
        containers: Callable[[], Iterable[Container]],
        remap: Remap = UNMAPPED,
    ) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._drivers = drivers
        self._copy_up = copy_up
        self._containers = containers
        self._remap = remap
        self._volumes: dict[str, Volume] = {}

    async def start(self) -> None:
        for entry in (await self._store.list(PREFIX))[0]:
            volume = decode(entry.value, Volume)
            self._volumes[volume.name] = volume
        for container in self._containers():
            if container.status.state in LIVE:
                self._adopt(container)

    def _adopt(self, container: Container) -> None:
        """Tell drivers who uses what, so that a first container to stop takes nothing away from others."""
        for point in container.mounts:
            volume = self._volumes.get(point.name) if point.type == "volume" else None
            driver = self._drivers.get(volume.spec.driver) if volume else None
            if volume is not None and driver is not None:
                driver.adopt(volume.name, container.id)

    # ---- looking

    def all(self) -> list[Volume]:
        """Return all volumes in the order of their names."""
        return [self._volumes[name] for name in sorted(self._volumes)]

    def get(self, name: str) -> Volume:
        """Raises NotFound "get x: no such volume"."""
        volume = self._volumes.get(name)
        if volume is None:
            raise NotFound(names.failed("get", name, "no such volume"))
        return volume

    def users(self, name: str) -> list[str]:
        """Return the ids of the containers that have a volume among their mounts."""
        return [c.id for c in self._containers() if any(m.type == "volume" and m.name == name for m in c.mounts)]

    def in_use(self) -> set[str]:
        """Return the names of the volumes that containers have."""
        return {m.name for c in self._containers() for m in c.mounts if m.type == "volume"}

    def drivers(self) -> list[str]:
        return sorted(self._drivers)

    # ---- life

    async def create(self, spec: VolumeSpec) -> Volume:
        """Return the volume of this name, made if need be. Raises Invalid; Conflict when another driver has it."""
        anonymous = not spec.name
        if anonymous:
            labels = {**spec.labels, names.ANONYMOUS_LABEL: ""}
            spec = msgspec.structs.replace(spec, name=new_id(), labels=labels)
        return await self._ensure(spec, anonymous)

    async def _ensure(self, spec: VolumeSpec, anonymous: bool) -> Volume:
        names.check(spec.name)
        driver = self._driver(spec)
        known = self._volumes.get(spec.name)
        if known is not None:
            return self._same(known, spec)
        driver.check(spec)
        await driver.create(spec)
        mountpoint = str(driver.path(spec.name))
        volume = Volume(spec=spec, created=self._clock.now(), mountpoint=mountpoint, anonymous=anonymous)
        self._volumes[volume.name] = volume
        await self._store.put(PREFIX + volume.name, encode(volume))
        self._announce("create", volume.name, driver=spec.driver)
        return volume

    def _same(self, known: Volume, spec: VolumeSpec) -> Volume:
        if known.spec.driver != spec.driver:
            fault = f"driver '{known.spec.driver}' already has volume '{spec.name}': volume name must be unique"
            raise Conflict(names.failed("create", spec.name, fault))
        return known

    def _driver(self, spec: VolumeSpec) -> VolumeDriver:
        driver = self._drivers.get(spec.driver or "local")
        if driver is None:
            fault = f'error looking up volume plugin {spec.driver}: plugin "{spec.driver}" not found'
            raise NotFound(names.failed("create", spec.name, fault))
        return driver

    async def relabel(self, name: str, labels: dict[str, str]) -> Volume:
        """Give a volume other labels. Raises NotFound."""
        volume = self.get(name)
        volume = msgspec.structs.replace(volume, spec=msgspec.structs.replace(volume.spec, labels=labels))
        self._volumes[name] = volume
        await self._store.put(PREFIX + name, encode(volume))
        return volume

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Destroy a volume. Raises NotFound, unless forced; Conflict while containers, running or not, have it."""
        volume = self._volumes.get(name)
        if volume is None:
            if force:
                return
            raise NotFound(names.failed("get", name, "no such volume"))
        users = self.users(name)
        if users:
            raise Conflict(names.failed("remove", name, "volume is in use", users))
        await self._destroy(volume)

    async def _destroy(self, volume: Volume) -> None:
        """The record goes first: a directory that nothing knows is swept, a record without one would mislead.
        It comes back when the driver refuses."""
        driver = self._driver(volume.spec)
        await self._store.delete(PREFIX + volume.name)
        self._volumes.pop(volume.name, None)
        try:
            await driver.remove(volume.spec)
        except PlatformError:
            self._volumes[volume.name] = volume
            await self._store.put(PREFIX + volume.name, encode(volume))
            raise
        self._announce("destroy", volume.name, driver=volume.spec.driver)

    async def prune(self, wanted: Callable[[Volume], bool], *, unnamed_only: bool = True) -> tuple[list[str], int]:
        """Destroy volumes that no container has and `wanted` accepts; named ones too unless `unnamed_only`.
        Return their names and the bytes won."""
        gone, reclaimed = [], 0
        for volume in self.all():
            if (unnamed_only and not volume.anonymous) or not wanted(volume) or self.users(volume.name):
                continue
            reclaimed += await self._copy_up.usage(volume.mountpoint)
            await self._destroy(volume)
            gone.append(volume.name)
        self._events.publish("volume", "prune", "", {"reclaimed": str(reclaimed)})
        return gone, reclaimed

    def device(self, point: MountPoint) -> str:
        """Return where something is mounted for a volume while it is used, "" for one that is a directory."""
        volume = self._volumes.get(point.name) if point.type == "volume" else None
        if volume is None or (volume.spec.driver == "local" and not volume.spec.options.get("device")):
            return ""
        return volume.mountpoint

    async def usage(self, name: str) -> int:
        """Return the bytes in a volume. Walks its files, in a thread."""
        return await self._copy_up.usage(self.get(name).mountpoint)

    @contextlib.asynccontextmanager
    async def held(self, name: str, user: str) -> AsyncIterator[Path]:
        """Give the directory of a volume, with its contents while the block lasts. Raises NotFound, KernelError."""
        volume = self.get(name)
        driver = self._driver(volume.spec)
        await driver.mount(volume.spec, user)
        try:
            yield Path(volume.mountpoint)
        finally:
            await driver.unmount(volume.spec, user)

    async def refill(self, name: str, fill: Callable[[Path], Awaitable[object]]) -> None:
        """Let `fill` write new contents of a volume into a directory; they take the place of the old ones once they
        are complete. Raises Conflict while containers that run have the volume, and what `fill` raises."""
        running = [c.id for c in self._containers() if c.status.state in LIVE and _has(c, name)]
        if running:
            raise Conflict(names.failed("restore", name, "volume is in use by running containers", running))
        async with self.held(name, new_id()) as path:
            await self._copy_up.refill(path, fill)

    def _announce(self, action: str, name: str, **attributes: str) -> None:
        self._events.publish("volume", action, name, attributes)

    # ---- a container's mounts

    def settle(self, container_id: str, spec: ContainerSpec, image: Image) -> tuple[MountPoint, ...]:
        """Return the mounts that `spec` asks for, in the order in which to make them; volumes are named but not
        made. Raises Invalid with dockerd's sentences for what cannot be."""
        sources = {}
        for text in spec.host.volumes_from or ():
            ref = modes.parse_source(text)[0]
            sources[ref] = self._container(ref).mounts
        points = resolve(spec, image.config, sources, os.path.exists)
        settled = (self._settled(point, spec, container_id) for point in points)
        return tuple(self._placed(point, spec, container_id) for point in settled)

    def _placed(self, point: MountPoint, spec: ContainerSpec, container_id: str) -> MountPoint:
        """Give a mount whose owners are translated a place, where the host has it so. Raises Invalid."""
        if not point.id_map:
            return msgspec.structs.replace(point, place="")
        if idmaps.parse(point.id_map) is None:
            idmaps.user_of(spec.user)
        place = self._copy_up.place(container_id, f"idmap:{point.destination}")
        return msgspec.structs.replace(point, place=place)

    def _settled(self, point: MountPoint, spec: ContainerSpec, container_id: str) -> MountPoint:
        if point.type == "image":
            return self._copy_up.settled_image(point, container_id)
        if point.type != "volume" or point.source:
            return point
        name = point.name or new_id()
        known = self._volumes.get(name)
        by = point.driver or (known.spec.driver if known else "local")  # whoever has it, unless one was named
        point = msgspec.structs.replace(point, name=name, driver=by)
        wish = _volume_spec(point, spec)
        driver = self._driver(wish)
        if known is not None:
            self._same(known, wish)
        else:
            driver.check(wish)
        source = str(driver.path(name))
        if point.subpath:
            source = self._copy_up.place(container_id, point.destination)
        return msgspec.structs.replace(point, source=source)

    def _container(self, ref: str) -> Container:
        everyone = list(self._containers())
        exact = [c for c in everyone if ref in (c.id, c.name, f"/{c.name}")]
        found = exact or [c for c in everyone if ref and c.id.startswith(ref)]
        if len(found) != 1:
            raise Invalid(f"No such container: {ref}")
        return found[0]

    async def provide(self, container: Container) -> None:
        """Make all that the container's mounts need: volumes, filled from the image when new and empty; missing
        sources of `-v`; images and parts of volumes at their places. May be repeated. Raises with dockerd's
        sentences. To be undone by `withdraw`."""
        for point in container.mounts:
            if point.type == "volume":
                await self._provide_volume(container, point)
            elif point.type == "image":
                await self._copy_up.mount_image(point, partial(self._remap.seen, container.spec.host))
            elif point.type == "bind" and point.create_source:
                _make(point.source, self._remap.root(container.spec.host))
            if point.id_map:
                self._translate(container, point)

    def _translate(self, container: Container, point: MountPoint) -> None:
        """Put up a mount whose owners are translated: first to the container's ids, then to the host's."""
        maps = idmaps.parse(point.id_map)
        if maps is None:
            seen = os.stat(point.source)
            maps = idmaps.exchanged((seen.st_uid, seen.st_gid), idmaps.user_of(container.spec.user))
        outer = self._remap.maps(container.spec.host)
        uid_map, gid_map = (idmaps.beyond(inner, out) for inner, out in zip(maps, outer, strict=True))
        self._copy_up.mount_mapped(point, uid_map, gid_map)

    async def _provide_volume(self, container: Container, point: MountPoint) -> None:
        volume = await self._ensure(_volume_spec(point, container.spec), point.anonymous)
        driver = self._driver(volume.spec)
        await driver.mount(volume.spec, container.id)
        self._announce(
            "mount", volume.name, driver=volume.spec.driver, container=container.id, destination=point.destination,
            **{"read/write": str(point.rw).lower(), "propagation": point.propagation},
        )  # fmt: skip
        path = Path(volume.mountpoint)
        if not point.no_copy and not container.status.has_started:
            await self._copy_up.populate(path, point.destination, container)
        if point.subpath:
            seen = self._remap.seen_volume(container.spec.host, volume.mountpoint)
            await self._copy_up.mount_part(Path(seen), point)

    async def withdraw(self, container: Container) -> None:
        """The container has stopped: unmount what was mounted for it alone. May be repeated."""
        for point in container.mounts:
            volume = self._volumes.get(point.name) if point.type == "volume" else None
            if point.place:
                self._copy_up.unmount(point.place)
            if point.type == "image" or point.subpath:
                self._copy_up.unmount(point.source)
            if volume is not None:
                driver = self._drivers.get(volume.spec.driver or "local")
                if driver is not None:  # a container can stop though its volume's plugin has gone
                    await driver.unmount(volume.spec, container.id)
                self._announce("unmount", volume.name, driver=volume.spec.driver, container=container.id)

    async def release(self, container: Container) -> None:
        """Remove the anonymous volumes of a container that is gone, unless others use them. May be repeated."""
        await self.withdraw(container)
        for point in container.mounts:
            volume = self._volumes.get(point.name) if point.type == "volume" and point.anonymous else None
            if volume is not None and volume.anonymous and not set(self.users(volume.name)) - {container.id}:
                await self._destroy(volume)


def _has(container: Container, name: str) -> bool:
    return any(point.type == "volume" and point.name == name for point in container.mounts)


def _make(path: str, owner: Owner | None) -> None:
    """Make a directory that is missing, with those above it, for `owner`; None is us."""
    if os.path.lexists(path):
        return
    missing = [path]
    while not os.path.lexists(above := os.path.dirname(missing[-1])):
        missing.append(above)
    os.makedirs(path, exist_ok=True)
    if owner is not None:
        for made in missing:
            os.chown(made, owner[0], owner[1])


def _volume_spec(point: MountPoint, spec: ContainerSpec) -> VolumeSpec:
    """Return the volume that a mount point asks for; options and labels stand in the `--mount` it came from."""
    asked = next((m for m in spec.host.mounts or () if _is_origin(m, point)), None)
    options = asked.volume_options if asked else None
    labels = dict((options.labels if options else None) or {})
    if point.anonymous:
        labels[names.ANONYMOUS_LABEL] = ""
    config = options.driver_config if options else None
    return VolumeSpec(
        name=point.name, driver=point.driver or "local", options=dict((config.options if config else None) or {}),
        labels=labels,
    )  # fmt: skip


def _is_origin(mount: MountSpec, point: MountPoint) -> bool:
    return mount.type == "volume" and os.path.normpath(mount.target) == point.destination
