"""A daemon that maps containers' users away from the host's: who they are inside, outside, on disk and in archives."""

import contextlib
import io
import json
import os
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import Daemon
from tests.e2e.engine_api import IMAGE, EngineApi, Json
from tests.images import busybox_rootfs

pytestmark = pytest.mark.e2e

UIDS, GIDS = 1_000_000, 2_000_000
HOST = {"UsernsMode": "host"}


@contextlib.contextmanager
def subordinates() -> Iterator[str]:
    """Give a name for the setting, new each time, whose ids are in the host's files meanwhile."""
    user, group = (f"boxship-{kind}-{uuid.uuid4().hex[:8]}" for kind in "ug")
    wanted = {Path("/etc/subuid"): f"{user}:{UIDS}:65536\n", Path("/etc/subgid"): f"{group}:{GIDS}:65536\n"}
    for file, line in wanted.items():
        with file.open("a") as out:
            out.write(line)
    try:
        yield f"{user}:{group}"
    finally:
        for file, line in wanted.items():
            file.write_text(file.read_text().replace(line, "", 1))


@pytest.fixture(scope="module")
def remapping() -> Iterator[Daemon]:
    with subordinates() as names:
        daemon = Daemon("--userns-remap", names)
        daemon.root.chmod(0o711)
        try:
            daemon.start()
            subprocess.run(
                ["docker", "-H", daemon.host, "import", "--change", "ENV PATH=/bin", "-", IMAGE],
                input=busybox_rootfs(), check=True, capture_output=True,
            )  # fmt: skip
            yield daemon
        finally:
            daemon.close()


@pytest.fixture
def api(remapping: Daemon) -> Iterator[EngineApi]:
    found = EngineApi(remapping.host)
    yield found
    found.tidy()


def owner(path: Path) -> tuple[int, int]:
    return path.lstat().st_uid, path.lstat().st_gid


def status_ids(pid: int) -> tuple[int, int]:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["Uid"].split()[0]), int(lines["Gid"].split()[0])


def archive(api: EngineApi, container: str, path: str) -> dict[str, tuple[int, int]]:
    raw = api.call("GET", f"/containers/{container}/archive?path={path}").body
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return {member.name: (member.uid, member.gid) for member in tar}


def put(api: EngineApi, container: str, path: str, name: str, uid: int, gid: int) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.uid, entry.gid, entry.size = uid, gid, 3
        tar.addfile(entry, io.BytesIO(b"new"))
    done = subprocess.run(
        ["curl", "-s", "--unix-socket", api.path, "-X", "PUT", "--data-binary", "@-", "-H",
         "Content-Type: application/x-tar", f"http://d/v1.51/containers/{container}/archive?path={path}"],
        input=raw.getvalue(), check=True, capture_output=True,
    )  # fmt: skip
    assert done.stdout == b""


def upper(api: EngineApi, container: str) -> Path:
    return Path(api.inspect(container)["GraphDriver"]["Data"]["UpperDir"])


def test_docker_info_says_so(api: EngineApi) -> None:
    assert "name=userns" in api.get("/info")["SecurityOptions"]


def test_root_inside_is_nobody_outside(api: EngineApi) -> None:
    container = api.up()
    assert api.exec(container, "id -u; id -g").output.split() == ["0", "0"]
    assert api.exec(container, "cat /proc/self/uid_map").output.split() == ["0", str(UIDS), "65536"]
    assert api.exec(container, "cat /proc/self/gid_map").output.split() == ["0", str(GIDS), "65536"]
    assert status_ids(api.pid(container)) == (UIDS, GIDS)
    other = api.up(User="web")
    assert status_ids(api.pid(other)) == (UIDS + 33, GIDS + 33)


FILES = (
    "touch /own; chown 33:33 /own; mkdir -p /d/e; chown 5:6 /d; stat -c '%u:%g' / /bin/busybox /own /d /d/e /etc/hosts"
)


def test_files_have_the_containers_ids_inside_and_on_disk(api: EngineApi) -> None:
    ran = api.run(FILES)
    assert ran.output.split() == ["0:0", "0:0", "33:33", "5:6", "0:0", "0:0"]
    home = upper(api, ran.id)
    assert [owner(home / name) for name in ("own", "d", "d/e")] == [(33, 33), (5, 6), (0, 0)]


