"""Measure builds by BuildKit's API: the stock buildx against several daemons, side by side.

    python -m benchmarks.buildkit [NAME=SOCKET …] [--dockerd dockerd] [--rounds 5] [--files 20000]

Without daemons it starts a Boxship and the dockerd in PATH (20.10 has BuildKit within), and ends them. buildx is found
as by the tests: BOXSHIP_STOCK_BUILDX, beside BOXSHIP_STOCK_COMPOSE, installed, or fetched. Rounds in turn (A B A B …).
Printed: medians in ms, each one's ratio to the first, and the goal of the first. The context is a directory of many
files; before each build one of them changes. What it takes until the step that copies it is the time from the client's
start until the daemon tells that this step has begun and that the context is there, whichever is later; the transfer
alone is what it tells of the context's step.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path

from benchmarks import daemons, spent
from benchmarks.client import IMAGE, Client
from tests.e2e.buildx import program

GOALS = {"until the step that copies it": 300}
_numbers = count()


class Context:
    """A directory of many files, 100 in each directory."""

    def __init__(self, root: Path, files: int) -> None:
        self.root = root
        for number in range(files):
            place = root / f"d{number // 100}"
            place.mkdir(exist_ok=True)
            (place / f"f{number}").write_text(f"{number}\n" * 20)
        (root / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY . /context\n")

    def change(self) -> None:
        (self.root / "d1" / "f101").write_text(f"changed {next(_numbers)} {time.time_ns()}\n")


def _seconds(stamp: str) -> float:
    """Return an RFC 3339 time, of which Python reads microseconds only, in seconds since 1970."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def build(plugin: str, path: str, context: Context) -> dict[str, float]:
    """Build once; return what it took, in ms."""
    environment = {**os.environ, "DOCKER_HOST": f"unix://{path}", "DOCKER_CONFIG": str(context.root.parent / "config")}
    began, clock = time.time(), time.perf_counter()
    done = subprocess.run(
        [plugin, "build", "--progress", "rawjson", "--output", "type=cacheonly", "."],
        cwd=context.root, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    took = time.perf_counter() - clock
    if done.returncode:
        raise RuntimeError(f"{path}: {done.stderr[-2000:]}")
    steps = _steps(done.stderr)
    copy = next(step for name, step in steps.items() if "COPY" in name)
    load = next(step for name, step in steps.items() if "load build context" in name)
    return {
        "until the step that copies it": (max(_seconds(copy["started"]), _seconds(load["completed"])) - began) * 1000,
        "the context's transfer alone": (_seconds(load["completed"]) - _seconds(load["started"])) * 1000,
        "the whole build": took * 1000,
    }


def _client() -> float:
    """Return the CPU time of all clients so far, in ms."""
    seen = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (seen.ru_utime + seen.ru_stime) * 1000


def _steps(told: str) -> dict[str, dict[str, str]]:
    """Return what was told last of each step, by its name."""
    decoder, at, steps = json.JSONDecoder(), 0, {}
    while (at := told.find("{", at)) >= 0:
        value, at = decoder.raw_decode(told, at)
        for vertex in value.get("vertexes") or ():
            steps[vertex["name"]] = steps.get(vertex["name"], {}) | vertex
    return steps


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("daemons", nargs="*", metavar="NAME=SOCKET")
    parser.add_argument("--dockerd", default="dockerd", help="program to start where no daemons are named")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=20_000)
    asked = parser.parse_args(words)
    home = Path(tempfile.mkdtemp(prefix="bench-buildkit-", dir=daemons.TMPFS))
    used: dict[str, Callable[[], float]] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        plugin = program()
        named = [word.partition("=")[::2] for word in asked.daemons]
        if not named:
            stack.callback(spent.forget)
            with spent.counted("boxship") as used["boxship"]:
                named = [("boxship", stack.enter_context(daemons.boxship()))]
            with spent.counted("dockerd") as used["dockerd"]:
                named += [("dockerd", stack.enter_context(daemons.dockerd(asked.dockerd)))]
        (home / "context").mkdir()
        context = Context(home / "context", asked.files)
        for name, path in named:
            client = Client(name, path)
            client.await_answer()
            client.give_image()
            build(plugin, path, context)  # everything is sent once
        found: dict[str, list[dict[str, float]]] = {name: [] for name, _ in named}
        for _ in range(asked.rounds):
            for name, path in named:
                context.change()
                before, client = used[name]() if name in used else 0.0, _client()
                took = build(plugin, path, context)
                took["CPU of the client"] = _client() - client
                if name in used:
                    took["CPU of the daemon"] = used[name]() - before
                found[name].append(took)
        _print(found)


def _print(found: dict[str, list[dict[str, float]]]) -> None:
    first = next(iter(found.values()))
    for case in first[0]:
        medians = {name: statistics.median(round[case] for round in rounds) for name, rounds in found.items()}
        base = next(iter(medians.values()))
        shown = "  ".join(f"{name} {value:.0f} ({value / base:.2f})" for name, value in medians.items())
        print(f"{case:<32} {shown:<44} {GOALS.get(case, '')}".rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
