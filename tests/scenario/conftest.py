"""A whole engine on a pretended host, in virtual time, with a fuse that kills the daemon at any chosen point."""

import asyncio
import inspect
import selectors
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from boxship.base.bus import Bus
from boxship.base.errors import NotFound
from boxship.base.units import SECOND
from boxship.engine.containers import Containers
from boxship.engine.events import Events
from boxship.engine.networks.attached import Attached
from boxship.engine.options import EngineOptions
from boxship.engine.record import Records
from boxship.engine.rootfs import Rootfs
from boxship.engine.seams import Parts
from boxship.host.api.runtime import Launch
from boxship.host.fake.machine import Machine
from boxship.host.fake.runtime import FakeMounts, FakeRuntime
from boxship.model.container import ContainerSpec
from boxship.model.exec import ExecSpec
from boxship.model.image import Image, ImageConfig
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, MountPoint
from boxship.store.memory import MemoryStore

T = TypeVar("T")
EPOCH = 1_700_000_000 * SECOND


class _Jump(selectors.DefaultSelector):
    """Instead of waiting, lets the loop's time jump to the next timer."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self.skipped += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.skipped


class LoopClock:
    """Virtual time of day. Every reading is later than the one before, as on a real machine."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._readings = 0

    def now(self) -> int:
        self._readings += 1
        return EPOCH + int(self._loop.time() * SECOND) + self._readings

    def monotonic(self) -> int:
        return self.now()


class DaemonKilled(BaseException):
    """kill -9 between two instructions."""


