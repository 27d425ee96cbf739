from typing import Any

import pytest

from boxship.engine.bundle.process import DEFAULT_PATH, exec_process, merged, oom_score, process, rlimits
from boxship.model.container import HostSpec, Ulimit
from boxship.model.exec import ExecSpec
from boxship.model.runtime import Identity
from boxship.model.status import Container
from tests.unit.engine.bundle.given import around, container, facts

UNLIMITED = 2**64 - 1


def first(made: Container, **more: Any) -> dict[str, Any]:
    return process(made, facts(), around(**more))[0]


MEMBERS: dict[str, tuple[Container, dict[str, Any], str, Any]] = {
    "command": (container("-c", "true"), {}, "args", ["sh", "-c", "true"]),
    "working directory": (container(working_dir="/srv"), {}, "cwd", "/srv"),
    "no working directory": (container(), {}, "cwd", "/"),
    "terminal": (container(tty=True), {}, "terminal", True),
    "its size": (
        container(tty=True, host=HostSpec(console_size=(24, 80))),
        {},
        "consoleSize",
        {"height": 24, "width": 80},
    ),
    "root": (container(), {}, "user", {"uid": 0, "gid": 0, "umask": 0o022}),
    "a user with groups": (
        container(user="app"),
        {"identity": Identity(uid=7, gid=8, groups=(9, 10))},
        "user",
        {"uid": 7, "gid": 8, "umask": 0o022, "additionalGids": [9, 10]},
    ),
    "init in front": (
        container("-c", "x", host=HostSpec(init=True)),
        {},
        "args",
        ["/sbin/docker-init", "--", "sh", "-c", "x"],
    ),
    "init by the daemon": (container(), {"init": True}, "args", ["/sbin/docker-init", "--", "sh"]),
    "no init although the daemon would": (container(host=HostSpec(init=False)), {"init": True}, "args", ["sh"]),
    "no init in the host's pid namespace": (container(host=HostSpec(init=True, pid_mode="host")), {}, "args", ["sh"]),
    "no new privileges": (
        container(host=HostSpec(security_opt=("no-new-privileges",))),
        {},
        "noNewPrivileges",
        True,
    ),
    "no new privileges by the daemon": (container(), {"no_new_privileges": True}, "noNewPrivileges", True),
    "but not here": (
        container(host=HostSpec(security_opt=("no-new-privileges=false",))),
        {"no_new_privileges": True},
        "noNewPrivileges",
        False,
    ),
    "oom score": (container(host=HostSpec(oom_score_adj=300)), {}, "oomScoreAdj", 300),
    "limits of the daemon, and the container's above them": (
        container(host=HostSpec(ulimits=(Ulimit(name="nofile", soft=5, hard=6),))),
        {"ulimits": (Ulimit(name="nofile", soft=1, hard=2), Ulimit(name="core", soft=-1, hard=-1))},
        "rlimits",
        [
            {"type": "RLIMIT_NOFILE", "soft": 5, "hard": 6},
            {"type": "RLIMIT_CORE", "soft": UNLIMITED, "hard": UNLIMITED},
        ],
    ),
}


@pytest.mark.parametrize(("made", "more", "member", "wanted"), MEMBERS.values(), ids=MEMBERS)
def test_process(made: Container, more: dict[str, Any], member: str, wanted: Any) -> None:
    assert first(made, **more)[member] == wanted


@pytest.mark.parametrize("member", ["consoleSize", "rlimits", "apparmorProfile", "selinuxLabel"])
def test_what_nobody_asked_for_is_left_out(member: str) -> None:
    assert member not in first(container())


ENVIRONMENTS: dict[str, tuple[Container, dict[str, Any], list[str]]] = {
    "usual": (container(), {}, [DEFAULT_PATH, "HOSTNAME=box", "HOME=/"]),
    "terminal": (container(tty=True), {}, [DEFAULT_PATH, "HOSTNAME=box", "TERM=xterm", "HOME=/"]),
    "of links, then the user's": (
        container(env=("A=1", "DB_PORT=x")),
        {"link_env": ("DB_PORT=tcp://1", "DB_NAME=/web/db")},
        [DEFAULT_PATH, "HOSTNAME=box", "DB_PORT=x", "DB_NAME=/web/db", "A=1", "HOME=/"],
    ),
    "a path of the image stays in front": (
        container(env=("PATH=/x", "B=2")),
        {},
        ["PATH=/x", "HOSTNAME=box", "B=2", "HOME=/"],
    ),
    "a home of the user's": (container(env=("HOME=/me",)), {}, [DEFAULT_PATH, "HOSTNAME=box", "HOME=/me"]),
    "home from passwd": (container(), {"identity": Identity(home="/r")}, [DEFAULT_PATH, "HOSTNAME=box", "HOME=/r"]),
    "name of the host's own": (container(), {"hostname": "node7"}, [DEFAULT_PATH, "HOSTNAME=node7", "HOME=/"]),
}


