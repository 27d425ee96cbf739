"""What our bundles promise, asked of the kernel from inside real containers; under crun and under runc."""

import os
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from boxship.host import userspaces
from boxship.model.container import Ulimit
from boxship.model.runtime import IdMap
from tests.root.host.containers import Shop, shop

pytestmark = pytest.mark.root


@pytest.fixture(params=["crun", "runc"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    async with shop(request.param) as made:
        yield made


HELD = "grep CapBnd /proc/self/status"
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "fourteen capabilities": (HELD, {}, "CapBnd:\t00000000a80425fb\n"),
    "no capability": (HELD, {"cap_drop": ("ALL",)}, "CapBnd:\t0000000000000000\n"),
    "a filter": ("grep Seccomp: /proc/self/status", {}, "Seccomp:\t2\n"),
    "no filter": ("grep Seccomp: /proc/self/status", {"security_opt": ("seccomp=unconfined",)}, "Seccomp:\t0\n"),
    "a profile of the user's": (
        "uname; mkdir /tmp/x 2>&1",
        {
            "security_opt": (
                'seccomp={"defaultAction":"SCMP_ACT_ALLOW",'
                '"syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}',
            )
        },
        "Linux\nmkdir: can't create directory '/tmp/x': No space left on device\n",
    ),
    "no new namespaces": ("unshare -m true 2>&1", {}, "unshare: unshare(0x20000): Operation not permitted\n"),
    "but for admins": ("unshare -m echo made", {"cap_add": ("SYS_ADMIN",)}, "made\n"),
    "no new privileges": (
        "grep NoNewPrivs /proc/self/status",
        {"security_opt": ("no-new-privileges",)},
        "NoNewPrivs:\t1\n",
    ),
    "masked memory": ("cat /proc/kcore | wc -c", {}, "0\n"),
    "read-only settings": (
        "echo 1 2>&1 > /proc/sys/kernel/hostname",
        {},
        "sh: can't create /proc/sys/kernel/hostname: Read-only file system\n",
    ),
    "init reaps": ("cat /proc/1/cmdline | tr '\\0' ' '", {"init": True}, "/sbin/docker-init -- sh -c "),
    "limits": ("ulimit -n; ulimit -Hn", {"ulimits": (Ulimit(name="nofile", soft=64, hard=128),)}, "64\n128\n"),
    "a setting": ("cat /proc/sys/kernel/msgmax", {"sysctls": {"kernel.msgmax": "4321"}}, "4321\n"),
    "oom score": ("cat /proc/self/oom_score_adj", {"oom_score_adj": 77}, "77\n"),
    "no device": ("dd if=/dev/mem count=1 2>&1", {}, "dd: can't open '/dev/mem': No such file or directory\n"),
    "tmpfs": (
        "mount | grep ' /run '",
        {"tmpfs": {"/run": "size=64k,mode=700"}},
        "tmpfs on /run type tmpfs (rw,nosuid,nodev,noexec,relatime,size=64k,mode=700)\n",
    ),
    "host name": ("hostname | wc -c", {}, "13\n"),
    "read-only root": ("touch /x 2>&1", {"readonly_rootfs": True}, "touch: /x: Read-only file system\n"),
    "private processes": ("echo /proc/[0-9]*", {}, "/proc/1\n"),
}


@pytest.mark.parametrize(("script", "host", "wanted"), CASES.values(), ids=CASES)
async def test_inside(place: Shop, script: str, host: dict[str, Any], wanted: str) -> None:
    _, out, err = await place.run(place.launch("sh", "-c", script, **host))
    assert (out.decode() + err.decode()).startswith(wanted)


async def test_privileged_works_without_the_capability_the_host_withholds(place: Shop) -> None:
    script = "mount -t tmpfs x /tmp && echo mounted; " + HELD
    code, out, _ = await place.run(place.launch("sh", "-c", script, privileged=True))
    assert out.startswith(b"mounted\n")
    mask = int(out.split()[-1], 16)
    assert mask.bit_count() == len(place.facts.capabilities)
    assert code == 0


async def test_asking_for_more_than_the_host_has_is_clamped(place: Shop) -> None:
    launch = place.launch(
        "sh", "-c", "ulimit -Hn", oom_score_adj=-900, ulimits=(Ulimit(name="nofile", soft=1 << 19, hard=1 << 20),)
    )
    code, out, _ = await place.run(launch)
    held = place.facts.hard_limits["nofile"]
    free = "CAP_SYS_RESOURCE" in place.facts.capabilities
    assert (code, int(out)) == (0, 1 << 20 if free or held == -1 else min(held, 1 << 20))


async def test_users_of_its_own(place: Shop) -> None:
    """In a network of their own as well: the kernel shows sysfs to nobody but the root of the network it is about."""
    os.chmod(place.root, 0o755)
    subprocess.run(["chown", "-hR", "100000:100000", place.rootfs], check=True)
    ids = (IdMap(container=0, host=100000, size=65536),)
    space = userspaces.network_space(ids, ids)
    try:
        path = f"/proc/{os.getpid()}/fd/{space}"
        script = "id -u; touch /x; cat /proc/self/uid_map; ls /sys/class/net"
        around = {"uid_map": ids, "gid_map": ids, "netns": path}
        launch = msgspec.structs.replace(place.launch("sh", "-c", script, around=around), users_of=path)
        code, out, err = await place.run(launch)
    finally:
        os.close(space)
    assert (code, out.split(), err) == (0, [b"0", b"0", b"100000", b"65536", b"lo"], b"")
    assert (place.rootfs / "x").stat().st_uid == 100000


async def test_the_second_container_with_a_table_gets_the_same_filter(place: Shop) -> None:
    script = "grep Seccomp: /proc/self/status; unshare -m true; mount -t tmpfs x /tmp"
    first, second = [await place.run(place.launch("sh", "-c", script)) for _ in range(2)]
    assert first == second
    assert first[1] == b"Seccomp:\t2\n"
