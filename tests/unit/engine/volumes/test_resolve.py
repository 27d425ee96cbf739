"""Every way to ask for a mount, as text; refusals are dockerd's sentences."""

import pytest

from boxship.base.errors import Invalid
from boxship.engine.volumes.modes import is_mode, parse_source
from boxship.engine.volumes.parse import parse_bind, parse_mount
from boxship.engine.volumes.resolve import resolve
from boxship.model.container import (
    BindOptions,
    ContainerSpec,
    DriverConfig,
    HostSpec,
    ImageOptions,
    MountSpec,
    TmpfsOptions,
    VolumeOptions,
)
from boxship.model.image import ImageConfig
from boxship.model.status import MountPoint


def exists(path: str) -> bool:
    return not path.startswith("/missing")


def show(point: MountPoint) -> str:
    """One line that holds all that is not a default."""
    words = [point.type, point.name or point.source or "-", point.destination, "rw" if point.rw else "ro"]
    flags = [n for n in ("anonymous", "no_copy", "create_source") if getattr(point, n)]
    flags += [] if point.recursive else ["flat"]
    named = [
        f"{n}={getattr(point, n)}"
        for n in ("mode", "propagation", "subpath", "read_only_recursive")
        if getattr(point, n)
    ]
    driver = [f"driver={point.driver}"] if point.driver not in ("", "local") else []
    return " ".join([*words, *flags, *named, *driver, *point.options])


BINDS = {
    "/host:/c": "bind /host /c rw create_source propagation=rprivate",
    "/host/:/c/": "bind /host /c rw create_source propagation=rprivate",
    "/host:/c:ro": "bind /host /c ro create_source mode=ro propagation=rprivate",
    "/host:/c:ro,Z": "bind /host /c ro create_source mode=ro,Z propagation=rprivate",
    "/host:/c:rslave": "bind /host /c rw create_source mode=rslave propagation=rslave",
    "/host:/c:z,shared,rw": "bind /host /c rw create_source mode=z,shared,rw propagation=shared",
    "/host:/c:cached": "bind /host /c rw create_source mode=cached propagation=rprivate",
    "vol:/c": "volume vol /c rw mode=z",
    "vol:/c:ro": "volume vol /c ro mode=ro",
    "vol:/c:nocopy": "volume vol /c rw no_copy mode=nocopy",
    "/c": "volume - /c rw anonymous mode=z",
}

BAD_BINDS = {
    "": "invalid volume specification: ''",
    ":/c": "invalid volume specification: ':/c'",
    "/a:/b:ro:x": "invalid volume specification: '/a:/b:ro:x'",
    "/c:ro": "invalid volume specification: '/c:ro'",
    "/a:/b:nope": "invalid mode: nope",
    "/a:/b:ro,rw": "invalid mode: ro,rw",
    "/a:/b:z,Z": "invalid mode: z,Z",
    "/a:/b:shared,slave": "invalid mode: shared,slave",
    "/a:/": (
        "invalid volume specification: '/a:/': invalid mount config for type \"bind\": "
        "invalid specification: destination can't be '/'"
    ),
    "/a:b": (
        "invalid volume specification: '/a:b': invalid mount config for type \"bind\": "
        "invalid mount path: 'b' mount path must be absolute"
    ),
    "vol:/c:rshared": (
        "invalid volume specification: 'vol:/c:rshared': invalid mount config for type \"volume\": "
        "field BindOptions must not be specified"
    ),
    "./x:/c": (
        'create ./x: "./x" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are '
        "allowed. If you intended to pass a host directory, use absolute path"
    ),
    "a:/c": "create a: volume name is too short, names should be at least two alphanumeric characters",
}


@pytest.mark.parametrize(("text", "shown"), BINDS.items(), ids=BINDS)
def test_binds(text: str, shown: str) -> None:
    assert show(parse_bind(text)) == shown


