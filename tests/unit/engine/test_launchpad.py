import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from boxship.base.errors import Conflict, Invalid, NotFound
from boxship.engine.launchpad import Launchpad, Outfit
from boxship.engine.networks.attached import NetworkFiles
from boxship.engine.options import EngineOptions
from boxship.model.container import ContainerSpec, Device, HostSpec, ThrottleDevice
from boxship.model.exec import ExecSpec
from boxship.model.network import EndpointStatus
from boxship.model.runtime import CONTROLS, HostFacts, Identity
from boxship.model.status import Container, ContainerStatus, State

FACTS = HostFacts(capabilities=("CAP_CHOWN", "CAP_KILL"), controls=CONTROLS, cpus=2)


class Networks:
    def files(self, container: Container) -> NetworkFiles:
        return NetworkFiles(hostname="web\n", hosts="127.0.0.1 localhost\n", resolv_conf="nameserver 1.1.1.1\n")


class Users:
    def identity(self, root: Path, user: str, groups: Sequence[str], /) -> Identity:
        return Identity(uid=len(user), gid=5, groups=tuple(int(g) for g in groups), home="/home/x")


class House:
    """A launchpad with the containers it may look up."""

    def __init__(self, root: Path, *containers: Container) -> None:
        self.root = root
        self.known = {c.id: c for c in containers} | {c.name: c for c in containers}
        self.options = EngineOptions(data_root=root, exec_root=root / "run", no_new_privileges=True)
        outfit = Outfit(
            options=self.options, facts=FACTS, networks=Networks(), users=Users(), find=self.find,
            bundle=lambda container_id: str(root / "bundles" / container_id),
        )  # fmt: skip
        self.pad = Launchpad(outfit)

    def find(self, ref: str) -> Container:
        if ref not in self.known:
            raise NotFound(f"No such container: {ref}")
        return self.known[ref]

    def home(self, c: Container) -> Path:
        home = self.options.container_dir(c.id)
        home.mkdir(parents=True, exist_ok=True)
        return home


def box(
    name: str = "web", group: str = "", state: State = State.CREATED, pid: int = 0, ip: str = "", **spec: Any
) -> Container:
    networks = {"bridge": EndpointStatus(network_id="b", network="bridge", ipv4_address=ip)} if ip else {}
    host = HostSpec(**{"network_mode": "bridge", "ipc_mode": "private", **spec.pop("host", {})})
    identity = name * 3
    return Container(
        id=identity, name=name, created=1, image_id="i", group=group or identity, path="sh", args=("-c", "x"),
        spec=ContainerSpec(hostname="box", host=host, **spec), runtime="crun", log_path=f"/logs/{name}",
        status=ContainerStatus(state=state, pid=pid, networks=networks),
    )  # fmt: skip


async def test_a_plain_start(tmp_path: Path) -> None:
    c = box(user="app", tty=True, open_stdin=True, host={"group_add": ("7",)})
    house = House(tmp_path, c)
    home = house.home(c)
    launch = await house.pad.prepare(c, "/run/netns/x")
    assert (launch.id, launch.runtime, launch.terminal, launch.stdin, launch.log_path) == (
        c.id, "crun", True, True, "/logs/web",
    )  # fmt: skip
    config: Any = launch.config
    assert config["root"]["path"] == str(home / "merged")
    assert config["process"]["user"]["uid"] == 3
    assert 7 in config["process"]["user"]["additionalGids"]
    assert config["process"]["noNewPrivileges"]
    assert config["linux"]["cgroupsPath"] == f"/boxship/{c.id}"
    assert {"type": "network", "path": "/run/netns/x"} in config["linux"]["namespaces"]
    assert (home / "hosts").read_text() == "127.0.0.1 localhost\n"
    sources = {m["destination"]: m.get("source") for m in config["mounts"]}
    assert sources["/etc/resolv.conf"] == str(home / "resolv.conf")


async def test_files_are_written_in_place(tmp_path: Path) -> None:
    """They are mounted in running containers: a new file under the old name would not be seen."""
    c = box()
    house = House(tmp_path, c)
    home = house.home(c)
    await house.pad.prepare(c, "")
    before = (home / "hosts").stat().st_ino
    await house.pad.prepare(c, "")
    assert (home / "hosts").stat().st_ino == before


async def test_no_log_no_path(tmp_path: Path) -> None:
    from msgspec.structs import replace

    c = replace(box(), log_path="")
    house = House(tmp_path, c)
    house.home(c)
    assert (await house.pad.prepare(c, "")).log_path is None


async def test_the_containers_own_cgroup_parent(tmp_path: Path) -> None:
    c = box(host={"cgroup_parent": "/mine/"})
    house = House(tmp_path, c)
    house.home(c)
    config: Any = (await house.pad.prepare(c, "")).config
    assert config["linux"]["cgroupsPath"] == f"/mine/{c.id}"


