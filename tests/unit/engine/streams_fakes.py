"""A runtime whose consoles are queues; enough for streams and execs."""

import asyncio
from collections.abc import AsyncIterator

from boxship.base.bus import Bus
from boxship.base.clock import ManualClock
from boxship.base.errors import NotFound
from boxship.engine.events import Events
from boxship.host.api.runtime import ExecLaunch
from boxship.model.container import ContainerSpec, HostSpec, LogSpec
from boxship.model.status import Container, ContainerStatus, State


class FakeConsole:
    def __init__(self) -> None:
        self.out: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self.typed = b""
        self.input_closed = False
        self.closed = False

    def say(self, data: bytes, stream: int = 1) -> None:
        self.out.put_nowait((stream, data))

    def end(self) -> None:
        self.out.put_nowait(None)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        while (chunk := await self.out.get()) is not None:
            yield chunk

    async def write(self, data: bytes) -> None:
        self.typed += data

    def close_input(self) -> None:
        self.input_closed = True

    def close(self) -> None:
        self.closed = True
        self.end()


class FakeExec:
    def __init__(self, launch: ExecLaunch) -> None:
        self.launch = launch
        self.pid = 4711
        self.console = None if launch.detach else FakeConsole()
        self.sizes: list[tuple[int, int]] = []
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def began(self) -> bool:
        return not self.code.done() or self.code.exception() is None

    async def wait(self) -> int:
        return await asyncio.shield(self.code)

    def resize(self, height: int, width: int) -> None:
        self.sizes.append((height, width))

    def signal(self, signum: int) -> None: ...

    def exit(self, code: int) -> None:
        self.code.set_result(code)

    def fail(self, error: Exception) -> None:
        self.code.set_exception(error)


class FakeRuntime:
    def __init__(self) -> None:
        self.consoles: dict[str, list[FakeConsole]] = {}
        self.sizes: list[tuple[str, int, int]] = []
        self.execs: list[FakeExec] = []
        self.refusal: Exception | None = None

    async def attach(self, id: str) -> FakeConsole:
        if id not in self.consoles:
            raise NotFound("no monitor")
        await asyncio.sleep(0)
        self.consoles[id].append(FakeConsole())
        return self.consoles[id][-1]

    def resize(self, id: str, height: int, width: int) -> None:
        self.sizes.append((id, height, width))

    def set_first_size(self, id: str, height: int, width: int) -> None:
        self.sizes.append((id, height, width))

    async def exec(self, launch: ExecLaunch) -> FakeExec:
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        self.execs.append(FakeExec(launch))
        return self.execs[-1]


class Told:
    """Events, as `action {attributes that matter}`."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.clock = ManualClock()
        self.events = Events(self.bus, self.clock)

    @property
    def actions(self) -> list[str]:
        return [event.action for event in self.bus.past()]


def container(state: State = State.RUNNING, **spec: object) -> Container:
    host = HostSpec(log_config=LogSpec(type="json-file"))
    return Container(
        id="c" * 64, name="web", created=1, image_id="sha256:1", group="c" * 64, runtime="crun",
        spec=ContainerSpec(image="img", host=host, **spec),  # type: ignore[arg-type]
        status=ContainerStatus(state=state, pid=7),
    )  # fmt: skip


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
