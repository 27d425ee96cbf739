"""Time whole commands as a user types them: our command line on our daemon beside the stock one on dockerd.

    python -m benchmarks.cli [--rounds 15] [--dockerd /usr/sbin/dockerd] [--docker docker] [--firewall]

Starts daemons of its own and ends them. Round by round in turn, so that the drift of a shared machine hits all alike.
Printed: medians and the least in milliseconds of wall clock, the median of the client's own processor time, and each
median's ratio to ours. Without --dockerd the
stock command line is timed on our daemon only. --firewall lets dockerd set the host's firewall, as it does by default;
without it dockerd has less to do.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.daemons import PROGRAM, Daemon
from tests.dockerd import Dockerd
from tests.images import busybox_rootfs

IMAGE = "bench:latest"
CASES = {
    "version": ["version"],
    "run": ["run", "--rm", IMAGE, "true"],
    "ps": ["ps"],
    "help": ["run", "--help"],
}
BUDGETS = {"version": 80.0, "run": 150.0}  # milliseconds, on a quiet machine


class Pair(NamedTuple):
    """A command line and the daemon it speaks to."""

    name: str
    program: str
    host: str


class Spent(NamedTuple):
    """Milliseconds of one command: of wall clock, and of processor time of the client alone."""

    wall: float
    cpu: float


def timed(pair: Pair, words: list[str]) -> Spent:
    """Return what one command takes. Raises RuntimeError when it fails."""
    environment = {**os.environ, "DOCKER_HOST": pair.host}
    begun, before = time.perf_counter(), _cpu()
    done = subprocess.run([pair.program, *words], env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    passed = (time.perf_counter() - begun) * 1000
    if done.returncode:
        raise RuntimeError(f"{pair.name} {' '.join(words)}: {done.stderr.decode(errors='replace')}")
    return Spent(passed, _cpu() - before)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # daemons are children, too, but do not end meanwhile
    return (used.ru_utime + used.ru_stime) * 1000


def compare(pairs: list[Pair], rounds: int) -> None:
    """Print a table: a line for each case, a column for each pair."""
    print(f"{'':10}" + "".join(f"{pair.name:>44}" for pair in pairs))
    for title, words in CASES.items():
        spent: dict[str, list[Spent]] = {pair.name: [] for pair in pairs}
        for _ in range(rounds):
            for pair in pairs:
                spent[pair.name].append(timed(pair, words))
        first = statistics.median(one.wall for one in spent[pairs[0].name])
        cells = [_cell(times, first) for times in spent.values()]
        budget = f"   budget {BUDGETS[title]:.0f} ms" if title in BUDGETS else ""
        print(f"{title:10}" + "".join(f"{cell:>44}" for cell in cells) + budget, flush=True)


def _cell(times: list[Spent], first: float) -> str:
    median = statistics.median(one.wall for one in times)
    least, cpu = min(one.wall for one in times), statistics.median(one.cpu for one in times)
    return f"{median:.1f} (least {least:.1f}, cpu {cpu:.1f}, ratio {median / first:.2f})"


def _import(host: str, docker: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        archive.write(busybox_rootfs())
        archive.flush()
        words = [docker, "-H", host, "import", "--change", "ENV PATH=/bin", archive.name, IMAGE]
        subprocess.run(words, check=True, capture_output=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Time whole commands, ours and the stock ones.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dockerd", help="program of the dockerd to compare with")
    parser.add_argument("--docker", default="docker", help="program of the stock command line")
    parser.add_argument("--firewall", action="store_true", help="let dockerd set the host's firewall")
    given = parser.parse_args()
    daemon = Daemon()
    dockerd = None
    try:
        daemon.start()
        pairs = [Pair("boxship", str(PROGRAM), daemon.host), Pair("docker on boxship", given.docker, daemon.host)]
        if given.dockerd:
            dockerd = Dockerd(Path(shutil.which(given.dockerd) or given.dockerd), firewall=given.firewall)
            pairs += [Pair("docker on dockerd", given.docker, dockerd.host)]
            pairs += [Pair("boxship on dockerd", str(PROGRAM), dockerd.host)]
        for host in {pair.host for pair in pairs}:
            _import(host, given.docker)
        compare(pairs, given.rounds)
    finally:
        if dockerd is not None:
            dockerd.close()
        daemon.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