@pytest.mark.parametrize(("made", "more", "wanted"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_environment(made: Container, more: dict[str, Any], wanted: list[str]) -> None:
    assert first(made, **more)["env"] == wanted


def test_a_name_without_value_is_taken_away() -> None:
    assert merged(["A=1", "B=2"], ["A", "C=", "D"], "") == ["B=2", "C="]


LIMITS: dict[str, tuple[Ulimit, bool, tuple[int, int]]] = {
    "below ours": (Ulimit(name="nofile", soft=10, hard=20), False, (10, 20)),
    "above ours": (Ulimit(name="nofile", soft=99, hard=200), False, (99, 100)),
    "both above ours": (Ulimit(name="nofile", soft=150, hard=200), False, (100, 100)),
    "unlimited": (Ulimit(name="nofile", soft=-1, hard=-1), False, (100, 100)),
    "above ours, but allowed": (Ulimit(name="nofile", soft=150, hard=200), True, (150, 200)),
    "ours is unlimited": (Ulimit(name="core", soft=-1, hard=-1), False, (UNLIMITED, UNLIMITED)),
}


@pytest.mark.parametrize(("limit", "free", "wanted"), LIMITS.values(), ids=LIMITS)
def test_limits_cannot_exceed_ours_without_the_capability(limit: Ulimit, free: bool, wanted: tuple[int, int]) -> None:
    host = facts(without=() if free else ("CAP_SYS_RESOURCE",), hard_limits={"nofile": 100, "core": -1})
    (built,), told = rlimits([limit], host)
    assert (built["soft"], built["hard"]) == wanted
    assert bool(told) == (wanted not in ((limit.soft, limit.hard), (UNLIMITED, UNLIMITED)))


def test_a_lowered_limit_is_told() -> None:
    host = facts(without=("CAP_SYS_RESOURCE",), hard_limits={"nofile": 100})
    _, (told,) = rlimits([Ulimit(name="nofile", soft=150, hard=200)], host)
    assert told == "ulimit nofile: the daemon lacks CAP_SYS_RESOURCE, 150:200 is lowered to 100:100."


@pytest.mark.parametrize(
    ("asked", "own", "free", "wanted"),
    [(-500, 0, False, 0), (-500, 0, True, -500), (-500, -600, False, -500), (0, 0, False, 0), (700, 0, False, 700)],
)
def test_oom_score(asked: int, own: int, free: bool, wanted: int) -> None:
    host = facts(without=() if free else ("CAP_SYS_RESOURCE",), oom_score_adj=own)
    score, told = oom_score(asked, host)
    assert score == wanted
    assert bool(told) == (score != asked)


def test_all_warnings_come_along() -> None:
    spec = HostSpec(privileged=True, oom_score_adj=-5, ulimits=(Ulimit(name="nofile", soft=9, hard=9),))
    host = facts(without=("CAP_SYS_RESOURCE",), hard_limits={"nofile": 1})
    assert len(process(container(host=spec), host, around())[1]) == 3


EXECS: dict[str, tuple[Container, ExecSpec, str, Any]] = {
    "command": (container(), ExecSpec(cmd=("ls", "-l")), "args", ["ls", "-l"]),
    "the container's directory": (container(working_dir="/srv"), ExecSpec(cmd=("ls",)), "cwd", "/srv"),
    "its own directory": (container(working_dir="/srv"), ExecSpec(cmd=("ls",), working_dir="/x"), "cwd", "/x"),
    "terminal": (container(), ExecSpec(cmd=("sh",), tty=True), "terminal", True),
    "terminal's size": (
        container(),
        ExecSpec(cmd=("sh",), tty=True, console_size=(3, 4)),
        "consoleSize",
        {"height": 3, "width": 4},
    ),
    "environment": (
        container(env=("A=1",)),
        ExecSpec(cmd=("sh",), env=("A=2", "B=3")),
        "env",
        [DEFAULT_PATH, "HOSTNAME=box", "A=2", "B=3", "HOME=/home/me"],
    ),
    "environment with a terminal": (
        container(),
        ExecSpec(cmd=("sh",), tty=True),
        "env",
        [DEFAULT_PATH, "HOSTNAME=box", "TERM=xterm", "HOME=/home/me"],
    ),
    "a home the user gave the container": (
        container(env=("HOME=/own",)),
        ExecSpec(cmd=("sh",)),
        "env",
        [DEFAULT_PATH, "HOSTNAME=box", "HOME=/own"],
    ),
    "no new privileges": (
        container(host=HostSpec(security_opt=("no-new-privileges:true",))),
        ExecSpec(cmd=("sh",)),
        "noNewPrivileges",
        True,
    ),
}


@pytest.mark.parametrize(("made", "spec", "member", "wanted"), EXECS.values(), ids=EXECS)
def test_exec(made: Container, spec: ExecSpec, member: str, wanted: Any) -> None:
    assert exec_process(made, spec, facts(), Identity(uid=5, home="/home/me"))[member] == wanted


def test_exec_takes_limits_and_environment_of_the_first_process() -> None:
    made = container(env=("A=1",), host=HostSpec(ulimits=(Ulimit(name="core", soft=0, hard=0),), oom_score_adj=9))
    running = first(made, link_env=("DB=1",))
    joined = exec_process(made, ExecSpec(cmd=("sh",)), facts(), Identity(uid=5, home="/h"), running)
    assert joined["env"] == [DEFAULT_PATH, "HOSTNAME=box", "DB=1", "A=1", "HOME=/h"]
    assert (joined["rlimits"], joined["oomScoreAdj"]) == (running["rlimits"], 9)
    assert running["env"][-1] == "HOME=/"


def test_privileged_exec_gets_all_the_host_has() -> None:
    host = facts(without=("CAP_SYS_RESOURCE",))
    joined = exec_process(container(), ExecSpec(cmd=("sh",), privileged=True), host, Identity())
    assert joined["capabilities"]["bounding"] == list(host.capabilities)
    plain = exec_process(container(), ExecSpec(cmd=("sh",)), host, Identity())
    assert len(plain["capabilities"]["effective"]) == 14