class Fuse:
    """Counts the points at which the daemon touches anything outside of itself; blows at the chosen one."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.points = 0
        self.trail: list[str] = []
        self.blown = asyncio.Event()

    def burn(self, point: str) -> None:
        if self.blown.is_set():
            raise DaemonKilled(point)
        self.points += 1
        self.trail.append(point)
        if self.points == self.at:
            self.blown.set()
            raise DaemonKilled(point)


class Fused:
    """Anything of the outside world, with a point before and after each use."""

    def __init__(self, inner: Any, fuse: Fuse, harmless: Collection[str] = ()) -> None:
        self._inner = inner
        self._fuse = fuse
        self._harmless = harmless

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name in self._harmless or not callable(method):
            return method
        point = f"{type(self._inner).__name__}.{name}"
        if inspect.iscoroutinefunction(method):

            async def later(*args: Any, **kwargs: Any) -> Any:
                self._fuse.burn(f"before {point}")
                result = await method(*args, **kwargs)
                self._fuse.burn(f"after {point}")
                return result

            return later

        def now(*args: Any, **kwargs: Any) -> Any:
            self._fuse.burn(f"before {point}")
            result = method(*args, **kwargs)
            self._fuse.burn(f"after {point}")
            return result

        return now


class FakeNetworks:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.fails = ""

    async def attach(self, container: Container) -> Attached:
        await asyncio.sleep(0)
        if self.fails:
            raise NotFound(self.fails)
        self.machine.netns.add(container.id)
        networks = {
            name: EndpointStatus(network_id=name, network=name, endpoint_id="e", ipv4_address="172.17.0.2")
            for name in container.spec.networks
        }
        return Attached(netns_path=f"/fake/netns/{container.id}", networks=networks, ports={})

    async def detach(self, container: Container) -> None:
        self.machine.netns.discard(container.id)

    def join(self, container: Container, other: Container) -> Attached:
        assert other.id in self.machine.netns, "joined a group that has no network"
        return Attached(netns_path=f"/fake/netns/{other.group}")

    async def adopt(self, containers: Iterable[Container]) -> None:
        self.machine.netns &= {c.group for c in containers}


class FakeVolumes:
    def __init__(self) -> None:
        self.there: set[str] = set()

    def settle(self, container_id: str, spec: ContainerSpec, image: Image) -> tuple[MountPoint, ...]:
        return tuple(
            MountPoint(type="volume", destination=target, name=f"{container_id[:8]}{target}", anonymous=True)
            for target in spec.volumes
        )

    async def provide(self, container: Container) -> None:
        self.there |= {m.name for m in container.mounts}

    async def withdraw(self, container: Container) -> None:
        return None

    async def release(self, container: Container) -> None:
        self.there -= {m.name for m in container.mounts}


class FakeImages:
    def get(self, ref: str) -> Image:
        if ref != "busybox":
            raise NotFound(f"No such image: {ref}:latest")
        return Image(
            id="sha256:" + "b" * 64,
            created=1,
            architecture="amd64",
            config=ImageConfig(cmd=("sh",), env=("PATH=/bin",)),
        )

    def members(self, ref: str) -> list[Image]:
        return []

    def lowers(self, image: Image) -> tuple[str, ...]:
        return ("/layers/busybox",)


class FakeLauncher:
    async def prepare(self, container: Container, netns_path: str) -> Launch:
        return Launch(id=container.id, config={"netns": netns_path}, runtime=container.runtime)

    async def process_of(self, container: Container, spec: ExecSpec) -> dict[str, Any]:
        return {"args": list(spec.cmd)}

    def check(self, spec: ContainerSpec) -> tuple[str, ...]:
        return ()

    def limits(self, container: Container) -> tuple[dict[str, Any], tuple[str, ...]]:
        return {"memory": {"limit": container.spec.host.memory}}, ()


class FakeClients:
    def __init__(self) -> None:
        self.calls: list[str] = []

    async def launched(self, container_id: str) -> None:
        self.calls.append("launched")

    def ended(self, container_id: str) -> None:
        self.calls.append("ended")

    def resize(self, container: Container, height: int, width: int) -> None:
        self.calls.append(f"resize {height} {width}")


class FakeTrees:
    """Deletes at once what the real one deletes in the background."""

    def trash(self, path: Path) -> None:
        for root, directories, files in sorted(((r, d, f) for r, d, f in _walk(path)), reverse=True):
            for file in files:
                (Path(root) / file).unlink()
            for directory in directories:
                (Path(root) / directory).rmdir()
        if path.is_dir():
            path.rmdir()

    async def usage(self, *trees: Path) -> int:
        return 1000


def _walk(path: Path) -> list[tuple[str, list[str], list[str]]]:
    import os

    return list(os.walk(path))


class World:
    """What outlives a daemon: the machine, the store, the files, the volumes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, root: Path) -> None:
        self.clock = LoopClock(loop)
        self.machine = Machine(self.clock.now)
        self.store = MemoryStore()
        self.bus = Bus()
        self.networks = FakeNetworks(self.machine)
        self.volumes = FakeVolumes()
        self.clients = FakeClients()
        self.runtime = FakeRuntime(self.machine)
        self.options = EngineOptions(data_root=root / "data", exec_root=root / "exec", boot_id="first")
        self.daemons: list[Containers] = []

    def reboot(self) -> None:
        self.options = replace(self.options, boot_id=f"{self.options.boot_id}+")

    def daemon(self, fuse: Fuse | None = None) -> Containers:
        """Build a daemon; `recover` it before use."""
        fuse = fuse or Fuse()
        rootfs = Rootfs(self.options, FakeMounts(self.machine), FakeTrees())
        store: Any = Fused(self.store, fuse, ("list",))
        parts = Parts(
            options=self.options,
            clock=self.clock,
            events=Events(self.bus, self.clock),
            runtime=Fused(self.runtime, fuse, ("exits", "present", "exit_of", "exec")),  # type: ignore[arg-type]
            images=FakeImages(),
            networks=Fused(self.networks, fuse),  # type: ignore[arg-type]
            volumes=Fused(self.volumes, fuse, ("settle",)),  # type: ignore[arg-type]
            layers=Fused(rootfs, fuse, ("is_mounted", "mounted", "usage")),  # type: ignore[arg-type]
            launcher=FakeLauncher(),
            clients=self.clients,
        )
        containers = Containers(Records(store), parts)
        self.daemons.append(containers)
        return containers

    async def up(self, fuse: Fuse | None = None) -> Containers:
        containers = self.daemon(fuse)
        await containers.recover()
        return containers

    async def until_killed(self, work: Coroutine[Any, Any, T], fuse: Fuse) -> bool:
        """Let `work` go on until it is done or the fuse blows; tell whether it was done."""
        task = asyncio.ensure_future(work)
        blown = asyncio.ensure_future(fuse.blown.wait())
        await asyncio.wait({task, blown}, return_when=asyncio.FIRST_COMPLETED)
        done = task.done() and not fuse.blown.is_set()
        fuse.blown.set()
        self.machine.deafen()
        for leftover in (task, blown):
            leftover.cancel()
        await asyncio.gather(task, blown, return_exceptions=True)
        await self.daemons[-1].aclose()
        return done

    def actions(self) -> list[str]:
        """Events so far, in order."""
        return [event.action for event in self.bus.past()]

    def portrait(self, containers: Containers) -> list[str]:
        """What there is, with names in place of ids and no times: equal for worlds that are in the same state."""
        names = {c.id: c.name for c in containers.all()}
        lines = [f"{c.name} {c.status.state} wants {c.desired} exit {c.status.exit_code}" for c in containers.all()]
        held = self.machine.leftovers() + [f"volume {v}" for v in self.volumes.there]
        home = self.options.data_root / "containers"
        held += [f"files {d.name}" for d in (home.iterdir() if home.is_dir() else ())]
        for line in held:
            for full, name in names.items():
                line = line.replace(str(home), "").replace(full, name).replace(full[:8], name)
            lines.append(line)
        return sorted(lines)


Script = Callable[[World], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Script], None]:
    """Run a script in a world of its own, in virtual time."""
    count = 0

    def run(script: Script) -> None:
        nonlocal count
        count += 1
        loop = VirtualLoop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(_play(script, World(loop, tmp_path / str(count))))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return run


async def _play(script: Script, world: World) -> None:
    try:
        await script(world)
    finally:
        for daemon in world.daemons:
            await daemon.aclose()


@pytest.fixture
def fuse() -> Callable[[int | None], Fuse]:
    return Fuse
