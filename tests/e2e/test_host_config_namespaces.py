"""Namespaces: of a container's own, the host's, or another container's. Compared by the links in /proc."""

import os
import platform
from pathlib import Path

import pytest

from tests.e2e.engine_api import EngineApi, Json
from tests.patience import until

pytestmark = pytest.mark.e2e

KINDS = ("ipc", "pid", "uts", "cgroup", "net", "user", "mnt")
UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers").exists()


def spaces(pid: int | str) -> dict[str, str]:
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}


# What is asked -> the namespaces that are the host's.
MODES: dict[str, tuple[Json, set[str]]] = {
    "default": ({"CgroupnsMode": "private"}, {"user"}),
    "cgroup of the host": ({"CgroupnsMode": "host"}, {"user", "cgroup"}),
    "ipc of the host": ({"CgroupnsMode": "private", "IpcMode": "host"}, {"user", "ipc"}),
    "private ipc": ({"CgroupnsMode": "private", "IpcMode": "private"}, {"user"}),
    "shareable ipc": ({"CgroupnsMode": "private", "IpcMode": "shareable"}, {"user"}),
    "no shared memory": ({"CgroupnsMode": "private", "IpcMode": "none"}, {"user"}),
    "pid of the host": ({"CgroupnsMode": "private", "PidMode": "host"}, {"user", "pid"}),
    "uts of the host": ({"CgroupnsMode": "private", "UTSMode": "host"}, {"user", "uts"}),
    "network of the host": ({"CgroupnsMode": "private", "NetworkMode": "host"}, {"user", "net"}),
    "user namespace of the host": ({"CgroupnsMode": "private", "UsernsMode": "host"}, {"user"}),
    "privileged": ({"Privileged": True}, {"user", "cgroup"}),
}


@pytest.fixture
def daemon_spaces(api: EngineApi) -> dict[str, str]:
    """The host's namespaces, as a container sees them that shares what can be shared; the daemon's network may be
    another than the test's."""
    everything = {
        "IpcMode": "host",
        "PidMode": "host",
        "UTSMode": "host",
        "NetworkMode": "host",
        "CgroupnsMode": "host",
    }
    return spaces(api.pid(api.up(everything)))


@pytest.mark.parametrize(("asked", "shared"), MODES.values(), ids=MODES)
def test_what_is_shared_with_the_host(
    api: EngineApi, daemon_spaces: dict[str, str], asked: Json, shared: set[str]
) -> None:
    found = spaces(api.pid(api.up(asked)))
    assert {kind for kind in KINDS if found[kind] == daemon_spaces[kind]} == shared


def test_the_cgroup_namespace_where_nothing_is_said(api: EngineApi, daemon_spaces: dict[str, str]) -> None:
    found = spaces(api.pid(api.up()))
    assert (found["cgroup"] == daemon_spaces["cgroup"]) == (not UNIFIED)


BORROWED: dict[str, tuple[Json, str, str]] = {
    "network": ({}, "NetworkMode", "net"),
    "ipc": ({"IpcMode": "shareable"}, "IpcMode", "ipc"),
    "pid": ({}, "PidMode", "pid"),
}


@pytest.mark.parametrize(("lender", "mode", "kind"), BORROWED.values(), ids=BORROWED)
def test_a_namespace_of_another_container(api: EngineApi, lender: Json, mode: str, kind: str) -> None:
    other = api.up(lender)
    name = api.inspect(other)["Name"].lstrip("/")
    for ref in (name, other, other[:12]):
        made = api.up({mode: f"container:{ref}"})
        assert spaces(api.pid(made))[kind] == spaces(api.pid(other))[kind]
        assert api.inspect(made)["HostConfig"][mode] == f"container:{other}"


def test_shared_memory_of_another_container(api: EngineApi) -> None:
    other = api.up({"IpcMode": "shareable"})
    api.exec(other, "echo hello >/dev/shm/x")
    assert api.run("cat /dev/shm/x", {"IpcMode": f"container:{other}"}).output == "hello\n"
    assert api.run("cat /dev/shm/x").code != 0


def test_the_processes_of_another_container(api: EngineApi) -> None:
    other = api.up()
    assert "sleep 300" in api.run("ps", {"PidMode": f"container:{other}"}).output
    assert "sleep 300" not in api.run("ps").output


SIZES: dict[str, tuple[Json, str]] = {
    "usual": ({}, "65536"),
    "asked": ({"ShmSize": 128 << 20}, "131072"),
    "lent": ({"ShmSize": 32 << 20, "IpcMode": "shareable"}, "32768"),
}


@pytest.mark.parametrize(("asked", "kibibytes"), SIZES.values(), ids=SIZES)
def test_the_size_of_shared_memory(api: EngineApi, asked: Json, kibibytes: str) -> None:
    assert api.run("df -k /dev/shm | tail -1 | awk '{print $2}'", asked).output == f"{kibibytes}\n"


def test_no_shared_memory(api: EngineApi) -> None:
    assert api.run("grep -q ' /dev/shm ' /proc/mounts", {"IpcMode": "none"}).code == 1


