"""Builds a node out of its parts: the only place that names concrete classes. Decides nothing else."""

import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from boxship.app import facts, remapping
from boxship.app.ground import Ground, cpu_time, traffic
from boxship.app.proxies import proxies
from boxship.app.relief import relieve
from boxship.app.settings import Settings
from boxship.base.bus import Bus
from boxship.base.clock import SystemClock
from boxship.base.errors import Invalid
from boxship.base.ids import new_id
from boxship.base.tasks import Tasks
from boxship.base.units import SECOND
from boxship.engine.archive import Archive
from boxship.engine.audit import Audit
from boxship.engine.backups import Backups
from boxship.engine.build.cachestore import BuildCache
from boxship.engine.build.seams import Parts as BuildParts
from boxship.engine.build.service import Builder
from boxship.engine.chronicle import Chronicle
from boxship.engine.commits import Commits
from boxship.engine.containers import Containers
from boxship.engine.containers.mounting import Mounting
from boxship.engine.containers.mountkeeper import MountKeeper
from boxship.engine.events import Events
from boxship.engine.execs import Execs
from boxship.engine.images import Images
from boxship.engine.images.evictor import Evictor, measured
from boxship.engine.images.manifest import wanted_platform
from boxship.engine.images.pressure import Limits
from boxship.engine.images.registry import Registries
from boxship.engine.images.registry.hosts import RegistryOptions
from boxship.engine.launchpad import Launchpad, Outfit
from boxship.engine.logs import Ends, Logs, Rotator, Shipping
from boxship.engine.networks.service import Networks
from boxship.engine.options import EngineOptions
from boxship.engine.record import Records
from boxship.engine.remap import Remap
from boxship.engine.rootfs import Rootfs
from boxship.engine.seams import Parts
from boxship.engine.secretfiles import SecretFiles
from boxship.engine.stats import Sources, Stats
from boxship.engine.streams import Streams
from boxship.engine.system import System
from boxship.engine.top import Top
from boxship.engine.volumes import Volumes
from boxship.engine.volumes.copyup import CopyUp
from boxship.engine.volumes.drivers.calls import PluginCalls
from boxship.engine.volumes.drivers.discovery import Drivers, PluginPlaces
from boxship.engine.volumes.drivers.local import LocalDriver
from boxship.engine.volumes.drivers.plugin import PluginDriver
from boxship.front.docker import keys
from boxship.front.docker.app import docker_app
from boxship.front.docker.wire.inspect import Places
from boxship.host import cgroups, emulation, inside, mounts, mountwatch, users
from boxship.host import machine as machines
from boxship.host.api.cgroups import Cgroups
from boxship.host.conmon.runtime import ConmonRuntime
from boxship.host.memory import give_back
from boxship.host.netns import Owners
from boxship.host.network import host_net
from boxship.host.oci.facts import host_facts
from boxship.host.oci.once import OnceRuntime
from boxship.host.oci.programs import Programs
from boxship.host.process import run
from boxship.host.tree import Trees
from boxship.host.watch import Watch
from boxship.model.runtime import HostFacts
from boxship.model.status import Container
from boxship.store.sqlite import SqliteStore

log = logging.getLogger(__name__)


class Node:
    """A running node. app: answers the API."""

    def __init__(
        self, app: web.Application, containers: Containers, renew: Callable[[Settings], Awaitable[None]]
    ) -> None:
        self.app = app
        self._containers = containers
        self.reload = renew
        self.stack = contextlib.AsyncExitStack()

    def states(self) -> Iterable[str]:
        return (container.status.state for container in self._containers.all())

    async def aclose(self) -> None:
        """Let go of everything; containers go on."""
        await self.stack.aclose()


class _Host(msgspec.Struct):
    """What is found and opened on the host before the engine is built."""

    options: EngineOptions
    facts: HostFacts
    groups: Cgroups
    programs: Programs
    trees: Trees
    store: SqliteStore
    watch: Watch
    ground: Ground
    remap: Remap


async def build(settings: Settings) -> Node:
    """Return a node that has recovered what an earlier daemon left. Raises PlatformError when it cannot be."""
    os.environ.update(proxies(settings, os.environ).environ)  # where all clients of registries look
    async with contextlib.AsyncExitStack() as stack:
        host = await _host(settings, stack)
        node = await _engine(settings, host, stack)
        node.stack = stack.pop_all()
        return node


async def _host(settings: Settings, stack: contextlib.AsyncExitStack) -> _Host:
    data_root = Path(settings.data_root)
    data_root.mkdir(mode=0o711, parents=True, exist_ok=True)
    mounts.make_private(str(data_root))
    programs = Programs(_programs(settings), settings.default_runtime)
    found = await programs.probe()
    groups = cgroups.detect()  # after the probe, which may mount hierarchies that crun needs
    host = host_facts(groups, settings.init_path)
    options = facts.engine_options(settings, found, host, _text("/proc/sys/kernel/random/boot_id"))
    trees = Trees(data_root / "trash")
    stack.push_async_callback(trees.aclose)
    trees.empty()
    store = SqliteStore(data_root / "boxship.db")
    stack.push_async_callback(store.close)
    watch = Watch()
    stack.callback(watch.close)
    ground, remap = Ground(data_root, trees), remapping.remap(settings)
    return _Host(options, host, groups, programs, trees, store, watch, ground, remap)