@pytest.mark.parametrize(("text", "fault"), BAD_BINDS.items(), ids=[t or "empty" for t in BAD_BINDS])
def test_bad_binds(text: str, fault: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_bind(text)
    assert str(raised.value) == fault


def test_volume_driver_of_binds() -> None:
    assert parse_bind("vol:/c", "nfs").driver == "nfs"
    assert parse_bind("/a:/c", "nfs").driver == ""


def mount(kind: str, source: str = "", target: str = "/t", **more: object) -> MountSpec:
    return MountSpec(type=kind, source=source, target=target, **more)  # type: ignore[arg-type]


MOUNTS = [
    (mount("bind", "/a"), "bind /a /t rw propagation=rprivate"),
    (mount("bind", "/a", read_only=True), "bind /a /t ro propagation=rprivate"),
    (mount("bind", "/missing", bind_options=BindOptions(create_mountpoint=True)),
     "bind /missing /t rw create_source propagation=rprivate"),
    (mount("bind", "/a", bind_options=BindOptions(propagation="rshared", non_recursive=True)),
     "bind /a /t rw flat propagation=rshared"),
    (mount("bind", "/a", read_only=True, bind_options=BindOptions(read_only_force_recursive=True)),
     "bind /a /t ro propagation=rprivate read_only_recursive=forced"),
    (mount("bind", "/a", read_only=True, bind_options=BindOptions(read_only_non_recursive=True)),
     "bind /a /t ro propagation=rprivate read_only_recursive=disabled"),
    (mount("volume"), "volume - /t rw anonymous mode=z"),
    (mount("volume", "vol", read_only=True), "volume vol /t ro mode=z"),
    (mount("volume", "vol", volume_options=VolumeOptions(no_copy=True, driver_config=DriverConfig(name="nfs"))),
     "volume vol /t rw no_copy mode=z driver=nfs"),
    (mount("volume", "vol", volume_options=VolumeOptions(subpath="a/b")),
     "volume vol /t rw no_copy mode=z subpath=a/b"),
    (mount("tmpfs"), "tmpfs - /t rw"),
    (mount("tmpfs", tmpfs_options=TmpfsOptions(size_bytes=1 << 20, mode=0o700, options=(("exec",),))),
     "tmpfs - /t rw mode=700 size=1048576 exec"),
    (mount("image", "busybox"), "image busybox /t ro"),
    (mount("image", "busybox", image_options=ImageOptions(subpath="bin")), "image busybox /t ro subpath=bin"),
]  # fmt: skip

BAD_MOUNTS = [
    (mount("npipe", "x"), 'type "npipe": mount type unknown'),
    (mount("", "x"), 'type "": mount type unknown'),
    (mount("bind", "/a", target=""), 'type "bind": field Target must not be empty'),
    (mount("bind", "/a", target="/"), "type \"bind\": invalid specification: destination can't be '/'"),
    (mount("bind", "/a", target="x"), "type \"bind\": invalid mount path: 'x' mount path must be absolute"),
    (mount("bind"), 'type "bind": field Source must not be empty'),
    (mount("bind", "a"), "type \"bind\": invalid mount path: 'a' mount path must be absolute"),
    (mount("bind", "/missing"), 'type "bind": bind source path does not exist: /missing'),
    (mount("bind", "/a", bind_options=BindOptions(propagation="x")), 'type "bind": invalid propagation mode: x'),
    (mount("bind", "/a", volume_options=VolumeOptions()), 'type "bind": field VolumeOptions must not be specified'),
    (mount("volume", "vol", bind_options=BindOptions()), 'type "volume": field BindOptions must not be specified'),
    (mount("volume", read_only=True), 'type "volume": must not set ReadOnly mode when using anonymous volumes'),
    (mount("volume", volume_options=VolumeOptions(subpath="a")),
     'type "volume": must not set Subpath when using anonymous volumes'),
    (mount("volume", "vol", volume_options=VolumeOptions(subpath="../a")),
     'type "volume": subpath must be a relative path within the volume'),
    (mount("volume", "vol", volume_options=VolumeOptions(subpath="/a")),
     'type "volume": subpath must be a relative path within the volume'),
    (mount("tmpfs", consistency="often"), 'type "tmpfs": invalid consistency: often'),
    (mount("tmpfs", "x"), 'type "tmpfs": field Source must not be specified'),
    (mount("tmpfs", tmpfs_options=TmpfsOptions(options=(("uid", "1"),))),
     "type \"tmpfs\": invalid option: 'uid=1' (want one of exec, noexec, suid, nosuid, dev, nodev)"),
    (mount("image"), 'type "image": field Source must not be empty'),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "shown"), MOUNTS)
