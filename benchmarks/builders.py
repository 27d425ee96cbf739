"""What builds images, to be timed: Boxship by three doors, dockerd by two, buildah. Each with a data root of its own in
memory; nothing of them is left."""

import contextlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import spent
from benchmarks.client import Client
from tests.daemons import PROGRAM, Daemon


class Engine(NamedTuple):
    """build: carries out (Dockerfile, context or None, no cache?); raises RuntimeError when it fails.
    load: takes a root file system in under a name.  env: with which command lines find it.  cpu: milliseconds that its
    daemon has used so far, without what ran in steps."""

    name: str
    build: Callable[[str, Path | None, bool], None]
    load: Callable[[Path, str], None]
    env: dict[str, str]
    cpu: Callable[[], float] = lambda: 0.0


def run(words: Sequence[str], *, env: dict[str, str] | None = None, stdin: bytes = b"") -> bytes:
    done = subprocess.run(words, env={**os.environ, **(env or {})}, input=stdin, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def packed(text: str, context: Path | None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
        if context is not None:
            tar.add(context, ".")
    return buffer.getvalue()


def classic(name: str, client: Client) -> Callable[[str, Path | None, bool], None]:
    """POST /build, without a command line in between."""

    def build(text: str, context: Path | None, fresh: bool) -> None:
        target = f"/build?t=bench&rm=1&networkmode=host&nocache={int(fresh)}"
        told = client.call("POST", target, packed(text, context), raw=True)
        if b"errorDetail" in told:
            raise RuntimeError(f"{name}: {told[-2000:].decode(errors='replace')}")

    return build


def by_command(words: Sequence[str], env: dict[str, str]) -> Callable[[str, Path | None, bool], None]:
    def build(text: str, context: Path | None, fresh: bool) -> None:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            file = Path(folder, "Dockerfile")
            file.write_text(text)
            cache = ["--no-cache"] if fresh else []
            run([*words, *cache, "-f", str(file), str(context or folder)], env=env)

    return build


@contextlib.contextmanager
def boxship() -> Iterator[list[Engine]]:
    daemon = Daemon()
    with spent.counted("boxship") as cpu:
        daemon.start()
    client = Client("boxship", daemon.path)
    env = {"BOXSHIP_HOST": daemon.host}

    def load(rootfs: Path, tag: str) -> None:
        run([PROGRAM, "import", "--change", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", str(rootfs), tag], env=env)

    own = [str(PROGRAM), "build", "-q", "--network", "host", "-t", "bench"]
    try:
        yield [
            Engine("boxship", classic("boxship", client), load, env, cpu),
            Engine("boxship, own CLI", by_command(own, env), lambda *_: None, env, cpu),
        ]
    finally:
        daemon.close()


@contextlib.contextmanager
def dockerd(folder: str) -> Iterator[list[Engine]]:
    """Without a bridge and without rules: steps use the host's network, as with the others."""
    path = f"{folder}:{Path(folder).parent / 'sbin'}:{os.environ['PATH']}" if folder else os.environ["PATH"]
    program = shutil.which("dockerd", path=path)
    if program is None:
        yield []
        return
    root = tempfile.mkdtemp(prefix="bench-dockerd-", dir="/dev/shm")
    sock = f"{root}/docker.sock"
    flags = ["--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid", "-H"]
    flags += [f"unix://{sock}", "--bridge", "none", "--iptables=false", "--ip6tables=false"]
    env = {"PATH": path, "DOCKER_HOST": f"unix://{sock}"}
    with open(f"{root}/log", "wb") as log, spent.counted("dockerd") as cpu:
        process = subprocess.Popen([program, *flags], stdout=log, stderr=log, env={**os.environ, **env})
    client = Client("dockerd", sock)
    cli = shutil.which("docker", path=path) or "docker"

    def load(rootfs: Path, tag: str) -> None:
        run([cli, "import", "--change", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", str(rootfs), tag], env=env)

    kit = [cli, "build", "-q", "--network", "host", "-t", "bench"]
    try:
        client.await_answer()
        yield [
            Engine("dockerd, classic", classic("dockerd", client), load, env, cpu),
            Engine("dockerd, BuildKit", by_command(kit, {**env, "DOCKER_BUILDKIT": "1"}), lambda *_: None, env, cpu),
        ]
    finally:
        process.terminate()
        process.wait(60)
        run(["sh", "-c", f"grep -o ' {root}/[^ ]*' /proc/self/mounts | sort -r | xargs -r umount -l"])
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def buildah() -> Iterator[list[Engine]]:
    if shutil.which("buildah") is None:
        yield []
        return
    root = tempfile.mkdtemp(prefix="bench-buildah-", dir="/dev/shm")
    stores = ["--root", f"{root}/root", "--runroot", f"{root}/run"]

    def load(rootfs: Path, tag: str) -> None:
        name = run(["buildah", *stores, "from", "scratch"]).decode().strip()
        run(["buildah", *stores, "add", "-q", name, str(rootfs), "/"])
        run(["buildah", *stores, "config", "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", name])
        run(["buildah", *stores, "commit", "-q", "--rm", name, tag])

    words = ["buildah", *stores, "bud", "-q", "--layers", "--network", "host", "-t", "bench"]
    try:
        yield [Engine("buildah", by_command(words, {}), load, {})]
    finally:
        subprocess.run(["buildah", *stores, "rm", "--all"], capture_output=True)
        run(["sh", "-c", f"grep -o ' {root}/[^ ]*' /proc/self/mounts | sort -r | xargs -r umount -l"])
        shutil.rmtree(root, ignore_errors=True)
