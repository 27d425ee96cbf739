"""Volumes: made once, kept while used, filled before their first use, gone without a trace."""

from pathlib import Path

import msgspec
import pytest

from boxship.base.errors import Conflict, Invalid, KernelError, NotFound
from boxship.model.container import ContainerSpec, DriverConfig, HostSpec, ImageOptions, MountSpec, VolumeOptions
from boxship.model.status import ContainerStatus, State
from boxship.model.volume import VolumeSpec
from tests.unit.engine.volumes.fakes import IMAGE, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_create_is_repeatable(world: World) -> None:
    volumes = await world.daemon()
    one = await volumes.create(VolumeSpec(name="vol", labels={"a": "b"}))
    assert await volumes.create(VolumeSpec(name="vol")) == one
    assert world.actions() == ["create"]
    assert Path(one.mountpoint).stat().st_mode & 0o777 == 0o755
    assert Path(one.mountpoint).parent.stat().st_mode & 0o777 == 0o701
    assert (await world.daemon()).all() == [one]


async def test_without_a_name_it_is_anonymous(world: World) -> None:
    volume = await (await world.daemon()).create(VolumeSpec())
    assert volume.anonymous
    assert len(volume.name) == 64
    assert volume.spec.labels == {"com.docker.volume.anonymous": ""}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (VolumeSpec(name="a/b"), 'create a/b: "a/b" includes invalid characters for a local volume name'),
        (VolumeSpec(name="x"), "create x: volume name is too short"),
        (VolumeSpec(name="vv", options={"foo": "x"}), 'create vv: invalid option: "foo"'),
        (VolumeSpec(name="vv", options={"type": "nfs"}), 'create vv: missing required option: "device"'),
        (VolumeSpec(name="vv", options={"o": "ro"}), 'create vv: missing required option: "device"'),
        (
            VolumeSpec(name="vv", options={"size": "1g"}),
            "create vv: quota size requested but no quota support: file system foofs has none",
        ),
        (VolumeSpec(name="vv", options={"size": "big"}), "create vv: invalid size: 'big'"),
        (VolumeSpec(name="vv", options={"size": "0"}), "create vv: size must be more than 0"),
        (
            VolumeSpec(name="vv", options={"size": "1g", "type": "nfs", "device": ":/x"}),
            'size is for directories and tmpfs; say it to nfs in "o"',
        ),
    ],
)
async def test_refusals(world: World, spec: VolumeSpec, text: str) -> None:
    volumes = await world.daemon()
    with pytest.raises(Invalid) as raised:
        await volumes.create(spec)
    assert text in str(raised.value)
    assert volumes.all() == []


async def test_unknown_driver_and_conflict(world: World) -> None:
    volumes = await world.daemon()
    with pytest.raises(NotFound, match='create vv: error looking up volume plugin sshfs: plugin "sshfs" not found'):
        await volumes.create(VolumeSpec(name="vv", driver="sshfs"))
    await volumes.create(VolumeSpec(name="vv"))
    volumes._drivers = {**volumes._drivers, "other": volumes._drivers["local"]}
    with pytest.raises(Conflict, match="create vv: driver 'local' already has volume 'vv': volume name must be unique"):
        await volumes.create(VolumeSpec(name="vv", driver="other"))


async def test_removal(world: World) -> None:
    volumes = await world.daemon()
    with pytest.raises(NotFound, match="get vv: no such volume"):
        await volumes.remove("vv")
    await volumes.remove("vv", force=True)
    await volumes.create(VolumeSpec(name="vv"))
    c = world.container(volumes, binds=("vv:/d",))
    with pytest.raises(Conflict) as raised:
        await volumes.remove("vv", force=True)
    assert str(raised.value) == f"remove vv: volume is in use - [{c.id}]"
    assert volumes.users("vv") == [c.id]
    world.containers.clear()
    await volumes.remove("vv")
    assert not (world.root / "volumes" / "vv").exists()
    assert (await world.daemon()).all() == []


async def test_prune_takes_anonymous_ones_first(world: World) -> None:
    volumes = await world.daemon()
    anonymous = await volumes.create(VolumeSpec())
    await volumes.create(VolumeSpec(name="named"))
    await volumes.create(VolumeSpec(name="used"))
    world.container(volumes, binds=("used:/d",))
    (Path(anonymous.mountpoint) / "f").write_bytes(b"12345")
    assert await volumes.prune(lambda _: True) == ([anonymous.name], 5)
    assert await volumes.prune(lambda _: True, unnamed_only=False) == (["named"], 0)
    assert [v.name for v in volumes.all()] == ["used"]
    assert world.actions()[-1] == "prune"


async def test_a_container_brings_its_volumes(world: World) -> None:
    volumes = await world.daemon()
    c = world.container(volumes, binds=("vol:/a", "/b", f"{world.root}/new:/n"))
    assert volumes.all() == []
    await volumes.provide(c)
    await volumes.provide(c)
    named = volumes.get("vol")
    assert not named.anonymous
    assert {m.destination: m.source for m in c.mounts}["/a"] == named.mountpoint
    (anonymous,) = [v for v in volumes.all() if v.anonymous]
    assert anonymous.spec.labels == {"com.docker.volume.anonymous": ""}
    assert (world.root / "new").is_dir()
    world.containers.clear()
    await volumes.release(c)
    await volumes.release(c)
    assert [v.name for v in volumes.all()] == ["vol"]


