"""Volumes and mounts at the stock CLI: every way to ask for one, who keeps it, what is in it first."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def volume(docker) -> Iterator[str]:
    name = f"bt-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", "--label", "bt=1", name)
    yield name
    docker("ps", "-aq")
    docker("volume", "rm", "-f", name, check=False)


def test_life_of_a_volume(docker, volume: str) -> None:
    assert docker.out("volume", "create", volume) == volume
    found = json.loads(docker.out("volume", "inspect", volume))[0]
    assert (found["Driver"], found["Labels"], found["Scope"]) == ("local", {"bt": "1"}, "local")
    assert os.path.isdir(found["Mountpoint"])
    assert volume in docker.out("volume", "ls", "-q", "--filter", "label=bt", "--filter", "dangling=true")
    docker("run", "--rm", "-v", f"{volume}:/data", "busybox", "sh", "-c", "echo kept > /data/f")
    assert docker.out("run", "--rm", "-v", f"{volume}:/data:ro", "busybox", "cat", "/data/f") == "kept"
    name = docker.name()
    cid = docker.out("create", "--name", name, "-v", f"{volume}:/data", "busybox", "true")
    done = docker("volume", "rm", volume, check=False)
    assert f"remove {volume}: volume is in use - [{cid}]" in done.stderr
    docker("rm", "-v", name)
    assert docker.out("volume", "rm", volume) == volume
    assert f"get {volume}: no such volume" in docker("volume", "inspect", volume, check=False).stderr


def test_anonymous_volumes_go_with_rm_v(docker) -> None:
    name = docker.name()
    docker("run", "--name", name, "-v", "/data", "busybox", "touch", "/data/x")
    (mount,) = json.loads(docker.out("inspect", "-f", "{{json .Mounts}}", name))
    assert (mount["Type"], mount["Destination"], len(mount["Name"])) == ("volume", "/data", 64)
    docker("rm", "-v", name)
    assert docker("volume", "inspect", mount["Name"], check=False).returncode == 1
    before = set(docker.out("volume", "ls", "-q").split())
    docker("run", "--rm", "-v", "/data", "busybox", "true")
    assert set(docker.out("volume", "ls", "-q").split()) <= before


def test_a_new_volume_takes_what_the_image_has(docker, volume: str) -> None:
    names = docker.out("run", "--rm", "-v", f"{volume}:/etc", "busybox", "ls", "/etc").split()
    assert "passwd" in names
    docker("run", "--rm", "-v", f"{volume}:/x", "busybox", "sh", "-c", "rm -r /x/passwd; chmod 700 /x")
    assert "passwd" not in docker.out("run", "--rm", "-v", f"{volume}:/etc", "busybox", "ls", "/etc").split()
    nocopy = f"{volume}-nocopy"
    assert "passwd" not in docker.out("run", "--rm", "-v", f"{nocopy}:/etc:nocopy", "busybox", "ls", "/etc").split()
    docker("volume", "rm", nocopy)


def test_binds(docker, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host")
    assert docker.out("run", "--rm", "-v", f"{tmp_path}:/h", "busybox", "cat", "/h/f") == "host"
    done = docker("run", "--rm", "-v", f"{tmp_path}:/h:ro", "busybox", "touch", "/h/g", check=False)
    assert "Read-only file system" in done.stderr
    docker("run", "--rm", "-v", f"{tmp_path}/made/deep:/h", "busybox", "touch", "/h/g")
    assert (tmp_path / "made/deep/g").exists()
    docker("run", "--rm", "-v", f"{tmp_path}/f:/one", "busybox", "sh", "-c", "echo more >> /one")
    assert (tmp_path / "f").read_text() == "hostmore\n"


REFUSED = {
    "missing bind": (["--mount", "type=bind,src=/no/such,dst=/x"], "bind source path does not exist: /no/such"),
    "relative target": (["-v", "/tmp:x"], "invalid mount path: 'x' mount path must be absolute"),
    "root": (["-v", "/tmp:/"], "destination can't be '/'"),
    "twice": (["-v", "/tmp:/x", "-v", "/usr:/x"], "Duplicate mount point: /x"),
    "mode": (["-v", "/tmp:/x:nope"], "invalid mode: nope"),
    "name": (["-v", "a?b:/x"], "includes invalid characters for a local volume name"),
    "container": (["--volumes-from", "no-such-container"], "No such container: no-such-container"),
}


@pytest.mark.parametrize(("words", "text"), REFUSED.values(), ids=REFUSED)
def test_refusals(docker, words: list[str], text: str) -> None:
    done = docker("run", "--rm", *words, "busybox", "true", check=False)
    assert done.returncode == 125
    assert text in done.stderr


def test_mounts_of_all_types(docker, volume: str, tmp_path: Path) -> None:
    def run(mount: str, *command: str) -> str:
        found: str = docker.out("run", "--rm", "--mount", mount, "busybox", *command)
        return found

    (tmp_path / "f").write_text("host")
    assert run(f"type=bind,src={tmp_path},dst=/h,readonly", "cat", "/h/f") == "host"
    assert run("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", "df", "-k", "/t").split()[-5] == "1024"
    run(f"type=volume,src={volume},dst=/v", "sh", "-c", "mkdir /v/sub; echo part > /v/sub/f")
    assert run(f"type=volume,src={volume},dst=/v,volume-subpath=sub", "cat", "/v/f") == "part"
    run(f"type=volume,src={volume},dst=/v", "ln", "-s", "/etc", "/v/out")
    done = docker(
        "run",
        "--rm",
        "--mount",
        f"type=volume,src={volume},dst=/v,volume-subpath=out",
        "busybox",
        "ls",
        "/v",
        check=False,
    )
    assert "hostname" not in done.stdout


def test_mounts_of_images(docker) -> None:
    """Clients from 28 on have them; to older ones it is said what it takes."""
    run = ("run", "--rm", "--mount", "type=image,src=web,dst=/i", "busybox")
    major, minor = docker.out("version", "--format", "{{.Client.APIVersion}}").split(".")
    if (int(major), int(minor)) < (1, 48):
        assert 'Mount type "Image" needs API v1.48 or newer' in docker(*run, "true", check=False).stderr
        return
    assert "sh" in docker.out(*run, "ls", "/i/bin").split()
    assert "Read-only file system" in docker(*run, "touch", "/i/x", check=False).stderr


def test_volumes_from(docker, volume: str) -> None:
    name = docker.name()
    docker("create", "--name", name, "-v", f"{volume}:/data", "-v", "/anon", "busybox", "true")
    docker("run", "--rm", "--volumes-from", name, "busybox", "sh", "-c", "echo shared > /data/f; touch /anon/a")
    shown = docker.out("run", "--rm", "--volumes-from", f"{name}:ro", "busybox", "sh", "-c", "cat /data/f; ls /anon")
    assert shown.split() == ["shared", "a"]
    done = docker("run", "--rm", "--volumes-from", f"{name}:ro", "busybox", "touch", "/data/g", check=False)
    assert "Read-only file system" in done.stderr
    docker("rm", "-v", name)


def test_local_driver_mounts_what_it_is_told(docker, volume: str) -> None:
    name = f"{volume}-tmpfs"
    docker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=2m,mode=1777", name)
    shown = docker.out("run", "--rm", "-v", f"{name}:/t", "busybox", "df", "-k", "/t")
    assert shown.split()[-5] == "2048"
    assert name not in Path("/proc/mounts").read_text()
    docker("volume", "rm", name)
    done = docker("volume", "create", "--opt", "foo=1", name, check=False)
    assert f'create {name}: invalid option: "foo"' in done.stderr


def test_prune_and_df(docker, volume: str) -> None:
    name = docker.name()
    docker("run", "--name", name, "-v", "/data", "busybox", "dd", "if=/dev/zero", "of=/data/f", "bs=1k", "count=64")
    (mount,) = json.loads(docker.out("inspect", "-f", "{{json .Mounts}}", name))
    assert f"{mount['Name']} 65.54kB" in docker.out(
        "system", "df", "-v", "--format", "{{range .Volumes}}{{.Name}} {{.Size}}\n{{end}}"
    )
    docker("rm", name)
    shown = docker.out("volume", "prune", "-f")
    assert mount["Name"] in shown
    assert volume not in shown


def test_owners_are_translated(docker, tmp_path: Path, volume: str) -> None:
    """A directory of user 1234 is the container's user's own, and what that one writes comes out as 1234's."""
    os.chmod(tmp_path, 0o700)
    os.chown(tmp_path, 1234, 1235)
    write = ("busybox", "sh", "-c", "touch /x/made && stat -c %u:%g /x /x/made")
    assert docker.out("run", "--rm", "-u", "77:78", "-v", f"{tmp_path}:/x:idmap", *write).split() == ["77:78"] * 2
    seen = (tmp_path / "made").stat()
    assert (seen.st_uid, seen.st_gid) == (1234, 1235)
    only = f"{tmp_path}:/x:idmap=uids=1234-0-1;gids=1235-0-1"
    assert docker.out("run", "--rm", "-v", only, *write).split() == ["0:0"] * 2
    docker("run", "--rm", "-v", f"{volume}:/x", "busybox", "sh", "-c", "echo hi > /x/f; chmod 600 /x/f")
    shown = docker.out("run", "--rm", "-u", "77", "-v", f"{volume}:/x:ro,idmap=uids=0-77-1", "busybox", "cat", "/x/f")
    assert shown == "hi"
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    done = docker("run", "--rm", "-u", "nobody", "-v", f"{tmp_path}:/x:idmap", "busybox", "true", check=False)
    assert "user 'nobody' is a name; give its number" in done.stderr


def test_owners_are_translated_for_one_that_runs_again(docker, tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    name = docker.name()
    docker("run", "--name", name, "-u", "5", "-v", f"{tmp_path}:/x:idmap", "busybox", "touch", "/x/f")
    (mount,) = json.loads(docker.out("inspect", "-f", "{{json .Mounts}}", name))
    assert (mount["Source"], mount["Mode"]) == (str(tmp_path), "idmap")
    docker("start", "-a", name)
    assert (tmp_path / "f").stat().st_uid == 1234
    docker("rm", name)
