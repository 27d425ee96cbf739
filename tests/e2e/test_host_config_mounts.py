"""What is mounted into a container: binds, volumes, tmpfs, images, other containers' volumes; with every option."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.engine_api import IMAGE, EngineApi, Json

pytestmark = pytest.mark.e2e


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory of the host with a file, a directory and another file system mounted below."""
    (tmp_path / "file").write_text("of the host\n")
    (tmp_path / "below").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "t", str(tmp_path / "below")], check=True)
    (tmp_path / "below" / "deep").write_text("deep\n")
    yield tmp_path
    subprocess.run(["umount", "-R", "-l", str(tmp_path / "below")], check=True)


# Bind -> command, whether it works. PLACE is the directory.
BINDS: dict[str, tuple[str, str, bool]] = {
    "read": ("PLACE:/data", "grep host /data/file", True),
    "write": ("PLACE:/data", "echo x >/data/new", True),
    "read-only": ("PLACE:/data:ro", "echo x >/data/new", False),
    "read-only to its depth": ("PLACE:/data:ro", "echo x >/data/below/new", False),
    "a file": ("PLACE/file:/etc/motd", "grep host /etc/motd", True),
    "mounts below": ("PLACE:/data", "cat /data/below/deep", True),
    "labels": ("PLACE:/data:z", "cat /data/file", True),
    "private labels": ("PLACE:/data:ro,Z", "cat /data/file", True),
    "consistency": ("PLACE:/data:cached", "cat /data/file", True),
    "a place that is made": ("PLACE/new/deep:/data", "touch /data/x", True),
    "below another": ("PLACE:/tmp/a/b", "cat /tmp/a/b/file", True),
}


@pytest.mark.parametrize(("bind", "command", "works"), BINDS.values(), ids=BINDS)
def test_binds(api: EngineApi, place: Path, bind: str, command: str, works: bool) -> None:
    ran = api.run(command, {"Binds": [bind.replace("PLACE", str(place))]})
    assert (ran.code == 0) == works, ran


def test_inspect_shows_binds(api: EngineApi, place: Path) -> None:
    made = api.create({"Binds": [f"{place}:/data:ro,z,rslave"]}, Cmd=["true"]).json["Id"]
    assert api.inspect(made)["Mounts"] == [
        {
            "Type": "bind",
            "Source": str(place),
            "Destination": "/data",
            "Mode": "ro,z,rslave",
            "RW": False,
            "Propagation": "rslave",
        }
    ]


