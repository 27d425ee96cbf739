from typing import Any

import pytest

from boxship.base.errors import Invalid
from boxship.engine.bundle.mounts import Mount, init_mount, mounts, propagation, tmpfs_options
from boxship.model.container import HostSpec
from boxship.model.runtime import HostFacts, IdMap
from boxship.model.status import Container, MountPoint
from tests.unit.engine.bundle.given import around, container, facts

FILES = {"/etc/hosts": "/c/hosts", "/etc/hostname": "/c/hostname", "/etc/resolv.conf": "/c/resolv.conf"}
KERNEL = ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"]


def made(what: Container, host: HostFacts | None = None, **more: Any) -> dict[str, Mount]:
    found = mounts(what, host or facts(), around(**more))
    by_target = {mount["destination"]: mount for mount in found}
    assert len(by_target) == len(found), "a target is mounted twice"
    return by_target


def bind(target: str = "/data", **more: Any) -> MountPoint:
    return MountPoint(**{"type": "bind", "destination": target, "source": "/src", **more})


def test_the_usual_ones_in_their_order() -> None:
    assert list(made(container())) == KERNEL


@pytest.mark.parametrize(
    ("host", "access"),
    [
        (HostSpec(), "ro"),
        (HostSpec(privileged=True), "rw"),
        (HostSpec(security_opt=("writable-cgroups=true",)), "rw"),
        (HostSpec(privileged=True, security_opt=("writable-cgroups=false",)), "ro"),
    ],
)
def test_who_may_write_to_cgroups(host: HostSpec, access: str) -> None:
    assert access in made(container(host=host))["/sys/fs/cgroup"]["options"]


def test_the_engines_files() -> None:
    found = made(container(), files=FILES)
    assert found["/etc/hosts"] == {
        "destination": "/etc/hosts",
        "type": "bind",
        "source": "/c/hosts",
        "options": ["rbind", "rprivate", "rw"],
    }
    assert list(found)[len(KERNEL) :] == list(FILES)


OPTIONS: dict[str, tuple[Container, dict[str, Any], str, list[str]]] = {
    "sysfs is read-only": (container(), {}, "/sys", ["nosuid", "noexec", "nodev", "ro"]),
    "but for the privileged": (
        container(host=HostSpec(privileged=True)),
        {},
        "/sys",
        ["nosuid", "noexec", "nodev", "rw"],
    ),
    "cgroups are read-only": (
        container(),
        {},
        "/sys/fs/cgroup",
        ["nosuid", "noexec", "nodev", "ro", "relatime"],
    ),
    "but for the privileged, who see the host's": (
        container(host=HostSpec(privileged=True)),
        {},
        "/sys/fs/cgroup",
        ["nosuid", "noexec", "nodev", "rw"],
    ),
    "and for other users": (
        container(),
        {"uid_map": (IdMap(container=0, host=1, size=9),)},
        "/sys/fs/cgroup",
        ["nosuid", "noexec", "nodev", "ro", "relatime"],
    ),
    "shared memory of the usual size": (
        container(),
        {},
        "/dev/shm",
        ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"],
    ),
    "shared memory of another size": (
        container(host=HostSpec(shm_size=1 << 20)),
        {},
        "/dev/shm",
        ["nosuid", "noexec", "nodev", "mode=1777", "size=1048576"],
    ),
    "shared memory of others": (
        container(host=HostSpec(ipc_mode="container:x")),
        {"shm": "/c/shm"},
        "/dev/shm",
        ["rbind", "rprivate"],
    ),
    "shared memory of the host": (container(host=HostSpec(ipc_mode="host")), {}, "/dev/shm", ["rbind", "rprivate"]),
    "bind": (container(mounts=(bind(),)), {}, "/data", ["rbind", "rprivate"]),
    "bind of one file system": (container(mounts=(bind(recursive=False),)), {}, "/data", ["bind", "private"]),
    "bind with propagation": (container(mounts=(bind(propagation="rshared"),)), {}, "/data", ["rbind", "rshared"]),
    "read-only bind, to its depth": (container(mounts=(bind(rw=False),)), {}, "/data", ["rbind", "rprivate", "rro"]),
    "read-only at its top": (
        container(mounts=(bind(rw=False, read_only_recursive="disabled"),)),
        {},
        "/data",
        ["rbind", "rprivate", "ro"],
    ),
    "volume": (container(mounts=(bind(type="volume"),)), {}, "/data", ["rbind", "rprivate"]),
    "--tmpfs": (
        container(host=HostSpec(tmpfs={"/run": "size=1m,exec"})),
        {},
        "/run",
        ["nosuid", "nodev", "size=1m", "exec"],
    ),
    "--tmpfs without options": (
        container(host=HostSpec(tmpfs={"/run": ""})),
        {},
        "/run",
        ["nosuid", "noexec", "nodev"],
    ),
    "--mount type=tmpfs": (
        container(mounts=(MountPoint(type="tmpfs", destination="/run", options=("size=5", "mode=700")),)),
        {},
        "/run",
        ["nosuid", "noexec", "nodev", "size=5", "mode=700"],
    ),
    "read-only tmpfs": (
        container(mounts=(MountPoint(type="tmpfs", destination="/run", rw=False),)),
        {},
        "/run",
        ["nosuid", "noexec", "nodev", "ro"],
    ),
    "read-only root, read-only files": (
        container(host=HostSpec(readonly_rootfs=True)),
        {"files": FILES},
        "/etc/hosts",
        ["rbind", "rprivate", "ro"],
    ),
    "read-only root, but a tmpfs in it is not": (
        container(host=HostSpec(readonly_rootfs=True, tmpfs={"/run": ""})),
        {},
        "/run",
        ["nosuid", "noexec", "nodev"],
    ),
    "read-only root, but shared memory is not": (
        container(host=HostSpec(readonly_rootfs=True)),
        {},
        "/dev/shm",
        ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"],
    ),
}