async def test_options_and_labels_of_a_mount(world: World) -> None:
    volumes = await world.daemon()
    options = VolumeOptions(
        labels={"l": "1"}, driver_config=DriverConfig(name="local", options={"type": "tmpfs", "device": "tmpfs"})
    )
    c = world.container(volumes, mounts=(MountSpec(type="volume", source="vol", target="/v/", volume_options=options),))
    await volumes.provide(c)
    assert volumes.get("vol").spec.labels == {"l": "1"}
    assert volumes.get("vol").spec.options == {"type": "tmpfs", "device": "tmpfs"}


async def test_anonymous_volumes_of_others_stay(world: World) -> None:
    volumes = await world.daemon()
    first = world.container(volumes, "a", binds=("/data",))
    await volumes.provide(first)
    second = world.container(volumes, "b", volumes_from=("a:ro",))
    assert second.mounts[0].source == first.mounts[0].source
    assert not second.mounts[0].rw
    await volumes.provide(second)
    world.containers.remove(first)
    await volumes.release(first)
    assert len(volumes.all()) == 1
    with pytest.raises(Invalid, match="No such container: zz"):
        world.container(volumes, "d", volumes_from=("zz",))


async def test_new_volumes_take_what_the_image_has(world: World) -> None:
    (world.layers[0] / "etc").mkdir(mode=0o750)
    (world.layers[1] / "etc").mkdir(mode=0o711)
    (world.layers[1] / "etc").chmod(0o711)
    (world.layers[0] / "etc" / "low").write_text("1")
    (world.layers[1] / "etc" / "high").write_text("2")
    volumes = await world.daemon()
    c = world.container(volumes, binds=("vol:/etc", "empty:/etc/nope", "raw:/etc/low2:nocopy"))
    await volumes.provide(c)
    data = Path(volumes.get("vol").mountpoint)
    assert sorted(p.name for p in data.iterdir()) == ["high", "low"]
    assert data.stat().st_mode & 0o777 == 0o711
    assert not any(Path(volumes.get("empty").mountpoint).iterdir())
    assert world.ground.mounted == {}
    assert not list((world.root / "mounts").iterdir())
    (data / "low").unlink()
    (data / "high").unlink()
    started = msgspec.structs.replace(c, status=ContainerStatus(has_started=True))
    await volumes.provide(started)
    assert not any(data.iterdir())


async def test_a_crash_while_filling_leaves_no_half(world: World) -> None:
    (world.layers[0] / "etc").mkdir()
    (world.layers[0] / "etc" / "f").write_text("1")
    volumes = await world.daemon()
    await volumes.create(VolumeSpec(name="vol"))
    half = world.root / "volumes" / "vol" / "_filling"
    half.mkdir()
    (half / "g").write_text("half")
    c = world.container(volumes, binds=("vol:/etc",))
    await volumes.provide(c)
    assert [p.name for p in Path(volumes.get("vol").mountpoint).iterdir()] == ["f"]


async def test_full_volumes_are_left_alone(world: World) -> None:
    (world.layers[0] / "etc").mkdir()
    (world.layers[0] / "etc" / "f").write_text("1")
    volumes = await world.daemon()
    volume = await volumes.create(VolumeSpec(name="vol"))
    (Path(volume.mountpoint) / "mine").write_text("x")
    await volumes.provide(world.container(volumes, binds=("vol:/etc",)))
    assert [p.name for p in Path(volume.mountpoint).iterdir()] == ["mine"]


async def test_a_file_of_the_image_is_no_place_for_a_volume(world: World) -> None:
    (world.layers[0] / "file").write_text("1")
    volumes = await world.daemon()
    with pytest.raises(Invalid, match="cannot mount volume over existing file, file exists /file"):
        await volumes.provide(world.container(volumes, binds=("vol:/file",)))


async def test_devices_are_mounted_while_used(world: World) -> None:
    volumes = await world.daemon()
    options = {"type": "nfs", "device": ":/x", "o": "addr=1.2.3.4,ro"}
    volume = await volumes.create(VolumeSpec(name="nfs", options=options))
    one, two = (world.container(volumes, letter, binds=("nfs:/d",)) for letter in "ab")
    await volumes.provide(one)
    await volumes.provide(two)
    assert world.ground.mounted == {volume.mountpoint: "nfs :/x addr=1.2.3.4,ro"}
    await volumes.withdraw(one)
    assert world.ground.mounted
    await volumes.withdraw(two)
    await volumes.withdraw(two)
    assert world.ground.mounted == {}
    world.ground.fails = True
    with pytest.raises(KernelError, match="failed to mount local volume: mount: no such device"):
        await volumes.provide(one)