# Mount -> command, whether it works.
MOUNTS: dict[str, tuple[Json, str, bool]] = {
    "bind": ({"Type": "bind", "Source": "PLACE"}, "cat /data/below/deep && touch /data/x", True),
    "bind, read-only": ({"Type": "bind", "Source": "PLACE", "ReadOnly": True}, "touch /data/x", False),
    "bind, read-only to its depth": (
        {"Type": "bind", "Source": "PLACE", "ReadOnly": True},
        "touch /data/below/x",
        False,
    ),
    "bind, read-only on top": (
        {"Type": "bind", "Source": "PLACE", "ReadOnly": True, "BindOptions": {"ReadOnlyNonRecursive": True}},
        "! touch /data/x && touch /data/below/x",
        True,
    ),
    "bind, read-only to its depth, forced": (
        {
            "Type": "bind",
            "Source": "PLACE",
            "ReadOnly": True,
            "BindOptions": {"ReadOnlyForceRecursive": True, "Propagation": "rprivate"},
        },
        "touch /data/below/x",
        False,
    ),
    "bind, nothing below": (
        {"Type": "bind", "Source": "PLACE", "BindOptions": {"NonRecursive": True}},
        "test -e /data/below/deep",
        False,
    ),
    "bind, made": (
        {"Type": "bind", "Source": "PLACE/made", "BindOptions": {"CreateMountpoint": True}},
        "touch /data/x",
        True,
    ),
    "bind, consistency": ({"Type": "bind", "Source": "PLACE", "Consistency": "delegated"}, "cat /data/file", True),
    "tmpfs": ({"Type": "tmpfs"}, "touch /data/x && mount | grep -q 'tmpfs on /data '", True),
    "tmpfs, sized": (
        {"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 1 << 20}},
        "test $(df -k /data | tail -1 | awk '{print $2}') = 1024",
        True,
    ),
    "tmpfs, its mode": ({"Type": "tmpfs", "TmpfsOptions": {"Mode": 0o700}}, "test $(stat -c %a /data) = 700", True),
    "tmpfs, usual mode": ({"Type": "tmpfs"}, "test $(stat -c %a /data) = 1777", True),
    "tmpfs, read-only": ({"Type": "tmpfs", "ReadOnly": True}, "touch /data/x", False),
    "tmpfs, programs": (
        {"Type": "tmpfs", "TmpfsOptions": {"Options": [["exec"]]}},
        "cp /bin/busybox /data/true && /data/true",
        True,
    ),
    "tmpfs, no programs": ({"Type": "tmpfs"}, "cp /bin/busybox /data/true && /data/true", False),
    "image": ({"Type": "image", "Source": IMAGE}, "test -x /data/bin/busybox && ! touch /data/x", True),
    "image, a part": (
        {"Type": "image", "Source": IMAGE, "ImageOptions": {"Subpath": "bin"}},
        "test -x /data/busybox",
        True,
    ),
    "volume without a name": ({"Type": "volume"}, "touch /data/x", True),
}


@pytest.mark.parametrize(("mount", "command", "works"), MOUNTS.values(), ids=MOUNTS)
def test_mounts(api: EngineApi, place: Path, mount: Json, command: str, works: bool) -> None:
    asked = {**mount, "Target": "/data"}
    if "Source" in mount:
        asked["Source"] = mount["Source"].replace("PLACE", str(place))
    ran = api.run(command, {"Mounts": [asked]})
    assert (ran.code == 0) == works, ran


TEMPORARY: dict[str, tuple[Json, str]] = {
    "usual": ({"/data": ""}, "touch /data/x; grep ' /data ' /proc/mounts | grep nosuid | grep nodev | grep noexec"),
    "sized": ({"/data": "size=64k"}, "test $(df -k /data | tail -1 | awk '{print $2}') = 64"),
    "mode": ({"/data": "mode=711"}, "test $(stat -c %a /data) = 711"),
    "owner": ({"/data": "uid=33,gid=33"}, "test $(stat -c %u.%g /data) = 33.33"),
    "with programs": ({"/data": "exec"}, "cp /bin/busybox /data/true && /data/true"),
    "read-only": ({"/data": "ro"}, "! touch /data/x"),
    "in a read-only root": ({"/data": ""}, "touch /data/x"),
}


@pytest.mark.parametrize(("tmpfs", "command"), TEMPORARY.values(), ids=TEMPORARY)
def test_tmpfs(api: EngineApi, tmpfs: Json, command: str) -> None:
    ran = api.run(command, {"Tmpfs": tmpfs, "ReadonlyRootfs": True})
    assert ran.code == 0, ran


# volumes


def test_a_volume_keeps_what_is_written(api: EngineApi) -> None:
    with api.volume() as name:
        bind = {"Binds": [f"{name}:/data"]}
        api.run("echo kept >/data/x", bind)
        assert api.run("cat /data/x", bind).output == "kept\n"
        assert api.run("touch /data/y", {"Binds": [f"{name}:/data:ro"]}).code != 0


def test_a_new_volume_is_filled_from_the_image_unless_not_wanted(api: EngineApi) -> None:
    with api.volume() as full, api.volume() as bare:
        mounts = [
            {"Type": "volume", "Source": full, "Target": "/bin2"},
            {"Type": "volume", "Source": full, "Target": "/etc"},
            {"Type": "volume", "Source": bare, "Target": "/home", "VolumeOptions": {"NoCopy": True}},
        ]
        assert "root:x" in api.run("cat /etc/passwd", {"Mounts": mounts[1:2]}).output
        assert api.run("cat /bin2/passwd", {"Mounts": mounts[:1]}).code == 0
        assert api.run("ls /home", {"Mounts": mounts[2:]}).output == ""
    with api.volume() as bare:
        assert api.run("ls /etc/passwd", {"Binds": [f"{bare}:/etc:nocopy"]}).code != 0


def test_a_part_of_a_volume(api: EngineApi) -> None:
    with api.volume() as name:
        api.run("mkdir -p /data/a/b; echo deep >/data/a/b/x", {"Binds": [f"{name}:/data"]})
        part = {"Type": "volume", "Source": name, "Target": "/part", "VolumeOptions": {"Subpath": "a/b"}}
        assert api.run("cat /part/x", {"Mounts": [part]}).output == "deep\n"
        missing = {**part, "VolumeOptions": {"Subpath": "nosuch"}}
        assert "nosuch" in api.refused({"Mounts": [missing]})


def test_a_volume_made_by_its_mount(api: EngineApi) -> None:
    name = f"v{uuid.uuid4().hex[:12]}"
    options = {"Labels": {"a": "b"}, "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs", "device": "tmpfs"}}}
    mount = {"Type": "volume", "Source": name, "Target": "/data", "VolumeOptions": options}
    try:
        assert "tmpfs on /data " in api.run("mount", {"Mounts": [mount]}).output
        made = api.get(f"/volumes/{name}")
        assert (made["Labels"], made["Driver"]) == ({"a": "b"}, "local")
    finally:
        api.tidy()
        api.call("DELETE", f"/volumes/{name}")


