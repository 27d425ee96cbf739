"""What is said of machines that have and lack things."""

from typing import Any

import msgspec
import pytest

from boxship.base.fitness import Disk, Probed
from boxship.engine.fitness import code, diagnose, install, render

GOOD = Probed(
    root=True,
    kernel=(6, 1),
    release="6.1.0",
    distribution=("debian", ""),
    programs={name: f"/usr/bin/{name}" for name in ("crun", "runc", "conmon", "nft", "libarchive", "init")},
    namespaces=("mnt", "pid", "net", "ipc", "uts", "cgroup", "user"),
    v2=("cpuset", "cpu", "io", "memory", "hugetlb", "pids"),
    favordynmods=True,
    overlay="",
    nftables="",
    loopback="",
    links=dict.fromkeys(("bridge", "veth", "vxlan", "macvlan", "ipvlan", "wireguard"), ""),
    user_namespaces=15000,
    seccomp=True,
    disk=Disk(path="/var/lib", kind="ext4", free=50 << 30, total=100 << 30, inodes=90),
    socket="answers",
)


def with_(**changes: Any) -> Probed:
    return msgspec.structs.replace(GOOD, **changes)


def without(*programs: str) -> Probed:
    return with_(programs={**GOOD.programs, **dict.fromkeys(programs, "")})


def test_nothing_to_mend_on_a_good_machine() -> None:
    checks = diagnose(GOOD)
    assert [check for check in checks if check.level != "ok" or check.mend] == []
    assert code(checks) == 0
    assert render(checks).endswith("Containers can run here.")


CASES = {
    "an old kernel": (with_(kernel=(4, 19), release="4.19.0"), "kernel", "failure", "Boot Linux 5.6"),
    "no pid namespaces": (with_(namespaces=("mnt", "net", "ipc", "uts", "cgroup")), "namespaces", "failure", "CONFIG"),
    "no seccomp": (with_(seccomp=False), "seccomp", "warning", "seccomp=unconfined"),
    "not root": (with_(root=False), "privileges", "note", "sudo boxship system doctor"),
    "root without rights": (with_(missing_capabilities=("CAP_SYS_ADMIN",)), "privileges", "failure", "Give these"),
    "root without one": (with_(missing_capabilities=("CAP_SYS_RESOURCE",)), "privileges", "note", "Nothing, unless"),
    "no runtime": (without("crun", "runc"), "runtime", "failure", "apt-get install crun"),
    "runc alone": (without("crun"), "runtime", "ok", ""),
    "no conmon": (without("conmon"), "conmon", "failure", "apt-get install conmon"),
    "no nft": (without("nft"), "nft", "failure", "apt-get install nftables"),
    "no libarchive": (without("libarchive"), "libarchive", "failure", "apt-get install libarchive13"),
    "no init": (without("init"), "init", "warning", "apt-get install tini"),
    "no cgroups": (with_(v2=None), "cgroups", "failure", "mount -t cgroup2"),
    "version 1": (with_(v2=None, v1=("memory", "cpu", "cpuset", "pids")), "cgroups", "ok", ""),
    "no memory controller": (with_(v1=("cpu", "cpuset", "pids"), v2=()), "cgroups", "warning", "cgroup_enable=memory"),
    "not delegated": (with_(v2=("pids",)), "cgroups", "warning", "subtree_control"),
    "two versions rule": (with_(v1=("memory",), v2=("cpu", "cpuset", "pids")), "cgroups hybrid", "note", "takes them"),
    "slow entries": (with_(favordynmods=False), "favordynmods", "note", "--favordynmods"),
    "slow entries for ever": (with_(favordynmods=False, kernel=(5, 15)), "favordynmods", "note", "Linux 6.0"),
    "no overlay": (with_(overlay="unknown filesystem type"), "overlay", "failure", "modprobe overlay"),
    "full": (with_(disk=Disk(path="/", free=1 << 30, total=9 << 30)), "disk", "warning", "prune"),
    "no inodes": (with_(disk=Disk(path="/", free=9 << 30, total=9 << 30, inodes=1)), "disk", "warning", "prune"),
    "no nftables": (with_(nftables="Operation not supported"), "nftables", "failure", "modprobe nf_tables"),
    "no bridges": (with_(links={"bridge": "Unknown device type", "veth": ""}), "bridge", "failure", "modprobe bridge"),
    "no ipvlan": (with_(links={"ipvlan": "Unknown device type"}), "ipvlan", "note", "Nothing, unless"),
    "no user namespaces": (with_(user_namespaces=0), "user namespaces", "note", "sysctl"),
    "no mapped mounts": (with_(kernel=(5, 15)), "user namespaces", "note", "Linux 5.19"),
    "not in the group": (with_(socket="denied"), "daemon", "warning", "usermod -aG docker"),
    "a dead socket": (with_(socket="silent"), "daemon", "warning", "systemctl restart"),
    "no daemon": (with_(socket="absent"), "daemon", "note", "systemctl enable --now"),
}


@pytest.mark.parametrize(("seen", "name", "level", "mend"), CASES.values(), ids=CASES)
def test_judgement(seen: Probed, name: str, level: str, mend: str) -> None:
    checks = diagnose(seen)
    found = next(check for check in checks if check.name == name)
    assert found.level == level
    assert mend in found.mend
    assert bool(found.mend) == (level != "ok")
    assert code(checks) == (level == "failure")


@pytest.mark.parametrize(
    ("distribution", "words"),
    [
        (("ubuntu", "debian"), "apt-get install nftables"),
        (("rocky", "rhel", "fedora"), "dnf install nftables"),
        (("alpine",), "apk add nftables"),
        (("opensuse-leap", "suse", "opensuse"), "zypper install nftables"),
        (("nobodys",), "Install nftables by your distribution's means."),
    ],
)
def test_how_to_install(distribution: tuple[str, ...], words: str) -> None:
    assert install(with_(distribution=distribution), "nft") == words


def test_the_verdict_counts() -> None:
    assert render(diagnose(without("conmon", "nft"))).endswith("mend what is marked ✘ (2).")
    assert "1 marked !" in render(diagnose(without("init")))


def test_what_could_not_be_tried_is_left_out() -> None:
    names = {check.name for check in diagnose(with_(overlay=None, nftables=None, links=None))}
    assert not names & {"overlay", "nftables", "bridge", "veth"}
