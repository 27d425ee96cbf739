"""Secrets and configs of compose projects: right in the container, and nowhere on a disk."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM, Daemon
from tests.e2e.test_compose_stock import second  # noqa: F401
from tests.images import busybox_rootfs

pytestmark = [pytest.mark.e2e, pytest.mark.root]
HUSH = "aVeryHushedWord4711"
FILE = """
name: hushed
services:
  a:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    secrets:
      - {source: token, target: own, uid: "33", gid: "44", mode: 0400}
      - {source: file, uid: "5", mode: 0440}
      - {source: token, target: /etc/app/token}
    configs: [{source: text, target: /etc/app.conf, mode: 0440}]
secrets: {token: {environment: TOKEN}, file: {file: ./file.txt}}
configs: {text: {content: "password=${TOKEN}"}}
"""
SHOW = (
    "cat /run/secrets/own /run/secrets/file /etc/app/token /etc/app.conf; "
    "stat -c '%u:%g %a' /run/secrets/* /etc/app.conf"
)
SHOWN = f"{HUSH}from a file{HUSH}password={HUSH}5:0 440\n33:44 400\n0:0 440\n"


class Place:
    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon, self.folder = daemon, folder
        self.environ = {**os.environ, "DOCKER_HOST": daemon.host, "BOXSHIP_HOST": daemon.host, "TOKEN": HUSH}
        (folder / "compose.yaml").write_text(FILE)
        (folder / "file.txt").write_text("from a file")

    def __call__(self, *words: str | Path, check: bool = True) -> Any:
        done = subprocess.run(
            words, cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=100, check=False
        )
        if check:
            assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    def compose(self, *words: str, check: bool = True) -> Any:
        return self(PROGRAM, "compose", *words, check=check)

    def traces(self) -> list[str]:
        """Return the files of the daemon on disk that hold the word: all but what lies in its tmpfs."""
        found = []
        for top, _, names in os.walk(self.daemon.data_root):
            for name in names:
                path = Path(top, name)
                if path.is_file() and not path.is_symlink() and HUSH.encode() in path.read_bytes():
                    found.append(str(path))
        return [*found, *(["the log"] if HUSH in self.daemon.log.read_text() else [])]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    daemon = Daemon()
    try:
        daemon.start()
        found = Place(daemon, tmp_path)
        archive = tmp_path / "busybox.tar"
        archive.write_bytes(busybox_rootfs())
        found("docker", "import", "--change", "ENV PATH=/bin", archive, "busybox:latest")
        yield found
    finally:
        daemon.close()


def test_no_secret_is_ever_on_disk(place: Place) -> None:
    place.compose("up", "-d")
    shown = place.compose("exec", "-T", "a", "sh", "-c", SHOW).stdout
    assert shown == SHOWN
    assert place.compose("exec", "-T", "a", "sh", "-c", "echo x > /run/secrets/own", check=False).returncode != 0
    assert place.traces() == []
    place("docker", "commit", "hushed-a-1", "committed")
    assert place("docker", "run", "--rm", "committed", "cat", "/run/secrets/own").stdout == ""
    assert HUSH not in place("docker", "inspect", "hushed-a-1").stdout
    # they outlive the daemon, and a stop
    place.daemon.kill()
    place.daemon.start()
    assert place.compose("exec", "-T", "a", "sh", "-c", SHOW).stdout == SHOWN
    place.compose("restart", "-t", "0")
    assert place.compose("exec", "-T", "a", "sh", "-c", SHOW).stdout == SHOWN
    assert place.traces() == []
    # and go with the container
    kept = place.daemon.exec_root / "memory"
    assert len(list(kept.iterdir())) == 1
    place.compose("down", "-t", "0")
    assert list(kept.iterdir()) == []


def test_after_a_boot_up_gives_them_again(place: Place) -> None:
    place.compose("up", "-d")
    place.compose("stop", "-t", "0")
    for file in (place.daemon.exec_root / "memory").glob("*/*"):
        file.unlink()  # what a boot of the machine does
    refused = place("docker", "start", "hushed-a-1", check=False)
    assert "was held in memory only and went with the last boot" in refused.stderr
    before = json.loads(place("docker", "inspect", "hushed-a-1").stdout)[0]["Id"]
    place.compose("up", "-d")
    assert place.compose("exec", "-T", "a", "sh", "-c", SHOW).stdout == SHOWN
    assert json.loads(place("docker", "inspect", "hushed-a-1").stdout)[0]["Id"] == before
    assert place.traces() == []


def test_the_stock_compose_leaves_none_either(place: Place, second: str) -> None:  # noqa: F811
    place(second, "up", "-d")
    shown = place.compose("exec", "-T", "a", "sh", "-c", "cat /run/secrets/own /etc/app/token /etc/app.conf").stdout
    assert shown == f"{HUSH}{HUSH}password={HUSH}"
    assert place.traces() == []
    place(second, "down", "-t", "0")
