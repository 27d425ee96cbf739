"""Attach, exec and logs, byte by byte: both forms of a take-over, framing, half close, detach keys, rotation."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.e2e.wire import Wire
from tests.patience import until

pytestmark = pytest.mark.e2e
V = "/v1.51"
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
COUNT = "i=0; while [ $i -lt {count} ]; do echo line $i; i=$((i+1)); done"
ALL = "stream=1&stdin=1&stdout=1&stderr=1"
EXEC = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}


@pytest.fixture
def wire(docker: Any) -> Wire:
    return Wire(docker.host)


@pytest.fixture
def create(docker: Any, wire: Wire) -> Callable[..., str]:
    """Create a container by the API; return its id."""

    def made(*command: str, host: dict[str, Any] | None = None, **config: Any) -> str:
        body = {"Image": "busybox", "Cmd": list(command), "HostConfig": host or {}, **config}
        return str(wire.json("POST", f"{V}/containers/create", body)["Id"])

    return made


def start(wire: Wire, cid: str) -> None:
    assert wire.call("POST", f"{V}/containers/{cid}/start")[0] == 204


def wait(wire: Wire, cid: str) -> int:
    return int(wire.json("POST", f"{V}/containers/{cid}/wait")["StatusCode"])


def events(docker: Any, since: str, cid: str) -> list[str]:
    """Return what has happened to a container."""
    words = ("--since", since, "--until", f"{time.time():.9f}", "--format", "{{.Action}}", "-f", f"container={cid}")
    return [line.partition(":")[0] for line in docker.out("events", *words).splitlines()]


INTERACTIVE = {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}


@pytest.mark.parametrize(
    ("version", "upgrade", "tty", "status", "kind"),
    [
        ("/v1.51", True, False, 101, MULTIPLEXED),
        ("/v1.51", True, True, 101, RAW),
        ("/v1.41", True, False, 101, RAW),
        ("/v1.51", False, False, 200, RAW),
        ("", True, False, 101, MULTIPLEXED),
    ],
)
def test_forms_of_attach(
    wire: Wire, create: Callable[..., str], version: str, upgrade: bool, tty: bool, status: int, kind: str
) -> None:
    cid = create("echo", "hello", Tty=tty)
    with wire.stream(f"{version}/containers/{cid}/attach?{ALL}", upgrade=upgrade) as stream:
        assert (stream.status, stream.header("content-type")) == (status, kind)
        assert (stream.header("upgrade") == "tcp") is upgrade
        start(wire, cid)
        assert stream.read() == (b"hello\r\n" if tty else b"\x01\0\0\0\0\0\0\x06hello\n")


def test_attached_before_the_start_no_byte_is_missed(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("sh", "-c", "echo first >&2; " + COUNT.format(count=5000))
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}") as stream:
        start(wire, cid)
        got = stream.frames()
    assert got[2] == b"first\n"
    assert got[1] == b"".join(b"line %d\n" % n for n in range(5000))


def test_half_close_ends_the_input_and_output_still_flows(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("sh", "-c", "cat; sleep 0.3; echo end", **INTERACTIVE)
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}") as stream:
        stream.send(b"early\n")
        start(wire, cid)
        stream.send(b"x" * 300_000)
        stream.end()
        assert stream.frames()[1] == b"early\n" + b"x" * 300_000 + b"end\n"
    assert wait(wire, cid) == 0


def test_a_watcher_that_leaves_does_not_end_the_input_of_another(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("cat", **INTERACTIVE)
    start(wire, cid)
    with wire.stream(f"{V}/containers/{cid}/attach?stream=1&stdout=1") as watcher:
        assert watcher.status == 101
    time.sleep(0.2)
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}") as stream:
        stream.send(b"still open\n")
        stream.until(b"still open\n")
        stream.end()
        stream.read()
    assert wait(wire, cid) == 0


def test_detach_keys_are_seen_by_the_daemon(docker: Any, wire: Wire, create: Callable[..., str]) -> None:
    since = str(time.time())
    cid = create("cat", Tty=True, OpenStdin=True, StdinOnce=True)
    start(wire, cid)
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}&detachKeys=ctrl-a,x") as stream:
        stream.send(b"\x01")
        stream.send(b"y\n")  # the beginning of the keys was none: cat gets both
        stream.until(b"^Ay")
        stream.send(b"\x01x")
        stream.read()
    assert wire.json("GET", f"{V}/containers/{cid}/json")["State"]["Running"]
    until(lambda: "detach" in events(docker, since, cid))


def test_attach_with_logs_begins_with_what_was(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("sh", "-c", "echo old; cat", **INTERACTIVE)
    start(wire, cid)
    time.sleep(0.3)
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}&logs=1") as stream:
        stream.until(b"old\n")
        stream.send(b"new\n")
        stream.until(b"new\n")
        stream.end()
    with wire.stream(f"{V}/containers/{cid}/attach?logs=1&stdout=1") as stream:
        assert stream.frames()[1] == b"old\nnew\n"


def test_attach_by_web_socket(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("cat", OpenStdin=True)
    start(wire, cid)

    async def talk() -> None:
        connector = aiohttp.UnixConnector(wire.path)
        async with aiohttp.ClientSession(connector=connector) as session:
            target = f"http://docker{V}/containers/{cid}/attach/ws?stream=1&stdin=1&stdout=1"
            async with session.ws_connect(target) as ws:
                await ws.send_bytes(b"bytes\n")
                assert (await ws.receive(timeout=60)).data == b"bytes\n"
                await ws.send_str("text\n")
                assert (await ws.receive(timeout=60)).data == b"text\n"

    asyncio.run(talk())


REFUSALS = {
    "keys": ("POST", "/containers/{}/attach?detachKeys=ctrl-&stream=1", 400, "Invalid detach keys"),
    "streams": ("GET", "/containers/{}/logs", 400, "Bad parameters: you must choose at least one stream"),
    "since": ("GET", "/containers/{}/logs?stdout=1&since=x", 400, "x"),
    "height": ("POST", "/containers/{}/resize?h=x&w=1", 400, "invalid syntax"),
    "no such": ("POST", "/containers/{}x/attach", 404, "No such container"),
    "no such exec": ("POST", "/exec/{}/start", 404, "No such exec instance"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(wire: Wire, create: Callable[..., str], name: str) -> None:
    method, target, status, text = REFUSALS[name]
    cid = create("true")
    got, message = wire.failure(method, V + target.format(cid), {} if target.startswith("/exec") else None)
    assert got == status
    assert text in message


def test_paused_refuses_attach_and_exec(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("sleep", "60")
    start(wire, cid)
    assert wire.call("POST", f"{V}/containers/{cid}/pause")[0] == 204
    assert wire.failure("POST", f"{V}/containers/{cid}/attach?stream=1")[0] == 409
    status, message = wire.failure("POST", f"{V}/containers/{cid}/exec", {"Cmd": ["true"]})
    assert (status, message) == (409, f"Container {cid} is paused, unpause the container before exec")
    wire.call("POST", f"{V}/containers/{cid}/unpause")


def test_a_size_set_before_the_start_holds(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("stty", "size", Tty=True)
    assert wire.call("POST", f"{V}/containers/{cid}/resize?h=41&w=119")[0] == 200
    with wire.stream(f"{V}/containers/{cid}/attach?{ALL}") as stream:
        start(wire, cid)
        assert stream.read() == b"41 119\r\n"
    wait(wire, cid)
    assert wire.failure("POST", f"{V}/containers/{cid}/resize?h=1&w=1")[0] == 409


# --- exec


def new_exec(wire: Wire, cid: str, *command: str, **more: Any) -> str:
    return str(wire.json("POST", f"{V}/containers/{cid}/exec", {"Cmd": list(command), **EXEC, **more})["Id"])


@pytest.fixture
def sleeper(wire: Wire, create: Callable[..., str]) -> str:
    cid = create("sleep", "60")
    start(wire, cid)
    return cid


def test_exec_from_create_to_inspect(wire: Wire, sleeper: str) -> None:
    eid = new_exec(wire, sleeper, "sh", "-c", "echo out; echo err >&2; cat; exit 5", User="web")
    before = wire.json("GET", f"{V}/exec/{eid}/json")
    assert (before["Running"], before["ExitCode"], before["Pid"]) == (False, None, 0)
    with wire.stream(f"{V}/exec/{eid}/start", {"Tty": False}) as stream:
        assert (stream.status, stream.header("content-type")) == (101, MULTIPLEXED)
        stream.until(b"err\n")
        during = wire.json("GET", f"{V}/exec/{eid}/json")
        assert during["Running"]
        assert during["Pid"] > 0
        assert eid in wire.json("GET", f"{V}/containers/{sleeper}/json")["ExecIDs"]
        stream.send(b"typed")
        stream.end()
        assert stream.read().endswith(b"typed")
    after = wire.json("GET", f"{V}/exec/{eid}/json")
    assert (after["Running"], after["ExitCode"], after["ContainerID"]) == (False, 5, sleeper)
    assert after["ProcessConfig"]["entrypoint"] == "sh"
    assert after["ProcessConfig"]["user"] == "web"
    assert wire.failure("POST", f"{V}/exec/{eid}/start", {})[0] == 409


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [("no-such", 127, "executable file not found in $PATH"), ("/etc/passwd", 126, "permission denied")],
)
def test_an_exec_that_cannot_start_says_so_once(wire: Wire, sleeper: str, command: str, code: int, words: str) -> None:
    eid = new_exec(wire, sleeper, command)
    with wire.stream(f"{V}/exec/{eid}/start", {}) as stream:
        got = stream.frames()
    assert list(got) == [1]
    start = f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{command}": '
    assert got[1].decode().startswith(start)
    assert words in got[1].decode()
    assert wire.json("GET", f"{V}/exec/{eid}/json")["ExitCode"] == code
    detached = new_exec(wire, sleeper, command)
    status, message = wire.failure("POST", f"{V}/exec/{detached}/start", {"Detach": True})
    assert status == 400
    assert words in message


def test_exec_on_a_terminal_with_size_and_detach_keys(docker: Any, wire: Wire, sleeper: str) -> None:
    since = str(time.time())
    eid = new_exec(wire, sleeper, "sh", Tty=True, DetachKeys="ctrl-b")
    with wire.stream(f"{V}/exec/{eid}/start", {"Tty": True, "ConsoleSize": [33, 77]}) as stream:
        assert stream.header("content-type") == RAW
        stream.send(b"stty size\n")
        stream.until(b"33 77\r\n")
        assert wire.call("POST", f"{V}/exec/{eid}/resize?h=44&w=88")[0] == 200
        stream.send(b"stty size\n")
        stream.until(b"44 88\r\n")
        stream.send(b"\x02")
        stream.read()
    assert wire.json("GET", f"{V}/exec/{eid}/json")["Running"]
    until(lambda: "exec_detach" in events(docker, since, sleeper))


def test_a_background_child_does_not_hold_the_session(wire: Wire, sleeper: str) -> None:
    eid = new_exec(wire, sleeper, "sh", "-c", "sleep 50 & echo done")
    begun = time.monotonic()
    with wire.stream(f"{V}/exec/{eid}/start", {}) as stream:
        assert stream.frames() == {1: b"done\n"}
    assert time.monotonic() - begun < 45
    assert wire.json("GET", f"{V}/exec/{eid}/json")["ExitCode"] == 0


def test_megabytes_both_ways_through_exec(wire: Wire, sleeper: str) -> None:
    eid = new_exec(wire, sleeper, "cat", Tty=False)
    data = bytes(range(256)) * 4096 * 8
    with wire.stream(f"{V}/exec/{eid}/start", {}) as stream:
        sending = threading.Thread(target=lambda: (stream.send(data), stream.end()))
        sending.start()
        assert stream.frames() == {1: data}
        sending.join()


# --- logs


def test_logs_are_framed_line_by_line(wire: Wire, create: Callable[..., str]) -> None:
    cid = create("sh", "-c", "echo a; echo b >&2; printf tail")
    start(wire, cid)
    wait(wire, cid)
    status, headers, content = wire.call("GET", f"{V}/containers/{cid}/logs?stdout=1&stderr=1")
    assert (status, headers["content-type"]) == (200, MULTIPLEXED)
    assert b"\x01\0\0\0\0\0\0\x02a\n" in content
    assert b"\x02\0\0\0\0\0\0\x02b\n" in content
    assert content.endswith(b"\x01\0\0\0\0\0\0\x04tail")
    assert wire.call("GET", f"{V}/containers/{cid}/logs?stderr=1")[2] == b"\x02\0\0\0\0\0\0\x02b\n"
    assert wire.call("GET", f"/v1.41/containers/{cid}/logs?stdout=1")[1]["content-type"] == RAW


def test_rotation_loses_nothing_for_who_follows(docker: Any, create: Callable[..., str], wire: Wire) -> None:
    body = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); [ $((i%500)) = 0 ] && sleep 0.1; done"
    options = {"max-size": "100k", "max-file": "3", "compress": "true"}
    cid = create("sh", "-c", body, host={"LogConfig": {"Type": "json-file", "Config": options}})
    start(wire, cid)
    followed = docker.out("logs", "-f", cid).splitlines()
    assert followed == [f"line {n}" for n in range(20000)]
    kept = docker.out("logs", cid).splitlines()
    assert kept == followed[-len(kept) :]
    assert 1000 < len(kept) < 20000
    assert docker.out("logs", "--tail", "3000", cid).splitlines() == followed[-min(3000, len(kept)) :]


def test_a_daemon_that_is_killed_loses_no_line(killable: Any) -> None:
    wire = Wire(killable.host)
    tar = _image()
    assert wire.call("POST", f"{V}/images/create?fromSrc=-&repo=busybox", tar)[0] == 200
    command = ["/bin/sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 1.5; echo end"]
    body = {"Image": "busybox", "Cmd": command, "HostConfig": {"NetworkMode": "none"}, "Env": ["PATH=/bin"]}
    cid = wire.json("POST", f"{V}/containers/create", body)["Id"]
    start(wire, cid)
    killable.kill()
    time.sleep(0.5)
    killable.start()
    got = wire.call("GET", f"{V}/containers/{cid}/logs?stdout=1&follow=1")[2]
    assert got.count(b"\x01\0\0\0") == 3001
    assert got.endswith(b"end\n")


def _image() -> bytes:
    from tests.images import busybox_rootfs

    return bytes(busybox_rootfs())


@pytest.mark.parametrize(("driver", "readable"), [("json-file", True), ("local", True), ("none", False)])
def test_drivers(docker: Any, driver: str, readable: bool) -> None:
    name = docker.name()
    docker("run", "--name", name, "--log-driver", driver, "busybox", "echo", "said")
    done = docker("logs", name, check=False)
    if readable:
        assert done.stdout == "said\n"
    else:
        assert "configured logging driver does not support reading" in done.stderr


def test_syslog_gets_lines_and_logs_still_work(docker: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        name = docker.name()
        options = (
            f"syslog-address=udp://127.0.0.1:{server.getsockname()[1]}",
            "tag={{.Name}}",
            "syslog-format=rfc5424",
        )
        flags = [word for option in options for word in ("--log-opt", option)]
        docker("run", "--name", name, "--log-driver", "syslog", *flags, "busybox", "sh", "-c", "echo out; echo err >&2")
        got = sorted(server.recv(4096).decode() for _ in range(2))
    assert got[0].startswith("<27>1 ")
    assert got[0].endswith(f" {name} - err")
    assert got[1].startswith("<30>1 ")
    assert docker.out("logs", name) == "out"


def test_details(docker: Any) -> None:
    name = docker.name()
    docker("run", "--name", name, "-e", "X=y", "--label", "a=b", "--log-opt", "env=X", "--log-opt", "labels=a",
           "busybox", "echo", "hi")  # fmt: skip
    assert docker.out("logs", "--details", name) == "X=y,a=b hi"
