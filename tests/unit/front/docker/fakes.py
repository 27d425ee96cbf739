"""Services that stand behind the Docker API in tests: containers that live in a dictionary and obey at once."""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from boxship.base import ids
from boxship.base.bus import Bus, Event
from boxship.base.clock import Clock, ManualClock
from boxship.base.errors import Conflict, Invalid, NotFound, Unchanged
from boxship.base.units import SECOND
from boxship.engine.build.prune import Pruned
from boxship.engine.options import EngineOptions
from boxship.engine.system import System
from boxship.engine.top import ProcessTable
from boxship.front.docker import keys
from boxship.front.docker.app import docker_app
from boxship.front.docker.wire.inspect import Places
from boxship.front.rest.app import Server
from boxship.model.container import ContainerSpec, HostUpdate
from boxship.model.image import Image, ImageConfig
from boxship.model.network import EndpointStatus
from boxship.model.status import Container, State
from boxship.model.system import Facts, RuntimeFacts
from boxship.model.volume import Volume

IMAGE = Image(id="sha256:" + "ab" * 32, created=SECOND, config=ImageConfig(), tags=("busybox:latest",), size=4_000_000)


class FakeWaiter:
    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def result(self) -> tuple[int, str]:
        return await self.answer


class FakeContainers:
    def __init__(self, bus: Bus, clock: Clock) -> None:
        self.records: dict[str, Container] = {}
        self.waiters: list[FakeWaiter] = []
        self.calls: list[tuple[str, Any]] = []
        self._bus = bus
        self._clock = clock

    def all(self) -> list[Container]:
        return list(self.records.values())

    def get(self, ref: str) -> Container:
        for container in self.records.values():
            if ref.removeprefix("/") == container.name or container.id.startswith(ref):
                return container
        raise NotFound(f"No such container: {ref}")

    def put(self, container: Container) -> None:
        self.records[container.id] = container

    async def create(
        self, spec: ContainerSpec, name: str | None = None, platform: str = ""
    ) -> tuple[Container, tuple[str, ...]]:
        if spec.image not in ("busybox", "busybox:latest"):
            raise NotFound(f"No such image: {spec.image}:latest")
        if any(container.name == name for container in self.all()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        words = (*(spec.entrypoint or ()), *(spec.cmd or ("sh",)))
        container = Container(
            id=ids.new_id(),
            name=name or "quirky_hopper",
            created=self._clock.now(),
            image_id=IMAGE.id,
            group="",
            spec=spec,
            path=words[0],
            args=words[1:],
        )
        self.put(replace(container, group=container.id))
        self._publish(container, "create")
        return container, ("a warning of the engine",) if spec.host.privileged else ()

    def _publish(self, container: Container, action: str) -> None:
        attributes = {**container.spec.labels, "image": container.spec.image, "name": container.name}
        self._bus.publish(
            Event(kind="container", action=action, id=container.id, time=self._clock.now(), attributes=attributes)
        )

    def change(self, ref: str, **status: Any) -> None:
        container = self.get(ref)
        self.put(replace(container, status=replace(container.status, **status)))

    async def start(self, ref: str) -> None:
        container = self.get(ref)
        if container.status.state is State.RUNNING:
            raise Unchanged("already running")
        network = EndpointStatus(
            network_id="9" * 64, network="bridge", ipv4_address="172.17.0.2", ipv4_prefix=16, gateway="172.17.0.1"
        )
        self.change(ref, state=State.RUNNING, pid=4711, started_at=self._clock.now(), networks={"bridge": network})
        self._publish(container, "start")

    async def stop(self, ref: str, *, signal: str | None = None, grace: int | None = None) -> None:
        self.calls.append(("stop", (ref, signal, grace)))
        self.change(ref, state=State.EXITED, pid=0, exit_code=137, finished_at=self._clock.now(), networks={})
        self._publish(self.get(ref), "die")
        for waiter in self.waiters:
            if not waiter.answer.done():
                waiter.answer.set_result((137, ""))

    async def restart(self, ref: str, *, signal: str | None = None, grace: int | None = None) -> None:
        self.calls.append(("restart", (ref, signal, grace)))

    async def kill(self, ref: str, signal: str = "") -> None:
        container = self.get(ref)
        if container.status.state is not State.RUNNING:
            raise Conflict(f"container {container.id} is not running")
        await self.stop(ref)

    async def pause(self, ref: str) -> None:
        self.change(ref, state=State.PAUSED)

    async def unpause(self, ref: str) -> None:
        self.change(ref, state=State.RUNNING)

    async def rename(self, ref: str, name: str) -> None:
        self.put(replace(self.get(ref), name=name))

    async def update(self, ref: str, update: HostUpdate) -> tuple[str, ...]:
        self.calls.append(("update", update))
        return ()

    async def remove(self, ref: str, *, force: bool = False, volumes: bool = False, link: bool = False) -> None:
        self.calls.append(("remove", (force, volumes, link)))
        if link:
            return
        del self.records[self.get(ref).id]

    def wait(self, ref: str, condition: str = "") -> FakeWaiter:
        self.get(ref)
        if condition not in ("not-running", "next-exit", "removed"):
            raise Invalid(f'invalid condition: "{condition}"')
        self.waiters.append(FakeWaiter())
        return self.waiters[-1]

    async def prune(self, chosen: Callable[[Container], bool]) -> tuple[list[str], int]:
        gone = [container.id for container in self.all() if chosen(container)]
        for container_id in gone:
            del self.records[container_id]
        return gone, 17 * len(gone)


class FakeImages:
    def __init__(self) -> None:
        self.images = [IMAGE]

    def all(self) -> list[Image]:
        return self.images

    def find(self, ref: str) -> Image | None:
        names = (ref, f"{ref}:latest", f"sha256:{ref}")
        return next((i for i in self.images if i.id in names or set(names) & set(i.tags)), None)

    def layer_sizes(self, image: Image) -> tuple[int, ...]:
        return (image.size,)

    def disk_usage(self) -> int:
        return sum(image.size for image in self.images)


class FakeVolumes:
    def all(self) -> list[Volume]:
        return []


class FakeTop:
    async def top(self, container: Container, arguments: str = "") -> ProcessTable:
        return ProcessTable(["PID", "CMD"], [[str(container.status.pid), arguments]])


class FakeBuilder:
    async def usage(self) -> list[dict[str, Any]]:
        return []

    async def prune(self, wish: object) -> Pruned:
        return Pruned()


class FakeExecs:
    def for_container(self, container_id: str) -> tuple[str, ...]:
        return ()


async def measure(path: Path) -> int:
    return 5


FACTS = Facts(
    id="ID",
    name="host",
    version="0.1.0",
    runtimes={"crun": RuntimeFacts(path="/usr/bin/crun", version="1.8.1")},
    default_runtime="crun",
    limits=frozenset({"memory", "pids"}),
    cpus=2,
    memory=8 << 30,
)


class Service:
    """A whole Docker API over fakes, listening on a unix socket."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.bus, self.clock = Bus(), clock or ManualClock()
        self.containers = FakeContainers(self.bus, self.clock)
        self.images = FakeImages()
        options = EngineOptions(data_root=Path("/data"), exec_root=Path("/run/x"))
        self.system = System(
            FACTS,
            options,
            containers=self.containers,
            images=self.images,
            volumes=FakeVolumes(),
            measure=measure,
        )
        self.path = ""

    def app(self) -> web.Application:
        services: dict[web.AppKey[Any], object] = {
            keys.CONTAINERS: self.containers,
            keys.IMAGES: self.images,
            keys.EXECS: FakeExecs(),
            keys.BUILDER: FakeBuilder(),
            keys.TOP: FakeTop(),
            keys.SYSTEM: self.system,
            keys.BUS: self.bus,
            keys.CLOCK: self.clock,
            keys.PLACES: Places(data_root="/data", exec_root="/run/x"),
        }
        return docker_app(services)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Service"]:
        with tempfile.TemporaryDirectory(prefix="bt-front-") as home:
            self.path = f"{home}/docker.sock"
            sock = socket.socket(socket.AF_UNIX)
            sock.bind(self.path)
            server = await Server.start(self.app())
            await server.listen(sock)
            try:
                yield self
            finally:
                await server.stop(grace=0)