def test_volumes_from_another_container(api: EngineApi) -> None:
    with api.volume() as name:
        other = api.run(
            "echo shared >/data/x; echo anonymous >/more/x", {"Binds": [f"{name}:/data"]}, Volumes={"/more": {}}
        )
        assert api.run("cat /data/x /more/x", {"VolumesFrom": [other.id]}).output == "shared\nanonymous\n"
        assert api.run("touch /data/y", {"VolumesFrom": [f"{other.id}:ro"]}).code != 0
        assert api.run("touch /data/y", {"VolumesFrom": [f"{other.id}:rw"]}).code == 0
        assert api.run("touch /data/y", {"VolumesFrom": [f"{other.id}:z"]}).code == 0
        assert "No such container: nosuch" in api.refused({"VolumesFrom": ["nosuch"]})
        assert "invalid mode: x" in api.refused({"VolumesFrom": [f"{other.id}:x"]})


def test_the_image_says_a_directory_for_each_volume(api: EngineApi) -> None:
    made = api.create({}, Cmd=["true"], Volumes={"/data": {}}).json["Id"]
    [shown] = api.inspect(made)["Mounts"]
    assert (shown["Type"], shown["Destination"], shown["Driver"]) == ("volume", "/data", "local")
    assert Path(shown["Source"]).is_dir()


# propagation


def test_mounts_come_and_go_with_propagation(api: EngineApi, tmp_path: Path) -> None:
    """shared: both ways; slave: from the host only; private: none."""
    subprocess.run(["mount", "-t", "tmpfs", "t", str(tmp_path)], check=True)
    subprocess.run(["mount", "--make-shared", str(tmp_path)], check=True)
    try:
        admin = {"CapAdd": ["SYS_ADMIN"]}
        seen = {}
        for mode in ("rprivate", "rslave", "rshared"):
            (tmp_path / mode / "host").mkdir(parents=True)
            (tmp_path / mode / "own").mkdir()
            container = api.up({"Binds": [f"{tmp_path}:/data:{mode}"], **admin})
            subprocess.run(["mount", "-t", "tmpfs", "t", str(tmp_path / mode / "host")], check=True)
            made = api.exec(container, f"mount -t tmpfs t /data/{mode}/own")
            assert made.code == 0, made
            inside = api.exec(container, "cat /proc/mounts").output
            outside = Path("/proc/self/mounts").read_text()
            seen[mode] = (f"/data/{mode}/host " in inside, f"{tmp_path}/{mode}/own " in outside)
            api.tidy()
        assert seen == {"rprivate": (False, False), "rslave": (True, False), "rshared": (True, True)}
    finally:
        subprocess.run(["umount", "-R", "-l", str(tmp_path)], check=True)


