"""Snapshots and backups of volumes: on this host, in files, in registries; whole, or not at all."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import IMAGE, Docker
from tests.e2e.test_images import registry  # noqa: F401
from tests.patience import until
from tests.registries import Server

pytestmark = [pytest.mark.e2e, pytest.mark.root]

FILES = """
cd /v && mkdir -m 750 d && echo one > d/f && ln d/f g && ln -s d/f l && chown 5:6 d/f && chmod 4755 d/f && mkfifo p
echo kept > .wh.name && dd if=/dev/zero of=hole bs=1 count=1 seek=1000000 2>/dev/null && chown 70:71 . && chmod 1770 .
"""
LOOK = "cd /v && find . | sort | xargs stat -c '%n %a %u:%g %h %F' && cat d/f .wh.name && readlink l"


def boxship(docker: Docker, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [str(PROGRAM), "-H", docker.host, *words], env=docker.environment, capture_output=True, text=True, timeout=60
    )
    assert not check or done.returncode == 0, done.stderr
    return done


class Shelf:
    """Makes volumes and removes them afterwards."""

    def __init__(self, docker: Docker) -> None:
        self.docker = docker
        self.made: list[str] = []

    def name(self) -> str:
        self.made.append(self.docker.name("vol"))
        return self.made[-1]

    def full(self) -> str:
        name = self.name()
        self.docker("run", "--rm", "-v", f"{name}:/v", IMAGE, "sh", "-ec", FILES)
        return name

    def look(self, name: str) -> str:
        return self.docker.out("run", "--rm", "-v", f"{name}:/v", IMAGE, "sh", "-ec", LOOK)


@pytest.fixture
def shelf(docker: Docker) -> Iterator[Shelf]:
    found = Shelf(docker)
    yield found
    left = docker.out("ps", "-aq").split()
    for name in found.made:
        if users := docker.out("ps", "-aq", "--filter", f"volume={name}").split():
            assert set(users) <= set(left)
            docker("rm", "-f", *users)
        docker("volume", "rm", "-f", name)


def test_a_snapshot_and_the_way_back(docker: Docker, shelf: Shelf) -> None:
    volume, copy = shelf.full(), shelf.name()
    before = shelf.look(volume)
    assert boxship(docker, "volume", "snapshot", "--name", copy, volume).stdout == f"{copy}\n"
    assert shelf.look(copy) == before
    labels = json.loads(docker.out("volume", "inspect", "-f", "{{json .Labels}}", copy))
    assert (labels.pop("boxship.snapshot.of"), sorted(labels)) == (volume, ["boxship.snapshot.at"])
    docker("run", "--rm", "-v", f"{volume}:/v", IMAGE, "sh", "-c", "rm -r /v/d; touch /v/new")
    boxship(docker, "volume", "restore", "-f", volume, copy)
    assert shelf.look(volume) == before
    assert copy in boxship(docker, "volume", "snapshot", "--name", copy, volume, check=False).stderr
    named = boxship(docker, "volume", "snapshot", volume).stdout.strip()
    shelf.made.append(named)
    assert named.startswith(f"{volume}-20")


def test_a_file_holds_several(docker: Docker, shelf: Shelf, tmp_path: Path) -> None:
    one, two, file = shelf.full(), shelf.name(), tmp_path / "b.tar"
    docker("volume", "create", "--label", "a=b", two)
    docker("run", "--rm", "-v", f"{two}:/v", IMAGE, "touch", "/v/two")
    before = shelf.look(one)
    boxship(docker, "volume", "backup", "-o", str(file), one, two)
    docker("volume", "rm", one, two)
    asked = boxship(docker, "volume", "restore", two, str(file), check=False)
    assert "What volume" in asked.stderr
    assert "Nothing was changed" in asked.stderr
    for name in (one, two):
        boxship(docker, "volume", "restore", "-f", name, str(file))
    assert shelf.look(one) == before
    assert docker.out("volume", "inspect", "-f", "{{.Labels}}", two) == "map[a:b]"
    other = shelf.name()
    refused = boxship(docker, "volume", "restore", "-f", other, str(file), check=False)
    assert "the backup holds 2 volumes, say which" in refused.stderr
    assert docker("volume", "inspect", other, check=False).returncode == 1


def test_one_that_runs_pauses_and_is_not_written_under(docker: Docker, shelf: Shelf, tmp_path: Path) -> None:
    volume, name = shelf.full(), docker.name()
    docker("run", "-d", "--name", name, "--label", docker.label, "-v", f"{volume}:/v", IMAGE, "sleep", "600")
    boxship(docker, "volume", "backup", "-o", str(tmp_path / "b.tar"), volume)

    def seen() -> list[str]:
        words = ("--since", "1000s", "--until", f"{time.time():.6f}", "--filter", f"container={name}")
        return docker.out("events", *words, "--format", "{{.Action}}").splitlines()

    until(lambda: seen()[-2:] == ["pause", "unpause"])
    refused = boxship(docker, "volume", "restore", "-f", volume, str(tmp_path / "b.tar"), check=False)
    assert f"restore {volume}: volume is in use by running containers" in refused.stderr
    docker("stop", "-t", "0", name)
    docker("run", "--rm", "-v", f"{volume}:/v", IMAGE, "rm", "/v/g")
    boxship(docker, "volume", "restore", "-f", volume, str(tmp_path / "b.tar"))
    docker("start", name)
    assert docker.out("exec", name, "cat", "/v/g") == "one"


def manifest(host: str, repository: str, tag: str) -> dict[str, Any]:
    url = f"http://{host}/v2/{repository}/manifests/{tag}"
    accept = "Accept: application/vnd.oci.image.manifest.v1+json"
    found: dict[str, Any] = json.loads(subprocess.run(["curl", "-sf", "-H", accept, url], capture_output=True).stdout)
    return found


@pytest.mark.parametrize("kind", ["ours", "docker-registry"])
def test_any_registry_holds_it(
    docker: Docker, shelf: Shelf, tmp_path: Path, registry: str, kind: str  # noqa: F811
) -> None:  # fmt: skip
    server = Server(tmp_path / "registry").start() if kind == "ours" else None
    host = server.host if server else registry
    try:
        volume, reference = shelf.full(), f"{host}/backups/data:1"
        before = shelf.look(volume)
        shown = boxship(docker, "volume", "backup", "--push", reference, volume).stdout
        assert f"{reference}: digest: sha256:" in shown
        assert manifest(host, "backups/data", "1")["artifactType"] == "application/vnd.boxship.volume.v1"
        assert "Layer already exists" in boxship(docker, "volume", "backup", "--push", reference, volume).stdout
        other = shelf.name()
        boxship(docker, "volume", "restore", "-f", other, reference)
        assert shelf.look(other) == before
        docker("tag", IMAGE, f"{host}/image:1")
        docker("push", f"{host}/image:1")
        refused = boxship(docker, "volume", "restore", "-f", other, f"{host}/image:1", check=False)
        assert "this is no backup of a volume but" in refused.stderr
        assert shelf.look(other) == before
        docker("rmi", f"{host}/image:1")
    finally:
        if server:
            server.close()


def test_other_tools_read_and_write_the_file(docker: Docker, shelf: Shelf, tmp_path: Path, registry: str) -> None:  # noqa: F811
    volume, file, again = shelf.full(), tmp_path / "b.tar", tmp_path / "again.tar"
    before = shelf.look(volume)
    boxship(docker, "volume", "backup", "-o", str(file), volume)
    reference = f"docker://{registry}/backups/copied:1"
    skopeo = [shutil.which("skopeo") or "skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run([*skopeo, f"oci-archive:{file}:{volume}", reference], check=True, capture_output=True)
    subprocess.run([*skopeo, reference, f"oci-archive:{again}"], check=True, capture_output=True)
    for source in (f"{registry}/backups/copied:1", str(again)):
        other = shelf.name()
        boxship(docker, "volume", "restore", "-f", other, source)
        assert shelf.look(other) == before


def test_a_damaged_file_changes_nothing(docker: Docker, shelf: Shelf, tmp_path: Path) -> None:
    volume, file = shelf.full(), tmp_path / "b.tar"
    before = shelf.look(volume)
    boxship(docker, "volume", "backup", "-o", str(file), volume)
    raw = bytearray(file.read_bytes())
    at = raw.rindex(b"\x1f\x8b\x08") + 100
    raw[at] ^= 0xFF
    file.write_bytes(raw)
    other = shelf.name()
    for name in (volume, other):
        refused = boxship(docker, "volume", "restore", "-f", name, str(file), check=False)
        assert "the backup is damaged" in refused.stderr
    assert shelf.look(volume) == before
    assert docker("volume", "inspect", other, check=False).returncode == 1
    file.write_bytes(b"nonsense" * 100)
    assert "no backup" in boxship(docker, "volume", "restore", "-f", volume, str(file), check=False).stderr
    assert "no such volume" in boxship(docker, "volume", "snapshot", "no-such", check=False).stderr
    wrong = boxship(docker, "volume", "backup", volume, check=False).stderr
    assert "--output FILE, or --push REFERENCE" in wrong


def test_volumes_that_are_mounted_are_filled_as_they_stand(docker: Docker, shelf: Shelf) -> None:
    volume, copy = shelf.full(), shelf.name()
    docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=4m", copy)
    name = docker.name()
    docker("create", "--name", name, "--label", docker.label, "-v", f"{copy}:/v", IMAGE, "ls", "/v")
    boxship(docker, "volume", "restore", "-f", copy, volume)
    assert "hole" in docker.out("start", "-a", name).split()
    assert os.path.isdir(docker.out("volume", "inspect", "-f", "{{.Mountpoint}}", copy))
