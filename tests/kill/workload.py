"""A random workload, the same for the same seed, that keeps account of what must be true. One thread each."""

import random
import threading
from typing import Any

from tests.kill.model import Op, Phase, Subject, Truth
from tests.kill.wire import Api, Gone

IMAGE = "busybox:latest"
MEMORY = 64 << 20
CROWD = 15  # containers of one worker at most


class Worker(threading.Thread):
    """Creates containers and changes them until `stop`; pauses at `gate` while the daemon is being looked at."""

    def __init__(self, api: Api, seed: int, gate: threading.Event) -> None:
        super().__init__(name=f"worker-{seed}", daemon=True)
        self.api = api
        self.random = random.Random(seed)
        self.gate = gate
        self.idle = threading.Event()
        self.ended = False
        self.subjects: dict[str, Subject] = {}
        self.unsure_names: set[str] = set()
        self.failure: BaseException | None = None
        self.done = 0
        self._names = 0
        self._seed = seed

    def run(self) -> None:
        try:
            while not self.ended:
                if not self.gate.is_set():
                    self.idle.set()
                    self.gate.wait()
                    self.idle.clear()
                    continue
                self.step()
        except BaseException as e:
            self.failure = e
        finally:
            self.idle.set()

    def step(self) -> None:
        living = [s for s in self.subjects.values() if Phase.ABSENT not in {t.phase for t in s.possible}]
        if len(living) < 4 or (len(living) < CROWD and self.random.random() < 0.2):
            self.create()
        else:
            self.change(self.random.choice(living))
        self.done += 1

    def fresh_name(self) -> str:
        self._names += 1
        return f"kill-{self._seed}-{self._names}"

    def create(self) -> None:
        name = self.fresh_name()
        body: dict[str, Any] = {
            "Image": IMAGE, "Cmd": ["sleep", "100000"], "StopSignal": "SIGKILL",
            "HostConfig": {"Memory": MEMORY, "NetworkMode": self.random.choice(["bridge", "bridge", "none"])},
        }  # fmt: skip
        try:
            status, answer = self.api.call("POST", "/containers/create", body, name=name)
        except Gone:
            self.unsure_names.add(name)
            return
        assert status == 201, (status, answer)
        self.subjects[answer["Id"]] = Subject(answer["Id"], {Truth(Phase.CREATED, name, 0, MEMORY)}, story=["created"])

    def change(self, subject: Subject) -> None:
        verb = self.random.choices(
            ["start", "stop", "kill", "restart", "pause", "unpause", "rename", "update", "remove"],
            [8, 3, 2, 2, 2, 3, 1, 1, 2],
        )[0]
        argument = {"rename": self.fresh_name(), "update": str(MEMORY + self.random.randrange(1, 9) * (1 << 20))}.get(
            verb, ""
        )
        op = Op(verb, argument)
        try:
            status, answer = self.request(subject.id, op)
        except Gone:
            subject.cut_off(op)
            return
        if status in (200, 204):
            subject.answered(op)
        else:
            assert status in (304, 409, 404), (subject.id, op, status, answer, subject.story)
            subject.refused(op)
        if verb in ("start", "stop", "kill", "restart", "remove"):
            subject.pid = 0

    def request(self, container: str, op: Op) -> tuple[int, Any]:
        base = f"/containers/{container}"
        match op.verb:
            case "remove":
                return self.api.call("DELETE", base, force="1", v="1")
            case "rename":
                return self.api.call("POST", f"{base}/rename", name=op.argument)
            case "update":
                return self.api.call("POST", f"{base}/update", {"Memory": int(op.argument), "MemorySwap": -1})
            case "stop":
                return self.api.call("POST", f"{base}/stop", t="5")
            case verb:
                return self.api.call("POST", f"{base}/{verb}")
