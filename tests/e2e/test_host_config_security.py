"""What a container may do: capabilities, system call filters, paths, devices, users. Asked by the API, tried inside."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.e2e.engine_api import EngineApi, Json

pytestmark = pytest.mark.e2e

DEFAULT_CAPABILITIES = 0xA80425FB
NET_ADMIN, NET_RAW, SYS_ADMIN = 1 << 12, 1 << 13, 1 << 21


def own_bounding_set() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd"):
            return int(line.split()[1], 16)
    raise AssertionError


HOST = own_bounding_set()
CAPABILITIES: dict[str, tuple[Json, int]] = {
    "default": ({}, DEFAULT_CAPABILITIES),
    "added": ({"CapAdd": ["NET_ADMIN"]}, DEFAULT_CAPABILITIES | NET_ADMIN),
    "added by its whole name": ({"CapAdd": ["CAP_NET_ADMIN"]}, DEFAULT_CAPABILITIES | NET_ADMIN),
    "in lower case": ({"CapAdd": ["net_admin"]}, DEFAULT_CAPABILITIES | NET_ADMIN),
    "dropped": ({"CapDrop": ["NET_RAW"]}, DEFAULT_CAPABILITIES & ~NET_RAW),
    "all but one": ({"CapAdd": ["ALL"], "CapDrop": ["SYS_ADMIN"]}, HOST & ~SYS_ADMIN),
    "none": ({"CapDrop": ["ALL"]}, 0),
    "one only": ({"CapDrop": ["ALL"], "CapAdd": ["NET_RAW"]}, NET_RAW),
    "all": ({"CapAdd": ["ALL"]}, HOST),
    "privileged": ({"Privileged": True}, HOST),
}


@pytest.mark.parametrize(("asked", "mask"), CAPABILITIES.values(), ids=CAPABILITIES)
def test_capabilities(api: EngineApi, asked: Json, mask: int) -> None:
    ran = api.run(["grep", "Cap", "/proc/self/status"], asked)
    found = {line.split()[0]: int(line.split()[1], 16) for line in ran.output.splitlines()}
    assert found["CapBnd:"] == found["CapEff:"] == found["CapPrm:"] == mask & HOST
    assert found["CapInh:"] == 0
    asks_all = asked.get("Privileged") or "ALL" in asked.get("CapAdd", ())
    assert bool(ran.warnings) == bool(asks_all and HOST != (1 << 41) - 1), ran


def test_other_users_have_none(api: EngineApi) -> None:
    ran = api.run(["grep", "CapEff", "/proc/self/status"], User="web")
    assert int(ran.output.split()[1], 16) == 0


CUSTOM = json.dumps(
    {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }
)
REFUSING = json.dumps(
    {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"name": "chmod", "action": "SCMP_ACT_ERRNO", "args": []}]}
)
UNCONFINED = ["seccomp=unconfined"]
ADMIN = {"CapAdd": ["SYS_ADMIN"]}
# Name -> what is asked, what is tried, whether it works.
CALLS: dict[str, tuple[Json, str, bool]] = {
    "unshare": ({}, "unshare -U true", False),
    "unshare a mount namespace": ({}, "unshare -m true", False),
    "unshare, unconfined": ({"SecurityOpt": UNCONFINED}, "unshare -U true", True),
    "unshare with SYS_ADMIN": (ADMIN, "unshare -m true", True),
    "unshare, privileged": ({"Privileged": True}, "unshare -m true", True),
    "mount": ({}, "mount -t tmpfs t /tmp", False),
    "mount with SYS_ADMIN": (ADMIN, "mount -t tmpfs t /tmp", True),
    "mount, unconfined": ({"SecurityOpt": UNCONFINED}, "mount -t tmpfs t /tmp", False),
    "set the host name": ({}, "hostname x", False),
    "set the host name with SYS_ADMIN": (ADMIN, "hostname x", True),
    "change the root": ({}, "chroot / true", True),
    "change the root without": ({"CapDrop": ["SYS_CHROOT"]}, "chroot / true", False),
    "set the time": ({}, "! date -s 2001-01-01 2>&1 | grep -q permitted", False),
    "send raw packets": ({}, "ping -c 1 127.0.0.1", True),
    "own profile": ({"SecurityOpt": [f"seccomp={CUSTOM}"]}, "mkdir /x", False),
    "own profile, the rest": ({"SecurityOpt": [f"seccomp={CUSTOM}"]}, "touch /x", True),
    "own profile in the old form": ({"SecurityOpt": [f"seccomp={REFUSING}"]}, "chmod 700 /tmp", False),
    "own profile after a colon": ({"SecurityOpt": [f"seccomp:{CUSTOM}"]}, "mkdir /x", False),
    "a read-only root": ({"ReadonlyRootfs": True}, "touch /x", False),
    "a read-only root, its devices": ({"ReadonlyRootfs": True}, "echo x >/dev/shm/x", True),
    "a masked path": ({}, "test -s /proc/timer_list || test -s /proc/keys", False),
    "a masked directory": ({}, 'test -n "$(ls /sys/firmware)"', False),
    "no masked path": ({"MaskedPaths": [], "ReadonlyPaths": []}, 'test -n "$(ls /sys/firmware)"', True),
    "own masked path": ({"MaskedPaths": ["/etc/passwd"]}, "test -s /etc/passwd", False),
    "a read-only path": ({}, "echo 1 >/proc/sys/vm/drop_caches", False),
    "own read-only path": ({"ReadonlyPaths": ["/tmp"]}, "touch /tmp/x", False),
    "unconfined system paths": (
        {"SecurityOpt": ["systempaths=unconfined"]},
        "grep -q /proc/timer_list /proc/self/mounts",
        False,
    ),
    "confined system paths": ({}, "grep -q /proc/timer_list /proc/self/mounts", True),
    "sysfs is read-only": ({}, "grep -q ' /sys sysfs rw' /proc/self/mounts", False),
    "sysfs of a privileged one": ({"Privileged": True}, "grep -q ' /sys sysfs rw' /proc/self/mounts", True),
    "cgroups are read-only": ({}, "grep -q 'cgroup2\\? rw' /proc/self/mounts", False),
    "cgroups of a privileged one": ({"Privileged": True}, "grep -q 'cgroup2\\? rw' /proc/self/mounts", True),
    "cgroups made writable": (
        {"SecurityOpt": ["writable-cgroups=true"], "CgroupnsMode": "private"},
        "grep -q 'cgroup2\\? rw' /proc/self/mounts",
        True,
    ),
}


@pytest.mark.parametrize(("asked", "command", "works"), CALLS.values(), ids=CALLS)
def test_what_is_allowed(api: EngineApi, asked: Json, command: str, works: bool) -> None:
    ran = api.run(command, asked)
    assert (ran.code == 0) == works, ran


def test_filters_are_in_force(api: EngineApi) -> None:
    def mode(*options: str) -> str:
        return api.run(["grep", "Seccomp:", "/proc/self/status"], {"SecurityOpt": list(options)}).output.split()[1]

    assert (mode(), mode("seccomp=unconfined"), mode("seccomp=builtin")) == ("2", "0", "2")


def test_keyrings_are_out_of_reach(api: EngineApi) -> None:
    """busybox has no keyctl; the filter answers the call with EPERM, and the file of keys shows nothing."""
    assert api.run("cat /proc/keys").output == ""


@pytest.mark.parametrize(
    ("options", "set"),
    [([], "0"), (["no-new-privileges"], "1"), (["no-new-privileges:true"], "1"), (["no-new-privileges=false"], "0")],
)
def test_no_new_privileges(api: EngineApi, options: list[str], set: str) -> None:
    container = api.up({"SecurityOpt": options})
    inside = ["grep NoNewPrivs /proc/1/status", "grep NoNewPrivs /proc/self/status"]
    assert [api.exec(container, line).output.split()[1] for line in inside] == [set, set]


SYSCTLS: dict[str, tuple[Json, str, str]] = {
    "network": ({"Sysctls": {"net.ipv4.ip_forward": "0"}}, "net/ipv4/ip_forward", "0"),
    "ports for all": ({}, "net/ipv4/ip_unprivileged_port_start", "0"),
    "ports for root": (
        {"Sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"}},
        "net/ipv4/ip_unprivileged_port_start",
        "1024",
    ),
    "messages": ({"Sysctls": {"kernel.msgmax": "65536"}}, "kernel/msgmax", "65536"),
    "queues": ({"Sysctls": {"fs.mqueue.msg_max": "20"}}, "fs/mqueue/msg_max", "20"),
    "shared memory": ({"Sysctls": {"kernel.shm_rmid_forced": "1"}}, "kernel/shm_rmid_forced", "1"),
}


@pytest.mark.parametrize(("asked", "file", "text"), SYSCTLS.values(), ids=SYSCTLS)
def test_sysctls(api: EngineApi, asked: Json, file: str, text: str) -> None:
    assert api.run(f"cat /proc/sys/{file}", asked).output == f"{text}\n"


# devices


DEVICES: dict[str, tuple[Json, str, bool]] = {
    "none": ({}, "test -e /dev/fuse", False),
    "given": ({"Devices": [{"PathOnHost": "/dev/fuse"}]}, "exec 3<>/dev/fuse", True),
    "elsewhere": (
        {"Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/nought"}]},
        "head -c 4 /dev/nought",
        True,
    ),
    "to be read only": (
        {"Devices": [{"PathOnHost": "/dev/fuse", "CgroupPermissions": "r"}]},
        "exec 3<>/dev/fuse",
        False,
    ),
    "a directory": ({"Devices": [{"PathOnHost": "/dev/net"}]}, "test -c /dev/net/tun", True),
    "a rule": ({"DeviceCgroupRules": ["c 10:229 rwm"]}, "mknod /f c 10 229 && exec 3<>/f", True),
    "a rule for all": ({"DeviceCgroupRules": ["c *:* rwm"]}, "mknod /f c 10 229 && exec 3<>/f", True),
    "no rule": ({}, "mknod /f c 10 229 && exec 3<>/f", False),
    "making nodes": ({}, "mknod /f c 10 229", True),
    "making nodes without": ({"CapDrop": ["MKNOD"]}, "mknod /f c 10 229", False),
    "privileged": ({"Privileged": True}, "exec 3<>/dev/fuse", True),
    "the usual ones": (
        {},
        "for d in null zero full random urandom tty ptmx; do test -c /dev/$d || exit 1; done; test -L /dev/fd",
        True,
    ),
}


@pytest.mark.parametrize(("asked", "command", "works"), DEVICES.values(), ids=DEVICES)
def test_devices(api: EngineApi, asked: Json, command: str, works: bool) -> None:
    ran = api.run(command, asked)
    assert (ran.code == 0) == works, ran


def request(*names: str) -> Json:
    return {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": list(names)}]}


# users


USERS: dict[str, tuple[Json, Json, str]] = {
    "root": ({}, {}, "0 0 0 /root"),
    "a name": ({"User": "web"}, {}, "33 33 33 /var/www"),
    "a number": ({"User": "1234"}, {}, "1234 0 0 /"),
    "a number that has a name": ({"User": "33"}, {}, "33 33 33 /var/www"),
    "both numbers": ({"User": "1234:5678"}, {}, "1234 5678 5678 /"),
    "a name and a group": ({"User": "web:root"}, {}, "33 0 0 /var/www"),
    "more groups": ({"User": "web"}, {"GroupAdd": ["root", "777"]}, "33 33 33 0 777 /var/www"),
    "an image's home": ({"User": "web", "Env": ["HOME=/tmp"]}, {}, "33 33 33 /tmp"),
}


@pytest.mark.parametrize(("config", "host", "text"), USERS.values(), ids=USERS)
def test_users(api: EngineApi, config: Json, host: Json, text: str) -> None:
    ran = api.run("echo $(id -u) $(id -g) $(id -G) $HOME", host, **config)
    assert ran.output == f"{text}\n", ran


REFUSED: dict[str, tuple[Json, Json, str]] = {
    "a capability": ({"CapAdd": ["NOSUCH"]}, {}, 'invalid CapAdd: unknown capability: "CAP_NOSUCH"'),
    "a dropped capability": ({"CapDrop": ["NOSUCH"]}, {}, 'invalid CapDrop: unknown capability: "CAP_NOSUCH"'),
    "a security option": ({"SecurityOpt": ["nosuch=1"]}, {}, 'invalid --security-opt 2: "nosuch=1"'),
    "no security option": ({"SecurityOpt": ["nosuch"]}, {}, 'invalid --security-opt 1: "nosuch"'),
    "a profile that is none": ({"SecurityOpt": ["seccomp={"]}, {}, "seccomp profile"),
    "a user": ({}, {"User": "nosuch"}, "unable to find user nosuch: no matching entries in passwd file"),
    "a group": ({}, {"User": "web:nosuch"}, "unable to find group nosuch: no matching entries in group file"),
    "an added group": ({"GroupAdd": ["nosuch"]}, {}, "nosuch"),
    "a device": ({"Devices": [{"PathOnHost": "/dev/nosuch"}]}, {}, "/dev/nosuch"),
    "no device": ({"Devices": [{"PathOnHost": "/etc/passwd"}]}, {}, "/etc/passwd"),
    "a device's mode": (
        {"Devices": [{"PathOnHost": "/dev/fuse", "CgroupPermissions": "x"}]},
        {},
        "invalid device mode: x",
    ),
    "a device rule": ({"DeviceCgroupRules": ["x"]}, {}, "invalid device cgroup rule format: 'x'"),
    "a CDI device": (
        request("boxship.test/x=1"),
        {},
        "CDI device injection failed: unresolvable CDI devices boxship.test/x=1",
    ),
    "a device driver": (
        {"DeviceRequests": [{"Driver": "nosuch", "Capabilities": [["x"]]}]},
        {},
        'could not select device driver "nosuch" with capabilities: [[x]]',
    ),
    "graphics without any": (
        {"DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}]},
        {},
        'could not select device driver "" with capabilities: [[gpu]]',
    ),
    "a sysctl of the host": ({"Sysctls": {"vm.swappiness": "1"}}, {}, "vm.swappiness"),
    "a sysctl that is none": ({"Sysctls": {"net.nosuch": "1"}}, {}, "nosuch"),
    "a network sysctl of the host's": (
        {"Sysctls": {"net.ipv4.ip_forward": "0"}, "NetworkMode": "host"},
        {},
        "net.ipv4.ip_forward",
    ),
    "a sysctl of the host's ipc": ({"Sysctls": {"kernel.msgmax": "1"}, "IpcMode": "host"}, {}, "kernel.msgmax"),
}


@pytest.mark.parametrize(("host", "config", "text"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_there_is_refused_by_name(api: EngineApi, host: Json, config: Json, text: str) -> None:
    assert text in api.refused(host, **config)


# Option -> whether somebody must be there to enforce it.
LABELS = {
    "label=disable": True,
    "label=type:container_t": os.path.exists("/sys/fs/selinux/enforce"),
    "label=level:s0:c1": os.path.exists("/sys/fs/selinux/enforce"),
    "apparmor=unconfined": True,
    "apparmor=docker-default": os.path.exists("/sys/kernel/security/apparmor/profiles"),
}


@pytest.mark.parametrize(("option", "in_force"), LABELS.items())
def test_labels_and_profiles_that_nobody_enforces_are_told(api: EngineApi, option: str, in_force: bool) -> None:
    ran = api.run("true", {"SecurityOpt": [option]})
    assert (ran.code, [option in warning for warning in ran.warnings]) == (0, [] if in_force else [True])
    assert api.inspect(ran.id)["HostConfig"]["SecurityOpt"] == [option]


def test_an_exec_has_the_containers_rights_unless_privileged(api: EngineApi) -> None:
    container = api.up({"CapDrop": ["ALL"]}, User="web")

    def mask(**more: object) -> int:
        return int(api.exec(container, "grep CapEff /proc/self/status", **more).output.split()[1], 16)

    assert mask(User="root") == 0
    assert mask(User="root", Privileged=True) == HOST
    assert api.exec(container, "id -u").output == "33\n"
    assert api.exec(container, "id -u", User="0").output == "0\n"
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
