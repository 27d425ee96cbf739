"""The state of a pretended host: processes, monitors, mounts. Daemons come and go, this stays."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from boxship.host.api.runtime import Exit, Launch

SIGKILL, SIGCONT_LIKE = 9, (0, 1, 10, 12, 18, 28)


@dataclass(slots=True)
class Program:
    """What a container's program does. lasts: seconds until it ends by itself with `code`; None runs on.
    deaf: signals it ignores. fails: sentence with which the runtime refuses to create it."""

    lasts: float | None = None
    code: int = 0
    deaf: tuple[int, ...] = ()
    fails: str = ""


@dataclass(slots=True)
class Instance:
    """One container as the host sees it."""

    launch: Launch
    program: Program
    pid: int
    conmon_pid: int
    alive: bool = True
    started: bool = False
    frozen: bool = False
    pending: list[int] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Machine:
    """`now` gives nanoseconds since 1970. `programs` says what the container of an id will do."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.programs: dict[str, Program] = {}
        self.default = Program()
        self.instances: dict[str, Instance] = {}
        self.exits: dict[str, Exit] = {}
        self.mounts: dict[str, tuple[str, ...]] = {}
        self.netns: set[str] = set()
        self.probe_codes: dict[str, int] = {}
        self.delivered: list[tuple[str, int]] = []
        self._pids = 1000
        self._listeners: list[asyncio.Queue[Exit]] = []

    def spawn(self, launch: Launch) -> Instance:
        self._pids += 2
        program = self.programs.get(launch.id, self.default)
        instance = Instance(launch, program, self._pids, self._pids + 1)
        self.instances[launch.id] = instance
        return instance

    def run(self, container_id: str) -> None:
        instance = self.instances[container_id]
        if instance.started:
            return
        instance.started = True
        if instance.program.lasts is not None:
            end = (lambda: self.end(container_id, instance.program.code), instance.program.lasts)
            instance.timer = asyncio.get_running_loop().call_later(end[1], end[0])

    def signal(self, container_id: str, pid: int, signum: int) -> bool:
        instance = self.instances.get(container_id)
        if instance is None or not instance.alive or instance.pid != pid:
            return False
        if signum == 0:
            return True
        self.delivered.append((container_id, signum))
        if instance.frozen:
            instance.pending.append(signum)
        else:
            self._feel(container_id, instance, signum)
        return True

    def _feel(self, container_id: str, instance: Instance, signum: int) -> None:
        if signum == SIGKILL or (signum not in SIGCONT_LIKE and signum not in instance.program.deaf):
            self.end(container_id, 128 + signum)

    def thaw(self, container_id: str) -> None:
        instance = self.instances[container_id]
        instance.frozen = False
        pending, instance.pending = instance.pending, []
        for signum in pending:
            if instance.alive:
                self._feel(container_id, instance, signum)

    def end(self, container_id: str, code: int, oom: bool = False) -> None:
        """The first process ends; its monitor writes that down and tells who listens."""
        instance = self.instances.get(container_id)
        if instance is None or not instance.alive:
            return
        instance.alive = False
        if instance.timer is not None:
            instance.timer.cancel()
        if not instance.conmon_pid:
            return
        exit = self.exits[container_id] = Exit(id=container_id, code=code, time_ns=self.now(), oom=oom)
        for queue in self._listeners:
            queue.put_nowait(exit)

    def listen(self) -> asyncio.Queue[Exit]:
        queue: asyncio.Queue[Exit] = asyncio.Queue()
        for exit in self.exits.values():
            queue.put_nowait(exit)
        self._listeners.append(queue)
        return queue

    def deafen(self) -> None:
        """The daemon is dead: nobody listens any more."""
        self._listeners.clear()

    def power_cut(self) -> None:
        """All processes, mounts and what lived in memory are gone."""
        for instance in self.instances.values():
            if instance.timer is not None:
                instance.timer.cancel()
        self.instances.clear()
        self.exits.clear()
        self.mounts.clear()
        self.netns.clear()
        self.deafen()

    def leftovers(self) -> list[str]:
        """Everything a container may hold, named: for comparing two hosts."""
        held = [f"process {i}" for i, x in self.instances.items() if x.alive]
        held += [f"bundle {i}" for i, x in self.instances.items() if not x.alive]
        held += [f"exit {i}" for i in self.exits]
        return sorted(held + [f"mount {m}" for m in self.mounts] + [f"netns {n}" for n in self.netns])