def test_shared_memory_of_the_host(api: EngineApi) -> None:
    mark = Path(f"/dev/shm/boxship-test-mark-{os.getpid()}")
    mark.write_text("here")
    try:
        assert api.run(f"cat {mark}", {"IpcMode": "host"}).output == "here"
    finally:
        mark.unlink()


HOSTNAMES: dict[str, tuple[Json, Json, str, str]] = {
    "asked": ({"Hostname": "box"}, {}, "box", "(none)"),
    "with a domain": ({"Hostname": "box", "Domainname": "example.com"}, {}, "box", "example.com"),
    "of the host": ({}, {"UTSMode": "host"}, platform.node(), Path("/proc/sys/kernel/domainname").read_text().strip()),
    "in the host's network": ({}, {"NetworkMode": "host"}, platform.node(), "(none)"),
}


@pytest.mark.parametrize(("config", "host", "name", "domain"), HOSTNAMES.values(), ids=HOSTNAMES)
def test_host_names(api: EngineApi, config: Json, host: Json, name: str, domain: str) -> None:
    ran = api.run("hostname; cat /proc/sys/kernel/domainname; cat /etc/hostname", host, **config)
    assert ran.output.split() == [name, domain, name]


def test_a_host_name_of_its_own(api: EngineApi) -> None:
    ran = api.run("hostname; echo $HOSTNAME")
    assert ran.output.split() == [ran.id[:12]] * 2


def test_a_borrowed_network_brings_its_host_name(api: EngineApi) -> None:
    other = api.up(Hostname="lender")
    assert api.run("hostname", {"NetworkMode": f"container:{other}"}).output == "lender\n"


@pytest.mark.parametrize(("init", "first"), [(True, "docker-init"), (False, "sleep"), (None, "sleep")])
def test_init(api: EngineApi, init: bool | None, first: str) -> None:
    container = api.up({"Init": init})
    assert first in api.exec(container, "cat /proc/1/cmdline").output


def test_init_reaps_and_passes_signals_on(api: EngineApi) -> None:
    container = api.up(
        {"Init": True}, Cmd=["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"], StopSignal="TERM"
    )
    orphan = "sleep 0.057"
    api.exec(container, f"sh -c '{orphan} & exit'")
    listing = "ps -o pid,stat,args 2>/dev/null || cat /proc/[0-9]*/stat"

    def gone() -> bool:
        shown = api.exec(container, listing).output
        return " Z " not in shown and orphan not in shown

    until(gone, "an orphan is left")
    assert api.call("POST", f"/containers/{container}/stop").status == 204
    assert api.inspect(container)["State"]["ExitCode"] == 7


REFUSED: dict[str, tuple[Json, Json, str]] = {
    "ipc": ({"IpcMode": "nosuch"}, {}, "invalid IPC mode: nosuch"),
    "pid": ({"PidMode": "nosuch"}, {}, "invalid PID mode: nosuch"),
    "uts": ({"UTSMode": "container:x"}, {}, "invalid UTS mode: container:x"),
    "cgroup": ({"CgroupnsMode": "nosuch"}, {}, "invalid cgroup namespace mode: nosuch"),
    "user": ({"UsernsMode": "nosuch"}, {}, "invalid user namespace mode: nosuch"),
    "nobody's ipc": ({"IpcMode": "container:nosuch"}, {}, "No such container: nosuch"),
    "nobody's pid": ({"PidMode": "container:nosuch"}, {}, "No such container: nosuch"),
    "nobody's network": ({"NetworkMode": "container:nosuch"}, {}, "No such container: nosuch"),
    "no name": ({"NetworkMode": "container:"}, {}, "invalid container format container:<name|id>"),
    "a network that is not there": ({"NetworkMode": "nosuch"}, {}, "network nosuch not found"),
    "a host name in the host's": (
        {"UTSMode": "host"},
        {"Hostname": "x"},
        "conflicting options: hostname and the UTS mode",
    ),
    "an old cgroup": ({"Cgroup": "container:x"}, {}, "Cgroup"),
}


@pytest.mark.parametrize(("host", "config", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_shared_is_refused_by_name(api: EngineApi, host: Json, config: Json, text: str) -> None:
    assert text in api.refused(host, **config)


def test_private_ipc_is_not_lent(api: EngineApi) -> None:
    other = api.up({"IpcMode": "private"})
    assert "non-shareable IPC" in api.refused({"IpcMode": f"container:{other}"})


def test_a_lender_must_run(api: EngineApi) -> None:
    other = api.run("true").id
    assert "cannot join PID of a non running container" in api.refused({"PidMode": f"container:{other}"})
    assert "non running container" in api.refused({"NetworkMode": f"container:{other}"})


def test_the_place_in_cgroups_is_hidden_by_a_namespace(api: EngineApi) -> None:
    def places(mode: str) -> set[str]:
        lines = api.run("cat /proc/self/cgroup", {"CgroupnsMode": mode}).output.splitlines()
        return {line.split(":", 2)[2] for line in lines}

    assert places("private") == {"/"}
    assert any(len(place) > 64 for place in places("host"))


def test_network_disabled(api: EngineApi) -> None:
    ran = api.run("ls /sys/class/net", NetworkDisabled=True)
    assert ran.output.split() == ["lo"]