def test_mounts(spec: MountSpec, shown: str) -> None:
    assert show(parse_mount(spec, exists)) == shown


def test_a_directory_meant_as_volume() -> None:
    with pytest.raises(Invalid, match=r'^create \./x: "\./x" includes invalid characters'):
        parse_mount(mount("volume", "./x"), exists)


@pytest.mark.parametrize(("spec", "fault"), BAD_MOUNTS)
def test_bad_mounts(spec: MountSpec, fault: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_mount(spec, exists)
    assert str(raised.value) == f"invalid mount config for {fault}"


def resolved(image: ImageConfig = ImageConfig(), volumes: tuple[str, ...] = (), **host: object) -> str:  # noqa: B008
    spec = ContainerSpec(volumes=volumes, host=HostSpec(**host))  # type: ignore[arg-type]
    other = (
        MountPoint(type="volume", name="data", source="/v/data", destination="/data", driver="local", mode="z"),
        MountPoint(type="bind", source="/etc", destination="/conf", rw=False, propagation="rprivate"),
    )
    return "\n".join(show(point) for point in resolve(spec, image, {"other": other}, exists))


def test_order_is_by_depth() -> None:
    assert resolved(binds=("/x:/a/b/c", "/y:/a", "/z:/a/b")).split()[2::6] == ["/a", "/a/b", "/a/b/c"]


def test_image_volumes_are_anonymous_and_give_way() -> None:
    image = ImageConfig(volumes=("/data", "/tmp/x", "/cache"))
    text = resolved(image, ("/mine",), binds=("vol:/data",), tmpfs={"/tmp/x": ""})
    assert text == "volume - /cache rw anonymous\nvolume vol /data rw mode=z\nvolume - /mine rw anonymous"


def test_volumes_from() -> None:
    assert resolved(volumes_from=("other",)) == "bind /etc /conf ro propagation=rprivate\nvolume data /data rw mode=z"
    assert "volume data /data ro" in resolved(volumes_from=("other:ro",))
    assert "volume own /data rw" in resolved(volumes_from=("other",), binds=("own:/data",))


@pytest.mark.parametrize(
    "host",
    [
        {"binds": ("/a:/d", "/b:/d/")},
        {"binds": ("/a:/d",), "mounts": (mount("tmpfs", target="/d"),)},
        {"binds": ("/a:/d",), "tmpfs": {"/d": ""}},
        {"mounts": (mount("tmpfs", target="/d"), mount("volume", target="/d"))},
    ],
)
def test_duplicates(host: dict[str, object]) -> None:
    with pytest.raises(Invalid, match=r"^Duplicate mount point: /d$"):
        resolved(**host)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    [
        {"tmpfs": {"x": ""}},
        {"tmpfs": {"/": ""}},
        {"tmpfs": {"/t": "nosuch=1"}},
        {"tmpfs": {"/t": "size"}},
        {"tmpfs": {"/t": "exec=1"}},
    ],
)
def test_bad_tmpfs(host: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        resolved(**host)  # type: ignore[arg-type]


@pytest.mark.parametrize("volume", ["x", "/"])
def test_bad_anonymous(volume: str) -> None:
    with pytest.raises(Invalid):
        resolved(volumes=(volume,))


@pytest.mark.parametrize(("text", "parts"), [("c", ("c", "rw")), ("c:ro", ("c", "ro")), ("c:z", ("c", "z"))])
def test_sources(text: str, parts: tuple[str, str]) -> None:
    assert parse_source(text) == parts


@pytest.mark.parametrize("text", ["", "c:x", "c:", "c:rshared", "c:nocopy"])
def test_bad_sources(text: str) -> None:
    with pytest.raises(Invalid):
        parse_source(text)


@pytest.mark.parametrize(
    ("mode", "good"), [("", False), ("ro", True), ("ro,ro", False), ("ro,", False), ("z,ro", True)]
)
def test_modes(mode: str, good: bool) -> None:
    assert is_mode(mode) is good