async def test_sizes(world: World) -> None:
    volumes = await world.daemon()
    world.ground.limits_directories = True
    volume = await volumes.create(VolumeSpec(name="small", options={"size": "4m"}))
    assert world.ground.limited == {str(Path(volume.mountpoint).parent): 4 << 20}
    temporary = {"type": "tmpfs", "device": "tmpfs", "o": "mode=700", "size": "1k"}
    volume = await volumes.create(VolumeSpec(name="temporary", options=temporary))
    await volumes.provide(world.container(volumes, binds=("temporary:/d",)))
    assert world.ground.mounted == {volume.mountpoint: "tmpfs tmpfs mode=700,size=1024"}


SERVERS = {
    "nfs by name": ("nfs", ":/x", "addr=nas,ro", "addr=10.0.0.7,ro"),
    "nfs by number": ("nfs4", ":/x", "addr=10.0.0.9", "addr=10.0.0.9"),
    "cifs by its device": ("cifs", "//nas/share", "username=me", "username=me,addr=10.0.0.7"),
    "cifs by option": ("cifs", "//nas/share", "ip=10.0.0.1", "ip=10.0.0.1"),
    "others are left alone": ("ext4", "/dev/x", "addr=nas", "addr=nas"),
}


@pytest.mark.parametrize(("kind", "device", "asked", "expected"), SERVERS.values(), ids=SERVERS)
async def test_servers_are_found_by_name(world: World, kind: str, device: str, asked: str, expected: str) -> None:
    volumes = await world.daemon()
    volume = await volumes.create(VolumeSpec(name="vv", options={"type": kind, "device": device, "o": asked}))
    await volumes.provide(world.container(volumes, binds=("vv:/d",)))
    assert world.ground.mounted == {volume.mountpoint: f"{kind} {device} {expected}"}


async def test_a_server_that_is_nowhere(world: World) -> None:
    volumes = await world.daemon()
    options = {"type": "nfs", "device": ":/x", "o": "addr=gone"}
    await volumes.create(VolumeSpec(name="vv", options=options))
    with pytest.raises(KernelError, match="failed to mount local volume: lookup gone: no such host"):
        await volumes.provide(world.container(volumes, binds=("vv:/d",)))


async def test_users_are_known_after_a_restart(world: World) -> None:
    volumes = await world.daemon()
    await volumes.create(VolumeSpec(name="vv", options={"type": "tmpfs", "device": "tmpfs"}))
    one, two = (world.container(volumes, letter, binds=("vv:/d",)) for letter in "ab")
    for container in (one, two):
        await volumes.provide(container)
    live = ContainerStatus(state=State.RUNNING)
    world.containers[:] = [msgspec.structs.replace(c, status=live) for c in (one, two)]
    volumes = await world.daemon()
    await volumes.withdraw(one)
    assert world.ground.mounted
    await volumes.withdraw(two)
    assert not world.ground.mounted


async def test_images_and_parts(world: World) -> None:
    (world.layers[0] / "bin").mkdir()
    volumes = await world.daemon()
    volume = await volumes.create(VolumeSpec(name="vol"))
    (Path(volume.mountpoint) / "sub").mkdir()
    c = world.container(
        volumes,
        mounts=(
            MountSpec(type="image", source="busybox", target="/i"),
            MountSpec(type="image", source="busybox", target="/b", image_options=ImageOptions(subpath="bin")),
            MountSpec(type="volume", source="vol", target="/s", volume_options=VolumeOptions(subpath="sub")),
        ),
    )
    at = {m.destination: m for m in c.mounts}
    assert at["/i"].name == IMAGE.id
    await volumes.provide(c)
    await volumes.provide(c)
    assert world.ground.mounted[at["/i"].source] == "overlay"
    assert world.ground.mounted[at["/s"].source] == f"{volume.mountpoint}/sub"
    assert Path(world.ground.mounted[at["/b"].source]).name == "bin"
    await volumes.withdraw(c)
    assert world.ground.mounted == {}
    assert not list((world.root / "mounts").iterdir())
    missing = VolumeOptions(subpath="nope")
    c = world.container(volumes, mounts=(MountSpec(type="volume", source="vol", target="/s", volume_options=missing),))
    with pytest.raises(Invalid, match="no such file or directory"):
        await volumes.provide(c)
    with pytest.raises(NotFound, match="No such image: nope"):
        world.container(volumes, mounts=(MountSpec(type="image", source="nope", target="/s"),))


async def test_settle_refuses_before_anything_is_made(world: World) -> None:
    volumes = await world.daemon()
    with pytest.raises(Invalid, match="bind source path does not exist: /nope"):
        world.container(volumes, mounts=(MountSpec(type="bind", source="/nope", target="/x"),))
    with pytest.raises(NotFound, match="error looking up volume plugin x"):
        world.container(volumes, binds=("vol:/x",), volume_driver="x")
    assert volumes.all() == []


async def test_a_volume_that_is_there_keeps_its_driver(world: World) -> None:
    volumes = await world.daemon()
    await volumes.create(VolumeSpec(name="vol", driver="shelf"))
    points = volumes.settle("c", ContainerSpec(image="i", host=HostSpec(binds=("vol:/a", "new:/b"))), IMAGE)
    assert [(point.name, point.driver) for point in points] == [("vol", "shelf"), ("new", "local")]
