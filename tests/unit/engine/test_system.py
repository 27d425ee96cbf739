"""The node as a whole: counted, measured, and told with its weaknesses."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from boxship.engine import facts
from boxship.engine.options import EngineOptions
from boxship.engine.system import System
from boxship.host.machine import Machine
from boxship.model.container import ContainerSpec
from boxship.model.image import Image, ImageConfig
from boxship.model.runtime import HostFacts
from boxship.model.status import Container, ContainerStatus, MountPoint, State
from boxship.model.system import Facts
from boxship.model.volume import Volume, VolumeSpec

BASE = Image(id="sha256:base", created=1, config=ImageConfig(), chain=("c1",), size=10)
APP = Image(id="sha256:app", created=2, config=ImageConfig(), chain=("c1", "c2"), size=15)
LONE = Image(id="sha256:lone", created=3, config=ImageConfig(), chain=("c3",), size=7)
SIZES = {BASE.id: (10,), APP.id: (10, 5), LONE.id: (7,)}
VOLUME = Volume(spec=VolumeSpec(name="v"), created=1, mountpoint="/volumes/v/_data")


def container(number: int, state: State, image: Image = APP) -> Container:
    return Container(
        id=f"{number}" * 64,
        name=f"c{number}",
        created=number,
        image_id=image.id,
        group="",
        spec=ContainerSpec(),
        status=ContainerStatus(state=state),
        mounts=(MountPoint(type="volume", name="v", destination="/v"),) if number < 3 else (),
    )


class Containers:
    def __init__(self, *states: State) -> None:
        self.found = [container(number, state) for number, state in enumerate(states, 1)]

    def all(self) -> list[Container]:
        return self.found


class Images:
    def all(self) -> list[Image]:
        return [BASE, APP, LONE]

    def find(self, ref: str) -> Image | None:
        return next((image for image in self.all() if image.id == ref), None)

    def layer_sizes(self, image: Image) -> tuple[int, ...]:
        return SIZES[image.id]

    def disk_usage(self) -> int:
        return 22


class Volumes:
    def all(self) -> list[Volume]:
        return [VOLUME]


async def measure(path: Path) -> int:
    return {"upper": 3, "_data": 100}[path.name]


def system(*states: State) -> System:
    options = EngineOptions(data_root=Path("/data"), exec_root=Path("/run/x"))
    services = {"containers": Containers(*states), "images": Images(), "volumes": Volumes()}
    return System(Facts(cgroup_version=2), options, **services, measure=measure)  # type: ignore[arg-type]


def test_counts() -> None:
    counts = system(State.RUNNING, State.RESTARTING, State.PAUSED, State.EXITED, State.CREATED, State.DEAD).counts()
    assert (counts.running, counts.paused, counts.stopped, counts.containers, counts.images) == (2, 1, 3, 6, 3)


async def test_sizes() -> None:
    node = system()
    assert await node.sizes(container(1, State.EXITED)) == (3, 18)
    gone = replace(container(1, State.EXITED), image_id="sha256:gone")
    assert await node.sizes(gone) == (3, 3)


async def test_usage_counts_shared_layers_and_users() -> None:
    used = await system(State.RUNNING, State.EXITED, State.EXITED).usage(("container", "image", "volume"))
    assert used.layers == 22
    assert used.images == ((BASE, 10, 0), (APP, 10, 3), (LONE, 0, 0))
    assert used.volumes == ((VOLUME, 100, 2),)
    assert used.containers is not None
    assert [sizes[1:] for sizes in used.containers] == [(3, 18)] * 3


@pytest.mark.parametrize("kind", ["container", "image", "volume"])
async def test_only_what_was_asked_for_is_measured(kind: str) -> None:
    used = await system(State.RUNNING).usage((kind,))
    found = {"container": used.containers, "image": used.images, "volume": used.volumes}
    assert [name for name, value in found.items() if value is not None] == [kind]


def test_facts_may_change_at_a_reload() -> None:
    node = system()
    assert node.unified_cgroups
    node.reload(Facts(cgroup_version=1, labels=("a=b",)))
    assert not node.unified_cgroups
    assert node.facts().labels == ("a=b",)


MACHINE = Machine(
    kernel="6.1.0", architecture="x86_64", system="Debian 12", system_id="debian", system_version="12", hostname="h",
    cpus=2, memory=8, swap=0, capabilities=("CAP_CHOWN",), missing=("CAP_SYS_RESOURCE", "CAP_BPF"), seccomp=True,
    apparmor=False, selinux=False, cgroup_namespaces=True, user_namespaces=True, ipv4_forwarding=False,
    bridge_filter_ipv4=True, bridge_filter_ipv6=False,
)  # fmt: skip
ABLE = frozenset({"memory", "cpu_cfs", "cpu_shares", "cpuset", "pids", "blkio_throttle"})


def test_every_weakness_is_told() -> None:
    assert facts.weaknesses(MACHINE, HostFacts(controls=ABLE)) == (
        "WARNING: No swap limit support",
        "WARNING: IPv4 forwarding is disabled",
        "WARNING: this machine withholds CAP_SYS_RESOURCE: "
        "ulimits above the daemon's own hard limits are lowered to these",
        "WARNING: this machine withholds CAP_BPF: privileged containers go without it",
    )


def test_a_strong_host_has_no_weakness() -> None:
    strong = replace(MACHINE, missing=(), ipv4_forwarding=True)
    assert facts.weaknesses(strong, HostFacts(controls=ABLE | {"swap"})) == ()
