"""The daemon is killed at random moments of a random workload; nothing that was answered is ever untrue.

BOXSHIP_KILLS says how often (20 by default, 200 in the long run), BOXSHIP_KILL_SEED where the dice start."""

import os
import random
import re
import threading
import time
from typing import Any

import pytest

from tests.images import busybox_rootfs
from tests.kill.model import Phase, Truth
from tests.kill.wire import Api, Gone
from tests.kill.workload import IMAGE, Worker

pytestmark = [pytest.mark.root, pytest.mark.timeout(3600)]
KILLS = int(os.environ.get("BOXSHIP_KILLS", "20"))
SEED = int(os.environ.get("BOXSHIP_KILL_SEED", "1"))
COUNTER = "i=0; while :; do echo $i; i=$((i+1)); usleep 2000; done"


def until(check: Any, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def call(api: Api, method: str, target: str, body: Any = None, **query: str) -> Any:
    status, answer = api.call(method, target, body, **query)
    assert status < 300, (method, target, status, answer)
    return answer


class Witnesses:
    """Containers that live through all kills: what they are and print must never show one."""

    def __init__(self, api: Api) -> None:
        self.api = api
        change = "ENV PATH=/bin"
        call(api, "POST", "/images/create", busybox_rootfs(), fromSrc="-", repo="busybox", tag="latest", changes=change)
        self.counter = self._run(["sh", "-c", COUNTER])
        self.terminal = self._run(["sh", "-c", COUNTER], Tty=True)
        self.web = self._run(["httpd", "-f", "-p", "80", "-h", "/etc"], PortBindings={"80/tcp": [{"HostPort": ""}]})
        self.phoenix = self._run(["sh", "-c", "sleep 0.3; exit 3"], RestartPolicy={"Name": "always"})
        self.pids = {c: self.inspect(c)["State"]["Pid"] for c in (self.counter, self.terminal, self.web)}
        self.port = self.inspect(self.web)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
        self.mortals: dict[str, int] = {}

    def _run(self, command: list[str], Tty: bool = False, **host: Any) -> str:
        body = {"Image": IMAGE, "Cmd": command, "Tty": Tty, "HostConfig": host, "ExposedPorts": {"80/tcp": {}}}
        identifier = str(call(self.api, "POST", "/containers/create", body)["Id"])
        call(self.api, "POST", f"/containers/{identifier}/start")
        return identifier

    def inspect(self, container: str) -> Any:
        return call(self.api, "GET", f"/containers/{container}/json")

    def before_kill(self, dice: random.Random) -> None:
        """Start one that ends by itself about when the daemon dies, with a code of its own."""
        code = dice.randrange(1, 100)
        delay = dice.choice(["0", "0.1", "0.3", "0.6"])
        self.mortals[self._run(["sh", "-c", f"sleep {delay}; exit {code}"])] = code

    def check(self) -> None:
        for container, pid in self.pids.items():
            state = self.inspect(container)["State"]
            assert (state["Status"], state["Pid"]) == ("running", pid), (container, state)
        phoenix = self.inspect(self.phoenix)["State"]["Status"]
        assert phoenix in ("running", "restarting"), phoenix
        for container, code in list(self.mortals.items()):
            until(lambda c=container: not self.inspect(c)["State"]["Running"], 60, "its exit was never recorded")
            state = self.inspect(container)["State"]
            assert (state["Status"], state["ExitCode"]) == ("exited", code), (container, code, state)
            call(self.api, "DELETE", f"/containers/{container}")
            del self.mortals[container]

    def check_logs(self) -> None:
        """Every number there is, each once, in order: no byte was lost or doubled."""
        for container in (self.counter, self.terminal):
            raw = self.api.call("GET", f"/containers/{container}/logs", stdout="1", stderr="1")[1]
            text = raw if isinstance(raw, bytes) else str(raw).encode()
            numbers = [
                int(n) for n in re.findall(rb"(\d+)\r?\n", re.sub(rb"\x01\x00\x00\x00....", b"", text, flags=re.DOTALL))
            ]
            assert len(numbers) > 10
            assert numbers == list(range(len(numbers))), f"{container}: the log has a gap"


def settle(api: Api, quiet: float = 0.5) -> None:
    """Return once no container has changed for a while: what was cut off is taken up again, or given up."""
    last: Any = None
    since = time.monotonic()
    while time.monotonic() - since < quiet:
        listed = call(api, "GET", "/containers/json", all="1")
        now = [(c["Id"], c["State"], c["Names"]) for c in listed if c["Names"][0].startswith("/kill-")]
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.02)


