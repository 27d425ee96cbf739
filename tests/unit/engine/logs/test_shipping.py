"""Shipping to real sockets: nothing is lost while the destination is away, or while no daemon runs."""

import asyncio
import socket
from pathlib import Path

import pytest
from msgspec import structs

from boxship.base.bus import Bus, Event
from boxship.engine.logs import Ends, Shipping, shipping
from boxship.engine.logs.cri import Line
from boxship.engine.logs.drivers import journald
from boxship.engine.logs.options import Subject
from boxship.host.watch import Watch
from boxship.model.container import ContainerSpec, HostSpec, LogSpec
from boxship.model.status import Container, ContainerStatus, State
from boxship.store.memory import MemoryStore


class World:
    """One container whose log goes to a syslog address, and daemons that come and go."""

    def __init__(self, directory: Path, address: str, form: str = "rfc3164") -> None:
        self.log = directory / "log" / "container.log"
        self.log.parent.mkdir()
        config = {"syslog-address": address, "syslog-format": form, "tag": "{{.Name}}"}
        spec = ContainerSpec(image="i", host=HostSpec(log_config=LogSpec(type="syslog", config=config)))
        self.container = Container(
            id="c" * 64, name="web", created=1, image_id="sha256:1", group="c" * 64, spec=spec,
            status=ContainerStatus(state=State.RUNNING), log_path=str(self.log),
        )  # fmt: skip
        self.store = MemoryStore()
        self.bus = Bus()
        self.watch = Watch()
        self.daemon: Shipping | None = None
        self.count = 0

    async def start(self) -> None:
        ends = Ends(lambda _: self.container, self.bus)
        self.daemon = Shipping(lambda: [self.container], ends, self.watch.stirred, self.store)
        await self.daemon.start(self.bus)

    async def stop(self) -> None:
        assert self.daemon is not None
        await self.daemon.aclose()

    def say(self, count: int = 1) -> None:
        with open(self.log, "a") as log:
            for _ in range(count):
                log.write(f"2026-11-21T10:00:{self.count:02d}Z stdout F line {self.count}\n")
                self.count += 1

    def become(self, state: State, action: str) -> None:
        status = structs.replace(self.container.status, state=state)
        self.container = structs.replace(self.container, status=status)
        self.bus.publish(Event(kind="container", action=action, id=self.container.id, time=1))


class Server:
    def __init__(self, path: Path, kind: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    async def lines(self, count: int) -> list[int]:
        loop, got = asyncio.get_running_loop(), []
        for _ in range(count):
            data = await asyncio.wait_for(loop.sock_recv(self.socket, 65536), 5)
            got.append(int(data.rsplit(b" ", 1)[1]))
        return got


async def test_lines_go_out_as_they_come_and_through_a_restart_of_ours(tmp_path: Path) -> None:
    server = Server(tmp_path / "sock", socket.SOCK_DGRAM)
    world = World(tmp_path, f"unixgram://{tmp_path}/sock")
    world.say(2)
    await world.start()
    assert await server.lines(2) == [0, 1]
    world.say()
    assert await server.lines(1) == [2]
    await asyncio.sleep(0.05)
    await world.stop()
    world.say(2)
    await world.start()
    assert await server.lines(2) == [3, 4]
    await world.stop()
    server.socket.close()
    world.watch.close()


async def test_what_ended_while_no_daemon_ran_is_sent(tmp_path: Path) -> None:
    server = Server(tmp_path / "sock", socket.SOCK_DGRAM)
    world = World(tmp_path, f"unixgram://{tmp_path}/sock")
    world.say(3)
    world.become(State.EXITED, "die")
    await world.start()
    assert await server.lines(3) == [0, 1, 2]
    world.become(State.RUNNING, "start")
    world.say(1)
    assert await server.lines(1) == [3]
    await world.stop()
    server.socket.close()
    world.watch.close()


async def test_a_destination_that_is_away_costs_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "RETRY", (0.02, 0.05))
    world = World(tmp_path, f"unixgram://{tmp_path}/sock")
    world.say(3)
    await world.start()
    await asyncio.sleep(0.1)
    server = Server(tmp_path / "sock", socket.SOCK_DGRAM)
    assert await server.lines(3) == [0, 1, 2]
    await world.stop()
    server.socket.close()
    world.watch.close()


async def test_over_tcp_a_message_is_a_line(tmp_path: Path) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            got.put_nowait(line)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world = World(tmp_path, f"tcp://127.0.0.1:{port}", "rfc5424")
    world.say()
    await world.start()
    line = await asyncio.wait_for(got.get(), 5)
    assert line.startswith(b"<30>1 2026-11-21T10:00:00Z ")
    assert line.endswith(b" - line 0\n")
    await world.stop()
    server.close()
    world.watch.close()


async def test_the_journal_gets_fields(tmp_path: Path) -> None:
    server = Server(tmp_path / "sock", socket.SOCK_DGRAM)
    subject = Subject(id="ab" * 32, name="web", image="nginx")
    journal = journald.Journal(subject, "tag", {"com.x": "1", "tag": "tag"}, str(tmp_path / "sock"))
    await journal.send([Line(5_000, 2, b"oops\n"), Line(6_000, 1, b"two\nlines")])
    first = server.socket.recv(65536).decode().splitlines()
    assert first[:3] == ["MESSAGE=oops", "PRIORITY=3", "SYSLOG_TIMESTAMP=5000"]
    assert {"CONTAINER_ID=abababababab", "CONTAINER_NAME=web", "IMAGE_NAME=nginx", "COM_X=1"} <= set(first)
    second = server.socket.recv(65536)
    assert second.startswith(b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=6\n")
    assert b"CONTAINER_PARTIAL_MESSAGE=true\n" in second
    journal.close()
    server.socket.close()


def test_field_names_are_what_the_journal_takes() -> None:
    assert journald.field_name("com.docker.x-y") == "COM_DOCKER_X_Y"
    assert journald.field_name("_private") == "PRIVATE"
    assert journald.field_name("é") == ""
