"""Our command line drives a dockerd as well: a sample, beside the stock one on the same daemon.

Needs a dockerd, whose folder BOXSHIP_DOCKERD names."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemons import PROGRAM
from tests.dockerd import Dockerd, program
from tests.images import busybox_rootfs

pytestmark = [pytest.mark.e2e, pytest.mark.root, pytest.mark.slow]


@pytest.fixture(scope="module")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dockerd]:
    found = program()
    if found is None:
        pytest.skip("BOXSHIP_DOCKERD names no folder with a dockerd")
    daemon = Dockerd(found)
    try:
        archive = tmp_path_factory.mktemp("image") / "busybox.tar"
        archive.write_bytes(busybox_rootfs())
        words = ["import", "-c", "ENV PATH=/bin", "-c", 'CMD ["sh"]', str(archive), "busybox:latest"]
        assert command(daemon, str(PROGRAM), *words).returncode == 0
        yield daemon
    finally:
        daemon.close()


def command(daemon: Dockerd, name: str, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DOCKER_HOST": daemon.host}
    return subprocess.run([name, *words], env=environment, input=stdin, capture_output=True, text=True, timeout=120)


def ours(daemon: Dockerd, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return command(daemon, str(PROGRAM), *words, stdin=stdin)


CODES = {
    "success": (["true"], 0),
    "its own": (["sh", "-c", "exit 42"], 42),
    "not executable": (["/etc/passwd"], 126),
    "not found": (["/nowhere"], 127),
}


@pytest.mark.parametrize(("words", "code"), CODES.values(), ids=CODES)
def test_exit_codes(dockerd: Dockerd, words: list[str], code: int) -> None:
    assert ours(dockerd, "run", "--rm", "busybox", *words).returncode == code


SAME = (
    ["ps", "-a", "--format", "json"], ["images", "--format", "json"], ["images", "--digests"], ["network", "ls"],
    ["network", "ls", "--format", "json"], ["volume", "ls"], ["ps", "-aq", "--no-trunc"], ["inspect", "web"],
    ["inspect", "-f", "{{.NetworkSettings.IPAddress}} {{.Config.Labels}}", "web"], ["logs", "web"], ["diff", "web"],
    ["image", "inspect", "busybox"], ["history", "busybox"], ["port", "web"], ["top", "web"], ["context", "ls"],
    ["volume", "inspect", "store"], ["network", "inspect", "bridge"], ["version", "-f", "{{.Server.APIVersion}}"],
    ["system", "df"], ["system", "df", "--format", "json"], ["system", "df", "-v"],
    ["system", "df", "-v", "--format", "json"], ["start", "nosuch"],
    ["exec", "web", "sh", "-c", "echo out; echo err >&2; exit 3"],
)  # fmt: skip


def test_answers_are_those_of_the_stock_client(dockerd: Dockerd) -> None:
    script = "echo one; echo two >&2; touch /new; exec sleep 1000"
    assert ours(dockerd, "volume", "create", "store").stdout == "store\n"
    flags = ["-d", "--name", "web", "-l", "role=web", "-v", "store:/s", "-p", "80"]
    words = ["run", *flags, "busybox", "sh", "-c", script]
    assert len(ours(dockerd, *words).stdout.strip()) == 64
    try:
        for asked in SAME:
            a, b = ours(dockerd, *asked), command(dockerd, "docker", *asked)
            assert a.returncode == b.returncode, asked
            shown = sorted if asked[0] == "diff" else list  # dockerd tells them in any order
            assert shown(plain(a.stdout).splitlines()) == shown(plain(b.stdout).splitlines()), asked
            assert plain(a.stderr).startswith(plain(b.stderr).splitlines()[0] if b.stderr else ""), asked
    finally:
        assert ours(dockerd, "rm", "-f", "-v", "web").stdout == "web\n"
        assert ours(dockerd, "volume", "rm", "store").returncode == 0


def plain(text: str) -> str:
    return re.sub(r" {2,}", "  ", re.sub(r"(Less than a|About a|\d+) (second|minute)s?", "AGE", text))


def test_a_life_and_files(dockerd: Dockerd, tmp_path: Path) -> None:
    made = ours(dockerd, "create", "--name", "job", "-i", "busybox", "sh", "-c", "cat > /got; exec sleep 1000")
    assert made.returncode == 0
    (tmp_path / "file").write_text("content")
    assert ours(dockerd, "cp", str(tmp_path / "file"), "job:/there").returncode == 0
    for words in (["start"], ["pause"], ["unpause"], ["restart", "-t", "0"], ["stop", "-t", "0"], ["start"], ["kill"]):
        assert ours(dockerd, *words, "job").stdout == "job\n", words
    assert ours(dockerd, "cp", "job:/there", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_text() == "content"
    assert "was killed" in ours(dockerd, "why", "job").stdout
    assert ours(dockerd, "commit", "-m", "kept", "job", "kept:1").stdout.startswith("sha256:")
    assert ours(dockerd, "save", "-o", str(tmp_path / "kept.tar"), "kept:1").returncode == 0
    assert ours(dockerd, "rmi", "kept:1").returncode == 0
    assert "Loaded image: kept:1" in ours(dockerd, "load", "-i", str(tmp_path / "kept.tar")).stdout
    assert ours(dockerd, "rm", "job").stdout == "job\n"
    assert ours(dockerd, "rmi", "kept:1").returncode == 0


def test_input_and_streams(dockerd: Dockerd) -> None:
    done = ours(dockerd, "run", "--rm", "-i", "busybox", "sh", "-c", "cat; echo err >&2", stdin="through\n")
    assert (done.stdout, done.stderr) == ("through\n", "err\n")


def test_what_only_boxship_has_is_refused(dockerd: Dockerd) -> None:
    done = ours(dockerd, "system", "check")
    assert done.returncode == 1
    assert "Error response from daemon" in done.stderr