def test_a_working_directory_is_made(api: EngineApi) -> None:
    assert api.run("stat -c %u:%g /made/deep; touch x", WorkingDir="/made/deep").output == "0:0\n"


# archives


@pytest.mark.parametrize("running", [True, False])
def test_copies_out_and_in(api: EngineApi, running: bool) -> None:
    container = api.up(Cmd=["sh", "-c", "mkdir /d; touch /d/a; chown 33:44 /d/a; sleep 300"])
    while api.exec(container, "test -e /d/a").code:
        time.sleep(0.02)
    if not running:
        assert api.call("POST", f"/containers/{container}/stop?t=0").status == 204
    assert archive(api, container, "/d") == {"d/": (0, 0), "d/a": (33, 44)} or archive(api, container, "/d") == {
        "d": (0, 0), "d/a": (33, 44),
    }  # fmt: skip
    assert archive(api, container, "/etc/hosts") == {"hosts": (0, 0)}
    put(api, container, "/d", "b", 7, 8)
    assert owner(upper(api, container) / "d" / "b") == (7, 8)
    assert archive(api, container, "/d/b") == {"b": (7, 8)}
    if running:
        assert api.exec(container, "stat -c %u:%g /d/b; cat /d/b").output == "7:8\nnew"


def test_copies_from_and_to_volumes(api: EngineApi) -> None:
    with api.volume() as name:
        container = api.up(
            {"Binds": [f"{name}:/data"]}, Cmd=["sh", "-c", "touch /data/a; chown 33:44 /data/a; sleep 300"]
        )
        while api.exec(container, "test -e /data/a").code:
            time.sleep(0.02)
        assert archive(api, container, "/data/a") == {"a": (33, 44)}
        put(api, container, "/data", "b", 7, 8)
        assert api.exec(container, "stat -c %u:%g /data/b").output == "7:8\n"
        source = Path(api.inspect(container)["Mounts"][0]["Source"])
        assert (owner(source / "a"), owner(source / "b")) == ((33, 44), (7, 8))


def test_a_container_that_never_ran_can_be_filled(api: EngineApi) -> None:
    with api.volume() as name:
        container = api.create({"Binds": [f"{name}:/fresh/place"]}, Cmd=["cat", "/fresh/place/x"]).json["Id"]
        put(api, container, "/fresh/place", "x", 0, 0)
        assert api.start(container).status == 204
        api.until(container, "exited")
        assert api.logs(container) == "new"


