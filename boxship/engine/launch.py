"""Everything one start of a container needs, gathered: files, user, devices, namespaces, made into a bundle."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from boxship.base.codec import decode
from boxship.engine import groups
from boxship.engine.bundle import bundle, capabilities, devices, exec_process, resources, security
from boxship.engine.networks.attached import NetworkFiles
from boxship.engine.options import EngineOptions
from boxship.host.api.runtime import Launch
from boxship.model.container import ContainerSpec, HostSpec
from boxship.model.exec import ExecSpec
from boxship.model.runtime import DeviceNode, HostFacts, Identity, IdMap, Surroundings
from boxship.model.status import Container

log = logging.getLogger(__name__)


class _Started(msgspec.Struct):
    """What matters here of a bundle's config.json."""

    process: dict[str, Any]


class Ground(Protocol):
    """What the host tells and does for a start."""

    def identity(self, root: Path, user: str, groups: Sequence[str]) -> Identity:
        """Look `user` and `groups` up in the files of `root`. Raises Invalid, dockerd's sentence, for unknown ones."""
        ...

    def make_directory(self, root: Path, path: str, owner: tuple[int, int]) -> None:
        """Make `path` below `root` with its parents, links followed inside only. Nothing happens if it exists."""
        ...

    def nodes(self, path: str) -> tuple[DeviceNode, ...]: ...

    def every_node(self) -> tuple[DeviceNode, ...]: ...

    def numbers(self, path: str) -> tuple[int, int]: ...

    def cdi_specs(self) -> tuple[dict[str, Any], ...]: ...

    def shared_memory(self, path: Path, size: int) -> None:
        """Mount a tmpfs of `size` bytes at `path`. Nothing happens if one is there."""
        ...


class Places(Protocol):
    """What networks tell of an attached container."""

    def files(self, container: Container) -> NetworkFiles: ...

    def link_variables(self, container: Container) -> tuple[str, ...]: ...


class Roots(Protocol):
    def merged(self, container: Container) -> Path: ...


class Launching:
    """Implements seams.Launcher.

    find: the container of an id or name.  bundle_of: directory of a container's bundle.
    maps: subordinate ids of `userns_remap`, for users and groups, () without it.
    seccomp: text of the daemon's own default profile, None for the built-in one.
    """

    def __init__(
        self,
        options: EngineOptions,
        facts: HostFacts,
        ground: Ground,
        *,
        roots: Roots,
        places: Places,
        find: Callable[[str], Container],
        bundle_of: Callable[[str], str],
        maps: tuple[tuple[IdMap, ...], tuple[IdMap, ...]] = ((), ()),
        seccomp: str | None = None,
    ) -> None:
        self._options = options
        self._facts = facts
        self._ground = ground
        self._roots = roots
        self._places = places
        self._find = find
        self._bundle_of = bundle_of
        self._maps = maps
        self._seccomp = seccomp

    def check(self, spec: ContainerSpec) -> tuple[str, ...]:
        """Raise Invalid for what this host cannot run at all; return warnings about what it will leave out."""
        capabilities.check(spec.host, self._facts)
        devices.check(spec.host)
        security.check(spec.host)
        _, left_out = resources(spec.host, self._facts)
        return (*capabilities.warnings(spec.host, self._facts), *left_out)

    def limits(self, container: Container) -> tuple[dict[str, Any], tuple[str, ...]]:
        return resources(container.spec.host, self._facts, self._block(container.spec.host))

    async def prepare(self, container: Container, netns_path: str) -> Launch:
        spec = container.spec
        root = self._roots.merged(container)
        identity = self._ground.identity(root, spec.user, spec.host.group_add or ())
        if spec.working_dir not in ("", "/"):
            self._ground.make_directory(root, spec.working_dir, (identity.uid, identity.gid))
        built = bundle(container, self._facts, self._surroundings(container, netns_path, root, identity))
        for warning in built.warnings:
            log.debug("container %s: %s", container.id, warning)
        return Launch(
            id=container.id,
            config=built.config,
            runtime=container.runtime,
            terminal=spec.tty,
            stdin=spec.open_stdin,
            stdin_once=spec.stdin_once,
            log_path=container.log_path or None,
        )

    async def process_of(self, container: Container, spec: ExecSpec) -> dict[str, Any]:
        root = self._roots.merged(container)
        identity = self._ground.identity(root, spec.user or container.spec.user, container.spec.host.group_add or ())
        return exec_process(container, spec, self._facts, identity, self._first(container))

    def _first(self, container: Container) -> dict[str, Any] | None:
        """Return the first process as it was started, None when its bundle is gone."""
        try:
            text = Path(self._bundle_of(container.id), "config.json").read_bytes()
        except OSError:
            return None
        return decode(text, _Started).process

    def _surroundings(self, container: Container, netns: str, root: Path, identity: Identity) -> Surroundings:
        host, options = container.spec.host, self._options
        return Surroundings(
            rootfs=str(root),
            cgroup=f"{host.cgroup_parent or options.cgroup_parent}/{container.id}",
            identity=identity,
            netns=netns,
            namespaces=groups.borrowed(host, self._find),
            hostname=container.spec.hostname,
            files=self._files(container),
            shm=self._shm(container),
            devices={device.path_on_host: self._ground.nodes(device.path_on_host) for device in host.devices or ()},
            block=self._block(host),
            host_devices=self._ground.every_node() if host.privileged else (),
            cdi=self._ground.cdi_specs() if host.device_requests else (),
            link_env=self._places.link_variables(container),
            uid_map=self._maps[0],
            gid_map=self._maps[1],
            seccomp=self._seccomp,
            ulimits=options.default_ulimits,
            no_new_privileges=options.no_new_privileges,
            init=options.init,
            cgroupns=options.cgroupns_mode,
            ipc=options.ipc_mode,
        )

    def _files(self, container: Container) -> dict[str, str]:
        """Write the files that tell the container its place in the network; one that joined another has the same."""
        home = self._options.container_dir(container.group)
        if not groups.joins(container):
            told = self._places.files(container)
            for name, text in (("hostname", told.hostname), ("hosts", told.hosts), ("resolv.conf", told.resolv_conf)):
                (home / name).write_text(text)
        return {f"/etc/{name}": str(home / name) for name in ("hostname", "hosts", "resolv.conf")}

    def _shm(self, container: Container) -> str:
        """Shared memory that others may join, or that of the one joined, or the host's; "" for none of these."""
        mode = container.spec.host.ipc_mode or self._options.ipc_mode
        lender = groups.lender(mode)
        if mode == "host":
            return "/dev/shm"
        if lender is None and mode != "shareable":
            return ""
        owner = container if lender is None else self._find(lender)
        path = self._options.container_dir(owner.id) / "shm"
        if lender is None:
            self._ground.shared_memory(path, container.spec.host.shm_size or self._options.shm_size)
        return str(path)

    def _block(self, host: HostSpec) -> dict[str, tuple[int, int]]:
        throttled = (
            host.blkio_device_read_bps,
            host.blkio_device_write_bps,
            host.blkio_device_read_iops,
            host.blkio_device_write_iops,
        )
        paths = {entry.path for group in throttled for entry in group or ()}
        paths |= {entry.path for entry in host.blkio_weight_device or ()}
        return {path: self._ground.numbers(path) for path in paths}
