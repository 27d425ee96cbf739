"""Networks on the real kernel: own bridge, own firewall table, own directory; containers are sleeping processes."""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from boxship.base.bus import Bus, Event
from boxship.base.clock import SystemClock
from boxship.base.errors import NotFound
from boxship.base.ids import new_id
from boxship.engine.networks import Networks, NetworkSettings
from boxship.host.network import host_net
from boxship.model.container import ContainerSpec, HostSpec, PortBinding
from boxship.model.status import Container, Desired, HealthStatus, State
from boxship.store.memory import MemoryStore
from tests.daemons import bpf_programs

TALK = str(Path(__file__).with_name("talk.py"))
PATIENCE, SILENCE = 20.0, 0.7  # seconds; what is dropped never answers


class Records:
    """The seam `Members`, in memory."""

    def __init__(self) -> None:
        self.by_id: dict[str, Container] = {}

    def find(self, ref: str) -> Container:
        for container in self.by_id.values():
            if ref in (container.id, container.name, container.id[:12]):
                return container
        raise NotFound(f"No such container: {ref}")

    def all(self) -> list[Container]:
        return list(self.by_id.values())

    async def save(self, container: Container) -> Container:
        self.by_id[container.id] = container
        return container


class Lab:
    """A daemon's networks, and containers that are nothing but namespaces with a sleeping process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tag = secrets.token_hex(2)
        self.settings = NetworkSettings(
            exec_root=str(root),
            bridge=f"bt{self.tag}",
            bip="10.211.0.1/24",
            pools=(("10.212.0.0/16", 24),),
            firewall_table=f"boxship_t{self.tag}",
            link_prefix=f"bt{self.tag}v",
            network_prefix=f"bt{self.tag}n",
            spaces_ahead=2,
            seed6=self.tag,
        )
        self.store = MemoryStore()
        self.records = Records()
        self.bus = Bus()
        self.sleepers: dict[str, subprocess.Popen[bytes]] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        self.told: list[Event] = []
        self._listening = asyncio.create_task(self._listen())
        self.networks = self.daemon()

    async def _listen(self) -> None:
        async for event in self.bus.follow():
            self.told.append(event)

    def daemon(self) -> Networks:
        host = host_net(self.settings.exec_root, self.settings.link_prefix, self.settings.spaces_ahead)
        return Networks(self.settings, host, self.store, self.records, self.bus, SystemClock())

    async def restart(self) -> None:
        """Let the daemon die and another one take over. The dead one's sockets are closed, nothing else is."""
        await self.networks.aclose()
        await self.revive()

    async def revive(self) -> None:
        self.networks = self.daemon()
        await self.networks.open()
        await self.networks.adopt([c for c in self.records.all() if c.status.state is State.RUNNING])

    async def start(self, name: str, **changes: object) -> Container:
        """`changes` are of HostSpec, but for `networks`, `labels` and `healthcheck`."""
        own = {key: changes.pop(key) for key in ("networks", "labels", "healthcheck") if key in changes}
        spec = ContainerSpec(**own)  # type: ignore[arg-type]
        host = HostSpec(**changes)  # type: ignore[arg-type]
        container_id = new_id()
        container = Container(
            id=container_id,
            name=name,
            created=1,
            image_id="sha256:0",
            group=container_id,
            desired=Desired.RUNNING,
            spec=msgspec.structs.replace(spec, host=host),
        )
        await self.records.save(container)
        return await self.attach(container)

    async def attach(self, container: Container) -> Container:
        attached = await self.networks.attach(container)
        container = self.records.find(container.id)
        pid = self._sleep(container.id, attached.netns_path)
        status = msgspec.structs.replace(
            container.status, state=State.RUNNING, pid=pid, networks=attached.networks, ports=attached.ports
        )
        return await self.records.save(msgspec.structs.replace(container, status=status))

    def _sleep(self, container_id: str, path: str) -> int:
        enter = ["nsenter", f"--net={path}"] if path else []
        sleeper = self.sleepers[container_id] = subprocess.Popen([*enter, "busybox", "sleep", "600"])
        return sleeper.pid

    async def rename(self, container: Container, name: str) -> Container:
        renamed = await self.records.save(msgspec.structs.replace(self.now(container), name=name))
        self.bus.publish(Event(kind="container", action="rename", id=container.id, time=1))
        async with asyncio.timeout(60):
            while any(s.dns_names[:1] != (name,) for s in self.now(container).status.networks.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return renamed

    async def stop(self, container: Container) -> None:
        self.end(container)
        await self.networks.detach(self.records.find(container.id))
        self.records.by_id.pop(container.id, None)

    def end(self, container: Container) -> None:
        sleeper = self.sleepers.pop(container.id, None)
        if sleeper is not None:
            sleeper.kill()
            sleeper.wait()

    def now(self, container: Container) -> Container:
        return self.records.find(container.id)

    def inside(self, container: Container, *argv: str) -> list[str]:
        """The command line that runs `argv` in the container's network namespace."""
        return ["nsenter", f"--net={self.root}/netns/{container.group}", *argv]

    async def run(self, container: Container | None, *argv: str) -> str:
        """Run a command in the container's namespace, or the host's; return its output, both streams."""
        found = await asyncio.create_subprocess_exec(
            *(self.inside(container, *argv) if container else argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await found.communicate()
        return output.decode().strip()

    async def ask(
        self, container: Container | None, protocol: str, address: str, port: int, patience: float = PATIENCE
    ) -> str:
        """Ask from the container, or the host; see talk.py."""
        words = ("ask", protocol, address, str(port), str(patience))
        return await self.run(container, sys.executable, "-IS", TALK, *words)

    async def blocked(self, container: Container | None, protocol: str, address: str, port: int) -> bool:
        """Tell whether the same gets no answer."""
        return (await self.ask(container, protocol, address, port, SILENCE)).startswith("no:")

    async def serve(self, container: Container, port: int, family: str = "4") -> None:
        await self._server(container, "serve", family, str(port))

    async def say(self, container: Container, port: int, word: str) -> None:
        await self._server(container, "say", str(port), word)

    async def name(self, container: Container, port: int, word: str) -> None:
        """Answer datagrams with a word."""
        await self._server(container, "name", str(port), word)

    async def echo(self, container: Container, port: int) -> None:
        await self._server(container, "echo", str(port))

    async def _server(self, container: Container, *words: str) -> None:
        """Run a server of talk.py in the container's namespace until the end of the test."""
        argv = self.inside(container, sys.executable, "-IS", TALK, *words)
        server = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self.servers.append(server)
        assert server.stdout is not None
        await asyncio.to_thread(server.stdout.readline)

    def tell(self, container: Container, action: str) -> None:
        self.bus.publish(Event(kind="container", action=action, id=container.id, time=1))

    async def health(self, container: Container, status: str) -> None:
        """Let a probe have this result, as the engine would say it."""
        now = self.now(container)
        changed = msgspec.structs.replace(now.status, health=HealthStatus(status=status))
        await self.records.save(msgspec.structs.replace(now, status=changed))
        self.tell(container, f"health_status: {status}")

    async def state(self, container: Container, state: State) -> None:
        now = self.now(container)
        await self.records.save(msgspec.structs.replace(now, status=msgspec.structs.replace(now.status, state=state)))
        self.tell(container, "pause" if state is State.PAUSED else "unpause")

    async def look_up(self, container: Container, name: str, patience: float = 20.0) -> list[str]:
        """Return the addresses or names that the container's own resolver gives, [] for none."""
        output = await self.run(container, "timeout", str(patience), "busybox", "nslookup", name, "127.0.0.11")
        answers = output.split("\n\n", 1)[-1].splitlines()
        return [line.split()[-1] for line in answers if line.startswith("Address") or "name =" in line]

    async def aclose(self) -> None:
        self._listening.cancel()
        for server in self.servers:
            server.kill()
            server.communicate()
        for container in self.records.all():
            await self.stop(container)
        for network in self.networks.all():
            if not network.builtin:
                await self.networks.remove(network.id)
        await self.networks.dismantle()
        await self.networks.aclose()


def published(*ports: str) -> dict[str, tuple[PortBinding, ...]]:
    """`8080:80/tcp`, `127.0.0.1:8080:80/udp` as HostSpec.port_bindings."""
    found: dict[str, tuple[PortBinding, ...]] = {}
    for text in ports:
        head, _, inner = text.rpartition(":")
        address, _, outer = head.rpartition(":")
        found[inner] = (*found.get(inner, ()), PortBinding(host_ip=address.strip("[]"), host_port=outer))
    return found


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root")
    root = Path("/dev/shm") / f"bt-{secrets.token_hex(4)}"
    root.mkdir()
    lab = Lab(root)
    try:
        await lab.networks.open()
        await lab.networks.adopt([])
        yield lab
    finally:
        await lab.aclose()
        leftovers = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(root) in line]
        shutil.rmtree(root)
        table = await asyncio.to_thread(_output, "nft", "list", "tables")
        assert not leftovers
        assert lab.settings.table not in table
        assert bpf_programs(lab.settings.table) == []
        assert await gone(f"bt{lab.tag}")


async def gone(prefix: str) -> bool:
    """Tell whether links whose names begin so come to an end; a loaded kernel takes its time."""
    for _ in range(1800):
        if not any(name.startswith(prefix) for name in os.listdir("/sys/class/net")):
            return True
        await asyncio.sleep(0.05)
    return False


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


__all__ = ["HostSpec", "Lab", "gone", "published"]