def test_what_comes_from_the_host_is_nobodys(api: EngineApi, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    container = api.up({"Binds": [f"{tmp_path}/file:/file"]})
    assert api.exec(container, "stat -c %u:%g /file").output == "65534:65534\n"
    assert archive(api, container, "/file") == {"file": (65534, 65534)}


def test_a_bind_that_is_made_belongs_to_the_containers_root(api: EngineApi) -> None:
    place = Path(f"/dev/shm/boxship-remap-{os.getpid()}")
    try:
        ran = api.run("touch /data/x; stat -c %u:%g /data /data/x", {"Binds": [f"{place}/deep:/data"]})
        assert ran.output.split() == ["0:0", "0:0"]
        assert owner(place) == owner(place / "deep" / "x") == (UIDS, GIDS)
    finally:
        subprocess.run(["rm", "-rf", str(place)], check=True)


def test_export_diff_and_commit(api: EngineApi) -> None:
    ran = api.run("touch /own; chown 33:44 /own; rm /etc/group")
    raw = api.call("GET", f"/containers/{ran.id}/export").body
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        found = {member.name: (member.uid, member.gid) for member in tar}
    assert (found["own"], found["bin/busybox"]) == ((33, 44), (0, 0))
    assert "etc/group" not in found
    changes = {change["Path"]: change["Kind"] for change in api.get(f"/containers/{ran.id}/changes")}
    assert (changes["/own"], changes["/etc/group"]) == (1, 2)
    made = api.call("POST", f"/commit?container={ran.id}&repo=committed&tag=latest")
    assert made.status == 201, made.body
    try:
        for host in ({}, HOST):
            again = api.run("stat -c %u:%g /own /bin; test -e /etc/group || echo gone", host, Image="committed:latest")
            assert again.output.split() == ["33:44", "0:0", "gone"]
    finally:
        api.tidy()
        api.call("DELETE", "/images/committed:latest?force=1")


def test_builds(remapping: Daemon, api: EngineApi) -> None:
    lines = f"FROM {IMAGE}\nRUN touch /x && chown 33:44 /x\nUSER web\nRUN touch /tmp/own\n"
    environment = {**os.environ, "DOCKER_HOST": remapping.host, "DOCKER_BUILDKIT": "0"}
    subprocess.run(
        ["docker", "build", "-t", "built", "-"], input=lines.encode(), env=environment, check=True, capture_output=True
    )
    try:
        ran = api.run("stat -c %u:%g /x /tmp/own; id -u", Image="built")
        assert ran.output.split() == ["33:44", "33:33", "33"]
    finally:
        api.tidy()
        api.call("DELETE", "/images/built?force=1")


# volumes


def test_volumes_serve_mapped_and_unmapped_alike(api: EngineApi) -> None:
    with api.volume() as name:
        bind = {"Binds": [f"{name}:/data"]}
        assert api.run("touch /data/a; chown 33:44 /data/a; stat -c %u:%g /data /data/a", bind).output.split() == [
            "0:0", "33:44",
        ]  # fmt: skip
        assert api.run("stat -c %u:%g /data/a; touch /data/b", {**bind, **HOST}).output == "33:44\n"
        assert api.run("stat -c %u:%g /data/b; rm /data/b", bind).output == "0:0\n"
        assert api.run("touch /data/c", {"Binds": [f"{name}:/data:ro"]}).code != 0


def test_volumes_are_filled_from_the_image(api: EngineApi) -> None:
    with api.volume() as name:
        ran = api.run("stat -c %u:%g /etc/passwd /etc", {"Binds": [f"{name}:/etc"]})
        assert ran.output.split() == ["0:0", "0:0"]


def test_parts_of_volumes_and_images(api: EngineApi) -> None:
    with api.volume() as name:
        api.run("mkdir -p /data/a/b; touch /data/a/b/x; chown 33:44 /data/a/b/x", {"Binds": [f"{name}:/data"]})
        part = {"Type": "volume", "Source": name, "Target": "/part", "VolumeOptions": {"Subpath": "a/b"}}
        image = {"Type": "image", "Source": IMAGE, "Target": "/image"}
        ran = api.run("touch /part/y; stat -c %u:%g /part/x /part/y /image/bin/busybox", {"Mounts": [part, image]})
        assert ran.output.split() == ["33:44", "0:0", "0:0"]


def test_anonymous_volumes_and_those_of_others(api: EngineApi) -> None:
    other = api.run("touch /data/x; chown 33:44 /data/x", Volumes={"/data": {}})
    assert api.run("stat -c %u:%g /data/x", {"VolumesFrom": [other.id]}).output == "33:44\n"


def test_memory(api: EngineApi) -> None:
    host = {"Tmpfs": {"/t": ""}, "Mounts": [{"Type": "tmpfs", "Target": "/u"}]}
    ran = api.run("touch /t/x /u/x /dev/shm/x; stat -c %u:%g /t /u /dev/shm /t/x", host)
    assert ran.output.split() == ["0:0"] * 4
    lender = api.up({"IpcMode": "shareable"})
    api.exec(lender, "echo hello >/dev/shm/x; chown 33 /dev/shm/x")
    ran = api.run("cat /dev/shm/x; stat -c %u:%g /dev/shm /dev/shm/x", {"IpcMode": f"container:{lender}"})
    assert ran.output.split() == ["hello", "0:0", "33:0"]


# rights


LOW_PORT = "nc -l -p 80 -e true & for i in $(seq 99); do nc 127.0.0.1 80 </dev/null && exit; usleep 99999; done; exit 1"
RIGHTS: dict[str, tuple[Json, str, bool]] = {
    "a low port": (
        {},
        LOW_PORT,
        True,
    ),
    "raw packets": ({}, "ping -c 1 127.0.0.1", True),
    "the network's settings": ({"CapAdd": ["NET_ADMIN"]}, "ip link set eth0 mtu 1400", True),
    "not without": ({}, "ip link set eth0 mtu 1400", False),
    "a mount": ({"CapAdd": ["SYS_ADMIN"]}, "mount -t tmpfs t /tmp", True),
    "sysctls": ({"Sysctls": {"net.ipv4.ip_forward": "1"}}, "grep -q 1 /proc/sys/net/ipv4/ip_forward", True),
    "the host's settings": ({"CapAdd": ["ALL"]}, "echo 1 >/proc/sys/vm/drop_caches", False),
    "the host's files": ({"CapAdd": ["ALL"], "Binds": ["/etc/shadow:/shadow"]}, "cat /shadow", False),
    "the host's kernel": ({"CapAdd": ["ALL"], "SecurityOpt": ["seccomp=unconfined"]}, "mknod /x b 254 0", False),
    "cgroups": (
        {"CapAdd": ["ALL"]},
        "touch /sys/fs/cgroup/memory/memory.limit_in_bytes && mkdir /sys/fs/cgroup/memory/x",
        False,
    ),
    "own output by its name": ({}, "echo x >/dev/stdout && echo x >/dev/stderr", True),
    "an own address": ({}, "ls /sys/class/net | grep -q eth0", True),
    "a device": (
        {"Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/nought"}]},
        "head -c 1 /dev/nought",
        True,
    ),
    "a file of the engine": ({}, "echo '1.2.3.4 x' >>/etc/hosts", True),
    "a domain name": ({}, "test \"$(cat /proc/sys/kernel/domainname)\" = '(none)'", True),
}


