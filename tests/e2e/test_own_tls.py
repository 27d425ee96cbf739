"""Our own command line and our Python client over tcp:// with TLS, both sides with certificates."""

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import boxship
from tests.daemons import PROGRAM, Daemon
from tests.images import busybox_rootfs
from tests.unit.front.rest import certificates

pytestmark = [pytest.mark.e2e, pytest.mark.root]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
MUCH = os.urandom(3 << 20)


class Secured(NamedTuple):
    host: str
    flags: tuple[str, ...]
    folder: Path


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    certificates.write(folder)
    files = ("--tlsverify", "--tlscacert", f"{folder}/ca.pem", "--tlscert", f"{folder}/cert.pem")
    files += ("--tlskey", f"{folder}/key.pem")
    port = free_port()
    daemon = Daemon("--host", f"tcp://127.0.0.1:{port}", *files)
    try:
        daemon.start()
        words = [PROGRAM, "-H", daemon.host, "import", "-c", "ENV PATH=/bin", "-c", 'CMD ["sh"]', "-", "busybox"]
        subprocess.run(words, input=busybox_rootfs(), check=True, capture_output=True)
        yield Secured(f"tcp://127.0.0.1:{port}", files, folder)
    finally:
        daemon.close()


@pytest.fixture
def ours(secured: Secured) -> Run:
    def run(*words: str, stdin: bytes = b"", code: int = 0) -> "subprocess.CompletedProcess[bytes]":
        command = [PROGRAM, "-H", secured.host, *secured.flags, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=90)
        assert done.returncode == code, (words, done.stdout[-500:], done.stderr)
        return done

    return run


def test_input_ends_and_output_goes_on(ours: Run) -> None:
    assert ours("run", "--rm", "-i", "busybox", "cat", stdin=b"hi\n").stdout == b"hi\n"
    assert ours("run", "--rm", "-i", "busybox", "sh", "-c", "cat; exit 3", stdin=MUCH, code=3).stdout == MUCH
    done = ours("run", "--rm", "-i", "busybox", "sh", "-c", "cat >/dev/null; echo after; echo err >&2", stdin=MUCH)
    assert (done.stdout, done.stderr) == (b"after\n", b"err\n")


def attached(secured: Secured, name: str, said: bytes) -> tuple[bytes, int]:
    """Return what a container answers, and its code. Input stays open meanwhile: where a container was not started for
    one client alone, the end of a client's input ends its session, in dockerd too."""
    words = [PROGRAM, "-H", secured.host, *secured.flags, "attach", name]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(said)
        process.stdin.flush()
        heard = process.stdout.read()
        return heard, process.wait(60)


def test_exec_attach_and_start(ours: Run, secured: Secured) -> None:
    ours("run", "-d", "--name", "going", "busybox", "sleep", "1000")
    assert ours("exec", "-i", "going", "wc", "-c", stdin=MUCH).stdout.split() == [str(len(MUCH)).encode()]
    ours("create", "--name", "waits", "-i", "busybox", "cat")
    assert ours("start", "-ai", "waits", stdin=MUCH).stdout == MUCH
    ours("run", "-d", "-i", "--name", "reads", "busybox", "sh", "-c", "read line; echo $line; exit 4")
    assert attached(secured, "reads", b"typed\n") == (b"typed\n", 4)
    ours("rm", "-f", "going", "waits", "reads")


def test_logs_are_followed_to_the_end(ours: Run) -> None:
    ours(
        "run", "-d", "--name", "says", "busybox", "sh", "-c", "for i in $(seq 200); do echo $i; done; sleep 1; echo end"
    )
    printed = ours("logs", "-f", "says").stdout.split()
    assert (len(printed), printed[-1]) == (201, b"end")
    ours("rm", "-f", "says")


def test_files_both_ways(ours: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(MUCH)
    ours("create", "--name", "holds", "busybox", "true")
    ours("cp", str(tmp_path / "there"), "holds:/there")
    ours("cp", "holds:/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == MUCH
    ours("rm", "holds")


def test_a_build(ours: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MUCH)
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY file /file\nRUN wc -c < /file > /size\n")
    ours("build", "-t", "made", str(tmp_path))
    assert ours("run", "--rm", "made", "cat", "/size").stdout.strip() == str(len(MUCH)).encode()
    ours("rmi", "made")


def test_a_program_on_a_terminal(secured: Secured) -> None:
    import pexpect

    words = ["-H", secured.host, *secured.flags, "run", "--rm", "-it", "busybox", "sh"]
    child = pexpect.spawn(str(PROGRAM), words, encoding="utf-8", timeout=60, dimensions=(30, 90))
    child.expect("# ")
    child.sendline("stty size; echo $((6*7))")
    child.expect("30 90")
    child.expect("42")
    child.sendline("exit 5")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


def test_a_stranger_is_kept_out(secured: Secured) -> None:
    command = [PROGRAM, "-H", secured.host, "--tlsverify", "--tlscacert", f"{secured.folder}/ca.pem", "ps"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env={**os.environ, "HOME": "/nowhere"})
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


async def test_the_python_client_lets_input_end(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(secured.folder))
    async with boxship.connect(secured.host) as engine, asyncio.timeout(60):
        async with await engine.containers.run("busybox", ["sleep", "1000"]) as container:
            done = await container.exec(["sh", "-c", "cat; echo end >&2; exit 2"], stdin=MUCH)
            assert (done.code, done.stdout, done.stderr) == (2, MUCH, b"end\n")
            assert (await container.exec(["echo", "plain"])).stdout == b"plain\n"
