"""Time what the pytest fixtures give a test, made and taken away, on a daemon of its own and on others.

    python -m benchmarks.fixtures [NAME=HOST …] [--rounds 15]

HOST: unix:///run/docker.sock or tcp://…; each daemon gets a small image. Printed: medians in milliseconds of making
(what the test waits for) and of taking away, and the ratio of the sums to Boxship's.
"""

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from boxship.front.python.portal import Portal
from tests.daemons import Daemon
from tests.images import busybox_rootfs

IMAGE = "boxship/fixtures:1"
SLEEP = ["sleep", "1000"]
COMPOSE = f"services:\n  app:\n    image: {IMAGE}\n    command: sleep 1000\n"


class Bench:
    """One daemon and the things that fixtures would make there; each returns what takes it away again."""

    def __init__(self, name: str, host: str) -> None:
        self.name, self.portal = name, Portal(host)
        self.portal.run(self.portal.engine.images.import_(busybox_rootfs(), IMAGE, changes=["ENV PATH=/bin"]))
        self._folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self._file = Path(self._folder.name, "compose.yaml")
        self._file.write_text(COMPOSE)

    def container(self) -> Callable[[], None]:
        return self.portal.container(IMAGE, SLEEP).remove

    def network(self) -> Callable[[], None]:
        return self.portal.network(f"bench-{uuid.uuid4().hex[:8]}", {}).remove

    def compose(self) -> Callable[[], None]:
        project = self.portal.project(self._file, f"bench-{uuid.uuid4().hex[:8]}")
        project.up()
        return project.down

    def close(self) -> None:
        self.portal.run(self.portal.engine.images.remove(IMAGE))
        self.portal.close()
        self._folder.cleanup()


def measure(make: Callable[[], Callable[[], None]]) -> tuple[float, float]:
    begin = time.perf_counter()
    undo = make()
    made = time.perf_counter()
    undo()
    return (made - begin) * 1000, (time.perf_counter() - made) * 1000


def table(benches: list[Bench], rounds: int) -> None:
    print(f"{'median ms':12s}" + "".join(f"{bench.name:>10s}: make  undo      x" for bench in benches))
    for case in ("container", "network", "compose"):
        times: dict[str, list[tuple[float, float]]] = {bench.name: [] for bench in benches}
        for number in range(rounds + 1):  # the first round warms up
            for bench in benches:
                taken = measure(getattr(bench, case))
                if number:
                    times[bench.name].append(taken)
        medians = [(statistics.median(m for m, _ in t), statistics.median(u for _, u in t)) for t in times.values()]
        first = sum(medians[0])
        print(f"{case:12s}" + "".join(f"{m:16.1f} {u:5.1f} {(m + u) / first:6.2f}" for m, u in medians))


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("daemons", nargs="*", metavar="NAME=HOST")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(words)
    daemon = Daemon()
    try:
        daemon.start()
        named = [word.partition("=") for word in options.daemons]
        benches = [Bench("boxship", daemon.host), *(Bench(name, host) for name, _, host in named)]
        table(benches, options.rounds)
        for bench in benches:
            bench.close()
    finally:
        daemon.close()


if __name__ == "__main__":
    main(sys.argv[1:])
