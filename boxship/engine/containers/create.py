"""Making containers: check, complete from the image, store, lay out the files."""

import os

from msgspec.structs import replace

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.base.ids import new_id
from boxship.engine import check, check_limits, groups, merge, names
from boxship.engine.logs import options as log_options
from boxship.engine.networks.links import parse_link
from boxship.engine.record import Records
from boxship.engine.seams import Parts
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.image import Image
from boxship.model.network import EndpointSpec
from boxship.model.status import Container

ATTEMPTS = 6


class Creation:
    def __init__(self, records: Records, parts: Parts) -> None:
        self._records = records
        self._parts = parts

    async def create(self, spec: ContainerSpec, name: str | None, platform: str) -> tuple[Container, tuple[str, ...]]:
        """Return the new container and warnings. Either all of it is there, or nothing."""
        container_id = new_id()
        asked = check.name(name) if name else None
        image = self._image(spec, platform)
        warnings = check.spec(spec)
        full = self._complete(container_id, spec, image)
        warnings += self._parts.launcher.check(full)
        name = self._reserve(asked, container_id)
        try:
            container = self._compose(container_id, name, full, image)
            await self._records.save(container)
        except BaseException:
            self._records.release(name, container_id)
            raise
        await self._lay_out(container)
        self._parts.events.container(container, "create")
        return container, warnings

    def _image(self, spec: ContainerSpec, platform: str) -> Image:
        if not spec.image:
            raise Invalid("invalid reference format")
        image = self._parts.images.get(spec.image)
        if platform and not check.is_for(platform, image.os, image.architecture):  # a name may stand for several
            others = self._parts.images.members(spec.image)
            image = next((o for o in others if check.is_for(platform, o.os, o.architecture)), image)
        check.platform(platform, image.os, image.architecture, spec.image)
        return image

    def _complete(self, container_id: str, spec: ContainerSpec, image: Image) -> ContainerSpec:
        """Return `spec` with everything settled that image and daemon have a say in. Raises Invalid, NotFound."""
        if spec.network_disabled:
            spec = replace(spec, host=replace(spec.host, network_mode="none"), networks={})
        host = self._host(spec.host)
        check_limits.limits(host, os.cpu_count() or 1)
        full = replace(merge.merge(spec, image.config), host=host)
        full = replace(full, hostname=self._hostname(container_id, full), networks=_places(full))
        if full.stop_timeout is None:
            return full
        return replace(full, stop_timeout=max(-1, full.stop_timeout))

    def _host(self, asked: HostSpec) -> HostSpec:
        options = self._parts.options
        log = log_options.settle(asked.log_config, options.log)
        log_options.check(log)
        runtime = asked.runtime or options.default_runtime
        if runtime != options.default_runtime and runtime not in options.runtimes:
            raise Invalid(f"unknown or invalid runtime name: {runtime}")
        swap = asked.memory * 2 if asked.memory > 0 and asked.memory_swap == 0 else asked.memory_swap
        host = replace(
            asked,
            log_config=log,
            runtime=runtime,
            memory_swap=swap,
            memory_swappiness=None if asked.memory_swappiness == -1 else asked.memory_swappiness,
            shm_size=asked.shm_size or options.shm_size,
            ipc_mode=asked.ipc_mode or options.ipc_mode,
            network_mode="bridge" if asked.network_mode in ("", "default") else asked.network_mode,
        )
        self._find_linked(host)
        return replace(host, **groups.pinned(host, self._records.find))

    def _find_linked(self, host: HostSpec) -> None:
        for text in host.links or ():
            link = parse_link(text)
            try:
                other = self._records.find(link.target)
            except NotFound as e:
                raise NotFound(f"could not get container for {link.target}: {e}") from e
            if other.spec.host.network_mode == "host":
                raise Conflict(f"conflicting options: host type networking can't be used with links. {check.NEVER}")

    def _hostname(self, container_id: str, spec: ContainerSpec) -> str:
        """A joined namespace brings its host name along, as does the host's."""
        ref = groups.lender(spec.host.network_mode)
        if ref is not None:
            return self._records.find(ref).spec.hostname
        if spec.hostname:
            return spec.hostname
        if "host" in (spec.host.network_mode, spec.host.uts_mode):
            return os.uname().nodename
        return container_id[:12]

    def _reserve(self, asked: str | None, container_id: str) -> str:
        if asked is not None:
            self._records.reserve(asked, container_id)
            return asked
        for attempt in range(ATTEMPTS):
            name = names.suggest(attempt)
            if self._records.holder(name) is None:
                break
        else:
            name = container_id[:12]
        self._records.reserve(name, container_id)
        return name

    def _compose(self, container_id: str, name: str, spec: ContainerSpec, image: Image) -> Container:
        path, args = merge.command(spec)
        files = self._parts.options.container_dir(container_id)
        return Container(
            id=container_id,
            name=name,
            created=self._parts.clock.now(),
            image_id=image.id,
            group=groups.group_of(container_id, spec.host, self._records.find),
            spec=spec,
            mounts=self._parts.volumes.settle(container_id, spec, image),
            path=path,
            args=args,
            layers=self._parts.images.lowers(image),
            runtime=spec.host.runtime,
            log_path="" if spec.host.log_config.type == "none" else str(files / "log" / "container.log"),
        )

    async def _lay_out(self, container: Container) -> None:
        """Make its files and volumes; if that fails, nothing of it stays."""
        try:
            self._parts.layers.lay_out(container)
            await self._parts.volumes.provide(container)
        except BaseException:
            self._parts.layers.discard(container)
            await self._parts.volumes.release(container)
            await self._records.drop(container)
            raise


def _places(spec: ContainerSpec) -> dict[str, EndpointSpec]:
    """Return the networks to connect: those named, and the one that the network mode names."""
    mode = spec.host.network_mode
    if groups.lender(mode) is not None:
        return {}
    named = {("bridge" if name == "default" else name): place for name, place in spec.networks.items()}
    return named if mode in named else {mode: EndpointSpec(), **named}
