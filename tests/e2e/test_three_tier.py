"""examples/three-tier, whole: images from Debian's packages, real HAProxy, Redis and PostgreSQL, updates under load."""

import os
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemons import PROGRAM, Daemon
from tests.e2e.test_compose_stock import second  # noqa: F401
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(1800)]
TOP = Path(__file__).parents[2]
PASSWORD = "it's a hushed 4711"


class Example:
    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon, self.folder, self.port = daemon, folder, free_port()
        self.environ = {**os.environ, "DOCKER_HOST": daemon.host, "BOXSHIP_HOST": daemon.host}
        self.environ |= {"DB_PASSWORD": PASSWORD, "PORT": str(self.port), "COMPOSE_PROGRESS": "plain"}

    def compose(self, *words: str, program: tuple[str | Path, ...] = (PROGRAM, "compose"), **env: str) -> str:
        done = subprocess.run(
            [*program, *words],
            cwd=self.folder,
            env={**self.environ, **env},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=60) as reply:
            found: str = reply.read().decode()
        return found

    def visits(self) -> int:
        found = re.search(r"(\d+) visits", self.page())
        assert found is not None
        return int(found[1])


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp("example") / "three-tier"
    shutil.copytree(TOP / "examples" / "three-tier", folder)
    daemon = Daemon()
    try:
        daemon.start()
        made = Example(daemon, folder)
        script = f"{TOP}/scripts/debian-base.sh | docker import - three-tier/base"
        subprocess.run(["bash", "-o", "pipefail", "-c", script], env=made.environ, check=True, timeout=900)
        made.compose("build", "--quiet")
        made.compose("up", "-d", "--wait")
        yield made
    finally:
        daemon.close()


def test_all_tiers_answer_and_no_secret_is_on_disk(example: Example) -> None:
    first = example.visits()
    assert example.visits() == first + 1
    shown = {re.search(r"shown by (\w+)", example.page())[1] for _ in range(8)}  # type: ignore[index]
    assert len(shown) == 2, "the proxy spreads requests over both front ends"
    found = subprocess.run(
        ["grep", "-rlF", PASSWORD, example.daemon.data_root / "containers", example.daemon.data_root / "volumes"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout == ""
    refused = subprocess.run(
        [PROGRAM, "compose", "exec", "-T", "cache", "bash", "-c", "exec 3<>/dev/tcp/web/8000"],
        cwd=example.folder, env=example.environ, capture_output=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode != 0, "tiers are apart"


def test_an_update_and_a_rollback_lose_no_visitor(example: Example) -> None:
    stop, failures, answers = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append("Updated" in example.page())
            except OSError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        example.compose("up", "-d", GREETING="Updated")
        example.compose("rollback")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert set(answers) == {True, False}


def test_scale_backup_and_the_stock_compose(example: Example, second: str) -> None:  # noqa: F811
    before = example.visits()
    example.compose("up", "-d", "--scale", "web=4")
    assert len(example.compose("ps", "-q", "web").split()) == 4
    example.compose("stop")
    example.compose("backup", "-o", "volumes.tar")
    example.compose("down", "-v", "-t", "5")
    example.compose("restore", "volumes.tar")
    example.compose("up", "-d", "--wait")
    assert example.visits() == before + 1
    stock: Any = (second,)
    example.compose("up", "-d", "--wait", program=stock)
    assert example.visits() == before + 2
    example.compose("down", "-v", program=stock)