@pytest.mark.parametrize(("what", "more", "target", "wanted"), OPTIONS.values(), ids=OPTIONS)
def test_options(what: Container, more: dict[str, Any], target: str, wanted: list[str]) -> None:
    assert made(what, facts(unified=True), **more)[target]["options"] == wanted


def test_no_shared_memory_at_all() -> None:
    assert "/dev/shm" not in made(container(host=HostSpec(ipc_mode="none")))
    assert "/dev/shm" not in made(container(), ipc="none")


def test_the_user_replaces_what_is_usual() -> None:
    found = made(container(mounts=(bind("/dev/shm"), bind("/etc/hosts"))), files=FILES)
    assert found["/dev/shm"]["source"] == found["/etc/hosts"]["source"] == "/src"


def test_a_whole_dev_of_the_users() -> None:
    assert [t for t in made(container(mounts=(bind("/dev"),))) if t.startswith("/dev")] == ["/dev"]


def test_parents_come_before_children() -> None:
    points = (bind("/a/b/c"), bind("/a"), bind("/z"), bind("/a/b"))
    assert list(made(container(mounts=points)))[len(KERNEL) :] == ["/a", "/z", "/a/b", "/a/b/c"]


def test_a_host_that_cannot_read_only_to_the_depth() -> None:
    host = facts(recursive_read_only=False)
    assert made(container(mounts=(bind(rw=False),)), host)["/data"]["options"][-1] == "ro"
    with pytest.raises(Invalid, match="forced"):
        made(container(mounts=(bind(rw=False, read_only_recursive="forced"),)), host)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((), ""),
        (("rprivate",), ""),
        (("rslave",), "rslave"),
        (("slave", "rshared"), "shared"),
        (("shared",), "shared"),
    ],
)
def test_propagation_of_the_root(given: tuple[str, ...], wanted: str) -> None:
    assert propagation(bind(propagation=text) for text in given) == wanted


@pytest.mark.parametrize(
    ("user", "wanted"),
    [
        ([], ["nosuid", "noexec", "nodev"]),
        (["exec", "suid", "dev"], ["exec", "suid", "dev"]),
        (["size=1m", "size=2m"], ["nosuid", "noexec", "nodev", "size=2m"]),
        (["rw"], ["nosuid", "noexec", "nodev", "rw"]),
        (["rw", "ro"], ["nosuid", "noexec", "nodev", "ro"]),
    ],
)
def test_later_options_win(user: list[str], wanted: list[str]) -> None:
    assert tmpfs_options(user) == wanted


def test_init_program() -> None:
    asked = container(host=HostSpec(init=True))
    assert init_mount(asked, facts(), around()) == [
        {
            "destination": "/sbin/docker-init",
            "type": "bind",
            "source": "/usr/bin/tini-static",
            "options": ["bind", "ro"],
        }
    ]
    assert init_mount(container(), facts(), around()) == []
    with pytest.raises(Invalid, match="init program"):
        init_mount(asked, facts(init_path=""), around())
