"""What somebody unmounts on the host under containers that run is mounted again, told of, and hurts no container."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import PROGRAM
from tests.e2e.conftest import IMAGE, Docker
from tests.patience import until

pytestmark = [pytest.mark.e2e, pytest.mark.root]
INJURIES = 6


@pytest.fixture
def volume(docker: Docker) -> Iterator[str]:
    name = docker.name("vol")
    docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", name)
    yield name
    if left := docker.out("ps", "-aq", "--filter", f"volume={name}").split():
        docker("rm", "-f", *left)
    docker("volume", "rm", name)


def mounted(path: str) -> bool:
    return any(line.split()[4] == path for line in Path("/proc/self/mountinfo").read_text().splitlines())


@pytest.mark.parametrize("seed", [1])
def test_mounts_of_the_host_come_back(docker: Docker, volume: str, tmp_path: Path, seed: int) -> None:
    dice, name = random.Random(seed), docker.name()
    (tmp_path / "f").write_text("host")
    words = [
        "run", "-d", "--name", name, "--label", docker.label, "-v", f"{volume}:/v", "-v", f"{tmp_path}:/m:idmap",
        "--mount", "type=image,src=web,dst=/i", IMAGE, "sh", "-c", "echo kept > /v/f; exec sleep 600",
    ]  # fmt: skip
    ours = [str(PROGRAM), "-H", docker.host]  # stock clients mount images from 28 on
    subprocess.run([*ours, *words], check=True, capture_output=True, timeout=60)
    found = json.loads(docker.out("inspect", name))[0]
    volume_path = docker.out("volume", "inspect", "-f", "{{.Mountpoint}}", volume)
    image_path = next(m["Source"] for m in found["Mounts"] if m["Type"] == "image")
    home = Path(image_path).parent
    places = [found["GraphDriver"]["Data"]["MergedDir"], volume_path, *(str(p) for p in home.iterdir())]
    assert len(places) == 4
    assert all(map(mounted, places))
    docker("exec", name, "cat", "/v/f")
    for _ in range(INJURIES):
        path = dice.choice(places)
        subprocess.run(["umount", "-l", path], check=True)
        until(lambda path=path: mounted(path), f"{path} was not mounted again")
    assert docker.out("exec", name, "cat", "/v/f", "/m/f") == "kept\nhost"
    assert (Path(volume_path) / "f").read_text() == "kept\n"
    after = json.loads(docker.out("inspect", name))[0]
    assert (after["State"]["Pid"], after["RestartCount"]) == (found["State"]["Pid"], 0)

    def told() -> int:
        words = ("--since", "1000s", "--until", f"{time.time():.6f}", "--filter", f"container={name}")
        return len(docker.out("events", *words, "--filter", "event=repair").splitlines())

    until(lambda: told() >= INJURIES, "not all repairs were told of")
    assert told() == INJURIES
    docker("restart", "-t", "0", name)
    assert docker.out("exec", name, "cat", "/m/f") == "host"