def _programs(settings: Settings) -> dict[str, str]:
    return {name: " ".join((choice.path, *choice.args)) for name, choice in settings.runtimes.items()}


async def _engine(settings: Settings, host: _Host, stack: contextlib.AsyncExitStack) -> Node:
    options, store, ground = host.options, host.store, host.ground
    clock, bus = SystemClock(), Bus()
    chronicle = Chronicle(Path(settings.data_root, "chronicle.jsonl"))
    stack.callback(chronicle.close)
    events = Events(bus, clock, chronicle)
    records = Records(store)
    await records.load()
    runtime = ConmonRuntime(settings.exec_root, host.groups, host.programs)
    stack.push_async_callback(runtime.aclose)

    cache = BuildCache(store, clock)
    await cache.load()
    images = Images(
        store, events, clock, options.data_root, trees=ground, containers=records.all, kept=cache.layers,
        boot=options.boot_id,
    )  # fmt: skip
    stack.push_async_callback(images.aclose)
    await images.start()
    registries = Registries(images, events, _registry_options(settings), clock)
    evictor = Evictor(images, events, clock, _limits(settings), lambda: measured(options.data_root))
    evictor.start()
    stack.push_async_callback(evictor.aclose)
    copy_up = CopyUp(options.data_root, ground, images)
    drivers = Drivers(
        {"local": LocalDriver(options.data_root, ground)}, PluginPlaces(),
        lambda name, address: PluginDriver(name, options.data_root, ground, PluginCalls(name, address)),
    )  # fmt: skip
    volumes = Volumes(store, events, clock, drivers=drivers, copy_up=copy_up, containers=records.all, remap=host.remap)
    await volumes.start()
    placing = facts.network_settings(settings)
    owners = Owners(
        lambda group: host.remap.users_of(records.of(group), records.find), host.remap.uid_map, host.remap.gid_map
    )
    net = host_net(settings.exec_root, placing.link_prefix, placing.spaces_ahead, owners)
    networks = Networks(placing, net, store, records, bus, clock)
    await networks.open()
    stack.push_async_callback(networks.aclose)

    secret_files = SecretFiles(options.exec_root, mounts, records, host.remap)
    rootfs = Rootfs(options, mounts, host.trees, host.remap, secret_files)
    ends = Ends(records.of, bus)
    logs = Logs(ends, host.watch.stirred)
    streams = Streams(runtime, logs, events, clock)
    stack.push_async_callback(streams.aclose)
    launchpad = Launchpad(_outfit(settings, host, records, networks, runtime))
    networks.on_files = lambda container_id: launchpad.refresh(records.find(container_id))
    parts = Parts(
        options=options, clock=clock, events=events, runtime=runtime, images=images, networks=networks,
        volumes=volumes, layers=rootfs, launcher=launchpad, clients=streams,
    )  # fmt: skip
    containers = Containers(records, parts)
    stack.push_async_callback(containers.aclose)
    execs = Execs(containers, runtime, events, clock, launchpad.process_of)
    stack.push_async_callback(execs.aclose)
    here = wanted_platform("")
    once = OnceRuntime(settings.exec_root, host.groups, host.programs)
    builder = Builder(BuildParts(
        options=options, clock=clock, events=events, store=store, cache=cache, images=images, registries=registries,
        networks=networks, roots=rootfs, launcher=launchpad, once=once, trees=host.trees, mounts=mounts,
        find=records.find, identity=users.identity, platform=(here.os, here.architecture, here.variant), run=run,
        runs=emulation.runs,
    ))  # fmt: skip
    await builder.start()
    await containers.recover()
    keeper = MountKeeper(
        containers, inside, events, root=lambda c: str(rootfs.merged(c)), device=volumes.device,
        mounted=mounts.mounted, changes=mountwatch.changes,
    )  # fmt: skip
    keeper.start()
    stack.push_async_callback(keeper.aclose)
    backups = Backups(options.data_root, volumes, host.trees, containers, registries, clock)
    await backups.sweep()
    mounting = Mounting(records, parts, inside)
    await mounting.restore()

    rotator = Rotator(records.all, runtime)
    rotator.start()
    stack.push_async_callback(rotator.aclose)
    shipping = Shipping(records.all, ends, host.watch.stirred, store)
    await shipping.start(bus)
    stack.push_async_callback(shipping.aclose)
    stats = Stats(records.of, _sources(host), clock)
    stack.push_async_callback(stats.aclose)
    tasks = Tasks()
    tasks.spawn(relieve(bus, give_back), "giving memory back")
    stack.push_async_callback(tasks.aclose)
    system = await _system(settings, host, containers, images, volumes)
    services: dict[web.AppKey[Any], object] = {
        keys.CONTAINERS: containers,
        keys.COMMITS: Commits(images, containers, ground, events, clock),
        keys.IMAGES: images,
        keys.REGISTRIES: registries,
        keys.BACKUPS: backups,
        keys.MOUNTING: mounting,
        keys.NETWORKS: networks,
        keys.VOLUMES: volumes,
        keys.EXECS: execs,
        keys.STREAMS: streams,
        keys.LOGS: logs,
        keys.STATS: stats,
        keys.TOP: Top(lambda c: host.groups.pids(_group(options, c)), events),
        keys.ARCHIVE: Archive(host.trees, rootfs, events, users.identity, host.remap, secret_files),
        keys.SYSTEM: system,
        keys.AUDIT: Audit(options, containers, runtime, host.groups, ground, networks, lambda: builder.running),
        keys.BUILDER: builder,
        keys.BUS: bus,
        keys.CHRONICLE: chronicle,
        keys.CLOCK: clock,
        keys.PLACES: Places(data_root=settings.data_root, exec_root=settings.exec_root),
    }
    return Node(docker_app(services), containers, _renewing(host, system, registries, evictor, networks))