def look(api: Api, worker: Worker) -> None:
    """Compare every container of a worker with what its model allows, once what was under way has settled."""
    shown = {c["Id"]: c for c in call(api, "GET", "/containers/json", all="1")}
    names = {c["Names"][0].removeprefix("/"): c["Id"] for c in shown.values()}
    for subject in list(worker.subjects.values()):
        last: AssertionError | None = None
        for _ in range(200):  # a cut-off request may still be finishing
            try:
                truth, pid = observe(api, subject.id)
                subject.seen(truth)
                break
            except AssertionError as e:
                last = e
                time.sleep(0.05)
        else:
            raise AssertionError(str(last))
        if subject.pid and truth.phase in (Phase.RUNNING, Phase.PAUSED):
            assert pid == subject.pid, f"{subject.id} was restarted: {subject.story}"
        subject.pid = pid
        if truth.phase is Phase.ABSENT:
            del worker.subjects[subject.id]
    for name in list(worker.unsure_names):
        if name in names:
            status, answer = api.call("DELETE", f"/containers/{names[name]}", force="1")
            assert status in (204, 404), answer
        worker.unsure_names.discard(name)


def observe(api: Api, container: str) -> tuple[Truth, int]:
    status, answer = api.call("GET", f"/containers/{container}/json")
    if status == 404:
        return Truth(Phase.ABSENT, ""), 0
    state = answer["State"]
    return (
        Truth(
            Phase(state["Status"]), answer["Name"].removeprefix("/"), state["ExitCode"], answer["HostConfig"]["Memory"]
        ),
        state["Pid"],
    )


def test_two_hundred_deaths(killable: Any) -> None:
    """`killable`: a daemon with `path` (its socket), `kill()`, `start()` until it answers, `check()` -> findings."""
    api, dice = Api(killable.path), random.Random(SEED)
    witnesses, gate = Witnesses(api), threading.Event()
    workers = [Worker(api, SEED * 1000 + n, gate) for n in range(3)]
    for worker in workers:
        worker.start()
    for death in range(KILLS):
        gate.set()
        time.sleep(dice.uniform(0.02, 0.6))
        try:
            witnesses.before_kill(dice)
        except Gone as e:
            raise AssertionError("the daemon died by itself") from e
        time.sleep(dice.uniform(0.0, 0.15))
        gate.clear()
        killable.kill()
        for worker in workers:
            assert worker.idle.wait(40), "a worker hangs"
            if worker.failure:
                raise AssertionError(f"death {death}, seed {SEED}") from worker.failure
        killable.start()
        settle(api)
        for worker in workers:
            look(api, worker)
        witnesses.check()
        if death % 10 == 9:
            witnesses.check_logs()
            findings = killable.check()
            assert not findings, findings
    finish(killable, api, witnesses, workers)


def finish(killable: Any, api: Api, witnesses: Witnesses, workers: list[Worker]) -> None:
    assert sum(w.done for w in workers) > KILLS, "the workload did nothing"
    for worker in workers:
        worker.ended = True
    witnesses.check_logs()
    for container in call(api, "GET", "/containers/json", all="1"):
        call(api, "DELETE", f"/containers/{container['Id']}", force="1", v="1")
    assert not killable.check()
