"""What courses teach about storage, at the stock CLI: layers, mounts of every kind, volumes of other programs."""

import asyncio
import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.volume_plugin import VolumePlugin

pytestmark = pytest.mark.e2e

PLUGINS = Path("/run/docker/plugins")


@pytest.fixture
def volume(docker) -> Iterator[str]:
    name = f"bt-{uuid.uuid4().hex[:8]}"
    yield name
    docker("volume", "rm", "-f", name, check=False)


def test_the_top_layer_goes_with_its_container(docker) -> None:
    one, two = docker.name(), docker.name()
    docker("run", "--name", one, "busybox", "sh", "-c", "rm /etc/group; echo changed > /etc/passwd")
    assert "web" in docker.out("run", "--name", two, "busybox", "cat", "/etc/passwd", "/etc/group")
    assert docker.out("diff", one).split("\n") == ["C /etc", "D /etc/group", "C /etc/passwd"]
    docker("rm", one)
    assert "web" in docker.out("run", "--rm", "busybox", "cat", "/etc/passwd")


def test_containers_share_their_image(docker) -> None:
    name = docker.name()
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "head -c 1000000 /dev/zero > /f; sleep 60")
    docker("exec", name, "sh", "-c", "until [ $(stat -c %s /f) = 1000000 ]; do sleep 0.1; done")
    size = docker.out("ps", "-s", "--filter", f"name={name}", "--format", "{{.Size}}")
    assert re.fullmatch(r"1(\.0\d)?MB \(virtual [\d.]+MB\)", size)


def test_temporary_file_systems(docker) -> None:
    line = docker.out("run", "--rm", "--tmpfs", "/t:size=1m,mode=700", "busybox", "sh", "-c", "mount | grep ' /t '")
    assert line.startswith("tmpfs on /t type tmpfs")
    assert {"size=1024k", "mode=700", "noexec", "nosuid"} <= set(line.partition("(")[2].rstrip(")").split(","))
    words = ("--mount", "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770")
    fill = "head -c 2000000 /dev/zero > /t/f; stat -c %s /t/f"
    assert docker.out("run", "--rm", *words, "busybox", "sh", "-c", fill) == "1048576"
    assert docker.out("run", "--rm", *words, "busybox", "stat", "-c", "%a", "/t") == "1770"
    name = docker.name()
    docker("create", "--name", name, "--tmpfs", "/t", "busybox", "sh", "-c", "ls /t; touch /t/f")
    assert [docker.out("start", "-a", name) for _ in range(2)] == ["", ""]


def test_missing_sources(docker, tmp_path: Path) -> None:
    words = ("busybox", "true")
    docker("run", "--rm", "-v", f"{tmp_path}/a:/a", *words)
    assert (tmp_path / "a").is_dir()
    done = docker("run", "--rm", "--mount", f"type=bind,src={tmp_path}/b,dst=/b", *words, check=False)
    assert f"bind source path does not exist: {tmp_path}/b" in done.stderr
    assert (done.returncode, (tmp_path / "b").exists()) == (125, False)


def test_a_bind_is_neither_filled_nor_removed(docker, tmp_path: Path) -> None:
    name = docker.name()
    words = ("-v", "/anonymous", "-v", f"{tmp_path}:/etc", "busybox", "sh", "-c", "ls /etc; echo kept > /etc/f")
    assert "passwd" not in docker.out("run", "--name", name, *words)
    docker("rm", "-f", "-v", name)
    assert (tmp_path / "f").read_text() == "kept\n"


def test_a_volume_outlives_containers_and_is_shared(docker, volume: str) -> None:
    one = docker.name()
    docker("run", "-d", "-P", "--name", one, "-v", f"{volume}:/data", "web:latest", "sleep", "60")
    docker("exec", one, "sh", "-c", "echo told > /data/f")
    assert docker.out("run", "--rm", "--volumes-from", one, "busybox", "cat", "/data/f") == "told"
    refused = docker("run", "--rm", "--volumes-from", f"{one}:ro", "busybox", "touch", "/data/g", check=False)
    assert "Read-only file system" in refused.stderr
    docker("rm", "-f", "-v", one)
    assert docker.out("run", "--rm", "-v", f"{volume}:/again", "busybox", "cat", "/again/f") == "told"


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[VolumePlugin]:
    """A volume plugin that listens where plugins do; its name is `implements`' owner, `root.name`."""
    root = tmp_path / f"bt{uuid.uuid4().hex[:8]}"
    root.mkdir()
    plugin, made = VolumePlugin(root), not PLUGINS.exists()
    PLUGINS.mkdir(parents=True, exist_ok=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    socket = PLUGINS / f"{root.name}.sock"
    asyncio.run_coroutine_threadsafe(plugin.start(socket), loop).result(60)
    yield plugin
    asyncio.run_coroutine_threadsafe(plugin.stop(), loop).result(70)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    socket.unlink(missing_ok=True)
    if made:
        PLUGINS.rmdir()


def test_volumes_of_a_plugin(docker, volume: str, shelf: VolumePlugin) -> None:
    driver = shelf.root.name
    docker("volume", "create", "-d", driver, "-o", "speed=high", volume)
    assert ("VolumeDriver.Create", {"Name": volume, "Opts": {"speed": "high"}}) in shelf.calls
    assert json.loads(docker.out("volume", "inspect", volume))[0]["Driver"] == driver
    docker("run", "--rm", "-v", f"{volume}:/data", "busybox", "sh", "-c", "echo kept > /data/f")
    assert (shelf.root / volume / "f").read_text() == "kept\n"
    assert docker.out("run", "--rm", "-v", f"{volume}:/data", "busybox", "cat", "/data/f") == "kept"
    assert shelf.volumes == {volume: set()}
    docker("volume", "rm", volume)
    assert shelf.volumes == {}
    refused = docker("volume", "create", "-d", driver, "-o", "refuse=full today", volume, check=False)
    assert f"create {volume}: VolumeDriver.Create: full today" in refused.stderr
    absent = docker("volume", "create", "-d", "bt-none", volume, check=False)
    assert 'error looking up volume plugin bt-none: plugin "bt-none" not found' in absent.stderr
