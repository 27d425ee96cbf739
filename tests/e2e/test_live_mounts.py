"""Mounts added to containers that run, and taken away again: seen in the container, in inspect, after restarts."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM, Daemon
from tests.e2e.conftest import IMAGE, Docker

pytestmark = [pytest.mark.e2e, pytest.mark.root]


def edit(docker: Docker, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    command = [str(PROGRAM), "-H", docker.host, "container", "edit", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done.stderr
    return done


def mounts_of(docker: Docker, name: str) -> dict[str, dict[str, Any]]:
    return {m["Destination"]: m for m in json.loads(docker.out("inspect", "-f", "{{json .Mounts}}", name))}


@pytest.fixture
def box(docker: Docker) -> Iterator[str]:
    name = docker.name()
    docker("run", "-d", "--name", name, "--label", docker.label, IMAGE, "sleep", "600")
    yield name
    docker("rm", "-f", "-v", name)


def test_a_bind_appears_and_goes(docker: Docker, box: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host")
    edit(docker, "--mount-add", f"type=bind,src={tmp_path},dst=/deep/in/there", box)
    assert docker.out("exec", box, "cat", "/deep/in/there/f") == "host"
    docker("exec", box, "sh", "-c", "echo back > /deep/in/there/g")
    assert (tmp_path / "g").read_text() == "back\n"
    assert mounts_of(docker, box)["/deep/in/there"]["Source"] == str(tmp_path)
    docker("restart", "-t", "0", box)
    assert docker.out("exec", box, "cat", "/deep/in/there/f") == "host"
    edit(docker, "--mount-rm", "/deep/in/there", box)
    assert docker.out("exec", box, "ls", "/deep/in/there") == ""
    assert not mounts_of(docker, box)
    docker("restart", "-t", "0", box)
    assert docker.out("exec", box, "ls", "/deep/in/there") == ""


def test_read_only_is_so_to_the_depth(docker: Docker, box: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path / "sub"], check=True)
    try:
        edit(docker, "--volume-add", f"{tmp_path}:/x:ro", box)
        for place in ("/x/f", "/x/sub/f"):
            assert "Read-only file system" in docker("exec", box, "touch", place, check=False).stderr
    finally:
        subprocess.run(["umount", tmp_path / "sub"], check=True)
    edit(docker, "--mount-rm", "/x", box)


def test_a_volume_is_made_filled_and_kept(docker: Docker, box: str) -> None:
    volume = docker.name("vol")
    edit(docker, "--volume-add", f"{volume}:/data", box)
    edit(docker, "--mount-add", f"type=volume,src={volume},dst=/again,readonly", box)
    docker("exec", box, "touch", "/data/f")
    assert docker.out("exec", box, "ls", "/again") == "f"
    assert mounts_of(docker, box)["/again"] | {"RW": False, "Name": volume} == mounts_of(docker, box)["/again"]
    assert "volume is in use" in docker("volume", "rm", volume, check=False).stderr
    edit(docker, "--mount-rm", "/again", "--mount-rm", "/data", box)
    docker("volume", "rm", volume)
    edit(docker, "--volume-add", f"{volume}:/etc/copy", box)
    assert docker.out("exec", box, "ls", "/etc/copy") == ""
    edit(docker, "--mount-rm", "/etc/copy", box)
    docker("volume", "rm", volume)
    docker("exec", box, "mkdir", "-p", "/etc")
    edit(docker, "--mount-add", f"type=volume,src={volume},dst=/bin", box)
    assert "sh" in docker.out("exec", box, "ls", "/bin").split()
    edit(docker, "--mount-rm", "/bin", box)
    docker("volume", "rm", volume)


def test_tmpfs_and_images(docker: Docker, box: str) -> None:
    edit(docker, "--mount-add", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", box)
    assert docker.out("exec", box, "df", "-k", "/t").split()[-5] == "1024"
    assert docker.out("exec", box, "stat", "-c", "%a", "/t") == "700"
    edit(docker, "--mount-add", "type=image,src=web,dst=/i", box)
    assert "sh" in docker.out("exec", box, "ls", "/i/bin").split()
    assert "Read-only file system" in docker("exec", box, "touch", "/i/x", check=False).stderr
    edit(docker, "--mount-rm", "/i", "--mount-rm", "/t", box)


def test_links_do_not_lead_out(docker: Docker, box: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host")
    docker("exec", box, "ln", "-s", "/../../../etc/boxship-made", "/out")
    edit(docker, "--volume-add", f"{tmp_path}:/out/x", box, check=False)
    assert not os.path.lexists("/etc/boxship-made")


def test_what_is_refused(docker: Docker, box: str, tmp_path: Path) -> None:
    assert "bind source path does not exist" in edit(
        docker, "--mount-add", "type=bind,src=/no/such,dst=/x", box, check=False
    ).stderr  # fmt: skip
    edit(docker, "--volume-add", f"{tmp_path}:/x", box)
    assert "Duplicate mount point: /x" in edit(docker, "--volume-add", f"{tmp_path}:/x", box, check=False).stderr
    docker("exec", "-d", "-w", "/x", box, "sleep", "600")
    assert "mount /x is in use in the container" in edit(docker, "--mount-rm", "/x", box, check=False).stderr
    assert f"container {box} has no mount at /y" in edit(docker, "--mount-rm", "/y", box, check=False).stderr
    assert list(mounts_of(docker, box)) == ["/x"]


def test_one_that_does_not_run_gets_it_with_its_next_start(docker: Docker, tmp_path: Path) -> None:
    name = docker.name()
    docker("create", "--name", name, "--label", docker.label, IMAGE, "cat", "/x/f")
    (tmp_path / "f").write_text("later")
    edit(docker, "--volume-add", f"{tmp_path}:/x", name)
    assert docker.out("start", "-a", name) == "later"


def test_a_daemon_that_died_before_the_mount_makes_up_for_it(tmp_path: Path) -> None:
    daemon = Daemon()
    daemon.start()
    try:
        run = ["docker", "-H", daemon.host]
        from tests.images import busybox_rootfs

        subprocess.run([*run, "import", "-", "busybox"], input=busybox_rootfs(), check=True, capture_output=True)
        words = ["run", "-d", "--name", "box", "-v", f"{tmp_path}:/first", "busybox", "/bin/sleep", "600"]
        done = subprocess.run([*run, *words], text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        command = [str(PROGRAM), "-H", daemon.host, "container", "edit", "--volume-add", f"{tmp_path}:/x", "box"]
        subprocess.run(command, check=True, capture_output=True)
        daemon.end(signal.SIGKILL)
        pid = next(p for p in Path("/proc").iterdir() if _sleeps_in(p, "/x", str(tmp_path.name)))
        subprocess.run(["nsenter", "-m", "-t", pid.name, "umount", "/x"], check=True)
        (tmp_path / "f").write_text("back")
        daemon.start()
        done = subprocess.run([*run, "exec", "box", "/bin/cat", "/x/f"], capture_output=True, text=True)
        assert done.stdout == "back", done.stderr
    finally:
        daemon.close()


def _sleeps_in(process: Path, target: str, source: str) -> bool:
    try:
        lines = (process / "mountinfo").read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[4] == target and source in line for line in lines)