async def test_a_member_of_a_group_uses_its_files_and_namespaces(tmp_path: Path) -> None:
    web = box(state=State.RUNNING, pid=77, host={"ipc_mode": "shareable"})
    side = box("side", group=web.id, host={"pid_mode": "container:web", "ipc_mode": "container:web"})
    house = House(tmp_path, web, side)
    house.home(side)
    config: Any = (await house.pad.prepare(side, "/run/netns/web")).config
    sources = {m["destination"]: m.get("source") for m in config["mounts"]}
    assert sources["/etc/hosts"] == str(house.options.container_dir(web.id) / "hosts")
    assert sources["/dev/shm"] == str(house.options.container_dir(web.id) / "shm")
    assert {"type": "pid", "path": "/proc/77/ns/pid"} in config["linux"]["namespaces"]
    assert {"type": "ipc", "path": "/proc/77/ns/ipc"} in config["linux"]["namespaces"]


async def test_an_ipc_namespace_that_is_not_lent(tmp_path: Path) -> None:
    web = box(state=State.RUNNING, pid=77)
    side = box("side", host={"ipc_mode": "container:web"})
    house = House(tmp_path, web, side)
    house.home(side)
    with pytest.raises(Conflict, match="non-shareable IPC"):
        await house.pad.prepare(side, "")


async def test_links_bring_variables(tmp_path: Path) -> None:
    db = box("db", state=State.RUNNING, ip="172.17.0.5", exposed_ports=("5432/tcp",), env=("SECRET=x",))
    c = box(host={"links": ("db:store",)})
    house = House(tmp_path, db, c)
    house.home(c)
    config: Any = (await house.pad.prepare(c, "")).config
    env = config["process"]["env"]
    assert "STORE_PORT_5432_TCP=tcp://172.17.0.5:5432" in env
    assert "STORE_NAME=/web/store" in env
    assert "STORE_ENV_SECRET=x" in env


async def test_a_link_to_what_does_not_run(tmp_path: Path) -> None:
    c = box(host={"links": ("db:store",)})
    house = House(tmp_path, box("db"), c)
    house.home(c)
    with pytest.raises(Conflict, match="Cannot link to a non running container: /db AS /web/store"):
        await house.pad.prepare(c, "")


async def test_a_link_to_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    c = box(host={"links": ("db:store",)})
    house = House(tmp_path, c)
    house.home(c)
    config: Any = (await house.pad.prepare(c, "")).config
    assert not any(entry.startswith("STORE") for entry in config["process"]["env"])


async def test_devices_and_throttles_are_looked_up(tmp_path: Path) -> None:
    c = box(host={
        "devices": (Device(path_on_host="/dev/null", path_in_container="/dev/nil"),),
        "blkio_device_read_bps": (ThrottleDevice(path="/dev/null", rate=5),),
    })  # fmt: skip
    house = House(tmp_path, c)
    house.home(c)
    config: Any = (await house.pad.prepare(c, "")).config
    made = {d["path"]: (d["major"], d["minor"]) for d in config["linux"]["devices"]}
    assert made["/dev/nil"] == (1, 3)
    throttle = config["linux"]["resources"]["blockIO"]["throttleReadBpsDevice"]
    assert throttle == [{"major": 1, "minor": 3, "rate": 5}]


async def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    c = box(host={"devices": (Device(path_on_host="/dev/nope"),)})
    house = House(tmp_path, c)
    house.home(c)
    with pytest.raises(
        Invalid, match='error gathering device information while adding custom device "/dev/nope": no such'
    ):
        await house.pad.prepare(c, "")


def test_what_this_host_cannot_do_is_said_at_creation(tmp_path: Path) -> None:
    pad = House(tmp_path).pad
    with pytest.raises(Invalid, match='invalid CapAdd: unknown capability: "CAP_NOPE"'):
        pad.check(ContainerSpec(host=HostSpec(cap_add=("NOPE",))))
    assert pad.check(ContainerSpec()) == () or all(isinstance(w, str) for w in pad.check(ContainerSpec()))


async def test_an_exec_inherits_from_the_bundle(tmp_path: Path) -> None:
    c = box(user="app")
    house = House(tmp_path, c)
    bundle = tmp_path / "bundles" / c.id
    bundle.mkdir(parents=True)
    first = {"env": ["PATH=/x", "A=1"], "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}], "oomScoreAdj": 7}
    (bundle / "config.json").write_text(json.dumps({"process": first}))
    process = await house.pad.process_of(c, ExecSpec(cmd=("ls",), env=("B=2",)))
    assert process["args"] == ["ls"]
    assert {"PATH=/x", "A=1", "B=2"} <= set(process["env"])
    assert (process["rlimits"], process["oomScoreAdj"], process["user"]["uid"]) == (first["rlimits"], 7, 3)
    other = await house.pad.process_of(c, ExecSpec(cmd=("ls",), user="longer"))
    assert other["user"]["uid"] == 6


def test_limits_are_the_present_ones(tmp_path: Path) -> None:
    limits, warnings = House(tmp_path).pad.limits(box(host={"memory": 64 << 20}))
    assert limits["memory"]["limit"] == 64 << 20
    assert warnings == ()
