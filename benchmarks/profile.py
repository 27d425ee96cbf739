"""Where the milliseconds of a container go: a daemon in this process, with a stopwatch on each step.

    python -m benchmarks.profile [ROUNDS]      as root; 50 rounds of create, start, wait, remove

Times are wall clock of one step, what it waits for included; steps overlap and contain each other: the first four
are whole requests as the client sees them. The stopwatches themselves cost some microseconds each.
"""

import functools
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.client import Client
from boxship.app import engined
from boxship.engine.actions import Hands
from boxship.engine.containers.create import Creation
from boxship.engine.launchpad import Launchpad
from boxship.engine.networks import Networks
from boxship.engine.record import Records
from boxship.host.conmon.runtime import ConmonRuntime

TIMES: dict[str, list[float]] = defaultdict(list)
STEPS: tuple[tuple[type, str, str], ...] = (
    (Creation, "create", "  check, merge, store"),
    (Launchpad, "prepare", "  gather and write the bundle"),
    (Networks, "attach", "  addresses, ports, namespace"),
    (ConmonRuntime, "create", "  conmon and crun create"),
    (ConmonRuntime, "start", "  open the gate"),
    (ConmonRuntime, "delete", "  runtime state and cgroups away"),
    (Networks, "detach", "  addresses and namespace back"),
    (Records, "save", "  one write to the store"),
)


def watch(owner: type, method: str, name: str) -> None:
    """Put a stopwatch on an async method."""
    plain: Callable[..., Awaitable[Any]] = getattr(owner, method)

    @functools.wraps(plain)
    async def timed(*args: Any, **named: Any) -> Any:
        begin = time.perf_counter()
        try:
            return await plain(*args, **named)
        finally:
            TIMES[name].append((time.perf_counter() - begin) * 1000)

    setattr(owner, method, timed)


def watch_actions() -> None:
    plain = Hands.act

    async def timed(self: Hands, container_id: str, action: Any) -> None:
        begin = time.perf_counter()
        await plain(self, container_id, action)
        TIMES[f"  action {type(action).__name__.lower()}"].append((time.perf_counter() - begin) * 1000)

    Hands.act = timed  # type: ignore[method-assign]


def drive(path: str, rounds: int) -> None:
    """Be the client; end the daemon when done."""
    try:
        client = Client("boxship", path)
        client.await_answer()
        client.give_image()
        for number in range(rounds + 5):
            if number == 5:  # warm by now
                TIMES.clear()
            container = timed("create", client.create, ["true"])
            timed("start", client.start, container)
            timed("wait", client.wait, container)
            timed("remove", client.remove, container)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def timed(name: str, call: Callable[..., Any], *args: Any) -> Any:
    begin = time.perf_counter()
    try:
        return call(*args)
    finally:
        TIMES[name].append((time.perf_counter() - begin) * 1000)


def main(words: list[str]) -> None:
    rounds = int(words[0]) if words else 50
    root = tempfile.mkdtemp(prefix="boxship-profile-", dir="/dev/shm")
    flags = ["-H", f"unix://{root}/s", "--data-root", f"{root}/data", "--exec-root", f"{root}/exec"]
    flags += ["--pidfile", f"{root}/pid", "--bridge", "bxprofile0", "--group", "", "--log-level", "error"]
    for owner, method, name in STEPS:
        watch(owner, method, name)
    watch_actions()
    threading.Thread(target=drive, args=(f"{root}/s", rounds), daemon=True).start()
    try:
        engined.main(flags)
    finally:
        engined.main([*flags, "--purge"])
        shutil.rmtree(root, ignore_errors=True)
    report(rounds)


def report(rounds: int) -> None:
    print(f"{'step':34s} {'calls':>6s} {'median ms':>10s} {'p90':>8s} {'ms a round':>11s}")
    order = ["create", "start", "wait", "remove", *(n for n in TIMES if n.startswith("  "))]
    for name in order:
        times = sorted(TIMES[name])
        p90 = times[int(len(times) * 0.9)]
        print(f"{name:34s} {len(times):6d} {statistics.median(times):10.2f} {p90:8.2f} {sum(times) / rounds:11.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