REFUSED: dict[str, tuple[Json, str]] = {
    "a bind of nothing": ({"Binds": [":/data"]}, "invalid volume specification: ':/data'"),
    "a bind onto the root": ({"Binds": ["/tmp:/"]}, "destination can't be '/'"),
    "a bind to nowhere": ({"Binds": ["/tmp:data"]}, "mount path must be absolute"),
    "a bad mode": ({"Binds": ["/tmp:/data:nosuch"]}, "invalid mode: nosuch"),
    "two modes": ({"Binds": ["/tmp:/data:ro,rw"]}, "invalid mode: ro,rw"),
    "a bad name": ({"Binds": ["a/b:/data"]}, "a/b"),
    "twice": ({"Binds": ["/tmp:/data", "/etc:/data"]}, "Duplicate mount point: /data"),
    "no type": ({"Mounts": [{"Target": "/data"}]}, "mount type unknown"),
    "no target": ({"Mounts": [{"Type": "tmpfs"}]}, "field Target must not be empty"),
    "no source": ({"Mounts": [{"Type": "bind", "Target": "/data"}]}, "field Source must not be empty"),
    "a source that is missing": (
        {"Mounts": [{"Type": "bind", "Target": "/data", "Source": "/nosuch"}]},
        "bind source path does not exist: /nosuch",
    ),
    "a tmpfs from somewhere": (
        {"Mounts": [{"Type": "tmpfs", "Target": "/data", "Source": "/x"}]},
        "field Source must not be specified",
    ),
    "bad propagation": (
        {"Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/data", "BindOptions": {"Propagation": "x"}}]},
        "invalid propagation mode: x",
    ),
    "foreign options": (
        {"Mounts": [{"Type": "tmpfs", "Target": "/data", "BindOptions": {"NonRecursive": True}}]},
        "BindOptions",
    ),
    "a bad tmpfs option": (
        {"Mounts": [{"Type": "tmpfs", "Target": "/data", "TmpfsOptions": {"Options": [["nosuch"]]}}]},
        "nosuch",
    ),
    "out of a volume": (
        {"Mounts": [{"Type": "volume", "Source": "v", "Target": "/data", "VolumeOptions": {"Subpath": "../x"}}]},
        "subpath",
    ),
    "an image that is missing": (
        {"Mounts": [{"Type": "image", "Source": "nosuch:latest", "Target": "/data"}]},
        "No such image: nosuch:latest",
    ),
    "a part of an image that is missing": (
        {"Mounts": [{"Type": "image", "Source": IMAGE, "Target": "/data", "ImageOptions": {"Subpath": "nosuch"}}]},
        "nosuch",
    ),
    "a driver that is missing": ({"Binds": ["vol:/data"], "VolumeDriver": "nosuch"}, "nosuch"),
    "a pipe of Windows": ({"Mounts": [{"Type": "npipe", "Source": "x", "Target": "/data"}]}, "mount type unknown"),
    "a cluster's volume": ({"Mounts": [{"Type": "cluster", "Source": "x", "Target": "/data"}]}, "cluster"),
    "a bad tmpfs": ({"Tmpfs": {"/data": "nosuch=1"}}, "nosuch"),
    "a tmpfs onto the root": ({"Tmpfs": {"/": ""}}, "destination can't be '/'"),
    "bad consistency": ({"Mounts": [{"Type": "tmpfs", "Target": "/data", "Consistency": "nosuch"}]}, "nosuch"),
}


@pytest.mark.parametrize(("asked", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_name(api: EngineApi, asked: Json, text: str) -> None:
    assert text in api.refused(asked)


def test_the_files_of_the_engine_can_be_replaced(api: EngineApi, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("1.2.3.4 own\n")
    assert api.run("cat /etc/hosts", {"Binds": [f"{tmp_path}/hosts:/etc/hosts"]}).output == "1.2.3.4 own\n"
    assert os.access(tmp_path / "hosts", os.W_OK)