def _outfit(settings: Settings, host: _Host, records: Records, networks: Networks, runtime: ConmonRuntime) -> Outfit:
    return Outfit(
        options=host.options,
        facts=host.facts,
        networks=networks,
        users=users,
        find=records.find,
        bundle=runtime.bundle,
        seccomp=_seccomp(settings.seccomp_profile),
        remap=host.remap,
    )


def _seccomp(choice: str) -> str | None:
    """Return the text of a default profile, None for the built-in one. Raises Invalid for an unreadable file."""
    if choice in ("", "builtin"):
        return None
    if choice == "unconfined":
        return choice
    try:
        return Path(choice).read_text()
    except OSError as e:
        raise Invalid(f"seccomp-profile: cannot read {choice}: {e.strerror}") from e


def _group(options: EngineOptions, container: Container) -> str:
    """Return the container's cgroup, below each hierarchy."""
    parent = container.spec.host.cgroup_parent or options.cgroup_parent
    return f"{parent.rstrip('/')}/{container.id}"


def _sources(host: _Host) -> Sources:
    return Sources(
        cgroup=lambda container: host.groups.stats(_group(host.options, container)),
        system=cpu_time,
        network=traffic,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    )


async def _system(settings: Settings, host: _Host, containers: Containers, images: Images, volumes: Volumes) -> System:
    remark = cgroups.favordynmods() if settings.favordynmods else ""
    if remark:
        log.debug("favordynmods is not in force: %s", remark)
    told = facts.system_facts(
        settings,
        machines.read(),
        host.facts,
        await host.programs.probe(),
        installation=await _installation(host.store),
        monitor=await _conmon_version(),
        backing=mounts.file_system(settings.data_root),
    )
    return System(
        told,
        host.options,
        containers=containers,
        images=images,
        volumes=volumes,
        measure=host.ground.usage,
    )


def _registry_options(settings: Settings) -> RegistryOptions:
    return RegistryOptions(
        mirrors=settings.registry_mirrors,
        insecure=settings.insecure_registries,
        downloads=settings.max_concurrent_downloads,
        uploads=settings.max_concurrent_uploads,
        attempts=settings.max_download_attempts,
    )


def _limits(settings: Settings) -> Limits:
    """Raises Invalid for marks that make no sense together."""
    high, low = settings.image_gc_high, settings.image_gc_low
    if high and not 0 <= low < high <= 100:
        raise Invalid(f"image-gc-low ({low}) must be below image-gc-high ({high}), and both between 0 and 100")
    return Limits(high=high, low=low, age=settings.image_gc_age * SECOND, pinned=settings.pinned_images)


def _renewing(
    host: _Host, system: System, registries: Registries, evictor: Evictor, networks: Networks
) -> Callable[[Settings], Awaitable[None]]:
    """Return what takes the reloadable settings over. It raises Invalid for runtimes that do not work."""

    async def renew(settings: Settings) -> None:
        found = await host.programs.renew(_programs(settings), settings.default_runtime)
        host.options.default_runtime = next(iter(found))
        host.options.default_ulimits = settings.default_ulimits
        host.options.runtimes = {name: info.path for name, info in found.items()}
        registries.options = _registry_options(settings)
        evictor.limits = _limits(settings)
        await networks.open_published(settings.open_published_ports)
        system.reload(
            msgspec.structs.replace(
                system.facts(),
                default_runtime=host.options.default_runtime,
                runtimes=facts.runtime_facts(found),
                labels=settings.labels,
                debug=settings.level == "debug",
                registry_mirrors=settings.registry_mirrors,
                insecure_registries=("::1/128", "127.0.0.0/8", *settings.insecure_registries),
            )
        )

    return renew


async def _installation(store: SqliteStore) -> str:
    """Return the id of this installation, the same as long as the data root lives."""
    entry = await store.get("installation")
    if entry is not None:
        return entry.value.decode()
    made = new_id()[:32]
    await store.put("installation", made.encode())
    return made


async def _conmon_version() -> str:
    done = await run(["conmon", "--version"], timeout=5.0)
    lines = done.out.decode(errors="replace").splitlines()
    return lines[0].removeprefix("conmon version ") if lines else ""


def _text(path: str) -> str:
    return Path(path).read_text().strip()
