"""How a container runs and ends: program, surroundings, restarts, logs, runtimes, signals. Asked by the API."""

import json
import time
from pathlib import Path

import pytest

from tests.e2e.engine_api import EngineApi, Json

pytestmark = pytest.mark.e2e

PROGRAMS: dict[str, tuple[Json, str]] = {
    "command": ({"Cmd": ["echo", "a", "b"]}, "a b"),
    "entry point": ({"Entrypoint": ["echo", "a"], "Cmd": ["b"]}, "a b"),
    "entry point alone": ({"Entrypoint": ["echo", "a"]}, "a"),
    "a variable": ({"Cmd": ["sh", "-c", "echo $A$B"], "Env": ["A=1", "B=2=3"]}, "12=3"),
    "an empty variable": ({"Cmd": ["sh", "-c", "echo ${A-unset}"], "Env": ["A="]}, ""),
    "a variable taken away": ({"Cmd": ["sh", "-c", "env | grep -c ^A="], "Env": ["A"]}, "0"),
    "path": ({"Cmd": ["sh", "-c", "echo $PATH"]}, "/bin"),
    "own path": ({"Cmd": ["/bin/sh", "-c", "echo $PATH"], "Env": ["PATH=/x"]}, "/x"),
    "a directory": ({"Cmd": ["pwd"], "WorkingDir": "/tmp"}, "/tmp"),
    "a directory that is made": (
        {"Cmd": ["sh", "-c", "pwd; stat -c %u ."], "WorkingDir": "/made/deep"},
        "/made/deep\n0",
    ),
    "a directory made for a user": (
        {"Cmd": ["sh", "-c", "pwd; stat -c %u ."], "WorkingDir": "/made/deep", "User": "web"},
        "/made/deep\n0",
    ),
    "a terminal": ({"Cmd": ["sh", "-c", "test -t 0 && echo $TERM"], "Tty": True}, "xterm"),
    "no terminal": ({"Cmd": ["sh", "-c", "test -t 0 || echo none"]}, "none"),
    "labels": ({"Cmd": ["true"], "Labels": {"a": "b"}}, ""),
    "a shell": ({"Cmd": ["echo", "x"], "Shell": ["/bin/ash", "-c"]}, "x"),
}


