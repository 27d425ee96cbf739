"""Builds timed beside dockerd (classic and BuildKit) and buildah, in one run: the budgets, and whether they are kept.

    python -m benchmarks.build [--rounds N] [--docker-bin DIR] [--only steps,cached,stages,context,copy,apt,mounts]

Every engine gets a data root of its own in memory and is stopped again; rounds in turn (A B A B …), medians.
`--docker-bin` is where dockerd, containerd and the docker CLI are looked for first; peers that are not installed are
left out. CPU is that of the daemon and its client, without what runs in steps: on a busy machine it says more than the
time. `apt` and `mounts` make a Debian base with mmdebstrap from the machine's own apt sources and install from them:
they take minutes and need the network. `python -m benchmarks.buildkit` times the stock buildx, too.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import spent
from benchmarks.builders import Engine, boxship, buildah, dockerd
from tests.daemons import PROGRAM
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
DOORS = ("boxship, own CLI", "boxship", "dockerd, BuildKit")  # what is timed where the others take too long


class Took(NamedTuple):
    """Medians in milliseconds."""

    time: float
    cpu: float


class Budget(NamedTuple):
    """text: as people read it.  most: milliseconds of ours.  than: whom ours is compared with, by the start of its
    name; "" for all.  times: how much faster than that one it has to be."""

    text: str
    most: float = 0.0
    than: str = ""
    times: float = 0.0


Found = dict[str, Took]
Work = Callable[[Engine], None]


def in_turn(engines: Sequence[Engine], work: Work, rounds: int, before: Callable[[], None] = lambda: None) -> Found:
    """Have every engine do the work `rounds` times. before: what is done each time and not timed."""
    seen: dict[str, list[Took]] = {engine.name: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            before()
            seen[engine.name].append(once(engine, partial(work, engine)))
    return {n: Took(*(statistics.median(each) for each in zip(*took, strict=True))) for n, took in seen.items()}


def once(engine: Engine, work: Callable[[], object]) -> Took:
    began, cpu = time.perf_counter(), engine.cpu() + clients()
    work()
    return Took((time.perf_counter() - began) * 1000, engine.cpu() + clients() - cpu)


def clients() -> float:
    """Return the CPU time of all clients so far, in ms: of this process and of those that it has waited for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(seen.ru_utime + seen.ru_stime for seen in map(resource.getrusage, kinds)) * 1000


def show(case: str, budget: Budget, found: Found) -> None:
    first = next(iter(found.values()))
    print(f"\n{case}  (budget: {budget.text}; {'kept' if kept(budget, found) else 'NOT KEPT'})")
    for name, took in found.items():
        ratio = "" if took is first else f"   {took.time / first.time:6.2f} times the first"
        print(f"  {name:20} {took.time:10.1f} ms  CPU {took.cpu:9.1f} ms{ratio}")
    sys.stdout.flush()


def kept(budget: Budget, found: Found) -> bool:
    first, *others = found.items()
    if budget.most and first[1].time > budget.most:
        return False
    than = [took for name, took in others if budget.times and name.startswith(budget.than)]
    return all(took.time >= first[1].time * budget.times for took in than)


def steps(engines: list[Engine], rounds: int) -> None:
    found = in_turn(engines, lambda e: e.build(STEPS, None, True), rounds)
    show("six cheap steps, no cache", Budget("at most 250 ms", most=250), found)


def cached(engines: list[Engine], rounds: int) -> None:
    for engine in engines:
        engine.build(STEPS, None, False)
    found = in_turn(engines, lambda e: e.build(STEPS, None, False), rounds)
    show("six cheap steps, all cached", Budget("at most 10 ms and the context's way", most=10), found)


def stages(engines: list[Engine], rounds: int) -> None:
    found = in_turn(engines, lambda e: e.build(STAGES, None, True), min(rounds, 2))
    show("two independent stages of 3 s each", Budget("below 4,000 ms", most=4000), found)


