"""`watch`, and replicas that share a published port, against the running daemon."""

import os
import signal
import subprocess
import urllib.request

import pytest

from benchmarks import compose as bench
from tests.daemons import PROGRAM, TMPFS
from tests.e2e.test_compose import Project
from tests.e2e.test_compose import compose as compose
from tests.patience import until
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.root]
DOCKERFILE = "FROM busybox\nRUN mkdir /conf && echo one > /built && echo c1 > /conf/c\n"
WATCHED = """
services:
  web:
    image: watched
    build: .
    init: true
    command: sh -c 'cat /built /conf/c; exec sleep 1000'
    stop_grace_period: 0s
    develop:
      watch:
        - {path: src, target: /src, action: sync, ignore: [no.txt]}
        - {path: conf, target: /conf, action: sync+restart}
        - {path: script, target: /script, action: sync+exec, exec: {command: sh /script/run}}
        - {path: Dockerfile, action: rebuild}
"""


def test_watch_syncs_restarts_executes_and_rebuilds(compose: Project) -> None:
    compose.write(WATCHED)
    for name in ("src", "conf", "script"):
        (compose.folder / name).mkdir()
    (compose.folder / "Dockerfile").write_text(
        "FROM busybox\nRUN mkdir /conf && echo one > /built && echo c1 > /conf/c\n"
    )
    with open(compose.folder / "said", "w") as out:
        watching = subprocess.Popen(
            [PROGRAM, "compose", "watch"], cwd=compose.folder, env=compose.environ, stdout=out, stderr=out
        )

    def said() -> str:
        return (compose.folder / "said").read_text()

    def inside(command: str) -> str:
        found: str = compose("exec", "-T", "web", "sh", "-c", command, check=False).stdout
        return found

    try:
        until(lambda: "Watch enabled" in said() or watching.poll() is not None, "watching has begun")
        assert watching.poll() is None, said()
        (compose.folder / "src" / "no.txt").write_text("no")
        (compose.folder / "src" / "a.txt").write_text("synced")
        until(lambda: inside("cat /src/a.txt") == "synced", "a file is synced")
        assert inside("ls /src") == "a.txt\n"
        (compose.folder / "src" / "a.txt").unlink()
        until(lambda: inside("ls /src") == "", "a removed file goes")
        (compose.folder / "conf" / "c").write_text("c2\n")
        until(lambda: "c2" in compose("logs", "web").stdout, "the container starts again with the new file")
        (compose.folder / "script" / "run").write_text("echo ran > /ran\n")
        until(lambda: inside("cat /ran") == "ran\n", "a command runs after the sync")
        (compose.folder / "Dockerfile").write_text(
            "FROM busybox\nRUN mkdir /conf && echo two > /built && echo c > /conf/c\n"
        )
        until(lambda: inside("cat /built") == "two\n", "the image is built anew")
    finally:
        watching.send_signal(signal.SIGINT)
        watching.wait(60)
        compose("down", "-t", "0", check=False)
        compose.docker("rmi", "-f", "watched", check=False)


SHARED = """
services:
  web:
    image: web
    command: sh -c 'hostname > /var/www/index.html; exec httpd -f -p 80 -h /var/www'
    ports: ["PORT:80"]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, test, "!", -e, /ill], interval: 200ms, retries: 1}
    deploy: {replicas: 3}
"""


def test_replicas_share_a_port_and_the_ill_get_nothing(compose: Project) -> None:
    port = free_port()
    compose.write(SHARED.replace("PORT", str(port)))
    compose("up", "-d", "--wait")

    def answers() -> set[str]:
        found = set()
        for _ in range(60):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as reply:
                found.add(reply.read().decode().strip())
        return found

    until(lambda: len(answers()) == 3, "all replicas get connections")
    compose("exec", "-T", "--index", "2", "web", "touch", "/ill")
    ill = compose.of("web", 2)["Config"]["Hostname"]
    until(lambda: ill not in answers(), "an unhealthy replica gets no connections")
    assert len(answers()) == 2
    compose("exec", "-T", "--index", "2", "web", "rm", "/ill")
    until(lambda: ill in answers(), "a replica that is well again gets connections again")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("replicas", [1, 3])
def test_fifty_thousand_requests_while_images_change(tmp_path_factory: pytest.TempPathFactory, replicas: int) -> None:
    root = TMPFS / f"boxship-downtime-{os.getpid()}-{replicas}"
    root.mkdir()
    try:
        with bench.boxship(root) as tool:
            bench.give_images(tool, root)
            told = bench.update(tool, root, replicas, 50_000)
    finally:
        subprocess.run(["rm", "-rf", root], check=True)
    assert told.startswith(f"{replicas} replica(s): 0 of "), told
