"""Gathers what surrounds a container at its start, and turns it into what the runtime is to create."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from boxship.base.errors import Conflict, NotFound
from boxship.engine import devices, groups, secretfiles
from boxship.engine.bundle import bundle, capabilities, cdi, clamped, exec_process, resources, security
from boxship.engine.bundle import devices as device_wishes
from boxship.engine.bundle.mounts import PROPAGATIONS, brought
from boxship.engine.logs import drivers as log_drivers
from boxship.engine.networks import links
from boxship.engine.networks.attached import NetworkFiles
from boxship.engine.options import EngineOptions
from boxship.engine.remap import UNMAPPED, Remap
from boxship.engine.rootfs import shared_memory
from boxship.engine.states import LIVE
from boxship.host.api.inside import Addition
from boxship.host.api.runtime import Launch
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.exec import ExecSpec
from boxship.model.runtime import HostFacts, Identity, Surroundings
from boxship.model.status import Container, MountPoint

FILES = {"/etc/hostname": "hostname", "/etc/hosts": "hosts", "/etc/resolv.conf": "resolv.conf"}


class NetworkTexts(Protocol):
    def files(self, container: Container) -> NetworkFiles: ...


class Lookups(Protocol):
    """Users of a root file system; boxship.host.users is one."""

    def identity(self, root: Path, user: str, groups: Sequence[str], /) -> Identity:
        """Return who `user` ("name", "1000:1000", "u:g", "" for root) is there; `groups` come on top.
        Raises Invalid with the runtime's words for a name that is not there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """What the launchpad needs of others. find: a container by id or name. bundle: path of a container's bundle."""

    options: EngineOptions
    facts: HostFacts
    networks: NetworkTexts
    users: Lookups
    find: Callable[[str], Container]
    bundle: Callable[[str], str]
    seccomp: str | None = None
    remap: Remap = UNMAPPED


class Launchpad:
    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit
        self._options = outfit.options

    async def prepare(self, container: Container, netns_path: str) -> Launch:
        """Write the container's files and return what the runtime is to create. Raises Invalid, Conflict."""
        spec = container.spec
        log_drivers.require(spec.host.log_config)
        secretfiles.require(container, self._options.exec_root)
        container = replace(container, mounts=tuple(self._shown(container, point) for point in container.mounts))
        around = self._around(container, netns_path)
        built = bundle(container, self._outfit.facts, around)
        return Launch(
            id=container.id,
            config=built.config,
            runtime=container.runtime,
            terminal=spec.tty,
            stdin=spec.open_stdin,
            stdin_once=spec.stdin_once,
            log_path=container.log_path or None,
            users_of=next(iter(around.namespaces.values()), netns_path) if around.uid_map else "",
        )

    def _shown(self, container: Container, point: MountPoint) -> MountPoint:
        """Return a mount as the bundle is to have it."""
        if point.place:
            return _single(replace(point, source=point.place, recursive=False))
        if point.type == "volume":
            point = replace(point, source=self._outfit.remap.seen_volume(container.spec.host, point.source))
        return _single(point)

    def addition(self, container: Container, point: MountPoint) -> Addition:
        """Return what brings one more mount into a container that runs. Raises Invalid."""
        mount = brought(self._shown(container, point), self._outfit.facts)
        is_bind = mount["type"] == "bind"
        return Addition(
            target=point.destination,
            source=mount["source"] if is_bind else "",
            options=tuple(word for word in mount["options"] if word not in ("bind", "rbind", *PROPAGATIONS)),
            recursive="rbind" in mount["options"],
            spread=next((word for word in mount["options"] if word in PROPAGATIONS), "private"),
            owner=self._outfit.remap.root(container.spec.host),
        )

    async def process_of(self, container: Container, spec: ExecSpec) -> dict[str, Any]:
        """Return the OCI process of one more command in a running container."""
        return exec_process(
            container, spec, self._outfit.facts, self._identity(container, spec.user), self._first(container)
        )

    def refresh(self, container: Container) -> None:
        """Write hosts and resolv.conf anew after a change of networks; nothing happens while it has none."""
        with suppress(Conflict, FileNotFoundError):
            self._write_files(container)

    def check(self, spec: ContainerSpec) -> tuple[str, ...]:
        host = spec.host
        capabilities.check(host, self._outfit.facts)
        device_wishes.check(host)
        security.check(host)
        self._outfit.remap.check(spec)
        _, warnings = resources(host, self._outfit.facts, devices.throttled(host))
        return (*clamped(host, self._outfit.facts, self._options.default_ulimits), *warnings)

    def limits(self, container: Container) -> tuple[dict[str, Any], tuple[str, ...]]:
        host = container.spec.host
        return resources(host, self._outfit.facts, devices.throttled(host))

    def _around(self, container: Container, netns_path: str) -> Surroundings:
        spec, options = container.spec, self._options
        host = spec.host
        named = devices.cdi(self._options.cdi_dirs) if host.device_requests else ()
        uid_map, gid_map = self._outfit.remap.maps(host)
        return Surroundings(
            rootfs=str(options.container_dir(container.id) / "merged"),
            cgroup=f"{(host.cgroup_parent or options.cgroup_parent).rstrip('/')}/{container.id}",
            identity=self._identity(container, ""),
            netns=netns_path,
            namespaces=groups.borrowed(host, self._outfit.find),
            hostname=spec.hostname,
            files=self._write_files(container),
            shm=self._shared_memory(container),
            devices={path: devices.nodes(path) for path in self._device_paths(host, named)},
            block=devices.throttled(host),
            host_devices=devices.everything() if host.privileged else (),
            cdi=named,
            link_env=self._link_variables(container),
            uid_map=uid_map,
            gid_map=gid_map,
            seccomp=self._outfit.seccomp,
            ulimits=options.default_ulimits,
            no_new_privileges=options.no_new_privileges,
            init=options.init,
            cgroupns=options.cgroupns_mode,
            ipc=options.ipc_mode,
        )

    def _device_paths(self, host: HostSpec, named: tuple[dict[str, Any], ...]) -> list[str]:
        """Devices whose numbers the bundle needs: those asked for by path, and those that CDI specs name by path."""
        return [*(d.path_on_host for d in host.devices or ()), *cdi.paths(cdi.edits(host, named))]

    def _identity(self, container: Container, user: str) -> Identity:
        root = self._options.container_dir(container.id) / "merged"
        return self._outfit.users.identity(root, user or container.spec.user, container.spec.host.group_add or ())

    def _first(self, container: Container) -> dict[str, Any] | None:
        """The process section of the bundle it was started from."""
        try:
            config = json.loads((Path(self._outfit.bundle(container.id)) / "config.json").read_bytes())
        except (OSError, ValueError):
            return None
        process = config.get("process")
        return process if isinstance(process, dict) else None

    def _write_files(self, container: Container) -> dict[str, str]:
        """Return container path -> host path. Members of a group share the files of the one that brought its network.
        The files are written in place, since they are mounted where they are."""
        home = self._options.container_dir(container.group)
        if not groups.joins(container):
            texts = self._outfit.networks.files(container)
            for name, text in (
                ("hostname", texts.hostname),
                ("hosts", texts.hosts),
                ("resolv.conf", texts.resolv_conf),
            ):
                (home / name).write_text(text)
        seen = partial(self._outfit.remap.seen, container.spec.host)
        return {inside: seen(str(home / name)) for inside, name in FILES.items()}

    def _shared_memory(self, container: Container) -> str:
        """Host directory of its /dev/shm; "" for one of its own."""
        ref = groups.lender(container.spec.host.ipc_mode)
        lender = container if ref is None else self._outfit.find(ref)
        if lender.spec.host.ipc_mode == "shareable":
            return str(shared_memory(self._options, lender))
        if ref is not None:
            raise Conflict(
                f"can't join IPC of container {lender.id}: non-shareable IPC (hint: use IpcMode:shareable for the "
                "donor container)"
            )
        return ""

    def _link_variables(self, container: Container) -> tuple[str, ...]:
        """Variables of the links on the default network; on others a link is only a name. Raises Conflict."""
        if container.spec.host.network_mode != "bridge":
            return ()
        found: list[str] = []
        for link in map(links.parse_link, container.spec.host.links or ()):
            try:
                other = self._outfit.find(link.target)
            except NotFound:
                continue  # removed since; dockerd forgets such a link, too
            if other.status.state not in LIVE:
                raise Conflict(
                    f"Cannot link to a non running container: /{other.name} AS /{container.name}/{link.alias}"
                )
            place = other.status.networks.get("bridge")
            found += links.variables(
                links.Linked(
                    parent=container.name,
                    alias=link.alias,
                    address=place.ipv4_address if place else "",
                    exposed=other.spec.exposed_ports,
                    env=other.spec.env or (),
                )
            )
        return tuple(found)


def _single(point: MountPoint) -> MountPoint:
    """Nothing can be mounted below a file, and crun takes the target of a deep read-only mount for a directory."""
    if point.type == "bind" and point.recursive and Path(point.source).is_file():
        return replace(point, recursive=False)
    return point
