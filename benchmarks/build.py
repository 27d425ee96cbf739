"""Builds timed beside dockerd (classic and BuildKit) and buildah, in one run: medians, ratios, and the budgets.

    python -m benchmarks.build [--rounds N] [--docker-bin DIR] [--only steps,cached,stages,context,apt,mounts]

Every engine gets a data root of its own in memory and is stopped again. `--docker-bin` is where dockerd, containerd and
the docker CLI are looked for first; peers that are not installed are left out. `apt` and `mounts` make a Debian base
with mmdebstrap from the machine's own apt sources and install from them: they take minutes and need the network.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.client import Client
from tests.daemons import PROGRAM, Daemon
from tests.debian import authorities, debian_rootfs
from tests.images import busybox_rootfs

BASE = "bench-base:latest"
STEPS = f"FROM {BASE}\n" + "".join(f"RUN echo {n} > /f{n}\n" for n in range(6))
STAGES = (
    f"FROM {BASE} AS a\nRUN sleep 3; echo a > /a\nFROM {BASE} AS b\nRUN sleep 3; echo b > /b\n"
    f"FROM {BASE}\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
)
APT = """FROM debian:bench AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv python3-dev gcc libc6-dev
RUN python3 -m venv /venv
COPY authorities.crt /etc/authorities.crt
ENV PIP_CERT=/etc/authorities.crt PIP_USE_FEATURE=no-binary-enable-wheel-cache
COPY requirements.txt /
RUN {mount}/venv/bin/pip install --no-binary markupsafe,pyyaml,msgspec -r requirements.txt
FROM debian:bench
RUN apt-get update && apt-get install -y --no-install-recommends python3
COPY --from=build /venv /venv
COPY app.py /app/
CMD ["/venv/bin/uvicorn", "--app-dir", "/app", "app:app"]
"""
MOUNT = "--mount=type=cache,target=/root/.cache/pip "
WANTED = "fastapi\nuvicorn\njinja2\npyyaml\nmsgspec\n"
FILES = 20_000


class Engine(NamedTuple):
    """build: carries out (Dockerfile, context or None, no cache?); raises RuntimeError when it fails.
    load: takes a root file system in under a name.  env: with which command lines find it."""

    name: str
    build: Callable[[str, Path | None, bool], None]
    load: Callable[[Path, str], None]
    env: dict[str, str]


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
    daemon.start()
    client = Client("boxship", daemon.path)
    env = {"BOXSHIP_HOST": daemon.host}

    def load(rootfs: Path, tag: str) -> None:
        run([PROGRAM, "import", "--change", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", str(rootfs), tag], env=env)

    own = [str(PROGRAM), "build", "-q", "--network", "host", "-t", "bench"]
    try:
        yield [
            Engine("boxship", classic("boxship", client), load, env),
            Engine("boxship, own CLI", by_command(own, env), lambda *_: None, env),
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
    with open(f"{root}/log", "wb") as log:
        process = subprocess.Popen([program, *flags], stdout=log, stderr=log, env={**os.environ, **env})
    client = Client("dockerd", sock)
    cli = shutil.which("docker", path=path) or "docker"

    def load(rootfs: Path, tag: str) -> None:
        run([cli, "import", "--change", "ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin", str(rootfs), tag], env=env)

    kit = [cli, "build", "-q", "--network", "host", "-t", "bench"]
    try:
        client.await_answer()
        yield [
            Engine("dockerd, classic", classic("dockerd", client), load, env),
            Engine("dockerd, BuildKit", by_command(kit, {**env, "DOCKER_BUILDKIT": "1"}), lambda *_: None, env),
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


# ---- cases


def timed(work: Callable[[], None], rounds: int) -> float:
    """Return the median in milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def show(case: str, budget: str, found: dict[str, float]) -> None:
    first = next(iter(found.values()))
    print(f"\n{case}  ({budget})")
    for name, value in found.items():
        ratio = "" if value == first else f"   {value / first:6.1f} times the first"
        print(f"  {name:20} {value:10.1f} ms{ratio}")
    sys.stdout.flush()


def steps(engines: list[Engine], rounds: int) -> None:
    found = {e.name: timed(lambda e=e: e.build(STEPS, None, True), rounds) for e in engines}  # type: ignore[misc]
    show("six cheap steps, no cache", "at most 250 ms", found)


def cached(engines: list[Engine], rounds: int) -> None:
    for engine in engines:
        engine.build(STEPS, None, False)
    found = {e.name: timed(lambda e=e: e.build(STEPS, None, False), rounds) for e in engines}  # type: ignore[misc]
    show("six cheap steps, all cached", "at most 10 ms and the context's way", found)


def stages(engines: list[Engine], rounds: int) -> None:
    found = {e.name: timed(lambda e=e: e.build(STAGES, None, True), min(rounds, 2)) for e in engines}  # type: ignore[misc]
    show("two independent stages of 3 s each", "below 4,000 ms", found)