@pytest.mark.parametrize(("config", "text"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs(api: EngineApi, config: Json, text: str) -> None:
    ran = api.run(config.pop("Cmd", []), **config)
    assert ran.output.replace("\r\n", "\n").rstrip("\n") == text, ran
    shown = api.inspect(ran.id)["Config"]
    assert {name: shown[name] for name in config if name != "Env"} == {n: v for n, v in config.items() if n != "Env"}


def test_the_size_of_a_terminal(api: EngineApi) -> None:
    assert api.run("stty size", {"ConsoleSize": [40, 120]}, Tty=True).output == "40 120\r\n"


FAILURES: dict[str, tuple[Json, int, str]] = {
    "not found": ({"Cmd": ["nosuch"]}, 127, "executable file not found in $PATH"),
    "no such file": ({"Cmd": ["/nosuch"]}, 127, "no such file or directory"),
    "not executable": ({"Cmd": ["/etc/passwd"]}, 126, "permission denied"),
    "a directory": ({"Cmd": ["/etc"]}, 126, ""),
}


@pytest.mark.parametrize(("config", "code", "text"), FAILURES.values(), ids=FAILURES)
def test_programs_that_cannot_run(api: EngineApi, config: Json, code: int, text: str) -> None:
    ran = api.run(config["Cmd"])
    assert (ran.code, text in ran.error) == (code, True), ran
    assert api.inspect(ran.id)["State"]["Status"] == "created"


# runtimes


@pytest.mark.parametrize("runtime", ["runc", "crun", "io.containerd.runc.v2"])
def test_runtimes(api: EngineApi, runtime: str) -> None:
    known = api.get("/info")["Runtimes"]
    if runtime not in known:
        assert runtime in api.refused({"Runtime": runtime})
        return
    ran = api.run("echo ran", {"Runtime": runtime})
    assert ran.output == "ran\n"
    assert api.inspect(ran.id)["HostConfig"]["Runtime"] == runtime


def test_each_runtime_does_it_all(api: EngineApi) -> None:
    """exec, a terminal, a pause, an update and a kill, whatever the runtime."""
    for runtime in api.get("/info")["Runtimes"]:
        container = api.up({"Runtime": runtime, "Init": True})
        assert api.exec(container, "echo out; echo err >&2; exit 3").code == 3, runtime
        assert api.exec(container, "test -t 1 && echo tty", Tty=True).output == "tty\r\n", runtime
        assert api.call("POST", f"/containers/{container}/pause").status == 204
        assert api.call("POST", f"/containers/{container}/unpause").status == 204
        assert api.call("POST", f"/containers/{container}/update", {"Memory": 64 << 20, "MemorySwap": -1}).status == 200
        assert api.call("POST", f"/containers/{container}/kill?signal=TERM").status == 204
        api.until(container, "exited")


def test_annotations(api: EngineApi) -> None:
    asked = {"org.example.key": "value", "boxship.other": "x"}
    container = api.up({"Annotations": asked})
    assert api.inspect(container)["HostConfig"]["Annotations"] == asked


# restarts and ends


@pytest.mark.parametrize(
    ("policy", "code", "runs"),
    [("no", 1, 1), ("", 1, 1), ("on-failure", 0, 1), ("on-failure", 1, 3), ("always", 0, 3), ("unless-stopped", 0, 3)],
)
def test_restart_policies(api: EngineApi, policy: str, code: int, runs: int) -> None:
    count = 2 if policy == "on-failure" else 0
    host = {"RestartPolicy": {"Name": policy, "MaximumRetryCount": count}}
    container = api.up(host, Cmd=["sh", "-c", f"echo run; exit {code}"])
    end = time.monotonic() + 60
    while (seen := api.logs(container).count("run")) < runs and time.monotonic() < end:
        time.sleep(0.05)
    if runs == 1 or policy == "on-failure":
        assert api.until(container, "exited")["RestartCount"] == runs - 1
    assert seen >= runs


SIGNALS: dict[str, tuple[Json, str, int]] = {
    "by name": ({"StopSignal": "SIGUSR1"}, "USR1", 5),
    "without SIG": ({"StopSignal": "USR1"}, "USR1", 5),
    "by number": ({"StopSignal": "10"}, "USR1", 5),
    "usual": ({"StopSignal": ""}, "TERM", 5),
    "killed when time is up": ({"StopSignal": "TERM", "StopTimeout": 1}, "USR1", 137),
    "killed at once": ({"StopSignal": "TERM", "StopTimeout": 0}, "USR1", 137),
}


@pytest.mark.parametrize(("config", "trapped", "code"), SIGNALS.values(), ids=SIGNALS)
def test_stop_signals(api: EngineApi, config: Json, trapped: str, code: int) -> None:
    script = f"trap 'exit 5' {trapped}; echo ready; while :; do sleep 0.05; done"
    container = api.up(Cmd=["sh", "-c", script], **config)
    while "ready" not in api.logs(container):
        time.sleep(0.01)
    assert api.call("POST", f"/containers/{container}/stop").status == 204
    assert api.inspect(container)["State"]["ExitCode"] == code


def test_auto_remove_takes_volumes_along(api: EngineApi) -> None:
    container = api.up({"AutoRemove": True}, Volumes={"/data": {}})
    [mount] = api.inspect(container)["Mounts"]
    assert api.call("POST", f"/containers/{container}/stop?t=0").status == 204
    end = time.monotonic() + 60
    while api.call("GET", f"/containers/{container}/json").status != 404:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not Path(mount["Source"]).exists()


HEALTH: dict[str, tuple[Json, str]] = {
    "command": ({"Test": ["CMD", "true"]}, "healthy"),
    "line": ({"Test": ["CMD-SHELL", "exit 0"]}, "healthy"),
    "failing": ({"Test": ["CMD", "false"], "Retries": 1}, "unhealthy"),
    "too slow": ({"Test": ["CMD", "sleep", "5"], "Retries": 1, "Timeout": 50_000_000}, "unhealthy"),
    "at its start": ({"Test": ["CMD", "false"], "Retries": 1, "StartPeriod": 3_600_000_000_000}, "starting"),
}


@pytest.mark.parametrize(("test", "wanted"), HEALTH.values(), ids=HEALTH)
def test_health(api: EngineApi, test: Json, wanted: str) -> None:
    container = api.up(Healthcheck={"Interval": 50_000_000, "StartInterval": 50_000_000, **test})
    end = time.monotonic() + 60
    while True:
        health = api.inspect(container)["State"]["Health"]
        if health["Status"] == wanted and health["Log"]:
            break
        assert time.monotonic() < end, health
        time.sleep(0.02)


def test_no_health_check(api: EngineApi) -> None:
    assert "Health" not in api.inspect(api.up(Healthcheck={"Test": ["NONE"]}))["State"]


# logs


LOGS: dict[str, tuple[Json, str]] = {
    "json-file": ({"Type": "json-file"}, "hello\n"),
    "json-file with options": (
        {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2", "labels": "a", "compress": "true"}},
        "hello\n",
    ),
    "local": ({"Type": "local", "Config": {"max-size": "1m"}}, "hello\n"),
    "non-blocking": ({"Type": "json-file", "Config": {"mode": "non-blocking", "max-buffer-size": "1m"}}, "hello\n"),
    "usual": ({"Type": ""}, "hello\n"),
}


@pytest.mark.parametrize(("asked", "text"), LOGS.values(), ids=LOGS)
def test_log_drivers(api: EngineApi, asked: Json, text: str) -> None:
    ran = api.run("echo hello", {"LogConfig": asked})
    assert ran.output == text
    shown = api.inspect(ran.id)["HostConfig"]["LogConfig"]
    assert shown["Type"] == (asked["Type"] or "json-file")
    assert asked.get("Config", {}).items() <= shown["Config"].items()


def test_no_logs(api: EngineApi) -> None:
    made = api.create({"LogConfig": {"Type": "none"}}, Cmd=["echo", "hello"]).json["Id"]
    assert api.start(made).status == 204
    answer = api.call("GET", f"/containers/{made}/logs?stdout=1")
    assert "configured logging driver does not support reading" in answer.body.decode(errors="replace")


REFUSED: dict[str, tuple[Json, Json, str]] = {
    "a runtime": ({"Runtime": "nosuch"}, {}, "unknown or invalid runtime name: nosuch"),
    "a log driver": ({"LogConfig": {"Type": "nosuch"}}, {}, "nosuch"),
    "a log option": ({"LogConfig": {"Type": "json-file", "Config": {"nosuch": "1"}}}, {}, "nosuch"),
    "a log size": ({"LogConfig": {"Type": "json-file", "Config": {"max-size": "x"}}}, {}, "x"),
    "a policy": ({"RestartPolicy": {"Name": "nosuch"}}, {}, "unknown policy 'nosuch'"),
    "a count without failure": (
        {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}},
        {},
        "maximum retry count",
    ),
    "removal and restart": ({"AutoRemove": True, "RestartPolicy": {"Name": "always"}}, {}, "'AutoRemove'"),
    "a signal": ({}, {"StopSignal": "NOSUCH"}, "NOSUCH"),
    "a directory": ({}, {"WorkingDir": "x"}, "needs to be an absolute path"),
    "a variable": ({}, {"Env": ["=x"]}, "invalid environment variable: =x"),
    "a short interval": (
        {},
        {"Healthcheck": {"Test": ["CMD", "x"], "Interval": 1}},
        "Interval in Healthcheck cannot be less",
    ),
    "an annotation": ({"Annotations": {"": "x"}}, {}, "the empty string is not permitted as an annotation key"),
    "a console size": ({"ConsoleSize": [-1, 2]}, {}, "ConsoleSize"),
    "no command": ({}, {"Cmd": [], "Entrypoint": [""]}, "no command specified"),
}


@pytest.mark.parametrize(("host", "config", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(api: EngineApi, host: Json, config: Json, text: str) -> None:
    assert text in api.refused(host, **config)


TYPES = ["NetworkMode", "Binds", "Privileged", "Memory", "LogConfig", "PortBindings", "Ulimits", "RestartPolicy"]


@pytest.mark.parametrize("field", TYPES)
def test_a_wrong_type_is_refused_by_its_place(api: EngineApi, field: str) -> None:
    wrong: dict[str, object] = dict.fromkeys(TYPES, 1.5)
    assert field in api.refused({field: wrong[field]})


def test_unknown_fields_are_no_fault(api: EngineApi) -> None:
    """The API is open: clients newer than we are send more."""
    assert api.create({"NoSuchField": 1}, Cmd=["true"], AlsoNone={"a": json.dumps(1)}).status == 201
