"""Time container engines side by side through the Docker Engine API.

    python -m benchmarks.engine NAME=SOCKET [NAME=SOCKET …] [--rounds 7] [--only run,exec]

Round by round in turn (A B A B …), so that the drift of a shared machine hits all alike. Printed: medians in
milliseconds and each one's ratio to the first. Every daemon is given a small image of its own at the start.
"""

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable

from benchmarks.client import Client, free_port

Case = Callable[[Client], None]


def run(client: Client) -> None:
    """create, start, wait, remove; default network"""
    client.remove(_ended(client, client.create(["true"])))


def run_alone(client: Client) -> None:
    """the same without a network"""
    client.remove(_ended(client, client.create(["true"], NetworkMode="none")))


def _ended(client: Client, container: str) -> str:
    client.start(container)
    if client.wait(container) != 0:
        raise RuntimeError("the container failed")
    return container


def execute(client: Client) -> None:
    """exec in a running container: create, start attached, inspect"""
    sleeper = client.kept["sleeper"]
    made = client.call("POST", f"/containers/{sleeper}/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
    client.call("POST", f"/exec/{made}/start", {"Detach": False, "Tty": False}, raw=True)
    while client.call("GET", f"/exec/{made}/json")["Running"]:
        time.sleep(0.001)


def publish(client: Client) -> None:
    """create with a published port until it answers"""
    port = free_port()
    serve = "mkdir -p /w; echo hello > /w/index.html; exec httpd -f -p 80 -h /w"
    container = client.create(["sh", "-c", serve], PortBindings={"80/tcp": [{"HostPort": str(port)}]})
    client.start(container)
    client.fetch(port, b"hello\n")
    client.leftovers.append(container)


def burst(client: Client) -> None:
    """20 containers created and started by 8 clients"""
    numbers, lock = list(range(20)), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not numbers:
                    return
                numbers.pop()
            container = client.create(["sleep", "3600"])
            client.start(container)
            client.leftovers.append(container)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start(client: Client) -> None:
    """start alone"""
    client.start(client.kept["created"])


def remove_running(client: Client) -> None:
    """remove by force, while it runs"""
    client.remove(client.kept.pop("victim"))


def listing(client: Client) -> None:
    """list of 50 containers"""
    client.call("GET", "/containers/json?all=1")


CASES: dict[str, Case] = {
    "run": run, "run_alone": run_alone, "start": start, "rm": remove_running, "exec": execute,
    "publish": publish, "burst20": burst, "list50": listing,
}  # fmt: skip


def prepare(client: Client, case: str) -> None:
    """Bring about what a case needs and is not to be timed."""
    if case == "exec":
        client.kept["sleeper"] = client.sleeper()
    elif case == "start":
        client.kept["created"] = client.create(["sleep", "3600"])
    elif case == "rm":
        client.kept["victim"] = client.sleeper()
    elif case == "list50" and "listed" not in client.kept:
        client.kept["listed"] = client.create(["true"])
        client.leftovers += [client.create(["true"]) for _ in range(49)]
        client.leftovers.append(client.kept["listed"])


def tidy(client: Client, case: str) -> None:
    if case != "list50":
        client.leftovers += [client.kept.pop(name) for name in list(client.kept)]
        client.clear()


def measure(client: Client, case: str) -> float:
    prepare(client, case)
    begin = time.perf_counter()
    CASES[case](client)
    taken = (time.perf_counter() - begin) * 1000
    tidy(client, case)
    return taken


def table(case: str, clients: list[Client], rounds: int) -> str:
    times: dict[str, list[float]] = {client.name: [] for client in clients}
    for number in range(rounds + 1):  # the first round warms up
        for client in clients:
            taken = measure(client, case)
            if number:
                times[client.name].append(taken)
    for client in clients:
        client.kept.clear()
        client.clear()
    first = statistics.median(times[clients[0].name])
    cells = [f"{statistics.median(t):10.1f} {statistics.median(t) / first:6.2f}" for t in times.values()]
    return f"{case:12s}" + "".join(cells)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("daemons", nargs="+", metavar="NAME=SOCKET")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(CASES))
    options = parser.parse_args(words)
    clients = [Client(*daemon.split("=", 1)) for daemon in options.daemons]
    print(f"{'median ms':12s}" + "".join(f"{client.name:>10s}      x" for client in clients))
    for client in clients:
        client.give_image()
    for case in options.only.split(","):
        print(table(case, clients, options.rounds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
