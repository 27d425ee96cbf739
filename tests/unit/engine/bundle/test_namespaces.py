from typing import Any

import pytest

from boxship.engine.bundle.namespaces import cgroup_mode, extras, mappings, namespaces, sysctls
from boxship.model.container import HostSpec
from boxship.model.runtime import IdMap
from tests.unit.engine.bundle.given import around, facts

MAP = (IdMap(container=0, host=100000, size=65536),)
USUAL = "mount network=/ns/1 uts ipc pid cgroup"
CASES: dict[str, tuple[HostSpec, dict[str, Any], str]] = {
    "usual": (HostSpec(), {}, USUAL),
    "the host's network": (HostSpec(network_mode="host"), {"netns": ""}, "mount uts ipc pid cgroup"),
    "the host's pids": (HostSpec(pid_mode="host"), {}, "mount network=/ns/1 uts ipc cgroup"),
    "another's pids": (
        HostSpec(pid_mode="container:x"),
        {"namespaces": {"pid": "/proc/7/ns/pid"}},
        "mount network=/ns/1 uts ipc pid=/proc/7/ns/pid cgroup",
    ),
    "the host's ipc": (HostSpec(ipc_mode="host"), {}, "mount network=/ns/1 uts pid cgroup"),
    "another's ipc": (
        HostSpec(ipc_mode="container:x"),
        {"namespaces": {"ipc": "/proc/7/ns/ipc"}},
        "mount network=/ns/1 uts ipc=/proc/7/ns/ipc pid cgroup",
    ),
    "shareable ipc": (HostSpec(ipc_mode="shareable"), {}, USUAL),
    "the daemon's way with ipc": (HostSpec(), {"ipc": "host"}, "mount network=/ns/1 uts pid cgroup"),
    "the host's name": (HostSpec(uts_mode="host"), {}, "mount network=/ns/1 ipc pid cgroup"),
    "the host's cgroups": (HostSpec(cgroupns_mode="host"), {}, "mount network=/ns/1 uts ipc pid"),
    "privileged": (HostSpec(privileged=True), {}, "mount network=/ns/1 uts ipc pid"),
    "privileged with cgroups of its own": (HostSpec(privileged=True, cgroupns_mode="private"), {}, USUAL),
    "users of its own": (HostSpec(), {"uid_map": MAP, "gid_map": MAP}, USUAL + " user"),
}


@pytest.mark.parametrize(("spec", "more", "wanted"), CASES.values(), ids=CASES)
def test_namespaces(spec: HostSpec, more: dict[str, Any], wanted: str) -> None:
    found = namespaces(spec, around(**more), facts())
    assert " ".join(n["type"] + (f"={n['path']}" if "path" in n else "") for n in found) == wanted


@pytest.mark.parametrize(
    ("spec", "unified", "default", "wanted"),
    [
        (HostSpec(), True, "private", "private"),
        (HostSpec(), True, "host", "host"),
        (HostSpec(), False, "private", "host"),
        (HostSpec(cgroupns_mode="private"), False, "private", "private"),
        (HostSpec(privileged=True), True, "private", "host"),
    ],
)
def test_cgroup_namespace(spec: HostSpec, unified: bool, default: str, wanted: str) -> None:
    assert cgroup_mode(spec, around(cgroupns=default), facts(unified=unified)) == wanted


OPEN = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
SYSCTLS: dict[str, tuple[HostSpec, str, dict[str, Any], dict[str, str]]] = {
    "a network of its own": (HostSpec(), "", {}, OPEN),
    "the host's network": (HostSpec(network_mode="host"), "", {"netns": ""}, {}),
    "another's network": (HostSpec(network_mode="container:x"), "", {}, {}),
    "users of its own, who have few groups": (
        HostSpec(),
        "",
        {"uid_map": MAP, "gid_map": MAP},
        {**OPEN, "net.ipv4.ping_group_range": f"0 {MAP[0].size - 1}"},
    ),
    "a domain name for users of its own": (
        HostSpec(),
        "example.org",
        {"netns": "", "uid_map": MAP, "gid_map": MAP},
        {},
    ),
    "the user's win": (
        HostSpec(sysctls={"net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "1"}),
        "",
        {},
        {**OPEN, "net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "1"},
    ),
    "domain name": (HostSpec(), "example.org", {"netns": ""}, {"kernel.domainname": "example.org"}),
}


@pytest.mark.parametrize(("spec", "domain", "more", "wanted"), SYSCTLS.values(), ids=SYSCTLS)
def test_sysctls(spec: HostSpec, domain: str, more: dict[str, Any], wanted: dict[str, str]) -> None:
    assert sysctls(spec, domain, around(**more)) == wanted


def test_no_domain_name_without_a_host_name_of_its_own() -> None:
    assert extras("example.org", HostSpec(uts_mode="host"), around(netns="")) == {}


def test_mappings() -> None:
    wanted = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    assert mappings(MAP) == wanted
    found = extras("", HostSpec(), around(uid_map=MAP, gid_map=MAP))
    assert (found["uidMappings"], found["gidMappings"]) == (wanted, wanted)