def many_files(root: Path) -> None:
    for folder in range(200):
        (root / f"d{folder}").mkdir(parents=True)
        for number in range(FILES // 200):
            (root / f"d{folder}/f{number}").write_text(f"{folder} {number}\n" * 8)


def context(rounds: int) -> None:
    """Our own command line, which keeps the context with the daemon: until it is there, and a whole build whose copied
    directory has not changed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, boxship() as engines:
        root = Path(folder, "context")
        many_files(root)
        rootfs = Path(folder, "base.tar")
        rootfs.write_bytes(busybox_rootfs())
        engines[0].load(rootfs, BASE)
        (root / "Dockerfile").write_text(f"FROM {BASE}\nCOPY d1 /d1\nCOPY . /all\n")
        (root / "Part").write_text(f"FROM {BASE}\nCOPY d1 /d1\n")
        host = engines[0].env
        there, whole = [], []
        run([PROGRAM, "build", "-q", str(root)], env=host)
        for number in range(rounds + 1):
            (root / "d0/f0").write_text(f"changed {number}\n")
            time.sleep(0.2)  # the time stamps of a file written this instant are not trusted
            began = time.time()
            done = subprocess.run(
                [PROGRAM, "build", "--progress", "rawjson", str(root)], env={**os.environ, **host}, capture_output=True
            )
            there.append((loaded(done.stderr) - began) * 1000)
            (root / "d0/f0").write_text(f"changed again {number}\n")
            time.sleep(0.2)
            part = [str(PROGRAM), "build", "-q", "-f", str(root / "Part"), str(root)]
            whole.append(timed(lambda part=part: run(part, env=host) and None, 1))  # type: ignore[misc]
        found = {"until it is there": statistics.median(there[1:]), "whole, copy cached": statistics.median(whole[1:])}
        show(f"context of {FILES:,} files, one changed", "at most 300 ms until the step that copies it", found)


def loaded(lines: bytes) -> float:
    """Return when the context was there, in seconds since 1970."""
    for line in lines.splitlines():
        for vertex in json.loads(line).get("vertexes") or ():
            if vertex["name"] == "[internal] load build context" and vertex.get("completed"):
                return datetime.fromisoformat(vertex["completed"][:26].rstrip("Z") + "+00:00").timestamp()
    raise RuntimeError(f"the context never came: {lines[-500:]!r}")


def apt(engines: list[Engine], rounds: int, *, with_mounts: bool) -> None:
    """A real image: Python by apt, an application by pip, two stages. Then only its requirements change, and pip works
    anew: once without and once with what a cache mount has kept."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        root = Path(folder, "context")
        root.mkdir()
        (root / "app.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
        (root / "authorities.crt").write_bytes(authorities())
        base = Path(folder, "debian.tar")
        base.write_bytes(debian_rootfs())
        for engine in engines:
            if engine.name in ("boxship", "dockerd, classic"):  # the others of the same daemon have it, too
                engine.load(base, "debian:bench")
        chosen = [e for e in engines if e.name in ("boxship, own CLI", "dockerd, BuildKit")]
        (root / "requirements.txt").write_text(WANTED)
        plain = {e.name: timed(lambda e=e: e.build(text(""), root, True), rounds) for e in chosen}  # type: ignore[misc]
        show("Debian, Python by apt, an application by pip, two stages; no cache", "no slower than BuildKit", plain)
        if with_mounts:
            cold = {e.name: timed(lambda e=e: changed(e, root, ""), rounds) for e in chosen}  # type: ignore[misc]
            show("the same once its requirements have changed", "to compare with", cold)
            for engine in chosen:
                changed(engine, root, MOUNT)
            warm = {e.name: timed(lambda e=e: changed(e, root, MOUNT), rounds) for e in chosen}  # type: ignore[misc]
            show("the same with a warm cache mount", "at least 5 times faster than without", warm)
            for name, value in warm.items():
                print(f"  {name:20} {cold[name] / value:10.1f} times faster than without")


def changed(engine: Engine, root: Path, mount: str) -> None:
    (root / "requirements.txt").write_text(f"{WANTED}# {time.time_ns()}\n")
    engine.build(text(mount), root, False)


def text(mount: str) -> str:
    return APT.replace("{mount}", mount)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docker-bin", default=os.environ.get("DOCKER_BIN", ""))
    parser.add_argument("--only", default="steps,cached,stages,context,apt,mounts")
    asked = parser.parse_args()
    only = set(asked.only.split(","))
    if "context" in only:
        context(asked.rounds)
    with contextlib.ExitStack() as stack:
        engines = [e for peer in (boxship(), dockerd(asked.docker_bin), buildah()) for e in stack.enter_context(peer)]
        with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".tar") as rootfs:
            rootfs.write(busybox_rootfs())
            rootfs.flush()
            for engine in engines:
                engine.load(Path(rootfs.name), BASE)
        for name, case in (("steps", steps), ("cached", cached), ("stages", stages)):
            if name in only:
                case(engines, asked.rounds)
        if only & {"apt", "mounts"}:
            apt(engines, min(asked.rounds, 3), with_mounts="mounts" in only)


if __name__ == "__main__":
    main()
