"""`boxship why`: faults are injected into real containers, and each verdict must name the one that was."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from boxship.front.cli.command import Session
from boxship.front.cli.container.why import gather, screen
from boxship.front.client.api import Client, parse_host
from boxship.front.client.verdict.decide import decide
from tests.daemons import Daemon
from tests.e2e.engine_api import EngineApi

pytestmark = [pytest.mark.e2e, pytest.mark.root]
PATIENCE = 60.0
RIGHT = 57 / 60  # of the verdicts
Act = Callable[[EngineApi, str], object]


@dataclass(frozen=True)
class Fault:
    """cause and words: what the verdict must say. command: of the container. then: what is done to it once started.
    until: condition over its State before anybody asks; before: what is done between creation and start."""

    cause: str
    words: str
    command: list[str]
    host: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    before: Act | None = None
    then: Act | None = None
    until: Callable[[dict[str, Any]], bool] = lambda state: state["Status"] in ("exited", "created")
    start: bool = True


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def post(path: str) -> Act:
    return lambda api, ref: api.call("POST", f"/containers/{ref}/{path}")


def kill_from_outside(api: EngineApi, ref: str) -> None:
    os.kill(api.get(f"/containers/{ref}/json")["State"]["Pid"], signal.SIGKILL)


def terminate_the_child(api: EngineApi, ref: str) -> None:
    """Send TERM to the process that the container's first one waits for."""
    pid = api.get(f"/containers/{ref}/json")["State"]["Pid"]
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            if children := file.read().split():
                return os.kill(int(children[0]), signal.SIGTERM)
        time.sleep(0.01)
    raise AssertionError("the container made no child")


def running(state: dict[str, Any]) -> bool:
    return bool(state["Status"] == "running")