@pytest.mark.parametrize(("host", "command", "works"), RIGHTS.values(), ids=RIGHTS)
def test_what_root_may_do(api: EngineApi, host: Json, command: str, works: bool) -> None:
    ran = api.run(command, host)
    assert (ran.code == 0) == works, ran


def test_a_domain_name(api: EngineApi) -> None:
    ran = api.run("cat /proc/sys/kernel/domainname", Hostname="box", Domainname="example.com")
    assert ran.output == "example.com\n"


def test_a_device_by_its_own_name_under_every_runtime(api: EngineApi) -> None:
    asked = {"Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/nought"}]}
    for runtime in api.get("/info")["Runtimes"]:
        ran = api.run("head -c 1 /dev/nought | wc -c; touch /x; stat -c %u /x", {**asked, "Runtime": runtime})
        assert ran.output.split() == ["1", "0"], (runtime, ran)


REFUSED: dict[str, tuple[Json, str]] = {
    "privileged": ({"Privileged": True}, "privileged mode is incompatible with user namespaces"),
    "the host's network": ({"NetworkMode": "host"}, "cannot share the host's network namespace when user namespaces"),
    "the host's processes": ({"PidMode": "host"}, "cannot share the host PID namespace when user namespaces"),
}


@pytest.mark.parametrize(("host", "text"), REFUSED.values(), ids=REFUSED)
def test_what_a_user_namespace_does_not_allow(api: EngineApi, host: Json, text: str) -> None:
    assert text in api.refused(host)
    ran = api.run("cat /proc/self/uid_map", {**host, **HOST})
    assert ran.output.split() == ["0", "0", "4294967295"]


# others


def test_namespaces_of_others(api: EngineApi) -> None:
    lender = api.up()
    users = os.readlink(f"/proc/{api.pid(lender)}/ns/user")
    assert os.readlink(f"/proc/{api.pid(api.up())}/ns/user") != users
    for mode in ("NetworkMode", "PidMode"):
        made = api.up({mode: f"container:{lender}", "CapAdd": ["NET_ADMIN"]})
        assert os.readlink(f"/proc/{api.pid(made)}/ns/user") == users, mode
        assert api.exec(made, "ip link set lo up && ping -c 1 127.0.0.1").code == 0, mode
    stranger = api.up(HOST)
    assert "userns=host" in api.refused({"NetworkMode": f"container:{stranger}"})