def many_files(root: Path) -> None:
    for folder in range(200):
        (root / f"d{folder}").mkdir(parents=True)
        for number in range(FILES // 200):
            (root / f"d{folder}/f{number}").write_text(f"{folder} {number}\n" * 8)


@contextlib.contextmanager
def context() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        many_files(Path(folder))
        yield Path(folder)


def change(root: Path) -> None:
    (root / "d0/f0").write_text(f"changed {time.time_ns()}\n")
    time.sleep(0.1)  # the time stamps of a file written this instant are not trusted


def sent(engines: list[Engine], rounds: int) -> None:
    """A copied directory that has not changed: all that there is to do is to find that out."""
    text = f"FROM {BASE}\nCOPY d1 /d1\n"
    with context() as root:
        (root / "Dockerfile").write_text(text)
        own = next(engine for engine in engines if "own CLI" in engine.name)
        for engine in engines:
            engine.build(text, root, False)
        there = [until_there(own, root) for _ in range(rounds + 1)][1:]
        case = f"context of {FILES:,} files, one changed, own CLI: until the step that copies it"
        median = Took(statistics.median(t.time for t in there), statistics.median(t.cpu for t in there))
        show(case, Budget("at most 300 ms", most=300), {own.name: median})
        found = in_turn(engines, lambda e: e.build(text, root, False), rounds, lambda: change(root))
        show("the whole build, whose step is cached; the first is sent all", Budget("none"), found)


def until_there(engine: Engine, root: Path) -> Took:
    """Build once; return what it took until the daemon had the context, and the CPU time of it all."""
    change(root)
    began, cpu = time.time(), engine.cpu() + clients()
    words = [PROGRAM, "build", "--progress", "rawjson", str(root)]
    done = subprocess.run(words, env={**os.environ, **engine.env}, capture_output=True)
    return Took((loaded(done.stderr) - began) * 1000, engine.cpu() + clients() - cpu)


def copy(engines: list[Engine], rounds: int) -> None:
    chosen = [engine for name in DOORS for engine in engines if engine.name == name]
    with context() as root:
        text = f"FROM {BASE}\nCOPY . /context\n"
        for engine in chosen:
            engine.build(text, root, False)
        found = in_turn(chosen, lambda e: e.build(text, root, False), rounds, lambda: change(root))
    budget = Budget("1.2 times faster than BuildKit", than="dockerd, BuildKit", times=1.2)
    show(f"COPY of {FILES:,} files, one changed", budget, found)


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
        chosen = [e for e in engines if e.name in (DOORS[0], DOORS[-1])]
        (root / "requirements.txt").write_text(WANTED)
        plain = in_turn(chosen, lambda e: e.build(text(""), root, True), rounds)
        case = "Debian, Python by apt, an application by pip, two stages; no cache"
        show(case, Budget("no slower than BuildKit", than="dockerd, BuildKit", times=1), plain)
        if with_mounts:
            mounts(chosen, root, rounds)


def mounts(engines: Sequence[Engine], root: Path, rounds: int) -> None:
    """The requirements change: pip builds all of its wheels again, or takes them of a cache mount."""
    cold = in_turn(engines, lambda e: changed(e, root, ""), rounds)
    show("the same once its requirements have changed", Budget("none, to compare with"), cold)
    for engine in engines:
        changed(engine, root, MOUNT)
    warm = in_turn(engines, lambda e: changed(e, root, MOUNT), rounds)
    most = next(iter(cold.values())).time / 5
    show("the same with a warm cache mount", Budget("5 times faster than without", most=most), warm)
    for name, took in warm.items():
        print(f"  {name:20} {cold[name].time / took.time:10.1f} times faster than without")


def changed(engine: Engine, root: Path, mount: str) -> None:
    (root / "requirements.txt").write_text(f"{WANTED}# {time.time_ns()}\n")
    engine.build(text(mount), root, False)


def text(mount: str) -> str:
    return APT.replace("{mount}", mount)


CASES = {"steps": steps, "cached": cached, "stages": stages, "context": sent, "copy": copy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--docker-bin", default=os.environ.get("DOCKER_BIN", ""))
    parser.add_argument("--only", default="steps,cached,stages,context,copy,apt,mounts")
    asked = parser.parse_args()
    only = set(asked.only.split(","))
    with contextlib.ExitStack() as stack:
        stack.callback(spent.forget)
        engines = [e for peer in (boxship(), dockerd(asked.docker_bin), buildah()) for e in stack.enter_context(peer)]
        with tempfile.NamedTemporaryFile(dir="/dev/shm", suffix=".tar") as rootfs:
            rootfs.write(busybox_rootfs())
            rootfs.flush()
            for engine in engines:
                engine.load(Path(rootfs.name), BASE)
        for name, case in CASES.items():
            if name in only:
                case(engines, asked.rounds)
        if only & {"apt", "mounts"}:
            apt(engines, min(asked.rounds, 3), with_mounts="mounts" in only)


if __name__ == "__main__":
    main()