def health(status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda state: (state.get("Health") or {}).get("Status") == status


def gone(state: dict[str, Any]) -> bool:
    return not state


TERM, USR1 = "kill?signal=TERM", "kill?signal=USR1"
LITTLE = {"Memory": 16 << 20, "MemorySwap": 16 << 20}
SLEEP = ["sleep", "1000"]
RARELY = {"Test": ["CMD", "false"], "Interval": 900_000_000_000}
TAKEN = "nc -l -p 80 & until netstat -ltn | grep -q :80; do usleep 9999; done; nc -l -p 80; exit 1"
CHECK = {"Interval": 100_000_000, "Timeout": 5_000_000_000, "Retries": 2}
TRAP = 'trap "exit {}" {}; echo ready; while :; do sleep 0.05; done'


def ready(api: EngineApi, ref: str) -> None:
    """Wait until the container has said so: its traps are set."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if b"ready" in api.call("GET", f"/containers/{ref}/logs?stdout=1").body:
            return
        time.sleep(0.02)
    raise AssertionError("the container never got ready")


def when_ready(path: str) -> Act:
    def act(api: EngineApi, ref: str) -> None:
        ready(api, ref)
        post(path)(api, ref)

    return act


FAULTS = {
    # starts that fail
    "no such command": Fault("command-not-found", "nosuch is not in the image", ["nosuch"]),
    "no such path": Fault("command-not-found", "/opt/nosuch is not in the image", ["/opt/nosuch"]),
    "a file that is no program": Fault("not-executable", "/etc/passwd cannot be executed", ["/etc/passwd"]),
    "a directory": Fault("not-executable", "/etc cannot be executed", ["/etc"]),
    "no such user": Fault("no-user", "no user nobodyhere", ["true"], config={"User": "nobodyhere"}),
    "no such group": Fault("no-group", "no group nogroup", ["true"], config={"User": "0:nogroup"}),
    "a file to work in": Fault("bad-workdir", "/etc/passwd", ["true"], config={"WorkingDir": "/etc/passwd"}),
    "a port another has": Fault("port-taken", "taken by the container HOLDER", ["true"], host={"PortBindings": "HELD"}),
    "a port the host has": Fault("port-in-use", "outside of containers", ["true"], host={"PortBindings": "HOST"}),
    "no such network": Fault("no-network", "network nowhere does not", ["true"], host={"NetworkMode": "nowhere"}),
    "a network's owner": Fault("no-peer", "of DEAD, which", ["true"], host={"NetworkMode": "container:DEAD"}),
    "a process space's owner": Fault("no-peer", "of DEAD, which", ["true"], host={"PidMode": "container:DEAD"}),
    "no such device": Fault(
        "no-device",
        "no device /dev/nosuch",
        ["true"],
        host={"Devices": [{"PathOnHost": "/dev/nosuch", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]},
    ),
    "no such parameter": Fault("bad-sysctl", "nosuch", ["true"], host={"Sysctls": {"net.ipv4.nosuch": "1"}}),
    "a file over a directory": Fault("mount-mismatch", "a file where", ["true"], host={"Binds": ["/etc/passwd:/etc"]}),
    "a directory over a file": Fault("mount-mismatch", "a file where", ["true"], host={"Binds": ["/var:/etc/passwd"]}),
    "a source that went": Fault("mount-source", "does not exist", ["true"], host={"Mounts": "SOURCE"}),
    "a volume that cannot be": Fault("mount-failed", "could not be mounted", ["true"], host={"Binds": ["VOLUME:/v"]}),
    "a peer that was removed": Fault("no-peer", "has gone", ["true"], host={"NetworkMode": "container:REMOVED"}),
    "never started": Fault("never-started", "never started", ["true"], start=False),
    # ends
    "done": Fault("finished", "without an error", ["true"]),
    "a code of its own": Fault("failed", "exit code 3", sh("exit 3")),
    "silent failure": Fault("failed", "exit code 1", ["false"]),
    "an option that is none": Fault("bad-arguments", "arguments", ["ls", "--nosuchoption"]),
    "a file that is missing": Fault("missing-file", "is not there", ["cat", "/nosuch"]),
    "a command of a script": Fault("command-not-found", "127", sh("nosuchprogram")),
    "a program without x": Fault("not-executable", "126", sh("/etc/passwd")),
    "a root to read only": Fault("read-only", "only read", sh("echo x > /x"), host={"ReadonlyRootfs": True}),
    "a mount to read only": Fault("read-only", "only read", sh("touch /m/x"), host={"Binds": ["/var:/m:ro"]}),
    "a full disk": Fault(
        "disk-full", "no room", sh("dd if=/dev/zero of=/t/x bs=64k count=9"), host={"Tmpfs": {"/t": "size=64k"}}
    ),
    "too many processes": Fault(
        "too-many-processes", "process", sh("for i in 1 2 3 4 5 6; do sleep 9 & done; wait"), host={"PidsLimit": 3}
    ),
    "too many files": Fault("too-many-files", "files", sh("ulimit -n 3; cat /etc/passwd; exit 1")),
    "a file of another": Fault(
        "denied", "may not read", ["cat", "/etc/secret"], config={"User": "1000", "Image": "busybox:secret"}
    ),
    "what containers may not": Fault("not-permitted", "may not", sh("mount -t tmpfs x /mnt || exit 1")),
    "no such name": Fault("no-such-name", "by its name", ["wget", "-O-", "http://nosuch.invalid/"]),
    "nobody listens": Fault("refused", "did not answer", ["wget", "-O-", "http://127.0.0.1:9/"]),
    "no way out": Fault("unreachable", "no way", ["wget", "-O-", "http://10.9.8.7/"], host={"NetworkMode": "none"}),
    "a port inside": Fault("address-in-use", "listen", sh(TAKEN)),
    "a limit of memory of its own": Fault(
        "no-memory", "no more memory", sh("ulimit -v 9000; x=$(head -c 9000000 /dev/zero | tr '\\0' a); exit 1")
    ),
    "a file too large": Fault(
        "crashed", "SIGXFSZ", sh("ulimit -f 1; dd if=/dev/zero of=/x bs=1M count=1; exit $?"), config={"Tty": False}
    ),
    "memory": Fault(
        "oom", "its limit is 16MiB", sh("x=aaaaaaaa; while :; do x=$x$x; done"), host=LITTLE
    ),
    "memory of a child": Fault(
        "oom-inside",
        "one of its processes",
        sh("sh -c 'x=aaaaaaaa; while :; do x=$x$x; done'; echo ready; sleep 1000"),
        host=LITTLE,
        then=ready,
        until=running,
    ),
    "a crash": Fault("crashed", "SIGSEGV", sh("sh -c 'kill -SEGV $$'; exit $?")),
    "an assertion": Fault("crashed", "SIGABRT", sh("sh -c 'kill -ABRT $$'; exit $?")),
    "a division": Fault("crashed", "SIGFPE", sh("sh -c 'kill -FPE $$'; exit $?")),
    "an instruction": Fault("crashed", "SIGILL", sh("sh -c 'kill -ILL $$'; exit $?")),
    "a bus": Fault("crashed", "SIGBUS", sh("sh -c 'kill -BUS $$'; exit $?")),
    "a forbidden call": Fault("crashed", "SIGSYS", sh("sh -c 'kill -SYS $$'; exit $?")),
    "stop, and it obeys": Fault("stopped", "stopped", sh(TRAP.format(0, "TERM")), then=when_ready("stop")),
    "stop, and it is deaf": Fault("stopped-hard", "grace", SLEEP, then=post("stop?t=0")),
    "stop with a code": Fault("stopped", "exit code 9", sh(TRAP.format(9, "TERM")), then=when_ready("stop")),
    "stop with another signal": Fault(
        "stopped", "SIGINT", sh(TRAP.format(4, "INT")), then=when_ready("stop"), config={"StopSignal": "SIGINT"}
    ),
    "kill": Fault("killed", "SIGKILL with `kill`", SLEEP, then=post("kill")),
    "kill with TERM": Fault("killed", "SIGTERM with `kill`", sh(TRAP.format(5, "TERM")), then=when_ready(TERM)),
    "kill with USR1": Fault("killed", "SIGUSR1 with `kill`", sh(TRAP.format(7, "USR1")), then=when_ready(USR1)),
    "killed from outside": Fault("killed-outside", "not through the daemon", SLEEP, then=kill_from_outside),
    "its child was told to end": Fault("signalled", "SIGTERM", sh("sleep 1000; exit $?"), then=terminate_the_child),
    "a policy that gave up": Fault(
        "failed",
        "as often as --restart on-failure:1",
        sh("exit 3"),
        host={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1}},
        until=lambda state: state["Status"] == "exited",
    ),
    # states
    "again and again": Fault(
        "restarting",
        "again and again",
        sh("exit 6"),
        host={"RestartPolicy": {"Name": "always"}},
        until=lambda state: state["Status"] == "restarting",
    ),
    "paused": Fault("paused", "frozen", SLEEP, then=post("pause"), until=lambda state: state["Status"] == "paused"),
    "well": Fault("runs", "nothing is wrong", SLEEP, until=running),
    "healthy": Fault(
        "runs",
        "nothing is wrong",
        SLEEP,
        config={"Healthcheck": {"Test": ["CMD", "true"], **CHECK}},
        until=health("healthy"),
    ),
    "unhealthy": Fault(
        "unhealthy",
        "times in a row",
        SLEEP,
        config={"Healthcheck": {"Test": ["CMD-SHELL", "echo bad; exit 1"], **CHECK}},
        until=health("unhealthy"),
    ),
    "not yet healthy": Fault(
        "starting", "has not passed yet", SLEEP, config={"Healthcheck": RARELY},
        until=running,
    ),
    "removed": Fault(
        "removed", "was removed", sh("exit 8"), then=lambda api, ref: _remove_when_ended(api, ref), until=gone
    ),
    "removes itself": Fault("removed", "exit code 4", sh("exit 4"), host={"AutoRemove": True}, until=gone),
    "a port at no address": Fault(
        "no-address", "no address 10.99.99.99", ["true"],
        host={"PortBindings": {"80/tcp": [{"HostIp": "10.99.99.99", "HostPort": "18997"}]}},
    ),
}  # fmt: skip


def _remove_when_ended(api: EngineApi, ref: str) -> None:
    api.call("POST", f"/containers/{ref}/wait")
    api.call("DELETE", f"/containers/{ref}")


@pytest.fixture
def session(stock_host: str, images: str) -> Session:
    return Session(Client(parse_host(stock_host)))


@pytest.fixture
def world(api: EngineApi, tmp_path: Any) -> Iterator[dict[str, Any]]:
    """What faults need around them: who holds a port, a peer that is dead, one that has gone, a volume that cannot be
    mounted, an image with a secret, a listening program of the host."""
    made: list[str] = []

    def create(name: str, command: list[str], host: dict[str, Any] | None = None, image: str = "busybox") -> str:
        body = {"Image": image, "Cmd": command, "HostConfig": host or {}}
        ref = api.call("POST", f"/containers/create?name={name}", body).json["Id"]
        made.append(ref)
        return str(ref)

    with socket.create_server(("0.0.0.0", 0)) as busy:
        held = create("why-holder", SLEEP, {"PortBindings": {"80/tcp": [{"HostPort": ""}]}})
        post("start")(api, held)
        port = api.get(f"/containers/{held}/json")["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
        dead = create("why-dead", ["true"])
        removed = create("why-removed", SLEEP)
        post("start")(api, removed)
        secret = create("why-secret", sh("echo x > /etc/secret; chmod 600 /etc/secret"))
        post("start")(api, secret)
        api.call("POST", f"/containers/{secret}/wait")
        api.call("POST", f"/commit?container={secret}&repo=busybox&tag=secret", {})
        place = tmp_path / "place"
        place.mkdir()
        options = {"type": "none", "device": str(place), "o": "bind"}
        api.call("POST", "/volumes/create", {"Name": "why-volume", "Driver": "local", "DriverOpts": options})
        source = tmp_path / "source"
        source.mkdir()
        yield {
            "HELD": {"80/tcp": [{"HostPort": port}]},
            "HOST": {"80/tcp": [{"HostPort": str(busy.getsockname()[1])}]},
            "SOURCE": [{"Type": "bind", "Source": str(source), "Target": "/m"}],
            "container:DEAD": f"container:{dead}",
            "container:REMOVED": f"container:{removed}",
            "VOLUME:/v": "why-volume:/v",
            "words": {"HOLDER": "why-holder", "DEAD": "why-dead"},
            "removed": removed,
            "going": (source, place),
        }
        for ref in made:
            api.call("DELETE", f"/containers/{ref}?force=1&v=1")
        api.call("DELETE", "/volumes/why-volume")
        api.call("DELETE", "/images/busybox:secret?force=1")


def _filled(value: Any, world: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(entry, world) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, world) for entry in value]
    return world.get(value, value) if isinstance(value, str) and value not in ("words", "going", "removed") else value


def _make(api: EngineApi, name: str, fault: Fault, world: dict[str, Any]) -> str:
    host = {key: _filled(entry, world) for key, entry in fault.host.items()}
    body = {"Image": "busybox", "Cmd": fault.command, "StopTimeout": 10, **fault.config, "HostConfig": host}
    answer = api.call("POST", f"/containers/create?name={name}", body)
    assert answer.status == 201, (name, answer.body)
    return str(answer.json["Id"])


def _settled(api: EngineApi, ref: str, fault: Fault) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        answer = api.call("GET", f"/containers/{ref}/json")
        state = answer.json["State"] if answer.status == 200 else {}
        if (state and fault.until(state)) if fault.until is not gone else not state:
            return
        assert time.monotonic() < end, f"never became what was wanted: {state}"
        time.sleep(0.02)


def test_faults_are_named(api: EngineApi, session: Session, world: dict[str, Any]) -> None:
    refs = {}
    try:
        for title, fault in FAULTS.items():
            refs[title] = _make(api, f"why-{len(refs)}", fault, world)
        for folder in world["going"]:
            folder.rmdir()
        api.call("DELETE", f"/containers/{world['removed']}?force=1")
        for title, fault in FAULTS.items():
            if fault.start:
                post("start")(api, refs[title])
            if fault.then:
                fault.then(api, refs[title])
        wrong = []
        for title, fault in FAULTS.items():
            _settled(api, refs[title], fault)
            facts = gather(session, refs[title])
            verdict = decide(facts)
            words = fault.words
            for word, name in world["words"].items():
                words = words.replace(word, name)
            if verdict.cause != fault.cause or words not in verdict.text:
                wrong.append(f"{title}: wanted {fault.cause} ({words}), not {verdict.cause}:\n{screen(facts, verdict)}")
            assert len(screen(facts, verdict).splitlines()) <= 24, title
        assert len(FAULTS) >= 60
        assert len(wrong) <= len(FAULTS) * (1 - RIGHT), "\n\n".join(wrong)
        if wrong:
            print("\n\n".join(wrong))
    finally:
        for ref in refs.values():
            api.call("DELETE", f"/containers/{ref}?force=1&v=1")


def test_what_happened_is_known_after_a_restart_of_the_daemon(images: str, daemon: Daemon, session: Session) -> None:
    api = EngineApi(daemon.host)
    ref = api.call("POST", "/containers/create", {"Image": "busybox", "Cmd": SLEEP}).json["Id"]
    try:
        for step in ("start", "stop?t=0"):
            post(step)(api, ref)
        daemon.restart()
        assert decide(gather(session, ref)).cause == "stopped-hard"
        api.call("DELETE", f"/containers/{ref}?force=1")
        daemon.restart()
        assert decide(gather(session, ref)).cause == "removed"
    finally:
        with contextlib.suppress(OSError):
            api.call("DELETE", f"/containers/{ref}?force=1")