def test_published_ports_and_names(api: EngineApi) -> None:
    with api.network() as net:
        host = {"NetworkMode": net, "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}}
        page = ["sh", "-c", "echo hello >/index.html; exec httpd -f -p 80 -h /"]
        web = api.up(host, Cmd=page)
        name = api.inspect(web)["Name"].lstrip("/")
        port = api.inspect(web)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"]
        fetched = subprocess.run(
            ["curl", "-s", "--retry", "600", "--retry-all-errors", "--retry-delay", "1", "--retry-max-time", "60", f"http://127.0.0.1:{port}/"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert fetched.stdout == "hello\n"
        assert api.run(f"wget -qO- http://{name}/", {"NetworkMode": net}).output == "hello\n"


def test_a_terminal(api: EngineApi) -> None:
    assert api.run("tty >/dev/null && stat -c %u $(tty)", Tty=True).output == "0\r\n"
    container = api.up()
    assert api.exec(container, "test -t 1 && stat -c %u $(tty)", Tty=True).output == "0\r\n"


def test_a_daemon_that_comes_back_goes_on(remapping: Daemon, api: EngineApi) -> None:
    container = api.up({"RestartPolicy": {"Name": "always"}})
    api.exec(container, "touch /kept")
    remapping.kill()
    remapping.start()
    assert api.exec(container, "stat -c %u:%g /kept; id -u").output.split() == ["0:0", "0"]
    assert api.call("POST", f"/containers/{container}/restart?t=0").status == 204
    assert api.exec(container, "stat -c %u:%g /kept").output == "0:0\n"
    assert archive(api, container, "/kept") == {"kept": (0, 0)}
    assert remapping.check() == []
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert len([point for point in points if point.startswith(f"{remapping.exec_root}/mapped/")]) == 1


def test_another_daemon_serves_the_same_files_unmapped() -> None:
    """The setting may change: what is on disk has the containers' own ids."""
    with subordinates() as names:
        daemon = Daemon()
        daemon.root.chmod(0o711)
        try:
            daemon.flags += ["--userns-remap", names]
            daemon.start()
            subprocess.run(["docker", "-H", daemon.host, "import", "-", IMAGE], input=busybox_rootfs(), check=True)
            api = EngineApi(daemon.host)
            made = api.create({}, Cmd=["/bin/sh", "-c", "touch /own; chown 33:44 /own; stat -c %u:%g /own"]).json["Id"]
            for mapped in (True, False):
                if not mapped:
                    daemon.stop()
                    daemon.flags = daemon.flags[:-2]
                    daemon.start()
                assert api.start(made).status == 204
                api.until(made, "exited")
            assert api.logs(made).split() == ["33:44", "33:44"]
            assert "name=userns" not in json.dumps(api.get("/info"))
            api.tidy()
        finally:
            daemon.close()


def test_a_name_without_ids_is_refused_at_start() -> None:
    daemon = Daemon("--userns-remap", "boxship-nobody-has-this")
    with pytest.raises(AssertionError, match=r"userns-remap: no subordinate ids for .*/etc/subuid"):
        daemon.start()
    daemon.close()


def test_a_root_that_is_closed_to_containers_is_refused_at_start() -> None:
    with subordinates() as names:
        daemon = Daemon("--userns-remap", names)
        with pytest.raises(AssertionError, match=rf"userns-remap: uid {UIDS} does not get to data-root"):
            daemon.start()
        daemon.close()


# mounts of containers that run, and mounts with owners of their own


def test_a_mount_is_added_to_a_container_of_the_map(api: EngineApi, tmp_path: Path) -> None:
    container = api.up()
    with api.volume() as volume:
        add = [{"Type": "volume", "Source": volume, "Target": "/made/v"}, {"Type": "tmpfs", "Target": "/made/t"}]
        answer = api.call("POST", f"/boxship/containers/{container}/mounts", {"Add": add})
        assert answer.status == 200, answer.message
        assert (
            api.exec(container, "touch /made/v/f /made/t/f; stat -c %u:%g /made /made/v/f /made/t").output.split()
            == ["0:0"] * 3
        )
        mountpoint = Path(api.get(f"/volumes/{volume}")["Mountpoint"])
        assert owner(mountpoint / "f") == (0, 0)
        api.call("DELETE", f"/containers/{container}?force=1")


def test_owners_of_one_mount_are_translated_on_top(api: EngineApi, tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1235)
    for above in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(above, 0o711)
    ran = api.run("touch /x/f; stat -c %u:%g /x /x/f", {"Binds": [f"{tmp_path}:/x:idmap"]}, User="7:8")
    assert ran.output.split() == ["7:8", "7:8"]
    assert owner(tmp_path / "f") == (1234, 1235)
