"""An upgrade under running containers: a daemon of other code takes over, and nobody on the network notices."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import boxship
from boxship.front.python.portal import Portal, Running
from tests.daemons import PATIENCE, Daemon
from tests.images import busybox_rootfs

IMAGE = "busybox:latest"
SERVE = (
    "mkdir /w; echo page > /w/index.html; httpd -p 80 -h /w; "
    "echo 'while :; do echo tick; sleep 0.05; done' > /tick; (echo '#!/bin/sh'; cat /tick) > /ticks; chmod +x /ticks; "
    "nc -ll -p 81 -e /ticks & "
    "n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done"
)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A copy of our code that calls itself 0.1.1."""
    package = tmp_path / "newer" / "boxship"
    shutil.copytree(Path(boxship.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    code = (package / "__init__.py").read_text()
    (package / "__init__.py").write_text(code.replace(f'"{boxship.__version__}"', '"0.1.1"'))
    return package.parent


def replace(daemon: Daemon, code: Path) -> None:
    """End the daemon and start one of other code with the same settings, as a package's upgrade does."""
    assert daemon.stop() == 0
    start = f"import sys; sys.path.insert(0, {str(code)!r}); from boxship.__main__ import main; sys.exit(main())"
    with daemon.log.open("ab") as log:
        daemon.process = subprocess.Popen(
            [sys.executable, "-c", start, "daemon", *daemon.flags], stdout=log, stderr=log
        )
    end = time.monotonic() + PATIENCE * 3
    while not daemon.answers():
        assert daemon.process.poll() is None, daemon.log.read_text()[-4000:]
        assert time.monotonic() < end
        time.sleep(0.01)


class Visitors:
    """Ask for the page over and over, each time by a new connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.answered, self.failures = 0, list[str]()
        self._address, self._end = address, threading.Event()
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()

    def _visit(self) -> None:
        while not self._end.is_set():
            try:
                with socket.create_connection(self._address, 30) as sock:
                    sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    told = b"".join(iter(lambda: sock.recv(4096), b""))
                if not told.endswith(b"page\n"):
                    raise ConnectionError(f"answered {told!r}")
                self.answered += 1
            except OSError as e:
                self.failures.append(str(e))

    def leave(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def web(killable: Daemon) -> Iterator[tuple[Portal, Running]]:
    portal = Portal(killable.host)
    portal.run(portal.engine.images.import_(busybox_rootfs(), IMAGE, changes=["ENV PATH=/bin"]))
    ports = {"80": ("127.0.0.1", 0), "81": ("127.0.0.1", 0)}
    yield portal, portal.container(IMAGE, ["sh", "-c", SERVE], ports=ports)
    portal.close()


def _connected(address: tuple[str, int]) -> socket.socket:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(address, 30)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


@pytest.mark.slow
def test_no_container_restarts_and_no_connection_drops(
    killable: Daemon, newer: Path, web: tuple[Portal, Running]
) -> None:
    portal, box = web
    before = box.inspect()
    pages, ticks = box.port("80"), box.port("81")
    _connected(pages).close()
    with _connected(ticks) as held:
        reader = held.makefile("r")
        assert reader.readline() == "tick\n"
        session = subprocess.Popen(
            ["docker", "-H", killable.host, "exec", box.id, "sh", "-c", "echo in; sleep 1000"], stdout=subprocess.PIPE
        )
        assert session.stdout is not None
        assert session.stdout.readline() == b"in\n"
        visitors = Visitors(pages)
        try:
            for code in (newer, Path(boxship.__file__).parents[1], newer):
                replace(killable, code)
                assert box.exec("echo", "hello").text == "hello"
                assert [reader.readline() for _ in range(5)] == ["tick\n"] * 5
        finally:
            visitors.leave()
            session.kill()
            session.communicate()
    assert visitors.failures == []
    assert visitors.answered > 0
    assert portal.run(portal.engine.version())["Components"][0]["Name"]
    after = box.inspect()
    assert (after.state.pid, after.restart_count, after.state.started_at) == (
        before.state.pid, before.restart_count, before.state.started_at,
    )  # fmt: skip
    numbers = [int(line) for line in box.logs().text.splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))
